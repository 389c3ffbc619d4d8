#include <string.h>

#include "master/core/core.h"

/* A ring whose size is a power of two, because qx_grow starts at 8 and doubles. */
qx_err sched_effects_reserve(struct sched *s, size_t n)
{
    if (s->n_effects + n <= s->cap_effects)
        return QX_ERR_OK;
    size_t old = s->cap_effects;
    if (qx_grow(&s->effects, &s->cap_effects, s->n_effects + n, sizeof *s->effects))
        return QX_ERR_NOMEM;
    /* what had wrapped around moves behind the rest */
    size_t wrapped = s->first_effect + s->n_effects > old ? s->first_effect + s->n_effects - old : 0;
    if (wrapped)
        memcpy(&s->effects[old], s->effects, wrapped * sizeof *s->effects);
    return QX_ERR_OK;
}

void sched_emit(struct sched *s, const struct sched_effect *fx)
{
    QX_BUG_ON(s->n_effects == s->cap_effects);
    s->effects[(s->first_effect + s->n_effects) & (s->cap_effects - 1)] = *fx;
    s->n_effects++;
}

bool sched_effects_pop(struct sched *s, struct sched_effect *ret)
{
    if (!s->n_effects)
        return false;
    *ret = s->effects[s->first_effect];
    s->first_effect = (s->first_effect + 1) & (s->cap_effects - 1);
    s->n_effects--;
    return true;
}
