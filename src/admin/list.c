/* list.c — the list of a book: head links that sort, rows, two totals, ticks and what can be done with them. */
// SPDX-License-Identifier: Apache-2.0
#include "admin_private.h"

enum { CHOSEN_MAX = 1000 };

/* What one list page shows; the columns' targets belong to its rows. */
struct listing {
    struct jb_request *req;
    const struct jb__book *book;
    struct jb__query query;
    struct jb_rows *rows;
    struct jb__targets targets[JB__COLUMNS_MAX], sub_targets[JB__SUBS_MAX];
    struct jb_str from; /* "?from=…" behind the links of rows */
    int64_t all, found, pages;
    bool this_year; /* every day in the first column is of it: a phone leaves it out */
};

/* ---- reading ------------------------------------------------------------------------------------------------------------------- */

static bool read_rows(struct listing *list)
{
    struct jb_scope *scope = list->req->scope;
    const struct jb__book *book = list->book;
    struct jb_select select = jb__list_select(book, &list->query);

    list->all = jb_count(scope, book->model, .limit = 0);
    if (list->all < 0)
        return false;
    list->found = list->query.filtered ? jb_count_rows(scope, book->model, &select) : list->all;
    if (list->found < 0)
        return false;
    list->pages = JB_MAX(1, (list->found + book->page_rows - 1) / book->page_rows);
    list->query.page = JB_MIN(list->query.page, list->pages);
    select.limit = book->page_rows;
    select.offset = (list->query.page - 1) * book->page_rows;
    list->rows = jb_select_rows(scope, book->model, &select);
    return list->rows && jb__targets_read(scope, book->columns, book->column_count, list->rows, list->targets) &&
           jb__targets_read(scope, book->subs, book->sub_count, list->rows, list->sub_targets);
}

/* ---- cells ------------------------------------------------------------------------------------------------------------------- */

/* "n" for numbers, "d" for what must not wrap; "lo" leaves on a phone, "mid" already below 1,000 px. */
static struct jb_str cell_class(const struct listing *list, size_t index)
{
    const struct jb__book *book = list->book;
    const struct jb__column *column = &book->columns[index];
    const struct jb_field *field = column->through ? column->through : column->field;
    bool number = field->type == JB_DECIMAL || ((field->type == JB_INT32 || field->type == JB_INT64) && !field->references && !field->choices && !field->primary);
    bool fixed = field->type == JB_DATE || field->type == JB_MONTH || field->type == JB_TIME || index == book->link;
    bool low = index != 0 && index != book->main;
    return jb_format(list->req->scope, "%s%s%s", number ? "n" : fixed ? "d"
                                                                      : "",
        low ? " lo" : "", low && column->minor ? " mid" : "");
}

static void head_vars(struct listing *list, struct jb_vars *vars)
{
    struct jb_request *req = list->req;
    const struct jb__book *book = list->book;

    for (size_t i = 0; i < book->column_count; i++) {
        const struct jb__column *column = &book->columns[i];
        struct jb_vars *head = jb_vars_append(vars, "heads");
        bool sorts = !column->through && !column->field->long_text && !column->field->secret;
        bool sorted = sorts && column->field == list->query.order_field;
        bool descending = sorted && list->query.descending;
        struct jb_str order = jb_format(req->scope, "%s%s", sorted && !descending ? "-" : "", column->field->name);
        jb_vars_text(head, "class", cell_class(list, i));
        jb__set(head, "main", (bool)(i == book->main));
        jb_vars_text(head, "label", jb__column_label(req->scope, column));
        jb_vars_text(head, "unit", jb_str_of(column->field->unit));
        jb_vars_text(head, "sort", jb_str_of(!sorted ? NULL : descending ? "descending"
                                                                         : "ascending"));
        jb_vars_text(head, "link", sorts ? jb__link(req, "o", order, "page", JB_STR_NULL) : JB_STR_NULL);
    }
}

static void number_vars(struct jb_scope *scope, struct jb_vars *vars, struct jb_decimal amount, bool plus)
{
    jb__set(vars, "zero", (bool)(amount.units == 0));
    jb__set(vars, "negative", (bool)(amount.units < 0));
    jb__set(vars, "positive", (bool)(amount.units > 0));
    jb_vars_text(vars, "text", jb__amount(scope, amount, plus));
}

static struct jb_str sub_text(struct listing *list, const void *row)
{
    struct jb_scope *scope = list->req->scope;
    struct jb_str text = JB_STR("");

    for (size_t i = 0; i < list->book->sub_count; i++) {
        struct jb_str part = jb__cell_text(list->req, &list->book->subs[i], &list->sub_targets[i], row, &list->book->model->record);
        if (part.size)
            text = jb_format(scope, "%.*s%s%.*s", JB_FMT(text), text.size ? " · " : "", JB_FMT(part));
    }
    return text;
}

static bool all_of_this_year(const struct listing *list)
{
    const struct jb_field *field = list->book->columns[0].field;
    int year = jb_zone_civil(jb_zone_of(list->req), jb_now()).year;

    for (size_t i = 0; i < list->rows->count; i++) {
        struct jb_value value = jb_record_get(&list->book->model->record, jb_rows_at(list->rows, i), field);
        if (value.type == JB_DATE && jb_date_civil((struct jb_date){ (int32_t)value.number }).year != year)
            return false;
    }
    return true;
}

static void cell_vars(struct listing *list, const void *row, size_t index, struct jb_vars *vars)
{
    struct jb_request *req = list->req;
    const struct jb__book *book = list->book;
    const struct jb__column *column = &book->columns[index];
    struct jb_value value = jb_record_get(&book->model->record, row, column->field);
    struct jb_str text = jb__cell_text(req, column, &list->targets[index], row, &book->model->record);

    jb_vars_text(vars, "class", cell_class(list, index));
    jb__set(vars, "zero", (bool)false);
    jb__set(vars, "negative", (bool)false);
    jb_vars_text(vars, "year", JB_STR_NULL);
    jb_vars_text(vars, "text", text);
    if (value.type == JB_DECIMAL && !column->through)
        number_vars(req->scope, vars, value.decimal, false);
    else if (value.type == JB_DATE && index == 0 && text.size == 10 && list->this_year) { /* a phone shows 11-20 */
        jb_vars_text(vars, "year", jb_str_slice(text, 0, 5));
        jb_vars_text(vars, "text", jb_str_slice(text, 5, 10));
    }
    jb__set(vars, "link", (bool)(index == book->link));
    jb__set(vars, "main", (bool)(index == book->main));
}

/* The signed sum of the amount fields: what a phone shows in one column. */
static bool signed_amount(const struct jb__book *book, const void *row, struct jb_decimal *ret_sum)
{
    struct jb_decimal sum = { 0, 0 };
    for (size_t i = 0; i < book->amount_count; i++) {
        struct jb_value value = jb_record_get(&book->model->record, row, book->amounts[i]);
        if (value.type == JB_NULL)
            continue;
        if (!(book->signs[i] < 0 ? jb_decimal_subtract : jb_decimal_add)(sum, value.decimal, &sum))
            return false;
    }
    *ret_sum = sum;
    return true;
}

static void row_vars(struct listing *list, const void *row, struct jb_vars *vars)
{
    struct jb_scope *scope = list->req->scope;
    const struct jb__book *book = list->book;
    int64_t id = jb_row_id(book->model, row);
    struct jb_decimal amount;

    jb__set(vars, "id", id);
    jb_vars_text(vars, "title", jb_row_title(scope, book->model, row));
    jb_vars_text(vars, "link", jb_format(scope, "%.*s%lld/%.*s", JB_FMT(book->path), (long long)id, JB_FMT(list->from)));
    jb_vars_text(vars, "sub", sub_text(list, row));
    jb__set(vars, "sub_link", (bool)(book->link != 0 && book->link != book->main)); /* its column leaves on a phone */
    jb_vars_list(vars, "cells");
    for (size_t i = 0; i < book->column_count; i++)
        cell_vars(list, row, i, jb_vars_append(vars, "cells"));
    if (book->amount_count && signed_amount(book, row, &amount)) {
        struct jb_vars *inner = jb_vars_new(scope);
        number_vars(scope, inner, amount, book->amount_count > 1);
        jb_vars_vars(vars, "amount", inner);
    }
}

/* ---- totals ------------------------------------------------------------------------------------------------------------------- */

static const struct jb_field *summed(const struct jb__book *book, size_t index)
{
    const struct jb__column *column = &book->columns[index];
    return column->field->type == JB_DECIMAL && !column->through ? column->field : NULL;
}

/* The label of a totals row spans what a phone keeps: the first column, and the main one in whose place the second stands. */
static size_t label_span(const struct jb__book *book)
{
    return book->main == 0 || book->column_count < 2 || summed(book, 0) || summed(book, 1) ? 1 : 2;
}

/* One totals row: sums are in the order of the summed columns. */
static void total_vars(struct listing *list, struct jb_vars *vars, const struct jb_decimal *sums, bool with_difference)
{
    struct jb_scope *scope = list->req->scope;
    const struct jb__book *book = list->book;
    struct jb_decimal difference = { 0, 0 };
    size_t at = 0, known = 0;
    bool fits = true;

    jb_vars_list(vars, "cells");
    for (size_t i = label_span(book); i < book->column_count; i++) {
        const struct jb_field *field = summed(book, i);
        struct jb_vars *cell = jb_vars_append(vars, "cells");
        jb_vars_text(cell, "class", field || i != book->main ? cell_class(list, i) : JB_STR("lo"));
        jb__set(cell, "sum", (bool)(field != NULL));
        jb__set(cell, "main", (bool)(i == book->main));
        if (!field)
            continue;
        number_vars(scope, cell, sums[at], false);
        for (size_t a = 0; a < book->amount_count; a++)
            if (book->amounts[a] == field) {
                fits &= (book->signs[a] < 0 ? jb_decimal_subtract : jb_decimal_add)(difference, sums[at], &difference);
                known++;
            }
        at++;
    }
    bool whole = fits && known == book->amount_count && known > 0;
    jb__set(vars, "span", (int64_t)label_span(book));
    jb__set(vars, "amount_first", (bool)(book->main < label_span(book)));
    jb__set(vars, "whole", whole);
    jb__set(vars, "difference", (bool)(whole && with_difference && known > 1));
    struct jb_vars *amount = jb_vars_new(scope);
    number_vars(scope, amount, difference, false);
    jb_vars_vars(vars, "amount", amount);
}

static bool page_sums(const struct listing *list, struct jb_decimal *sums, size_t *ret_count)
{
    const struct jb__book *book = list->book;
    size_t count = 0;

    for (size_t i = 0; i < book->column_count; i++) {
        const struct jb_field *field = summed(book, i);
        if (!field)
            continue;
        sums[count] = (struct jb_decimal){ 0, field->decimals };
        for (size_t r = 0; r < list->rows->count; r++) {
            struct jb_value value = jb_record_get(&book->model->record, jb_rows_at(list->rows, r), field);
            if (value.type == JB_DECIMAL && !jb_decimal_add(sums[count], value.decimal, &sums[count]))
                return false;
        }
        count++;
    }
    *ret_count = count;
    return true;
}

static bool totals(struct listing *list, struct jb_vars *vars)
{
    struct jb_scope *scope = list->req->scope;
    const struct jb__book *book = list->book;
    struct jb_decimal sums[JB__COLUMNS_MAX];
    struct jb_str names = JB_STR("");
    size_t count;

    if (!page_sums(list, sums, &count) || count == 0 || list->rows->count == 0)
        return true;
    struct jb_vars *page = jb_vars_append(vars, "totals");
    jb__set(page, "page", (bool)true);
    total_vars(list, page, sums, false);

    for (size_t i = 0; i < book->column_count; i++)
        if (summed(book, i))
            names = jb_format(scope, "%.*s%s%s", JB_FMT(names), names.size ? " " : "", summed(book, i)->name);
    struct jb_select select = jb__list_select(book, &list->query);
    if (!jb_sum_rows(scope, book->model, &select, jb_cstr(scope, names), sums))
        return false;
    struct jb_vars *found = jb_vars_append(vars, "totals");
    jb__set(found, "page", (bool)false);
    total_vars(list, found, sums, true);
    return true;
}

/* ---- the page ------------------------------------------------------------------------------------------------------------------- */

static void action_vars(struct jb_request *req, const struct jb__book *book, struct jb_vars *vars)
{
    struct jb_scope *scope = req->scope;
    struct jb_vars *action;

    jb_vars_list(vars, "actions");
    if (jb_may_model(scope, "export", book->model)) {
        action = jb_vars_append(vars, "actions");
        jb_vars_text(action, "name", JB_STR("export"));
        jb_vars_text(action, "label", jb_str_of(JB_L(scope, "비동기 내보내기", "Export in the background")));
    }
    for (const struct jb_action *own = book->admin->actions; own && own->name; own++) {
        if (own->permission ? !jb_may(scope, jb_str_of(own->permission)) : !jb_may_model(scope, "change", book->model))
            continue;
        action = jb_vars_append(vars, "actions");
        jb_vars_text(action, "name", jb_str_of(own->name));
        jb_vars_text(action, "label", jb_str_of(jb_language(scope) == JB_KO || !own->label_en ? own->label : own->label_en));
    }
    if (jb_may_model(scope, "delete", book->model)) {
        action = jb_vars_append(vars, "actions");
        jb_vars_text(action, "name", JB_STR("delete"));
        jb_vars_text(action, "label", jb_str_of(JB_L(scope, "삭제", "Delete")));
    }
}

/* "적요, 거래처, 전표번호에서 찾기": the search box names what it looks into. */
static struct jb_str search_hint(struct jb_request *req, const struct jb__book *book)
{
    struct jb_scope *scope = req->scope;
    struct jb_str rest = book->search, names = JB_STR("");

    while (rest.data) {
        const struct jb_field *field = jb_record_field(&book->model->record, jb_str_cut(&rest, ' '));
        if (field)
            names = jb_format(scope, "%.*s%s%.*s", JB_FMT(names), names.size ? ", " : "", JB_FMT(jb__label(scope, field)));
    }
    return jb_format(scope, JB_L(scope, "%.*s에서 찾기", "Search %.*s"), JB_FMT(names));
}

static void count_vars(struct listing *list, struct jb_vars *vars)
{
    struct jb_scope *scope = list->req->scope;
    struct jb_str all = jb__number(scope, list->all), found = jb__number(scope, list->found);

    jb__set(vars, "all", list->all);
    jb__set(vars, "found", list->found);
    jb__set(vars, "here", (int64_t)list->rows->count);
    jb__set(vars, "filtered", list->query.filtered);
    jb_vars_text(vars, "counts",
        list->query.filtered ? jb_format(scope, JB_L(scope, "%.*s건 가운데 %.*s건", "of %.*s rows, %.*s match"), JB_FMT(all), JB_FMT(found)) : jb_format(scope, JB_L(scope, "%.*s건", "%.*s rows"), JB_FMT(all)));
    jb_vars_text(vars, "words", jb__list_words(list->req, list->book, &list->query));
    jb__set(vars, "found", list->found);
    jb__set(vars, "export_all", (bool)(list->pages > 1 && jb_may_model(list->req->scope, "export", list->book->model)));
}

struct jb_response *jb__list_view(struct jb_request *req)
{
    struct listing *list = JB_NEW(req->scope, struct listing);
    const struct jb__book *book = list->book = jb__book_of(req);

    list->req = req;
    if (!book || !jb__list_read(req, book, &list->query) || !read_rows(list))
        return jb_problem(req);
    list->from = jb__list_from(req);
    list->this_year = all_of_this_year(list);

    struct jb_vars *vars = jb_vars_new(req->scope);
    jb__book_vars(req, book, vars);
    count_vars(list, vars);
    jb_vars_text(vars, "search", book->search.data ? list->query.search : JB_STR_NULL);
    jb__set(vars, "searches", (bool)(book->search.data != NULL));
    jb_vars_text(vars, "search_hint", book->search.data ? search_hint(req, book) : JB_STR_NULL);
    jb_vars_text(vars, "order", jb_query_text(req, "o"));
    jb_vars_text(vars, "here_link", jb__link(req, NULL, JB_STR_NULL, NULL, JB_STR_NULL));
    jb__set(vars, "has_amount", (bool)(book->amount_count > 0));
    jb_vars_text(vars, "amount_unit", book->amount_count ? jb_str_of(book->amounts[0]->unit) : JB_STR_NULL);
    jb_vars_list(vars, "heads");
    jb_vars_list(vars, "rows");
    jb_vars_list(vars, "totals");
    head_vars(list, vars);
    for (size_t i = 0; i < list->rows->count; i++)
        row_vars(list, jb_rows_at(list->rows, i), jb_vars_append(vars, "rows"));
    action_vars(req, book, vars);
    jb__pager(req, vars, list->query.page, list->pages);
    if (!jb__list_filters(req, book, &list->query, vars) || !totals(list, vars))
        return jb_problem(req);
    return jb_page_vars(req, 200, "admin/list.html", vars);
}

/* ---- actions on ticked rows ---------------------------------------------------------------------------------------------------------- */

static bool chosen_rows(struct jb_request *req, struct jb_ids *ret_chosen)
{
    const struct jb_str *texts;
    size_t count = jb_form_all(req, "id", &texts);
    int64_t *ids = JB_NEW_ARRAY(req->scope, int64_t, count + 1);

    if (count > CHOSEN_MAX)
        return jb_fail(req->scope, JB_LIMIT, JB_L(req->scope, "한 번에 %d건까지 고를 수 있습니다.", "At most %d rows may be chosen at once."), CHOSEN_MAX);
    for (size_t i = 0; i < count; i++)
        if (!jb_str_to_int64(texts[i], &ids[i]))
            return jb_fail(req->scope, JB_INVALID, JB_L(req->scope, "‘%.*s’: 행 번호가 아닙니다.", "“%.*s” is no row id."), JB_FMT(texts[i]));
    *ret_chosen = (struct jb_ids){ ids, count };
    return true;
}

static struct jb_response *run_action(struct jb_request *req, const struct jb__book *book, const struct jb_action *action, struct jb_ids chosen)
{
    struct jb_scope *scope = req->scope;
    struct jb_str model = jb_model_name(book->model, scope);
    struct jb_str permission = action->permission ? jb_str_of(action->permission) : jb_format(scope, "%s.change_%.*s", book->app->name, JB_FMT(model));

    if (!jb_require(scope, permission))
        return jb_problem(req);
    struct jb_tx *tx = jb_begin(scope);
    if (!tx || !action->run(scope, chosen) || !jb_log_action(scope, action->name, book->model, chosen) || !jb_commit(tx))
        return jb_problem(req);
    const char *label = jb_language(scope) == JB_KO || !action->label_en ? action->label : action->label_en;
    if (!jb_flash(req, "ok", jb_format(scope, JB_L(scope, "%s: %zu건을 처리했습니다.", "%s: %zu rows done."), label, chosen.count)))
        return jb_problem(req);
    return jb_redirect_to(req, jb_format(scope, "%.*s%.*s", JB_FMT(book->path), JB_FMT(jb__link(req, NULL, JB_STR_NULL, NULL, JB_STR_NULL))));
}

struct jb_response *jb__list_post(struct jb_request *req)
{
    const struct jb__book *book = jb__book_of(req);
    struct jb_scope *scope = req->scope;
    struct jb_ids chosen;

    if (!book || !jb_form_read(req))
        return jb_problem(req);
    struct jb_str name = jb_form_text(req, "action");
    bool all = jb_str_is(jb_form_text(req, "all"), "1"), export = all || jb_str_is(name, "export");
    if (!chosen_rows(req, &chosen))
        return jb_problem(req);
    if (chosen.count == 0 && !all) {
        struct jb_str entry = jb__with(scope, jb_model_entry(book->model, scope), "이", "가");
        if (!jb_flash(req, "care", jb_format(scope, JB_L(scope, "고른 %.*s 없습니다. 목록에서 고른 다음 실행하세요.", "No %.*s was chosen. Tick rows of the list first."), JB_FMT(entry))))
            return jb_problem(req);
        return jb_redirect_to(req, jb_format(scope, "%.*s%.*s", JB_FMT(book->path), JB_FMT(jb__link(req, NULL, JB_STR_NULL, NULL, JB_STR_NULL))));
    }
    if (export)
        return jb__export_chosen(req, book, chosen);
    if (jb_str_is(name, "delete"))
        return jb__delete_chosen(req, book, chosen);
    for (const struct jb_action *action = book->admin->actions; action && action->name; action++)
        if (jb_str_is(name, action->name))
            return run_action(req, book, action, chosen);
    jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’: 그런 일은 없습니다. 목록에서 골라 실행하세요.", "There is no action “%.*s”. Choose one from the list."), JB_FMT(name));
    return jb_problem(req);
}
