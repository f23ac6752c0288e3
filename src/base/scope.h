/* scope.h — how long a thing lives.
 *
 * One scope per piece of work: a request, a task run, one batch of an import, one test.  It answers for the work's memory (an
 * arena), its clean-up (defers, newest first), its failure (kind, sentence, cause, file:line), its deadline and cancellation, its actor,
 * language and counters.  It is the first argument of every function that may fail or wait.
 *
 * Failure: a function that fails calls jb_fail and returns false or NULL; its caller returns at once or adds jb_wrap.  Whoever
 * answers (web/respond, queue/work, app/command) reads jb_failure, once.  A scope is used by one fiber or thread at a time. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_BASE_SCOPE_H
#define JB_BASE_SCOPE_H

#include "base/arena.h"
#include "base/str.h"
#include "base/time.h"

enum jb_error {
    JB_OK,
    JB_INVALID,
    JB_DENIED,
    JB_NOT_FOUND,
    JB_CONFLICT,
    JB_LIMIT,
    JB_TIMEOUT,
    JB_CANCELLED,
    JB_UNAVAILABLE,
    JB_BROKEN,
    JB_ERROR_COUNT,
};

/* "invalid", "denied", … */
const char *jb_error_name(enum jb_error error);
/* The exit status of interface §1: invalid 3, denied 4, not_found 5, conflict 6, limit 7, timeout 8, unavailable 9, cancelled 10, broken 70. */
int jb_error_exit(enum jb_error error);
/* The HTTP status of architecture §4: 422 403 404 409 413 504 503 500; cancelled 499. */
int jb_error_http(enum jb_error error);

enum jb_language {
    JB_KO,
    JB_EN,
};

/* One field's message, for forms and 422 answers. */
struct jb_field_error {
    struct jb_str field, message;
    struct jb_field_error *next;
};

struct jb_failure {
    enum jb_error error;
    struct jb_str message; /* one sentence for people */
    const char *file;      /* where jb_fail stood */
    int line;
    const struct jb_failure *cause; /* set by jb_wrap; NULL at the root */
    struct jb_field_error *fields;  /* in the order they were added; NULL when none */
    bool full;                      /* UNAVAILABLE because a disk is: trying again soon does not help */
};

struct jb_scope;

/* What a scope counts; read by monitoring and tests (P3, P4). */
struct jb_counters {
    int64_t queries, query_us, rows;
};

/* Services that app/site.c ties to the root scope; children inherit them.  Each module casts its own slot behind a function. */
enum jb_service {
    JB_SERVICE_DB,
    JB_SERVICE_QUEUE,
    JB_SERVICE_CACHE,
    JB_SERVICE_SITE,
    JB_SERVICE_WEB,
    JB_SERVICE_NOTIFY,
    JB_SERVICE_TRANSFER,
    JB_SERVICE_ADMIN,
    JB_SERVICE_TEST,
    JB_SERVICE_COUNT,
};

/* The signed-in person, or the job's owner.  id 0 is nobody (or the command line). */
struct jb_user {
    int64_t id;
    struct jb_str name;
    bool staff, superuser;
};

/* ---- life ------------------------------------------------------------------------------------------------------ */

/* A root scope: no deadline, nobody, Korean. */
struct jb_scope *jb_scope_new(const char *name);
/* A scope inside another: its own memory, defers, failure; inherits deadline, actor, language, services; cancelled with its parent.
 * Counters are added to the parent's at its end. */
struct jb_scope *jb_scope_child(struct jb_scope *parent, const char *name);
/* Runs the defers, newest first, and frees everything.  NULL is fine.  Children must have ended. */
void jb_scope_end(struct jb_scope *scope);
const char *jb_scope_name(const struct jb_scope *scope);

/* ---- memory and clean-up ---------------------------------------------------------------------------------------- */

struct jb_arena *jb_scope_arena(struct jb_scope *scope);
/* Zeroed, never NULL. */
void *jb_alloc(struct jb_scope *scope, size_t size);
#define JB_NEW(scope, type) ((type *)jb_alloc((scope), sizeof(type)))
#define JB_NEW_ARRAY(scope, type, count) ((type *)jb_alloc_array((scope), sizeof(type), (count)))
void *jb_alloc_array(struct jb_scope *scope, size_t size, size_t count); /* overflow is checked */
/* A copy in the scope with a NUL behind it; NULL text stays NULL. */
struct jb_str jb_copy(struct jb_scope *scope, struct jb_str text);
/* A NUL-terminated copy; NULL text gives "". */
const char *jb_cstr(struct jb_scope *scope, struct jb_str text);
struct jb_str jb_format(struct jb_scope *scope, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Calls run(arg) when the scope ends, newest first.  Returns a handle for jb_defer_cancel. */
struct jb_defer;
struct jb_defer *jb_defer(struct jb_scope *scope, void (*run)(void *arg), void *arg);
/* Forgets the defer without running it; NULL and an already run one are fine. */
void jb_defer_cancel(struct jb_defer *defer);

/* ---- failure ---------------------------------------------------------------------------------------------------- */

/* Records why the work failed and returns false: return jb_fail(scope, JB_INVALID, "…").  The first failure stays; a later one is kept as
 * jb_wrap would. */
#define jb_fail(scope, error, ...) jb_fail_at((scope), (error), __FILE__, __LINE__, __VA_ARGS__)
bool jb_fail_at(struct jb_scope *scope, enum jb_error error, const char *file, int line, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Puts a sentence around the present failure, keeping its kind; returns false. */
#define jb_wrap(scope, ...) jb_wrap_at((scope), __FILE__, __LINE__, __VA_ARGS__)
bool jb_wrap_at(struct jb_scope *scope, const char *file, int line, const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Adds a message for one field and makes the failure INVALID; returns false. */
bool jb_fail_field(struct jb_scope *scope, struct jb_str field, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Turns the newest failure (of jb_field_parse, say) into that field's message, keeping what failed before it; returns false. */
bool jb_failure_of_field(struct jb_scope *scope, struct jb_str field);
/* The failure at hand is that a disk is full. */
bool jb_failure_of_full_disk(struct jb_scope *scope);
/* errno as a failure: ENOSPC, EDQUOT → UNAVAILABLE, EACCES → DENIED, ENOENT → NOT_FOUND, else BROKEN; "doing what: reason". */
#define jb_fail_errno(scope, number, ...) jb_fail_errno_at((scope), (number), __FILE__, __LINE__, __VA_ARGS__)
bool jb_fail_errno_at(struct jb_scope *scope, int number, const char *file, int line, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* NULL while nothing failed. */
const struct jb_failure *jb_failure(const struct jb_scope *scope);
enum jb_error jb_error(const struct jb_scope *scope);
/* The newest sentence with its causes: "importing a.xlsx: row 7: …"; "" while nothing failed. */
struct jb_str jb_failure_text(struct jb_scope *scope);
/* Forgets the failure, for whoever handled it. */
void jb_failure_clear(struct jb_scope *scope);
/* Copies the failure of a child into its parent (before the child ends); returns false. */
bool jb_failure_pass(struct jb_scope *child, struct jb_scope *parent);

/* ---- deadline, cancellation, actor, language, counters, services -------------------------------------------------- */

/* On the monotonic clock; JB_NEVER when there is none.  Setting can only bring it nearer. */
int64_t jb_deadline_us(const struct jb_scope *scope);
void jb_deadline_set(struct jb_scope *scope, int64_t monotonic_us);
/* May be called from any thread; waiting fibers notice at their next wait (run/fiber wakes them). */
void jb_cancel(struct jb_scope *scope);
bool jb_cancelled(const struct jb_scope *scope);
/* run/loop sets it at start: called by jb_cancel, on any thread, so that loops look through their parked fibers. */
extern void (*jb_cancel_hook)(void);
/* true while work may go on; otherwise fails with CANCELLED or TIMEOUT.  For loops that do not wait. */
bool jb_continue(struct jb_scope *scope);

const struct jb_user *jb_actor(const struct jb_scope *scope);          /* never NULL */
void jb_actor_set(struct jb_scope *scope, const struct jb_user *user); /* copied */
enum jb_language jb_language(const struct jb_scope *scope);
void jb_language_set(struct jb_scope *scope, enum jb_language language);
/* Both texts at the place of use:  jb_fail(scope, JB_INVALID, JB_L(scope, "%s이 없습니다.", "There is no %s."), name)
 * Both formats take the same arguments in the same order; ISO C has no %1$s, so word the sentences for it. */
#define JB_L(scope, ko, en) (jb_language(scope) == JB_KO ? (ko) : (en))

struct jb_counters *jb_counters(struct jb_scope *scope);
void jb_service_set(struct jb_scope *scope, enum jb_service service, void *pointer);
void *jb_service(const struct jb_scope *scope, enum jb_service service); /* NULL when not tied */

#endif
