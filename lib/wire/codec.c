/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing into buffers and reading with bounds. */
#include "wire/codec.h"

void rp__write_u8(rp__buf *b, uint8_t v)
{
    rp__buf_append(b, &v, 1);
}

void rp__write_u32(rp__buf *b, uint32_t v)
{
    uint8_t *p = rp__buf_extend(b, 4);
    if (p)
        rp__put_u32(p, v);
}

void rp__write_u64(rp__buf *b, uint64_t v)
{
    uint8_t *p = rp__buf_extend(b, 8);
    if (p)
        rp__put_u64(p, v);
}

void rp__write_f64(rp__buf *b, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    rp__write_u64(b, bits);
}

void rp__write_blob(rp__buf *b, const void *data, size_t len)
{
    rp__write_u64(b, len);
    rp__buf_append(b, data, len);
}

void rp__write_pad(rp__buf *b, size_t to)
{
    if (b->len < to) {
        size_t n = to - b->len;
        uint8_t *p = rp__buf_extend(b, n);
        if (p)
            memset(p, 0, n);
    }
}

rp__reader rp__reader_of(rp__bytes b)
{
    const uint8_t *p = b.data;
    return (rp__reader){.at = p, .end = p ? p + b.len : p};
}

/* The next n bytes, or NULL with the reader marked and emptied. */
static const uint8_t *take(rp__reader *r, uint64_t n)
{
    if ((uint64_t) (r->end - r->at) < n) {
        r->is_bad = true;
        r->at = r->end;
        return NULL;
    }
    const uint8_t *p = r->at;
    r->at += n;
    return p;
}

uint8_t rp__read_u8(rp__reader *r)
{
    const uint8_t *p = take(r, 1);
    return p ? *p : 0;
}

uint32_t rp__read_u32(rp__reader *r)
{
    const uint8_t *p = take(r, 4);
    return p ? rp__get_u32(p) : 0;
}

uint64_t rp__read_u64(rp__reader *r)
{
    const uint8_t *p = take(r, 8);
    return p ? rp__get_u64(p) : 0;
}

double rp__read_f64(rp__reader *r)
{
    uint64_t bits = rp__read_u64(r);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

rp__bytes rp__read_blob(rp__reader *r)
{
    uint64_t len = rp__read_u64(r);
    const uint8_t *p = take(r, len);
    return p ? (rp__bytes){p, (size_t) len} : (rp__bytes){0};
}

void rp__read_text(rp__reader *r, char *out, size_t cap)
{
    rp__bytes b = rp__read_blob(r);
    size_t n = b.len < cap - 1 ? b.len : cap - 1;
    if (n)
        memcpy(out, b.data, n);
    out[n] = '\0';
}
