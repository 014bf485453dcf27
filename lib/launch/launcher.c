/* SPDX-License-Identifier: BSD-3-Clause */
/* The launcher: prepares, runs the job, says how it ended. */
#include "launch/job.h"
#include "launch/launch.h"
#include "launch/leftovers.h"
#include "launch/mpirun.h"
#include "launch/site.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static void complain(const char *text)
{
    (void) dprintf(STDERR_FILENO, "rankpool: %s\n", text); /* nowhere else to say it */
}

static bool is_debug(void)
{
    const char *value = getenv("RANKPOOL_DEBUG");
    return value && *value && strcmp(value, "0") != 0;
}

/* Signals come through a descriptor while the job runs. A hangup that is ignored (nohup) stays so: blocked,
 * it would be read all the same. An ignored SIGINT (a script's &) does not: who sends it wants the run to end
 * in order. */
static bool take_signals(rp__job *j)
{
    static const int interrupts[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction old = {0}, ignore = {.sa_handler = SIG_IGN}, normal = {.sa_handler = SIG_DFL};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGWINCH);
    for (size_t i = 0; i < sizeof interrupts / sizeof interrupts[0]; i++)
        if (interrupts[i] != SIGHUP || (sigaction(SIGHUP, NULL, &old) == 0 && old.sa_handler != SIG_IGN))
            sigaddset(&set, interrupts[i]);
    j->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (j->signal_fd < 0)
        return false;
    (void) sigaction(SIGPIPE, &ignore, &j->old_pipe); /* these cannot fail */
    (void) sigaction(SIGCHLD, &normal, &j->old_child);
    (void) pthread_sigmask(SIG_BLOCK, &set, &j->old_mask);
    return true;
}

static void give_signals_back(rp__job *j)
{
    struct signalfd_siginfo info;
    if (j->signal_fd < 0)
        return;
    while (read(j->signal_fd, &info, sizeof info) >
           0) /* what came last is about the job: not for the caller */
        continue;
    (void) close(j->signal_fd);
    (void) sigaction(SIGPIPE, &j->old_pipe, NULL);
    (void) sigaction(SIGCHLD, &j->old_child, NULL);
    (void) pthread_sigmask(SIG_SETMASK, &j->old_mask, NULL);
}

static void tell_the_end(const rp__job *j)
{
    int s = j->wait_status;
    (void) dprintf(STDERR_FILENO, "rankpool: the job ended before its master reported (mpirun %s %d)\n",
                   WIFSIGNALED(s) ? "ended by signal" : "exit status",
                   WIFSIGNALED(s) ? WTERMSIG(s) : WEXITSTATUS(s)); /* nowhere else to say it */
    if (!j->desk.was_open && !rp__site_has_network())
        complain("no network interface is up, and Open MPI needs one: try 'ip link set lo up'");
}

static int exit_status(const rp__job *j)
{
    if (j->interrupts > 0)
        return RP__EXIT_SIGINT;
    if (j->is_reported) /* 256 must not become success */
        return j->report < 0 || j->report > 255 ? 255 : j->report;
    tell_the_end(j);
    return RP__EXIT_POOL;
}

static void show_command(char **command)
{
    rp__buf line = {0};
    for (; *command; command++)
        rp__buf_printf(&line, "%s%s", line.len ? " " : "", *command);
    if (!line.failed)
        (void) dprintf(STDERR_FILENO, "rankpool: %.*s\n", (int) line.len,
                       (char *) line.data); /* for debugging */
    rp__buf_done(&line);
}

/* The job with all that belongs to it; err tells of RP_ESYSTEM or RP_ENOMEM. RP_EMPTY: it could not begin and
 * left nothing, so it may be started again. */
static rp_status run_job(const rp__launch_options *opt, char **command, int ranks, int *status, rp_error *err)
{
    rp__job j = {.deadline = RP__NEVER, .pipes = {-1, -1}, .signal_fd = -1};
    j.begin.is_over = !rp__mpirun_is_on_one_host();
    j.filter.is_open = is_debug();
    if (!rp__family_open(&j.family))
        return rp__fail(err, RP_ENOMEM, "no memory to start mpirun");
    rp__screen_open(&j.screen, opt->is_progress);
    rp_status rc = rp__desk_open(&j.desk, ranks, j.screen.columns, opt->input_fd, err);
    if (rc == RP_OK && !take_signals(&j))
        rc = rp__fail(err, RP_ESYSTEM, "no descriptor for signals: %s", strerror(errno));
    if (rc == RP_OK)
        rc = rp__job_start(&j, command, err);
    pid_t mpirun = j.mpirun;
    if (rc == RP_OK)
        rp__job_run(&j);
    if (mpirun > 0 && WIFSIGNALED(j.wait_status))
        rp__leftovers_remove(mpirun);
    for (int i = 0; i < 2; i++)
        if (j.pipes[i] >= 0)
            (void) close(j.pipes[i]);
    rp__screen_close(&j.screen);
    rp__filter_done(&j.filter);
    give_signals_back(&j);
    rp__family_close(&j.family);
    if (rc == RP_OK && j.begin.is_lost && j.interrupts == 0)
        rc = RP_EMPTY;
    else if (rc == RP_OK)
        *status = exit_status(&j);
    rp__desk_close(&j.desk);
    return rc;
}

/* 0 after a complaint. */
static int choose_workers(int asked)
{
    int n = asked > 0 ? asked : rp__site_number("RANKPOOL_WORKERS");
    if (n < 0)
        complain("RANKPOOL_WORKERS must be a number of workers, 1 or more");
    return n < 0 ? 0 : n > 0 ? n : rp__launch_default_workers();
}

/* Looked for here because mpirun 4.1 with --enable-recovery says nothing and waits for ever when there is no
 * such program, and takes a leading '-' for a flag of its own. */
static rp_status check_program(char *const *argv, rp_error *err)
{
    char path[4096];
    if (!argv || !argv[0] || !*argv[0])
        return rp__fail(err, RP_EINVAL, "there is no program to run");
    bool is_found = argv[0][0] != '-' && rp__program_find(argv[0], path, sizeof path);
    if (!is_found && !strchr(argv[0], '/') && argv[0][0] != '-') { /* mpirun looks here as well */
        char here[4096];
        (void) snprintf(here, sizeof here, "./%s", argv[0]); /* cut: not found */
        is_found = rp__program_find(here, path, sizeof path);
    }
    return is_found ? RP_OK : rp__fail(err, RP_EINVAL, "cannot find the program '%.200s'", argv[0]);
}

/* A closed standard stream would be one of our own descriptors, for mpirun to inherit in its place. */
static void fill_streams(void)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void) open("/dev/null", O_RDWR); /* the lowest free number is fd */
}

/* Starts the job until it begins, a few times at most. */
static rp_status run_until_begun(const rp__launch_options *opt, char **command, int ranks, int *status,
                                 rp_error *err)
{
    for (int tries = 1;; tries++) {
        if (opt->input_fd >= 0)
            (void) lseek(opt->input_fd, 0, SEEK_SET); /* a pipe was not read: nothing has begun */
        rp_status rc = run_job(opt, command, ranks, status, err);
        if (rc != RP_EMPTY)
            return rc;
        if (tries == RP__BEGIN_TRIES)
            return rp__fail(err, RP_ENET, "a rank died while the job started, %d times: giving up", tries);
        complain("a rank died while the job started: starting it again");
    }
}

int rp__launch(const rp__launch_options *opt)
{
    rp_error err = {0};
    rp__mpirun mpirun;
    fill_streams();
    int status = RP__EXIT_POOL, workers = choose_workers(opt->workers);
    if (workers == 0)
        return RP__EXIT_USAGE;
    if (rp__mpirun_find(&mpirun, &err) != RP_OK || check_program(opt->argv, &err) != RP_OK) {
        complain(err.text);
        return RP__EXIT_USAGE;
    }
    char **command = rp__mpirun_command(&mpirun, workers + 1, opt->argv);
    if (command && is_debug())
        show_command(command);
    rp_status rc = command ? run_until_begun(opt, command, workers + 1, &status, &err)
                           : rp__fail(&err, RP_ENOMEM, "no memory to start mpirun");
    rp__free(command);
    if (rc != RP_OK)
        complain(err.text);
    return status;
}
