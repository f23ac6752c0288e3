/* jobs.c — imports and exports as jobs: the list, the page of one (running, waiting, ended), and what can be done to it. */
// SPDX-License-Identifier: Apache-2.0
#include "admin_private.h"
#include "job_fields.h"

enum {
    JOBS_A_PAGE = 50,
    REFUSED_SHOWN = 200,
};

/* ---- words ------------------------------------------------------------------------------------------------------------------------ */

struct jb_str jb__status_words(struct jb_scope *scope, struct jb_str status)
{
    static const struct {
        const char *name, *ko, *en;
    } words[] = {
        { "queued", "대기", "Queued" },
        { "running", "진행 중", "Running" },
        { "waiting", "확인 기다림", "Waiting" },
        { "done", "끝남", "Done" },
        { "failed", "실패", "Failed" },
        { "cancelled", "취소됨", "Cancelled" },
    };
    for (size_t i = 0; i < JB_COUNT(words); i++)
        if (jb_str_is(status, words[i].name))
            return jb_str_of(JB_L(scope, words[i].ko, words[i].en));
    return status;
}

static const struct jb_model *model_of(struct jb_scope *scope, struct jb_str full_name)
{
    const struct jb_model *model = jb_model_find(scope, full_name);
    if (!model)
        jb_failure_clear(scope); /* a job of a model that is gone is still a job */
    return model;
}

static struct jb_str job_title(struct jb_scope *scope, const struct import_job *job, const struct jb_model *model)
{
    struct jb_str label = model ? jb_model_label(model, scope) : job->model;
    bool import = jb_str_is(job->kind, "import");
    if (jb_str_is(job->kind, "undo"))
        return jb_format(scope, JB_L(scope, "%.*s 되돌리기", "Undo %.*s"), JB_FMT(label));
    if (job->dry_run)
        return jb_format(scope, JB_L(scope, "%.*s 가져오기 시험", "Trial import of %.*s"), JB_FMT(label));
    return jb_format(scope, import ? JB_L(scope, "%.*s 가져오기", "Import %.*s") : JB_L(scope, "%.*s 내보내기", "Export %.*s"), JB_FMT(label));
}

/* The last column of the list: what came of it, or how far it is. */
static struct jb_str job_summary(struct jb_scope *scope, const struct import_job *job)
{
    struct jb_str fresh = jb__number(scope, job->new_rows), changed = jb__number(scope, job->changed), rows = jb__number(scope, job->rows);

    if (jb_str_is(job->status, "failed"))
        return jb_utf8_first(job->reason, 120);
    if (jb_str_is(job->status, "queued"))
        return jb_str_of(JB_L(scope, "작업자를 기다림", "Waits for a worker"));
    if (jb_str_is(job->status, "waiting"))
        return jb_format(scope, JB_L(scope, "확인해 주세요: 새로 %.*s, 고침 %.*s", "Please confirm: new %.*s, changed %.*s"), JB_FMT(fresh), JB_FMT(changed));
    if (jb_str_is(job->status, "done") && jb_str_is(job->kind, "undo"))
        return jb__undo_summary(scope, job);
    if (jb_str_is(job->status, "done") && jb_str_is(job->kind, "import"))
        return jb_format(scope, JB_L(scope, "새로 %.*s, 고침 %.*s", "New %.*s, changed %.*s"), JB_FMT(fresh), JB_FMT(changed));
    return jb_format(scope, JB_L(scope, "%.*s행", "%.*s rows"), JB_FMT(rows));
}

static bool is_open(const struct import_job *job)
{
    return jb_str_is(job->status, "queued") || jb_str_is(job->status, "running");
}

static void job_vars(struct jb_request *req, const struct import_job *job, const struct jb_model *model, struct jb_vars *vars)
{
    struct jb_scope *scope = req->scope;

    jb__set(vars, "id", job->id);
    jb_vars_text(vars, "title", job_title(scope, job, model));
    jb__set(vars, "import", (bool)jb_str_is(job->kind, "import"));
    jb_vars_text(vars, "file", job->file_name);
    jb_vars_text(vars, "user", job->user);
    jb_vars_text(vars, "status", job->status);
    jb_vars_text(vars, "status_words", jb__status_words(scope, job->status));
    jb__set(vars, "progress", (int64_t)job->progress);
    jb_vars_text(vars, "summary", job_summary(scope, job));
    jb_vars_text(vars, "created", jb__clock(req, job->created_at));
    jb_vars_text(vars, "size", job->file_bytes > 0 ? jb__bytes(scope, job->file_bytes) : JB_STR_NULL);
}

/* ---- the list ----------------------------------------------------------------------------------------------------------------------- */

bool jb__jobs_rows(struct jb_request *req, struct jb_vars *vars, int64_t offset, int64_t limit)
{
    struct jb_scope *scope = req->scope;
    const struct jb_user *user = jb_actor(scope);
    struct jb_rows *rows = jb_select(scope, &jb_import_job, .where = JB_SQL("(? or user_id = ?)", user->superuser, user->id), .order = JB_STR("-id"), .limit = limit, .offset = offset);

    jb_vars_list(vars, "jobs");
    if (!rows)
        return false;
    for (JB_EACH_ROW(rows, struct import_job, job)) {
        struct import_job live = *job;
        if (is_open(job) && !jb_job_get(scope, job->id, &live))
            return false;
        job_vars(req, &live, model_of(scope, live.model), jb_vars_append(vars, "jobs"));
    }
    return true;
}

static bool no_worker(struct jb_scope *scope)
{
    return jb_workers_alive(scope) == 0;
}

struct jb_response *jb__jobs_view(struct jb_request *req)
{
    struct jb_scope *scope = req->scope;
    const struct jb_user *user = jb_actor(scope);
    struct jb_vars *vars = jb_vars_new(scope);
    int64_t page = 1;

    if (!jb__staff(scope))
        return jb_problem(req);
    int64_t count = jb_count(scope, &jb_import_job, .where = JB_SQL("(? or user_id = ?)", user->superuser, user->id));
    int64_t open = jb_count(scope, &jb_import_job, .where = JB_SQL("(? or user_id = ?) and status in ('queued', 'running')", user->superuser, user->id));
    if (count < 0 || open < 0)
        return jb_problem(req);
    int64_t pages = JB_MAX(1, (count + JOBS_A_PAGE - 1) / JOBS_A_PAGE);
    if (!jb_str_to_int64(jb_query_text(req, "page"), &page) || page < 1)
        page = 1;
    page = JB_MIN(page, pages);
    if (!jb__jobs_rows(req, vars, (page - 1) * JOBS_A_PAGE, JOBS_A_PAGE))
        return jb_problem(req);
    struct jb_str all = jb__number(scope, count), now = jb__number(scope, open);
    jb_vars_text(vars, "counts", jb_format(scope, JB_L(scope, "모두 %.*s건, 진행 중 %.*s건", "%.*s in all, %.*s running or waiting"), JB_FMT(all), JB_FMT(now)));
    jb__set(vars, "count", count);
    jb__set(vars, "open", open);
    jb__set(vars, "no_worker", (bool)(open > 0 && no_worker(scope)));
    jb__pager(req, vars, page, pages);
    return jb_page_vars(req, 200, "admin/jobs.html", vars);
}

/* ---- one job ------------------------------------------------------------------------------------------------------------------------- */

bool jb__job_read(struct jb_request *req, struct import_job *ret_job)
{
    int64_t id;
    return jb__staff(req->scope) && jb_path_int(req, "id", &id) && jb_job_get(req->scope, id, ret_job);
}

static void tile(struct jb_vars *vars, const char *label, struct jb_str value, const char *unit, const char *class, const char *field)
{
    struct jb_vars *inner = jb_vars_append(vars, "tiles");
    jb_vars_text(inner, "label", jb_str_of(label));
    jb_vars_text(inner, "value", value);
    jb_vars_text(inner, "unit", jb_str_of(unit));
    jb_vars_text(inner, "class", jb_str_of(class));
    jb_vars_text(inner, "field", jb_str_of(field));
}

const char *jb__conflict_words(struct jb_scope *scope, const struct import_job *job)
{
    return job->conflicts > 0 ? jb_format(scope, JB_L(scope, " (겹침 %.*s)", " (conflicts: %.*s)"), JB_FMT(jb__number(scope, job->conflicts))).data : "";
}

static void tiles(struct jb_scope *scope, const struct import_job *job, struct jb_vars *vars)
{
    int64_t rate = job->micros > 0 && !is_open(job) ? (int64_t)((double)job->rows * 1000000.0 / (double)job->micros) : 0;

    jb_vars_list(vars, "tiles");
    if (jb_str_is(job->kind, "import")) {
        tile(vars, JB_L(scope, "새로 넣음", "New"), jb__number(scope, job->new_rows), NULL, job->new_rows ? "pos" : "muted", "new");
        tile(vars, JB_L(scope, "고침", "Changed"), jb__number(scope, job->changed), NULL, job->changed ? "" : "muted", "changed");
        tile(vars, JB_L(scope, "그대로", "Unchanged"), jb__number(scope, job->unchanged), NULL, "muted", "unchanged");
        tile(vars, JB_L(scope, "거절", "Refused"), jb__number(scope, job->refused), is_open(job) ? NULL : jb__conflict_words(scope, job), job->refused ? "neg" : "muted", "refused");
    } else if (jb_str_is(job->kind, "undo")) {
        tile(vars, JB_L(scope, "지움", "Removed"), jb__number(scope, is_open(job) ? job->new_rows : job->removed), NULL, "", "new");
        tile(vars, JB_L(scope, "되돌림", "Restored"), jb__number(scope, job->changed), NULL, job->changed ? "" : "muted", "changed");
        tile(vars, JB_L(scope, "남김", "Left"), jb__number(scope, job->refused), NULL, job->refused ? "neg" : "muted", "refused");
    } else
        tile(vars, JB_L(scope, "행", "Rows"), jb__number(scope, job->rows), NULL, "", "rows");
    tile(vars, JB_L(scope, "속도", "Rate"), rate || !is_open(job) ? jb__number(scope, rate) : JB_STR("–"), JB_L(scope, "행/초", "rows/s"), "", "rate");
    if (!is_open(job))
        tile(vars, JB_L(scope, "걸린 시간", "Time"), jb__seconds(scope, job->micros), NULL, "", NULL);
}

/* The sentence on top of an ended job: what happened, and how to go on. */
static void outcome(struct jb_scope *scope, const struct import_job *job, struct jb_vars *vars)
{
    int64_t applied = job->new_rows + job->changed;
    struct jb_str count = jb__number(scope, applied), rows = jb__number(scope, job->rows), refused = jb__number(scope, job->refused);
    struct jb_str time = jb__seconds(scope, job->micros);
    struct jb_str head, rest = JB_STR("");

    if (jb_str_is(job->status, "failed")) {
        head = jb_str_of(applied + job->removed > 0 ? JB_L(scope, "끝내지 못했습니다.", "It did not come to its end.") : jb_str_is(job->kind, "import") ? JB_L(scope, "아무것도 반영하지 않았습니다.", "Nothing was applied.")
                                                                                                                     : jb_str_is(job->kind, "undo")     ? JB_L(scope, "되돌리지 못했습니다.", "Nothing was undone.")
                                                                                                                                                        : JB_L(scope, "내보내지 못했습니다.", "Nothing was exported."));
        rest = jb__without_head(job->reason, jb_str_slice(head, 0, head.size - 1));
    } else if (jb_str_is(job->status, "cancelled")) {
        head = jb_str_of(JB_L(scope, "취소했습니다.", "Cancelled."));
        rest = applied > 0 ? jb_format(scope, JB_L(scope, "이미 반영된 %.*s행은 남아 있습니다.", "The %.*s rows already applied stay."), JB_FMT(count)) : jb_str_of(JB_L(scope, "바뀐 것은 없습니다.", "Nothing was changed."));
    } else if (jb_str_is(job->kind, "undo")) {
        jb__undo_outcome(scope, job, vars);
        return;
    } else if (jb_str_is(job->kind, "export")) {
        head = jb_format(scope, JB_L(scope, "%.*s행을 내보냈습니다.", "%.*s rows exported."), JB_FMT(rows));
        rest = jb_str_of(JB_L(scope, "아래에서 내려받으세요.", "Download the file below."));
    } else {
        head = job->dry_run ? jb_format(scope, JB_L(scope, "시험해 보았습니다. %.*s행을 반영하게 됩니다.", "A trial: %.*s rows would be applied."), JB_FMT(count)) : jb_format(scope, JB_L(scope, "%.*s행을 반영했습니다.", "%.*s rows applied."), JB_FMT(count));
        rest = jb_format(scope, JB_L(scope, "%.*s행을 %.*s에 읽었습니다.", "%.*s rows read in %.*s."), JB_FMT(rows), JB_FMT(time));
        if (job->refused > 0 && job->dry_run)
            rest = jb_format(scope, JB_L(scope, "%.*s %.*s행은 거절하게 됩니다.", "%.*s %.*s would be refused."), JB_FMT(rest), JB_FMT(refused));
        else if (job->refused > 0)
            rest = jb_format(scope, JB_L(scope, "%.*s %.*s행은 거절했습니다. 거절된 행을 고쳐 다시 올리면 그 행만 더해집니다.", "%.*s Refused: %.*s. Correct those rows and upload them again: only they are added."), JB_FMT(rest), JB_FMT(refused));
    }
    jb_vars_text(vars, "outcome", head);
    jb_vars_text(vars, "outcome_more", rest);
}

/* What the form wants that takes the corrected rows. */
static void continue_vars(struct jb_request *req, const struct import_job *job, struct jb_vars *vars)
{
    const struct jb_admin_options *options = &jb__site_of(req->scope)->options;

    jb_vars_text(vars, "once", jb_form_once(req));
    jb__set(vars, "bytes_max", options->upload_bytes_max);
    jb_vars_text(vars, "too_large", jb__too_large(req->scope, options->upload_bytes_max));
    jb_vars_text(vars, "kept_until", jb__clock(req, job->expires_at));
}

static struct jb_response *ended_page(struct jb_request *req, const struct import_job *job, const struct jb_model *model, struct jb_vars *vars, int status)
{
    const struct jb__book *book = model ? jb__book_find(req->scope, model) : NULL;

    outcome(req->scope, job, vars);
    tiles(req->scope, job, vars);
    if (!jb__refused_vars(req, job, model, vars, REFUSED_SHOWN) || !jb__job_facts(req, job, model, vars))
        return jb_problem(req);
    bool file = job->result.size > 0, export = jb_str_is(job->kind, "export");
    jb__set(vars, "download", (bool)(file && export));
    jb__set(vars, "refused_file", (bool)(file && !export));
    jb__set(vars, "differences_file", jb_import_has_differences(req->scope, job));
    jb__undo_vars(req, job, vars);
    jb_vars_text(vars, "list_path", book ? book->path : JB_STR_NULL);
    jb__set(vars, "retry", (bool)((jb_str_is(job->status, "failed") || jb_str_is(job->status, "cancelled")) && job->spool.size > 0));
    bool continues = jb_job_continues(req->scope, job);
    jb__set(vars, "continues", continues);
    if (continues)
        continue_vars(req, job, vars);
    return jb_page_vars(req, status, "admin/job_ended.html", vars);
}

static struct jb_response *running_page(struct jb_request *req, const struct import_job *job, const struct jb_model *model, struct jb_vars *vars)
{
    struct jb_scope *scope = req->scope;
    struct jb__fields fields;

    if (!jb__fields_now(scope, job, &fields) || !jb__job_facts(req, job, model, vars))
        return jb_problem(req);
    jb__fields_vars(scope, &fields, vars);
    tiles(scope, job, vars);
    bool skip = jb_str_find(job->options, JB_STR("\"skip\""), 0) != SIZE_MAX;
    jb_vars_text(vars, "cancel_words",
        jb_str_of(jb_str_is(job->kind, "export") ? JB_L(scope, "취소하면 파일이 만들어지지 않습니다.", "Cancelling leaves no file.") : jb_str_is(job->kind, "undo") ? JB_L(scope, "취소하면 아무것도 되돌리지 않습니다.", "Cancelling undoes nothing.")
                                                                                                                                   : skip                           ? JB_L(scope, "취소하면 이미 반영된 행은 남습니다.", "Cancelling keeps the rows already applied.")
                                                                                                                                                                    : JB_L(scope, "취소하면 아무것도 반영되지 않습니다.", "Cancelling leaves everything as it was.")));
    jb__set(vars, "no_worker", no_worker(scope));
    return jb_page_vars(req, 200, "admin/job_running.html", vars);
}

static struct jb_response *poll_answer(struct jb_request *req, const struct import_job *job)
{
    struct jb_buf buf = JB_BUF_INIT(65536);
    struct jb_json_writer writer;
    struct jb__fields fields;

    if (!jb__fields_now(req->scope, job, &fields))
        return jb_problem(req);
    jb_json_start(&writer, &buf);
    jb__fields_json(req->scope, &fields, &writer);
    struct jb_response *response = jb_respond_json(req, 200, &buf);
    jb_buf_done(&buf);
    return response;
}

struct jb_response *jb__job_page(struct jb_request *req, const struct import_job *job, struct jb_str problem, int status)
{
    struct jb_scope *scope = req->scope;
    const struct jb_model *model = model_of(scope, job->model);
    const struct jb__book *book = model ? jb__book_find(scope, model) : NULL;
    struct jb_vars *vars = jb_vars_new(scope), *inner = jb_vars_new(scope);

    job_vars(req, job, model, inner);
    jb_vars_vars(vars, "job", inner);
    jb_vars_text(vars, "problem", problem);
    jb_vars_text(vars, "path", jb_format(scope, "/admin/jobs/%lld/", (long long)job->id));
    if (is_open(job))
        return running_page(req, job, model, vars);
    if (!jb_str_is(job->status, "waiting"))
        return ended_page(req, job, model, vars, status);
    bool asks = jb_str_find(job->options, JB_STR("\"asks\":true"), 0) != SIZE_MAX;
    if (asks || problem.data || jb_str_is(jb_query_text(req, "columns"), "1"))
        return jb__columns_page(req, job, vars, problem, status);
    if (!jb__preview_vars(req, job, model, vars))
        return jb_problem(req);
    jb__set(vars, "asked", (bool)(jb_str_find(job->options, JB_STR("\"columns\":"), 0) != SIZE_MAX));
    tiles(scope, job, vars);
    jb_vars_text(vars, "import_path", book ? jb_format(scope, "%.*simport/", JB_FMT(book->path)) : JB_STR_NULL);
    return jb_page_vars(req, 200, "admin/preview.html", vars);
}

struct jb_response *jb__job_view(struct jb_request *req)
{
    struct import_job job;

    if (!jb__job_read(req, &job))
        return jb_problem(req);
    return req->api ? poll_answer(req, &job) : jb__job_page(req, &job, JB_STR_NULL, 200); /* Accept: application/json */
}

/* ---- what can be done ------------------------------------------------------------------------------------------------------------------ */

static struct jb_response *act(struct jb_request *req, bool (*deed)(struct jb_scope *scope, int64_t job))
{
    struct import_job job;
    bool starts = deed == jb_job_retry || deed == jb_import_confirm;
    if (!jb__job_read(req, &job) || (starts && !jb__job_allowed(req->scope, &job)) || !deed(req->scope, job.id))
        return jb_problem(req);
    return jb_redirect_to(req, jb_format(req->scope, "/admin/jobs/%lld/", (long long)job.id));
}

struct jb_response *jb__job_cancel(struct jb_request *req)
{
    return act(req, jb_job_cancel);
}

struct jb_response *jb__job_retry(struct jb_request *req)
{
    return act(req, jb_job_retry);
}

struct jb_response *jb__job_confirm(struct jb_request *req)
{
    return act(req, jb_import_confirm);
}

struct jb_response *jb__job_discard(struct jb_request *req)
{
    return act(req, jb_import_discard);
}

static bool stream_differences(struct jb_request *req, void *arg)
{
    return jb_import_differences(req->scope, *(const int64_t *)arg, jb_to_client, req);
}

struct jb_response *jb__job_differences(struct jb_request *req)
{
    struct jb_scope *scope = req->scope;
    struct import_job *job = JB_NEW(scope, struct import_job); /* lives as long as the stream */

    if (!jb__job_read(req, job) || !jb_import_tells_differences(scope, job))
        return jb_problem(req);
    struct jb_str name = jb_format(scope, JB_L(scope, "바뀔 내용 %lld", "differences %lld"), (long long)job->id);
    return jb_respond_download(req, jb_sheet_format_type(JB_SHEET_XLSX), jb_format(scope, "%.*s.xlsx", JB_FMT(name)), stream_differences, &job->id, -1);
}

struct jb_response *jb__job_file_view(struct jb_request *req)
{
    struct import_job job;
    struct jb_job_file file;

    if (!jb__job_read(req, &job) || !jb_job_file(req->scope, job.id, &file))
        return jb_problem(req);
    return jb_respond_file(req, jb_sheet_format_type(jb_sheet_format_of_file(file.name)), file.name, file.fd, file.bytes, file.sha256);
}
