#include "mc/vegas.h"

#include <math.h>
#include <stdlib.h>

bool vegas_grid_init(struct vegas_grid *g, uint32_t dim, uint32_t bins)
{
    *g = (struct vegas_grid){.dim = dim, .bins = bins};
    g->edge = malloc((size_t)dim * (bins + 1) * sizeof *g->edge);
    for (uint32_t j = 0; g->edge && j < dim; j++) {
        for (uint32_t b = 0; b <= bins; b++)
            g->edge[(size_t)j * (bins + 1) + b] = (double)b / (double)bins;
    }
    return g->edge != NULL;
}

void vegas_grid_fini(struct vegas_grid *g)
{
    free(g->edge);
    *g = (struct vegas_grid){0};
}

bool vegas_grid_set(struct vegas_grid *g, const double *inner)
{
    for (uint32_t j = 0; j < g->dim; j++) {
        double *edge = g->edge + (size_t)j * (g->bins + 1);
        for (uint32_t b = 1; b < g->bins; b++)
            edge[b] = *inner++;
        for (uint32_t b = 0; b < g->bins; b++) {
            if (!(edge[b] < edge[b + 1]))
                return false;
        }
    }
    return true;
}

void vegas_grid_map(const struct vegas_grid *g, double *points, uint32_t n, uint32_t *ret_bin,
                    double *ret_weight)
{
    double bins = (double)g->bins;
    for (uint32_t i = 0; i < n; i++) {
        double weight = 1;
        for (uint32_t j = 0; j < g->dim; j++, points++) {
            const double *edge = g->edge + (size_t)j * (g->bins + 1);
            double at = *points * bins;
            uint32_t b = (uint32_t)at;
            b = b < g->bins ? b : g->bins - 1;
            double width = edge[b + 1] - edge[b];
            *points = edge[b] + (at - (double)b) * width;
            weight *= width * bins;
            *ret_bin++ = b;
        }
        ret_weight[i] = weight;
    }
}

/* Each bin becomes the mean of itself and its neighbours; gives the sum. */
static double smooth(const double *from, uint32_t bins, double *to)
{
    double sum = 0;
    for (uint32_t b = 0; b < bins; b++) {
        double near = from[b];
        int n = 1;
        if (b > 0) {
            near += from[b - 1];
            n++;
        }
        if (b + 1 < bins) {
            near += from[b + 1];
            n++;
        }
        to[b] = near / n;
        sum += to[b];
    }
    return sum;
}

/* Lepage's damped importance of a share r of the whole: ((1 - r) / -log r)^alpha. */
static double importance(double r, double alpha)
{
    if (!(r > 0))
        return 0;
    return r >= 1 ? 1 : pow((r - 1) / log(r), alpha);
}

static void refine_dimension(double *edge, uint32_t bins, const double *squares, double alpha, double *weight,
                             double *fresh)
{
    double sum = smooth(squares, bins, weight), total = 0, before = 0;
    if (!(sum > 0) || !isfinite(sum))
        return;
    for (uint32_t b = 0; b < bins; b++) {
        weight[b] = importance(weight[b] / sum, alpha);
        total += weight[b];
    }
    uint32_t from = 0;
    for (uint32_t b = 1; b < bins; b++) {
        double target = total * (double)b / (double)bins;
        while (from + 1 < bins && before + weight[from] < target)
            before += weight[from++];
        double share = weight[from] > 0 ? (target - before) / weight[from] : 1;
        fresh[b] = edge[from] + (share < 1 ? share : 1) * (edge[from + 1] - edge[from]);
    }
    for (uint32_t b = 1; b < bins; b++) {
        if (!(fresh[b] > (b > 1 ? fresh[b - 1] : 0)) || !(fresh[b] < 1))
            return; /* too narrow to be told apart: the old grid stays */
    }
    for (uint32_t b = 1; b < bins; b++)
        edge[b] = fresh[b];
}

bool vegas_grid_refine(struct vegas_grid *g, const double *squares, double alpha)
{
    double *weight = malloc(2 * ((size_t)g->bins + 1) * sizeof *weight);
    bool ok = weight != NULL;
    for (uint32_t j = 0; ok && j < g->dim; j++)
        refine_dimension(g->edge + (size_t)j * (g->bins + 1), g->bins, squares + (size_t)j * g->bins, alpha,
                         weight, weight + g->bins + 1);
    free(weight);
    return ok;
}

/* ---- rounds ---- */

uint32_t vegas_round_numbers(uint32_t k)
{
    return k + k * (k + 1) / 2;
}

void vegas_round_pack(const struct estimates *e, double *ret)
{
    for (uint32_t a = 0; a < e->k; a++)
        *ret++ = e->value[a];
    for (uint32_t a = 0; a < e->k; a++) {
        for (uint32_t b = 0; b <= a; b++)
            *ret++ = e->cov[a][b];
    }
}

void vegas_round_unpack(const double *from, uint32_t k, struct estimates *ret)
{
    *ret = (struct estimates){.k = k};
    for (uint32_t a = 0; a < k; a++)
        ret->value[a] = *from++;
    for (uint32_t a = 0; a < k; a++) {
        for (uint32_t b = 0; b <= a; b++)
            ret->cov[a][b] = ret->cov[b][a] = *from++;
    }
}

/* The weights of one function over the rounds, which sum to 1. */
static void weigh(const double *rounds, uint32_t n, uint32_t from, uint32_t k, uint32_t a, double *weight)
{
    double sum = 0;
    bool exact = false;
    for (uint32_t r = from; r < n; r++) {
        struct estimates e;
        vegas_round_unpack(rounds + (size_t)r * vegas_round_numbers(k), k, &e);
        weight[r] = exact ? 0 : 1 / e.cov[a][a];
        if (!exact && !(e.cov[a][a] > 0)) {
            for (uint32_t q = from; q < r; q++)
                weight[q] = 0;
            weight[r] = sum = 1;
            exact = true;
        } else {
            sum += weight[r];
        }
    }
    for (uint32_t r = from; r < n; r++)
        weight[r] /= sum;
}

void vegas_combine(const double *rounds, uint32_t n, uint32_t from, uint32_t k, struct estimates *ret,
                   double chi2[FUNCTIONS_MAX])
{
    double weight[FUNCTIONS_MAX][VEGAS_ROUNDS_MAX];
    struct estimates e;
    *ret = (struct estimates){.k = k};
    for (uint32_t a = 0; a < k; a++)
        weigh(rounds, n, from, k, a, weight[a]);
    for (uint32_t r = from; r < n; r++) {
        vegas_round_unpack(rounds + (size_t)r * vegas_round_numbers(k), k, &e);
        for (uint32_t a = 0; a < k; a++) {
            ret->value[a] += weight[a][r] * e.value[a];
            for (uint32_t b = 0; b < k; b++)
                ret->cov[a][b] += weight[a][r] * weight[b][r] * e.cov[a][b];
        }
    }
    for (uint32_t a = 0; a < k; a++)
        chi2[a] = 0;
    for (uint32_t r = from; r < n; r++) {
        vegas_round_unpack(rounds + (size_t)r * vegas_round_numbers(k), k, &e);
        for (uint32_t a = 0; a < k; a++) {
            double off = e.value[a] - ret->value[a];
            if (off != 0)
                chi2[a] += off * off / e.cov[a][a];
        }
    }
}
