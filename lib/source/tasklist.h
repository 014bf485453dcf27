/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lists of shell commands: a task file with one command per line, or a command with ::: values.
 */
#ifndef RP_SOURCE_TASKLIST_H
#define RP_SOURCE_TASKLIST_H

#include "source/source.h"

typedef struct rp__tasklist {
    rp__buf text;     /* owned: the commands, one behind the other */
    uint64_t *offset; /* owned: command k is text[offset[k]] to text[offset[k + 1]] */
    int64_t count, cap;
} rp__tasklist;

/*
 * Reads commands from a descriptor until its end: one per line; blank lines and lines whose first character
 * after blanks is # are left out; a carriage return at the end of a line goes too. RP_EINVAL with name, line,
 * what is wrong and what to do: no command at all, a NUL byte, a line that is longer than a command may be, a
 * directory. RP_ENOMEM.
 */
rp_status rp__tasklist_read(rp__tasklist *l, int fd, const char *name, rp_error *err);

/*
 * Builds commands from "COMMAND ... ::: values ... ::: values ...": every combination, the last list varying
 * fastest. {} stands for all values of a combination, {1}, {2} ... for one, {#} for its number from 1;
 * without any of them the values are appended. A COMMAND of one word is shell text, in which values are
 * quoted; of several words, each is quoted as it stands. RP_EINVAL: no command, an empty list of values, or
 * too long a command.
 */
rp_status rp__tasklist_sweep(rp__tasklist *l, char *const *argv, int argc, rp_error *err);

rp__bytes rp__tasklist_get(const rp__tasklist *l, int64_t k);
void rp__tasklist_done(rp__tasklist *l);

/* A source over a list; the list is lent. */
typedef struct rp__source_tasklist {
    rp__source base;
    const rp__tasklist *list;
} rp__source_tasklist;

rp__source_tasklist rp__source_tasklist_of(const rp__tasklist *l);

#endif
