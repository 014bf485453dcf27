/* SPDX-License-Identifier: BSD-3-Clause */
/* What a task function may ask and say. */
#include "worker/task.h"
#include "worker/worker.h"

#include <stdio.h>

#define RESULT_MAX_BYTES ((size_t) 8 << 30)

static bool is_in_task;

bool rp__worker_is_in_task(void)
{
    return is_in_task;
}

int rp__task_run(rp_task *t, rp_task_fn fn, const void *in, void *out)
{
    t->text[0] = '\0';
    t->result.len = 0;
    is_in_task = true;
    int code = fn(t, in, out);
    is_in_task = false;
    if (code && !t->text[0])
        (void) snprintf(t->text, sizeof t->text, "the task function returned %d", code); /* fits */
    return code;
}

int64_t rp_task_index(const rp_task *t)
{
    return t->index;
}

size_t rp_task_input_bytes(const rp_task *t)
{
    return t->in_bytes;
}

const void *rp_task_shared(const rp_task *t)
{
    return t->shared.len ? t->shared.data : NULL;
}

int rp_task_rank(const rp_task *t)
{
    return t->rank;
}

int rp_task_attempt(const rp_task *t)
{
    return t->attempt;
}

rp_status rp_task_result(rp_task *t, const void *data, size_t bytes)
{
    if (t->has_fixed_result || (!data && bytes))
        return RP_EINVAL;
    if (bytes > RESULT_MAX_BYTES)
        return RP_ETOOBIG;
    rp__buf *b = &t->result;
    size_t before = b->len;
    b->len = 0;
    if (!rp__buf_reserve(b, bytes)) {
        b->len = before;
        b->failed = false;
        return RP_ENOMEM;
    }
    rp__buf_append(b, data, bytes);
    return RP_OK;
}

int rp_task_fail(rp_task *t, int code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void) vsnprintf(t->text, sizeof t->text, fmt, ap); /* cut is documented */
    va_end(ap);
    return code;
}
