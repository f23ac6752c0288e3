/* store_test.h — an empty database for a test, and a few models to fill it with.
 *
 *     JB_FIBER_TEST("an entry that was inserted is found")
 *     {
 *         test_database(scope, sample_models);
 *         struct sample_entry entry = sample_entry_of("CB-1", 1000);
 *         CHECK_OK(jb_insert(scope, &sample_entry, &entry));
 *     }
 *
 * The database stands in a folder of its own that goes with the scope; the models' tables are made. On PostgreSQL (database.h) it has the folder's name and goes with it. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_STORE_TEST_H
#define JB_STORE_TEST_H

#include "database.h"
#include "jb_test.h"
#include "store/store.h"
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEST_HELPER __attribute__((unused)) static

/* ---- folder and database -------------------------------------------------------------------------------------------------------- */

TEST_HELPER int test_remove_one(const char *path, const struct stat *info, int flag, struct FTW *place)
{
    (void)info, (void)flag, (void)place;
    return remove(path);
}

TEST_HELPER void test_remove_folder(void *path)
{
    test_database_drop(path);
    nftw(path, test_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A new folder, removed with the scope. */
TEST_HELPER const char *test_folder(struct jb_scope *scope)
{
    const char *base = getenv("TMPDIR");
    struct jb_str path = jb_format(scope, "%s/jb-test-XXXXXX", base ? base : "/tmp");

    CHECK(mkdtemp((char *)path.data) != NULL);
    jb_defer(scope, test_remove_folder, (void *)path.data);
    return path.data;
}

TEST_HELPER void test_close_database(void *db)
{
    jb_db_close(db);
}

/* Opens the database in `folder` (also one that another process has open) and ties it to the scope; closed with it. */
TEST_HELPER struct jb_db *test_database_open(struct jb_scope *scope, const struct jb_model *const *models, const char *folder, struct jb_db_options options)
{
    options.url = test_database_url(scope, folder);
    options.models = models;
    struct jb_db *db = jb_db_open(scope, &options);
    CHECK_OK(db != NULL);
    jb_defer(scope, test_close_database, db);
    jb_db_use(scope, db);
    return db;
}

/* An empty database with the tables of these models. */
TEST_HELPER struct jb_db *test_database(struct jb_scope *scope, const struct jb_model *const *models)
{
    size_t done;
    struct jb_db *db = test_database_open(scope, models, test_folder(scope), (struct jb_db_options){ 0 });
    CHECK_OK(jb_migrate(scope, &done));
    return db;
}

/* ---- models ------------------------------------------------------------------------------------------------------------------------ */

struct sample_project {
    int64_t id;
    struct jb_str code, name;
};

/* One member of every kind. */
struct sample_entry {
    int64_t id;
    struct jb_str external_ref, memo, kind;
    struct jb_date date;
    struct jb_month month;
    struct jb_decimal income;
    int pages;
    bool closed;
    int64_t project_id; /* 0: none */
    struct jb_time created_at, updated_at;
};

/* With a presence word. */
struct sample_measure {
    int64_t id;
    struct jb_date day;
    struct jb_decimal weight;
    int count;
    bool fine;
    uint64_t present;
};

/* In the live file. */
struct sample_lease {
    int64_t id;
    struct jb_str owner;
    struct jb_time until;
};

TEST_HELPER const struct jb_choice sample_kinds[] = {
    { "income", "수입", "Income", 1 },
    { "expense", "지출", "Expense", 2 },
    { 0 },
};

TEST_HELPER const struct jb_model sample_project = {
    .app = "sample",
    .table = "projects",
    .label = "사업",
    .title = "code",
    .order = "code",
    .record = JB_RECORD(sample_project,
        JB_FIELD(sample_project, id, .primary = true),
        JB_FIELD(sample_project, code, .label = "사업코드", .required = true, .length_max = 20, .unique = true),
        JB_FIELD(sample_project, name, .label = "사업명", .length_max = 100)),
};

TEST_HELPER const struct jb_model sample_entry = {
    .app = "sample",
    .label = "출납부",
    .entry = "전표",
    .title = "external_ref",
    .order = "-date -id",
    .indexes = "date, kind date",
    .record = JB_RECORD(sample_entry,
        JB_FIELD(sample_entry, id, .primary = true),
        JB_FIELD(sample_entry, external_ref, .label = "전표번호", .required = true, .length_max = 40, .unique = true),
        JB_FIELD(sample_entry, memo, .label = "메모"),
        JB_FIELD(sample_entry, kind, .label = "구분", .length_max = 20, .choices = sample_kinds),
        JB_FIELD(sample_entry, date, .label = "일자", .required = true),
        JB_FIELD(sample_entry, month, .label = "달"),
        JB_FIELD(sample_entry, income, .label = "수입", .digits = 15, .decimals = 2, .default_text = "0"),
        JB_FIELD(sample_entry, pages, .label = "장수", .has_min = true, .min = 0),
        JB_FIELD(sample_entry, closed, .label = "마감"),
        JB_FIELD(sample_entry, project_id, .label = "사업", .references = &sample_project, .on_delete = JB_RESTRICT),
        JB_FIELD(sample_entry, created_at, .auto_now_add = true),
        JB_FIELD(sample_entry, updated_at, .auto_now = true)),
};

TEST_HELPER const struct jb_model sample_measure = {
    .app = "sample",
    .record = JB_RECORD(sample_measure,
        JB_FIELD(sample_measure, id, .primary = true),
        JB_FIELD(sample_measure, day),
        JB_FIELD(sample_measure, weight, .digits = 9, .decimals = 3),
        JB_FIELD(sample_measure, count),
        JB_FIELD(sample_measure, fine),
        JB_PRESENCE(sample_measure, present)),
};

TEST_HELPER const struct jb_model sample_lease = {
    .app = "sample",
    .live = true,
    .record = JB_RECORD(sample_lease,
        JB_FIELD(sample_lease, id, .primary = true),
        JB_FIELD(sample_lease, owner, .required = true, .length_max = 40, .unique = true),
        JB_FIELD(sample_lease, until)),
};

TEST_HELPER const struct jb_model *const sample_models[] = { &sample_project, &sample_entry, &sample_measure, &sample_lease, NULL };

TEST_HELPER struct jb_decimal cents(int64_t units)
{
    return (struct jb_decimal){ units, 2 };
}

TEST_HELPER struct jb_date day(int year, int month, int of_month)
{
    struct jb_date date;
    CHECK(jb_date_of(year, month, of_month, &date));
    return date;
}

TEST_HELPER struct sample_entry sample_entry_of(const char *external_ref, int64_t won)
{
    return (struct sample_entry){ .external_ref = jb_str_of(external_ref), .kind = JB_STR("income"), .date = day(2026, 11, 21), .month = jb_date_month(day(2026, 11, 1)), .income = cents(won * 100) };
}

/* `count` entries from number `first` on (E-000001 has number 1): of as many won as their number, one a day from 2020-01-01 on. */
TEST_HELPER void sample_entries_more(struct jb_scope *scope, int first, int count)
{
    struct jb_scope *child = jb_scope_child(scope, "entries");
    struct sample_entry *rows = JB_NEW_ARRAY(child, struct sample_entry, (size_t)count);

    for (int i = 0; i < count; i++) {
        int number = first + i;
        rows[i] = sample_entry_of(jb_format(child, "E-%06d", number).data, number);
        rows[i].date.days = day(2020, 1, 1).days + (number - 1) % 3650;
        rows[i].kind = number % 2 ? JB_STR("income") : JB_STR("expense");
        rows[i].pages = (number - 1) % 10;
        rows[i].created_at = rows[i].updated_at = jb_now();
    }
    CHECK_OK(jb_bulk_insert(scope, &sample_entry, rows, (size_t)count, NULL));
    jb_scope_end(child);
}

TEST_HELPER void sample_entries(struct jb_scope *scope, int count)
{
    sample_entries_more(scope, 1, count);
}

#endif
