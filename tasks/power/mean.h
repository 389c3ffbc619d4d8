/* mean.h - t and F statistics of means, as R's t.test, oneway.test and aov. Pure. Constant data give NaN or infinity. */
#ifndef TASKS_POWER_MEAN_H
#define TASKS_POWER_MEAN_H

#include <stdint.h>

struct t_statistic {
    double t, df;
};
struct t_statistic t_one(const double *x, uint32_t n);
struct t_statistic t_student(const double *x, uint32_t n1, const double *y, uint32_t n2);
struct t_statistic t_welch(const double *x, uint32_t n1, const double *y, uint32_t n2);

enum { MEAN_GROUPS_MAX = 32 };
struct f_statistic {
    double f, df1, df2;
};
/* The groups one after the other in x; at most MEAN_GROUPS_MAX. */
struct f_statistic f_anova(const double *x, const uint32_t *n, uint32_t n_groups);
struct f_statistic f_welch(const double *x, const uint32_t *n, uint32_t n_groups);

#endif
