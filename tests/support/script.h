/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Event scripts: scheduler tests as text. Each line feeds events and names the actions that must follow.
 *
 *     pool workers=4 prefetch=2 attempts=3        # may be left out; these are the defaults
 *     open 1 chunk=2; grow 1 +6; seal 1           # no arrow: no actions
 *     join w0         -> assign w0 L1 1[0,2) a1
 *     answer w0 L1 1[0,2) busy=2ms
 *                     -> accept w0 1[0,2); assign w0 1[2,4); assign w0 1[4,6)
 *     lost w0 1[2]                                # it was running task 2; `lost w0`: nobody knows
 *
 * Words: w0 worker, L1 lease, 1 batch, 1[3] one task of it, 1[0,2) tasks 0 and 1 (a range of one task is
 * always written as one task), +6 count, a1 attempt, `canceled` the status RP_ECANCELED.
 *
 * Events: join lost open already grow seal cancel answer return stop. `cancel 1 interrupted` is for a batch,
 * `cancel 1[3]` for a task; `join w0..3` are four events; `!` before an event: it must be RP_EINTERNAL with
 * no actions. Questions: `counts` and `running w0`, whose answer stands among the actions.
 *
 * Actions: the names of RP__ACTION_TABLE in small letters. An expected action may leave words out: they are
 * not compared. After each line rp__sched_check must hold.
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include "sched/sched.h"

/* Runs a script; false, with every difference printed, when something was not as it says. */
bool script_run(const char *text);

#define RPT_SCRIPT(text)                                                                                     \
    do {                                                                                                     \
        if (!script_run(text) && rpt_bad(__FILE__, __LINE__))                                                \
            printf("the script above did not run as written\n");                                             \
    } while (0)

/* Text to event; `last_worker_out` is the end of a `w0..3`, else the worker. False when it is not an event.
 */
bool script_read_event(const char *text, rp__event *out, int *last_worker_out);

/* Event or action to text, in the words above. */
void script_write_event(rp__buf *out, const rp__event *ev);
void script_write_action(rp__buf *out, const rp__action *a);

#endif
