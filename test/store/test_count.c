/* test_count.c — slow statements are told with their parameters, and without secrets. */
// SPDX-License-Identifier: Apache-2.0
#include "store_test.h"

struct door {
    int64_t id;
    struct jb_str name, pin;
};

static const struct jb_model door = {
    .app = "sample",
    .record = JB_RECORD(door, JB_FIELD(door, id, .primary = true), JB_FIELD(door, name, .length_max = 300), JB_FIELD(door, pin, .length_max = 20, .secret = true)),
};
static const struct jb_model *const models[] = { &door, NULL };

struct told {
    struct jb_scope *scope;
    int count;
    struct jb_str sql, parameters; /* of the last */
    int64_t us;
};

static void note(struct jb_scope *scope, struct jb_str sql, struct jb_str parameters, int64_t us, void *arg)
{
    struct told *told = arg;
    (void)scope;
    told->count++;
    told->sql = jb_copy(told->scope, sql);
    told->parameters = jb_copy(told->scope, parameters);
    told->us = us;
}

/* Everything is slow. */
static void open_told(struct jb_scope *scope, struct told *told)
{
    size_t done;
    *told = (struct told){ .scope = scope };
    test_database_open(scope, models, test_folder(scope), (struct jb_db_options){ .slow_query_s = 1e-6, .slow = note, .slow_arg = told });
    CHECK_OK(jb_migrate(scope, &done));
}

JB_FIBER_TEST("a slow statement is told with its text and parameters, also when it failed")
{
    struct told told;
    int64_t number;
    open_told(scope, &told);
    int before = told.count;
    CHECK_OK(jb_query_int(scope, JB_SQL("select count(*) from door where name = ? and id > ?", JB_STR("앞 \"문\""), 7), &number));
    CHECK_INT(told.count, before + 1);
    CHECK(jb_str_starts(told.sql, JB_STR("select count(*) from door where name = ")));
    CHECK_TEXT(told.parameters, "[\"앞 \\\"문\\\"\",7]");
    CHECK(told.us > 0);
    CHECK(!jb_query_int(scope, JB_SQL("select nothing from door where id = ?", 8), &number));
    jb_failure_clear(scope);
    CHECK_TEXT(told.parameters, "[8]");
    CHECK_INT(told.count, before + 2);
}

JB_FIBER_TEST("texts beside a secret are not told, long ones are cut, and of many ids only their number is")
{
    struct told told;
    int64_t number, ids[] = { 4, 5, 6 };
    char name[300];
    open_told(scope, &told);
    CHECK_OK(jb_query_int(scope, JB_SQL("select count(*) from door where name = ? and pin = ?", JB_STR("front"), JB_STR("1234")), &number));
    CHECK_TEXT(told.parameters, "[\"…\",\"…\"]");
    memset(name, 'a', sizeof name);
    struct door row = { .name = { name, sizeof name }, .pin = JB_STR("9876") };
    CHECK_OK(jb_insert(scope, &door, &row));
    CHECK(jb_str_find(told.parameters, JB_STR("9876"), 0) == SIZE_MAX);
    CHECK_OK(jb_query_int(scope, JB_SQL("select count(*) from door where name = ?", row.name), &number));
    CHECK_INT(told.parameters.size, 204);
    CHECK_OK(jb_query_int(scope, JB_SQL("select count(*) from door where id in (?)", ((struct jb_ids){ ids, 3 })), &number));
    CHECK_TEXT(told.parameters, test_is_sqlite() ? "[4,5,6,6]" : "[3]");
}

JB_FIBER_TEST("every statement counts for its scope, slow or not")
{
    struct told told;
    int64_t number;
    open_told(scope, &told);
    int64_t before = jb_counters(scope)->queries;
    for (int i = 0; i < 3; i++)
        CHECK_OK(jb_query_int(scope, JB_SQL("select count(*) from door"), &number));
    CHECK_INT(jb_counters(scope)->queries - before, 3);
}

JB_FIBER_TEST("a number beside a secret is not told either")
{
    struct told told;
    int64_t number;
    open_told(scope, &told);
    CHECK_OK(jb_query_int(scope, JB_SQL("select count(*) from door where id = ? and pin is null", 1234), &number));
    CHECK_TEXT(told.parameters, "[\"…\"]");
}

JB_FIBER_TEST("a cursor is one statement, counted, and slow by its pages")
{
    struct told told;
    struct jb_db_stats before, after;
    struct door rows[] = { { .name = JB_STR("a") }, { .name = JB_STR("b") } };
    const void *row;
    int seen = 0;
    open_told(scope, &told);
    CHECK_OK(jb_bulk_insert(scope, &door, rows, 2, NULL));
    jb_db_stats(jb_db_of(scope), &before);
    int64_t counted = jb_counters(scope)->queries, read = jb_counters(scope)->rows, slow = told.count;
    struct jb_cursor *cursor = jb_cursor_open(scope, &door, &(struct jb_select){ .only = "name", .where = JB_SQL("name <> ?", JB_STR("c")) });
    CHECK_OK(cursor != NULL);
    while (jb_cursor_next(cursor, scope, &row))
        seen++;
    jb_cursor_close(cursor);
    jb_db_stats(jb_db_of(scope), &after);
    CHECK_INT(seen, 2);
    CHECK_INT(jb_counters(scope)->queries - counted, 1);
    CHECK_INT(jb_counters(scope)->rows - read, 2);
    CHECK_INT(after.queries - before.queries, 1);
    CHECK_INT(told.count - slow, 2); /* opened, and its page */
    CHECK(jb_str_find(told.sql, JB_STR("name <> "), 0) != SIZE_MAX);
    CHECK_TEXT(told.parameters, "[\"c\"]");
}
