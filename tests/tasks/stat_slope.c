/* A statistic of the bootstrap from outside: intercept and slope of a line. */
#include <stddef.h>

#include "quincunx/statistic.h"

static const char *line(const struct qx_sample *s, double *ret)
{
    const double *y = s->columns[0], *x = s->columns[1];
    double mx = 0, my = 0, xx = 0, xy = 0;
    for (uint32_t i = 0; i < s->n_rows; i++) {
        mx += s->weights[i] * x[i] / s->total;
        my += s->weights[i] * y[i] / s->total;
    }
    for (uint32_t i = 0; i < s->n_rows; i++) {
        xx += s->weights[i] * (x[i] - mx) * (x[i] - mx);
        xy += s->weights[i] * (x[i] - mx) * (y[i] - my);
    }
    if (!(xx > 1e-20))
        return "x is constant";
    ret[1] = xy / xx;
    ret[0] = my - ret[1] * mx;
    return NULL;
}

static const char *const names[] = {"intercept", "slope"};
const struct qx_statistic qx_statistic = {
    .abi_version = QX_STATISTIC_ABI,
    .struct_size = sizeof(struct qx_statistic),
    .name = "line",
    .n_columns = 2,
    .n_values = 2,
    .value_names = names,
    .value = line,
};
