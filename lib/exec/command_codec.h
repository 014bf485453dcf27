/* SPDX-License-Identifier: BSD-3-Clause */
/* How a command's result travels as the data of a record. */
#ifndef RP_EXEC_COMMAND_CODEC_H
#define RP_EXEC_COMMAND_CODEC_H

#include "exec/supervisor.h"
#include "wire/codec.h"

void rp__command_result_put(rp__buf *b, const rp__command_result *r);
/* Output is lent from the bytes. False: not a command's result. */
bool rp__command_result_get(rp__bytes data, rp__command_result *out);

#endif
