/* spec.h - what the user asks of fit, as text, before any data are seen. */
#ifndef TASKS_FIT_SPEC_H
#define TASKS_FIT_SPEC_H

#include "model/family.h"
#include "model/variables.h"

enum fit_model { FIT_LM, FIT_GLM, FIT_NLS, FIT_AOV, FIT_SUMMARY, FIT_MODEL_COUNT };
enum { SPEC_BY_MAX = 16 };

extern const char *const fit_model_names[FIT_MODEL_COUNT + 1]; /* ends with NULL */

struct spec {
    enum fit_model model;
    enum family family;
    enum link link;
    const char *formula, *weights, *offset, *start; /* NULL: not given */
    bool na_fail, pooled;
    double tol;  /* for aliased columns */
    double eps;  /* of convergence of a glm */
    double conf; /* 0: no intervals */
    uint32_t n_by;
    const struct qx_column *by[SPEC_BY_MAX];
    const char *by_names[SPEC_BY_MAX];
};

/* On failure ctx has been told why. */
qx_err spec_read(struct qx_ctx *ctx, const struct qx_table *t, struct spec *ret);

/* The variables of a formula with what the spec says of rows. On failure ctx has been told why. */
qx_err spec_variables(struct qx_ctx *ctx, const struct spec *s, const char *text, const struct qx_table *t,
                      uint32_t max_rows, struct variables *ret);

#endif
