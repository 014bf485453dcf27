/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The scheduler's ledger of one batch: which tasks are fresh, returned, leased, done. Private to the room.
 */
#ifndef RP_SCHED_BATCH_H
#define RP_SCHED_BATCH_H

#include "sched/chunking.h"
#include "sched/ranges.h"

/* A range that came back. */
typedef struct rp__returned {
    int64_t first, count;
    int attempt; /* the number its next try has */
} rp__returned;

typedef struct rp__sched_batch rp__sched_batch;
struct rp__sched_batch {
    uint32_t id;
    int64_t total;  /* tasks so far */
    int64_t cursor; /* tasks from here on are fresh */
    int64_t leased; /* tasks in leases and not done */
    int64_t early;  /* done tasks from total on: done in an earlier run, BATCH_GROW has yet to bring them */
    int leases;     /* leases of living workers */
    bool is_sealed;
    rp_status cancel; /* not RP_OK: nothing of it is handed out any more */
    rp__ranges done;
    rp__returned *returned; /* owned; the last one goes out first */
    size_t returned_len, returned_cap;
    rp__chunking chunking;
    rp__sched_batch *next; /* sched.batches, in the order of opening */
};

/* Tasks that are done, of those the batch has. */
int64_t rp__batch_done(const rp__sched_batch *b);

/* Tasks that could be handed out. */
int64_t rp__batch_waiting(const rp__sched_batch *b);

/* Whether every task is done and no more will come. */
bool rp__batch_is_done(const rp__sched_batch *b);

/* Adds tasks at the end. */
void rp__batch_grow(rp__sched_batch *b, int64_t count);

/* Puts a range on top of the returned ones; attempt above 1 marks a task that goes out alone. False: no
 * memory. */
bool rp__batch_give_back(rp__sched_batch *b, int64_t first, int64_t count, int attempt);

/* Turns around what was given back since returned_len was `from`: the first of them goes out first. */
void rp__batch_turn_returned(rp__sched_batch *b, size_t from);

/* Takes the next chunk of at most `size` tasks off the ledger; the caller leases it. False when nothing
 * waits. */
bool rp__batch_cut(rp__sched_batch *b, int64_t size, rp__returned *out);

/* Whether an index is fresh or returned, and not done. */
bool rp__batch_is_waiting(const rp__sched_batch *b, int64_t index);

void rp__batch_free(rp__sched_batch *b);

#endif
