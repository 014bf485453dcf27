/* SPDX-License-Identifier: BSD-3-Clause */
/* What this process has one of: supervisor, line to the launcher, the state of MPI. */
#ifndef RP_API_PROCESS_H
#define RP_API_PROCESS_H

#include "exec/supervisor.h"
#include "launch/launch.h"

typedef struct rp__process {
    bool is_init;
    bool is_mpi_ours;           /* rp_init() started MPI */
    bool saw_losses;            /* ranks were lost: nothing collective any more */
    int open_pools;             /* of which this rank is the master, with workers */
    rp__supervisor *supervisor; /* NULL without rp_init() */
    rp__line *line;             /* NULL: no launcher */
    rp_error error;             /* of the last rp_init() or rp_pool_open() */
} rp__process;

rp__process *rp__process_get(void);

/* Opens the line to the launcher on rank 0, where there is a launcher, and once MPI runs, lets the launcher
 * know how this process exits. Calling it again is fine. */
rp_status rp__process_open_line(void);

/* Whether srun started several tasks of this program without PMIx, so that each believes to be alone. */
bool rp__process_is_lonely_srun_task(void);

/* The command line of this process, for people. */
void rp__process_command_line(char *out, size_t len);

#endif
