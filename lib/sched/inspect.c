/* SPDX-License-Identifier: BSD-3-Clause */
/* Looking into the scheduler without changing it: counts, names, invariants. */
#include "sched/state.h"

#include <stdio.h>

rp__sched_batch *rp__sched_find_batch(const rp__sched *s, uint32_t id)
{
    rp__sched_batch *b = s->batches;
    while (b && b->id != id)
        b = b->next;
    return b;
}

bool rp__sched_is_worker(const rp__sched *s, int worker)
{
    return worker >= 0 && worker < s->workers.max;
}

void rp__sched_counts_get(const rp__sched *s, rp__sched_counts *out)
{
    *out = (rp__sched_counts){.workers_joined = s->workers.joined,
                              .workers_alive = s->workers.alive,
                              .workers_busy = s->workers.busy,
                              .requeued = s->requeued,
                              .duplicates = s->duplicates};
    for (const rp__sched_batch *b = s->batches; b; b = b->next) {
        out->done += rp__batch_done(b);
        out->leased += b->leased;
        out->waiting += rp__batch_waiting(b);
    }
}

bool rp__sched_running(const rp__sched *s, int worker, uint32_t *batch_out, int64_t *task_out)
{
    if (!rp__sched_is_worker(s, worker) || s->workers.item[worker].life != RP__LIFE_ALIVE)
        return false;
    const rp__lease *l = rp__workers_leases(&s->workers, worker);
    for (int i = 0; i < s->workers.item[worker].lease_count; i++) {
        const rp__sched_batch *b = rp__sched_find_batch(s, l[i].batch);
        rp__range r;
        if (b && rp__ranges_find(&b->done, l[i].first, l[i].first + l[i].count, false, &r)) {
            *batch_out = b->id;
            *task_out = r.first;
            return true;
        }
    }
    return false;
}

const char *rp__event_name(rp__event_kind kind)
{
#define NAME(name) #name,
    static const char *const names[] = {RP__EVENT_TABLE(NAME)};
    return kind < RP__EVENT_COUNT ? names[kind] : "?";
}

const char *rp__action_name(rp__action_kind kind)
{
    static const char *const names[] = {RP__ACTION_TABLE(NAME)};
#undef NAME
    return kind < RP__ACTION_COUNT ? names[kind] : "?";
}

/* Leased tasks of a batch that are not done, counted from the leases; -1 when two leases overlap or one is
 * odd. */
static int64_t count_leased(const rp__sched *s, const rp__sched_batch *b, rp__ranges *seen)
{
    int64_t covered = 0;
    int leases = 0;
    for (int w = 0; w < s->workers.max; w++) {
        if (s->workers.item[w].life != RP__LIFE_ALIVE)
            continue;
        const rp__lease *l = rp__workers_leases(&s->workers, w);
        for (int i = 0; i < s->workers.item[w].lease_count; i++) {
            if (l[i].batch != b->id)
                continue;
            leases++;
            if (l[i].count < 1 || l[i].first + l[i].count > b->cursor)
                return -1;
            rp__range gap = {l[i].first, 0};
            while (rp__ranges_find(&b->done, gap.first + gap.count, l[i].first + l[i].count, false, &gap)) {
                covered += gap.count;
                rp__ranges_add(seen, gap.first, gap.count);
            }
        }
    }
    return seen->total == covered && leases == b->leases ? covered : -1;
}

/* The queues hold every living worker once, where its leases put it; the sums are right. */
static bool are_workers_fine(const rp__workers *w)
{
    int alive = 0, busy = 0, queued = 0;
    for (int i = 0; i < w->max; i++) {
        alive += w->item[i].life == RP__LIFE_ALIVE;
        busy += w->item[i].life == RP__LIFE_ALIVE && w->item[i].lease_count > 0;
    }
    for (int k = 0; k <= RP__PREFETCH_MAX; k++) {
        int prev = -1;
        for (int i = w->queue[k].head; i >= 0 && queued <= alive; prev = i, i = w->item[i].next, queued++)
            if (w->item[i].life != RP__LIFE_ALIVE || w->item[i].lease_count != k || w->item[i].prev != prev)
                return false;
        if (w->queue[k].tail != prev)
            return false;
    }
    return alive == w->alive && busy == w->busy && queued == alive;
}

bool rp__sched_check(const rp__sched *s, char *why, size_t why_len)
{
    if (!are_workers_fine(&s->workers)) {
        (void) snprintf(why, why_len, "workers: the queues and sums do not fit %d alive, %d busy",
                        s->workers.alive, s->workers.busy);
        return false;
    }
    for (const rp__sched_batch *b = s->batches; b; b = b->next) {
        rp__ranges seen = {0}; /* every task that is not done, each place adding its own */
        int64_t leased = count_leased(s, b, &seen), placed = leased;
        rp__range gap = {b->cursor, 0};
        for (size_t i = 0; i < b->returned_len; i++) {
            gap = (rp__range){b->returned[i].first, 0};
            int64_t end = gap.first + b->returned[i].count;
            while (rp__ranges_find(&b->done, gap.first + gap.count, end, false, &gap)) {
                placed += gap.count;
                rp__ranges_add(&seen, gap.first, gap.count);
            }
        }
        gap = (rp__range){b->cursor, 0};
        while (rp__ranges_find(&b->done, gap.first + gap.count, b->total, false, &gap)) {
            placed += gap.count;
            rp__ranges_add(&seen, gap.first, gap.count);
        }
        bool fine = leased == b->leased && placed == seen.total && placed + rp__batch_done(b) == b->total &&
                    b->leased >= 0 && !rp__batch_is_done(b);
        if (!fine)
            (void) snprintf(
                why, why_len,
                "batch %u: %lld tasks, %lld done, %lld leased (counted %lld), %lld placed, %lld distinct",
                b->id, (long long) b->total, (long long) rp__batch_done(b), (long long) b->leased,
                (long long) leased, (long long) placed, (long long) seen.total);
        rp__ranges_done(&seen);
        if (!fine)
            return false;
    }
    return true;
}
