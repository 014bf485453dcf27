/* SPDX-License-Identifier: BSD-3-Clause */
/* rankpool show: one task of a run. */
#include "tool.h"

#include "launch/launch.h"
#include "store/store.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] = "usage: rankpool show RUN.h5 --task I\n\n"
                           "Prints one task of a run: command, state, exit status, times, peak memory, "
                           "standard output and error.\n\n"
                           "  -t, --task I      index of the task, from 0\n"
                           "  -h, --help        this text\n";

static void print_output(const char *name, const rp__buf *b)
{
    if (b->len == 0) {
        printf("%s: empty\n", name);
        return;
    }
    printf("%s (%zu bytes):\n", name, b->len);
    fwrite(b->data, 1, b->len, stdout);
    if (b->data[b->len - 1] != '\n')
        putchar('\n');
}

static void print_end(const rp__run_task *t)
{
    char memory[32], started[32];
    tool_bytes(t->peak_rss_bytes, memory, sizeof memory);
    tool_time(t->started, started, sizeof started);
    if (t->signal)
        printf("ended:       killed by signal %d (%s)\n", t->signal, strsignal(t->signal));
    else
        printf("exit status: %d\n", t->exit_status);
    printf("worker:      rank %d, attempt %d\n", t->worker, t->attempts);
    printf("started:     %s\n", started);
    printf("wall time:   %.3f s (user %.3f s, system %.3f s)\n", t->wall_s, t->user_s, t->system_s);
    printf("peak memory: %s\n", memory);
}

static void print_task(const rp__run_task *t, bool is_commands)
{
    printf("task:        %lld\n", (long long) t->index);
    if (is_commands)
        printf("command:     %.*s\n", (int) t->command.len,
               t->command.len ? (const char *) t->command.data : "");
    printf("state:       %s\n", rp__task_state_name(t->state));
    if (t->text[0])
        printf("reason:      %s\n", t->text);
    if (t->state != RP__TASK_SUCCEEDED && t->state != RP__TASK_FAILED)
        return;
    if (!is_commands) {
        printf("worker:      rank %d, attempt %d\n", t->worker, t->attempts);
        return;
    }
    print_end(t);
    print_output("stdout", &t->out);
    print_output("stderr", &t->err);
}

static int show_task(const char *path, int64_t index)
{
    rp_error err;
    rp__run *run = NULL;
    rp__run_summary s = {0};
    rp__run_task t = {0};
    rp_status st = rp__run_open(&run, path, &err);
    if (!st)
        st = rp__run_summary_get(run, &s, &err);
    if (!st)
        st = rp__run_task_get(run, index, &t, &err);
    if (!st)
        print_task(&t, s.is_commands);
    rp__run_task_done(&t);
    rp__run_summary_done(&s);
    rp__run_close(&run);
    return st ? tool_fail(RP__EXIT_USAGE, "%s", err.text) : RP__EXIT_OK;
}

int cmd_show(int argc, char **argv)
{
    static const struct option longs[] = {
        {"task", required_argument, NULL, 't'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    int opt;
    int64_t index = -1;
    optind = 1;
    while ((opt = getopt_long(argc, argv, ":t:h", longs, NULL)) != -1) {
        if (opt == 'h') {
            fputs(help, stdout);
            return RP__EXIT_OK;
        }
        if (opt != 't')
            return tool_bad_option("show", opt, argv);
        if (!tool_number(optarg, 0, INT64_MAX, &index))
            return tool_usage("show", "--task takes the index of a task, from 0, not '%s'", optarg);
    }
    if (argc - optind != 1)
        return tool_usage("show", "one run file is wanted, %d are given", argc - optind);
    if (index < 0)
        return tool_usage("show", "which task? give --task I");
    return show_task(argv[optind], index);
}
