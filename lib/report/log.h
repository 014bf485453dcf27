/* SPDX-License-Identifier: BSD-3-Clause */
/* The process's end of the central log: where rp_log() goes. */
#ifndef RP_REPORT_LOG_H
#define RP_REPORT_LOG_H

#include "base/base.h"

#include <rankpool/log.h>

typedef struct rp__log_record {
    rp_log_level level;
    int rank;
    int64_t task; /* -1: none */
    const char *text;
} rp__log_record;

typedef void rp__log_sink_fn(void *ctx, const rp__log_record *r);

/* Sends this process's records to fn; NULL: to standard error again. */
void rp__log_divert(rp__log_sink_fn *fn, void *ctx);

/* Who speaks: rank of this process and the task it runs (-1: none), put into its records. */
void rp__log_speaker(int rank, int64_t task);

/* Writes a record of whatever rank to standard error as one line, if its level is shown. */
void rp__log_print(const rp__log_record *r);

bool rp__log_is_shown(rp_log_level level);

#endif
