/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ends every descendant of a child subreaper.
 *
 * Killing the children is enough: when a child dies, its children become ours before its end is told, so
 * each round reaches one generation further, whatever sessions and groups they made. Children cannot be
 * mistaken, for their numbers stay theirs until this process reaps them.
 */
#include "base/children.h"
#include "exec/supervisor_impl.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* True when children are left. */
static bool reap_the_dead(void)
{
    pid_t pid;
    do
        pid = waitpid(-1, NULL, WNOHANG);
    while (pid > 0 || (pid < 0 && errno == EINTR));
    return pid == 0;
}

static void kill_child(void *ctx, pid_t pid, char state)
{
    (void) ctx;
    (void) state;
    (void) kill(pid, SIGKILL); /* refused when it runs as another user */
}

/* For kernels without the list of children. */
static void kill_by_search(void)
{
    rp__each_child(getpid(), kill_child, NULL);
}

static void kill_children(void)
{
    FILE *f = fopen("/proc/thread-self/children", "re");
    if (!f) {
        kill_by_search();
        return;
    }
    for (int pid; fscanf(f, "%d", &pid) == 1;)
        (void) kill(pid, SIGKILL); /* refused when it runs as another user */
    fclose(f);
}

void rp__sigchld_drain(int sigchld_fd)
{
    struct signalfd_siginfo info;
    ssize_t n = read(sigchld_fd, &info, sizeof info); /* once is enough: SIGCHLD does not queue */
    (void) n;                                         /* there may have been none */
}

bool rp__descendants_end(int sigchld_fd, rp__time patience)
{
    rp__time until = 0;
    struct pollfd p = {.fd = sigchld_fd, .events = POLLIN};
    while (reap_the_dead()) {
        rp__time now = rp__clock_mono();
        if (!until)
            until = now + patience;
        if (now >= until)
            return false;
        kill_children();
        (void) poll(&p, 1, 10); /* ms; new children of those killed are looked for then */
        rp__sigchld_drain(sigchld_fd);
    }
    return true;
}
