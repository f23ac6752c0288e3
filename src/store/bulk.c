/* bulk.c — writing: one row, many rows, or all rows that a literal chooses.
 *
 * The rules of the table are asked twice: here, in words, before a single row is written by hand; and by the database, which has the last word and alone knows what others wrote. */
// SPDX-License-Identifier: Apache-2.0
#include "store/broken_rule.h"
#include "store/store_private.h"
#include <string.h>

/* ---- text ------------------------------------------------------------------------------------------------------------------------ */

static void put_columns(struct jb_buf *sql, const struct jb_model *model, const char *between, const char *after, bool with_primary)
{
    bool first = true;

    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++) {
        if (!jb__field_is_written(field) || (field->primary && !with_primary))
            continue;
        if (!first)
            jb_buf_put_z(sql, between);
        jb__put_name(sql, jb_str_of(field->name));
        jb_buf_put_z(sql, after);
        first = false;
    }
}

/* insert into "t" ("a", "b") values (?, ?) */
static void put_insert(struct jb_buf *sql, const struct jb_model *model, bool with_primary)
{
    bool first = true;

    jb_buf_put_z(sql, "insert into ");
    jb__put_name(sql, jb_model_table(model));
    jb_buf_put_z(sql, " (");
    put_columns(sql, model, ", ", "", with_primary);
    jb_buf_put_z(sql, ") values (");
    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++)
        if (jb__field_is_written(field) && (!field->primary || with_primary)) {
            jb_buf_put_z(sql, first ? "?" : ", ?");
            first = false;
        }
    jb_buf_put_z(sql, ")");
}

/* All stored members in order; `without` is left out. */
static size_t row_args(const struct jb_model *model, const void *row, const struct jb_field *without, struct jb_value *args)
{
    size_t count = 0;

    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++)
        if (jb__field_is_written(field) && field != without)
            args[count++] = jb__column_value(model, row, field);
    return count;
}

/* ---- one row ----------------------------------------------------------------------------------------------------------------------- */

/* The table's rules in words, all broken ones at once. */
static bool row_check(struct jb_scope *scope, const struct jb_model *model, const void *row)
{
    bool ok = true;

    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++) {
        if (!jb__field_is_written(field) || field->primary)
            continue;
        if (!jb_field_check(scope, field, jb_record_get(&model->record, row, field)))
            ok = jb_failure_of_field(scope, jb_str_of(field->name));
    }
    return ok;
}

static void set_times(const struct jb_model *model, void *row, bool inserting)
{
    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++)
        if (field->auto_now || (field->auto_now_add && inserting))
            JB_CHECK(jb_record_set(&model->record, row, field, jb_v_time(jb_now())));
}

bool jb_insert(struct jb_scope *scope, const struct jb_model *model, void *row)
{
    struct jb_value *args = JB_NEW_ARRAY(scope, struct jb_value, jb_record_count(&model->record));
    struct jb_buf sql = JB_BUF_INIT(JB__SQL_BYTES_MAX);
    const struct jb_field *primary = jb_model_primary(model);
    bool numbered = jb_row_id(model, row) != 0; /* otherwise the database gives the id */

    set_times(model, row, true);
    if (!row_check(scope, model, row))
        return false;
    put_insert(&sql, model, numbered);
    if (jb_db_of(scope)->driver->dialect->returns_id) {
        jb_buf_put_z(&sql, " returning ");
        jb__put_name(&sql, jb_str_of(primary->name));
    }
    struct jb__statement statement = { .sql = jb_buf_str(&sql), .args = args, .arg_count = row_args(model, row, numbered ? NULL : primary, args), .live = model->live, .write = true, .model = model, .row = row };
    bool ok = jb__run(scope, &statement);
    jb_buf_done(&sql);
    if (ok)
        memcpy((char *)row + primary->offset, &statement.id, sizeof statement.id);
    return ok;
}

bool jb_save(struct jb_scope *scope, const struct jb_model *model, void *row)
{
    const struct jb_field *primary = jb_model_primary(model);
    struct jb_value *args = JB_NEW_ARRAY(scope, struct jb_value, jb_record_count(&model->record));
    struct jb_buf sql = JB_BUF_INIT(JB__SQL_BYTES_MAX);
    int64_t id = jb_row_id(model, row);

    set_times(model, row, false);
    if (!row_check(scope, model, row))
        return false;
    jb_buf_put_z(&sql, "update ");
    jb__put_name(&sql, jb_model_table(model));
    jb_buf_put_z(&sql, " set ");
    put_columns(&sql, model, ", ", " = ?", false);
    jb_buf_put_z(&sql, " where ");
    jb__put_name(&sql, jb_str_of(primary->name));
    jb_buf_put_z(&sql, " = ?");
    size_t count = row_args(model, row, primary, args);
    args[count++] = jb_v_int(id);
    struct jb__statement statement = { .sql = jb_buf_str(&sql), .args = args, .arg_count = count, .live = model->live, .write = true, .model = model, .row = row };
    bool ok = jb__run(scope, &statement);
    jb_buf_done(&sql);
    return ok && (statement.changes > 0 || jb__fail_gone(scope, model, id));
}

bool jb__fail_gone(struct jb_scope *scope, const struct jb_model *model, int64_t id)
{
    struct jb_str entry = jb_model_entry(model, scope);
    return jb_fail(scope, JB_NOT_FOUND, JB_L(scope, "%.*s %lld번이 없습니다. 지워졌거나 번호가 틀렸습니다.", "There is no %.*s %lld: it was deleted, or the number is wrong."), JB_FMT(entry), (long long)id);
}

bool jb_delete(struct jb_scope *scope, const struct jb_model *model, int64_t id)
{
    struct jb_buf sql = JB_BUF_INIT(JB__SQL_BYTES_MAX);
    struct jb_value arg = jb_v_int(id);

    jb_buf_put_z(&sql, "delete from ");
    jb__put_name(&sql, jb_model_table(model));
    jb_buf_put_z(&sql, " where ");
    jb__put_name(&sql, jb_str_of(jb_model_primary(model)->name));
    jb_buf_put_z(&sql, " = ?");
    struct jb__statement statement = { .sql = jb_buf_str(&sql), .args = &arg, .arg_count = 1, .live = model->live, .write = true, .model = model };
    bool ok = jb__run(scope, &statement);
    jb_buf_done(&sql);
    return ok && (statement.changes > 0 || jb__fail_gone(scope, model, id));
}

/* ---- all rows that a literal chooses --------------------------------------------------------------------------------------------------- */

/* Runs "HEAD set … where …": two literals of one model in one statement. */
static bool run_changed(struct jb_scope *scope, const struct jb_model *model, const char *head, const struct jb_sql *set, const struct jb_sql *where, int64_t *ret_count)
{
    struct jb_buf sql = JB_BUF_INIT(JB__SQL_BYTES_MAX);
    size_t room = jb__args_room(set) + jb__args_room(where) + 8, count = 0;
    struct jb_value *args = JB_NEW_ARRAY(scope, struct jb_value, room);
    struct jb_db *db = jb_db_of(scope);

    jb_buf_put_z(&sql, head);
    jb__put_name(&sql, jb_model_table(model));
    bool ok = true;
    if (set->text) {
        jb_buf_put_z(&sql, " set ");
        for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++)
            if (field->auto_now) {
                jb__put_name(&sql, jb_str_of(field->name));
                jb_buf_put_z(&sql, " = ?, ");
                args[count++] = jb_v_time(jb_now());
            }
        ok = jb__params(scope, db, model, set, &sql, args, room, &count);
    }
    if (ok && where->text) {
        jb_buf_put_z(&sql, " where ");
        ok = jb__params(scope, db, model, where, &sql, args, room, &count);
    }
    struct jb__statement statement = { .sql = jb_buf_str(&sql), .args = args, .arg_count = count, .live = model->live, .write = true, .model = model };
    ok = ok && jb__run(scope, &statement);
    jb_buf_done(&sql);
    if (ok && ret_count)
        *ret_count = statement.changes;
    return ok;
}

bool jb_update_rows(struct jb_scope *scope, const struct jb_model *model, const struct jb_update *what)
{
    JB_CHECK(what->set.text);
    return run_changed(scope, model, "update ", &what->set, &what->where, what->ret_count);
}

bool jb_delete_rows(struct jb_scope *scope, const struct jb_model *model, struct jb_sql where, int64_t *ret_count)
{
    JB_CHECK(where.text); /* deleting everything is said: JB_SQL("1") */
    return run_changed(scope, model, "delete from ", &(struct jb_sql){ 0 }, &where, ret_count);
}

/* ---- many rows ---------------------------------------------------------------------------------------------------------------------------- */

/* A matching row gets every value but those that found it and those of its beginning; one that has them all already is left alone. */
static void put_changes(struct jb_buf *sql, const struct jb_model *model, const char *match_on)
{
    struct jb_buf differs = JB_BUF_INIT(JB__SQL_BYTES_MAX);
    struct jb_str table = jb_model_table(model);
    bool first = true;

    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++) {
        if (!jb__field_is_written(field) || field->primary || field->auto_now_add || jb__list_has(jb_str_of(match_on), field->name))
            continue;
        jb_buf_printf(sql, "%s\"%s\" = excluded.\"%s\"", first ? " do update set " : ", ", field->name, field->name);
        first = false;
        if (!field->auto_now)
            jb_buf_printf(&differs, "%s\"%.*s\".\"%s\" is distinct from excluded.\"%s\"", differs.size ? " or " : " where ", JB_FMT(table), field->name, field->name);
    }
    jb_buf_put(sql, first ? JB_STR(" do nothing") : jb_buf_str(&differs));
    jb_buf_done(&differs);
}

/* on conflict ("a", "b") do … */
static bool put_conflict(struct jb_scope *scope, struct jb_buf *sql, const struct jb_model *model, const struct jb_bulk *how)
{
    struct jb_str rest = jb_str_of(how->match_on), word;
    bool descending, first = true;

    jb_buf_put_z(sql, " on conflict (");
    while ((word = jb__list_word(&rest, &descending)).data) {
        const struct jb_field *field = jb__model_field(scope, model, word, "match_on");
        if (!field)
            return false;
        jb_buf_put_z(sql, first ? "" : ", ");
        jb__put_name(sql, word);
        first = false;
    }
    jb_buf_put_z(sql, ")");
    if (how->on_conflict == JB_CONFLICT_IGNORE)
        jb_buf_put_z(sql, " do nothing");
    else
        put_changes(sql, model, how->match_on);
    return true;
}

static const struct jb_field **stored_fields(struct jb_scope *scope, const struct jb_model *model, size_t *ret_count)
{
    const struct jb_field **fields = JB_NEW_ARRAY(scope, const struct jb_field *, jb_record_count(&model->record));
    size_t count = 0;

    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++)
        if (jb__field_is_written(field))
            fields[count++] = field;
    *ret_count = count;
    return fields;
}

static bool needs_look(const struct jb_field *field)
{
    return field->type == JB_DECIMAL || field->type == JB_DATE || field->type == JB_MONTH || field->type == JB_TIME;
}

static bool member_fits(struct jb_scope *scope, const struct jb__batch *batch, const struct jb_field *field, const void *row)
{
    struct jb_value value = jb_record_get(&batch->model->record, row, field), exact;

    if (value.type == JB_DECIMAL ? value.decimal.scale == field->decimals || jb__value_for(field, value, &exact) : jb_value_dated(scope, value))
        return true;
    jb_failure_clear(scope);
    return !jb__broken_row(scope, &(struct jb__statement){ .model = batch->model, .row = row }) && jb__fail_too_big(scope);
}

/* What no column could be given at all; the rest is the tables' to refuse. */
static bool rows_fit(struct jb_scope *scope, const struct jb__batch *batch)
{
    for (size_t i = 0; i < batch->field_count; i++)
        for (size_t k = 0; needs_look(batch->fields[i]) && k < batch->count; k++)
            if (!member_fits(scope, batch, batch->fields[i], batch->rows + k * batch->model->record.size))
                return false;
    return true;
}

/* When the database does not say which row it was, the first one that breaks a rule is named. */
static bool run_rows(struct jb_scope *scope, struct jb__batch *batch)
{
    bool named = false;

    if (!rows_fit(scope, batch))
        return false;
    if (jb__run_batch(scope, batch))
        return true;
    for (size_t i = 0; jb_error(scope) == JB_INVALID && !named && i < batch->count; i++) {
        struct jb_scope *child = jb_scope_child(scope, "row");
        named = jb__broken_row(child, &(struct jb__statement){ .model = batch->model, .row = batch->rows + i * batch->model->record.size });
        if (named) {
            jb_failure_clear(scope);
            jb_failure_pass(child, scope);
        }
        jb_scope_end(child);
    }
    return false;
}

bool jb_bulk_insert(struct jb_scope *scope, const struct jb_model *model, const void *rows, size_t count, const struct jb_bulk *how)
{
    static const struct jb_bulk plain = { 0 };
    struct jb_buf sql = JB_BUF_INIT(JB__SQL_BYTES_MAX);

    if (!how)
        how = &plain;
    JB_CHECK((how->on_conflict == JB_CONFLICT_FAIL) == !how->match_on); /* a way to treat conflicts needs fields to find them by */
    put_insert(&sql, model, true);
    bool ok = !how->match_on || put_conflict(scope, &sql, model, how);
    struct jb__batch batch = { .sql = jb_buf_str(&sql), .model = model, .how = how, .rows = rows, .count = count };
    batch.fields = stored_fields(scope, model, &batch.field_count);
    ok = ok && run_rows(scope, &batch);
    jb_buf_done(&sql);
    if (!ok)
        return false;
    if (how->ret_inserted)
        *how->ret_inserted = batch.inserted;
    if (how->ret_updated)
        *how->ret_updated = batch.updated;
    if (how->ret_ignored)
        *how->ret_ignored = batch.ignored;
    return true;
}

/* The named fields and the time of change, then the primary key: what a row's statement takes. */
static const struct jb_field **updated_fields(struct jb_scope *scope, const struct jb_model *model, const char *names, size_t *ret_count)
{
    const struct jb_field **fields = JB_NEW_ARRAY(scope, const struct jb_field *, jb_record_count(&model->record));
    struct jb_str rest = jb_str_of(names), word;
    bool descending;
    size_t count = 0;

    while ((word = jb__list_word(&rest, &descending)).data) {
        const struct jb_field *field = jb__model_field(scope, model, word, "bulk_update");
        if (!field)
            return NULL;
        JB_CHECK(!field->primary && count + 1 < jb_record_count(&model->record));
        fields[count++] = field;
    }
    JB_CHECK(count > 0);
    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++)
        if (field->auto_now && !jb__list_has(jb_str_of(names), field->name))
            fields[count++] = field;
    fields[count++] = jb_model_primary(model);
    *ret_count = count;
    return fields;
}

/* update "t" set "a" = ?, "b" = ? where "id" = ? */
static void put_update(struct jb_buf *sql, const struct jb_model *model, const struct jb_field *const *fields, size_t count)
{
    jb_buf_put_z(sql, "update ");
    jb__put_name(sql, jb_model_table(model));
    for (size_t i = 0; i < count; i++) {
        jb_buf_put_z(sql, i == 0 ? " set " : i + 1 < count ? ", "
                                                           : " where ");
        jb__put_name(sql, jb_str_of(fields[i]->name));
        jb_buf_put_z(sql, " = ?");
    }
}

bool jb_bulk_update(struct jb_scope *scope, const struct jb_model *model, void *rows, size_t count, const char *names, int64_t *ret_count)
{
    static const struct jb_bulk plain = { 0 };
    struct jb_buf sql = JB_BUF_INIT(JB__SQL_BYTES_MAX);
    struct jb__batch batch = { .model = model, .how = &plain, .update = true, .rows = rows, .count = count };

    batch.fields = updated_fields(scope, model, names, &batch.field_count);
    if (!batch.fields)
        return false;
    for (size_t i = 0; i < count; i++)
        set_times(model, (char *)rows + i * model->record.size, false);
    put_update(&sql, model, batch.fields, batch.field_count);
    batch.sql = jb_buf_str(&sql);
    bool ok = run_rows(scope, &batch);
    jb_buf_done(&sql);
    if (ok && ret_count)
        *ret_count = batch.updated;
    return ok;
}
