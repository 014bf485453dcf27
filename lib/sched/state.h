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

/* Appends an action. False: no memory. */
bool rp__sched_act(rp__actions *out, rp__action a);

/* What ends tasks and batches: RP_OK or RP_ENOMEM. */
rp_status rp__sched_settle(rp__sched_batch *b, int64_t first, int64_t count, int attempt, rp_status why,
                           rp__actions *out);
/* Settles every task of the batch that no worker holds. */
rp_status rp__sched_settle_waiting(rp__sched_batch *b, rp_status why, rp__actions *out);
/* Settles what waits and calls the rest back; the first reason stays. The batch may be gone afterwards. */
rp_status rp__sched_cancel(rp__sched *s, rp__sched_batch *b, rp_status why, rp__actions *out);
/* Tells BATCH_DONE and forgets the batch, when it is done. */
rp_status rp__sched_finish_if_done(rp__sched *s, rp__sched_batch *b, rp__actions *out);

#endif
