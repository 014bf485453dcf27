/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Leaves out what Open MPI says on stderr about lost ranks, which the pool tells better; all else passes.
 *
 * Two shapes are known: single lines, and help texts between two rules of dashes, judged by their first line.
 * Whole lines are judged; the begin of a line that stays unfinished for RP__FILTER_PATIENCE passes unjudged.
 */
#ifndef RP_LAUNCH_FILTER_H
#define RP_LAUNCH_FILTER_H

#include "base/base.h"

#define RP__FILTER_PATIENCE (80 * RP__MS)

typedef enum rp__filter_state {
    RP__FILTER_TEXT = 0, /* outside of a help text */
    RP__FILTER_RULE,     /* a rule is held back: the next line decides */
    RP__FILTER_DROP      /* inside a help text that is left out */
} rp__filter_state;

typedef struct rp__filter {
    bool is_open; /* everything passes */
    rp__filter_state state;
    bool is_rest;     /* the begin of the current line has passed, so the rest does */
    bool was_dropped; /* the last line or help text was left out */
    int dropped;      /* lines of the current help text */
    rp__buf line;     /* the unfinished line */
    rp__buf rule;     /* the rule that is held back */
    rp__time since;   /* when what is held back began to wait */
} rp__filter;

/* Takes bytes as they come, appends what passes to out. */
void rp__filter_feed(rp__filter *f, const char *data, size_t len, rp__time now, rp__buf *out);
/* Lets pass what has waited long enough. */
void rp__filter_tick(rp__filter *f, rp__time now, rp__buf *out);
/* When rp__filter_tick has something to do; RP__NEVER when nothing is held back. */
rp__time rp__filter_deadline(const rp__filter *f);
/* The end of the stream: lets everything pass that is held back. */
void rp__filter_end(rp__filter *f, rp__buf *out);
void rp__filter_done(rp__filter *f);

#endif
