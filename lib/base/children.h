/* SPDX-License-Identifier: BSD-3-Clause */
/* The children of a process, as /proc has them: the kernel's own list of children is not in every kernel. */
#ifndef RP_BASE_CHILDREN_H
#define RP_BASE_CHILDREN_H

#include <sys/types.h>

/* Gives each child of parent to visit, with its state as in /proc/PID/stat ('Z': ended, not reaped). */
void rp__each_child(pid_t parent, void (*visit)(void *ctx, pid_t pid, char state), void *ctx);

#endif
