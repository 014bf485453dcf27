/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where files go and how they get there whole: temporary names, syncing, renaming, copying of bytes, and
 * sentences for what can go wrong with folders and disks.
 */
#ifndef RP_STORE_PLACE_H
#define RP_STORE_PLACE_H

#include "base/base.h"

/* The path with symbolic links resolved, so that a rename replaces the file and not the link, and so that
 * everybody looks for the journal in one place; a plain copy when there is no such file. NULL: no memory. */
char *rp__place_resolve(const char *path);
bool rp__place_folder_exists(const char *path); /* the folder that path is in */
void rp__place_host(char *out, size_t size);

/* RP_ESTORE: "cannot <verb> '<path>': <why>; <what to do>". */
rp_status rp__place_fail(rp_error *err, const char *path, const char *verb, int why);

/* A file being made beside its final name. */
typedef struct rp__draft {
    char *path; /* owned: RUN.h5.tmp */
    int fd;     /* -1: none */
} rp__draft;

/* Begins RUN.h5.tmp; what a crash left under that name is thrown away: the journal's lock is ours. */
rp_status rp__draft_open(rp__draft *d, const char *path, rp_error *err);
/* Syncs it and puts it at path, over what is there if replace is set; RP_EEXIST when something is there
 * otherwise. The descriptor stays open and is the caller's: d->fd becomes -1 and *fd gets it. */
rp_status rp__draft_commit(rp__draft *d, const char *path, bool replace, int *fd, rp_error *err);
/* Removes what was not committed. */
void rp__draft_drop(rp__draft *d);

bool rp__place_write(int fd, const void *data, size_t len, int64_t at); /* false: errno */
bool rp__place_read(int fd, void *out, size_t len, int64_t at);         /* false: errno, 0 at the end */
/* Copies bytes between files; holes stay holes. */
bool rp__place_copy(int from, int64_t from_at, int to, int64_t to_at, int64_t len);

#endif
