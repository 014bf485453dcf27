/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Both directions of one peer's byte stream: messages going out as pieces, messages coming in whole.
 */
#ifndef RP_NET_STREAM_H
#define RP_NET_STREAM_H

#include "net/link.h"

#define RP__PREFIX_BYTES 16 /* u64 body length, u32 type, u32 zero */

typedef struct rp__piece {
    const uint8_t *data;
    size_t len;
    void *own; /* freed when the piece is sent or dropped; NULL: lent */
} rp__piece;

typedef struct rp__outgoing {
    rp__piece *item; /* owned; head .. head + len - 1 */
    size_t head, len, cap;
    size_t offset; /* bytes of the first piece that are sent */
} rp__outgoing;

bool rp__outgoing_reserve(rp__outgoing *o, size_t more);
void rp__outgoing_push(rp__outgoing *o, rp__piece p);                /* room was reserved */
size_t rp__outgoing_fill(rp__outgoing *o, uint8_t *to, size_t room); /* bytes taken off the stream */
void rp__outgoing_drop(rp__outgoing *o);

typedef struct rp__incoming {
    uint8_t prefix[RP__PREFIX_BYTES];
    size_t prefix_have;
    rp__msg_type type;
    uint8_t *body; /* owned */
    size_t len, have;
} rp__incoming;

/* Feeds bytes; *used_out says how many were taken. RP_OK: a message is whole in body, len, type; RP_EMPTY:
 * more is needed; RP_ENOMEM; RP_ENET: no message. After RP_OK the caller takes body. */
rp_status rp__incoming_feed(rp__incoming *in, const uint8_t *data, size_t len, size_t *used_out);
void rp__incoming_drop(rp__incoming *in);

#endif
