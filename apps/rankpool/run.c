/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rankpool run: as the parent it checks everything and starts mpirun on itself; as a rank it opens the pool,
 * and rank 0 runs the commands.
 */
#include "tool.h"

#include "api/commands.h"
#include "launch/launch.h"
#include "net/mpi_carrier.h"
#include "report/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char help[] =
    "usage: rankpool run [OPTIONS] TASKFILE\n"
    "       rankpool run [OPTIONS] -- COMMAND [WORD ...] [::: VALUE ...] ...\n\n"
    "TASKFILE has one shell command per line; blank lines and lines that start with # are left out; - reads\n"
    "standard input. With --, COMMAND runs once for every combination of the ::: values: {} stands for all\n"
    "values, {1}, {2} for one of them, {#} for the combination's number; without any they are appended. A\n"
    "COMMAND of one word is shell text; several words are taken as they stand.\n\n"
    "  -n, --workers N   workers, besides the master (default: the cores this process may use, in a Slurm "
    "job\n"
    "                    what it grants)\n"
    "  -o, --output F    run file (default: TASKFILE with .h5 in place of its ending, in the working "
    "directory;\n"
    "                    rankpool-DATE-TIME.h5 for standard input and --)\n"
    "      --resume      go on with a run file of the same tasks: what it has is not run again\n"
    "      --force       replace a run file that exists\n"
    "  -q, --quiet       no progress, no summary\n"
    "  -h, --help        this text\n\n"
    "Every command's standard output and error, exit status, times and peak memory are in the run file:\n"
    "'rankpool status F' and 'rankpool show F --task I' read it, and h5py, MATLAB or h5dump.\n"
    "Tasks are numbered from 0 in the order of the file; commands see RANKPOOL_TASK_INDEX and "
    "RANKPOOL_RANK.\n\n"
    "Ctrl-C once: running commands finish, nothing new is started; twice: they are killed.\n"
    "Under a mpirun of your own (mpirun -n N rankpool run ...) there are N - 1 workers, Ctrl-C and the exit\n"
    "status are mpirun's, and 'rankpool status --exit-code F' has the true one.\n\n"
    "exit status: 0 all tasks succeeded; 1 some failed; 2 wrong usage or input; 3 the pool or the run file\n"
    "failed; 75 stopped early with work left; 130 after Ctrl-C\n";

typedef struct run_options {
    int64_t workers;      /* 0: default */
    const char *taskfile; /* NULL: sweep */
    char **sweep;
    int sweep_count;
    char output[4096];
    bool has_output;
    rp_store_mode mode;
    bool is_quiet;
} run_options;

/* ---- options ---- */

static void default_output(run_options *o)
{
    const char *base = o->taskfile ? strrchr(o->taskfile, '/') : NULL;
    base = base ? base + 1 : o->taskfile;
    if (o->taskfile && strcmp(o->taskfile, "-") != 0) {
        const char *dot = strrchr(base, '.');
        int n = dot && dot != base ? (int) (dot - base) : (int) strlen(base);
        (void) snprintf(o->output, sizeof o->output, "%.*s.h5", n, base); /* cut names fail to open */
        return;
    }
    time_t now = time(NULL);
    struct tm tm;
    localtime_r(&now, &tm);
    strftime(o->output, sizeof o->output, "rankpool-%Y%m%d-%H%M%S.h5", &tm);
}

static int take_option(run_options *o, int opt, char **argv)
{
    switch (opt) {
    case 'n':
        if (!tool_number(optarg, 1, 100000, &o->workers))
            return tool_usage("run", "-n takes a number of workers from 1 to 100000, not '%s'", optarg);
        return -1;
    case 'o':
        if (!*optarg || strlen(optarg) >= sizeof o->output)
            return tool_usage("run", "-o takes the name of a file");
        memcpy(o->output, optarg, strlen(optarg) + 1);
        o->has_output = true;
        return -1;
    case 'q':
        o->is_quiet = true;
        return -1;
    case 'R':
    case 'F':
        if (o->mode != RP_STORE_CREATE && o->mode != (opt == 'R' ? RP_STORE_RESUME : RP_STORE_REPLACE))
            return tool_usage("run", "--resume and --force exclude each other");
        o->mode = opt == 'R' ? RP_STORE_RESUME : RP_STORE_REPLACE;
        return -1;
    case 'h':
        fputs(help, stdout);
        return RP__EXIT_OK;
    default:
        return tool_bad_option("run", opt, argv);
    }
}

/* -1: go on; else the exit status. */
static int parse(run_options *o, int argc, char **argv)
{
    static const struct option longs[] = {
        {"workers", required_argument, NULL, 'n'},
        {"output", required_argument, NULL, 'o'},
        {"resume", no_argument, NULL, 'R'},
        {"force", no_argument, NULL, 'F'},
        {"quiet", no_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int opt, rc = -1;
    optind = 1;
    while (rc < 0 && (opt = getopt_long(argc, argv, "+:n:o:qh", longs, NULL)) != -1)
        rc = take_option(o, opt, argv);
    if (rc >= 0)
        return rc;
    bool is_sweep = strcmp(argv[optind - 1], "--") == 0;
    if (is_sweep) {
        o->sweep = argv + optind;
        o->sweep_count = argc - optind;
    } else if (optind == argc) {
        return tool_usage("run", "no task file given");
    } else {
        o->taskfile = argv[optind];
        if (optind + 1 < argc)
            return tool_usage(
                "run",
                "one task file is enough: '%s' is too many (options go before it; a command with ::: "
                "values goes after --)",
                argv[optind + 1]);
    }
    if (!o->has_output)
        default_output(o);
    return -1;
}

/* ---- input ---- */

/* Reads the tasks; fd -1: open what the options name. */
static rp_status read_tasks(const run_options *o, int fd, rp__tasklist *list, rp_error *err)
{
    if (o->sweep)
        return rp__tasklist_sweep(list, o->sweep, o->sweep_count, err);
    bool is_stdin = strcmp(o->taskfile, "-") == 0;
    const char *name = is_stdin ? "standard input" : o->taskfile;
    if (fd < 0)
        fd = is_stdin ? dup(STDIN_FILENO) : open(o->taskfile, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return rp__fail(err, RP_EINVAL, "%s: cannot be opened as a task file: %s", name, strerror(errno));
    rp_status st = rp__tasklist_read(list, fd, name, err);
    close(fd);
    return st;
}

/* Whether the run file could be made there; the store says it again, more exactly, when the run begins. */
static rp_status check_output(const run_options *o, rp_error *err)
{
    struct stat st;
    if (stat(o->output, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return rp__fail(err, RP_EINVAL, "%s: is a directory; -o takes the name of a file", o->output);
        if (o->mode == RP_STORE_CREATE)
            return rp__fail(
                err, RP_EEXIST,
                "%s: exists: give --resume to go on with it, --force to replace it, or another name with -o",
                o->output);
        return RP_OK;
    }
    char dir[sizeof o->output];
    memcpy(dir, o->output, sizeof dir);
    char *slash = strrchr(dir, '/');
    if (slash)
        slash[slash == dir] = '\0';
    const char *where = slash ? dir : ".";
    if (stat(where, &st) == 0 && !S_ISDIR(st.st_mode))
        errno = ENOTDIR;
    else if (access(where, W_OK | X_OK) == 0)
        return RP_OK;
    return rp__fail(err, RP_ESTORE, "%s: cannot be written: folder '%s': %s", o->output, where,
                    strerror(errno));
}

static int exit_code_of(rp_status st)
{
    return st == RP_EINVAL || st == RP_EEXIST ? RP__EXIT_USAGE : RP__EXIT_POOL;
}

/* ---- the parent ---- */

/* Standard input as a file that can be handed to rank 0. */
static int stdin_as_file(rp_error *err)
{
    int fd = memfd_create("rankpool-tasks", MFD_CLOEXEC);
    char buf[1 << 16];
    ssize_t n = 0;
    while (fd >= 0 && (n = read(STDIN_FILENO, buf, sizeof buf)) > 0)
        if (!rp__write_all(fd, buf, (size_t) n))
            n = -1;
    if (fd < 0 || n < 0 || lseek(fd, 0, SEEK_SET) != 0) {
        (void) rp__fail(err, RP_EINVAL, "standard input cannot be read: %s", strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

static int run_as_parent(const run_options *o, int argc, char **argv)
{
    rp_error err;
    rp__tasklist list = {0};
    int input = -1;
    rp_status st = check_output(o, &err);
    if (!st && o->taskfile && strcmp(o->taskfile, "-") == 0 && (input = stdin_as_file(&err)) < 0)
        st = RP_EINVAL;
    if (!st)
        st = read_tasks(o, input >= 0 ? dup(input) : -1, &list, &err);
    rp__tasklist_done(&list);
    if (st)
        return tool_fail(exit_code_of(st), "%s", err.text);
    if (input >= 0)
        (void) lseek(input, 0, SEEK_SET); /* a memory file seeks */
    static char self[4096];
    char **args = calloc((size_t) argc + 6, sizeof *args);
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (!args || n <= 0)
        return tool_fail(RP__EXIT_POOL, "cannot start: %s", strerror(errno));
    int k = 0;
    args[k++] = self;
    args[k++] = argv[0];
    if (!o->has_output) { /* it may hold the time of day: the ranks must not choose another */
        args[k++] = (char *) (uintptr_t) "-o";
        args[k++] = (char *) (uintptr_t) o->output;
    }
    for (int i = 1; i < argc; i++)
        args[k++] = argv[i];
    rp__launch_options lo = {
        .workers = (int) o->workers, .argv = args, .input_fd = input, .is_progress = !o->is_quiet};
    int rc = rp__launch(&lo);
    free(args);
    return rc;
}

/* ---- rank 0 ---- */

static void print_summary(const run_options *o, const rp__commands_result *r)
{
    char wall[32];
    rp__duration_text(r->wall_s, wall, sizeof wall);
    const rp__store_counts *c = &r->counts;
    int64_t left = c->tasks - c->succeeded - c->failed - c->lost;
    double capacity = r->wall_s * r->workers;
    fprintf(stderr, "rankpool: %lld tasks: %lld succeeded, %lld failed, %lld lost", (long long) c->tasks,
            (long long) c->succeeded, (long long) c->failed, (long long) c->lost);
    if (left)
        fprintf(stderr, ", %lld not run", (long long) left);
    fprintf(stderr, " | %s on %d worker%s", wall, r->workers, r->workers == 1 ? "" : "s");
    if (r->workers_lost)
        fprintf(stderr, " (%d lost)", r->workers_lost);
    fprintf(stderr, ", CPU utilisation %.0f %%\n", capacity > 0 ? 100 * r->cpu_s / capacity : 0.0);
    fprintf(stderr, "rankpool: results are in %s\n", o->output);
    if (left)
        fprintf(stderr, "rankpool: next: the same command with --resume runs what is missing\n");
    else if (r->first_failed >= 0)
        fprintf(stderr, "rankpool: next: rankpool show %s --task %lld\n", o->output,
                (long long) r->first_failed);
    else
        fprintf(stderr, "rankpool: next: rankpool status %s, or rankpool show %s --task 0\n", o->output,
                o->output);
}

static int run_as_master(const run_options *o, rp_pool *pool, int input_fd)
{
    rp_error err;
    rp__tasklist list = {0};
    rp__commands_result r;
    rp_status st = read_tasks(o, input_fd, &list, &err);
    if (!st)
        st = check_output(o, &err);
    if (!st)
        st = rp__commands_run(pool, &list, o->output, o->mode, &r, &err);
    rp__tasklist_done(&list);
    if (st)
        return tool_fail(exit_code_of(st), "%s", err.text);
    if (!o->is_quiet)
        print_summary(o, &r);
    if (r.is_broken)
        (void) tool_fail(0, "no worker was left: what was missing is not run");
    return rp__commands_exit_code(&r);
}

static int run_as_rank(run_options *o, int argc, char **argv)
{
    rp_pool_options po = RP_POOL_OPTIONS_INIT;
    po.progress = !o->is_quiet;
    rp_pool *pool = NULL;
    if (rp_init(&argc, &argv) != RP_OK)
        return RP__EXIT_POOL;
    rp__line *line = rp__process_get()->line;
    int input_fd = line ? rp__line_input(line) : -1, rc = RP__EXIT_OK;
    rp_status st = rp_pool_open(&pool, &po);
    if (st == RP_OK) {
        rc = run_as_master(o, pool, input_fd);
        (void) rp_pool_close(&pool); /* rc has the story */
        if (!line)                   /* mpirun hides it */
            (void) tool_fail(0, "exit status %d (mpirun may report another)", rc);
    } else if (st != RP_SERVED) {
        rc = tool_fail(RP__EXIT_POOL, "%s", rp_init_error()->text);
    }
    return rp_finalize(rc);
}

int cmd_run(int argc, char **argv)
{
    static run_options o;
    int rc = parse(&o, argc, argv), said;
    if (rc >= 0)
        return rc;
    if (rp__mpi_is_launched(&said) || rp__line_expected_ranks() || rp__process_is_lonely_srun_task())
        return run_as_rank(&o, argc, argv);
    return run_as_parent(&o, argc, argv);
}
