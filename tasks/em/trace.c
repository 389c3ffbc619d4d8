#include "em/trace.h"

#include <stdlib.h>
#include <string.h>

#include "shared/panel.h"

bool trace_init(struct trace *t, uint32_t width, trace_snapshot_f snapshot, const void *model)
{
    *t = (struct trace){.each = 1, .width = width, .snapshot = snapshot, .model = model};
    t->iteration = malloc(TRACE_MAX * sizeof *t->iteration);
    t->loglik = malloc(TRACE_MAX * sizeof *t->loglik);
    t->iterates = malloc((TRACE_MAX * (size_t)width + 1) * sizeof *t->iterates);
    if (t->iteration && t->loglik && t->iterates)
        return true;
    trace_fini(t);
    return false;
}

void trace_fini(struct trace *t)
{
    free(t->iteration);
    free(t->loglik);
    free(t->iterates);
    *t = (struct trace){0};
}

/* Keeps every second of the even rows. */
static void thin(struct trace *t)
{
    uint32_t n = 0;
    t->each *= 2;
    for (uint32_t i = 0; i < t->n; i++) {
        if (t->iteration[i] % t->each != 0)
            continue;
        t->iteration[n] = t->iteration[i];
        t->loglik[n] = t->loglik[i];
        memmove(t->iterates + (size_t)n * t->width, t->iterates + (size_t)i * t->width,
                t->width * sizeof *t->iterates);
        n++;
    }
    t->n = n;
}

void trace_add(void *arg, uint32_t iteration, double loglik)
{
    struct trace *t = arg;
    if (t->n > 0 && t->iteration[t->n - 1] % t->each != 0)
        t->n--; /* it was there as the last one */
    if (t->n == TRACE_MAX)
        thin(t);
    t->iteration[t->n] = iteration;
    t->loglik[t->n] = loglik;
    if (t->width > 0)
        t->snapshot(t->model, t->iterates + (size_t)t->n * t->width);
    t->n++;
}

uint32_t trace_thin(const struct trace *t, uint32_t ret[TRACE_PLOT_MAX])
{
    uint32_t each = (t->n + TRACE_PLOT_MAX - 2) / (TRACE_PLOT_MAX - 1), n = 0;
    for (uint32_t i = 0; i < t->n; i++) {
        if (i % each == 0 || i + 1 == t->n)
            ret[n++] = i;
    }
    return n;
}

void trace_emit_panel(struct qx_ctx *ctx, const struct trace *t, const char *title)
{
    uint32_t rows[TRACE_PLOT_MAX], n = trace_thin(t, rows);
    double x[TRACE_PLOT_MAX], y[TRACE_PLOT_MAX];
    for (uint32_t i = 0; i < n; i++) {
        x[i] = t->iteration[rows[i]];
        y[i] = t->loglik[rows[i]];
    }
    panel_open(ctx, "lines", title, "iteration", "log-likelihood");
    qx_emit_list(ctx, "series");
    panel_series(ctx, "log-likelihood", n, x, y, NULL, NULL);
    qx_emit_close(ctx);
    qx_emit_close(ctx);
}
