#include "worker/lease.h"

#include <string.h>

#include "common/mem.h"

struct lease_store {
    struct lease *first;
};

void lease_push(struct lease_queue *q, struct lease *l)
{
    l->next = NULL;
    if (q->last)
        q->last->next = l;
    else
        q->first = l;
    q->last = l;
    q->n++;
}

void lease_push_front(struct lease_queue *q, struct lease *l)
{
    l->next = q->first;
    q->first = l;
    if (!q->last)
        q->last = l;
    q->n++;
}

struct lease *lease_pop(struct lease_queue *q)
{
    struct lease *l = q->first;
    if (!l)
        return NULL;
    q->first = l->next;
    if (!q->first)
        q->last = NULL;
    q->n--;
    l->next = NULL;
    return l;
}

void lease_append(struct lease_queue *to, struct lease_queue *from)
{
    if (!from->first)
        return;
    if (to->last)
        to->last->next = from->first;
    else
        to->first = from->first;
    to->last = from->last;
    to->n += from->n;
    *from = (struct lease_queue){0};
}

struct lease_store *lease_store_new(void)
{
    return qx_calloc(1, sizeof(struct lease_store));
}

void lease_store_free(struct lease_store *s)
{
    if (!s)
        return;
    for (struct lease *l = s->first; l;) {
        struct lease *next = l->next;
        qx_free(l);
        l = next;
    }
    qx_free(s);
}

struct lease *lease_new(struct lease_store *s, zmq_msg_t *msg, const struct frame_lease *f, uint64_t now_ns)
{
    struct lease *l = s->first;
    if (l)
        s->first = l->next;
    else
        l = qx_malloc(sizeof *l);
    if (!l)
        return NULL;
    l->next = NULL;
    l->job = NULL;
    l->f = *f;
    (void)zmq_msg_init(&l->msg);
    (void)zmq_msg_move(&l->msg, msg);
    memcpy((uint8_t *)zmq_msg_data(&l->msg) + offsetof(struct frame_head, seq), &now_ns, sizeof now_ns);
    return l;
}

void lease_free(struct lease_store *s, struct lease *l)
{
    (void)zmq_msg_close(&l->msg);
    l->next = s->first;
    s->first = l;
}
