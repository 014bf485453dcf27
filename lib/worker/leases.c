/* SPDX-License-Identifier: BSD-3-Clause */
/* Batches and chunks as they came, checked before use. */
#include "worker/leases.h"
#include "exec/function.h"

rp_status rp__worker_batch_new(rp__worker_batch **out, rp__bytes body, rp_error *err)
{
    rp__worker_batch *b = rp__alloc(sizeof *b);
    if (!b)
        return rp__fail(err, RP_ENOMEM, "no memory for a batch");
    if (!rp__wire_get_batch(body, &b->info)) {
        rp__free(b);
        return rp__fail(err, RP_ENET, "the master sent a batch that cannot be read");
    }
    rp_status st = RP_OK;
    if (b->info.body == RP__BODY_FUNCTION)
        st = rp__function_find(&b->info.ref, &b->fn, err);
    b->is_refused = st != RP_OK;
    *out = b;
    return st;
}

void rp__worker_batch_free(rp__worker_batch *b)
{
    rp__free(b->message);
    rp__free(b);
}

/* Walks through all lengths once, so that running tasks need no check. */
static bool sized_is_whole(rp__bytes payload, int64_t count)
{
    rp__sized_reader r;
    rp__bytes b;
    if (!rp__sized_open(&r, payload, count))
        return false;
    for (int64_t k = 0; k < count; k++)
        if (!rp__sized_next(&r, &b))
            return false;
    return true;
}

static bool payload_fits(const rp__msg_chunk *c, const rp__worker_batch *b)
{
    switch (b->info.payload) {
    case RP__PAYLOAD_NONE:
        return c->payload.len == 0;
    case RP__PAYLOAD_FIXED:
        return c->payload.len / b->info.in_size == (uint64_t) c->count &&
               c->payload.len % b->info.in_size == 0;
    case RP__PAYLOAD_SIZED:
        return sized_is_whole(c->payload, c->count);
    case RP__PAYLOAD_COUNT:
        break;
    }
    return false;
}

rp_status rp__held_lease_new(rp__held_lease **out, const rp__msg_chunk *chunk, rp__worker_batch *b)
{
    if (!payload_fits(chunk, b))
        return RP_ENET;
    rp__held_lease *l = rp__alloc(sizeof *l);
    if (!l)
        return RP_ENOMEM;
    l->chunk = *chunk;
    l->batch = b;
    l->next_task = chunk->first;
    l->end = chunk->first + chunk->count;
    if (b->info.payload == RP__PAYLOAD_SIZED)
        (void) rp__sized_open(&l->sized, chunk->payload, chunk->count); /* checked above */
    *out = l;
    return RP_OK;
}

void rp__held_lease_free(rp__held_lease *l)
{
    rp__free(l->message);
    rp__free(l);
}

rp__bytes rp__held_lease_next(rp__held_lease *l)
{
    int64_t k = l->next_task++ - l->chunk.first;
    rp__bytes b = {0};
    switch (l->batch->info.payload) {
    case RP__PAYLOAD_FIXED:
        b.len = l->batch->info.in_size;
        b.data = (const uint8_t *) l->chunk.payload.data + (size_t) k * b.len;
        break;
    case RP__PAYLOAD_SIZED:
        (void) rp__sized_next(&l->sized, &b); /* checked when the chunk came */
        break;
    case RP__PAYLOAD_NONE:
    case RP__PAYLOAD_COUNT:
        break;
    }
    return b;
}
