/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * Life of a pool: rp_init, rp_pool_open, work, rp_pool_close, rp_finalize.
 *
 *     int main(int argc, char **argv)
 *     {
 *         rp_init(&argc, &argv);
 *         rp_pool *pool = NULL;
 *         rp_status st = rp_pool_open(&pool, NULL);
 *         if (st == RP_OK) {                  // rank 0, the master; workers come back with RP_SERVED
 *             st = rp_map(...);
 *             rp_pool_close(&pool);
 *         }
 *         return rp_finalize(st < 0);
 *     }
 *
 * A pool is OPEN, DEGRADED after the loss of a worker (it goes on), or BROKEN when no worker is left.
 */
#ifndef RANKPOOL_POOL_H
#define RANKPOOL_POOL_H

#include <rankpool/status.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rp_pool rp_pool;

/** Options of a pool. Zero is the default everywhere; only the master's count. */
typedef struct rp_pool_options {
    size_t size;          /* sizeof(rp_pool_options); set by RP_POOL_OPTIONS_INIT */
    const void *mpi_comm; /* address of an MPI_Comm whose ranks form the pool, duplicated inside; every rank
                             gives the same one; NULL: MPI_COMM_WORLD. Rank 0 of it is the master */
    int max_attempts;     /* 1 to 1000: workers a task may lose before it is set aside; 0: 3 */
    int prefetch;         /* 1 to 16: chunks a worker holds while task times are short; 0: 2 */
    bool progress;        /* true: a progress line on standard error while waiting */
} rp_pool_options;

#define RP_POOL_OPTIONS_INIT                                                                                 \
    {                                                                                                        \
        .size = sizeof(rp_pool_options)                                                                      \
    }

/** What a pool counts. */
typedef struct rp_pool_info {
    int workers;         /* ranks that joined */
    int workers_alive;   /* of them, not lost */
    int64_t submitted;   /* tasks */
    int64_t succeeded;   /* tasks */
    int64_t failed;      /* tasks whose function failed */
    int64_t lost;        /* tasks set aside after max_attempts lost workers */
    int64_t cancelled;   /* tasks */
    int64_t resubmitted; /* tasks that went back to the queue because a worker was lost */
    int64_t duplicates;  /* answers that came a second time and were dropped */
} rp_pool_info;

/**
 * Starts rankpool: the first line of main, before MPI_Init and before any thread, on every rank.
 *
 * Starts this rank's supervisor, sets the transport's limits, initialises MPI unless that is done
 * already. A program that was not started by mpirun is started again under it, one worker per usable core
 * and the master (RANKPOOL_WORKERS=n sets another number, RANKPOOL_AUTOLAUNCH=0 turns this off: then the
 * pool has one rank, which runs its tasks itself); in that case this call does not return and the process
 * ends with the exit status of the program's rank 0.
 *
 * Options may be parsed before, as long as nothing is printed or started; rp_rank() tells afterwards who
 * should complain.
 *
 * @param argc, argv  those of main; kept
 *
 * @return RP_OK; RP_ENET when MPI cannot start; RP_ESTATE when called twice. Prints the reason on stderr.
 *
 * Rank all.   Thread main, alone.   Blocks while MPI starts.   Collective yes.   Since 0.1
 */
RP_API rp_status rp_init(int *argc, char ***argv);

/**
 * Rank of this process in MPI_COMM_WORLD, 0 for the master of a pool over it; for printing usage and the like
 * once before rp_pool_open(). 0 where MPI is not running. Any rank, main thread. Blocks no. Since 0.1
 */
RP_API int rp_rank(void);

/**
 * Ends rankpool on this rank, and MPI if rp_init() started it; safe after lost ranks, where MPI_Finalize
 * could hang. For `return rp_finalize(status);` at the end of main.
 *
 * @param exit_status  0 to 255, what main is going to return
 *
 * @return exit_status
 *
 * Rank all.   Thread main.   Blocks until the others finalize, unless a rank was lost.   Since 0.1
 */
RP_API int rp_finalize(int exit_status);

/**
 * Opens a pool over the ranks of a communicator. Every rank calls it.
 *
 * On the master it returns when the workers have joined. On a worker it serves tasks inside and returns
 * when the pool closes; a worker whose master has gone ends its process with status 1.
 * With one rank only, that rank is master and runs the tasks itself inside rp_ calls.
 *
 * @param out  on RP_OK a new pool, to be closed with rp_pool_close(); untouched otherwise
 * @param opt  NULL for defaults; read during the call only; ignored on workers but for mpi_comm
 *
 * @return RP_OK      this rank is the master of an open pool
 *         RP_SERVED  this rank was a worker; the pool has closed
 *         RP_ESTATE  rp_init() is missing and MPI is not initialised, or a task is running here, or a rank of
 *                    MPI_COMM_WORLD was lost in an earlier pool and mpi_comm is NULL
 *         RP_EINVAL, RP_ENET, RP_ENOMEM  rp_init_error() has the text
 *
 * Rank all.   Thread the one that initialised MPI.   Blocks see above.   Collective yes.   Since 0.1
 */
RP_API rp_status rp_pool_open(rp_pool **out, const rp_pool_options *opt);

/**
 * Finishes pending work, lets the workers go, frees the pool and sets *pool to NULL.
 *
 * Futures that are still held stay valid and settled. A NULL pool is fine.
 *
 * @return RP_OK; RP_EBROKEN when pending work could not be finished, its futures are settled with that;
 *         RP_EINTERRUPTED when the run was told to stop and pending work was cancelled
 *
 * Rank master.   Thread the pool's.   Blocks until pending work is done.   Since 0.1
 */
RP_API rp_status rp_pool_close(rp_pool **pool);

/** Fills what the pool counts. Rank master. Thread the pool's. Blocks no. Since 0.1 */
RP_API void rp_pool_get_info(const rp_pool *pool, rp_pool_info *out);

/** The pool's last failure, lent until the next call on the pool; code RP_OK when there was none. Since 0.1
 */
RP_API const rp_error *rp_pool_error(const rp_pool *pool);

/** Why the last rp_init() or rp_pool_open() of this process failed. Never NULL. Since 0.1 */
RP_API const rp_error *rp_init_error(void);

#ifdef __cplusplus
}
#endif
#endif
