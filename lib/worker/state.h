/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker's whole state. Private to the room. */
#ifndef RP_WORKER_STATE_H
#define RP_WORKER_STATE_H

#include "worker/answers.h"
#include "worker/leases.h"
#include "worker/task.h"
#include "worker/worker.h"

struct rp__worker {
    rp__link *link; /* lent */
    rp__worker_options opt;
    rp__worker_batch *batches; /* owned list */
    rp__held_lease *leases;    /* owned list, oldest first */
    rp__answers answers;
    rp_task task;
    int stride;              /* tasks between looks at the clock */
    bool is_command_running; /* task leases->next_task - 1 */
    bool is_command_killed;  /* by the master's word */
    bool is_closing, saw_losses;
    uint32_t early_call_back; /* batch that was called back before it came; 0: none */
    size_t log_bytes;         /* queued since everything was last sent */
    int64_t logs_dropped;
};

rp__time rp__worker_now(rp__worker *w);

/* Tells the master that tasks first .. end-1 of a lease were not run. */
rp_status rp__worker_give_back(rp__worker *w, const rp__held_lease *l, int64_t first, int64_t end);

void rp__worker_drop_lease(rp__worker *w, rp__held_lease *l);

/* Runs what the oldest lease holds: functions for a slice of time, or a step of a command's life. */
rp_status rp__worker_run(rp__worker *w, bool *did, rp_error *err);

#endif
