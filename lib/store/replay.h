/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Taking the journal's records, and rows of the old file, into a new file.
 */
#ifndef RP_STORE_REPLAY_H
#define RP_STORE_REPLAY_H

#include "store/grow.h"
#include "store/rewrite.h"

typedef struct rp__replay {
    rp__rewrite *w;
    rp__h5file *file;                          /* the new one */
    rp__grow out, err, ranges, errors, events; /* owned; what the kind of run has */
    rp__scan scan;                             /* owned */
} rp__replay;

bool rp__replay_open(rp__replay *p);
/* Rows of the old file that are kept. */
rp_status rp__replay_old_rows(rp__replay *p, rp_error *err);
/* All records of the journal, then what is left in the buffers. */
rp_status rp__replay_journal(rp__replay *p, rp_error *err);
void rp__replay_done(rp__replay *p);

#endif
