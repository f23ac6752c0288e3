/* uploads.c — big files in parts: make one, add bytes, ask where it stands, drop it (docs/uploads.md). Near to tus 1.0.0 (https://tus.io), so that its clients work too.
 *
 * The same addresses serve programs (Bearer token) and the import page (session, with the CSRF token as X-CSRF-Token). */
// SPDX-License-Identifier: Apache-2.0
#include "api_private.h"
#include <sodium.h>

enum {
    UPLOAD_CHUNK = 65536,
    NAME_BYTES_MAX = 1024,
};

/* ---- what a request says ---------------------------------------------------------------------------------------------------------- */

/* Whoever may import nothing has no use for an upload. */
static bool may_upload(struct jb_scope *scope)
{
    for (const struct jb_model *const *model = jb_db_models(scope); *model; model++)
        if (!(*model)->hidden && !(*model)->read_only && jb_may_model(scope, "import", *model))
            return true;
    return jb_fail(scope, JB_DENIED, "%s", JB_L(scope, "가져올 수 있는 장부가 없어 파일도 올릴 수 없습니다. 관리자에게 부탁하세요.", "You may import into no book, so there is nothing to upload for. Ask an administrator."));
}

static bool number_header(struct jb_request *req, const char *name, int64_t *ret_number)
{
    struct jb_str text = jb_http_header(req->http, name);
    int64_t number;

    if (!jb_str_to_int64(text, &number) || number < 0 || text.data[0] == '+')
        return jb_fail(req->scope, JB_INVALID, JB_L(req->scope, "머리글 %s: ‘%.*s’ 대신 바이트 수를 적으세요.", "header %s: give a number of bytes, not '%.*s'."), name, JB_FMT(text));
    *ret_number = number;
    return true;
}

/* "filename bG9uZyBuYW1lLnhsc3g=,filetype …": the name, decoded; NULL text without one. */
static struct jb_str name_of_metadata(struct jb_request *req)
{
    struct jb_str rest = jb_http_header(req->http, "Upload-Metadata");
    char *bytes = jb_alloc(req->scope, NAME_BYTES_MAX);
    size_t size;

    while (rest.data) {
        struct jb_str value = jb_str_trim(jb_str_cut(&rest, ',')), key = jb_str_cut(&value, ' ');
        if (jb_str_is(key, "filename") && value.data && sodium_base642bin((unsigned char *)bytes, NAME_BYTES_MAX, value.data, value.size, NULL, &size, NULL, sodium_base64_VARIANT_ORIGINAL) == 0)
            return (struct jb_str){ bytes, size };
    }
    return JB_STR_NULL;
}

/* ---- answers -------------------------------------------------------------------------------------------------------------------------- */

static void put_headers(struct jb_request *req, struct jb_response *response, const struct jb_upload *upload)
{
    struct jb_scope *scope = req->http->scope;
    char *expires = jb_alloc(scope, JB_TIME_TEXT_SIZE);

    jb_response_header(response, "Tus-Resumable", JB_STR("1.0.0"));
    jb_response_header(response, "Upload-Offset", jb_format(scope, "%lld", (long long)upload->offset));
    jb_response_header(response, "Upload-Length", jb_format(scope, "%lld", (long long)upload->row.bytes));
    jb_response_header(response, "Upload-Expires", jb_time_http(upload->expires_at, expires));
    jb_response_header(response, "Cache-Control", JB_STR("no-store"));
}

static struct jb_response *answer(struct jb_request *req, const struct jb_upload *upload, int status)
{
    struct jb_buf buf = JB_BUF_INIT(1 << 16);
    struct jb_json_writer writer;

    jb_json_start(&writer, &buf);
    jb_json_object(&writer);
    jb_json_put(&writer, "upload", jb_v(upload->row.token));
    jb_json_put(&writer, "file", jb_v(upload->row.file_name));
    jb_json_put(&writer, "length", jb_v(upload->row.bytes));
    jb_json_put(&writer, "offset", jb_v(upload->offset));
    jb_json_put(&writer, "expires_at", jb_v(upload->expires_at));
    jb_json_object_end(&writer);
    struct jb_response *response = jb_respond_json(req, status, &buf);
    jb_buf_done(&buf);
    put_headers(req, response, upload);
    return response;
}

/* A failure, with where the upload stands when it is there. */
static struct jb_response *problem_of(struct jb_request *req)
{
    struct jb_response *response = jb_problem(req);
    struct jb_upload upload;

    jb_failure_clear(req->scope);
    if (jb_upload_get(req->scope, jb_path_text(req, "id"), &upload))
        jb_response_header(response, "Upload-Offset", jb_format(req->http->scope, "%lld", (long long)upload.offset));
    jb_failure_clear(req->scope);
    return response;
}

/* ---- views ------------------------------------------------------------------------------------------------------------------------------- */

struct jb_response *jb__api_upload_new(struct jb_request *req)
{
    struct jb_str name = jb_query_text(req, "file_name"), hash = jb_query_text(req, "sha256");
    struct jb_upload upload;
    int64_t bytes;

    if (name.size == 0)
        name = name_of_metadata(req);
    if (!may_upload(req->scope) || !number_header(req, "Upload-Length", &bytes) || !jb_upload_new(req->scope, name.size ? name : JB_STR("upload"), bytes, hash.size ? hash : JB_STR_NULL, &upload))
        return jb_problem(req);
    struct jb_response *response = answer(req, &upload, 201);
    jb_response_header(response, "Location", jb_format(req->http->scope, "/api/uploads/%.*s", JB_FMT(upload.row.token)));
    return response;
}

struct jb_response *jb__api_upload(struct jb_request *req)
{
    struct jb_upload upload;
    return jb_upload_get(req->scope, jb_path_text(req, "id"), &upload) ? answer(req, &upload, 200) : jb_problem(req);
}

static bool add_body(struct jb_request *req, struct jb_append *append)
{
    char *bytes = jb_alloc(req->scope, UPLOAD_CHUNK);
    size_t got;

    do {
        if (!jb_body_read(req, bytes, UPLOAD_CHUNK, &got) || (got > 0 && !jb_upload_write(append, req->scope, bytes, got)))
            return false;
    } while (got > 0);
    return true;
}

/* What the length says is refused before the body is read. */
static bool fits(struct jb_request *req, const struct jb_upload *upload)
{
    int64_t bytes = req->http->body_bytes;

    if (jb_form_is_multipart(req)) /* whose CSRF token would stand in the form */
        return jb_fail(req->scope, JB_INVALID, "%s", JB_L(req->scope, "파일의 바이트를 그대로 보내세요 (application/offset+octet-stream).", "Send the bytes of the file as they are (application/offset+octet-stream)."));
    return bytes <= upload->row.bytes - upload->offset ||
           jb_fail(req->scope, JB_LIMIT, JB_L(req->scope, "파일 ‘%.*s’은(는) %lld바이트이고 %lld바이트가 와 있어, %lld바이트를 더 받을 수 없습니다.", "The file %.*s has %lld bytes and %lld are here: there is no room for %lld more."), JB_FMT(upload->row.file_name),
               (long long)upload->row.bytes, (long long)upload->offset, (long long)bytes);
}

struct jb_response *jb__api_upload_add(struct jb_request *req)
{
    struct jb_str token = jb_path_text(req, "id");
    struct jb_upload upload;
    struct jb_append *append;
    int64_t offset;

    if (!number_header(req, "Upload-Offset", &offset) || !jb_upload_get(req->scope, token, &upload) || !(append = jb_upload_open(req->scope, token, offset)) || !fits(req, &upload) || !add_body(req, append) ||
        !jb_upload_sync(append, req->scope, &upload))
        return problem_of(req);
    struct jb_response *response = jb_respond(req, 204, NULL, JB_STR(""));
    put_headers(req, response, &upload);
    return response;
}

struct jb_response *jb__api_upload_drop(struct jb_request *req)
{
    if (!jb_upload_drop(req->scope, jb_path_text(req, "id")))
        return jb_problem(req);
    struct jb_response *response = jb_respond(req, 204, NULL, JB_STR(""));
    jb_response_header(response, "Tus-Resumable", JB_STR("1.0.0"));
    return response;
}
