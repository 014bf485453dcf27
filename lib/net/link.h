/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The link: whole messages of any size over a carrier's frames.
 *
 * Toward each peer the messages form one stream of bytes, cut into frames: small messages share a frame,
 * large ones take several. At most window(peer) frames are unacknowledged; acknowledgements ride on frames of
 * the other direction, or travel alone when there are none (worker: an empty frame; master: a control word,
 * because nothing but work may be sent over MPI to a rank that might die).
 */
#ifndef RP_NET_LINK_H
#define RP_NET_LINK_H

#include "net/carrier.h"
#include "wire/message.h"

typedef struct rp__link rp__link;

/* A piece of a message after its head. */
typedef struct rp__part {
    const void *data;
    size_t len;
    void *own; /* not NULL: given; rp__free(own) when sent or dropped. NULL: lent until rp__link_is_sent */
} rp__part;

typedef enum rp__link_kind { RP__LINK_NONE = 0, RP__LINK_MESSAGE, RP__LINK_WORD } rp__link_kind;

typedef struct rp__link_event {
    rp__link_kind kind;
    int peer;
    rp__msg_type type;   /* MESSAGE */
    rp__bytes body;      /* MESSAGE: lent until the next rp__link_next, aligned like malloc's */
    rp__control control; /* WORD: CALL_BACK, KILL or LOST */
} rp__link_event;

/* The carrier is given. */
rp_status rp__link_new(rp__link **out, rp__carrier *carrier);
void rp__link_free(rp__link **l);
rp__carrier *rp__link_carrier(const rp__link *l);

/*
 * Queues a message; the head is copied. RP_ENOMEM, RP_ETOOBIG: nothing was queued, given parts stay the
 * caller's.
 * To a lost peer: RP_OK, dropped.
 */
rp_status rp__link_send(rp__link *l, int peer, rp__msg_type type, const rp__buf *head, const rp__part *parts,
                        int part_count);

/* Hands queued bytes to the carrier as far as windows allow, and rings. RP_OK, or RP_ENET. */
rp_status rp__link_flush(rp__link *l);

/* Whether everything queued toward the peer is with the carrier (peer -1: toward all). */
bool rp__link_is_sent(const rp__link *l, int peer);

/* RP_OK with the next event, RP_EMPTY, RP_ENOMEM, or RP_ENET for bytes that are no frame (text in err). */
rp_status rp__link_next(rp__link *l, rp__link_event *out, rp_error *err);

/* Takes the body of the last MESSAGE over; free it with rp__free. */
void *rp__link_take(rp__link *l);

/* Drops what is queued toward a peer and everything to come. */
void rp__link_cut(rp__link *l, int peer);

#endif
