/* SPDX-License-Identifier: BSD-3-Clause */
/* The rows that tell how a run stands at this moment; reading results back; the end. */
#include "store/place.h"
#include "store/rewrite.h"
#include "store/writer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void put_run_row(rp__store *s)
{
    s->run.updated = rp__clock_wall();
    if (!s->failed)
        (void) rp__place_write(s->fd, &s->run, sizeof s->run, s->layout.run); /* records tell of failures */
}

void rp__store_running(rp__store *s, int64_t index, int worker)
{
    if (s->failed || !s->meta.is_commands || index < 0 || index >= s->meta.count ||
        rp__spans_find(&s->done, index))
        return;
    rp__task_row row = rp__task_row_pending();
    row.state = RP__TASK_RUNNING;
    row.worker = worker;
    row.started = rp__clock_wall();
    (void) rp__place_write(s->fd, &row, sizeof row,
                           s->layout.tasks + index * (int64_t) sizeof row); /* as above */
}

void rp__store_worker(rp__store *s, int rank, const char *host, int64_t pid, rp__worker_state st)
{
    if (s->failed || rank < 0 || rank >= s->layout.worker_rows)
        return;
    rp__worker_row *row = &s->workers[rank];
    *row = (rp__worker_row){.rank = rank, .pid = pid, .state = (uint8_t) st};
    (void) snprintf(row->host, sizeof row->host, "%s", host ? host : ""); /* cut is fine */
    (void) rp__place_write(s->fd, row, sizeof *row, s->layout.workers + rank * (int64_t) sizeof *row);
    put_run_row(s);
}

void rp__store_counts_set(rp__store *s, const rp__store_counts *c)
{
    s->run.succeeded = c->succeeded;
    s->run.failed = c->failed;
    s->run.lost = c->lost;
    s->run.cancelled = c->cancelled;
    s->run.running = c->running;
    put_run_row(s);
}

void rp__store_each_done(rp__store *s, void (*fn)(void *ctx, int64_t first, int64_t count, rp__task_state st),
                         void *ctx)
{
    for (size_t i = 0; i < s->done.len; i++) {
        const rp__span *d = &s->done.item[i];
        if (d->value == RP__TASK_SUCCEEDED || d->value == RP__TASK_FAILED)
            fn(ctx, d->first, d->count, (rp__task_state) d->value);
    }
}

rp_status rp__store_read_results(rp__store *s, int64_t first, int64_t count, void *out, rp_error *err)
{
    const int64_t size = s->meta.out_size;
    if (first < 0 || count < 0 || first > s->meta.count || count > s->meta.count - first)
        return rp__fail(err, RP_EINVAL, "'%s' has no such results", s->path);
    if (size == 0 || count == 0)
        return RP_OK;
    if (!rp__place_read(s->fd, out, (size_t) (count * size), s->layout.results + first * size))
        return rp__place_fail(err, s->path, "read", errno ? errno : EIO);
    return RP_OK;
}

static rp_status write_final(rp__store *s, const rp__runfile *old, int new_fd, int exit_code, rp_error *err)
{
    rp__journal_head head;
    rp_status st = rp__journal_read_head(s->journal.fd, s->journal.path, &head, err);
    if (st != RP_OK)
        return st == RP_EMPTY
                   ? rp__fail(err, RP_ESTORE, "'%s' was cut while the run went on", s->journal.path)
                   : st;
    rp__rewrite w = {.path = s->path,
                     .old = old,
                     .new_fd = new_fd,
                     .journal_fd = s->journal.fd,
                     .journal_path = s->journal.path,
                     .head = &head,
                     .run = s->run,
                     .workers = s->workers,
                     .worker_rows = s->layout.worker_rows};
    w.run.state = RP__RUN_COMPLETE; /* unless a task is pending */
    w.run.exit_code = exit_code;
    w.run.ended = w.run.updated = rp__clock_wall();
    st = rp__rewrite_file(&w, err);
    rp__spans_done(&w.done);
    return st;
}

static rp_status end(rp__store *s, int exit_code, rp_error *err)
{
    rp__runfile old;
    rp__draft draft;
    int fd = -1;
    /* Through our descriptor: the file is ours even if its name has gone. */
    rp_status st = rp__runfile_open_fd(&old, s->fd, s->path, err);
    if (st != RP_OK)
        return RP_ESTORE;
    st = rp__draft_open(&draft, s->path, err);
    if (st == RP_OK)
        st = write_final(s, &old, draft.fd, exit_code, err);
    if (st == RP_OK)
        st = rp__draft_commit(&draft, s->path, true, &fd, err);
    rp__draft_drop(&draft);
    if (fd >= 0)
        close(fd);
    old.fd = -1; /* stays the store's */
    rp__runfile_close(&old);
    return st;
}

rp_status rp__store_end(rp__store **store, int exit_code, rp_error *err)
{
    rp__store *s = *store;
    rp__h5_quiet quiet;
    rp_status st;
    if (!s)
        return RP_OK;
    *store = NULL;
    if (s->failed) {
        st = s->failure.code;
        if (err)
            *err = s->failure;
    } else {
        rp__h5_enter(&quiet);
        st = end(s, exit_code, err);
        rp__h5_leave(&quiet);
    }
    if (st == RP_OK)
        rp__journal_close(&s->journal, true);
    rp__store_free(s);
    return st;
}

void rp__store_abandon(rp__store **store)
{
    if (*store)
        rp__store_free(*store);
    *store = NULL;
}
