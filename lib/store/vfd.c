/* SPDX-License-Identifier: BSD-3-Clause */
/* An HDF5 file driver over a descriptor, without locks, that remembers the first failed write. */
#include "store/vfd.h"

#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct vfd_file {
    H5FD_t pub; /* first: HDF5's own part */
    rp__h5file *owner;
    haddr_t eoa, eof;
} vfd_file;

/* What the access property list carries; HDF5 copies it by its bytes. */
typedef struct vfd_info {
    rp__h5file *owner;
} vfd_info;

static atomic_llong fail_countdown = -1;

void rp__vfd_fail_after(int64_t n)
{
    atomic_store(&fail_countdown, n);
}

static bool must_fail(void)
{
    long long left = atomic_load(&fail_countdown);
    if (left > 0)
        atomic_store(&fail_countdown, left - 1);
    return left == 0;
}

static H5FD_t *vfd_open(const char *name, unsigned flags, hid_t fapl, haddr_t maxaddr)
{
    (void) name;
    (void) maxaddr;
    const vfd_info *info = H5Pget_driver_info(fapl);
    struct stat st;
    if (!info || fstat(info->owner->fd, &st) != 0)
        return NULL;
    vfd_file *f = rp__alloc(sizeof *f);
    if (!f)
        return NULL;
    f->owner = info->owner;
    f->eof = (haddr_t) st.st_size;
    if ((flags & H5F_ACC_TRUNC) && f->eof > 0) {
        if (ftruncate(f->owner->fd, 0) != 0)
            f->owner->io_errno = errno;
        f->eof = 0;
    }
    return &f->pub;
}

static herr_t vfd_close(H5FD_t *pub)
{
    rp__free(pub);
    return 0;
}

static int vfd_cmp(const H5FD_t *a, const H5FD_t *b)
{
    const rp__h5file *x = ((const vfd_file *) a)->owner, *y = ((const vfd_file *) b)->owner;
    return x < y ? -1 : x > y;
}

static herr_t vfd_query(const H5FD_t *pub, unsigned long *flags)
{
    (void) pub;
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_AGGREGATE_SMALLDATA |
             H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
    return 0;
}

static haddr_t vfd_get_eoa(const H5FD_t *pub, H5FD_mem_t type)
{
    (void) type;
    return ((const vfd_file *) pub)->eoa;
}

static herr_t vfd_set_eoa(H5FD_t *pub, H5FD_mem_t type, haddr_t addr)
{
    (void) type;
    ((vfd_file *) pub)->eoa = addr;
    return 0;
}

static haddr_t vfd_get_eof(const H5FD_t *pub, H5FD_mem_t type)
{
    (void) type;
    return ((const vfd_file *) pub)->eof;
}

static herr_t vfd_read(H5FD_t *pub, H5FD_mem_t type, hid_t dxpl, haddr_t addr, size_t size, void *buffer)
{
    (void) type;
    (void) dxpl;
    const vfd_file *f = (const vfd_file *) pub;
    char *p = buffer;
    while (size > 0) {
        ssize_t n = pread(f->owner->fd, p, size, (off_t) addr);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0) { /* behind the end: HDF5 expects zeros */
            memset(p, 0, size);
            return 0;
        }
        p += n;
        addr += (haddr_t) n;
        size -= (size_t) n;
    }
    return 0;
}

static herr_t vfd_write(H5FD_t *pub, H5FD_mem_t type, hid_t dxpl, haddr_t addr, size_t size,
                        const void *buffer)
{
    (void) type;
    (void) dxpl;
    vfd_file *f = (vfd_file *) pub;
    const char *p = buffer;
    if (addr + size > f->eof)
        f->eof = addr + size;
    if (!f->owner->io_errno && must_fail())
        f->owner->io_errno = ENOSPC;
    while (size > 0 && !f->owner->io_errno) {
        ssize_t n = pwrite(f->owner->fd, p, size, (off_t) addr);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            f->owner->io_errno = n < 0 ? errno : EIO;
            break;
        }
        p += n;
        addr += (haddr_t) n;
        size -= (size_t) n;
    }
    return 0;
}

static herr_t vfd_truncate(H5FD_t *pub, hid_t dxpl, hbool_t closing)
{
    (void) dxpl;
    (void) closing;
    vfd_file *f = (vfd_file *) pub;
    if (f->eoa != f->eof && ftruncate(f->owner->fd, (off_t) f->eoa) != 0 && !f->owner->io_errno)
        f->owner->io_errno = errno;
    f->eof = f->eoa;
    return 0;
}

static const H5FD_class_t vfd_class = {
#if H5_VERSION_GE(1, 13, 0)
    .version = H5FD_CLASS_VERSION,
    .value = (H5FD_class_value_t) 611,
#endif
    .name = "rankpool",
    .maxaddr = (haddr_t) INT64_MAX,
    .fc_degree = H5F_CLOSE_STRONG,
    .fapl_size = sizeof(vfd_info),
    .open = vfd_open,
    .close = vfd_close,
    .cmp = vfd_cmp,
    .query = vfd_query,
    .get_eoa = vfd_get_eoa,
    .set_eoa = vfd_set_eoa,
    .get_eof = vfd_get_eof,
    .read = vfd_read,
    .write = vfd_write,
    .truncate = vfd_truncate,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

/* Registered once and for all: HDF5 looks into the class of a driver after it has let go of it (H5FD_close
 * in 1.10). H5close() by the program takes it away; then it is registered anew. */
static hid_t driver_id(void)
{
    static hid_t id = -1;
    if (id < 0 || H5Iget_type(id) != H5I_VFL)
        id = H5FDregister(&vfd_class);
    return id;
}

hid_t rp__vfd_fapl(rp__h5file *f)
{
    hid_t driver = driver_id(), fapl = driver < 0 ? -1 : H5Pcreate(H5P_FILE_ACCESS);
    const vfd_info info = {f};
    if (fapl >= 0 &&
        (H5Pset_driver(fapl, driver, &info) < 0 || H5Pset_fclose_degree(fapl, H5F_CLOSE_STRONG) < 0)) {
        H5Pclose(fapl);
        fapl = -1;
    }
    return fapl;
}
