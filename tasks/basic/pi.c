/* pi.c - pi by throwing darts at the unit square: the share that lands inside the quarter circle is pi / 4. */
#include <math.h>

#include "basic/basic.h"

enum { INSIDE, GROUP_MAX = 512 };

static qx_err pi_open(struct qx_ctx *ctx, void **ret_state)
{
    const struct qx_reducer share = {.kind = QX_REDUCE_PROPORTION};
    *ret_state = NULL;
    qx_err e = qx_output(ctx, "inside", NULL);
    return e != QX_ERR_OK ? e : qx_reduce(ctx, &share, NULL);
}

static qx_err pi_block(struct qx_ctx *ctx, void *state, uint64_t first, uint32_t count, double *rows)
{
    double dart[2 * GROUP_MAX];
    (void)state;
    qx_uniform_rows(ctx->seed, first, 0, count, 2, dart);
    for (uint32_t i = 0; i < count; i++)
        rows[i] = dart[2 * i] * dart[2 * i] + dart[2 * i + 1] * dart[2 * i + 1] < 1.0 ? 1.0 : 0.0;
    return QX_ERR_OK;
}

/* Wilson's interval for the share, times 4: it stays inside [0, 4] and is sound for small n. */
static qx_err pi_finish(struct qx_ctx *ctx, void *state, const struct qx_answer *answer)
{
    const double z = 1.959963984540054;
    double n = (double)qx_answer_items(ctx, answer, NULL);
    double p = qx_answer_number(ctx, answer, INSIDE, QX_ANSWER_MEAN, 0, 0);
    double scale = 1 + z * z / n;
    double centre = (p + z * z / (2 * n)) / scale;
    double half = z / scale * sqrt(p * (1 - p) / n + z * z / (4 * n * n));

    (void)state;
    qx_emit_number(ctx, "estimate", 4 * p);
    qx_emit_number(ctx, "se", 4 * sqrt(p * (1 - p) / n));
    qx_emit_number(ctx, "lower", 4 * (centre - half));
    qx_emit_number(ctx, "upper", 4 * (centre + half));
    qx_emit_number(ctx, "conf", 0.95);
    qx_emit_int(ctx, "n", (int64_t)n);
    return QX_ERR_OK;
}

const struct qx_task task_pi = {
    .struct_size = sizeof(struct qx_task),
    .name = "pi",
    .version = "1.0",
    .help = "pi by throwing darts at the unit square; an item is one dart",
    .details =
        "The share of darts inside the quarter circle estimates pi / 4; the interval is Wilson's, 95 %.\n"
        "Example: qx run pi -n 1e8 --seed 1",
    .shape = QX_SHAPE_MAP,
    .grain = 64,
    .spread = BASIC_SPREAD,
    .default_items = 1000000,
    .open = pi_open,
    .block = pi_block,
    .finish = pi_finish,
};
