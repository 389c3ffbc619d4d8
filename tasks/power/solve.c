#include "power/solve.h"

#include <math.h>

enum { STEPS = 200, SCAN_MAX = 3000 };
/* A power that rises in teeth may fall by so much where the size grows. */
static const double tooth = 0.15;

void power_sizes(const struct power *p, double n, bool whole, double *ret)
{
    for (uint32_t g = 0; g < p->n_groups; g++)
        ret[g] = whole ? ceil(n * p->share[g] * (1 - 1e-12)) : n * p->share[g];
}

static double power_at(const struct power *p, analytic_f f, bool whole, double n)
{
    double sizes[GROUPS_MAX];
    const char *method;
    power_sizes(p, n, whole, sizes);
    return f(p, sizes, &method);
}

static double root(const struct power *p, analytic_f f, double target, double low, double high)
{
    for (int i = 0; i < STEPS && high - low > 1e-13 * high; i++) {
        double middle = 0.5 * (low + high), power = power_at(p, f, false, middle);
        if (isnan(power))
            return NAN;
        if (power < target)
            low = middle;
        else
            high = middle;
    }
    return 0.5 * (low + high);
}

static double scan(const struct power *p, analytic_f f, double target, double from)
{
    for (int i = 0; i < SCAN_MAX; i++) {
        double power = power_at(p, f, true, from + i);
        if (isnan(power) || power >= target)
            return isnan(power) ? NAN : from + i;
    }
    return NAN;
}

double solve_n(const struct power *p, analytic_f f, bool whole, double target)
{
    uint32_t least = p->design->n_least, low = least, clear = least;
    if (!f)
        return NAN;
    for (uint32_t n = least; n <= N_MAX; n *= 2) {
        double power = power_at(p, f, whole, n);
        if (isnan(power))
            return NAN;
        if (power >= target)
            return whole ? scan(p, f, target, clear) : n > least ? root(p, f, target, low, n) : n;
        low = n;
        if (power < target - tooth)
            clear = n;
    }
    return NAN;
}
