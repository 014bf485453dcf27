/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The begin of a job, until rank 0 says that its pool is open: a rank that dies in it leaves the others
 * waiting in MPI_Init or in the opening of the pool for ever, and no lifeline tells. Nothing is lost yet, so
 * such a job is started again.
 *
 * Seen by mpirun's children on this host: their number was that of the ranks and has become less, and stays
 * so for a while although rank 0 has neither begun nor ended. Of ranks on other hosts nothing is seen.
 */
#ifndef RP_LAUNCH_BEGIN_H
#define RP_LAUNCH_BEGIN_H

#include "base/base.h"

#include <sys/types.h>

#define RP__BEGIN_TRIES 3 /* starts of a job at most */

typedef struct rp__begin {
    bool is_over;     /* rank 0 has begun, reported or gone; or there is nothing to see */
    bool is_lost;     /* a rank died: the job is to be started again */
    int alive, most;  /* ranks at the last look, and at any */
    rp__time changed; /* when their number did last */
    rp__time next_look;
} rp__begin;

/* Looks, if it is time to. is_ours: rank 0 has opened its line, so the program is one that will open a pool.
 */
void rp__begin_look(rp__begin *b, pid_t mpirun, int ranks, bool is_ours, rp__time now);

#endif
