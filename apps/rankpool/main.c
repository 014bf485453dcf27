/* SPDX-License-Identifier: BSD-3-Clause */
/* rankpool: finds the subcommand; and the helpers all of them use. */
#include "launch/launch.h"
#include "tool.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what;
} commands[] = {
    {"run", cmd_run, "run a file of shell commands, or one command over ::: values"},
    {"exec", cmd_exec, "start a program written with the library"},
    {"status", cmd_status, "how far a run is, from its run file"},
    {"show", cmd_show, "one task of a run: command, result, output"},
};

static void print_help(FILE *f)
{
    fprintf(
        f,
        "usage: rankpool COMMAND [OPTIONS]\n\n"
        "Runs many tasks on MPI ranks, on the cores of this machine or the nodes of a Slurm job, and keeps\n"
        "everything about them in one HDF5 file. Lost ranks cost nothing but their running task's time.\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(f, "  %-8s %s\n", commands[i].name, commands[i].what);
    fprintf(
        f,
        "\n'rankpool COMMAND --help' tells more. rankpool --version prints the version.\n\n"
        "exit status: 0 all tasks succeeded; 1 some failed; 2 wrong usage or input; 3 the pool or the run\n"
        "file failed; 75 stopped early with work left; 130 after Ctrl-C\n");
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help(stdout);
        return RP__EXIT_OK;
    }
    if (strcmp(name, "--version") == 0) {
        puts("rankpool " RP_BUILD_VERSION);
        return RP__EXIT_OK;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    if (*name)
        fprintf(stderr, "rankpool: there is no command '%s'\n\n", name);
    print_help(stderr);
    return RP__EXIT_USAGE;
}

int tool_fail(int status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("rankpool: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    return status;
}

int tool_usage(const char *command, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("rankpool: ", stderr);
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, "\nrankpool: 'rankpool %s --help' tells how\n", command);
    va_end(ap);
    return RP__EXIT_USAGE;
}

int tool_bad_option(const char *command, int opt, char **argv)
{
    const char *arg = argv[optind - 1];
    if (opt == ':')
        return tool_usage(command, "option '%s' needs a value", arg);
    if (optopt && optopt < 256)
        return tool_usage(command, "there is no option '-%c'", optopt);
    return tool_usage(command, "option '%s' is unknown, ambiguous or takes no value", arg);
}

bool tool_number(const char *text, int64_t least, int64_t most, int64_t *out)
{
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno || end == text || *end || v < least || v > most)
        return false;
    *out = v;
    return true;
}

void tool_bytes(int64_t bytes, char *out, size_t len)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double v = (double) bytes;
    size_t u = 0;
    while (v >= 1024 && u + 1 < sizeof units / sizeof *units) {
        v /= 1024;
        u++;
    }
    (void) snprintf(out, len, u ? "%.1f %s" : "%.0f %s", v, units[u]); /* fits 32 */
}

void tool_time(double seconds, char *out, size_t len)
{
    time_t t = (time_t) seconds;
    struct tm tm;
    if (seconds <= 0 || !localtime_r(&t, &tm))
        (void) snprintf(out, len, "-"); /* fits */
    else
        strftime(out, len, "%Y-%m-%d %H:%M:%S", &tm);
}
