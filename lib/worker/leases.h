/* SPDX-License-Identifier: BSD-3-Clause */
/* What a worker holds: the batches it knows and the chunks it has not finished. Private to the room. */
#ifndef RP_WORKER_LEASES_H
#define RP_WORKER_LEASES_H

#include "source/source.h"
#include "wire/message.h"

#include <rankpool/task.h>

typedef struct rp__worker_batch rp__worker_batch;
struct rp__worker_batch {
    rp__msg_batch info;
    void *message; /* owned: holds info.shared */
    rp_task_fn fn; /* function bodies */
    bool is_refused;
    bool is_called_back; /* nothing of it is started any more: a chunk may come behind the word */
    rp__worker_batch *next;
};

typedef struct rp__held_lease rp__held_lease;
struct rp__held_lease {
    rp__msg_chunk chunk;
    void *message;     /* owned: holds the payload */
    int64_t next_task; /* index of the first task not started */
    int64_t end;       /* one behind the last; moves down when tasks are called back */
    rp__sized_reader sized;
    rp__worker_batch *batch;
    rp__held_lease *next; /* worker.leases, oldest first */
};

/* Makes a batch of a BATCH message; info.shared stays lent from it. RP_ENET: not such a message; RP_EBODY:
 * the batch is made, but refused (err says why). */
rp_status rp__worker_batch_new(rp__worker_batch **out, rp__bytes body, rp_error *err);
void rp__worker_batch_free(rp__worker_batch *b);

/* Makes a lease of a CHUNK message . RP_ENET: sizes do not agree. */
rp_status rp__held_lease_new(rp__held_lease **out, const rp__msg_chunk *chunk, rp__worker_batch *b);
void rp__held_lease_free(rp__held_lease *l);

/* The payload of next_task, in order; moves next_task on. */
rp__bytes rp__held_lease_next(rp__held_lease *l);

#endif
