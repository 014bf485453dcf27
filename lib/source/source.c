/* SPDX-License-Identifier: BSD-3-Clause */
/* Parts, ranges, arrays, and payloads of different sizes. */
#include "source/source.h"

/* Payloads above this are lent to the message instead of copied into it. */
#define COPY_LIMIT 4096
#define ALIGN      16 /* of each payload inside the message */

bool rp__parts_add(rp__parts *p, rp__part part)
{
    if (p->len == p->cap) {
        int cap = p->cap ? p->cap * 2 : 8;
        rp__part *item = rp__realloc(p->item, (size_t) cap * sizeof *item);
        if (!item)
            return false;
        p->item = item;
        p->cap = cap;
    }
    p->item[p->len++] = part;
    return true;
}

void rp__parts_sent(rp__parts *p)
{
    p->len = 0;
}

void rp__parts_done(rp__parts *p)
{
    for (int i = 0; i < p->len; i++)
        rp__free(p->item[i].own);
    rp__free(p->item);
    *p = (rp__parts){0};
}

static rp_status emit_nothing(rp__source *s, int64_t first, int64_t count, rp__parts *out)
{
    (void) s;
    (void) first;
    (void) count;
    (void) out;
    return RP_OK;
}

rp__source rp__source_range(void)
{
    return (rp__source){.payload = RP__PAYLOAD_NONE, .emit = emit_nothing};
}

static rp_status emit_array(rp__source *s, int64_t first, int64_t count, rp__parts *out)
{
    const rp__source_array *a = (const rp__source_array *) (void *) s;
    rp__part part = {.data = a->data + (size_t) first * s->in_size, .len = (size_t) count * s->in_size};
    return rp__parts_add(out, part) ? RP_OK : RP_ENOMEM;
}

rp__source_array rp__source_array_of(const void *data, size_t in_size)
{
    return (rp__source_array){.base = {.payload = RP__PAYLOAD_FIXED, .in_size = in_size, .emit = emit_array},
                              .data = data};
}

static size_t padded(size_t n)
{
    return (n + ALIGN - 1) & ~(size_t) (ALIGN - 1);
}

/* Closes the buffer as a given part and starts an empty one. */
static bool hand_over(rp__buf *b, rp__parts *out)
{
    if (b->failed || (b->len && !rp__parts_add(out, (rp__part){b->data, b->len, b->data})))
        return false;
    *b = (rp__buf){0};
    return true;
}

rp_status rp__source_emit_sized(rp__parts *out, int64_t count, rp__bytes (*get)(void *ctx, int64_t k),
                                void *ctx)
{
    rp__buf b = {0};
    for (int64_t k = 0; k < count; k++)
        rp__write_u64(&b, get(ctx, k).len);
    rp__write_pad(&b, padded(b.len));
    bool fine = true;
    for (int64_t k = 0; k < count && fine; k++) {
        rp__bytes p = get(ctx, k);
        if (p.len <= COPY_LIMIT)
            rp__buf_append(&b, p.data, p.len);
        else
            fine = hand_over(&b, out) && rp__parts_add(out, (rp__part){p.data, p.len, NULL});
        size_t pad = padded(p.len) - p.len;
        rp__write_pad(&b, b.len + pad);
    }
    if (fine && hand_over(&b, out))
        return RP_OK;
    rp__buf_done(&b);
    return RP_ENOMEM;
}

bool rp__sized_open(rp__sized_reader *r, rp__bytes payload, int64_t count)
{
    if (count < 0 || (uint64_t) count > payload.len / 8)
        return false;
    size_t table = padded((size_t) count * 8);
    if (table > payload.len)
        return false;
    const uint8_t *p = payload.data;
    *r = (rp__sized_reader){.table = p, .at = p + table, .end = p + payload.len, .left = count};
    return true;
}

bool rp__sized_next(rp__sized_reader *r, rp__bytes *out)
{
    if (r->left == 0)
        return false;
    uint64_t len = rp__get_u64(r->table);
    if (len > (uint64_t) (r->end - r->at) || padded((size_t) len) > (size_t) (r->end - r->at))
        return false;
    *out = (rp__bytes){len ? r->at : NULL, (size_t) len};
    r->at += padded((size_t) len);
    r->table += 8;
    r->left--;
    return true;
}
