/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A new run file, complete with all its datasets, before the first task.
 */
#ifndef RP_STORE_CREATE_H
#define RP_STORE_CREATE_H

#include "store/schema.h"

/* Chunks of what grows: bytes of output, rows. */
#define RP__OUTPUT_CHUNK ((size_t) 256 << 10)
#define RP__ROW_CHUNK    ((size_t) 1024)

/* Writes the file into fd; path is for messages. */
rp_status rp__create_file(int fd, const char *path, const rp__store_plan *plan, const rp__meta *meta,
                          const rp__run_row *run, const rp__worker_row *workers, int worker_rows,
                          rp__layout *out, rp_error *err);

/* /run and /workers with their rows, in a new file. */
bool rp__create_status(rp__h5file *f, const rp__run_row *run, const rp__worker_row *workers, int worker_rows,
                       rp__layout *out);
/* /tasks of a commands run, without its rows. */
bool rp__create_task_table(rp__h5file *f, int64_t count, rp__layout *out);
/* Writes `count` equal rows from `first` on; false: errno. */
bool rp__fill_task_rows(int fd, const rp__layout *l, int64_t first, int64_t count, const rp__task_row *row);

#endif
