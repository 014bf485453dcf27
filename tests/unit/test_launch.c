/* SPDX-License-Identifier: BSD-3-Clause */
/* The launcher and the job's side of the line, with an mpirun of the test's own. */
#include "rpt_launch.h"

static rpt_launch run; /* large */

/* The helper, from now on the mpirun, which behaves as `fake` says. */
static char *use_fake(const char *fake)
{
    static char helper[4096];
    (void) snprintf(helper, sizeof helper, "%s", rpt_helper("launch_helper"));
    (void) setenv("RANKPOOL_MPIRUN", helper, 1);
    (void) setenv("FAKE_MPIRUN", fake, 1);
    return helper;
}

/* Starts `launch_helper job mode arg` under the fake mpirun that behaves as `fake` says. */
static void start(const char *fake, const char *mode, const char *arg)
{
    char *argv[] = {use_fake(fake), (char[]){"job"}, strdup(mode), arg ? strdup(arg) : NULL, NULL};
    rp__launch_options opt = {.workers = 2, .argv = argv, .input_fd = -1};
    rpt_launch_start(&run, &opt);
    free(argv[2]);
    free(argv[3]);
}

static void finish(const char *fake, const char *mode, const char *arg)
{
    start(fake, mode, arg);
    rpt_launch_end(&run);
}

static void passes_the_status(void)
{
    static const char *const statuses[] = {"0", "1", "75", "255"};
    for (size_t i = 0; i < RPT_COUNT(statuses); i++) {
        finish("", "status", statuses[i]); /* the second report counts */
        RPT_EQ_I64(run.status, atoi(statuses[i]));
        RPT_EQ_STR(run.text[1], "");
    }
    finish("", "status", "256");
    RPT_EQ_I64(run.status, 255);
}

static void tells_of_a_job_without_report(void)
{
    finish("", "silent", "7");
    RPT_EQ_I64(run.status, RP__EXIT_POOL);
    RPT_EQ_STR(run.text[1], "rankpool: the job ended before its master reported (mpirun exit status 7)\n");
    finish("", "silent", "0");
    RPT_EQ_I64(run.status, RP__EXIT_POOL);
    finish("", "crash", NULL);
    RPT_EQ_I64(run.status, RP__EXIT_POOL);
    RPT_HAS_STR(run.text[1], "(mpirun exit status 137)");
}

static void waits_for_a_master_that_has_reported(void)
{
    finish("", "linger", "1");
    RPT_EQ_I64(run.status, 1);
    RPT_EQ_STR(run.text[0], "saved\n");
}

static void ends_what_hangs_after_the_master_has_gone(void)
{
    finish("", "hang", "1");
    RPT_EQ_I64(run.status, 1);
    RPT_OK(run.seconds > 4.9 && run.seconds < 9);
}

static void ends_an_mpirun_that_never_ends(void)
{
    finish("stubborn", "status", "4");
    RPT_EQ_I64(run.status, 4);
    RPT_OK(run.seconds > 6.9 && run.seconds < 11);
}

static void drains_at_the_first_interrupt(void)
{
    start("", "words", NULL);
    RPT_OK(rpt_launch_until(&run, 0, "ready"));
    (void) kill(run.pid, SIGINT);
    rpt_launch_end(&run);
    RPT_EQ_STR(run.text[0], "ready\ndrain\n");
    RPT_EQ_I64(run.status, RP__EXIT_SIGINT);
}

static void kills_at_the_second_interrupt(void)
{
    start("", "deaf", NULL);
    RPT_OK(rpt_launch_until(&run, 0, "ready"));
    (void) kill(run.pid, SIGINT);
    RPT_OK(rpt_launch_until(&run, 0, "drain"));
    rp__time second = rp__clock_mono();
    (void) kill(run.pid, SIGINT);
    rpt_launch_end(&run);
    double took = (double) (rp__clock_mono() - second) / (double) RP__SEC;
    RPT_HAS_STR(run.text[0], "kill\n");
    RPT_OK(took > 1.9 && took < 4);
    RPT_EQ_I64(run.status, RP__EXIT_SIGINT);
    RPT_EQ_STR(run.text[1], "");
}

/* Slurm and timeout(1) send SIGTERM twice and mean it once. */
static void takes_a_doubled_sigterm_as_one(void)
{
    start("", "deaf", NULL);
    RPT_OK(rpt_launch_until(&run, 0, "ready"));
    (void) kill(run.pid, SIGTERM);
    RPT_OK(rpt_launch_until(&run, 0, "drain"));
    (void) kill(run.pid, SIGTERM);
    for (int i = 0; i < 3; i++)
        (void) rpt_launch_read(&run, 100);
    RPT_OK(!strstr(run.text[0], "kill"));
    (void) kill(run.pid, SIGINT);
    RPT_OK(rpt_launch_until(&run, 0, "kill"));
    (void) kill(run.pid, SIGINT); /* the third: at once */
    rp__time third = rp__clock_mono();
    rpt_launch_end(&run);
    RPT_OK(rp__clock_mono() - third < 1500 * RP__MS);
    RPT_EQ_I64(run.status, RP__EXIT_SIGINT);
}

static void ends_at_once_before_the_line_is_open(void)
{
    start("", "wait", NULL);
    RPT_OK(rpt_launch_until(&run, 0, "ready"));
    rp__time began = rp__clock_mono();
    (void) kill(run.pid, SIGINT);
    rpt_launch_end(&run);
    RPT_OK(rp__clock_mono() - began < 1500 * RP__MS);
    RPT_EQ_I64(run.status, RP__EXIT_SIGINT);
}

static void leaves_an_ignored_signal_ignored(void)
{
    struct sigaction old, ignore = {.sa_handler = SIG_IGN};
    (void) sigaction(SIGHUP, &ignore, &old);
    start("", "deaf", NULL);
    (void) sigaction(SIGHUP, &old, NULL);
    RPT_OK(rpt_launch_until(&run, 0, "ready"));
    (void) kill(run.pid, SIGHUP);
    for (int i = 0; i < 2; i++)
        (void) rpt_launch_read(&run, 100);
    RPT_EQ_STR(run.text[0], "ready\n");
    for (int i = 0; i < 3; i++) {
        (void) kill(run.pid, SIGINT);
        (void) rpt_launch_read(&run, 100);
    }
    rpt_launch_end(&run);
    RPT_EQ_I64(run.status, RP__EXIT_SIGINT);
}

/* Whether the condition comes true within 5 s. */
#define COMES_TRUE(cond)                                                                                     \
    do {                                                                                                     \
        for (int left = 500; left > 0 && !(cond); left--)                                                    \
            (void) poll(NULL, 0, 10);                                                                        \
        RPT_OK(cond);                                                                                        \
    } while (0)

static void tells_the_master_that_the_launcher_is_gone(void)
{
    char mark[] = "/tmp/test_launch.XXXXXX";
    (void) close(mkstemp(mark));
    (void) unlink(mark);
    start("calm", "deaf", mark);
    RPT_OK(rpt_launch_until(&run, 0, "ready"));
    (void) kill(run.pid, SIGKILL);
    rpt_launch_end(&run);
    RPT_EQ_I64(run.status, 1000 + SIGKILL);
    COMES_TRUE(access(mark, F_OK) == 0);
    (void) unlink(mark);
}

static void takes_mpirun_with_it(void)
{
    int pid = 0;
    start("", "wait", NULL);
    RPT_OK(rpt_launch_until(&run, 0, "ready"));
    RPT_OK(sscanf(run.text[0], "ready %d\n", &pid) == 1);
    RPT_OK(rpt_is_alive(pid));
    (void) kill(run.pid, SIGKILL);
    rpt_launch_end(&run);
    COMES_TRUE(!rpt_is_alive(pid));
}

static void leaves_no_process_behind(void)
{
    int pid = 0;
    finish("", "orphan", "0");
    RPT_EQ_I64(run.status, 0);
    RPT_OK(sscanf(run.text[0], "orphan %d", &pid) == 1);
    RPT_OK(!rpt_is_alive(pid));
    RPT_OK(run.seconds < 3);
    finish("wild", "wait", NULL); /* mpirun leaves its rank */
    RPT_EQ_I64(run.status, RP__EXIT_POOL);
    RPT_HAS_STR(run.text[1], "mpirun exit status 5");
    RPT_OK(run.seconds < 3);
}

/* The child for the next test: launches while it has a child of its own; 0 when that one is still there. */
static int launch_beside_a_child(FILE *out)
{
    int status = 0;
    char *argv[] = {use_fake(""), (char[]){"job"}, (char[]){"orphan"}, NULL};
    rp__launch_options opt = {.workers = 1, .argv = argv, .input_fd = -1};
    pid_t child = fork();
    if (child == 0) {
        (void) pause();
        _exit(0);
    }
    (void) dup2(fileno(out), STDOUT_FILENO);
    int rc = rp__launch(&opt);
    bool is_there = waitpid(child, &status, WNOHANG) == 0;
    (void) kill(child, SIGKILL);
    return rc == 0 && is_there && waitpid(child, &status, 0) == child ? 0 : 1;
}

/* Children that the caller had before are not the job's; the job's end all the same. */
static void leaves_other_children_alone(void)
{
    int status = 0, pid = 0;
    FILE *out = tmpfile();
    (void) fflush(stdout);
    pid_t outer = fork();
    if (outer == 0)
        _exit(launch_beside_a_child(out));
    (void) waitpid(outer, &status, 0);
    RPT_OK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    rewind(out);
    RPT_OK(fscanf(out, "orphan %d", &pid) == 1);
    RPT_OK(!rpt_is_alive(pid));
    fclose(out);
}

static void needs_an_mpirun(void)
{
    char *argv[] = {(char[]){"/bin/true"}, NULL};
    rp__launch_options opt = {.workers = 1, .argv = argv, .input_fd = -1};
    char path[8192];
    (void) snprintf(path, sizeof path, "%s", getenv("PATH"));
    (void) unsetenv("RANKPOOL_MPIRUN");
    (void) setenv("PATH", "/nowhere", 1);
    rpt_launch_start(&run, &opt);
    rpt_launch_end(&run);
    (void) setenv("PATH", path, 1);
    RPT_EQ_I64(run.status, RP__EXIT_USAGE);
    RPT_EQ_STR(run.text[1], "rankpool: cannot find mpirun on PATH: install Open MPI (Debian/Ubuntu: apt-get "
                            "install openmpi-bin) or set RANKPOOL_MPIRUN\n");
    RPT_OK(run.seconds < 1);
    (void) setenv("RANKPOOL_MPIRUN", "/nowhere/mpirun", 1);
    rpt_launch_start(&run, &opt);
    rpt_launch_end(&run);
    RPT_EQ_I64(run.status, RP__EXIT_USAGE);
    RPT_HAS_STR(run.text[1], "cannot find '/nowhere/mpirun', which RANKPOOL_MPIRUN names");
    finish("hydra", "status", "0");
    RPT_EQ_I64(run.status, RP__EXIT_USAGE);
    RPT_HAS_STR(run.text[1], "is not Open MPI (it says \"HYDRA build details:\")");
}

static void refuses_wrong_use(void)
{
    char *argv[] = {(char[]){"--flag"}, NULL};
    rp__launch_options opt = {.workers = 1, .argv = argv, .input_fd = -1};
    (void) use_fake("");
    rpt_launch_start(&run, &opt);
    rpt_launch_end(&run);
    RPT_EQ_I64(run.status, RP__EXIT_USAGE);
    argv[0] = (char[]){"no-such-program"};
    rpt_launch_start(&run, &opt);
    rpt_launch_end(&run);
    RPT_EQ_I64(run.status, RP__EXIT_USAGE);
    RPT_EQ_STR(run.text[1], "rankpool: cannot find the program 'no-such-program'\n");
    (void) setenv("RANKPOOL_WORKERS", "many", 1);
    opt.workers = 0;
    rpt_launch_start(&run, &opt);
    rpt_launch_end(&run);
    (void) unsetenv("RANKPOOL_WORKERS");
    RPT_EQ_I64(run.status, RP__EXIT_USAGE);
    RPT_HAS_STR(run.text[1], "RANKPOOL_WORKERS");
}

static void hands_over_the_input(void)
{
    FILE *f = tmpfile();
    fputs("one\ntwo\n", f);
    rewind(f);
    char *argv[] = {use_fake(""), (char[]){"job"}, (char[]){"input"}, NULL};
    rp__launch_options opt = {.workers = 2, .argv = argv, .input_fd = fileno(f)};
    rpt_launch_start(&run, &opt);
    rpt_launch_end(&run);
    fclose(f);
    RPT_EQ_I64(run.status, 0);
    RPT_EQ_STR(run.text[0], "input\none\ntwo\nonce\n");
    finish("", "input", NULL);
    RPT_EQ_STR(run.text[0], "no input\nonce\n");
}

static void lets_in_only_the_right_token(void)
{
    finish("", "refuse", "0");
    RPT_EQ_STR(run.text[0], "turned away\n");
    RPT_EQ_I64(run.status, 0);
}

static void says_how_many_ranks(void)
{
    finish("", "ranks", "0");
    RPT_EQ_STR(run.text[0], "ranks 3\n");
    RPT_EQ_I64(rp__line_expected_ranks(), 0);
}

static void needs_a_sound_address(void)
{
    rp__line *l = NULL;
    rp_error err = {0};
    RPT_STATUS(rp__line_open(&l, &err), RP_EMPTY);
    (void) setenv("RANKPOOL_LAUNCHER", "1:x:short:2:80", 1);
    RPT_STATUS(rp__line_open(&l, &err), RP_ENET);
    RPT_EQ_I64(rp__line_expected_ranks(), 0);
    (void) setenv("RANKPOOL_LAUNCHER", "1:rankpool-nobody:0123456789abcdef0123456789abcdef:2:80", 1);
    RPT_STATUS(rp__line_open(&l, &err), RP_ENET);
    RPT_HAS_STR(err.text, "the launcher cannot be reached: ");
    RPT_EQ_I64(rp__line_expected_ranks(), 2);
    (void) unsetenv("RANKPOOL_LAUNCHER");
    RPT_OK(l == NULL);
}

static void passes_output(void)
{
    finish("", "much", "0");
    RPT_EQ_I64(run.status, 0);
    RPT_EQ_STR(run.text[1], "whole\nhalf");
    RPT_OK(strncmp(run.text[0], "line 0 of many\n", 15) == 0);
    RPT_HAS_STR(run.text[0], "line 19999 of many\n");
    RPT_EQ_I64(run.len[0], 748890);
    (void) setenv("RANKPOOL_DEBUG", "1", 1);
    finish("", "much", "0");
    (void) unsetenv("RANKPOOL_DEBUG");
    RPT_HAS_STR(run.text[1], "BAD-PARAM");
    RPT_HAS_STR(run.text[1], "--enable-recovery");
}

static void passes_unfinished_lines_soon(void)
{
    start("", "partial", "0");
    RPT_OK(rpt_launch_until(&run, 0, "no newline"));
    rp__time began = rp__clock_mono();
    RPT_OK(rpt_launch_until(&run, 1, "none here"));
    RPT_OK(rp__clock_mono() - began < 300 * RP__MS); /* of 1 s that the job lives */
    rpt_launch_end(&run);
}

/* The reader of stdout leaves: the job goes on and its status comes. */
static void survives_a_closed_stdout(void)
{
    start("", "much", "3");
    (void) close(run.fds[0]);
    run.fds[0] = -1;
    rpt_launch_end(&run);
    RPT_EQ_I64(run.status, 3);
}

/* The reader pauses: Ctrl-C works all the same. */
static void listens_while_stdout_is_full(void)
{
    start("", "much", "0");
    (void) poll(NULL, 0, 300);
    (void) kill(run.pid, SIGINT);
    (void) poll(NULL, 0, 1500);
    (void) kill(run.pid, SIGINT);
    rp__time began = rp__clock_mono();
    int status = 0;
    while (waitpid(run.pid, &status, WNOHANG) == 0 && rp__clock_mono() - began < 5 * RP__SEC)
        (void) poll(NULL, 0, 10);
    RPT_OK(WIFEXITED(status) && WEXITSTATUS(status) == RP__EXIT_SIGINT);
    for (int i = 0; i < 2; i++)
        (void) close(run.fds[i]);
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {
        RPT_CASE(passes_the_status),
        RPT_CASE(tells_of_a_job_without_report),
        RPT_CASE(waits_for_a_master_that_has_reported),
        RPT_CASE(ends_what_hangs_after_the_master_has_gone),
        RPT_CASE(ends_an_mpirun_that_never_ends),
        RPT_CASE(drains_at_the_first_interrupt),
        RPT_CASE(kills_at_the_second_interrupt),
        RPT_CASE(takes_a_doubled_sigterm_as_one),
        RPT_CASE(ends_at_once_before_the_line_is_open),
        RPT_CASE(leaves_an_ignored_signal_ignored),
        RPT_CASE(tells_the_master_that_the_launcher_is_gone),
        RPT_CASE(takes_mpirun_with_it),
        RPT_CASE(leaves_no_process_behind),
        RPT_CASE(leaves_other_children_alone),
        RPT_CASE(needs_an_mpirun),
        RPT_CASE(refuses_wrong_use),
        RPT_CASE(hands_over_the_input),
        RPT_CASE(lets_in_only_the_right_token),
        RPT_CASE(says_how_many_ranks),
        RPT_CASE(needs_a_sound_address),
        RPT_CASE(passes_output),
        RPT_CASE(passes_unfinished_lines_soon),
        RPT_CASE(survives_a_closed_stdout),
        RPT_CASE(listens_while_stdout_is_full),
    };
    return rpt_main(argc, argv, cases, RPT_COUNT(cases));
}
