/* test_sqlite.c — the driver: where statements run, and what it makes of a world that is broken. */
// SPDX-License-Identifier: Apache-2.0
#include "store_test.h"
#include "run/run.h"
#include "store/sqlite_private.h"
#include <fcntl.h>
#include <sys/stat.h>

static bool heavy(struct jb_scope *scope, const char *sql)
{
    struct jb__connection *connection = jb__reader_take(&jb__sqlite_of(jb_db_of(scope))->files[0], scope);
    struct jb__prepared *prepared = jb__prepare(connection, scope, jb_str_of(sql));
    CHECK_OK(prepared != NULL);
    bool is = prepared->heavy;
    jb__release(connection, prepared);
    jb__reader_give(connection);
    return is;
}

JB_FIBER_TEST("what cannot be interrupted is known before it runs")
{
    test_database(scope, sample_models);
    CHECK(!heavy(scope, "select * from sample_entry where id = ?"));
    CHECK(!heavy(scope, "select * from sample_entry order by date desc, id desc limit 50"));
    CHECK(!heavy(scope, "select count(*) from sample_entry where memo like '%x%'"));
    CHECK(heavy(scope, "select count(*) from sample_entry"));
    CHECK(heavy(scope, "select * from sample_entry order by memo"));
    CHECK(!heavy(scope, "select * from sample_entry order by memo limit 50")); /* keeps only fifty, row by row */
    CHECK(heavy(scope, "select memo, count(*) from sample_entry group by memo"));
    CHECK(heavy(scope, "select * from json_each('[1]')"));
}

JB_FIBER_TEST("the statements of a connection are prepared once, and the oldest go")
{
    test_database(scope, sample_models);
    struct jb__connection *connection = jb__reader_take(&jb__sqlite_of(jb_db_of(scope))->files[0], scope);
    struct jb__prepared *first = jb__prepare(connection, scope, JB_STR("select 1"));
    sqlite3_stmt *statement = first->statement;
    jb__release(connection, first);
    first = jb__prepare(connection, scope, JB_STR("select 1"));
    CHECK(first->statement == statement);
    struct jb__prepared *beside = jb__prepare(connection, scope, JB_STR("select 1")); /* while the first runs */
    CHECK(beside->statement != statement);
    jb__release(connection, beside);
    for (int i = 0; i < 500; i++)
        jb__release(connection, jb__prepare(connection, scope, jb_format(scope, "select %d", i + 2)));
    CHECK(connection->statement_count <= 200);
    CHECK(jb__prepare(connection, scope, JB_STR("select 1"))->statement != statement); /* it was running all the while */
    jb__release(connection, first);
    jb__reader_give(connection);
}

JB_FIBER_TEST("more readers than connections wait for one")
{
    test_database(scope, sample_models);
    struct jb__file *file = &jb__sqlite_of(jb_db_of(scope))->files[0];
    struct jb__connection *taken[JB__READERS_MAX];
    struct sample_project row;
    for (int i = 0; i < JB__READERS_MAX; i++)
        CHECK_OK((taken[i] = jb__reader_take(file, scope)) != NULL);
    struct jb_scope *hasty = jb_scope_child(scope, "hasty");
    jb_deadline_set(hasty, jb_monotonic_us() + 20000);
    CHECK(!jb_get(hasty, &sample_project, 1, &row));
    CHECK_INT(jb_error(hasty), JB_TIMEOUT);
    jb_scope_end(hasty);
    for (int i = 0; i < JB__READERS_MAX; i++)
        jb__reader_give(taken[i]);
    CHECK_FAILS(jb_get(scope, &sample_project, 1, &row), JB_NOT_FOUND);
}

/* ---- reading and writing at once ------------------------------------------------------------------------------------------------- */

static void mixed(int index, void *db)
{
    struct jb_scope *scope = jb_scope_new("mixed");
    jb_db_use(scope, db);
    for (int i = 0; i < 100; i++) {
        struct jb_scope *turn = jb_scope_child(scope, "turn");
        struct sample_entry row, mine = sample_entry_of(jb_format(turn, "loop %d turn %d", index, i).data, i);
        int64_t version;
        jb_language_set(turn, JB_EN);
        CHECK_OK(jb_get(turn, &sample_entry, 1 + i, &row));
        CHECK_OK(jb_select(turn, &sample_entry, .limit = 20, .order = JB_STR("memo")) != NULL);
        CHECK(jb_count(turn, &sample_entry, .limit = 0) >= 200 + i);
        CHECK_OK(jb_insert(turn, &sample_entry, &mine));
        CHECK_OK(jb_get(turn, &sample_entry, mine.id, &row)); /* one's own writes are seen at once */
        CHECK_STR(row.external_ref, mine.external_ref);
        CHECK_OK(jb_live_version(turn, &version));
        jb_scope_end(turn);
    }
    jb_scope_end(scope);
}

JB_TEST("several loops read and write at once, each seeing its own writes")
{
    struct jb_db *db = test_database(scope, sample_models);
    sample_entries(scope, 200);
    jb_loop_run_threads(3, mixed, db);
    CHECK_INT(jb_count(scope, &sample_entry, .limit = 0), 500);
}

JB_TEST("all reads go to threads when that is asked for")
{
    struct sample_entry row;
    size_t done;
    struct jb_db *db = test_database_open(scope, sample_models, test_folder(scope), (struct jb_db_options){ .reads_on_threads = true, .reader_threads = 3 });
    CHECK_OK(jb_migrate(scope, &done));
    sample_entries(scope, 200);
    jb_loop_run_threads(2, mixed, db);
    CHECK_OK(jb_get(scope, &sample_entry, 7, &row));
    CHECK_STR(row.external_ref, JB_STR("E-000007"));
}

/* ---- the loop's other fibers -------------------------------------------------------------------------------------------------------- */

struct locked {
    struct jb_db *db;
    sqlite3 *other;
    bool let_go, asked;
    int64_t version;
};

static void let_go(void *arg)
{
    struct locked *locked = arg;
    locked->let_go = sqlite3_exec(locked->other, "commit", NULL, NULL, NULL) == SQLITE_OK;
}

/* Another file in its place, whose lock somebody else holds: what a connection meets that is opened while another process recovers. */
static void lock_away(struct jb_scope *scope, struct jb__file *file, struct locked *locked)
{
    CHECK(rename(file->path, jb_format(scope, "%s.before", file->path).data) == 0);
    CHECK_INT(sqlite3_open(file->path, &locked->other), SQLITE_OK);
    CHECK_INT(sqlite3_exec(locked->other, "create table found (n); insert into found values (7); begin exclusive", NULL, NULL, NULL), SQLITE_OK);
    jb_fiber_start("let go", let_go, locked);
}

JB_FIBER_TEST("a connection that waits for a lock while it is opened lets other fibers run")
{
    struct jb_db *db = test_database_open(scope, sample_models, test_folder(scope), (struct jb_db_options){ 0 });
    struct locked locked = { 0 };
    int64_t number = 0;
    lock_away(scope, &jb__sqlite_of(db)->files[0], &locked);
    struct jb_scope *reading = jb_scope_child(scope, "reading");
    jb_deadline_set(reading, jb_monotonic_us() + 5 * JB_SECOND_US);
    bool ok = jb_query_int(reading, JB_SQL("select n from found limit 1"), &number);
    sqlite3_close(locked.other);
    CHECK(locked.let_go);
    CHECK(ok);
    CHECK_INT(number, 7);
    jb_scope_end(reading);
}

static void ask_beside(void *arg)
{
    struct locked *locked = arg;
    struct jb_scope *scope = jb_scope_new("beside");
    jb_db_use(scope, locked->db);
    locked->asked = jb_live_version(scope, &locked->version);
    jb_scope_end(scope);
}

JB_FIBER_TEST("asking for the live file's version waits likewise, and several fibers may ask at once")
{
    struct jb_db *db = test_database_open(scope, sample_models, test_folder(scope), (struct jb_db_options){ 0 });
    struct locked locked = { .db = db };
    int64_t version = 0;
    jb_fiber_start("beside", ask_beside, &locked);
    lock_away(scope, &jb__sqlite_of(db)->files[1], &locked);
    struct jb_scope *asking = jb_scope_child(scope, "asking");
    jb_deadline_set(asking, jb_monotonic_us() + 5 * JB_SECOND_US);
    bool ok = jb_live_version(asking, &version);
    CHECK(locked.let_go);
    CHECK(ok);
    while (!locked.asked)
        CHECK_OK(jb_sleep(asking, 1000));
    CHECK_INT(locked.version, version);
    sqlite3_close(locked.other);
    jb_scope_end(asking);
}

static void note_stall(struct jb_str sql, int64_t us, void *arg)
{
    char *noted = arg;
    CHECK(us >= 0);
    snprintf(noted + strlen(noted), 1000 - strlen(noted), "%.*s;", JB_FMT(sql));
}

static void read_here_and_there(struct jb_scope *scope, double stall_s, char *noted)
{
    struct jb_db_options options = { .stalled = note_stall, .stalled_arg = noted, .stall_s = stall_s };
    int64_t number;
    test_database_open(scope, sample_models, test_folder(scope), options);
    CHECK_OK(jb_query_int(scope, JB_SQL("select ? limit 1", 4711), &number));
    CHECK_OK(jb_query_int(scope, JB_SQL("select count(*) from sqlite_schema"), &number)); /* on a reader thread */
    CHECK_OK(jb_exec(scope, JB_SQL("create table written (n)"), NULL));                   /* on the writer's */
}

JB_FIBER_TEST("a read that holds the loop too long is told of, without its values")
{
    char noted[1000] = "";
    read_here_and_there(scope, 1e-9, noted);
    CHECK_TEXT(jb_str_of(noted), "select ? limit 1;");
}

JB_FIBER_TEST("a read that does not hold the loop too long is nothing to tell")
{
    char noted[1000] = "";
    read_here_and_there(scope, 1e6, noted);
    CHECK_TEXT(jb_str_of(noted), "");
}

static void hold_for_ms(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    jb_clock_advance_us(sqlite3_value_int64(values[0]) * 1000);
    sqlite3_result_int(context, 1);
}

static void take_a_second(void *arg)
{
    bool *read = arg;
    do {
        jb_clock_advance_us(JB_SECOND_US);
        jb_yield();
    } while (!*read);
}

JB_FIBER_TEST("a hold is 10 ms in one go, and other fibers' time is none")
{
    char noted[1000] = "";
    int64_t number;
    static bool read;
    struct jb_db *db = test_database_open(scope, sample_models, test_folder(scope), (struct jb_db_options){ .stalled = note_stall, .stalled_arg = noted });
    struct jb__connection *connection = jb__reader_take(&jb__sqlite_of(db)->files[0], scope);
    CHECK_INT(sqlite3_create_function(connection->handle, "hold", 1, SQLITE_UTF8, NULL, hold_for_ms, NULL, NULL), SQLITE_OK);
    jb__reader_give(connection);
    jb_clock_hold(jb_now());
    CHECK_OK(jb_query_int(scope, JB_SQL("select hold(9) limit 1"), &number));
    CHECK_OK(jb_query_int(scope, JB_SQL("select hold(10) limit 1"), &number));
    jb_fiber_start("beside", take_a_second, &read);
    int64_t before_us = jb_monotonic_us();
    CHECK_OK(jb_query_int(scope, JB_SQL("with recursive n(i) as (select 1 union all select i + 1 from n where i < 10000) select i from n where i = 10000 limit 1"), &number));
    CHECK(jb_monotonic_us() - before_us >= JB_SECOND_US);
    read = true;
    jb_clock_release();
    CHECK_TEXT(jb_str_of(noted), "select hold(10) limit 1;");
}

/* ---- a broken world ---------------------------------------------------------------------------------------------------------------- */

static bool opens(struct jb_scope *scope, const char *url)
{
    struct jb_db *db = jb_db_open(scope, &(struct jb_db_options){ .url = jb_str_of(url), .models = sample_models });
    jb_db_close(db);
    return db != NULL;
}

JB_FIBER_TEST("a file that cannot be opened is named with the reason")
{
    const char *folder = test_folder(scope);
    CHECK_FAILS(opens(scope, "mysql://x"), JB_INVALID);
    CHECK_FAILS(opens(scope, "sqlite:///"), JB_INVALID);
    CHECK(!opens(scope, jb_format(scope, "sqlite:///%s/none/a.db", folder).data));
    CHECK_INT(jb_error(scope), JB_UNAVAILABLE);
    CHECK(jb_str_find(jb_failure_text(scope), JB_STR("/none/a.db"), 0) != SIZE_MAX);
    jb_failure_clear(scope);
    CHECK(mkdir(jb_format(scope, "%s/b.db", folder).data, 0700) == 0);
    CHECK_FAILS(opens(scope, jb_format(scope, "sqlite:///%s/b.db", folder).data), JB_UNAVAILABLE);
    CHECK_OK(opens(scope, jb_format(scope, "sqlite:///%s/c", folder).data));
    CHECK(access(jb_format(scope, "%s/c-live", folder).data, F_OK) == 0);
}

JB_FIBER_TEST("a file that is no database is BROKEN, not overwritten")
{
    struct jb_str path = jb_format(scope, "%s/test.db", test_folder(scope));
    char text[4096] = "this is a diary, not a database";
    int fd = open(path.data, O_WRONLY | O_CREAT, 0600);
    CHECK(write(fd, text, sizeof text) == sizeof text);
    close(fd);
    CHECK_FAILS(opens(scope, jb_format(scope, "sqlite:///%s", path.data).data), JB_BROKEN);
    fd = open(path.data, O_RDONLY);
    CHECK(read(fd, text, sizeof text) == sizeof text);
    close(fd);
    CHECK_TEXT(jb_str_of(text), "this is a diary, not a database");
}

static bool no_room(sqlite3 *connection, void *scope)
{
    return jb__sqlite_exec(scope, connection, "pragma max_page_count = 1"); /* SQLite takes the present size instead */
}
static bool room(sqlite3 *connection, void *scope)
{
    return jb__sqlite_exec(scope, connection, "pragma max_page_count = 1000000");
}

JB_FIBER_TEST("a full disk is UNAVAILABLE, loses the transaction, and passes")
{
    struct jb_db *db = test_database(scope, sample_models);
    char *big = jb_alloc(scope, 900001);
    struct sample_entry entry = sample_entry_of("big", 1), small = sample_entry_of("small", 1);
    memset(big, 'x', 900000);
    entry.memo = (struct jb_str){ big, 900000 };
    CHECK_OK(jb__writer_call(db, false, no_room, scope, scope));
    CHECK_FAILS(jb_insert(scope, &sample_entry, &entry), JB_UNAVAILABLE);
    struct jb_tx *tx = jb_begin(scope);
    CHECK_FAILS(jb_insert(scope, &sample_entry, &entry), JB_UNAVAILABLE);
    CHECK_FAILS(jb_insert(scope, &sample_entry, &small), JB_UNAVAILABLE);
    CHECK_FAILS(jb_commit(tx), JB_UNAVAILABLE);
    CHECK_OK(jb__writer_call(db, false, room, scope, scope));
    CHECK_OK(jb_insert(scope, &sample_entry, &entry));
    CHECK_INT(jb_count(scope, &sample_entry, .limit = 0), 1);
}

JB_FIBER_TEST("the log is emptied when the writer is idle")
{
    struct jb_db *db = test_database(scope, sample_models);
    struct jb__file *file = &jb__sqlite_of(db)->files[0];
    struct stat log;
    sample_entries(scope, 40000);
    CHECK(stat(jb_format(scope, "%s-wal", file->path).data, &log) == 0 && log.st_size > 1000 * 4096);
    while (atomic_load(&file->wal_pages) != 0)
        CHECK_OK(jb_sleep(scope, 1000));
    CHECK_OK(jb_db_ping(scope));
}

struct next {
    struct jb_db *db;
    bool enough, ended;
};

/* Gets the writer when another transaction ends, so that it is not idle in between, and keeps it. */
static void write_next(void *arg)
{
    struct next *next = arg;
    struct jb_scope *scope = jb_scope_new("next");
    jb_db_use(scope, next->db);
    struct jb_tx *tx = jb_begin(scope);
    CHECK_OK(tx != NULL);
    jb_fiber_allow_wait(true);
    while (!next->enough)
        CHECK_OK(jb_sleep(scope, 1000));
    jb_fiber_allow_wait(false);
    jb_rollback(tx);
    jb_scope_end(scope);
    next->ended = true;
}

JB_FIBER_TEST("a long log is emptied also while the writer is never idle")
{
    struct next next = { .db = test_database(scope, sample_models) };
    struct jb__file *file = &jb__sqlite_of(next.db)->files[0];
    file->sqlite->checkpoint_pages = 1000;
    struct jb_tx *tx = jb_begin(scope);
    CHECK_OK(tx != NULL);
    jb_fiber_start("next", write_next, &next);
    sample_entries(scope, 40000);
    CHECK_OK(jb_commit(tx));
    CHECK(!jb__gate_idle(&file->writers));
    while (atomic_load(&file->wal_pages) != 0)
        CHECK_OK(jb_sleep(scope, 1000));
    CHECK(!jb__gate_idle(&file->writers));
    next.enough = true;
    while (!next.ended)
        CHECK_OK(jb_sleep(scope, 1000));
}

static int64_t size_of(const char *path)
{
    struct stat info;
    CHECK(stat(path, &info) == 0);
    return info.st_size;
}

JB_FIBER_TEST("nobody who writes empties the log, until it is far too long")
{
    struct jb_db *db = test_database_open(scope, sample_models, test_folder(scope), (struct jb_db_options){ 0 });
    struct jb__file *file = &jb__sqlite_of(db)->files[0];
    size_t done;
    int64_t before = size_of(file->path);
    CHECK_INT(before, 4096); /* the commits of opening stand in the log */
    jb__checkpointer_stop(file->sqlite);
    file->sqlite->checkpoint_pages = 1;
    CHECK_OK(jb_migrate(scope, &done));
    sample_entries(scope, 1000);
    CHECK_INT(size_of(file->path), before);
    file->sqlite->log_pages_max = 1;
    sample_entries_more(scope, 1001, 1);
    CHECK(size_of(file->path) > before);
}

JB_FIBER_TEST("work is counted: queries, time and rows, up to the parent")
{
    test_database(scope, sample_models);
    sample_entries(scope, 100);
    struct jb_counters before = *jb_counters(scope);
    struct jb_scope *child = jb_scope_child(scope, "child");
    CHECK_OK(jb_select(child, &sample_entry, .limit = 30) != NULL);
    CHECK_INT(jb_counters(child)->queries, 1);
    CHECK_INT(jb_counters(child)->rows, 30);
    jb_scope_end(child);
    CHECK_INT(jb_counters(scope)->rows - before.rows, 30);
    CHECK_INT(jb_counters(scope)->queries - before.queries, 1);
}

/* ---- abandoned fibers -------------------------------------------------------------------------------------------------------------- */

static void insert(struct jb_scope *scope, const char *ref)
{
    struct sample_entry entry = sample_entry_of(ref, 1);
    CHECK_OK(jb_insert(scope, &sample_entry, &entry));
}

struct left {
    struct jb_db *db;
    struct jb_scope *scope;
    bool begun;
};

/* With a transaction on each file and a cursor; waits as the store itself does, for something that never comes. */
static void stay_inside(void *arg)
{
    struct left *left = arg;
    struct jb_scope *scope = left->scope;
    const void *row;
    jb_db_use(scope, left->db);
    struct jb_cursor *cursor = jb_cursor_open(scope, &sample_entry, &(struct jb_select){ 0 });
    CHECK_OK(cursor && jb_cursor_next(cursor, scope, &row));
    CHECK_OK(jb_begin(scope) != NULL);
    insert(scope, "given up");
    CHECK_OK(jb_begin_live(scope) != NULL);
    left->begun = true;
    jb_fiber_allow_wait(true);
    jb_park(NULL, JB_NEVER);
}

static void leave_inside(void *arg)
{
    struct left *left = arg;
    jb_fiber_start("inside", stay_inside, left);
    while (!left->begun)
        jb_yield();
}

JB_TEST("closing gives up the transactions and cursors of fibers that were abandoned")
{
    const char *folder = test_folder(scope);
    static struct left left;
    size_t done;
    struct jb_db *db = jb_db_open(scope, &(struct jb_db_options){ .url = jb_format(scope, "sqlite:///%s/test.db", folder), .models = sample_models });
    CHECK_OK(db != NULL);
    jb_db_use(scope, db);
    CHECK_OK(jb_migrate(scope, &done));
    insert(scope, "kept");
    left = (struct left){ .db = db, .scope = jb_scope_new("inside") };
    jb_loop_run(leave_inside, &left);
    jb_db_close(db);
    test_database_open(scope, sample_models, folder, (struct jb_db_options){ 0 });
    CHECK_INT(jb_count(scope, &sample_entry, .offset = 0), 1);
    insert(scope, "after");
}
