/* cash.c — the app on one page: everything it brings to the site. */
// SPDX-License-Identifier: Apache-2.0
#include "cash.h"
#include "cash_templates.h" /* made from templates/ by script/embed */

const struct jb_app cash = {
    .name = "cash",
    .label = "회계",
    .label_en = "Books",
    .models = JB_MODELS(&cash_cashbook, &cash_project_cashbook, &cash_project, &cash_closed_month),
    .admins = JB_ADMINS(&cash_cashbook_admin, &cash_project_cashbook_admin, &cash_project_admin, &cash_closed_month_admin),
    .exchanges = JB_EXCHANGES(&cash_cashbook_sheet, &cash_project_cashbook_sheet),
    .routes = cash_routes,
    .templates = cash_templates,
};
