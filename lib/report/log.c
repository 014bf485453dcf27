/* SPDX-License-Identifier: BSD-3-Clause */
/* Records become lines on standard error, or go to the process's diversion. */
#include "report/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static rp__log_sink_fn *divert_fn;
static void *divert_ctx;
static int speaker_rank = -1;
static int64_t speaker_task = -1;

static const char *const level_names[] = {"none", "error", "warn", "info", "debug", "trace"};

void rp__log_divert(rp__log_sink_fn *fn, void *ctx)
{
    divert_fn = fn;
    divert_ctx = ctx;
}

void rp__log_speaker(int rank, int64_t task)
{
    speaker_rank = rank;
    speaker_task = task;
}

bool rp__log_is_shown(rp_log_level level)
{
    static int shown = -1;
    if (shown < 0) {
        const char *want = getenv("RANKPOOL_LOG");
        int n = RP_LOG_INFO;
        for (int i = 0; want && i < RP_LOG_LEVEL_COUNT; i++)
            if (strcmp(want, level_names[i]) == 0)
                n = i;
        shown = n;
    }
    return (int) level <= shown;
}

void rp__log_print(const rp__log_record *r)
{
    if (!rp__log_is_shown(r->level))
        return;
    char line[1200], when[16], who[64] = "";
    time_t now = time(NULL);
    struct tm tm;
    localtime_r(&now, &tm);
    strftime(when, sizeof when, "%H:%M:%S", &tm);
    if (r->task >= 0)
        (void) snprintf(who, sizeof who, "rank %d task %lld: ", r->rank, (long long) r->task);
    else if (r->rank > 0)
        (void) snprintf(who, sizeof who, "rank %d: ", r->rank);
    const char *level = r->level < RP_LOG_LEVEL_COUNT ? level_names[r->level] : "?";
    int n = snprintf(line, sizeof line, "rankpool %s %s: %s%s\n", when, level, who, r->text);
    if (n >= (int) sizeof line) {
        n = (int) sizeof line - 1;
        line[n - 1] = '\n';
    }
    (void) rp__write_all(STDERR_FILENO, line, (size_t) n); /* nowhere left to complain */
}

void rp_log(rp_log_level level, const char *fmt, ...)
{
    if (level <= RP_LOG_NONE || level >= RP_LOG_LEVEL_COUNT || !rp__log_is_shown(level))
        return;
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    (void) vsnprintf(text, sizeof text, fmt, ap); /* cut is documented */
    va_end(ap);
    for (char *p = text; *p; p++)
        if (*p == '\n' || *p == '\r')
            *p = ' ';
    rp__log_record r = {level, speaker_rank, speaker_task, text};
    if (divert_fn)
        divert_fn(divert_ctx, &r);
    else
        rp__log_print(&r);
}
