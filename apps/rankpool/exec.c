/* SPDX-License-Identifier: BSD-3-Clause */
/* rankpool exec: starts a program written with the library. */
#include "tool.h"

#include "launch/launch.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: rankpool exec [-n WORKERS] [--] PROGRAM [ARGUMENT ...]\n\n"
    "Starts a program written with the rankpool library on WORKERS + 1 ranks, with the mpirun options that "
    "let\n"
    "lost ranks be survived, and ends with the exit status of its rank 0.\n\n"
    "  -n, --workers N   workers, besides the master (default: the cores this process may use, in a Slurm "
    "job\n"
    "                    what it grants)\n"
    "  -q, --quiet       no progress line\n"
    "  -h, --help        this text\n\n"
    "A program that is started without mpirun starts itself again in this way (rp_init).\n";

int cmd_exec(int argc, char **argv)
{
    static const struct option longs[] = {{"workers", required_argument, NULL, 'n'},
                                          {"quiet", no_argument, NULL, 'q'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int64_t workers = 0;
    bool is_quiet = false;
    int opt;
    optind = 1;
    while ((opt = getopt_long(argc, argv, "+:n:qh", longs, NULL)) != -1) {
        if (opt == 'h') {
            fputs(help, stdout);
            return RP__EXIT_OK;
        }
        if (opt == 'q')
            is_quiet = true;
        else if (opt != 'n')
            return tool_bad_option("exec", opt, argv);
        else if (!tool_number(optarg, 1, 100000, &workers))
            return tool_usage("exec", "-n takes a number of workers from 1 to 100000, not '%s'", optarg);
    }
    if (optind == argc)
        return tool_usage("exec", "no program given");
    rp__launch_options o = {
        .workers = (int) workers, .argv = argv + optind, .input_fd = -1, .is_progress = !is_quiet};
    return rp__launch(&o);
}
