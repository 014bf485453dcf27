/* SPDX-License-Identifier: BSD-3-Clause */
/* The launcher with the real mpirun: a rank that goes does not end the job, and leaves no noise. */
#include "rpt_launch.h"

#include "launch/mpirun.h"

#include <sys/stat.h>

static rpt_launch run; /* large */

static void launch(const char *how, const char *status)
{
    static char program[4096];
    (void) snprintf(program, sizeof program, "%s", rpt_helper("launch_rank"));
    char *argv[] = {program, strdup(how), strdup(status), NULL};
    rp__launch_options opt = {.workers = 2, .argv = argv, .input_fd = -1};
    rpt_launch_start(&run, &opt);
    rpt_launch_end(&run);
    free(argv[1]);
    free(argv[2]);
}

static void survives(const char *how)
{
    launch(how, "3");
    RPT_EQ_I64(run.status, 3);
    RPT_EQ_STR(run.text[0], "3 ranks, 3 expected\n");
    RPT_EQ_STR(run.text[1], "");
}

static void survives_a_killed_rank(void)
{
    survives("kill");
}

static void survives_a_rank_that_just_exits(void)
{
    survives("exit0");
    survives("exit7");
}

static void ends_a_job_with_a_stopped_rank(void)
{
    survives("stop");
    RPT_OK(run.seconds < 10);
}

static void passes_what_mpirun_says_of_a_bad_program(void)
{
    static const char text[] = "#!/no/such/interpreter\n";
    char path[] = "/tmp/test_launch_mpi.XXXXXX";
    int fd = mkstemp(path);
    RPT_OK(rp__write_all(fd, text, sizeof text - 1) && fchmod(fd, 0755) == 0);
    (void) close(fd);
    char *argv[] = {path, NULL};
    rp__launch_options opt = {.workers = 1, .argv = argv, .input_fd = -1};
    rpt_launch_start(&run, &opt);
    rpt_launch_end(&run);
    RPT_EQ_I64(run.status, RP__EXIT_POOL);
    (void) unlink(path);
    rp__mpirun m;
    RPT_STATUS(rp__mpirun_find(&m, NULL), RP_OK);
    if (m.major < 5) /* Open MPI 5 says nothing */
        RPT_HAS_STR(run.text[1], "has a bad interpreter");
    RPT_HAS_STR(run.text[1], "rankpool: the job ended before its master reported (mpirun exit status ");
}

/* mpirun gives a lone ":" to nobody. */
static void passes_arguments_whole(void)
{
    char *argv[] = {(char[]){"/bin/sh"}, (char[]){"-c"},  (char[]){"printf '[%s]' \"$@\""},
                    (char[]){"sh"},      (char[]){":"},   (char[]){"it's"},
                    (char[]){""},        (char[]){"a b"}, NULL};
    rp__launch_options opt = {.workers = 1, .argv = argv, .input_fd = -1};
    rpt_launch_start(&run, &opt);
    rpt_launch_end(&run);
    RPT_EQ_STR(run.text[0], "[:][it's][][a b][:][it's][][a b]");
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {
        RPT_CASE(survives_a_killed_rank),         RPT_CASE(survives_a_rank_that_just_exits),
        RPT_CASE(ends_a_job_with_a_stopped_rank), RPT_CASE(passes_what_mpirun_says_of_a_bad_program),
        RPT_CASE(passes_arguments_whole),
    };
    return rpt_main(argc, argv, cases, RPT_COUNT(cases));
}
