/* SPDX-License-Identifier: BSD-3-Clause */
/* What the scheduler costs: time for an event (printed), memory for a huge batch (checked). */
#include "rng.h"
#include "rpt.h"
#include "sched/state.h"

/* Workers that answer in the order of assignment, or at random. */
typedef struct bench {
    rp__sched *sched;
    rp__actions actions;
    rp__action *queue; /* owned ring of leases under way */
    size_t len, cap;   /* cap: all that the workers may hold */
    size_t head;
    rng r;
    int64_t events, accepted;
} bench;

static void bench_open(bench *b, int workers, int prefetch, int64_t chunk, int64_t tasks)
{
    rp__sched_options opt = {.max_workers = workers, .prefetch = prefetch, .max_attempts = 3};
    *b = (bench){.cap = (size_t) workers * (size_t) prefetch, .r = {1}};
    b->queue = rp__alloc_array(b->cap, sizeof *b->queue);
    RPT_STATUS(rp__sched_new(&b->sched, &opt), RP_OK);
    const rp__event start[] = {
        {.kind = RP__EVENT_BATCH_OPEN, .batch = 1, .chunk = chunk, .max_chunk = 1000000},
        {.kind = RP__EVENT_BATCH_GROW, .batch = 1, .count = tasks}};
    for (size_t i = 0; i < RPT_COUNT(start); i++)
        RPT_STATUS(rp__sched_step(b->sched, &start[i], 0, &b->actions), RP_OK);
}

static void bench_close(bench *b)
{
    rp__sched_free(&b->sched);
    rp__actions_done(&b->actions);
    rp__free(b->queue);
}

static void feed(bench *b, const rp__event *ev)
{
    b->actions.len = 0;
    b->events++;
    RPT_STATUS(rp__sched_step(b->sched, ev, 0, &b->actions), RP_OK);
    for (size_t i = 0; i < b->actions.len; i++) {
        const rp__action *a = &b->actions.item[i];
        if (a->kind == RP__ACTION_ASSIGN)
            b->queue[(b->head + b->len++) % b->cap] = *a;
        if (a->kind == RP__ACTION_ACCEPT)
            b->accepted += a->count;
    }
}

static void join_all(bench *b, int workers)
{
    for (int w = 0; w < workers; w++)
        feed(b, &(rp__event){.kind = RP__EVENT_WORKER_JOIN, .worker = w});
}

/* The oldest lease under way is answered; with `shuffle`, any. */
static void answer(bench *b, bool shuffle, int64_t task_ns)
{
    rp__action *oldest = &b->queue[b->head];
    if (shuffle) {
        rp__action *other = &b->queue[(b->head + (size_t) rng_below(&b->r, (int64_t) b->len)) % b->cap];
        rp__action a = *oldest;
        *oldest = *other;
        *other = a;
    }
    rp__event ev = {.kind = RP__EVENT_ANSWER,
                    .worker = oldest->worker,
                    .batch = oldest->batch,
                    .lease = oldest->lease,
                    .first = oldest->first,
                    .count = oldest->count,
                    .busy_ns = oldest->count * task_ns};
    b->head = (b->head + 1) % b->cap;
    b->len--;
    feed(b, &ev);
}

static double ns_since(rp__time start, int64_t events)
{
    return (double) (rp__clock_mono() - start) / (double) events;
}

/* Answers of workers believed lost, all that are under way. Nanoseconds for each. */
static double answer_late(bench *b, int losses)
{
    int64_t late = 0;
    size_t len = b->len;
    rp__time start = rp__clock_mono();
    for (size_t i = 0; i < len; i++) {
        rp__action *a = &b->queue[b->head];
        if (a->worker < losses) {
            late++;
            answer(b, false, 1000);
        } else {
            b->queue[(b->head + b->len) % b->cap] = *a;
            b->head = (b->head + 1) % b->cap;
        }
    }
    return ns_since(start, late ? late : 1);
}

static void cost_with(int workers)
{
    enum { EVENTS = 50000, LOSSES = 5 };
    bench b;
    bench_open(&b, workers, 2, 1, INT64_MAX / 2);
    rp__time start = rp__clock_mono();
    join_all(&b, workers);
    double join = ns_since(start, workers);
    for (int64_t i = 0; i < workers; i++) /* fills all rooms */
        answer(&b, false, 1000);
    start = rp__clock_mono();
    for (int64_t i = 0; i < EVENTS; i++)
        answer(&b, false, 1000);
    double in_order = ns_since(start, EVENTS);
    start = rp__clock_mono();
    for (int64_t i = 0; i < EVENTS; i++)
        answer(&b, true, 1000);
    double shuffled = ns_since(start, EVENTS);
    start = rp__clock_mono();
    for (int w = 0; w < LOSSES; w++)
        feed(&b, &(rp__event){.kind = RP__EVENT_WORKER_LOST, .worker = w, .first = -1});
    double loss = ns_since(start, LOSSES);
    double late = answer_late(&b, LOSSES);
    printf("    %6d workers: join %.0f ns, answer %.0f, out of order %.0f, loss %.0f, late answer %.0f\n",
           workers, join, in_order, shuffled, loss, late);
    bench_close(&b);
}

static void time_for_an_event(void)
{
    cost_with(10);
    cost_with(1000);
    cost_with(100000);
}

/* A batch of 10^9 tasks, answered at random, with losses: its ranges stay in proportion to the leases. */
static void huge_batch(int64_t chunk, int64_t task_ns)
{
    enum { WORKERS = 50, PREFETCH = 2 };
    const int64_t tasks = 1000000000;
    int64_t live = rp__mem_live();
    size_t most_done = 0, most_returned = 0;
    int64_t most_live = 0;
    int lost = 0;
    bench b;
    bench_open(&b, WORKERS, PREFETCH, chunk, tasks);
    join_all(&b, WORKERS);
    while (b.accepted < tasks && b.len > 0) {
        if (b.events % 500 == 0 && lost < WORKERS / 2) /* its answers stay under way, and count */
            feed(&b, &(rp__event){.kind = RP__EVENT_WORKER_LOST, .worker = lost++, .first = -1});
        answer(&b, true, task_ns);
        most_done = b.sched->batches->done.cap > most_done ? b.sched->batches->done.cap : most_done;
        most_returned =
            b.sched->batches->returned_cap > most_returned ? b.sched->batches->returned_cap : most_returned;
        most_live = rp__max64(most_live, rp__mem_live() - live);
    }
    RPT_EQ_I64(b.accepted, tasks);
    RPT_OK(lost > 5);
    RPT_OK(most_done <= (size_t) 16 * WORKERS * PREFETCH);
    RPT_OK(most_returned <= (size_t) 4 * WORKERS * PREFETCH);
    RPT_OK(most_live <= 10);
    printf("    10^9 tasks: %lld events, room for %zu done and %zu returned ranges, %lld allocations\n",
           (long long) b.events, most_done, most_returned, (long long) most_live);
    bench_close(&b);
    RPT_EQ_I64(rp__mem_live(), live);
}

static void memory_for_a_huge_batch(void)
{
    huge_batch(100000, 10);
    huge_batch(0, 10);
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {
        RPT_CASE(time_for_an_event),
        RPT_CASE(memory_for_a_huge_batch),
    };
    return rpt_main(argc, argv, cases, RPT_COUNT(cases));
}
