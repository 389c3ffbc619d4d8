#include "boot/interval.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

static double normal_quantile(double p)
{
    return gsl_cdf_ugaussian_Pinv(p);
}

double interval_quantile(const double *sorted, size_t n, double alpha, bool *ret_extreme)
{
    if (n == 0 || !(alpha > 0 && alpha < 1))
        return NAN;
    double at = ((double)n + 1) * alpha, k = floor(at + 1e-9 * at);
    if (k < 1 || k >= (double)n) {
        bool beyond = k < 1 || at > (double)n * (1 + 1e-9);
        *ret_extreme = *ret_extreme || beyond;
        return sorted[k < 1 ? 0 : n - 1];
    }
    size_t i = (size_t)k;
    if (fabs(at - k) <= 1e-9 * at || sorted[i] <= sorted[i - 1])
        return sorted[i - 1];
    double lo = normal_quantile(k / ((double)n + 1)), hi = normal_quantile((k + 1) / ((double)n + 1));
    return sorted[i - 1] + (normal_quantile(alpha) - lo) / (hi - lo) * (sorted[i] - sorted[i - 1]);
}

/* How many of the values are below v. */
static size_t lower_bound(const double *sorted, size_t n, double v)
{
    size_t from = 0, to = n;
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        if (sorted[mid] < v)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

double interval_quantile_weighted(const double *sorted, const double *cum, size_t n, double alpha)
{
    if (n == 0 || !(alpha > 0 && alpha < 1))
        return NAN;
    size_t at = lower_bound(cum, n, alpha * (1 - 1e-12));
    return sorted[at < n ? at : n - 1];
}

void interval_rank(const double *sorted, size_t n, double v, double slack, size_t *ret_below,
                   size_t *ret_equal)
{
    *ret_below = lower_bound(sorted, n, v - slack);
    *ret_equal = lower_bound(sorted, n, nextafter(v + slack, INFINITY)) - *ret_below;
}

double interval_bca_level(double z0, double acceleration, double alpha)
{
    double z = z0 + normal_quantile(alpha), scale = 1 - acceleration * z;
    if (!isfinite(z) || !(scale > 0))
        return NAN;
    return gsl_cdf_ugaussian_P(z0 + z / scale);
}
