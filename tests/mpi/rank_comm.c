/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pools over communicators of the user's own: some ranks stay outside and talk among themselves, two pools
 * live side by side, the master is another rank. `rank_comm HOW [late]`: rp_init, user_mpi, user_mpi_without;
 * late: the master goes on for two seconds when MPI has ended.
 */
#include "ranks.h"

#include <mpi.h>

static int rank, ranks, failures;

static int triple(rp_task *t, const void *in, void *out)
{
    int *o = out;
    o[0] = 3 * *(const int *) in;
    o[1] = rp_task_rank(t);
    return 0;
}

/* Over comm, whose rank 0 checks the results; every rank of it calls this. */
static void work(MPI_Comm comm, int add)
{
    rp_pool_options opt = RP_POOL_OPTIONS_INIT;
    rp_pool_info info;
    int me, size, in[1000], out[1000][2];
    opt.mpi_comm = &comm;
    MPI_Comm_rank(comm, &me);
    MPI_Comm_size(comm, &size);
    rp_status st = rp_pool_open(&pool, &opt);
    RPT_STATUS(st, me == 0 ? RP_OK : RP_SERVED);
    if (st != RP_OK)
        return;
    rp_pool_get_info(pool, &info);
    RPT_EQ_I64(info.workers, size > 1 ? size - 1 : 1);
    for (int i = 0; i < 1000; i++)
        in[i] = i + add;
    RPT_STATUS(rp_map(pool, triple, in, sizeof *in, out, sizeof *out, 1000, NULL), RP_OK);
    for (int i = 0; i < 1000; i++) {
        RPT_EQ_I64(out[i][0], 3 * (i + add));
        RPT_OK(out[i][1] >= (size > 1) && out[i][1] < (size > 1 ? size : 1));
    }
    RPT_STATUS(rp_pool_close(&pool), RP_OK);
}

/* A ring over everybody: each rank adds one. */
static void ring(MPI_Comm comm)
{
    int me, size, x = 0;
    MPI_Comm_rank(comm, &me);
    MPI_Comm_size(comm, &size);
    if (size == 1)
        return;
    if (me == 0) {
        MPI_Send(&x, 1, MPI_INT, 1, 5, comm);
        MPI_Recv(&x, 1, MPI_INT, size - 1, 5, comm, MPI_STATUS_IGNORE);
        RPT_EQ_I64(x, size - 1);
    } else {
        MPI_Recv(&x, 1, MPI_INT, me - 1, 5, comm, MPI_STATUS_IGNORE);
        x++;
        MPI_Send(&x, 1, MPI_INT, (me + 1) % size, 5, comm);
    }
}

/* Even ranks form a pool; the odd ones chatter on MPI_COMM_WORLD meanwhile. */
static void some_stay_outside(void)
{
    MPI_Comm even;
    MPI_Comm_split(MPI_COMM_WORLD, rank % 2 ? MPI_UNDEFINED : 0, rank, &even);
    ring(MPI_COMM_WORLD);
    if (rank % 2 == 0) {
        work(even, 10);
    } else if (ranks > 3) { /* ranks 1 and 3 */
        int x = 41, y = 0, other = 4 - rank;
        for (int i = 0; rank <= 3 && i < 1000; i++) {
            MPI_Sendrecv(&x, 1, MPI_INT, other, 7, &y, 1, MPI_INT, other, 7, MPI_COMM_WORLD,
                         MPI_STATUS_IGNORE);
            RPT_EQ_I64(y, 41);
        }
    }
    ring(MPI_COMM_WORLD);
    if (rank % 2 == 0) {
        work(even, 20);
        MPI_Comm_free(&even);
    }
}

/* Two pools side by side, each with the highest of its ranks as master. */
static void two_pools(void)
{
    MPI_Comm half;
    MPI_Comm_split(MPI_COMM_WORLD, rank % 2, -rank, &half);
    for (int i = 0; i < 3; i++)
        work(half, 100 * i);
    MPI_Comm_free(&half);
    int sum = 0, one = 1;
    MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    RPT_EQ_I64(sum, ranks);
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "rp_init";
    int level, total = 0;
    if (strcmp(how, "rp_init") != 0)
        MPI_Init_thread(&argc, &argv, MPI_THREAD_SINGLE, &level);
    if (strcmp(how, "user_mpi_without") != 0 && rp_init(&argc, &argv) != RP_OK)
        return 1;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    RPT_EQ_I64(rp_rank(), rank);
    some_stay_outside();
    two_pools();
    work(MPI_COMM_WORLD, 7);
    failures = rpt_failures;
    MPI_Reduce(&failures, &total, 1, MPI_INT, MPI_SUM, 0, MPI_COMM_WORLD);
    if (rank == 0)
        printf("%s %s\n", total ? "FAIL" : "ok  ", how);
    if (strcmp(how, "user_mpi_without") != 0)
        (void) rp_finalize(total > 0);
    if (strcmp(how, "rp_init") != 0)
        MPI_Finalize();
    if (rank == 0 && argc > 2) {
        ranks_sleep_ms(2000);
        printf("late\n");
    }
    return total > 0;
}
