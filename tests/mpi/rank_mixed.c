/* SPDX-License-Identifier: BSD-3-Clause */
/* Two programs are made of this file: their functions stand at different places. RANK_MIXED is A or B. */
#include "ranks.h"

static int by_place(rp_task *t, const void *in, void *out)
{
    (void) t;
    (void) in;
    *(int *) out = 1;
    return 0;
}

static int by_name(rp_task *t, const void *in, void *out)
{
    (void) t;
    (void) in;
    *(int *) out = RANK_MIXED;
    return 0;
}

static int only_here(rp_task *t, const void *in, void *out)
{
    return by_name(t, in, out);
}

static void finds_names_only(void)
{
    int out[10] = {0};
    rp_future *f = NULL;
    RPT_STATUS(rp_map_range(pool, by_place, 0, 10, out, sizeof *out, NULL), RP_EBODY);
    printf("text %s\n", rp_pool_error(pool)->text);
    RPT_STATUS(rp_submit(pool, &f, by_place, NULL, 0, NULL), RP_OK);
    RPT_STATUS(rp_future_result(f, RP_FOREVER, NULL), RP_EBODY);
    RPT_OK(strlen(rp_future_error(f)->text) > 20);
    rp_future_free(f);
    RPT_STATUS(rp_map_range(pool, only_here, 0, 10, out, sizeof *out, NULL), RP_EBODY);
    printf("text %s\n", rp_pool_error(pool)->text);
    RPT_STATUS(rp_map_range(pool, by_name, 0, 10, out, sizeof *out, NULL), RP_OK);
    for (int i = 0; i < 10; i++)
        RPT_EQ_I64(out[i], 2); /* the other program's */
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {RPT_CASE(finds_names_only)};
    if (rp_init(&argc, &argv) != RP_OK || rp_register("by name", by_name) != RP_OK ||
        (RANK_MIXED == 1 && rp_register("only in A", only_here) != RP_OK))
        return 1;
    return ranks_cases(argc, argv, NULL, cases, RPT_COUNT(cases));
}
