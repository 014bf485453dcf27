/* SPDX-License-Identifier: BSD-3-Clause */
/* What the place the job runs in offers. */
#ifndef RP_LAUNCH_SITE_H
#define RP_LAUNCH_SITE_H

#include "base/base.h"

/* A whole number in an environment variable: 1 to RP__SITE_MAX_WORKERS, 0 when it is unset, -1 when it holds
 * anything else. */
#define RP__SITE_MAX_WORKERS 10000000
int rp__site_number(const char *variable);

/* Whether any network interface is up; Open MPI does not start without one, be it only the loopback. */
bool rp__site_has_network(void);

#endif
