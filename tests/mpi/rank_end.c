/* SPDX-License-Identifier: BSD-3-Clause */
/* `rank_end HOW [ARGUMENT]`: ends a program in many ways, and uses a pool in wrong ones. */
#include "ranks.h"

#include <signal.h>

static int one(rp_task *t, const void *in, void *out)
{
    (void) t;
    (void) in;
    *(int *) out = 1;
    return 0;
}

static int exits(rp_task *t, const void *in, void *out)
{
    (void) in;
    (void) out;
    if (rp_task_index(t) == 3)
        exit(3);
    return 0;
}

static int naps(rp_task *t, const void *in, void *out)
{
    (void) t;
    (void) in;
    (void) out;
    ranks_sleep_ms(500);
    return 0;
}

static int opens(rp_task *t, const void *in, void *out)
{
    rp_pool *p = NULL;
    (void) t;
    (void) in;
    *(int *) out = rp_pool_open(&p, NULL);
    if (p || !strstr(rp_init_error()->text, "task"))
        return rp_task_fail(t, 1, "it says '%s'", rp_init_error()->text);
    return 0;
}

static void some_work(void)
{
    int out[100];
    RPT_STATUS(rp_map_range(pool, one, 0, 100, out, sizeof *out, NULL), RP_OK);
    for (int i = 0; i < 100; i++)
        RPT_EQ_I64(out[i], 1);
    printf("%s work\n", rpt_failures ? "FAIL" : "ok  ");
    (void) fflush(stdout);
}

static int end_status;

/* Called from within qsort. */
static int exit_compare(const void *a, const void *b)
{
    if (a != b)
        exit(end_status);
    return 0;
}

/* In the master, with the pool open. */
static int end_by(const char *how, int status)
{
    end_status = status;
    if (strcmp(how, "exit") == 0)
        qsort((char[]){"deep"}, 4, 1, exit_compare);
    if (strcmp(how, "_exit") == 0)
        _exit(status);
    if (strcmp(how, "abort") == 0)
        abort();
    if (strcmp(how, "kill") == 0)
        (void) raise(SIGKILL);
    if (strcmp(how, "segv") == 0)
        (void) raise(SIGSEGV);
    if (strcmp(how, "return") == 0)
        return status;
    if (strcmp(how, "finalize") == 0) /* without closing */
        return rp_finalize(status);
    if (strcmp(how, "busy") == 0) { /* while tasks run */
        rp_future *f = NULL;
        for (int i = 0; i < 20; i++)
            RPT_STATUS(rp_submit(pool, &f, naps, NULL, 0, NULL), RP_OK);
        (void) rp_future_result(f, 100, NULL);
        exit(status);
    }
    (void) rp_pool_close(&pool);
    return rp_finalize(status);
}

/* ---- misuse ---- */

static int misuse_early(void)
{
    rp_pool *p = (rp_pool *) (uintptr_t) 1;
    RPT_STATUS(rp_pool_open(&p, NULL), RP_ESTATE);
    RPT_HAS_STR(rp_init_error()->text, "rp_init");
    RPT_OK(p == (rp_pool *) (uintptr_t) 1);
    RPT_EQ_I64(rp_rank(), 0);
    RPT_STATUS(rp_pool_close(NULL), RP_OK);
    RPT_EQ_I64(rp_finalize(5), 5);
    printf("%s early\n", rpt_failures ? "FAIL" : "ok  ");
    return rpt_failures > 0;
}

/* Options are the master's: it is told, the workers come back as from a pool that closed. */
static void is_refused(rp_pool_options opt, const char *named)
{
    rp_pool *p = NULL;
    RPT_STATUS(rp_pool_open(&p, &opt), rp_rank() == 0 ? RP_EINVAL : RP_SERVED);
    RPT_OK(p == NULL);
    if (rp_rank() == 0)
        RPT_HAS_STR(rp_init_error()->text, named);
}

static void misuse(int *argc, char ***argv)
{
    rp_pool_options opt = RP_POOL_OPTIONS_INIT;
    rp_pool *p = NULL;
    int out[20];
    RPT_STATUS(rp_init(argc, argv), RP_ESTATE); /* twice */
    RPT_STATUS(rp_pool_close(&p), RP_OK);
    is_refused((rp_pool_options){.size = sizeof opt, .max_attempts = -1}, "max_attempts");
    is_refused((rp_pool_options){.size = sizeof opt, .max_attempts = 1001}, "max_attempts");
    is_refused((rp_pool_options){.size = sizeof opt, .prefetch = 17}, "prefetch");
    RPT_STATUS(rp_pool_open(NULL, NULL), RP_EINVAL);
    RPT_OK(p == NULL);
    opt.max_attempts = 1000, opt.prefetch = 16;
    rp_status st = rp_pool_open(&pool, &opt);
    if (st != RP_OK) {
        RPT_STATUS(st, RP_SERVED);
        return;
    }
    RPT_STATUS(rp_map_range(pool, opens, 0, 20, out, sizeof *out, NULL), RP_OK);
    RPT_EQ_STR(rp_pool_error(pool)->text, "");
    for (int i = 0; i < 20; i++)
        RPT_STATUS(out[i], RP_ESTATE);
    RPT_STATUS(rp_pool_close(&pool), RP_OK);
    RPT_STATUS(rp_pool_close(&pool), RP_OK); /* NULL now */
    printf("%s misuse\n", rpt_failures ? "FAIL" : "ok  ");
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    int status = argc > 2 ? atoi(argv[2]) : 0;
    if (strcmp(how, "early") == 0)
        return misuse_early();
    if (rp_init(&argc, &argv) != RP_OK)
        return 1;
    if (strcmp(how, "misuse") == 0) {
        misuse(&argc, &argv);
        return rp_finalize(rpt_failures > 0);
    }
    if (rp_pool_open(&pool, NULL) != RP_OK)
        return rp_finalize(99);     /* a worker's status is nobody's */
    if (strcmp(how, "task") == 0) { /* a task calls exit: its rank is lost */
        rp_status st = rp_map_range(pool, exits, 0, 100, NULL, 0, NULL);
        printf("map %s: %s\n", rp_status_name(st), rp_pool_error(pool)->text);
    } else {
        some_work();
    }
    return end_by(how, status);
}
