/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finding a C function of this rank on another rank, where it may stand at another address.
 */
#ifndef RP_EXEC_FUNCTION_H
#define RP_EXEC_FUNCTION_H

#include "wire/message.h"

#include <rankpool/task.h>

/* Fills *out: by registered name if there is one, else by the build id (or the content) of the loaded object
 * that holds fn, and the offset there. RP_EBODY with err filled when fn lies in no object. */
rp_status rp__function_ref(rp_task_fn fn, rp__func_ref *out, rp_error *err);

/* The reverse. RP_EBODY with err filled: which object or name is missing here. */
rp_status rp__function_find(const rp__func_ref *ref, rp_task_fn *out, rp_error *err);

#endif
