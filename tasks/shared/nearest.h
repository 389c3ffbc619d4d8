/* nearest.h - the name a person probably meant. Pure. */
#ifndef TASKS_SHARED_NEAREST_H
#define TASKS_SHARED_NEAREST_H

#include <stddef.h>

/* The candidate nearest to `name` (not terminated, `len` bytes): one that differs in case alone, else by edits: insert,
 * delete, change, swap of neighbours. NULL if none is within a third of its length (at least 1, at most 4 edits). The first of equals. */
const char *nearest(const char *name, size_t len, const char *const *candidates, size_t n);

#endif
