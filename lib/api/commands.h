/* SPDX-License-Identifier: BSD-3-Clause */
/* A run of commands into a run file: what `rankpool run` does once the pool is open. */
#ifndef RP_API_COMMANDS_H
#define RP_API_COMMANDS_H

#include "api/store.h"
#include "source/tasklist.h"

typedef struct rp__commands_result {
    rp__store_counts counts; /* of the whole file, earlier runs included */
    int64_t first_failed;    /* index; -1: none */
    bool was_interrupted, is_broken;
    double wall_s, cpu_s; /* of this run; CPU of the commands */
    int workers, workers_lost;
} rp__commands_result;

/*
 * Runs every command of the list that the file does not have yet. RP_OK when the run came to its end, even
 * with failed tasks or after a stop (the result tells); RP_EEXIST, RP_EINVAL, RP_ESTORE from the run file,
 * RP_ENET ... from the pool, with err filled.
 */
rp_status rp__commands_run(rp_pool *pool, const rp__tasklist *list, const char *path, rp_store_mode mode,
                           rp__commands_result *out, rp_error *err);

/* The exit status of the run. */
int rp__commands_exit_code(const rp__commands_result *r);

#endif
