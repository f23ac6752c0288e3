/* test_cash.c — what the cash books mean. */
// SPDX-License-Identifier: Apache-2.0
#include "cash/cash.h"
#include "../store/store_test.h"
#include "run/run.h"

static const struct jb_model *const models[] = { &cash_cashbook, &cash_project, &cash_project_cashbook, &cash_closed_month, NULL };

static void add(struct jb_scope *scope, const char *ref, struct jb_date date, const char *category, int64_t income, int64_t expense)
{
    struct cashbook row = {
        .external_ref = jb_str_of(ref),
        .date = date,
        .description = JB_STR("적요"),
        .category = jb_str_of(category),
        .account = JB_STR("보통예금"),
        .income = { income * 100, 2 },
        .expense = { expense * 100, 2 },
    };
    CHECK_OK(jb_insert(scope, &cash_cashbook, &row));
    CHECK(row.id > 0);
}

static void close_month(struct jb_scope *scope, int32_t months)
{
    struct closed_month row = { .month = { months }, .closed_by = JB_STR("kim") };
    CHECK_OK(jb_insert(scope, &cash_closed_month, &row));
    CHECK(row.closed_at.us > 0);
}

JB_FIBER_TEST("every model of the cash books is sound")
{
    test_database(scope, models);
    for (const struct jb_model *const *model = models; *model; model++)
        CHECK_OK(jb_model_check(scope, *model));
}

JB_FIBER_TEST("a month's totals are by category, the largest movement first, and leave other months out")
{
    test_database(scope, models);
    add(scope, "A", day(2026, 11, 1), "매출", 5000, 0);
    add(scope, "B", day(2026, 11, 30), "소모품비", 0, 1200);
    add(scope, "C", day(2026, 11, 15), "매출", 700, 0);
    add(scope, "D", day(2026, 10, 31), "매출", 9000, 0);
    add(scope, "E", day(2026, 12, 1), "매출", 9000, 0);

    struct jb_rows *totals = cash_month_totals(scope, jb_date_month(day(2026, 11, 1)));
    CHECK_OK(totals != NULL);
    CHECK_INT(totals->count, 2);
    const struct cash_total *first = jb_rows_at(totals, 0), *second = jb_rows_at(totals, 1);
    CHECK_TEXT(first->category, "매출");
    CHECK_INT(first->entries, 2);
    CHECK_INT(jb_decimal_compare(first->income, (struct jb_decimal){ 5700, 0 }), 0);
    CHECK_TEXT(second->category, "소모품비");
    CHECK_INT(jb_decimal_compare(second->expense, (struct jb_decimal){ 1200, 0 }), 0);
}

JB_FIBER_TEST("the balance before a day is what all earlier rows left")
{
    struct jb_decimal balance;

    test_database(scope, models);
    CHECK_OK(cash_balance_before(scope, day(2026, 11, 1), &balance));
    CHECK_INT(jb_decimal_compare(balance, (struct jb_decimal){ 0, 0 }), 0);
    add(scope, "A", day(2026, 10, 1), "매출", 5000, 0);
    add(scope, "B", day(2026, 10, 31), "소모품비", 0, 1200);
    add(scope, "C", day(2026, 11, 1), "매출", 700, 0);
    CHECK_OK(cash_balance_before(scope, day(2026, 11, 1), &balance));
    CHECK_INT(jb_decimal_compare(balance, (struct jb_decimal){ 3800, 0 }), 0);
}

JB_FIBER_TEST("a closed month refuses new rows, changes, deletions and rows moved into it")
{
    void *state = NULL;
    struct cashbook open = { .date = day(2026, 11, 5) }, closed = { .date = day(2026, 10, 5) };

    test_database(scope, models);
    close_month(scope, jb_date_month(closed.date).months);
    CHECK_OK(cash_closed_prepare(scope, &state));
    CHECK_OK(cash_cashbook_check(scope, state, NULL, &open));
    CHECK_OK(cash_cashbook_check(scope, state, &open, &open));
    CHECK_FAILS(cash_cashbook_check(scope, state, NULL, &closed), JB_CONFLICT);
    CHECK_FAILS(cash_cashbook_check(scope, state, &closed, NULL), JB_CONFLICT);
    CHECK_FAILS(cash_cashbook_check(scope, state, &open, &closed), JB_CONFLICT);
    CHECK_FAILS(cash_cashbook_check(scope, state, &closed, &open), JB_CONFLICT);
}

JB_FIBER_TEST("a refusal names the month and what to do")
{
    void *state = NULL;
    struct cashbook closed = { .date = day(2026, 10, 5) };

    test_database(scope, models);
    close_month(scope, jb_date_month(closed.date).months);
    CHECK_OK(cash_closed_prepare(scope, &state));
    CHECK(!cash_cashbook_check(scope, state, NULL, &closed));
    CHECK_TEXT(jb_failure_text(scope), "2026년 10월은 마감되었습니다. 마감을 풀거나 일자를 고치세요.");
}

JB_FIBER_TEST("an amount below 0 is refused, each side with its own sentence")
{
    struct cashbook income = { .date = day(2026, 11, 5), .income = { -100, 2 } }, both = { .date = day(2026, 11, 5), .income = { -100, 2 }, .expense = { -1, 2 } }, none = { .date = day(2026, 11, 5) };
    void *state = NULL;

    test_database(scope, models);
    CHECK_OK(cash_closed_prepare(scope, &state));
    CHECK_OK(cash_cashbook_check(scope, state, NULL, &none));
    CHECK_OK(cash_cashbook_check(scope, state, &income, &none)); /* an old one is corrected */
    CHECK(!cash_cashbook_check(scope, state, NULL, &income));
    CHECK_TEXT(jb_failure(scope)->fields->field, "income");
    CHECK_TEXT(jb_failure(scope)->fields->message, "수입은 0보다 작을 수 없습니다. 지출에 적으세요.");
    CHECK(jb_failure(scope)->fields->next == NULL);
    jb_failure_clear(scope);
    CHECK(!cash_cashbook_check(scope, state, NULL, &both));
    CHECK_TEXT(jb_failure(scope)->fields->next->field, "expense");
    CHECK_TEXT(jb_failure(scope)->fields->next->message, "지출은 0보다 작을 수 없습니다. 수입에 적으세요.");
}

JB_FIBER_TEST("the book's entries run by date and carry the balance from page to page")
{
    test_database(scope, models);
    add(scope, "A", day(2026, 11, 30), "매출", 500, 0);
    add(scope, "B", day(2026, 11, 1), "매출", 5000, 0);
    add(scope, "C", day(2026, 11, 1), "소모품비", 0, 6000);
    add(scope, "D", day(2026, 10, 31), "매출", 9000, 0);

    struct jb_rows *all = cash_month_lines(scope, jb_date_month(day(2026, 11, 1)), 0, 100), *rest = cash_month_lines(scope, jb_date_month(day(2026, 11, 1)), 1, 100);
    CHECK_OK(all && rest);
    CHECK_INT(all->count, 3);
    CHECK_INT(rest->count, 2);
    const struct cash_line *first = jb_rows_at(all, 0), *second = jb_rows_at(rest, 0), *third = jb_rows_at(rest, 1);
    CHECK_TEXT(first->external_ref, "B");
    CHECK_INT(jb_decimal_compare(first->balance, (struct jb_decimal){ 5000, 0 }), 0);
    CHECK_TEXT(second->external_ref, "C");
    CHECK_INT(jb_decimal_compare(second->balance, (struct jb_decimal){ -1000, 0 }), 0);
    CHECK_TEXT(third->external_ref, "A");
    CHECK_INT(jb_decimal_compare(third->balance, (struct jb_decimal){ -500, 0 }), 0);
}

/* ---- two at once ------------------------------------------------------------------------------------------------------ */

struct saving {
    struct jb_scope *scope;
    struct jb_channel *done;
    bool ended, saved;
};

/* As a form does it. */
static void save_entry(void *arg)
{
    struct saving *saving = arg;
    struct jb_scope *scope = saving->scope;
    struct cashbook row = { .external_ref = JB_STR("A"), .date = day(2026, 10, 5), .description = JB_STR("적요"), .category = JB_STR("매출"), .account = JB_STR("보통예금") };
    void *state;

    struct jb_tx *tx = jb_begin(scope);
    saving->saved = tx && jb_check_prepare(scope, &cash_cashbook, &state) && cash_cashbook_check(scope, state, NULL, &row) && jb_insert(scope, &cash_cashbook, &row) && jb_commit(tx);
    jb_rollback(tx);
    saving->ended = true;
    CHECK(jb_channel_try_send(saving->done, saving));
}

JB_FIBER_TEST("an entry that is saved while its month is being closed sees it closed")
{
    struct jb_db *db = test_database(scope, models);
    struct saving saving = { .scope = jb_scope_new("saving"), .done = jb_channel_new(1) };
    struct jb_scope *closing = jb_scope_child(scope, "closing");
    int64_t waiting = 0;
    void *item;

    jb_db_use(saving.scope, db);
    struct jb_tx *tx = jb_begin(closing);
    CHECK_OK(tx != NULL);
    close_month(closing, jb_date_month(day(2026, 10, 1)).months);
    jb_fiber_start("saving", save_entry, &saving);
    while (!test_is_sqlite() && waiting == 0 && !saving.ended) /* it has looked, and found the month open; on SQLite it waits to begin */
        CHECK_OK(jb_query_int(closing, JB_SQL("select count(*) from pg_locks where not granted and relation = 'closed_months'::regclass"), &waiting));
    CHECK_OK(jb_commit(tx));
    CHECK_OK(jb_channel_receive(saving.done, scope, &item));
    CHECK(!saving.saved);
    CHECK_INT(jb_error(saving.scope), JB_CONFLICT);
    CHECK_TEXT(jb_failure_text(saving.scope), "2026년 10월은 마감되었습니다. 마감을 풀거나 일자를 고치세요.");
    CHECK_INT(jb_count(scope, &cash_cashbook, .offset = 0), 0);
    jb_channel_free(saving.done);
    jb_scope_end(saving.scope);
    jb_scope_end(closing);
}
