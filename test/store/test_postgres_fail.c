/* test_postgres_fail.c — what the server says, as kinds and sentences; the server's own diagnoses are those of PostgreSQL 15. */
// SPDX-License-Identifier: Apache-2.0
#include "store/postgres_private.h"
#include "store_test.h"

struct secret_thing {
    int64_t id;
    struct jb_str pin;
};

static const struct jb_model secret_thing = {
    .app = "sample",
    .record = JB_RECORD(secret_thing,
        JB_FIELD(secret_thing, id, .primary = true),
        JB_FIELD(secret_thing, pin, .label = "번호", .length_max = 4, .secret = true, .unique = true)),
};

static const struct jb_model *const models[] = { &sample_project, &sample_entry, &sample_measure, &secret_thing, NULL };

/* The failure's text, in English; its kind in *ret_error. */
static struct jb_str said(struct jb_scope *scope, struct jb__pg_diagnosis diagnosis, const struct jb__statement *what, enum jb_error *ret_error)
{
    jb_language_set(scope, JB_EN);
    CHECK(!jb__pg_fail_as(scope, &diagnosis, what));
    *ret_error = jb_error(scope);
    struct jb_str text = jb_failure_text(scope);
    jb_failure_clear(scope);
    return text;
}

#define CHECK_SAYS(what, kind, sentence, ...)                                                          \
    do {                                                                                               \
        enum jb_error error;                                                                           \
        CHECK_TEXT(said(scope, (struct jb__pg_diagnosis){ __VA_ARGS__ }, (what), &error), (sentence)); \
        CHECK_INT(error, (kind));                                                                      \
    } while (0)

JB_TEST("a unique value that exists is named with its field, from the row or from what the server tells")
{
    test_database(scope, models);
    struct sample_entry row = sample_entry_of("CB-1", 1);
    struct jb__statement insert = { .model = &sample_entry, .row = &row };
    const struct jb__statement *none = NULL;

    CHECK_SAYS(&insert, JB_CONFLICT, "External ref: \"CB-1\" exists already. Use another value.",
        .state = JB_STR("23505"), .table = JB_STR("sample_entry"), .constraint = JB_STR("sample_entry_external_ref_key"), .detail = JB_STR("Key (external_ref)=(CB-1) already exists."));
    CHECK_SAYS(none, JB_CONFLICT, "External ref: \"(x)=(y)\" exists already. Use another value.",
        .state = JB_STR("23505"), .table = JB_STR("sample_entry"), .detail = JB_STR("\"(external_ref)=((x)=(y))\" 키가 이미 있습니다."));
    CHECK_SAYS(none, JB_CONFLICT, "External ref: this value exists already. Use another one.",
        .state = JB_STR("23505"), .table = JB_STR("sample_entry"), .constraint = JB_STR("sample_entry_external_ref_key"));
    CHECK_SAYS(none, JB_CONFLICT, "Date: a row with this combination exists already. Use another value.",
        .state = JB_STR("23505"), .table = JB_STR("sample_entry"), .detail = JB_STR("Key (kind, \"date\")=(income, 2026-11-21) already exists."));
    CHECK_SAYS(none, JB_CONFLICT, "Pin: this value exists already. Use another one.",
        .state = JB_STR("23505"), .table = JB_STR("secret_thing"), .detail = JB_STR("Key (pin)=(1234) already exists."));
    CHECK_SAYS(none, JB_CONFLICT, "Such a value exists already (stocks.a, stocks.b).",
        .state = JB_STR("23505"), .table = JB_STR("stocks"), .detail = JB_STR("Key (a, b)=(1, 2) already exists."));
}

JB_TEST("an empty column and a broken CHECK are told by field")
{
    test_database(scope, models);
    struct sample_entry row = sample_entry_of("CB-1", 1);
    row.pages = -1;
    struct jb__statement insert = { .model = &sample_entry, .row = &row };

    CHECK_SAYS(&insert, JB_INVALID, "1 field needs attention. external_ref: is empty. Enter a value.", .state = JB_STR("23502"), .table = JB_STR("sample_entry"), .column = JB_STR("external_ref"));
    CHECK_SAYS(NULL, JB_INVALID, "A required column is empty (stocks.a).", .state = JB_STR("23502"), .table = JB_STR("stocks"), .column = JB_STR("a"));
    CHECK_SAYS(NULL, JB_INVALID, "1 field needs attention. pages: the value breaks a rule (sample_entry.pages min).",
        .state = JB_STR("23514"), .table = JB_STR("sample_entry"), .constraint = JB_STR("sample_entry.pages min"));
    CHECK(!jb__pg_fail_as(scope, &(struct jb__pg_diagnosis){ .state = JB_STR("23514"), .constraint = JB_STR("sample_entry.pages min") }, &insert));
    CHECK_TEXT(jb_failure(scope)->fields->field, "pages");
    CHECK(jb_str_find(jb_failure(scope)->fields->message, JB_STR("breaks a rule"), 0) == SIZE_MAX); /* the field's own words */
    jb_failure_clear(scope);
}

JB_TEST("a reference without its row is INVALID, a row that is referred to is a CONFLICT")
{
    test_database(scope, models);
    struct sample_entry row = sample_entry_of("CB-1", 1);
    row.project_id = 99;
    struct jb__statement insert = { .model = &sample_entry, .row = &row }, other = { .model = &sample_project };

    CHECK_SAYS(&insert, JB_INVALID, "1 field needs attention. project_id: there is no such row (99). Choose an existing one.",
        .state = JB_STR("23503"), .table = JB_STR("sample_entry"), .detail = JB_STR("Key (project_id)=(99) is not present in table \"projects\"."));
    CHECK_SAYS(NULL, JB_INVALID, "1 field needs attention. project_id: there is no such row (98). Choose an existing one.",
        .state = JB_STR("23503"), .table = JB_STR("sample_entry"), .detail = JB_STR("Key (project_id)=(98) is not present in table \"projects\"."));
    CHECK_SAYS(&other, JB_CONFLICT, "Not deleted: rows of \"Sample entry\" refer to it. Delete or change them first.",
        .state = JB_STR("23503"), .table = JB_STR("sample_entry"), .detail = JB_STR("Key (id)=(1) is still referenced from table \"sample_entry\"."));
    CHECK_SAYS(&other, JB_CONFLICT, "Not deleted: rows of \"Sample entry\" refer to it. Delete or change them first.",
        .state = JB_STR("23001"), .table = JB_STR("sample_entry"), .detail = JB_STR("Key (id)=(1) is referenced from table \"sample_entry\"."));
    CHECK_SAYS(NULL, JB_CONFLICT, "A row that others refer to cannot go, and a reference needs its row.", .state = JB_STR("23503"), .table = JB_STR("sample_entry"));
}

JB_TEST("a value that is too long or too big is found in the row, because the server does not say which")
{
    test_database(scope, models);
    struct sample_project project = { .code = JB_STR("123456789012345678901") };
    struct jb__statement insert = { .model = &sample_project, .row = &project };
    struct jb__pg_diagnosis too_long = { .state = JB_STR("22001"), .message = JB_STR("value too long for type character varying(20)") };

    CHECK(!jb__pg_fail_as(scope, &too_long, &insert));
    CHECK_INT(jb_error(scope), JB_INVALID);
    CHECK_TEXT(jb_failure(scope)->fields->field, "code");
    CHECK(jb_failure(scope)->fields->next == NULL && jb_failure(scope)->cause == NULL);
    jb_failure_clear(scope);
    project.code = JB_STR("\xff");
    CHECK(!jb__pg_fail_as(scope, &(struct jb__pg_diagnosis){ .state = JB_STR("22021") }, &insert));
    CHECK_TEXT(jb_failure(scope)->fields->field, "code");
    jb_failure_clear(scope);
    CHECK_SAYS(NULL, JB_INVALID, "A text is longer than its column. Shorten it.", .state = JB_STR("22001"));
    struct jb__sink sink = { 0 };
    struct jb__statement reading = { .sink = &sink }, writing = { .sink = &sink, .write = true, .model = &sample_entry }, *none = NULL;
    CHECK_SAYS(&reading, JB_LIMIT, "The total is too big. Narrow the range.", .state = JB_STR("22003"), .message = JB_STR("bigint out of range"));
    CHECK_SAYS(&writing, JB_INVALID, "A number is out of its column's range (bigint: sample_entry.id, sample_entry.project_id). Use one of -9223372036854775808…9223372036854775807.", .state = JB_STR("22003"), .message = JB_STR("bigint out of range"));
    CHECK_SAYS(none, JB_INVALID, "A number has more digits than its column (numeric(15,2)). At most 13 may stand before the point.",
        .state = JB_STR("22003"), .message = JB_STR("numeric 필드 오버플로우"), .detail = JB_STR("전체 자릿수 15, 소수 자릿수 2의 필드는 10^13보다 작은 절대 값으로 반올림해야 합니다."));
    CHECK_SAYS(none, JB_INVALID, "A number has more digits than its column. Use a smaller one.", .state = JB_STR("22003"), .message = JB_STR("정수 범위를 벗어남"));
    CHECK_SAYS(NULL, JB_INVALID, "A value is no date or time. Write it like 2026-11-21.", .state = JB_STR("22008"));
}

JB_TEST("every state of a server has its kind")
{
    static const struct {
        const char *state;
        enum jb_error error;
    } kinds[] = {
        { "40001", JB_UNAVAILABLE },
        { "40P01", JB_UNAVAILABLE },
        { "55P03", JB_TIMEOUT },
        { "57014", JB_TIMEOUT },
        { "25006", JB_UNAVAILABLE },
        { "42501", JB_DENIED },
        { "28P01", JB_DENIED },
        { "53100", JB_UNAVAILABLE },
        { "53300", JB_UNAVAILABLE },
        { "53200", JB_UNAVAILABLE },
        { "57P01", JB_UNAVAILABLE },
        { "57P03", JB_UNAVAILABLE },
        { "08006", JB_UNAVAILABLE },
        { "58030", JB_UNAVAILABLE },
        { "54000", JB_LIMIT },
        { "22P02", JB_INVALID },
        { "22P05", JB_INVALID },
        { "22007", JB_INVALID },
        { "23P01", JB_INVALID },
        { "42P01", JB_BROKEN },
        { "42601", JB_BROKEN },
        { "22012", JB_BROKEN },
        { "XX001", JB_BROKEN },
        { "25P02", JB_BROKEN },
    };

    for (size_t i = 0; i < JB_COUNT(kinds); i++) {
        CHECK(!jb__pg_fail_as(scope, &(struct jb__pg_diagnosis){ .state = jb_str_of(kinds[i].state), .message = JB_STR("why") }, NULL));
        CHECK_INT(jb_error(scope), kinds[i].error);
        jb_failure_clear(scope);
    }
}

JB_TEST("our own mistakes show the statement, and a missing table what to do")
{
    struct jb__statement what = { .sql = JB_STR("select * from nothing where a = ?") };

    CHECK_SAYS(&what, JB_BROKEN, "The database has no such table or column: relation \"nothing\" does not exist. Run `jangbu migrate`. SQL: select * from nothing where a = ?",
        .state = JB_STR("42P01"), .message = JB_STR("relation \"nothing\" does not exist"));
    CHECK_SAYS(&what, JB_BROKEN, "PostgreSQL: syntax error (42601) in: select * from nothing where a = ?", .state = JB_STR("42601"), .message = JB_STR("syntax error"));
}

JB_TEST("a cancelled statement fails with what its scope ended with")
{
    jb_cancel(scope);
    CHECK(!jb__pg_fail_as(scope, &(struct jb__pg_diagnosis){ .state = JB_STR("57014") }, NULL));
    CHECK_INT(jb_error(scope), JB_CANCELLED);
}

JB_TEST("a lost connection is told in one line without its password")
{
    CHECK_TEXT(jb__pg_message(scope, JB_STR("could not use \"postgresql://a:hush@b:x/c\": hush\nand more"), JB_STR("hush")), "could not use \"postgresql://a:***@b:x/c\": ***");
    CHECK_TEXT(jb__pg_message(scope, JB_STR("server closed the connection unexpectedly\n\tThis probably means"), JB_STR_NULL), "server closed the connection unexpectedly");
    CHECK_FAILS(jb__pg_fail(scope, NULL, NULL, NULL), JB_UNAVAILABLE);
    CHECK(!jb__pg_state_is(NULL, "23505"));
}

JB_TEST("a server that lets nobody in is not a matter of waiting")
{
    jb_language_set(scope, JB_EN);
    PGconn *handle = PQconnectdb("host=127.0.0.1 port=1 dbname=none");
    CHECK(handle && PQstatus(handle) == CONNECTION_BAD);
    CHECK(!jb__pg_fail(scope, handle, NULL, NULL));
    CHECK_INT(jb_error(scope), JB_UNAVAILABLE);
    CHECK(jb_str_ends(jb_failure_text(scope), JB_STR("Check the address, user, password and database name in the settings, and that the server runs.")));
    jb_failure_clear(scope);
    PQfinish(handle);
}
