/* States: the tally and one part a reducer; what each part does is in reduce_simple.c, reduce_moments.c and
 * reduce_quantiles.c, which also say how they take NaN. */
#include "common/reduce.h"

#include "common/error.h"
#include "common/mem.h"
#include "common/reduce_part.h"
#include "common/reduce_tally.h"

enum { STATE_VERSION = 1 };

void reduce_state_init(struct reduce_state *s)
{
    memset(s, 0, sizeof *s);
}

void reduce_state_fini(struct reduce_state *s)
{
    tally_clear(&s->tally);
    for (uint32_t i = 0; i < s->cap_parts; i++)
        qx_bytes_fini(&s->parts[i]);
    qx_free(s->parts);
    *s = (struct reduce_state){0};
}

/* Makes it n parts; those that were there keep their memory. */
static qx_err set_parts(struct reduce_state *s, uint32_t n)
{
    if (n > s->cap_parts) {
        struct qx_bytes *parts = qx_realloc(s->parts, n * sizeof *parts);
        if (!parts)
            return QX_ERR_NOMEM;
        memset(parts + s->cap_parts, 0, (n - s->cap_parts) * sizeof *parts);
        s->parts = parts;
        s->cap_parts = n;
    }
    s->n_parts = n;
    return QX_ERR_OK;
}

void reduce_state_move(struct reduce_state *to, struct reduce_state *from)
{
    if (to == from)
        return;
    reduce_state_fini(to);
    *to = *from;
    reduce_state_init(from);
}

qx_err reduce_state_copy(struct reduce_state *to, const struct reduce_state *from)
{
    qx_err e = tally_copy(&to->tally, &from->tally);
    if (e == QX_ERR_OK)
        e = set_parts(to, from->n_parts);
    for (uint32_t i = 0; i < from->n_parts && e == QX_ERR_OK; i++) {
        qx_bytes_clear(&to->parts[i]);
        e = qx_bytes_append(&to->parts[i], from->parts[i].data, from->parts[i].len);
    }
    return e;
}

static qx_err part_reset(const struct reduce_plan *p, const struct reduce_plugin *plug, uint32_t i,
                         struct qx_bytes *part)
{
    const struct qx_reducer *r = &p->reducers[i];
    const struct part_ops *ops = part_ops_of(r->kind);
    qx_bytes_clear(part);
    if (!ops)
        return plug ? plug->init(plug->self, i, part) : QX_ERR_STATE;
    qx_err e = qx_bytes_resize(part, ops->init_bytes(r));
    if (e == QX_ERR_OK && ops->init)
        ops->init(r, part->data);
    return e;
}

qx_err reduce_reset(const struct reduce_plan *p, const struct reduce_plugin *plug, struct reduce_state *s)
{
    tally_clear(&s->tally);
    qx_err e = set_parts(s, p->n_reducers);
    for (uint32_t i = 0; i < p->n_reducers && e == QX_ERR_OK; i++)
        e = part_reset(p, plug, i, &s->parts[i]);
    return e;
}

/* An own reducer takes consecutive items: runs of the group. */
static qx_err own_add(const struct reduce_plugin *plug, uint32_t i, struct qx_bytes *part,
                      const struct rows *g)
{
    if (!plug)
        return QX_ERR_STATE;
    for (uint32_t from = 0, to = 0; from < g->n; from = to) {
        for (to = from + 1; to < g->n && rows_item(g, to) == rows_item(g, to - 1) + 1;)
            to++;
        const double *rows = g->stride ? g->at + (size_t)from * g->stride : g->at;
        qx_err e = plug->add(plug->self, i, part, rows_item(g, from), to - from, rows);
        if (e != QX_ERR_OK)
            return e;
        if (part->len > QX_STATE_BYTES_MAX)
            return QX_ERR_LIMIT;
    }
    return QX_ERR_OK;
}

static qx_err add_rows(const struct reduce_plan *p, const struct reduce_plugin *plug, struct reduce_state *s,
                       const struct rows *g)
{
    QX_BUG_ON(g->n > QX_GROUP_ROWS || s->n_parts != p->n_reducers);
    if (g->n == 0)
        return QX_ERR_OK;
    for (uint32_t i = 0; i < p->n_reducers; i++) {
        const struct part_ops *ops = part_ops_of(p->reducers[i].kind);
        qx_err e = QX_ERR_OK;
        if (!ops)
            e = own_add(plug, i, &s->parts[i], g);
        else if (ops->add)
            e = ops->add(&p->reducers[i], &s->parts[i], g);
        if (e != QX_ERR_OK)
            return e;
    }
    s->tally.n_ok += g->n;
    return QX_ERR_OK;
}

qx_err reduce_add(const struct reduce_plan *p, const struct reduce_plugin *plug, struct reduce_state *s,
                  uint64_t first_item, uint32_t n_rows, const double *rows)
{
    struct rows g = {.first_item = first_item, .n = n_rows, .stride = p->n_columns, .at = rows};
    return add_rows(p, plug, s, &g);
}

qx_err reduce_add_sparse(const struct reduce_plan *p, const struct reduce_plugin *plug,
                         struct reduce_state *s, const uint64_t *items, uint32_t n_rows, const double *rows)
{
    struct rows g = {.items = items, .n = n_rows, .stride = p->n_columns, .at = rows};
    return add_rows(p, plug, s, &g);
}

qx_err reduce_fail(struct reduce_state *s, uint64_t item, uint32_t kind, const char *text)
{
    return tally_fail(&s->tally, item, kind, text);
}

qx_err reduce_merge(const struct reduce_plan *p, const struct reduce_plugin *plug, struct reduce_state *left,
                    const struct reduce_state *right)
{
    QX_BUG_ON(left->n_parts != p->n_reducers || right->n_parts != p->n_reducers);
    for (uint32_t i = 0; i < p->n_reducers; i++) {
        const struct part_ops *ops = part_ops_of(p->reducers[i].kind);
        qx_err e;
        if (ops)
            e = ops->merge(&p->reducers[i], &left->parts[i], &right->parts[i]);
        else
            e = plug ? plug->merge(plug->self, i, &left->parts[i], &right->parts[i]) : QX_ERR_STATE;
        if (e == QX_ERR_OK && left->parts[i].len > QX_STATE_BYTES_MAX)
            e = QX_ERR_LIMIT;
        if (e != QX_ERR_OK)
            return e;
    }
    return tally_merge(&left->tally, &right->tally);
}

qx_err reduce_explain(const struct reduce_plan *p, const struct reduce_state *s, qx_err code,
                      struct qx_error *err)
{
    if (code != QX_ERR_LIMIT)
        return qx_fail(err, code, "reducing the results failed: %s", qx_err_text(code));
    uint32_t largest = 0;
    for (uint32_t i = 0; i < p->n_reducers && i < s->n_parts; i++) {
        const struct qx_reducer *r = &p->reducers[i];
        const struct table_part *t = (const void *)s->parts[i].data;
        if (r->kind == QX_REDUCE_TABLE && t && t->n_keys >= r->keys_max)
            return qx_fail(err, code,
                           "table \"%s\" has more than %u keys: raise keys_max, or use coarser keys",
                           r->name ? r->name : p->columns[r->columns[0]], r->keys_max);
        if (s->parts[i].len > s->parts[largest].len)
            largest = i;
    }
    const struct qx_reducer *r = p->n_reducers ? &p->reducers[largest] : NULL;
    return qx_fail(err, code,
                   "the results kept by reducer \"%s\" grow beyond %zu MiB: use fewer items, or a reducer "
                   "that summarises",
                   !r        ? ""
                   : r->name ? r->name
                             : part_kind_name(r->kind),
                   QX_STATE_BYTES_MAX >> 20);
}

/* --- bytes: version, tally, then each part as its length and its bytes, padded to 8 --- */

static size_t padded(size_t len)
{
    return (len + 7) & ~(size_t)7;
}

qx_err reduce_encode(const struct reduce_state *s, struct qx_bytes *out)
{
    size_t len = 48 + s->tally.n_causes * sizeof(struct tally_cause);
    for (uint32_t i = 0; i < s->n_parts; i++)
        len += 8 + padded(s->parts[i].len);
    qx_err e = qx_bytes_reserve(out, out->len + len);
    const uint32_t head[2] = {STATE_VERSION, s->n_parts};
    if (e == QX_ERR_OK)
        e = qx_bytes_append(out, head, sizeof head);
    if (e == QX_ERR_OK)
        e = tally_encode(&s->tally, out);
    for (uint32_t i = 0; i < s->n_parts && e == QX_ERR_OK; i++) {
        const struct qx_bytes *part = &s->parts[i];
        e = qx_put_u64(out, part->len);
        if (e == QX_ERR_OK)
            e = qx_bytes_append(out, part->data, part->len);
        if (e == QX_ERR_OK)
            e = qx_bytes_resize(out, out->len + padded(part->len) - part->len);
    }
    return e;
}

static qx_err decode_part(const struct qx_reducer *r, struct qx_reader *in, struct qx_bytes *part)
{
    const struct part_ops *ops = part_ops_of(r->kind);
    uint64_t len = qx_read_u64(in);
    size_t least = ops ? ops->init_bytes(r) : 0;
    if (in->bad || len > QX_STATE_BYTES_MAX || len < least || (!ops || ops->check ? false : len != least))
        return QX_ERR_PROTO;
    const void *data = qx_read_bytes(in, padded(len));
    if (!data)
        return QX_ERR_PROTO;
    qx_bytes_clear(part);
    qx_err e = qx_bytes_append(part, data, len);
    if (e == QX_ERR_OK && ops && ops->check && !ops->check(r, part))
        e = QX_ERR_PROTO;
    return e;
}

qx_err reduce_decode(const struct reduce_plan *p, const void *data, size_t len, struct reduce_state *s,
                     struct qx_error *err)
{
    struct qx_reader in = qx_reader(data, len);
    uint32_t version = qx_read_u32(&in), n_parts = qx_read_u32(&in);
    if (version != STATE_VERSION || n_parts != p->n_reducers)
        return qx_fail(err, QX_ERR_PROTO, "a state of version %u with %u parts, expected version %d with %u",
                       version, n_parts, (int)STATE_VERSION, p->n_reducers);
    qx_err e = tally_decode(&in, &s->tally);
    if (e != QX_ERR_OK)
        return qx_fail(err, e, "malformed counts in a state");
    if (set_parts(s, n_parts) != QX_ERR_OK)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for a state");
    for (uint32_t i = 0; i < n_parts; i++) {
        e = decode_part(&p->reducers[i], &in, &s->parts[i]);
        if (e != QX_ERR_OK) {
            reduce_state_fini(s);
            return qx_fail(err, e, "malformed state of reducer %u (%s)", i,
                           part_kind_name(p->reducers[i].kind));
        }
    }
    if (in.p != in.end) {
        reduce_state_fini(s);
        return qx_fail(err, QX_ERR_PROTO, "%zu bytes too many after a state", (size_t)(in.end - in.p));
    }
    return QX_ERR_OK;
}
