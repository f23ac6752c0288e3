/* history.c — what happened to one row: by hand, and by imports that can still be undone. */
// SPDX-License-Identifier: Apache-2.0
#include "admin_private.h"

static struct jb_str deed_words(struct jb_scope *scope, const struct row_event *event)
{
    static const struct {
        const char *name, *ko, *en;
    } words[] = {
        { "add", "추가", "Added" },
        { "change", "고침", "Changed" },
        { "delete", "삭제", "Deleted" },
        { "import_add", "가져오기로 추가", "Added by an import" },
        { "import_change", "가져오기로 고침", "Changed by an import" },
    };
    for (size_t i = 0; i < JB_COUNT(words); i++)
        if (jb_str_is(event->what, words[i].name))
            return jb_str_of(JB_L(scope, words[i].ko, words[i].en));
    return jb_format(scope, "%.*s", JB_FMT(event->title)); /* an action, by its name */
}

static struct jb_str text_of(const struct jb_json *change, const char *name)
{
    const struct jb_json *text = jb_json_member(change, name);
    return text && text->type == JB_JSON_STRING ? text->text : JB_STR_NULL;
}

static bool change_vars(struct jb_scope *scope, const struct jb_model *model, const struct row_event *event, struct jb_vars *vars)
{
    const struct jb_json *changes = event->changes.size > 0 ? jb_json_parse(scope, event->changes) : NULL;

    jb_vars_list(vars, "changes");
    for (const struct jb_json *change = changes ? changes->first : NULL; change; change = change->next) {
        struct jb_vars *inner = jb_vars_append(vars, "changes");
        struct jb_str name = text_of(change, "field");
        const struct jb_field *field = jb_record_field(&model->record, name);
        jb_vars_text(inner, "label", field ? jb__label(scope, field) : name);
        jb_vars_text(inner, "before", text_of(change, "before"));
        jb_vars_text(inner, "after", text_of(change, "after"));
    }
    return !jb_failure(scope);
}

/* A job of somebody else's is named, but no way leads there. */
static bool may_open(struct jb_scope *scope, int64_t job)
{
    struct jb_scope *look = jb_scope_child(scope, "may");
    struct import_job found;
    bool yes = job && jb_job_get(look, job, &found);

    jb_scope_end(look);
    return yes;
}

static bool event_vars(struct jb_request *req, const struct jb_model *model, const struct row_event *event, struct jb_vars *vars)
{
    jb_vars_text(vars, "at", jb__clock(req, event->at));
    jb_vars_text(vars, "user", event->user);
    jb_vars_text(vars, "what", deed_words(req->scope, event));
    jb__set(vars, "job", event->job_id);
    jb__set(vars, "open", may_open(req->scope, event->job_id));
    jb__set(vars, "undone_by", event->undone_by);
    jb_vars_text(vars, "file", event->file_name);
    return change_vars(req->scope, model, event, vars);
}

struct jb_response *jb__history_view(struct jb_request *req)
{
    struct jb_scope *scope = req->scope;
    const struct jb__book *book = jb__book_of(req);
    int64_t id;

    if (!book || !jb_path_int(req, "id", &id))
        return jb_problem(req);
    struct jb_rows *events = jb_row_history(scope, book->model, id);
    void *row = jb_alloc(scope, book->model->record.size);
    bool there = events && jb__row_find(scope, book->model, id, row);
    if (!events || jb_failure(scope))
        return jb_problem(req);
    if (!there && events->count == 0 && !jb_get(scope, book->model, id, row)) /* neither a row nor a trace of one */
        return jb_problem(req);
    struct jb_vars *vars = jb_vars_new(scope);
    jb__book_vars(req, book, vars);
    jb__set(vars, "id", id);
    jb__set(vars, "there", there);
    jb_vars_text(vars, "title", there ? jb_row_title(scope, book->model, row) : jb_format(scope, "%lld", (long long)id));
    jb_vars_list(vars, "events");
    for (JB_EACH_ROW(events, const struct row_event, event))
        if (!event_vars(req, book->model, event, jb_vars_append(vars, "events")))
            return jb_problem(req);
    return jb_page_vars(req, 200, "admin/history.html", vars);
}
