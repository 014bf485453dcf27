/* SPDX-License-Identifier: BSD-3-Clause */
/* A pool as the api's own files see it. */
#ifndef RP_API_POOL_H
#define RP_API_POOL_H

#include "api/process.h"
#include "master/master.h"
#include "net/inproc.h"
#include "report/progress.h"
#include "worker/worker.h"

#include <rankpool/future.h>
#include <rankpool/pool.h>

typedef struct rp__submitter rp__submitter;

struct rp_pool {
    rp__link *link;     /* owned */
    rp__master *master; /* owned */
    /* a pool of one rank: its worker, in this process */
    rp__hub *hub;
    rp__link *worker_link;
    rp__worker *worker;
    rp_pool_options opt;
    rp_error error;            /* of the last call that failed */
    rp__submitter *submitters; /* owned list: one for each function that was submitted */
    int open_batches;
    bool was_interrupted; /* some task was settled because of a stop */
    /* progress of what is being waited for */
    rp__time started, next_look, next_progress;
    int64_t total, before;   /* tasks shown as the whole; of them done in an earlier run */
    rp__master_counts base;  /* counts when that began */
    void (*tick)(void *ctx); /* called now and then while waiting; NULL: none */
    void *tick_ctx;
};

/* One turn; looks at the launcher's line and shows progress now and then. */
rp_status rp__pool_turn(rp_pool *p, rp__time deadline);

/* Turns until *flag is set. RP_OK, or the error that failed the master. */
rp_status rp__pool_until(rp_pool *p, const bool *flag);

/* Sets what progress lines count, from now. */
void rp__pool_progress_begin(rp_pool *p, int64_t total, int64_t before);
void rp__pool_progress_end(rp_pool *p);

/* What was counted since rp__pool_progress_begin. */
void rp__pool_counts(const rp_pool *p, rp__master_counts *out);

/* Keeps and returns an error of this pool. */
rp_status rp__pool_fail(rp_pool *p, rp_status code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Ends the submitters' batches; frees them. */
rp_status rp__submitters_seal(rp_pool *p);
void rp__submitters_free(rp_pool *p);

#endif
