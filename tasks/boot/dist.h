/* dist.h - the replicates of one number: their distribution, each as probable as the others or with its own probability. */
#ifndef TASKS_BOOT_DIST_H
#define TASKS_BOOT_DIST_H

#include "quincunx/task.h"

struct dist_values {
    const double *values; /* ascending */
    const double *cum;    /* probability of this value and those before it, up to 1; NULL: 1/n each */
    size_t n;             /* how many there are, or stand for them */
    double mean, var;     /* of rows: exact with probabilities, else n - 1 */
    double missing;       /* where cum is there: probability of what is undefined */
    double *owned, *owned_cum;
    bool is_sketch;
};

/* Of a QUANTILES reducer: all values while it holds them; beyond that a fine grid of its quantiles stands for them. False:
 * memory ran out. */
bool dist_of_answer(struct qx_ctx *ctx, const struct qx_answer *a, uint32_t reducer, struct dist_values *ret);
/* Of column `col` of n rows, with the probabilities in column `col_prob`; 0: all are alike. NaN does
 * not count. */
bool dist_of_rows(const double *rows, size_t n, uint32_t n_columns, uint32_t col, uint32_t col_prob,
                  struct dist_values *ret);
void dist_fini(struct dist_values *d);

/* interval_quantile(), or where probabilities differ the least value whose cumulated probability reaches alpha. */
double dist_quantile(const struct dist_values *d, double alpha, bool *ret_extreme);
/* Shares below v and equal to it, with slack on either side. */
void dist_place(const struct dist_values *d, double v, double slack, double *ret_below, double *ret_equal);
/* Probability that a value adds: cum[i] - cum[i - 1], or 1/n. */
double dist_prob(const struct dist_values *d, size_t i);

#endif
