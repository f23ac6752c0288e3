/* views.c — the pages of the cash books. A view is a function from request to response. */
// SPDX-License-Identifier: Apache-2.0
#include "cash.h"

enum { ENTRIES_A_PAGE = 100 };

struct month_sum {
    int64_t entries;
    struct jb_decimal income, expense, balance;
};

/* Adds one category to the sums and says what the balance is after it. */
static bool add_line(struct jb_scope *scope, struct month_sum *sum, const struct cash_total *line)
{
    struct jb_decimal after_income;

    sum->entries += line->entries;
    if (jb_decimal_add(sum->income, line->income, &sum->income) && jb_decimal_add(sum->expense, line->expense, &sum->expense) &&
        jb_decimal_add(sum->balance, line->income, &after_income) && jb_decimal_subtract(after_income, line->expense, &sum->balance))
        return true;
    return jb_fail(scope, JB_LIMIT, JB_L(scope, "합계가 18자리를 넘습니다.", "The total has more than 18 digits."));
}

static bool put_lines(struct jb_scope *scope, struct jb_vars *vars, const struct jb_rows *totals, struct month_sum *sum)
{
    jb_vars_list(vars, "lines");
    for (JB_EACH_ROW(totals, const struct cash_total, total)) {
        if (!add_line(scope, sum, total))
            return false;
        struct jb_vars *line = jb_vars_append(vars, "lines");
        jb_vars_set(line, "category", jb_v(total->category));
        jb_vars_set(line, "entries", jb_v(total->entries));
        jb_vars_set(line, "income", jb_v(total->income));
        jb_vars_set(line, "expense", jb_v(total->expense));
        jb_vars_set(line, "balance", jb_v(sum->balance));
    }
    return true;
}

/* The entries of one page, each with the balance after it. */
static bool put_entries(struct jb_request *req, struct jb_vars *vars, struct jb_month month, struct jb_decimal carried, int64_t entries)
{
    struct jb_scope *scope = req->scope;
    int64_t page = 1, pages = JB_MAX(1, (entries + ENTRIES_A_PAGE - 1) / ENTRIES_A_PAGE);

    if (!jb_str_to_int64(jb_query_text(req, "page"), &page) || page < 1)
        page = 1;
    page = JB_MIN(page, pages);
    struct jb_rows *lines = cash_month_lines(scope, month, (page - 1) * ENTRIES_A_PAGE, ENTRIES_A_PAGE);
    if (!lines)
        return false;
    jb_vars_list(vars, "book");
    for (JB_EACH_ROW(lines, const struct cash_line, entry)) {
        struct jb_decimal balance;
        if (!jb_decimal_add(carried, entry->balance, &balance))
            return jb_fail(scope, JB_LIMIT, JB_L(scope, "잔액이 18자리를 넘습니다.", "The balance has more than 18 digits."));
        struct jb_vars *line = jb_vars_append(vars, "book");
        jb_vars_set(line, "date", jb_v(entry->date));
        jb_vars_set(line, "external_ref", jb_v(entry->external_ref));
        jb_vars_set(line, "description", jb_v(entry->description));
        jb_vars_set(line, "income", jb_v(entry->income));
        jb_vars_set(line, "expense", jb_v(entry->expense));
        jb_vars_set(line, "balance", jb_v(balance));
    }
    jb_vars_set(vars, "page", jb_v(page));
    jb_vars_set(vars, "pages", jb_v(pages));
    if (page > 1)
        jb_vars_set(vars, "previous", jb_v(page - 1));
    if (page < pages)
        jb_vars_set(vars, "next", jb_v(page + 1));
    return true;
}

/* The months beside it; the calendar ends with the years 1 and 9999. */
static void put_neighbours(struct jb_vars *vars, struct jb_month month)
{
    struct jb_month before = { month.months - 1 }, after = { month.months + 1 };

    if (jb_date_civil(jb_month_first(month)).year > 1)
        jb_vars_set(vars, "before", jb_v(before));
    if (jb_date_civil(jb_month_first(month)).year < 9999)
        jb_vars_set(vars, "after", jb_v(after));
}

/* GET /cash/{month}: totals by category and every entry, with the running balance, which starts with what earlier months left. */
static struct jb_response *show_month(struct jb_request *req)
{
    struct jb_month month;
    struct jb_decimal carried;
    struct jb_rows *totals;

    if (!jb_path_month(req, "month", &month) ||
        !cash_balance_before(req->scope, jb_month_first(month), &carried) ||
        !(totals = cash_month_totals(req->scope, month)))
        return jb_problem(req);

    struct jb_vars *vars = jb_vars_new(req->scope);
    struct month_sum sum = { .income.scale = 2, .expense.scale = 2, .balance = carried };
    if (!put_lines(req->scope, vars, totals, &sum) || !put_entries(req, vars, month, carried, sum.entries))
        return jb_problem(req);

    jb_vars_set(vars, "month", jb_v(month));
    put_neighbours(vars, month);
    jb_vars_set(vars, "carried", jb_v(carried));
    jb_vars_set(vars, "entries", jb_v(sum.entries));
    jb_vars_set(vars, "income", jb_v(sum.income));
    jb_vars_set(vars, "expense", jb_v(sum.expense));
    jb_vars_set(vars, "balance", jb_v(sum.balance));
    return jb_page_vars(req, 200, "cash/month.html", vars);
}

const struct jb_route cash_routes[] = {
    { JB_GET, "/cash/{month}", show_month, "cash.month", .permission = "cash.view_cashbook" },
    { 0 },
};
