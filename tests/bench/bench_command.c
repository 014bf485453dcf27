/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the supervisor adds to a command: N of them through it and N by bare posix_spawn and waitpid, in
 * turns.
 *
 *     bench_command [N [LINE]]
 */
#include "exec/supervisor.h"

#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static rp__time run_bare(char *line)
{
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, (char[]){"--"}, line, NULL};
    pid_t pid;
    int status;
    rp__time began = rp__clock_mono();
    if (posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ) != 0 || waitpid(pid, &status, 0) != pid)
        exit(1);
    return rp__clock_mono() - began;
}

/* *own_s: what the supervisor itself measured. */
static rp__time run_supervised(rp__supervisor *s, const char *line, int64_t index, double *own_s)
{
    rp_error err;
    rp__command_result r;
    struct pollfd p = {.fd = rp__supervisor_fd(s), .events = POLLIN};
    rp__time began = rp__clock_mono();
    if (rp__supervisor_spawn(s, line, strlen(line), index, 0, &err) != RP_OK || poll(&p, 1, -1) != 1 ||
        rp__supervisor_poll(s, &r, &err) != RP_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    rp__time took = rp__clock_mono() - began;
    *own_s = r.wall_s;
    rp__command_result_done(&r);
    return took;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;
    return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, by_value);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000;
    char *line = argc > 2 ? argv[2] : (char[]){"/bin/true"};
    rp_error err;
    rp__supervisor *s = NULL;
    double *bare = calloc(n, sizeof *bare), *own = calloc(n, sizeof *own), *ours = calloc(n, sizeof *ours);
    if (!n || !bare || !ours || !own)
        return 2;
    if (rp__supervisor_start(&s, &err) != RP_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    for (size_t i = 0; i < n; i++) {
        bare[i] = (double) run_bare(line) * 1e-3;
        ours[i] = (double) run_supervised(s, line, (int64_t) i, &own[i]) * 1e-3;
        own[i] *= 1e6;
    }
    rp__supervisor_stop(&s);
    double b = median(bare, n), o = median(ours, n), w = median(own, n);
    printf("%zu times 'sh -c -- %s', medians in us\n", n, line);
    printf("bare posix_spawn + waitpid   %8.1f\n", b);
    printf("through the supervisor       %8.1f   %.3f x\n", o, o / b);
    printf("  of that the shell alone    %8.1f   %.3f x\n", w, w / b);
    free(bare);
    free(ours);
    free(own);
    return 0;
}
