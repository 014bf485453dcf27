/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The launcher's standard output and error, and the progress line on the terminal.
 *
 * What the job prints waits here until it can be written, so that a reader who pauses does not stop the
 * launcher. The progress line is the last line on the terminal: gone before anything else is written there,
 * drawn again after, at most ten times a second, and never behind an unfinished line.
 */
#ifndef RP_LAUNCH_SCREEN_H
#define RP_LAUNCH_SCREEN_H

#include "base/base.h"

#define RP__SCREEN_PAUSE      (100 * RP__MS)
#define RP__SCREEN_FULL_BYTES (256 * 1024) /* enough waits: take no more from the job */

typedef struct rp__screen_out {
    int fd;
    rp__buf waiting;
    size_t written; /* of waiting */
    bool is_tty, is_file, is_mid_line, is_broken;
} rp__screen_out;

typedef struct rp__screen {
    rp__screen_out outs[2]; /* stdout, stderr */
    int columns;            /* 0: no progress line */
    char progress[512];     /* "": none */
    bool is_drawn, is_stale;
    rp__time next_draw;
} rp__screen;

enum { RP__SCREEN_STDOUT = 0, RP__SCREEN_STDERR = 1 };

void rp__screen_open(rp__screen *s, bool is_progress);
/* Writes what waits, blocking, and removes the progress line. */
void rp__screen_close(rp__screen *s);

/* The buffer to append output to; rp__screen_wants says when it is to be written. */
rp__buf *rp__screen_buf(rp__screen *s, int which);
bool rp__screen_is_full(const rp__screen *s, int which);
bool rp__screen_wants(const rp__screen *s, int which);
/* Writes a piece; call when the descriptor can take one. */
void rp__screen_write(rp__screen *s, int which);
/* Forgets what waits and what comes. */
void rp__screen_give_up(rp__screen *s);

void rp__screen_progress(rp__screen *s, const char *text);
/* The terminal changed its size; true when columns changed. */
bool rp__screen_resize(rp__screen *s);
/* Draws when it is time; when to call again, RP__NEVER when there is nothing to draw. */
rp__time rp__screen_tick(rp__screen *s, rp__time now);

#endif
