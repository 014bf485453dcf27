/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rankpool's side of the benchmark: one kind of work per run, timed on the master inside an open pool.
 *
 *     rankpool exec -n WORKERS -- bench_pool WORK [NUMBER ...]
 */
#include "bench.h"

#include <rankpool/rankpool.h>

#include <unistd.h>

typedef struct work {
    const char *name;
    void (*run)(rp_pool *pool, const int64_t *n);
    int numbers; /* that it takes */
    const char *what;
} work;

static void must(rp_pool *pool, rp_status st)
{
    if (st == RP_OK)
        return;
    fprintf(stderr, "bench_pool: %s: %s\n", rp_status_name(st), rp_pool_error(pool)->text);
    exit(1);
}

static void check(bool fine, const char *what)
{
    if (!fine)
        die(what);
}

/* ---- tasks ---- */

static int twice(rp_task *t, const void *in, void *out)
{
    (void) t;
    *(double *) out = 2 * *(const double *) in;
    return 0;
}

static int twice_single(rp_task *t, const void *in, void *out)
{
    (void) out;
    double y = 2 * *(const double *) in;
    return rp_task_result(t, &y, sizeof y) != RP_OK;
}

static int echo(rp_task *t, const void *in, void *out)
{
    (void) out;
    return rp_task_result(t, in, rp_task_input_bytes(t)) != RP_OK;
}

static int copy_element(rp_task *t, const void *in, void *out)
{
    memcpy(out, in, rp_task_input_bytes(t));
    return 0;
}

static int nothing(rp_task *t, const void *in, void *out)
{
    (void) t;
    (void) in;
    (void) out;
    return 0;
}

static int doze(rp_task *t, const void *in, void *out)
{
    (void) t;
    (void) in;
    (void) out;
    sleep_s(TASK_MS * 1e-3);
    return 0;
}

static int compute(rp_task *t, const void *in, void *out)
{
    (void) in;
    (void) out;
    burn(*(const int64_t *) rp_task_shared(t));
    return 0;
}

static int sleep_long(rp_task *t, const void *in, void *out)
{
    (void) out;
    int rank = rp_task_rank(t);
    sleep_s((double) *(const int64_t *) in);
    return rp_task_result(t, &rank, sizeof rank) != RP_OK;
}

/* ---- single tasks ---- */

static rp_future *submit(rp_pool *pool, rp_task_fn fn, const void *in, size_t bytes)
{
    rp_future *f = NULL;
    must(pool, rp_submit(pool, &f, fn, in, bytes, NULL));
    return f;
}

/* Waits for a future, checks its size, gives it back. */
static void finish(rp_pool *pool, rp_future *f, void *out, size_t bytes)
{
    rp_view v = {0};
    must(pool, rp_future_result(f, RP_FOREVER, &v));
    check(v.bytes == bytes, "a result has the wrong size");
    if (out)
        memcpy(out, v.data, bytes);
    rp_future_free(f);
}

static double round_trip(rp_pool *pool, double x)
{
    double y = 0, start = seconds();
    finish(pool, submit(pool, twice_single, &x, sizeof x), &y, sizeof y);
    double took = seconds() - start;
    check(y == 2 * x, "a result is wrong");
    return took;
}

static void run_one(rp_pool *pool, const int64_t *n)
{
    size_t count = (size_t) n[0];
    double *us = need(count * sizeof *us);
    for (size_t k = 0; k < count / 10 + 1; k++)
        (void) round_trip(pool, 1); /* warms up */
    for (size_t k = 0; k < count; k++)
        us[k] = 1e6 * round_trip(pool, (double) k);
    say("us", median(us, count));
    free(us);
}

static void run_submit(rp_pool *pool, const int64_t *n)
{
    size_t count = (size_t) n[0];
    rp_future **f = need(count * sizeof *f);
    (void) round_trip(pool, 1);
    double start = seconds();
    for (size_t k = 0; k < count; k++) {
        double x = (double) k;
        f[k] = submit(pool, twice_single, &x, sizeof x);
    }
    double submitted = seconds();
    for (size_t k = 0; k < count; k++) {
        double y;
        finish(pool, f[k], &y, sizeof y);
        check(y == 2 * (double) k, "a result is wrong");
    }
    double end = seconds();
    say("us", 1e6 * (end - start) / (double) count);
    say("submit_us", 1e6 * (submitted - start) / (double) count);
    say("peak_kib", peak_kib());
    free(f);
}

/* n: bytes, count, how many are in flight. */
static void run_echo(rp_pool *pool, const int64_t *n)
{
    size_t bytes = (size_t) n[0], count = (size_t) n[1], window = (size_t) n[2];
    char *payload = need(bytes);
    rp_future **f = need(window * sizeof *f);
    finish(pool, submit(pool, echo, payload, bytes), NULL, bytes); /* warms up */
    double start = seconds();
    for (size_t k = 0; k < count + window; k++) {
        rp_future **slot = &f[k % window];
        if (k >= window)
            finish(pool, *slot, NULL, bytes);
        if (k < count)
            *slot = submit(pool, echo, payload, bytes);
    }
    double took = seconds() - start;
    say("mib_s", (double) bytes * (double) count / took / 1048576);
    free(f);
    free(payload);
}

/* ---- maps ---- */

static void run_map(rp_pool *pool, const int64_t *n)
{
    size_t count = (size_t) n[0];
    double *x = need(count * sizeof *x), *y = need(count * sizeof *y);
    for (size_t k = 0; k < count; k++)
        x[k] = (double) k;
    must(pool, rp_map(pool, twice, x, sizeof *x, y, sizeof *y, (int64_t) (count / 100 + 1), NULL));
    double start = seconds();
    must(pool, rp_map(pool, twice, x, sizeof *x, y, sizeof *y, (int64_t) count, NULL));
    double took = seconds() - start;
    for (size_t k = 0; k < count; k++)
        check(y[k] == 2 * x[k], "a result is wrong");
    say("ns", 1e9 * took / (double) count);
    free(x);
    free(y);
}

/* n: bytes of an element, elements. */
static void run_map_echo(rp_pool *pool, const int64_t *n)
{
    size_t bytes = (size_t) n[0];
    char *x = need(bytes * (size_t) n[1]), *y = need(bytes * (size_t) n[1]);
    must(pool, rp_map(pool, copy_element, x, bytes, y, bytes, 1, NULL)); /* warms up */
    double start = seconds();
    must(pool, rp_map(pool, copy_element, x, bytes, y, bytes, n[1], NULL));
    double took = seconds() - start;
    check(memcmp(x, y, bytes * (size_t) n[1]) == 0, "a result is wrong");
    say("mib_s", (double) bytes * (double) n[1] / took / 1048576);
    free(x);
    free(y);
}

static double map_range(rp_pool *pool, rp_task_fn fn, int64_t count, const int64_t *shared)
{
    rp_map_options opt = RP_MAP_OPTIONS_INIT;
    opt.shared = shared;
    opt.shared_bytes = shared ? sizeof *shared : 0;
    double start = seconds();
    must(pool, rp_map_range(pool, fn, 0, count, NULL, 0, &opt));
    return seconds() - start;
}

static void run_range(rp_pool *pool, const int64_t *n)
{
    (void) map_range(pool, nothing, n[0] / 100 + 1, NULL); /* warms up */
    say("ns", 1e9 * map_range(pool, nothing, n[0], NULL) / (double) n[0]);
    say("peak_kib", peak_kib());
}

static void run_sleep(rp_pool *pool, const int64_t *n)
{
    say("s", map_range(pool, doze, n[0], NULL));
}

/* n: tasks, rounds of each. */
static void run_busy(rp_pool *pool, const int64_t *n)
{
    say("s", map_range(pool, compute, n[0], &n[1]));
}

/* ---- doing nothing ---- */

static void run_idle(rp_pool *pool, const int64_t *n)
{
    int rank = -1;
    (void) round_trip(pool, 1);
    rp_future *f = submit(pool, sleep_long, &n[0], sizeof n[0]);
    say("ready", 1);
    finish(pool, f, &rank, sizeof rank);
    say("busy_rank", rank);
}

static void run_empty(rp_pool *pool, const int64_t *n)
{
    (void) pool;
    (void) n;
    say("peak_kib", peak_kib());
}

static const work works[] = {
    {"one", run_one, 1, "COUNT: one task in flight, us"},
    {"submit", run_submit, 1, "COUNT: all submitted, then all results, us per task"},
    {"echo", run_echo, 3, "BYTES COUNT WINDOW: MiB/s one way"},
    {"map", run_map, 1, "COUNT: doubles, ns per task"},
    {"map-echo", run_map_echo, 2, "BYTES COUNT: MiB/s one way"},
    {"range", run_range, 1, "COUNT: index tasks without result, ns per task"},
    {"sleep", run_sleep, 1, "COUNT: tasks that sleep, s"},
    {"busy", run_busy, 2, "COUNT ROUNDS: tasks that compute, s"},
    {"idle", run_idle, 1, "SECONDS: one task that sleeps"},
    {"empty", run_empty, 0, "opened and closed"},
};

static const work *find_work(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof works / sizeof *works; i++)
        if (strcmp(works[i].name, argv[1]) == 0 && works[i].numbers == argc - 2)
            return &works[i];
    return NULL;
}

static int usage(void)
{
    fputs("usage: bench_pool WORK [NUMBER ...]\n\n", stderr);
    for (size_t i = 0; i < sizeof works / sizeof *works; i++)
        fprintf(stderr, "  %-9s %s\n", works[i].name, works[i].what);
    return 2;
}

int main(int argc, char **argv)
{
    const work *w = find_work(argc, argv);
    if (!w)
        return usage();
    if (rp_init(&argc, &argv) != RP_OK)
        return 1;
    if (w->run == run_idle)
        printf("pid%d %d\n", rp_rank(), (int) getpid());
    fflush(stdout);
    int64_t n[3] = {0};
    for (int i = 2; i < argc; i++)
        n[i - 2] = atoll(argv[i]);
    rp_pool *pool = NULL;
    rp_status st = rp_pool_open(&pool, NULL);
    if (st == RP_OK) {
        w->run(pool, n);
        st = rp_pool_close(&pool);
    }
    return rp_finalize(st < 0);
}
