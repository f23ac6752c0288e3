/* transfer_test.h — a site of two books in a folder of its own, and files to import into it. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_TRANSFER_TEST_H
#define JB_TRANSFER_TEST_H

#include "../store/store_test.h"
#include "run/run.h"
#include "transfer/transfer.h"
#include <dirent.h>

struct book {
    int64_t id;
    struct jb_str external_ref;
    struct jb_date date;
    struct jb_str description, kind;
    struct jb_decimal income;
    struct jb_str memo;
    int64_t project_id;
    struct jb_time updated_at;
};

/* Rows of that month refuse every change. */
struct closed_month {
    int64_t id;
    struct jb_month month;
};

extern const struct jb_model book_model, closed_model;
extern const struct jb_exchange book_exchange;

/* Ties database, queue and transfer to the scope. Opening the same folder again is a second process, or a restart. */
struct site {
    const char *folder, *spool, *media;
    struct jb_db *db;
    struct jb_queue *queue;
    struct jb_transfer *transfer;
};

#ifdef JB_TRANSFER_TEST_MODELS
static bool closed_prepare(struct jb_scope *scope, void **ret_state)
{
    struct jb_rows *closed = jb_select(scope, &closed_model, .limit = 0);
    *ret_state = closed;
    return closed != NULL;
}

static bool is_open(struct jb_scope *scope, const struct jb_rows *closed, struct jb_date date)
{
    for (JB_EACH_ROW(closed, const struct closed_month, row))
        if (row->month.months == jb_date_month(date).months)
            return jb_fail(scope, JB_CONFLICT, "the month is closed");
    return true;
}

static bool book_check(struct jb_scope *scope, void *state, const void *before, const void *after)
{
    const struct book *old = before, *new = after;
    return (!old || is_open(scope, state, old->date)) && (!new || is_open(scope, state, new->date));
}

const struct jb_model closed_model = {
    .app = "sample",
    .name = "closed",
    .table = "closed",
    .record = JB_RECORD(closed_month, JB_FIELD(closed_month, id, .primary = true), JB_FIELD(closed_month, month, .required = true, .unique = true)),
};

const struct jb_model book_model = {
    .app = "sample",
    .label = "출납부",
    .label_en = "Book",
    .title = "external_ref",
    .indexes = "date, kind date",
    .check = book_check,
    .check_prepare = closed_prepare,
    .record = JB_RECORD(book,
        JB_FIELD(book, id, .primary = true),
        JB_FIELD(book, external_ref, .label = "전표번호", .label_en = "Number", .required = true, .length_max = 40, .unique = true),
        JB_FIELD(book, date, .label = "일자", .required = true),
        JB_FIELD(book, description, .label = "적요", .required = true, .length_max = 20),
        JB_FIELD(book, kind, .label = "구분", .length_max = 20, .choices = sample_kinds),
        JB_FIELD(book, income, .label = "수입", .required = true, .digits = 15, .decimals = 2, .default_text = "0"),
        JB_FIELD(book, memo, .label = "메모", .long_text = true),
        JB_FIELD(book, project_id, .label = "사업", .references = &sample_project, .on_delete = JB_RESTRICT),
        JB_FIELD(book, updated_at, .auto_now = true)),
};

static const struct jb_column book_columns[] = {
    { NULL, "external_ref" },
    { NULL, "date" },
    { NULL, "description" },
    { NULL, "kind" },
    { NULL, "income" },
    { NULL, "memo" },
    { "사업코드", "project.code" },
    { 0 },
};
const struct jb_exchange book_exchange = { .model = &book_model, .columns = book_columns, .match_on = "external_ref" };
#endif

/* ---- the site ------------------------------------------------------------------------------------------------------------- */

TEST_HELPER void site_close(void *arg)
{
    struct site *site = arg;
    jb_transfer_free(site->transfer);
    jb_queue_free(site->queue);
    jb_db_close(site->db);
}

TEST_HELPER struct site *site_open(struct jb_scope *scope, const char *folder)
{
    static const struct jb_model *const models[] = { &sample_project, &book_model, &closed_model, &sample_measure, JB_QUEUE_MODELS, JB_TRANSFER_MODELS, NULL };
    static const struct jb_task *const tasks[] = { JB_TRANSFER_TASKS, NULL };
    static const struct jb_exchange *const exchanges[] = { &book_exchange, NULL };
    struct site *site = JB_NEW(scope, struct site);
    size_t done;

    site->folder = folder;
    site->spool = jb_format(scope, "%s/spool", folder).data;
    site->media = jb_format(scope, "%s/media", folder).data;
    site->db = jb_db_open(scope, &(struct jb_db_options){ .url = test_database_url(scope, folder), .models = models });
    CHECK_OK(site->db != NULL);
    jb_db_use(scope, site->db);
    CHECK_OK(jb_migrate(scope, &done));
    site->queue = jb_queue_new(scope, tasks);
    jb_queue_use(scope, site->queue);
    site->transfer = jb_transfer_new(scope, &(struct jb_transfer_options){ .exchanges = exchanges, .spool_dir = jb_str_of(site->spool), .media_dir = jb_str_of(site->media) });
    CHECK_OK(site->transfer != NULL);
    jb_transfer_use(scope, site->transfer);
    jb_language_set(scope, JB_EN);
    jb_defer(scope, site_close, site);
    return site;
}

TEST_HELPER struct site *site_new(struct jb_scope *scope)
{
    return site_open(scope, test_folder(scope));
}

TEST_HELPER int files_in(const char *folder)
{
    DIR *dir = opendir(folder);
    int count = 0;

    CHECK(dir != NULL);
    for (struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

/* ---- files ------------------------------------------------------------------------------------------------------------------- */

TEST_HELPER struct jb_spool *spool_of(struct jb_scope *scope, const char *name, struct jb_str bytes)
{
    struct jb_spool *spool = jb_spool_open(scope, jb_str_of(name));
    CHECK_OK(spool != NULL);
    CHECK_OK(jb_spool_write(spool, scope, bytes.data, bytes.size));
    return spool;
}

TEST_HELPER int64_t books(struct jb_scope *scope)
{
    return jb_count(scope, &book_model, .limit = 0);
}

#define HEAD "external_ref,date,description,kind,income,memo,사업코드\n"

/* `count` good rows with numbers from `first` on; E-000001 has income 1. */
TEST_HELPER struct jb_str rows_text(struct jb_scope *scope, int first, int count)
{
    struct jb_buf buf = JB_BUF_INIT((size_t)256 << 20);

    jb_buf_put_z(&buf, HEAD);
    for (int i = first; i < first + count; i++)
        jb_buf_printf(&buf, "E-%06d,2025-%02d-%02d,item %d,%s,%d,%s,\n", i, i % 12 + 1, i % 28 + 1, i, i % 2 ? "income" : "expense", i, i % 3 ? "" : "memo");
    struct jb_str text = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return text;
}

TEST_HELPER struct import_job job_of(struct jb_scope *scope, int64_t id)
{
    struct import_job job = { 0 };
    CHECK_OK(jb_get(scope, &jb_import_job, id, &job));
    return job;
}

TEST_HELPER struct import_job import_bytes(struct jb_scope *scope, const char *name, struct jb_str bytes, struct jb_import_options options)
{
    int64_t id = 0;
    CHECK_OK(jb_import_start(scope, &book_model, spool_of(scope, name, bytes), &options, false, &id));
    CHECK_OK(jb_import_run(scope, id));
    return job_of(scope, id);
}

#define IMPORT(...) IMPORT_WITH(__VA_ARGS__, .once = JB_STR_NULL)
#define IMPORT_WITH(text, ...) import_bytes(scope, "a.csv", jb_str_of(text), (struct jb_import_options){ __VA_ARGS__ })

/* An attempt at the job that the fault ends, as the queue would run it; another one may follow. */
TEST_HELPER void attempt_ends_by(struct jb_scope *scope, int64_t id, const char *fault)
{
    CHECK_OK(jb_fault_set(scope, jb_str_of(fault)));
    struct jb_scope *first = jb_scope_child(scope, "first attempt");
    CHECK(!jb_import_task.run(first, &(int64_t){ id }));
    jb_scope_end(first);
    jb_fault_clear();
}

TEST_HELPER void check_counts(const struct import_job *job, int64_t new_rows, int64_t changed, int64_t unchanged, int64_t refused)
{
    if (job->new_rows != new_rows || job->changed != changed || job->unchanged != unchanged || job->refused != refused)
        fprintf(stderr, "job: new %lld changed %lld unchanged %lld refused %lld: %.*s %.*s\n", (long long)job->new_rows, (long long)job->changed, (long long)job->unchanged, (long long)job->refused, JB_FMT(job->reason), JB_FMT(job->errors));
    CHECK_INT(job->new_rows, new_rows);
    CHECK_INT(job->changed, changed);
    CHECK_INT(job->unchanged, unchanged);
    CHECK_INT(job->refused, refused);
}

TEST_HELPER void check_status(const struct import_job *job, const char *status)
{
    if (!jb_str_is(job->status, status))
        fprintf(stderr, "job: %.*s %.*s\n", JB_FMT(job->reason), JB_FMT(job->errors));
    CHECK_TEXT(job->status, status);
}

TEST_HELPER struct book book_of(struct jb_scope *scope, const char *external_ref)
{
    struct book book = { 0 };
    if (!jb_first(scope, &book_model, &book, .where = JB_SQL("external_ref = ?", jb_str_of(external_ref))))
        fprintf(stderr, "there is no %s\n", external_ref);
    CHECK_OK(!jb_failure(scope));
    return book;
}

TEST_HELPER bool contains(struct jb_str text, const char *what)
{
    bool yes = jb_str_find(text, jb_str_of(what), 0) != SIZE_MAX;
    if (!yes)
        fprintf(stderr, "\"%.*s\" does not contain \"%s\"\n", JB_FMT(text), what);
    return yes;
}

TEST_HELPER void add_project(struct jb_scope *scope, const char *code)
{
    struct sample_project project = { .code = jb_str_of(code), .name = JB_STR("a project") };
    CHECK_OK(jb_insert(scope, &sample_project, &project));
}

TEST_HELPER void close_month(struct jb_scope *scope, int year, int month)
{
    struct closed_month closed = { .month = jb_date_month(day(year, month, 1)) };
    CHECK_OK(jb_insert(scope, &closed_model, &closed));
}

#endif
