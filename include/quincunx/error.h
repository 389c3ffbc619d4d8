/* error.h - one list of error codes and one way to say what went wrong.
 *
 * A function that can fail returns qx_err. Where a person may read the reason it also takes a
 * `struct qx_error *`, which is the caller's, may be NULL, and is written on failure only. */
#ifndef QUINCUNX_ERROR_H
#define QUINCUNX_ERROR_H

#include <stdarg.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define QX_ERR_MAP(X)                                                                                        \
    X(OK, 0, "success")                                                                                      \
    X(NOMEM, -1, "out of memory")                                                                            \
    X(PROTO, -2, "peer violated the protocol")                                                               \
    X(STATE, -3, "not allowed in the current state")                                                         \
    X(STALE, -4, "superseded attempt")                                                                       \
    X(INVALID, -5, "invalid argument")                                                                       \
    X(NOTFOUND, -6, "not found")                                                                             \
    X(IO, -7, "input or output failed")                                                                      \
    X(TIMEOUT, -8, "timed out")                                                                              \
    X(LIMIT, -9, "over a limit")                                                                             \
    X(VERSION, -10, "unsupported version")                                                                   \
    X(CANCELLED, -11, "cancelled")                                                                           \
    X(TASK, -12, "the task failed")                                                                          \
    X(AGAIN, -13, "not now, try again")                                                                      \
    X(BUG, -14, "internal error")

typedef enum qx_err {
#define QX_ERR_ENUM(name, value, text) QX_ERR_##name = (value),
    QX_ERR_MAP(QX_ERR_ENUM)
#undef QX_ERR_ENUM
} qx_err;

enum { QX_ERROR_TEXT_BYTES = 256 };

struct qx_error {
    qx_err code;
    char text[QX_ERROR_TEXT_BYTES]; /* one line, UTF-8, no trailing newline, always terminated */
};

#ifdef __cplusplus
}
#endif
#endif
