/* mistake.h - what is wrong with a text, for people. Pure. */
#ifndef TASKS_EM_MISTAKE_H
#define TASKS_EM_MISTAKE_H

#include <stdbool.h>

enum { MISTAKE_BYTES = 400 };

/* Writes the text; returns false. */
bool mistake(char ret[MISTAKE_BYTES], const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
