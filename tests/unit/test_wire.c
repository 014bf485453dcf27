/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages: what is put comes out again; whatever else comes is refused without harm. */
#include "rng.h"
#include "rpt.h"
#include "wire_samples.h"

/* Decodes from memory that ends where the bytes end, so that the sanitizer sees every read behind them. */
static bool get_tight(const struct message *m, const uint8_t *data, size_t len, int v)
{
    uint8_t *copy = malloc(len ? len : 1);
    if (len)
        memcpy(copy, data, len);
    bool fine = m->get((rp__bytes){copy, len}, v);
    free(copy);
    return fine;
}

/* ---- the cases ---- */

static void what_is_put_comes_out(void)
{
    EACH_MESSAGE(m)
    for (int v = 0; v < VARIANTS; v++) {
        rp__buf b = {0};
        m->put(&b, v);
        RPT_OK(!b.failed);
        int before = rpt_failures;
        RPT_OK(get_tight(m, b.data, b.len, v));
        if (rpt_failures != before)
            printf("    in %s, variant %d\n", m->name, v);
        rp__buf_done(&b);
    }
}

static void heads_are_64_bytes_wherever_they_start(void)
{
    rp__buf b = {0};
    rp__buf_append(&b, "odd", 3);
    rp__msg_chunk c = {.first = 0, .count = 1, .attempt = 1};
    rp__wire_put_chunk(&b, &c);
    RPT_EQ_I64(b.len, 3 + RP__WIRE_HEAD);
    rp__msg_answer a = {.first = 0, .count = 1, .form = RP__ANSWER_COMPACT};
    rp__wire_put_answer(&b, &a);
    RPT_EQ_I64(b.len, 3 + 2 * RP__WIRE_HEAD);
    rp__buf_done(&b);
}

static void every_cut_is_refused(void)
{
    EACH_MESSAGE(m)
    for (int v = 0; v < VARIANTS; v++) {
        rp__buf b = {0};
        m->put(&b, v);
        size_t must = m->rest ? m->rest : b.len;
        for (size_t len = 0; len < must; len++)
            if (get_tight(m, b.data, len, -1) && rpt_bad(__FILE__, __LINE__))
                printf("%s, variant %d, cut at %zu of %zu is taken\n", m->name, v, len, b.len);
        RPT_OK(!m->get((rp__bytes){0}, -1));
        rp__buf_done(&b);
    }
}

static void bytes_behind_the_end_are_refused(void)
{
    EACH_MESSAGE(m)
    {
        rp__buf b = {0};
        m->put(&b, 0);
        rp__write_u8(&b, 0);
        if (!m->rest && get_tight(m, b.data, b.len, -1) && rpt_bad(__FILE__, __LINE__))
            printf("%s is taken with a byte too many\n", m->name);
        rp__buf_done(&b);
    }
}

static void flipped_lengths_are_refused(void)
{
    EACH_MESSAGE(m)
    for (size_t k = 0; k < RPT_COUNT(m->lengths) && m->lengths[k]; k++)
        for (int bit = 0; bit < 64; bit++) {
            rp__buf b = {0};
            m->put(&b, 0);
            b.data[m->lengths[k] + bit / 8] ^= (uint8_t) (1 << bit % 8);
            if (get_tight(m, b.data, b.len, -1) && rpt_bad(__FILE__, __LINE__))
                printf("%s is taken with bit %d of the length at %d flipped\n", m->name, bit, m->lengths[k]);
            rp__buf_done(&b);
        }
}

static void any_flipped_bit_does_no_harm(void)
{
    EACH_MESSAGE(m)
    for (int v = 0; v < VARIANTS; v++) {
        rp__buf b = {0};
        m->put(&b, v);
        for (size_t bit = 0; bit < b.len * 8; bit++) {
            b.data[bit / 8] ^= (uint8_t) (1 << bit % 8);
            (void) get_tight(m, b.data, b.len, -1); /* taken or not: what it gives makes sense */
            b.data[bit / 8] ^= (uint8_t) (1 << bit % 8);
        }
        rp__buf_done(&b);
    }
}

static void random_bytes_do_no_harm(void)
{
    rng r = {4711};
    uint8_t bytes[256];
    for (int i = 0; i < 100000; i++) {
        const struct message *m = &messages[rng_below(&r, RPT_COUNT(messages))];
        size_t len = (size_t) rng_below(&r, sizeof bytes);
        for (size_t k = 0; k < len; k++)
            bytes[k] = rng_chance(&r, 50) ? (uint8_t) rng_below(&r, 4) : (uint8_t) rng_next(&r);
        (void) get_tight(m, bytes, len, -1); /* taken or not */
    }
}

/* ---- values that cannot be ---- */

/* The message with the little-endian number at `at` replaced. */
static bool get_patched(size_t which, int v, size_t at, int bytes, uint64_t value)
{
    rp__buf b = {0};
    messages[which].put(&b, v);
    for (int i = 0; i < bytes; i++)
        b.data[at + (size_t) i] = (uint8_t) (value >> 8 * i);
    bool taken = get_tight(&messages[which], b.data, b.len, -1);
    rp__buf_done(&b);
    return taken;
}

enum { HELLO, BATCH, CHUNK, ANSWER, RETURN };

static void bad_values_of_batches_are_refused(void)
{
    RPT_OK(!get_patched(HELLO, 0, 0, 4, RP__WIRE_VERSION + 1));
    RPT_OK(!get_patched(HELLO, 0, 0, 4, 0));
    RPT_OK(get_patched(BATCH, 0, 4, 1, RP__BODY_FUNCTION));
    RPT_OK(!get_patched(BATCH, 0, 4, 1, RP__BODY_NONE));
    RPT_OK(!get_patched(BATCH, 0, 4, 1, RP__BODY_COUNT));
    RPT_OK(!get_patched(BATCH, 0, 4, 1, 255));
    RPT_OK(!get_patched(BATCH, 0, 5, 1, RP__PAYLOAD_COUNT));
    RPT_OK(!get_patched(BATCH, 0, 5, 1, RP__PAYLOAD_NONE)); /* with an in_size */
    RPT_OK(!get_patched(BATCH, 0, 8, 8, 0));                /* FIXED without one */
    RPT_OK(!get_patched(BATCH, 2, 8, 8, 1));                /* SIZED with one */
    RPT_OK(!get_patched(BATCH, 0, 7, 1, RP__REF_NONE));     /* a function nobody can find */
    RPT_OK(!get_patched(BATCH, 0, 7, 1, RP__REF_COUNT));
    RPT_OK(!get_patched(BATCH, 0, 8, 8, RP__WIRE_MAX_BYTES + 1));
    RPT_OK(!get_patched(BATCH, 0, 16, 8, RP__WIRE_MAX_BYTES + 1));
    RPT_OK(!get_patched(BATCH, 2, 40, 8, 33)); /* an id longer than its room */
}

static void bad_values_of_chunks_and_answers_are_refused(void)
{
    static const uint64_t bad_counts[] = {0, UINT64_MAX, (uint64_t) INT64_MIN, INT64_MAX};
    static const size_t count_at[] = {[CHUNK] = 24, [ANSWER] = 24, [RETURN] = 20};
    for (size_t which = CHUNK; which <= RETURN; which++) {
        for (size_t i = 0; i < RPT_COUNT(bad_counts); i++)
            RPT_OK(!get_patched(which, 0, count_at[which], 8, bad_counts[i]));
        RPT_OK(!get_patched(which, 0, count_at[which] - 8, 8, UINT64_MAX));
        RPT_OK(!get_patched(which, 0, count_at[which] - 8, 8, INT64_MAX - 76));
        RPT_OK(get_patched(which, 0, count_at[which] - 8, 8, INT64_MAX - 77));
    }
    RPT_OK(!get_patched(CHUNK, 0, 4, 4, 0));
    RPT_OK(!get_patched(CHUNK, 0, 4, 4, UINT32_MAX));
    RPT_OK(!get_patched(ANSWER, 0, 4, 4, RP__ANSWER_NONE));
    RPT_OK(!get_patched(ANSWER, 0, 4, 4, RP__ANSWER_COUNT));
    RPT_OK(!get_patched(ANSWER, 0, 4, 4, UINT32_MAX));
    RPT_OK(!get_patched(ANSWER, 0, 32, 8, UINT64_MAX)); /* busy for less than no time */
}

static void names_cover_all_types(void)
{
    RPT_EQ_STR(rp__msg_name(RP__MSG_CHUNK), "CHUNK");
    RPT_EQ_STR(rp__msg_name(RP__MSG_BYE), "BYE");
    RPT_EQ_STR(rp__msg_name(RP__MSG_COUNT), "?");
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {
        RPT_CASE(what_is_put_comes_out),
        RPT_CASE(heads_are_64_bytes_wherever_they_start),
        RPT_CASE(every_cut_is_refused),
        RPT_CASE(bytes_behind_the_end_are_refused),
        RPT_CASE(flipped_lengths_are_refused),
        RPT_CASE(any_flipped_bit_does_no_harm),
        RPT_CASE(random_bytes_do_no_harm),
        RPT_CASE(bad_values_of_batches_are_refused),
        RPT_CASE(bad_values_of_chunks_and_answers_are_refused),
        RPT_CASE(names_cover_all_types),
    };
    return rpt_main(argc, argv, cases, RPT_COUNT(cases));
}
