/* test_audit.c — who did what: a line for each import and undo, and what a row's history says. */
// SPDX-License-Identifier: Apache-2.0
#define JB_TRANSFER_TEST_MODELS
#include "job_test.h"

static struct jb_rows *lines(struct jb_scope *scope)
{
    struct jb_rows *rows = jb_select(scope, &jb_admin_log, .order = JB_STR("id"), .limit = 1000);
    CHECK_OK(rows != NULL);
    return rows;
}

static const struct admin_log *last_line(struct jb_scope *scope, size_t count)
{
    struct jb_rows *rows = lines(scope);
    CHECK_INT(rows->count, count);
    return jb_rows_at(rows, rows->count - 1);
}

static struct import_job undo(struct jb_scope *scope, int64_t import)
{
    int64_t id;
    CHECK_OK(jb_undo_start(scope, import, &(struct jb_undo_options){ .whole = false }, &id));
    drain(scope);
    return job_of(scope, id);
}

JB_FIBER_TEST("an import leaves one line: who, when, which file, how many rows")
{
    site_new(scope);
    jb_actor_set(scope, &(struct jb_user){ .id = 7, .name = JB_STR("kim") });
    struct jb_time before = jb_now();
    struct import_job job = import_bytes(scope, "a.csv", rows_text(scope, 1, 3000), (struct jb_import_options){ 0 });
    const struct admin_log *line = last_line(scope, 1);
    CHECK_TEXT(line->what, "import");
    CHECK_TEXT(line->user, "kim");
    CHECK_INT(line->user_id, 7);
    CHECK(line->at.us >= before.us && line->at.us <= jb_now().us);
    CHECK_TEXT(line->model, "sample.book");
    CHECK_INT(line->job_id, job.id);
    CHECK_TEXT(line->file_name, "a.csv");
    CHECK_TEXT(line->file_hash, jb_cstr(scope, job.file_hash));
    CHECK_INT(line->file_hash.size, 64);
    CHECK_INT(line->added, 3000);
    CHECK_INT(line->row_id, 0);
}

JB_FIBER_TEST("what wrote nothing leaves no line, what wrote a part leaves one")
{
    site_new(scope);
    import_bytes(scope, "a.csv", rows_text(scope, 1, 30), (struct jb_import_options){ .dry_run = true });
    IMPORT(HEAD "E-1,nonsense,x,income,1,,\n");
    struct import_job waiting = import_bytes(scope, "a.csv", rows_text(scope, 1, 30), (struct jb_import_options){ .confirm = true });
    CHECK_OK(jb_import_discard(scope, waiting.id));
    CHECK_INT(lines(scope)->count, 0);

    int64_t id = start(scope, rows_text(scope, 1, 400), (struct jb_import_options){ .on_error = JB_SKIP, .batch_rows = 10 });
    CHECK_OK(jb_fault_set(scope, JB_STR("transfer/import/group=invalid@5")));
    drain(scope);
    CHECK_OK(jb_fault_set(scope, JB_STR("")));
    const struct admin_log *line = last_line(scope, 1);
    CHECK_INT(line->job_id, id);
    CHECK_INT(line->added, job_of(scope, id).new_rows);
    CHECK(line->added > 0 && line->title.size > 0);
}

JB_FIBER_TEST("an import that was tried again leaves one line")
{
    site_new(scope);
    start(scope, rows_text(scope, 1, 400), (struct jb_import_options){ 0 });
    CHECK_OK(jb_fault_set(scope, JB_STR("transfer/import/merge_chunk=unavailable*1")));
    drain(scope);
    CHECK_OK(jb_exec(scope, JB_SQL("update queue_entries set run_at = ?", jb_now()), NULL));
    drain(scope);
    CHECK_INT(last_line(scope, 1)->added, 400);
}

JB_FIBER_TEST("an undo leaves one line")
{
    site_new(scope);
    struct import_job job = import_bytes(scope, "a.csv", rows_text(scope, 1, 20), (struct jb_import_options){ 0 }), undone = undo(scope, job.id);
    const struct admin_log *line = last_line(scope, 2);
    CHECK_TEXT(line->what, "undo");
    CHECK_INT(line->job_id, undone.id);
    CHECK_INT(line->removed, 20);
    CHECK_TEXT(line->file_name, "a.csv");
}

JB_FIBER_TEST("the history of a row names the imports that touched it, with what they changed, and what was done by hand")
{
    static const enum jb_on_error both[] = { JB_ABORT, JB_SKIP };
    for (size_t i = 0; i < JB_COUNT(both); i++) {
        struct jb_scope *round = jb_scope_child(scope, "round");
        site_new(round);
        struct import_job first = import_bytes(round, "a.csv", rows_text(round, 1, 20), (struct jb_import_options){ .on_error = both[i] });
        struct import_job second = import_bytes(round, "b.csv", JB_STR("external_ref,income\nE-000001,100\nE-000003,3\n"), (struct jb_import_options){ .mode = JB_UPDATE_ONLY, .on_error = both[i] });
        check_counts(&second, 0, 1, 1, 0);
        struct book one = book_of(round, "E-000001"), three = book_of(round, "E-000003"), before = one;
        one.memo = JB_STR("by hand");
        struct jb_tx *tx = jb_begin(round);
        CHECK_OK(jb_save(round, &book_model, &one) && jb_log_row(round, "change", &book_model, &before, &one) && jb_commit(tx));

        struct jb_rows *rows = jb_row_history(round, &book_model, one.id);
        CHECK_OK(rows != NULL);
        CHECK_INT(rows->count, 3);
        const struct row_event *event = jb_rows_at(rows, 0);
        CHECK_TEXT(event->what, "change");
        CHECK(contains(event->changes, "{\"field\":\"memo\",\"before\":null,\"after\":\"by hand\"}"));
        event = jb_rows_at(rows, 1);
        CHECK_TEXT(event->what, "import_change");
        CHECK_INT(event->job_id, second.id);
        CHECK_TEXT(event->changes, "[{\"field\":\"income\",\"before\":\"1.00\",\"after\":\"100.00\"}]");
        CHECK_TEXT(event->file_name, "b.csv");
        event = jb_rows_at(rows, 2);
        CHECK_TEXT(event->what, "import_add");
        CHECK_INT(event->job_id, first.id);

        rows = jb_row_history(round, &book_model, three.id); /* which the second one left unchanged */
        CHECK_OK(rows != NULL);
        CHECK_INT(rows->count, 1);
        struct import_job undone = undo(round, second.id);
        CHECK_INT(undone.refused, 1);
        rows = jb_row_history(round, &book_model, one.id);
        CHECK_INT(((const struct row_event *)jb_rows_at(rows, 1))->undone_by, undone.id);
        jb_scope_end(round);
    }
}

JB_FIBER_TEST("the history of rows without a key goes by the ids that the import gave them")
{
    site_new(scope);
    int64_t id;
    CHECK_OK(jb_import_start(scope, &sample_measure, spool_of(scope, "m.csv", JB_STR("day,count\n2025-01-01,5\n2025-01-01,6\n")), &(struct jb_import_options){ 0 }, false, &id));
    CHECK_OK(jb_import_run(scope, id));
    struct sample_measure second;
    CHECK_OK(jb_first(scope, &sample_measure, &second, .order = JB_STR("-id")));
    CHECK_INT(second.count, 6);
    struct jb_rows *rows = jb_row_history(scope, &sample_measure, second.id);
    CHECK_OK(rows != NULL);
    CHECK_INT(rows->count, 1);
    CHECK(contains(((const struct row_event *)jb_rows_at(rows, 0))->changes, "\"after\":\"6\""));
}
