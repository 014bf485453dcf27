/* SPDX-License-Identifier: BSD-3-Clause */
/* Random numbers for the tests: the same seed gives the same numbers everywhere (splitmix64). */
#ifndef RNG_H
#define RNG_H

#include <stdbool.h>
#include <stdint.h>

typedef struct rng {
    uint64_t state;
} rng;

static inline uint64_t rng_next(rng *r)
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 to limit - 1; limit is 1 or more. */
static inline int64_t rng_below(rng *r, int64_t limit)
{
    return (int64_t) (rng_next(r) % (uint64_t) limit);
}

/* True in `percent` of a hundred cases. */
static inline bool rng_chance(rng *r, int percent)
{
    return rng_below(r, 100) < percent;
}

#endif
