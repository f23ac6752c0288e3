/* session.c — who comes back: a random cookie, its hash in the live file, a little text.
 *
 * A row exists only for people who signed in or have a message waiting; a cookie without a row is a visitor whose forms are bound to it (csrf.c). A request that changes nothing writes nothing: the expiry slides
 * when a twentieth of the session's age has passed. */
// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "base/random.h"
#include "web/web_private.h"
#include <string.h>

#define COOKIE_NAME "sessionid"
#define FLASH_CHARS_MAX 300
#define FLASH_BYTES_KEPT ((size_t)JB_SESSION_DATA_MAX / 4)

const struct jb_model jb_auth_session = {
    .app = "auth",
    .name = "session",
    .label = "세션",
    .label_en = "Sessions",
    .indexes = "expires, user_id",
    .live = true,
    .hidden = true,
    .record = JB_RECORD(auth_session,
        JB_FIELD(auth_session, id, .primary = true),
        JB_FIELD(auth_session, token_hash, .required = true, .unique = true, .length_max = 64, .secret = true),
        JB_FIELD(auth_session, user_id),
        JB_FIELD(auth_session, mark, .length_max = 64, .secret = true),
        JB_FIELD(auth_session, data, .length_max = JB_SESSION_DATA_MAX, .secret = true),
        JB_FIELD(auth_session, created),
        JB_FIELD(auth_session, expires)),
};

static int64_t age_us(const struct jb_request *req)
{
    return (int64_t)req->web->options.session_age_s * JB_SECOND_US;
}

static bool token_form(struct jb_str text)
{
    if (text.size != JB_SESSION_TOKEN_SIZE)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
            return false;
    }
    return true;
}

/* ---- the text kept in it ------------------------------------------------------------------------------------------------------------ */

static void values_read(struct jb_request *req)
{
    struct jb__session *session = &req->state->session;
    struct jb_scope *scope = jb_scope_child(req->http->scope, "session data"); /* a broken row is an empty one */
    struct jb__pair **last = &session->values;

    struct jb_json *json = session->row.data.size > 0 ? jb_json_parse(scope, session->row.data) : NULL;
    for (struct jb_json *member = json && json->type == JB_JSON_OBJECT ? json->first : NULL; member; member = member->next) {
        struct jb__pair *pair = JB_NEW(req->http->scope, struct jb__pair);
        pair->name = jb_copy(req->http->scope, member->name);
        pair->value = jb_copy(req->http->scope, member->text);
        *last = pair;
        last = &pair->next;
    }
    jb_scope_end(scope);
}

static struct jb_str values_text(struct jb_request *req)
{
    struct jb_buf buf = JB_BUF_INIT(2 * JB_SESSION_DATA_MAX);
    struct jb_json_writer writer;

    jb_json_start(&writer, &buf);
    jb_json_object(&writer);
    for (const struct jb__pair *pair = req->state->session.values; pair; pair = pair->next)
        if (pair->value.data) {
            jb_json_name(&writer, jb_cstr(req->http->scope, pair->name));
            jb_json_text(&writer, pair->value);
        }
    jb_json_object_end(&writer);
    struct jb_str text = jb_copy(req->http->scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return text;
}

struct jb_str jb_session_get(struct jb_request *req, const char *name)
{
    for (const struct jb__pair *pair = req->state->session.values; pair; pair = pair->next)
        if (jb_str_is(pair->name, name))
            return pair->value;
    return JB_STR_NULL;
}

bool jb_session_set(struct jb_request *req, const char *name, struct jb_str value)
{
    struct jb__session *session = &req->state->session;
    struct jb__pair **at = &session->values;
    struct jb_str before;

    while (*at && !jb_str_is((*at)->name, name))
        at = &(*at)->next;
    if (!*at && !value.data)
        return true;
    if (!*at) {
        *at = JB_NEW(req->http->scope, struct jb__pair);
        (*at)->name = jb_copy(req->http->scope, jb_str_of(name));
    }
    before = (*at)->value;
    (*at)->value = jb_copy(req->http->scope, jb__clean_text(req->http->scope, value));
    if (values_text(req).size > JB_SESSION_DATA_MAX) {
        (*at)->value = before;
        return jb_fail(req->scope, JB_LIMIT, JB_L(req->scope, "세션에는 %d바이트까지 적어 둘 수 있습니다.", "A session keeps at most %d bytes."), JB_SESSION_DATA_MAX);
    }
    session->changed = true;
    return true;
}

/* ---- life ------------------------------------------------------------------------------------------------------------------------------- */

void jb__session_token(struct jb_request *req)
{
    struct jb__session *session = &req->state->session;

    if (session->token[0])
        return;
    jb_random_token(session->token, JB_SESSION_TOKEN_SIZE);
    session->send_cookie = true;
}

/* The person of a session, unless they are gone or have another password. */
static bool session_user(struct jb_request *req)
{
    struct jb__session *session = &req->state->session;
    struct auth_user user;

    if (session->row.user_id == 0)
        return true;
    if (!jb__user_load(req->scope, session->row.user_id, &user))
        return !jb_failure(req->scope);
    if (!jb_secret_equal(jb__user_mark(req, &user), session->row.mark))
        return true;
    jb__user_use(req, &user);
    return true;
}

bool jb__session_open(struct jb_request *req)
{
    struct jb__session *session = &req->state->session;
    struct jb_str cookie = jb_cookie(req, COOKIE_NAME);
    char hash[65];

    if (!token_form(cookie))
        return true;
    memcpy(session->token, cookie.data, cookie.size);
    jb__hash_hex(cookie, hash);
    struct jb_time now = jb_now();
    if (!jb_first(req->scope, &jb_auth_session, &session->row, .where = JB_SQL("token_hash = ? and expires > ?", jb_str_of(hash), now)))
        return !jb_failure(req->scope);
    session->stored = true;
    values_read(req);
    int64_t left = session->row.expires.us - now.us;
    if (age_us(req) - left > JB_MAX(age_us(req) / 20, 60 * JB_SECOND_US))
        session->changed = session->send_cookie = true;
    return session_user(req);
}

bool jb__session_save(struct jb_request *req)
{
    struct jb__session *session = &req->state->session;
    char hash[65];

    if (!session->changed)
        return true;
    session->changed = false;
    jb__session_token(req);
    jb__hash_hex(jb_str_of(session->token), hash);
    struct jb_time now = jb_now(), expires = { now.us + age_us(req) };
    struct jb_str data = values_text(req);
    /* a row that is gone by now was signed out meanwhile, and stays gone */
    bool ok = session->stored ? jb_live_exec(req->scope, JB_SQL("update auth_session set data = ?, expires = ? where token_hash = ?", data, expires, jb_str_of(hash)), NULL)
                              : jb_live_exec(req->scope, JB_SQL("insert into auth_session (token_hash, user_id, mark, data, created, expires) values (?, ?, ?, ?, ?, ?)"
                                                                " on conflict (token_hash) do update set data = excluded.data, expires = excluded.expires",
                                                             jb_str_of(hash), session->row.user_id, session->row.mark, data, now, expires),
                                    NULL);
    if (!ok)
        return false;
    session->stored = session->send_cookie = true;
    return true;
}

static bool forget_row(struct jb_request *req)
{
    char hash[65];

    if (!req->state->session.stored)
        return true;
    jb__hash_hex(jb_str_of(req->state->session.token), hash);
    req->state->session.stored = false;
    return jb_live_exec(req->scope, JB_SQL("delete from auth_session where token_hash = ?", jb_str_of(hash)), NULL);
}

bool jb__session_start(struct jb_request *req, int64_t user_id, struct jb_str mark)
{
    struct jb__session *session = &req->state->session;

    if (!forget_row(req) || !jb_live_exec(req->scope, JB_SQL("delete from auth_session where expires < ?", jb_now()), NULL))
        return false;
    session->token[0] = 0;
    session->row.user_id = user_id;
    session->row.mark = jb_copy(req->http->scope, mark);
    session->changed = true;
    return jb__session_save(req);
}

bool jb__session_end(struct jb_request *req)
{
    struct jb__session *session = &req->state->session;
    bool ok = forget_row(req);

    *session = (struct jb__session){ .drop_cookie = true };
    return ok;
}

const char *jb__cookie_secure(const struct jb_request *req)
{
    return req->secure || req->web->options.cookie_secure ? "; Secure" : "";
}

struct jb_str jb__session_cookie(struct jb_request *req)
{
    const struct jb__session *session = &req->state->session;
    const char *secure = jb__cookie_secure(req);

    if (session->send_cookie && session->stored)
        return jb_format(req->scope, COOKIE_NAME "=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax%s", session->token, req->web->options.session_age_s, secure);
    if (session->send_cookie)
        return jb_format(req->scope, COOKIE_NAME "=%s; Path=/; HttpOnly; SameSite=Lax%s", session->token, secure);
    if (session->drop_cookie)
        return jb_format(req->scope, COOKIE_NAME "=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax%s", secure);
    return JB_STR_NULL;
}

/* ---- messages for the next page ------------------------------------------------------------------------------------------------------------- */

/* What nobody has come to read makes room: a message is no reason to fail what was done. */
bool jb_flash(struct jb_request *req, const char *kind, struct jb_str message)
{
    struct jb_str before = jb_session_get(req, "flash");

    if (before.size > FLASH_BYTES_KEPT)
        before = JB_STR_NULL;
    message = jb_utf8_first(jb__clean_text(req->scope, message), FLASH_CHARS_MAX);
    return jb_session_set(req, "flash", jb_format(req->scope, "%.*s%s\x1f%.*s\x1e", JB_FMT(before), kind, JB_FMT(message)));
}
