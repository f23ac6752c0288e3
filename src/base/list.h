/* list.h — an intrusive, circular, doubly linked list.
 *
 * A list is a link that is not inside an element; an empty list points at itself.  A link that stands in no
 * list points at itself too, so jb_list_remove may be called twice. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_BASE_LIST_H
#define JB_BASE_LIST_H

#include "base/check.h"

struct jb_list {
    struct jb_list *next, *previous;
};

static inline void jb_list_init(struct jb_list *list)
{
    list->next = list->previous = list;
}

static inline bool jb_list_empty(const struct jb_list *list)
{
    return list->next == list;
}

/* Puts `link` at the end of `list`; the link must stand in no list. */
static inline void jb_list_append(struct jb_list *list, struct jb_list *link)
{
    link->previous = list->previous;
    link->next = list;
    list->previous->next = link;
    list->previous = link;
}

static inline void jb_list_prepend(struct jb_list *list, struct jb_list *link)
{
    jb_list_append(list->next, link);
}

static inline void jb_list_remove(struct jb_list *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    jb_list_init(link);
}

/* Takes the first link out of the list, NULL when it is empty. */
static inline struct jb_list *jb_list_pop(struct jb_list *list)
{
    if (jb_list_empty(list))
        return NULL;
    struct jb_list *first = list->next;
    jb_list_remove(first);
    return first;
}

/* for (JB_EACH(list, link)) — the body must not remove `link`; take list.next in a loop for that. */
/* clang-format off */
#define JB_EACH(list, link) struct jb_list *link = (list)->next; link != (list); link = link->next
/* clang-format on */

#endif
