/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Results on their way back: collected from task to task, sent as few ANSWER messages as they fit in.
 */
#ifndef RP_WORKER_ANSWERS_H
#define RP_WORKER_ANSWERS_H

#include "net/link.h"

/* The answer being collected; all of it belongs to one lease and one form. */
typedef struct rp__answers {
    rp__link *link;
    rp__msg_answer head; /* count 0: empty */
    rp__time since;      /* when its first task started */
    uint8_t *fixed;      /* COMPACT: owned, zeroed, room for `room` results */
    int64_t room;
    size_t out_size;
    rp__buf records; /* RECORDS */
} rp__answers;

/* Room for the fixed-size result of the next task, zeroed; `want` says how many more tasks follow in the
 * lease. NULL: out of memory, or out_size 0 with *fine set. */
void *rp__answers_slot(rp__answers *a, size_t out_size, int64_t want, bool *fine);

/* The task whose slot was given last succeeded. */
void rp__answers_compact(rp__answers *a, const rp__msg_answer *task);

/* A task with a record of its own. RP_ENOMEM when it does not fit into memory. */
rp_status rp__answers_record(rp__answers *a, const rp__msg_answer *task, const rp__record *r);

/* Whether the collected answer should go now. */
bool rp__answers_is_full(const rp__answers *a);

/* Sends what is collected; busy time counts until now. */
rp_status rp__answers_flush(rp__answers *a, rp__time now);

void rp__answers_done(rp__answers *a);

#endif
