#include "mcmc/chain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { START_TRIES = 100, LOOK_EVERY = 32 };

const char *const draw_column_names[DRAW_COLUMNS] = {
    "lp__", "accept_stat__", "stepsize__", "treedepth__", "n_leapfrog__", "divergent__", "energy__"};

bool chain_init(struct chain *c, const struct chain_config *config, const struct target *t)
{
    *c = (struct chain){.config = *config, .target = t};
    size_t n = t->n_dim;
    c->memory = calloc(3 * n + t->n_out + 1, sizeof *c->memory);
    if (!c->memory || !sampler_init(&c->sampler, config->kind, t, config->max_depth, config->path))
        return false;
    c->variances = (struct variances){.n_dim = t->n_dim, .mean = c->memory, .m2 = c->memory + n};
    c->metric = c->memory + 2 * n;
    c->out = c->memory + 3 * n;
    return true;
}

void chain_fini(struct chain *c)
{
    sampler_fini(&c->sampler);
    free(c->memory);
    c->memory = NULL;
}

size_t chain_record_doubles(const struct chain_config *config, uint32_t n_dim, uint32_t n_out)
{
    return RECORD_HEADER + n_dim + (size_t)config->n_draws * (DRAW_COLUMNS + n_out);
}

/* ---- the start ---- */

static bool all_finite(const double *x, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!isfinite(x[i]))
            return false;
    }
    return true;
}

/* As many parameters as there is room for. */
static void say_where(const struct chain *c, const char *what, char ret_error[CHAIN_ERROR_BYTES])
{
    const struct target *t = c->target;
    t->constrain(t, c->sampler.z.q, c->out);
    size_t len = (size_t)snprintf(ret_error, CHAIN_ERROR_BYTES, "%s at", what);
    for (uint32_t i = 0; i < t->n_out; i++) {
        char one[TARGET_NAME_BYTES + 24];
        int n = snprintf(one, sizeof one, " %s=%.3g", t->names[i], c->out[i]);
        if (len + (size_t)n + 4 >= CHAIN_ERROR_BYTES) {
            (void)snprintf(ret_error + len, CHAIN_ERROR_BYTES - len, " ..");
            return;
        }
        len += (size_t)snprintf(ret_error + len, CHAIN_ERROR_BYTES - len, "%s", one);
    }
}

static bool find_start(struct chain *c, struct qx_stream *rng, char ret_error[CHAIN_ERROR_BYTES])
{
    struct phase *z = &c->sampler.z;
    for (int k = 0; k < START_TRIES; k++) {
        for (uint32_t i = 0; i < c->target->n_dim; i++)
            z->q[i] = c->config.radius * (2 * qx_uniform(rng) - 1);
        phase_evaluate(&c->sampler.space, z);
        if (isfinite(z->lp) && (c->config.kind == SAMPLER_RWM || all_finite(z->g, c->target->n_dim)))
            return true;
    }
    say_where(
        c, isfinite(z->lp) ? "no start: the gradient is not finite" : "no start: the density is not finite",
        ret_error);
    return false;
}

static bool first_step(struct chain *c, struct qx_stream *rng, char ret_error[CHAIN_ERROR_BYTES])
{
    double step = sampler_first_step(&c->sampler, rng);
    c->sampler.step = step;
    if (isnan(step))
        say_where(c, "no step is small enough: the density is not smooth", ret_error);
    else if (isinf(step))
        (void)snprintf(ret_error, CHAIN_ERROR_BYTES,
                       "no step is too large: the density is flat, its integral infinite");
    return isfinite(step);
}

/* ---- iterations ---- */

static void iterate(struct chain *c, struct qx_stream *rng, uint32_t warmup_iteration, struct transition *ret)
{
    switch (c->config.kind) {
    case SAMPLER_HMC:
        hmc_transition(&c->sampler, rng, ret);
        break;
    case SAMPLER_RWM:
        rwm_transition(&c->sampler, rng, warmup_iteration, ret);
        break;
    case SAMPLER_NUTS:
    default:
        nuts_transition(&c->sampler, rng, ret);
    }
}

/* Cancellation and progress, now and then. False: stop. */
static bool look_up(const struct chain *c, struct qx_ctx *ctx, uint32_t done)
{
    if (done % LOOK_EVERY != 0)
        return true;
    double all = c->config.n_warmup + (double)c->config.n_draws * c->config.thin;
    qx_progress(ctx, done / all);
    return !qx_cancelled(ctx);
}

static qx_err warm_up(struct chain *c, struct qx_ctx *ctx, struct qx_stream *rng, double *record,
                      char ret_error[CHAIN_ERROR_BYTES])
{
    struct dual_average average;
    struct windows windows;
    struct transition t;
    bool gradients = c->config.kind != SAMPLER_RWM;
    if (gradients && !first_step(c, rng, ret_error))
        return QX_ERR_TASK;
    dual_average_start(&average, c->config.delta, c->sampler.step);
    windows_start(&windows, c->config.n_warmup);
    variances_start(&c->variances);
    for (uint32_t i = 1; i <= c->config.n_warmup; i++) {
        if (!look_up(c, ctx, i))
            return QX_ERR_CANCELLED;
        iterate(c, rng, i, &t);
        record[RECORD_WARMUP_LEAPFROGS] += t.n_leapfrog;
        if (!gradients)
            continue;
        c->sampler.step = dual_average_update(&average, t.accept);
        if (windows_inside(&windows))
            variances_add(&c->variances, c->sampler.z.q);
        if (!windows_advance(&windows))
            continue;
        variances_shrunk(&c->variances, c->metric);
        variances_start(&c->variances);
        space_set_metric(&c->sampler.space, c->metric);
        if (!first_step(c, rng, ret_error))
            return QX_ERR_TASK;
        dual_average_start(&average, c->config.delta, c->sampler.step);
    }
    if (gradients && average.count > 0)
        c->sampler.step = dual_average_end(&average);
    return QX_ERR_OK;
}

static void store(const struct chain *c, const struct transition *t, double *row)
{
    row[DRAW_LP] = c->sampler.z.lp;
    row[DRAW_ACCEPT] = t->accept;
    row[DRAW_STEP] = c->sampler.step;
    row[DRAW_DEPTH] = t->depth;
    row[DRAW_LEAPFROGS] = t->n_leapfrog;
    row[DRAW_DIVERGENT] = t->divergent;
    row[DRAW_ENERGY] = t->energy;
    c->target->constrain(c->target, c->sampler.z.q, row + DRAW_COLUMNS);
}

static qx_err draw(struct chain *c, struct qx_ctx *ctx, struct qx_stream *rng, double *row)
{
    uint32_t done = c->config.n_warmup;
    struct transition t = {0};
    for (uint32_t i = 0; i < c->config.n_draws; i++, row += DRAW_COLUMNS + c->target->n_out) {
        for (uint32_t k = 0; k < c->config.thin; k++) {
            if (!look_up(c, ctx, done++))
                return QX_ERR_CANCELLED;
            iterate(c, rng, 0, &t);
        }
        store(c, &t, row);
    }
    return QX_ERR_OK;
}

qx_err chain_run(struct chain *c, struct qx_ctx *ctx, uint64_t item, double *record,
                 char ret_error[CHAIN_ERROR_BYTES])
{
    struct qx_stream rng = qx_item_stream(ctx, item, 0);
    uint32_t n = c->target->n_dim;
    memset(record, 0, RECORD_HEADER * sizeof *record);
    sampler_reset(&c->sampler);
    if (!find_start(c, &rng, ret_error))
        return QX_ERR_TASK;
    qx_err e = warm_up(c, ctx, &rng, record, ret_error);
    if (e == QX_ERR_OK)
        e = draw(c, ctx, &rng, record + RECORD_HEADER + n);
    record[RECORD_ITEM] = (double)item;
    record[RECORD_DRAWS] = c->config.n_draws;
    record[RECORD_OUT] = c->target->n_out;
    record[RECORD_DIM] = n;
    record[RECORD_STEP] = c->sampler.step;
    memcpy(record + RECORD_HEADER, c->sampler.space.inv_metric, n * sizeof *record);
    return e;
}
