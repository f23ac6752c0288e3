/* test_plan.c — which columns of a sheet mean what, and what a job remembers. */
// SPDX-License-Identifier: Apache-2.0
#define JB_TRANSFER_TEST_MODELS
#include "transfer_test.h"
#include "transfer/transfer_private.h"

JB_FIBER_TEST("headings are names or labels in either language, whatever their case and the blanks around them")
{
    site_new(scope);
    struct import_job job = IMPORT(" EXTERNAL_REF ,일자,적요,Kind,수입\nA-1,2025-01-01,a,income,5\n");
    check_status(&job, "done");
    check_counts(&job, 1, 0, 0, 0);
    job = IMPORT("Number,Date, 적요 ,구분,income\nA-1,2025-01-01,a,income,6\n");
    check_counts(&job, 0, 1, 0, 0);
    CHECK_INT(book_of(scope, "A-1").income.units, 600);
}

JB_FIBER_TEST("a heading in decomposed Hangul is the same heading")
{
    site_new(scope);
    struct import_job job = IMPORT("external_ref,\xe1\x84\x8b\xe1\x85\xb5\xe1\x86\xaf\xe1\x84\x8c\xe1\x85\xa1,description\nA-1,2025-01-01,a\n");
    check_status(&job, "done");
}

JB_FIBER_TEST("unknown columns are named in a note and change nothing")
{
    site_new(scope);
    struct import_job job = IMPORT("external_ref,date,description,담당자,비고2\nA-1,2025-01-01,a,x,y\n");
    check_status(&job, "done");
    CHECK(contains(job.notes, "담당자"));
    CHECK(contains(job.notes, "비고2"));
}

JB_FIBER_TEST("a wrong exchange is refused at start with the nearest name")
{
    site_new(scope);
    static const struct jb_column columns[] = { { NULL, "extrnal_ref" }, { 0 } };
    static const struct jb_exchange wrong = { .model = &book_model, .columns = columns };
    CHECK(jb__plan_new(scope, jb__transfer_of(scope), &wrong, JB_STR_NULL) == NULL);
    CHECK(contains(jb_failure_text(scope), "external_ref"));
    jb_failure_clear(scope);

    CHECK(jb__plan_new(scope, jb__transfer_of(scope), &book_exchange, JB_STR("memo")) == NULL);
    CHECK_INT(jb_error(scope), JB_INVALID);
    jb_failure_clear(scope);
}

JB_TEST("options survive the job's row")
{
    struct jb__job_options options = {
        .import = {
            .mode = JB_UPDATE_ONLY,
            .on_error = JB_SKIP,
            .dry_run = true,
            .match_on = JB_STR("external_ref"),
            .sheet = JB_STR("시트 \"1\""),
            .batch_rows = 500,
            .limit_refused = 7,
        },
        .confirmed = true,
        .language = JB_EN,
    },
                           read;

    CHECK_OK(jb__import_options_read(scope, jb__import_options_json(scope, &options), &read));
    CHECK_INT(read.import.mode, JB_UPDATE_ONLY);
    CHECK_INT(read.import.on_error, JB_SKIP);
    CHECK(read.import.dry_run && !read.import.confirm && read.confirmed);
    CHECK_TEXT(read.import.sheet, "시트 \"1\"");
    CHECK(read.import.encoding.data == NULL);
    CHECK_INT(read.import.batch_rows, 500);
    CHECK_INT(read.import.limit_refused, 7);
    CHECK_INT(read.language, JB_EN);
}

JB_TEST("an export's conditions survive the job's row")
{
    int64_t ids[] = { 3, 5 };
    struct jb_condition conditions[] = {
        { JB_STR("date"), JB_GREATER_EQUAL, jb_v(day(2025, 1, 1)) },
        { JB_STR("income"), JB_LESS, jb_v(cents(1050)) },
        { .op = JB_OP_END },
    };
    struct jb_export_options options = { .format = JB_SHEET_CSV, .columns = JB_STR("date,income"), .conditions = conditions, .ids = { ids, 2 }, .order = JB_STR("-date") }, read;
    enum jb_language language;

    CHECK_OK(jb__export_options_read(scope, &book_model, jb__export_options_json(scope, &book_model, &options), &read, &language));
    CHECK_INT(read.format, JB_SHEET_CSV);
    CHECK_TEXT(read.columns, "date,income");
    CHECK(jb_value_equal(read.conditions[0].value, conditions[0].value));
    CHECK_INT(read.conditions[1].op, JB_LESS);
    CHECK_INT(read.conditions[1].value.decimal.units, 1050);
    CHECK_INT(read.conditions[2].op, JB_OP_END);
    CHECK_INT(read.ids.count, 2);
    CHECK_INT(read.ids.at[1], 5);
    CHECK(read.search_fields == NULL);
}
