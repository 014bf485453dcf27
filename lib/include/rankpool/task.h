/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * What a task function sees while it runs on a worker.
 *
 *     static int square(rp_task *t, const void *in, void *out)
 *     {
 *         double x = *(const double *) in;
 *         if (x < 0)
 *             return rp_task_fail(t, 1, "cannot take %g", x);
 *         *(double *) out = x * x;
 *         return 0;
 *     }
 */
#ifndef RANKPOOL_TASK_H
#define RANKPOOL_TASK_H

#include <rankpool/status.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One running task; lives for the length of the call. */
typedef struct rp_task rp_task;

/**
 * A body: the function a task runs.
 *
 * Called on a worker rank, on the thread that called rp_pool_open() (or rp_map() and the like, in a pool
 * of one rank). It may use any library, and MPI on communicators that leave the pool's ranks alone; it
 * may not call the pool. A pool that lost a worker runs the task again elsewhere, so what a task does
 * outside its result should bear being done twice.
 *
 * @param t    this task; valid during the call
 * @param in   the payload, lent, aligned like malloc's memory at the start of a chunk; NULL for index
 *             ranges. Element k of an array stands at k times the element's size, as in the caller's array
 * @param out  room for the fixed-size result, zeroed; NULL where the batch has no fixed result size
 *
 * @return 0 on success; anything else fails this task alone, with that number as rp_error.task_code
 */
typedef int (*rp_task_fn)(rp_task *t, const void *in, void *out);

/** Index of this task inside its batch: the array index, or the number in the range. Since 0.1 */
RP_API int64_t rp_task_index(const rp_task *t);

/** Size of the payload in bytes; 0 for index ranges. Since 0.1 */
RP_API size_t rp_task_input_bytes(const rp_task *t);

/** The bytes that came with the batch for all its tasks (rp_map_options.shared), lent; NULL when none. Since
 * 0.1 */
RP_API const void *rp_task_shared(const rp_task *t);

/** Rank of this worker in the pool's communicator. Since 0.1 */
RP_API int rp_task_rank(const rp_task *t);

/** Which try this is: 1, or more after a worker was lost while running this task. Since 0.1 */
RP_API int rp_task_attempt(const rp_task *t);

/**
 * Sets the result of a task whose batch has no fixed result size, replacing an earlier one.
 *
 * @param data   copied; may be NULL when bytes is 0
 * @param bytes  any size, up to 8 GiB
 *
 * @return RP_OK; RP_EINVAL when the batch has a fixed result size; RP_ENOMEM; RP_ETOOBIG.
 *         The earlier result stays on failure.
 *
 * Rank worker, inside a task.   Thread the task's.   Blocks no.   Since 0.1
 */
RP_API rp_status rp_task_result(rp_task *t, const void *data, size_t bytes);

/**
 * Says why the task fails and returns code, for `return rp_task_fail(t, 3, "no root near %g", x);`.
 *
 * @param code  not 0; becomes rp_error.task_code
 * @param fmt   printf format; the text is cut at 511 bytes
 *
 * Rank worker, inside a task.   Thread the task's.   Blocks no.   Since 0.1
 */
RP_API int rp_task_fail(rp_task *t, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/**
 * Gives a function a name, so that a pool finds it on ranks whose objects differ and a run file finds it
 * after a rebuild. Without a name, a function is found by its object's build id and its offset there.
 *
 * Call it on every rank, before rp_pool_open(), with the same names.
 *
 * @param name  1 to 63 bytes, kept as a copy
 * @param fn    not NULL
 *
 * @return RP_OK; RP_EEXIST when the name belongs to another function; RP_EINVAL; RP_ENOMEM
 *
 * Rank all.   Thread one at a time.   Blocks no.   Since 0.1
 */
RP_API rp_status rp_register(const char *name, rp_task_fn fn);

#ifdef __cplusplus
}
#endif
#endif
