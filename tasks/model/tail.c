#include "model/tail.h"

#include <math.h>

#define MATHLIB_STANDALONE 1
#include <Rmath.h>

double tail_t(double t, double df)
{
    return isnan(t) || !(df > 0) ? NAN : 2 * pt(fabs(t), df, 0, 0);
}

double tail_normal(double z)
{
    return isnan(z) ? NAN : erfc(fabs(z) * M_SQRT1_2);
}

double tail_f(double f, double df1, double df2)
{
    return isnan(f) || !(df1 > 0) || !(df2 > 0) ? NAN : pf(f, df1, df2, 0, 0);
}

double quantile_t(double conf, double df)
{
    return df > 0 ? qt((1 - conf) / 2, df, 0, 0) : NAN;
}

double quantile_normal(double conf)
{
    return qnorm((1 - conf) / 2, 0, 1, 0, 0);
}

double inverse_normal(double p)
{
    return qnorm(p, 0, 1, 1, 0);
}
