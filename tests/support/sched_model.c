/* SPDX-License-Identifier: BSD-3-Clause */
/* The model's side of events, and what must hold after each. */
#include "sched_model.h"
#include "script.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool model_init(model *m, const rp__sched_options *opt)
{
    *m = (model){.opt = *opt};
    return rp__sched_new(&m->sched, opt) == RP_OK;
}

void model_done(model *m)
{
    rp__sched_free(&m->sched);
    rp__actions_done(&m->actions);
}

/* Keeps the first broken promise. */
void model_must(model *m, bool cond, const char *promise)
{
    if (!cond && !m->why[0])
        (void) snprintf(m->why, sizeof m->why, "%s", promise);
}

bool model_lease_has(const model_lease *l, uint32_t batch, int64_t task)
{
    return l->batch == batch && task >= l->first && task < l->first + l->count &&
           (l->left >> (task - l->first) & 1);
}

static bool worker_has_task(const model_worker *w, uint32_t batch, int64_t task)
{
    for (int i = 0; i < w->leases; i++)
        if (model_lease_has(&w->lease[i], batch, task))
            return true;
    return false;
}

bool model_is_held(const model *m, uint32_t batch, int64_t task)
{
    for (int w = 0; w < m->opt.max_workers; w++)
        if (m->worker[w].is_alive && worker_has_task(&m->worker[w], batch, task))
            return true;
    return false;
}

bool model_is_waiting(const model *m, uint32_t batch, int64_t task)
{
    const model_batch *b = &m->batch[batch];
    return task < b->total && !b->task[task].is_delivered && !model_is_held(m, batch, task);
}

bool model_batch_is_whole(const model_batch *b)
{
    for (int64_t t = 0; t < b->total; t++)
        if (!b->task[t].is_delivered)
            return false;
    return b->is_sealed;
}

/* ---- the worker's side of events, before they are fed ---- */

static void cancel_open_batches(model *m, rp_status why)
{
    for (int b = 0; b < MODEL_BATCHES; b++)
        if (m->batch[b].is_open && !m->batch[b].is_done && !m->batch[b].cancel)
            m->batch[b].cancel = why;
}

static void drop_lease(model_worker *w, int at)
{
    memmove(&w->lease[at], &w->lease[at + 1], (size_t) (--w->leases - at) * sizeof w->lease[0]);
}

/* The tasks leave the worker's hands. */
static void hand_in(model *m, const rp__event *ev)
{
    model_worker *w = &m->worker[ev->worker];
    for (int i = 0; w->is_alive && i < w->leases; i++) {
        model_lease *l = &w->lease[i];
        if (l->id != ev->lease)
            continue;
        for (int64_t t = ev->first; t < ev->first + ev->count; t++)
            if (t < l->first + l->count)
                l->left &= ~(UINT64_C(1) << (t - l->first));
        if (ev->kind == RP__EVENT_RETURN)
            l->count = ev->first - l->first;
        if (l->left == 0)
            drop_lease(w, i);
        return;
    }
}

static void lose(model *m, model_worker *w)
{
    for (int i = 0; i < w->leases; i++) {
        const model_lease *l = &w->lease[i];
        for (int64_t t = l->first; t < l->first + l->count; t++)
            if (model_lease_has(l, l->batch, t) && !m->batch[l->batch].task[t].is_delivered)
                m->batch[l->batch].task[t].must_go_back = true;
    }
    w->is_alive = false;
    w->leases = 0;
    m->alive--;
}

static void prepare(model *m, const rp__event *ev)
{
    model_worker *w = &m->worker[ev->worker];
    model_batch *b = &m->batch[ev->batch];
    if (ev->kind == RP__EVENT_WORKER_JOIN) {
        m->joined += !w->has_joined;
        m->alive++;
        w->has_joined = w->is_alive = true;
    } else if (ev->kind == RP__EVENT_WORKER_LOST && w->is_alive) {
        lose(m, w);
        if (m->alive == 0)
            cancel_open_batches(m, RP_EBROKEN);
    } else if (ev->kind == RP__EVENT_BATCH_OPEN) {
        b->is_open = true;
        b->cancel = m->is_stopping ? RP_EINTERRUPTED : m->joined > 0 && m->alive == 0 ? RP_EBROKEN : RP_OK;
    } else if (ev->kind == RP__EVENT_ALREADY_DONE) {
        for (int64_t t = ev->first; t < ev->first + ev->count; t++)
            b->task[t].is_delivered = true;
    } else if (ev->kind == RP__EVENT_BATCH_GROW) {
        b->total += ev->count;
    } else if (ev->kind == RP__EVENT_BATCH_SEAL) {
        b->is_sealed = true;
    } else if (ev->kind == RP__EVENT_BATCH_CANCEL && !b->cancel) {
        b->cancel = ev->status;
    } else if (ev->kind == RP__EVENT_ANSWER || ev->kind == RP__EVENT_RETURN) {
        hand_in(m, ev);
    } else if (ev->kind == RP__EVENT_STOP) {
        m->is_stopping = true;
        cancel_open_batches(m, RP_EINTERRUPTED);
    }
}

/* ---- after each event ---- */

static int64_t count_held(const model *m, const model_worker *w, uint32_t batch, int *leases_out)
{
    int64_t n = 0;
    *leases_out = 0;
    for (int i = 0; i < w->leases; i++) {
        int64_t before = n;
        const model_lease *l = &w->lease[i];
        for (int64_t t = l->first; t < l->first + l->count; t++)
            n += l->batch == batch && model_lease_has(l, batch, t) && !m->batch[batch].task[t].is_delivered;
        *leases_out += n > before;
    }
    return n;
}

/* The scheduler's sums against those of the model; leases no more than prefetch; idle workers get work. */
static void check_sums(model *m)
{
    rp__sched_counts want = {.workers_joined = m->joined, .workers_alive = m->alive}, got;
    int leases[MODEL_WORKERS] = {0}, n;
    for (uint32_t i = 0; i < MODEL_BATCHES; i++) {
        const model_batch *b = &m->batch[i];
        int64_t done = 0, held = 0;
        if (!b->is_open || b->is_done)
            continue;
        for (int64_t t = 0; t < b->total; t++) {
            done += b->task[t].is_delivered;
            model_must(m, !b->task[t].must_go_back, "all that a lost worker held goes back");
        }
        for (int w = 0; w < m->opt.max_workers; w++) {
            held += count_held(m, &m->worker[w], i, &n);
            leases[w] += n;
        }
        want.done += done;
        want.leased += held;
        want.waiting += b->total - done - held;
        model_must(m, !b->cancel || done + held == b->total, "nothing waits in a cancelled batch");
        model_must(m, !model_batch_is_whole(b), "BATCH_DONE comes at once");
    }
    rp__sched_counts_get(m->sched, &got);
    model_must(m, got.workers_joined == want.workers_joined && got.workers_alive == want.workers_alive,
               "counts of workers");
    model_must(m, got.done == want.done && got.leased == want.leased && got.waiting == want.waiting,
               "counts of tasks");
    for (int w = 0; w < m->opt.max_workers; w++) {
        model_must(m, leases[w] <= m->opt.prefetch, "no more leases than prefetch");
        model_must(m, !m->worker[w].is_alive || m->worker[w].leases > 0 || want.waiting == 0,
                   "no idle worker while work waits");
    }
}

static void tell(const model *m, const rp__event *ev)
{
    rp__buf text = {0};
    script_write_event(&text, ev);
    for (size_t i = 0; i < m->actions.len; i++) {
        rp__buf_printf(&text, "%s", i % 4 == 0 ? "\n    -> " : "; ");
        script_write_action(&text, &m->actions.item[i]);
    }
    printf("%.*s\n", (int) text.len, (const char *) text.data);
    rp__buf_done(&text);
}

static void hash_action(model *m, const rp__action *a)
{
    const uint64_t part[] = {a->kind,
                             (uint64_t) a->worker,
                             a->batch,
                             a->lease,
                             (uint64_t) a->first,
                             (uint64_t) a->count,
                             (uint64_t) a->attempt,
                             (uint64_t) a->status};
    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++)
        m->hash = (m->hash ^ part[i]) * UINT64_C(0x100000001b3);
}

/* Whether the loss that comes now must be charged to a task. */
static bool is_to_be_charged(const model *m, const rp__event *ev)
{
    const model_worker *w = &m->worker[ev->worker];
    const model_batch *b = &m->batch[ev->batch];
    return ev->kind == RP__EVENT_WORKER_LOST && w->is_alive && ev->first >= 0 && !b->cancel &&
           worker_has_task(w, ev->batch, ev->first) && !b->task[ev->first].is_delivered;
}

bool model_feed(model *m, const rp__event *ev)
{
    char why[200] = "";
    bool is_charged = is_to_be_charged(m, ev);
    bool is_last = ev->kind == RP__EVENT_WORKER_LOST && m->worker[ev->worker].is_alive && m->alive == 1;
    bool is_settled = ev->kind == RP__EVENT_TASK_CANCEL && model_is_waiting(m, ev->batch, ev->first);
    m->event = ev;
    m->answered_to = ev->first;
    m->charges = m->brokens = 0;
    m->actions.len = 0;
    m->events++;
    prepare(m, ev);
    model_must(m, rp__sched_step(m->sched, ev, m->events, &m->actions) == RP_OK, "the event can be");
    if (m->is_telling)
        tell(m, ev);
    for (size_t i = 0; i < m->actions.len && !m->why[0]; i++) {
        hash_action(m, &m->actions.item[i]);
        model_see(m, &m->actions.item[i]);
    }
    model_must(m, m->charges == is_charged, "the running task is charged, and once");
    model_must(m, m->brokens == is_last, "BROKEN comes with the last worker");
    model_must(m, ev->kind != RP__EVENT_ANSWER || m->answered_to == ev->first + ev->count,
               "every answered task has its action");
    model_must(m, !is_settled || m->batch[ev->batch].task[ev->first].is_delivered,
               "a waiting task is cancelled");
    if (!rp__sched_check(m->sched, why, sizeof why))
        model_must(m, false, why);
    if (!m->why[0])
        check_sums(m);
    return !m->why[0];
}

bool model_feed_wrong(model *m, const rp__event *ev)
{
    m->actions.len = 0;
    model_must(m, rp__sched_step(m->sched, ev, m->events, &m->actions) == RP_EINTERNAL,
               "the event cannot be");
    model_must(m, m->actions.len == 0, "an event that cannot be has no actions");
    if (m->is_telling) {
        printf("!");
        tell(m, ev);
    }
    check_sums(m);
    return !m->why[0];
}
