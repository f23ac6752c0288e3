/* net.h — streams, a strict HTTP/1.1 server, multipart, server-sent events.
 *
 * A connection holds no fiber and no buffer while it is idle: the fiber starts when a request's head is complete, runs `handle` once and ends when the answer is out (pipelined
 * requests follow one by one). Everything has a limit and a deadline. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_NET_NET_H
#define JB_NET_NET_H

#include "base/scope.h"
#include "run/run.h"

/* ---- streams: TCP and Unix sockets (TLS in stage 5), always with a deadline ------------------------------------------------ */

struct jb_stream;
/* Takes over a connected, non-blocking fd. */
struct jb_stream *jb_stream_open(int fd);
void jb_stream_close(struct jb_stream *stream);
/* At least one byte, at most size; *ret_got 0 at the end. Deadline: the scope's and io_timeout of the stream. */
bool jb_stream_read(struct jb_stream *stream, struct jb_scope *scope, void *bytes, size_t size, size_t *ret_got);
/* All bytes. */
bool jb_stream_write(struct jb_stream *stream, struct jb_scope *scope, const void *bytes, size_t size);
void jb_stream_timeout(struct jb_stream *stream, int seconds); /* for one wait; 0: 30 */
/* A client connection, for tests, health and mail: "127.0.0.1:8000", "[::1]:25", "unix:/path". */
struct jb_stream *jb_stream_connect(struct jb_scope *scope, struct jb_str address);

/* Binds and listens (SO_REUSEADDR, SO_REUSEPORT when `shared`), non-blocking, close-on-exec. "127.0.0.1:8000", "[::]:8000", ":8000", "unix:/path"; port 0 picks one. */
bool jb_listen(struct jb_scope *scope, struct jb_str address, bool shared, int *ret_fd);
/* "127.0.0.1:43211" of a socket. */
struct jb_str jb_socket_address(struct jb_scope *scope, int fd);

/* ---- HTTP/1.1 server ------------------------------------------------------------------------------------------------------------- */

struct jb_header {
    struct jb_str name, value;
};

struct jb_http_limits {
    size_t line_bytes;                             /* request line; 0: 8 KiB */
    size_t head_bytes;                             /* whole head; 0: 32 KiB */
    int headers;                                   /* 0: 100 */
    int64_t body_bytes;                            /* hard limit of any body; 0: 4 GiB. Routes set smaller ones with jb_http_body_limit. */
    int head_s, idle_s, body_idle_s, write_idle_s; /* 0: 10, 75, 30, 30 */
    int requests;                                  /* per connection; 0: no limit */
    int connections;                               /* per loop; 0: 10,000; more are answered 503 and closed */
};

/* One request and its answer. Slices live until the handler returns. */
struct jb_http {
    struct jb_scope *scope; /* the request's own; ends after the answer */
    struct jb_str method;   /* "GET" */
    struct jb_str target;   /* as sent */
    struct jb_str path;     /* of the target, still percent-encoded, always starting with / (or "*") */
    struct jb_str query;    /* without ?, NULL when absent */
    int version_minor;      /* HTTP/1.0 or 1.1 */
    const struct jb_header *headers;
    size_t header_count;
    struct jb_str host; /* of the Host header or the absolute target, checked for form */
    struct jb_str peer; /* "127.0.0.1" */
    int peer_port;
    bool has_body;
    int64_t body_bytes; /* Content-Length; -1 when chunked */
    int status;         /* what was answered; 0: nothing yet (for logs) */
    int64_t sent_bytes; /* body bytes written */
    int64_t started_us; /* monotonic: the head was complete */
};

typedef void jb_http_handle(struct jb_http *http, void *arg);

struct jb_http_server_options {
    struct jb_http_limits limits;
    jb_http_handle *handle; /* on a fiber; must answer (otherwise the connection gets 500) */
    void *arg;
    struct jb_scope *parent; /* request scopes are its children (services, language) */
    bool access_log;         /* one line per request to the log */
    bool date;               /* send Date (default: the handler's headers plus Date; never Server) */
};

struct jb_http_server;
/* Serves the listening sockets on this loop until stopped. */
struct jb_http_server *jb_http_server_start(const struct jb_http_server_options *options, const int *sockets, size_t count);
/* Stops accepting (but the sockets stay open for others), lets running requests end until the deadline, closes idle connections; then frees it. */
void jb_http_server_stop(struct jb_http_server *server, int64_t deadline_us);

/* First header of that name without case; NULL text when absent. */
struct jb_str jb_http_header(const struct jb_http *http, const char *name);

/* A smaller limit for this body: longer is LIMIT (413) as soon as it is known. Call before reading. */
bool jb_http_body_limit(struct jb_http *http, int64_t bytes);
/* The body must have come by then (monotonic): reading it later is TIMEOUT (408), however steadily it trickles. Call before reading. */
void jb_http_body_until(struct jb_http *http, int64_t until_us);
/* Sends 100 Continue first when the client waits for it. *ret_got 0 at the end. Fails LIMIT, TIMEOUT, CANCELLED (peer gone), INVALID (bad chunk). */
bool jb_http_body_read(struct jb_http *http, void *bytes, size_t size, size_t *ret_got);
/* The whole body, at most bytes_max, in the scope. */
bool jb_http_body(struct jb_http *http, size_t bytes_max, struct jb_str *ret_body);

/* A whole answer. Content-Length is added; HEAD, 204 and 304 send no body. Header values with CR, LF or NUL are a programmer's mistake (asserted). */
bool jb_http_send(struct jb_http *http, int status, const struct jb_header *headers, size_t count, struct jb_str body);
/* A streamed answer: length -1 is chunked (HTTP/1.0: until close). */
bool jb_http_begin(struct jb_http *http, int status, const struct jb_header *headers, size_t count, int64_t length);
bool jb_http_write(struct jb_http *http, const void *bytes, size_t size);
bool jb_http_end(struct jb_http *http);
/* Forgets jb_http_begin while nothing has been sent yet, so that another answer can be given; false when it is too late. */
bool jb_http_take_back(struct jb_http *http);
/* The bytes of a file from the present position of fd, by sendfile. After jb_http_begin. */
bool jb_http_send_file(struct jb_http *http, int fd, int64_t offset, int64_t bytes);
/* true once the client has gone. */
bool jb_http_gone(struct jb_http *http);
const char *jb_http_reason(int status);

/* ---- server-sent events ------------------------------------------------------------------------------------------------------------- */

/* Answers 200 text/event-stream and keeps the answer open. Then events; a comment every 15 s of silence is the caller's (jb_events_ping). */
bool jb_events_begin(struct jb_http *http, const struct jb_header *headers, size_t count);
/* `id` -1: none; `event` NULL: message. Newlines in data become several data: lines. */
bool jb_events_send(struct jb_http *http, int64_t id, const char *event, struct jb_str data);
bool jb_events_ping(struct jb_http *http);

/* ---- multipart/form-data (RFC 7578), streaming ------------------------------------------------------------------------------------------ */

struct jb_multipart_part {
    struct jb_str name;         /* decoded; NULL when absent (then the part is skipped by sane callers) */
    struct jb_str filename;     /* NULL: a field. filename* (RFC 5987) wins; only the last path part is kept; NFC is the caller's */
    struct jb_str content_type; /* NULL when absent */
};
struct jb_multipart_limits {
    int parts;         /* 0: 1,000 */
    size_t head_bytes; /* of one part; 0: 16 KiB */
};
typedef bool jb_read(void *arg, struct jb_scope *scope, void *bytes, size_t size, size_t *ret_got);
struct jb_multipart;
/* Reads through `read`. content_type is the request's header; fails INVALID without a boundary of 1-70 characters. Buffer: 64 KiB in the scope. */
struct jb_multipart *jb_multipart_open(struct jb_scope *scope, struct jb_str content_type, const struct jb_multipart_limits *limits, jb_read *read, void *arg);
/* The next part's head; skips what is left of the present one. false without a failure after the last (the closing boundary was seen); a missing one fails INVALID ("truncated"). */
bool jb_multipart_next(struct jb_multipart *multipart, struct jb_multipart_part *ret_part);
/* Content of the present part; *ret_got 0 at its end. */
bool jb_multipart_read(struct jb_multipart *multipart, void *bytes, size_t size, size_t *ret_got);

/* ---- urls ------------------------------------------------------------------------------------------------------------------------------------ */

/* Percent-decodes into the scope; plus means blank when `form`. Bad escapes stay as they are. */
struct jb_str jb_url_decode(struct jb_scope *scope, struct jb_str text, bool form);
/* Encodes everything but unreserved characters (and `/` when keep_slash). */
struct jb_str jb_url_encode(struct jb_scope *scope, struct jb_str text, bool keep_slash);

#endif
