#include "em/mistake.h"

#include <stdarg.h>
#include <stdio.h>

bool mistake(char ret[MISTAKE_BYTES], const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is started above */
    (void)vsnprintf(ret, MISTAKE_BYTES, fmt, ap);
    va_end(ap);
    return false;
}
