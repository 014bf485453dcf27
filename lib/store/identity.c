/* SPDX-License-Identifier: BSD-3-Clause */
/* The identity of a run's work: a hash to compare, and words for what differs. */
#include "store/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include <xxhash.h>

#define PATH(plan) ((plan)->path)

static rp_status check_fields(const rp_field *fields, size_t count, size_t size, const char *what,
                              rp_error *err)
{
    if (fields && (count == 0 || size == 0))
        return rp__fail(err, RP_EINVAL, "%s have fields, but no bytes or no field", what);
    for (size_t i = 0; fields && i < count; i++) {
        const rp_field *f = &fields[i];
        size_t bytes = rp__field_bytes(f);
        if (!f->name || !f->name[0])
            return rp__fail(err, RP_EINVAL, "field %zu of %s has no name", i, what);
        if (bytes == 0 || f->offset > size || bytes > size - f->offset)
            return rp__fail(err, RP_EINVAL, "field '%s' of %s has no valid type, count or place", f->name,
                            what);
        for (size_t k = 0; k < i; k++)
            if (strcmp(fields[k].name, f->name) == 0)
                return rp__fail(err, RP_EINVAL, "two fields of %s are called '%s'", what, f->name);
    }
    return RP_OK;
}

static rp_status check_plan(const rp__store_plan *p, rp_error *err)
{
    size_t bytes;
    if (!p->path || !p->path[0] || p->count < 0 || p->max_workers < 0 || (unsigned) p->mode > RP_STORE_RESUME)
        return rp__fail(err, RP_EINVAL, "a run file needs a path and a valid number of tasks");
    if (p->command)
        return RP_OK;
    if (__builtin_mul_overflow((size_t) p->count, p->in_size, &bytes) || bytes > INT64_MAX / 2 ||
        __builtin_mul_overflow((size_t) p->count, p->out_size, &bytes) || bytes > INT64_MAX / 2)
        return rp__fail(err, RP_ETOOBIG, "%lld tasks of this size do not fit into a file",
                        (long long) p->count);
    if (p->in_size > 0 && !p->in && p->count > 0)
        return rp__fail(err, RP_EINVAL, "inputs have a size, but there are none");
    rp_status st = check_fields(p->in_fields, p->in_field_count, p->in_size, "inputs", err);
    return st ? st : check_fields(p->out_fields, p->out_field_count, p->out_size, "results", err);
}

static void add(XXH3_state_t *h, const void *data, size_t len)
{
    const uint64_t n = len; /* each part behind its length, so that no two lists of parts look alike */
    XXH3_128bits_update(h, &n, sizeof n);
    if (len > 0)
        XXH3_128bits_update(h, data, len);
}

static void add_number(XXH3_state_t *h, uint64_t v)
{
    add(h, &v, sizeof v);
}

static void add_fields(XXH3_state_t *h, const rp_field *fields, size_t count)
{
    add_number(h, fields ? count : 0);
    for (size_t i = 0; fields && i < count; i++) {
        add(h, fields[i].name, strlen(fields[i].name));
        add_number(h, (uint64_t) fields[i].type);
        add_number(h, fields[i].offset);
        add_number(h, fields[i].count);
    }
}

static rp_status work_key(const rp__store_plan *p, char out[33], rp_error *err)
{
    XXH3_state_t *h = XXH3_createState();
    if (!h || XXH3_128bits_reset(h) != XXH_OK) {
        XXH3_freeState(h);
        return rp__fail(err, RP_ENOMEM, "no memory for the run file");
    }
    add_number(h, p->command ? 1 : 2);
    add_number(h, (uint64_t) p->count);
    for (int64_t k = 0; p->command && k < p->count; k++) {
        rp__bytes line = p->command(p->command_ctx, k);
        add(h, line.data, line.len);
    }
    if (!p->command) {
        add(h, p->body ? p->body : "", p->body ? strlen(p->body) : 0);
        add_number(h, (uint64_t) p->first);
        add_number(h, p->in_size);
        add_number(h, p->out_size);
        add_fields(h, p->in_fields, p->in_field_count);
        add_fields(h, p->out_fields, p->out_field_count);
        add(h, p->in, p->in ? p->in_size * (size_t) p->count : 0);
    }
    XXH128_hash_t key = XXH3_128bits_digest(h);
    XXH3_freeState(h);
    (void) snprintf(out, 33, "%016llx%016llx", (unsigned long long) key.high64,
                    (unsigned long long) key.low64); /* fits */
    return RP_OK;
}

static void new_run_id(char out[33])
{
    uint64_t r[2] = {0};
    if (getrandom(r, sizeof r, GRND_NONBLOCK) != (ssize_t) sizeof r) { /* early at boot */
        r[0] = (uint64_t) rp__clock_mono();
        r[1] = (uint64_t) (rp__clock_wall() * 1e6) ^ (uint64_t) getpid() << 40;
    }
    (void) snprintf(out, 33, "%016llx%016llx", (unsigned long long) r[0], (unsigned long long) r[1]);
}

rp_status rp__identity_of(const rp__store_plan *plan, rp__meta *out, rp_error *err)
{
    rp__meta m = {.schema = RP__SCHEMA_VERSION, .is_commands = plan->command != NULL, .generation = 1};
    rp_status st = check_plan(plan, err);
    if (st == RP_OK)
        st = work_key(plan, m.work_key, err);
    if (st != RP_OK)
        return st;
    m.count = plan->count;
    m.created = rp__clock_wall();
    if (!m.is_commands) {
        m.first = plan->first;
        m.in_size = (int64_t) (plan->in ? plan->in_size : 0);
        m.out_size = (int64_t) plan->out_size;
    }
    new_run_id(m.run_id);
    (void) snprintf(m.version, sizeof m.version, "%s", RP_BUILD_VERSION); /* here and below: cut is fine */
    (void) snprintf(m.title, sizeof m.title, "%s", plan->title ? plan->title : "");
    (void) snprintf(m.program, sizeof m.program, "%s", plan->program ? plan->program : "");
    (void) snprintf(m.body, sizeof m.body, "%s", plan->body && !m.is_commands ? plan->body : "");
    *out = m;
    return RP_OK;
}

static rp_status other_work(const rp__store_plan *plan, rp_error *err, const char *what)
{
    return rp__fail(err, RP_EINVAL,
                    "'%s' records other work: %s; choose another file, or --force to replace it", PATH(plan),
                    what);
}

/* Finds the first command that differs. */
static rp_status commands_differ(const rp__h5file *f, const rp__store_plan *plan, rp_error *err)
{
    char what[300] = "its commands differ";
    hid_t type = rp__h5_string_type(), dset = H5Dopen2(f->id, "commands", H5P_DEFAULT);
    bool same = type >= 0 && dset >= 0 && rp__h5_rows(dset) == plan->count;
    for (int64_t k = 0; same && k < plan->count; k++) {
        char *there = NULL;
        rp__bytes here = plan->command(plan->command_ctx, k);
        same = rp__h5_read_rows(dset, type, k, 1, &there) && there;
        if (same && (strlen(there) != here.len || memcmp(there, here.data, here.len) != 0)) {
            same = false;
            (void) snprintf(what, sizeof what, "command %lld is '%.100s' there, '%.*s' here", (long long) k,
                            there, (int) (here.len < 100 ? here.len : 100),
                            here.len ? (const char *) here.data : "");
        }
        H5free_memory(there);
    }
    rp__h5_drop(dset);
    rp__h5_drop(type);
    return other_work(plan, err, what);
}

static bool has_type(const rp__h5file *f, const char *name, const rp_field *fields, size_t count, size_t size)
{
    hid_t dset = H5Dopen2(f->id, name, H5P_DEFAULT), there = dset < 0 ? -1 : H5Dget_type(dset);
    hid_t here = fields ? rp__type_fields(fields, count, size) : H5Tcopy(H5T_NATIVE_UINT8);
    bool same = there >= 0 && here >= 0 && H5Tequal(there, here) > 0;
    rp__h5_drop(here);
    rp__h5_drop(there);
    rp__h5_drop(dset);
    return same;
}

static rp_status numbers_differ(const rp__store_plan *plan, rp_error *err, const char *what, int64_t there,
                                int64_t here)
{
    char text[120];
    (void) snprintf(text, sizeof text, "%s %lld there, %lld here", what, (long long) there, (long long) here);
    return other_work(plan, err, text);
}

rp_status rp__identity_check(const rp__h5file *f, const rp__meta *file, const rp__store_plan *plan,
                             const rp__meta *mine, rp_error *err)
{
    if (strcmp(file->work_key, mine->work_key) == 0)
        return RP_OK;
    if (file->is_commands != mine->is_commands)
        return other_work(plan, err,
                          file->is_commands ? "it holds commands, this is a run of a function"
                                            : "it holds results of a function, this is a run of commands");
    if (file->count != mine->count)
        return numbers_differ(plan, err, "the number of tasks is", file->count, mine->count);
    if (file->is_commands)
        return commands_differ(f, plan, err);
    if (strcmp(file->body, mine->body) != 0) {
        char text[600];
        (void) snprintf(text, sizeof text, "the function is '%.200s' there, '%.200s' here", file->body,
                        mine->body); /* fits */
        return other_work(plan, err, text);
    }
    if (file->first != mine->first)
        return numbers_differ(plan, err, "the first task is", file->first, mine->first);
    if (file->in_size != mine->in_size)
        return numbers_differ(plan, err, "bytes of an input are", file->in_size, mine->in_size);
    if (file->out_size != mine->out_size)
        return numbers_differ(plan, err, "bytes of a result are", file->out_size, mine->out_size);
    if (mine->out_size && !has_type(f, "results", plan->out_fields, plan->out_field_count, plan->out_size))
        return other_work(plan, err, "the fields of its results differ");
    if (mine->in_size && !has_type(f, "inputs", plan->in_fields, plan->in_field_count, plan->in_size))
        return other_work(plan, err, "the fields of its inputs differ");
    return other_work(plan, err, "its inputs differ");
}
