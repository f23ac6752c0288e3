/* test_sqlite_tx.c — one writer per file: who waits for it, and in which order. */
// SPDX-License-Identifier: Apache-2.0
#include "tx_test.h"
#include "store/sqlite_private.h"
#include <signal.h>
#include <sys/wait.h>

JB_FIBER_TEST("who waits for the writer past his deadline fails TIMEOUT and leaves the queue")
{
    test_database(scope, sample_models);
    struct jb_scope *holder = jb_scope_child(scope, "holder"), *waiter = jb_scope_child(scope, "waiter");
    struct jb_tx *tx = jb_begin(holder);
    jb_fiber_forbid_waits(false); /* this test plays two people on one fiber */
    struct sample_entry entry = sample_entry_of("late", 1);
    deadline_in(waiter, 20000);
    CHECK(!jb_insert(waiter, &sample_entry, &entry));
    CHECK_INT(jb_error(waiter), JB_TIMEOUT);
    jb_scope_end(waiter);
    jb_fiber_forbid_waits(true);
    CHECK_OK(jb_commit(tx));
    jb_scope_end(holder);
    add(scope, "after");
    CHECK_INT(entries(scope), 1);
}

struct contest {
    struct jb_db *db;
    struct jb_channel *done;
    int order[3], count;
};
static void contestant(struct contest *contest, int number)
{
    struct jb_scope *scope = jb_scope_new("contestant");
    jb_db_use(scope, contest->db);
    struct jb_tx *tx = jb_begin(scope);
    CHECK_OK(tx != NULL);
    contest->order[contest->count++] = number;
    CHECK_OK(jb_commit(tx));
    jb_scope_end(scope);
    CHECK(jb_channel_try_send(contest->done, contest));
}
static void first(void *arg)
{
    contestant(arg, 1);
}
static void second(void *arg)
{
    contestant(arg, 2);
}
static void third(void *arg)
{
    contestant(arg, 3);
}

JB_FIBER_TEST("writers get their turn in the order they asked")
{
    struct contest contest = { .db = test_database(scope, sample_models), .done = jb_channel_new(3) };
    struct jb_tx *tx = jb_begin(scope);
    jb_fiber_start("first", first, &contest);
    jb_fiber_start("second", second, &contest);
    jb_fiber_start("third", third, &contest);
    jb_fiber_allow_wait(true);
    jb_yield();
    jb_yield();
    jb_fiber_allow_wait(false);
    CHECK_INT(contest.count, 0);
    CHECK_OK(jb_commit(tx));
    void *item;
    for (int i = 0; i < 3; i++)
        CHECK_OK(jb_channel_receive(contest.done, scope, &item));
    CHECK_INT(contest.order[0], 1);
    CHECK_INT(contest.order[1], 2);
    CHECK_INT(contest.order[2], 3);
    jb_channel_free(contest.done);
}

/* Holds the writer for a while, counts, and begins again at once after each commit, as an import in small batches does. */
static bool greedy_batches(sqlite3 *connection, void *arg)
{
    const struct other *other = ((void **)arg)[0];
    struct jb_scope *scope = ((void **)arg)[1];

    for (int i = 0; true; i++) {
        CHECK_OK(jb__sqlite_begin(jb_db_of(scope), false, scope));
        CHECK_OK(jb__sqlite_exec(scope, connection, "update projects set name = name + 1 where (with recursive n(i) as (select 1 union all select i + 1 from n where i < 50000) select count(*) from n) > 0"));
        CHECK_OK(jb__sqlite_end(jb_db_of(scope), false, scope, true));
        if (i == 10)
            CHECK(write(other->ready[1], "x", 1) == 1);
    }
    return true;
}

static void greedy(struct jb_scope *scope, const struct other *other)
{
    CHECK_OK(jb__writer_call(jb_db_of(scope), false, greedy_batches, (const void *[]){ other, scope }, scope));
}

#define MODEST_TURNS 50

static void take_turns(void *arg)
{
    struct other *other = arg;
    struct jb_scope *scope = jb_scope_new("modest");
    test_database_open(scope, sample_models, other->folder, (struct jb_db_options){ 0 });
    int64_t before = counter(scope);
    deadline_in(scope, 60 * JB_SECOND_US);
    for (int i = 0; i < MODEST_TURNS; i++)
        CHECK_OK(jb_exec(scope, JB_SQL("update projects set code = code"), NULL));
    int64_t others_turns = counter(scope) - before;
    CHECK(others_turns > 0);
    CHECK(others_turns <= 3 * MODEST_TURNS); /* turn and turn about, not whoever is quicker */
    jb_scope_end(scope);
}

JB_TEST("a process that writes without pause does not starve another")
{
    const char *folder = test_folder(scope);
    struct other other = { .folder = folder, .run = greedy };
    char ready;
    jb_loop_run(make_tables, (void *)folder);
    pid_t child = fork_other(&other);
    CHECK(read(other.ready[0], &ready, 1) == 1);
    jb_loop_run(take_turns, &other);
    CHECK(kill(child, SIGKILL) == 0);
    CHECK(waitpid(child, NULL, 0) == child);
}
