/* migrate.c — tables that follow the models: what both databases share.
 *
 * What is there is read from the database itself, never from a record of what was done, and compared with what the models want; the difference is a list of steps. Nothing that would lose something is done unasked, and rows that
 * break a new rule are looked for before anything is changed. Each run that changed something is noted in jb_migrations with a hash of the whole schema. */
// SPDX-License-Identifier: Apache-2.0
#include "store/migrate.h"
#include <stdlib.h>
#include <string.h>

bool jb_migrate_plan(struct jb_scope *scope, struct jb_migration_step **ret_steps, size_t *ret_count)
{
    struct jb_db *db = jb_db_of(scope);
    return db->driver->migrate(db, scope, NULL, ret_steps, ret_count);
}

bool jb_migrate_with(struct jb_scope *scope, const struct jb_migrate_options *options, size_t *ret_done)
{
    struct jb_db *db = jb_db_of(scope);
    struct jb_migration_step *steps;
    size_t count, done = 0;

    JB_CHECK(!jb_in_transaction(scope));
    if (!db->driver->migrate(db, scope, options, &steps, &count))
        return false;
    for (size_t i = 0; i < count; i++)
        done += jb__step_wanted(&steps[i], options);
    *ret_done = done;
    return true;
}

bool jb_migrate(struct jb_scope *scope, size_t *ret_done)
{
    return jb_migrate_with(scope, &(struct jb_migrate_options){ 0 }, ret_done);
}

/* ---- steps ------------------------------------------------------------------------------------------------------------------------ */

struct jb_migration_step *jb__step_add(struct jb_scope *scope, struct jb__steps *steps, struct jb_migration_step step)
{
    if (steps->count == steps->capacity) {
        size_t capacity = JB_MAX((size_t)64, steps->capacity * 2);
        struct jb_migration_step *grown = JB_NEW_ARRAY(scope, struct jb_migration_step, capacity);
        if (steps->count > 0)
            memcpy(grown, steps->at, steps->count * sizeof *grown);
        steps->at = grown;
        steps->capacity = capacity;
    }
    steps->at[steps->count] = step;
    return &steps->at[steps->count++];
}

bool jb__step_wanted(const struct jb_migration_step *step, const struct jb_migrate_options *options)
{
    return !step->by_hand && (!step->destructive || (options && options->allow_drop));
}

struct jb_str jb__steps_text(struct jb_scope *scope, const struct jb__steps *steps, const struct jb_migrate_options *options)
{
    struct jb_buf text = JB_BUF_INIT(JB__SQL_BYTES_MAX);

    for (size_t i = 0; i < steps->count; i++)
        if (jb__step_wanted(&steps->at[i], options))
            jb_buf_printf(&text, "%.*s\n", JB_FMT(steps->at[i].reason));
    struct jb_str copy = jb_copy(scope, jb_buf_str(&text));
    jb_buf_done(&text);
    return copy;
}

void jb__steps_append(struct jb_scope *scope, struct jb__steps *to, const struct jb__steps *from)
{
    for (size_t i = 0; i < from->count; i++)
        jb__step_add(scope, to, from->at[i]);
}

size_t jb__steps_wanted(const struct jb__steps *steps, size_t first)
{
    size_t count = 0;

    for (size_t i = first; i < steps->count; i++)
        count += jb__step_wanted(&steps->at[i], NULL);
    return count;
}

void jb__say_taken(struct jb_scope *scope, struct jb__steps *notices, struct jb_str table, size_t changes)
{
    struct jb_str reason = jb_format(scope, JB_L(scope, "이미 있던 표 %.*s (여기서 만들지 않음): 바꾸지 않고 그 행을 그대로 씁니다", "table %.*s exists already and was not made here: it is used as it is, with its rows"), JB_FMT(table));

    if (changes > 0)
        reason = jb_format(scope, JB_L(scope, "이미 있던 표 %.*s (여기서 만들지 않음): 그 행을 그대로 쓰고 %zu가지를 바꿉니다", "table %.*s exists already and was not made here: it is used with its rows, and changed (%zu steps)"), JB_FMT(table), changes);
    jb__step_add(scope, notices, (struct jb_migration_step){ .reason = reason, .sql = JB_STR(""), .by_hand = true });
}

void jb__say_refused(struct jb_scope *scope, struct jb__steps *notices, const struct jb_scope *checks)
{
    struct jb_str reason = jb_format(scope, JB_L(scope, "지금은 거부됩니다: %.*s", "would be refused now: %.*s"), JB_FMT(jb_failure(checks)->message));
    jb__step_add(scope, notices, (struct jb_migration_step){ .reason = reason, .sql = JB_STR(""), .by_hand = true });
}

struct jb_str jb__dotted(struct jb_scope *scope, struct jb_str table, struct jb_str column)
{
    return jb_format(scope, "%.*s.%.*s", JB_FMT(table), JB_FMT(column));
}

struct jb_str jb__unknown_reason(struct jb_scope *scope, enum jb__unknown kind, struct jb_str name)
{
    static const char *const kinds[][2] = {
        [JB__UNKNOWN_COLUMN] = { "열", "column" },
        [JB__UNKNOWN_INDEX] = { "색인", "index" },
        [JB__UNKNOWN_TABLE] = { "표", "table" },
    };
    bool english = jb_language(scope) != JB_KO;

    return jb_format(scope, JB_L(scope, "모델에 없는 %s %.*s 지우기", "%s %.*s is in no model: drop it"), kinds[kind][english], JB_FMT(name));
}

/* ---- rows in the way ----------------------------------------------------------------------------------------------------------------- */

bool jb__fail_unfillable(struct jb_scope *scope, struct jb_str table, const char *column)
{
    return jb_fail(scope, JB_INVALID,
        JB_L(scope, "표 %.*s에 행이 있어 새 열 %s에 무엇을 적을지 알 수 없습니다. 모델에서 .default_text를 적거나 .required를 빼세요.",
            "Table %.*s has rows, and nothing says what its new column %s should hold there. Give the field a .default_text, or take .required away."),
        JB_FMT(table), column);
}

bool jb__fail_orphan(struct jb_scope *scope, struct jb_str table, struct jb_str id)
{
    return jb_fail(scope, JB_CONFLICT, JB_L(scope, "표 %.*s의 %.*s번 행이 없는 행을 가리킵니다. 고친 뒤에 다시 하세요.", "Table %.*s, row %.*s refers to a row that is not there. Correct it and migrate again."), JB_FMT(table), JB_FMT(id));
}

static struct jb_str shown(struct jb_scope *scope, const struct jb_field *field, struct jb_str value)
{
    if (!value.data)
        return jb_str_of(JB_L(scope, "비어 있는데", "is empty"));
    if (field->secret)
        return jb_str_of(JB_L(scope, "적힌 값이", "has a value"));
    return jb_format(scope, JB_L(scope, "“%.*s”인데", "is \"%.*s\""), JB_FMT(jb_utf8_first(value, 60)));
}

bool jb__fail_row(struct jb_scope *scope, struct jb_str table, struct jb_str id, const struct jb_field *field, struct jb_str value, const char *rule)
{
    struct jb_str what = shown(scope, field, value);
    return jb_fail(scope, JB_INVALID,
        JB_L(scope, "표 %.*s의 %.*s번 행은 %s이(가) %.*s 새 규칙(%s)에 맞지 않습니다. 고친 뒤에 다시 하세요. 아무것도 바뀌지 않았습니다.",
            "Table %.*s, row %.*s: %s %.*s, which the new rule (%s) does not allow. Correct it and migrate again; nothing was changed."),
        JB_FMT(table), JB_FMT(id), field->name, JB_FMT(what), rule);
}

bool jb__fail_duplicate(struct jb_scope *scope, struct jb_str table, const struct jb__index *index, const struct jb_str *values, struct jb_str count)
{
    struct jb_buf what = JB_BUF_INIT(10000);

    for (size_t i = 0; i < index->column_count; i++) {
        const struct jb_field *field = index->columns[i].field;
        jb_buf_printf(&what, "%s%s “%.*s”", i ? ", " : "", field->name, JB_FMT(field->secret ? JB_STR("…") : jb_utf8_first(values[i], 60)));
    }
    jb_fail(scope, JB_CONFLICT,
        JB_L(scope, "표 %.*s에 %.*s인 행이 %.*s개 있어 유일 색인 %.*s을(를) 만들 수 없습니다. 하나만 남기고 다시 하세요.",
            "Table %.*s with %.*s: %.*s rows, so that the unique index %.*s cannot be made. Keep one of them and migrate again."),
        JB_FMT(table), JB_FMT(jb_buf_str(&what)), JB_FMT(count), JB_FMT(index->name));
    jb_buf_done(&what);
    return false;
}

static void put_columns(struct jb_buf *sql, const struct jb__index *index, const char *before, const char *between, const char *after)
{
    for (size_t i = 0; i < index->column_count; i++)
        jb_buf_printf(sql, "%s%s\"%s\"%s", i ? between : "", before, index->columns[i].field->name, after);
}

struct jb_str jb__duplicate_sql(struct jb_scope *scope, struct jb_str table, const struct jb__index *index, struct jb_str condition)
{
    struct jb_buf sql = JB_BUF_INIT(JB__SQL_BYTES_MAX);

    jb_buf_put_z(&sql, "select ");
    put_columns(&sql, index, "cast(", ", ", " as text)");
    jb_buf_put_z(&sql, ", cast(count(*) as text) from ");
    jb__put_name(&sql, table);
    jb_buf_put_z(&sql, " where ");
    put_columns(&sql, index, "", " and ", " is not null");
    if (condition.data)
        jb_buf_printf(&sql, " and (%.*s)", JB_FMT(condition));
    jb_buf_put_z(&sql, " group by ");
    put_columns(&sql, index, "", ", ", "");
    jb_buf_put_z(&sql, " having count(*) > 1 limit 1");
    struct jb_str text = jb_copy(scope, jb_buf_str(&sql));
    jb_buf_done(&sql);
    return text;
}
