/* test_tx.c — transactions: what is kept, what is undone, who waits for whom. */
// SPDX-License-Identifier: Apache-2.0
#include "tx_test.h"
#include <signal.h>
#include <sys/wait.h>

JB_FIBER_TEST("what is written in a transaction is seen inside at once and outside after the commit")
{
    test_database(scope, sample_models);
    struct jb_scope *inside = jb_scope_child(scope, "inside");
    struct jb_tx *tx = jb_begin(inside);
    CHECK_OK(tx != NULL);
    add(inside, "a");
    CHECK_INT(entries(inside), 1);
    CHECK_INT(entries(scope), 0); /* the outer scope began no transaction */
    CHECK(jb_in_transaction(inside));
    CHECK(!jb_in_transaction(scope));
    CHECK_OK(jb_commit(tx));
    CHECK(!jb_in_transaction(inside));
    CHECK_INT(entries(scope), 1);
    jb_scope_end(inside);
}

JB_FIBER_TEST("a scope that ends without a commit has rolled back")
{
    test_database(scope, sample_models);
    struct jb_scope *inside = jb_scope_child(scope, "inside");
    CHECK_OK(jb_begin(inside) != NULL);
    add(inside, "a");
    jb_scope_end(inside);
    CHECK_INT(entries(scope), 0);
    add(scope, "b"); /* and the writer is free */
    CHECK_INT(entries(scope), 1);
}

JB_FIBER_TEST("children of a scope take part in its transaction")
{
    test_database(scope, sample_models);
    struct jb_tx *tx = jb_begin(scope);
    struct jb_scope *child = jb_scope_child(scope, "child");
    add(child, "a");
    jb_scope_end(child);
    CHECK_INT(entries(scope), 1);
    jb_rollback(tx);
    CHECK_INT(entries(scope), 0);
}

JB_FIBER_TEST("a transaction inside another is undone alone, or with the outer one")
{
    test_database(scope, sample_models);
    struct jb_tx *outer = jb_begin(scope);
    add(scope, "a");
    struct jb_tx *inner = jb_begin(scope);
    add(scope, "b");
    jb_rollback(inner);
    inner = jb_begin(scope);
    add(scope, "c");
    CHECK_OK(jb_commit(inner));
    CHECK_INT(entries(scope), 2);
    CHECK_OK(jb_commit(outer));
    CHECK_INT(entries(scope), 2);
    outer = jb_begin(scope);
    inner = jb_begin(scope);
    add(scope, "d");
    CHECK_OK(jb_commit(inner));
    CHECK_OK(jb_begin(scope) != NULL); /* left open: goes with the outer one */
    jb_rollback(outer);
    CHECK_INT(entries(scope), 2);
    CHECK(!jb_in_transaction(scope));
    jb_yield(); /* the fiber may wait again */
}

static int hook_calls;
static void hook(struct jb_scope *scope, void *arg)
{
    CHECK(!jb_in_transaction(scope));
    hook_calls = hook_calls * 10 + *(int *)arg;
}

JB_FIBER_TEST("what waits for the commit runs after the outermost one, in order, and never after a rollback")
{
    test_database(scope, sample_models);
    int one = 1, two = 2, three = 3, four = 4;
    struct jb_tx *outer = jb_begin(scope);
    jb_after_commit(scope, hook, &one);
    struct jb_tx *inner = jb_begin(scope);
    jb_after_commit(scope, hook, &two);
    jb_rollback(inner);
    inner = jb_begin(scope);
    jb_after_commit(scope, hook, &three);
    CHECK_OK(jb_commit(inner));
    jb_after_commit(scope, hook, &four);
    CHECK_INT(hook_calls, 0);
    CHECK_OK(jb_commit(outer));
    CHECK_INT(hook_calls, 134);
    jb_after_commit(scope, hook, &two); /* outside a transaction at once */
    CHECK_INT(hook_calls, 1342);
    outer = jb_begin(scope);
    jb_after_commit(scope, hook, &one);
    jb_rollback(outer);
    CHECK_INT(hook_calls, 1342);
}

static void count_hook(struct jb_scope *scope, void *arg)
{
    (void)scope;
    ++*(int *)arg;
}

JB_FIBER_TEST("as many things as one likes may wait for one commit")
{
    test_database(scope, sample_models);
    int calls = 0;
    struct jb_tx *tx = jb_begin(scope);
    for (int i = 0; i < 100000; i++)
        jb_after_commit(scope, count_hook, &calls);
    CHECK_OK(jb_commit(tx));
    CHECK_INT(calls, 100000);
}

JB_FIBER_TEST("a broken rule ends its transaction: nothing in it goes on, and nothing of it is saved")
{
    test_database(scope, sample_models);
    struct jb_tx *tx = jb_begin(scope);
    add(scope, "a");
    struct sample_entry again = sample_entry_of("a", 2), other = sample_entry_of("b", 2);
    CHECK_FAILS(jb_insert(scope, &sample_entry, &again), JB_CONFLICT);
    CHECK_FAILS(jb_insert(scope, &sample_entry, &other), JB_UNAVAILABLE);
    CHECK_FAILS(jb_bulk_insert(scope, &sample_entry, &other, 1, NULL), JB_UNAVAILABLE);
    CHECK_FAILS(jb_count(scope, &sample_entry, .offset = 0) >= 0, JB_UNAVAILABLE);
    CHECK_FAILS(jb_cursor_open(scope, &sample_entry, &(struct jb_select){ 0 }) != NULL, JB_UNAVAILABLE);
    CHECK_FAILS(jb_begin(scope) != NULL, JB_UNAVAILABLE);
    CHECK_FAILS(jb_commit(tx), JB_UNAVAILABLE);
    CHECK(!jb_in_transaction(scope));
    CHECK_INT(entries(scope), 0);
}

JB_FIBER_TEST("what was begun inside takes the broken rule with it, and the rest is saved")
{
    test_database(scope, sample_models);
    struct jb_tx *tx = jb_begin(scope), *inner;
    add(scope, "a");
    struct sample_entry again = sample_entry_of("a", 2);
    inner = jb_begin(scope);
    add(scope, "b");
    CHECK_FAILS(jb_insert(scope, &sample_entry, &again), JB_CONFLICT);
    jb_rollback(inner);
    add(scope, "c");
    inner = jb_begin(scope);
    add(scope, "d");
    CHECK_FAILS(jb_bulk_insert(scope, &sample_entry, &again, 1, NULL), JB_CONFLICT);
    CHECK_FAILS(jb_commit(inner), JB_UNAVAILABLE); /* undoes it too */
    CHECK_INT(entries(scope), 2);
    CHECK_OK(jb_commit(tx));
    CHECK_INT(entries(scope), 2);
}

JB_FIBER_TEST("a value that never reached the database ends nothing")
{
    test_database(scope, sample_models);
    struct jb_tx *tx = jb_begin(scope);
    struct sample_entry nameless = sample_entry_of("", 2);
    CHECK_FAILS(jb_insert(scope, &sample_entry, &nameless), JB_INVALID);
    add(scope, "a");
    CHECK_OK(jb_commit(tx));
    CHECK_INT(entries(scope), 1);
}

JB_FIBER_TEST("the live file is written while a transaction on the main file is open")
{
    test_database(scope, sample_models);
    struct sample_lease lease = { .owner = JB_STR("w1") };
    int64_t before, after;
    CHECK_OK(jb_live_version(scope, &before));
    struct jb_tx *tx = jb_begin(scope);
    add(scope, "a");
    CHECK_OK(jb_insert(scope, &sample_lease, &lease));
    jb_rollback(tx);
    CHECK_INT(jb_count(scope, &sample_lease, .offset = 0), 1);
    CHECK_OK(jb_live_tell(scope));
    do {
        CHECK_OK(jb_live_version(scope, &after)); /* PostgreSQL's word takes its way */
        CHECK(before != after || jb_sleep(scope, 1000));
    } while (before == after);
}

JB_FIBER_TEST("a statement that writes and returns goes to the writer by itself")
{
    test_database(scope, sample_models);
    struct sample_lease lease = { .owner = JB_STR("w1") };
    int64_t id;
    CHECK_OK(jb_live_query_int(scope, JB_SQL("insert into sample_lease (owner, until) values (?, ?) on conflict (owner) do update set until = excluded.until returning id", JB_STR("w1"), jb_now()), &id));
    CHECK_INT(id, 1);
    CHECK_OK(jb_live_query_row(scope, JB_SQL("with n as (select 1) update sample_lease set until = null returning id, owner, until"), &sample_lease.record, &lease));
    CHECK_STR(lease.owner, JB_STR("w1"));
    CHECK_INT(lease.until.us, 0);
}

/* ---- waiting ------------------------------------------------------------------------------------------------------------------------ */

JB_FIBER_TEST("a cancelled scope leaves a statement that works for ever")
{
    test_database(scope, sample_models);
    int64_t n;
    struct jb_scope *one = jb_scope_child(scope, "one"), *two = jb_scope_child(scope, "two");
    deadline_in(one, 20000);
    CHECK(!jb_query_int(one, JB_SQL("with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"), &n));
    CHECK_INT(jb_error(one), JB_TIMEOUT);
    deadline_in(two, 20000); /* on the writer */
    CHECK(!jb_exec(two, JB_SQL("insert into sample_project (code) with recursive n(i) as (select 1 union all select i + 1 from n) select 'x' from n where i < 0"), NULL));
    CHECK(jb_error(two) == JB_TIMEOUT || jb_error(two) == JB_BROKEN);
    jb_scope_end(one);
    jb_scope_end(two);
    add(scope, "a");
}

static bool stop_ticking;
static void tick(void *arg)
{
    for (; !stop_ticking; jb_yield())
        ++*(int64_t *)arg;
}

JB_FIBER_TEST("a long read on the loop lets other fibers run")
{
    test_database(scope, sample_models);
    int64_t n, ticks = 0;
    jb_fiber_start("tick", tick, &ticks);
    CHECK_OK(jb_query_int(scope, JB_SQL("with recursive n(i) as (select 1 union all select i + 1 from n where i < 200000) select count(*) from n"), &n));
    stop_ticking = true;
    CHECK_INT(n, 200000);
    CHECK(ticks > 100);
}

/* ---- a transaction that the database has ended -------------------------------------------------------------------------------------------- */

JB_FIBER_TEST("after an interrupted write the transaction takes no more statements and cannot be committed")
{
    test_database(scope, sample_models);
    sample_entries(scope, 10);
    struct jb_scope *inside = jb_scope_child(scope, "inside");
    struct jb_tx *tx = jb_begin(inside);
    CHECK_OK(jb_delete_rows(inside, &sample_entry, JB_SQL("id = ?", 1), NULL));
    struct jb_scope *hasty = jb_scope_child(inside, "hasty");
    deadline_in(hasty, 20000);
    CHECK(!jb_exec(hasty, JB_SQL("update sample_entry set pages = (with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n)"), NULL));
    CHECK_INT(jb_error(hasty), JB_TIMEOUT);
    jb_scope_end(hasty);
    struct sample_entry entry = sample_entry_of("alone", 1);
    CHECK(!jb_insert(inside, &sample_entry, &entry));
    CHECK_INT(jb_error(inside), JB_UNAVAILABLE);
    CHECK(!jb_commit(tx));
    jb_scope_end(inside);
    CHECK_INT(entries(scope), 10);
    add(scope, "after");
}

static struct jb_str commit_fault(void)
{
    return test_is_sqlite() ? JB_STR("store/sqlite/commit=unavailable*1") : JB_STR("store/postgres/commit=unavailable*1");
}

JB_FIBER_TEST("a commit that fails leaves nothing, and the next one works")
{
    test_database(scope, sample_models);
    CHECK_OK(jb_fault_set(scope, commit_fault()));
    struct sample_entry entry = sample_entry_of("a", 1);
    CHECK_FAILS(jb_insert(scope, &sample_entry, &entry), JB_UNAVAILABLE);
    CHECK_INT(entries(scope), 0);
    CHECK_OK(jb_fault_set(scope, commit_fault()));
    struct jb_tx *tx = jb_begin(scope);
    add(scope, "b");
    CHECK_FAILS(jb_commit(tx), JB_UNAVAILABLE);
    CHECK_INT(entries(scope), 0);
    add(scope, "c");
    CHECK_INT(entries(scope), 1);
    jb_fault_clear();
}

/* ---- loops and processes --------------------------------------------------------------------------------------------------------------------- */

#define COUNTER_TURNS 100

static void count_up(struct jb_scope *scope, int turns)
{
    for (int i = 0; i < turns; i++) {
        struct jb_scope *turn = jb_scope_child(scope, "turn");
        struct sample_project row;
        struct jb_tx *tx = jb_begin(turn);
        CHECK_OK(tx != NULL);
        CHECK_OK(jb_first(turn, &sample_project, &row, .where = JB_SQL("id = ?", 1), .lock = JB_LOCK_UPDATE));
        int64_t number;
        CHECK(jb_str_to_int64(row.name, &number));
        row.name = jb_format(turn, "%lld", (long long)number + 1);
        CHECK_OK(jb_save(turn, &sample_project, &row));
        CHECK_OK(jb_commit(tx));
        jb_scope_end(turn);
    }
}

static void count_on_loop(int index, void *arg)
{
    struct jb_scope *scope = jb_scope_new("loop");
    (void)index;
    jb_db_use(scope, arg);
    count_up(scope, COUNTER_TURNS);
    jb_scope_end(scope);
}

JB_TEST("read and write in one transaction on several loops loses no change")
{
    struct jb_db *db = test_database(scope, sample_models);
    counter_row(scope);
    jb_loop_run_threads(3, count_on_loop, db);
    CHECK_INT(counter(scope), 3 * COUNTER_TURNS);
}

static void count_here(struct jb_scope *scope, const struct other *other)
{
    (void)other;
    count_up(scope, COUNTER_TURNS);
}

static void check_counter(void *arg)
{
    struct jb_scope *scope = jb_scope_new("check");
    test_database_open(scope, sample_models, arg, (struct jb_db_options){ 0 });
    CHECK_INT(counter(scope), 3 * COUNTER_TURNS);
    jb_scope_end(scope);
}

JB_TEST("three processes that read and write in transactions lose no change")
{
    const char *folder = test_folder(scope);
    struct other others[3];
    pid_t children[3];
    int status;
    jb_loop_run(make_tables, (void *)folder);
    for (int i = 0; i < 3; i++) {
        others[i] = (struct other){ .folder = folder, .run = count_here };
        children[i] = fork_other(&others[i]);
    }
    for (int i = 0; i < 3; i++)
        CHECK(waitpid(children[i], &status, 0) == children[i] && status == 0);
    jb_loop_run(check_counter, (void *)folder);
}

/* Holds a transaction with a change, says so, and waits to be killed. */
static void hold(struct jb_scope *scope, const struct other *other)
{
    CHECK_OK(jb_begin(scope) != NULL);
    add(scope, "held");
    CHECK(write(other->ready[1], "x", 1) == 1);
    pause();
}

static void live_through_kill(void *arg)
{
    struct other *other = ((void **)arg)[0];
    pid_t child = *(pid_t *)((void **)arg)[1];
    struct jb_scope *scope = jb_scope_new("survivor");
    test_database_open(scope, sample_models, other->folder, (struct jb_db_options){ 0 });
    struct sample_entry entry = sample_entry_of("held", 1);
    struct jb_scope *hasty = jb_scope_child(scope, "hasty");
    deadline_in(hasty, 30000);
    CHECK(!jb_insert(hasty, &sample_entry, &entry)); /* the other process holds that very value, on SQLite the whole file */
    CHECK_INT(jb_error(hasty), JB_TIMEOUT);
    jb_scope_end(hasty);
    CHECK_INT(entries(scope), 0); /* and reads go on */
    CHECK(kill(child, SIGKILL) == 0);
    CHECK_OK(jb_insert(scope, &sample_entry, &entry));
    CHECK_INT(entries(scope), 1);
    jb_scope_end(scope);
}

JB_TEST("a process killed inside a transaction leaves nothing behind and nobody waiting")
{
    const char *folder = test_folder(scope);
    struct other other = { .folder = folder, .run = hold };
    char ready;
    jb_loop_run(make_tables, (void *)folder);
    pid_t child = fork_other(&other);
    CHECK(read(other.ready[0], &ready, 1) == 1);
    jb_loop_run(live_through_kill, (void *[]){ &other, &child });
    CHECK(waitpid(child, NULL, 0) == child);
}

static void wait_inside(void *arg)
{
    struct jb_scope *scope = jb_scope_new("mistake");
    test_database_open(scope, sample_models, arg, (struct jb_db_options){ 0 });
    CHECK_OK(jb_begin(scope) != NULL);
    jb_sleep(scope, 1);
}

JB_TEST("a wait inside a transaction that is not the store's is an assertion")
{
    const char *folder = test_folder(scope);
    int status;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK(freopen("/dev/null", "w", stderr) != NULL);
        jb_loop_run(wait_inside, (void *)folder);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
