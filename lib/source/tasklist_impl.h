/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to tasklist.c and sweep.c. */
#ifndef RP_SOURCE_TASKLIST_IMPL_H
#define RP_SOURCE_TASKLIST_IMPL_H

#include "source/tasklist.h"

/* The longest command: Linux passes at most 128 KiB in one argument, with its NUL (MAX_ARG_STRLEN). */
#define RP__COMMAND_BYTES 131071

bool rp__tasklist_add(rp__tasklist *l, const void *line, size_t len);

#endif
