/* models.c — the tables of the cash books.
 *
 * A member's type is said once, in cash.h; here it gets its label and its rules. Columns, forms, admin, API, import headings and SQL are all read off these tables. */
// SPDX-License-Identifier: Apache-2.0
#include "cash.h"

/* The ten columns that both books share. */
#define CASH_FIELDS(book)                                                                                                           \
    JB_FIELD(book, date, .label = "일자", .required = true, .indexed = true),                                                       \
        JB_FIELD(book, description, .label = "적요", .required = true, .length_max = 200),                                          \
        JB_FIELD(book, category, .label = "분류", .required = true, .length_max = 40),                                              \
        JB_FIELD(book, account, .label = "계정", .required = true, .length_max = 40),                                               \
        JB_FIELD(book, income, .label = "수입", .unit = "원", .digits = 15, .decimals = 2, .required = true, .default_text = "0"),  \
        JB_FIELD(book, expense, .label = "지출", .unit = "원", .digits = 15, .decimals = 2, .required = true, .default_text = "0"), \
        JB_FIELD(book, counterparty, .label = "거래처", .length_max = 100),                                                         \
        JB_FIELD(book, evidence, .label = "증빙", .length_max = 20),                                                                \
        JB_FIELD(book, memo, .label = "메모", .long_text = true)

const struct jb_model cash_cashbook = {
    .app = "cash",
    .label = "현금출납부",
    .label_en = "Cash book",
    .entry = "전표",
    .entry_en = "Entry",
    .title = "external_ref",
    .order = "-date -id",
    .indexes = "category date",
    .check = cash_cashbook_check,
    .check_prepare = cash_closed_prepare,
    .record = JB_RECORD(cashbook,
        JB_FIELD(cashbook, id, .primary = true),
        JB_FIELD(cashbook, external_ref, .label = "전표번호", .label_en = "Number", .required = true, .unique = true, .length_max = 40),
        CASH_FIELDS(cashbook)),
};

const struct jb_model cash_project = {
    .app = "cash",
    .table = "projects",
    .label = "사업",
    .label_en = "Project",
    .title = "code",
    .order = "code",
    .record = JB_RECORD(project,
        JB_FIELD(project, id, .primary = true),
        JB_FIELD(project, code, .label = "사업코드", .label_en = "Code", .required = true, .unique = true, .length_max = 20),
        JB_FIELD(project, name, .label = "사업명", .label_en = "Name", .required = true, .length_max = 100)),
};

const struct jb_model cash_project_cashbook = {
    .app = "cash",
    .label = "사업별 현금출납부",
    .label_en = "Project cash book",
    .entry = "전표",
    .entry_en = "Entry",
    .title = "external_ref",
    .order = "-date -id",
    .indexes = "category date",
    .check = cash_project_cashbook_check,
    .check_prepare = cash_closed_prepare,
    .record = JB_RECORD(project_cashbook,
        JB_FIELD(project_cashbook, id, .primary = true),
        JB_FIELD(project_cashbook, external_ref, .label = "전표번호", .label_en = "Number", .required = true, .unique = true, .length_max = 40),
        JB_FIELD(project_cashbook, project_id, .label = "사업", .label_en = "Project", .required = true, .references = &cash_project, .on_delete = JB_RESTRICT),
        CASH_FIELDS(project_cashbook)),
};

const struct jb_model cash_closed_month = {
    .app = "cash",
    .table = "closed_months",
    .label = "마감 월",
    .label_en = "Closed month",
    .title = "month",
    .order = "-month",
    .record = JB_RECORD(closed_month,
        JB_FIELD(closed_month, id, .primary = true),
        JB_FIELD(closed_month, month, .label = "달", .required = true, .unique = true),
        JB_FIELD(closed_month, closed_by, .label = "마감한 사람", .label_en = "Closed by", .length_max = 150),
        JB_FIELD(closed_month, closed_at, .label = "마감한 때", .label_en = "Closed at", .auto_now_add = true)),
};
