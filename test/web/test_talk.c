// SPDX-License-Identifier: Apache-2.0
#include "web_test.h"

/* ---- a small site ------------------------------------------------------------------------------------------------------------- */

static struct jb_response *show_home(struct jb_request *req)
{
    return jb_page(req, "home.html", jb_set("q", jb_query_text(req, "q")));
}

static struct jb_response *show_login(struct jb_request *req)
{
    return jb_page(req, "login.html", jb_set("message", JB_STR("")));
}

static struct jb_response *post_login(struct jb_request *req)
{
    if (!jb_sign_in(req, jb_form_text(req, "username"), jb_form_text(req, "password")))
        return jb_problem(req);
    jb_flash(req, "ok", JB_STR("어서 오세요 <b>"));
    struct jb_str next = jb_safe_next(req, jb_form_text(req, "next"));
    return jb_redirect_to(req, next.data ? next : JB_STR("/me/"));
}

static struct jb_response *post_logout(struct jb_request *req)
{
    if (!jb_sign_out(req))
        return jb_problem(req);
    return jb_redirect(req, "home", jb_v_null());
}

static struct jb_response *show_me(struct jb_request *req)
{
    return jb_page_list(req, "me.html", (const struct jb_var[]){ { 0 } });
}

static struct jb_response *show_item(struct jb_request *req)
{
    int64_t id;

    if (!jb_path_int(req, "id", &id))
        return jb_problem(req);
    return jb_respond(req, 200, "text/plain", jb_format(req->scope, "item %lld", (long long)id));
}

static struct jb_response *post_item(struct jb_request *req)
{
    return jb_respond(req, 200, "text/plain", jb_format(req->scope, "posted %.*s by %lld", JB_FMT(jb_form_text(req, "text")), (long long)jb_actor(req->scope)->id));
}

static struct jb_response *fail_broken(struct jb_request *req)
{
    jb_fail(req->scope, JB_BROKEN, "secret detail of the inside");
    jb_wrap(req->scope, "the outer work");
    return jb_problem(req);
}

static struct jb_response *fail_fields(struct jb_request *req)
{
    jb_fail_field(req->scope, JB_STR("date"), "마감된 달입니다");
    return jb_problem(req);
}

static struct jb_response *leave_open(struct jb_request *req)
{
    struct auth_user user = { .username = JB_STR("half"), .password = JB_STR("x"), .active = true };

    if (!jb_begin(req->scope) || !jb_insert(req->scope, &jb_auth_user, &user))
        return jb_problem(req);
    return jb_respond(req, 200, "text/plain", JB_STR("begun"));
}

static struct jb_response *give_nothing(struct jb_request *req)
{
    (void)req;
    return NULL;
}

static bool count_up(struct jb_request *req, void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++)
        if (!jb_http_write(req->http, "abc", 3))
            return false;
    return true;
}

static struct jb_response *download(struct jb_request *req)
{
    return jb_respond_download(req, "text/csv", JB_STR("출납 \"11월\".csv"), count_up, NULL, -1);
}

static bool tell(struct jb_request *req, void *arg)
{
    (void)arg;
    return jb_events_send(req->http, 7, NULL, JB_STR("{\"percent\":\"50\"}"));
}

static struct jb_response *events(struct jb_request *req)
{
    return jb_respond_events(req, tell, NULL);
}

static bool take_file(struct jb_request *req, void *arg, struct jb_multipart *multipart, const struct jb_multipart_part *part)
{
    struct jb_buf *buf = arg;
    char bytes[1000];
    size_t got = 1;

    (void)req;
    jb_buf_printf(buf, "%.*s:", JB_FMT(part->filename));
    while (got > 0) {
        if (!jb_multipart_read(multipart, bytes, sizeof bytes, &got))
            return false;
        jb_buf_put_bytes(buf, bytes, got);
    }
    return true;
}

static struct jb_response *post_upload(struct jb_request *req)
{
    struct jb_buf buf = JB_BUF_INIT(10000);

    bool ok = jb_form_parts(req, take_file, &buf);
    struct jb_response *response = ok ? jb_respond(req, 200, "text/plain", jb_format(req->scope, "%.*s %.*s", JB_FMT(jb_form_text(req, "mode")), JB_FMT(jb_buf_str(&buf)))) : jb_problem(req);
    jb_buf_done(&buf);
    return response;
}

static const struct jb_route routes[] = {
    { JB_GET, "/", show_home, "home" },
    { JB_GET, "/login/", show_login, "admin.login" },
    { JB_POST, "/login/", post_login, NULL },
    { JB_POST, "/logout/", post_logout, "logout" },
    { JB_GET, "/me/", show_me, "me", .permission = "" },
    { JB_GET, "/items/{id}/", show_item, "item" },
    { JB_POST, "/items/{id}/", post_item, NULL },
    { JB_GET, "/items/new", show_home, "new" },
    { JB_GET, "/staff/", show_home, "staff", .permission = "staff" },
    { JB_GET, "/granted/", show_home, "granted", .permission = "cash.close" },
    { JB_GET, "/broken/", fail_broken, "broken" },
    { JB_GET, "/fields/", fail_fields, "fields" },
    { JB_GET, "/open/", leave_open, "open" },
    { JB_GET, "/nothing/", give_nothing, "nothing" },
    { JB_GET, "/download/", download, "download" },
    { JB_GET, "/events/", events, "events" },
    { JB_POST, "/upload/", post_upload, "upload", .upload = true },
    { JB_POST, "/api/items/", post_item, "api", .no_csrf = true, .permission = "" },
    { 0 },
};

#define ASSET(name, text)            \
    {                                \
        name, text, sizeof(text) - 1 \
    }
static const struct jb_asset templates[] = {
    ASSET("home.html", "{% extends \"base.html\" %}{% block head %}<link rel=\"stylesheet\" href=\"{% static \"site.css\" %}\">{% end %}{% block body %}<p>{{ q|default:\"\" }}</p>{% end %}"),
    ASSET("login.html", "{% extends \"base.html\" %}{% block body %}<form method=\"post\">{{ csrf }}{{ message }}</form>{% end %}"),
    ASSET("me.html", "{% extends \"base.html\" %}{% block body %}{% for f in flash %}[{{ f.kind }} {{ f.message }}]{% end %}{{ user.name }} {{ request.path }}{{ csrf }}{% end %}"),
    { 0 },
};
static const struct jb_asset statics[] = {
    ASSET("site.css", "body { color: black; background: white; } body { color: black; background: white; } body { color: black; background: white; }"),
    { 0 },
};
static const struct jb_route *const route_lists[] = { routes, NULL };
static const struct jb_asset *const template_lists[] = { templates, NULL };
static const struct jb_asset *const static_lists[] = { statics, NULL };
static const char *const permissions[] = { "cash.close", NULL };

#define SITE(...) ((struct jb_web_options){ .site_name = "장부", .routes = route_lists, .templates = template_lists, .statics = static_lists, .permissions = permissions, __VA_ARGS__ })

static int64_t add_user(struct jb_scope *scope, const char *name, bool staff, bool superuser)
{
    int64_t id;

    CHECK_OK(jb_user_add(scope, jb_str_of(name), JB_STR("correct horse"), staff, superuser, &id));
    return id;
}

static struct reply sign_in(struct talk *talk, const char *name, const char *password, const char *next)
{
    struct jb_str token = token_of(talk_get(talk, "/login/"));

    return talk_post(talk, "/login/", jb_format(talk->scope, "csrfmiddlewaretoken=%.*s&username=%s&password=%s&next=%s", JB_FMT(token), name, password, next ? next : ""));
}

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

JB_FIBER_TEST("forwarded headers count only from trusted proxies")
{
    struct talk *talk = talk_open(scope, SITE());
    CHECK(!reply_header(talk_send(talk, "GET", "/", "X-Forwarded-Proto: https\r\n", JB_STR_NULL), "Strict-Transport-Security").data);
    struct talk *behind = talk_open(scope, SITE(.trusted_proxies = JB_STR("10.0.0.0/8, 127.0.0.1")));
    struct reply reply = talk_send(behind, "GET", "/login/", "X-Forwarded-Proto: https\r\nX-Forwarded-For: 6.6.6.6, 8.8.8.8, 10.1.2.3\r\n", JB_STR_NULL);
    CHECK(reply_header(reply, "Strict-Transport-Security").data != NULL);
    CHECK(has(reply_header(reply, "Set-Cookie"), "; Secure"));
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
    CHECK(has(reply.body, "id: 7\ndata: {\"percent\":\"50\"}\n\n"));
    CHECK_INT(talk_send(talk, "HEAD", "/download/", NULL, JB_STR_NULL).body.size, 0);
}

/* ---- signing in ----------------------------------------------------------------------------------------------------------------------- */

JB_FIBER_TEST("people sign in, see their page and its message once, and sign out")
{
    struct talk *talk = talk_open(scope, SITE());
    add_user(scope, "kim", false, false);

    struct reply reply = talk_get(talk, "/me/?a=1");
    CHECK_INT(reply.status, 303);
    CHECK_TEXT(reply_header(reply, "Location"), "/login/?next=/me/%3Fa%3D1");
    CHECK_INT(talk_get(talk, "/login/").status, 200);
    struct jb_str before = talk->cookie;
    reply = sign_in(talk, "kim", "correct+horse", "//evil.com/");
    CHECK_INT(reply.status, 303);
    CHECK_TEXT(reply_header(reply, "Location"), "/me/");
    CHECK(has(reply_header(reply, "Set-Cookie"), "; HttpOnly; SameSite=Lax"));
    CHECK(has(reply_header(reply, "Set-Cookie"), "Max-Age=86400"));
    CHECK(!jb_str_equal(before, talk->cookie));
    reply = talk_get(talk, "/me/");
    CHECK(has(reply.body, "[ok 어서 오세요 &lt;b&gt;]kim /me/"));
    CHECK_TEXT(reply_header(reply, "Cache-Control"), "private, max-age=0, must-revalidate");
    reply = talk_get(talk, "/me/");
    CHECK(!has(reply.body, "[ok"));
    CHECK(!reply_header(reply, "Set-Cookie").data);
    struct jb_str session = talk->cookie;
    reply = talk_post(talk, "/logout/", jb_format(scope, "csrfmiddlewaretoken=%.*s", JB_FMT(token_of(reply))));
    CHECK_INT(reply.status, 303);
    CHECK(has(reply_header(reply, "Set-Cookie"), "sessionid=; Path=/; Max-Age=0"));
    talk->cookie = session;
    CHECK_INT(talk_get(talk, "/me/").status, 303);
}

JB_FIBER_TEST("only a hash of the session's token is stored, and an idle request writes nothing")
{
    struct talk *talk = talk_open(scope, SITE());
    int64_t count, version, after;
    add_user(scope, "kim", false, false);

    sign_in(talk, "kim", "correct+horse", NULL);
    talk_get(talk, "/me/");
    struct jb_str token = jb_str_slice(talk->cookie, 10, talk->cookie.size);
    CHECK_INT(token.size, 43);
    CHECK_OK(jb_live_query_int(scope, JB_SQL("select count(*) from auth_session where length(token_hash) = 64"), &count));
    CHECK_INT(count, 1);
    CHECK_OK(jb_live_query_int(scope, JB_SQL("select count(*) from auth_session where token_hash = ? or data like '%' || ? || '%'", token, token), &count));
    CHECK_INT(count, 0);
    CHECK_OK(jb_live_version(scope, &version));
    talk_get(talk, "/me/");
    CHECK_OK(jb_live_version(scope, &after));
    CHECK_INT(after, version);
}

JB_FIBER_TEST("a session ends with its age, with another password, and with the user")
{
    struct talk *talk = talk_open(scope, SITE(.session_age_s = 3600));
    int64_t id = add_user(scope, "kim", false, false);

    jb_clock_hold(jb_now());
    sign_in(talk, "kim", "correct+horse", NULL);
    CHECK_INT(talk_get(talk, "/me/").status, 200);
    jb_clock_advance_us(1800 * JB_SECOND_US);
    struct reply reply = talk_get(talk, "/me/");
    CHECK_INT(reply.status, 200);
    CHECK(reply_header(reply, "Set-Cookie").data != NULL);
    jb_clock_advance_us(3000 * JB_SECOND_US);
    CHECK_INT(talk_get(talk, "/me/").status, 200);
    jb_clock_advance_us(3601 * JB_SECOND_US);
    CHECK_INT(talk_get(talk, "/me/").status, 303);
    jb_clock_release();

    sign_in(talk, "kim", "correct+horse", NULL);
    CHECK_INT(talk_get(talk, "/me/").status, 200);
    CHECK_OK(jb_user_password(scope, JB_STR("kim"), JB_STR("another horse")));
    CHECK_INT(talk_get(talk, "/me/").status, 303);
    sign_in(talk, "kim", "another+horse", NULL);
    CHECK_INT(talk_get(talk, "/me/").status, 200);
    CHECK_OK(jb_exec(scope, JB_SQL("update auth_user set active = 0 where id = ?", id), NULL));
    CHECK_INT(talk_get(talk, "/me/").status, 303);
}

JB_FIBER_TEST("five wrong passwords close a name for fifteen minutes, also for the right one and for names nobody has")
{
    struct talk *talk = talk_open(scope, SITE());
    static const char *const names[] = { "kim", "nobody" };
    add_user(scope, "kim", false, false);

    jb_clock_hold(jb_now());
    for (size_t n = 0; n < 2; n++) {
        for (int i = 0; i < 5; i++) {
            struct reply reply = sign_in(talk, names[n], "wrong+horse", NULL);
            CHECK_INT(reply.status, 422);
            CHECK(has(reply.body, "아이디 또는 비밀번호가 맞지 않습니다"));
        }
        struct reply reply = sign_in(talk, names[n], "correct+horse", NULL);
        CHECK_INT(reply.status, 429);
        CHECK(reply_header(reply, "Retry-After").data != NULL);
    }
    jb_clock_advance_us(901 * JB_SECOND_US);
    CHECK_INT(sign_in(talk, "kim", "correct+horse", NULL).status, 303);
    jb_clock_release();
}

JB_FIBER_TEST("permissions: nobody, somebody, staff, granted, superuser")
{
    static const struct {
        const char *name, *path;
        int status;
    } matrix[] = {
        { NULL, "/", 200 },
        { NULL, "/me/", 303 },
        { NULL, "/staff/", 303 },
        { NULL, "/granted/", 303 },
        { "plain", "/me/", 200 },
        { "plain", "/staff/", 403 },
        { "plain", "/granted/", 403 },
        { "staff", "/staff/", 200 },
        { "staff", "/granted/", 403 },
        { "granted", "/granted/", 200 },
        { "granted", "/staff/", 403 },
        { "member", "/granted/", 200 },
        { "super", "/staff/", 200 },
        { "super", "/granted/", 200 },
    };
    struct talk *talk = talk_open(scope, SITE());
    const char *now = NULL;

    jb_permissions_use(scope, permissions);
    add_user(scope, "plain", false, false);
    add_user(scope, "staff", true, false);
    add_user(scope, "granted", false, false);
    add_user(scope, "super", false, true);
    int64_t member = add_user(scope, "member", false, false);
    CHECK_OK(jb_user_grant(scope, JB_STR("granted"), JB_STR("cash.close")));
    CHECK_OK(jb_user_grant(scope, JB_STR("granted"), JB_STR("cash.close")));
    CHECK_FAILS(jb_user_grant(scope, JB_STR("granted"), JB_STR("cash.clsoe")), JB_INVALID);
    CHECK_OK(jb_exec(scope, JB_SQL("insert into auth_group (name) values ('clerks')"), NULL));
    CHECK_OK(jb_exec(scope, JB_SQL("insert into auth_grant (group_id, permission) select id, 'cash.close' from auth_group"), NULL));
    CHECK_OK(jb_exec(scope, JB_SQL("insert into auth_membership (user_id, group_id) select ?, id from auth_group", member), NULL));
    for (size_t i = 0; i < JB_COUNT(matrix); i++) {
        if (matrix[i].name && (!now || strcmp(now, matrix[i].name) != 0)) {
            talk->cookie = JB_STR_NULL;
            CHECK_INT(sign_in(talk, matrix[i].name, "correct+horse", NULL).status, 303);
            now = matrix[i].name;
        }
        int status = talk_get(talk, matrix[i].path).status;
        if (status != matrix[i].status)
            fprintf(stderr, "%s %s\n", matrix[i].name ? matrix[i].name : "nobody", matrix[i].path);
        CHECK_INT(status, matrix[i].status);
    }
}

JB_FIBER_TEST("a Bearer token signs a program in, without CSRF; another token is refused")
{
    struct talk *talk = talk_open(scope, SITE());
    struct jb_str token;
    int64_t count, id = add_user(scope, "robot", false, false);

    CHECK_OK(jb_user_token(scope, JB_STR("robot"), &token));
    CHECK_INT(token.size, 40);
    CHECK_OK(jb_query_int(scope, JB_SQL("select count(*) from auth_token where token_hash = ?", token), &count));
    CHECK_INT(count, 0);
    talk->accept = NULL;
    const char *header = jb_cstr(scope, jb_format(scope, "Authorization: Bearer %.*s\r\nContent-Type: application/x-www-form-urlencoded\r\n", JB_FMT(token)));
    struct reply reply = talk_send(talk, "POST", "/api/items/", header, JB_STR("text=x"));
    CHECK_INT(reply.status, 200);
    CHECK(!reply_header(reply, "Set-Cookie").data);
    CHECK(has(reply.body, jb_cstr(scope, jb_format(scope, "by %lld", (long long)id))));
    reply = talk_send(talk, "POST", "/api/items/", "Authorization: Bearer 0123456789012345678901234567890123456789\r\n", JB_STR("text=x"));
    CHECK_INT(reply.status, 401);
    CHECK(has(reply_header(reply, "WWW-Authenticate"), "invalid_token"));
    CHECK_INT(talk_send(talk, "POST", "/api/items/", NULL, JB_STR("text=x")).status, 401);
}

/* ---- CSRF ----------------------------------------------------------------------------------------------------------------------------------- */

JB_FIBER_TEST("a form is refused without its token, with another session's token, and from another origin")
{
    struct talk *talk = talk_open(scope, SITE()), *other = talk_open(scope, SITE());
    struct jb_str token = token_of(talk_get(talk, "/login/")), foreign = token_of(talk_get(other, "/login/"));
    const char *type = "Content-Type: application/x-www-form-urlencoded\r\n";
    struct jb_str form = jb_format(scope, "csrfmiddlewaretoken=%.*s&text=x", JB_FMT(token));

    CHECK_INT(talk_post(talk, "/items/1/", form).status, 200);
    CHECK_INT(talk_post(talk, "/items/1/", form).status, 200);
    CHECK_INT(talk_post(talk, "/items/1/", JB_STR("text=x")).status, 403);
    CHECK_INT(talk_post(talk, "/items/1/", jb_format(scope, "csrfmiddlewaretoken=%.*s&text=x", JB_FMT(foreign))).status, 403);
    static const char *const bad[] = { "Origin: http://evil.com\r\n", "Origin: null\r\n", "Referer: http://evil.com/localhost\r\n", "Origin: http://localhost:81\r\n", "Origin: http://localhost.evil.com\r\n" };
    static const char *const good[] = { "Origin: http://localhost\r\n", "Origin: https://localhost\r\n", "Referer: http://localhost/login/\r\n" };
    for (size_t i = 0; i < JB_COUNT(bad); i++)
        CHECK_INT(talk_send(talk, "POST", "/items/1/", jb_cstr(scope, jb_format(scope, "%s%s", type, bad[i])), form).status, 403);
    for (size_t i = 0; i < JB_COUNT(good); i++)
        CHECK_INT(talk_send(talk, "POST", "/items/1/", jb_cstr(scope, jb_format(scope, "%s%s", type, good[i])), form).status, 200);
    CHECK_INT(talk_send(talk, "POST", "/items/1/", jb_cstr(scope, jb_format(scope, "X-CSRF-Token: %.*s\r\n", JB_FMT(token))), JB_STR("{}")).status, 200);
    talk->cookie = JB_STR_NULL;
    CHECK_INT(talk_post(talk, "/items/1/", form).status, 403);
}

JB_FIBER_TEST("an API route without CSRF still asks for the token when a session signs the request in")
{
    struct talk *talk = talk_open(scope, SITE());
    add_user(scope, "kim", false, false);

    sign_in(talk, "kim", "correct+horse", NULL);
    CHECK_INT(talk_post(talk, "/api/items/", JB_STR("text=x")).status, 403);
    struct jb_str token = token_of(talk_get(talk, "/me/"));
    CHECK_INT(talk_send(talk, "POST", "/api/items/", jb_cstr(scope, jb_format(scope, "X-CSRF-Token: %.*s\r\n", JB_FMT(token))), JB_STR("x")).status, 200);
}

static struct jb_str multipart_of(struct jb_scope *scope, struct jb_str token, bool token_last)
{
    struct jb_str field = jb_format(scope, "--B\r\nContent-Disposition: form-data; name=\"csrfmiddlewaretoken\"\r\n\r\n%.*s\r\n", JB_FMT(token));
    struct jb_str file = JB_STR("--B\r\nContent-Disposition: form-data; name=\"mode\"\r\n\r\nupsert\r\n--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\na,b\n1,2\r\n");

    return jb_format(scope, "%.*s%.*s--B--\r\n", JB_FMT(token_last ? file : field), JB_FMT(token_last ? field : file));
}

JB_FIBER_TEST("an upload's token is checked before the first file is read")
{
    struct talk *talk = talk_open(scope, SITE());
    struct jb_str token = token_of(talk_get(talk, "/login/"));
    const char *type = "Content-Type: multipart/form-data; boundary=B\r\n";

    CHECK_TEXT(talk_send(talk, "POST", "/upload/", type, multipart_of(scope, token, false)).body, "upsert a.csv:a,b\n1,2");
    CHECK_INT(talk_send(talk, "POST", "/upload/", type, multipart_of(scope, token, true)).status, 403);
    CHECK_INT(talk_send(talk, "POST", "/upload/", type, multipart_of(scope, JB_STR("no"), false)).status, 403);
    CHECK_INT(talk_send(talk, "POST", "/upload/", type, JB_STR("--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--B--\r\n")).status, 403);
    const char *headers = jb_cstr(scope, jb_format(scope, "%sX-CSRF-Token: %.*s\r\n", type, JB_FMT(token)));
    CHECK_INT(talk_send(talk, "POST", "/upload/", headers, multipart_of(scope, token, true)).status, 200);
    CHECK_INT(talk_send(talk, "POST", "/upload/", "Content-Type: text/csv\r\n", JB_STR("a,b\n")).status, 403);
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
