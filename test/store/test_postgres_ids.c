/* test_postgres_ids.c — rows that bring their ids beside rows that get one, written by several at a time. */
// SPDX-License-Identifier: Apache-2.0
#include "store_test.h"
#include "run/run.h"

static const struct jb_model *const models[] = { &sample_project, NULL };

static bool bring(struct jb_scope *scope, int64_t id, const char *code)
{
    struct sample_project row = { .id = id, .code = jb_str_of(code), .name = JB_STR("n") };
    return jb_bulk_insert(scope, &sample_project, &row, 1, NULL);
}

static int64_t draw(struct jb_scope *scope, const char *code)
{
    struct sample_project row = { .code = jb_str_of(code), .name = JB_STR("n") };
    CHECK_OK(jb_insert(scope, &sample_project, &row));
    return row.id;
}

static int64_t number(struct jb_scope *scope, struct jb_sql sql)
{
    int64_t number;
    CHECK_OK(jb_query_int(scope, sql, &number));
    return number;
}

JB_FIBER_TEST("rows without ids get none that the others bring")
{
    struct sample_project rows[] = { { .id = 2, .code = JB_STR("a"), .name = JB_STR("n") }, { .code = JB_STR("b"), .name = JB_STR("n") }, { .id = 1, .code = JB_STR("c"), .name = JB_STR("n") }, { .code = JB_STR("d"), .name = JB_STR("n") } };
    const struct jb_bulk ignore = { .match_on = "code", .on_conflict = JB_CONFLICT_IGNORE };

    test_database(scope, models);
    CHECK_OK(jb_bulk_insert(scope, &sample_project, rows, JB_COUNT(rows), NULL));
    CHECK_INT(number(scope, JB_SQL("select max(id) from projects")), 4);
    for (size_t i = 0; i < JB_COUNT(rows); i++) {
        rows[i].id += rows[i].id ? 4 : 0;
        rows[i].code = jb_format(scope, "new %zu", i);
    }
    CHECK_OK(jb_bulk_insert(scope, &sample_project, rows, JB_COUNT(rows), &ignore));
    CHECK_INT(number(scope, JB_SQL("select max(id) from projects")), 8);
    CHECK_INT(draw(scope, "e"), 9);
}

JB_FIBER_TEST("ids from far away are gone past at once, and smaller ones change nothing")
{
    test_database(scope, models);
    CHECK_OK(bring(scope, INT64_C(5000000000), "far"));
    CHECK_INT(draw(scope, "a"), INT64_C(5000000001));
    CHECK_OK(bring(scope, 7, "near"));
    CHECK_OK(bring(scope, -7, "below"));
    CHECK_INT(draw(scope, "b"), INT64_C(5000000002));
    struct jb_tx *tx = jb_begin(scope);
    CHECK_OK(bring(scope, INT64_C(6000000000), "gone"));
    CHECK_INT(number(scope, JB_SQL("select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())")), 0); /* others may pass theirs before this commits */
    jb_rollback(tx);
    CHECK_INT(draw(scope, "c"), INT64_C(6000000001));
}

struct writer {
    struct jb_scope *scope;
    const char *name;
    int64_t first;
    bool ended;
};

static void bring_two(void *arg)
{
    struct writer *writer = arg;
    struct jb_scope *scope = writer->scope;
    struct sample_project rows[] = { { .id = writer->first, .code = JB_STR("own"), .name = JB_STR("n") }, { .id = writer->first + 1, .code = JB_STR("both"), .name = JB_STR("n") } };

    CHECK_OK(jb_bulk_insert(scope, &sample_project, rows, JB_COUNT(rows), &(struct jb_bulk){ .match_on = "code", .on_conflict = JB_CONFLICT_IGNORE }));
    writer->ended = true;
}

JB_FIBER_TEST("while a writer that brings ids waits, another one draws past them")
{
    struct jb_db *db = test_database(scope, models);
    struct jb_scope *first = jb_scope_child(scope, "first");
    struct writer second = { .scope = jb_scope_new("second"), .first = 2 };

    jb_db_use(second.scope, db);
    struct jb_tx *tx = jb_begin(first);
    CHECK_INT(draw(first, "both"), 1);
    jb_fiber_start("second", bring_two, &second);
    while (number(scope, JB_SQL("select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")) == 0)
        ;                               /* the other fiber goes on meanwhile */
    CHECK_INT(draw(scope, "third"), 4); /* id 2 stands there, not yet committed: drawn, it would wait for the second, which waits for the first */
    CHECK_OK(jb_commit(tx));
    jb_scope_end(first);
    while (!second.ended)
        CHECK_OK(jb_sleep(scope, 2000));
    jb_scope_end(second.scope);
    CHECK_INT(number(scope, JB_SQL("select count(*) from projects where (id, code) in ((1, 'both'), (2, 'own'), (4, 'third'))")), 3);
}

#define ROUNDS 60

/* Always further from each other than all that is drawn. */
static void bring_many(void *arg)
{
    struct writer *writer = arg;
    struct jb_scope *scope = writer->scope;

    for (int64_t i = 0; i < ROUNDS; i++)
        CHECK_OK(bring(scope, writer->first + (i / 2 + 1) * 1000000 + i % 2 * 20000, jb_format(scope, "%s %d", writer->name, (int)i).data));
    writer->ended = true;
}

static void draw_many(void *arg)
{
    struct writer *writer = arg;

    for (int i = 0; i < 5 * ROUNDS; i++)
        (void)draw(writer->scope, jb_format(writer->scope, "%s %d", writer->name, i).data);
    writer->ended = true;
}

JB_FIBER_TEST("two writers that bring ids and two that draw them never meet, and the next number is past them all")
{
    struct jb_db *db = test_database(scope, models);
    struct writer writers[] = { { .name = "a" }, { .name = "b", .first = 500000 }, { .name = "c" }, { .name = "d" } };

    for (size_t i = 0; i < JB_COUNT(writers); i++) {
        writers[i].scope = jb_scope_new("writer");
        jb_db_use(writers[i].scope, db);
        jb_fiber_start(writers[i].name, i < 2 ? bring_many : draw_many, &writers[i]);
    }
    for (size_t i = 0; i < JB_COUNT(writers); i++) {
        while (!writers[i].ended)
            CHECK_OK(jb_sleep(scope, 2000));
        jb_scope_end(writers[i].scope);
    }
    CHECK_INT(jb_count(scope, &sample_project, .limit = 0), 12 * ROUNDS);
    CHECK_INT(number(scope, JB_SQL("select count(*) from projects where id > (select pg_sequence_last_value('projects_id_seq'))")), 0);
}
