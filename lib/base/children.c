/* SPDX-License-Identifier: BSD-3-Clause */
/* Searching /proc for children. */
#include "base/children.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The parent in /proc/PID/stat, "PID (name) state ppid ..."; the name may hold blanks and parentheses. */
static pid_t parent_of(const char *pid, char *state_out)
{
    char path[300], text[512];
    int parent = 0;
    (void) snprintf(path, sizeof path, "/proc/%s/stat", pid); /* fits */
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    char *after_name = strrchr(text, ')');
    if (!after_name || sscanf(after_name, ") %c %d", state_out, &parent) != 2)
        return 0;
    return parent;
}

void rp__each_child(pid_t parent, void (*visit)(void *ctx, pid_t pid, char state), void *ctx)
{
    char state;
    DIR *dir = opendir("/proc");
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (isdigit((unsigned char) e->d_name[0]) && parent_of(e->d_name, &state) == parent)
            visit(ctx, (pid_t) strtol(e->d_name, NULL, 10), state);
    if (dir)
        closedir(dir);
}
