/* web_private.h — what the files of web share: the site as compiled at start, and the state of one request. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_WEB_WEB_PRIVATE_H
#define JB_WEB_WEB_PRIVATE_H

#include "base/map.h"
#include "web/template.h"
#include "web/web.h"

#define JB_SESSION_TOKEN_SIZE 43 /* letters and digits: 256 bits */
#define JB_SESSION_DATA_MAX 4096
#define JB_FORM_FIELDS_MAX 1000
#define JB_PATH_SEGMENTS_MAX 32
#define JB_PATH_PARAMS_MAX 8
#define JB_LOGIN_ROUTE "admin.login"

/* ---- the site ---------------------------------------------------------------------------------------------------------------- */

struct jb__static {
    struct jb_str name;       /* "jangbu.css" */
    struct jb_str url;        /* "/static/jangbu.1a2b3c4d.css", or on the CDN */
    struct jb_str data, gzip; /* gzip NULL: not smaller */
    struct jb_str etag, etag_gzip;
    const char *type;
};

struct jb__network {
    unsigned char address[16]; /* IPv4 as ::ffff:… */
    int bits;
};

/* A route, taken apart. */
struct jb__path {
    const struct jb_route *route;
    struct jb_str parameters[JB_PATH_PARAMS_MAX]; /* names, in order */
    size_t count;
    bool slash;            /* ends with / */
    struct jb__path *next; /* ends at the same place */
};

/* A place in the tree of path segments. */
struct jb__place {
    struct jb_map segments; /* of jb__place */
    struct jb__place *parameter, *rest;
    struct jb__path *paths;
};

struct jb_web {
    struct jb_scope *scope; /* its own; everything below lives here */
    struct jb_web_options options;
    struct jb__templates *templates;
    struct jb__place root;
    struct jb_map paths;   /* by route name */
    struct jb_map statics; /* by name, and by what follows /static/ in the url */
    struct jb_str csp;
    struct jb__network *proxies;
    size_t proxy_count;
};

/* Tied to scopes as JB_SERVICE_WEB. */
struct jb__tie {
    const char *const *permissions; /* declared names */
    struct jb__request_state *state;
};

/* ---- one request ---------------------------------------------------------------------------------------------------------------- */

struct auth_session {
    int64_t id;
    struct jb_str token_hash;
    int64_t user_id;    /* 0: nobody yet */
    struct jb_str mark; /* of the password it was made with: another password ends it */
    struct jb_str data;
    struct jb_time created, expires;
};

struct jb__pair {
    struct jb_str name, value;
    struct jb__pair *next;
};

struct jb__session {
    char token[JB_SESSION_TOKEN_SIZE + 1]; /* "" while there is none */
    bool stored;                           /* row is in the live file */
    bool changed;                          /* to be written before the answer */
    bool send_cookie, drop_cookie;
    struct auth_session row;
    struct jb__pair *values;
};

struct jb__request_state {
    struct jb_request *req;
    struct jb__session session;
    struct jb_user user;        /* id 0: nobody */
    uint64_t position;          /* that its reads must have reached */
    bool by_token;              /* signed in by Authorization: Bearer */
    bool csrf_ok, csrf_pending; /* pending: checked by jb_form_parts */
    bool form_read;
    struct jb__pair *form, **form_last;
    size_t form_count;
    struct jb__pair *cookies;
    bool cookies_read;
    struct jb_vars *page_vars;
    bool showing_error;
    const struct jb_rows *grants; /* names the user may, read once */
    int retry_after_s;            /* 0: none; makes LIMIT a 429 */
    struct jb_str failed;         /* what to log */
    enum jb_error failed_as;
};

/* route.c */
enum jb__match {
    JB__MATCH_OK,
    JB__MATCH_NONE,
    JB__MATCH_METHOD,
    JB__MATCH_SLASH,
};
bool jb__routes_compile(struct jb_scope *scope, struct jb_web *web);
/* OK fills req->route and its parameters. METHOD: *ret_text is the Allow header. SLASH: *ret_text is the declared path. */
enum jb__match jb__route_match(const struct jb_web *web, struct jb_request *req, struct jb_str path, struct jb_str *ret_text);
const struct jb_route *jb__route_named(const struct jb_web *web, struct jb_str name, bool *ret_parameter);
struct jb_str jb__route_url(struct jb_scope *scope, const struct jb_route *route, struct jb_value of);

/* request.c */
enum jb_method jb__method_of(struct jb_str method); /* 0: unknown */
void jb__query_read(struct jb_request *req);
struct jb_str jb__clean_text(struct jb_scope *scope, struct jb_str text); /* valid UTF-8 without NUL */
struct jb__pair *jb__cookies_parse(struct jb_scope *scope, struct jb_str header);

/* form.c */
struct jb__pair *jb__urlencoded_parse(struct jb_scope *scope, struct jb_str text, size_t count_max, size_t *ret_count); /* NULL and a count of SIZE_MAX: too many */

/* host.c */
bool jb__host_allowed(struct jb_str host, struct jb_str allowed);
bool jb__url_safe(struct jb_scope *scope, struct jb_str url, struct jb_str host, bool https_only);
bool jb__networks_parse(struct jb_scope *scope, struct jb_str list, struct jb__network **ret_networks, size_t *ret_count);
bool jb__network_has(const struct jb__network *networks, size_t count, struct jb_str address);
void jb__client_find(const struct jb_web *web, struct jb_request *req);
bool jb__language_accepted(struct jb_str header, enum jb_language *ret_language);

/* static.c */
bool jb__statics_open(struct jb_scope *scope, struct jb_web *web);
struct jb_response *jb__static_answer(struct jb_request *req);
bool jb__etag_matches(struct jb_str header, struct jb_str etag);

/* csrf.c */
void jb__hmac(struct jb_str key, const char *purpose, struct jb_str text, unsigned char ret_mac[32]);
void jb__hash_hex(struct jb_str text, char ret_hex[65]); /* SHA-256 */
bool jb__csrf_unmask(struct jb_str masked, char ret_secret[33]);
struct jb_str jb__csrf_token(struct jb_request *req);             /* masked, for the form; makes a session token when there is none */
bool jb__csrf_check(struct jb_request *req, struct jb_str token); /* fails DENIED */
bool jb__csrf_pipeline(struct jb_request *req);

/* session.c */
bool jb__session_open(struct jb_request *req);
void jb__session_token(struct jb_request *req); /* makes one when there is none */
bool jb__session_start(struct jb_request *req, int64_t user_id, struct jb_str mark);
bool jb__session_end(struct jb_request *req);
bool jb__session_save(struct jb_request *req);
const char *jb__cookie_secure(const struct jb_request *req); /* "; Secure" or "" */

/* ---- position.c ------------------------------------------------------------------------------------------------------ */

/* Before anything is read; and once everything is written. */
void jb__position_open(struct jb_request *req);
void jb__position_save(struct jb_request *req, struct jb_response *response);
struct jb_str jb__session_cookie(struct jb_request *req); /* Set-Cookie value, NULL: none */

/* user.c */
bool jb__user_load(struct jb_scope *scope, int64_t id, struct auth_user *ret_user);                /* false without failure: gone or not active */
bool jb__user_by_name(struct jb_scope *scope, struct jb_str username, struct auth_user *ret_user); /* false without failure: nobody */
struct jb_str jb__user_mark(struct jb_request *req, const struct auth_user *user);
void jb__user_use(struct jb_request *req, const struct auth_user *user);
bool jb__token_open(struct jb_request *req, struct jb_str token);

/* respond.c */
struct jb__request_state *jb__state(struct jb_request *req);
int jb__problem_status(struct jb_request *req);
struct jb_response *jb__problem_as(struct jb_request *req, int status, struct jb_str title, struct jb_str message);
struct jb_str jb__status_title(struct jb_request *req, int status);
bool jb__answer(struct jb_request *req, struct jb_response *response);

/* render_page.c */
bool jb__render_page(struct jb_request *req, const char *name, struct jb_vars *vars, struct jb_html *ret_html);

/* permission.c */
struct jb__tie *jb__tie_of(const struct jb_scope *scope);
bool jb__permission_declared(struct jb_scope *scope, struct jb_str permission); /* fails INVALID with the nearest */

#endif
