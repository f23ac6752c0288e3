/* test_scope.c — life, defers, failures, what is inherited; cancellation and ends on several threads. */
// SPDX-License-Identifier: Apache-2.0
#include "base/scope.h"
#include "jb_test.h"
#include <errno.h>
#include <pthread.h>
#include <string.h>

/* ---- memory and clean-up ---------------------------------------------------------------------------------------------- */

struct order {
    char text[16];
    size_t size;
    struct jb_scope *scope;
};
struct step {
    struct order *order;
    char letter;
};

static void note(void *arg)
{
    struct step *step = arg;
    step->order->text[step->order->size++] = step->letter;
}

static void note_and_defer(void *arg)
{
    static struct step late = { .letter = 'L' };
    struct step *step = arg;
    note(step);
    late.order = step->order;
    jb_defer(step->order->scope, note, &late);
}

JB_TEST("defers run newest first when the scope ends, cancelled ones do not")
{
    struct order order = { .size = 0 };
    struct step a = { &order, 'a' }, b = { &order, 'b' }, c = { &order, 'c' };
    struct jb_scope *child = jb_scope_child(scope, "child");

    jb_defer(child, note, &a);
    struct jb_defer *second = jb_defer(child, note, &b);
    jb_defer(child, note, &c);
    jb_defer_cancel(second);
    jb_defer_cancel(NULL);
    CHECK_INT(order.size, 0);
    jb_scope_end(child);
    CHECK_TEXT(jb_str_of(order.text), "ca");
}

JB_TEST("a defer may defer: it runs before the older ones")
{
    struct order order = { .size = 0 };
    struct step a = { &order, 'a' }, b = { &order, 'b' };
    struct jb_scope *child = jb_scope_child(scope, "child");

    order.scope = child;
    jb_defer(child, note, &a);
    jb_defer(child, note_and_defer, &b);
    jb_scope_end(child);
    CHECK_TEXT(jb_str_of(order.text), "bLa");
}

JB_TEST("ending NULL is fine, and a scope has its name")
{
    jb_scope_end(NULL);
    CHECK_TEXT(jb_str_of(jb_scope_name(scope)), "test");
}

JB_TEST("copies have a NUL behind them, and NULL stays NULL")
{
    struct jb_str copy = jb_copy(scope, JB_STR("가나"));

    CHECK_TEXT(copy, "가나");
    CHECK_INT(copy.data[copy.size], 0);
    CHECK(jb_copy(scope, JB_STR_NULL).data == NULL);
    CHECK(jb_copy(scope, JB_STR("")).data != NULL);
    CHECK_TEXT(jb_str_of(jb_cstr(scope, JB_STR_NULL)), "");
    CHECK_TEXT(jb_format(scope, "%d원", 1000), "1000원");
    struct jb_str wide = jb_format(scope, "%1000d", 7);
    CHECK_INT(wide.size, 1000);
    CHECK_INT(wide.data[999], '7');
}

JB_TEST("thousands of scopes with much memory each give it all back")
{
    for (int i = 0; i < 2000; i++) {
        struct jb_scope *child = jb_scope_child(scope, "child");
        for (int k = 0; k < 20; k++) {
            int *at = JB_NEW_ARRAY(child, int, 100 * (size_t)(k + 1));
            CHECK_INT(at[0] | at[100 * (k + 1) - 1], 0);
            memset(at, 0x55, 400 * (size_t)(k + 1));
        }
        jb_scope_end(child);
    }
    CHECK(jb_arena_bytes(jb_scope_arena(scope)) <= 4096);
}

/* ---- failure ------------------------------------------------------------------------------------------------------------ */

JB_TEST("the first failure stays the root, later ones go around it")
{
    CHECK(jb_failure(scope) == NULL);
    CHECK_INT(jb_error(scope), JB_OK);
    CHECK_TEXT(jb_failure_text(scope), "");
    CHECK(!jb_fail(scope, JB_NOT_FOUND, "no such %s", "file"));
    int line = __LINE__ - 1;
    CHECK(!jb_wrap(scope, "reading row %d", 7));
    CHECK(!jb_fail(scope, JB_BROKEN, "importing"));
    CHECK_INT(jb_error(scope), JB_NOT_FOUND);
    CHECK_TEXT(jb_failure_text(scope), "importing: reading row 7: no such file");
    const struct jb_failure *root = jb_failure(scope)->cause->cause;
    CHECK_INT(root->line, line);
    CHECK(strstr(root->file, "test_scope.c") != NULL);
    CHECK(root->cause == NULL);
    jb_failure_clear(scope);
    CHECK_INT(jb_error(scope), JB_OK);
}

JB_TEST("a sentence with a full stop is followed by a blank, not by a colon")
{
    jb_fail(scope, JB_INVALID, "금액이 아닙니다.");
    jb_wrap(scope, "반영하지 못했습니다.");
    CHECK_TEXT(jb_failure_text(scope), "반영하지 못했습니다. 금액이 아닙니다.");
}

JB_TEST("messages for fields are kept in order and counted in the sentence")
{
    jb_fail_field(scope, JB_STR("amount"), "금액이 아닙니다.");
    CHECK_TEXT(jb_failure(scope)->message, "고칠 곳이 1군데 있습니다.");
    jb_fail_field(scope, JB_STR("day"), "없는 날짜입니다.");
    CHECK_INT(jb_error(scope), JB_INVALID);
    CHECK_TEXT(jb_failure(scope)->message, "고칠 곳이 2군데 있습니다.");
    jb_wrap(scope, "row 3");
    const struct jb_field_error *fields = jb_failure(scope)->fields;
    CHECK_TEXT(fields->field, "amount");
    CHECK_TEXT(fields->next->field, "day");
    CHECK_TEXT(fields->next->message, "없는 날짜입니다.");
    CHECK(fields->next->next == NULL);
    CHECK_TEXT(jb_failure_text(scope), "row 3: 고칠 곳이 2군데 있습니다. amount: 금액이 아닙니다. day: 없는 날짜입니다.");
}

JB_TEST("a failure becomes a field's message without losing the fields before it")
{
    jb_language_set(scope, JB_EN);
    jb_fail_field(scope, JB_STR("day"), "There is no such date.");
    jb_fail(scope, JB_INVALID, "This is not an amount.");
    CHECK(!jb_failure_of_field(scope, JB_STR("amount")));
    CHECK_TEXT(jb_failure(scope)->message, "2 fields need attention.");
    CHECK_TEXT(jb_failure(scope)->fields->next->field, "amount");
    CHECK_TEXT(jb_failure(scope)->fields->next->message, "This is not an amount.");
    CHECK(jb_failure(scope)->cause == NULL);
}

JB_TEST("a child's failure is passed to its parent with causes and fields, and outlives the child")
{
    struct jb_scope *child = jb_scope_child(scope, "child");
    jb_fail_field(child, JB_STR("memo"), "%d자입니다.", 300);
    jb_wrap(child, "row %d", 7);
    CHECK(!jb_failure_pass(child, scope));
    jb_scope_end(child);
    CHECK_INT(jb_error(scope), JB_INVALID);
    CHECK_TEXT(jb_failure_text(scope), "row 7: 고칠 곳이 1군데 있습니다. memo: 300자입니다.");
    CHECK_TEXT(jb_failure(scope)->fields->field, "memo");
}

JB_TEST("errno tells the kind and the reason in the scope's language")
{
    jb_fail_errno(scope, ENOSPC, "%s을 쓰는 중", "a.db");
    CHECK_TEXT(jb_failure_text(scope), "a.db을 쓰는 중: 디스크에 자리가 없습니다");
    CHECK_INT(jb_error(scope), JB_UNAVAILABLE);
    jb_failure_clear(scope);
    jb_language_set(scope, JB_EN);
    jb_fail_errno(scope, EACCES, "opening %s", "a.db");
    CHECK_TEXT(jb_failure_text(scope), "opening a.db: Permission denied");
    CHECK_INT(jb_error(scope), JB_DENIED);
    jb_failure_clear(scope);
    CHECK_FAILS(jb_fail_errno(scope, ENOENT, "x"), JB_NOT_FOUND);
    CHECK_FAILS(jb_fail_errno(scope, EDQUOT, "x"), JB_UNAVAILABLE);
    CHECK_FAILS(jb_fail_errno(scope, EBADF, "x"), JB_BROKEN);
}

JB_TEST("every kind has a name, an exit status and an HTTP status of its own")
{
    static const struct {
        enum jb_error error;
        const char *name;
        int exit, http;
    } kinds[] = { { JB_OK, "ok", 0, 200 }, { JB_INVALID, "invalid", 3, 422 }, { JB_DENIED, "denied", 4, 403 }, { JB_NOT_FOUND, "not_found", 5, 404 },
        { JB_CONFLICT, "conflict", 6, 409 }, { JB_LIMIT, "limit", 7, 413 }, { JB_TIMEOUT, "timeout", 8, 504 }, { JB_UNAVAILABLE, "unavailable", 9, 503 },
        { JB_CANCELLED, "cancelled", 10, 499 }, { JB_BROKEN, "broken", 70, 500 } };

    (void)scope;
    CHECK_INT(JB_COUNT(kinds), JB_ERROR_COUNT);
    for (size_t i = 0; i < JB_COUNT(kinds); i++) {
        CHECK_TEXT(jb_str_of(jb_error_name(kinds[i].error)), kinds[i].name);
        CHECK_INT(jb_error_exit(kinds[i].error), kinds[i].exit);
        CHECK_INT(jb_error_http(kinds[i].error), kinds[i].http);
    }
}

/* ---- deadline, cancellation, inheritance -------------------------------------------------------------------------------- */

JB_TEST("a deadline only comes nearer, and a child starts with its parent's")
{
    CHECK_INT(jb_deadline_us(scope), JB_NEVER);
    jb_deadline_set(scope, 2000);
    jb_deadline_set(scope, 5000);
    CHECK_INT(jb_deadline_us(scope), 2000);
    struct jb_scope *child = jb_scope_child(scope, "child");
    CHECK_INT(jb_deadline_us(child), 2000);
    jb_deadline_set(child, 1000);
    CHECK_INT(jb_deadline_us(child), 1000);
    CHECK_INT(jb_deadline_us(scope), 2000);
    jb_scope_end(child);
}

JB_TEST("work goes on until its deadline and fails with a timeout after it")
{
    jb_clock_hold((struct jb_time){ 0 });
    jb_deadline_set(scope, jb_monotonic_us() + 1000);
    CHECK_OK(jb_continue(scope));
    jb_clock_advance_us(999);
    CHECK_OK(jb_continue(scope));
    jb_clock_advance_us(1);
    CHECK_FAILS(jb_continue(scope), JB_TIMEOUT);
    jb_cancel(scope);
    CHECK_FAILS(jb_continue(scope), JB_CANCELLED);
}

static int hook_calls;

static void count_hook(void)
{
    hook_calls++;
}

JB_TEST("cancelling reaches children and grandchildren, not parents, and calls the hook")
{
    struct jb_scope *child = jb_scope_child(scope, "child"), *grandchild = jb_scope_child(child, "grandchild");

    jb_cancel_hook = count_hook;
    CHECK(!jb_cancelled(grandchild));
    jb_cancel(child);
    CHECK_INT(hook_calls, 1);
    CHECK(jb_cancelled(child) && jb_cancelled(grandchild) && !jb_cancelled(scope));
    CHECK_OK(jb_continue(scope));
    jb_scope_end(grandchild);
    jb_scope_end(child);
    jb_cancel_hook = NULL;
}

JB_TEST("actor, language and services are inherited; the counters go up at the end")
{
    static int db, other;
    struct jb_user user = { .id = 7, .name = JB_STR("관리자"), .staff = true };

    CHECK_INT(jb_actor(scope)->id, 0);
    jb_actor_set(scope, &user);
    user.id = 8; /* it was copied */
    jb_language_set(scope, JB_EN);
    jb_service_set(scope, JB_SERVICE_DB, &db);
    struct jb_scope *child = jb_scope_child(scope, "child");
    CHECK_INT(jb_actor(child)->id, 7);
    CHECK_TEXT(jb_actor(child)->name, "관리자");
    CHECK_INT(jb_language(child), JB_EN);
    CHECK_TEXT(jb_str_of(JB_L(child, "한국어", "English")), "English");
    CHECK(jb_service(child, JB_SERVICE_DB) == &db);
    CHECK(jb_service(child, JB_SERVICE_QUEUE) == NULL);
    jb_service_set(child, JB_SERVICE_DB, &other);
    CHECK(jb_service(child, JB_SERVICE_DB) == &other);
    CHECK(jb_service(scope, JB_SERVICE_DB) == &db);
    jb_counters(child)->queries = 3;
    jb_counters(child)->rows = 40;
    CHECK_INT(jb_counters(scope)->queries, 0);
    jb_scope_end(child);
    CHECK_INT(jb_counters(scope)->queries, 3);
    CHECK_INT(jb_counters(scope)->rows, 40);
}

static void *work_in_children(void *arg)
{
    for (int i = 0; i < 500; i++) {
        struct jb_scope *child = jb_scope_child(arg, "thread");
        memset(jb_alloc(child, 6000), 1, 6000);
        jb_counters(child)->queries++;
        jb_scope_end(child);
    }
    return NULL;
}

JB_TEST("children on several threads end at once without losing a count")
{
    pthread_t threads[4];

    for (size_t i = 0; i < JB_COUNT(threads); i++)
        CHECK_INT(pthread_create(&threads[i], NULL, work_in_children, scope), 0);
    for (size_t i = 0; i < JB_COUNT(threads); i++)
        CHECK_INT(pthread_join(threads[i], NULL), 0);
    CHECK_INT(jb_counters(scope)->queries, 2000);
}

static void *wait_cancelled(void *arg)
{
    while (!jb_cancelled(arg))
        continue;
    return NULL;
}

JB_TEST("another thread sees the cancellation")
{
    struct jb_scope *child = jb_scope_child(scope, "child");
    pthread_t thread;

    CHECK_INT(pthread_create(&thread, NULL, wait_cancelled, child), 0);
    jb_cancel(scope);
    CHECK_INT(pthread_join(thread, NULL), 0);
    jb_scope_end(child);
}
