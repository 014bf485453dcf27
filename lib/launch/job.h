/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A job while it runs: mpirun's life, and what the launcher does when something happens.
 *
 *     RUNNING -> TERMINATING -> LEAVING -> OVER       ended by the launcher
 *     RUNNING -> LEAVING -> OVER                      ended by itself
 *
 * RUNNING      mpirun lives; deadline: when it is ended, if anything asks for that
 * TERMINATING  it got SIGTERM; deadline: when it and all below it get SIGKILL
 * LEAVING      it has ended; deadline: when what it left behind gets SIGKILL
 * OVER         no process is left; only output may still wait to be written
 */
#ifndef RP_LAUNCH_JOB_H
#define RP_LAUNCH_JOB_H

#include "launch/begin.h"
#include "launch/desk.h"
#include "launch/family.h"
#include "launch/filter.h"
#include "launch/screen.h"

#include <signal.h>

typedef enum rp__job_phase {
    RP__JOB_RUNNING = 0,
    RP__JOB_TERMINATING,
    RP__JOB_LEAVING,
    RP__JOB_OVER
} rp__job_phase;

typedef struct rp__job {
    rp__job_phase phase;
    rp__time deadline; /* RP__NEVER: none */
    pid_t mpirun;      /* 0: reaped, and wait_status holds */
    int wait_status;
    int pipes[2];  /* mpirun's stdout and stderr, not blocking; -1: at its end */
    int signal_fd; /* SIGCHLD, SIGWINCH, and the interrupts that are not ignored */
    sigset_t old_mask;
    struct sigaction old_pipe, old_child;
    int interrupts; /* Ctrl-C, SIGTERM, SIGHUP so far */
    rp__time last_interrupt;
    rp__begin begin;
    bool is_reported;
    int report; /* rank 0's exit status, when is_reported */
    rp__screen screen;
    rp__filter filter; /* for stderr */
    rp__desk desk;
    rp__family family;
} rp__job;

/* Starts mpirun with `command` in its own process group. RP_ESYSTEM with err filled. */
rp_status rp__job_start(rp__job *j, char **command, rp_error *err);
/* Runs the job to OVER, with all its output written. */
void rp__job_run(rp__job *j);

#endif
