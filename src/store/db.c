/* db.c — the database of a scope: opening, transactions, counting what is asked.
 *
 * A transaction belongs to the fiber that began it and to the scope it was begun in. It marks the fiber, so that any wait that is not the store's asserts, and
 * stands as a defer in its scope, so that whoever returns early has rolled back. Begun inside another one it is a savepoint: same commands, one deeper. */
// SPDX-License-Identifier: Apache-2.0
#include "store/introspect_private.h"
#include "store/broken_rule.h"
#include "store/store_private.h"
#include <stdlib.h>
#include <string.h>

struct hook {
    struct hook *next;
    void (*run)(struct jb_scope *scope, void *arg);
    void *arg;
};

struct jb_tx {
    struct jb_scope *scope;
    struct jb__use *use; /* whose tx[live] this is */
    struct jb_tx *outer; /* NULL: a real transaction */
    struct jb_fiber *fiber;
    struct jb_defer *defer;
    struct hook *hooks, **hooks_end; /* oldest first */
    void *handle;                    /* the driver's */
    int depth;
    bool live, ended;
    bool failed; /* a statement in it failed: only a rollback is left (docs/decisions/0009) */
};

/* ---- the service ------------------------------------------------------------------------------------------------------------------ */

static void db_free(struct jb_db *db)
{
    jb__texts_close(db);
    jb__links_close(db);
    free(db->path);
    free(db->models);
    free(db);
}

static const struct jb_driver *driver_of(struct jb_scope *scope, struct jb_str url)
{
    static const struct jb_driver *const drivers[] = { &jb__sqlite_driver, &jb__postgres_driver };

    if (jb_str_starts(url, JB_STR("postgres://"))) /* the other spelling */
        return &jb__postgres_driver;
    for (size_t i = 0; i < JB_COUNT(drivers); i++)
        if (jb_str_starts(url, jb_str_of(drivers[i]->url)))
            return drivers[i];
    struct jb_str shown = jb_str_slice(url, 0, jb_str_find_char(url, ':', 0)); /* what follows may hold a password */
    jb_fail(scope, JB_INVALID,
        JB_L(scope, "DATABASE_URL “%.*s…”: sqlite:///파일.db (절대 경로는 sqlite:////…) 또는 postgresql://사용자:암호@호스트:포트/데이터베이스 꼴이어야 합니다.",
            "DATABASE_URL \"%.*s…\": it must look like sqlite:///file.db (sqlite:////… for an absolute path) or postgresql://user:password@host:port/database."),
        JB_FMT(shown));
    return NULL;
}

struct jb_db *jb_db_open(struct jb_scope *scope, const struct jb_db_options *options)
{
    const struct jb_driver *driver = driver_of(scope, options->url);
    struct jb_db *db;
    size_t count = 0;

    if (!driver)
        return NULL;
    JB_CHECK(options->models);
    while (options->models[count])
        count++;
    db = calloc(1, sizeof *db);
    JB_CHECK(db);
    db->models = calloc(count + 1, sizeof *db->models);
    JB_CHECK(db->models);
    memcpy(db->models, options->models, count * sizeof *db->models);
    db->driver = driver;
    jb__links_open(db);
    jb__texts_open(db);
    db->reader_threads = options->reader_threads > 0 ? options->reader_threads : 2;
    db->reads_on_threads = options->reads_on_threads;
    db->routes = options->routes;
    db->cache_bytes = options->cache_bytes > 0 ? options->cache_bytes : 32 << 20;
    db->slow_query_us = (int64_t)((options->slow_query_s > 0 ? options->slow_query_s : 1.0) * JB_SECOND_US);
    db->slow = options->slow;
    db->slow_arg = options->slow_arg;
    db->stalled = options->stalled;
    db->stalled_arg = options->stalled_arg;
    db->stall_us = (int64_t)((options->stall_s > 0 ? options->stall_s : 0.01) * JB_SECOND_US);
    if (db->driver->open(db, scope, options))
        return db;
    db_free(db);
    return NULL;
}

void jb_db_close(struct jb_db *db)
{
    if (!db)
        return;
    db->driver->close(db);
    db_free(db);
}

void jb_db_use(struct jb_scope *scope, struct jb_db *db)
{
    struct jb__use *use = JB_NEW(scope, struct jb__use);
    use->db = db;
    use->scope = scope;
    use->seen = (_Atomic uint64_t *)JB_NEW(scope, _Atomic uint64_t);
    jb_service_set(scope, JB_SERVICE_DB, use);
}

struct jb__use *jb__use_of(struct jb_scope *scope)
{
    struct jb__use *use = jb_service(scope, JB_SERVICE_DB);
    JB_CHECK(use && use->db);
    return use;
}

struct jb_db *jb_db_of(struct jb_scope *scope)
{
    return jb__use_of(scope)->db;
}

const struct jb_model *const *jb_db_models(struct jb_scope *scope)
{
    return jb_db_of(scope)->models;
}

const char *jb_db_kind(const struct jb_db *db)
{
    return db->driver->kind;
}

const char *jb__db_path(const struct jb_db *db)
{
    return db->path;
}

bool jb_db_ping(struct jb_scope *scope)
{
    struct jb_scope *child = jb_scope_child(scope, "ping");
    int64_t one;

    jb_db_reads(child, JB_READS_PRIMARY);
    bool ok = jb_query_int(child, JB_SQL("select 1"), &one) && jb_live_query_int(child, JB_SQL("select 1"), &one);
    if (!ok)
        jb_failure_pass(child, scope);
    jb_scope_end(child);
    return ok;
}

bool jb_live_version(struct jb_scope *scope, int64_t *ret_version)
{
    struct jb_db *db = jb_db_of(scope);
    return db->driver->live_version(db, scope, ret_version);
}

bool jb_live_tell(struct jb_scope *scope)
{
    struct jb_db *db = jb_db_of(scope);
    return !db->driver->live_tell || db->driver->live_tell(db, scope);
}

/* ---- running ------------------------------------------------------------------------------------------------------------------------ */

struct jb_tx *jb__tx_of(struct jb_scope *scope, bool live)
{
    struct jb_tx *tx = jb__use_of(scope)->tx[live];
    JB_CHECK(!tx || tx->fiber == jb_fiber_self()); /* a transaction belongs to the fiber that began it */
    return tx;
}

void *jb__tx_handle(const struct jb_tx *tx)
{
    return tx ? tx->handle : NULL;
}

bool jb__tx_has_ended(const struct jb_tx *tx, bool outermost)
{
    while (outermost && tx->outer)
        tx = tx->outer;
    return tx->ended;
}

/* Main before live: the other order could wait for itself. */
static void order_check(struct jb_scope *scope, bool live)
{
    JB_CHECK(live || !jb__use_of(scope)->tx[true] || jb__use_of(scope)->tx[false]);
}

bool jb__tx_sound(struct jb_tx *tx, struct jb_scope *scope)
{
    if (!tx || !tx->failed)
        return true;
    return jb_fail(scope, JB_UNAVAILABLE, "%s", JB_L(scope, "앞선 오류로 이 작업 묶음이 취소되었습니다. 다시 하세요.", "An earlier error has ended this transaction. Try again."));
}

void jb__tx_note(struct jb_tx *tx, bool ok)
{
    if (tx && !ok)
        tx->failed = true;
}

/* What one of the two databases would take and the other would not. */
static bool args_sound(struct jb_scope *scope, const struct jb__statement *statement)
{
    for (size_t i = 0; i < statement->arg_count; i++) {
        struct jb_value value = statement->args[i];
        if (value.type == JB_TEXT && value.text.data && !(jb_utf8_valid(value.text) && jb_str_find_char(value.text, '\0', 0) == SIZE_MAX))
            return jb__broken_text(scope, statement);
        if (!jb_value_dated(scope, value))
            return false;
    }
    return true;
}

bool jb__run(struct jb_scope *scope, struct jb__statement *statement)
{
    struct jb_db *db = jb_db_of(scope);
    struct jb_tx *tx = jb__tx_of(scope, statement->live);
    int64_t start_us = jb_monotonic_us();

    if (!jb_continue(scope) || !jb__tx_sound(tx, scope))
        return false;
    if (statement->write)
        order_check(scope, statement->live);
    bool ok = args_sound(scope, statement) && db->driver->run(db, scope, tx, statement);
    jb__tx_note(tx, ok);
    jb__count(scope, db, start_us, statement, ok);
    return ok || jb__external_failed(scope, statement->model);
}

bool jb__run_batch(struct jb_scope *scope, struct jb__batch *batch)
{
    struct jb_db *db = jb_db_of(scope);
    struct jb_tx *tx = jb__tx_of(scope, batch->model->live);
    int64_t start_us = jb_monotonic_us();

    if (!jb__tx_sound(tx, scope))
        return false;
    order_check(scope, batch->model->live);
    bool ok = db->driver->batch(db, scope, tx, batch);
    jb__tx_note(tx, ok);
    jb__count(scope, db, start_us, &(struct jb__statement){ .sql = batch->sql, .model = batch->model }, ok);
    return ok || jb__external_failed(scope, batch->model);
}

/* ---- transactions --------------------------------------------------------------------------------------------------------------------- */

static void forbid_waits(bool forbid)
{
    if (jb_on_fiber())
        jb_fiber_forbid_waits(forbid);
}

static void hooks_free(struct hook *hook)
{
    while (hook) {
        struct hook *next = hook->next;
        free(hook);
        hook = next;
    }
}

/* The scope's own view of its transactions; the first one in a scope makes it. */
static struct jb__use *use_for_begin(struct jb_scope *scope)
{
    struct jb__use *outer = jb__use_of(scope), *use = JB_NEW(scope, struct jb__use);

    *use = *outer;
    use->scope = scope;
    use->outer = outer->scope == scope ? outer : NULL;
    jb_service_set(scope, JB_SERVICE_DB, use);
    return use;
}

/* Out of the scope's slot; the fiber may wait again. */
static void tx_leave(struct jb_tx *tx)
{
    JB_CHECK(!tx->ended && tx->use->tx[tx->live] == tx && jb__use_of(tx->scope) == tx->use); /* the innermost transaction ends first */
    tx->ended = true;
    jb_service_set(tx->scope, JB_SERVICE_DB, tx->use->outer);
    jb_defer_cancel(tx->defer);
    forbid_waits(false);
}

static void roll_back(void *arg)
{
    jb_rollback(arg);
}

static struct jb_tx *begin(struct jb_scope *scope, bool live)
{
    struct jb_db *db = jb_db_of(scope);
    struct jb_tx *outer = jb__tx_of(scope, live);
    int depth = outer ? outer->depth + 1 : 0;

    order_check(scope, live);
    if (!jb__tx_sound(outer, scope))
        return NULL;
    void *handle = outer ? outer->handle : NULL;
    if (!db->driver->begin(db, scope, live, depth, &handle))
        return NULL;
    struct jb_tx *tx = JB_NEW(scope, struct jb_tx);
    *tx = (struct jb_tx){ .scope = scope, .outer = outer, .fiber = jb_fiber_self(), .handle = handle, .depth = depth, .live = live };
    tx->hooks_end = &tx->hooks;
    tx->use = use_for_begin(scope);
    tx->use->tx[live] = tx;
    tx->defer = jb_defer(scope, roll_back, tx);
    forbid_waits(true);
    return tx;
}

struct jb_tx *jb_begin(struct jb_scope *scope)
{
    return begin(scope, false);
}

struct jb_tx *jb_begin_live(struct jb_scope *scope)
{
    return begin(scope, true);
}

bool jb_commit(struct jb_tx *tx)
{
    struct jb_db *db = tx->use->db;
    struct hook *hooks = tx->hooks;

    if (tx->failed) {
        struct jb_scope *scope = tx->scope;
        jb_rollback(tx);
        return jb_fail(scope, JB_UNAVAILABLE, "%s", JB_L(scope, "앞선 오류로 이 작업 묶음이 취소되어 저장하지 못했습니다. 다시 하세요.", "An earlier error has ended this transaction; nothing was saved. Try again."));
    }
    bool ok = db->driver->commit(db, tx->scope, tx->live, tx->depth, tx->handle) && !(tx->depth == 0 && !tx->live && JB_FAULT("store/commit/answer", tx->scope)); /* it is saved, and nobody hears of it */
    tx_leave(tx);
    if (!ok && tx->outer)
        db->driver->rollback(db, tx->live, tx->depth, tx->handle);
    if (ok && hooks && tx->outer) { /* the outer commit decides */
        *tx->outer->hooks_end = hooks;
        tx->outer->hooks_end = tx->hooks_end;
        return true;
    }
    for (const struct hook *hook = hooks; ok && hook; hook = hook->next)
        hook->run(tx->scope, hook->arg);
    hooks_free(hooks);
    return ok;
}

void jb_rollback(struct jb_tx *tx)
{
    struct jb_tx *inner;

    if (!tx || tx->ended)
        return;
    while ((inner = jb__use_of(tx->scope)->tx[tx->live]) != tx)
        jb_rollback(inner);
    tx->use->db->driver->rollback(tx->use->db, tx->live, tx->depth, tx->handle);
    tx_leave(tx);
    hooks_free(tx->hooks);
}

void jb_rollback_open(struct jb_scope *scope)
{
    for (;;) {
        const struct jb__use *use = jb_service(scope, JB_SERVICE_DB);
        struct jb_tx *tx = NULL;
        for (int live = 0; use && live < 2; live++)
            if (use->tx[live] && use->tx[live]->use == use && use->tx[live]->scope == scope)
                tx = use->tx[live];
        if (!tx)
            return;
        jb_rollback(tx);
    }
}

bool jb_in_transaction(const struct jb_scope *scope)
{
    const struct jb__use *use = jb_service(scope, JB_SERVICE_DB);
    return use && (use->tx[false] || use->tx[true]);
}

void jb_after_commit(struct jb_scope *scope, void (*run)(struct jb_scope *scope, void *arg), void *arg)
{
    struct jb__use *use = jb__use_of(scope);
    struct jb_tx *tx = use->tx[false] ? use->tx[false] : use->tx[true];

    if (!tx) {
        run(scope, arg);
        return;
    }
    struct hook *hook = malloc(sizeof *hook);
    JB_CHECK(hook);
    *hook = (struct hook){ NULL, run, arg };
    *tx->hooks_end = hook;
    tx->hooks_end = &hook->next;
}
