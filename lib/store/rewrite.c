/* SPDX-License-Identifier: BSD-3-Clause */
/* The frame of a checkpoint: datasets carried over, then rows, then bytes. */
#include "store/rewrite.h"

#include "store/create.h"
#include "store/place.h"
#include "store/replay.h"

#include <errno.h>
#include <string.h>

/* Made anew with rows of its own, or copied as it is by HDF5 (compressed chunks stay as they are)? */
static bool is_made_anew(const char *name)
{
    static const char *const anew[] = {"run", "workers", "tasks", "errors", "inputs", "results", NULL};
    for (int i = 0; anew[i]; i++)
        if (strcmp(name, anew[i]) == 0)
            return true;
    return false;
}

static herr_t carry_link(hid_t from, const char *name, const H5L_info_t *info, void *ctx)
{
    const hid_t *to = ctx;
    (void) info;
    if (is_made_anew(name))
        return 0;
    return H5Ocopy(from, name, *to, name, H5P_DEFAULT, H5P_DEFAULT);
}

/* A dataset that grows, empty, of the old one's type and with its attributes. */
static bool renew_growing(const rp__rewrite *w, hid_t to, const char *name)
{
    hid_t old = H5Dopen2(w->old->h5.id, name, H5P_DEFAULT);
    hid_t type = old < 0 ? -1 : H5Dget_type(old);
    hid_t dset = type < 0 ? -1 : rp__h5_growing(to, name, type, RP__ROW_CHUNK);
    bool ok = dset >= 0 && rp__h5_copy_attributes(old, dset, NULL);
    rp__h5_drop(dset);
    rp__h5_drop(type);
    rp__h5_drop(old);
    return ok;
}

/* A dataset of values with room for the old one's bytes, which follow by a copy below HDF5. */
static bool renew_values(const rp__rewrite *w, hid_t to, const char *name, int64_t *offset)
{
    if (H5Lexists(w->old->h5.id, name, H5P_DEFAULT) <= 0)
        return true;
    hid_t old = H5Dopen2(w->old->h5.id, name, H5P_DEFAULT), dset = -1;
    hid_t type = old < 0 ? -1 : H5Dget_type(old), space = old < 0 ? -1 : H5Dget_space(old);
    hsize_t dims[H5S_MAX_RANK];
    int rank = space < 0 ? -1 : H5Sget_simple_extent_dims(space, dims, NULL);
    if (type >= 0 && rank > 0)
        dset = rp__h5_contiguous(to, name, type, rank, dims, offset);
    bool ok = dset >= 0 && rp__h5_copy_attributes(old, dset, NULL);
    rp__h5_drop(dset);
    rp__h5_drop(space);
    rp__h5_drop(type);
    rp__h5_drop(old);
    return ok;
}

/* Attributes that a user gave to a dataset which is made anew. */
static bool carry_notes(const rp__rewrite *w, hid_t to, const char *name)
{
    hid_t old = H5Dopen2(w->old->h5.id, name, H5P_DEFAULT), dset = H5Dopen2(to, name, H5P_DEFAULT);
    bool ok = old >= 0 && dset >= 0 && rp__h5_copy_attributes(old, dset, "units");
    rp__h5_drop(dset);
    rp__h5_drop(old);
    return ok;
}

static bool carry_over(rp__rewrite *w, rp__h5file *f)
{
    hid_t to = f->id;
    const int64_t generation = w->old->meta.generation + 1;
    if (!rp__h5_copy_attributes(w->old->h5.id, f->id, "generation") ||
        !rp__h5_set_number(f->id, "generation", H5T_NATIVE_INT64, &generation) ||
        !rp__create_status(f, &w->run, w->workers, w->worker_rows, &w->layout) ||
        H5Literate(w->old->h5.id, H5_INDEX_NAME, H5_ITER_INC, NULL, carry_link, &to) < 0 ||
        !renew_growing(w, f->id, "errors"))
        return false;
    if (w->old->meta.is_commands)
        return rp__create_task_table(f, w->old->meta.count, &w->layout) && carry_notes(w, f->id, "tasks");
    return renew_growing(w, f->id, "tasks") && renew_values(w, f->id, "inputs", &w->layout.inputs) &&
           renew_values(w, f->id, "results", &w->layout.results);
}

static rp_status copy_values(const rp__rewrite *w, rp_error *err)
{
    const rp__runfile *old = w->old;
    const int64_t in = old->meta.count * old->meta.in_size, out = old->meta.count * old->meta.out_size;
    if ((old->inputs >= 0 && !rp__place_copy(old->fd, old->inputs, w->new_fd, w->layout.inputs, in)) ||
        (old->results >= 0 && !rp__place_copy(old->fd, old->results, w->new_fd, w->layout.results, out)))
        return rp__place_fail(err, w->path, "write", errno);
    return RP_OK;
}

/* The counts are known only now. */
static rp_status put_counts(rp__rewrite *w, rp_error *err)
{
    rp__run_row *r = &w->run;
    r->tasks = w->old->meta.count;
    r->succeeded = rp__spans_total(&w->done, RP__TASK_SUCCEEDED);
    r->failed = rp__spans_total(&w->done, RP__TASK_FAILED);
    r->lost = rp__spans_total(&w->done, RP__TASK_LOST);
    r->cancelled = rp__spans_total(&w->done, RP__TASK_CANCELLED);
    r->running = 0;
    if (r->state == RP__RUN_COMPLETE && r->succeeded + r->failed + r->lost + r->cancelled < r->tasks)
        r->state = RP__RUN_STOPPED;
    return rp__place_write(w->new_fd, r, sizeof *r, w->layout.run)
               ? RP_OK
               : rp__place_fail(err, w->path, "write", errno);
}

static rp_status write_all(rp__rewrite *w, rp__h5file *f, rp_error *err)
{
    rp__replay p = {.w = w, .file = f, .scan = {.fd = -1}};
    rp_status st = RP_OK;
    if (!carry_over(w, f) || !rp__replay_open(&p))
        st = rp__h5_fail(err, f, "cannot write '%s'", w->path);
    if (st == RP_OK)
        st = rp__replay_old_rows(&p, err);
    if (st == RP_OK)
        st = rp__replay_journal(&p, err);
    if (st == RP_OK)
        st = copy_values(w, err);
    if (st == RP_OK)
        st = put_counts(w, err);
    rp__replay_done(&p);
    return st;
}

rp_status rp__rewrite_file(rp__rewrite *w, rp_error *err)
{
    rp__h5file f;
    w->layout = (rp__layout){-1, -1, -1, -1, -1, 0};
    w->done = (rp__spans){0};
    rp_status st = rp__h5_create(&f, w->new_fd, w->path, err);
    if (st != RP_OK)
        return st;
    st = write_all(w, &f, err);
    rp_status closed = rp__h5_close(&f, w->path, st == RP_OK ? err : NULL);
    if (st == RP_OK)
        st = closed;
    if (st != RP_OK)
        rp__spans_done(&w->done);
    return st;
}
