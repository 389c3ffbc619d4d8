/* stat.h - the statistics, as functions of how often each row counts.
 *
 * weights[i] says how many times row i was drawn: a resample is a vector of counts. Two resamples with the same rows give
 * the same bits, whatever the order of the draws; the data themselves are all weights 1, a jackknife leaves some out.
 * Where the numbers themselves are simulated stat_load() puts them in place and all weights are 1. */
#ifndef TASKS_BOOT_STAT_H
#define TASKS_BOOT_STAT_H

#include "boot/columns.h"
#include "boot/data.h"
#include "boot/spec.h"

enum { STAT_THETA_MAX = SPEC_COLUMNS_MAX };

struct refit;
struct foreign;
struct ranked;

struct stat {
    enum stat_kind kind;
    uint32_t n;                /* rows */
    uint32_t n_theta;          /* numbers it gives */
    double number;             /* as in struct spec */
    uint32_t place_x, place_y; /* of its columns */
    double *x, *y;     /* columns; centred at their means for VAR, SD, COR; y is the denominator of RATIO */
    double ss_x, ss_y; /* of the data: sums of squared deviations, COR */
    uint32_t *groups;  /* DIFF: 0 or 1 */
    uint32_t *order;   /* rows by x, ascending: MEDIAN, QUANTILE, TRIMMED, MIN, MAX */
    struct ranked *ranked;   /* work space for it */
    struct refit *refit;     /* LM */
    struct foreign *foreign; /* PLUGIN */
    uint32_t n_places, *places;
    const double **columns; /* PLUGIN: n_places */
    uint32_t n_parts;
    struct stat *parts; /* EXPR: each gives one number */
    struct expr *expr;
    double *part_values;            /* n_parts, and the number of rows */
    char (*names)[SPEC_NAME_BYTES]; /* of what it gives, n_theta */
    char text[288];                 /* what is estimated, for the answer */
};

/* Columns and what is computed once. Errors were told to ctx. `places`: of the spec's columns, those of its parts first. */
qx_err stat_open(struct qx_ctx *ctx, const struct spec *spec, const struct data *d,
                 const struct columns *columns, const uint32_t *places, struct stat *ret);
void stat_fini(struct stat *s);

/* Binds the columns of a statistic (those of its parts first); *n_places <= STAT_PLACES_MAX counts up. */
enum { STAT_PLACES_MAX = 2 * SPEC_PARTS_MAX + SPEC_COLUMNS_MAX };
qx_err stat_bind(struct qx_ctx *ctx, const struct spec *spec, struct columns *columns, uint32_t *places,
                 uint32_t *n_places);

/* The statistic at the weights, which sum to `total` > 0, and if se is not NULL its standard error there, as the delta
 * method estimates it from the same weights (0 for the kinds that have none). NULL, or why it is undefined. */
const char *stat_value(const struct stat *s, const int32_t *weights, uint32_t total, double *ret_theta,
                       double *ret_se);

/* Whether stat_value gives standard errors; the others need a nested bootstrap. */
bool stat_has_se(const struct stat *s);

/* From now on these numbers, by place, are the data. Not for LM. Allocates nothing of note. */
void stat_load(struct stat *s, double *const *columns);

#endif
