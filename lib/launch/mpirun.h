/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds mpirun, learns which Open MPI it is, writes its command line. */
#ifndef RP_LAUNCH_MPIRUN_H
#define RP_LAUNCH_MPIRUN_H

#include "base/base.h"

typedef struct rp__mpirun {
    char path[4096];
    int major, minor; /* of Open MPI */
} rp__mpirun;

/* Where a program is, as a shell looks for it: a name with a slash is a path, else PATH is searched. */
bool rp__program_find(const char *name, char *path, size_t size);

/*
 * RANKPOOL_MPIRUN, else mpirun on PATH, else mpirun.openmpi there (Debian's name beside another MPI). RP_OK;
 * RP_EINVAL with a text for the user when there is none, it is not Open MPI, or it is too old.
 */
rp_status rp__mpirun_find(rp__mpirun *m, rp_error *err);

/* The version in what `mpirun --version` printed; false when that is not Open MPI. */
bool rp__mpirun_parse_version(const char *text, int *major, int *minor);

/*
 * The command line: mpirun, its flags for this version and site, RANKPOOL_MPIRUN_ARGS (words between blanks),
 * the program. A flag is left out when the user has set the MCA parameter behind it, in OMPI_MCA_* or
 * PRTE_MCA_* or in RANKPOOL_MPIRUN_ARGS. NULL at the end, one block: rp__free. NULL when out of memory.
 */
char **rp__mpirun_command(const rp__mpirun *m, int ranks, char *const *argv);

/* Whether that command line starts every rank on this host. */
bool rp__mpirun_is_on_one_host(void);

#endif
