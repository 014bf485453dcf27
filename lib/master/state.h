/* SPDX-License-Identifier: BSD-3-Clause */
/* The master's state, shared by loop and actions. Private to the room. */
#ifndef RP_MASTER_STATE_H
#define RP_MASTER_STATE_H

#include "master/master.h"

typedef struct rp__open_batch rp__open_batch;
struct rp__open_batch {
    uint32_t id;
    rp__batch_spec spec;
    bool *is_known;        /* owned, by worker: the BATCH message was sent */
    char cancel_text[400]; /* why it was cancelled */
    rp__open_batch *next;
};

struct rp__master {
    rp__link *link; /* lent */
    rp__master_options opt;
    rp__sched *sched;
    rp__open_batch *batches; /* owned list */
    uint32_t last_batch;
    rp__worker_info *worker; /* owned, by rank */
    bool *has_left;          /* owned, by rank: said goodbye */
    int size;
    rp__master_hooks hooks;
    rp__master_counts counts;
    bool is_stopped, is_closing;
    rp_error error;  /* code not RP_OK: failed */
    rp__parts parts; /* scratch */
};

rp__open_batch *rp__master_find(const rp__master *m, uint32_t id);

/* Fails the master and returns its error. */
rp_status rp__master_fail(rp__master *m, rp_status code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Gives the scheduler an event and performs what it answers; answer is the message of an ANSWER event, else
 * NULL. */
rp_status rp__master_event(rp__master *m, const rp__event *ev, const rp__msg_answer *answer);

/* What came from a worker. */
rp_status rp__master_hear(rp__master *m, const rp__link_event *ev);

#endif
