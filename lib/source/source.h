/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sources: where payloads come from. A source turns a range of task indices into parts of a CHUNK message.
 */
#ifndef RP_SOURCE_SOURCE_H
#define RP_SOURCE_SOURCE_H

#include "net/link.h"

/* Parts of one message, growing. */
typedef struct rp__parts {
    rp__part *item; /* owned; what the parts own is freed by rp__parts_done unless they were sent */
    int len, cap;
} rp__parts;

bool rp__parts_add(rp__parts *p, rp__part part); /* false: out of memory, part.own stays the caller's */
void rp__parts_sent(rp__parts *p);               /* forgets the parts, keeps the room */
void rp__parts_done(rp__parts *p);

typedef struct rp__source rp__source;
struct rp__source {
    rp__payload_kind payload;
    size_t in_size; /* FIXED: bytes of one payload */
    /* Appends the payload of tasks first .. first+count-1. Lent parts live until those tasks are done. */
    rp_status (*emit)(rp__source *s, int64_t first, int64_t count, rp__parts *out);
};

/* Payloads of different sizes: appends the table of lengths and the bytes (copied when small, else lent). */
rp_status rp__source_emit_sized(rp__parts *out, int64_t count, rp__bytes (*get)(void *ctx, int64_t k),
                                void *ctx);

/* No payload. */
rp__source rp__source_range(void);

/* A caller's array; lent until the batch is done. */
typedef struct rp__source_array {
    rp__source base;
    const uint8_t *data;
} rp__source_array;

rp__source_array rp__source_array_of(const void *data, size_t in_size);

/* Splits a SIZED payload on the worker: payload k of `count`; false when the bytes do not fit together. */
typedef struct rp__sized_reader {
    const uint8_t *table, *at, *end;
    int64_t left;
} rp__sized_reader;

bool rp__sized_open(rp__sized_reader *r, rp__bytes payload, int64_t count);
bool rp__sized_next(rp__sized_reader *r, rp__bytes *out);

#endif
