/* SPDX-License-Identifier: BSD-3-Clause */
/* rankpool status: what a run file says about its run, finished or not. */
#include "tool.h"

#include "launch/launch.h"
#include "report/progress.h"
#include "store/store.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: rankpool status [--json | --exit-code] RUN.h5\n\n"
    "Tells how far a run is. Works while the run goes on, from any terminal that sees the file, and after a "
    "crash.\n\n"
    "      --json        one JSON object: tasks, succeeded, failed, lost, cancelled, running, pending, "
    "complete,\n"
    "                    finished, exit_code (null while unfinished), kind, program, master {host, pid, "
    "alive},\n"
    "                    workers [{rank, host, pid, state}], created, updated, ended (seconds since 1970); "
    "state is\n"
    "                    alive, lost, left, or unknown once the master is gone\n"
    "      --exit-code   prints nothing and ends with the run's exit status; 75 while it is not finished\n"
    "  -h, --help        this text\n";

/* A text of the file for JSON, which takes UTF-8 only: other bytes become question marks. */
static json_t *json_text(const char *text)
{
    json_t *j = json_string(text);
    char *copy = j ? NULL : strdup(text);
    for (char *p = copy; p && *p; p++)
        if (*p & 0x80)
            *p = '?';
    if (copy)
        j = json_string(copy);
    free(copy);
    return j;
}

/* Nobody tells of the workers of a master that is gone. */
static const char *worker_state(const rp__run_summary *s, const rp__run_worker *w)
{
    bool is_known = w->state != RP__WORKER_ALIVE || s->finished || s->master_alive;
    return is_known ? rp__worker_state_name(w->state) : "unknown";
}

static int print_json(const rp__run_summary *s)
{
    json_t *workers = json_array();
    for (int i = 0; i < s->worker_count; i++) {
        const rp__run_worker *w = &s->workers[i];
        if (w->state == RP__WORKER_NONE) /* the master's row, or a rank that never joined */
            continue;
        json_array_append_new(workers, json_pack("{s:i, s:o, s:I, s:s}", "rank", (int) w->rank, "host",
                                                 json_text(w->host), "pid", (json_int_t) w->pid, "state",
                                                 worker_state(s, w)));
    }
    const rp__store_counts *c = &s->counts;
    json_t *o = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:o, s:s, s:o, s:{s:o, s:I, s:b}, s:o, s:f, s:f, s:f}",
        "tasks", (json_int_t) c->tasks, "succeeded", (json_int_t) c->succeeded, "failed",
        (json_int_t) c->failed, "lost", (json_int_t) c->lost, "cancelled", (json_int_t) c->cancelled,
        "running", (json_int_t) c->running, "pending", (json_int_t) s->pending, "complete", s->complete,
        "finished", s->finished, "exit_code", s->finished ? json_integer(s->exit_code) : json_null(), "kind",
        s->is_commands ? "commands" : "function", "program", json_text(s->program), "master", "host",
        json_text(s->master_host), "pid", (json_int_t) s->master_pid, "alive", s->master_alive, "workers",
        workers, "created", s->created, "updated", s->updated, "ended", s->ended);
    char *text = o ? json_dumps(o, JSON_INDENT(2)) : NULL;
    json_decref(o);
    if (!text)
        return tool_fail(RP__EXIT_POOL, "the file's texts are not UTF-8, or memory is short");
    puts(text);
    free(text);
    return RP__EXIT_OK;
}

static const char *state_of(const rp__run_summary *s)
{
    if (s->finished)
        return s->complete ? "complete"
                           : "stopped early: the same command with --resume runs what is missing";
    return s->master_alive ? "running" : "its master is gone: the same command with --resume goes on";
}

static void print_people(const char *path, const rp__run_summary *s)
{
    char created[32], ended[32], took[32];
    const rp__store_counts *c = &s->counts;
    tool_time(s->created, created, sizeof created);
    tool_time(s->ended, ended, sizeof ended);
    rp__duration_text((s->finished ? s->ended : s->updated) - s->created, took, sizeof took);
    printf("%s: %s\n", path, state_of(s));
    printf("  command   %s\n", s->program);
    if (s->title[0])
        printf("  title     %s\n", s->title);
    printf("  tasks     %lld: %lld succeeded, %lld failed, %lld lost, %lld cancelled, %lld running, %lld "
           "pending\n",
           (long long) c->tasks, (long long) c->succeeded, (long long) c->failed, (long long) c->lost,
           (long long) c->cancelled, (long long) c->running, (long long) s->pending);
    printf("  started   %s\n", created);
    if (s->finished)
        printf("  ended     %s (%s), exit status %d\n", ended, took, s->exit_code);
    else
        printf("  so far    %s\n", took);
    printf("  master    %s, pid %lld%s\n", s->master_host, (long long) s->master_pid,
           s->finished       ? ", ended"
           : s->master_alive ? ""
                             : ", gone");
    for (int i = 0; i < s->worker_count; i++)
        if (s->workers[i].state != RP__WORKER_NONE)
            printf("  worker    rank %d on %s, pid %lld: %s\n", s->workers[i].rank, s->workers[i].host,
                   (long long) s->workers[i].pid, worker_state(s, &s->workers[i]));
}

static int show_summary(const char *path, int how)
{
    rp_error err;
    rp__run *run = NULL;
    rp__run_summary s = {0};
    rp_status st = rp__run_open(&run, path, &err);
    if (!st)
        st = rp__run_summary_get(run, &s, &err);
    int rc = RP__EXIT_OK;
    if (st)
        rc = tool_fail(RP__EXIT_USAGE, "%s", err.text);
    else if (how == 'j')
        rc = print_json(&s);
    else if (how == 'x')
        rc = s.finished ? s.exit_code : RP__EXIT_EARLY;
    else
        print_people(path, &s);
    rp__run_summary_done(&s);
    rp__run_close(&run);
    return rc;
}

int cmd_status(int argc, char **argv)
{
    static const struct option longs[] = {{"json", no_argument, NULL, 'j'},
                                          {"exit-code", no_argument, NULL, 'x'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int opt, how = 0;
    optind = 1;
    while ((opt = getopt_long(argc, argv, ":h", longs, NULL)) != -1) {
        if (opt == 'h') {
            fputs(help, stdout);
            return RP__EXIT_OK;
        }
        if (opt != 'j' && opt != 'x')
            return tool_bad_option("status", opt, argv);
        how = opt;
    }
    if (argc - optind != 1)
        return tool_usage("status", "one run file is wanted, %d are given", argc - optind);
    return show_summary(argv[optind], how);
}
