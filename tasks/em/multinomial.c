/* multinomial.c - the task em.multinomial: an item is a whole fit of an incomplete multinomial from one start; the best
 * likelihood wins. Docs: docs/tasks/em.multinomial.md. */
#include "em/multinomial.h"

#include <stdlib.h>
#include <string.h>

#include "em/counts.h"
#include "em/outcome.h"
#include "em/spec.h"

static void multinomial_free(struct multinomial *m)
{
    if (!m)
        return;
    cells_fini(&m->cells);
    free(m);
}

static qx_err open_cells(struct qx_ctx *ctx, struct multinomial *m)
{
    char why[MISTAKE_BYTES];
    const char *simplexes = qx_text(ctx, "simplex"), *start = qx_text(ctx, "start");
    if (!spec_read(&m->cells, qx_text(ctx, "cells"), *simplexes ? simplexes : NULL, why))
        return qx_error(ctx, QX_ERR_INVALID, "%s", why);
    m->opt = (struct fit_options){
        .tol = qx_real(ctx, "tol"), .max_iter = (uint32_t)qx_int(ctx, "max_iter"), .cancel = ctx->cancel};
    m->given = *start != '\0';
    if (m->given && !simplex_point(&m->cells.simplexes, start, m->from, why))
        return qx_error(ctx, QX_ERR_INVALID, "%s", why);
    return em_counts_open(ctx, &m->cells);
}

static qx_err multinomial_open(struct qx_ctx *ctx, void **ret_state)
{
    struct multinomial *m = calloc(1, sizeof *m);
    if (!m)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    qx_err err = open_cells(ctx, m);
    if (err == QX_ERR_OK)
        err = outcome_open(ctx);
    if (err != QX_ERR_OK)
        multinomial_free(m);
    else
        *ret_state = m;
    return err;
}

static void multinomial_close(struct qx_ctx *ctx, void *state)
{
    (void)ctx;
    multinomial_free(state);
}

bool multinomial_start(struct multinomial *m, uint64_t seed, uint64_t item)
{
    const struct simplexes *x = &m->cells.simplexes;
    struct qx_stream rng;
    qx_stream_init(&rng, seed, item, 0);
    if (m->given && item == 0)
        memcpy(m->point, m->from, x->n_params * sizeof *m->point);
    else
        simplex_draw(x, &rng, m->point);
    for (uint32_t i = 0; i < x->n_params; i++) {
        if (!(m->point[i] > 0))
            return false;
    }
    return true;
}

struct fit multinomial_fit(struct multinomial *m, fit_trace_f trace, void *arg)
{
    struct cells_fit f = {&m->cells, m->point, m->drawn};
    return fit_run(&cells_steps, &f, &m->opt, trace, arg);
}

static qx_err multinomial_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    struct multinomial *m = state;
    if (!multinomial_start(m, ctx->seed, item))
        return qx_fail_item(ctx, item, "the start lies on the boundary, which EM cannot leave");
    struct fit f = multinomial_fit(m, NULL, NULL);
    if (f.end == FIT_CANCELLED)
        return QX_ERR_CANCELLED;
    if (f.end > FIT_MAX_ITER)
        return qx_fail_item(ctx, item, "a cell with a count has probability 0");
    f.loglik += m->cells.constant;
    outcome_row(&f, item, row);
    return QX_ERR_OK;
}

static const struct qx_param params[] = {
    {.name = "cells",
     .type = QX_PARAM_TEXT,
     .help = "probabilities of the cells, with or without names, e.g. 'A=p^2+2*p*r; B=q^2+2*q*r; AB=2*p*q; "
             "O=r^2'"},
    {.name = "counts",
     .type = QX_PARAM_TEXT,
     .help =
         "their counts, e.g. 186,38,13,284 or A=186,B=38,AB=13,O=284; with data= a column: of counts, or of "
         "the cell's name in each row"},
    {.name = "data", .type = QX_PARAM_TABLE, .fallback = "", .help = "CSV file with a header, for counts="},
    {.name = "simplex",
     .type = QX_PARAM_TEXT,
     .fallback = "",
     .help = "parameters that add up to 1, e.g. 'p,q,r', several sets: 'p,q; a,b,c'; one name, p: p and 1-p; "
             "all names "
             "in the cells if not given"},
    {.name = "start",
     .type = QX_PARAM_TEXT,
     .fallback = "",
     .help = "start of item 0, e.g. p=0.3,q=0.2,r=0.5; one of a simplex may be left out"},
    {.name = "tol",
     .type = QX_PARAM_REAL,
     .fallback = "1e-12",
     .min = 0,
     .max = 0.1,
     .help = "converged when no parameter moves by more; 0: always max_iter iterations"},
    {.name = "max_iter",
     .type = QX_PARAM_INT,
     .fallback = "100000",
     .min = 1,
     .max = 100000000,
     .help = "most iterations of a fit"},
};

const struct qx_task task_em_multinomial = {
    .struct_size = sizeof(struct qx_task),
    .name = "em.multinomial",
    .version = "1.0",
    .help =
        "multinomial with cells that mix hidden categories (gene counting) by EM from many random starts; an "
        "item is one whole fit",
    .details =
        "The probability of a cell is a sum of terms, each a positive number times powers of parameters, and "
        "parameters lie on one or more simplexes. Answers the maximum likelihood estimates with standard "
        "errors, "
        "every iterate, the rate of convergence, and how many starts reached the best.\n"
        "Example: qx run em.multinomial 'cells=A=p^2+2*p*r; B=q^2+2*q*r; AB=2*p*q; O=r^2' "
        "counts=186,38,13,284 "
        "start=p=0.3,q=0.2,r=0.5",
    .params = params,
    .n_params = sizeof params / sizeof params[0],
    .shape = QX_SHAPE_MAP,
    .grain = 4,
    .spread = 14,
    .default_items = 20,
    .open = multinomial_open,
    .run = multinomial_run,
    .close = multinomial_close,
    .finish = multinomial_finish,
};
