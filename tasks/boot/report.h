/* report.h - what the answer is made of: a result for each number, and the jackknife after bootstrap. */
#ifndef TASKS_BOOT_REPORT_H
#define TASKS_BOOT_REPORT_H

#include "boot/boot.h"
#include "boot/dist.h"

struct end {
    double lower, upper;
};

struct result {
    double theta, mean, se, se_data; /* se_data: what studentized intervals are scaled with */
    double z0, acceleration, share_equal;
    struct dist_values dist, t;
    struct end ends[CI_COUNT];
    bool extreme, bca_undefined, abc_undefined;
};

/* The rows of all resamples that count, in the order of their items, where they were kept. */
struct rows {
    const double *rows; /* n x n_columns; NULL: reducers hold the distributions */
    size_t n;
    double *owned;
};

/* Jackknife after bootstrap (Efron 1992), in after.c: the standard errors of the bootstrap's own numbers, from the resamples
 * that lack each row. Which do is drawn again from the items' streams. */
struct after;
qx_err after_open(struct qx_ctx *ctx, struct boot *b, const struct rows *rows, struct after **ret);
void after_close(struct after *a); /* NULL is fine */
void after_emit(struct qx_ctx *ctx, const struct boot *b, const struct after *a);
void after_emit_panel(struct qx_ctx *ctx, const struct boot *b, const struct after *a, uint32_t k,
                      const char *name);

#endif
