/* SPDX-License-Identifier: BSD-3-Clause */
/* The scheduler when workers are lost, come back, or answer after all: event scripts. */
#include "rpt.h"
#include "script.h"

/* ---- what goes back ---- */

static void lost_tasks_go_out_first_in_order_free_of_charge(void)
{
    RPT_SCRIPT("open 1 chunk=2; grow 1 +20\n"
               "join w0..1                  -> assign w0 L1 1[0,2); assign w1 L2 1[2,4)\n"
               "answer w1 L2 1[2] busy=1us  -> accept; assign w0 L3 1[4,6); assign w1 L4 1[6,8)\n"
               "lost w0                     -> requeue w0 L3 1[4,6) a1; requeue w0 L1 1[0,2) a1\n"
               "counts                      -> counts alive=1 waiting=16 leased=3 requeued=4\n"
               "answer w1 L2 1[3]           -> accept; assign w1 L5 1[0,2) a1\n"
               "answer w1 L4 1[6,8)         -> accept; assign w1 L6 1[4,6) a1\n"
               "answer w1 L5 1[0,2)         -> accept; assign w1 L7 1[8,10) a1\n");
}

static void only_what_was_not_answered_goes_back(void)
{
    RPT_SCRIPT("open 1 chunk=8; grow 1 +9\n"
               "join w0..1                  -> assign w0 L1 1[0,8); assign w1 L2 1[8]\n"
               "answer w0 L1 1[0]; answer w0 L1 1[3,5); answer w0 L1 1[6] -> accept; accept; accept\n"
               "lost w0                     -> requeue 1[1,3); requeue 1[5]; requeue 1[7];\n"
               "  -> assign w1 L3 1[1,3)\n"
               "answer w1 L2 1[8]           -> accept; assign w1 L4 1[5]\n"
               "answer w1 L3 1[1,3)         -> accept; assign w1 L5 1[7]\n");
}

static void later_losses_stand_before_earlier_ones(void)
{
    RPT_SCRIPT("open 1 chunk=2; grow 1 +6\n"
               "join w0..2                  -> assign w0 1[0,2); assign w1 1[2,4); assign w2 L3 1[4,6)\n"
               "lost w1                     -> requeue w1 1[2,4)\n"
               "lost w0                     -> requeue w0 1[0,2)\n"
               "answer w2 L3 1[4,6)         -> accept; assign w2 1[0,2); assign w2 1[2,4)\n");
}

static void the_running_task_is_charged_and_goes_alone(void)
{
    RPT_SCRIPT(
        "open 1 chunk=4; grow 1 +4; open 2; grow 2 +1; seal 1\n"
        "join w0..1                  -> assign w0 L1 1[0,4); assign w1 L2 2[0]\n"
        "lost w0 1[1]                -> requeue w0 L1 1[2,4) a1; charge w0 1[1] a1; requeue w0 1[0] a1\n"
        "counts                      -> counts waiting=4 leased=1 requeued=3\n"
        "answer w1 L2 2[0]           -> accept; assign w1 L3 1[0] a1\n"
        "answer w1 L3 1[0]           -> accept; assign w1 L4 1[1] a2; assign w1 L5 1[2,4) a1\n"
        "answer w1 L4 1[1]           -> accept w1 L4 1[1] a2\n"
        "answer w1 L5 1[2,4)         -> accept w1 L5 1[2,4) a1; batch_done 1\n");
}

static void a_task_that_kills_is_lost_in_the_end(void)
{
    RPT_SCRIPT("pool attempts=2\n"
               "open 1 chunk=3; grow 1 +3; seal 1\n"
               "join w0                     -> assign w0 L1 1[0,3)\n"
               "join w1..2\n"
               "lost w0 1[1]  -> requeue 1[2] a1; charge 1[1] a1; requeue 1[0] a1;\n"
               "              -> assign w1 L2 1[0] a1; assign w2 L3 1[1] a2\n"
               "lost w2 1[1]  -> charge w2 1[1] a2; settle 1[1] a2 lost\n"
               "answer w1 L2 1[0]           -> accept; assign w1 L4 1[2] a1\n"
               "answer w1 L4 1[2]           -> accept; batch_done 1\n");
    RPT_SCRIPT("pool attempts=1\n"
               "open 1 chunk=1; grow 1 +1; seal 1\n"
               "join w0..1                  -> assign w0 L1 1[0]\n"
               "lost w0 1[0]                -> charge w0 1[0] a1; settle 1[0] a1 lost; batch_done 1\n"
               "answer w0 L1 1[0]           -> duplicate w0 L1 1[0]\n");
}

static void nothing_is_charged_when_nobody_knows(void)
{
    RPT_SCRIPT("pool attempts=2\n"
               "open 1 chunk=1; grow 1 +1\n"
               "join w0..1                  -> assign w0 L1 1[0] a1\n"
               "lost w0 1[0]                -> charge 1[0] a1; assign w1 L2 1[0] a2\n"
               "join w0; lost w1            -> requeue w1 L2 1[0] a2; assign w0 L3 1[0] a2\n"
               "join w1; lost w0            -> requeue w0 L3 1[0] a2; assign w1 L4 1[0] a2\n");
}

static void only_a_task_of_its_own_is_charged(void)
{
    RPT_SCRIPT("open 1 chunk=2; grow 1 +6\n"
               "join w0..2                  -> assign w0 L1 1[0,2); assign w1 1[2,4); assign w2 1[4,6)\n"
               "answer w0 L1 1[0]           -> accept\n"
               "lost w0 1[0]                -> requeue w0 1[1] a1; assign w1 1[1] a1 # answered before\n"
               "lost w2 1[2]                -> requeue w2 1[4,6) a1 # w1 has it\n");
}

/* ---- late answers ---- */

static void late_answers_of_a_lost_worker_count(void)
{
    RPT_SCRIPT("open 1 chunk=2; grow 1 +4; seal 1\n"
               "join w0..1                  -> assign w0 L1 1[0,2); assign w1 L2 1[2,4)\n"
               "lost w0                     -> requeue w0 L1 1[0,2)\n"
               "answer w0 L1 1[0] busy=1s   -> accept w0 L1 1[0] # while it waits\n"
               "counts                      -> counts done=1 leased=2 waiting=1\n"
               "answer w1 L2 1[2,4)         -> accept; assign w1 L3 1[1] a1\n"
               "answer w0 L1 1[1]           -> accept w0 L1 1[1]; batch_done 1 # while w1 has it\n"
               "answer w1 L3 1[1]           -> duplicate w1 L3 1[1]\n"
               "counts                      -> counts busy=0 duplicates=1\n");
}

static void late_return_of_a_lost_worker_is_ignored(void)
{
    RPT_SCRIPT("open 1 chunk=2; grow 1 +4\n"
               "join w0..1                  -> assign w0 L1 1[0,2); assign w1 L2 1[2,4)\n"
               "lost w0                     -> requeue\n"
               "return w0 L1 1[0,2)\n"
               "counts                      -> counts leased=2 waiting=2\n");
}

static void late_answers_over_leases_of_several_workers(void)
{
    RPT_SCRIPT(
        "open 1 chunk=6; grow 1 +6; seal 1; open 2 chunk=1; grow 2 +4; seal 2\n"
        "join w0                     -> assign w0 L1 1[0,6)\n"
        "join w1..2                  -> assign w1 L2 2[0]; assign w2 L3 2[1]\n"
        "lost w0 1[3]                -> requeue 1[4,6); charge 1[3] a1; requeue 1[0,3)\n"
        "answer w1 L2 2[0] busy=1us  -> accept; assign w1 L4 1[0,3); assign w2 L5 2[2]; assign w1 L6 2[3]\n"
        "answer w2 L3 2[1]           -> accept\n"
        "answer w2 L5 2[2]           -> accept; assign w2 L7 1[3] a2\n"
        "answer w0 L1 1[1,5)         -> accept w0 L1 1[1,5); assign w2 L8 1[5]\n"
        "counts                      -> counts leased=3 waiting=0 duplicates=0\n"
        "answer w2 L7 1[3]           -> duplicate w2 L7 1[3]\n"
        "answer w1 L4 1[0,3)         -> accept 1[0]; duplicate 1[1,3)\n"
        "answer w2 L8 1[5]           -> accept; batch_done 1\n"
        "answer w1 L6 2[3]           -> accept; batch_done 2\n");
}

static void room_returns_when_others_have_answered_the_lease(void)
{
    RPT_SCRIPT("pool prefetch=1\n"
               "open 1 chunk=2; grow 1 +2; seal 1; open 2 chunk=1; grow 2 +1\n"
               "join w0..1                  -> assign w0 L1 1[0,2); assign w1 L2 2[0]\n"
               "answer w1 L2 2[0]           -> accept\n"
               "lost w0                     -> requeue; assign w1 L3 1[0,2)\n"
               "answer w0 L1 1[0,2)         -> accept; batch_done 1\n"
               "counts                      -> counts busy=0\n"
               "grow 2 +1                   -> assign w1 L4 2[1] # w1 may have dropped L3 and never tell\n"
               "answer w1 L3 1[0,2)         -> duplicate 1[0,2)\n"
               "running w1                  -> running 2[1]\n");
}

/* ---- coming, going, the last one ---- */

static void join_after_loss(void)
{
    RPT_SCRIPT("open 1 chunk=2; grow 1 +4; seal 1\n"
               "join w0..1                  -> assign w0 L1 1[0,2); assign w1 L2 1[2,4)\n"
               "lost w0                     -> requeue w0 L1 1[0,2)\n"
               "running w0                  -> running none\n"
               "join w0                     -> assign w0 L3 1[0,2)\n"
               "counts                      -> counts joined=2 alive=2 busy=2\n"
               "answer w0 L1 1[0]           -> accept w0 L1 1[0] # from its earlier life\n"
               "answer w0 L3 1[0]           -> duplicate w0 L3 1[0]\n"
               "answer w0 L3 1[1]           -> accept\n"
               "answer w1 L2 1[2,4)         -> accept; batch_done 1\n");
}

static void second_notice_of_a_loss_is_ignored(void)
{
    RPT_SCRIPT("open 1 chunk=2; grow 1 +4\n"
               "join w0..1                  -> assign w0 L1 1[0,2); assign w1 L2 1[2,4)\n"
               "lost w0 1[0]                -> requeue 1[1]; charge 1[0] a1\n"
               "lost w0 1[0]; lost w0 1[1]; lost w0; lost w3\n"
               "counts                      -> counts joined=2 alive=1 waiting=2 leased=2 requeued=1\n");
}

static void an_idle_worker_is_lost(void)
{
    RPT_SCRIPT("join w0..1; lost w0; counts -> counts joined=2 alive=1 busy=0\n"
               "lost w1                     -> broken\n"
               "join w0; lost w0            -> broken\n");
}

static void broken_pool_settles_everything(void)
{
    RPT_SCRIPT("open 1 chunk=2; grow 1 +5; seal 1; open 2; grow 2 +1\n"
               "join w0                     -> assign w0 L1 1[0,2)\n"
               "lost w0 1[0]\n"
               "  -> requeue 1[1]; charge 1[0]; broken; settle 1[0] broken; settle 1[1] broken;\n"
               "  -> settle 1[2,5) broken; batch_done 1; settle 2[0] broken\n"
               "grow 2 +2                   -> settle 2[1,3) broken\n"
               "seal 2                      -> batch_done 2\n"
               "open 3; grow 3 +2           -> settle 3[0,2) broken\n"
               "answer w0 L1 1[0,2)         -> duplicate 1[0,2)\n"
               "join w0; grow 3 +1          -> settle 3[2] broken\n"
               "seal 3                      -> batch_done 3\n"
               "open 4; grow 4 +1           -> assign w0 4[0] # whole again\n");
}

static void broken_after_stop_keeps_the_first_reason(void)
{
    RPT_SCRIPT("open 1 chunk=2; grow 1 +4\n"
               "join w0                     -> assign w0 L1 1[0,2)\n"
               "stop                        -> settle 1[2,4) interrupted; call_back w0 1\n"
               "lost w0                     -> settle 1[0,2) interrupted; broken\n"
               "grow 1 +1                   -> settle 1[4] interrupted\n"
               "seal 1                      -> batch_done 1\n");
}

/* ---- without memory, with many gaps ---- */

/* The n-th allocation fails. True: that was behind the last one. */
static bool runs_with_failing_allocation(int64_t n)
{
    static const char *const lines[] = {
        "join w0",           "join w1",      "open 1 chunk=8",     "already 1[2]", "grow 1 +40",
        "answer w0 L1 1[0]", "lost w0 1[4]", "cancel 1[30]",       "seal 1",       "open 2",
        "grow 2 +9",         "stop",         "answer w1 L2 1[10]", "lost w1",
    };
    int64_t live = rp__mem_live();
    rp__sched_options opt = {.max_workers = 2, .prefetch = 2, .max_attempts = 2};
    rp__sched *s = NULL;
    rp__actions actions = {0};
    rp__event ev;
    int worker;
    rp__mem_fail_after(n);
    rp_status st = rp__sched_new(&s, &opt);
    for (size_t i = 0; i < RPT_COUNT(lines) && !st; i++) {
        RPT_OK(script_read_event(lines[i], &ev, &worker));
        st = rp__sched_step(s, &ev, 0, &actions);
    }
    rp__mem_fail_after(-1);
    RPT_OK(st == RP_OK || st == RP_ENOMEM);
    rp__sched_free(&s);
    rp__actions_done(&actions);
    RPT_EQ_I64(rp__mem_live(), live);
    return st == RP_OK;
}

static void no_memory_is_told_and_nothing_leaks(void)
{
    int64_t n = 0;
    while (n < 100 && !runs_with_failing_allocation(n))
        n++;
    RPT_OK(n > 5 && n < 100);
}

static void a_lease_with_very_many_gaps(void)
{
    enum { TASKS = 400000 };
    rp__sched_options opt = {.max_workers = 2, .prefetch = 1, .max_attempts = 2};
    rp__sched *s = NULL;
    rp__actions actions = {0};
    rp__sched_counts counts;
    RPT_STATUS(rp__sched_new(&s, &opt), RP_OK);
    const rp__event start[] = {{.kind = RP__EVENT_WORKER_JOIN, .worker = 0},
                               {.kind = RP__EVENT_WORKER_JOIN, .worker = 1},
                               {.kind = RP__EVENT_BATCH_OPEN, .batch = 1, .chunk = TASKS, .max_chunk = 1},
                               {.kind = RP__EVENT_BATCH_GROW, .batch = 1, .count = TASKS}};
    for (size_t i = 0; i < RPT_COUNT(start); i++)
        RPT_STATUS(rp__sched_step(s, &start[i], 0, &actions), RP_OK);
    rp__event ev = {.kind = RP__EVENT_ANSWER, .worker = 0, .batch = 1, .lease = 1, .count = 1};
    for (ev.first = 1; ev.first < TASKS; ev.first += 2)
        RPT_STATUS(rp__sched_step(s, &ev, 0, &actions), RP_OK);
    actions.len = 0;
    ev = (rp__event){.kind = RP__EVENT_WORKER_LOST, .worker = 0, .first = -1};
    RPT_STATUS(rp__sched_step(s, &ev, 0, &actions), RP_OK);
    RPT_EQ_I64(actions.len, TASKS / 2 + 1);
    RPT_EQ_I64(actions.item[actions.len - 1].kind, RP__ACTION_ASSIGN);
    RPT_EQ_I64(actions.item[actions.len - 1].first, 0);
    rp__sched_counts_get(s, &counts);
    RPT_EQ_I64(counts.done, TASKS / 2);
    RPT_EQ_I64(counts.leased, 1);
    RPT_EQ_I64(counts.requeued, TASKS / 2);
    rp__actions_done(&actions);
    rp__sched_free(&s);
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {
        RPT_CASE(lost_tasks_go_out_first_in_order_free_of_charge),
        RPT_CASE(only_what_was_not_answered_goes_back),
        RPT_CASE(later_losses_stand_before_earlier_ones),
        RPT_CASE(the_running_task_is_charged_and_goes_alone),
        RPT_CASE(a_task_that_kills_is_lost_in_the_end),
        RPT_CASE(nothing_is_charged_when_nobody_knows),
        RPT_CASE(only_a_task_of_its_own_is_charged),
        RPT_CASE(late_answers_of_a_lost_worker_count),
        RPT_CASE(late_return_of_a_lost_worker_is_ignored),
        RPT_CASE(late_answers_over_leases_of_several_workers),
        RPT_CASE(room_returns_when_others_have_answered_the_lease),
        RPT_CASE(join_after_loss),
        RPT_CASE(second_notice_of_a_loss_is_ignored),
        RPT_CASE(an_idle_worker_is_lost),
        RPT_CASE(broken_pool_settles_everything),
        RPT_CASE(broken_after_stop_keeps_the_first_reason),
        RPT_CASE(no_memory_is_told_and_nothing_leaks),
        RPT_CASE(a_lease_with_very_many_gaps),
    };
    return rpt_main(argc, argv, cases, RPT_COUNT(cases));
}
