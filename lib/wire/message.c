/* SPDX-License-Identifier: BSD-3-Clause */
/* Encoding and decoding of each message; whatever comes in is checked before anybody uses it. */
#include "wire/message.h"

const char *rp__msg_name(rp__msg_type type)
{
#define NAME(name) #name,
    static const char *const names[] = {RP__MSG_TABLE(NAME)};
#undef NAME
    return type < RP__MSG_COUNT ? names[type] : "?";
}

static void put_text(rp__buf *b, const char *text)
{
    rp__write_blob(b, text, strlen(text));
}

/* Whether every byte was there and none is left over. */
static bool is_whole(const rp__reader *r)
{
    return !r->is_bad && r->at == r->end;
}

static bool is_range(int64_t first, int64_t count)
{
    return first >= 0 && count > 0 && first <= INT64_MAX - count;
}

void rp__wire_put_hello(rp__buf *b, const rp__msg_hello *m)
{
    rp__write_u32(b, RP__WIRE_VERSION);
    put_text(b, m->host);
    rp__write_u64(b, (uint64_t) m->pid);
}

bool rp__wire_get_hello(rp__bytes body, rp__msg_hello *out)
{
    rp__reader r = rp__reader_of(body);
    uint32_t version = rp__read_u32(&r);
    rp__read_text(&r, out->host, sizeof out->host);
    out->pid = (int64_t) rp__read_u64(&r);
    return is_whole(&r) && version == RP__WIRE_VERSION;
}

void rp__wire_put_batch(rp__buf *b, const rp__msg_batch *m)
{
    rp__write_u32(b, m->batch);
    rp__write_u8(b, m->body);
    rp__write_u8(b, m->payload);
    rp__write_u8(b, m->has_fixed_result);
    rp__write_u8(b, m->ref.how);
    rp__write_u64(b, m->in_size);
    rp__write_u64(b, m->out_size);
    rp__write_u64(b, (uint64_t) m->base);
    rp__write_u64(b, m->ref.offset);
    rp__write_blob(b, m->ref.id, m->ref.id_len);
    put_text(b, m->ref.name);
    rp__write_blob(b, m->shared.data, m->shared.len);
}

bool rp__wire_get_batch(rp__bytes body, rp__msg_batch *out)
{
    rp__reader r = rp__reader_of(body);
    out->batch = rp__read_u32(&r);
    out->body = rp__read_u8(&r);
    out->payload = rp__read_u8(&r);
    out->has_fixed_result = rp__read_u8(&r) != 0;
    out->ref = (rp__func_ref){.how = rp__read_u8(&r)};
    out->in_size = rp__read_u64(&r);
    out->out_size = rp__read_u64(&r);
    out->base = (int64_t) rp__read_u64(&r);
    out->ref.offset = rp__read_u64(&r);
    rp__bytes id = rp__read_blob(&r);
    rp__read_text(&r, out->ref.name, sizeof out->ref.name);
    out->shared = rp__read_blob(&r);
    if (!is_whole(&r) || id.len > sizeof out->ref.id)
        return false;
    if (id.len)
        memcpy(out->ref.id, id.data, id.len);
    out->ref.id_len = (uint8_t) id.len;
    bool has_ref =
        out->body != RP__BODY_FUNCTION || (out->ref.how > RP__REF_NONE && out->ref.how < RP__REF_COUNT);
    return out->body > RP__BODY_NONE && out->body < RP__BODY_COUNT && out->payload < RP__PAYLOAD_COUNT &&
           has_ref && out->in_size <= RP__WIRE_MAX_BYTES && out->out_size <= RP__WIRE_MAX_BYTES &&
           (out->in_size > 0) == (out->payload == RP__PAYLOAD_FIXED);
}

void rp__wire_put_chunk(rp__buf *b, const rp__msg_chunk *m)
{
    size_t start = b->len;
    rp__write_u32(b, m->batch);
    rp__write_u32(b, (uint32_t) m->attempt);
    rp__write_u64(b, m->lease);
    rp__write_u64(b, (uint64_t) m->first);
    rp__write_u64(b, (uint64_t) m->count);
    rp__write_pad(b, start + RP__WIRE_HEAD);
}

bool rp__wire_get_chunk(rp__bytes body, rp__msg_chunk *out)
{
    rp__reader r = rp__reader_of(body);
    out->batch = rp__read_u32(&r);
    out->attempt = (int) rp__read_u32(&r);
    out->lease = rp__read_u64(&r);
    out->first = (int64_t) rp__read_u64(&r);
    out->count = (int64_t) rp__read_u64(&r);
    if (body.len < RP__WIRE_HEAD || !is_range(out->first, out->count) || out->attempt < 1)
        return false;
    out->payload = (rp__bytes){(const uint8_t *) body.data + RP__WIRE_HEAD, body.len - RP__WIRE_HEAD};
    return true;
}

void rp__wire_put_answer(rp__buf *b, const rp__msg_answer *m)
{
    size_t start = b->len;
    rp__write_u32(b, m->batch);
    rp__write_u32(b, m->form);
    rp__write_u64(b, m->lease);
    rp__write_u64(b, (uint64_t) m->first);
    rp__write_u64(b, (uint64_t) m->count);
    rp__write_u64(b, (uint64_t) m->busy_ns);
    rp__write_f64(b, m->started);
    rp__write_pad(b, start + RP__WIRE_HEAD);
}

bool rp__wire_get_answer(rp__bytes body, rp__msg_answer *out)
{
    rp__reader r = rp__reader_of(body);
    out->batch = rp__read_u32(&r);
    out->form = rp__read_u32(&r);
    out->lease = rp__read_u64(&r);
    out->first = (int64_t) rp__read_u64(&r);
    out->count = (int64_t) rp__read_u64(&r);
    out->busy_ns = (int64_t) rp__read_u64(&r);
    out->started = rp__read_f64(&r);
    if (body.len < RP__WIRE_HEAD || !is_range(out->first, out->count) || out->form <= RP__ANSWER_NONE ||
        out->form >= RP__ANSWER_COUNT || out->busy_ns < 0)
        return false;
    out->data = (rp__bytes){(const uint8_t *) body.data + RP__WIRE_HEAD, body.len - RP__WIRE_HEAD};
    return true;
}

void rp__wire_put_return(rp__buf *b, const rp__msg_return *m)
{
    rp__write_u32(b, m->batch);
    rp__write_u64(b, m->lease);
    rp__write_u64(b, (uint64_t) m->first);
    rp__write_u64(b, (uint64_t) m->count);
}

bool rp__wire_get_return(rp__bytes body, rp__msg_return *out)
{
    rp__reader r = rp__reader_of(body);
    out->batch = rp__read_u32(&r);
    out->lease = rp__read_u64(&r);
    out->first = (int64_t) rp__read_u64(&r);
    out->count = (int64_t) rp__read_u64(&r);
    return is_whole(&r) && is_range(out->first, out->count);
}

void rp__wire_put_refuse(rp__buf *b, const rp__msg_refuse *m)
{
    rp__write_u32(b, m->batch);
    put_text(b, m->text);
}

bool rp__wire_get_refuse(rp__bytes body, rp__msg_refuse *out)
{
    rp__reader r = rp__reader_of(body);
    out->batch = rp__read_u32(&r);
    rp__read_text(&r, out->text, sizeof out->text);
    return is_whole(&r);
}

void rp__wire_put_log(rp__buf *b, const rp__msg_log *m)
{
    rp__write_u32(b, (uint32_t) m->level);
    rp__write_u64(b, (uint64_t) m->task);
    put_text(b, m->text);
}

bool rp__wire_get_log(rp__bytes body, rp__msg_log *out)
{
    rp__reader r = rp__reader_of(body);
    out->level = (int) rp__read_u32(&r);
    out->task = (int64_t) rp__read_u64(&r);
    rp__read_text(&r, out->text, sizeof out->text);
    return is_whole(&r);
}

void rp__wire_put_u32(rp__buf *b, uint32_t v)
{
    rp__write_u32(b, v);
}

bool rp__wire_get_u32(rp__bytes body, uint32_t *out)
{
    rp__reader r = rp__reader_of(body);
    *out = rp__read_u32(&r);
    return is_whole(&r);
}

void rp__wire_put_record(rp__buf *b, const rp__record *r)
{
    rp__write_u32(b, (uint32_t) r->status);
    rp__write_u32(b, (uint32_t) r->task_code);
    rp__write_blob(b, r->data.data, r->data.len);
}

bool rp__wire_get_record(rp__reader *r, rp__record *out)
{
    out->status = (rp_status) (int32_t) rp__read_u32(r);
    out->task_code = (int32_t) rp__read_u32(r);
    out->data = rp__read_blob(r);
    return !r->is_bad && (out->status == RP_OK || out->status == RP_ETASK);
}
