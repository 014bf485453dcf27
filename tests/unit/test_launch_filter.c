/* SPDX-License-Identifier: BSD-3-Clause */
/* Which lines of mpirun's stderr pass. The texts are what Open MPI 4.1.4 printed, or has
 * among its help texts. */
#include "launch/filter.h"
#include "rpt.h"

#define RULE "--------------------------------------------------------------------------\n"
#define PLAIN_MPI_ABORT                                                                                      \
    RULE "MPI_ABORT was invoked on rank 2 in communicator MPI_COMM_WORLD\n"                                  \
         "with errorcode 5.\n\n"                                                                             \
         "NOTE: invoking MPI_ABORT causes Open MPI to kill all MPI processes.\n" RULE
#define LOST_WORKER                                                                                          \
    RULE "mpirun noticed that process rank 2 with PID 0 on node vm exited on signal 9 (Killed).\n" RULE
#define LOST_MASTER                                                                                          \
    RULE "mpirun noticed that process rank 0 with PID 0 on node vm exited on signal 9 (Killed).\n" RULE
#define HUNG_UP                                                                                              \
    RULE "An MPI communication peer process has unexpectedly disconnected.  This\n"                          \
         "usually indicates a failure in the peer process (e.g., a crash or\n"                               \
         "otherwise exiting without calling MPI_FINALIZE first).\n\n  Local host: vm\n" RULE

/* What passes of text when it comes in pieces of `step` bytes and then ends. */
static char *filtered(const char *text, size_t step)
{
    static char result[16384];
    rp__filter f = {0};
    rp__buf out = {0};
    for (size_t at = 0, len = strlen(text); at < len; at += step)
        rp__filter_feed(&f, text + at, (size_t) rp__min64((int64_t) step, (int64_t) (len - at)), 1, &out);
    rp__filter_end(&f, &out);
    (void) snprintf(result, sizeof result, "%.*s", (int) out.len, out.data ? (char *) out.data : "");
    rp__filter_done(&f);
    rp__buf_done(&out);
    return result;
}

static void expect(const char *text, const char *passes)
{
    static const size_t steps[] = {1, 7, 16384};
    for (size_t i = 0; i < RPT_COUNT(steps); i++)
        RPT_EQ_STR(filtered(text, steps[i]), passes);
}

static void lines_about_lost_ranks_stay_away(void)
{
    static const char *const noise[] = {
        "[vm:06152] PMIX ERROR: BAD-PARAM in file ../../../src/event/pmix_event_notification.c at line "
        "1033\n",
        "[vm][[29774,1],0][../../../../../../opal/mca/btl/tcp/btl_tcp_frag.c:135:mca_btl_tcp_frag_send] "
        "mca_btl_tcp_frag_send: writev failed: Broken pipe (32)\n",
        "[vm][[29774,1],0][../../../../../../opal/mca/btl/tcp/btl_tcp_endpoint.c:1065:mca_btl_tcp_endpoint_"
        "send_handler] invalid connection state (2)\n",
        "[vm:06362] [[29732,0],0] ORTE_ERROR_LOG: Out of resource in file ../../../orte/util/show_help.c at "
        "line 501\n",
        "[vm:06362] plm:rsh: Warning: setpgid(6363,6363) failed in parent with errno=Permission denied(13)\n",
    };
    for (size_t i = 0; i < RPT_COUNT(noise); i++)
        expect(noise[i], "");
}

static void other_lines_pass(void)
{
    expect("warning: something\n", "warning: something\n");
    expect("PMIX ERROR: BAD-PARAM in file pmix_event_notification.c\n",
           "PMIX ERROR: BAD-PARAM in file pmix_event_notification.c\n"); /* not by Open MPI */
    expect("[vm:06179] *** Process received signal ***\n[vm:06179] Signal: Segmentation fault (11)\n",
           "[vm:06179] *** Process received signal ***\n[vm:06179] Signal: Segmentation fault (11)\n");
    expect("[vm:1] PMIX ERROR: UNREACHABLE in file a.c at line 3\n",
           "[vm:1] PMIX ERROR: UNREACHABLE in file a.c at line 3\n");
    expect("no end", "no end");
    expect("", "");
    expect("\n\n", "\n\n");
}

static void texts_about_lost_ranks_stay_away(void)
{
    expect("a\n" LOST_WORKER "b\n", "a\nb\n");
    expect(HUNG_UP LOST_WORKER "b\n", "b\n");
    expect(HUNG_UP "[vm:1] 2 more processes have sent help message help-mpi-btl-tcp.txt / peer hung up\n"
                   "[vm:1] Set MCA parameter \"orte_base_help_aggregate\" to 0 to see all help / error "
                   "messages\nb\n",
           "b\n");
}

static void other_texts_pass(void)
{
    expect(PLAIN_MPI_ABORT, PLAIN_MPI_ABORT);
    expect(LOST_MASTER, LOST_MASTER);
    expect(PLAIN_MPI_ABORT LOST_WORKER "b\n", PLAIN_MPI_ABORT "b\n");
    expect(RULE RULE RULE, RULE RULE RULE);
    expect("[vm:1] Set MCA parameter \"orte_base_help_aggregate\" to 0 to see all\n",
           "[vm:1] Set MCA parameter \"orte_base_help_aggregate\" to 0 to see all\n");
}

/* A help text that does not end is not one: what comes later passes. */
static void a_text_without_end_hides_little(void)
{
    rp__filter f = {0};
    rp__buf out = {0};
    static const char text[] = RULE "ORTE has lost communication with a remote daemon.\n";
    rp__filter_feed(&f, text, sizeof text - 1, 0, &out);
    RPT_OK(rp__filter_deadline(&f) == RP__FILTER_PATIENCE);
    rp__filter_tick(&f, RP__FILTER_PATIENCE, &out);
    rp__filter_feed(&f, "later\n", 6, RP__FILTER_PATIENCE + 1, &out);
    RPT_EQ_I64(out.len, 6);
    rp__filter_feed(&f, text, sizeof text - 1, 0, &out);
    for (int i = 0; i < 50; i++)
        rp__filter_feed(&f, "more\n", 5, 1, &out);
    RPT_OK(out.len >= 6 + 10 * 5);
    rp__filter_done(&f);
    rp__buf_done(&out);
}

static void unfinished_lines_wait_a_little(void)
{
    rp__filter f = {0};
    rp__buf out = {0};
    RPT_OK(rp__filter_deadline(&f) == RP__NEVER);
    rp__filter_feed(&f, "50 %", 4, 1000, &out);
    RPT_EQ_I64(out.len, 0);
    RPT_OK(rp__filter_deadline(&f) == 1000 + RP__FILTER_PATIENCE);
    rp__filter_tick(&f, 999 + RP__FILTER_PATIENCE, &out);
    RPT_EQ_I64(out.len, 0);
    rp__filter_tick(&f, 1000 + RP__FILTER_PATIENCE, &out);
    RPT_EQ_I64(out.len, 4);
    RPT_OK(rp__filter_deadline(&f) == RP__NEVER);
    rp__filter_feed(&f, "..", 2, RP__SEC, &out); /* the rest passes at once */
    RPT_EQ_I64(out.len, 6);
    rp__filter_feed(&f, "\nnext", 5, RP__SEC, &out);
    RPT_EQ_I64(out.len, 7);
    rp__filter_end(&f, &out);
    RPT_EQ_MEM(out.data, "50 %..\nnext", 11);
    rp__filter_done(&f);
    rp__buf_done(&out);
}

static void everything_passes_when_open(void)
{
    rp__filter f = {.is_open = true};
    rp__buf out = {0};
    static const char text[] = LOST_WORKER "half";
    rp__filter_feed(&f, text, sizeof text - 1, 0, &out);
    RPT_EQ_I64(out.len, sizeof text - 1);
    RPT_OK(rp__filter_deadline(&f) == RP__NEVER);
    rp__filter_done(&f);
    rp__buf_done(&out);
}

static void long_lines_pass(void)
{
    static char text[100001];
    rp__filter f = {0};
    rp__buf out = {0};
    memset(text, 'x', sizeof text - 1);
    rp__filter_feed(&f, text, sizeof text - 1, 0, &out);
    RPT_EQ_I64(out.len, sizeof text - 1);
    rp__filter_done(&f);
    rp__buf_done(&out);
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {
        RPT_CASE(lines_about_lost_ranks_stay_away), RPT_CASE(other_lines_pass),
        RPT_CASE(texts_about_lost_ranks_stay_away), RPT_CASE(other_texts_pass),
        RPT_CASE(a_text_without_end_hides_little),  RPT_CASE(unfinished_lines_wait_a_little),
        RPT_CASE(everything_passes_when_open),      RPT_CASE(long_lines_pass),
    };
    return rpt_main(argc, argv, cases, RPT_COUNT(cases));
}
