// SPDX-License-Identifier: Apache-2.0
#include "talk_site.h"

/* ---- pages ------------------------------------------------------------------------------------------------------------------------ */

JB_FIBER_TEST("a page is served with every security header and an ETag that answers 304")
{
    struct talk *talk = talk_open(scope, SITE());
    struct reply reply = talk_get(talk, "/?q=%3Cscript%3E");

    CHECK_INT(reply.status, 200);
    CHECK(has(reply.body, "<p>&lt;script&gt;</p>"));
    CHECK(has(reply.body, "<html lang=\"ko\">"));
    CHECK_TEXT(reply_header(reply, "Content-Security-Policy"), "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'");
    CHECK_TEXT(reply_header(reply, "X-Content-Type-Options"), "nosniff");
    CHECK_TEXT(reply_header(reply, "X-Frame-Options"), "DENY");
    CHECK_TEXT(reply_header(reply, "Referrer-Policy"), "same-origin");
    CHECK_TEXT(reply_header(reply, "Cross-Origin-Opener-Policy"), "same-origin");
    CHECK_TEXT(reply_header(reply, "Cache-Control"), "max-age=0, must-revalidate");
    CHECK(!reply_header(reply, "Server").data);
    CHECK(!reply_header(reply, "Set-Cookie").data);
    CHECK(!reply_header(reply, "Strict-Transport-Security").data);
    struct jb_str etag = reply_header(reply, "ETag");
    CHECK(etag.size > 10);
    reply = talk_send(talk, "GET", "/?q=%3Cscript%3E", jb_cstr(scope, jb_format(scope, "If-None-Match: W/\"x\", %.*s\r\n", JB_FMT(etag))), JB_STR_NULL);
    CHECK_INT(reply.status, 304);
    CHECK_INT(reply.body.size, 0);
}

JB_FIBER_TEST("the language is the one the browser prefers among ours")
{
    struct talk *talk = talk_open(scope, SITE());

    CHECK(has(talk_send(talk, "GET", "/", "Accept-Language: fr, en-GB;q=0.8, ko;q=0.7\r\n", JB_STR_NULL).body, "lang=\"en\""));
    CHECK(has(talk_send(talk, "GET", "/", "Accept-Language: ko-KR,ko;q=0.9,en;q=0.8\r\n", JB_STR_NULL).body, "lang=\"ko\""));
    CHECK(has(talk_send(talk, "GET", "/", "Accept-Language: fr\r\n", JB_STR_NULL).body, "lang=\"ko\""));
}

JB_FIBER_TEST("GET with a missing or extra slash is sent to the declared form, other methods are served")
{
    struct talk *talk = talk_open(scope, SITE());
    struct reply reply = talk_get(talk, "/items/7?a=1&b=%2F");

    CHECK_INT(reply.status, 308);
    CHECK_TEXT(reply_header(reply, "Location"), "/items/7/?a=1&b=%2F");
    reply = talk_get(talk, "/items/new/");
    CHECK_INT(reply.status, 308);
    CHECK_TEXT(reply_header(reply, "Location"), "/items/new");
    CHECK_TEXT(talk_get(talk, "/items/7/").body, "item 7");
    CHECK_INT(talk_get(talk, "/items/x/").status, 404);
    struct jb_str token = token_of(talk_get(talk, "/login/"));
    CHECK_TEXT(talk_post(talk, "/items/7", jb_format(scope, "csrfmiddlewaretoken=%.*s&text=a+b", JB_FMT(token))).body, "posted a b by 0");
}

JB_FIBER_TEST("HEAD has no body, OPTIONS and unknown methods learn what is allowed")
{
    struct talk *talk = talk_open(scope, SITE());
    struct reply reply = talk_send(talk, "HEAD", "/items/7/", NULL, JB_STR_NULL);

    CHECK_INT(reply.status, 200);
    CHECK_INT(reply.body.size, 0);
    CHECK_TEXT(reply_header(reply, "Content-Length"), "6");
    reply = talk_send(talk, "OPTIONS", "/items/7/", NULL, JB_STR_NULL);
    CHECK_INT(reply.status, 204);
    CHECK_TEXT(reply_header(reply, "Allow"), "OPTIONS, GET, HEAD, POST");
    reply = talk_send(talk, "DELETE", "/items/7/", NULL, JB_STR_NULL);
    CHECK_INT(reply.status, 405);
    CHECK_TEXT(reply_header(reply, "Allow"), "OPTIONS, GET, HEAD, POST");
    CHECK_INT(talk_send(talk, "BREW", "/items/7/", NULL, JB_STR_NULL).status, 405);
    CHECK_INT(talk_get(talk, "/nowhere/").status, 404);
}

JB_FIBER_TEST("a host that is not allowed gets 400, with the security headers too")
{
    struct talk *talk = talk_open(scope, SITE(.allowed_hosts = JB_STR("example.com, *.example.org")));

    struct reply reply = talk_get(talk, "/");
    CHECK_INT(reply.status, 400);
    CHECK_TEXT(reply_header(reply, "X-Frame-Options"), "DENY");
    talk->host = "a.example.org:8000";
    CHECK_INT(talk_get(talk, "/").status, 200);
    talk->host = "example.org";
    CHECK_INT(talk_get(talk, "/").status, 400);
}

JB_FIBER_TEST("with a CDN, static files and the policy name it")
{
    struct talk *talk = talk_open(scope, SITE(.cdn_domain = JB_STR("cdn.example.com")));
    struct reply reply = talk_get(talk, "/");

    CHECK(has(reply.body, "href=\"https://cdn.example.com/static/site."));
    CHECK(has(reply_header(reply, "Content-Security-Policy"), "style-src 'self' https://cdn.example.com; script-src 'self' https://cdn.example.com; img-src 'self' https://cdn.example.com; connect-src 'self';"));
}

JB_FIBER_TEST("forwarded headers count only from trusted proxies")
{
    struct talk *talk = talk_open(scope, SITE());
    CHECK(!reply_header(talk_send(talk, "GET", "/", "X-Forwarded-Proto: https\r\n", JB_STR_NULL), "Strict-Transport-Security").data);
    struct talk *behind = talk_open(scope, SITE(.trusted_proxies = JB_STR("10.0.0.0/8, 127.0.0.1")));
    struct reply reply = talk_send(behind, "GET", "/login/", "X-Forwarded-Proto: https\r\nX-Forwarded-For: 6.6.6.6, 8.8.8.8, 10.1.2.3\r\n", JB_STR_NULL);
    CHECK(reply_header(reply, "Strict-Transport-Security").data != NULL);
    CHECK(has(reply_header(reply, "Set-Cookie"), "; Secure"));
}

JB_FIBER_TEST("of several lines of forwarded addresses the last one counts, which the proxy wrote")
{
    struct talk *talk = talk_open(scope, SITE(.trusted_proxies = JB_STR("10.0.0.0/8, 127.0.0.1")));

    CHECK_TEXT(talk_send(talk, "GET", "/client/", "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 8.8.8.8\r\n", JB_STR_NULL).body, "8.8.8.8");
    CHECK_TEXT(talk_send(talk, "GET", "/client/", "X-Forwarded-For: 6.6.6.6, 7.7.7.7\r\nX-Forwarded-For: 10.1.2.3\r\n", JB_STR_NULL).body, "7.7.7.7");
    struct reply reply = talk_send(talk, "GET", "/", "X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n", JB_STR_NULL);
    CHECK(!reply_header(reply, "Strict-Transport-Security").data);
}

/* ---- failures ----------------------------------------------------------------------------------------------------------------------- */

JB_FIBER_TEST("our own failure shows a request number and nothing of the inside")
{
    struct talk *talk = talk_open(scope, SITE());
    struct reply reply = talk_get(talk, "/broken/");

    CHECK_INT(reply.status, 500);
    CHECK(has(reply.body, "요청 번호"));
    CHECK(!has(reply.body, "secret detail"));
    CHECK(has(reply_header(reply, "Content-Type"), "text/html"));
    CHECK_INT(talk_get(talk, "/nothing/").status, 500);
    struct talk *debug = talk_open(scope, SITE(.debug = true));
    CHECK(has(talk_get(debug, "/broken/").body, "secret detail"));
}

JB_FIBER_TEST("programs get problem documents")
{
    struct talk *talk = talk_open(scope, SITE());

    talk->accept = "application/json";
    struct reply reply = talk_get(talk, "/broken/");
    CHECK_INT(reply.status, 500);
    CHECK_TEXT(reply_header(reply, "Content-Type"), "application/problem+json");
    CHECK(has(reply.body, "\"status\":500"));
    CHECK(has(reply.body, "\"request_id\":\""));
    CHECK(!has(reply.body, "secret detail"));
    reply = talk_get(talk, "/fields/");
    CHECK_INT(reply.status, 422);
    CHECK(has(reply.body, "\"errors\":[{\"field\":\"date\",\"message\":\"마감된 달입니다\"}]"));
    reply = talk_get(talk, "/me/");
    CHECK_INT(reply.status, 401);
    CHECK_TEXT(reply_header(reply, "WWW-Authenticate"), "Bearer");
}

JB_FIBER_TEST("a view that takes too long is ended and answered with 504")
{
    struct talk *talk = talk_open(scope, SITE(.request_timeout_s = 1));
    struct reply reply = talk_get(talk, "/slow/");

    CHECK_INT(reply.status, 504);
    CHECK(has(reply.body, "너무 오래 걸렸습니다"));
}

JB_FIBER_TEST("a transaction that a view leaves open is rolled back before the answer")
{
    struct talk *talk = talk_open(scope, SITE());

    CHECK_TEXT(talk_get(talk, "/open/").body, "begun");
    CHECK_INT(jb_count(scope, &jb_auth_user, .where = JB_SQL("username = 'half'")), 0);
    CHECK_TEXT(talk_get(talk, "/open/").body, "begun");
}

JB_FIBER_TEST("streams: a download with a Korean name, and events")
{
    struct talk *talk = talk_open(scope, SITE());
    struct reply reply = talk_get(talk, "/download/");

    CHECK_INT(reply.status, 200);
    CHECK_TEXT(reply_header(reply, "Content-Disposition"), "attachment; filename=\"____11__.csv\"; filename*=UTF-8''%EC%B6%9C%EB%82%A9%20%2211%EC%9B%94%22.csv");
    CHECK(has(reply.body, "abc"));
    CHECK_TEXT(reply_header(reply, "X-Frame-Options"), "DENY");
    reply = talk_get(talk, "/events/");
    CHECK(jb_str_starts(reply_header(reply, "Content-Type"), JB_STR("text/event-stream")));
    CHECK_TEXT(reply_header(reply, "Cache-Control"), "no-store");
    CHECK(jb_str_find(reply.head, JB_STR("Cache-Control"), jb_str_find(reply.head, JB_STR("Cache-Control"), 0) + 1) == SIZE_MAX);
    CHECK(has(reply.body, "id: 7\ndata: {\"percent\":\"50\"}\n\n"));
    CHECK_INT(talk_send(talk, "HEAD", "/download/", NULL, JB_STR_NULL).body.size, 0);
}

JB_FIBER_TEST("a stream that fails before its first byte is answered with the reason")
{
    struct talk *talk = talk_open(scope, SITE());
    struct reply reply = talk_get(talk, "/download/nothing/");

    CHECK_INT(reply.status, 422);
    CHECK(has(reply.body, "no such column"));
    CHECK(!reply_header(reply, "Content-Disposition").data);
}

JB_FIBER_TEST("caches are told that pages differ by what a client accepts")
{
    struct talk *talk = talk_open(scope, SITE());

    CHECK_TEXT(reply_header(talk_get(talk, "/"), "Vary"), "Accept, Accept-Language, Cookie, Authorization");
}

/* ---- limits and files --------------------------------------------------------------------------------------------------------------------------- */

JB_FIBER_TEST("a form that is too long or has too many fields is refused with 413")
{
    struct talk *talk = talk_open(scope, SITE(.form_bytes_max = 5000));
    struct jb_buf buf = JB_BUF_INIT(100000);

    for (int i = 0; i < 6000; i++)
        jb_buf_put_char(&buf, 'a');
    CHECK_INT(talk_post(talk, "/items/1/", jb_buf_str(&buf)).status, 413);
    jb_buf_clear(&buf);
    for (int i = 0; i < 1001; i++)
        jb_buf_put_z(&buf, "a=&");
    CHECK_INT(talk_post(talk, "/items/1/", jb_buf_str(&buf)).status, 413);
    jb_buf_done(&buf);
}

JB_FIBER_TEST("static files are served for ever by their hash, compressed, and never from elsewhere")
{
    struct talk *talk = talk_open(scope, SITE());
    struct reply reply = talk_get(talk, "/");
    size_t at = jb_str_find(reply.body, JB_STR("/static/site."), 0);
    CHECK(at != SIZE_MAX);
    const char *url = jb_cstr(scope, jb_str_slice(reply.body, at, jb_str_find_char(reply.body, '"', at)));

    reply = talk_get(talk, url);
    CHECK_INT(reply.status, 200);
    CHECK_STR(reply.body, ((struct jb_str){ statics[0].data, statics[0].size }));
    CHECK_TEXT(reply_header(reply, "Cache-Control"), "public, max-age=31536000, immutable");
    CHECK_TEXT(reply_header(reply, "Content-Type"), "text/css; charset=utf-8");
    CHECK_TEXT(reply_header(reply, "Vary"), "Accept-Encoding");
    CHECK_TEXT(reply_header(reply, "X-Content-Type-Options"), "nosniff");
    struct jb_str etag = reply_header(reply, "ETag");
    reply = talk_send(talk, "GET", url, "Accept-Encoding: br, gzip;q=0.5\r\n", JB_STR_NULL);
    CHECK_TEXT(reply_header(reply, "Content-Encoding"), "gzip");
    CHECK(reply.body.size < statics[0].size && (unsigned char)reply.body.data[0] == 0x1f);
    CHECK(!jb_str_equal(reply_header(reply, "ETag"), etag));
    CHECK_INT(talk_send(talk, "GET", url, jb_cstr(scope, jb_format(scope, "If-None-Match: %.*s\r\n", JB_FMT(etag))), JB_STR_NULL).status, 304);
    CHECK_INT(talk_get(talk, "/static/site.css").status, 200);
    CHECK_INT(talk_get(talk, "/static/../site.css").status, 404);
    CHECK_INT(talk_get(talk, "/static/%2e%2e/etc/passwd").status, 404);
}
