/* postgres_fail.c — what PostgreSQL answered, as a sentence for people.
 *
 * The kind is in the SQLSTATE (PostgreSQL's appendix A); table, column and constraint come apart from the words, which are in the server's language. Only the columns and values of a key stand in
 * the detail: `Key (a, b)=(x, y) already exists.` — in every language as `(…)=(…)`. */
// SPDX-License-Identifier: Apache-2.0
#include "store/broken_rule.h"
#include "store/ddl.h"
#include "store/postgres_private.h"
#include <ctype.h>
#include <string.h>

static struct jb_str trimmed(struct jb_str message)
{
    message = jb_str_trim(message);
    while (jb_str_ends(message, JB_STR(".")))
        message.size--;
    return message;
}

/* ---- keys ------------------------------------------------------------------------------------------------------------------------------- */

struct key {
    struct jb_str columns, values; /* "a, b" and "x, y"; NULL: the server did not tell */
};

static struct key key_of(struct jb_str detail)
{
    size_t start = jb_str_find_char(detail, '(', 0), middle = jb_str_find(detail, JB_STR(")=("), 0), end = detail.size;

    while (end > 0 && detail.data[end - 1] != ')')
        end--;
    if (start == SIZE_MAX || middle == SIZE_MAX || start > middle || end < middle + 4)
        return (struct key){ JB_STR_NULL, JB_STR_NULL };
    return (struct key){ jb_str_slice(detail, start + 1, middle), jb_str_slice(detail, middle + 3, end - 1) };
}

/* `"order" DESC` → order */
static struct jb_str bare(struct jb_str column)
{
    column = jb_str_trim(column);
    if (!jb_str_starts(column, JB_STR("\"")))
        return column;
    size_t end = jb_str_find_char(column, '"', 1);
    return jb_str_slice(column, 1, end);
}

/* The columns of the index of that name, when the server may not tell them: who lacks the right to read a column is not told its values. */
static struct jb_str index_columns(struct jb_scope *scope, const struct jb_model *model, struct jb_str name)
{
    struct jb__indexes *indexes = JB_NEW(scope, struct jb__indexes);
    struct jb_buf columns = JB_BUF_INIT(4000);

    jb__indexes_of(scope, model, jb_model_table(model), indexes);
    for (size_t i = 0; i < indexes->count; i++)
        for (size_t j = 0; j < indexes->at[i].column_count && jb_str_equal(indexes->at[i].name, name); j++)
            jb_buf_printf(&columns, "%s%s", j ? ", " : "", indexes->at[i].columns[j].field->name);
    struct jb_str text = columns.size ? jb_copy(scope, jb_buf_str(&columns)) : JB_STR_NULL;
    jb_buf_done(&columns);
    return text;
}

static bool fail_unique(struct jb_scope *scope, const struct jb__pg_diagnosis *diagnosis, const struct jb__statement *what)
{
    const struct jb_model *model = jb__model_of_table(jb_db_of(scope), diagnosis->table);
    struct key key = key_of(diagnosis->detail);
    struct jb_buf buf = JB_BUF_INIT(4000);

    if (!key.columns.data && model)
        key.columns = index_columns(scope, model, diagnosis->constraint);
    if (!key.columns.data)
        key.columns = diagnosis->constraint;
    while (key.columns.data) {
        struct jb_str column = bare(jb_str_cut(&key.columns, ','));
        jb_buf_printf(&buf, "%s%.*s.%.*s", buf.size ? ", " : "", JB_FMT(diagnosis->table), JB_FMT(column));
    }
    jb__broken_unique(scope, jb_copy(scope, jb_buf_str(&buf)), key.values, what);
    jb_buf_done(&buf);
    return false;
}

/* The table is the one that refers, whichever side was broken; the key is of the side that was: its reference, or the primary key of the row that is referred to. */
static bool fail_reference(struct jb_scope *scope, const struct jb__pg_diagnosis *diagnosis, const struct jb__statement *what)
{
    const struct jb_model *model = jb__model_of_table(jb_db_of(scope), diagnosis->table);
    struct key key = key_of(diagnosis->detail);
    const struct jb_field *field = model && key.columns.data ? jb_record_field(&model->record, bare(key.columns)) : NULL;

    if (field && field->references)
        return jb__broken_reference(scope, model, field, key.values, what);
    return jb__broken_delete(scope, key.columns.data ? model : NULL);
}

/* ---- one member of a row is wrong, and the server does not say which ------------------------------------------------------------------------ */

static bool fail_value(struct jb_scope *scope, const struct jb__statement *what, const char *sentence)
{
    return !jb__broken_row(scope, what) && jb_fail(scope, JB_INVALID, "%s", sentence);
}

/* The next number of a text, in whatever language; -1 when there is none. */
static int number_in(struct jb_str *text)
{
    int number = -1;

    while (text->size > 0 && !isdigit((unsigned char)text->data[0]))
        *text = jb_str_slice(*text, 1, text->size);
    for (; text->size > 0 && isdigit((unsigned char)text->data[0]) && number < 10000; *text = jb_str_slice(*text, 1, text->size))
        number = JB_MAX(number, 0) * 10 + (text->data[0] - '0');
    return number;
}

/* "numeric(15,2): entry.income, entry.expense": the columns of the statement's table that have the type, which is all that the server tells. */
static struct jb_str type_and_columns(struct jb_scope *scope, struct jb_str type, const struct jb_model *model)
{
    struct jb_buf buf = JB_BUF_INIT(4000);

    jb_buf_put(&buf, type);
    for (const struct jb_field *field = model ? model->record.fields : NULL; field && field->type != JB_END; field++) {
        struct jb__pg_column column;
        if (!jb__field_is_stored(field))
            continue;
        jb__pg_column_of(scope, model, field, &column);
        if (jb_str_equal(column.type, type))
            jb_buf_printf(&buf, "%s%.*s.%s", buf.size == type.size ? ": " : ", ", JB_FMT(jb_model_table(model)), field->name);
    }
    struct jb_str text = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return text;
}

/* Of a numeric the detail tells how many digits it has, of an integer the message which one it is; when it is in English. */
static bool fail_number(struct jb_scope *scope, const struct jb__pg_diagnosis *diagnosis, const struct jb__statement *what)
{
    static const char *const ranges[][2] = { { "smallint", "-32768…32767" }, { "integer", "-2147483648…2147483647" }, { "bigint", "-9223372036854775808…9223372036854775807" } };
    const struct jb_model *model = what ? what->model : NULL;
    struct jb_str detail = diagnosis->detail;
    int digits = number_in(&detail), decimals = number_in(&detail);

    if (decimals >= 0) {
        struct jb_str type = type_and_columns(scope, jb_format(scope, "numeric(%d,%d)", digits, decimals), model);
        return jb_fail(scope, JB_INVALID, JB_L(scope, "수가 그 열의 자리수를 넘습니다 (%.*s). 정수 부분은 %d자리까지 쓸 수 있습니다.", "A number has more digits than its column (%.*s). At most %d may stand before the point."), JB_FMT(type), digits - decimals);
    }
    for (size_t i = 0; i < JB_COUNT(ranges); i++)
        if (jb_str_find(diagnosis->message, jb_str_of(ranges[i][0]), 0) != SIZE_MAX) {
            struct jb_str type = type_and_columns(scope, jb_str_of(ranges[i][0]), model);
            return jb_fail(scope, JB_INVALID, JB_L(scope, "수가 그 열의 범위를 넘습니다 (%.*s). %s 안에서 쓰세요.", "A number is out of its column's range (%.*s). Use one of %s."), JB_FMT(type), ranges[i][1]);
        }
    return jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "수가 그 열의 자리수를 넘습니다. 더 작은 수를 쓰세요.", "A number has more digits than its column. Use a smaller one."));
}

/* A number that was only read has no column: a total. */
static bool is_total(const struct jb__statement *what)
{
    return what && what->sink && !what->write;
}

static bool fail_data(struct jb_scope *scope, const struct jb__pg_diagnosis *diagnosis, const struct jb__statement *what)
{
    struct jb_str state = diagnosis->state;

    if (jb_str_is(state, "22001"))
        return fail_value(scope, what, JB_L(scope, "글이 그 열보다 깁니다. 줄여 쓰세요.", "A text is longer than its column. Shorten it."));
    if (jb_str_is(state, "22021") || jb_str_is(state, "22P05"))
        return jb__broken_text(scope, what);
    if (jb_str_is(state, "22007") || jb_str_is(state, "22008"))
        return fail_value(scope, what, JB_L(scope, "날짜나 시각이 아닌 값입니다. 2026-11-21처럼 적으세요.", "A value is no date or time. Write it like 2026-11-21."));
    if (jb_str_is(state, "22P02"))
        return fail_value(scope, what, JB_L(scope, "그 열의 종류가 아닌 값입니다. 수, 날짜, 참거짓을 제 열에 적으세요.", "A value is not of its column's kind. Write numbers, dates and truths where they belong."));
    if (jb_str_is(state, "22003"))
        return !jb__broken_row(scope, what) && (is_total(what) && diagnosis->detail.size == 0 ? jb__fail_total(scope) : fail_number(scope, diagnosis, what));
    if (what && what->write && what->model) { /* a function of the table's own met a value that it cannot take */
        struct jb_str message = trimmed(diagnosis->message);
        return jb_fail(scope, JB_INVALID, JB_L(scope, "표의 규칙이 이 값을 다룰 수 없습니다: %.*s", "A rule of the table cannot take the value: %.*s"), JB_FMT(message));
    }
    struct jb_str sql = what ? what->sql : JB_STR_NULL;
    return jb_fail(scope, JB_BROKEN, "PostgreSQL: %.*s (%.*s) in: %.*s", JB_FMT(diagnosis->message), JB_FMT(state), JB_FMT(sql));
}

/* ---- every state ---------------------------------------------------------------------------------------------------------------------------- */

static bool fail_rule(struct jb_scope *scope, const struct jb__pg_diagnosis *diagnosis, const struct jb__statement *what)
{
    struct jb_str state = diagnosis->state, message = trimmed(diagnosis->message);

    if (jb_str_is(state, "23505"))
        return fail_unique(scope, diagnosis, what);
    if (jb_str_is(state, "23502"))
        return jb__broken_null(scope, jb_format(scope, "%.*s.%.*s", JB_FMT(diagnosis->table), JB_FMT(diagnosis->column)));
    if (jb_str_is(state, "23514"))
        return jb__broken_check(scope, diagnosis->constraint, what);
    if (jb_str_is(state, "23503") || jb_str_is(state, "23001")) /* RESTRICT has its own from PostgreSQL 18 on */
        return fail_reference(scope, diagnosis, what);
    return jb_fail(scope, JB_INVALID, JB_L(scope, "표의 규칙에 맞지 않습니다: %.*s", "A rule of the table is broken: %.*s"), JB_FMT(message));
}

static bool fail_unavailable(struct jb_scope *scope, struct jb_str message)
{
    message = trimmed(message);
    return jb_fail(scope, JB_UNAVAILABLE, JB_L(scope, "데이터베이스를 쓸 수 없습니다: %.*s. 잠시 뒤에 다시 하세요.", "The database cannot be used: %.*s. Try again in a moment."), JB_FMT(message));
}

/* A wrong name, password or address does not get better by waiting. */
static bool fail_let_in(struct jb_scope *scope, struct jb_str message)
{
    message = trimmed(message);
    return jb_fail(scope, JB_UNAVAILABLE,
        JB_L(scope, "%.*s. 주소, 사용자, 비밀번호, 데이터베이스 이름의 설정이 맞는지, 서버가 도는지 보세요.", "%.*s. Check the address, user, password and database name in the settings, and that the server runs."), JB_FMT(message));
}

static bool fail_cancelled(struct jb_scope *scope)
{
    if (!jb_continue(scope))
        return jb_wrap(scope, "%s", JB_L(scope, "데이터베이스를 기다리다가 멈추었습니다", "while waiting for the database"));
    return jb_fail(scope, JB_TIMEOUT, "%s", JB_L(scope, "데이터베이스가 시간 안에 끝내지 못했습니다. 조건을 줄이거나 다시 하세요.", "The database did not finish in time. Narrow the selection, or try again."));
}

static bool fail_schema(struct jb_scope *scope, const struct jb__pg_diagnosis *diagnosis, struct jb_str sql)
{
    struct jb_str message = trimmed(diagnosis->message);
    return jb_fail(scope, JB_BROKEN, JB_L(scope, "데이터베이스에 그런 표나 열이 없습니다: %.*s. `jangbu migrate`를 하세요. SQL: %.*s", "The database has no such table or column: %.*s. Run `jangbu migrate`. SQL: %.*s"),
        JB_FMT(message), JB_FMT(sql));
}

static bool fail_denied(struct jb_scope *scope, struct jb_str message)
{
    message = trimmed(message);
    return jb_fail(scope, JB_DENIED, JB_L(scope, "데이터베이스 사용자에게 권한이 없습니다: %.*s. 그 권한을 주세요.", "The database user may not do this: %.*s. Grant it."), JB_FMT(message));
}

/* Words of two signs are a whole class. */
static bool is_one_of(struct jb_str state, const char *states)
{
    struct jb_str rest = jb_str_of(states);

    while (rest.data)
        if (jb_str_starts(state, jb_str_cut(&rest, ' ')))
            return true;
    return false;
}

bool jb__pg_fail_as(struct jb_scope *scope, const struct jb__pg_diagnosis *diagnosis, const struct jb__statement *what)
{
    struct jb_str state = diagnosis->state, message = trimmed(diagnosis->message), sql = what ? what->sql : JB_STR_NULL;

    if (what && what->ret_rule)
        *what->ret_rule = diagnosis->constraint.size ? diagnosis->constraint : diagnosis->column;
    if (is_one_of(state, "23 P0001")) /* P0001: a trigger's own words */
        return fail_rule(scope, diagnosis, what);
    if (is_one_of(state, "22"))
        return fail_data(scope, diagnosis, what);
    if (is_one_of(state, "40001 40P01"))
        return jb_fail(scope, JB_UNAVAILABLE, "%s", JB_L(scope, "다른 작업과 겹쳐 저장하지 못했습니다. 다시 하세요.", "Other work came in between; nothing was saved. Try again."));
    if (is_one_of(state, "55P03"))
        return jb__fail_busy(scope);
    if (is_one_of(state, "57014"))
        return fail_cancelled(scope);
    if (is_one_of(state, "25006"))
        return jb_fail(scope, JB_UNAVAILABLE, "%s", JB_L(scope, "데이터베이스가 지금 읽기만 됩니다. 잠시 뒤에 다시 하세요.", "The database is read-only at present. Try again in a moment."));
    if (is_one_of(state, "42501 28"))
        return fail_denied(scope, message);
    if (is_one_of(state, "53100"))
        return jb__fail_disk_full(scope);
    if (is_one_of(state, "53300"))
        return jb_fail(scope, JB_UNAVAILABLE, "%s", JB_L(scope, "데이터베이스의 연결이 모두 쓰이고 있습니다. 잠시 뒤에 다시 하거나 max_connections를 늘리세요.", "All connections of the database are in use. Try again in a moment, or raise max_connections."));
    if (is_one_of(state, "08 53 57P 58"))
        return fail_unavailable(scope, message);
    if (is_one_of(state, "54"))
        return jb__fail_too_big(scope);
    if (is_one_of(state, "42P01 42703 3F000"))
        return fail_schema(scope, diagnosis, sql);
    if (is_one_of(state, "XX001 XX002"))
        return jb_fail(scope, JB_BROKEN, JB_L(scope, "데이터베이스가 손상되었습니다: %.*s. 백업에서 되살리세요.", "The database is damaged: %.*s. Restore it from a backup."), JB_FMT(message));
    return jb_fail(scope, JB_BROKEN, "PostgreSQL: %.*s (%.*s) in: %.*s", JB_FMT(message), JB_FMT(state), JB_FMT(sql));
}

/* ---- libpq ------------------------------------------------------------------------------------------------------------------------------------ */

struct jb_str jb__pg_message(struct jb_scope *scope, struct jb_str message, struct jb_str password)
{
    struct jb_str line = jb_str_trim(jb_str_cut(&message, '\n'));
    struct jb_buf buf = JB_BUF_INIT(4000);

    while (line.size > 0) {
        size_t at = password.size ? jb_str_find(line, password, 0) : SIZE_MAX;
        jb_buf_put(&buf, jb_str_slice(line, 0, at));
        if (at == SIZE_MAX)
            break;
        jb_buf_put_z(&buf, "***");
        line = jb_str_slice(line, at + password.size, line.size);
    }
    struct jb_str text = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return text;
}

static struct jb_str part(struct jb_scope *scope, const PGresult *result, int code)
{
    return jb_copy(scope, jb_str_of(PQresultErrorField(result, code)));
}

bool jb__pg_fail(struct jb_scope *scope, PGconn *handle, const PGresult *result, const struct jb__statement *what)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL, *password = handle ? PQpass(handle) : NULL;

    if (!state) { /* libpq's own words: the connection is gone, or never was */
        const char *words = result ? PQresultErrorMessage(result) : handle ? PQerrorMessage(handle)
                                                                           : "";
        struct jb_str message = jb__pg_message(scope, jb_str_of(words), jb_str_of(password));
        if (message.size && handle && PQserverVersion(handle) == 0) /* it tells its version when it lets somebody in */
            return fail_let_in(scope, message);
        return fail_unavailable(scope, message.size ? message : jb_str_of(JB_L(scope, "대답이 없습니다", "no answer")));
    }
    struct jb__pg_diagnosis diagnosis = {
        .state = part(scope, result, PG_DIAG_SQLSTATE),
        .message = part(scope, result, PG_DIAG_MESSAGE_PRIMARY),
        .detail = part(scope, result, PG_DIAG_MESSAGE_DETAIL),
        .table = part(scope, result, PG_DIAG_TABLE_NAME),
        .column = part(scope, result, PG_DIAG_COLUMN_NAME),
        .constraint = part(scope, result, PG_DIAG_CONSTRAINT_NAME),
    };
    return jb__pg_fail_as(scope, &diagnosis, what);
}

bool jb__pg_state_is(const PGresult *result, const char *state)
{
    const char *got = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    return got && strcmp(got, state) == 0;
}
