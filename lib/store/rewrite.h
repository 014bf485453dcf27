/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A checkpoint: a new run file from the old one and the journal.
 *
 * Used at the end of a run, and at a resume before its first task. What the journal holds enters the
 * datasets that grow; rows and values are carried over; what is not ours (a user's notes) is copied as it is.
 */
#ifndef RP_STORE_REWRITE_H
#define RP_STORE_REWRITE_H

#include "store/journal.h"
#include "store/runfile.h"
#include "store/spans.h"

typedef struct rp__rewrite {
    /* in */
    const char *path;       /* of the run file, for messages */
    const rp__runfile *old; /* lent, open */
    int new_fd;
    int journal_fd; /* -1: no records */
    const char *journal_path;
    const rp__journal_head *head; /* of the journal */
    bool resume;                  /* tasks that were running, lost or cancelled are pending again */
    rp__run_row run;              /* in: all but the counts; out: as written */
    const rp__worker_row *workers;
    int worker_rows;
    /* out */
    rp__layout layout;
    rp__spans done; /* states of settled tasks; the caller's on RP_OK */
} rp__rewrite;

/* Writes the file with the next generation number. */
rp_status rp__rewrite_file(rp__rewrite *w, rp_error *err);

#endif
