/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A map from task indices to small numbers, as sorted ranges of equal value: memory grows with changes of
 * value along the indices, not with tasks.
 */
#ifndef RP_STORE_SPANS_H
#define RP_STORE_SPANS_H

#include "base/base.h"

typedef struct rp__span {
    int64_t first, count, value;
} rp__span;

typedef struct rp__spans {
    rp__span *item; /* owned; ascending, disjoint; touching ones differ in value */
    size_t len, cap;
} rp__spans;

/* Sets first .. first+count-1, over what was there. False when out of memory: the map is unchanged. */
bool rp__spans_set(rp__spans *s, int64_t first, int64_t count, int64_t value);
/* The span that holds index, or NULL. */
const rp__span *rp__spans_find(const rp__spans *s, int64_t index);
/* How many indices have this value. */
int64_t rp__spans_total(const rp__spans *s, int64_t value);
void rp__spans_done(rp__spans *s);

#endif
