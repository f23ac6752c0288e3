/* list_query.c — what a list page asks: the query string as conditions, and back as words, links and select boxes.
 *
 * q searches, o orders ("-date"), page turns, and each filter has its field's name: a value, or for dates a day, a month or a year (2025-11, 2025). */
// SPDX-License-Identifier: Apache-2.0
#include "admin_private.h"

enum {
    OPTIONS_MAX = 100,
    MONTHS_MAX = 36,
};

/* ---- links ------------------------------------------------------------------------------------------------------------------- */

static void put_pair(struct jb_scope *scope, struct jb_buf *buf, struct jb_str name, struct jb_str value)
{
    jb_buf_put_char(buf, buf->size ? '&' : '?');
    jb_buf_put(buf, jb_url_encode(scope, name, false));
    jb_buf_put_char(buf, '=');
    jb_buf_put(buf, jb_url_encode(scope, value, false));
}

struct jb_str jb__link(struct jb_request *req, const char *name, struct jb_str value, const char *other, struct jb_str other_value)
{
    struct jb_buf buf = JB_BUF_INIT(16384);

    for (size_t i = 0; i < req->query_param_count; i++) {
        const struct jb_param *param = &req->query_params[i];
        if ((name && jb_str_is(param->name, name)) || (other && jb_str_is(param->name, other)) || param->value.size == 0)
            continue;
        put_pair(req->scope, &buf, param->name, param->value);
    }
    if (name && value.data)
        put_pair(req->scope, &buf, jb_str_of(name), value);
    if (other && other_value.data)
        put_pair(req->scope, &buf, jb_str_of(other), other_value);
    struct jb_str link = buf.full || buf.size == 0 ? JB_STR("?") : jb_copy(req->scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return link;
}

struct jb_str jb__list_from(struct jb_request *req)
{
    struct jb_str link = jb__link(req, NULL, JB_STR_NULL, NULL, JB_STR_NULL);
    if (link.size < 2)
        return JB_STR("");
    return jb_format(req->scope, "?from=%.*s", JB_FMT(jb_url_encode(req->scope, jb_str_slice(link, 1, link.size), false)));
}

/* Only characters that a query string has: the value comes back into a Location header. */
static bool plain_query(struct jb_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' || c == '\\' || c == '#')
            return false;
    }
    return text.size > 0 && text.size < 4096;
}

struct jb_str jb__list_back(struct jb_request *req, const struct jb__book *book)
{
    struct jb_str from = jb_query_text(req, "from");
    if (!plain_query(from))
        return book->path;
    return jb_format(req->scope, "%.*s?%.*s", JB_FMT(book->path), JB_FMT(from));
}

/* ---- reading ------------------------------------------------------------------------------------------------------------------- */

bool jb__reference_read(struct jb_scope *scope, const struct jb_model *target, struct jb_str text, int64_t *ret_id)
{
    const struct jb_field *title = target->title ? jb_record_field(&target->record, jb_str_of(target->title)) : NULL;
    void *row = jb_alloc(scope, target->record.size);
    int64_t id;

    if (title && title->type == JB_TEXT) {
        struct jb_condition conditions[] = { { jb_str_of(title->name), JB_EQUAL, jb_v(text) }, { .op = JB_OP_END } };
        if (jb_first(scope, target, row, .conditions = conditions)) {
            *ret_id = jb_row_id(target, row);
            return true;
        }
        if (jb_failure(scope))
            return false;
    }
    struct jb_str number = jb_str_slice(text, jb_str_starts(text, JB_STR("#")), text.size); /* "#17" is the title of one without a title */
    if (jb_str_to_int64(number, &id) && jb__row_find(scope, target, id, row)) {
        *ret_id = id;
        return true;
    }
    if (jb_failure(scope))
        return false;
    struct jb_str entry = jb__with(scope, jb_model_entry(target, scope), "은", "는");
    return jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’: 그런 %.*s 없습니다. 목록에서 확인하세요.", "“%.*s”: there is no such %.*s. Look it up in its list."), JB_FMT(text), JB_FMT(entry));
}

static void add(struct jb__query *query, const struct jb_field *field, enum jb_op op, struct jb_value value)
{
    query->conditions[query->condition_count++] = (struct jb_condition){ jb_str_of(field->name), op, value };
}

/* A year or a month as the two ends of a range of days. */
static bool days_of(struct jb_str text, struct jb_date *ret_first, struct jb_date *ret_last)
{
    struct jb_month month;
    int64_t year;

    if (jb_month_parse(text, &month)) {
        *ret_first = jb_month_first(month);
        *ret_last = jb_month_last(month);
        return true;
    }
    return text.size == 4 && jb_str_to_int64(text, &year) && jb_date_of((int)year, 1, 1, ret_first) && jb_date_of((int)year, 12, 31, ret_last);
}

static bool read_time_filter(struct jb_request *req, const struct jb_field *field, struct jb_str text, struct jb__query *query)
{
    struct jb_date first, last;
    struct jb_time from, to;

    if (!days_of(text, &first, &last))
        return jb_fail(req->scope, JB_INVALID, JB_L(req->scope, "‘%.*s’: 월이 아닙니다. 2025-11처럼 적으세요.", "“%.*s” is no month. Write it like 2025-11."), JB_FMT(text));
    struct jb_civil start = jb_date_civil(first), end = jb_date_civil((struct jb_date){ last.days + 1 });
    if (!jb_zone_time(jb_zone_of(req), &start, &from) || !jb_zone_time(jb_zone_of(req), &end, &to))
        return jb_fail(req->scope, JB_INVALID, JB_L(req->scope, "‘%.*s’: 월이 아닙니다.", "“%.*s” is no month."), JB_FMT(text));
    add(query, field, JB_GREATER_EQUAL, jb_v(from));
    add(query, field, JB_LESS, jb_v(to));
    return true;
}

static bool read_filter(struct jb_request *req, const struct jb_field *field, struct jb_str text, struct jb__query *query)
{
    struct jb_scope *scope = req->scope;
    struct jb_date first, last;
    struct jb_value value;
    int64_t id;

    if (field->type == JB_TIME)
        return read_time_filter(req, field, text, query);
    if (field->type == JB_DATE && days_of(text, &first, &last)) {
        add(query, field, JB_GREATER_EQUAL, jb_v(first));
        add(query, field, JB_LESS_EQUAL, jb_v(last));
        return true;
    }
    if (field->references) {
        if (!jb_str_to_int64(text, &id) && !jb__reference_read(scope, field->references, text, &id))
            return false;
        add(query, field, JB_EQUAL, jb_v(id));
        return true;
    }
    if (!jb_field_parse(scope, field, text, &value)) {
        struct jb_str label = jb__label(scope, field);
        return jb_wrap(scope, JB_L(scope, "‘%.*s’ 조건을 쓰지 못했습니다", "The list cannot be filtered by %.*s"), JB_FMT(label));
    }
    add(query, field, JB_EQUAL, value);
    return true;
}

static void read_order(struct jb_request *req, const struct jb__book *book, struct jb__query *query)
{
    struct jb_str text = jb_query_text(req, "o");
    struct jb_str order = text.data ? text : jb_str_of(book->model->order);
    struct jb_str first = jb_str_cut(&order, ' ');

    query->descending = first.size > 0 && first.data[0] == '-';
    query->order_field = jb_record_field(&book->model->record, query->descending ? jb_str_slice(first, 1, first.size) : first);
    if (query->order_field && query->order_field->secret)
        query->order_field = NULL;
    if (text.data && query->order_field)
        query->order = first;
}

bool jb__list_read(struct jb_request *req, const struct jb__book *book, struct jb__query *ret_query)
{
    struct jb__query query = { .page = 1 };
    struct jb_str text;

    if (book->search.data) /* a list without a search box has no fields to look into */
        query.search = jb_str_trim_unicode(jb_query_text(req, "q"));
    query.filtered = query.search.size > 0;
    read_order(req, book, &query);
    if (!jb_str_to_int64(jb_query_text(req, "page"), &query.page) || query.page < 1)
        query.page = 1;
    for (size_t i = 0; i < book->filter_count; i++) {
        text = jb_query_text(req, book->filters[i]->name);
        if (text.size == 0)
            continue;
        if (!read_filter(req, book->filters[i], text, &query))
            return false;
        query.filters[i] = text;
        query.filtered = true;
    }
    *ret_query = query;
    return true;
}

struct jb_select jb__list_select(const struct jb__book *book, const struct jb__query *query)
{
    return (struct jb_select){
        .conditions = query->conditions,
        .search = query->search.size ? query->search : JB_STR_NULL,
        .search_fields = book->search.data,
        .order = query->order,
    };
}

/* ---- words ------------------------------------------------------------------------------------------------------------------- */

static struct jb_str month_words(struct jb_scope *scope, int year, int month)
{
    static const char *const names[] = { "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December" };
    if (month == 0)
        return jb_format(scope, JB_L(scope, "%d년", "%d"), year);
    if (jb_language(scope) == JB_KO)
        return jb_format(scope, "%d년 %d월", year, month);
    return jb_format(scope, "%s %d", names[month - 1], year);
}

static struct jb_str filter_words(struct jb_request *req, const struct jb_field *field, struct jb_str text)
{
    struct jb_scope *scope = req->scope;
    struct jb_date first, last;
    int64_t id;

    if ((field->type == JB_DATE || field->type == JB_TIME) && days_of(text, &first, &last)) {
        struct jb_civil civil = jb_date_civil(first);
        return month_words(scope, civil.year, text.size == 4 ? 0 : civil.month);
    }
    if (field->references && jb_str_to_int64(text, &id)) {
        void *row = jb_alloc(scope, field->references->record.size);
        if (jb__row_find(scope, field->references, id, row))
            return jb_row_title(scope, field->references, row);
        return text;
    }
    struct jb_value value;
    if (field->choices && jb_field_parse(scope, field, text, &value))
        return jb__value_words(req, field, value);
    return text;
}

struct jb_str jb__list_words(struct jb_request *req, const struct jb__book *book, const struct jb__query *query)
{
    struct jb_scope *scope = req->scope;
    struct jb_buf buf = JB_BUF_INIT(8192);

    if (query->search.size)
        jb_buf_printf(&buf, "‘%.*s’", JB_FMT(query->search));
    for (size_t i = 0; i < book->filter_count; i++) {
        if (!query->filters[i].data)
            continue;
        if (buf.size)
            jb_buf_put_z(&buf, ", ");
        if (book->filters[i]->type == JB_BOOL)
            jb_buf_printf(&buf, "%.*s ", JB_FMT(jb__label(scope, book->filters[i])));
        jb_buf_put(&buf, filter_words(req, book->filters[i], query->filters[i]));
    }
    struct jb_str words = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return words;
}

/* ---- select boxes -------------------------------------------------------------------------------------------------------------- */

struct box {
    struct jb_request *req;
    struct jb_vars *vars;
    struct jb_str chosen;
    bool found; /* the chosen value is among the options */
};

static void option(struct box *box, struct jb_str value, struct jb_str label)
{
    struct jb_vars *vars = jb_vars_append(box->vars, "options");
    bool chosen = box->chosen.data && jb_str_equal(value, box->chosen);
    jb_vars_text(vars, "value", value);
    jb_vars_text(vars, "label", label);
    jb__set(vars, "chosen", chosen);
    box->found |= chosen;
}

/* Years and months between the first and the last date that there is, the newest first. */
static bool month_options(struct box *box, const struct jb_model *model, const struct jb_field *field)
{
    struct jb_scope *scope = box->req->scope;
    void *first = jb_alloc(scope, model->record.size), *last = jb_alloc(scope, model->record.size);
    struct jb_condition present[] = { { jb_str_of(field->name), JB_IS_NULL, jb_v_bool(false) }, { .op = JB_OP_END } };

    if (!jb_first(scope, model, first, .conditions = present, .order = jb_str_of(field->name)) ||
        !jb_first(scope, model, last, .conditions = present, .order = jb_format(scope, "-%s", field->name)))
        return !jb_failure(scope);
    int64_t low = jb_record_get(&model->record, first, field).number, high = jb_record_get(&model->record, last, field).number;
    bool time = field->type == JB_TIME;
    struct jb_civil from = time ? jb_zone_civil(jb_zone_of(box->req), (struct jb_time){ low }) : jb_date_civil((struct jb_date){ (int32_t)low });
    struct jb_civil to = time ? jb_zone_civil(jb_zone_of(box->req), (struct jb_time){ high }) : jb_date_civil((struct jb_date){ (int32_t)high });
    int shown = 0;
    for (int year = to.year; year >= from.year && year > to.year - 30; year--) {
        option(box, jb_format(scope, "%04d", year), month_words(scope, year, 0));
        for (int month = year == to.year ? to.month : 12; month >= (year == from.year ? from.month : 1) && shown < MONTHS_MAX; month--, shown++)
            option(box, jb_format(scope, "%04d-%02d", year, month), month_words(scope, year, month));
    }
    return true;
}

static bool reference_options(struct box *box, const struct jb_model *target)
{
    struct jb_scope *scope = box->req->scope;
    struct jb_rows *rows = jb_select(scope, target, .limit = OPTIONS_MAX + 1);

    if (!rows)
        return false;
    jb__set(box->vars, "typed", (bool)(rows->count > OPTIONS_MAX));
    for (size_t i = 0; i < rows->count && rows->count <= OPTIONS_MAX; i++) {
        const void *row = jb_rows_at(rows, i);
        option(box, jb_format(scope, "%lld", (long long)jb_row_id(target, row)), jb_row_title(scope, target, row));
    }
    return true;
}

static bool value_options(struct box *box, const struct jb_model *model, const struct jb_field *field)
{
    struct jb_scope *scope = box->req->scope;
    struct jb_rows *rows = jb_distinct(scope, model, field->name, OPTIONS_MAX + 1);

    if (!rows)
        return false;
    jb__set(box->vars, "typed", (bool)(rows->count > OPTIONS_MAX));
    for (size_t i = 0; i < rows->count && rows->count <= OPTIONS_MAX; i++) {
        struct jb_value value = jb_record_get(rows->record, jb_rows_at(rows, i), &rows->record->fields[0]);
        struct jb_str text = jb_value_text(scope, value);
        if (text.size > 0)
            option(box, text, jb__value_words(box->req, field, value));
    }
    return true;
}

static bool options_of(struct box *box, const struct jb_model *model, const struct jb_field *field)
{
    struct jb_scope *scope = box->req->scope;

    if (field->choices) {
        for (const struct jb_choice *choice = field->choices; choice->name; choice++)
            option(box, jb_str_of(choice->name), jb_choice_label(scope, choice, jb_language(scope)));
        return true;
    }
    if (field->type == JB_BOOL) {
        option(box, JB_STR("true"), jb_str_of(JB_L(scope, "예", "Yes")));
        option(box, JB_STR("false"), jb_str_of(JB_L(scope, "아니오", "No")));
        return true;
    }
    if (field->references)
        return reference_options(box, field->references);
    if (field->type == JB_DATE || field->type == JB_TIME)
        return month_options(box, model, field);
    return value_options(box, model, field);
}

bool jb__list_filters(struct jb_request *req, const struct jb__book *book, const struct jb__query *query, struct jb_vars *vars)
{
    struct jb_scope *scope = req->scope;

    jb_vars_list(vars, "filters");
    for (size_t i = 0; i < book->filter_count; i++) {
        const struct jb_field *field = book->filters[i];
        struct jb_vars *inner = jb_vars_append(vars, "filters");
        struct jb_str label = jb__label(scope, field);
        bool date = field->type == JB_DATE || field->type == JB_TIME;
        jb_vars_text(inner, "name", jb_str_of(field->name));
        jb_vars_text(inner, "label", label);
        jb_vars_text(inner, "all", date ? jb_str_of(JB_L(scope, "모든 기간", "Any time")) : jb_format(scope, JB_L(scope, "모든 %.*s", "%.*s: all"), JB_FMT(label)));
        jb_vars_text(inner, "value", query->filters[i].data ? query->filters[i] : JB_STR(""));
        jb__set(inner, "typed", (bool)false);
        jb_vars_list(inner, "options");
        struct box box = { req, inner, query->filters[i], false };
        if (!options_of(&box, book->model, field))
            return false;
        if (query->filters[i].data && !box.found)
            option(&box, query->filters[i], filter_words(req, field, query->filters[i]));
    }
    return true;
}
