/* test_shown.c — a confirmed import does exactly what its preview showed, or names the rows that somebody changed in between and shows it again. */
// SPDX-License-Identifier: Apache-2.0
#define JB_TRANSFER_TEST_MODELS
#include "job_test.h"

static const enum jb_on_error both[] = { JB_ABORT, JB_SKIP };

#define BEFORE HEAD "A,2025-01-01,a,,1,m,\nB,2025-01-01,b,,2,,\nC,2025-01-01,c,,3,,\n"
#define SHEET "external_ref,date,description,income\nA,2025-01-01,a,10\nB,2025-01-01,b,20\nC,2025-01-01,c,3\nD,2025-01-01,d,4\n"

static int64_t preview(struct jb_scope *scope, enum jb_on_error on_error)
{
    IMPORT(BEFORE);
    int64_t id = start(scope, JB_STR(SHEET), (struct jb_import_options){ .confirm = true, .on_error = on_error });
    drain(scope);
    struct import_job job = job_of(scope, id);
    check_status(&job, "waiting");
    check_counts(&job, 1, 2, 1, 0);
    return id;
}

static struct import_job confirmed(struct jb_scope *scope, int64_t id)
{
    CHECK_OK(jb_import_confirm(scope, id));
    drain(scope);
    return job_of(scope, id);
}

static void set(struct jb_scope *scope, const char *external_ref, int64_t income)
{
    struct book book = book_of(scope, external_ref);
    book.income = cents(income * 100);
    CHECK_OK(jb_save(scope, &book_model, &book));
}

static const struct import_difference *changed(struct jb_scope *scope, int64_t id, size_t index)
{
    struct jb_rows *rows = jb_import_preview(scope, id, JB_PREVIEW_CHANGED, 0, 100);
    CHECK_OK(rows != NULL);
    CHECK(rows->count > index);
    return jb_rows_at(rows, index);
}

JB_FIBER_TEST("rows that somebody changed, deleted or added since they were shown are named, and nothing is written before they were shown again")
{
    for (int i = 0; i < 2; i++) {
        struct jb_scope *round = jb_scope_child(scope, "round");
        site_new(round);
        int64_t id = preview(round, both[i]);
        set(round, "A", 5); /* still changed by the sheet, from another value */
        set(round, "C", 9); /* was unchanged */
        struct book b = book_of(round, "B"), d = { .external_ref = JB_STR("D"), .date = day(2025, 1, 1), .description = JB_STR("d"), .income = cents(400) };
        CHECK_OK(jb_delete(round, &book_model, b.id));
        CHECK_OK(jb_insert(round, &book_model, &d));
        struct import_job job = confirmed(round, id);
        check_status(&job, "waiting");
        check_counts(&job, 1, 2, 1, 0); /* the same figures, and other rows */
        CHECK(contains(job.notes, "Rows changed in the table since they were shown: 4"));
        CHECK(contains(job.notes, "row 2 A (other values)"));
        CHECK(contains(job.notes, "row 3 B (deleted)"));
        CHECK(contains(job.notes, "row 4 C (other values)"));
        CHECK(contains(job.notes, "row 5 D (exists now)"));
        CHECK_INT(book_of(round, "A").income.units, 500);
        CHECK_TEXT(changed(round, id, 0)->before, "5.00");

        job = confirmed(round, id);
        check_status(&job, "done");
        check_counts(&job, 1, 2, 1, 0);
        CHECK_INT(book_of(round, "A").income.units, 1000);
        CHECK_INT(book_of(round, "B").income.units, 2000);
        CHECK_INT(book_of(round, "C").income.units, 300);
        jb_scope_end(round);
    }
}

JB_FIBER_TEST("what changes beside the sheet's cells and rows is nobody's business")
{
    for (int i = 0; i < 2; i++) {
        struct jb_scope *round = jb_scope_child(scope, "round");
        site_new(round);
        int64_t id = preview(round, both[i]);
        struct book a = book_of(round, "A"), other = { .external_ref = JB_STR("Z"), .date = day(2025, 1, 1), .description = JB_STR("z"), .income = cents(100) };
        a.memo = JB_STR("mine");
        CHECK_OK(jb_save(round, &book_model, &a));
        CHECK_OK(jb_insert(round, &book_model, &other));
        struct import_job job = confirmed(round, id);
        check_status(&job, "done");
        check_counts(&job, 1, 2, 1, 0);
        CHECK_TEXT(book_of(round, "A").memo, "mine");
        jb_scope_end(round);
    }
}

JB_FIBER_TEST("the preview goes on showing what it showed, whatever happens to the table")
{
    site_new(scope);
    int64_t id = preview(scope, JB_ABORT);
    set(scope, "A", 77);
    CHECK_TEXT(changed(scope, id, 0)->before, "1.00");
    CHECK_TEXT(changed(scope, id, 0)->after, "10.00");
    CHECK_TEXT(changed(scope, id, 1)->before, "2.00");
}

JB_FIBER_TEST("rows without a key but their id are shown and compared the same way")
{
    site_new(scope);
    struct sample_measure before = { .day = day(2025, 1, 1), .count = 1, .present = UINT64_MAX };
    CHECK_OK(jb_insert(scope, &sample_measure, &before));
    struct jb_import_options options = { .confirm = true };
    int64_t id;
    CHECK_OK(jb_import_start(scope, &sample_measure, spool_of(scope, "m.csv", JB_STR("id,count\n1,2\n,5\n")), &options, true, &id));
    drain(scope);
    struct import_job job = job_of(scope, id);
    check_status(&job, "waiting");
    check_counts(&job, 1, 1, 0, 0);
    CHECK_TEXT(changed(scope, id, 0)->before, "1");
    before.count = 7;
    CHECK_OK(jb_save(scope, &sample_measure, &before));
    job = confirmed(scope, id);
    check_status(&job, "waiting");
    CHECK(contains(job.notes, "row 2 1 (other values)"));
    job = confirmed(scope, id);
    check_status(&job, "done");
}
