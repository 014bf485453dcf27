/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sinks: where results go. The master calls each operation at most once for a task. A sink that cannot take a
 * result returns a status, which cancels its batch; it does not call the master itself.
 */
#ifndef RP_SINK_SINK_H
#define RP_SINK_SINK_H

#include "wire/message.h"

/* Where and when some tasks ran. */
typedef struct rp__delivery {
    int64_t first, count;
    int worker; /* rank */
    int attempt;
    double started;  /* of the whole answer, seconds since 1970 */
    int64_t busy_ns; /* of these tasks, as a share of the answer */
} rp__delivery;

typedef struct rp__sink rp__sink;
struct rp__sink {
    /* count results of the batch's fixed size, one behind the other; lent */
    rp_status (*results)(rp__sink *s, const rp__delivery *d, const void *data);
    /* one task's own record; lent */
    rp_status (*record)(rp__sink *s, const rp__delivery *d, const rp__record *r);
    /* tasks that will not run: lost, cancelled, interrupted, broken ... */
    rp_status (*settle)(rp__sink *s, int64_t first, int64_t count, rp_status why, const char *text);
    /* every task of the batch is done; the master has forgotten the batch. May free the sink. */
    void (*done)(rp__sink *s);
};

#endif
