/* SPDX-License-Identifier: BSD-3-Clause */
/* The launcher's side of the line; line.c is the job's. */
#include "launch/desk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

/* n hexadecimal digits of randomness and a NUL. */
static bool random_digits(char *text, size_t n)
{
    uint8_t bytes[RP__LINE_TOKEN_BYTES / 2];
    if (n / 2 > sizeof bytes || getrandom(bytes, n / 2, 0) != (ssize_t) (n / 2))
        return false;
    for (size_t i = 0; i < n / 2; i++)
        (void) snprintf(text + 2 * i, 3, "%02x", bytes[i]); /* always two digits */
    return true;
}

rp_status rp__desk_open(rp__desk *d, int ranks, int columns, int input_fd, rp_error *err)
{
    struct sockaddr_un sa;
    char mark[17];
    *d = (rp__desk){.listen_fd = -1, .line_fd = -1, .input_fd = input_fd, .guests = {-1, -1, -1, -1}};
    d->address.ranks = ranks;
    d->address.columns = columns;
    if (!random_digits(d->address.token, RP__LINE_TOKEN_BYTES) || !random_digits(mark, 16))
        return rp__fail(err, RP_ESYSTEM, "no random numbers: %s", strerror(errno));
    (void) snprintf(d->address.name, sizeof d->address.name, "rankpool-%d-%s", (int) getpid(), mark);
    socklen_t len = rp__line_sockaddr(&sa, d->address.name);
    d->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (d->listen_fd >= 0 && bind(d->listen_fd, (struct sockaddr *) &sa, len) == 0 &&
        listen(d->listen_fd, 8) == 0)
        return RP_OK;
    rp_status rc = rp__fail(err, RP_ESYSTEM, "cannot listen for the job: %s", strerror(errno));
    rp__desk_close(d);
    return rc;
}

static void hang_up(int *fd)
{
    if (*fd >= 0)
        (void) close(*fd);
    *fd = -1;
}

void rp__desk_close(rp__desk *d)
{
    hang_up(&d->listen_fd);
    hang_up(&d->line_fd);
    for (int i = 0; i < RP__DESK_GUESTS; i++)
        hang_up(&d->guests[i]);
}

bool rp__desk_variable(const rp__desk *d, char *text, size_t size)
{
    const rp__line_address *a = &d->address;
    int n =
        snprintf(text, size, "%s=1:%s:%s:%d:%d", RP__LINE_VARIABLE, a->name, a->token, a->ranks, a->columns);
    return n > 0 && (size_t) n < size;
}

static bool is_own_user(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.uid == geteuid();
}

void rp__desk_accept(rp__desk *d)
{
    int fd = accept4(d->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    if (!is_own_user(fd)) {
        (void) close(fd);
        return;
    }
    int i = 0;
    while (i < RP__DESK_GUESTS && d->guests[i] >= 0)
        i++;
    if (i == RP__DESK_GUESTS) { /* silent callers must not keep rank 0 out */
        i = d->oldest;
        d->oldest = (d->oldest + 1) % RP__DESK_GUESTS;
        hang_up(&d->guests[i]);
    }
    d->guests[i] = fd;
}

/* Takes the same time whatever differs. */
static bool is_token(const rp__desk *d, const uint8_t *said)
{
    unsigned differs = 0;
    for (size_t i = 0; i < RP__LINE_TOKEN_BYTES; i++)
        differs |= (unsigned) said[i] ^ (unsigned char) d->address.token[i];
    return differs == 0;
}

static bool welcome(const rp__desk *d, int fd)
{
    uint8_t record[5] = {RP__LINE_WELCOME};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec iov = {.iov_base = record, .iov_len = sizeof record};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    rp__line_put32(record + 1, d->address.columns);
    if (d->input_fd >= 0) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = sizeof control.bytes;
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &d->input_fd, sizeof(int));
    }
    return sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t) sizeof record;
}

void rp__desk_hear(rp__desk *d, int i)
{
    uint8_t record[RP__LINE_RECORD_BYTES];
    ssize_t n = recv(d->guests[i], record, sizeof record, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    bool is_known = n == 1 + RP__LINE_TOKEN_BYTES && record[0] == RP__LINE_HELLO && is_token(d, record + 1);
    if (is_known && d->line_fd < 0 && welcome(d, d->guests[i])) {
        d->line_fd = d->guests[i];
        d->guests[i] = -1;
        d->was_open = true;
    }
    hang_up(&d->guests[i]); /* a stranger, or a second rank 0 */
}

int rp__desk_read(rp__desk *d, char *text, int *status)
{
    uint8_t record[RP__LINE_RECORD_BYTES];
    if (d->line_fd < 0)
        return 0;
    ssize_t n = recv(d->line_fd, record, sizeof record, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0) {
        hang_up(&d->line_fd);
        return -1;
    }
    memcpy(text, record + 1, (size_t) n - 1);
    text[n - 1] = '\0';
    if (record[0] == RP__LINE_EXIT) {
        if (n < 5)
            return 0;
        *status = rp__line_get32(record + 1);
    }
    return record[0];
}

void rp__desk_say(rp__desk *d, int kind, int value)
{
    uint8_t record[5] = {(uint8_t) kind};
    rp__line_put32(record + 1, value);
    if (kind == RP__LINE_COLUMNS)
        d->address.columns = value;
    if (d->line_fd >= 0) /* full only when rank 0 reads nothing at all: then it is ended in time */
        (void) send(d->line_fd, record, sizeof record, MSG_NOSIGNAL | MSG_DONTWAIT);
}
