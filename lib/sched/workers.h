/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The scheduler's workers and their leases. Private to the room.
 *
 * Living workers stand in queues by the number of leases they hold, so that the emptiest is found at once.
 */
#ifndef RP_SCHED_WORKERS_H
#define RP_SCHED_WORKERS_H

#include "base/base.h"

#define RP__PREFETCH_MAX 16

typedef struct rp__lease {
    uint64_t id;
    uint32_t batch;
    int attempt;
    int64_t first, count; /* count shrinks when the worker gives the end back */
} rp__lease;

typedef enum rp__worker_life { RP__LIFE_ABSENT = 0, RP__LIFE_ALIVE, RP__LIFE_LOST } rp__worker_life;

typedef struct rp__sched_worker {
    rp__worker_life life;
    int lease_count;
    int prev, next; /* workers.queue[lease_count]; -1 at the ends */
} rp__sched_worker;

typedef struct rp__worker_queue {
    int head, tail; /* -1: empty */
} rp__worker_queue;

typedef struct rp__workers {
    rp__sched_worker *item; /* owned, by worker number */
    rp__lease *leases;      /* owned, `prefetch` for each worker, oldest first */
    int max, prefetch, joined, alive, busy;
    rp__worker_queue queue[RP__PREFETCH_MAX + 1];
} rp__workers;

bool rp__workers_init(rp__workers *w, int max, int prefetch);
void rp__workers_done(rp__workers *w);

void rp__workers_join(rp__workers *w, int worker);
/* Takes the worker out of the queues; its leases stay readable until it joins again. */
void rp__workers_lose(rp__workers *w, int worker);
/* The living worker with the fewest leases, fewer than `room`; -1 when there is none. */
int rp__workers_emptiest(const rp__workers *w, int room);

rp__lease *rp__workers_leases(const rp__workers *w, int worker);
void rp__workers_lease_add(rp__workers *w, int worker, const rp__lease *lease);
void rp__workers_lease_drop(rp__workers *w, int worker, int at);
rp__lease *rp__workers_lease_find(const rp__workers *w, int worker, uint64_t id);

#endif
