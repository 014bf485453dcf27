/* SPDX-License-Identifier: BSD-3-Clause */
/* For tests of the supervisor: commands run to their end, and questions to /proc. */
#ifndef RPT_COMMAND_H
#define RPT_COMMAND_H

#include "exec/supervisor.h"
#include "rpt.h"

#include <ctype.h>
#include <dirent.h>
#include <poll.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define RPT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RPT_ASAN 1
#endif
#endif
#ifndef RPT_ASAN
#define RPT_ASAN 0
#endif

static inline rp__supervisor *rpt_supervisor(void)
{
    rp_error err = {0};
    rp__supervisor *s = NULL;
    if (rp__supervisor_start(&s, &err) != RP_OK) {
        printf("    no supervisor: %s\n", err.text);
        exit(1);
    }
    return s;
}

/* Polls until there is an answer other than RP_EMPTY, for at most 60 s. */
static inline rp_status rpt_command_wait(rp__supervisor *s, rp__command_result *r, rp_error *err)
{
    struct pollfd p = {.fd = rp__supervisor_fd(s), .events = POLLIN};
    return poll(&p, 1, 60000) == 1 ? rp__supervisor_poll(s, r, err) : RP_TIMEOUT;
}

/* Runs a command as task 41 of rank 3; r is empty when it fails. */
static inline rp_status rpt_command_bytes(rp__supervisor *s, const char *line, size_t len,
                                          rp__command_result *r)
{
    rp_error err = {0};
    *r = (rp__command_result){0};
    rp_status st = rp__supervisor_spawn(s, line, len, 41, 3, &err);
    if (st == RP_OK)
        st = rpt_command_wait(s, r, &err);
    if (st != RP_OK)
        printf("    '%.60s': %s\n", line, err.text);
    return st;
}

static inline rp_status rpt_command(rp__supervisor *s, const char *line, rp__command_result *r)
{
    return rpt_command_bytes(s, line, strlen(line), r);
}

/* Captured output as a string, cut after 4 KiB; the next call overwrites it. */
static inline const char *rpt_text(rp__bytes b)
{
    static char text[4096];
    size_t n = b.len < sizeof text - 1 ? b.len : sizeof text - 1;
    if (n)
        memcpy(text, b.data, n);
    text[n] = '\0';
    return text;
}

/* Reads "PID (name) state ppid"; false when there is no such process. */
static inline bool rpt_proc(int pid, char name[32], char *state, int *ppid)
{
    char path[64], text[512] = "";
    (void) snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    bool ok = fgets(text, sizeof text, f) != NULL;
    fclose(f);
    char *end = strrchr(text, ')');
    return ok && end && sscanf(text, "%*d (%31[^)]", name) == 1 && sscanf(end, ") %c %d", state, ppid) == 2;
}

/* How many children pid has, zombies counted; *one: the last seen. */
static inline int rpt_children(int pid, int *one)
{
    int count = 0;
    DIR *dir = opendir("/proc");
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char name[32], state;
        int ppid, it = isdigit((unsigned char) e->d_name[0]) ? (int) strtol(e->d_name, NULL, 10) : 0;
        if (it && rpt_proc(it, name, &state, &ppid) && ppid == pid) {
            count++;
            if (one)
                *one = it;
        }
    }
    if (dir)
        closedir(dir);
    return count;
}

/* The supervisor's number, found by its parent and name. */
static inline int rpt_supervisor_pid(int rank)
{
    char name[32] = "", state;
    int pid = 0, ppid;
    for (int i = 0; i < 400 && strcmp(name, "rp-supervisor") != 0; i++) {
        usleep(5000); /* it takes its name a little after the fork */
        if (rpt_children(rank, &pid) == 1)
            (void) rpt_proc(pid, name, &state, &ppid);
    }
    RPT_EQ_STR(name, "rp-supervisor");
    return pid;
}

static inline int rpt_open_files(int pid)
{
    char path[64];
    int count = 0;
    (void) snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *dir = opendir(path);
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count;
}

/* True once the process is gone or a zombie, false when it still lives after two seconds. */
static inline bool rpt_ends(int pid)
{
    char name[32], state;
    int ppid;
    for (int i = 0; i < 400; i++) {
        if (!rpt_proc(pid, name, &state, &ppid) || state == 'Z')
            return true;
        usleep(5000);
    }
    return false;
}

#endif
