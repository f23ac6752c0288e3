/* static.c — embedded files under /static/: by a name that contains their hash, for ever; by their plain name, asked again each time. Text is compressed once, at start. */
// SPDX-License-Identifier: Apache-2.0
#include "web/web_private.h"
#include <sodium.h>
#include <string.h>
#include <zlib.h>

static const struct {
    const char *ending, *type;
    bool text;
} types[] = {
    { ".css", "text/css; charset=utf-8", true },
    { ".js", "text/javascript; charset=utf-8", true },
    { ".svg", "image/svg+xml", true },
    { ".json", "application/json", true },
    { ".txt", "text/plain; charset=utf-8", true },
    { ".png", "image/png", false },
    { ".ico", "image/x-icon", false },
    { ".webp", "image/webp", false },
    { ".woff2", "font/woff2", false },
};

/* ---- at start ------------------------------------------------------------------------------------------------------------------- */

static struct jb_str gzip(struct jb_scope *scope, struct jb_str data)
{
    z_stream stream = { 0 };
    size_t room = compressBound(data.size) + 64;
    char *out = jb_alloc(scope, room);

    JB_CHECK(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)data.data;
    stream.avail_in = (uInt)data.size;
    stream.next_out = (Bytef *)out;
    stream.avail_out = (uInt)room;
    JB_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    size_t size = stream.total_out;
    deflateEnd(&stream);
    return size + size / 10 < data.size ? (struct jb_str){ out, size } : JB_STR_NULL;
}

static bool add_static(struct jb_scope *scope, struct jb_web *web, const struct jb_asset *asset)
{
    struct jb__static *file = JB_NEW(web->scope, struct jb__static);
    unsigned char hash[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof hash + 1];
    bool text = false;

    file->name = jb_str_of(asset->name);
    file->data = (struct jb_str){ asset->data, asset->size };
    for (size_t i = 0; i < JB_COUNT(types); i++)
        if (jb_str_ends(file->name, jb_str_of(types[i].ending))) {
            file->type = types[i].type;
            text = types[i].text;
        }
    size_t dot = file->name.size;
    while (dot > 0 && file->name.data[dot - 1] != '.')
        dot--;
    if (!file->type || dot < 2)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "정적 파일 ‘%s’: 모르는 종류입니다.", "static file '%s' is of no known kind."), asset->name);
    crypto_hash_sha256(hash, (const unsigned char *)asset->data, asset->size);
    sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
    struct jb_str hashed = jb_format(web->scope, "%.*s.%.12s%.*s", (int)dot - 1, asset->name, hex, (int)(file->name.size - dot + 1), asset->name + dot - 1);
    struct jb_str cdn = web->options.cdn_domain;
    file->url = cdn.size > 0 ? jb_format(web->scope, "https://%.*s/static/%.*s", JB_FMT(cdn), JB_FMT(hashed)) : jb_format(web->scope, "/static/%.*s", JB_FMT(hashed));
    file->etag = jb_format(web->scope, "\"%.16s\"", hex);
    file->etag_gzip = jb_format(web->scope, "\"%.16s-gz\"", hex);
    if (text)
        file->gzip = gzip(web->scope, file->data);
    jb_map_put(&web->statics, hashed, file);
    jb_map_put(&web->statics, file->name, file);
    return true;
}

static void map_done(void *arg)
{
    jb_map_done(arg);
}

bool jb__statics_open(struct jb_scope *scope, struct jb_web *web)
{
    jb_map_init(&web->statics);
    jb_defer(web->scope, map_done, &web->statics);
    for (size_t i = 0; web->options.statics && web->options.statics[i]; i++)
        for (const struct jb_asset *asset = web->options.statics[i]; asset->name; asset++)
            if (!jb_map_get(&web->statics, jb_str_of(asset->name)) && !add_static(scope, web, asset))
                return false;
    return true;
}

/* ---- answers ----------------------------------------------------------------------------------------------------------------------- */

/* "gzip", not "gzip;q=0". */
static bool accepts_gzip(const struct jb_request *req)
{
    struct jb_str rest = jb_http_header(req->http, "Accept-Encoding");

    while (rest.data) {
        struct jb_str parameters = jb_str_cut(&rest, ','), coding = jb_str_trim(jb_str_cut(&parameters, ';'));
        if (!jb_str_equal_nocase(coding, JB_STR("gzip")))
            continue;
        parameters = jb_str_trim(parameters);
        return !jb_str_is(parameters, "q=0") && !jb_str_starts(parameters, JB_STR("q=0.0"));
    }
    return false;
}

bool jb__etag_matches(struct jb_str header, struct jb_str etag)
{
    struct jb_str rest = header;

    while (rest.data) {
        struct jb_str one = jb_str_trim(jb_str_cut(&rest, ','));
        if (jb_str_starts(one, JB_STR("W/")))
            one = jb_str_slice(one, 2, one.size);
        if (jb_str_equal(one, etag) || jb_str_is(one, "*"))
            return true;
    }
    return false;
}

struct jb_response *jb__static_answer(struct jb_request *req)
{
    struct jb_str path = jb_str_slice(req->path, sizeof "/static/" - 1, req->path.size);
    const struct jb__static *file = jb_map_get(&req->web->statics, path);

    if (!file) {
        jb_fail(req->scope, JB_NOT_FOUND, JB_L(req->scope, "파일 ‘%.*s’은 없습니다.", "There is no file '%.*s'."), JB_FMT(path));
        return jb_problem(req);
    }
    bool packed = file->gzip.data && accepts_gzip(req);
    struct jb_str etag = packed ? file->etag_gzip : file->etag;
    bool same = jb__etag_matches(jb_http_header(req->http, "If-None-Match"), etag);
    struct jb_response *response = jb_respond(req, same ? 304 : 200, same ? NULL : file->type, same ? JB_STR("") : packed ? file->gzip
                                                                                                                          : file->data);
    jb_response_header(response, "Cache-Control", jb_str_equal(path, file->name) ? JB_STR("public, max-age=0, must-revalidate") : JB_STR("public, max-age=31536000, immutable"));
    jb_response_header(response, "ETag", etag);
    if (file->gzip.data)
        jb_response_header(response, "Vary", JB_STR("Accept-Encoding"));
    if (packed && !same)
        jb_response_header(response, "Content-Encoding", JB_STR("gzip"));
    return response;
}
