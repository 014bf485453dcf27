/* SPDX-License-Identifier: BSD-3-Clause */
/* How a run stands, counted from rows and journal. */
#include "store/reader.h"
#include "store/rows.h"

#include <string.h>

static void count_state(rp__run_summary *s, rp__task_state st, int64_t n)
{
    switch (st) {
    case RP__TASK_RUNNING:
        s->counts.running += n;
        break;
    case RP__TASK_SUCCEEDED:
        s->counts.succeeded += n;
        break;
    case RP__TASK_FAILED:
        s->counts.failed += n;
        break;
    case RP__TASK_LOST:
        s->counts.lost += n;
        break;
    case RP__TASK_CANCELLED:
        s->counts.cancelled += n;
        break;
    case RP__TASK_PENDING:
    case RP__TASK_STATE_COUNT:
        break;
    }
}

/* The journal's word, or else the row's; rows that a crash left count for nothing. */
static rp__task_state state_of(const rp__run *r, int64_t k, const rp__task_row *row, bool is_live)
{
    if (r->latest && r->latest[k])
        return rp__reader_state(r->latest[k]);
    return is_live || rp__task_row_is_whole(row) ? (rp__task_state) row->state : RP__TASK_PENDING;
}

static rp_status count_commands(rp__run *r, rp__run_summary *s, rp_error *err)
{
    enum { SLAB = 1024 };
    const int64_t count = r->file.meta.count;
    const bool is_live = rp__reader_is_live(r);
    rp_status st = RP_OK;
    rp__task_row *row = rp__alloc_array(SLAB, sizeof *row);
    if (!row)
        return rp__fail(err, RP_ENOMEM, "no memory to read '%s'", r->path);
    for (int64_t k = 0; st == RP_OK && k < count; k += SLAB) {
        int64_t n = rp__min64(SLAB, count - k);
        if (!rp__h5_read_rows(r->tasks, r->task_type, k, n, row))
            st = rp__h5_fail(err, NULL, "cannot read '%s'", r->path);
        for (int64_t i = 0; st == RP_OK && i < n; i++)
            count_state(s, state_of(r, k + i, &row[i], is_live), 1);
    }
    rp__free(row);
    return st;
}

static void count_ranges(const rp__run *r, rp__run_summary *s)
{
    for (size_t i = 0; i < r->states.len; i++)
        count_state(s, (rp__task_state) r->states.item[i].value, r->states.item[i].count);
    s->counts.running = r->file.run.running;
}

static rp_status read_workers(rp__run *r, rp__run_summary *s, rp_error *err)
{
    hid_t type = rp__type_worker(), dset = H5Dopen2(r->file.h5.id, "workers", H5P_DEFAULT);
    int64_t count = dset < 0 ? -1 : rp__h5_rows(dset);
    rp_status st = RP_OK;
    rp__worker_row *row = count >= 0 ? rp__alloc_array((size_t) count, sizeof *row) : NULL;
    rp__run_worker *out = row ? rp__alloc_array((size_t) count, sizeof *out) : NULL;
    if (count >= 0 && !out)
        st = rp__fail(err, RP_ENOMEM, "no memory to read '%s'", r->path);
    else if (type < 0 || count < 0 || count > INT32_MAX ||
             (count > 0 && !rp__h5_read_rows(dset, type, 0, count, row)))
        st = rp__h5_fail(err, NULL, "cannot read '%s'", r->path);
    for (int64_t k = 0; st == RP_OK && k < count; k++) {
        out[k] = (rp__run_worker){
            .rank = row[k].rank, .pid = row[k].pid, .state = (rp__worker_state) row[k].state};
        memcpy(out[k].host, row[k].host, sizeof out[k].host - 1);
    }
    rp__free(row);
    rp__h5_drop(dset);
    rp__h5_drop(type);
    if (st != RP_OK) {
        rp__free(out);
        return st;
    }
    s->workers = out;
    s->worker_count = (int) count;
    return RP_OK;
}

/* /run changes while the file stays. */
static rp_status read_run_row(rp__run *r, rp_error *err)
{
    hid_t type = rp__type_run(), dset = H5Dopen2(r->file.h5.id, "run", H5P_DEFAULT);
    bool ok = type >= 0 && dset >= 0 && rp__h5_read_rows(dset, type, 0, 1, &r->file.run);
    rp__h5_drop(dset);
    rp__h5_drop(type);
    r->file.run.master_host[sizeof r->file.run.master_host - 1] = '\0';
    return ok ? RP_OK : rp__h5_fail(err, NULL, "cannot read '%s'", r->path);
}

static void fill(const rp__run *r, rp__run_summary *s)
{
    const rp__run_row *row = &r->file.run;
    const rp__meta *m = &r->file.meta;
    s->finished = row->state != RP__RUN_RUNNING;
    s->master_alive = rp__reader_is_live(r);
    if (!s->master_alive) /* what ran when the master died does not run any more */
        s->counts.running = 0;
    s->counts.tasks = m->count;
    s->pending = m->count - s->counts.succeeded - s->counts.failed - s->counts.lost - s->counts.cancelled -
                 s->counts.running;
    if (s->pending < 0) /* /run's count of running tasks may be a moment older than the journal */
        s->counts.running += s->pending, s->pending = 0;
    s->complete = s->pending == 0 && s->counts.running == 0;
    s->is_commands = m->is_commands;
    s->exit_code = s->finished ? row->exit_code : -1;
    s->master_pid = row->master_pid;
    s->created = row->created;
    s->updated = row->updated > r->last_record ? row->updated : r->last_record;
    s->ended = row->ended;
    memcpy(s->master_host, row->master_host, sizeof s->master_host);
    memcpy(s->version, m->version, sizeof s->version);
    memcpy(s->title, m->title, sizeof s->title);
    memcpy(s->program, m->program, sizeof s->program);
}

static rp_status summarise(rp__run *r, rp__run_summary *s, rp_error *err)
{
    rp_status st = rp__reader_refresh(r, err);
    if (st == RP_OK)
        st = read_run_row(r, err);
    if (st == RP_OK)
        st = read_workers(r, s, err);
    if (st == RP_OK && r->file.meta.is_commands)
        st = count_commands(r, s, err);
    else if (st == RP_OK)
        count_ranges(r, s);
    if (st == RP_OK)
        fill(r, s);
    return st;
}

rp_status rp__run_summary_get(rp__run *r, rp__run_summary *out, rp_error *err)
{
    rp__h5_quiet quiet;
    rp__run_summary s = {0};
    rp__h5_enter(&quiet);
    rp_status st = summarise(r, &s, err);
    rp__h5_leave(&quiet);
    if (st == RP_OK)
        *out = s;
    else
        rp__run_summary_done(&s);
    return st;
}

void rp__run_summary_done(rp__run_summary *s)
{
    rp__free(s->workers);
    *s = (rp__run_summary){0};
}
