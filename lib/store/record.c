/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Recording what happens: results, then the journal, then the live row.
 *
 * In this order nothing is called done whose data has not left the process; a crash between the last two
 * costs nothing, because the journal overrules the rows.
 */
#include "store/create.h"
#include "store/place.h"
#include "store/rows.h"
#include "store/writer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

/* After the first failure nothing is written any more: what stands in the file stays valid. */
static rp_status keep(rp__store *s, rp_status st, const rp_error *why, rp_error *err)
{
    if (st == RP_OK)
        return RP_OK;
    if (!s->failed) {
        s->failed = true;
        s->failure = *why;
        s->failure.code = RP_ESTORE;
    }
    if (err)
        *err = s->failure;
    return RP_ESTORE;
}

static rp_status check(rp__store *s, int64_t first, int64_t count, bool right_kind, rp_error *err)
{
    if (s->failed)
        return keep(s, RP_ESTORE, NULL, err);
    if (!right_kind)
        return rp__fail(err, RP_EINVAL, "'%s' is a run of the other kind", s->path);
    if (first < 0 || count < 1 || first >= s->meta.count || count > s->meta.count - first)
        return rp__fail(err, RP_EINVAL, "'%s' has no tasks %lld to %lld", s->path, (long long) first,
                        (long long) (first + count - 1));
    return RP_OK;
}

/* The rows of settled tasks; they are for people, so a failure is left to the next record to notice. */
static rp_status settle_rows(rp__store *s, int64_t first, int64_t count, const rp__task_row *row,
                             rp_error *err)
{
    if (!rp__spans_set(&s->done, first, count, row->state))
        return rp__fail(err, RP_ENOMEM, "no memory for the run file");
    if (s->meta.is_commands && !rp__fill_task_rows(s->fd, &s->layout, first, count, row))
        return rp__place_fail(err, s->path, "write", errno);
    return RP_OK;
}

rp_status rp__store_command_done(rp__store *s, int64_t index, const rp__command_result *r,
                                 const rp__store_where *w, rp_error *err)
{
    rp_error why = {0};
    rp_status st = check(s, index, 1, s->meta.is_commands, err);
    if (st != RP_OK)
        return st;
    const rp__rec_command c = {.index = index,
                               .exit_status = r->exit_status,
                               .signal = r->signal,
                               .worker = w->worker,
                               .attempt = w->attempt,
                               .started = r->started > 0 ? r->started : w->started,
                               .elapsed = r->wall_s,
                               .user_s = r->user_s,
                               .system_s = r->system_s,
                               .peak_rss_bytes = r->peak_rss_bytes,
                               .out_len = r->out.len,
                               .err_len = r->err.len};
    const struct iovec part[3] = {rp__part(&c, sizeof c), rp__part(r->out.data, r->out.len),
                                  rp__part(r->err.data, r->err.len)};
    const rp__task_row row = rp__task_row_of(&c);
    st = rp__journal_append(&s->journal, RP__RECORD_COMMAND, part, 3, &why);
    if (st == RP_OK)
        st = settle_rows(s, index, 1, &row, &why);
    return keep(s, st, &why, err);
}

rp_status rp__store_range_done(rp__store *s, int64_t first, int64_t count, const void *results,
                               const rp__store_where *w, rp_error *err)
{
    const int64_t size = s->meta.out_size;
    rp_error why = {0};
    rp_status st = check(s, first, count, !s->meta.is_commands, err);
    if (st == RP_OK && size > 0 && !results)
        st = rp__fail(err, RP_EINVAL, "'%s' records results of %lld bytes; there are none", s->path,
                      (long long) size);
    if (st != RP_OK)
        return st;
    rp__rec_range c = {.first = first,
                       .count = count,
                       .worker = w->worker,
                       .attempt = w->attempt,
                       .started = w->started,
                       .elapsed = w->elapsed};
    if (size > 0) {
        const size_t bytes = (size_t) (count * size);
        c.results_hash = XXH3_64bits(results, bytes);
        if (!rp__place_write(s->fd, results, bytes, s->layout.results + first * size))
            st = rp__place_fail(&why, s->path, "write", errno);
    }
    const struct iovec part = rp__part(&c, sizeof c);
    const rp__task_row row = {.state = RP__TASK_SUCCEEDED};
    if (st == RP_OK)
        st = rp__journal_append(&s->journal, RP__RECORD_RANGE, &part, 1, &why);
    if (st == RP_OK)
        st = settle_rows(s, first, count, &row, &why);
    return keep(s, st, &why, err);
}

rp_status rp__store_task_failed(rp__store *s, int64_t index, int code, const char *text,
                                const rp__store_where *w, rp_error *err)
{
    rp_error why = {0};
    rp_status st = check(s, index, 1, true, err);
    if (st != RP_OK)
        return st;
    const char *words = text ? text : "";
    const rp__rec_failed c = {.index = index,
                              .code = code,
                              .worker = w->worker,
                              .attempt = w->attempt,
                              .started = w->started,
                              .elapsed = w->elapsed,
                              .text_len = strlen(words)};
    const struct iovec part[2] = {rp__part(&c, sizeof c), rp__part(words, strlen(words))};
    const rp__task_row row = rp__task_row_of_failed(&c);
    st = rp__journal_append(&s->journal, RP__RECORD_FAILED, part, 2, &why);
    if (st == RP_OK)
        st = settle_rows(s, index, 1, &row, &why);
    return keep(s, st, &why, err);
}

rp_status rp__store_settled(rp__store *s, int64_t first, int64_t count, rp__task_state state,
                            const char *text, rp_error *err)
{
    rp_error why = {0};
    rp_status st = check(s, first, count, true, err);
    if (st == RP_OK && state != RP__TASK_LOST && state != RP__TASK_CANCELLED)
        st = rp__fail(err, RP_EINVAL, "a task does not settle as %s", rp__task_state_name(state));
    if (st != RP_OK)
        return st;
    const char *words = text ? text : "";
    const rp__rec_settled c = {
        .first = first, .count = count, .state = (int32_t) state, .text_len = strlen(words)};
    const struct iovec part[2] = {rp__part(&c, sizeof c), rp__part(words, strlen(words))};
    rp__task_row row = rp__task_row_pending();
    row.state = (uint8_t) state;
    st = rp__journal_append(&s->journal, RP__RECORD_SETTLED, part, 2, &why);
    if (st == RP_OK)
        st = settle_rows(s, first, count, &row, &why);
    return keep(s, st, &why, err);
}

rp_status rp__store_event(rp__store *s, const char *kind, int rank, const char *text, rp_error *err)
{
    rp_error why = {0};
    if (s->failed)
        return keep(s, RP_ESTORE, NULL, err);
    const char *words = text ? text : "";
    const rp__rec_event c = {.rank = rank, .kind_len = strlen(kind), .text_len = strlen(words)};
    const struct iovec part[3] = {rp__part(&c, sizeof c), rp__part(kind, strlen(kind)),
                                  rp__part(words, strlen(words))};
    rp_status st = rp__journal_append(&s->journal, RP__RECORD_EVENT, part, 3, &why);
    return keep(s, st, &why, err);
}
