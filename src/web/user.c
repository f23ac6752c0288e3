/* user.c — people: adding, passwords, grants, tokens; and finding who a request is. */
// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"
#include "web/auth.h"
#include <sodium.h>

/* ---- finding -------------------------------------------------------------------------------------------------------------------- */

bool jb__user_load(struct jb_scope *scope, int64_t id, struct auth_user *ret_user)
{
    return jb_first(scope, &jb_auth_user, ret_user, .where = JB_SQL("id = ? and active", id));
}

bool jb__user_by_name(struct jb_scope *scope, struct jb_str username, struct auth_user *ret_user)
{
    return jb_first(scope, &jb_auth_user, ret_user, .where = JB_SQL("username = ?", username));
}

static bool user_need(struct jb_scope *scope, struct jb_str username, struct auth_user *ret_user)
{
    if (jb__user_by_name(scope, username, ret_user))
        return true;
    if (jb_failure(scope))
        return false;
    return jb_fail(scope, JB_NOT_FOUND, JB_L(scope, "사용자 ‘%.*s’이(가) 없습니다. jangbu user list로 확인하세요.", "There is no user '%.*s'. See jangbu user list."), JB_FMT(username));
}

/* ---- changing ------------------------------------------------------------------------------------------------------------------- */

static bool username_ok(struct jb_scope *scope, struct jb_str username)
{
    bool ok = username.size > 0 && jb_utf8_valid(username) && jb_str_trim_unicode(username).size == username.size;

    for (size_t i = 0; ok && i < username.size; i++)
        ok = (unsigned char)username.data[i] > 0x20 && username.data[i] != 0x7f;
    return ok || jb_fail(scope, JB_INVALID, JB_L(scope, "아이디에는 빈칸을 쓸 수 없습니다: ‘%.*s’", "A user's name has no blanks: '%.*s'"), JB_FMT(username));
}

bool jb_user_add(struct jb_scope *scope, struct jb_str username, struct jb_str password, bool staff, bool superuser, int64_t *ret_id)
{
    struct auth_user user = { .username = username, .active = true, .staff = staff, .superuser = superuser };

    if (!username_ok(scope, username) || !jb_password_hash(scope, password, &user.password) || !jb_insert(scope, &jb_auth_user, &user))
        return false;
    *ret_id = user.id;
    return true;
}

bool jb_user_password(struct jb_scope *scope, struct jb_str username, struct jb_str password)
{
    struct auth_user user;
    struct jb_str hash;

    if (!user_need(scope, username, &user) || !jb_password_hash(scope, password, &hash))
        return false;
    return jb_update(scope, &jb_auth_user, .set = JB_SQL("password = ?", hash), .where = JB_SQL("id = ?", user.id));
}

bool jb_user_email(struct jb_scope *scope, struct jb_str username, struct jb_str email)
{
    struct auth_user user;

    return user_need(scope, username, &user) && jb_update(scope, &jb_auth_user, .set = JB_SQL("email = ?", email), .where = JB_SQL("id = ?", user.id));
}

bool jb_user_grant(struct jb_scope *scope, struct jb_str username, struct jb_str permission)
{
    struct auth_user user;

    if (!jb__permission_declared(scope, permission) || !user_need(scope, username, &user))
        return false;
    struct auth_grant grant = { .user_id = user.id, .permission = permission };
    return jb_bulk_insert(scope, &jb_auth_grant, &grant, 1, &(struct jb_bulk){ .match_on = "user_id permission", .on_conflict = JB_CONFLICT_IGNORE });
}

bool jb_user_token(struct jb_scope *scope, struct jb_str username, struct jb_str *ret_token)
{
    struct auth_user user;
    char *token = jb_alloc(scope, JB_TOKEN_SIZE + 1), hash[65];

    if (!user_need(scope, username, &user))
        return false;
    jb_random_token(token, JB_TOKEN_SIZE);
    jb__hash_hex(jb_str_of(token), hash);
    struct auth_token row = { .user_id = user.id, .token_hash = jb_str_of(hash) };
    if (!jb_insert(scope, &jb_auth_token, &row))
        return false;
    *ret_token = jb_str_of(token);
    return true;
}

/* ---- the person of a request ---------------------------------------------------------------------------------------------------------- */

struct jb_str jb__user_mark(struct jb_request *req, const struct auth_user *user)
{
    unsigned char mac[32];
    char *hex = jb_alloc(req->http->scope, 65);

    jb__hmac(req->web->options.secret_key, "session", user->password, mac);
    sodium_bin2hex(hex, 65, mac, sizeof mac);
    return jb_str_of(hex);
}

void jb__user_use(struct jb_request *req, const struct auth_user *user)
{
    struct jb__request_state *state = req->state;

    state->user = (struct jb_user){ user->id, jb_copy(req->http->scope, user->name.size > 0 ? user->name : user->username), user->staff, user->superuser };
    state->grants = NULL;
    jb_actor_set(req->http->scope, &state->user);
    if (req->scope != req->http->scope)
        jb_actor_set(req->scope, &state->user);
    if (jb_str_is(user->language, "en") || jb_str_is(user->language, "ko")) {
        enum jb_language language = jb_str_is(user->language, "en") ? JB_EN : JB_KO;
        jb_language_set(req->http->scope, language);
        jb_language_set(req->scope, language);
    }
}

bool jb__token_open(struct jb_request *req, struct jb_str token)
{
    struct auth_token row;
    struct auth_user user;
    char hash[65];

    jb__hash_hex(token, hash);
    if (token.size == JB_TOKEN_SIZE && jb_first(req->scope, &jb_auth_token, &row, .where = JB_SQL("token_hash = ?", jb_str_of(hash))) && jb__user_load(req->scope, row.user_id, &user)) {
        req->state->by_token = true;
        jb__user_use(req, &user);
        return true;
    }
    if (jb_failure(req->scope))
        return false;
    return jb_fail(req->scope, JB_DENIED, JB_L(req->scope, "이 토큰은 쓸 수 없습니다. jangbu user token으로 새로 만드세요.", "This token is not valid. Make a new one with jangbu user token."));
}
