/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rank's side of the supervisor: starts it, sends it commands and reads how they ended.
 *
 * The rank owns the two memory files of the running command, so that their content outlives a supervisor
 * that is killed, and copies them once the answer is there.
 */
#include "exec/supervisor_impl.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct rp__supervisor {
    rp__exec_shared *shared; /* owned mapping */
    pid_t pid;
    int sock;
    int files[2]; /* stdout and stderr of the running command */
    bool running; /* an answer is due */
    bool gone;    /* the socket said so */
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void close_files(rp__supervisor *s)
{
    close_fd(&s->files[0]);
    close_fd(&s->files[1]);
}

/* Start and end */

static void supervisor_free(rp__supervisor *s)
{
    close_files(s);
    close_fd(&s->sock);
    if (s->shared)
        munmap(s->shared, sizeof *s->shared);
    rp__free(s);
}

static rp__supervisor *supervisor_new(void)
{
    rp__supervisor *s = rp__alloc(sizeof *s);
    if (s)
        s->sock = s->files[0] = s->files[1] = -1;
    return s;
}

static rp_status open_channel(rp__supervisor *s, rp__supervisor_start_with *with, rp_error *err)
{
    int pair[2];
    void *shared = mmap(NULL, sizeof *s->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return rp__fail(err, RP_ESYSTEM, "supervisor: mmap: %s", strerror(errno));
    s->shared = with->shared = shared;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return rp__fail(err, RP_ESYSTEM, "supervisor: socketpair: %s", strerror(errno));
    s->sock = pair[0];
    with->sock = pair[1];
    with->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (with->null_fd < 0)
        return rp__fail(err, RP_ESYSTEM, "supervisor: open '/dev/null': %s", strerror(errno));
    /* Opened here and not there, where the rank may be dead already. Old kernels have none. */
    with->rank_pidfd = (int) syscall(SYS_pidfd_open, getpid(), 0);
    return RP_OK;
}

/* Signals wait until the child has put aside the rank's handlers. */
static rp_status fork_child(rp__supervisor *s, const rp__supervisor_start_with *with, rp_error *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    s->pid = fork();
    int why = errno;
    if (s->pid == 0)
        rp__supervisor_child(with);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return s->pid > 0 ? RP_OK : rp__fail(err, RP_ESYSTEM, "supervisor: fork: %s", strerror(why));
}

rp_status rp__supervisor_start(rp__supervisor **out, rp_error *err)
{
    rp_status st = RP_ENOMEM;
    rp__supervisor_start_with with = {.sock = -1, .rank_pidfd = -1, .null_fd = -1};
    rp__supervisor *s = supervisor_new();
    with.env = rp__command_env_new();
    if (!s || !with.env)
        (void) rp__fail(err, st, "supervisor: out of memory");
    else
        st = open_channel(s, &with, err);
    if (st == RP_OK)
        st = fork_child(s, &with, err);
    close_fd(&with.sock);
    close_fd(&with.rank_pidfd);
    close_fd(&with.null_fd);
    rp__free(with.env);
    if (st == RP_OK)
        *out = s;
    else if (s)
        supervisor_free(s);
    return st;
}

void rp__supervisor_stop(rp__supervisor **s)
{
    if (!s || !*s)
        return;
    /* Not only closed: a fork of this process may hold a copy. */
    shutdown((*s)->sock, SHUT_RDWR);
    while (waitpid((*s)->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    supervisor_free(*s);
    *s = NULL;
}

/* Requests */

/* The end of the supervisor leaves its command without a guard, so its group is ended from here. */
static rp_status fail_gone(rp__supervisor *s, rp_error *err)
{
    int32_t group = atomic_load(&s->shared->group);
    if (!s->gone && group > 0)
        kill(-group, SIGKILL);
    const char *when = s->running ? " while a command was running" : "";
    s->gone = true;
    s->running = false;
    close_files(s);
    return rp__fail(err, RP_ESYSTEM,
                    "the supervisor process %d has ended%s; no more commands can run on this rank",
                    (int) s->pid, when);
}

static rp_status send_request(rp__supervisor *s, const rp__exec_request *req, const int fds[2], rp_error *err)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(2 * sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = &(rp__exec_request){0}, .iov_len = sizeof *req};
    memcpy(part.iov_base, req, sizeof *req);
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
    if (fds) {
        control.head = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(2 * sizeof(int))};
        memcpy(CMSG_DATA(&control.head), fds, 2 * sizeof(int));
        msg.msg_control = &control;
        msg.msg_controllen = sizeof control.room;
    }
    if (sendmsg(s->sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t) sizeof *req)
        return RP_OK;
    if (errno == EPIPE || errno == ECONNRESET)
        return fail_gone(s, err);
    return rp__fail(err, RP_ESYSTEM, "supervisor: send: %s", strerror(errno));
}

/* Appending, so that a command that opens /dev/stderr anew does not write over its earlier output. */
static int memory_file(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    if (fd >= 0)
        (void) fcntl(fd, F_SETFL, O_APPEND); /* cannot fail on a file of ours */
    return fd;
}

static rp_status open_files(rp__supervisor *s, rp_error *err)
{
    s->files[0] = memory_file("rankpool-stdout");
    s->files[1] = s->files[0] < 0 ? -1 : memory_file("rankpool-stderr");
    if (s->files[1] >= 0)
        return RP_OK;
    (void) rp__fail(err, RP_ESYSTEM, "a memory file for a command's output: %s", strerror(errno));
    close_files(s);
    return RP_ESYSTEM;
}

rp_status rp__supervisor_spawn(rp__supervisor *s, const char *line, size_t len, int64_t index, int rank,
                               rp_error *err)
{
    if (s->gone)
        return fail_gone(s, err);
    if (s->running)
        return rp__fail(err, RP_ESTATE, "a command is running on this rank");
    if (len > RP__COMMAND_MAX_BYTES)
        return rp__fail(err, RP_ETOOBIG, "a command line of %zu bytes; the system takes %d", len,
                        RP__COMMAND_MAX_BYTES);
    if (memchr(line, 0, len))
        return rp__fail(err, RP_EINVAL, "a command line cannot contain a NUL byte");
    rp_status st = open_files(s, err);
    if (st != RP_OK)
        return st;
    memcpy(s->shared->line, line, len);
    s->shared->line[len] = '\0';
    rp__exec_request req = {.kind = RP__EXEC_SPAWN, .index = index, .rank = rank};
    st = send_request(s, &req, s->files, err);
    if (st == RP_OK)
        s->running = true;
    else
        close_files(s);
    return st;
}

void rp__supervisor_kill(rp__supervisor *s, int sig)
{
    rp__exec_request req = {.kind = RP__EXEC_KILL, .signal = sig};
    if (s->running)
        (void) send_request(s, &req, NULL, NULL); /* if it is gone, rp__supervisor_poll says so */
}

int rp__supervisor_fd(const rp__supervisor *s)
{
    return s->sock;
}

/* Answers */

static rp_status copy_file(int fd, rp__bytes *out, rp_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || st.st_size == 0)
        return RP_OK;
    char *data = rp__realloc(NULL, (size_t) st.st_size);
    if (!data)
        return rp__fail(err, RP_ENOMEM, "no memory for %lld bytes of a command's output",
                        (long long) st.st_size);
    size_t have = 0;
    while (have < (size_t) st.st_size) {
        ssize_t n = pread(fd, data + have, (size_t) st.st_size - have, (off_t) have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break; /* a stray child has cut the file */
        have += (size_t) n;
    }
    *out = (rp__bytes){data, have};
    return RP_OK;
}

/* As a shell says it when it cannot start a program. */
static rp_status explain_start(const rp__exec_answer *a, rp__command_result *r, rp_error *err)
{
    rp__buf text = {0};
    r->exit_status = a->start_errno == ENOENT ? 127 : 126;
    rp__buf_printf(&text, "rankpool: cannot start '%s': %s\n", rp__command_shell, strerror(a->start_errno));
    if (text.failed)
        return rp__fail(err, RP_ENOMEM, "no memory for the story of a command that did not start");
    r->err = (rp__bytes){text.data, text.len};
    return RP_OK;
}

static rp_status take_answer(rp__supervisor *s, const rp__exec_answer *a, rp__command_result *out,
                             rp_error *err)
{
    rp__command_result r = {
        .exit_status = a->exit_status,
        .signal = a->signal,
        .started = a->started,
        .wall_s = a->wall_s,
        .user_s = a->user_s,
        .system_s = a->system_s,
        .peak_rss_bytes = a->peak_rss_bytes,
    };
    rp_status st = copy_file(s->files[0], &r.out, err);
    if (st == RP_OK)
        st = a->start_errno ? explain_start(a, &r, err) : copy_file(s->files[1], &r.err, err);
    s->running = false;
    close_files(s);
    if (st == RP_OK)
        *out = r;
    else
        rp__command_result_done(&r);
    return st;
}

rp_status rp__supervisor_poll(rp__supervisor *s, rp__command_result *out, rp_error *err)
{
    rp__exec_answer a;
    if (s->gone)
        return fail_gone(s, err);
    ssize_t n = recv(s->sock, &a, sizeof a, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return s->running ? RP_EMPTY : rp__fail(err, RP_ESTATE, "no command was started");
    if (n != (ssize_t) sizeof a)
        return fail_gone(s, err);
    assert(s->running);
    return take_answer(s, &a, out, err);
}

static void free_bytes(rp__bytes *b)
{
    rp__free((void *) (uintptr_t) b->data); /* lent to others as const, owned here */
    *b = (rp__bytes){0};
}

void rp__command_result_done(rp__command_result *r)
{
    free_bytes(&r->out);
    free_bytes(&r->err);
}
