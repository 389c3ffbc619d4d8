/* given.h - draws that come as a table: quantities by chain.
 *
 * By parameters, a column is a quantity, and rows with the same value in the column chain= are a chain; by chains, a column
 * is a chain of the one quantity. Draws are in the order of the rows. */
#ifndef TASKS_MCMC_GIVEN_H
#define TASKS_MCMC_GIVEN_H

#include "fit/groups.h"

enum { GIVEN_LEFT_OUT_BYTES = 256, GIVEN_DRAWS_MIN = 4 };

struct given {
    bool by_chains;
    uint32_t n_quantities, n_chains;
    uint32_t n_draws, n_warmup;      /* of each chain: kept, and left out before them */
    const struct qx_column **column; /* of each quantity or, by chains, of each chain */
    uint32_t n_columns;
    const struct qx_column *chain;       /* NULL: all rows are one chain, or by chains */
    struct groups groups;                /* of rows; not by chains */
    const char *name;                    /* of the quantity, by chains */
    char left_out[GIVEN_LEFT_OUT_BYTES]; /* columns that are no quantities: texts and counters */
};

/* Reads data=, columns=, chain=, only=, name= and warmup=. On failure ctx has been told why; close is due all the same. */
qx_err given_open(struct qx_ctx *ctx, struct given *g);
void given_close(struct given *g); /* zeroed is fine */

const char *given_name(const struct given *g, uint32_t quantity);
void given_label(const struct given *g, uint32_t chain, char *ret, size_t len);

/* n_chains x n_draws, chain after chain. NULL, or why this quantity has no diagnostics. */
const char *given_gather(const struct given *g, uint32_t quantity, double *ret);

#endif
