/* book.c — resolves what an app declared for its clerks, once, at start: every word of a struct jb_admin becomes a field, and what was left out gets its default. */
// SPDX-License-Identifier: Apache-2.0
#include "admin_private.h"

/* ---- words ------------------------------------------------------------------------------------------------------------------- */

static bool next_word(struct jb_str *rest, struct jb_str *ret_word)
{
    struct jb_str text = jb_str_trim(*rest);
    if (text.size == 0)
        return false;
    size_t end = 0;
    while (end < text.size && text.data[end] != ' ' && text.data[end] != '\n')
        end++;
    *ret_word = jb_str_slice(text, 0, end);
    *rest = jb_str_slice(text, end, text.size);
    return true;
}

static bool unknown_name(struct jb_scope *scope, const struct jb_model *model, const char *list, struct jb_str name)
{
    struct jb_str nearest = jb_record_nearest(&model->record, name), full = jb_model_full_name(model, scope);

    if (!nearest.data)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "%.*s 관리 화면의 %s: ‘%.*s’ 필드가 없습니다.", "Admin of %.*s, %s: there is no field '%.*s'."), JB_FMT(full), list, JB_FMT(name));
    return jb_fail(scope, JB_INVALID, JB_L(scope, "%.*s 관리 화면의 %s: ‘%.*s’ 필드가 없습니다. ‘%.*s’ 아닌가요?", "Admin of %.*s, %s: there is no field '%.*s'; did you mean '%.*s'?"), JB_FMT(full),
        list, JB_FMT(name), JB_FMT(nearest));
}

/* "income", or "project.code" through the reference project_id. */
static bool column_of(struct jb_scope *scope, const struct jb_model *model, const char *list, struct jb_str word, struct jb__column *ret_column)
{
    size_t dot = jb_str_find_char(word, '.', 0);
    if (dot == SIZE_MAX) {
        const struct jb_field *field = jb_record_field(&model->record, word);
        if (!field)
            return unknown_name(scope, model, list, word);
        *ret_column = (struct jb__column){ .field = field };
        return true;
    }
    struct jb_str base = jb_str_slice(word, 0, dot);
    struct jb_str key = jb_format(scope, "%.*s_id", JB_FMT(base));
    const struct jb_field *field = jb_record_field(&model->record, key);
    if (!field || !field->references)
        return unknown_name(scope, model, list, key);
    struct jb_str rest = jb_str_slice(word, dot + 1, word.size);
    const struct jb_field *through = jb_record_field(&field->references->record, rest);
    if (!through)
        return unknown_name(scope, field->references, list, rest);
    *ret_column = (struct jb__column){ .field = field, .through = through };
    return true;
}

static bool columns_of(struct jb_scope *scope, const struct jb_model *model, const char *list, const char *words, struct jb__column *columns, size_t max, size_t *ret_count)
{
    struct jb_str rest = jb_str_of(words), word;
    size_t count = 0;
    while (next_word(&rest, &word)) {
        if (count == max)
            return jb_fail(scope, JB_INVALID, JB_L(scope, "%s 관리 화면의 %s: 필드는 %zu개까지입니다.", "Admin of %s, %s: at most %zu fields."), model->record.name, list, max);
        if (!column_of(scope, model, list, word, &columns[count]))
            return false;
        count++;
    }
    *ret_count = count;
    return true;
}

static bool fields_of(struct jb_scope *scope, const struct jb_model *model, const char *list, const char *words, const struct jb_field **fields, size_t max, size_t *ret_count)
{
    struct jb__column columns[JB__COLUMNS_MAX];
    size_t count;
    if (!columns_of(scope, model, list, words, columns, JB_MIN(max, JB_COUNT(columns)), &count))
        return false;
    for (size_t i = 0; i < count; i++)
        fields[i] = columns[i].field;
    *ret_count = count;
    return true;
}

static bool has_word(const char *words, const char *name)
{
    struct jb_str rest = jb_str_of(words), word;
    while (next_word(&rest, &word))
        if (jb_str_is(word, name))
            return true;
    return false;
}

/* ---- the parts of a book ---------------------------------------------------------------------------------------------------------- */

static bool shown(const struct jb_field *field)
{
    return field->type != JB_WORD && !field->secret && !field->primary;
}

static bool make_columns(struct jb_scope *scope, struct jb__book *book)
{
    const struct jb_admin *admin = book->admin;
    const struct jb_model *model = book->model;

    if (admin->list) {
        if (!columns_of(scope, model, "list", admin->list, book->columns, JB__COLUMNS_MAX, &book->column_count))
            return false;
    } else {
        for (const struct jb_field *field = model->record.fields; field->type != JB_END && book->column_count < 8; field++)
            if (shown(field) && !field->long_text)
                book->columns[book->column_count++] = (struct jb__column){ .field = field };
    }
    if (book->column_count == 0)
        book->columns[book->column_count++] = (struct jb__column){ .field = jb_model_primary(model) };

    struct jb__column minor[JB__COLUMNS_MAX];
    size_t minor_count;
    if (!columns_of(scope, model, "minor", admin->minor, minor, JB__COLUMNS_MAX, &minor_count))
        return false;
    for (size_t i = 0; i < book->column_count; i++)
        book->columns[i].minor = has_word(admin->minor, book->columns[i].field->name);
    return columns_of(scope, model, "sub", admin->sub, book->subs, JB__SUBS_MAX, &book->sub_count);
}

/* Which column opens the row (the title's, otherwise the first) and which one a phone keeps beside the first. */
static bool choose_main(struct jb_scope *scope, struct jb__book *book)
{
    const struct jb_model *model = book->model;
    size_t main = SIZE_MAX;

    book->title = model->title ? jb_record_field(&model->record, jb_str_of(model->title)) : NULL;
    for (size_t i = book->column_count; i-- > 0;)
        if (book->columns[i].field == book->title)
            book->link = i;
    for (size_t i = 0; i < book->column_count; i++) {
        const struct jb_field *field = book->columns[i].field;
        if (book->admin->main ? jb_str_is(jb_str_of(field->name), book->admin->main) : field->type == JB_TEXT && field != book->title && i > 0) {
            main = i;
            break;
        }
    }
    if (main == SIZE_MAX && book->admin->main)
        return unknown_name(scope, model, "main", jb_str_of(book->admin->main));
    book->main = main == SIZE_MAX ? book->link : main;
    return true;
}

static bool make_amounts(struct jb_scope *scope, struct jb__book *book)
{
    struct jb_str rest = jb_str_of(book->admin->amount), word;
    while (next_word(&rest, &word)) {
        int sign = word.data[0] == '-' ? -1 : 1;
        struct jb_str name = sign < 0 ? jb_str_slice(word, 1, word.size) : word;
        const struct jb_field *field = jb_record_field(&book->model->record, name);
        if (!field || field->type != JB_DECIMAL)
            return unknown_name(scope, book->model, "amount", name);
        if (book->amount_count == JB__AMOUNTS_MAX)
            return jb_fail(scope, JB_INVALID, JB_L(scope, "%s 관리 화면의 amount: 필드는 %d개까지입니다.", "Admin of %s, amount: at most %d fields."), book->model->record.name, JB__AMOUNTS_MAX);
        book->signs[book->amount_count] = sign;
        book->amounts[book->amount_count++] = field;
    }
    for (size_t i = 0; book->amount_count == 0 && i < book->column_count; i++)
        if (book->columns[i].field->type == JB_DECIMAL && !book->columns[i].through) {
            book->signs[0] = 1;
            book->amounts[book->amount_count++] = book->columns[i].field;
        }
    return true;
}

static bool make_form(struct jb_scope *scope, struct jb__book *book)
{
    const struct jb_admin *admin = book->admin;
    const struct jb_model *model = book->model;

    if (admin->form) {
        if (!fields_of(scope, model, "form", admin->form, book->form, JB__COLUMNS_MAX, &book->form_count))
            return false;
    } else {
        for (const struct jb_field *field = model->record.fields; field->type != JB_END && book->form_count < JB__COLUMNS_MAX; field++)
            if (shown(field))
                book->form[book->form_count++] = field;
    }
    const struct jb_field *named[JB__COLUMNS_MAX];
    size_t count;
    if (!fields_of(scope, model, "readonly", admin->readonly, named, JB__COLUMNS_MAX, &count) ||
        !fields_of(scope, model, "fixed", admin->fixed, named, JB__COLUMNS_MAX, &count))
        return false;
    for (size_t i = 0; i < book->form_count; i++) {
        const struct jb_field *field = book->form[i];
        book->readonly[i] = field->readonly || field->primary || field->auto_now || field->auto_now_add || has_word(admin->readonly, field->name);
        book->fixed[i] = has_word(admin->fixed, field->name);
    }
    return true;
}

static bool make_search(struct jb_scope *scope, struct jb__book *book)
{
    const char *words = book->admin->search ? book->admin->search : book->title && book->title->type == JB_TEXT ? book->title->name
                                                                                                                : NULL;
    const struct jb_field *fields[JB__COLUMNS_MAX];
    size_t count;
    if (!fields_of(scope, book->model, "search", words, fields, JB__COLUMNS_MAX, &count))
        return false;
    for (size_t i = 0; i < count; i++)
        if (fields[i]->type != JB_TEXT)
            return jb_fail(scope, JB_INVALID, JB_L(scope, "%s 관리 화면의 search: ‘%s’ 필드는 글자가 아닙니다.", "Admin of %s, search: '%s' is no text field."), book->model->record.name, fields[i]->name);
    book->search = jb_str_of(words);
    return true;
}

bool jb__book_make(struct jb_scope *scope, const struct jb_admin_app *app, const struct jb_admin *admin, struct jb__book *ret_book)
{
    struct jb_str name = jb_model_name(admin->model, scope);
    struct jb__book book = {
        .admin = admin,
        .model = admin->model,
        .app = app,
        .path = jb_format(scope, "/admin/%s/%.*s/", app->name, JB_FMT(name)),
        .page_rows = admin->page_rows ? admin->page_rows : 50,
    };
    if (!make_columns(scope, &book) || !choose_main(scope, &book) || !make_amounts(scope, &book) || !make_form(scope, &book) || !make_search(scope, &book) ||
        !fields_of(scope, admin->model, "filters", admin->filters, book.filters, JB__FILTERS_MAX, &book.filter_count))
        return false;
    *ret_book = book;
    return true;
}
