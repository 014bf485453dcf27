/* SPDX-License-Identifier: BSD-3-Clause */
/* Starting MPI with the right limits, and reading back those that are in force. */
#include "net/mpi_limits.h"
#include "net/mpi_carrier.h"

#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_MAX    60000 /* two of these in flight stream at 0.74 to 0.97 of MPI's own rate */
#define HEADER_SLACK 128   /* of the eager limit, taken by the transport's own headers */

static bool is_prepared; /* the environment holds the limits in force */

void rp__mpi_prepare(void)
{
    /* Both names of the shared-memory transport: vader in Open MPI 4, sm in 5. Segments have to hold the
     * frames. */
    static const char *const wanted[][2] = {
        {"OMPI_MCA_pml", "ob1"},
        {"OMPI_MCA_btl_vader_eager_limit", "65536"},
        {"OMPI_MCA_btl_vader_max_send_size", "65536"},
        {"OMPI_MCA_btl_vader_segment_size", "33554432"},
        {"OMPI_MCA_btl_sm_eager_limit", "65536"},
        {"OMPI_MCA_btl_sm_max_send_size", "65536"},
        {"OMPI_MCA_btl_sm_segment_size", "33554432"},
        {"OMPI_MCA_btl_tcp_eager_limit", "65536"},
        {"OMPI_MCA_mpi_warn_on_fork", "0"},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        (void) setenv(wanted[i][0], wanted[i][1], 0); /* the user's own setting wins */
    is_prepared = true;
    (void) signal(SIGPIPE, SIG_IGN); /* writing to a rank that has died must not end this one */
}

bool rp__mpi_is_running(void)
{
    int yes = 0, over = 0;
    return MPI_Initialized(&yes) == MPI_SUCCESS && yes && MPI_Finalized(&over) == MPI_SUCCESS && !over;
}

rp_status rp__mpi_start(int *argc, char ***argv, bool *ours_out, rp_error *err)
{
    *ours_out = false;
    if (rp__mpi_is_running())
        return RP_OK;
    int level = 0;
    if (MPI_Init_thread(argc, argv, MPI_THREAD_MULTIPLE, &level) != MPI_SUCCESS)
        return rp__fail(err, RP_ENET, "MPI_Init failed");
    *ours_out = true;
    return RP_OK;
}

void rp__mpi_finalize(void)
{
    MPI_Finalize();
}

int rp__mpi_world_size(void)
{
    int n = 1;
    MPI_Comm_size(MPI_COMM_WORLD, &n);
    return n;
}

int rp__mpi_world_rank(void)
{
    int n = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &n);
    return n;
}

bool rp__mpi_is_launched(int *size_out)
{
    /* Open MPI's mpirun, PMIx servers (srun), PMI of other MPIs' launchers. */
    static const char *const ranks[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "PMI_ID"};
    static const char *const sizes[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"};
    *size_out = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && *size_out == 0; i++)
        *size_out = getenv(sizes[i]) ? atoi(getenv(sizes[i])) : 0;
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++)
        if (getenv(ranks[i]))
            return true;
    return false;
}

/* ---- limits ---- */

/* A size variable of MPI's tool interface; 0 when there is none of that name. */
static size_t read_variable(const char *name)
{
    int index, count = 0;
    MPI_T_cvar_handle handle;
    union {
        unsigned long long ull;
        unsigned u;
        unsigned char bytes[64];
    } v = {0};
    if (MPI_T_cvar_get_index(name, &index) != MPI_SUCCESS ||
        MPI_T_cvar_handle_alloc(index, NULL, &handle, &count) != MPI_SUCCESS)
        return 0;
    int rc = MPI_T_cvar_read(handle, &v);
    MPI_T_cvar_handle_free(&handle);
    return rc == MPI_SUCCESS ? (size_t) v.ull : 0; /* little-endian: a shorter type leaves the rest zero */
}

/* The same from the environment that rp__mpi_prepare left. */
static size_t read_environment(const char *name)
{
    char variable[64];
    (void) snprintf(variable, sizeof variable, "OMPI_MCA_%s", name); /* fits */
    const char *value = getenv(variable);
    return value ? (size_t) strtoull(value, NULL, 10) : 0;
}

static size_t least_limit(size_t (*read)(const char *name))
{
    static const char *const names[] = {"btl_vader_eager_limit", "btl_sm_eager_limit", "btl_tcp_eager_limit"};
    size_t least = FRAME_MAX;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t limit = read(names[i]);
        if (limit > 2 * HEADER_SLACK && limit - HEADER_SLACK < least)
            least = limit - HEADER_SLACK;
    }
    return least;
}

/* The limits stay as they are while MPI runs; asking MPI takes 0.2 s. */
size_t rp__mpi_frame_bytes(void)
{
    static size_t known;
    int level;
    if (known)
        return known;
    if (is_prepared)
        return known = least_limit(read_environment);
    if (MPI_T_init_thread(MPI_THREAD_MULTIPLE, &level) != MPI_SUCCESS)
        return 4096 - HEADER_SLACK; /* the smallest default there is */
    known = least_limit(read_variable);
    MPI_T_finalize();
    return known;
}

int rp__mpi_remote_window(void)
{
#if defined(OMPI_MAJOR_VERSION) && OMPI_MAJOR_VERSION >= 5
    return 8;
#else
    return 2;
#endif
}

bool rp__mpi_has_no_shared_memory(void)
{
    const char *btl = getenv("OMPI_MCA_btl");
    if (!btl || !*btl)
        return false;
    bool names_it = strstr(btl, "vader") || strstr(btl, "sm");
    return btl[0] == '^' ? names_it : !names_it;
}
