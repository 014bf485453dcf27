/* SPDX-License-Identifier: BSD-3-Clause */
/* The progress line: on a terminal only, never in the way of what the job prints. */
#include "rpt_launch.h"

#include <pty.h>
#include <sys/ioctl.h>

#define CLEAR "\r\033[K"

static rpt_launch run; /* large */

/* Runs the helper with stdout and stderr on a terminal of 40 columns (is_out_apart: stdout on a pipe). */
static int start(const char *mode, bool is_progress, bool is_out_apart)
{
    static char helper[4096];
    struct winsize size = {.ws_col = 40, .ws_row = 10};
    int master, slave, out[2];
    (void) snprintf(helper, sizeof helper, "%s", rpt_helper("launch_helper"));
    char *argv[] = {helper, (char[]){"job"}, strdup(mode), NULL};
    rp__launch_options opt = {.workers = 1, .argv = argv, .input_fd = -1, .is_progress = is_progress};
    (void) setenv("RANKPOOL_MPIRUN", helper, 1);
    (void) setenv("FAKE_MPIRUN", "", 1);
    memset(&run, 0, sizeof run);
    if (openpty(&master, &slave, NULL, NULL, &size) < 0) {
        puts("skip: this machine gives no pseudo-terminal");
        exit(77);
    }
    if (pipe2(out, O_CLOEXEC) < 0)
        exit(1);
    rpt_launch_fork(&run, &opt, is_out_apart ? out[1] : slave, slave);
    (void) close(slave);
    (void) close(out[1]);
    run.fds[0] = out[0];
    run.fds[1] = master;
    free(argv[2]);
    return master;
}

static int count(const char *text, const char *part)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        n++;
    return n;
}

/* What a terminal of 40 columns shows in its last line after text, and whether any line was overwritten:
 * "\r" goes to the begin, "ESC [ K" clears from there, other bytes are put. */
static void replay(const char *text, char *screen, size_t size)
{
    size_t begin = 0, at = 0, end = 0;
    for (; *text && end + 1 < size; text++) {
        if (*text == '\r') {
            at = begin;
        } else if (!strncmp(text, "\033[K", 3)) {
            end = at;
            text += 2;
        } else if (*text == '\n') {
            at = end;
            screen[at++] = '\n';
            begin = end = at;
        } else {
            screen[at++] = *text;
            end = at > end ? at : end;
        }
    }
    screen[end] = '\0';
}

static void draws_on_a_terminal(void)
{
    static char screen[1 << 16];
    (void) start("progress", true, false);
    rpt_launch_end(&run);
    const char *text = run.text[1];
    RPT_EQ_I64(run.status, 0);
    RPT_HAS_STR(text, "columns 40");
    RPT_HAS_STR(text, "\rfirst 0123456789 0123456789 0123456789 \033[K"); /* cut to 39 */
    RPT_OK(!strstr(text, "tail"));
    RPT_HAS_STR(text, CLEAR "whole line\r\n");
    RPT_HAS_STR(text, CLEAR "half line\r\n"); /* nothing in the middle */
    RPT_HAS_STR(text, "\rsecond [31m\033[K"); /* no escapes from the job */
    replay(text, screen, sizeof screen);
    RPT_EQ_STR(screen, "columns 40\nwhole line\nhalf line\n"); /* and nothing stays */
}

static void draws_with_stdout_elsewhere(void)
{
    (void) start("progress", true, true);
    rpt_launch_end(&run);
    RPT_EQ_STR(run.text[0], "columns 40\nwhole line\nhalf line\n");
    RPT_EQ_STR(run.text[1], "\rfirst 0123456789 0123456789 0123456789 \033[K\rsecond [31m\033[K" CLEAR);
}

static void draws_seldom(void)
{
    (void) start("hurry", true, true);
    rpt_launch_end(&run);
    int drawn = count(run.text[1], "\r<");
    RPT_OK(drawn >= 5 && drawn <= (int) (run.seconds * 10) + 2);
    RPT_HAS_STR(run.text[1], "\r<0>");
}

static void draws_nothing_unasked(void)
{
    (void) start("progress", false, false);
    rpt_launch_end(&run);
    RPT_EQ_STR(run.text[1], "columns 0\r\nwhole line\r\nhalf line\r\n");
    (void) setenv("TERM", "dumb", 1);
    (void) start("progress", true, false);
    rpt_launch_end(&run);
    (void) setenv("TERM", "xterm", 1);
    RPT_EQ_STR(run.text[1], "columns 0\r\nwhole line\r\nhalf line\r\n");
}

static void draws_nothing_on_a_pipe(void)
{
    char helper[4096];
    (void) snprintf(helper, sizeof helper, "%s", rpt_helper("launch_helper"));
    char *argv[] = {helper, (char[]){"job"}, (char[]){"progress"}, NULL};
    rp__launch_options opt = {.workers = 1, .argv = argv, .input_fd = -1, .is_progress = true};
    rpt_launch_start(&run, &opt);
    rpt_launch_end(&run);
    RPT_EQ_STR(run.text[0], "columns 0\nwhole line\nhalf line\n");
    RPT_EQ_STR(run.text[1], "");
}

static void follows_the_size(void)
{
    struct winsize size = {.ws_col = 12, .ws_row = 10};
    int terminal = start("progress", true, true);
    RPT_OK(rpt_launch_until(&run, 1, "\rfirst 0123456789 0123456789 0123456789 \033[K"));
    (void) ioctl(terminal, TIOCSWINSZ, &size);
    (void) kill(run.pid, SIGWINCH); /* the kernel tells only the terminal's foreground */
    RPT_OK(rpt_launch_until(&run, 1, "\rfirst 01234\033[K"));
    rpt_launch_end(&run);
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {
        RPT_CASE(draws_on_a_terminal),   RPT_CASE(draws_with_stdout_elsewhere), RPT_CASE(draws_seldom),
        RPT_CASE(draws_nothing_unasked), RPT_CASE(draws_nothing_on_a_pipe),     RPT_CASE(follows_the_size),
    };
    (void) setenv("TERM", "xterm", 1);
    return rpt_main(argc, argv, cases, RPT_COUNT(cases));
}
