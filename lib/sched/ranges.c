/* SPDX-License-Identifier: BSD-3-Clause */
/* The set of ranges, as a sorted array with binary search. */
#include "sched/ranges.h"

#include <string.h>

static int64_t end_of(const rp__range *r)
{
    return r->first + r->count;
}

/* Index of the first range whose end lies at or behind `at`; len when there is none. */
static size_t first_reaching(const rp__ranges *set, int64_t at)
{
    size_t lo = 0, hi = set->len;
    if (hi > 0 && end_of(&set->item[hi - 1]) < at) /* appending is the common case */
        return hi;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (end_of(&set->item[mid]) < at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool insert_at(rp__ranges *set, size_t at, rp__range r)
{
    if (set->len == set->cap) {
        size_t cap = set->cap ? set->cap * 2 : 8;
        rp__range *item = rp__realloc(set->item, cap * sizeof *item);
        if (!item)
            return false;
        set->item = item;
        set->cap = cap;
    }
    memmove(&set->item[at + 1], &set->item[at], (set->len - at) * sizeof *set->item);
    set->item[at] = r;
    set->len++;
    set->total += r.count;
    return true;
}

bool rp__ranges_add(rp__ranges *set, int64_t first, int64_t count)
{
    if (count <= 0)
        return true;
    size_t i = first_reaching(set, first);
    if (i == set->len || set->item[i].first > first + count)
        return insert_at(set, i, (rp__range){first, count});
    /* It touches item[i]: grow that one and swallow those behind it that it now reaches. */
    rp__range *r = &set->item[i];
    int64_t before = r->count, end = rp__max64(end_of(r), first + count);
    r->first = rp__min64(r->first, first);
    size_t j = i + 1;
    while (j < set->len && set->item[j].first <= end) {
        end = rp__max64(end, end_of(&set->item[j]));
        before += set->item[j].count;
        j++;
    }
    r->count = end - r->first;
    set->total += r->count - before;
    memmove(&set->item[i + 1], &set->item[j], (set->len - j) * sizeof *set->item);
    set->len -= j - i - 1;
    return true;
}

bool rp__ranges_find(const rp__ranges *set, int64_t first, int64_t end, bool has, rp__range *out)
{
    if (first >= end)
        return false;
    size_t i = first_reaching(set, first + 1);
    bool inside = i < set->len && set->item[i].first <= first;
    int64_t stop; /* where the state at `first` ends */
    if (inside)
        stop = end_of(&set->item[i]);
    else
        stop = i < set->len ? set->item[i].first : end;
    if (inside != has) {
        first = stop;
        if (first >= end)
            return false;
        if (has)
            stop = end_of(&set->item[i]);
        else
            stop = i + 1 < set->len ? set->item[i + 1].first : end;
    }
    *out = (rp__range){first, rp__min64(stop, end) - first};
    return true;
}

void rp__ranges_done(rp__ranges *set)
{
    rp__free(set->item);
    *set = (rp__ranges){0};
}
