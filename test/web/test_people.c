// SPDX-License-Identifier: Apache-2.0
#include "talk_site.h"
#include <stdatomic.h>

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
    CHECK_OK(jb_exec(scope, JB_SQL("update jb_user set active = false where id = ?", id), NULL));
    CHECK_INT(talk_get(talk, "/me/").status, 303);
}

JB_FIBER_TEST("a session keeps a little text, also of a visitor, and refuses more than 4 KiB")
{
    struct talk *talk = talk_open(scope, SITE());

    CHECK_TEXT(talk_get(talk, "/keep/?word=%ED%95%9C%22%3C%00").body, "-");
    CHECK_TEXT(talk_get(talk, "/keep/").body, "한\"<\xef\xbf\xbd");
    CHECK_INT(talk_get(talk, "/keep/?size=4000").status, 200);
    CHECK_INT(talk_get(talk, "/keep/?size=4090&word=lost").status, 413);
    CHECK_TEXT(talk_get(talk, "/keep/").body, "한\"<\xef\xbf\xbd");
}

JB_FIBER_TEST("a cookie of another form, or of a session that was never made, is a visitor's")
{
    struct talk *talk = talk_open(scope, SITE());
    static const char *const cookies[] = { "sessionid=", "sessionid=../../x", "sessionid=0123456789012345678901234567890123456789012", "sessionid=\"a", "=;;=" };

    for (size_t i = 0; i < JB_COUNT(cookies); i++) {
        talk->cookie = jb_str_of(cookies[i]);
        CHECK_INT(talk_get(talk, "/me/").status, 303);
        CHECK_INT(talk_get(talk, "/login/").status, 200);
    }
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

JB_FIBER_TEST("messages that nobody comes to read make room for newer ones")
{
    struct talk *talk = talk_open(scope, SITE());
    add_user(scope, "kim", false, false);

    sign_in(talk, "kim", "correct+horse", NULL);
    for (int i = 0; i < 50; i++)
        CHECK_INT(talk_get(talk, "/message/").status, 200);
    CHECK(has(talk_get(talk, "/me/").body, "[ok 어떤 일을 끝냈습니다][ok aaa"));
    CHECK(!has(talk_get(talk, "/me/").body, "[ok"));
}

JB_FIBER_TEST("a closed address does not fill the table with names")
{
    struct talk *talk = talk_open(scope, SITE());
    int64_t count;

    CHECK_INT(sign_in(talk, "a", "wrong+horse", NULL).status, 422);
    CHECK_OK(jb_live_exec(scope, JB_SQL("update auth_throttle set failures = 20"), NULL));
    CHECK_INT(sign_in(talk, "b", "wrong+horse", NULL).status, 429);
    CHECK_INT(sign_in(talk, "c", "wrong+horse", NULL).status, 429);
    CHECK_OK(jb_live_query_int(scope, JB_SQL("select count(*) from auth_throttle"), &count));
    CHECK_INT(count, 2);
}

JB_FIBER_TEST("a session that was signed out meanwhile is not written again")
{
    struct talk *talk = talk_open(scope, SITE());
    int64_t count;
    add_user(scope, "kim", false, false);

    CHECK_INT(sign_in(talk, "kim", "correct+horse", NULL).status, 303);
    struct jb_str session = talk->cookie;
    CHECK_INT(talk_get(talk, "/meanwhile/").status, 200);
    CHECK_OK(jb_live_query_int(scope, JB_SQL("select count(*) from auth_session"), &count));
    CHECK_INT(count, 0);
    talk->cookie = session;
    CHECK_INT(talk_get(talk, "/me/").status, 303);
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
    CHECK_OK(jb_exec(scope, JB_SQL("insert into jb_group (name) values ('clerks')"), NULL));
    CHECK_OK(jb_exec(scope, JB_SQL("insert into auth_grant (group_id, permission) select id, 'cash.close' from jb_group"), NULL));
    CHECK_OK(jb_exec(scope, JB_SQL("insert into auth_membership (user_id, group_id) select ?, id from jb_group", member), NULL));
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

JB_FIBER_TEST("who may not do something reads the permission's own name")
{
    static const struct jb_model *const models[] = { JB_AUTH_MODELS, &sample_project, NULL };
    static const struct {
        const char *verb, *ko;
    } verbs[] = { { "view", "보기" }, { "add", "추가" }, { "change", "고치기" }, { "delete", "삭제" }, { "import", "가져오기" }, { "export", "내보내기" } };

    test_database(scope, models);
    jb_actor_set(scope, &(struct jb_user){ .id = 7 });
    for (size_t i = 0; i < JB_COUNT(verbs); i++) {
        struct jb_str permission = jb_format(scope, "sample.%s_sampleproject", verbs[i].verb);
        jb_language_set(scope, JB_KO);
        CHECK(!jb_require(scope, permission));
        CHECK_TEXT(jb_failure_text(scope), jb_format(scope, "이 일을 할 권한이 없습니다. ‘사업 %s’ 권한을 관리자에게 부탁하세요.", verbs[i].ko).data);
        jb_failure_clear(scope);
        jb_language_set(scope, JB_EN);
        CHECK(!jb_require(scope, permission));
        CHECK_TEXT(jb_failure_text(scope), jb_format(scope, "You may not do this. Ask an administrator for \"Sample project: %s\".", verbs[i].verb).data);
        jb_failure_clear(scope);
    }
}

static const struct jb_model journal = {
    .app = "sample",
    .name = "journal",
    .label = "일지",
    .read_only = true,
    .record = JB_RECORD(sample_project, JB_FIELD(sample_project, id, .primary = true)),
};

JB_FIBER_TEST("nobody adds, changes, deletes or imports what only the program writes")
{
    static const struct jb_model *const models[] = { JB_AUTH_MODELS, &journal, NULL };
    static const struct {
        const char *verb;
        bool may;
    } verbs[] = { { "view", true }, { "export", true }, { "add", false }, { "change", false }, { "delete", false }, { "import", false } };

    test_database(scope, models);
    jb_actor_set(scope, &(struct jb_user){ .id = 7, .superuser = true });
    for (size_t i = 0; i < JB_COUNT(verbs); i++) {
        CHECK_INT(jb_may_model(scope, verbs[i].verb, &journal), verbs[i].may);
        CHECK_INT(jb_require(scope, jb_format(scope, "sample.%s_journal", verbs[i].verb)), verbs[i].may);
        CHECK(verbs[i].may || jb_str_find(jb_failure_text(scope), JB_STR("프로그램만"), 0) != SIZE_MAX);
        jb_failure_clear(scope);
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

JB_FIBER_TEST("a form without files may come as multipart too")
{
    struct talk *talk = talk_open(scope, SITE(.form_bytes_max = 2000));
    struct jb_str token = token_of(talk_get(talk, "/login/"));
    const char *type = "Content-Type: multipart/form-data; boundary=B\r\n";
    struct jb_str head = jb_format(scope, "--B\r\nContent-Disposition: form-data; name=\"csrfmiddlewaretoken\"\r\n\r\n%.*s\r\n--B\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\n", JB_FMT(token));

    CHECK_TEXT(talk_send(talk, "POST", "/items/1/", type, jb_format(scope, "%.*s한 글\r\n--B--\r\n", JB_FMT(head))).body, "posted 한 글 by 0");
    CHECK_INT(talk_send(talk, "POST", "/items/1/", type, jb_format(scope, "%.*s", JB_FMT(head))).status, 422);
    CHECK_INT(talk_send(talk, "POST", "/items/1/", "Content-Type: multipart/form-data\r\n", head).status, 422);
    CHECK_INT(talk_send(talk, "POST", "/items/1/", type, jb_format(scope, "%.*s%3000d\r\n--B--\r\n", JB_FMT(head), 7)).status, 413);
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

/* ---- several loops -------------------------------------------------------------------------------------------------------------------------- */

struct crowd {
    struct jb_db *db;
    _Atomic int done;
};

static void crowd_run(int index, void *arg)
{
    struct crowd *crowd = arg;
    struct jb_scope *scope = jb_scope_new("crowd");

    jb_db_use(scope, crowd->db);
    struct talk *talk = talk_open(scope, SITE());
    for (int i = 0; i < 3; i++) {
        talk->cookie = JB_STR_NULL;
        CHECK_INT(sign_in(talk, index == 0 ? "kim" : "lee", "correct+horse", NULL).status, 303);
        CHECK_INT(talk_get(talk, "/me/").status, 200);
        CHECK_INT(talk_get(talk, "/?q=x").status, 200);
    }
    atomic_fetch_add(&crowd->done, 1);
    jb_scope_end(scope);
}

static void prepare_crowd(void *arg)
{
    struct jb_scope *scope = arg;

    test_database(scope, talk_models);
    add_user(scope, "kim", false, false);
    add_user(scope, "lee", false, false);
}

JB_TEST("people sign in on several loops of one process at once")
{
    struct crowd crowd = { 0 };

    jb_loop_run(prepare_crowd, scope);
    crowd.db = jb_db_of(scope);
    jb_loop_run_threads(2, crowd_run, &crowd);
    CHECK_INT(crowd.done, 2);
}
