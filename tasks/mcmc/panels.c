/* panels.c - trace plots and rank plots (Vehtari et al. 2021, section 4.2). */
#include <stdio.h>
#include <stdlib.h>

#include "mcmc/mcmc.h"
#include "shared/panel.h"

enum { TRACE_POINTS = 400, RANK_BINS = 20, CHAINS_SHOWN = 8 };

static uint32_t shown(const struct sample *s)
{
    return s->n_chains < CHAINS_SHOWN ? s->n_chains : CHAINS_SHOWN;
}

static void emit_chain(struct qx_ctx *ctx, const struct sample *s, uint32_t c, size_t n, const double *x,
                       const double *y)
{
    char name[32];
    (void)snprintf(name, sizeof name, "chain %u", (uint32_t)s->record[c][RECORD_ITEM] + 1);
    panel_series(ctx, name, n, x, y, NULL, NULL);
}

/* Every draw, or every so many where there are too many to show. */
static void trace(struct qx_ctx *ctx, const struct sample *s, const char *name)
{
    uint32_t every = (s->n_draws + TRACE_POINTS - 1) / TRACE_POINTS;
    char title[TARGET_NAME_BYTES + 64];
    if (every > 1)
        (void)snprintf(title, sizeof title, "trace of %s, every %u draws", name, every);
    else
        (void)snprintf(title, sizeof title, "trace of %s", name);
    panel_open(ctx, "lines", title, "draw", name);
    qx_emit_list(ctx, "series");
    for (uint32_t c = 0; c < shown(s); c++) {
        double x[TRACE_POINTS], y[TRACE_POINTS];
        uint32_t n = 0;
        for (uint32_t i = 0; i < s->n_draws; i += every, n++) {
            x[n] = i + 1;
            y[n] = s->x[(size_t)c * s->n_draws + i];
        }
        emit_chain(ctx, s, c, n, x, y);
    }
    qx_emit_close(ctx);
    qx_emit_close(ctx);
}

/* How many of a chain's draws fall in each 20th of the ranks over all chains. ranks: n_chains x n_draws. */
static void rank_plot(struct qx_ctx *ctx, const struct sample *s, const char *name, const double *ranks)
{
    char title[TARGET_NAME_BYTES + 64];
    double all = (double)s->n_chains * s->n_draws;
    (void)snprintf(title, sizeof title, "ranks of %s by chain", name);
    panel_open(ctx, "steps", title, "rank over all chains", "draws");
    qx_emit_list(ctx, "series");
    for (uint32_t c = 0; c < shown(s); c++) {
        double x[RANK_BINS + 1], counts[RANK_BINS + 1] = {0};
        for (uint32_t i = 0; i < s->n_draws; i++) {
            uint32_t bin = (uint32_t)((ranks[(size_t)c * s->n_draws + i] - 0.5) / all * RANK_BINS);
            counts[bin < RANK_BINS ? bin : RANK_BINS - 1]++;
        }
        for (int k = 0; k <= RANK_BINS; k++)
            x[k] = all * k / RANK_BINS;
        counts[RANK_BINS] = counts[RANK_BINS - 1];
        emit_chain(ctx, s, c, RANK_BINS + 1, x, counts);
    }
    qx_emit_close(ctx);
    qx_emit_list(ctx, "marks");
    panel_mark(ctx, "y", (double)s->n_draws / RANK_BINS, "uniform", "reference");
    qx_emit_close(ctx);
    qx_emit_close(ctx);
}

void panels_emit(struct qx_ctx *ctx, const struct sample *s, const uint32_t *outputs, uint32_t n)
{
    double *ranks = malloc(((size_t)s->n_chains * s->n_draws + 1) * sizeof *ranks);
    if (!ranks)
        return; /* an answer without a plot is an answer */
    panel_plot_open(ctx);
    for (uint32_t k = 0; k < n; k++) {
        const char *name = s->m->target.names[outputs[k]];
        sample_gather(s, DRAW_COLUMNS + outputs[k]);
        trace(ctx, s, name);
        diag_ranks(s->work, s->x, ranks);
        rank_plot(ctx, s, name, ranks);
    }
    panel_plot_close(ctx);
    free(ranks);
}
