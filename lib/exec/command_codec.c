/* SPDX-License-Identifier: BSD-3-Clause */
/* A command's result as bytes. */
#include "exec/command_codec.h"

void rp__command_result_put(rp__buf *b, const rp__command_result *r)
{
    rp__write_u32(b, (uint32_t) r->exit_status);
    rp__write_u32(b, (uint32_t) r->signal);
    rp__write_f64(b, r->started);
    rp__write_f64(b, r->wall_s);
    rp__write_f64(b, r->user_s);
    rp__write_f64(b, r->system_s);
    rp__write_u64(b, (uint64_t) r->peak_rss_bytes);
    rp__write_blob(b, r->out.data, r->out.len);
    rp__write_blob(b, r->err.data, r->err.len);
}

bool rp__command_result_get(rp__bytes data, rp__command_result *out)
{
    rp__reader r = rp__reader_of(data);
    out->exit_status = (int32_t) rp__read_u32(&r);
    out->signal = (int32_t) rp__read_u32(&r);
    out->started = rp__read_f64(&r);
    out->wall_s = rp__read_f64(&r);
    out->user_s = rp__read_f64(&r);
    out->system_s = rp__read_f64(&r);
    out->peak_rss_bytes = (int64_t) rp__read_u64(&r);
    out->out = rp__read_blob(&r);
    out->err = rp__read_blob(&r);
    return !r.is_bad && r.at == r.end;
}
