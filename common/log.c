#include "common/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/error.h"

enum { LINE_BYTES = 2048, LIMITED_MAX = 64 };

static const char *const level_names[] = {"error", "warn", "info", "debug"};

static struct {
    const char *prog;
    enum qx_log_level level;
} log_state = {NULL, QX_LOG_INFO};

struct limited {
    const char *event;
    uint64_t last_ms, suppressed;
};
static struct limited limited[LIMITED_MAX];

void qx_log_open(const char *prog, enum qx_log_level level)
{
    log_state.prog = prog;
    log_state.level = level;
}

qx_err qx_log_level_parse(const char *text, enum qx_log_level *ret, struct qx_error *err)
{
    for (unsigned i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *ret = (enum qx_log_level)i;
            return QX_ERR_OK;
        }
    }
    return qx_fail(err, QX_ERR_INVALID, "log level \"%s\" is not one of error, warn, info, debug", text);
}

/* Appends like snprintf, never past the last byte but one (kept for the newline). */
static size_t line_vadd(char *line, size_t len, const char *fmt, va_list ap)
{
    int n = vsnprintf(line + len, LINE_BYTES - 1 - len, fmt, ap);
    if (n < 0)
        return len;
    size_t end = len + (size_t)n;
    return end < LINE_BYTES - 2 ? end : LINE_BYTES - 2;
}

__attribute__((format(printf, 3, 4))) static size_t line_add(char *line, size_t len, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    len = line_vadd(line, len, fmt, ap);
    va_end(ap);
    return len;
}

static void line_write(enum qx_log_level level, const char *event, uint64_t suppressed, const char *fmt,
                       va_list ap)
{
    char line[LINE_BYTES];
    uint64_t now_ms = clock_unix_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm tm;
    (void)gmtime_r(&seconds, &tm);
    size_t len = strftime(line, sizeof line - 1, "time=%Y-%m-%dT%H:%M:%S", &tm);
    len = line_add(line, len, ".%03uZ level=%s", (unsigned)(now_ms % 1000), level_names[level]);
    if (log_state.prog)
        len = line_add(line, len, " prog=%s", log_state.prog);
    len = line_add(line, len, " event=%s ", event);
    len = line_vadd(line, len, fmt, ap);
    if (suppressed > 0)
        len = line_add(line, len, " suppressed=%llu", (unsigned long long)suppressed);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = ' ';
    }
    line[len++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written; /* nowhere left to say that stderr is gone */
}

void qx_log(enum qx_log_level level, const char *event, const char *fmt, ...)
{
    if (level > log_state.level)
        return;
    va_list ap;
    va_start(ap, fmt);
    line_write(level, event, 0, fmt, ap);
    va_end(ap);
}

/* The entry of `event`, made if there is room; NULL: the table is full, do not limit. */
static struct limited *limited_find(const char *event, bool *ret_new)
{
    for (size_t i = 0; i < LIMITED_MAX; i++) {
        *ret_new = limited[i].event == NULL;
        if (*ret_new)
            limited[i].event = event;
        if (strcmp(limited[i].event, event) == 0)
            return &limited[i];
    }
    return NULL;
}

void qx_log_limited(enum qx_log_level level, uint64_t every_ms, const char *event, const char *fmt, ...)
{
    if (level > log_state.level)
        return;
    bool is_new = false;
    struct limited *l = limited_find(event, &is_new);
    uint64_t now_ms = clock_ns() / NS_PER_MS;
    if (l && !is_new && now_ms - l->last_ms < every_ms) {
        l->suppressed++;
        return;
    }
    va_list ap;
    va_start(ap, fmt);
    line_write(level, event, l ? l->suppressed : 0, fmt, ap);
    va_end(ap);
    if (l) {
        l->last_ms = now_ms;
        l->suppressed = 0;
    }
}
