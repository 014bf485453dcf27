/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening a run file that exists, and saying what is wrong with it. */
#include "store/runfile.h"

#include "store/journal.h"
#include "store/place.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static rp_status cannot_open(const char *path, int why, rp_error *err)
{
    char *journal = rp__journal_path(path);
    bool has_journal = journal && access(journal, F_OK) == 0;
    rp__free(journal);
    if (why == ENOENT)
        return rp__fail(err, RP_ESTORE, "'%s' does not exist%s", path,
                        has_journal ? ", though its journal does: was it moved or removed?"
                                    : "; is the path right?");
    return rp__place_fail(err, path, "open", why);
}

/* What can be told from the outside. */
static rp_status check_kind(int fd, const char *path, rp_error *err)
{
    static const uint8_t signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    uint8_t head[8] = {0};
    struct stat st;
    if (fstat(fd, &st) != 0)
        return rp__place_fail(err, path, "open", errno);
    if (S_ISDIR(st.st_mode))
        return rp__fail(err, RP_EINVAL, "'%s' is a folder, not a run file", path);
    if (!S_ISREG(st.st_mode))
        return rp__fail(err, RP_EINVAL, "'%s' is not a plain file", path);
    if (st.st_size == 0)
        return rp__fail(err, RP_EINVAL, "'%s' is empty, not a run file", path);
    if (!rp__place_read(fd, head, sizeof head, 0) && errno)
        return rp__place_fail(err, path, "read", errno);
    if (memcmp(head, signature, sizeof signature) != 0)
        return rp__fail(err, RP_EINVAL, "'%s' is not an HDF5 file, so not a run file", path);
    return RP_OK;
}

static rp_status open_hdf5(rp__runfile *r, const char *path, rp_error *err)
{
    rp_error why = {0};
    if (rp__h5_open(&r->h5, r->fd, path, &why) == RP_OK)
        return RP_OK;
    if (strstr(why.text, "truncated") || strstr(why.text, "eof"))
        return rp__fail(
            err, RP_ESTORE,
            "'%s' is truncated: it ends before its data does, perhaps a copy that was interrupted", path);
    return rp__fail(err, RP_ESTORE, "'%s' is damaged, HDF5 cannot open it (%.200s)", path, why.text);
}

static rp_status damaged(const char *path, const char *what, rp_error *err)
{
    return rp__fail(err, RP_ESTORE, "'%s' is damaged: '/%s' is missing or not as it should be", path, what);
}

static bool read_run_row(rp__runfile *r)
{
    hid_t type = rp__type_run(), dset = H5Dopen2(r->h5.id, "run", H5P_DEFAULT);
    bool ok = type >= 0 && dset >= 0 && rp__h5_rows(dset) == 1 && rp__h5_read_rows(dset, type, 0, 1, &r->run);
    rp__h5_drop(dset);
    rp__h5_drop(type);
    r->run.master_host[sizeof r->run.master_host - 1] = '\0';
    return ok;
}

/* The place of values that must stand in one piece; false when they do not. */
static bool locate(const rp__runfile *r, const char *name, int64_t bytes, int64_t *offset)
{
    *offset = -1;
    if (bytes == 0)
        return true;
    hid_t dset = H5Dopen2(r->h5.id, name, H5P_DEFAULT);
    haddr_t at = dset < 0 ? HADDR_UNDEF : H5Dget_offset(dset);
    bool ok = at != HADDR_UNDEF && (int64_t) H5Dget_storage_size(dset) == bytes;
    rp__h5_drop(dset);
    *offset = ok ? (int64_t) at : -1;
    return ok;
}

static rp_status check_datasets(rp__runfile *r, const char *path, rp_error *err)
{
    const rp__meta *m = &r->meta;
    static const char *const always[] = {"workers", "tasks", "errors", "events", NULL};
    static const char *const commands[] = {"commands", "stdout", "stderr", NULL};
    for (int i = 0; always[i]; i++)
        if (H5Lexists(r->h5.id, always[i], H5P_DEFAULT) <= 0)
            return damaged(path, always[i], err);
    for (int i = 0; m->is_commands && commands[i]; i++)
        if (H5Lexists(r->h5.id, commands[i], H5P_DEFAULT) <= 0)
            return damaged(path, commands[i], err);
    if (!read_run_row(r))
        return damaged(path, "run", err);
    if (!m->is_commands && (!locate(r, "inputs", m->count * m->in_size, &r->inputs) ||
                            !locate(r, "results", m->count * m->out_size, &r->results)))
        return rp__fail(err, RP_ESTORE,
                        "'%s' is damaged or was repacked: '/inputs' or '/results' does not stand in one "
                        "piece (h5repack -l CONTI makes it so)",
                        path);
    if (m->is_commands) {
        hid_t dset = H5Dopen2(r->h5.id, "tasks", H5P_DEFAULT);
        int64_t rows = dset < 0 ? -1 : rp__h5_rows(dset);
        rp__h5_drop(dset);
        if (rows != m->count)
            return damaged(path, "tasks", err);
    }
    return RP_OK;
}

rp_status rp__runfile_open_fd(rp__runfile *out, int fd, const char *path, rp_error *err)
{
    *out = (rp__runfile){.h5 = {.id = -1}, .fd = fd, .inputs = -1, .results = -1};
    rp_status st = check_kind(fd, path, err);
    if (st == RP_OK)
        st = open_hdf5(out, path, err);
    if (st == RP_OK)
        st = rp__meta_read(&out->h5, path, &out->meta, err);
    if (st == RP_OK)
        st = check_datasets(out, path, err);
    if (st != RP_OK) {
        out->fd = -1; /* not ours */
        rp__runfile_close(out);
    }
    return st;
}

rp_status rp__runfile_open(rp__runfile *out, const char *path, rp_error *err)
{
    *out = (rp__runfile){.h5 = {.id = -1}, .fd = -1};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe of that name must not hold us up */
    if (fd < 0)
        return cannot_open(path, errno, err);
    rp_status st = rp__runfile_open_fd(out, fd, path, err);
    if (st != RP_OK)
        close(fd);
    return st;
}

void rp__runfile_close(rp__runfile *r)
{
    (void) rp__h5_close(&r->h5, "", NULL); /* nothing was written */
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
}
