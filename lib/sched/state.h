/* SPDX-License-Identifier: BSD-3-Clause */
/* The scheduler's whole state. Private to the room. */
#ifndef RP_SCHED_STATE_H
#define RP_SCHED_STATE_H

#include "sched/batch.h"
#include "sched/sched.h"
#include "sched/workers.h"

struct rp__sched {
    rp__workers workers;
    rp__sched_batch *batches; /* owned list, in the order of opening */
    uint64_t last_lease;
    int64_t requeued, duplicates;
    int max_attempts;
    bool is_stopping;
};

/* NULL when the batch is done, or never was. */
rp__sched_batch *rp__sched_find_batch(const rp__sched *s, uint32_t id);
bool rp__sched_is_worker(const rp__sched *s, int worker);

#endif
