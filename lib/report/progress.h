/* SPDX-License-Identifier: BSD-3-Clause */
/* Progress of a run as one line of text. */
#ifndef RP_REPORT_PROGRESS_H
#define RP_REPORT_PROGRESS_H

#include "base/base.h"

typedef struct rp__progress {
    int64_t total, before; /* tasks; of them done in an earlier run */
    int64_t succeeded, failed, lost, cancelled, resubmitted;
    int workers_alive, workers;
    rp__time elapsed;
} rp__progress;

/* "1234/10000 done (12%), 3 failed | 812/s | 0:11 left | 4 workers", with a bar before it when bar_width is
 * above 0. */
void rp__progress_text(const rp__progress *p, int bar_width, char *out, size_t len);

/* A length of time for people: "0:07", "12:30", "3:05:00". */
void rp__duration_text(double seconds, char *out, size_t len);

#endif
