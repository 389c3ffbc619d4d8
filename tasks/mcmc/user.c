/* user.c - a log density from a shared object of the user's: quincunx/density.h. */
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcmc/mcmc.h"
#include "quincunx/density.h"
#include "shared/beside.h"

enum { CHECK_POINTS = 5 };

struct user {
    void *handle, *state;
    const struct qx_density *density;
    bool is_open;
    double *work; /* for differences */
};

static double user_value(const struct target *t, const double *q)
{
    const struct user *m = t->model;
    return m->density->log_density(m->state, q, NULL);
}

static double user_log_density(const struct target *t, const double *q, double *grad)
{
    const struct user *m = t->model;
    if (grad && !m->density->has_gradient)
        return target_difference(t, user_value, q, grad, m->work);
    return m->density->log_density(m->state, q, grad);
}

static void user_constrain(const struct target *t, const double *q, double *out)
{
    const struct user *m = t->model;
    if (m->density->constrain)
        m->density->constrain(m->state, q, out);
    else
        memcpy(out, q, t->n_dim * sizeof *out);
}

static void user_release(struct user *m)
{
    if (m->is_open && m->density->close)
        m->density->close(m->state);
    free(m->work);
    if (m->handle)
        (void)dlclose(m->handle);
    *m = (struct user){.handle = NULL};
}

static void user_fini(struct target *t)
{
    user_release(t->model);
}

/* ---- loading ---- */

static qx_err load(struct qx_ctx *ctx, const char *path, struct user *m)
{
    m->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!m->handle)
        return qx_error(ctx, QX_ERR_INVALID, "density: %.200s", dlerror());
    m->density = dlsym(m->handle, "qx_density");
    if (!m->density)
        return qx_error(ctx, QX_ERR_INVALID, "density: %.150s exports no qx_density", path);
    if (m->density->abi_version != QX_DENSITY_ABI || m->density->struct_size != sizeof *m->density)
        return qx_error(ctx, QX_ERR_INVALID,
                        "density: %.120s was built for another version of quincunx/density.h", path);
    if (!m->density->log_density)
        return qx_error(ctx, QX_ERR_INVALID, "density: %.150s has no log_density", path);
    return QX_ERR_OK;
}

static qx_err load_and_open(struct qx_ctx *ctx, struct user *m, uint32_t *ret_dim, uint32_t *ret_out)
{
    char path[BESIDE_PATH_BYTES];
    const char *name = qx_text(ctx, "density");
    if (!*name)
        return qx_error(ctx, QX_ERR_INVALID,
                        "model=user needs density=NAME: densities/NAME.so beside the plugins of each worker");
    qx_err e = beside_find(ctx, "density", "QX_DENSITY_DIR", "densities", name, path);
    if (e == QX_ERR_OK)
        e = load(ctx, path, m);
    if (e != QX_ERR_OK || !m->density)
        return e;
    *ret_dim = m->density->n_dim;
    *ret_out = m->density->n_out;
    if (m->density->open)
        e = m->density->open(ctx, &m->state, ret_dim, ret_out);
    m->is_open = e == QX_ERR_OK;
    if (e == QX_ERR_OK && *ret_dim == 0)
        e = qx_error(ctx, QX_ERR_INVALID, "density: %.60s has no dimensions", qx_text(ctx, "density"));
    if (*ret_out == 0)
        *ret_out = *ret_dim;
    if (e == QX_ERR_OK && !m->density->constrain && *ret_out != *ret_dim)
        e = qx_error(ctx, QX_ERR_INVALID, "density: %.60s gives %u numbers of %u and no constrain()",
                     qx_text(ctx, "density"), *ret_out, *ret_dim);
    return e;
}

/* At a few points that are the same in every executor. */
static qx_err check_gradient(struct qx_ctx *ctx, const struct target *t)
{
    struct qx_stream rng;
    double *q = malloc(t->n_dim * sizeof *q), given = 0, difference = 0;
    size_t bad = SIZE_MAX;
    if (!q)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    qx_stream_init(&rng, 1, 0, 0);
    for (int k = 0; k < CHECK_POINTS && bad == SIZE_MAX; k++) {
        for (uint32_t i = 0; i < t->n_dim; i++)
            q[i] = 2 * qx_uniform(&rng) - 1;
        bad = target_check_gradient(t, q, &given, &difference);
    }
    double where = bad == SIZE_MAX ? 0 : q[bad];
    free(q);
    if (bad == SIZE_MAX)
        return QX_ERR_OK;
    return qx_error(ctx, QX_ERR_INVALID,
                    "density: the gradient is wrong in coordinate %zu of %u (at q[%zu] = %.6g): it gives "
                    "%.9g, finite differences give "
                    "%.9g",
                    bad + 1, t->n_dim, bad + 1, where, given, difference);
}

static void describe(const struct target_spec *spec, struct target *t)
{
    const struct user *m = t->model;
    for (uint32_t i = 0; i < t->n_out; i++) {
        if (m->density->names)
            target_name(t, i, "%s", m->density->names[i]);
        else
            target_name(t, i, "x[%u]", i + 1);
    }
    (void)snprintf(t->about, sizeof t->about, "%.60s: %.300s", qx_text(spec->ctx, "density"),
                   m->density->help ? m->density->help : "a density of the user's");
    if (!m->density->has_gradient)
        (void)snprintf(t->note, sizeof t->note,
                       "the density has no gradient: central differences stand for it, %u evaluations each; "
                       "sampler=rwm needs none",
                       2 * t->n_dim + 1);
}

qx_err target_open_user(const struct target_spec *spec, struct target *t)
{
    struct user m = {.handle = NULL};
    uint32_t n_dim = 0, n_out = 0;
    qx_err e = load_and_open(spec->ctx, &m, &n_dim, &n_out);
    if (e == QX_ERR_OK)
        e = target_init(spec, t, n_dim, n_out, sizeof m);
    if (e == QX_ERR_OK && !(m.work = calloc(n_dim + 1, sizeof *m.work)))
        e = qx_error(spec->ctx, QX_ERR_NOMEM, "out of memory");
    if (e != QX_ERR_OK || !m.density) {
        user_release(&m);
        return e;
    }
    *(struct user *)t->model = m;
    t->fini = user_fini;
    t->log_density = user_log_density;
    t->constrain = user_constrain;
    t->no_gradient = !m.density->has_gradient;
    describe(spec, t);
    return m.density->has_gradient ? check_gradient(spec->ctx, t) : QX_ERR_OK;
}
