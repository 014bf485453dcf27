/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What stands in a run file: rows as C structs, their HDF5 types, the attributes of the root group.
 * docs/run-file.md is the description for readers; a change here that old readers cannot bear raises
 * RP__SCHEMA_VERSION.
 */
#ifndef RP_STORE_SCHEMA_H
#define RP_STORE_SCHEMA_H

#include "store/h5.h"
#include "store/store.h"

#define RP__SCHEMA_VERSION 1

typedef enum rp__run_state {
    RP__RUN_RUNNING = 0, /* or crashed: then nobody holds the journal's lock */
    RP__RUN_COMPLETE,    /* ended, every task settled */
    RP__RUN_STOPPED,     /* ended in order with work left */
    RP__RUN_STATE_COUNT
} rp__run_state;

/* Gaps have names, so that they are zero in the file and not what the stack held. */
typedef struct rp__run_row { /* the one row of /run */
    uint8_t state;           /* rp__run_state */
    uint8_t gap[3];
    int32_t exit_code; /* -1 while running */
    int64_t tasks, succeeded, failed, lost, cancelled, running;
    char master_host[64];
    int64_t master_pid;
    double created, updated, ended;
} rp__run_row;

typedef struct rp__worker_row { /* /workers, row k is rank k */
    int32_t rank;
    char host[64];
    int32_t gap;
    int64_t pid;
    uint8_t state; /* rp__worker_state */
    uint8_t gap_2[7];
} rp__worker_row;

typedef struct rp__task_row { /* /tasks of a commands run, row k is command k */
    uint8_t state;            /* rp__task_state */
    uint8_t gap[3];
    int32_t attempts, exit_status, signal, worker, gap_2;
    double started, elapsed, user_time, system_time;
    int64_t peak_memory;
    int64_t stdout_offset, stdout_bytes, stderr_offset, stderr_bytes; /* offset -1: not in the file yet */
} rp__task_row;

typedef struct rp__range_row { /* /tasks of a function run, one row per recorded range */
    int64_t first, count;
    uint8_t state; /* rp__task_state */
    uint8_t gap[3];
    int32_t attempts, worker, gap_2;
    double started, elapsed;
} rp__range_row;

typedef struct rp__error_row { /* /errors: failed tasks with a text, stories of lost and cancelled ones */
    int64_t index, count;
    uint8_t state; /* rp__task_state */
    uint8_t gap[3];
    int32_t code;
    char *text; /* owned */
} rp__error_row;

typedef struct rp__event_row { /* /events */
    double time;
    char *kind; /* owned */
    int32_t rank, gap;
    char *text; /* owned */
} rp__event_row;

/* A row of a task that nobody touched. */
rp__task_row rp__task_row_pending(void);

/* HDF5 types of the rows, in memory and in the file alike; negative on failure. */
hid_t rp__type_run(void);
hid_t rp__type_worker(void);
hid_t rp__type_task(void);
hid_t rp__type_range(void);
hid_t rp__type_error(void);
hid_t rp__type_event(void);
/* The user's struct. */
hid_t rp__type_fields(const rp_field *fields, size_t count, size_t size);
/* Attaches "units", one string per member in order, to a dataset of that type. */
bool rp__units_of_rows(hid_t dset, const char *const *names_and_units);
bool rp__units_of_fields(hid_t dset, const rp_field *fields, size_t count);
size_t rp__field_bytes(const rp_field *f); /* of the whole member; 0: no such type */

/* The root attributes. Texts are cut to their arrays. */
typedef struct rp__meta {
    int schema;
    bool is_commands;
    int64_t count, first, in_size, out_size;
    int64_t generation; /* 1 at creation, one more with every rewrite; a journal belongs to one generation */
    char run_id[33], work_key[33];
    double created;
    char version[32], title[256], program[1024], body[256];
} rp__meta;

bool rp__meta_write(hid_t file, const rp__meta *m);
/* RP_EINVAL: not a run file, or of a newer schema; RP_ESTORE: damaged. */
rp_status rp__meta_read(const rp__h5file *f, const char *path, rp__meta *out, rp_error *err);

/* Where the live datasets stand in the file; -1: not there or without bytes. */
typedef struct rp__layout {
    int64_t run, workers, tasks, inputs, results;
    int worker_rows;
} rp__layout;

#endif
