/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker: receives chunks, runs their tasks in order, streams results back.
 *
 * It is a machine that is stepped, so that a pool of one rank and the tests drive it from the master's
 * thread.
 */
#ifndef RP_WORKER_WORKER_H
#define RP_WORKER_WORKER_H

#include "exec/supervisor.h"
#include "net/link.h"

typedef struct rp__worker rp__worker;

typedef struct rp__worker_options {
    int rank;                   /* as tasks see it */
    rp__supervisor *supervisor; /* lent; NULL: commands are refused */
} rp__worker_options;

/* The link is lent. Says hello to the master. */
rp_status rp__worker_new(rp__worker **out, rp__link *link, const rp__worker_options *opt);
void rp__worker_free(rp__worker **w);

/*
 * Handles what has come, runs tasks for about a millisecond (a single task as long as it takes), sends
 * results. RP_OK: did something. RP_EMPTY: nothing to do. RP_SERVED: the pool has closed and everything is
 * sent. RP_EBROKEN: the master is gone. RP_ENET, RP_ENOMEM, RP_ESYSTEM: cannot go on. Errors fill err.
 */
rp_status rp__worker_step(rp__worker *w, rp_error *err);

/* Steps and waits until the pool closes. RP_SERVED, or an error as above. */
rp_status rp__worker_serve(rp__worker *w, rp_error *err);

/* Whether the master said that ranks were lost (known once the pool has closed). */
bool rp__worker_saw_losses(const rp__worker *w);

/* Whether a task function is on the stack of this process. */
bool rp__worker_is_in_task(void);

#endif
