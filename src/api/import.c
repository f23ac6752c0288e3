/* import.c — a sheet by HTTP: the body itself or a multipart field, streamed into the spool; the result object, or a job to ask for it. */
// SPDX-License-Identifier: Apache-2.0
#include "api_private.h"

enum { UPLOAD_CHUNK = 65536 };

bool jb__api_known(struct jb_request *req, const char *const *names, size_t count)
{
    struct jb_str *known = JB_NEW_ARRAY(req->scope, struct jb_str, count + 1);

    for (size_t i = 0; i < count; i++)
        known[i] = jb_str_of(names[i]);
    for (size_t p = 0; p < req->query_param_count; p++) {
        struct jb_str name = req->query_params[p].name;
        size_t i = 0;
        while (i < count && !jb_str_equal(name, known[i]))
            i++;
        if (i < count)
            continue;
        struct jb_str nearest = jb_nearest(name, known, count);
        return jb_fail(req->scope, JB_INVALID, JB_L(req->scope, "‘%.*s’: 이 요청의 선택 항목이 아닙니다.%s%.*s", "'%.*s' is no option of this request.%s%.*s"), JB_FMT(name),
            nearest.data ? JB_L(req->scope, " 아마: ", " Nearest: ") : "", JB_FMT(nearest));
    }
    return true;
}

static bool known_parameters(struct jb_request *req)
{
    static const char *const names[] = { "mode", "match_on", "on_error", "sheet", "encoding", "format", "batch_rows", "limit_refused", "ignore_existing", "dry_run", "differences", "backup_first", "file_name", "header_row", "map", "default", "upload" };

    return jb__api_known(req, names, JB_COUNT(names));
}

bool jb__api_once(struct jb_request *req, struct jb_str *ret_once)
{
    struct jb_str key = jb_http_header(req->http, "Idempotency-Key");

    if (key.size > 200)
        return jb_fail(req->scope, JB_INVALID, "%s", JB_L(req->scope, "Idempotency-Key는 200자까지입니다.", "Idempotency-Key has at most 200 characters."));
    *ret_once = key.size ? key : JB_STR_NULL;
    if (!key.size && jb_query_text(req, "upload").data) /* an upload makes one job, or one go on, however often it is asked for */
        *ret_once = jb_format(req->scope, "upload %.*s", JB_FMT(jb_query_text(req, "upload")));
    return true;
}

/* All of map=… or default=…. */
static bool read_pairs(struct jb_request *req, const char *name, bool by_last, struct jb_import_pairs *ret_pairs)
{
    struct jb_import_pair *pairs = JB_NEW_ARRAY(req->scope, struct jb_import_pair, req->query_param_count + 1);
    size_t count = 0;

    for (size_t i = 0; i < req->query_param_count; i++)
        if (jb_str_is(req->query_params[i].name, name) && !jb_import_pair_read(req->scope, name, req->query_params[i].value, by_last, &pairs[count++]))
            return false;
    *ret_pairs = (struct jb_import_pairs){ pairs, count };
    return true;
}

static struct jb_str typed_format(struct jb_request *req)
{
    enum jb_sheet_format format = jb_sheet_format_typed(jb_http_header(req->http, "Content-Type"));
    return format == JB_SHEET_AUTO ? JB_STR_NULL : jb_str_of(jb_sheet_format_name(format));
}

static bool read_options(struct jb_request *req, struct jb_import_options *ret_options)
{
    static const char *const modes[] = { "upsert", "insert", "update", NULL }, *const on_errors[] = { "abort", "skip", NULL };
    struct jb_import_options options = { 0 };
    int mode, on_error;
    int64_t batch = 0;

    if (!known_parameters(req) || !jb__api_choice(req, "mode", modes, &mode) || !jb__api_choice(req, "on_error", on_errors, &on_error) || !jb__api_int(req, "batch_rows", 1, 100000, &batch) ||
        !jb__api_int(req, "limit_refused", 0, INT32_MAX, &options.limit_refused) || !jb__api_flag(req, "ignore_existing", &options.ignore_existing) || !jb__api_flag(req, "dry_run", &options.dry_run) ||
        !jb__api_flag(req, "differences", &options.differences) || !jb__api_flag(req, "backup_first", &options.backup_first))
        return false;
    if (options.differences && !options.dry_run)
        return jb_fail(req->scope, JB_INVALID, "%s", JB_L(req->scope, "differences는 dry_run=true와 함께 적으세요.", "differences goes with dry_run=true."));
    options.mode = (enum jb_import_mode[]){ JB_UPSERT, JB_INSERT, JB_UPDATE_ONLY }[mode];
    options.on_error = on_error ? JB_SKIP : JB_ABORT;
    options.batch_rows = (int)batch;
    options.match_on = jb_query_text(req, "match_on");
    options.sheet = jb_query_text(req, "sheet");
    options.encoding = jb_query_text(req, "encoding");
    options.format = jb_query_text(req, "format");
    if (!options.format.size && !jb_query_text(req, "file_name").size) /* a body without a name may say by its type what it is */
        options.format = typed_format(req);
    if (!jb__api_once(req, &options.once) || !jb__api_int(req, "header_row", 1, INT64_MAX, &options.head_row) || !read_pairs(req, "map", true, &options.map) || !read_pairs(req, "default", false, &options.defaults))
        return false;
    *ret_options = options;
    return true;
}

/* ---- the bytes --------------------------------------------------------------------------------------------------------------------- */

static bool take_part(struct jb_request *req, void *arg, struct jb_multipart *multipart, const struct jb_multipart_part *part)
{
    struct jb_spool **spool = arg;
    char *bytes = jb_alloc(req->scope, UPLOAD_CHUNK);
    size_t got;

    if (*spool)
        return jb_fail(req->scope, JB_INVALID, "%s", JB_L(req->scope, "파일은 하나만 올릴 수 있습니다.", "Upload one file only."));
    *spool = jb_spool_open(req->scope, part->filename);
    if (!*spool)
        return false;
    do {
        if (!jb_multipart_read(multipart, bytes, UPLOAD_CHUNK, &got) || (got > 0 && !jb_spool_write(*spool, req->scope, bytes, got)))
            return false;
    } while (got > 0);
    return true;
}

static bool take_body(struct jb_request *req, struct jb_spool **spool)
{
    struct jb_str name = jb_query_text(req, "file_name");
    char *bytes = jb_alloc(req->scope, UPLOAD_CHUNK);
    size_t got;

    *spool = jb_spool_open(req->scope, name.size ? name : JB_STR("upload"));
    if (!*spool)
        return false;
    do {
        if (!jb_body_read(req, bytes, UPLOAD_CHUNK, &got) || (got > 0 && !jb_spool_write(*spool, req->scope, bytes, got)))
            return false;
    } while (got > 0);
    return true;
}

bool jb__api_take_upload(struct jb_request *req, struct jb_spool **ret_spool)
{
    struct jb_str upload = jb_query_text(req, "upload");
    struct jb_spool *spool = NULL;

    if (upload.data)
        return (*ret_spool = jb_upload_spool(req->scope, upload)) != NULL;
    if (!jb_spool_room(req->scope, req->http->body_bytes))
        return false;
    if (!(jb_form_is_multipart(req) ? jb_form_parts(req, take_part, &spool) : take_body(req, &spool)))
        return false;
    if (!spool || jb_spool_bytes(spool) == 0)
        return jb_fail(req->scope, JB_INVALID, "%s", JB_L(req->scope, "파일이 없거나 비어 있습니다. 요청의 본문이나 multipart 항목으로 보내세요.", "There is no file, or it is empty. Send it as the body or as a multipart field."));
    *ret_spool = spool;
    return true;
}

struct jb_response *jb__api_import(struct jb_request *req)
{
    const struct jb_model *model = req->route->context;
    struct jb_import_options options;
    struct jb_spool *spool = NULL;
    int64_t job;
    bool ended;

    if (!read_options(req, &options) || !jb__api_may_import(req->scope, model, options.mode))
        return jb_problem(req);
    if (!jb__api_take_upload(req, &spool))
        return jb_import_repeated(req->scope, model, &options, &job) ? jb__api_job_answer(req, job, 0) : jb_problem(req);
    if (!jb_import_submit(req->scope, model, spool, &options, &job, &ended))
        return jb_problem(req);
    return jb__api_job_answer(req, job, 0);
}
