/* signin.c — signing in and out, and slowing down whoever guesses.
 *
 * Each attempt is counted before the password is looked at, so that many at once are no way round: five wrong ones for a name or twenty from an address within fifteen minutes close that door until the
 * fifteen minutes are over. Unknown names cost the same argon2id as known ones. The counts stand in the live file under a hash, so no list of names collects there.
 *
 * Nothing here writes to the main file: people sign in while an import holds it. */
// SPDX-License-Identifier: Apache-2.0
#include "web/auth.h"
#include <sodium.h>

#define NAME_FAILURES_MAX 5
#define ADDRESS_FAILURES_MAX 20
#define WINDOW_S 900

/* Nobody's password, with the parameters of password.c. */
#define NOBODY "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$dGhpcyBpcyBub2JvZHkncyBwYXNzd29yZCBhdCBhbGw"

static struct jb_str subject(struct jb_request *req, const char *kind, struct jb_str what)
{
    unsigned char mac[32];
    char *hex = jb_alloc(req->scope, 65);

    jb__hmac(req->web->options.secret_key, kind, what, mac);
    sodium_bin2hex(hex, 65, mac, sizeof mac);
    return jb_str_of(hex);
}

/* Counts one attempt; *ret_count includes it. */
static bool count_attempt(struct jb_request *req, struct jb_str key, int64_t *ret_count)
{
    struct jb_time now = jb_now(), until = { now.us + WINDOW_S * JB_SECOND_US };

    return jb_live_exec(req->scope, JB_SQL("insert into auth_throttle (subject, failures, until) values (?, 1, ?)"
                                           " on conflict (subject) do update set failures = case when auth_throttle.until < ? then 1 else auth_throttle.failures + 1 end, until = case when auth_throttle.until < ? then excluded.until else auth_throttle.until end",
                                        key, until, now, now),
               NULL) &&
           jb_live_query_int(req->scope, JB_SQL("select failures from auth_throttle where subject = ?", key), ret_count);
}

static bool closed(struct jb_request *req, struct jb_str key)
{
    struct auth_throttle row;

    if (!jb_first(req->scope, &jb_auth_throttle, &row, .where = JB_SQL("subject = ?", key)))
        return false;
    int64_t left_us = row.until.us - jb_now().us, minutes = (left_us + 59 * JB_SECOND_US) / (60 * JB_SECOND_US);
    req->state->retry_after_s = (int)JB_MAX(left_us / JB_SECOND_US, 1);
    return jb_fail(req->scope, JB_LIMIT, JB_L(req->scope, "로그인하지 못했습니다. 여러 번 틀려서 잠겼습니다. %lld분 뒤에 다시 해 보세요.", "Not signed in: too many wrong attempts. Try again in %lld minutes."), (long long)JB_MAX(minutes, 1));
}

static bool wrong(struct jb_request *req, int64_t left)
{
    if (left > 0)
        return jb_fail(req->scope, JB_INVALID,
            JB_L(req->scope, "로그인하지 못했습니다. 아이디 또는 비밀번호가 맞지 않습니다. %lld번 더 틀리면 15분 동안 잠깁니다.", "Not signed in: the name or the password is wrong. After %lld more wrong ones it is locked for 15 minutes."), (long long)left);
    return jb_fail(req->scope, JB_INVALID, JB_L(req->scope, "로그인하지 못했습니다. 아이디 또는 비밀번호가 맞지 않습니다. 15분 동안 잠갔습니다.", "Not signed in: the name or the password is wrong. It is locked for 15 minutes now."));
}

static bool forget_attempts(struct jb_request *req, struct jb_str name, struct jb_str address)
{
    return jb_live_exec(req->scope, JB_SQL("delete from auth_throttle where subject = ? or until < ?", name, jb_now()), NULL) &&
           jb_live_exec(req->scope, JB_SQL("update auth_throttle set failures = failures - 1 where subject = ?", address), NULL);
}

bool jb_sign_in(struct jb_request *req, struct jb_str username, struct jb_str password)
{
    struct jb_str name = subject(req, "name", username), address = subject(req, "address", req->client);
    struct auth_user user;
    int64_t name_count, address_count;

    if (!count_attempt(req, address, &address_count))
        return false;
    if (address_count > ADDRESS_FAILURES_MAX) /* before the name is counted: made-up names would fill the table */
        return closed(req, address);
    if (!count_attempt(req, name, &name_count))
        return false;
    if (name_count > NAME_FAILURES_MAX)
        return closed(req, name);
    bool known = jb__user_by_name(req->scope, username, &user) && user.active;
    if (jb_failure(req->scope))
        return false;
    bool right = jb_password_verify(req->scope, password, known ? user.password : JB_STR(NOBODY));
    if (!known || !right)
        return wrong(req, NAME_FAILURES_MAX - name_count);
    if (!forget_attempts(req, name, address) || !jb__session_start(req, user.id, jb__user_mark(req, &user)))
        return false;
    jb__user_use(req, &user);
    return true;
}

bool jb_sign_out(struct jb_request *req)
{
    static const struct jb_user nobody;

    req->state->user = nobody;
    req->state->grants = NULL;
    jb_actor_set(req->scope, &nobody);
    if (req->scope != req->http->scope)
        jb_actor_set(req->http->scope, &nobody);
    return jb__session_end(req);
}
