/* test_undo.c — a whole import taken back. */
// SPDX-License-Identifier: Apache-2.0
#define JB_TRANSFER_TEST_MODELS
#include "job_test.h"

static struct import_job undo(struct jb_scope *scope, int64_t import)
{
    int64_t id;
    CHECK_OK(jb_undo_start(scope, import, &(struct jb_undo_options){ .whole = false }, &id));
    drain(scope);
    return job_of(scope, id);
}

/* What failed is tried again, without the pause. */
static void drain_again(struct jb_scope *scope)
{
    drain(scope);
    CHECK_OK(jb_exec(scope, JB_SQL("update queue_entries set run_at = ?", jb_now()), NULL));
    drain(scope);
}

static void check_undo(const struct import_job *job, int64_t removed, int64_t restored, int64_t left)
{
    check_status(job, "done");
    if (job->removed != removed || job->changed != restored || job->refused != left)
        fprintf(stderr, "undo: removed %lld restored %lld left %lld: %.*s\n", (long long)job->removed, (long long)job->changed, (long long)job->refused, JB_FMT(job->errors));
    CHECK_INT(job->removed, removed);
    CHECK_INT(job->changed, restored);
    CHECK_INT(job->refused, left);
}

static struct import_job import_into(struct jb_scope *scope, const struct jb_model *model, struct jb_str text, struct jb_import_options options)
{
    int64_t id;
    CHECK_OK(jb_import_start(scope, model, spool_of(scope, "a.csv", text), &options, false, &id));
    CHECK_OK(jb_import_run(scope, id));
    return job_of(scope, id);
}

/* All of the table but the times, as text. */
static struct jb_str picture(struct jb_scope *scope)
{
    struct jb_rows *rows = jb_select(scope, &book_model, .order = JB_STR("external_ref"), .limit = 100000);
    struct jb_buf buf = JB_BUF_INIT((size_t)64 << 20);

    CHECK_OK(rows != NULL);
    for (JB_EACH_ROW(rows, const struct book, row))
        jb_buf_printf(&buf, "%lld %.*s %d %.*s %.*s %lld %.*s %lld\n", (long long)row->id, JB_FMT(row->external_ref), row->date.days, JB_FMT(row->description), JB_FMT(row->kind), (long long)row->income.units, JB_FMT(row->memo), (long long)row->project_id);
    struct jb_str text = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return text;
}

static const enum jb_on_error both[] = { JB_ABORT, JB_SKIP };

#define CHANGES HEAD                                   \
    "E-000001,2025-02-02,item one,expense,100,note,\n" \
    "E-000002,2025-03-03,item 2,expense,2,,\n"         \
    "E-000003,2025-04-04,item 3,income,3.50,memo,\n"   \
    "N-000001,2025-05-05,new one,income,7,,\n"         \
    "N-000002,2025-06-06,new two,income,8,,\n"

JB_FIBER_TEST("an import of new and changed rows that is undone leaves the table as it was, to the cell")
{
    for (size_t i = 0; i < JB_COUNT(both); i++) {
        struct jb_scope *round = jb_scope_child(scope, "round");
        struct site *site = site_new(round);
        struct import_job first = import_bytes(round, "a.csv", rows_text(round, 1, 20), (struct jb_import_options){ 0 });
        check_counts(&first, 20, 0, 0, 0);
        struct jb_str before = picture(round);

        struct import_job job = import_bytes(round, "b.csv", JB_STR(CHANGES), (struct jb_import_options){ .on_error = both[i] });
        check_counts(&job, 2, 2, 1, 0);
        CHECK(job.undo_until.us > jb_now().us);
        struct import_job undone = undo(round, job.id);
        check_undo(&undone, 2, 2, 0);
        CHECK_INT(undone.rows, 4);
        CHECK_INT(undone.undoes, job.id);
        CHECK(!undone.result.data && !undone.errors.data);
        CHECK_TEXT(picture(round), jb_cstr(round, before));
        CHECK_INT(job_of(round, job.id).undone_by, undone.id);
        CHECK_INT(files_in(site->spool), 0);
        jb_scope_end(round);
    }
}

JB_FIBER_TEST("imports are undone one after the other, the last one first")
{
    site_new(scope);
    struct import_job first = import_bytes(scope, "a.csv", rows_text(scope, 1, 3000), (struct jb_import_options){ 0 });
    struct jb_str before = picture(scope);
    struct import_job second = IMPORT(CHANGES), third = IMPORT_WITH("external_ref,income\nE-000001,55\nN-000001,9\n", .mode = JB_UPDATE_ONLY);
    check_counts(&third, 0, 2, 0, 0);

    struct import_job undone = undo(scope, third.id);
    check_undo(&undone, 0, 2, 0);
    undone = undo(scope, second.id);
    check_undo(&undone, 2, 2, 0);
    CHECK_TEXT(picture(scope), jb_cstr(scope, before));
    undone = undo(scope, first.id);
    check_undo(&undone, 3000, 0, 0);
    CHECK_INT(books(scope), 0);
}

JB_FIBER_TEST("rows that were touched since are left and told, cell by cell")
{
    struct site *site = site_new(scope);
    import_bytes(scope, "a.csv", rows_text(scope, 1, 5), (struct jb_import_options){ 0 });
    struct import_job job = IMPORT_WITH("external_ref,income\nE-000001,100\nE-000002,200\nE-000003,300\n", .mode = JB_UPDATE_ONLY);
    check_counts(&job, 0, 3, 0, 0);
    struct book one = book_of(scope, "E-000001"), two = book_of(scope, "E-000002");
    one.memo = JB_STR("by hand"); /* a column that the sheet did not bring */
    two.income = (struct jb_decimal){ 20100, 2 };
    CHECK_OK(jb_save(scope, &book_model, &one));
    CHECK_OK(jb_save(scope, &book_model, &two));

    struct import_job undone = undo(scope, job.id);
    check_undo(&undone, 0, 1, 2);
    CHECK_INT(book_of(scope, "E-000001").income.units, 10000);
    CHECK_INT(book_of(scope, "E-000002").income.units, 20100);
    CHECK_INT(book_of(scope, "E-000003").income.units, 300);
    CHECK_INT(undone.errors_total, 2);
    CHECK(contains(undone.errors, "\"row\":2,\"column\":\"memo\"") && contains(undone.errors, "\"value\":\"by hand\""));
    CHECK(contains(undone.errors, "\"row\":3,\"column\":\"income\"") && contains(undone.errors, "\"value\":\"201.00\",\"written\":\"200.00\",\"key\":\"E-000002\""));
    struct jb_sheet_row row;
    struct jb_sheet *sheet = jb_sheet_open(scope, jb_format(scope, "%s/%.*s", site->media, JB_FMT(undone.result)).data, JB_STR_NULL, NULL);
    CHECK_OK(sheet && jb_sheet_next(sheet, scope, &row) && jb_sheet_next(sheet, scope, &row) && jb_sheet_next(sheet, scope, &row));
    CHECK_TEXT(jb_cell_text(sheet, scope, &row.cells[0]), "3");
    CHECK_TEXT(jb_cell_text(sheet, scope, &row.cells[1]), "E-000002");
    CHECK_TEXT(jb_cell_text(sheet, scope, &row.cells[3]), "200.00");
    CHECK_TEXT(jb_cell_text(sheet, scope, &row.cells[4]), "201.00");
    jb_sheet_close(sheet);
}

JB_FIBER_TEST("new rows that somebody changed, deleted or gave another key are left and told")
{
    site_new(scope);
    struct import_job job = import_bytes(scope, "a.csv", rows_text(scope, 1, 10), (struct jb_import_options){ 0 });
    struct book changed = book_of(scope, "E-000003"), renamed = book_of(scope, "E-000004");
    changed.memo = JB_STR("by hand");
    renamed.external_ref = JB_STR("OTHER");
    CHECK_OK(jb_save(scope, &book_model, &changed));
    CHECK_OK(jb_save(scope, &book_model, &renamed));
    CHECK_OK(jb_delete(scope, &book_model, book_of(scope, "E-000005").id));

    struct import_job undone = undo(scope, job.id);
    check_undo(&undone, 7, 0, 3);
    CHECK_INT(books(scope), 2);
    CHECK(contains(undone.errors, "deleted since"));
}

JB_FIBER_TEST("a row that was saved without a change counts as untouched")
{
    site_new(scope);
    struct import_job job = import_bytes(scope, "a.csv", rows_text(scope, 1, 3), (struct jb_import_options){ 0 });
    struct book one = book_of(scope, "E-000001");
    CHECK_OK(jb_save(scope, &book_model, &one));
    struct import_job undone = undo(scope, job.id);
    check_undo(&undone, 3, 0, 0);
}

JB_FIBER_TEST("rows of a closed month stay, and the sentence of the check is told")
{
    site_new(scope);
    struct import_job job = import_bytes(scope, "a.csv", rows_text(scope, 1, 24), (struct jb_import_options){ 0 }); /* two in each month */
    close_month(scope, 2025, 3);
    struct import_job undone = undo(scope, job.id);
    check_undo(&undone, 22, 0, 2);
    CHECK(contains(undone.errors, "the month is closed"));

    CHECK_OK(jb_exec(scope, JB_SQL("delete from closed where 1 = 1"), NULL)); /* opened again: the rest can be undone */
    undone = undo(scope, job.id);
    check_undo(&undone, 2, 0, 0);
    CHECK_INT(undone.unchanged, 22);
    CHECK_INT(books(scope), 0);
}

JB_FIBER_TEST("rows that others refer to are left, and the others go")
{
    site_new(scope);
    struct import_job job = import_into(scope, &sample_project, JB_STR("사업코드,사업명\nP-1,one\nP-2,two\nP-3,three\n"), (struct jb_import_options){ 0 });
    check_counts(&job, 3, 0, 0, 0);
    struct import_job books_job = IMPORT(HEAD "E-1,2025-01-01,x,income,1,,P-2\n");
    check_counts(&books_job, 1, 0, 0, 0);
    struct import_job undone = undo(scope, job.id);
    check_undo(&undone, 2, 0, 1);
    CHECK(contains(undone.errors, "Rows of \\\"Book\\\" refer to it"));
    CHECK_INT(jb_count(scope, &sample_project, .limit = 0), 1);

    undone = undo(scope, books_job.id);
    check_undo(&undone, 1, 0, 0);
    undone = undo(scope, job.id);
    check_undo(&undone, 1, 0, 0);
    CHECK_INT(jb_count(scope, &sample_project, .limit = 0), 0);
}

JB_FIBER_TEST("a row that referred to what is gone is left")
{
    site_new(scope);
    add_project(scope, "P-1");
    add_project(scope, "P-2");
    IMPORT(HEAD "E-1,2025-01-01,x,income,1,,P-1\nE-2,2025-01-01,x,income,1,,P-2\n");
    struct import_job job = IMPORT(HEAD "E-1,2025-01-01,x,income,1,,\nE-2,2025-01-01,x,income,1,,\n");
    check_counts(&job, 0, 2, 0, 0);
    CHECK_OK(jb_exec(scope, JB_SQL("delete from projects where code = 'P-1'"), NULL));
    struct import_job undone = undo(scope, job.id);
    check_undo(&undone, 0, 1, 1);
    CHECK(contains(undone.errors, "is gone") && contains(undone.errors, "\"column\":\"project_id\""));
}

JB_FIBER_TEST("a value that another row has taken since is not given back")
{
    site_new(scope);
    struct import_job first = import_into(scope, &sample_project, JB_STR("사업코드,사업명\nP-1,one\nP-2,two\n"), (struct jb_import_options){ 0 });
    check_counts(&first, 2, 0, 0, 0);
    struct import_job job = import_into(scope, &sample_project, JB_STR("id,사업코드\n1,Q-1\n2,Q-2\n"), (struct jb_import_options){ .match_on = JB_STR("id") });
    check_counts(&job, 0, 2, 0, 0);
    add_project(scope, "P-1");
    struct import_job undone = undo(scope, job.id);
    check_undo(&undone, 0, 1, 1);
    CHECK(contains(undone.errors, "Another row has the value"));
    CHECK_INT(jb_count(scope, &sample_project, .where = JB_SQL("code = 'P-2'")), 1);
}

/* P-1 goes to Q-1 in the first batch; a new row of the last one takes what it was. */
static struct import_job move_a_code(struct jb_scope *scope)
{
    struct jb_buf buf = JB_BUF_INIT((size_t)64 << 20);

    site_new(scope);
    add_project(scope, "P-1");
    jb_buf_put_z(&buf, "id,사업코드,사업명\n1,Q-1,moved\n");
    for (int i = 0; i < 6000; i++) /* more than are undone at a time */
        jb_buf_printf(&buf, ",F-%d,filler\n", i);
    jb_buf_put_z(&buf, ",P-1,new\n");
    struct import_job job = import_into(scope, &sample_project, jb_buf_str(&buf), (struct jb_import_options){ .match_on = JB_STR("id"), .on_error = JB_SKIP, .batch_rows = 100 });
    jb_buf_done(&buf);
    check_counts(&job, 6001, 1, 0, 0);
    return job;
}

JB_FIBER_TEST("a value that moved to a new row of a later batch goes back")
{
    struct import_job job = move_a_code(scope), undone = undo(scope, job.id);
    check_undo(&undone, 6001, 1, 0);
    CHECK_INT(jb_count(scope, &sample_project, .where = JB_SQL("code = 'P-1' and id = 1")), 1);
    CHECK_INT(jb_count(scope, &sample_project, .limit = 0), 1);
}

JB_FIBER_TEST("a value that moved to a new row stays there when that row has to stay")
{
    struct import_job job = move_a_code(scope);
    IMPORT("external_ref,date,description,사업코드\nE-1,2025-01-01,a,P-1\n");
    struct import_job undone = undo(scope, job.id);
    check_undo(&undone, 6000, 0, 2);
    CHECK(contains(undone.errors, "Another row has the value"));
    CHECK_INT(jb_count(scope, &sample_project, .where = JB_SQL("code = 'Q-1' and id = 1")), 1);
}

JB_FIBER_TEST("rows without any key are found by the ids they got")
{
    for (size_t i = 0; i < JB_COUNT(both); i++) {
        struct jb_scope *round = jb_scope_child(scope, "round");
        site_new(round);
        struct sample_measure own = { .count = 5, .present = UINT64_MAX };
        CHECK_OK(jb_insert(round, &sample_measure, &own));
        struct jb_import_options options = { .on_error = both[i], .batch_rows = 2 };
        struct import_job job = import_into(round, &sample_measure, JB_STR("day,count\n2025-01-01,5\n2025-01-01,5\n2025-01-02,6\n,5\n2025-01-01,5\n"), options);
        check_counts(&job, 5, 0, 0, 0);
        CHECK_INT(jb_count(round, &sample_measure, .limit = 0), 6);
        struct import_job undone = undo(round, job.id);
        check_undo(&undone, 5, 0, 0);
        struct sample_measure left;
        CHECK_OK(jb_first(round, &sample_measure, &left, .order = JB_STR("id")));
        CHECK_INT(left.id, own.id);
        jb_scope_end(round);
    }
}

JB_FIBER_TEST("rows without a key that filled an empty table are undone too")
{
    site_new(scope);
    struct import_job job = import_into(scope, &sample_measure, JB_STR("day,count\n2025-01-01,5\n2025-01-01,5\n"), (struct jb_import_options){ 0 });
    check_counts(&job, 2, 0, 0, 0);
    struct import_job undone = undo(scope, job.id);
    check_undo(&undone, 2, 0, 0);
    CHECK_INT(jb_count(scope, &sample_measure, .limit = 0), 0);
}

JB_FIBER_TEST("only rows that the import wrote are undone: refused, unchanged and skipped ones are not its")
{
    site_new(scope);
    import_bytes(scope, "a.csv", rows_text(scope, 1, 3), (struct jb_import_options){ 0 });
    struct jb_str text = JB_STR(HEAD "E-000001,2025-02-02,item 1,income,1,,\nE-000009,2025-02-02,new,income,1,,\nE-000010,2025-13-02,bad,income,1,,\nE-000009,2025-02-02,twice,income,1,,\nE-000011,2025-02-02,no project,income,1,,P-9\n");
    struct import_job job = import_bytes(scope, "b.csv", text, (struct jb_import_options){ .on_error = JB_SKIP });
    check_counts(&job, 1, 0, 1, 3);
    struct import_job undone = undo(scope, job.id);
    check_undo(&undone, 1, 0, 0);
    CHECK_INT(books(scope), 3);
}

JB_FIBER_TEST("a preview that was confirmed is undone like any import")
{
    site_new(scope);
    import_bytes(scope, "a.csv", rows_text(scope, 1, 10), (struct jb_import_options){ 0 });
    struct jb_str before = picture(scope);
    struct import_job job = import_bytes(scope, "b.csv", JB_STR(CHANGES), (struct jb_import_options){ .confirm = true });
    check_status(&job, "waiting");
    CHECK_FAILS(jb_undo_start(scope, job.id, &(struct jb_undo_options){ .whole = false }, &(int64_t){ 0 }), JB_CONFLICT);
    CHECK_OK(jb_import_confirm(scope, job.id));
    drain(scope);
    job = job_of(scope, job.id);
    check_counts(&job, 2, 2, 1, 0);
    struct import_job undone = undo(scope, job.id);
    check_undo(&undone, 2, 2, 0);
    CHECK_TEXT(picture(scope), jb_cstr(scope, before));
}

JB_FIBER_TEST("what cannot be undone says why")
{
    site_new(scope);
    int64_t id;
    struct import_job dry = import_bytes(scope, "a.csv", rows_text(scope, 1, 3), (struct jb_import_options){ .dry_run = true });
    CHECK_FAILS(jb_undo_start(scope, dry.id, &(struct jb_undo_options){ .whole = false }, &id), JB_CONFLICT);
    struct import_job failed = IMPORT(HEAD "E-1,nonsense,x,income,1,,\n");
    CHECK_FAILS(jb_undo_start(scope, failed.id, &(struct jb_undo_options){ .whole = false }, &id), JB_CONFLICT);
    struct import_job job = import_bytes(scope, "a.csv", rows_text(scope, 1, 3), (struct jb_import_options){ 0 });
    CHECK_OK(jb_undo_start(scope, job.id, &(struct jb_undo_options){ .whole = false }, &id));
    CHECK_FAILS(jb_undo_start(scope, job.id, &(struct jb_undo_options){ .whole = false }, &id), JB_CONFLICT); /* it is being undone */
    CHECK_FAILS(jb_undo_start(scope, id, &(struct jb_undo_options){ .whole = false }, &id), JB_CONFLICT);     /* an undo itself */
    drain(scope);
    CHECK(!jb_undo_start(scope, job.id, &(struct jb_undo_options){ .whole = false }, &id));
    CHECK(contains(jb_failure_text(scope), "undone already"));
    jb_failure_clear(scope);
    CHECK_FAILS(jb_undo_start(scope, 999, &(struct jb_undo_options){ .whole = false }, &id), JB_NOT_FOUND);
}

JB_FIBER_TEST("an undo that was asked for twice with one token is one")
{
    site_new(scope);
    struct import_job job = import_bytes(scope, "a.csv", rows_text(scope, 1, 3), (struct jb_import_options){ 0 });
    int64_t first, second;
    CHECK_OK(jb_undo_start(scope, job.id, &(struct jb_undo_options){ .once = JB_STR("token") }, &first));
    CHECK_OK(jb_undo_start(scope, job.id, &(struct jb_undo_options){ .once = JB_STR("token") }, &second));
    CHECK_INT(first, second);
    drain(scope);
    CHECK_OK(jb_undo_start(scope, job.id, &(struct jb_undo_options){ .once = JB_STR("token") }, &second));
    CHECK_INT(first, second);
    CHECK_INT(books(scope), 0);
}

JB_FIBER_TEST("other people's imports cannot be undone")
{
    site_new(scope);
    jb_actor_set(scope, &(struct jb_user){ .id = 7, .name = JB_STR("owner") });
    struct import_job job = import_bytes(scope, "a.csv", rows_text(scope, 1, 3), (struct jb_import_options){ 0 });
    jb_actor_set(scope, &(struct jb_user){ .id = 8, .name = JB_STR("other") });
    CHECK_FAILS(jb_undo_start(scope, job.id, &(struct jb_undo_options){ .whole = false }, &(int64_t){ 0 }), JB_DENIED);
    CHECK_INT(books(scope), 3);
}

JB_FIBER_TEST("a cancelled undo leaves everything as it was, and can be asked for again")
{
    site_new(scope);
    struct import_job job = import_bytes(scope, "a.csv", rows_text(scope, 1, 3), (struct jb_import_options){ 0 });
    int64_t id;
    CHECK_OK(jb_undo_start(scope, job.id, &(struct jb_undo_options){ .whole = false }, &id));
    CHECK_OK(jb_job_cancel(scope, id));
    drain(scope);
    CHECK_TEXT(job_of(scope, id).status, "cancelled");
    CHECK_INT(books(scope), 3);
    struct import_job undone = undo(scope, job.id);
    check_undo(&undone, 3, 0, 0);
}

JB_FIBER_TEST("the batches of a cancelled skip import can be undone")
{
    site_new(scope);
    import_bytes(scope, "a.csv", rows_text(scope, 1, 100), (struct jb_import_options){ 0 });
    struct jb_str before = picture(scope);
    int64_t id = start(scope, rows_text(scope, 101, 400), (struct jb_import_options){ .on_error = JB_SKIP, .batch_rows = 10 });
    CHECK_OK(jb_fault_set(scope, JB_STR("transfer/import/group=invalid@5")));
    drain(scope);
    CHECK_OK(jb_fault_set(scope, JB_STR("")));
    struct import_job job = job_of(scope, id);
    check_status(&job, "failed");
    CHECK(job.new_rows > 0 && job.new_rows < 400);
    CHECK_INT(books(scope), 100 + job.new_rows);
    struct import_job undone = undo(scope, id);
    check_undo(&undone, job.new_rows, 0, 0);
    CHECK_TEXT(picture(scope), jb_cstr(scope, before));
}

JB_FIBER_TEST("a skip import that was cut off and went on is undone as a whole")
{
    site_new(scope);
    import_bytes(scope, "a.csv", rows_text(scope, 1, 100), (struct jb_import_options){ 0 });
    struct jb_str before = picture(scope);
    int64_t id = start(scope, rows_text(scope, 51, 400), (struct jb_import_options){ .on_error = JB_SKIP, .batch_rows = 10 });
    CHECK_OK(jb_fault_set(scope, JB_STR("transfer/import/group=unavailable*1@5")));
    drain_again(scope);
    struct import_job job = job_of(scope, id);
    check_status(&job, "done");
    CHECK(job.attempt > 1);
    check_counts(&job, 350, 0, 50, 0);
    int64_t kept;
    CHECK_OK(jb_query_int(scope, JB_SQL("select count(*) from import_kept where job_id = ?", id), &kept));
    CHECK_INT(kept, 2);
    struct import_job undone = undo(scope, id);
    check_undo(&undone, 350, 0, 0);
    CHECK_TEXT(picture(scope), jb_cstr(scope, before));
}

JB_FIBER_TEST("what is kept goes after its days, when it is too much, and with UNDO_DAYS=0 at once")
{
    struct site *site = site_new(scope);
    struct jb_str folder = jb_format(scope, "%s.undo", site->spool);
    struct import_job first = import_bytes(scope, "a.csv", rows_text(scope, 1, 30), (struct jb_import_options){ 0 }), second = import_bytes(scope, "a.csv", rows_text(scope, 31, 30), (struct jb_import_options){ 0 });
    CHECK_INT(files_in(folder.data), 2);
    CHECK_OK(jb_transfer_sweep(scope));
    CHECK_INT(files_in(folder.data), 2);
    CHECK_OK(jb_exec(scope, JB_SQL("update import_jobs set undo_until = ? where id = ?", (struct jb_time){ jb_now().us - 1 }, first.id), NULL));
    CHECK_FAILS(jb_undo_start(scope, first.id, &(struct jb_undo_options){ .whole = false }, &(int64_t){ 0 }), JB_CONFLICT);
    CHECK_OK(jb_transfer_sweep(scope));
    CHECK_INT(files_in(folder.data), 1);
    CHECK(!jb_undo_start(scope, first.id, &(struct jb_undo_options){ .whole = false }, &(int64_t){ 0 }));
    CHECK(contains(jb_failure_text(scope), "UNDO_DAYS"));
    jb_failure_clear(scope);

    jb_transfer_free(site->transfer);
    int64_t bytes;
    CHECK_OK(jb_query_int(scope, JB_SQL("select bytes from import_kept where job_id = ?", second.id), &bytes));
    CHECK(bytes > 1);
    site->transfer = jb_transfer_new(scope, &(struct jb_transfer_options){ .spool_dir = jb_str_of(site->spool), .media_dir = jb_str_of(site->media), .undo_bytes_max = bytes + bytes / 2 });
    jb_transfer_use(scope, site->transfer);
    CHECK_OK(jb_transfer_sweep(scope));
    CHECK_INT(files_in(folder.data), 1);
    struct import_job third = import_into(scope, &book_model, rows_text(scope, 61, 30), (struct jb_import_options){ 0 });
    CHECK_INT(files_in(folder.data), 1); /* the older one made room */
    CHECK_INT(job_of(scope, second.id).undo_until.us, 0);
    CHECK(job_of(scope, third.id).undo_until.us > 0);

    jb_transfer_free(site->transfer);
    site->transfer = jb_transfer_new(scope, &(struct jb_transfer_options){ .spool_dir = jb_str_of(site->spool), .media_dir = jb_str_of(site->media), .undo_days = -1 });
    jb_transfer_use(scope, site->transfer);
    CHECK_OK(jb_transfer_sweep(scope));
    CHECK_INT(files_in(folder.data), 0);
    struct import_job fourth = import_into(scope, &book_model, rows_text(scope, 91, 30), (struct jb_import_options){ 0 });
    CHECK_INT(fourth.undo_until.us, 0);
    CHECK_INT(files_in(folder.data), 0);
}

JB_FIBER_TEST("an undo whose kept rows are not whole undoes nothing")
{
    site_new(scope);
    struct import_job job = import_bytes(scope, "a.csv", rows_text(scope, 1, 30), (struct jb_import_options){ 0 });
    CHECK_OK(jb_exec(scope, JB_SQL("update import_kept set rows = rows + 1 where job_id = ?", job.id), NULL));
    struct import_job undone = undo(scope, job.id);
    check_status(&undone, "failed");
    CHECK_TEXT(undone.error, "conflict");
    CHECK_INT(books(scope), 30);
}

JB_FIBER_TEST("an undo that fails at any point is tried again and undoes everything once")
{
    static const char *const points[] = { "transfer/undo/compared=unavailable*1", "transfer/undo/chunk=unavailable*1", "transfer/undo/committed=unavailable*1" };
    for (size_t i = 0; i < JB_COUNT(points); i++) {
        struct jb_scope *round = jb_scope_child(scope, "round");
        site_new(round);
        import_bytes(round, "a.csv", rows_text(round, 1, 20), (struct jb_import_options){ 0 });
        struct import_job job = import_bytes(round, "b.csv", JB_STR(CHANGES), (struct jb_import_options){ 0 });
        struct book touched = book_of(round, "N-000002");
        touched.memo = JB_STR("by hand");
        CHECK_OK(jb_save(round, &book_model, &touched));
        CHECK_OK(jb_fault_set(round, jb_str_of(points[i])));
        int64_t id;
        CHECK_OK(jb_undo_start(round, job.id, &(struct jb_undo_options){ .whole = false }, &id));
        drain(round);
        CHECK_TEXT(job_of(round, id).status, "queued");
        drain_again(round);
        struct import_job undone = job_of(round, id);
        check_undo(&undone, 1, 2, 1);
        CHECK_INT(undone.attempt, 2);
        CHECK_INT(undone.errors_total, 1);
        CHECK_INT(books(round), 21);
        jb_scope_end(round);
    }
}

/* ---- the backup of the whole table ------------------------------------------------------------------------------------------------------ */

static struct import_job put_back(struct jb_scope *scope, int64_t import)
{
    int64_t id;
    CHECK_OK(jb_undo_start(scope, import, &(struct jb_undo_options){ .whole = true }, &id));
    drain(scope);
    return job_of(scope, id);
}

/* Whatever somebody did to the table since. */
static void disturb(struct jb_scope *scope)
{
    struct book one = book_of(scope, "E-000001"), own = { .external_ref = JB_STR("OWN"), .date = day(2025, 1, 1), .description = JB_STR("by hand"), .kind = JB_STR("income") };
    one.memo = JB_STR("by hand");
    CHECK_OK(jb_save(scope, &book_model, &one));
    CHECK_OK(jb_delete(scope, &book_model, book_of(scope, "E-000004").id));
    CHECK_OK(jb_insert(scope, &book_model, &own));
}

JB_FIBER_TEST("a backup that was taken first is put back to the cell, whoever changed the table since")
{
    for (size_t i = 0; i < JB_COUNT(both); i++) {
        struct jb_scope *round = jb_scope_child(scope, "round");
        site_new(round);
        import_bytes(round, "a.csv", rows_text(round, 1, 20), (struct jb_import_options){ 0 });
        struct jb_str before = picture(round);
        struct jb_time saved = book_of(round, "E-000001").updated_at;
        struct import_job job = import_bytes(round, "b.csv", JB_STR(CHANGES), (struct jb_import_options){ .on_error = both[i], .batch_rows = 2, .backup_first = true });
        check_counts(&job, 2, 2, 1, 0);
        disturb(round);
        struct import_job undone = put_back(round, job.id);
        check_status(&undone, "done");
        CHECK_INT(undone.removed, 3);
        CHECK_INT(undone.changed, 3); /* two that were changed, and the one that was deleted */
        CHECK_TEXT(picture(round), jb_cstr(round, before));
        CHECK_INT(book_of(round, "E-000001").updated_at.us, saved.us);
        CHECK(!jb_undo_start(round, job.id, &(struct jb_undo_options){ .whole = true }, &(int64_t){ 0 }));
        jb_scope_end(round);
    }
}

JB_FIBER_TEST("a backup of an empty table empties it again")
{
    site_new(scope);
    struct import_job job = import_bytes(scope, "a.csv", rows_text(scope, 1, 300), (struct jb_import_options){ .backup_first = true });
    check_counts(&job, 300, 0, 0, 0);
    struct import_job undone = put_back(scope, job.id);
    check_status(&undone, "done");
    CHECK_INT(undone.removed, 300);
    CHECK_INT(books(scope), 0);
}

JB_FIBER_TEST("a backup is put back as a whole or not at all: a closed month, and rows that others refer to")
{
    site_new(scope);
    import_bytes(scope, "a.csv", rows_text(scope, 1, 24), (struct jb_import_options){ 0 });
    struct import_job job = import_bytes(scope, "b.csv", rows_text(scope, 25, 24), (struct jb_import_options){ .backup_first = true });
    close_month(scope, 2025, 3);
    struct import_job undone = put_back(scope, job.id);
    check_status(&undone, "failed");
    CHECK(contains(undone.reason, "the month is closed") && contains(undone.reason, "Nothing was changed"));
    CHECK_INT(books(scope), 48);
    CHECK_OK(jb_exec(scope, JB_SQL("delete from closed where 1 = 1"), NULL));
    undone = put_back(scope, job.id);
    check_status(&undone, "done");
    CHECK_INT(books(scope), 24);

    struct import_job projects = import_into(scope, &sample_project, JB_STR("사업코드,사업명\nP-1,one\nP-2,two\n"), (struct jb_import_options){ .backup_first = true });
    IMPORT(HEAD "E-1,2025-01-01,x,income,1,,P-2\n");
    undone = put_back(scope, projects.id);
    check_status(&undone, "failed");
    CHECK_INT(jb_count(scope, &sample_project, .limit = 0), 2);
}

JB_FIBER_TEST("without a backup there is none to put back, and with one rows can still be undone one by one")
{
    site_new(scope);
    struct import_job without = import_bytes(scope, "a.csv", rows_text(scope, 1, 5), (struct jb_import_options){ 0 });
    CHECK_FAILS(jb_undo_start(scope, without.id, &(struct jb_undo_options){ .whole = true }, &(int64_t){ 0 }), JB_CONFLICT);
    struct import_job job = import_bytes(scope, "b.csv", JB_STR(CHANGES), (struct jb_import_options){ .backup_first = true });
    disturb(scope);
    struct import_job undone = undo(scope, job.id);
    check_undo(&undone, 2, 1, 1);
    CHECK_INT(jb_count(scope, &book_model, .where = JB_SQL("external_ref = 'OWN'")), 1);
}

JB_FIBER_TEST("a backup is from right before the first rows, also when the import is cut off and goes on")
{
    site_new(scope);
    import_bytes(scope, "a.csv", rows_text(scope, 1, 100), (struct jb_import_options){ 0 });
    struct jb_str before = picture(scope);
    int64_t id = start(scope, rows_text(scope, 51, 400), (struct jb_import_options){ .on_error = JB_SKIP, .batch_rows = 10, .backup_first = true });
    CHECK_OK(jb_fault_set(scope, JB_STR("transfer/import/group=unavailable*1@8")));
    drain_again(scope);
    struct import_job job = job_of(scope, id);
    check_counts(&job, 350, 0, 50, 0);
    struct import_job undone = put_back(scope, id);
    check_status(&undone, "done");
    CHECK_INT(undone.removed, 350);
    CHECK_TEXT(picture(scope), jb_cstr(scope, before));
}
