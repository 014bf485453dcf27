/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opening a run file that exists, for the reader and for a resume, with a sentence for everything it may be
 * instead.
 */
#ifndef RP_STORE_RUNFILE_H
#define RP_STORE_RUNFILE_H

#include "store/schema.h"

typedef struct rp__runfile {
    rp__h5file h5;
    int fd; /* owned */
    rp__meta meta;
    rp__run_row run;
    int64_t inputs, results; /* where their bytes stand; -1: none */
} rp__runfile;

/* Fills *out in place: it must stay at its address until rp__runfile_close. RP_EINVAL: not a run file that we
 * know; RP_ESTORE: missing, unreadable, truncated, damaged. */
rp_status rp__runfile_open(rp__runfile *out, const char *path, rp_error *err);
/* The same over a descriptor, which stays the caller's on failure. */
rp_status rp__runfile_open_fd(rp__runfile *out, int fd, const char *path, rp_error *err);
void rp__runfile_close(rp__runfile *r);

#endif
