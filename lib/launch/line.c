/* SPDX-License-Identifier: BSD-3-Clause */
/* The job's side of the line to the launcher; the launcher's is desk.c. */
#include "launch/launch.h"
#include "launch/line_record.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define WELCOME_MS 10000 /* the launcher only has to look up; a loaded machine may take its time */
#define EXIT_MS    2000
#define UNREAD_ENOUGH                                                                                        \
    8192 /* progress that a stopped launcher leaves unread must not block the exit status                    \
          */

struct rp__line {
    int fd;
    int input_fd; /* -1: none, or taken */
    int columns;
    bool is_gone;
};

static bool parse_address(const char *text, rp__line_address *a)
{
    int end = 0;
    *a = (rp__line_address){0};
    return sscanf(text, "1:%63[^:]:%32[0-9a-f]:%d:%d%n", a->name, a->token, &a->ranks, &a->columns, &end) ==
               4 &&
           text[end] == '\0' && strlen(a->token) == RP__LINE_TOKEN_BYTES && a->ranks > 0 && a->columns >= 0;
}

/* RP_EMPTY when there is no launcher, RP_EINVAL when what stands there cannot be read. */
static rp_status find_address(rp__line_address *a)
{
    const char *text = getenv(RP__LINE_VARIABLE);
    if (!text || !*text)
        return RP_EMPTY;
    return parse_address(text, a) ? RP_OK : RP_EINVAL;
}

int rp__line_expected_ranks(void)
{
    rp__line_address a;
    return find_address(&a) == RP_OK ? a.ranks : 0;
}

/* Whoever listens must be this user: the name alone can be taken by anybody. */
static bool is_own_user(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.uid == geteuid();
}

static bool call(int fd, const rp__line_address *a)
{
    struct sockaddr_un sa;
    socklen_t len = rp__line_sockaddr(&sa, a->name);
    uint8_t hello[1 + RP__LINE_TOKEN_BYTES] = {RP__LINE_HELLO};
    memcpy(hello + 1, a->token, RP__LINE_TOKEN_BYTES);
    int rc;
    do
        rc = connect(fd, (struct sockaddr *) &sa, len);
    while (rc < 0 && errno == EINTR);
    if (rc < 0)
        return false;
    if (!is_own_user(fd)) {
        errno = EPERM;
        return false;
    }
    return send(fd, hello, sizeof hello, MSG_NOSIGNAL) == (ssize_t) sizeof hello;
}

static bool wait_for(int fd, short what, int ms)
{
    struct pollfd p = {.fd = fd, .events = what};
    rp__time until = rp__clock_mono() + ms * RP__MS;
    for (;;) {
        int n = poll(&p, 1, ms);
        if (n >= 0 || errno != EINTR)
            return n == 1;
        ms = (int) (rp__max64(until - rp__clock_mono(), 0) / RP__MS);
    }
}

/* The one descriptor in a message's control part, or -1. */
static int passed_fd(struct msghdr *msg)
{
    int fd = -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof fd))
            memcpy(&fd, CMSG_DATA(c), sizeof fd);
    return fd;
}

/* Waits for the welcome; false when it does not come, errno 0 when the launcher hung up instead. */
static bool be_welcomed(rp__line *l)
{
    uint8_t record[RP__LINE_RECORD_BYTES];
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {.iov_base = record, .iov_len = sizeof record};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof control.bytes};
    if (!wait_for(l->fd, POLLIN, WELCOME_MS)) {
        errno = ETIMEDOUT;
        return false;
    }
    ssize_t n = recvmsg(l->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0)
        return false;
    l->input_fd = passed_fd(&msg);
    errno = 0;
    if (n < 5 || record[0] != RP__LINE_WELCOME)
        return false;
    l->columns = rp__line_get32(record + 1);
    return true;
}

rp_status rp__line_open(rp__line **out, rp_error *err)
{
    rp__line_address a;
    rp_status found = find_address(&a);
    if (found == RP_EMPTY)
        return RP_EMPTY;
    if (found != RP_OK)
        return rp__fail(err, RP_ENET, "%s does not hold what a launcher writes there", RP__LINE_VARIABLE);
    rp__line *l = rp__alloc(sizeof *l);
    if (!l)
        return rp__fail(err, RP_ENOMEM, "no memory for the line to the launcher");
    *l = (rp__line){.input_fd = -1};
    l->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    bool is_called = l->fd >= 0 && call(l->fd, &a);
    if (is_called && be_welcomed(l)) {
        *out = l;
        return RP_OK;
    }
    int why = errno;
    rp__line_close(&l);
    return rp__fail(err, RP_ENET, "the launcher cannot be reached: %s",
                    why ? strerror(why) : "it does not know this process");
}

int rp__line_input(rp__line *l)
{
    int fd = l->input_fd;
    l->input_fd = -1;
    return fd;
}

int rp__line_fd(const rp__line *l)
{
    return l->fd;
}

int rp__line_columns(const rp__line *l)
{
    return l->columns;
}

rp__line_word rp__line_read(rp__line *l)
{
    uint8_t record[RP__LINE_RECORD_BYTES];
    while (!l->is_gone) {
        ssize_t n = recv(l->fd, record, sizeof record, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return RP__LINE_NOTHING;
        if (n <= 0)
            l->is_gone = true;
        else if (record[0] == RP__LINE_SAY_DRAIN)
            return RP__LINE_DRAIN;
        else if (record[0] == RP__LINE_SAY_KILL)
            return RP__LINE_KILL;
        else if (record[0] == RP__LINE_COLUMNS && n >= 5)
            l->columns = rp__line_get32(record + 1);
    }
    return RP__LINE_GONE;
}

void rp__line_progress(rp__line *l, const char *text)
{
    uint8_t record[RP__LINE_RECORD_BYTES] = {RP__LINE_PROGRESS};
    size_t len = strnlen(text, sizeof record - 1);
    int unread = 0;
    if (l->is_gone || l->columns == 0 || ioctl(l->fd, SIOCOUTQ, &unread) < 0 || unread > UNREAD_ENOUGH)
        return;
    memcpy(record + 1, text, len);
    (void) send(l->fd, record, 1 + len, MSG_NOSIGNAL | MSG_DONTWAIT); /* the next one replaces it anyway */
}

/* Sends a record that must not be lost, though the launcher may be slow. */
static void send_surely(rp__line *l, const uint8_t *record, size_t len)
{
    while (!l->is_gone && send(l->fd, record, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        if (errno == EINTR)
            continue;
        if ((errno != EAGAIN && errno != EWOULDBLOCK) || !wait_for(l->fd, POLLOUT, EXIT_MS))
            return; /* nobody is there to be told */
    }
}

void rp__line_begun(rp__line *l)
{
    uint8_t record[1] = {RP__LINE_BEGUN};
    send_surely(l, record, sizeof record);
}

void rp__line_exit(rp__line *l, int status)
{
    uint8_t record[5] = {RP__LINE_EXIT};
    rp__line_put32(record + 1, status);
    send_surely(l, record, sizeof record);
}

void rp__line_close(rp__line **l)
{
    if (!*l)
        return;
    if ((*l)->fd >= 0)
        (void) close((*l)->fd);
    if ((*l)->input_fd >= 0)
        (void) close((*l)->input_fd);
    rp__free(*l);
    *l = NULL;
}
