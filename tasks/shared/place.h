/* place.h - mistakes in texts that people write, told in one form: what is wrong, which character, and the text with a mark
 * behind what is at fault:
 *     unknown name "yy" (did you mean "y"?) at position 3: x*yy <-- here +1
 * Pure. */
#ifndef TASKS_SHARED_PLACE_H
#define TASKS_SHARED_PLACE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PLACE_BYTES = 320 };
#define PLACE_WORD SIZE_MAX /* as a length: the name, number or character that comes there, behind spaces */

/* What is at fault: `len` bytes at `at` of `text`; 0 of them: the end. Long texts are cut around it. Returns false. */
bool place_error(char ret[PLACE_BYTES], const char *text, size_t at, size_t len, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
bool place_error_list(char ret[PLACE_BYTES], const char *text, size_t at, size_t len, const char *fmt,
                      va_list ap) __attribute__((format(printf, 5, 0)));

#endif
