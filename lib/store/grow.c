/* SPDX-License-Identifier: BSD-3-Clause */
/* Appending to a dataset through a buffer of one chunk. */
#include "store/grow.h"

#include <string.h>

bool rp__grow_open(rp__grow *g, hid_t file, const char *name, hid_t type, size_t each, size_t chunk,
                   void (*drop_row)(void *row))
{
    *g = (rp__grow){.dset = -1, .type = type, .each = each, .cap = chunk, .drop_row = drop_row};
    g->rows = rp__alloc_array(chunk, each);
    if (g->rows && type >= 0)
        g->dset = H5Dopen2(file, name, H5P_DEFAULT);
    g->total = g->dset < 0 ? -1 : rp__h5_rows(g->dset);
    return g->total >= 0;
}

static void drop_rows(rp__grow *g)
{
    for (size_t i = 0; g->drop_row && i < g->len; i++)
        g->drop_row(g->rows + i * g->each);
    g->len = 0;
}

bool rp__grow_flush(rp__grow *g)
{
    const hsize_t size = (hsize_t) rp__grow_size(g);
    bool ok = g->len == 0 || (H5Dset_extent(g->dset, &size) >= 0 &&
                              rp__h5_write_rows(g->dset, g->type, g->total, (int64_t) g->len, g->rows));
    g->total += (int64_t) g->len;
    drop_rows(g);
    return ok;
}

bool rp__grow_add(rp__grow *g, const void *rows, size_t count)
{
    const uint8_t *p = rows;
    bool ok = true;
    while (count > 0) {
        /* The buffer ends where a chunk of the dataset ends. */
        size_t room = g->cap - (size_t) (g->total % (int64_t) g->cap) - g->len;
        size_t n = count < room ? count : room;
        memcpy(g->rows + g->len * g->each, p, n * g->each);
        g->len += n;
        p += n * g->each;
        count -= n;
        if (n == room)
            ok = rp__grow_flush(g) && ok;
    }
    return ok;
}

void rp__grow_done(rp__grow *g)
{
    if (!g->rows && !g->each) /* never opened */
        return;
    if (g->rows)
        drop_rows(g);
    rp__free(g->rows);
    rp__h5_drop(g->dset);
    rp__h5_drop(g->type);
    *g = (rp__grow){.dset = -1, .type = -1};
}
