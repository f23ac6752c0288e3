/* web.h — from request to response: routes, the fixed pipeline, sessions, sign-in, CSRF, forms, templates, static files.
 *
 * The pipeline's order is fixed (architecture §3): id, host, limits, session, user, CSRF, permission, view, security headers. A view is a function from request to response;
 * the response is a value in the request's scope, written by web alone after transactions are rolled back and leases released. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_WEB_WEB_H
#define JB_WEB_WEB_H

#include "net/net.h"
#include "store/store.h"

/* ---- requests -------------------------------------------------------------------------------------------------------------- */

enum jb_method {
    JB_GET = 1,
    JB_POST,
    JB_PUT,
    JB_PATCH,
    JB_DELETE_METHOD,
    JB_ANY_METHOD,
};

struct jb_param {
    struct jb_str name, value;
};

struct jb_request {
    struct jb_scope *scope;
    struct jb_http *http;
    enum jb_method method; /* HEAD is GET */
    struct jb_str path;    /* decoded */
    const struct jb_param *path_params, *query_params;
    size_t path_param_count, query_param_count;
    char id[27];          /* quoted in errors */
    bool api;             /* errors are problem documents, not pages (path under /api/, or an Accept that asks for JSON or takes no page) */
    bool secure;          /* https, also by a trusted proxy */
    struct jb_str client; /* the client's address: X-Forwarded-For from trusted proxies only */
    const struct jb_route *route;
    struct jb_web *web;
    struct jb__request_state *state; /* web's own */
};

/* NULL text when absent; the first of several. */
struct jb_str jb_path_text(const struct jb_request *req, const char *name);
bool jb_path_int(struct jb_request *req, const char *name, int64_t *ret_number);          /* fails NOT_FOUND */
bool jb_path_month(struct jb_request *req, const char *name, struct jb_month *ret_month); /* fails NOT_FOUND */
struct jb_str jb_query_text(const struct jb_request *req, const char *name);
struct jb_str jb_cookie(const struct jb_request *req, const char *name);
/* The query string with one parameter set (NULL value: removed), for links: "?q=a&page=2". */
struct jb_str jb_query_with(struct jb_request *req, const char *name, struct jb_str value);

/* The form of a POST (urlencoded, or multipart without files): read and parsed at first use, within DATA_UPLOAD_MAX_MEMORY_SIZE and 1,000 fields. The pipeline has already checked its
 * CSRF token — for multipart with a file the token must stand before the file (see jb_form_parts). */
bool jb_form_read(struct jb_request *req);
struct jb_str jb_form_text(struct jb_request *req, const char *name); /* after jb_form_read; NULL when absent */
size_t jb_form_all(struct jb_request *req, const char *name, const struct jb_str **ret_values);
/* A multipart upload, part by part: fields before the file are collected (jb_form_text finds them), then `file` is called once per file part and must read it with jb_multipart_read. The CSRF
 * token (field or X-CSRF-Token header) is checked before the first file; fails DENIED. */
typedef bool jb_form_file(struct jb_request *req, void *arg, struct jb_multipart *multipart, const struct jb_multipart_part *part);
bool jb_form_parts(struct jb_request *req, jb_form_file *file, void *arg);
bool jb_form_is_multipart(const struct jb_request *req);
/* As jb_http_body_read, for a view that reads the body itself: it fails in the view's scope. */
bool jb_body_read(struct jb_request *req, void *bytes, size_t size, size_t *ret_got);
/* Form fields into a record's members by name (only those listed in `fields`, "date income memo"; NULL: all but primary and readonly). Absent checkboxes are false, an emptied field
 * that has a default gets it. Collects all field errors, then fails INVALID. */
bool jb_form_record(struct jb_request *req, const struct jb_record *record, const char *fields, void *row);

/* ---- responses -------------------------------------------------------------------------------------------------------------- */

struct jb_response {
    int status;
    struct jb_header headers[24]; /* besides the security headers and cookies, which web adds */
    size_t header_count;
    struct jb_str body;
    /* Instead of body: called after the head was sent, writes with jb_http_write / jb_events_send. stream_length -1: chunked. */
    bool (*stream)(struct jb_request *req, void *arg);
    void *stream_arg;
    int64_t stream_length;
    bool events; /* text/event-stream */
};

struct jb_response *jb_respond(struct jb_request *req, int status, const char *content_type, struct jb_str body);
void jb_response_header(struct jb_response *response, const char *name, struct jb_str value);
struct jb_response *jb_respond_json(struct jb_request *req, int status, const struct jb_buf *json);
/* 303 to a path of this site. */
struct jb_response *jb_redirect_to(struct jb_request *req, struct jb_str path);
/* 303 to a named route; `of` fills its one parameter (jb_v_null(): none). */
struct jb_response *jb_redirect(struct jb_request *req, const char *route, struct jb_value of);
/* The scope's failure as a page or an RFC 9457 problem document, by jb_error_http; adds field errors, Retry-After where it fits. */
struct jb_response *jb_problem(struct jb_request *req);
/* Within a stream: to the client. A jb_sheet_sink; arg is the request. */
bool jb_to_client(void *request, struct jb_scope *scope, const void *bytes, size_t size);
/* Streams what `stream` writes, as a download of that name (RFC 6266, Korean names too). */
struct jb_response *jb_respond_download(struct jb_request *req, const char *content_type, struct jb_str filename, bool (*stream)(struct jb_request *req, void *arg), void *arg, int64_t length);
/* The same of an open file, closed with the scope: whole, or the part that Range asks for (206, 416), with a strong ETag that If-Range, If-Match and If-None-Match are held against. `name` tells its bytes from any other
 * file's, a hash of them; NULL: inode, size and time do. */
struct jb_response *jb_respond_file(struct jb_request *req, const char *content_type, struct jb_str filename, int fd, int64_t bytes, struct jb_str name);
/* Server-sent events: `stream` runs until it returns. */
struct jb_response *jb_respond_events(struct jb_request *req, bool (*stream)(struct jb_request *req, void *arg), void *arg);
/* A one-time message shown on the next page ("ok", "care", "err"). Kept in the session. */
bool jb_flash(struct jb_request *req, const char *kind, struct jb_str message);

/* ---- templates ---------------------------------------------------------------------------------------------------------------- */

/* docs/templates.md is the manual. {{ expr }} auto-escaped; {% extends "base.html" %} {% block name %} {% include "_x.html" %} {% for x in list %} {% else %} {% if a and not b == "c" %} {% elif %} {% else %} {% end %}
 * {% t "한국어" "English" %} text in the request's language; filters {{ x|filter:arg }}: date, datetime, money (people's decimal, muted – for zero), number (thousands), default:"…", length, upper,
 * url (percent-encode), json, attr (only letters, digits, - and _: for ids and classes); paths a.b.c through rows, records, maps; loop.index, loop.first, loop.last. Templates are embedded and checked at start: an unknown name of template, block or
 * filter, or a syntax error, is an error with file:line. HTML-context aware enough to refuse {{ }} in <script>, <style>, on… attributes and unquoted attributes.
 * A name that is not there fails the page (BROKEN), unless it has a default; in {% if %} it counts as false. Null prints nothing.
 *
 * "error.html" is shown for failures: it gets status, title, message, request_id, time, retry (true: trying again may help), detail (list of {text}: the causes, only with DEBUG) and sees no page_vars.
 * web brings a plain base.html (blocks title, head, body) and error.html of its own; lists given to jb_web_new come first. */

/* A bag of named values for templates, in the scope. Values are jb_value, lists and maps. */
struct jb_map_value;
struct jb_vars; /* a map: name → value | vars | list of vars; names are borrowed */
struct jb_vars *jb_vars_new(struct jb_scope *scope);
void jb_vars_set(struct jb_vars *vars, const char *name, struct jb_value value);
void jb_vars_text(struct jb_vars *vars, const char *name, struct jb_str text);
void jb_vars_vars(struct jb_vars *vars, const char *name, struct jb_vars *inner);
/* Appends a new map to the list called `name` and returns it. */
struct jb_vars *jb_vars_append(struct jb_vars *vars, const char *name);
/* Makes `name` an empty list if it is not there yet. */
void jb_vars_list(struct jb_vars *vars, const char *name);

struct jb_var {
    const char *name;
    struct jb_value value;
};
#define jb_set(name, x) ((struct jb_var){ name, jb_v(x) })
#define JB_VARS(...) ((const struct jb_var[]){ __VA_ARGS__, { 0 } })
/* HTML of a template. `vars` may be NULL. Besides the given names every template sees: request.path, user.name, user.staff, language, csrf (a hidden input), site.name, flash, static("name") by
 * {% static "jangbu.css" %}, url by {% url "route" value %}. */
bool jb_render_vars(struct jb_request *req, const char *name, struct jb_vars *vars, struct jb_html *ret_html);
struct jb_response *jb_page_vars(struct jb_request *req, int status, const char *name, struct jb_vars *vars);
struct jb_response *jb_page_list(struct jb_request *req, const char *name, const struct jb_var *vars);
/* jb_page(req, "cash/month.html", jb_set("month", month), …) */
#define jb_page(req, name, ...) jb_page_list((req), (name), JB_VARS(__VA_ARGS__))

/* ---- routes -------------------------------------------------------------------------------------------------------------------- */

typedef struct jb_response *jb_view(struct jb_request *req);
/* path "/cash/{month}": a parameter is one segment; "{rest...}" takes the rest. Permission NULL: everybody; "": signed in; "staff": staff; "superuser": superusers; otherwise "cash.view_cashbook". */
struct jb_route {
    enum jb_method method;
    const char *path;
    jb_view *view;
    const char *name;
    const char *permission;
    bool upload;         /* the view reads the body itself (jb_form_parts, jb_http_body_read); limit UPLOAD_BYTES_MAX instead of DATA_UPLOAD_… */
    bool no_csrf;        /* only for Bearer-token API routes; the pipeline still demands a token when a session cookie signs the request in */
    bool anyone;         /* nobody asks who it is: no session, no token; for probes that must answer while the database is away */
    const void *context; /* for views that serve many models */
};
/* "/admin/cash/cashbook/" of a route name; asserts that it exists. */
struct jb_str jb_url(struct jb_request *req, const char *route, struct jb_value of);

/* ---- people ---------------------------------------------------------------------------------------------------------------------- */

/* Tables of web (interface §5 auth): auth.user, auth.group, auth.permission grants, auth.token (hash only) in the main file, auth.session in the live file. */
struct auth_user {
    int64_t id;
    struct jb_str username; /* 150, unique */
    struct jb_str password; /* argon2id string; secret */
    struct jb_str name;     /* shown */
    struct jb_str email;
    bool active, staff, superuser;
    struct jb_str language; /* "ko", "en", NULL: by the browser */
    struct jb_time date_joined;
};
extern const struct jb_model jb_auth_user, jb_auth_group, jb_auth_grant, jb_auth_membership, jb_auth_token, jb_auth_session, jb_auth_throttle;
#define JB_AUTH_MODELS &jb_auth_user, &jb_auth_group, &jb_auth_grant, &jb_auth_membership, &jb_auth_token, &jb_auth_session, &jb_auth_throttle

/* argon2id on an offload thread (libsodium, interactive limits). */
bool jb_password_hash(struct jb_scope *scope, struct jb_str password, struct jb_str *ret_hash);
bool jb_password_verify(struct jb_scope *scope, struct jb_str password, struct jb_str hash); /* false also for unknown forms */
bool jb_user_add(struct jb_scope *scope, struct jb_str username, struct jb_str password, bool staff, bool superuser, int64_t *ret_id);
bool jb_user_password(struct jb_scope *scope, struct jb_str username, struct jb_str password);
bool jb_user_email(struct jb_scope *scope, struct jb_str username, struct jb_str email);      /* where mails about their jobs go */
bool jb_user_grant(struct jb_scope *scope, struct jb_str username, struct jb_str permission); /* INVALID for a name that nobody declared, with the nearest */
/* A new Bearer token, shown once; only its hash is stored. */
bool jb_user_token(struct jb_scope *scope, struct jb_str username, struct jb_str *ret_token);
/* Signs in for the session (a new session id, the old one is gone). Fails INVALID with ui.md's sentence 15, or LIMIT after 5 wrong passwords of a name (20 of an address) within 15 minutes, then the
 * response should be 429 (jb_problem knows). As slow for names that nobody has. Only within a request, before the response. */
bool jb_sign_in(struct jb_request *req, struct jb_str username, struct jb_str password);
/* Ends the session. Fine when nobody is signed in. */
bool jb_sign_out(struct jb_request *req);
/* `next` if it leads nowhere but this site, otherwise NULL text: for ?next= after signing in. */
struct jb_str jb_safe_next(struct jb_request *req, struct jb_str next);
/* Names that jb_user_grant accepts besides those of the models; for commands without a jb_web. The list ends with NULL and must live as long as the scope. */
void jb_permissions_use(struct jb_scope *scope, const char *const *permissions);
/* May the scope's actor do this? Superusers may all; "cash.import_cashbook". */
bool jb_may(struct jb_scope *scope, struct jb_str permission);
bool jb_may_model(struct jb_scope *scope, const char *verb, const struct jb_model *model);
bool jb_require(struct jb_scope *scope, struct jb_str permission); /* fails DENIED with ui.md's sentence 14 */

/* A value kept in the session (flash, remembered choices), text only, 4 KiB in all. */
bool jb_session_set(struct jb_request *req, const char *name, struct jb_str value);
struct jb_str jb_session_get(struct jb_request *req, const char *name);
/* One-time form tokens (idempotent uploads): made for a form; used by the job it starts. */
struct jb_str jb_form_once(struct jb_request *req);

/* ---- the web service ----------------------------------------------------------------------------------------------------------------- */

struct jb_asset {
    const char *name; /* "admin/list.html", "jangbu.css" */
    const char *data;
    size_t size;
};

struct jb_web_options {
    const char *site_name, *site_name_en;    /* site_name_en NULL: the same */
    const struct jb_route *const *routes;    /* lists, each ending with a NULL path; ends with NULL */
    const struct jb_asset *const *templates; /* lists, each ending with a NULL name; ends with NULL; earlier lists win */
    const struct jb_asset *const *statics;
    const char *const *permissions; /* names that apps declare; ends with NULL */
    struct jb_str secret_key;
    struct jb_str allowed_hosts;   /* "example.com,*.example.com" */
    struct jb_str trusted_proxies; /* CIDRs */
    struct jb_str cdn_domain;
    bool debug;
    bool cookie_secure; /* the session cookie over https alone; false: over https it is, over http not */
    enum jb_language language;
    const struct jb_zone *zone;
    int64_t form_bytes_max;   /* DATA_UPLOAD_MAX_MEMORY_SIZE */
    int64_t upload_bytes_max; /* UPLOAD_BYTES_MAX */
    int session_age_s;
    int request_timeout_s; /* 0: 30; uploads and streams none but the idle limits */
    /* People who are not signed in are sent to the route named "admin.login" with ?next=. */
    /* May add names to every page's vars (the admin's side menu, counts). */
    bool (*page_vars)(struct jb_request *req, struct jb_vars *vars);
};
/* Checks routes, templates and names; fails INVALID with the first fault. Compiles all templates. */
struct jb_web *jb_web_new(struct jb_scope *scope, const struct jb_web_options *options);
void jb_web_free(struct jb_web *web);
/* The jb_http_handle: arg is the jb_web. */
void jb_web_handle(struct jb_http *http, void *arg);
const struct jb_web_options *jb_web_options_of(const struct jb_web *web);
/* Every path goes through the same pipeline; a view may ask for the zone and language through these. */
const struct jb_zone *jb_zone_of(const struct jb_request *req);

#endif
