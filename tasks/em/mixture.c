#include "em/mixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "em/cholesky.h"

static const double log_sqrt_2pi = 0.91893853320467274178;

/* ---- storage ---- */

bool mixture_init(struct mixture *m, struct shape shape)
{
    size_t k = shape.k, p = shape.p;
    *m = (struct mixture){.shape = shape};
    m->owned = calloc(k * (1 + p + p * p), sizeof *m->owned);
    if (!m->owned)
        return false;
    m->lambda = m->owned;
    m->mean = m->lambda + k;
    m->cov = m->mean + k * p;
    return true;
}

void mixture_fini(struct mixture *m)
{
    free(m->owned);
    *m = (struct mixture){.lambda = NULL};
}

void mixture_copy(struct mixture *to, const struct mixture *from)
{
    size_t k = from->shape.k, p = from->shape.p;
    memcpy(to->owned, from->owned, k * (1 + p + p * p) * sizeof *to->owned);
}

uint32_t mixture_parameters(struct shape s)
{
    uint32_t each = s.diagonal ? s.p : s.p * (s.p + 1) / 2;
    return s.k - 1 + s.k * s.p + (s.equal ? 1 : s.k) * each;
}

bool sums_init(struct sums *s, struct shape shape)
{
    size_t k = shape.k, p = shape.p;
    *s = (struct sums){.shape = shape};
    s->owned = calloc(k * (3 + 2 * p + 2 * p * p) + p, sizeof *s->owned);
    if (!s->owned)
        return false;
    s->weight = s->owned;
    s->log_scale = s->weight + k;
    s->first = s->log_scale + k;
    s->second = s->first + k * p;
    s->inverse = s->second + k * p * p;
    s->work = s->inverse + k * p * p;
    return true;
}

void sums_fini(struct sums *s)
{
    free(s->owned);
    *s = (struct sums){.weight = NULL};
}

/* ---- the E-step ---- */

/* The inverse of a lower triangle, in place. */
static void invert_lower(double *l, uint32_t p)
{
    for (uint32_t i = 0; i < p; i++) {
        l[i * p + i] = 1 / l[i * p + i];
        for (uint32_t j = 0; j < i; j++) {
            double sum = 0;
            for (uint32_t m = j; m < i; m++)
                sum -= l[i * p + m] * l[m * p + j];
            l[i * p + j] = sum * l[i * p + i];
        }
    }
}

enum step sums_prepare(struct sums *s, const struct mixture *m, const struct rows *data, double floor)
{
    uint32_t p = s->shape.p;
    for (uint32_t c = 0; c < s->shape.k; c++) {
        double *l = s->inverse + (size_t)c * p * p;
        if (!(m->lambda[c] > 0))
            return STEP_EMPTY;
        memcpy(l, m->cov + (size_t)c * p * p, (size_t)p * p * sizeof *l);
        if (!cholesky(l, p, floor * floor, data->cov))
            return STEP_DEGENERATE;
        s->log_scale[c] = log(m->lambda[c]) - p * log_sqrt_2pi;
        for (uint32_t i = 0; i < p; i++)
            s->log_scale[c] -= log(l[i * p + i]);
        invert_lower(l, p);
    }
    return STEP_OK;
}

/* |L^-1 d|^2 */
static inline double distance(const double *l, const double *d, uint32_t p, bool diagonal)
{
    double sum = 0;
    for (uint32_t i = 0; i < p; i++) {
        double z = l[i * p + i] * d[i];
        for (uint32_t j = 0; !diagonal && j < i; j++)
            z += l[i * p + j] * d[j];
        sum += z * z;
    }
    return sum;
}

/* Log terms to probabilities in place; gives the log of their sum. */
static inline double normalise(double *w, uint32_t k)
{
    double top = w[0], sum = 0;
    for (uint32_t c = 1; c < k; c++)
        top = w[c] > top ? w[c] : top;
    for (uint32_t c = 0; c < k; c++) {
        w[c] = exp(w[c] - top);
        sum += w[c];
    }
    double share = 1 / sum;
    for (uint32_t c = 0; c < k; c++)
        w[c] *= share;
    /* cppcheck-suppress invalidFunctionArg ; the largest term is 1 */
    return top + log(sum);
}

/* Posterior probabilities and differences to the means. */
static inline double posterior(const struct sums *s, const struct mixture *m, const double *x, double *w,
                               double *d)
{
    uint32_t k = s->shape.k, p = s->shape.p;
    for (uint32_t c = 0; c < k; c++) {
        for (uint32_t i = 0; i < p; i++)
            d[c * p + i] = x[i] - m->mean[c * p + i];
        w[c] = s->log_scale[c] -
               0.5 * distance(s->inverse + (size_t)c * p * p, d + (size_t)c * p, p, s->shape.diagonal);
    }
    return normalise(w, k);
}

double sums_posterior(const struct sums *s, const struct mixture *m, const double *x, double *ret)
{
    double d[MIXTURE_K_MAX * MIXTURE_P_MAX];
    return posterior(s, m, x, ret, d);
}

static double gather_one(struct sums *s, const struct mixture *m, const struct rows *data)
{
    uint32_t k = s->shape.k;
    double loglik = 0, *w = s->work, *d = s->work + k;
    for (uint32_t r = 0; r < data->n; r++) {
        for (uint32_t c = 0; c < k; c++) {
            double z;
            d[c] = data->x[r] - m->mean[c];
            z = s->inverse[c] * d[c];
            w[c] = s->log_scale[c] - 0.5 * (z * z);
        }
        loglik += normalise(w, k);
        for (uint32_t c = 0; c < k; c++) {
            s->weight[c] += w[c];
            s->first[c] += w[c] * d[c];
            s->second[c] += w[c] * d[c] * d[c];
        }
    }
    return loglik;
}

double sums_gather(struct sums *s, const struct mixture *m, const struct rows *data)
{
    uint32_t k = s->shape.k, p = s->shape.p;
    double loglik = 0, *w = s->work, *d = s->work + k;
    memset(s->weight, 0, k * sizeof *s->weight);
    memset(s->first, 0, (size_t)k * p * sizeof *s->first);
    memset(s->second, 0, (size_t)k * p * p * sizeof *s->second);
    if (p == 1)
        return gather_one(s, m, data);
    for (uint32_t r = 0; r < data->n; r++) {
        loglik += posterior(s, m, data->x + (size_t)r * p, w, d);
        for (uint32_t c = 0; c < k; c++) {
            double *first = s->first + (size_t)c * p, *second = s->second + (size_t)c * p * p;
            const double *dc = d + (size_t)c * p;
            s->weight[c] += w[c];
            for (uint32_t i = 0; i < p; i++) {
                double wd = w[c] * dc[i];
                first[i] += wd;
                for (uint32_t j = s->shape.diagonal ? i : 0; j <= i; j++)
                    second[i * p + j] += wd * dc[j];
            }
        }
    }
    return loglik;
}

/* ---- the M-step ---- */

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* A new covariance from sums about the old mean; `shift` is the new mean less the old one. */
static void component_cov(const struct sums *s, uint32_t c, const double *shift, double *ret)
{
    uint32_t p = s->shape.p;
    const double *second = s->second + (size_t)c * p * p;
    for (uint32_t i = 0; i < p; i++) {
        for (uint32_t j = 0; j <= i; j++) {
            bool zero = s->shape.diagonal && i != j;
            ret[i * p + j] = ret[j * p + i] =
                zero ? 0 : second[i * p + j] / s->weight[c] - shift[i] * shift[j];
        }
    }
}

/* All covariances become their mean, weighted by lambda. */
static void pool(struct mixture *m)
{
    uint32_t k = m->shape.k, pp = m->shape.p * m->shape.p;
    for (uint32_t i = 0; i < pp; i++) {
        double sum = 0;
        for (uint32_t c = 0; c < k; c++)
            sum += m->lambda[c] * m->cov[(size_t)c * pp + i];
        for (uint32_t c = 0; c < k; c++)
            m->cov[(size_t)c * pp + i] = sum;
    }
}

enum step mixture_maximise(struct mixture *m, const struct sums *s, const struct rows *data,
                           double *ret_change)
{
    uint32_t k = m->shape.k, p = m->shape.p;
    double sd[MIXTURE_K_MAX * MIXTURE_P_MAX], change = 0;
    for (uint32_t c = 0; c < k; c++) {
        double shift[MIXTURE_P_MAX] = {0}, *cov = m->cov + (size_t)c * p * p, lambda = s->weight[c] / data->n;
        if (!(s->weight[c] > 1e-8))
            return STEP_EMPTY;
        change = larger(change, fabs(lambda - m->lambda[c]));
        m->lambda[c] = lambda;
        for (uint32_t i = 0; i < p; i++) {
            shift[i] = s->first[(size_t)c * p + i] / s->weight[c];
            m->mean[(size_t)c * p + i] += shift[i];
            change = larger(change, fabs(shift[i]) / sqrt(data->cov[i * p + i]));
            sd[c * p + i] = sqrt(cov[i * p + i]);
        }
        component_cov(s, c, shift, cov);
    }
    if (m->shape.equal)
        pool(m);
    for (uint32_t c = 0; c < k; c++) {
        for (uint32_t i = 0; i < p; i++) {
            double now = m->cov[(size_t)c * p * p + i * p + i];
            if (!(now > 0))
                return STEP_DEGENERATE;
            change = larger(change, fabs(sqrt(now) - sd[c * p + i]) / sqrt(data->cov[i * p + i]));
        }
    }
    *ret_change = change;
    return STEP_OK;
}

static enum step expect(void *model, double *ret_loglik)
{
    struct mixture_fit *f = model;
    enum step e = sums_prepare(f->sums, f->mixture, f->data, f->floor);
    if (e == STEP_OK)
        *ret_loglik = sums_gather(f->sums, f->mixture, f->data);
    return e;
}

static enum step maximise(void *model, double *ret_change)
{
    struct mixture_fit *f = model;
    return mixture_maximise(f->mixture, f->sums, f->data, ret_change);
}

const struct fit_steps mixture_steps = {.expect = expect, .maximise = maximise};
