/* many.h - many variables under the same arrangements: a reducer that counts, for each, the arrangements at least as extreme
 * as the data, alone and through the largest of those variables that are no more extreme than it (Westfall and Young 1993,
 * algorithm 4.1). Variables are in ascending order of their extremity, which is the order of the successive maxima. */
#ifndef TASKS_PERM_MANY_H
#define TASKS_PERM_MANY_H

#include "perm/adjust.h"
#include "perm/perm.h"

/* Its state is the counts of adjust.h. */
extern const struct qx_reducer_ops many_ops;

struct many *many_new(const struct perm *p); /* NULL: out of memory */
void many_free(struct many *m);

#endif
