#include "model/glm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ITERATIONS_MAX = 25, HALVINGS_MAX = 30, WHY_BYTES = 120 };

struct glm_work {
    struct lm_work *lm;
    double *eta, *mu, *z, *w, *before; /* n; before: eta of the last iteration */
    double *coef, *coef_before, *se;   /* p */
    double *ones;                      /* n: the model behind the null deviance */
    double dev;
    char why[WHY_BYTES];
};

struct fit {
    struct glm_work *w;
    const struct glm_data *d;
    enum family family;
    enum link link;
    double tol, epsilon;
    bool started;  /* coef_before holds a valid step */
    bool reliable; /* last step was not halved */
};

struct glm_work *glm_work_free(struct glm_work *w)
{
    if (!w)
        return NULL;
    (void)lm_work_free(w->lm);
    free(w->eta);
    free(w->mu);
    free(w->z);
    free(w->w);
    free(w->before);
    free(w->coef);
    free(w->coef_before);
    free(w->se);
    free(w->ones);
    free(w);
    return NULL;
}

static double *numbers(size_t n)
{
    return calloc(n > 0 ? n : 1, sizeof(double));
}

struct glm_work *glm_work_new(uint32_t n_max, uint32_t p_max)
{
    struct glm_work *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->lm = lm_work_new(n_max, p_max > 0 ? p_max : 1);
    w->eta = numbers(n_max);
    w->mu = numbers(n_max);
    w->z = numbers(n_max);
    w->w = numbers(n_max);
    w->before = numbers(n_max);
    w->coef = numbers(p_max);
    w->coef_before = numbers(p_max);
    w->se = numbers(p_max);
    w->ones = numbers(n_max);
    if (w->lm && w->eta && w->mu && w->z && w->w && w->before && w->coef && w->coef_before && w->se &&
        w->ones)
        return w;
    return glm_work_free(w);
}

const double *glm_coef(const struct glm_work *w)
{
    return w->coef;
}
const double *glm_se(const struct glm_work *w)
{
    return w->se;
}
uint32_t glm_rank(const struct glm_work *w)
{
    return w->lm->rank;
}

static double weight(const struct glm_data *d, uint32_t i)
{
    return (d->weights ? d->weights[i] : 1) * (d->trials ? d->trials[i] : 1);
}

/* mu and the deviance of eta. False where it leaves the model. */
static bool evaluate(struct fit *f, double *ret_dev)
{
    struct glm_work *w = f->w;
    double dev = 0;
    for (uint32_t i = 0; i < f->d->n; i++) {
        w->mu[i] = link_mu(f->link, w->eta[i]);
        if (!link_eta_ok(f->link, w->eta[i]) || !family_mu_ok(f->family, w->mu[i]))
            return false;
        dev += family_deviance(f->family, f->d->y[i], w->mu[i], weight(f->d, i));
    }
    *ret_dev = dev;
    return isfinite(dev);
}

static const char *start(struct fit *f)
{
    struct glm_work *w = f->w;
    const char *why = family_check(f->family, f->d->y, f->d->weights, f->d->n);
    for (uint32_t i = 0; i < f->d->n; i++)
        w->eta[i] = link_eta(f->link, family_start(f->family, f->d->y[i], weight(f->d, i)));
    if (why || evaluate(f, &w->dev))
        return why;
    return "the link has no value at the responses, where the iteration starts";
}

/* One weighted least squares step from eta, mu: sets coef and the new eta. */
static void step(struct fit *f)
{
    struct glm_work *w = f->w;
    const struct glm_data *d = f->d;
    for (uint32_t i = 0; i < d->n; i++) {
        double slope = link_slope(f->link, w->eta[i]), wi = weight(d, i);
        w->z[i] = w->eta[i] + (d->y[i] - w->mu[i]) / slope;
        w->w[i] = slope != 0 ? wi * slope * slope / family_variance(f->family, w->mu[i]) : 0;
        if (w->w[i] == 0)
            w->z[i] = w->eta[i];
    }
    memcpy(w->before, w->eta, d->n * sizeof *w->eta);
    memcpy(w->coef_before, w->coef, d->p * sizeof *w->coef);
    lm_fit(w->lm, d->x, d->n, d->p, w->z, w->w, d->offset, f->tol);
    memcpy(w->coef, w->lm->coef, d->p * sizeof *w->coef);
    for (uint32_t i = 0; i < d->n; i++)
        w->eta[i] = w->lm->fitted[i] + (d->offset ? d->offset[i] : 0);
}

/* Half way back to where the step came from. */
static void halve(struct fit *f)
{
    struct glm_work *w = f->w;
    for (uint32_t j = 0; j < f->d->p; j++)
        w->coef[j] = (w->coef[j] + w->coef_before[j]) / 2;
    for (uint32_t i = 0; i < f->d->n; i++)
        w->eta[i] = (w->eta[i] + w->before[i]) / 2;
    f->reliable = false;
}

/* A step that stays in the model and, once the iteration has started, does not make the deviance worse. */
static const char *good_step(struct fit *f)
{
    struct glm_work *w = f->w;
    double dev, before = w->dev;
    step(f);
    f->reliable = true;
    bool ok = evaluate(f, &dev);
    for (int k = 0; k < HALVINGS_MAX; k++) {
        if (ok && (!f->started || dev <= before + 1e-8 * (fabs(dev) + 0.1)))
            break;
        if (!f->started && k == 0)
            memcpy(w->coef_before, w->coef, f->d->p * sizeof *w->coef);
        halve(f);
        ok = evaluate(f, &dev);
    }
    if (!ok)
        return "no step stays within the model: another link may fit";
    w->dev = dev;
    f->started = true;
    return NULL;
}

/* ---- separation ---- */

static double step_of(const struct glm_work *w, uint32_t i)
{
    return w->eta[i] - w->before[i];
}

/* Does the last step prove that the likelihood rises for ever? */
static bool is_separated(const struct fit *f)
{
    const struct glm_data *d = f->d;
    double largest = 0;
    bool binomial = f->family == FAMILY_BINOMIAL;
    if (!(binomial || (f->family == FAMILY_POISSON && f->link == LINK_LOG)) || !f->reliable || !f->started)
        return false;
    for (uint32_t i = 0; i < d->n; i++)
        largest = weight(d, i) > 0 ? fmax(largest, fabs(step_of(f->w, i))) : largest;
    if (!(largest > 0.05))
        return false;
    for (uint32_t i = 0; i < d->n; i++) {
        double s = step_of(f->w, i) / largest;
        bool up = binomial && d->y[i] == 1, down = d->y[i] == 0;
        if (weight(d, i) > 0 && ((s > 1e-2 && !up) || (s < -1e-2 && !down)))
            return false;
    }
    return true;
}

static const char *separated(struct fit *f)
{
    struct glm_work *w = f->w;
    const struct glm_data *d = f->d;
    size_t len = (size_t)snprintf(w->why, sizeof w->why, "separated: fitted %s, by",
                                  f->family == FAMILY_BINOMIAL ? "probabilities of 0 or 1" : "rates of 0");
    const char *glue = " ";
    for (uint32_t j = 0; j < d->p && len + 1 < sizeof w->why; j++) {
        const double *x = d->x + (size_t)j * d->n;
        double low = x[0], high = x[0];
        for (uint32_t i = 0; i < d->n; i++) {
            low = fmin(low, x[i]);
            high = fmax(high, x[i]);
        }
        if (fabs(w->coef[j] - w->coef_before[j]) * (high - low) > 0.01) {
            len += (size_t)snprintf(w->why + len, sizeof w->why - len, "%s%.60s", glue, d->names[j]);
            glue = ", ";
        }
    }
    if (strcmp(glue, " ") == 0) /* the constant alone: all responses are alike */
        (void)snprintf(w->why, sizeof w->why, "separated: all responses are %s",
                       f->family == FAMILY_BINOMIAL ? "0, or all are 1" : "0");
    return w->why;
}

/* ---- the iteration ---- */

static const char *iterate(struct fit *f, uint32_t *ret_iterations)
{
    bool converged = false;
    const char *why = start(f);
    *ret_iterations = 0;
    while (!why && !converged && *ret_iterations < ITERATIONS_MAX) {
        double before = f->w->dev;
        why = good_step(f);
        converged = fabs(f->w->dev - before) / (fabs(f->w->dev) + 0.1) < f->epsilon;
        ++*ret_iterations;
    }
    if (why)
        return why;
    if (is_separated(f))
        return separated(f);
    return converged ? NULL : "not converged";
}

/* The deviance of the constant alone (or of the offset alone); uses up the work space where both are there. */
static double null_deviance(const struct fit *f)
{
    struct glm_work *w = f->w;
    const struct glm_data *d = f->d;
    double total = 0, sum = 0, dev = 0;
    for (uint32_t i = 0; i < d->n; i++) {
        total += weight(d, i);
        sum += weight(d, i) * d->y[i];
        w->ones[i] = 1;
    }
    if (d->intercept && d->offset) {
        struct glm_data one = *d;
        uint32_t iterations;
        one.x = w->ones;
        one.p = 1;
        struct fit g = {
            .w = w, .d = &one, .family = f->family, .link = f->link, .tol = f->tol, .epsilon = f->epsilon};
        return iterate(&g, &iterations) ? (double)NAN : w->dev;
    }
    for (uint32_t i = 0; i < d->n; i++) {
        double mu = d->intercept ? sum / total : link_mu(f->link, d->offset ? d->offset[i] : 0);
        dev += family_deviance(f->family, d->y[i], mu, weight(d, i));
    }
    return dev;
}

static void summarize(struct fit *f, struct glm_summary *s)
{
    struct glm_work *w = f->w;
    const struct glm_data *d = f->d;
    double pearson = 0;
    s->n = 0;
    for (uint32_t i = 0; i < d->n; i++) {
        double r = (d->y[i] - w->mu[i]) / link_slope(f->link, w->eta[i]);
        s->n += weight(d, i) > 0;
        pearson += w->w[i] > 0 ? w->w[i] * r * r : 0; /* the weights of the last step, as R takes them */
    }
    s->df = (int64_t)s->n - w->lm->rank;
    s->df_null = (int64_t)s->n - d->intercept;
    s->deviance = w->dev;
    bool known = family_known_dispersion(f->family);
    s->dispersion = known ? 1 : s->df > 0 ? pearson / (double)s->df : (double)NAN;
    for (uint32_t i = 0; i < d->n; i++)
        w->z[i] = weight(d, i); /* no longer needed otherwise */
    double minus_2 = family_minus_2_log_lik(f->family, d->y, d->trials, w->mu, w->z, d->n, w->dev);
    double k = (double)w->lm->rank + (known ? 0 : 1);
    s->log_lik = -minus_2 / 2;
    s->aic = minus_2 + 2 * k;
    s->bic = minus_2 + log(s->n) * k;
    lm_unscaled_se(w->lm);
    for (uint32_t j = 0; j < d->p; j++)
        w->se[j] = w->lm->se[j] * sqrt(s->dispersion);
}

const char *glm_fit(struct glm_work *w, const struct glm_data *d, enum family family, enum link link,
                    const struct glm_control *control, struct glm_summary *ret)
{
    struct fit f = {
        .w = w, .d = d, .family = family, .link = link, .tol = control->tol, .epsilon = control->epsilon};
    double null = null_deviance(&f);
    memset(w->coef, 0, d->p * sizeof *w->coef);
    const char *why = iterate(&f, &ret->iterations);
    if (why)
        return why;
    summarize(&f, ret);
    ret->null_deviance = null;
    return NULL;
}
