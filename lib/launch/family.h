/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The job's processes on this host: mpirun, its descendants, and what outlives it.
 *
 * This process becomes a child subreaper, so that everything the job starts is below it whatever sessions and
 * groups it makes. Children that this process had before are not the job's: they are left alone, unreaped.
 */
#ifndef RP_LAUNCH_FAMILY_H
#define RP_LAUNCH_FAMILY_H

#include "base/base.h"

#include <sys/types.h>

typedef struct rp__family {
    int was_subreaper;
    pid_t *strangers; /* owned; children from before */
    size_t stranger_count;
} rp__family;

/* Before mpirun is started. False when there is no memory. */
bool rp__family_open(rp__family *f);
void rp__family_close(rp__family *f);

/* Children of a process that have not ended. */
int rp__family_count(pid_t parent);

/* Reaps whatever of the job has ended; true while there is more. When the child `watched` (0: none) has ended
 * its wait status goes to *status and watched becomes 0. */
bool rp__family_reap(const rp__family *f, pid_t *watched, int *status);
/* Kills generation after generation until none is left or patience is over; true when none is left. */
bool rp__family_end(const rp__family *f, pid_t *watched, int *status, rp__time patience);

#endif
