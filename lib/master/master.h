/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The master: rank 0's event loop. It feeds the scheduler with events, performs its actions, hands results to
 * sinks.
 */
#ifndef RP_MASTER_MASTER_H
#define RP_MASTER_MASTER_H

#include "net/link.h"
#include "sched/sched.h"
#include "sink/sink.h"
#include "source/source.h"

typedef struct rp__master rp__master;

/* A batch as the api makes it; source and sink stay the api's and live until sink->done. */
typedef struct rp__batch_spec {
    rp__body_kind body;
    rp__func_ref ref;
    rp__source *source;
    rp__sink *sink;
    bool has_fixed_result;
    size_t out_size;
    int64_t base;     /* number of task 0 */
    rp__bytes shared; /* lent until done */
    int64_t chunk;    /* 0: adaptive */
} rp__batch_spec;

typedef struct rp__worker_info {
    char host[64];
    int64_t pid;
    bool has_joined, is_lost;
} rp__worker_info;

/* The master tells what happened to whoever keeps the record (run file, tool). All may be NULL. */
typedef struct rp__master_hooks {
    void (*worker)(void *ctx, int worker, const rp__worker_info *info);
    void (*event)(void *ctx, const char *kind, int worker, const char *text);
    void (*started)(void *ctx, uint32_t batch, int64_t task, int worker); /* as far as answers tell */
    void *ctx;
} rp__master_hooks;

typedef struct rp__master_options {
    int prefetch, max_attempts;
    /* A pool of one rank: runs the worker of this process; RP_OK did something, RP_EMPTY nothing. */
    rp_status (*drive)(void *ctx, rp_error *err);
    void *drive_ctx;
} rp__master_options;

/* The link is lent. */
rp_status rp__master_new(rp__master **out, rp__link *link, const rp__master_options *opt);
void rp__master_free(rp__master **m);

/* Turns until every worker has said hello or is lost, or until the deadline. RP_EBROKEN: none joined. */
rp_status rp__master_wait_workers(rp__master *m, rp__time deadline, rp_error *err);

/*
 * Opens a batch without tasks. Then: already-done ranges, growing, sealing; each takes effect at once.
 * After an error the master is failed: all calls return it.
 */
rp_status rp__master_batch_open(rp__master *m, const rp__batch_spec *spec, uint32_t *id_out);
rp_status rp__master_batch_done_before(rp__master *m, uint32_t id, int64_t first, int64_t count);
rp_status rp__master_batch_grow(rp__master *m, uint32_t id, int64_t count);
rp_status rp__master_batch_seal(rp__master *m, uint32_t id);
rp_status rp__master_batch_cancel(rp__master *m, uint32_t id, rp_status why, const char *text);
rp_status rp__master_task_cancel(rp__master *m, uint32_t id, int64_t task);

/*
 * One turn of the loop: hears, performs, sends; when there was nothing to do it waits until something comes
 * or the deadline. RP_OK, or the error that failed the master.
 */
rp_status rp__master_turn(rp__master *m, rp__time deadline);

/* Hands over what is queued, without hearing. */
rp_status rp__master_flush(rp__master *m);

/* Starts nothing new and settles what is not running with RP_EINTERRUPTED; kill also ends running commands.
 */
rp_status rp__master_stop(rp__master *m, bool kill);
bool rp__master_is_stopped(const rp__master *m);

/* Sends the workers home and waits for their goodbye until the deadline. */
rp_status rp__master_close(rp__master *m, rp__time deadline);

typedef struct rp__master_counts {
    rp__sched_counts sched;
    int64_t submitted, succeeded, failed, lost, cancelled; /* tasks, since the start */
    int workers_lost;
    double busy_s; /* sum of what workers spent on tasks */
} rp__master_counts;

void rp__master_counts_get(const rp__master *m, rp__master_counts *out);
const rp__worker_info *rp__master_worker(const rp__master *m, int worker);
int rp__master_size(const rp__master *m);
void rp__master_hooks_set(rp__master *m, const rp__master_hooks *hooks); /* NULL: none */
const rp_error *rp__master_error(const rp__master *m);
rp__time rp__master_now(const rp__master *m);

#endif
