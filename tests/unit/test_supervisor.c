/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands through the supervisor: how they end, what they print, what they cost, what they are given. */
#include "exec/supervisor_impl.h"
#include "rpt_command.h"

#include <signal.h>
#include <sys/resource.h>

static void tells_exit_statuses(void)
{
    rp__supervisor *s = rpt_supervisor();
    static const struct {
        const char *line;
        int status;
    } cases[] = {{"exit 0", 0},      {"exit 3", 3}, {"exit 255", 255}, {"/no/such/program", 127},
                 {"/dev/null", 126}, {"", 0},       {"-x", 127}};
    for (size_t i = 0; i < RPT_COUNT(cases); i++) {
        rp__command_result r;
        RPT_STATUS(rpt_command(s, cases[i].line, &r), RP_OK);
        RPT_EQ_I64(r.exit_status, cases[i].status);
        RPT_EQ_I64(r.signal, 0);
        RPT_OK((r.err.len > 0) == (cases[i].status > 3 && cases[i].status < 255));
        rp__command_result_done(&r);
    }
    rp__supervisor_stop(&s);
}

static void tells_signals(void)
{
    rp__supervisor *s = rpt_supervisor();
    rp__command_result r;
    RPT_STATUS(rpt_command(s, "kill -SEGV $$", &r), RP_OK);
    RPT_EQ_I64(r.exit_status, -1);
    RPT_EQ_I64(r.signal, SIGSEGV);
    /* Ignored in the supervisor, not in its commands. */
    RPT_STATUS(rpt_command(s, "kill -TERM $$", &r), RP_OK);
    RPT_EQ_I64(r.signal, SIGTERM);
    RPT_STATUS(rpt_command(s, "kill -PIPE $$", &r), RP_OK);
    RPT_EQ_I64(r.signal, SIGPIPE);
    RPT_STATUS(rpt_command(s, "grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -d '[:space:]'", &r), RP_OK);
    RPT_EQ_STR(rpt_text(r.out), "SigBlk:0000000000000000SigIgn:0000000000000000");
    rp__command_result_done(&r);
    rp__supervisor_stop(&s);
}

static void keeps_outputs_apart(void)
{
    rp__supervisor *s = rpt_supervisor();
    rp__command_result r;
    RPT_STATUS(rpt_command(s, "echo out; echo err >&2; printf '\\000\\377\\n\\001'", &r), RP_OK);
    RPT_EQ_I64(r.out.len, 8);
    if (r.out.len == 8)
        RPT_EQ_MEM(r.out.data, "out\n\0\377\n\1", 8);
    RPT_EQ_STR(rpt_text(r.err), "err\n");
    rp__command_result_done(&r);
    RPT_OK(!r.out.data && !r.err.data);
    RPT_STATUS(rpt_command(s, "printf '\xff\xfe\n\t\x01'", &r), RP_OK);
    RPT_EQ_STR(rpt_text(r.out), "\xff\xfe\n\t\x01");
    rp__command_result_done(&r);
    RPT_STATUS(rpt_command(s, "echo one; echo two >>/dev/stdout; echo three", &r), RP_OK);
    RPT_EQ_STR(rpt_text(r.out), "one\ntwo\nthree\n");
    rp__command_result_done(&r);
    rp__supervisor_stop(&s);
}

static void takes_megabytes(void)
{
    enum { MB5 = 5 * 1024 * 1024 };
    rp__supervisor *s = rpt_supervisor();
    rp__command_result r;
    RPT_STATUS(
        rpt_command(s, "head -c 5242880 /dev/zero & head -c 5242880 /dev/zero | tr '\\0' e >&2; wait", &r),
        RP_OK);
    RPT_EQ_I64(r.out.len, MB5);
    RPT_EQ_I64(r.err.len, MB5);
    const char *out = r.out.data, *err = r.err.data;
    size_t zeros = 0, es = 0;
    for (size_t i = 0; i < MB5 && r.out.len == MB5 && r.err.len == MB5; i++) {
        zeros += out[i] == 0;
        es += err[i] == 'e';
    }
    RPT_EQ_I64(zeros, MB5);
    RPT_EQ_I64(es, MB5);
    rp__command_result_done(&r);
    rp__supervisor_stop(&s);
}

/* The shell's own account, as "0m0.310000s 0m0.010000s" in the first line of `times`. */
static void measures_time(void)
{
    rp__supervisor *s = rpt_supervisor();
    rp__command_result r;
    double user = 0, system = 0, before = rp__clock_wall();
    RPT_STATUS(rpt_command(s, "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; times", &r), RP_OK);
    RPT_EQ_I64(sscanf(rpt_text(r.out), "0m%lfs 0m%lfs", &user, &system), 2);
    RPT_OK(user > 0.02);
    RPT_EQ_F64(r.user_s, user, 0.03);
    RPT_EQ_F64(r.system_s, system, 0.03);
    RPT_OK(r.user_s + r.system_s < r.wall_s + 0.02);
    RPT_OK(r.started >= before - 0.01 && r.started + r.wall_s <= rp__clock_wall() + 0.01);
    rp__command_result_done(&r);
    RPT_STATUS(rpt_command(s, "sleep 0.3", &r), RP_OK);
    RPT_OK(r.wall_s >= 0.3 && r.wall_s < 3);
    RPT_OK(r.user_s + r.system_s < 0.2);
    rp__command_result_done(&r);
    rp__supervisor_stop(&s);
}

static void measures_memory(void)
{
    const int64_t mb = 1024 * 1024;
    rp__supervisor *s = rpt_supervisor();
    rp__command_result r;
    RPT_STATUS(rpt_command(s, "dd if=/dev/zero of=/dev/null bs=64M count=1", &r), RP_OK);
    RPT_OK(r.peak_rss_bytes > 50 * mb && r.peak_rss_bytes < 200 * mb);
    rp__command_result_done(&r);
    RPT_STATUS(rpt_command(s, "/bin/true", &r), RP_OK);
    /* What a forked process of a sanitizer holds counts as its child's until exec. */
    RPT_OK(r.peak_rss_bytes > 100 * 1024 && (RPT_ASAN || r.peak_rss_bytes < 10 * mb));
    rp__command_result_done(&r);
    rp__supervisor_stop(&s);
}

static void sets_the_environment(void)
{
    setenv("OMPI_COMM_WORLD_RANK", "5", 1);
    setenv("PMIX_NAMESPACE", "x", 1);
    setenv("RANKPOOL_RANK", "77", 1);
    setenv("RPT_KEPT", "kept", 1);
    rp__supervisor *s = rpt_supervisor();
    unsetenv("OMPI_COMM_WORLD_RANK");
    unsetenv("PMIX_NAMESPACE");
    unsetenv("RANKPOOL_RANK");
    rp__command_result r;
    RPT_STATUS(
        rpt_command(s, "echo $RANKPOOL_TASK_INDEX $RANKPOOL_RANK $RPT_KEPT; env | grep -cE '^(OMPI|PMIX)_'",
                    &r),
        RP_OK);
    RPT_EQ_STR(rpt_text(r.out), "41 3 kept\n0\n");
    rp__command_result_done(&r);
    RPT_STATUS(rp__supervisor_spawn(s, "env | grep -E '^RANKPOOL_(TASK|RANK)' | sort -r", 47,
                                    INT64_C(9876543210123), -1, NULL),
               RP_OK);
    RPT_STATUS(rpt_command_wait(s, &r, NULL), RP_OK);
    RPT_EQ_STR(rpt_text(r.out), "RANKPOOL_TASK_INDEX=9876543210123\nRANKPOOL_RANK=-1\n");
    rp__command_result_done(&r);
    rp__supervisor_stop(&s);
}

/* Standard input is empty, nothing else is open: 3 is the directory that ls reads. */
static void gives_no_descriptors(void)
{
    int open_in_rank = dup(1); /* not close-on-exec */
    rp__supervisor *s = rpt_supervisor();
    rp__command_result r;
    RPT_STATUS(rpt_command(s, "cat; ls -x /proc/self/fd; readlink /proc/self/fd/0; test -t 0; echo $?", &r),
               RP_OK);
    RPT_EQ_STR(rpt_text(r.out), "0  1  2  3\n/dev/null\n1\n");
    rp__command_result_done(&r);
    rp__supervisor_stop(&s);
    close(open_in_rank);
}

static void takes_the_longest_line(void)
{
    rp__supervisor *s = rpt_supervisor();
    rp__command_result r;
    rp_error err;
    char *line = malloc(RP__COMMAND_MAX_BYTES + 1);
    memset(line, 'x', RP__COMMAND_MAX_BYTES + 1);
    memcpy(line, "echo ", 5);
    RPT_STATUS(rpt_command_bytes(s, line, RP__COMMAND_MAX_BYTES, &r), RP_OK);
    RPT_EQ_I64(r.exit_status, 0);
    RPT_EQ_I64(r.out.len, RP__COMMAND_MAX_BYTES - 5 + 1);
    rp__command_result_done(&r);
    RPT_STATUS(rp__supervisor_spawn(s, line, RP__COMMAND_MAX_BYTES + 1, 0, 0, &err), RP_ETOOBIG);
    RPT_HAS_STR(err.text, "131072");
    RPT_STATUS(rp__supervisor_spawn(s, "a\0b", 3, 0, 0, &err), RP_EINVAL);
    RPT_STATUS(rpt_command(s, "echo still here", &r), RP_OK);
    rp__command_result_done(&r);
    free(line);
    rp__supervisor_stop(&s);
}

static void refuses_two_at_once(void)
{
    rp__supervisor *s = rpt_supervisor();
    rp__command_result r = {.exit_status = 99};
    rp_error err;
    RPT_STATUS(rp__supervisor_poll(s, &r, &err), RP_ESTATE);
    RPT_STATUS(rp__supervisor_spawn(s, "sleep 0.1; echo first", 21, 0, 0, &err), RP_OK);
    RPT_STATUS(rp__supervisor_poll(s, &r, &err), RP_EMPTY);
    RPT_STATUS(rp__supervisor_spawn(s, "echo second", 11, 0, 0, &err), RP_ESTATE);
    RPT_EQ_I64(r.exit_status, 99);
    RPT_STATUS(rpt_command_wait(s, &r, &err), RP_OK);
    RPT_EQ_STR(rpt_text(r.out), "first\n");
    rp__command_result_done(&r);
    RPT_STATUS(rp__supervisor_poll(s, &r, &err), RP_ESTATE);
    rp__supervisor_stop(&s);
    RPT_OK(!s);
    rp__supervisor_stop(&s);
}

/* A failed start is the command's failure, in the words of a shell. */
static void tells_why_there_is_no_shell(void)
{
    rp__command_result r;
    rp__command_shell = "/no/shell";
    rp__supervisor *s = rpt_supervisor();
    RPT_STATUS(rpt_command(s, "exit 0", &r), RP_OK);
    RPT_EQ_I64(r.exit_status, 127);
    RPT_EQ_STR(rpt_text(r.err), "rankpool: cannot start '/no/shell': No such file or directory\n");
    RPT_OK(r.started > 1e9);
    rp__command_result_done(&r);
    rp__supervisor_stop(&s);
    rp__command_shell = "/dev/null";
    s = rpt_supervisor();
    RPT_STATUS(rpt_command(s, "exit 0", &r), RP_OK);
    RPT_EQ_I64(r.exit_status, 126);
    RPT_HAS_STR(rpt_text(r.err), "Permission denied");
    rp__command_result_done(&r);
    rp__supervisor_stop(&s);
    rp__command_shell = "/bin/sh";
}

/* Sets the soft limit of a process (0: this one) and returns what it was. */
static rlim_t set_limit(int pid, int what, rlim_t limit)
{
    struct rlimit was, now;
    prlimit(pid, (__rlimit_resource_t) what, NULL, &was);
    now = (struct rlimit){.rlim_cur = limit, .rlim_max = was.rlim_max};
    RPT_EQ_I64(prlimit(pid, (__rlimit_resource_t) what, &now, NULL), 0);
    return was.rlim_cur;
}

static void tells_of_too_long_arguments(void)
{
    enum { LEN = 131000 };
    rp__command_result r;
    char *line = malloc(LEN);
    memset(line, ' ', LEN);
    rlim_t was = set_limit(0, RLIMIT_STACK, 256 * 1024); /* then arguments and environment get 128 KiB */
    rp__supervisor *s = rpt_supervisor();
    set_limit(0, RLIMIT_STACK, was);
    RPT_STATUS(rpt_command_bytes(s, line, LEN, &r), RP_OK);
    RPT_EQ_I64(r.exit_status, 126);
    RPT_HAS_STR(rpt_text(r.err), "Argument list too long");
    rp__command_result_done(&r);
    rp__supervisor_stop(&s);
    free(line);
}

static void tells_of_full_descriptor_tables(void)
{
    rp__supervisor *s = rpt_supervisor();
    rp__command_result r;
    rp_error err;
    int pid = rpt_supervisor_pid(getpid());
    RPT_STATUS(rpt_command(s, ":", &r), RP_OK);
    for (int room = 0; room < 2; room++) {
        rlim_t was = set_limit(pid, RLIMIT_NOFILE, 6 + (rlim_t) room);
        RPT_STATUS(rpt_command(s, "exit 0", &r), RP_OK);
        RPT_EQ_I64(r.exit_status, 126);
        RPT_HAS_STR(rpt_text(r.err), "Too many open files");
        rp__command_result_done(&r);
        set_limit(pid, RLIMIT_NOFILE, was);
    }
    int next = dup(1);
    close(next);
    for (int room = 0; room < 2; room++) {
        rlim_t was = set_limit(0, RLIMIT_NOFILE, (rlim_t) (next + room));
        rp__supervisor *none = NULL;
        RPT_STATUS(rp__supervisor_spawn(s, ":", 1, 0, 0, &err), RP_ESYSTEM);
        RPT_HAS_STR(err.text, "Too many open files");
        RPT_STATUS(rp__supervisor_start(&none, &err), RP_ESYSTEM);
        RPT_OK(!none);
        set_limit(0, RLIMIT_NOFILE, was);
    }
    RPT_STATUS(rpt_command(s, "exit 7", &r), RP_OK);
    RPT_EQ_I64(r.exit_status, 7);
    rp__supervisor_stop(&s);
}

static void survives_lack_of_memory(void)
{
    int64_t live = rp__mem_live();
    for (int n = 0; n < 2; n++) {
        rp__supervisor *s = NULL;
        rp_error err;
        rp__mem_fail_after(n);
        RPT_STATUS(rp__supervisor_start(&s, &err), RP_ENOMEM);
        RPT_OK(!s);
    }
    RPT_EQ_I64(rp__mem_live(), live);
    rp__supervisor *s = rpt_supervisor();
    int files = rpt_open_files(getpid());
    rp__command_result r = {.exit_status = 99};
    rp_error err;
    for (int n = 0; n < 2; n++) {
        RPT_STATUS(rp__supervisor_spawn(s, "echo out; echo err >&2", 22, 0, 0, &err), RP_OK);
        rp__mem_fail_after(n);
        RPT_STATUS(rpt_command_wait(s, &r, &err), RP_ENOMEM);
        RPT_HAS_STR(err.text, "4 bytes");
        RPT_EQ_I64(r.exit_status, 99);
    }
    RPT_EQ_I64(rpt_open_files(getpid()), files);
    RPT_STATUS(rpt_command(s, "echo $((6*7))", &r), RP_OK);
    RPT_EQ_STR(rpt_text(r.out), "42\n");
    rp__command_result_done(&r);
    rp__supervisor_stop(&s);
    RPT_EQ_I64(rp__mem_live(), live);
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {
        RPT_CASE(tells_exit_statuses),
        RPT_CASE(tells_signals),
        RPT_CASE(keeps_outputs_apart),
        RPT_CASE(takes_megabytes),
        RPT_CASE(measures_time),
        RPT_CASE(measures_memory),
        RPT_CASE(sets_the_environment),
        RPT_CASE(gives_no_descriptors),
        RPT_CASE(takes_the_longest_line),
        RPT_CASE(refuses_two_at_once),
        RPT_CASE(tells_why_there_is_no_shell),
        RPT_CASE(tells_of_too_long_arguments),
        RPT_CASE(tells_of_full_descriptor_tables),
        RPT_CASE(survives_lack_of_memory),
    };
    return rpt_main(argc, argv, cases, RPT_COUNT(cases));
}
