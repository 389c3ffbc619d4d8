/* trace.h - what is kept of the iterations of a fit: all of them, or of a long one evenly spaced ones, at most TRACE_MAX; the
 * start and the last always. */
#ifndef TASKS_EM_TRACE_H
#define TASKS_EM_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "quincunx/task.h"

enum { TRACE_MAX = 2000 };

/* Writes the parameters that a model holds. */
typedef void (*trace_snapshot_f)(const void *model, double *to);

struct trace {
    uint32_t n;          /* rows */
    uint32_t each;       /* iterations between two of them */
    uint32_t width;      /* numbers of an iterate */
    uint32_t *iteration; /* n */
    double *loglik;      /* n */
    double *iterates;    /* n x width */
    trace_snapshot_f snapshot;
    const void *model;
};

/* False: out of memory. `snapshot` may be NULL where width is 0. */
bool trace_init(struct trace *t, uint32_t width, trace_snapshot_f snapshot, const void *model);
void trace_fini(struct trace *t); /* a zeroed one is fine */
/* A fit_trace_f with a struct trace. */
void trace_add(void *arg, uint32_t iteration, double loglik);

/* The panel of a plot that shows the log-likelihood by iteration. */
void trace_emit_panel(struct qx_ctx *ctx, const struct trace *t, const char *title);
/* Which rows a picture shows, at most TRACE_PLOT_MAX. */
enum { TRACE_PLOT_MAX = 301 };
uint32_t trace_thin(const struct trace *t, uint32_t ret[TRACE_PLOT_MAX]);

#endif
