/* Tasks that try what a worker has to cope with: crashing, hanging, writing much, overwriting what it shares. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "quincunx/task.h"

__attribute__((no_sanitize("undefined"))) static void crash(void)
{
    *(volatile int *)strtoul("8", NULL, 10) = 1; /* as good as null, and no analyser minds */
}

static void nap(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&t, NULL);
}

/* The memory shared with the supervisor, as anybody can find it. */
static void scribble(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    while (maps && fgets(line, sizeof line, maps)) {
        char *dash = line;
        unsigned long from = strtoul(line, &dash, 16), to = *dash == '-' ? strtoul(dash + 1, NULL, 16) : 0;
        if (strstr(line, "rw-s") && strstr(line, "/dev/zero") && to > from + 65536)
            memset((void *)from, 0xff, to - from);
    }
    if (maps)
        (void)fclose(maps);
    for (;;)
        (void)pause();
}

static void eat(void)
{
    for (;;) {
        enum { CHUNK = 8 << 20 };
        char *p = malloc(CHUNK);
        if (p)
            memset(p, 1, CHUNK);
        else
            crash();
    }
}

static qx_err do_it(struct qx_ctx *ctx, const char *what)
{
    if (strcmp(what, "crash") == 0)
        crash();
    else if (strcmp(what, "abort") == 0)
        abort();
    else if (strcmp(what, "exit") == 0)
        _exit(3);
    else if (strcmp(what, "scribble") == 0)
        scribble();
    else if (strcmp(what, "eat") == 0)
        eat();
    else if (strcmp(what, "error") == 0)
        return qx_error(ctx, QX_ERR_IO, "the instrument is off");
    else if (strcmp(what, "nap") == 0) {
        while (!qx_cancelled(ctx))
            nap(2);
        return QX_ERR_CANCELLED;
    } else if (strcmp(what, "doze") == 0)
        nap(2000);
    while (strcmp(what, "hang") == 0)
        nap(1000);
    return QX_ERR_OK;
}

static qx_err odd_open(struct qx_ctx *ctx, void **ret_state)
{
    *ret_state = NULL;
    if (qx_int(ctx, "at") == -2)
        (void)do_it(ctx, qx_text(ctx, "what"));
    if (qx_int(ctx, "at") == -3)
        return qx_error(ctx, QX_ERR_INVALID, "at must not be -3");
    (void)qx_output(ctx, "x", NULL);
    return qx_reduce(ctx, &(struct qx_reducer){.kind = QX_REDUCE_SUM, .name = "sum"}, NULL);
}

static qx_err odd_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    (void)state;
    struct qx_stream s = qx_item_stream(ctx, item, 0);
    *row = qx_uniform(&s);
    return (int64_t)item == qx_int(ctx, "at") ? do_it(ctx, qx_text(ctx, "what")) : QX_ERR_OK;
}

static qx_err odd_block(struct qx_ctx *ctx, void *state, uint64_t first, uint32_t count, double *rows)
{
    qx_err e = QX_ERR_OK;
    for (uint32_t i = 0; i < count && e == QX_ERR_OK; i++)
        e = odd_run(ctx, state, first + i, &rows[i]);
    return e;
}

static qx_err big_open(struct qx_ctx *ctx, void **ret_state)
{
    *ret_state = NULL;
    (void)ctx;
    return qx_reduce(ctx, &(struct qx_reducer){.kind = QX_REDUCE_RECORDS, .name = "bytes"}, NULL);
}

static qx_err big_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    (void)state, (void)row;
    enum { PART = 100000 };
    static char part[PART];
    memset(part, (int)('a' + item % 26), sizeof part);
    for (int i = 0; i < 30; i++) {
        qx_err e = qx_write(ctx, item, part, sizeof part);
        if (e != QX_ERR_OK)
            return e;
    }
    return QX_ERR_OK;
}

static const struct qx_param params[] = {
    {.name = "at",
     .type = QX_PARAM_INT,
     .fallback = "-1",
     .help = "the item that does it; -2: open does it; -3: open refuses"},
    {.name = "what", .type = QX_PARAM_TEXT, .fallback = "none", .help = "what it does"},
};

#define TASK(var, task_name, open_f, ...)                                                                    \
    static const struct qx_task var = {.struct_size = sizeof(struct qx_task),                                \
                                       .name = task_name,                                                    \
                                       .version = "1.0",                                                     \
                                       .help = "tries its worker",                                           \
                                       .params = params,                                                     \
                                       .n_params = 2,                                                        \
                                       .open = open_f,                                                       \
                                       __VA_ARGS__}
TASK(odd, "odd.item", odd_open, .run = odd_run);
TASK(odd_blocks, "odd.block", odd_open, .block = odd_block, .grain = 16, .spread = 4);
TASK(big, "odd.big", big_open, .run = big_run);

static const struct qx_task *const tasks[] = {&odd, &odd_blocks, &big};
const struct qx_plugin qx_plugin = {QX_TASK_ABI, sizeof(struct qx_plugin), "odd", 3, tasks};
