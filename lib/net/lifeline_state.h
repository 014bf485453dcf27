/* SPDX-License-Identifier: BSD-3-Clause */
/* The lifeline's state. Private to lifeline.c and lifeline_connect.c. */
#ifndef RP_NET_LIFELINE_STATE_H
#define RP_NET_LIFELINE_STATE_H

#include "net/lifeline.h"

#define RP__LIFELINE_QUEUE 1024 /* words read and not yet taken */

typedef struct rp__lifeline_conn {
    int fd, pidfd; /* -1: none */
    bool is_closed, has_page;
    uint8_t part[16]; /* a word that came in part */
    size_t have;
} rp__lifeline_conn;

struct rp__lifeline {
    int size, rank;
    int unix_fd, tcp_fd; /* listening; -1: not */
    int epoll_fd, page_fd;
    uint8_t token[RP__TOKEN_BYTES];
    rp__lifeline_conn *conn; /* owned, by rank; a worker has only conn[0] */
    rp__page_line *page;     /* mapped; NULL: shares no memory with the master */
    rp__page_line private_line;
    rp__control *queue; /* owned ring */
    int queue_head, queue_len;
};

rp_status rp__lifeline_new(rp__lifeline **out, int size, int rank);

/* Takes a connection over; pid 0: not on this host. */
bool rp__lifeline_admit(rp__lifeline *l, int rank, int fd, int64_t pid, bool has_page);

#endif
