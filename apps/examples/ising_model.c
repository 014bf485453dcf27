/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two-dimensional Ising model on a periodic square lattice with J = k = 1, by Wolff clusters.
 *
 * Why clusters (U. Wolff, PRL 62, 361 (1989)): near Tc single flips take about L^2 sweeps to forget a state,
 * clusters a few; elsewhere both forget at once and clusters cost little more. A "sweep" here is the number
 * of clusters that flips as many spins on average as there are sites. It is measured while the lattice warms
 * up and fixed before the first measurement: stopping by the spins flipped so far would prefer some states
 * to others and shift every average.
 */
#include "ising_model.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { E1, E2, M1, M2, M4, MOMENTS }; /* <e>, <e^2>, <|m|> ... */
enum { ENERGY, MAGNETISATION, HEAT_CAPACITY, SUSCEPTIBILITY, BINDER, OBSERVABLES }; /* made of them */

/* ---- random numbers: xoshiro256++ seeded by splitmix64 (Blackman & Vigna, prng.di.unimi.it) ---- */

typedef struct rng {
    uint64_t s[4];
} rng;

static uint64_t splitmix64(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Depends on the task alone, so the results are the same on any number of workers. */
static rng rng_start(int64_t seed, int64_t index)
{
    uint64_t x = (uint64_t) seed;
    x = splitmix64(&x) + (uint64_t) index;
    rng r;
    for (int k = 0; k < 4; k++)
        r.s[k] = splitmix64(&x);
    return r;
}

static inline uint64_t rotate(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static inline uint64_t rng_next(rng *r)
{
    uint64_t *s = r->s, result = rotate(s[0] + s[3], 23) + s[0], t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

/* ---- the lattice ---- */

typedef struct lattice {
    int size, sites;
    uint64_t join; /* chance that an equal neighbour joins a cluster, in units of 2^-64 */
    int8_t *spin;  /* -1 or +1 */
    int32_t *near; /* the four neighbours of site k at 4 k */
    int32_t *todo; /* sites of the cluster whose neighbours are not visited yet */
    rng random;
} lattice;

static void lattice_done(lattice *l)
{
    free(l->spin);
    free(l->near);
    free(l->todo);
}

/* All spins up: below Tc a random start could freeze into stripes, above Tc clusters dissolve the order. */
static bool lattice_init(lattice *l, const point *p)
{
    int n = p->size;
    *l = (lattice){.size = n, .sites = n * n, .random = rng_start(p->seed, p->index)};
    l->join = (uint64_t) ldexp(-expm1(-2 / p->temperature), 64);
    l->spin = malloc((size_t) l->sites);
    l->near = malloc(4 * (size_t) l->sites * sizeof *l->near);
    l->todo = malloc(((size_t) l->sites + 1) * sizeof *l->todo);
    if (!l->spin || !l->near || !l->todo)
        return false;
    memset(l->spin, 1, (size_t) l->sites);
    for (int y = 0; y < n; y++) {
        for (int x = 0; x < n; x++) {
            int32_t *near = &l->near[4 * (y * n + x)];
            near[0] = y * n + (x + 1) % n;
            near[1] = y * n + (x + n - 1) % n;
            near[2] = (y + 1) % n * n + x;
            near[3] = (y + n - 1) % n * n + x;
        }
    }
    return true;
}

/* Grows one Wolff cluster from a random site, flips it on the way and returns its size. */
static int flip_cluster(lattice *l)
{
    rng r = l->random; /* a copy stays in registers */
    int32_t start = (int32_t) (((rng_next(&r) >> 32) * (uint64_t) l->sites) >> 32);
    int8_t old = l->spin[start];
    int32_t *todo = l->todo;
    int flipped = 1, waiting = 1;
    l->spin[start] = (int8_t) -old;
    todo[0] = start;
    while (waiting > 0) {
        const int32_t *near = &l->near[4 * todo[--waiting]];
        for (int k = 0; k < 4; k++) {
            int32_t site = near[k];
            /* Without branches: they would be wrong too often. */
            int joins = (l->spin[site] == old) & (rng_next(&r) < l->join);
            l->spin[site] = (int8_t) (l->spin[site] - 2 * joins * old);
            todo[waiting] = site;
            waiting += joins;
            flipped += joins;
        }
    }
    l->random = r;
    return flipped;
}

/* Energy and magnetisation per site. */
static void look(const lattice *l, double *e, double *m)
{
    int n = l->size, bonds = 0, up = 0;
    for (int y = 0; y < n; y++) {
        const int8_t *row = l->spin + y * n, *next = l->spin + (y + 1) % n * n;
        for (int x = 0; x < n - 1; x++) {
            bonds += row[x] * (row[x + 1] + next[x]);
            up += row[x];
        }
        bonds += row[n - 1] * (row[0] + next[n - 1]);
        up += row[n - 1];
    }
    *e = -(double) bonds / l->sites;
    *m = (double) up / l->sites;
}

/* ---- averages and their errors ---- */

static void observables(const point *p, const double *a, double *out)
{
    double t = p->temperature, sites = (double) p->size * p->size;
    out[ENERGY] = a[E1];
    out[MAGNETISATION] = a[M1];
    out[HEAT_CAPACITY] = sites * (a[E2] - a[E1] * a[E1]) / (t * t);
    out[SUSCEPTIBILITY] = sites * (a[M2] - a[M1] * a[M1]) / t;
    out[BINDER] = 1 - a[M4] / (3 * a[M2] * a[M2]);
}

/* Jackknife over bins, which are long against the memory of the chain: leaving out each in turn shows how
 * far any function of the averages scatters. */
static void evaluate(const point *p, double bin[ISING_BINS][MOMENTS], reading *out)
{
    double mean[MOMENTS] = {0}, value[OBSERVABLES], error[OBSERVABLES] = {0};
    for (int b = 0; b < ISING_BINS; b++)
        for (int k = 0; k < MOMENTS; k++)
            mean[k] += bin[b][k] / ISING_BINS;
    observables(p, mean, value);
    for (int b = 0; b < ISING_BINS; b++) {
        double rest[MOMENTS], v[OBSERVABLES];
        for (int k = 0; k < MOMENTS; k++)
            rest[k] = (mean[k] * ISING_BINS - bin[b][k]) / (ISING_BINS - 1);
        observables(p, rest, v);
        for (int k = 0; k < OBSERVABLES; k++)
            error[k] += (v[k] - value[k]) * (v[k] - value[k]);
    }
    for (int k = 0; k < OBSERVABLES; k++)
        error[k] = sqrt(error[k] * (ISING_BINS - 1) / ISING_BINS);
    out->energy = value[ENERGY], out->energy_error = error[ENERGY];
    out->magnetisation = value[MAGNETISATION], out->magnetisation_error = error[MAGNETISATION];
    out->heat_capacity = value[HEAT_CAPACITY], out->heat_capacity_error = error[HEAT_CAPACITY];
    out->susceptibility = value[SUSCEPTIBILITY], out->susceptibility_error = error[SUSCEPTIBILITY];
    out->binder = value[BINDER], out->binder_error = error[BINDER];
    out->energy_2 = mean[E2], out->magnetisation_2 = mean[M2], out->magnetisation_4 = mean[M4];
}

/* ---- the task ---- */

/* Flips about `sweeps` times as many spins as there are and returns the mean cluster size. */
static double warm_up(lattice *l, int sweeps)
{
    int64_t flipped = 0, clusters = 0;
    while (flipped < (int64_t) sweeps * l->sites) {
        flipped += flip_cluster(l);
        clusters++;
    }
    return (double) flipped / (double) clusters;
}

int ising_measure(rp_task *t, const void *in, void *out)
{
    const point *p = in;
    lattice l;
    if (!lattice_init(&l, p)) {
        lattice_done(&l);
        return rp_task_fail(t, 1, "no memory for a lattice of %d x %d", p->size, p->size);
    }
    warm_up(&l, p->sweeps / 10 + 10);
    int64_t clusters = lround(l.sites / warm_up(&l, p->sweeps / 10 + 10)), flipped = 0;
    double bin[ISING_BINS][MOMENTS] = {0};
    int looks = p->sweeps / ISING_BINS;
    for (int k = 0; k < looks * ISING_BINS; k++) {
        for (int64_t c = 0; c < clusters; c++)
            flipped += flip_cluster(&l);
        double e, m, *sum = bin[k / looks];
        look(&l, &e, &m);
        sum[E1] += e / looks, sum[E2] += e * e / looks;
        sum[M1] += fabs(m) / looks, sum[M2] += m * m / looks, sum[M4] += m * m * m * m / looks;
    }
    reading *r = out;
    evaluate(p, bin, r);
    r->cluster = (double) flipped / ((double) clusters * looks * ISING_BINS);
    lattice_done(&l);
    return 0;
}
