/* SPDX-License-Identifier: BSD-3-Clause */
/* Streams of all peers over one carrier: windows, acknowledgements, delivery. */
#include "net/link.h"
#include "net/stream.h"

#define FRAME_MAGIC 0x5052u
#define FRAME_HEAD_BYTES                                                                                     \
    16 /* u16 magic, u8 version, u8 zero, u32 sequence, u32 frames received, u32 payload bytes */

typedef struct link_peer {
    rp__outgoing out;
    rp__incoming in;
    uint32_t sent, acked;    /* frames with payload toward the peer; those it has received */
    uint32_t received, told; /* frames from the peer; those it was told of */
    bool is_cut, is_dirty;   /* dirty: stands in link.dirty */
} link_peer;

struct rp__link {
    rp__carrier *carrier; /* owned */
    link_peer *peer;      /* owned */
    int *dirty;           /* owned: peers with something to flush */
    int dirty_len;
    rp__frame frame; /* the one being read */
    size_t frame_at; /* bytes of it that are read */
    void *body;      /* owned: of the last message */
};

rp_status rp__link_new(rp__link **out, rp__carrier *carrier)
{
    rp__link *l = rp__alloc(sizeof *l);
    if (l) {
        l->carrier = carrier;
        l->peer = rp__alloc_array((size_t) carrier->size, sizeof *l->peer);
        l->dirty = rp__alloc_array((size_t) carrier->size, sizeof *l->dirty);
    }
    if (!l || !l->peer || !l->dirty) {
        if (l) {
            rp__free(l->peer);
            rp__free(l->dirty);
        }
        rp__free(l);
        return RP_ENOMEM;
    }
    *out = l;
    return RP_OK;
}

void rp__link_free(rp__link **link)
{
    rp__link *l = *link;
    if (!l)
        return;
    for (int p = 0; p < l->carrier->size; p++)
        rp__link_cut(l, p);
    l->carrier->ops->free(l->carrier);
    rp__free(l->body);
    rp__free(l->peer);
    rp__free(l->dirty);
    rp__free(l);
    *link = NULL;
}

rp__carrier *rp__link_carrier(const rp__link *l)
{
    return l->carrier;
}

static void mark_dirty(rp__link *l, int peer)
{
    if (l->peer[peer].is_dirty)
        return;
    l->peer[peer].is_dirty = true;
    l->dirty[l->dirty_len++] = peer;
}

/* ---- out ---- */

rp_status rp__link_send(rp__link *l, int peer, rp__msg_type type, const rp__buf *head, const rp__part *parts,
                        int part_count)
{
    link_peer *p = &l->peer[peer];
    uint64_t body = head ? head->len : 0;
    if (p->is_cut) {
        for (int i = 0; i < part_count; i++)
            rp__free(parts[i].own);
        return RP_OK;
    }
    size_t first = RP__PREFIX_BYTES + (size_t) body;
    for (int i = 0; i < part_count; i++)
        body += parts[i].len;
    if (body > RP__WIRE_MAX_BYTES)
        return RP_ETOOBIG;
    if ((head && head->failed) || !rp__outgoing_reserve(&p->out, (size_t) part_count + 1))
        return RP_ENOMEM;
    uint8_t *start = rp__alloc_aligned(first);
    if (!start)
        return RP_ENOMEM;
    rp__put_u64(start, body);
    rp__put_u32(start + 8, type);
    rp__put_u32(start + 12, 0);
    if (head && head->len)
        memcpy(start + RP__PREFIX_BYTES, head->data, head->len);
    rp__outgoing_push(&p->out, (rp__piece){start, first, start});
    for (int i = 0; i < part_count; i++)
        rp__outgoing_push(&p->out, (rp__piece){parts[i].data, parts[i].len, parts[i].own});
    mark_dirty(l, peer);
    return RP_OK;
}

static bool has_credit(const rp__link *l, int peer)
{
    const link_peer *p = &l->peer[peer];
    return (int) (p->sent - p->acked) < l->carrier->window(l->carrier, peer);
}

static void put_frame_head(uint8_t *f, uint32_t sequence, uint32_t received, size_t payload)
{
    f[0] = FRAME_MAGIC & 0xff;
    f[1] = FRAME_MAGIC >> 8;
    f[2] = RP__WIRE_VERSION;
    f[3] = 0;
    rp__put_u32(f + 4, sequence);
    rp__put_u32(f + 8, received);
    rp__put_u32(f + 12, (uint32_t) payload);
}

/* One frame toward the peer; RP_EMPTY when the carrier has no buffer. */
static rp_status send_frame(rp__link *l, int peer)
{
    link_peer *p = &l->peer[peer];
    uint8_t *f = l->carrier->ops->frame_begin(l->carrier);
    if (!f)
        return RP_EMPTY;
    size_t n = rp__outgoing_fill(&p->out, f + FRAME_HEAD_BYTES, l->carrier->max_frame - FRAME_HEAD_BYTES);
    p->sent += n > 0; /* an empty frame only acknowledges and needs no credit */
    put_frame_head(f, p->sent, p->received, n);
    p->told = p->received;
    return l->carrier->ops->frame_send(l->carrier, peer, f, FRAME_HEAD_BYTES + n);
}

/* Tells the peer what was received once half its window waits for that, when no frame carried it. */
static rp_status send_ack(rp__link *l, int peer)
{
    link_peer *p = &l->peer[peer];
    int window = l->carrier->window(l->carrier, peer);
    if ((int) (p->received - p->told) < (window > 1 ? window / 2 : 1))
        return RP_OK;
    if (l->carrier->rank != 0)
        return send_frame(l, peer);
    p->told = p->received;
    return l->carrier->ops->control_send(l->carrier, peer, RP__WORD_ACK, p->received);
}

static rp_status flush_peer(rp__link *l, int peer)
{
    link_peer *p = &l->peer[peer];
    uint32_t before = p->sent, told = p->told;
    rp_status st = RP_OK;
    while (!st && p->out.len > 0 && has_credit(l, peer))
        st = send_frame(l, peer);
    if (!st)
        st = send_ack(l, peer);
    if (p->sent != before || (p->told != told && l->carrier->rank != 0))
        l->carrier->ops->ring(l->carrier, peer);
    return st == RP_EMPTY ? RP_OK : st;
}

rp_status rp__link_flush(rp__link *l)
{
    int n = l->dirty_len;
    l->dirty_len = 0;
    rp_status st = RP_OK;
    for (int i = 0; i < n; i++) {
        int peer = l->dirty[i];
        link_peer *p = &l->peer[peer];
        p->is_dirty = false;
        if (p->is_cut)
            continue;
        if (!st)
            st = flush_peer(l, peer);
        if (p->out.len > 0 || p->received != p->told)
            mark_dirty(l, peer); /* i < n: the slot behind dirty_len is read already */
    }
    return st;
}

bool rp__link_is_sent(const rp__link *l, int peer)
{
    for (int p = 0; p < l->carrier->size; p++)
        if ((peer < 0 || p == peer) && l->peer[p].out.len > 0)
            return false;
    return true;
}

/* ---- in ---- */

static void note_ack(rp__link *l, int peer, uint32_t received)
{
    link_peer *p = &l->peer[peer];
    if ((int32_t) (received - p->acked) > 0 && (int32_t) (p->sent - received) >= 0) {
        p->acked = received;
        if (p->out.len > 0)
            mark_dirty(l, peer);
    }
}

/* Fetches the next frame; its head is checked, its payload is then read by read_frame. */
static rp_status fetch_frame(rp__link *l, rp_error *err)
{
    rp_status st = l->carrier->ops->frame_recv(l->carrier, &l->frame);
    if (st)
        return st;
    const uint8_t *f = l->frame.data;
    l->frame_at = FRAME_HEAD_BYTES;
    if (l->frame.len < FRAME_HEAD_BYTES || (f[0] | f[1] << 8) != FRAME_MAGIC || f[2] != RP__WIRE_VERSION ||
        rp__get_u32(f + 12) != l->frame.len - FRAME_HEAD_BYTES) {
        size_t len = l->frame.len;
        l->frame_at = l->frame.len = 0;
        return rp__fail(err, RP_ENET, "rank %d sent %zu bytes that are no frame of this version of rankpool",
                        l->frame.peer, len);
    }
    link_peer *p = &l->peer[l->frame.peer];
    if (p->is_cut) {
        l->frame_at = l->frame.len;
        return RP_OK;
    }
    note_ack(l, l->frame.peer, rp__get_u32(f + 8));
    if (l->frame.len > FRAME_HEAD_BYTES) {
        p->received++;
        mark_dirty(l, l->frame.peer);
    }
    return RP_OK;
}

/* Reads on in the current frame. RP_OK with a whole message, RP_EMPTY when the frame is used up. */
static rp_status read_frame(rp__link *l, rp__link_event *out, rp_error *err)
{
    link_peer *p = &l->peer[l->frame.peer];
    while (l->frame_at < l->frame.len && !p->is_cut) {
        size_t used = 0;
        rp_status st =
            rp__incoming_feed(&p->in, l->frame.data + l->frame_at, l->frame.len - l->frame_at, &used);
        l->frame_at += used;
        if (st == RP_ENET)
            return rp__fail(err, RP_ENET, "rank %d sent a message of unknown type or impossible size",
                            l->frame.peer);
        if (st == RP_ENOMEM)
            return rp__fail(err, RP_ENOMEM, "no memory for a message of %zu bytes from rank %d", p->in.len,
                            l->frame.peer);
        if (st == RP_OK) {
            l->body = p->in.body;
            p->in.body = NULL;
            *out = (rp__link_event){.kind = RP__LINK_MESSAGE,
                                    .peer = l->frame.peer,
                                    .type = p->in.type,
                                    .body = {l->body, p->in.len}};
            return RP_OK;
        }
    }
    l->frame_at = l->frame.len;
    return RP_EMPTY;
}

static rp_status next_word(rp__link *l, rp__link_event *out)
{
    rp__control c;
    while (l->carrier->ops->control_recv(l->carrier, &c) == RP_OK) {
        if (c.word == RP__WORD_ACK) {
            note_ack(l, c.peer, (uint32_t) c.arg);
            continue;
        }
        if (l->peer[c.peer].is_cut)
            continue;
        if (c.word == RP__WORD_LOST)
            rp__link_cut(l, c.peer);
        *out = (rp__link_event){.kind = RP__LINK_WORD, .peer = c.peer, .control = c};
        return RP_OK;
    }
    return RP_EMPTY;
}

rp_status rp__link_next(rp__link *l, rp__link_event *out, rp_error *err)
{
    rp__free(l->body);
    l->body = NULL;
    for (;;) {
        if (l->frame_at < l->frame.len) {
            rp_status st = read_frame(l, out, err);
            if (st != RP_EMPTY)
                return st;
        }
        rp_status st = fetch_frame(l, err);
        if (st == RP_EMPTY)
            return next_word(l, out);
        if (st)
            return st;
    }
}

void *rp__link_take(rp__link *l)
{
    void *body = l->body;
    l->body = NULL;
    return body;
}

void rp__link_cut(rp__link *l, int peer)
{
    link_peer *p = &l->peer[peer];
    rp__outgoing_drop(&p->out);
    rp__incoming_drop(&p->in);
    p->is_cut = true;
}
