/* SPDX-License-Identifier: BSD-3-Clause */
/* What ends with what: commands, their strays, the supervisor, its rank. */
#include "rpt_command.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static bool is_there(int pid)
{
    char name[32], state;
    int ppid;
    return rpt_proc(pid, name, &state, &ppid);
}

/* Numbers that a command wrote one to a line; waits until all are there. */
static void read_pids(const char *path, int *pids, int count)
{
    for (int tries = 0; tries < 1000; tries++) {
        int n = 0;
        FILE *f = fopen(path, "re");
        while (f && n < count && fscanf(f, "%d\n", &pids[n]) == 1)
            n++;
        if (f)
            fclose(f);
        if (n == count)
            return;
        usleep(5000);
    }
    RPT_OK(!"the command wrote its numbers");
    memset(pids, 0, (size_t) count * sizeof *pids);
}

static void settles_apart_from_the_rank(void)
{
    rp__supervisor *s = rpt_supervisor();
    int pid = rpt_supervisor_pid(getpid());
    char path[64], target[64] = "";
    for (int fd = 0; fd < 3; fd++) {
        (void) snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
        ssize_t n = readlink(path, target, sizeof target - 1);
        target[n > 0 ? n : 0] = '\0';
        RPT_EQ_STR(target, "/dev/null");
    }
    RPT_EQ_I64(getpgid(pid), pid); /* Open MPI ends ranks by their process group */
    RPT_OK(rpt_open_files(pid) - 2 <= 6);
    kill(pid, SIGINT);
    kill(pid, SIGTERM);
    kill(pid, SIGHUP);
    kill(pid, SIGTSTP);
    rp__command_result r;
    RPT_STATUS(rpt_command(s, "exit 4", &r), RP_OK);
    RPT_EQ_I64(r.exit_status, 4);
    rp__supervisor_stop(&s);
    RPT_OK(!is_there(pid));
}

static void kills_the_group(void)
{
    rp__supervisor *s = rpt_supervisor();
    rp__command_result r;
    rp_error err;
    rp__supervisor_kill(s, SIGKILL); /* nothing runs */
    rp__time began = rp__clock_mono();
    RPT_STATUS(rp__supervisor_spawn(s, "sleep 100 | sleep 100", 21, 0, 0, &err), RP_OK);
    rp__supervisor_kill(s, SIGKILL);
    RPT_STATUS(rpt_command_wait(s, &r, &err), RP_OK);
    RPT_EQ_I64(r.signal, SIGKILL);
    const char *trap = "trap 'echo told; exit 9' TERM; echo ready >&2; while :; do sleep 0.02; done";
    RPT_STATUS(rp__supervisor_spawn(s, trap, strlen(trap), 0, 0, &err), RP_OK);
    usleep(200000);
    rp__supervisor_kill(s, SIGTERM);
    RPT_STATUS(rpt_command_wait(s, &r, &err), RP_OK);
    RPT_EQ_STR(rpt_text(r.out), "told\n");
    RPT_EQ_I64(r.exit_status, 9);
    rp__command_result_done(&r);
    rp__supervisor_kill(s, SIGKILL);
    RPT_STATUS(rpt_command(s, "exit 5", &r), RP_OK);
    RPT_EQ_I64(r.exit_status, 5);
    RPT_OK(rp__clock_mono() - began < 20 * RP__SEC);
    rp__supervisor_stop(&s);
}

/* One stray in the command's group, one that left it, one whose parent is dead as well. */
static void ends_strays_with_their_command(void)
{
    rp__supervisor *s = rpt_supervisor();
    rp__command_result r;
    int pids[3] = {0};
    rp__time began = rp__clock_mono();
    RPT_STATUS(rpt_command(s,
                           "sleep 100 & echo $!; setsid sleep 101 & echo $!\n"
                           "(setsid sh -c 'sleep 102 & echo $!') & sleep 0.3",
                           &r),
               RP_OK);
    RPT_OK(rp__clock_mono() - began < 20 * RP__SEC);
    RPT_EQ_I64(sscanf(rpt_text(r.out), "%d\n%d\n%d", &pids[0], &pids[1], &pids[2]), 3);
    for (int i = 0; i < 3; i++)
        RPT_OK(pids[i] > 0 && !is_there(pids[i])); /* reaped, not only dead */
    rp__command_result_done(&r);
    rp__supervisor_stop(&s);
}

/* A process that forks and leaves, again and again, is caught too. */
static void ends_a_runaway(void)
{
    rp__supervisor *s = rpt_supervisor();
    int pid = rpt_supervisor_pid(getpid());
    rp__command_result r;
    /* With an end of its own, so that a failure here does not run for ever. */
    const char *line = "export N=0 F='N=$((N+1)); [ $N -gt 3000 ] || setsid sh -c \"$F\" & exit'\n"
                       "sh -c \"$F\"; sleep 0.2";
    RPT_STATUS(rpt_command(s, line, &r), RP_OK);
    rp__command_result_done(&r);
    RPT_STATUS(rpt_command(s, "exit 0", &r), RP_OK);
    RPT_EQ_I64(rpt_children(pid, NULL), 0);
    rp__supervisor_stop(&s);
}

static void ends_all_on_stop(void)
{
    rp__supervisor *s = rpt_supervisor();
    char path[] = "rpt_pids_XXXXXX", line[256];
    int pids[2];
    close(mkstemp(path));
    (void) snprintf(line, sizeof line, "echo $$ >>%s; setsid sleep 100 & echo $! >>%s; sleep 100", path,
                    path);
    RPT_STATUS(rp__supervisor_spawn(s, line, strlen(line), 0, 0, NULL), RP_OK);
    read_pids(path, pids, 2);
    rp__supervisor_stop(&s);
    RPT_OK(!is_there(pids[0]) && !is_there(pids[1]));
    unlink(path);
}

/* As rank: a supervisor, a command with grandchildren, and a fork that keeps the rank's end of the socket. */
static void be_a_rank(const char *path)
{
    char line[512];
    rp__supervisor *s = rpt_supervisor();
    (void) snprintf(line, sizeof line,
                    "echo $$ >>%s; sleep 100 & echo $! >>%s\n"
                    "(setsid sh -c 'trap \"\" TERM HUP; sleep 101 & echo $! >>%s; wait' &)\n"
                    "sleep 102",
                    path, path, path);
    RPT_STATUS(rp__supervisor_spawn(s, line, strlen(line), 0, 0, NULL), RP_OK);
    if (fork() == 0)
        prctl(PR_SET_NAME, "rpt-holder");
    for (;;)
        pause();
}

static void ends_all_with_a_killed_rank(void)
{
    char path[] = "rpt_pids_XXXXXX";
    int pids[3], status = -1, holder = 0, reaped;
    close(mkstemp(path));
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* the orphans come here, where they can be asked how they ended */
    pid_t rank = fork();
    if (rank == 0)
        be_a_rank(path);
    read_pids(path, pids, 3);
    kill(rank, SIGKILL);
    RPT_EQ_I64(waitpid(rank, NULL, 0), rank);
    rp__time killed = rp__clock_mono();
    for (int i = 0; i < 3; i++)
        RPT_OK(rpt_ends(pids[i]));
    /* Two children are left: the supervisor, which ends, and the holder, which does not. */
    for (int i = 0; i < 400 && (reaped = waitpid(-1, &status, WNOHANG)) == 0; i++)
        usleep(5000);
    RPT_OK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    RPT_OK(rp__clock_mono() - killed < 2 * RP__SEC);
    RPT_EQ_I64(rpt_children(getpid(), &holder), 1);
    for (int i = 0; i < 3; i++)
        RPT_OK(!is_there(pids[i]));
    if (holder > 0)
        kill(holder, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    unlink(path);
}

static void leaks_nothing_in_2000_commands(void)
{
    rp__supervisor *s = rpt_supervisor();
    rp__command_result r;
    int pid = rpt_supervisor_pid(getpid()), ours = rpt_open_files(getpid()), theirs = rpt_open_files(pid);
    int64_t live = rp__mem_live();
    int64_t first = 0, last = 0;
    for (int i = 0; i < 2000; i++) {
        RPT_STATUS(rpt_command(s, i % 2 ? "echo x; exit 1" : ":", &r), RP_OK);
        RPT_EQ_I64(r.exit_status, i % 2);
        if (i == 0)
            first = r.peak_rss_bytes;
        last = r.peak_rss_bytes;
        rp__command_result_done(&r);
    }
    RPT_EQ_I64(rpt_open_files(getpid()), ours);
    RPT_EQ_I64(rpt_open_files(pid), theirs);
    RPT_EQ_I64(rpt_children(pid, NULL), 0);
    RPT_EQ_I64(rp__mem_live(), live);
    RPT_OK(RPT_ASAN || last < first + 2 * 1024 * 1024); /* a sanitizer keeps what is freed */
    rp__supervisor_stop(&s);
    RPT_EQ_I64(rpt_children(getpid(), NULL), 0);
}

static void notices_the_supervisors_death(void)
{
    rp__supervisor *s = rpt_supervisor();
    rp__command_result r = {.exit_status = 99};
    rp_error err;
    int pid = rpt_supervisor_pid(getpid()), files = rpt_open_files(getpid()), shell = 0;
    RPT_STATUS(rp__supervisor_spawn(s, "sleep 100; :", 12, 0, 0, &err), RP_OK);
    for (int i = 0; i < 400 && rpt_children(pid, &shell) == 0; i++)
        usleep(5000);
    usleep(50000);
    kill(pid, SIGKILL);
    RPT_STATUS(rpt_command_wait(s, &r, &err), RP_ESYSTEM);
    RPT_HAS_STR(err.text, "has ended while a command was running");
    RPT_EQ_I64(r.exit_status, 99);
    RPT_OK(shell > 0 && rpt_ends(shell));
    RPT_EQ_I64(rpt_open_files(getpid()), files);
    RPT_STATUS(rp__supervisor_poll(s, &r, &err), RP_ESYSTEM);
    RPT_STATUS(rp__supervisor_spawn(s, ":", 1, 0, 0, &err), RP_ESYSTEM);
    RPT_HAS_STR(err.text, "no more commands");
    rp__supervisor_kill(s, SIGTERM);
    rp__supervisor_stop(&s);
    s = rpt_supervisor();
    kill(rpt_supervisor_pid(getpid()), SIGKILL);
    RPT_STATUS(rpt_command_wait(s, &r, &err), RP_ESYSTEM); /* without a command as well */
    rp__supervisor_stop(&s);
    RPT_EQ_I64(rpt_children(getpid(), NULL), 0);
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {
        RPT_CASE(settles_apart_from_the_rank),
        RPT_CASE(kills_the_group),
        RPT_CASE(ends_strays_with_their_command),
        RPT_CASE(ends_a_runaway),
        RPT_CASE(ends_all_on_stop),
        RPT_CASE(ends_all_with_a_killed_rank),
        RPT_CASE(leaks_nothing_in_2000_commands),
        RPT_CASE(notices_the_supervisors_death),
    };
    return rpt_main(argc, argv, cases, RPT_COUNT(cases));
}
