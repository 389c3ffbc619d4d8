/* list.h - intrusive circular doubly linked lists. A head is a link to itself when empty; nodes belong to
 * whoever embeds them. Nothing allocates. */
#ifndef QX_COMMON_LIST_H
#define QX_COMMON_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *prev, *next;
};

#define list_entry(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void list_init(struct list *head)
{
    head->prev = head->next = head;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

/* Puts `node`, which is in no list, in front of `at`; `at` = head appends. */
static inline void list_insert_before(struct list *at, struct list *node)
{
    node->prev = at->prev;
    node->next = at;
    at->prev->next = node;
    at->prev = node;
}

static inline void list_append(struct list *head, struct list *node)
{
    list_insert_before(head, node);
}

static inline void list_prepend(struct list *head, struct list *node)
{
    list_insert_before(head->next, node);
}

static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = node->next = node;
}

/* for (struct list *l = head->next; l != head; l = l->next), safe against removal of l. */
#define list_each_safe(l, tmp, head)                                                                         \
    for (struct list *l = (head)->next, *tmp = l->next; l != (head); l = tmp, tmp = l->next)
#define list_each(l, head) for (const struct list *l = (head)->next; l != (head); l = l->next)

#endif
