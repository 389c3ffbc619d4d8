/* The trust region problem min |J d + r| with |D d| <= delta is solved in the p x p triangle of J = QR: for a damping
 * lambda by another small QR of R over sqrt(lambda) D, lambda by Newton's method on the secular equation as More does. */
#include "model/nls.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ITERATIONS_MAX = 1000, DAMPING_MAX = 20 };

static const double offset_max = 1e-6, /* of what is called converged */
    offset_goal = 1e-10,               /* where the iteration stops */
    step_max = 1e-8,                   /* or: all that is left of the way, by parameter */
    rank_tol = 1e-13,                  /* columns of the scaled tangent plane */
    unresolved = 1e-15;                /* relative change of the sum of squares */

struct nls_work {
    uint32_t n_max, p;
    struct lm_work *lm;                                       /* n x p: J */
    struct lm_work *small;                                    /* 2p x p: R over sqrt(lambda) D */
    double *params, *trial, *se, *step, *scale, *rhs, *stack; /* p; stack 2p x p */
    double *f, *f_trial, *resid;                              /* n, weighted */
    double *slopes;                                           /* n x p, weighted */
};

static double *numbers(size_t n)
{
    return calloc(n > 0 ? n : 1, sizeof(double));
}

struct nls_work *nls_work_free(struct nls_work *w)
{
    if (!w)
        return NULL;
    (void)lm_work_free(w->lm);
    (void)lm_work_free(w->small);
    free(w->params);
    free(w->trial);
    free(w->se);
    free(w->step);
    free(w->scale);
    free(w->rhs);
    free(w->stack);
    free(w->f);
    free(w->f_trial);
    free(w->resid);
    free(w->slopes);
    free(w);
    return NULL;
}

struct nls_work *nls_work_new(uint32_t n_max, uint32_t p)
{
    struct nls_work *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->n_max = n_max;
    w->p = p;
    w->lm = lm_work_new(n_max, p);
    w->small = lm_work_new(2 * p, p);
    w->params = numbers(p);
    w->trial = numbers(p);
    w->se = numbers(p);
    w->step = numbers(p);
    w->scale = numbers(p);
    w->rhs = numbers(2 * (size_t)p);
    w->stack = numbers(2 * (size_t)p * p);
    w->f = numbers(n_max);
    w->f_trial = numbers(n_max);
    w->resid = numbers(n_max);
    w->slopes = numbers((size_t)n_max * p);
    if (w->lm && w->small && w->params && w->trial && w->se && w->step && w->scale && w->rhs && w->stack &&
        w->f && w->f_trial && w->resid && w->slopes)
        return w;
    return nls_work_free(w);
}

const double *nls_params(const struct nls_work *w)
{
    return w->params;
}
const double *nls_se(const struct nls_work *w)
{
    return w->se;
}

/* ---- evaluation ---- */

static double root_weight(const struct nls_model *m, uint32_t i)
{
    return m->weights ? sqrt(m->weights[i]) : 1;
}

/* Half the sum of squares at params; infinite where the model has no value. */
static double cost(const struct nls_model *m, const double *params, double *f)
{
    double sum = 0;
    m->value(m->arg, params, f, NULL);
    for (uint32_t i = 0; i < m->n; i++) {
        double r = root_weight(m, i) * (m->y[i] - f[i]);
        sum += r * r;
    }
    return isfinite(sum) ? sum / 2 : INFINITY;
}

/* J and residuals at the params; factors J. False where a slope is not finite. */
static bool linearize(struct nls_work *w, const struct nls_model *m)
{
    bool finite = true;
    m->value(m->arg, w->params, w->f, w->slopes);
    for (uint32_t i = 0; i < m->n; i++)
        w->resid[i] = root_weight(m, i) * (m->y[i] - w->f[i]);
    for (uint32_t j = 0; j < m->p; j++) {
        for (uint32_t i = 0; i < m->n; i++) {
            double *s = &w->slopes[(size_t)j * m->n + i];
            *s *= root_weight(m, i);
            finite = finite && isfinite(*s);
        }
    }
    if (finite)
        lm_fit(w->lm, w->slopes, m->n, m->p, w->resid, NULL, NULL, 0);
    return finite;
}

/* |Q1' r| / |Q2' r|; 0 where the residuals are rounding alone. */
static double relative_offset(const struct nls_work *w, const struct nls_model *m)
{
    double in = 0, out = 0, size = 0;
    for (uint32_t i = 0; i < m->n; i++) {
        double *sum = i < w->lm->rank ? &in : &out;
        *sum += w->lm->qty[i] * w->lm->qty[i];
        size += root_weight(m, i) * root_weight(m, i) * m->y[i] * m->y[i];
    }
    if (in + out <= 1e-29 * size)
        return 0;
    return out > 0 ? sqrt(in / out) : INFINITY;
}

/* More's scaling: the longest that a column of J has been. */
static void rescale(struct nls_work *w, const struct nls_model *m)
{
    for (uint32_t j = 0; j < m->p; j++) {
        double sum = 0;
        for (uint32_t i = 0; i < m->n; i++)
            sum += w->slopes[(size_t)j * m->n + i] * w->slopes[(size_t)j * m->n + i];
        w->scale[j] = fmax(w->scale[j], sqrt(sum));
    }
}

/* ---- the step ---- */

/* R in the order of the parameters over sqrt(lambda) D, solved for Q'r: sets step. */
static void damped_step(struct nls_work *w, const struct nls_model *m, double lambda)
{
    uint32_t p = m->p, rows = 2 * p;
    memset(w->stack, 0, sizeof(double) * rows * p);
    memset(w->rhs, 0, sizeof(double) * rows);
    for (uint32_t k = 0; k < p; k++) {
        double *column = w->stack + (size_t)w->lm->pivot[k] * rows;
        for (uint32_t i = 0; i <= k && i < m->n; i++)
            column[i] = w->lm->qr[(size_t)k * m->n + i];
        if (k < m->n)
            w->rhs[k] = w->lm->qty[k];
    }
    for (uint32_t j = 0; j < p; j++)
        w->stack[(size_t)j * rows + p + j] = sqrt(lambda) * (w->scale[j] > 0 ? w->scale[j] : 1);
    lm_fit(w->small, w->stack, rows, p, w->rhs, NULL, NULL, 1e-14);
    for (uint32_t j = 0; j < p; j++)
        w->step[j] = isnan(w->small->coef[j]) ? 0 : w->small->coef[j];
}

static double scaled_length(const struct nls_work *w, const double *x)
{
    double sum = 0;
    for (uint32_t j = 0; j < w->p; j++)
        sum += (w->scale[j] * x[j]) * (w->scale[j] * x[j]);
    return sqrt(sum);
}

/* |R^-T D^2 d|^2 / |D d|^2 in the damped factorisation: minus half the slope of |D d|^2 by lambda, relative. */
static double secular_slope(struct nls_work *w)
{
    const struct lm_work *s = w->small;
    double z[64], sum = 0, length = scaled_length(w, w->step);
    for (uint32_t k = 0; k < s->rank; k++) {
        uint32_t j = s->pivot[k];
        z[k] = w->scale[j] * w->scale[j] * w->step[j] / length;
        for (uint32_t i = 0; i < k; i++)
            z[k] -= s->qr[(size_t)k * s->n + i] * z[i];
        z[k] /= s->qr[(size_t)k * s->n + k];
        sum += z[k] * z[k];
    }
    return sum;
}

/* The damping for which |D step| is delta to a tenth; 0 where the full step is within. */
static double trust(struct nls_work *w, const struct nls_model *m, double delta, double lambda)
{
    damped_step(w, m, 0);
    double length = scaled_length(w, w->step), low = 0, high = 0;
    if (length <= 1.1 * delta && isfinite(length))
        return 0;
    for (uint32_t j = 0; j < m->p; j++) { /* |D^-1 J'r| / delta bounds it */
        double g = 0;
        for (uint32_t i = 0; i < m->n; i++)
            g += w->slopes[(size_t)j * m->n + i] * w->resid[i];
        g /= w->scale[j] > 0 ? w->scale[j] : 1;
        high += g * g;
    }
    high = sqrt(high) / delta;
    for (int k = 0; k < DAMPING_MAX; k++) {
        if (!(lambda > low && lambda < high))
            lambda = fmax(1e-3 * high, sqrt(low * high));
        if (!(lambda > 0))
            lambda = DBL_MIN;
        damped_step(w, m, lambda);
        length = scaled_length(w, w->step);
        if (fabs(length - delta) <= 0.1 * delta)
            break;
        double excess = (length - delta) / delta;
        if (excess > 0)
            low = fmax(low, lambda);
        else
            high = fmin(high, lambda);
        lambda += excess / secular_slope(w) * (length > 0 ? 1 : 0);
    }
    return lambda;
}

/* ---- the iteration ---- */

struct state {
    double cost, delta, lambda, offset, factor; /* factor: the first region, in lengths of the start */
    uint32_t iterations;
};

/* What the linear model promises, as a share of the cost: (|J d|^2 + 2 lambda |D d|^2) / (2 cost). */
static double promised(const struct nls_work *w, const struct nls_model *m, const struct state *s,
                       double length)
{
    double sum = 0;
    for (uint32_t i = 0; i < m->n; i++) {
        double jd = 0;
        for (uint32_t j = 0; j < m->p; j++)
            jd += w->slopes[(size_t)j * m->n + i] * w->step[j];
        sum += jd * jd;
    }
    return (sum / 2 + s->lambda * length * length) / s->cost;
}

/* Tries steps with ever smaller regions until one lowers the cost. False if none does. */
static bool advance(struct nls_work *w, const struct nls_model *m, struct state *s)
{
    for (;;) {
        s->lambda = trust(w, m, s->delta, s->lambda);
        double length = scaled_length(w, w->step);
        if (s->iterations == 1)
            s->delta = fmin(s->delta, length);
        for (uint32_t j = 0; j < m->p; j++)
            w->trial[j] = w->params[j] + w->step[j];
        double next = cost(m, w->trial, w->f_trial), gain = 1 - next / s->cost,
               hope = promised(w, m, s, length);
        if (s->lambda == 0 && hope < unresolved) { /* what is left to gain is lost in rounding */
            if (next <= s->cost * (1 + 1e-12)) {
                memcpy(w->params, w->trial, m->p * sizeof *w->params);
                s->cost = next;
            }
            return false;
        }
        double ratio = isfinite(next) && hope > 0 ? gain / hope : -1;
        if (ratio <= 0.25) {
            s->delta = (isfinite(next) && gain > -1 ? 0.5 : 0.1) * fmin(s->delta, 10 * length);
            s->lambda *= 2;
        } else if (s->lambda == 0 || ratio >= 0.75) {
            s->delta = 2 * length;
            s->lambda *= 0.5;
        }
        if (ratio >= 1e-4) {
            memcpy(w->params, w->trial, m->p * sizeof *w->params);
            s->cost = next;
            return true;
        }
        if (!(s->delta > DBL_EPSILON * scaled_length(w, w->params)) || !(length > 0) ||
            ++s->iterations >= ITERATIONS_MAX)
            return false;
    }
}

static const char *iterate(struct nls_work *w, const struct nls_model *m, struct state *s)
{
    bool more = true;
    s->cost = cost(m, w->params, w->f);
    if (!isfinite(s->cost))
        return "the model has no value at the start";
    for (s->iterations = 0; more && s->iterations < ITERATIONS_MAX;) {
        if (!linearize(w, m))
            return "the model has no slope at a step";
        rescale(w, m);
        s->offset = relative_offset(w, m);
        if (s->offset <= offset_goal || s->cost == 0)
            break;
        if (s->iterations++ == 0) {
            double length = scaled_length(w, w->params);
            s->delta = s->factor * (length > 0 ? length : 1);
        }
        more = advance(w, m, s);
    }
    return NULL;
}

/* Is the full step to the minimum of the linear model nothing for each parameter? Where residuals are rounding alone, this can be
 * told when their direction cannot. */
static bool is_there(const struct nls_work *w, const struct nls_model *m)
{
    for (uint32_t j = 0; j < m->p; j++) {
        if (!(fabs(w->lm->coef[j]) <= step_max * fabs(w->params[j])))
            return false;
    }
    return true;
}

static void summarize(struct nls_work *w, const struct nls_model *m, const struct state *s,
                      struct nls_summary *ret)
{
    double n = 0, log_w = 0;
    for (uint32_t i = 0; i < m->n; i++) {
        bool counts = !m->weights || m->weights[i] > 0;
        n += counts;
        log_w += counts && m->weights ? log(m->weights[i]) : 0;
    }
    *ret = (struct nls_summary){
        .n = (uint32_t)n, .iterations = s->iterations, .rss = 2 * s->cost, .offset = s->offset};
    ret->df = (int64_t)ret->n - m->p;
    ret->sigma = ret->df > 0 ? sqrt(ret->rss / (double)ret->df) : NAN;
    ret->log_lik = -n * (log(2 * M_PI) + 1 - log(n) - log_w / n + log(ret->rss)) / 2;
    ret->aic = -2 * ret->log_lik + 2 * ((double)m->p + 1);
    ret->bic = -2 * ret->log_lik + log(n) * ((double)m->p + 1);
    lm_unscaled_se(w->lm);
    for (uint32_t j = 0; j < m->p; j++)
        w->se[j] = w->lm->se[j] * ret->sigma;
}

static const char *fit_once(struct nls_work *w, const struct nls_model *m, const double *start, double factor,
                            struct nls_summary *ret)
{
    struct state s = {.factor = factor};
    memcpy(w->params, start, m->p * sizeof *start);
    memset(w->scale, 0, m->p * sizeof *w->scale);
    const char *why = iterate(w, m, &s);
    if (why)
        return why;
    if (!linearize(w, m))
        return "the model has no slope at a step";
    lm_fit(w->lm, w->slopes, m->n, m->p, w->resid, NULL, NULL, rank_tol);
    if (w->lm->rank < m->p)
        return "not converged: singular gradient";
    s.offset = relative_offset(w, m);
    if (m->n > m->p && s.offset > offset_max && !is_there(w, m))
        return s.iterations >= ITERATIONS_MAX ? "not converged: too many iterations"
                                              : "not converged: no step lowers the sum of squares further";
    summarize(w, m, &s, ret);
    return NULL;
}

/* Where a first region as large as MINPACK's leads astray, smaller ones are tried. */
const char *nls_fit(struct nls_work *w, const struct nls_model *m, const double *start,
                    struct nls_summary *ret)
{
    static const double factors[] = {100, 1, 0.1};
    const char *first = NULL;
    if (m->n < m->p)
        return "too few rows for the model";
    for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++) {
        const char *why = fit_once(w, m, start, factors[i], ret);
        if (!why)
            return NULL;
        first = first ? first : why;
    }
    return first;
}
