/* busy.c - items that burn a given time of the processor. The time is measured on the thread's own clock, so an
 * item that is preempted still does its full work. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "basic/basic.h"

enum busy_dist { BUSY_FIXED, BUSY_EXPONENTIAL, BUSY_UNIFORM, BUSY_LOGNORMAL };

static const char *const dist_names[] = {"fixed", "exponential", "uniform", "lognormal", NULL};

struct busy_state {
    enum busy_dist dist;
    double ms;        /* mean */
    double mu, sigma; /* of the logarithm, for LOGNORMAL */
};

static qx_err busy_open(struct qx_ctx *ctx, void **ret_state)
{
    const struct qx_reducer moments = {.kind = QX_REDUCE_MOMENTS, .name = "ms"};
    qx_err e = qx_output(ctx, "ms", NULL);
    if (e == QX_ERR_OK)
        e = qx_reduce(ctx, &moments, NULL);
    if (e != QX_ERR_OK)
        return e;
    struct busy_state *s = calloc(1, sizeof *s);
    if (!s)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    const char *dist = qx_text(ctx, "dist");
    while (dist_names[s->dist + 1] && strcmp(dist, dist_names[s->dist]) != 0)
        s->dist++;
    double cv = qx_real(ctx, "cv");
    s->ms = qx_real(ctx, "ms");
    s->sigma = sqrt(log1p(cv * cv));
    s->mu = log(s->ms) - s->sigma * s->sigma / 2;
    *ret_state = s;
    return QX_ERR_OK;
}

static void busy_close(struct qx_ctx *ctx, void *state)
{
    (void)ctx;
    free(state);
}

static double busy_draw(const struct busy_state *s, struct qx_ctx *ctx, uint64_t item)
{
    if (s->dist == BUSY_FIXED || s->ms <= 0)
        return s->ms;
    struct qx_stream rng = qx_item_stream(ctx, item, 0);
    switch (s->dist) {
    case BUSY_EXPONENTIAL:
        return s->ms * qx_exponential(&rng);
    case BUSY_UNIFORM:
        return 2 * s->ms * qx_uniform(&rng);
    case BUSY_LOGNORMAL:
        return exp(s->mu + s->sigma * qx_normal(&rng));
    case BUSY_FIXED:
    default:
        return s->ms;
    }
}

static double thread_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static qx_err busy_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    double ms = busy_draw(state, ctx, item);
    row[0] = ms;
    if (ms <= 0)
        return QX_ERR_OK;
    volatile double x = 1;
    double end = thread_ms() + ms;
    do {
        if (qx_cancelled(ctx))
            return QX_ERR_CANCELLED;
        for (int i = 0; i < 200; i++) /* about a microsecond between looks at the clock */
            x = 0.5 * (x + 2 / x);
    } while (thread_ms() < end);
    return QX_ERR_OK;
}

static const struct qx_param params[] = {
    {.name = "ms",
     .type = QX_PARAM_REAL,
     .fallback = "1",
     .min = 0,
     .max = 3.6e6,
     .help = "mean processor time of an item, ms"},
    {.name = "dist",
     .type = QX_PARAM_CHOICE,
     .fallback = "fixed",
     .choices = dist_names,
     .help = "how the times of items vary about the mean; uniform is on (0, 2 ms)"},
    {.name = "cv",
     .type = QX_PARAM_REAL,
     .fallback = "1",
     .min = 0,
     .max = 100,
     .help = "standard deviation over mean, for lognormal"},
};

const struct qx_task task_busy = {
    .struct_size = sizeof(struct qx_task),
    .name = "busy",
    .version = "1.0",
    .help = "items that burn a given processor time, fixed or drawn from a distribution",
    .details =
        "Answers the moments of the times asked for (not of those measured: the answer is reproducible).\n"
        "Example: qx run busy ms=2 dist=exponential -n 1000 --slots 2",
    .params = params,
    .n_params = sizeof params / sizeof params[0],
    .shape = QX_SHAPE_MAP,
    .grain = 1,
    .spread = BASIC_SPREAD_SLOW,
    .default_items = 100,
    .open = busy_open,
    .run = busy_run,
    .close = busy_close,
};
