/* SPDX-License-Identifier: BSD-3-Clause */
/* What the place the job runs in offers: workers, a network. */
#include "launch/site.h"
#include "launch/launch.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdlib.h>

int rp__site_number(const char *variable)
{
    const char *text = getenv(variable);
    char *end;
    if (!text || !*text)
        return 0;
    errno = 0;
    long n = strtol(text, &end, 10);
    return *end || errno || n < 1 || n > RP__SITE_MAX_WORKERS ? -1 : (int) n;
}

int rp__launch_default_workers(void)
{
    const char *job = getenv("SLURM_JOB_ID");
    if (job && *job) {
        int tasks = rp__site_number("SLURM_NTASKS");
        int cores = rp__site_number("SLURM_CPUS_ON_NODE"); /* of one node */
        int nodes = rp__site_number("SLURM_JOB_NUM_NODES");
        int64_t all = (int64_t) cores * (nodes > 1 ? nodes : 1);
        if (tasks > 0)
            return tasks;
        if (cores > 0)
            return (int) rp__min64(all, RP__SITE_MAX_WORKERS);
    }
    return rp__usable_cores();
}

bool rp__site_has_network(void)
{
    struct ifaddrs *list;
    bool is_up = false;
    if (getifaddrs(&list) < 0)
        return true; /* unknown */
    for (struct ifaddrs *i = list; i; i = i->ifa_next)
        is_up |= (i->ifa_flags & IFF_UP) != 0;
    freeifaddrs(list);
    return is_up;
}
