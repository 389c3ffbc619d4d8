/* sobol.c - Sobol' sequences in the order of the Gray code (I. A. Antonov & V. M. Saleev, 1979), so that the next point costs
 * one exclusive or a dimension and any point can be had at once from the bits of its index.
 *
 * Scrambling: J. Matousek's random linear scramble (J. Complexity 14, 1998), a lower triangular matrix of random bits with
 * ones on its diagonal for each dimension, and a random digital shift. Each point is then uniform, the points
 * remain a (t, m, d)-net, and the variance of the mean is that of Owen's nested scrambling (A. B. Owen, ACM TOMACS 13, 2003),
 * while the matrix can be multiplied into the direction numbers once. */
#include "mc/sobol.h"

#include <stdlib.h>

#include "mc/sobol_table.h"
#include "quincunx/stream.h"

enum { SCRAMBLE_SUB = 1 };
#define WORD_MASK (((uint64_t)1 << SOBOL_BITS) - 1)

uint32_t sobol_dim_max(void)
{
    return SOBOL_DIM_MAX;
}

static uint32_t degree_of(uint32_t polynomial)
{
    return 31u - (uint32_t)__builtin_clz(polynomial);
}

/* The direction numbers of dimension j (from 0): the first digit of a point is the highest of SOBOL_BITS bits. `initial` is
 * moved on to those of the next dimension. P. Bratley & B. L. Fox, ACM TOMS 14, 1988, equation (2). */
static void directions(uint32_t j, const uint16_t **initial, uint64_t ret[SOBOL_BITS])
{
    uint64_t m[SOBOL_BITS];
    uint32_t polynomial = j == 0 ? 1 : sobol_polynomial[j - 1], degree = degree_of(polynomial);
    for (uint32_t c = 0; c < SOBOL_BITS; c++) {
        if (j == 0)
            m[c] = 1;
        else if (c < degree)
            m[c] = *(*initial)++;
        else {
            m[c] = m[c - degree] ^ (m[c - degree] << degree);
            for (uint32_t k = 1; k < degree; k++)
                m[c] ^= (uint64_t)(polynomial >> (degree - k) & 1) * (m[c - k] << k);
        }
        ret[c] = m[c] << (SOBOL_BITS - 1 - c);
    }
}

/* L v: digit i is the parity of row i of the matrix with v. */
static uint64_t scrambled(const uint64_t rows[SOBOL_BITS], uint64_t v)
{
    uint64_t to = 0;
    for (uint32_t i = 0; i < SOBOL_BITS; i++)
        to |= (uint64_t)(__builtin_parityll(rows[i] & v)) << (SOBOL_BITS - 1 - i);
    return to;
}

/* Row i: a one at digit i, random before it. */
static void draw_matrix(struct qx_stream *rng, uint64_t rows[SOBOL_BITS])
{
    for (uint32_t i = 0; i < SOBOL_BITS; i++) {
        uint64_t diagonal = (uint64_t)1 << (SOBOL_BITS - 1 - i), before = WORD_MASK & ~(2 * diagonal - 1);
        rows[i] = diagonal | (qx_u64(rng) & before);
    }
}

bool sobol_init(struct sobol *s, uint32_t dim, uint32_t replicates, uint64_t seed)
{
    size_t n = (size_t)replicates * dim;
    *s = (struct sobol){.dim = dim, .replicates = replicates};
    s->column = malloc(n * SOBOL_BITS * sizeof *s->column);
    s->shift = malloc(n * sizeof *s->shift);
    struct qx_stream *rng = malloc(replicates * sizeof *rng);
    bool ok = s->column && s->shift && rng;
    const uint16_t *initial = sobol_initial;
    for (uint32_t r = 0; ok && r < replicates; r++)
        qx_stream_init(&rng[r], seed, r, SCRAMBLE_SUB);
    for (uint32_t j = 0; ok && j < dim; j++) {
        uint64_t v[SOBOL_BITS], rows[SOBOL_BITS];
        directions(j, &initial, v);
        for (uint32_t r = 0; r < replicates; r++) {
            draw_matrix(&rng[r], rows);
            s->shift[(size_t)r * dim + j] = qx_u64(&rng[r]) & WORD_MASK;
            for (uint32_t c = 0; c < SOBOL_BITS; c++)
                s->column[((size_t)r * SOBOL_BITS + c) * dim + j] = scrambled(rows, v[c]);
        }
    }
    free(rng);
    if (!ok)
        sobol_fini(s);
    return ok;
}

void sobol_fini(struct sobol *s)
{
    free(s->column);
    free(s->shift);
    *s = (struct sobol){0};
}

void sobol_points(const struct sobol *s, uint32_t replicate, uint64_t first, uint32_t n, double *ret)
{
    uint64_t word[SOBOL_DIM_MAX];
    const uint64_t *column = s->column + (size_t)replicate * SOBOL_BITS * s->dim;
    const uint64_t *shift = s->shift + (size_t)replicate * s->dim;
    for (uint32_t j = 0; j < s->dim; j++)
        word[j] = shift[j];
    for (uint64_t gray = first ^ (first >> 1); gray; gray &= gray - 1) {
        const uint64_t *v = column + (size_t)__builtin_ctzll(gray) * s->dim;
        for (uint32_t j = 0; j < s->dim; j++)
            word[j] ^= v[j];
    }
    for (uint32_t i = 0; i < n; i++, ret += s->dim) {
        const uint64_t *v = column + (size_t)__builtin_ctzll(first + i + 1) * s->dim;
        for (uint32_t j = 0; j < s->dim; j++) {
            ret[j] = ((double)(int64_t)word[j] + 0.5) * 0x1p-52;
            word[j] ^= v[j];
        }
    }
}

void sobol_plain_point(uint32_t dim, uint64_t index, double *ret)
{
    const uint16_t *initial = sobol_initial;
    for (uint32_t j = 0; j < dim; j++) {
        uint64_t v[SOBOL_BITS], word = 0;
        directions(j, &initial, v);
        for (uint64_t gray = index ^ (index >> 1); gray; gray &= gray - 1)
            word ^= v[__builtin_ctzll(gray)];
        ret[j] = (double)word / (double)((uint64_t)1 << SOBOL_BITS);
    }
}
