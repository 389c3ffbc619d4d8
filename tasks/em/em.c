/* em.c - the task em.mixture: an item is a whole fit of a mixture of normal distributions from one start; the best likelihood
 * wins. Docs: docs/tasks/em.mixture.md. */
#include "em/em.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "em/data.h"
#include "em/information.h"
#include "em/outcome.h"

static const char *const cov_names[] = {"full", "diagonal", NULL};
static const char *const na_names[] = {"fail", "omit", NULL};

static void em_free(struct em *e)
{
    if (!e)
        return;
    em_rows_fini(&e->data);
    mixture_fini(&e->from);
    mixture_fini(&e->mix);
    sums_fini(&e->sums);
    start_room_fini(&e->room);
    free(e);
}

/* ---- a start given by the user ---- */

/* A list of numbers: n_one of them for all components, or k times as many. */
static qx_err given_list(struct qx_ctx *ctx, const struct em *e, const char *name, size_t n_one,
                         const double **ret, size_t *ret_step)
{
    size_t n;
    *ret = qx_reals(ctx, name, &n);
    *ret_step = n == n_one && e->shape.k > 1 ? 0 : n_one;
    if (n != n_one && n != n_one * e->shape.k)
        return qx_error(ctx, QX_ERR_INVALID, "%s= has %zu numbers where %u components of %zu need %zu", name,
                        n, e->shape.k, n_one, n_one * e->shape.k);
    return QX_ERR_OK;
}

static qx_err given_weights(struct qx_ctx *ctx, struct em *e)
{
    double sum = 0;
    size_t n;
    for (uint32_t c = 0; c < e->shape.k; c++)
        e->from.lambda[c] = 1.0 / e->shape.k;
    if (!qx_given(ctx, "lambda"))
        return QX_ERR_OK;
    const double *v = qx_reals(ctx, "lambda", &n);
    if (n != e->shape.k)
        return qx_error(ctx, QX_ERR_INVALID, "lambda= has %zu numbers for k=%u components", n, e->shape.k);
    for (size_t c = 0; c < n; c++) {
        if (!(v[c] > 0))
            return qx_error(ctx, QX_ERR_INVALID, "lambda=: %g is not positive", v[c]);
        sum += v[c];
    }
    if (fabs(sum - 1) > 1e-6)
        return qx_error(ctx, QX_ERR_INVALID, "lambda= adds up to %g, not to 1", sum);
    for (size_t c = 0; c < n; c++)
        e->from.lambda[c] = v[c] / sum;
    return QX_ERR_OK;
}

static qx_err given_spread(struct qx_ctx *ctx, struct em *e)
{
    uint32_t k = e->shape.k, p = e->shape.p;
    const double *sd;
    size_t step;
    if (!qx_given(ctx, "sd")) {
        for (uint32_t c = 0; c < k; c++)
            for (uint32_t i = 0; i < p; i++)
                e->from.cov[(size_t)c * p * p + i * p + i] = e->data.cov[i * p + i];
        return QX_ERR_OK;
    }
    qx_err err = given_list(ctx, e, "sd", p, &sd, &step);
    for (uint32_t c = 0; c < k && err == QX_ERR_OK; c++) {
        for (uint32_t i = 0; i < p; i++) {
            if (!(sd[c * step + i] > 0))
                return qx_error(ctx, QX_ERR_INVALID, "sd=: %g is not positive", sd[c * step + i]);
            if (e->shape.equal && sd[c * step + i] != sd[i])
                return qx_error(ctx, QX_ERR_INVALID,
                                "sd= differs between components, which equal=yes excludes");
            e->from.cov[(size_t)c * p * p + i * p + i] = sd[c * step + i] * sd[c * step + i];
        }
    }
    return err;
}

static qx_err open_given(struct qx_ctx *ctx, struct em *e)
{
    uint32_t k = e->shape.k, p = e->shape.p;
    size_t n;
    e->given = qx_given(ctx, "mu");
    if (!e->given)
        return qx_given(ctx, "lambda") || qx_given(ctx, "sd")
                   ? qx_error(ctx, QX_ERR_INVALID, "a start by lambda= or sd= needs mu= too")
                   : QX_ERR_OK;
    const double *mu = qx_reals(ctx, "mu", &n);
    if (n != (size_t)k * p)
        return qx_error(ctx, QX_ERR_INVALID,
                        "mu= has %zu numbers where k=%u components in %u columns need %u", n, k, p, k * p);
    memcpy(e->from.mean, mu, n * sizeof *mu);
    qx_err err = given_weights(ctx, e);
    return err != QX_ERR_OK ? err : given_spread(ctx, e);
}

/* ---- opening ---- */

static qx_err open_shape(struct qx_ctx *ctx, struct em *e)
{
    int64_t k = qx_int(ctx, "k");
    e->shape = (struct shape){.k = (uint32_t)k,
                              .p = e->data.p,
                              .diagonal = e->data.p == 1 || strcmp(qx_text(ctx, "cov"), "diagonal") == 0,
                              .equal = qx_bool(ctx, "equal")};
    if (mixture_parameters(e->shape) >= e->data.n)
        return qx_error(ctx, QX_ERR_INVALID, "%u rows are too few for the %u parameters of this mixture",
                        e->data.n, mixture_parameters(e->shape));
    while (strcmp(start_names[e->how], qx_text(ctx, "start")) != 0)
        e->how++;
    e->opt = (struct fit_options){
        .tol = qx_real(ctx, "tol"), .max_iter = (uint32_t)qx_int(ctx, "max_iter"), .cancel = ctx->cancel};
    e->floor = qx_real(ctx, "min_sd");
    e->want_trace = qx_bool(ctx, "trace");
    e->want_errors = qx_bool(ctx, "se");
    e->want_posterior = qx_bool(ctx, "posterior");
    if (!mixture_init(&e->from, e->shape) || !mixture_init(&e->mix, e->shape) ||
        !sums_init(&e->sums, e->shape) || !start_room_init(&e->room, e->data.n))
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    return open_given(ctx, e);
}

static qx_err em_open(struct qx_ctx *ctx, void **ret_state)
{
    struct em *e = calloc(1, sizeof *e);
    if (!e)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    qx_err err = em_rows_open(ctx, &e->data, e->names, &e->dropped);
    if (err == QX_ERR_OK)
        err = open_shape(ctx, e);
    if (err == QX_ERR_OK)
        err = outcome_open(ctx);
    if (err != QX_ERR_OK)
        em_free(e);
    else
        *ret_state = e;
    return err;
}

static void em_close(struct qx_ctx *ctx, void *state)
{
    (void)ctx;
    em_free(state);
}

/* ---- items ---- */

struct fit em_fit(struct em *e, uint64_t seed, uint64_t item, fit_trace_f trace, void *arg)
{
    struct qx_stream rng;
    qx_stream_init(&rng, seed, item, 0);
    if (e->given && item == 0)
        mixture_copy(&e->mix, &e->from);
    else
        start_draw(e->how, &rng, &e->data, &e->room, &e->mix);
    struct mixture_fit f = {&e->mix, &e->sums, &e->data, e->floor};
    return fit_run(&mixture_steps, &f, &e->opt, trace, arg);
}

static qx_err em_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    struct fit f = em_fit(state, ctx->seed, item, NULL, NULL);
    switch (f.end) {
    case FIT_DEGENERATE:
        return qx_fail_item(ctx, item, "a component shrank to a point (its variance went to zero)");
    case FIT_EMPTY:
        return qx_fail_item(ctx, item, "a component lost all its rows");
    case FIT_CANCELLED:
        return QX_ERR_CANCELLED;
    case FIT_CONVERGED:
    case FIT_MAX_ITER:
    default:
        outcome_row(&f, item, row);
        return QX_ERR_OK;
    }
}

static const struct qx_param params[] = {
    {.name = "data", .type = QX_PARAM_TABLE, .help = "CSV file with a header"},
    {.name = "columns",
     .type = QX_PARAM_TEXT,
     .fallback = "",
     .help = "what to fit, e.g. 'waiting' or 'eruptions,waiting'; all columns of numbers if not given"},
    {.name = "k",
     .type = QX_PARAM_INT,
     .fallback = "2",
     .min = 1,
     .max = MIXTURE_K_MAX,
     .help = "number of components"},
    {.name = "cov",
     .type = QX_PARAM_CHOICE,
     .fallback = "full",
     .choices = cov_names,
     .help =
         "covariance matrices of several columns: full, or diagonal (columns independent within components)"},
    {.name = "equal",
     .type = QX_PARAM_BOOL,
     .fallback = "no",
     .help = "one variance (covariance matrix) for all components"},
    {.name = "start",
     .type = QX_PARAM_CHOICE,
     .fallback = "kmeans",
     .choices = start_names,
     .help = "how items start: centres of k-means++, random points, or a random partition"},
    {.name = "lambda",
     .type = QX_PARAM_REALS,
     .fallback = "",
     .help = "start of item 0: weights of the components (equal if not given)"},
    {.name = "mu",
     .type = QX_PARAM_REALS,
     .fallback = "",
     .help = "start of item 0: means, component after component"},
    {.name = "sd",
     .type = QX_PARAM_REALS,
     .fallback = "",
     .help = "start of item 0: standard deviations (those of the data if not given)"},
    {.name = "tol",
     .type = QX_PARAM_REAL,
     .fallback = "1e-8",
     .min = 0,
     .max = 0.1,
     .help = "converged when no parameter moves by more, in units of the data's sd; 0: always max_iter "
             "iterations"},
    {.name = "max_iter",
     .type = QX_PARAM_INT,
     .fallback = "5000",
     .min = 1,
     .max = 10000000,
     .help = "most iterations of a fit"},
    {.name = "min_sd",
     .type = QX_PARAM_REAL,
     .fallback = "1e-4",
     .min = 0,
     .max = 0.5,
     .help = "a fit has failed when a component is narrower than this share of the data's sd"},
    {.name = "na",
     .type = QX_PARAM_CHOICE,
     .fallback = "fail",
     .choices = na_names,
     .help = "what to do with rows that lack a value in a column used"},
    {.name = "se", .type = QX_PARAM_BOOL, .fallback = "yes", .help = "standard errors of the parameters"},
    {.name = "trace",
     .type = QX_PARAM_BOOL,
     .fallback = "no",
     .help = "report every iterate of the best fit (at most 2000)"},
    {.name = "posterior",
     .type = QX_PARAM_BOOL,
     .fallback = "no",
     .help = "make posterior.csv: of each row the probability of each component (see --save)"},
};

const struct qx_task task_em_mixture = {
    .struct_size = sizeof(struct qx_task),
    .name = "em.mixture",
    .version = "1.0",
    .help = "mixture of normal distributions by EM from many random starts; an item is one whole fit",
    .details = "One or several columns; full or diagonal covariance matrices, equal or not. Answers the fit "
               "with the best "
               "likelihood, its standard errors, AIC and BIC, and how many starts reached it.\n"
               "Example: qx run em.mixture data=faithful.csv columns=waiting k=2 -n 20 --seed 1",
    .params = params,
    .n_params = sizeof params / sizeof params[0],
    .shape = QX_SHAPE_MAP,
    .grain = 1,
    .spread = 14,
    .default_items = 20,
    .open = em_open,
    .run = em_run,
    .close = em_close,
    .finish = em_finish,
};
