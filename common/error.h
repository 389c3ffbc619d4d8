/* error.h - filling in a struct qx_error, and the check for our own bugs.
 * Pure: no I/O except QX_BUG_ON, which prints one line and aborts, also in release builds. */
#ifndef QX_COMMON_ERROR_H
#define QX_COMMON_ERROR_H

#include "quincunx/error.h"

/* Formats into `err` (NULL is fine) and returns `code`. Text that does not fit is cut at a character. */
qx_err qx_fail(struct qx_error *err, qx_err code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
qx_err qx_vfail(struct qx_error *err, qx_err code, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));

/* "PROTO" and "peer violated the protocol"; never NULL. */
const char *qx_err_name(qx_err code);
const char *qx_err_text(qx_err code);

_Noreturn void qx_bug(const char *file, int line, const char *what);

#ifdef __clang_analyzer__ /* what it cannot see from here: a failure is never OK */
#define qx_fail(err, code, ...) ((void)qx_fail((err), (code), __VA_ARGS__), (code))
#endif

#define QX_BUG_ON(cond)                                                                                      \
    do {                                                                                                     \
        if (__builtin_expect(!!(cond), 0))                                                                   \
            qx_bug(__FILE__, __LINE__, #cond);                                                               \
    } while (0)

#endif
