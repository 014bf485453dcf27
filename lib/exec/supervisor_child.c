/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The supervisor process: settles in after the fork, serves its rank, and clears up when the rank is gone.
 *
 * One poll waits for all there is: requests, the end of children (a signalfd), and the end of the rank,
 * which is told by a pidfd because forks of the rank may keep its end of the socket open.
 */
#include "exec/supervisor_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long strays of a command may hold up its answer, the next command, and the supervisor's own end.
 * Strays die in less than a millisecond, unless they hang in the kernel or belong to another user. */
#define ANSWER_PATIENCE (100 * RP__MS)
#define START_PATIENCE  (1 * RP__SEC)
#define END_PATIENCE    (10 * RP__SEC)

/* Descriptors of the supervisor, behind its standard streams. */
enum { SOCK_FD = 3, RANK_FD, FIRST_FREE_FD };

typedef struct child {
    rp__exec_shared *shared;
    rp__command_env *env;
    rp__command command;
    int rank_fd; /* RANK_FD or -1 */
    int sigchld_fd;
    bool has_strays; /* the last command left some that did not die in time */
} child;

/* Settling in */

/* Whatever can be ignored is, so that no key press and no launcher ends the supervisor before its rank. */
static void settle_signals(void)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS, SIGCHLD};
    struct sigaction ignore = {.sa_handler = SIG_IGN}, usual = {.sa_handler = SIG_DFL};
    sigset_t mask;
    for (int sig = 1; sig < NSIG; sig++)
        (void) sigaction(sig, &ignore, NULL); /* the system refuses a few */
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        (void) sigaction(faults[i], &usual, NULL);
    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD); /* read from a signalfd */
    (void) sigprocmask(SIG_SETMASK, &mask, NULL);
}

/* Out of the way of the places below FIRST_FREE_FD: a rank may have started without standard streams. */
static int lift(int fd)
{
    return fd < 0 || fd >= FIRST_FREE_FD ? fd : fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
}

static bool settle_descriptors(const rp__supervisor_start_with *with)
{
    int sock = lift(with->sock), null_fd = lift(with->null_fd), rank = lift(with->rank_pidfd);
    for (int fd = 0; fd < SOCK_FD; fd++)
        if (dup2(null_fd, fd) < 0)
            return false;
    if (dup3(sock, SOCK_FD, O_CLOEXEC) < 0)
        return false;
    if (rank < 0 || dup3(rank, RANK_FD, O_CLOEXEC) < 0)
        close(RANK_FD);
    closefrom(FIRST_FREE_FD);
    return true;
}

/* The session of its own takes it out of reach of signals to the rank's process group, by which Open MPI's
 * daemons end ranks, and commands out of reach of the terminal, which would stop them when they ask it. */
static bool settle(child *c, const rp__supervisor_start_with *with)
{
    sigset_t chld;
    (void) setsid();
    settle_signals();
    if (!settle_descriptors(with))
        return false;
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    c->rank_fd = fcntl(RANK_FD, F_GETFD) < 0 ? -1 : RANK_FD;
    c->sigchld_fd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
    (void) prctl(PR_SET_NAME, "rp-supervisor");
    return c->sigchld_fd >= 0 && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
}

/* Commands */

static void answer(const rp__exec_answer *a)
{
    (void) send(SOCK_FD, a, sizeof *a, MSG_NOSIGNAL); /* nobody listens: the next poll tells */
}

static void start_command(child *c, const rp__exec_request *req, const int fds[2], int count)
{
    int why = count == 2 ? 0 : EMFILE;
    if (c->has_strays)
        c->has_strays = !rp__descendants_end(c->sigchld_fd, START_PATIENCE);
    (void) snprintf(c->env->index, sizeof c->env->index, "RANKPOOL_TASK_INDEX=%lld", (long long) req->index);
    (void) snprintf(c->env->rank, sizeof c->env->rank, "RANKPOOL_RANK=%d", (int) req->rank);
    if (!why)
        why = rp__command_start(&c->command, c->shared->line, fds, c->env);
    atomic_store(&c->shared->group, c->command.pid);
    for (int i = 0; i < count; i++)
        close(fds[i]);
    if (why)
        answer(&(rp__exec_answer){.started = rp__clock_wall(), .start_errno = why});
}

static void finish_command(child *c)
{
    rp__exec_answer a = {0};
    atomic_store(&c->shared->group, 0);
    rp__command_finish(&c->command, &a);
    c->has_strays = !rp__descendants_end(c->sigchld_fd, ANSWER_PATIENCE);
    answer(&a);
}

/* Reaps orphans while a command runs, and sees its shell end. */
static void look_after_children(child *c)
{
    rp__sigchld_drain(c->sigchld_fd);
    for (;;) {
        siginfo_t info = {0};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0)
            return;
        if (info.si_pid == c->command.pid) {
            finish_command(c);
            return;
        }
        (void) waitpid(info.si_pid, NULL, WNOHANG);
    }
}

/* Serving */

/* Takes one packet with its descriptors; false when it is none of ours, as at the end of the socket. */
static bool receive(rp__exec_request *req, int fds[2], int *count)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(2 * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = req, .iov_len = sizeof *req};
    struct msghdr msg = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.room};
    ssize_t n = recvmsg(SOCK_FD, &msg, MSG_CMSG_CLOEXEC);
    *count = 0;
    struct cmsghdr *head = n < 0 ? NULL : CMSG_FIRSTHDR(&msg);
    if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
        *count =
            (int) ((head->cmsg_len - CMSG_LEN(0)) / sizeof(int)); /* fewer than sent when the table is full */
        memcpy(fds, CMSG_DATA(head), (size_t) *count * sizeof(int));
    }
    return n == (ssize_t) sizeof *req;
}

static bool take_request(child *c)
{
    rp__exec_request req;
    int fds[2], count;
    if (!receive(&req, fds, &count))
        return false;
    if (req.kind == RP__EXEC_SPAWN)
        start_command(c, &req, fds, count);
    else if (req.kind == RP__EXEC_KILL && c->command.pid)
        (void) kill(-c->command.pid, req.signal); /* it may have ended just now */
    return true;
}

/* One turn; false when the rank is gone or wants no more. */
static bool serve(child *c)
{
    enum { RANK, CHILDREN, SOCK };
    struct pollfd p[] = {
        [RANK] = {.fd = c->rank_fd, .events = POLLIN},
        [CHILDREN] = {.fd = c->sigchld_fd, .events = POLLIN},
        [SOCK] = {.fd = SOCK_FD, .events = POLLIN},
    };
    if (poll(p, sizeof p / sizeof p[0], -1) < 0)
        return errno == EINTR;
    if (p[RANK].revents)
        return false;
    if (p[CHILDREN].revents)
        look_after_children(c);
    return !p[SOCK].revents || take_request(c);
}

void rp__supervisor_child(const rp__supervisor_start_with *with)
{
    child c = {.shared = with->shared, .env = with->env};
    if (!settle(&c, with))
        _exit(1);
    while (serve(&c))
        ;
    if (c.command.pid)
        (void) kill(-c.command.pid, SIGKILL); /* at one blow, before they are ended one by one */
    (void) rp__descendants_end(c.sigchld_fd, END_PATIENCE);
    _exit(0);
}
