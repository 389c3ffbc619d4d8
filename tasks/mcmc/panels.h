/* panels.h - pictures of one quantity: its trace and its ranks. */
#ifndef TASKS_MCMC_PANELS_H
#define TASKS_MCMC_PANELS_H

#include "mcmc/diagnostics.h"
#include "quincunx/task.h"

enum { PANEL_CHAINS = 8, PANEL_LABEL_BYTES = 48 }; /* the first chains are shown */

struct panel_draws {
    uint32_t n_chains, n_draws;
    const double *x; /* chain after chain */
    double *ranks;   /* work space: as many */
    struct diag_work *work;
    char labels[PANEL_CHAINS][PANEL_LABEL_BYTES];
};

/* Two panels of an open plot. */
void panels_emit(struct qx_ctx *ctx, const struct panel_draws *p, const char *name);

#endif
