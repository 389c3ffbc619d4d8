/* mcmc.c - Markov chain Monte Carlo. An item is one chain: it starts, warms up and draws by its own stream,
 * and writes its draws to a RECORDS reducer. Docs: docs/tasks/mcmc.md. */
#include "mcmc/mcmc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/unused.h"

static const struct {
    const char *name;
    target_open_f *open;
} models[] = {
    {"schools", target_open_schools},
    {"normal", target_open_normal},
    {"hierarchical", target_open_hierarchical},
    {"linear", target_open_linear},
    {"logistic", target_open_logistic},
    {"poisson", target_open_poisson},
    {"arma", target_open_arma},
    {"gaussian", target_open_gaussian},
    {"user", target_open_user},
};
enum { N_MODELS = sizeof models / sizeof models[0] };

static void mcmc_free(struct mcmc *m)
{
    if (!m)
        return;
    chain_fini(&m->chain);
    target_close(&m->target);
    free(m->record);
    free(m);
}

/* ---- opening ---- */

/* A density of a user may read any parameter. */
static qx_err check_unused(struct qx_ctx *ctx)
{
    static const struct unused by_model[] = {{"y", "schools normal hierarchical arma user"},
                                             {"se", "schools user"},
                                             {"group", "hierarchical user"},
                                             {"form", "schools hierarchical user"},
                                             {"formula", "linear logistic poisson user"},
                                             {"na", "linear logistic poisson user"},
                                             {"dim", "gaussian user"},
                                             {"rho", "gaussian user"},
                                             {"density", "user"},
                                             {"args", "user"}},
                               by_sampler[] = {
                                   {"delta", "nuts hmc"}, {"max_depth", "nuts hmc"}, {"path", "hmc"}};
    qx_err e = unused_refuse(ctx, "model", by_model, sizeof by_model / sizeof by_model[0]);
    return e == QX_ERR_OK
               ? unused_refuse(ctx, "sampler", by_sampler, sizeof by_sampler / sizeof by_sampler[0])
               : e;
}

static qx_err open_target(struct qx_ctx *ctx, struct mcmc *m)
{
    char why[PLACE_BYTES];
    struct priors *priors = calloc(1, sizeof *priors);
    if (!priors)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    struct target_spec spec = {ctx, priors};
    qx_err e = QX_ERR_OK;
    if (!priors_parse(priors, qx_text(ctx, "priors"), why))
        e = qx_error(ctx, QX_ERR_INVALID, "%s", why);
    for (size_t k = 0; e == QX_ERR_OK && k < N_MODELS; k++) {
        if (strcmp(models[k].name, m->model) == 0)
            e = models[k].open(&spec, &m->target);
    }
    const char *unused = e == QX_ERR_OK ? priors_unused(priors) : NULL;
    if (unused)
        e = qx_error(ctx, QX_ERR_INVALID, "priors: model=%s has no prior for \"%.60s\"; it has %.140s",
                     m->model, unused, m->target.priors[0] ? m->target.priors : "none");
    free(priors);
    return e;
}

static enum sampler_kind sampler_of(const char *name)
{
    return strcmp(name, "nuts") == 0 ? SAMPLER_NUTS : strcmp(name, "hmc") == 0 ? SAMPLER_HMC : SAMPLER_RWM;
}

static qx_err open_chain(struct qx_ctx *ctx, struct mcmc *m)
{
    struct chain_config c = {.kind = sampler_of(m->sampler),
                             .n_draws = (uint32_t)qx_int(ctx, "draws"),
                             .n_warmup = (uint32_t)qx_int(ctx, "warmup"),
                             .thin = (uint32_t)qx_int(ctx, "thin"),
                             .max_depth = (uint32_t)qx_int(ctx, "max_depth"),
                             .delta = qx_real(ctx, "delta"),
                             .path = qx_real(ctx, "path"),
                             .radius = qx_real(ctx, "init")};
    m->record_doubles = chain_record_doubles(&c, m->target.n_dim, m->target.n_out);
    uint64_t bytes = m->record_doubles * sizeof *m->record, allowed = qx_item_bytes(ctx);
    if (bytes > allowed)
        return qx_error(
            ctx, QX_ERR_INVALID,
            "a chain of %u draws writes %llu bytes, and an item may write %llu: run with --budget %llu, or "
            "take fewer draws with thin=",
            c.n_draws, (unsigned long long)bytes, (unsigned long long)allowed, (unsigned long long)bytes);
    m->record = malloc(bytes);
    if (!m->record || !chain_init(&m->chain, &c, &m->target))
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    return QX_ERR_OK;
}

static qx_err open_until(struct qx_ctx *ctx, struct mcmc *m)
{
    char why[PLACE_BYTES];
    if (!until_parse(&m->until, qx_text(ctx, "until"), why))
        return qx_error(ctx, QX_ERR_INVALID, "%s", why);
    m->max_draws = (uint64_t)qx_int(ctx, "max_draws");
    return QX_ERR_OK;
}

static qx_err open_all(struct qx_ctx *ctx, struct mcmc *m)
{
    m->model = qx_text(ctx, "model");
    m->sampler = qx_text(ctx, "sampler");
    m->csv = qx_bool(ctx, "csv");
    qx_err e = check_unused(ctx);
    if (e == QX_ERR_OK)
        e = open_until(ctx, m);
    if (e == QX_ERR_OK)
        e = open_target(ctx, m);
    if (e == QX_ERR_OK)
        e = open_chain(ctx, m);
    if (e != QX_ERR_OK)
        return e;
    return qx_reduce(ctx, &(struct qx_reducer){.kind = QX_REDUCE_RECORDS, .name = "draws"}, &m->records);
}

static qx_err mcmc_open(struct qx_ctx *ctx, void **ret_state)
{
    struct mcmc *m = calloc(1, sizeof *m);
    if (!m)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    qx_err e = open_all(ctx, m);
    if (e != QX_ERR_OK)
        mcmc_free(m);
    else
        *ret_state = m;
    return e;
}

static void mcmc_close(struct qx_ctx *ctx, void *state)
{
    (void)ctx;
    mcmc_free(state);
}

static qx_err mcmc_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    struct mcmc *m = state;
    char why[CHAIN_ERROR_BYTES];
    (void)row;
    qx_err e = chain_run(&m->chain, ctx, item, m->record, why);
    if (e == QX_ERR_TASK)
        return qx_fail_item(ctx, item, "%s", why);
    return e != QX_ERR_OK ? e : qx_write(ctx, item, m->record, m->record_doubles * sizeof *m->record);
}

/* ---- what users see ---- */

static const char *const model_names[] = {"schools", "normal", "hierarchical", "linear", "logistic",
                                          "poisson", "arma",   "gaussian",     "user",   NULL};
static const char *const sampler_names[] = {"nuts", "hmc", "rwm", NULL};
static const char *const form_names[] = {"noncentred", "centred", NULL};
static const char *const na_names[] = {"fail", "omit", NULL};

static const struct qx_param params[] = {
    {.name = "model",
     .type = QX_PARAM_CHOICE,
     .fallback = "schools",
     .choices = model_names,
     .help = "the model; each is described in docs/tasks/mcmc.md"},
    {.name = "data",
     .type = QX_PARAM_TABLE,
     .fallback = "",
     .help = "CSV file with a header; model=schools has data of its own"},
    {.name = "formula",
     .type = QX_PARAM_TEXT,
     .fallback = "",
     .help = "linear, logistic, poisson: e.g. 'score ~ iq + factor(group)'"},
    {.name = "y",
     .type = QX_PARAM_TEXT,
     .fallback = "y",
     .help = "schools, normal, hierarchical, arma: column of the values"},
    {.name = "se",
     .type = QX_PARAM_TEXT,
     .fallback = "sigma",
     .help = "schools: column of the standard errors"},
    {.name = "group",
     .type = QX_PARAM_TEXT,
     .fallback = "group",
     .help = "hierarchical: column of the groups"},
    {.name = "form",
     .type = QX_PARAM_CHOICE,
     .fallback = "noncentred",
     .choices = form_names,
     .help = "schools, hierarchical: how group effects are sampled"},
    {.name = "priors",
     .type = QX_PARAM_TEXT,
     .fallback = "",
     .help = "e.g. 'beta=normal(0,10), sigma=half_cauchy(2.5)'; default by model"},
    {.name = "na",
     .type = QX_PARAM_CHOICE,
     .fallback = "fail",
     .choices = na_names,
     .help = "linear, logistic, poisson: rows with missing values"},
    {.name = "density",
     .type = QX_PARAM_TEXT,
     .fallback = "",
     .help = "model=user: NAME of densities/NAME.so beside the plugins of each worker"},
    {.name = "args", .type = QX_PARAM_TEXT, .fallback = "", .help = "model=user: a text for the density"},
    {.name = "dim",
     .type = QX_PARAM_INT,
     .fallback = "10",
     .min = 1,
     .max = 4096,
     .help = "gaussian: dimensions"},
    {.name = "rho",
     .type = QX_PARAM_REAL,
     .fallback = "0.9",
     .min = -0.9999,
     .max = 0.9999,
     .help = "gaussian: correlation of neighbours"},
    {.name = "sampler",
     .type = QX_PARAM_CHOICE,
     .fallback = "nuts",
     .choices = sampler_names,
     .help = "No-U-Turn, Hamiltonian, or adaptive random walk"},
    {.name = "draws",
     .type = QX_PARAM_INT,
     .fallback = "1000",
     .min = 4,
     .max = 1e8,
     .help = "draws kept of each chain"},
    {.name = "warmup",
     .type = QX_PARAM_INT,
     .fallback = "1000",
     .min = 0,
     .max = 1e8,
     .help = "iterations before, in which the sampler adapts"},
    {.name = "thin",
     .type = QX_PARAM_INT,
     .fallback = "1",
     .min = 1,
     .max = 1e6,
     .help = "iterations for each draw kept"},
    {.name = "delta",
     .type = QX_PARAM_REAL,
     .fallback = "0.8",
     .min = 0.01,
     .max = 0.9999,
     .help = "nuts, hmc: acceptance probability to adapt the step to"},
    {.name = "max_depth",
     .type = QX_PARAM_INT,
     .fallback = "10",
     .min = 1,
     .max = NUTS_DEPTH_MAX,
     .help = "nuts, hmc: a trajectory has at most 2^this steps"},
    {.name = "path",
     .type = QX_PARAM_REAL,
     .fallback = "1.5",
     .min = 1e-6,
     .max = 1e6,
     .help = "hmc: mean length of a trajectory, in standard deviations"},
    {.name = "init",
     .type = QX_PARAM_REAL,
     .fallback = "2",
     .min = 0,
     .max = 1e6,
     .help = "chains start uniformly on -init .. init, unconstrained"},
    {.name = "until",
     .type = QX_PARAM_TEXT,
     .fallback = "",
     .help = "'rhat<1.01,ess>400': draws double until all parameters meet it"},
    {.name = "max_draws",
     .type = QX_PARAM_INT,
     .fallback = "100000",
     .min = 4,
     .max = 1e8,
     .help = "with until: no round has more draws"},
    {.name = "csv",
     .type = QX_PARAM_BOOL,
     .fallback = "yes",
     .help = "the draws as files in CmdStan's layout, for qx run --save DIR"},
};

const struct qx_task task_mcmc = {
    .struct_size = sizeof(struct qx_task),
    .name = "mcmc",
    .version = "1.0",
    .help = "Markov chain Monte Carlo: chains, their draws and what they say",
    .details = "An item is a chain. Eight schools, four chains:\n"
               "  qx run mcmc model=schools --seed 1\n"
               "  qx run mcmc model=linear data=kidiq.csv formula='kid_score ~ mom_iq' "
               "priors='sigma=half_cauchy(2.5)'\n"
               "  qx run mcmc model=schools --until 'rhat<1.01,ess>400' --plot trace.png --save draws/",
    .params = params,
    .n_params = sizeof params / sizeof params[0],
    .default_items = 4,
    .open = mcmc_open,
    .run = mcmc_run,
    .close = mcmc_close,
    .finish = mcmc_finish,
};
