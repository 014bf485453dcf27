/* SPDX-License-Identifier: BSD-3-Clause */
/* Cutting outgoing messages into frames and putting incoming ones together. */
#include "net/stream.h"

bool rp__outgoing_reserve(rp__outgoing *o, size_t more)
{
    if (o->head > 0 && o->head + o->len + more > o->cap) {
        memmove(o->item, o->item + o->head, o->len * sizeof *o->item);
        o->head = 0;
    }
    if (o->len + more <= o->cap)
        return true;
    size_t cap = o->cap ? o->cap * 2 : 16;
    while (cap < o->len + more)
        cap *= 2;
    rp__piece *item = rp__realloc(o->item, cap * sizeof *item);
    if (!item)
        return false;
    o->item = item;
    o->cap = cap;
    return true;
}

void rp__outgoing_push(rp__outgoing *o, rp__piece p)
{
    if (p.len == 0) { /* would be left behind where the piece before it fills its frame */
        rp__free(p.own);
        return;
    }
    o->item[o->head + o->len++] = p;
}

static void pop(rp__outgoing *o)
{
    rp__free(o->item[o->head].own);
    o->offset = 0;
    o->head = --o->len ? o->head + 1 : 0;
}

size_t rp__outgoing_fill(rp__outgoing *o, uint8_t *to, size_t room)
{
    size_t done = 0;
    while (o->len > 0 && done < room) {
        const rp__piece *p = &o->item[o->head];
        size_t n = p->len - o->offset < room - done ? p->len - o->offset : room - done;
        if (n)
            memcpy(to + done, p->data + o->offset, n);
        done += n;
        o->offset += n;
        if (o->offset == p->len)
            pop(o);
    }
    return done;
}

void rp__outgoing_drop(rp__outgoing *o)
{
    while (o->len > 0)
        pop(o);
    rp__free(o->item);
    *o = (rp__outgoing){0};
}

static rp_status start_body(rp__incoming *in)
{
    uint64_t len = rp__get_u64(in->prefix);
    in->type = rp__get_u32(in->prefix + 8);
    if (len > RP__WIRE_MAX_BYTES || in->type <= RP__MSG_NONE || in->type >= RP__MSG_COUNT)
        return RP_ENET;
    in->body = rp__alloc_aligned(len);
    in->len = len;
    in->have = 0;
    return in->body ? RP_OK : RP_ENOMEM;
}

rp_status rp__incoming_feed(rp__incoming *in, const uint8_t *data, size_t len, size_t *used_out)
{
    size_t used = 0;
    *used_out = 0;
    if (!in->body) {
        size_t n = RP__PREFIX_BYTES - in->prefix_have;
        n = n < len ? n : len;
        memcpy(in->prefix + in->prefix_have, data, n);
        in->prefix_have += n;
        used = *used_out = n;
        if (in->prefix_have < RP__PREFIX_BYTES)
            return RP_EMPTY;
        rp_status st = start_body(in);
        if (st) { /* nothing was taken: the next call tries again */
            in->prefix_have -= n;
            *used_out = 0;
            return st;
        }
    }
    size_t n = in->len - in->have < len - used ? in->len - in->have : len - used;
    if (n)
        memcpy(in->body + in->have, data + used, n);
    in->have += n;
    *used_out = used + n;
    if (in->have < in->len)
        return RP_EMPTY;
    in->prefix_have = 0;
    return RP_OK;
}

void rp__incoming_drop(rp__incoming *in)
{
    rp__free(in->body);
    *in = (rp__incoming){0};
}
