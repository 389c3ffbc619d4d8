/* number.h - decimal text to double, the same in every locale. Pure, thread-safe. */
#ifndef QX_COMMON_NUMBER_H
#define QX_COMMON_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

/* The whole of text[0..len) as [+-]digits[.digits][e[+-]digits]; text[len] must be readable and no part of a
 * number (a NUL). Rounded to nearest; infinite when out of range. False, *ret untouched, if it is no number:
 * blanks, hexadecimal, "nan" and "inf" are none. */
bool number_parse(const char *text, size_t len, double *ret);

#endif
