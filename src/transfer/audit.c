/* audit.c — who did what to which rows, when, and from which file: one line per import, per undo, and per change by hand, written by the commit that does it. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"

#define CHANGES_BYTES_MAX ((size_t)4 << 20)

static const struct jb_choice deeds[] = {
    { "add", "추가", "Added", 0 },
    { "change", "고침", "Changed", 0 },
    { "delete", "삭제", "Deleted", 0 },
    { "action", "처리", "Action", 0 },
    { "import", "가져오기", "Import", 0 },
    { "undo", "되돌리기", "Undo", 0 },
    { 0 },
};

const struct jb_model jb_admin_log = {
    .app = "admin",
    .reads = JB_READS_PRIMARY,
    .name = "log",
    .table = "admin_log",
    .label = "기록",
    .label_en = "Log",
    .order = "-id",
    .indexes = "model row_id, job_id",
    .read_only = true,
    .record = JB_RECORD(admin_log,
        JB_FIELD(admin_log, id, .primary = true),
        JB_FIELD(admin_log, at, .label = "때", .required = true),
        JB_FIELD(admin_log, user_id, .label = "사용자 번호"),
        JB_FIELD(admin_log, user, .label = "사용자", .length_max = 150),
        JB_FIELD(admin_log, what, .label = "한 일", .required = true, .choices = deeds, .length_max = 20),
        JB_FIELD(admin_log, model, .label = "장부", .required = true, .length_max = 100),
        JB_FIELD(admin_log, row_id, .label = "행 번호"),
        JB_FIELD(admin_log, title, .label = "행", .length_max = 200),
        JB_FIELD(admin_log, job_id, .label = "작업"),
        JB_FIELD(admin_log, file_name, .label = "파일", .length_max = 255),
        JB_FIELD(admin_log, file_hash, .label = "SHA-256", .length_max = 64),
        JB_FIELD(admin_log, added, .label = "추가된 행"),
        JB_FIELD(admin_log, changed, .label = "바뀐 행"),
        JB_FIELD(admin_log, removed, .label = "지운 행"),
        JB_FIELD(admin_log, refused, .label = "거절·남김"),
        JB_FIELD(admin_log, changes, .label = "바뀐 값", .length_max = 5000000)),
};

/* ---- a row by hand ------------------------------------------------------------------------------------------------------------ */

static void put_change(struct jb_scope *scope, struct jb_json_writer *writer, const struct jb_field *field, struct jb_value before, struct jb_value after)
{
    jb_json_object(writer);
    jb_json_put(writer, "field", jb_v(jb_str_of(field->name)));
    jb_json_put(writer, "before", jb_v(before.type == JB_NULL ? JB_STR_NULL : jb_value_text(scope, before)));
    jb_json_put(writer, "after", jb_v(after.type == JB_NULL ? JB_STR_NULL : jb_value_text(scope, after)));
    jb_json_object_end(writer);
}

struct jb_str jb_row_changes(struct jb_scope *scope, const struct jb_model *model, const void *before, const void *after)
{
    struct jb_buf buf = JB_BUF_INIT(CHANGES_BYTES_MAX);
    struct jb_json_writer writer;

    jb_json_start(&writer, &buf);
    jb_json_array(&writer);
    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++) {
        if (field->type == JB_WORD || field->primary || field->secret || field->auto_now || field->auto_now_add)
            continue;
        struct jb_value was = before ? jb_record_get(&model->record, before, field) : jb_v_null(), is = after ? jb_record_get(&model->record, after, field) : jb_v_null();
        if (!jb_value_equal(was, is))
            put_change(scope, &writer, field, was, is);
    }
    jb_json_array_end(&writer);
    struct jb_str text = buf.full ? JB_STR_NULL : jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return text;
}

static bool insert(struct jb_scope *scope, struct admin_log *log)
{
    const struct jb_user *actor = jb_actor(scope);

    log->at = jb_now();
    if (!log->user.data) {
        log->user_id = actor->id;
        log->user = actor->name;
    }
    log->title = jb_utf8_first(log->title, 200);
    return jb_insert(scope, &jb_admin_log, log);
}

bool jb_log_row(struct jb_scope *scope, const char *what, const struct jb_model *model, const void *before, const void *after)
{
    const void *row = after ? after : before;
    struct admin_log log = {
        .what = jb_str_of(what),
        .model = jb_model_full_name(model, scope),
        .row_id = jb_row_id(model, row),
        .title = jb_row_title(scope, model, row),
        .changes = jb_row_changes(scope, model, before, after),
        .added = !before,
        .changed = before && after,
        .removed = !after,
    };

    return insert(scope, &log);
}

bool jb_log_action(struct jb_scope *scope, const char *action, const struct jb_model *model, struct jb_ids rows)
{
    bool ok = true;

    for (size_t i = 0; ok && i < rows.count; i++) {
        struct jb_scope *one = jb_scope_child(scope, "log");
        struct admin_log log = { .what = JB_STR("action"), .model = jb_model_full_name(model, one), .row_id = rows.at[i], .title = jb_str_of(action), .changed = 1 };
        ok = insert(one, &log) || jb_failure_pass(one, scope);
        jb_scope_end(one);
    }
    return ok;
}

/* ---- a job ------------------------------------------------------------------------------------------------------------------------- */

bool jb__log_job(struct jb_scope *scope, const struct import_job *job)
{
    struct admin_log log = {
        .user_id = job->user_id,
        .user = job->user, /* whoever runs it */
        .what = job->kind,
        .model = job->model,
        .job_id = job->id,
        .title = job->reason,
        .file_name = job->file_name,
        .file_hash = job->file_hash,
        .added = job->new_rows,
        .changed = job->changed,
        .removed = job->removed,
        .refused = job->refused,
    };

    return insert(scope, &log);
}
