/* fitter.h - one model, ready to be fitted to any run of rows of a data set without allocating. */
#ifndef TASKS_FIT_FITTER_H
#define TASKS_FIT_FITTER_H

#include "fit/spec.h"

enum { FIT_VALUES_MAX = 6, FIT_STATS_MAX = 16 };

/* What a fit gives: rows (coefficients, or what the model has in their place) of n_values numbers, and n_stats numbers for the
 * whole. NaN: not defined, or aliased. */
struct fit_result {
    uint32_t n_rows;
    const char *const *names; /* of the rows */
    const double *values;     /* n_rows x n_values */
    double stats[FIT_STATS_MAX];
};

/* One kind of model. */
struct fit_kind {
    const char *list; /* what the rows are called in the answer */
    uint32_t n_values, n_stats;
    const char *values[FIT_VALUES_MAX], *stats[FIT_STATS_MAX]; /* their names */
    qx_err (*open)(struct qx_ctx *ctx, const struct spec *s, const struct qx_table *t, uint32_t max_rows,
                   void **ret_state);
    void (*close)(void *state); /* half-open is fine */
    /* NULL, or why there is no fit, for qx_fail_item (valid until the next call). The result lives until the next call. */
    const char *(*run)(void *state, const uint32_t *rows, uint32_t n, struct fit_result *ret);
};

extern const struct fit_kind fit_kind_lm, fit_kind_glm, fit_kind_nls, fit_kind_aov, fit_kind_summary;

struct fitter {
    const struct fit_kind *kind;
    void *state;
};

/* The spec, its texts and the table must outlive it. On failure ctx has been told why. */
qx_err fitter_open(struct qx_ctx *ctx, const struct spec *s, const struct qx_table *t, uint32_t max_rows,
                   struct fitter *ret);
void fitter_close(struct fitter *f); /* zeroed is fine */

#endif
