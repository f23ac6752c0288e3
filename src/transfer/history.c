/* history.c — what happened to one row: the lines of the log that name it, and the imports whose kept staging holds it. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/keep.h"
#include <stdlib.h>
#include <string.h>

#define KEPT_MAX 50 /* so many of the newest are looked into */
#define LINES_MAX 200

const struct jb_record jb_row_event_record = JB_RECORD(row_event,
    JB_FIELD(row_event, at),
    JB_FIELD(row_event, user),
    JB_FIELD(row_event, what),
    JB_FIELD(row_event, job_id),
    JB_FIELD(row_event, undone_by),
    JB_FIELD(row_event, file_name),
    JB_FIELD(row_event, title),
    JB_FIELD(row_event, changes));

struct looking {
    struct jb_scope *scope; /* of what is found */
    struct jb_db *db;
    struct jb_stage_options options;
    const struct import_kept *kept;
    int64_t row;
    bool found, added, ok;
    struct jb_str changes;
};

static void look_blocking(void *arg)
{
    struct looking *looking = arg;
    const struct jb_stage_undo range = { .after_row = looking->kept->from_row, .last_row = looking->kept->to_row };
    const void *before = NULL, *written = NULL;
    struct jb_stage *stage = jb_stage_open_sealed(looking->scope, looking->db, &looking->options);

    looking->ok = stage && jb_stage_row(stage, looking->scope, looking->row, &range, &before, &written);
    looking->found = looking->ok && written;
    looking->added = !before;
    if (looking->found)
        looking->changes = jb_row_changes(looking->scope, looking->options.model, before, written);
    jb_stage_close(stage);
}

static bool look(struct jb_scope *scope, const struct jb_model *model, const struct import_kept *kept, int64_t row, struct looking *ret_looking)
{
    struct looking looking = {
        .scope = jb_scope_child(scope, "look"),
        .db = jb_db_of(scope),
        .kept = kept,
        .row = row,
        .options = jb__kept_options(scope, model, kept),
    };

    jb_offload(look_blocking, &looking);
    looking.changes = jb_copy(scope, looking.changes);
    jb_scope_end(looking.scope); /* one that cannot be read any more tells nothing */
    *ret_looking = looking;
    return looking.ok && looking.found;
}

struct list {
    struct row_event *at;
    size_t count;
};

static void add_import(struct jb_scope *scope, struct list *list, const struct import_kept *kept, const struct looking *looking)
{
    struct import_job job;

    if (!jb_get(scope, &jb_import_job, kept->job_id, &job)) {
        jb_failure_clear(scope);
        return;
    }
    list->at[list->count++] = (struct row_event){
        .at = job.finished_at,
        .user = job.user,
        .what = looking->added ? JB_STR("import_add") : JB_STR("import_change"),
        .job_id = job.id,
        .undone_by = kept->undone_by,
        .file_name = job.file_name,
        .changes = looking->changes,
    };
}

static int newest_first(const void *a, const void *b)
{
    const struct row_event *left = a, *right = b;
    return left->at.us < right->at.us ? 1 : left->at.us > right->at.us ? -1
                                                                       : 0;
}

struct jb_rows *jb_row_history(struct jb_scope *scope, const struct jb_model *model, int64_t row)
{
    struct jb_str name = jb_model_full_name(model, scope), fields = jb__kept_fields(scope, model);
    struct jb_rows *log = jb_select(scope, &jb_admin_log, .where = JB_SQL("model = ? and row_id = ?", name, row), .order = JB_STR("-id"), .limit = LINES_MAX);
    struct jb_rows *kept = log ? jb_select(scope, &jb_import_kept, .where = JB_SQL("fields = ? and job_id in (select id from import_jobs where model = ?)", fields, name), .order = JB_STR("-id"), .limit = KEPT_MAX) : NULL;
    struct list list = { .count = 0 };
    struct looking looking;

    if (!kept)
        return NULL;
    list.at = JB_NEW_ARRAY(scope, struct row_event, log->count + kept->count + 1);
    for (JB_EACH_ROW(log, const struct admin_log, line))
        list.at[list.count++] = (struct row_event){ .at = line->at, .user = line->user, .what = line->what, .title = line->title, .changes = line->changes };
    for (JB_EACH_ROW(kept, const struct import_kept, one))
        if (look(scope, model, one, row, &looking))
            add_import(scope, &list, one, &looking);
    qsort(list.at, list.count, sizeof *list.at, newest_first);
    struct jb_rows *rows = JB_NEW(scope, struct jb_rows);
    *rows = (struct jb_rows){ .record = &jb_row_event_record, .count = list.count, .data = (char *)list.at };
    return rows;
}
