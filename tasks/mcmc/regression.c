#include "mcmc/regression.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/design.h"
#include "model/variables.h"

enum { ROWS_MAX = 50000000 };
static const double alias_tolerance = 1e-7; /* R's */

void regression_fini(struct target *t)
{
    struct regression *m = t->model;
    free(m->q);
    free(m->r_inv);
    free(m->y);
    free(m->offset);
    free(m->trials);
    free(m->beta);
    free(m->eta);
    free(m->b);
    free(m->centre);
}

void regression_beta(const struct regression *m, const double *theta, double *beta)
{
    for (uint32_t i = 0; i < m->p; i++) {
        double sum = 0;
        for (uint32_t j = i; j < m->p; j++)
            sum += m->r_inv[(size_t)i * m->p + j] * theta[j];
        beta[i] = sum;
    }
}

double regression_log_prior(const struct regression *m, const double *theta, double *grad)
{
    double lp = 0, *beta = m->b, *slope = m->b + m->p;
    if (m->flat)
        return 0;
    regression_beta(m, theta, beta);
    for (uint32_t i = 0; i < m->p; i++) {
        slope[i] = 0;
        lp += prior_log_density(&m->beta[i], beta[i], &slope[i]);
    }
    for (uint32_t i = 0; grad && i < m->p; i++) {
        for (uint32_t j = i; j < m->p; j++)
            grad[j] += m->r_inv[(size_t)i * m->p + j] * slope[i];
    }
    return lp;
}

/* ---- Q and R ---- */

static double dot(const double *a, const double *b, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Gram-Schmidt, twice for each column: orthogonal to rounding (Giraud et al. 2005). A column that the
 * earlier ones give to the tolerance of R's lm() is left out; keep[] tells which stay. r: p x p upper
 * triangle, row-major. */
static uint32_t factor(const double *x, uint32_t n, uint32_t p, double *q, double *r, uint32_t *keep)
{
    uint32_t rank = 0;
    for (uint32_t j = 0; j < p; j++) {
        const double *column = x + (size_t)j * n;
        double *v = q + (size_t)rank * n, length = sqrt(dot(column, column, n));
        memcpy(v, column, n * sizeof *v);
        for (uint32_t k = 0; k < rank; k++)
            r[(size_t)k * p + rank] = 0;
        for (int pass = 0; pass < 2; pass++) {
            for (uint32_t k = 0; k < rank; k++) {
                const double *u = q + (size_t)k * n;
                double c = dot(u, v, n);
                r[(size_t)k * p + rank] += c;
                for (uint32_t i = 0; i < n; i++)
                    v[i] -= c * u[i];
            }
        }
        double rest = sqrt(dot(v, v, n));
        if (!(rest > alias_tolerance * length) || rank == n)
            continue;
        r[(size_t)rank * p + rank] = rest;
        for (uint32_t i = 0; i < n; i++)
            v[i] /= rest;
        keep[rank++] = j;
    }
    return rank;
}

/* m->r_inv <- the inverse of the upper triangle r (stride), over q_scale; m->q <- q times q_scale. */
static void invert(struct regression *m, const double *r, uint32_t stride, double q_scale)
{
    uint32_t p = m->p;
    for (uint32_t j = 0; j < p; j++) {
        for (uint32_t i = j + 1; i-- > 0;) {
            double sum = i == j ? 1 : 0;
            for (uint32_t k = i + 1; k <= j; k++)
                sum -= r[(size_t)i * stride + k] * m->r_inv[(size_t)k * p + j];
            m->r_inv[(size_t)i * p + j] = sum / r[(size_t)i * stride + i];
        }
    }
    for (size_t i = 0; i < (size_t)p * p; i++)
        m->r_inv[i] *= q_scale;
    for (size_t i = 0; i < (size_t)p * m->n; i++)
        m->q[i] *= q_scale;
}

static qx_err set_matrix(struct qx_ctx *ctx, const struct design *d, double q_scale, struct regression *m,
                         uint32_t *keep)
{
    uint32_t n = d->n, p = d->p;
    double *r = calloc((size_t)p * p + 1, sizeof *r);
    m->q = malloc(((size_t)n * p + 1) * sizeof *m->q);
    m->r_inv = calloc((size_t)p * p + 1, sizeof *m->r_inv);
    m->b = calloc(2 * (size_t)p + 1, sizeof *m->b);
    m->beta = calloc(p + 1, sizeof *m->beta);
    m->centre = calloc(p + 1, sizeof *m->centre);
    bool ok = r && m->q && m->r_inv && m->b && m->beta && m->centre;
    if (ok) {
        m->n = n;
        m->p = factor(d->x, n, p, m->q, r, keep);
        invert(m, r, p, q_scale > 0 ? q_scale : sqrt(n));
    }
    free(r);
    return ok ? QX_ERR_OK : qx_error(ctx, QX_ERR_NOMEM, "out of memory");
}

/* ---- data ---- */

struct source {
    const struct qx_table *table;
    struct variables vars;
    struct design *design;
    uint32_t *rows, *keep, n_rows;
};

static void source_close(struct source *s)
{
    (void)design_close(s->design);
    variables_close(&s->vars);
    free(s->rows);
    free(s->keep);
}

static qx_err read_rows(struct qx_ctx *ctx, struct source *s)
{
    uint64_t n = qx_table_rows(ctx, s->table);
    if (n == 0 || n > ROWS_MAX)
        return qx_error(ctx, QX_ERR_INVALID, "the data have %llu rows", (unsigned long long)n);
    s->n_rows = (uint32_t)n;
    s->rows = malloc(n * sizeof *s->rows);
    if (!s->rows)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < s->n_rows; i++)
        s->rows[i] = i;
    struct frame_options opt = {.na_fail = strcmp(qx_text(ctx, "na"), "fail") == 0, .max_rows = s->n_rows};
    qx_err e = variables_open(ctx, s->table, qx_text(ctx, "formula"), NULL, 0, &opt, &s->vars);
    if (e == QX_ERR_OK)
        e = variables_need_response(ctx, &s->vars, qx_text(ctx, "model"), true);
    if (e != QX_ERR_OK)
        return e;
    const char *why = frame_load(s->vars.frame, s->rows, s->n_rows);
    if (!why && s->vars.frame->n == 0)
        why = "no row is without missing values";
    if (why)
        return qx_error(ctx, QX_ERR_INVALID, "formula: %s", why);
    e = design_open(ctx, s->vars.frame, &s->design);
    if (e != QX_ERR_OK)
        return e;
    why = design_build(s->design, s->vars.frame);
    if (why)
        return qx_error(ctx, QX_ERR_INVALID, "formula: %s", why);
    if (s->design->p == 0)
        return qx_error(ctx, QX_ERR_INVALID, "formula: the model has no coefficients");
    s->keep = calloc(s->design->p, sizeof *s->keep);
    return s->keep ? QX_ERR_OK : qx_error(ctx, QX_ERR_NOMEM, "out of memory");
}

static qx_err source_open(struct qx_ctx *ctx, struct source *s)
{
    *s = (struct source){.table = qx_table(ctx, "data")};
    if (!s->table)
        return qx_error(ctx, QX_ERR_INVALID, "give data=, a CSV file with a header");
    if (!qx_given(ctx, "formula"))
        return qx_error(ctx, QX_ERR_INVALID, "model=%s needs formula='y ~ x1 + x2'", qx_text(ctx, "model"));
    return read_rows(ctx, s);
}

static double *copy_of(const double *x, uint32_t n)
{
    double *copy = x ? malloc((n + 1) * sizeof *copy) : NULL;
    if (copy)
        memcpy(copy, x, n * sizeof *copy);
    return copy;
}

/* y, and for cbind(success, failure) the trials. */
static qx_err set_response(struct qx_ctx *ctx, const struct source *s, struct regression *m)
{
    uint32_t n = m->n;
    m->y = copy_of(frame_response(s->vars.frame, 0), n);
    m->eta = calloc(n + 1, sizeof *m->eta);
    if (s->vars.frame->offset)
        m->offset = copy_of(s->vars.frame->offset, n);
    if (s->vars.formula->n_response == 2) {
        m->trials = copy_of(frame_response(s->vars.frame, 1), n);
        for (uint32_t i = 0; m->y && m->trials && i < n; i++)
            m->trials[i] += m->y[i];
    }
    bool ok = m->y && m->eta && !(s->vars.frame->offset && !m->offset) &&
              !(s->vars.formula->n_response == 2 && !m->trials);
    return ok ? QX_ERR_OK : qx_error(ctx, QX_ERR_NOMEM, "out of memory");
}

/* ---- names and priors ---- */

static void say_aliased(struct target *t, const struct design *d, const uint32_t *keep, uint32_t rank)
{
    size_t len = 0;
    for (uint32_t j = 0, k = 0; j < d->p && len < sizeof t->note; j++) {
        if (k < rank && keep[k] == j)
            k++;
        else
            len += (size_t)snprintf(t->note + len, sizeof t->note - len, "%s%.60s",
                                    len > 0 ? ", "
                                            : "dropped, being a linear "
                                              "combination of the columns before: ",
                                    d->names[j]);
    }
}

static qx_err name_coefficients(const struct target_spec *spec, struct target *t, const struct design *d,
                                const uint32_t *keep)
{
    struct regression *m = t->model;
    qx_err e = QX_ERR_OK;
    m->flat = true;
    for (uint32_t k = 0; e == QX_ERR_OK && k < m->p; k++) {
        char why[PLACE_BYTES];
        struct prior by_term;
        target_name(t, k, "beta[%u]", k + 1);
        (void)snprintf(t->terms[k], sizeof t->terms[0], "%.63s", d->names[keep[k]]);
        /* said of the term, of beta[k], or of all */
        if (!priors_find(spec->priors, t->terms[k], "beta", false, (struct prior){.kind = PRIOR_FLAT},
                         &by_term, why))
            return qx_error(spec->ctx, QX_ERR_INVALID, "%s", why);
        e = target_prior(spec, t, t->names[k], NULL, false, by_term, &m->beta[k]);
        m->flat = m->flat && m->beta[k].kind == PRIOR_FLAT;
    }
    return e;
}

/* What regression_open() makes of an open source; t->model is allocated here, for it is known only now how
 * many coefficients there are. */
static qx_err build(const struct target_spec *spec, struct target *t, const struct source *s, bool with_sigma,
                    double q_scale)
{
    struct regression m = {.n = 0};
    struct target holder = {.model = &m};
    qx_err e = set_matrix(spec->ctx, s->design, q_scale, &m, s->keep);
    if (e == QX_ERR_OK)
        e = set_response(spec->ctx, s, &m);
    uint32_t n_all = m.p + with_sigma;
    if (e == QX_ERR_OK)
        e = target_init(spec, t, n_all, n_all, sizeof m);
    if (e != QX_ERR_OK) {
        regression_fini(&holder);
        return e;
    }
    *(struct regression *)t->model = m;
    t->fini = regression_fini;
    t->n_rows = m.n;
    (void)snprintf(t->about, sizeof t->about, "%.300s", qx_text(spec->ctx, "formula"));
    if (m.p < s->design->p)
        say_aliased(t, s->design, s->keep, m.p);
    e = name_coefficients(spec, t, s->design, s->keep);
    if (e == QX_ERR_OK && with_sigma) {
        target_name(t, m.p, "sigma");
        e = target_prior(spec, t, "sigma", NULL, true, (struct prior){.kind = PRIOR_LOG_FLAT},
                         &((struct regression *)t->model)->sigma);
    }
    return e;
}

qx_err regression_open(const struct target_spec *spec, struct target *t, bool with_sigma, double q_scale)
{
    struct source s;
    qx_err e = source_open(spec->ctx, &s);
    if (e == QX_ERR_OK && s.design)
        e = build(spec, t, &s, with_sigma, q_scale);
    source_close(&s);
    return e;
}
