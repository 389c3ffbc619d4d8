#include "power/line.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

double line_t(const double *x, const double *y, uint32_t n)
{
    double mx = 0, my = 0, sxx = 0, sxy = 0, syy = 0;
    for (uint32_t i = 0; i < n; i++) {
        mx += x[i];
        my += y[i];
    }
    mx /= n;
    my /= n;
    for (uint32_t i = 0; i < n; i++) {
        double dx = x[i] - mx, dy = y[i] - my;
        sxx += dx * dx;
        sxy += dx * dy;
        syy += dy * dy;
    }
    double r = sxy / sqrt(sxx * syy);
    return r * sqrt((n - 2) / (1 - r * r));
}

/* ---- logistic ---- */

/* Can a threshold on x tell the outcomes apart (with equality: quasi-complete separation)? */
static enum logit_end look(const double *x, const double *y, uint32_t n)
{
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    for (uint32_t i = 0; i < n; i++) {
        int k = y[i] > 0;
        low[k] = x[i] < low[k] ? x[i] : low[k];
        high[k] = x[i] > high[k] ? x[i] : high[k];
    }
    if (low[0] > high[0] || low[1] > high[1])
        return LOGIT_ONE_OUTCOME;
    if (low[0] == high[0] && low[1] == high[1] && low[0] == low[1])
        return LOGIT_CONSTANT_X;
    return high[0] <= low[1] || high[1] <= low[0] ? LOGIT_SEPARATED : LOGIT_OK;
}

struct fit {
    double intercept, slope, var_slope;
};

/* exp(eta) as R's logit link bounds it, so that no fitted share is 0 or 1. */
static double bounded_odds(double eta)
{
    return eta < -30 ? DBL_EPSILON : eta > 30 ? 1 / DBL_EPSILON : exp(eta);
}

/* One weighted least squares of the working response; then the deviance of what it gives. One pass: the x of a design lie about 0,
 * so that products lose nothing. */
static double iterate(const double *x, const double *y, uint32_t n, double *eta, double *odds, struct fit *f)
{
    double w_sum = 0, wx = 0, wz = 0, sxx = 0, sxz = 0, deviance = 0;
    for (uint32_t i = 0; i < n; i++) {
        double mu = odds[i] / (1 + odds[i]), rest = 1 / (1 + odds[i]);
        double slope = fabs(eta[i]) > 30 ? DBL_EPSILON : mu * rest, w = slope * slope / (mu * rest);
        double z = eta[i] + (y[i] - mu) / slope;
        w_sum += w;
        wx += w * x[i];
        wz += w * z;
        sxx += w * x[i] * x[i];
        sxz += w * x[i] * z;
    }
    sxx -= wx * wx / w_sum;
    sxz -= wx * wz / w_sum;
    f->slope = sxz / sxx;
    f->intercept = (wz - f->slope * wx) / w_sum;
    f->var_slope = 1 / sxx;
    for (uint32_t i = 0; i < n; i++) {
        eta[i] = f->intercept + f->slope * x[i];
        odds[i] = bounded_odds(eta[i]);
        deviance += 2 * log1p(y[i] > 0 ? 1 / odds[i] : odds[i]);
    }
    return deviance;
}

enum logit_end logit_z(const double *x, const double *y, uint32_t n, double *work, double *ret_z)
{
    struct fit f = {0, 0, 0};
    enum logit_end end = look(x, y, n);
    if (end != LOGIT_OK)
        return end;
    double last = 0, *eta = work, *odds = work + n;
    for (uint32_t i = 0; i < n; i++) { /* glm starts at mu = (y + 1/2) / 2 */
        eta[i] = y[i] > 0 ? 1.0986122886681098 : -1.0986122886681098;
        odds[i] = y[i] > 0 ? 3 : 1.0 / 3;
        last += 2 * 0.28768207245178096;
    }
    for (int k = 0; k < 25; k++) {
        double deviance = iterate(x, y, n, eta, odds, &f);
        bool done = fabs(deviance - last) < 1e-8 * (fabs(deviance) + 0.1);
        last = deviance;
        *ret_z = f.slope / sqrt(f.var_slope);
        if (!isfinite(*ret_z))
            break;
        if (done)
            return LOGIT_OK;
    }
    return LOGIT_NO_CONVERGENCE;
}
