/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Beginning a run file: new, in place of another, or where another stopped.
 *
 * The journal comes first, because its lock is the guard; the run file is made beside its name and renamed.
 * A crash in between leaves an empty journal at worst.
 */
#include "store/create.h"
#include "store/identity.h"
#include "store/place.h"
#include "store/rewrite.h"
#include "store/writer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static rp_status no_memory(rp_error *err)
{
    return rp__fail(err, RP_ENOMEM, "no memory for the run file");
}

/* CREATE: a file that is there is refused, with the reason that helps most. */
static rp_status refuse_existing(const char *path, rp_error *err)
{
    rp__journal j;
    char *journal = rp__journal_path(path);
    bool has_journal = journal && exists(journal);
    rp__free(journal);
    if (has_journal) {
        rp_error held = {0};
        if (rp__journal_acquire(&j, path, false, &held) == RP_OK)
            rp__journal_close(&j, j.created);
        else if (held.code == RP_EEXIST)
            return rp__fail(err, RP_EEXIST, "%s", held.text);
    }
    return rp__fail(err, RP_EEXIST,
                    "'%s' exists; use --resume to go on where it stopped, or --force to replace it", path);
}

static rp_status check_target(const rp__store *s, const rp__store_plan *plan, rp_error *err)
{
    struct stat st;
    if (lstat(s->path, &st) != 0)
        return RP_OK; /* what stands in the way shows when the journal is made */
    if (S_ISDIR(st.st_mode))
        return rp__fail(err, RP_ESTORE, "'%s' is a folder; a run file needs a name of its own", s->path);
    if (plan->mode == RP_STORE_CREATE)
        return refuse_existing(s->path, err);
    if (!S_ISREG(st.st_mode))
        return rp__fail(err, RP_ESTORE, "'%s' is not a plain file", s->path);
    return RP_OK;
}

static rp_status init_rows(rp__store *s, const rp__store_plan *plan, rp_error *err)
{
    s->layout.worker_rows = plan->max_workers;
    s->workers = rp__alloc_array((size_t) plan->max_workers, sizeof *s->workers);
    if (!s->workers)
        return no_memory(err);
    for (int k = 0; k < plan->max_workers; k++)
        s->workers[k].rank = k;
    s->run.exit_code = -1;
    s->run.tasks = plan->count;
    s->run.master_pid = getpid();
    s->run.created = s->run.updated = s->meta.created;
    rp__place_host(s->run.master_host, sizeof s->run.master_host);
    return RP_OK;
}

/* Makes a new file and puts it at the path. The journal gets its header before a new file appears, so that
 * such a file always has its journal, but after an old one was replaced, so that nothing is lost before. */
static rp_status begin_new(rp__store *s, const rp__store_plan *plan, rp_error *err)
{
    const bool replace = plan->mode == RP_STORE_REPLACE;
    rp__draft draft;
    rp_status st = rp__draft_open(&draft, s->path, err);
    if (st == RP_OK)
        st = rp__create_file(draft.fd, s->path, plan, &s->meta, &s->run, s->workers, plan->max_workers,
                             &s->layout, err);
    if (st == RP_OK && !replace)
        st = rp__journal_reset(&s->journal, s->meta.run_id, s->meta.generation, err);
    if (st == RP_OK)
        st = rp__draft_commit(&draft, s->path, replace, &s->fd, err);
    rp__draft_drop(&draft);
    if (st == RP_OK && replace)
        st = rp__journal_reset(&s->journal, s->meta.run_id, s->meta.generation, err);
    return st;
}

/* Whether the journal's records belong to the old file: RP_OK, RP_EMPTY: no, none do. */
static rp_status match_journal(const rp__store *s, const rp__meta *old, rp__journal_head *head, rp_error *err)
{
    rp_status st = rp__journal_read_head(s->journal.fd, s->journal.path, head, err);
    if (st != RP_OK)
        return st;
    if (strcmp(head->run_id, old->run_id) != 0 || head->generation > old->generation)
        return rp__fail(err, RP_EINVAL,
                        "'%s' belongs to another run file than '%s'; move it away to resume without it",
                        s->journal.path, s->path);
    return head->generation == old->generation ? RP_OK : RP_EMPTY; /* older: its records are in the file */
}

static rp_status rewrite_old(rp__store *s, const rp__runfile *old, const rp__journal_head *head, int new_fd,
                             rp_error *err)
{
    rp__rewrite w = {.path = s->path,
                     .old = old,
                     .new_fd = new_fd,
                     .journal_fd = head ? s->journal.fd : -1,
                     .journal_path = s->journal.path,
                     .head = head,
                     .resume = true,
                     .run = s->run,
                     .workers = s->workers,
                     .worker_rows = s->layout.worker_rows};
    w.run.created = old->run.created;
    rp_status st = rp__rewrite_file(&w, err);
    if (st == RP_OK) {
        s->layout = w.layout;
        s->done = w.done;
        s->run = w.run;
        s->meta = old->meta;
        s->meta.generation++;
    }
    return st;
}

/* Takes the old file and its journal into a new file, and begins an empty journal. */
static rp_status begin_from(rp__store *s, const rp__store_plan *plan, const rp__runfile *old, rp_error *err)
{
    rp__journal_head head;
    rp__draft draft;
    rp_status st = rp__identity_check(&old->h5, &old->meta, plan, &s->meta, err);
    if (st != RP_OK)
        return st;
    rp_status match = match_journal(s, &old->meta, &head, err);
    if (match != RP_OK && match != RP_EMPTY)
        return match;
    st = rp__draft_open(&draft, s->path, err);
    if (st == RP_OK)
        st = rewrite_old(s, old, match == RP_OK ? &head : NULL, draft.fd, err);
    if (st == RP_OK)
        st = rp__draft_commit(&draft, s->path, true, &s->fd, err);
    rp__draft_drop(&draft);
    if (st == RP_OK)
        st = rp__journal_reset(&s->journal, s->meta.run_id, s->meta.generation, err);
    return st;
}

static rp_status begin_resume(rp__store *s, const rp__store_plan *plan, rp_error *err)
{
    struct stat journal;
    if (!exists(s->path)) {
        if (fstat(s->journal.fd, &journal) == 0 && journal.st_size > RP__JOURNAL_HEAD_BYTES)
            return rp__fail(err, RP_EINVAL,
                            "'%s' has records of a run, but '%s' is not there; put the file back or remove "
                            "the journal",
                            s->journal.path, s->path);
        return begin_new(s, plan, err);
    }
    rp__runfile old;
    rp_status st = rp__runfile_open(&old, s->path, err);
    if (st != RP_OK)
        return st;
    st = begin_from(s, plan, &old, err);
    rp__runfile_close(&old);
    return st;
}

static rp_status begin(rp__store *s, const rp__store_plan *plan, rp_error *err)
{
    rp_status st = rp__identity_of(plan, &s->meta, err);
    if (st == RP_OK && !(s->path = rp__place_resolve(plan->path)))
        st = no_memory(err);
    if (st == RP_OK)
        st = init_rows(s, plan, err);
    if (st == RP_OK)
        st = check_target(s, plan, err);
    if (st == RP_OK)
        st = rp__journal_acquire(&s->journal, s->path, plan->mode == RP_STORE_CREATE, err);
    if (st == RP_OK && plan->mode != RP_STORE_RESUME)
        st = begin_new(s, plan, err);
    else if (st == RP_OK)
        st = begin_resume(s, plan, err);
    return st;
}

rp_status rp__store_begin(rp__store **out, const rp__store_plan *plan, rp_error *err)
{
    rp__h5_quiet quiet;
    rp__store *s = rp__alloc(sizeof *s);
    if (!s)
        return no_memory(err);
    s->fd = s->journal.fd = -1;
    rp__h5_enter(&quiet);
    rp_status st = begin(s, plan, err);
    rp__h5_leave(&quiet);
    if (st == RP_OK) {
        *out = s;
        return RP_OK;
    }
    if (s->journal.fd >= 0)
        rp__journal_close(&s->journal, s->journal.created && s->fd < 0);
    rp__store_free(s);
    return st;
}

void rp__store_free(rp__store *s)
{
    if (s->fd >= 0)
        close(s->fd);
    if (s->journal.path || s->journal.fd >= 0)
        rp__journal_close(&s->journal, false);
    rp__spans_done(&s->done);
    rp__free(s->workers);
    rp__free(s->path);
    rp__free(s);
}
