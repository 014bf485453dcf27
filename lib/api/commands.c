/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands as a batch: a task list as source, the run file as sink. */
#include "api/commands.h"
#include "exec/command_codec.h"
#include "report/log.h"

#include <stdio.h>
#include <string.h>

#define FAILURES_LOGGED 10 /* each with its last line of output; the rest is in the run file */

typedef struct commands_sink {
    rp__sink base; /* first: a commands_sink is a sink */
    rp_pool *pool;
    rp__store *store;
    rp__store_feed feed;
    rp__commands_result *result;
    rp_error *err; /* the caller's: of the store */
    rp_status status;
    int64_t failures_logged;
    bool is_done;
} commands_sink;

static rp__bytes command_of(void *list, int64_t k)
{
    return rp__tasklist_get(list, k);
}

/* The last line of a command's error output, for the log. */
static rp__bytes last_line(rp__bytes text)
{
    const char *p = text.data;
    size_t end = text.len;
    while (end > 0 && (p[end - 1] == '\n' || p[end - 1] == '\r'))
        end--;
    size_t start = end;
    while (start > 0 && p[start - 1] != '\n' && end - start < 200)
        start--;
    return (rp__bytes){p + start, end - start};
}

static void log_failure(commands_sink *s, int64_t task, const rp__command_result *r)
{
    if (s->failures_logged++ > FAILURES_LOGGED)
        return;
    if (s->failures_logged > FAILURES_LOGGED) {
        rp_log(RP_LOG_WARN, "more tasks failed; the run file has them all");
        return;
    }
    char how[64];
    if (r->signal)
        (void) snprintf(how, sizeof how, "killed by signal %d (%s)", r->signal,
                        strsignal(r->signal)); /* cut is fine */
    else
        (void) snprintf(how, sizeof how, "exit status %d", r->exit_status); /* fits */
    rp__bytes line = last_line(r->err);
    rp_log(RP_LOG_WARN, "task %lld failed: %s%s%.*s", (long long) task, how, line.len ? ": " : "",
           (int) line.len, line.len ? (const char *) line.data : "");
}

static rp_status take_record(rp__sink *sink, const rp__delivery *d, const rp__record *rec)
{
    commands_sink *s = (commands_sink *) sink;
    rp__command_result r;
    if (!rp__command_result_get(rec->data, &r))
        return s->status = rp__fail(s->err, RP_ENET, "rank %d sent a command's result that cannot be read",
                                    d->worker);
    s->result->cpu_s += r.user_s + r.system_s;
    if (rec->status) {
        log_failure(s, d->first, &r);
        if (s->result->first_failed < 0 || d->first < s->result->first_failed)
            s->result->first_failed = d->first;
    }
    rp__store_where w = {.worker = d->worker,
                         .attempt = d->attempt ? d->attempt : 1,
                         .started = r.started,
                         .elapsed = r.wall_s};
    rp_status st = rp__store_command_done(s->store, d->first, &r, &w, s->err);
    if (st)
        s->status = st;
    return st;
}

static rp_status no_fixed_results(rp__sink *sink, const rp__delivery *d, const void *data)
{
    (void) sink;
    (void) d;
    (void) data;
    return RP_EINTERNAL; /* commands answer in records */
}

static rp_status take_settled(rp__sink *sink, int64_t first, int64_t count, rp_status why, const char *text)
{
    commands_sink *s = (commands_sink *) sink;
    s->result->was_interrupted = s->result->was_interrupted || why == RP_EINTERRUPTED;
    s->result->is_broken = s->result->is_broken || why == RP_EBROKEN;
    if (why == RP_EBODY && !s->status)
        s->status = rp__fail(s->err, why, "%s", text);
    if (why == RP_ELOST && !s->status)
        s->status = rp__store_settled(s->store, first, count, RP__TASK_LOST, text, s->err);
    return RP_OK;
}

static void take_end(rp__sink *sink)
{
    commands_sink *s = (commands_sink *) sink;
    s->is_done = true;
    s->pool->open_batches--;
}

typedef struct earlier {
    commands_sink *sink;
    uint32_t batch;
    rp_status status;
} earlier;

static void take_earlier(void *ctx, int64_t first, int64_t count, rp__task_state state)
{
    earlier *e = ctx;
    if (!e->status)
        e->status = rp__master_batch_done_before(e->sink->pool->master, e->batch, first, count);
    e->sink->pool->before += count;
    if (state != RP__TASK_FAILED) {
        e->sink->feed.succeeded_before += count;
        return;
    }
    e->sink->feed.failed_before += count;
    if (e->sink->result->first_failed < 0)
        e->sink->result->first_failed = first;
}

static rp_status begin(commands_sink *s, const rp__tasklist *list, const char *path, rp_store_mode mode)
{
    char program[1024];
    rp__process_command_line(program, sizeof program);
    rp__store_plan plan = {.path = path,
                           .mode = mode,
                           .program = program,
                           .count = list->count,
                           .max_workers = rp__master_size(s->pool->master),
                           .command = command_of,
                           .command_ctx = (void *) (uintptr_t) list};
    s->feed.count = list->count;
    return rp__store_begin(&s->store, &plan, s->err);
}

/* Runs the batch to its end. */
static rp_status run_batch(commands_sink *s, rp__source *source, int64_t count)
{
    rp_pool *p = s->pool;
    rp__batch_spec spec = {.body = RP__BODY_COMMAND, .source = source, .sink = &s->base};
    uint32_t id = 0;
    rp_status st = rp__master_batch_open(p->master, &spec, &id);
    if (st)
        return st;
    p->open_batches++;
    p->before = 0;
    earlier e = {.sink = s, .batch = id};
    rp__store_each_done(s->store, take_earlier, &e);
    rp__pool_progress_begin(p, count, p->before);
    rp__store_feed_begin(&s->feed, p, s->store, true);
    st = e.status ? e.status : rp__master_batch_grow(p->master, id, count);
    if (!st)
        st = rp__master_batch_seal(p->master, id);
    if (!st)
        st = rp__pool_until(p, &s->is_done);
    rp__pool_progress_end(p);
    if (st && !s->status)
        s->status = rp__fail(s->err, st, "%s", rp__master_error(p->master)->text);
    return st;
}

static void fill_result(commands_sink *s, rp__time started)
{
    rp__commands_result *r = s->result;
    rp__master_counts c;
    rp__pool_counts(s->pool, &c);
    r->counts = (rp__store_counts){.tasks = s->feed.count,
                                   .succeeded = s->feed.succeeded_before + c.succeeded,
                                   .failed = s->feed.failed_before + c.failed,
                                   .lost = c.lost};
    r->wall_s = (double) (rp__master_now(s->pool->master) - started) * 1e-9;
    r->workers = c.sched.workers_joined;
    r->workers_lost = c.workers_lost;
}

int rp__commands_exit_code(const rp__commands_result *r)
{
    if (r->was_interrupted)
        return RP__EXIT_SIGINT;
    return r->is_broken ? RP__EXIT_POOL : rp__exit_code_of(&r->counts);
}

rp_status rp__commands_run(rp_pool *pool, const rp__tasklist *list, const char *path, rp_store_mode mode,
                           rp__commands_result *out, rp_error *err)
{
    *out = (rp__commands_result){.first_failed = -1};
    commands_sink s = {.base = {.results = no_fixed_results,
                                .record = take_record,
                                .settle = take_settled,
                                .done = take_end},
                       .pool = pool,
                       .result = out,
                       .err = err};
    rp_status st = begin(&s, list, path, mode);
    if (st)
        return st;
    rp__source_tasklist source = rp__source_tasklist_of(list);
    rp__time started = rp__master_now(pool->master);
    (void) run_batch(&s, &source.base, list->count); /* s.status has it */
    fill_result(&s, started);
    rp__store_feed_end(&s.feed);
    rp_error end_err;
    st = rp__store_end(&s.store, s.status ? RP__EXIT_POOL : rp__commands_exit_code(out), &end_err);
    if (s.status)
        return s.status;
    return st ? rp__fail(err, st, "%s", end_err.text) : RP_OK;
}
