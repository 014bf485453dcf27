/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Records as rows: shared by the writer's live rows, the checkpoint and the reader.
 */
#ifndef RP_STORE_ROWS_H
#define RP_STORE_ROWS_H

#include "store/journal.h"
#include "store/schema.h"

rp__task_row rp__task_row_of(const rp__rec_command *c); /* outputs: not in the file yet */
rp__task_row rp__task_row_of_failed(const rp__rec_failed *c);
/* Whether all that belongs to a settled row is in the file. A live row of a settled task has no place in
 * /stdout yet: its record in the journal counts, and without that the task is not done. */
static inline bool rp__task_row_is_whole(const rp__task_row *row)
{
    return row->stdout_offset >= 0 && row->stderr_offset >= 0;
}
rp__task_state rp__command_state(int exit_status, int signal);
/* XXH3-64 over bytes of a file; 0 when they cannot be read. */
uint64_t rp__results_hash(int fd, int64_t at, int64_t len);
/* Whether the tasks that a record names exist in a run of this kind and size. */
bool rp__record_fits(const rp__record *r, bool is_commands, int64_t count);

#endif
