/* test_bad_input.c — files that cannot go in: each gets one clear sentence, the kind of error decides exit status and HTTP status, and the table is as it was. */
// SPDX-License-Identifier: Apache-2.0
#define JB_TRANSFER_TEST_MODELS
#include "transfer_test.h"

struct bad {
    const char *what, *name;
    struct jb_str bytes;
    const char *error;   /* of the job */
    const char *says[3]; /* in its reason, or in its errors */
    struct jb_import_options options;
};

static void check_bad(struct jb_scope *scope, const struct bad *bad)
{
    struct jb_scope *one = jb_scope_child(scope, bad->what);
    struct import_job job = import_bytes(one, bad->name, bad->bytes, bad->options);
    struct jb_str said = jb_format(one, "%.*s %.*s", JB_FMT(job.reason), JB_FMT(job.errors));

    fprintf(stderr, "# %s: %.*s\n", bad->what, JB_FMT(jb_str_slice(said, 0, 300)));
    CHECK_TEXT(job.status, "failed");
    CHECK_TEXT(job.error, bad->error);
    for (size_t i = 0; i < JB_COUNT(bad->says) && bad->says[i]; i++)
        CHECK(contains(said, bad->says[i]));
    CHECK_INT(job.new_rows + job.changed, 0);
    CHECK_INT(books(one), 1);
    CHECK_TEXT(book_of(one, "A").description, "as it was");
    jb_scope_end(one);
}

static struct site *site_with_row(struct jb_scope *scope)
{
    struct site *site = site_new(scope);
    IMPORT(HEAD "A,2025-01-01,as it was,,1,,\n");
    return site;
}

#define LINE(cells) JB_STR(HEAD "B,2025-01-01,good,,1,,\n" cells)

JB_FIBER_TEST("cells that do not fit: row, column, value, reason and what to do")
{
    struct site *site = site_with_row(scope);
    const struct bad table[] = {
        { "wrong type", "a.csv", LINE("C,2025-01-01,x,,abc,,\n"), "invalid", { "\"row\":3", "\"column\":\"income\"", "\"value\":\"abc\"" } },
        { "not a day", "a.csv", LINE("C,2025-02-30,x,,1,,\n"), "invalid", { "\"row\":3", "\"column\":\"date\"", "2025-02-30" } },
        { "over-long text", "a.csv", LINE("C,2025-01-01,123456789012345678901,,1,,\n"), "invalid", { "\"column\":\"description\"", "123456789012345678901" } },
        { "unknown choice", "a.csv", LINE("C,2025-01-01,x,gift,1,,\n"), "invalid", { "\"column\":\"kind\"", "gift" } },
        { "too many decimals", "a.csv", LINE("C,2025-01-01,x,,1.005,,\n"), "invalid", { "\"column\":\"income\"", "1.005" } },
        { "required and empty", "a.csv", LINE("C,,x,,1,,\n"), "invalid", { "\"column\":\"date\"", "\"row\":3" } },
        { "key empty", "a.csv", LINE(",2025-01-01,x,,1,,\n"), "invalid", { "\"column\":\"external_ref\"" } },
        { "key twice", "a.csv", LINE("B,2025-01-01,x,,1,,\n"), "invalid", { "\"row\":3", "\"column\":\"external_ref\"", "row 2" } },
        { "unknown reference", "a.csv", LINE("C,2025-01-01,x,,1,,P-404\n"), "invalid", { "project.code", "P-404" } },
        { "invalid UTF-8 in no known encoding", "a.csv", LINE("C,2025-01-01,\xff\xff\xff,,1,,\n"), "invalid", { 0 } },
    };
    for (size_t i = 0; i < JB_COUNT(table); i++)
        check_bad(scope, &table[i]);
    CHECK_INT(files_in(site->spool), 9); /* kept to go on with the corrected row; the last is no sheet */
}

JB_FIBER_TEST("files that are no sheets, or not this table's")
{
    struct site *site = site_with_row(scope);
    const struct bad table[] = {
        { "empty file", "a.csv", JB_STR(""), "invalid", { "a.csv" } },
        { "only a header", "a.csv", JB_STR(HEAD), "invalid", { "a.csv" } },
        { "missing required column", "a.csv", JB_STR("external_ref,description\nB,x\n"), "invalid", { "\"Date\"" } },
        { "missing key", "a.csv", JB_STR("date,description\n2025-01-01,x\n"), "invalid", { "required column" } },
        { "header twice", "a.csv", JB_STR("external_ref,date,description,income,Income\nB,2025-01-01,x,1,2\n"), "invalid", { "twice", "D", "E" } },
        { "two names of one column", "a.csv", JB_STR("external_ref,date,description,income,수입\nB,2025-01-01,x,1,2\n"), "invalid", { "both go to", "D", "E" } },
        { "no known header", "a.csv", JB_STR("a,b,c\n1,2,3\n"), "invalid", { "no known heading", "Number" } },
        { "not a zip", "a.xlsx", JB_STR("\x89PNG\r\n\x1a\n not a workbook at all"), "invalid", { "a.xlsx" } },
        { "a truncated workbook", "a.xlsx", JB_STR("PK\x03\x04\x14\x00\x00\x00\x08\x00"), "invalid", { "a.xlsx" } },
        { "an old workbook", "a.xls", JB_STR("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and so on and so on"), "invalid", { "a.xls" } },
    };
    for (size_t i = 0; i < JB_COUNT(table); i++)
        check_bad(scope, &table[i]);
    CHECK_INT(files_in(site->spool), 0);
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

/* A workbook with our head row and one row whose description is `text`. */
static struct jb_str workbook(struct jb_scope *scope, struct jb_str text)
{
    struct bytes out = { JB_BUF_INIT((size_t)64 << 20) };
    struct jb_str titles[] = { JB_STR("external_ref"), JB_STR("date"), JB_STR("description") };
    const struct jb_field *fields[3] = { NULL };
    struct jb_value cells[] = { jb_v(JB_STR("B")), jb_v(JB_STR("2025-01-01")), jb_v(text) };
    struct jb_sheet_writer *writer = jb_sheet_writer_new(scope, &(struct jb_sheet_writer_options){ .format = JB_SHEET_XLSX, .sheet = JB_STR("자료") }, to_bytes, &out);

    CHECK_OK(writer != NULL);
    CHECK_OK(jb_sheet_writer_head(writer, scope, titles, fields, 3));
    CHECK_OK(jb_sheet_writer_row(writer, scope, cells, 3));
    CHECK_OK(jb_sheet_writer_finish(writer, scope));
    jb_sheet_writer_free(writer);
    struct jb_str copy = jb_copy(scope, jb_buf_str(&out.buf));
    jb_buf_done(&out.buf);
    return copy;
}

JB_FIBER_TEST("workbooks: no such sheet names the ones there are, a truncated one is refused")
{
    site_with_row(scope);
    struct jb_str good = workbook(scope, JB_STR("good"));
    const struct bad table[] = {
        { "no such sheet", "a.xlsx", good, "invalid", { "자료", "없는" }, { .sheet = JB_STR("없는") } },
        { "truncated upload", "a.xlsx", jb_str_slice(good, 0, good.size / 2), "invalid", { "a.xlsx" } },
    };
    for (size_t i = 0; i < JB_COUNT(table); i++)
        check_bad(scope, &table[i]);
    struct import_job job = import_bytes(scope, "a.xlsx", good, (struct jb_import_options){ .sheet = JB_STR("자료") });
    check_counts(&job, 1, 0, 0, 0);
}

/* Workbooks made to break readers stand in the shared cases. */
JB_FIBER_TEST("a workbook past a limit is refused as such")
{
    static const char *const names[] = { "bomb_1GiB_cell.xlsx", "bomb_10M_rows.xlsx" };
    const char *shared = getenv("JB_SHARED");
    struct site *site = site_with_row(scope);
    int64_t id;

    if (!shared || access(jb_format(scope, "%s/cases/own/%s", shared, names[0]).data, R_OK) != 0)
        jb_test_skip("the shared cases are not here");
    for (size_t i = 0; i < JB_COUNT(names); i++) {
        struct jb_scope *one = jb_scope_child(scope, "bomb");
        struct jb_spool *spool = jb_spool_open(one, jb_str_of(names[i]));
        CHECK_OK(jb_spool_copy(spool, one, jb_format(one, "%s/cases/own/%s", shared, names[i]).data));
        CHECK_OK(jb_import_start(one, &book_model, spool, &(struct jb_import_options){ 0 }, false, &id));
        CHECK_OK(jb_import_run(one, id));
        struct import_job job = job_of(one, id);
        check_status(&job, "failed");
        fprintf(stderr, "# %s: %.*s: %.*s\n", names[i], JB_FMT(job.error), JB_FMT(job.reason));
        CHECK(jb_str_is(job.error, "limit") || jb_str_is(job.error, "invalid"));
        jb_scope_end(one);
    }
    CHECK_INT(books(scope), 1);
    CHECK_INT(files_in(site->spool), 0);
}

JB_FIBER_TEST("an upload over the limit is refused while it comes in")
{
    struct site *site = site_new(scope);
    jb_transfer_free(site->transfer);
    site->transfer = jb_transfer_new(scope, &(struct jb_transfer_options){ .spool_dir = jb_str_of(site->spool), .media_dir = jb_str_of(site->media), .upload_bytes_max = 1000 });
    jb_transfer_use(scope, site->transfer);
    struct jb_scope *request = jb_scope_child(scope, "request");
    struct jb_spool *spool = jb_spool_open(request, JB_STR("a.csv"));
    char part[400] = "x";
    CHECK_OK(jb_spool_write(spool, request, part, sizeof part));
    CHECK_OK(jb_spool_write(spool, request, part, sizeof part));
    CHECK(!jb_spool_write(spool, request, part, sizeof part));
    CHECK_INT(jb_error(request), JB_LIMIT);
    jb_scope_end(request);
    CHECK_INT(files_in(site->spool), 0);
}

JB_FIBER_TEST("a full disk while receiving is said, and leaves no file")
{
    struct site *site = site_new(scope);
    struct jb_scope *request = jb_scope_child(scope, "request");
    struct jb_spool *spool = jb_spool_open(request, JB_STR("a.csv"));
    CHECK_OK(jb_fault_set(scope, JB_STR("transfer/spool/write=unavailable*1")));
    CHECK(!jb_spool_write(spool, request, "x", 1));
    CHECK_INT(jb_error(request), JB_UNAVAILABLE);
    jb_scope_end(request);
    CHECK_INT(files_in(site->spool), 0);
}

JB_FIBER_TEST("an upload's name is what people see, never a path")
{
    site_new(scope);
    struct import_job job = import_bytes(scope, "../../etc/C:\\사용자\\출납.csv", rows_text(scope, 1, 2), (struct jb_import_options){ 0 });
    CHECK_TEXT(job.file_name, "출납.csv");
}
