/* fit.h - one fit: EM from a start to its end. */
#ifndef TASKS_EM_FIT_H
#define TASKS_EM_FIT_H

#include "em/mixture.h"

struct fit_options {
    double tol;        /* largest change of a parameter; 0: until max_iter */
    uint32_t max_iter; /* M-steps */
    double floor;      /* see sums_prepare() */
    const volatile uint32_t *cancel;
};

enum fit_end { FIT_CONVERGED, FIT_MAX_ITER, FIT_DEGENERATE, FIT_EMPTY, FIT_CANCELLED };

struct fit {
    enum fit_end end;
    uint32_t iterations;
    double loglik;  /* of the components as they are */
    bool went_down; /* the log-likelihood fell by more than 1e-9 of itself, which EM cannot do */
};

/* Sees the components and the log-likelihood of each iteration, from 0, the start. */
typedef void (*fit_trace_f)(void *arg, uint32_t iteration, double loglik, const struct mixture *m);

/* Improves m in place. s is scratch of the same shape. `trace` may be NULL. */
struct fit fit_run(struct mixture *m, struct sums *s, const struct rows *data, const struct fit_options *opt,
                   fit_trace_f trace, void *arg);

#endif
