/* SPDX-License-Identifier: BSD-3-Clause */
/* Futures as a user's program uses them. */
#include "ranks.h"

#define COUNT 2000

static int reverse(rp_task *t, const void *in, void *out)
{
    size_t n = rp_task_input_bytes(t);
    const char *s = in;
    char r[64];
    if (out || n > sizeof r)
        return 1;
    for (size_t i = 0; i < n; i++)
        r[i] = s[n - 1 - i];
    return rp_task_result(t, r, n);
}

static int sum_digits(rp_task *t, const void *in, void *out)
{
    int sum = 0;
    (void) out;
    for (int x = *(const int *) in; x > 0; x /= 10)
        sum += x % 10;
    (void) rp_task_result(t, "an earlier one", 14);
    return rp_task_result(t, &sum, sizeof sum);
}

static int naps(rp_task *t, const void *in, void *out)
{
    (void) out;
    ranks_sleep_ms(*(const int *) in);
    return rp_task_result(t, in, sizeof(int));
}

static int fails(rp_task *t, const void *in, void *out)
{
    (void) out;
    (void) rp_task_result(t, "half", 4);
    return rp_task_fail(t, 13, "bad luck with %d", *(const int *) in);
}

static int gives_nothing(rp_task *t, const void *in, void *out)
{
    return in || out || rp_task_input_bytes(t) ? 3 : 0;
}

static rp_future *submit(rp_task_fn fn, const void *in, size_t bytes)
{
    rp_future *f = NULL;
    RPT_STATUS(rp_submit(pool, &f, fn, in, bytes, NULL), RP_OK);
    return f;
}

static void settles_in_any_order(void)
{
    static rp_future *words[COUNT], *sums[COUNT];
    char text[32];
    for (int i = 0; i < COUNT; i++) {
        int n = snprintf(text, sizeof text, "word %d", i);
        words[i] = submit(reverse, text, (size_t) n);
        sums[i] = submit(sum_digits, &i, sizeof i);
    }
    for (int i = COUNT - 1; i >= 0; i--) { /* asked from behind */
        rp_view v = {0};
        int sum = 0;
        char back[32] = "";
        RPT_STATUS(rp_future_result(words[i], RP_FOREVER, &v), RP_OK);
        int n = snprintf(text, sizeof text, "word %d", i);
        RPT_EQ_I64(v.bytes, n);
        for (int k = 0; k < n && v.bytes == (size_t) n; k++)
            back[k] = ((const char *) v.data)[n - 1 - k];
        RPT_EQ_STR(back, text);
        RPT_STATUS(rp_future_result(sums[i], RP_FOREVER, &v), RP_OK);
        for (int x = i; x > 0; x /= 10)
            sum += x % 10;
        RPT_EQ_I64(v.bytes, sizeof sum);
        RPT_EQ_I64(*(const int *) v.data, sum);
        RPT_OK(rp_future_done(words[i]) && rp_future_done(sums[i]));
        RPT_STATUS(rp_future_error(sums[i])->code, RP_OK);
        RPT_STATUS(rp_future_cancel(sums[i]), RP_ESTATE);
        rp_future_free(words[i]);
        rp_future_free(sums[i]);
    }
}

static void copies_the_payload(void)
{
    int x = 12345;
    rp_future *f = submit(sum_digits, &x, sizeof x);
    rp_view v = {0};
    x = 0;
    RPT_STATUS(rp_future_result(f, RP_FOREVER, &v), RP_OK);
    RPT_EQ_I64(*(const int *) v.data, 15);
    RPT_STATUS(rp_future_result(f, 0, NULL), RP_OK); /* once more, without a view */
    rp_future_free(f);
    rp_future_free(NULL);
}

static void waits_as_long_as_told(void)
{
    if (getenv("RANKPOOL_AUTOLAUNCH"))
        RPT_SKIP("a pool of one rank runs its tasks while it waits");
    int ms = 400;
    char kept[] = "kept";
    rp_future *f = submit(naps, &ms, sizeof ms);
    rp_view v = {kept, 4};
    double start = ranks_now();
    RPT_OK(!rp_future_done(f));
    RPT_STATUS(rp_future_result(f, 0, &v), RP_TIMEOUT);
    RPT_STATUS(rp_future_result(f, -5, &v), RP_TIMEOUT);
    RPT_OK(ranks_now() - start < 0.2);
    start = ranks_now();
    RPT_STATUS(rp_future_result(f, 50, &v), RP_TIMEOUT);
    double took = ranks_now() - start;
    RPT_OK(took >= 0.049);
    RPT_OK(took < 0.25);
    RPT_OK(v.data == kept && v.bytes == 4);
    RPT_STATUS(rp_future_error(f)->code, RP_OK);
    RPT_STATUS(rp_future_result(f, 30000, &v), RP_OK);
    RPT_EQ_I64(*(const int *) v.data, 400);
    rp_future_free(f);
}

static void tells_errors(void)
{
    int x = 8;
    rp_future *f = submit(fails, &x, sizeof x), *g = submit(sum_digits, &x, sizeof x);
    rp_view v = {&x, 1};
    RPT_STATUS(rp_future_result(f, RP_FOREVER, &v), RP_ETASK);
    RPT_OK(v.data == &x && v.bytes == 1);
    RPT_STATUS(rp_future_error(f)->code, RP_ETASK);
    RPT_EQ_I64(rp_future_error(f)->task_code, 13);
    RPT_EQ_STR(rp_future_error(f)->text, "bad luck with 8");
    RPT_OK(rp_future_error(f)->rank >= 0 && rp_future_error(f)->rank <= ranks_workers());
    RPT_STATUS(rp_future_result(g, RP_FOREVER, &v), RP_OK);
    RPT_EQ_I64(*(const int *) v.data, 8);
    rp_future_free(f);
    rp_future_free(g);
}

static void cancels_what_waits(void)
{
    enum { N = 100 };
    int ms = 20;
    rp_future *f[N];
    for (int i = 0; i < N; i++)
        f[i] = submit(naps, &ms, sizeof ms);
    RPT_STATUS(rp_future_result(f[0], RP_FOREVER, NULL), RP_OK);
    RPT_STATUS(rp_future_cancel(f[0]), RP_ESTATE);
    rp_view v = {0};
    for (int i = 50; i < N; i++) {
        RPT_STATUS(rp_future_cancel(f[i]), RP_OK);
        RPT_STATUS(rp_future_cancel(f[i]), RP_OK); /* before */
        RPT_OK(rp_future_done(f[i]));
        RPT_STATUS(rp_future_result(f[i], RP_FOREVER, &v), RP_ECANCELED);
        RPT_STATUS(rp_future_error(f[i])->code, RP_ECANCELED);
    }
    for (int i = 1; i < 50; i++)
        RPT_STATUS(rp_future_result(f[i], RP_FOREVER, &v), RP_OK);
    for (int i = 0; i < N; i++)
        rp_future_free(f[i]);
    rp_pool_info info;
    rp_pool_get_info(pool, &info);
    RPT_EQ_I64(info.cancelled, 50);
}

static void forgets_what_is_freed(void)
{
    int ms = 1, x = 99;
    for (int i = 0; i < 200; i++)
        rp_future_free(submit(naps, &ms, sizeof ms));
    rp_future *f = submit(sum_digits, &x, sizeof x);
    RPT_STATUS(rp_future_result(f, RP_FOREVER, NULL), RP_OK);
    rp_future_free(f);
}

static void takes_nothing(void)
{
    rp_future *f = submit(gives_nothing, NULL, 0), *g = submit(reverse, "", 0);
    rp_view v = {&v, 5};
    RPT_STATUS(rp_future_result(f, RP_FOREVER, &v), RP_OK);
    RPT_OK(v.data == NULL && v.bytes == 0);
    v = (rp_view){&v, 5};
    RPT_STATUS(rp_future_result(g, RP_FOREVER, &v), RP_OK);
    RPT_OK(v.data == NULL && v.bytes == 0);
    rp_future_free(f);
    rp_future_free(g);
}

static void refuses_wrong_arguments(void)
{
    rp_future *f = (rp_future *) (uintptr_t) 1;
    RPT_STATUS(rp_submit(pool, &f, NULL, "x", 1, NULL), RP_EINVAL);
    RPT_STATUS(rp_submit(pool, &f, reverse, NULL, 1, NULL), RP_EINVAL);
    RPT_STATUS(rp_submit(pool, NULL, reverse, "x", 1, NULL), RP_EINVAL);
    RPT_STATUS(rp_submit(NULL, &f, reverse, "x", 1, NULL), RP_EINVAL);
    RPT_STATUS(rp_submit(pool, &f, reverse, "x", ((size_t) 8 << 30) + 1, NULL), RP_ETOOBIG);
    RPT_OK(f == (rp_future *) (uintptr_t) 1);
}

/* A map while futures are pending: neither disturbs the other. */
static int plus_one(rp_task *t, const void *in, void *out)
{
    (void) t;
    *(int *) out = *(const int *) in + 1;
    return 0;
}

static void lives_beside_maps(void)
{
    int ms = 5, x[500], y[500];
    rp_future *f[40];
    for (int i = 0; i < 40; i++)
        f[i] = submit(naps, &ms, sizeof ms);
    for (int i = 0; i < 500; i++)
        x[i] = i;
    RPT_STATUS(rp_map(pool, plus_one, x, sizeof *x, y, sizeof *y, 500, NULL), RP_OK);
    for (int i = 0; i < 500; i++)
        RPT_EQ_I64(y[i], i + 1);
    for (int i = 39; i >= 0; i--) {
        RPT_STATUS(rp_future_result(f[i], RP_FOREVER, NULL), RP_OK);
        rp_future_free(f[i]);
    }
}

/* Closing finishes what is pending; the futures outlive the pool. */
static int outlives(int argc, char **argv)
{
    rp_future *f[60];
    rp_view v = {0};
    if (rp_init(&argc, &argv) != RP_OK || rp_pool_open(&pool, NULL) != RP_OK)
        return rp_finalize(0);
    for (int i = 0; i < 60; i++)
        f[i] = submit(i % 2 ? reverse : sum_digits, &i, sizeof i);
    RPT_STATUS(rp_pool_close(&pool), RP_OK);
    RPT_OK(pool == NULL);
    for (int i = 0; i < 60; i++) {
        RPT_OK(rp_future_done(f[i]));
        RPT_STATUS(rp_future_cancel(f[i]), RP_ESTATE);
        RPT_STATUS(rp_future_result(f[i], RP_FOREVER, &v), RP_OK);
        RPT_EQ_I64(v.bytes, sizeof i);
        rp_future_free(f[i]);
    }
    printf("%s outlives\n", rpt_failures ? "FAIL" : "ok  ");
    return rp_finalize(rpt_failures > 0);
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {
        RPT_CASE(settles_in_any_order), RPT_CASE(copies_the_payload),      RPT_CASE(waits_as_long_as_told),
        RPT_CASE(tells_errors),         RPT_CASE(cancels_what_waits),      RPT_CASE(forgets_what_is_freed),
        RPT_CASE(takes_nothing),        RPT_CASE(refuses_wrong_arguments), RPT_CASE(lives_beside_maps),
    };
    if (argc > 1 && strcmp(argv[1], "outlives") == 0)
        return outlives(argc, argv);
    return ranks_main(argc, argv, cases, RPT_COUNT(cases));
}
