/* SPDX-License-Identifier: BSD-3-Clause */
/* The scheduler's answers to answers, returns, cancels: event scripts. Losses are in test_sched_loss.c. */
#include "rpt.h"
#include "script.h"

/* ---- handing out ---- */

static void hands_out_in_order(void)
{
    RPT_SCRIPT("open 1 chunk=2; grow 1 +7; seal 1\n"
               "join w0                         -> assign w0 L1 1[0,2) a1\n"
               "join w1                         -> assign w1 L2 1[2,4) a1\n"
               "answer w0 L1 1[0,2) busy=1ms\n"
               "  -> accept w0 L1 1[0,2) a1; assign w0 L3 1[4,6) a1; assign w1 L4 1[6] a1\n"
               "running w0; running w1; running w2 -> running 1[4]; running 1[2]; running none\n"
               "counts    -> counts joined=2 alive=2 busy=2 done=2 leased=5 waiting=0\n"
               "answer w1 L2 1[2,4)             -> accept w1 L2 1[2,4)\n"
               "answer w0 L3 1[4,6)             -> accept w0 L3 1[4,6)\n"
               "answer w1 L4 1[6]               -> accept w1 L4 1[6]; batch_done 1\n"
               "counts    -> counts alive=2 busy=0 done=0 leased=0 waiting=0 requeued=0 duplicates=0\n");
}

static void work_waits_for_the_first_worker(void)
{
    RPT_SCRIPT("open 1 chunk=1; grow 1 +1; seal 1\n"
               "counts     -> counts joined=0 waiting=1\n"
               "join w3    -> assign w3 1[0]\n");
}

static void emptiest_worker_is_served_first(void)
{
    RPT_SCRIPT("open 1 chunk=1; grow 1 +3\n"
               "join w0..2             -> assign w0 L1 1[0]; assign w1 L2 1[1]; assign w2 L3 1[2]\n"
               "answer w2 L3 1[2]      -> accept\n"
               "answer w0 L1 1[0]      -> accept\n"
               "grow 1 +4              -> assign w2 1[3]; assign w0 1[4]; assign w1 1[5]; assign w2 1[6]\n");
}

static void one_lease_while_nothing_is_known(void)
{
    RPT_SCRIPT("pool prefetch=3\n"
               "open 1 chunk=1; grow 1 +100\n"
               "join w0                -> assign w0 L1 1[0]\n"
               "grow 1 +1\n"
               "answer w0 L1 1[0] busy=1ms\n"
               "  -> accept; assign w0 L2 1[1]; assign w0 L3 1[2]; assign w0 L4 1[3]\n");
}

static void one_lease_while_chunks_are_long(void)
{
    RPT_SCRIPT("open 1 chunk=1; grow 1 +100\n"
               "join w0                      -> assign w0 L1 1[0]\n"
               "answer w0 L1 1[0] busy=1ms   -> accept; assign w0 L2 1[1]; assign w0 L3 1[2]\n"
               "answer w0 L2 1[1] busy=10s   -> accept\n"
               "answer w0 L3 1[2] busy=10s   -> accept; assign w0 L4 1[3]\n"
               "answer w0 L4 1[3] busy=10s   -> accept; assign w0 L5 1[4]\n");
}

static void adaptive_chunks_grow_eightfold(void)
{
    RPT_SCRIPT("open 1 max=1000; grow 1 +100000\n"
               "join w0                             -> assign w0 L1 1[0]\n"
               "answer w0 L1 1[0] busy=1us          -> accept; assign w0 L2 1[1,9); assign w0 L3 1[9,17)\n"
               "answer w0 L2 1[1,9) busy=8us        -> accept; assign w0 L4 1[17,81)\n"
               "answer w0 L3 1[9,16) busy=7us       -> accept\n"
               "answer w0 L3 1[16] busy=1us         -> accept; assign w0 L5 1[81,145)\n"
               "answer w0 L4 1[17,81) busy=64us     -> accept; assign w0 L6 1[145,657)\n"
               "answer w0 L5 1[81,145) busy=64us    -> accept; assign w0 L7 1[657,1169)\n"
               "answer w0 L6 1[145,657) busy=512us  -> accept; assign w0 L8 1[1169,2169) # max\n");
}

static void adaptive_chunks_fill_the_target_time(void)
{
    RPT_SCRIPT("open 1 max=1000; grow 1 +100000\n"
               "join w0                        -> assign w0 L1 1[0]\n"
               "answer w0 L1 1[0] busy=1ms     -> accept; assign w0 1[1,5); assign w0 1[5,9)\n");
    RPT_SCRIPT("open 1 max=1000; grow 1 +100000\n"
               "join w0                        -> assign w0 L1 1[0]\n"
               "answer w0 L1 1[0] busy=40ms    -> accept; assign w0 1[1]; assign w0 1[2]\n");
    RPT_SCRIPT("open 1 max=1000; grow 1 +100000\n"
               "join w0                        -> assign w0 L1 1[0]\n"
               "answer w0 L1 1[0] busy=51ms    -> accept; assign w0 1[1]\n");
}

static void adaptive_chunks_shrink_to_the_tail(void)
{
    RPT_SCRIPT("open 1 max=1000; grow 1 +40; seal 1\n"
               "join w0..1                      -> assign w0 L1 1[0]; assign w1 L2 1[1]\n"
               "answer w0 L1 1[0] busy=1us\n"
               "  -> accept; assign w0 L3 1[2,10); assign w1 L4 1[10,18); assign w0 L5 1[18,24)\n"
               "answer w1 L2 1[1] busy=1us      -> accept; assign w1 L6 1[24,28)\n"
               "answer w0 L3 1[2,10) busy=8us   -> accept; assign w0 L7 1[28,31)\n"
               "answer w1 L4 1[10,18) busy=8us  -> accept; assign w1 L8 1[31,34)\n"
               "answer w0 L5 1[18,24) busy=6us  -> accept; assign w0 L9 1[34,36)\n"
               "answer w1 L6 1[24,28) busy=4us  -> accept; assign w1 L10 1[36]\n"
               "answer w0 L7 1[28,31) busy=3us  -> accept; assign w0 L11 1[37]\n");
}

/* ---- answers ---- */

static void answers_in_pieces_and_out_of_order(void)
{
    RPT_SCRIPT("open 1 chunk=6; grow 1 +6; seal 1\n"
               "join w0                -> assign w0 L1 1[0,6)\n"
               "answer w0 L1 1[4]      -> accept w0 L1 1[4] a1\n"
               "running w0             -> running 1[0]\n"
               "answer w0 L1 1[0,2)    -> accept w0 L1 1[0,2)\n"
               "running w0             -> running 1[2]\n"
               "answer w0 L1 1[5]      -> accept\n"
               "counts                 -> counts busy=1 done=4 leased=2\n"
               "answer w0 L1 1[2,4)    -> accept w0 L1 1[2,4); batch_done 1\n");
}

static void doubled_answer_is_a_duplicate(void)
{
    RPT_SCRIPT("open 1 chunk=4; grow 1 +4; seal 1\n"
               "join w0                -> assign w0 L1 1[0,4)\n"
               "answer w0 L1 1[1,3)    -> accept w0 L1 1[1,3)\n"
               "answer w0 L1 1[1,3)    -> duplicate w0 L1 1[1,3)\n"
               "answer w0 L1 1[1,3)    -> duplicate w0 L1 1[1,3)\n"
               "counts                 -> counts busy=1 done=2 leased=2 duplicates=4\n"
               "answer w0 L1 1[0,4)    -> accept 1[0]; duplicate 1[1,3); accept 1[3]; batch_done 1\n"
               "answer w0 L1 1[0,4)    -> duplicate 1[0,4) # the batch is done\n");
}

static void returned_tasks_go_out_again(void)
{
    RPT_SCRIPT("open 1 chunk=6; grow 1 +9; seal 1\n"
               "join w0..1             -> assign w0 L1 1[0,6); assign w1 L2 1[6,9)\n"
               "answer w1 L2 1[6]      -> accept\n"
               "return w0 L1 1[4,6)    -> assign w0 L3 1[4,6) a1\n"
               "counts                 -> counts done=1 leased=8 waiting=0\n"
               "return w0 L3 1[4,6)    -> assign w1 L4 1[4,6) a1 # w1 has waited longer\n"
               "return w0 L3 1[4,6)    # the lease is no more\n"
               "answer w0 L1 1[0,4)    -> accept\n"
               "counts                 -> counts busy=1 done=5 leased=4 waiting=0 requeued=0\n"
               "answer w1 L2 1[7,9)    -> accept\n"
               "answer w1 L4 1[4,6)    -> accept w1 L4 1[4,6) a1; batch_done 1\n");
}

static void returned_part_of_a_lease_is_not_leased(void)
{
    RPT_SCRIPT("open 1 chunk=6; grow 1 +12\n"
               "join w0..1             -> assign w0 L1 1[0,6); assign w1 L2 1[6,12)\n"
               "return w0 L1 1[4,6)\n"
               "counts                 -> counts done=0 leased=10 waiting=2\n"
               "cancel 1[5]            -> settle 1[5] canceled\n"
               "!answer w0 L1 1[4]     # given back, so it was not run\n"
               "lost w0                -> requeue w0 L1 1[0,4) a1\n"
               "counts                 -> counts done=1 leased=6 waiting=5 requeued=4\n"
               "answer w1 L2 1[6,12)   -> accept; assign w1 1[0,4); assign w1 1[4]\n");
}

/* ---- growing ---- */

static void grows_and_is_sealed(void)
{
    RPT_SCRIPT("open 1 chunk=2\n"
               "join w0\n"
               "grow 1 +3              -> assign w0 L1 1[0,2)\n"
               "answer w0 L1 1[0,2)    -> accept; assign w0 L2 1[2]\n"
               "answer w0 L2 1[2]      -> accept\n"
               "grow 1 +0\n"
               "grow 1 +2              -> assign w0 L3 1[3,5)\n"
               "answer w0 L3 1[3,5)    -> accept\n"
               "counts                 -> counts done=5\n"
               "seal 1                 -> batch_done 1\n"
               "!grow 1 +1; !seal 1\n"
               "open 2; seal 2         -> batch_done 2 # empty\n"
               "open 3; grow 3 +1; seal 3; !grow 3 +1 -> assign w0 3[0]\n");
}

static void what_is_already_done_is_left_out(void)
{
    RPT_SCRIPT("open 1 chunk=4; already 1[0,3); already 1[5]; grow 1 +8; seal 1\n"
               "counts                 -> counts done=4 waiting=4\n"
               "!already 1[6]\n"
               "join w0                -> assign w0 L1 1[3,5)\n"
               "answer w0 L1 1[3,5)    -> accept; assign w0 L2 1[6,8)\n"
               "answer w0 L2 1[6,8)    -> accept; batch_done 1\n"
               "open 2; already 2[0,4); grow 2 +4; seal 2 -> batch_done 2\n");
}

static void already_done_ahead_of_what_has_grown(void)
{
    RPT_SCRIPT("join w0\n"
               "open 1 chunk=4; already 1[4,100)\n"
               "counts                 -> counts done=0 waiting=0\n"
               "grow 1 +4              -> assign w0 L1 1[0,4)\n"
               "grow 1 +50\n"
               "counts                 -> counts done=50 leased=4 waiting=0\n"
               "grow 1 +47\n"
               "counts                 -> counts done=96 leased=4 waiting=1\n"
               "answer w0 L1 1[0,4)    -> accept; assign w0 L2 1[100]\n"
               "seal 1; answer w0 L2 1[100] -> accept; batch_done 1\n");
    RPT_SCRIPT("join w0                # fewer tasks than the earlier run had\n"
               "open 1 chunk=4; already 1[2,8); grow 1 +4; seal 1 -> assign w0 L1 1[0,2)\n"
               "answer w0 L1 1[0,2)    -> accept; batch_done 1\n");
}

/* ---- ending early ---- */

static void cancelled_batch_is_called_back(void)
{
    RPT_SCRIPT("open 1 chunk=2; grow 1 +9; seal 1\n"
               "join w0..1             -> assign w0 L1 1[0,2); assign w1 L2 1[2,4)\n"
               "cancel 1 canceled      -> settle 1[4,9) canceled; call_back w0 1; call_back w1 1\n"
               "answer w0 L1 1[0]      -> accept\n"
               "return w0 L1 1[1]      -> settle 1[1] canceled\n"
               "counts                 -> counts busy=1 done=7 leased=2 waiting=0\n"
               "answer w1 L2 1[2,4)    -> accept; batch_done 1\n"
               "cancel 1 canceled      # too late is fine\n");
}

static void cancelled_batch_settles_what_comes_later(void)
{
    RPT_SCRIPT("open 1 chunk=4; grow 1 +4\n"
               "join w0..1             -> assign w0 L1 1[0,4)\n"
               "cancel 1 body          -> call_back w0 1\n"
               "grow 1 +3              -> settle 1[4,7) body\n"
               "cancel 1 canceled      -> call_back w0 1\n"
               "lost w0 1[2]           -> settle 1[3] body; settle 1[2] body; settle 1[0,2) body\n"
               "grow 1 +1              -> settle 1[7] body\n"
               "seal 1                 -> batch_done 1\n");
}

static void cancelled_task_is_settled_if_it_waits(void)
{
    RPT_SCRIPT("open 1 chunk=2; grow 1 +6; seal 1\n"
               "join w0                -> assign w0 L1 1[0,2)\n"
               "cancel 1[1]            # a worker holds it\n"
               "cancel 1[3]            -> settle 1[3] canceled\n"
               "cancel 1[3]\n"
               "answer w0 L1 1[0,2)    -> accept; assign w0 L2 1[2]; assign w0 L3 1[4,6)\n"
               "return w0 L3 1[4,6)    -> assign w0 L4 1[4,6)\n"
               "answer w0 L2 1[2]      -> accept\n"
               "answer w0 L4 1[4]      -> accept\n"
               "cancel 1[4]            # it is done\n"
               "answer w0 L4 1[5]      -> accept; batch_done 1\n"
               "cancel 1[5]\n");
    RPT_SCRIPT("open 1; grow 1 +2; seal 1\n"
               "cancel 1[1]            -> settle 1[1] canceled\n"
               "cancel 1[0]            -> settle 1[0] canceled; batch_done 1\n");
}

static void cancelled_task_in_the_queue_of_returned_ones(void)
{
    RPT_SCRIPT("open 1 chunk=4; grow 1 +8; seal 1\n"
               "join w0..1             -> assign w0 L1 1[0,4); assign w1 L2 1[4,8)\n"
               "lost w0                -> requeue w0 1[0,4)\n"
               "cancel 1[0]            -> settle 1[0] canceled\n"
               "cancel 1[2]            -> settle 1[2] canceled\n"
               "answer w1 L2 1[4,8)    -> accept; assign w1 L3 1[1]; assign w1 L4 1[3]\n");
}

static void stop_ends_all_batches(void)
{
    RPT_SCRIPT("open 1 chunk=2; grow 1 +4; seal 1; open 2 chunk=1; grow 2 +2\n"
               "join w0                -> assign w0 L1 1[0,2)\n"
               "stop\n"
               "  -> settle 1[2,4) interrupted; call_back w0 1; settle 2[0,2) interrupted\n"
               "join w1\n"
               "seal 2                 -> batch_done 2\n"
               "answer w0 L1 1[0]      -> accept\n"
               "return w0 L1 1[1]      -> settle 1[1] interrupted; batch_done 1\n"
               "open 3; grow 3 +2      -> settle 3[0,2) interrupted\n"
               "seal 3                 -> batch_done 3\n"
               "stop\n");
}

/* ---- several batches, events that cannot be ---- */

static void batches_are_served_in_the_order_of_opening(void)
{
    RPT_SCRIPT("open 7 chunk=2; open 3 chunk=3; grow 3 +5; grow 7 +3\n"
               "join w0..1             -> assign w0 L1 7[0,2); assign w1 L2 7[2]\n"
               "join w2                -> assign w2 L3 3[0,3)\n"
               "answer w1 L2 7[2]      -> accept w1 7[2]; assign w1 L4 3[3,5)\n"
               "grow 7 +1              -> assign w0 L5 7[3] # it is short, so two leases\n"
               "cancel 3 canceled      -> call_back w1 3; call_back w2 3\n"
               "return w2 L3 3[1,3)    -> settle 3[1,3)\n"
               "seal 3; seal 7\n"
               "answer w2 L3 3[0]      -> accept\n"
               "return w1 L4 3[3,5)    -> settle 3[3,5); batch_done 3\n"
               "answer w0 L1 7[0,2)    -> accept\n"
               "answer w0 L5 7[3]      -> accept; batch_done 7\n");
}

static void events_that_cannot_be_change_nothing(void)
{
    RPT_SCRIPT("pool workers=2\n"
               "open 1 chunk=2; grow 1 +6\n"
               "join w0                -> assign w0 L1 1[0,2)\n"
               "!join w0; !join w2; !lost w2; !answer w2 L1 1[0]; !return w2 L1 1[0]\n"
               "!answer w1 L1 1[0]; !return w1 L1 1[0]              # never joined\n"
               "!open 1; !grow 2 +1; !seal 2; !already 2[0]; !grow 1 +-1\n"
               "!answer w0 L1 1[1,3); !answer w0 L1 2[0]; !answer w0 L1 1[0,0); !answer w0 L1 1[-1,0)\n"
               "!answer w0 L7 1[4]; !answer w0 L7 1[6]               # never handed out, never there\n"
               "!return w0 L1 1[1,3); !return w0 L1 2[0]; !return w0 L1 1[0] # not its end\n"
               "!already 1[6,5); !cancel 1[6]; !cancel 1[-1]; !cancel 1 ok\n"
               "!grow 1 +9223372036854775807; !already 1[6] +9223372036854775807\n"
               "!answer w0 L1 1[1] +9223372036854775807; !return w0 L1 1[1] +9223372036854775807\n"
               "!answer w0 L1 9[1] +9223372036854775807\n"
               "counts      -> counts joined=1 alive=1 busy=1 done=0 leased=2 waiting=4 duplicates=0\n"
               "answer w0 L1 1[0,2)    -> accept; assign w0 L2 1[2,4); assign w0 L3 1[4,6)\n");
}

static void options_are_checked(void)
{
    static const rp__sched_options wrong[] = {{0, 1, 1}, {-1, 1, 1}, {1, 0, 1}, {1, 17, 1}, {1, 1, 0}};
    rp__sched *s = NULL;
    for (size_t i = 0; i < RPT_COUNT(wrong); i++)
        RPT_STATUS(rp__sched_new(&s, &wrong[i]), RP_EINVAL);
    RPT_OK(!s);
    rp__sched_free(&s);
    RPT_STATUS(rp__sched_step(s, &(rp__event){.kind = RP__EVENT_COUNT}, 0, NULL), RP_EINTERNAL);
    RPT_STATUS(rp__sched_step(s, &(rp__event){.kind = RP__EVENT_NONE}, 0, NULL), RP_EINTERNAL);
    RPT_EQ_STR(rp__event_name(RP__EVENT_TASK_CANCEL), "TASK_CANCEL");
    RPT_EQ_STR(rp__action_name(RP__ACTION_BATCH_DONE), "BATCH_DONE");
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {
        RPT_CASE(hands_out_in_order),
        RPT_CASE(work_waits_for_the_first_worker),
        RPT_CASE(emptiest_worker_is_served_first),
        RPT_CASE(one_lease_while_nothing_is_known),
        RPT_CASE(one_lease_while_chunks_are_long),
        RPT_CASE(adaptive_chunks_grow_eightfold),
        RPT_CASE(adaptive_chunks_fill_the_target_time),
        RPT_CASE(adaptive_chunks_shrink_to_the_tail),
        RPT_CASE(answers_in_pieces_and_out_of_order),
        RPT_CASE(doubled_answer_is_a_duplicate),
        RPT_CASE(returned_tasks_go_out_again),
        RPT_CASE(returned_part_of_a_lease_is_not_leased),
        RPT_CASE(grows_and_is_sealed),
        RPT_CASE(what_is_already_done_is_left_out),
        RPT_CASE(already_done_ahead_of_what_has_grown),
        RPT_CASE(cancelled_batch_is_called_back),
        RPT_CASE(cancelled_batch_settles_what_comes_later),
        RPT_CASE(cancelled_task_is_settled_if_it_waits),
        RPT_CASE(cancelled_task_in_the_queue_of_returned_ones),
        RPT_CASE(stop_ends_all_batches),
        RPT_CASE(batches_are_served_in_the_order_of_opening),
        RPT_CASE(events_that_cannot_be_change_nothing),
        RPT_CASE(options_are_checked),
    };
    return rpt_main(argc, argv, cases, RPT_COUNT(cases));
}
