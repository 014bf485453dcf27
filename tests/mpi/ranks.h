/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For programs that the tests run on ranks: they see the public headers only. Cases run on the master, over
 * one pool, and print what differed on stdout; `prog NAME` runs those whose name contains NAME.
 */
#ifndef RANKS_H
#define RANKS_H

#include "rpt.h"

#include <rankpool/rankpool.h>

#include <time.h>
#include <unistd.h>

static rp_pool *pool; /* NULL on workers */

/* A byte that depends on both, for payloads whose every byte is checked. */
static inline unsigned char ranks_byte(uint64_t index, uint64_t at)
{
    uint64_t z = (index + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ (at + 1) * UINT64_C(0xbf58476d1ce4e5b9);
    return (unsigned char) (z >> 32 ^ z >> 17);
}

static inline void ranks_fill(unsigned char *p, size_t bytes, uint64_t index)
{
    for (size_t i = 0; i < bytes; i++)
        p[i] = ranks_byte(index, i);
}

/* Place of the first byte that is not as ranks_fill left it; -1: none. */
static inline int64_t ranks_differs(const unsigned char *p, size_t bytes, uint64_t index)
{
    for (size_t i = 0; i < bytes; i++)
        if (p[i] != ranks_byte(index, i))
            return (int64_t) i;
    return -1;
}

static inline void ranks_sleep_ms(int ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    while (nanosleep(&left, &left) != 0)
        continue;
}

static inline double ranks_now(void)
{
    struct timespec t;
    (void) clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

static inline int64_t ranks_workers(void)
{
    rp_pool_info info;
    rp_pool_get_info(pool, &info);
    return info.workers;
}

/* Between rp_init and the end: opens the pool, runs the cases, closes it. */
static inline int ranks_cases(int argc, char **argv, const rp_pool_options *opt, const rpt_case *cases,
                              size_t count)
{
    rp_status st = rp_pool_open(&pool, opt);
    if (st == RP_SERVED)
        return rp_finalize(0);
    if (st != RP_OK) {
        printf("rp_pool_open is %s: %s\n", rp_status_name(st), rp_init_error()->text);
        return rp_finalize(1);
    }
    int rc = rpt_main(argc, argv, cases, count);
    st = rp_pool_close(&pool);
    printf("close %s\n", rp_status_name(st));
    return rp_finalize(rc);
}

static inline int ranks_main(int argc, char **argv, const rpt_case *cases, size_t count)
{
    if (rp_init(&argc, &argv) != RP_OK)
        return 1;
    return ranks_cases(argc, argv, NULL, cases, count);
}

#endif
