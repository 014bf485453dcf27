/* SPDX-License-Identifier: BSD-3-Clause */
/* Temporary names, atomic renames, copying, and their errors. */
#include "store/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *rp__place_resolve(const char *path)
{
    char resolved[PATH_MAX];
    return rp__strdup(realpath(path, resolved) ? resolved : path);
}

/* The folder of a path, cut to size. */
static void folder_of(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');
    size_t n = !slash ? 1 : slash == path ? 1 : (size_t) (slash - path);
    if (n >= size)
        n = size - 1;
    memcpy(out, slash ? path : ".", n);
    out[n] = '\0';
}

bool rp__place_folder_exists(const char *path)
{
    char folder[PATH_MAX];
    struct stat st;
    folder_of(path, folder, sizeof folder);
    return stat(folder, &st) == 0 && S_ISDIR(st.st_mode);
}

void rp__place_host(char *out, size_t size)
{
    memset(out, 0, size);
    if (gethostname(out, size - 1) != 0)
        (void) snprintf(out, size, "unknown"); /* a host without a name */
}

static const char *advice(int why, bool has_folder)
{
    switch (why) {
    case ENOENT:
        return has_folder ? "" : "; its folder does not exist: make it first";
    case ENOTDIR:
        return "; a part of the path is a file, not a folder";
    case EROFS:
        return "; choose a place that can be written";
    case EACCES:
    case EPERM:
        return "; check the permissions of the file and its folder, or choose another place";
    case ENOSPC:
    case EDQUOT:
        return "; free some space or choose another place";
    default:
        return "";
    }
}

rp_status rp__place_fail(rp_error *err, const char *path, const char *verb, int why)
{
    return rp__fail(err, RP_ESTORE, "cannot %s '%s': %s%s", verb, path, strerror(why),
                    advice(why, rp__place_folder_exists(path)));
}

rp_status rp__draft_open(rp__draft *d, const char *path, rp_error *err)
{
    size_t n = strlen(path);
    *d = (rp__draft){.path = rp__alloc(n + sizeof ".tmp"), .fd = -1};
    if (!d->path)
        return rp__fail(err, RP_ENOMEM, "no memory for the run file");
    memcpy(d->path, path, n);
    memcpy(d->path + n, ".tmp", sizeof ".tmp");
    (void) unlink(d->path); /* not there is fine */
    d->fd = open(d->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (d->fd >= 0)
        return RP_OK;
    rp_status st = rp__place_fail(err, path, "make", errno);
    rp__free(d->path);
    d->path = NULL;
    return st;
}

/* Makes the rename itself survive a power loss; file systems that cannot do it have their own order. */
static void sync_folder(const char *path)
{
    char folder[PATH_MAX];
    folder_of(path, folder, sizeof folder);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void) fsync(fd); /* see above */
        close(fd);
    }
}

/* Gives tmp its final name if nothing has it; some file systems know one way, some the other. */
static int place_new(const char *tmp, const char *path)
{
    if (renameat2(AT_FDCWD, tmp, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (link(tmp, path) == 0) {
        (void) unlink(tmp); /* a second name of the same file at worst */
        return 0;
    }
    return -1;
}

rp_status rp__draft_commit(rp__draft *d, const char *path, bool replace, int *fd, rp_error *err)
{
    struct stat old;
    if (replace && stat(path, &old) == 0)
        (void) fchmod(d->fd, old.st_mode & 0777); /* another owner's file: the usual mode does */
    if (fsync(d->fd) != 0)
        return rp__place_fail(err, path, "write", errno);
    if ((replace ? rename(d->path, path) : place_new(d->path, path)) != 0) {
        if (errno == EEXIST)
            return rp__fail(err, RP_EEXIST, "'%s' appeared while it was being made; nothing was overwritten",
                            path);
        return rp__place_fail(err, path, "make", errno);
    }
    sync_folder(path);
    *fd = d->fd;
    d->fd = -1;
    rp__draft_drop(d);
    return RP_OK;
}

void rp__draft_drop(rp__draft *d)
{
    if (d->fd >= 0) {
        (void) unlink(d->path); /* the next run throws it away otherwise */
        close(d->fd);
    }
    rp__free(d->path);
    *d = (rp__draft){.fd = -1};
}

bool rp__place_write(int fd, const void *data, size_t len, int64_t at)
{
    const char *p = data;
    while (len > 0) {
        ssize_t n = pwrite(fd, p, len, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        at += n;
        len -= (size_t) n;
    }
    return true;
}

bool rp__place_read(int fd, void *out, size_t len, int64_t at)
{
    char *p = out;
    while (len > 0) {
        ssize_t n = pread(fd, p, len, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n == 0 ? 0 : errno;
            return false;
        }
        p += n;
        at += n;
        len -= (size_t) n;
    }
    return true;
}

static bool copy_by_hand(int from, int64_t from_at, int to, int64_t to_at, int64_t len)
{
    enum { BLOCK = 1 << 20 };
    void *block = rp__alloc(BLOCK);
    bool ok = block != NULL;
    if (!ok)
        errno = ENOMEM;
    while (ok && len > 0) {
        size_t n = (size_t) rp__min64(len, BLOCK);
        ok = rp__place_read(from, block, n, from_at) && rp__place_write(to, block, n, to_at);
        from_at += (int64_t) n;
        to_at += (int64_t) n;
        len -= (int64_t) n;
    }
    rp__free(block);
    return ok;
}

/* Bytes without holes; the kernel copies them, or shares their blocks where the file system can. */
static bool copy_extent(int from, int64_t from_at, int to, int64_t to_at, int64_t len)
{
    while (len > 0) {
        ssize_t n = copy_file_range(from, &from_at, to, &to_at, (size_t) len, 0); /* moves both places */
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO || errno == EFBIG))
            return false;
        if (n <= 0)
            return copy_by_hand(from, from_at, to, to_at, len);
        len -= n;
    }
    return true;
}

bool rp__place_copy(int from, int64_t from_at, int to, int64_t to_at, int64_t len)
{
    const int64_t end = from_at + len, shift = to_at - from_at;
    if (len <= 1 << 20) /* a small place in the new file may hold something else: holes are written, too */
        return copy_by_hand(from, from_at, to, to_at, len);
    while (from_at < end) {
        off_t data = lseek(from, from_at, SEEK_DATA);
        if (data < 0 && errno == ENXIO) /* a hole up to the end of the file */
            return true;
        off_t hole = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
        if (data < 0 || hole < 0) /* no such call here */
            return copy_extent(from, from_at, to, from_at + shift, end - from_at);
        if (data >= end)
            return true;
        int64_t stop = rp__min64(hole, end);
        if (!copy_extent(from, data, to, data + shift, stop - data))
            return false;
        from_at = stop;
    }
    return true;
}
