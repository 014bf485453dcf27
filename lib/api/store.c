/* SPDX-License-Identifier: BSD-3-Clause */
/* rp_store_open and rp_store_close, and the feed of live rows. */
#include "api/store.h"
#include "report/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FEED_NS (200 * RP__MS) /* between updates of the counters in the file */

/* ---- the feed ---- */

static void write_counts(rp__store_feed *f)
{
    rp__master_counts c;
    rp__pool_counts(f->pool, &c);
    rp__store_counts n = {.tasks = f->count,
                          .succeeded = f->succeeded_before + c.succeeded,
                          .failed = f->failed_before + c.failed,
                          .lost = c.lost,
                          .cancelled = 0, /* what a stop leaves is pending in the file */
                          .running = c.sched.workers_busy};
    rp__store_counts_set(f->store, &n);
}

static void on_tick(void *ctx)
{
    rp__store_feed *f = ctx;
    rp__time now = rp__master_now(f->pool->master);
    if (now < f->next)
        return;
    f->next = now + FEED_NS;
    write_counts(f);
}

static void on_worker(void *ctx, int rank, const rp__worker_info *w)
{
    rp__store_feed *f = ctx;
    rp__store_worker(f->store, rank, w->host, w->pid, w->is_lost ? RP__WORKER_LOST : RP__WORKER_ALIVE);
}

static void on_event(void *ctx, const char *kind, int rank, const char *text)
{
    rp__store_feed *f = ctx;
    rp_error err;
    if (rp__store_event(f->store, kind, rank, text, &err))
        rp_log(RP_LOG_WARN, "an event is not in the run file: %s", err.text);
}

static void on_started(void *ctx, uint32_t batch, int64_t task, int worker)
{
    (void) batch;
    rp__store_running(((rp__store_feed *) ctx)->store, task, worker);
}

void rp__store_feed_begin(rp__store_feed *f, rp_pool *pool, rp__store *store, bool wants_started)
{
    f->pool = pool;
    f->store = store;
    f->next = 0;
    rp__master_hooks hooks = {
        .worker = on_worker, .event = on_event, .started = wants_started ? on_started : NULL, .ctx = f};
    rp__master_hooks_set(pool->master, &hooks);
    pool->tick = on_tick;
    pool->tick_ctx = f;
    write_counts(f);
}

void rp__store_feed_end(rp__store_feed *f)
{
    write_counts(f);
    for (int w = 1; w < rp__master_size(f->pool->master); w++) {
        const rp__worker_info *info = rp__master_worker(f->pool->master, w);
        if (info->has_joined && !info->is_lost)
            rp__store_worker(f->store, w, info->host, info->pid, RP__WORKER_LEFT);
    }
    rp__master_hooks_set(f->pool->master, NULL);
    f->pool->tick = NULL;
}

int rp__exit_code_of(const rp__store_counts *c)
{
    if (c->succeeded + c->failed + c->lost < c->tasks)
        return RP__EXIT_EARLY;
    return c->failed || c->lost ? RP__EXIT_FAILED : RP__EXIT_OK;
}

/* ---- the public side ---- */

static void free_fields(rp_field *f, size_t n)
{
    for (size_t i = 0; f && i < n; i++) {
        rp__free((void *) (uintptr_t) f[i].name); /* copies of our own */
        rp__free((void *) (uintptr_t) f[i].unit);
    }
    rp__free(f);
}

static void free_store(rp_store *s)
{
    rp__store_abandon(&s->inner);
    free_fields(s->in_fields, s->in_field_count);
    free_fields(s->out_fields, s->out_field_count);
    rp__free(s->path);
    rp__free(s->title);
    rp__free(s);
}

static rp_status copy_fields(const rp_field *from, size_t n, rp_field **out, size_t *count_out)
{
    if (!from || n == 0)
        return RP_OK;
    rp_field *f = rp__alloc_array(n, sizeof *f);
    if (!f)
        return RP_ENOMEM;
    *out = f;
    *count_out = n;
    for (size_t i = 0; i < n; i++) {
        if (!from[i].name || from[i].type <= RP_FIELD_NONE || from[i].type >= RP_FIELD_TYPE_COUNT ||
            from[i].count < 1)
            return RP_EINVAL;
        f[i] = from[i];
        f[i].name = rp__strdup(from[i].name);
        f[i].unit = rp__strdup(from[i].unit ? from[i].unit : "");
        if (!f[i].name || !f[i].unit)
            return RP_ENOMEM;
    }
    return RP_OK;
}

rp_status rp_store_open(rp_store **out, const char *path, const rp_store_options *options, rp_error *err)
{
    rp_store_options opt = RP_STORE_OPTIONS_INIT;
    if (options)
        memcpy(&opt, options, options->size && options->size < sizeof opt ? options->size : sizeof opt);
    struct stat st;
    if (!out || !path || !*path || opt.mode < 0 || opt.mode >= RP_STORE_MODE_COUNT)
        return rp__fail(err, RP_EINVAL, "rp_store_open() needs a path and a mode");
    if (opt.mode == RP_STORE_CREATE && stat(path, &st) == 0)
        return rp__fail(err, RP_EEXIST, "'%s' exists: resume it, replace it, or choose another name", path);
    rp_store *s = rp__alloc(sizeof *s);
    if (!s)
        return rp__fail(err, RP_ENOMEM, "no memory for a store");
    s->mode = opt.mode;
    s->path = rp__strdup(path);
    s->title = opt.title ? rp__strdup(opt.title) : NULL;
    rp_status rc = s->path && (s->title || !opt.title) ? RP_OK : RP_ENOMEM;
    if (!rc)
        rc = copy_fields(opt.in_fields, opt.in_field_count, &s->in_fields, &s->in_field_count);
    if (!rc)
        rc = copy_fields(opt.out_fields, opt.out_field_count, &s->out_fields, &s->out_field_count);
    if (rc) {
        free_store(s);
        return rp__fail(err, rc,
                        rc == RP_EINVAL ? "a field of the store has no name, type or element"
                                        : "no memory for a store");
    }
    *out = s;
    return RP_OK;
}

rp_status rp_store_close(rp_store **store, rp_error *err)
{
    rp__error_clear(err);
    if (!store || !*store)
        return RP_OK;
    rp_status st = RP_OK;
    if ((*store)->inner)
        st = rp__store_end(&(*store)->inner, (*store)->exit_code, err);
    free_store(*store);
    *store = NULL;
    return st;
}
