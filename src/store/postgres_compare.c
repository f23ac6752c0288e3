/* postgres_compare.c — how PostgreSQL's tables differ from the models.
 *
 * What only changes the catalogue goes into one transaction: it holds each table for a moment. What must look at rows comes after it, so that readers and writers go on: a rule is added NOT VALID (new rows obey it at once) and validated later; a column that may be NULL no more first gets
 * a rule that says so. Each such state can be read from the catalogue again, so that a run that was killed is finished by the next.
 *
 * What means the same is left as it is, whoever made it: serial for identity, varchar(n) for text of that length, integer for ids, a foreign key under another name. */
// SPDX-License-Identifier: Apache-2.0
#include "store/postgres_catalog.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct table {
    struct jb__pg_difference *difference;
    struct jb_scope *scope;
    const struct jb_model *model;
    struct jb_str name;
    struct jb_buf validate; /* `VALIDATE CONSTRAINT …, …` */
    struct jb__steps last;  /* after the rules are validated */
};

static struct jb_migration_step *together(struct table *table, enum jb_migration_hold hold, struct jb_str reason, struct jb_str sql)
{
    return jb__step_add(table->scope, &table->difference->together, (struct jb_migration_step){ .sql = sql, .reason = reason, .hold = hold });
}

static struct jb_str alter(struct table *table, struct jb_str what)
{
    return jb_format(table->scope, "ALTER TABLE \"%.*s\" %.*s", JB_FMT(table->name), JB_FMT(what));
}

static struct jb_str column_name(struct table *table, const struct jb_field *field)
{
    return jb__dotted(table->scope, table->name, jb_str_of(field->name));
}

/* The first column from `field` on: how the model wants it and, NULL when it is not there, how it is. NULL after the last. */
static const struct jb_field *column_at(struct table *table, const struct jb_field *field, struct jb__pg_column *ret_wants, const struct jb__pg_has_column **ret_has)
{
    while (field->type != JB_END && !jb__field_is_stored(field))
        field++;
    if (field->type == JB_END)
        return NULL;
    *ret_has = jb__pg_find_column(table->difference->catalog, table->name, jb_str_of(field->name));
    jb__pg_column_of(table->scope, table->model, field, ret_wants);
    return field;
}

static void validate_later(struct table *table, struct jb_str constraint)
{
    jb_buf_printf(&table->validate, "%sVALIDATE CONSTRAINT \"%.*s\"", table->validate.size ? ", " : "", JB_FMT(constraint));
}

void jb__pg_check_add(struct jb__pg_difference *difference, struct jb__pg_check check)
{
    if (difference->check_count == difference->check_capacity) {
        size_t capacity = JB_MAX((size_t)16, difference->check_capacity * 2);
        struct jb__pg_check *grown = JB_NEW_ARRAY(difference->scope, struct jb__pg_check, capacity);
        if (difference->check_count > 0)
            memcpy(grown, difference->checks, difference->check_count * sizeof *grown);
        difference->checks = grown;
        difference->check_capacity = capacity;
    }
    difference->checks[difference->check_count++] = check;
}

static void check_rows(struct table *table, const struct jb_field *field, const char *rule, struct jb_str condition)
{
    jb__pg_check_add(table->difference, (struct jb__pg_check){ .kind = JB__PG_ROW, .model = table->model, .field = field, .rule = rule, .condition = condition });
}

/* ---- rules ----------------------------------------------------------------------------------------------------------------------------- */

static const struct jb__pg_has_constraint *find_constraint(const struct table *table, struct jb_str name)
{
    const struct jb__pg_catalog *catalog = table->difference->catalog;

    for (size_t i = 0; i < catalog->constraint_count; i++)
        if (jb_str_equal(catalog->constraints[i].name, name) && jb_str_equal(catalog->constraints[i].table, table->name))
            return &catalog->constraints[i];
    return NULL;
}

/* Text that the type holds to that length already. */
static bool type_says_size(const struct jb__pg_has_column *has, const struct jb__pg_column *wants, const struct jb__pg_rule *rule)
{
    char type[40];

    snprintf(type, sizeof type, "character varying(%d)", wants->field->length_max);
    return strcmp(rule->word, "size") == 0 && jb_str_is(has->type, type);
}

static void rule_compare(struct table *table, const struct jb__pg_column *wants, const struct jb__pg_rule *rule)
{
    const struct jb__pg_has_constraint *has = find_constraint(table, rule->name);
    struct jb_str added = jb__pg_rule_sql(table->scope, rule);

    if (has && jb__pg_same(has->rule, rule->sql)) {
        if (!has->valid)
            validate_later(table, rule->name);
        return;
    }
    struct jb_str drop = has ? jb_format(table->scope, "DROP CONSTRAINT \"%.*s\", ", JB_FMT(rule->name)) : JB_STR("");
    struct jb_str reason = jb_format(table->scope, has ? JB_L(table->scope, "바뀐 규칙 %.*s", "changed rule %.*s") : JB_L(table->scope, "새 규칙 %.*s", "new rule %.*s"), JB_FMT(rule->name));
    together(table, JB_HOLD_MOMENT, reason, alter(table, jb_format(table->scope, "%.*sADD %.*s NOT VALID", JB_FMT(drop), JB_FMT(added))));
    check_rows(table, wants->field, rule->word, jb_format(table->scope, "(%.*s) is false", JB_FMT(rule->sql)));
    validate_later(table, rule->name);
}

static bool rule_is_wanted(struct table *table, struct jb_str name)
{
    struct jb__pg_column wants;
    const struct jb__pg_has_column *has;

    for (const struct jb_field *field = table->model->record.fields; (field = column_at(table, field, &wants, &has)); field++) {
        for (size_t i = 0; i < wants.rule_count; i++)
            if (jb_str_equal(wants.rules[i].name, name))
                return !has || !type_says_size(has, &wants, &wants.rules[i]);
        if (!wants.nullable && has && !has->not_null && jb_str_equal(name, jb__pg_rule_name(table->scope, table->name, field->name, "null")))
            return true;
    }
    return false;
}

/* Ours by name, "table.column rule"; a column that goes takes its own along. */
static void stale_rules(struct table *table)
{
    const struct jb__pg_catalog *catalog = table->difference->catalog;
    struct jb_str prefix = jb_format(table->scope, "%.*s.", JB_FMT(table->name));

    for (size_t i = 0; i < catalog->constraint_count; i++) {
        const struct jb__pg_has_constraint *has = &catalog->constraints[i];
        if (!jb_str_equal(has->table, table->name) || !jb_str_is(has->kind, "c") || !jb_str_starts(has->name, prefix) || rule_is_wanted(table, has->name))
            continue;
        struct jb_str reason = jb_format(table->scope, JB_L(table->scope, "안 쓰는 규칙 %.*s 지우기", "rule %.*s is not wanted any more"), JB_FMT(has->name));
        struct jb_str quoted = jb__quoted(table->scope, jb_cstr(table->scope, has->name));
        together(table, JB_HOLD_MOMENT, reason, alter(table, jb_format(table->scope, "DROP CONSTRAINT %.*s", JB_FMT(quoted))));
    }
}

/* ---- references -------------------------------------------------------------------------------------------------------------------------- */

/* NO ACTION that is not put off refuses at the end of the same statement: that is RESTRICT. */
static bool reference_is(const struct jb__pg_has_constraint *has, const struct jb_field *field)
{
    static const char actions[] = { [JB_RESTRICT] = 'r', [JB_CASCADE] = 'c', [JB_SET_NULL] = 'n' };
    char action = has->on_delete.size > 0 && has->on_delete.data[0] != 'a' ? has->on_delete.data[0] : 'r';

    return action == actions[field->on_delete] && !has->deferrable && jb_str_equal(has->target, jb_model_table(field->references));
}

/* One of them is as it should be; the others on this column say something else and would come first. */
static void reference_compare(struct table *table, const struct jb_field *field)
{
    const struct jb__pg_catalog *catalog = table->difference->catalog;
    struct jb_str wanted = jb__pg_reference_sql(table->scope, table->model, field), own = jb__pg_reference_name(table->scope, table->model, field);
    struct jb_buf sql = JB_BUF_INIT(JB__SQL_BYTES_MAX);
    const struct jb__pg_has_constraint *good = NULL;

    for (size_t i = 0; i < catalog->constraint_count; i++) {
        const struct jb__pg_has_constraint *has = &catalog->constraints[i];
        if (!jb_str_equal(has->table, table->name) || !jb_str_is(has->kind, "f") || !jb_str_is(has->column, field->name))
            continue;
        if (wanted.data && !good && reference_is(has, field))
            good = has;
        else if (wanted.data || jb_str_equal(has->name, own)) {
            jb_buf_put_z(&sql, sql.size ? ", DROP CONSTRAINT " : "DROP CONSTRAINT ");
            jb__put_name(&sql, has->name);
        }
    }
    if (wanted.data && !good) {
        jb_buf_printf(&sql, "%sADD %.*s NOT VALID", sql.size ? ", " : "", JB_FMT(wanted));
        jb__pg_check_add(table->difference, (struct jb__pg_check){ .kind = JB__PG_ORPHAN, .model = table->model, .field = field });
        validate_later(table, own);
    } else if (good && !good->valid) {
        validate_later(table, good->name);
    }
    if (sql.size > 0) {
        struct jb_str name = column_name(table, field);
        struct jb_str reason = jb_format(table->scope, wanted.data ? JB_L(table->scope, "참조 %.*s", "reference of %.*s") : JB_L(table->scope, "안 쓰는 참조 %.*s 지우기", "reference of %.*s is not wanted any more"), JB_FMT(name));
        together(table, JB_HOLD_MOMENT, reason, alter(table, jb_buf_str(&sql)));
    }
    jb_buf_done(&sql);
}

/* ---- a column that is there ------------------------------------------------------------------------------------------------------------------ */

/* Digits before and after the point that a type of numbers holds; false: it is no such type. */
static bool number_type(struct jb_str type, int *ret_whole, int *ret_decimals)
{
    char text[64];
    int digits, decimals = 0;

    snprintf(text, sizeof text, "%.*s", JB_FMT(type));
    *ret_decimals = 0;
    if (strcmp(text, "smallint") == 0)
        *ret_whole = 4;
    else if (strcmp(text, "integer") == 0)
        *ret_whole = 9;
    else if (strcmp(text, "bigint") == 0)
        *ret_whole = 18;
    else if (strcmp(text, "numeric") == 0)
        *ret_whole = *ret_decimals = 1000;
    else if (sscanf(text, "numeric(%d,%d)", &digits, &decimals) >= 1) {
        *ret_whole = digits - decimals;
        *ret_decimals = decimals;
    } else
        return false;
    return true;
}

static bool is_whole(struct jb_str type)
{
    return !jb_str_starts(type, JB_STR("numeric"));
}

/* Which rows would lose something; NULL text: none can. */
static struct jb_str losing_rows(struct jb_scope *scope, const struct jb__pg_has_column *has, const struct jb__pg_column *wants)
{
    const char *name = wants->field->name;
    int whole, decimals, has_whole, has_decimals;

    number_type(has->type, &has_whole, &has_decimals);
    number_type(wants->type, &whole, &decimals);
    if (jb_str_is(wants->type, "integer") && !jb_str_is(has->type, "smallint"))
        return jb_format(scope, "\"%s\" not between -2147483648 and 2147483647 or \"%s\" <> trunc(\"%s\"::numeric)", name, name, name);
    if (jb_str_is(wants->type, "bigint") && !is_whole(has->type))
        return jb_format(scope, "\"%s\" not between -9223372036854775808 and 9223372036854775807 or \"%s\" <> trunc(\"%s\")", name, name, name);
    if (is_whole(wants->type) || (has_whole + is_whole(has->type) <= whole && has_decimals <= decimals)) /* nine whole digits and a bit */
        return JB_STR_NULL;
    return jb_format(scope, "abs(\"%s\") >= 1e%d or \"%s\" <> round(\"%s\"::numeric, %d)", name, whole, name, name, decimals);
}

static bool fail_type(struct table *table, const struct jb__pg_has_column *has, const struct jb__pg_column *wants)
{
    return jb_fail(table->scope, JB_INVALID,
        JB_L(table->scope, "열 %.*s.%s은(는) 표에서 %.*s이고 모델에서 %.*s입니다. migrate는 이 둘을 바꾸지 않습니다. 손으로 바꾸거나 (ALTER TABLE … ALTER COLUMN … TYPE … USING …) 모델을 고치세요.",
            "Column %.*s.%s is %.*s in the table and %.*s in the model, and migrate does not turn one into the other. Change it by hand (ALTER TABLE … ALTER COLUMN … TYPE … USING …), or correct the model."),
        JB_FMT(table->name), wants->field->name, JB_FMT(has->type), JB_FMT(wants->type));
}

/* The text types are one: only the length that they state counts. */
static bool text_fits(const struct jb__pg_has_column *has, const struct jb__pg_column *wants)
{
    int length = 0;
    char type[64];

    snprintf(type, sizeof type, "%.*s", JB_FMT(has->type));
    if (sscanf(type, "character varying(%d)", &length) != 1)
        return true;
    return wants->field->length_max > 0 && length >= wants->field->length_max;
}

/* Keeps how its texts compare: another order would build every index of it anew. */
static void type_change(struct table *table, const struct jb__pg_has_column *has, const struct jb__pg_column *wants, enum jb_migration_hold hold)
{
    struct jb_str name = column_name(table, wants->field);
    const char *collation = wants->field->type != JB_TEXT ? "" : has->by_bytes ? " COLLATE \"C\""
                                                                               : " COLLATE \"default\"";
    struct jb_str reason = jb_format(table->scope, JB_L(table->scope, "열 %.*s: %.*s에서 %.*s(으)로", "column %.*s: from %.*s to %.*s"), JB_FMT(name), JB_FMT(has->type), JB_FMT(wants->type));

    together(table, hold, reason, alter(table, jb_format(table->scope, "ALTER COLUMN \"%s\" TYPE %.*s%s", wants->field->name, JB_FMT(wants->type), collation)));
}

static bool type_compare(struct table *table, const struct jb__pg_has_column *has, const struct jb__pg_column *wants)
{
    int whole, decimals, has_whole, has_decimals;

    if (jb_str_equal(has->type, wants->type))
        return true;
    if (wants->field->type == JB_TEXT && (jb_str_is(has->type, "character varying") || jb_str_starts(has->type, JB_STR("character varying(")))) {
        if (!text_fits(has, wants))
            type_change(table, has, wants, JB_HOLD_MOMENT);
        return true;
    }
    if (!number_type(has->type, &has_whole, &has_decimals) || !number_type(wants->type, &whole, &decimals))
        return fail_type(table, has, wants);
    if ((wants->field->primary || wants->field->references) && is_whole(has->type))
        return true; /* ids that are small enough */
    struct jb_str losing = losing_rows(table->scope, has, wants);
    if (losing.data)
        check_rows(table, wants->field, wants->type.data, losing);
    bool wider = !losing.data && !is_whole(has->type) && has_decimals == decimals; /* the server leaves the rows alone */
    type_change(table, has, wants, wider ? JB_HOLD_MOMENT : JB_HOLD_ALL);
    return true;
}

/* NOT NULL: a rule that says so, the default where nothing stands, the rule validated, then the column itself (which then need not look at its rows). */
static void require_value(struct table *table, const struct jb__pg_column *wants)
{
    const char *name = wants->field->name;
    struct jb_str rule = jb__pg_rule_name(table->scope, table->name, name, "null"), column = column_name(table, wants->field);
    const struct jb__pg_has_constraint *has = find_constraint(table, rule);
    struct jb_str reason = jb_format(table->scope, JB_L(table->scope, "열 %.*s: 비울 수 없게", "column %.*s: always a value"), JB_FMT(column));

    if (!has)
        together(table, JB_HOLD_MOMENT, reason, alter(table, jb_format(table->scope, "ADD CONSTRAINT \"%.*s\" CHECK (\"%s\" IS NOT NULL) NOT VALID", JB_FMT(rule), name)));
    if (!wants->default_sql.data)
        check_rows(table, wants->field, "required", jb_format(table->scope, "\"%s\" is null", name));
    else if (!has || !has->valid)
        jb__step_add(table->scope, &table->difference->alone, (struct jb_migration_step){
                                                                  .reason = jb_format(table->scope, JB_L(table->scope, "열 %.*s: 빈 곳에 기본값", "column %.*s: its default where nothing stands"), JB_FMT(column)),
                                                                  .sql = jb_format(table->scope, "UPDATE \"%.*s\" SET \"%s\" = %.*s WHERE \"%s\" IS NULL", JB_FMT(table->name), name, JB_FMT(wants->default_sql), name),
                                                              });
    if (!has || !has->valid)
        validate_later(table, rule);
    jb__step_add(table->scope, &table->last, (struct jb_migration_step){
                                                 .reason = jb_format(table->scope, JB_L(table->scope, "열 %.*s: NOT NULL", "column %.*s: NOT NULL"), JB_FMT(column)),
                                                 .sql = alter(table, jb_format(table->scope, "ALTER COLUMN \"%s\" SET NOT NULL, DROP CONSTRAINT \"%.*s\"", name, JB_FMT(rule))),
                                                 .hold = JB_HOLD_MOMENT,
                                             });
}

static void nullable_compare(struct table *table, const struct jb__pg_has_column *has, const struct jb__pg_column *wants)
{
    struct jb_str name = column_name(table, wants->field);

    if (wants->nullable && has->not_null)
        together(table, JB_HOLD_MOMENT, jb_format(table->scope, JB_L(table->scope, "열 %.*s: 비울 수 있게", "column %.*s: may be empty"), JB_FMT(name)),
            alter(table, jb_format(table->scope, "ALTER COLUMN \"%s\" DROP NOT NULL", wants->field->name)));
    else if (!wants->nullable && !has->not_null)
        require_value(table, wants);
}

static void default_compare(struct table *table, const struct jb__pg_has_column *has, const struct jb__pg_column *wants)
{
    struct jb_str name = column_name(table, wants->field);

    if (jb__pg_same(has->default_sql, wants->default_sql))
        return;
    struct jb_str what = wants->default_sql.data ? jb_format(table->scope, "SET DEFAULT %.*s", JB_FMT(wants->default_sql)) : JB_STR("DROP DEFAULT");
    together(table, JB_HOLD_MOMENT, jb_format(table->scope, JB_L(table->scope, "열 %.*s: 기본값", "column %.*s: its default"), JB_FMT(name)),
        alter(table, jb_format(table->scope, "ALTER COLUMN \"%s\" %.*s", wants->field->name, JB_FMT(what))));
}

/* Numbers its rows by itself (identity, serial) and is the primary key. */
static void primary_compare(struct table *table, const struct jb__pg_has_column *has, const struct jb_field *field)
{
    const struct jb__pg_catalog *catalog = table->difference->catalog;
    struct jb_str name = column_name(table, field);
    bool key = false;

    for (size_t i = 0; i < catalog->constraint_count && !key; i++)
        key = jb_str_equal(catalog->constraints[i].table, table->name) && jb_str_is(catalog->constraints[i].kind, "p") && jb_str_is(catalog->constraints[i].column, field->name);
    if (!key)
        together(table, JB_HOLD_ALL, jb_format(table->scope, JB_L(table->scope, "기본 키 %.*s", "primary key %.*s"), JB_FMT(name)), alter(table, jb_format(table->scope, "ADD PRIMARY KEY (\"%s\")", field->name)));
    if (has->identity || has->default_sql.data)
        return;
    struct jb_str sql = alter(table, jb_format(table->scope, "ALTER COLUMN \"%s\" ADD GENERATED BY DEFAULT AS IDENTITY", field->name));
    struct jb_str sequence = jb__pg_sequence(table->scope, table->model);
    sql = jb_format(table->scope, "%.*s;\nSELECT setval(%.*s, (SELECT coalesce(max(\"%s\"), 0) + 1 FROM \"%.*s\"), false)", JB_FMT(sql), JB_FMT(sequence), field->name, JB_FMT(table->name));
    together(table, JB_HOLD_MOMENT, jb_format(table->scope, JB_L(table->scope, "열 %.*s: 번호 매기기", "column %.*s: numbers by itself"), JB_FMT(name)), sql);
}

static bool column_compare(struct table *table, const struct jb__pg_has_column *has, const struct jb__pg_column *wants)
{
    if (!type_compare(table, has, wants))
        return false;
    if (wants->field->primary) {
        primary_compare(table, has, wants->field);
        return true;
    }
    default_compare(table, has, wants);
    nullable_compare(table, has, wants);
    for (size_t i = 0; i < wants->rule_count; i++)
        if (!type_says_size(has, wants, &wants->rules[i]))
            rule_compare(table, wants, &wants->rules[i]);
    reference_compare(table, wants->field);
    return true;
}

/* ---- columns that are missing or that nobody names --------------------------------------------------------------------------------------------- */

static void column_new(struct table *table, const struct jb__pg_column *wants)
{
    struct jb_buf sql = JB_BUF_INIT(JB__SQL_BYTES_MAX);
    struct jb_str name = column_name(table, wants->field), reference = jb__pg_reference_sql(table->scope, table->model, wants->field);

    jb_buf_printf(&sql, "ADD COLUMN %.*s", JB_FMT(jb__pg_column_sql(table->scope, wants)));
    for (size_t i = 0; i < wants->rule_count; i++) {
        jb_buf_printf(&sql, ", ADD %.*s NOT VALID", JB_FMT(jb__pg_rule_sql(table->scope, &wants->rules[i])));
        validate_later(table, wants->rules[i].name);
    }
    if (reference.data) {
        jb_buf_printf(&sql, ", ADD %.*s NOT VALID", JB_FMT(reference));
        validate_later(table, jb__pg_reference_name(table->scope, table->model, wants->field));
    }
    if (jb__field_unfillable(table->model, wants->field))
        jb__pg_check_add(table->difference, (struct jb__pg_check){ .kind = JB__PG_ANY_ROW, .model = table->model, .field = wants->field });
    together(table, JB_HOLD_MOMENT, jb_format(table->scope, JB_L(table->scope, "새 열 %.*s", "new column %.*s"), JB_FMT(name)), alter(table, jb_buf_str(&sql)));
    jb_buf_done(&sql);
}

/* A column of ours or of others that no model names. One that wants a value from every row would refuse all new ones, which bring none. */
static void unknown_columns(struct table *table)
{
    const struct jb__pg_catalog *catalog = table->difference->catalog;
    const struct jb_migrate_options *options = table->difference->options;

    for (size_t i = 0; i < catalog->column_count; i++) {
        const struct jb__pg_has_column *has = &catalog->columns[i];
        if (!jb_str_equal(has->table, table->name) || jb_record_field(&table->model->record, has->name))
            continue;
        struct jb_str name = jb__dotted(table->scope, table->name, has->name), quoted = jb__quoted(table->scope, jb_cstr(table->scope, has->name));
        if (has->not_null && !has->default_sql.data && !has->identity && !(options && options->allow_drop))
            together(table, JB_HOLD_MOMENT, jb_format(table->scope, JB_L(table->scope, "모델에 없는 열 %.*s: 비울 수 있게", "column %.*s, which is in no model: may be empty"), JB_FMT(name)),
                alter(table, jb_format(table->scope, "ALTER COLUMN %.*s DROP NOT NULL", JB_FMT(quoted))));
        together(table, JB_HOLD_MOMENT, jb__unknown_reason(table->scope, JB__UNKNOWN_COLUMN, name), alter(table, jb_format(table->scope, "DROP COLUMN %.*s", JB_FMT(quoted))))->destructive = true;
    }
}

/* Texts that somebody's language sorts: said once for a table, never changed, because every index of them would be built anew while everybody waits. */
static void other_order(struct table *table)
{
    struct jb_buf sql = JB_BUF_INIT(JB__SQL_BYTES_MAX), names = JB_BUF_INIT(JB__SQL_BYTES_MAX);

    for (const struct jb_field *field = table->model->record.fields; field->type != JB_END; field++) {
        const struct jb__pg_has_column *has = jb__pg_find_column(table->difference->catalog, table->name, jb_str_of(field->name));
        if (field->type != JB_TEXT || !has || has->by_bytes)
            continue;
        jb_buf_printf(&names, "%s%s", names.size ? ", " : "", field->name);
        jb_buf_printf(&sql, "%sALTER COLUMN \"%s\" TYPE %.*s COLLATE \"C\"", sql.size ? ", " : "", field->name, JB_FMT(has->type));
    }
    if (sql.size > 0)
        together(table, JB_HOLD_ALL,
            jb_format(table->scope, JB_L(table->scope, "표 %.*s의 글(%.*s)이 코드 순서가 아니라 데이터베이스의 언어 순서로 정렬됩니다 (손으로만 바꿈)", "texts of table %.*s (%.*s) sort by the database's language, not by code points (to be changed by hand only)"), JB_FMT(table->name), JB_FMT(jb_buf_str(&names))),
            alter(table, jb_buf_str(&sql)))
            ->by_hand = true;
    jb_buf_done(&sql);
    jb_buf_done(&names);
}

/* ---- a table ------------------------------------------------------------------------------------------------------------------------------------ */

static void validations(struct table *table)
{
    if (table->validate.size > 0)
        jb__step_add(table->scope, &table->difference->alone, (struct jb_migration_step){
                                                                  .reason = jb_format(table->scope, JB_L(table->scope, "표 %.*s의 새 규칙을 있던 행에서 살피기", "new rules of table %.*s are looked up in its rows"), JB_FMT(table->name)),
                                                                  .sql = alter(table, jb_buf_str(&table->validate)),
                                                              });
    jb__steps_append(table->scope, &table->difference->alone, &table->last);
}

static bool columns_compare(struct table *table)
{
    struct jb__pg_column wants;
    const struct jb__pg_has_column *has;

    for (const struct jb_field *field = table->model->record.fields; (field = column_at(table, field, &wants, &has)); field++) {
        if (!has)
            column_new(table, &wants);
        else if (!column_compare(table, has, &wants))
            return false;
    }
    return true;
}

static bool table_compare(struct jb__pg_difference *difference, const struct jb_model *model)
{
    struct table table = { .difference = difference, .scope = difference->scope, .model = model, .name = jb_model_table(model), .validate = JB_BUF_INIT(JB__SQL_BYTES_MAX) };
    bool ok = columns_compare(&table);

    if (ok) {
        stale_rules(&table);
        unknown_columns(&table);
        other_order(&table);
        validations(&table);
        jb__pg_compare_indexes(difference, model, false);
    }
    jb_buf_done(&table.validate);
    return ok;
}

/* A table that is there: what changes in it and, in a plan, whether somebody else made it. */
static bool table_there(struct jb__pg_difference *difference, const struct jb_model *model)
{
    size_t together = difference->together.count, alone = difference->alone.count;
    struct jb_str name = jb_model_table(model);

    if (!table_compare(difference, model))
        return false;
    if (!difference->options && !jb__pg_table_is_ours(difference->catalog, name))
        jb__say_taken(difference->scope, &difference->notices, name, jb__steps_wanted(&difference->together, together) + jb__steps_wanted(&difference->alone, alone));
    return true;
}

/* Tables that a new one may refer to: those that are there, and those made before it or at the same moment. */
struct made {
    struct jb__pg_difference *difference;
    const struct jb_model *const *model; /* the one that is made now */
};

static bool has_target(void *arg, const struct jb_model *target)
{
    const struct made *made = arg;

    if (jb__pg_has_table(made->difference->catalog, jb_model_table(target)))
        return true;
    for (const struct jb_model *const *model = (const struct jb_model *const *)made->difference->db->models; *model; model++) {
        if (*model == target)
            return true;
        if (model == made->model)
            break;
    }
    return false;
}

/* Only those whose rows it refers to wait for a new table. */
static enum jb_migration_hold hold_of_new(const struct jb__pg_difference *difference, const struct jb_model *model)
{
    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++)
        if (field->references && jb__pg_has_table(difference->catalog, jb_model_table(field->references)))
            return JB_HOLD_MOMENT;
    return JB_HOLD_NONE;
}

static void table_new(struct jb__pg_difference *difference, const struct jb_model *const *model)
{
    struct jb_scope *scope = difference->scope;
    struct jb_str table = jb_model_table(*model);
    struct made made = { difference, model };

    jb__step_add(scope, &difference->together, (struct jb_migration_step){
                                                   .reason = jb_format(scope, JB_L(scope, "새 표 %.*s", "new table %.*s"), JB_FMT(table)),
                                                   .sql = jb__pg_table_sql(scope, *model, has_target, &made),
                                                   .hold = hold_of_new(difference, *model),
                                               });
    jb__pg_compare_indexes(difference, *model, true);
}

/* References of new tables to tables that are made after them. */
static void late_references(struct jb__pg_difference *difference, const struct jb_model *const *model)
{
    struct jb_scope *scope = difference->scope;
    struct jb_str table = jb_model_table(*model);
    struct made made = { difference, model };

    for (const struct jb_field *field = (*model)->record.fields; field->type != JB_END; field++) {
        struct jb_str reference = jb__field_is_stored(field) ? jb__pg_reference_sql(scope, *model, field) : JB_STR_NULL;
        if (!reference.data || has_target(&made, field->references))
            continue;
        struct jb_str name = jb__dotted(scope, table, jb_str_of(field->name));
        jb__step_add(scope, &difference->together, (struct jb_migration_step){
                                                       .reason = jb_format(scope, JB_L(scope, "참조 %.*s", "reference of %.*s"), JB_FMT(name)),
                                                       .sql = jb_format(scope, "ALTER TABLE \"%.*s\" ADD %.*s", JB_FMT(table), JB_FMT(reference)),
                                                       .hold = JB_HOLD_MOMENT,
                                                   });
    }
}

/* A table that was made here and that no model names any more. */
static void unknown_tables(struct jb__pg_difference *difference)
{
    const struct jb__pg_catalog *catalog = difference->catalog;
    struct jb_scope *scope = difference->scope;

    for (size_t i = 0; i < catalog->column_count; i++) {
        struct jb_str table = catalog->columns[i].table, quoted = jb__quoted(scope, jb_cstr(scope, table));
        if ((i > 0 && jb_str_equal(table, catalog->columns[i - 1].table)) || !catalog->columns[i].ours || jb__model_of_table(difference->db, table))
            continue;
        jb__step_add(scope, &difference->together, (struct jb_migration_step){
                                                       .reason = jb__unknown_reason(scope, JB__UNKNOWN_TABLE, table),
                                                       .sql = jb_format(scope, "DROP TABLE %.*s", JB_FMT(quoted)),
                                                       .hold = JB_HOLD_MOMENT,
                                                       .destructive = true,
                                                   });
    }
}

bool jb__pg_compare(struct jb__pg_difference *difference)
{
    const struct jb_model *const *models = (const struct jb_model *const *)difference->db->models;

    difference->hash = JB_DIGEST_START;
    for (const struct jb_model *const *model = models; *model; model++) {
        if ((*model)->external)
            continue;
        difference->hash = jb_str_digest(difference->hash, jb__pg_table_sql(difference->scope, *model, NULL, NULL));
        if (!jb__pg_has_table(difference->catalog, jb_model_table(*model)))
            table_new(difference, model);
        else if (!table_there(difference, *model))
            return false;
    }
    for (const struct jb_model *const *model = models; *model; model++)
        if (!(*model)->external && !jb__pg_has_table(difference->catalog, jb_model_table(*model)))
            late_references(difference, model);
    unknown_tables(difference);
    return true;
}
