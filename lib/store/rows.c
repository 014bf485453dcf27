/* SPDX-License-Identifier: BSD-3-Clause */
/* Journal records as rows of the run file. */
#include "store/rows.h"

#include "store/place.h"

#include <xxhash.h>

rp__task_state rp__command_state(int exit_status, int signal)
{
    return exit_status == 0 && signal == 0 ? RP__TASK_SUCCEEDED : RP__TASK_FAILED;
}

rp__task_row rp__task_row_of(const rp__rec_command *c)
{
    return (rp__task_row){.state = (uint8_t) rp__command_state(c->exit_status, c->signal),
                          .attempts = c->attempt,
                          .exit_status = c->exit_status,
                          .signal = c->signal,
                          .worker = c->worker,
                          .started = c->started,
                          .elapsed = c->elapsed,
                          .user_time = c->user_s,
                          .system_time = c->system_s,
                          .peak_memory = c->peak_rss_bytes,
                          .stdout_offset = -1,
                          .stdout_bytes = (int64_t) c->out_len,
                          .stderr_offset = -1,
                          .stderr_bytes = (int64_t) c->err_len};
}

rp__task_row rp__task_row_of_failed(const rp__rec_failed *c)
{
    rp__task_row row = rp__task_row_pending();
    row.state = RP__TASK_FAILED;
    row.attempts = c->attempt;
    row.worker = c->worker;
    row.started = c->started;
    row.elapsed = c->elapsed;
    return row;
}

uint64_t rp__results_hash(int fd, int64_t at, int64_t len)
{
    enum { BLOCK = 256 << 10 };
    uint8_t *block = rp__alloc(BLOCK);
    XXH3_state_t *h = XXH3_createState();
    bool ok = block && h && XXH3_64bits_reset(h) == XXH_OK;
    for (int64_t k = 0; ok && k < len; k += BLOCK) {
        size_t n = (size_t) rp__min64(BLOCK, len - k);
        ok = rp__place_read(fd, block, n, at + k) && XXH3_64bits_update(h, block, n) == XXH_OK;
    }
    uint64_t hash = ok ? XXH3_64bits_digest(h) : 0;
    XXH3_freeState(h);
    rp__free(block);
    return hash;
}

static bool is_inside(int64_t first, int64_t n, int64_t count)
{
    return first >= 0 && n >= 0 && first <= count && n <= count - first;
}

bool rp__record_fits(const rp__record *r, bool is_commands, int64_t count)
{
    switch (r->type) {
    case RP__RECORD_COMMAND:
        return is_commands && is_inside(r->u.command.index, 1, count);
    case RP__RECORD_RANGE:
        return !is_commands && is_inside(r->u.range.first, r->u.range.count, count);
    case RP__RECORD_FAILED:
        return is_inside(r->u.failed.index, 1, count);
    case RP__RECORD_SETTLED:
        return is_inside(r->u.settled.first, r->u.settled.count, count) &&
               (r->u.settled.state == RP__TASK_LOST || r->u.settled.state == RP__TASK_CANCELLED);
    case RP__RECORD_EVENT:
        return true;
    }
    return false;
}
