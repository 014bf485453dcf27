/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The messages between master and workers (docs/architecture.md has the table).
 *
 * Each is a body of bytes with a type; the link adds the length and cuts it into frames. Where payload or
 * results follow, the part before them is RP__WIRE_HEAD bytes, so that data keeps the alignment of the body.
 */
#ifndef RP_WIRE_MESSAGE_H
#define RP_WIRE_MESSAGE_H

#include "wire/codec.h"

#define RP__WIRE_VERSION   1
#define RP__WIRE_HEAD      64
#define RP__WIRE_MAX_BYTES ((uint64_t) 9 << 30) /* of one message; refused above */

#define RP__MSG_TABLE(X)                                                                                     \
    X(NONE)                                                                                                  \
    X(HELLO)     /* worker: who I am */                                                                      \
    X(BATCH)     /* master: a body and its sizes, before the first chunk */                                  \
    X(CHUNK)     /* master: run these tasks */                                                               \
    X(BATCH_END) /* master: forget the batch */                                                              \
    X(CLOSE)     /* master: the pool closes */                                                               \
    X(ANSWER)    /* worker: results and failures */                                                          \
    X(RETURN)    /* worker: tasks given back untouched */                                                    \
    X(REFUSE)    /* worker: cannot find the batch's body */                                                  \
    X(LOG)       /* worker: a log record */                                                                  \
    X(BYE)       /* worker: the last message */

typedef enum rp__msg_type {
#define RP__MSG_ENUM(name) RP__MSG_##name,
    RP__MSG_TABLE(RP__MSG_ENUM)
#undef RP__MSG_ENUM
        RP__MSG_COUNT
} rp__msg_type;

const char *rp__msg_name(rp__msg_type type);

typedef struct rp__msg_hello {
    char host[64];
    int64_t pid;
} rp__msg_hello;

/* How a function is found on another rank. */
typedef enum rp__ref_how {
    RP__REF_NONE = 0,
    RP__REF_NAME,     /* registered under `name` */
    RP__REF_BUILD_ID, /* object with this build id, at this offset */
    RP__REF_CONTENT,  /* object whose file has this XXH3-128, at this offset */
    RP__REF_COUNT
} rp__ref_how;

typedef struct rp__func_ref {
    rp__ref_how how;
    uint8_t id[32];
    uint8_t id_len;
    uint64_t offset;
    char name[64]; /* the registered name, or the object's file name for messages */
} rp__func_ref;

typedef enum rp__body_kind {
    RP__BODY_NONE = 0,
    RP__BODY_FUNCTION,
    RP__BODY_COMMAND,
    RP__BODY_COUNT
} rp__body_kind;

typedef enum rp__payload_kind {
    RP__PAYLOAD_NONE = 0, /* index ranges */
    RP__PAYLOAD_FIXED,    /* in_size bytes each, one behind the other */
    RP__PAYLOAD_SIZED,    /* count u64 lengths, then the bytes, each padded to 16 */
    RP__PAYLOAD_COUNT
} rp__payload_kind;

typedef struct rp__msg_batch {
    uint32_t batch;
    rp__body_kind body;
    rp__payload_kind payload;
    bool has_fixed_result; /* every result has out_size bytes; else each has its own size */
    uint64_t in_size, out_size;
    int64_t base; /* number of task 0, for index ranges */
    rp__func_ref ref;
    rp__bytes shared; /* lent */
} rp__msg_batch;

typedef struct rp__msg_chunk {
    uint32_t batch;
    uint64_t lease;
    int64_t first, count;
    int attempt;
    rp__bytes payload; /* lent */
} rp__msg_chunk;

typedef enum rp__answer_form {
    RP__ANSWER_NONE = 0,
    RP__ANSWER_COMPACT, /* all succeeded: count results of out_size bytes */
    RP__ANSWER_RECORDS, /* count records: i32 status, i32 task code, blob (result, or text of the failure) */
    RP__ANSWER_COUNT
} rp__answer_form;

typedef struct rp__msg_answer {
    uint32_t batch;
    uint64_t lease;
    int64_t first, count;
    int64_t busy_ns; /* spent on these tasks */
    double started;  /* of the first of them, seconds since 1970 */
    rp__answer_form form;
    rp__bytes data; /* lent */
} rp__msg_answer;

typedef struct rp__msg_return {
    uint32_t batch;
    uint64_t lease;
    int64_t first, count;
} rp__msg_return;

typedef struct rp__msg_refuse {
    uint32_t batch;
    char text[400];
} rp__msg_refuse;

typedef struct rp__msg_log {
    int level;
    int64_t task; /* -1: none */
    char text[1024];
} rp__msg_log;

/* Encoders append; payload and results are not copied but follow as parts of their own. */
void rp__wire_put_hello(rp__buf *b, const rp__msg_hello *m);
void rp__wire_put_batch(rp__buf *b, const rp__msg_batch *m); /* shared included */
void rp__wire_put_chunk(rp__buf *b, const rp__msg_chunk *m);
void rp__wire_put_answer(rp__buf *b, const rp__msg_answer *m);
void rp__wire_put_return(rp__buf *b, const rp__msg_return *m);
void rp__wire_put_refuse(rp__buf *b, const rp__msg_refuse *m);
void rp__wire_put_log(rp__buf *b, const rp__msg_log *m);
void rp__wire_put_u32(rp__buf *b, uint32_t v); /* BATCH_END: batch; CLOSE: 1 after losses */

/* Decoders: false when the bytes are not such a message; out is then undefined. */
bool rp__wire_get_hello(rp__bytes body, rp__msg_hello *out);
bool rp__wire_get_batch(rp__bytes body, rp__msg_batch *out);
bool rp__wire_get_chunk(rp__bytes body, rp__msg_chunk *out);
bool rp__wire_get_answer(rp__bytes body, rp__msg_answer *out);
bool rp__wire_get_return(rp__bytes body, rp__msg_return *out);
bool rp__wire_get_refuse(rp__bytes body, rp__msg_refuse *out);
bool rp__wire_get_log(rp__bytes body, rp__msg_log *out);
bool rp__wire_get_u32(rp__bytes body, uint32_t *out);

/* One record of an ANSWER in records. */
typedef struct rp__record {
    rp_status status;  /* RP_OK or RP_ETASK */
    int32_t task_code; /* RP_ETASK */
    rp__bytes data;    /* lent: the result, or the text of the failure */
} rp__record;

void rp__wire_put_record(rp__buf *b, const rp__record *r);
bool rp__wire_get_record(rp__reader *r, rp__record *out);

#endif
