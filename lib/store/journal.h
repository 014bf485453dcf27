/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The journal beside a run file: the truth about what has happened since the file was last written.
 *
 * A header, then records. Each record carries its length and an XXH3-64 over its head and body, seeded with
 * the run's identity and the record's own place, so that bytes of another journal inside an output can never
 * be taken for a record. The file belongs to one generation of one run file; when a rewrite of the run file
 * has taken the records in, the generation there is higher and the journal is known to be stale.
 *
 * The writer holds an open-file-description lock for as long as it lives: that is the guard against a second
 * master. Numbers are in the machine's own byte order; the magic tells when it is another machine's.
 */
#ifndef RP_STORE_JOURNAL_H
#define RP_STORE_JOURNAL_H

#include "store/store.h"

#include <sys/uio.h>

typedef enum rp__record_type {
    RP__RECORD_COMMAND = 1, /* body: rp__rec_command, out bytes, err bytes */
    RP__RECORD_RANGE,       /* body: rp__rec_range */
    RP__RECORD_FAILED,      /* body: rp__rec_failed, text */
    RP__RECORD_SETTLED,     /* body: rp__rec_settled, text */
    RP__RECORD_EVENT        /* body: rp__rec_event, kind, text */
} rp__record_type;

typedef struct rp__rec_command {
    int64_t index;
    int32_t exit_status, signal, worker, attempt;
    double started, elapsed, user_s, system_s;
    int64_t peak_rss_bytes;
    uint64_t out_len, err_len;
} rp__rec_command;

typedef struct rp__rec_range {
    int64_t first, count;
    int32_t worker, attempt;
    double started, elapsed;
    uint64_t results_hash; /* tells after a power loss whether the results had reached the disk, too */
} rp__rec_range;

typedef struct rp__rec_failed {
    int64_t index;
    int32_t code, worker, attempt, zero;
    double started, elapsed;
    uint64_t text_len;
} rp__rec_failed;

typedef struct rp__rec_settled {
    int64_t first, count;
    int32_t state, zero;
    uint64_t text_len;
} rp__rec_settled;

typedef struct rp__rec_event {
    int32_t rank, zero;
    uint64_t kind_len, text_len;
} rp__rec_event;

typedef struct rp__record {
    rp__record_type type;
    int64_t at;   /* where the record begins */
    int64_t tail; /* where the bytes behind the fixed part begin */
    uint64_t len; /* of those */
    double time;  /* s since 1970 */
    union {
        rp__rec_command command;
        rp__rec_range range;
        rp__rec_failed failed;
        rp__rec_settled settled;
        rp__rec_event event;
    } u;
} rp__record;

/* Who writes and what for. */
typedef struct rp__journal_head {
    char run_id[33];
    int64_t generation;
    char host[64];
    int64_t pid;
} rp__journal_head;
#define RP__JOURNAL_HEAD_BYTES 256

/* RP_OK; RP_EMPTY: shorter than a header, as a crash at creation leaves it; RP_ESTORE: not a journal or
 * damaged. */
rp_status rp__journal_read_head(int fd, const char *path, rp__journal_head *out, rp_error *err);

/* ---- writing ---- */

typedef struct rp__journal {
    char *path;   /* owned */
    int fd;       /* -1: not open */
    bool created; /* by us: goes away again when the run file cannot be made */
    int64_t end;  /* where the next record goes */
    uint64_t seed;
} rp__journal;

/*
 * Opens or makes the journal and locks it. RP_OK: ours; out->created tells whether it was new, otherwise its
 * contents are as found. RP_EEXIST: a living master holds it (who, in err), or must_be_new and it was there.
 * RP_ESTORE: cannot be made.
 */
rp_status rp__journal_acquire(rp__journal *out, const char *run_path, bool must_be_new, rp_error *err);
/* Empties it for a run and generation. */
rp_status rp__journal_reset(rp__journal *j, const char *run_id, int64_t generation, rp_error *err);
/* Appends one record; on failure the file is cut back to what it was. */
rp_status rp__journal_append(rp__journal *j, rp__record_type type, const struct iovec *part, int parts,
                             rp_error *err);
/* Bytes to write; struct iovec has no place for const. */
static inline struct iovec rp__part(const void *data, size_t len)
{
    union {
        const void *in;
        void *out;
    } u = {data};
    return (struct iovec){u.out, len};
}
/* Closes it, and removes it before that if asked. */
void rp__journal_close(rp__journal *j, bool remove);
/* Whether somebody holds the lock of an open journal; head may be NULL. */
bool rp__journal_is_held(int fd, const rp__journal_head *head);
/* RUN.h5 -> RUN.h5.journal, allocated; NULL when out of memory. */
char *rp__journal_path(const char *run_path);

/* ---- reading ---- */

typedef struct rp__scan {
    int fd;           /* lent */
    const char *path; /* lent */
    uint64_t seed;
    int64_t pos;    /* of the next record; at the end, where the last whole one ends */
    bool salvage;   /* step over damage instead of failing */
    uint8_t *block; /* owned */
    void *hash;     /* owned */
} rp__scan;

rp_status rp__scan_init(rp__scan *s, int fd, const char *path, const rp__journal_head *head, rp_error *err);
/* RP_OK with the next record; RP_EMPTY: no more whole record (a torn one may follow); RP_ESTORE: damage with
 * whole records behind it, or not readable. */
rp_status rp__scan_next(rp__scan *s, rp__record *out, rp_error *err);
/* Reads bytes of a record's tail. */
rp_status rp__scan_bytes(const rp__scan *s, int64_t at, void *out, size_t len, rp_error *err);
/* A text of a tail as a string of its own, to be freed; NULL when out of memory or unreadable (err). */
char *rp__scan_text(const rp__scan *s, int64_t at, uint64_t len, rp_error *err);
void rp__scan_done(rp__scan *s);

/* ---- shared by both sides ---- */

#define RP__RECORD_MAGIC UINT32_C(0x43527052) /* "RpRC" */
typedef struct rp__record_head {
    uint32_t magic, type;
    uint64_t len; /* of the body */
    double time;
    uint64_t hash; /* of this head with hash 0, then the body */
} rp__record_head;
size_t rp__record_fixed_bytes(uint32_t type); /* 0: no such type */
uint64_t rp__journal_seed(const char *run_id, int64_t generation);

#endif
