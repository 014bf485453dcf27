/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What makes two runs the same work, so that one may go on where the other stopped.
 */
#ifndef RP_STORE_IDENTITY_H
#define RP_STORE_IDENTITY_H

#include "store/schema.h"

/* Checks the plan and fills the root attributes of a new file for it. RP_EINVAL: the plan is not valid. */
rp_status rp__identity_of(const rp__store_plan *plan, rp__meta *out, rp_error *err);
/* RP_EINVAL with what differs when the file records other work than the plan, whose identity is mine. */
rp_status rp__identity_check(const rp__h5file *f, const rp__meta *file, const rp__store_plan *plan,
                             const rp__meta *mine, rp_error *err);

#endif
