/* SPDX-License-Identifier: BSD-3-Clause */
/* What all benchmark programs share: a clock, a median, memory, and the work of a calibrated task.
 * They print one "name value" per line; scripts/bench reads it. */
#ifndef BENCH_H
#define BENCH_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TASK_MS 10 /* of the tasks that sleep or compute */

static inline double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static inline int by_value(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;
    return (x > y) - (x < y);
}

static inline double median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, by_value);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static inline void say(const char *name, double value)
{
    printf("%s %.9g\n", name, value);
    fflush(stdout);
}

_Noreturn static inline void die(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

static inline void *need(size_t bytes)
{
    void *p = malloc(bytes ? bytes : 1);
    if (!p)
        die("out of memory");
    memset(p, 1, bytes); /* page faults are not what is measured */
    return p;
}

/* Peak resident memory of this process in KiB; 0 when unknown. */
static inline double peak_kib(void)
{
    char line[256];
    double kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtod(line + 6, NULL);
    if (f)
        fclose(f);
    return kib;
}

static inline void sleep_s(double s)
{
    struct timespec t = {.tv_sec = (time_t) s, .tv_nsec = (long) ((s - (double) (time_t) s) * 1e9)};
    while (nanosleep(&t, &t) != 0 && errno == EINTR)
        continue;
}

/* The same number of rounds is the same work everywhere. */
static inline void burn(int64_t rounds)
{
    uint64_t x = 88172645463325252u;
    for (int64_t k = 0; k < rounds; k++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        __asm__ volatile("" : "+r"(x)); /* every round is computed */
    }
}

#endif
