/* test_refused.c — refused rows come back as a workbook: the upload's columns and cells, and which row, where and why. */
// SPDX-License-Identifier: Apache-2.0
#define JB_TRANSFER_TEST_MODELS
#include "transfer_test.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *refused_path(struct jb_scope *scope, const struct site *site, const struct import_job *job)
{
    CHECK(job->result.size > 0);
    return jb_format(scope, "%s/%.*s", site->media, JB_FMT(job->result)).data;
}

/* As `jangbu sheet cells` prints it. */
static struct jb_str cells_of(struct jb_scope *scope, const char *path)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    CHECK(out != NULL);
    CHECK_OK(jb_sheet_print_cells(scope, path, &(struct jb_sheet_options){ 0 }, out));
    fclose(out);
    struct jb_str copy = jb_copy(scope, (struct jb_str){ text, size });
    free(text);
    return copy;
}

static struct jb_str row_heading(struct jb_scope *scope, const struct import_job *job)
{
    return jb_format(scope, "\"행 row (job %lld-%.6s)\"", (long long)job->id, job->file_hash.data);
}

JB_FIBER_TEST("refused rows of a text come back with its columns, as text, and with row, column and reason")
{
    struct site *site = site_new(scope);
    struct import_job job = IMPORT("전표번호,비고,일자,적요,수입\n0001,나중에,2025-01-01,a,1\n0002,,2025-02-30,b,abc\n0003,\"둘째, 비고\",2025-01-03,c,3\n0004,,,d,4\n", .on_error = JB_SKIP);
    check_status(&job, "done");
    check_counts(&job, 2, 0, 0, 2);
    struct jb_str cells = cells_of(scope, refused_path(scope, site, &job));
    struct jb_str heading = row_heading(scope, &job);
    CHECK_STR(cells, jb_format(scope,
                         "1\t1\ts\t\"전표번호\"\n1\t2\ts\t\"비고\"\n1\t3\ts\t\"일자\"\n1\t4\ts\t\"적요\"\n1\t5\ts\t\"수입\"\n1\t6\ts\t%.*s\n1\t7\ts\t\"열 column\"\n1\t8\ts\t\"이유 reason\"\n"
                         "2\t1\ts\t\"0002\"\n2\t3\ts\t\"2025-02-30\"\n2\t4\ts\t\"b\"\n2\t5\ts\t\"abc\"\n2\t6\tn\t3\n2\t7\ts\t\"일자\\n수입\"\n2\t8\ts\t\"There is no such date. February has 28 days.\\nThis is not an amount. Enter digits.\"\n"
                         "3\t1\ts\t\"0004\"\n3\t4\ts\t\"d\"\n3\t5\ts\t\"4\"\n3\t6\tn\t5\n3\t7\ts\t\"일자\"\n3\t8\ts\t\"It is empty. Enter a value.\"\n",
                         JB_FMT(heading)));
}

static bool to_spool(void *arg, struct jb_scope *scope, const void *bytes, size_t size)
{
    return jb_spool_write(arg, scope, bytes, size);
}

static struct jb_cell text_cell(uint32_t column, const char *text)
{
    return (struct jb_cell){ .type = JB_CELL_TEXT, .column = column, .format = UINT32_MAX, .text = jb_str_of(text) };
}

static struct jb_cell number_cell(uint32_t column, uint32_t format, enum jb_cell_type type, double number, const char *text)
{
    return (struct jb_cell){ .type = type, .column = column, .format = format, .serial = number, .text = jb_str_of(text) };
}

/* Three rows whose references are unknown but for the second's; dates counted from 1904, amounts and dates with formats of their own. */
static struct jb_spool *odd_workbook(struct jb_scope *scope)
{
    static const struct jb_number_format formats[] = { { 14, { NULL, 0 } }, { 200, { "yyyy\"년\" m\"월\"", 16 } }, { 201, { "#,##0.0\"원\"", 12 } } };
    struct jb_spool *spool = jb_spool_open(scope, JB_STR("odd.xlsx"));
    struct jb_sheet_writer *writer = jb_sheet_writer_new(scope, &(struct jb_sheet_writer_options){ .format = JB_SHEET_XLSX, .date1904 = true, .formats = formats, .format_count = JB_COUNT(formats) }, to_spool, spool);
    struct jb_str titles[] = { JB_STR("전표번호"), JB_STR("일자"), JB_STR("적요"), JB_STR("수입"), JB_STR("사업코드"), JB_STR("점검일") };
    CHECK_OK(jb_sheet_writer_head(writer, scope, titles, NULL, JB_COUNT(titles)));
    for (int i = 0; i < 3; i++) {
        const char *code = i == 1 ? "P-1" : "P-404", *number = i == 2 ? "007" : jb_format(scope, "A-%d", i).data;
        struct jb_cell cells[] = { text_cell(1, number), number_cell(2, 1, JB_CELL_DATE, 43000 + i, ""), text_cell(3, "줄\n둘"), number_cell(4, 2, JB_CELL_NUMBER, 12.5, "12.5"), text_cell(5, code), number_cell(6, 0, JB_CELL_DATE, 43100, "") };
        CHECK_OK(jb_sheet_writer_cells(writer, scope, cells, (bool[JB_COUNT(cells)]){ 0 }, JB_COUNT(cells)));
    }
    CHECK_OK(jb_sheet_writer_finish(writer, scope));
    jb_sheet_writer_free(writer);
    return spool;
}

static struct import_job import_odd(struct jb_scope *scope)
{
    int64_t id = 0;
    add_project(scope, "P-1");
    CHECK_OK(jb_import_start(scope, &book_model, odd_workbook(scope), &(struct jb_import_options){ .on_error = JB_SKIP }, false, &id));
    CHECK_OK(jb_import_run(scope, id));
    return job_of(scope, id);
}

JB_FIBER_TEST("cells of a workbook come back as they were: dates stay dates, leading zeros stay text, also in columns that are ignored")
{
    struct site *site = site_new(scope);
    struct import_job job = import_odd(scope);
    check_status(&job, "done");
    check_counts(&job, 1, 0, 0, 2);
    struct jb_str cells = cells_of(scope, refused_path(scope, site, &job));
    CHECK(contains(cells, "\n2\t1\ts\t\"A-0\"\n2\t2\td\t2021-09-23\n2\t3\ts\t\"줄\\n둘\"\n2\t4\tn\t12.5\n2\t5\ts\t\"P-404\"\n2\t6\td\t2022-01-01\n2\t7\tn\t2\n2\t8\ts\t\"사업코드\"\n"));
    CHECK(contains(cells, "\n3\t1\ts\t\"007\"\n3\t2\td\t2021-09-25\n"));
}

JB_FIBER_TEST("openpyxl shows the refused rows by the formats of the upload, with the refused cells coloured")
{
    struct site *site = site_new(scope);
    struct import_job job = import_odd(scope);
    if (!jb_test_output(scope, "/usr/bin/python3 -c 'import openpyxl' 2>/dev/null").data)
        jb_test_skip("no openpyxl");
    struct jb_str says = jb_test_output(scope, jb_format(scope, "/usr/bin/python3 -c \"\nimport openpyxl\ns = openpyxl.load_workbook('%s').active\nfor c in s[2]: print(repr(c.value), c.number_format, c.fill.patternType)\n\"", refused_path(scope, site, &job)).data);
    CHECK_STR(says, JB_STR("'A-0' @ None\ndatetime.datetime(2021, 9, 23, 0, 0) yyyy\"년\" m\"월\" None\n'줄\\n둘' @ None\n12.5 #,##0.0\"원\" None\n'P-404' @ solid\ndatetime.datetime(2022, 1, 1, 0, 0) mm-dd-yy None\n2 General None\n'사업코드' @ None\n"
                           "'There is no such Sample project. Add it first, or correct the value.' @ None\n"));
}

JB_FIBER_TEST("of many refused rows all are counted and in the file, and the first 1,000 are in the result")
{
    struct site *site = site_new(scope);
    struct jb_buf text = JB_BUF_INIT((size_t)64 << 20);
    struct jb_sheet_row row;
    int64_t rows = 0;

    jb_buf_put_z(&text, HEAD);
    for (int i = 2; i <= 20001; i++)
        jb_buf_printf(&text, "E-%d,2025-01-01,a,,%s,,\n", i, i % 2 ? "1" : "x");
    struct import_job job = import_bytes(scope, "a.csv", jb_buf_str(&text), (struct jb_import_options){ .on_error = JB_SKIP });
    check_counts(&job, 10000, 0, 0, 10000);
    CHECK_INT(job.errors_total, 10000);
    CHECK_INT(jb_json_parse(scope, job.errors)->count, 1000);
    struct jb_sheet *sheet = jb_sheet_open(scope, refused_path(scope, site, &job), JB_STR_NULL, NULL);
    CHECK_OK(sheet && jb_sheet_next(sheet, scope, &row));
    for (; jb_sheet_next(sheet, scope, &row); rows++)
        CHECK_STR(row.cells[0].text, jb_format(scope, "E-%lld", (long long)(2 + 2 * rows)));
    CHECK_INT(rows, 10000);
    jb_sheet_close(sheet);
    jb_buf_done(&text);
}

JB_FIBER_TEST("what batches refused before an attempt died is in the file of the next one, however many rows it is")
{
    enum { ROWS = 3000 };
    struct site *site = site_new(scope);
    IMPORT(rows_text(scope, 1, ROWS).data);
    struct jb_import_options options = { .on_error = JB_SKIP, .mode = JB_INSERT, .batch_rows = 100 };
    int64_t id, kept;
    CHECK_OK(jb_import_start(scope, &book_model, spool_of(scope, "a.csv", rows_text(scope, 1, ROWS)), &options, false, &id));
    attempt_ends_by(scope, id, "transfer/import/group=unavailable*1@25");
    CHECK_OK(jb_query_int(scope, JB_SQL("select count(*) from import_refusals where job_id = ?", id), &kept));
    CHECK_INT(kept, 25);
    CHECK_OK(jb_import_task.run(scope, &(int64_t){ id }));
    struct import_job job = job_of(scope, id);
    check_status(&job, "done");
    check_counts(&job, 0, 0, 0, ROWS);
    CHECK_INT(job.errors_total, ROWS);
    struct jb_sheet_row row;
    struct jb_sheet *sheet = jb_sheet_open(scope, refused_path(scope, site, &job), JB_STR_NULL, NULL);
    int64_t rows = 0;
    while (sheet && jb_sheet_next(sheet, scope, &row))
        rows++;
    CHECK_OK(sheet && !jb_failure(scope));
    jb_sheet_close(sheet);
    CHECK_INT(rows, ROWS + 1);
    CHECK_OK(jb_query_int(scope, JB_SQL("select count(*) from import_refusals"), &kept));
    CHECK_INT(kept, 0);
}

JB_FIBER_TEST("a refused row with a text that no workbook holds comes back with an error in its place")
{
    struct site *site = site_new(scope);
    char *memo = jb_alloc(scope, 40001);

    memset(memo, 'm', 40000);
    struct import_job job = import_bytes(scope, "a.csv", jb_format(scope, HEAD "A,2025-02-30,a,,1,%s,\n", memo), (struct jb_import_options){ .on_error = JB_SKIP });
    check_counts(&job, 0, 0, 0, 1);
    CHECK(contains(cells_of(scope, refused_path(scope, site, &job)), "\n2\t6\te\t#VALUE!\n"));
}

/* A skip import whose first attempt ended after some batches; what they refused is kept. */
static int64_t cut_off(struct jb_scope *scope, int rows)
{
    struct jb_import_options options = { .on_error = JB_SKIP, .mode = JB_INSERT, .batch_rows = 100 };
    int64_t id;

    IMPORT(rows_text(scope, 1, rows).data);
    CHECK_OK(jb_import_start(scope, &book_model, spool_of(scope, "a.csv", rows_text(scope, 1, rows)), &options, false, &id));
    attempt_ends_by(scope, id, "transfer/import/group=unavailable*1@5");
    return id;
}

JB_FIBER_TEST("an import that is cancelled before it goes on keeps what it refused, and a retry shows it")
{
    enum { ROWS = 1000 };
    struct site *site = site_new(scope);
    int64_t id = cut_off(scope, ROWS), kept;

    CHECK_OK(jb_job_cancel(scope, id)); /* it has run before: whoever takes it next looks */
    CHECK_OK(jb_import_task.run(scope, &(int64_t){ id }));
    struct import_job job = job_of(scope, id);
    check_status(&job, "cancelled");
    CHECK_INT(job.refused, 500);
    CHECK(contains(job.reason, "Retry it to see the refused rows."));
    CHECK_INT(files_in(site->spool), 1);
    CHECK_OK(jb_query_int(scope, JB_SQL("select count(*) from import_refusals"), &kept));
    CHECK_INT(kept, 5);
    CHECK_OK(jb_job_retry(scope, id));
    CHECK_OK(jb_import_task.run(scope, &(int64_t){ id }));
    job = job_of(scope, id);
    check_status(&job, "done");
    check_counts(&job, 0, 0, 0, ROWS);
    CHECK_INT(job.errors_total, ROWS);
    CHECK_INT(jb_json_parse(scope, job.errors)->count, ROWS);
    CHECK_OK(jb_query_int(scope, JB_SQL("select count(*) from import_refusals"), &kept));
    CHECK_INT(kept, 0);
    CHECK_INT(files_in(site->spool), 0);
}

JB_FIBER_TEST("refusals of a job that nobody retried go with its upload")
{
    struct site *site = site_new(scope);
    int64_t id = cut_off(scope, 1000), kept;

    CHECK_OK(jb_job_cancel(scope, id));
    CHECK_OK(jb_import_task.run(scope, &(int64_t){ id }));
    CHECK_OK(jb_exec(scope, JB_SQL("update import_jobs set expires_at = created_at where id = ?", id), NULL));
    CHECK_OK(jb_transfer_sweep(scope));
    CHECK_OK(jb_query_int(scope, JB_SQL("select count(*) from import_refusals"), &kept));
    CHECK_INT(kept, 0);
    CHECK_INT(files_in(site->spool), 0);
}
