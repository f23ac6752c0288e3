/* remove.c — deleting: first a page that says what goes, then the deed in one transaction; all chosen rows or none. */
// SPDX-License-Identifier: Apache-2.0
#include "admin_private.h"

enum { TITLES_SHOWN = 20 };

/* ---- the question --------------------------------------------------------------------------------------------------------------- */

/* `single`: the page of one row, whose form goes back to its own address; otherwise to the list's. */
static struct jb_response *question(struct jb_request *req, const struct jb__book *book, struct jb_ids chosen, bool single, int status)
{
    struct jb_scope *scope = req->scope;
    struct jb_vars *vars = jb_vars_new(scope);
    const struct jb_failure *failure = jb_failure(scope);

    jb_failure_clear(scope); /* it is answered here, by the page */
    struct jb_rows *rows = jb__rows_find(scope, book->model, chosen, JB_LOCK_NONE);
    if (!rows)
        return jb_problem(req);
    if (rows->count == 0) {
        jb_fail(scope, JB_NOT_FOUND, "%s", JB_L(scope, "지울 것이 없습니다. 이미 지워졌습니다.", "There is nothing to delete; it is gone already."));
        return jb_problem(req);
    }
    jb__book_vars(req, book, vars);
    jb__set(vars, "count", (int64_t)rows->count);
    jb__set(vars, "single", single);
    jb_vars_text(vars, "problem", failure ? jb__without_head(failure->message, jb_str_of(JB_L(scope, "지우지 못했습니다", "Not deleted"))) : JB_STR_NULL);
    jb_vars_text(vars, "back", single ? jb__list_back(req, book) : jb_format(scope, "%.*s%.*s", JB_FMT(book->path), JB_FMT(jb__link(req, NULL, JB_STR_NULL, NULL, JB_STR_NULL))));
    struct jb_str entry = jb_model_entry(book->model, scope);
    jb_vars_text(vars, "question", jb_format(scope, JB_L(scope, "%.*s %zu건을 지웁니다.", "%.*s to delete: %zu."), JB_FMT(entry), rows->count));
    jb_vars_list(vars, "rows");
    for (size_t i = 0; i < rows->count; i++) {
        const void *row = jb_rows_at(rows, i);
        struct jb_vars *inner = jb_vars_append(vars, "rows");
        jb__set(inner, "id", jb_row_id(book->model, row));
        jb__set(inner, "shown", (bool)(i < TITLES_SHOWN));
        jb_vars_text(inner, "title", jb_row_title(scope, book->model, row));
        jb_vars_text(inner, "link", jb_format(scope, "%.*s%lld/", JB_FMT(book->path), (long long)jb_row_id(book->model, row)));
    }
    jb__set(vars, "more", (int64_t)(rows->count > TITLES_SHOWN ? rows->count - TITLES_SHOWN : 0));
    return jb_page_vars(req, status, "admin/delete.html", vars);
}

/* ---- the deed -------------------------------------------------------------------------------------------------------------------- */

static bool remove_rows(struct jb_scope *scope, const struct jb_model *model, struct jb_ids chosen, int64_t *ret_count)
{
    void *state;
    struct jb_rows *rows = jb_check_prepare(scope, model, &state) ? jb__rows_find(scope, model, chosen, JB_LOCK_UPDATE) : NULL;

    if (!rows)
        return false;
    for (size_t i = 0; i < rows->count; i++) {
        const void *row = jb_rows_at(rows, i);
        if (model->check && !model->check(scope, state, row, NULL))
            return false;
        if (!jb_delete(scope, model, jb_row_id(model, row)) || !jb_log_row(scope, "delete", model, row, NULL))
            return false;
    }
    *ret_count = (int64_t)rows->count;
    return true;
}

static bool remove_all(struct jb_scope *scope, const struct jb_model *model, struct jb_ids chosen, int64_t *ret_count)
{
    struct jb_tx *tx = jb_begin(scope);
    if (!tx)
        return false;
    if (remove_rows(scope, model, chosen, ret_count) && jb_commit(tx))
        return true;
    jb_rollback(tx);
    return false;
}

static struct jb_response *deed(struct jb_request *req, const struct jb__book *book, struct jb_ids chosen, bool single)
{
    struct jb_scope *scope = req->scope;
    int64_t count;

    if (!remove_all(scope, book->model, chosen, &count)) {
        enum jb_error error = jb_error(scope);
        return error == JB_INVALID || error == JB_CONFLICT ? question(req, book, chosen, single, jb_error_http(error)) : jb_problem(req);
    }
    struct jb_str entry = jb_model_entry(book->model, scope);
    if (!jb_flash(req, "ok", jb_format(scope, JB_L(scope, "%.*s %lld건을 지웠습니다.", "Deleted of %.*s: %lld."), JB_FMT(entry), (long long)count)))
        return jb_problem(req);
    if (single)
        return jb_redirect_to(req, jb__list_back(req, book));
    return jb_redirect_to(req, jb_format(scope, "%.*s%.*s", JB_FMT(book->path), JB_FMT(jb__link(req, NULL, JB_STR_NULL, NULL, JB_STR_NULL))));
}

/* ---- views ------------------------------------------------------------------------------------------------------------------------ */

struct jb_response *jb__delete_view(struct jb_request *req)
{
    const struct jb__book *book = jb__book_of(req);
    int64_t id;

    if (!book || !jb_path_int(req, "id", &id))
        return jb_problem(req);
    return question(req, book, (struct jb_ids){ &id, 1 }, true, 200);
}

struct jb_response *jb__delete_post(struct jb_request *req)
{
    const struct jb__book *book = jb__book_of(req);
    int64_t id;

    if (!book || !jb_path_int(req, "id", &id) || !jb_form_read(req))
        return jb_problem(req);
    return deed(req, book, (struct jb_ids){ &id, 1 }, true);
}

struct jb_response *jb__delete_chosen(struct jb_request *req, const struct jb__book *book, struct jb_ids chosen)
{
    struct jb_str permission = jb_format(req->scope, "%s.delete_%.*s", book->app->name, JB_FMT(jb_model_name(book->model, req->scope)));
    if (!jb_require(req->scope, permission))
        return jb_problem(req);
    return jb_str_is(jb_form_text(req, "confirm"), "1") ? deed(req, book, chosen, false) : question(req, book, chosen, false, 200);
}
