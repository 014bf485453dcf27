/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A model of the master and its workers around a scheduler: it keeps every task one by one, believes
 * nothing that an action says, and stops at the first action that breaks a promise of sched.h.
 */
#ifndef SCHED_MODEL_H
#define SCHED_MODEL_H

#include "sched/sched.h"

#define MODEL_WORKERS 20
#define MODEL_LEASES  64 /* a worker may still run leases that the scheduler has dropped */
#define MODEL_BATCHES 6
#define MODEL_TASKS   400 /* in a batch */
#define MODEL_LATE    64

typedef struct model_lease {
    uint64_t id;
    uint32_t batch; /* also the index in model.batch */
    int attempt;
    int64_t first, count; /* at most 64 tasks */
    uint64_t left;        /* bit k: first + k is neither answered nor given back */
} model_lease;

typedef struct model_worker {
    bool has_joined, is_alive;
    model_lease lease[MODEL_LEASES]; /* oldest first */
    int leases;
} model_worker;

typedef struct model_task {
    bool is_delivered;
    bool must_go_back; /* its worker is just being lost */
    int charged;
} model_task;

typedef struct model_batch {
    bool is_open, is_sealed, is_done;
    rp_status cancel; /* why it ends early; RP_OK: it does not */
    int64_t total;
    model_task task[MODEL_TASKS];
} model_batch;

typedef struct model {
    rp__sched *sched;
    rp__sched_options opt;
    rp__actions actions; /* of the last event */
    model_worker worker[MODEL_WORKERS];
    model_batch batch[MODEL_BATCHES];
    int alive, joined;
    bool is_stopping;
    uint64_t last_lease;
    rp__event late[MODEL_LATE]; /* answers and returns of lost workers, under way */
    int lates;
    /* of the event under way */
    const rp__event *event;
    int64_t answered_to; /* ANSWER: tasks before it have their action */
    int charges, brokens;
    /* results */
    uint64_t hash;   /* of all actions so far */
    int64_t events;  /* fed so far */
    bool is_telling; /* print events and actions as a script */
    char why[400];   /* "" while every promise is kept */
} model;

bool model_init(model *m, const rp__sched_options *opt);
void model_done(model *m);

/* Feeds an event and checks everything; false when a promise is broken. The worker's side of ANSWER, RETURN
 * and WORKER_LOST is done here. */
bool model_feed(model *m, const rp__event *ev);

/* Feeds an event that cannot be: RP_EINTERNAL, no action, nothing changed. */
bool model_feed_wrong(model *m, const rp__event *ev);

/* Whether no living worker holds the task and it is not delivered. */
bool model_is_waiting(const model *m, uint32_t batch, int64_t task);

/* ---- inside of the model ---- */

/* Keeps the first broken promise. */
void model_must(model *m, bool cond, const char *promise);
/* Checks an action and does what it says. */
void model_see(model *m, const rp__action *a);
/* Whether a living worker holds the task. */
bool model_is_held(const model *m, uint32_t batch, int64_t task);
bool model_lease_has(const model_lease *l, uint32_t batch, int64_t task);
/* Whether the batch is sealed and all its tasks are delivered. */
bool model_batch_is_whole(const model_batch *b);

#endif
