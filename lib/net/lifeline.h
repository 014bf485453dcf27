/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The lifeline: one connection per worker to the master that the kernel closes when either dies.
 *
 * It carries control words of 16 bytes, wakes sleepers, and shows at once that a rank is gone: by end of
 * file, and by a pidfd for ranks on the master's host, as a child of a rank may hold its socket open. A Unix
 * socket with an abstract name joins ranks of one host, TCP the others; both admit only who knows the job's
 * token.
 *
 * Ranks of the master's host share a page with it: a flag that says the rank sleeps (so that nobody rings for
 * those awake) and the task it runs (readable after its death).
 */
#ifndef RP_NET_LIFELINE_H
#define RP_NET_LIFELINE_H

#include "net/carrier.h"

#include <stdatomic.h>

#define RP__TOKEN_BYTES 32
#define RP__ADDRS_MAX   16

/* What the workers must know to connect; plain bytes, passed over MPI. */
typedef struct rp__lifeline_address {
    uint8_t token[RP__TOKEN_BYTES];
    char unix_name[40]; /* abstract */
    uint16_t tcp_port;  /* network order; 0: none */
    uint16_t addr_count;
    struct {
        uint16_t family; /* AF_INET or AF_INET6 */
        uint8_t bytes[16];
    } addr[RP__ADDRS_MAX];
} rp__lifeline_address;

/* One rank's line of the shared page. */
typedef struct rp__page_line {
    _Atomic uint32_t is_asleep;
    _Atomic uint32_t batch;
    _Atomic int64_t task; /* -1: none */
    char pad[48];
} rp__page_line;

typedef struct rp__lifeline rp__lifeline;

/* Master: listens. needs_tcp when some rank is on another host. */
rp_status rp__lifeline_listen(rp__lifeline **out, int size, bool needs_tcp, rp__lifeline_address *address,
                              rp_error *err);
/* Master: takes the connections of all workers. RP_ENET at the deadline, err names who is missing. */
rp_status rp__lifeline_accept(rp__lifeline *l, rp__time deadline, rp_error *err);
/* Worker: connects and waits for the welcome. */
rp_status rp__lifeline_connect(rp__lifeline **out, const rp__lifeline_address *address, int rank, int size,
                               bool is_local, rp__time deadline, rp_error *err);
void rp__lifeline_close(rp__lifeline **l);

/* This rank's line of the page, and a peer's; NULL where the peer shares no page with this rank. */
rp__page_line *rp__lifeline_own_line(rp__lifeline *l);
rp__page_line *rp__lifeline_line(rp__lifeline *l, int peer);

/* To a peer whose line is closed: RP_OK, nothing is sent. */
rp_status rp__lifeline_send(rp__lifeline *l, int peer, rp__word word, uint64_t arg);
/* The next word; LOST as soon as the line closes. RP_EMPTY when there is none. Doorbells are swallowed. */
rp_status rp__lifeline_recv(rp__lifeline *l, rp__control *out);
/* Sleeps until something is readable or for that long; true when something is. */
bool rp__lifeline_wait(rp__lifeline *l, rp__time timeout);
void rp__lifeline_watch(rp__lifeline *l, int fd);
bool rp__lifeline_is_closed(const rp__lifeline *l, int peer);

#endif
