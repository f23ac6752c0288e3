/* test_export.c — rows out, and the same rows in again. */
// SPDX-License-Identifier: Apache-2.0
#define JB_TRANSFER_TEST_MODELS
#include "transfer_test.h"
#include <sodium.h>

static void sha256_hex(struct jb_str bytes, char out[65])
{
    unsigned char digest[32];

    crypto_hash_sha256(digest, (const unsigned char *)bytes.data, bytes.size);
    sodium_bin2hex(out, 65, digest, sizeof digest);
}

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
    struct jb_export_result result;

    CHECK_OK(jb_export_to(scope, &book_model, &options, to_bytes, &out, &result));
    CHECK_INT(result.rows, rows);
    CHECK_INT(result.bytes, (int64_t)out.buf.size);
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

/* ---- one moment ------------------------------------------------------------------------------------------------------------------ */

struct meanwhile {
    struct jb_scope *scope;
    struct jb_buf buf;
    bool done;
};

/* Somebody changes everything once the first bytes are out. */
static bool change_meanwhile(void *arg, struct jb_scope *scope, const void *bytes, size_t size)
{
    struct meanwhile *meanwhile = arg;
    struct sample_project project = { .code = JB_STR("P-9"), .name = JB_STR("late") };
    int64_t changed;

    (void)scope;
    if (!meanwhile->done) {
        meanwhile->done = true;
        CHECK_OK(jb_insert(meanwhile->scope, &sample_project, &project));
        CHECK_OK(jb_exec(meanwhile->scope, JB_SQL("update projects set code = 'P-2' where code = 'P-1'"), NULL));
        CHECK_OK(jb_exec(meanwhile->scope, JB_SQL("update book set description = 'late', project_id = ? where id % 2 = 0", project.id), &changed));
        CHECK(changed > 1000);
        CHECK_OK(jb_exec(meanwhile->scope, JB_SQL("delete from book where id % 3 = 0"), NULL));
        struct book late = { .external_ref = JB_STR("LATE"), .date = day(2025, 1, 1), .description = JB_STR("late"), .kind = JB_STR("income") };
        CHECK_OK(jb_insert(meanwhile->scope, &book_model, &late));
    }
    jb_buf_put_bytes(&meanwhile->buf, bytes, size);
    return true;
}

static size_t count_of(struct jb_str text, struct jb_str part)
{
    size_t count = 0;

    for (size_t at = 0; (at = jb_str_find(text, part, at)) != SIZE_MAX; at += part.size)
        count++;
    return count;
}

static void check_one_moment(struct jb_scope *scope, struct jb_export_options options)
{
    struct meanwhile meanwhile = { .scope = scope, .buf = JB_BUF_INIT((size_t)64 << 20) };
    struct jb_export_result result;
    struct sample_project project;

    site_new(scope);
    add_project(scope, "P-1");
    CHECK(jb_first(scope, &sample_project, &project, .limit = 1));
    import_bytes(scope, "a.csv", rows_text(scope, 1, 20000), (struct jb_import_options){ 0 });
    CHECK_OK(jb_exec(scope, JB_SQL("update book set project_id = ?", project.id), NULL));
    options.format = JB_SHEET_CSV;
    CHECK_OK(jb_export_to(scope, &book_model, &options, change_meanwhile, &meanwhile, &result));
    CHECK(meanwhile.done);
    CHECK_INT(result.rows, 20000);
    CHECK_INT(count_of(jb_buf_str(&meanwhile.buf), JB_STR("\r\n")), 20001);
    CHECK_INT(count_of(jb_buf_str(&meanwhile.buf), JB_STR(",P-1\r\n")), 20000);
    CHECK_INT(count_of(jb_buf_str(&meanwhile.buf), JB_STR("late")), 0);
    jb_buf_clear(&meanwhile.buf);
    CHECK_OK(jb_export_to(scope, &book_model, &(struct jb_export_options){ .format = JB_SHEET_CSV }, change_meanwhile, &meanwhile, &result)); /* and now it is seen */
    CHECK_INT(count_of(jb_buf_str(&meanwhile.buf), JB_STR(",P-1\r\n")), 0);
    CHECK(count_of(jb_buf_str(&meanwhile.buf), JB_STR("LATE")) == 1 && count_of(jb_buf_str(&meanwhile.buf), JB_STR(",P-9\r\n")) > 1000);
    jb_buf_done(&meanwhile.buf);
}

JB_FIBER_TEST("all that is exported is of one moment, what rows refer to as well, whoever changes it meanwhile")
{
    check_one_moment(scope, (struct jb_export_options){ 0 });
}

JB_FIBER_TEST("what a search finds is of one moment too")
{
    check_one_moment(scope, (struct jb_export_options){ .search = JB_STR("item"), .search_fields = "description" });
}

/* ---- what can be compared ---------------------------------------------------------------------------------------------------------- */

JB_FIBER_TEST("an export tells the sums of its amounts, all digits of them, and the hash of its bytes")
{
    struct bytes out = { JB_BUF_INIT((size_t)64 << 20) };
    struct jb_buf rows = JB_BUF_INIT((size_t)1 << 20);
    struct jb_export_result result;
    char hex[65];
    site_new(scope);
    jb_buf_put_z(&rows, HEAD);
    for (int i = 0; i < 1234; i++)
        jb_buf_printf(&rows, "B-%d,2025-01-01,x,income,9999999999999.99,,\n", i);
    import_bytes(scope, "a.csv", jb_buf_str(&rows), (struct jb_import_options){ 0 });
    CHECK_OK(jb_export_to(scope, &book_model, &(struct jb_export_options){ .format = JB_SHEET_CSV }, to_bytes, &out, &result));
    CHECK_INT(result.total_count, 1);
    CHECK_STR(result.totals[0].column, JB_STR("income"));
    CHECK_STR(result.totals[0].label, JB_STR("Income"));
    CHECK_STR(result.totals[0].sum, JB_STR("12339999999999987.66"));
    sha256_hex(jb_buf_str(&out.buf), hex);
    CHECK_STR(jb_str_of(result.sha256), jb_str_of(hex));
    CHECK(jb_str_find(jb_buf_str(&out.buf), JB_STR("Total"), 0) == SIZE_MAX);
    jb_buf_clear(&out.buf);
    CHECK_OK(jb_export_to(scope, &book_model, &(struct jb_export_options){ .format = JB_SHEET_CSV, .totals = true }, to_bytes, &out, &result));
    CHECK_INT(result.rows, 1234);
    CHECK(jb_str_ends(jb_buf_str(&out.buf), JB_STR("\r\nTotal,,,,12339999999999987.66,,\r\n")));
    jb_buf_done(&rows);
    jb_buf_done(&out.buf);
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
    struct jb_job_file file;
    int64_t id;
    import_bytes(scope, "a.csv", rows_text(scope, 1, 30000), (struct jb_import_options){ 0 });

    CHECK_OK(jb_export_start(scope, &book_model, &(struct jb_export_options){ .format = JB_SHEET_XLSX, .order = JB_STR("external_ref") }, &id));
    CHECK_FAILS(jb_job_file(scope, id, &file), JB_CONFLICT);
    CHECK_OK(jb_queue_work(scope, &(struct jb_work){ .drain = true }));
    struct import_job job = job_of(scope, id);
    check_status(&job, "done");
    CHECK_INT(job.rows, 30000);
    CHECK_INT(job.progress, 100);
    CHECK_OK(jb_job_file(scope, id, &file));
    CHECK(file.bytes > 100000);
    CHECK_INT(job.file_bytes, file.bytes);
    CHECK_INT(job.file_hash.size, 64);
    CHECK(contains(job.totals, "\"column\":\"income\""));
    CHECK(jb_str_ends(file.name, JB_STR(".xlsx")));
    CHECK_STR(file.sha256, job.file_hash);
    struct jb_sheet *sheet = jb_sheet_open(scope, jb_format(scope, "/proc/self/fd/%d", file.fd).data, file.name, &(struct jb_sheet_options){ 0 });
    CHECK_OK(sheet != NULL);
    struct jb_sheet_row row;
    int64_t rows = 0;
    while (jb_sheet_next(sheet, scope, &row))
        rows++;
    CHECK_INT(rows, 30001);
    jb_sheet_close(sheet);
    close(file.fd);
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
