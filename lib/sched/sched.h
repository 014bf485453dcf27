/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The scheduler: a pure function (state, event, now) -> actions. No I/O, no clock, no MPI, no HDF5.
 *
 * It knows work only as ranges. Every task of a batch is in exactly one of four places:
 *   fresh    behind the batch's cursor, never handed out
 *   returned in the batch's queue of ranges that came back from lost or stopped workers
 *   leased   in a chunk that a living worker holds and has not answered
 *   done     answered or settled; never leaves this place
 * The first answer to a task counts, whatever its lease; later ones are duplicates. Same events, same
 * actions.
 *
 * A worker runs its leases in the order it got them, and the tasks of a lease in ascending order.
 */
#ifndef RP_SCHED_SCHED_H
#define RP_SCHED_SCHED_H

#include "sched/ranges.h"

#define RP__EVENT_TABLE(X)                                                                                   \
    X(NONE)                                                                                                  \
    X(WORKER_JOIN)  /* worker */                                                                             \
    X(WORKER_LOST)  /* worker; batch, first: the task it was running, first -1 when unknown or none */       \
    X(BATCH_OPEN)   /* batch, without tasks yet; chunk, max_chunk; batch numbers never come again */         \
    X(ALREADY_DONE) /* batch, first, count: done in an earlier run; before BATCH_GROW brings them */         \
    X(BATCH_GROW)   /* batch, count: more tasks at its end */                                                \
    X(BATCH_SEAL)   /* batch: it will not grow; it is done when its tasks are */                             \
    X(BATCH_CANCEL) /* batch, status: settle with it what is not leased; what comes back too */              \
    X(TASK_CANCEL)  /* batch, first: settle this task as cancelled if no worker holds it */                  \
    X(ANSWER)       /* worker, lease, batch, first, count, busy_ns: results or failures of these tasks */    \
    X(RETURN)       /* worker, lease, batch, first, count: the end of a lease, given back untouched */       \
    X(STOP)         /* start nothing new: cancel all batches with RP_EINTERRUPTED, call leases back */

typedef enum rp__event_kind {
#define RP__EVENT_ENUM(name) RP__EVENT_##name,
    RP__EVENT_TABLE(RP__EVENT_ENUM)
#undef RP__EVENT_ENUM
        RP__EVENT_COUNT
} rp__event_kind;

const char *rp__event_name(rp__event_kind kind);

typedef struct rp__event {
    rp__event_kind kind;
    int worker;
    uint32_t batch;
    uint64_t lease;
    int64_t first, count;
    int64_t busy_ns;   /* ANSWER: time the worker spent on these tasks */
    int64_t chunk;     /* BATCH_OPEN: fixed chunk size, 0: adaptive */
    int64_t max_chunk; /* BATCH_OPEN: upper limit of an adaptive chunk, 1 or more */
    rp_status status;  /* BATCH_CANCEL */
} rp__event;

#define RP__ACTION_TABLE(X)                                                                                  \
    X(NONE)                                                                                                  \
    X(ASSIGN)     /* send the chunk to the worker: lease, batch, first, count, attempt */                    \
    X(ACCEPT)     /* these tasks of the ANSWER just given are the first answers: deliver them */             \
    X(DUPLICATE)  /* these tasks of the ANSWER are second answers: drop them */                              \
    X(REQUEUE)    /* for the log: these tasks of the lost worker went back to the queue */                   \
    X(CHARGE)     /* for the log: this task was running when its worker died, its attempt-th one */          \
    X(SETTLE)     /* these tasks will not run: status says why (lost, cancelled, interrupted, broken) */     \
    X(CALL_BACK)  /* ask the worker to give back what it has not started of the batch */                     \
    X(BATCH_DONE) /* every task of the batch is done; the scheduler has forgotten the batch */               \
    X(BROKEN)     /* the last worker is lost */

typedef enum rp__action_kind {
#define RP__ACTION_ENUM(name) RP__ACTION_##name,
    RP__ACTION_TABLE(RP__ACTION_ENUM)
#undef RP__ACTION_ENUM
        RP__ACTION_COUNT
} rp__action_kind;

const char *rp__action_name(rp__action_kind kind);

typedef struct rp__action {
    rp__action_kind kind;
    int worker;
    uint32_t batch;
    uint64_t lease;
    int64_t first, count;
    int attempt;
    rp_status status;
} rp__action;

typedef struct rp__actions {
    rp__action *item; /* owned */
    size_t len, cap;
} rp__actions;

void rp__actions_done(rp__actions *a);

typedef struct rp__sched_options {
    int max_workers;  /* worker numbers are 0 to max_workers - 1 */
    int prefetch;     /* leases a worker holds while chunks are short; 1 to 16 */
    int max_attempts; /* workers a task may lose before it is settled as lost */
} rp__sched_options;

typedef struct rp__sched rp__sched;

rp_status rp__sched_new(rp__sched **out, const rp__sched_options *opt);
void rp__sched_free(rp__sched **s);

/*
 * Takes one event and appends to *out what is to be done, in order. RP_OK; RP_ENOMEM: the state is good for
 * nothing any more; RP_EINTERNAL for an event that cannot be (unknown batch or worker, range outside of the
 * batch): state unchanged. An ANSWER or RETURN from a worker believed lost, or for a batch that is done, is a
 * duplicate, not an error.
 */
rp_status rp__sched_step(rp__sched *s, const rp__event *ev, rp__time now, rp__actions *out);

typedef struct rp__sched_counts {
    int workers_joined, workers_alive, workers_busy;
    int64_t done, leased, waiting; /* tasks of open batches */
    int64_t requeued, duplicates;  /* tasks, since the start */
} rp__sched_counts;

void rp__sched_counts_get(const rp__sched *s, rp__sched_counts *out);

/* The task the worker is running as far as answers tell: its oldest lease's first task not done. */
bool rp__sched_running(const rp__sched *s, int worker, uint32_t *batch_out, int64_t *task_out);

/* Tests: checks every invariant of the state; false with a sentence in why. */
bool rp__sched_check(const rp__sched *s, char *why, size_t why_len);

#endif
