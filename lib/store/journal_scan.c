/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading records back: torn tails, damage in the middle, a writer that is still at it. */
#include "store/journal.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define BLOCK_BYTES ((size_t) 256 << 10)

size_t rp__record_fixed_bytes(uint32_t type)
{
    static const size_t bytes[] = {
        [RP__RECORD_COMMAND] = sizeof(rp__rec_command), [RP__RECORD_RANGE] = sizeof(rp__rec_range),
        [RP__RECORD_FAILED] = sizeof(rp__rec_failed),   [RP__RECORD_SETTLED] = sizeof(rp__rec_settled),
        [RP__RECORD_EVENT] = sizeof(rp__rec_event),
    };
    return type < sizeof bytes / sizeof *bytes ? bytes[type] : 0;
}

rp_status rp__scan_init(rp__scan *s, int fd, const char *path, const rp__journal_head *head, rp_error *err)
{
    *s = (rp__scan){.fd = fd, .path = path, .pos = RP__JOURNAL_HEAD_BYTES};
    s->seed = rp__journal_seed(head->run_id, head->generation);
    s->block = rp__alloc(BLOCK_BYTES);
    s->hash = XXH3_createState();
    if (s->block && s->hash)
        return RP_OK;
    rp__scan_done(s);
    return rp__fail(err, RP_ENOMEM, "no memory to read '%s'", path);
}

void rp__scan_done(rp__scan *s)
{
    rp__free(s->block);
    XXH3_freeState(s->hash);
    *s = (rp__scan){.fd = -1};
}

/* Bytes read, fewer at the end of the file; -1 with errno. */
static ssize_t read_at(int fd, void *out, size_t len, int64_t at)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = pread(fd, (char *) out + done, len - done, at + (int64_t) done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += (size_t) n;
    }
    return (ssize_t) done;
}

rp_status rp__scan_bytes(const rp__scan *s, int64_t at, void *out, size_t len, rp_error *err)
{
    ssize_t n = read_at(s->fd, out, len, at);
    if (n < 0)
        return rp__fail(err, RP_ESTORE, "cannot read '%s': %s", s->path, strerror(errno));
    if ((size_t) n < len)
        return rp__fail(err, RP_ESTORE, "'%s' ended while it was read", s->path);
    return RP_OK;
}

char *rp__scan_text(const rp__scan *s, int64_t at, uint64_t len, rp_error *err)
{
    char *text = len < SIZE_MAX ? rp__alloc((size_t) len + 1) : NULL;
    if (!text)
        (void) rp__fail(err, RP_ENOMEM, "no memory to read '%s'", s->path);
    if (text && rp__scan_bytes(s, at, text, (size_t) len, err) != RP_OK) {
        rp__free(text);
        text = NULL;
    }
    return text;
}

/* Fills what follows from the fixed part; false when the lengths do not add up. */
static bool decode(rp__record *r, const void *body, uint64_t body_len)
{
    size_t fixed = rp__record_fixed_bytes((uint32_t) r->type);
    if (fixed == 0 || body_len < fixed)
        return false;
    memcpy(&r->u, body, fixed);
    r->tail = r->at + (int64_t) (sizeof(rp__record_head) + fixed);
    r->len = body_len - fixed;
    switch (r->type) {
    case RP__RECORD_COMMAND:
        return r->u.command.out_len <= r->len && r->len - r->u.command.out_len == r->u.command.err_len;
    case RP__RECORD_RANGE:
        return r->len == 0;
    case RP__RECORD_FAILED:
        return r->u.failed.text_len == r->len;
    case RP__RECORD_SETTLED:
        return r->u.settled.text_len == r->len;
    case RP__RECORD_EVENT:
        return r->u.event.kind_len <= r->len && r->len - r->u.event.kind_len == r->u.event.text_len;
    }
    return false;
}

typedef enum found { WHOLE, NOT_WHOLE, UNKNOWN_TYPE } found;

/* Adds the rest of a body to the hash, in blocks. */
static bool hash_rest(rp__scan *s, int64_t at, uint64_t len)
{
    while (len > 0) {
        size_t want = len < BLOCK_BYTES ? (size_t) len : BLOCK_BYTES;
        if (read_at(s->fd, s->block, want, at) != (ssize_t) want)
            return false;
        XXH3_64bits_update(s->hash, s->block, want);
        at += (int64_t) want;
        len -= want;
    }
    return true;
}

/* Reads a head and what comes with it; bytes read, or 0 when no record can begin here. */
static size_t read_head(rp__scan *s, int64_t at, rp__record_head *h)
{
    struct stat st;
    if (fstat(s->fd, &st) != 0 || st.st_size - at < (int64_t) sizeof *h)
        return 0;
    ssize_t n = read_at(s->fd, s->block, 4096, at);
    if (n < (ssize_t) sizeof *h)
        return 0;
    memcpy(h, s->block, sizeof *h);
    bool fits = h->magic == RP__RECORD_MAGIC && h->len <= (uint64_t) (st.st_size - at) - sizeof *h;
    return fits ? (size_t) n : 0;
}

/* Looks for a whole record at a place; *next is where the one behind it begins. */
static found look_at(rp__scan *s, int64_t at, rp__record *out, int64_t *next)
{
    rp__record_head h;
    size_t n = read_head(s, at, &h);
    if (n == 0 || XXH3_64bits_reset_withSeed(s->hash, s->seed ^ (uint64_t) at) != XXH_OK)
        return NOT_WHOLE;
    const uint64_t hash = h.hash;
    h.hash = 0;
    uint64_t got =
        n - sizeof h < h.len ? n - sizeof h : h.len; /* of the body, in the block behind the head */
    XXH3_64bits_update(s->hash, &h, sizeof h);
    XXH3_64bits_update(s->hash, s->block + sizeof h, (size_t) got);
    rp__record r = {.type = (rp__record_type) h.type, .at = at, .time = h.time};
    bool known = got >= rp__record_fixed_bytes(h.type) && decode(&r, s->block + sizeof h, h.len);
    if (!hash_rest(s, at + (int64_t) (sizeof h + got), h.len - got) || XXH3_64bits_digest(s->hash) != hash)
        return NOT_WHOLE;
    *next = at + (int64_t) (sizeof h + h.len);
    *out = r;
    return known ? WHOLE : UNKNOWN_TYPE;
}

/* The first whole record behind `at`; -1: none. */
static int64_t find_behind(rp__scan *s, int64_t at)
{
    static const uint32_t magic = RP__RECORD_MAGIC;
    enum { WINDOW = 64 << 10 };
    uint8_t *window = rp__alloc(WINDOW);
    int64_t answer = -1;
    for (at++; window && answer < 0;) {
        ssize_t n = read_at(s->fd, window, WINDOW, at);
        if (n < (ssize_t) sizeof(rp__record_head))
            break;
        for (ssize_t i = 0; i + (ssize_t) sizeof magic <= n && answer < 0; i++) {
            rp__record r;
            int64_t next;
            if (memcmp(window + i, &magic, sizeof magic) == 0 && look_at(s, at + i, &r, &next) != NOT_WHOLE)
                answer = at + i;
        }
        at += n - (ssize_t) sizeof magic + 1;
    }
    rp__free(window);
    return answer;
}

rp_status rp__scan_next(rp__scan *s, rp__record *out, rp_error *err)
{
    for (;;) {
        int64_t next;
        found f = look_at(s, s->pos, out, &next);
        if (f != NOT_WHOLE) {
            s->pos = next;
            if (f == WHOLE)
                return RP_OK;
            continue; /* of a newer rankpool; nothing here depends on it */
        }
        int64_t behind = find_behind(s, s->pos);
        if (behind < 0)
            return RP_EMPTY;
        /* A living writer may have completed this record while we searched. */
        if (look_at(s, s->pos, out, &next) != NOT_WHOLE)
            continue;
        if (!s->salvage)
            return rp__fail(
                err, RP_ESTORE,
                "the journal '%s' is damaged at byte %lld; whole records follow: resuming the run "
                "keeps those and runs the others again",
                s->path, (long long) s->pos);
        s->pos = behind;
    }
}
