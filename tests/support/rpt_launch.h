/* SPDX-License-Identifier: BSD-3-Clause */
/* For tests of the launcher: rp__launch in a process of its own, its output, time and status. */
#ifndef RPT_LAUNCH_H
#define RPT_LAUNCH_H

#include "launch/launch.h"
#include "rpt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct rpt_launch {
    pid_t pid;
    int fds[2];            /* to read its stdout and stderr; -1: ended */
    char text[2][1 << 20]; /* what came, terminated */
    size_t len[2];
    int status; /* exit status, or 1000 + signal */
    rp__time began;
    double seconds;
} rpt_launch;

/* The helper beside this program. */
static inline char *rpt_helper(const char *name)
{
    static char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 64);
    path[n < 0 ? 0 : n] = '\0';
    char *slash = strrchr(path, '/');
    (void) snprintf(slash ? slash + 1 : path, 64, "%s", name);
    return path;
}

/* Runs rp__launch(opt) with its stdout and stderr at out and err. */
static inline void rpt_launch_fork(rpt_launch *r, const rp__launch_options *opt, int out, int err)
{
    (void) fflush(stdout);
    r->began = rp__clock_mono();
    r->status = -1;
    r->pid = fork();
    if (r->pid == 0) {
        (void) dup2(out, STDOUT_FILENO);
        (void) dup2(err, STDERR_FILENO);
        for (int fd = 3; fd < 64; fd++)
            if (fd != opt->input_fd)
                (void) close(fd);
        exit(rp__launch(opt));
    }
}

static inline void rpt_launch_start(rpt_launch *r, const rp__launch_options *opt)
{
    int out[2], err[2];
    memset(r, 0, sizeof *r);
    if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
        exit(1);
    rpt_launch_fork(r, opt, out[1], err[1]);
    (void) close(out[1]);
    (void) close(err[1]);
    r->fds[0] = out[0];
    r->fds[1] = err[0];
}

/* Reads what is there, waiting at most ms; false when both streams have ended. */
static inline bool rpt_launch_read(rpt_launch *r, int ms)
{
    struct pollfd p[2] = {{.fd = r->fds[0], .events = POLLIN}, {.fd = r->fds[1], .events = POLLIN}};
    if (r->fds[0] < 0 && r->fds[1] < 0)
        return false;
    (void) poll(p, 2, ms);
    for (int i = 0; i < 2; i++) {
        if (!p[i].revents)
            continue;
        ssize_t n = read(r->fds[i], r->text[i] + r->len[i], sizeof r->text[i] - 1 - r->len[i]);
        if (n > 0) {
            r->len[i] += (size_t) n;
        } else {
            (void) close(r->fds[i]);
            r->fds[i] = -1;
        }
    }
    return true;
}

/* Waits until a stream (0: stdout, 1: stderr) holds text; false after 20 s or at the end. */
static inline bool rpt_launch_until(rpt_launch *r, int stream, const char *text)
{
    rp__time until = rp__clock_mono() + 20 * RP__SEC;
    while (!strstr(r->text[stream], text))
        if (rp__clock_mono() > until || !rpt_launch_read(r, 100))
            return false;
    return true;
}

static inline void rpt_launch_end(rpt_launch *r)
{
    int status;
    while (rpt_launch_read(r, 20000))
        continue;
    while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    r->status = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    r->seconds = (double) (rp__clock_mono() - r->began) / (double) RP__SEC;
}

static inline bool rpt_is_alive(int pid)
{
    char path[64], state = 0;
    (void) snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "re");
    bool is_known = f && fscanf(f, "%*d (%*[^)]) %c", &state) == 1;
    if (f)
        fclose(f);
    return is_known && state != 'Z'; /* whoever adopted a zombie may be slow to reap it */
}

#endif
