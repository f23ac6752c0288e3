/* admin_private.h — what the files of admin share: a book (a model as its clerks see it, resolved once at start), the question a list page asks, small words for pages. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_ADMIN_ADMIN_PRIVATE_H
#define JB_ADMIN_ADMIN_PRIVATE_H

#include "admin/admin.h"
#include "queue/queue.h"
#include "transfer/transfer.h"

/* ---- books -------------------------------------------------------------------------------------------------------------------- */

enum {
    JB__AMOUNTS_MAX = 4,
    JB__FILTERS_MAX = 12,
    JB__COLUMNS_MAX = 40,
    JB__SUBS_MAX = 6,
};

struct jb__column {
    const struct jb_field *field;   /* of the model */
    const struct jb_field *through; /* of field->references: "project.code"; NULL otherwise */
    bool minor;
};

/* A model as its clerks see it: every name of the struct jb_admin resolved. */
struct jb__book {
    const struct jb_admin *admin;
    const struct jb_model *model;
    const struct jb_admin_app *app;
    struct jb_admin_site *site;
    struct jb_str path;           /* "/admin/cash/cashbook/" */
    const struct jb_field *title; /* NULL: rows are named by their id */
    struct jb__column columns[JB__COLUMNS_MAX];
    size_t column_count;
    size_t main, link; /* columns: what a phone keeps besides the first; what opens the row */
    struct jb__column subs[JB__SUBS_MAX];
    size_t sub_count;
    const struct jb_field *amounts[JB__AMOUNTS_MAX];
    int signs[JB__AMOUNTS_MAX];
    size_t amount_count;
    const struct jb_field *filters[JB__FILTERS_MAX];
    size_t filter_count;
    const struct jb_field *form[JB__COLUMNS_MAX];
    bool readonly[JB__COLUMNS_MAX], fixed[JB__COLUMNS_MAX]; /* of form[] */
    size_t form_count;
    struct jb_str search; /* names, blanks between; NULL: no search box */
    int page_rows;
};

struct jb_admin_site {
    struct jb_admin_options options;
    struct jb__book *books;
    size_t book_count;
    struct jb_route *routes;
};

/* Resolves a declaration; fails INVALID naming the list and the nearest field. */
bool jb__book_make(struct jb_scope *scope, const struct jb_admin_app *app, const struct jb_admin *admin, struct jb__book *ret_book);
/* The book that the route serves; NULL (DENIED) for people who are not staff. */
const struct jb__book *jb__book_of(struct jb_request *req);
/* NULL when no book shows that model. */
const struct jb__book *jb__book_find(struct jb_scope *scope, const struct jb_model *model);
struct jb_admin_site *jb__site_of(const struct jb_scope *scope);
/* Fails DENIED unless the person is staff. */
bool jb__staff(struct jb_scope *scope);

/* ---- what a list page asks (list_query.c) ------------------------------------------------------------------------------------------ */

struct jb__query {
    struct jb_str search;
    struct jb_str order;                /* "-date"; NULL: the model's */
    const struct jb_field *order_field; /* the first of it */
    bool descending;
    struct jb_condition conditions[2 * JB__FILTERS_MAX + 1];
    size_t condition_count;
    struct jb_str filters[JB__FILTERS_MAX]; /* as typed; NULL: not filtered */
    bool filtered;
    int64_t page; /* from 1 */
};
/* Reads q, o, page and the filters of the book from the query string; fails INVALID for a value that is none. */
bool jb__list_read(struct jb_request *req, const struct jb__book *book, struct jb__query *ret_query);
struct jb_select jb__list_select(const struct jb__book *book, const struct jb__query *query);
/* "2025년 11월, ‘토너’": what the question narrows, for people; empty when it narrows nothing. */
struct jb_str jb__list_words(struct jb_request *req, const struct jb__book *book, const struct jb__query *query);
/* The select boxes of the filter form. */
bool jb__list_filters(struct jb_request *req, const struct jb__book *book, const struct jb__query *query, struct jb_vars *vars);
/* A row of the model that a typed reference means: by its title field, otherwise by id. NOT_FOUND words are INVALID here. */
bool jb__reference_read(struct jb_scope *scope, const struct jb_model *target, struct jb_str text, int64_t *ret_id);
/* The page's query string with up to two parameters set (NULL value: removed), "?" included; NULL name: nothing. */
struct jb_str jb__link(struct jb_request *req, const char *name, struct jb_str value, const char *other, struct jb_str other_value);
/* The query string of the list as a value for ?from=; and back: the list's address with it. */
struct jb_str jb__list_from(struct jb_request *req);
struct jb_str jb__list_back(struct jb_request *req, const struct jb__book *book);

/* ---- cells and words (text.c) -------------------------------------------------------------------------------------------------------- */

/* By key. false without a failure: there is none. */
bool jb__row_find(struct jb_scope *scope, const struct jb_model *model, int64_t id, void *ret_row);
struct jb_rows *jb__rows_find(struct jb_scope *scope, const struct jb_model *model, struct jb_ids ids, enum jb_row_lock lock);
/* Titles of the rows that a page's references point to, asked once per target. */
struct jb__targets {
    const struct jb_model *model;
    struct jb_rows *rows;
};
bool jb__targets_read(struct jb_scope *scope, const struct jb__column *columns, size_t count, const struct jb_rows *rows, struct jb__targets *ret_targets);
/* A cell as text for people; NULL text when absent. */
struct jb_str jb__cell_text(struct jb_request *req, const struct jb__column *column, const struct jb__targets *target, const void *row, const struct jb_record *record);
/* A value in words: choices by label, yes and no, dates, amounts with thousands. */
struct jb_str jb__value_words(struct jb_request *req, const struct jb_field *field, struct jb_value value);
struct jb_str jb__label(struct jb_scope *scope, const struct jb_field *field);
/* What the import page says that a column holds: "글자 40". */
struct jb_str jb__type_words(struct jb_scope *scope, const struct jb_field *field);
struct jb_str jb__column_label(struct jb_scope *scope, const struct jb__column *column);
/* A word with its particle: by whether its last syllable is closed (전표가, 사업이); in English the word alone. */
struct jb_str jb__with(struct jb_scope *scope, struct jb_str word, const char *closed, const char *open);
/* A reason that begins with the head of its note ("Nothing was applied" and a point or colon) says it only once. */
struct jb_str jb__without_head(struct jb_str reason, struct jb_str head);
/* "128,402"; "4 GiB"; "+1,234" or "−1,234" without its trailing zeros. */
struct jb_str jb__number(struct jb_scope *scope, int64_t number);
struct jb_str jb__bytes(struct jb_scope *scope, int64_t bytes);
struct jb_str jb__amount(struct jb_scope *scope, struct jb_decimal amount, bool plus);
struct jb_str jb__seconds(struct jb_scope *scope, int64_t micros);
/* 2025-11-20 14:31 in the request's zone. */
struct jb_str jb__clock(struct jb_request *req, struct jb_time time);

/* ---- pages ----------------------------------------------------------------------------------------------------------------------------- */

/* Sets the crumbs of a book's page and what its links need: book.path, book.label, book.entry, book.app. */
void jb__book_vars(struct jb_request *req, const struct jb__book *book, struct jb_vars *vars);
/* The pager's links: pages, previous, next. */
void jb__pager(struct jb_request *req, struct jb_vars *vars, int64_t page, int64_t pages);

#define jb__set(vars, name, x) jb_vars_set((vars), (name), jb_v(x))

jb_view jb__index_view, jb__login_view, jb__login_post, jb__logout_post;
jb_view jb__list_view, jb__list_post;
jb_view jb__add_view, jb__add_post, jb__edit_view, jb__edit_post, jb__delete_view, jb__delete_post;
jb_view jb__history_view;
jb_view jb__import_view, jb__import_post, jb__export_view, jb__export_post;
jb_view jb__jobs_view, jb__job_view, jb__job_events_view, jb__job_file_view, jb__job_differences, jb__job_cancel, jb__job_retry, jb__job_confirm, jb__job_discard, jb__job_continue, jb__job_columns, jb__undo_view, jb__undo_post;

/* One job's page; `problem` NULL: none. */
struct jb_response *jb__job_page(struct jb_request *req, const struct import_job *job, struct jb_str problem, int status);
/* rights.c. Whoever may no longer import or export the model may not set an old job of theirs going either. */
bool jb__import_allowed(struct jb_scope *scope, const struct jb_model *model, enum jb_import_mode mode);
bool jb__job_allowed(struct jb_scope *scope, const struct import_job *job);
bool jb__return_allowed(struct jb_scope *scope, const struct import_job *import); /* the whole table, from its backup */
bool jb__undo_allowed(struct jb_scope *scope, const struct import_job *import);
struct jb_str jb__undo_summary(struct jb_scope *scope, const struct import_job *job);
void jb__undo_outcome(struct jb_scope *scope, const struct import_job *job, struct jb_vars *vars);
void jb__undo_vars(struct jb_request *req, const struct import_job *job, struct jb_vars *vars);
/* transfer.c: the one file of a multipart form into the spool (for jb_form_parts; arg is a struct jb_spool **). */
bool jb__take_file(struct jb_request *req, void *arg, struct jb_multipart *multipart, const struct jb_multipart_part *part);
/* upload.c: a form with a file, or with the name of an upload that its script sent in parts. First the form, with the file when it has one; fails before it is read when there is no room for it. */
bool jb__upload_form(struct jb_request *req, struct jb_spool **ret_spool);
bool jb__upload_file(struct jb_request *req, struct jb_spool **spool); /* then the upload; fails INVALID when there is neither */
struct jb_str jb__too_large(struct jb_scope *scope, int64_t bytes_max);
/* A file that is too large is said to be in the words of who sent it. */
void jb__say_too_large(struct jb_request *req, int64_t bytes_max);
struct jb_response *jb__to_job(struct jb_request *req, int64_t job);
/* continue.c: true when the upload holds refused rows of a job that can go on with them; it went on. With a failure: it cannot. */
bool jb__went_on(struct jb_request *req, const struct jb_model *model, struct jb_spool *spool, struct jb_str once, int64_t *ret_job);

/* What the row is linked to (links.c), for its form: `typed` shows what was sent. Then what was sent is saved, after the row. */
bool jb__links_vars(struct jb_request *req, const struct jb_model *model, int64_t id, bool may_write, bool typed, const struct jb_field_error *errors, struct jb_vars *vars);
/* The name itself when it is no link's. */
struct jb_str jb__link_label(struct jb_scope *scope, const struct jb_model *model, struct jb_str name);
bool jb__links_save(struct jb_request *req, const struct jb_model *model, int64_t id);
/* The chosen rows as a workbook, or a job that makes one (transfer.c). */
struct jb_response *jb__export_chosen(struct jb_request *req, const struct jb__book *book, struct jb_ids chosen);
/* The chosen rows' delete page and its confirmation (edit.c), called by the list's actions. */
struct jb_response *jb__delete_chosen(struct jb_request *req, const struct jb__book *book, struct jb_ids chosen);
bool jb__head_row_read(struct jb_request *req, int64_t *ret_row); /* of the form; 0: not said */
/* columns.c: what the columns of a waiting upload mean. `vars` has the job. */
struct jb_response *jb__columns_page(struct jb_request *req, const struct import_job *job, struct jb_vars *vars, struct jb_str problem, int status);
/* The preview part of a waiting job's page (preview.c), and the refused rows of any job. */
bool jb__preview_vars(struct jb_request *req, const struct import_job *job, const struct jb_model *model, struct jb_vars *vars);
const char *jb__conflict_words(struct jb_scope *scope, const struct import_job *job); /* " (conflicts: 3)", "" without one */
bool jb__refused_vars(struct jb_request *req, const struct import_job *job, const struct jb_model *model, struct jb_vars *vars, size_t limit);
/* Mode, key, on error … as pairs of words (jobs.c uses it, preview too). */
bool jb__job_facts(struct jb_request *req, const struct import_job *job, const struct jb_model *model, struct jb_vars *vars);

#endif
