/* cash.h — the cash books: what they hold and what may be done to them. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CASH_H
#define CASH_H

#include <jangbu.h>

/* One line of the office's own cash book. */
struct cashbook {
    int64_t id;
    struct jb_str external_ref;
    struct jb_date date;
    struct jb_str description;
    struct jb_str category;
    struct jb_str account;
    struct jb_decimal income;
    struct jb_decimal expense;
    struct jb_str counterparty;
    struct jb_str evidence;
    struct jb_str memo;
};

struct project {
    int64_t id;
    struct jb_str code;
    struct jb_str name;
};

/* One line of a project's cash book. */
struct project_cashbook {
    int64_t id;
    struct jb_str external_ref;
    int64_t project_id;
    struct jb_date date;
    struct jb_str description;
    struct jb_str category;
    struct jb_str account;
    struct jb_decimal income;
    struct jb_decimal expense;
    struct jb_str counterparty;
    struct jb_str evidence;
    struct jb_str memo;
};

/* A month whose rows refuse every change, also from a sheet. */
struct closed_month {
    int64_t id;
    struct jb_month month;
    struct jb_str closed_by;
    struct jb_time closed_at;
};

/* What one category took in and paid out in a month. */
struct cash_total {
    struct jb_str category;
    int64_t entries;
    struct jb_decimal income;
    struct jb_decimal expense;
};

/* An entry as the book shows it: with what its month has brought up to and with it. */
struct cash_line {
    int64_t id;
    struct jb_date date;
    struct jb_str external_ref;
    struct jb_str description;
    struct jb_decimal income;
    struct jb_decimal expense;
    struct jb_decimal balance;
};

extern const struct jb_model cash_cashbook, cash_project, cash_project_cashbook, cash_closed_month;
extern const struct jb_exchange cash_cashbook_sheet, cash_project_cashbook_sheet;
extern const struct jb_admin cash_cashbook_admin, cash_project_admin, cash_project_cashbook_admin, cash_closed_month_admin, cash_import_job_admin;
extern const struct jb_route cash_routes[];
extern const struct jb_app cash;

/* The model checks of both books: amounts are not negative; a row of a closed month may not be added, changed or deleted, nor moved into one. */
bool cash_closed_prepare(struct jb_scope *scope, void **ret_state);
bool cash_cashbook_check(struct jb_scope *scope, void *state, const void *before, const void *after);
bool cash_project_cashbook_check(struct jb_scope *scope, void *state, const void *before, const void *after);

/* Totals by category of one month, largest movement first: rows of struct cash_total. NULL on failure. */
struct jb_rows *cash_month_totals(struct jb_scope *scope, struct jb_month month);
/* A month's entries in the order of the book (date, then as they were entered): rows of struct cash_line, at most `limit` after the first `offset`. Their balance starts at 0 with the month. */
struct jb_rows *cash_month_lines(struct jb_scope *scope, struct jb_month month, int64_t offset, int64_t limit);
/* Income minus expense of everything before that day. */
bool cash_balance_before(struct jb_scope *scope, struct jb_date day, struct jb_decimal *ret_balance);

#endif
