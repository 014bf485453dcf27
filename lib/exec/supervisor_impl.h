/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the two sides of the supervisor share: supervisor.c runs in the rank, the rest in the forked process.
 *
 * A socket pair carries one fixed-size packet per request and per answer. The command line itself lies in
 * memory that both map, so that a request of any length is one small packet that never blocks.
 *
 *     rank        SPAWN + 2 memory files ->   supervisor
 *                 KILL                   ->
 *                 <-  answer, once per SPAWN
 */
#ifndef RP_EXEC_SUPERVISOR_IMPL_H
#define RP_EXEC_SUPERVISOR_IMPL_H

#include "exec/supervisor.h"

#include <stdatomic.h>
#include <sys/types.h>

/* Mapped by both. */
typedef struct rp__exec_shared {
    _Atomic int32_t group; /* process group of the running command, 0: none; the supervisor's */
    char line[RP__COMMAND_MAX_BYTES + 1]; /* with its NUL; the rank's, while no command runs */
} rp__exec_shared;

typedef enum rp__exec_kind { RP__EXEC_SPAWN = 1, RP__EXEC_KILL } rp__exec_kind;

typedef struct rp__exec_request {
    int64_t index; /* SPAWN */
    int32_t kind;
    int32_t rank;   /* SPAWN */
    int32_t signal; /* KILL */
    int32_t unused;
} rp__exec_request;

typedef struct rp__exec_answer {
    double started, wall_s, user_s, system_s;
    int64_t peak_rss_bytes;
    int32_t exit_status, signal; /* as in rp__command_result */
    int32_t start_errno;         /* why the shell was not started; 0: it was */
    int32_t unused;
} rp__exec_answer;

/* The environment of commands: that of the rank at its start, without the launchers' variables. */
typedef struct rp__command_env {
    char index[48], rank[32]; /* the two variables that differ from command to command */
    char *vars[];             /* index, rank, then the kept ones, lent by environ; NULL at the end */
} rp__command_env;

rp__command_env *rp__command_env_new(void); /* NULL: no memory; rp__free */

/* What the forked process starts with; the descriptors are still those of the rank's table. */
typedef struct rp__supervisor_start_with {
    int sock, rank_pidfd, null_fd; /* rank_pidfd may be -1: then only the socket tells of the rank's end */
    rp__exec_shared *shared;
    rp__command_env *env;
} rp__supervisor_start_with;

/* The whole life of the forked process. All signals are blocked when it is called. */
void rp__supervisor_child(const rp__supervisor_start_with *with) __attribute__((noreturn));

/* The shell; tests put another path here before they start a supervisor. */
extern const char *rp__command_shell;

/* One command, in the supervisor. */
typedef struct rp__command {
    pid_t pid; /* of the shell, and its process group; 0: none runs */
    rp__time began;
    double started;
} rp__command;

/* Starts the shell; 0 or errno. fds: stdout, stderr. */
int rp__command_start(rp__command *c, const char *line, const int fds[2], rp__command_env *env);

/* Takes the shell's end, which must have come, kills what is left in its group, and forgets the command. */
void rp__command_finish(rp__command *c, rp__exec_answer *a);

/*
 * Kills and reaps every child of this process until there is none, which with a child subreaper means every
 * descendant. sigchld_fd: a signalfd for SIGCHLD. False when some are left after patience, as one that the
 * kernel does not let die or one of another user is.
 */
bool rp__descendants_end(int sigchld_fd, rp__time patience);

/* Makes a signalfd unreadable; what it says does not count, for signals merge. */
void rp__sigchld_drain(int sigchld_fd);

#endif
