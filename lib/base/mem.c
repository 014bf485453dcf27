/* SPDX-License-Identifier: BSD-3-Clause */
/* Allocation with a counter and a failure on demand, for the tests. */
#include "base/base.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_llong live;
static atomic_llong fail_countdown = -1;

static bool must_fail(void)
{
    if (atomic_load_explicit(&fail_countdown, memory_order_relaxed) < 0)
        return false;
    return atomic_fetch_sub(&fail_countdown, 1) == 0;
}

static void *counted(void *p)
{
    if (p)
        atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return p;
}

void *rp__alloc(size_t bytes)
{
    return must_fail() ? NULL : counted(calloc(1, bytes ? bytes : 1));
}

void *rp__alloc_array(size_t count, size_t each)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, each, &bytes))
        return NULL;
    return rp__alloc(bytes);
}

void *rp__realloc(void *p, size_t bytes)
{
    if (must_fail())
        return NULL;
    void *q = realloc(p, bytes ? bytes : 1);
    return p ? q : counted(q);
}

void *rp__alloc_aligned(size_t bytes)
{
    size_t rounded;
    if (must_fail() || __builtin_add_overflow(bytes, (size_t) 63, &rounded))
        return NULL;
    if (bytes < 1024) /* aligned_alloc is slow, and small things need no cache line of their own */
        return counted(malloc(bytes ? bytes : 1));
    return counted(aligned_alloc(64, rounded & ~(size_t) 63));
}

void rp__free(void *p)
{
    if (p)
        atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    free(p);
}

char *rp__strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = rp__alloc(n);
    if (copy)
        memcpy(copy, s, n);
    return copy;
}

void rp__mem_fail_after(int64_t n)
{
    atomic_store(&fail_countdown, n);
}

int64_t rp__mem_live(void)
{
    return atomic_load(&live);
}
