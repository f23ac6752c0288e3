/* csrf.c — a form is only accepted from a page that we gave to the same browser.
 *
 * The secret of a session is HMAC(SECRET_KEY, session token): bound to the session, stored nowhere, so a visitor who only looks at the sign-in page costs no row. Pages carry it masked (a random pad of 32
 * letters, then the sum), different at each print, so that compression cannot leak it. Besides the token, Origin or Referer must name this host when the browser sends them. */
// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"
#include "web/web_private.h"
#include <sodium.h>
#include <string.h>

#define SECRET_SIZE 32

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

void jb__hmac(struct jb_str key, const char *purpose, struct jb_str text, unsigned char ret_mac[32])
{
    crypto_auth_hmacsha256_state state;

    crypto_auth_hmacsha256_init(&state, (const unsigned char *)(key.data ? key.data : ""), key.size);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)purpose, strlen(purpose) + 1);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)(text.data ? text.data : ""), text.size);
    crypto_auth_hmacsha256_final(&state, ret_mac);
}

void jb__hash_hex(struct jb_str text, char ret_hex[65])
{
    unsigned char hash[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(hash, (const unsigned char *)text.data, text.size);
    sodium_bin2hex(ret_hex, 65, hash, sizeof hash);
}

static int letter_index(char c)
{
    const char *at = c ? strchr(letters, c) : NULL;

    return at ? (int)(at - letters) : -1;
}

bool jb__csrf_unmask(struct jb_str masked, char ret_secret[33])
{
    char secret[SECRET_SIZE + 1] = { 0 };

    if (masked.size != 2 * SECRET_SIZE)
        return false;
    for (int i = 0; i < SECRET_SIZE; i++) {
        int mask = letter_index(masked.data[i]), sum = letter_index(masked.data[SECRET_SIZE + i]);
        if (mask < 0 || sum < 0)
            return false;
        secret[i] = letters[(sum - mask + 62) % 62];
    }
    memcpy(ret_secret, secret, sizeof secret);
    return true;
}

static void session_secret(struct jb_request *req, char ret_secret[33])
{
    unsigned char mac[32];

    jb__hmac(req->web->options.secret_key, "csrf", jb_str_of(req->state->session.token), mac);
    for (int i = 0; i < SECRET_SIZE; i++)
        ret_secret[i] = letters[mac[i] % 62];
    ret_secret[SECRET_SIZE] = 0;
}

struct jb_str jb__csrf_token(struct jb_request *req)
{
    char secret[SECRET_SIZE + 1], *token = jb_alloc(req->scope, 2 * SECRET_SIZE + 1);

    jb__session_token(req);
    session_secret(req, secret);
    jb_random_token(token, SECRET_SIZE);
    for (int i = 0; i < SECRET_SIZE; i++)
        token[SECRET_SIZE + i] = letters[(letter_index(token[i]) + letter_index(secret[i])) % 62];
    return (struct jb_str){ token, 2 * SECRET_SIZE };
}

/* "https://host:port" against this request's host. A page of http may post to what we think is http behind an unnamed TLS proxy: then the scheme differs but the host cannot be forged. */
static bool same_host(const struct jb_request *req, struct jb_str url)
{
    bool https = jb_str_starts(url, JB_STR("https://"));

    if (!https && (req->secure || !jb_str_starts(url, JB_STR("http://"))))
        return false;
    struct jb_str host = jb_str_slice(url, https ? 8 : 7, url.size);
    size_t end = jb_str_find_char(host, '/', 0);
    return jb_str_equal_nocase(jb_str_slice(host, 0, end), req->http->host);
}

static bool origin_ok(const struct jb_request *req)
{
    struct jb_str origin = jb_http_header(req->http, "Origin"), referer = jb_http_header(req->http, "Referer");

    if (origin.data)
        return same_host(req, origin);
    return !referer.data || same_host(req, referer);
}

bool jb__csrf_check(struct jb_request *req, struct jb_str token)
{
    char secret[SECRET_SIZE + 1], sent[SECRET_SIZE + 1];

    if (req->state->csrf_ok)
        return true;
    if (req->state->session.token[0] && origin_ok(req) && jb__csrf_unmask(token, sent)) {
        session_secret(req, secret);
        if (jb_secret_equal((struct jb_str){ secret, SECRET_SIZE }, (struct jb_str){ sent, SECRET_SIZE }))
            return req->state->csrf_ok = true;
    }
    if (req->web->options.cookie_secure && !req->secure)
        return jb_fail(req->scope, JB_DENIED,
            JB_L(req->scope, "이 사이트는 https로만 로그인합니다. https://로 여세요. 앞에 프록시가 있다면 설정 TRUSTED_PROXIES를, https가 없다면 SESSION_COOKIE_SECURE를 확인하세요.",
                "This site signs people in over https only: open it with https://. Behind a proxy see the setting TRUSTED_PROXIES, without https SESSION_COOKIE_SECURE."));
    return jb_fail(req->scope, JB_DENIED,
        JB_L(req->scope, "이 양식은 오래되었거나 다른 곳에서 왔습니다. 쪽을 새로 열어 다시 보내세요. 쿠키를 막았다면 허용하세요.",
            "This form is too old or came from elsewhere. Reload the page and send it again; allow cookies if they are blocked."));
}

static struct jb_str header_token(const struct jb_request *req)
{
    struct jb_str token = jb_http_header(req->http, "X-CSRF-Token");

    return token.data ? token : jb_http_header(req->http, "X-CSRFToken");
}

bool jb__csrf_pipeline(struct jb_request *req)
{
    struct jb__request_state *state = req->state;
    struct jb_str token = header_token(req);

    if (req->method == JB_GET || state->by_token || (req->route->no_csrf && state->user.id == 0))
        return true;
    if (token.data)
        return jb__csrf_check(req, token);
    if (req->route->upload) {
        if (!jb_form_is_multipart(req))
            return jb__csrf_check(req, token);
        state->csrf_pending = true;
        return true;
    }
    return jb_form_read(req) && jb__csrf_check(req, jb_form_text(req, "csrfmiddlewaretoken"));
}
