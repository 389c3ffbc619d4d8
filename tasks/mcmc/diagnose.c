/* diagnose.c - the diagnostics of draws that exist already. An item is one quantity: it has no use for random numbers, and
 * its row holds its diagnostics. Docs: docs/tasks/mcmc.diagnose.md. */
#include "mcmc/diagnose.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

static const struct {
    const char *name;
    size_t at;
} values[DIAGNOSE_VALUES] = {
    {"mean", offsetof(struct diag, mean)},
    {"mcse_mean", offsetof(struct diag, mcse_mean)},
    {"sd", offsetof(struct diag, sd)},
    {"mcse_sd", offsetof(struct diag, mcse_sd)},
    {"q5", offsetof(struct diag, q5)},
    {"median", offsetof(struct diag, median)},
    {"q95", offsetof(struct diag, q95)},
    {"rhat", offsetof(struct diag, rhat)},
    {"ess_bulk", offsetof(struct diag, ess_bulk)},
    {"ess_tail", offsetof(struct diag, ess_tail)},
    {"mcse_q5", offsetof(struct diag, mcse_q5)},
    {"mcse_median", offsetof(struct diag, mcse_median)},
    {"mcse_q95", offsetof(struct diag, mcse_q95)},
    {"rhat_basic", offsetof(struct diag, rhat_basic)},
    {"ess_basic", offsetof(struct diag, ess_basic)},
    {"ess_mean", offsetof(struct diag, ess_mean)},
    {"ess_sd", offsetof(struct diag, ess_sd)},
    {"ess_median", offsetof(struct diag, ess_median)},
    {"ess_q5", offsetof(struct diag, ess_q5)},
    {"ess_q95", offsetof(struct diag, ess_q95)},
};

_Static_assert(sizeof(struct diag) == DIAGNOSE_VALUES * sizeof(double), "every number of a diag has a place");

void diagnose_row(const struct diag *d, double *ret_values)
{
    for (int k = 0; k < DIAGNOSE_VALUES; k++) {
        double v = *(const double *)(const void *)((const char *)d + values[k].at);
        ret_values[k] = isnan(v) ? NAN : v; /* one NaN: equal rows have equal bits */
    }
}

struct diag diagnose_read(const double *from)
{
    struct diag d = {0};
    for (int k = 0; k < DIAGNOSE_VALUES; k++)
        *(double *)(void *)((char *)&d + values[k].at) = from[k];
    return d;
}

static void diagnose_free(struct diagnose *s)
{
    given_close(&s->given);
    (void)diag_work_free(s->work);
    free(s->x);
    free(s);
}

static qx_err open_all(struct qx_ctx *ctx, struct diagnose *s)
{
    struct given *g = &s->given;
    qx_err e = given_open(ctx, g);
    if (e != QX_ERR_OK)
        return e;
    s->work = diag_work_new(g->n_draws, g->n_chains);
    s->x = malloc((size_t)g->n_chains * g->n_draws * sizeof *s->x);
    if (!s->work || !s->x)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    e = qx_items(ctx, g->n_quantities, g->n_quantities);
    if (e == QX_ERR_OK)
        e = qx_output(ctx, "quantity", NULL);
    for (int k = 0; k < DIAGNOSE_VALUES && e == QX_ERR_OK; k++)
        e = qx_output(ctx, values[k].name, NULL);
    return e == QX_ERR_OK
               ? qx_reduce(ctx, &(struct qx_reducer){.kind = QX_REDUCE_COLLECT, .name = "diagnostics"},
                           &s->rows)
               : e;
}

static qx_err diagnose_open(struct qx_ctx *ctx, void **ret_state)
{
    struct diagnose *s = calloc(1, sizeof *s);
    if (!s)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    qx_err e = open_all(ctx, s);
    if (e != QX_ERR_OK)
        diagnose_free(s);
    else
        *ret_state = s;
    return e;
}

static void diagnose_close(struct qx_ctx *ctx, void *state)
{
    (void)ctx;
    diagnose_free(state);
}

static qx_err diagnose_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    struct diagnose *s = state;
    struct diag d;
    if (item >= s->given.n_quantities)
        return qx_fail_item(ctx, item, "there are fewer quantities");
    const char *why = given_gather(&s->given, (uint32_t)item, s->x);
    if (why)
        return qx_fail_item(ctx, item, "%s", why);
    diag_compute(s->work, s->x, &d);
    row[0] = (double)item + 1;
    diagnose_row(&d, row + 1);
    return QX_ERR_OK;
}

static const char *const column_names[] = {"parameters", "chains", NULL};

static const struct qx_param params[] = {
    {.name = "data", .type = QX_PARAM_TABLE, .help = "CSV file with a header: the draws"},
    {.name = "columns",
     .type = QX_PARAM_CHOICE,
     .fallback = "parameters",
     .choices = column_names,
     .help = "a column is a quantity, or one chain of the only quantity"},
    {.name = "chain",
     .type = QX_PARAM_TEXT,
     .fallback = "",
     .help = "column that tells the chains apart; default .chain or chain, else one chain"},
    {.name = "only",
     .type = QX_PARAM_TEXT,
     .fallback = "",
     .help = "columns, comma-separated; theta: also all of theta[1], theta[2] .."},
    {.name = "warmup",
     .type = QX_PARAM_INT,
     .fallback = "0",
     .min = 0,
     .max = 1e9,
     .help = "draws to leave out at the start of each chain"},
    {.name = "name",
     .type = QX_PARAM_TEXT,
     .fallback = "",
     .help = "columns=chains: what the quantity is called (x)"},
};

const struct qx_task task_diagnose = {
    .struct_size = sizeof(struct qx_task),
    .name = "mcmc.diagnose",
    .version = "1.0",
    .help = "R-hat, effective sample sizes and Monte Carlo errors of draws that exist already",
    .details = "Draws of Stan, JAGS, PyMC ..; numbers as R's posterior gives them. An item is a quantity.\n"
               "  qx run mcmc.diagnose data=draws.csv chain=.chain only=mu,theta\n"
               "  qx run mcmc.diagnose data=mu.csv columns=chains name=mu --plot mu.png",
    .params = params,
    .n_params = sizeof params / sizeof params[0],
    .flags = QX_TASK_COUNTS_ITEMS,
    .open = diagnose_open,
    .run = diagnose_run,
    .close = diagnose_close,
    .finish = diagnose_finish,
};
