/* SPDX-License-Identifier: BSD-3-Clause */
/* One task of a run: its row or record, its command, its output, its story. */
#include "store/create.h"
#include "store/reader.h"
#include "store/rows.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static rp_status cannot_read(const rp__run *r, rp_error *err)
{
    return rp__h5_fail(err, NULL, "cannot read '%s'", r->path);
}

static rp_status no_memory(const rp__run *r, rp_error *err)
{
    return rp__fail(err, RP_ENOMEM, "no memory to read '%s'", r->path);
}

/* ---- which row or record tells about a task ---- */

/* Rows of the file into a map, below what the journal has told already. */
static bool add_below(rp__spans *map, const rp__spans *above)
{
    for (size_t i = 0; i < above->len; i++)
        if (!rp__spans_set(map, above->item[i].first, above->item[i].count, above->item[i].value))
            return false;
    return true;
}

static rp_status index_texts(rp__run *r, rp_error *err)
{
    const int64_t count = rp__h5_rows(r->errors);
    rp__spans map = {0};
    rp_status st = RP_OK;
    for (int64_t k = 0; st == RP_OK && k < count; k++) {
        rp__error_row row = {0};
        if (!rp__h5_read_rows(r->errors, r->error_type, k, 1, &row))
            st = cannot_read(r, err);
        else if (!rp__spans_set(&map, row.index, row.count, k))
            st = no_memory(r, err);
        H5free_memory(row.text);
    }
    if (st == RP_OK && !add_below(&map, &r->texts))
        st = no_memory(r, err);
    if (st != RP_OK) {
        rp__spans_done(&map);
        return st;
    }
    rp__spans_done(&r->texts);
    r->texts = map;
    r->texts_indexed = true;
    return RP_OK;
}

static rp_status index_old_rows(rp__run *r, rp_error *err)
{
    const int64_t count = rp__h5_rows(r->tasks);
    rp_status st = RP_OK;
    rp__range_row *row = rp__alloc_array(RP__ROW_CHUNK, sizeof *row);
    if (!row)
        st = no_memory(r, err);
    for (int64_t k = 0; st == RP_OK && k < count; k += (int64_t) RP__ROW_CHUNK) {
        int64_t n = rp__min64((int64_t) RP__ROW_CHUNK, count - k);
        if (!rp__h5_read_rows(r->tasks, r->task_type, k, n, row))
            st = cannot_read(r, err);
        for (int64_t i = 0; st == RP_OK && i < n; i++)
            if (!rp__spans_set(&r->told_by, row[i].first, row[i].count, k + i))
                st = no_memory(r, err);
    }
    rp__free(row);
    return st;
}

/* From now on the journal's records are noted as they come, too; RP_EMPTY: look once more, from the first
 * record on. */
static rp_status index_rows(rp__run *r, rp_error *err)
{
    rp_status st = index_old_rows(r, err);
    if (st != RP_OK)
        return st;
    r->rows_indexed = true;
    if (r->journal_fd < 0)
        return RP_OK;
    r->scan.pos = RP__JOURNAL_HEAD_BYTES;
    return RP_EMPTY;
}

/* ---- texts ---- */

static rp_status text_of_record(rp__run *r, int64_t at, char *out, size_t size, rp_error *err)
{
    rp__record rec;
    rp_status st = rp__reader_record(r, at, &rec, err);
    if (st != RP_OK)
        return st;
    size_t n = rec.len < size - 1 ? (size_t) rec.len : size - 1;
    out[n] = '\0';
    return rp__scan_bytes(&r->scan, rec.tail, out, n, err);
}

static rp_status get_text(rp__run *r, rp__run_task *t, rp_error *err)
{
    if (!r->texts_indexed) {
        rp_status st = index_texts(r, err);
        if (st != RP_OK)
            return st;
    }
    const rp__span *s = rp__spans_find(&r->texts, t->index);
    if (!s)
        return RP_OK;
    if (s->value < 0)
        return text_of_record(r, ~s->value, t->text, sizeof t->text, err);
    rp__error_row row = {0};
    if (!rp__h5_read_rows(r->errors, r->error_type, s->value, 1, &row))
        return cannot_read(r, err);
    (void) snprintf(t->text, sizeof t->text, "%s", row.text ? row.text : ""); /* cut is fine */
    H5free_memory(row.text);
    return RP_OK;
}

/* ---- tasks of functions ---- */

static void from_range(rp__run_task *t, int attempts, int worker, double started, double elapsed)
{
    t->attempts = attempts;
    t->worker = worker;
    t->started = started;
    t->wall_s = elapsed;
}

static rp_status get_function_task(rp__run *r, rp__run_task *t, rp_error *err)
{
    rp_status st = r->rows_indexed ? RP_OK : index_rows(r, err);
    if (st != RP_OK)
        return st;
    const rp__span *state = rp__spans_find(&r->states, t->index);
    const rp__span *by = rp__spans_find(&r->told_by, t->index);
    if (!state || !by)
        return RP_OK; /* pending */
    t->state = (rp__task_state) state->value;
    t->exit_status = t->state == RP__TASK_SUCCEEDED ? 0 : -1;
    if (by->value >= 0) {
        rp__range_row row;
        if (!rp__h5_read_rows(r->tasks, r->task_type, by->value, 1, &row))
            return cannot_read(r, err);
        from_range(t, row.attempts, row.worker, row.started, row.elapsed);
        return RP_OK;
    }
    rp__record rec;
    st = rp__reader_record(r, ~by->value, &rec, err);
    if (st == RP_OK && rec.type == RP__RECORD_RANGE)
        from_range(t, rec.u.range.attempt, rec.u.range.worker, rec.u.range.started, rec.u.range.elapsed);
    if (st == RP_OK && rec.type == RP__RECORD_FAILED)
        from_range(t, rec.u.failed.attempt, rec.u.failed.worker, rec.u.failed.started, rec.u.failed.elapsed);
    return st;
}

/* ---- commands ---- */

static void from_row(rp__run_task *t, const rp__task_row *row)
{
    t->state = (rp__task_state) row->state;
    t->exit_status = row->exit_status;
    t->signal = row->signal;
    t->user_s = row->user_time;
    t->system_s = row->system_time;
    t->peak_rss_bytes = row->peak_memory;
    from_range(t, row->attempts, row->worker, row->started, row->elapsed);
}

static rp_status read_output(rp__run *r, hid_t dset, int64_t at, int64_t len, rp__buf *out, rp_error *err)
{
    if (len <= 0 || at < 0)
        return RP_OK;
    int64_t have = rp__h5_rows(dset);
    if (at > have || len > have - at)
        return rp__fail(err, RP_ESTORE, "'%s' is damaged: output of a task is missing", r->path);
    if (!rp__buf_extend(out, (size_t) len))
        return no_memory(r, err);
    return rp__h5_read_rows(dset, H5T_NATIVE_UINT8, at, len, out->data) ? RP_OK : cannot_read(r, err);
}

static rp_status copy_record_bytes(rp__run *r, int64_t at, uint64_t len, rp__buf *out, rp_error *err)
{
    if (len == 0)
        return RP_OK;
    if (!rp__buf_extend(out, (size_t) len))
        return no_memory(r, err);
    return rp__scan_bytes(&r->scan, at, out->data, (size_t) len, err);
}

static rp_status from_record(rp__run *r, rp__run_task *t, int64_t at, rp_error *err)
{
    rp__record rec;
    rp_status st = rp__reader_record(r, at, &rec, err);
    if (st != RP_OK)
        return st;
    rp__task_row row = rp__task_row_pending();
    if (rec.type == RP__RECORD_COMMAND)
        row = rp__task_row_of(&rec.u.command);
    else if (rec.type == RP__RECORD_FAILED)
        row = rp__task_row_of_failed(&rec.u.failed);
    else
        row.state = (uint8_t) rec.u.settled.state;
    from_row(t, &row);
    if (rec.type != RP__RECORD_COMMAND)
        return RP_OK;
    st = copy_record_bytes(r, rec.tail, rec.u.command.out_len, &t->out, err);
    return st ? st
              : copy_record_bytes(r, rec.tail + (int64_t) rec.u.command.out_len, rec.u.command.err_len,
                                  &t->err, err);
}

static rp_status from_file(rp__run *r, rp__run_task *t, rp_error *err)
{
    rp__task_row row;
    if (!rp__h5_read_rows(r->tasks, r->task_type, t->index, 1, &row))
        return cannot_read(r, err);
    if (row.state != RP__TASK_PENDING && !rp__task_row_is_whole(&row)) {
        if (!rp__reader_is_live(r))
            row = rp__task_row_pending(); /* a crash left it */
        else if (row.state != RP__TASK_RUNNING)
            return RP_EMPTY; /* recorded since we read the journal, which has its output */
    }
    from_row(t, &row);
    rp_status st = read_output(r, r->out, row.stdout_offset, row.stdout_bytes, &t->out, err);
    return st ? st : read_output(r, r->err, row.stderr_offset, row.stderr_bytes, &t->err, err);
}

static rp_status get_command(rp__run *r, rp__run_task *t, rp_error *err)
{
    char *line = NULL;
    hid_t type = rp__h5_string_type();
    bool ok = type >= 0 && rp__h5_read_rows(r->commands, type, t->index, 1, &line);
    rp_status st = ok ? RP_OK : cannot_read(r, err);
    if (ok && line)
        rp__buf_append(&t->command, line, strlen(line));
    if (t->command.failed)
        st = no_memory(r, err);
    H5free_memory(line);
    rp__h5_drop(type);
    return st;
}

/* RP_EMPTY: the writer was faster; look again. */
static rp_status look(rp__run *r, rp__run_task *t, rp_error *err)
{
    const rp__meta *m = &r->file.meta;
    rp_status st = rp__reader_refresh(r, err);
    if (st != RP_OK)
        return st;
    if (t->index < 0 || t->index >= m->count)
        return rp__fail(err, RP_EINVAL, "'%s' has no task %lld; its %lld tasks are numbered from 0", r->path,
                        (long long) t->index, (long long) m->count);
    if (!m->is_commands)
        st = get_function_task(r, t, err);
    else if (r->latest && r->latest[t->index])
        st = from_record(r, t, rp__reader_place(r->latest[t->index]), err);
    else
        st = from_file(r, t, err);
    if (st == RP_OK && m->is_commands)
        st = get_command(r, t, err);
    if (st == RP_OK && t->state != RP__TASK_PENDING && t->state != RP__TASK_RUNNING)
        st = get_text(r, t, err);
    return st;
}

static rp_status get_task(rp__run *r, rp__run_task *t, rp_error *err)
{
    const int64_t index = t->index;
    rp_status st = RP_EMPTY;
    for (int tries = 0; st == RP_EMPTY && tries < 20; tries++) {
        rp__run_task_done(t);
        *t = (rp__run_task){.index = index, .exit_status = -1, .worker = -1};
        st = look(r, t, err);
    }
    return st == RP_EMPTY ? rp__fail(err, RP_ESTORE, "'%s' changes too fast to be read", r->path) : st;
}

rp_status rp__run_task_get(rp__run *r, int64_t index, rp__run_task *out, rp_error *err)
{
    rp__h5_quiet quiet;
    rp__run_task t = {.index = index};
    rp__h5_enter(&quiet);
    rp_status st = get_task(r, &t, err);
    rp__h5_leave(&quiet);
    if (st == RP_OK)
        *out = t;
    else
        rp__run_task_done(&t);
    return st;
}

void rp__run_task_done(rp__run_task *t)
{
    rp__buf_done(&t->command);
    rp__buf_done(&t->out);
    rp__buf_done(&t->err);
    *t = (rp__run_task){0};
}
