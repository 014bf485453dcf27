/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A job of three ranks for the test of the launcher: `launch_rank HOW STATUS`. Rank 2 goes as HOW says, 0 and
 * 1 talk on, rank 0 reports STATUS.
 */
#include "launch/launch.h"

#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void go(const char *how)
{
    if (!strcmp(how, "kill"))
        (void) raise(SIGKILL);
    if (!strcmp(how, "stop"))
        (void) raise(SIGSTOP);
    if (!strcmp(how, "exit7"))
        _exit(7);
    _exit(0);
}

static void talk(int rank)
{
    for (int i = 0; i < 100; i++) {
        if (rank == 1)
            MPI_Recv(&i, 1, MPI_INT, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        MPI_Send(&i, 1, MPI_INT, 1 - rank, 0, MPI_COMM_WORLD);
        if (rank == 0)
            MPI_Recv(&i, 1, MPI_INT, 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    }
}

static void report(int ranks, int status)
{
    rp__line *l = NULL;
    rp_error err = {0};
    if (rp__line_open(&l, &err) != RP_OK) {
        fprintf(stderr, "rank 0: %s\n", err.text);
        _exit(1);
    }
    printf("%d ranks, %d expected\n", ranks, rp__line_expected_ranks());
    (void) fflush(stdout);
    rp__line_exit(l, status);
}

int main(int argc, char **argv)
{
    int rank, ranks;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    MPI_Barrier(MPI_COMM_WORLD);
    if (argc < 3 || rank > 1)
        go(argc < 3 ? "" : argv[1]);
    (void) usleep(300000); /* so that mpirun notices while the others talk */
    talk(rank);
    if (rank == 0)
        report(ranks, atoi(argv[2]));
    _exit(0); /* MPI_Finalize after a loss may hang */
}
