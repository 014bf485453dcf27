/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One handler per event; each changes the ledger, then match() hands waiting work to workers with room.
 */
#include "sched/state.h"

#include <assert.h>

typedef rp_status event_fn(rp__sched *s, const rp__event *ev, rp__actions *out);

/* ---- handing out ---- */

static bool is_broken(const rp__sched *s)
{
    return s->workers.joined > 0 && s->workers.alive == 0;
}

static rp_status assign(rp__sched *s, rp__sched_batch *b, int worker, int64_t size, rp__actions *out)
{
    rp__returned cut;
    bool some = rp__batch_cut(b, size, &cut);
    assert(some); /* the caller saw waiting work */
    (void) some;
    rp__lease lease = {.id = ++s->last_lease,
                       .batch = b->id,
                       .attempt = cut.attempt,
                       .first = cut.first,
                       .count = cut.count};
    b->leased += cut.count;
    b->leases++;
    rp__workers_lease_add(&s->workers, worker, &lease);
    rp__action a = {.kind = RP__ACTION_ASSIGN,
                    .worker = worker,
                    .batch = b->id,
                    .lease = lease.id,
                    .first = lease.first,
                    .count = lease.count,
                    .attempt = lease.attempt};
    return rp__sched_act(out, a) ? RP_OK : RP_ENOMEM;
}

/* Gives a batch's waiting work to the emptiest workers, while both are there. */
static rp_status match_batch(rp__sched *s, rp__sched_batch *b, rp__actions *out)
{
    for (;;) {
        int64_t waiting = rp__batch_waiting(b);
        if (waiting <= 0 || b->cancel)
            return RP_OK;
        int64_t size = rp__chunking_size(&b->chunking, waiting, s->workers.alive);
        int worker =
            rp__workers_emptiest(&s->workers, rp__chunking_room(&b->chunking, size, s->workers.prefetch));
        if (worker < 0)
            return RP_OK;
        rp_status st = assign(s, b, worker, size, out);
        if (st)
            return st;
    }
}

static rp_status match(rp__sched *s, rp__actions *out)
{
    rp_status st = RP_OK;
    if (s->workers.alive == 0)
        return RP_OK;
    for (rp__sched_batch *b = s->batches; b && !st; b = b->next)
        st = match_batch(s, b, out);
    return st;
}

/* ---- workers ---- */

static rp_status on_worker_join(rp__sched *s, const rp__event *ev, rp__actions *out)
{
    (void) out;
    if (!rp__sched_is_worker(s, ev->worker) || s->workers.item[ev->worker].life == RP__LIFE_ALIVE)
        return RP_EINTERNAL;
    rp__workers_join(&s->workers, ev->worker);
    return RP_OK;
}

/* The task that was running: one attempt is charged; it goes back alone, or is set aside. */
static rp_status charge(rp__sched *s, rp__sched_batch *b, int64_t task, int attempt, int worker,
                        rp__actions *out)
{
    rp__action a = {.kind = RP__ACTION_CHARGE,
                    .worker = worker,
                    .batch = b->id,
                    .first = task,
                    .count = 1,
                    .attempt = attempt};
    if (!rp__sched_act(out, a))
        return RP_ENOMEM;
    if (attempt >= s->max_attempts)
        return rp__sched_settle(b, task, 1, attempt, RP_ELOST, out);
    return rp__batch_give_back(b, task, 1, attempt + 1) ? RP_OK : RP_ENOMEM;
}

static rp_status give_back_gap(rp__sched *s, rp__sched_batch *b, const rp__lease *l, rp__range gap,
                               int worker, rp__actions *out)
{
    b->leased -= gap.count;
    if (b->cancel)
        return rp__sched_settle(b, gap.first, gap.count, l->attempt, b->cancel, out);
    rp__action a = {.kind = RP__ACTION_REQUEUE,
                    .worker = worker,
                    .batch = b->id,
                    .lease = l->id,
                    .first = gap.first,
                    .count = gap.count,
                    .attempt = l->attempt};
    if (worker >= 0) {
        s->requeued += gap.count;
        if (!rp__sched_act(out, a))
            return RP_ENOMEM;
    }
    return rp__batch_give_back(b, gap.first, gap.count, l->attempt) ? RP_OK : RP_ENOMEM;
}

/* Tasks of a lease that nobody has answered go back, for the queue to hand them out in order. worker is -1
 * when it gave them back itself. */
static rp_status give_back(rp__sched *s, rp__sched_batch *b, const rp__lease *l, int64_t first, int64_t end,
                           int worker, rp__actions *out)
{
    rp_status st = RP_OK;
    rp__range gap = {first, 0};
    size_t from = b->returned_len;
    while (!st && rp__ranges_find(&b->done, gap.first + gap.count, end, false, &gap))
        st = give_back_gap(s, b, l, gap, worker, out);
    rp__batch_turn_returned(b, from);
    return st;
}

static rp_status give_back_lease(rp__sched *s, const rp__event *ev, const rp__lease *l, rp__actions *out)
{
    rp__sched_batch *b = rp__sched_find_batch(s, l->batch);
    int64_t end = l->first + l->count, run = ev->first;
    rp__range r;
    b->leases--;
    bool was_running = ev->batch == l->batch && run >= l->first && run < end &&
                       rp__ranges_find(&b->done, run, run + 1, false, &r);
    if (!was_running)
        return give_back(s, b, l, l->first, end, ev->worker, out);
    rp_status st = give_back(s, b, l, run + 1, end, ev->worker, out);
    if (st)
        return st;
    b->leased--;
    st = b->cancel ? rp__sched_settle(b, run, 1, l->attempt, b->cancel, out)
                   : charge(s, b, run, l->attempt, ev->worker, out);
    return st ? st : give_back(s, b, l, l->first, run, ev->worker, out);
}

static rp_status break_pool(rp__sched *s, rp__actions *out)
{
    if (!rp__sched_act(out, (rp__action){.kind = RP__ACTION_BROKEN}))
        return RP_ENOMEM;
    rp_status st = RP_OK;
    for (rp__sched_batch *b = s->batches, *next; b && !st; b = next) {
        next = b->next;
        st = rp__sched_cancel(s, b, RP_EBROKEN, out);
    }
    return st;
}

static rp_status on_worker_lost(rp__sched *s, const rp__event *ev, rp__actions *out)
{
    if (!rp__sched_is_worker(s, ev->worker))
        return RP_EINTERNAL;
    rp__sched_worker *w = &s->workers.item[ev->worker];
    if (w->life != RP__LIFE_ALIVE)
        return RP_OK; /* noticed twice, by two means */
    int leases = w->lease_count;
    rp__workers_lose(&s->workers, ev->worker);
    rp_status st = RP_OK;
    const rp__lease *l = rp__workers_leases(&s->workers, ev->worker);
    for (int i = leases - 1; i >= 0 && !st; i--)
        st = give_back_lease(s, ev, &l[i], out);
    for (rp__sched_batch *b = s->batches, *next; b && !st; b = next) {
        next = b->next;
        st = rp__sched_finish_if_done(s, b, out);
    }
    return st || !is_broken(s) ? st : break_pool(s, out);
}

/* ---- batches ---- */

static rp_status on_batch_open(rp__sched *s, const rp__event *ev, rp__actions *out)
{
    (void) out;
    if (rp__sched_find_batch(s, ev->batch))
        return RP_EINTERNAL;
    rp__sched_batch *b = rp__alloc(sizeof *b);
    if (!b)
        return RP_ENOMEM;
    b->id = ev->batch;
    b->chunking.fixed = ev->chunk;
    b->chunking.max = rp__max64(ev->max_chunk, 1);
    if (s->is_stopping)
        b->cancel = RP_EINTERRUPTED;
    else if (is_broken(s))
        b->cancel = RP_EBROKEN;
    rp__sched_batch **at = &s->batches;
    while (*at)
        at = &(*at)->next;
    *at = b;
    return RP_OK;
}

static rp_status on_already_done(rp__sched *s, const rp__event *ev, rp__actions *out)
{
    (void) out;
    rp__sched_batch *b = rp__sched_find_batch(s, ev->batch);
    if (!b || b->is_sealed || ev->first < b->total || ev->count < 0 || ev->count > INT64_MAX - ev->first)
        return RP_EINTERNAL;
    int64_t before = b->done.total;
    if (!rp__ranges_add(&b->done, ev->first, ev->count))
        return RP_ENOMEM;
    b->early += b->done.total - before;
    return RP_OK;
}

static rp_status on_batch_grow(rp__sched *s, const rp__event *ev, rp__actions *out)
{
    (void) s;
    rp__sched_batch *b = rp__sched_find_batch(s, ev->batch);
    if (!b || b->is_sealed || ev->count < 0 || ev->count > INT64_MAX - b->total)
        return RP_EINTERNAL;
    rp__batch_grow(b, ev->count);
    return b->cancel ? rp__sched_settle_waiting(b, b->cancel, out) : RP_OK;
}

static rp_status on_batch_seal(rp__sched *s, const rp__event *ev, rp__actions *out)
{
    rp__sched_batch *b = rp__sched_find_batch(s, ev->batch);
    if (!b)
        return RP_EINTERNAL;
    b->is_sealed = true;
    return rp__sched_finish_if_done(s, b, out);
}

static rp_status on_batch_cancel(rp__sched *s, const rp__event *ev, rp__actions *out)
{
    rp__sched_batch *b = rp__sched_find_batch(s, ev->batch);
    if (ev->status == RP_OK)
        return RP_EINTERNAL;
    return b ? rp__sched_cancel(s, b, ev->status, out) : RP_OK; /* done meanwhile */
}

static rp_status on_task_cancel(rp__sched *s, const rp__event *ev, rp__actions *out)
{
    rp__sched_batch *b = rp__sched_find_batch(s, ev->batch);
    if (b && (ev->first < 0 || ev->first >= b->total))
        return RP_EINTERNAL;
    if (!b || !rp__batch_is_waiting(b, ev->first))
        return RP_OK; /* a worker holds it, or it is done: no action tells so */
    rp_status st = rp__sched_settle(b, ev->first, 1, 0, RP_ECANCELED, out);
    return st ? st : rp__sched_finish_if_done(s, b, out);
}

static rp_status on_stop(rp__sched *s, const rp__event *ev, rp__actions *out)
{
    (void) ev;
    s->is_stopping = true;
    rp_status st = RP_OK;
    for (rp__sched_batch *b = s->batches, *next; b && !st; b = next) {
        next = b->next;
        st = rp__sched_cancel(s, b, RP_EINTERRUPTED, out);
    }
    return st;
}

/* ---- answers ---- */

/* Tasks that some living worker holds are done through another's late answer: they leave the leased count. */
static void uncount_leased(rp__sched *s, rp__sched_batch *b, rp__range r)
{
    for (int w = 0; w < s->workers.max; w++) {
        if (s->workers.item[w].life != RP__LIFE_ALIVE)
            continue;
        const rp__lease *l = rp__workers_leases(&s->workers, w);
        for (int i = 0; i < s->workers.item[w].lease_count; i++) {
            int64_t from = rp__max64(l[i].first, r.first);
            int64_t end = rp__min64(l[i].first + l[i].count, r.first + r.count);
            if (l[i].batch == b->id && from < end)
                b->leased -= end - from;
        }
    }
}

static bool covers(const rp__lease *l, uint32_t batch, rp__range r)
{
    return l && l->batch == batch && r.first >= l->first && r.first - l->first < l->count &&
           r.count <= l->count - (r.first - l->first);
}

/* Whether an ANSWER or RETURN names a worker that has joined, and tasks. */
static bool is_from_worker(const rp__sched *s, const rp__event *ev)
{
    return rp__sched_is_worker(s, ev->worker) && s->workers.item[ev->worker].life != RP__LIFE_ABSENT &&
           ev->first >= 0 && ev->count >= 1 && ev->count <= INT64_MAX - ev->first;
}

/* Sorts the answered tasks into first answers and duplicates. */
static rp_status accept(rp__sched *s, rp__sched_batch *b, const rp__lease *l, const rp__event *ev,
                        rp__actions *out)
{
    int64_t at = ev->first, end = ev->first + ev->count;
    while (at < end) {
        rp__range r;
        rp__action a = {.worker = ev->worker, .batch = ev->batch, .lease = ev->lease};
        if (b && rp__ranges_find(&b->done, at, end, false, &r) && r.first == at) {
            a.kind = RP__ACTION_ACCEPT;
            a.attempt = l ? l->attempt : 0;
            if (covers(l, b->id, r))
                b->leased -= r.count;
            else
                uncount_leased(s, b, r);
            if (!rp__ranges_add(&b->done, r.first, r.count))
                return RP_ENOMEM;
        } else {
            a.kind = RP__ACTION_DUPLICATE;
            if (!b || !rp__ranges_find(&b->done, at, end, true, &r))
                r = (rp__range){at, end - at};
            s->duplicates += r.count;
        }
        a.first = r.first;
        a.count = r.count;
        if (!rp__sched_act(out, a))
            return RP_ENOMEM;
        at = r.first + r.count;
    }
    return RP_OK;
}

/* Drops the lease when no task of it is left to be done. */
static void drop_if_finished(rp__sched *s, rp__sched_batch *b, int worker, const rp__lease *l)
{
    rp__range r;
    if (rp__ranges_find(&b->done, l->first, l->first + l->count, false, &r))
        return;
    rp__workers_lease_drop(&s->workers, worker, (int) (l - rp__workers_leases(&s->workers, worker)));
    b->leases--;
}

static rp_status on_answer(rp__sched *s, const rp__event *ev, rp__actions *out)
{
    rp__sched_batch *b = rp__sched_find_batch(s, ev->batch);
    if (!is_from_worker(s, ev) || (b && ev->first + ev->count > b->cursor)) /* never handed out */
        return RP_EINTERNAL;
    const rp__lease *l = rp__workers_lease_find(&s->workers, ev->worker, ev->lease);
    if (l && !covers(l, ev->batch, (rp__range){ev->first, ev->count}))
        return RP_EINTERNAL;
    rp_status st = accept(s, b, l, ev, out);
    if (st || !b)
        return st;
    if (l)
        drop_if_finished(s, b, ev->worker, l);
    rp__chunking_learn(&b->chunking, ev->count, ev->busy_ns);
    return rp__sched_finish_if_done(s, b, out);
}

static rp_status on_return(rp__sched *s, const rp__event *ev, rp__actions *out)
{
    if (!is_from_worker(s, ev))
        return RP_EINTERNAL;
    rp__lease *l = rp__workers_lease_find(&s->workers, ev->worker, ev->lease);
    if (!l)
        return RP_OK; /* from a worker believed lost, or the batch is done: nothing is left to go back */
    int64_t end = l->first + l->count;
    if (!covers(l, ev->batch, (rp__range){ev->first, ev->count}) || ev->first + ev->count != end)
        return RP_EINTERNAL;
    rp__sched_batch *b = rp__sched_find_batch(s, ev->batch);
    rp_status st = give_back(s, b, l, ev->first, end, -1, out);
    if (st)
        return st;
    l->count -= ev->count;
    drop_if_finished(s, b, ev->worker, l);
    return rp__sched_finish_if_done(s, b, out);
}

/* ---- the step ---- */

static event_fn *const handlers[RP__EVENT_COUNT] = {
    [RP__EVENT_WORKER_JOIN] = on_worker_join,
    [RP__EVENT_WORKER_LOST] = on_worker_lost,
    [RP__EVENT_BATCH_OPEN] = on_batch_open,
    [RP__EVENT_ALREADY_DONE] = on_already_done,
    [RP__EVENT_BATCH_GROW] = on_batch_grow,
    [RP__EVENT_BATCH_SEAL] = on_batch_seal,
    [RP__EVENT_BATCH_CANCEL] = on_batch_cancel,
    [RP__EVENT_TASK_CANCEL] = on_task_cancel,
    [RP__EVENT_ANSWER] = on_answer,
    [RP__EVENT_RETURN] = on_return,
    [RP__EVENT_STOP] = on_stop,
};

rp_status rp__sched_step(rp__sched *s, const rp__event *ev, rp__time now, rp__actions *out)
{
    (void) now; /* decisions by time (retry delays, liveness) come with their events */
    event_fn *handle = ev->kind < RP__EVENT_COUNT ? handlers[ev->kind] : NULL;
    if (!handle)
        return RP_EINTERNAL;
    rp_status st = handle(s, ev, out);
    return st ? st : match(s, out);
}

rp_status rp__sched_new(rp__sched **out, const rp__sched_options *opt)
{
    if (opt->max_workers < 1 || opt->prefetch < 1 || opt->prefetch > RP__PREFETCH_MAX ||
        opt->max_attempts < 1)
        return RP_EINVAL;
    rp__sched *s = rp__alloc(sizeof *s);
    if (!s)
        return RP_ENOMEM;
    s->max_attempts = opt->max_attempts;
    if (!rp__workers_init(&s->workers, opt->max_workers, opt->prefetch)) {
        rp__sched_free(&s);
        return RP_ENOMEM;
    }
    *out = s;
    return RP_OK;
}

void rp__sched_free(rp__sched **s)
{
    if (!*s)
        return;
    for (rp__sched_batch *b = (*s)->batches, *next; b; b = next) {
        next = b->next;
        rp__batch_free(b);
    }
    rp__workers_done(&(*s)->workers);
    rp__free(*s);
    *s = NULL;
}

void rp__actions_done(rp__actions *a)
{
    rp__free(a->item);
    *a = (rp__actions){0};
}
