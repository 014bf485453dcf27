/* SPDX-License-Identifier: BSD-3-Clause */
/* Names and sentences of statuses; the one place that fills an rp_error. */
#include "base/base.h"

#include <stdio.h>

const char *rp_status_name(rp_status s)
{
    switch (s) {
#define NAME_CASE(name, value, text)                                                                         \
    case name:                                                                                               \
        return #name;
        RP_STATUS_TABLE(NAME_CASE)
#undef NAME_CASE
    }
    return "RP_UNKNOWN";
}

const char *rp_status_text(rp_status s)
{
    switch (s) {
#define TEXT_CASE(name, value, text)                                                                         \
    case name:                                                                                               \
        return text;
        RP_STATUS_TABLE(TEXT_CASE)
#undef TEXT_CASE
    }
    return "unknown status";
}

void rp__error_clear(rp_error *err)
{
    if (err)
        *err = (rp_error){.rank = -1, .task = -1};
}

rp_status rp__fail(rp_error *err, rp_status code, const char *fmt, ...)
{
    if (err) {
        rp__error_clear(err);
        err->code = code;
        va_list ap;
        va_start(ap, fmt);
        (void) vsnprintf(err->text, sizeof err->text, fmt, ap); /* cut is fine */
        va_end(ap);
    }
    return code;
}
