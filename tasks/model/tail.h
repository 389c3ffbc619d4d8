/* tail.h - tail areas for tests, from R's own library of distributions (libRmath). "Two sided" counts both tails. NaN where a
 * statistic or its degrees of freedom are none. Pure. */
#ifndef TASKS_MODEL_TAIL_H
#define TASKS_MODEL_TAIL_H

enum alternative { ALT_TWO_SIDED, ALT_GREATER, ALT_LESS };

double tail_z(double z, enum alternative alt);
double tail_t(double t, double df, enum alternative alt);
double tail_f(double f, double df1, double df2); /* P(F > f) */
double quantile_t(double conf, double df);       /* t with P(|T| < t) = conf */
double quantile_normal(double conf);             /* the same of the normal */
double inverse_normal(double p);                 /* z with P(Z < z) = p */

#endif
