/* SPDX-License-Identifier: BSD-3-Clause */
/* Large payloads and results; pools opened and closed again and again. */
#include "ranks.h"

#define LARGE ((size_t) 100 << 20)

/* Checks the whole payload and gives back as many other bytes. */
static int shift(rp_task *t, const void *in, void *out)
{
    size_t bytes = rp_task_input_bytes(t);
    int64_t bad = ranks_differs(in, bytes, 1);
    if (bad >= 0 || out)
        return rp_task_fail(t, 1, "byte %lld is wrong", (long long) bad);
    unsigned char *r = malloc(bytes);
    ranks_fill(r, bytes, 2);
    rp_status st = rp_task_result(t, r, bytes);
    free(r);
    return st;
}

static void carries_100_mb_each_way(void)
{
    rp_future *f = NULL;
    rp_view v = {0};
    unsigned char *in = malloc(LARGE);
    ranks_fill(in, LARGE, 1);
    RPT_STATUS(rp_submit(pool, &f, shift, in, LARGE, NULL), RP_OK);
    memset(in, 0, LARGE); /* it was copied */
    free(in);
    RPT_STATUS(rp_future_result(f, RP_FOREVER, &v), RP_OK);
    RPT_EQ_STR(rp_future_error(f)->text, "");
    RPT_EQ_I64(v.bytes, LARGE);
    RPT_EQ_I64(ranks_differs(v.data, v.bytes, 2), -1);
    rp_future_free(f);
}

/* The same in an array, element k made from k. */
static int shift_fixed(rp_task *t, const void *in, void *out)
{
    size_t bytes = rp_task_input_bytes(t);
    uint64_t k = (uint64_t) rp_task_index(t);
    int64_t bad = ranks_differs(in, bytes, k);
    if (bad >= 0)
        return rp_task_fail(t, 1, "byte %lld is wrong", (long long) bad);
    ranks_fill(out, bytes, k + 100);
    return 0;
}

static void maps_large_elements(void)
{
    enum { COUNT = 7 };
    size_t size = (5 << 20) + 1; /* odd */
    unsigned char *in = malloc(COUNT * size), *out = malloc(COUNT * size);
    for (size_t k = 0; k < COUNT; k++)
        ranks_fill(in + k * size, size, k);
    RPT_STATUS(rp_map(pool, shift_fixed, in, size, out, size, COUNT, NULL), RP_OK);
    for (size_t k = 0; k < COUNT; k++)
        RPT_EQ_I64(ranks_differs(out + k * size, size, k + 100), -1);
    free(in);
    free(out);
}

/* ---- again and again ---- */

static int add_round(rp_task *t, const void *in, void *out)
{
    const int *round = rp_task_shared(t);
    *(int *) out = *(const int *) in + *round * 1000;
    return 0;
}

static void one_round(int round)
{
    int in[200], out[200];
    rp_map_options opt = RP_MAP_OPTIONS_INIT;
    opt.shared = &round, opt.shared_bytes = sizeof round;
    for (int i = 0; i < 200; i++)
        in[i] = i;
    RPT_STATUS(rp_map(pool, add_round, in, sizeof *in, out, sizeof *out, 200, &opt), RP_OK);
    for (int i = 0; i < 200; i++)
        RPT_EQ_I64(out[i], i + round * 1000);
}

/* Every rank runs this loop; only the master sees RP_OK. Some pools close without having worked. */
static int again_and_again(void)
{
    int served = 0;
    for (int round = 0; round < 20; round++) {
        rp_status st = rp_pool_open(&pool, NULL);
        served += st == RP_SERVED;
        if (st != RP_OK)
            continue;
        if (round % 5 != 4)
            one_round(round);
        RPT_STATUS(rp_pool_close(&pool), RP_OK);
        RPT_OK(pool == NULL);
    }
    if (rp_rank() == 0)
        printf("%s again_and_again\n", rpt_failures || served ? "FAIL" : "ok  ");
    return rp_rank() == 0 ? rpt_failures > 0 || served > 0 : served != 20;
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {RPT_CASE(carries_100_mb_each_way), RPT_CASE(maps_large_elements)};
    if (rp_init(&argc, &argv) != RP_OK)
        return 1;
    if (argc > 1 && strcmp(argv[1], "again") == 0)
        return rp_finalize(again_and_again());
    return ranks_cases(argc, argv, NULL, cases, RPT_COUNT(cases));
}
