/* Held leases in a map by id; results in a ring in order of their numbers, since they are acknowledged nearly in order.
 * A result that is acknowledged out of turn leaves a hole that goes when it becomes the oldest. */
#include "worker/ledger.h"

#include "common/idmap.h"
#include "common/mem.h"

struct result {
    uint64_t lease, sent_ns;
    void *frame; /* NULL: acknowledged */
    size_t len;
    void (*free_frame)(void *);
};

struct ledger {
    uint64_t resend_after_ns, session;
    uint64_t lane_seq; /* of the last lane message acted on */
    uint64_t
        lane_sent; /* the highest number seen or claimed by the master while we are behind; 0: we are not */
    uint64_t lane_then; /* lane_seq when the master last claimed more */
    uint64_t due_ns;    /* no result has to be sent again before */
    bool gap;
    struct idmap held;
    struct result *ring; /* results first_seq .. first_seq + n - 1 */
    size_t cap, head, n; /* cap: a power of two */
    uint64_t first_seq;
    size_t unacked, unacked_bytes;
};

qx_err ledger_new(uint64_t resend_after_ns, struct ledger **ret)
{
    struct ledger *l = qx_calloc(1, sizeof *l);
    if (!l)
        return QX_ERR_NOMEM;
    l->resend_after_ns = resend_after_ns;
    l->first_seq = 1;
    l->due_ns = UINT64_MAX;
    *ret = l;
    return QX_ERR_OK;
}

static struct result *at(const struct ledger *l, size_t i)
{
    return &l->ring[(l->head + i) & (l->cap - 1)];
}

static void settle(struct ledger *l, struct result *r)
{
    if (!r->frame)
        return;
    r->free_frame(r->frame);
    r->frame = NULL;
    l->unacked--;
    l->unacked_bytes -= r->len;
}

void ledger_free(struct ledger *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->n; i++)
        settle(l, at(l, i));
    qx_free(l->ring);
    idmap_fini(&l->held);
    qx_free(l);
}

void ledger_session(struct ledger *l, uint64_t session)
{
    for (size_t i = 0; i < l->n; i++)
        settle(l, at(l, i));
    idmap_fini(&l->held);
    l->head = l->n = 0;
    l->first_seq = 1;
    l->session = session;
    l->lane_seq = l->lane_sent = l->lane_then = 0;
    l->due_ns = UINT64_MAX;
    l->gap = false;
}

qx_err ledger_lane(struct ledger *l, uint64_t seq)
{
    if (seq <= l->lane_seq)
        return QX_ERR_STALE;
    if (seq != l->lane_seq + 1) {
        l->gap = true;
        l->lane_sent = seq > l->lane_sent ? seq : l->lane_sent;
        return QX_ERR_STATE;
    }
    l->lane_seq = seq;
    return QX_ERR_OK;
}

/* A lane keeps its order, so a loss in the middle shows by number; this is for a lost end. A slow lane that still moves is
 * not a lost one. */
void ledger_lane_sent(struct ledger *l, uint64_t seq)
{
    if (seq <= l->lane_seq)
        return;
    if (l->lane_sent > l->lane_seq && l->lane_then == l->lane_seq)
        l->gap = true;
    l->lane_sent = l->lane_sent > seq ? l->lane_sent : seq;
    l->lane_then = l->lane_seq;
}

bool ledger_gap(const struct ledger *l)
{
    return l->gap;
}

void ledger_resynced(struct ledger *l)
{
    l->lane_seq = l->lane_sent > l->lane_seq ? l->lane_sent : l->lane_seq;
    l->lane_sent = 0;
    l->gap = false;
}

uint64_t ledger_lane_seq(const struct ledger *l)
{
    return l->lane_seq;
}

qx_err ledger_hold(struct ledger *l, uint64_t lease)
{
    if (idmap_get(&l->held, lease))
        return QX_ERR_STATE;
    return idmap_put(&l->held, lease, l);
}

bool ledger_holds(const struct ledger *l, uint64_t lease)
{
    return idmap_get(&l->held, lease) != NULL;
}

void ledger_drop(struct ledger *l, uint64_t lease)
{
    (void)idmap_del(&l->held, lease);
}

size_t ledger_held(const struct ledger *l, uint64_t *ret_leases, size_t cap)
{
    size_t n = 0;
    for (struct idmap_slot *s = NULL; (s = idmap_next(&l->held, s)); n++)
        if (n < cap)
            ret_leases[n] = s->id;
    for (size_t i = 0; i < l->n; i++)
        if (at(l, i)->frame && n++ < cap)
            ret_leases[n - 1] = at(l, i)->lease;
    return n;
}

uint64_t ledger_next_seq(const struct ledger *l)
{
    return l->first_seq + l->n;
}

static qx_err grow_ring(struct ledger *l)
{
    size_t cap = l->cap ? l->cap * 2 : 64;
    struct result *ring = qx_calloc(cap, sizeof *ring);
    if (!ring)
        return QX_ERR_NOMEM;
    for (size_t i = 0; i < l->n; i++)
        ring[i] = *at(l, i);
    qx_free(l->ring);
    l->ring = ring;
    l->cap = cap;
    l->head = 0;
    return QX_ERR_OK;
}

qx_err ledger_result(struct ledger *l, uint64_t lease, void *frame, size_t len, void (*free_frame)(void *),
                     uint64_t now_ns)
{
    if (l->n == l->cap && grow_ring(l) != QX_ERR_OK)
        return QX_ERR_NOMEM;
    uint64_t due_ns = now_ns + l->resend_after_ns;
    l->due_ns = due_ns < l->due_ns ? due_ns : l->due_ns;
    *at(l, l->n) = (struct result){lease, now_ns, frame, len, free_frame};
    l->n++;
    l->unacked++;
    l->unacked_bytes += len;
    ledger_drop(l, lease);
    return QX_ERR_OK;
}

static void drop_settled(struct ledger *l)
{
    while (l->n && !at(l, 0)->frame) {
        l->head = (l->head + 1) & (l->cap - 1);
        l->first_seq++;
        l->n--;
    }
}

void ledger_ack(struct ledger *l, uint64_t upto, const uint64_t *extra, size_t n_extra)
{
    for (size_t i = 0; i < l->n && l->first_seq + i <= upto; i++)
        settle(l, at(l, i));
    for (size_t k = 0; k < n_extra; k++)
        if (extra[k] >= l->first_seq && extra[k] - l->first_seq < l->n)
            settle(l, at(l, (size_t)(extra[k] - l->first_seq)));
    drop_settled(l);
}

bool ledger_next_resend(struct ledger *l, uint64_t now_ns, const void **ret_frame, size_t *ret_len)
{
    if (now_ns < l->due_ns)
        return false;
    l->due_ns = UINT64_MAX;
    for (size_t i = 0; i < l->n; i++) {
        struct result *r = at(l, i);
        if (!r->frame)
            continue;
        if (now_ns - r->sent_ns >= l->resend_after_ns) {
            r->sent_ns = now_ns;
            l->due_ns = now_ns; /* there may be more */
            *ret_frame = r->frame;
            *ret_len = r->len;
            return true;
        }
        if (r->sent_ns + l->resend_after_ns < l->due_ns)
            l->due_ns = r->sent_ns + l->resend_after_ns;
    }
    return false;
}

size_t ledger_unacked(const struct ledger *l)
{
    return l->unacked;
}

size_t ledger_unacked_bytes(const struct ledger *l)
{
    return l->unacked_bytes;
}
