/* scope_private.h — the inside of a scope, for scope.c and failure.c. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_BASE_SCOPE_PRIVATE_H
#define JB_BASE_SCOPE_PRIVATE_H

#include "base/base_private.h"
#include "base/scope.h"

struct jb_scope {
    unsigned magic;
    _Atomic int children;
    _Atomic bool cancelled;
    enum jb_language language;
    const char *name;
    struct jb_scope *parent; /* NULL for a root; in the pool: the next block */
    struct jb_defer *defers; /* newest first */
    struct jb_failure *failure;
    int64_t deadline_us;
    const struct jb_user *actor;
    void **services; /* NULL until one is set here */
    struct jb_counters counters;
    _Alignas(16) struct jb_arena arena;
};

struct jb_str jb__format_v(struct jb_scope *scope, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

#endif
