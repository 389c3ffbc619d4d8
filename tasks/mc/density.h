/* density.h - named densities of one variable, cut to a range: what points can be drawn from by inversion. Pure. */
#ifndef TASKS_MC_DENSITY_H
#define TASKS_MC_DENSITY_H

#include <stdbool.h>
#include <stddef.h>

enum { DENSITY_PARAMS_MAX = 3, DENSITY_ERROR_BYTES = 240 };

struct density_kind;
struct density {
    const struct density_kind *kind;
    double p[DENSITY_PARAMS_MAX];
    double lo, hi;       /* the range */
    double below, above; /* probability outside of it, on either side */
    double mass;         /* inside */
};

/* The density `name` with n numbers, cut to [lo, hi], which may be infinite. False, with the reason, for an unknown name,
 * numbers that it does not take, and a range on part of which it is zero. */
bool density_init(struct density *d, const char *name, const double *numbers, size_t n, double lo, double hi,
                  char ret_error[DENSITY_ERROR_BYTES]);

/* The point with probability u below it, 0 < u < 1. */
double density_quantile(const struct density *d, double u);
/* The density at a point of the range. */
double density_value(const struct density *d, double x);
/* E X^k, by quadrature to about 12 digits; NaN if it is not finite. */
double density_moment(const struct density *d, unsigned k);

#endif
