/* test_postgres_shared.c — the pipelined connection that the short reads of a loop share. */
// SPDX-License-Identifier: Apache-2.0
#include "store_test.h"
#include "run/run.h"
#include "store/postgres_private.h"

#define FIBERS 40
/* Waits until it is so, for as long as it takes. */
#define WAIT_FOR_SHARED(condition) \
    while (!(condition))           \
    CHECK(jb_sleep(scope, 100000))

struct reader {
    struct jb_scope *scope;
    int number, *running;
    void (*read)(struct reader *reader);
    int64_t got;
    enum jb_error error;
};

static void read_on_fiber(void *arg)
{
    struct reader *reader = arg;
    reader->read(reader);
    reader->error = jb_error(reader->scope);
    --*reader->running;
}

/* Each reader on a fiber of its own; returns when all have ended. */
static struct reader *read_all(struct jb_scope *scope, void (*read)(struct reader *reader))
{
    struct reader *readers = JB_NEW_ARRAY(scope, struct reader, FIBERS);
    int running = FIBERS;

    for (int i = 0; i < FIBERS; i++) {
        readers[i] = (struct reader){ .scope = jb_scope_child(scope, "reader"), .number = i, .running = &running, .read = read };
        jb_fiber_start("reader", read_on_fiber, &readers[i]);
    }
    while (running > 0)
        CHECK(jb_sleep(scope, 1000));
    for (int i = 0; i < FIBERS; i++)
        jb_scope_end(readers[i].scope);
    return readers;
}

static struct jb__pg_server *primary(struct jb_scope *scope)
{
    return &jb__pg_of(jb_db_of(scope))->primary;
}

static int64_t connections(struct jb_scope *scope)
{
    int64_t count;
    CHECK_OK(jb_query_int(scope, JB_SQL("select count(*) from pg_stat_activity where datname = current_database()"), &count));
    return count;
}

static void open_entries(struct jb_scope *scope, struct jb_db_options options)
{
    size_t done;
    test_database_open(scope, sample_models, test_folder(scope), options);
    CHECK_OK(jb_migrate(scope, &done));
    sample_entries(scope, 100);
}

static void read_one(struct reader *reader)
{
    for (int round = 0; round < 20; round++) {
        struct sample_entry entry;
        int64_t id = 1 + (reader->number + round) % 100;
        if (!jb_get(reader->scope, &sample_entry, id, &entry))
            return;
        reader->got += entry.id == id;
    }
}

/* The shared session alone is read-only. */
static bool is_shared(struct jb_scope *scope, int number)
{
    int64_t count;
    CHECK_OK(jb_query_int(scope, JB_SQL("select count(*) from sample_entry where id = ? and current_setting('default_transaction_read_only') = 'on'", number), &count));
    return count == 1;
}

static void read_where(struct reader *reader)
{
    for (int round = 0; round < 20; round++)
        reader->got += is_shared(reader->scope, 1 + round);
}

JB_FIBER_TEST("short reads of many fibers share one connection")
{
    open_entries(scope, (struct jb_db_options){ 0 });
    struct reader *readers = read_all(scope, read_one);
    for (int i = 0; i < FIBERS; i++) {
        CHECK_INT(readers[i].error, JB_OK);
        CHECK_INT(readers[i].got, 20);
    }
    CHECK(primary(scope)->shared[0] != NULL);
    CHECK(connections(scope) <= 20);
    CHECK(is_shared(scope, 1)); /* it is prepared there now */
    readers = read_all(scope, read_where);
    for (int i = 0; i < FIBERS; i++)
        CHECK_INT(readers[i].got, 20);
}

static void read_or_fail(struct reader *reader)
{
    for (int round = 0; round < 20; round++) {
        int64_t number;
        bool wrong = reader->number % 4 == 0;
        bool ok = wrong ? jb_query_int(reader->scope, JB_SQL("select 1 / ?", 0), &number) : jb_query_int(reader->scope, JB_SQL("select id from sample_entry where id = ?", reader->number), &number);
        if (ok == wrong || (ok && number != reader->number))
            return;
        if (wrong)
            jb_failure_clear(reader->scope);
        reader->got++;
    }
}

JB_FIBER_TEST("a read that fails fails alone")
{
    open_entries(scope, (struct jb_db_options){ 0 });
    read_all(scope, read_one);
    struct reader *readers = read_all(scope, read_or_fail);
    for (int i = 0; i < FIBERS; i++)
        CHECK_INT(readers[i].got, 20);
}

static void read_slowly(struct reader *reader)
{
    int64_t number;
    if (reader->number == 0)
        reader->got = jb_query_int(reader->scope, JB_SQL("select count(*) from pg_sleep(0.3)"), &number) && number == 1;
    else
        read_one(reader);
}

JB_FIBER_TEST("a read that takes too long for the shared connection is asked again on one of its own")
{
    open_entries(scope, (struct jb_db_options){ .shared_read_ms = 20 });
    read_all(scope, read_one);
    struct reader *readers = read_all(scope, read_slowly);
    for (int i = 0; i < FIBERS; i++) {
        CHECK_INT(readers[i].error, JB_OK);
        CHECK_INT(readers[i].got, i == 0 ? 1 : 20);
    }
}

static PGconn *holder; /* of a lock that others wait for */
static int waiting;

/* Half of them wait for the lock until their time is over; then it is free, and the others' questions behind theirs are answered. */
static void read_impatiently(struct reader *reader)
{
    int64_t number;

    if (reader->number % 2 == 0) {
        read_one(reader);
        return;
    }
    jb_deadline_set(reader->scope, jb_monotonic_us() + 20000);
    reader->got = !jb_query_int(reader->scope, JB_SQL("select count(*) from pg_advisory_lock_shared(7)"), &number);
    if (--waiting == 0)
        PQfinish(holder);
}

JB_FIBER_TEST("a reader whose time is over leaves, and the others get their own answers")
{
    open_entries(scope, (struct jb_db_options){ .shared_read_ms = 10000 });
    read_all(scope, read_one);
    holder = PQconnectdb(primary(scope)->url);
    PGresult *result = PQexec(holder, "select pg_advisory_lock(7)");
    CHECK(PQresultStatus(result) == PGRES_TUPLES_OK);
    PQclear(result);
    waiting = FIBERS / 2;
    struct reader *readers = read_all(scope, read_impatiently);
    for (int i = 0; i < FIBERS; i++) {
        CHECK_INT(readers[i].error, i % 2 ? JB_TIMEOUT : JB_OK);
        CHECK_INT(readers[i].got, i % 2 ? 1 : 20);
    }
}

static void read_or_kill(struct reader *reader)
{
    int64_t killed;
    if (reader->number == 20)
        reader->got = 20 * jb_query_int(reader->scope, JB_SQL("select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"), &killed);
    else
        read_one(reader);
}

JB_FIBER_TEST("reads go on when the server ends their connections")
{
    open_entries(scope, (struct jb_db_options){ 0 });
    read_all(scope, read_one);
    for (int times = 0; times < 3; times++) {
        struct reader *readers = read_all(scope, read_or_kill);
        for (int i = 0; i < FIBERS; i++)
            if (i != 20 || readers[i].error != JB_UNAVAILABLE) { /* the killer may be on the list of another's */
                CHECK_INT(readers[i].error, JB_OK);
                CHECK_INT(readers[i].got, 20);
            }
    }
}

/* Ends the sessions of this database that `which` names, and returns when they have ended: the loop has not turned meanwhile. */
static void end_sessions(struct jb_scope *scope, const char *which)
{
    PGconn *handle = PQconnectdb(primary(scope)->url);
    struct jb_str sql = jb_format(scope, "select count(pg_terminate_backend(pid, 10000)) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and %s", which);
    PGresult *result = PQexec(handle, sql.data);
    CHECK(PQresultStatus(result) == PGRES_TUPLES_OK && atoi(PQgetvalue(result, 0, 0)) > 0);
    PQclear(result);
    PQfinish(handle);
}

JB_FIBER_TEST("a new statement for a shared connection that has just ended is asked on another one")
{
    open_entries(scope, (struct jb_db_options){ 0 });
    read_all(scope, read_one);
    CHECK(is_shared(scope, 1));
    CHECK(is_shared(scope, 1));
    end_sessions(scope, "backend_type = 'client backend'");
    int64_t number;
    CHECK_OK(jb_query_int(scope, JB_SQL("select 1 + ?", 1), &number));
    CHECK_INT(number, 2);
}

static void read_slowly_or_end(struct reader *reader)
{
    struct jb_scope *scope = reader->scope;
    int64_t number = 0;

    if (reader->number > 1)
        return;
    if (reader->number == 0) {
        reader->got = jb_query_int(scope, JB_SQL("select count(*) from pg_sleep(1)"), &number) && number == 1;
        return;
    }
    struct jb_tx *tx = jb_begin(scope);
    CHECK_OK(tx != NULL);
    while (number == 0 && *reader->running > 1)
        CHECK_OK(jb_query_int(scope, JB_SQL("select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and query like '%pg_sleep(1)%' and state = 'active'"), &number));
    jb_rollback(tx);
}

JB_FIBER_TEST("a read during which the server ends the shared connection is asked again")
{
    open_entries(scope, (struct jb_db_options){ .shared_read_ms = 10000 });
    read_all(scope, read_one);
    struct reader *readers = read_all(scope, read_slowly_or_end);
    CHECK_INT(readers[0].error, JB_OK);
    CHECK_INT(readers[0].got, 1);
}

#define LONG_TEXT ((size_t)1 << 20)

/* Half of them fill the socket, the others ask while it is full. */
static void read_much(struct reader *reader)
{
    int64_t number = 0;

    jb_deadline_set(reader->scope, jb_monotonic_us() + 10 * JB_SECOND_US);
    if (reader->number % 2 == 0) {
        char *text = jb_alloc(reader->scope, LONG_TEXT);
        memset(text, 'x', LONG_TEXT);
        reader->got = jb_query_int(reader->scope, JB_SQL("select length(?::text)", ((struct jb_str){ text, LONG_TEXT })), &number) && number == (int64_t)LONG_TEXT;
    } else if (jb_sleep(reader->scope, 2000)) {
        reader->got = jb_query_int(reader->scope, JB_SQL("select id from sample_entry where id = ?", reader->number), &number) && number == reader->number;
    }
}

static void prepare_both(struct reader *reader)
{
    int64_t number;
    if (reader->number < 4) {
        jb_query_int(reader->scope, JB_SQL("select length(?::text)", JB_STR("x")), &number);
        jb_query_int(reader->scope, JB_SQL("select id from sample_entry where id = ?", 1), &number);
    }
}

JB_FIBER_TEST("who asks while much is being sent gets his answer too")
{
    open_entries(scope, (struct jb_db_options){ .shared_read_ms = 30000 });
    read_all(scope, prepare_both);
    read_all(scope, prepare_both);
    struct reader *readers = read_all(scope, read_much);
    for (int i = 0; i < FIBERS; i++) {
        CHECK_INT(readers[i].error, JB_OK);
        CHECK_INT(readers[i].got, 1);
    }
}

static int64_t shared_reads(struct jb_scope *scope)
{
    struct reader *readers = read_all(scope, read_where);
    int64_t shared = 0;
    for (int i = 0; i < FIBERS; i++)
        shared += readers[i].got;
    return shared;
}

JB_FIBER_TEST("a statement that met a lock comes back to the shared connection")
{
    open_entries(scope, (struct jb_db_options){ 0 });
    WAIT_FOR_SHARED(shared_reads(scope) == FIBERS * 20);
    PGconn *locker = PQconnectdb(primary(scope)->url);
    PQclear(PQexec(locker, "begin; lock table sample_entry"));
    struct jb_scope *one = jb_scope_child(scope, "one");
    int64_t count;
    jb_deadline_set(one, jb_monotonic_us() + 600000);
    CHECK(!jb_query_int(one, JB_SQL("select count(*) from sample_entry where id = ? and current_setting('default_transaction_read_only') = 'on'", 1), &count));
    jb_scope_end(one);
    PQclear(PQexec(locker, "commit"));
    PQfinish(locker);
    WAIT_FOR_SHARED(shared_reads(scope) == FIBERS * 20);
}

static PGconn *table_locker;

/* The shared session alone is read-only: 1 there, 0 elsewhere. */
static bool ask_what_is_new(struct jb_scope *scope, int64_t *ret_number)
{
    return jb_query_int(scope, JB_SQL("select max(id) from sample_entry where id = ? and current_setting('default_transaction_read_only') = 'on' union all select 0 order by 1 desc nulls last limit 1", 1), ret_number);
}

/* Whether a session has been waiting for the table for so long that it is not the shared one, which gives up after 0.1 s. */
static bool waits_of_its_own(void)
{
    PGresult *result = PQexec(table_locker, "select 1 from pg_locks where relation = 'sample_entry'::regclass and not granted and waitstart < clock_timestamp() - interval '3 seconds'");
    CHECK(PQresultStatus(result) == PGRES_TUPLES_OK);
    bool waits = PQntuples(result) > 0;
    PQclear(result);
    return waits;
}

/* One asks what nobody asked before; the other frees the table when the question waits elsewhere. */
static void read_what_is_new(struct reader *reader)
{
    int64_t number = 0;

    if (reader->number == 0)
        reader->got = ask_what_is_new(reader->scope, &number) && number == 0;
    if (reader->number != 1)
        return;
    while (*reader->running > 1 && !waits_of_its_own())
        CHECK(jb_sleep(reader->scope, 100000));
    PQclear(PQexec(table_locker, "commit"));
}

JB_FIBER_TEST("a statement that meets a lock while it is prepared on the shared connection is asked on one of its own, and comes back later")
{
    open_entries(scope, (struct jb_db_options){ 0 });
    WAIT_FOR_SHARED(shared_reads(scope) > 0);
    table_locker = PQconnectdb(primary(scope)->url);
    PQclear(PQexec(table_locker, "begin; lock table sample_entry"));
    struct reader *readers = read_all(scope, read_what_is_new);
    CHECK_INT(readers[0].error, JB_OK);
    CHECK_INT(readers[0].got, 1);
    PQfinish(table_locker);
    int64_t number = 0;
    WAIT_FOR_SHARED(shared_reads(scope) > 0 && ask_what_is_new(scope, &number) && number == 1); /* others read, so that it is opened again if it was lost */
}
