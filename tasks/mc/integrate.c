/* integrate.c - Monte Carlo integration over a box.
 *
 * An item is one independent, unbiased estimate of the integral, volume times a mean of the function:
 *   plain       f at one uniform point
 *   antithetic  the mean of f at a point and at its mirror image in the middle of the box
 *   stratified  one sweep: the mean of f at one uniform point in each of m^d equal cells
 * So the items are independent and alike, and their standard deviation over sqrt(n) is the standard error of the
 * answer whatever the method. Docs: docs/tasks/mc.integrate.md. */
#include "mc/integrate.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mc/box.h"
#include "mc/integrand.h"

enum mc_method { MC_PLAIN, MC_ANTITHETIC, MC_STRATIFIED };

static const char *const method_names[] = {"plain", "antithetic", "stratified", NULL};

enum { GROUP_MAX = 512, BATCH_NUMBERS = 8192, CELLS_MAX = 65536, WARN_ITEMS = 1000 };
enum { RED_MOMENTS, RED_EXTREMES };
static const double warn_share = 0.1;

struct mc_state {
    struct box box;
    struct integrand f;
    enum mc_method method;
    uint32_t strata; /* a side, for STRATIFIED */
    uint32_t cells;  /* points of an item */
    uint32_t batch;  /* points in the buffers below */
    double conf;
    double *points; /* batch x dim */
    double *mirror; /* the same, for ANTITHETIC */
    double *values; /* 2 x batch */
};

static void mc_free(struct mc_state *s)
{
    if (!s)
        return;
    box_fini(&s->box);
    integrand_fini(&s->f);
    free(s->points);
    free(s->mirror);
    free(s->values);
    free(s);
}

/* ---- opening: parameters to state ---- */

static qx_err open_box(struct qx_ctx *ctx, struct mc_state *s)
{
    char why[BOX_ERROR_BYTES];
    size_t n_a = 0;
    bool has_over = qx_given(ctx, "over"), has_dim = qx_given(ctx, "dim");
    if (has_over && has_dim)
        return qx_error(ctx, QX_ERR_INVALID, "give either over= or dim=, not both");
    if (has_over) {
        if (!box_parse(&s->box, qx_text(ctx, "over"), why))
            return qx_error(ctx, QX_ERR_INVALID, "%s", why);
        return QX_ERR_OK;
    }
    if (qx_given(ctx, "a"))
        (void)qx_reals(ctx, "a", &n_a);
    int64_t dim = has_dim ? qx_int(ctx, "dim") : (int64_t)n_a;
    if (dim == 0)
        return qx_error(ctx, QX_ERR_INVALID,
                        "say where to integrate: over='x=0:1,y=0:1', or dim= for x1 .. xd in the unit cube");
    if (dim > BOX_DIM_MAX)
        return qx_error(ctx, QX_ERR_INVALID, "more than %d dimensions", BOX_DIM_MAX);
    if (!box_unit(&s->box, (uint32_t)dim, why))
        return qx_error(ctx, QX_ERR_NOMEM, "%s", why);
    return QX_ERR_OK;
}

static qx_err open_expr(struct qx_ctx *ctx, struct mc_state *s)
{
    char why[EXPR_ERROR_BYTES];
    if (qx_given(ctx, "a") || qx_given(ctx, "u"))
        return qx_error(ctx, QX_ERR_INVALID, "a= and u= belong to integrand=, not to expr=");
    const char **names = calloc((size_t)s->box.dim + 1, sizeof *names);
    if (!names)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    for (uint32_t j = 0; j < s->box.dim; j++)
        names[j] = s->box.names[j];
    struct expr *e = expr_new(qx_text(ctx, "expr"), names, s->box.dim, why);
    free(names);
    if (!e)
        return qx_error(ctx, QX_ERR_INVALID, "expr: %s", why);
    integrand_expr(&s->f, e, s->box.dim);
    return QX_ERR_OK;
}

/* The list of a family's parameter: none, one number for all dimensions, or one for each. */
static qx_err family_list(struct qx_ctx *ctx, const char *family, const char *name, uint32_t dim,
                          const double **ret, size_t *ret_n)
{
    *ret = NULL;
    *ret_n = 0;
    if (!qx_given(ctx, name))
        return QX_ERR_OK;
    if (!integrand_takes(family, name[0]))
        return qx_error(ctx, QX_ERR_INVALID, "%s takes no %s=", family, name);
    *ret = qx_reals(ctx, name, ret_n);
    if (*ret_n != 1 && *ret_n != dim)
        return qx_error(ctx, QX_ERR_INVALID,
                        "%s= has %zu numbers where %u dimensions need %u (or one for all)", name, *ret_n, dim,
                        dim);
    return QX_ERR_OK;
}

static qx_err open_family(struct qx_ctx *ctx, struct mc_state *s)
{
    const char *family = qx_text(ctx, "integrand");
    const double *a, *u;
    size_t n_a, n_u;
    qx_err e = family_list(ctx, family, "a", s->box.dim, &a, &n_a);
    if (e == QX_ERR_OK)
        e = family_list(ctx, family, "u", s->box.dim, &u, &n_u);
    if (e != QX_ERR_OK)
        return e;
    if (n_a == 0 && integrand_takes(family, 'a'))
        return qx_error(ctx, QX_ERR_INVALID, "%s needs a=, one number for each dimension or one for all",
                        family);
    if (!integrand_family(&s->f, family, s->box.dim, a, n_a, u, n_u))
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    return QX_ERR_OK;
}

static qx_err open_method(struct qx_ctx *ctx, struct mc_state *s)
{
    const char *method = qx_text(ctx, "method");
    while (method_names[s->method + 1] && strcmp(method, method_names[s->method]) != 0)
        s->method++;
    s->cells = s->method == MC_ANTITHETIC ? 2 : 1;
    if (qx_given(ctx, "strata") && s->method != MC_STRATIFIED)
        return qx_error(ctx, QX_ERR_INVALID, "strata= needs method=stratified");
    if (s->method != MC_STRATIFIED)
        return QX_ERR_OK;
    s->strata = (uint32_t)qx_int(ctx, "strata");
    for (uint32_t j = 0; j < s->box.dim; j++) {
        if (s->cells > CELLS_MAX / s->strata)
            return qx_error(ctx, QX_ERR_INVALID,
                            "%u strata in each of %u dimensions are more than %d cells: use fewer", s->strata,
                            s->box.dim, CELLS_MAX);
        s->cells *= s->strata;
    }
    return QX_ERR_OK;
}

static qx_err open_buffers(struct qx_ctx *ctx, struct mc_state *s)
{
    uint32_t batch = BATCH_NUMBERS / s->box.dim;
    s->batch = batch > GROUP_MAX ? GROUP_MAX : batch;
    size_t numbers = (size_t)s->batch * s->box.dim;
    s->points = malloc(numbers * sizeof(double));
    s->mirror = malloc(numbers * sizeof(double));
    s->values = malloc(2 * s->batch * sizeof(double));
    if (!s->points || !s->mirror || !s->values)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    return QX_ERR_OK;
}

static qx_err open_outputs(struct qx_ctx *ctx)
{
    const struct qx_reducer moments = {.kind = QX_REDUCE_MOMENTS, .name = "integral"};
    const struct qx_reducer extremes = {.kind = QX_REDUCE_MINMAX, .name = "extremes"};
    qx_err e = qx_output(ctx, "value", NULL);
    if (e == QX_ERR_OK)
        e = qx_reduce(ctx, &moments, NULL);
    return e != QX_ERR_OK ? e : qx_reduce(ctx, &extremes, NULL);
}

static qx_err open_all(struct qx_ctx *ctx, struct mc_state *s)
{
    bool has_expr = qx_given(ctx, "expr");
    if (has_expr == qx_given(ctx, "integrand"))
        return qx_error(ctx, QX_ERR_INVALID, "give the function: either expr= or integrand=");
    s->conf = qx_real(ctx, "conf");
    qx_err e = open_box(ctx, s);
    if (e == QX_ERR_OK)
        e = has_expr ? open_expr(ctx, s) : open_family(ctx, s);
    if (e == QX_ERR_OK)
        e = open_method(ctx, s);
    if (e == QX_ERR_OK)
        e = open_buffers(ctx, s);
    return e != QX_ERR_OK ? e : open_outputs(ctx);
}

static qx_err mc_open(struct qx_ctx *ctx, void **ret_state)
{
    struct mc_state *s = calloc(1, sizeof *s);
    if (!s)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    qx_err e = open_all(ctx, s);
    if (e != QX_ERR_OK)
        mc_free(s);
    else
        *ret_state = s;
    return e;
}

static void mc_close(struct qx_ctx *ctx, void *state)
{
    (void)ctx;
    mc_free(state);
}

/* ---- items ---- */

/* The function at n points of the unit cube, which are scaled in place. */
static void mc_values(const struct mc_state *s, double *points, uint32_t n, double *ret)
{
    box_scale(&s->box, points, n);
    s->f.values(&s->f, points, n, ret);
}

static void plain_batch(const struct mc_state *s, uint64_t seed, uint64_t first, uint32_t count, double *rows)
{
    qx_uniform_rows(seed, first, 0, count, s->box.dim, s->points);
    mc_values(s, s->points, count, rows);
}

static void antithetic_batch(const struct mc_state *s, uint64_t seed, uint64_t first, uint32_t count,
                             double *rows)
{
    size_t numbers = (size_t)count * s->box.dim;
    qx_uniform_rows(seed, first, 0, count, s->box.dim, s->points);
    for (size_t k = 0; k < numbers; k++)
        s->mirror[k] = 1 - s->points[k];
    mc_values(s, s->points, count, rows);
    mc_values(s, s->mirror, count, s->values);
    for (uint32_t i = 0; i < count; i++)
        rows[i] = 0.5 * (rows[i] + s->values[i]);
}

/* Uniform points in cells `cell` on; the cell's index in base m gives its place. */
static void stratified_points(const struct mc_state *s, struct qx_stream *rng, uint32_t cell, uint32_t n)
{
    double *p = s->points;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t rest = cell + i;
        for (uint32_t j = 0; j < s->box.dim; j++, rest /= s->strata)
            *p++ = ((double)(rest % s->strata) + qx_uniform(rng)) / (double)s->strata;
    }
}

static double stratified_item(const struct mc_state *s, uint64_t seed, uint64_t item)
{
    struct qx_stream rng;
    double sum = 0;
    qx_stream_init(&rng, seed, item, 0);
    for (uint32_t cell = 0; cell < s->cells;) {
        uint32_t n = s->cells - cell < s->batch ? s->cells - cell : s->batch;
        stratified_points(s, &rng, cell, n);
        mc_values(s, s->points, n, s->values);
        for (uint32_t i = 0; i < n; i++)
            sum += s->values[i];
        cell += n;
    }
    return sum / (double)s->cells;
}

static void mc_batch(const struct mc_state *s, struct qx_ctx *ctx, uint64_t first, uint32_t count,
                     double *rows)
{
    switch (s->method) {
    case MC_PLAIN:
        plain_batch(s, ctx->seed, first, count, rows);
        break;
    case MC_ANTITHETIC:
        antithetic_batch(s, ctx->seed, first, count, rows);
        break;
    case MC_STRATIFIED:
    default:
        for (uint32_t i = 0; i < count && !qx_cancelled(ctx); i++)
            rows[i] = stratified_item(s, ctx->seed, first + i);
    }
}

static void mc_fail(struct qx_ctx *ctx, uint64_t item, double value)
{
    (void)qx_fail_item(ctx, item,
                       isnan(value) ? "the integrand is not a number at a point"
                                    : "the integrand is infinite at a point");
}

/* Values times the volume. False: one of them is not finite. In lanes, since one chain of additions would take longer than all else. */
static bool to_volume(double *rows, uint32_t n, double volume)
{
    enum { LANES = 8 };
    double check[LANES] = {0}; /* become NaN by infinity or NaN times zero */
    uint32_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (uint32_t k = 0; k < LANES; k++) {
            rows[i + k] *= volume;
            check[k] += rows[i + k] * 0;
        }
    for (; i < n; i++) {
        rows[i] *= volume;
        check[0] += rows[i] * 0;
    }
    double all = 0;
    for (uint32_t k = 0; k < LANES; k++)
        all += check[k];
    return all == 0;
}

static qx_err mc_block(struct qx_ctx *ctx, void *state, uint64_t first, uint32_t count, double *rows)
{
    const struct mc_state *s = state;
    for (uint32_t done = 0; done < count;) {
        uint32_t n = count - done < s->batch ? count - done : s->batch;
        mc_batch(s, ctx, first + done, n, rows + done);
        done += n;
    }
    if (s->method == MC_STRATIFIED && qx_cancelled(ctx))
        return QX_ERR_CANCELLED;
    bool finite = to_volume(rows, count, s->box.volume);
    for (uint32_t i = 0; !finite && i < count; i++) {
        if (!isfinite(rows[i]))
            mc_fail(ctx, first + i, rows[i]);
    }
    return QX_ERR_OK;
}

/* ---- the answer ---- */

/* One value that makes up much of the variance: the standard error rests on luck then, as where the variance is
 * infinite. */
static bool is_heavy_tailed(struct qx_ctx *ctx, const struct qx_answer *answer, double n, double mean,
                            double var)
{
    double up = qx_answer_number(ctx, answer, RED_EXTREMES, QX_ANSWER_MAX, 0, 0) - mean;
    double down = mean - qx_answer_number(ctx, answer, RED_EXTREMES, QX_ANSWER_MIN, 0, 0);
    double far = up > down ? up : down;
    return n >= WARN_ITEMS && var > 0 && far * far > warn_share * (n - 1) * var;
}

static void emit_notes(struct qx_ctx *ctx, bool heavy, uint64_t failed, uint64_t n)
{
    char text[200];
    if (heavy)
        qx_emit_text(ctx, "warning",
                     "one value makes up more than a tenth of the variance: the variance may be infinite or "
                     "n too small, "
                     "and then the standard error and the interval cannot be trusted");
    if (failed > 0) {
        (void)snprintf(
            text, sizeof text,
            "not the integral asked for: the function has no finite value for %.3g %% of the items, and the "
            "estimate is the volume times the mean over the others",
            100.0 * (double)failed / (double)(failed + n));
        qx_emit_text(ctx, "warning_not_finite", text);
    }
}

static qx_err mc_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *answer)
{
    const struct mc_state *s = state;
    uint64_t failed, n = qx_answer_items(ctx, answer, &failed);
    if (n == 0 && failed > 0)
        return qx_error(ctx, QX_ERR_TASK, "the integrand has no finite value at any of the points drawn");
    double mean = qx_answer_number(ctx, answer, RED_MOMENTS, QX_ANSWER_MEAN, 0, 0);
    double var = qx_answer_number(ctx, answer, RED_MOMENTS, QX_ANSWER_COV, 0, 0);
    double se = sqrt(var / (double)n);
    double t = n > 1 ? gsl_cdf_tdist_Pinv(0.5 + s->conf / 2, (double)n - 1) : NAN;
    qx_emit_number(ctx, "estimate", mean);
    qx_emit_number(ctx, "se", se);
    qx_emit_number(ctx, "lower", mean - t * se);
    qx_emit_number(ctx, "upper", mean + t * se);
    qx_emit_number(ctx, "conf", s->conf);
    qx_emit_int(ctx, "n", (int64_t)n);
    qx_emit_int(ctx, "evaluations", (int64_t)((n + failed) * s->cells));
    qx_emit_text(ctx, "method", method_names[s->method]);
    emit_notes(ctx, is_heavy_tailed(ctx, answer, (double)n, mean, var), failed, n);
    return QX_ERR_OK;
}

static const struct qx_param params[] = {
    {.name = "expr",
     .type = QX_PARAM_TEXT,
     .fallback = "",
     .help = "the function as an expression, e.g. 'exp(-x*y)' or 'x^2+y^2<1'"},
    {.name = "integrand",
     .type = QX_PARAM_CHOICE,
     .fallback = "",
     .choices = integrand_names,
     .help = "or a named function"},
    {.name = "a",
     .type = QX_PARAM_REALS,
     .fallback = "",
     .help = "its scales, one for each dimension or one for all"},
    {.name = "u", .type = QX_PARAM_REALS, .fallback = "", .help = "its places (0.5 if not given)"},
    {.name = "over",
     .type = QX_PARAM_TEXT,
     .fallback = "",
     .help = "the box, e.g. 'x=0:1,y=-pi:pi'; bounds are constant expressions"},
    {.name = "dim",
     .type = QX_PARAM_INT,
     .fallback = "",
     .min = 1,
     .max = BOX_DIM_MAX,
     .help = "or the unit cube of this dimension, with variables x1 .. xd"},
    {.name = "method",
     .type = QX_PARAM_CHOICE,
     .fallback = "plain",
     .choices = method_names,
     .help = "how points are drawn"},
    {.name = "strata",
     .type = QX_PARAM_INT,
     .fallback = "4",
     .min = 2,
     .max = CELLS_MAX,
     .help = "cells along each side, for stratified; an item is then one point in every cell"},
    {.name = "conf",
     .type = QX_PARAM_REAL,
     .fallback = "0.95",
     .min = 0.01,
     .max = 0.999999,
     .help = "level of the interval"},
};

const struct qx_task task_mc_integrate = {
    .struct_size = sizeof(struct qx_task),
    .name = "mc.integrate",
    .version = "1.0",
    .help = "Monte Carlo integral of an expression or a named function over a box",
    .details = "Answers the estimate, its standard error and interval.\n"
               "Operators + - * / ^ < <= > >= == != && || ?: ; constants pi, e; sin cos tan asin acos atan "
               "atan2 sinh cosh "
               "tanh exp log log2 log10 sqrt abs min max sign floor ceil erf gamma lgamma dnorm pnorm qnorm "
               "hypot mod ..\n"
               "Example: qx run mc.integrate expr='exp(-x*y)' over='x=0:1,y=0:1' -n 1e7 --seed 7",
    .params = params,
    .n_params = sizeof params / sizeof params[0],
    .shape = QX_SHAPE_MAP,
    .grain = 256,
    .spread = 14,
    .default_items = 1000000,
    .open = mc_open,
    .block = mc_block,
    .close = mc_close,
    .finish = mc_finish,
};
