/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way HDF5 reaches a file here: a file driver over a descriptor that this room opened itself.
 *
 * Why not HDF5's own driver: (1) no lock is ever taken, on any version, without environment variables;
 * (2) a full disk would leave HDF5 with a file that it can neither flush nor close and that it trips over
 * again at exit. This driver keeps the first failure, swallows the writes after it and lets HDF5 close in
 * peace; whoever closes looks at io_errno and throws the file away. (3) no data sieve: a reader sees rows
 * that another process has just written.
 */
#ifndef RP_STORE_VFD_H
#define RP_STORE_VFD_H

#include "base/base.h"

#include <hdf5.h>

/* One open file. Lives at a fixed address from rp__h5_open/create to rp__h5_close. */
typedef struct rp__h5file {
    hid_t id;
    int fd;       /* lent */
    int io_errno; /* of the first write that failed; 0: none */
} rp__h5file;

/* A file access property list for f, or negative. */
hid_t rp__vfd_fapl(rp__h5file *f);

/* Tests: the n-th write from now of any file fails with ENOSPC, and all after it; -1: never. */
void rp__vfd_fail_after(int64_t n);

#endif
