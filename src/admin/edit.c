/* edit.c — one row in a form: the record's table chooses the inputs, its rules give the sentences at the fields, typed values are kept.
 *
 * Saving reads the row, lays the form over it and writes it in one transaction, so that the model's check judges what is really replaced. The form carries a number that stands for the row it showed: who saves over somebody else's
 * change is told first. */
// SPDX-License-Identifier: Apache-2.0
#include "admin_private.h"

enum { REFERENCES_MAX = 200 }; /* more than that are typed, not chosen */

struct form {
    struct jb_request *req;
    const struct jb__book *book;
    int64_t id; /* 0: adding */
    void *row;
    bool may_write;
    bool typed;            /* show what was typed, not what is stored */
    struct jb_str version; /* of the row that is shown */
};

static bool editable(const struct form *form, size_t index)
{
    return form->may_write && !form->book->readonly[index] && !(form->id && form->book->fixed[index]);
}

/* ---- showing ------------------------------------------------------------------------------------------------------------------- */

static const char *kind_of(const struct jb_field *field)
{
    if (field->choices)
        return "select";
    switch (field->type) {
    case JB_BOOL: return "check";
    case JB_DATE: return "date";
    case JB_MONTH: return "month";
    case JB_TIME: return "datetime-local";
    case JB_DECIMAL: return "decimal";
    case JB_INT32:
    case JB_INT64: return "numeric";
    default: return field->long_text ? "area" : "text";
    }
}

/* What stands in the input: as it was typed, otherwise the stored value in the form that the input takes. */
static struct jb_str value_text(const struct form *form, const struct jb_field *field)
{
    struct jb_scope *scope = form->req->scope;
    struct jb_value value = jb_record_get(&form->book->model->record, form->row, field);

    if (form->typed) {
        struct jb_str typed = jb_form_text(form->req, field->name);
        if (typed.data || field->type == JB_BOOL)
            return typed;
    }
    if (!form->id && !field->default_text) /* nothing is stored yet: a date of 0 is no date */
        return JB_STR("");
    if (value.type == JB_DECIMAL)
        return jb__amount(scope, value.decimal, false);
    if (value.type == JB_TIME) {
        struct jb_civil civil = jb_zone_civil(jb_zone_of(form->req), (struct jb_time){ value.number });
        struct jb_str text = jb_format(scope, "%04d-%02d-%02dT%02d:%02d", civil.year, civil.month, civil.day, civil.hour, civil.minute);
        return civil.second ? jb_format(scope, "%.*s:%02d", JB_FMT(text), civil.second) : text; /* saving must not cut them off */
    }
    return jb_value_text(scope, value);
}

static void option(struct jb_vars *vars, struct jb_str value, struct jb_str label, struct jb_str chosen)
{
    struct jb_vars *inner = jb_vars_append(vars, "options");
    jb_vars_text(inner, "value", value);
    jb_vars_text(inner, "label", label);
    jb__set(inner, "chosen", (bool)jb_str_equal(value, chosen));
}

/* Few rows to refer to become a select box; of many, one types the key (their title). */
static bool reference_vars(const struct form *form, const struct jb_field *field, struct jb_str value, struct jb_vars *vars)
{
    struct jb_scope *scope = form->req->scope;
    struct jb_rows *rows = jb_select(scope, field->references, .limit = REFERENCES_MAX + 1);
    void *row = jb_alloc(scope, field->references->record.size);
    int64_t id;

    if (!rows)
        return false;
    if (rows->count <= REFERENCES_MAX) {
        jb_vars_text(vars, "kind", JB_STR("select"));
        for (size_t i = 0; i < rows->count; i++) {
            const void *at = jb_rows_at(rows, i);
            option(vars, jb_format(scope, "%lld", (long long)jb_row_id(field->references, at)), jb_row_title(scope, field->references, at), value);
        }
        return true;
    }
    jb_vars_text(vars, "kind", JB_STR("text"));
    if (!form->typed && jb_str_to_int64(value, &id) && jb__row_find(scope, field->references, id, row))
        jb_vars_text(vars, "value", jb_row_title(scope, field->references, row));
    return !jb_failure(scope);
}

static bool input_vars(const struct form *form, size_t index, const struct jb_field_error *errors, struct jb_vars *vars)
{
    struct jb_scope *scope = form->req->scope;
    const struct jb_field *field = form->book->form[index];
    struct jb_str value = value_text(form, field);

    jb_vars_text(vars, "name", jb_str_of(field->name));
    jb_vars_text(vars, "label", jb__label(scope, field));
    jb_vars_text(vars, "unit", jb_str_of(field->unit));
    jb_vars_text(vars, "kind", jb_str_of(kind_of(field)));
    jb_vars_text(vars, "value", value.data ? value : JB_STR(""));
    jb__set(vars, "length_max", (int64_t)field->length_max);
    jb__set(vars, "required", (bool)(field->required && !field->default_text && field->type != JB_BOOL));
    jb__set(vars, "optional", (bool)(!field->required && !field->default_text && field->type != JB_BOOL));
    jb__set(vars, "disabled", (bool)!editable(form, index));
    jb__set(vars, "fixed", (bool)(form->may_write && form->id && form->book->fixed[index]));
    jb__set(vars, "ticked", (bool)(jb_str_is(value, "true") || jb_str_is(value, "on") || jb_str_is(value, "1")));
    jb_vars_text(vars, "error", JB_STR_NULL);
    for (const struct jb_field_error *error = errors; error; error = error->next)
        if (jb_str_is(error->field, field->name))
            jb_vars_text(vars, "error", error->message);
    jb_vars_list(vars, "options");
    for (const struct jb_choice *choice = field->choices; choice && choice->name; choice++) {
        struct jb_str own = field->type == JB_TEXT ? jb_str_of(choice->name) : jb_format(scope, "%d", choice->value);
        option(vars, own, jb_choice_label(scope, choice, jb_language(scope)), value);
    }
    return !field->references || reference_vars(form, field, value, vars);
}

/* The summary on top: a sentence, and a link to each field that has one of its own. */
static void summary_vars(const struct form *form, const struct jb_failure *failure, struct jb_vars *vars)
{
    struct jb_scope *scope = form->req->scope;
    int64_t count = 0;

    jb_vars_list(vars, "errors");
    for (const struct jb_field_error *error = failure ? failure->fields : NULL; error; error = error->next, count++) {
        const struct jb_field *field = jb_record_field(&form->book->model->record, error->field);
        struct jb_vars *inner = jb_vars_append(vars, "errors");
        jb_vars_text(inner, "name", error->field);
        jb_vars_text(inner, "label", field ? jb__label(scope, field) : jb__link_label(scope, form->book->model, error->field));
        jb_vars_text(inner, "message", error->message);
    }
    jb_vars_text(vars, "problem", JB_STR_NULL);
    if (count > 0)
        jb_vars_text(vars, "problem", jb_format(scope, JB_L(scope, "고칠 곳이 %lld군데 있습니다.", "Fields that need attention: %lld."), (long long)count));
    else if (failure)
        jb_vars_text(vars, "problem", failure->message);
}

/* ---- what was shown ------------------------------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, struct jb_str text)
{
    return jb_str_digest(jb_str_digest(hash, text), text.data ? JB_STR("\xff") : JB_STR("\xfe")); /* in no UTF-8 */
}

/* Stands for all that the form shows of the stored row. */
static bool version_of(const struct form *form, const void *row, struct jb_str *ret_version)
{
    struct jb_scope *scope = form->req->scope;
    const struct jb_model *model = form->book->model;
    uint64_t hash = JB_DIGEST_START;

    for (size_t i = 0; i < form->book->form_count; i++)
        hash = mix(hash, jb_value_text(scope, jb_record_get(&model->record, row, form->book->form[i])));
    for (const struct jb_link *link = model->links; link && link->name; link++) {
        struct jb_rows *linked = jb_links_get(scope, model, form->id, link->name);
        if (!linked)
            return false;
        for (size_t i = 0; i < linked->count; i++)
            hash = mix(hash, jb_format(scope, "%lld", (long long)jb_row_id(link->target, jb_rows_at(linked, i))));
        hash = mix(hash, JB_STR_NULL);
    }
    *ret_version = jb_format(scope, "%016llx", (unsigned long long)hash);
    return true;
}

/* A program that sends no version means what it says. */
static bool is_as_shown(struct form *form, const void *row)
{
    struct jb_scope *scope = form->req->scope;
    struct jb_str shown = jb_form_text(form->req, "version.shown"), entry = jb_model_entry(form->book->model, scope);

    if (!version_of(form, row, &form->version))
        return false;
    return shown.size == 0 || jb_str_equal(shown, form->version) ||
           jb_fail(scope, JB_CONFLICT,
               JB_L(scope, "이 화면을 연 뒤에 다른 사람이 이 %.*s 내용을 고쳤습니다. 목록에서 다시 열어 보거나, 아래에 적힌 대로 두려면 한 번 더 저장하세요.",
                   "Somebody has changed this %.*s since you opened it. Open it again from the list, or save once more to keep what stands below."),
               JB_FMT(entry));
}

static struct jb_response *form_page(struct form *form, int status)
{
    struct jb_request *req = form->req;
    const struct jb__book *book = form->book;
    struct jb_vars *vars = jb_vars_new(req->scope);
    const struct jb_failure *failure = jb_failure(req->scope);

    jb_failure_clear(req->scope); /* it is answered here, by the page */
    jb__book_vars(req, book, vars);
    jb__set(vars, "adding", (bool)(form->id == 0));
    jb__set(vars, "may_write", form->may_write);
    jb__set(vars, "id", form->id);
    jb_vars_text(vars, "version", form->version.data ? form->version : JB_STR(""));
    jb_vars_text(vars, "title", form->id ? jb_row_title(req->scope, book->model, form->row) : JB_STR_NULL);
    jb_vars_text(vars, "back", jb__list_back(req, book));
    jb_vars_text(vars, "from", jb__link(req, NULL, JB_STR_NULL, NULL, JB_STR_NULL));
    summary_vars(form, failure, vars);
    jb_vars_list(vars, "fields");
    jb_vars_list(vars, "areas");
    for (size_t i = 0; i < book->form_count; i++)
        if (!input_vars(form, i, failure ? failure->fields : NULL, jb_vars_append(vars, book->form[i]->long_text ? "areas" : "fields")))
            return jb_problem(req);
    if (!jb__links_vars(req, book->model, form->id, form->may_write, form->typed, failure ? failure->fields : NULL, vars))
        return jb_problem(req);
    return jb_page_vars(req, status, "admin/form.html", vars);
}

static bool open_new(struct jb_request *req, struct form *ret_form)
{
    const struct jb__book *book = jb__book_of(req);

    if (!book)
        return false;
    *ret_form = (struct form){ .req = req, .book = book, .may_write = true, .row = jb_alloc(req->scope, book->model->record.size) };
    return jb_record_defaults(req->scope, &book->model->record, ret_form->row);
}

struct jb_response *jb__add_view(struct jb_request *req)
{
    struct form form;
    if (!open_new(req, &form))
        return jb_problem(req);
    return form_page(&form, 200);
}

struct jb_response *jb__edit_view(struct jb_request *req)
{
    const struct jb__book *book = jb__book_of(req);
    if (!book)
        return jb_problem(req);
    struct form form = { .req = req, .book = book, .may_write = jb_may_model(req->scope, "change", book->model) };
    form.row = jb_alloc(req->scope, book->model->record.size);
    if (!jb_path_int(req, "id", &form.id) || !jb_get(req->scope, book->model, form.id, form.row))
        return jb_problem(req);
    if (!version_of(&form, form.row, &form.version))
        return jb_problem(req);
    return form_page(&form, 200);
}

/* ---- saving ------------------------------------------------------------------------------------------------------------------- */

static bool reads_itself(const struct jb_field *field)
{
    return field->references != NULL || field->type == JB_TIME;
}

/* Of few rows one was chosen, whose id may be another one's title. */
static bool chosen(struct jb_scope *scope, const struct jb_model *target, struct jb_str text, int64_t *ret_id)
{
    void *row = jb_alloc(scope, target->record.size);
    int64_t id;

    if (!jb__reference_read(scope, target, text, ret_id))
        return false;
    if (!jb_str_to_int64(text, &id) || id == *ret_id || jb_count(scope, target, .limit = 0) > REFERENCES_MAX)
        return !jb_failure(scope);
    if (jb__row_find(scope, target, id, row))
        *ret_id = id;
    return !jb_failure(scope);
}

/* References (by id or by key) and instants (in the site's zone), which need more than the record's table. */
static bool special_value(struct jb_scope *scope, struct jb_request *req, const struct jb_field *field, struct jb_str text, struct jb_value *ret_value)
{
    struct jb_value value = jb_v_null();
    struct jb_time time;
    int64_t id;

    if (text.size > 0 && field->references) {
        if (!chosen(scope, field->references, text, &id))
            return false;
        value = jb_v(id);
    } else if (text.size > 0) {
        if (!jb_time_parse(text, jb_zone_of(req), &time))
            return jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’: 시각이 아닙니다. 2025-11-20 14:30처럼 적으세요.", "“%.*s” is no time. Write it like 2025-11-20 14:30."), JB_FMT(text));
        value = jb_v(time);
    }
    if (!jb_field_check(scope, field, value))
        return false;
    *ret_value = value;
    return true;
}

/* What came back as it was shown: a time that is finer than its input, a title that several rows have. */
static bool unchanged(const struct form *form, struct jb_scope *scope, const struct jb_field *field, struct jb_str text)
{
    struct jb_str shown = form->id ? value_text(form, field) : JB_STR_NULL;
    int64_t id, number;

    if (form->id && field->references && jb_str_to_int64(shown, &id)) {
        void *row = jb_alloc(scope, field->references->record.size);
        shown = !jb_str_to_int64(text, &number) && jb__row_find(scope, field->references, id, row) ? jb_row_title(scope, field->references, row) : JB_STR_NULL;
    }
    return shown.size > 0 && jb_str_equal(text, shown);
}

static bool read_special(struct form *form, const struct jb_field *field)
{
    struct jb_request *req = form->req;
    struct jb_str text = jb_str_trim_unicode(jb_form_text(req, field->name));
    struct jb_scope *scope = jb_scope_child(req->scope, "field");
    struct jb_value value;
    bool same = unchanged(form, scope, field, text), ok = !jb_failure(scope) && (same || special_value(scope, req, field, text, &value));

    if (ok && !same)
        jb_record_set(&form->book->model->record, form->row, field, value);
    else if (!ok && jb_error(scope) == JB_INVALID)
        jb_fail_field(req->scope, jb_str_of(field->name), "%.*s", JB_FMT(jb_failure(scope)->message));
    else if (!ok)
        jb_failure_pass(scope, req->scope);
    jb_scope_end(scope);
    return ok;
}

/* Lays the form over the row; collects the errors of all fields before it fails. */
static bool read_fields(struct form *form)
{
    struct jb_scope *scope = form->req->scope;
    const struct jb__book *book = form->book;
    struct jb_str names = JB_STR("");
    bool ok = true;

    for (size_t i = 0; i < book->form_count; i++)
        if (editable(form, i) && !reads_itself(book->form[i]))
            names = jb_format(scope, "%.*s%s%s", JB_FMT(names), names.size ? " " : "", book->form[i]->name);
    if (names.size > 0)
        ok = jb_form_record(form->req, &book->model->record, jb_cstr(scope, names), form->row);
    if (!ok && jb_error(scope) != JB_INVALID)
        return false;
    for (size_t i = 0; i < book->form_count; i++)
        if (editable(form, i) && reads_itself(book->form[i]) && !read_special(form, book->form[i]))
            ok = false;
    return ok;
}

static bool write_row(struct form *form)
{
    struct jb_scope *scope = form->req->scope;
    const struct jb_model *model = form->book->model;
    void *before = NULL, *state;

    if (!jb_check_prepare(scope, model, &state))
        return false;
    if (form->id) {
        before = jb_alloc(scope, model->record.size);
        if (!jb_get_locked(scope, model, form->id, before))
            return false;
        form->row = jb_record_copy(scope, &model->record, before);
        if (!is_as_shown(form, before))
            return false;
    }
    if (!read_fields(form) || (model->check && !model->check(scope, state, before, form->row)))
        return false;
    if (!(form->id ? jb_save(scope, model, form->row) : jb_insert(scope, model, form->row)))
        return false;
    return jb__links_save(form->req, model, jb_row_id(model, form->row)) && jb_log_row(scope, form->id ? "change" : "add", model, before, form->row);
}

static bool save(struct form *form)
{
    struct jb_tx *tx = jb_begin(form->req->scope);
    if (!tx)
        return false;
    if (write_row(form) && jb_commit(tx))
        return true;
    jb_rollback(tx);
    return false;
}

/* Where to after saving: the list (as it was), the same row, or an empty form. */
static struct jb_response *after_save(struct form *form)
{
    struct jb_request *req = form->req;
    struct jb_scope *scope = req->scope;
    const struct jb__book *book = form->book;
    struct jb_str next = jb_form_text(req, "next");
    struct jb_str entry = jb_model_entry(book->model, scope), title = jb_row_title(scope, book->model, form->row);
    struct jb_str same = jb__link(req, NULL, JB_STR_NULL, NULL, JB_STR_NULL);

    if (!jb_flash(req, "ok", jb_format(scope, JB_L(scope, "저장했습니다: %.*s %.*s", "Saved: %.*s %.*s"), JB_FMT(entry), JB_FMT(title))))
        return jb_problem(req);
    if (jb_str_is(next, "edit"))
        return jb_redirect_to(req, jb_format(scope, "%.*s%lld/%.*s", JB_FMT(book->path), (long long)jb_row_id(book->model, form->row), JB_FMT(same)));
    if (jb_str_is(next, "add"))
        return jb_redirect_to(req, jb_format(scope, "%.*sadd/%.*s", JB_FMT(book->path), JB_FMT(same)));
    return jb_redirect_to(req, jb__list_back(req, book));
}

static struct jb_response *post(struct form *form)
{
    struct jb_request *req = form->req;

    if (!jb_form_read(req))
        return jb_problem(req);
    if (save(form))
        return after_save(form);
    enum jb_error error = jb_error(req->scope);
    if (error != JB_INVALID && error != JB_CONFLICT)
        return jb_problem(req);
    form->typed = true;
    return form_page(form, jb_error_http(error));
}

struct jb_response *jb__add_post(struct jb_request *req)
{
    struct form form;
    if (!open_new(req, &form))
        return jb_problem(req);
    return post(&form);
}

struct jb_response *jb__edit_post(struct jb_request *req)
{
    const struct jb__book *book = jb__book_of(req);
    if (!book)
        return jb_problem(req);
    struct form form = { .req = req, .book = book, .may_write = true };
    form.row = jb_alloc(req->scope, book->model->record.size);
    if (!jb_path_int(req, "id", &form.id))
        return jb_problem(req);
    return post(&form);
}
