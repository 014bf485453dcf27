/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The border to HDF5: quiet calls, errors as one sentence, and the few shapes of calls this room needs.
 * Functions that make something return a negative id on failure; rp__h5_fail then tells why.
 */
#ifndef RP_STORE_H5_H
#define RP_STORE_H5_H

#include "store/vfd.h"

/* HDF5 prints its errors by itself; between enter and leave it does not. A program that uses HDF5 too gets
 * its own setting back. */
typedef struct rp__h5_quiet {
    H5E_auto2_t fn;
    void *data;
} rp__h5_quiet;
void rp__h5_enter(rp__h5_quiet *q);
void rp__h5_leave(const rp__h5_quiet *q);

/* "<what>: <why>" with RP_ESTORE; why is the failed write's errno, else what HDF5 says. */
rp_status rp__h5_fail(rp_error *err, const rp__h5file *f, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Makes an empty file in fd, or opens what fd holds for reading; path is for messages. */
rp_status rp__h5_create(rp__h5file *f, int fd, const char *path, rp_error *err);
rp_status rp__h5_open(rp__h5file *f, int fd, const char *path, rp_error *err);
/* Closes, in any state. RP_ESTORE when something written did not reach the file. */
rp_status rp__h5_close(rp__h5file *f, const char *path, rp_error *err);

/* Lets go of any id; negative is fine. */
void rp__h5_drop(hid_t id);

/* A contiguous dataset whose space exists at once, so that rows can go there by pwrite; *offset is -1 when
 * it has no bytes. The bytes are zero: the space is fresh at the end of a new file. */
hid_t rp__h5_contiguous(hid_t file, const char *name, hid_t type, int rank, const hsize_t *dims,
                        int64_t *offset);
/* A compressed one-dimensional dataset without elements that can grow. */
hid_t rp__h5_growing(hid_t file, const char *name, hid_t type, hsize_t chunk);

/* Elements of the first dimension; -1: failed. */
int64_t rp__h5_rows(hid_t dset);
/* Reads or writes rows of a one-dimensional dataset. */
bool rp__h5_read_rows(hid_t dset, hid_t type, int64_t first, int64_t count, void *out);
bool rp__h5_write_rows(hid_t dset, hid_t type, int64_t first, int64_t count, const void *rows);

hid_t rp__h5_string_type(void); /* variable length, UTF-8 */
bool rp__h5_set_string(hid_t obj, const char *name, const char *text);
bool rp__h5_set_number(hid_t obj, const char *name, hid_t type, const void *value);
/* Reads a string attribute cut to size bytes with its NUL; false: not there or not a string. */
bool rp__h5_get_string(hid_t obj, const char *name, char *out, size_t size);
bool rp__h5_get_number(hid_t obj, const char *name, hid_t type, void *out);
/* Copies all attributes but the one called `but` (may be NULL). */
bool rp__h5_copy_attributes(hid_t from, hid_t to, const char *but);

#endif
