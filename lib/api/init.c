/* SPDX-License-Identifier: BSD-3-Clause */
/* rp_init and rp_finalize: what happens once in the life of a process. */
#include "api/process.h"
#include "net/mpi_carrier.h"
#include "worker/worker.h"

#include <rankpool/pool.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static rp__process process = {.error = {.rank = -1, .task = -1}};

rp__process *rp__process_get(void)
{
    return &process;
}

const rp_error *rp_init_error(void)
{
    return &process.error;
}

void rp__process_command_line(char *out, size_t len)
{
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, len - 1) : 0;
    if (fd >= 0)
        close(fd);
    n = n > 0 ? n : 0;
    out[n] = '\0';
    for (ssize_t i = 0; i + 1 < n; i++)
        if (out[i] == '\0')
            out[i] = ' ';
}

bool rp__process_is_lonely_srun_task(void)
{
    const char *tasks = getenv("SLURM_STEP_NUM_TASKS");
    return getenv("SLURM_STEP_ID") && tasks && atoi(tasks) > 1 && !getenv("PMIX_RANK") &&
           !getenv("OMPI_COMM_WORLD_RANK");
}

static rp_status fail(rp_status st)
{
    fprintf(stderr, "rankpool: %s\n", process.error.text);
    return st;
}

/* Starts this program again under mpirun and ends with its exit status. */
static void relaunch(char **argv)
{
    static char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) {
        self[n] = '\0';
        argv[0] = self;
    }
    rp__launch_options o = {.argv = argv, .input_fd = -1, .is_progress = true};
    exit(rp__launch(&o));
}

/* exit() by any path tells the launcher the true status, which mpirun hides. */
static void report_exit(int status, void *ctx)
{
    (void) ctx;
    if (process.line)
        rp__line_exit(process.line, status & 0xff);
}

static rp_status check_size(void)
{
    int said = 0, expected = rp__line_expected_ranks(), size = rp__mpi_world_size();
    (void) rp__mpi_is_launched(&said); /* only its size is of interest */
    if (expected == 0)
        expected = said;
    if (expected <= 1 || size == expected)
        return RP_OK;
    return rp__fail(
        &process.error, RP_ENET,
        "%d ranks were started, but MPI sees %d: mpirun belongs to another MPI than the Open MPI this "
        "program was built with; use that one's mpirun (RANKPOOL_MPIRUN), or srun --mpi=pmix",
        expected, size);
}

static bool is_rank_0(void)
{
    const char *said = getenv("OMPI_COMM_WORLD_RANK");
    return rp__mpi_is_running() ? rp__mpi_world_rank() == 0 : said && strcmp(said, "0") == 0;
}

rp_status rp__process_open_line(void)
{
    static bool is_exit_told;
    rp_status st = RP_OK;
    if (!process.line && is_rank_0())
        st = rp__line_open(&process.line, &process.error);
    if (process.line && rp__mpi_is_running() && !is_exit_told) {
        is_exit_told = true;
        (void) on_exit(report_exit, NULL); /* without it the launcher says that no status came */
    }
    return st == RP_EMPTY ? RP_OK : st;
}

static rp_status start_ranks(int *argc, char ***argv)
{
    rp_status st = rp__supervisor_start(&process.supervisor, &process.error);
    if (st)
        return st;
    rp__mpi_prepare();
    st = rp__process_open_line(); /* tells the launcher that this is a program of ours, before MPI can hang */
    if (st)
        return st;
    st = rp__mpi_start(argc, argv, &process.is_mpi_ours, &process.error);
    if (!st)
        st = check_size();
    return st ? st : rp__process_open_line();
}

rp_status rp_init(int *argc, char ***argv)
{
    if (process.is_init)
        return fail(rp__fail(&process.error, RP_ESTATE, "rp_init() was called twice"));
    if (rp__process_is_lonely_srun_task())
        return fail(rp__fail(
            &process.error, RP_ENET,
            "srun started every task on its own: use srun --mpi=pmix, or mpirun inside the allocation"));
    process.is_init = true;
    rp_status st = RP_OK;
    int said;
    const char *autolaunch = getenv("RANKPOOL_AUTOLAUNCH");
    if (rp__mpi_is_running())
        st = rp__process_open_line(); /* too late for the supervisor: commands are refused with that reason */
    else if (rp__mpi_is_launched(&said) || rp__line_expected_ranks() ||
             (autolaunch && strcmp(autolaunch, "0") == 0))
        st = start_ranks(argc, argv);
    else
        relaunch(*argv);
    return st ? fail(st) : RP_OK;
}

int rp_rank(void)
{
    return rp__mpi_is_running() ? rp__mpi_world_rank() : 0;
}

int rp_finalize(int exit_status)
{
    fflush(NULL);
    report_exit(exit_status, NULL);
    rp__supervisor_stop(&process.supervisor);
    bool is_safe =
        !process.saw_losses && process.open_pools == 0; /* workers of an open pool do not finalize */
    if (process.is_mpi_ours && rp__mpi_is_running() && is_safe)
        rp__mpi_finalize();
    process.is_mpi_ours = false;
    return exit_status;
}
