/* test_migrate.c — tables that follow the models as they change. */
// SPDX-License-Identifier: Apache-2.0
#include "store_test.h"
#include "run/run.h"
#include <signal.h>
#include <sys/wait.h>

/* The same table as it changes over time: each version is a struct of its own. */
struct item {
    int64_t id;
    struct jb_str name, state;
    int64_t project_id;
};
struct item_more {
    int64_t id;
    struct jb_str name, state;
    int64_t project_id;
    struct jb_str memo;
    struct jb_decimal price;
    int stock;
};

static const struct jb_choice two_states[] = { { "new", NULL, NULL, 1 }, { "done", NULL, NULL, 2 }, { 0 } };
static const struct jb_choice three_states[] = { { "new", NULL, NULL, 1 }, { "done", NULL, NULL, 2 }, { "lost", NULL, NULL, 3 }, { 0 } };

#define ITEM_FIELDS(record, states)                                                 \
    JB_FIELD(record, id, .primary = true),                                          \
        JB_FIELD(record, name, .required = true, .length_max = 20, .unique = true), \
        JB_FIELD(record, state, .choices = states, .default_text = "new"),          \
        JB_FIELD(record, project_id, .references = &sample_project)

static const struct jb_model item_first = { .table = "items", .indexes = "state name", .record = JB_RECORD(item, ITEM_FIELDS(item, two_states)) };
static const struct jb_model item_lost = { .table = "items", .indexes = "state -name", .record = JB_RECORD(item, ITEM_FIELDS(item, three_states)) };
static const struct jb_model item_grown = {
    .table = "items",
    .indexes = "state name, price",
    .record = JB_RECORD(item_more, ITEM_FIELDS(item_more, two_states), JB_FIELD(item_more, memo), JB_FIELD(item_more, price, .digits = 10, .decimals = 2, .default_text = "1.50"), JB_FIELD(item_more, stock)),
};
static const struct jb_model item_demanding = {
    .table = "items",
    .indexes = "state name",
    .record = JB_RECORD(item_more, ITEM_FIELDS(item_more, two_states), JB_FIELD(item_more, memo, .required = true)),
};

/* With an index of some rows, a value that may not stand twice, shorter names, and a state that is never empty. */
static const struct jb_model item_partial = {
    .table = "items",
    .indexes = "state name",
    .named_indexes = JB_INDEXES({ "idx_open_items", "-name", .where = "state = 'new' and name <> 'it''s' and project_id is not null" }),
    .record = JB_RECORD(item, ITEM_FIELDS(item, two_states)),
};
static const struct jb_model item_single = { .table = "items", .indexes = "state name", .uniques = "state", .record = JB_RECORD(item, ITEM_FIELDS(item, two_states)) };
static const struct jb_model item_strict = {
    .table = "items",
    .indexes = "state name",
    .record = JB_RECORD(item,
        JB_FIELD(item, id, .primary = true),
        JB_FIELD(item, name, .required = true, .length_max = 3, .unique = true),
        JB_FIELD(item, state, .required = true, .choices = two_states, .default_text = "done"),
        JB_FIELD(item, project_id, .references = &sample_project, .on_delete = JB_CASCADE)),
};
static const struct jb_model *const partial_models[] = { &sample_project, &item_partial, NULL };
static const struct jb_model *const single_models[] = { &sample_project, &item_single, NULL };
static const struct jb_model *const strict_models[] = { &sample_project, &item_strict, NULL };
static const struct jb_model *const no_models[] = { &sample_project, NULL };
static const struct jb_model *const first_models[] = { &sample_project, &item_first, NULL };
static const struct jb_model *const lost_models[] = { &sample_project, &item_lost, NULL };
static const struct jb_model *const grown_models[] = { &sample_project, &item_grown, NULL };
static const struct jb_model *const demanding_models[] = { &sample_project, &item_demanding, NULL };

/* One item per name, each of its own project. */
static void items(struct jb_scope *scope, const char *a, const char *b)
{
    const char *const names[] = { a, b };
    for (int i = 0; i < 2; i++) {
        struct sample_project project = { .code = jb_str_of(names[i]) };
        CHECK_OK(jb_insert(scope, &sample_project, &project));
        struct item item = { .name = jb_str_of(names[i]), .state = JB_STR("done"), .project_id = project.id };
        CHECK_OK(jb_insert(scope, &item_first, &item));
    }
}

/* Opens the database again with other models and migrates; returns how many steps were done. */
static size_t migrated(struct jb_scope *scope, const struct jb_model *const *models, const char *folder)
{
    size_t done;
    test_database_open(scope, models, folder, (struct jb_db_options){ 0 });
    CHECK_OK(jb_migrate(scope, &done));
    return done;
}

static size_t planned(struct jb_scope *scope, struct jb_migration_step **ret_steps)
{
    size_t count;
    CHECK_OK(jb_migrate_plan(scope, ret_steps, &count));
    return count;
}

static int64_t asked(struct jb_scope *scope, struct jb_sql sql)
{
    int64_t number;
    CHECK_OK(jb_query_int(scope, sql, &number));
    return number;
}

/* Is there a table or an index of that name? */
static bool made(struct jb_scope *scope, const char *name)
{
    struct jb_str text = jb_str_of(name);
    return asked(scope, test_is_sqlite() ? JB_SQL("select count(*) from sqlite_schema where name = ?", text) : JB_SQL("select count(*) from pg_class where relname = ? and relnamespace = 'public'::regnamespace", text)) == 1;
}

JB_FIBER_TEST("a plan says what would be done and does nothing; done once, nothing is left to do")
{
    struct jb_migration_step *steps;
    size_t done;
    test_database_open(scope, sample_models, test_folder(scope), (struct jb_db_options){ 0 });
    size_t count = planned(scope, &steps);
    CHECK(count > 4);
    CHECK_STR(steps[0].reason, JB_STR("새 표 projects"));
    CHECK(!made(scope, "projects") && !made(scope, "sample_entry") && !made(scope, "jb_migrations"));
    CHECK_OK(jb_migrate(scope, &done));
    CHECK_INT(done, count);
    CHECK_INT(planned(scope, &steps), 0);
    CHECK_OK(jb_migrate(scope, &done));
    CHECK_INT(done, 0);
    CHECK_INT(asked(scope, JB_SQL("select count(*) from jb_migrations")), 1);
    CHECK(made(scope, "projects") && made(scope, "sample_entry"));
    CHECK(made(scope, "sample_lease") != test_is_sqlite()); /* there in the live file */
    int64_t live;
    CHECK_OK(jb_live_query_int(scope, JB_SQL("select count(*) from sample_lease"), &live));
}

JB_FIBER_TEST("new columns get their default and new indexes come, rows stay")
{
    const char *folder = test_folder(scope);
    struct jb_scope *before = jb_scope_child(scope, "before");
    migrated(before, first_models, folder);
    items(before, "a", "b");
    jb_scope_end(before);
    CHECK_INT(migrated(scope, grown_models, folder), 4); /* memo, price, stock, the index of price */
    struct jb_rows *rows = jb_select(scope, &item_grown, .order = JB_STR("id"));
    CHECK_INT(rows->count, 2);
    struct item_more *row = jb_rows_at(rows, 1);
    CHECK_STR(row->name, JB_STR("b"));
    CHECK(row->memo.data == NULL);
    CHECK_INT(row->price.units, 150);
    CHECK_INT(row->stock, 0);
    struct jb_migration_step *steps;
    CHECK_INT(planned(scope, &steps), 0);
}

JB_FIBER_TEST("a new choice rebuilds the table with its rows, indexes and the rows that refer to it")
{
    const char *folder = test_folder(scope);
    struct jb_scope *before = jb_scope_child(scope, "before");
    migrated(before, first_models, folder);
    items(before, "a", "b");
    CHECK_OK(jb_exec(before, JB_SQL("create index mine on items (name, id)"), NULL));
    CHECK_OK(jb_exec(before, JB_SQL("create view names as select name from items"), NULL));
    if (test_is_sqlite())
        CHECK_OK(jb_exec(before, JB_SQL("create trigger told after delete on items begin insert into projects (id, code, name) values (77, 'told', old.name); end"), NULL));
    jb_scope_end(before);
    CHECK_INT(migrated(scope, lost_models, folder), test_is_sqlite() ? 3 : 4); /* the table (PostgreSQL: the rule, and its look at the rows), one index gone, one new */
    CHECK_INT(jb_count(scope, &item_lost, .where = JB_SQL("state = 'done' and project_id = id")), 2);
    CHECK_OK(jb_update(scope, &item_lost, .set = JB_SQL("state = 'lost'")));
    CHECK(made(scope, "items_name_key") && made(scope, "mine") && made(scope, "items_state_name_idx") && made(scope, "items_project_id_idx"));
    CHECK_FAILS(jb_delete(scope, &sample_project, 1), JB_CONFLICT); /* references hold again */
    CHECK_INT(asked(scope, JB_SQL("select count(*) from names")), 2);
    if (test_is_sqlite()) {
        CHECK_OK(jb_exec(scope, JB_SQL("delete from items where id = 2"), NULL));
        CHECK_INT(asked(scope, JB_SQL("select count(*) from projects where code = 'told'")), 1);
    }
    struct jb_migration_step *steps;
    CHECK_INT(planned(scope, &steps), 1);
    CHECK(steps[0].destructive);
    CHECK_STR(steps[0].reason, JB_STR("모델에 없는 색인 mine 지우기"));
}

JB_FIBER_TEST("a rule that rows break leaves everything as it was")
{
    const char *folder = test_folder(scope);
    struct jb_scope *before = jb_scope_child(scope, "before");
    struct jb_migration_step *steps;
    size_t done;
    migrated(before, lost_models, folder);
    items(before, "a", "b");
    CHECK_OK(jb_exec(before, JB_SQL("update items set state = 'lost'"), NULL));
    jb_scope_end(before);
    test_database_open(scope, first_models, folder, (struct jb_db_options){ 0 });
    CHECK_FAILS(jb_migrate(scope, &done), JB_INVALID);
    CHECK_INT(asked(scope, JB_SQL("select count(*) from items where state = 'lost'")), 2);
    CHECK(planned(scope, &steps) > 0);
    CHECK_OK(jb_exec(scope, JB_SQL("update items set state = 'done'"), NULL));
    CHECK_OK(jb_migrate(scope, &done));
    CHECK_INT(planned(scope, &steps), 0);
}

JB_FIBER_TEST("a required column without a default can only join an empty table")
{
    const char *folder = test_folder(scope);
    struct jb_scope *before = jb_scope_child(scope, "before");
    size_t done;
    migrated(before, first_models, folder);
    items(before, "a", "b");
    jb_scope_end(before);
    test_database_open(scope, demanding_models, folder, (struct jb_db_options){ 0 });
    struct jb_migration_step *steps;
    CHECK(planned(scope, &steps) > 1);
    CHECK(steps[0].by_hand && jb_str_starts(steps[0].reason, JB_STR("지금은 거부됩니다: 표 items")));
    CHECK(!jb_migrate(scope, &done));
    CHECK_INT(jb_error(scope), JB_INVALID);
    jb_failure_clear(scope);
    CHECK_OK(jb_exec(scope, JB_SQL("delete from items"), NULL));
    CHECK_OK(jb_migrate(scope, &done));
    CHECK(done > 0);
}

JB_FIBER_TEST("a column that no model names is reported, kept, and survives a rebuild with its values")
{
    const char *folder = test_folder(scope);
    struct jb_scope *before = jb_scope_child(scope, "before"), *between = jb_scope_child(scope, "between");
    struct jb_migration_step *steps;
    size_t count;
    migrated(before, grown_models, folder);
    struct item_more item = { .name = JB_STR("a"), .memo = JB_STR("keep me"), .state = JB_STR("new") };
    CHECK_OK(jb_insert(before, &item_grown, &item));
    jb_scope_end(before);
    CHECK_INT(migrated(between, first_models, folder), 1); /* the index of price */
    count = planned(between, &steps);
    CHECK_INT(count, 3);
    CHECK(steps[0].destructive && steps[1].destructive && steps[2].destructive);
    CHECK_STR(steps[0].reason, JB_STR("모델에 없는 열 items.memo 지우기"));
    jb_scope_end(between);
    migrated(scope, lost_models, folder);
    CHECK_INT(asked(scope, JB_SQL("select count(*) from items where memo = 'keep me' and stock = 0")), 1);
}

JB_FIBER_TEST("a table that others made keeps the rules that they gave it")
{
    struct jb_migration_step *steps;
    size_t done;
    test_database_open(scope, no_models, test_folder(scope), (struct jb_db_options){ 0 });
    CHECK_OK(jb_exec(scope, test_is_sqlite() ? JB_SQL("create table projects (id integer not null, code text not null, name text, primary key (id), constraint code_there check (length(code) > 0), unique (code, name))") : JB_SQL("create table projects (id bigserial primary key, code text not null, name text, constraint code_there check (length(code) > 0), unique (code, name))"), NULL));
    CHECK_OK(jb_exec(scope, JB_SQL("insert into projects (code, name) values ('a', 'b')"), NULL));
    size_t count = planned(scope, &steps);
    for (size_t i = 0; i < count; i++)
        CHECK(jb_str_find(steps[i].reason, JB_STR("constraint"), 0) == SIZE_MAX && jb_str_find(steps[i].reason, JB_STR("unique"), 0) == SIZE_MAX);
    CHECK_OK(jb_migrate(scope, &done));
    CHECK_INT(asked(scope, JB_SQL("select count(*) from projects where code = 'a'")), 1);
    struct jb_scope *wrong = jb_scope_child(scope, "wrong");
    CHECK(!jb_exec(wrong, JB_SQL("insert into projects (code, name) values ('', 'c')"), NULL));
    jb_scope_end(wrong);
    count = planned(scope, &steps);
    for (size_t i = 0; i < count; i++)
        CHECK(steps[i].destructive || steps[i].by_hand); /* that it was there before, and the index of their unique pair */
}

JB_FIBER_TEST("a required column that no model names any more is kept without standing in the way of new rows")
{
    const char *folder = test_folder(scope);
    struct jb_scope *before = jb_scope_child(scope, "before");
    struct jb_migration_step *steps;
    migrated(before, demanding_models, folder);
    struct item_more old = { .name = JB_STR("a"), .memo = JB_STR("keep me"), .state = JB_STR("new") };
    CHECK_OK(jb_insert(before, &item_demanding, &old));
    jb_scope_end(before);
    CHECK_INT(migrated(scope, first_models, folder), 1); /* the table */
    struct item fresh = { .name = JB_STR("b"), .state = JB_STR("new") };
    CHECK_OK(jb_insert(scope, &item_first, &fresh));
    CHECK_INT(asked(scope, JB_SQL("select count(*) from items where memo = 'keep me' and name = 'a'")), 1);
    CHECK_INT(planned(scope, &steps), 1); /* still reported */
    CHECK(steps[0].destructive);
}

JB_FIBER_TEST("rows that a new rule refuses are named, and nothing has changed")
{
    const char *folder = test_folder(scope);
    struct jb_scope *before = jb_scope_child(scope, "before"), *between = jb_scope_child(scope, "between");
    struct jb_migration_step *steps;
    size_t done;
    migrated(before, lost_models, folder);
    items(before, "a", "long");
    CHECK_OK(jb_exec(before, JB_SQL("update items set state = 'lost' where name = 'long'"), NULL));
    jb_scope_end(before);
    test_database_open(between, first_models, folder, (struct jb_db_options){ 0 });
    size_t count = planned(between, &steps);
    CHECK(!jb_migrate(between, &done));
    CHECK_TEXT(jb_failure_text(between), "표 items의 2번 행은 state이(가) “lost”인데 새 규칙(choice)에 맞지 않습니다. 고친 뒤에 다시 하세요. 아무것도 바뀌지 않았습니다.");
    jb_failure_clear(between);
    CHECK_INT(planned(between, &steps), count);
    CHECK_OK(jb_exec(between, JB_SQL("update items set state = 'new'"), NULL));
    jb_scope_end(between);
    test_database_open(scope, strict_models, folder, (struct jb_db_options){ 0 });
    CHECK(!jb_migrate(scope, &done));
    CHECK_TEXT(jb_failure_text(scope), "표 items의 2번 행은 name이(가) “long”인데 새 규칙(size)에 맞지 않습니다. 고친 뒤에 다시 하세요. 아무것도 바뀌지 않았습니다.");
    jb_failure_clear(scope);
    CHECK_OK(jb_exec(scope, JB_SQL("update items set name = 'b' where id = 2"), NULL));
    CHECK_OK(jb_exec(scope, JB_SQL("update items set state = null where id = 2"), NULL));
    CHECK_OK(jb_migrate(scope, &done));
    CHECK_INT(asked(scope, JB_SQL("select count(*) from items where id = 2 and state = 'done'")), 1); /* the default, where nothing stood */
    CHECK_FAILS(jb_exec(scope, JB_SQL("update items set state = null"), NULL), JB_INVALID);
    CHECK_FAILS(jb_exec(scope, JB_SQL("update items set name = 'long' where id = 2"), NULL), JB_INVALID);
    CHECK_OK(jb_delete(scope, &sample_project, 1)); /* now takes its items along */
    CHECK_INT(asked(scope, JB_SQL("select count(*) from items")), 1);
    CHECK_INT(planned(scope, &steps), 0);
}

JB_FIBER_TEST("a value that stands twice is named before a unique index is made")
{
    const char *folder = test_folder(scope);
    struct jb_scope *before = jb_scope_child(scope, "before");
    struct jb_migration_step *steps;
    size_t done;
    migrated(before, first_models, folder);
    items(before, "a", "b");
    jb_scope_end(before);
    test_database_open(scope, single_models, folder, (struct jb_db_options){ 0 });
    CHECK(!jb_migrate(scope, &done));
    CHECK_INT(jb_error(scope), JB_CONFLICT);
    CHECK_TEXT(jb_failure_text(scope), "표 items에 state “done”인 행이 2개 있어 유일 색인 items_state_key을(를) 만들 수 없습니다. 하나만 남기고 다시 하세요.");
    jb_failure_clear(scope);
    CHECK(!made(scope, "items_state_key"));
    CHECK_OK(jb_exec(scope, JB_SQL("update items set state = 'new' where id = 1"), NULL));
    CHECK_OK(jb_migrate(scope, &done));
    CHECK(made(scope, "items_state_key"));
    CHECK_INT(planned(scope, &steps), 0);
}

JB_FIBER_TEST("an index of some rows has the name and the condition that were declared")
{
    const char *folder = test_folder(scope);
    struct jb_scope *before = jb_scope_child(scope, "before");
    struct jb_migration_step *steps;
    migrated(before, partial_models, folder);
    CHECK(made(before, "idx_open_items"));
    CHECK_INT(planned(before, &steps), 0);
    jb_scope_end(before);
    test_database_open(scope, first_models, folder, (struct jb_db_options){ 0 });
    CHECK_INT(planned(scope, &steps), 1); /* no name of ours: somebody may need it */
    CHECK(steps[0].destructive);
}

static const struct jb_model item_one_new = {
    .table = "items",
    .indexes = "state name",
    .named_indexes = JB_INDEXES({ "one_new_of_a_project", "project_id", .where = "state = 'new'", .unique = true }),
    .record = JB_RECORD(item, ITEM_FIELDS(item, two_states)),
};
static const struct jb_model *const one_new_models[] = { &sample_project, &item_one_new, NULL };

JB_FIBER_TEST("a unique index of some rows is made beside others that stand twice, and not when those of its own do")
{
    const char *folder = test_folder(scope);
    struct jb_scope *before = jb_scope_child(scope, "before");
    size_t done;
    migrated(before, first_models, folder);
    CHECK_OK(jb_exec(before, JB_SQL("insert into projects (code, name) values ('p', 'p')"), NULL));
    CHECK_OK(jb_exec(before, JB_SQL("insert into items (name, state, project_id) select r.name, r.state, p.id from projects p, (select 'a' as name, 'done' as state union all select 'b', 'done' union all select 'c', 'new') r"), NULL));
    jb_scope_end(before);
    test_database_open(scope, one_new_models, folder, (struct jb_db_options){ 0 });
    CHECK_OK(jb_migrate(scope, &done));
    CHECK(made(scope, "one_new_of_a_project"));
    CHECK_OK(jb_exec(scope, JB_SQL("drop index one_new_of_a_project"), NULL));
    CHECK_OK(jb_exec(scope, JB_SQL("insert into items (name, state, project_id) select 'd', 'new', id from projects"), NULL));
    CHECK_FAILS(jb_migrate(scope, &done), JB_CONFLICT);
}

JB_FIBER_TEST("what no model names goes when that is allowed: a column with its index, another index, a table")
{
    const char *folder = test_folder(scope);
    struct jb_scope *before = jb_scope_child(scope, "before"), *between = jb_scope_child(scope, "between");
    struct jb_migration_step *steps;
    size_t done;
    migrated(before, grown_models, folder);
    items(before, "a", "b");
    CHECK_OK(jb_exec(before, JB_SQL("create index mine on items (memo)"), NULL));
    CHECK_OK(jb_exec(before, JB_SQL("create table theirs (id integer)"), NULL));
    jb_scope_end(before);
    test_database_open(between, first_models, folder, (struct jb_db_options){ 0 });
    CHECK_OK(jb_migrate_with(between, &(struct jb_migrate_options){ .allow_drop = true }, &done));
    CHECK_INT(done, 5); /* three columns, the index of price, mine */
    CHECK_INT(planned(between, &steps), 0);
    CHECK(!made(between, "mine") && made(between, "items_state_name_idx"));
    CHECK_INT(asked(between, JB_SQL("select count(*) from items")), 2);
    jb_scope_end(between);
    test_database_open(scope, no_models, folder, (struct jb_db_options){ 0 });
    CHECK_INT(planned(scope, &steps), 1);
    CHECK_TEXT(steps[0].reason, "모델에 없는 표 items 지우기");
    CHECK_OK(jb_migrate(scope, &done));
    CHECK(done == 0 && made(scope, "items"));
    CHECK_OK(jb_migrate_with(scope, &(struct jb_migrate_options){ .allow_drop = true }, &done));
    CHECK(!made(scope, "items") && made(scope, "projects") && made(scope, "theirs")); /* not made here: not ours */
}

static void migrate_other(void *folder)
{
    struct jb_scope *scope = jb_scope_new("other");
    migrated(scope, sample_models, folder);
    jb_scope_end(scope);
}

static void check_migrated(void *folder)
{
    struct jb_scope *scope = jb_scope_new("check");
    struct jb_migration_step *steps;
    test_database_open(scope, sample_models, folder, (struct jb_db_options){ 0 });
    CHECK_INT(planned(scope, &steps), 0);
    CHECK_INT(asked(scope, JB_SQL("select count(*) from jb_migrations")), 1);
    jb_scope_end(scope);
}

/* ---- tables of others --------------------------------------------------------------------------------------------------------------------- */

JB_FIBER_TEST("a plan begins with the tables that were there before their models, and says whether they change")
{
    struct jb_migration_step *steps;
    size_t done;
    test_database_open(scope, first_models, test_folder(scope), (struct jb_db_options){ 0 });
    jb_language_set(scope, JB_EN);
    CHECK_OK(jb_exec(scope, JB_SQL("create table items (id bigint primary key, name varchar(20) not null)"), NULL));
    CHECK_OK(jb_exec(scope, JB_SQL("insert into items (id, name) values (1, 'theirs')"), NULL));
    size_t count = planned(scope, &steps);
    CHECK_STR(steps[0].reason, jb_format(scope, "table items exists already and was not made here: it is used with its rows, and changed (%d steps)", test_is_sqlite() ? 4 : 7));
    CHECK(steps[0].by_hand && steps[0].sql.size == 0);
    for (size_t i = 1; i < count; i++)
        CHECK(steps[i].sql.size > 0);
    CHECK_OK(jb_migrate(scope, &done));
    CHECK(done > 4);
    CHECK_INT(asked(scope, JB_SQL("select count(*) from items where name = 'theirs' and state = 'new'")), 1);
    count = planned(scope, &steps);
    if (test_is_sqlite()) { /* it was built anew: it is ours */
        CHECK_INT(count, 0);
        return;
    }
    CHECK_TEXT(steps[0].reason, "table items exists already and was not made here: it is used as it is, with its rows");
    CHECK_OK(jb_migrate(scope, &done));
    CHECK_INT(done, 0);
}

/* ---- several processes ---------------------------------------------------------------------------------------------------------------------- */

/* A process of its own: threads that run in this one would be missing in those forked after it. */
static pid_t start(void (*main)(void *arg), const char *folder)
{
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0) {
        jb_loop_run(main, (void *)folder);
        _exit(0);
    }
    return child;
}

static int ended(pid_t child)
{
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

static int kill_at; /* before this step; read by the forked process */

static void make_first(void *folder)
{
    struct jb_scope *scope = jb_scope_new("first");
    migrated(scope, first_models, folder);
    items(scope, "a", "b");
    CHECK_OK(jb_exec(scope, JB_SQL("update items set state = null where id = 2"), NULL));
    jb_scope_end(scope);
}

static void migrate_until_killed(void *folder)
{
    struct jb_scope *scope = jb_scope_new("killed");
    CHECK_OK(jb_fault_set(scope, jb_format(scope, "store/migrate/step=crash@%d", kill_at)));
    migrated(scope, strict_models, folder);
    jb_scope_end(scope);
}

static void finish(void *folder)
{
    struct jb_scope *scope = jb_scope_new("finish");
    struct jb_migration_step *steps;
    migrated(scope, strict_models, folder);
    CHECK_INT(planned(scope, &steps), 0);
    CHECK_INT(jb_count(scope, &item_strict, .where = JB_SQL("state = 'done'")), 2);
    CHECK_FAILS(jb_exec(scope, JB_SQL("update items set state = null"), NULL), JB_INVALID);
    jb_scope_end(scope);
}

JB_TEST("killed before any of its steps, a migration is finished by the next")
{
    int status = SIGKILL;
    for (kill_at = 0; status != 0; kill_at++) {
        const char *folder = test_folder(scope);
        CHECK_INT(ended(start(make_first, folder)), 0);
        status = ended(start(migrate_until_killed, folder));
        CHECK(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
        CHECK_INT(ended(start(finish, folder)), 0);
    }
    CHECK(kill_at > (test_is_sqlite() ? 1 : 5));
}

JB_TEST("processes that create and migrate the same files at once do it once")
{
    for (int round = 0; round < 5; round++) {
        const char *folder = test_folder(scope);
        pid_t children[4];
        for (size_t i = 0; i < JB_COUNT(children); i++)
            children[i] = start(migrate_other, folder);
        for (size_t i = 0; i < JB_COUNT(children); i++)
            CHECK_INT(ended(children[i]), 0);
        CHECK_INT(ended(start(check_migrated, folder)), 0);
    }
}
