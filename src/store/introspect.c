/* introspect.c — models for tables that nobody declared.
 *
 * Three passes over what the driver found: which tables are wanted; what each of their columns is and by which column its rows are told apart; then, since references need their target's model to be there, the
 * records. */
// SPDX-License-Identifier: Apache-2.0
#include "store/ddl.h"
#include "store/introspect_private.h"
#include <stdlib.h>
#include <string.h>

/* One wanted table while its model is made. */
struct sketch {
    struct jb_table *table;
    struct jb_model *model; /* NULL: left out */
    struct jb_table_column *columns;
    const struct jb__found_column *found; /* the first of its columns */
    struct jb_field *fields;              /* of the columns that are shown, in order */
    size_t field_count;
};

struct look {
    struct jb_scope *scope;
    struct jb_db *db;
    const struct jb_tables_options *options;
    struct jb__found found;
    struct sketch *sketches; /* by name of table */
    size_t count;
};

/* ---- kinds ---------------------------------------------------------------------------------------------------------------------------- */

struct jb_str jb__kind_numbers(struct jb_str type, int *ret_first, int *ret_second)
{
    size_t open = jb_str_find_char(type, '(', 0), close = jb_str_find_char(type, ')', 0);
    int64_t first = -1, second = -1;

    if (open != SIZE_MAX && close != SIZE_MAX && open < close) {
        struct jb_str rest = jb_str_slice(type, open + 1, close);
        if (!jb_str_to_int64(jb_str_trim(jb_str_cut(&rest, ',')), &first) || (rest.data && !jb_str_to_int64(jb_str_trim(rest), &second)) || first > INT32_MAX || second > INT32_MAX)
            first = second = -1;
    }
    *ret_first = (int)first;
    *ret_second = (int)second;
    return jb_str_trim(open == SIZE_MAX ? type : jb_str_slice(type, 0, open));
}

static struct jb_str lowered(struct jb_scope *scope, struct jb_str text)
{
    struct jb_str copy = jb_copy(scope, text);
    char *at = (char *)copy.data;

    for (size_t i = 0; i < copy.size; i++)
        at[i] += at[i] >= 'A' && at[i] <= 'Z' ? 'a' - 'A' : 0;
    return copy;
}

static bool kind_of(struct look *look, const struct jb__found_column *column, struct jb_field *field)
{
    struct jb_str type = lowered(look->scope, column->type);
    return look->db->driver->column_kind(type, field);
}

static bool is_integer(struct look *look, const struct jb__found_column *column)
{
    struct jb_field field = { 0 };
    return kind_of(look, column, &field) && (field.type == JB_INT32 || field.type == JB_INT64);
}

/* ---- defaults ------------------------------------------------------------------------------------------------------------------------- */

/* 'it''s' → it's; NULL text when it is no quoted text, or more than one. */
static struct jb_str unquoted(struct jb_scope *scope, struct jb_str sql)
{
    char *text = jb_alloc(scope, sql.size + 1);
    size_t size = 0, i = 1;

    for (; i < sql.size; i++) {
        if (sql.data[i] == '\'' && (i + 1 >= sql.size || sql.data[++i] != '\''))
            break;
        text[size++] = sql.data[i];
    }
    return i + 1 >= sql.size ? (struct jb_str){ text, size } : JB_STR_NULL;
}

/* What a column gets that an insert leaves out, when that is a plain value: 'new'::character varying, 0, (-1), true. */
static struct jb_str default_literal(struct jb_scope *scope, struct jb_str sql)
{
    struct jb_decimal number;

    sql = jb_str_trim(sql);
    while (sql.size > 1 && sql.data[0] == '(' && sql.data[sql.size - 1] == ')')
        sql = jb_str_trim(jb_str_slice(sql, 1, sql.size - 1));
    size_t end = sql.size > 0 && sql.data[0] == '\'' ? jb__sql_quoted_end(sql, 0) : 0, cast = jb_str_find(sql, JB_STR("::"), end);
    if (cast != SIZE_MAX)
        sql = jb_str_slice(sql, 0, cast);
    while (sql.size > 1 && sql.data[0] == '(' && sql.data[sql.size - 1] == ')')
        sql = jb_str_trim(jb_str_slice(sql, 1, sql.size - 1));
    if (sql.size > 1 && sql.data[0] == '\'')
        return unquoted(scope, sql);
    if (jb_str_equal_nocase(sql, JB_STR("true")) || jb_str_equal_nocase(sql, JB_STR("false")) || jb_decimal_parse(sql, &number))
        return sql;
    return JB_STR_NULL;
}

static bool is_now(struct jb_scope *scope, struct jb_str sql)
{
    struct jb_str text = lowered(scope, jb_str_trim(sql));
    return jb_str_is(text, "now()") || jb_str_is(text, "current_timestamp") || jb_str_is(text, "transaction_timestamp()") || jb_str_is(text, "statement_timestamp()") || jb_str_is(text, "clock_timestamp()");
}

static void set_default(struct look *look, const struct jb__found_column *column, struct jb_field *field)
{
    struct jb_str text = column->default_sql.data ? default_literal(look->scope, column->default_sql) : JB_STR_NULL;
    struct jb_value value;

    if (field->type == JB_TIME && is_now(look->scope, column->default_sql)) {
        field->auto_now_add = true;
        field->required = false;
    }
    if (text.size == 0)
        return;
    if (jb_field_parse(look->scope, field, text, &value) && jb_field_check(look->scope, field, value))
        field->default_text = jb_cstr(look->scope, text);
    jb_failure_clear(look->scope);
}

/* ---- columns -------------------------------------------------------------------------------------------------------------------------- */

/* Lists of fields are words between blanks and commas, and statements are put together from names in quotes. */
static bool can_be_named(struct jb_str name)
{
    if (name.size == 0 || name.size > JB__NAME_BYTES_MAX || name.data[0] == '-' || !jb_utf8_valid(name))
        return false;
    for (size_t i = 0; i < name.size; i++)
        if ((unsigned char)name.data[i] <= ' ' || strchr("\"',.*/?&#%<>@", name.data[i]))
            return false;
    return true;
}

static struct jb_str say(struct look *look, const char *ko, const char *en)
{
    return jb_str_of(jb_language(look->scope) == JB_KO ? ko : en);
}

/* Nobody could add a row, since that column must have a value and does not get one from us. */
static struct jb_str with_consequence(struct look *look, const struct jb__found_column *column, struct jb_str why)
{
    if (!column->not_null || column->default_sql.data || column->computed)
        return why;
    return jb_format(look->scope, "%.*s%.*s", JB_FMT(why), JB_FMT(say(look, " (값이 있어야 하므로 이 표에는 행을 더할 수 없음)", " (it must have a value, so that no rows can be added here)")));
}

static void column_look(struct look *look, struct sketch *sketch, const struct jb__found_column *column, bool is_key)
{
    struct jb_table_column *told = &sketch->columns[sketch->table->column_count++];
    struct jb_field *field = &sketch->fields[sketch->field_count];

    *told = (struct jb_table_column){ .name = column->name, .type = column->type };
    *field = (struct jb_field){ .name = jb_cstr(look->scope, column->name) };
    if (!can_be_named(column->name)) {
        told->why = with_consequence(look, column, say(look, "이름에 빈칸이나 부호가 있거나 63바이트보다 긺", "its name has a blank or a sign, or more than 63 bytes"));
    } else if (jb_str_find(lowered(look->scope, column->name), JB_STR("password"), 0) != SIZE_MAX) {
        told->why = with_consequence(look, column, say(look, "암호는 보이지 않음", "passwords are not shown"));
    } else if (!kind_of(look, column, field)) {
        told->why = with_consequence(look, column, say(look, "글이 아닌 바이트", "bytes that are no text"));
    } else if (sketch->field_count >= JB__TABLE_COLUMNS_MAX && !is_key) {
        told->why = with_consequence(look, column, say(look, "열이 너무 많음", "too many columns"));
    } else {
        told->shown = true;
        sketch->field_count++;
    }
    if (!told->shown)
        return;
    field->as_text |= column->computed;
    if (field->as_text) {
        *field = (struct jb_field){ .name = field->name, .type = JB_TEXT, .as_text = true, .readonly = true };
        told->why = column->computed ? say(look, "데이터베이스가 셈함", "computed by the database") : with_consequence(look, column, jb_format(look->scope, JB_L(look->scope, "%.*s 종류는 보이기만 함", "a %.*s is only shown"), JB_FMT(column->type)));
        return;
    }
    if (is_key) {
        *field = (struct jb_field){ .name = field->name, .type = JB_INT64, .column_bytes = field->column_bytes, .primary = true };
        return;
    }
    bool may_be_empty = field->type == JB_TEXT && !field->as_number;
    field->required = column->not_null && !may_be_empty;
    field->empty_text = column->not_null && may_be_empty;
    set_default(look, column, field);
}

/* ---- keys ------------------------------------------------------------------------------------------------------------------------------ */

static bool is_unique_alone(const struct look *look, const struct jb__found_column *column)
{
    for (size_t i = 0; i < look->found.index_count; i++) {
        const struct jb__found_index *index = &look->found.indexes[i];
        if (index->is_unique && index->plain && jb_str_equal(index->table, column->table) && jb_str_equal(index->columns, column->name))
            return true;
    }
    return false;
}

/* The column that tells rows apart: the primary key; otherwise an integer that is unique, or of a view the one that is called id. */
static const struct jb__found_column *find_key(struct look *look, struct sketch *sketch, size_t count)
{
    const struct jb__found_column *other = NULL;

    for (size_t i = 0; i < count; i++) {
        const struct jb__found_column *column = &sketch->found[i];
        if (!can_be_named(column->name) || !is_integer(look, column))
            continue;
        if (column->key == 1 && column->columns == 1)
            return column;
        if (!other && (column->view ? jb_str_is(column->name, "id") : column->not_null && is_unique_alone(look, column)))
            other = column;
    }
    return other;
}

/* Why the table's rows cannot be edited; NULL text: they can. */
static struct jb_str why_not(struct look *look, const struct sketch *sketch, const struct jb__found_column *key)
{
    if (!can_be_named(sketch->table->name) && jb_str_find_char(sketch->table->name, '"', 0) != SIZE_MAX)
        return say(look, "표의 이름에 따옴표가 있음", "the table's name has a quotation mark");
    if (sketch->table->view)
        return key ? say(look, "뷰", "a view") : say(look, "뷰이고, 행을 가릴 정수 열 id가 없음", "a view without an integer column id to tell its rows apart");
    if (!key || key->key != 1 || key->columns != 1)
        return say(look, "정수 열 하나로 된 기본 키가 없음", "it has no primary key of one integer column");
    if (!key->numbered)
        return say(look, "데이터베이스가 번호를 매기지 않는 기본 키", "its primary key is not numbered by the database");
    return JB_STR_NULL;
}

static void sketch_make(struct look *look, struct sketch *sketch)
{
    struct jb_scope *scope = look->scope;
    const struct jb__found_column *end = look->found.columns + look->found.column_count, *column = sketch->found;
    size_t count = 0;

    while (column + count < end && jb_str_equal(column[count].table, sketch->table->name))
        count++;
    sketch->columns = JB_NEW_ARRAY(scope, struct jb_table_column, count);
    sketch->fields = JB_NEW_ARRAY(scope, struct jb_field, count);
    const struct jb__found_column *key = find_key(look, sketch, count);
    sketch->table->why = why_not(look, sketch, key);
    for (size_t i = 0; i < count; i++)
        column_look(look, sketch, &column[i], &column[i] == key);
    sketch->table->columns = sketch->columns;
    if (key && jb_str_find_char(sketch->table->name, '"', 0) == SIZE_MAX)
        sketch->table->model = sketch->model = JB_NEW(scope, struct jb_model);
}

/* ---- which tables --------------------------------------------------------------------------------------------------------------------- */

static bool is_djangos(struct jb_str name)
{
    return jb_str_starts(name, JB_STR("auth_")) || jb_str_starts(name, JB_STR("django_"));
}

static bool is_named(struct jb_str names, struct jb_str name)
{
    while (names.data)
        if (jb_str_equal(jb_str_trim(jb_str_cut(&names, ',')), name))
            return true;
    return false;
}

static bool is_wanted(const struct look *look, struct jb_str name)
{
    if (jb_str_starts(name, JB_STR("jb_")) || jb__model_of_table(look->db, name))
        return false;
    if (look->options->names.data)
        return is_named(look->options->names, name);
    return look->options->django || !is_djangos(name);
}

static struct sketch *find_sketch(struct look *look, struct jb_str table)
{
    for (size_t i = 0; i < look->count; i++)
        if (jb_str_equal(look->sketches[i].table->name, table))
            return &look->sketches[i];
    return NULL;
}

static bool names_check(struct look *look)
{
    struct jb_scope *scope = look->scope;
    struct jb_str rest = look->options->names, names[256], near;
    size_t count = 0;

    for (size_t i = 0; i < look->found.column_count && count < JB_COUNT(names); i++)
        if (i == 0 || !jb_str_equal(look->found.columns[i].table, look->found.columns[i - 1].table))
            names[count++] = look->found.columns[i].table;
    while (rest.data) {
        struct jb_str name = jb_str_trim(jb_str_cut(&rest, ','));
        const struct jb_model *model = jb__model_of_table(look->db, name);
        if (model || jb_str_starts(name, JB_STR("jb_")))
            return jb_fail(scope, JB_CONFLICT, JB_L(scope, "표 %.*s은(는) 이 프로그램의 모델(%s)이 이미 다룹니다. 목록에서 빼세요.", "The table %.*s belongs to this program already (%s). Leave it out."), JB_FMT(name),
                model ? jb_model_full_name(model, scope).data : "jangbu");
        if (find_sketch(look, name))
            continue;
        near = jb_nearest(name, names, count);
        if (near.data)
            return jb_fail(scope, JB_NOT_FOUND, JB_L(scope, "데이터베이스에 표 “%.*s”이(가) 없습니다. “%.*s”을(를) 뜻했습니까?", "The database has no table \"%.*s\"; did you mean \"%.*s\"?"), JB_FMT(name), JB_FMT(near));
        return jb_fail(scope, JB_NOT_FOUND, JB_L(scope, "데이터베이스에 표 “%.*s”이(가) 없습니다. jangbu inspect-database가 있는 표를 찍습니다.", "The database has no table \"%.*s\". jangbu inspect-database prints those there are."), JB_FMT(name));
    }
    return true;
}

static void choose(struct look *look, struct jb_tables *tables)
{
    const struct jb__found *found = &look->found;

    tables->at = JB_NEW_ARRAY(look->scope, struct jb_table, found->column_count + 1);
    look->sketches = JB_NEW_ARRAY(look->scope, struct sketch, found->column_count + 1);
    for (size_t i = 0; i < found->column_count; i++) {
        const struct jb__found_column *column = &found->columns[i];
        if ((i > 0 && jb_str_equal(column->table, column[-1].table)) || !is_wanted(look, column->table))
            continue;
        tables->at[tables->count] = (struct jb_table){ .name = column->table, .view = column->view };
        look->sketches[look->count++] = (struct sketch){ .table = &tables->at[tables->count++], .found = column };
    }
}

/* ---- references, indexes, models ------------------------------------------------------------------------------------------------------ */

static struct jb_field *field_named(const struct sketch *sketch, struct jb_str name)
{
    for (size_t i = 0; i < sketch->field_count; i++)
        if (jb_str_is(name, sketch->fields[i].name))
            return &sketch->fields[i];
    return NULL;
}

static bool is_primary_of(struct jb_field *fields, size_t count, struct jb_str name)
{
    for (size_t i = 0; i < count; i++)
        if (fields[i].primary)
            return !name.data || jb_str_is(name, fields[i].name);
    return false;
}

/* The model that the reference leads to, by its key; NULL: it stays a number. */
static const struct jb_model *target_of(struct look *look, const struct jb__found_reference *reference)
{
    struct sketch *target = find_sketch(look, reference->target);
    const struct jb_model *declared = jb__model_of_table(look->db, reference->target);

    if (declared)
        return !reference->target_column.data || jb_str_is(reference->target_column, jb_model_primary(declared)->name) ? declared : NULL;
    return target && target->model && is_primary_of(target->fields, target->field_count, reference->target_column) ? target->model : NULL;
}

static void references_set(struct look *look, struct sketch *sketch)
{
    for (size_t i = 0; i < look->found.reference_count; i++) {
        const struct jb__found_reference *reference = &look->found.references[i];
        struct jb_field *field = jb_str_equal(reference->table, sketch->table->name) ? field_named(sketch, reference->column) : NULL;
        const struct jb_model *target = field && !field->primary && (field->type == JB_INT32 || field->type == JB_INT64) ? target_of(look, reference) : NULL;
        if (!target)
            continue;
        field->type = JB_INT64;
        field->references = target;
        field->default_text = NULL;
        field->on_delete = jb_str_is(reference->on_delete, "CASCADE") ? JB_CASCADE : jb_str_is(reference->on_delete, "SET NULL") && !field->required ? JB_SET_NULL
                                                                                                                                                     : JB_RESTRICT;
    }
}

static void indexes_set(struct look *look, struct sketch *sketch)
{
    struct jb_buf uniques = JB_BUF_INIT(JB__SQL_BYTES_MAX);

    for (size_t i = 0; i < look->found.index_count; i++) {
        const struct jb__found_index *index = &look->found.indexes[i];
        struct jb_str rest = index->columns, first = jb_str_cut(&rest, '\n');
        if (!index->plain || !jb_str_equal(index->table, sketch->table->name))
            continue;
        struct jb_field *field = field_named(sketch, first);
        if (!field || field->primary || field->as_text)
            continue;
        field->indexed = true;
        if (!index->is_unique)
            continue;
        if (!rest.data) {
            field->unique = true;
            field->required |= field->empty_text;
            continue;
        }
        bool all = true;
        for (struct jb_str name = first, more = rest; all && name.data; name = more.data ? jb_str_cut(&more, '\n') : JB_STR_NULL)
            all = field_named(sketch, name) && !field_named(sketch, name)->as_text;
        if (!all)
            continue;
        jb_buf_put_z(&uniques, uniques.size ? ", " : "");
        for (size_t k = 0; k < index->columns.size; k++)
            jb_buf_put_char(&uniques, index->columns.data[k] == '\n' ? ' ' : index->columns.data[k]);
    }
    if (uniques.size > 0)
        sketch->model->uniques = jb_cstr(look->scope, jb_copy(look->scope, jb_buf_str(&uniques)));
    jb_buf_done(&uniques);
}

/* Rows are named by a text of their own that no two share; there is no telling which other one would do. */
static const char *title_of(const struct sketch *sketch)
{
    for (size_t i = 0; i < sketch->field_count; i++)
        if (sketch->fields[i].type == JB_TEXT && sketch->fields[i].unique && !sketch->fields[i].as_text)
            return sketch->fields[i].name;
    return NULL;
}

static const char *newest_first(struct look *look, const struct sketch *sketch)
{
    for (size_t i = 0; i < sketch->field_count; i++)
        if (sketch->fields[i].primary)
            return jb_cstr(look->scope, jb_format(look->scope, "-%s", sketch->fields[i].name));
    return NULL;
}

static bool is_taken(const struct look *look, struct jb_str name)
{
    for (size_t i = 0; i < look->count; i++) {
        const struct jb_model *model = look->sketches[i].model;
        if (model && model->name && jb_str_equal_nocase(jb_str_of(model->name), name))
            return true;
    }
    return false;
}

/* In addresses and commands: the table's name with _ for signs; the second one of "a-b" and "a_b", or of "Item" and "item", is called item_2. */
static const char *model_name(struct look *look, struct jb_str table)
{
    struct jb_str name = jb_copy(look->scope, table), own = name;
    char *at = (char *)name.data;

    for (size_t i = 0; i < name.size; i++)
        if (!((unsigned char)at[i] >= 0x80 || (at[i] >= 'a' && at[i] <= 'z') || (at[i] >= 'A' && at[i] <= 'Z') || (at[i] >= '0' && at[i] <= '9')))
            at[i] = '_';
    for (int number = 2; is_taken(look, own); number++)
        own = jb_format(look->scope, "%.*s_%d", JB_FMT(name), number);
    return jb_cstr(look->scope, own);
}

static void model_make(struct look *look, struct sketch *sketch)
{
    struct jb_scope *scope = look->scope;
    const char *table = jb_cstr(scope, sketch->table->name);

    references_set(look, sketch);
    indexes_set(look, sketch);
    const char *uniques = sketch->model->uniques;
    *sketch->model = (struct jb_model){
        .record = *jb_record_layout(scope, table, sketch->fields, sketch->field_count),
        .app = look->options->app,
        .name = model_name(look, sketch->table->name),
        .table = table,
        .title = title_of(sketch),
        .order = newest_first(look, sketch),
        .uniques = uniques,
        .read_only = sketch->table->why.data != NULL,
        .external = true,
        .superusers = look->options->superusers,
    };
}

bool jb_tables_read(struct jb_scope *scope, const struct jb_tables_options *options, struct jb_tables *ret_tables)
{
    struct look *look = JB_NEW(scope, struct look);
    struct jb_tables tables = { 0 };

    *look = (struct look){ .scope = scope, .db = jb_db_of(scope), .options = options };
    if (!look->db->driver->describe(look->db, scope, &look->found))
        return false;
    choose(look, &tables);
    if (!names_check(look))
        return false;
    for (size_t i = 0; i < look->count; i++)
        sketch_make(look, &look->sketches[i]);
    for (size_t i = 0; i < look->count; i++)
        if (look->sketches[i].model)
            model_make(look, &look->sketches[i]);
    *ret_tables = tables;
    return true;
}

/* ---- in use ----------------------------------------------------------------------------------------------------------------------------- */

void jb_tables_use(struct jb_scope *scope, const struct jb_tables *tables)
{
    struct jb_db *db = jb_db_of(scope);
    size_t count = 0;

    while (db->models[count])
        count++;
    jb__texts_close(db);
    db->models = realloc(db->models, (count + tables->count + 1) * sizeof *db->models);
    JB_CHECK(db->models);
    for (size_t i = 0; i < tables->count; i++)
        if (tables->at[i].model)
            db->models[count++] = tables->at[i].model;
    db->models[count] = NULL;
    jb__texts_open(db);
}

bool jb__external_failed(struct jb_scope *scope, const struct jb_model *model)
{
    if (!model || !model->external || jb_error(scope) != JB_BROKEN)
        return false;
    struct jb_str table = jb_model_table(model);
    jb_failure_clear(scope); /* its words are for an app's own table: SQL, and a migration that would not help */
    return jb_fail(scope, JB_CONFLICT, JB_L(scope, "표 %.*s이(가) 없어졌거나 바뀌었습니다. 서버를 다시 시작하면 새로 읽습니다.", "The table %.*s is gone or has changed. Start the server again to read it anew."), JB_FMT(table));
}
