/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A carrier moves frames between the master (rank 0) and the workers, and tells of lost ranks.
 *
 * Two channels, not ordered with each other: frames (in order per sender, at most max_frame bytes) and
 * control words (small, prompt). A lost rank is reported by the word LOST after every frame that it had sent
 * and that can still arrive has been received.
 *
 * One thread at a time. MPI carrier: net/mpi_carrier.h; in-process queues: net/inproc.h.
 */
#ifndef RP_NET_CARRIER_H
#define RP_NET_CARRIER_H

#include "base/base.h"

typedef struct rp__carrier rp__carrier;

typedef enum rp__word {
    RP__WORD_NONE = 0,
    RP__WORD_DOORBELL,  /* frames wait; the carrier keeps it to itself */
    RP__WORD_ACK,       /* arg: frames received so far, modulo 2^32 */
    RP__WORD_CALL_BACK, /* arg: batch; give back what is not started */
    RP__WORD_KILL,      /* kill running commands */
    RP__WORD_LOST,      /* made by the carrier: the peer is gone; text says how it was noticed */
    RP__WORD_COUNT
} rp__word;

typedef struct rp__control {
    rp__word word;
    int peer;
    uint64_t arg;
    const char *text; /* LOST: lent until the next control_recv */
} rp__control;

typedef struct rp__frame {
    int peer;
    const uint8_t *data; /* lent until the next frame_recv */
    size_t len;
} rp__frame;

typedef struct rp__carrier_ops {
    rp__time (*now)(rp__carrier *c);
    /* A buffer of max_frame bytes to fill, or NULL when none is free now. */
    uint8_t *(*frame_begin)(rp__carrier *c);
    /* Sends a buffer from frame_begin and takes it back. To a lost peer: RP_OK, and nothing is sent. */
    rp_status (*frame_send)(rp__carrier *c, int peer, uint8_t *buf, size_t len);
    /* RP_OK, or RP_EMPTY. */
    rp_status (*frame_recv)(rp__carrier *c, rp__frame *out);
    rp_status (*control_send)(rp__carrier *c, int peer, rp__word word, uint64_t arg);
    /* RP_OK, or RP_EMPTY. */
    rp_status (*control_recv)(rp__carrier *c, rp__control *out);
    /* Wakes the peer if it sleeps; called once after a burst of frames. */
    void (*ring)(rp__carrier *c, int peer);
    /* Returns when something may have come, the watched descriptor is readable, or at the deadline. */
    void (*wait)(rp__carrier *c, rp__time deadline);
    /* Lets wait() also wake for fd; at most two descriptors. */
    void (*watch)(rp__carrier *c, int fd);
    /* A worker leaves word of the task it runs, where its death leaves it readable; task -1: none. */
    void (*running_set)(rp__carrier *c, uint32_t batch, int64_t task);
    /* What a peer ran last. False: not known here. */
    bool (*running_get)(rp__carrier *c, int peer, uint32_t *batch_out, int64_t *task_out);
    void (*free)(rp__carrier *c);
} rp__carrier_ops;

struct rp__carrier {
    const rp__carrier_ops *ops;
    int rank, size;
    size_t max_frame;                              /* bytes */
    int (*window)(const rp__carrier *c, int peer); /* frames that may be unacknowledged toward the peer */
};

#endif
