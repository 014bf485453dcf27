/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The inside of a writer, shared by its beginning, its records and its end.
 */
#ifndef RP_STORE_WRITER_H
#define RP_STORE_WRITER_H

#include "store/journal.h"
#include "store/schema.h"
#include "store/spans.h"

struct rp__store {
    char *path;          /* owned; links resolved */
    int fd;              /* RUN.h5, for pwrite */
    rp__journal journal; /* locked */
    rp__meta meta;
    rp__layout layout;
    rp__spans done; /* states of settled tasks: from the file at the beginning, then from records */
    rp__run_row run;
    rp__worker_row *workers; /* owned; layout.worker_rows of them */
    bool failed;             /* a record could not be written; why is in failure */
    rp_error failure;
};

void rp__store_free(rp__store *s);

#endif
