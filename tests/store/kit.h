/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of the run file share: a scratch folder, runs whose every byte follows from the task's
 * index, and a look at files through h5py (check_run.py knows the same rules).
 */
#ifndef STORE_KIT_H
#define STORE_KIT_H

#include "rpt.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- scratch ---- */

static char kit_folder[512], kit_name[600];

static inline void kit_remove(const char *path)
{
    char line[1200];
    (void) snprintf(line, sizeof line, "rm -rf '%s'", path);
    if (system(line) != 0)
        printf("    cannot remove %s\n", path);
}

static char *kit_kept[64];
static size_t kit_kept_count;

static inline void kit_leave(void)
{
    kit_remove(kit_folder);
    while (kit_kept_count > 0)
        free(kit_kept[--kit_kept_count]);
}

static inline void kit_enter(void)
{
    const char *base = getenv("TMPDIR");
    char here[300];
    if (!base && !(base = getcwd(here, sizeof here)))
        base = ".";
    (void) snprintf(kit_folder, sizeof kit_folder, "%s/store-test-XXXXXX", base);
    if (!mkdtemp(kit_folder)) {
        printf("cannot make a folder in %s\n", base);
        exit(1);
    }
}

/* A path in the scratch folder; lasts until the next call. */
static inline const char *kit_path(const char *name)
{
    (void) snprintf(kit_name, sizeof kit_name, "%s/%s", kit_folder, name);
    return kit_name;
}

/* The same, until the end of the program. */
static inline char *kit_keep(const char *name)
{
    return kit_kept[kit_kept_count++ % RPT_COUNT(kit_kept)] = strdup(kit_path(name));
}

static inline int kit_exists(const char *name)
{
    return access(kit_path(name), F_OK) == 0;
}

/* Files in the scratch folder but the given one. */
static inline int kit_others(const char *folder, const char *but)
{
    char line[1200];
    (void) snprintf(line, sizeof line, "test -z \"$(ls -A '%s' | grep -vxF -e '%s')\"", folder, but);
    return system(line) != 0;
}

static inline int64_t kit_size(const char *name)
{
    struct stat st;
    return stat(kit_path(name), &st) == 0 ? st.st_size : -1;
}

/* Replaces `len` bytes at `at` by 0xA5; at < 0 counts from the end. */
static inline void kit_spoil(const char *name, int64_t at, size_t len)
{
    int fd = open(kit_path(name), O_RDWR | O_CLOEXEC);
    struct stat st;
    RPT_OK(fd >= 0 && fstat(fd, &st) == 0);
    const uint8_t bad = 0xA5;
    for (size_t i = 0; i < len; i++)
        RPT_EQ_I64(pwrite(fd, &bad, 1, (at < 0 ? st.st_size + at : at) + (int64_t) i), 1);
    close(fd);
}

static inline void kit_write(const char *name, const void *data, size_t len)
{
    int fd = open(kit_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    RPT_OK(fd >= 0 && rp__write_all(fd, data, len));
    close(fd);
}

/* ---- commands runs ---- */

static inline size_t kit_out_len(int64_t k)
{
    return k == 3 ? 5u << 20 : (size_t) (k * 37 % 500); /* task 3: 5 MB; task 0: nothing */
}
static inline size_t kit_err_len(int64_t k)
{
    return (size_t) (k * 11 % 50);
}
static inline int kit_exit(int64_t k)
{
    return k % 7 == 3 ? 2 : 0;
}
static inline int kit_signal(int64_t k)
{
    return k % 13 == 5 ? 9 : 0;
}
static inline uint8_t kit_byte(int64_t k, size_t i, int salt)
{
    return (uint8_t) ((uint64_t) k * 31 + i * 7 + (uint64_t) salt);
}

static inline rp__bytes kit_command(void *ctx, int64_t k)
{
    static char line[2][64];
    static int which;
    char *s = line[which ^= 1];
    (void) snprintf(s, 64, "run%s %lld \xc3\xa9\xff", ctx ? (const char *) ctx : "", (long long) k);
    return (rp__bytes){s, strlen(s)};
}

static inline rp__store_plan kit_commands(const char *path, int64_t count, rp_store_mode mode)
{
    return (rp__store_plan){.path = path,
                            .mode = mode,
                            .title = "a title",
                            .program = "rankpool run tasks.txt",
                            .count = count,
                            .max_workers = 3,
                            .command = kit_command};
}

static inline void *kit_bytes(int64_t k, size_t len, int salt)
{
    uint8_t *p = malloc(len + 1);
    for (size_t i = 0; i < len; i++)
        p[i] = kit_byte(k, i, salt);
    return p;
}

static inline rp_status kit_do_command(rp__store *s, int64_t k, rp_error *err)
{
    void *out = kit_bytes(k, kit_out_len(k), 0), *e = kit_bytes(k, kit_err_len(k), 1);
    const rp__command_result r = {.exit_status = kit_signal(k) ? -1 : kit_exit(k),
                                  .signal = kit_signal(k),
                                  .started = 1e9 + (double) k,
                                  .wall_s = 0.25,
                                  .user_s = 0.125,
                                  .system_s = 0.0625,
                                  .peak_rss_bytes = 4096 * (k + 1),
                                  .out = {out, kit_out_len(k)},
                                  .err = {e, kit_err_len(k)}};
    const rp__store_where w = {.worker = (int) (k % 2) + 1, .attempt = 1 + (k % 5 == 0)};
    rp_status st = rp__store_command_done(s, k, &r, &w, err);
    free(out);
    free(e);
    return st;
}

static inline rp__task_state kit_command_state(int64_t k)
{
    return kit_signal(k) || kit_exit(k) ? RP__TASK_FAILED : RP__TASK_SUCCEEDED;
}

/* Reads task k of a commands run and compares everything; done: whether it was recorded. */
static inline void kit_check_command(rp__run *r, int64_t k, bool done)
{
    rp__run_task t = {0};
    rp_error err = {0};
    RPT_STATUS(rp__run_task_get(r, k, &t, &err), RP_OK);
    if (err.code)
        printf("    %s\n", err.text);
    rp__bytes line = kit_command(NULL, k);
    RPT_EQ_I64(t.command.len, line.len);
    if (t.command.len == line.len)
        RPT_EQ_MEM(t.command.data, line.data, line.len);
    RPT_EQ_I64(t.state, done ? kit_command_state(k) : RP__TASK_PENDING);
    if (done) {
        RPT_EQ_I64(t.signal, kit_signal(k));
        RPT_EQ_I64(t.exit_status, kit_signal(k) ? -1 : kit_exit(k));
        RPT_EQ_I64(t.worker, k % 2 + 1);
        RPT_EQ_I64(t.attempts, 1 + (k % 5 == 0));
        RPT_EQ_F64(t.started, 1e9 + (double) k, 1e-6);
        RPT_EQ_F64(t.wall_s + t.user_s + t.system_s, 0.4375, 1e-9);
        RPT_EQ_I64(t.peak_rss_bytes, 4096 * (k + 1));
        RPT_EQ_I64(t.out.len, kit_out_len(k));
        RPT_EQ_I64(t.err.len, kit_err_len(k));
        for (size_t i = 0; i < t.out.len && !rpt_failures; i++)
            RPT_EQ_I64(t.out.data[i], kit_byte(k, i, 0));
        for (size_t i = 0; i < t.err.len && !rpt_failures; i++)
            RPT_EQ_I64(t.err.data[i], kit_byte(k, i, 1));
    }
    rp__run_task_done(&t);
}

/* ---- function runs ---- */

typedef struct kit_point {
    double temperature;
    int64_t seed;
} kit_point;

typedef struct kit_reading {
    double energy;
    int32_t spin[3];
    uint8_t flag;
} kit_reading;

static const rp_field kit_point_fields[] = {RP_FIELD(kit_point, temperature, RP_F64, "J/k"),
                                            RP_FIELD(kit_point, seed, RP_I64, "")};
static const rp_field kit_reading_fields[] = {RP_FIELD(kit_reading, energy, RP_F64, "J"),
                                              RP_FIELD_ARRAY(kit_reading, spin, RP_I32, 3, NULL),
                                              RP_FIELD(kit_reading, flag, RP_U8, NULL)};

static inline kit_reading kit_result(int64_t k)
{
    kit_reading r;
    memset(&r, 0, sizeof r);
    r.energy = (double) k * 0.5;
    for (int i = 0; i < 3; i++)
        r.spin[i] = (int32_t) k + i;
    r.flag = (uint8_t) (k & 1);
    return r;
}

static inline kit_point *kit_inputs(int64_t count)
{
    kit_point *in = calloc((size_t) count + 1, sizeof *in);
    for (int64_t k = 0; k < count; k++)
        in[k] = (kit_point){(double) k / 8, k * 3};
    return in;
}

static inline rp__store_plan kit_function(const char *path, int64_t count, rp_store_mode mode,
                                          const kit_point *in)
{
    return (rp__store_plan){.path = path,
                            .mode = mode,
                            .program = "./sweep",
                            .count = count,
                            .max_workers = 4,
                            .body = "simulate",
                            .first = 1000,
                            .in = in,
                            .in_size = in ? sizeof *in : 0,
                            .out_size = sizeof(kit_reading),
                            .in_fields = in ? kit_point_fields : NULL,
                            .in_field_count = in ? 2 : 0,
                            .out_fields = kit_reading_fields,
                            .out_field_count = 3};
}

static inline rp_status kit_do_range(rp__store *s, int64_t first, int64_t count, rp_error *err)
{
    kit_reading *r = calloc((size_t) count, sizeof *r);
    for (int64_t k = 0; k < count; k++)
        r[k] = kit_result(first + k);
    const rp__store_where w = {.worker = 2, .attempt = 1, .started = 1e9, .elapsed = 0.5};
    rp_status st = rp__store_range_done(s, first, count, r, &w, err);
    free(r);
    return st;
}

/* ---- opening, with the text when it fails ---- */

static inline rp__store *kit_begin(const rp__store_plan *plan)
{
    rp__store *s = NULL;
    rp_error err = {0};
    RPT_STATUS(rp__store_begin(&s, plan, &err), RP_OK);
    if (!s)
        printf("    %s\n", err.text);
    return s;
}

static inline void kit_end(rp__store **s, int exit_code)
{
    rp_error err = {0};
    RPT_STATUS(rp__store_end(s, exit_code, &err), RP_OK);
    RPT_OK(*s == NULL);
    if (err.code)
        printf("    %s\n", err.text);
}

static inline rp__run *kit_open(const char *path)
{
    rp__run *r = NULL;
    rp_error err = {0};
    RPT_STATUS(rp__run_open(&r, path, &err), RP_OK);
    if (!r)
        printf("    %s\n", err.text);
    return r;
}

/* Expects rp__store_begin to refuse with this status and part of a text. */
static inline void kit_refused(const rp__store_plan *plan, rp_status want, const char *part)
{
    rp__store *s = NULL;
    rp_error err = {0};
    RPT_STATUS(rp__store_begin(&s, plan, &err), want);
    RPT_OK(s == NULL);
    RPT_STATUS(err.code, want);
    RPT_HAS_STR(err.text, part);
    if (s)
        rp__store_abandon(&s);
}

static inline void kit_unreadable(const char *path, const char *part)
{
    rp__run *r = NULL;
    rp_error err = {0};
    RPT_STATUS(rp__run_open(&r, path, &err), RP_ESTORE);
    RPT_OK(r == NULL);
    RPT_HAS_STR(err.text, part);
    rp__run_close(&r);
}

/* ---- h5py ---- */

/* A Python that has h5py, or NULL. */
static inline const char *kit_python(void)
{
    static const char *found;
    static int looked;
    const char *candidate[] = {getenv("RANKPOOL_PYTHON"), "/usr/bin/python3", "python3"};
    for (size_t i = 0; !looked && !found && i < RPT_COUNT(candidate); i++) {
        char line[300];
        if (!candidate[i])
            continue;
        (void) snprintf(line, sizeof line, "'%s' -c 'import h5py' 2>/dev/null", candidate[i]);
        if (system(line) == 0)
            found = candidate[i];
    }
    looked = 1;
    return found;
}

/* Lets h5py do something with the file f. */
static inline bool kit_python_does(const char *path, const char *mode, const char *code)
{
    char line[1600];
    (void) snprintf(
        line, sizeof line,
        "env -u HDF5_USE_FILE_LOCKING -u LD_PRELOAD '%s' -c \"import h5py; f = h5py.File('%s', '%s'); %s\"",
        kit_python(), path, mode, code);
    return system(line) == 0;
}

/* Runs check_run.py with arguments; true when it agrees, or when there is no h5py. */
static inline bool kit_h5py(const char *what, const char *path, const char *more)
{
    char line[6000];
    if (!kit_python()) {
        printf("    no Python with h5py: not checked\n");
        return true;
    }
    (void) snprintf(line, sizeof line,
                    "env -u HDF5_USE_FILE_LOCKING -u LD_PRELOAD '%s' '%s/check_run.py' %s '%s' %s",
                    kit_python(), STORE_TEST_DIR, what, path, more);
    return system(line) == 0;
}

#endif
