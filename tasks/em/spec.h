/* spec.h - cells and parameters as users write them, and counts. Pure. */
#ifndef TASKS_EM_SPEC_H
#define TASKS_EM_SPEC_H

#include "em/cells.h"

/* Reads "A = p^2 + 2*p*r; B = ..", names of cells being optional, and the simplexes, see simplex_parse(); NULL: all names in the
 * cells are one simplex. The probabilities add up to 1 and each parameter is in a cell. False with a text on a mistake; c is
 * then empty. */
bool spec_read(struct cells *c, const char *cells, const char *simplexes, char ret_error[MISTAKE_BYTES]);

/* Reads "186,38,13,284" in the order of the cells, or "A=186,B=38,..", and sets them. */
bool spec_counts(struct cells *c, const char *text, char ret_error[MISTAKE_BYTES]);

/* The cell of a name; on failure a text that names the nearest. */
bool spec_find(const struct cells *c, const char *name, uint32_t *ret, char ret_error[MISTAKE_BYTES]);

#endif
