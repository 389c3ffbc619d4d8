/* noop.c - items that do nothing, to measure what the farm itself costs. The row is the item's index, so count and
 * sum show that nothing was lost or counted twice. Two tasks, for the two kinds of task function. */
#include "basic/basic.h"

static qx_err noop_open(struct qx_ctx *ctx, void **ret_state)
{
    const struct qx_reducer count = {.kind = QX_REDUCE_COUNT, .name = "count"};
    const struct qx_reducer sum = {.kind = QX_REDUCE_SUM, .name = "sum"};
    *ret_state = NULL;
    qx_err e = qx_output(ctx, "index", NULL);
    if (e == QX_ERR_OK)
        e = qx_reduce(ctx, &count, NULL);
    return e != QX_ERR_OK ? e : qx_reduce(ctx, &sum, NULL);
}

static qx_err noop_block(struct qx_ctx *ctx, void *state, uint64_t first, uint32_t count, double *rows)
{
    (void)ctx;
    (void)state;
    for (uint32_t i = 0; i < count; i++)
        rows[i] = (double)(first + i);
    return QX_ERR_OK;
}

static qx_err noop_run(struct qx_ctx *ctx, void *state, uint64_t item, double *row)
{
    (void)ctx;
    (void)state;
    row[0] = (double)item;
    return QX_ERR_OK;
}

#define NOOP_DETAILS                                                                                         \
    "Answers the number of items and the sum of their indices, n (n - 1) / 2: proof that each was counted "  \
    "once.\n"

const struct qx_task task_noop = {
    .struct_size = sizeof(struct qx_task),
    .name = "noop",
    .version = "1.0",
    .help = "items that do nothing, many in one call of the block function: what the farm itself costs",
    .details = NOOP_DETAILS "Example: qx run noop -n 1e9 --slots 2",
    .shape = QX_SHAPE_MAP,
    .grain = 256,
    .spread = BASIC_SPREAD,
    .default_items = 1000000,
    .open = noop_open,
    .block = noop_block,
};

const struct qx_task task_noop_item = {
    .struct_size = sizeof(struct qx_task),
    .name = "noop.item",
    .version = "1.0",
    .help = "items that do nothing, one in each call of the item function: what the farm itself costs",
    .details = NOOP_DETAILS "Example: qx run noop.item -n 1e8 --slots 2",
    .shape = QX_SHAPE_MAP,
    .grain = 64,
    .spread = BASIC_SPREAD,
    .default_items = 1000000,
    .open = noop_open,
    .run = noop_run,
};
