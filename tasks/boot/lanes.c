/* lanes.c - each sum is written once for vectors of eight numbers, which the compiler makes of what the function it is put into
 * may use. Lane k adds up the rows k, k + 8, ..; the rest at the end goes to the first lanes. */
#include "boot/lanes.h"

#include <string.h>

enum { LANES = 8 };

typedef double numbers __attribute__((vector_size(64)));
typedef int32_t counts __attribute__((vector_size(32)));

#define ALWAYS static inline __attribute__((always_inline))

ALWAYS double fold(const numbers *s)
{
    return (((*s)[0] + (*s)[4]) + ((*s)[2] + (*s)[6])) + (((*s)[1] + (*s)[5]) + ((*s)[3] + (*s)[7]));
}

/* The first `rows` of eight; the others are 0. */
ALWAYS void load(numbers *to, const double *x, uint32_t rows)
{
    if (rows == LANES) {
        memcpy(to, x, sizeof *to);
        return;
    }
    *to = (numbers){0};
    for (uint32_t k = 0; k < rows; k++)
        (*to)[k] = x[k];
}

ALWAYS void load_counts(numbers *to, const int32_t *w, uint32_t rows)
{
    counts all = {0};
    if (rows == LANES)
        memcpy(&all, w, sizeof all);
    for (uint32_t k = 0; rows < LANES && k < rows; k++)
        all[k] = w[k];
    *to = __builtin_convertvector(all, numbers);
}

ALWAYS void add_sum(numbers *sum, const int32_t *w, const double *x, uint32_t rows)
{
    numbers a, weight;
    load_counts(&weight, w, rows);
    load(&a, x, rows);
    *sum += weight * a;
}

ALWAYS double sum_of(const int32_t *w, const double *x, uint32_t n)
{
    numbers sum = {0};
    uint32_t i = 0;
    for (; i + LANES <= n; i += LANES)
        add_sum(&sum, w + i, x + i, LANES);
    add_sum(&sum, w + i, x + i, n - i);
    return fold(&sum);
}

ALWAYS void add_product(numbers *sum, const int32_t *w, const double *x, double a, const double *y, double b,
                        uint32_t rows)
{
    numbers u, v, weight;
    load_counts(&weight, w, rows);
    load(&u, x, rows);
    load(&v, y, rows);
    *sum += weight * ((u - a) * (v - b));
}

ALWAYS double product_of(const int32_t *w, const double *x, double a, const double *y, double b, uint32_t n)
{
    numbers sum = {0};
    uint32_t i = 0;
    for (; i + LANES <= n; i += LANES)
        add_product(&sum, w + i, x + i, a, y + i, b, LANES);
    add_product(&sum, w + i, x + i, a, y + i, b, n - i);
    return fold(&sum);
}

/* sums: of w x, w y, w x x, w y y, w x y. */
ALWAYS void add_cross(numbers *sums, const int32_t *w, const double *x, const double *y, uint32_t rows)
{
    numbers u, v, weight;
    load_counts(&weight, w, rows);
    load(&u, x, rows);
    load(&v, y, rows);
    numbers wu = weight * u, wv = weight * v;
    sums[0] += wu;
    sums[1] += wv;
    sums[2] += wu * u;
    sums[3] += wv * v;
    sums[4] += wu * v;
}

ALWAYS void cross_of(const int32_t *w, const double *x, const double *y, uint32_t n, double *ret)
{
    numbers sums[5] = {{0}, {0}, {0}, {0}, {0}};
    uint32_t i = 0;
    for (; i + LANES <= n; i += LANES)
        add_cross(sums, w + i, x + i, y + i, LANES);
    add_cross(sums, w + i, x + i, y + i, n - i);
    for (int k = 0; k < 5; k++)
        ret[k] = fold(&sums[k]);
}

/* ---- one copy for each width ---- */

#if defined(__x86_64__)
#define COPIES(RESULT, NAME, INNER, PARAMETERS, ARGUMENTS)                                                   \
    __attribute__((target("avx512f"))) static RESULT NAME##_512 PARAMETERS                                   \
    {                                                                                                        \
        return INNER ARGUMENTS;                                                                              \
    }                                                                                                        \
    __attribute__((target("avx2"))) static RESULT NAME##_256 PARAMETERS                                      \
    {                                                                                                        \
        return INNER ARGUMENTS;                                                                              \
    }                                                                                                        \
    RESULT NAME PARAMETERS                                                                                   \
    {                                                                                                        \
        if (__builtin_cpu_supports("avx512f"))                                                               \
            return NAME##_512 ARGUMENTS;                                                                     \
        if (__builtin_cpu_supports("avx2"))                                                                  \
            return NAME##_256 ARGUMENTS;                                                                     \
        return INNER ARGUMENTS;                                                                              \
    }
#else
#define COPIES(RESULT, NAME, INNER, PARAMETERS, ARGUMENTS)                                                   \
    RESULT NAME PARAMETERS                                                                                   \
    {                                                                                                        \
        return INNER ARGUMENTS;                                                                              \
    }
#endif

COPIES(double, weighted_sum, sum_of, (const int32_t *w, const double *x, uint32_t n), (w, x, n))
COPIES(double, weighted_product, product_of,
       (const int32_t *w, const double *x, double a, const double *y, double b, uint32_t n),
       (w, x, a, y, b, n))
COPIES(void, weighted_cross, cross_of,
       (const int32_t *w, const double *x, const double *y, uint32_t n, double ret[5]), (w, x, y, n, ret))
