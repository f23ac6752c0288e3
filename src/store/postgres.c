/* postgres.c — PostgreSQL as a driver: its servers, which connection a statement gets, transactions. */
// SPDX-License-Identifier: Apache-2.0
#include "store/introspect_private.h"
#include "store/postgres_private.h"
#include "store/stage_private.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define END_US (10 * JB_SECOND_US) /* a commit is waited for this long whatever its scope says: half a word would leave its fate unknown */
#define SHARED_ROWS_MAX 1000
#define ROLLBACK_US (2 * JB_SECOND_US)

/* ---- opening ------------------------------------------------------------------------------------------------------------------- */

static void postgres_close(struct jb_db *db)
{
    struct jb__pg *pg = jb__pg_of(db);

    jb__pg_keeper_stop(pg);
    jb__gate_done(&pg->cursors);
    jb__pg_server_done(&pg->primary);
    jb__pg_server_done(&pg->analytics);
    for (int i = 0; i < pg->replica_count; i++)
        jb__pg_server_done(&pg->replicas[i]);
    free(pg->database);
    free(pg);
    db->driver_state = NULL;
}

static void open_replicas(struct jb__pg *pg, const struct jb_db_options *options)
{
    struct jb_str rest = options->replica_urls;

    while (rest.size > 0 && pg->replica_count < JB__PG_REPLICAS_MAX) {
        struct jb_str url = jb_str_trim(jb_str_cut(&rest, ','));
        if (url.size > 0)
            jb__pg_server_init(&pg->replicas[pg->replica_count++], pg, "replica", url, options);
    }
    if (options->analytics_url.size > 0) {
        jb__pg_server_init(&pg->analytics, pg, "analytics", options->analytics_url, options);
        pg->has_analytics = true;
    }
}

static bool postgres_open(struct jb_db *db, struct jb_scope *scope, const struct jb_db_options *options)
{
    struct jb__pg *pg = calloc(1, sizeof *pg);

    JB_CHECK(pg);
    db->driver_state = pg;
    pg->db = db;
    pg->language = jb_language(scope);
    pg->age_max_us = (options->connection_age_max_s > 0 ? options->connection_age_max_s : 600) * JB_SECOND_US;
    pg->connect_timeout_s = options->connect_timeout_s > 0 ? options->connect_timeout_s : 10;
    pg->lag_max_us = (options->replica_lag_ms > 0 ? options->replica_lag_ms : 5000) * (JB_SECOND_US / 1000);
    pg->shared_read_ms = options->shared_read_ms > 0 ? options->shared_read_ms : 100;
    jb__pg_server_init(&pg->primary, pg, "primary", options->url, options);
    jb__gate_init(&pg->cursors, JB_MAX(pg->primary.own.gate.permits / 2, 1));
    open_replicas(pg, options);
    db->has_others = jb__pg_has_others(pg);
    struct jb__pg_connection *first = jb__pg_take(&pg->primary, scope, false);
    if (first) {
        atomic_store(&pg->server_version, PQserverVersion(first->handle));
        pg->database = strdup(PQdb(first->handle));
        JB_CHECK(pg->database);
    }
    jb__pg_give(first);
    if (first && jb__pg_keeper_start(pg, scope))
        return true;
    postgres_close(db);
    return false;
}

struct position {
    int64_t position;
};
static const struct jb_record position_record = JB_RECORD(position, JB_FIELD(position, position));

/* What has just been committed on this connection is what the session's reads must see. Not knowing it, they go to the primary, until one of them could ask. */
void jb__pg_note_position(struct jb__pg_connection *connection, struct jb_scope *scope)
{
    const struct jb__pg *pg = connection->server->pg;
    struct jb__sink sink;
    struct jb__statement statement = { .sql = JB_STR("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn"), .in_order = true, .row_limit = 1, .sink = &sink };

    if (!jb__pg_has_others(pg))
        return;
    bool lost = jb_db_session_position(scope) == JB__POSITION_LOST;
    struct jb_scope *asking = jb_scope_new("position");
    jb_deadline_set(asking, jb_monotonic_us() + END_US);
    jb__sink_init(&sink, asking, &position_record, 1);
    bool known = jb__pg_run_on(connection, asking, &statement, true) && sink.count == 1;
    if (known && lost)
        jb__session_found(scope, (uint64_t)((const struct position *)(const void *)sink.data)->position);
    else
        jb__session_note(scope, known ? (uint64_t)((const struct position *)(const void *)sink.data)->position : JB__POSITION_LOST);
    jb_scope_end(asking);
}

/* The session's reads must not miss what may have been saved. */
static bool wrap_unknown(struct jb__pg_connection *connection, struct jb_scope *scope)
{
    if (jb__pg_has_others(connection->server->pg))
        jb__session_note(scope, JB__POSITION_LOST);
    return jb_wrap(scope, "%s", JB_L(scope, "저장을 마치는 때에 데이터베이스와 끊겨, 저장되었는지 알 수 없습니다. 다시 하기 전에 저장되었는지 먼저 보세요", "The connection was lost while saving ended: it is not known whether it was saved. Look before you do it again"));
}

/* ---- statements ------------------------------------------------------------------------------------------------------------------ */

/* With other servers, and a session that does not know what it has written. */
static bool is_lost(const struct jb__pg *pg, struct jb_scope *scope)
{
    return jb__pg_has_others(pg) && jb_db_session_position(scope) == JB__POSITION_LOST;
}

static bool run_alone(struct jb__pg_server *server, struct jb_scope *scope, struct jb__statement *statement, bool *ret_broken)
{
    if (statement->write && JB_FAULT("store/postgres/commit", scope))
        return false;
    bool asks = (statement->write && !statement->live) || (server == &server->pg->primary && is_lost(server->pg, scope));
    struct jb__pg_connection *connection = jb__pg_take(server, scope, statement->live);
    if (!connection)
        return false;
    bool ok = jb__pg_run_on(connection, scope, statement, true);
    if (!ok && statement->write && connection->broken)
        wrap_unknown(connection, scope);
    if (ok && asks)
        jb__pg_note_position(connection, scope);
    *ret_broken = connection->broken;
    jb__pg_give(connection);
    return ok;
}

static bool run_once(struct jb__pg_server *server, struct jb_scope *scope, struct jb__statement *statement, bool *ret_broken)
{
    bool is_short = !statement->write && statement->row_limit > 0 && statement->row_limit <= SHARED_ROWS_MAX, served = false, ok = false;
    struct jb__pg_shared *shared = is_short && !is_lost(server->pg, scope) ? jb__pg_shared_enter(server) : NULL;

    *ret_broken = false;
    if (shared)
        ok = jb__pg_shared_run(shared, scope, statement, &served);
    if (!served)
        ok = run_alone(server, scope, statement, ret_broken);
    jb__pg_shared_leave(shared);
    return ok;
}

/* A failed read is asked once more, of the primary: its connection was lost, its replica is away, or has not yet seen the column that a migration has just made. */
bool jb__pg_asks_again(const struct jb__pg_server *server, struct jb_scope *scope, bool broken)
{
    bool is_primary = server == &server->pg->primary;
    return jb_error(scope) == JB_UNAVAILABLE ? broken || !is_primary : jb_error(scope) == JB_BROKEN && !is_primary;
}

static bool postgres_run(struct jb_db *db, struct jb_scope *scope, struct jb_tx *tx, struct jb__statement *statement)
{
    struct jb__pg *pg = jb__pg_of(db);
    bool broken;

    if (tx)
        return jb__pg_run_on(jb__tx_handle(tx), scope, statement, false);
    struct jb__pg_server *server = jb__pg_server_for(pg, scope, statement);
    if (run_once(server, scope, statement, &broken))
        return true;
    if (statement->write || !jb__pg_asks_again(server, scope, broken))
        return false;
    jb_failure_clear(scope);
    if (statement->sink)
        statement->sink->count = 0;
    return run_once(&pg->primary, scope, statement, &broken);
}

static bool postgres_live_version(struct jb_db *db, struct jb_scope *scope, int64_t *ret_version)
{
    (void)scope;
    *ret_version = atomic_load(&jb__pg_of(db)->live_version);
    return true;
}

static bool postgres_live_tell(struct jb_db *db, struct jb_scope *scope)
{
    struct jb__statement tell = { .sql = JB_STR("select pg_notify('jb_live', '')"), .live = true, .write = true };
    return postgres_run(db, scope, jb__tx_of(scope, true), &tell);
}

/* ---- transactions ------------------------------------------------------------------------------------------------------------------ */

static bool savepoint(struct jb__pg_connection *connection, struct jb_scope *scope, const char *pattern, int depth)
{
    return jb__pg_exec_on(connection, scope, jb_format(scope, pattern, depth, depth).data);
}

static bool postgres_begin(struct jb_db *db, struct jb_scope *scope, bool live, int depth, void **handle)
{
    if (!jb_continue(scope))
        return false;
    if (depth > 0)
        return savepoint(*handle, scope, "savepoint s%d", depth);
    struct jb__pg_connection *connection = jb__pg_take(&jb__pg_of(db)->primary, scope, live);
    if (!connection)
        return false;
    if (!jb__pg_exec_on(connection, scope, "begin")) {
        jb__pg_give(connection);
        return false;
    }
    *handle = connection;
    return true;
}

/* What must be waited for whatever the scope of the work says. */
static bool exec_patiently(struct jb__pg_connection *connection, struct jb_scope *scope, const char *sql, int64_t patience_us)
{
    struct jb_scope *patient = jb_scope_new("end of a transaction");

    jb_deadline_set(patient, jb_monotonic_us() + patience_us);
    if (scope) { /* for its sentences */
        jb_language_set(patient, jb_language(scope));
        jb_service_set(patient, JB_SERVICE_DB, jb__use_of(scope));
    }
    bool ok = jb__pg_exec_on(connection, patient, sql);
    if (!ok && scope)
        jb_failure_pass(patient, scope);
    jb_scope_end(patient);
    return ok;
}

bool jb__pg_commit(struct jb__pg_connection *connection, struct jb_scope *scope)
{
    if (exec_patiently(connection, scope, "commit", END_US))
        return true;
    if (!connection->broken && jb_error(scope) != JB_TIMEOUT) /* the server has refused */
        return false;
    connection->broken = true;
    return wrap_unknown(connection, scope);
}

/* Committed or not: at depth 0 the transaction is over. */
static bool postgres_commit(struct jb_db *db, struct jb_scope *scope, bool live, int depth, void *handle)
{
    struct jb__pg_connection *connection = handle;
    bool ok;

    (void)db;
    if (depth > 0)
        return savepoint(connection, scope, "release savepoint s%d", depth);
    if (JB_FAULT("store/postgres/commit", scope)) {
        exec_patiently(connection, NULL, "rollback", ROLLBACK_US);
        ok = false;
    } else if (PQtransactionStatus(connection->handle) == PQTRANS_INERROR) {
        exec_patiently(connection, NULL, "rollback", ROLLBACK_US);
        ok = jb_fail(scope, JB_UNAVAILABLE, "%s", JB_L(scope, "앞선 오류로 이 작업 묶음이 취소되어 저장하지 못했습니다. 다시 하세요.", "An earlier error has ended this transaction; nothing was saved. Try again."));
    } else {
        ok = jb__pg_commit(connection, scope);
        if (ok && !live)
            jb__pg_note_position(connection, scope);
    }
    jb__pg_give(connection);
    return ok;
}

static void postgres_rollback(struct jb_db *db, bool live, int depth, void *handle)
{
    struct jb__pg_connection *connection = handle;
    char back[80] = "rollback";

    (void)db, (void)live;
    if (depth > 0)
        snprintf(back, sizeof back, "rollback to savepoint s%d; release savepoint s%d", depth, depth);
    if (!connection->broken && PQstatus(connection->handle) == CONNECTION_OK && !exec_patiently(connection, NULL, back, ROLLBACK_US))
        connection->broken = true;
    if (depth == 0)
        jb__pg_give(connection);
}

static void postgres_stats(struct jb_db *db, struct jb_db_stats *stats)
{
    struct jb__pg *pg = jb__pg_of(db);

    stats->connection_errors = atomic_load(&pg->primary.connection_errors);
    jb__pg_server_stats(&pg->primary, stats);
    stats->replicas = pg->replica_count;
    for (int i = 0; i < pg->replica_count; i++) {
        stats->connection_errors += atomic_load(&pg->replicas[i].connection_errors);
        stats->replicas_usable += atomic_load(&pg->replicas[i].replayed) != 0;
    }
}

static const struct jb__dialect postgres_dialect = {
    .as_text = { "cast(", " as text)" },
    .like = " ilike ",
    .part_of = { "cast(", " as text)" },
    .part_of_month = { "to_char(", ", 'YYYY-MM')" },
    .explain = "explain %.*s",
    .locks_rows = true,
    .says_kinds = true,
    .takes_arrays = true,
    .nulls_last = true,
    .returns_id = true,
};

const struct jb_driver jb__postgres_driver = {
    .kind = "postgresql",
    .url = "postgresql:",
    .dialect = &postgres_dialect,
    .stage = &jb__postgres_stage,
    .open = postgres_open,
    .close = postgres_close,
    .run = postgres_run,
    .batch = jb__pg_batch,
    .begin = postgres_begin,
    .commit = postgres_commit,
    .rollback = postgres_rollback,
    .pages_open = jb__pg_pages_open,
    .pages_next = jb__pg_pages_next,
    .pages_close = jb__pg_pages_close,
    .stream_open = jb__pg_stream_open,
    .stream_next = jb__pg_stream_next,
    .stream_close = jb__pg_stream_close,
    .live_version = postgres_live_version,
    .live_tell = postgres_live_tell,
    .check_prepare = jb__pg_check_prepare,
    .stats = postgres_stats,
    .describe = jb__pg_describe,
    .column_kind = jb__pg_kind,
    .migrate = jb__pg_migrate,
};
