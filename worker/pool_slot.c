#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "common/error.h"
#include "worker/pool_impl.h"

/* SLOT_STATE_COUNT: our bug. */
static const uint8_t next_state[SLOT_STATE_COUNT][SLOT_EVENT_COUNT] = {
    [SLOT_EMPTY] = {SLOT_SPAWNING, SLOT_STATE_COUNT, SLOT_EMPTY, SLOT_EMPTY, SLOT_EMPTY},
    [SLOT_SPAWNING] = {SLOT_STATE_COUNT, SLOT_LIVE, SLOT_DYING, SLOT_DEAD, SLOT_STATE_COUNT},
    [SLOT_LIVE] = {SLOT_STATE_COUNT, SLOT_STATE_COUNT, SLOT_DYING, SLOT_DEAD, SLOT_STATE_COUNT},
    [SLOT_DYING] = {SLOT_STATE_COUNT, SLOT_DYING, SLOT_DYING, SLOT_DEAD, SLOT_STATE_COUNT},
    [SLOT_DEAD] = {SLOT_STATE_COUNT, SLOT_STATE_COUNT, SLOT_DEAD, SLOT_DEAD, SLOT_EMPTY},
};

void slot_move(struct slot *s, enum slot_event ev)
{
    uint8_t to = next_state[s->state][ev];
    QX_BUG_ON(to == SLOT_STATE_COUNT);
    s->state = (enum slot_state)to;
}

void slot_drop_frame(struct slot *s)
{
    framebuf_unref(s->frame);
    s->frame = NULL;
    s->frame_len = s->frame_got = 0;
}

void slot_reset(struct slot *s)
{
    memset(s->region, 0, offsetof(struct region, to_bytes));
    s->region->current_item = ITEM_NONE;
    ring_end_init(&s->to, &s->region->to, s->region->to_bytes, REGION_TO_BYTES);
    ring_end_init(&s->from, &s->region->from, s->region->from_bytes, REGION_FROM_BYTES);
    s->outbox.len = s->outbox_at = 0;
    s->wake = false;
    slot_drop_frame(s);
    s->expect_ns = 0;
    s->n_given = 0;
    s->late = false;
    s->head_lease = s->seen_lease = s->cancelled_lease = 0;
    s->cancel_kill_ns = UINT64_MAX;
    s->why = KILL_NONE;
    s->shared_bytes = sizeof *s->region;
    s->lost_with_zygote = s->starved = false;
}

/* Moves the outbox on. The executor rings when there is space again. */
void slot_pump(struct slot *s)
{
    while (s->outbox_at < s->outbox.len) {
        size_t n = ring_put(&s->to, s->outbox.data + s->outbox_at, s->outbox.len - s->outbox_at);
        s->outbox_at += n;
        s->wake |= n > 0;
        if (n == 0 && (s->to.nonsense || ring_wait_space(&s->to)))
            return;
    }
    if (s->outbox.cap > REGION_TO_BYTES)
        qx_bytes_fini(&s->outbox);
    s->outbox.len = s->outbox_at = 0;
}

void slot_send(struct slot *s, const void *data, size_t len)
{
    size_t put = s->outbox.len == 0 ? ring_put(&s->to, data, len) : 0;
    s->wake |= put > 0;
    if (put == len)
        return;
    if (qx_bytes_append(&s->outbox, (const uint8_t *)data + put, len - put) != QX_ERR_OK)
        s->to.nonsense = true; /* half a frame is in the ring: this executor is of no more use */
    slot_pump(s);
}

void slot_flush(struct slot *s)
{
    if (!s->wake)
        return;
    s->wake = false;
    if (ring_take_reader(&s->to)) {
        uint64_t one = 1;
        ssize_t n = write(s->wake_fd, &one, sizeof one);
        QX_BUG_ON(n != (ssize_t)sizeof one);
    }
}

static bool begin_frame(struct slot *s, struct framebuf_pool *buffers, bool *ret_nonsense)
{
    struct frame_head head;
    size_t n = ring_peek(&s->from, &head, sizeof head);
    if (n < sizeof head)
        return false;
    *ret_nonsense = head.len_bytes < sizeof head || head.len_bytes > QX_FRAME_BYTES_MAX;
    if (*ret_nonsense)
        return false;
    s->frame = framebuf_new(buffers, head.len_bytes);
    s->frame_len = head.len_bytes;
    s->frame_got = 0;
    return s->frame != NULL;
}

void *slot_receive(struct slot *s, struct framebuf_pool *buffers, size_t *ret_len, bool *ret_nonsense)
{
    *ret_nonsense = false;
    if (!s->frame && !begin_frame(s, buffers, ret_nonsense)) {
        *ret_nonsense |= s->from.nonsense;
        return NULL;
    }
    for (size_t n; (n = ring_get(&s->from, s->frame + s->frame_got, s->frame_len - s->frame_got)) > 0;)
        s->frame_got += n;
    if (ring_take_writer(&s->from)) {
        uint64_t one = 1;
        ssize_t n = write(s->wake_fd, &one, sizeof one);
        QX_BUG_ON(n != (ssize_t)sizeof one);
    }
    *ret_nonsense = s->from.nonsense;
    if (s->frame_got < s->frame_len)
        return NULL;
    uint8_t *frame = s->frame;
    *ret_len = s->frame_len;
    s->frame = NULL;
    return frame;
}

uint64_t slot_expects_ns(const struct lease *l)
{
    bool known = l->f.kind == FRAME_KIND_RUN && l->f.expect_ns > 0;
    return known && l->f.expect_ns < POOL_AHEAD_NS ? l->f.expect_ns : POOL_AHEAD_NS + 1;
}

bool slot_take_back(struct slot *s, struct lease_queue *to, bool *ret_nonsense)
{
    uint32_t started;
    const struct lease *head = s->queue.first;
    if (!turn_take_back(&s->region->turn, s->n_given, &started))
        return false;
    *ret_nonsense = turn_after(head->turn, started) || turn_after(started, s->n_given);
    if (*ret_nonsense)
        return false;
    struct lease_queue kept = {0};
    for (struct lease *l; (l = lease_pop(&s->queue));) {
        bool taken = turn_after(l->turn, started);
        s->expect_ns -= taken ? slot_expects_ns(l) : 0;
        lease_push(taken ? to : &kept, l);
    }
    s->queue = kept;
    return true;
}
