/* SPDX-License-Identifier: BSD-3-Clause */
/* How tasks are settled, batches cancelled and finished. */
#include "sched/state.h"

bool rp__sched_act(rp__actions *out, rp__action a)
{
    if (out->len == out->cap) {
        size_t cap = out->cap ? out->cap * 2 : 16;
        rp__action *item = rp__realloc(out->item, cap * sizeof *item);
        if (!item)
            return false;
        out->item = item;
        out->cap = cap;
    }
    out->item[out->len++] = a;
    return true;
}

/* Leases whose tasks others have answered: their workers may drop them and never tell. */
static void drop_leases(rp__sched *s, rp__sched_batch *b)
{
    for (int w = 0; w < s->workers.max && b->leases > 0; w++) {
        if (s->workers.item[w].life != RP__LIFE_ALIVE)
            continue;
        const rp__lease *l = rp__workers_leases(&s->workers, w);
        for (int i = s->workers.item[w].lease_count - 1; i >= 0; i--)
            if (l[i].batch == b->id) {
                rp__workers_lease_drop(&s->workers, w, i);
                b->leases--;
            }
    }
}

rp_status rp__sched_finish_if_done(rp__sched *s, rp__sched_batch *b, rp__actions *out)
{
    if (!rp__batch_is_done(b))
        return RP_OK;
    drop_leases(s, b);
    if (!rp__sched_act(out, (rp__action){.kind = RP__ACTION_BATCH_DONE, .batch = b->id}))
        return RP_ENOMEM;
    rp__sched_batch **at = &s->batches;
    while (*at != b)
        at = &(*at)->next;
    *at = b->next;
    rp__batch_free(b);
    return RP_OK;
}

rp_status rp__sched_settle(rp__sched_batch *b, int64_t first, int64_t count, int attempt, rp_status why,
                           rp__actions *out)
{
    rp__action a = {.kind = RP__ACTION_SETTLE,
                    .batch = b->id,
                    .first = first,
                    .count = count,
                    .attempt = attempt,
                    .status = why};
    return rp__ranges_add(&b->done, first, count) && rp__sched_act(out, a) ? RP_OK : RP_ENOMEM;
}

rp_status rp__sched_settle_waiting(rp__sched_batch *b, rp_status why, rp__actions *out)
{
    rp__returned cut;
    while (rp__batch_cut(b, INT64_MAX, &cut)) {
        rp_status st = rp__sched_settle(b, cut.first, cut.count, cut.attempt, why, out);
        if (st)
            return st;
    }
    return RP_OK;
}

static rp_status call_back(rp__sched *s, const rp__sched_batch *b, rp__actions *out)
{
    for (int w = 0; w < s->workers.max; w++) {
        if (s->workers.item[w].life != RP__LIFE_ALIVE)
            continue;
        const rp__lease *l = rp__workers_leases(&s->workers, w);
        for (int i = 0; i < s->workers.item[w].lease_count; i++)
            if (l[i].batch == b->id) {
                if (!rp__sched_act(out,
                                   (rp__action){.kind = RP__ACTION_CALL_BACK, .worker = w, .batch = b->id}))
                    return RP_ENOMEM;
                break;
            }
    }
    return RP_OK;
}

rp_status rp__sched_cancel(rp__sched *s, rp__sched_batch *b, rp_status why, rp__actions *out)
{
    if (b->cancel == RP_OK)
        b->cancel = why;
    rp_status st = rp__sched_settle_waiting(b, b->cancel, out);
    if (!st)
        st = call_back(s, b, out);
    return st ? st : rp__sched_finish_if_done(s, b, out);
}
