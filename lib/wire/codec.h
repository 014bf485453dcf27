/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes on the wire: explicit little-endian, read with bounds checks. Knows bytes, not MPI.
 */
#ifndef RP_WIRE_CODEC_H
#define RP_WIRE_CODEC_H

#include "base/base.h"

#include <string.h>

static inline void rp__put_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t) (v >> 8 * i);
}

static inline void rp__put_u64(uint8_t *p, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t) (v >> 8 * i);
}

static inline uint32_t rp__get_u32(const uint8_t *p)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++)
        v |= (uint32_t) p[i] << 8 * i;
    return v;
}

static inline uint64_t rp__get_u64(const uint8_t *p)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v |= (uint64_t) p[i] << 8 * i;
    return v;
}

/* Appending to a buffer; a buffer out of memory is marked failed. */
void rp__write_u8(rp__buf *b, uint8_t v);
void rp__write_u32(rp__buf *b, uint32_t v);
void rp__write_u64(rp__buf *b, uint64_t v);
void rp__write_f64(rp__buf *b, double v);
void rp__write_blob(rp__buf *b, const void *data, size_t len); /* u64 length, then the bytes */
void rp__write_pad(rp__buf *b, size_t to);                     /* zeros until the buffer is `to` bytes long */

/* Reading: past the end everything is zero and is_bad is set, to be asked once at the end. */
typedef struct rp__reader {
    const uint8_t *at, *end;
    bool is_bad;
} rp__reader;

rp__reader rp__reader_of(rp__bytes b);
uint8_t rp__read_u8(rp__reader *r);
uint32_t rp__read_u32(rp__reader *r);
uint64_t rp__read_u64(rp__reader *r);
double rp__read_f64(rp__reader *r);
rp__bytes rp__read_blob(rp__reader *r);                   /* lent from the input */
void rp__read_text(rp__reader *r, char *out, size_t cap); /* a blob as text, cut to cap - 1 bytes */

#endif
