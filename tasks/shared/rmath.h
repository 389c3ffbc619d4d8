/* rmath.h - R's distribution functions (libRmath), under their own names. Never its random numbers: those of an item come from
 * its stream. */
#ifndef TASKS_SHARED_RMATH_H
#define TASKS_SHARED_RMATH_H

#define MATHLIB_STANDALONE 1
#include <Rmath.h>

#endif
