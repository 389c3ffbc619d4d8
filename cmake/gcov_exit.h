/* gcov_exit.h - included first in every C file of a coverage build: processes that end by _exit(), as executors and
 * other forked children do, write what they counted before they go. */
#ifndef QX_GCOV_EXIT_H
#define QX_GCOV_EXIT_H

#include <unistd.h>

void __gcov_dump(void);

__attribute__((noreturn)) static inline void gcov_exit(int status)
{
    __gcov_dump();
    _exit(status);
}
#define _exit(status) gcov_exit(status)

#endif
