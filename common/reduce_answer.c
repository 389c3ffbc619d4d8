/* Reading numbers out of a state. A reducer that does not have the number gives NaN. */
#include "common/reduce_part.h"
#include "common/reduce_wilson.h"

static const void *part_of(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer,
                           enum qx_reducer_kind kind)
{
    bool there = reducer < p->n_reducers && reducer < s->n_parts && p->reducers[reducer].kind == kind;
    return there ? s->parts[reducer].data : NULL;
}

static uint64_t histogram_total(const struct qx_reducer *r, const struct histogram_part *h)
{
    uint64_t n = h->below + h->above;
    for (uint32_t i = 0; i < r->bins; i++)
        n += h->bins[i];
    return n;
}

static uint64_t table_total(const struct qx_reducer *r, const struct qx_bytes *part)
{
    uint64_t n = 0;
    for (uint64_t i = 0; i < ((const struct table_part *)(const void *)part->data)->n_keys; i++)
        n += table_entry_at(r, part, i)->n;
    return n;
}

double reduce_count(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer)
{
    if (reducer >= p->n_reducers || reducer >= s->n_parts)
        return NAN;
    const struct qx_reducer *r = &p->reducers[reducer];
    const struct qx_bytes *part = &s->parts[reducer];
    switch (r->kind) {
    case QX_REDUCE_MINMAX:
        return (double)((const struct minmax_column *)(const void *)part->data)->n;
    case QX_REDUCE_HISTOGRAM:
        return (double)histogram_total(r, (const void *)part->data);
    case QX_REDUCE_TABLE:
        return (double)table_total(r, part);
    case QX_REDUCE_OWN:
    case QX_REDUCE_KIND_COUNT:
        return NAN;
    default: /* all others begin with n */
        return (double)*(const uint64_t *)(const void *)part->data;
    }
}

double reduce_mean(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer, uint32_t col)
{
    const struct moments_part *m = part_of(p, s, reducer, QX_REDUCE_MOMENTS);
    const struct sum_part *sum = part_of(p, s, reducer, QX_REDUCE_SUM);
    const struct proportion_part *share = part_of(p, s, reducer, QX_REDUCE_PROPORTION);
    if (m && col < p->reducers[reducer].n_columns && m->n > 0)
        return m->values[col];
    if (sum && col < p->reducers[reducer].n_columns && sum->n > 0)
        return sum_value(sum, col) / (double)sum->n;
    if (share && col == 0 && share->n > 0)
        return (double)share->ones / (double)share->n;
    return NAN;
}

double reduce_sum(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer, uint32_t col)
{
    const struct moments_part *m = part_of(p, s, reducer, QX_REDUCE_MOMENTS);
    const struct sum_part *sum = part_of(p, s, reducer, QX_REDUCE_SUM);
    const struct proportion_part *share = part_of(p, s, reducer, QX_REDUCE_PROPORTION);
    if (m && col < p->reducers[reducer].n_columns)
        return m->n > 0 ? m->values[col] * (double)m->n : 0;
    if (sum && col < p->reducers[reducer].n_columns)
        return sum_value(sum, col);
    return share && col == 0 ? (double)share->ones : NAN;
}

double reduce_cov(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer, uint32_t a,
                  uint32_t b)
{
    const struct moments_part *m = part_of(p, s, reducer, QX_REDUCE_MOMENTS);
    uint32_t n_columns = m ? p->reducers[reducer].n_columns : 0;
    if (a >= n_columns || b >= n_columns || m->n < 2)
        return NAN;
    return m->values[n_columns + triangle_index(n_columns, a < b ? a : b, a < b ? b : a)] /
           (double)(m->n - 1);
}

double reduce_var(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer, uint32_t col)
{
    const struct proportion_part *share = part_of(p, s, reducer, QX_REDUCE_PROPORTION);
    if (!share)
        return reduce_cov(p, s, reducer, col, col);
    if (col != 0 || share->n < 2)
        return NAN;
    double n = (double)share->n, ones = (double)share->ones;
    return ones * (n - ones) / n / (n - 1);
}

static const struct minmax_column *minmax_of(const struct reduce_plan *p, const struct reduce_state *s,
                                             uint32_t reducer, uint32_t col)
{
    const struct minmax_column *m = part_of(p, s, reducer, QX_REDUCE_MINMAX);
    return m && col < p->reducers[reducer].n_columns && m[col].n > 0 ? &m[col] : NULL;
}

double reduce_min(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer, uint32_t col)
{
    const struct minmax_column *m = minmax_of(p, s, reducer, col);
    return m ? m->min : NAN;
}

double reduce_max(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer, uint32_t col)
{
    const struct minmax_column *m = minmax_of(p, s, reducer, col);
    return m ? m->max : NAN;
}

double reduce_argmin(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer,
                     uint32_t col)
{
    const struct minmax_column *m = minmax_of(p, s, reducer, col);
    return m ? (double)m->argmin : NAN;
}

double reduce_argmax(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer,
                     uint32_t col)
{
    const struct minmax_column *m = minmax_of(p, s, reducer, col);
    return m ? (double)m->argmax : NAN;
}

double reduce_bin(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer, uint32_t i)
{
    const struct histogram_part *h = part_of(p, s, reducer, QX_REDUCE_HISTOGRAM);
    uint32_t bins = h ? p->reducers[reducer].bins : 0;
    if (!h || i > bins + 1)
        return NAN;
    return (double)(i == 0 ? h->below : i == bins + 1 ? h->above : h->bins[i - 1]);
}

qx_err reduce_quantiles(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer,
                        struct qx_bytes *out)
{
    const struct quantiles_part *q = part_of(p, s, reducer, QX_REDUCE_QUANTILES);
    return q ? quantiles_prepare(&s->parts[reducer], out) : QX_ERR_INVALID;
}

double reduce_quantile_in(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer,
                          const struct qx_bytes *prepared, double prob, bool *ret_exact)
{
    const struct quantiles_part *q = part_of(p, s, reducer, QX_REDUCE_QUANTILES);
    if (!q)
        return NAN;
    if (ret_exact)
        *ret_exact = !q->is_sketch;
    return quantiles_value(q, prepared, prob);
}

qx_err reduce_quantile(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer,
                       double prob, double *ret_value, bool *ret_exact)
{
    struct qx_bytes prepared = {0};
    qx_err e = reduce_quantiles(p, s, reducer, &prepared);
    if (e == QX_ERR_OK)
        *ret_value = reduce_quantile_in(p, s, reducer, &prepared, prob, ret_exact);
    qx_bytes_fini(&prepared);
    return e;
}

qx_err reduce_sorted(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer,
                     struct qx_bytes *out)
{
    const struct quantiles_part *q = part_of(p, s, reducer, QX_REDUCE_QUANTILES);
    if (!q)
        return QX_ERR_INVALID;
    return q->is_sketch ? QX_ERR_STATE : quantiles_sorted(&s->parts[reducer], out);
}

const double *reduce_rows(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer,
                          uint64_t *ret_n_rows)
{
    const struct collect_part *c = part_of(p, s, reducer, QX_REDUCE_COLLECT);
    *ret_n_rows = c ? c->n_rows : 0;
    return c ? c->rows : NULL;
}

bool reduce_next_record(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer,
                        size_t *pos, uint64_t *ret_item, const void **ret_data, size_t *ret_len)
{
    const uint8_t *part = part_of(p, s, reducer, QX_REDUCE_RECORDS);
    size_t at = *pos ? *pos : sizeof(struct records_part);
    if (!part || at >= s->parts[reducer].len)
        return false;
    const struct record_head *head = (const void *)(part + at);
    *ret_item = head->item;
    *ret_len = head->len_bytes;
    *ret_data = head + 1;
    *pos = at + sizeof *head + ((head->len_bytes + 7) & ~(uint64_t)7);
    return true;
}

qx_err reduce_records(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer,
                      struct qx_bytes *out)
{
    size_t pos = 0, len;
    uint64_t item;
    const void *data;
    qx_err e = part_of(p, s, reducer, QX_REDUCE_RECORDS) ? QX_ERR_OK : QX_ERR_INVALID;
    while (e == QX_ERR_OK && reduce_next_record(p, s, reducer, &pos, &item, &data, &len))
        e = qx_bytes_append(out, data, len);
    return e;
}

const void *reduce_own(const struct reduce_plan *p, const struct reduce_state *s, uint32_t reducer,
                       size_t *ret_len)
{
    const void *part = part_of(p, s, reducer, QX_REDUCE_OWN);
    *ret_len = part ? s->parts[reducer].len : 0;
    return part;
}

/* --- named numbers --- */

/* While only zeros, or only ones, were seen the usual standard error is 0, which means nothing: NaN. */
static double proportion_se(const struct proportion_part *share)
{
    double n = (double)share->n, p = (double)share->ones / n;
    return share->ones == 0 || share->ones == share->n ? NAN : sqrt(p * (1 - p) / n);
}

static bool stat_of_proportion(const struct proportion_part *share, const char *name, double *ret)
{
    double n = (double)share->n, p = share->n ? (double)share->ones / n : NAN;
    if (strcmp(name, "p") == 0 || strcmp(name, "mean") == 0)
        *ret = p;
    else if (strcmp(name, "se") == 0)
        *ret = proportion_se(share);
    else if (strcmp(name, "rel") == 0)
        *ret = proportion_se(share) / p;
    else if (strcmp(name, "sd") == 0)
        *ret = share->n < 2 ? NAN : sqrt(p * (1 - p) * n / (n - 1));
    else if (strcmp(name, "width") == 0)
        *ret = share->n ? wilson_upper(share->ones, share->n) - wilson_lower(share->ones, share->n) : NAN;
    else if (strcmp(name, "sum") == 0 || strcmp(name, "exceed") == 0)
        *ret = (double)share->ones;
    else
        return false;
    return true;
}

static bool stat_of_moments(const struct reduce_plan *p, const struct reduce_state *s, uint32_t i,
                            const char *name, double *ret)
{
    double n = reduce_count(p, s, i), mean = reduce_mean(p, s, i, 0), sd = sqrt(reduce_var(p, s, i, 0));
    if (strcmp(name, "mean") == 0)
        *ret = mean;
    else if (strcmp(name, "sd") == 0)
        *ret = sd;
    else if (strcmp(name, "se") == 0)
        *ret = sd / sqrt(n);
    else if (strcmp(name, "rel") == 0)
        *ret = sd / sqrt(n) / fabs(mean);
    else if (strcmp(name, "sum") == 0)
        *ret = reduce_sum(p, s, i, 0);
    else
        return false;
    return true;
}

static bool stat_of(const struct reduce_plan *p, const struct reduce_state *s, uint32_t i, const char *name,
                    double *ret)
{
    enum qx_reducer_kind kind = p->reducers[i].kind;
    if (strcmp(name, "n") == 0 && kind != QX_REDUCE_OWN) {
        *ret = reduce_count(p, s, i);
        return true;
    }
    if (kind == QX_REDUCE_PROPORTION)
        return stat_of_proportion((const void *)s->parts[i].data, name, ret);
    if (kind == QX_REDUCE_MOMENTS)
        return stat_of_moments(p, s, i, name, ret);
    if (kind != QX_REDUCE_SUM || (strcmp(name, "sum") != 0 && strcmp(name, "mean") != 0))
        return false;
    *ret = name[0] == 's' ? reduce_sum(p, s, i, 0) : reduce_mean(p, s, i, 0);
    return true;
}

bool reduce_stat(const struct reduce_plan *p, const struct reduce_state *s, const char *name,
                 double *ret_value)
{
    for (uint32_t i = 0; i < p->n_reducers && i < s->n_parts; i++)
        if (stat_of(p, s, i, name, ret_value))
            return true;
    return false;
}
