/* SPDX-License-Identifier: BSD-3-Clause */
/* Performing what the scheduler decides. */
#include "master/state.h"

#include <rankpool/log.h>

#include <stdio.h>

/* An answer being sorted: its records are read once, in step with the ACCEPT and DUPLICATE actions. */
typedef struct sorting {
    const rp__msg_answer *answer;
    rp__reader records;
} sorting;

static void tell_event(rp__master *m, const char *kind, int worker, const char *text)
{
    if (m->hooks.event)
        m->hooks.event(m->hooks.ctx, kind, worker, text);
}

/* Tells which task a worker runs now, after its first chunk came or an answer moved it on. */
static void tell_started(rp__master *m, int worker)
{
    uint32_t batch;
    int64_t task;
    if (m->hooks.started && rp__sched_running(m->sched, worker, &batch, &task))
        m->hooks.started(m->hooks.ctx, batch, task, worker);
}

/* ---- assign ---- */

static rp_status send_batch(rp__master *m, rp__open_batch *b, int worker)
{
    const rp__batch_spec *s = &b->spec;
    rp__msg_batch msg = {.batch = b->id,
                         .body = s->body,
                         .payload = s->source->payload,
                         .has_fixed_result = s->has_fixed_result,
                         .in_size = s->source->in_size,
                         .out_size = s->out_size,
                         .base = s->base,
                         .ref = s->ref,
                         .shared = s->shared};
    rp__buf head = {0};
    rp__wire_put_batch(&head, &msg);
    rp_status st = rp__link_send(m->link, worker, RP__MSG_BATCH, &head, NULL, 0);
    rp__buf_done(&head);
    b->is_known[worker] = st == RP_OK;
    return st;
}

static rp_status do_assign(rp__master *m, const rp__action *a)
{
    rp__open_batch *b = rp__master_find(m, a->batch);
    rp_status st = b->is_known[a->worker] ? RP_OK : send_batch(m, b, a->worker);
    if (!st)
        st = b->spec.source->emit(b->spec.source, a->first, a->count, &m->parts);
    if (st)
        return rp__master_fail(m, st, "cannot build a chunk of %lld tasks", (long long) a->count);
    rp__msg_chunk c = {
        .batch = a->batch, .lease = a->lease, .first = a->first, .count = a->count, .attempt = a->attempt};
    rp__buf head = {0};
    rp__wire_put_chunk(&head, &c);
    st = rp__link_send(m->link, a->worker, RP__MSG_CHUNK, &head, m->parts.item, m->parts.len);
    rp__buf_done(&head);
    if (st)
        return rp__master_fail(m, st, "cannot send a chunk of %lld tasks: %s", (long long) a->count,
                               rp_status_text(st));
    rp__parts_sent(&m->parts);
    tell_started(m, a->worker);
    return RP_OK;
}

/* ---- results ---- */

static void count_record(rp__master *m, rp_status st)
{
    if (st == RP_OK)
        m->counts.succeeded++;
    else
        m->counts.failed++;
}

/* Reads one record per task of the action; accepted ones go to the sink until it refuses one. All are read,
 * as the next action goes on behind them. */
static rp_status pass_records(rp__master *m, const rp__action *a, rp__open_batch *b, rp__delivery d,
                              sorting *s)
{
    rp_status st = RP_OK;
    for (int64_t k = 0; k < a->count; k++) {
        rp__record r;
        if (!rp__wire_get_record(&s->records, &r))
            return rp__master_fail(m, RP_ENET, "rank %d sent results that cannot be read", a->worker);
        if (a->kind != RP__ACTION_ACCEPT || st)
            continue;
        count_record(m, r.status);
        d.first = a->first + k;
        d.count = 1;
        st = b->spec.sink->record(b->spec.sink, &d, &r);
    }
    return st;
}

static rp_status pass_compact(rp__master *m, const rp__action *a, rp__open_batch *b, rp__delivery d,
                              const rp__msg_answer *ans)
{
    if (a->kind != RP__ACTION_ACCEPT)
        return RP_OK;
    m->counts.succeeded += a->count;
    d.first = a->first;
    d.count = a->count;
    const uint8_t *data = ans->data.data;
    return b->spec.sink->results(b->spec.sink, &d,
                                 data + (size_t) (a->first - ans->first) * b->spec.out_size);
}

/* A sink that cannot take results ends its batch, not the pool: the other batches go on. */
static rp_status do_deliver(rp__master *m, const rp__action *a, sorting *s)
{
    rp__open_batch *b = rp__master_find(m, a->batch);
    if (!b)
        return RP_OK; /* a duplicate for a batch that is done */
    rp__delivery d = {
        .worker = a->worker,
        .attempt = a->attempt,
        .started = s->answer->started,
        .busy_ns = (int64_t) ((double) s->answer->busy_ns * (double) a->count / (double) s->answer->count)};
    rp_status st = s->answer->form == RP__ANSWER_COMPACT ? pass_compact(m, a, b, d, s->answer)
                                                         : pass_records(m, a, b, d, s);
    if (st && !m->error.code)
        return rp__master_batch_cancel(m, b->id, st, "its results could not be stored");
    return st;
}

/* ---- settling ---- */

static const char *settle_text(const rp__action *a, const rp__open_batch *b, char *buf, size_t len)
{
    if (b->cancel_text[0])
        return b->cancel_text;
    if (a->status != RP_ELOST)
        return rp_status_text(a->status);
    (void) snprintf(buf, len, "set aside: each of %d workers that ran it was lost", a->attempt);
    return buf;
}

static rp_status do_settle(rp__master *m, const rp__action *a)
{
    rp__open_batch *b = rp__master_find(m, a->batch);
    char buf[128];
    if (a->status == RP_ELOST)
        m->counts.lost += a->count;
    else
        m->counts.cancelled += a->count;
    if (a->status == RP_ELOST)
        rp_log(RP_LOG_WARN, "task %lld is set aside: %d workers were lost while running it",
               (long long) a->first, a->attempt);
    return b->spec.sink->settle(b->spec.sink, a->first, a->count, a->status,
                                settle_text(a, b, buf, sizeof buf));
}

static rp_status do_batch_done(rp__master *m, const rp__action *a)
{
    rp__open_batch **at = &m->batches, *b;
    while ((*at)->id != a->batch)
        at = &(*at)->next;
    b = *at;
    *at = b->next;
    rp_status st = RP_OK;
    for (int w = 1; w < m->size && !st; w++) {
        if (!b->is_known[w])
            continue;
        rp__buf head = {0};
        rp__wire_put_u32(&head, b->id);
        st = rp__link_send(m->link, w, RP__MSG_BATCH_END, &head, NULL, 0);
        rp__buf_done(&head);
    }
    rp__sink *sink = b->spec.sink;
    rp__free(b->is_known);
    rp__free(b);
    sink->done(sink);
    return st ? rp__master_fail(m, st, "no memory to end a batch") : RP_OK;
}

static rp_status do_note(rp__master *m, const rp__action *a)
{
    char text[160];
    if (a->kind == RP__ACTION_CHARGE)
        (void) snprintf(text, sizeof text, "task %lld was running, attempt %d", (long long) a->first,
                        a->attempt);
    else
        (void) snprintf(text, sizeof text, "tasks %lld to %lld go back to the queue", (long long) a->first,
                        (long long) (a->first + a->count - 1));
    rp_log(RP_LOG_DEBUG, "rank %d lost: %s", a->worker, text);
    tell_event(m, a->kind == RP__ACTION_CHARGE ? "charge" : "requeue", a->worker, text);
    return RP_OK;
}

static rp_status do_broken(rp__master *m)
{
    rp_log(RP_LOG_ERROR, "no worker is left: the pool is broken");
    tell_event(m, "broken", 0, "no worker is left");
    return RP_OK;
}

/* ---- all of it ---- */

static rp_status perform(rp__master *m, const rp__action *a, sorting *s)
{
    switch (a->kind) {
    case RP__ACTION_ASSIGN:
        return do_assign(m, a);
    case RP__ACTION_ACCEPT:
    case RP__ACTION_DUPLICATE:
        return do_deliver(m, a, s);
    case RP__ACTION_REQUEUE:
    case RP__ACTION_CHARGE:
        return do_note(m, a);
    case RP__ACTION_SETTLE:
        return do_settle(m, a);
    case RP__ACTION_CALL_BACK: {
        rp__carrier *c = rp__link_carrier(m->link);
        rp_status st = c->ops->control_send(c, a->worker, RP__WORD_CALL_BACK, a->batch);
        return st ? rp__master_fail(m, st, "cannot reach rank %d", a->worker) : RP_OK;
    }
    case RP__ACTION_BATCH_DONE:
        return do_batch_done(m, a);
    case RP__ACTION_BROKEN:
        return do_broken(m);
    case RP__ACTION_NONE:
    case RP__ACTION_COUNT:
        break;
    }
    return rp__master_fail(m, RP_EINTERNAL, "unknown action %d", (int) a->kind);
}

/* Performing an action may raise events of its own (a batch cancelled by its sink); their actions are a list
 * of their own, performed at once, which is fine as the scheduler's state is already past this event. */
rp_status rp__master_event(rp__master *m, const rp__event *ev, const rp__msg_answer *answer)
{
    if (m->error.code)
        return m->error.code;
    rp__actions actions = {0};
    sorting s = {.answer = answer};
    if (answer)
        s.records = rp__reader_of(answer->data);
    rp_status st = rp__sched_step(m->sched, ev, rp__master_now(m), &actions);
    if (st)
        st = rp__master_fail(m, st, "the scheduler refused %s of batch %u, worker %d, tasks %lld+%lld",
                             rp__event_name(ev->kind), ev->batch, ev->worker, (long long) ev->first,
                             (long long) ev->count);
    for (size_t i = 0; i < actions.len && !st; i++)
        st = perform(m, &actions.item[i], &s);
    rp__actions_done(&actions);
    if (!st && answer)
        tell_started(m, ev->worker);
    if (st && !m->error.code)
        st = rp__master_fail(m, st, "a sink failed: %s", rp_status_text(st));
    return st;
}
