/* tx_test.h — what tests of transactions share: entries to count, a counter that loses no change, another process on the same database. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_TX_TEST_H
#define JB_TX_TEST_H

#include "store_test.h"
#include "run/run.h"
#include <signal.h>
#include <sys/prctl.h>

TEST_HELPER int64_t entries(struct jb_scope *scope)
{
    int64_t count = jb_count(scope, &sample_entry, .offset = 0);
    CHECK_OK(count >= 0);
    return count;
}

TEST_HELPER void add(struct jb_scope *scope, const char *ref)
{
    struct sample_entry entry = sample_entry_of(ref, 1);
    CHECK_OK(jb_insert(scope, &sample_entry, &entry));
}

TEST_HELPER void deadline_in(struct jb_scope *scope, int64_t us)
{
    jb_deadline_set(scope, jb_monotonic_us() + us);
}

TEST_HELPER void counter_row(struct jb_scope *scope)
{
    struct sample_project row = { .code = JB_STR("counter"), .name = JB_STR("0") };
    CHECK_OK(jb_insert(scope, &sample_project, &row));
}

TEST_HELPER int64_t counter(struct jb_scope *scope)
{
    struct sample_project row;
    int64_t number;
    CHECK_OK(jb_get(scope, &sample_project, 1, &row));
    CHECK(jb_str_to_int64(row.name, &number));
    return number;
}

struct other {
    const char *folder;
    void (*run)(struct jb_scope *scope, const struct other *other);
    int ready[2];
};

TEST_HELPER void other_main(void *arg)
{
    const struct other *other = arg;
    struct jb_scope *scope = jb_scope_new("other");
    test_database_open(scope, sample_models, other->folder, (struct jb_db_options){ 0 });
    other->run(scope, other);
    jb_scope_end(scope);
}

/* Another process with the same database, before this one has opened it. */
TEST_HELPER pid_t fork_other(struct other *other)
{
    CHECK(pipe(other->ready) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failing test leaves nobody behind */
        jb_loop_run(other_main, other);
        _exit(0);
    }
    return child;
}

TEST_HELPER void make_tables(void *arg)
{
    struct jb_scope *scope = jb_scope_new("make");
    size_t done;
    test_database_open(scope, sample_models, arg, (struct jb_db_options){ 0 });
    CHECK_OK(jb_migrate(scope, &done));
    counter_row(scope);
    jb_scope_end(scope);
}

#endif
