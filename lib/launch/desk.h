/* SPDX-License-Identifier: BSD-3-Clause */
/* The launcher's side of the line: lets rank 0 in, passes words both ways. */
#ifndef RP_LAUNCH_DESK_H
#define RP_LAUNCH_DESK_H

#include "launch/line_record.h"

#define RP__DESK_GUESTS 4 /* callers that have not said who they are */

typedef struct rp__desk {
    rp__line_address address;
    int listen_fd;
    int line_fd;                 /* rank 0, once it was let in; else -1 */
    int guests[RP__DESK_GUESTS]; /* -1: free */
    int oldest;                  /* the guest that makes room */
    int input_fd;                /* lent; given with the welcome; -1: none */
    bool was_open;               /* rank 0 was there at some time */
} rp__desk;

/* Starts to listen under a name and with a token nobody can guess. RP_ESYSTEM with err filled. */
rp_status rp__desk_open(rp__desk *d, int ranks, int columns, int input_fd, rp_error *err);
void rp__desk_close(rp__desk *d);

/* "RANKPOOL_LAUNCHER=..." for the job's environment; false when it does not fit. */
bool rp__desk_variable(const rp__desk *d, char *text, size_t size);

/* Takes a waiting caller; one of another user is turned away at once. */
void rp__desk_accept(rp__desk *d);
/* Hears what guest i says; with the right token it becomes the line, else it is turned away. */
void rp__desk_hear(rp__desk *d, int i);
/* One record from rank 0 into text (RP__LINE_RECORD_BYTES) with a NUL: its kind, *status for RP__LINE_EXIT;
 * 0 when there is none; -1 when the line has just closed. */
int rp__desk_read(rp__desk *d, char *text, int *status);
/* Says a word (RP__LINE_SAY_..., RP__LINE_COLUMNS with a value) to rank 0; nothing when it is not there. */
void rp__desk_say(rp__desk *d, int kind, int value);

#endif
