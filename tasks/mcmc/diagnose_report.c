/* diagnose_report.c - the answer of mcmc.diagnose: the worst, a table, the rest of the numbers, warnings, plots. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcmc/diagnose.h"
#include "mcmc/panels.h"
#include "mcmc/summary.h"
#include "shared/panel.h"

enum { WORST_SHOWN = 2, NAMES_SHOWN = 5, NAMES_BYTES = 200, DRAWS_FOR_ESS = 6 };

/* Of the quantities that have diagnostics: n of them, in order. */
struct report {
    struct qx_ctx *ctx;
    const struct diagnose *s;
    uint32_t n;
    uint64_t n_failed;
    struct diag *d;
    uint32_t *quantity; /* which each is */
};

static const char *name_of(const struct report *r, uint32_t k)
{
    return given_name(&r->s->given, r->quantity[k]);
}

/* ---- tables ---- */

static void emit_worst(const struct report *r, const struct worst *w)
{
    const struct {
        const char *value, *of;
        double v;
        uint32_t by;
    } members[] = {{"worst_rhat", "worst_rhat_of", w->rhat, w->by_rhat},
                   {"least_ess_bulk", "least_ess_bulk_of", w->ess_bulk, w->by_bulk},
                   {"least_ess_tail", "least_ess_tail_of", w->ess_tail, w->by_tail}};
    for (size_t k = 0; k < sizeof members / sizeof members[0]; k++) {
        qx_emit_number(r->ctx, members[k].value, members[k].v);
        if (!isnan(members[k].v))
            qx_emit_text(r->ctx, members[k].of, name_of(r, members[k].by));
    }
}

static void emit_head(const struct report *r)
{
    const struct given *g = &r->s->given;
    if (g->chain)
        qx_emit_text(r->ctx, "chain_column", g->chain->name);
    qx_emit_int(r->ctx, "n_chains", g->n_chains);
    qx_emit_int(r->ctx, "draws", g->n_draws);
    if (g->n_warmup > 0)
        qx_emit_int(r->ctx, "warmup", g->n_warmup);
    qx_emit_int(r->ctx, "quantities", r->n);
    if (g->left_out[0])
        qx_emit_text(r->ctx, "left_out", g->left_out);
}

static void emit_tables(const struct report *r)
{
    struct qx_ctx *ctx = r->ctx;
    qx_emit_text(ctx, "table", "parameters");
    qx_emit_list(ctx, "parameters");
    for (uint32_t k = 0; k < r->n; k++) {
        qx_emit_open(ctx, NULL);
        qx_emit_text(ctx, "name", name_of(r, k));
        summary_emit(ctx, &r->d[k]);
        qx_emit_close(ctx);
    }
    qx_emit_close(ctx);
    qx_emit_list(ctx, "details");
    for (uint32_t k = 0; k < r->n; k++) {
        const struct diag *d = &r->d[k];
        qx_emit_open(ctx, NULL);
        qx_emit_text(ctx, "name", name_of(r, k));
        summary_emit_quantile_errors(ctx, d);
        qx_emit_number(ctx, "rhat_basic", d->rhat_basic);
        qx_emit_number(ctx, "ess_basic", d->ess_basic);
        qx_emit_number(ctx, "ess_mean", d->ess_mean);
        qx_emit_number(ctx, "ess_sd", d->ess_sd);
        qx_emit_number(ctx, "ess_median", d->ess_median);
        qx_emit_number(ctx, "ess_q5", d->ess_q5);
        qx_emit_number(ctx, "ess_q95", d->ess_q95);
        qx_emit_close(ctx);
    }
    qx_emit_close(ctx);
}

/* ---- warnings ---- */

/* The first few names of many. */
struct names {
    uint32_t n;
    char text[NAMES_BYTES];
};

static void names_add(struct names *list, const char *name)
{
    size_t len = strlen(list->text);
    if (list->n++ < NAMES_SHOWN)
        (void)snprintf(list->text + len, NAMES_BYTES - len, "%s%.30s", len ? ", " : "", name);
    else if (list->n == NAMES_SHOWN + 1)
        (void)snprintf(list->text + len, NAMES_BYTES - len, " and others");
}

static void warn_of_failed(const struct report *r)
{
    struct names list = {.n = 0};
    uint64_t n_items = r->n + r->n_failed;
    uint32_t k = 0;
    if (r->n_failed == 0)
        return;
    for (uint32_t q = 0; q < n_items && q < r->s->given.n_quantities; q++) {
        if (k < r->n && r->quantity[k] == q)
            k++;
        else
            names_add(&list, given_name(&r->s->given, q));
    }
    warn(r->ctx, "quantities", "%llu of %llu failed, and are left out here: %s",
         (unsigned long long)r->n_failed, (unsigned long long)n_items, list.text);
}

static void warn_of_constants(const struct report *r)
{
    struct names list = {.n = 0};
    for (uint32_t k = 0; k < r->n; k++) {
        if (isnan(r->d[k].rhat) && isnan(r->d[k].ess_bulk))
            names_add(&list, name_of(r, k));
    }
    if (list.n > 0)
        warn(r->ctx, "constants", "%u of %u do not vary, and have no R-hat and no ESS: %s", list.n, r->n,
             list.text);
}

static void emit_warnings(const struct report *r, const struct worst *w)
{
    const struct given *g = &r->s->given;
    qx_emit_list(r->ctx, "warnings");
    warn_of_failed(r);
    warn_of_constants(r);
    warn_of_one_chain(r->ctx, g->n_chains);
    if (g->n_draws < DRAWS_FOR_ESS)
        warn(r->ctx, "draws", "chains of fewer than %d have no ESS", DRAWS_FOR_ESS);
    warn_of_convergence(r->ctx, g->n_chains, w, name_of(r, w->by_rhat));
    qx_emit_close(r->ctx);
}

/* ---- plots ---- */

static void emit_plots(const struct report *r, const struct worst *w)
{
    const struct given *g = &r->s->given;
    uint32_t shown[WORST_SHOWN] = {w->by_rhat, w->by_ess};
    struct panel_draws p = {.n_chains = g->n_chains, .n_draws = g->n_draws, .x = r->s->x, .work = r->s->work};
    p.ranks = malloc((size_t)g->n_chains * g->n_draws * sizeof *p.ranks);
    if (!p.ranks)
        return; /* an answer without a plot is an answer */
    if (shown[0] == shown[1])
        shown[1] = shown[0] + 1 < r->n ? shown[0] + 1 : 0;
    for (uint32_t c = 0; c < g->n_chains && c < PANEL_CHAINS; c++)
        given_label(g, c, p.labels[c], sizeof p.labels[c]);
    panel_plot_open(r->ctx);
    for (uint32_t k = 0; k < WORST_SHOWN && k < r->n; k++) {
        (void)given_gather(g, r->quantity[shown[k]], r->s->x);
        panels_emit(r->ctx, &p, name_of(r, shown[k]));
    }
    panel_plot_close(r->ctx);
    free(p.ranks);
}

/* ---- the whole ---- */

qx_err diagnose_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *answer)
{
    struct report r = {.ctx = ctx, .s = state};
    size_t n_rows = 0;
    uint64_t n = qx_answer_items(ctx, answer, &r.n_failed);
    if (n == 0)
        return r.n_failed == 0
                   ? QX_ERR_OK
                   : qx_error(ctx, QX_ERR_TASK, "no quantity has all its draws as finite numbers");
    const double *rows = qx_answer_data(ctx, answer, r.s->rows, QX_ANSWER_ROWS, &n_rows);
    r.n = (uint32_t)n_rows;
    r.d = malloc((n_rows + 1) * sizeof *r.d);
    r.quantity = malloc((n_rows + 1) * sizeof *r.quantity);
    bool ok = rows && r.d && r.quantity;
    for (uint32_t k = 0; ok && k < r.n; k++, rows += DIAGNOSE_COLUMNS) {
        r.quantity[k] = (uint32_t)rows[0] - 1;
        r.d[k] = diagnose_read(rows + 1);
    }
    if (ok) {
        struct worst w = worst_of(r.d, r.n);
        emit_head(&r);
        emit_worst(&r, &w);
        emit_tables(&r);
        emit_warnings(&r, &w);
        emit_plots(&r, &w);
    }
    free(r.d);
    free(r.quantity);
    return ok ? QX_ERR_OK : qx_error(ctx, QX_ERR_NOMEM, "out of memory");
}
