#include "mcmc/summary.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

static const double rhat_limit = 1.01, ess_per_chain = 100; /* Vehtari et al. 2021 */

/* Takes `value` where it is below the least so far. */
static void least(double value, uint32_t k, double *least_p, uint32_t *by_p)
{
    if (!(value < *least_p) && !(isnan(*least_p) && !isnan(value)))
        return;
    *least_p = value;
    *by_p = k;
}

struct worst worst_of(const struct diag *d, uint32_t n)
{
    struct worst w = {.rhat = NAN, .ess_bulk = NAN, .ess_tail = NAN};
    double least_ess = NAN, rhat = NAN;
    for (uint32_t k = 0; k < n; k++) {
        least(-d[k].rhat, k, &rhat, &w.by_rhat);
        least(d[k].ess_bulk, k, &w.ess_bulk, &w.by_bulk);
        least(d[k].ess_tail, k, &w.ess_tail, &w.by_tail);
        least(fmin(d[k].ess_bulk, d[k].ess_tail), k, &least_ess, &w.by_ess);
    }
    w.rhat = -rhat;
    return w;
}

void summary_emit(struct qx_ctx *ctx, const struct diag *d)
{
    qx_emit_number(ctx, "mean", d->mean);
    qx_emit_number(ctx, "mcse_mean", d->mcse_mean);
    qx_emit_number(ctx, "sd", d->sd);
    qx_emit_number(ctx, "mcse_sd", d->mcse_sd);
    qx_emit_number(ctx, "q5", d->q5);
    qx_emit_number(ctx, "median", d->median);
    qx_emit_number(ctx, "q95", d->q95);
    qx_emit_number(ctx, "rhat", d->rhat);
    qx_emit_number(ctx, "ess_bulk", d->ess_bulk);
    qx_emit_number(ctx, "ess_tail", d->ess_tail);
}

void summary_emit_quantile_errors(struct qx_ctx *ctx, const struct diag *d)
{
    qx_emit_number(ctx, "mcse_q5", d->mcse_q5);
    qx_emit_number(ctx, "mcse_median", d->mcse_median);
    qx_emit_number(ctx, "mcse_q95", d->mcse_q95);
}

void warn(struct qx_ctx *ctx, const char *about, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    qx_emit_open(ctx, NULL);
    qx_emit_text(ctx, "about", about);
    qx_emit_text(ctx, "warning", text);
    qx_emit_close(ctx);
}

void warn_of_one_chain(struct qx_ctx *ctx, uint32_t n_chains)
{
    if (n_chains == 1)
        warn(ctx, "chains", "there is one: R-hat compares its halves alone; take four");
}

void warn_of_convergence(struct qx_ctx *ctx, uint32_t n_chains, const struct worst *w, const char *name)
{
    double enough = ess_per_chain * n_chains;
    if (w->rhat > rhat_limit)
        warn(ctx, "R-hat", "%.4g for %s is above %.4g: the chains have not mixed; take more draws", w->rhat,
             name, rhat_limit);
    if (w->ess_bulk < enough)
        warn(ctx, "bulk ESS", "%.0f is below %.0f: means and medians are unreliable; take more draws",
             w->ess_bulk, enough);
    if (w->ess_tail < enough)
        warn(ctx, "tail ESS", "%.0f is below %.0f: variances and quantiles are unreliable; take more draws",
             w->ess_tail, enough);
}
