/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of states and the HDF5 types of all rows. */
#include "store/schema.h"

#include <string.h>

static const char *const task_state_names[] = {
    [RP__TASK_PENDING] = "pending", [RP__TASK_RUNNING] = "running", [RP__TASK_SUCCEEDED] = "succeeded",
    [RP__TASK_FAILED] = "failed",   [RP__TASK_LOST] = "lost",       [RP__TASK_CANCELLED] = "cancelled",
};
static const char *const worker_state_names[] = {
    [RP__WORKER_NONE] = "none",
    [RP__WORKER_ALIVE] = "alive",
    [RP__WORKER_LOST] = "lost",
    [RP__WORKER_LEFT] = "left",
};
static const char *const run_state_names[] = {
    [RP__RUN_RUNNING] = "running",
    [RP__RUN_COMPLETE] = "complete",
    [RP__RUN_STOPPED] = "stopped",
};

const char *rp__task_state_name(rp__task_state s)
{
    return (unsigned) s < RP__TASK_STATE_COUNT ? task_state_names[s] : "unknown";
}

const char *rp__worker_state_name(rp__worker_state s)
{
    return (unsigned) s < RP__WORKER_STATE_COUNT ? worker_state_names[s] : "unknown";
}

_Static_assert(sizeof(rp__run_row) == 152 && sizeof(rp__worker_row) == 88 && sizeof(rp__task_row) == 96 &&
                   sizeof(rp__range_row) == 48,
               "rows have no gaps without a name");

rp__task_row rp__task_row_pending(void)
{
    return (rp__task_row){.exit_status = -1, .worker = -1, .stdout_offset = -1, .stderr_offset = -1};
}

typedef enum member_kind { END, U8_TASK, U8_WORKER, U8_RUN, I32, I64, F64, HOST, TEXT } member_kind;

typedef struct member {
    const char *name;
    member_kind kind;
    size_t offset;
} member;

static hid_t enum_type(const char *const *names, uint8_t count)
{
    hid_t type = H5Tenum_create(H5T_NATIVE_UINT8);
    for (uint8_t v = 0; type >= 0 && v < count; v++)
        if (H5Tenum_insert(type, names[v], &v) < 0) {
            rp__h5_drop(type);
            type = -1;
        }
    return type;
}

static hid_t host_type(void)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0 && H5Tset_size(type, 64) < 0) {
        rp__h5_drop(type);
        type = -1;
    }
    return type;
}

static hid_t member_type(member_kind kind)
{
    switch (kind) {
    case U8_TASK:
        return enum_type(task_state_names, RP__TASK_STATE_COUNT);
    case U8_WORKER:
        return enum_type(worker_state_names, RP__WORKER_STATE_COUNT);
    case U8_RUN:
        return enum_type(run_state_names, RP__RUN_STATE_COUNT);
    case I32:
        return H5Tcopy(H5T_NATIVE_INT32);
    case I64:
        return H5Tcopy(H5T_NATIVE_INT64);
    case F64:
        return H5Tcopy(H5T_NATIVE_DOUBLE);
    case HOST:
        return host_type();
    case TEXT:
        return rp__h5_string_type();
    case END:
        break;
    }
    return -1;
}

static hid_t compound(size_t size, const member *m)
{
    hid_t type = H5Tcreate(H5T_COMPOUND, size);
    for (; type >= 0 && m->kind != END; m++) {
        hid_t part = member_type(m->kind);
        if (part < 0 || H5Tinsert(type, m->name, m->offset, part) < 0) {
            rp__h5_drop(type);
            type = -1;
        }
        rp__h5_drop(part);
    }
    return type;
}

#define AT(row, name, kind)                                                                                  \
    {                                                                                                        \
#name, kind, offsetof(row, name)                                                                     \
    }

hid_t rp__type_run(void)
{
    static const member m[] = {AT(rp__run_row, state, U8_RUN),     AT(rp__run_row, exit_code, I32),
                               AT(rp__run_row, tasks, I64),        AT(rp__run_row, succeeded, I64),
                               AT(rp__run_row, failed, I64),       AT(rp__run_row, lost, I64),
                               AT(rp__run_row, cancelled, I64),    AT(rp__run_row, running, I64),
                               AT(rp__run_row, master_host, HOST), AT(rp__run_row, master_pid, I64),
                               AT(rp__run_row, created, F64),      AT(rp__run_row, updated, F64),
                               AT(rp__run_row, ended, F64),        {0}};
    return compound(sizeof(rp__run_row), m);
}

hid_t rp__type_worker(void)
{
    static const member m[] = {AT(rp__worker_row, rank, I32),
                               AT(rp__worker_row, host, HOST),
                               AT(rp__worker_row, pid, I64),
                               AT(rp__worker_row, state, U8_WORKER),
                               {0}};
    return compound(sizeof(rp__worker_row), m);
}

hid_t rp__type_task(void)
{
    static const member m[] = {AT(rp__task_row, state, U8_TASK),
                               AT(rp__task_row, attempts, I32),
                               AT(rp__task_row, exit_status, I32),
                               AT(rp__task_row, signal, I32),
                               AT(rp__task_row, worker, I32),
                               AT(rp__task_row, started, F64),
                               AT(rp__task_row, elapsed, F64),
                               AT(rp__task_row, user_time, F64),
                               AT(rp__task_row, system_time, F64),
                               AT(rp__task_row, peak_memory, I64),
                               AT(rp__task_row, stdout_offset, I64),
                               AT(rp__task_row, stdout_bytes, I64),
                               AT(rp__task_row, stderr_offset, I64),
                               AT(rp__task_row, stderr_bytes, I64),
                               {0}};
    return compound(sizeof(rp__task_row), m);
}

hid_t rp__type_range(void)
{
    static const member m[] = {AT(rp__range_row, first, I64),     AT(rp__range_row, count, I64),
                               AT(rp__range_row, state, U8_TASK), AT(rp__range_row, attempts, I32),
                               AT(rp__range_row, worker, I32),    AT(rp__range_row, started, F64),
                               AT(rp__range_row, elapsed, F64),   {0}};
    return compound(sizeof(rp__range_row), m);
}

hid_t rp__type_error(void)
{
    static const member m[] = {AT(rp__error_row, index, I64),     AT(rp__error_row, count, I64),
                               AT(rp__error_row, state, U8_TASK), AT(rp__error_row, code, I32),
                               AT(rp__error_row, text, TEXT),     {0}};
    return compound(sizeof(rp__error_row), m);
}

hid_t rp__type_event(void)
{
    static const member m[] = {AT(rp__event_row, time, F64),
                               AT(rp__event_row, kind, TEXT),
                               AT(rp__event_row, rank, I32),
                               AT(rp__event_row, text, TEXT),
                               {0}};
    return compound(sizeof(rp__event_row), m);
}
