/* SPDX-License-Identifier: BSD-3-Clause */
/* Making a run file: what it holds before the first task. */
#include "store/create.h"

#include "store/place.h"

#include <errno.h>
#include <string.h>

/* Rows of contiguous datasets never pass through HDF5, which would hold them in its buffers. */
static bool put(rp__h5file *f, const void *data, size_t len, int64_t at)
{
    if (len == 0 || rp__place_write(f->fd, data, len, at))
        return true;
    f->io_errno = errno;
    return false;
}

static bool has_units(hid_t dset, const char *const *units)
{
    bool ok = dset >= 0 && rp__units_of_rows(dset, units);
    rp__h5_drop(dset);
    return ok;
}

bool rp__create_status(rp__h5file *f, const rp__run_row *run, const rp__worker_row *workers, int worker_rows,
                       rp__layout *out)
{
    static const char *const run_units[] = {"created", "s since 1970", "updated", "s since 1970",
                                            "ended",   "s since 1970", NULL};
    const hsize_t one = 1, n = (hsize_t) worker_rows;
    hid_t run_type = rp__type_run(), worker_type = rp__type_worker();
    bool ok = has_units(rp__h5_contiguous(f->id, "run", run_type, 1, &one, &out->run), run_units);
    hid_t dset = rp__h5_contiguous(f->id, "workers", worker_type, 1, &n, &out->workers);
    out->worker_rows = worker_rows;
    rp__h5_drop(dset);
    rp__h5_drop(worker_type);
    rp__h5_drop(run_type);
    return ok && dset >= 0 && put(f, run, sizeof *run, out->run) &&
           put(f, workers, (size_t) worker_rows * sizeof *workers, out->workers);
}

static const char *const task_units[] = {"started",
                                         "s since 1970",
                                         "elapsed",
                                         "s",
                                         "user_time",
                                         "s",
                                         "system_time",
                                         "s",
                                         "peak_memory",
                                         "B",
                                         "stdout_offset",
                                         "B",
                                         "stdout_bytes",
                                         "B",
                                         "stderr_offset",
                                         "B",
                                         "stderr_bytes",
                                         "B",
                                         NULL};

bool rp__create_task_table(rp__h5file *f, int64_t count, rp__layout *out)
{
    const hsize_t n = (hsize_t) count;
    hid_t type = rp__type_task();
    bool ok = has_units(rp__h5_contiguous(f->id, "tasks", type, 1, &n, &out->tasks), task_units);
    rp__h5_drop(type);
    return ok;
}

bool rp__fill_task_rows(int fd, const rp__layout *l, int64_t first, int64_t count, const rp__task_row *row)
{
    enum { SLAB = 128 };
    rp__task_row slab[SLAB];
    for (int i = 0; i < SLAB && i < count; i++)
        slab[i] = *row;
    for (int64_t k = 0; k < count; k += SLAB) {
        size_t n = (size_t) rp__min64(SLAB, count - k);
        if (!rp__place_write(fd, slab, n * sizeof *slab, l->tasks + (first + k) * (int64_t) sizeof *slab))
            return false;
    }
    return true;
}

/* Commands first..first+n-1 as strings: their bytes, each with a NUL, in text. */
static bool put_commands(hid_t dset, hid_t type, const rp__store_plan *p, int64_t first, int64_t n,
                         rp__buf *text)
{
    const char *line[256];
    text->len = 0;
    for (int64_t i = 0; i < n; i++) {
        rp__bytes b = p->command(p->command_ctx, first + i);
        rp__buf_append(text, b.data, b.len);
        rp__buf_append(text, "", 1);
    }
    if (text->failed)
        return false;
    const char *at = (const char *) text->data;
    for (int64_t i = 0; i < n; i++) {
        line[i] = at;
        at += p->command(p->command_ctx, first + i).len + 1;
    }
    return rp__h5_write_rows(dset, type, first, n, line);
}

static bool create_commands(rp__h5file *f, const rp__store_plan *p)
{
    const hsize_t n = (hsize_t) p->count;
    rp__buf text = {0};
    hid_t type = rp__h5_string_type(), space = H5Screate_simple(1, &n, NULL), dset = -1;
    if (type >= 0 && space >= 0)
        dset = H5Dcreate2(f->id, "commands", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    bool ok = dset >= 0;
    for (int64_t k = 0; ok && k < p->count && !f->io_errno; k += 256)
        ok = put_commands(dset, type, p, k, rp__min64(256, p->count - k), &text);
    rp__buf_done(&text);
    rp__h5_drop(dset);
    rp__h5_drop(space);
    rp__h5_drop(type);
    return ok;
}

/* /inputs or /results: compounds by the fields, or rows of bytes. */
static bool create_values(rp__h5file *f, const char *name, const rp__store_plan *p, const rp_field *fields,
                          size_t field_count, size_t size, int64_t *offset)
{
    const hsize_t dims[2] = {(hsize_t) p->count, (hsize_t) size};
    hid_t type = fields ? rp__type_fields(fields, field_count, size) : H5Tcopy(H5T_NATIVE_UINT8);
    hid_t dset = type < 0 ? -1 : rp__h5_contiguous(f->id, name, type, fields ? 1 : 2, dims, offset);
    bool ok = dset >= 0 && (!fields || rp__units_of_fields(dset, fields, field_count));
    rp__h5_drop(dset);
    rp__h5_drop(type);
    return ok;
}

/* What is large stands at the new end of the file and is zero by itself; what is small may get a place that
 * HDF5 had used for something else. */
static bool clear_small(rp__h5file *f, int64_t offset, int64_t bytes)
{
    enum { SMALL = 1 << 20 };
    void *zeros = bytes > 0 && bytes <= SMALL ? rp__alloc((size_t) bytes) : NULL;
    bool ok = bytes <= 0 || bytes > SMALL || (zeros && put(f, zeros, (size_t) bytes, offset));
    rp__free(zeros);
    return ok;
}

static bool create_growing(rp__h5file *f, const char *name, hid_t type, const char *const *units,
                           size_t chunk)
{
    hid_t dset = type < 0 ? -1 : rp__h5_growing(f->id, name, type, chunk);
    bool ok = dset >= 0 && (!units || rp__units_of_rows(dset, units));
    rp__h5_drop(dset);
    rp__h5_drop(type);
    return ok;
}

static bool create_commands_part(rp__h5file *f, const rp__store_plan *p, rp__layout *out)
{
    const rp__task_row pending = rp__task_row_pending();
    if (!create_commands(f, p) || !rp__create_task_table(f, p->count, out))
        return false;
    if (!rp__fill_task_rows(f->fd, out, 0, p->count, &pending)) {
        f->io_errno = errno;
        return false;
    }
    return create_growing(f, "stdout", H5Tcopy(H5T_NATIVE_UINT8), NULL, RP__OUTPUT_CHUNK) &&
           create_growing(f, "stderr", H5Tcopy(H5T_NATIVE_UINT8), NULL, RP__OUTPUT_CHUNK);
}

static bool create_function_part(rp__h5file *f, const rp__store_plan *p, rp__layout *out)
{
    static const char *const units[] = {"started", "s since 1970", "elapsed", "s", NULL};
    bool ok = create_growing(f, "tasks", rp__type_range(), units, RP__ROW_CHUNK);
    if (ok && p->in && p->in_size > 0)
        ok = create_values(f, "inputs", p, p->in_fields, p->in_field_count, p->in_size, &out->inputs) &&
             put(f, p->in, p->in_size * (size_t) p->count, out->inputs);
    if (ok && p->out_size > 0)
        ok = create_values(f, "results", p, p->out_fields, p->out_field_count, p->out_size, &out->results) &&
             clear_small(f, out->results, p->count * (int64_t) p->out_size);
    return ok;
}

rp_status rp__create_file(int fd, const char *path, const rp__store_plan *plan, const rp__meta *meta,
                          const rp__run_row *run, const rp__worker_row *workers, int worker_rows,
                          rp__layout *out, rp_error *err)
{
    static const char *const event_units[] = {"time", "s since 1970", NULL};
    rp__h5file f;
    rp_status st = rp__h5_create(&f, fd, path, err);
    if (st != RP_OK)
        return st;
    *out = (rp__layout){-1, -1, -1, -1, -1, 0};
    bool ok = rp__meta_write(f.id, meta) && rp__create_status(&f, run, workers, worker_rows, out) &&
              create_growing(&f, "errors", rp__type_error(), NULL, RP__ROW_CHUNK) &&
              create_growing(&f, "events", rp__type_event(), event_units, RP__ROW_CHUNK) &&
              (meta->is_commands ? create_commands_part(&f, plan, out) : create_function_part(&f, plan, out));
    if (!ok)
        st = rp__h5_fail(err, &f, "cannot write '%s'", path);
    rp_status closed = rp__h5_close(&f, path, st == RP_OK ? err : NULL);
    return st == RP_OK ? closed : st;
}
