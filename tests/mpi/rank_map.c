/* SPDX-License-Identifier: BSD-3-Clause */
/* Maps over arrays and ranges as a user's program makes them. */
#include "ranks.h"

#define MANY 1000000

/* ---- results in order ---- */

static int twice_and_one(rp_task *t, const void *in, void *out)
{
    (void) t;
    *(double *) out = 2 * *(const double *) in + 1;
    return 0;
}

static void maps_a_million_doubles(void)
{
    double *x = malloc(MANY * sizeof *x), *y = malloc(MANY * sizeof *y);
    for (int i = 0; i < MANY; i++)
        x[i] = i * 0.5;
    RPT_STATUS(rp_map(pool, twice_and_one, x, sizeof *x, y, sizeof *y, MANY, NULL), RP_OK);
    for (int i = 0; i < MANY; i++)
        RPT_EQ_F64(y[i], i + 1.0, 0);
    RPT_STATUS(rp_pool_error(pool)->code, RP_OK);
    free(x);
    free(y);
}

/* Input bytes of element k, after a check of every one of them, become those of element k + 1000. */
static int shift(rp_task *t, const void *in, void *out)
{
    uint64_t k = (uint64_t) rp_task_index(t);
    size_t bytes = rp_task_input_bytes(t);
    int64_t bad = ranks_differs(in, bytes, k);
    if (bad >= 0)
        return rp_task_fail(t, 9, "element %d, byte %d is wrong", (int) k, (int) bad);
    ranks_fill(out, bytes, k + 1000);
    return 0;
}

static void maps_structs_of(size_t size, int64_t chunk)
{
    enum { COUNT = 3000 };
    unsigned char *in = malloc(COUNT * size), *out = malloc(COUNT * size);
    for (int k = 0; k < COUNT; k++)
        ranks_fill(in + (size_t) k * size, size, (uint64_t) k);
    memset(out, 0xee, COUNT * size);
    rp_map_options opt = RP_MAP_OPTIONS_INIT;
    opt.chunk = chunk;
    RPT_STATUS(rp_map(pool, shift, in, size, out, size, COUNT, &opt), RP_OK);
    RPT_EQ_STR(rp_pool_error(pool)->text, "");
    for (int k = 0; k < COUNT; k++)
        RPT_EQ_I64(ranks_differs(out + (size_t) k * size, size, (uint64_t) k + 1000), -1);
    free(in);
    free(out);
}

static void maps_odd_sizes(void)
{
    static const size_t sizes[] = {1, 3, 24, 1000};
    static const int64_t chunks[] = {0, 1, 7, INT64_MAX};
    for (size_t i = 0; i < RPT_COUNT(sizes); i++)
        maps_structs_of(sizes[i], 0);
    for (size_t i = 0; i < RPT_COUNT(chunks); i++)
        maps_structs_of(3, chunks[i]);
}

typedef struct reading {
    double sum;
    int32_t parity;
    char letter;
} reading;

static int read_number(rp_task *t, const void *in, void *out)
{
    int32_t n = *(const int32_t *) in;
    *(reading *) out = (reading){n * 0.25, n % 2, (char) ('a' + n % 26)};
    return rp_task_input_bytes(t) == sizeof n ? 0 : 1;
}

static void maps_to_another_size(void)
{
    int32_t in[500];
    reading out[500];
    for (int i = 0; i < 500; i++)
        in[i] = i;
    RPT_STATUS(rp_map(pool, read_number, in, sizeof *in, out, sizeof *out, 500, NULL), RP_OK);
    for (int i = 0; i < 500; i++) {
        RPT_EQ_F64(out[i].sum, i * 0.25, 0);
        RPT_EQ_I64(out[i].parity, i % 2);
        RPT_EQ_I64(out[i].letter, 'a' + i % 26);
    }
}

/* ---- ranges ---- */

static int square_of_index(rp_task *t, const void *in, void *out)
{
    int64_t k = rp_task_index(t);
    *(int64_t *) out = k * k;
    return in ? 1 : 0;
}

static int index_itself(rp_task *t, const void *in, void *out)
{
    *(int64_t *) out = rp_task_index(t);
    return in || rp_task_input_bytes(t) ? 1 : 0;
}

static void maps_ranges(void)
{
    int64_t *out = malloc(MANY * sizeof *out);
    RPT_STATUS(rp_map_range(pool, square_of_index, 0, MANY, out, sizeof *out, NULL), RP_OK);
    for (int64_t k = 0; k < MANY; k++)
        RPT_EQ_I64(out[k], k * k);
    static const int64_t firsts[] = {1, 17, INT64_C(1) << 40, INT64_MAX - 100};
    for (size_t i = 0; i < RPT_COUNT(firsts); i++) {
        RPT_STATUS(rp_map_range(pool, index_itself, firsts[i], 100, out, sizeof *out, NULL), RP_OK);
        for (int64_t k = 0; k < 100; k++)
            RPT_EQ_I64(out[k], firsts[i] + k);
    }
    free(out);
}

/* ---- functions ---- */

static int named(rp_task *t, const void *in, void *out)
{
    (void) t;
    *(int *) out = *(const int *) in + 5;
    return 0;
}

static void finds_registered_functions(void)
{
    int in[] = {1, 2, 3}, out[3];
    RPT_STATUS(rp_map(pool, named, in, sizeof *in, out, sizeof *out, 3, NULL), RP_OK);
    RPT_EQ_MEM(out, ((int[]){6, 7, 8}), sizeof out);
    RPT_STATUS(rp_register("plus five", named), RP_OK); /* the same again */
    RPT_STATUS(rp_register("plus five", twice_and_one), RP_EEXIST);
    RPT_STATUS(rp_register("", named), RP_EINVAL);
    RPT_STATUS(rp_register(NULL, named), RP_EINVAL);
    RPT_STATUS(rp_register("nobody", NULL), RP_EINVAL);
    char name[65];
    memset(name, 'n', sizeof name);
    name[64] = '\0';
    RPT_STATUS(rp_register(name, maps_ranges == NULL ? NULL : index_itself), RP_EINVAL);
}

/* ---- what a task sees ---- */

static int add_shared(rp_task *t, const void *in, void *out)
{
    const double *table = rp_task_shared(t);
    *(double *) out = table ? table[*(const int *) in] : -1;
    return 0;
}

static void shares_bytes(void)
{
    enum { ENTRIES = 700000 }; /* 5.6 MB: many frames */
    double *table = malloc(ENTRIES * sizeof *table), out[300];
    int in[300];
    for (int i = 0; i < ENTRIES; i++)
        table[i] = i * 1.25;
    for (int i = 0; i < 300; i++)
        in[i] = (int) ((int64_t) i * (ENTRIES - 1) / 299);
    rp_map_options opt = RP_MAP_OPTIONS_INIT;
    opt.shared = table, opt.shared_bytes = ENTRIES * sizeof *table;
    RPT_STATUS(rp_map(pool, add_shared, in, sizeof *in, out, sizeof *out, 300, &opt), RP_OK);
    for (int i = 0; i < 300; i++)
        RPT_EQ_F64(out[i], in[i] * 1.25, 0);
    RPT_STATUS(rp_map(pool, add_shared, in, sizeof *in, out, sizeof *out, 300, NULL), RP_OK);
    for (int i = 0; i < 300; i++)
        RPT_EQ_F64(out[i], -1, 0);
    free(table);
}

typedef struct look {
    int rank, attempt, result_status, zeroed;
    size_t bytes;
} look;

static int look_around(rp_task *t, const void *in, void *out)
{
    look *l = out;
    (void) in;
    bool zeroed = l->rank == 0 && l->attempt == 0 && l->bytes == 0;
    *l = (look){.rank = rp_task_rank(t),
                .attempt = rp_task_attempt(t),
                .result_status = rp_task_result(t, "x", 1),
                .zeroed = zeroed,
                .bytes = rp_task_input_bytes(t)};
    return 0;
}

static void tells_tasks_where_they_are(void)
{
    short in[200] = {0};
    look out[200];
    int64_t workers = ranks_workers();
    memset(out, 0xff, sizeof out);
    RPT_STATUS(rp_map(pool, look_around, in, sizeof *in, out, sizeof *out, 200, NULL), RP_OK);
    for (int i = 0; i < 200; i++) {
        RPT_OK(out[i].rank >= 0 && out[i].rank <= workers);
        RPT_EQ_I64(out[i].attempt, 1);
        RPT_EQ_I64(out[i].bytes, sizeof(short));
        RPT_EQ_I64(out[i].zeroed, 1);
        RPT_STATUS(out[i].result_status, RP_EINVAL); /* the batch has a fixed result size */
    }
}

/* ---- failing ---- */

static int fails_sometimes(rp_task *t, const void *in, void *out)
{
    int64_t k = rp_task_index(t);
    *(int64_t *) out = k + 7; /* what a failing task leaves is not seen */
    (void) in;
    if (k % 10 == 3)
        return rp_task_fail(t, (int) k, "no root near %d", (int) k);
    return k == 98 ? -4 : 0;
}

static void keeps_failures_apart(void)
{
    int64_t out[100];
    memset(out, 0xaa, sizeof out);
    RPT_STATUS(rp_map_range(pool, fails_sometimes, 0, 100, out, sizeof *out, NULL), RP_ETASK);
    const rp_error *e = rp_pool_error(pool);
    RPT_STATUS(e->code, RP_ETASK);
    RPT_EQ_I64(e->task, 3);
    RPT_EQ_I64(e->task_code, 3);
    RPT_EQ_STR(e->text, "no root near 3");
    RPT_OK(e->rank >= 0 && e->rank <= ranks_workers());
    for (int64_t k = 0; k < 100; k++)
        RPT_EQ_I64(out[k], k % 10 == 3 || k == 98 ? 0 : k + 7);
}

static int fails_silently(rp_task *t, const void *in, void *out)
{
    (void) in;
    (void) out;
    return rp_task_index(t) == 5 ? 42 : 0;
}

static int fails_long(rp_task *t, const void *in, void *out)
{
    char text[2000];
    (void) in;
    (void) out;
    memset(text, 'w', sizeof text);
    text[sizeof text - 1] = '\0';
    return rp_task_fail(t, -2, "%s", text);
}

static void tells_of_failures(void)
{
    RPT_STATUS(rp_map_range(pool, fails_silently, 0, 10, NULL, 0, NULL), RP_ETASK);
    RPT_EQ_I64(rp_pool_error(pool)->task_code, 42);
    RPT_EQ_I64(rp_pool_error(pool)->task, 5);
    RPT_OK(strlen(rp_pool_error(pool)->text) > 0);
    RPT_STATUS(rp_map_range(pool, fails_long, 0, 500, NULL, 0, NULL), RP_ETASK);
    RPT_EQ_I64(rp_pool_error(pool)->task_code, -2);
    RPT_EQ_I64(rp_pool_error(pool)->task, 0);
    RPT_EQ_I64(strlen(rp_pool_error(pool)->text), 511);
    RPT_STATUS(rp_map_range(pool, fails_silently, 10, 10, NULL, 0, NULL), RP_OK);
    RPT_STATUS(rp_pool_error(pool)->code, RP_OK);
}

static void counts_failure_indexes_from_first(void)
{
    int64_t out[100];
    RPT_STATUS(rp_map_range(pool, fails_sometimes, 50, 20, out, sizeof *out, NULL), RP_ETASK);
    RPT_EQ_I64(rp_pool_error(pool)->task_code, 53);
    RPT_EQ_STR(rp_pool_error(pool)->text, "no root near 53");
    RPT_EQ_I64(rp_pool_error(pool)->task, 53); /* rp_task_index: "or the number in the range" */
    RPT_EQ_I64(out[3], 0);
    RPT_EQ_I64(out[4], 61);
}

/* ---- nothing, and wrong ---- */

static int nothing(rp_task *t, const void *in, void *out)
{
    (void) in;
    return rp_task_input_bytes(t) || out ? 1 : 0;
}

static int takes_only(rp_task *t, const void *in, void *out)
{
    (void) out;
    return rp_task_input_bytes(t) == sizeof(int) && *(const int *) in == rp_task_index(t) ? 0 : 1;
}

static int gives_only(rp_task *t, const void *in, void *out)
{
    (void) in;
    *(int *) out = (int) rp_task_index(t) * 3;
    return 0;
}

static void takes_nothing(void)
{
    int x[300], y = 77;
    for (int i = 0; i < 300; i++)
        x[i] = i;
    RPT_STATUS(rp_map(pool, twice_and_one, x, sizeof *x, &y, sizeof y, 0, NULL), RP_OK);
    RPT_EQ_I64(y, 77);
    RPT_STATUS(rp_map(pool, twice_and_one, NULL, 0, NULL, 0, 0, NULL), RP_OK);
    RPT_STATUS(rp_map_range(pool, nothing, 0, 0, NULL, 0, NULL), RP_OK);
    RPT_STATUS(rp_map_range(pool, nothing, 0, 100000, NULL, 0, NULL), RP_OK);
    RPT_STATUS(rp_map(pool, takes_only, x, sizeof *x, NULL, 0, 300, NULL), RP_OK);
    RPT_STATUS(rp_map(pool, gives_only, NULL, 0, x, sizeof *x, 300, NULL), RP_OK);
    for (int i = 0; i < 300; i++)
        RPT_EQ_I64(x[i], i * 3);
}

static void refuses_wrong_arguments(void)
{
    int x[2] = {0, 1}, y[2] = {5, 5};
    rp_map_options opt = RP_MAP_OPTIONS_INIT;
    RPT_STATUS(rp_map(NULL, named, x, sizeof *x, y, sizeof *y, 2, NULL), RP_EINVAL);
    RPT_STATUS(rp_map(pool, NULL, x, sizeof *x, y, sizeof *y, 2, NULL), RP_EINVAL);
    RPT_STATUS(rp_map(pool, named, NULL, sizeof *x, y, sizeof *y, 2, NULL), RP_EINVAL);
    RPT_STATUS(rp_map(pool, named, x, sizeof *x, NULL, sizeof *y, 2, NULL), RP_EINVAL);
    RPT_STATUS(rp_map(pool, named, x, sizeof *x, y, sizeof *y, -1, NULL), RP_EINVAL);
    RPT_STATUS(rp_map(pool, named, x, ((size_t) 1 << 30) + 1, y, sizeof *y, 2, NULL), RP_EINVAL);
    RPT_STATUS(rp_map_range(pool, named, INT64_MAX, 2, y, sizeof *y, NULL), RP_EINVAL);
    RPT_STATUS(rp_pool_error(pool)->code, RP_EINVAL);
    RPT_OK(strlen(rp_pool_error(pool)->text) > 10);
    opt.chunk = -1;
    RPT_STATUS(rp_map(pool, named, x, sizeof *x, y, sizeof *y, 2, &opt), RP_EINVAL);
    opt.chunk = 0, opt.shared_bytes = 4;
    RPT_STATUS(rp_map(pool, named, x, sizeof *x, y, sizeof *y, 2, &opt), RP_EINVAL);
    RPT_EQ_I64(y[0], 5);
    RPT_STATUS(rp_map(pool, named, x, sizeof *x, y, sizeof *y, 2, NULL), RP_OK); /* the pool is as before */
    RPT_EQ_I64(y[1], 6);
}

/* ---- log, counts ---- */

static int talks(rp_task *t, const void *in, void *out)
{
    (void) in;
    (void) out;
    if (rp_task_index(t) % 100 == 0)
        rp_log(RP_LOG_WARN, "number %d\nhas come", (int) rp_task_index(t));
    rp_log(RP_LOG_DEBUG, "not shown");
    return 0;
}

/* Its words are checked by whoever started this program. */
static void logs_from_tasks(void)
{
    rp_log(RP_LOG_INFO, "the master speaks");
    RPT_STATUS(rp_map_range(pool, talks, 0, 1000, NULL, 0, NULL), RP_OK);
}

static void counts_tasks(void)
{
    rp_pool_info a, b;
    int64_t out[100];
    rp_pool_get_info(pool, &a);
    RPT_STATUS(rp_map_range(pool, fails_sometimes, 0, 100, out, sizeof *out, NULL), RP_ETASK);
    rp_pool_get_info(pool, &b);
    RPT_EQ_I64(b.submitted - a.submitted, 100);
    RPT_EQ_I64(b.succeeded - a.succeeded, 89);
    RPT_EQ_I64(b.failed - a.failed, 11);
    RPT_EQ_I64(b.lost, 0);
    RPT_EQ_I64(b.cancelled, 0);
    RPT_EQ_I64(b.resubmitted, 0);
    RPT_EQ_I64(b.duplicates, 0);
    RPT_EQ_I64(b.workers_alive, b.workers);
    printf("workers %d\n", b.workers);
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {
        RPT_CASE(maps_a_million_doubles),
        RPT_CASE(maps_odd_sizes),
        RPT_CASE(maps_to_another_size),
        RPT_CASE(maps_ranges),
        RPT_CASE(finds_registered_functions),
        RPT_CASE(shares_bytes),
        RPT_CASE(tells_tasks_where_they_are),
        RPT_CASE(keeps_failures_apart),
        RPT_CASE(tells_of_failures),
        RPT_CASE(counts_failure_indexes_from_first),
        RPT_CASE(takes_nothing),
        RPT_CASE(refuses_wrong_arguments),
        RPT_CASE(logs_from_tasks),
        RPT_CASE(counts_tasks),
    };
    if (rp_init(&argc, &argv) != RP_OK || rp_register("plus five", named) != RP_OK)
        return 1;
    return ranks_cases(argc, argv, NULL, cases, RPT_COUNT(cases));
}
