/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The inside of a reader: one look at a run file and its journal, refreshed whenever something is asked.
 *
 * The journal overrules the rows. The file may be replaced and the journal removed at any moment by the
 * writer; identity and generation tell which journal belongs to which file.
 */
#ifndef RP_STORE_READER_H
#define RP_STORE_READER_H

#include "store/journal.h"
#include "store/runfile.h"
#include "store/spans.h"

struct rp__run {
    char *path;         /* owned; links resolved */
    char *journal_path; /* owned */
    rp__runfile file;
    /* open as long as the file, so that HDF5 keeps a chunk it has unpacked; the last three: commands runs */
    hid_t tasks, task_type, errors, error_type, out, err, commands;
    uint64_t dev, ino; /* of the file */
    int journal_fd;    /* -1: none that belongs to the file */
    rp__journal_head head;
    rp__scan scan;
    double last_record; /* s since 1970 */
    /* function runs: states of settled tasks, in the file and in the journal */
    rp__spans states;
    /* function runs: who told about a task: row number of /tasks, or ~place of the record in the journal */
    rp__spans told_by;
    bool rows_indexed;
    /* both: texts: row number of /errors, or ~place of the record */
    rp__spans texts;
    bool texts_indexed;
    /* commands runs: place of the task's last record in the journal and the state it gave; 0: none; NULL
     * until there is one */
    int64_t *latest; /* owned */
};

static inline int64_t rp__reader_place(int64_t latest)
{
    return latest >> 3;
}
static inline rp__task_state rp__reader_state(int64_t latest)
{
    return (rp__task_state) (latest & 7);
}

/* Makes what is known as new as the files are; RP_ESTORE, RP_ENOMEM. */
rp_status rp__reader_refresh(rp__run *r, rp_error *err);
/* Gives up all but the paths. */
void rp__reader_unload(rp__run *r);
/* The record at a place that the scan has passed. */
rp_status rp__reader_record(rp__run *r, int64_t at, rp__record *out, rp_error *err);
/* Whether a living master writes the file. */
bool rp__reader_is_live(const rp__run *r);

#endif
