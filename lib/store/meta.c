/* SPDX-License-Identifier: BSD-3-Clause */
/* The root attributes of a run file, written and checked. */
#include "store/schema.h"

#include <string.h>

bool rp__meta_write(hid_t file, const rp__meta *m)
{
    const hid_t i64 = H5T_NATIVE_INT64, i32 = H5T_NATIVE_INT32;
    return rp__h5_set_string(file, "rankpool_version", m->version) &&
           rp__h5_set_number(file, "schema_version", i32, &m->schema) &&
           rp__h5_set_string(file, "kind", m->is_commands ? "commands" : "function") &&
           rp__h5_set_string(file, "title", m->title) && rp__h5_set_string(file, "program", m->program) &&
           rp__h5_set_string(file, "body", m->body) &&
           rp__h5_set_number(file, "created", H5T_NATIVE_DOUBLE, &m->created) &&
           rp__h5_set_number(file, "tasks", i64, &m->count) &&
           rp__h5_set_number(file, "first", i64, &m->first) &&
           rp__h5_set_number(file, "input_bytes", i64, &m->in_size) &&
           rp__h5_set_number(file, "result_bytes", i64, &m->out_size) &&
           rp__h5_set_string(file, "work_key", m->work_key) && rp__h5_set_string(file, "run_id", m->run_id) &&
           rp__h5_set_number(file, "generation", i64, &m->generation);
}

static bool read_all(hid_t file, rp__meta *m)
{
    const hid_t i64 = H5T_NATIVE_INT64;
    char kind[16];
    bool ok = rp__h5_get_string(file, "kind", kind, sizeof kind) &&
              rp__h5_get_string(file, "title", m->title, sizeof m->title) &&
              rp__h5_get_string(file, "program", m->program, sizeof m->program) &&
              rp__h5_get_string(file, "body", m->body, sizeof m->body) &&
              rp__h5_get_number(file, "created", H5T_NATIVE_DOUBLE, &m->created) &&
              rp__h5_get_number(file, "tasks", i64, &m->count) &&
              rp__h5_get_number(file, "first", i64, &m->first) &&
              rp__h5_get_number(file, "input_bytes", i64, &m->in_size) &&
              rp__h5_get_number(file, "result_bytes", i64, &m->out_size) &&
              rp__h5_get_string(file, "work_key", m->work_key, sizeof m->work_key) &&
              rp__h5_get_string(file, "run_id", m->run_id, sizeof m->run_id) &&
              rp__h5_get_number(file, "generation", i64, &m->generation);
    m->is_commands = ok && strcmp(kind, "commands") == 0;
    return ok && m->count >= 0 && m->in_size >= 0 && m->out_size >= 0;
}

rp_status rp__meta_read(const rp__h5file *f, const char *path, rp__meta *out, rp_error *err)
{
    rp__meta m = {0};
    if (!rp__h5_get_string(f->id, "rankpool_version", m.version, sizeof m.version) ||
        !rp__h5_get_number(f->id, "schema_version", H5T_NATIVE_INT32, &m.schema))
        return rp__fail(err, RP_EINVAL, "'%s' is an HDF5 file, but not a run file of rankpool", path);
    if (m.schema > RP__SCHEMA_VERSION)
        return rp__fail(err, RP_EINVAL,
                        "'%s' was written by rankpool %s with run file schema %d; this is rankpool %s, which "
                        "reads schemas up to %d: read it with a newer rankpool",
                        path, m.version, m.schema, RP_BUILD_VERSION, RP__SCHEMA_VERSION);
    if (!read_all(f->id, &m))
        return rp__fail(err, RP_ESTORE, "'%s' is damaged: attributes of its root group are missing or wrong",
                        path);
    *out = m;
    return RP_OK;
}
