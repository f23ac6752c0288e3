/* text.c — values as people read them, and what every page of a book needs. */
// SPDX-License-Identifier: Apache-2.0
#include "admin_private.h"

struct jb_str jb__label(struct jb_scope *scope, const struct jb_field *field)
{
    return jb_field_label(scope, field, jb_language(scope));
}

struct jb_str jb__column_label(struct jb_scope *scope, const struct jb__column *column)
{
    return jb__label(scope, column->through ? column->through : column->field);
}

struct jb_str jb__with(struct jb_scope *scope, struct jb_str word, const char *closed, const char *open)
{
    uint32_t last = 0;

    if (jb_language(scope) != JB_KO)
        return word;
    for (size_t at = 0; at < word.size;)
        last = jb_utf8_next(word, &at);
    bool final = last >= 0xAC00 && last <= 0xD7A3 && (last - 0xAC00) % 28 != 0;
    return jb_format(scope, "%.*s%s", JB_FMT(word), final ? closed : open);
}

struct jb_str jb__without_head(struct jb_str reason, struct jb_str head)
{
    if (!jb_str_starts(reason, head))
        return reason;
    return jb_str_trim(jb_str_slice(reason, head.size + 1, reason.size));
}

struct jb_str jb__number(struct jb_scope *scope, int64_t number)
{
    char out[48];
    return jb_copy(scope, jb_decimal_text_people((struct jb_decimal){ number, 0 }, out));
}

struct jb_str jb__amount(struct jb_scope *scope, struct jb_decimal amount, bool plus)
{
    char out[48];
    struct jb_str text = jb_decimal_text_people(jb_decimal_trim(amount), out);
    return jb_format(scope, "%s%.*s", plus && amount.units > 0 ? "+" : "", JB_FMT(text));
}

struct jb_str jb__bytes(struct jb_scope *scope, int64_t bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    size_t unit = 0;
    int64_t tenths = bytes > INT64_MAX / 10 ? INT64_MAX : bytes * 10;
    while (tenths >= 10240 && unit + 1 < JB_COUNT(units)) {
        tenths /= 1024;
        unit++;
    }
    if (tenths % 10 == 0 || tenths >= 1000)
        return jb_format(scope, "%lld %s", (long long)(tenths / 10), units[unit]);
    return jb_format(scope, "%lld.%lld %s", (long long)(tenths / 10), (long long)(tenths % 10), units[unit]);
}

/* "1.93초", "12.3초", "3분 5초": seconds the way one reads a stopwatch. */
struct jb_str jb__seconds(struct jb_scope *scope, int64_t micros)
{
    int64_t hundredths = micros / 10000, seconds = micros / 1000000;
    if (seconds < 10)
        return jb_format(scope, JB_L(scope, "%lld.%02lld초", "%lld.%02lld s"), (long long)seconds, (long long)(hundredths % 100));
    if (seconds < 60)
        return jb_format(scope, JB_L(scope, "%lld.%lld초", "%lld.%lld s"), (long long)seconds, (long long)(hundredths % 100 / 10));
    return jb_format(scope, JB_L(scope, "%lld분 %lld초", "%lld min %lld s"), (long long)(seconds / 60), (long long)(seconds % 60));
}

struct jb_str jb__clock(struct jb_request *req, struct jb_time time)
{
    struct jb_civil civil = jb_zone_civil(jb_zone_of(req), time);
    return jb_format(req->scope, "%04d-%02d-%02d %02d:%02d", civil.year, civil.month, civil.day, civil.hour, civil.minute);
}

struct jb_str jb__value_words(struct jb_request *req, const struct jb_field *field, struct jb_value value)
{
    struct jb_scope *scope = req->scope;
    const struct jb_choice *choice = value.type == JB_NULL ? NULL : jb_field_choice(field, value);

    if (choice)
        return jb_choice_label(scope, choice, jb_language(scope));
    switch (value.type) {
    case JB_NULL: return JB_STR_NULL;
    case JB_BOOL: return jb_str_of(value.truth ? JB_L(scope, "예", "Yes") : JB_L(scope, "아니오", "No"));
    case JB_DECIMAL: return jb__amount(scope, value.decimal, false);
    case JB_INT32:
    case JB_INT64: return field->primary || field->references ? jb_format(scope, "%lld", (long long)value.number) : jb__number(scope, value.number);
    case JB_TIME: return jb__clock(req, (struct jb_time){ value.number });
    default: return jb_value_text(scope, value);
    }
}

/* ---- rows by key ------------------------------------------------------------------------------------------------------------- */

bool jb__row_find(struct jb_scope *scope, const struct jb_model *model, int64_t id, void *ret_row)
{
    struct jb_condition conditions[] = { { jb_str_of(jb_model_primary(model)->name), JB_EQUAL, jb_v(id) }, { .op = JB_OP_END } };
    return jb_first(scope, model, ret_row, .conditions = conditions);
}

struct jb_rows *jb__rows_find(struct jb_scope *scope, const struct jb_model *model, struct jb_ids ids, enum jb_row_lock lock)
{
    struct jb_condition conditions[] = { { jb_str_of(jb_model_primary(model)->name), JB_IN, jb_v(ids) }, { .op = JB_OP_END } };
    return jb_select(scope, model, .conditions = conditions, .lock = lock);
}

/* ---- references -------------------------------------------------------------------------------------------------------------- */

static bool target_read(struct jb_scope *scope, const struct jb_field *field, const struct jb_rows *rows, struct jb__targets *ret_target)
{
    int64_t *ids = JB_NEW_ARRAY(scope, int64_t, rows->count + 1);
    size_t count = 0;

    for (size_t i = 0; i < rows->count; i++) {
        struct jb_value value = jb_record_get(rows->record, jb_rows_at(rows, i), field);
        if (value.type == JB_NULL)
            continue;
        size_t at = 0;
        while (at < count && ids[at] != value.number)
            at++;
        if (at == count)
            ids[count++] = value.number;
    }
    struct jb_ids wanted = { ids, count };
    struct jb_rows *found = jb__rows_find(scope, field->references, wanted, JB_LOCK_NONE);
    if (!found)
        return false;
    *ret_target = (struct jb__targets){ field->references, found };
    return true;
}

bool jb__targets_read(struct jb_scope *scope, const struct jb__column *columns, size_t count, const struct jb_rows *rows, struct jb__targets *ret_targets)
{
    for (size_t i = 0; i < count; i++) {
        ret_targets[i] = (struct jb__targets){ 0 };
        if (columns[i].field->references && rows->count > 0 && !target_read(scope, columns[i].field, rows, &ret_targets[i]))
            return false;
    }
    return true;
}

static struct jb_str target_text(struct jb_request *req, const struct jb__column *column, const struct jb__targets *target, int64_t id)
{
    for (size_t i = 0; target->rows && i < target->rows->count; i++) {
        const void *row = jb_rows_at(target->rows, i);
        if (jb_row_id(target->model, row) != id)
            continue;
        if (!column->through)
            return jb_row_title(req->scope, target->model, row);
        return jb__value_words(req, column->through, jb_record_get(&target->model->record, row, column->through));
    }
    return jb_format(req->scope, "#%lld", (long long)id);
}

struct jb_str jb__cell_text(struct jb_request *req, const struct jb__column *column, const struct jb__targets *target, const void *row, const struct jb_record *record)
{
    struct jb_value value = jb_record_get(record, row, column->field);
    if (column->field->references && value.type != JB_NULL)
        return target_text(req, column, target, value.number);
    return jb__value_words(req, column->field, value);
}

/* ---- pages ------------------------------------------------------------------------------------------------------------------------- */

void jb__book_vars(struct jb_request *req, const struct jb__book *book, struct jb_vars *vars)
{
    struct jb_scope *scope = req->scope;
    struct jb_vars *inner = jb_vars_new(scope);

    jb_vars_text(inner, "path", book->path);
    jb_vars_text(inner, "label", jb_model_label(book->model, scope));
    jb_vars_text(inner, "entry", jb_model_entry(book->model, scope));
    jb_vars_text(inner, "entry_is", jb__with(scope, jb_model_entry(book->model, scope), "이", "가"));
    jb_vars_text(inner, "app", jb_str_of(jb_language(scope) == JB_KO || !book->app->label_en ? book->app->label : book->app->label_en));
    jb__set(inner, "may_add", (bool)jb_may_model(scope, "add", book->model));
    jb__set(inner, "may_change", (bool)jb_may_model(scope, "change", book->model));
    jb__set(inner, "may_delete", (bool)jb_may_model(scope, "delete", book->model));
    jb__set(inner, "may_import", (bool)jb_may_model(scope, "import", book->model));
    jb__set(inner, "may_export", (bool)jb_may_model(scope, "export", book->model));
    jb_vars_vars(vars, "book", inner);
}

static void pager_page(struct jb_request *req, struct jb_vars *vars, int64_t number, int64_t current)
{
    struct jb_vars *page = jb_vars_append(vars, "pages");
    jb__set(page, "number", number);
    jb__set(page, "current", (bool)(number == current));
    jb_vars_text(page, "link", number ? jb__link(req, "page", jb_format(req->scope, "%lld", (long long)number), NULL, JB_STR_NULL) : JB_STR_NULL);
}

/* First, last and two on each side of the present one; 0 stands for a gap. */
void jb__pager(struct jb_request *req, struct jb_vars *vars, int64_t page, int64_t pages)
{
    struct jb_scope *scope = req->scope;

    jb_vars_list(vars, "pages");
    jb_vars_text(vars, "previous", JB_STR_NULL);
    jb_vars_text(vars, "next", JB_STR_NULL);
    if (pages < 2)
        return;
    int64_t last = 0;
    for (int64_t number = 1; number <= pages; number++) {
        if (number != 1 && number != pages && (number < page - 2 || number > page + 2)) {
            number = number < page ? page - 3 : pages - 1; /* skip the gap */
            continue;
        }
        if (number > last + 1)
            pager_page(req, vars, 0, page);
        pager_page(req, vars, number, page);
        last = number;
    }
    if (page > 1)
        jb_vars_text(vars, "previous", jb__link(req, "page", jb_format(scope, "%lld", (long long)page - 1), NULL, JB_STR_NULL));
    if (page < pages)
        jb_vars_text(vars, "next", jb__link(req, "page", jb_format(scope, "%lld", (long long)page + 1), NULL, JB_STR_NULL));
}
