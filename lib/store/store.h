/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The run file: a writer for the master, a reader for status and show. Only this room knows HDF5.
 *
 * docs/run-file.md has the schema. Two files:
 *
 *   RUN.h5          made complete at start, with all datasets. /run, /workers, /tasks of commands runs and
 *                   /results of function runs are live: contiguous, allocated early. HDF5 closes the file at
 *                   once; the writer goes on with pwrite at the datasets' offsets, so any HDF5 tool may open
 *                   the file at any time without locks or environment variables.
 *   RUN.h5.journal  append-only, checksummed (XXH3-64) records: the truth. Outputs, failure texts, finished
 *                   ranges, events. A lock on it is the guard against a second master; it belongs to the open
 *                   file, so a process forked after rp__store_begin holds it, too, until it execs or ends.
 *
 * At the end, and at a resume before its first task, what has no fixed size enters HDF5 by a checkpoint: a
 * new file RUN.h5.tmp is written (outputs packed and compressed, /tasks of function runs as one row per
 * recorded range, /errors, /events), synced, renamed over RUN.h5, and the journal is removed or emptied. It
 * needs room for a second copy of the file.
 *
 * Order of writes for a finished task: result bytes (pwrite), then the journal record, then the state row.
 * After SIGKILL at any point the journal says what is done, and nothing is called done whose data has not
 * left the process.
 */
#ifndef RP_STORE_STORE_H
#define RP_STORE_STORE_H

#include "base/base.h"
#include "exec/supervisor.h"

#include <rankpool/store.h>

typedef enum rp__task_state {
    RP__TASK_PENDING = 0,
    RP__TASK_RUNNING,
    RP__TASK_SUCCEEDED,
    RP__TASK_FAILED,
    RP__TASK_LOST,
    RP__TASK_CANCELLED,
    RP__TASK_STATE_COUNT
} rp__task_state;
const char *rp__task_state_name(rp__task_state s); /* "pending", ... */

typedef enum rp__worker_state {
    RP__WORKER_NONE = 0,
    RP__WORKER_ALIVE,
    RP__WORKER_LOST,
    RP__WORKER_LEFT, /* said goodbye at the end of the run */
    RP__WORKER_STATE_COUNT
} rp__worker_state;
const char *rp__worker_state_name(rp__worker_state s); /* "none", "alive", "lost", "left" */

/* What a run file is made for. Everything is lent during rp__store_begin. */
typedef struct rp__store_plan {
    const char *path;
    rp_store_mode mode;
    const char *title;   /* may be NULL */
    const char *program; /* how the run was started, for people: argv joined by spaces */
    int64_t count;       /* tasks */
    int max_workers;     /* ranks in the job, master included: rows of /workers */
    /* commands run: command k as bytes without newline; NULL for a function run */
    rp__bytes (*command)(void *ctx, int64_t k);
    void *command_ctx;
    /* function run */
    const char *body; /* name of the function, for people and for matching on resume */
    int64_t first;    /* number of the first task, for index ranges */
    const void *in;   /* count * in_size bytes, or NULL */
    size_t in_size, out_size;
    const rp_field *in_fields, *out_fields; /* may be NULL: opaque bytes */
    size_t in_field_count, out_field_count;
} rp__store_plan;

typedef struct rp__store_counts {
    int64_t tasks, succeeded, failed, lost, cancelled, running;
} rp__store_counts;

/* Where and when a task or range ran. */
typedef struct rp__store_where {
    int worker;              /* rank */
    int attempt;             /* 1, 2, ... */
    double started, elapsed; /* s since 1970, s; of the range as a whole */
} rp__store_where;

typedef struct rp__store rp__store;

/*
 * Creates or resumes a run file. On RP_OK the file is complete on disk and the journal is open and locked.
 * RP_EEXIST: the file exists and mode is CREATE (err says to use --resume or --force), or another living
 * master holds it (host and pid in err). RP_EINVAL: RESUME, but the file records other work (err says what
 * differs), or is not a rankpool run file. RP_ESTORE: cannot be written (folder missing, read-only, disk full
 * ...), nothing is left behind. On resume, finished tasks keep their rows; tasks that were running, cancelled
 * or lost are pending again. Failed ones stay failed.
 */
rp_status rp__store_begin(rp__store **out, const rp__store_plan *plan, rp_error *err);

/* Calls fn for every range of tasks that the file already has in a final state (SUCCEEDED or FAILED), in
 * ascending order, state constant within a range. */
void rp__store_each_done(rp__store *s, void (*fn)(void *ctx, int64_t first, int64_t count, rp__task_state st),
                         void *ctx);
/* Reads back results of a function run: count * out_size bytes. */
rp_status rp__store_read_results(rp__store *s, int64_t first, int64_t count, void *out, rp_error *err);

/* Records. After an error the store is failed and every later call returns RP_ESTORE with the first text. */
rp_status rp__store_command_done(rp__store *s, int64_t index, const rp__command_result *r,
                                 const rp__store_where *w, rp_error *err);
rp_status rp__store_range_done(rp__store *s, int64_t first, int64_t count, const void *results,
                               const rp__store_where *w, rp_error *err);
rp_status rp__store_task_failed(rp__store *s, int64_t index, int code, const char *text,
                                const rp__store_where *w, rp_error *err);
/* LOST or CANCELLED, with the story of it. */
rp_status rp__store_settled(rp__store *s, int64_t first, int64_t count, rp__task_state st, const char *text,
                            rp_error *err);
rp_status rp__store_event(rp__store *s, const char *kind, int rank, const char *text, rp_error *err);
/* Live rows; not journalled (worker losses are events besides). */
void rp__store_running(rp__store *s, int64_t index, int worker); /* commands runs: state RUNNING in its row */
void rp__store_worker(rp__store *s, int rank, const char *host, int64_t pid, rp__worker_state st);
void rp__store_counts_set(rp__store *s, const rp__store_counts *c);

/* Writes the final file, removes the journal, frees the store and sets *s to NULL. exit_code as the tool
 * would report it; complete is derived (no task pending). On RP_ESTORE RUN.h5 is as it was and the journal
 * stays beside it. */
rp_status rp__store_end(rp__store **s, int exit_code, rp_error *err);
/* Frees without writing anything more, as a crash would leave it; removes nothing. NULL is fine. */
void rp__store_abandon(rp__store **s);

/* ---- reader: works on a finished file, on one that is being written, and on what a crash left (journal
 * beside it) ---- */

typedef struct rp__run_worker {
    int32_t rank;
    char host[64];
    int64_t pid;
    rp__worker_state state;
} rp__run_worker;

typedef struct rp__run_summary {
    rp__store_counts counts; /* succeeded ... from the rows and the journal, not only from /run */
    int64_t pending;
    bool complete; /* no task pending or running */
    bool finished; /* the master ended it in order */
    bool is_commands;
    int exit_code; /* -1 while not finished */
    char master_host[64];
    int64_t master_pid;
    bool master_alive;              /* finished: false; else whether somebody holds the journal's lock */
    double created, updated, ended; /* s since 1970; 0: not yet */
    char version[32], title[256], program[1024];
    rp__run_worker *workers; /* owned */
    int worker_count;
} rp__run_summary;

typedef struct rp__run_task {
    int64_t index;
    rp__task_state state;
    int attempts, exit_status, signal, worker;
    double started, wall_s, user_s, system_s;
    int64_t peak_rss_bytes;
    rp__buf command, out, err; /* owned */
    char text[512];            /* failure text of function tasks, story of lost ones */
} rp__run_task;

typedef struct rp__run rp__run;
/* RP_OK; RP_ESTORE: missing, a directory, not HDF5, truncated, not a rankpool run file, newer schema: err
 * says which and what to do. */
rp_status rp__run_open(rp__run **out, const char *path, rp_error *err);
rp_status rp__run_summary_get(rp__run *r, rp__run_summary *out, rp_error *err);
void rp__run_summary_done(rp__run_summary *s);
/* RP_EINVAL: no such task. */
rp_status rp__run_task_get(rp__run *r, int64_t index, rp__run_task *out, rp_error *err);
void rp__run_task_done(rp__run_task *t);
void rp__run_close(rp__run **r);

#endif
