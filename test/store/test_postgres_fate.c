/* test_postgres_fate.c — writes whose end nobody saw: whoever made them reads what may have been saved, and what was done in time's last moment was done. */
// SPDX-License-Identifier: Apache-2.0
#include "replica_test.h"

static const struct jb_model *const models[] = { &sample_project, NULL };

static bool serves(struct jb_scope *scope)
{
    struct jb__pg_server *server = &jb__pg_of(jb_db_of(scope))->replicas[0];
    struct jb__pg_connection *connection = atomic_load(&server->replayed) >= JB_MAX(jb_db_session_position(scope), (uint64_t)1) ? jb__pg_take(server, scope, false) : NULL;

    jb_failure_clear(scope);
    jb__pg_give(connection);
    return connection != NULL;
}

static void site(struct jb_scope *scope)
{
    const char *folder = test_folder(scope);
    size_t done;

    test_database_open(scope, models, folder, (struct jb_db_options){ .pool_min = 1, .replica_urls = server_url(scope, REPLICA, NULL, folder), .replica_lag_ms = 1000000 });
    CHECK_OK(jb_migrate(scope, &done));
    WAIT_FOR(serves(scope));
}

/* Commits reach the disk, and wait for a standby that there is not. The replica stands where it is. */
static void hold_commits(struct jb_scope *scope)
{
    ask_server(REPLICA, "select count(pg_wal_replay_pause())");
    WAIT_FOR(ask_server(REPLICA, "select (pg_get_wal_replay_pause_state() = 'paused')::int"));
    CHECK_OK(jb_exec(scope, JB_SQL("alter system set synchronous_standby_names = 'nobody'"), NULL));
    CHECK_OK(jb_exec(scope, JB_SQL("alter system set synchronous_commit = on"), NULL));
    ask_server(PRIMARY, "select pg_reload_conf()::int");
    WAIT_FOR(ask_server(PRIMARY, "select (current_setting('synchronous_standby_names') = 'nobody')::int"));
}

static void let_commits_go(struct jb_scope *scope)
{
    CHECK_OK(jb_exec(scope, JB_SQL("alter system reset synchronous_standby_names"), NULL));
    CHECK_OK(jb_exec(scope, JB_SQL("alter system reset synchronous_commit"), NULL));
    ask_server(PRIMARY, "select pg_reload_conf()::int");
    WAIT_FOR(ask_server(PRIMARY, "select (current_setting('synchronous_standby_names') = '')::int"));
    ask_server(REPLICA, "select count(pg_wal_replay_resume())");
    WAIT_FOR(serves(scope));
}

static bool by_insert(struct jb_scope *scope, struct sample_project *project)
{
    return jb_insert(scope, &sample_project, project);
}

static bool by_commit(struct jb_scope *scope, struct sample_project *project)
{
    struct jb_tx *tx = jb_begin(scope);
    return tx && jb_insert(scope, &sample_project, project) && jb_commit(tx);
}

static bool by_bulk(struct jb_scope *scope, struct sample_project *project)
{
    return jb_bulk_insert(scope, &sample_project, project, 1, NULL);
}

static int64_t of_code(struct jb_scope *scope, struct jb_str code)
{
    int64_t count = jb_count(scope, &sample_project, .where = JB_SQL("code = ?", code));
    CHECK_OK(count >= 0);
    return count;
}

JB_FIBER_TEST("what may have been saved is read by who saved it, from the primary")
{
    static bool (*const ways[])(struct jb_scope *, struct sample_project *) = { by_insert, by_commit, by_bulk };

    site(scope);
    for (size_t i = 0; i < JB_COUNT(ways); i++) {
        hold_commits(scope);
        struct jb_scope *writer = jb_scope_child(scope, "writer"), *later = jb_scope_child(scope, "later");
        struct sample_project project = { .code = jb_format(scope, "P-%zu", i) };
        jb_db_session(writer, 0);
        jb_deadline_set(writer, jb_monotonic_us() + JB_SECOND_US);
        bool ok = ways[i](writer, &project);
        CHECK(ok || jb_str_find(jb_failure_text(writer), JB_STR("저장되었는지 알 수 없습니다"), 0) != SIZE_MAX);
        CHECK(i > 0 || ok); /* its answer came when it was told to give up */
        jb_failure_clear(writer);
        CHECK(jb_db_session_position(writer) > 0);
        jb_db_session(later, jb_db_session_position(writer)); /* the session's next request */
        CHECK_INT(of_code(later, project.code), 1);
        jb_scope_end(later);
        jb_scope_end(writer);
        let_commits_go(scope);
    }
}
