/* signals.h - signals as a descriptor in the poll set of a daemon's one thread. */
#ifndef QX_COMMON_SIGNALS_H
#define QX_COMMON_SIGNALS_H

#include "quincunx/error.h"

/* Blocks SIGTERM, SIGINT and SIGHUP, ignores SIGPIPE, and gives a non-blocking descriptor that becomes readable when one of them
 * comes. Call before any thread starts (libzmq's too), so that all of them inherit the mask. */
qx_err qx_signals_open(int *ret_fd, struct qx_error *err);

/* The next signal that came, 0 if none. */
int qx_signals_next(int fd);

/* Undoes the blocking and the ignoring in a child before it runs something else. */
void qx_signals_reset(void);

#endif
