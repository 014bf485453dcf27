/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How many tasks the next chunk holds, and how many chunks a worker may hold.
 */
#ifndef RP_SCHED_CHUNKING_H
#define RP_SCHED_CHUNKING_H

#include "base/base.h"

/* What is known of a batch's task times, and its limits. */
typedef struct rp__chunking {
    int64_t fixed;   /* tasks; 0: adaptive */
    int64_t max;     /* upper limit of an adaptive chunk: keeps messages small */
    int64_t largest; /* the largest chunk answered so far: adaptive chunks grow eightfold at most */
    double sum_ns;   /* decaying sums of what answers told */
    double sum_tasks;
} rp__chunking;

void rp__chunking_learn(rp__chunking *c, int64_t tasks, int64_t busy_ns);

/*
 * Tasks in the next chunk, 1 to waiting. Adaptive: as many as fill RP__CHUNK_TARGET_NS by the measured mean,
 * at most half of an even share of what is waiting (the factoring rule FAC2 of Hummel, Schonberg and Flynn,
 * CACM 35(8), 1992), so that chunks shrink towards the tail; one task while nothing is known.
 */
int64_t rp__chunking_size(const rp__chunking *c, int64_t waiting, int workers);

/*
 * Chunks a worker may hold: `prefetch` while a chunk is short, so that a sleeping master costs no throughput;
 * one where a chunk takes longer than RP__CHUNK_LONG_NS (the master's answer is nothing beside that, and no
 * task waits behind a long one while another worker idles) or where nothing is known yet.
 */
int rp__chunking_room(const rp__chunking *c, int64_t next_size, int prefetch);

#define RP__CHUNK_TARGET_NS (4 * RP__MS)
#define RP__CHUNK_LONG_NS   (50 * RP__MS)

#endif
