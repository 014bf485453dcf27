/* SPDX-License-Identifier: BSD-3-Clause */
/* mpirun's version, its command line, and how many workers a site grants. */
#include "launch/launch.h"
#include "launch/mpirun.h"
#include "launch/site.h"
#include "rpt.h"

#include <unistd.h>

static const char *const site_variables[] = {"RANKPOOL_MPIRUN_ARGS",
                                             "RANKPOOL_WORKERS",
                                             "SLURM_JOB_ID",
                                             "SLURM_NTASKS",
                                             "SLURM_CPUS_ON_NODE",
                                             "SLURM_JOB_NUM_NODES",
                                             "OMPI_MCA_btl",
                                             "OMPI_MCA_orte_enable_recovery",
                                             "PBS_NODEFILE",
                                             "PE_HOSTFILE",
                                             "RANKPOOL_LOG",
                                             "OMPI_MCA_orte_default_hostfile",
                                             "LSB_HOSTS",
                                             "LSB_DJOB_HOSTFILE",
                                             "RANKPOOL_DEBUG",
                                             "OMPI_MCA_pml"};

static void clear_site(void)
{
    for (size_t i = 0; i < RPT_COUNT(site_variables); i++)
        (void) unsetenv(site_variables[i]);
}

/* The command line for `prog a`, words between bars. */
static const char *command(int major, int ranks, char *const *argv)
{
    static char text[8192];
    char *const simple[] = {(char[]){"prog"}, (char[]){"a"}, NULL};
    rp__mpirun m = {.path = "mpirun", .major = major};
    char **words = rp__mpirun_command(&m, ranks, argv ? argv : simple);
    size_t n = 0;
    text[0] = '\0';
    for (char **w = words; w && *w && n < sizeof text; w++)
        n += (size_t) snprintf(text + n, sizeof text - n, "|%s", *w);
    rp__free(words);
    return text;
}

static void reads_versions(void)
{
    int major = 0, minor = 0;
    RPT_OK(rp__mpirun_parse_version("mpirun (Open MPI) 4.1.4\n\nReport bugs to ...\n", &major, &minor));
    RPT_EQ_I64(major * 100 + minor, 401);
    RPT_OK(rp__mpirun_parse_version("mpirun (Open MPI) 5.0.7rc1\n", &major, &minor));
    RPT_EQ_I64(major * 100 + minor, 500);
    RPT_OK(!rp__mpirun_parse_version("HYDRA build details:\n    Version: 4.0.2\n", &major, &minor));
    RPT_OK(!rp__mpirun_parse_version("Intel(R) MPI Library for Linux* OS, Version 2021.9\n", &major, &minor));
    RPT_OK(!rp__mpirun_parse_version("", &major, &minor));
}

static void fits_one_host(void)
{
    clear_site();
    const char *root = geteuid() == 0 ? "|--allow-run-as-root" : "";
    char want[1024];
    (void) snprintf(want, sizeof want,
                    "|mpirun%s|--enable-recovery|--bind-to|none|--oversubscribe|--mca|"
                    "orte_allowed_exit_without_sync|1|--mca|orte_abort_on_non_zero_status|0|--mca|pml|ob1|"
                    "--mca|btl|self,vader|--mca|plm|isolated|-n|5|prog|a",
                    root);
    RPT_EQ_STR(command(4, 5, NULL), want);
    (void) snprintf(want, sizeof want,
                    "|mpirun%s|--with-ft|ulfm|--runtime-options|error-nonzero-status=false|--bind-to|none|"
                    "--map-by|:OVERSUBSCRIBE|--mca|pml|ob1|--mca|btl|self,sm|-n|2|prog|a",
                    root);
    RPT_EQ_STR(command(5, 2, NULL), want);
}

static void fits_an_allocation_of_several_hosts(void)
{
    clear_site();
    (void) setenv("SLURM_JOB_ID", "7", 1);
    (void) setenv("SLURM_JOB_NUM_NODES", "3", 1);
    (void) setenv("RANKPOOL_LOG", "debug", 1);
    const char *line = command(4, 5, NULL);
    RPT_OK(!strstr(line, "|btl|"));
    RPT_OK(!strstr(line, "|plm|"));
    RPT_HAS_STR(line, "|--mca|plm_slurm_args|--no-kill --kill-on-bad-exit=0|");
    RPT_HAS_STR(line, "|--mca|btl_tcp_disable_family|6|");
    RPT_HAS_STR(line, "|-x|RANKPOOL_LAUNCHER|");
    RPT_HAS_STR(line, "|-x|RANKPOOL_LOG|");
    RPT_OK(!strstr(command(5, 5, NULL), "|btl|"));
    (void) setenv("SLURM_JOB_NUM_NODES", "1", 1);
    line = command(4, 5, NULL);
    RPT_HAS_STR(line, "|btl|self,vader|");
    RPT_OK(!strstr(line, "|plm")); /* the allocation may be on another host */
    clear_site();
}

static void leaves_the_users_settings(void)
{
    clear_site();
    (void) setenv("OMPI_MCA_btl", "self,tcp", 1);
    (void) setenv("OMPI_MCA_orte_enable_recovery", "0", 1);
    const char *line = command(4, 2, NULL);
    RPT_OK(!strstr(line, "|btl|"));
    RPT_OK(!strstr(line, "recovery"));
    clear_site();
    (void) setenv("RANKPOOL_MPIRUN_ARGS", " --mca pml ucx\t--bind-to core ", 1);
    line = command(4, 2, NULL);
    RPT_OK(!strstr(line, "ob1"));
    RPT_OK(!strstr(line, "|none"));
    RPT_HAS_STR(line, "|--mca|pml|ucx|--bind-to|core|-n|2|prog|a");
    (void) setenv("RANKPOOL_MPIRUN_ARGS", "--host a:2,b:2", 1);
    line = command(4, 2, NULL);
    RPT_OK(!strstr(line, "|btl|"));
    RPT_HAS_STR(line, "|btl_tcp_disable_family|6|");
    RPT_OK(!strstr(line, "slurm"));
    clear_site();
}

/* A lone ":" would begin another program for mpirun. */
static void hides_colons(void)
{
    clear_site();
    char *argv[] = {(char[]){"prog"}, (char[]){":"}, (char[]){"it's"}, (char[]){""}, NULL};
    RPT_HAS_STR(command(4, 2, argv), "|-n|2|/bin/sh|-c|exec 'prog' ':' 'it'\\''s' ''");
    argv[1][0] = 'x';
    RPT_HAS_STR(command(4, 2, argv), "|-n|2|prog|x|it's|");
}

static void survives_lack_of_memory(void)
{
    rp__mpirun m = {.path = "mpirun", .major = 4};
    char *const argv[] = {(char[]){"prog"}, NULL};
    int64_t live = rp__mem_live();
    char **words = NULL;
    for (int64_t n = 1; !words && n < 100; n++) {
        rp__mem_fail_after(n);
        words = rp__mpirun_command(&m, 2, argv);
        rp__mem_fail_after(-1);
        RPT_EQ_I64(rp__mem_live(), live + (words ? 1 : 0));
    }
    RPT_OK(words != NULL);
    rp__free(words);
}

static void takes_what_is_granted(void)
{
    clear_site();
    int cores = rp__usable_cores();
    RPT_EQ_I64(rp__launch_default_workers(), cores);
    (void) setenv("SLURM_NTASKS", "12", 1);
    RPT_EQ_I64(rp__launch_default_workers(), cores); /* left over from somewhere: no allocation */
    (void) setenv("SLURM_JOB_ID", "7", 1);
    RPT_EQ_I64(rp__launch_default_workers(), 12);
    (void) unsetenv("SLURM_NTASKS");
    (void) setenv("SLURM_CPUS_ON_NODE", "8", 1);
    RPT_EQ_I64(rp__launch_default_workers(), 8);
    (void) setenv("SLURM_JOB_NUM_NODES", "3", 1);
    RPT_EQ_I64(rp__launch_default_workers(), 24);
    (void) setenv("SLURM_NTASKS", "x", 1);
    (void) setenv("SLURM_CPUS_ON_NODE", "-1", 1);
    RPT_EQ_I64(rp__launch_default_workers(), cores);
    clear_site();
}

static void reads_numbers(void)
{
    static const struct {
        const char *text;
        int want;
    } rows[] = {{"1", 1},   {"17", 17}, {"", 0},      {"0", -1},
                {"-3", -1}, {"4x", -1}, {"many", -1}, {"99999999999999999999", -1}};
    for (size_t i = 0; i < RPT_COUNT(rows); i++) {
        (void) setenv("RANKPOOL_WORKERS", rows[i].text, 1);
        RPT_EQ_I64(rp__site_number("RANKPOOL_WORKERS"), rows[i].want);
    }
    (void) unsetenv("RANKPOOL_WORKERS");
    RPT_EQ_I64(rp__site_number("RANKPOOL_WORKERS"), 0);
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {
        RPT_CASE(reads_versions),
        RPT_CASE(fits_one_host),
        RPT_CASE(fits_an_allocation_of_several_hosts),
        RPT_CASE(leaves_the_users_settings),
        RPT_CASE(hides_colons),
        RPT_CASE(survives_lack_of_memory),
        RPT_CASE(takes_what_is_granted),
        RPT_CASE(reads_numbers),
    };
    return rpt_main(argc, argv, cases, RPT_COUNT(cases));
}
