/* ddl.c — a model's table as SQLite's DDL (PostgreSQL's is in postgres_ddl.c).
 *
 * The declared type tells a reader what a column holds: DECIMAL(15,2) is an integer of minor units with two decimals. The rules of the fields stand as CHECKs named "table.column rule", so
 * that a broken one can be said in words. Unique rules are indexes: they can come and go without a new table. One column is one definition whose text is compared by migrate.c: change a
 * word here and every table of every site is rebuilt once. */
// SPDX-License-Identifier: Apache-2.0
#include "store/ddl.h"
#include <string.h>

void jb__put_literal(struct jb_buf *sql, struct jb_str text)
{
    jb_buf_put_char(sql, '\'');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\'')
            jb_buf_put_char(sql, '\'');
        jb_buf_put_char(sql, text.data[i]);
    }
    jb_buf_put_char(sql, '\'');
}

struct jb_str jb__literal(struct jb_scope *scope, struct jb_str text)
{
    struct jb_buf sql = JB_BUF_INIT(JB__SQL_BYTES_MAX);

    jb__put_literal(&sql, text);
    struct jb_str copy = jb_copy(scope, jb_buf_str(&sql));
    jb_buf_done(&sql);
    return copy;
}

struct jb_str jb__quoted(struct jb_scope *scope, const char *name)
{
    struct jb_buf buf = JB_BUF_INIT(1000);
    jb__put_name(&buf, jb_str_of(name));
    struct jb_str quoted = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return quoted;
}

static void put_value(struct jb_buf *sql, struct jb_value value)
{
    char out[JB_DATE_TEXT_SIZE];

    switch (value.type) {
    case JB_BOOL: jb_buf_printf(sql, "%d", value.truth); break;
    case JB_INT32:
    case JB_INT64: jb_buf_printf(sql, "%lld", (long long)value.number); break;
    case JB_DECIMAL: jb_buf_printf(sql, "%lld", (long long)value.decimal.units); break;
    case JB_TEXT: jb__put_literal(sql, value.text); break;
    case JB_DATE: jb__put_literal(sql, jb_date_text((struct jb_date){ (int32_t)value.number }, out)); break;
    case JB_MONTH: jb__put_literal(sql, jb_month_text((struct jb_month){ (int32_t)value.number }, out)); break;
    default: jb_buf_put_z(sql, "null");
    }
}

/* ---- a column ------------------------------------------------------------------------------------------------------------------------ */

static void put_type(struct jb_buf *sql, const struct jb_field *field)
{
    switch (field->type) {
    case JB_BOOL: jb_buf_put_z(sql, "BOOLEAN"); break;
    case JB_INT32:
    case JB_INT64: jb_buf_put_z(sql, "INTEGER"); break;
    case JB_DATE: jb_buf_put_z(sql, "DATE"); break;
    case JB_MONTH: jb_buf_put_z(sql, "MONTH"); break;
    case JB_TIME: jb_buf_put_z(sql, "TIMESTAMP"); break;
    case JB_DECIMAL: jb_buf_printf(sql, "DECIMAL(%d,%d)", field->digits, field->decimals); break;
    default:
        if (field->length_max)
            jb_buf_printf(sql, "VARCHAR(%d)", field->length_max);
        else
            jb_buf_put_z(sql, "TEXT");
    }
}

struct jb_value jb__field_default(struct jb_scope *scope, const struct jb_model *model, const struct jb_field *field)
{
    struct jb_value value = jb_v_null();

    if (field->default_text) {
        if (!jb_field_parse(scope, field, jb_str_of(field->default_text), &value) || !jb__value_for(field, value, &value))
            jb_failure_clear(scope); /* jb_model_check has refused it already */
    } else if (!field->required && !jb__field_nullable(model, field)) {
        value = (struct jb_value){ .type = field->type, .number = 0 };
        if (field->type == JB_DECIMAL)
            value = jb_v_decimal((struct jb_decimal){ 0, field->decimals });
    }
    return value;
}

bool jb__field_unfillable(const struct jb_model *model, const struct jb_field *field)
{
    return field->required && !field->default_text && !jb__field_nullable(model, field);
}

static void put_default(struct jb_scope *scope, struct jb_buf *sql, const struct jb_model *model, const struct jb_field *field)
{
    struct jb_value value = jb__field_default(scope, model, field);

    if (value.type == JB_NULL)
        return;
    jb_buf_put_z(sql, " DEFAULT ");
    put_value(sql, value);
}

static void check_open(struct jb_buf *sql, const struct jb_model *model, const struct jb_field *field, const char *rule)
{
    struct jb_str table = jb_model_table(model);
    jb_buf_printf(sql, " CONSTRAINT \"%.*s.%s %s\" CHECK (", JB_FMT(table), field->name, rule);
}

static void put_typed(struct jb_buf *sql, const struct jb_model *model, const struct jb_field *field, const char *type)
{
    check_open(sql, model, field, "type");
    jb_buf_printf(sql, "typeof(\"%s\") ", field->name);
    jb_buf_printf(sql, jb__field_nullable(model, field) ? "in ('%s', 'null'))" : "= '%s')", type);
}

static void put_choices(struct jb_buf *sql, const struct jb_model *model, const struct jb_field *field)
{
    bool first = true;

    check_open(sql, model, field, "choice");
    jb_buf_printf(sql, "\"%s\" in (", field->name);
    for (const struct jb_choice *choice = field->choices; choice->name; choice++) {
        jb_buf_put_z(sql, first ? "" : ", ");
        put_value(sql, field->type == JB_TEXT ? jb_v_text(jb_str_of(choice->name)) : jb_v_int(choice->value));
        first = false;
    }
    if (field->type == JB_TEXT && !field->required)
        jb_buf_put_z(sql, ", ''");
    jb_buf_put_z(sql, "))");
}

static void put_size(struct jb_buf *sql, const struct jb_model *model, const struct jb_field *field, const char *rule)
{
    check_open(sql, model, field, "size");
    jb_buf_printf(sql, "length(\"%s\") %s)", field->name, rule);
}

static void put_range(struct jb_buf *sql, const struct jb_model *model, const struct jb_field *field)
{
    long long limit = 1;

    for (int i = 0; i < field->digits; i++)
        limit *= 10;
    check_open(sql, model, field, "size");
    jb_buf_printf(sql, "\"%s\" between %lld and %lld)", field->name, 1 - limit, limit - 1);
}

static void put_checks(struct jb_buf *sql, const struct jb_model *model, const struct jb_field *field)
{
    char limit[32];

    switch (field->type) {
    case JB_BOOL:
        check_open(sql, model, field, "type");
        jb_buf_printf(sql, "\"%s\" in (0, 1))", field->name);
        break;
    case JB_INT32:
        put_typed(sql, model, field, "integer");
        check_open(sql, model, field, "size");
        jb_buf_printf(sql, "\"%s\" between %d and %d)", field->name, INT32_MIN, INT32_MAX);
        break;
    case JB_INT64: put_typed(sql, model, field, "integer"); break;
    case JB_DECIMAL:
        if (field->as_number)
            break;
        put_typed(sql, model, field, "integer");
        put_range(sql, model, field);
        break;
    case JB_DATE: put_size(sql, model, field, "= 10"); break;
    case JB_MONTH: put_size(sql, model, field, "= 7"); break;
    case JB_TIME: put_size(sql, model, field, "= 26"); break;
    default:
        snprintf(limit, sizeof limit, "<= %d", field->length_max);
        if (field->length_max && !field->choices)
            put_size(sql, model, field, limit);
    }
    if (field->has_min) {
        check_open(sql, model, field, "min");
        jb_buf_printf(sql, "\"%s\" >= %lld)", field->name, (long long)field->min);
    }
    if (field->choices)
        put_choices(sql, model, field);
}

/* Rows of the other file cannot be referred to by SQLite; who declares such a reference keeps it himself. */
static void put_reference(struct jb_buf *sql, const struct jb_model *model, const struct jb_field *field)
{
    static const char *const actions[] = { [JB_RESTRICT] = "RESTRICT", [JB_CASCADE] = "CASCADE", [JB_SET_NULL] = "SET NULL" };

    if (field->references->live != model->live)
        return;
    jb_buf_put_z(sql, " REFERENCES ");
    jb__put_name(sql, jb_model_table(field->references));
    jb_buf_printf(sql, "(\"%s\") ON DELETE %s", jb_model_primary(field->references)->name, actions[field->on_delete]);
}

struct jb_str jb__column_sql(struct jb_scope *scope, const struct jb_model *model, const struct jb_field *field)
{
    struct jb_buf sql = JB_BUF_INIT(JB__SQL_BYTES_MAX);

    jb__put_name(&sql, jb_str_of(field->name));
    jb_buf_put_char(&sql, ' ');
    put_type(&sql, field);
    if (field->primary) {
        jb_buf_put_z(&sql, " PRIMARY KEY");
    } else {
        if (!jb__field_nullable(model, field))
            jb_buf_put_z(&sql, " NOT NULL");
        put_default(scope, &sql, model, field);
        put_checks(&sql, model, field);
        if (field->references)
            put_reference(&sql, model, field);
    }
    struct jb_str text = jb_copy(scope, jb_buf_str(&sql));
    jb_buf_done(&sql);
    return text;
}

struct jb_str jb__table_sql(struct jb_scope *scope, const struct jb_model *model, struct jb_str table)
{
    struct jb_buf sql = JB_BUF_INIT(JB__SQL_BYTES_MAX);
    bool first = true;

    jb_buf_put_z(&sql, "CREATE TABLE ");
    jb__put_name(&sql, table);
    jb_buf_put_z(&sql, " (\n");
    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++) {
        if (!jb__field_is_stored(field))
            continue;
        jb_buf_put_z(&sql, first ? "  " : ",\n  ");
        jb_buf_put(&sql, jb__column_sql(scope, model, field));
        first = false;
    }
    jb_buf_put_z(&sql, "\n)");
    struct jb_str text = jb_copy(scope, jb_buf_str(&sql));
    jb_buf_done(&sql);
    return text;
}

/* ---- indexes --------------------------------------------------------------------------------------------------------------------------- */

/* "a" = 1 AND … */
static void put_conditions(struct jb_buf *sql, const struct jb__index *index, const char *before)
{
    for (size_t i = 0; i < index->condition_count; i++) {
        const struct jb__index_condition *condition = &index->conditions[i];
        jb_buf_printf(sql, "%s\"%s\" %s", i ? " AND " : before, condition->field->name, condition->op);
        if (condition->value.type != JB_NULL) {
            jb_buf_put_char(sql, ' ');
            put_value(sql, condition->value);
        }
    }
}

struct jb_str jb__index_condition(struct jb_scope *scope, const struct jb__index *index)
{
    struct jb_buf sql = JB_BUF_INIT(JB__SQL_BYTES_MAX);

    put_conditions(&sql, index, "");
    struct jb_str text = sql.size ? jb_copy(scope, jb_buf_str(&sql)) : JB_STR_NULL;
    jb_buf_done(&sql);
    return text;
}

struct jb_str jb__index_create(struct jb_scope *scope, const struct jb__index *index, struct jb_str table)
{
    struct jb_buf sql = JB_BUF_INIT(JB__SQL_BYTES_MAX);

    jb_buf_printf(&sql, "CREATE %sINDEX \"%.*s\" ON \"%.*s\" (", index->unique ? "UNIQUE " : "", JB_FMT(index->name), JB_FMT(table));
    for (size_t i = 0; i < index->column_count; i++)
        jb_buf_printf(&sql, "%s\"%s\"%s", i ? ", " : "", index->columns[i].field->name, index->columns[i].descending ? " DESC" : "");
    jb_buf_put_char(&sql, ')');
    put_conditions(&sql, index, " WHERE ");
    struct jb_str text = jb_copy(scope, jb_buf_str(&sql));
    jb_buf_done(&sql);
    return text;
}

struct jb_str jb__index_sql(struct jb_scope *scope, const struct jb_model *model, struct jb_str table)
{
    struct jb__indexes *indexes = JB_NEW(scope, struct jb__indexes);
    struct jb_buf sql = JB_BUF_INIT(JB__SQL_BYTES_MAX);

    jb__indexes_of(scope, model, table, indexes);
    for (size_t i = 0; i < indexes->count; i++) {
        jb_buf_put(&sql, jb__index_create(scope, &indexes->at[i], table));
        jb_buf_put_z(&sql, ";\n");
    }
    struct jb_str text = jb_copy(scope, jb_buf_str(&sql));
    jb_buf_done(&sql);
    return text;
}
