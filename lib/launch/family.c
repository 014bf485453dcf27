/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The job's processes on this host.
 *
 * Killing the children is enough: when a child dies its children become ours before its end is told, so each
 * round reaches one generation further. A child's number stays its own until it is reaped here.
 */
#include "launch/family.h"
#include "base/children.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static bool has_children(void)
{
    siginfo_t info;
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void count_living(void *ctx, pid_t pid, char state)
{
    (void) pid;
    *(int *) ctx += state != 'Z';
}

int rp__family_count(pid_t parent)
{
    int n = 0;
    rp__each_child(parent, count_living, &n);
    return n;
}

static void note_stranger(void *ctx, pid_t pid, char state)
{
    (void) state;
    rp__buf *list = ctx;
    rp__buf_append(list, &pid, sizeof pid);
}

bool rp__family_open(rp__family *f)
{
    rp__buf list = {0};
    *f = (rp__family){0};
    if (has_children())
        rp__each_child(getpid(), note_stranger, &list);
    if (list.failed) {
        rp__buf_done(&list);
        return false;
    }
    f->strangers = (pid_t *) (void *) list.data;
    f->stranger_count = list.len / sizeof(pid_t);
    (void) prctl(PR_GET_CHILD_SUBREAPER, &f->was_subreaper); /* stays 0 when it fails */
    (void) prctl(PR_SET_CHILD_SUBREAPER, 1);                 /* without it less is cleaned up, no more */
    return true;
}

void rp__family_close(rp__family *f)
{
    (void) prctl(PR_SET_CHILD_SUBREAPER, f->was_subreaper); /* allowed to everybody */
    rp__free(f->strangers);
    *f = (rp__family){0};
}

static bool is_stranger(const rp__family *f, pid_t pid)
{
    for (size_t i = 0; i < f->stranger_count; i++)
        if (f->strangers[i] == pid)
            return true;
    return false;
}

static void keep_status(pid_t pid, int got, pid_t *watched, int *status)
{
    if (pid == *watched) {
        *watched = 0;
        *status = got;
    }
}

static bool reap_everything(pid_t *watched, int *status)
{
    for (;;) {
        int got;
        pid_t pid = waitpid(-1, &got, WNOHANG);
        if (pid > 0)
            keep_status(pid, got, watched, status);
        else if (pid == 0 || errno != EINTR)
            return pid == 0;
    }
}

typedef struct visit {
    const rp__family *family;
    pid_t *watched;
    int *status;
    int left, reaped;
    bool is_to_kill;
} visit;

static void visit_child(void *ctx, pid_t pid, char state)
{
    (void) state;
    visit *v = ctx;
    int got;
    if (is_stranger(v->family, pid))
        return;
    if (waitpid(pid, &got, WNOHANG) == pid) {
        keep_status(pid, got, v->watched, v->status);
        v->reaped++;
        return;
    }
    v->left++;
    if (v->is_to_kill)
        (void) kill(pid, SIGKILL); /* refused when it runs as another user */
}

bool rp__family_reap(const rp__family *f, pid_t *watched, int *status)
{
    if (f->stranger_count == 0)
        return reap_everything(watched, status);
    visit v = {.family = f, .watched = watched, .status = status};
    do { /* what was reaped may have left a child that is newer than the list of processes */
        v.reaped = v.left = 0;
        rp__each_child(getpid(), visit_child, &v);
    } while (v.reaped > 0 && v.left == 0);
    return v.left > 0;
}

bool rp__family_end(const rp__family *f, pid_t *watched, int *status, rp__time patience)
{
    const struct timespec pause = {.tv_nsec = 2 * RP__MS};
    rp__time until = rp__clock_mono() + patience;
    while (rp__family_reap(f, watched, status)) {
        if (rp__clock_mono() >= until)
            return false;
        visit v = {.family = f, .watched = watched, .status = status, .is_to_kill = true};
        rp__each_child(getpid(), visit_child, &v);
        (void) nanosleep(&pause, NULL); /* the killed need a moment to die */
    }
    return true;
}
