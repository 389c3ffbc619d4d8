#include "em/fit.h"

#include <math.h>

static enum fit_end end_of(enum step e)
{
    return e == STEP_EMPTY ? FIT_EMPTY : FIT_DEGENERATE;
}

struct fit fit_run(const struct fit_steps *steps, void *model, const struct fit_options *opt,
                   fit_trace_f trace, void *arg)
{
    static const double may_fall = 1e-9;
    struct fit f = {.end = FIT_MAX_ITER, .loglik = -INFINITY};
    double change = INFINITY, loglik = 0;
    for (;;) {
        enum step e = steps->expect(model, &loglik);
        if (e != STEP_OK) {
            f.end = end_of(e);
            return f;
        }
        f.went_down = f.went_down || loglik < f.loglik - may_fall * fabs(loglik);
        f.loglik = loglik;
        if (trace)
            trace(arg, f.iterations, loglik);
        if (f.iterations == opt->max_iter || (opt->tol > 0 && change <= opt->tol)) {
            f.end = opt->tol > 0 && change <= opt->tol ? FIT_CONVERGED : FIT_MAX_ITER;
            return f;
        }
        if (*opt->cancel) {
            f.end = FIT_CANCELLED;
            return f;
        }
        e = steps->maximise(model, &change);
        if (e != STEP_OK) {
            f.end = end_of(e);
            return f;
        }
        f.iterations++;
    }
}
