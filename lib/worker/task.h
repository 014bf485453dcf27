/* SPDX-License-Identifier: BSD-3-Clause */
/* The running task, as its function sees it. Private to the room. */
#ifndef RP_WORKER_TASK_H
#define RP_WORKER_TASK_H

#include "wire/message.h"

#include <rankpool/task.h>

struct rp_task {
    int64_t index; /* as the user counts: base included */
    size_t in_bytes;
    rp__bytes shared;
    int rank, attempt;
    bool has_fixed_result;
    rp__buf result; /* owned, reused from task to task */
    char text[512]; /* of the failure; empty: none given */
};

/* Runs fn. 0, or the failure's code with task->text filled. */
int rp__task_run(rp_task *t, rp_task_fn fn, const void *in, void *out);

#endif
