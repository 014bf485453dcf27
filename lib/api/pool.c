/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening, driving and closing a pool. */
#include "api/pool.h"
#include "net/mpi_carrier.h"
#include "report/log.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOOK_NS      (10 * RP__MS)  /* between looks at the launcher's line */
#define BAR_NS       (100 * RP__MS) /* between progress lines on a terminal */
#define PLAIN_FIRST  (10 * RP__SEC) /* first progress line without a terminal */
#define PLAIN_NS     (30 * RP__SEC) /* between the next ones */
#define JOIN_TIMEOUT (60 * RP__SEC)
#define BYE_TIMEOUT  (10 * RP__SEC)
#define BAR_WIDTH    20

rp_status rp__pool_fail(rp_pool *p, rp_status code, const char *fmt, ...)
{
    rp__error_clear(&p->error);
    p->error.code = code;
    va_list ap;
    va_start(ap, fmt);
    (void) vsnprintf(p->error.text, sizeof p->error.text, fmt, ap); /* cut is fine */
    va_end(ap);
    return code;
}

/* ---- driving ---- */

static void look_at_line(rp_pool *p)
{
    rp__line *line = rp__process_get()->line;
    if (!line)
        return;
    switch (rp__line_read(line)) {
    case RP__LINE_DRAIN:
        rp_log(RP_LOG_INFO, "stopping: running tasks finish, nothing new is started (again to kill them)");
        (void) rp__master_stop(p->master, false); /* an error shows in the next turn */
        break;
    case RP__LINE_KILL:
    case RP__LINE_GONE:
        (void) rp__master_stop(p->master, true); /* an error shows in the next turn */
        break;
    case RP__LINE_NOTHING:
    case RP__LINE_WORD_COUNT:
        break;
    }
}

static void show_progress(rp_pool *p, rp__time now)
{
    rp__line *line = rp__process_get()->line;
    int columns = line ? rp__line_columns(line) : 0;
    if (!p->opt.progress || p->total == 0 || now < p->next_progress)
        return;
    p->next_progress = now + (columns ? BAR_NS : PLAIN_NS);
    rp__master_counts c;
    rp__pool_counts(p, &c);
    rp__progress pr = {.total = p->total,
                       .before = p->before,
                       .succeeded = c.succeeded,
                       .failed = c.failed,
                       .lost = c.lost,
                       .cancelled = c.cancelled,
                       .resubmitted = c.sched.requeued,
                       .workers_alive = c.sched.workers_alive,
                       .workers = c.sched.workers_joined,
                       .elapsed = now - p->started};
    char text[256];
    rp__progress_text(&pr, columns > 60 ? BAR_WIDTH : 0, text, sizeof text);
    if (columns)
        rp__line_progress(line, text);
    else
        fprintf(stderr, "rankpool: %s\n", text);
}

void rp__pool_counts(const rp_pool *p, rp__master_counts *out)
{
    rp__master_counts_get(p->master, out);
    out->succeeded -= p->base.succeeded;
    out->failed -= p->base.failed;
    out->lost -= p->base.lost;
    out->cancelled -= p->base.cancelled;
    out->sched.requeued -= p->base.sched.requeued;
    out->busy_s -= p->base.busy_s;
}

void rp__pool_progress_begin(rp_pool *p, int64_t total, int64_t before)
{
    rp__line *line = rp__process_get()->line;
    p->started = rp__master_now(p->master);
    rp__master_counts_get(p->master, &p->base);
    p->total = total;
    p->before = before;
    p->next_progress = p->started + (line && rp__line_columns(line) ? 0 : PLAIN_FIRST);
}

void rp__pool_progress_end(rp_pool *p)
{
    rp__line *line = rp__process_get()->line;
    if (p->opt.progress && line && rp__line_columns(line))
        rp__line_progress(line, "");
    p->total = 0;
}

rp_status rp__pool_turn(rp_pool *p, rp__time deadline)
{
    rp__time now = rp__master_now(p->master);
    if (now >= p->next_look) {
        p->next_look = now + LOOK_NS;
        look_at_line(p);
        show_progress(p, now);
        if (p->tick)
            p->tick(p->tick_ctx);
    }
    rp__time wake = p->total ? rp__min64(deadline, now + BAR_NS) : deadline;
    rp_status st = rp__master_turn(p->master, wake);
    if (st) {
        p->error = *rp__master_error(p->master);
        rp__process_get()->saw_losses = true; /* the ranks are in no known state any more */
    }
    return st;
}

rp_status rp__pool_until(rp_pool *p, const bool *flag)
{
    rp_status st = RP_OK;
    while (!*flag && !st)
        st = rp__pool_turn(p, RP__NEVER);
    return st;
}

/* ---- opening ---- */

static rp_status drive_own_worker(void *ctx, rp_error *err)
{
    return rp__worker_step(((rp_pool *) ctx)->worker, err);
}

static void free_pool(rp_pool *p)
{
    rp__submitters_free(p);
    rp__master_free(&p->master);
    rp__link_free(&p->link);
    rp__worker_free(&p->worker);
    rp__link_free(&p->worker_link);
    rp__hub_free(&p->hub);
    rp__free(p);
}

/* A pool of one rank: master and worker take turns on this thread. */
static rp_status open_alone(rp_pool *p, rp__carrier **carrier_out)
{
    rp__carrier *wc = NULL;
    rp__process *me = rp__process_get();
    rp_status st = rp__hub_new(&p->hub, 2, 60000, 16);
    if (!st)
        st = rp__hub_carrier(p->hub, 0, carrier_out);
    if (!st)
        st = rp__hub_carrier(p->hub, 1, &wc);
    if (!st)
        st = rp__link_new(&p->worker_link, wc);
    rp__worker_options wo = {.rank = 0, .supervisor = me->supervisor};
    if (!st)
        st = rp__worker_new(&p->worker, p->worker_link, &wo);
    if (!st && me->supervisor)
        (*carrier_out)->ops->watch(*carrier_out, rp__supervisor_fd(me->supervisor));
    return st;
}

static rp_status open_master(rp_pool **out, rp__carrier *carrier, const rp_pool_options *opt)
{
    rp__process *me = rp__process_get();
    rp_pool *p = rp__alloc(sizeof *p);
    if (!p)
        return rp__fail(&me->error, RP_ENOMEM, "no memory for a pool");
    p->opt = *opt;
    rp__error_clear(&p->error);
    rp_status st = carrier ? RP_OK : open_alone(p, &carrier);
    if (!st)
        st = rp__link_new(&p->link, carrier);
    rp__master_options mo = {.prefetch = opt->prefetch ? opt->prefetch : 2,
                             .max_attempts = opt->max_attempts ? opt->max_attempts : 3,
                             .drive = p->worker ? drive_own_worker : NULL,
                             .drive_ctx = p};
    if (!st)
        st = rp__master_new(&p->master, p->link, &mo);
    if (st) {
        free_pool(p);
        return rp__fail(&me->error, st, "cannot open a pool: %s", rp_status_text(st));
    }
    st = rp__master_wait_workers(p->master, rp__clock_mono() + JOIN_TIMEOUT, &me->error);
    if (st) {
        free_pool(p);
        return st;
    }
    if (me->line) {
        rp__line_begun(me->line);
        carrier->ops->watch(carrier, rp__line_fd(me->line));
    }
    rp__log_speaker(0, -1);
    me->open_pools += !p->worker;
    *out = p;
    return RP_OK;
}

/* Serves as a worker until the pool closes. A worker that has lost its master has nothing to go on with. */
static rp_status serve(rp__carrier *carrier)
{
    rp__process *me = rp__process_get();
    rp__link *link = NULL;
    rp__worker *w = NULL;
    rp__worker_options wo = {.rank = carrier->rank, .supervisor = me->supervisor};
    if (me->line) /* rank 0 of all, but not of this pool */
        rp__line_begun(me->line);
    rp_status st = rp__link_new(&link, carrier);
    if (!st)
        st = rp__worker_new(&w, link, &wo);
    if (!st)
        st = rp__worker_serve(w, &me->error);
    if (st != RP_SERVED) {
        rp__log_divert(NULL, NULL);
        /* Of a master that is gone its launcher tells, once, and better. */
        rp_log(st == RP_EBROKEN ? RP_LOG_DEBUG : RP_LOG_ERROR, "gives up: %s", me->error.text);
        fflush(NULL);
        _exit(1);
    }
    if (rp__worker_saw_losses(w)) {
        me->saw_losses = true;
        rp__mpi_carrier_saw_losses(carrier);
    }
    rp__worker_free(&w);
    rp__link_free(&link);
    return RP_SERVED;
}

static rp_status check_options(const rp_pool_options *opt, rp_error *err)
{
    if (opt->max_attempts < 0 || opt->max_attempts > 1000)
        return rp__fail(err, RP_EINVAL, "max_attempts is %d; it must be 1 to 1000, or 0 for the default",
                        opt->max_attempts);
    if (opt->prefetch < 0 || opt->prefetch > 16)
        return rp__fail(err, RP_EINVAL, "prefetch is %d; it must be 1 to 16, or 0 for the default",
                        opt->prefetch);
    return RP_OK;
}

/* Only the master's options count, and the workers are in the pool already: bad ones are refused by closing
 * it. */
static rp_status open_checked(rp_pool **out, rp__carrier *carrier, const rp_pool_options *opt)
{
    rp_error bad;
    rp_pool_options usable = RP_POOL_OPTIONS_INIT;
    rp_status wrong = check_options(opt, &bad);
    rp_pool *p = NULL;
    rp_status st = open_master(&p, carrier, wrong ? &usable : opt);
    if (!st && wrong) {
        (void) rp_pool_close(&p); /* nothing was submitted */
        rp__process_get()->error = bad;
        return wrong;
    }
    if (!st)
        *out = p;
    return st;
}

/* Without rp_init(): writing to a rank that has died must not end this one. A handler of the user's stays. */
static void ignore_sigpipe(void)
{
    struct sigaction now;
    if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
        (void) signal(SIGPIPE, SIG_IGN);
}

rp_status rp_pool_open(rp_pool **out, const rp_pool_options *options)
{
    rp__process *me = rp__process_get();
    rp_pool_options opt = RP_POOL_OPTIONS_INIT;
    if (options)
        memcpy(&opt, options, options->size && options->size < sizeof opt ? options->size : sizeof opt);
    if (!out)
        return rp__fail(&me->error, RP_EINVAL, "rp_pool_open() needs a place for the pool");
    if (rp__worker_is_in_task())
        return rp__fail(&me->error, RP_ESTATE, "a task cannot open a pool: its rank is a worker of one");
    if (!rp__mpi_is_running())
        return rp__fail(&me->error, RP_ESTATE, "call rp_init() first in main, or MPI_Init() yourself");
    if (me->saw_losses && !opt.mpi_comm)
        return rp__fail(&me->error, RP_ESTATE,
                        "a rank of MPI_COMM_WORLD was lost: a pool over it cannot be opened any more");
    ignore_sigpipe();
    if (!me->is_init)
        (void) rp__process_open_line(); /* without it the launcher says that no status came */
    rp__carrier *carrier = NULL;
    rp_status st = rp__mpi_carrier_open(&carrier, opt.mpi_comm, &me->error);
    if (st < 0)
        return st;
    return st == RP_OK && carrier->rank != 0 ? serve(carrier) : open_checked(out, carrier, &opt);
}

/* ---- closing ---- */

static rp_status finish_batches(rp_pool *p)
{
    rp_status st = rp__submitters_seal(p);
    while (!st && p->open_batches > 0)
        st = rp__pool_turn(p, RP__NEVER);
    return st;
}

rp_status rp_pool_close(rp_pool **pool)
{
    if (!pool || !*pool)
        return RP_OK;
    rp_pool *p = *pool;
    *pool = NULL;
    rp__process_get()->open_pools -= !p->worker;
    rp_status st = finish_batches(p);
    rp__master_counts c;
    rp__master_counts_get(p->master, &c);
    bool is_broken = c.sched.workers_alive == 0;
    if (!st && !is_broken && rp__master_close(p->master, rp__master_now(p->master) + BYE_TIMEOUT) != RP_OK) {
        rp_log(RP_LOG_WARN, "some workers did not say goodbye in time");
        rp__process_get()->saw_losses = true;
    }
    rp__master_counts_get(p->master, &c);
    if (c.workers_lost > 0)
        rp__process_get()->saw_losses = true;
    if (!p->worker && rp__process_get()->saw_losses)
        rp__mpi_carrier_saw_losses(rp__link_carrier(p->link));
    if (!st && is_broken)
        st = RP_EBROKEN;
    if (!st && p->was_interrupted)
        st = RP_EINTERRUPTED;
    free_pool(p);
    return st;
}

/* ---- looking in ---- */

void rp_pool_get_info(const rp_pool *p, rp_pool_info *out)
{
    rp__master_counts c;
    rp__master_counts_get(p->master, &c);
    *out = (rp_pool_info){.workers = c.sched.workers_joined,
                          .workers_alive = c.sched.workers_alive,
                          .submitted = c.submitted,
                          .succeeded = c.succeeded,
                          .failed = c.failed,
                          .lost = c.lost,
                          .cancelled = c.cancelled,
                          .resubmitted = c.sched.requeued,
                          .duplicates = c.sched.duplicates};
}

const rp_error *rp_pool_error(const rp_pool *p)
{
    return &p->error;
}
