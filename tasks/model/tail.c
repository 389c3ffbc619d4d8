#include "model/tail.h"

#include <math.h>

#include "shared/rmath.h"

double tail_z(double z, enum alternative alt)
{
    if (isnan(z))
        return NAN;
    return alt == ALT_TWO_SIDED ? erfc(fabs(z) * M_SQRT1_2) : pnorm(z, 0, 1, alt == ALT_LESS, 0);
}

double tail_t(double t, double df, enum alternative alt)
{
    if (isnan(t) || !(df > 0))
        return NAN;
    return alt == ALT_TWO_SIDED ? 2 * pt(fabs(t), df, 0, 0) : pt(t, df, alt == ALT_LESS, 0);
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
