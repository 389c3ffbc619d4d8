/* loop.c - the integrals of scripts/bench written out by hand: one core, the same generator, the same numbers drawn,
 * sum and sum of squares kept, nothing else.
 *
 *   loop INTEGRAND ITEMS      INTEGRAND: one of the Genz families in three dimensions, or xy, which is exp(-x*y)
 * Prints one JSON object. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "quincunx/stream.h"

enum { DIM = 3, GROUP = 512 };

static const double A[DIM] = {1.5, 2.0, 2.5};
static const double U[DIM] = {0.3, 0.5, 0.7};

static inline double oscillatory(const double *x)
{
    double sum = 2 * 3.14159265358979323846 * U[0];
    for (int i = 0; i < DIM; i++)
        sum += A[i] * x[i];
    return cos(sum);
}

static inline double product_peak(const double *x)
{
    double product = 1;
    for (int i = 0; i < DIM; i++)
        product *= 1 / (A[i] * A[i]) + (x[i] - U[i]) * (x[i] - U[i]);
    return 1 / product;
}

static inline double corner_peak(const double *x)
{
    double sum = 1;
    for (int i = 0; i < DIM; i++)
        sum += A[i] * x[i];
    sum *= sum;
    return 1 / (sum * sum); /* to the power of -(DIM + 1) */
}

static inline double gaussian(const double *x)
{
    double sum = 0;
    for (int i = 0; i < DIM; i++)
        sum += A[i] * A[i] * (x[i] - U[i]) * (x[i] - U[i]);
    return exp(-sum);
}

static inline double continuous(const double *x)
{
    double sum = 0;
    for (int i = 0; i < DIM; i++)
        sum += A[i] * fabs(x[i] - U[i]);
    return exp(-sum);
}

static inline double discontinuous(const double *x)
{
    if (x[0] > U[0] || x[1] > U[1])
        return 0;
    double sum = 0;
    for (int i = 0; i < DIM; i++)
        sum += A[i] * x[i];
    return exp(sum);
}

static inline double xy(const double *x)
{
    return exp(-x[0] * x[1]);
}

struct sums {
    double sum, squares;
};

/* A loop for each integrand, so that the compiler can inline it: what a careful programmer would write. */
#define DEFINE_LOOP(name, dim)                                                                               \
    static struct sums loop_##name(uint64_t seed, uint64_t items)                                            \
    {                                                                                                        \
        static double rows[GROUP * (dim)];                                                                   \
        struct sums s = {0, 0};                                                                              \
        for (uint64_t first = 0; first < items; first += GROUP) {                                            \
            uint32_t count = items - first < GROUP ? (uint32_t)(items - first) : GROUP;                      \
            qx_uniform_rows(seed, first, 0, count, (dim), rows);                                             \
            for (uint32_t i = 0; i < count; i++) {                                                           \
                double y = name(rows + (size_t)i * (dim));                                                   \
                s.sum += y;                                                                                  \
                s.squares += y * y;                                                                          \
            }                                                                                                \
        }                                                                                                    \
        return s;                                                                                            \
    }

DEFINE_LOOP(oscillatory, DIM)
DEFINE_LOOP(product_peak, DIM)
DEFINE_LOOP(corner_peak, DIM)
DEFINE_LOOP(gaussian, DIM)
DEFINE_LOOP(continuous, DIM)
DEFINE_LOOP(discontinuous, DIM)
DEFINE_LOOP(xy, 2)

static const struct {
    const char *name;
    struct sums (*run)(uint64_t seed, uint64_t items);
} loops[] = {
    {"genz.oscillatory", loop_oscillatory},
    {"genz.product_peak", loop_product_peak},
    {"genz.corner_peak", loop_corner_peak},
    {"genz.gaussian", loop_gaussian},
    {"genz.continuous", loop_continuous},
    {"genz.discontinuous", loop_discontinuous},
    {"xy", loop_xy},
};

static double clock_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    uint64_t items = argc == 3 ? (uint64_t)strtod(argv[2], NULL) : 0;
    for (size_t i = 0; items > 1 && i < sizeof loops / sizeof loops[0]; i++) {
        if (strcmp(argv[1], loops[i].name) != 0)
            continue;
        double start_s = clock_s();
        struct sums sums = loops[i].run(1, items);
        double s = clock_s() - start_s, n = (double)items, mean = sums.sum / n;
        printf("{\"integrand\": \"%s\", \"n\": %.0f, \"estimate\": %.17g, \"se\": %.3g, \"items_per_s\": "
               "%.0f}\n",
               argv[1], n, mean, sqrt((sums.squares / n - mean * mean) / (n - 1)), n / s);
        return 0;
    }
    fputs("usage: loop INTEGRAND ITEMS\n", stderr);
    return 2;
}
