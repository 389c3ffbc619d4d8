/* plot.h - the answer of a job as a picture, drawn by gnuplot. */
#ifndef QX_CLI_PLOT_H
#define QX_CLI_PLOT_H

#include <jansson.h>

#include "client/cli/progress.h"

/* Can FILE be drawn? INVALID: it is no .png, .svg or .pdf, or gnuplot is not here. To be asked before the job runs. */
qx_err plot_check(const char *path, struct qx_error *err);
/* What fits the answer best: its "plot" (a histogram with marks), a grid with error bars, or how the estimate settled. */
qx_err plot_draw(const char *path, const json_t *report, const struct progress *history,
                 struct qx_error *err);

#endif
