/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening, closing and the errors of HDF5. */
#include "store/h5.h"

#include <stdio.h>
#include <string.h>

void rp__h5_enter(rp__h5_quiet *q)
{
    *q = (rp__h5_quiet){0};
    (void) H5Eget_auto2(H5E_DEFAULT, &q->fn, &q->data); /* without it, HDF5's default comes back */
    (void) H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

void rp__h5_leave(const rp__h5_quiet *q)
{
    (void) H5Eclear2(H5E_DEFAULT);
    (void) H5Eset_auto2(H5E_DEFAULT, q->fn, q->data);
}

/* Walking upward, the first record is the one nearest to the cause. */
static herr_t take_first(unsigned n, const H5E_error2_t *e, void *ctx)
{
    char *text = ctx;
    if (n == 0 && e->desc)
        (void) snprintf(text, 256, "%s", e->desc); /* cut is fine */
    return 0;
}

rp_status rp__h5_fail(rp_error *err, const rp__h5file *f, const char *fmt, ...)
{
    char what[400], why[256] = "HDF5 failed without a reason";
    va_list ap;
    va_start(ap, fmt);
    (void) vsnprintf(what, sizeof what, fmt, ap); /* cut is fine */
    va_end(ap);
    if (f && f->io_errno)
        (void) snprintf(why, sizeof why, "%s", strerror(f->io_errno));
    else
        (void) H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_first, why); /* the default text stays */
    return rp__fail(err, RP_ESTORE, "%s: %s", what, why);
}

rp_status rp__h5_create(rp__h5file *f, int fd, const char *path, rp_error *err)
{
    *f = (rp__h5file){.id = -1, .fd = fd};
    hid_t fapl = rp__vfd_fapl(f);
    if (fapl >= 0)
        f->id = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, fapl);
    rp_status st = f->id < 0 ? rp__h5_fail(err, f, "cannot create '%s'", path) : RP_OK;
    rp__h5_drop(fapl);
    return st;
}

rp_status rp__h5_open(rp__h5file *f, int fd, const char *path, rp_error *err)
{
    *f = (rp__h5file){.id = -1, .fd = fd};
    hid_t fapl = rp__vfd_fapl(f);
    if (fapl >= 0)
        f->id = H5Fopen(path, H5F_ACC_RDONLY, fapl);
    rp_status st = f->id < 0 ? rp__h5_fail(err, f, "cannot open '%s'", path) : RP_OK;
    rp__h5_drop(fapl);
    return st;
}

rp_status rp__h5_close(rp__h5file *f, const char *path, rp_error *err)
{
    rp_status st = RP_OK;
    if (f->id >= 0 && H5Fclose(f->id) < 0)
        st = rp__h5_fail(err, f, "cannot close '%s'", path);
    if (st == RP_OK && f->io_errno)
        st = rp__fail(err, RP_ESTORE, "cannot write '%s': %s", path, strerror(f->io_errno));
    f->id = -1;
    return st;
}

void rp__h5_drop(hid_t id)
{
    if (id >= 0)
        (void) H5Idec_ref(id); /* writes that fail are kept by the driver and seen at the close */
}
