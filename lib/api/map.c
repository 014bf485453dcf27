/* SPDX-License-Identifier: BSD-3-Clause */
/* rp_map and rp_map_range: one batch, an array or a range as source, the caller's array and a run file as
 * sink. */
#include "api/pool.h"
#include "api/store.h"
#include "exec/function.h"

#include <rankpool/map.h>

#include <stdio.h>
#include <string.h>

#define SIZE_MAX_EACH ((size_t) 1 << 30)

/* What rp_map and rp_map_range share. */
typedef struct map_call {
    rp_pool *pool;
    rp_task_fn fn;
    const void *in; /* NULL: range */
    size_t in_size, out_size;
    uint8_t *out;
    int64_t first, count;
    rp_map_options opt;
} map_call;

typedef struct map_sink {
    rp__sink base; /* first: a map_sink is a sink */
    map_call *call;
    rp__store *store; /* NULL: none */
    rp__store_feed feed;
    rp_error worst; /* the error the map returns; code RP_OK: none */
    rp_error store_error;
    bool is_done;
} map_sink;

/* ---- errors: the most serious kind wins, of one kind the lowest index ---- */

static int severity(rp_status st)
{
    static const rp_status order[] = {RP_OK,      RP_ETASK, RP_ELOST, RP_EINTERRUPTED,
                                      RP_EBROKEN, RP_EBODY, RP_ESTORE};
    for (int i = 0; i < (int) (sizeof order / sizeof *order); i++)
        if (order[i] == st)
            return i;
    return 99;
}

static void note_error(map_sink *s, rp_status st, int64_t task, int rank, int code, const void *text,
                       size_t len)
{
    int was = severity(s->worst.code), is = severity(st);
    int64_t number = task < 0 ? -1 : s->call->first + task; /* as rp_task_index() gives it */
    if (is < was || (is == was && number >= s->worst.task))
        return;
    s->worst = (rp_error){.code = st, .task_code = code, .rank = rank, .task = number};
    size_t n = len < sizeof s->worst.text - 1 ? len : sizeof s->worst.text - 1;
    memcpy(s->worst.text, text, n);
}

static rp_status note_store_error(map_sink *s, rp_status st)
{
    if (st)
        note_error(s, RP_ESTORE, -1, -1, 0, s->store_error.text, strlen(s->store_error.text));
    return st;
}

/* ---- the sink ---- */

static rp__store_where where_of(const rp__delivery *d)
{
    return (rp__store_where){.worker = d->worker,
                             .attempt = d->attempt ? d->attempt : 1,
                             .started = d->started,
                             .elapsed = (double) d->busy_ns * 1e-9};
}

static rp_status take_results(rp__sink *sink, const rp__delivery *d, const void *data)
{
    map_sink *s = (map_sink *) sink;
    size_t size = s->call->out_size;
    if (s->call->out && size)
        memcpy(s->call->out + (size_t) d->first * size, data, (size_t) d->count * size);
    if (!s->store)
        return RP_OK;
    rp__store_where w = where_of(d);
    return note_store_error(s, rp__store_range_done(s->store, d->first, d->count, data, &w, &s->store_error));
}

static rp_status take_record(rp__sink *sink, const rp__delivery *d, const rp__record *r)
{
    map_sink *s = (map_sink *) sink;
    note_error(s, RP_ETASK, d->first, d->worker, r->task_code, r->data.data, r->data.len);
    if (!s->store)
        return RP_OK;
    char text[512];
    (void) snprintf(text, sizeof text, "%.*s", (int) (r->data.len < 511 ? r->data.len : 511),
                    (const char *) r->data.data); /* cut is fine */
    rp__store_where w = where_of(d);
    return note_store_error(
        s, rp__store_task_failed(s->store, d->first, r->task_code, text, &w, &s->store_error));
}

static rp_status take_settled(rp__sink *sink, int64_t first, int64_t count, rp_status why, const char *text)
{
    map_sink *s = (map_sink *) sink;
    note_error(s, why, first, -1, 0, text, strlen(text));
    if (s->store && why == RP_ELOST) /* the rest is left pending, for a resumed run */
        (void) note_store_error(
            s, rp__store_settled(s->store, first, count, RP__TASK_LOST, text, &s->store_error));
    return RP_OK;
}

static void take_end(rp__sink *sink)
{
    map_sink *s = (map_sink *) sink;
    s->is_done = true;
    s->call->pool->open_batches--;
}

/* ---- the run file ---- */

static rp_status begin_store(map_call *c, map_sink *s, const rp__func_ref *ref)
{
    rp_store *store = c->opt.store;
    if (store->is_used)
        return rp__pool_fail(c->pool, RP_ESTATE, "'%s' holds a map already: a run file takes one",
                             store->path);
    char program[1024], body[128];
    rp__process_command_line(program, sizeof program);
    if (ref->how == RP__REF_NAME)
        (void) snprintf(body, sizeof body, "%s", ref->name); /* fits */
    else
        (void) snprintf(body, sizeof body, "%s+0x%llx", ref->name,
                        (unsigned long long) ref->offset); /* fits */
    rp__store_plan plan = {.path = store->path,
                           .mode = store->mode,
                           .title = store->title,
                           .program = program,
                           .count = c->count,
                           .max_workers = rp__master_size(c->pool->master),
                           .body = body,
                           .first = c->first,
                           .in = c->in,
                           .in_size = c->in_size,
                           .out_size = c->out_size,
                           .in_fields = c->in ? store->in_fields : NULL,
                           .out_fields = c->out_size ? store->out_fields : NULL,
                           .in_field_count = c->in ? store->in_field_count : 0,
                           .out_field_count = c->out_size ? store->out_field_count : 0};
    rp_status st = rp__store_begin(&store->inner, &plan, &c->pool->error);
    if (st)
        return st;
    store->is_used = true;
    store->exit_code = RP__EXIT_POOL; /* until the map has ended */
    s->store = store->inner;
    s->feed.count = c->count;
    return RP_OK;
}

typedef struct earlier {
    map_call *call;
    map_sink *sink;
    uint32_t batch;
    rp_status status;
} earlier;

/* A range that an earlier run finished: its results come from the file. */
static void take_earlier(void *ctx, int64_t first, int64_t count, rp__task_state state)
{
    earlier *e = ctx;
    map_call *c = e->call;
    if (!e->status)
        e->status = rp__master_batch_done_before(c->pool->master, e->batch, first, count);
    c->pool->before += count;
    if (state == RP__TASK_FAILED) {
        static const char text[] = "failed in the earlier run that is resumed";
        e->sink->feed.failed_before += count;
        note_error(e->sink, RP_ETASK, first, -1, 0, text, sizeof text - 1);
        return;
    }
    e->sink->feed.succeeded_before += count;
    if (!e->status && c->out && c->out_size)
        e->status = rp__store_read_results(e->sink->store, first, count,
                                           c->out + (size_t) first * c->out_size, &e->sink->store_error);
}

static void end_store(map_call *c, map_sink *s)
{
    rp__store_feed_end(&s->feed);
    int code = RP__EXIT_OK;
    switch (severity(s->worst.code)) {
    case 0:
        break;
    case 1:
    case 2:
        code = RP__EXIT_FAILED;
        break;
    case 3:
        code = RP__EXIT_SIGINT; /* so far nothing but Ctrl-C stops a run */
        break;
    default:
        code = RP__EXIT_POOL;
    }
    c->opt.store->exit_code = code;
}

/* ---- the call ---- */

static rp_status open_batch(map_call *c, map_sink *s, rp__source *source, uint32_t *id_out)
{
    rp__batch_spec spec = {.body = RP__BODY_FUNCTION,
                           .source = source,
                           .sink = &s->base,
                           .has_fixed_result = true,
                           .out_size = c->out_size,
                           .base = c->first,
                           .shared = {c->opt.shared, c->opt.shared_bytes},
                           .chunk = c->opt.chunk};
    rp_status st = rp__function_ref(c->fn, &spec.ref, &c->pool->error);
    if (!st && c->opt.store)
        st = begin_store(c, s, &spec.ref);
    if (st)
        return st;
    st = rp__master_batch_open(c->pool->master, &spec, id_out);
    if (!st)
        c->pool->open_batches++;
    return st;
}

static rp_status fill_batch(map_call *c, map_sink *s, uint32_t id)
{
    earlier e = {.call = c, .sink = s, .batch = id};
    c->pool->before = 0;
    if (s->store)
        rp__store_each_done(s->store, take_earlier, &e);
    if (e.status)
        return e.status;
    rp__pool_progress_begin(c->pool, c->count, c->pool->before);
    if (s->store)
        rp__store_feed_begin(&s->feed, c->pool, s->store, false);
    rp_status st = rp__master_batch_grow(c->pool->master, id, c->count);
    return st ? st : rp__master_batch_seal(c->pool->master, id);
}

static rp_status run_map(map_call *c)
{
    map_sink s = {
        .base = {.results = take_results, .record = take_record, .settle = take_settled, .done = take_end},
        .call = c};
    rp__error_clear(&s.worst);
    rp__source_array array = rp__source_array_of(c->in, c->in_size);
    rp__source range = rp__source_range();
    uint32_t id = 0;
    if (c->out && c->out_size)
        memset(c->out, 0, (size_t) c->count * c->out_size);
    rp_status st = open_batch(c, &s, c->in_size ? &array.base : &range, &id);
    if (st)
        return st;
    st = fill_batch(c, &s, id);
    if (!st)
        st = rp__pool_until(c->pool, &s.is_done);
    rp__pool_progress_end(c->pool);
    if (st && !s.worst.code)
        s.worst = *rp__master_error(c->pool->master);
    if (s.worst.code == RP_EINTERRUPTED)
        c->pool->was_interrupted = true;
    if (s.store)
        end_store(c, &s);
    c->pool->error = s.worst;
    return s.worst.code;
}

static rp_status check_map(const map_call *c)
{
    rp_pool *p = c->pool;
    if (!c->fn)
        return rp__pool_fail(p, RP_EINVAL, "a map needs a function");
    if (c->count < 0 || c->in_size > SIZE_MAX_EACH || c->out_size > SIZE_MAX_EACH)
        return rp__pool_fail(p, RP_EINVAL,
                             "a map takes 0 or more tasks with payloads and results of at most 1 GiB");
    if (c->first < 0 || c->first > INT64_MAX - c->count)
        return rp__pool_fail(p, RP_EINVAL, "a range of numbers must lie between 0 and 2^63");
    if (c->count > 0 &&
        ((c->in_size > 0) != (c->in != NULL) || (c->out_size > 0 && !c->out && !c->opt.store)))
        return rp__pool_fail(p, RP_EINVAL,
                             "a map needs in and in_size together, and a place for its results");
    if (c->opt.chunk < 0 || c->opt.shared_bytes > SIZE_MAX_EACH || (!c->opt.shared && c->opt.shared_bytes))
        return rp__pool_fail(p, RP_EINVAL, "chunk must be 0 or more, shared at most 1 GiB");
    return RP_OK;
}

static rp_status start_map(map_call *c, const rp_map_options *opt)
{
    if (!c->pool)
        return RP_EINVAL;
    c->opt = (rp_map_options) RP_MAP_OPTIONS_INIT;
    if (opt)
        memcpy(&c->opt, opt, opt->size && opt->size < sizeof c->opt ? opt->size : sizeof c->opt);
    rp_status st = check_map(c);
    return st ? st : run_map(c);
}

rp_status rp_map(rp_pool *pool, rp_task_fn fn, const void *in, size_t in_size, void *out, size_t out_size,
                 int64_t count, const rp_map_options *opt)
{
    map_call c = {.pool = pool,
                  .fn = fn,
                  .in = in,
                  .in_size = in_size,
                  .out = out,
                  .out_size = out_size,
                  .count = count};
    return start_map(&c, opt);
}

rp_status rp_map_range(rp_pool *pool, rp_task_fn fn, int64_t first, int64_t count, void *out, size_t out_size,
                       const rp_map_options *opt)
{
    map_call c = {.pool = pool, .fn = fn, .out = out, .out_size = out_size, .first = first, .count = count};
    return start_map(&c, opt);
}
