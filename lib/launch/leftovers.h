/* SPDX-License-Identifier: BSD-3-Clause */
/* Removes the files of an mpirun that was killed and could not do it itself. */
#ifndef RP_LAUNCH_LEFTOVERS_H
#define RP_LAUNCH_LEFTOVERS_H

#include <sys/types.h>

/* For Open MPI 4: its session directory, and the shared memory of its ranks on this host. */
void rp__leftovers_remove(pid_t mpirun);

#endif
