/* stat.h - the statistics, as functions of how often each row counts.
 *
 * weights[i] says how many times row i was drawn: a resample is a vector of counts. Two resamples with the same rows give
 * the same bits, whatever the order of the draws; the data themselves are all weights 1, a jackknife leaves some out. */
#ifndef TASKS_BOOT_STAT_H
#define TASKS_BOOT_STAT_H

#include "boot/data.h"
#include "boot/spec.h"

enum { STAT_THETA_MAX = SPEC_COLUMNS_MAX };

struct lm;

struct stat {
    enum stat_kind kind;
    uint32_t n;        /* rows */
    uint32_t n_theta;  /* numbers it gives */
    double number;     /* as in struct spec */
    double *x, *y;     /* columns; centred at their means for VAR, SD, COR; y is the denominator of RATIO */
    double ss_x, ss_y; /* of the data: sums of squared deviations, COR */
    uint32_t *groups;  /* DIFF: 0 or 1 */
    uint32_t *order;   /* rows by x, ascending: MEDIAN, QUANTILE, TRIMMED */
    struct lm *lm;
    char names[STAT_THETA_MAX][SPEC_NAME_BYTES]; /* of what it gives */
    char text[288];                              /* what is estimated, for the answer */
};

/* Columns and what is computed once. Errors were told to ctx. `columns` as spec->columns. */
qx_err stat_open(struct qx_ctx *ctx, const struct spec *spec, const struct data *d,
                 const struct qx_column *const *columns, struct stat *ret);
void stat_fini(struct stat *s);

/* The statistic at the weights, which sum to `total` > 0, and if se is not NULL its standard error there, as the delta
 * method estimates it from the same weights (0 for the kinds that have none). NULL, or why it is undefined. */
const char *stat_value(const struct stat *s, const int32_t *weights, uint32_t total, double *ret_theta,
                       double *ret_se);

/* Whether stat_value gives standard errors; the others need a nested bootstrap. */
bool stat_has_se(const struct stat *s);

/* Sum of w[i] x[i], in four lanes: a fixed order that vectorises. */
double weighted_sum(const int32_t *w, const double *x, uint32_t n);

#endif
