/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * A run file as the sink of a map: inputs and results as plain HDF5 compounds that h5py, MATLAB and
 * h5dump read, complete or not.
 *
 *     typedef struct { double temperature; int64_t seed; } point;
 *     typedef struct { double energy, magnetisation; } reading;
 *     static const rp_field point_fields[] = {RP_FIELD(point, temperature, RP_F64, "J/k"),
 *                                             RP_FIELD(point, seed, RP_I64, "")};
 *     static const rp_field reading_fields[] = {...};
 *     rp_store_options so = RP_STORE_OPTIONS_INIT;
 *     so.in_fields = point_fields, so.in_field_count = 2, ...
 *     rp_store *store = NULL;
 *     rp_store_open(&store, "sweep.h5", &so, &err);
 *     opt.store = store;  rp_map(...);
 *     rp_store_close(&store, &err);
 */
#ifndef RANKPOOL_STORE_H
#define RANKPOOL_STORE_H

#include <rankpool/status.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rp_store rp_store;

/** Plain number types of a field. */
typedef enum rp_field_type {
    RP_FIELD_NONE = 0,
    RP_F64,
    RP_F32,
    RP_I64,
    RP_I32,
    RP_U64,
    RP_U32,
    RP_U8,
    RP_FIELD_TYPE_COUNT
} rp_field_type;

/** One member of a C struct, as it shall appear in the file. */
typedef struct rp_field {
    const char *name;   /* lent until rp_store_open returns */
    rp_field_type type; /* of the member, or of its elements */
    size_t offset;      /* bytes from the start of the struct */
    size_t count;       /* elements: 1 for a number, n for an array member */
    const char *unit;   /* becomes an attribute; "" or NULL: none */
} rp_field;

/** A field of a struct by name: RP_FIELD(point, temperature, RP_F64, "K"). Array members: RP_FIELD_ARRAY. */
#define RP_FIELD(struct_type, member, field_type, field_unit)                                                \
    {                                                                                                        \
#member, field_type, offsetof(struct_type, member), 1, field_unit                                    \
    }
#define RP_FIELD_ARRAY(struct_type, member, field_type, elements, field_unit)                                \
    {                                                                                                        \
#member, field_type, offsetof(struct_type, member), elements, field_unit                             \
    }

/** What to do with a file that exists. */
typedef enum rp_store_mode {
    RP_STORE_CREATE = 0, /* refuse it */
    RP_STORE_REPLACE,    /* replace it */
    RP_STORE_RESUME,     /* go on where it stopped, if it records the same work; create it if missing */
    RP_STORE_MODE_COUNT
} rp_store_mode;

/** Options of a run file. Zero is the default everywhere. */
typedef struct rp_store_options {
    size_t size;               /* sizeof(rp_store_options); set by RP_STORE_OPTIONS_INIT */
    rp_store_mode mode;        /* RP_STORE_CREATE */
    const rp_field *in_fields; /* members of one input; NULL: inputs are stored as opaque bytes */
    size_t in_field_count;
    const rp_field *out_fields; /* members of one result; NULL: results are stored as opaque bytes */
    size_t out_field_count;
    const char *title; /* becomes an attribute of the file; NULL: none */
} rp_store_options;

#define RP_STORE_OPTIONS_INIT                                                                                \
    {                                                                                                        \
        .size = sizeof(rp_store_options)                                                                     \
    }

/**
 * Prepares a run file for one map. The file itself appears when the map starts and knows its sizes.
 *
 * A finished or interrupted file of the same work (same function, inputs and sizes) is resumed with
 * RP_STORE_RESUME: tasks it has are not run again and their results are read back into the caller's array.
 *
 * @param out   on RP_OK a new store, to be closed with rp_store_close(); untouched otherwise
 * @param path  copied
 * @param opt   NULL for defaults; copied
 * @param err   filled on failure; NULL is fine
 *
 * @return RP_OK; RP_EEXIST when the file exists and mode is RP_STORE_CREATE; RP_ESTORE; RP_EINVAL; RP_ENOMEM
 *
 * Rank master.   Thread the pool's.   Blocks on the file system.   Since 0.1
 */
RP_API rp_status rp_store_open(rp_store **out, const char *path, const rp_store_options *opt, rp_error *err);

/**
 * Closes the run file and sets *store to NULL. NULL is fine.
 *
 * @return RP_OK; RP_ESTORE when something could not be written, with the text in err (NULL is fine)
 *
 * Rank master.   Thread the pool's.   Blocks on the file system.   Since 0.1
 */
RP_API rp_status rp_store_close(rp_store **store, rp_error *err);

#ifdef __cplusplus
}
#endif
#endif
