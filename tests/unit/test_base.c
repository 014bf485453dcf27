/* SPDX-License-Identifier: BSD-3-Clause */
/* Statuses, memory, buffers, cores. */
#include "rpt.h"

static void statuses_have_names_and_sentences(void)
{
    RPT_EQ_STR(rp_status_name(RP_EBODY), "RP_EBODY");
    RPT_EQ_STR(rp_status_text(RP_OK), "success");
    RPT_EQ_STR(rp_status_name((rp_status) 4711), "RP_UNKNOWN");
}

static void fail_fills_and_returns(void)
{
    rp_error err = {.rank = 7};
    RPT_STATUS(rp__fail(&err, RP_ESTORE, "open '%s'", "x"), RP_ESTORE);
    RPT_STATUS(err.code, RP_ESTORE);
    RPT_EQ_STR(err.text, "open 'x'");
    RPT_EQ_I64(err.rank, -1);
    RPT_EQ_I64(err.task, -1);
    RPT_STATUS(rp__fail(NULL, RP_EINVAL, "nobody listens"), RP_EINVAL);
}

static void buffer_grows_and_marks_failure(void)
{
    int64_t live = rp__mem_live();
    rp__buf b = {0};
    for (int i = 0; i < 1000; i++)
        rp__buf_append(&b, &i, sizeof i);
    RPT_EQ_I64(b.len, 4000);
    int v = 0;
    memcpy(&v, b.data + 999 * sizeof v, sizeof v);
    RPT_EQ_I64(v, 999);
    rp__mem_fail_after(0);
    RPT_OK(!rp__buf_extend(&b, 1 << 20));
    RPT_OK(b.failed);
    RPT_EQ_I64(b.len, 4000);
    RPT_OK(!rp__buf_reserve(&b, SIZE_MAX));
    rp__buf_done(&b);
    rp__buf_printf(&b, "%d-%s", 7, "x");
    RPT_EQ_MEM(b.data, "7-x", 3);
    rp__buf_done(&b);
    RPT_EQ_I64(rp__mem_live(), live);
}

static void array_allocation_refuses_overflow(void)
{
    RPT_OK(!rp__alloc_array(SIZE_MAX / 2, 3));
}

static void there_is_a_core(void)
{
    RPT_OK(rp__usable_cores() >= 1);
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {
        RPT_CASE(statuses_have_names_and_sentences),
        RPT_CASE(fail_fills_and_returns),
        RPT_CASE(buffer_grows_and_marks_failure),
        RPT_CASE(array_allocation_refuses_overflow),
        RPT_CASE(there_is_a_core),
    };
    return rpt_main(argc, argv, cases, RPT_COUNT(cases));
}
