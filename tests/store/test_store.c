/* SPDX-License-Identifier: BSD-3-Clause */
/* Run files from begin to end: what is recorded is read back, by rankpool, h5py and h5dump. */
#include "kit.h"

static void summary(rp__run *r, rp__run_summary *s)
{
    rp_error err = {0};
    RPT_STATUS(rp__run_summary_get(r, s, &err), RP_OK);
    if (err.code)
        printf("    %s\n", err.text);
}

static void commands_round_trip(void)
{
    enum { N = 40 };
    const char *path = kit_keep("c.h5");
    rp__store_plan plan = kit_commands(path, N, RP_STORE_CREATE);
    rp__store *s = kit_begin(&plan);
    rp_error err = {0};
    rp__store_worker(s, 0, "alpha", 100, RP__WORKER_ALIVE);
    rp__store_worker(s, 2, "beta", 102, RP__WORKER_LOST);
    rp__store_worker(s, 3, "nobody", 103, RP__WORKER_LOST); /* no such row: ignored */
    RPT_STATUS(rp__store_event(s, "worker-lost", 2, "node beta went away", &err), RP_OK);
    rp__store_running(s, 1, 2);
    rp__store_running(s, 38, 1);
    for (int64_t k = N - 3; k >= 0; k--)
        RPT_STATUS(kit_do_command(s, k, &err), RP_OK);
    rp__store_running(s, 5, 1); /* late: changes nothing */

    rp__run *r = kit_open(path); /* while it is written */
    rp__run_summary sum;
    summary(r, &sum);
    RPT_OK(sum.master_alive && !sum.finished && !sum.complete && sum.is_commands);
    RPT_EQ_I64(sum.exit_code, -1);
    RPT_EQ_I64(sum.counts.succeeded + sum.counts.failed, N - 2);
    RPT_EQ_I64(sum.counts.running, 1);
    RPT_EQ_I64(sum.pending, 1);
    RPT_EQ_I64(sum.worker_count, 3);
    RPT_EQ_STR(sum.workers[2].host, "beta");
    RPT_EQ_I64(sum.workers[2].state, RP__WORKER_LOST);
    RPT_EQ_STR(sum.title, "a title");
    RPT_EQ_I64(sum.master_pid, getpid());
    rp__run_summary_done(&sum);
    for (int64_t k = 0; k < N - 2; k++)
        kit_check_command(r, k, true);
    RPT_OK(kit_h5py("commands", path, "0-37"));

    RPT_STATUS(rp__store_settled(s, N - 2, 1, RP__TASK_LOST, "its worker died three times", &err), RP_OK);
    RPT_STATUS(rp__store_settled(s, N - 1, 1, RP__TASK_CANCELLED, "told to stop", &err), RP_OK);
    kit_end(&s, 7);
    RPT_OK(!kit_exists("c.h5.journal") && !kit_exists("c.h5.tmp"));
    RPT_OK(kit_h5py("commands", path, "0-37 finished"));

    summary(r, &sum); /* the same reader, after the file was replaced */
    RPT_OK(sum.finished && sum.complete && !sum.master_alive);
    RPT_EQ_I64(sum.exit_code, 7);
    RPT_EQ_I64(sum.counts.lost, 1);
    RPT_EQ_I64(sum.counts.cancelled, 1);
    RPT_OK(sum.ended >= sum.created && sum.updated >= sum.created);
    rp__run_summary_done(&sum);
    for (int64_t k = 0; k < N - 2; k++)
        kit_check_command(r, k, true);
    rp__run_task t;
    RPT_STATUS(rp__run_task_get(r, N - 2, &t, &err), RP_OK);
    RPT_EQ_I64(t.state, RP__TASK_LOST);
    RPT_EQ_STR(t.text, "its worker died three times");
    rp__run_task_done(&t);
    RPT_STATUS(rp__run_task_get(r, N, &t, &err), RP_EINVAL);
    RPT_HAS_STR(err.text, "no task 40");
    rp__run_close(&r);
    char line[900];
    (void) snprintf(line, sizeof line,
                    "h5dump -d /run -d /workers -d /errors -d /events '%s' | grep -q 'node beta'", path);
    if (system("command -v h5dump >/dev/null") == 0)
        RPT_EQ_I64(system(line), 0);
}

static void function_round_trip(void)
{
    enum { N = 5000 };
    const char *path = kit_keep("f.h5");
    kit_point *in = kit_inputs(N);
    rp__store_plan plan = kit_function(path, N, RP_STORE_CREATE, in);
    rp__store *s = kit_begin(&plan);
    rp_error err = {0};
    const rp__store_where w = {.worker = 1, .attempt = 2, .started = 5, .elapsed = 6};
    rp__store_counts_set(s, &(rp__store_counts){.tasks = N, .running = 17});
    RPT_STATUS(kit_do_range(s, 100, 400, &err), RP_OK);
    RPT_STATUS(kit_do_range(s, 0, 100, &err), RP_OK);
    RPT_STATUS(kit_do_range(s, 501, 99, &err), RP_OK);
    RPT_STATUS(rp__store_task_failed(s, 500, 42, "cannot take -1", &w, &err), RP_OK);
    RPT_OK(kit_h5py("function", path, "0-499,501-599"));
    rp__run *r = kit_open(path);
    rp__run_summary sum;
    summary(r, &sum);
    RPT_EQ_I64(sum.counts.succeeded, 599);
    RPT_EQ_I64(sum.counts.failed, 1);
    RPT_EQ_I64(sum.counts.running, 17);
    RPT_EQ_I64(sum.pending, N - 617);
    rp__run_summary_done(&sum);
    rp__run_task t;
    for (int pass = 0; pass < 2; pass++) { /* from the journal, then from the file */
        RPT_STATUS(rp__run_task_get(r, 500, &t, &err), RP_OK);
        RPT_EQ_I64(t.state, RP__TASK_FAILED);
        RPT_EQ_STR(t.text, "cannot take -1");
        RPT_EQ_I64(t.attempts, 2);
        rp__run_task_done(&t);
        RPT_STATUS(rp__run_task_get(r, 250, &t, &err), RP_OK);
        RPT_EQ_I64(t.state, RP__TASK_SUCCEEDED);
        RPT_EQ_I64(t.worker, 2);
        RPT_EQ_F64(t.wall_s, 0.5, 0);
        rp__run_task_done(&t);
        RPT_STATUS(rp__run_task_get(r, 700, &t, &err), RP_OK);
        RPT_EQ_I64(t.state, RP__TASK_PENDING);
        rp__run_task_done(&t);
        if (pass == 0)
            kit_end(&s, 3);
    }
    summary(r, &sum);
    RPT_OK(sum.finished && !sum.complete);
    RPT_EQ_I64(sum.pending, N - 600);
    rp__run_summary_done(&sum);
    rp__run_close(&r);
    RPT_OK(kit_h5py("function", path, "0-499,501-599 finished"));
    free(in);
}

typedef struct seen {
    int64_t ranges, done, failed, last;
} seen;

static void see(void *ctx, int64_t first, int64_t count, rp__task_state st)
{
    seen *x = ctx;
    RPT_OK(first >= x->last && count > 0);
    x->last = first + count;
    x->ranges++;
    *(st == RP__TASK_FAILED ? &x->failed : &x->done) += count;
}

static void function_resumes_after_end_and_after_abandon(void)
{
    enum { N = 1000 };
    const char *path = kit_keep("r.h5");
    kit_point *in = kit_inputs(N);
    rp__store_plan plan = kit_function(path, N, RP_STORE_RESUME, in); /* missing: made */
    rp__store *s = kit_begin(&plan);
    rp_error err = {0};
    const rp__store_where w = {.worker = 1, .attempt = 1};
    RPT_STATUS(kit_do_range(s, 0, 100, &err), RP_OK);
    RPT_STATUS(rp__store_task_failed(s, 100, 1, "bad", &w, &err), RP_OK);
    RPT_STATUS(rp__store_settled(s, 101, 50, RP__TASK_LOST, "lost", &err), RP_OK);
    RPT_STATUS(rp__store_settled(s, 151, N - 151, RP__TASK_CANCELLED, "stopped", &err), RP_OK);
    kit_end(&s, 0);

    plan.max_workers = 9; /* another number of ranks is no other work */
    s = kit_begin(&plan);
    seen x = {0};
    rp__store_each_done(s, see, &x);
    RPT_EQ_I64(x.ranges, 2);
    RPT_EQ_I64(x.done, 100);
    RPT_EQ_I64(x.failed, 1);
    kit_reading back[10];
    RPT_STATUS(rp__store_read_results(s, 90, 10, back, &err), RP_OK);
    for (int i = 0; i < 10; i++)
        RPT_EQ_F64(back[i].energy, kit_result(90 + i).energy, 0);
    RPT_STATUS(rp__store_read_results(s, 995, 10, back, &err), RP_EINVAL);
    RPT_STATUS(kit_do_range(s, 300, 200, &err), RP_OK);
    rp__store_abandon(&s);
    RPT_OK(s == NULL && kit_exists("r.h5.journal"));

    rp__run *r = kit_open(path);
    rp__run_summary sum;
    summary(r, &sum);
    RPT_OK(!sum.master_alive && !sum.finished);
    RPT_EQ_I64(sum.counts.succeeded, 300);
    RPT_EQ_I64(sum.counts.failed, 1);
    RPT_EQ_I64(sum.counts.lost, 0);
    RPT_EQ_I64(sum.worker_count, 9);
    rp__run_summary_done(&sum);

    s = kit_begin(&plan);
    x = (seen){0};
    rp__store_each_done(s, see, &x);
    RPT_EQ_I64(x.done, 300);
    RPT_EQ_I64(x.ranges, 3);
    RPT_STATUS(kit_do_range(s, 101, 199, &err), RP_OK);
    RPT_STATUS(kit_do_range(s, 500, 500, &err), RP_OK);
    kit_end(&s, 1);
    summary(r, &sum);
    RPT_OK(sum.complete && sum.finished);
    rp__run_summary_done(&sum);
    rp__run_task t;
    RPT_STATUS(rp__run_task_get(r, 100, &t, &err), RP_OK);
    RPT_EQ_STR(t.text, "bad"); /* through two rewrites */
    rp__run_task_done(&t);
    rp__run_close(&r);
    RPT_OK(kit_h5py("function", path, "0-99,101-999 finished"));
    free(in);
}

static void commands_resume_keeps_outputs(void)
{
    enum { N = 20 };
    const char *path = kit_keep("o.h5");
    rp__store_plan plan = kit_commands(path, N, RP_STORE_CREATE);
    rp_error err = {0};
    rp__store *s = kit_begin(&plan);
    for (int64_t k = 0; k < 8; k++)
        RPT_STATUS(kit_do_command(s, k, &err), RP_OK);
    rp__store_running(s, 8, 1);
    kit_end(&s, 1);
    plan.mode = RP_STORE_RESUME;
    s = kit_begin(&plan); /* from a finished file */
    for (int64_t k = 8; k < 12; k++)
        RPT_STATUS(kit_do_command(s, k, &err), RP_OK);
    rp__store_running(s, 12, 1);
    rp__store_abandon(&s);
    s = kit_begin(&plan); /* from a file and a journal */
    seen x = {0};
    rp__store_each_done(s, see, &x);
    RPT_EQ_I64(x.done + x.failed, 12);
    rp__store_abandon(&s);
    s = kit_begin(&plan); /* and from an empty journal */
    RPT_STATUS(kit_do_command(s, 12, &err), RP_OK);
    rp__run *r = kit_open(path);
    for (int64_t k = 0; k < N; k++)
        kit_check_command(r, k, k < 13);
    kit_end(&s, 0);
    for (int64_t k = 0; k < N; k++)
        kit_check_command(r, k, k < 13);
    rp__run_close(&r);
    RPT_OK(kit_h5py("commands", path, "0-12 finished"));
}

static void modes_refuse_and_replace(void)
{
    const char *path = kit_keep("m.h5");
    rp__store_plan plan = kit_commands(path, 5, RP_STORE_CREATE);
    rp_error err = {0};
    rp__store *s = kit_begin(&plan);
    RPT_STATUS(kit_do_command(s, 1, &err), RP_OK);
    char pid[40];
    (void) snprintf(pid, sizeof pid, "process %d on host", getpid());
    for (int mode = RP_STORE_CREATE; mode <= RP_STORE_RESUME; mode++) { /* a living master holds it */
        plan.mode = (rp_store_mode) mode;
        kit_refused(&plan, RP_EEXIST, pid);
    }
    RPT_STATUS(kit_do_command(s, 2, &err), RP_OK); /* and is not disturbed */
    rp__store_abandon(&s);
    plan.mode = RP_STORE_CREATE;
    kit_refused(&plan, RP_EEXIST, "--resume");
    kit_refused(&plan, RP_EEXIST, "--force");
    plan.mode = RP_STORE_REPLACE;
    s = kit_begin(&plan);
    rp__run *r = kit_open(path);
    kit_check_command(r, 1, false);
    rp__run_close(&r);
    kit_end(&s, 0);
    RPT_OK(!kit_exists("m.h5.journal") && !kit_exists("m.h5.tmp"));

    unlink(path);
    kit_write("m.h5.journal", "", 0); /* as a crash at the very beginning leaves it */
    plan.mode = RP_STORE_CREATE;
    kit_refused(&plan, RP_EEXIST, "without its run file");
    plan.mode = RP_STORE_RESUME;
    s = kit_begin(&plan);
    RPT_STATUS(kit_do_command(s, 0, &err), RP_OK);
    rp__store_abandon(&s);
    unlink(path);
    kit_refused(&plan, RP_EINVAL, "is not there");
    kit_unreadable(path, "its journal does");
    plan.mode = RP_STORE_REPLACE;
    s = kit_begin(&plan);
    kit_end(&s, 0);
}

static void resume_refuses_other_work(void)
{
    const char *path = kit_keep("w.h5");
    kit_point *in = kit_inputs(11);
    rp__store_plan plan = kit_commands(path, 5, RP_STORE_CREATE);
    rp__store *s = kit_begin(&plan);
    kit_end(&s, 0);
    plan.mode = RP_STORE_RESUME;
    plan.count = 6;
    kit_refused(&plan, RP_EINVAL, "number of tasks is 5 there, 6 here");
    plan.count = 5;
    static char other_name[] = "-other";
    plan.command_ctx = other_name;
    kit_refused(&plan, RP_EINVAL, "command 0 is 'run 0");
    plan = kit_function(path, 10, RP_STORE_RESUME, in);
    kit_refused(&plan, RP_EINVAL, "holds commands");

    plan.mode = RP_STORE_REPLACE;
    s = kit_begin(&plan);
    kit_end(&s, 0);
    rp__store_plan other;
#define OTHER(change, text)                                                                                  \
    other = kit_function(path, 10, RP_STORE_RESUME, in);                                                     \
    change;                                                                                                  \
    kit_refused(&other, RP_EINVAL, text)
    OTHER(other.body = "else", "'simulate' there, 'else' here");
    OTHER(other.first = 7, "first task is 1000 there, 7 here");
    OTHER(other.in = NULL; other.in_size = 0; other.in_fields = NULL, "bytes of an input");
    OTHER(other.out_fields = NULL, "fields of its results");
    OTHER(other.in_fields = NULL, "fields of its inputs");
    OTHER(other.in = in + 1, "its inputs differ");
    OTHER(other.count = 9, "number of tasks");
    OTHER(other.out_size = 64, "bytes of a result are 24 there, 64 here");
    RPT_OK(!kit_exists("w.h5.journal"));
    free(in);
}

static void opaque_and_empty_runs(void)
{
    const char *path = kit_keep("e.h5");
    rp_error err = {0};
    rp__store_plan plan = {.path = path, .count = 4, .max_workers = 0, .body = "raw", .out_size = 3};
    const rp__store_where w = {.worker = 1, .attempt = 1};
    rp__store *s = kit_begin(&plan);
    RPT_STATUS(rp__store_range_done(s, 1, 2, "abcdef", &w, &err), RP_OK);
    RPT_STATUS(rp__store_range_done(s, 3, 2, "abcdef", &w, &err), RP_EINVAL);
    RPT_STATUS(rp__store_range_done(s, -1, 1, "abc", &w, &err), RP_EINVAL);
    RPT_STATUS(rp__store_range_done(s, 0, 1, NULL, &w, &err), RP_EINVAL);
    RPT_STATUS(kit_do_command(s, 0, &err), RP_EINVAL);
    kit_end(&s, 0);
    plan.mode = RP_STORE_RESUME;
    s = kit_begin(&plan);
    char back[12];
    RPT_STATUS(rp__store_read_results(s, 0, 4, back, &err), RP_OK);
    RPT_EQ_MEM(back, "\0\0\0abcdef\0\0\0", 12);
    kit_end(&s, 0);

    for (int kind = 0; kind < 3; kind++) { /* no tasks; no results */
        plan = kind == 0 ? kit_commands(path, 0, RP_STORE_REPLACE)
                         : kit_function(path, kind == 1 ? 0 : 10, RP_STORE_REPLACE, NULL);
        if (kind == 2)
            plan.out_size = 0, plan.out_fields = NULL;
        s = kit_begin(&plan);
        if (kind == 2)
            RPT_STATUS(rp__store_range_done(s, 0, 10, NULL, &w, &err), RP_OK);
        kit_end(&s, 0);
        plan.mode = RP_STORE_RESUME;
        s = kit_begin(&plan);
        kit_end(&s, 0);
        rp__run *r = kit_open(path);
        rp__run_summary sum;
        summary(r, &sum);
        RPT_OK(sum.complete);
        rp__run_summary_done(&sum);
        rp__run_close(&r);
    }
    rp_field bad = {"x", RP_F64, 20, 1, NULL};
    plan = kit_function(path, 2, RP_STORE_REPLACE, NULL);
    plan.out_fields = &bad, plan.out_field_count = 1;
    kit_refused(&plan, RP_EINVAL, "field 'x'");
}

static void foreign_files_are_named(void)
{
    const char *path = kit_keep("x.h5");
    rp__store_plan plan = kit_commands(path, 5, RP_STORE_RESUME);
    kit_unreadable(path, "does not exist");
    kit_unreadable(kit_folder, "is a folder");
    kit_write("x.h5", "", 0);
    kit_unreadable(path, "empty");
    kit_write("x.h5", "hello, this is not it", 21);
    kit_unreadable(path, "not an HDF5 file");
    kit_refused(&plan, RP_EINVAL, "not an HDF5 file");
    RPT_OK(!kit_exists("x.h5.journal"));
    plan.path = kit_folder;
    kit_refused(&plan, RP_ESTORE, "is a folder");
    plan.path = path;

    if (kit_python()) {
        RPT_OK(kit_python_does(path, "w", "f['x'] = [1, 2]"));
        kit_unreadable(path, "not a run file of rankpool");
        kit_refused(&plan, RP_EINVAL, "not a run file of rankpool");
        RPT_OK(
            kit_python_does(path, "a", "f.attrs['rankpool_version'] = '9.1'; f.attrs['schema_version'] = 9"));
        kit_unreadable(path, "schema 9");
        kit_unreadable(path, "newer rankpool");
    }
    plan.mode = RP_STORE_REPLACE;
    rp__store *s = kit_begin(&plan);
    rp_error err = {0};
    for (int64_t k = 0; k < 5; k++)
        RPT_STATUS(kit_do_command(s, k, &err), RP_OK);
    kit_end(&s, 0);
    int64_t size = kit_size("x.h5");
    for (int64_t cut = size - 1; cut > 8; cut /= 2) {
        RPT_EQ_I64(truncate(path, cut), 0);
        kit_unreadable(path, cut > 100 ? "truncated" : "'");
    }
    plan.mode = RP_STORE_RESUME;
    kit_refused(&plan, RP_ESTORE, "x.h5");
}

static void users_additions_survive(void)
{
    const char *path = kit_keep("u.h5");
    rp__store_plan plan = kit_commands(path, 5, RP_STORE_CREATE);
    rp__store *s = kit_begin(&plan);
    kit_end(&s, 0);
    if (!kit_python())
        RPT_SKIP("no Python with h5py");
    RPT_OK(kit_python_does(path, "a",
                           "f['notes/day'] = [1, 2]; f.attrs['who'] = ['me', 'you']; "
                           "f['tasks'].attrs['seen'] = 1"));
    plan.mode = RP_STORE_RESUME;
    s = kit_begin(&plan);
    kit_end(&s, 0);
    RPT_OK(kit_python_does(path, "r",
                           "assert f['notes/day'][1] == 2; assert f.attrs['who'][1] == 'you'; "
                           "assert f['tasks'].attrs['seen'] == 1"));
}

static void links_are_followed(void)
{
    char *path = kit_keep("l.h5"), *real = kit_keep("real.h5");
    rp__store_plan plan = kit_commands(real, 5, RP_STORE_CREATE);
    rp__store *s = kit_begin(&plan);
    kit_end(&s, 0);
    RPT_EQ_I64(symlink("real.h5", path), 0);
    plan = kit_commands(path, 5, RP_STORE_RESUME);
    s = kit_begin(&plan);
    RPT_OK(kit_exists("real.h5.journal") && !kit_exists("l.h5.journal"));
    rp__run *r = kit_open(path);
    rp__run_summary sum;
    summary(r, &sum);
    RPT_OK(sum.master_alive);
    rp__run_summary_done(&sum);
    rp__run_close(&r);
    kit_end(&s, 0);
    struct stat st;
    RPT_OK(lstat(path, &st) == 0 && S_ISLNK(st.st_mode));
}

static void names_of_states(void)
{
    RPT_EQ_STR(rp__task_state_name(RP__TASK_CANCELLED), "cancelled");
    RPT_EQ_STR(rp__task_state_name((rp__task_state) 99), "unknown");
    RPT_EQ_STR(rp__worker_state_name(RP__WORKER_LEFT), "left");
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {
        RPT_CASE(commands_round_trip),
        RPT_CASE(function_round_trip),
        RPT_CASE(function_resumes_after_end_and_after_abandon),
        RPT_CASE(commands_resume_keeps_outputs),
        RPT_CASE(modes_refuse_and_replace),
        RPT_CASE(resume_refuses_other_work),
        RPT_CASE(opaque_and_empty_runs),
        RPT_CASE(foreign_files_are_named),
        RPT_CASE(users_additions_survive),
        RPT_CASE(links_are_followed),
        RPT_CASE(names_of_states),
    };
    kit_enter();
    int rc = rpt_main(argc, argv, cases, RPT_COUNT(cases));
    kit_leave();
    return rc;
}
