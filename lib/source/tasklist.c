/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading task files; a task list as a source. Sweeps are in sweep.c. */
#include "source/tasklist_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool rp__tasklist_add(rp__tasklist *l, const void *line, size_t len)
{
    if (l->count + 2 > l->cap) {
        int64_t cap = l->cap ? l->cap * 2 : 256;
        uint64_t *offset = rp__realloc(l->offset, (size_t) cap * sizeof *offset);
        if (!offset)
            return false;
        l->offset = offset;
        l->cap = cap;
        l->offset[0] = 0;
    }
    rp__buf_append(&l->text, line, len);
    if (l->text.failed)
        return false;
    l->offset[++l->count] = l->text.len;
    return true;
}

rp__bytes rp__tasklist_get(const rp__tasklist *l, int64_t k)
{
    return (rp__bytes){l->text.data + l->offset[k], (size_t) (l->offset[k + 1] - l->offset[k])};
}

void rp__tasklist_done(rp__tasklist *l)
{
    rp__buf_done(&l->text);
    rp__free(l->offset);
    *l = (rp__tasklist){0};
}

/* ---- task files ---- */

static rp_status read_all(int fd, const char *name, rp__buf *out, rp_error *err)
{
    for (;;) {
        uint8_t *room = rp__buf_reserve(out, 1 << 16) ? out->data + out->len : NULL;
        if (!room)
            return rp__fail(err, RP_ENOMEM, "%s: no memory for the task file", name);
        ssize_t n = read(fd, room, 1 << 16);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rp__fail(err, RP_EINVAL, "%s: cannot be read as a task file: %s", name, strerror(errno));
        if (n == 0)
            return RP_OK;
        out->len += (size_t) n;
    }
}

static rp_status take_line(rp__tasklist *l, const uint8_t *line, size_t len, const char *name, int64_t number,
                           rp_error *err)
{
    const uint8_t *nul = memchr(line, 0, len);
    if (nul)
        return rp__fail(err, RP_EINVAL,
                        "%s:%lld: NUL byte in column %lld: a task file is text, one shell command per line",
                        name, (long long) number, (long long) (nul - line + 1));
    if (len > 0 && line[len - 1] == '\r')
        len--;
    size_t blank = 0;
    while (blank < len && (line[blank] == ' ' || line[blank] == '\t'))
        blank++;
    if (blank == len || line[blank] == '#')
        return RP_OK;
    if (len > RP__COMMAND_BYTES)
        return rp__fail(err, RP_EINVAL,
                        "%s:%lld: the line is %zu bytes long; a shell command may have %d: put it into a "
                        "script and name that",
                        name, (long long) number, len, RP__COMMAND_BYTES);
    return rp__tasklist_add(l, line, len) ? RP_OK
                                          : rp__fail(err, RP_ENOMEM, "%s: no memory for the task list", name);
}

rp_status rp__tasklist_read(rp__tasklist *l, int fd, const char *name, rp_error *err)
{
    rp__buf raw = {0};
    rp_status st = read_all(fd, name, &raw, err);
    const uint8_t *at = raw.data, *end = raw.data ? raw.data + raw.len : NULL;
    int64_t number = 0;
    while (!st && at < end) {
        const uint8_t *newline = memchr(at, '\n', (size_t) (end - at));
        const uint8_t *stop = newline ? newline : end;
        st = take_line(l, at, (size_t) (stop - at), name, ++number, err);
        at = newline ? newline + 1 : end;
    }
    rp__buf_done(&raw);
    if (!st && l->count == 0)
        st = rp__fail(
            err, RP_EINVAL,
            "%s: no command in it (%lld lines, all blank or comments): write one shell command per line",
            name, (long long) number);
    if (st)
        rp__tasklist_done(l);
    return st;
}

/* ---- the source ---- */

typedef struct window {
    const rp__tasklist *list;
    int64_t first;
} window;

static rp__bytes command_of(void *ctx, int64_t k)
{
    const window *w = ctx;
    return rp__tasklist_get(w->list, w->first + k);
}

static rp_status emit(rp__source *s, int64_t first, int64_t count, rp__parts *out)
{
    window w = {((rp__source_tasklist *) (void *) s)->list, first};
    return rp__source_emit_sized(out, count, command_of, &w);
}

rp__source_tasklist rp__source_tasklist_of(const rp__tasklist *l)
{
    return (rp__source_tasklist){.base = {.payload = RP__PAYLOAD_SIZED, .emit = emit}, .list = l};
}
