/* SPDX-License-Identifier: BSD-3-Clause */
/* Whole messages over frames: sizes, windows, order, ownership, loss, garbage, lack of memory. */
#include "rng.h"
#include "rpt.h"

#include "net/inproc.h"
#include "net/link.h"

/* ---- two ends ---- */

typedef struct ends {
    rp__hub *hub;
    rp__link *link[2];
    uint64_t sent[2], heard[2]; /* messages by the end */
    uint64_t seed;
    size_t largest_backlog;
} ends;

static rp_status ends_open(ends *e, size_t max_frame, int window, uint64_t seed)
{
    *e = (ends){.seed = seed};
    rp_status st = rp__hub_new(&e->hub, 2, max_frame, window);
    for (int r = 0; r < 2 && !st; r++) {
        rp__carrier *c;
        st = rp__hub_carrier(e->hub, r, &c);
        if (!st)
            st = rp__link_new(&e->link[r], c);
    }
    if (!st)
        rp__hub_fake_clock(e->hub, RP__SEC);
    return st;
}

static void ends_close(ends *e)
{
    rp__link_free(&e->link[0]);
    rp__link_free(&e->link[1]);
    rp__hub_free(&e->hub);
}

/* Byte i of message n from an end. */
static uint8_t byte_of(uint64_t seed, int from, uint64_t n, size_t i)
{
    return (uint8_t) (seed + (uint64_t) from * 101 + n * 31 + i * 7 + (i >> 8));
}

static rp__msg_type type_of(uint64_t n)
{
    return (rp__msg_type) (RP__MSG_HELLO + n % (RP__MSG_COUNT - RP__MSG_HELLO));
}

/* Sends the next message of an end: a head, a given part and one without bytes. */
static rp_status send_next(ends *e, int from, size_t len)
{
    uint64_t n = e->sent[from];
    size_t head_len = len < 64 ? len : 64, rest = len - head_len;
    rp__buf head = {0};
    uint8_t *part = rest ? rp__alloc(rest) : NULL;
    for (size_t i = 0; i < head_len; i++)
        rp__write_u8(&head, byte_of(e->seed, from, n, i));
    for (size_t i = 0; part && i < rest; i++)
        part[i] = byte_of(e->seed, from, n, head_len + i);
    rp__part parts[2] = {{part, rest, part}, {NULL, 0, NULL}};
    rp_status st =
        rest && !part ? RP_ENOMEM : rp__link_send(e->link[from], 1 - from, type_of(n), &head, parts, 2);
    if (st)
        rp__free(part); /* it stays ours */
    else
        e->sent[from]++;
    rp__buf_done(&head);
    return st;
}

static void check_message(ends *e, int at, const rp__link_event *ev)
{
    uint64_t n = e->heard[at]++;
    const uint8_t *p = ev->body.data;
    size_t bad = 0;
    for (size_t i = 0; i < ev->body.len; i++)
        bad += p[i] != byte_of(e->seed, 1 - at, n, i);
    RPT_EQ_I64(bad, 0);
    RPT_EQ_I64(ev->kind, RP__LINK_MESSAGE);
    RPT_EQ_I64(ev->peer, 1 - at);
    RPT_EQ_I64(ev->type, type_of(n));
    RPT_OK(((uintptr_t) p & 15) == 0);
}

/* Takes at most `max` messages at an end. RP_OK, or what rp__link_next said beside RP_EMPTY. */
static rp_status hear(ends *e, int at, int max)
{
    rp__link_event ev;
    rp_error err = {0};
    for (int k = 0; k < max; k++) {
        rp_status st = rp__link_next(e->link[at], &ev, &err);
        if (st)
            return st == RP_EMPTY ? RP_OK : st;
        check_message(e, at, &ev);
    }
    return RP_OK;
}

static rp_status flush(ends *e, int from)
{
    rp_status st = rp__link_flush(e->link[from]);
    size_t waiting = rp__hub_backlog(e->hub, 1 - from);
    if (waiting > e->largest_backlog)
        e->largest_backlog = waiting;
    return st;
}

/* Moves everything across; RP_ENOMEM on the way is tried again. */
static void settle(ends *e)
{
    for (int turn = 0; turn < 100000; turn++) {
        if (e->heard[0] == e->sent[1] && e->heard[1] == e->sent[0] && rp__link_is_sent(e->link[0], -1) &&
            rp__link_is_sent(e->link[1], -1))
            return;
        for (int r = 0; r < 2; r++) {
            rp_status st = flush(e, r);
            RPT_OK(st == RP_OK || st == RP_ENOMEM);
            st = hear(e, r, 1000);
            RPT_OK(st == RP_OK || st == RP_ENOMEM);
        }
    }
    RPT_OK(!"everything arrives");
}

/* ---- sizes ---- */

static void check_sizes(size_t max_frame, int window, const size_t *sizes, size_t count)
{
    ends e;
    int64_t live = rp__mem_live();
    RPT_STATUS(ends_open(&e, max_frame, window, max_frame + (size_t) window), RP_OK);
    for (int from = 0; from < 2; from++) {
        for (size_t i = 0; i < count; i++) { /* one after the other, then all at once */
            RPT_STATUS(send_next(&e, from, sizes[i]), RP_OK);
            settle(&e);
        }
        for (size_t i = 0; i < count; i++)
            RPT_STATUS(send_next(&e, from, sizes[i]), RP_OK);
        settle(&e);
    }
    RPT_OK(e.largest_backlog <= (size_t) window + 1); /* one more: an empty frame that acknowledges */
    ends_close(&e);
    RPT_EQ_I64(rp__mem_live(), live);
}

static void messages_of_every_size_arrive(void)
{
    static const size_t some[] = {0, 1, 63, 64, 65, 59999, 60000, 60001, 0, 0, 120001, 3 << 20, 2};
    static const int windows[] = {1, 2, 16};
    for (size_t w = 0; w < RPT_COUNT(windows); w++) {
        check_sizes(60000, windows[w], some, RPT_COUNT(some));
        check_sizes(4096, windows[w], some, RPT_COUNT(some));
        check_sizes(128, windows[w], some, 10);
        size_t around[128]; /* every position of an end in a frame of 128 bytes */
        for (size_t i = 0; i < RPT_COUNT(around); i++)
            around[i] = 60 + i;
        check_sizes(128, windows[w], around, RPT_COUNT(around));
        check_sizes(17, windows[w], around, 20); /* one byte to a frame */
    }
}

static void mixed_sizes_in_both_directions(void)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        static const size_t frames[] = {64, 128, 1000, 60000};
        rng r = {seed};
        ends e;
        int window = (int) rng_below(&r, 16) + 1;
        size_t max_frame = frames[rng_below(&r, 4)];
        RPT_STATUS(ends_open(&e, max_frame, window, seed), RP_OK);
        for (int i = 0; i < 300; i++) {
            int at = (int) rng_below(&r, 2);
            size_t len = (size_t) rng_below(&r, rng_chance(&r, 3) ? 100000 : 200);
            if (rng_chance(&r, 50))
                RPT_STATUS(send_next(&e, at, len), RP_OK);
            if (rng_chance(&r, 40))
                RPT_STATUS(flush(&e, at), RP_OK);
            if (rng_chance(&r, 40))
                RPT_STATUS(hear(&e, at, (int) rng_below(&r, 20)), RP_OK);
        }
        settle(&e);
        ends_close(&e);
        if (rpt_failures) {
            printf("    seed %d\n", (int) seed);
            return;
        }
    }
}

static void a_body_can_be_taken_over(void)
{
    ends e;
    rp__link_event ev;
    RPT_STATUS(ends_open(&e, 128, 4, 1), RP_OK);
    RPT_STATUS(send_next(&e, 0, 70), RP_OK);
    RPT_STATUS(send_next(&e, 0, 5), RP_OK);
    RPT_STATUS(flush(&e, 0), RP_OK);
    RPT_STATUS(rp__link_next(e.link[1], &ev, NULL), RP_OK);
    uint8_t *body = rp__link_take(e.link[1]);
    RPT_OK(body == ev.body.data);
    RPT_STATUS(rp__link_next(e.link[1], &ev, NULL), RP_OK);
    RPT_EQ_I64(ev.body.len, 5);
    RPT_STATUS(rp__link_next(e.link[1], &ev, NULL), RP_EMPTY);
    ends_close(&e);
    RPT_EQ_I64(body[69], byte_of(1, 0, 0, 69));
    rp__free(body);
}

/* ---- who owns what ---- */

static void lent_parts_are_not_touched_once_sent(void)
{
    ends e;
    rp__link_event ev;
    RPT_STATUS(ends_open(&e, 256, 2, 1), RP_OK);
    uint8_t *lent = malloc(5000);
    memset(lent, 'x', 5000);
    rp__part part = {lent, 5000, NULL};
    RPT_STATUS(rp__link_send(e.link[0], 1, RP__MSG_CHUNK, NULL, &part, 1), RP_OK);
    bool has_arrived = false;
    for (int turn = 0; turn < 1000 && !has_arrived; turn++) {
        RPT_STATUS(rp__link_flush(e.link[0]), RP_OK);
        if (lent && rp__link_is_sent(e.link[0], 1)) {
            memset(lent, 'y', 5000);
            free(lent);
            lent = NULL;
        }
        has_arrived = rp__link_next(e.link[1], &ev, NULL) == RP_OK;
        RPT_OK(!has_arrived || !lent);
        RPT_STATUS(rp__link_flush(e.link[1]), RP_OK);
        RPT_OK(rp__link_next(e.link[0], &ev, NULL) == RP_EMPTY || has_arrived);
    }
    RPT_OK(has_arrived);
    ends_close(&e);
}

static void lent_bytes_arrive_as_they_were(void)
{
    ends e;
    rp__link_event ev;
    RPT_STATUS(ends_open(&e, 256, 16, 1), RP_OK);
    char lent[] = "before";
    rp__part part = {lent, 6, NULL};
    RPT_STATUS(rp__link_send(e.link[0], 1, RP__MSG_CHUNK, NULL, &part, 1), RP_OK);
    RPT_OK(!rp__link_is_sent(e.link[0], 1) && !rp__link_is_sent(e.link[0], -1));
    RPT_STATUS(rp__link_flush(e.link[0]), RP_OK);
    RPT_OK(rp__link_is_sent(e.link[0], 1) && rp__link_is_sent(e.link[0], -1));
    memcpy(lent, "after!", 6);
    RPT_STATUS(rp__link_next(e.link[1], &ev, NULL), RP_OK);
    RPT_EQ_MEM(ev.body.data, "before", 6);
    ends_close(&e);
}

static void given_parts_are_freed_once(void)
{
    ends e;
    int64_t live = rp__mem_live();
    RPT_STATUS(ends_open(&e, 128, 2, 1), RP_OK);
    for (int i = 0; i < 3; i++) /* some are sent, one is half sent, the last is not sent at all */
        RPT_STATUS(send_next(&e, 0, 1000), RP_OK);
    RPT_STATUS(flush(&e, 0), RP_OK);
    rp__link_cut(e.link[0], 1);
    RPT_OK(rp__link_is_sent(e.link[0], 1));
    RPT_STATUS(send_next(&e, 0, 1000), RP_OK); /* dropped */
    RPT_OK(rp__link_is_sent(e.link[0], 1));
    rp__mem_fail_after(2); /* beside the test's own two, a dropped message needs no memory */
    RPT_STATUS(send_next(&e, 0, 1000), RP_OK);
    rp__mem_fail_after(-1);
    ends_close(&e);
    RPT_EQ_I64(rp__mem_live(), live);
}

static void lack_of_memory_queues_nothing(void)
{
    ends e;
    rp_status st = RP_ENOMEM;
    RPT_STATUS(ends_open(&e, 128, 2, 1), RP_OK);
    uint8_t *given = rp__alloc(100);
    rp__part part = {given, 100, given};
    for (int n = 0; st && n < 10; n++) {
        rp__mem_fail_after(n);
        st = rp__link_send(e.link[0], 1, RP__MSG_CHUNK, NULL, &part, 1);
        rp__mem_fail_after(-1);
        RPT_OK(st == RP_OK || st == RP_ENOMEM);
        RPT_OK(!st || rp__link_is_sent(e.link[0], 1));
        if (st)
            given[99] = (uint8_t) n; /* still ours */
    }
    RPT_STATUS(st, RP_OK);
    rp__buf failed = {.failed = true};
    RPT_STATUS(rp__link_send(e.link[0], 1, RP__MSG_CHUNK, &failed, NULL, 0), RP_ENOMEM);
    ends_close(&e);
}

static void lack_of_memory_anywhere_only_delays(void)
{
    int64_t live = rp__mem_live();
    for (int n = 0; n < 400; n++) {
        ends e;
        rng r = {(uint64_t) n / 100};
        RPT_STATUS(ends_open(&e, 128, 2, 3), RP_OK);
        rp__mem_fail_after(n % 100);
        for (int i = 0; i < 12; i++) {
            int from = (int) rng_below(&r, 2);
            size_t len = (size_t) rng_below(&r, 300);
            rp_status st = send_next(&e, from, i % 3 ? len : 96); /* 96: its prefix ends with the frame */
            RPT_OK(st == RP_OK || st == RP_ENOMEM);
        }
        settle(&e);
        rp__mem_fail_after(-1);
        ends_close(&e);
        RPT_EQ_I64(rp__mem_live(), live);
    }
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {
        RPT_CASE(messages_of_every_size_arrive),  RPT_CASE(mixed_sizes_in_both_directions),
        RPT_CASE(a_body_can_be_taken_over),       RPT_CASE(lent_parts_are_not_touched_once_sent),
        RPT_CASE(lent_bytes_arrive_as_they_were), RPT_CASE(given_parts_are_freed_once),
        RPT_CASE(lack_of_memory_queues_nothing),  RPT_CASE(lack_of_memory_anywhere_only_delays),
    };
    return rpt_main(argc, argv, cases, RPT_COUNT(cases));
}
