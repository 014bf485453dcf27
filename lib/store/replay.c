/* SPDX-License-Identifier: BSD-3-Clause */
/* Journal records become rows and outputs of a new file. */
#include "store/replay.h"

#include "store/create.h"
#include "store/place.h"
#include "store/rows.h"

#include <errno.h>

static void drop_error(void *row)
{
    rp__free(((rp__error_row *) row)->text);
}

static void drop_event(void *row)
{
    rp__free(((rp__event_row *) row)->kind);
    rp__free(((rp__event_row *) row)->text);
}

bool rp__replay_open(rp__replay *p)
{
    const hid_t f = p->file->id;
    bool ok = rp__grow_open(&p->errors, f, "errors", rp__type_error(), sizeof(rp__error_row), RP__ROW_CHUNK,
                            drop_error) &&
              rp__grow_open(&p->events, f, "events", rp__type_event(), sizeof(rp__event_row), RP__ROW_CHUNK,
                            drop_event);
    if (!p->w->old->meta.is_commands)
        return ok && rp__grow_open(&p->ranges, f, "tasks", rp__type_range(), sizeof(rp__range_row),
                                   RP__ROW_CHUNK, NULL);
    return ok && rp__grow_open(&p->out, f, "stdout", H5Tcopy(H5T_NATIVE_UINT8), 1, RP__OUTPUT_CHUNK, NULL) &&
           rp__grow_open(&p->err, f, "stderr", H5Tcopy(H5T_NATIVE_UINT8), 1, RP__OUTPUT_CHUNK, NULL);
}

void rp__replay_done(rp__replay *p)
{
    rp__grow *all[] = {&p->out, &p->err, &p->ranges, &p->errors, &p->events};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        rp__grow_done(all[i]);
    rp__scan_done(&p->scan);
}

static rp_status cannot_write(const rp__replay *p, rp_error *err)
{
    return rp__h5_fail(err, p->file, "cannot write '%s'", p->w->path);
}

static rp_status no_memory(const rp__replay *p, rp_error *err)
{
    return rp__fail(err, RP_ENOMEM, "no memory to write '%s'", p->w->path);
}

/* Whether a state outlives the run that set it. */
static bool is_kept(const rp__replay *p, int state)
{
    return state == RP__TASK_SUCCEEDED || state == RP__TASK_FAILED ||
           (!p->w->resume && (state == RP__TASK_LOST || state == RP__TASK_CANCELLED));
}

static rp_status set_done(rp__replay *p, int64_t first, int64_t count, int state, rp_error *err)
{
    return rp__spans_set(&p->w->done, first, count, state) ? RP_OK : no_memory(p, err);
}

/* ---- the old file's rows ---- */

static rp_status old_task_rows(rp__replay *p, hid_t dset, hid_t type, rp_error *err)
{
    enum { SLAB = 1024 };
    const int64_t count = p->w->old->meta.count;
    rp__task_row *row = rp__alloc_array(SLAB, sizeof *row);
    rp_status st = row ? RP_OK : no_memory(p, err);
    for (int64_t k = 0; st == RP_OK && k < count; k += SLAB) {
        int64_t n = rp__min64(SLAB, count - k);
        if (!rp__h5_read_rows(dset, type, k, n, row))
            st = rp__h5_fail(err, NULL, "cannot read '%s'", p->w->path);
        for (int64_t i = 0; st == RP_OK && i < n; i++)
            if (is_kept(p, row[i].state) && rp__task_row_is_whole(&row[i]))
                st = set_done(p, k + i, 1, row[i].state, err);
            else
                row[i] = rp__task_row_pending();
        if (st == RP_OK && !rp__place_write(p->w->new_fd, row, (size_t) n * sizeof *row,
                                            p->w->layout.tasks + k * (int64_t) sizeof *row))
            st = rp__place_fail(err, p->w->path, "write", errno);
    }
    rp__free(row);
    return st;
}

static rp_status old_range_rows(rp__replay *p, hid_t dset, hid_t type, rp_error *err)
{
    const int64_t count = rp__h5_rows(dset);
    rp_status st = RP_OK;
    rp__range_row *row = rp__alloc_array(RP__ROW_CHUNK, sizeof *row);
    if (!row)
        st = no_memory(p, err);
    for (int64_t k = 0; st == RP_OK && k < count; k += (int64_t) RP__ROW_CHUNK) {
        int64_t n = rp__min64((int64_t) RP__ROW_CHUNK, count - k);
        if (!rp__h5_read_rows(dset, type, k, n, row))
            st = rp__h5_fail(err, NULL, "cannot read '%s'", p->w->path);
        for (int64_t i = 0; st == RP_OK && i < n; i++) {
            if (!is_kept(p, row[i].state))
                continue;
            st = set_done(p, row[i].first, row[i].count, row[i].state, err);
            if (st == RP_OK && !rp__grow_add(&p->ranges, &row[i], 1))
                st = cannot_write(p, err);
        }
    }
    rp__free(row);
    return st;
}

static rp_status old_error_rows(rp__replay *p, hid_t dset, hid_t type, rp_error *err)
{
    const int64_t count = rp__h5_rows(dset);
    rp_status st = RP_OK;
    for (int64_t k = 0; st == RP_OK && k < count; k++) {
        rp__error_row row = {0}, kept;
        if (!rp__h5_read_rows(dset, type, k, 1, &row))
            return rp__h5_fail(err, NULL, "cannot read '%s'", p->w->path);
        kept = row;
        if (is_kept(p, row.state)) {
            kept.text = rp__strdup(row.text ? row.text : "");
            if (!kept.text)
                st = no_memory(p, err);
            else if (!rp__grow_add(&p->errors, &kept, 1))
                st = cannot_write(p, err);
        }
        H5free_memory(row.text);
    }
    return st;
}

static rp_status with_dataset(rp__replay *p, const char *name, hid_t type,
                              rp_status (*fn)(rp__replay *, hid_t, hid_t, rp_error *), rp_error *err)
{
    hid_t dset = H5Dopen2(p->w->old->h5.id, name, H5P_DEFAULT);
    rp_status st = dset < 0 || type < 0 ? rp__h5_fail(err, NULL, "cannot read '%s'", p->w->path)
                                        : fn(p, dset, type, err);
    rp__h5_drop(dset);
    rp__h5_drop(type);
    return st;
}

rp_status rp__replay_old_rows(rp__replay *p, rp_error *err)
{
    rp_status st = p->w->old->meta.is_commands
                       ? with_dataset(p, "tasks", rp__type_task(), old_task_rows, err)
                       : with_dataset(p, "tasks", rp__type_range(), old_range_rows, err);
    return st ? st : with_dataset(p, "errors", rp__type_error(), old_error_rows, err);
}

/* ---- records ---- */

static rp_status copy_output(rp__replay *p, rp__grow *to, int64_t at, uint64_t len, rp_error *err)
{
    uint8_t block[16 << 10];
    rp_status st = RP_OK;
    while (st == RP_OK && len > 0) {
        size_t n = len < sizeof block ? (size_t) len : sizeof block;
        st = rp__scan_bytes(&p->scan, at, block, n, err);
        if (st == RP_OK && !rp__grow_add(to, block, n))
            st = cannot_write(p, err);
        at += (int64_t) n;
        len -= n;
    }
    return st;
}

/* Rows without output of their own: it is all there, 0 bytes. */
static rp_status put_task_rows(rp__replay *p, int64_t first, int64_t count, rp__task_row row, rp_error *err)
{
    row.stdout_offset = rp__max64(row.stdout_offset, 0);
    row.stderr_offset = rp__max64(row.stderr_offset, 0);
    if (!rp__fill_task_rows(p->w->new_fd, &p->w->layout, first, count, &row))
        return rp__place_fail(err, p->w->path, "write", errno);
    return set_done(p, first, count, row.state, err);
}

static rp_status take_command(rp__replay *p, const rp__record *r, rp_error *err)
{
    const rp__rec_command *c = &r->u.command;
    rp__task_row row = rp__task_row_of(c);
    row.stdout_offset = rp__grow_size(&p->out);
    row.stderr_offset = rp__grow_size(&p->err);
    rp_status st = copy_output(p, &p->out, r->tail, c->out_len, err);
    if (st == RP_OK)
        st = copy_output(p, &p->err, r->tail + (int64_t) c->out_len, c->err_len, err);
    return st ? st : put_task_rows(p, c->index, 1, row, err);
}

/* After a power loss a record may have reached the disk and its results not: then they are computed again. */
static bool results_are_there(const rp__replay *p, const rp__rec_range *r)
{
    const rp__runfile *old = p->w->old;
    const int64_t size = old->meta.out_size;
    return size == 0 ||
           rp__results_hash(old->fd, old->results + r->first * size, r->count * size) == r->results_hash;
}

static rp_status add_range(rp__replay *p, const rp__range_row *row, rp_error *err)
{
    rp_status st = set_done(p, row->first, row->count, row->state, err);
    return st == RP_OK && !rp__grow_add(&p->ranges, row, 1) ? cannot_write(p, err) : st;
}

static rp_status take_range(rp__replay *p, const rp__record *r, rp_error *err)
{
    const rp__rec_range *c = &r->u.range;
    if (p->w->resume && !results_are_there(p, c))
        return RP_OK;
    const rp__range_row row = {.first = c->first,
                               .count = c->count,
                               .state = RP__TASK_SUCCEEDED,
                               .attempts = c->attempt,
                               .worker = c->worker,
                               .started = c->started,
                               .elapsed = c->elapsed};
    return add_range(p, &row, err);
}

static rp_status add_error(rp__replay *p, const rp__record *r, rp__error_row row, rp_error *err)
{
    row.text = rp__scan_text(&p->scan, r->tail, r->len, err);
    if (!row.text)
        return err && err->code ? err->code : RP_ENOMEM;
    return rp__grow_add(&p->errors, &row, 1) ? RP_OK : cannot_write(p, err);
}

static rp_status take_failed(rp__replay *p, const rp__record *r, rp_error *err)
{
    const rp__rec_failed *c = &r->u.failed;
    rp_status st;
    if (p->w->old->meta.is_commands) {
        const rp__task_row row = rp__task_row_of_failed(c);
        st = put_task_rows(p, c->index, 1, row, err);
    } else {
        const rp__range_row row = {.first = c->index,
                                   .count = 1,
                                   .state = RP__TASK_FAILED,
                                   .attempts = c->attempt,
                                   .worker = c->worker,
                                   .started = c->started,
                                   .elapsed = c->elapsed};
        st = add_range(p, &row, err);
    }
    const rp__error_row error = {.index = c->index, .count = 1, .state = RP__TASK_FAILED, .code = c->code};
    return st ? st : add_error(p, r, error, err);
}

static rp_status take_settled(rp__replay *p, const rp__record *r, rp_error *err)
{
    const rp__rec_settled *c = &r->u.settled;
    rp_status st;
    if (!is_kept(p, c->state))
        return RP_OK;
    if (p->w->old->meta.is_commands) {
        rp__task_row row = rp__task_row_pending();
        row.state = (uint8_t) c->state;
        st = put_task_rows(p, c->first, c->count, row, err);
    } else {
        const rp__range_row row = {
            .first = c->first, .count = c->count, .state = (uint8_t) c->state, .worker = -1};
        st = add_range(p, &row, err);
    }
    const rp__error_row error = {.index = c->first, .count = c->count, .state = (uint8_t) c->state};
    return st ? st : add_error(p, r, error, err);
}

static rp_status take_event(rp__replay *p, const rp__record *r, rp_error *err)
{
    const rp__rec_event *c = &r->u.event;
    rp__event_row row = {.time = r->time, .rank = c->rank};
    row.kind = rp__scan_text(&p->scan, r->tail, c->kind_len, err);
    row.text = row.kind ? rp__scan_text(&p->scan, r->tail + (int64_t) c->kind_len, c->text_len, err) : NULL;
    if (!row.text) {
        rp__free(row.kind);
        return err && err->code ? err->code : RP_ENOMEM;
    }
    return rp__grow_add(&p->events, &row, 1) ? RP_OK : cannot_write(p, err);
}

static rp_status take(rp__replay *p, const rp__record *r, rp_error *err)
{
    const rp__meta *m = &p->w->old->meta;
    if (!rp__record_fits(r, m->is_commands, m->count))
        return RP_OK; /* cannot be ours: its checksum is right, its task does not exist */
    switch (r->type) {
    case RP__RECORD_COMMAND:
        return take_command(p, r, err);
    case RP__RECORD_RANGE:
        return take_range(p, r, err);
    case RP__RECORD_FAILED:
        return take_failed(p, r, err);
    case RP__RECORD_SETTLED:
        return take_settled(p, r, err);
    case RP__RECORD_EVENT:
        return take_event(p, r, err);
    }
    return RP_OK;
}

static bool flush_all(rp__replay *p)
{
    rp__grow *all[] = {&p->out, &p->err, &p->ranges, &p->errors, &p->events};
    bool ok = true;
    for (size_t i = 0; ok && i < sizeof all / sizeof *all; i++)
        ok = !all[i]->rows || rp__grow_flush(all[i]);
    return ok;
}

rp_status rp__replay_journal(rp__replay *p, rp_error *err)
{
    rp_status st = RP_OK;
    rp__record r;
    if (p->w->journal_fd >= 0) {
        st = rp__scan_init(&p->scan, p->w->journal_fd, p->w->journal_path, p->w->head, err);
        p->scan.salvage = true;
        /* A full disk is seen once here, not at each of the writes that are left. */
        while (st == RP_OK && !p->file->io_errno && (st = rp__scan_next(&p->scan, &r, err)) == RP_OK)
            st = take(p, &r, err);
    }
    if (st == RP_EMPTY || st == RP_OK)
        st = flush_all(p) && !p->file->io_errno ? RP_OK : cannot_write(p, err);
    return st;
}
