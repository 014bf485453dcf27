/* SPDX-License-Identifier: BSD-3-Clause */
/* The public store: what rp_store_open() was told, kept until a map begins the run file. */
#ifndef RP_API_STORE_H
#define RP_API_STORE_H

#include "api/pool.h"
#include "store/store.h"

struct rp_store {
    char *path, *title; /* owned; title may be NULL */
    rp_store_mode mode;
    rp_field *in_fields, *out_fields; /* owned copies with owned names; NULL: opaque */
    size_t in_field_count, out_field_count;
    rp__store *inner; /* owned; NULL before the map and after a failed begin */
    bool is_used;
    int exit_code; /* as the tool would report the run */
};

/* Hooks that keep the run file's live rows up to date, and the tick that writes its counters. */
typedef struct rp__store_feed {
    rp_pool *pool;
    rp__store *store;
    int64_t count, succeeded_before, failed_before; /* tasks of the file; done in earlier runs */
    rp__time next;
} rp__store_feed;

void rp__store_feed_begin(rp__store_feed *f, rp_pool *pool, rp__store *store, bool wants_started);
void rp__store_feed_end(rp__store_feed *f); /* writes the last counters */

/* The run's exit code from its counts. */
int rp__exit_code_of(const rp__store_counts *c);

#endif
