/* SPDX-License-Identifier: BSD-3-Clause */
/* The journal's header, lock and appending. */
#include "store/journal.h"

#include "store/place.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define HEAD_MAGIC   UINT64_C(0x314c4e4a4c4f5052) /* "RPOLJNL1" */
#define HEAD_VERSION 1

typedef struct disk_head {
    uint64_t magic;
    uint32_t version, zero;
    int64_t generation, pid;
    char run_id[40], host[64];
    uint8_t room[112];
    uint64_t hash; /* of all before */
} disk_head;
_Static_assert(sizeof(disk_head) == RP__JOURNAL_HEAD_BYTES, "the header has one size");

char *rp__journal_path(const char *run_path)
{
    size_t n = strlen(run_path);
    char *path = rp__alloc(n + sizeof ".journal");
    if (path) {
        memcpy(path, run_path, n);
        memcpy(path + n, ".journal", sizeof ".journal");
    }
    return path;
}

uint64_t rp__journal_seed(const char *run_id, int64_t generation)
{
    return XXH3_64bits_withSeed(run_id, strlen(run_id), (XXH64_hash_t) generation);
}

rp_status rp__journal_read_head(int fd, const char *path, rp__journal_head *out, rp_error *err)
{
    disk_head h;
    ssize_t n = pread(fd, &h, sizeof h, 0);
    if (n < 0)
        return rp__fail(err, RP_ESTORE, "cannot read '%s': %s", path, strerror(errno));
    if ((size_t) n < sizeof h)
        return RP_EMPTY;
    if (h.magic != HEAD_MAGIC)
        return rp__fail(err, RP_ESTORE,
                        h.magic == __builtin_bswap64(HEAD_MAGIC)
                            ? "'%s' was written on a machine with another byte order"
                            : "'%s' is not a journal of rankpool, or its beginning is damaged",
                        path);
    if (h.version > HEAD_VERSION)
        return rp__fail(err, RP_ESTORE, "'%s' was written by a newer rankpool", path);
    if (h.hash != XXH3_64bits(&h, offsetof(disk_head, hash)))
        return rp__fail(err, RP_ESTORE, "the journal '%s' is damaged: the checksum of its header is wrong",
                        path);
    *out = (rp__journal_head){.generation = h.generation, .pid = h.pid};
    memcpy(out->run_id, h.run_id, sizeof out->run_id - 1);
    memcpy(out->host, h.host, sizeof out->host - 1);
    return RP_OK;
}

static struct flock whole_file(void)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

/* Where the file system has no locks, the header's process is looked for, which works on one host. */
static bool names_living_process(const rp__journal_head *head)
{
    char host[64];
    rp__place_host(host, sizeof host);
    return head && head->pid > 0 && strcmp(head->host, host) == 0 && head->pid != getpid() &&
           (kill((pid_t) head->pid, 0) == 0 || errno == EPERM);
}

bool rp__journal_is_held(int fd, const rp__journal_head *head)
{
    struct flock lock = whole_file();
    if (fcntl(fd, F_OFD_GETLK, &lock) == 0)
        return lock.l_type != F_UNLCK;
    return names_living_process(head);
}

/* RP_OK, RP_EEXIST. */
static rp_status take_lock(int fd, const char *path, const char *run_path, rp_error *err)
{
    struct flock lock = whole_file();
    rp__journal_head head = {0};
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return RP_OK;
    bool refused = errno == EAGAIN || errno == EACCES;
    rp_status st = rp__journal_read_head(fd, path, &head, NULL);
    if (!refused && !(st == RP_OK && names_living_process(&head)))
        return RP_OK; /* no locks here, and nobody to be seen */
    if (st != RP_OK)
        return rp__fail(err, RP_EEXIST, "'%s' is being written by another process at this moment", run_path);
    return rp__fail(err, RP_EEXIST, "'%s' is being written by process %lld on host %s; wait for it or end it",
                    run_path, (long long) head.pid, head.host);
}

/* The file that we locked may have been removed by its former owner in between. */
static bool is_still_there(int fd, const char *path)
{
    struct stat mine, there;
    return fstat(fd, &mine) == 0 && stat(path, &there) == 0 && mine.st_ino == there.st_ino &&
           mine.st_dev == there.st_dev;
}

static int open_journal(const char *path, bool *created)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    *created = fd >= 0;
    if (fd < 0 && errno == EEXIST)
        fd = open(path, O_RDWR | O_CLOEXEC);
    return fd;
}

/* One try; RP_EMPTY: the file went away meanwhile. */
static rp_status acquire_once(rp__journal *j, const char *run_path, bool must_be_new, rp_error *err)
{
    j->fd = open_journal(j->path, &j->created);
    if (j->fd < 0)
        return errno == ENOENT && rp__place_folder_exists(run_path)
                   ? RP_EMPTY
                   : rp__place_fail(err, run_path, "make", errno);
    rp_status st = take_lock(j->fd, j->path, run_path, err);
    if (st == RP_OK && !is_still_there(j->fd, j->path))
        st = RP_EMPTY;
    if (st == RP_OK && must_be_new && !j->created)
        st = rp__fail(err, RP_EEXIST,
                      "'%s' of an earlier run is there without its run file; remove it, or use --resume or "
                      "--force",
                      j->path);
    if (st != RP_OK) {
        close(j->fd);
        j->fd = -1;
    }
    return st;
}

rp_status rp__journal_acquire(rp__journal *out, const char *run_path, bool must_be_new, rp_error *err)
{
    rp__journal j = {.path = rp__journal_path(run_path), .fd = -1};
    if (!j.path)
        return rp__fail(err, RP_ENOMEM, "no memory for the run file");
    rp_status st = RP_EMPTY;
    for (int tries = 0; st == RP_EMPTY && tries < 100; tries++)
        st = acquire_once(&j, run_path, must_be_new, err);
    if (st == RP_EMPTY)
        st = rp__fail(err, RP_EEXIST, "'%s' comes and goes; another process seems to write '%s'", j.path,
                      run_path);
    if (st == RP_OK)
        *out = j;
    else
        rp__free(j.path);
    return st;
}

rp_status rp__journal_reset(rp__journal *j, const char *run_id, int64_t generation, rp_error *err)
{
    disk_head h = {.magic = HEAD_MAGIC, .version = HEAD_VERSION, .generation = generation, .pid = getpid()};
    (void) snprintf(h.run_id, sizeof h.run_id, "%s", run_id); /* fits */
    rp__place_host(h.host, sizeof h.host);
    h.hash = XXH3_64bits(&h, offsetof(disk_head, hash));
    struct stat st;
    /* Records go first, while the header still names the old generation: at no moment do old records stand
     * behind a new header. Writing over the header needs no space. */
    bool ok = fstat(j->fd, &st) == 0 && (st.st_size <= (off_t) sizeof h || ftruncate(j->fd, sizeof h) == 0) &&
              pwrite(j->fd, &h, sizeof h, 0) == (ssize_t) sizeof h;
    if (!ok)
        return rp__place_fail(err, j->path, "write", errno);
    j->end = sizeof h;
    j->seed = rp__journal_seed(run_id, generation);
    return RP_OK;
}

static bool write_parts(int fd, const struct iovec *part, int parts, int64_t at)
{
    for (int i = 0; i < parts; i++) {
        if (!rp__place_write(fd, part[i].iov_base, part[i].iov_len, at))
            return false;
        at += (int64_t) part[i].iov_len;
    }
    return true;
}

/* Small records, the usual ones, go in one call. */
static bool write_record(rp__journal *j, const struct iovec *part, int parts, size_t total)
{
    ssize_t n;
    do
        n = pwritev(j->fd, part, parts, j->end);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t) total || (n >= 0 && write_parts(j->fd, part, parts, j->end));
}

static bool hash_record(uint64_t seed, const struct iovec *part, int parts, uint64_t *out)
{
    XXH3_state_t *h = XXH3_createState();
    bool ok = h && XXH3_64bits_reset_withSeed(h, seed) == XXH_OK;
    for (int i = 0; ok && i < parts; i++)
        ok = part[i].iov_len == 0 || XXH3_64bits_update(h, part[i].iov_base, part[i].iov_len) == XXH_OK;
    *out = ok ? XXH3_64bits_digest(h) : 0;
    XXH3_freeState(h);
    return ok;
}

rp_status rp__journal_append(rp__journal *j, rp__record_type type, const struct iovec *part, int parts,
                             rp_error *err)
{
    struct iovec all[4];
    rp__record_head head = {.magic = RP__RECORD_MAGIC, .type = (uint32_t) type, .time = rp__clock_wall()};
    all[0] = (struct iovec){&head, sizeof head};
    for (int i = 0; i < parts; i++) {
        all[i + 1] = part[i];
        head.len += part[i].iov_len;
    }
    uint64_t hash;
    if (!hash_record(j->seed ^ (uint64_t) j->end, all, parts + 1, &hash))
        return rp__fail(err, RP_ENOMEM, "no memory to write '%s'", j->path);
    head.hash = hash;
    size_t total = sizeof head + head.len;
    if (!write_record(j, all, parts + 1, total)) {
        int why = errno;
        (void) ftruncate(j->fd, j->end); /* a torn tail is cut when it is read, too */
        return rp__place_fail(err, j->path, "write", why);
    }
    j->end += (int64_t) total;
    return RP_OK;
}

void rp__journal_close(rp__journal *j, bool remove)
{
    if (j->fd >= 0) {
        if (remove)
            (void) unlink(j->path); /* a stale journal is recognised by its generation */
        close(j->fd);
    }
    rp__free(j->path);
    *j = (rp__journal){.fd = -1};
}
