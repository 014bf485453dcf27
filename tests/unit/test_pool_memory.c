/* SPDX-License-Identifier: BSD-3-Clause */
/* A pool in one process and memory: every allocation may fail, and a billion tasks need no more than a few.
 */
#include "poolbox.h"
#include "rpt.h"

#include <malloc.h>

static rp__source range;

/* ---- each allocation fails once ---- */

static uint8_t bytes[9000];

static int copy(rp_task *t, const void *in, void *out)
{
    size_t len = rp_task_input_bytes(t);
    if (!out)
        return rp_task_result(t, in, len) != RP_OK;
    memcpy(out, in, len);
    return rp_task_index(t) % 4 == 1 ? rp_task_fail(t, 4, "one of four") : 0;
}

/* A task may fail when it finds no memory for its result, but what it gives is right. */
static bool is_copy(const poolbox_batch *b, int64_t k, const rp__record *r)
{
    if (r->status == RP_ETASK)
        return r->task_code == (b->out_size ? 4 : 1);
    const uint8_t *want = b->out_size ? bytes + 8 * k : bytes + k;
    size_t len = b->out_size ? 8 : k % 4 == 0 ? 6000 : (size_t) k;
    return r->data.len == len && (len == 0 || memcmp(r->data.data, want, len) == 0);
}

static rp_status submit_both(poolbox *box, poolbox_batch *fixed, poolbox_batch *sized,
                             rp__source_array *array, poolbox_sized *pieces)
{
    rp__batch_spec spec = {.ref = poolbox_ref(copy), .source = &pieces->base, .shared = {bytes, 100}};
    rp_status st = poolbox_submit(box, sized, &spec);
    spec.source = &array->base;
    spec.has_fixed_result = true;
    spec.out_size = 8;
    spec.chunk = 5;
    return st ? st : poolbox_submit(box, fixed, &spec);
}

/* A small run during which the n-th allocation fails; false when there were not so many. */
static bool run_with_failure(int64_t n, uint64_t seed, rp_status *status_out)
{
    poolbox box;
    poolbox_batch fixed, sized;
    rp__bytes item[20];
    for (int64_t k = 0; k < 20; k++)
        item[k] = (rp__bytes){bytes + k, k % 4 == 0 ? 6000 : (size_t) k};
    rp__source_array array = rp__source_array_of(bytes, 8);
    poolbox_sized pieces = poolbox_sized_of(item);
    int64_t live = rp__mem_live();
    poolbox_batch_init(&fixed, 30, is_copy);
    poolbox_batch_init(&sized, 20, is_copy);
    rp__mem_fail_after(n);
    rp_status st =
        poolbox_open(&box, &(poolbox_setup){.workers = 2, .seed = seed, .max_frame = 300, .window = 2});
    if (!st)
        st = submit_both(&box, &fixed, &sized, &array, &pieces);
    if (!st)
        st = poolbox_run(&box, 100000);
    if (!st) {
        RPT_OK(poolbox_is_whole(&fixed) && poolbox_is_whole(&sized));
        st = rp__master_task_cancel(box.master, fixed.id, 3); /* done already: nothing happens */
    }
    if (st && box.master && rp__master_error(box.master)->code) {
        RPT_STATUS(rp__master_error(box.master)->code, st);
        RPT_OK(rp__master_error(box.master)->text[0]);
    }
    RPT_EQ_I64(box.unexplained, 0);
    if (st)
        poolbox_free(&box);
    else
        st = poolbox_close(&box);
    void *probe = rp__alloc(1); /* fails when the run did not use up the countdown to the last */
    bool has_fired = probe != NULL;
    rp__free(probe);
    rp__mem_fail_after(-1);
    RPT_EQ_I64(rp__mem_live(), live);
    RPT_OK(fixed.twice == 0 && fixed.wrong == 0 && sized.twice == 0 && sized.wrong == 0);
    poolbox_batch_done(&fixed);
    poolbox_batch_done(&sized);
    *status_out = st;
    return has_fired;
}

static void the_nth_allocation_fails(void)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        int64_t n = 0, errors = 0;
        rp_status st;
        for (; run_with_failure(n, seed, &st) && n < 5000 && !rpt_failures; n++) {
            RPT_OK(st == RP_OK || st == RP_ENOMEM);
            errors += st == RP_ENOMEM;
        }
        RPT_STATUS(st, RP_OK); /* the run in which nothing failed */
        RPT_OK(n > 50 && n < 5000 && errors > 20 && errors < n);
        if (rpt_failures) {
            printf("    seed %d, allocation %lld\n", (int) seed, (long long) n - 1);
            return;
        }
    }
}

/* ---- a billion tasks ---- */

/* A worker that answers whole chunks without running anything. */
static bool answer_chunks(rp__link *l)
{
    rp__link_event ev;
    bool did = false;
    while (rp__link_next(l, &ev, NULL) == RP_OK) {
        rp__msg_chunk c;
        did = true;
        if (ev.kind != RP__LINK_MESSAGE || ev.type != RP__MSG_CHUNK || !rp__wire_get_chunk(ev.body, &c))
            continue;
        rp__msg_answer a = {.batch = c.batch,
                            .lease = c.lease,
                            .first = c.first,
                            .count = c.count,
                            .busy_ns = 100 * c.count, /* times the count, it does not fit into 64 bits */
                            .form = RP__ANSWER_COMPACT};
        rp__buf head = {0};
        rp__wire_put_answer(&head, &a);
        RPT_STATUS(rp__link_send(l, 0, RP__MSG_ANSWER, &head, NULL, 0), RP_OK);
        rp__buf_done(&head);
    }
    RPT_STATUS(rp__link_flush(l), RP_OK);
    return did;
}

static void say_hello(poolbox *box, int rank)
{
    rp__carrier *c;
    rp__msg_hello m = {.host = "nowhere"};
    rp__buf head = {0};
    RPT_STATUS(rp__hub_carrier(box->hub, rank, &c), RP_OK);
    RPT_STATUS(rp__link_new(&box->link[rank], c), RP_OK);
    rp__wire_put_hello(&head, &m);
    RPT_STATUS(rp__link_send(box->link[rank], 0, RP__MSG_HELLO, &head, NULL, 0), RP_OK);
    rp__buf_done(&head);
    RPT_STATUS(rp__link_flush(box->link[rank]), RP_OK);
}

static void check_billion(int64_t chunk, uint64_t seed)
{
    poolbox box;
    poolbox_batch b;
    RPT_STATUS(poolbox_open(&box, &(poolbox_setup){.workers = 5, .late = 5, .seed = seed}), RP_OK);
    for (int r = 1; r <= 5; r++)
        say_hello(&box, r);
    poolbox_batch_init(&b, 1000000000, NULL);
    rp__batch_spec spec = {
        .ref = poolbox_ref(copy), .source = &range, .has_fixed_result = true, .chunk = chunk};
    RPT_STATUS(poolbox_submit(&box, &b, &spec), RP_OK);
    int64_t live = rp__mem_live(), most = 0;
    size_t used = mallinfo2().uordblks, most_used = 0; /* 0 under a sanitizer */
    for (int n = 0; n < 1000000 && box.open; n++) {
        int who = (int) rng_below(&box.rng, box.size);
        if (who)
            (void) answer_chunks(box.link[who]);
        else
            RPT_STATUS(rp__master_turn(box.master, 0), RP_OK);
        most = rp__max64(most, rp__mem_live() - live);
        most_used = mallinfo2().uordblks > most_used ? mallinfo2().uordblks : most_used;
    }
    RPT_OK(poolbox_is_whole(&b));
    RPT_EQ_I64(b.results, 1000000000);
    RPT_OK(most < 100);
    RPT_OK(most_used < used + (256 << 10));
    poolbox_free(&box);
    poolbox_batch_done(&b);
}

static void a_billion_tasks_need_little_memory(void)
{
    static const int64_t chunks[] = {1000000000, 100000000, 3333333, 100003, 0};
    for (size_t i = 0; i < RPT_COUNT(chunks); i++)
        check_billion(chunks[i], i + 1);
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {RPT_CASE(the_nth_allocation_fails),
                                     RPT_CASE(a_billion_tasks_need_little_memory)};
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t) (i * 7 + i / 256);
    range = rp__source_range();
    (void) poolbox_ref(copy); /* lives as long as the process */
    return rpt_main(argc, argv, cases, RPT_COUNT(cases));
}
