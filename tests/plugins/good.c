/* Tasks that keep the contract, one for each thing that a host offers. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#define HAVE_INLINE
#include <gsl/gsl_rng.h>

#include "quincunx/task.h"

/* ---- t.map: both functions, several reducers ---- */

static qx_err map_open(struct qx_ctx *ctx, void **ret_state)
{
    static double scale;
    static const uint32_t x_only[] = {0};
    *ret_state = &scale;
    scale = qx_real(ctx, "scale");
    (void)qx_output(ctx, "x", NULL);
    (void)qx_output(ctx, "y", NULL);
    (void)qx_reduce(ctx, &(struct qx_reducer){.kind = QX_REDUCE_MOMENTS, .name = "xy"}, NULL);
    (void)qx_reduce(ctx, &(struct qx_reducer){.kind = QX_REDUCE_SUM, .name = "sum"}, NULL);
    (void)qx_reduce(ctx, &(struct qx_reducer){.kind = QX_REDUCE_MINMAX, .name = "range"}, NULL);
    (void)qx_reduce(ctx,
                    &(struct qx_reducer){.kind = QX_REDUCE_HISTOGRAM,
                                         .name = "h",
                                         .columns = x_only,
                                         .n_columns = 1,
                                         .lo = 0.25,
                                         .hi = 0.75,
                                         .bins = 4},
                    NULL);
    (void)qx_reduce(
        ctx,
        &(struct qx_reducer){.kind = QX_REDUCE_QUANTILES, .name = "q", .columns = x_only, .n_columns = 1},
        NULL);
    return qx_reduce(
        ctx,
        &(struct qx_reducer){.kind = QX_REDUCE_COLLECT, .name = "rows", .columns = x_only, .n_columns = 1},
        NULL);
}

static qx_err map_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    struct qx_stream s = qx_item_stream(ctx, item, 0);
    row[0] = qx_uniform(&s);
    row[1] = *(double *)state * (double)item;
    return QX_ERR_OK;
}

static qx_err map_block(struct qx_ctx *ctx, void *state, uint64_t first, uint32_t count, double *rows)
{
    double x[512];
    qx_uniform_rows(ctx->seed, first, 0, count, 1, x);
    for (uint32_t i = 0; i < count; i++) {
        rows[2 * i] = x[i];
        rows[2 * i + 1] = *(double *)state * (double)(first + i);
    }
    return QX_ERR_OK;
}

static qx_err map_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *a)
{
    (void)state;
    uint64_t failed;
    size_t n;
    bool exact;
    qx_emit_int(ctx, "n", (int64_t)qx_answer_items(ctx, a, &failed));
    qx_emit_number(ctx, "mean_y", qx_answer_number(ctx, a, 0, QX_ANSWER_MEAN, 1, 0));
    qx_emit_number(ctx, "sum_y", qx_answer_number(ctx, a, 1, QX_ANSWER_SUM, 1, 0));
    qx_emit_number(ctx, "argmax_y", qx_answer_number(ctx, a, 2, QX_ANSWER_ARGMAX, 1, 0));
    double inside = 0;
    for (uint32_t i = 0; i < 6; i++)
        inside += qx_answer_number(ctx, a, 3, QX_ANSWER_BIN, i, 0);
    qx_emit_number(ctx, "binned", inside);
    const double *sorted = qx_answer_data(ctx, a, 4, QX_ANSWER_SORTED, &n);
    qx_emit_text(ctx, "sorted \"check\"\n", sorted && n > 1 && sorted[0] <= sorted[n - 1] ? "yes" : "no");
    qx_emit_number(ctx, "median_is_middle",
                   qx_answer_quantile(ctx, a, 4, 0.5, &exact) == sorted[n / 2] || !exact || n % 2 == 0);
    (void)qx_answer_data(ctx, a, 5, QX_ANSWER_ROWS, &n);
    qx_emit_list(ctx, "rows");
    for (int i = 0; i < 2; i++) {
        qx_emit_open(ctx, NULL);
        qx_emit_int(ctx, "kept", (int64_t)n);
        qx_emit_number(ctx, "nan", NAN);
        qx_emit_close(ctx);
    }
    qx_emit_close(ctx);
    return QX_ERR_OK;
}

static const struct qx_param map_params[] = {
    {.name = "scale", .type = QX_PARAM_REAL, .fallback = "1", .help = "multiplies the index"},
};
static const struct qx_task map_task = {.struct_size = sizeof(struct qx_task),
                                        .name = "t.map",
                                        .version = "1.9",
                                        .help = "one uniform and the index",
                                        .params = map_params,
                                        .n_params = 1,
                                        .default_items = 1000,
                                        .open = map_open,
                                        .run = map_run,
                                        .block = map_block,
                                        .finish = map_finish};
static const struct qx_task map_task_newer = {.struct_size = sizeof(struct qx_task),
                                              .name = "t.map",
                                              .version = "1.10",
                                              .help = "the same, with the item function alone",
                                              .params = map_params,
                                              .n_params = 1,
                                              .default_items = 1000,
                                              .open = map_open,
                                              .run = map_run,
                                              .finish = map_finish};

/* ---- t.count: as cheap as a task can be ---- */

static qx_err count_open(struct qx_ctx *ctx, void **ret_state)
{
    *ret_state = NULL;
    (void)qx_output(ctx, "index", NULL);
    (void)qx_reduce(ctx, &(struct qx_reducer){.kind = QX_REDUCE_COUNT, .name = "n"}, NULL);
    return qx_reduce(ctx, &(struct qx_reducer){.kind = QX_REDUCE_SUM, .name = "sum"}, NULL);
}

static qx_err count_block(struct qx_ctx *ctx, void *state, uint64_t first, uint32_t count, double *rows)
{
    (void)ctx, (void)state;
    for (uint32_t i = 0; i < count; i++)
        rows[i] = (double)(first + i);
    return QX_ERR_OK;
}

static const struct qx_task count_task = {.struct_size = sizeof(struct qx_task),
                                          .name = "t.count",
                                          .version = "1",
                                          .help = "the index of the item",
                                          .open = count_open,
                                          .block = count_block};

/* ---- t.fails: every 7th item fails, with two causes; both functions ---- */

static qx_err fails_open(struct qx_ctx *ctx, void **ret_state)
{
    *ret_state = NULL;
    (void)qx_output(ctx, "x", NULL);
    (void)qx_reduce(ctx, &(struct qx_reducer){.kind = QX_REDUCE_MINMAX, .name = "range"}, NULL);
    return qx_reduce(ctx, &(struct qx_reducer){.kind = QX_REDUCE_SUM, .name = "sum"}, NULL);
}

static qx_err fails_one(struct qx_ctx *ctx, uint64_t item, double *row)
{
    *row = 1;
    if (item % 7 == 3)
        return qx_fail_item(ctx, item, item % 2 ? "odd one" : "even one");
    return QX_ERR_OK;
}

static qx_err fails_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    (void)state;
    return fails_one(ctx, item, row);
}

static qx_err fails_block(struct qx_ctx *ctx, void *state, uint64_t first, uint32_t count, double *rows)
{
    (void)state;
    for (uint32_t i = count; i-- > 0;) /* the order of the calls must not matter */
        (void)fails_one(ctx, first + i, &rows[i]);
    return QX_ERR_OK;
}

static const struct qx_task fails_task = {.struct_size = sizeof(struct qx_task),
                                          .name = "t.fails",
                                          .version = "1.0",
                                          .help = "every seventh item fails",
                                          .open = fails_open,
                                          .run = fails_run,
                                          .block = fails_block};

/* ---- t.writes: records, more than one call an item; item `big` writes too much ---- */

static qx_err writes_open(struct qx_ctx *ctx, void **ret_state)
{
    static int64_t big;
    *ret_state = &big;
    big = qx_int(ctx, "big");
    return qx_reduce(ctx, &(struct qx_reducer){.kind = QX_REDUCE_RECORDS, .name = "lines"}, NULL);
}

static qx_err writes_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    (void)row;
    char line[32];
    int len = snprintf(line, sizeof line, "item %llu", (unsigned long long)item);
    qx_err e = qx_write(ctx, item, line, (size_t)len);
    for (int i = 0; e == QX_ERR_OK && (int64_t)item == *(int64_t *)state && i < 1000; i++)
        e = qx_write(ctx, item, line, (size_t)len);
    return e == QX_ERR_OK ? qx_write(ctx, item, "\n", 1) : e;
}

static qx_err writes_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *a)
{
    (void)state;
    size_t len;
    const char *text = qx_answer_data(ctx, a, 0, QX_ANSWER_RECORDS, &len);
    qx_emit_int(ctx, "bytes", (int64_t)len);
    char first[8] = "";
    if (len >= 7)
        memcpy(first, text, 7);
    qx_emit_text(ctx, "first", first);
    return QX_ERR_OK;
}

static const struct qx_param writes_params[] = {
    {.name = "big", .type = QX_PARAM_INT, .fallback = "-1", .help = "the item that writes 1000 lines"},
};
static const struct qx_task writes_task = {.struct_size = sizeof(struct qx_task),
                                           .name = "t.writes",
                                           .version = "1.0",
                                           .help = "writes a line an item",
                                           .params = writes_params,
                                           .n_params = 1,
                                           .open = writes_open,
                                           .run = writes_run,
                                           .finish = writes_finish};

/* ---- t.own: a reducer of its own, which does not commute: a polynomial hash of the item indices ---- */

struct hash {
    uint64_t value, power;
};

static qx_err hash_init(struct qx_ctx *ctx, void *state, struct qx_acc *acc)
{
    (void)state;
    qx_err e = qx_acc_resize(ctx, acc, sizeof(struct hash));
    if (e == QX_ERR_OK)
        ((struct hash *)qx_acc_data(ctx, acc, NULL))->power = 1;
    return e;
}

static qx_err hash_add(struct qx_ctx *ctx, void *state, struct qx_acc *acc, uint64_t first_item,
                       uint32_t n_rows, const double *rows)
{
    (void)state, (void)rows;
    struct hash *h = qx_acc_data(ctx, acc, NULL);
    for (uint32_t i = 0; i < n_rows; i++) {
        h->value = h->value * 1000003 + first_item + i + 1;
        h->power *= 1000003;
    }
    return QX_ERR_OK;
}

static qx_err hash_merge(struct qx_ctx *ctx, void *state, struct qx_acc *left, const void *right,
                         size_t right_bytes)
{
    (void)state;
    struct hash *l = qx_acc_data(ctx, left, NULL), r;
    if (right_bytes != sizeof r)
        return qx_error(ctx, QX_ERR_PROTO, "a state of the wrong size");
    memcpy(&r, right, sizeof r);
    l->value = l->value * r.power + r.value;
    l->power *= r.power;
    return QX_ERR_OK;
}

static const struct qx_reducer_ops hash_ops = {hash_init, hash_add, hash_merge};

static qx_err own_open(struct qx_ctx *ctx, void **ret_state)
{
    *ret_state = NULL;
    return qx_reduce(ctx, &(struct qx_reducer){.kind = QX_REDUCE_OWN, .name = "hash", .ops = &hash_ops},
                     NULL);
}

static qx_err own_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    (void)ctx, (void)state, (void)item, (void)row;
    return QX_ERR_OK;
}

static qx_err own_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *a)
{
    (void)state;
    size_t len;
    const struct hash *h = qx_answer_data(ctx, a, 0, QX_ANSWER_OWN, &len);
    char text[24];
    (void)snprintf(text, sizeof text, "%016llx", len == sizeof *h ? (unsigned long long)h->value : 0ull);
    qx_emit_text(ctx, "hash", text);
    return QX_ERR_OK;
}

static const struct qx_task own_task = {.struct_size = sizeof(struct qx_task),
                                        .name = "t.own",
                                        .version = "1.0",
                                        .help = "hashes the indices in order",
                                        .flags = QX_TASK_OWN_REDUCER,
                                        .open = own_open,
                                        .run = own_run,
                                        .finish = own_finish};

/* ---- t.data: a table ---- */

static qx_err data_open(struct qx_ctx *ctx, void **ret_state)
{
    const struct qx_table *t = qx_table(ctx, "data");
    const struct qx_column *c = qx_table_find(ctx, t, qx_text(ctx, "column"));
    if (!c)
        return QX_ERR_INVALID;
    if (c->type != QX_COLUMN_REAL)
        return qx_error(ctx, QX_ERR_INVALID, "column '%s' is text", c->name);
    *ret_state = (void *)(uintptr_t)c;
    (void)qx_output(ctx, "value", NULL);
    return qx_reduce(ctx, &(struct qx_reducer){.kind = QX_REDUCE_MOMENTS}, NULL);
}

static qx_err data_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    const struct qx_column *c = state;
    struct qx_stream s = qx_item_stream(ctx, item, 0);
    *row = c->real[qx_below(&s, qx_table_rows(ctx, qx_table(ctx, "data")))];
    return QX_ERR_OK;
}

static const struct qx_param data_params[] = {
    {.name = "data", .type = QX_PARAM_TABLE, .help = "any data"},
    {.name = "column", .type = QX_PARAM_TEXT, .help = "one of its columns"},
};
static const struct qx_task data_task = {.struct_size = sizeof(struct qx_task),
                                         .name = "t.data",
                                         .version = "1.0",
                                         .help = "draws a row of the data",
                                         .params = data_params,
                                         .n_params = 2,
                                         .open = data_open,
                                         .run = data_run};

/* ---- t.gsl: the stream as a gsl_rng (inline functions of its header: no library) ---- */

static qx_err gsl_open(struct qx_ctx *ctx, void **ret_state)
{
    *ret_state = NULL;
    (void)qx_output(ctx, "by gsl", NULL);
    (void)qx_output(ctx, "by qx", NULL);
    return qx_reduce(ctx, &(struct qx_reducer){.kind = QX_REDUCE_MOMENTS}, NULL);
}

static qx_err gsl_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    (void)state;
    const gsl_rng *rng = qx_item_gsl_rng(ctx, item, 1);
    struct qx_stream stream = qx_item_stream(ctx, item, 1);
    row[0] = gsl_rng_uniform(rng) + (double)gsl_rng_get(rng);
    row[1] = qx_uniform(&stream) + (double)qx_u32(&stream);
    return QX_ERR_OK;
}

static const struct qx_task gsl_task = {.struct_size = sizeof(struct qx_task),
                                        .name = "t.gsl",
                                        .version = "1.0",
                                        .help = "one uniform, twice",
                                        .open = gsl_open,
                                        .run = gsl_run};

/* ---- t.counted: as many items as it says ---- */

static qx_err counted_open(struct qx_ctx *ctx, void **ret_state)
{
    *ret_state = NULL;
    if (qx_int(ctx, "most") < 0)
        return qx_error(ctx, QX_ERR_INVALID, "most= counts items: it cannot be negative");
    (void)qx_output(ctx, "item", NULL);
    (void)qx_reduce(ctx, &(struct qx_reducer){.kind = QX_REDUCE_SUM, .name = "sum"}, NULL);
    return qx_items(ctx, (uint64_t)qx_int(ctx, "usual"), (uint64_t)qx_int(ctx, "most"));
}

static qx_err counted_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    (void)ctx, (void)state;
    *row = (double)item;
    return QX_ERR_OK;
}

static const struct qx_param counted_params[] = {
    {.name = "usual", .type = QX_PARAM_INT, .fallback = "0", .help = "items where none are asked for"},
    {.name = "most", .type = QX_PARAM_INT, .fallback = "0", .help = "items at most; 0: any number"},
};
static const struct qx_task counted_task = {.struct_size = sizeof(struct qx_task),
                                            .name = "t.counted",
                                            .version = "1.0",
                                            .help = "counts its items itself",
                                            .params = counted_params,
                                            .n_params = 2,
                                            .flags = QX_TASK_COUNTS_ITEMS,
                                            .open = counted_open,
                                            .run = counted_run};

static const struct qx_task *const tasks[] = {&map_task,   &map_task_newer, &count_task,
                                              &fails_task, &writes_task,    &own_task,
                                              &data_task,  &gsl_task,       &counted_task};

const struct qx_plugin qx_plugin = {QX_TASK_ABI, sizeof(struct qx_plugin), "good", 9, tasks};
