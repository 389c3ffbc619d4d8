/* density.h - named densities of one variable, cut to a range: what points can be drawn from by inversion. Pure. */
#ifndef TASKS_MC_DENSITY_H
#define TASKS_MC_DENSITY_H

#include "shared/law.h"

struct density_kind;
struct density {
    const struct density_kind *kind;
    double p[LAW_NUMBERS_MAX];
    double lo, hi;       /* the range */
    double below, above; /* probability outside of it, on either side */
    double mass;         /* inside */
};

/* Reads a density such as "normal(0, 1)": law_read() with those that there are. */
bool density_read(const char *param, const char *text, size_t *at, law_number_f number, struct law_value *ret,
                  char ret_error[PLACE_BYTES]);
enum { DENSITY_UNIFORM = 0 }; /* law->which of uniform(from, to) */

/* That density cut to [lo, hi], which may be infinite. False, with the reason, for a range on part of which it is zero. */
bool density_init(struct density *d, const struct law_value *law, double lo, double hi,
                  char ret_error[PLACE_BYTES]);

/* The point with probability u below it, 0 < u < 1. */
double density_quantile(const struct density *d, double u);
/* The density at a point of the range. */
double density_value(const struct density *d, double x);
/* E X^k, by quadrature to about 12 digits; NaN if it is not finite. */
double density_moment(const struct density *d, unsigned k);

#endif
