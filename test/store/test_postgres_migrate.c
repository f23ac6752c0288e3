/* test_postgres_migrate.c — what only a server that many use asks of a migration: nobody is held up, half-made indexes, tables that Django made. */
// SPDX-License-Identifier: Apache-2.0
#include "store_test.h"
#include "run/run.h"
#include "store/ddl.h"

struct item {
    int64_t id;
    struct jb_str code, name;
    struct jb_decimal price;
    int stock;
    int64_t project_id;
    struct jb_month month;
    bool closed;
    struct jb_date day;
    struct jb_time made_at;
    uint64_t present;
};

#define FIELDS(PRICE, ...)                                                              \
    JB_RECORD(item,                                                                     \
        JB_FIELD(item, id, .primary = true),                                            \
        JB_FIELD(item, code, .required = true, .length_max = 20, .unique = true),       \
        JB_FIELD(item, name, .length_max = 40),                                         \
        JB_FIELD(item, price, .digits = PRICE, .decimals = 2, .default_text = "-1.50"), \
        JB_FIELD(item, stock, __VA_ARGS__),                                             \
        JB_FIELD(item, project_id, .references = &sample_project),                      \
        JB_FIELD(item, month), JB_FIELD(item, closed, .required = true, .default_text = "true"), JB_FIELD(item, day, .default_text = "2026-11-21"), JB_FIELD(item, made_at), JB_PRESENCE(item, present))

static const struct jb_model plain = { .app = "sample", .table = "items", .indexes = "name -price, -day", .record = FIELDS(10, .has_min = true) };
static const struct jb_model wide = { .app = "sample", .table = "items", .indexes = "name -price, -day", .record = FIELDS(15, .has_min = true) };
static const struct jb_model narrow = { .app = "sample", .table = "items", .indexes = "name -price, -day", .record = FIELDS(4, .has_min = true) };
static const struct jb_model lower = { .app = "sample", .table = "items", .indexes = "name -price, -day, name stock", .record = FIELDS(10, .has_min = true, .min = -100) };
static const struct jb_model *const plain_models[] = { &sample_project, &plain, NULL };
static const struct jb_model *const wide_models[] = { &sample_project, &wide, NULL };
static const struct jb_model *const narrow_models[] = { &sample_project, &narrow, NULL };
static const struct jb_model *const lower_models[] = { &sample_project, &lower, NULL };

static size_t planned(struct jb_scope *scope, struct jb_migration_step **ret_steps)
{
    size_t count;
    CHECK_OK(jb_migrate_plan(scope, ret_steps, &count));
    return count;
}

static size_t migrated(struct jb_scope *scope)
{
    size_t done;
    CHECK_OK(jb_migrate(scope, &done));
    return done;
}

static int64_t asked(struct jb_scope *scope, struct jb_sql sql)
{
    int64_t number;
    CHECK_OK(jb_query_int(scope, sql, &number));
    return number;
}

/* The tables of these models in a new database; the folder's other scopes find it again. */
static const char *made(struct jb_scope *scope, const struct jb_model *const *models)
{
    const char *folder = test_folder(scope);
    struct jb_scope *first = jb_scope_child(scope, "first");

    test_database_open(first, models, folder, (struct jb_db_options){ 0 });
    migrated(first);
    CHECK_OK(jb_exec(first, JB_SQL("insert into items (code, price, stock) select 'c' || n, n, 1 from generate_series(1, 1000) n"), NULL));
    jb_scope_end(first);
    return folder;
}

JB_TEST("expressions are the same however the server writes them down, and different when they are")
{
    static const char *const same[][2] = {
        { "\"state\" = any (array['new', 'done'])", "((state)::text = ANY ((ARRAY['new'::character varying, 'done'::character varying])::text[]))" },
        { "\"stock\" >= -5", "(stock >= '-5'::integer)" },
        { "'2026-11-21'", "'2026-11-21'::date" },
        { "-1.50", "'-1.50'::numeric" },
        { "date_part('day', \"month\") = 1", "(date_part('day'::text, month) = (1)::double precision)" },
        { "\"order\" is not null and \"a\" <> 'it''s (b)'", "((\"order\" IS NOT NULL) AND ((a)::text <> 'it''s (b)'::text))" },
    };
    static const char *const different[][2] = {
        { "\"a\" = 'b'", "a = b" },
        { "\"a\" = 'b'", "a = 'B'" },
        { "\"a\" >= 5", "a >= 50" },
        { "\"a\" >= 5", "a > 5" },
        { "any (array['a', 'b'])", "any (array['a'])" },
    };
    (void)scope;
    for (size_t i = 0; i < JB_COUNT(same); i++)
        CHECK(jb__pg_same(jb_str_of(same[i][0]), jb_str_of(same[i][1])));
    for (size_t i = 0; i < JB_COUNT(different); i++)
        CHECK(!jb__pg_same(jb_str_of(different[i][0]), jb_str_of(different[i][1])));
    CHECK(!jb__pg_same(JB_STR_NULL, JB_STR("a")));
    CHECK(jb__pg_same(JB_STR_NULL, JB_STR_NULL));
}

JB_FIBER_TEST("every kind of column is what the model says, with its default, and stays so")
{
    test_database(scope, plain_models);
    struct jb_migration_step *steps;
    CHECK_INT(planned(scope, &steps), 0);
    CHECK_INT(asked(scope, JB_SQL("select count(*) from information_schema.columns where table_name = 'items' and (column_name, data_type, is_nullable, coalesce(collation_name, '')) in (values"
                                  " ('id', 'bigint', 'NO', ''), ('code', 'text', 'NO', 'C'), ('name', 'text', 'YES', 'C'), ('price', 'numeric', 'YES', ''), ('stock', 'integer', 'YES', ''), ('project_id', 'bigint', 'YES', ''),"
                                  " ('month', 'date', 'YES', ''), ('closed', 'boolean', 'NO', ''), ('day', 'date', 'YES', ''), ('made_at', 'timestamp with time zone', 'YES', ''))")),
        10);
    CHECK_OK(jb_exec(scope, JB_SQL("insert into items (code) values ('a')"), NULL));
    CHECK_INT(asked(scope, JB_SQL("select count(*) from items where id = 1 and price = -1.50 and closed and day = '2026-11-21'")), 1);
    CHECK_FAILS(jb_exec(scope, JB_SQL("update items set month = '2026-11-02'"), NULL), JB_INVALID);
    CHECK_FAILS(jb_exec(scope, JB_SQL("update items set name = repeat(' ', 41)"), NULL), JB_INVALID); /* blanks too are never cut */
    CHECK_FAILS(jb_exec(scope, JB_SQL("update items set project_id = 7"), NULL), JB_INVALID);
    CHECK_INT(asked(scope, JB_SQL("select count(*) from pg_indexes where indexname = 'items_name_price_idx' and indexdef like '%(name NULLS FIRST, price DESC NULLS LAST)'")), 1);
}

JB_FIBER_TEST("a number grows without holding anybody up for long, and shrinks only when every row fits")
{
    const char *folder = made(scope, plain_models);
    struct jb_scope *wider = jb_scope_child(scope, "wider");
    struct jb_migration_step *steps;
    size_t done;
    test_database_open(wider, wide_models, folder, (struct jb_db_options){ 0 });
    CHECK_INT(planned(wider, &steps), 1);
    CHECK_INT(steps[0].hold, JB_HOLD_MOMENT);
    CHECK_INT(migrated(wider), 1);
    CHECK_OK(jb_exec(wider, JB_SQL("update items set price = 1234567890123 where id = 9"), NULL));
    jb_scope_end(wider);
    test_database_open(scope, narrow_models, folder, (struct jb_db_options){ 0 });
    CHECK_INT(planned(scope, &steps), 2);
    CHECK(steps[0].by_hand && jb_str_starts(steps[0].reason, JB_STR("지금은 거부됩니다: 표 items")));
    CHECK_INT(steps[1].hold, JB_HOLD_ALL);
    CHECK(!jb_migrate(scope, &done));
    CHECK(jb_str_find(jb_failure_text(scope), JB_STR("price이(가)"), 0) != SIZE_MAX);
    jb_failure_clear(scope);
    CHECK_INT(asked(scope, JB_SQL("select count(*) from items where price = 1234567890123")), 1);
    CHECK_OK(jb_exec(scope, JB_SQL("update items set price = 99.99"), NULL));
    CHECK_INT(migrated(scope), 1);
    CHECK_INT(planned(scope, &steps), 0);
}

JB_FIBER_TEST("kinds that nobody could convert for sure are left to a person")
{
    const char *folder = made(scope, plain_models);
    struct jb_scope *first = jb_scope_child(scope, "first");
    struct jb_migration_step *steps;
    size_t count;
    test_database_open(first, plain_models, folder, (struct jb_db_options){ 0 });
    CHECK_OK(jb_exec(first, JB_SQL("alter table items alter day drop default, alter day type text"), NULL));
    CHECK(!jb_migrate_plan(first, &steps, &count));
    CHECK_INT(jb_error(first), JB_INVALID);
    CHECK(jb_str_starts(jb_failure_text(first), JB_STR("열 items.day은(는) 표에서 text이고 모델에서 date입니다.")));
    jb_scope_end(first);
}

/* ---- nobody is held up ------------------------------------------------------------------------------------------------------------------- */

static bool writing;
static int64_t written;

static void write_on(void *arg)
{
    struct jb_scope *scope = arg;

    while (writing) {
        struct jb_str code = jb_format(scope, "w%lld", (long long)written);
        CHECK_OK(jb_exec(scope, JB_SQL("insert into items (code, stock) values (?, 2)", code), NULL));
        written++;
        jb_yield();
    }
    written = -written;
    jb_scope_end(scope);
}

JB_FIBER_TEST("rules are looked up and indexes built while others write")
{
    const char *folder = made(scope, plain_models);
    struct jb_migration_step *steps;
    test_database_open(scope, lower_models, folder, (struct jb_db_options){ 0 });
    CHECK_INT(planned(scope, &steps), 3); /* the rule, its look at the rows, the index */
    CHECK_INT(steps[0].hold, JB_HOLD_MOMENT);
    CHECK_INT(steps[1].hold, JB_HOLD_NONE);
    CHECK_INT(steps[2].hold, JB_HOLD_NONE);
    writing = true;
    written = 0;
    jb_fiber_start("writer", write_on, jb_scope_child(scope, "writer"));
    while (written < 10)
        jb_yield();
    CHECK_INT(migrated(scope), 3);
    writing = false;
    while (written > 0)
        jb_yield();
    CHECK_INT(planned(scope, &steps), 0);
    CHECK_INT(asked(scope, JB_SQL("select count(*) from items where stock = 2")), -written);
}

JB_FIBER_TEST("a table that is in use is given up after a while, with the one that uses it named, and nothing has changed")
{
    const char *folder = made(scope, plain_models);
    struct jb_scope *reader = jb_scope_child(scope, "reader");
    struct jb_migration_step *steps;
    size_t done;
    int64_t pid;
    test_database_open(reader, plain_models, folder, (struct jb_db_options){ 0 });
    test_database_open(scope, lower_models, folder, (struct jb_db_options){ 0 });
    struct jb_tx *tx = jb_begin(reader);
    CHECK_OK(jb_query_int(reader, JB_SQL("select pg_backend_pid() from items limit 1"), &pid));
    struct jb_scope *other = jb_scope_child(scope, "other");
    jb_fiber_allow_wait(true);
    CHECK(!jb_migrate_with(other, &(struct jb_migrate_options){ .lock_ms = 20, .lock_attempts = 2 }, &done));
    jb_fiber_allow_wait(false);
    CHECK_INT(jb_error(other), JB_TIMEOUT);
    CHECK(jb_str_find(jb_failure_text(other), jb_format(other, "pid %lld", (long long)pid), 0) != SIZE_MAX);
    jb_scope_end(other);
    jb_rollback(tx);
    jb_scope_end(reader);
    CHECK_INT(planned(scope, &steps), 3);
    CHECK_INT(migrated(scope), 3);
}

static const struct jb_model single = { .app = "sample", .table = "items", .indexes = "name -price, -day", .uniques = "stock", .record = FIELDS(10, .has_min = true) };
static const struct jb_model *const single_models[] = { &sample_project, &single, NULL };

struct attempt {
    struct jb_scope *scope;
    bool ended, ok;
};

static void attempt(void *arg)
{
    struct attempt *attempt = arg;
    size_t done;
    attempt->ok = jb_migrate(attempt->scope, &done);
    attempt->ended = true;
}

JB_FIBER_TEST("a value that came twice while its unique index was built is named, and no half of the index is left")
{
    const char *folder = made(scope, plain_models);
    struct jb_scope *writer = jb_scope_child(scope, "writer"), *other = jb_scope_child(scope, "other");
    struct attempt run = { .scope = other };
    int64_t waits = 0;
    test_database_open(scope, plain_models, folder, (struct jb_db_options){ 0 });
    CHECK_OK(jb_exec(scope, JB_SQL("update items set stock = id"), NULL));
    test_database_open(other, single_models, folder, (struct jb_db_options){ 0 });
    struct jb_tx *tx = jb_begin(writer);
    CHECK_OK(jb_exec(writer, JB_SQL("insert into items (code, stock) values ('late', 77)"), NULL));
    jb_fiber_start("attempt", attempt, &run);
    while (waits == 0) { /* it waits for this transaction, which was there before it */
        CHECK_OK(jb_exec(writer, JB_SQL("select pg_stat_clear_snapshot()"), NULL));
        CHECK_OK(jb_query_int(writer, JB_SQL("select count(*) from pg_stat_activity where datname = current_database() and query like 'CREATE UNIQUE INDEX CONC%' and wait_event_type = 'Lock'"), &waits));
    }
    CHECK_OK(jb_commit(tx));
    while (!run.ended)
        jb_yield();
    CHECK(!run.ok);
    CHECK_TEXT(jb_failure_text(other), "표 items에 stock “77”인 행이 2개 있어 유일 색인 items_stock_key을(를) 만들 수 없습니다. 하나만 남기고 다시 하세요.");
    CHECK_INT(asked(scope, JB_SQL("select count(*) from pg_class where relname = 'items_stock_key'")), 0);
    jb_failure_clear(other);
    CHECK_OK(jb_exec(other, JB_SQL("delete from items where code = 'late'"), NULL));
    CHECK_INT(migrated(other), 1);
    jb_scope_end(other);
    jb_scope_end(writer);
}

/* ---- indexes --------------------------------------------------------------------------------------------------------------------------------- */

JB_FIBER_TEST("an index that was left half made is made again; one that changed is never missing; another that serves is left to serve")
{
    const char *folder = made(scope, plain_models);
    struct jb_migration_step *steps;
    test_database_open(scope, plain_models, folder, (struct jb_db_options){ 0 });
    CHECK_OK(jb_exec(scope, JB_SQL("update pg_index set indisvalid = false where indexrelid = 'items_code_key'::regclass"), NULL));
    CHECK_OK(jb_exec(scope, JB_SQL("alter index items_day_idx rename to somebody_s"), NULL));
    CHECK_OK(jb_exec(scope, JB_SQL("drop index items_name_price_idx"), NULL));
    CHECK_OK(jb_exec(scope, JB_SQL("create index items_name_price_idx on items (name, price)"), NULL));
    CHECK_INT(planned(scope, &steps), 4); /* drop and make; make anew and change places */
    CHECK_TEXT(steps[0].reason, "다 만들지 못한 색인 items_code_key 지우기");
    CHECK_TEXT(steps[3].reason, "색인 items_name_price_idx 바꿔 넣기");
    CHECK_INT(migrated(scope), 4);
    CHECK_INT(planned(scope, &steps), 0);
    CHECK_INT(asked(scope, JB_SQL("select count(*) from pg_index where indrelid = 'items'::regclass and indisvalid")), 5);
    CHECK_INT(asked(scope, JB_SQL("select count(*) from pg_class where relname in ('somebody_s', 'items_code_key', 'items_name_price_idx', 'items_project_id_idx')")), 4);
}

JB_FIBER_TEST("an index of another table that has the name already is left alone")
{
    const char *folder = made(scope, plain_models);
    size_t done;
    test_database_open(scope, single_models, folder, (struct jb_db_options){ 0 });
    CHECK_OK(jb_exec(scope, JB_SQL("update items set stock = id"), NULL));
    CHECK_OK(jb_exec(scope, JB_SQL("create table others (number bigint)"), NULL));
    CHECK_OK(jb_exec(scope, JB_SQL("create unique index items_stock_key on others (number)"), NULL));
    CHECK(!jb_migrate(scope, &done));
    jb_failure_clear(scope);
    CHECK_INT(asked(scope, JB_SQL("select count(*) from pg_index where indrelid = 'others'::regclass and indisvalid")), 1);
}

JB_FIBER_TEST("names of others with quotation marks are names and no statements")
{
    const char *folder = made(scope, plain_models);
    size_t done;
    test_database_open(scope, plain_models, folder, (struct jb_db_options){ 0 });
    CHECK_OK(jb_exec(scope, JB_SQL("alter table items add \"x\"\" drop not null; drop table items; --\" int"), NULL));
    CHECK_OK(jb_exec(scope, JB_SQL("update items set \"x\"\" drop not null; drop table items; --\" = 1"), NULL));
    CHECK_OK(jb_exec(scope, JB_SQL("alter table items alter \"x\"\" drop not null; drop table items; --\" set not null"), NULL));
    CHECK_OK(jb_exec(scope, JB_SQL("create index \"items_\"\"; drop table items; --_idx\" on items (stock)"), NULL));
    CHECK_OK(jb_migrate(scope, &done));
    CHECK_INT(asked(scope, JB_SQL("select count(*) from items")), 1000);
    CHECK_INT(asked(scope, JB_SQL("select count(*) from pg_class where relname like '%drop table items; --_idx'")), 0);
    CHECK_OK(jb_migrate_with(scope, &(struct jb_migrate_options){ .allow_drop = true }, &done));
    CHECK_INT(asked(scope, JB_SQL("select count(*) from items")), 1000);
}

/* ---- Django's tables ---------------------------------------------------------------------------------------------------------------------------- */

JB_FIBER_TEST("a table that Django made is taken over as it is: serial ids, varchar, its own names of rules")
{
    const char *folder = test_folder(scope);
    struct jb_migration_step *steps;
    test_database_open(scope, plain_models, folder, (struct jb_db_options){ 0 });
    CHECK_OK(jb_exec(scope, JB_SQL("create table projects (id serial primary key, code varchar(20) collate \"C\" not null unique, name varchar(100) collate \"C\")"), NULL));
    CHECK_OK(jb_exec(scope, JB_SQL("create table items (id bigserial primary key, code varchar(20) not null, name varchar(40), price numeric(10,2) default -1.5, stock integer constraint items_stock_check check (stock >= 0),"
                                   " project_id integer, month date, closed boolean not null, day date, made_at timestamptz, tags text not null)"),
        NULL));
    CHECK_OK(jb_exec(scope, JB_SQL("alter table items add constraint items_code_1a2b_uniq unique (code)"), NULL));
    CHECK_OK(jb_exec(scope, JB_SQL("alter table items add constraint items_project_id_1a2b_fk foreign key (project_id) references projects (id) deferrable initially deferred"), NULL));
    CHECK_OK(jb_exec(scope, JB_SQL("insert into items (code, closed, tags) values ('a', false, 'x')"), NULL));
    size_t count = planned(scope, &steps);
    for (size_t i = 0; i < count; i++)
        CHECK(jb_str_find(steps[i].sql, JB_STR(" TYPE "), 0) == SIZE_MAX || steps[i].by_hand);
    migrated(scope);
    CHECK_INT(asked(scope, JB_SQL("select count(*) from items where code = 'a' and tags = 'x' and not closed")), 1);
    CHECK_OK(jb_exec(scope, JB_SQL("insert into items (code) values ('b')"), NULL));                               /* tags may be empty now */
    CHECK_FAILS(jb_exec(scope, JB_SQL("insert into items (code, project_id) values ('c', 7)"), NULL), JB_INVALID); /* at once, not at the end */
    CHECK_FAILS(jb_exec(scope, JB_SQL("insert into items (code) values ('b')"), NULL), JB_CONFLICT);
    CHECK_INT(asked(scope, JB_SQL("select count(*) from pg_indexes where tablename = 'items' and indexdef like '%UNIQUE%(code)'")), 1);
    count = planned(scope, &steps);
    for (size_t i = 0; i < count; i++)
        CHECK(steps[i].by_hand || steps[i].destructive);
}

JB_FIBER_TEST("a replica is never migrated")
{
    const char *replica = getenv("JB_TEST_POSTGRES_REPLICA");
    size_t done;
    if (!replica)
        jb_test_skip("JB_TEST_POSTGRES_REPLICA is not set");
    struct jb_db *db = jb_db_open(scope, &(struct jb_db_options){ .url = jb_str_of(replica), .models = plain_models });
    CHECK_OK(db != NULL);
    jb_defer(scope, test_close_database, db);
    jb_db_use(scope, db);
    CHECK(!jb_migrate(scope, &done));
    CHECK_TEXT(jb_failure_text(scope), "이 서버는 복제본입니다. DATABASE_URL에 주 서버를 적고 다시 하세요.");
}
