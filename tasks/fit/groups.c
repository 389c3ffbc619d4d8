#include "fit/groups.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbers pairs of (group so far, value) in order of first appearance; open addressing, at most half full. */
struct numbering {
    uint32_t n, cap; /* cap: a power of 2 */
    uint32_t *place; /* id + 1; 0: free */
    uint64_t *keys;  /* by id: value */
    uint32_t *before;
};

static const uint32_t none = UINT32_MAX;

static uint64_t mix(uint64_t h)
{
    h ^= h >> 32;
    h *= UINT64_C(0xd6e8feb86659fd93);
    h ^= h >> 32;
    h *= UINT64_C(0xd6e8feb86659fd93);
    return h ^ h >> 32;
}

static void numbering_free(struct numbering *m)
{
    free(m->place);
    free(m->keys);
    free(m->before);
}

static bool numbering_grow(struct numbering *m)
{
    uint32_t cap = m->cap ? 2 * m->cap : 1024;
    uint32_t *place = calloc(cap, sizeof *place);
    uint64_t *keys = realloc(m->keys, cap / 2 * sizeof *keys);
    m->keys = keys ? keys : m->keys;
    uint32_t *before = realloc(m->before, cap / 2 * sizeof *before);
    m->before = before ? before : m->before;
    if (!place || !keys || !before) {
        free(place);
        return false;
    }
    for (uint32_t id = 0; id < m->n; id++) {
        uint32_t at = (uint32_t)mix(keys[id] + before[id] * UINT64_C(0x9e3779b97f4a7c15)) & (cap - 1);
        while (place[at])
            at = (at + 1) & (cap - 1);
        place[at] = id + 1;
    }
    free(m->place);
    m->place = place;
    m->cap = cap;
    return true;
}

static bool number_of(struct numbering *m, uint32_t before, uint64_t value, uint32_t *ret)
{
    if (2 * (uint64_t)m->n >= m->cap && !numbering_grow(m))
        return false;
    uint32_t at = (uint32_t)mix(value + before * UINT64_C(0x9e3779b97f4a7c15)) & (m->cap - 1);
    while (m->place[at] && (m->keys[m->place[at] - 1] != value || m->before[m->place[at] - 1] != before))
        at = (at + 1) & (m->cap - 1);
    if (!m->place[at]) {
        m->keys[m->n] = value;
        m->before[m->n] = before;
        m->place[at] = ++m->n;
    }
    *ret = m->place[at] - 1;
    return true;
}

static bool value_of(const struct qx_column *c, uint64_t row, uint64_t *ret)
{
    if (c->type == QX_COLUMN_TEXT) {
        *ret = c->code[row];
        return c->code[row] != UINT32_MAX;
    }
    double v = c->real[row] == 0 ? 0 : c->real[row]; /* one zero */
    memcpy(ret, &v, sizeof v);
    return !isnan(v);
}

/* Splits the groups by one more column. */
static bool split(const struct qx_column *c, uint32_t *group, uint64_t n_rows, uint32_t *ret_n)
{
    struct numbering m = {.n = 0};
    bool ok = true;
    for (uint64_t i = 0; i < n_rows && ok; i++) {
        uint64_t value;
        if (group[i] == none)
            continue;
        if (value_of(c, i, &value))
            ok = number_of(&m, group[i], value, &group[i]);
        else
            group[i] = none;
    }
    *ret_n = m.n;
    numbering_free(&m);
    return ok;
}

/* Rows by group, in their order. */
static bool sort_rows(const uint32_t *group, uint64_t n_rows, struct groups *g)
{
    g->start = calloc(g->n + (size_t)2, sizeof *g->start);
    g->rows = malloc((n_rows + 1) * sizeof *g->rows);
    if (!g->start || !g->rows)
        return false;
    uint32_t *next = g->start + 1; /* becomes start[g + 1] */
    for (uint64_t i = 0; i < n_rows; i++) {
        if (group[i] != none)
            next[group[i] + 1]++;
    }
    for (uint32_t k = 0; k < g->n; k++) {
        g->largest = next[k + 1] > g->largest ? next[k + 1] : g->largest;
        next[k + 1] += next[k];
    }
    for (uint64_t i = 0; i < n_rows; i++) {
        if (group[i] != none)
            g->rows[next[group[i]]++] = (uint32_t)i;
    }
    g->n_rows = g->start[g->n];
    g->n_left_out = (uint32_t)n_rows - g->n_rows;
    return true;
}

qx_err groups_open(struct qx_ctx *ctx, const struct qx_table *t, const struct qx_column *const *by,
                   uint32_t n_by, struct groups *ret)
{
    uint64_t n_rows = qx_table_rows(ctx, t);
    struct groups g = {.n = 1};
    if (n_rows >= UINT32_MAX)
        return qx_error(ctx, QX_ERR_INVALID, "data: more than %u rows", UINT32_MAX - 1);
    uint32_t *group = calloc(n_rows + 1, sizeof *group);
    bool ok = group != NULL;
    for (uint32_t k = 0; ok && k < n_by; k++)
        ok = split(by[k], group, n_rows, &g.n);
    ok = ok && sort_rows(group, n_rows, &g);
    free(group);
    if (!ok) {
        groups_close(&g);
        return qx_error(ctx, QX_ERR_NOMEM, "out of memory");
    }
    if (g.n_rows == 0) {
        groups_close(&g);
        return qx_error(ctx, QX_ERR_INVALID,
                        n_by ? "by: no row has a value in each of the columns" : "data: no rows");
    }
    *ret = g;
    return QX_ERR_OK;
}

void groups_close(struct groups *g)
{
    free(g->start);
    free(g->rows);
    *g = (struct groups){.n = 0};
}

void group_label(const struct qx_column *c, uint32_t row, char ret[GROUP_LABEL_BYTES])
{
    if (c->type == QX_COLUMN_TEXT)
        (void)snprintf(ret, GROUP_LABEL_BYTES, "%s", c->levels[c->code[row]]);
    else
        (void)snprintf(ret, GROUP_LABEL_BYTES, "%.15g", c->real[row]);
}
