/* SPDX-License-Identifier: BSD-3-Clause */
/* The map of ranges, as a sorted array with binary search. */
#include "store/spans.h"

#include <string.h>

static int64_t end_of(const rp__span *s)
{
    return s->first + s->count;
}

/* The first span that ends at or behind `at`; len when there is none. */
static size_t first_reaching(const rp__spans *s, int64_t at)
{
    size_t lo = 0, hi = s->len;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (end_of(&s->item[mid]) < at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool reserve(rp__spans *s, size_t len)
{
    if (len <= s->cap)
        return true;
    size_t cap = s->cap ? s->cap * 2 : 16;
    rp__span *item = rp__realloc(s->item, cap * sizeof *item);
    if (!item)
        return false;
    s->item = item;
    s->cap = cap;
    return true;
}

static void push(rp__span *list, size_t *n, rp__span x)
{
    rp__span *last = *n ? &list[*n - 1] : NULL;
    if (x.count <= 0)
        return;
    if (last && last->value == x.value && end_of(last) == x.first)
        last->count += x.count;
    else
        list[(*n)++] = x;
}

bool rp__spans_set(rp__spans *s, int64_t first, int64_t count, int64_t value)
{
    if (count <= 0)
        return true;
    if (!reserve(s, s->len + 2)) /* at worst one span becomes three */
        return false;
    int64_t end = first + count;
    size_t a = first_reaching(s, first), b = a;
    while (b < s->len && s->item[b].first <= end)
        b++;
    rp__span piece[3]; /* what is left of the touched spans before, the new one, what is left behind */
    size_t n = 0;
    if (a < b)
        push(piece, &n,
             (rp__span){s->item[a].first, rp__min64(first, end_of(&s->item[a])) - s->item[a].first,
                        s->item[a].value});
    push(piece, &n, (rp__span){first, count, value});
    if (a < b) {
        const rp__span *last = &s->item[b - 1];
        int64_t from = rp__max64(end, last->first);
        push(piece, &n, (rp__span){from, end_of(last) - from, last->value});
    }
    memmove(s->item + a + n, s->item + b, (s->len - b) * sizeof *s->item);
    memcpy(s->item + a, piece, n * sizeof *piece);
    s->len = s->len - (b - a) + n;
    return true;
}

const rp__span *rp__spans_find(const rp__spans *s, int64_t index)
{
    size_t i = first_reaching(s, index + 1);
    return i < s->len && s->item[i].first <= index ? &s->item[i] : NULL;
}

int64_t rp__spans_total(const rp__spans *s, int64_t value)
{
    int64_t total = 0;
    for (size_t i = 0; i < s->len; i++)
        total += s->item[i].value == value ? s->item[i].count : 0;
    return total;
}

void rp__spans_done(rp__spans *s)
{
    rp__free(s->item);
    *s = (rp__spans){0};
}
