/* panels.c - trace plots and rank plots (Vehtari et al. 2021, section 4.2). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcmc/mcmc.h"

enum { TRACE_POINTS = 400, RANK_BINS = 20, CHAINS_SHOWN = 8 };

static uint32_t shown(const struct sample *s)
{
    return s->n_chains < CHAINS_SHOWN ? s->n_chains : CHAINS_SHOWN;
}

static void open_panel(struct qx_ctx *ctx, const char *kind, const char *title, const char *xlabel,
                       const char *ylabel)
{
    qx_emit_open(ctx, NULL);
    qx_emit_text(ctx, "kind", kind);
    qx_emit_text(ctx, "title", title);
    qx_emit_text(ctx, "xlabel", xlabel);
    qx_emit_text(ctx, "ylabel", ylabel);
    qx_emit_list(ctx, "series");
}

static void open_series(struct qx_ctx *ctx, const struct sample *s, uint32_t c)
{
    char name[32];
    (void)snprintf(name, sizeof name, "chain %u", (uint32_t)s->record[c][RECORD_ITEM] + 1);
    qx_emit_open(ctx, NULL);
    qx_emit_text(ctx, "name", name);
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
    open_panel(ctx, "lines", title, "draw", name);
    for (uint32_t c = 0; c < shown(s); c++) {
        open_series(ctx, s, c);
        qx_emit_list(ctx, "x");
        for (uint32_t i = 0; i < s->n_draws; i += every)
            qx_emit_int(ctx, NULL, i + 1);
        qx_emit_close(ctx);
        qx_emit_list(ctx, "y");
        for (uint32_t i = 0; i < s->n_draws; i += every)
            qx_emit_number(ctx, NULL, s->x[(size_t)c * s->n_draws + i]);
        qx_emit_close(ctx);
        qx_emit_close(ctx);
    }
    qx_emit_close(ctx); /* series */
    qx_emit_close(ctx);
}

/* How many of a chain's draws fall in each 20th of the ranks over all chains. ranks: n_chains x n_draws. */
static void rank_plot(struct qx_ctx *ctx, const struct sample *s, const char *name, const double *ranks)
{
    char title[TARGET_NAME_BYTES + 64];
    double all = (double)s->n_chains * s->n_draws;
    (void)snprintf(title, sizeof title, "ranks of %s by chain", name);
    open_panel(ctx, "steps", title, "rank over all chains", "draws");
    for (uint32_t c = 0; c < shown(s); c++) {
        uint32_t counts[RANK_BINS] = {0};
        for (uint32_t i = 0; i < s->n_draws; i++) {
            uint32_t bin = (uint32_t)((ranks[(size_t)c * s->n_draws + i] - 0.5) / all * RANK_BINS);
            counts[bin < RANK_BINS ? bin : RANK_BINS - 1]++;
        }
        open_series(ctx, s, c);
        qx_emit_list(ctx, "x");
        for (int k = 0; k <= RANK_BINS; k++)
            qx_emit_number(ctx, NULL, all * k / RANK_BINS);
        qx_emit_close(ctx);
        qx_emit_list(ctx, "y");
        for (int k = 0; k <= RANK_BINS; k++)
            qx_emit_int(ctx, NULL, counts[k < RANK_BINS ? k : RANK_BINS - 1]);
        qx_emit_close(ctx);
        qx_emit_close(ctx);
    }
    qx_emit_close(ctx); /* series */
    qx_emit_list(ctx, "marks");
    qx_emit_open(ctx, NULL);
    qx_emit_number(ctx, "y", (double)s->n_draws / RANK_BINS);
    qx_emit_text(ctx, "label", "uniform");
    qx_emit_text(ctx, "style", "reference");
    qx_emit_close(ctx);
    qx_emit_close(ctx);
    qx_emit_close(ctx);
}

void panels_emit(struct qx_ctx *ctx, const struct sample *s, const uint32_t *outputs, uint32_t n)
{
    double *ranks = malloc(((size_t)s->n_chains * s->n_draws + 1) * sizeof *ranks);
    if (!ranks)
        return; /* an answer without a plot is an answer */
    qx_emit_open(ctx, "plot");
    qx_emit_list(ctx, "panels");
    for (uint32_t k = 0; k < n; k++) {
        const char *name = s->m->target.names[outputs[k]];
        sample_gather(s, DRAW_COLUMNS + outputs[k]);
        trace(ctx, s, name);
        diag_ranks(s->work, s->x, ranks);
        rank_plot(ctx, s, name, ranks);
    }
    qx_emit_close(ctx);
    qx_emit_close(ctx);
    free(ranks);
}
