/* test_continue.c — a job goes on with its refused rows, corrected, until it looks like one that never had a bad row. */
// SPDX-License-Identifier: Apache-2.0
#define JB_TRANSFER_TEST_MODELS
#include "job_test.h"
#include <unistd.h>

static const struct jb_exchange *const exchanges_of_books[] = { &book_exchange, NULL };

/* ---- correcting ------------------------------------------------------------------------------------------------------------- */

/* What a person does to a workbook of refused rows: saved as text. */
struct fix {
    int row; /* of the upload */
    const char *heading, *value;
    bool deleted, emptied;
};

struct table {
    struct jb_str head[20];
    size_t columns, number; /* where the numbers stand */
    struct jb_buf out;
};

static const struct fix *fix_of(const struct fix *fixes, int64_t row, struct jb_str heading)
{
    for (; fixes && fixes->row; fixes++)
        if (fixes->row == row && (!heading.data || !fixes->heading || jb_str_is(heading, fixes->heading)))
            return fixes;
    return NULL;
}

static void put_row(struct jb_scope *scope, struct table *table, const struct jb_sheet *sheet, const struct jb_sheet_row *row, const struct fix *fixes)
{
    struct jb_str texts[20] = { 0 };
    int64_t number;

    for (size_t i = 0; i < row->count; i++)
        texts[row->cells[i].column - 1] = jb_cell_text(sheet, scope, &row->cells[i]);
    CHECK(jb_str_to_int64(texts[table->number], &number));
    const struct fix *whole = fix_of(fixes, number, JB_STR_NULL);
    if (whole && whole->deleted)
        return;
    for (size_t i = 0; i < table->columns; i++) {
        const struct fix *fix = fix_of(fixes, number, table->head[i].data ? table->head[i] : JB_STR(""));
        struct jb_str text = i == table->number || !fix ? texts[i] : fix->emptied ? JB_STR("")
                                                                                  : jb_str_of(fix->value);
        put_csv(&table->out, i, text);
    }
    jb_buf_put_char(&table->out, '\n');
}

/* The workbook of a job's refused rows as text, corrected. `fixes` ends with row 0. */
static struct jb_str corrected(struct jb_scope *scope, const struct site *site, int64_t id, const struct fix *fixes)
{
    struct import_job job = job_of(scope, id);
    struct table table = { .out = JB_BUF_INIT((size_t)64 << 20) };
    struct jb_sheet_row row;

    CHECK(job.result.size > 0);
    struct jb_sheet *sheet = jb_sheet_open(scope, jb_format(scope, "%s/%.*s", site->media, JB_FMT(job.result)).data, JB_STR_NULL, NULL);
    CHECK_OK(sheet && jb_sheet_next(sheet, scope, &row));
    table.columns = row.cells[row.count - 1].column;
    table.number = table.columns - 3;
    for (size_t i = 0; i < row.count; i++)
        table.head[row.cells[i].column - 1] = jb_copy(scope, jb_cell_text(sheet, scope, &row.cells[i]));
    for (size_t i = 0; i < table.columns; i++)
        put_csv(&table.out, i, table.head[i]);
    jb_buf_put_char(&table.out, '\n');
    while (jb_sheet_next(sheet, scope, &row))
        put_row(scope, &table, sheet, &row, fixes);
    jb_sheet_close(sheet);
    struct jb_str text = jb_copy(scope, jb_buf_str(&table.out));
    jb_buf_done(&table.out);
    return text;
}

static struct import_job go_on(struct jb_scope *scope, int64_t id, struct jb_str text)
{
    CHECK_OK(jb_import_continue(scope, id, spool_of(scope, "fixed.csv", text), JB_STR_NULL, false));
    CHECK_OK(jb_import_run(scope, id));
    return job_of(scope, id);
}

/* Every upload is a large one there. */
static struct site *site_of_large_files(struct jb_scope *scope)
{
    struct site *site = site_new(scope);
    jb_transfer_free(site->transfer);
    site->transfer = jb_transfer_new(scope, &(struct jb_transfer_options){ .exchanges = exchanges_of_books, .spool_dir = jb_str_of(site->spool), .media_dir = jb_str_of(site->media), .async_bytes = 1 });
    CHECK_OK(site->transfer != NULL);
    jb_transfer_use(scope, site->transfer);
    return site;
}

#define FIXES(...)       \
    (const struct fix[]) \
    {                    \
        __VA_ARGS__,     \
        {                \
            0            \
        }                \
    }

static bool cannot_go_on(struct jb_scope *outer, int64_t id, struct jb_str text, enum jb_error error, const char *says)
{
    struct jb_scope *scope = jb_scope_child(outer, "cannot go on");
    struct import_job before = job_of(scope, id);
    bool refused = !jb_import_continue(scope, id, spool_of(scope, "fixed.csv", text), JB_STR_NULL, false);

    if (!refused)
        return false;
    CHECK_INT(jb_error(scope), error);
    CHECK(contains(jb_failure_text(scope), says));
    jb_failure_clear(scope);
    struct import_job after = job_of(scope, id);
    CHECK_STR(after.status, before.status);
    CHECK_STR(after.result, before.result);
    CHECK_INT(after.refused, before.refused);
    jb_scope_end(scope);
    return true;
}

/* ---- files ------------------------------------------------------------------------------------------------------------------- */

/* Rows 2, 3, 5 and 7 are good; 4 and 6 are not, and 6 twice. */
#define SIX HEAD "A,2025-01-01,a,,1,,\nB,2025-01-02,b,,2,,\nC,2025-02-30,c,,3,,\nD,2025-01-04,d,,4,,\nE,,e,,x,,\nF,2025-01-06,f,,6,,\n"
#define SIX_FIXES FIXES({ 4, "date", "2025-02-28" }, { 6, "date", "2025-01-05" }, { 6, "income", "5" })

static struct import_job six(struct jb_scope *scope, enum jb_on_error on_error)
{
    struct import_job job = IMPORT(SIX, .on_error = on_error);
    check_status(&job, on_error == JB_ABORT ? "failed" : "done");
    check_counts(&job, on_error == JB_ABORT ? 0 : 4, 0, 0, 2);
    CHECK_INT(job.rows, 6);
    CHECK_INT(job.errors_total, 3);
    return job;
}

/* As of a job that never had a bad row. */
static void check_spotless(struct jb_scope *scope, const struct site *site, const struct import_job *job)
{
    check_status(job, "done");
    check_counts(job, 6, 0, 0, 0);
    CHECK_INT(job->rows, 6);
    CHECK_INT(job->errors_total, 0);
    CHECK(!job->result.data && !job->spool.data && !job->corrections.data && !job->reason.data && !job->error.data && !job->errors.data);
    CHECK_INT(books(scope), 6);
    CHECK_INT(book_of(scope, "E").income.units, 500);
    CHECK_INT(book_of(scope, "C").date.days, day(2025, 2, 28).days);
    CHECK_INT(files_in(site->spool), 0);
    CHECK_INT(files_in(site->media), 0);
}

static const enum jb_on_error both[] = { JB_ABORT, JB_SKIP };

JB_FIBER_TEST("refused rows that come back corrected end the job as if it never had a bad row")
{
    for (int i = 0; i < 2; i++) {
        struct jb_scope *round = jb_scope_child(scope, "round");
        struct site *site = site_new(round);
        struct import_job job = six(round, both[i]);
        CHECK_INT(books(round), both[i] == JB_ABORT ? 0 : 4);
        CHECK_INT(files_in(site->spool), both[i] == JB_ABORT); /* the upload, until it is whole */
        job = go_on(round, job.id, corrected(round, site, job.id, SIX_FIXES));
        check_spotless(round, site, &job);
        jb_scope_end(round);
    }
}

JB_FIBER_TEST("what is still wrong comes back again, and what was corrected need not be sent again")
{
    for (int i = 0; i < 2; i++) {
        struct jb_scope *round = jb_scope_child(scope, "round");
        struct site *site = site_new(round);
        struct import_job job = six(round, both[i]);
        job = go_on(round, job.id, corrected(round, site, job.id, FIXES({ 4, "date", "2025-02-28" }, { 6, "date", "2025-01-05" }, { 6, "income", "no" })));
        check_status(&job, both[i] == JB_ABORT ? "failed" : "done");
        check_counts(&job, both[i] == JB_ABORT ? 0 : 5, 0, 0, 1);
        CHECK_INT(job.rows, 6);
        CHECK_INT(job.errors_total, 1);
        CHECK(contains(job.errors, "\"row\":6,\"column\":\"income\",\"heading\":\"income\",\"value\":\"no\""));
        CHECK_INT(files_in(site->media), 1);
        job = go_on(round, job.id, corrected(round, site, job.id, FIXES({ 6, "income", "5" })));
        check_spotless(round, site, &job);
        jb_scope_end(round);
    }
}

JB_FIBER_TEST("rows that were deleted from the corrected file stay refused, with their reasons")
{
    for (int i = 0; i < 2; i++) {
        struct jb_scope *round = jb_scope_child(scope, "round");
        struct site *site = site_new(round);
        struct import_job job = six(round, both[i]);
        job = go_on(round, job.id, corrected(round, site, job.id, FIXES({ 4, "date", "2025-02-28" }, { .row = 6, .deleted = true })));
        check_counts(&job, both[i] == JB_ABORT ? 0 : 5, 0, 0, 1);
        CHECK_INT(job.rows, 6);
        CHECK_INT(job.errors_total, 2);
        CHECK(contains(job.errors, "\"row\":6,\"column\":\"date\",\"heading\":\"date\",\"value\":null"));
        CHECK(contains(job.errors, "\"row\":6,\"column\":\"income\",\"heading\":\"income\",\"value\":\"x\""));
        job = go_on(round, job.id, corrected(round, site, job.id, FIXES({ 6, "date", "2025-01-05" }, { 6, "income", "5" })));
        check_spotless(round, site, &job);
        jb_scope_end(round);
    }
}

JB_FIBER_TEST("a row that was emptied is given up")
{
    for (int i = 0; i < 2; i++) {
        struct jb_scope *round = jb_scope_child(scope, "round");
        struct site *site = site_new(round);
        struct import_job job = six(round, both[i]);
        job = go_on(round, job.id, corrected(round, site, job.id, FIXES({ 4, "date", "2025-02-28" }, { .row = 6, .emptied = true })));
        check_status(&job, "done");
        check_counts(&job, 5, 0, 0, 0);
        CHECK_INT(job.rows, 5);
        CHECK_INT(books(round), 5);
        jb_scope_end(round);
    }
}

JB_FIBER_TEST("the same copy can be corrected further and sent again while nothing is in the table")
{
    struct site *site = site_new(scope);
    struct import_job job = six(scope, JB_ABORT);
    struct jb_str first = corrected(scope, site, job.id, FIXES({ 4, "date", "2025-02-28" })), second = corrected(scope, site, job.id, SIX_FIXES);
    job = go_on(scope, job.id, first);
    check_counts(&job, 0, 0, 0, 1);
    job = go_on(scope, job.id, second);
    check_spotless(scope, site, &job);
}

JB_FIBER_TEST("a corrected row meets the rules of a whole file: a key that another row has is refused")
{
    for (int i = 0; i < 2; i++) {
        struct jb_scope *round = jb_scope_child(scope, "round");
        struct site *site = site_new(round);
        struct import_job job = import_bytes(round, "a.csv", JB_STR(SIX), (struct jb_import_options){ .mode = JB_INSERT, .on_error = both[i] });
        job = go_on(round, job.id, corrected(round, site, job.id, FIXES({ 4, "date", "2025-02-28" }, { 6, "date", "2025-01-05" }, { 6, "income", "5" }, { 6, "external_ref", "A" })));
        check_counts(&job, both[i] == JB_ABORT ? 0 : 5, 0, 0, 1);
        CHECK(contains(job.errors, both[i] == JB_ABORT ? "of row 2. Keep one" : "exists already"));
        job = go_on(round, job.id, corrected(round, site, job.id, FIXES({ 6, "external_ref", "E" })));
        check_spotless(round, site, &job);
        jb_scope_end(round);
    }
}

JB_FIBER_TEST("columns and rows may stand in another order in the corrected file, and columns may be added")
{
    for (int i = 0; i < 2; i++) {
        struct jb_scope *round = jb_scope_child(scope, "round");
        struct site *site = site_new(round);
        struct import_job job = six(round, both[i]);
        struct jb_str text = jb_format(round, "my notes,income,행 row (job %lld-%.6s),date,사업코드,memo,kind,description,external_ref\nok,5,6,2025-01-05,,,,e,E\nok,3,4,2025-02-28,,,,c,C\n", (long long)job.id, job.file_hash.data);
        job = go_on(round, job.id, text);
        check_spotless(round, site, &job);
        jb_scope_end(round);
    }
}

JB_FIBER_TEST("the workbook itself, corrected and saved by another program, is taken")
{
    for (int i = 0; i < 2; i++) {
        struct jb_scope *round = jb_scope_child(scope, "round");
        struct site *site = site_new(round);
        struct import_job job = six(round, both[i]);
        if (!jb_test_output(round, "/usr/bin/python3 -c 'import openpyxl' 2>/dev/null").data)
            jb_test_skip("no openpyxl");
        const char *path = jb_format(round, "%s/fixed.xlsx", site->folder).data;
        const char *command = jb_format(round, "/usr/bin/python3 -c \"\nimport openpyxl, datetime\nb = openpyxl.load_workbook('%s/%.*s')\ns = b.active\ns['B2'] = datetime.date(2025, 2, 28)\ns['B3'] = datetime.date(2025, 1, 5)\ns['E3'] = 5\nb.save('%s')\n\"", site->media, JB_FMT(job.result), path).data;
        CHECK(jb_test_output(round, command).data != NULL);
        struct jb_spool *spool = jb_spool_open(round, JB_STR("fixed.xlsx"));
        CHECK_OK(jb_spool_copy(spool, round, path));
        CHECK_OK(jb_import_continue(round, job.id, spool, JB_STR_NULL, false));
        CHECK_OK(jb_import_run(round, job.id));
        job = job_of(round, job.id);
        check_spotless(round, site, &job);
        jb_scope_end(round);
    }
}

JB_FIBER_TEST("an unread column comes back through two rounds, and rows of a workbook keep their types")
{
    struct site *site = site_new(scope);
    struct import_job job = IMPORT("external_ref,비고,date,description\nA,첫째,2025-01-01,a\nB,둘째,x,b\nC,셋째,y,c\n", .on_error = JB_SKIP);
    job = go_on(scope, job.id, corrected(scope, site, job.id, FIXES({ 3, "date", "2025-01-02" })));
    check_counts(&job, 2, 0, 0, 1);
    CHECK(contains(corrected(scope, site, job.id, NULL), "\"C\",\"셋째\",\"y\",\"c\",\"4\""));
}

/* ---- files that are not the job's ---------------------------------------------------------------------------------------------- */

JB_FIBER_TEST("a file with other numbers, without numbers or of another job is refused in a sentence, and the job stays as it is")
{
    for (int i = 0; i < 2; i++) {
        struct jb_scope *round = jb_scope_child(scope, "round");
        struct site *site = site_new(round);
        struct import_job other = six(round, JB_ABORT), job = import_bytes(round, "a.csv", JB_STR("external_ref,date,description\nX,2025-01-01,x\nY,1,y\nZ,2,z\n"), (struct jb_import_options){ .on_error = both[i] });
        const char *head = jb_format(round, "external_ref,date,description,행 row (job %lld-%.6s)\n", (long long)job.id, job.file_hash.data).data;
        CHECK(cannot_go_on(round, job.id, jb_format(round, "%sY,2025-01-02,y,2\n", head), JB_INVALID, "row 2 of the upload is not among the refused ones"));
        CHECK(cannot_go_on(round, job.id, jb_format(round, "%sY,2025-01-02,y,9223372036854775807\n", head), JB_INVALID, "not among the refused ones"));
        CHECK(cannot_go_on(round, job.id, jb_format(round, "%sY,2025-01-02,y,3\nZ,2025-01-02,z,3\n", head), JB_INVALID, "row 3: the number 3 stands twice"));
        CHECK(cannot_go_on(round, job.id, jb_format(round, "%sY,2025-01-02,y,3\nZ,2025-01-02,z,\n", head), JB_INVALID, "row 3: there is no number"));
        CHECK(cannot_go_on(round, job.id, jb_format(round, "%sY,2025-01-02,y,three\n", head), JB_INVALID, "row 2: there is no number"));
        CHECK(cannot_go_on(round, job.id, jb_format(round, "external_ref,date,행 row (job %lld-%.6s)\nY,2025-01-02,3\n", (long long)job.id, job.file_hash.data), JB_INVALID, "has no column \"description\""));
        CHECK(cannot_go_on(round, job.id, JB_STR("external_ref,date,description\nY,2025-01-02,y\n"), JB_INVALID, "has no heading \"행 row (job"));
        CHECK(cannot_go_on(round, job.id, corrected(round, site, other.id, NULL), JB_INVALID, jb_format(round, "refused rows of job %lld", (long long)other.id).data));
        CHECK(cannot_go_on(round, job.id, JB_STR(""), JB_INVALID, "empty"));
        CHECK(cannot_go_on(round, job.id, JB_STR("PK\003\004 no workbook"), JB_INVALID, "cut short"));
        CHECK(cannot_go_on(round, job.id, JB_STR("\xd0\xcf\x11\xe0"), JB_INVALID, "fixed.csv"));
        jb_scope_end(round);
    }
}

JB_FIBER_TEST("a large corrected file is looked at by the attempt, and the job stands as it stood when it is not its own")
{
    for (int i = 0; i < 2; i++) {
        struct jb_scope *round = jb_scope_child(scope, "round");
        struct site *site = site_of_large_files(round);
        struct import_job job = six(round, both[i]);
        struct jb_str fixed = corrected(round, site, job.id, SIX_FIXES), result = job.result;
        struct import_job after = go_on(round, job.id, jb_format(round, "%.*s\"G\",\"2025-01-01\",\"g\",\"\",\"1\",\"\",\"\",\"2\",\"\",\"\"\n", JB_FMT(fixed)));
        check_status(&after, "failed");
        CHECK(contains(after.reason, "row 2 of the upload is not among the refused ones"));
        check_counts(&after, job.new_rows, 0, 0, 2);
        CHECK_INT(after.rows, 6);
        CHECK_INT(after.errors_total, 3);
        CHECK_STR(after.result, result);
        CHECK_INT(files_in(site->spool), both[i] == JB_ABORT);
        job = go_on(round, job.id, fixed);
        check_spotless(round, site, &job);
        jb_scope_end(round);
    }
}

JB_FIBER_TEST("refused rows that are imported as a new file are told where they belong")
{
    struct site *site = site_new(scope);
    struct import_job job = six(scope, JB_ABORT);
    struct jb_str fixed = corrected(scope, site, job.id, SIX_FIXES);
    struct import_job new = import_bytes(scope, "b.csv", fixed, (struct jb_import_options){ 0 });

    check_status(&new, "failed");
    CHECK(contains(new.reason, jb_format(scope, "jangbu jobs continue %lld FILE", (long long)job.id).data));
    CHECK_INT(jb_spool_job(scope, spool_of(scope, "b.csv", fixed)), job.id);
    CHECK_INT(jb_spool_job(scope, spool_of(scope, "b.csv", JB_STR(SIX))), 0);
    CHECK_INT(jb_spool_job(scope, spool_of(scope, "b.csv", JB_STR(""))), 0);
}

/* ---- exactly once ------------------------------------------------------------------------------------------------------------------ */

static void click(struct jb_scope *outer, int64_t id, struct jb_str text)
{
    struct jb_scope *scope = jb_scope_child(outer, "request");
    CHECK_OK(jb_import_continue(scope, id, spool_of(scope, "fixed.csv", text), JB_STR("token"), true));
    jb_scope_end(scope);
}

JB_FIBER_TEST("a mapped column without a heading comes back with the rows, and an empty one clears nothing when the job goes on")
{
    for (int i = 0; i < 2; i++) {
        struct jb_scope *round = jb_scope_child(scope, "round");
        struct site *site = site_new(round);
        struct jb_import_pair behind = { JB_STR("[E]"), JB_STR("income") }, between = { JB_STR("[D]"), JB_STR("income") };
        struct import_job job = import_bytes(round, "a.csv", JB_STR("external_ref,date,description,,\nA-1,2025-01-01,a,,5\nA-2,bad,b,,6\n"), (struct jb_import_options){ .on_error = both[i], .map = { &behind, 1 } });
        CHECK_INT(job.refused, 1);
        job = go_on(round, job.id, corrected(round, site, job.id, FIXES({ 3, "date", "2025-01-02" })));
        check_status(&job, "done");
        check_counts(&job, 2, 0, 0, 0);
        CHECK_INT(book_of(round, "A-2").income.units, 600);
        job = import_bytes(round, "a.csv", JB_STR("external_ref,date,description,,x\nA-1,2025-01-01,other,,\nA-3,bad,b,,\n"), (struct jb_import_options){ .limit_refused = 1, .map = { &between, 1 } });
        check_status(&job, "failed");
        job = go_on(round, job.id, corrected(round, site, job.id, FIXES({ 3, "date", "2025-01-02" })));
        check_status(&job, "failed");
        CHECK(contains(job.reason, "neither a heading nor a value"));
        CHECK_INT(book_of(round, "A-1").income.units, 500);
        jb_scope_end(round);
    }
}

JB_FIBER_TEST("a second click is the first one's, and another file waits until the job has ended")
{
    for (int i = 0; i < 2; i++) {
        struct jb_scope *round = jb_scope_child(scope, "round");
        struct site *site = site_new(round);
        struct import_job job = six(round, both[i]);
        struct jb_str fixed = corrected(round, site, job.id, SIX_FIXES);
        click(round, job.id, fixed);
        click(round, job.id, fixed);
        CHECK(cannot_go_on(round, job.id, fixed, JB_CONFLICT, "has not ended yet"));
        drain(round);
        click(round, job.id, fixed);
        drain(round);
        CHECK(cannot_go_on(round, job.id, fixed, JB_CONFLICT, "no refused rows"));
        job = job_of(round, job.id);
        check_spotless(round, site, &job);
        jb_scope_end(round);
    }
}

JB_FIBER_TEST("jobs that cannot go on say why")
{
    struct site *site = site_new(scope);
    struct import_job good = IMPORT(HEAD "A,2025-01-01,a,,1,,\n"), dry = IMPORT(SIX, .on_error = JB_SKIP, .dry_run = true), limited = IMPORT(SIX, .on_error = JB_SKIP, .limit_refused = 1), kept = six(scope, JB_ABORT);
    CHECK(!jb_job_continues(scope, &good) && !jb_job_continues(scope, &dry) && !jb_job_continues(scope, &limited) && jb_job_continues(scope, &kept));
    CHECK(cannot_go_on(scope, good.id, JB_STR("x\n"), JB_CONFLICT, "no refused rows"));
    CHECK(cannot_go_on(scope, dry.id, JB_STR("x\n"), JB_CONFLICT, "no refused rows"));
    CHECK(cannot_go_on(scope, limited.id, JB_STR("x\n"), JB_CONFLICT, "did not come to its end"));
    jb_actor_set(scope, &(struct jb_user){ .id = 8, .name = JB_STR("other") });
    CHECK_FAILS(jb_import_continue(scope, kept.id, spool_of(scope, "a.csv", JB_STR("x\n")), JB_STR_NULL, false), JB_DENIED);
    CHECK_FAILS(jb_import_discard(scope, kept.id), JB_DENIED);
    (void)site;
}

/* ---- keeping ----------------------------------------------------------------------------------------------------------------------- */

JB_FIBER_TEST("what is kept to go on is swept after seven days, or given up at once")
{
    for (int i = 0; i < 2; i++) {
        struct jb_scope *round = jb_scope_child(scope, "round");
        struct site *site = site_new(round);
        jb_clock_hold(jb_now());
        struct import_job job = six(round, both[i]), second = six(round, JB_ABORT);
        struct jb_str fixed = corrected(round, site, job.id, FIXES({ 4, "date", "2025-02-28" }));
        job = go_on(round, job.id, fixed);
        int kept = files_in(site->spool);
        CHECK_INT(kept, both[i] == JB_ABORT ? 3 : 1); /* of the first its upload and the correction, of the second its upload */
        jb_clock_advance_us(6 * JB_DAY_US);
        CHECK_OK(jb_transfer_sweep(round));
        CHECK_INT(files_in(site->spool), kept);
        CHECK_INT(files_in(site->media), 2);
        CHECK_OK(jb_import_discard(round, second.id));
        CHECK_INT(files_in(site->spool), kept - 1);
        CHECK_INT(files_in(site->media), 1);
        CHECK(cannot_go_on(round, second.id, fixed, JB_CONFLICT, "are gone"));
        CHECK(!jb_import_discard(round, second.id) && jb_error(round) == JB_CONFLICT);
        jb_failure_clear(round);
        jb_clock_advance_us(2 * JB_DAY_US);
        CHECK(cannot_go_on(round, job.id, fixed, JB_CONFLICT, "are gone"));
        CHECK_OK(jb_transfer_sweep(round));
        CHECK_INT(files_in(site->spool), 0);
        CHECK_INT(files_in(site->media), 0);
        jb_scope_end(round);
    }
}

/* ---- stopping ----------------------------------------------------------------------------------------------------------------------- */

/* In that phase; of writing, when the first batch is in. */
static bool has_come_to(struct jb_scope *scope, int64_t id, const char *phase)
{
    int64_t position = 0;

    if (!jb_str_is(phase_of(scope, id), phase))
        return false;
    CHECK_OK(jb_query_int(scope, JB_SQL("select position from import_marks where id = ?", id), &position));
    return position > 0 || strcmp(phase, "writing") != 0;
}

/* Goes on in the background with a fault set, cancels once it has come so far. */
static struct import_job cancel_in(struct jb_scope *scope, int64_t id, struct jb_str text, const char *phase, const char *fault)
{
    CHECK_OK(jb_import_continue(scope, id, spool_of(scope, "fixed.csv", text), JB_STR_NULL, true));
    CHECK_OK(jb_fault_set(scope, jb_str_of(fault)));
    struct worker *worker = start_worker(scope);
    while (!has_come_to(scope, id, phase) && !has_ended(scope, id))
        CHECK_OK(jb_sleep(scope, 5000));
    CHECK_OK(jb_job_cancel(scope, id));
    join_worker(scope, worker);
    jb_fault_clear();
    return job_of(scope, id);
}

JB_FIBER_TEST("a job that was cancelled while it went on stands as it stood, and can go on again")
{
    for (int i = 0; i < 2; i++) {
        struct jb_scope *round = jb_scope_child(scope, "round");
        struct site *site = site_new(round);
        struct import_job job = six(round, both[i]);
        struct jb_str fixed = corrected(round, site, job.id, SIX_FIXES);
        struct import_job after = cancel_in(round, job.id, fixed, "checking", "transfer/import/batch=sleep:300");
        check_status(&after, "cancelled");
        check_counts(&after, job.new_rows, 0, 0, 2);
        CHECK_STR(after.result, job.result);
        CHECK_INT(after.errors_total, 3);
        CHECK_INT(books(round), job.new_rows);
        CHECK_INT(files_in(site->spool), both[i] == JB_ABORT);
        job = go_on(round, job.id, fixed);
        check_spotless(round, site, &job);
        jb_scope_end(round);
    }
}

/* 4,000 rows without a date, and those of them that are given one. */
static struct jb_str dateless(struct jb_scope *scope, int count)
{
    struct jb_buf text = JB_BUF_INIT((size_t)64 << 20);

    jb_buf_put_z(&text, HEAD);
    for (int i = 1; i <= count; i++)
        jb_buf_printf(&text, "E-%06d,,item,,%d,,\n", i, i);
    struct jb_str copy = jb_copy(scope, jb_buf_str(&text));
    jb_buf_done(&text);
    return copy;
}

static struct jb_str dated(struct jb_scope *scope, const struct import_job *job, int from, int count)
{
    struct jb_buf text = JB_BUF_INIT((size_t)64 << 20);

    jb_buf_printf(&text, "external_ref,date,description,kind,income,memo,사업코드,행 row (job %lld-%.6s)\n", (long long)job->id, job->file_hash.data);
    for (int i = from; i < from + count; i++)
        jb_buf_printf(&text, "E-%06d,2025-01-01,item,,%d,,,%d\n", i, i, i + 1);
    struct jb_str copy = jb_copy(scope, jb_buf_str(&text));
    jb_buf_done(&text);
    return copy;
}

JB_FIBER_TEST("corrected rows that a cancelled job had not applied yet come back refused, and the applied ones do not")
{
    struct site *site = site_new(scope);
    struct import_job job = import_bytes(scope, "a.csv", dateless(scope, 4000), (struct jb_import_options){ .on_error = JB_SKIP, .batch_rows = 500 });
    check_counts(&job, 0, 0, 0, 4000);
    job = cancel_in(scope, job.id, dated(scope, &job, 1, 3000), "writing", "transfer/import/group=sleep:300@1");
    check_status(&job, "cancelled");
    CHECK(job.new_rows > 0 && job.new_rows < 3000);
    CHECK_INT(job.new_rows, books(scope));
    CHECK_INT(job.refused, 4000 - job.new_rows);
    CHECK_INT(job.rows, 4000);
    CHECK_INT(job.errors_total, 4000 - job.new_rows);
    CHECK(contains(job.reason, "already applied stay"));
    struct jb_str rest = corrected(scope, site, job.id, NULL);
    CHECK(contains(rest, "\"E-003000\",\"2025-01-01\"") && contains(rest, "\"E-004000\",\"\""));
    job = go_on(scope, job.id, dated(scope, &job, (int)job.new_rows + 1, 4000 - (int)job.new_rows));
    check_status(&job, "done");
    check_counts(&job, 4000, 0, 0, 0);
    CHECK_INT(books(scope), 4000);
}

JB_FIBER_TEST("a lost database while a job goes on is got over")
{
    for (int i = 0; i < 2; i++) {
        struct jb_scope *round = jb_scope_child(scope, "round");
        struct site *site = site_new(round);
        jb_clock_hold(jb_now());
        struct import_job job = six(round, both[i]);
        CHECK_OK(jb_import_continue(round, job.id, spool_of(round, "fixed.csv", corrected(round, site, job.id, SIX_FIXES)), JB_STR_NULL, true));
        CHECK_OK(jb_fault_set(round, JB_STR("transfer/import/batch=unavailable*1")));
        drain(round);
        CHECK_TEXT(job_of(round, job.id).status, "queued");
        CHECK_OK(jb_transfer_sweep(round));
        jb_clock_advance_us(10 * JB_SECOND_US);
        drain(round);
        job = job_of(round, job.id);
        check_spotless(round, site, &job);
        jb_scope_end(round);
    }
}

/* ---- previews --------------------------------------------------------------------------------------------------------------------------- */

JB_FIBER_TEST("a job that asks before it writes asks again when its rows come back corrected")
{
    struct site *site = site_new(scope);
    int64_t id = start(scope, JB_STR(SIX), (struct jb_import_options){ .confirm = true });
    drain(scope);
    struct import_job job = job_of(scope, id);
    check_status(&job, "failed");
    CHECK_OK(jb_import_continue(scope, id, spool_of(scope, "fixed.csv", corrected(scope, site, id, SIX_FIXES)), JB_STR_NULL, true));
    drain(scope);
    job = job_of(scope, id);
    check_status(&job, "waiting");
    check_counts(&job, 6, 0, 0, 0);
    CHECK_INT(books(scope), 0);
    CHECK_OK(jb_import_confirm(scope, id));
    drain(scope);
    job = job_of(scope, id);
    check_spotless(scope, site, &job);
}

JB_FIBER_TEST("a refused job can be retried when what it lacked is there, with what was corrected before")
{
    struct site *site = site_new(scope);
    struct import_job job = IMPORT(HEAD "A,2025-01-01,a,,1,,P-1\nB,2025-02-30,b,,2,,\n");
    check_counts(&job, 0, 0, 0, 2);
    job = go_on(scope, job.id, corrected(scope, site, job.id, FIXES({ 3, "date", "2025-02-28" })));
    check_counts(&job, 0, 0, 0, 1);
    add_project(scope, "P-1");
    CHECK_OK(jb_job_retry(scope, job.id));
    drain(scope);
    job = job_of(scope, job.id);
    check_status(&job, "done");
    check_counts(&job, 2, 0, 0, 0);
    CHECK_INT(files_in(site->spool), 0);
}
