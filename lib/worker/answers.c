/* SPDX-License-Identifier: BSD-3-Clause */
/* Collecting results into ANSWER messages. */
#include "worker/answers.h"

#define ANSWER_BYTES (256 << 10) /* an answer goes when it has collected that much */

void *rp__answers_slot(rp__answers *a, size_t out_size, int64_t want, bool *fine)
{
    *fine = true;
    if (a->fixed && a->head.count == 0 && a->out_size != out_size) {
        rp__free(a->fixed); /* left by a lease that was called back after a failure */
        a->fixed = NULL;
    }
    if (out_size == 0)
        return NULL;
    if (!a->fixed) {
        a->room = rp__max64(1, rp__min64(want, (int64_t) (ANSWER_BYTES / out_size)));
        a->out_size = out_size;
        a->fixed = rp__alloc_array((size_t) a->room, out_size);
        *fine = a->fixed != NULL;
        if (!*fine)
            return NULL;
    }
    int64_t at = a->head.form == RP__ANSWER_COMPACT ? a->head.count : 0;
    return a->fixed + (size_t) at * out_size;
}

/* Begins an answer with this task, or lengthens the one that is open. */
static void extend(rp__answers *a, const rp__msg_answer *task, rp__answer_form form)
{
    if (a->head.count == 0) {
        a->head = *task;
        a->head.form = form;
        a->head.count = 0;
    }
    a->head.count++;
}

void rp__answers_compact(rp__answers *a, const rp__msg_answer *task)
{
    extend(a, task, RP__ANSWER_COMPACT);
}

rp_status rp__answers_record(rp__answers *a, const rp__msg_answer *task, const rp__record *r)
{
    size_t before = a->records.len;
    rp__wire_put_record(&a->records, r);
    if (a->records.failed) {
        a->records.len = before;
        a->records.failed = false;
        return RP_ENOMEM;
    }
    extend(a, task, RP__ANSWER_RECORDS);
    return RP_OK;
}

bool rp__answers_is_full(const rp__answers *a)
{
    if (a->head.form == RP__ANSWER_RECORDS)
        return a->records.len >= ANSWER_BYTES;
    return a->fixed && a->head.count >= a->room;
}

rp_status rp__answers_flush(rp__answers *a, rp__time now)
{
    if (a->head.count == 0)
        return RP_OK;
    rp__part part = {0};
    if (a->head.form == RP__ANSWER_RECORDS)
        part = (rp__part){a->records.data, a->records.len, a->records.data};
    else if (a->fixed)
        part = (rp__part){a->fixed, (size_t) a->head.count * a->out_size, a->fixed};
    a->head.busy_ns = now - a->since;
    rp__buf head = {0};
    rp__wire_put_answer(&head, &a->head);
    rp_status st = rp__link_send(a->link, 0, RP__MSG_ANSWER, &head, &part, part.len > 0);
    rp__buf_done(&head);
    if (st)
        return st;
    if (a->head.form == RP__ANSWER_RECORDS)
        a->records = (rp__buf){0};
    else
        a->fixed = NULL;
    a->head.count = 0;
    a->head.form = RP__ANSWER_NONE;
    a->since = now;
    return RP_OK;
}

void rp__answers_done(rp__answers *a)
{
    rp__free(a->fixed);
    rp__buf_done(&a->records);
}
