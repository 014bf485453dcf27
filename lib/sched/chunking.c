/* SPDX-License-Identifier: BSD-3-Clause */
/* Chunk sizes from measured task times. */
#include "sched/chunking.h"

/* Share of the old sums that survives one answer. */
#define DECAY 0.9

void rp__chunking_learn(rp__chunking *c, int64_t tasks, int64_t busy_ns)
{
    c->sum_ns = c->sum_ns * DECAY + (double) rp__max64(busy_ns, 0);
    c->sum_tasks = c->sum_tasks * DECAY + (double) tasks;
    c->largest = rp__max64(c->largest, tasks);
}

static double mean_ns(const rp__chunking *c)
{
    double mean = c->sum_tasks > 0 ? c->sum_ns / c->sum_tasks : 0;
    return mean > 1 ? mean : 1;
}

int64_t rp__chunking_size(const rp__chunking *c, int64_t waiting, int workers)
{
    if (c->fixed > 0)
        return rp__min64(c->fixed, waiting);
    if (c->largest == 0)
        return 1;
    int64_t by_time = (int64_t) ((double) RP__CHUNK_TARGET_NS / mean_ns(c));
    int64_t share = (waiting + 2 * (int64_t) workers - 1) / (2 * (int64_t) workers);
    int64_t size = rp__min64(rp__min64(by_time, share), rp__min64(c->max, 8 * c->largest));
    return rp__max64(size, 1);
}

int rp__chunking_room(const rp__chunking *c, int64_t next_size, int prefetch)
{
    if (c->largest == 0 || mean_ns(c) * (double) next_size > (double) RP__CHUNK_LONG_NS)
        return 1;
    return prefetch;
}
