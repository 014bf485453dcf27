/* SPDX-License-Identifier: BSD-3-Clause */
/* The pool in a box. What it allocates for itself does not count as the library's. */
#include "poolbox.h"

#include "exec/function.h"
#include "report/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOSE_TIMEOUT (60 * RP__SEC)
#define KEEP_MAX      (1 << 20) /* batches up to that keep the fate of each task */

poolbox *poolbox_current;

/* ---- batches ---- */

/* Notes what becomes of a task; it may happen once. */
static void note(poolbox_batch *b, int64_t k, poolbox_fate fate, rp_status why)
{
    if (k < 0 || k >= b->count) {
        b->wrong++;
        return;
    }
    if (!b->fate)
        return;
    b->twice += b->fate[k] != FATE_OPEN;
    b->fate[k] = (uint8_t) fate;
    b->why[k] = (int8_t) why;
}

static bool is_refused(const poolbox_batch *b)
{
    return b->break_at >= 0 && b->results + b->failures >= b->break_at;
}

static rp_status take_results(rp__sink *sink, const rp__delivery *d, const void *data)
{
    poolbox_batch *b = (poolbox_batch *) sink;
    if (is_refused(b))
        return RP_ESTORE;
    b->results += d->count;
    b->last_attempt = d->attempt;
    b->wrong += d->count < 1 || d->worker < 1 || d->worker >= poolbox_current->size;
    for (int64_t k = 0; b->fate && k < d->count; k++) {
        rp__record r = {RP_OK, 0, {(const uint8_t *) data + (size_t) k * b->out_size, b->out_size}};
        note(b, d->first + k, FATE_RESULT, RP_OK);
        b->wrong += b->is_right && !b->is_right(b, d->first + k, &r);
    }
    return RP_OK;
}

static rp_status take_record(rp__sink *sink, const rp__delivery *d, const rp__record *r)
{
    poolbox_batch *b = (poolbox_batch *) sink;
    if (is_refused(b))
        return RP_ESTORE;
    if (r->status == RP_OK)
        b->results++;
    else
        b->failures++;
    b->last_attempt = d->attempt;
    b->wrong += d->count != 1;
    note(b, d->first, r->status ? FATE_FAILURE : FATE_RESULT, r->status);
    b->wrong += b->is_right && !b->is_right(b, d->first, r);
    return RP_OK;
}

static rp_status take_settled(rp__sink *sink, int64_t first, int64_t count, rp_status why, const char *text)
{
    poolbox_batch *b = (poolbox_batch *) sink;
    b->settled += count;
    b->last_why = why;
    b->wrong += why >= RP_OK || count < 1;
    (void) snprintf(b->last_text, sizeof b->last_text, "%s", text);
    for (int64_t k = 0; b->fate && k < count; k++)
        note(b, first + k, FATE_SETTLED, why);
    return RP_OK;
}

static void take_end(rp__sink *sink)
{
    ((poolbox_batch *) sink)->done++;
    poolbox_current->open--;
}

void poolbox_batch_init(poolbox_batch *b, int64_t count, poolbox_right_fn *is_right)
{
    *b = (poolbox_batch){.sink = {take_results, take_record, take_settled, take_end},
                         .count = count,
                         .is_right = is_right,
                         .break_at = -1};
    if (count <= KEEP_MAX) {
        b->fate = calloc((size_t) count + 1, 1);
        b->why = calloc((size_t) count + 1, 1);
    }
}

void poolbox_batch_done(poolbox_batch *b)
{
    free(b->fate);
    free(b->why);
    *b = (poolbox_batch){0};
}

bool poolbox_is_whole(const poolbox_batch *b)
{
    bool fine = b->done == 1 && b->twice == 0 && b->wrong == 0 &&
                b->results + b->failures + b->settled + b->before == b->count;
    if (!fine)
        printf("    batch %u: %lld tasks, %lld results, %lld failures, %lld settled, %lld twice, %lld wrong, "
               "done %d times\n",
               b->id, (long long) b->count, (long long) b->results, (long long) b->failures,
               (long long) b->settled, (long long) b->twice, (long long) b->wrong, b->done);
    return fine;
}

static rp__bytes sized_item(void *ctx, int64_t k)
{
    const poolbox_sized *s = ctx;
    return s->item[s->first + k];
}

static rp_status sized_emit(rp__source *source, int64_t first, int64_t count, rp__parts *out)
{
    poolbox_sized *s = (poolbox_sized *) (void *) source;
    s->first = first;
    return rp__source_emit_sized(out, count, sized_item, s);
}

poolbox_sized poolbox_sized_of(const rp__bytes *item)
{
    return (poolbox_sized){.base = {.payload = RP__PAYLOAD_SIZED, .emit = sized_emit}, .item = item};
}

rp__func_ref poolbox_ref(rp_task_fn fn)
{
    rp__func_ref ref = {.how = RP__REF_NAME};
    (void) snprintf(ref.name, sizeof ref.name, "poolbox %p", (void *) (uintptr_t) fn);
    (void) rp_register(ref.name, fn);
    return ref;
}

/* ---- the box ---- */

static void take_log(void *ctx, const rp__log_record *r)
{
    poolbox *box = ctx;
    box->logs++;
    (void) snprintf(box->log, sizeof box->log, "%s", r->text);
}

/* Steps any worker while the master waits in a loop of its own. */
static rp_status drive(void *ctx, rp_error *err)
{
    poolbox *box = ctx;
    (void) err;
    if (!box->is_driving)
        return RP_EMPTY;
    rp__hub_advance(box->hub, RP__MS);
    poolbox_step_worker(box, (int) rng_below(&box->rng, box->size - 1) + 1);
    return RP_OK;
}

/* A worker is its own process elsewhere: here its log must not swallow the master's. */
rp_status poolbox_join(poolbox *box, int rank)
{
    rp__carrier *c;
    if (box->worker[rank] || box->is_gone[rank])
        return RP_OK;
    rp_status st = rp__hub_carrier(box->hub, rank, &c);
    if (!st && (st = rp__link_new(&box->link[rank], c)) != RP_OK)
        c->ops->free(c);
    if (!st)
        st = rp__worker_new(&box->worker[rank], box->link[rank], &(rp__worker_options){.rank = rank});
    rp__log_divert(take_log, box);
    return st;
}

rp_status poolbox_open(poolbox *box, const poolbox_setup *setup)
{
    *box = (poolbox){.size = setup->workers + 1, .rng = {setup->seed}};
    poolbox_current = box;
    rp__log_divert(take_log, box);
    rp__carrier *c;
    rp__master_options opt = {.prefetch = setup->prefetch ? setup->prefetch : 2,
                              .max_attempts = setup->max_attempts ? setup->max_attempts : 3,
                              .drive = drive,
                              .drive_ctx = box};
    rp_status st = rp__hub_new(&box->hub, box->size, setup->max_frame ? setup->max_frame : 4096,
                               setup->window ? setup->window : 4);
    if (!st) {
        rp__hub_fake_clock(box->hub, RP__SEC);
        st = rp__hub_carrier(box->hub, 0, &c);
    }
    if (!st && (st = rp__link_new(&box->link[0], c)) != RP_OK)
        c->ops->free(c);
    if (!st)
        st = rp__master_new(&box->master, box->link[0], &opt);
    for (int r = 1; r < box->size - setup->late && !st; r++)
        st = poolbox_join(box, r);
    return st;
}

void poolbox_kill(poolbox *box, int rank)
{
    box->is_gone[rank] = true;
    rp__hub_kill(box->hub, rank);
}

void poolbox_free(poolbox *box)
{
    rp__master_free(&box->master);
    for (int r = 0; r < box->size; r++) {
        rp__worker_free(&box->worker[r]);
        rp__link_free(&box->link[r]);
    }
    rp__hub_free(&box->hub);
    rp__log_divert(NULL, NULL);
    rp__log_speaker(-1, -1);
    poolbox_current = NULL;
}

rp_status poolbox_submit(poolbox *box, poolbox_batch *b, const rp__batch_spec *spec)
{
    rp__batch_spec s = *spec;
    s.body = s.body ? s.body : RP__BODY_FUNCTION;
    s.sink = &b->sink;
    b->out_size = s.out_size;
    rp_status st = rp__master_batch_open(box->master, &s, &b->id);
    if (st)
        return st;
    box->open++;
    if (b->before)
        st = rp__master_batch_done_before(box->master, b->id, 0, b->before);
    if (!st)
        st = rp__master_batch_grow(box->master, b->id, b->count);
    return st ? st : rp__master_batch_seal(box->master, b->id);
}

/* A worker that cannot go on is a process that ends. */
void poolbox_step_worker(poolbox *box, int rank)
{
    if (!box->worker[rank] || box->is_gone[rank])
        return;
    rp_error err = {0};
    rp_status st = rp__worker_step(box->worker[rank], &err);
    if (box->is_gone[rank])
        return; /* killed by one of its tasks */
    if (st == RP_SERVED) {
        box->is_gone[rank] = true;
        box->served++;
    } else if (st < 0) {
        box->worker_error = st;
        box->unexplained += err.code != st || !err.text[0];
        poolbox_kill(box, rank);
    }
}

rp_status poolbox_step(poolbox *box)
{
    int who = (int) rng_below(&box->rng, box->size);
    if (who == 0)
        return rp__master_turn(box->master, 0);
    poolbox_step_worker(box, who);
    return RP_OK;
}

rp_status poolbox_run(poolbox *box, int64_t max_steps)
{
    for (int64_t n = 0; n < max_steps; n++) {
        rp_status st = poolbox_step(box);
        if (st)
            return st;
        if (box->open == 0)
            return RP_OK;
    }
    return RP_TIMEOUT;
}

rp_status poolbox_close(poolbox *box)
{
    box->is_driving = true;
    rp_status st = rp__master_close(box->master, rp__master_now(box->master) + CLOSE_TIMEOUT);
    poolbox_free(box);
    return st;
}
