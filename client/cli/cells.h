/* cells.h - what --grid asks for, as the cells of a job: all combinations, the first grid slowest. */
#ifndef QX_CLI_CELLS_H
#define QX_CLI_CELLS_H

#include "quincunx/job.h"

enum { CELLS_GRIDS_MAX = 16, CELLS_LIMIT = 100000 };

struct axis {
    char *name;
    char **values;
    size_t n_values;
};

struct cells {
    struct axis axes[CELLS_GRIDS_MAX];
    size_t n_axes;
    struct qx_cell_args *cells;
    struct qx_arg *args;
    uint32_t n_cells; /* 0: no grid */
};

/* "n=20:120:10" (from:to:step, ends included), "n=1:5", "delta=0.2,0.5", "design=t2,anova"; commas inside parentheses
 * do not part values. INVALID says what is wrong with which grid. */
qx_err cells_parse(const char *const *specs, size_t n_specs, struct cells *ret, struct qx_error *err);
void cells_fini(struct cells *c);

#endif
