/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loop: hear -> step -> act -> send -> wait. What comes in becomes events for the scheduler.
 */
#include "master/state.h"

#include <rankpool/log.h>

#include <stdio.h>

/* Messages taken in one turn before sending: keeps workers fed while many answers come. */
#define TURN_BUDGET 64
/* Bytes of payload or results in an adaptive chunk. */
#define CHUNK_BYTES (256 << 10)

rp__open_batch *rp__master_find(const rp__master *m, uint32_t id)
{
    rp__open_batch *b = m->batches;
    while (b && b->id != id)
        b = b->next;
    return b;
}

rp_status rp__master_fail(rp__master *m, rp_status code, const char *fmt, ...)
{
    if (m->error.code)
        return m->error.code;
    rp__error_clear(&m->error);
    m->error.code = code;
    va_list ap;
    va_start(ap, fmt);
    (void) vsnprintf(m->error.text, sizeof m->error.text, fmt, ap); /* cut is fine */
    va_end(ap);
    return code;
}

rp__time rp__master_now(const rp__master *m)
{
    rp__carrier *c = rp__link_carrier(m->link);
    return c->ops->now(c);
}

/* ---- hearing ---- */

static void tell_worker(rp__master *m, int rank)
{
    if (m->hooks.worker)
        m->hooks.worker(m->hooks.ctx, rank, &m->worker[rank]);
}

static rp_status hear_hello(rp__master *m, int rank, rp__bytes body)
{
    rp__msg_hello h;
    if (!rp__wire_get_hello(body, &h))
        return rp__master_fail(
            m, RP_ENET, "rank %d runs another version of rankpool; start the same program on every rank",
            rank);
    rp__worker_info *w = &m->worker[rank];
    if (w->has_joined)
        return rp__master_fail(m, RP_ENET, "rank %d said hello twice", rank);
    memcpy(w->host, h.host, sizeof w->host);
    w->pid = h.pid;
    w->has_joined = true;
    rp_log(RP_LOG_DEBUG, "rank %d joined: %s, pid %lld", rank, w->host, (long long) w->pid);
    tell_worker(m, rank);
    return rp__master_event(m, &(rp__event){.kind = RP__EVENT_WORKER_JOIN, .worker = rank}, NULL);
}

static bool answer_fits(const rp__master *m, const rp__msg_answer *a)
{
    const rp__open_batch *b = rp__master_find(m, a->batch);
    if (!b || a->form != RP__ANSWER_COMPACT)
        return true; /* records are checked one by one */
    size_t want;
    return b->spec.has_fixed_result && !__builtin_mul_overflow((size_t) a->count, b->spec.out_size, &want) &&
           want == a->data.len;
}

static rp_status hear_answer(rp__master *m, int rank, rp__bytes body)
{
    rp__msg_answer a;
    if (!rp__wire_get_answer(body, &a) || !answer_fits(m, &a))
        return rp__master_fail(m, RP_ENET, "rank %d sent an answer that cannot be read", rank);
    m->counts.busy_s += (double) a.busy_ns * 1e-9;
    rp__event ev = {.kind = RP__EVENT_ANSWER,
                    .worker = rank,
                    .batch = a.batch,
                    .lease = a.lease,
                    .first = a.first,
                    .count = a.count,
                    .busy_ns = a.busy_ns};
    return rp__master_event(m, &ev, &a);
}

static rp_status hear_return(rp__master *m, int rank, rp__bytes body)
{
    rp__msg_return r;
    if (!rp__wire_get_return(body, &r))
        return rp__master_fail(m, RP_ENET, "rank %d gave tasks back in a way that cannot be read", rank);
    rp__event ev = {.kind = RP__EVENT_RETURN,
                    .worker = rank,
                    .batch = r.batch,
                    .lease = r.lease,
                    .first = r.first,
                    .count = r.count};
    return rp__master_event(m, &ev, NULL);
}

static rp_status hear_refuse(rp__master *m, int rank, rp__bytes body)
{
    rp__msg_refuse r;
    if (!rp__wire_get_refuse(body, &r))
        return rp__master_fail(m, RP_ENET, "rank %d refused a batch in a way that cannot be read", rank);
    char text[400];
    (void) snprintf(text, sizeof text, "rank %d on %s: %.300s", rank, m->worker[rank].host,
                    r.text); /* fits */
    return rp__master_batch_cancel(m, r.batch, RP_EBODY, text);
}

static rp_status hear_log(rp__master *m, int rank, rp__bytes body)
{
    rp__msg_log l;
    if (!rp__wire_get_log(body, &l))
        return rp__master_fail(m, RP_ENET, "rank %d sent a log record that cannot be read", rank);
    if (l.task >= 0)
        rp_log((rp_log_level) l.level, "rank %d task %lld: %s", rank, (long long) l.task, l.text);
    else
        rp_log((rp_log_level) l.level, "rank %d: %s", rank, l.text);
    return RP_OK;
}

static rp_status hear_message(rp__master *m, const rp__link_event *ev)
{
    switch (ev->type) {
    case RP__MSG_HELLO:
        return hear_hello(m, ev->peer, ev->body);
    case RP__MSG_ANSWER:
        return hear_answer(m, ev->peer, ev->body);
    case RP__MSG_RETURN:
        return hear_return(m, ev->peer, ev->body);
    case RP__MSG_REFUSE:
        return hear_refuse(m, ev->peer, ev->body);
    case RP__MSG_LOG:
        return hear_log(m, ev->peer, ev->body);
    case RP__MSG_BYE:
        m->has_left[ev->peer] = true;
        return RP_OK;
    case RP__MSG_NONE:
    case RP__MSG_BATCH:
    case RP__MSG_CHUNK:
    case RP__MSG_BATCH_END:
    case RP__MSG_CLOSE:
    case RP__MSG_COUNT:
        break;
    }
    return rp__master_fail(m, RP_ENET, "rank %d sent a %s message, which only the master sends", ev->peer,
                           rp__msg_name(ev->type));
}

/* The task the lost worker was running: read where it left word; a guess from its answers where it could not.
 */
static void fill_running(rp__master *m, rp__event *ev)
{
    rp__carrier *c = rp__link_carrier(m->link);
    if (!c->ops->running_get(c, ev->worker, &ev->batch, &ev->first) &&
        !rp__sched_running(m->sched, ev->worker, &ev->batch, &ev->first))
        ev->first = -1;
}

static rp_status hear_lost(rp__master *m, int rank, const char *how)
{
    rp__worker_info *w = &m->worker[rank];
    if (m->has_left[rank] || w->is_lost)
        return RP_OK; /* it went home */
    w->is_lost = true;
    m->counts.workers_lost++;
    rp__event ev = {.kind = RP__EVENT_WORKER_LOST, .worker = rank, .first = -1};
    fill_running(m, &ev);
    char doing[64] = "idle", text[256];
    if (ev.first >= 0)
        (void) snprintf(doing, sizeof doing, "running task %lld", (long long) ev.first); /* fits */
    int64_t before = m->counts.sched.requeued;
    rp_status st = w->has_joined ? rp__master_event(m, &ev, NULL) : RP_OK;
    rp__sched_counts_get(m->sched, &m->counts.sched);
    (void) snprintf(text, sizeof text, "lost rank %d (%s, pid %lld, %s): %s; %lld untouched tasks go back",
                    rank, w->host[0] ? w->host : "?", (long long) w->pid, doing, how,
                    (long long) (m->counts.sched.requeued - before));
    rp_log(RP_LOG_WARN, "%s", text);
    tell_worker(m, rank);
    if (m->hooks.event)
        m->hooks.event(m->hooks.ctx, "lost", rank, text);
    return st;
}

rp_status rp__master_hear(rp__master *m, const rp__link_event *ev)
{
    if (ev->kind == RP__LINK_MESSAGE)
        return hear_message(m, ev);
    if (ev->control.word == RP__WORD_LOST)
        return hear_lost(m, ev->peer, ev->control.text);
    return RP_OK;
}

/* ---- the turn ---- */

static rp_status hear_some(rp__master *m, bool *did)
{
    rp__link_event ev;
    rp_error err;
    rp_status st = RP_OK;
    for (int n = 0; n < TURN_BUDGET && !st; n++) {
        st = rp__link_next(m->link, &ev, &err);
        if (st == RP_EMPTY)
            return RP_OK;
        if (st)
            return rp__master_fail(m, st, "%s", err.text);
        *did = true;
        st = rp__master_hear(m, &ev);
    }
    return st;
}

rp_status rp__master_flush(rp__master *m)
{
    if (m->error.code)
        return m->error.code;
    rp_status st = rp__link_flush(m->link);
    return st ? rp__master_fail(m, st, "message passing failed while sending to the workers") : RP_OK;
}

rp_status rp__master_turn(rp__master *m, rp__time deadline)
{
    bool did = false;
    rp_status st = m->error.code ? m->error.code : hear_some(m, &did);
    if (!st)
        st = rp__master_flush(m);
    if (!st && m->opt.drive) {
        rp_error err;
        st = m->opt.drive(m->opt.drive_ctx, &err);
        did = did || st == RP_OK;
        if (st < 0)
            return rp__master_fail(m, st, "%s", err.text);
        st = RP_OK;
    }
    if (!st && !did && deadline > 0) {
        rp__carrier *c = rp__link_carrier(m->link);
        c->ops->wait(c, deadline);
    }
    return st;
}

/* ---- batches ---- */

/* Tasks of an adaptive chunk, so that neither payload nor results make a long message. */
static int64_t max_chunk(const rp__batch_spec *s)
{
    size_t each = s->source->in_size > s->out_size ? s->source->in_size : s->out_size;
    if (each == 0)
        return s->source->payload == RP__PAYLOAD_SIZED || !s->has_fixed_result ? 4096 : INT64_C(1) << 40;
    return rp__max64(1, (int64_t) (CHUNK_BYTES / each));
}

rp_status rp__master_batch_open(rp__master *m, const rp__batch_spec *spec, uint32_t *id_out)
{
    rp__open_batch *b = rp__alloc(sizeof *b);
    if (b)
        b->is_known = rp__alloc_array((size_t) m->size, sizeof *b->is_known);
    if (!b || !b->is_known) {
        rp__free(b);
        return RP_ENOMEM;
    }
    b->id = ++m->last_batch;
    b->spec = *spec;
    b->next = m->batches;
    m->batches = b;
    *id_out = b->id;
    rp__event ev = {
        .kind = RP__EVENT_BATCH_OPEN, .batch = b->id, .chunk = spec->chunk, .max_chunk = max_chunk(spec)};
    return rp__master_event(m, &ev, NULL);
}

rp_status rp__master_batch_done_before(rp__master *m, uint32_t id, int64_t first, int64_t count)
{
    return rp__master_event(
        m, &(rp__event){.kind = RP__EVENT_ALREADY_DONE, .batch = id, .first = first, .count = count}, NULL);
}

rp_status rp__master_batch_grow(rp__master *m, uint32_t id, int64_t count)
{
    m->counts.submitted += count;
    return rp__master_event(m, &(rp__event){.kind = RP__EVENT_BATCH_GROW, .batch = id, .count = count}, NULL);
}

rp_status rp__master_batch_seal(rp__master *m, uint32_t id)
{
    return rp__master_event(m, &(rp__event){.kind = RP__EVENT_BATCH_SEAL, .batch = id}, NULL);
}

rp_status rp__master_batch_cancel(rp__master *m, uint32_t id, rp_status why, const char *text)
{
    rp__open_batch *b = rp__master_find(m, id);
    if (!b)
        return RP_OK;
    if (!b->cancel_text[0])
        (void) snprintf(b->cancel_text, sizeof b->cancel_text, "%s", text); /* cut is fine */
    return rp__master_event(m, &(rp__event){.kind = RP__EVENT_BATCH_CANCEL, .batch = id, .status = why},
                            NULL);
}

rp_status rp__master_task_cancel(rp__master *m, uint32_t id, int64_t task)
{
    return rp__master_event(m, &(rp__event){.kind = RP__EVENT_TASK_CANCEL, .batch = id, .first = task}, NULL);
}

/* ---- start and end ---- */

rp_status rp__master_wait_workers(rp__master *m, rp__time deadline, rp_error *err)
{
    for (;;) {
        int missing = 0, joined = 0;
        for (int w = 1; w < m->size; w++) {
            joined += m->worker[w].has_joined && !m->worker[w].is_lost;
            missing += !m->worker[w].has_joined && !m->worker[w].is_lost;
        }
        if (missing == 0)
            return joined ? RP_OK : rp__fail(err, RP_EBROKEN, "no worker joined the pool");
        if (rp__master_now(m) >= deadline)
            return rp__fail(err, RP_ENET, "%d of %d workers did not answer in time", missing, m->size - 1);
        rp_status st = rp__master_turn(m, deadline);
        if (st)
            return rp__fail(err, st, "%s", m->error.text);
    }
}

rp_status rp__master_stop(rp__master *m, bool kill)
{
    rp_status st = RP_OK;
    if (!m->is_stopped) {
        m->is_stopped = true;
        st = rp__master_event(m, &(rp__event){.kind = RP__EVENT_STOP}, NULL);
    }
    rp__carrier *c = rp__link_carrier(m->link);
    for (int w = 1; w < m->size && kill && !st; w++)
        if (m->worker[w].has_joined && !m->worker[w].is_lost)
            st = c->ops->control_send(c, w, RP__WORD_KILL, 0);
    return st;
}

bool rp__master_is_stopped(const rp__master *m)
{
    return m->is_stopped;
}

/* Nothing is outstanding when this returns RP_OK: every batch is done, so no worker holds a task; CLOSE is
 * the last message to each worker and BYE the last from it, and a worker that sent no BYE is lost. */
rp_status rp__master_close(rp__master *m, rp__time deadline)
{
    rp_status st = m->error.code;
    bool is_first = !m->is_closing;
    m->is_closing = true;
    for (int w = 1; w < m->size && is_first && !st; w++) {
        rp__buf head = {0};
        rp__wire_put_u32(&head, m->counts.workers_lost > 0);
        st = rp__link_send(m->link, w, RP__MSG_CLOSE, &head, NULL, 0);
        rp__buf_done(&head);
    }
    while (!st) {
        int waiting = 0;
        for (int w = 1; w < m->size; w++)
            waiting += m->worker[w].has_joined && !m->worker[w].is_lost && !m->has_left[w];
        if (waiting == 0 && rp__link_is_sent(m->link, -1))
            return RP_OK;
        if (rp__master_now(m) >= deadline)
            return RP_TIMEOUT;
        st = rp__master_turn(m, deadline);
    }
    return st;
}

rp_status rp__master_new(rp__master **out, rp__link *link, const rp__master_options *opt)
{
    rp__master *m = rp__alloc(sizeof *m);
    if (!m)
        return RP_ENOMEM;
    m->link = link;
    m->opt = *opt;
    m->size = rp__link_carrier(link)->size;
    rp__error_clear(&m->error);
    m->worker = rp__alloc_array((size_t) m->size, sizeof *m->worker);
    m->has_left = rp__alloc_array((size_t) m->size, sizeof *m->has_left);
    rp__sched_options so = {
        .max_workers = m->size, .prefetch = opt->prefetch, .max_attempts = opt->max_attempts};
    rp_status st = m->worker && m->has_left ? rp__sched_new(&m->sched, &so) : RP_ENOMEM;
    if (st)
        rp__master_free(&m);
    else
        *out = m;
    return st;
}

void rp__master_free(rp__master **master)
{
    rp__master *m = *master;
    if (!m)
        return;
    for (rp__open_batch *b = m->batches, *next; b; b = next) {
        next = b->next;
        rp__free(b->is_known);
        rp__free(b);
    }
    rp__sched_free(&m->sched);
    rp__parts_done(&m->parts);
    rp__free(m->worker);
    rp__free(m->has_left);
    rp__free(m);
    *master = NULL;
}

/* ---- looking in ---- */

void rp__master_counts_get(const rp__master *m, rp__master_counts *out)
{
    *out = m->counts;
    rp__sched_counts_get(m->sched, &out->sched);
}

const rp__worker_info *rp__master_worker(const rp__master *m, int worker)
{
    return &m->worker[worker];
}

int rp__master_size(const rp__master *m)
{
    return m->size;
}

void rp__master_hooks_set(rp__master *m, const rp__master_hooks *hooks)
{
    m->hooks = hooks ? *hooks : (rp__master_hooks){0};
    for (int w = 1; w < m->size; w++)
        if (m->worker[w].has_joined || m->worker[w].is_lost)
            tell_worker(m, w);
}

const rp_error *rp__master_error(const rp__master *m)
{
    return &m->error;
}
