/* rules.c — what the books mean: the rules and questions that know nothing of HTTP. */
// SPDX-License-Identifier: Apache-2.0
#include "cash.h"

/* ---- closed months ------------------------------------------------------------------------------------------------- */

/* Fetched once per form or import; a handful of rows. */
bool cash_closed_prepare(struct jb_scope *scope, void **ret_state)
{
    struct jb_rows *closed = jb_select(scope, &cash_closed_month, .order = JB_STR("month"));
    if (!closed)
        return false;
    *ret_state = closed;
    return true;
}

static bool is_closed(const struct jb_rows *closed, struct jb_month month)
{
    for (JB_EACH_ROW(closed, const struct closed_month, row))
        if (row->month.months == month.months)
            return true;
    return false;
}

static bool refuse_closed(struct jb_scope *scope, const struct jb_rows *closed, struct jb_date date)
{
    struct jb_month month = jb_date_month(date);
    if (!is_closed(closed, month))
        return true;

    struct jb_civil first = jb_date_civil(jb_month_first(month));
    return jb_fail(scope, JB_CONFLICT,
        JB_L(scope, "%d년 %d월은 마감되었습니다. 마감을 풀거나 일자를 고치세요.", "%d-%02d is closed. Reopen the month or change the date."),
        first.year, first.month);
}

/* ---- amounts --------------------------------------------------------------------------------------------------------- */

/* A correction goes to the other side, as a book keeper writes it. */
static bool refuse_signs(struct jb_scope *scope, struct jb_decimal income, struct jb_decimal expense)
{
    if (income.units < 0)
        jb_fail_field(scope, JB_STR("income"), "%s", JB_L(scope, "수입은 0보다 작을 수 없습니다. 지출에 적으세요.", "An income cannot be less than 0. Enter it as an expense."));
    if (expense.units < 0)
        jb_fail_field(scope, JB_STR("expense"), "%s", JB_L(scope, "지출은 0보다 작을 수 없습니다. 수입에 적으세요.", "An expense cannot be less than 0. Enter it as income."));
    return income.units >= 0 && expense.units >= 0;
}

/* ---- what a book asks of an entry -------------------------------------------------------------------------------------- */

bool cash_cashbook_check(struct jb_scope *scope, void *state, const void *before, const void *after)
{
    const struct cashbook *old = before, *new = after;
    return (!new || refuse_signs(scope, new->income, new->expense)) && (!old || refuse_closed(scope, state, old->date)) && (!new || refuse_closed(scope, state, new->date));
}

bool cash_project_cashbook_check(struct jb_scope *scope, void *state, const void *before, const void *after)
{
    const struct project_cashbook *old = before, *new = after;
    return (!new || refuse_signs(scope, new->income, new->expense)) && (!old || refuse_closed(scope, state, old->date)) && (!new || refuse_closed(scope, state, new->date));
}

/* ---- totals ---------------------------------------------------------------------------------------------------------- */

static const struct jb_record total_record = JB_RECORD(cash_total,
    JB_FIELD(cash_total, category, .label = "분류"),
    JB_FIELD(cash_total, entries, .label = "건수", .label_en = "Entries"),
    JB_FIELD(cash_total, income, .label = "수입", .digits = 18, .decimals = 2),
    JB_FIELD(cash_total, expense, .label = "지출", .digits = 18, .decimals = 2));

struct jb_rows *cash_month_totals(struct jb_scope *scope, struct jb_month month)
{
    return jb_query(scope,
        JB_SQL("select category, count(*) as entries, sum(income) as income, sum(expense) as expense"
               "  from cashbook where date between ? and ?"
               " group by category order by sum(income) + sum(expense) desc, category limit 1000",
            jb_month_first(month), jb_month_last(month)),
        &total_record);
}

static const struct jb_record line_record = JB_RECORD(cash_line,
    JB_FIELD(cash_line, id, .primary = true),
    JB_FIELD(cash_line, date, .label = "일자"),
    JB_FIELD(cash_line, external_ref, .label = "전표번호"),
    JB_FIELD(cash_line, description, .label = "적요"),
    JB_FIELD(cash_line, income, .label = "수입", .digits = 18, .decimals = 2),
    JB_FIELD(cash_line, expense, .label = "지출", .digits = 18, .decimals = 2),
    JB_FIELD(cash_line, balance, .label = "잔액", .digits = 18, .decimals = 2));

struct jb_rows *cash_month_lines(struct jb_scope *scope, struct jb_month month, int64_t offset, int64_t limit)
{
    return jb_query(scope,
        JB_SQL("select id, date, external_ref, description, income, expense, sum(income - expense) over (order by date, id) as balance"
               "  from cashbook where date between ? and ? order by date, id limit ? offset ?",
            jb_month_first(month), jb_month_last(month), limit, offset),
        &line_record);
}

bool cash_balance_before(struct jb_scope *scope, struct jb_date day, struct jb_decimal *ret_balance)
{
    struct cash_total total;
    if (!jb_query_row(scope,
            JB_SQL("select '' as category, count(*) as entries, coalesce(sum(income), 0) as income, coalesce(sum(expense), 0) as expense"
                   "  from cashbook where date < ?",
                day),
            &total_record, &total))
        return false;
    return jb_decimal_subtract(total.income, total.expense, ret_balance) ||
           jb_fail(scope, JB_LIMIT, JB_L(scope, "잔액이 18자리를 넘습니다.", "The balance has more than 18 digits."));
}
