#include "boot/dist.h"

#include <math.h>
#include <stdlib.h>

#include "boot/interval.h"

enum { SKETCH_POINTS = 4000 };

bool dist_of_answer(struct qx_ctx *ctx, const struct qx_answer *a, uint32_t reducer, struct dist_values *ret)
{
    *ret = (struct dist_values){.mean = NAN};
    ret->values = qx_answer_data(ctx, a, reducer, QX_ANSWER_SORTED, &ret->n);
    if (ret->values)
        return true;
    ret->is_sketch = true;
    ret->owned = malloc(SKETCH_POINTS * sizeof *ret->owned);
    for (int i = 0; ret->owned && i < SKETCH_POINTS; i++)
        ret->owned[i] = qx_answer_quantile(ctx, a, reducer, (i + 0.5) / SKETCH_POINTS, NULL);
    ret->values = ret->owned;
    ret->n = SKETCH_POINTS;
    return ret->owned != NULL;
}

struct weighed {
    double value, prob;
};

static int by_value(const void *a, const void *b)
{
    const struct weighed *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return (x->prob > y->prob) - (x->prob < y->prob);
}

/* Probabilities are made to sum to 1 over what is defined. The sums run from the least value to the greatest, with what
 * rounding lost carried along (Kahan). */
static void fill(struct dist_values *d, const struct weighed *w)
{
    double sum = 0, lost = 0, mean = 0, var = 0;
    for (size_t i = 0; i < d->n; i++) {
        double part = w[i].prob - lost, next = sum + part;
        lost = (next - sum) - part;
        sum = next;
        d->owned[i] = w[i].value;
        d->owned_cum[i] = sum;
    }
    double first = d->n > 0 ? w[0].value : 0;
    for (size_t i = 0; i < d->n; i++) {
        d->owned_cum[i] /= sum;
        mean += w[i].prob / sum * (w[i].value - first);
    }
    d->mean = first + mean;
    for (size_t i = 0; i < d->n; i++)
        var += w[i].prob / sum * (w[i].value - d->mean) * (w[i].value - d->mean);
    d->var = var;
    d->missing = 1 - sum;
}

static void equal_weights(struct dist_values *d)
{
    free(d->owned_cum);
    d->cum = d->owned_cum = NULL;
    d->missing = 0;
    d->var = d->n > 1 ? d->var * (double)d->n / ((double)d->n - 1) : NAN;
}

bool dist_of_rows(const double *rows, size_t n, uint32_t n_columns, uint32_t col, uint32_t col_prob,
                  struct dist_values *ret)
{
    struct weighed *w = malloc((n + 1) * sizeof *w);
    struct dist_values d = {.n = 0};
    d.values = d.owned = malloc((n + 1) * sizeof *d.owned);
    d.cum = d.owned_cum = malloc((n + 1) * sizeof *d.owned_cum);
    bool ok = w && d.owned && d.owned_cum;
    if (ok) {
        for (size_t i = 0; i < n; i++, rows += n_columns) {
            w[d.n] = (struct weighed){rows[col], col_prob ? rows[col_prob] : 1};
            d.n += isnan(rows[col]) ? 0 : 1;
        }
        qsort(w, d.n, sizeof *w, by_value);
        fill(&d, w);
        if (!col_prob)
            equal_weights(&d);
        *ret = d;
    } else {
        dist_fini(&d);
    }
    free(w);
    return ok;
}

void dist_fini(struct dist_values *d)
{
    free(d->owned);
    free(d->owned_cum);
    d->owned = d->owned_cum = NULL;
}

double dist_quantile(const struct dist_values *d, double alpha, bool *ret_extreme)
{
    if (d->cum)
        return interval_quantile_weighted(d->values, d->cum, d->n, alpha);
    return interval_quantile(d->values, d->n, alpha, ret_extreme);
}

void dist_place(const struct dist_values *d, double v, double slack, double *ret_below, double *ret_equal)
{
    size_t below, equal;
    interval_rank(d->values, d->n, v, slack, &below, &equal);
    if (!d->cum) {
        *ret_below = (double)below / (double)d->n;
        *ret_equal = (double)equal / (double)d->n;
        return;
    }
    *ret_below = below > 0 ? d->cum[below - 1] : 0;
    *ret_equal = below + equal > 0 ? d->cum[below + equal - 1] - *ret_below : 0;
}

double dist_prob(const struct dist_values *d, size_t i)
{
    return !d->cum ? 1 / (double)d->n : d->cum[i] - (i > 0 ? d->cum[i - 1] : 0);
}
