/* idmap.h - from non-zero 64-bit ids to pointers. Open addressing, linear probing. The map owns its slots,
 * not what they point to. Zeroed is empty. Not thread-safe. */
#ifndef QX_COMMON_IDMAP_H
#define QX_COMMON_IDMAP_H

#include <stddef.h>
#include <stdint.h>

#include "quincunx/error.h"

struct idmap_slot {
    uint64_t id; /* 0: free */
    void *value;
};
struct idmap {
    struct idmap_slot *slots;
    size_t n, cap; /* cap: 0 or a power of two */
};

void idmap_fini(struct idmap *m);
void *idmap_get(const struct idmap *m, uint64_t id);         /* NULL: none */
qx_err idmap_put(struct idmap *m, uint64_t id, void *value); /* replaces; NOMEM leaves it unchanged */
void *idmap_del(struct idmap *m, uint64_t id);               /* what was there, or NULL */

/* for (struct idmap_slot *s = NULL; (s = idmap_next(m, s));) .. in no particular order; do not change the map inside. */
static inline struct idmap_slot *idmap_next(const struct idmap *m, const struct idmap_slot *s)
{
    for (size_t i = s ? (size_t)(s - m->slots) + 1 : 0; i < m->cap; i++)
        if (m->slots[i].id)
            return &m->slots[i];
    return NULL;
}
#endif
