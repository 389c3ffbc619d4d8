/* panel.h - the parts of an answer's plot, as docs/writing-tasks.md describes them. */
#ifndef TASKS_SHARED_PANEL_H
#define TASKS_SHARED_PANEL_H

#include "quincunx/task.h"

/* "plot" with a list of panels; panel_plot_close() ends both. */
void panel_plot_open(struct qx_ctx *ctx);
void panel_plot_close(struct qx_ctx *ctx);

/* A panel, to be ended with qx_emit_close(); what it shows follows. */
void panel_open(struct qx_ctx *ctx, const char *kind, const char *title, const char *xlabel,
                const char *ylabel);

/* A list of numbers, such as edges or counts. */
void panel_numbers(struct qx_ctx *ctx, const char *name, const double *v, size_t n);

/* One of a list "series": n points, with bounds unless they are NULL. */
void panel_series(struct qx_ctx *ctx, const char *name, size_t n, const double *x, const double *y,
                  const double *lower, const double *upper);

/* One of a list "marks", on axis "x" or "y"; none where `at` is not finite. */
void panel_mark(struct qx_ctx *ctx, const char *axis, double at, const char *label, const char *style);

/* How many bins a histogram of n values has: 2 cbrt(n) (Rice), from 10 to `most`. */
int panel_bins(double n, int most);

#endif
