#include "shared/panel.h"

#include <math.h>

enum { BINS_MIN = 10 };

void panel_plot_open(struct qx_ctx *ctx)
{
    qx_emit_open(ctx, "plot");
    qx_emit_list(ctx, "panels");
}

void panel_plot_close(struct qx_ctx *ctx)
{
    qx_emit_close(ctx);
    qx_emit_close(ctx);
}

void panel_open(struct qx_ctx *ctx, const char *kind, const char *title, const char *xlabel,
                const char *ylabel)
{
    qx_emit_open(ctx, NULL);
    qx_emit_text(ctx, "kind", kind);
    qx_emit_text(ctx, "title", title);
    qx_emit_text(ctx, "xlabel", xlabel);
    qx_emit_text(ctx, "ylabel", ylabel);
}

void panel_numbers(struct qx_ctx *ctx, const char *name, const double *v, size_t n)
{
    qx_emit_list(ctx, name);
    for (size_t i = 0; i < n; i++)
        qx_emit_number(ctx, NULL, v[i]);
    qx_emit_close(ctx);
}

void panel_series(struct qx_ctx *ctx, const char *name, size_t n, const double *x, const double *y,
                  const double *lower, const double *upper)
{
    qx_emit_open(ctx, NULL);
    qx_emit_text(ctx, "name", name);
    panel_numbers(ctx, "x", x, n);
    panel_numbers(ctx, "y", y, n);
    if (lower)
        panel_numbers(ctx, "lower", lower, n);
    if (upper)
        panel_numbers(ctx, "upper", upper, n);
    qx_emit_close(ctx);
}

void panel_mark(struct qx_ctx *ctx, const char *axis, double at, const char *label, const char *style)
{
    if (!isfinite(at))
        return;
    qx_emit_open(ctx, NULL);
    qx_emit_number(ctx, axis, at);
    qx_emit_text(ctx, "label", label);
    qx_emit_text(ctx, "style", style);
    qx_emit_close(ctx);
}

int panel_bins(double n, int most)
{
    double cube = ceil(2 * cbrt(n));
    return cube < BINS_MIN ? BINS_MIN : cube > most ? most : (int)cube;
}
