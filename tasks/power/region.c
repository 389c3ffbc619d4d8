#include "power/region.h"

#include <math.h>

#include "shared/rmath.h"

enum { PANELS = 24 };
/* Beyond this the noncentral laws are one for every test of a size and level that can be asked for. */
static const double ncp_large = 1e4;

/* With the upper quantile q of what one tail holds. */
static struct region region_of(double q, enum alternative alt)
{
    return (struct region){alt == ALT_GREATER ? -INFINITY : -q, alt == ALT_LESS ? INFINITY : q};
}

static double one_tail(double alpha, enum alternative alt)
{
    return alt == ALT_TWO_SIDED ? alpha / 2 : alpha;
}

struct region region_z(double alpha, enum alternative alt)
{
    return region_of(qnorm(one_tail(alpha, alt), 0, 1, 0, 0), alt);
}

struct region region_t(double df, double alpha, enum alternative alt)
{
    return region_of(qt(one_tail(alpha, alt), df, 0, 0), alt);
}

struct region region_f(double df1, double df2, double alpha)
{
    return (struct region){-INFINITY, qf(alpha, df1, df2, 0, 0)};
}

double power_z(double shift, double alpha, enum alternative alt)
{
    struct region r = region_z(alpha, alt);
    return pnorm(r.lower - shift, 0, 1, 1, 0) + pnorm(r.upper - shift, 0, 1, 0, 0);
}

/* P(T <= -q) + P(T >= q) of the noncentral t, ncp >= 0. */
static double nct_tails(double q_lower, double q_upper, double df, double ncp)
{
    double p = 0;
    if (isfinite(q_upper))
        p += pnt(q_upper, df, ncp, 0, 0);
    if (isfinite(q_lower))
        p += pnt(q_lower, df, ncp, 1, 0);
    return p < 1 ? p : 1;
}

static double region_power_t(const struct region *r, double ncp, double df)
{
    return ncp < 0 ? nct_tails(-r->upper, -r->lower, df, -ncp) : nct_tails(r->lower, r->upper, df, ncp);
}

double power_t(double ncp, double df, double alpha, enum alternative alt)
{
    struct region r = region_t(df, alpha, alt);
    return region_power_t(&r, ncp, df);
}

double power_f(double ncp, double df1, double df2, double alpha)
{
    return ncp > ncp_large ? 1 : pnf(qf(alpha, df1, df2, 0, 0), df1, df2, ncp, 0, 0);
}

double power_t_random(double effect, double df_x, double df, double alpha, enum alternative alt)
{
    static const double node[4] = {0.1834346424956498, 0.5255324099163290, 0.7966664774136267,
                                   0.9602898564975363},
                        weight[4] = {0.3626837833783620, 0.3137066458778873, 0.2223810344533745,
                                     0.1012285362903763};
    struct region r = region_t(df, alpha, alt);
    /* over the root s of the chi-square: its density is smooth there, and normal in shape */
    double lo = sqrt(qchisq(1e-15, df_x, 1, 0)), hi = sqrt(qchisq(1e-15, df_x, 0, 0)),
           half = (hi - lo) / (2 * PANELS), sum = 0;
    for (int k = 0; k < PANELS; k++) {
        double centre = lo + (2 * k + 1) * half;
        for (int i = 0; i < 8; i++) {
            double s = centre + (i < 4 ? node[i] : -node[i - 4]) * half;
            sum += weight[i % 4] * 2 * s * dchisq(s * s, df_x, 0) * region_power_t(&r, effect * s, df);
        }
    }
    sum *= half;
    return sum < 1 ? sum : 1;
}
