/* test_export.c — rows out, and the same rows in again. */
// SPDX-License-Identifier: Apache-2.0
#define JB_TRANSFER_TEST_MODELS
#include "transfer_test.h"

struct bytes {
    struct jb_buf buf;
};

static bool to_bytes(void *arg, struct jb_scope *scope, const void *bytes, size_t size)
{
    struct bytes *out = arg;
    (void)scope;
    jb_buf_put_bytes(&out->buf, bytes, size);
    return !out->buf.full;
}

static struct jb_str export(struct jb_scope *scope, struct jb_export_options options, int64_t rows)
{
    struct bytes out = { JB_BUF_INIT((size_t)64 << 20) };
    int64_t count = -1;

    CHECK_OK(jb_export_to(scope, &book_model, &options, to_bytes, &out, &count));
    CHECK_INT(count, rows);
    struct jb_str copy = jb_copy(scope, jb_buf_str(&out.buf));
    jb_buf_done(&out.buf);
    return copy;
}

static void fill(struct jb_scope *scope)
{
    add_project(scope, "P-1");
    IMPORT(HEAD "A,2025-01-01,\"a, \"\"b\"\"\",income,1.05,\"two\nlines\",P-1\n000123,2025-02-28,=1+1,expense,-99999999999.99,,\n한글,1999-12-31,끝,,0,메모,\n");
}

JB_FIBER_TEST("what was exported imports as all unchanged, in every format")
{
    site_new(scope);
    fill(scope);
    static const enum jb_sheet_format formats[] = { JB_SHEET_XLSX, JB_SHEET_CSV, JB_SHEET_TSV };
    static const char *const names[] = { "a.xlsx", "a.csv", "a.tsv" };
    for (size_t i = 0; i < JB_COUNT(formats); i++) {
        struct jb_str bytes = export(scope, (struct jb_export_options){ .format = formats[i], .raw = true }, 3);
        struct import_job job = import_bytes(scope, names[i], bytes, (struct jb_import_options){ 0 });
        check_status(&job, "done");
        check_counts(&job, 0, 0, 3, 0);
    }
}

JB_FIBER_TEST("columns, conditions, order and chosen rows are honoured")
{
    site_new(scope);
    fill(scope);
    struct jb_condition conditions[] = { { JB_STR("date"), JB_GREATER_EQUAL, jb_v(day(2025, 1, 1)) }, { .op = JB_OP_END } };
    struct jb_str csv = export(scope, (struct jb_export_options){ .format = JB_SHEET_CSV, .columns = JB_STR("external_ref,project.code"), .conditions = conditions, .order = JB_STR("-date") }, 2);
    CHECK(contains(csv, "000123"));
    CHECK(contains(csv, "A,P-1"));
    CHECK(jb_str_find(csv, JB_STR("한글"), 0) == SIZE_MAX);
    CHECK(jb_str_find(csv, JB_STR("000123"), 0) < jb_str_find(csv, JB_STR("A,P-1"), 0));
    int64_t ids[] = { 3 };
    csv = export(scope, (struct jb_export_options){ .format = JB_SHEET_CSV, .ids = { ids, 1 } }, 1);
    CHECK(contains(csv, "한글"));
    struct bytes out = { JB_BUF_INIT(1000) };
    CHECK_FAILS(jb_export_to(scope, &book_model, &(struct jb_export_options){ .columns = JB_STR("nothing") }, to_bytes, &out, NULL), JB_INVALID);
    jb_buf_done(&out.buf);
}

JB_FIBER_TEST("a formula is guarded in a CSV unless raw was asked for")
{
    site_new(scope);
    fill(scope);
    CHECK(contains(export(scope, (struct jb_export_options){ .format = JB_SHEET_CSV }, 3), "'=1+1"));
    CHECK(jb_str_find(export(scope, (struct jb_export_options){ .format = JB_SHEET_CSV, .raw = true }, 3), JB_STR("'=1+1"), 0) == SIZE_MAX);
}

JB_FIBER_TEST("an export as a job ends with a file to download, with progress on the way")
{
    site_new(scope);
    int64_t id, bytes;
    int fd;
    struct jb_str name;
    import_bytes(scope, "a.csv", rows_text(scope, 1, 30000), (struct jb_import_options){ 0 });

    CHECK_OK(jb_export_start(scope, &book_model, &(struct jb_export_options){ .format = JB_SHEET_XLSX, .order = JB_STR("external_ref") }, &id));
    CHECK_FAILS(jb_job_file(scope, id, &fd, &bytes, &name), JB_NOT_FOUND);
    CHECK_OK(jb_queue_work(scope, &(struct jb_work){ .drain = true }));
    struct import_job job = job_of(scope, id);
    check_status(&job, "done");
    CHECK_INT(job.rows, 30000);
    CHECK_INT(job.progress, 100);
    CHECK_OK(jb_job_file(scope, id, &fd, &bytes, &name));
    CHECK(bytes > 100000);
    CHECK(jb_str_ends(name, JB_STR(".xlsx")));
    struct jb_sheet *sheet = jb_sheet_open(scope, jb_format(scope, "/proc/self/fd/%d", fd).data, name, &(struct jb_sheet_options){ 0 });
    CHECK_OK(sheet != NULL);
    struct jb_sheet_row row;
    int64_t rows = 0;
    while (jb_sheet_next(sheet, scope, &row))
        rows++;
    CHECK_INT(rows, 30001);
    jb_sheet_close(sheet);
    close(fd);
    struct jb_rows *events = jb_job_events(scope, id, 0);
    CHECK(events->count >= 10);
}

JB_FIBER_TEST("results are kept for a week and then swept")
{
    struct site *site = site_new(scope);
    int64_t id;
    jb_clock_hold(jb_now());
    fill(scope);
    CHECK_OK(jb_export_start(scope, &book_model, &(struct jb_export_options){ .format = JB_SHEET_CSV }, &id));
    CHECK_OK(jb_queue_work(scope, &(struct jb_work){ .drain = true }));
    CHECK_OK(jb_transfer_sweep(scope));
    CHECK_INT(files_in(site->media), 1);
    jb_clock_advance_us(8 * JB_DAY_US);
    CHECK_OK(jb_transfer_sweep(scope));
    CHECK_INT(files_in(site->media), 0);
}
