/* fit.h - one fit: EM from a start to its end, of any model that has the two steps. Pure. */
#ifndef TASKS_EM_FIT_H
#define TASKS_EM_FIT_H

#include <stdbool.h>
#include <stdint.h>

enum step { STEP_OK, STEP_DEGENERATE, STEP_EMPTY };

/* The two steps, on parameters that the model holds. */
struct fit_steps {
    enum step (*expect)(void *model,
                        double *ret_loglik); /* the log-likelihood at the parameters as they are */
    enum step (*maximise)(void *model, double *ret_change); /* to new ones; gives the largest change */
};

struct fit_options {
    double tol;        /* largest change of a parameter; 0: until max_iter */
    uint32_t max_iter; /* M-steps */
    const volatile uint32_t *cancel;
};

enum fit_end { FIT_CONVERGED, FIT_MAX_ITER, FIT_DEGENERATE, FIT_EMPTY, FIT_CANCELLED };

struct fit {
    enum fit_end end;
    uint32_t iterations;
    double loglik;  /* of the parameters as they are */
    bool went_down; /* the log-likelihood fell by more than 1e-9 of itself, which EM cannot do */
};

/* Sees the log-likelihood of each iteration, from 0, the start; the model holds its parameters. */
typedef void (*fit_trace_f)(void *arg, uint32_t iteration, double loglik);

/* Improves the model's parameters in place. `trace` may be NULL. */
struct fit fit_run(const struct fit_steps *steps, void *model, const struct fit_options *opt,
                   fit_trace_f trace, void *arg);

#endif
