/* SPDX-License-Identifier: BSD-3-Clause */
/* A job while it runs: one loop that waits, and what is done when something happens. */
#include "launch/job.h"

#include <errno.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define END_PATIENCE (2 * RP__SEC) /* to end after KILL, and again after SIGTERM */
#define GONE_PATIENCE                                                                                        \
    (5 * RP__SEC) /* to end after rank 0 went; before that it and the others may save their work */
#define LEAVE_TIME  (500 * RP__MS) /* for supervisors to clean up after ranks that ended in order */
#define KILL_TIME   (3 * RP__SEC)  /* for the kernel to let the killed die */
#define SAME_SIGNAL (1 * RP__SEC)  /* Slurm and timeout send SIGTERM twice and mean it once */
#define LOOK_AGAIN  (20 * RP__MS)  /* while LEAVING: not every end below is told */

/* What is waited for. */
enum {
    AT_SIGNAL,
    AT_OUT,
    AT_ERR,
    AT_SCREEN_OUT,
    AT_SCREEN_ERR,
    AT_LISTEN,
    AT_LINE,
    AT_GUEST,
    AT_COUNT = AT_GUEST + RP__DESK_GUESTS
};

static void enter(rp__job *j, rp__job_phase phase, rp__time deadline)
{
    j->phase = phase;
    j->deadline = deadline;
}

static void terminate(rp__job *j, rp__time now)
{
    (void) kill(j->mpirun, SIGTERM);
    enter(j, RP__JOB_TERMINATING, now + END_PATIENCE);
}

static void see_children(rp__job *j, rp__time now)
{
    bool is_any = rp__family_reap(&j->family, &j->mpirun, &j->wait_status);
    if (j->mpirun == 0 && j->phase < RP__JOB_LEAVING)
        enter(j, RP__JOB_LEAVING, j->phase == RP__JOB_RUNNING ? now + LEAVE_TIME : now);
    if (!is_any && j->phase == RP__JOB_LEAVING)
        enter(j, RP__JOB_OVER, RP__NEVER);
}

static void meet_deadline(rp__job *j, rp__time now)
{
    if (now < j->deadline)
        return;
    if (j->phase == RP__JOB_RUNNING) {
        terminate(j, now);
        return;
    }
    if (j->mpirun > 0) /* first, so that it tells nobody of ranks that end */
        (void) kill(j->mpirun, SIGKILL);
    (void) rp__family_end(&j->family, &j->mpirun, &j->wait_status, KILL_TIME);
    enter(j, RP__JOB_OVER, RP__NEVER);
}

/* A job that cannot begin any more is ended at once: there is nothing to save. */
static void watch_begin(rp__job *j, rp__time now)
{
    rp__begin_look(&j->begin, j->mpirun, j->desk.address.ranks, j->desk.line_fd >= 0, now);
    if (!j->begin.is_lost)
        return;
    if (j->mpirun > 0)
        (void) kill(j->mpirun, SIGKILL);
    (void) rp__family_end(&j->family, &j->mpirun, &j->wait_status, KILL_TIME);
    enter(j, RP__JOB_OVER, RP__NEVER);
}

static void interrupt(rp__job *j, uint32_t signo, rp__time now)
{
    bool is_again = signo != SIGINT && j->interrupts > 0 && now - j->last_interrupt < SAME_SIGNAL;
    j->last_interrupt = now;
    if (is_again)
        return;
    j->interrupts++;
    if (j->phase == RP__JOB_TERMINATING && j->interrupts > 3)
        j->deadline = now;
    if (j->phase != RP__JOB_RUNNING)
        return;
    if (j->desk.line_fd < 0 || j->interrupts > 2) {
        terminate(j, now); /* nothing has begun, or nobody can be asked, or patience is over */
    } else if (j->interrupts == 1) {
        rp__desk_say(&j->desk, RP__LINE_SAY_DRAIN, 0);
    } else {
        rp__desk_say(&j->desk, RP__LINE_SAY_KILL, 0);
        j->deadline = rp__min64(j->deadline, now + END_PATIENCE);
    }
}

static void read_signals(rp__job *j, rp__time now)
{
    struct signalfd_siginfo info;
    while (read(j->signal_fd, &info, sizeof info) == (ssize_t) sizeof info) {
        if (info.ssi_signo == SIGWINCH) {
            if (rp__screen_resize(&j->screen))
                rp__desk_say(&j->desk, RP__LINE_COLUMNS, j->screen.columns);
        } else if (info.ssi_signo != SIGCHLD) {
            if (j->phase == RP__JOB_OVER) /* all that is left is output that nobody takes */
                rp__screen_give_up(&j->screen);
            interrupt(j, info.ssi_signo, now);
        }
    }
}

static void read_line(rp__job *j, rp__time now)
{
    char text[RP__LINE_RECORD_BYTES];
    for (;;) {
        int kind = rp__desk_read(&j->desk, text, &j->report);
        if (kind == RP__LINE_PROGRESS) {
            rp__screen_progress(&j->screen, text);
        } else if (kind == RP__LINE_EXIT) {
            j->is_reported = true;
            j->begin.is_over = true;
        } else if (kind == RP__LINE_BEGUN) {
            j->begin.is_over = true;
        } else if (kind < 0) {
            j->begin.is_over = true;
            rp__screen_progress(&j->screen, "");
            if (j->phase == RP__JOB_RUNNING)
                j->deadline = rp__min64(j->deadline, now + GONE_PATIENCE);
        } else {
            return;
        }
    }
}

/* Takes what mpirun printed, one piece; stdout as it is, stderr through the filter. */
static void read_output(rp__job *j, int which, rp__time now)
{
    char data[16384];
    rp__buf *out = rp__screen_buf(&j->screen, which);
    ssize_t n = read(j->pipes[which], data, sizeof data);
    if (n < 0 && errno == EINTR)
        return;
    if (n > 0 && which == RP__SCREEN_STDERR) {
        rp__filter_feed(&j->filter, data, (size_t) n, now, out);
    } else if (n > 0) {
        rp__buf_append(out, data, (size_t) n);
    } else if (n == 0 || errno != EAGAIN || j->phase == RP__JOB_OVER) {
        (void) close(j->pipes[which]); /* its end, or held open by what could not be killed */
        j->pipes[which] = -1;
        if (which == RP__SCREEN_STDERR)
            rp__filter_end(&j->filter, out);
    }
}

static bool is_finished(const rp__job *j)
{
    return j->phase == RP__JOB_OVER && j->pipes[0] < 0 && j->pipes[1] < 0 &&
           !rp__screen_wants(&j->screen, 0) && !rp__screen_wants(&j->screen, 1);
}

static void fill_polls(const rp__job *j, struct pollfd *polls)
{
    for (int i = 0; i < AT_COUNT; i++)
        polls[i] = (struct pollfd){.fd = -1, .events = POLLIN};
    polls[AT_SIGNAL].fd = j->signal_fd;
    polls[AT_LISTEN].fd = j->desk.listen_fd;
    polls[AT_LINE].fd = j->desk.line_fd;
    for (int i = 0; i < RP__DESK_GUESTS; i++)
        polls[AT_GUEST + i].fd = j->desk.guests[i];
    for (int i = 0; i < 2; i++) {
        if (!rp__screen_is_full(&j->screen, i))
            polls[AT_OUT + i].fd = j->pipes[i];
        polls[AT_SCREEN_OUT + i].events = POLLOUT;
        if (rp__screen_wants(&j->screen, i))
            polls[AT_SCREEN_OUT + i].fd = j->screen.outs[i].fd;
    }
}

/* Once no process is left a pipe is emptied whether or not poll says so: what could not be killed may hold
 * it. */
static bool can_read_last(const rp__job *j, int which)
{
    return j->phase == RP__JOB_OVER && j->pipes[which] >= 0 && !rp__screen_is_full(&j->screen, which);
}

/* Waits for something to happen, at most until something is due. */
static void wait_for_events(rp__job *j, struct pollfd *polls)
{
    rp__time now = rp__clock_mono(), until = j->deadline;
    until = rp__min64(until, rp__filter_deadline(&j->filter));
    until = rp__min64(until, rp__screen_tick(&j->screen, now));
    if (j->phase == RP__JOB_LEAVING)
        until = rp__min64(until, now + LOOK_AGAIN);
    if (j->phase == RP__JOB_RUNNING && !j->begin.is_over)
        until = rp__min64(until, j->begin.next_look);
    if (can_read_last(j, 0) || can_read_last(j, 1))
        until = now;
    rp__time left = until == RP__NEVER ? -1 : rp__max64(until - now, 0);
    struct timespec ts = {.tv_sec = left / RP__SEC, .tv_nsec = left % RP__SEC};
    fill_polls(j, polls);
    if (ppoll(polls, AT_COUNT, left < 0 ? NULL : &ts, NULL) < 0)
        for (int i = 0; i < AT_COUNT; i++)
            polls[i].revents = 0;
}

static void read_desk(rp__job *j, const struct pollfd *polls, rp__time now)
{
    if (polls[AT_LINE].revents)
        read_line(j, now);
    for (int i = 0; i < RP__DESK_GUESTS; i++)
        if (polls[AT_GUEST + i].revents)
            rp__desk_hear(&j->desk, i);
    if (polls[AT_LISTEN].revents)
        rp__desk_accept(&j->desk);
}

void rp__job_run(rp__job *j)
{
    struct pollfd polls[AT_COUNT];
    while (!is_finished(j)) {
        wait_for_events(j, polls);
        rp__time now = rp__clock_mono();
        if (polls[AT_SIGNAL].revents)
            read_signals(j, now);
        read_desk(j, polls, now);
        for (int i = 0; i < 2; i++) {
            if (j->pipes[i] >= 0 && (polls[AT_OUT + i].revents || can_read_last(j, i)))
                read_output(j, i, now);
            if (polls[AT_SCREEN_OUT + i].revents)
                rp__screen_write(&j->screen, i);
        }
        rp__filter_tick(&j->filter, now, rp__screen_buf(&j->screen, RP__SCREEN_STDERR));
        if (polls[AT_SIGNAL].revents || j->phase == RP__JOB_LEAVING)
            see_children(j, now);
        if (j->phase == RP__JOB_RUNNING)
            watch_begin(j, now);
        if (j->phase != RP__JOB_OVER)
            meet_deadline(j, now);
    }
    read_line(j, rp__clock_mono()); /* what rank 0 said last */
}
