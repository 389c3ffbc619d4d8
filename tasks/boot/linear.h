/* linear.h - lm(formula) as a statistic: the coefficients of a linear model, whose formula and model matrix are those of
 * tasks/model.
 *
 * The matrix is that of the data: a resample weighs its rows. A resample in which columns are combinations of each other that are
 * not so in the data, as when a level of a factor is missing, has no coefficients. */
#ifndef TASKS_BOOT_LINEAR_H
#define TASKS_BOOT_LINEAR_H

#include "boot/columns.h"
#include "boot/refit.h"
#include "boot/stat.h"

/* Binds the columns that the formula uses. Errors were told to ctx. */
qx_err linear_bind(struct qx_ctx *ctx, const char *formula, struct columns *columns);

/* Sets refit, n_theta, names, and text where columns of the matrix are aliased. Errors were told to ctx. */
qx_err linear_open(struct qx_ctx *ctx, const char *formula, const struct data *d, struct stat *s);

#endif
