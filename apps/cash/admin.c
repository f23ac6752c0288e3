/* admin.c — how clerks see the cash books, and how sheets go in and out of them. */
// SPDX-License-Identifier: Apache-2.0
#include "cash.h"

const struct jb_exchange cash_cashbook_sheet = {
    .model = &cash_cashbook,
    .match_on = "external_ref",
};

static const struct jb_column project_columns[] = {
    { NULL, "external_ref" },
    { "project", "project.code" }, /* looked up in bulk, once per batch */
    { NULL, "date" },
    { NULL, "description" },
    { NULL, "category" },
    { NULL, "account" },
    { NULL, "income" },
    { NULL, "expense" },
    { NULL, "counterparty" },
    { NULL, "evidence" },
    { NULL, "memo" },
    { 0 },
};

const struct jb_exchange cash_project_cashbook_sheet = {
    .model = &cash_project_cashbook,
    .match_on = "external_ref",
    .columns = project_columns,
};

const struct jb_admin cash_cashbook_admin = {
    .model = &cash_cashbook,
    .list = "date external_ref description category account counterparty evidence income expense",
    .filters = "date category account",
    .search = "description counterparty external_ref",
    .main = "description",
    .sub = "category counterparty",
    .minor = "account evidence",
    .amount = "income -expense",
};

const struct jb_admin cash_project_cashbook_admin = {
    .model = &cash_project_cashbook,
    .list = "date external_ref project_id description category account income expense",
    .filters = "date project_id category account",
    .search = "description counterparty external_ref",
    .main = "description",
    .sub = "category counterparty",
    .minor = "account",
    .amount = "income -expense",
};

const struct jb_admin cash_project_admin = {
    .model = &cash_project,
    .list = "code name",
    .search = "code name",
};

const struct jb_admin cash_closed_month_admin = {
    .model = &cash_closed_month,
    .list = "month closed_by closed_at",
    .readonly = "closed_at",
};
