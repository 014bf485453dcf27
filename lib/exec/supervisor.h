/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The supervisor: one small process per rank that starts commands for it and cleans up after it.
 *
 * Forked by rp_init before MPI_Init and before any socket or thread, so that it is small (commands start
 * fast and their peak memory is their own) and holds nothing of MPI. It is a child subreaper: when its rank
 * dies, however that happens, it kills the running command's process group and every descendant, waits for
 * them and goes. It has a session of its own, out of reach of signals to the rank's process group, and
 * ignores what signals it can; its standard streams are /dev/null; it holds no descriptor of the rank's but
 * one end of a socket pair. It scrubs variables of MPI's launchers (OMPI_*, PMIX_*, PRTE_*, ORTE_*, OPAL_*,
 * PMI_*) from its own environment, so that a command may call mpirun.
 *
 * Commands run in the directory and under the limits that the rank had when it started the supervisor.
 * One command at a time. The rank's side never blocks but in rp__supervisor_stop.
 */
#ifndef RP_EXEC_SUPERVISOR_H
#define RP_EXEC_SUPERVISOR_H

#include "base/base.h"

typedef struct rp__supervisor rp__supervisor;

/* The longest command line: Linux passes at most 128 KiB in one argument, with its NUL (MAX_ARG_STRLEN). */
#define RP__COMMAND_MAX_BYTES 131071

/* How a command ended. Times in seconds. */
typedef struct rp__command_result {
    int32_t exit_status; /* 0 to 255 when it exited; -1 when a signal ended it */
    int32_t signal;      /* that signal; 0 when it exited */
    double started;      /* seconds since 1970 */
    double wall_s, user_s, system_s;
    int64_t peak_rss_bytes; /* of the shell and what it waited for; no less than the supervisor's own size */
    rp__bytes out, err;     /* captured output, owned by the result: rp__command_result_done */
} rp__command_result;

void rp__command_result_done(rp__command_result *r);

/* Forks the supervisor. RP_OK, or RP_ESYSTEM or RP_ENOMEM with err filled. Call before MPI_Init and before
 * threads. */
rp_status rp__supervisor_start(rp__supervisor **out, rp_error *err);

/*
 * Starts `/bin/sh -c line` in its own process group, stdin /dev/null, stdout and stderr into memory files,
 * default signal dispositions and an empty signal mask, with RANKPOOL_TASK_INDEX=<index> and
 * RANKPOOL_RANK=<rank> set. RP_OK: under way. RP_ESTATE: one is running. RP_ESYSTEM: could not be sent
 * (supervisor dead, no descriptors). RP_ETOOBIG: longer than RP__COMMAND_MAX_BYTES. RP_EINVAL: contains a
 * NUL. Where it fails nothing was started and err is filled. A shell that cannot be started ends as exit
 * status 127 or 126 with a text in err output, as in a shell.
 */
rp_status rp__supervisor_spawn(rp__supervisor *s, const char *line, size_t len, int64_t index, int rank,
                               rp_error *err);

/* RP_OK with *out filled once the command has ended, RP_EMPTY while it runs, RP_ESTATE when none was started,
 * RP_ESYSTEM with err filled when the supervisor is gone, which is final. RP_ENOMEM with err filled: it has
 * ended, but its output found no memory and is lost; *out stays as it was, the next command may start.
 * Background children that keep the output open do not delay the end; they are killed with the process group
 * when the command's shell has ended. */
rp_status rp__supervisor_poll(rp__supervisor *s, rp__command_result *out, rp_error *err);

/* Becomes readable when rp__supervisor_poll has something to say. */
int rp__supervisor_fd(const rp__supervisor *s);

/* Sends a signal to the running command's process group; nothing when none runs. */
void rp__supervisor_kill(rp__supervisor *s, int sig);

/* Ends the supervisor and what still runs below it, and waits for it. NULL is fine. */
void rp__supervisor_stop(rp__supervisor **s);

#endif
