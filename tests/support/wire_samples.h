/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One table row per message: how to put a sample of it, and how to check what was decoded.
 *
 * Included by one test only: it holds code.
 */
#ifndef WIRE_SAMPLES_H
#define WIRE_SAMPLES_H

#include "rpt.h"

#include "wire/message.h"

#define VARIANTS 3 /* of each: ordinary, everything small, everything large */

static const int64_t firsts[VARIANTS] = {1000, 0, INT64_MAX - 5};
static const int64_t counts[VARIANTS] = {77, 1, 5};

static const char *text_of(int v, size_t max)
{
    static char text[2048];
    size_t n = v == 0 ? 11 : v == 1 ? 0 : max;
    for (size_t i = 0; i < n; i++)
        text[i] = (char) ('A' + i % 50);
    text[n] = '\0';
    return text;
}

static void put_hello(rp__buf *b, int v)
{
    rp__msg_hello m = {.pid = v == 2 ? INT64_MIN : v};
    memcpy(m.host, text_of(v, 63), 64);
    rp__wire_put_hello(b, &m);
}

static bool get_hello(rp__bytes body, int v)
{
    rp__msg_hello m;
    if (!rp__wire_get_hello(body, &m))
        return false;
    if (v >= 0) {
        RPT_EQ_STR(m.host, text_of(v, 63));
        RPT_EQ_I64(m.pid, v == 2 ? INT64_MIN : v);
    }
    return true;
}

static rp__msg_batch batch_sample(int v)
{
    static const uint8_t shared[] = "what all tasks see";
    rp__msg_batch m = {.batch = v == 2 ? UINT32_MAX : 3,
                       .body = v == 1 ? RP__BODY_COMMAND : RP__BODY_FUNCTION,
                       .payload = v == 0   ? RP__PAYLOAD_FIXED
                                  : v == 1 ? RP__PAYLOAD_NONE
                                           : RP__PAYLOAD_SIZED,
                       .has_fixed_result = v != 1,
                       .in_size = v == 0 ? RP__WIRE_MAX_BYTES : 0,
                       .out_size = v == 2 ? RP__WIRE_MAX_BYTES : 0,
                       .base = v == 2 ? INT64_MIN : -1,
                       .ref = {.how = v == 0   ? RP__REF_BUILD_ID
                                      : v == 1 ? RP__REF_NONE
                                               : RP__REF_NAME,
                               .id_len = v == 0   ? 20
                                         : v == 1 ? 0
                                                  : 32,
                               .offset = v == 2 ? UINT64_MAX : 0x1234}};
    for (int i = 0; i < m.ref.id_len; i++)
        m.ref.id[i] = (uint8_t) (200 + i);
    memcpy(m.ref.name, text_of(v, 63), 64);
    if (v != 1)
        m.shared = (rp__bytes){shared, sizeof shared};
    return m;
}

static void put_batch(rp__buf *b, int v)
{
    rp__msg_batch m = batch_sample(v);
    rp__wire_put_batch(b, &m);
}

static bool is_within(rp__bytes part, rp__bytes whole)
{
    const uint8_t *p = part.data, *w = whole.data;
    return part.len == 0 || (p >= w && part.len <= whole.len && p + part.len <= w + whole.len);
}

static bool get_batch(rp__bytes body, int v)
{
    rp__msg_batch m;
    if (!rp__wire_get_batch(body, &m))
        return false;
    RPT_OK(is_within(m.shared, body));
    RPT_OK(m.body < RP__BODY_COUNT && m.payload < RP__PAYLOAD_COUNT && m.ref.id_len <= sizeof m.ref.id);
    RPT_OK(memchr(m.ref.name, 0, sizeof m.ref.name) != NULL);
    if (v < 0)
        return true;
    rp__msg_batch want = batch_sample(v);
    RPT_EQ_I64(m.batch, want.batch);
    RPT_EQ_I64(m.body, want.body);
    RPT_EQ_I64(m.payload, want.payload);
    RPT_EQ_I64(m.has_fixed_result, want.has_fixed_result);
    RPT_EQ_I64(m.in_size, want.in_size);
    RPT_EQ_I64(m.out_size, want.out_size);
    RPT_EQ_I64(m.base, want.base);
    RPT_EQ_I64(m.ref.how, want.ref.how);
    RPT_EQ_I64(m.ref.offset, want.ref.offset);
    RPT_EQ_I64(m.ref.id_len, want.ref.id_len);
    RPT_EQ_MEM(m.ref.id, want.ref.id, sizeof m.ref.id);
    RPT_EQ_STR(m.ref.name, want.ref.name);
    RPT_EQ_I64(m.shared.len, want.shared.len);
    RPT_EQ_MEM(m.shared.data, want.shared.data, want.shared.len);
    return true;
}

static void put_chunk(rp__buf *b, int v)
{
    rp__msg_chunk m = {.batch = 9,
                       .lease = UINT64_MAX - (uint64_t) v,
                       .first = firsts[v],
                       .count = counts[v],
                       .attempt = v == 2 ? INT32_MAX : 1};
    rp__wire_put_chunk(b, &m);
    rp__buf_append(b, "payload", v == 1 ? 0 : 7);
}

static bool get_chunk(rp__bytes body, int v)
{
    rp__msg_chunk m;
    if (!rp__wire_get_chunk(body, &m))
        return false;
    RPT_OK(is_within(m.payload, body) && m.attempt >= 1);
    RPT_OK(m.first >= 0 && m.count > 0 && m.first <= INT64_MAX - m.count);
    if (v < 0)
        return true;
    RPT_EQ_I64(m.batch, 9);
    RPT_EQ_I64(m.lease, UINT64_MAX - (uint64_t) v);
    RPT_EQ_I64(m.first, firsts[v]);
    RPT_EQ_I64(m.count, counts[v]);
    RPT_EQ_I64(m.attempt, v == 2 ? INT32_MAX : 1);
    RPT_EQ_I64(m.payload.len, v == 1 ? 0 : 7);
    RPT_OK((const uint8_t *) m.payload.data == (const uint8_t *) body.data + RP__WIRE_HEAD);
    return true;
}

static void put_answer(rp__buf *b, int v)
{
    rp__msg_answer m = {.batch = 9,
                        .lease = 17,
                        .first = firsts[v],
                        .count = counts[v],
                        .busy_ns = v == 2 ? INT64_MAX : v,
                        .started = v == 1 ? 0 : 1.7e9 + 1e-6,
                        .form = v == 1 ? RP__ANSWER_COMPACT : RP__ANSWER_RECORDS};
    rp__wire_put_answer(b, &m);
    rp__buf_append(b, "results", v == 1 ? 0 : 7);
}

static bool get_answer(rp__bytes body, int v)
{
    rp__msg_answer m;
    if (!rp__wire_get_answer(body, &m))
        return false;
    RPT_OK(is_within(m.data, body));
    RPT_OK(m.first >= 0 && m.count > 0 && m.first <= INT64_MAX - m.count && m.busy_ns >= 0);
    if (v < 0)
        return true;
    RPT_EQ_I64(m.lease, 17);
    RPT_EQ_I64(m.first, firsts[v]);
    RPT_EQ_I64(m.count, counts[v]);
    RPT_EQ_I64(m.busy_ns, v == 2 ? INT64_MAX : v);
    RPT_EQ_F64(m.started, v == 1 ? 0 : 1.7e9 + 1e-6, 0);
    RPT_EQ_I64(m.form, v == 1 ? RP__ANSWER_COMPACT : RP__ANSWER_RECORDS);
    RPT_EQ_I64(m.data.len, v == 1 ? 0 : 7);
    return true;
}

static void put_return(rp__buf *b, int v)
{
    rp__msg_return m = {.batch = 0, .lease = 5, .first = firsts[v], .count = counts[v]};
    rp__wire_put_return(b, &m);
}

static bool get_return(rp__bytes body, int v)
{
    rp__msg_return m;
    if (!rp__wire_get_return(body, &m))
        return false;
    RPT_OK(m.first >= 0 && m.count > 0 && m.first <= INT64_MAX - m.count);
    if (v >= 0) {
        RPT_EQ_I64(m.lease, 5);
        RPT_EQ_I64(m.first, firsts[v]);
        RPT_EQ_I64(m.count, counts[v]);
    }
    return true;
}

static void put_refuse(rp__buf *b, int v)
{
    rp__msg_refuse m = {.batch = 12};
    memcpy(m.text, text_of(v, 399), sizeof m.text);
    rp__wire_put_refuse(b, &m);
}

static bool get_refuse(rp__bytes body, int v)
{
    rp__msg_refuse m;
    if (!rp__wire_get_refuse(body, &m))
        return false;
    RPT_OK(memchr(m.text, 0, sizeof m.text) != NULL);
    if (v >= 0) {
        RPT_EQ_I64(m.batch, 12);
        RPT_EQ_STR(m.text, text_of(v, 399));
    }
    return true;
}

static void put_log(rp__buf *b, int v)
{
    rp__msg_log m = {.level = v + 1, .task = v == 1 ? -1 : firsts[v]};
    memcpy(m.text, text_of(v, 1023), sizeof m.text);
    rp__wire_put_log(b, &m);
}

static bool get_log(rp__bytes body, int v)
{
    rp__msg_log m;
    if (!rp__wire_get_log(body, &m))
        return false;
    RPT_OK(memchr(m.text, 0, sizeof m.text) != NULL);
    if (v >= 0) {
        RPT_EQ_I64(m.level, v + 1);
        RPT_EQ_I64(m.task, v == 1 ? -1 : firsts[v]);
        RPT_EQ_STR(m.text, text_of(v, 1023));
    }
    return true;
}

static void put_u32(rp__buf *b, int v)
{
    rp__wire_put_u32(b, v == 2 ? UINT32_MAX : (uint32_t) v);
}

static bool get_u32(rp__bytes body, int v)
{
    uint32_t n = 0;
    if (!rp__wire_get_u32(body, &n))
        return false;
    if (v >= 0)
        RPT_EQ_I64(n, v == 2 ? UINT32_MAX : (uint32_t) v);
    return true;
}

static const struct message {
    const char *name;
    void (*put)(rp__buf *b, int v);
    bool (*get)(rp__bytes body, int v); /* v -1: any content, only checked for sense */
    size_t rest;                        /* where data of any length begins; 0: none does */
    int lengths[3];                     /* where u64 lengths stand in variant 0; 0: no more */
} messages[] = {
    {"hello", put_hello, get_hello, 0, {4}},
    {"batch", put_batch, get_batch, 0, {40, 68, 87}},
    {"chunk", put_chunk, get_chunk, RP__WIRE_HEAD, {0}},
    {"answer", put_answer, get_answer, RP__WIRE_HEAD, {0}},
    {"return", put_return, get_return, 0, {0}},
    {"refuse", put_refuse, get_refuse, 0, {4}},
    {"log", put_log, get_log, 0, {12}},
    {"u32", put_u32, get_u32, 0, {0}},
};
#define EACH_MESSAGE(m) for (const struct message *m = messages; m < messages + RPT_COUNT(messages); m++)

#endif
