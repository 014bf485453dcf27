/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * One central log: records of all ranks come out on the master's standard error, whole lines, each with
 * time, level and rank. RANKPOOL_LOG=error|warn|info|debug|trace sets what is shown; info is the default.
 */
#ifndef RANKPOOL_LOG_H
#define RANKPOOL_LOG_H

#include <rankpool/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** error: the run cannot go on as asked; warn: went on with a loss; info: what an operator wants by default;
 *  debug: every state change; trace: every frame. */
typedef enum rp_log_level {
    RP_LOG_NONE = 0,
    RP_LOG_ERROR,
    RP_LOG_WARN,
    RP_LOG_INFO,
    RP_LOG_DEBUG,
    RP_LOG_TRACE,
    RP_LOG_LEVEL_COUNT
} rp_log_level;

/**
 * Writes one record to the central log; on a worker it travels to the master with the next results.
 *
 * @param fmt  printf format; the text is cut at 1023 bytes, newlines become spaces
 *
 * Rank any.   Thread the pool's or the task's.   Blocks no.   Since 0.1
 */
RP_API void rp_log(rp_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif
#endif
