/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * rankpool: a process pool whose workers are MPI ranks. This header includes all others.
 */
#ifndef RANKPOOL_RANKPOOL_H
#define RANKPOOL_RANKPOOL_H

#include <rankpool/future.h>
#include <rankpool/log.h>
#include <rankpool/map.h>
#include <rankpool/pool.h>
#include <rankpool/status.h>
#include <rankpool/store.h>
#include <rankpool/task.h>

#define RP_VERSION "0.1.0"

#endif
