/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What bare MPI does with the same bytes between the same ranks: the other side of the benchmark.
 *
 *     mpirun -n RANKS bench_mpi empty | pingpong BYTES COUNT | echo BYTES COUNT WINDOW | idle SECONDS
 */
#include "bench.h"

#include <mpi.h>
#include <unistd.h>

#define STREAM_BYTES ((size_t) 80 << 20) /* the arrays that are walked through while streaming */

static int rank, size;

/* ---- one message there and back ---- */

static void run_pingpong(const int64_t *n)
{
    int bytes = (int) n[0], count = (int) n[1], warm = count / 10 + 1;
    char *buf = need((size_t) bytes);
    double *us = need((size_t) count * sizeof *us);
    for (int k = -warm; k < count && rank < 2; k++) {
        double start = seconds();
        if (rank == 0)
            MPI_Send(buf, bytes, MPI_BYTE, 1, 0, MPI_COMM_WORLD);
        MPI_Recv(buf, bytes, MPI_BYTE, 1 - rank, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        if (rank == 1)
            MPI_Send(buf, bytes, MPI_BYTE, 0, 0, MPI_COMM_WORLD);
        if (k >= 0)
            us[k] = 1e6 * (seconds() - start);
    }
    if (rank == 0)
        say("us", median(us, (size_t) count));
    free(us);
    free(buf);
}

/* ---- many messages there and back, window of them under way to every worker ---- */

typedef struct stream {
    int bytes, window;
    int64_t count; /* per worker */
    MPI_Request *send, *recv;
} stream;

static void wait_for(MPI_Request *r)
{
    MPI_Wait(r, MPI_STATUS_IGNORE);
}

static void serve(const stream *s)
{
    size_t bytes = (size_t) s->bytes;
    char *buf = need((size_t) s->window * bytes);
    for (int64_t k = 0; k < s->count + s->window; k++) {
        int i = (int) (k % s->window);
        char *at = buf + (size_t) i * bytes;
        if (k >= s->window) {
            wait_for(&s->recv[i]);
            MPI_Isend(at, s->bytes, MPI_BYTE, 0, 0, MPI_COMM_WORLD, &s->send[i]);
        }
        if (k >= s->count)
            continue;
        if (k >= s->window)
            wait_for(&s->send[i]);
        MPI_Irecv(at, s->bytes, MPI_BYTE, 0, 0, MPI_COMM_WORLD, &s->recv[i]);
    }
    MPI_Waitall(s->window, s->send, MPI_STATUSES_IGNORE);
    free(buf);
}

static double drive(const stream *s)
{
    size_t bytes = (size_t) s->bytes, lanes = (size_t) ((size - 1) * s->window);
    size_t places = STREAM_BYTES / bytes > lanes ? STREAM_BYTES / bytes : lanes, place = 0;
    char *x = need(places * bytes), *y = need(places * bytes);
    double start = seconds();
    for (int64_t k = 0; k < s->count + s->window; k++)
        for (int w = 1; w < size; w++) {
            size_t i = (size_t) (w - 1) * (size_t) s->window + (size_t) (k % s->window);
            if (k >= s->window) {
                wait_for(&s->recv[i]);
                wait_for(&s->send[i]);
            }
            if (k >= s->count)
                continue;
            MPI_Irecv(y + place * bytes, s->bytes, MPI_BYTE, w, 0, MPI_COMM_WORLD, &s->recv[i]);
            MPI_Isend(x + place * bytes, s->bytes, MPI_BYTE, w, 0, MPI_COMM_WORLD, &s->send[i]);
            place = (place + 1) % places;
        }
    double took = seconds() - start;
    free(x);
    free(y);
    return took;
}

static void run_echo(const int64_t *n)
{
    int workers = size - 1;
    stream s = {.bytes = (int) n[0], .window = (int) n[2]};
    s.count = (n[1] + workers - 1) / workers;
    size_t lanes = (size_t) (s.window * workers);
    s.send = need(lanes * sizeof(MPI_Request));
    s.recv = need(lanes * sizeof(MPI_Request));
    for (size_t i = 0; i < lanes; i++)
        s.send[i] = s.recv[i] = MPI_REQUEST_NULL;
    double best = 0;
    for (int pass = 0; pass < 2; pass++) { /* the first warms up */
        MPI_Barrier(MPI_COMM_WORLD);
        if (rank == 0)
            best = drive(&s);
        else
            serve(&s);
    }
    if (rank == 0)
        say("mib_s", (double) n[0] * (double) s.count * workers / best / 1048576);
    free(s.send);
    free(s.recv);
}

/* ---- doing nothing ---- */

/* Rank 1 sleeps, the others wait for it. */
static void run_idle(const int64_t *n)
{
    char c = 0;
    printf("pid%d %d\n", rank, (int) getpid());
    fflush(stdout);
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0) {
        say("busy_rank", 1);
        say("ready", 1);
    }
    if (rank != 1) {
        MPI_Recv(&c, 1, MPI_BYTE, 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        return;
    }
    sleep_s((double) n[0]);
    for (int r = 0; r < size; r++)
        if (r != 1)
            MPI_Send(&c, 1, MPI_BYTE, r, 0, MPI_COMM_WORLD);
}

static void run_empty(const int64_t *n)
{
    (void) n;
    if (rank == 0)
        say("peak_kib", peak_kib());
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(const int64_t *n);
        int numbers;
    } works[] = {
        {"empty", run_empty, 0}, {"pingpong", run_pingpong, 2}, {"echo", run_echo, 3}, {"idle", run_idle, 1}};
    int64_t n[3] = {0};
    for (int i = 2; i < argc && i < 5; i++)
        n[i - 2] = atoll(argv[i]);
    for (size_t i = 0; argc > 1 && i < sizeof works / sizeof *works; i++) {
        if (strcmp(works[i].name, argv[1]) != 0 || works[i].numbers != argc - 2)
            continue;
        MPI_Init(&argc, &argv);
        MPI_Comm_rank(MPI_COMM_WORLD, &rank);
        MPI_Comm_size(MPI_COMM_WORLD, &size);
        works[i].run(n);
        MPI_Finalize();
        return 0;
    }
    fputs("usage: bench_mpi empty | pingpong BYTES COUNT | echo BYTES COUNT WINDOW | idle SECONDS\n", stderr);
    return 2;
}
