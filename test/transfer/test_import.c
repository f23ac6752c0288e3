/* test_import.c — what an import does to a table: interface §2, sentence by sentence. */
// SPDX-License-Identifier: Apache-2.0
#define JB_TRANSFER_TEST_MODELS
#include "transfer_test.h"

JB_FIBER_TEST("a sheet imported twice leaves one copy of every row")
{
    struct site *site = site_new(scope);
    for (int round = 1; round <= 2; round++) {
        struct import_job job = import_bytes(scope, "three.csv", rows_text(scope, 1, 3), (struct jb_import_options){ 0 });
        check_status(&job, "done");
        CHECK_INT(job.rows, 3);
        check_counts(&job, round == 1 ? 3 : 0, 0, round == 1 ? 0 : 3, 0);
    }
    CHECK_INT(books(scope), 3);
    CHECK_INT(files_in(site->spool), 0);
}

JB_FIBER_TEST("new, changed and unchanged rows of one file are counted exactly")
{
    site_new(scope);
    IMPORT(HEAD "A,2025-01-01,a,income,1,m,\nB,2025-01-01,b,income,2,,\n");
    struct import_job job = IMPORT(HEAD "A,2025-01-01,a,income,1,m,\nB,2025-01-01,b,income,3,,\nC,2025-01-02,c,,4,,\n");
    check_counts(&job, 1, 1, 1, 0);
    CHECK_INT(book_of(scope, "B").income.units, 300);
    CHECK(book_of(scope, "C").kind.data == NULL);
}

JB_FIBER_TEST("ids of new rows follow those that are there, in the sheet's order")
{
    site_new(scope);
    IMPORT(HEAD "A,2025-01-01,a,,1,,\nB,2025-01-01,b,,2,,\n");
    IMPORT(HEAD "Z,2025-01-01,z,,1,,\nC,2025-01-01,c,,2,,\n");
    CHECK_INT(book_of(scope, "A").id, 1);
    CHECK_INT(book_of(scope, "Z").id, 3);
    CHECK_INT(book_of(scope, "C").id, 4);
}

JB_FIBER_TEST("an absent column leaves what is stored, an empty cell clears it or gives the default")
{
    site_new(scope);
    IMPORT(HEAD "A,2025-01-01,a,income,5,memo,\n");
    struct import_job job = IMPORT("external_ref,date,description\nA,2025-01-01,b\n");
    check_counts(&job, 0, 1, 0, 0);
    CHECK_TEXT(book_of(scope, "A").memo, "memo");
    CHECK_INT(book_of(scope, "A").income.units, 500);

    job = IMPORT("external_ref,date,description,income,memo\nA,2025-01-01,b,,\n");
    check_counts(&job, 0, 1, 0, 0);
    CHECK(book_of(scope, "A").memo.data == NULL);
    CHECK_INT(book_of(scope, "A").income.units, 0);

    job = IMPORT("external_ref,date,description,income,memo\nA,2025-01-01,b,0,\n");
    check_counts(&job, 0, 0, 1, 0);
    job = IMPORT("external_ref,date,description\nA,2025-01-01,\n");
    check_counts(&job, 0, 0, 0, 1);
}

JB_FIBER_TEST("an absent column gives a new row its default")
{
    site_new(scope);
    struct import_job job = IMPORT("external_ref,date,description\nA,2025-01-01,a\n");
    check_counts(&job, 1, 0, 0, 0);
    CHECK_INT(book_of(scope, "A").income.units, 0);
}

JB_FIBER_TEST("insert refuses keys that exist, or counts them as skipped when told to")
{
    site_new(scope);
    IMPORT(HEAD "A,2025-01-01,a,,1,,\n");
    struct import_job job = IMPORT(HEAD "A,2025-01-01,a2,,1,,\nB,2025-01-01,b,,1,,\n", .mode = JB_INSERT);
    check_status(&job, "failed");
    check_counts(&job, 0, 0, 0, 1);
    CHECK_INT(books(scope), 1);

    job = IMPORT(HEAD "A,2025-01-01,a2,,1,,\nB,2025-01-01,b,,1,,\n", .mode = JB_INSERT, .ignore_existing = true);
    check_status(&job, "done");
    check_counts(&job, 1, 0, 0, 0);
    CHECK_INT(job.skipped, 1);
    CHECK_TEXT(book_of(scope, "A").description, "a");
}

JB_FIBER_TEST("update refuses keys that are not there, and needs no required columns")
{
    site_new(scope);
    IMPORT(HEAD "A,2025-01-01,a,,1,,\n");
    struct import_job job = IMPORT("external_ref,income\nA,7\nB,8\n", .mode = JB_UPDATE_ONLY, .on_error = JB_SKIP);
    check_status(&job, "done");
    check_counts(&job, 0, 1, 0, 1);
    CHECK_INT(book_of(scope, "A").income.units, 700);
    CHECK_TEXT(book_of(scope, "A").description, "a");
    CHECK_INT(books(scope), 1);
}

JB_FIBER_TEST("one bad row at line 1,999 and nothing of the file is in the table")
{
    struct site *site = site_new(scope);
    struct jb_str good = rows_text(scope, 1, 1997), text = jb_format(scope, "%.*sBAD,2025-01-01,x,,abc,,\n%.*s", JB_FMT(good), JB_FMT(jb_str_slice(rows_text(scope, 3000, 1000), sizeof HEAD - 1, SIZE_MAX)));
    struct import_job job = import_bytes(scope, "a.csv", text, (struct jb_import_options){ 0 });

    check_status(&job, "failed");
    CHECK_TEXT(job.error, "invalid");
    check_counts(&job, 0, 0, 0, 1);
    CHECK_INT(books(scope), 0);
    CHECK(contains(job.errors, "\"row\":1999"));
    CHECK(contains(job.errors, "\"column\":\"income\""));
    CHECK(contains(job.errors, "\"value\":\"abc\""));
    CHECK_INT(files_in(site->spool), 1); /* kept until the row comes back corrected, or nobody wants it */
    CHECK_OK(jb_import_discard(scope, job.id));
    CHECK_INT(files_in(site->spool), 0);

    job = import_bytes(scope, "a.csv", text, (struct jb_import_options){ .on_error = JB_SKIP });
    check_status(&job, "done");
    check_counts(&job, 2997, 0, 0, 1);
    CHECK_INT(books(scope), 2997);
    CHECK_INT(files_in(site->spool), 0);
}

JB_FIBER_TEST("a key twice in one file: skip keeps the first and refuses the rest")
{
    site_new(scope);
    struct import_job job = IMPORT(HEAD "A,2025-01-01,first,,1,,\nB,2025-01-01,b,,1,,\nA,2025-01-01,second,,1,,\nA,2025-01-01,third,,1,,\n", .on_error = JB_SKIP);
    check_counts(&job, 2, 0, 0, 2);
    CHECK_TEXT(book_of(scope, "A").description, "first");
    CHECK(contains(job.errors, "row 2"));
    job = IMPORT(HEAD "C,2025-01-01,c,,1,,\nC,2025-01-01,c,,1,,\n");
    check_status(&job, "failed");
}

JB_FIBER_TEST("the number of batches follows the batch size and the result does not")
{
    site_new(scope);
    struct jb_str text = rows_text(scope, 1, 2000);
    struct import_job job = import_bytes(scope, "a.csv", text, (struct jb_import_options){ .on_error = JB_SKIP });
    CHECK_INT(job.batches, 2);
    check_counts(&job, 2000, 0, 0, 0);
    job = import_bytes(scope, "a.csv", text, (struct jb_import_options){ .on_error = JB_SKIP, .batch_rows = 500 });
    CHECK_INT(job.batches, 4);
    check_counts(&job, 0, 0, 2000, 0);
}

JB_FIBER_TEST("limit-refused gives up, and nothing was written")
{
    site_new(scope);
    struct import_job job = IMPORT(HEAD "A,2025-01-01,a,,x,,\nB,2025-01-01,b,,y,,\nC,2025-01-01,c,,z,,\nD,2025-01-01,d,,1,,\n", .on_error = JB_SKIP, .limit_refused = 2);
    check_status(&job, "failed");
    CHECK_TEXT(job.error, "limit");
    CHECK_INT(books(scope), 0);
}

JB_FIBER_TEST("a dry run counts and writes nothing")
{
    struct site *site = site_new(scope);
    struct import_job job = import_bytes(scope, "a.csv", rows_text(scope, 1, 100), (struct jb_import_options){ .dry_run = true });
    check_status(&job, "done");
    CHECK(job.dry_run);
    check_counts(&job, 100, 0, 0, 0);
    CHECK_INT(books(scope), 0);
    CHECK_INT(files_in(site->spool), 0);
}

JB_FIBER_TEST("a reference is given by a unique field of its target")
{
    site_new(scope);
    add_project(scope, "P-1");
    add_project(scope, "P-2");
    struct import_job job = IMPORT(HEAD "A,2025-01-01,a,,1,,P-2\nB,2025-01-01,b,,1,,\nC,2025-01-01,c,,1,,P-2\n");
    check_counts(&job, 3, 0, 0, 0);
    CHECK_INT(book_of(scope, "A").project_id, 2);
    CHECK_INT(book_of(scope, "B").project_id, 0);
    job = IMPORT(HEAD "A,2025-01-01,a,,1,,P-2\nB,2025-01-01,b,,1,,P-1\nC,2025-01-01,c,,1,,P-9\n", .on_error = JB_SKIP);
    check_counts(&job, 0, 1, 1, 1);
    CHECK(contains(job.errors, "P-9"));
    CHECK(contains(job.errors, "project.code"));
}

JB_FIBER_TEST("the model's own check refuses rows, new or changed, but not unchanged ones")
{
    site_new(scope);
    IMPORT(HEAD "A,2025-01-05,a,,1,,\nB,2025-02-05,b,,1,,\nC,2025-01-06,c,,1,,\n");
    close_month(scope, 2025, 1);
    struct import_job job = IMPORT(HEAD "A,2025-01-05,a,,2,,\nB,2025-02-05,b,,2,,\nC,2025-01-06,c,,1,,\nD,2025-01-07,d,,1,,\nE,2025-03-01,e,,1,,\n", .on_error = JB_SKIP);
    check_counts(&job, 1, 1, 1, 2);
    CHECK(contains(job.errors, "the month is closed"));
    CHECK_INT(book_of(scope, "A").income.units, 100);
    job = IMPORT(HEAD "B,2025-01-09,b,,2,,\n");
    check_status(&job, "failed"); /* nor moved into a closed month */
}

JB_FIBER_TEST("the model's own check is asked for every row of an empty table too")
{
    site_new(scope);
    close_month(scope, 2025, 1);
    struct import_job job = IMPORT(HEAD "A,2025-01-05,a,,2,,\nB,2025-02-05,b,,2,,\n", .on_error = JB_SKIP);
    check_counts(&job, 1, 0, 0, 1);
    job = IMPORT(HEAD "C,2025-01-05,a,,2,,\nD,2025-02-05,b,,2,,\n");
    check_status(&job, "failed");
}

JB_FIBER_TEST("several bad cells of a row are all reported, the row counts once")
{
    site_new(scope);
    struct import_job job = IMPORT(HEAD "A,no day,a,strange,abc,,\nB,2025-01-01,b,,1,,\n", .on_error = JB_SKIP);
    check_counts(&job, 1, 0, 0, 1);
    CHECK_INT(job.errors_total, 3);
}

JB_FIBER_TEST("every change of an import sets the row's time of change")
{
    site_new(scope);
    jb_clock_hold((struct jb_time){ JB_DAY_US * 20000 });
    IMPORT(HEAD "A,2025-01-01,a,,1,,\nB,2025-01-01,b,,1,,\n");
    jb_clock_advance_us(JB_DAY_US);
    IMPORT(HEAD "A,2025-01-01,a,,2,,\nB,2025-01-01,b,,1,,\n");
    CHECK_INT(book_of(scope, "A").updated_at.us, JB_DAY_US * 20001);
    CHECK_INT(book_of(scope, "B").updated_at.us, JB_DAY_US * 20000);
}

JB_FIBER_TEST("the first thousand errors are kept, all are counted and stand in the workbook")
{
    site_new(scope);
    struct jb_buf buf = JB_BUF_INIT((size_t)1 << 20);
    struct jb_job_file file;

    jb_buf_put_z(&buf, HEAD);
    for (int i = 0; i < 1500; i++)
        jb_buf_printf(&buf, "A%d,2025-01-01,a,,abc,,\n", i);
    struct import_job job = import_bytes(scope, "출납.csv", jb_copy(scope, jb_buf_str(&buf)), (struct jb_import_options){ .on_error = JB_SKIP });
    jb_buf_done(&buf);
    CHECK_INT(job.refused, 1500);
    CHECK_INT(job.errors_total, 1500);
    struct jb_json *errors = jb_json_parse(scope, job.errors);
    CHECK_INT(errors->count, 1000);

    CHECK_OK(jb_job_file(scope, job.id, &file));
    CHECK(contains(file.name, "출납"));
    struct jb_sheet *sheet = jb_sheet_open(scope, jb_format(scope, "/proc/self/fd/%d", file.fd).data, file.name, &(struct jb_sheet_options){ .format = JB_SHEET_XLSX });
    CHECK_OK(sheet != NULL);
    struct jb_sheet_row row;
    int rows = 0;
    while (jb_sheet_next(sheet, scope, &row))
        rows++;
    CHECK_INT(rows, 1501);
    jb_sheet_close(sheet);
    close(file.fd);
}

JB_FIBER_TEST("a model without a unique field is matched by id, and rows without one are new")
{
    site_new(scope);
    int64_t id;
    struct jb_str text = JB_STR("id,day,weight,count\n,2025-01-01,1.5,1\n,2025-01-02,2.5,2\n");
    CHECK_OK(jb_import_start(scope, &sample_measure, spool_of(scope, "m.csv", text), &(struct jb_import_options){ 0 }, false, &id));
    CHECK_OK(jb_import_run(scope, id));
    struct import_job job = job_of(scope, id);
    check_status(&job, "done");
    check_counts(&job, 2, 0, 0, 0);

    text = JB_STR("id,day,weight,count\n2,2025-01-02,2.5,9\n1,2025-01-01,1.5,1\n,2025-01-03,3,3\n");
    CHECK_OK(jb_import_start(scope, &sample_measure, spool_of(scope, "m.csv", text), &(struct jb_import_options){ 0 }, false, &id));
    CHECK_OK(jb_import_run(scope, id));
    job = job_of(scope, id);
    check_counts(&job, 1, 1, 1, 0);
    CHECK_INT(jb_count(scope, &sample_measure, .limit = 0), 3);
}

JB_FIBER_TEST("blank rows and rows in unknown columns only are no rows")
{
    site_new(scope);
    struct import_job job = IMPORT("external_ref,date,description,이름\nA,2025-01-01,a,\n,,,\n,,,합계\nB,2025-01-02,b,\n");
    check_status(&job, "done");
    CHECK_INT(job.rows, 2);
}
