/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The test kit: checks that print what differed, both values and the place, and go on.
 *
 *     static void adds(void) { RPT_EQ_I64(1 + 1, 2); }
 *     int main(int argc, char **argv)
 *     {
 *         static const rpt_case cases[] = {RPT_CASE(adds)};
 *         return rpt_main(argc, argv, cases, RPT_COUNT(cases));
 *     }
 *
 * `test_x` runs all cases, `test_x NAME` those whose name contains NAME. RPT_SKIP(why) leaves a case.
 * Exit status 0: passed, 1: something failed, 77: all were skipped.
 */
#ifndef RPT_H
#define RPT_H

#include "base/base.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct rpt_case {
    const char *name;
    void (*run)(void);
} rpt_case;

#define RPT_CASE(fn)                                                                                         \
    {                                                                                                        \
#fn, fn                                                                                              \
    }
#define RPT_COUNT(array) (sizeof(array) / sizeof(array)[0])

static int rpt_failures;
static const char *rpt_skipped;

/* Counts a failure; after 20 in one case the rest is silent. */
static inline int rpt_bad(const char *file, int line)
{
    rpt_failures++;
    if (rpt_failures <= 20)
        printf("    %s:%d: ", file, line);
    return rpt_failures <= 20;
}

#define RPT_OK(cond)                                                                                         \
    do {                                                                                                     \
        if (!(cond) && rpt_bad(__FILE__, __LINE__))                                                          \
            printf("not true: %s\n", #cond);                                                                 \
    } while (0)

#define RPT_EQ_I64(got, want)                                                                                \
    do {                                                                                                     \
        int64_t rpt_g = (int64_t) (got), rpt_w = (int64_t) (want);                                           \
        if (rpt_g != rpt_w && rpt_bad(__FILE__, __LINE__))                                                   \
            printf("%s is %" PRId64 ", expected %" PRId64 "\n", #got, rpt_g, rpt_w);                         \
    } while (0)

#define RPT_EQ_F64(got, want, tolerance)                                                                     \
    do {                                                                                                     \
        double rpt_g = (got), rpt_w = (want), rpt_d = rpt_g - rpt_w;                                         \
        if (!(rpt_d <= (tolerance) && -rpt_d <= (tolerance)) && rpt_bad(__FILE__, __LINE__))                 \
            printf("%s is %.17g, expected %.17g within %g\n", #got, rpt_g, rpt_w, (double) (tolerance));     \
    } while (0)

#define RPT_EQ_STR(got, want)                                                                                \
    do {                                                                                                     \
        const char *rpt_g = (got), *rpt_w = (want);                                                          \
        if ((!rpt_g || !rpt_w || strcmp(rpt_g, rpt_w) != 0) && rpt_bad(__FILE__, __LINE__))                  \
            printf("%s is\n      \"%s\", expected\n      \"%s\"\n", #got, rpt_g ? rpt_g : "(null)",          \
                   rpt_w ? rpt_w : "(null)");                                                                \
    } while (0)

#define RPT_HAS_STR(got, part)                                                                               \
    do {                                                                                                     \
        const char *rpt_g = (got), *rpt_w = (part);                                                          \
        if ((!rpt_g || !strstr(rpt_g, rpt_w)) && rpt_bad(__FILE__, __LINE__))                                \
            printf("%s is\n      \"%s\", expected it to contain\n      \"%s\"\n", #got,                      \
                   rpt_g ? rpt_g : "(null)", rpt_w);                                                         \
    } while (0)

#define RPT_EQ_MEM(got, want, bytes)                                                                         \
    do {                                                                                                     \
        const unsigned char *rpt_g = (const void *) (got), *rpt_w = (const void *) (want);                   \
        size_t rpt_n = (bytes), rpt_i = 0;                                                                   \
        while (rpt_i < rpt_n && rpt_g[rpt_i] == rpt_w[rpt_i])                                                \
            rpt_i++;                                                                                         \
        if (rpt_i < rpt_n && rpt_bad(__FILE__, __LINE__))                                                    \
            printf("%s differs at byte %zu of %zu: %02x, expected %02x\n", #got, rpt_i, rpt_n, rpt_g[rpt_i], \
                   rpt_w[rpt_i]);                                                                            \
    } while (0)

#define RPT_STATUS(got, want)                                                                                \
    do {                                                                                                     \
        rp_status rpt_g = (got), rpt_w = (want);                                                             \
        if (rpt_g != rpt_w && rpt_bad(__FILE__, __LINE__))                                                   \
            printf("%s is %s, expected %s\n", #got, rp_status_name(rpt_g), rp_status_name(rpt_w));           \
    } while (0)

#define RPT_SKIP(why)                                                                                        \
    do {                                                                                                     \
        rpt_skipped = (why);                                                                                 \
        return;                                                                                              \
    } while (0)

static inline int rpt_main(int argc, char **argv, const rpt_case *cases, size_t count)
{
    int failed = 0, passed = 0, skipped = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < count; i++) {
        if (argc > 1 && !strstr(cases[i].name, argv[1]))
            continue;
        rpt_failures = 0;
        rpt_skipped = NULL;
        cases[i].run();
        if (rpt_skipped) {
            skipped++;
            printf("skip %s: %s\n", cases[i].name, rpt_skipped);
        } else if (rpt_failures) {
            failed++;
            printf("FAIL %s (%d differences)\n", cases[i].name, rpt_failures);
        } else {
            passed++;
            printf("ok   %s\n", cases[i].name);
        }
    }
    return failed ? 1 : !passed && skipped ? 77 : 0;
}

#endif
