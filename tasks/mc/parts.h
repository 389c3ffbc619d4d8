/* parts.h - texts that are lists: their parts, outside of brackets. Pure. */
#ifndef TASKS_MC_PARTS_H
#define TASKS_MC_PARTS_H

#include <stdbool.h>
#include <stddef.h>

/* The next `stop` outside of brackets, or the end of the text. */
const char *part_end(const char *from, char stop);

/* A copy of [from, to) without spaces at its ends; false if it does not fit. */
bool part_copy(char *ret, size_t size, const char *from, const char *to);

#endif
