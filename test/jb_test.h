/* jb_test.h — unit tests that read as sentences, run by cmocka.
 *
 *     JB_TEST("a list that was emptied is empty")
 *     {
 *         CHECK_INT(jb_list_empty(&list), true);
 *     }
 *
 * Each test gets a fresh root scope as `scope`, ended after it. A test file is one program (test/MODULE/test_NAME.c); main is test/main.c's.
 * JB_FIBER_TEST runs on a fiber of its own loop (modules above run only). */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_TEST_H
#define JB_TEST_H

#include "base/scope.h"

typedef void jb_test_run(struct jb_scope *scope);
void jb_test_register(const char *sentence, jb_test_run *run, bool fiber, const char *file, int line);

void jb_check_true(bool truth, const char *expression, const char *file, int line);
void jb_check_int(int64_t got, int64_t want, const char *expression, const char *file, int line);
void jb_check_str(struct jb_str got, struct jb_str want, const char *expression, const char *file, int line);
/* The call returned true; otherwise prints the scope's failure. */
void jb_check_ok(bool ok, struct jb_scope *scope, const char *expression, const char *file, int line);
/* Ends the test as skipped, saying why; CI counts it. */
_Noreturn void jb_test_skip(const char *why);

/* A file of the shared cases, "cases/vectors/json_nst.json"; without that folder the test ends as skipped. Lives in the scope. */
struct jb_str jb_test_shared(struct jb_scope *scope, const char *path);

/* What a command of the shell prints, at most 64 KiB; NULL when it fails. */
struct jb_str jb_test_output(struct jb_scope *scope, const char *command);

/* The most memory this process has had, in KiB. */
int64_t jb_test_memory_kib(void);

/* Sanitizers and the hostile build are slow and keep memory: such a test takes `few` of what it takes much of. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define JB_TEST_SLOW 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(JB_HOSTILE)
#define JB_TEST_SLOW 1
#endif
#if defined(JB_TEST_SLOW)
#define JB_TEST_MUCH(much, few) (few)
#else
#define JB_TEST_MUCH(much, few) (much)
#endif

#define CHECK(truth) jb_check_true((truth), #truth, __FILE__, __LINE__)
#define CHECK_INT(got, want) jb_check_int((int64_t)(got), (int64_t)(want), #got, __FILE__, __LINE__)
#define CHECK_STR(got, want) jb_check_str((got), (want), #got, __FILE__, __LINE__)
#define CHECK_TEXT(got, want) jb_check_str((got), jb_str_of(want), #got, __FILE__, __LINE__)
#define CHECK_OK(call) jb_check_ok((call), scope, #call, __FILE__, __LINE__)
/* The call fails with that kind, and the scope is clear again. */
#define CHECK_FAILS(call, kind)             \
    do {                                    \
        CHECK(!(call));                     \
        CHECK_INT(jb_error(scope), (kind)); \
        jb_failure_clear(scope);            \
    } while (0)

#define JB_TEST_NAME_(a, b) a##b
#define JB_TEST_NAME(a, b) JB_TEST_NAME_(a, b)
#define JB_TEST_AS(sentence, fiber)                                                           \
    static void JB_TEST_NAME(test_, __LINE__)(struct jb_scope * scope);                       \
    __attribute__((constructor)) static void JB_TEST_NAME(register_, __LINE__)(void)          \
    {                                                                                         \
        jb_test_register(sentence, JB_TEST_NAME(test_, __LINE__), fiber, __FILE__, __LINE__); \
    }                                                                                         \
    static void JB_TEST_NAME(test_, __LINE__)(struct jb_scope * scope __attribute__((unused)))
#define JB_TEST(sentence) JB_TEST_AS(sentence, false)
#define JB_FIBER_TEST(sentence) JB_TEST_AS(sentence, true)

#endif
