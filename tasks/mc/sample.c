/* sample.c - items of mc.integrate: where the points lie, and what is averaged.
 *
 * Values are kept in planes, one for each column of a batch of items, and turned into rows at the end; a job of one column has
 * its rows for a plane. */
#include <math.h>
#include <string.h>

#include "mc/job.h"

/* Functions and controls at n <= batch points of the unit cube, which are mapped in place: plane after plane, `stride` apart. With
 * weights the functions are divided by the density of the points; without, uniform points of the box, not. */
static const double *evaluate(const struct mc_job *s, double *points, uint32_t n, double *ret, size_t stride)
{
    const double *weight = chart_map(&s->chart, points, n);
    for (uint32_t k = 0; k < s->f.n; k++, ret += stride) {
        s->f.f[k].values(&s->f.f[k], points, n, ret);
        for (uint32_t i = 0; weight && i < n; i++)
            ret[i] *= weight[i];
    }
    for (uint32_t k = 0; k < s->control.n; k++, ret += stride)
        s->control.f[k].values(&s->control.f[k], points, n, ret);
    return weight;
}

static void plain_batch(const struct mc_job *s, uint64_t seed, uint64_t first, uint32_t count, double *planes,
                        size_t stride)
{
    qx_uniform_rows(seed, first, 0, count, s->box.dim, s->points);
    (void)evaluate(s, s->points, count, planes, stride);
}

static void antithetic_batch(const struct mc_job *s, uint64_t seed, uint64_t first, uint32_t count,
                             double *planes, size_t stride)
{
    size_t numbers = (size_t)count * s->box.dim;
    qx_uniform_rows(seed, first, 0, count, s->box.dim, s->points);
    for (size_t k = 0; k < numbers; k++)
        s->mirror[k] = 1 - s->points[k];
    (void)evaluate(s, s->points, count, planes, stride);
    (void)evaluate(s, s->mirror, count, s->values, s->batch);
    for (uint32_t w = 0; w < s->width; w++) {
        double *to = planes + w * stride;
        const double *from = s->values + (size_t)w * s->batch;
        for (uint32_t i = 0; i < count; i++)
            to[i] = 0.5 * (to[i] + from[i]);
    }
}

/* Points `at` on of an item: uniform in the cells, per_cell in each; the cell's index in base m gives its place. */
static void strata_points(const struct mc_job *s, struct qx_stream *rng, uint32_t at, uint32_t n)
{
    double *p = s->points;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t rest = (at + i) / s->per_cell;
        for (uint32_t j = 0; j < s->box.dim; j++, rest /= s->strata)
            *p++ = ((double)(rest % s->strata) + qx_uniform(rng)) / (double)s->strata;
    }
}

static void stratified_item(const struct mc_job *s, uint64_t seed, uint64_t item, double *ret, size_t stride)
{
    struct qx_stream rng;
    double sum[COLUMNS_OF_MOMENTS] = {0};
    qx_stream_init(&rng, seed, item, 0);
    for (uint32_t cell = 0; cell < s->cells;) {
        uint32_t n = s->cells - cell < s->batch ? s->cells - cell : s->batch;
        strata_points(s, &rng, cell, n);
        (void)evaluate(s, s->points, n, s->values, s->batch);
        for (uint32_t w = 0; w < s->width; w++) {
            for (uint32_t i = 0; i < n; i++)
                sum[w] += s->values[(size_t)w * s->batch + i];
        }
        cell += n;
    }
    for (uint32_t w = 0; w < s->width; w++)
        ret[w * stride] = sum[w] / (double)s->cells;
}

/* Columns by replicate, then function. */
static void sobol_batch(const struct mc_job *s, uint64_t first, uint32_t count, double *planes, size_t stride)
{
    for (uint32_t r = 0; r < s->replicates; r++, planes += s->f.n * stride) {
        sobol_points(&s->sobol, r, first, count, s->points);
        (void)evaluate(s, s->points, count, planes, stride);
    }
}

/* An item of vegas: its mean of each function, and for each dimension and bin the sum of the squares of the first. */
static void vegas_item(const struct mc_job *s, uint64_t seed, uint64_t item, double *row)
{
    const struct vegas_grid *g = &s->rounds.grid;
    struct qx_stream rng;
    double sum[FUNCTIONS_MAX] = {0}, *squares = row + s->f.n;
    uint32_t total = s->cells * s->per_cell;
    qx_stream_init(&rng, seed, item, s->rounds.round);
    for (uint32_t at = 0; at < total;) {
        uint32_t n = total - at < s->batch ? total - at : s->batch;
        strata_points(s, &rng, at, n);
        vegas_grid_map(g, s->points, n, s->bin, s->weight);
        (void)evaluate(s, s->points, n, s->values, s->batch);
        for (uint32_t k = 0; k < s->f.n; k++) {
            double *v = s->values + (size_t)k * s->batch;
            for (uint32_t i = 0; i < n; i++)
                sum[k] += v[i] *= s->weight[i];
        }
        for (uint32_t i = 0; i < n; i++) {
            double square = s->values[i] * s->values[i];
            for (uint32_t j = 0; j < s->box.dim; j++)
                squares[(size_t)j * g->bins + s->bin[(size_t)i * s->box.dim + j]] += square;
        }
        at += n;
    }
    for (uint32_t k = 0; k < s->f.n; k++)
        row[k] = sum[k] / (double)total;
}

static void mc_batch(const struct mc_job *s, struct qx_ctx *ctx, uint64_t first, uint32_t count,
                     double *planes, size_t stride)
{
    switch (s->method) {
    case MC_PLAIN:
        plain_batch(s, ctx->seed, first, count, planes, stride);
        break;
    case MC_ANTITHETIC:
        antithetic_batch(s, ctx->seed, first, count, planes, stride);
        break;
    case MC_SOBOL:
        sobol_batch(s, first, count, planes, stride);
        break;
    case MC_STRATIFIED:
    case MC_VEGAS:
    default:
        for (uint32_t i = 0; i < count && !qx_cancelled(ctx); i++)
            stratified_item(s, ctx->seed, first + i, planes + i, stride);
    }
}

/* Values times the volume. False: one of them is not finite. In lanes, since one chain of additions would take longer than
 * all else. */
static bool to_volume(double *values, uint32_t n, double volume)
{
    enum { LANES = 8 };
    double check[LANES] = {0}; /* become NaN by infinity or NaN times zero */
    uint32_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (uint32_t k = 0; k < LANES; k++) {
            values[i + k] *= volume;
            check[k] += values[i + k] * 0;
        }
    for (; i < n; i++) {
        values[i] *= volume;
        check[0] += values[i] * 0;
    }
    double all = 0;
    for (uint32_t k = 0; k < LANES; k++)
        all += check[k];
    return all == 0;
}

static void mc_fail(struct qx_ctx *ctx, const struct mc_job *s, uint64_t item, const double *row)
{
    for (uint32_t w = 0; w < s->width; w++) {
        if (isfinite(row[w]))
            continue;
        bool control = s->method != MC_SOBOL && w >= s->f.n && w < s->f.n + s->control.n;
        (void)qx_fail_item(ctx, item,
                           control         ? "a control variate has no finite value at a point"
                           : isnan(row[w]) ? "the integrand is not a number at a point"
                                           : "the integrand is infinite at a point");
        return;
    }
}

/* Is column w an integrand, to be multiplied by the volume? */
static bool in_volume(const struct mc_job *s, uint32_t w)
{
    return s->method == MC_SOBOL || w < s->f.n;
}

/* One batch: planes, volume, rows. */
static void batch_rows(struct qx_ctx *ctx, const struct mc_job *s, uint64_t first, uint32_t n, double *rows)
{
    double *planes = s->width == 1 ? rows : s->planes, volume = s->chart.is_uniform ? s->box.volume : 1;
    size_t stride = s->width == 1 ? n : s->batch;
    bool finite = true;
    mc_batch(s, ctx, first, n, planes, stride);
    for (uint32_t w = 0; w < s->width; w++)
        finite &= to_volume(planes + w * stride, n, in_volume(s, w) ? volume : 1);
    for (uint32_t i = 0; s->width > 1 && i < n; i++) {
        for (uint32_t w = 0; w < s->width; w++)
            rows[(size_t)i * s->width + w] = planes[w * stride + i];
    }
    for (uint32_t i = 0; !finite && i < n; i++)
        mc_fail(ctx, s, first + i, rows + (size_t)i * s->width);
}

static void vegas_rows(struct qx_ctx *ctx, const struct mc_job *s, uint64_t first, uint32_t n, double *rows)
{
    double volume = s->chart.is_uniform ? s->box.volume : 1;
    for (uint32_t i = 0; i < n && !qx_cancelled(ctx); i++) {
        double *row = rows + (size_t)i * s->width;
        memset(row, 0, s->width * sizeof *row);
        vegas_item(s, ctx->seed, first + i, row);
        if (!to_volume(row, s->f.n, volume))
            mc_fail(ctx, s, first + i, row);
    }
}

qx_err mc_block(struct qx_ctx *ctx, void *state, uint64_t first, uint32_t count, double *rows)
{
    const struct mc_job *s = state;
    for (uint32_t done = 0; done < count;) {
        uint32_t n = count - done < s->batch ? count - done : s->batch;
        if (s->method == MC_VEGAS)
            vegas_rows(ctx, s, first + done, n, rows + (size_t)done * s->width);
        else
            batch_rows(ctx, s, first + done, n, rows + (size_t)done * s->width);
        done += n;
    }
    bool may_stop = s->method == MC_STRATIFIED || s->method == MC_VEGAS;
    return may_stop && qx_cancelled(ctx) ? QX_ERR_CANCELLED : QX_ERR_OK;
}
