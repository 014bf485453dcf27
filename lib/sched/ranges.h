/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A set of task indices as sorted, disjoint, merged ranges: memory grows with gaps, not with tasks.
 */
#ifndef RP_SCHED_RANGES_H
#define RP_SCHED_RANGES_H

#include "base/base.h"

typedef struct rp__range {
    int64_t first, count;
} rp__range;

typedef struct rp__ranges {
    rp__range *item; /* owned; ascending, never touching */
    size_t len, cap;
    int64_t total; /* tasks in the set */
} rp__ranges;

/* Adds first .. first+count-1; what is there already stays. False when out of memory: the set is unchanged.
 */
bool rp__ranges_add(rp__ranges *set, int64_t first, int64_t count);

/* The first run of indices in [first, end) that the set does not hold (has = false) or holds (has = true). */
bool rp__ranges_find(const rp__ranges *set, int64_t first, int64_t end, bool has, rp__range *out);

void rp__ranges_done(rp__ranges *set);

#endif
