/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The launcher: starts mpirun with the flags that let a lost rank be survived, ends it, tells the true exit
 * status.
 *
 * A launched job has a line to its launcher: an abstract Unix socket whose name and token are in
 * RANKPOOL_LAUNCHER. Rank 0 connects (rp__line_open, in rp_init). Over the line go: to the master, DRAIN
 * (first Ctrl-C) and KILL (second); to the launcher, progress text and the exit status of rank 0.
 */
#ifndef RP_LAUNCH_LAUNCH_H
#define RP_LAUNCH_LAUNCH_H

#include "base/base.h"

/* Exit statuses of the tool and the launcher. */
enum {
    RP__EXIT_OK = 0,
    RP__EXIT_FAILED = 1,  /* some tasks failed */
    RP__EXIT_USAGE = 2,   /* wrong usage or input */
    RP__EXIT_POOL = 3,    /* the pool or the store failed */
    RP__EXIT_EARLY = 75,  /* stopped early with work left */
    RP__EXIT_SIGINT = 130 /* after Ctrl-C */
};

typedef struct rp__launch_options {
    int workers; /* 1 or more; 0: RANKPOOL_WORKERS, or what the allocation grants, or the usable cores */
    char *const *argv; /* program and arguments, NULL at the end; run with PATH lookup by mpirun */
    int input_fd;      /* handed to rank 0 through the line (rp__line_input); -1: none */
    bool is_progress;  /* draw the progress line on stderr when that is a terminal */
} rp__launch_options;

/*
 * Runs the job to its end and returns the exit status for this process: the one rank 0 reported;
 * RP__EXIT_SIGINT after Ctrl-C whatever it reported; RP__EXIT_POOL (text on stderr) when the job ended
 * without a report; RP__EXIT_USAGE with a text when mpirun cannot be found or is not Open MPI.
 *
 * Ctrl-C (or SIGTERM, SIGHUP) once: DRAIN to the master; twice: KILL to the master, then, after 2 s, the end
 * of mpirun and of the whole job. When rank 0 has gone (its line is closed) and mpirun does not end within 5
 * s it is ended: SIGTERM, then SIGKILL. When a rank on this host dies before rank 0 has begun
 * (rp__line_begun), the job is started again, twice at most. mpirun runs in its own process group with stdin
 * /dev/null; its stdout is passed on as it comes, its stderr line by line with known harmless noise about
 * lost ranks left out (RANKPOOL_DEBUG=1 shows all).
 */
int rp__launch(const rp__launch_options *opt);

/* Number of workers to use when nobody said: what a Slurm allocation grants (SLURM_NTASKS, else
 * SLURM_CPUS_ON_NODE), else usable cores. */
int rp__launch_default_workers(void);

/* ---- the job's side ---- */
typedef struct rp__line rp__line;

typedef enum rp__line_word {
    RP__LINE_NOTHING = 0,
    RP__LINE_DRAIN,
    RP__LINE_KILL,
    RP__LINE_GONE,
    RP__LINE_WORD_COUNT
} rp__line_word;

/* Whether this process was started by a launcher, and how many ranks that launcher wanted (0: not launched).
 */
int rp__line_expected_ranks(void);
/* Connects; RP_EMPTY when this process has no launcher, RP_ENET with err filled when it cannot be reached. */
rp_status rp__line_open(rp__line **out, rp_error *err);
/* The descriptor the launcher gave with input_fd, or -1; owned by the caller from then on. */
int rp__line_input(rp__line *l);
int rp__line_fd(const rp__line *l); /* readable when a word is there; the launcher's going is a word too */
rp__line_word rp__line_read(rp__line *l); /* never blocks */
/* Whether the launcher draws progress on a terminal, and how many columns that has (0: no terminal). */
int rp__line_columns(const rp__line *l);
void rp__line_begun(rp__line *l); /* all ranks are there: from now on the job is not started again */
void rp__line_progress(rp__line *l, const char *text); /* replaces the progress line; "" removes it */
void rp__line_exit(rp__line *l, int status);           /* reports the exit status; the last one counts */
void rp__line_close(rp__line **l);

#endif
