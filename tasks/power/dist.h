/* dist.h - the laws that simulated values follow, by name: "normal", "t(5)", "contaminated(0.1,3)". Pure. */
#ifndef TASKS_POWER_DIST_H
#define TASKS_POWER_DIST_H

#include <stdbool.h>
#include <stdint.h>

#include "quincunx/stream.h"
#include "shared/place.h"

enum dist_kind {
    DIST_NORMAL,
    DIST_T,
    DIST_UNIFORM,
    DIST_EXPONENTIAL,
    DIST_LOGNORMAL,
    DIST_GAMMA,
    DIST_LAPLACE,
    DIST_LOGISTIC,
    DIST_CONTAMINATED,
    DIST_POISSON,
    DIST_BINARY,
    DIST_KIND_COUNT
};

/* Values are shift + scale * (a draw of the law as its name says): standardised, or raw (0, 1). */
struct dist {
    enum dist_kind kind;
    double a, b;
    double shift, scale;
};

/* False, with a text that says where and what was expected. Standardised (raw false): mean 0 and standard deviation 1, which a
 * law without them refuses. `param` is whose text it is. */
bool dist_parse(struct dist *d, const char *param, const char *text, bool raw, char ret_error[PLACE_BYTES]);

/* n values, each at + by * (a value of the law). */
void dist_fill(const struct dist *d, struct qx_stream *s, double at, double by, double *x, uint32_t n);

/* P(value <= x). */
double dist_cdf(const struct dist *d, double x);
bool dist_is_continuous(const struct dist *d);
/* About 0? */
bool dist_is_symmetric(const struct dist *d);
bool dist_is_normal(const struct dist *d);

#endif
