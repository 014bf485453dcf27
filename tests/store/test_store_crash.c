/* SPDX-License-Identifier: BSD-3-Clause */
/* Masters that are killed, journals that are torn or damaged, two masters at once. */
#include "kit.h"

static uint64_t rng_state;
static uint64_t rng(void)
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state;
}

enum { TASKS = 400, CHUNK = 7 };

/* Records until killed; tells each task once it is recorded. */
static void master(const rp__store_plan *plan, int tell)
{
    rp__store *s = NULL;
    rp_error err = {0};
    if (rp__store_begin(&s, plan, &err) != RP_OK) {
        printf("    child: %s\n", err.text);
        _exit(9);
    }
    for (int32_t k = 0; k < TASKS; k += plan->command ? 1 : CHUNK) {
        rp_status st;
        if (k == 3 && plan->command)
            continue; /* 5 MB take too long here */
        if (plan->command) {
            rp__store_running(s, k, 1);
            st = kit_do_command(s, k, &err);
        } else {
            st = kit_do_range(s, k, rp__min64(CHUNK, TASKS - k), &err);
        }
        if (st != RP_OK || write(tell, &k, sizeof k) != sizeof k)
            _exit(8);
        if (k % 50 == 49 && rp__store_event(s, "note", 0, "on we go", &err) != RP_OK)
            _exit(7);
    }
    _exit(rp__store_end(&s, 0, &err) == RP_OK ? 0 : 6);
}

/* Runs a master and kills it at a random moment; notes what it said it had recorded. */
static void run_and_kill(const rp__store_plan *plan, bool *told)
{
    int pipe_fd[2];
    RPT_EQ_I64(pipe(pipe_fd), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(pipe_fd[0]);
        master(plan, pipe_fd[1]);
    }
    close(pipe_fd[1]);
    uint64_t after = rng() % (TASKS + 60), pause = rng() % 300;
    int32_t k;
    for (uint64_t n = 0; n < after && read(pipe_fd[0], &k, sizeof k) == sizeof k; n++)
        told[k] = true;
    if (after == 0)
        pause *= 20; /* somewhere in the beginning */
    usleep((useconds_t) pause);
    kill(pid, SIGKILL);
    while (read(pipe_fd[0], &k, sizeof k) == sizeof k)
        told[k] = true;
    int status = 0;
    RPT_OK(waitpid(pid, &status, 0) == pid);
    RPT_OK(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    close(pipe_fd[0]);
}

static void check_told(rp__run *r, const bool *told, bool commands)
{
    for (int64_t k = 0; k < TASKS && rpt_failures < 5; k++) {
        if (!told[k])
            continue;
        if (commands) {
            kit_check_command(r, k, true);
            continue;
        }
        rp__run_task t;
        RPT_STATUS(rp__run_task_get(r, k, &t, NULL), RP_OK);
        RPT_EQ_I64(t.state, RP__TASK_SUCCEEDED);
        rp__run_task_done(&t);
    }
}

static void check_done(void *ctx, int64_t first, int64_t count, rp__task_state st)
{
    bool *done = ctx;
    (void) st;
    memset(done + first, 1, (size_t) count);
}

/* "0-4,7-7" of what is set. */
static char *list(const bool *set)
{
    static char text[TASKS * 10];
    size_t n = 0;
    text[n++] = '-';
    text[n] = '\0';
    for (int k = 0; k < TASKS; k++) {
        int first = k;
        while (k < TASKS && set[k])
            k++;
        if (k > first)
            n += (size_t) snprintf(text + n, sizeof text - n, "%s%d-%d", n == 1 ? "" : ",", first, k - 1);
    }
    return n > 1 ? text + 1 : text;
}

static void killed_again_and_again(bool commands)
{
    const char *seed = getenv("STORE_SEED");
    char *path = kit_keep(commands ? "kc.h5" : "kf.h5");
    rng_state = seed ? strtoull(seed, NULL, 10) : 20240611;
    for (int round = 0; round < 12 && !rpt_failures; round++) {
        bool told[TASKS] = {false}, done[TASKS] = {false};
        uint64_t at = rng_state;
        rp__store_plan plan = commands ? kit_commands(path, TASKS, RP_STORE_RESUME)
                                       : kit_function(path, TASKS, RP_STORE_RESUME, NULL);
        rp_error err = {0};
        for (int life = 0; life < 3; life++) { /* killed, resumed, killed again: it all adds up */
            run_and_kill(&plan, told);
            if (access(path, F_OK) != 0)
                continue;
            rp__run *r = kit_open(path);
            if (r)
                check_told(r, told, commands);
            rp__run_close(&r);
        }
        rp__store *s = kit_begin(&plan);
        if (!s)
            break;
        rp__store_each_done(s, check_done, done);
        for (int k = 0; k < TASKS; k++)
            RPT_OK(!told[k] || done[k]);
        if (commands && round % 2) { /* finish it, so that h5py sees all */
            for (int k = 0; k < TASKS; k++)
                if (k != 3 && !done[k]) {
                    RPT_STATUS(kit_do_command(s, k, &err), RP_OK);
                    done[k] = true;
                }
        }
        kit_end(&s, 0);
        char more[TASKS * 10 + 20];
        (void) snprintf(more, sizeof more, "%s finished", list(done));
        RPT_OK(kit_h5py(commands ? "commands" : "function", path, more));
        if (rpt_failures)
            printf("    round %d, seed at its beginning %" PRIu64 "\n", round, at);
        RPT_OK(!kit_exists("kc.h5.journal") && !kit_exists("kf.h5.journal"));
        unlink(path);
    }
}

static void commands_run_is_killed_at_random(void)
{
    killed_again_and_again(true);
}

static void function_run_is_killed_at_random(void)
{
    killed_again_and_again(false);
}

static void half_done(const char *path, int64_t n)
{
    rp__store_plan plan = kit_commands(path, 20, RP_STORE_REPLACE);
    rp_error err = {0};
    rp__store *s = kit_begin(&plan);
    for (int64_t k = 10; k < 10 + n; k++)
        RPT_STATUS(kit_do_command(s, k, &err), RP_OK);
    rp__store_abandon(&s);
}

static int64_t resumed(const char *path)
{
    bool done[TASKS] = {false};
    rp__store_plan plan = kit_commands(path, 20, RP_STORE_RESUME);
    rp__store *s = kit_begin(&plan);
    if (s)
        rp__store_each_done(s, check_done, done);
    int64_t n = 0;
    for (int k = 0; k < TASKS; k++)
        n += done[k];
    rp__store_abandon(&s);
    return n;
}

static void torn_tail_is_cut(void)
{
    char *path = kit_keep("t.h5"), *journal = kit_keep("t.h5.journal");
    for (int64_t cut = 1; cut < 900 && !rpt_failures; cut += 97) {
        half_done(path, 6);
        RPT_EQ_I64(truncate(journal, kit_size("t.h5.journal") - cut), 0);
        rp__run *r = kit_open(path);
        kit_check_command(r, 12, true);
        rp__run_close(&r);
        int64_t n = resumed(path);
        RPT_OK(n >= 3 && n <= 5);
    }
    half_done(path, 6); /* a tail of other bytes, one of them like a record's beginning */
    int fd = open(journal, O_WRONLY | O_APPEND | O_CLOEXEC);
    RPT_OK(rp__write_all(fd, "RpRC\1\0\0\0\5\0\0\0\0\0\0\0xxxxRpRCyyyyyyyyyyyyyyyyyyyyyyyyyy", 50));
    close(fd);
    RPT_EQ_I64(resumed(path), 6);
}

static void damage_is_told_and_salvaged(void)
{
    char *path = kit_keep("d.h5");
    half_done(path, 6);
    int64_t at = kit_size("d.h5.journal") / 2;
    kit_spoil("d.h5.journal", at, 3);
    kit_unreadable(path, "is damaged at byte");
    RPT_EQ_I64(resumed(path), 5);
    half_done(path, 6);
    kit_spoil("d.h5.journal", 40, 2);
    kit_unreadable(path, "checksum of its header");
    rp__store_plan plan = kit_commands(path, 20, RP_STORE_RESUME);
    kit_refused(&plan, RP_ESTORE, "checksum of its header");
    kit_spoil("d.h5.journal", 0, 8);
    kit_unreadable(path, "not a journal of rankpool");
    half_done(path, 6);
    char *other = kit_keep("other.h5");
    half_done(other, 1);
    const char *its_journal = kit_keep("other.h5.journal");
    RPT_EQ_I64(rename(its_journal, kit_path("d.h5.journal")), 0);
    kit_refused(&plan, RP_EINVAL, "belongs to another run file");
    rp__run *r = kit_open(path); /* the file alone can be read */
    rp__run_close(&r);
}

/* A journal inside an output must never be taken for records. */
static void journal_in_an_output_stays_an_output(void)
{
    char *path = kit_keep("in.h5");
    half_done(path, 6);
    int64_t len = kit_size("in.h5.journal");
    char *bytes = malloc((size_t) len + 1);
    int fd = open(kit_path("in.h5.journal"), O_RDONLY | O_CLOEXEC);
    RPT_EQ_I64(read(fd, bytes, (size_t) len), len);
    close(fd);
    rp__store_plan plan = kit_commands(path, 20, RP_STORE_RESUME);
    rp_error err = {0};
    rp__store *s = kit_begin(&plan);
    const rp__command_result res = {.out = {bytes, (size_t) len}};
    const rp__store_where w = {.worker = 1, .attempt = 1};
    RPT_STATUS(rp__store_command_done(s, 1, &res, &w, &err), RP_OK);
    rp__store_abandon(&s);
    RPT_EQ_I64(truncate(kit_path("in.h5.journal"), kit_size("in.h5.journal") - 10), 0);
    RPT_EQ_I64(resumed(path), 6);
    free(bytes);
}

/* After a power loss the journal may be there and the results not. */
static void results_that_got_lost_run_again(void)
{
    char *path = kit_keep("p.h5");
    rp__store_plan plan = kit_function(path, 100, RP_STORE_CREATE, NULL);
    rp_error err = {0};
    rp__store *s = kit_begin(&plan);
    RPT_STATUS(kit_do_range(s, 0, 10, &err), RP_OK);
    RPT_STATUS(kit_do_range(s, 20, 10, &err), RP_OK);
    rp__store_abandon(&s);
    double energy = kit_result(25).energy;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct stat st;
    RPT_EQ_I64(fstat(fd, &st), 0);
    char *all = malloc((size_t) st.st_size);
    RPT_EQ_I64(pread(fd, all, (size_t) st.st_size, 0), st.st_size);
    kit_reading wanted = kit_result(25);
    char *there = memmem(all, (size_t) st.st_size, &wanted, sizeof wanted - 8);
    RPT_OK(there != NULL && energy > 0);
    if (there)
        RPT_EQ_I64(pwrite(fd, "\0\0\0\0\0\0\0\0", 8, there - all), 8);
    close(fd);
    free(all);
    plan.mode = RP_STORE_RESUME;
    s = kit_begin(&plan);
    bool done[TASKS] = {false};
    rp__store_each_done(s, check_done, done);
    RPT_OK(done[0] && done[9] && !done[20] && !done[25]);
    kit_end(&s, 0);
}

/* A crash between the rename of a new file and the emptying of its journal. */
static void stale_journal_is_recognised(void)
{
    char *path = kit_keep("s.h5");
    half_done(path, 3);
    char line[1600];
    (void) snprintf(line, sizeof line, "cp '%s/s.h5.journal' '%s/keep'", kit_folder, kit_folder);
    RPT_EQ_I64(system(line), 0);
    rp__store_plan plan = kit_commands(path, 20, RP_STORE_RESUME);
    rp_error err = {0};
    rp__store *s = kit_begin(&plan);
    RPT_STATUS(kit_do_command(s, 1, &err), RP_OK);
    kit_end(&s, 0);
    (void) snprintf(line, sizeof line, "cp '%s/keep' '%s/s.h5.journal'", kit_folder, kit_folder);
    RPT_EQ_I64(system(line), 0);
    rp__run *r = kit_open(path);
    rp__run_summary sum;
    RPT_STATUS(rp__run_summary_get(r, &sum, &err), RP_OK);
    RPT_OK(sum.finished);
    RPT_EQ_I64(sum.counts.succeeded + sum.counts.failed, 4);
    rp__run_summary_done(&sum);
    rp__run_close(&r);
    RPT_EQ_I64(resumed(path), 4);
}

/* A reader that asks without pause while a writer begins, records, ends and resumes. */
static void reader_never_stumbles(void)
{
    char *path = kit_keep("live.h5");
    rp__store_plan plan = kit_commands(path, TASKS, RP_STORE_CREATE);
    rp_error err = {0};
    pid_t pid = fork(); /* before the journal's lock exists, which a child would share */
    if (pid == 0) {
        int64_t before = 0, looks = 0;
        while (access(path, F_OK) != 0)
            usleep(100);
        rp__run *r = kit_open(path);
        while (!rpt_failures && r) {
            rp__run_summary sum;
            RPT_STATUS(rp__run_summary_get(r, &sum, &err), RP_OK);
            if (rpt_failures) {
                printf("    %s\n", err.text);
                break;
            }
            int64_t done = sum.counts.succeeded + sum.counts.failed;
            RPT_OK(done >= before);
            if (done > 2) /* before, the writer may be at it between the two looks */
                kit_check_command(r, looks % 3, true);
            before = done;
            looks++;
            bool end = done == TASKS && sum.finished;
            rp__run_summary_done(&sum);
            if (end)
                break;
        }
        rp__run_close(&r);
        _exit(rpt_failures != 0);
    }
    rp__store *s = kit_begin(&plan);
    for (int64_t k = 0; k < TASKS; k++) {
        int64_t index = k < 3 ? 2 - k : k;
        RPT_STATUS(kit_do_command(s, index, &err), RP_OK);
        if (k == 2)
            usleep(1000);
        if (k % 40 == 39) {
            if (k % 80 == 39)
                rp__store_abandon(&s);
            else
                kit_end(&s, 0);
            plan.mode = RP_STORE_RESUME;
            s = kit_begin(&plan);
        }
    }
    kit_end(&s, 0);
    int status = 1;
    RPT_OK(waitpid(pid, &status, 0) == pid && status == 0);
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {
        RPT_CASE(torn_tail_is_cut),
        RPT_CASE(damage_is_told_and_salvaged),
        RPT_CASE(journal_in_an_output_stays_an_output),
        RPT_CASE(results_that_got_lost_run_again),
        RPT_CASE(stale_journal_is_recognised),
        RPT_CASE(reader_never_stumbles),
        RPT_CASE(commands_run_is_killed_at_random),
        RPT_CASE(function_run_is_killed_at_random),
    };
    kit_enter();
    int rc = rpt_main(argc, argv, cases, RPT_COUNT(cases));
    kit_leave();
    return rc;
}
