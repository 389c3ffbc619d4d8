/* sleep.c - items that wait: shows how the farm spreads work of unequal length. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "basic/basic.h"

enum { NS_PER_S = 1000000000, POLL_NS = 50000000 };

struct sleep_state {
    const double *times; /* NULL: every item sleeps `seconds` */
    size_t n_times;
    double seconds;
};

static qx_err sleep_open(struct qx_ctx *ctx, void **ret_state)
{
    const struct qx_reducer count = {.kind = QX_REDUCE_COUNT, .name = "count"};
    const struct qx_reducer sum = {.kind = QX_REDUCE_SUM, .name = "seconds"};
    if (qx_given(ctx, "seconds") && qx_given(ctx, "times"))
        return qx_error(ctx, QX_ERR_INVALID, "give either seconds= or times=, not both");
    qx_err e = qx_output(ctx, "seconds", NULL);
    if (e == QX_ERR_OK)
        e = qx_reduce(ctx, &count, NULL);
    if (e == QX_ERR_OK)
        e = qx_reduce(ctx, &sum, NULL);
    if (e != QX_ERR_OK)
        return e;
    struct sleep_state *s = calloc(1, sizeof *s);
    if (!s)
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    if (qx_given(ctx, "times"))
        s->times = qx_reals(ctx, "times", &s->n_times);
    s->seconds = qx_real(ctx, "seconds");
    *ret_state = s;
    return QX_ERR_OK;
}

static void sleep_close(struct qx_ctx *ctx, void *state)
{
    (void)ctx;
    free(state);
}

static bool is_before(struct timespec a, struct timespec b)
{
    return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

static struct timespec later(struct timespec t, int64_t ns)
{
    ns += t.tv_nsec;
    t.tv_sec += (time_t)(ns / NS_PER_S);
    t.tv_nsec = (long)(ns % NS_PER_S);
    return t;
}

static qx_err sleep_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    const struct sleep_state *s = state;
    if (s->times && item >= s->n_times)
        return qx_fail_item(ctx, item, "beyond the end of times=");
    double seconds = s->times ? s->times[item] : s->seconds;
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    struct timespec end = later(now, (int64_t)(seconds * NS_PER_S));
    while (is_before(now, end)) {
        struct timespec wake = later(now, POLL_NS);
        if (qx_cancelled(ctx))
            return QX_ERR_CANCELLED;
        if (is_before(end, wake))
            wake = end;
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, NULL) == EINTR && !qx_cancelled(ctx)) {
        }
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
    }
    row[0] = seconds;
    return QX_ERR_OK;
}

static const struct qx_param params[] = {
    {.name = "seconds",
     .type = QX_PARAM_REAL,
     .fallback = "0.1",
     .min = 0,
     .max = 86400,
     .help = "how long each item sleeps, s"},
    {.name = "times",
     .type = QX_PARAM_REALS,
     .fallback = "",
     .min = 0,
     .max = 86400,
     .help = "how long items 0, 1, .. sleep, s; n is then the length of the list"},
};

const struct qx_task task_sleep = {
    .struct_size = sizeof(struct qx_task),
    .name = "sleep",
    .version = "1.0",
    .help = "items that wait a given time, for teaching and tests of load balance",
    .details = "Answers how many items slept and for how long in all.\n"
               "Example: qx run sleep times=0.1,0.5,5,5,0.1,0.1,1,1,5,1,1 --slots 4",
    .params = params,
    .n_params = sizeof params / sizeof params[0],
    .shape = QX_SHAPE_MAP,
    .grain = 1,
    .spread = BASIC_SPREAD_SLOW,
    .default_items = 10,
    .items_from = "times",
    .open = sleep_open,
    .run = sleep_run,
    .close = sleep_close,
};
