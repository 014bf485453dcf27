/* SPDX-License-Identifier: BSD-3-Clause */
/* Datasets and attributes: the few shapes of calls that the run file needs. */
#include "store/h5.h"

#include <string.h>

hid_t rp__h5_contiguous(hid_t file, const char *name, hid_t type, int rank, const hsize_t *dims,
                        int64_t *offset)
{
    hid_t dset = -1, space = H5Screate_simple(rank, dims, NULL), dcpl = H5Pcreate(H5P_DATASET_CREATE);
    /* Never filled: a dataset of many GB appears at once, as a hole in the file. */
    if (space >= 0 && dcpl >= 0 && H5Pset_layout(dcpl, H5D_CONTIGUOUS) >= 0 &&
        H5Pset_alloc_time(dcpl, H5D_ALLOC_TIME_EARLY) >= 0 &&
        H5Pset_fill_time(dcpl, H5D_FILL_TIME_NEVER) >= 0)
        dset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    if (dset >= 0) {
        haddr_t at = H5Dget_offset(dset);
        *offset = at == HADDR_UNDEF ? -1 : (int64_t) at;
    }
    rp__h5_drop(dcpl);
    rp__h5_drop(space);
    return dset;
}

hid_t rp__h5_growing(hid_t file, const char *name, hid_t type, hsize_t chunk)
{
    const hsize_t none = 0, unlimited = H5S_UNLIMITED;
    hid_t dset = -1, space = H5Screate_simple(1, &none, &unlimited), dcpl = H5Pcreate(H5P_DATASET_CREATE);
    if (space >= 0 && dcpl >= 0 && H5Pset_chunk(dcpl, 1, &chunk) >= 0 &&
        (H5Zfilter_avail(H5Z_FILTER_DEFLATE) <= 0 || H5Pset_deflate(dcpl, 1) >= 0))
        dset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    rp__h5_drop(dcpl);
    rp__h5_drop(space);
    return dset;
}

int64_t rp__h5_rows(hid_t dset)
{
    hsize_t dims[H5S_MAX_RANK] = {0};
    hid_t space = H5Dget_space(dset);
    int rank = space < 0 ? -1 : H5Sget_simple_extent_dims(space, dims, NULL);
    rp__h5_drop(space);
    return rank >= 1 ? (int64_t) dims[0] : -1;
}

/* Selects rows of dset; fills both dataspaces. */
static bool select_rows(hid_t dset, int64_t first, int64_t count, hid_t *in_file, hid_t *in_memory)
{
    const hsize_t start = (hsize_t) first, n = (hsize_t) count;
    *in_file = H5Dget_space(dset);
    *in_memory = H5Screate_simple(1, &n, NULL);
    return *in_file >= 0 && *in_memory >= 0 && H5Sget_simple_extent_ndims(*in_file) == 1 &&
           H5Sselect_hyperslab(*in_file, H5S_SELECT_SET, &start, NULL, &n, NULL) >= 0;
}

bool rp__h5_read_rows(hid_t dset, hid_t type, int64_t first, int64_t count, void *out)
{
    hid_t in_file = -1, in_memory = -1;
    bool ok = select_rows(dset, first, count, &in_file, &in_memory) &&
              H5Dread(dset, type, in_memory, in_file, H5P_DEFAULT, out) >= 0;
    rp__h5_drop(in_file);
    rp__h5_drop(in_memory);
    return ok;
}

bool rp__h5_write_rows(hid_t dset, hid_t type, int64_t first, int64_t count, const void *rows)
{
    hid_t in_file = -1, in_memory = -1;
    bool ok = select_rows(dset, first, count, &in_file, &in_memory) &&
              H5Dwrite(dset, type, in_memory, in_file, H5P_DEFAULT, rows) >= 0;
    rp__h5_drop(in_file);
    rp__h5_drop(in_memory);
    return ok;
}

hid_t rp__h5_string_type(void)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0 && (H5Tset_size(type, H5T_VARIABLE) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0)) {
        rp__h5_drop(type);
        type = -1;
    }
    return type;
}

bool rp__h5_set_number(hid_t obj, const char *name, hid_t type, const void *value)
{
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attr = space < 0 ? -1 : H5Acreate2(obj, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool ok = attr >= 0 && H5Awrite(attr, type, value) >= 0;
    rp__h5_drop(attr);
    rp__h5_drop(space);
    return ok;
}

bool rp__h5_set_string(hid_t obj, const char *name, const char *text)
{
    hid_t type = rp__h5_string_type();
    bool ok = type >= 0 && rp__h5_set_number(obj, name, type, &text);
    rp__h5_drop(type);
    return ok;
}

bool rp__h5_get_number(hid_t obj, const char *name, hid_t type, void *out)
{
    if (H5Aexists(obj, name) <= 0)
        return false;
    hid_t attr = H5Aopen(obj, name, H5P_DEFAULT), space = attr < 0 ? -1 : H5Aget_space(attr);
    /* Anything but one element would write past out. */
    bool ok = space >= 0 && H5Sget_simple_extent_npoints(space) == 1 && H5Aread(attr, type, out) >= 0;
    rp__h5_drop(space);
    rp__h5_drop(attr);
    return ok;
}

bool rp__h5_get_string(hid_t obj, const char *name, char *out, size_t size)
{
    char *text = NULL;
    hid_t type = rp__h5_string_type();
    bool ok = type >= 0 && rp__h5_get_number(obj, name, type, &text) && text;
    if (ok) {
        size_t n = strnlen(text, size - 1);
        memcpy(out, text, n);
        out[n] = '\0';
        H5free_memory(text);
    }
    rp__h5_drop(type);
    return ok;
}

static bool copy_attribute(hid_t from, hid_t to, const char *name)
{
    bool ok = false;
    hid_t attr = H5Aopen(from, name, H5P_DEFAULT), copy = -1;
    hid_t type = attr < 0 ? -1 : H5Aget_type(attr), space = attr < 0 ? -1 : H5Aget_space(attr);
    hssize_t n = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
    size_t each = type < 0 ? 0 : H5Tget_size(type);
    void *data = n >= 0 && each > 0 ? rp__alloc_array((size_t) n + 1, each) : NULL;
    if (data)
        copy = H5Acreate2(to, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (copy >= 0 && n == 0)
        ok = true;
    else if (copy >= 0 && H5Aread(attr, type, data) >= 0) {
        ok = H5Awrite(copy, type, data) >= 0;
        (void) H5Dvlen_reclaim(type, space, H5P_DEFAULT, data); /* nothing to do about a failure */
    }
    rp__free(data);
    rp__h5_drop(copy);
    rp__h5_drop(space);
    rp__h5_drop(type);
    rp__h5_drop(attr);
    return ok;
}

typedef struct copy_ctx {
    hid_t to;
    const char *but;
} copy_ctx;

static herr_t copy_one(hid_t from, const char *name, const H5A_info_t *info, void *ctx)
{
    const copy_ctx *c = ctx;
    (void) info;
    return (c->but && strcmp(name, c->but) == 0) || copy_attribute(from, c->to, name) ? 0 : -1;
}

bool rp__h5_copy_attributes(hid_t from, hid_t to, const char *but)
{
    copy_ctx c = {to, but};
    return H5Aiterate2(from, H5_INDEX_NAME, H5_ITER_INC, NULL, copy_one, &c) >= 0;
}
