/* test_postgres_route.c — a primary and a replica: who reads what where, reading one's own writes, and replicas that lag, stand still, are gone or are no replicas any more. */
// SPDX-License-Identifier: Apache-2.0
#include "replica_test.h"

struct account {
    int64_t id;
    struct jb_str name;
};

struct report {
    int64_t id;
    struct jb_str name;
};

static const struct jb_model account = {
    .app = "sample",
    .reads = JB_READS_PRIMARY,
    .record = JB_RECORD(account, JB_FIELD(account, id, .primary = true), JB_FIELD(account, name, .length_max = 20)),
};

static const struct jb_model report = {
    .app = "reports",
    .record = JB_RECORD(report, JB_FIELD(report, id, .primary = true), JB_FIELD(report, name, .length_max = 20)),
};

static const struct jb_model report_of_project = {
    .app = "reports",
    .record = JB_RECORD(sample_entry, JB_FIELD(sample_entry, id, .primary = true), JB_FIELD(sample_entry, project_id, .references = &sample_project)),
};

static const struct jb_db_route routes[] = { { "reports", JB_READS_ANALYTICS }, { 0 } };
static const struct jb_model *const models[] = { &sample_project, &sample_entry, &sample_lease, &account, &report, NULL };

static struct jb__pg *pg_of(struct jb_scope *scope)
{
    return jb__pg_of(jb_db_of(scope));
}

static int usable(struct jb_scope *scope)
{
    struct jb_db_stats stats;
    jb_db_stats(jb_db_of(scope), &stats);
    return stats.replicas_usable;
}

/* A connection to that server would serve the session's reads now. */
static bool serves(struct jb_scope *scope, struct jb__pg_server *server)
{
    struct jb__pg_connection *connection = atomic_load(&server->replayed) >= JB_MAX(jb_db_session_position(scope), (uint64_t)1) ? jb__pg_take(server, scope, false) : NULL;

    jb_failure_clear(scope);
    jb__pg_give(connection);
    return connection != NULL;
}

/* Who signs in for reading. The whole cluster knows them. */
static void users(void)
{
    ask_server(PRIMARY, "do $$ begin"
                        " if not exists (select from pg_roles where rolname = 'jb_reader') then create role jb_reader login password 'hush-jb_reader' in role pg_read_all_data; end if;"
                        " if not exists (select from pg_roles where rolname = 'jb_analyst') then create role jb_analyst login password 'hush-jb_analyst' in role pg_read_all_data; end if;"
                        " end $$; select 1");
}

/* The database with a replica, and analytics on the same machine by another account; everything is replayed. Returns its folder. */
static const char *site(struct jb_scope *scope, struct jb_db_options options)
{
    const char *folder = test_folder(scope);
    size_t done;

    users();
    options.pool_min = 1; /* none is opened that nobody asked for */
    options.replica_urls = server_url(scope, REPLICA, "jb_reader", folder);
    options.analytics_url = server_url(scope, REPLICA, "jb_analyst", folder);
    options.routes = routes;
    test_database_open(scope, models, folder, options);
    CHECK_OK(jb_migrate(scope, &done));
    WAIT_FOR(serves(scope, &pg_of(scope)->replicas[0]) && serves(scope, &pg_of(scope)->analytics));
    return folder;
}

static int64_t entries(struct jb_scope *scope)
{
    int64_t count = jb_count(scope, &sample_entry, .limit = 0);
    CHECK_OK(count >= 0);
    return count;
}

/* Whoever has written nothing. */
static int64_t entries_of_others(struct jb_scope *scope)
{
    struct jb_scope *other = jb_scope_child(scope, "other");
    jb_db_session(other, 0);
    int64_t count = entries(other);
    jb_scope_end(other);
    return count;
}

static void put_entry(struct jb_scope *scope, const char *name)
{
    struct sample_entry entry = sample_entry_of(name, 1);
    CHECK_OK(jb_insert(scope, &sample_entry, &entry));
}

/* ---- F1 to F5 ---------------------------------------------------------------------------------------------------------------------- */

JB_FIBER_TEST("ordinary reads go to the replica, by its own account, and writes to the primary")
{
    const char *folder = site(scope, (struct jb_db_options){ 0 });
    sample_entries(scope, 3);
    put_entry(scope, "CB-1");
    WAIT_FOR(serves(scope, &pg_of(scope)->replicas[0]));
    CHECK_INT(entries(scope), 4);
    CHECK_INT(entries(scope), 4);
    struct jb_cursor *cursor = jb_cursor_open(scope, &sample_entry, &(struct jb_select){ 0 });
    const void *row;
    CHECK_OK(cursor != NULL && jb_cursor_next(cursor, scope, &row));
    jb_cursor_close(cursor);
    CHECK_INT(calls_by(REPLICA, folder, "jb_reader", "select count(*)%sample_entry%"), 2);
    CHECK_INT(calls_by(REPLICA, folder, "jb_reader", "declare%sample_entry%"), 1);
    CHECK_INT(calls(PRIMARY, folder, "select%from \"sample_entry\"%") + calls(PRIMARY, folder, "declare%sample_entry%"), 0);
    CHECK(calls(PRIMARY, folder, "insert into \"sample_entry\"%") > 0);
    CHECK_INT(calls(REPLICA, folder, "insert%") + calls(REPLICA, folder, "update%") + calls(REPLICA, folder, "delete%"), 0);
}

JB_FIBER_TEST("what is read in a transaction, fresh, live or of a model that may not be stale comes from the primary")
{
    const char *folder = site(scope, (struct jb_db_options){ 0 });
    struct jb_scope *inside = jb_scope_child(scope, "inside");
    struct jb_tx *tx = jb_begin(inside);
    struct sample_entry entry;
    CHECK_INT(entries(inside), 0);
    jb_rollback(tx);
    jb_scope_end(inside);
    CHECK(!jb_first(scope, &sample_entry, &entry, .fresh = true));
    CHECK_INT(jb_count(scope, &sample_lease, .limit = 0), 0);
    CHECK_INT(jb_count(scope, &account, .limit = 0), 0);
    int64_t number;
    CHECK_OK(jb_query_int(scope, JB_SQL("select count(*) + 7 from account, sample_entry"), &number)); /* the strictest of both */
    CHECK_INT(calls(PRIMARY, folder, "select%sample_entry%"), 3);
    CHECK_INT(calls(PRIMARY, folder, "select%from \"sample_lease\"%"), 1);
    CHECK_INT(calls(PRIMARY, folder, "select%from \"account\"%"), 1);
    CHECK_INT(calls(REPLICA, folder, "%sample_entry%") + calls(REPLICA, folder, "%sample_lease%") + calls(REPLICA, folder, "%account%"), 0);
    CHECK_INT(jb_count(scope, &account, .reads = JB_READS_REPLICA), 0); /* a query has the last word */
    CHECK_INT(calls(REPLICA, folder, "select%from \"account\"%"), 1);
}

JB_FIBER_TEST("an app that is routed to analytics reads there, by the account for it")
{
    const char *folder = site(scope, (struct jb_db_options){ 0 });
    CHECK_INT(jb_count(scope, &report, .limit = 0), 0);
    CHECK_INT(jb_count(scope, &sample_entry, .reads = JB_READS_ANALYTICS), 0);
    CHECK_INT(calls_by(REPLICA, folder, "jb_analyst", "select%from \"report\"%"), 1);
    CHECK_INT(calls_by(REPLICA, folder, "jb_analyst", "select%from \"sample_entry\"%"), 1);
    CHECK_INT(calls_by(REPLICA, folder, "jb_reader", "select%from \"report\"%") + calls(PRIMARY, folder, "select%from \"report\"%"), 0);
}

JB_FIBER_TEST("a scope that asks for the primary gets it, and its parent goes on reading from the replica")
{
    const char *folder = site(scope, (struct jb_db_options){ 0 });
    struct jb_scope *child = jb_scope_child(scope, "child");
    jb_db_reads(child, JB_READS_PRIMARY);
    CHECK_INT(entries(child), 0);
    jb_scope_end(child);
    CHECK_INT(entries(scope), 0);
    CHECK_INT(calls(PRIMARY, folder, "select%from \"sample_entry\"%"), 1);
    CHECK_INT(calls(REPLICA, folder, "select%from \"sample_entry\"%"), 1);
}

JB_FIBER_TEST("a reference between what is read here and what is read from analytics is refused")
{
    site(scope, (struct jb_db_options){ 0 });
    jb_language_set(scope, JB_EN);
    CHECK_OK(jb_model_check(scope, &sample_entry));
    CHECK(!jb_model_check(scope, &report_of_project));
    CHECK_INT(jb_error(scope), JB_INVALID);
    CHECK(jb_str_find(jb_failure_text(scope), JB_STR("project_id"), 0) != SIZE_MAX);
    jb_failure_clear(scope);
}

JB_FIBER_TEST("a migration never asks the replica")
{
    const char *folder = site(scope, (struct jb_db_options){ 0 });
    struct jb_migration_step *steps;
    size_t count;
    CHECK_OK(jb_migrate_plan(scope, &steps, &count));
    CHECK_INT(count, 0);
    CHECK(calls(PRIMARY, folder, "create table%") >= 5);
    CHECK_INT(calls(REPLICA, folder, "create%") + calls(REPLICA, folder, "alter%") + calls(REPLICA, folder, "%pg_class%") + calls(REPLICA, folder, "%pg_advisory%"), 0);
}

JB_FIBER_TEST("a write to a server that only reads, or by an account that only may, fails with a sentence")
{
    const char *folder = site(scope, (struct jb_db_options){ 0 });
    struct sample_entry entry = sample_entry_of("CB-1", 1);
    const struct {
        const char *server, *user, *says;
        enum jb_error error;
    } cases[] = {
        { REPLICA, NULL, "The database is read-only at present", JB_UNAVAILABLE },
        { PRIMARY, "jb_reader", "permission denied for table sample_entry", JB_DENIED },
        { REPLICA, "jb_reader", "The database", JB_UNAVAILABLE },
    };
    for (size_t i = 0; i < JB_COUNT(cases); i++) {
        struct jb_scope *wrong = jb_scope_child(scope, "wrong");
        jb_language_set(wrong, JB_EN);
        struct jb_db *db = jb_db_open(wrong, &(struct jb_db_options){ .url = server_url(wrong, cases[i].server, cases[i].user, folder), .models = models });
        CHECK(db != NULL);
        jb_db_use(wrong, db);
        CHECK_INT(jb_count(wrong, &sample_entry, .limit = 0), 0);
        CHECK(!jb_insert(wrong, &sample_entry, &entry));
        CHECK(jb_str_find(jb_failure_text(wrong), jb_str_of(cases[i].says), 0) != SIZE_MAX);
        CHECK_INT(jb_error(wrong), cases[i].error);
        jb_db_close(db);
        jb_scope_end(wrong);
    }
    CHECK_INT(jb_count(scope, &sample_entry, .fresh = true), 0);
}

/* ---- read your own writes ------------------------------------------------------------------------------------------------------------ */

static void replay(bool go_on)
{
    ask_server(REPLICA, go_on ? "select count(pg_wal_replay_resume())" : "select count(pg_wal_replay_pause())");
    while (!go_on && ask_server(REPLICA, "select (pg_get_wal_replay_pause_state() = 'paused')::int") == 0)
        ;
}

static void replay_go_on(void *arg)
{
    (void)arg;
    replay(true);
}

JB_FIBER_TEST("who has written reads from the primary until the replica has replayed it, the others from the replica")
{
    const char *folder = site(scope, (struct jb_db_options){ .replica_lag_ms = 1000000 });
    struct jb_scope *writer = jb_scope_child(scope, "writer");
    jb_db_session(writer, 0);
    replay(false);
    jb_defer(scope, replay_go_on, NULL);
    put_entry(writer, "CB-1");
    uint64_t position = jb_db_session_position(writer);
    CHECK(position > 0);
    for (int i = 0; i < 20; i++)
        CHECK_INT(entries(writer), 1);
    CHECK_INT(entries_of_others(scope), 0);
    struct jb_scope *later = jb_scope_child(scope, "the next request"); /* of the same session */
    jb_db_session(later, position);
    CHECK_INT(entries(later), 1);
    CHECK_INT(calls(PRIMARY, folder, "select count(*) from \"sample_entry\"%"), 21);
    CHECK_INT(calls(REPLICA, folder, "select count(*) from \"sample_entry\"%"), 1);
    replay(true);
    WAIT_FOR(serves(later, &pg_of(scope)->replicas[0]));
    CHECK_INT(entries(later), 1);
    CHECK_INT(calls(REPLICA, folder, "select count(*) from \"sample_entry\"%"), 2);
    CHECK_INT(entries_of_others(scope), 1);
    jb_scope_end(later);
    jb_scope_end(writer);
}

JB_FIBER_TEST("every way of writing counts: a transaction, rows in bulk, an update, a delete; what is undone does not")
{
    site(scope, (struct jb_db_options){ .replica_lag_ms = 1000000 });
    replay(false);
    jb_defer(scope, replay_go_on, NULL);
    for (int way = 0; way < 5; way++) {
        struct jb_scope *writer = jb_scope_child(scope, "writer");
        struct sample_entry rows[2] = { sample_entry_of(jb_format(writer, "W-%d", way).data, 1), sample_entry_of(jb_format(writer, "X-%d", way).data, 1) };
        jb_db_session(writer, 0);
        struct jb_tx *tx = way == 0 || way == 4 ? jb_begin(writer) : NULL;
        if (way == 3)
            CHECK_OK(jb_delete_rows(writer, &sample_entry, JB_SQL("external_ref = 'W-0'"), NULL));
        else if (way == 2)
            CHECK_OK(jb_update(writer, &sample_entry, .set = JB_SQL("pages = 3"), .where = JB_SQL("true")));
        else
            CHECK_OK(jb_bulk_insert(writer, &sample_entry, rows, 2, NULL));
        if (way == 0)
            CHECK_OK(jb_commit(tx));
        if (way == 4)
            jb_rollback(tx);
        CHECK_INT(jb_db_session_position(writer) > 0, way != 4);
        CHECK_INT(entries(writer), way == 4 ? 0 : way == 3 ? 3
                                              : way == 0   ? 2
                                                           : 4);
        jb_scope_end(writer);
    }
}

JB_FIBER_TEST("a position that nobody knows keeps the session at the primary only until it could be asked for")
{
    const char *folder = site(scope, (struct jb_db_options){ 0 });
    jb__session_note(scope, JB__POSITION_LOST);
    CHECK_INT(entries(scope), 0);
    CHECK_INT(calls(PRIMARY, folder, "select count(*) from \"sample_entry\"%"), 1);
    CHECK(jb_db_session_position(scope) != JB__POSITION_LOST);
    WAIT_FOR(serves(scope, &pg_of(scope)->replicas[0]));
    CHECK_INT(entries(scope), 0);
    CHECK_INT(calls(REPLICA, folder, "select count(*) from \"sample_entry\"%"), 1);
}

JB_FIBER_TEST("a connection that is younger than what is known of its replica is asked itself")
{
    site(scope, (struct jb_db_options){ 0 });
    struct jb__pg_server *replica = &pg_of(scope)->replicas[0];
    struct jb_scope *reader = jb_scope_child(scope, "reader");
    jb_db_session(reader, 0);
    struct jb__pg_connection *connection = jb__pg_take(replica, scope, false);
    CHECK_OK(connection != NULL && jb__pg_has_seen(connection, scope));
    int64_t opened_us = connection->opened_us;
    connection->opened_us = jb_monotonic_us() + 1000 * JB_SECOND_US; /* the server has started again, and was not asked since */
    connection->floor = 0;
    CHECK(!jb__pg_has_seen(connection, scope));
    CHECK(jb__pg_has_seen(connection, reader));
    jb__pg_find_floor(connection);
    CHECK(jb__pg_has_seen(connection, scope));
    connection->opened_us = opened_us;
    jb__pg_give(connection);
    jb_scope_end(reader);
}

/* ---- replicas that are not as they should be --------------------------------------------------------------------------------------------- */

JB_FIBER_TEST("a replica that lags too far is left out, and comes back when it has caught up")
{
    const char *folder = site(scope, (struct jb_db_options){ .replica_lag_ms = 300 });
    replay(false);
    jb_defer(scope, replay_go_on, NULL);
    put_entry(scope, "CB-1");
    WAIT_FOR(usable(scope) == 0);
    CHECK_INT(entries_of_others(scope), 1); /* from the primary */
    CHECK_INT(calls(REPLICA, folder, "select count(*) from \"sample_entry\"%"), 0);
    replay(true);
    WAIT_FOR(usable(scope) == 1);
    CHECK_INT(entries_of_others(scope), 1);
    CHECK_INT(calls(REPLICA, folder, "select count(*) from \"sample_entry\"%"), 1);
}

struct readers {
    struct jb_scope *scope;
    int running, reads, failures;
    bool stop;
};

static void read_on(void *arg)
{
    struct readers *readers = arg;
    struct jb_scope *scope = jb_scope_child(readers->scope, "reader");

    while (!readers->stop) {
        struct sample_entry entry;
        bool ok = jb_get(scope, &sample_entry, 1 + readers->reads % 10, &entry);
        if (!ok)
            fprintf(stderr, "# %.*s\n", JB_FMT(jb_failure_text(scope)));
        jb_failure_clear(scope);
        readers->reads++;
        readers->failures += !ok;
        jb_sleep(scope, 500);
    }
    jb_scope_end(scope);
    readers->running--;
}

#define READERS 8
static void readers_start(struct readers *readers, struct jb_scope *scope)
{
    *readers = (struct readers){ .scope = scope, .running = READERS };
    for (int i = 0; i < READERS; i++)
        jb_fiber_start("reader", read_on, readers);
}

/* `more` reads later. */
static void readers_go_on(struct readers *readers, int more)
{
    struct jb_scope *scope = readers->scope;
    int until = readers->reads + more;
    WAIT_FOR(readers->reads >= until);
}

static void readers_stop(struct readers *readers)
{
    struct jb_scope *scope = readers->scope;
    readers->stop = true;
    WAIT_FOR(readers->running == 0);
}

static void cluster_rebuild(void *arg)
{
    (void)arg;
    cluster("all rebuild");
}

static void replica_resume(void *arg)
{
    (void)arg;
    cluster("replica resume");
}

JB_FIBER_TEST("reads go on from the primary when the replica stands still, is gone or is killed, and return to it")
{
    static const char *const ways[][2] = { { "replica pause", "replica resume" }, { "replica stop", "replica start" }, { "replica kill", "replica start" } };
    const char *folder = site(scope, (struct jb_db_options){ 0 });
    struct readers readers;
    sample_entries(scope, 10);
    WAIT_FOR(serves(scope, &pg_of(scope)->replicas[0]));
    jb_defer(scope, replica_resume, NULL);
    readers_start(&readers, scope);
    for (size_t way = 0; way < JB_COUNT(ways); way++) {
        readers_go_on(&readers, 100);
        cluster_beside(ways[way][0]);
        readers_go_on(&readers, 100);
        WAIT_FOR(usable(scope) == 0);
        readers_go_on(&readers, 100);
        struct jb_cursor *cursor = jb_cursor_open(scope, &sample_entry, &(struct jb_select){ 0 });
        CHECK_OK(cursor != NULL);
        jb_cursor_close(cursor);
        cluster_beside(ways[way][1]);
        WAIT_FOR(usable(scope) == 1);
        int64_t before = calls(REPLICA, folder, "select%from \"sample_entry\"%");
        WAIT_FOR(calls(REPLICA, folder, "select%from \"sample_entry\"%") > before + 20);
    }
    readers_stop(&readers);
    CHECK_INT(readers.failures, 0);
}

JB_FIBER_TEST("a cursor that finds its replica gone opens on the primary")
{
    site(scope, (struct jb_db_options){ 0 });
    sample_entries(scope, 10);
    WAIT_FOR(serves(scope, &pg_of(scope)->replicas[0]));
    uint64_t replayed = atomic_load(&pg_of(scope)->replicas[0].replayed);
    jb_defer(scope, cluster_rebuild, NULL);
    cluster("replica stop");
    atomic_store(&pg_of(scope)->replicas[0].replayed, replayed); /* nobody has noticed */
    struct jb_cursor *cursor = jb_cursor_open(scope, &sample_entry, &(struct jb_select){ 0 });
    const void *row;
    CHECK_OK(cursor != NULL);
    CHECK_OK(jb_cursor_next(cursor, scope, &row));
    jb_cursor_close(cursor);
}

JB_FIBER_TEST("a replica that was promoted is no replica any more")
{
    site(scope, (struct jb_db_options){ 0 });
    struct readers readers;
    sample_entries(scope, 10);
    WAIT_FOR(serves(scope, &pg_of(scope)->replicas[0]));
    jb_defer(scope, cluster_rebuild, NULL);
    readers_start(&readers, scope);
    readers_go_on(&readers, 50);
    cluster_beside("replica promote");
    WAIT_FOR(usable(scope) == 0);
    put_entry(scope, "CB-1");
    CHECK_INT(entries(scope), 11);
    CHECK_INT(entries_of_others(scope), 11);
    readers_stop(&readers);
    CHECK_INT(readers.failures, 0);
}

/* ---- the primary ------------------------------------------------------------------------------------------------------------------------- */

JB_FIBER_TEST("a transaction that loses its server fails and has saved nothing")
{
    site(scope, (struct jb_db_options){ 0 });
    struct jb_scope *writer = jb_scope_child(scope, "writer");
    struct sample_entry late = sample_entry_of("late", 1);
    jb_defer(scope, cluster_rebuild, NULL);
    jb_language_set(writer, JB_EN);
    struct jb_tx *tx = jb_begin(writer);
    CHECK_OK(jb_insert(writer, &sample_entry, &late));
    cluster("primary stop");
    CHECK(!jb_commit(tx));
    CHECK_INT(jb_error(writer), JB_UNAVAILABLE);
    jb_failure_clear(writer);
    CHECK(!jb_insert(writer, &sample_entry, &late));
    CHECK_INT(jb_error(writer), JB_UNAVAILABLE);
    CHECK(jb_str_starts(jb_failure_text(writer), JB_STR("cannot connect to the PostgreSQL server (primary)")));
    CHECK(jb_str_find(jb_failure_text(writer), JB_STR("Connection refused"), 0) != SIZE_MAX);
    cluster("primary start");
    jb_failure_clear(writer);
    CHECK_INT(jb_count(writer, &sample_entry, .fresh = true), 0);
    jb_scope_end(writer);
}

JB_FIBER_TEST("while the primary is gone the replica answers, and then everything goes on by itself")
{
    site(scope, (struct jb_db_options){ 0 });
    struct readers readers;
    sample_entries(scope, 10);
    WAIT_FOR(serves(scope, &pg_of(scope)->replicas[0]));
    jb_defer(scope, cluster_rebuild, NULL);
    readers_start(&readers, scope);
    readers_go_on(&readers, 50);
    cluster_beside("primary stop");
    int read = readers.reads - readers.failures;
    WAIT_FOR(readers.reads - readers.failures > read + 100); /* one that comes in the very moment may fail */
    CHECK_INT(jb_count(scope, &sample_entry, .fresh = true), -1);
    CHECK_INT(jb_error(scope), JB_UNAVAILABLE);
    jb_failure_clear(scope);
    cluster_beside("primary start");
    int failures = readers.failures;
    readers_go_on(&readers, 100);
    readers_stop(&readers);
    CHECK_INT(readers.failures, failures);
    put_entry(scope, "CB-1");
    WAIT_FOR(serves(scope, &pg_of(scope)->replicas[0]));
    CHECK_INT(entries(scope), 11);
}

struct bill {
    int64_t id, account_id;
};
static const struct jb_model bill = { .app = "sample", .record = JB_RECORD(bill, JB_FIELD(bill, id, .primary = true), JB_FIELD(bill, account_id, .references = &account)) };
static const struct jb_model *const bill_models[] = { &account, &bill, NULL };

JB_FIBER_TEST("what is joined with a model that may not be stale is read from the primary")
{
    const char *folder = test_folder(scope);
    size_t done;
    test_database_open(scope, bill_models, folder, (struct jb_db_options){ .pool_min = 1, .replica_urls = server_url(scope, REPLICA, NULL, folder) });
    CHECK_OK(jb_migrate(scope, &done));
    WAIT_FOR(serves(scope, &pg_of(scope)->replicas[0]));
    CHECK_OK(jb_select(scope, &bill, .limit = 10) != NULL);
    CHECK_INT(calls(REPLICA, folder, "select%\"bill\"%"), 1);
    CHECK_OK(jb_select(scope, &bill, .with = "account", .limit = 10) != NULL);
    CHECK_INT(calls(REPLICA, folder, "select%\"account\"%"), 0);
    CHECK_INT(calls(PRIMARY, folder, "select%\"bill\"%\"account\"%"), 1);
}

JB_FIBER_TEST("a column that a replica has not seen yet is read from the primary, at once and by a cursor")
{
    site(scope, (struct jb_db_options){ .replica_lag_ms = 1000000 });
    struct jb_scope *other = jb_scope_child(scope, "other");
    struct sample_project project = { .code = JB_STR("P-1") };
    int64_t count;
    CHECK_OK(jb_insert(scope, &sample_project, &project));
    WAIT_FOR(serves(scope, &pg_of(scope)->replicas[0]));
    ask_server(REPLICA, "select count(pg_wal_replay_pause())");
    WAIT_FOR(ask_server(REPLICA, "select (pg_get_wal_replay_pause_state() = 'paused')::int"));
    CHECK_OK(jb_exec(scope, JB_SQL("alter table projects add column extra text"), NULL));
    jb_db_session(other, 0);
    CHECK_OK(jb_query_int(other, JB_SQL("select count(*) from projects where extra is null"), &count));
    CHECK_INT(count, 1);
    struct jb_cursor *cursor = jb_cursor_open(other, &sample_project, &(struct jb_select){ .where = JB_SQL("extra is null") });
    const void *row;
    CHECK_OK(cursor && jb_cursor_next(cursor, other, &row));
    jb_cursor_close(cursor);
    jb_scope_end(other);
    ask_server(REPLICA, "select count(pg_wal_replay_resume())");
}

JB_FIBER_TEST("a link between what is read here and what is read from analytics is refused")
{
    site(scope, (struct jb_db_options){ 0 });
    struct jb_model linked = account;
    CHECK_OK(jb_model_check(scope, &account));
    linked.links = JB_LINKS({ "reports", &report, "account_reports" });
    CHECK_FAILS(jb_model_check(scope, &linked), JB_INVALID);
}
