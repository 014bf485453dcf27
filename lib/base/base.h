/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ground floor: time, errors, memory, bytes. Uses libc only; everything else may include it.
 */
#ifndef RP_BASE_H
#define RP_BASE_H

#include <rankpool/status.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Nanoseconds of some monotonic clock; the origin means nothing. */
typedef int64_t rp__time;
#define RP__NEVER INT64_MAX
#define RP__US    INT64_C(1000)
#define RP__MS    INT64_C(1000000)
#define RP__SEC   INT64_C(1000000000)

rp__time rp__clock_mono(void);
double rp__clock_wall(void); /* seconds since 1970 */

/* Fills err (NULL is fine) and returns code, for `return rp__fail(err, RP_ESTORE, "open '%s': %s", ...)`. */
rp_status rp__fail(rp_error *err, rp_status code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void rp__error_clear(rp_error *err);

/*
 * Memory. All allocation goes through here, so that tests can let the n-th one fail.
 * rp__alloc gives zeroed memory, NULL when there is none.
 */
void *rp__alloc(size_t bytes);
void *rp__alloc_array(size_t count, size_t each); /* NULL on overflow */
void *rp__realloc(void *p, size_t bytes);         /* contents kept, new part not zeroed */
void *rp__alloc_aligned(size_t bytes);            /* not zeroed; from 1 KiB up aligned to 64 bytes */
void rp__free(void *p);
char *rp__strdup(const char *s);
void rp__mem_fail_after(int64_t n); /* tests: the n-th allocation from now fails once; -1: never */
int64_t rp__mem_live(void);         /* tests: allocations not yet freed */

/* Bytes lent by somebody else. */
typedef struct rp__bytes {
    const void *data;
    size_t len;
} rp__bytes;

/* A growing byte buffer; {0} is empty. After a failed append the buffer is marked and stays as it was. */
typedef struct rp__buf {
    uint8_t *data; /* owned */
    size_t len, cap;
    bool failed; /* an append found no memory */
} rp__buf;

bool rp__buf_reserve(rp__buf *b, size_t more);
void rp__buf_append(rp__buf *b, const void *data, size_t len);
void *rp__buf_extend(rp__buf *b, size_t len); /* room at the end, not zeroed; NULL when out of memory */
void rp__buf_printf(rp__buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void rp__buf_done(rp__buf *b);

/* How many cores this process may use: affinity and cgroup quota; at least 1. */
int rp__usable_cores(void);

/* Writes all bytes or fails with errno set; retries on EINTR. */
bool rp__write_all(int fd, const void *data, size_t len);

static inline int64_t rp__min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}
static inline int64_t rp__max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

#endif
