#include "model/lm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct lm_work *lm_work_free(struct lm_work *w)
{
    if (!w)
        return NULL;
    free(w->qr);
    free(w->aux);
    free(w->norms);
    free(w->pivot);
    free(w->qty);
    free(w->inv);
    free(w->root_w);
    free(w->coef);
    free(w->se);
    free(w->fitted);
    free(w->resid);
    free(w);
    return NULL;
}

static double *numbers(size_t n)
{
    return calloc(n > 0 ? n : 1, sizeof(double));
}

struct lm_work *lm_work_new(uint32_t n_max, uint32_t p_max)
{
    struct lm_work *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->n_max = n_max;
    w->p_max = p_max;
    w->qr = numbers((size_t)n_max * p_max);
    w->aux = numbers(p_max);
    w->norms = numbers(p_max);
    w->pivot = calloc(p_max + (size_t)1, sizeof *w->pivot);
    w->qty = numbers(n_max);
    w->inv = numbers((size_t)p_max * p_max);
    w->root_w = numbers(n_max);
    w->coef = numbers(p_max);
    w->se = numbers(p_max);
    w->fitted = numbers(n_max);
    w->resid = numbers(n_max);
    if (w->qr && w->aux && w->norms && w->pivot && w->qty && w->inv && w->root_w && w->coef && w->se &&
        w->fitted && w->resid)
        return w;
    return lm_work_free(w);
}

/* ---- vectors ---- */

/* Four sums at once: faster, and rounding errors grow slower. */
static double dot(const double *a, const double *b, uint32_t n)
{
    double s[4] = {0, 0, 0, 0};
    uint32_t i = 0;
    for (; i + 4 <= n; i += 4) {
        for (uint32_t k = 0; k < 4; k++)
            s[k] += a[i + k] * b[i + k];
    }
    for (; i < n; i++)
        s[i & 3] += a[i] * b[i];
    return (s[0] + s[1]) + (s[2] + s[3]);
}

/* Scaled only where squares would overflow or vanish. */
static double norm(const double *a, uint32_t n)
{
    double s = dot(a, a, n), size = 0;
    if (s > 1e-280 && s < 1e280)
        return sqrt(s);
    for (uint32_t i = 0; i < n; i++)
        size = fmax(size, fabs(a[i]));
    if (size == 0 || !isfinite(size))
        return size;
    s = 0;
    for (uint32_t i = 0; i < n; i++)
        s += (a[i] / size) * (a[i] / size);
    return size * sqrt(s);
}

/* y += t a */
static void add(double *restrict y, double t, const double *restrict a, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        y[i] += t * a[i];
}

/* ---- the factorisation ---- */

/* Column l to the end, those behind it one place up. */
static void move_to_end(struct lm_work *w, uint32_t l)
{
    uint32_t n = w->n, p = w->p, pivot = w->pivot[l];
    double aux = w->aux[l], full = w->norms[l], *hand = w->fitted;
    memcpy(hand, w->qr + (size_t)l * n, n * sizeof *hand);
    for (uint32_t j = l; j + 1 < p; j++) {
        memcpy(w->qr + (size_t)j * n, w->qr + (size_t)(j + 1) * n, n * sizeof *hand);
        w->pivot[j] = w->pivot[j + 1];
        w->aux[j] = w->aux[j + 1];
        w->norms[j] = w->norms[j + 1];
    }
    memcpy(w->qr + (size_t)(p - 1) * n, hand, n * sizeof *hand);
    w->pivot[p - 1] = pivot;
    w->aux[p - 1] = aux;
    w->norms[p - 1] = full;
}

/* Householder's reflection of column l, applied to the later ones; their norms below row l are carried along. */
static void reflect(struct lm_work *w, uint32_t l)
{
    uint32_t n = w->n, left = n - l;
    double *v = w->qr + (size_t)l * n + l, size = norm(v, left);
    if (size == 0)
        return;
    if (v[0] < 0)
        size = -size;
    for (uint32_t i = 0; i < left; i++)
        v[i] /= size;
    v[0] += 1;
    for (uint32_t j = l + 1; j < w->p; j++) {
        double *x = w->qr + (size_t)j * n + l, *now = &w->aux[j];
        add(x, -dot(v, x, left) / v[0], v, left);
        if (*now == 0)
            continue;
        double share = 1 - (x[0] / *now) * (x[0] / *now);
        if (share < 1e-6)
            *now = norm(x + 1, left - 1);
        else
            *now *= sqrt(share);
    }
    w->aux[l] = v[0];
    v[0] = -size;
}

/* LINPACK's dqrdc2 as changed for R: sets qr, aux, pivot, rank. */
static void factor(struct lm_work *w, double tol)
{
    uint32_t n = w->n, p = w->p, end = p;
    for (uint32_t j = 0; j < p; j++) {
        w->aux[j] = norm(w->qr + (size_t)j * n, n);
        w->norms[j] = w->aux[j] > 0 ? w->aux[j] : 1;
        w->pivot[j] = j;
    }
    for (uint32_t l = 0; l < n && l < p; l++) {
        while (l < end && !(w->aux[l] >= w->norms[l] * tol)) {
            move_to_end(w, l);
            end--;
        }
        if (l + 1 < n && l < end)
            reflect(w, l);
    }
    w->rank = end < n ? end : n;
}

/* Q'y, in place. */
static void apply_qt(const struct lm_work *w, double *y)
{
    for (uint32_t l = 0; l < w->rank && l + 1 < w->n; l++) {
        double *v = w->qr + (size_t)l * w->n + l, diagonal = v[0];
        v[0] = w->aux[l];
        if (v[0] != 0)
            add(y + l, -dot(v, y + l, w->n - l) / v[0], v, w->n - l);
        v[0] = diagonal;
    }
}

/* Q y, in place. */
static void apply_q(const struct lm_work *w, double *y)
{
    for (uint32_t l = w->rank < w->n - 1 ? w->rank : w->n - 1; l-- > 0;) {
        double *v = w->qr + (size_t)l * w->n + l, diagonal = v[0];
        v[0] = w->aux[l];
        if (v[0] != 0)
            add(y + l, -dot(v, y + l, w->n - l) / v[0], v, w->n - l);
        v[0] = diagonal;
    }
}

static void solve(struct lm_work *w)
{
    for (uint32_t j = 0; j < w->p; j++)
        w->coef[j] = NAN;
    double *b = w->inv; /* free until lm_unscaled_se */
    memcpy(b, w->qty, w->rank * sizeof *b);
    for (uint32_t k = w->rank; k-- > 0;) {
        const double *column = w->qr + (size_t)k * w->n;
        b[k] /= column[k];
        add(b, -b[k], column, k);
        w->coef[w->pivot[k]] = b[k] + 0.0; /* no negative zero */
    }
}

static void residuals(struct lm_work *w, const double *x, const double *y, const double *weights,
                      const double *offset)
{
    uint32_t n = w->n;
    memcpy(w->resid, w->qty, n * sizeof *w->resid);
    memset(w->resid, 0, w->rank * sizeof *w->resid);
    apply_q(w, w->resid);
    for (uint32_t i = 0; i < n; i++) {
        double target = y[i] - (offset ? offset[i] : 0);
        if (weights && weights[i] == 0) {
            w->resid[i] = target;
            for (uint32_t k = 0; k < w->rank; k++)
                w->resid[i] -= x[(size_t)w->pivot[k] * n + i] * w->coef[w->pivot[k]];
        } else if (weights) {
            w->resid[i] /= w->root_w[i];
        }
        w->fitted[i] = target - w->resid[i];
    }
}

void lm_fit(struct lm_work *w, const double *x, uint32_t n, uint32_t p, const double *y,
            const double *weights, const double *offset, double tol)
{
    w->n = n;
    w->p = p;
    memcpy(w->qr, x, (size_t)n * p * sizeof *x);
    for (uint32_t i = 0; i < n; i++) {
        w->root_w[i] = weights ? sqrt(weights[i]) : 1;
        w->qty[i] = (y[i] - (offset ? offset[i] : 0)) * w->root_w[i];
    }
    for (uint32_t j = 0; weights && j < p; j++) {
        for (uint32_t i = 0; i < n; i++)
            w->qr[(size_t)j * n + i] *= w->root_w[i];
    }
    factor(w, tol);
    apply_qt(w, w->qty);
    solve(w);
    residuals(w, x, y, weights, offset);
}

void lm_orthonormal(struct lm_work *w, uint32_t k, double *ret, uint32_t step)
{
    memset(w->fitted, 0, w->n * sizeof *w->fitted);
    w->fitted[k] = 1;
    apply_q(w, w->fitted);
    for (uint32_t i = 0; i < w->n; i++)
        ret[(size_t)i * step] = w->fitted[i];
}

/* R^-1 column by column; row k of it is that of coefficient pivot[k]. */
void lm_unscaled_se(struct lm_work *w)
{
    uint32_t r = w->rank;
    for (uint32_t j = 0; j < w->p; j++)
        w->se[j] = NAN;
    for (uint32_t j = 0; j < r; j++)
        w->norms[j] = 0; /* sums of squares by row */
    for (uint32_t j = 0; j < r; j++) {
        double *c = w->inv + (size_t)j * w->p_max;
        memset(c, 0, r * sizeof *c);
        c[j] = 1;
        for (uint32_t k = j + 1; k-- > 0;) {
            const double *column = w->qr + (size_t)k * w->n;
            c[k] /= column[k];
            add(c, -c[k], column, k);
            w->norms[k] += c[k] * c[k];
        }
    }
    for (uint32_t j = 0; j < r; j++)
        w->se[w->pivot[j]] = sqrt(w->norms[j]);
}

/* ---- the summary ---- */

struct sums {
    double w, log_w, fitted, rss, mss;
    uint32_t n;
};

static void sum_up(const struct lm_work *w, const double *weights, bool intercept, struct sums *s)
{
    *s = (struct sums){.n = 0};
    for (uint32_t i = 0; i < w->n; i++) {
        double wi = weights ? weights[i] : 1;
        if (wi == 0)
            continue;
        s->n++;
        s->w += wi;
        s->log_w += weights ? log(wi) : 0;
        s->fitted += wi * w->fitted[i];
        s->rss += wi * w->resid[i] * w->resid[i];
    }
    double mean = intercept ? s->fitted / s->w : 0;
    for (uint32_t i = 0; i < w->n; i++) {
        double d = w->fitted[i] - mean;
        s->mss += (weights ? weights[i] : 1) * d * d;
    }
}

void lm_summarize(struct lm_work *w, const double *weights, bool intercept, struct lm_summary *ret)
{
    struct sums s;
    sum_up(w, weights, intercept, &s);
    double n = s.n, model = (double)w->rank - intercept;
    *ret = (struct lm_summary){
        .n = s.n, .df = (int64_t)s.n - w->rank, .rss = s.rss, .f_df = w->rank - intercept};
    double df = (double)ret->df, variance = ret->df > 0 ? s.rss / df : NAN;
    ret->sigma = sqrt(variance);
    bool more = w->rank > (uint32_t)intercept;
    ret->r_squared = more ? s.mss / (s.mss + s.rss) : 0;
    ret->adj_r_squared = 1 - (1 - ret->r_squared) * ((n - intercept) / df);
    ret->f = more ? s.mss / model / variance : NAN;
    ret->log_lik = 0.5 * (s.log_w - n * (log(2 * M_PI) + 1 - log(n) + log(s.rss)));
    ret->aic = -2 * ret->log_lik + 2 * ((double)w->rank + 1);
    ret->bic = -2 * ret->log_lik + log(n) * ((double)w->rank + 1);
    lm_unscaled_se(w);
    for (uint32_t j = 0; j < w->p; j++)
        w->se[j] *= ret->sigma;
}
