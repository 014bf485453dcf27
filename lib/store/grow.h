/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Appending to a dataset that grows, through a buffer of one chunk: memory stays bounded and each chunk is
 * compressed once.
 */
#ifndef RP_STORE_GROW_H
#define RP_STORE_GROW_H

#include "store/h5.h"

typedef struct rp__grow {
    hid_t dset, type;            /* owned */
    size_t each;                 /* bytes of a row */
    uint8_t *rows;               /* owned */
    size_t len, cap;             /* rows */
    int64_t total;               /* rows in the dataset, without those in the buffer */
    void (*drop_row)(void *row); /* frees what a buffered row owns; may be NULL */
} rp__grow;

/* Opens a dataset of file. type is taken over, also on failure; chunk is in rows. */
bool rp__grow_open(rp__grow *g, hid_t file, const char *name, hid_t type, size_t each, size_t chunk,
                   void (*drop_row)(void *row));
/* Appends rows; what they own is taken over, also on failure. */
bool rp__grow_add(rp__grow *g, const void *rows, size_t count);
bool rp__grow_flush(rp__grow *g);
void rp__grow_done(rp__grow *g); /* without flushing; {0} is fine */
static inline int64_t rp__grow_size(const rp__grow *g)
{
    return g->total + (int64_t) g->len;
}

#endif
