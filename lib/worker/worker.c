/* SPDX-License-Identifier: BSD-3-Clause */
/* The worker's step: hear, run (run.c), answer. */
#include "report/log.h"
#include "worker/state.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define LOG_MAX_BYTES (64 << 10) /* log records queued and not sent; more are dropped and counted */

/* ---- talking ---- */

rp__time rp__worker_now(rp__worker *w)
{
    rp__carrier *c = rp__link_carrier(w->link);
    return c->ops->now(c);
}

static rp_status send_head(rp__worker *w, rp__msg_type type, rp__buf *head)
{
    rp_status st = rp__link_send(w->link, 0, type, head, NULL, 0);
    rp__buf_done(head);
    return st;
}

static void send_log(void *ctx, const rp__log_record *r)
{
    rp__worker *w = ctx;
    rp__msg_log m = {.level = r->level, .task = r->task};
    if (rp__link_is_sent(w->link, 0))
        w->log_bytes = 0;
    w->log_bytes += strlen(r->text);
    if (w->log_bytes > LOG_MAX_BYTES) {
        w->logs_dropped++;
        return;
    }
    (void) snprintf(m.text, sizeof m.text, "%s", r->text); /* same size */
    rp__buf head = {0};
    rp__wire_put_log(&head, &m);
    if (send_head(w, RP__MSG_LOG, &head))
        w->logs_dropped++;
}

static rp_status send_hello(rp__worker *w)
{
    rp__msg_hello m = {.pid = getpid()};
    (void) gethostname(m.host, sizeof m.host - 1); /* empty is fine */
    rp__buf head = {0};
    rp__wire_put_hello(&head, &m);
    rp_status st = send_head(w, RP__MSG_HELLO, &head);
    return st ? st : rp__link_flush(w->link);
}

rp_status rp__worker_give_back(rp__worker *w, const rp__held_lease *l, int64_t first, int64_t end)
{
    rp__msg_return m = {
        .batch = l->chunk.batch, .lease = l->chunk.lease, .first = first, .count = end - first};
    rp__buf head = {0};
    rp__wire_put_return(&head, &m);
    return send_head(w, RP__MSG_RETURN, &head);
}

/* ---- hearing ---- */

static rp__worker_batch *find_batch(const rp__worker *w, uint32_t id)
{
    rp__worker_batch *b = w->batches;
    while (b && b->info.batch != id)
        b = b->next;
    return b;
}

static rp_status hear_batch(rp__worker *w, rp__bytes body, rp_error *err)
{
    rp_error why;
    rp__worker_batch *b = NULL;
    rp_status st = rp__worker_batch_new(&b, body, &why);
    if (!b)
        return rp__fail(err, st, "%s", why.text);
    b->message = rp__link_take(w->link);
    b->next = w->batches;
    w->batches = b;
    b->is_called_back = b->info.batch == w->early_call_back;
    if (st == RP_OK && b->info.body == RP__BODY_COMMAND && !w->opt.supervisor) {
        st = rp__fail(&why, RP_EBODY, "commands need the supervisor: call rp_init() first in main");
        b->is_refused = true;
    }
    if (st == RP_OK)
        return RP_OK;
    rp__msg_refuse m = {.batch = b->info.batch};
    (void) snprintf(m.text, sizeof m.text, "%.390s", why.text);
    rp__buf head = {0};
    rp__wire_put_refuse(&head, &m);
    return send_head(w, RP__MSG_REFUSE, &head);
}

static rp_status hear_chunk(rp__worker *w, rp__bytes body, rp_error *err)
{
    rp__msg_chunk chunk;
    rp__worker_batch *b = rp__wire_get_chunk(body, &chunk) ? find_batch(w, chunk.batch) : NULL;
    rp__held_lease *l = NULL;
    rp_status st = b ? rp__held_lease_new(&l, &chunk, b) : RP_ENET;
    if (st)
        return rp__fail(err, st, st == RP_ENOMEM ? "no memory" : "the chunk cannot be read");
    if (b->is_refused || b->is_called_back) { /* the batch ends */
        st = rp__worker_give_back(w, l, chunk.first, chunk.first + chunk.count);
        rp__held_lease_free(l);
        return st;
    }
    l->message = rp__link_take(w->link);
    rp__held_lease **at = &w->leases;
    while (*at)
        at = &(*at)->next;
    *at = l;
    return RP_OK;
}

void rp__worker_drop_lease(rp__worker *w, rp__held_lease *l)
{
    rp__held_lease **at = &w->leases;
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    rp__held_lease_free(l);
}

/* Gives back what is not started of a batch. */
static rp_status call_back(rp__worker *w, uint32_t batch)
{
    rp_status st = RP_OK;
    rp__worker_batch *b = find_batch(w, batch);
    if (b)
        b->is_called_back = true;
    else
        w->early_call_back = batch; /* words and messages are not ordered with each other */
    for (rp__held_lease *l = w->leases, *next; l && !st; l = next) {
        next = l->next;
        if (l->chunk.batch != batch || l->next_task == l->end)
            continue;
        st = rp__worker_give_back(w, l, l->next_task, l->end);
        l->end = l->next_task;
        if (!(w->is_command_running && l == w->leases))
            rp__worker_drop_lease(w, l);
    }
    return st;
}

static void forget_batch(rp__worker *w, uint32_t id)
{
    for (rp__held_lease *l = w->leases, *next; l; l = next) {
        next = l->next;
        if (l->chunk.batch == id && !(w->is_command_running && l == w->leases))
            rp__worker_drop_lease(w, l); /* its tasks were answered by others */
    }
    rp__worker_batch **at = &w->batches;
    while (*at && (*at)->info.batch != id)
        at = &(*at)->next;
    rp__worker_batch *b = *at;
    if (!b || (w->leases && w->leases->batch == b))
        return;
    *at = b->next;
    rp__worker_batch_free(b);
}

static rp_status hear_message(rp__worker *w, const rp__link_event *ev, rp_error *err)
{
    uint32_t id = 0;
    if (ev->type == RP__MSG_BATCH)
        return hear_batch(w, ev->body, err);
    if (ev->type == RP__MSG_CHUNK)
        return hear_chunk(w, ev->body, err);
    if ((ev->type != RP__MSG_BATCH_END && ev->type != RP__MSG_CLOSE) || !rp__wire_get_u32(ev->body, &id))
        return rp__fail(err, RP_ENET, "the master sent a %s message that cannot be read",
                        rp__msg_name(ev->type));
    if (ev->type == RP__MSG_BATCH_END) {
        forget_batch(w, id);
        return RP_OK;
    }
    w->saw_losses = id != 0;
    w->is_closing = true;
    return RP_OK;
}

static rp_status hear_word(rp__worker *w, const rp__control *c, rp_error *err)
{
    switch (c->word) {
    case RP__WORD_CALL_BACK:
        return call_back(w, (uint32_t) c->arg);
    case RP__WORD_KILL:
        if ((w->is_command_killed = w->is_command_running))
            rp__supervisor_kill(w->opt.supervisor, SIGKILL);
        return RP_OK;
    case RP__WORD_LOST:
        return rp__fail(err, RP_EBROKEN, "the master is gone (%s)", c->text);
    case RP__WORD_NONE:
    case RP__WORD_DOORBELL:
    case RP__WORD_ACK:
    case RP__WORD_COUNT:
        break;
    }
    return RP_OK;
}

static rp_status hear(rp__worker *w, bool *did, rp_error *err)
{
    rp__link_event ev;
    for (;;) {
        rp_status st = rp__link_next(w->link, &ev, err);
        if (st == RP_EMPTY)
            return RP_OK;
        if (!st)
            st = ev.kind == RP__LINK_MESSAGE ? hear_message(w, &ev, err) : hear_word(w, &ev.control, err);
        if (st)
            return st;
        *did = true;
    }
}

/* ---- the step ---- */

static rp_status say_bye(rp__worker *w)
{
    rp__buf none = {0};
    if (w->logs_dropped)
        rp_log(RP_LOG_WARN, "%lld log records were dropped: too many at once", (long long) w->logs_dropped);
    return send_head(w, RP__MSG_BYE, &none);
}

rp_status rp__worker_step(rp__worker *w, rp_error *err)
{
    bool did = false, was_closing = w->is_closing;
    rp__error_clear(err);
    rp_status st = hear(w, &did, err);
    if (!st)
        st = rp__worker_run(w, &did, err);
    if (!st && w->is_closing && !was_closing)
        st = say_bye(w);
    if (!st)
        st = rp__link_flush(w->link);
    if (st)
        return err && err->code == st ? st : rp__fail(err, st, "cannot go on: %s", rp_status_text(st));
    if (w->is_closing && rp__link_is_sent(w->link, 0))
        return RP_SERVED;
    return did ? RP_OK : RP_EMPTY;
}

rp_status rp__worker_serve(rp__worker *w, rp_error *err)
{
    rp__carrier *c = rp__link_carrier(w->link);
    if (w->opt.supervisor)
        c->ops->watch(c, rp__supervisor_fd(w->opt.supervisor));
    for (;;) {
        rp_status st = rp__worker_step(w, err);
        if (st == RP_EMPTY)
            c->ops->wait(c, RP__NEVER);
        else if (st)
            return st;
    }
}

rp_status rp__worker_new(rp__worker **out, rp__link *link, const rp__worker_options *opt)
{
    rp__worker *w = rp__alloc(sizeof *w);
    if (!w)
        return RP_ENOMEM;
    w->link = link;
    w->opt = *opt;
    w->answers.link = link;
    w->stride = 1;
    rp_status st = send_hello(w);
    if (st) {
        rp__free(w);
        return st;
    }
    rp__log_speaker(opt->rank, -1);
    if (opt->rank != 0) /* a pool of one rank logs where its master does */
        rp__log_divert(send_log, w);
    *out = w;
    return RP_OK;
}

void rp__worker_free(rp__worker **worker)
{
    rp__worker *w = *worker;
    if (!w)
        return;
    if (w->opt.rank != 0)
        rp__log_divert(NULL, NULL);
    while (w->leases)
        rp__worker_drop_lease(w, w->leases);
    for (rp__worker_batch *b = w->batches, *next; b; b = next) {
        next = b->next;
        rp__worker_batch_free(b);
    }
    rp__answers_done(&w->answers);
    rp__buf_done(&w->task.result);
    rp__free(w);
    *worker = NULL;
}

bool rp__worker_saw_losses(const rp__worker *w)
{
    return w->saw_losses;
}
