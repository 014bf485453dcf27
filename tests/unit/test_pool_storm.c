/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A pool in one process through random weather: several batches of every kind, workers killed between and
 * inside of tasks, cancels, a stop, workers that come late. Whatever happens, each task is delivered or
 * settled exactly once, results are right, and every settling has a reason that happened.
 *
 * `test_pool_storm CASE SEED` runs one seed, which a failure prints.
 */
#include "poolbox.h"
#include "rpt.h"

#define STEPS       400000
#define BATCHES_MAX 4
#define SEEDS       1500

static uint64_t only_seed; /* 0: all */
static rp__source range;

/* ---- the tasks ---- */

/* What a batch's tasks do; travels as its shared bytes. */
typedef struct weather {
    int64_t base, fail_every;
    int64_t deadly;  /* the task that kills its worker; -1: none */
    int deadly_runs; /* so many times */
    int64_t tick;    /* a task takes that long */
    bool is_fixed, has_payload, is_sized;
} weather;

static size_t length_of(int64_t k)
{
    return k % 50 == 7 ? 5000 : (size_t) (k * 37 % 90);
}

static uint8_t bytes[6000];

static int work(rp_task *t, const void *in, void *out)
{
    weather w;
    memcpy(&w, rp_task_shared(t), sizeof w);
    int64_t k = rp_task_index(t) - w.base;
    size_t len = rp_task_input_bytes(t);
    rp__hub_advance(poolbox_current->hub, w.tick);
    if (k == w.deadly && rp_task_attempt(t) <= w.deadly_runs)
        poolbox_kill(poolbox_current, rp_task_rank(t));
    if (w.is_sized && (len != length_of(k) || (len && memcmp(in, bytes + k % 100, len) != 0)))
        return 77;
    if (w.has_payload && !w.is_sized && (len != 8 || rp__get_u64(in) != (uint64_t) k * 11))
        return 78;
    if (w.fail_every && k % w.fail_every == 1)
        return rp_task_fail(t, (int) (k % 70) + 1, "task %d is bad", (int) k);
    if (!w.is_fixed)
        return rp_task_result(t, bytes + k % 50, length_of(k)) != RP_OK;
    rp__put_u64(out, (uint64_t) k * 3 + 1);
    return 0;
}

static bool is_right(const poolbox_batch *b, int64_t k, const rp__record *r)
{
    const weather *w = b->ctx;
    if (w->fail_every && k % w->fail_every == 1) {
        char want[40];
        int n = snprintf(want, sizeof want, "task %d is bad", (int) k);
        return r->status == RP_ETASK && r->task_code == (int) (k % 70) + 1 && r->data.len == (size_t) n &&
               memcmp(r->data.data, want, (size_t) n) == 0;
    }
    if (r->status != RP_OK)
        return false;
    if (w->is_fixed)
        return rp__get_u64(r->data.data) == (uint64_t) k * 3 + 1;
    return r->data.len == length_of(k) &&
           (r->data.len == 0 || memcmp(r->data.data, bytes + k % 50, r->data.len) == 0);
}

/* ---- one storm ---- */

typedef struct storm {
    poolbox box;
    rng rng; /* for the plan; the box has its own */
    poolbox_setup setup;
    int batches;
    poolbox_batch batch[BATCHES_MAX];
    weather weather[BATCHES_MAX];
    rp__source_array array[BATCHES_MAX];
    poolbox_sized sized[BATCHES_MAX];
    bool was_cancelled[BATCHES_MAX];
    bool was_stopped, was_broken;
    int lost, charged;
    bool kills; /* workers may be killed */
} storm;

static uint64_t payload[512];
static rp__bytes pieces[512];

static void fill_payloads(void)
{
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t) (i * 13 + i / 200);
    for (int64_t k = 0; k < (int64_t) RPT_COUNT(payload); k++) {
        rp__put_u64((uint8_t *) &payload[k], (uint64_t) k * 11);
        pieces[k] = (rp__bytes){bytes + k % 100, length_of(k)};
    }
}

static rp__source *choose_source(storm *s, int i)
{
    weather *w = &s->weather[i];
    w->has_payload = rng_chance(&s->rng, 60);
    w->is_sized = w->has_payload && rng_chance(&s->rng, 50);
    s->array[i] = rp__source_array_of(payload, sizeof *payload);
    s->sized[i] = poolbox_sized_of(pieces);
    return w->is_sized ? &s->sized[i].base : w->has_payload ? &s->array[i].base : &range;
}

static void submit(storm *s)
{
    int i = s->batches++;
    weather *w = &s->weather[i];
    int64_t count = rng_chance(&s->rng, 5) ? 0 : rng_below(&s->rng, rng_chance(&s->rng, 50) ? 20 : 300);
    *w = (weather){.base = rng_chance(&s->rng, 50) ? 0 : rng_below(&s->rng, 1000) - 500,
                   .fail_every = rng_chance(&s->rng, 40) ? rng_below(&s->rng, 9) + 2 : 0,
                   .deadly = s->kills && rng_chance(&s->rng, 30) && count ? rng_below(&s->rng, count) : -1,
                   .deadly_runs = (int) rng_below(&s->rng, 3) + 1,
                   .tick = rng_below(&s->rng, 3) * 170 * RP__US,
                   .is_fixed = rng_chance(&s->rng, 60)};
    poolbox_batch_init(&s->batch[i], count, is_right);
    s->batch[i].ctx = w;
    if (rng_chance(&s->rng, 15) && count)
        s->batch[i].before = rng_below(&s->rng, count);
    rp__batch_spec spec = {.ref = poolbox_ref(work),
                           .source = choose_source(s, i),
                           .has_fixed_result = w->is_fixed,
                           .out_size = w->is_fixed ? 8 : 0,
                           .base = w->base,
                           .shared = {w, sizeof *w},
                           .chunk = rng_chance(&s->rng, 50) ? 0 : rng_below(&s->rng, 40) + 1};
    RPT_STATUS(poolbox_submit(&s->box, &s->batch[i], &spec), RP_OK);
}

/* What the master tells whoever keeps the record. */
static void hear_event(void *ctx, const char *kind, int worker, const char *text)
{
    storm *s = ctx;
    s->was_broken |= strcmp(kind, "broken") == 0;
    s->lost += strcmp(kind, "lost") == 0;
    s->charged += strcmp(kind, "charge") == 0;
    RPT_OK(worker >= 0 && worker < s->box.size && text && *text);
}

/* Something happens, or nothing. */
static void weather_changes(storm *s)
{
    int dice = (int) rng_below(&s->rng, 1000), i = (int) rng_below(&s->rng, s->batches);
    int rank = (int) rng_below(&s->rng, s->box.size - 1) + 1;
    poolbox_batch *b = &s->batch[i];
    if (dice < 4 && s->kills) {
        poolbox_kill(&s->box, rank);
    } else if (dice < 7 && b->count) {
        s->was_cancelled[i] = true;
        RPT_STATUS(rp__master_task_cancel(s->box.master, b->id, rng_below(&s->rng, b->count)), RP_OK);
    } else if (dice < 9) {
        s->was_cancelled[i] = true;
        RPT_STATUS(rp__master_batch_cancel(s->box.master, b->id, RP_ECANCELED, "cancelled"), RP_OK);
    } else if (dice < 10 && rng_chance(&s->rng, 30)) {
        s->was_stopped = true;
        RPT_STATUS(rp__master_stop(s->box.master, rng_chance(&s->rng, 50)), RP_OK);
    } else if (dice < 30) {
        RPT_STATUS(poolbox_join(&s->box, rank), RP_OK);
    } else if (dice < 60 && s->batches < BATCHES_MAX) {
        submit(s);
    }
}

static bool is_anybody_there(const storm *s)
{
    for (int r = 1; r < s->box.size; r++)
        if (s->box.worker[r] && !s->box.is_gone[r])
            return true;
    return false;
}

/* Whether what settled the task did happen. */
static bool has_reason(const storm *s, int i, int64_t k)
{
    const weather *w = &s->weather[i];
    switch ((int) s->batch[i].why[k]) {
    case RP_ECANCELED:
        return s->was_cancelled[i];
    case RP_EINTERRUPTED:
        return s->was_stopped;
    case RP_EBROKEN:
        return s->was_broken;
    case RP_ELOST: /* charged only for what it ran itself */
        return k == w->deadly && w->deadly_runs >= s->setup.max_attempts;
    default:
        return false;
    }
}

static void check(storm *s)
{
    rp__master_counts n;
    rp__master_counts_get(s->box.master, &n);
    int64_t submitted = 0, before = 0;
    for (int i = 0; i < s->batches; i++) {
        poolbox_batch *b = &s->batch[i];
        RPT_OK(poolbox_is_whole(b));
        submitted += b->count;
        before += b->before;
        for (int64_t k = 0; k < b->count; k++) {
            RPT_OK((b->fate[k] == FATE_OPEN) == (k < b->before));
            RPT_OK(b->fate[k] != FATE_SETTLED || has_reason(s, i, k));
        }
    }
    RPT_EQ_I64(n.submitted, submitted);
    RPT_EQ_I64(n.succeeded + n.failed + n.lost + n.cancelled, submitted - before);
    RPT_EQ_I64(n.sched.leased + n.sched.waiting, 0);
    RPT_EQ_I64(n.workers_lost, s->lost);
    RPT_OK(s->kills || n.workers_lost == 0);
    RPT_EQ_I64(s->box.unexplained, 0);
    RPT_STATUS(s->box.worker_error, RP_OK);
}

static void one_storm(uint64_t seed, bool kills)
{
    static const size_t frames[] = {128, 700, 4096, 60000};
    static storm s;
    int64_t live = rp__mem_live();
    s = (storm){.rng = {seed * 977}, .kills = kills};
    s.setup = (poolbox_setup){.workers = (int) rng_below(&s.rng, rng_chance(&s.rng, 10) ? 20 : 6) + 1,
                              .seed = seed,
                              .max_frame = frames[rng_below(&s.rng, 4)],
                              .window = (int) rng_below(&s.rng, 16) + 1,
                              .prefetch = (int) rng_below(&s.rng, 4) + 1,
                              .max_attempts = (int) rng_below(&s.rng, 3) + 1};
    s.setup.late = (int) rng_below(&s.rng, s.setup.workers);
    RPT_STATUS(poolbox_open(&s.box, &s.setup), RP_OK);
    rp__master_hooks_set(s.box.master, &(rp__master_hooks){.event = hear_event, .ctx = &s});
    submit(&s);
    rp_status st = RP_OK;
    int64_t n = 0;
    while (!st && n++ < STEPS && (s.box.open > 0 || s.batches < 2)) {
        weather_changes(&s);
        st = poolbox_step(&s.box);
        if (!is_anybody_there(&s)) /* the last hope */
            for (int r = 1; r < s.box.size; r++)
                RPT_STATUS(poolbox_join(&s.box, r), RP_OK);
    }
    RPT_STATUS(st, RP_OK);
    RPT_OK(n < STEPS);
    check(&s);
    RPT_STATUS(poolbox_close(&s.box), RP_OK);
    for (int i = 0; i < s.batches; i++)
        poolbox_batch_done(&s.batch[i]);
    RPT_EQ_I64(rp__mem_live(), live);
}

static void run_seeds(bool kills)
{
    for (uint64_t seed = 1; seed <= SEEDS && !rpt_failures; seed++) {
        if (only_seed && seed != only_seed)
            seed = only_seed;
        one_storm(seed, kills);
        if (rpt_failures)
            printf("    seed %llu\n", (unsigned long long) seed);
        if (only_seed)
            return;
    }
}

static void without_losses(void)
{
    run_seeds(false);
}

static void with_losses(void)
{
    run_seeds(true);
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {RPT_CASE(without_losses), RPT_CASE(with_losses)};
    only_seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    range = rp__source_range();
    fill_payloads();
    (void) poolbox_ref(work); /* lives as long as the process */
    return rpt_main(argc, argv, cases, RPT_COUNT(cases));
}
