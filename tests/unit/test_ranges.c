/* SPDX-License-Identifier: BSD-3-Clause */
/* Range sets: against a bitmap, at their edges, without memory. */
#include "rng.h"
#include "rpt.h"
#include "sched/ranges.h"

#define BITS 200

/* Ascending, never empty, never touching, and the total is right. */
static void check_shape(const rp__ranges *set)
{
    int64_t total = 0;
    for (size_t i = 0; i < set->len; i++) {
        const rp__range *r = &set->item[i];
        RPT_OK(r->count > 0);
        RPT_OK(i == 0 || set->item[i - 1].first + set->item[i - 1].count < r->first);
        total += r->count;
    }
    RPT_EQ_I64(set->total, total);
}

static void check_bits(const rp__ranges *set, const bool *bit, int64_t base)
{
    int64_t total = 0;
    size_t runs = 0;
    rp__range r;
    for (int64_t i = 0; i < BITS; i++) {
        total += bit[i];
        runs += bit[i] && (i == 0 || !bit[i - 1]);
        if (base + i < INT64_MAX)
            RPT_EQ_I64(rp__ranges_find(set, base + i, base + i + 1, true, &r), bit[i]);
    }
    RPT_EQ_I64(set->total, total);
    RPT_EQ_I64(set->len, runs);
}

/* What rp__ranges_find must find, looked for bit by bit. */
static bool find_by_bits(const bool *bit, int64_t from, int64_t end, bool has, rp__range *out)
{
    while (from < end && bit[from] != has)
        from++;
    int64_t stop = from;
    while (stop < end && bit[stop] == has)
        stop++;
    *out = (rp__range){from, stop - from};
    return from < end;
}

static void check_finds(rng *r, const rp__ranges *set, const bool *bit, int64_t base)
{
    for (int i = 0; i < 20; i++) {
        int64_t from = rng_below(r, BITS + 1), end = rng_below(r, BITS + 1);
        bool has = rng_chance(r, 50);
        rp__range want, got = {-7, -7};
        bool found = find_by_bits(bit, from, end, has, &want);
        RPT_EQ_I64(rp__ranges_find(set, base + from, base + end, has, &got), found);
        if (found) {
            RPT_EQ_I64(got.first - base, want.first);
            RPT_EQ_I64(got.count, want.count);
        } else {
            RPT_EQ_I64(got.first, -7); /* untouched */
        }
    }
}

static void random_adds(uint64_t seed, int64_t base)
{
    rng r = {seed};
    rp__ranges set = {0};
    bool bit[BITS] = {false};
    int64_t longest = 1 + rng_below(&r, 30), adds = 1 + rng_below(&r, 60);
    int before = rpt_failures;
    for (int64_t n = 0; n < adds; n++) {
        int64_t first = rng_below(&r, BITS), count = rp__min64(rng_below(&r, longest + 1), BITS - first);
        RPT_OK(rp__ranges_add(&set, base + first, count));
        for (int64_t i = first; i < first + count; i++)
            bit[i] = true;
        check_shape(&set);
        check_finds(&r, &set, bit, base);
    }
    check_bits(&set, bit, base);
    rp__ranges_done(&set);
    if (rpt_failures > before)
        printf("    seed %llu, base %lld\n", (unsigned long long) seed, (long long) base);
}

static void agrees_with_a_bitmap(void)
{
    for (uint64_t seed = 1; seed <= 500; seed++)
        random_adds(seed, 0);
}

static void agrees_with_a_bitmap_up_to_the_largest_index(void)
{
    for (uint64_t seed = 1; seed <= 500; seed++)
        random_adds(seed, INT64_MAX - BITS);
}

static void check_set(rp__ranges *set, size_t len, const rp__range *want)
{
    check_shape(set);
    RPT_EQ_I64(set->len, len);
    for (size_t i = 0; i < len && i < set->len; i++) {
        RPT_EQ_I64(set->item[i].first, want[i].first);
        RPT_EQ_I64(set->item[i].count, want[i].count);
    }
    rp__ranges_done(set);
}

/* A set of [10,15) [20,25) [30,35), and one more add. */
static void add_to_three(int64_t first, int64_t count, size_t len, const rp__range *want)
{
    rp__ranges set = {0};
    RPT_OK(rp__ranges_add(&set, 30, 5) && rp__ranges_add(&set, 10, 5) && rp__ranges_add(&set, 20, 5));
    RPT_OK(rp__ranges_add(&set, first, count));
    check_set(&set, len, want);
}

static void merges(void)
{
    add_to_three(0, 0, 3, (rp__range[]){{10, 5}, {20, 5}, {30, 5}});
    add_to_three(0, 9, 4, (rp__range[]){{0, 9}, {10, 5}, {20, 5}, {30, 5}});
    add_to_three(0, 10, 3, (rp__range[]){{0, 15}, {20, 5}, {30, 5}});
    add_to_three(15, 5, 2, (rp__range[]){{10, 15}, {30, 5}});
    add_to_three(15, 4, 3, (rp__range[]){{10, 9}, {20, 5}, {30, 5}});
    add_to_three(16, 3, 4, (rp__range[]){{10, 5}, {16, 3}, {20, 5}, {30, 5}});
    add_to_three(12, 2, 3, (rp__range[]){{10, 5}, {20, 5}, {30, 5}});
    add_to_three(12, 10, 2, (rp__range[]){{10, 15}, {30, 5}});
    add_to_three(10, 25, 1, (rp__range[]){{10, 25}});
    add_to_three(0, 100, 1, (rp__range[]){{0, 100}});
    add_to_three(25, 5, 2, (rp__range[]){{10, 5}, {20, 15}});
    add_to_three(35, 1, 3, (rp__range[]){{10, 5}, {20, 5}, {30, 6}});
    add_to_three(36, 1, 4, (rp__range[]){{10, 5}, {20, 5}, {30, 5}, {36, 1}});
}

static void finds_at_the_edges(void)
{
    rp__ranges set = {0};
    rp__range r;
    RPT_OK(!rp__ranges_find(&set, 0, 0, false, &r));
    RPT_OK(!rp__ranges_find(&set, 5, 4, false, &r));
    RPT_OK(!rp__ranges_find(&set, 0, INT64_MAX, true, &r));
    RPT_OK(rp__ranges_find(&set, 0, INT64_MAX, false, &r));
    RPT_EQ_I64(r.count, INT64_MAX);
    RPT_OK(rp__ranges_add(&set, 0, 1));
    RPT_OK(rp__ranges_add(&set, INT64_MAX - 1, 1));
    RPT_OK(rp__ranges_find(&set, 0, INT64_MAX, false, &r));
    RPT_EQ_I64(r.first, 1);
    RPT_EQ_I64(r.count, INT64_MAX - 2);
    RPT_OK(rp__ranges_find(&set, 1, INT64_MAX, true, &r));
    RPT_EQ_I64(r.first, INT64_MAX - 1);
    RPT_EQ_I64(r.count, 1);
    RPT_OK(rp__ranges_add(&set, 0, INT64_MAX));
    RPT_OK(!rp__ranges_find(&set, 0, INT64_MAX, false, &r));
    check_set(&set, 1, (rp__range[]){{0, INT64_MAX}});
}

static void without_memory_it_stays_as_it_was(void)
{
    int64_t live = rp__mem_live();
    rp__ranges set = {0};
    rp__mem_fail_after(0);
    RPT_OK(!rp__ranges_add(&set, 3, 1));
    RPT_EQ_I64(set.len, 0);
    int64_t next = 0;
    do
        RPT_OK(rp__ranges_add(&set, next += 2, 1));
    while (set.len < set.cap);
    rp__mem_fail_after(0);
    RPT_OK(!rp__ranges_add(&set, 1000, 1));
    RPT_EQ_I64(set.len, next / 2);
    RPT_EQ_I64(set.total, next / 2);
    check_shape(&set);
    rp__mem_fail_after(0);
    RPT_OK(rp__ranges_add(&set, 3, 1)); /* merging needs none */
    rp__mem_fail_after(-1);
    RPT_OK(rp__ranges_add(&set, 1000, 1));
    RPT_EQ_I64(set.len, next / 2);
    rp__ranges_done(&set);
    RPT_EQ_I64(rp__mem_live(), live);
}

static void appending_takes_one_range(void)
{
    rp__ranges set = {0};
    for (int64_t i = 0; i < 1000000; i++)
        RPT_OK(rp__ranges_add(&set, i * 1000, 1000));
    RPT_OK(set.cap <= 8);
    check_set(&set, 1, (rp__range[]){{0, INT64_C(1000000000)}});
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {
        RPT_CASE(agrees_with_a_bitmap),
        RPT_CASE(agrees_with_a_bitmap_up_to_the_largest_index),
        RPT_CASE(merges),
        RPT_CASE(finds_at_the_edges),
        RPT_CASE(without_memory_it_stays_as_it_was),
        RPT_CASE(appending_takes_one_range),
    };
    return rpt_main(argc, argv, cases, RPT_COUNT(cases));
}
