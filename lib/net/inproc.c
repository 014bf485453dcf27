/* SPDX-License-Identifier: BSD-3-Clause */
/* Queues of frames and words between ranks that are no processes. */
#include "net/inproc.h"

#include <poll.h>
#include <string.h>

typedef struct hub_frame hub_frame;
struct hub_frame {
    hub_frame *next;
    int from;
    size_t len;
    uint8_t data[];
};

typedef struct hub_word hub_word;
struct hub_word {
    hub_word *next;
    rp__control c;
};

typedef struct hub_end {
    rp__carrier carrier; /* first: a carrier is an end */
    rp__hub *hub;
    hub_frame *frames, **frames_tail, *current;
    hub_word *words, **words_tail;
    size_t backlog;
    int watched[2];
    int watched_len;
    uint32_t running_batch;
    int64_t running_task;
    bool is_dead, is_open;
} hub_end;

struct rp__hub {
    hub_end *end;
    int size, window;
    size_t max_frame;
    bool is_fake;
    rp__time now;
};

static rp__time hub_now(rp__carrier *c)
{
    const rp__hub *h = ((hub_end *) c)->hub;
    return h->is_fake ? h->now : rp__clock_mono();
}

static uint8_t *hub_frame_begin(rp__carrier *c)
{
    hub_frame *f = rp__alloc(sizeof *f + c->max_frame);
    return f ? f->data : NULL;
}

static void push_frame(hub_end *to, hub_frame *f)
{
    f->next = NULL;
    *to->frames_tail = f;
    to->frames_tail = &f->next;
    to->backlog++;
}

static rp_status hub_frame_send(rp__carrier *c, int peer, uint8_t *buf, size_t len)
{
    hub_end *from = (hub_end *) c, *to = &from->hub->end[peer];
    hub_frame *f = (hub_frame *) (void *) (buf - offsetof(hub_frame, data));
    f->from = c->rank;
    f->len = len;
    if (to->is_dead || from->is_dead)
        rp__free(f);
    else
        push_frame(to, f);
    return RP_OK;
}

static rp_status hub_frame_recv(rp__carrier *c, rp__frame *out)
{
    hub_end *e = (hub_end *) c;
    rp__free(e->current);
    hub_frame *f = e->current = e->frames;
    if (!f)
        return RP_EMPTY;
    e->frames = f->next;
    if (!e->frames)
        e->frames_tail = &e->frames;
    e->backlog--;
    *out = (rp__frame){f->from, f->data, f->len};
    return RP_OK;
}

static rp_status push_word(hub_end *to, rp__control control)
{
    hub_word *w = rp__alloc(sizeof *w);
    if (!w)
        return RP_ENOMEM;
    w->c = control;
    *to->words_tail = w;
    to->words_tail = &w->next;
    return RP_OK;
}

static rp_status hub_control_send(rp__carrier *c, int peer, rp__word word, uint64_t arg)
{
    hub_end *from = (hub_end *) c, *to = &from->hub->end[peer];
    if (to->is_dead || from->is_dead)
        return RP_OK;
    return push_word(to, (rp__control){.word = word, .peer = c->rank, .arg = arg});
}

static bool has_frame_from(const hub_end *e, int peer)
{
    for (const hub_frame *f = e->frames; f; f = f->next)
        if (f->from == peer)
            return true;
    return false;
}

static rp_status hub_control_recv(rp__carrier *c, rp__control *out)
{
    hub_end *e = (hub_end *) c;
    for (hub_word **at = &e->words; *at; at = &(*at)->next) {
        hub_word *w = *at;
        if (w->c.word == RP__WORD_LOST && has_frame_from(e, w->c.peer))
            continue; /* what it had sent comes first */
        *out = w->c;
        *at = w->next;
        if (!*at)
            e->words_tail = at;
        rp__free(w);
        return RP_OK;
    }
    return RP_EMPTY;
}

static void hub_ring(rp__carrier *c, int peer)
{
    (void) c;
    (void) peer;
}

static void hub_wait(rp__carrier *c, rp__time deadline)
{
    hub_end *e = (hub_end *) c;
    if (e->hub->is_fake || e->frames || e->words)
        return;
    struct pollfd fds[2];
    for (int i = 0; i < e->watched_len; i++)
        fds[i] = (struct pollfd){.fd = e->watched[i], .events = POLLIN};
    rp__time left = deadline == RP__NEVER ? 50 * RP__MS : deadline - rp__clock_mono();
    if (left > 0)
        (void) poll(fds, (nfds_t) e->watched_len,
                    (int) ((rp__min64(left, 50 * RP__MS) + RP__MS - 1) / RP__MS));
}

static void hub_watch(rp__carrier *c, int fd)
{
    hub_end *e = (hub_end *) c;
    if (e->watched_len < 2)
        e->watched[e->watched_len++] = fd;
}

static void hub_running_set(rp__carrier *c, uint32_t batch, int64_t task)
{
    hub_end *e = (hub_end *) c;
    if (e->is_dead)
        return; /* killed from inside a task, which runs to its end: the dead leave no word */
    e->running_batch = batch;
    e->running_task = task;
}

static bool hub_running_get(rp__carrier *c, int peer, uint32_t *batch_out, int64_t *task_out)
{
    const hub_end *e = &((hub_end *) c)->hub->end[peer];
    *batch_out = e->running_batch;
    *task_out = e->running_task;
    return true;
}

static int hub_window(const rp__carrier *c, int peer)
{
    (void) peer;
    return ((const hub_end *) (const void *) c)->hub->window;
}

static void empty_end(hub_end *e)
{
    for (hub_frame *f = e->frames, *next; f; f = next) {
        next = f->next;
        rp__free(f);
    }
    for (hub_word *w = e->words, *next; w; w = next) {
        next = w->next;
        rp__free(w);
    }
    rp__free(e->current);
    e->frames = e->current = NULL;
    e->frames_tail = &e->frames;
    e->words = NULL;
    e->words_tail = &e->words;
    e->backlog = 0;
}

static void hub_end_free(rp__carrier *c)
{
    hub_end *e = (hub_end *) c;
    empty_end(e);
    e->is_dead = true;
    e->is_open = false;
}

static const rp__carrier_ops hub_ops = {
    .now = hub_now,
    .frame_begin = hub_frame_begin,
    .frame_send = hub_frame_send,
    .frame_recv = hub_frame_recv,
    .control_send = hub_control_send,
    .control_recv = hub_control_recv,
    .ring = hub_ring,
    .wait = hub_wait,
    .watch = hub_watch,
    .running_set = hub_running_set,
    .running_get = hub_running_get,
    .free = hub_end_free,
};

rp_status rp__hub_new(rp__hub **out, int size, size_t max_frame, int window)
{
    rp__hub *h = rp__alloc(sizeof *h);
    if (h)
        h->end = rp__alloc_array((size_t) size, sizeof *h->end);
    if (!h || !h->end) {
        rp__free(h);
        return RP_ENOMEM;
    }
    h->size = size;
    h->window = window;
    h->max_frame = max_frame;
    for (int r = 0; r < size; r++) {
        empty_end(&h->end[r]);
        h->end[r].running_task = -1;
    }
    *out = h;
    return RP_OK;
}

rp_status rp__hub_carrier(rp__hub *h, int rank, rp__carrier **out)
{
    if (rank < 0 || rank >= h->size || h->end[rank].is_open)
        return RP_EINVAL;
    hub_end *e = &h->end[rank];
    e->carrier = (rp__carrier){
        .ops = &hub_ops, .rank = rank, .size = h->size, .max_frame = h->max_frame, .window = hub_window};
    e->hub = h;
    e->is_open = true;
    *out = &e->carrier;
    return RP_OK;
}

void rp__hub_free(rp__hub **h)
{
    if (!*h)
        return;
    for (int r = 0; r < (*h)->size; r++)
        empty_end(&(*h)->end[r]);
    rp__free((*h)->end);
    rp__free(*h);
    *h = NULL;
}

void rp__hub_fake_clock(rp__hub *h, rp__time start)
{
    h->is_fake = true;
    h->now = start;
}

void rp__hub_advance(rp__hub *h, rp__time by)
{
    h->now += by;
}

void rp__hub_kill(rp__hub *h, int rank)
{
    hub_end *e = &h->end[rank];
    if (e->is_dead)
        return;
    e->is_dead = true;
    empty_end(e);
    (void) push_word(&h->end[0], (rp__control){.word = RP__WORD_LOST, .peer = rank, .text = "killed"});
}

size_t rp__hub_backlog(const rp__hub *h, int rank)
{
    return h->end[rank].backlog;
}
