/* integrate.c - Monte Carlo integration: the task, and from its parameters to a job.
 *
 * An item is one independent, unbiased estimate of the integral, a mean of the function over the density of the points:
 *   plain       at one point
 *   antithetic  at a point and at its mirror image in the middle of the unit cube
 *   stratified  one sweep: at one point in each of m^d equal cells
 *   vegas       such a sweep in the coordinates of an adaptive grid; a job is one round
 * So the items are independent and alike, and their standard deviation over sqrt(n) is the standard error of the
 * answer whatever the method. With sobol an item is one point of the sequence in each of several independent
 * randomisations, whose means are independent and alike. Docs: docs/tasks/mc.integrate.md. */
#include "mc/integrate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mc/job.h"
#include "mc/poly.h"

const char *const mc_method_names[] = {"plain", "antithetic", "stratified", "sobol", "vegas", NULL};

enum {
    EVALUATIONS = 1000000, /* about as many where the user gives no n; a round of vegas: a tenth */
    ITEMS_MIN = 100,
    ITEMS_LOG2_MAX = 48,
    VEGAS_POINTS = 512, /* of an item, about */
    VEGAS_STRATA_POINTS = 1024,
    VEGAS_COLUMNS_MAX = 4096
};

static void job_free(struct mc_job *s)
{
    if (!s)
        return;
    chart_fini(&s->chart);
    box_fini(&s->box);
    functions_fini(&s->f);
    functions_fini(&s->control);
    sobol_fini(&s->sobol);
    vegas_grid_fini(&s->rounds.grid);
    free(s->rounds.past);
    free(s->points);
    free(s->mirror);
    free(s->values);
    free(s->planes);
    free(s->weight);
    free(s->bin);
    free(s);
}

static qx_err no_memory(struct qx_ctx *ctx)
{
    return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
}

static qx_err open_box(struct qx_ctx *ctx, struct mc_job *s)
{
    char why[PLACE_BYTES];
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
    return box_unit(&s->box, (uint32_t)dim, why) ? QX_ERR_OK : no_memory(ctx);
}

static qx_err open_chart(struct qx_ctx *ctx, struct mc_job *s)
{
    char why[PLACE_BYTES];
    /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): a box has a dimension */
    uint32_t batch = MC_BATCH_NUMBERS / s->box.dim;
    s->batch = batch > MC_GROUP_MAX ? MC_GROUP_MAX : batch;
    const char *proposal = qx_given(ctx, "proposal") ? qx_text(ctx, "proposal") : NULL;
    if (!chart_init(&s->chart, &s->box, proposal, s->batch, why))
        return qx_error(ctx, QX_ERR_INVALID, "%s", why);
    return QX_ERR_OK;
}

/* ---- the functions ---- */

static qx_err open_expr(struct qx_ctx *ctx, struct mc_job *s)
{
    char why[PLACE_BYTES];
    if (qx_given(ctx, "a") || qx_given(ctx, "u"))
        return qx_error(ctx, QX_ERR_INVALID, "a= and u= belong to integrand=, not to expr=");
    if (!functions_parse(&s->f, "expr", qx_text(ctx, "expr"), &s->box, FUNCTIONS_MAX, why))
        return qx_error(ctx, QX_ERR_INVALID, "%s", why);
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

static qx_err open_family(struct qx_ctx *ctx, struct mc_job *s)
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
    return functions_named(&s->f, family, s->box.dim, a, n_a, u, n_u) ? QX_ERR_OK : no_memory(ctx);
}

static double moment_of(const void *arg, uint32_t j, unsigned k)
{
    return chart_moment(arg, j, k);
}

static qx_err polynomial_mean(struct qx_ctx *ctx, const struct mc_job *s, const char *text, double *ret)
{
    struct poly p;
    const char **names = calloc((size_t)s->box.dim + 1, sizeof *names);
    if (!names)
        return no_memory(ctx);
    for (uint32_t j = 0; j < s->box.dim; j++)
        names[j] = s->box.names[j];
    bool known = poly_parse(&p, text, names, s->box.dim);
    free(names);
    if (!known)
        return qx_error(ctx, QX_ERR_INVALID,
                        "control: the mean of \"%.60s\" is not known, since it is no polynomial: give "
                        "control_mean=, its mean where points are drawn",
                        text);
    *ret = poly_mean(&p, moment_of, &s->chart);
    poly_fini(&p);
    if (!isfinite(*ret))
        return qx_error(ctx, QX_ERR_INVALID, "control: \"%.60s\" has no finite mean where points are drawn",
                        text);
    return QX_ERR_OK;
}

static qx_err open_controls(struct qx_ctx *ctx, struct mc_job *s)
{
    char why[PLACE_BYTES];
    size_t n = 0;
    const double *known = qx_given(ctx, "control_mean") ? qx_reals(ctx, "control_mean", &n) : NULL;
    if (!qx_given(ctx, "control"))
        return known ? qx_error(ctx, QX_ERR_INVALID, "control_mean= needs control=") : QX_ERR_OK;
    if (s->method == MC_SOBOL || s->method == MC_VEGAS)
        return qx_error(ctx, QX_ERR_INVALID,
                        "control= goes with the methods plain, antithetic and stratified");
    if (!functions_parse(&s->control, "control", qx_text(ctx, "control"), &s->box, CONTROLS_MAX, why))
        return qx_error(ctx, QX_ERR_INVALID, "%s", why);
    if (known && n != s->control.n)
        return qx_error(ctx, QX_ERR_INVALID, "control_mean= has %zu numbers for %u controls", n,
                        s->control.n);
    qx_err e = QX_ERR_OK;
    for (uint32_t i = 0; i < s->control.n && e == QX_ERR_OK; i++) {
        if (known)
            s->control_mean[i] = known[i];
        else
            e = polynomial_mean(ctx, s, s->control.text[i], &s->control_mean[i]);
    }
    return e;
}

/* ---- the method ---- */

/* Parameters that another method than the one chosen has. */
static qx_err check_stray(struct qx_ctx *ctx, const struct mc_job *s)
{
    static const struct {
        const char *name;
        unsigned methods;
        const char *needs;
    } own[] = {
        {"strata", 1u << MC_STRATIFIED | 1u << MC_VEGAS, "method=stratified or vegas"},
        {"replicates", 1u << MC_SOBOL, "method=sobol"},
        {"rounds", 1u << MC_VEGAS, "method=vegas"},
        {"skip", 1u << MC_VEGAS, "method=vegas"},
        {"bins", 1u << MC_VEGAS, "method=vegas"},
        {"alpha", 1u << MC_VEGAS, "method=vegas"},
        {"round", 1u << MC_VEGAS, "method=vegas"},
        {"grid", 1u << MC_VEGAS, "method=vegas"},
        {"past", 1u << MC_VEGAS, "method=vegas"},
    };
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (qx_given(ctx, own[i].name) && !(own[i].methods >> s->method & 1))
            return qx_error(ctx, QX_ERR_INVALID, "%s= needs %s", own[i].name, own[i].needs);
    }
    return QX_ERR_OK;
}

static qx_err open_cells(struct qx_ctx *ctx, struct mc_job *s)
{
    for (uint32_t j = 0; j < s->box.dim; j++) {
        if (s->cells > MC_CELLS_MAX / s->strata)
            return qx_error(ctx, QX_ERR_INVALID,
                            "%u strata in each of %u dimensions are more than %d cells: use fewer", s->strata,
                            s->box.dim, MC_CELLS_MAX);
        s->cells *= s->strata;
    }
    return QX_ERR_OK;
}

static qx_err open_sobol(struct qx_ctx *ctx, struct mc_job *s)
{
    s->replicates = (uint32_t)qx_int(ctx, "replicates");
    if (s->box.dim > sobol_dim_max())
        return qx_error(ctx, QX_ERR_INVALID, "method=sobol has direction numbers for at most %u dimensions",
                        sobol_dim_max());
    if (s->replicates * s->f.n > SOBOL_COLUMNS_MAX)
        return qx_error(ctx, QX_ERR_INVALID,
                        "%u replicates of %u functions are more than %d columns: use fewer", s->replicates,
                        s->f.n, SOBOL_COLUMNS_MAX);
    return sobol_init(&s->sobol, s->box.dim, s->replicates, ctx->seed) ? QX_ERR_OK : no_memory(ctx);
}

/* What earlier rounds hand on. */
static qx_err open_past(struct qx_ctx *ctx, struct mc_job *s)
{
    struct mc_rounds *r = &s->rounds;
    size_t n_grid = 0, n_past = 0, per_round = vegas_round_numbers(s->f.n);
    const double *grid = qx_given(ctx, "grid") ? qx_reals(ctx, "grid", &n_grid) : NULL;
    const double *past = qx_given(ctx, "past") ? qx_reals(ctx, "past", &n_past) : NULL;
    r->past = malloc((r->rounds + 1) * per_round * sizeof *r->past);
    if (!vegas_grid_init(&r->grid, s->box.dim, (uint32_t)qx_int(ctx, "bins")) || !r->past)
        return no_memory(ctx);
    if (n_past != r->round * per_round)
        return qx_error(ctx, QX_ERR_INVALID, "past= has %zu numbers where round=%u needs %zu", n_past,
                        r->round, r->round * per_round);
    for (size_t i = 0; i < n_past; i++)
        r->past[i] = past[i];
    if (!grid)
        return QX_ERR_OK;
    if (n_grid != (size_t)s->box.dim * (r->grid.bins - 1) || !vegas_grid_set(&r->grid, grid))
        return qx_error(ctx, QX_ERR_INVALID,
                        "grid= is not %u ascending numbers between 0 and 1 for each dimension",
                        r->grid.bins - 1);
    return QX_ERR_OK;
}

static qx_err open_vegas(struct qx_ctx *ctx, struct mc_job *s)
{
    struct mc_rounds *r = &s->rounds;
    r->rounds = (uint32_t)qx_int(ctx, "rounds");
    r->round = (uint32_t)qx_int(ctx, "round");
    r->skip = (uint32_t)qx_int(ctx, "skip");
    r->alpha = qx_real(ctx, "alpha");
    if (r->skip >= r->rounds)
        return qx_error(ctx, QX_ERR_INVALID, "skip=%u leaves none of %u rounds", r->skip, r->rounds);
    if (r->round >= r->rounds)
        return qx_error(ctx, QX_ERR_INVALID, "round=%u is not one of %u rounds, counted from 0", r->round,
                        r->rounds);
    if (qx_int(ctx, "bins") * s->box.dim > VEGAS_COLUMNS_MAX - FUNCTIONS_MAX)
        return qx_error(ctx, QX_ERR_INVALID,
                        "%lld bins in each of %u dimensions are too many: use fewer bins",
                        (long long)qx_int(ctx, "bins"), s->box.dim);
    s->strata = 1;
    if (qx_given(ctx, "strata"))
        s->strata = (uint32_t)qx_int(ctx, "strata");
    else
        while (pow(s->strata + 1, s->box.dim) <= VEGAS_STRATA_POINTS)
            s->strata++;
    qx_err e = open_cells(ctx, s);
    s->per_cell = s->cells < VEGAS_POINTS ? VEGAS_POINTS / s->cells : 1;
    return e != QX_ERR_OK ? e : open_past(ctx, s);
}

static qx_err open_method(struct qx_ctx *ctx, struct mc_job *s)
{
    const char *method = qx_text(ctx, "method");
    while (mc_method_names[s->method + 1] && strcmp(method, mc_method_names[s->method]) != 0)
        s->method++;
    s->cells = s->per_cell = 1;
    qx_err e = check_stray(ctx, s);
    if (e != QX_ERR_OK)
        return e;
    switch (s->method) {
    case MC_ANTITHETIC:
        s->per_cell = 2;
        return QX_ERR_OK;
    case MC_STRATIFIED:
        s->strata = (uint32_t)qx_int(ctx, "strata");
        return open_cells(ctx, s);
    case MC_SOBOL:
        return open_sobol(ctx, s);
    case MC_VEGAS:
        return open_vegas(ctx, s);
    case MC_PLAIN:
    default:
        return QX_ERR_OK;
    }
}

/* ---- buffers, outputs, items ---- */

static qx_err open_buffers(struct qx_ctx *ctx, struct mc_job *s)
{
    size_t numbers = (size_t)s->batch * s->box.dim, columns = s->f.n + s->control.n;
    s->width = s->method == MC_SOBOL   ? s->replicates * s->f.n
               : s->method == MC_VEGAS ? s->f.n + s->rounds.grid.dim * s->rounds.grid.bins
                                       : (uint32_t)columns;
    s->points = malloc(numbers * sizeof(double));
    s->values = malloc(columns * s->batch * sizeof(double));
    bool ok = s->points && s->values;
    if (s->method == MC_ANTITHETIC)
        ok = (s->mirror = malloc(numbers * sizeof(double))) && ok;
    if (s->method == MC_VEGAS) {
        s->weight = malloc(s->batch * sizeof(double));
        s->bin = malloc(numbers * sizeof *s->bin);
        ok = ok && s->weight && s->bin;
    } else if (s->width > 1) {
        ok = (s->planes = malloc((size_t)s->width * s->batch * sizeof(double))) && ok;
    }
    return ok ? QX_ERR_OK : no_memory(ctx);
}

static qx_err reduce_columns(struct qx_ctx *ctx, enum qx_reducer_kind kind, const char *name, uint32_t from,
                             uint32_t n)
{
    uint32_t *columns = malloc(n * sizeof *columns);
    if (!columns)
        return no_memory(ctx);
    for (uint32_t i = 0; i < n; i++)
        columns[i] = from + i;
    const struct qx_reducer r = {.kind = kind, .name = name, .columns = columns, .n_columns = n};
    qx_err e = qx_reduce(ctx, &r, NULL);
    free(columns);
    return e;
}

static qx_err open_outputs(struct qx_ctx *ctx, struct mc_job *s)
{
    char name[32];
    uint32_t of_moments = s->f.n + s->control.n;
    qx_err e = QX_ERR_OK;
    for (uint32_t w = 0; w < s->width && e == QX_ERR_OK; w++) {
        if (s->method == MC_SOBOL)
            (void)snprintf(name, sizeof name, "value%u.%u", w % s->f.n + 1, w / s->f.n);
        else if (w < s->f.n)
            (void)snprintf(name, sizeof name, s->f.n == 1 ? "value" : "value%u", w + 1);
        else if (w < of_moments)
            (void)snprintf(name, sizeof name, "control%u", w - s->f.n + 1);
        else
            (void)snprintf(name, sizeof name, "squares%u.%u", (w - s->f.n) / s->rounds.grid.bins + 1,
                           (w - s->f.n) % s->rounds.grid.bins);
        e = qx_output(ctx, name, NULL);
    }
    if (e != QX_ERR_OK || s->method == MC_SOBOL)
        return e != QX_ERR_OK ? e : reduce_columns(ctx, QX_REDUCE_SUM, "replicates", 0, s->width);
    e = reduce_columns(ctx, QX_REDUCE_MOMENTS, "integral", 0, of_moments);
    if (e == QX_ERR_OK)
        e = reduce_columns(ctx, QX_REDUCE_MINMAX, "extremes", 0, s->f.n);
    if (e == QX_ERR_OK && s->method == MC_VEGAS)
        e = reduce_columns(ctx, QX_REDUCE_SUM, "squares", of_moments, s->width - of_moments);
    return e;
}

/* Where the user gives no n: about a million evaluations, of sobol a power of two points. */
static qx_err open_items(struct qx_ctx *ctx, const struct mc_job *s)
{
    uint64_t n = EVALUATIONS / mc_points_per_item(s), power = 1;
    if (s->method == MC_VEGAS)
        n /= 10;
    if (n < ITEMS_MIN)
        n = ITEMS_MIN;
    while (2 * power <= n)
        power *= 2;
    return qx_items(ctx, s->method == MC_SOBOL ? power : n, (uint64_t)1 << ITEMS_LOG2_MAX);
}

static qx_err open_all(struct qx_ctx *ctx, struct mc_job *s)
{
    bool has_expr = qx_given(ctx, "expr");
    if (has_expr == qx_given(ctx, "integrand"))
        return qx_error(ctx, QX_ERR_INVALID, "give the function: either expr= or integrand=");
    s->conf = qx_real(ctx, "conf");
    qx_err e = open_box(ctx, s);
    if (e == QX_ERR_OK)
        e = has_expr ? open_expr(ctx, s) : open_family(ctx, s);
    if (e == QX_ERR_OK)
        e = open_chart(ctx, s);
    if (e == QX_ERR_OK)
        e = open_method(ctx, s);
    if (e == QX_ERR_OK)
        e = open_controls(ctx, s);
    if (e == QX_ERR_OK)
        e = open_buffers(ctx, s);
    if (e == QX_ERR_OK)
        e = open_outputs(ctx, s);
    return e != QX_ERR_OK ? e : open_items(ctx, s);
}

qx_err mc_open(struct qx_ctx *ctx, void **ret_state)
{
    struct mc_job *s = calloc(1, sizeof *s);
    if (!s)
        return no_memory(ctx);
    qx_err e = open_all(ctx, s);
    if (e != QX_ERR_OK)
        job_free(s);
    else
        *ret_state = s;
    return e;
}

void mc_close(struct qx_ctx *ctx, void *state)
{
    (void)ctx;
    job_free(state);
}

static const struct qx_param params[] = {
    {.name = "expr",
     .type = QX_PARAM_TEXT,
     .fallback = "",
     .help = "the function as an expression, e.g. 'exp(-x*y)' or 'x^2+y^2<1'; several: 'x*y; x^2'"},
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
     .help = "the box, e.g. 'x=0:1,y=-pi:pi'; bounds are constant expressions, or inf with proposal="},
    {.name = "dim",
     .type = QX_PARAM_INT,
     .fallback = "",
     .min = 1,
     .max = BOX_DIM_MAX,
     .help = "or the unit cube of this dimension, with variables x1 .. xd"},
    {.name = "method",
     .type = QX_PARAM_CHOICE,
     .fallback = "plain",
     .choices = mc_method_names,
     .help = "how points are drawn"},
    {.name = "strata",
     .type = QX_PARAM_INT,
     .fallback = "4",
     .min = 2,
     .max = MC_CELLS_MAX,
     .help = "cells along each side, for stratified and vegas (there: as many as make 1024 cells); an item "
             "is a point in every cell"},
    {.name = "proposal",
     .type = QX_PARAM_TEXT,
     .fallback = "",
     .help = "importance sampling: densities to draw from, e.g. 'x=normal(0,1),y=exponential(2)'"},
    {.name = "control",
     .type = QX_PARAM_TEXT,
     .fallback = "",
     .help = "control variates, e.g. 'x+y' or 'x; y^2'"},
    {.name = "control_mean",
     .type = QX_PARAM_REALS,
     .fallback = "",
     .help = "their means under the density of the points; computed for polynomials"},
    {.name = "replicates",
     .type = QX_PARAM_INT,
     .fallback = "16",
     .min = 2,
     .max = 256,
     .help = "independent randomisations, for sobol; an item is one point in each"},
    {.name = "rounds",
     .type = QX_PARAM_INT,
     .fallback = "6",
     .min = 1,
     .max = VEGAS_ROUNDS_MAX,
     .help = "rounds of vegas, each of n items on the grid that the one before made"},
    {.name = "skip",
     .type = QX_PARAM_INT,
     .fallback = "1",
     .min = 0,
     .max = VEGAS_ROUNDS_MAX - 1,
     .help = "first rounds of vegas that only make the grid and do not count"},
    {.name = "bins",
     .type = QX_PARAM_INT,
     .fallback = "50",
     .min = 2,
     .max = 1000,
     .help = "bins of the grid in each dimension, for vegas"},
    {.name = "alpha",
     .type = QX_PARAM_REAL,
     .fallback = "1.5",
     .min = 0,
     .max = 5,
     .help = "how fast the grid of vegas moves; 0: not at all"},
    {.name = "conf",
     .type = QX_PARAM_REAL,
     .fallback = "0.95",
     .min = 0.01,
     .max = 0.999999,
     .help = "level of the interval"},
    {.name = "round",
     .type = QX_PARAM_INT,
     .fallback = "0",
     .min = 0,
     .max = VEGAS_ROUNDS_MAX - 1,
     .help = "set by earlier rounds: this one, from 0"},
    {.name = "grid", .type = QX_PARAM_REALS, .fallback = "", .help = "set by earlier rounds: inner edges"},
    {.name = "past",
     .type = QX_PARAM_REALS,
     .fallback = "",
     .help = "set by earlier rounds: what they found"},
};

const struct qx_task task_mc_integrate = {
    .struct_size = sizeof(struct qx_task),
    .name = "mc.integrate",
    .version = "1.1",
    .help = "Monte Carlo integral of expressions or a named function over a box, or all of R^d",
    .details = "Answers the estimate, its standard error and interval. Methods: plain, antithetic, "
               "stratified, scrambled "
               "Sobol' points, vegas (adaptive importance sampling in rounds); control variates, proposals, "
               "several functions at once with their covariance.\n"
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
    .flags = QX_TASK_COUNTS_ITEMS,
    .open = mc_open,
    .block = mc_block,
    .close = mc_close,
    .finish = mc_finish,
};
