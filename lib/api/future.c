/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Futures. Submits of one function join one open batch; its source and sink are the futures themselves.
 */
#include "api/pool.h"
#include "exec/function.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD_MAX   ((size_t) 8 << 30)
#define TURN_INTERVAL 64 /* submits between looks at what has come */

struct rp_future {
    rp__submitter *owner; /* NULL once settled */
    int64_t task;
    int refs;         /* the user's, and the submitter's until it is settled */
    rp_status status; /* RP_TIMEOUT: not settled */
    rp_error *error;  /* owned; NULL: none */
    size_t in_bytes, result_bytes;
    void *in;     /* owned until settled */
    void *result; /* owned */
};

struct rp__submitter {
    rp__source source; /* first: a submitter is a source */
    rp__sink sink;
    rp_pool *pool;
    rp_task_fn fn;
    uint32_t batch;
    /* futures not settled: slot k is task `base + k`; NULL: settled */
    rp_future **slot;
    size_t len, cap;
    int64_t base;
    bool is_done;
    unsigned since_turn;
    rp__submitter *next; /* pool.submitters */
};

static rp__submitter *of_sink(rp__sink *s)
{
    return (rp__submitter *) (void *) ((char *) s - offsetof(rp__submitter, sink));
}

static rp_future **slot_of(rp__submitter *s, int64_t task)
{
    return &s->slot[task - s->base];
}

static void release(rp_future *f)
{
    if (--f->refs > 0)
        return;
    rp__free(f->in);
    rp__free(f->result);
    rp__free(f->error);
    rp__free(f);
}

/* ---- the source ---- */

typedef struct window {
    rp__submitter *s;
    int64_t first;
} window;

static rp__bytes payload_of(void *ctx, int64_t k)
{
    const window *w = ctx;
    const rp_future *f = *slot_of(w->s, w->first + k);
    return (rp__bytes){f->in, f->in_bytes};
}

static rp_status emit(rp__source *source, int64_t first, int64_t count, rp__parts *out)
{
    window w = {(rp__submitter *) (void *) source, first};
    return rp__source_emit_sized(out, count, payload_of, &w);
}

/* ---- the sink ---- */

/* Forgets leading settled slots, so that memory follows what is pending. */
static void compact(rp__submitter *s)
{
    size_t gone = 0;
    while (gone < s->len && !s->slot[gone])
        gone++;
    if (gone < s->len / 2 || gone == 0)
        return;
    memmove(s->slot, s->slot + gone, (s->len - gone) * sizeof *s->slot);
    s->len -= gone;
    s->base += (int64_t) gone;
}

static void settle_future(rp__submitter *s, int64_t task, rp_status st, const rp__delivery *d, int code,
                          rp__bytes data)
{
    rp_future **slot = slot_of(s, task), *f = *slot;
    *slot = NULL;
    f->owner = NULL;
    f->status = st;
    if (st == RP_OK && data.len) {
        f->result = rp__alloc_aligned(data.len);
        if (f->result) {
            memcpy(f->result, data.data, data.len);
            f->result_bytes = data.len;
        } else {
            f->status = RP_ENOMEM;
        }
    } else if (st != RP_OK && (f->error = rp__alloc(sizeof *f->error))) {
        *f->error = (rp_error){.code = st, .task_code = code, .rank = d ? d->worker : -1, .task = task};
        size_t n = data.len < sizeof f->error->text - 1 ? data.len : sizeof f->error->text - 1;
        memcpy(f->error->text, data.data, n);
    }
    rp__free(f->in);
    f->in = NULL;
    release(f);
    if ((task & 63) == 63)
        compact(s);
}

static rp_status take_record(rp__sink *sink, const rp__delivery *d, const rp__record *r)
{
    settle_future(of_sink(sink), d->first, r->status, d, r->task_code, r->data);
    return RP_OK;
}

static rp_status take_settled(rp__sink *sink, int64_t first, int64_t count, rp_status why, const char *text)
{
    rp__submitter *s = of_sink(sink);
    if (why == RP_EINTERRUPTED)
        s->pool->was_interrupted = true;
    for (int64_t k = 0; k < count; k++)
        settle_future(s, first + k, why, NULL, 0, (rp__bytes){text, strlen(text)});
    return RP_OK;
}

static rp_status no_fixed_results(rp__sink *sink, const rp__delivery *d, const void *data)
{
    (void) sink;
    (void) d;
    (void) data;
    return RP_EINTERNAL; /* the batch has no fixed result size */
}

static void batch_done(rp__sink *sink)
{
    rp__submitter *s = of_sink(sink);
    s->is_done = true;
    s->pool->open_batches--;
}

/* ---- submitters ---- */

static rp_status new_submitter(rp_pool *p, rp_task_fn fn, rp__submitter **out)
{
    rp__submitter *s = rp__alloc(sizeof *s);
    if (!s)
        return rp__pool_fail(p, RP_ENOMEM, "no memory for a batch");
    s->pool = p;
    s->fn = fn;
    s->source = (rp__source){.payload = RP__PAYLOAD_SIZED, .emit = emit};
    s->sink = (rp__sink){
        .results = no_fixed_results, .record = take_record, .settle = take_settled, .done = batch_done};
    rp__batch_spec spec = {.body = RP__BODY_FUNCTION, .source = &s->source, .sink = &s->sink};
    rp_status st = rp__function_ref(fn, &spec.ref, &p->error);
    if (!st)
        st = rp__master_batch_open(p->master, &spec, &s->batch);
    if (st) {
        rp__free(s);
        return st;
    }
    p->open_batches++;
    s->next = p->submitters;
    p->submitters = s;
    *out = s;
    return RP_OK;
}

static rp_status find_submitter(rp_pool *p, rp_task_fn fn, rp__submitter **out)
{
    for (rp__submitter *s = p->submitters; s; s = s->next)
        if (s->fn == fn && !s->is_done) {
            *out = s;
            return RP_OK;
        }
    return new_submitter(p, fn, out);
}

rp_status rp__submitters_seal(rp_pool *p)
{
    rp_status st = RP_OK;
    for (rp__submitter *s = p->submitters; s && !st; s = s->next)
        if (!s->is_done)
            st = rp__master_batch_seal(p->master, s->batch);
    return st;
}

void rp__submitters_free(rp_pool *p)
{
    for (rp__submitter *s = p->submitters, *next; s; s = next) {
        next = s->next;
        static const char why[] = "the pool failed";
        for (size_t k = 0; k < s->len; k++)
            if (s->slot[k])
                settle_future(s, s->base + (int64_t) k, RP_EBROKEN, NULL, 0,
                              (rp__bytes){why, sizeof why - 1});
        rp__free(s->slot);
        rp__free(s);
    }
    p->submitters = NULL;
}

/* ---- the public side ---- */

static bool add_slot(rp__submitter *s)
{
    if (s->len < s->cap)
        return true;
    size_t cap = s->cap ? s->cap * 2 : 64;
    rp_future **slot = rp__realloc(s->slot, cap * sizeof *slot);
    if (!slot)
        return false;
    s->slot = slot;
    s->cap = cap;
    return true;
}

static rp_future *new_future(rp__submitter *s, const void *in, size_t bytes)
{
    rp_future *f = rp__alloc(sizeof *f);
    if (!f)
        return NULL;
    *f = (rp_future){.owner = s, .refs = 2, .status = RP_TIMEOUT, .in_bytes = bytes};
    if (bytes) {
        f->in = rp__alloc_aligned(bytes);
        if (!f->in) {
            rp__free(f);
            return NULL;
        }
        memcpy(f->in, in, bytes);
    }
    return f;
}

static rp_status check_submit(rp_pool *p, rp_task_fn fn, const void *in, size_t bytes)
{
    if (!fn || (!in && bytes))
        return rp__pool_fail(p, RP_EINVAL,
                             "rp_submit() needs a function, and a payload where bytes is not 0");
    if (bytes > PAYLOAD_MAX)
        return rp__pool_fail(p, RP_ETOOBIG, "a payload of %zu bytes is above the limit of 8 GiB", bytes);
    if (rp__master_is_stopped(p->master))
        return rp__pool_fail(p, RP_EINTERRUPTED, "the run was told to stop");
    rp__master_counts c;
    rp__master_counts_get(p->master, &c);
    if (c.sched.workers_alive == 0)
        return rp__pool_fail(p, RP_EBROKEN, "the pool has no worker left");
    return RP_OK;
}

rp_status rp_submit(rp_pool *p, rp_future **out, rp_task_fn fn, const void *in, size_t bytes,
                    const rp_submit_options *opt)
{
    (void) opt;
    if (!p || !out)
        return RP_EINVAL;
    rp__submitter *s = NULL;
    rp_status st = check_submit(p, fn, in, bytes);
    if (!st)
        st = find_submitter(p, fn, &s);
    if (st)
        return st;
    rp_future *f = add_slot(s) ? new_future(s, in, bytes) : NULL;
    if (!f)
        return rp__pool_fail(p, RP_ENOMEM, "no memory for a future of %zu bytes", bytes);
    f->task = s->base + (int64_t) s->len;
    s->slot[s->len++] = f;
    st = rp__master_batch_grow(p->master, s->batch, 1);
    if (!st)
        st = rp__master_flush(p->master);
    if (!st && ++s->since_turn % TURN_INTERVAL == 0)
        st = rp__pool_turn(p, 0);
    if (st) {
        release(f); /* the user's reference; the pool's ends with the pool */
        return st;
    }
    *out = f;
    return RP_OK;
}

rp_status rp_future_result(rp_future *f, int64_t timeout_ms, rp_view *out)
{
    rp__time deadline = RP__NEVER;
    rp_pool *p = f->owner ? f->owner->pool : NULL;
    if (p && timeout_ms < INT64_MAX / RP__MS) {
        int64_t ns = rp__max64(timeout_ms, 0) * RP__MS, now = rp__master_now(p->master);
        deadline = ns > RP__NEVER - now ? RP__NEVER : now + ns;
    }
    bool looked = false;
    while (f->owner) {
        if (looked && rp__master_now(p->master) >= deadline)
            return RP_TIMEOUT;
        looked = true;
        rp_status st = rp__pool_turn(p, timeout_ms <= 0 ? 0 : deadline);
        if (st)
            return st;
    }
    if (f->status == RP_OK && out)
        *out = (rp_view){f->result, f->result_bytes};
    return f->status;
}

bool rp_future_done(const rp_future *f)
{
    return !f->owner;
}

const rp_error *rp_future_error(const rp_future *f)
{
    static const rp_error none = {.rank = -1, .task = -1};
    static const rp_error no_memory = {
        .code = RP_ENOMEM, .rank = -1, .task = -1, .text = "no memory to keep the result or the error"};
    if (f->error)
        return f->error;
    return f->owner || f->status == RP_OK ? &none : &no_memory;
}

rp_status rp_future_cancel(rp_future *f)
{
    if (f->owner)
        (void) rp__master_task_cancel(f->owner->pool->master, f->owner->batch,
                                      f->task); /* the status tells */
    return f->status == RP_ECANCELED ? RP_OK : RP_ESTATE;
}

void rp_future_free(rp_future *f)
{
    if (f)
        release(f);
}
