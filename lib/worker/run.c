/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Running tasks and collecting their results.
 *
 * Functions run on this thread; commands run under the supervisor, one at a time, while the worker keeps
 * listening.
 */
#include "exec/command_codec.h"
#include "report/log.h"
#include "worker/state.h"

#define SLICE_NS   RP__MS        /* functions run that long before the worker listens again */
#define LOOK_NS    (50 * RP__US) /* the clock is read about that often */
#define STRIDE_MAX 64            /* but after that many tasks at the latest */

/* ---- functions ---- */

/* The task's place in an answer. */
static rp__msg_answer answer_of(const rp__held_lease *l, int64_t task)
{
    return (rp__msg_answer){
        .batch = l->chunk.batch, .lease = l->chunk.lease, .first = task, .started = rp__clock_wall()};
}

static void prepare_task(rp__worker *w, const rp__held_lease *l)
{
    const rp__msg_batch *info = &l->batch->info;
    w->task.shared = info->shared;
    w->task.attempt = l->chunk.attempt;
    w->task.has_fixed_result = info->has_fixed_result;
    w->task.rank = w->opt.rank;
}

/* Sends a record for a task, keeping the order with what was collected in the other form. */
static rp_status add_record(rp__worker *w, const rp__held_lease *l, int64_t task, const rp__record *r)
{
    rp__msg_answer a = answer_of(l, task);
    rp_status st = RP_OK;
    if (w->answers.head.form == RP__ANSWER_COMPACT)
        st = rp__answers_flush(&w->answers, rp__worker_now(w));
    if (!st)
        st = rp__answers_record(&w->answers, &a, r);
    if (!st && l->batch->info.has_fixed_result)
        st = rp__answers_flush(&w->answers, rp__worker_now(w)); /* the next one is compact again */
    return st;
}

/* Runs the next task of a function's lease and collects its result. */
static rp_status run_function(rp__worker *w, rp__held_lease *l, rp_error *err)
{
    rp__carrier *c = rp__link_carrier(w->link);
    const rp__msg_batch *info = &l->batch->info;
    int64_t task = l->next_task;
    bool fine = true;
    void *out = NULL;
    rp__bytes in = rp__held_lease_next(l);
    if (info->has_fixed_result)
        out = rp__answers_slot(&w->answers, info->out_size, l->end - task, &fine);
    if (!fine)
        return rp__fail(err, RP_ENOMEM, "no memory for a result of %llu bytes",
                        (unsigned long long) info->out_size);
    w->task.index = info->base + task;
    w->task.in_bytes = in.len;
    rp__log_speaker(w->opt.rank, w->task.index);
    c->ops->running_set(c, info->batch, task);
    int code = rp__task_run(&w->task, l->batch->fn, in.data, out);
    c->ops->running_set(c, info->batch, -1);
    if (code == 0 && info->has_fixed_result) {
        if (w->answers.head.count == 0) {
            rp__msg_answer a = answer_of(l, task);
            rp__answers_compact(&w->answers, &a);
        } else {
            w->answers.head.count++;
        }
        return RP_OK;
    }
    rp__record r = {.status = code ? RP_ETASK : RP_OK, .task_code = code};
    r.data = code ? (rp__bytes){w->task.text, strlen(w->task.text)}
                  : (rp__bytes){w->task.result.data, w->task.result.len};
    rp_status st = add_record(w, l, task, &r);
    if (code && out && w->answers.fixed)
        memset(out, 0, info->out_size); /* what the failed task left there */
    return st ? rp__fail(err, st, "no memory for the result of task %lld", (long long) task) : RP_OK;
}

static rp_status end_lease(rp__worker *w, rp__held_lease *l)
{
    rp_status st = rp__answers_flush(&w->answers, rp__worker_now(w));
    rp__free(w->answers.fixed);
    w->answers.fixed = NULL;
    rp__worker_drop_lease(w, l);
    return st;
}

/* Runs tasks of the oldest lease until the slice is over. */
static rp_status run_slice(rp__worker *w, rp__held_lease *l, rp_error *err)
{
    rp__time start = rp__worker_now(w), looked = start;
    w->answers.since = start;
    prepare_task(w, l);
    rp_status st = RP_OK;
    while (!st && l->next_task < l->end) {
        int k = 0;
        for (; k < w->stride && l->next_task < l->end && !st; k++) {
            st = run_function(w, l, err);
            if (!st && rp__answers_is_full(&w->answers))
                st = rp__answers_flush(&w->answers, rp__worker_now(w));
        }
        rp__time now = rp__worker_now(w), each = (now - looked) / k;
        looked = now;
        w->stride = (int) rp__max64(1, rp__min64(STRIDE_MAX, LOOK_NS / (each + 1)));
        if (now - start >= SLICE_NS)
            break;
    }
    rp__log_speaker(w->opt.rank, -1);
    if (st)
        return st;
    return l->next_task < l->end ? rp__answers_flush(&w->answers, looked) : end_lease(w, l);
}

/* ---- commands ---- */

static rp_status answer_command(rp__worker *w, rp__held_lease *l, rp__command_result *r, rp_error *err)
{
    rp__carrier *c = rp__link_carrier(w->link);
    rp__buf data = {0};
    rp__command_result_put(&data, r);
    rp__record rec = {.status = r->exit_status ? RP_ETASK : RP_OK,
                      .task_code = r->exit_status,
                      .data = {data.data, data.len}};
    int64_t task = l->next_task - 1;
    /* What the master had killed has not failed: it goes back behind the rest, for a resumed run. */
    bool is_returned = w->is_command_killed && r->signal && l->next_task == l->end;
    c->ops->running_set(c, l->chunk.batch, -1);
    rp_status st = data.failed   ? RP_ENOMEM
                   : is_returned ? rp__worker_give_back(w, l, task, l->end)
                                 : add_record(w, l, task, &rec);
    w->is_command_killed = false;
    w->answers.head.started = r->started;
    rp__buf_done(&data);
    rp__command_result_done(r);
    w->is_command_running = false;
    if (!st) /* each command's result goes at once: it is dear */
        st = l->next_task < l->end ? rp__answers_flush(&w->answers, rp__worker_now(w)) : end_lease(w, l);
    return st ? rp__fail(err, st, "no memory for the output of task %lld", (long long) task) : RP_OK;
}

static rp_status start_command(rp__worker *w, rp__held_lease *l, rp_error *err)
{
    rp__carrier *c = rp__link_carrier(w->link);
    int64_t task = l->next_task;
    rp__bytes line = rp__held_lease_next(l);
    w->answers.since = rp__worker_now(w);
    c->ops->running_set(c, l->chunk.batch, task);
    rp_status st = rp__supervisor_spawn(w->opt.supervisor, line.data, line.len, task, w->opt.rank, err);
    w->is_command_running = st == RP_OK;
    return st;
}

/* Ends the command that runs, when it has ended, and starts the next. */
static rp_status run_command(rp__worker *w, rp__held_lease *l, bool *did, rp_error *err)
{
    rp_status st = RP_OK;
    if (w->is_command_running) {
        rp__command_result r;
        st = rp__supervisor_poll(w->opt.supervisor, &r, err);
        if (st == RP_EMPTY)
            return RP_OK;
        if (!st)
            st = answer_command(w, l, &r, err);
        *did = true;
        if (st)
            return st;
        l = w->leases; /* the answered lease may be gone */
    }
    if (!l || l->batch->info.body != RP__BODY_COMMAND)
        return RP_OK;
    *did = true;
    if (l->next_task == l->end) /* called back while its last command ran */
        return end_lease(w, l);
    return start_command(w, l, err);
}

/* ---- both ---- */

rp_status rp__worker_run(rp__worker *w, bool *did, rp_error *err)
{
    rp__held_lease *l = w->leases;
    if (!l)
        return RP_OK;
    if (l->batch->info.body == RP__BODY_COMMAND)
        return run_command(w, l, did, err);
    *did = true;
    return run_slice(w, l, err);
}
