/* SPDX-License-Identifier: BSD-3-Clause */
/* A whole pool in one process: what goes in comes out, each task once, whoever ran it and in what order. */
#include "poolbox.h"
#include "rpt.h"

#include "exec/function.h"
#include "report/log.h"

#include <rankpool/log.h>

#define STEPS 2000000

static rp__source range; /* index ranges have no state */

static void run_to_end(poolbox *box)
{
    RPT_STATUS(poolbox_run(box, STEPS), RP_OK);
    RPT_EQ_I64(box->unexplained, 0);
    int living = 0;
    for (int r = 1; r < box->size; r++)
        living += !box->is_gone[r];
    RPT_STATUS(poolbox_close(box), RP_OK);
    RPT_EQ_I64(box->served, living);
}

/* ---- arrays ---- */

static int square(rp_task *t, const void *in, void *out)
{
    double x;
    memcpy(&x, in, sizeof x);
    x *= x;
    memcpy(out, &x, sizeof x);
    return rp_task_input_bytes(t) == sizeof x && rp_task_shared(t) == NULL ? 0 : 99;
}

static bool is_square(const poolbox_batch *b, int64_t k, const rp__record *r)
{
    double got, x = ((const double *) b->ctx)[k];
    memcpy(&got, r->data.data, sizeof got);
    return r->status == RP_OK && r->data.len == sizeof got && got == x * x;
}

static void check_array(int workers, int64_t count, int64_t chunk, uint64_t seed)
{
    poolbox box;
    poolbox_batch b;
    double *x = calloc((size_t) count + 1, sizeof *x);
    for (int64_t k = 0; k < count; k++)
        x[k] = (double) k * 0.5 - 7;
    rp__source_array array = rp__source_array_of(x, sizeof *x);
    RPT_STATUS(poolbox_open(&box, &(poolbox_setup){.workers = workers, .seed = seed}), RP_OK);
    poolbox_batch_init(&b, count, is_square);
    b.ctx = x;
    rp__batch_spec spec = {.ref = poolbox_ref(square),
                           .source = &array.base,
                           .has_fixed_result = true,
                           .out_size = sizeof *x,
                           .chunk = chunk};
    RPT_STATUS(poolbox_submit(&box, &b, &spec), RP_OK);
    run_to_end(&box);
    RPT_OK(poolbox_is_whole(&b));
    RPT_EQ_I64(b.results, count);
    poolbox_batch_done(&b);
    free(x);
}

static void an_array_is_mapped(void)
{
    static const int workers[] = {1, 2, 5, 20};
    static const int64_t chunks[] = {0, 1, 7, 1000};
    uint64_t seed = 1;
    for (size_t w = 0; w < RPT_COUNT(workers); w++)
        for (size_t c = 0; c < RPT_COUNT(chunks); c++) {
            check_array(workers[w], 300, chunks[c], seed++);
            check_array(workers[w], 1, chunks[c], seed++);
            check_array(workers[w], 0, chunks[c], seed++);
        }
    check_array(3, 100000, 0, seed);
}

/* ---- ranges ---- */

static int twice_the_index(rp_task *t, const void *in, void *out)
{
    int64_t v = 2 * rp_task_index(t);
    memcpy(out, &v, sizeof v);
    return in || rp_task_input_bytes(t) != 0;
}

static bool is_twice(const poolbox_batch *b, int64_t k, const rp__record *r)
{
    int64_t got, base = b->ctx ? *(const int64_t *) b->ctx : 0;
    memcpy(&got, r->data.data, sizeof got);
    return r->status == RP_OK && got == 2 * (base + k);
}

static void a_million_indices(void)
{
    poolbox box;
    poolbox_batch b;
    static const int64_t base = -12345;
    int64_t live = rp__mem_live();
    RPT_STATUS(poolbox_open(&box, &(poolbox_setup){.workers = 5, .seed = 3}), RP_OK);
    poolbox_batch_init(&b, 1000000, is_twice);
    b.ctx = &base;
    rp__batch_spec spec = {.ref = poolbox_ref(twice_the_index),
                           .source = &range,
                           .has_fixed_result = true,
                           .out_size = 8,
                           .base = base};
    live = rp__mem_live() - live;
    RPT_STATUS(poolbox_submit(&box, &b, &spec), RP_OK);
    run_to_end(&box);
    RPT_OK(poolbox_is_whole(&b));
    RPT_EQ_I64(b.results, 1000000);
    poolbox_batch_done(&b);
}

static int nothing(rp_task *t, const void *in, void *out)
{
    (void) t;
    return in || out;
}

static void results_may_have_no_bytes(void)
{
    poolbox box;
    poolbox_batch b;
    RPT_STATUS(poolbox_open(&box, &(poolbox_setup){.workers = 2, .seed = 3}), RP_OK);
    poolbox_batch_init(&b, 1000, NULL);
    rp__batch_spec spec = {.ref = poolbox_ref(nothing), .source = &range, .has_fixed_result = true};
    RPT_STATUS(poolbox_submit(&box, &b, &spec), RP_OK);
    run_to_end(&box);
    RPT_OK(poolbox_is_whole(&b));
    RPT_EQ_I64(b.results, 1000);
    poolbox_batch_done(&b);
}

/* ---- payloads and results of any size ---- */

static int turn_around(rp_task *t, const void *in, void *out)
{
    static uint8_t buf[1 << 20];
    size_t n = rp_task_input_bytes(t);
    for (size_t i = 0; i < n; i++)
        buf[i] = ((const uint8_t *) in)[n - 1 - i];
    (void) rp_task_result(t, "replaced by the next one", 24);
    return out || rp_task_result(t, buf, n) != RP_OK;
}

static bool is_turned(const poolbox_batch *b, int64_t k, const rp__record *r)
{
    const rp__bytes *in = (const rp__bytes *) b->ctx + k;
    const uint8_t *a = in->data, *z = r->data.data;
    size_t n = in->len, i = 0;
    while (i < n && r->data.len == n && a[i] == z[n - 1 - i])
        i++;
    return r->status == RP_OK && r->data.len == n && i == n;
}

static void payloads_and_results_of_any_size(void)
{
    static const size_t special[] = {0, 1, 16, 4096, 4097, 65536, 1 << 20};
    static uint8_t bytes[(1 << 20) + 256];
    for (uint64_t seed = 1; seed <= 10; seed++) {
        poolbox box;
        poolbox_batch b;
        rng r = {seed};
        rp__bytes item[200];
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t) rng_next(&r);
        for (int64_t k = 0; k < 200; k++) {
            size_t len = k < 7 ? special[k] : (size_t) rng_below(&r, rng_chance(&r, 5) ? 20000 : 50);
            item[k] = (rp__bytes){bytes + k, len};
        }
        poolbox_sized source = poolbox_sized_of(item);
        poolbox_setup setup = {.workers = 4, .seed = seed, .window = 2, .max_frame = seed % 2 ? 1000 : 60000};
        RPT_STATUS(poolbox_open(&box, &setup), RP_OK);
        poolbox_batch_init(&b, 200, is_turned);
        b.ctx = item;
        rp__batch_spec spec = {
            .ref = poolbox_ref(turn_around), .source = &source.base, .chunk = (int64_t) seed % 3 * 10};
        RPT_STATUS(poolbox_submit(&box, &b, &spec), RP_OK);
        run_to_end(&box);
        RPT_OK(poolbox_is_whole(&b));
        poolbox_batch_done(&b);
    }
}

/* ---- failures ---- */

static int fail_sometimes(rp_task *t, const void *in, void *out)
{
    int64_t i = rp_task_index(t), v = 2 * i;
    (void) in;
    memset(out, 0xee, 8); /* must not shine through into another's result */
    if (i % 10 == 3)
        return rp_task_fail(t, (int) -i, "task %d is bad", (int) i);
    if (i % 10 == 4)
        return 5;
    if (i % 10 == 8) {
        char text[600];
        memset(text, 'x', sizeof text - 1);
        text[sizeof text - 1] = '\0';
        return rp_task_fail(t, 1, "%s", text);
    }
    memcpy(out, &v, sizeof v);
    return 0;
}

static bool is_as_told(const poolbox_batch *b, int64_t k, const rp__record *r)
{
    char want[64] = "";
    if (k % 10 == 3)
        (void) snprintf(want, sizeof want, "task %d is bad", (int) k);
    else if (k % 10 == 4)
        (void) snprintf(want, sizeof want, "the task function returned 5");
    else if (k % 10 == 8)
        return r->status == RP_ETASK && r->task_code == 1 && r->data.len == 511;
    else
        return is_twice(b, k, r);
    return r->status == RP_ETASK && r->task_code == (k % 10 == 3 ? (int) -k : 5) &&
           r->data.len == strlen(want) && memcmp(r->data.data, want, strlen(want)) == 0;
}

static void a_failure_stays_alone(void)
{
    for (int64_t chunk = 0; chunk < 40; chunk += 13) {
        poolbox box;
        poolbox_batch b;
        RPT_STATUS(poolbox_open(&box, &(poolbox_setup){.workers = 3, .seed = 9}), RP_OK);
        poolbox_batch_init(&b, 500, is_as_told);
        rp__batch_spec spec = {.ref = poolbox_ref(fail_sometimes),
                               .source = &range,
                               .has_fixed_result = true,
                               .out_size = 8,
                               .chunk = chunk};
        RPT_STATUS(poolbox_submit(&box, &b, &spec), RP_OK);
        run_to_end(&box);
        RPT_OK(poolbox_is_whole(&b));
        RPT_EQ_I64(b.failures, 150);
        poolbox_batch_done(&b);
    }
}

static void a_body_nobody_has_is_refused(void)
{
    for (uint64_t seed = 1; seed < 20; seed++) {
        poolbox box;
        poolbox_batch bad, good;
        RPT_STATUS(poolbox_open(&box, &(poolbox_setup){.workers = 3, .seed = seed}), RP_OK);
        poolbox_batch_init(&bad, 50, NULL);
        poolbox_batch_init(&good, 50, is_twice);
        rp__batch_spec spec = {.ref = {.how = RP__REF_NAME, .name = "no such"},
                               .source = &range,
                               .has_fixed_result = true,
                               .out_size = 8};
        RPT_STATUS(poolbox_submit(&box, &bad, &spec), RP_OK);
        spec.ref = poolbox_ref(twice_the_index);
        RPT_STATUS(poolbox_submit(&box, &good, &spec), RP_OK);
        run_to_end(&box);
        RPT_OK(poolbox_is_whole(&bad) && poolbox_is_whole(&good));
        RPT_EQ_I64(bad.settled, 50);
        RPT_EQ_I64(good.results, 50);
        RPT_STATUS(bad.last_why, RP_EBODY);
        RPT_HAS_STR(bad.last_text, "rank ");
        RPT_HAS_STR(bad.last_text, "no such");
        poolbox_batch_done(&bad);
        poolbox_batch_done(&good);
    }
}

static void commands_are_refused_without_a_supervisor(void)
{
    poolbox box;
    poolbox_batch b;
    rp__bytes item[2] = {{"true", 5}, {"true", 5}};
    poolbox_sized source = poolbox_sized_of(item);
    RPT_STATUS(poolbox_open(&box, &(poolbox_setup){.workers = 1, .seed = 1}), RP_OK);
    poolbox_batch_init(&b, 2, NULL);
    rp__batch_spec spec = {.body = RP__BODY_COMMAND, .source = &source.base};
    RPT_STATUS(poolbox_submit(&box, &b, &spec), RP_OK);
    run_to_end(&box);
    RPT_OK(poolbox_is_whole(&b));
    RPT_STATUS(b.last_why, RP_EBODY);
    RPT_HAS_STR(b.last_text, "rp_init");
    poolbox_batch_done(&b);
}

/* ---- the log ---- */

static int talk(rp_task *t, const void *in, void *out)
{
    (void) in;
    (void) out;
    rp_log(RP_LOG_WARN, "hello from %d", (int) rp_task_index(t));
    return 0;
}

static int heard_logs;
static char heard_text[1024];

static void hear_log(void *ctx, const rp__log_record *r)
{
    (void) ctx;
    heard_logs++;
    (void) snprintf(heard_text, sizeof heard_text, "%s", r->text);
}

static void a_task_s_log_comes_out_at_the_master(void)
{
    poolbox box;
    poolbox_batch b;
    RPT_STATUS(poolbox_open(&box, &(poolbox_setup){.workers = 1, .late = 1}), RP_OK);
    poolbox_batch_init(&b, 1, NULL);
    rp__batch_spec spec = {.ref = poolbox_ref(talk), .source = &range, .has_fixed_result = true, .base = 41};
    RPT_STATUS(poolbox_submit(&box, &b, &spec), RP_OK);
    rp__carrier *c;
    RPT_STATUS(rp__hub_carrier(box.hub, 1, &c), RP_OK);
    RPT_STATUS(rp__link_new(&box.link[1], c), RP_OK);
    RPT_STATUS(rp__worker_new(&box.worker[1], box.link[1], &(rp__worker_options){.rank = 1}), RP_OK);
    RPT_STATUS(rp__master_turn(box.master, 0), RP_OK);
    poolbox_step_worker(&box, 1); /* its log goes to the master as long as nobody turns it away */
    rp__log_divert(hear_log, NULL);
    RPT_STATUS(rp__master_turn(box.master, 0), RP_OK);
    RPT_EQ_I64(heard_logs, 1);
    RPT_EQ_STR(heard_text, "rank 1 task 41: hello from 41");
    run_to_end(&box);
    RPT_OK(poolbox_is_whole(&b));
    poolbox_batch_done(&b);
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {
        RPT_CASE(an_array_is_mapped),
        RPT_CASE(a_million_indices),
        RPT_CASE(results_may_have_no_bytes),
        RPT_CASE(payloads_and_results_of_any_size),
        RPT_CASE(a_failure_stays_alone),
        RPT_CASE(a_body_nobody_has_is_refused),
        RPT_CASE(commands_are_refused_without_a_supervisor),
        RPT_CASE(a_task_s_log_comes_out_at_the_master),
    };
    range = rp__source_range();
    return rpt_main(argc, argv, cases, RPT_COUNT(cases));
}
