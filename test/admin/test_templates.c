/* The admin's templates with sample values: they compile, come out well-formed in both languages, and escape what strangers typed. */
// SPDX-License-Identifier: Apache-2.0
#include "pages.h"

#define HOSTILE "\"><script>alert(1)</script>'&"

static struct jb_vars *book(struct jb_scope *scope, struct jb_vars *vars)
{
    struct jb_vars *inner = jb_vars_new(scope);
    jb_vars_text(inner, "path", JB_STR("/admin/cash/cashbook/"));
    jb_vars_text(inner, "label", JB_STR("현금출납부"));
    jb_vars_text(inner, "entry", JB_STR("전표"));
    jb_vars_text(inner, "entry_is", JB_STR("전표가"));
    jb_vars_text(inner, "app", JB_STR("회계"));
    static const char *const rights[] = { "may_add", "may_change", "may_delete", "may_import", "may_export" };
    for (size_t i = 0; i < JB_COUNT(rights); i++)
        jb_vars_set(inner, rights[i], jb_v_bool(true));
    jb_vars_vars(vars, "book", inner);
    return vars;
}

static void put(struct jb_vars *vars, const char *name, const char *text)
{
    jb_vars_text(vars, name, jb_str_of(text));
}

static void flag(struct jb_vars *vars, const char *name, bool truth)
{
    jb_vars_set(vars, name, jb_v_bool(truth));
}

static void number(struct jb_vars *vars, const char *name, int64_t n)
{
    jb_vars_set(vars, name, jb_v(n));
}

static void lists(struct jb_vars *vars, const char *const *names)
{
    for (; *names; names++)
        jb_vars_list(vars, *names);
}

static void no_pages(struct jb_vars *vars)
{
    jb_vars_list(vars, "pages");
    put(vars, "previous", NULL);
    put(vars, "next", NULL);
}

/* ---- list ----------------------------------------------------------------------------------------------------------------------- */

static void cell(struct jb_vars *row, const char *class, const char *text, bool link, bool main)
{
    struct jb_vars *vars = jb_vars_append(row, "cells");
    put(vars, "class", class);
    put(vars, "text", text);
    put(vars, "year", NULL);
    flag(vars, "zero", false);
    flag(vars, "negative", false);
    flag(vars, "link", link);
    flag(vars, "main", main);
    flag(vars, "sum", true);
}

static struct jb_vars *list_vars(struct jb_scope *scope, bool rows)
{
    struct jb_vars *vars = book(scope, jb_vars_new(scope));
    lists(vars, (const char *const[]){ "filters", "rows", "heads", "totals", "actions", NULL });
    put(vars, "counts", "2건");
    put(vars, "here_link", "?q=" HOSTILE);
    put(vars, "search", HOSTILE);
    put(vars, "search_hint", "적요에서 찾기");
    put(vars, "words", HOSTILE);
    put(vars, "amount_unit", "원");
    put(vars, "order", "-date");
    flag(vars, "searches", true);
    flag(vars, "filtered", true);
    flag(vars, "has_amount", true);
    number(vars, "found", 2);
    number(vars, "here", 2);
    no_pages(vars);
    if (!rows)
        return vars;
    struct jb_vars *action = jb_vars_append(vars, "actions"), *head = jb_vars_append(vars, "heads"), *row = jb_vars_append(vars, "rows");
    put(action, "name", "delete");
    put(action, "label", "삭제");
    put(head, "class", "d");
    put(head, "label", "적요");
    put(head, "unit", NULL);
    put(head, "sort", "descending");
    put(head, "link", "?o=-date");
    flag(head, "main", true);
    number(row, "id", 7);
    put(row, "title", HOSTILE);
    put(row, "link", "/admin/cash/cashbook/7/");
    put(row, "sub", HOSTILE);
    flag(row, "sub_link", true);
    cell(row, "d", HOSTILE, true, true);
    struct jb_vars *amount = jb_vars_new(scope), *total = jb_vars_append(vars, "totals");
    flag(amount, "zero", false);
    flag(amount, "negative", true);
    put(amount, "text", "−3,300,000");
    jb_vars_vars(row, "amount", amount);
    flag(total, "page", true);
    number(total, "span", 2);
    flag(total, "difference", true);
    flag(total, "whole", true);
    flag(total, "amount_first", true);
    jb_vars_vars(total, "amount", amount);
    cell(total, "n", "1", false, false);
    return vars;
}

JB_TEST("a list escapes what rows, filters and searches contain")
{
    struct jb_str html = page_of(scope, "admin/list.html", list_vars(scope, true));
    CHECK(!has(html, "<script>alert"));
    CHECK(has(html, "aria-sort=\"descending\""));
    CHECK(has(html, "&lt;script&gt;alert(1)"));
    CHECK(has(html, "전표 추가"));
    CHECK(has(html, "비동기 가져오기"));
}

JB_TEST("an empty list names the search and offers the way out")
{
    struct jb_str html = page_of(scope, "admin/list.html", list_vars(scope, false));
    CHECK(has(html, "조건을 빼 보세요"));
    CHECK(!has(html, "<script>alert"));
}

JB_TEST("a list speaks English to those who read it")
{
    jb_language_set(scope, JB_EN);
    struct jb_str html = page_of(scope, "admin/list.html", list_vars(scope, true));
    CHECK(has(html, "lang=\"en\""));
    CHECK(has(html, "Export"));
    CHECK(!has(html, "내보내기"));
}

/* ---- form ----------------------------------------------------------------------------------------------------------------------- */

static void field(struct jb_vars *vars, const char *kind, const char *error)
{
    struct jb_vars *inner = jb_vars_append(vars, jb_str_is(JB_STR("area"), kind) ? "areas" : "fields");
    put(inner, "name", kind);
    put(inner, "label", "수입");
    put(inner, "unit", "원");
    put(inner, "kind", kind);
    put(inner, "value", HOSTILE);
    put(inner, "error", error);
    number(inner, "length_max", 40);
    flag(inner, "required", true);
    flag(inner, "optional", false);
    flag(inner, "disabled", false);
    flag(inner, "fixed", true);
    flag(inner, "ticked", true);
    struct jb_vars *option = jb_vars_append(inner, "options");
    put(option, "value", HOSTILE);
    put(option, "label", HOSTILE);
    flag(option, "chosen", true);
}

static void link_of(struct jb_vars *vars, const char *name, bool many)
{
    struct jb_vars *inner = jb_vars_append(vars, "links"), *option;
    put(inner, "name", name);
    put(inner, "label", "꼬리표");
    put(inner, "value", HOSTILE);
    put(inner, "error", HOSTILE);
    flag(inner, "disabled", false);
    flag(inner, "many", many);
    option = jb_vars_append(inner, "options");
    number(option, "value", 3);
    put(option, "label", HOSTILE);
    flag(option, "chosen", true);
}

JB_TEST("a form keeps typed values, escaped, and ties each error to its input")
{
    static const char *const kinds[] = { "text", "area", "check", "date", "month", "datetime-local", "decimal", "numeric", "select" };
    struct jb_vars *vars = book(scope, jb_vars_new(scope));
    lists(vars, (const char *const[]){ "fields", "areas", "errors", "links", NULL });
    put(vars, "title", HOSTILE);
    put(vars, "problem", "고칠 곳이 2군데 있습니다.");
    put(vars, "back", "/admin/cash/cashbook/?q=a");
    put(vars, "from", "?from=q%3Da");
    number(vars, "id", 7);
    flag(vars, "adding", false);
    flag(vars, "may_write", true);
    struct jb_vars *error = jb_vars_append(vars, "errors");
    put(error, "name", "decimal");
    put(error, "label", "수입");
    put(error, "message", HOSTILE);
    for (size_t i = 0; i < JB_COUNT(kinds); i++)
        field(vars, kinds[i], HOSTILE);
    link_of(vars, "tags", false);
    link_of(vars, "labels", true);
    struct jb_str html = page_of(scope, "admin/form.html", vars);
    CHECK(!has(html, "<script>alert"));
    CHECK(has(html, "aria-describedby=\"e_decimal\""));
    CHECK(has(html, "id=\"e_decimal\""));
    CHECK(has(html, "href=\"#f_decimal\""));
    CHECK(has(html, "name=\"tags.id\" value=\"3\" checked"));
    CHECK(has(html, "<textarea name=\"labels\""));
    CHECK(has(html, "inputmode=\"decimal\""));
}

/* ---- import and jobs ------------------------------------------------------------------------------------------------------------ */

JB_TEST("the import page works as a plain form, with the token before the file")
{
    struct jb_vars *vars = book(scope, jb_vars_new(scope));
    static const char *const texts[] = { "limits", "key", "key_is", "key_topic", "mode", "on_error", "encoding", "sheet", "head_row", "batch_rows", "once", "problem", "too_large" };
    lists(vars, (const char *const[]){ "keys", "columns", NULL });
    for (size_t i = 0; i < JB_COUNT(texts); i++)
        put(vars, texts[i], HOSTILE);
    put(vars, "mode", "upsert");
    flag(vars, "direct", true);
    flag(vars, "ignore_existing", false);
    flag(vars, "backup_first", false);
    number(vars, "bytes_max", 1);
    struct jb_str html = page_of(scope, "admin/import.html", vars);
    CHECK(!has(html, "<script>alert"));
    CHECK(has(html, "enctype=\"multipart/form-data\""));
    size_t main = jb_str_find(html, JB_STR("enctype"), 0);
    CHECK(jb_str_find(html, JB_STR("name=\"csrf\""), main) < jb_str_find(html, JB_STR("type=\"file\""), main));
    CHECK(has(html, "value=\"upsert\" checked"));
}

static struct jb_vars *job_vars(struct jb_scope *scope, const char *status)
{
    struct jb_vars *vars = jb_vars_new(scope), *job = jb_vars_new(scope);
    lists(vars, (const char *const[]){ "tiles", "steps", "facts", "refused", "notes", "chips", "differences", "mix", "jobs", NULL });
    number(job, "id", 17);
    number(job, "progress", 42);
    put(job, "title", "현금출납부 가져오기");
    put(job, "file", HOSTILE);
    put(job, "user", HOSTILE);
    put(job, "status", status);
    put(job, "status_words", "진행 중");
    put(job, "summary", HOSTILE);
    put(job, "created", "2025-11-20 14:31");
    put(job, "size", "142 MiB");
    flag(job, "import", true);
    jb_vars_vars(vars, "job", job);
    put(vars, "path", "/admin/jobs/17/");
    put(vars, "refused_counts", "1건");
    struct jb_vars *error = jb_vars_append(vars, "refused");
    put(error, "row", "19");
    put(error, "column", "수입");
    put(error, "value", HOSTILE);
    put(error, "reason", HOSTILE);
    put(jb_vars_append(vars, "notes"), "text", HOSTILE);
    no_pages(vars);
    return vars;
}

JB_TEST("a running job's page names its stream, and refreshes by itself without a script")
{
    struct jb_vars *vars = job_vars(scope, "running");
    number(vars, "progress", 42);
    put(vars, "rows", "420,000");
    put(vars, "total", " / 1,000,000행");
    put(vars, "left", "약 12초");
    put(vars, "spoken", "반영 중, 25 %");
    put(vars, "cancel_words", "취소하면 아무것도 반영되지 않습니다.");
    flag(vars, "no_worker", true);
    struct jb_str html = page_of(scope, "admin/job_running.html", vars);
    CHECK(has(html, "data-events=\"/admin/jobs/17/events\""));
    CHECK(has(html, "<noscript><meta http-equiv=\"refresh\" content=\"2\"></noscript>"));
    CHECK(has(html, "jangbu worker"));
    CHECK(!has(html, "<script>alert"));
}

JB_TEST("an ended job's page shows refused rows with their reasons, escaped")
{
    struct jb_vars *vars = job_vars(scope, "done");
    put(vars, "outcome", "90,000행을 반영했습니다.");
    put(vars, "outcome_more", HOSTILE);
    put(vars, "list_path", "/admin/cash/cashbook/");
    flag(vars, "download", false);
    flag(vars, "refused_file", true);
    flag(vars, "differences_file", true);
    flag(vars, "retry", true);
    struct jb_str html = page_of(scope, "admin/job_ended.html", vars);
    CHECK(has(html, "refused.xlsx"));
    CHECK(!has(html, "<script>alert"));
}

JB_TEST("a preview shows differences from before to after")
{
    struct jb_vars *vars = job_vars(scope, "waiting"), *difference = jb_vars_append(vars, "differences");
    put(difference, "row", "2");
    put(difference, "key", HOSTILE);
    put(difference, "label", "거래처");
    put(difference, "before", HOSTILE);
    put(difference, "after", NULL);
    flag(difference, "has_before", true);
    put(vars, "mix_words", "새로 1");
    put(vars, "confirm", "1행 반영");
    put(vars, "expires", "2025-11-28 14:31");
    flag(vars, "nothing", false);
    struct jb_str html = page_of(scope, "admin/preview.html", vars);
    CHECK(has(html, "<del>"));
    CHECK(has(html, "(빈칸)"));
    CHECK(!has(html, "<script>alert"));
}

JB_TEST("the sign-in page keeps the name and where to go, escaped")
{
    struct jb_vars *vars = jb_vars_new(scope);
    put(vars, "problem", "로그인하지 못했습니다.");
    put(vars, "username", HOSTILE);
    put(vars, "next", HOSTILE);
    struct jb_str html = page_of(scope, "admin/login.html", vars);
    CHECK(has(html, "role=\"alert\""));
    CHECK(!has(html, "<script>alert"));
}

JB_TEST("index, jobs, export, delete and error pages are well-formed")
{
    struct jb_vars *vars = book(scope, job_vars(scope, "done"));
    lists(vars, (const char *const[]){ "apps", "columns", "rows", "detail", NULL });
    static const char *const texts[] = { "counts", "words", "here_link", "question", "problem", "back", "title", "message", "request_id", "time", "status" };
    for (size_t i = 0; i < JB_COUNT(texts); i++)
        put(vars, texts[i], HOSTILE);
    static const char *const flags[] = { "no_worker", "at_once", "too_many", "filtered", "single", "retry", "open" };
    for (size_t i = 0; i < JB_COUNT(flags); i++)
        flag(vars, flags[i], i % 2 == 0);
    number(vars, "count", 3);
    number(vars, "more", 0);
    static const char *const names[] = { "admin/index.html", "admin/jobs.html", "admin/export.html", "admin/delete.html", "error.html" };
    for (size_t i = 0; i < JB_COUNT(names); i++)
        CHECK(!has(page_of(scope, names[i], vars), "<script>alert"));
}
