/* talk_site.h — the small site that the talks are with: pages, failures, streams, sign-in, uploads. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_TALK_SITE_H
#define JB_TALK_SITE_H

#include "web_test.h"

/* ---- a small site ------------------------------------------------------------------------------------------------------------- */

TEST_HELPER struct jb_response *show_home(struct jb_request *req)
{
    return jb_page(req, "home.html", jb_set("q", jb_query_text(req, "q")));
}

TEST_HELPER struct jb_response *show_login(struct jb_request *req)
{
    return jb_page(req, "login.html", jb_set("message", JB_STR("")));
}

TEST_HELPER struct jb_response *post_login(struct jb_request *req)
{
    if (!jb_sign_in(req, jb_form_text(req, "username"), jb_form_text(req, "password")))
        return jb_problem(req);
    jb_flash(req, "ok", JB_STR("어서 오세요 <b>"));
    struct jb_str next = jb_safe_next(req, jb_form_text(req, "next"));
    return jb_redirect_to(req, next.data ? next : JB_STR("/me/"));
}

TEST_HELPER struct jb_response *post_logout(struct jb_request *req)
{
    if (!jb_sign_out(req))
        return jb_problem(req);
    return jb_redirect(req, "home", jb_v_null());
}

TEST_HELPER struct jb_response *show_me(struct jb_request *req)
{
    return jb_page_list(req, "me.html", (const struct jb_var[]){ { 0 } });
}

TEST_HELPER struct jb_response *show_item(struct jb_request *req)
{
    int64_t id;

    if (!jb_path_int(req, "id", &id))
        return jb_problem(req);
    return jb_respond(req, 200, "text/plain", jb_format(req->scope, "item %lld", (long long)id));
}

TEST_HELPER struct jb_response *post_item(struct jb_request *req)
{
    return jb_respond(req, 200, "text/plain", jb_format(req->scope, "posted %.*s by %lld", JB_FMT(jb_form_text(req, "text")), (long long)jb_actor(req->scope)->id));
}

TEST_HELPER struct jb_response *fail_broken(struct jb_request *req)
{
    jb_fail(req->scope, JB_BROKEN, "secret detail of the inside");
    jb_wrap(req->scope, "the outer work");
    return jb_problem(req);
}

TEST_HELPER struct jb_response *fail_fields(struct jb_request *req)
{
    jb_fail_field(req->scope, JB_STR("date"), "마감된 달입니다");
    return jb_problem(req);
}

TEST_HELPER struct jb_response *leave_open(struct jb_request *req)
{
    struct auth_user user = { .username = JB_STR("half"), .password = JB_STR("x"), .active = true };

    if (!jb_begin(req->scope) || !jb_insert(req->scope, &jb_auth_user, &user))
        return jb_problem(req);
    return jb_respond(req, 200, "text/plain", JB_STR("begun"));
}

TEST_HELPER struct jb_response *wait_long(struct jb_request *req)
{
    if (!jb_sleep(req->scope, 3600 * JB_SECOND_US))
        return jb_problem(req);
    return jb_respond(req, 200, "text/plain", JB_STR("late"));
}

TEST_HELPER struct jb_response *keep(struct jb_request *req)
{
    struct jb_str size = jb_query_text(req, "size"), before = jb_session_get(req, "word");
    int64_t count;

    if (size.data && jb_str_to_int64(size, &count)) {
        char *text = jb_alloc(req->scope, (size_t)count);
        memset(text, 'a', (size_t)count);
        if (!jb_session_set(req, "long", (struct jb_str){ text, (size_t)count }))
            return jb_problem(req);
    }
    if (jb_query_text(req, "word").data && !jb_session_set(req, "word", jb_query_text(req, "word")))
        return jb_problem(req);
    return jb_respond(req, 200, "text/plain", before.data ? before : JB_STR("-"));
}

TEST_HELPER struct jb_response *give_nothing(struct jb_request *req)
{
    (void)req;
    return NULL;
}

TEST_HELPER bool count_up(struct jb_request *req, void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++)
        if (!jb_http_write(req->http, "abc", 3))
            return false;
    return true;
}

TEST_HELPER struct jb_response *download(struct jb_request *req)
{
    return jb_respond_download(req, "text/csv", JB_STR("출납 \"11월\".csv"), count_up, NULL, -1);
}

TEST_HELPER bool tell(struct jb_request *req, void *arg)
{
    (void)arg;
    return jb_events_send(req->http, 7, NULL, JB_STR("{\"percent\":\"50\"}"));
}

TEST_HELPER struct jb_response *events(struct jb_request *req)
{
    return jb_respond_events(req, tell, NULL);
}

TEST_HELPER bool take_file(struct jb_request *req, void *arg, struct jb_multipart *multipart, const struct jb_multipart_part *part)
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

TEST_HELPER struct jb_response *post_upload(struct jb_request *req)
{
    struct jb_buf buf = JB_BUF_INIT(10000);

    bool ok = jb_form_parts(req, take_file, &buf);
    struct jb_response *response = ok ? jb_respond(req, 200, "text/plain", jb_format(req->scope, "%.*s %.*s", JB_FMT(jb_form_text(req, "mode")), JB_FMT(jb_buf_str(&buf)))) : jb_problem(req);
    jb_buf_done(&buf);
    return response;
}

TEST_HELPER struct jb_response *show_client(struct jb_request *req)
{
    return jb_respond(req, 200, "text/plain", req->client);
}

TEST_HELPER struct jb_response *leave_message(struct jb_request *req)
{
    char text[2000];

    memset(text, 'a', sizeof text);
    if (!jb_flash(req, "ok", JB_STR("어떤 일을 끝냈습니다")) || !jb_flash(req, "ok", (struct jb_str){ text, sizeof text }))
        return jb_problem(req);
    return jb_respond(req, 200, "text/plain", JB_STR("done"));
}

/* Signs out elsewhere while this request is on its way, then leaves a message. */
TEST_HELPER struct jb_response *sign_out_meanwhile(struct jb_request *req)
{
    if (!jb_live_exec(req->scope, JB_SQL("delete from auth_session"), NULL) || !jb_flash(req, "ok", JB_STR("done")))
        return jb_problem(req);
    return jb_respond(req, 200, "text/plain", JB_STR("done"));
}

TEST_HELPER bool fail_at_once(struct jb_request *req, void *arg)
{
    (void)arg;
    return jb_fail(req->scope, JB_INVALID, "no such column");
}

TEST_HELPER struct jb_response *download_nothing(struct jb_request *req)
{
    return jb_respond_download(req, "text/csv", JB_STR("a.csv"), fail_at_once, NULL, -1);
}

TEST_HELPER const struct jb_route routes[] = {
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
    { JB_GET, "/slow/", wait_long, "slow" },
    { JB_GET, "/keep/", keep, "keep" },
    { JB_GET, "/nothing/", give_nothing, "nothing" },
    { JB_GET, "/download/", download, "download" },
    { JB_GET, "/download/nothing/", download_nothing, NULL },
    { JB_GET, "/events/", events, "events" },
    { JB_GET, "/client/", show_client, NULL },
    { JB_GET, "/message/", leave_message, NULL },
    { JB_GET, "/meanwhile/", sign_out_meanwhile, NULL, .permission = "" },
    { JB_POST, "/upload/", post_upload, "upload", .upload = true },
    { JB_POST, "/api/items/", post_item, "api", .no_csrf = true, .permission = "" },
    { 0 },
};

#define ASSET(name, text)            \
    {                                \
        name, text, sizeof(text) - 1 \
    }
TEST_HELPER const struct jb_asset templates[] = {
    ASSET("home.html", "{% extends \"base.html\" %}{% block head %}<link rel=\"stylesheet\" href=\"{% static \"site.css\" %}\">{% end %}{% block body %}<p>{{ q|default:\"\" }}</p>{% end %}"),
    ASSET("login.html", "{% extends \"base.html\" %}{% block body %}<form method=\"post\">{{ csrf }}{{ message }}</form>{% end %}"),
    ASSET("me.html", "{% extends \"base.html\" %}{% block body %}{% for f in flash %}[{{ f.kind }} {{ f.message }}]{% end %}{{ user.name }} {{ request.path }}{{ csrf }}{% end %}"),
    { 0 },
};
TEST_HELPER const struct jb_asset statics[] = {
    ASSET("site.css", "body { color: black; background: white; } body { color: black; background: white; } body { color: black; background: white; }"),
    { 0 },
};
TEST_HELPER const struct jb_route *const route_lists[] = { routes, NULL };
TEST_HELPER const struct jb_asset *const template_lists[] = { templates, NULL };
TEST_HELPER const struct jb_asset *const static_lists[] = { statics, NULL };
TEST_HELPER const char *const permissions[] = { "cash.close", NULL };

#define SITE(...) ((struct jb_web_options){ .site_name = "장부", .routes = route_lists, .templates = template_lists, .statics = static_lists, .permissions = permissions, __VA_ARGS__ })

TEST_HELPER int64_t add_user(struct jb_scope *scope, const char *name, bool staff, bool superuser)
{
    int64_t id;

    CHECK_OK(jb_user_add(scope, jb_str_of(name), JB_STR("correct horse"), staff, superuser, &id));
    return id;
}

TEST_HELPER struct reply sign_in(struct talk *talk, const char *name, const char *password, const char *next)
{
    struct jb_str token = token_of(talk_get(talk, "/login/"));

    return talk_post(talk, "/login/", jb_format(talk->scope, "csrfmiddlewaretoken=%.*s&username=%s&password=%s&next=%s", JB_FMT(token), name, password, next ? next : ""));
}

#endif
