/* SPDX-License-Identifier: BSD-3-Clause */
/* A pool in one process: cancelling, stopping, closing, sinks that refuse, and batches that end early. */
#include "poolbox.h"
#include "rpt.h"

#define STEPS 1000000

static rp__source range;

static int tick(rp_task *t, const void *in, void *out)
{
    (void) in;
    int64_t v = rp_task_index(t) + 1;
    if (out)
        memcpy(out, &v, sizeof v);
    rp__hub_advance(poolbox_current->hub, 300 * RP__US);
    return out ? 0 : rp_task_result(t, &v, sizeof v) != RP_OK;
}

static bool is_next(const poolbox_batch *b, int64_t k, const rp__record *r)
{
    int64_t got;
    (void) b;
    memcpy(&got, r->data.data, sizeof got);
    return r->status == RP_OK && got == k + 1;
}

static rp__batch_spec tick_spec(int64_t chunk)
{
    return (rp__batch_spec){
        .ref = poolbox_ref(tick), .source = &range, .has_fixed_result = true, .out_size = 8, .chunk = chunk};
}

static void open_with(poolbox *box, int workers, uint64_t seed, poolbox_batch *b, int64_t count,
                      int64_t chunk)
{
    rp__batch_spec spec = tick_spec(chunk);
    RPT_STATUS(poolbox_open(box, &(poolbox_setup){.workers = workers, .seed = seed}), RP_OK);
    poolbox_batch_init(b, count, is_next);
    RPT_STATUS(poolbox_submit(box, b, &spec), RP_OK);
}

static void steps(poolbox *box, int n)
{
    for (int i = 0; i < n; i++)
        RPT_STATUS(poolbox_step(box), RP_OK);
}

/* Ends the box; nobody may be lost on the way. */
static void close_box(poolbox *box)
{
    int want = box->size - 1;
    RPT_STATUS(poolbox_run(box, STEPS), RP_OK);
    RPT_STATUS(poolbox_close(box), RP_OK);
    RPT_EQ_I64(box->served, want);
    RPT_EQ_I64(box->unexplained, 0);
}

/* ---- cancelling ---- */

static void a_batch_is_cancelled_and_others_go_on(void)
{
    for (uint64_t seed = 1; seed <= 100; seed++) {
        poolbox box;
        poolbox_batch a, b;
        rp__batch_spec spec = tick_spec(0);
        open_with(&box, 3, seed, &a, 500, (int64_t) seed % 4 * 20);
        poolbox_batch_init(&b, 100, is_next);
        RPT_STATUS(poolbox_submit(&box, &b, &spec), RP_OK);
        steps(&box, (int) rng_below(&box.rng, 150));
        RPT_STATUS(rp__master_batch_cancel(box.master, a.id, RP_ECANCELED, "not wanted"), RP_OK);
        RPT_STATUS(rp__master_batch_cancel(box.master, a.id, RP_EINTERRUPTED, "too late"), RP_OK);
        close_box(&box);
        RPT_OK(poolbox_is_whole(&a) && poolbox_is_whole(&b));
        RPT_EQ_I64(b.results, 100);
        RPT_OK(a.settled > 0);
        RPT_STATUS(a.last_why, RP_ECANCELED);
        RPT_EQ_STR(a.last_text, "not wanted");
        poolbox_batch_done(&a);
        poolbox_batch_done(&b);
    }
}

static void cancelling_gives_back_what_is_not_started(void)
{
    poolbox box;
    poolbox_batch b;
    open_with(&box, 1, 1, &b, 1000, 500);
    RPT_STATUS(rp__master_turn(box.master, 0), RP_OK);
    poolbox_step_worker(&box, 1); /* one slice: a few of 500 */
    RPT_STATUS(rp__master_batch_cancel(box.master, b.id, RP_ECANCELED, "enough"), RP_OK);
    close_box(&box);
    RPT_OK(poolbox_is_whole(&b));
    RPT_OK(b.results > 0 && b.results < 20);
    poolbox_batch_done(&b);
}

static void single_tasks_are_cancelled_while_they_wait(void)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        poolbox box;
        poolbox_batch b;
        open_with(&box, 2, seed, &b, 200, 5);
        for (int i = 0; i < 30; i++) {
            steps(&box, (int) rng_below(&box.rng, 10));
            RPT_STATUS(rp__master_task_cancel(box.master, b.id, rng_below(&box.rng, 200)), RP_OK);
        }
        RPT_STATUS(rp__master_task_cancel(box.master, b.id, 199), RP_OK);
        close_box(&box);
        RPT_OK(poolbox_is_whole(&b));
        RPT_OK(b.settled > 0 && b.results > 0);
        RPT_STATUS(b.last_why, RP_ECANCELED);
        poolbox_batch_done(&b);
    }
}

/* ---- stopping and closing ---- */

static void stopping_settles_what_is_not_running(void)
{
    for (uint64_t seed = 1; seed <= 100; seed++) {
        poolbox box;
        poolbox_batch a, b;
        rp__batch_spec spec = tick_spec(0);
        open_with(&box, 3, seed, &a, 400, (int64_t) seed % 3 * 30);
        steps(&box, (int) rng_below(&box.rng, 100));
        RPT_STATUS(rp__master_stop(box.master, seed % 2), RP_OK);
        RPT_STATUS(rp__master_stop(box.master, true), RP_OK);
        RPT_OK(rp__master_is_stopped(box.master));
        poolbox_batch_init(&b, 10, is_next); /* comes too late */
        RPT_STATUS(poolbox_submit(&box, &b, &spec), RP_OK);
        close_box(&box);
        RPT_OK(poolbox_is_whole(&a) && poolbox_is_whole(&b));
        RPT_EQ_I64(b.settled, 10);
        RPT_STATUS(a.last_why, RP_EINTERRUPTED);
        RPT_STATUS(b.last_why, RP_EINTERRUPTED);
        poolbox_batch_done(&a);
        poolbox_batch_done(&b);
    }
}

static void closing_twice_sends_one_goodbye(void)
{
    poolbox box;
    RPT_STATUS(poolbox_open(&box, &(poolbox_setup){.workers = 1, .seed = 1}), RP_OK);
    RPT_STATUS(rp__master_turn(box.master, 0), RP_OK);
    RPT_STATUS(rp__master_close(box.master, 0), RP_TIMEOUT);
    RPT_STATUS(rp__master_close(box.master, 0), RP_TIMEOUT); /* asking again is fine */
    RPT_STATUS(rp__master_flush(box.master), RP_OK);
    rp__link_event ev;
    int closes = 0;
    while (rp__link_next(box.link[1], &ev, NULL) == RP_OK)
        closes += ev.kind == RP__LINK_MESSAGE && ev.type == RP__MSG_CLOSE;
    RPT_EQ_I64(closes, 1);
    poolbox_free(&box);
}

static void closing_tells_of_losses(void)
{
    for (int lost = 0; lost < 2; lost++) {
        poolbox box;
        RPT_STATUS(poolbox_open(&box, &(poolbox_setup){.workers = 2, .seed = 5}), RP_OK);
        steps(&box, 20);
        if (lost)
            poolbox_kill(&box, 2);
        steps(&box, 20);
        box.is_driving = true;
        RPT_STATUS(rp__master_close(box.master, rp__master_now(box.master) + RP__SEC), RP_OK);
        RPT_OK(rp__worker_saw_losses(box.worker[1]) == (lost == 1));
        poolbox_free(&box);
    }
}

static void waiting_for_workers_ends(void)
{
    poolbox box;
    rp_error err;
    RPT_STATUS(poolbox_open(&box, &(poolbox_setup){.workers = 3, .seed = 5, .late = 1}), RP_OK);
    box.is_driving = true;
    rp__time deadline = rp__master_now(box.master) + RP__SEC;
    RPT_STATUS(rp__master_wait_workers(box.master, deadline, &err), RP_ENET);
    RPT_HAS_STR(err.text, "1 of 3");
    RPT_STATUS(poolbox_join(&box, 3), RP_OK);
    RPT_STATUS(rp__master_wait_workers(box.master, deadline + RP__SEC, &err), RP_OK);
    RPT_STATUS(poolbox_close(&box), RP_OK);

    RPT_STATUS(poolbox_open(&box, &(poolbox_setup){.workers = 2, .late = 2}), RP_OK);
    poolbox_kill(&box, 1);
    poolbox_kill(&box, 2);
    RPT_STATUS(rp__master_wait_workers(box.master, rp__master_now(box.master) + RP__SEC, &err), RP_EBROKEN);
    poolbox_free(&box);
}

/* ---- sinks that refuse ---- */

static void a_sink_that_refuses_ends_its_batch_alone(void)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        poolbox box;
        poolbox_batch a, b;
        rp__batch_spec spec = tick_spec(10);
        open_with(&box, 2, seed, &a, 100, 10);
        a.break_at = rng_below(&box.rng, 60);
        if (seed % 2) { /* the other form of answers */
            spec.has_fixed_result = false;
            spec.out_size = 0;
        }
        poolbox_batch_init(&b, 100, is_next);
        b.break_at = seed % 3 ? -1 : rng_below(&box.rng, 60);
        RPT_STATUS(poolbox_submit(&box, &b, &spec), RP_OK);
        close_box(&box);
        RPT_OK(a.done == 1 && a.twice == 0 && a.wrong == 0 && a.settled > 0);
        RPT_STATUS(a.last_why, RP_ESTORE);
        RPT_OK(b.done == 1 && b.twice == 0 && b.wrong == 0);
        RPT_OK(b.break_at >= 0 || b.results == 100);
        poolbox_batch_done(&a);
        poolbox_batch_done(&b);
    }
}

/* ---- leases that end in the middle ---- */

static int fail_always(rp_task *t, const void *in, void *out)
{
    (void) in;
    memset(out, 0xff, 8);
    rp__hub_advance(poolbox_current->hub, 2 * RP__MS); /* more than a slice */
    return rp_task_fail(t, 1, "no");
}

static int large(rp_task *t, const void *in, void *out)
{
    (void) in;
    uint8_t *p = out;
    for (int i = 0; i < 1000; i++) {
        if (p[i])
            return 66; /* room for results is zeroed */
        p[i] = (uint8_t) rp_task_index(t);
    }
    return 0;
}

/* A lease is called back after a failure left room for a result unused; the next batch has another size. */
static void room_for_results_is_not_mixed_up(void)
{
    static const size_t sizes[] = {1000, 0, 8};
    for (size_t i = 0; i < RPT_COUNT(sizes); i++) {
        poolbox box;
        poolbox_batch a, b;
        rp__batch_spec spec = tick_spec(50);
        RPT_STATUS(poolbox_open(&box, &(poolbox_setup){.workers = 1, .seed = 1}), RP_OK);
        poolbox_batch_init(&a, 50, NULL);
        poolbox_batch_init(&b, 50, sizes[i] == 8 ? is_next : NULL);
        spec.ref = poolbox_ref(fail_always);
        RPT_STATUS(poolbox_submit(&box, &a, &spec), RP_OK);
        RPT_STATUS(rp__master_turn(box.master, 0), RP_OK);
        poolbox_step_worker(&box, 1);
        RPT_STATUS(rp__master_batch_cancel(box.master, a.id, RP_ECANCELED, "enough"), RP_OK);
        spec.out_size = sizes[i];
        spec.ref = poolbox_ref(sizes[i] == 1000 ? large : tick);
        RPT_STATUS(poolbox_submit(&box, &b, &spec), RP_OK);
        if (sizes[i] == 0)
            b.break_at = -1;
        close_box(&box);
        RPT_OK(poolbox_is_whole(&a) && poolbox_is_whole(&b));
        RPT_EQ_I64(a.failures, 1);
        RPT_EQ_I64(b.results, sizes[i] ? 50 : 0); /* a tick without room for its result fails */
        poolbox_batch_done(&a);
        poolbox_batch_done(&b);
    }
}

static void what_an_earlier_run_did_is_not_done_again(void)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        poolbox box;
        poolbox_batch b;
        rp__batch_spec spec = tick_spec(7);
        RPT_STATUS(poolbox_open(&box, &(poolbox_setup){.workers = 2, .seed = seed}), RP_OK);
        poolbox_batch_init(&b, 50, is_next);
        b.before = seed == 20 ? 50 : (int64_t) seed * 2;
        RPT_STATUS(poolbox_submit(&box, &b, &spec), RP_OK);
        if (b.done == 0)
            RPT_STATUS(poolbox_run(&box, STEPS), RP_OK);
        RPT_STATUS(poolbox_close(&box), RP_OK);
        RPT_OK(poolbox_is_whole(&b));
        for (int64_t k = 0; k < b.before; k++)
            RPT_EQ_I64(b.fate[k], FATE_OPEN);
        poolbox_batch_done(&b);
    }
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {
        RPT_CASE(a_batch_is_cancelled_and_others_go_on),
        RPT_CASE(cancelling_gives_back_what_is_not_started),
        RPT_CASE(single_tasks_are_cancelled_while_they_wait),
        RPT_CASE(stopping_settles_what_is_not_running),
        RPT_CASE(closing_twice_sends_one_goodbye),
        RPT_CASE(closing_tells_of_losses),
        RPT_CASE(waiting_for_workers_ends),
        RPT_CASE(a_sink_that_refuses_ends_its_batch_alone),
        RPT_CASE(room_for_results_is_not_mixed_up),
        RPT_CASE(what_an_earlier_run_did_is_not_done_again),
    };
    range = rp__source_range();
    return rpt_main(argc, argv, cases, RPT_COUNT(cases));
}
