/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * Futures: single tasks, submitted now, asked for later.
 *
 *     rp_future *f = NULL;
 *     rp_view r;
 *     rp_submit(pool, &f, work, &x, sizeof x, NULL);
 *     if (rp_future_result(f, RP_FOREVER, &r) == RP_OK)
 *         use(r.data, r.bytes);
 *     else
 *         puts(rp_future_error(f)->text);
 *     rp_future_free(f);
 *
 * PENDING -> RUNNING -> FINISHED (result or error), or PENDING -> CANCELLED, LOST, BROKEN.
 */
#ifndef RANKPOOL_FUTURE_H
#define RANKPOOL_FUTURE_H

#include <rankpool/pool.h>
#include <rankpool/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Wait without limit. */
#define RP_FOREVER INT64_MAX

typedef struct rp_future rp_future;

/** Bytes lent by somebody else. */
typedef struct rp_view {
    const void *data; /* aligned like malloc's memory; NULL when bytes is 0 */
    size_t bytes;
} rp_view;

/** Options of a single task. Zero is the default everywhere. */
typedef struct rp_submit_options {
    size_t size; /* sizeof(rp_submit_options); set by RP_SUBMIT_OPTIONS_INIT */
} rp_submit_options;

#define RP_SUBMIT_OPTIONS_INIT                                                                               \
    {                                                                                                        \
        .size = sizeof(rp_submit_options)                                                                    \
    }

/**
 * Queues one task. Its function calls rp_task_result() for the result, of any size; `out` is NULL there.
 *
 * Work moves while a thread is inside an rp_ call of this pool; this call itself sends what it can.
 *
 * @param out    on RP_OK a new future, to be freed with rp_future_free(); untouched otherwise
 * @param fn     not NULL
 * @param in     copied; NULL with bytes 0
 * @param bytes  0 to 8 GiB
 * @param opt    NULL for defaults
 *
 * @return RP_OK; RP_EBROKEN when no worker is left; RP_EINTERRUPTED when the run was told to stop;
 *         RP_EINVAL; RP_ENOMEM; RP_ETOOBIG
 *
 * Rank master.   Thread the pool's.   Blocks no.   Since 0.1
 */
RP_API rp_status rp_submit(rp_pool *pool, rp_future **out, rp_task_fn fn, const void *in, size_t bytes,
                           const rp_submit_options *opt);

/**
 * Waits until the future is settled or the time is over; drives the pool meanwhile.
 *
 * @param timeout_ms  0 or less looks once, RP_FOREVER has no limit; milliseconds
 * @param out         on RP_OK a view lent until rp_future_free(); may be NULL; unchanged otherwise
 *
 * @return RP_OK            settled with a result
 *         RP_TIMEOUT       still pending or running; calling again is fine
 *         RP_ETASK         the function failed; rp_future_error() has its code and text
 *         RP_ELOST         every attempt ended with a lost worker
 *         RP_ECANCELED     cancelled before it ran
 *         RP_EBROKEN       the pool had no worker left
 *         RP_EBODY         a worker cannot find the function
 *         RP_EINTERRUPTED  the run was told to stop before it ran
 *
 * Rank master.   Thread the pool's.   Blocks up to timeout_ms.   Since 0.1
 */
RP_API rp_status rp_future_result(rp_future *f, int64_t timeout_ms, rp_view *out);

/** Whether the future is settled; does not drive the pool. Since 0.1 */
RP_API bool rp_future_done(const rp_future *f);

/** Why the future failed, lent until rp_future_free(); code RP_OK while pending or after success. Since 0.1
 */
RP_API const rp_error *rp_future_error(const rp_future *f);

/**
 * Cancels a task that no worker holds yet.
 *
 * @return RP_OK when it was cancelled now or before; RP_ESTATE when it is running or settled
 *
 * Rank master.   Thread the pool's.   Blocks no.   Since 0.1
 */
RP_API rp_status rp_future_cancel(rp_future *f);

/** Gives the future back; its task still runs when it was not cancelled. NULL is fine. Since 0.1 */
RP_API void rp_future_free(rp_future *f);

#ifdef __cplusplus
}
#endif
#endif
