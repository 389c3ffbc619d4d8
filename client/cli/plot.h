/* plot.h - the answer of a job as a picture, drawn by gnuplot. */
#ifndef QX_CLI_PLOT_H
#define QX_CLI_PLOT_H

#include <jansson.h>
#include <stdbool.h>

#include "client/cli/progress.h"

/* Can FILE be drawn? INVALID: it is no .png, .svg or .pdf, or gnuplot is not here. To be asked before the job runs. */
qx_err plot_check(const char *path, struct qx_error *err);
/* Is there neither histogram nor grid, so that it will be drawn how the estimate settled? */
bool plot_shows_settling(const json_t *report);
/* What fits the answer best: its "plot" (a histogram with marks, or "panels" of such), a grid with error bars, or how
 * the estimate settled, from the answers `settled` (settle.h) and the history of the running mean; both may be NULL. */
qx_err plot_draw(const char *path, const json_t *report, const json_t *settled,
                 const struct progress *history, struct qx_error *err);

#endif
