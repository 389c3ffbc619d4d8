#include "common/idmap.h"

#include "common/error.h"
#include "common/mem.h"

static size_t slot_of(const struct idmap *m, uint64_t id)
{
    return (size_t)((id * 0x9e3779b97f4a7c15ull) >> 32) & (m->cap - 1);
}

void idmap_fini(struct idmap *m)
{
    qx_free(m->slots);
    *m = (struct idmap){0};
}

static struct idmap_slot *find(const struct idmap *m, uint64_t id)
{
    size_t i = slot_of(m, id);
    while (m->slots[i].id && m->slots[i].id != id)
        i = (i + 1) & (m->cap - 1);
    return &m->slots[i];
}

void *idmap_get(const struct idmap *m, uint64_t id)
{
    return m->cap ? find(m, id)->value : NULL;
}

static qx_err grow(struct idmap *m)
{
    struct idmap bigger = {.cap = m->cap ? m->cap * 2 : 16};
    bigger.slots = qx_calloc(bigger.cap, sizeof *bigger.slots);
    if (!bigger.slots)
        return QX_ERR_NOMEM;
    for (struct idmap_slot *s = NULL; (s = idmap_next(m, s));)
        *find(&bigger, s->id) = *s;
    bigger.n = m->n;
    qx_free(m->slots);
    *m = bigger;
    return QX_ERR_OK;
}

qx_err idmap_put(struct idmap *m, uint64_t id, void *value)
{
    QX_BUG_ON(id == 0);
    if ((m->n + 1) * 2 > m->cap && grow(m) != QX_ERR_OK)
        return QX_ERR_NOMEM;
    struct idmap_slot *s = find(m, id);
    m->n += s->id == 0;
    *s = (struct idmap_slot){id, value};
    return QX_ERR_OK;
}

void *idmap_del(struct idmap *m, uint64_t id)
{
    if (!m->cap)
        return NULL;
    struct idmap_slot *s = find(m, id);
    if (!s->id)
        return NULL;
    void *value = s->value;
    size_t hole = (size_t)(s - m->slots);
    m->slots[hole] = (struct idmap_slot){0};
    m->n--;
    /* close the gap: move back whoever probed past it */
    for (size_t i = (hole + 1) & (m->cap - 1); m->slots[i].id; i = (i + 1) & (m->cap - 1)) {
        size_t home = slot_of(m, m->slots[i].id);
        if (((i - home) & (m->cap - 1)) >= ((i - hole) & (m->cap - 1))) {
            m->slots[hole] = m->slots[i];
            m->slots[i] = (struct idmap_slot){0};
            hole = i;
        }
    }
    return value;
}
