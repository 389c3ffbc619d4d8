/* utf8.h - is it UTF-8? Pure, thread-safe. */
#ifndef QX_COMMON_UTF8_H
#define QX_COMMON_UTF8_H

#include <stddef.h>

/* The offset of the first byte that is not part of a well-formed character (RFC 3629: no surrogates, no overlong
 * forms), or `len` if all is well. NUL is a character. */
size_t utf8_check(const void *data, size_t len);

#endif
