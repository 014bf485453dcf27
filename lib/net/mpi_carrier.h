/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames over MPI, words over the lifeline; and starting and ending MPI itself. */
#ifndef RP_NET_MPI_CARRIER_H
#define RP_NET_MPI_CARRIER_H

#include "net/carrier.h"

/* Sets what the transport must know before MPI_Init, as environment variables that the user has not set. */
void rp__mpi_prepare(void);

/* Starts MPI unless it runs. *ours_out: this call did. RP_ENET with err filled. */
rp_status rp__mpi_start(int *argc, char ***argv, bool *ours_out, rp_error *err);
bool rp__mpi_is_running(void);
void rp__mpi_finalize(void);
int rp__mpi_world_size(void);
int rp__mpi_world_rank(void);
/* Whether mpirun or its like says it started this process; *size_out: how many it started, 0 when it does not
 * say. */
bool rp__mpi_is_launched(int *size_out);

/* Collective over the communicator at `comm` (an MPI_Comm; NULL: the world). Makes a carrier over a duplicate
 * of it. A communicator of one rank gives RP_EMPTY: there is nobody to talk to. */
rp_status rp__mpi_carrier_open(rp__carrier **out, const void *comm, rp_error *err);

/* Tells that ranks were lost, so that freeing must not be collective. */
void rp__mpi_carrier_saw_losses(rp__carrier *c);

#endif
