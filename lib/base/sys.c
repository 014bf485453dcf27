/* SPDX-License-Identifier: BSD-3-Clause */
/* What the operating system tells: clocks, cores; and whole writes. */
#include "base/base.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

rp__time rp__clock_mono(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (rp__time) ts.tv_sec * RP__SEC + ts.tv_nsec;
}

double rp__clock_wall(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (double) ts.tv_sec + (double) ts.tv_nsec * 1e-9;
}

static int affinity_cores(void)
{
    for (int max = 1024; max <= 1 << 20; max *= 4) {
        cpu_set_t *set = CPU_ALLOC((size_t) max);
        if (!set)
            break;
        size_t bytes = CPU_ALLOC_SIZE((size_t) max);
        int rc = sched_getaffinity(0, bytes, set);
        int n = rc == 0 ? CPU_COUNT_S(bytes, set) : 0;
        CPU_FREE(set);
        if (rc == 0)
            return n;
        if (errno != EINVAL)
            break;
    }
    return 1;
}

/* Reads "QUOTA PERIOD" of cgroup v2's cpu.max; 0 when there is no limit there. */
static double cpu_max(const char *path)
{
    double cores = 0;
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    double quota, period;
    if (fscanf(f, "%lf %lf", &quota, &period) == 2 && period > 0) /* "max" does not scan as a number */
        cores = quota / period;
    fclose(f);
    return cores;
}

static double read_number(const char *path)
{
    double v = 0;
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    if (fscanf(f, "%lf", &v) != 1)
        v = 0;
    fclose(f);
    return v;
}

/* The tightest CPU quota of this process's cgroup and its parents (v2), or of the v1 cpu controller; 0: none.
 */
static double cgroup_cores(void)
{
    double least = 0;
    char line[1024], path[1200];
    FILE *f = fopen("/proc/self/cgroup", "re");
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "0::", 3) != 0)
            continue;
        char *dir = line + 3;
        for (;;) {
            (void) snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max",
                            dir); /* a cut path just does not open */
            double cores = cpu_max(path);
            if (cores > 0 && (least == 0 || cores < least))
                least = cores;
            char *slash = strrchr(dir, '/');
            if (!slash)
                break;
            *slash = '\0';
        }
    }
    if (f)
        fclose(f);
    double quota = read_number("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
    double period = read_number("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    if (quota > 0 && period > 0 && (least == 0 || quota / period < least))
        least = quota / period;
    return least;
}

int rp__usable_cores(void)
{
    int cores = affinity_cores();
    double quota = cgroup_cores();
    if (quota > 0 && quota < cores)
        cores = (int) (quota + 0.5); /* 1.5 cores' worth keeps two workers busy three quarters of the time */
    return cores > 0 ? cores : 1;
}

bool rp__write_all(int fd, const void *data, size_t len)
{
    const char *p = data;
    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t) n;
    }
    return true;
}
