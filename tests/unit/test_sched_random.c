/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The scheduler under random events, watched by the model. `test_sched_random SEED` replays one seed and
 * prints its events as a script; `test_sched_random 0 N` runs N seeds.
 */
#include "rng.h"
#include "rpt.h"
#include "sched_model.h"

typedef struct play {
    model m;
    rng r;
    int losses, answers, cancels, stops; /* percent of the events */
    int64_t busy_ns;                     /* of a task, about */
    rp__event last_answer;
} play;

/* ---- picking ---- */

/* A random worker for which the test holds; -1: none. */
static int pick_worker(play *p, bool (*fits)(const model_worker *w))
{
    int n = p->m.opt.max_workers, start = (int) rng_below(&p->r, n);
    for (int i = 0; i < n; i++)
        if (fits(&p->m.worker[(start + i) % n]))
            return (start + i) % n;
    return -1;
}

static bool is_alive(const model_worker *w)
{
    return w->is_alive;
}
static bool is_away(const model_worker *w)
{
    return !w->is_alive;
}
static bool is_lost(const model_worker *w)
{
    return w->has_joined && !w->is_alive;
}
static bool is_busy(const model_worker *w)
{
    return w->leases > 0;
}

/* A batch that is open; MODEL_BATCHES: none. */
static uint32_t pick_batch(play *p)
{
    uint32_t start = (uint32_t) rng_below(&p->r, MODEL_BATCHES);
    for (uint32_t i = 0; i < MODEL_BATCHES; i++) {
        const model_batch *b = &p->m.batch[(start + i) % MODEL_BATCHES];
        if (b->is_open && !b->is_done)
            return (start + i) % MODEL_BATCHES;
    }
    return MODEL_BATCHES;
}

/* ---- what a worker sends ---- */

/* The first run of tasks of a lease that are left, at or behind `from`; count 0: none. */
static rp__range left_run(const model_lease *l, int64_t from)
{
    rp__range r = {from, 0};
    while (r.first < l->first + l->count && !model_lease_has(l, l->batch, r.first))
        r.first++;
    while (model_lease_has(l, l->batch, r.first + r.count))
        r.count++;
    return r;
}

static rp__event answer_of(play *p, int worker, const model_lease *l, rp__range r)
{
    return (rp__event){.kind = RP__EVENT_ANSWER,
                       .worker = worker,
                       .batch = l->batch,
                       .lease = l->id,
                       .first = r.first,
                       .count = r.count,
                       .busy_ns = r.count * rng_below(&p->r, 2 * p->busy_ns)};
}

/* Mostly the oldest lease from its front; sometimes something else. */
static void answer(play *p)
{
    int worker = pick_worker(p, is_busy);
    if (worker < 0)
        return;
    const model_worker *w = &p->m.worker[worker];
    const model_lease *l = &w->lease[rng_chance(&p->r, 90) ? 0 : rng_below(&p->r, w->leases)];
    rp__range r = left_run(l, l->first + (rng_chance(&p->r, 90) ? 0 : rng_below(&p->r, l->count)));
    if (r.count == 0)
        r = left_run(l, l->first);
    if (rng_chance(&p->r, 40))
        r.count = 1 + rng_below(&p->r, r.count);
    p->last_answer = answer_of(p, worker, l, r);
    model_feed(&p->m, &p->last_answer);
}

/* The end of a lease that is not started; of the oldest lease the first task left is running. */
static void give_back(play *p, int worker, int at)
{
    const model_lease *l = &p->m.worker[worker].lease[at];
    int64_t first = l->first + l->count;
    int64_t started = at == 0 ? left_run(l, l->first).first + 1 : l->first;
    while (first > started && model_lease_has(l, l->batch, first - 1))
        first--;
    if (first == l->first + l->count)
        return;
    rp__event ev = {.kind = RP__EVENT_RETURN,
                    .worker = worker,
                    .batch = l->batch,
                    .lease = l->id,
                    .first = first,
                    .count = l->first + l->count - first};
    model_feed(&p->m, &ev);
}

static void give_something_back(play *p)
{
    int worker = pick_worker(p, is_busy);
    if (worker >= 0)
        give_back(p, worker, (int) rng_below(&p->r, p->m.worker[worker].leases));
}

/* What the worker had sent before it died is still under way. */
static void keep_late(play *p, int worker)
{
    model *m = &p->m;
    for (int i = 0; i < m->worker[worker].leases && m->lates < MODEL_LATE - 1; i++) {
        const model_lease *l = &m->worker[worker].lease[i];
        rp__range r = left_run(l, l->first);
        rp__event ev = answer_of(p, worker, l, r);
        ev.count = 1 + rng_below(&p->r, r.count);
        if (rng_chance(&p->r, 50))
            m->late[m->lates++] = ev;
        ev.kind = RP__EVENT_RETURN;
        ev.first += ev.count;
        ev.count = l->first + l->count - ev.first;
        if (ev.count > 0 && rng_chance(&p->r, 20))
            m->late[m->lates++] = ev;
    }
}

static void deliver_late(play *p)
{
    model *m = &p->m;
    if (m->lates == 0)
        return;
    int at = (int) rng_below(&p->r, m->lates);
    rp__event ev = m->late[at];
    m->late[at] = m->late[--m->lates];
    model_feed(m, &ev);
}

static void lose(play *p)
{
    int worker = pick_worker(p, is_alive);
    if (worker < 0)
        return;
    rp__event ev = {.kind = RP__EVENT_WORKER_LOST, .worker = worker, .first = -1};
    const model_worker *w = &p->m.worker[worker];
    if (w->leases > 0 && rng_chance(&p->r, 70)) {
        ev.batch = w->lease[0].batch;
        ev.first = left_run(&w->lease[0], w->lease[0].first).first;
        if (rng_chance(&p->r, 5))
            ev.first = rng_below(&p->r, p->m.batch[ev.batch].total);
    }
    keep_late(p, worker);
    model_feed(&p->m, &ev);
}

/* A worker hears that batches are done and drops their leases, or runs them all the same. */
static void forget_done(play *p)
{
    bool is_forgetting = rng_chance(&p->r, 50);
    for (int w = 0; is_forgetting && w < p->m.opt.max_workers; w++) {
        model_worker *it = &p->m.worker[w];
        int kept = 0;
        for (int i = 0; i < it->leases; i++)
            if (!p->m.batch[it->lease[i].batch].is_done)
                it->lease[kept++] = it->lease[i];
        it->leases = kept;
    }
}

/* ---- what the caller does ---- */

static void join(play *p)
{
    int worker = pick_worker(p, is_away);
    rp__event ev = {.kind = RP__EVENT_WORKER_JOIN, .worker = worker};
    if (worker >= 0)
        model_feed(&p->m, &ev);
}

static void open(play *p)
{
    uint32_t batch = 0;
    while (batch < MODEL_BATCHES && p->m.batch[batch].is_open)
        batch++;
    if (batch == MODEL_BATCHES)
        return;
    rp__event ev = {.kind = RP__EVENT_BATCH_OPEN,
                    .batch = batch,
                    .chunk = rng_chance(&p->r, 50) ? 0 : 1 + rng_below(&p->r, 12),
                    .max_chunk = 1 + rng_below(&p->r, 64)};
    model_feed(&p->m, &ev);
    for (int64_t n = rng_chance(&p->r, 70) ? 0 : rng_below(&p->r, 4); n > 0; n--) {
        ev = (rp__event){.kind = RP__EVENT_ALREADY_DONE, .batch = batch, .first = rng_below(&p->r, 60)};
        ev.count = rng_below(&p->r, 20);
        model_feed(&p->m, &ev);
    }
}

static void grow(play *p, uint32_t batch)
{
    const model_batch *b = &p->m.batch[batch];
    rp__event ev = {.kind = RP__EVENT_BATCH_GROW, .batch = batch, .count = rng_below(&p->r, 80)};
    if (!b->is_sealed && b->total + ev.count <= MODEL_TASKS)
        model_feed(&p->m, &ev);
}

static void cancel(play *p, uint32_t batch)
{
    const model_batch *b = &p->m.batch[batch];
    rp__event ev = {.kind = RP__EVENT_BATCH_CANCEL, .batch = batch, .status = RP_ECANCELED};
    if (rng_chance(&p->r, 80) && b->total > 0) {
        ev.kind = RP__EVENT_TASK_CANCEL;
        ev.first = rng_below(&p->r, b->total);
    }
    model_feed(&p->m, &ev);
}

static void seal(play *p, uint32_t batch)
{
    rp__event ev = {.kind = RP__EVENT_BATCH_SEAL, .batch = batch};
    model_feed(&p->m, &ev);
}

static void do_to_batch(play *p)
{
    uint32_t batch = pick_batch(p);
    if (batch == MODEL_BATCHES || rng_chance(&p->r, 15))
        open(p);
    else if (rng_chance(&p->r, p->cancels))
        cancel(p, batch);
    else if (rng_chance(&p->r, 10))
        seal(p, batch);
    else
        grow(p, batch);
}

/* ---- what goes wrong on the way ---- */

static void do_wrong(play *p)
{
    model *m = &p->m;
    int n = m->opt.max_workers;
    uint32_t batch = pick_batch(p);
    rp__event ev = {.worker = rng_chance(&p->r, 50) ? n : -1, .first = 0, .count = 1};
    ev.kind = (rp__event_kind[]){RP__EVENT_WORKER_JOIN, RP__EVENT_WORKER_LOST, RP__EVENT_ANSWER,
                                 RP__EVENT_RETURN, RP__EVENT_NONE}[rng_below(&p->r, 5)];
    if (batch < MODEL_BATCHES && rng_chance(&p->r, 50)) {
        ev.batch = batch;
        ev.first = m->batch[batch].total;
        ev.worker = rng_chance(&p->r, 50) ? n : 0;
        ev.kind = rng_chance(&p->r, 50) ? RP__EVENT_ANSWER : RP__EVENT_TASK_CANCEL;
    }
    model_feed_wrong(m, &ev);
}

static void repeat(play *p)
{
    int worker = pick_worker(p, is_lost);
    rp__event ev = {.kind = RP__EVENT_WORKER_LOST, .worker = worker, .first = rng_below(&p->r, 9)};
    if (rng_chance(&p->r, 50) && p->last_answer.kind)
        model_feed(&p->m, &p->last_answer);
    else if (worker >= 0)
        model_feed(&p->m, &ev);
}

/* ---- playing ---- */

static void turn(play *p)
{
    int64_t dice = rng_below(&p->r, 1000);
    if (dice < 10 * p->losses)
        lose(p);
    else if (dice < 10 * (p->losses + p->answers))
        answer(p);
    else if (dice < 10 * (p->losses + p->answers) + p->stops)
        model_feed(&p->m, &(rp__event){.kind = RP__EVENT_STOP});
    else
        (void (*[])(play *)){join,         do_to_batch, do_to_batch, give_something_back,
                             deliver_late, do_wrong,    repeat}[rng_below(&p->r, 7)](p);
    forget_done(p);
}

/* Everything is grown and sealed; from here on workers only work, until nothing is left. */
static void finish(play *p)
{
    model *m = &p->m;
    for (uint32_t b = 0; b < MODEL_BATCHES; b++)
        if (m->batch[b].is_open && !m->batch[b].is_sealed)
            seal(p, b);
    for (int64_t i = 0; i < 20000 && !m->why[0]; i++) {
        if (pick_batch(p) == MODEL_BATCHES && m->lates == 0 && pick_worker(p, is_busy) < 0)
            break;
        if (m->alive == 0)
            join(p);
        else if (rng_chance(&p->r, 5))
            give_something_back(p);
        else if (rng_chance(&p->r, 10))
            deliver_late(p);
        else
            answer(p);
        forget_done(p);
    }
    model_must(m, pick_batch(p) == MODEL_BATCHES, "every batch ends");
    model_must(m, m->lates == 0 && pick_worker(p, is_busy) < 0, "model: everything was sent");
}

static bool play_seed(uint64_t seed, bool is_telling, uint64_t *hash_out, int64_t *events)
{
    static play p; /* large */
    int64_t live = rp__mem_live();
    p = (play){.r = {seed}};
    rp__sched_options opt = {.max_workers = 1 + (int) rng_below(&p.r, MODEL_WORKERS),
                             .prefetch = 1 + (int) rng_below(&p.r, rng_chance(&p.r, 90) ? 4 : 16),
                             .max_attempts = 1 + (int) rng_below(&p.r, 4)};
    p.losses = (int) rng_below(&p.r, rng_chance(&p.r, 50) ? 4 : 20);
    p.answers = 20 + (int) rng_below(&p.r, 50);
    p.cancels = (int) rng_below(&p.r, 30);
    p.stops = rng_chance(&p.r, 20) ? 5 : 0;
    p.busy_ns = rng_chance(&p.r, 70) ? 1 + rng_below(&p.r, RP__MS) : 100 * RP__MS;
    RPT_OK(model_init(&p.m, &opt));
    p.m.is_telling = is_telling;
    int64_t joins = rng_below(&p.r, opt.max_workers + 1), turns = 20 + rng_below(&p.r, 300);
    while (joins-- > 0)
        join(&p);
    while (turns-- > 0 && !p.m.why[0])
        turn(&p);
    if (!p.m.why[0])
        finish(&p);
    if (p.m.why[0])
        printf("    seed %" PRIu64 ", event %" PRId64 ": broken promise: %s\n", seed, p.m.events, p.m.why);
    *hash_out = p.m.hash;
    *events += p.m.events;
    model_done(&p.m);
    return !p.m.why[0] && rp__mem_live() == live;
}

static int64_t seeds = 2000;

static void every_promise_is_kept(void)
{
    uint64_t hash;
    int64_t events = 0;
    for (int64_t seed = 1; seed <= seeds; seed++)
        RPT_OK(play_seed((uint64_t) seed, false, &hash, &events));
    printf("    %" PRId64 " seeds, %" PRId64 " events\n", seeds, events);
}

static void same_events_give_the_same_actions(void)
{
    int64_t events = 0;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        uint64_t first, second;
        RPT_OK(play_seed(seed, false, &first, &events));
        RPT_OK(play_seed(seed, false, &second, &events));
        RPT_OK(first == second);
    }
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {
        RPT_CASE(every_promise_is_kept),
        RPT_CASE(same_events_give_the_same_actions),
    };
    uint64_t hash, seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    int64_t events = 0;
    if (seed > 0)
        return play_seed(seed, true, &hash, &events) ? 0 : 1;
    if (argc > 2)
        seeds = strtoll(argv[2], NULL, 10);
    return rpt_main(argc > 2 ? 1 : argc, argv, cases, RPT_COUNT(cases));
}
