/* panels.c - trace plots and rank plots (Vehtari et al. 2021, section 4.2). */
#include "mcmc/panels.h"

#include <stdio.h>

#include "shared/panel.h"

enum { TRACE_POINTS = 400, RANK_BINS = 20, TITLE_BYTES = 256 };

static uint32_t shown(const struct panel_draws *p)
{
    return p->n_chains < PANEL_CHAINS ? p->n_chains : PANEL_CHAINS;
}

/* Every draw, or every so many where there are too many to show. */
static void trace(struct qx_ctx *ctx, const struct panel_draws *p, const char *name)
{
    uint32_t every = (p->n_draws + TRACE_POINTS - 1) / TRACE_POINTS;
    char title[TITLE_BYTES];
    if (every > 1)
        (void)snprintf(title, sizeof title, "trace of %s, one draw in %u", name, every);
    else
        (void)snprintf(title, sizeof title, "trace of %s", name);
    panel_open(ctx, "lines", title, "draw", name);
    qx_emit_list(ctx, "series");
    for (uint32_t c = 0; c < shown(p); c++) {
        double x[TRACE_POINTS], y[TRACE_POINTS];
        uint32_t n = 0;
        for (uint32_t i = 0; i < p->n_draws; i += every, n++) {
            x[n] = i + 1;
            y[n] = p->x[(size_t)c * p->n_draws + i];
        }
        panel_series(ctx, p->labels[c], n, x, y, NULL, NULL);
    }
    qx_emit_close(ctx);
    qx_emit_close(ctx);
}

/* How many of a chain's draws fall in each 20th of the ranks over all chains. */
static void rank_plot(struct qx_ctx *ctx, const struct panel_draws *p, const char *name)
{
    char title[TITLE_BYTES];
    double all = (double)p->n_chains * p->n_draws;
    (void)snprintf(title, sizeof title, "ranks of %s by chain", name);
    panel_open(ctx, "steps", title, "rank over all chains", "draws");
    qx_emit_list(ctx, "series");
    for (uint32_t c = 0; c < shown(p); c++) {
        double x[RANK_BINS + 1], counts[RANK_BINS + 1] = {0};
        for (uint32_t i = 0; i < p->n_draws; i++) {
            uint32_t bin = (uint32_t)((p->ranks[(size_t)c * p->n_draws + i] - 0.5) / all * RANK_BINS);
            counts[bin < RANK_BINS ? bin : RANK_BINS - 1]++;
        }
        for (int k = 0; k <= RANK_BINS; k++)
            x[k] = all * k / RANK_BINS;
        counts[RANK_BINS] = counts[RANK_BINS - 1];
        panel_series(ctx, p->labels[c], RANK_BINS + 1, x, counts, NULL, NULL);
    }
    qx_emit_close(ctx);
    qx_emit_list(ctx, "marks");
    panel_mark(ctx, "y", (double)p->n_draws / RANK_BINS, "uniform", "reference");
    qx_emit_close(ctx);
    qx_emit_close(ctx);
}

void panels_emit(struct qx_ctx *ctx, const struct panel_draws *p, const char *name)
{
    trace(ctx, p, name);
    diag_ranks(p->work, p->x, p->ranks);
    rank_plot(ctx, p, name);
}
