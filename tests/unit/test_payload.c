/* SPDX-License-Identifier: BSD-3-Clause */
/* Records of answers, and payloads of different sizes from source to worker. */
#include "rng.h"
#include "rpt.h"

#include "source/source.h"

/* ---- records ---- */

static const struct {
    rp_status status;
    int32_t code;
    size_t len;
} samples[] = {
    {RP_OK, 0, 0}, {RP_ETASK, INT32_MIN, 511}, {RP_OK, 0, 1}, {RP_ETASK, -1, 0}, {RP_OK, 0, 70000}};

static uint8_t pattern[70000];

static void put_samples(rp__buf *b)
{
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (uint8_t) (i * 7 + i / 256);
    for (size_t i = 0; i < RPT_COUNT(samples); i++) {
        rp__record r = {samples[i].status, samples[i].code, {pattern, samples[i].len}};
        rp__wire_put_record(b, &r);
    }
}

static void records_come_out_in_order(void)
{
    rp__buf b = {0};
    put_samples(&b);
    rp__reader reader = rp__reader_of((rp__bytes){b.data, b.len});
    rp__record r;
    for (size_t i = 0; i < RPT_COUNT(samples); i++) {
        RPT_OK(rp__wire_get_record(&reader, &r));
        RPT_STATUS(r.status, samples[i].status);
        RPT_EQ_I64(r.task_code, samples[i].code);
        RPT_EQ_I64(r.data.len, samples[i].len);
        RPT_EQ_MEM(r.data.data, pattern, samples[i].len);
    }
    RPT_OK(!rp__wire_get_record(&reader, &r));
    rp__buf_done(&b);
}

static void bad_records_are_refused(void)
{
    rp__record r, in = {RP_ETASK, 3, {"why", 3}};
    rp__buf b = {0};
    rp__wire_put_record(&b, &in);
    for (size_t len = 0; len < b.len; len++) {
        rp__reader reader = rp__reader_of((rp__bytes){b.data, len});
        RPT_OK(!rp__wire_get_record(&reader, &r));
    }
    for (int bit = 0; bit < 64; bit++) { /* a length that says more than there is */
        b.data[8 + bit / 8] ^= (uint8_t) (1 << bit % 8);
        rp__reader reader = rp__reader_of((rp__bytes){b.data, b.len});
        bool taken = rp__wire_get_record(&reader, &r);
        RPT_OK(!taken || r.data.len < 3);
        b.data[8 + bit / 8] ^= (uint8_t) (1 << bit % 8);
    }
    static const rp_status wrong[] = {RP_ELOST, RP_EMPTY, RP_ECANCELED, (rp_status) 1000, (rp_status) -1000};
    for (size_t i = 0; i < RPT_COUNT(wrong); i++) {
        rp__put_u32(b.data, (uint32_t) wrong[i]);
        rp__reader reader = rp__reader_of((rp__bytes){b.data, b.len});
        RPT_OK(!rp__wire_get_record(&reader, &r));
    }
    rp__buf_done(&b);
}

/* ---- payloads of different sizes ---- */

#define BIG_BYTES ((size_t) 1 << 20)

static uint8_t big[BIG_BYTES + 64];

typedef struct piece_list {
    size_t len[64];
    int64_t count;
} piece_list;

/* Payload k is a stretch of `big` that begins at k: each differs from the others. */
static rp__bytes piece(void *ctx, int64_t k)
{
    const piece_list *l = ctx;
    return (rp__bytes){l->len[k] ? big + k : NULL, l->len[k]};
}

static void fill_big(void)
{
    rng r = {1};
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (uint8_t) rng_next(&r);
}

/* The parts one behind the other, aligned as in a message. */
static uint8_t *join(const rp__parts *p, size_t *len_out)
{
    size_t len = 0;
    for (int i = 0; i < p->len; i++)
        len += p->item[i].len;
    uint8_t *all = aligned_alloc(64, (len + 64) & ~(size_t) 63);
    *len_out = 0;
    for (int i = 0; i < p->len; i++) {
        memcpy(all + *len_out, p->item[i].data, p->item[i].len);
        *len_out += p->item[i].len;
    }
    return all;
}

static void check_round_trip(piece_list *l)
{
    rp__parts parts = {0};
    RPT_STATUS(rp__source_emit_sized(&parts, l->count, piece, l), RP_OK);
    for (int i = 0; i < parts.len; i++) {
        const uint8_t *p = parts.item[i].data;
        bool is_lent = p >= big && p < big + sizeof big;
        RPT_OK(is_lent == !parts.item[i].own && (!is_lent || parts.item[i].len > 4096));
    }
    size_t len;
    uint8_t *all = join(&parts, &len);
    rp__sized_reader r;
    rp__bytes got;
    RPT_OK(rp__sized_open(&r, (rp__bytes){all, len}, l->count));
    for (int64_t k = 0; k < l->count; k++) {
        RPT_OK(rp__sized_next(&r, &got));
        RPT_EQ_I64(got.len, l->len[k]);
        RPT_EQ_MEM(got.data, big + k, l->len[k]);
        RPT_OK(((uintptr_t) got.data & 15) == 0);
    }
    RPT_OK(!rp__sized_next(&r, &got));
    free(all);
    rp__parts_done(&parts);
}

static void payloads_of_every_size_come_out(void)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 4095, 4096, 4097, BIG_BYTES};
    int64_t live = rp__mem_live();
    fill_big();
    piece_list l = {.count = 0};
    check_round_trip(&l);
    for (size_t i = 0; i < RPT_COUNT(sizes); i++) { /* alone, at the end, between others */
        l = (piece_list){.len = {sizes[i]}, .count = 1};
        check_round_trip(&l);
        l = (piece_list){.len = {3, sizes[i]}, .count = 2};
        check_round_trip(&l);
        l = (piece_list){.len = {sizes[i], 5, sizes[i], sizes[i], 0, sizes[i]}, .count = 6};
        check_round_trip(&l);
    }
    rng r = {2};
    for (int n = 0; n < 300; n++) {
        l.count = rng_below(&r, 64);
        for (int64_t k = 0; k < l.count; k++)
            l.len[k] = rng_chance(&r, 90) ? (size_t) rng_below(&r, 40) : sizes[rng_below(&r, 8)];
        check_round_trip(&l);
    }
    RPT_EQ_I64(rp__mem_live(), live);
}

/* How many payloads a reader gives before it refuses; all of them must lie inside. */
static int64_t read_all(const uint8_t *data, size_t len, int64_t count)
{
    uint8_t *tight = malloc(len ? len : 1);
    if (len)
        memcpy(tight, data, len);
    rp__sized_reader r;
    rp__bytes b;
    int64_t n = -1;
    if (rp__sized_open(&r, (rp__bytes){tight, len}, count))
        for (n = 0; rp__sized_next(&r, &b); n++)
            RPT_OK(b.len == 0 || ((const uint8_t *) b.data >= tight + 8 * count &&
                                  (const uint8_t *) b.data + b.len <= tight + len));
    free(tight);
    return n;
}

static void corrupt_tables_are_refused(void)
{
    fill_big();
    piece_list l = {.len = {20, 0, 33}, .count = 3};
    rp__parts parts = {0};
    RPT_STATUS(rp__source_emit_sized(&parts, l.count, piece, &l), RP_OK);
    size_t len;
    uint8_t *all = join(&parts, &len);
    RPT_EQ_I64(read_all(all, len, 3), 3);
    for (size_t cut = 0; cut < len; cut++)
        RPT_OK(read_all(all, cut, 3) < 3);
    static const int64_t wrong_counts[] = {-1, INT64_MIN, INT64_MAX, INT64_MAX / 8, 1000};
    for (size_t i = 0; i < RPT_COUNT(wrong_counts); i++)
        RPT_EQ_I64(read_all(all, len, wrong_counts[i]), -1);
    for (int bit = 0; bit < 3 * 64; bit++) {
        all[bit / 8] ^= (uint8_t) (1 << bit % 8);
        int64_t n = read_all(all, len, 3);
        RPT_OK(n >= 0 && (n < 3 || bit % 64 < 6)); /* small changes may still fit in; far ones do not */
        all[bit / 8] ^= (uint8_t) (1 << bit % 8);
    }
    rng r = {3};
    for (int n = 0; n < 20000; n++) {
        uint8_t bytes[96];
        size_t some = (size_t) rng_below(&r, sizeof bytes);
        for (size_t k = 0; k < some; k++)
            bytes[k] = k % 8 == 0 ? (uint8_t) rng_below(&r, 24) : rng_chance(&r, 1) ? 255 : 0;
        (void) read_all(bytes, some, rng_below(&r, 10)); /* taken or not */
    }
    free(all);
    rp__parts_done(&parts);
}

static void nothing_leaks_when_memory_ends(void)
{
    piece_list l = {.len = {1, 5000, 0, 4096, 4097, 70000, 2, 9000, 8, 9000, 1, 9000, 3}, .count = 13};
    int64_t live = rp__mem_live();
    rp_status st = RP_ENOMEM;
    int n = 0;
    for (; st && n < 1000; n++) {
        rp__parts parts = {0};
        rp__mem_fail_after(n);
        st = rp__source_emit_sized(&parts, l.count, piece, &l);
        rp__mem_fail_after(-1);
        RPT_OK(st == RP_OK || st == RP_ENOMEM);
        rp__parts_done(&parts);
        RPT_EQ_I64(rp__mem_live(), live);
    }
    RPT_OK(n > 3 && n < 1000);
}

static void arrays_are_lent_and_ranges_are_nothing(void)
{
    static const double a[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    rp__source_array s = rp__source_array_of(a, sizeof *a);
    rp__source range = rp__source_range();
    rp__parts parts = {0};
    RPT_STATUS(s.base.emit(&s.base, 3, 4, &parts), RP_OK);
    RPT_STATUS(range.emit(&range, 3, 4, &parts), RP_OK);
    RPT_EQ_I64(parts.len, 1);
    RPT_OK(parts.item[0].data == a + 3 && parts.item[0].len == 4 * sizeof *a && !parts.item[0].own);
    RPT_EQ_I64(s.base.payload, RP__PAYLOAD_FIXED);
    RPT_EQ_I64(range.payload, RP__PAYLOAD_NONE);
    rp__parts_done(&parts);
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {
        RPT_CASE(records_come_out_in_order),       RPT_CASE(bad_records_are_refused),
        RPT_CASE(payloads_of_every_size_come_out), RPT_CASE(corrupt_tables_are_refused),
        RPT_CASE(nothing_leaks_when_memory_ends),  RPT_CASE(arrays_are_lent_and_ranges_are_nothing),
    };
    return rpt_main(argc, argv, cases, RPT_COUNT(cases));
}
