/* SPDX-License-Identifier: BSD-3-Clause */
/* Counts the primes below N, one block of numbers per task: primes [N], default 10000000. */
#include <rankpool/rankpool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BLOCKS 1000

static bool is_prime(int64_t n)
{
    for (int64_t d = 2; d * d <= n; d += 1 + d % 2) /* 2, 3, 5, 7, 9 ... */
        if (n % d == 0)
            return false;
    return n > 1;
}

/* Task k counts block k. N is the same for all tasks and travels once per worker. */
static int count_block(rp_task *t, const void *in, void *out)
{
    (void) in; /* NULL: a range has no payload */
    int64_t n = *(const int64_t *) rp_task_shared(t), width = n / BLOCKS + 1;
    int64_t first = rp_task_index(t) * width, *primes = out; /* zeroed */
    for (int64_t k = first; k < first + width && k < n; k++)
        *primes += is_prime(k);
    return 0;
}

static rp_status count_primes(rp_pool *pool, int64_t n)
{
    int64_t primes[BLOCKS], sum = 0;
    rp_map_options opt = RP_MAP_OPTIONS_INIT;
    opt.shared = &n, opt.shared_bytes = sizeof n;
    struct timespec a, b;
    timespec_get(&a, TIME_UTC);
    rp_status st = rp_map_range(pool, count_block, 0, BLOCKS, primes, sizeof *primes, &opt);
    timespec_get(&b, TIME_UTC);
    if (st != RP_OK)
        return st;
    for (int k = 0; k < BLOCKS; k++)
        sum += primes[k];
    double s = (double) (b.tv_sec - a.tv_sec) + 1e-9 * (double) (b.tv_nsec - a.tv_nsec);
    printf("%lld primes below %lld in %.2f s\n", (long long) sum, (long long) n, s);
    return RP_OK;
}

int main(int argc, char **argv)
{
    if (rp_init(&argc, &argv) != RP_OK)
        return 1;
    rp_pool *pool = NULL;
    rp_status st = rp_pool_open(&pool, NULL);
    if (st == RP_OK) /* on rank 0 only; the workers come back with RP_SERVED when the pool closes */
        st = count_primes(pool, argc > 1 ? atoll(argv[1]) : 10000000);
    if (st < 0)
        fprintf(stderr, "primes: %s\n", pool ? rp_pool_error(pool)->text : rp_init_error()->text);
    rp_pool_close(&pool);
    return rp_finalize(st < 0);
}
