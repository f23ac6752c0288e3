/* admin.h — pages for the people who keep the books: list, form, import, export, jobs.
 *
 * An app says per model what its clerks see (struct jb_admin, a few words); everything else — columns, inputs, labels, rules, permissions — is read off the model's record. The site
 * gathers the apps into a jb_admin_site, which gives web its routes, templates and statics. No page needs a script. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_ADMIN_ADMIN_H
#define JB_ADMIN_ADMIN_H

#include "store/store.h"
#include "web/web.h"

/* ---- what an app declares ---------------------------------------------------------------------------------------------------- */

/* Something that may be done to chosen rows, besides deleting and exporting, which every list offers. Runs in one transaction; fails as any work does. */
struct jb_action {
    const char *name;             /* "approve" */
    const char *label, *label_en; /* "승인", "Approve"; label_en NULL: the name, humanised */
    const char *permission;       /* "cash.approve"; NULL: change of the model */
    bool (*run)(struct jb_scope *scope, struct jb_ids chosen);
};

/* How clerks see a model. Lists of fields are names separated by blanks; NULL takes the default. "project.code" goes through a reference. */
struct jb_admin {
    const struct jb_model *model;
    const char *list;     /* columns; NULL: the first eight fields that are not long text */
    const char *filters;  /* choices, booleans and references by value, dates by month, short texts by the values there are; NULL: none */
    const char *search;   /* text fields that the search box looks into; NULL: the model's title field */
    const char *form;     /* fields of the form, in order; NULL: every field but primary, secret and automatic ones */
    const char *readonly; /* shown in the form, not editable (besides .readonly fields); "external_ref" */
    const char *fixed;    /* may be typed when adding, not changed afterwards */
    /* The list on a phone keeps the first column, the main one and one signed amount; `sub` stands small under the main cell. */
    const char *main;                /* NULL: the first text column that is not the title */
    const char *sub;                 /* "category counterparty"; NULL: nothing */
    const char *minor;               /* columns that go first when it gets narrow (below 1,000 px) */
    const char *amount;              /* "income -expense": the signed sum, also the difference in the totals; NULL: the first amount column */
    const struct jb_action *actions; /* ends with a NULL name */
    int page_rows;                   /* 0: 50 */
};

#define JB_ADMINS(...)               \
    (const struct jb_admin *const[]) \
    {                                \
        __VA_ARGS__, NULL            \
    }

/* ---- what the site gathers --------------------------------------------------------------------------------------------------- */

/* One group of the side menu. Links to the pages that an app has of its own may follow its models. */
struct jb_admin_link {
    const char *label, *label_en, *path, *permission; /* path "/cash/2026-11"; permission NULL: staff */
};
struct jb_admin_app {
    const char *name;                     /* "cash" */
    const char *label, *label_en;         /* "회계", "Accounting" */
    const struct jb_admin *const *admins; /* ends with NULL */
    const struct jb_admin_link *links;    /* ends with a NULL label; NULL: none */
};

struct jb_admin_options {
    const struct jb_admin_app *apps; /* in the order of the menu; ends with a NULL name */
    int64_t async_bytes;             /* IMPORT_ASYNC_BYTES and UPLOAD_BYTES_MAX, for what the import page promises */
    int64_t upload_bytes_max;
    int batch_rows; /* IMPORT_EXPORT_CHUNK_SIZE */
};

struct jb_admin_site;
/* Checks every declaration (fails INVALID with the nearest name: "cash.cashbook, list: there is no field 'amout'; did you mean 'amount'?") and makes the routes. Lives in the scope. */
struct jb_admin_site *jb_admin_new(struct jb_scope *scope, const struct jb_admin_options *options);
/* Ties it to the scope and its children, as jb_db_use does. */
void jb_admin_use(struct jb_scope *scope, struct jb_admin_site *site);
/* For jb_web_options: a list that ends with a NULL path. "/" is not among them. */
const struct jb_route *jb_admin_routes(const struct jb_admin_site *site);
/* For jb_web_options.templates and .statics; both end with a NULL name. "admin/base.html" (blocks title, crumbs, main) is for pages of apps too; "error.html" is what web shows for failures. */
extern const struct jb_asset jb_admin_templates[];
extern const struct jb_asset jb_admin_statics[]; /* jangbu.css, jangbu.js, icon.svg */
/* For jb_web_options.page_vars: the side menu (only for staff, only what the person may see) and the number of running jobs. */
bool jb_admin_page_vars(struct jb_request *req, struct jb_vars *vars);

#endif
