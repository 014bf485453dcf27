/* SPDX-License-Identifier: BSD-3-Clause */
/* What the transport under MPI allows. */
#ifndef RP_NET_MPI_LIMITS_H
#define RP_NET_MPI_LIMITS_H

#include "base/base.h"

/* The largest frame that every transport in use sends eagerly. */
size_t rp__mpi_frame_bytes(void);

/* Frames that may be unacknowledged toward a rank on another host: what a dead one may leave unsent without
 * stopping traffic among the others (measured: two over TCP on Open MPI 4.1). */
int rp__mpi_remote_window(void);

/* Whether the user chose transports without shared memory, so that ranks of one host talk over TCP. */
bool rp__mpi_has_no_shared_memory(void);

#endif
