/* log.h - what daemons say: one line an event on stderr, key=value, a stable event id.
 *
 *     time=2026-01-31T12:00:00.123Z level=warn prog=qx-master event=WORKER-LOST worker=w7 leases=3
 *
 * Values that may hold spaces are written as key="..." by the caller. Control characters become spaces, so a peer cannot forge
 * a line. One write() a line. Libraries do not log. One thread, except qx_log_open before any other thread starts. */
#ifndef QX_COMMON_LOG_H
#define QX_COMMON_LOG_H

#include <stdint.h>

#include "quincunx/error.h"

enum qx_log_level { QX_LOG_ERROR, QX_LOG_WARN, QX_LOG_INFO, QX_LOG_DEBUG };

/* `prog` must live on. Lines below `level` are dropped. Without a call: level INFO, no prog. */
void qx_log_open(const char *prog, enum qx_log_level level);
/* "error", "warn", "info", "debug". */
qx_err qx_log_level_parse(const char *text, enum qx_log_level *ret, struct qx_error *err);

void qx_log(enum qx_log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* For events that a peer can cause: at most one line every `every_ms` for each event id (a string constant); the next
 * line that comes through ends in suppressed=N. */
void qx_log_limited(enum qx_log_level level, uint64_t every_ms, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
