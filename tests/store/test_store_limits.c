/* SPDX-License-Identifier: BSD-3-Clause */
/* Full disks, folders that cannot be written, huge runs, no memory. */
#include "kit.h"
#include "store/spans.h"
#include "store/vfd.h"

#include <sys/resource.h>

/* Runs fn in a child with mounts of its own; false when that is not permitted. */
static bool in_namespace(void (*fn)(void))
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "", MS_REC | MS_PRIVATE, "") != 0)
            _exit(77);
        rpt_failures = 0;
        fn();
        fflush(stdout);
        _exit(rpt_failures ? 1 : 0);
    }
    int status = 1;
    RPT_OK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    int code = WEXITSTATUS(status);
    RPT_OK(code == 0 || code == 77);
    return code != 77;
}

static void mount_disk(const char *size)
{
    char folder[600], options[60];
    (void) snprintf(folder, sizeof folder, "%s", kit_path("disk"));
    (void) snprintf(options, sizeof options, "size=%s", size);
    (void) mkdir(folder, 0777);
    RPT_EQ_I64(mount("none", folder, "tmpfs", 0, options), 0);
}

/* Records until the disk is full; what had been recorded stays. */
static void fill_disk(void)
{
    mount_disk("12m");
    char *path = kit_keep("disk/full.h5");
    rp__store_plan plan = kit_commands(path, 50, RP_STORE_CREATE);
    rp__store *s = kit_begin(&plan);
    rp_error err = {0}, again = {0};
    int64_t n = 0;
    static const char block[1 << 20];
    const rp__command_result big = {.out = {block, sizeof block}};
    const rp__store_where w = {.worker = 1, .attempt = 1};
    for (int64_t k = 20; k < 25; k++)
        RPT_STATUS(kit_do_command(s, k, &err), RP_OK);
    while (rp__store_command_done(s, 30 + n, &big, &w, &err) == RP_OK)
        n++;
    RPT_OK(n > 5 && n < 13);
    RPT_STATUS(err.code, RP_ESTORE);
    RPT_HAS_STR(err.text, "full.h5.journal");
    RPT_HAS_STR(err.text, "No space left");
    RPT_HAS_STR(err.text, "free some space");
    RPT_STATUS(kit_do_command(s, 1, &again), RP_ESTORE);
    RPT_EQ_STR(again.text, err.text);
    rp__run *r = kit_open(path);
    for (int64_t k = 20; k < 25; k++)
        kit_check_command(r, k, true);
    rp__run_close(&r);
    RPT_STATUS(rp__store_end(&s, 0, &again), RP_ESTORE);
    RPT_EQ_STR(again.text, err.text);
    RPT_OK(kit_exists("disk/full.h5.journal") && !kit_exists("disk/full.h5.tmp"));

    (void) mount("none", kit_path("disk"), "", MS_REMOUNT, "size=60m"); /* space has been freed */
    plan.mode = RP_STORE_RESUME;
    s = kit_begin(&plan);
    kit_end(&s, 0);
    r = kit_open(path);
    for (int64_t k = 20; k < 25; k++)
        kit_check_command(r, k, true);
    rp__run_summary sum;
    RPT_STATUS(rp__run_summary_get(r, &sum, &err), RP_OK);
    RPT_EQ_I64(sum.counts.succeeded + sum.counts.failed, 5 + n);
    rp__run_summary_done(&sum);
    rp__run_close(&r);
}

/* No space to create, to replace, for results, for the final file. */
static void other_full_disks(void)
{
    mount_disk("300k");
    char *path = kit_keep("disk/full.h5"), *folder = kit_keep("disk");
    rp_error err = {0};
    rp__store_plan plan = kit_commands(path, 100000, RP_STORE_CREATE);
    kit_refused(&plan, RP_ESTORE, "No space left");
    RPT_OK(!kit_others(folder, "-"));

    plan = kit_function(path, 100, RP_STORE_CREATE, NULL);
    rp__store *s = kit_begin(&plan);
    RPT_STATUS(kit_do_range(s, 0, 10, &err), RP_OK);
    kit_end(&s, 0);
    plan = kit_commands(path, 100000, RP_STORE_REPLACE);
    kit_refused(&plan, RP_ESTORE, "No space left"); /* the old one survives */
    RPT_OK(!kit_others(folder, "full.h5"));
    RPT_OK(kit_h5py("function", path, "0-9 finished"));

    plan = kit_function(path, 1000000, RP_STORE_REPLACE, NULL); /* sparse: it fits until it is used */
    s = kit_begin(&plan);
    RPT_STATUS(kit_do_range(s, 0, 100, &err), RP_OK);
    int64_t n = 100;
    while (kit_do_range(s, n, 1000, &err) == RP_OK && n < 900000)
        n += 1000;
    RPT_HAS_STR(err.text, "No space left");
    RPT_STATUS(rp__store_end(&s, 0, &err), RP_ESTORE);
    (void) mount("none", folder, "", MS_REMOUNT, "size=301k"); /* still too little for a second copy */
    plan.mode = RP_STORE_RESUME;
    kit_refused(&plan, RP_ESTORE, "No space left");
    (void) mount("none", folder, "", MS_REMOUNT, "size=2m");
    s = kit_begin(&plan);
    kit_end(&s, 0);
    char more[60];
    (void) snprintf(more, sizeof more, "0-%lld finished", (long long) n - 1);
    RPT_OK(kit_h5py("function", path, more));

    plan = kit_commands(path, 20, RP_STORE_REPLACE); /* full only at the end */
    s = kit_begin(&plan);
    RPT_STATUS(kit_do_command(s, 5, &err), RP_OK);
    char *ballast = kit_keep("disk/ballast");
    int fd = open(ballast, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    static const char block[4096];
    while (rp__write_all(fd, block, sizeof block))
        ;
    close(fd);
    RPT_STATUS(rp__store_end(&s, 0, &err), RP_ESTORE);
    RPT_HAS_STR(err.text, "No space left");
    RPT_OK(!kit_exists("disk/full.h5.tmp") && kit_exists("disk/full.h5.journal"));
    unlink(ballast);
    plan.mode = RP_STORE_RESUME;
    s = kit_begin(&plan);
    kit_end(&s, 0);
    RPT_OK(kit_h5py("commands", path, "5 finished"));
}

static void read_only_folder(void)
{
    char *folder = kit_keep("ro"), *path = kit_keep("ro/x.h5");
    (void) mkdir(folder, 0777);
    rp__store_plan plan = kit_commands(path, 5, RP_STORE_CREATE);
    rp__store *s = kit_begin(&plan);
    kit_end(&s, 0);
    RPT_EQ_I64(mount(folder, folder, "", MS_BIND, ""), 0);
    RPT_EQ_I64(mount("none", folder, "", MS_BIND | MS_REMOUNT | MS_RDONLY, ""), 0);
    plan.mode = RP_STORE_REPLACE;
    kit_refused(&plan, RP_ESTORE, "Read-only file system; choose a place that can be written");
    plan.mode = RP_STORE_RESUME;
    kit_refused(&plan, RP_ESTORE, "Read-only file system");
    rp__run *r = kit_open(path); /* reading is fine */
    rp__run_close(&r);
    plan = kit_commands(kit_path("ro/new.h5"), 5, RP_STORE_CREATE);
    kit_refused(&plan, RP_ESTORE, "Read-only file system");
}

static void a_disk_fills_up_in_the_middle(void)
{
    if (!in_namespace(fill_disk))
        RPT_SKIP("no permission to mount");
}

static void a_disk_is_full_at_begin_and_end(void)
{
    if (!in_namespace(other_full_disks))
        RPT_SKIP("no permission to mount");
}

static void a_folder_is_read_only(void)
{
    if (!in_namespace(read_only_folder))
        RPT_SKIP("no permission to mount");
}

static void a_folder_is_missing(void)
{
    rp__store_plan plan = kit_commands(kit_path("no/such/x.h5"), 5, RP_STORE_CREATE);
    kit_refused(&plan, RP_ESTORE, "its folder does not exist");
    kit_write("plain", "x", 1);
    plan = kit_commands(kit_path("plain/x.h5"), 5, RP_STORE_RESUME);
    kit_refused(&plan, RP_ESTORE, "not a folder");
}

/* HDF5 must come out of every failed write in good order, with nothing left open. */
static void each_write_of_hdf5_may_fail(void)
{
    char *file = kit_keep("v/x.h5"), *folder = kit_keep("v");
    (void) mkdir(folder, 0777);
    rp_error err = {0};
    for (int kind = 0; kind < 2; kind++)
        for (int64_t n = 0;; n++) {
            rp__store_plan plan = kind ? kit_function(file, 100, RP_STORE_CREATE, NULL)
                                       : kit_commands(file, 30, RP_STORE_CREATE);
            rp__store *s = NULL;
            rp__vfd_fail_after(n);
            rp_status st = rp__store_begin(&s, &plan, &err);
            if (st == RP_OK) { /* the writes that are left fail at the end */
                RPT_STATUS(kind ? kit_do_range(s, 0, 10, &err) : kit_do_command(s, 3, &err), RP_OK);
                if (!kind)
                    RPT_STATUS(kit_do_command(s, 4, &err), RP_OK);
                RPT_STATUS(rp__store_event(s, "note", 1, "text", &err), RP_OK);
                st = rp__store_end(&s, 0, &err);
                if (st != RP_OK) {
                    RPT_OK(kit_exists("v/x.h5.journal") && !kit_exists("v/x.h5.tmp"));
                    rp__vfd_fail_after(-1);
                    plan.mode = RP_STORE_RESUME;
                    s = kit_begin(&plan);
                    rp__store_abandon(&s);
                }
            } else {
                RPT_OK(!kit_others(folder, "-"));
            }
            RPT_EQ_I64(H5Fget_obj_count((hid_t) H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
            unlink(file);
            unlink(kit_path("v/x.h5.journal"));
            if (st == RP_OK) {
                RPT_OK(n > 10);
                break;
            }
            RPT_STATUS(st, RP_ESTORE);
            RPT_HAS_STR(err.text, "No space left");
            if (rpt_failures || n > 3000) {
                printf("    write %lld\n", (long long) n);
                break;
            }
        }
    rp__vfd_fail_after(-1);
}

static void allocations_may_fail(void)
{
    char *path = kit_keep("a.h5");
    rp_error err = {0};
    int64_t live = rp__mem_live();
    for (int kind = 0; kind < 2; kind++)
        for (int64_t n = 0; n < 400 && !rpt_failures; n++) {
            rp__store_plan plan = kind ? kit_function(path, 20, RP_STORE_REPLACE, NULL)
                                       : kit_commands(path, 20, RP_STORE_REPLACE);
            rp__store *s = kit_begin(&plan);
            const rp__store_where w = {.worker = 1, .attempt = 1};
            RPT_STATUS(kind ? kit_do_range(s, 0, 5, &err) : kit_do_command(s, 7, &err), RP_OK);
            RPT_STATUS(rp__store_task_failed(s, 9, 1, "no", &w, &err), RP_OK);
            RPT_STATUS(rp__store_event(s, "note", 1, "text", &err), RP_OK);
            rp__store_abandon(&s);
            plan.mode = RP_STORE_RESUME;
            rp__mem_fail_after(n);
            rp_status st = rp__store_begin(&s, &plan, &err);
            if (st == RP_OK)
                st = rp__store_settled(s, 10, 3, RP__TASK_LOST, "lost", &err);
            rp__run *r = NULL;
            rp_status seen = st ? st : rp__run_open(&r, path, &err);
            rp__run_summary sum = {0};
            if (seen == RP_OK)
                seen = rp__run_summary_get(r, &sum, &err);
            rp__run_summary_done(&sum);
            rp__run_task t = {0};
            if (seen == RP_OK)
                seen = rp__run_task_get(r, 9, &t, &err);
            rp__run_task_done(&t);
            rp__run_close(&r);
            if (s && st == RP_OK)
                st = rp__store_end(&s, 0, &err);
            rp__store_abandon(&s);
            rp__mem_fail_after(-1);
            RPT_EQ_I64(rp__mem_live(), live);
            RPT_EQ_I64(H5Fget_obj_count((hid_t) H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
            if (st == RP_OK && seen == RP_OK)
                break;
            RPT_OK(n < 399);
        }
}

/* 10^9 tasks cost nothing before they have run. */
static void huge_runs_are_created_at_once(void)
{
    const int64_t n = 1000000000;
    char *path = kit_keep("huge.h5");
    rp_error err = {0};
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    rp__time start = rp__clock_mono();
    const rp__store_where w = {.worker = 1, .attempt = 1};
    rp__store_plan plan = {.path = path, .count = n, .max_workers = 8, .body = "huge", .out_size = 8};
    rp__store *s = kit_begin(&plan);
    RPT_STATUS(rp__store_range_done(s, n - 2, 2, "0123456789abcdef", &w, &err), RP_OK);
    for (int64_t k = 0; k < 1000; k++)
        RPT_STATUS(rp__store_range_done(s, 10 * k, 10, kit_path("x"), &w, &err), RP_OK);
    RPT_STATUS(rp__store_settled(s, 20000, n - 20002, RP__TASK_CANCELLED, "stopped", &err), RP_OK);
    kit_end(&s, 1);
    plan.mode = RP_STORE_RESUME;
    s = kit_begin(&plan);
    char back[16];
    RPT_STATUS(rp__store_read_results(s, n - 2, 2, back, &err), RP_OK);
    RPT_EQ_MEM(back, "0123456789abcdef", 16);
    rp__run *r = kit_open(path);
    rp__run_summary sum;
    RPT_STATUS(rp__run_summary_get(r, &sum, &err), RP_OK);
    RPT_EQ_I64(sum.counts.succeeded, 10002);
    RPT_EQ_I64(sum.pending, n - 10002);
    rp__run_summary_done(&sum);
    rp__run_task t;
    RPT_STATUS(rp__run_task_get(r, 5000, &t, &err), RP_OK);
    RPT_EQ_I64(t.state, RP__TASK_SUCCEEDED);
    rp__run_task_done(&t);
    rp__run_close(&r);
    rp__store_abandon(&s);
    double took = (double) (rp__clock_mono() - start) / 1e9;
    getrusage(RUSAGE_SELF, &after);
    RPT_OK(took < 5);
    RPT_OK(after.ru_maxrss - before.ru_maxrss < 60000); /* KiB */
    struct stat st;
    RPT_OK(stat(path, &st) == 0 && st.st_size > 8 * n);
    if (st.st_blocks * 512 > 1 << 20)
        printf("    %lld bytes on disk: no sparse files here?\n", (long long) st.st_blocks * 512);
    if (took > 1)
        printf("    took %.1f s\n", took);
    unlink(path);
}

static void spans_agree_with_an_array(void)
{
    enum { N = 60 };
    uint64_t x = 88172645463325252u;
    for (int round = 0; round < 300; round++) {
        rp__spans s = {0};
        int64_t plain[N];
        memset(plain, 0, sizeof plain);
        for (int step = 0; step < 30; step++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            int64_t first = (int64_t) (x % N), count = (int64_t) (x >> 8) & 15,
                    value = 1 + ((int64_t) (x >> 20) & 1);
            count = rp__min64(count, N - first);
            RPT_OK(rp__spans_set(&s, first, count, value));
            for (int64_t k = first; k < first + count; k++)
                plain[k] = value;
            int64_t ones = 0;
            for (int64_t k = 0; k < N; k++) {
                const rp__span *at = rp__spans_find(&s, k);
                RPT_EQ_I64(at ? at->value : 0, plain[k]);
                ones += plain[k] == 1;
            }
            RPT_EQ_I64(rp__spans_total(&s, 1), ones);
            for (size_t i = 1; i < s.len; i++) {
                int64_t end = s.item[i - 1].first + s.item[i - 1].count;
                RPT_OK(end < s.item[i].first ||
                       (end == s.item[i].first && s.item[i - 1].value != s.item[i].value));
            }
        }
        rp__spans_done(&s);
    }
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {
        RPT_CASE(spans_agree_with_an_array),     RPT_CASE(huge_runs_are_created_at_once),
        RPT_CASE(a_folder_is_missing),           RPT_CASE(a_folder_is_read_only),
        RPT_CASE(a_disk_fills_up_in_the_middle), RPT_CASE(a_disk_is_full_at_begin_and_end),
        RPT_CASE(each_write_of_hdf5_may_fail),   RPT_CASE(allocations_may_fail),
    };
    kit_enter();
    int rc = rpt_main(argc, argv, cases, RPT_COUNT(cases));
    kit_leave();
    return rc;
}
