#include "boot/smooth.h"

#include <math.h>
#include <stddef.h>

#include "boot/refit.h"
#include "mc/expr.h"

const char *smooth_check(const struct stat *s)
{
    const char *why = NULL;
    switch (s->kind) {
    case STAT_MEAN:
    case STAT_SUM:
    case STAT_SD:
    case STAT_VAR:
    case STAT_COR:
    case STAT_RATIO:
    case STAT_DIFF:
    case STAT_LM:
        return NULL;
    case STAT_EXPR:
        for (uint32_t k = 0; k < s->n_parts && !why; k++)
            why = smooth_check(&s->parts[k]);
        return why;
    case STAT_PLUGIN:
        return "a plugin's";
    case STAT_MEDIAN:
        return "median";
    case STAT_TRIMMED:
        return "trimmed";
    case STAT_QUANTILE:
        return "quantile";
    case STAT_MIN:
        return "min";
    case STAT_MAX:
        return "max";
    case STAT_KIND_COUNT:
    default:
        return "this";
    }
}

static double mean_of(const double *w, const double *x, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += w[i] * x[i];
    return sum / n;
}

/* The sum of w (x - a)(y - b). */
static double product(const double *w, const double *x, double a, const double *y, double b, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += w[i] * (x[i] - a) * (y[i] - b);
    return sum;
}

static bool spread(const struct stat *s, const double *w, double *theta)
{
    double mean = mean_of(w, s->x, s->n), v = product(w, s->x, mean, s->x, mean, s->n) / (s->n - 1.0);
    *theta = s->kind == STAT_VAR ? v : sqrt(v);
    return s->n > 1;
}

static bool correlation(const struct stat *s, const double *w, double *theta)
{
    double x = mean_of(w, s->x, s->n), y = mean_of(w, s->y, s->n);
    *theta = product(w, s->x, x, s->y, y, s->n) / sqrt(product(w, s->x, x, s->x, x, s->n)) /
             sqrt(product(w, s->y, y, s->y, y, s->n));
    return true;
}

static bool difference(const struct stat *s, const double *w, double *theta)
{
    double sum[2] = {0, 0}, all[2] = {0, 0};
    for (uint32_t i = 0; i < s->n; i++) {
        sum[s->groups[i]] += w[i] * s->x[i];
        all[s->groups[i]] += w[i];
    }
    *theta = sum[0] / all[0] - sum[1] / all[1];
    return true;
}

static bool expression(const struct stat *s, const double *w, double *theta)
{
    for (uint32_t k = 0; k < s->n_parts; k++) {
        if (!smooth_value(&s->parts[k], w, &s->part_values[k]))
            return false;
    }
    s->part_values[s->n_parts] = s->n;
    *theta = expr_value(s->expr, s->part_values);
    return true;
}

static bool value_of(const struct stat *s, const double *w, double *theta)
{
    switch (s->kind) {
    case STAT_MEAN:
    case STAT_SUM:
        *theta = mean_of(w, s->x, s->n) * (s->kind == STAT_SUM ? s->n : 1);
        return true;
    case STAT_SD:
    case STAT_VAR:
        return spread(s, w, theta);
    case STAT_COR:
        return correlation(s, w, theta);
    case STAT_RATIO:
        *theta = mean_of(w, s->x, s->n) / mean_of(w, s->y, s->n);
        return true;
    case STAT_DIFF:
        return difference(s, w, theta);
    case STAT_LM:
        return refit_at(s->refit, w, theta) == NULL;
    case STAT_EXPR:
        return expression(s, w, theta);
    default:
        return false;
    }
}

bool smooth_value(const struct stat *s, const double *w, double *ret_theta)
{
    if (!value_of(s, w, ret_theta))
        return false;
    for (uint32_t k = 0; k < s->n_theta; k++) {
        if (!isfinite(ret_theta[k]))
            return false;
    }
    return true;
}
