/* test_select.c — rows out: conditions, words, order, pages, numbers about rows, own SQL. */
// SPDX-License-Identifier: Apache-2.0
#include "store_test.h"
#include "base/json.h"
#include "run/run.h"
#include <stdio.h>

static int64_t found(struct jb_scope *scope, const char *field, enum jb_op op, struct jb_value value)
{
    const struct jb_condition conditions[] = { { .field = jb_str_of(field), .op = op, .value = value }, { .op = JB_OP_END } };
    int64_t count = jb_count(scope, &sample_entry, .conditions = conditions);
    CHECK_OK(count >= 0);
    return count;
}

JB_FIBER_TEST("each operator finds what it says")
{
    test_database(scope, sample_models);
    sample_entries(scope, 100);
    CHECK_INT(found(scope, "income", JB_EQUAL, jb_v(7)), 1); /* whole won */
    CHECK_INT(found(scope, "income", JB_EQUAL, jb_v(cents(700))), 1);
    CHECK_INT(found(scope, "income", JB_EQUAL, jb_v(((struct jb_decimal){ 70, 1 }))), 1); /* another scale, the same amount */
    CHECK_INT(found(scope, "income", JB_LESS, jb_v(10)), 9);
    CHECK_INT(found(scope, "income", JB_LESS_EQUAL, jb_v(10)), 10);
    CHECK_INT(found(scope, "income", JB_GREATER, jb_v(90)), 10);
    CHECK_INT(found(scope, "income", JB_GREATER_EQUAL, jb_v(90)), 11);
    CHECK_INT(found(scope, "kind", JB_NOT_EQUAL, jb_v(JB_STR("income"))), 50);
    CHECK_INT(found(scope, "external_ref", JB_CONTAINS, jb_v(JB_STR("0009"))), 11);
    CHECK_INT(found(scope, "external_ref", JB_STARTS, jb_v(JB_STR("e-00009"))), 10);
    CHECK_INT(found(scope, "date", JB_STARTS, jb_v(JB_STR("2020-02"))), 29);
    CHECK_INT(found(scope, "date", JB_LESS, jb_v(day(2020, 1, 11))), 10);
    CHECK_INT(found(scope, "memo", JB_IS_NULL, jb_v_null()), 100);
    CHECK_INT(found(scope, "memo", JB_IS_NULL, jb_v_bool(false)), 0);
    CHECK_INT(found(scope, "memo", JB_EQUAL, jb_v_null()), 100);
    CHECK_INT(found(scope, "memo", JB_NOT_EQUAL, jb_v(JB_STR("x"))), 100);
    CHECK_INT(found(scope, "closed", JB_EQUAL, jb_v_bool(false)), 100);
    CHECK_INT(found(scope, "id", JB_IN, jb_v(((struct jb_ids){ (int64_t[]){ 3, 5, 500 }, 3 }))), 2);
    CHECK_INT(found(scope, "id", JB_IN, jb_v(((struct jb_ids){ NULL, 0 }))), 0);
}

JB_FIBER_TEST("NULL is the smallest value of every order")
{
    test_database(scope, sample_models);
    sample_entries(scope, 3);
    CHECK_OK(jb_update(scope, &sample_entry, .set = JB_SQL("memo = ?", JB_STR("")), .where = JB_SQL("id = ?", 2)));
    struct jb_rows *up = jb_select(scope, &sample_entry, .order = JB_STR("memo id")), *down = jb_select(scope, &sample_entry, .order = JB_STR("-memo -id"));
    CHECK_OK(up && down);
    for (size_t i = 0; i < 3; i++) {
        static const int64_t ids[] = { 1, 3, 2 };
        CHECK_INT(((struct sample_entry *)jb_rows_at(up, i))->id, ids[i]);
        CHECK_INT(((struct sample_entry *)jb_rows_at(down, 2 - i))->id, ids[i]);
    }
}

JB_FIBER_TEST("a literal that takes NULL for a value is one text for both databases")
{
    test_database(scope, sample_models);
    sample_entries(scope, 4);
    CHECK_OK(jb_update(scope, &sample_entry, .set = JB_SQL("memo = ?", JB_STR("x")), .where = JB_SQL("id = ?", 2)));
    CHECK_INT(jb_count(scope, &sample_entry, .where = JB_SQL("memo is not distinct from ?", JB_STR_NULL)), 3);
    CHECK_INT(jb_count(scope, &sample_entry, .where = JB_SQL("memo is distinct from ?", JB_STR_NULL)), 1);
    CHECK_INT(jb_count(scope, &sample_entry, .where = JB_SQL("income is distinct from ?", 3)), 3); /* of won, not of cents */
    CHECK_INT(jb_count(scope, &sample_entry, .where = JB_SQL("income is not distinct from ?", 3)), 1);
    CHECK_INT(jb_count(scope, &sample_entry, .where = JB_SQL("id not in (?)", ((struct jb_ids){ (int64_t[]){ 1, 9 }, 2 }))), 3);
    CHECK_INT(jb_count(scope, &sample_entry, .where = JB_SQL("id in (?) and pages >= ?", ((struct jb_ids){ (int64_t[]){ 1, 2, 3 }, 3 }), 1)), 2);
}

JB_FIBER_TEST("signs that LIKE knows are only signs")
{
    test_database(scope, sample_models);
    struct sample_entry a = sample_entry_of("100%", 1), b = sample_entry_of("100_", 2), c = sample_entry_of("1\\00", 3);
    CHECK_OK(jb_insert(scope, &sample_entry, &a) && jb_insert(scope, &sample_entry, &b) && jb_insert(scope, &sample_entry, &c));
    CHECK_INT(found(scope, "external_ref", JB_CONTAINS, jb_v(JB_STR("%"))), 1);
    CHECK_INT(found(scope, "external_ref", JB_CONTAINS, jb_v(JB_STR("_"))), 1);
    CHECK_INT(found(scope, "external_ref", JB_CONTAINS, jb_v(JB_STR("\\"))), 1);
    CHECK_INT(found(scope, "external_ref", JB_CONTAINS, jb_v(JB_STR("00"))), 3);
}

JB_FIBER_TEST("a search finds rows that hold every word in one of its fields, amounts by their value")
{
    test_database(scope, sample_models);
    struct sample_entry a = sample_entry_of("CB-1", 1500), b = sample_entry_of("CB-2", 1600);
    a.memo = JB_STR("Toner 구입");
    b.memo = JB_STR("토너 purchase");
    CHECK_OK(jb_insert(scope, &sample_entry, &a) && jb_insert(scope, &sample_entry, &b));
    CHECK_INT(jb_count(scope, &sample_entry, .search = JB_STR("toner"), .search_fields = "memo external_ref"), 1);
    CHECK_INT(jb_count(scope, &sample_entry, .search = JB_STR(" cb  구입 "), .search_fields = "memo external_ref"), 1);
    CHECK_INT(jb_count(scope, &sample_entry, .search = JB_STR("cb            구입"), .search_fields = "memo external_ref"), 1);
    CHECK_INT(jb_count(scope, &sample_entry, .search = JB_STR("cb"), .search_fields = "memo external_ref"), 2);
    CHECK_INT(jb_count(scope, &sample_entry, .search = JB_STR("1,600"), .search_fields = "memo income"), 1);
    CHECK_INT(jb_count(scope, &sample_entry, .search = JB_STR("word"), .search_fields = "income"), 0);
    CHECK_INT(jb_count(scope, &sample_entry, .search = JB_STR("2026-11"), .search_fields = "date"), 2);
    CHECK_INT(jb_count(scope, &sample_entry, .search = JB_STR("   "), .search_fields = "memo"), 2);
}

JB_FIBER_TEST("pages follow the order and neither repeat nor lose a row")
{
    test_database(scope, sample_models);
    sample_entries(scope, 100);
    int64_t seen = 0, last = 0;
    for (int page = 0; page < 11; page++) {
        struct jb_rows *rows = jb_select(scope, &sample_entry, .order = JB_STR("-pages kind"), .limit = 10, .offset = page * 10);
        CHECK_OK(rows != NULL);
        CHECK_INT(rows->count, page < 10 ? 10 : 0);
        for (JB_EACH_ROW(rows, struct sample_entry, row)) {
            CHECK_INT(row->pages, 9 - page);
            CHECK(page == 0 || row->id != last);
            last = row->id;
            seen += row->id;
        }
    }
    CHECK_INT(seen, 100 * 101 / 2);
    struct jb_rows *rows = jb_select(scope, &sample_entry, .limit = 1); /* the model's own order: -date -id */
    CHECK_INT(((struct sample_entry *)jb_rows_at(rows, 0))->id, 100);
}

JB_FIBER_TEST("an unknown field is INVALID and the nearest one is named")
{
    test_database(scope, sample_models);
    CHECK(!jb_select(scope, &sample_entry, .order = JB_STR("-incme")));
    CHECK_INT(jb_error(scope), JB_INVALID);
    CHECK_STR(jb_failure_text(scope), JB_STR("order: sample.sampleentry에 ‘incme’ 필드가 없습니다. ‘income’을(를) 뜻했습니까?"));
    jb_failure_clear(scope);
    const struct jb_condition conditions[] = { { .field = JB_STR("1=1 --"), .op = JB_EQUAL, .value = jb_v(1) }, { .op = JB_OP_END } };
    CHECK_FAILS(jb_select(scope, &sample_entry, .conditions = conditions) != NULL, JB_INVALID);
    CHECK_FAILS(jb_select(scope, &sample_entry, .limit = -1) != NULL, JB_INVALID);
    CHECK_FAILS(jb_select(scope, &sample_entry, .limit = 10, .offset = -10) != NULL, JB_INVALID);
    const struct jb_condition wrong[] = { { .field = JB_STR("income"), .op = JB_CONTAINS, .value = jb_v(JB_STR("1")) }, { .op = JB_OP_END } };
    CHECK_FAILS(jb_count(scope, &sample_entry, .conditions = wrong) >= 0, JB_INVALID);
}

JB_FIBER_TEST("more rows than a selection may return fail LIMIT instead of being cut")
{
    test_database(scope, sample_models);
    sample_entries(scope, JB_ROWS_MAX);
    struct jb_rows *rows = jb_select(scope, &sample_entry, .fresh = true);
    CHECK_OK(rows != NULL);
    CHECK_INT(rows->count, JB_ROWS_MAX);
    struct sample_entry one = sample_entry_of("one more", 1);
    CHECK_OK(jb_insert(scope, &sample_entry, &one));
    CHECK_FAILS(jb_select(scope, &sample_entry, .fresh = true) != NULL, JB_LIMIT);
}

JB_FIBER_TEST("sums are exact, of nothing zero, and too big for 18 digits LIMIT")
{
    test_database(scope, sample_models);
    struct jb_decimal sums[2];
    CHECK_OK(jb_sum_rows(scope, &sample_entry, &(struct jb_select){ 0 }, "income pages", sums));
    CHECK_INT(sums[0].units, 0);
    sample_entries(scope, 100);
    CHECK_OK(jb_sum_rows(scope, &sample_entry, &(struct jb_select){ .where = JB_SQL("income <= ?", 10) }, "income pages", sums));
    CHECK_INT(sums[0].units, 5500);
    CHECK_INT(sums[0].scale, 2);
    CHECK_INT(sums[1].units, 45);
    CHECK_INT(sums[1].scale, 0);
    CHECK_OK(jb_exec(scope, JB_SQL("update sample_entry set income = ?", cents(999999999999999)), NULL));
    CHECK_OK(jb_sum_rows(scope, &sample_entry, &(struct jb_select){ 0 }, "income", sums));
    CHECK_INT(sums[0].units, 99999999999999900);
    sample_entries_more(scope, 101, 10000);
    CHECK_OK(jb_exec(scope, JB_SQL("update sample_entry set income = ?", cents(999999999999999)), NULL));
    CHECK_FAILS(jb_sum_rows(scope, &sample_entry, &(struct jb_select){ 0 }, "income", sums), JB_LIMIT);
}

JB_FIBER_TEST("distinct values come sorted, without NULL, at most so many")
{
    test_database(scope, sample_models);
    sample_entries(scope, 100);
    struct jb_rows *rows = jb_distinct(scope, &sample_entry, "kind", 10);
    CHECK_OK(rows != NULL);
    CHECK_INT(rows->count, 2);
    CHECK_STR(jb_record_get(rows->record, jb_rows_at(rows, 0), rows->record->fields).text, JB_STR("expense"));
    CHECK_OK((rows = jb_distinct(scope, &sample_entry, "memo", 10)) != NULL);
    CHECK_INT(rows->count, 0);
    CHECK_OK((rows = jb_distinct(scope, &sample_entry, "pages", 3)) != NULL);
    CHECK_INT(rows->count, 3);
}

/* ---- own SQL --------------------------------------------------------------------------------------------------------------------- */

struct totals {
    struct jb_str kind;
    struct jb_decimal income;
    int64_t rows;
    struct jb_month month;
};
static const struct jb_record totals_record = JB_RECORD(totals,
    JB_FIELD(totals, kind),
    JB_FIELD(totals, income, .digits = 15, .decimals = 2),
    JB_FIELD(totals, rows),
    JB_FIELD(totals, month));

JB_FIBER_TEST("own SQL fills the members its columns are named after")
{
    test_database(scope, sample_models);
    sample_entries(scope, 100);
    struct jb_rows *rows = jb_query(scope, JB_SQL("select count(*) as rows, sum(income) as income, kind, min(month) as month from sample_entry where date < ? group by kind order by kind", day(2020, 2, 1)), &totals_record);
    CHECK_OK(rows != NULL);
    CHECK_INT(rows->count, 2);
    struct totals *first = jb_rows_at(rows, 0);
    CHECK_STR(first->kind, JB_STR("expense"));
    CHECK_INT(first->rows, 15);
    CHECK_INT(first->income.units, 100 * (15 * 16));
    CHECK_INT(first->month.months, jb_date_month(day(2026, 11, 1)).months);
    struct totals one;
    CHECK_OK(jb_query_row(scope, JB_SQL("select kind from sample_entry where id = ?", 2), &totals_record, &one));
    CHECK_STR(one.kind, JB_STR("expense"));
    CHECK_FAILS(jb_query_row(scope, JB_SQL("select kind from sample_entry where id = ?", 2000), &totals_record, &one), JB_NOT_FOUND);
    CHECK_FAILS(jb_query(scope, JB_SQL("select 1 as surprise"), &totals_record) != NULL, JB_BROKEN);
    CHECK_FAILS(jb_query(scope, JB_SQL("selec 1"), &totals_record) != NULL, JB_BROKEN);
    CHECK_FAILS(jb_query(scope, JB_SQL("select 'x' as month"), &totals_record) != NULL, JB_BROKEN);
}

JB_FIBER_TEST("rows of more bytes than a scope can hold fail LIMIT and end nobody's process")
{
    test_database(scope, sample_models);
    struct jb_scope *child = jb_scope_child(scope, "child");
    struct jb_sql sql = test_is_sqlite() ? JB_SQL("with recursive n(i) as (select 1 union all select i + 1 from n where i < 30) select hex(zeroblob(30000000)) as kind from n")
                                         : JB_SQL("select repeat('0', 60000000) as kind from generate_series(1, 30)");
    CHECK(!jb_query(child, sql, &totals_record));
    CHECK_INT(jb_error(child), JB_LIMIT);
    jb_scope_end(child);
}

JB_FIBER_TEST("a parameter is encoded by the column it faces")
{
    test_database(scope, sample_models);
    sample_entries(scope, 100);
    int64_t n;
    struct jb_decimal seven = { 7, 0 }, seven50 = { 750, 2 };
#define FINDS(want, ...)                                        \
    do {                                                        \
        CHECK_OK(jb_query_int(scope, JB_SQL(__VA_ARGS__), &n)); \
        CHECK_INT(n, want);                                     \
    } while (0)
    FINDS(1, "select count(*) from sample_entry where income = ?", 7);
    FINDS(1, "select count(*) from sample_entry where ? = income", seven);
    FINDS(1, "select count(*) from sample_entry e where e.income=?", seven);
    FINDS(1, "select count(*) from sample_entry where \"income\" between ? and ?", 7, seven50);
    FINDS(99, "select count(*) from sample_entry where income not between ? and ?", 7, seven50);
    FINDS(2, "select count(*) from sample_entry where income in (?, ?)", 7, 8);
    FINDS(98, "select count(*) from sample_entry where income not in (?, ?)", 7, 8);
    FINDS(93, "select count(*) from sample_entry where income - ? > 0", 7);
    FINDS(10, "select count(*) from sample_entry where income <= coalesce(?, 0)", 10);
    FINDS(1, "select count(*) from sample_entry where pages = ? and income = ?", 6, 7);
    FINDS(10, "select count(*) from sample_entry where pages = ?", seven);
    FINDS(1, "select count(*) from (select kind from sample_entry group by kind having sum(income) > ?) k", 2500);
    FINDS(50, "select count(*) from sample_entry where kind = ? /* income = ? */ -- and ?\n", JB_STR("income"));
    FINDS(100, "select count(*) from sample_entry where closed = ?", !n);
    FINDS(3, "select count(*) from sample_entry where id in (?) and income < ?", ((struct jb_ids){ (int64_t[]){ 1, 2, 3, 80 }, 4 }), 50);
#undef FINDS
    CHECK_OK(jb_exec(scope, JB_SQL("insert into sample_entry (external_ref, date, income, pages, updated_at, created_at) values (?, ?, ?, ?, ?, ?), (?, '2020-01-01', 5, 0, null, null)", JB_STR("x"), day(2020, 1, 1), 1234, 5, jb_now(), jb_now(), JB_STR("y")), NULL));
    struct sample_entry out;
    CHECK_OK(jb_first(scope, &sample_entry, &out, .where = JB_SQL("external_ref = 'x'")));
    CHECK_INT(out.income.units, 123400);
}

JB_FIBER_TEST("hostile texts are stored and found byte by byte")
{
    const char *shared = getenv("JB_SHARED");
    char path[4096];
    snprintf(path, sizeof path, "%s/cases/vectors/naughty_strings.json", shared ? shared : "");
    FILE *file = shared ? fopen(path, "rb") : NULL;
    if (!file)
        jb_test_skip("JB_SHARED is not set");
    static char bytes[1 << 20];
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    struct jb_json *list = jb_json_parse(scope, (struct jb_str){ bytes, size });
    CHECK_OK(list != NULL);
    test_database(scope, sample_models);
    int64_t stored = 0, number = 0;
    for (struct jb_json *item = list->type == JB_JSON_OBJECT ? list->first : list->first; item; item = item->next) {
        if (item->type != JB_JSON_STRING)
            continue;
        struct sample_entry in = sample_entry_of("", 1), out;
        in.external_ref = jb_format(scope, "n%lld", (long long)number++);
        in.memo = item->text;
        if (!jb_insert(scope, &sample_entry, &in)) { /* only a NUL byte is refused */
            CHECK(memchr(item->text.data, 0, item->text.size) != NULL);
            jb_failure_clear(scope);
            continue;
        }
        stored++;
        CHECK_OK(jb_get(scope, &sample_entry, in.id, &out));
        CHECK_STR(out.memo, item->text);
        CHECK_INT(jb_count(scope, &sample_entry, .where = JB_SQL("memo = ? and id = ?", item->text, in.id)), 1);
        const struct jb_condition parts[] = { { .field = JB_STR("memo"), .op = JB_CONTAINS, .value = jb_v(item->text) }, { .field = JB_STR("id"), .op = JB_EQUAL, .value = jb_v(in.id) }, { .op = JB_OP_END } };
        CHECK_INT(jb_count(scope, &sample_entry, .conditions = parts), 1);
    }
    CHECK(stored > 100);
    CHECK_INT(jb_count(scope, &sample_entry, .offset = 0), stored);
}

/* ---- cursors ----------------------------------------------------------------------------------------------------------------------- */

JB_FIBER_TEST("a cursor walks rows of one moment while others write")
{
    test_database(scope, sample_models);
    sample_entries(scope, 3000);
    struct jb_cursor *cursor = jb_cursor_open(scope, &sample_entry, &(struct jb_select){ .order = JB_STR("id"), .where = JB_SQL("kind = ?", JB_STR("income")) });
    CHECK_OK(cursor != NULL);
    const void *row;
    int64_t count = 0, sum = 0;
    while (jb_cursor_next(cursor, scope, &row)) {
        const struct sample_entry *entry = row;
        if (count == 10)
            CHECK_OK(jb_exec(scope, JB_SQL("update sample_entry set income = 0"), NULL));
        CHECK_INT(entry->id, 2 * count + 1);
        sum += entry->income.units / 100;
        count++;
    }
    CHECK_OK(!jb_failure(scope));
    CHECK_INT(count, 1500);
    CHECK_INT(sum, 1500 * 1500);
    jb_cursor_close(cursor);
}

JB_FIBER_TEST("a cursor inside a transaction sees its changes; one that was left open ends with it")
{
    test_database(scope, sample_models);
    sample_entries(scope, 2000);
    struct jb_tx *tx = jb_begin(scope);
    CHECK_OK(tx != NULL);
    CHECK_OK(jb_delete_rows(scope, &sample_entry, JB_SQL("id > ?", 1500), NULL));
    const void *row;
    int64_t count = 0;
    struct jb_cursor *cursor = jb_cursor_open(scope, &sample_entry, &(struct jb_select){ .order = JB_STR("id") });
    struct jb_cursor *left = jb_cursor_open(scope, &sample_entry, &(struct jb_select){ .order = JB_STR("id") });
    CHECK_OK(cursor && left && jb_cursor_next(left, scope, &row));
    while (jb_cursor_next(cursor, scope, &row))
        count++;
    CHECK_INT(count, 1500);
    jb_cursor_close(cursor);
    CHECK_OK(jb_commit(tx));
    jb_cursor_close(left);
    CHECK_INT(jb_count(scope, &sample_entry, .offset = 0), 1500);
}

JB_FIBER_TEST("open cursors leave connections for the reads of others")
{
    test_database(scope, sample_models);
    sample_entries(scope, 10);
    struct jb_scope *cursors = jb_scope_child(scope, "cursors");
    jb_deadline_set(cursors, jb_monotonic_us() + JB_SECOND_US);
    int open = 0;
    while (jb_cursor_open(cursors, &sample_entry, &(struct jb_select){ 0 }))
        open++;
    CHECK_INT(jb_error(cursors), JB_TIMEOUT); /* as many as may be open at once */
    CHECK(open >= 4);
    struct jb_scope *hasty = jb_scope_child(scope, "hasty");
    struct sample_entry row;
    jb_deadline_set(hasty, jb_monotonic_us() + 30 * JB_SECOND_US);
    CHECK(jb_get(hasty, &sample_entry, 1, &row));
    jb_scope_end(hasty);
    jb_scope_end(cursors);
    CHECK_OK(jb_cursor_open(scope, &sample_entry, &(struct jb_select){ 0 }) != NULL);
}

JB_FIBER_TEST("walking a million rows takes no more memory than walking a few")
{
    const int64_t all = JB_TEST_MUCH(1000000, 20000);
    test_database(scope, sample_models);
    CHECK_OK(jb_exec(scope, JB_SQL("with recursive n (i) as (select 1 union all select i + 1 from n where i < ?) insert into projects (code, name) select 'P' || i, 'the name of a project ' || i from n", all), NULL));
    struct jb_cursor *cursor = jb_cursor_open(scope, &sample_project, &(struct jb_select){ .order = JB_STR("id") });
    CHECK_OK(cursor != NULL);
    const void *row;
    int64_t count = 0, early = 0;
    while (jb_cursor_next(cursor, scope, &row))
        if (++count == all / 10)
            early = jb_test_memory_kib();
    CHECK_OK(!jb_failure(scope));
    CHECK_INT(count, all);
    CHECK(jb_test_memory_kib() - early < JB_TEST_MUCH(8 * 1024, INT64_MAX)); /* sanitizers keep freed memory */
    CHECK_INT(jb_counters(scope)->rows, all);
}
