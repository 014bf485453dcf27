/* SPDX-License-Identifier: BSD-3-Clause */
/* The scheduler's promises about each action, checked task by task. */
#include "sched_model.h"

static void see_assign(model *m, const rp__action *a)
{
    model_worker *w = &m->worker[a->worker];
    model_batch *b = &m->batch[a->batch];
    model_must(m, w->is_alive, "ASSIGN only to a living worker");
    model_must(m, !b->is_done && b->cancel == RP_OK, "ASSIGN only of an open batch that is not cancelled");
    model_must(m, a->lease > m->last_lease, "lease numbers never come again");
    model_must(m, a->count >= 1 && a->count <= 64 && a->first >= 0 && a->first + a->count <= b->total,
               "ASSIGN of tasks that are there");
    model_must(m, a->attempt == 1 || a->count == 1, "a charged task goes alone");
    model_must(m, a->attempt <= m->opt.max_attempts, "no more than max_attempts");
    model_must(m, w->leases < MODEL_LEASES, "model: too many leases");
    if (m->why[0])
        return;
    for (int64_t t = a->first; t < a->first + a->count; t++) {
        model_must(m, !b->task[t].is_delivered, "ASSIGN of no done task");
        model_must(m, !model_is_held(m, a->batch, t), "ASSIGN of no task that a living worker holds");
        model_must(m, a->attempt == b->task[t].charged + 1, "the attempt is one above the charges");
    }
    m->last_lease = a->lease;
    w->lease[w->leases++] = (model_lease){.id = a->lease,
                                          .batch = a->batch,
                                          .attempt = a->attempt,
                                          .first = a->first,
                                          .count = a->count,
                                          .left = UINT64_MAX >> (64 - a->count)};
}

static void see_answered(model *m, const rp__action *a)
{
    const rp__event *ev = m->event;
    model_batch *b = &m->batch[a->batch];
    model_must(m,
               ev->kind == RP__EVENT_ANSWER && a->worker == ev->worker && a->lease == ev->lease &&
                   a->batch == ev->batch,
               "ACCEPT and DUPLICATE belong to the ANSWER");
    model_must(m, a->first == m->answered_to && a->first + a->count <= ev->first + ev->count,
               "ACCEPT and DUPLICATE go through the ANSWER in order");
    m->answered_to += a->count;
    for (int64_t t = a->first; !m->why[0] && t < a->first + a->count; t++) {
        bool is_first = a->kind == RP__ACTION_ACCEPT;
        model_must(m, b->task[t].is_delivered != is_first,
                   is_first ? "each task is delivered once" : "DUPLICATE only of delivered tasks");
        model_must(m, !is_first || !b->is_done, "nothing is delivered after BATCH_DONE");
        b->task[t].is_delivered = true;
    }
}

static void see_back(model *m, const rp__action *a)
{
    model_batch *b = &m->batch[a->batch];
    bool is_charge = a->kind == RP__ACTION_CHARGE;
    model_must(m, m->event->kind == RP__EVENT_WORKER_LOST && a->worker == m->event->worker,
               "REQUEUE and CHARGE belong to the loss");
    model_must(m, b->cancel == RP_OK || m->alive == 0, "nothing of a cancelled batch goes back");
    for (int64_t t = a->first; t < a->first + a->count; t++) {
        model_must(m, b->task[t].must_go_back, "only what the lost worker held goes back, and once");
        model_must(m, !b->task[t].is_delivered, "nothing done goes back");
        b->task[t].must_go_back = false;
        b->task[t].charged += is_charge;
        model_must(m, a->attempt == b->task[t].charged + !is_charge, "REQUEUE and CHARGE tell the attempt");
    }
    m->charges += is_charge;
    model_must(m, !is_charge || (a->count == 1 && a->batch == m->event->batch && a->first == m->event->first),
               "only the running task is charged");
}

static void see_settle(model *m, const rp__action *a)
{
    model_batch *b = &m->batch[a->batch];
    for (int64_t t = a->first; t < a->first + a->count; t++) {
        model_must(m, !b->is_done && !b->task[t].is_delivered, "each task is settled once");
        model_must(m, !model_is_held(m, a->batch, t), "no task that a living worker holds is settled");
        bool is_task_cancel = m->event->kind == RP__EVENT_TASK_CANCEL && a->status == RP_ECANCELED;
        bool is_lost = a->status == RP_ELOST && b->task[t].charged == m->opt.max_attempts;
        model_must(m, is_task_cancel || is_lost || (b->cancel && a->status == b->cancel),
                   "SETTLE says the right reason");
        b->task[t].is_delivered = true;
        b->task[t].must_go_back = false;
    }
}

static void see_call_back(model *m, const rp__action *a)
{
    const model_worker *w = &m->worker[a->worker];
    bool has = false;
    for (int i = 0; i < w->leases; i++)
        has |= w->lease[i].batch == a->batch;
    model_must(m, w->is_alive && has, "CALL_BACK only from a worker that holds something");
    model_must(m, m->batch[a->batch].cancel != RP_OK, "CALL_BACK only for a cancelled batch");
}

void model_see(model *m, const rp__action *a)
{
    switch (a->kind) {
    case RP__ACTION_ASSIGN:
        see_assign(m, a);
        break;
    case RP__ACTION_ACCEPT:
    case RP__ACTION_DUPLICATE:
        see_answered(m, a);
        break;
    case RP__ACTION_REQUEUE:
    case RP__ACTION_CHARGE:
        see_back(m, a);
        break;
    case RP__ACTION_SETTLE:
        see_settle(m, a);
        break;
    case RP__ACTION_CALL_BACK:
        see_call_back(m, a);
        break;
    case RP__ACTION_BATCH_DONE:
        model_must(m, !m->batch[a->batch].is_done, "BATCH_DONE once");
        model_must(m, model_batch_is_whole(&m->batch[a->batch]), "BATCH_DONE when all is done");
        m->batch[a->batch].is_done = true;
        break;
    case RP__ACTION_BROKEN:
        m->brokens++;
        break;
    case RP__ACTION_NONE:
    case RP__ACTION_COUNT:
        model_must(m, false, "an action has a name");
    }
}
