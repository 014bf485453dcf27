/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * In-process carrier: master and workers in one process and one thread, queues between them.
 *
 * For pools of one rank, for tests with a fake clock, for simulation.
 */
#ifndef RP_NET_INPROC_H
#define RP_NET_INPROC_H

#include "net/carrier.h"

typedef struct rp__hub rp__hub;

/* A hub of `size` ranks; max_frame and window as an MPI carrier would have them. */
rp_status rp__hub_new(rp__hub **out, int size, size_t max_frame, int window);
/* The carrier of one rank; freed by its own free operation. The hub must outlive all of them. */
rp_status rp__hub_carrier(rp__hub *h, int rank, rp__carrier **out);
void rp__hub_free(rp__hub **h);

/* Fake clock: from now on time stands still but for rp__hub_advance, and waiting takes no time. */
void rp__hub_fake_clock(rp__hub *h, rp__time start);
void rp__hub_advance(rp__hub *h, rp__time by);

/* A worker dies: what it had sent stays, then the master hears LOST; what was sent to it is gone. */
void rp__hub_kill(rp__hub *h, int rank);

/* Frames waiting for a rank. */
size_t rp__hub_backlog(const rp__hub *h, int rank);

#endif
