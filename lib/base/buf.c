/* SPDX-License-Identifier: BSD-3-Clause */
/* The growing byte buffer. */
#include "base/base.h"

#include <stdio.h>
#include <string.h>

bool rp__buf_reserve(rp__buf *b, size_t more)
{
    size_t need;
    if (__builtin_add_overflow(b->len, more, &need)) {
        b->failed = true;
        return false;
    }
    if (need <= b->cap)
        return true;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    uint8_t *data = rp__realloc(b->data, cap);
    if (!data) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

void *rp__buf_extend(rp__buf *b, size_t len)
{
    if (!rp__buf_reserve(b, len))
        return NULL;
    void *room = b->data + b->len;
    b->len += len;
    return room;
}

void rp__buf_append(rp__buf *b, const void *data, size_t len)
{
    void *room = len ? rp__buf_extend(b, len) : NULL;
    if (room)
        memcpy(room, data, len);
}

void rp__buf_printf(rp__buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n >= 0 && rp__buf_reserve(b, (size_t) n + 1)) {
        (void) vsnprintf((char *) b->data + b->len, (size_t) n + 1, fmt, again); /* fits */
        b->len += (size_t) n;
    }
    va_end(again);
}

void rp__buf_done(rp__buf *b)
{
    rp__free(b->data);
    *b = (rp__buf){0};
}
