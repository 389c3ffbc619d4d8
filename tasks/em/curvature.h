/* curvature.h - the log-likelihood of cells about its maximum: standard errors, how fast EM gets there, and what lies on the
 * boundary. Pure. */
#ifndef TASKS_EM_CURVATURE_H
#define TASKS_EM_CURVATURE_H

#include "em/cells.h"

/* Sets to 0, at the end of a fit, the parameters that EM was driving there: those below 1e-3 with which the likelihood is no
 * lower at 0, and does not rise from there. Marks them, and gives their number. */
uint32_t curvature_settle(const struct cells *c, double *point, bool *ret_zero);

enum curvature_kind {
    CURVATURE_OK,
    CURVATURE_BOUNDARY, /* parameters are 0: no standard errors */
    CURVATURE_SINGULAR, /* the information is not positive definite: no standard errors, no rate */
    CURVATURE_NO_MEMORY
};

struct curvature {
    enum curvature_kind kind;
    double rate;                   /* the largest eigenvalue of the Jacobian of an iteration */
    double se[SIMPLEX_PARAMS_MAX]; /* where OK */
};

/* At a point where `zero` are those that are 0. */
struct curvature curvature_at(const struct cells *c, const double *point, const bool *zero);

#endif
