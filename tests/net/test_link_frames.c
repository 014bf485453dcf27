/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The link seen from the carrier below it: the other end is no link, the test reads and makes the frames
 * itself. Windows to the frame, acknowledgements, garbage, loss.
 */
#include "rpt.h"

#include "net/inproc.h"
#include "net/link.h"

#define HEAD_BYTES                                                                                           \
    16 /* u16 magic, u8 version, u8 zero, u32 sequence, u32 frames received, u32 payload bytes */
#define MAX_FRAME 128
#define ROOM      (MAX_FRAME - HEAD_BYTES)

/* A link at one rank of three, bare carriers at the others. */
typedef struct bench {
    rp__hub *hub;
    rp__link *link;
    rp__carrier *bare[3];
    int rank;
} bench;

static void bench_open(bench *b, int rank, int window)
{
    *b = (bench){.rank = rank};
    RPT_STATUS(rp__hub_new(&b->hub, 3, MAX_FRAME, window), RP_OK);
    for (int r = 0; r < 3; r++)
        RPT_STATUS(rp__hub_carrier(b->hub, r, &b->bare[r]), RP_OK);
    RPT_STATUS(rp__link_new(&b->link, b->bare[rank]), RP_OK);
    rp__hub_fake_clock(b->hub, RP__SEC);
}

static void bench_close(bench *b)
{
    for (int r = 0; r < 3; r++)
        if (r != b->rank)
            b->bare[r]->ops->free(b->bare[r]);
    rp__link_free(&b->link);
    rp__hub_free(&b->hub);
}

static void queue(bench *b, int peer, size_t len)
{
    uint8_t *given = rp__alloc(len);
    rp__part part = {given, len, given};
    RPT_STATUS(rp__link_send(b->link, peer, RP__MSG_CHUNK, NULL, &part, 1), RP_OK);
}

/* How many frames with payload wait for a rank once the link has flushed; takes them off. */
static int flush_and_take(bench *b, int at, uint32_t *last_sequence)
{
    rp__frame f;
    int n = 0;
    RPT_STATUS(rp__link_flush(b->link), RP_OK);
    while (b->bare[at]->ops->frame_recv(b->bare[at], &f) == RP_OK) {
        RPT_EQ_I64(f.peer, b->rank);
        RPT_EQ_I64(rp__get_u32(f.data + 12), f.len - HEAD_BYTES);
        n += f.len > HEAD_BYTES;
        *last_sequence = rp__get_u32(f.data + 4);
    }
    return n;
}

static void send_raw(bench *b, int from, const void *data, size_t len)
{
    uint8_t *f = b->bare[from]->ops->frame_begin(b->bare[from]);
    memcpy(f, data, len);
    RPT_STATUS(b->bare[from]->ops->frame_send(b->bare[from], b->rank, f, len), RP_OK);
}

static void make_head(uint8_t *f, uint32_t sequence, uint32_t received, uint32_t payload)
{
    f[0] = 0x52;
    f[1] = 0x50;
    f[2] = RP__WIRE_VERSION;
    f[3] = 0;
    rp__put_u32(f + 4, sequence);
    rp__put_u32(f + 8, received);
    rp__put_u32(f + 12, payload);
}

static void acknowledge(bench *b, int from, uint32_t received)
{
    uint8_t f[HEAD_BYTES];
    make_head(f, 0, received, 0);
    send_raw(b, from, f, sizeof f);
    rp__link_event ev;
    RPT_STATUS(rp__link_next(b->link, &ev, NULL), RP_EMPTY);
}

/* ---- windows ---- */

static void check_window(int window)
{
    bench b;
    uint32_t seen = 0;
    bench_open(&b, 0, window);
    queue(&b, 1, 100 * ROOM);
    RPT_EQ_I64(flush_and_take(&b, 1, &seen), window);
    RPT_EQ_I64(seen, window);
    RPT_EQ_I64(flush_and_take(&b, 1, &seen), 0); /* taken is not acknowledged */
    queue(&b, 2, 1);
    RPT_EQ_I64(flush_and_take(&b, 2, &seen), 1); /* the other worker has a window of its own */
    acknowledge(&b, 1, 1);
    RPT_EQ_I64(flush_and_take(&b, 1, &seen), 1);
    acknowledge(&b, 1, 1);                      /* old news */
    acknowledge(&b, 1, 0);                      /* older news */
    acknowledge(&b, 1, (uint32_t) window + 50); /* more than was sent */
    acknowledge(&b, 1, UINT32_MAX);
    RPT_EQ_I64(flush_and_take(&b, 1, &seen), 0);
    acknowledge(&b, 1, (uint32_t) window + 1); /* all of them */
    RPT_EQ_I64(flush_and_take(&b, 1, &seen), window);
    rp__link_event ev;
    rp__carrier *c = b.bare[1];
    RPT_STATUS(c->ops->control_send(c, 0, RP__WORD_ACK, (uint64_t) 2 * (uint64_t) window + 1), RP_OK);
    RPT_STATUS(rp__link_next(b.link, &ev, NULL), RP_EMPTY); /* a word acknowledges too, and is no event */
    RPT_EQ_I64(flush_and_take(&b, 1, &seen), window);
    RPT_EQ_I64(seen, 3 * window + 1);
    bench_close(&b);
}

static void windows_are_honoured(void)
{
    check_window(1);
    check_window(2);
    check_window(16);
}

static void small_messages_share_a_frame(void)
{
    bench b;
    uint32_t seen;
    bench_open(&b, 0, 1);
    for (int i = 0; i < 5; i++)
        queue(&b, 1, 4); /* 16 + 4 bytes each: five fill 100 of 112 */
    RPT_EQ_I64(flush_and_take(&b, 1, &seen), 1);
    RPT_OK(rp__link_is_sent(b.link, 1));
    bench_close(&b);
}

static void a_message_ending_with_its_frame_sends_no_empty_one(void)
{
    bench b;
    bench_open(&b, 0, 4);
    uint8_t body[ROOM - 16];
    memset(body, 1, sizeof body);
    rp__part parts[] = {{NULL, 0, rp__alloc(8)}, {body, sizeof body, NULL}, {NULL, 0, rp__alloc(8)}};
    RPT_STATUS(rp__link_send(b.link, 1, RP__MSG_CHUNK, NULL, parts, 3), RP_OK);
    RPT_STATUS(rp__link_flush(b.link), RP_OK);
    RPT_OK(rp__link_is_sent(b.link, 1));
    RPT_EQ_I64(rp__hub_backlog(b.hub, 1), 1);
    bench_close(&b);
}

/* ---- acknowledgements ---- */

/* Sends a frame with one whole message of no bytes to the link. */
static void send_message(bench *b, int from, uint32_t sequence)
{
    uint8_t f[HEAD_BYTES + 16] = {0};
    make_head(f, sequence, 0, 16);
    rp__put_u32(f + HEAD_BYTES + 8, RP__MSG_LOG);
    send_raw(b, from, f, sizeof f);
    rp__link_event ev;
    RPT_STATUS(rp__link_next(b->link, &ev, NULL), RP_OK);
    RPT_EQ_I64(ev.body.len, 0);
    RPT_EQ_I64(ev.type, RP__MSG_LOG);
}

static void a_worker_acknowledges_by_empty_frames(void)
{
    bench b;
    rp__frame f;
    bench_open(&b, 1, 4);
    send_message(&b, 0, 1);
    RPT_STATUS(rp__link_flush(b.link), RP_OK);
    RPT_EQ_I64(rp__hub_backlog(b.hub, 0), 0); /* less than half a window: not yet */
    send_message(&b, 0, 2);
    RPT_STATUS(rp__link_flush(b.link), RP_OK);
    RPT_STATUS(b.bare[0]->ops->frame_recv(b.bare[0], &f), RP_OK);
    RPT_EQ_I64(f.len, HEAD_BYTES);
    RPT_EQ_I64(rp__get_u32(f.data + 8), 2);
    send_message(&b, 0, 3);
    queue(&b, 0, 3); /* now it rides on a frame */
    RPT_STATUS(rp__link_flush(b.link), RP_OK);
    RPT_STATUS(b.bare[0]->ops->frame_recv(b.bare[0], &f), RP_OK);
    RPT_EQ_I64(rp__get_u32(f.data + 8), 3);
    RPT_EQ_I64(rp__hub_backlog(b.hub, 0), 0);
    bench_close(&b);
}

static void the_master_acknowledges_by_words(void)
{
    bench b;
    rp__control c;
    bench_open(&b, 0, 1);
    send_message(&b, 2, 1);
    RPT_STATUS(rp__link_flush(b.link), RP_OK);
    RPT_EQ_I64(rp__hub_backlog(b.hub, 2), 0); /* no frame: that rank might die */
    RPT_STATUS(b.bare[2]->ops->control_recv(b.bare[2], &c), RP_OK);
    RPT_EQ_I64(c.word, RP__WORD_ACK);
    RPT_EQ_I64(c.arg, 1);
    RPT_STATUS(rp__link_flush(b.link), RP_OK);
    RPT_STATUS(b.bare[2]->ops->control_recv(b.bare[2], &c), RP_EMPTY); /* once is enough */
    bench_close(&b);
}

/* ---- garbage ---- */

static void check_garbage(const void *data, size_t len, const char *part)
{
    bench b;
    rp__link_event ev;
    rp_error err;
    bench_open(&b, 0, 4);
    send_raw(&b, 2, data, len);
    RPT_STATUS(rp__link_next(b.link, &ev, &err), RP_ENET);
    RPT_STATUS(err.code, RP_ENET);
    RPT_HAS_STR(err.text, "rank 2");
    RPT_HAS_STR(err.text, part);
    bench_close(&b);
}

static void garbage_names_its_rank(void)
{
    uint8_t f[HEAD_BYTES + 16] = {0};
    for (size_t len = 0; len < HEAD_BYTES; len++) {
        make_head(f, 1, 0, 0);
        check_garbage(f, len, "no frame");
    }
    for (size_t at = 0; at < 3; at++) {
        make_head(f, 1, 0, 16);
        f[at] ^= 0x40;
        check_garbage(f, sizeof f, "no frame");
    }
    static const uint32_t wrong[] = {0, 15, 17, 1000, UINT32_MAX};
    for (size_t i = 0; i < RPT_COUNT(wrong); i++) {
        make_head(f, 1, 0, wrong[i]);
        check_garbage(f, sizeof f, "no frame");
    }
    static const struct {
        uint64_t len;
        uint32_t type;
    } messages[] = {{0, RP__MSG_NONE},
                    {0, RP__MSG_COUNT},
                    {0, UINT32_MAX},
                    {RP__WIRE_MAX_BYTES + 1, RP__MSG_LOG},
                    {UINT64_MAX, RP__MSG_LOG}};
    for (size_t i = 0; i < RPT_COUNT(messages); i++) {
        make_head(f, 1, 0, 16);
        rp__put_u64(f + HEAD_BYTES, messages[i].len);
        rp__put_u32(f + HEAD_BYTES + 8, messages[i].type);
        check_garbage(f, sizeof f, "message");
    }
}

/* ---- loss ---- */

static void a_lost_rank_is_reported_behind_its_last_message(void)
{
    bench b;
    rp__link_event ev;
    uint8_t f[MAX_FRAME] = {0};
    int64_t live = rp__mem_live();
    bench_open(&b, 0, 4);
    make_head(f, 1, 0, 16 + 16); /* a whole message, then a large one of which only the prefix comes */
    rp__put_u32(f + HEAD_BYTES + 8, RP__MSG_BYE);
    rp__put_u64(f + HEAD_BYTES + 16, 5 << 20);
    rp__put_u32(f + HEAD_BYTES + 16 + 8, RP__MSG_ANSWER);
    send_raw(&b, 1, f, HEAD_BYTES + 32);
    make_head(f, 2, 0, ROOM);
    send_raw(&b, 1, f, MAX_FRAME);
    queue(&b, 1, 1000);
    queue(&b, 2, 1000);
    rp__hub_kill(b.hub, 1);
    RPT_STATUS(rp__link_next(b.link, &ev, NULL), RP_OK);
    RPT_EQ_I64(ev.type, RP__MSG_BYE);
    RPT_STATUS(rp__link_next(b.link, &ev, NULL), RP_OK);
    RPT_EQ_I64(ev.kind, RP__LINK_WORD);
    RPT_EQ_I64(ev.peer, 1);
    RPT_EQ_I64(ev.control.word, RP__WORD_LOST);
    RPT_EQ_STR(ev.control.text, "killed");
    RPT_OK(rp__link_is_sent(b.link, 1) && !rp__link_is_sent(b.link, 2));
    RPT_STATUS(rp__link_next(b.link, &ev, NULL), RP_EMPTY);
    queue(&b, 1, 1000); /* dropped */
    RPT_OK(rp__link_is_sent(b.link, 1));
    RPT_STATUS(rp__link_flush(b.link), RP_OK);
    RPT_EQ_I64(rp__hub_backlog(b.hub, 1), 0);
    RPT_EQ_I64(rp__hub_backlog(b.hub, 2), 4);
    bench_close(&b);
    RPT_EQ_I64(rp__mem_live(), live);
}

static void a_message_survives_a_moment_without_memory(void)
{
    bench b;
    rp__link_event ev;
    rp_error err;
    uint8_t f[HEAD_BYTES + 16] = {0};
    bench_open(&b, 0, 4);
    make_head(f, 1, 0, 16);
    rp__put_u32(f + HEAD_BYTES + 8, RP__MSG_BYE);
    send_raw(&b, 2, f, sizeof f);
    rp__mem_fail_after(0);
    RPT_STATUS(rp__link_next(b.link, &ev, &err), RP_ENOMEM);
    RPT_STATUS(err.code, RP_ENOMEM);
    RPT_STATUS(rp__link_next(b.link, &ev, &err), RP_OK);
    RPT_EQ_I64(ev.type, RP__MSG_BYE);
    RPT_STATUS(rp__link_next(b.link, &ev, &err), RP_EMPTY);
    bench_close(&b);
}

static void words_pass_a_message_on_its_way(void)
{
    bench b;
    rp__link_event ev;
    uint8_t f[HEAD_BYTES + 16 + 4] = {0};
    bench_open(&b, 1, 4);
    make_head(f, 1, 0, 16 + 4);
    rp__put_u64(f + HEAD_BYTES, 1000);
    rp__put_u32(f + HEAD_BYTES + 8, RP__MSG_CHUNK);
    send_raw(&b, 0, f, sizeof f);
    RPT_STATUS(b.bare[0]->ops->control_send(b.bare[0], 1, RP__WORD_CALL_BACK, 77), RP_OK);
    RPT_STATUS(rp__link_next(b.link, &ev, NULL), RP_OK);
    RPT_EQ_I64(ev.control.word, RP__WORD_CALL_BACK);
    RPT_EQ_I64(ev.control.arg, 77);
    bench_close(&b);
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {
        RPT_CASE(windows_are_honoured),
        RPT_CASE(small_messages_share_a_frame),
        RPT_CASE(a_message_ending_with_its_frame_sends_no_empty_one),
        RPT_CASE(a_worker_acknowledges_by_empty_frames),
        RPT_CASE(the_master_acknowledges_by_words),
        RPT_CASE(garbage_names_its_rank),
        RPT_CASE(a_lost_rank_is_reported_behind_its_last_message),
        RPT_CASE(a_message_survives_a_moment_without_memory),
        RPT_CASE(words_pass_a_message_on_its_way),
    };
    return rpt_main(argc, argv, cases, RPT_COUNT(cases));
}
