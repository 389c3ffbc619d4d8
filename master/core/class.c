#include <stdlib.h>
#include <string.h>

#include "master/core/core.h"

qx_err sched_class_get(struct sched *s, uint32_t id, struct sched_class **ret)
{
    struct sched_class *c = idmap_get(&s->classes, (uint64_t)id + 1);
    if (!c) {
        c = qx_calloc(1, sizeof *c);
        if (!c)
            return QX_ERR_NOMEM;
        c->id = id;
        if (idmap_put(&s->classes, (uint64_t)id + 1, c) != QX_ERR_OK) {
            qx_free(c);
            return QX_ERR_NOMEM;
        }
    }
    *ret = c;
    return QX_ERR_OK;
}

static int by_id(const void *a, const void *b)
{
    uint32_t x = (*(struct sched_class *const *)a)->id, y = (*(struct sched_class *const *)b)->id;
    return (x > y) - (x < y);
}

/* A new profile that nobody knows yet: sorted, each class once. */
static struct sched_profile *profile_new(struct sched *s, const uint32_t *ids, uint32_t n)
{
    struct sched_profile *p = qx_calloc(1, sizeof *p + n * sizeof p->classes[0]);
    if (!p)
        return NULL;
    for (uint32_t i = 0; i < n; i++)
        if (sched_class_get(s, ids[i], &p->classes[i]) != QX_ERR_OK) {
            qx_free(p);
            return NULL;
        }
    qsort(p->classes, n, sizeof p->classes[0], by_id);
    for (uint32_t i = 0; i < n; i++)
        if (p->n_classes == 0 || p->classes[i] != p->classes[p->n_classes - 1])
            p->classes[p->n_classes++] = p->classes[i];
    return p;
}

static struct sched_profile *profile_like(const struct sched *s, const struct sched_profile *p)
{
    for (size_t i = 0; i < s->n_profiles; i++)
        if (s->profiles[i]->n_classes == p->n_classes &&
            !memcmp(s->profiles[i]->classes, p->classes, p->n_classes * sizeof p->classes[0]))
            return s->profiles[i];
    return NULL;
}

static qx_err profile_register(struct sched *s, struct sched_profile *p)
{
    if (qx_grow(&s->profiles, &s->cap_profiles, s->n_profiles + 1, sizeof(struct sched_profile *)))
        return QX_ERR_NOMEM;
    for (uint32_t i = 0; i < p->n_classes; i++) {
        struct sched_class *c = p->classes[i];
        if (qx_grow(&c->profiles, &c->cap_profiles, c->n_profiles + 1, sizeof(struct sched_profile *)))
            return QX_ERR_NOMEM;
    }
    s->profiles[s->n_profiles++] = p;
    for (uint32_t i = 0; i < p->n_classes; i++)
        p->classes[i]->profiles[p->classes[i]->n_profiles++] = p;
    return QX_ERR_OK;
}

qx_err sched_profile_get(struct sched *s, const uint32_t *classes, uint32_t n, struct sched_profile **ret)
{
    struct sched_profile *p = profile_new(s, classes, n);
    if (!p)
        return QX_ERR_NOMEM;
    struct sched_profile *known = profile_like(s, p);
    if (known) {
        qx_free(p);
        p = known;
    } else if (profile_register(s, p) != QX_ERR_OK) {
        qx_free(p);
        return QX_ERR_NOMEM;
    }
    *ret = p;
    return QX_ERR_OK;
}

static void forget_profile(struct sched_profile **list, size_t *n, const struct sched_profile *p)
{
    for (size_t i = 0; i < *n; i++)
        if (list[i] == p) {
            memmove(&list[i], &list[i + 1], (--*n - i) * sizeof(struct sched_profile *));
            return;
        }
}

void sched_profile_release(struct sched *s, struct sched_profile *p)
{
    if (p->n_workers)
        return;
    forget_profile(s->profiles, &s->n_profiles, p);
    for (uint32_t i = 0; i < p->n_classes; i++)
        forget_profile(p->classes[i]->profiles, &p->classes[i]->n_profiles, p);
    heap_fini(&p->workers);
    qx_free(p);
}

static qx_err level_get(struct sched *s, int32_t priority, struct sched_level **ret)
{
    size_t at = 0;
    while (at < s->n_levels && s->levels[at]->priority > priority)
        at++;
    if (at < s->n_levels && s->levels[at]->priority == priority) {
        *ret = s->levels[at];
        return QX_ERR_OK;
    }
    if (qx_grow(&s->levels, &s->cap_levels, s->n_levels + 1, sizeof(struct sched_level *)))
        return QX_ERR_NOMEM;
    struct sched_level *l = qx_calloc(1, sizeof *l);
    if (!l)
        return QX_ERR_NOMEM;
    l->priority = priority;
    memmove(&s->levels[at + 1], &s->levels[at], (s->n_levels++ - at) * sizeof(struct sched_level *));
    s->levels[at] = l;
    *ret = l;
    return QX_ERR_OK;
}

qx_err sched_queue_get(struct sched *s, struct sched_class *cls, int32_t priority, struct sched_queue **ret)
{
    struct sched_level *l = NULL;
    if (level_get(s, priority, &l) != QX_ERR_OK)
        return QX_ERR_NOMEM;
    for (size_t i = 0; i < l->n_queues; i++)
        if (l->queues[i]->cls == cls) {
            *ret = l->queues[i];
            return QX_ERR_OK;
        }
    if (qx_grow(&l->queues, &l->cap_queues, l->n_queues + 1, sizeof(struct sched_queue *)))
        return QX_ERR_NOMEM;
    struct sched_queue *q = qx_calloc(1, sizeof *q);
    if (!q)
        return QX_ERR_NOMEM;
    q->cls = cls;
    q->level = l;
    l->queues[l->n_queues++] = q;
    *ret = q;
    return QX_ERR_OK;
}

static void level_free(struct sched_level *l)
{
    for (size_t i = 0; i < l->n_queues; i++) {
        heap_fini(&l->queues[i]->ready);
        qx_free(l->queues[i]);
    }
    qx_free(l->queues);
    qx_free(l);
}

void sched_classes_free(struct sched *s)
{
    for (size_t i = 0; i < s->n_levels; i++)
        level_free(s->levels[i]);
    qx_free(s->levels);
    for (size_t i = 0; i < s->n_profiles; i++) {
        heap_fini(&s->profiles[i]->workers);
        qx_free(s->profiles[i]);
    }
    qx_free(s->profiles);
    for (struct idmap_slot *i = NULL; (i = idmap_next(&s->classes, i));) {
        qx_free(((struct sched_class *)i->value)->profiles);
        qx_free(i->value);
    }
    idmap_fini(&s->classes);
}
