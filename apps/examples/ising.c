/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two-dimensional Ising model by Monte Carlo: a sweep over temperature and seeds with a run file.
 *
 *     ./ising                                       64 x 64 spins, 34 temperatures around Tc, 8 seeds
 *     ./ising --size 128 --temperatures 2.2:2.4:0.01 -o fine.h5
 *     scripts/plot-ising ising.h5                   draws it beside the exact curves
 *
 * The physics and the choice of the algorithm stand in ising_model.c. Exact results of the infinite lattice
 * to compare with: L. Onsager, Phys. Rev. 65, 117 (1944) for Tc, energy and heat capacity; C. N. Yang, Phys.
 * Rev. 85, 808 (1952) for the magnetisation.
 */
#include "ising_model.h"

#include <rankpool/rankpool.h>

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TC               2.269185314213022 /* 2 / ln(1 + sqrt 2) */
#define MAX_TEMPERATURES 1000
#define DEFAULT_GRID     "1.5:2.1:0.1,2.12:2.42:0.02,2.5:3.5:0.1"

/* ---- the columns of the run file ---- */

static const rp_field point_fields[] = {
    RP_FIELD(point, temperature, RP_F64, "J/k"), RP_FIELD(point, seed, RP_I64, ""),
    RP_FIELD(point, index, RP_I64, ""),          RP_FIELD(point, size, RP_I32, "spins"),
    RP_FIELD(point, sweeps, RP_I32, ""),
};

static const rp_field reading_fields[] = {
    RP_FIELD(reading, energy, RP_F64, "J per spin"),
    RP_FIELD(reading, energy_error, RP_F64, "J per spin"),
    RP_FIELD(reading, magnetisation, RP_F64, "per spin"),
    RP_FIELD(reading, magnetisation_error, RP_F64, "per spin"),
    RP_FIELD(reading, heat_capacity, RP_F64, "k per spin"),
    RP_FIELD(reading, heat_capacity_error, RP_F64, "k per spin"),
    RP_FIELD(reading, susceptibility, RP_F64, "1/J per spin"),
    RP_FIELD(reading, susceptibility_error, RP_F64, "1/J per spin"),
    RP_FIELD(reading, binder, RP_F64, ""),
    RP_FIELD(reading, binder_error, RP_F64, ""),
    RP_FIELD(reading, energy_2, RP_F64, "J^2 per spin^2"),
    RP_FIELD(reading, magnetisation_2, RP_F64, "per spin^2"),
    RP_FIELD(reading, magnetisation_4, RP_F64, "per spin^4"),
    RP_FIELD(reading, cluster, RP_F64, "spins"),
};

/* ---- the options ---- */

typedef struct options {
    int size, seeds, sweeps; /* 0: default */
    double temperature[MAX_TEMPERATURES];
    int temperatures;
    const char *file;
    rp_store_mode mode;
    bool quick, help;
    char complaint[256]; /* what is wrong with the command line; empty: nothing */
} options;

static const char usage[] =
    "usage: ising [option ...]\n"
    "\n"
    "Two-dimensional Ising model by Wolff's algorithm, swept over temperature and seeds.\n"
    "\n"
    "  --size L             spins along a side, 4 to 1024; default 64\n"
    "  --temperatures LIST  numbers or FROM:TO:STEP, separated by commas, in J/k;\n"
    "                       default " DEFAULT_GRID "\n"
    "  --seeds N            independent simulations per temperature; default 8\n"
    "  --sweeps N           measurements per simulation, a multiple of 20; default 2000\n"
    "  -o, --output FILE    run file; default ising.h5\n"
    "  --resume             go on with the run file where it stopped\n"
    "  --force              replace the run file\n"
    "  --quick              a small run: size 32, 2 seeds, 4000 sweeps\n"
    "  -h, --help           this text\n";

__attribute__((format(printf, 2, 3))) static void complain(options *o, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(o->complaint, sizeof o->complaint, fmt, args);
    va_end(args);
}

static void parse_int(options *o, const char *name, int min, int max, int *out)
{
    char *end;
    errno = 0;
    long v = strtol(optarg, &end, 10);
    if (end == optarg || *end || errno || v < min || v > max)
        complain(o, "--%s takes a number from %d to %d, not '%s'", name, min, max, optarg);
    else
        *out = (int) v;
}

/* One number or FROM:TO:STEP; returns what follows it, NULL on nonsense. */
static const char *parse_range(options *o, const char *s)
{
    double v[3] = {0};
    int n = 0;
    for (char *end;; s = end + 1) {
        v[n++] = strtod(s, &end);
        if (end == s || (*end && *end != ',' && (*end != ':' || n == 3)))
            return NULL;
        if (*end != ':') {
            s = end;
            break;
        }
    }
    if (n == 1)
        v[1] = v[0], v[2] = 1;
    /* Written so that a NaN fails too. Below 0.1 nothing moves. */
    if (n == 2 || !(v[0] >= 0.1 && v[1] >= v[0] && v[1] <= 100 && v[2] > 0))
        return NULL;
    double steps = floor((v[1] - v[0]) / v[2] + 1e-6);
    if (!(o->temperatures + steps < MAX_TEMPERATURES))
        return NULL;
    for (int k = 0; k <= (int) steps; k++)
        o->temperature[o->temperatures++] = v[0] + k * v[2];
    return s;
}

static void parse_temperatures(options *o, const char *list)
{
    o->temperatures = 0;
    for (const char *s = list;; s++) {
        s = parse_range(o, s);
        if (!s) {
            complain(o,
                     "--temperatures takes numbers or FROM:TO:STEP, separated by commas, from 0.1 to 100 and "
                     "at most %d in all, not '%s'",
                     MAX_TEMPERATURES, list);
            return;
        }
        if (!*s)
            break;
    }
    for (int k = 1; k < o->temperatures; k++)
        if (o->temperature[k] <= o->temperature[k - 1])
            complain(o, "--temperatures should rise, and %g comes after %g", o->temperature[k],
                     o->temperature[k - 1]);
}

static void parse_option(options *o, int c, char **argv)
{
    switch (c) {
    case 'L':
        parse_int(o, "size", 4, 1024, &o->size);
        break;
    case 'T':
        parse_temperatures(o, optarg);
        break;
    case 'n':
        parse_int(o, "seeds", 1, 100000, &o->seeds);
        break;
    case 's':
        parse_int(o, "sweeps", ISING_BINS, 1000000000, &o->sweeps);
        if (o->sweeps % ISING_BINS)
            complain(o, "--sweeps takes a multiple of %d, not %d", ISING_BINS, o->sweeps);
        break;
    case 'o':
        o->file = optarg;
        break;
    case 'r':
        o->mode = RP_STORE_RESUME;
        break;
    case 'f':
        o->mode = RP_STORE_REPLACE;
        break;
    case 'q':
        o->quick = true;
        break;
    case 'h':
        o->help = true;
        break;
    case ':':
        complain(o, "%s needs a value", argv[optind - 1]);
        break;
    default:
        if (strncmp(argv[optind - 1], "--", 2) == 0)
            complain(o, "cannot take '%s'", argv[optind - 1]);
        else
            complain(o, "unknown option '-%c'", optopt);
    }
}

/* Says nothing: every rank parses, and only the master may speak. */
static void parse_options(options *o, int argc, char **argv)
{
    static const struct option known[] = {
        {"size", required_argument, NULL, 'L'},   {"temperatures", required_argument, NULL, 'T'},
        {"seeds", required_argument, NULL, 'n'},  {"sweeps", required_argument, NULL, 's'},
        {"output", required_argument, NULL, 'o'}, {"resume", no_argument, NULL, 'r'},
        {"force", no_argument, NULL, 'f'},        {"quick", no_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},         {0}};
    *o = (options){.file = "ising.h5"};
    parse_temperatures(o, DEFAULT_GRID);
    int c;
    while (!o->complaint[0] && (c = getopt_long(argc, argv, ":o:h", known, NULL)) != -1)
        parse_option(o, c, argv);
    if (!o->complaint[0] && optind < argc)
        complain(o, "takes no argument, but '%s' was given", argv[optind]);
    o->size = o->size ? o->size : o->quick ? 32 : 64;
    o->seeds = o->seeds ? o->seeds : o->quick ? 2 : 8;
    o->sweeps = o->sweeps ? o->sweeps : o->quick ? 4000 : 2000;
}

/* ---- the table ---- */

typedef struct row {
    double e, e_error, m, m_error, c, c_error, u;
} row;

static row mean_over_seeds(const reading *r, int seeds)
{
    row s = {0};
    for (int k = 0; k < seeds; k++) {
        s.e += r[k].energy / seeds, s.e_error += r[k].energy_error * r[k].energy_error;
        s.m += r[k].magnetisation / seeds;
        s.m_error += r[k].magnetisation_error * r[k].magnetisation_error;
        s.c += r[k].heat_capacity / seeds, s.c_error += r[k].heat_capacity_error * r[k].heat_capacity_error;
        s.u += r[k].binder / seeds;
    }
    s.e_error = sqrt(s.e_error) / seeds;
    s.m_error = sqrt(s.m_error) / seeds;
    s.c_error = sqrt(s.c_error) / seeds;
    return s;
}

/* Yang 1952: the infinite lattice. */
static double exact_magnetisation(double t)
{
    return t < TC ? pow(1 - pow(sinh(2 / t), -4), 0.125) : 0;
}

/* The top of the parabola through three points. */
static double vertex(const double *t, const double *c)
{
    double left = (c[1] - c[0]) / (t[1] - t[0]), right = (c[2] - c[1]) / (t[2] - t[1]);
    double bend = (right - left) / (t[2] - t[0]);
    return (t[0] + t[1]) / 2 - left / (2 * bend);
}

static void print_peak(const options *o, const double *c)
{
    int n = o->temperatures, top = 0;
    for (int k = 1; k < n; k++)
        if (c[k] > c[top])
            top = k;
    if (top == 0 || top == n - 1) {
        printf("\nThe heat capacity is largest at T = %g, at the edge of the temperatures.\n",
               o->temperature[top]);
        return;
    }
    /* A finite lattice peaks higher: A. E. Ferdinand, M. E. Fisher, Phys. Rev. 185, 832 (1969). */
    printf("\nThe heat capacity peaks at T = %.3f; expected for L = %d: %.3f, for an infinite lattice: "
           "Tc = %.3f\n",
           vertex(o->temperature + top - 1, c + top - 1), o->size, TC * (1 + 0.36 / o->size), TC);
}

static void print_table(const options *o, const reading *r)
{
    double c[MAX_TEMPERATURES];
    printf("Ising model, %d x %d spins, %d simulations of %d sweeps at each temperature\n\n", o->size,
           o->size, o->seeds, o->sweeps);
    puts("     T    <|M|>    error    exact M       E       error       C     error      U4");
    for (int k = 0; k < o->temperatures; k++) {
        row s = mean_over_seeds(r + (ptrdiff_t) k * o->seeds, o->seeds);
        printf("%7.3f  %7.5f  %7.5f  %7.5f   %8.5f  %7.5f   %6.4f  %6.4f   %7.4f\n", o->temperature[k], s.m,
               s.m_error, exact_magnetisation(o->temperature[k]), s.e, s.e_error, s.c, s.c_error, s.u);
        c[k] = s.c;
    }
    print_peak(o, c);
}

/* ---- the run, on the master ---- */

static int fail(const char *text)
{
    fprintf(stderr, "ising: %s\n", text);
    return 1;
}

static int open_store(const options *o, rp_store **out)
{
    rp_store_options so = RP_STORE_OPTIONS_INIT;
    so.mode = o->mode;
    so.title = "Two-dimensional Ising model (Wolff)";
    so.in_fields = point_fields;
    so.in_field_count = sizeof point_fields / sizeof *point_fields;
    so.out_fields = reading_fields;
    so.out_field_count = sizeof reading_fields / sizeof *reading_fields;
    rp_error err;
    rp_status st = rp_store_open(out, o->file, &so, &err);
    if (st == RP_OK)
        return 0;
    fail(err.text);
    if (st == RP_EEXIST)
        fprintf(stderr, "ising: --resume goes on with '%s', --force replaces it\n", o->file);
    return 1;
}

/* Runs the points and records them; 0 when all are there. */
static int run(rp_pool *pool, const options *o, const point *points, reading *readings, int64_t count)
{
    rp_store *store = NULL;
    if (open_store(o, &store) != 0)
        return 1;
    rp_map_options mo = RP_MAP_OPTIONS_INIT;
    mo.store = store;
    rp_status st =
        rp_map(pool, ising_measure, points, sizeof *points, readings, sizeof *readings, count, &mo);
    int code = 0;
    if (st != RP_OK)
        code = fail(rp_pool_error(pool)->text);
    if (st == RP_EINTERRUPTED)
        fprintf(stderr, "ising: --resume goes on with '%s'\n", o->file);
    rp_error err;
    if (rp_store_close(&store, &err) != RP_OK)
        code = fail(err.text);
    return code;
}

static int simulate(rp_pool *pool, const options *o)
{
    int64_t count = (int64_t) o->temperatures * o->seeds;
    point *points = calloc((size_t) count, sizeof *points);
    reading *readings = calloc((size_t) count, sizeof *readings);
    int code = 1;
    if (!points || !readings) {
        fail("out of memory");
        goto out;
    }
    for (int64_t k = 0; k < count; k++)
        points[k] = (point){.temperature = o->temperature[k / o->seeds],
                            .seed = k % o->seeds + 1,
                            .index = k,
                            .size = o->size,
                            .sweeps = o->sweeps};
    code = run(pool, o, points, readings, count);
    if (code == 0)
        print_table(o, readings);
out:
    free(points);
    free(readings);
    return code;
}

int main(int argc, char **argv)
{
    if (rp_init(&argc, &argv) != RP_OK)
        return 1;
    options o;
    parse_options(&o, argc, argv);
    rp_register("ising", ising_measure); /* a run file finds it by this name after a rebuild */
    rp_pool_options po = RP_POOL_OPTIONS_INIT;
    po.progress = true;
    rp_pool *pool = NULL;
    rp_status st = rp_pool_open(&pool, &po);
    int code = 0;
    if (o.complaint[0])
        code = 2; /* on workers too, who know it but keep silent */
    if (st == RP_SERVED)
        return rp_finalize(code);
    if (st != RP_OK)
        return rp_finalize(fail(rp_init_error()->text));
    if (code != 0)
        fprintf(stderr, "ising: %s; see ising --help\n", o.complaint);
    else if (o.help)
        fputs(usage, stdout);
    else
        code = simulate(pool, &o);
    if (rp_pool_close(&pool) != RP_OK && code == 0)
        code = fail("the pool did not close in order");
    return rp_finalize(code);
}
