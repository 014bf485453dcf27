/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two roles for the tests of the launcher, so that none needs MPI.
 *
 *     launch_helper job MODE [ARG]    the job's rank 0
 *     launch_helper ... -n N PROGRAM  an mpirun that starts one rank; FAKE_MPIRUN says how it behaves:
 *                                     stubborn (no SIGTERM, no end), calm (no SIGTERM), wild (leaves its rank
 *                                     behind), hydra
 *     launch_helper --version
 */
#include "launch/launch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void sleep_ms(int ms)
{
    (void) poll(NULL, 0, ms);
}

static rp__line *open_line(void)
{
    rp__line *l = NULL;
    rp_error err = {0};
    if (rp__line_open(&l, &err) != RP_OK) {
        fprintf(stderr, "job: %s\n", err.text);
        exit(9);
    }
    return l;
}

static void wait_word(const rp__line *l)
{
    struct pollfd p = {.fd = rp__line_fd(l), .events = POLLIN};
    (void) poll(&p, 1, -1);
}

/* Prints the words that come; with is_obedient ends at each, with 75 for DRAIN. The launcher's going makes a
 * file `mark`, for then nobody reads what is printed. */
static int follow_words(rp__line *l, bool is_obedient, const char *mark)
{
    printf("ready\n");
    for (;;) {
        wait_word(l);
        rp__line_word w = rp__line_read(l);
        if (w == RP__LINE_NOTHING)
            continue;
        if (w == RP__LINE_GONE) {
            FILE *f = mark ? fopen(mark, "w") : NULL;
            return f ? fclose(f) : 1;
        }
        printf("%s\n", w == RP__LINE_DRAIN ? "drain" : "kill");
        if (is_obedient) {
            rp__line_exit(l, w == RP__LINE_DRAIN ? 75 : 3);
            return 0;
        }
    }
}

/* Leaves a process behind that has its own session and ignores what can be ignored. */
static void leave_orphan(void)
{
    if (fork() > 0)
        return;
    (void) setsid();
    if (fork() > 0)
        _exit(0);
    (void) signal(SIGTERM, SIG_IGN);
    (void) signal(SIGHUP, SIG_IGN);
    printf("orphan %d\n", (int) getpid());
    for (;;)
        (void) pause();
}

static int copy_input(rp__line *l)
{
    char data[4096];
    int fd = rp__line_input(l);
    printf("%s\n", fd < 0 ? "no input" : "input");
    for (ssize_t n; fd >= 0 && (n = read(fd, data, sizeof data)) > 0;)
        (void) fwrite(data, 1, (size_t) n, stdout);
    printf("%s\n", rp__line_input(l) < 0 ? "once" : "twice");
    return 0;
}

/* Calls the launcher with a token that is not the right one; true when it hangs up without a word. */
static bool is_turned_away(void)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    const char *name = strchr(getenv("RANKPOOL_LAUNCHER"), ':') + 1;
    size_t n = strcspn(name, ":");
    char hello[33] = "H", answer[8];
    memset(hello + 1, '0', 32);
    memcpy(sa.sun_path + 1, name, n);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    bool is_sent = connect(fd, (struct sockaddr *) &sa, (socklen_t) (sizeof sa.sun_family + 1 + n)) == 0 &&
                   send(fd, hello, sizeof hello, 0) == sizeof hello;
    ssize_t got = recv(fd, answer, sizeof answer, 0);
    (void) close(fd);
    return is_sent && got <= 0;
}

static void show_progress(rp__line *l)
{
    printf("columns %d\n", rp__line_columns(l));
    rp__line_progress(l, "first 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 tail");
    sleep_ms(250);
    printf("whole line\n");
    sleep_ms(250);
    printf("half ");
    (void) fflush(stdout);
    sleep_ms(250);
    rp__line_progress(l, "second\033[31m");
    sleep_ms(250);
    printf("line\n");
    sleep_ms(250);
}

/* Many changes of the progress line in little time. */
static void hurry(rp__line *l)
{
    for (int i = 0; i < 1000; i++) {
        char text[32];
        (void) snprintf(text, sizeof text, "<%d>", i);
        rp__line_progress(l, text);
        sleep_ms(1);
    }
}

/* Both streams, with and without newlines, more than a pipe holds. */
static void print_much(void)
{
    for (int i = 0; i < 40000; i++)
        printf("line %d of many\n", i);
    (void) fflush(stdout);
    fprintf(stderr, "whole\n[vm:1] PMIX ERROR: BAD-PARAM in file ../../../src/event/"
                    "pmix_event_notification.c at line 1033\nhalf");
}

static int work(const char *mode, const char *arg)
{
    int value = arg ? atoi(arg) : 0;
    if (!strcmp(mode, "silent"))
        return value;
    if (!strcmp(mode, "wait")) {
        printf("ready %d\n", (int) getppid());
        sleep_ms(60000);
    }
    if (!strcmp(mode, "refuse"))
        printf("%s\n", is_turned_away() ? "turned away" : "let in");
    if (!strcmp(mode, "ranks"))
        printf("ranks %d\n", rp__line_expected_ranks());
    if (!strcmp(mode, "orphan"))
        leave_orphan();
    if (!strcmp(mode, "much"))
        print_much();
    rp__line *l = open_line();
    if (!strcmp(mode, "crash"))
        (void) raise(SIGKILL);
    if (!strcmp(mode, "words") || !strcmp(mode, "deaf"))
        return follow_words(l, mode[0] == 'w', arg);
    if (!strcmp(mode, "input"))
        (void) copy_input(l);
    if (!strcmp(mode, "progress"))
        show_progress(l);
    if (!strcmp(mode, "hurry"))
        hurry(l);
    if (!strcmp(mode, "partial")) {
        printf("no newline");
        (void) fflush(stdout);
        fprintf(stderr, "none here");
        sleep_ms(1000);
    }
    rp__line_exit(l, 42);
    rp__line_exit(l, value);
    if (!strcmp(mode, "linger")) {
        sleep_ms(3000);
        (void) puts("saved");
    }
    rp__line_close(&l);
    if (!strcmp(mode, "hang"))
        sleep_ms(60000);
    return 0;
}

static pid_t rank;

static void forward(int sig)
{
    (void) sig;
    (void) kill(rank, SIGTERM);
}

static int be_mpirun(int argc, char **argv)
{
    const char *mode = getenv("FAKE_MPIRUN");
    bool is_stubborn = mode && !strcmp(mode, "stubborn");
    int at = 1, status = 0;
    while (at < argc && strcmp(argv[at], "-n") != 0)
        at++;
    if (at + 2 >= argc)
        return 64;
    rank = fork();
    if (rank == 0) {
        (void) execvp(argv[at + 2], argv + at + 2);
        _exit(127);
    }
    if (mode && !strcmp(mode, "wild"))
        return 5;
    (void) signal(SIGTERM, is_stubborn || (mode && !strcmp(mode, "calm")) ? SIG_IGN : forward);
    while (waitpid(rank, &status, 0) < 0 && errno == EINTR)
        continue;
    while (is_stubborn)
        (void) pause();
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
    const char *fake = getenv("FAKE_MPIRUN");
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 2 && !strcmp(argv[1], "job"))
        return work(argv[2], argv[3]);
    if (argc == 2 && !strcmp(argv[1], "--version")) {
        puts(fake && !strcmp(fake, "hydra") ? "HYDRA build details:\n    Version: 4.0.2"
                                            : "mpirun (Open MPI) 4.1.4\n\nReport bugs to nobody");
        return 0;
    }
    return be_mpirun(argc, argv);
}
