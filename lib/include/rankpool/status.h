/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * What every rankpool function answers: a status, and on request an error with its story.
 *
 * RP_OK is 0, failures are negative, ordinary answers that are not an end (time is over, nothing there)
 * are positive. Detail travels in a caller's rp_error or is asked from the object; nothing is global.
 */
#ifndef RANKPOOL_STATUS_H
#define RANKPOOL_STATUS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(RP_BUILDING)
#define RP_API __attribute__((visibility("default")))
#else
#define RP_API
#endif

/* name, value, sentence. */
#define RP_STATUS_TABLE(X)                                                                                   \
    X(RP_OK, 0, "success")                                                                                   \
    X(RP_TIMEOUT, 1, "the time is over and it is not finished; asking again is fine")                        \
    X(RP_EMPTY, 2, "nothing is there now")                                                                   \
    X(RP_SERVED, 3, "this rank served as a worker until the pool closed")                                    \
    X(RP_EINVAL, -1, "an argument is not valid")                                                             \
    X(RP_ENOMEM, -2, "out of memory")                                                                        \
    X(RP_ENET, -3, "message passing failed")                                                                 \
    X(RP_ESTORE, -4, "the run file could not be written or read")                                            \
    X(RP_EINTERNAL, -5, "rankpool has a bug; please report it")                                              \
    X(RP_ETASK, -6, "a task failed")                                                                         \
    X(RP_ELOST, -7, "every attempt of the task ended with a lost worker")                                    \
    X(RP_ECANCELED, -8, "cancelled before it ran")                                                           \
    X(RP_EBROKEN, -9, "the pool has no worker left")                                                         \
    X(RP_EBODY, -10, "a worker cannot find the task's function")                                             \
    X(RP_ESTATE, -11, "not possible here or now")                                                            \
    X(RP_EINTERRUPTED, -12, "stopped early with work left")                                                  \
    X(RP_EEXIST, -13, "it exists already")                                                                   \
    X(RP_ETOOBIG, -14, "larger than the limit")                                                              \
    X(RP_ESYSTEM, -15, "the operating system refused")

typedef enum rp_status {
#define RP_STATUS_ENUM(name, value, text) name = value,
    RP_STATUS_TABLE(RP_STATUS_ENUM)
#undef RP_STATUS_ENUM
} rp_status;

/** The story of one failure. */
typedef struct rp_error {
    rp_status code; /* RP_OK: nothing happened */
    int task_code;  /* what the task function returned, when code is RP_ETASK; else 0 */
    int rank;       /* where it happened; -1 when unknown or not on one rank */
    int64_t task;   /* index inside its batch; -1 when it is not about one task */
    char text[512]; /* one sentence, no newline at the end, always terminated */
} rp_error;

/** Names a status, as "RP_EINVAL". Never NULL; any thread, any rank. Since 0.1 */
RP_API const char *rp_status_name(rp_status s);

/** Says a status in a short sentence without a full stop. Never NULL; any thread, any rank. Since 0.1 */
RP_API const char *rp_status_text(rp_status s);

#ifdef __cplusplus
}
#endif
#endif
