/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `rank_loss HOW [FILE]`: workers die while they work. Prints what came of it: one line "map STATUS", results
 * checked, and one with the pool's counts.
 */
#include "ranks.h"

#include <fcntl.h>
#include <signal.h>

#define COUNT 3000

static const char *file_name;

static void die(int how)
{
    if (how == 0)
        (void) raise(SIGKILL);
    if (how == 1)
        (void) raise(SIGSEGV);
    if (how == 2)
        abort();
    _exit(0);
}

/* Dies in task 1000 at the first attempt; shared says how. */
static int dies_once(rp_task *t, const void *in, void *out)
{
    int64_t k = rp_task_index(t);
    (void) in;
    if (k == 1000 && rp_task_attempt(t) == 1)
        die(*(const int *) rp_task_shared(t));
    *(int64_t *) out = k * 7 + (rp_task_attempt(t) == 1);
    return 0;
}

/* Three tasks each kill their worker once. */
static int dies_thrice(rp_task *t, const void *in, void *out)
{
    int64_t k = rp_task_index(t);
    (void) in;
    if ((k == 100 || k == 1200 || k == 2900) && rp_task_attempt(t) == 1)
        die(0);
    *(int64_t *) out = k * 7;
    return 0;
}

static int always_dies(rp_task *t, const void *in, void *out)
{
    (void) t;
    (void) in;
    (void) out;
    die(0);
    return 0;
}

static int poison(rp_task *t, const void *in, void *out)
{
    int64_t k = rp_task_index(t);
    (void) in;
    if (k == 777)
        die(0);
    *(int64_t *) out = k * 7;
    return 0;
}

/* Writes its process into the file, once; then all tasks take a millisecond. */
static int writes_pid(rp_task *t, const void *in, void *out)
{
    int64_t k = rp_task_index(t);
    const char *name = rp_task_shared(t);
    (void) in;
    int fd = k < 50 ? open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644) : -1;
    if (fd >= 0) {
        (void) dprintf(fd, "%d\n", (int) getpid());
        (void) close(fd);
    }
    ranks_sleep_ms(1);
    *(int64_t *) out = k * 7;
    return 0;
}

static int seven_times(rp_task *t, const void *in, void *out)
{
    (void) in;
    *(int64_t *) out = rp_task_index(t) * 7;
    return 0;
}

/* Its worker dies half a second later, when it has nothing to do. */
static int dies_later(rp_task *t, const void *in, void *out)
{
    (void) t;
    (void) in;
    (void) out;
    (void) signal(SIGALRM, SIG_DFL);
    (void) alarm(1);
    return 0;
}

static int future_dies_once(rp_task *t, const void *in, void *out)
{
    (void) out;
    if (*(const int *) in % 100 == 20 && rp_task_attempt(t) == 1)
        die(0);
    int x = *(const int *) in * 2;
    return rp_task_result(t, &x, sizeof x);
}

/* ---- the master ---- */

static void print_counts(void)
{
    rp_pool_info i;
    rp_pool_get_info(pool, &i);
    printf("alive %d of %d, succeeded %" PRId64 ", failed %" PRId64 ", lost %" PRId64 "\n", i.workers_alive,
           i.workers, i.succeeded, i.failed, i.lost);
}

/* All results but that of `except` (-1: none) are there and right. */
static void run_map(rp_task_fn fn, int64_t except, const void *shared, size_t shared_bytes)
{
    static int64_t out[COUNT];
    rp_map_options opt = RP_MAP_OPTIONS_INIT;
    opt.shared = shared, opt.shared_bytes = shared_bytes;
    rp_status st = rp_map_range(pool, fn, 0, COUNT, out, sizeof *out, &opt);
    printf("map %s task %" PRId64 "\n", rp_status_name(st), rp_pool_error(pool)->task);
    if (st)
        printf("text %s\n", rp_pool_error(pool)->text);
    if (st == RP_OK || st == RP_ELOST)
        for (int64_t k = 0; k < COUNT; k++)
            RPT_EQ_I64(out[k], k == except ? 0 : k * 7);
    print_counts();
}

static void run_broken(void)
{
    rp_future *f[20], *g = (rp_future *) (uintptr_t) 1;
    int x = 0;
    for (int i = 0; i < 20; i++)
        RPT_STATUS(rp_submit(pool, &f[i], always_dies, NULL, 0, NULL), RP_OK);
    for (int i = 0; i < 20; i++) {
        RPT_STATUS(rp_future_result(f[i], 60000, NULL), RP_EBROKEN);
        RPT_STATUS(rp_future_error(f[i])->code, RP_EBROKEN);
        rp_future_free(f[i]);
    }
    RPT_STATUS(rp_submit(pool, &g, seven_times, NULL, 0, NULL), RP_EBROKEN);
    RPT_OK(g == (rp_future *) (uintptr_t) 1);
    RPT_STATUS(rp_map_range(pool, seven_times, 0, 10, NULL, 0, NULL), RP_EBROKEN);
    RPT_STATUS(rp_map(pool, seven_times, &x, sizeof x, NULL, 0, 1, NULL), RP_EBROKEN);
    print_counts();
}

static void run_futures(void)
{
    enum { N = 200 };
    rp_future *f[N];
    rp_view v = {0};
    for (int i = 0; i < N; i++)
        RPT_STATUS(rp_submit(pool, &f[i], future_dies_once, &i, sizeof i, NULL), RP_OK);
    for (int i = 0; i < N; i++) {
        rp_status st = rp_future_result(f[i], 60000, &v);
        RPT_STATUS(st, RP_OK);
        if (st == RP_OK)
            RPT_EQ_I64(*(const int *) v.data, i * 2);
        rp_future_free(f[i]);
    }
    print_counts();
}

static void run(const char *how)
{
    static const char *const ways[] = {"killed", "segv", "abort", "exit0"};
    for (int i = 0; i < 4; i++)
        if (strcmp(how, ways[i]) == 0) {
            rp_map_options opt = RP_MAP_OPTIONS_INIT;
            static int64_t out[COUNT];
            opt.shared = &i, opt.shared_bytes = sizeof i;
            printf("map %s\n",
                   rp_status_name(rp_map_range(pool, dies_once, 0, COUNT, out, sizeof *out, &opt)));
            for (int64_t k = 0; k < COUNT; k++) /* the task that killed ran at the second attempt */
                RPT_EQ_I64(out[k], k * 7 + (k != 1000));
            print_counts();
        }
    if (strcmp(how, "outside") == 0)
        run_map(writes_pid, -1, file_name, strlen(file_name) + 1);
    if (strcmp(how, "thrice") == 0)
        run_map(dies_thrice, -1, NULL, 0);
    if (strcmp(how, "all") == 0)
        run_map(always_dies, -1, NULL, 0);
    if (strcmp(how, "poison") == 0)
        run_map(poison, 777, NULL, 0);
    if (strcmp(how, "broken") == 0)
        run_broken();
    if (strcmp(how, "futures") == 0)
        run_futures();
    if (strcmp(how, "idle") == 0) {
        RPT_STATUS(rp_map_range(pool, dies_later, 0, 1, NULL, 0, NULL), RP_OK);
        ranks_sleep_ms(1500);
        run_map(seven_times, -1, NULL, 0);
    }
    if (strcmp(how, "idle_close") == 0) {
        RPT_STATUS(rp_map_range(pool, dies_later, 0, 1, NULL, 0, NULL), RP_OK);
        ranks_sleep_ms(1500);
    }
}

int main(int argc, char **argv)
{
    rp_pool_options opt = RP_POOL_OPTIONS_INIT;
    if (rp_init(&argc, &argv) != RP_OK)
        return 1;
    file_name = argc > 2 ? argv[2] : "";
    rp_status st = rp_pool_open(&pool, &opt);
    if (st != RP_OK)
        return rp_finalize(st != RP_SERVED);
    run(argc > 1 ? argv[1] : "");
    printf("close %s\n", rp_status_name(rp_pool_close(&pool)));
    printf("%s end\n", rpt_failures ? "FAIL" : "ok  ");
    return rp_finalize(rpt_failures > 0);
}
