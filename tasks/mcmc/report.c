/* report.c - the answer of mcmc: a table of parameters, what the chains did, warnings, files and plots; and
 * with until=, the parameters of the next round. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcmc/mcmc.h"
#include "mcmc/panels.h"
#include "mcmc/summary.h"
#include "shared/panel.h"

enum { WORST_SHOWN = 2 };
static const double ebfmi_limit = 0.3; /* CmdStan's diagnose */

/* ---- the sample ---- */

const double *sample_row(const struct sample *s, uint32_t chain, uint32_t draw)
{
    const struct target *t = &s->m->target;
    return s->record[chain] + RECORD_HEADER + t->n_dim + (size_t)draw * (DRAW_COLUMNS + t->n_out);
}

void sample_gather(const struct sample *s, uint32_t k)
{
    for (uint32_t c = 0; c < s->n_chains; c++) {
        for (uint32_t i = 0; i < s->n_draws; i++)
            s->x[(size_t)c * s->n_draws + i] = sample_row(s, c, i)[k];
    }
}

static void sample_close(struct sample *s)
{
    (void)diag_work_free(s->work);
    free(s->record);
    free(s->x);
}

/* False: out of memory. */
static bool sample_open(const struct mcmc *m, const double *records, size_t n_doubles, struct sample *s)
{
    *s = (struct sample){.m = m, .n_draws = m->chain.config.n_draws};
    s->n_chains = (uint32_t)(n_doubles / m->record_doubles);
    s->record = malloc((s->n_chains + 1) * sizeof *s->record);
    s->x = malloc(((size_t)s->n_chains * s->n_draws + 1) * sizeof *s->x);
    s->work = diag_work_new(s->n_draws, s->n_chains);
    for (uint32_t c = 0; s->record && c < s->n_chains; c++)
        s->record[c] = records + c * m->record_doubles;
    if (s->record && s->x && s->work)
        return true;
    sample_close(s);
    return false;
}

/* ---- chains ---- */

struct chain_sums {
    double accept, leapfrogs, divergences, depth_hits, ebfmi;
};

static void chain_sum(const struct sample *s, uint32_t c, struct chain_sums *sums)
{
    *sums = (struct chain_sums){.accept = 0};
    for (uint32_t i = 0; i < s->n_draws; i++) {
        const double *row = sample_row(s, c, i);
        sums->accept += row[DRAW_ACCEPT];
        sums->leapfrogs += row[DRAW_LEAPFROGS];
        sums->divergences += row[DRAW_DIVERGENT];
        sums->depth_hits += row[DRAW_DEPTH] >= s->m->chain.config.max_depth;
        s->x[i] = row[DRAW_ENERGY];
    }
    sums->accept /= s->n_draws;
    sums->ebfmi = s->m->chain.config.kind == SAMPLER_RWM ? NAN : diag_ebfmi(s->x, s->n_draws);
}

struct totals {
    double divergences, depth_hits, leapfrogs, ebfmi_least;
    uint32_t ebfmi_low; /* chains */
};

static void emit_chains(struct qx_ctx *ctx, const struct sample *s, struct totals *totals)
{
    enum sampler_kind kind = s->m->chain.config.kind;
    *totals = (struct totals){.ebfmi_least = NAN};
    qx_emit_list(ctx, "chains");
    for (uint32_t c = 0; c < s->n_chains; c++) {
        struct chain_sums sums;
        chain_sum(s, c, &sums);
        qx_emit_open(ctx, NULL);
        qx_emit_int(ctx, "chain", (int64_t)s->record[c][RECORD_ITEM] + 1);
        qx_emit_number(ctx, "step_size", s->record[c][RECORD_STEP]);
        qx_emit_number(ctx, "accept_stat", sums.accept);
        qx_emit_int(ctx, kind == SAMPLER_RWM ? "densities" : "leapfrogs", (int64_t)sums.leapfrogs);
        if (kind != SAMPLER_RWM) {
            qx_emit_int(ctx, "divergences", (int64_t)sums.divergences);
            qx_emit_number(ctx, "ebfmi", sums.ebfmi);
        }
        if (kind == SAMPLER_NUTS)
            qx_emit_int(ctx, "max_depth_hits", (int64_t)sums.depth_hits);
        qx_emit_close(ctx);
        totals->divergences += sums.divergences;
        totals->depth_hits += sums.depth_hits;
        totals->leapfrogs += sums.leapfrogs;
        totals->ebfmi_least = fmin(totals->ebfmi_least, sums.ebfmi);
        totals->ebfmi_low += sums.ebfmi < ebfmi_limit;
    }
    qx_emit_close(ctx);
}

/* ---- parameters ---- */

static const char *name_of(const struct target *t, uint32_t k)
{
    return k < t->n_out ? t->names[k] : draw_column_names[DRAW_LP];
}

static bool has_terms(const struct target *t)
{
    for (uint32_t k = 0; k < t->n_out; k++) {
        if (t->terms[k][0])
            return true;
    }
    return false;
}

static void emit_parameters(struct qx_ctx *ctx, const struct target *t, const struct diag *d)
{
    bool terms = has_terms(t);
    qx_emit_text(ctx, "table", "parameters");
    qx_emit_list(ctx, "parameters");
    for (uint32_t k = 0; k <= t->n_out; k++) {
        qx_emit_open(ctx, NULL);
        qx_emit_text(ctx, "name", name_of(t, k));
        if (terms)
            qx_emit_text(ctx, "term", k < t->n_out ? t->terms[k] : "");
        summary_emit(ctx, &d[k]);
        qx_emit_close(ctx);
    }
    qx_emit_close(ctx);
    qx_emit_list(ctx, "quantile_errors");
    for (uint32_t k = 0; k < t->n_out; k++) {
        qx_emit_open(ctx, NULL);
        qx_emit_text(ctx, "name", t->names[k]);
        summary_emit_quantile_errors(ctx, &d[k]);
        qx_emit_close(ctx);
    }
    qx_emit_close(ctx);
}

static bool all_met(const struct mcmc *m, const struct diag *d)
{
    for (uint32_t k = 0; k < m->target.n_out; k++) {
        if (!until_met(&m->until, &d[k]))
            return false;
    }
    return true;
}

/* ---- warnings ---- */

static void warn_of_trajectories(struct qx_ctx *ctx, const struct sample *s, const struct totals *t)
{
    double all = (double)s->n_draws * s->n_chains;
    if (t->divergences > 0)
        warn(ctx, "divergences",
             "%.0f of %.0f iterations diverged (%.2g %%): part of the posterior may be missed; "
             "raise delta, or use another form of the model",
             t->divergences, all, 100 * t->divergences / all);
    if (t->depth_hits > 0 && s->m->chain.config.kind == SAMPLER_NUTS)
        warn(ctx, "depth", "%.0f of %.0f iterations (%.2g %%) stopped at max_depth=%u: slow, not wrong",
             t->depth_hits, all, 100 * t->depth_hits / all, s->m->chain.config.max_depth);
    if (t->ebfmi_low > 0)
        warn(ctx, "E-BFMI",
             "below %.1f in %u of %u chains: energies are explored slowly; use another form of the model",
             ebfmi_limit, t->ebfmi_low, s->n_chains);
}

static void emit_warnings(struct qx_ctx *ctx, const struct sample *s, const struct totals *totals,
                          const struct worst *w, uint64_t n_failed)
{
    qx_emit_list(ctx, "warnings");
    if (n_failed > 0)
        warn(ctx, "chains", "%llu failed; the others make the answer", (unsigned long long)n_failed);
    warn_of_one_chain(ctx, s->n_chains);
    warn_of_trajectories(ctx, s, totals);
    warn_of_convergence(ctx, s->n_chains, w, s->m->target.names[w->by_rhat]);
    qx_emit_close(ctx);
}

/* ---- the whole ---- */

static void emit_head(struct qx_ctx *ctx, const struct sample *s)
{
    const struct mcmc *m = s->m;
    qx_emit_text(ctx, "model", m->model);
    qx_emit_text(ctx, "meaning", m->target.about);
    if (m->target.priors[0])
        qx_emit_text(ctx, "priors", m->target.priors);
    if (m->target.note[0])
        qx_emit_text(ctx, "note", m->target.note);
    if (m->target.n_rows > 0)
        qx_emit_int(ctx, "rows", m->target.n_rows);
    qx_emit_text(ctx, "sampler", m->sampler);
    qx_emit_int(ctx, "n_chains", s->n_chains);
    qx_emit_int(ctx, "draws", s->n_draws);
    qx_emit_int(ctx, "warmup", m->chain.config.n_warmup);
    if (m->chain.config.thin > 1)
        qx_emit_int(ctx, "thin", m->chain.config.thin);
}

static void emit_totals(struct qx_ctx *ctx, const struct sample *s, const struct totals *totals,
                        const struct worst *w)
{
    qx_emit_number(ctx, "worst_rhat", w->rhat);
    qx_emit_number(ctx, "least_ess_bulk", w->ess_bulk);
    qx_emit_number(ctx, "least_ess_tail", w->ess_tail);
    if (s->m->chain.config.kind == SAMPLER_RWM)
        return;
    qx_emit_int(ctx, "divergences", (int64_t)totals->divergences);
    if (s->m->chain.config.kind == SAMPLER_NUTS)
        qx_emit_int(ctx, "max_depth_hits", (int64_t)totals->depth_hits);
    qx_emit_number(ctx, "least_ebfmi", totals->ebfmi_least);
}

/* Twice the draws, while that is allowed; else the answer says why it stops here. */
static void emit_next(struct qx_ctx *ctx, const struct sample *s, const struct worst *w, bool met,
                      uint64_t n_items)
{
    const struct mcmc *m = s->m;
    struct chain_config twice = m->chain.config;
    char draws[32], why[200];
    if (!m->until.given)
        return;
    qx_emit_text(ctx, "until", met ? "met" : "not met");
    if (met)
        return;
    twice.n_draws *= 2;
    uint64_t bytes = chain_record_doubles(&twice, m->target.n_dim, m->target.n_out) * sizeof(double);
    if (twice.n_draws > m->max_draws) {
        qx_emit_text(ctx, "stopped", "twice the draws are more than max_draws");
        return;
    }
    if (bytes > qx_item_bytes(ctx)) {
        (void)snprintf(why, sizeof why,
                       "twice the draws are %llu bytes a chain: run with --budget %llu, or thin=",
                       (unsigned long long)bytes, (unsigned long long)bytes);
        qx_emit_text(ctx, "stopped", why);
        return;
    }
    (void)snprintf(draws, sizeof draws, "%u", twice.n_draws);
    (void)snprintf(why, sizeof why, "R-hat %.4g, ESS %.0f bulk, %.0f tail after %u draws a chain: %u",
                   w->rhat, w->ess_bulk, w->ess_tail, s->n_draws, twice.n_draws);
    qx_emit_open(ctx, "next");
    qx_emit_open(ctx, "params");
    qx_emit_text(ctx, "draws", draws);
    qx_emit_close(ctx);
    qx_emit_int(ctx, "n", (int64_t)n_items);
    qx_emit_text(ctx, "why", why);
    qx_emit_close(ctx);
}

static void emit_plots(struct qx_ctx *ctx, const struct sample *s, const struct worst *w)
{
    const struct target *t = &s->m->target;
    uint32_t shown[WORST_SHOWN] = {w->by_rhat, w->by_ess};
    struct panel_draws p = {.n_chains = s->n_chains, .n_draws = s->n_draws, .x = s->x, .work = s->work};
    p.ranks = malloc(((size_t)s->n_chains * s->n_draws + 1) * sizeof *p.ranks);
    if (!p.ranks)
        return; /* an answer without a plot is an answer */
    if (shown[0] == shown[1])
        shown[1] = shown[0] + 1 < t->n_out ? shown[0] + 1 : 0;
    for (uint32_t c = 0; c < s->n_chains && c < PANEL_CHAINS; c++)
        (void)snprintf(p.labels[c], sizeof p.labels[c], "chain %u", (uint32_t)s->record[c][RECORD_ITEM] + 1);
    panel_plot_open(ctx);
    for (uint32_t k = 0; k < WORST_SHOWN && k < t->n_out; k++) {
        sample_gather(s, DRAW_COLUMNS + shown[k]);
        panels_emit(ctx, &p, t->names[shown[k]]);
    }
    panel_plot_close(ctx);
    free(p.ranks);
}

static bool emit_all(struct qx_ctx *ctx, const struct sample *s, uint64_t n_failed)
{
    const struct target *t = &s->m->target;
    struct diag *d = malloc((t->n_out + 1) * sizeof *d);
    struct totals totals;
    if (!d)
        return false;
    for (uint32_t k = 0; k <= t->n_out; k++) {
        sample_gather(s, k < t->n_out ? DRAW_COLUMNS + k : DRAW_LP);
        diag_compute(s->work, s->x, &d[k]);
    }
    struct worst w = worst_of(d, t->n_out);
    emit_head(ctx, s);
    emit_parameters(ctx, t, d);
    emit_chains(ctx, s, &totals);
    emit_totals(ctx, s, &totals, &w);
    emit_warnings(ctx, s, &totals, &w, n_failed);
    emit_plots(ctx, s, &w);
    bool ok = !s->m->csv || csv_emit(ctx, s);
    emit_next(ctx, s, &w, all_met(s->m, d), s->n_chains + n_failed);
    free(d);
    return ok;
}

qx_err mcmc_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *answer)
{
    struct mcmc *m = state;
    struct sample s;
    size_t bytes = 0;
    uint64_t failed = 0, n = qx_answer_items(ctx, answer, &failed);
    if (n == 0)
        return failed == 0 ? QX_ERR_OK : qx_error(ctx, QX_ERR_TASK, "no chain could start");
    const void *records = qx_answer_data(ctx, answer, m->records, QX_ANSWER_RECORDS, &bytes);
    if (!records || !sample_open(m, records, bytes / sizeof(double), &s))
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    bool ok = emit_all(ctx, &s, failed);
    sample_close(&s);
    return ok ? QX_ERR_OK : qx_error(ctx, QX_ERR_NOMEM, "out of memory");
}
