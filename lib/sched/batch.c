/* SPDX-License-Identifier: BSD-3-Clause */
/* The ledger of one batch. */
#include "sched/batch.h"

int64_t rp__batch_done(const rp__sched_batch *b)
{
    return b->done.total - b->early;
}

int64_t rp__batch_waiting(const rp__sched_batch *b)
{
    return b->total - rp__batch_done(b) - b->leased;
}

bool rp__batch_is_done(const rp__sched_batch *b)
{
    return b->is_sealed && rp__batch_done(b) == b->total;
}

void rp__batch_grow(rp__sched_batch *b, int64_t count)
{
    rp__range r = {b->total, 0};
    b->total += count;
    while (rp__ranges_find(&b->done, r.first + r.count, b->total, true, &r))
        b->early -= r.count;
}

bool rp__batch_give_back(rp__sched_batch *b, int64_t first, int64_t count, int attempt)
{
    if (b->returned_len == b->returned_cap) {
        size_t cap = b->returned_cap ? b->returned_cap * 2 : 8;
        rp__returned *item = rp__realloc(b->returned, cap * sizeof *item);
        if (!item)
            return false;
        b->returned = item;
        b->returned_cap = cap;
    }
    b->returned[b->returned_len++] = (rp__returned){first, count, attempt};
    return true;
}

void rp__batch_turn_returned(rp__sched_batch *b, size_t from)
{
    for (size_t to = b->returned_len; from + 1 < to; from++) {
        rp__returned r = b->returned[from];
        b->returned[from] = b->returned[--to];
        b->returned[to] = r;
    }
}

static bool cut_returned(rp__sched_batch *b, int64_t size, rp__returned *out)
{
    while (b->returned_len > 0) {
        rp__returned *top = &b->returned[b->returned_len - 1];
        rp__range gap;
        if (!rp__ranges_find(&b->done, top->first, top->first + top->count, false, &gap)) {
            b->returned_len--; /* all of it was answered late by the worker believed lost */
            continue;
        }
        int64_t end = top->first + top->count, count = rp__min64(gap.count, size);
        *out = (rp__returned){gap.first, count, top->attempt};
        top->first = gap.first + count;
        top->count = end - top->first;
        if (top->count == 0)
            b->returned_len--;
        return true;
    }
    return false;
}

bool rp__batch_cut(rp__sched_batch *b, int64_t size, rp__returned *out)
{
    if (cut_returned(b, size, out))
        return true;
    rp__range gap;
    if (!rp__ranges_find(&b->done, b->cursor, b->total, false, &gap))
        return false;
    *out = (rp__returned){gap.first, rp__min64(gap.count, size), 1};
    b->cursor = out->first + out->count;
    return true;
}

bool rp__batch_is_waiting(const rp__sched_batch *b, int64_t index)
{
    rp__range r;
    if (rp__ranges_find(&b->done, index, index + 1, true, &r))
        return false;
    if (index >= b->cursor)
        return index < b->total;
    for (size_t i = 0; i < b->returned_len; i++)
        if (index >= b->returned[i].first && index < b->returned[i].first + b->returned[i].count)
            return true;
    return false;
}

void rp__batch_free(rp__sched_batch *b)
{
    rp__ranges_done(&b->done);
    rp__free(b->returned);
    rp__free(b);
}
