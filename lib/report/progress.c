/* SPDX-License-Identifier: BSD-3-Clause */
/* Wording of progress. */
#include "report/progress.h"

#include <stdio.h>
#include <string.h>

void rp__duration_text(double seconds, char *out, size_t len)
{
    long long s = seconds > 0 ? (long long) (seconds + 0.5) : 0;
    if (s >= 3600)
        (void) snprintf(out, len, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60); /* fits 32 */
    else
        (void) snprintf(out, len, "%lld:%02lld", s / 60, s % 60); /* fits 32 */
}

static void put_bar(int width, double share, char *out, size_t len)
{
    if (width <= 0 || (size_t) width + 4 > len)
        return;
    int full = (int) (share * width + 0.5);
    out[0] = '[';
    for (int i = 0; i < width; i++)
        out[i + 1] = i < full ? '#' : '.';
    memcpy(out + width + 1, "] ", 3);
}

static void add(char *out, size_t len, const char *word, int64_t n)
{
    size_t at = strlen(out);
    if (n > 0)
        (void) snprintf(out + at, len - at, ", %lld %s", (long long) n, word); /* cut is fine */
}

void rp__progress_text(const rp__progress *p, int bar_width, char *out, size_t len)
{
    int64_t ran = p->succeeded + p->failed + p->lost, done = p->before + ran;
    double seconds = (double) p->elapsed * 1e-9, share = p->total > 0 ? (double) done / (double) p->total : 0;
    double rate = seconds > 0 ? (double) ran / seconds : 0;
    char bar[80] = "", left[32] = "?";
    put_bar(bar_width, share, bar, sizeof bar);
    if (rate > 0)
        rp__duration_text((double) (p->total - p->cancelled - done) / rate, left, sizeof left);
    (void) snprintf(out, len, "%s%lld/%lld done (%d%%)", bar, (long long) done, (long long) p->total,
                    (int) (share * 100)); /* cut is fine */
    add(out, len, "failed", p->failed);
    add(out, len, "lost", p->lost);
    add(out, len, "cancelled", p->cancelled);
    add(out, len, "resubmitted", p->resubmitted);
    size_t at = strlen(out);
    (void) snprintf(out + at, len - at, " | %.*f/s | %s left | %d", rate < 10 ? 1 : 0, rate, left,
                    p->workers_alive); /* cut is fine */
    at = strlen(out);
    if (p->workers_alive < p->workers)
        (void) snprintf(out + at, len - at, " of %d workers", p->workers); /* cut is fine */
    else
        (void) snprintf(out + at, len - at, " worker%s", p->workers == 1 ? "" : "s"); /* cut is fine */
}
