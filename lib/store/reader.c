/* SPDX-License-Identifier: BSD-3-Clause */
/* Looking at a run file that may be finished, in the making, or left by a crash. */
#include "store/reader.h"

#include "store/create.h"
#include "store/place.h"
#include "store/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static rp_status no_memory(const rp__run *r, rp_error *err)
{
    return rp__fail(err, RP_ENOMEM, "no memory to read '%s'", r->path);
}

static void detach_journal(rp__run *r)
{
    if (r->journal_fd >= 0)
        close(r->journal_fd);
    r->journal_fd = -1;
    rp__scan_done(&r->scan);
}

void rp__reader_unload(rp__run *r)
{
    detach_journal(r);
    hid_t *const id[] = {&r->tasks, &r->task_type, &r->errors,  &r->error_type,
                         &r->out,   &r->err,       &r->commands};
    for (size_t i = 0; i < sizeof id / sizeof *id; i++) {
        rp__h5_drop(*id[i]);
        *id[i] = -1;
    }
    rp__runfile_close(&r->file);
    rp__spans_done(&r->states);
    rp__spans_done(&r->told_by);
    rp__spans_done(&r->texts);
    rp__free(r->latest);
    r->latest = NULL;
    r->rows_indexed = r->texts_indexed = false;
    r->ino = 0;
    r->last_record = 0;
}

/* ---- records ---- */

/* One record into what is known. Events tell the time alone. */
static bool take(rp__run *r, const rp__record *rec)
{
    const rp__meta *m = &r->file.meta;
    int64_t first = 0, count = 0;
    rp__task_state st = RP__TASK_PENDING;
    bool has_text = false;
    r->last_record = rec->time;
    if (!rp__record_fits(rec, m->is_commands, m->count))
        return true;
    switch (rec->type) {
    case RP__RECORD_COMMAND:
        first = rec->u.command.index, count = 1;
        st = rp__command_state(rec->u.command.exit_status, rec->u.command.signal);
        break;
    case RP__RECORD_RANGE:
        first = rec->u.range.first, count = rec->u.range.count, st = RP__TASK_SUCCEEDED;
        break;
    case RP__RECORD_FAILED:
        first = rec->u.failed.index, count = 1, st = RP__TASK_FAILED, has_text = true;
        break;
    case RP__RECORD_SETTLED:
        first = rec->u.settled.first, count = rec->u.settled.count;
        st = (rp__task_state) rec->u.settled.state, has_text = true;
        break;
    case RP__RECORD_EVENT:
        return true;
    }
    if (has_text && !rp__spans_set(&r->texts, first, count, ~rec->at))
        return false;
    if (!m->is_commands)
        return rp__spans_set(&r->states, first, count, st) &&
               (!r->rows_indexed || rp__spans_set(&r->told_by, first, count, ~rec->at));
    if (!r->latest && !(r->latest = rp__alloc_array((size_t) m->count, sizeof *r->latest)))
        return false;
    for (int64_t k = first; k < first + count; k++)
        r->latest[k] = rec->at << 3 | (int64_t) st;
    return true;
}

static rp_status read_new_records(rp__run *r, rp_error *err)
{
    rp__record rec;
    rp_status st = RP_EMPTY;
    while (r->journal_fd >= 0 && (st = rp__scan_next(&r->scan, &rec, err)) == RP_OK)
        if (!take(r, &rec))
            return no_memory(r, err);
    return st == RP_EMPTY ? RP_OK : st;
}

/* A record that was whole when the scan passed it. */
rp_status rp__reader_record(rp__run *r, int64_t at, rp__record *out, rp_error *err)
{
    const int64_t pos = r->scan.pos;
    r->scan.pos = at;
    rp_status st = rp__scan_next(&r->scan, out, err);
    r->scan.pos = pos;
    if (st == RP_EMPTY || (st == RP_OK && out->at != at))
        st = rp__fail(err, RP_ESTORE, "'%s' changed while it was read; ask again", r->journal_path);
    return st;
}

/* Opens the journal if it belongs to the file. None, or one of another generation, is not an error: the
 * file has everything then. */
static rp_status attach_journal(rp__run *r, rp_error *err)
{
    int fd = open(r->journal_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? RP_OK : rp__place_fail(err, r->journal_path, "open", errno);
    rp_status st = rp__journal_read_head(fd, r->journal_path, &r->head, err);
    bool ours = st == RP_OK && strcmp(r->head.run_id, r->file.meta.run_id) == 0 &&
                r->head.generation == r->file.meta.generation;
    if (ours)
        st = rp__scan_init(&r->scan, fd, r->journal_path, &r->head, err);
    if (ours && st == RP_OK)
        r->journal_fd = fd;
    else
        close(fd);
    return st == RP_EMPTY ? RP_OK : st;
}

/* ---- the file ---- */

static rp_status read_range_rows(rp__run *r, rp_error *err)
{
    const int64_t count = rp__h5_rows(r->tasks);
    rp_status st = RP_OK;
    rp__range_row *row = rp__alloc_array(RP__ROW_CHUNK, sizeof *row);
    if (!row)
        st = no_memory(r, err);
    for (int64_t k = 0; st == RP_OK && k < count; k += (int64_t) RP__ROW_CHUNK) {
        int64_t n = rp__min64((int64_t) RP__ROW_CHUNK, count - k);
        if (!rp__h5_read_rows(r->tasks, r->task_type, k, n, row))
            st = rp__h5_fail(err, NULL, "cannot read '%s'", r->path);
        for (int64_t i = 0; st == RP_OK && i < n; i++)
            if (!rp__spans_set(&r->states, row[i].first, row[i].count, row[i].state))
                st = no_memory(r, err);
    }
    rp__free(row);
    return st;
}

static bool open_datasets(rp__run *r)
{
    const hid_t f = r->file.h5.id;
    const bool commands = r->file.meta.is_commands;
    r->tasks = H5Dopen2(f, "tasks", H5P_DEFAULT);
    r->task_type = commands ? rp__type_task() : rp__type_range();
    r->errors = H5Dopen2(f, "errors", H5P_DEFAULT);
    r->error_type = rp__type_error();
    if (commands) {
        r->out = H5Dopen2(f, "stdout", H5P_DEFAULT);
        r->err = H5Dopen2(f, "stderr", H5P_DEFAULT);
        r->commands = H5Dopen2(f, "commands", H5P_DEFAULT);
    }
    return r->tasks >= 0 && r->task_type >= 0 && r->errors >= 0 && r->error_type >= 0 &&
           (!commands || (r->out >= 0 && r->err >= 0 && r->commands >= 0));
}

static rp_status load(rp__run *r, rp_error *err)
{
    struct stat id;
    rp_status st = rp__runfile_open(&r->file, r->path, err);
    if (st != RP_OK)
        return st == RP_EINVAL ? RP_ESTORE : st;
    if (fstat(r->file.fd, &id) != 0)
        return rp__place_fail(err, r->path, "open", errno);
    r->dev = id.st_dev;
    r->ino = id.st_ino;
    if (!open_datasets(r))
        return rp__h5_fail(err, NULL, "cannot read '%s'", r->path);
    if (!r->file.meta.is_commands)
        st = read_range_rows(r, err);
    return st ? st : attach_journal(r, err);
}

static bool is_current(const rp__run *r)
{
    struct stat id;
    return r->ino != 0 && stat(r->path, &id) == 0 && id.st_ino == r->ino && id.st_dev == r->dev;
}

/* The attached journal may have been emptied for a later generation. */
static bool journal_is_current(rp__run *r)
{
    rp__journal_head head;
    if (r->journal_fd < 0)
        return true;
    return rp__journal_read_head(r->journal_fd, r->journal_path, &head, NULL) == RP_OK &&
           head.generation == r->head.generation && strcmp(head.run_id, r->head.run_id) == 0;
}

rp_status rp__reader_refresh(rp__run *r, rp_error *err)
{
    /* A file that is replaced between our looking at it and at its journal is looked at again. */
    for (int tries = 0; tries < 20; tries++) {
        rp_status st = RP_OK;
        rp_error why = {0};
        if (!is_current(r) || !journal_is_current(r)) {
            rp__reader_unload(r);
            st = load(r, &why);
        } else if (r->journal_fd < 0 && r->file.run.state == RP__RUN_RUNNING) {
            st = attach_journal(r, &why);
        }
        if (st == RP_OK)
            st = read_new_records(r, &why);
        if (is_current(r) || (st != RP_OK && r->ino == 0)) {
            if (st != RP_OK && err)
                *err = why;
            return st;
        }
    }
    return rp__fail(err, RP_ESTORE, "'%s' is replaced again and again while it is read", r->path);
}

bool rp__reader_is_live(const rp__run *r)
{
    return r->file.run.state == RP__RUN_RUNNING && r->journal_fd >= 0 &&
           rp__journal_is_held(r->journal_fd, &r->head);
}

rp_status rp__run_open(rp__run **out, const char *path, rp_error *err)
{
    rp__h5_quiet quiet;
    rp__run *r = rp__alloc(sizeof *r);
    if (!r)
        return rp__fail(err, RP_ENOMEM, "no memory to read '%s'", path);
    r->file.h5.id = r->tasks = r->task_type = r->errors = r->error_type = -1;
    r->out = r->err = r->commands = -1;
    r->file.fd = r->journal_fd = r->scan.fd = -1;
    r->path = rp__place_resolve(path);
    r->journal_path = r->path ? rp__journal_path(r->path) : NULL;
    rp__h5_enter(&quiet);
    rp_status st = r->journal_path ? rp__reader_refresh(r, err)
                                   : rp__fail(err, RP_ENOMEM, "no memory to read '%s'", path);
    rp__h5_leave(&quiet);
    if (st == RP_OK)
        *out = r;
    else
        rp__run_close(&r);
    return st;
}

void rp__run_close(rp__run **run)
{
    rp__h5_quiet quiet;
    rp__run *r = *run;
    if (!r)
        return;
    rp__h5_enter(&quiet);
    rp__reader_unload(r);
    rp__h5_leave(&quiet);
    rp__free(r->journal_path);
    rp__free(r->path);
    rp__free(r);
    *run = NULL;
}
