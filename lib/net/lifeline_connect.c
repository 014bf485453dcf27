/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Making the connections: listen, connect, hello with the token, welcome with the shared page.
 *
 * Hello is 48 bytes: u32 magic, u32 rank, u64 pid, the token. Welcome is one byte; over the Unix socket it
 * brings the descriptor of the page.
 */
#include "net/lifeline_state.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HELLO_MAGIC 0x52504c4cu

typedef struct hello {
    uint32_t magic, rank;
    int64_t pid;
    uint8_t token[RP__TOKEN_BYTES];
} hello;

/* Somebody who has connected and not yet said hello. */
typedef struct guest {
    int fd; /* -1: free */
    bool is_local;
    hello h;
    size_t have;
} guest;

#define GUESTS_MAX 256

static bool tokens_equal(const uint8_t *a, const uint8_t *b)
{
    uint8_t diff = 0; /* in constant time: tells a stranger nothing */
    for (int i = 0; i < RP__TOKEN_BYTES; i++)
        diff |= a[i] ^ b[i];
    return diff == 0;
}

static socklen_t unix_address(struct sockaddr_un *a, const char *name)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t n = strlen(name);
    memcpy(a->sun_path + 1, name, n); /* a leading NUL: abstract, leaves no file behind */
    return (socklen_t) (offsetof(struct sockaddr_un, sun_path) + 1 + n);
}

/* ---- master ---- */

static void raise_descriptor_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &r); /* accept says so when there are too few */
    }
}

static void list_addresses(rp__lifeline_address *out)
{
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0)
        return;
    for (const struct ifaddrs *i = all; i && out->addr_count < RP__ADDRS_MAX; i = i->ifa_next) {
        if (!i->ifa_addr || !(i->ifa_flags & IFF_UP) || (i->ifa_flags & IFF_LOOPBACK))
            continue;
        uint16_t family = i->ifa_addr->sa_family;
        const struct sockaddr_in *v4 = (const void *) i->ifa_addr;
        const struct sockaddr_in6 *v6 = (const void *) i->ifa_addr;
        if (family == AF_INET)
            memcpy(out->addr[out->addr_count].bytes, &v4->sin_addr, 4);
        else if (family == AF_INET6 && !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr))
            memcpy(out->addr[out->addr_count].bytes, &v6->sin6_addr, 16);
        else
            continue;
        out->addr[out->addr_count++].family = family;
    }
    freeifaddrs(all);
}

static bool listen_tcp(rp__lifeline *l, rp__lifeline_address *out)
{
    int both = 0;
    struct sockaddr_in6 a6 = {.sin6_family = AF_INET6};
    socklen_t len = sizeof a6;
    l->tcp_fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->tcp_fd >= 0) {
        (void) setsockopt(l->tcp_fd, IPPROTO_IPV6, IPV6_V6ONLY, &both, sizeof both); /* IPv4 too */
        if (bind(l->tcp_fd, (void *) &a6, len) == 0 && listen(l->tcp_fd, 1024) == 0 &&
            getsockname(l->tcp_fd, (void *) &a6, &len) == 0) {
            out->tcp_port = a6.sin6_port;
            return true;
        }
        close(l->tcp_fd);
    }
    struct sockaddr_in a4 = {.sin_family = AF_INET};
    len = sizeof a4;
    l->tcp_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->tcp_fd < 0 || bind(l->tcp_fd, (void *) &a4, len) || listen(l->tcp_fd, 1024) ||
        getsockname(l->tcp_fd, (void *) &a4, &len))
        return false;
    out->tcp_port = a4.sin_port;
    return true;
}

static bool listen_unix(rp__lifeline *l, rp__lifeline_address *out)
{
    uint64_t tag;
    if (getrandom(&tag, sizeof tag, 0) != (ssize_t) sizeof tag ||
        getrandom(out->token, sizeof out->token, 0) != (ssize_t) sizeof out->token)
        return false;
    (void) snprintf(out->unix_name, sizeof out->unix_name, "rankpool-%016llx",
                    (unsigned long long) tag); /* fits */
    memcpy(l->token, out->token, sizeof l->token);
    struct sockaddr_un a;
    socklen_t len = unix_address(&a, out->unix_name);
    l->unix_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return l->unix_fd >= 0 && bind(l->unix_fd, (void *) &a, len) == 0 && listen(l->unix_fd, 1024) == 0;
}

static bool make_page(rp__lifeline *l)
{
    size_t bytes = (size_t) l->size * sizeof *l->page;
    l->page_fd = memfd_create("rankpool-page", MFD_CLOEXEC);
    if (l->page_fd < 0 || ftruncate(l->page_fd, (off_t) bytes) != 0)
        return false;
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, l->page_fd, 0);
    if (map == MAP_FAILED)
        return false;
    l->page = map;
    for (int r = 0; r < l->size; r++)
        atomic_store(&l->page[r].task, -1);
    return true;
}

rp_status rp__lifeline_listen(rp__lifeline **out, int size, bool needs_tcp, rp__lifeline_address *address,
                              rp_error *err)
{
    rp__lifeline *l = NULL;
    *address = (rp__lifeline_address){0};
    rp_status st = rp__lifeline_new(&l, size, 0);
    if (st)
        return rp__fail(err, st, "no memory for the lifeline of %d ranks", size);
    raise_descriptor_limit();
    if (!listen_unix(l, address) || !make_page(l) || (needs_tcp && !listen_tcp(l, address))) {
        st = rp__fail(err, RP_ENET, "cannot open the lifeline's sockets: %s", strerror(errno));
        rp__lifeline_close(&l);
        return st;
    }
    if (needs_tcp)
        list_addresses(address);
    *out = l;
    return RP_OK;
}

static bool send_welcome(rp__lifeline *l, const guest *g)
{
    char byte = 1;
    struct iovec iov = {&byte, 1};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    if (g->is_local) {
        m.msg_control = control.bytes;
        m.msg_controllen = sizeof control.bytes;
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &l->page_fd, sizeof(int));
    }
    return sendmsg(g->fd, &m, MSG_NOSIGNAL) == 1;
}

static void drop_guest(guest *g)
{
    close(g->fd);
    g->fd = -1;
}

/* Reads on in a guest's hello; admits or drops him when it is whole. */
static bool hear_guest(rp__lifeline *l, guest *g)
{
    ssize_t n = recv(g->fd, (char *) &g->h + g->have, sizeof g->h - g->have, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        drop_guest(g);
        return false;
    }
    g->have += (size_t) n;
    if (g->have < sizeof g->h)
        return false;
    bool fine = g->h.magic == HELLO_MAGIC && tokens_equal(g->h.token, l->token) && g->h.rank > 0 &&
                g->h.rank < (uint32_t) l->size && l->conn[g->h.rank].fd < 0 && send_welcome(l, g);
    int64_t pid = 0;
    struct ucred cred;
    socklen_t len = sizeof cred;
    if (g->is_local && getsockopt(g->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0)
        pid = cred.pid;
    fine = fine && rp__lifeline_admit(l, (int) g->h.rank, g->fd, pid, g->is_local);
    if (!fine)
        drop_guest(g);
    g->fd = -1; /* admitted: the connection's now */
    return fine;
}

static void accept_guest(int listen_fd, bool is_local, guest *guests)
{
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    int on = 1;
    if (!is_local)
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* only slower without */
    for (int i = 0; i < GUESTS_MAX; i++)
        if (guests[i].fd < 0) {
            guests[i] = (guest){.fd = fd, .is_local = is_local};
            return;
        }
    close(fd); /* too many strangers at once; a worker tries again */
}

static rp_status who_is_missing(const rp__lifeline *l, rp_error *err)
{
    int missing = 0, first = 0;
    for (int r = l->size - 1; r > 0; r--)
        if (l->conn[r].fd < 0) {
            missing++;
            first = r;
        }
    return rp__fail(err, RP_ENET,
                    "%d of %d workers did not connect to the master in time (rank %d is the first)", missing,
                    l->size - 1, first);
}

rp_status rp__lifeline_accept(rp__lifeline *l, rp__time deadline, rp_error *err)
{
    guest guests[GUESTS_MAX];
    struct pollfd fds[GUESTS_MAX + 2];
    int joined = 0;
    for (int i = 0; i < GUESTS_MAX; i++)
        guests[i].fd = -1;
    while (joined < l->size - 1) {
        rp__time left = deadline - rp__clock_mono();
        if (left <= 0)
            break;
        fds[0] = (struct pollfd){.fd = l->unix_fd, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = l->tcp_fd, .events = POLLIN};
        for (int i = 0; i < GUESTS_MAX; i++)
            fds[i + 2] = (struct pollfd){.fd = guests[i].fd, .events = POLLIN};
        if (poll(fds, GUESTS_MAX + 2, (int) (left / RP__MS) + 1) < 0 && errno != EINTR)
            return rp__fail(err, RP_ENET, "poll: %s", strerror(errno));
        for (int i = 0; i < GUESTS_MAX; i++)
            if (guests[i].fd >= 0 && fds[i + 2].revents)
                joined += hear_guest(l, &guests[i]);
        for (int k = 0; k < 2; k++)
            if (fds[k].fd >= 0 && fds[k].revents & POLLIN)
                accept_guest(fds[k].fd, k == 0, guests);
    }
    for (int i = 0; i < GUESTS_MAX; i++)
        if (guests[i].fd >= 0)
            drop_guest(&guests[i]);
    if (joined < l->size - 1)
        return who_is_missing(l, err);
    close(l->unix_fd);
    if (l->tcp_fd >= 0)
        close(l->tcp_fd);
    l->unix_fd = l->tcp_fd = -1;
    return RP_OK;
}

/* ---- worker ---- */

static int connect_unix(const rp__lifeline_address *address)
{
    struct sockaddr_un a;
    socklen_t len = unix_address(&a, address->unix_name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (void *) &a, len) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static int connect_tcp(const rp__lifeline_address *address, int which, rp__time deadline)
{
    struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = address->tcp_port};
    struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = address->tcp_port};
    bool v4 = address->addr[which].family == AF_INET;
    memcpy(v4 ? (void *) &a4.sin_addr : (void *) &a6.sin6_addr, address->addr[which].bytes, v4 ? 4 : 16);
    int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int rc = connect(fd, v4 ? (void *) &a4 : (void *) &a6, v4 ? sizeof a4 : sizeof a6);
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int error = 0, on = 1;
    socklen_t len = sizeof error;
    rp__time left = rp__min64(deadline - rp__clock_mono(), 3 * RP__SEC); /* an address may lead nowhere */
    if ((rc != 0 && errno != EINPROGRESS) || poll(&p, 1, (int) (rp__max64(left, 0) / RP__MS)) != 1 ||
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) || error) {
        close(fd);
        return -1;
    }
    (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* only slower without */
    return fd;
}

/* Waits for the welcome; *page_out gets the page's descriptor, -1 when none came. */
static bool read_welcome(int fd, rp__time deadline, int *page_out)
{
    char byte;
    struct iovec iov = {&byte, 1};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof control.bytes};
    struct pollfd p = {.fd = fd, .events = POLLIN};
    *page_out = -1;
    if (poll(&p, 1, (int) (rp__max64(deadline - rp__clock_mono(), 0) / RP__MS)) != 1 ||
        recvmsg(fd, &m, MSG_CMSG_CLOEXEC) != 1)
        return false;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
        memcpy(page_out, CMSG_DATA(c), sizeof(int));
    return true;
}

static bool greet(int fd, const rp__lifeline_address *address, int rank)
{
    hello h = {.magic = HELLO_MAGIC, .rank = (uint32_t) rank, .pid = getpid()};
    memcpy(h.token, address->token, sizeof h.token);
    return send(fd, &h, sizeof h, MSG_NOSIGNAL) == (ssize_t) sizeof h;
}

static bool map_page(rp__lifeline *l, int page_fd)
{
    l->page_fd = page_fd;
    void *map =
        mmap(NULL, (size_t) l->size * sizeof *l->page, PROT_READ | PROT_WRITE, MAP_SHARED, page_fd, 0);
    if (map == MAP_FAILED)
        return false;
    l->page = map;
    return true;
}

rp_status rp__lifeline_connect(rp__lifeline **out, const rp__lifeline_address *address, int rank, int size,
                               bool is_local, rp__time deadline, rp_error *err)
{
    rp__lifeline *l = NULL;
    if (rp__lifeline_new(&l, size, rank))
        return rp__fail(err, RP_ENOMEM, "no memory for the lifeline");
    int fd = -1, page_fd = -1;
    while (fd < 0 && rp__clock_mono() < deadline) {
        if (is_local)
            fd = connect_unix(address);
        for (int i = 0; fd < 0 && !is_local && i < address->addr_count; i++)
            fd = connect_tcp(address, i, deadline);
        if (fd >= 0 && !(greet(fd, address, rank) && read_welcome(fd, deadline, &page_fd))) {
            close(fd);
            fd = -1;
        }
        if (fd < 0)
            usleep(20000);
    }
    if (fd < 0) {
        rp__lifeline_close(&l);
        return rp__fail(err, RP_ENET, "rank %d cannot connect to the master (%s)", rank,
                        is_local ? "Unix socket" : "TCP, no address of the master's answered");
    }
    if (!rp__lifeline_admit(l, 0, fd, 0, page_fd >= 0) || (page_fd >= 0 && !map_page(l, page_fd))) {
        rp__lifeline_close(&l);
        return rp__fail(err, RP_ENET, "rank %d cannot use its lifeline: %s", rank, strerror(errno));
    }
    *out = l;
    return RP_OK;
}
