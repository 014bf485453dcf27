/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What travels on the line between rank 0 and its launcher.
 *
 * The line is an abstract Unix socket of packets (SOCK_SEQPACKET): one record, one packet, so the kernel
 * keeps the lengths and nothing arrives in halves. A record is its kind (1 byte) and a body; numbers are 4
 * bytes, little-endian. Where to call and how to prove it stands in
 * RANKPOOL_LAUNCHER=1:NAME:TOKEN:RANKS:COLUMNS.
 */
#ifndef RP_LAUNCH_LINE_RECORD_H
#define RP_LAUNCH_LINE_RECORD_H

#include "base/base.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#define RP__LINE_VARIABLE     "RANKPOOL_LAUNCHER"
#define RP__LINE_TOKEN_BYTES  32 /* hexadecimal digits */
#define RP__LINE_NAME_BYTES   64 /* with the NUL */
#define RP__LINE_RECORD_BYTES 1024

/* Kinds. To the launcher: HELLO token, BEGUN, PROGRESS text, EXIT status. To rank 0: the rest. */
enum {
    RP__LINE_HELLO = 'H',
    RP__LINE_BEGUN = 'B',
    RP__LINE_PROGRESS = 'P',
    RP__LINE_EXIT = 'X',
    RP__LINE_WELCOME = 'W', /* columns; with it comes the input descriptor, if there is one */
    RP__LINE_COLUMNS = 'C', /* columns, when the terminal changed its size */
    RP__LINE_SAY_DRAIN = 'D',
    RP__LINE_SAY_KILL = 'K'
};

/* The parts of RANKPOOL_LAUNCHER. */
typedef struct rp__line_address {
    char name[RP__LINE_NAME_BYTES];
    char token[RP__LINE_TOKEN_BYTES + 1];
    int ranks, columns;
} rp__line_address;

static inline void rp__line_put32(uint8_t *p, int32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t) ((uint32_t) v >> (8 * i));
}

static inline int32_t rp__line_get32(const uint8_t *p)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++)
        v |= (uint32_t) p[i] << (8 * i);
    return (int32_t) v;
}

/* Fills the socket address of an abstract name; its length. */
static inline socklen_t rp__line_sockaddr(struct sockaddr_un *sa, const char *name)
{
    size_t len = 0;
    *sa = (struct sockaddr_un){.sun_family = AF_UNIX};
    for (; name[len]; len++)
        sa->sun_path[1 + len] = name[len]; /* fits: RP__LINE_NAME_BYTES is less than sun_path */
    return (socklen_t) (offsetof(struct sockaddr_un, sun_path) + 1 + len);
}

#endif
