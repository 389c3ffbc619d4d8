/* tail.h - tail areas for tests, from R's own library of distributions (libRmath). Pure. */
#ifndef TASKS_MODEL_TAIL_H
#define TASKS_MODEL_TAIL_H

double tail_t(double t, double df);              /* P(|T| > |t|) */
double tail_normal(double z);                    /* P(|Z| > |z|) */
double tail_f(double f, double df1, double df2); /* P(F > f) */
double quantile_t(double conf, double df);       /* t with P(|T| < t) = conf */
double quantile_normal(double conf);             /* the same of the normal */
double inverse_normal(double p);                 /* z with P(Z < z) = p */

#endif
