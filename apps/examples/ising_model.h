/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One simulation of the two-dimensional Ising model: what it takes, what it gives, the task that does it.
 */
#ifndef ISING_MODEL_H
#define ISING_MODEL_H

#include <rankpool/task.h>

#define ISING_BINS 20 /* of the measurements, for the error bars */

typedef struct point {
    double temperature;
    int64_t seed, index; /* together they choose the random numbers */
    int32_t size, sweeps;
} point;

typedef struct reading {
    double energy, energy_error;
    double magnetisation, magnetisation_error; /* of |M|: a finite lattice turns over now and then */
    double heat_capacity, heat_capacity_error;
    double susceptibility, susceptibility_error;
    double binder, binder_error;                       /* 1 - <m^4> / (3 <m^2>^2) */
    double energy_2, magnetisation_2, magnetisation_4; /* moments: <e^2>, <m^2>, <m^4> */
    double cluster;                                    /* mean size */
} reading;

/* Body: a point in, a reading out. The number of sweeps is a multiple of ISING_BINS. */
int ising_measure(rp_task *t, const void *in, void *out);

#endif
