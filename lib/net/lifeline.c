/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections once they stand: words, ends, sleeping. How they are made is in lifeline_connect.c. */
#include "net/lifeline_state.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WORD_BYTES 16

rp_status rp__lifeline_new(rp__lifeline **out, int size, int rank)
{
    rp__lifeline *l = rp__alloc(sizeof *l);
    if (!l)
        return RP_ENOMEM;
    l->size = size;
    l->rank = rank;
    l->unix_fd = l->tcp_fd = l->page_fd = -1;
    l->conn = rp__alloc_array((size_t) size, sizeof *l->conn);
    l->queue = rp__alloc_array(RP__LIFELINE_QUEUE, sizeof *l->queue);
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (int r = 0; l->conn && r < size; r++)
        l->conn[r].fd = l->conn[r].pidfd = -1;
    if (!l->conn || !l->queue || l->epoll_fd < 0) {
        rp__lifeline_close(&l);
        return RP_ENOMEM;
    }
    atomic_store(&l->private_line.task, -1);
    *out = l;
    return RP_OK;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void close_conn(rp__lifeline_conn *c)
{
    close_fd(&c->fd); /* closing takes it out of epoll */
    close_fd(&c->pidfd);
    c->is_closed = true;
}

void rp__lifeline_close(rp__lifeline **line)
{
    rp__lifeline *l = *line;
    if (!l)
        return;
    for (int r = 0; l->conn && r < l->size; r++)
        close_conn(&l->conn[r]);
    close_fd(&l->unix_fd);
    close_fd(&l->tcp_fd);
    close_fd(&l->page_fd);
    close_fd(&l->epoll_fd);
    if (l->page)
        munmap(l->page, (size_t) l->size * sizeof *l->page);
    rp__free(l->conn);
    rp__free(l->queue);
    rp__free(l);
    *line = NULL;
}

rp__page_line *rp__lifeline_own_line(rp__lifeline *l)
{
    return l->page ? &l->page[l->rank] : &l->private_line;
}

rp__page_line *rp__lifeline_line(rp__lifeline *l, int peer)
{
    return l->page && l->conn[peer].has_page ? &l->page[peer] : NULL;
}

bool rp__lifeline_is_closed(const rp__lifeline *l, int peer)
{
    return l->conn[peer].is_closed;
}

/* ---- watching ---- */

/* epoll's data: connection of a rank, its pidfd, or a watched descriptor, which only wakes. */
enum { KIND_CONN = 0, KIND_PIDFD, KIND_WATCHED };

static bool add_to_epoll(rp__lifeline *l, int fd, uint32_t kind, int rank)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = (uint64_t) kind << 32 | (uint32_t) rank};
    return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0;
}

bool rp__lifeline_admit(rp__lifeline *l, int rank, int fd, int64_t pid, bool has_page)
{
    rp__lifeline_conn *c = &l->conn[rank];
    c->fd = fd;
    c->has_page = has_page;
    c->is_closed = false;
    if (!add_to_epoll(l, fd, KIND_CONN, rank))
        return false;
    if (pid > 0)
        c->pidfd = (int) syscall(SYS_pidfd_open, (pid_t) pid, 0);
    if (c->pidfd >= 0)
        (void) add_to_epoll(l, c->pidfd, KIND_PIDFD, rank); /* end of file is left to tell */
    return true;
}

void rp__lifeline_watch(rp__lifeline *l, int fd)
{
    (void) add_to_epoll(l, fd, KIND_WATCHED, 0); /* without it waiting is only slower to wake */
}

/* ---- words ---- */

rp_status rp__lifeline_send(rp__lifeline *l, int peer, rp__word word, uint64_t arg)
{
    rp__lifeline_conn *c = &l->conn[peer];
    uint64_t message[2] = {word, arg}; /* both ends run the same build on the same kind of machine */
    while (!c->is_closed) {
        ssize_t n = send(c->fd, message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n == (ssize_t) sizeof message)
            return RP_OK;
        if (n >= 0)
            return RP_ENET; /* sockets take 16 bytes whole or not at all */
        if (errno == EAGAIN && word == RP__WORD_DOORBELL)
            return RP_OK; /* it has thousands of words to wake up to */
        if (errno == EAGAIN) {
            struct pollfd p = {.fd = c->fd, .events = POLLOUT};
            if (poll(&p, 1, 1000) > 0)
                continue;
            return RP_ENET;
        }
        if (errno != EINTR)
            return RP_OK; /* it is dying: the read side tells */
    }
    return RP_OK;
}

static void enqueue(rp__lifeline *l, rp__control c)
{
    assert(l->queue_len < RP__LIFELINE_QUEUE); /* read_conn leaves room */
    l->queue[(l->queue_head + l->queue_len++) % RP__LIFELINE_QUEUE] = c;
}

static void lose(rp__lifeline *l, int rank, const char *how)
{
    if (l->conn[rank].is_closed)
        return;
    close_conn(&l->conn[rank]);
    enqueue(l, (rp__control){.word = RP__WORD_LOST, .peer = rank, .text = how});
}

#define EVENTS 64 /* taken from epoll at a time */

/* Reads the whole words that are there; leaves room in the queue for a LOST of each connection at hand. */
static void read_conn(rp__lifeline *l, int rank)
{
    rp__lifeline_conn *c = &l->conn[rank];
    while (!c->is_closed && l->queue_len + EVENTS < RP__LIFELINE_QUEUE) {
        ssize_t n = recv(c->fd, c->part + c->have, WORD_BYTES - c->have, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            lose(l, rank, n == 0 ? "its connection closed" : strerror(errno));
            return;
        }
        c->have += (size_t) n;
        if (c->have < WORD_BYTES)
            continue;
        uint64_t message[2];
        memcpy(message, c->part, sizeof message);
        c->have = 0;
        if (message[0] != RP__WORD_DOORBELL && message[0] < RP__WORD_COUNT && message[0] != RP__WORD_LOST)
            enqueue(l, (rp__control){.word = (rp__word) message[0], .peer = rank, .arg = message[1]});
    }
}

/* Takes what is readable now into the queue. */
static void poll_lines(rp__lifeline *l)
{
    struct epoll_event e[EVENTS];
    int n = epoll_wait(l->epoll_fd, e, EVENTS, 0);
    for (int i = 0; i < n; i++) {
        int rank = (int) (uint32_t) e[i].data.u64;
        uint32_t kind = (uint32_t) (e[i].data.u64 >> 32);
        if (kind == KIND_WATCHED)
            continue;
        read_conn(l, rank);
        if (kind == KIND_PIDFD)
            lose(l, rank, "its process ended");
    }
}

rp_status rp__lifeline_recv(rp__lifeline *l, rp__control *out)
{
    if (l->queue_len == 0)
        poll_lines(l);
    if (l->queue_len == 0)
        return RP_EMPTY;
    *out = l->queue[l->queue_head];
    l->queue_head = (l->queue_head + 1) % RP__LIFELINE_QUEUE;
    l->queue_len--;
    return RP_OK;
}

bool rp__lifeline_wait(rp__lifeline *l, rp__time timeout)
{
    if (l->queue_len > 0)
        return true;
    struct epoll_event e;
    int ms = timeout <= 0 ? 0 : (int) rp__min64((timeout + RP__MS - 1) / RP__MS, 60000);
    return epoll_wait(l->epoll_fd, &e, 1, ms) > 0;
}
