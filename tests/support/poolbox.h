/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole pool in a box: master and workers in this process over a hub with a fake clock, stepped one at a
 * time in an order that a seed decides.
 *
 *     poolbox box;
 *     poolbox_batch b;
 *     poolbox_open(&box, &(poolbox_setup){.workers = 3, .seed = 7});
 *     poolbox_batch_init(&b, 100, NULL);
 *     poolbox_submit(&box, &b, &(rp__batch_spec){.ref = poolbox_ref(my_task), .source = &range, ...});
 *     poolbox_run(&box, 10000);
 *     ... b.fate[k], b.results ...
 *     poolbox_close(&box);
 *     poolbox_batch_done(&b);
 */
#ifndef POOLBOX_H
#define POOLBOX_H

#include "master/master.h"
#include "net/inproc.h"
#include "rng.h"
#include "worker/worker.h"

#include <rankpool/task.h>

#define POOLBOX_WORKERS 32

/* ---- batches that record what happens to their tasks ---- */

typedef enum poolbox_fate { FATE_OPEN = 0, FATE_RESULT, FATE_FAILURE, FATE_SETTLED } poolbox_fate;

typedef struct poolbox_batch poolbox_batch;

/* Whether a result or the text of a failure is what task k should have given. */
typedef bool poolbox_right_fn(const poolbox_batch *b, int64_t k, const rp__record *r);

struct poolbox_batch {
    rp__sink sink; /* first: a batch is a sink */
    int64_t count;
    size_t out_size;
    uint32_t id;
    poolbox_right_fn *is_right;         /* NULL: nothing is checked */
    const void *ctx;                    /* for is_right */
    uint8_t *fate;                      /* owned, by task; NULL in batches above a million tasks */
    int8_t *why;                        /* owned, by task: status of settled ones; NULL like fate */
    int64_t results, failures, settled; /* tasks */
    int64_t twice, wrong;               /* tasks that came again, or were not right */
    int done;                           /* calls of done */
    rp_status last_why;
    char last_text[512]; /* of the last settling */
    int last_attempt;    /* of the last delivery */
    int64_t before;      /* tasks 0 to before - 1 were done in an earlier run; set before poolbox_submit */
    int64_t break_at;    /* from so many results on the sink refuses; -1: never */
};

void poolbox_batch_init(poolbox_batch *b, int64_t count, poolbox_right_fn *is_right);
void poolbox_batch_done(poolbox_batch *b);
bool poolbox_is_whole(const poolbox_batch *b); /* every task settled or delivered once, and nothing wrong */

/* Payloads of different sizes, lent. */
typedef struct poolbox_sized {
    rp__source base; /* first: a poolbox_sized is a source */
    const rp__bytes *item;
    int64_t first; /* while emitting */
} poolbox_sized;

poolbox_sized poolbox_sized_of(const rp__bytes *item);

/* ---- the box ---- */

typedef struct poolbox_setup {
    int workers;
    uint64_t seed;
    size_t max_frame;                   /* 0: 4096 */
    int window, prefetch, max_attempts; /* 0: 4, 2, 3 */
    int late;                           /* workers that come only by poolbox_join */
} poolbox_setup;

typedef struct poolbox {
    rp__hub *hub;
    rp__master *master;
    rp__link *link[POOLBOX_WORKERS + 1];
    rp__worker *worker[POOLBOX_WORKERS + 1];
    bool is_gone[POOLBOX_WORKERS + 1]; /* killed, failed, or gone home */
    int size, served;
    rng rng;
    bool is_driving;        /* the master's own loops step the workers */
    rp_status worker_error; /* the last one */
    int unexplained;        /* errors of workers without their story */
    int open;               /* batches */
    char log[2048];         /* the last record at the master */
    int logs;
} poolbox;

/* The box whose tasks run: for task functions. */
extern poolbox *poolbox_current;

rp_status poolbox_open(poolbox *box, const poolbox_setup *setup);
rp_status poolbox_join(poolbox *box, int rank);
void poolbox_kill(poolbox *box, int rank);
void poolbox_free(poolbox *box);

/* The reference of a task function; registers it once under a name of its own. */
rp__func_ref poolbox_ref(rp_task_fn fn);

/* Opens, fills and seals. Missing in spec: body is a function, sink the batch; out_size is the batch's. */
rp_status poolbox_submit(poolbox *box, poolbox_batch *b, const rp__batch_spec *spec);

/* One party does one thing. */
rp_status poolbox_step(poolbox *box);
void poolbox_step_worker(poolbox *box, int rank);

/* Steps until no batch is open: RP_OK, RP_TIMEOUT after so many steps, or the master's error. */
rp_status poolbox_run(poolbox *box, int64_t max_steps);

/* Sends the workers home, and frees the box. RP_OK when all that lived said goodbye. */
rp_status poolbox_close(poolbox *box);

#endif
