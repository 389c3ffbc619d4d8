/* diagnose.h - the open task mcmc.diagnose. */
#ifndef TASKS_MCMC_DIAGNOSE_H
#define TASKS_MCMC_DIAGNOSE_H

#include "mcmc/diagnostics.h"
#include "mcmc/given.h"

struct diagnose {
    struct given given;
    struct diag_work *work;
    double *x;     /* work space: one quantity */
    uint32_t rows; /* the reducer */
};

extern const struct qx_task task_diagnose;

/* An item's row: the number of the quantity, from 1, then these of its diagnostics. */
enum { DIAGNOSE_VALUES = 20, DIAGNOSE_COLUMNS = 1 + DIAGNOSE_VALUES };
void diagnose_row(const struct diag *d, double *ret_values);
struct diag diagnose_read(const double *from);

/* The task's finish(), in diagnose_report.c. */
qx_err diagnose_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *answer);

#endif
