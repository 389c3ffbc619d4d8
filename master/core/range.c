/* The slab of ranges. A lease id is generation << 26 | slot; the generation counts up at each grant, so that an id
 * is found in O(1), an old one is known to be old, and one that was never given is known for a lie. */
#include "master/core/core.h"

static const uint64_t SLOT_MASK = ((uint64_t)1 << RANGE_SLOT_BITS) - 1;

void sched_range_move(struct sched_range *r, enum range_move move)
{
    uint8_t to = sched_range_next[r->phase][move];
    QX_BUG_ON(to == RANGE_NONE);
    r->phase = (enum range_phase)to;
}

static void push_free(struct sched *s, struct sched_range *r)
{
    r->in_job.next = s->free_ranges ? &s->free_ranges->in_job : NULL;
    s->free_ranges = r;
    s->n_free++;
}

static qx_err add_page(struct sched *s)
{
    if (s->n_pages >= (SLOT_MASK + 1) / RANGES_A_PAGE ||
        qx_grow(&s->pages, &s->cap_pages, s->n_pages + 1, sizeof(struct sched_range *)))
        return QX_ERR_NOMEM;
    struct sched_range *page = qx_calloc(RANGES_A_PAGE, sizeof *page);
    if (!page)
        return QX_ERR_NOMEM;
    s->pages[s->n_pages] = page;
    for (uint32_t i = RANGES_A_PAGE; i-- > 0;) {
        page[i].slot = (uint32_t)s->n_pages * RANGES_A_PAGE + i;
        page[i].phase = RANGE_FREE;
        push_free(s, &page[i]);
    }
    s->n_pages++;
    return QX_ERR_OK;
}

qx_err sched_range_reserve(struct sched *s, size_t n)
{
    while (s->n_free < n)
        if (add_page(s) != QX_ERR_OK)
            return QX_ERR_NOMEM;
    return QX_ERR_OK;
}

struct sched_range *sched_range_take(struct sched *s, struct sched_job *j)
{
    struct sched_range *r = s->free_ranges;
    QX_BUG_ON(s->n_free == 0);
    s->free_ranges = r->in_job.next ? list_entry(r->in_job.next, struct sched_range, in_job) : NULL;
    s->n_free--;
    sched_range_move(r, RANGE_ADD);
    r->pub = (struct sched_lease){.job = j->id};
    r->losses = r->deaths = 0;
    r->job = j;
    list_init(&r->in_job);
    list_init(&r->in_worker);
    return r;
}

void sched_range_free(struct sched *s, struct sched_range *r)
{
    QX_BUG_ON(r->phase != RANGE_FREE || r->worker);
    for (struct sched_death *d = r->dead_items, *next; d; d = next) {
        next = d->next;
        qx_free(d);
    }
    r->dead_items = NULL;
    r->job = NULL;
    r->pub.id = 0;
    push_free(s, r);
}

void sched_range_name(struct sched_range *r)
{
    r->generation++;
    r->pub.id = r->generation << RANGE_SLOT_BITS | r->slot;
}

struct sched_range *sched_range_find(const struct sched *s, uint64_t lease, bool *ret_ever_given)
{
    uint64_t slot = lease & SLOT_MASK;
    *ret_ever_given = false;
    if (slot / RANGES_A_PAGE >= s->n_pages)
        return NULL;
    struct sched_range *r = &s->pages[slot / RANGES_A_PAGE][slot % RANGES_A_PAGE];
    uint64_t generation = lease >> RANGE_SLOT_BITS;
    *ret_ever_given = generation >= 1 && generation <= r->generation;
    return r->phase == RANGE_OUT && r->pub.id == lease ? r : NULL;
}

uint64_t sched_range_items(const struct sched_range *r)
{
    return r->pub.kind == LEASE_RUN
               ? sched_items_in(r->job, r->pub.cell, r->pub.first_block, r->pub.first_block + r->pub.n_blocks)
               : 0;
}
