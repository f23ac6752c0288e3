/* scope.c — life, memory, clean-up and what a scope inherits; failures are in failure.c.
 *
 * A scope and the first 3.5 KiB of its arena are one block of 4 KiB, kept in a small pool per thread: most requests never call
 * malloc.  Sanitizer and hostile builds do not pool, so that a use after the end is seen. */
// SPDX-License-Identifier: Apache-2.0
#include "base/scope_private.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define SCOPE_MAGIC 0x73636f70u
#define BLOCK_BYTES ((size_t)4096)
#define FIRST_CHUNK (BLOCK_BYTES - sizeof(struct jb_scope))
#define POOL_MAX 64
#if defined(JB_HOSTILE) || JB__ASAN || JB__TSAN
#define POOLED 0
#else
#define POOLED 1
#endif

struct jb_defer {
    struct jb_defer *older;
    void (*run)(void *arg); /* NULL: ran or cancelled */
    void *arg;
};

_Static_assert(sizeof(struct jb_scope) % 16 == 0, "the first chunk follows the scope");

void (*jb_cancel_hook)(void);

static const struct jb_user nobody;

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

#if POOLED
static _Thread_local struct pool {
    struct jb_scope *first; /* linked by parent */
    size_t count;
    bool watched; /* the thread's end empties it */
} pool;
static pthread_key_t pool_key;

static void pool_empty(void *arg)
{
    struct pool *mine = arg;
    while (mine->first) {
        struct jb_scope *scope = mine->first;
        mine->first = scope->parent;
        free(scope);
    }
    mine->count = POOL_MAX; /* scopes ended by later destructors are freed */
}

__attribute__((constructor(101))) static void pool_make(void)
{
    JB_CHECK(pthread_key_create(&pool_key, pool_empty) == 0);
}

static void *block_take(void)
{
    struct jb_scope *scope = pool.first;
    if (!scope)
        return calloc(1, BLOCK_BYTES);
    pool.first = scope->parent;
    pool.count--;
    return scope;
}

static void block_give(struct jb_scope *scope)
{
    if (pool.count == POOL_MAX) {
        free(scope);
        return;
    }
    if (!pool.watched) {
        JB_CHECK(pthread_setspecific(pool_key, &pool) == 0);
        pool.watched = true;
    }
    scope->parent = pool.first;
    pool.first = scope;
    pool.count++;
}
#else
static void *block_take(void)
{
    return calloc(1, BLOCK_BYTES);
}

static void block_give(struct jb_scope *scope)
{
    free(scope);
}
#endif

/* ---- life -------------------------------------------------------------------------------------------------------- */

static struct jb_scope *scope_make(const char *name)
{
    struct jb_scope *scope = block_take();

    JB_CHECK(scope);
    *scope = (struct jb_scope){ .magic = SCOPE_MAGIC, .name = name, .deadline_us = JB_NEVER, .actor = &nobody };
    jb__arena_init_in(&scope->arena, (char *)scope + sizeof *scope, FIRST_CHUNK, 0);
    return scope;
}

struct jb_scope *jb_scope_new(const char *name)
{
    return scope_make(name);
}

struct jb_scope *jb_scope_child(struct jb_scope *parent, const char *name)
{
    JB_CHECK(parent->magic == SCOPE_MAGIC);
    struct jb_scope *scope = scope_make(name);
    scope->parent = parent;
    scope->deadline_us = parent->deadline_us;
    scope->actor = parent->actor;
    scope->language = parent->language;
    atomic_fetch_add_explicit(&parent->children, 1, memory_order_relaxed);
    return scope;
}

static void defers_run(struct jb_scope *scope)
{
    while (scope->defers) {
        struct jb_defer *defer = scope->defers;
        void (*run)(void *arg) = defer->run;
        scope->defers = defer->older;
        defer->run = NULL;
        if (run)
            run(defer->arg);
    }
}

/* The children of one parent may end on several threads at once. */
static void counters_add(struct jb_counters *to, const struct jb_counters *from)
{
    __atomic_fetch_add(&to->queries, from->queries, __ATOMIC_RELAXED);
    __atomic_fetch_add(&to->query_us, from->query_us, __ATOMIC_RELAXED);
    __atomic_fetch_add(&to->rows, from->rows, __ATOMIC_RELAXED);
}

void jb_scope_end(struct jb_scope *scope)
{
    if (!scope)
        return;
    JB_CHECK(scope->magic == SCOPE_MAGIC);
    defers_run(scope);
    JB_CHECK(atomic_load_explicit(&scope->children, memory_order_acquire) == 0); /* children end before their parent */
    struct jb_scope *parent = scope->parent;
    jb_arena_done(&scope->arena);
    scope->magic = 0;
    if (parent) {
        counters_add(&parent->counters, &scope->counters);
        atomic_fetch_sub_explicit(&parent->children, 1, memory_order_release);
    }
    block_give(scope);
}

const char *jb_scope_name(const struct jb_scope *scope)
{
    return scope->name;
}

/* ---- memory and clean-up -------------------------------------------------------------------------------------------- */

struct jb_arena *jb_scope_arena(struct jb_scope *scope)
{
    return &scope->arena;
}

void *jb_alloc(struct jb_scope *scope, size_t size)
{
    JB_CHECK(scope->magic == SCOPE_MAGIC);
    return jb__arena_take(&scope->arena, size);
}

void *jb_alloc_array(struct jb_scope *scope, size_t size, size_t count)
{
    size_t bytes;
    JB_CHECK(!__builtin_mul_overflow(size, count, &bytes));
    return jb_alloc(scope, bytes);
}

struct jb_str jb_copy(struct jb_scope *scope, struct jb_str text)
{
    if (!text.data)
        return JB_STR_NULL;
    char *copy = jb__arena_take(&scope->arena, text.size + 1);
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return (struct jb_str){ copy, text.size };
}

const char *jb_cstr(struct jb_scope *scope, struct jb_str text)
{
    return text.data ? jb_copy(scope, text).data : "";
}

struct jb_str jb__format_v(struct jb_scope *scope, const char *format, va_list args)
{
    char small[256];
    va_list again;

    va_copy(again, args);
    int size = vsnprintf(small, sizeof small, format, args);
    JB_CHECK(size >= 0);
    char *text = jb__arena_take(&scope->arena, (size_t)size + 1);
    if ((size_t)size < sizeof small)
        memcpy(text, small, (size_t)size + 1);
    else
        vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    return (struct jb_str){ text, (size_t)size };
}

struct jb_str jb_format(struct jb_scope *scope, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct jb_str text = jb__format_v(scope, format, args);
    va_end(args);
    return text;
}

struct jb_defer *jb_defer(struct jb_scope *scope, void (*run)(void *arg), void *arg)
{
    JB_CHECK(run);
    struct jb_defer *defer = JB_NEW(scope, struct jb_defer);
    *defer = (struct jb_defer){ scope->defers, run, arg };
    scope->defers = defer;
    return defer;
}

void jb_defer_cancel(struct jb_defer *defer)
{
    if (defer)
        defer->run = NULL;
}

/* ---- deadline, cancellation, actor, language, counters, services ------------------------------------------------------ */

int64_t jb_deadline_us(const struct jb_scope *scope)
{
    return scope->deadline_us;
}

void jb_deadline_set(struct jb_scope *scope, int64_t monotonic_us)
{
    scope->deadline_us = JB_MIN(scope->deadline_us, monotonic_us);
}

void jb_cancel(struct jb_scope *scope)
{
    void (*hook)(void) = __atomic_load_n(&jb_cancel_hook, __ATOMIC_ACQUIRE);

    JB_CHECK(scope->magic == SCOPE_MAGIC);
    atomic_store_explicit(&scope->cancelled, true, memory_order_release);
    if (hook)
        hook();
}

bool jb_cancelled(const struct jb_scope *scope)
{
    for (; scope; scope = scope->parent)
        if (atomic_load_explicit(&scope->cancelled, memory_order_acquire))
            return true;
    return false;
}

bool jb_continue(struct jb_scope *scope)
{
    if (jb_cancelled(scope))
        return jb_fail(scope, JB_CANCELLED, "%s", JB_L(scope, "취소했습니다.", "Cancelled."));
    if (scope->deadline_us != JB_NEVER && jb_monotonic_us() >= scope->deadline_us)
        return jb_fail(scope, JB_TIMEOUT, "%s", JB_L(scope, "정한 시간 안에 끝나지 않았습니다.", "This took longer than allowed."));
    return true;
}

const struct jb_user *jb_actor(const struct jb_scope *scope)
{
    return scope->actor;
}

void jb_actor_set(struct jb_scope *scope, const struct jb_user *user)
{
    struct jb_user *copy = JB_NEW(scope, struct jb_user);
    *copy = *user;
    copy->name = jb_copy(scope, user->name);
    scope->actor = copy;
}

enum jb_language jb_language(const struct jb_scope *scope)
{
    return scope->language;
}

void jb_language_set(struct jb_scope *scope, enum jb_language language)
{
    scope->language = language;
}

struct jb_counters *jb_counters(struct jb_scope *scope)
{
    return &scope->counters;
}

void jb_service_set(struct jb_scope *scope, enum jb_service service, void *pointer)
{
    JB_CHECK((unsigned)service < JB_SERVICE_COUNT);
    if (!scope->services)
        scope->services = JB_NEW_ARRAY(scope, void *, JB_SERVICE_COUNT);
    scope->services[service] = pointer;
}

void *jb_service(const struct jb_scope *scope, enum jb_service service)
{
    JB_CHECK((unsigned)service < JB_SERVICE_COUNT);
    for (; scope; scope = scope->parent)
        if (scope->services && scope->services[service])
            return scope->services[service];
    return NULL;
}
