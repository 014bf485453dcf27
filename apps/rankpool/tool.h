/* SPDX-License-Identifier: BSD-3-Clause */
/* What the subcommands share. Each takes its own argv (argv[0] is its name) and returns an exit status. */
#ifndef RP_APPS_TOOL_H
#define RP_APPS_TOOL_H

#include "base/base.h"

int cmd_run(int argc, char **argv);
int cmd_exec(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_show(int argc, char **argv);

/* "rankpool: text" on stderr; returns status, for `return tool_fail(RP__EXIT_USAGE, ...)`. */
int tool_fail(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same with a last line that names the subcommand's --help. */
int tool_usage(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A whole number of at least `least`; false when text is none. */
bool tool_number(const char *text, int64_t least, int64_t most, int64_t *out);

/* Says why getopt_long stopped at an argument, and returns RP__EXIT_USAGE. */
int tool_bad_option(const char *command, int opt, char **argv);

/* Bytes for people, as "12.3 MiB". */
void tool_bytes(int64_t bytes, char *out, size_t len);

/* Seconds since 1970 as local date and time; "-" for 0. */
void tool_time(double seconds, char *out, size_t len);

#endif
