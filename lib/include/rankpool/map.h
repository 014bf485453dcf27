/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * Maps: one function over many inputs, results in order.
 *
 *     double x[1000], y[1000];
 *     rp_map(pool, square, x, sizeof *x, y, sizeof *y, 1000, NULL);
 *     rp_map_range(pool, simulate, 0, 1000000, energy, sizeof *energy, NULL);
 */
#ifndef RANKPOOL_MAP_H
#define RANKPOOL_MAP_H

#include <rankpool/pool.h>
#include <rankpool/store.h>
#include <rankpool/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Options of a map. Zero is the default everywhere. */
typedef struct rp_map_options {
    size_t size;        /* sizeof(rp_map_options); set by RP_MAP_OPTIONS_INIT */
    int64_t chunk;      /* tasks per chunk, 1 or more; 0: measured and adapted while running */
    const void *shared; /* bytes every task sees through rp_task_shared(), sent once per worker; NULL: none */
    size_t shared_bytes; /* their number; 0 to 1 GiB */
    rp_store *store;     /* run file that records inputs, results and failures, lent; NULL: none */
} rp_map_options;

#define RP_MAP_OPTIONS_INIT                                                                                  \
    {                                                                                                        \
        .size = sizeof(rp_map_options)                                                                       \
    }

/**
 * Runs fn on every element of an array and puts result k at out + k * out_size.
 *
 * A task that fails leaves its element zeroed and disturbs no other. Tasks of lost workers run again
 * elsewhere; each result is delivered once.
 *
 * @param in        count elements of in_size bytes, lent during the call; NULL with in_size 0
 * @param in_size   bytes, 0 to 1 GiB
 * @param out       count elements of out_size bytes, yours; NULL with out_size 0, or with a store that
 *                  takes the results
 * @param out_size  bytes, 0 to 1 GiB
 * @param count     0 or more
 * @param opt       NULL for defaults; read during the call
 *
 * @return RP_OK            all tasks succeeded
 *         RP_ETASK         some failed; rp_pool_error() has the first of them by index
 *         RP_ELOST         some were set aside after max_attempts lost workers
 *         RP_EBROKEN       no worker left; out holds what had arrived
 *         RP_EBODY         a worker cannot find fn: ranks run different programs
 *         RP_EINTERRUPTED  told to stop; out holds what had arrived
 *         RP_ESTORE        the run file could not be written
 *         RP_EINVAL, RP_ENOMEM, RP_ENET
 *
 * Rank master.   Thread the pool's.   Blocks until done.   Collective no.   Since 0.1
 */
RP_API rp_status rp_map(rp_pool *pool, rp_task_fn fn, const void *in, size_t in_size, void *out,
                        size_t out_size, int64_t count, const rp_map_options *opt);

/**
 * Runs fn for every number from first to first + count - 1 (rp_task_index() tells which), without payload.
 *
 * Costs memory in proportion to the chunks under way, not to count. Results, parameters and statuses as
 * for rp_map(); result of number first + k stands at out + k * out_size.
 *
 * Rank master.   Thread the pool's.   Blocks until done.   Collective no.   Since 0.1
 */
RP_API rp_status rp_map_range(rp_pool *pool, rp_task_fn fn, int64_t first, int64_t count, void *out,
                              size_t out_size, const rp_map_options *opt);

#ifdef __cplusplus
}
#endif
#endif
