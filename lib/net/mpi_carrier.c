/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The MPI carrier. Only eager messages: nothing larger is safe toward or from a rank that may die.
 *
 * MPI tells nothing of dead ranks (Open MPI 4.1) or little (5.0); the lifeline does. Its end of file can
 * overtake frames that the rank had sent, so a lost rank is reported only when no frame of it has come for a
 * while.
 */
#include "net/mpi_carrier.h"
#include "net/lifeline.h"
#include "net/mpi_limits.h"

#include <mpi.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#define FRAME_TAG    7
#define OPEN_TIMEOUT (60 * RP__SEC) /* from the first rank's coming to the last one's connection */
#define DRAIN_LOCAL  (2 * RP__MS)   /* silence after which a lost rank's frames have all come */
#define DRAIN_REMOTE (50 * RP__MS)
#define LOOK_NS      (20 * RP__US) /* the lifeline is looked at about that often while frames come */
#define SPIN_MIN     (5 * RP__US)
#define SPIN_ALONE                                                                                           \
    (10 * RP__US) /* spinning this long does not yield: it is about a frame's way there and back */
#define SPIN_MAX  (50 * RP__US)
#define SLEEP_MAX (50 * RP__MS) /* a wake-up that got lost costs no more */

typedef struct slot {
    MPI_Request request;
    uint8_t *buf; /* owned, max_frame bytes */
} slot;

typedef struct dying {
    int peer;
    rp__time since; /* end of file, or its last frame */
    char text[80];
} dying;

typedef struct mpi_carrier {
    rp__carrier base; /* first: a carrier is one of these */
    MPI_Comm comm;
    rp__lifeline *lifeline; /* owned */
    rp__page_line *own;     /* this rank's line of the lifeline's page */
    uint8_t *recv_buf;      /* owned */
    bool *is_local;         /* owned, by rank: on this rank's host */
    bool *is_dead;          /* owned, by rank */
    slot *busy;             /* owned: sends under way */
    int busy_len, busy_cap;
    uint8_t **idle; /* owned: free buffers */
    int idle_len, idle_cap;
    dying *dying; /* owned */
    int dying_len;
    char lost_text[80];
    rp__time looked, spin;
    int remote_window;
    bool saw_losses;
} mpi_carrier;

static mpi_carrier *self(rp__carrier *c)
{
    return (mpi_carrier *) c;
}

static rp__time mpi_now(rp__carrier *c)
{
    (void) c;
    return rp__clock_mono();
}

static int mpi_window(const rp__carrier *c, int peer)
{
    const mpi_carrier *m = (const mpi_carrier *) (const void *) c;
    return m->is_local[peer] ? 16 : m->remote_window;
}

/* ---- frames ---- */

static void keep_idle(mpi_carrier *m, uint8_t *buf)
{
    if (m->idle_len == m->idle_cap) {
        int cap = m->idle_cap ? m->idle_cap * 2 : 16;
        uint8_t **idle = rp__realloc(m->idle, (size_t) cap * sizeof *idle);
        if (!idle) {
            rp__free(buf);
            return;
        }
        m->idle = idle;
        m->idle_cap = cap;
    }
    m->idle[m->idle_len++] = buf;
}

static void reap_sends(mpi_carrier *m)
{
    for (int i = 0; i < m->busy_len;) {
        int done = 0;
        if (MPI_Test(&m->busy[i].request, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && !done) {
            i++;
            continue;
        }
        keep_idle(m, m->busy[i].buf);
        m->busy[i] = m->busy[--m->busy_len];
    }
}

static uint8_t *mpi_frame_begin(rp__carrier *c)
{
    mpi_carrier *m = self(c);
    if (m->idle_len == 0 && m->busy_len > 0)
        reap_sends(m);
    if (m->idle_len > 0)
        return m->idle[--m->idle_len];
    return rp__alloc_aligned(c->max_frame); /* windows bound how many there are */
}

static bool room_for_send(mpi_carrier *m)
{
    if (m->busy_len < m->busy_cap)
        return true;
    int cap = m->busy_cap ? m->busy_cap * 2 : 16;
    slot *busy = rp__realloc(m->busy, (size_t) cap * sizeof *busy);
    if (!busy)
        return false;
    m->busy = busy;
    m->busy_cap = cap;
    return true;
}

static rp_status mpi_frame_send(rp__carrier *c, int peer, uint8_t *buf, size_t len)
{
    mpi_carrier *m = self(c);
    if (m->is_dead[peer] || rp__lifeline_is_closed(m->lifeline, peer)) {
        keep_idle(m, buf);
        return RP_OK;
    }
    if (!room_for_send(m)) {
        keep_idle(m, buf);
        return RP_ENOMEM;
    }
    slot s = {.buf = buf};
    int done = 0;
    int rc = MPI_Isend(buf, (int) len, MPI_BYTE, peer, FRAME_TAG, m->comm, &s.request);
    if (rc == MPI_SUCCESS && MPI_Test(&s.request, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && !done)
        m->busy[m->busy_len++] = s;
    else
        keep_idle(m,
                  buf); /* gone out at once; or refused because the peer is dying, which the lifeline tells */
    return RP_OK;
}

static bool probe(mpi_carrier *m, MPI_Status *status)
{
    int flag = 0;
    return MPI_Iprobe(MPI_ANY_SOURCE, FRAME_TAG, m->comm, &flag, status) == MPI_SUCCESS && flag;
}

static void note_frame_of_dying(mpi_carrier *m, int peer)
{
    for (int i = 0; i < m->dying_len; i++)
        if (m->dying[i].peer == peer)
            m->dying[i].since = rp__clock_mono();
}

static rp_status mpi_frame_recv(rp__carrier *c, rp__frame *out)
{
    mpi_carrier *m = self(c);
    MPI_Status status;
    if (!probe(m, &status))
        return RP_EMPTY;
    int len = 0;
    (void) MPI_Get_count(&status, MPI_BYTE, &len); /* the receive tells when it is wrong */
    if (len < 0 || (size_t) len > c->max_frame)
        return RP_ENET;
    if (MPI_Recv(m->recv_buf, len, MPI_BYTE, status.MPI_SOURCE, FRAME_TAG, m->comm, MPI_STATUS_IGNORE) !=
        MPI_SUCCESS)
        return RP_EMPTY; /* its sender died; the lifeline tells */
    if (m->dying_len > 0)
        note_frame_of_dying(m, status.MPI_SOURCE);
    *out = (rp__frame){status.MPI_SOURCE, m->recv_buf, (size_t) len};
    return RP_OK;
}

/* ---- words ---- */

static rp_status mpi_control_send(rp__carrier *c, int peer, rp__word word, uint64_t arg)
{
    return rp__lifeline_send(self(c)->lifeline, peer, word, arg);
}

static void start_dying(mpi_carrier *m, const rp__control *lost)
{
    dying *d = &m->dying[m->dying_len++]; /* each rank dies once: there is room for all */
    *d = (dying){.peer = lost->peer, .since = rp__clock_mono()};
    (void) snprintf(d->text, sizeof d->text, "%s", lost->text); /* cut is fine */
    m->saw_losses = true;
}

/* The next rank whose last frames have come. */
static rp_status bury(mpi_carrier *m, rp__control *out)
{
    rp__time now = rp__clock_mono();
    for (int i = 0; i < m->dying_len; i++) {
        dying *d = &m->dying[i];
        if (now - d->since < (m->is_local[d->peer] ? DRAIN_LOCAL : DRAIN_REMOTE))
            continue;
        m->is_dead[d->peer] = true;
        memcpy(m->lost_text, d->text, sizeof m->lost_text);
        *out = (rp__control){.word = RP__WORD_LOST, .peer = d->peer, .text = m->lost_text};
        m->dying[i] = m->dying[--m->dying_len];
        return RP_OK;
    }
    return RP_EMPTY;
}

static rp_status mpi_control_recv(rp__carrier *c, rp__control *out)
{
    mpi_carrier *m = self(c);
    rp__time now = rp__clock_mono();
    if (now - m->looked >= LOOK_NS) {
        while (rp__lifeline_recv(m->lifeline, out) == RP_OK) {
            if (out->word != RP__WORD_LOST)
                return RP_OK; /* the next call goes on looking */
            start_dying(m, out);
        }
        m->looked = now;
    }
    return m->dying_len ? bury(m, out) : RP_EMPTY;
}

/* ---- sleeping and waking ---- */

static void mpi_ring(rp__carrier *c, int peer)
{
    mpi_carrier *m = self(c);
    rp__page_line *line = rp__lifeline_line(m->lifeline, peer);
    /* The frame must be visible before the flag is read; the sleeper sets the flag before it looks for
     * frames. */
    atomic_thread_fence(memory_order_seq_cst);
    if (line && !atomic_load_explicit(&line->is_asleep, memory_order_relaxed))
        return;
    (void) rp__lifeline_send(m->lifeline, peer, RP__WORD_DOORBELL, 0); /* sleep is bounded */
}

/* Looks for frames for a short while, after a moment giving the core away in between. True when there is one.
 */
static bool spin(mpi_carrier *m, rp__time start, rp__time until)
{
    MPI_Status status;
    for (int k = 0;; k++) {
        if (probe(m, &status))
            return true;
        if (k % 8 != 7)
            continue;
        rp__time now = rp__clock_mono();
        if (now >= until)
            return false;
        if (now - start > SPIN_ALONE)
            sched_yield();
    }
}

static void sleep_until(mpi_carrier *m, rp__time deadline)
{
    rp__page_line *own = m->own;
    MPI_Status status;
    atomic_store_explicit(&own->is_asleep, 1, memory_order_seq_cst);
    atomic_thread_fence(memory_order_seq_cst);
    /* Twice: Open MPI's probe matches first and makes progress after, so what has just come shows at the
     * second. */
    if (!probe(m, &status) && !probe(m, &status)) {
        rp__time most = m->busy_len || m->dying_len ? RP__MS : SLEEP_MAX;
        rp__time left = deadline == RP__NEVER ? most : deadline - rp__clock_mono();
        (void) rp__lifeline_wait(m->lifeline, rp__min64(left, most)); /* either way the caller looks again */
    }
    atomic_store_explicit(&own->is_asleep, 0, memory_order_seq_cst);
    m->looked = 0;
}

/* Spins longer where waits are short: a failed spin costs others the core. */
static void mpi_wait(rp__carrier *c, rp__time deadline)
{
    mpi_carrier *m = self(c);
    rp__time start = rp__clock_mono();
    if (m->busy_len)
        reap_sends(m);
    if (!spin(m, start, rp__min64(start + m->spin, deadline)) && rp__clock_mono() < deadline)
        sleep_until(m, deadline);
    bool was_short = rp__clock_mono() - start < SPIN_MAX;
    m->spin = was_short ? rp__min64(m->spin * 2, SPIN_MAX) : rp__max64(m->spin / 2, SPIN_MIN);
}

static void mpi_watch(rp__carrier *c, int fd)
{
    rp__lifeline_watch(self(c)->lifeline, fd);
}

static void mpi_running_set(rp__carrier *c, uint32_t batch, int64_t task)
{
    rp__page_line *own = self(c)->own;
    if (task >= 0)
        atomic_store_explicit(&own->batch, batch, memory_order_relaxed);
    atomic_store_explicit(&own->task, task, memory_order_release);
}

static bool mpi_running_get(rp__carrier *c, int peer, uint32_t *batch_out, int64_t *task_out)
{
    const rp__page_line *line = rp__lifeline_line(self(c)->lifeline, peer);
    if (!line)
        return false;
    *task_out = atomic_load_explicit(&line->task, memory_order_acquire);
    *batch_out = atomic_load_explicit(&line->batch, memory_order_relaxed);
    return true;
}

/* ---- opening and closing ---- */

static void mpi_free(rp__carrier *c)
{
    mpi_carrier *m = self(c);
    rp__time deadline = rp__clock_mono() + RP__SEC;
    while (m->busy_len > 0 && rp__clock_mono() < deadline && !m->saw_losses)
        reap_sends(m);
    for (int i = 0; i < m->idle_len; i++)
        rp__free(m->idle[i]);
    /* Buffers of sends that never end (toward the dead) stay MPI's. */
    if (m->comm != MPI_COMM_NULL && !m->saw_losses)
        MPI_Comm_free(&m->comm);
    rp__lifeline_close(&m->lifeline);
    rp__free(m->recv_buf);
    rp__free(m->is_local);
    rp__free(m->is_dead);
    rp__free(m->busy);
    rp__free(m->idle);
    rp__free(m->dying);
    rp__free(m);
}

static const rp__carrier_ops mpi_ops = {
    .now = mpi_now,
    .frame_begin = mpi_frame_begin,
    .frame_send = mpi_frame_send,
    .frame_recv = mpi_frame_recv,
    .control_send = mpi_control_send,
    .control_recv = mpi_control_recv,
    .ring = mpi_ring,
    .wait = mpi_wait,
    .watch = mpi_watch,
    .running_set = mpi_running_set,
    .running_get = mpi_running_get,
    .free = mpi_free,
};

/* What makes two ranks share a host: its boot, its name, and the namespaces in which pids and sockets mean
 * something. */
static XXH64_hash_t host_identity(void)
{
    char text[1024] = "";
    size_t n = 0;
    static const char *const links[] = {"/proc/self/ns/net", "/proc/self/ns/pid", "/proc/self/ns/ipc"};
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (f) {
        n = fread(text, 1, 64, f);
        fclose(f);
    }
    (void) gethostname(text + n, 255); /* empty is fine */
    n += strnlen(text + n, 255);
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        ssize_t len = readlink(links[i], text + n, 64);
        n += len > 0 ? (size_t) len : 0;
    }
    return XXH3_64bits(text, n);
}

static rp_status learn_hosts(mpi_carrier *m, bool *needs_tcp, rp_error *err)
{
    uint64_t mine = host_identity();
    uint64_t *all = rp__alloc_array((size_t) m->base.size, sizeof *all);
    if (!all)
        return rp__fail(err, RP_ENOMEM, "no memory for %d ranks", m->base.size);
    int rc = MPI_Allgather(&mine, 1, MPI_UINT64_T, all, 1, MPI_UINT64_T, m->comm);
    bool over_tcp = rp__mpi_has_no_shared_memory();
    for (int r = 0; r < m->base.size; r++) {
        m->is_local[r] = all[r] == mine && !over_tcp;
        *needs_tcp = *needs_tcp || all[r] != all[0];
    }
    bool near_master = all[0] == mine;
    rp__free(all);
    if (rc != MPI_SUCCESS)
        return rp__fail(err, RP_ENET, "the ranks cannot exchange messages");
    m->base.max_frame = rp__mpi_frame_bytes();
    m->remote_window = rp__mpi_remote_window();
    m->spin = SPIN_MIN;
    return near_master ? RP_OK : RP_EMPTY; /* how to reach the lifeline */
}

static rp_status open_lifeline(mpi_carrier *m, bool needs_tcp, bool near_master, rp_error *err)
{
    rp__lifeline_address address;
    rp_status st = RP_OK;
    rp__time deadline = rp__clock_mono() + OPEN_TIMEOUT;
    int go = 1;
    if (m->base.rank == 0) {
        st = rp__lifeline_listen(&m->lifeline, m->base.size, needs_tcp, &address, err);
        go = st == RP_OK;
    }
    if (MPI_Bcast(&go, 1, MPI_INT, 0, m->comm) ||
        (go && MPI_Bcast(&address, sizeof address, MPI_BYTE, 0, m->comm)))
        return rp__fail(err, RP_ENET, "the ranks cannot exchange messages");
    if (!go)
        return st ? st : rp__fail(err, RP_ENET, "the master cannot open the pool");
    if (m->base.rank == 0)
        return rp__lifeline_accept(m->lifeline, deadline, err);
    return rp__lifeline_connect(&m->lifeline, &address, m->base.rank, m->base.size, near_master, deadline,
                                err);
}

static rp_status fill(mpi_carrier *m, rp_error *err)
{
    size_t n = (size_t) m->base.size;
    m->is_local = rp__alloc_array(n, sizeof *m->is_local);
    m->is_dead = rp__alloc_array(n, sizeof *m->is_dead);
    m->dying = rp__alloc_array(n, sizeof *m->dying);
    if (!m->is_local || !m->is_dead || !m->dying)
        return rp__fail(err, RP_ENOMEM, "no memory for %d ranks", m->base.size);
    bool needs_tcp = false;
    rp_status st = learn_hosts(m, &needs_tcp, err);
    if (st < 0)
        return st;
    m->recv_buf = rp__alloc_aligned(m->base.max_frame);
    if (!m->recv_buf)
        return rp__fail(err, RP_ENOMEM, "no memory for frames");
    st = open_lifeline(m, needs_tcp, st == RP_OK, err);
    if (!st)
        m->own = rp__lifeline_own_line(m->lifeline);
    return st;
}

rp_status rp__mpi_carrier_open(rp__carrier **out, const void *comm, rp_error *err)
{
    MPI_Comm from = comm ? *(const MPI_Comm *) comm : MPI_COMM_WORLD;
    int size = 0;
    if (from == MPI_COMM_NULL || MPI_Comm_size(from, &size) != MPI_SUCCESS)
        return rp__fail(err, RP_EINVAL, "mpi_comm is no communicator of this rank");
    if (size == 1)
        return RP_EMPTY;
    mpi_carrier *m = rp__alloc(sizeof *m);
    if (!m)
        return rp__fail(err, RP_ENOMEM, "no memory for a carrier");
    m->base.ops = &mpi_ops;
    m->base.window = mpi_window;
    m->comm = MPI_COMM_NULL;
    rp_status st = RP_OK;
    if (MPI_Comm_dup(from, &m->comm) != MPI_SUCCESS || MPI_Comm_set_errhandler(m->comm, MPI_ERRORS_RETURN) ||
        MPI_Comm_rank(m->comm, &m->base.rank) || MPI_Comm_size(m->comm, &m->base.size))
        st = rp__fail(err, RP_ENET, "the communicator cannot be duplicated");
    if (!st)
        st = fill(m, err);
    if (st) {
        m->saw_losses = true; /* others may have given up elsewhere: nothing collective any more */
        mpi_free(&m->base);
        return st;
    }
    *out = &m->base;
    return RP_OK;
}

void rp__mpi_carrier_saw_losses(rp__carrier *c)
{
    self(c)->saw_losses = true;
}
