#include "model/family.h"

#include <float.h>
#include <math.h>
#include <stddef.h>

#include "model/tail.h"

const char *const family_names[FAMILY_COUNT + 1] = {"gaussian", "binomial", "poisson", "Gamma", NULL};
const char *const link_names[LINK_COUNT + 1] = {"identity", "log",     "logit", "probit",
                                                "cloglog",  "inverse", "sqrt",  NULL};

enum link family_default_link(enum family f)
{
    static const enum link links[FAMILY_COUNT] = {LINK_IDENTITY, LINK_LOGIT, LINK_LOG, LINK_INVERSE};
    return links[f];
}

bool family_takes_link(enum family f, enum link l)
{
    switch (f) {
    case FAMILY_BINOMIAL:
        return l == LINK_LOGIT || l == LINK_PROBIT || l == LINK_CLOGLOG || l == LINK_LOG ||
               l == LINK_IDENTITY;
    case FAMILY_POISSON:
        return l == LINK_LOG || l == LINK_IDENTITY || l == LINK_SQRT;
    default:
        return l == LINK_IDENTITY || l == LINK_LOG || l == LINK_INVERSE;
    }
}

bool family_known_dispersion(enum family f)
{
    return f == FAMILY_BINOMIAL || f == FAMILY_POISSON;
}

const char *family_check(enum family f, const double *y, const double *weights, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (weights && weights[i] == 0)
            continue;
        if (f == FAMILY_BINOMIAL && !(y[i] >= 0 && y[i] <= 1))
            return "the response of a binomial model is not between 0 and 1";
        if (f == FAMILY_POISSON && y[i] < 0)
            return "the response of a poisson model is negative";
        if (f == FAMILY_GAMMA && y[i] <= 0)
            return "the response of a Gamma model is not positive";
    }
    return NULL;
}

double family_start(enum family f, double y, double weight)
{
    switch (f) {
    case FAMILY_BINOMIAL:
        return (weight * y + 0.5) / (weight + 1);
    case FAMILY_POISSON:
        return y + 0.1;
    default:
        return y;
    }
}

double family_variance(enum family f, double mu)
{
    switch (f) {
    case FAMILY_BINOMIAL:
        return mu * (1 - mu);
    case FAMILY_POISSON:
        return mu;
    case FAMILY_GAMMA:
        return mu * mu;
    default:
        return 1;
    }
}

static double y_log_y(double y, double mu)
{
    return y > 0 ? y * log(y / mu) : 0;
}

double family_deviance(enum family f, double y, double mu, double weight)
{
    switch (f) {
    case FAMILY_BINOMIAL:
        return 2 * weight * (y_log_y(y, mu) + y_log_y(1 - y, 1 - mu));
    case FAMILY_POISSON:
        return 2 * weight * (y > 0 ? y * log(y / mu) - (y - mu) : mu);
    case FAMILY_GAMMA:
        return -2 * weight * ((y > 0 ? log(y / mu) : 0) - (y - mu) / mu);
    default:
        return weight * (y - mu) * (y - mu);
    }
}

bool family_mu_ok(enum family f, double mu)
{
    return isfinite(mu) && (f == FAMILY_GAUSSIAN || (mu > 0 && (f != FAMILY_BINOMIAL || mu < 1)));
}

/* log of the binomial probability of k in m at mu, by lgamma; exact enough for AIC. */
static double log_binomial(double k, double m, double mu)
{
    double l = lgamma(m + 1) - lgamma(k + 1) - lgamma(m - k + 1);
    return l + (k > 0 ? k * log(mu) : 0) + (k < m ? (m - k) * log1p(-mu) : 0);
}

static double log_gamma_density(double y, double shape, double scale)
{
    return (shape - 1) * log(y / scale) - y / scale - lgamma(shape) - log(scale);
}

/* As the aic() functions of R's families, without their 2 for an estimated dispersion. */
double family_minus_2_log_lik(enum family f, const double *y, const double *trials, const double *mu,
                              const double *weights, uint32_t n, double dev)
{
    double sum = 0, count = 0, total = 0, log_w = 0;
    bool many = false;
    for (uint32_t i = 0; i < n; i++) {
        double w = weights ? weights[i] : 1;
        many = many || (trials && trials[i] > 1);
        count += w != 0;
        total += w;
        log_w += w > 0 ? log(w) : 0;
    }
    if (f == FAMILY_GAUSSIAN)
        return count * (log(2 * M_PI * dev / count) + 1) - log_w;
    double dispersion = dev / total;
    for (uint32_t i = 0; i < n; i++) {
        double w = weights ? weights[i] : 1, m = nearbyint(many ? trials[i] : w);
        if (w == 0)
            continue;
        if (f == FAMILY_POISSON)
            sum += w * ((y[i] > 0 ? y[i] * log(mu[i]) : 0) - mu[i] - lgamma(y[i] + 1));
        else if (f == FAMILY_GAMMA)
            sum += w * log_gamma_density(y[i], 1 / dispersion, mu[i] * dispersion);
        else if (m > 0)
            sum += w / m * log_binomial(nearbyint(m * y[i]), m, mu[i]);
    }
    return -2 * sum;
}

/* ---- links ---- */

enum { ETA_MAX = 30 };

double link_eta(enum link l, double mu)
{
    switch (l) {
    case LINK_LOG:
        return log(mu);
    case LINK_LOGIT:
        return log(mu / (1 - mu));
    case LINK_PROBIT:
        return inverse_normal(mu);
    case LINK_CLOGLOG:
        return log(-log1p(-mu));
    case LINK_INVERSE:
        return 1 / mu;
    case LINK_SQRT:
        return sqrt(mu);
    default:
        return mu;
    }
}

double link_mu(enum link l, double eta)
{
    double x;
    switch (l) {
    case LINK_LOG:
        return fmax(exp(eta), DBL_EPSILON);
    case LINK_LOGIT:
        x = eta < -ETA_MAX ? DBL_EPSILON : eta > ETA_MAX ? 1 / DBL_EPSILON : exp(eta);
        return x / (1 + x);
    case LINK_PROBIT: /* beyond 8.125 what is left is under DBL_EPSILON */
        x = fmax(-8.12589066470190, fmin(8.12589066470190, eta));
        return 0.5 * erfc(-x * M_SQRT1_2);
    case LINK_CLOGLOG:
        return fmax(fmin(-expm1(-exp(eta)), 1 - DBL_EPSILON), DBL_EPSILON);
    case LINK_INVERSE:
        return 1 / eta;
    case LINK_SQRT:
        return eta * eta;
    default:
        return eta;
    }
}

double link_slope(enum link l, double eta)
{
    double x;
    switch (l) {
    case LINK_LOG:
        return fmax(exp(eta), DBL_EPSILON);
    case LINK_LOGIT:
        x = exp(eta);
        return fabs(eta) > ETA_MAX ? DBL_EPSILON : x / ((1 + x) * (1 + x));
    case LINK_PROBIT:
        return fmax(exp(-0.5 * eta * eta) * M_2_SQRTPI * M_SQRT1_2 / 2, DBL_EPSILON);
    case LINK_CLOGLOG:
        x = exp(fmin(eta, 700));
        return fmax(x * exp(-x), DBL_EPSILON);
    case LINK_INVERSE:
        return -1 / (eta * eta);
    case LINK_SQRT:
        return 2 * eta;
    default:
        return 1;
    }
}

bool link_eta_ok(enum link l, double eta)
{
    return isfinite(eta) && (l != LINK_INVERSE || eta != 0) && (l != LINK_SQRT || eta > 0);
}
