/* SPDX-License-Identifier: BSD-3-Clause */
/* The launcher's standard output and error, and the progress line on the terminal. */
#include "launch/screen.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES 4096 /* a pipe that is ready takes this much without blocking (PIPE_BUF) */

static int measure_columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return 80;
    return size.ws_col;
}

void rp__screen_open(rp__screen *s, bool is_progress)
{
    const char *term = getenv("TERM");
    struct stat st;
    *s = (rp__screen){0};
    for (int i = 0; i < 2; i++) {
        s->outs[i].fd = i == RP__SCREEN_STDOUT ? STDOUT_FILENO : STDERR_FILENO;
        s->outs[i].is_tty = isatty(s->outs[i].fd) == 1;
        s->outs[i].is_file = fstat(s->outs[i].fd, &st) == 0 && S_ISREG(st.st_mode);
    }
    if (is_progress && s->outs[RP__SCREEN_STDERR].is_tty && term && *term && strcmp(term, "dumb") != 0)
        s->columns = measure_columns();
}

rp__buf *rp__screen_buf(rp__screen *s, int which)
{
    rp__screen_out *o = &s->outs[which];
    if (o->is_broken)
        o->waiting.len = o->written = 0;
    return &o->waiting;
}

bool rp__screen_wants(const rp__screen *s, int which)
{
    const rp__screen_out *o = &s->outs[which];
    return !o->is_broken && o->waiting.len > o->written;
}

bool rp__screen_is_full(const rp__screen *s, int which)
{
    const rp__screen_out *o = &s->outs[which];
    return !o->is_broken && o->waiting.len - o->written >= RP__SCREEN_FULL_BYTES;
}

void rp__screen_give_up(rp__screen *s)
{
    for (int i = 0; i < 2; i++)
        s->outs[i].is_broken = true;
}

static bool is_ready(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT);
}

/* A job in the background leaves the terminal to its owner. */
static bool is_in_background(void)
{
    pid_t owner = tcgetpgrp(STDERR_FILENO);
    return owner >= 0 && owner != getpgrp();
}

static void erase(rp__screen *s)
{
    static const char clear[] = "\r\033[K";
    if (!s->is_drawn)
        return;
    (void) rp__write_all(STDERR_FILENO, clear, sizeof clear - 1); /* a terminal that is gone needs no care */
    s->is_drawn = false;
    s->is_stale = true;
}

/* The bytes of text that fill at most `columns` columns, one for each character of UTF-8. */
static size_t cut(const char *text, int columns)
{
    size_t n = 0;
    for (; text[n]; n++) {
        bool is_first_byte = ((unsigned char) text[n] & 0xC0) != 0x80;
        if (is_first_byte && columns-- == 0)
            break;
    }
    return n;
}

static void draw(rp__screen *s)
{
    char line[sizeof s->progress + 8];
    /* the last column stays free, for some terminals wrap there */
    int n = snprintf(line, sizeof line, "\r%.*s\033[K", (int) cut(s->progress, s->columns - 1), s->progress);
    (void) rp__write_all(STDERR_FILENO, line, (size_t) n); /* as above */
    s->is_drawn = true;
    s->is_stale = false;
}

/* How much of what waits goes out now; on a terminal it ends with a line, so that progress may follow. */
static size_t piece(const rp__screen_out *o)
{
    const char *data = (const char *) o->waiting.data + o->written;
    size_t n = o->waiting.len - o->written;
    if (n > PIECE_BYTES && !o->is_file)
        n = PIECE_BYTES;
    const char *nl = o->is_tty ? memrchr(data, '\n', n) : NULL;
    return nl ? (size_t) (nl - data) + 1 : n;
}

void rp__screen_write(rp__screen *s, int which)
{
    rp__screen_out *o = &s->outs[which];
    if (!rp__screen_wants(s, which))
        return;
    if (o->is_tty)
        erase(s);
    const uint8_t *data = o->waiting.data + o->written;
    ssize_t n = write(o->fd, data, piece(o));
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n < 0) { /* the reader has gone: the job goes on, its output goes nowhere */
        o->is_broken = true;
        return;
    }
    if (n > 0)
        o->is_mid_line = data[n - 1] != '\n';
    o->written += (size_t) n;
    if (o->written == o->waiting.len) {
        o->waiting.len = o->written = 0;
    } else if (o->written >= RP__SCREEN_FULL_BYTES) {
        o->waiting.len -= o->written;
        memmove(o->waiting.data, o->waiting.data + o->written, o->waiting.len);
        o->written = 0;
    }
}

void rp__screen_progress(rp__screen *s, const char *text)
{
    size_t n = strnlen(text, sizeof s->progress - 1);
    if (s->columns == 0)
        return;
    for (size_t i = 0; i < n; i++)
        s->progress[i] = (unsigned char) text[i] < 32 || text[i] == 127 ? ' ' : text[i];
    s->progress[n] = '\0';
    s->is_stale = true;
    if (n == 0)
        erase(s);
}

bool rp__screen_resize(rp__screen *s)
{
    int before = s->columns;
    if (before == 0)
        return false;
    s->columns = measure_columns();
    s->is_stale = true;
    return s->columns != before;
}

static bool is_mid_line(const rp__screen *s)
{
    return (s->outs[0].is_tty && s->outs[0].is_mid_line) || (s->outs[1].is_tty && s->outs[1].is_mid_line);
}

rp__time rp__screen_tick(rp__screen *s, rp__time now)
{
    if (s->columns == 0 || !s->progress[0] || !s->is_stale || is_mid_line(s))
        return RP__NEVER;
    if (now < s->next_draw)
        return s->next_draw;
    s->next_draw = now + RP__SCREEN_PAUSE;
    if (is_in_background() || !is_ready(STDERR_FILENO))
        return s->next_draw;
    draw(s);
    return RP__NEVER;
}

void rp__screen_close(rp__screen *s)
{
    s->progress[0] = '\0';
    erase(s);
    for (int i = 0; i < 2; i++) {
        struct pollfd p = {.fd = s->outs[i].fd, .events = POLLOUT};
        while (rp__screen_wants(s, i)) {
            (void) poll(&p, 1, -1); /* for a descriptor somebody made non-blocking */
            rp__screen_write(s, i);
        }
        rp__buf_done(&s->outs[i].waiting);
    }
}
