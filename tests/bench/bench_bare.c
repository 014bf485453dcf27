/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The same work without any pool: two processes that take task after task from a shared counter.
 *
 *     bench_bare spawn COUNT | call COUNT | sleep COUNT | busy COUNT ROUNDS | calibrate
 *
 * Their start-up is not in the time: it runs from the first begin to the last end.
 */
#include "bench.h"

#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES 2

extern char **environ;

typedef struct board {
    _Atomic int64_t next; /* task to take */
    _Atomic int waiting;  /* processes that are ready */
    double begin[PROCESSES], end[PROCESSES];
} board;

static int64_t rounds;

/* ---- tasks ---- */

static void spawn_true(int64_t first, int64_t count)
{
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, (char[]){"--"}, (char[]){"/bin/true"}, NULL};
    (void) first;
    for (int64_t k = 0; k < count; k++) {
        pid_t pid;
        int status;
        if (posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ) != 0 || waitpid(pid, &status, 0) != pid ||
            status)
            die("a command failed");
    }
}

static int nothing(int64_t index)
{
    return index < 0;
}

static void call(int64_t first, int64_t count)
{
    int (*volatile fn)(int64_t) = nothing; /* called through its address, as a pool does */
    for (int64_t k = first; k < first + count; k++)
        if (fn(k))
            die("a call failed");
}

static void doze(int64_t first, int64_t count)
{
    (void) first;
    for (int64_t k = 0; k < count; k++)
        sleep_s(TASK_MS * 1e-3);
}

static void compute(int64_t first, int64_t count)
{
    (void) first;
    for (int64_t k = 0; k < count; k++)
        burn(rounds);
}

/* ---- processes ---- */

static void run_process(board *b, int me, int64_t tasks, int64_t chunk, void (*task)(int64_t, int64_t))
{
    atomic_fetch_add(&b->waiting, 1);
    while (atomic_load(&b->waiting) < PROCESSES)
        usleep(100);
    b->begin[me] = seconds();
    for (;;) {
        int64_t k = atomic_fetch_add(&b->next, chunk);
        if (k >= tasks)
            break;
        task(k, tasks - k < chunk ? tasks - k : chunk);
    }
    b->end[me] = seconds();
}

/* Seconds for all tasks. */
static double run_all(int64_t tasks, int64_t chunk, void (*task)(int64_t, int64_t))
{
    board *b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (b == MAP_FAILED)
        die("no shared memory");
    for (int i = 0; i < PROCESSES; i++) {
        pid_t pid = fork();
        if (pid < 0)
            die("no process");
        if (pid > 0)
            continue;
        run_process(b, i, tasks, chunk, task);
        _exit(0);
    }
    double begin = 0, end = 0;
    bool is_fine = true;
    for (int i = 0, status; i < PROCESSES; i++)
        is_fine &= wait(&status) > 0 && status == 0;
    if (!is_fine)
        die("a process failed");
    for (int i = 0; i < PROCESSES; i++) {
        begin = i == 0 || b->begin[i] < begin ? b->begin[i] : begin;
        end = b->end[i] > end ? b->end[i] : end;
    }
    return end - begin;
}

/* How many rounds take TASK_MS on a core of one's own: the fastest of many tries. */
static double calibrate(void)
{
    const int64_t tried = 1000000;
    double best = 1e9;
    for (int k = 0; k < 200; k++) {
        double start = seconds();
        burn(tried);
        double took = seconds() - start;
        best = took < best ? took : best;
    }
    return (double) tried * TASK_MS * 1e-3 / best;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*task)(int64_t, int64_t);
        int64_t chunk;
    } works[] = {{"spawn", spawn_true, 1}, {"call", call, 1000000}, {"sleep", doze, 1}, {"busy", compute, 1}};
    if (argc == 2 && strcmp(argv[1], "calibrate") == 0) {
        say("rounds", calibrate());
        return 0;
    }
    rounds = argc > 3 ? atoll(argv[3]) : 0;
    for (size_t i = 0; argc > 2 && i < sizeof works / sizeof *works; i++)
        if (strcmp(works[i].name, argv[1]) == 0) {
            say("s", run_all(atoll(argv[2]), works[i].chunk, works[i].task));
            return 0;
        }
    fputs("usage: bench_bare spawn COUNT | call COUNT | sleep COUNT | busy COUNT ROUNDS | calibrate\n",
          stderr);
    return 2;
}
