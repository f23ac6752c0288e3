/* http_serve.c — the server: listening sockets, connections that move without fibers, one fiber per burst of requests, and their end.
 *
 * A connection stands in one of four places. IDLE (nothing received), HEAD (part of a head) and LINGER (answered and shut; what still comes is thrown away, so that the
 * client reads our answer before a reset) are moved by the watch's callback and ended by the keeper, a fiber that looks once a second; each list is in the order of its deadlines,
 * so it looks at the first ones only. BUSY belongs to a fiber, which serves every complete request of the buffer in order and gives the connection back. */
// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "net/http_private.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_AT_ONCE 64
#define LINGER_US (2 * JB_SECOND_US)      /* of silence */
#define LINGER_ALL_US (30 * JB_SECOND_US) /* a client in the middle of an upload has not seen our answer yet */
#define POOL_MAX 64                       /* exchanges kept for later */
#ifdef JB_HOSTILE
#define BODY_BUFFER_BYTES ((size_t)5)
#else
#define BODY_BUFFER_BYTES ((size_t)16 << 10) /* behind the largest head, for chunked bodies and pipelined requests */
#endif

struct listener {
    struct jb_http_server *server;
    struct jb_watch *watch;
    int fd;
};

struct jb_http_server {
    struct jb_http_server_options options;
    struct jb_list places[JB__PLACES];
    int connections, lingering;
    struct jb_list pool; /* exchanges */
    int pooled;
    struct jb_fiber *keeper, *stopper;
    bool stopping, paused; /* paused: no descriptors left, so no accepting for a moment */
    char date[48];
    size_t date_bytes;
    int64_t date_s;
    size_t listener_count;
    struct listener listeners[];
};

const struct jb_http_limits *jb__server_limits(const struct jb_http_server *server)
{
    return &server->options.limits;
}

bool jb__server_stopping(const struct jb_http_server *server)
{
    return server->stopping;
}

struct jb_str jb__server_date(struct jb_http_server *server)
{
    if (!server->options.date)
        return JB_STR("");
    struct jb_time now = jb_now();
    if (now.us / JB_SECOND_US != server->date_s) {
        char text[JB_TIME_TEXT_SIZE];
        struct jb_str date = jb_time_http(now, text);
        server->date_s = now.us / JB_SECOND_US;
        JB_CHECK(date.size + 8 <= sizeof(server->date));
        memcpy(server->date, "Date: ", 6);
        memcpy(server->date + 6, date.data, date.size);
        memcpy(server->date + 6 + date.size, "\r\n", 2);
        server->date_bytes = date.size + 8;
    }
    return (struct jb_str){ server->date, server->date_bytes };
}

/* ---- exchanges ----------------------------------------------------------------------------------------------------------------- */

static struct jb__exchange *exchange_take(struct jb__connection *connection)
{
    struct jb_http_server *server = connection->server;
    struct jb_list *link = jb_list_pop(&server->pool);
    struct jb__exchange *exchange;
    if (link) {
        server->pooled--;
        exchange = JB_CONTAINER(link, struct jb__exchange, link);
    } else {
        const struct jb_http_limits *limits = &server->options.limits;
        size_t capacity = limits->head_bytes + BODY_BUFFER_BYTES;
        size_t headers = (size_t)limits->headers * sizeof(struct jb_header);
        exchange = malloc(sizeof(*exchange) + headers + capacity);
        JB_CHECK(exchange);
        jb_list_init(&exchange->link);
        exchange->capacity = capacity;
        exchange->bytes = (char *)exchange->headers + headers;
        jb_buf_init(&exchange->out, (size_t)64 << 10);
    }
    exchange->connection = connection;
    exchange->start = exchange->filled = 0;
    exchange->gone = exchange->left = false;
    exchange->http.scope = NULL;
    jb__head_init(&exchange->head, &server->options.limits, exchange->headers);
    connection->exchange = exchange;
    return exchange;
}

static void exchange_free(struct jb__exchange *exchange)
{
    jb_buf_done(&exchange->out);
    free(exchange);
}

static void exchange_give(struct jb__connection *connection)
{
    struct jb_http_server *server = connection->server;
    struct jb__exchange *exchange = connection->exchange;
    connection->exchange = NULL;
    if (!exchange)
        return;
#ifdef JB_HOSTILE
    exchange_free(exchange);
    (void)server;
#else
    if (server->pooled >= POOL_MAX) {
        exchange_free(exchange);
        return;
    }
    jb_list_prepend(&server->pool, &exchange->link); /* the last used is the warmest */
    server->pooled++;
#endif
}

/* ---- connections ------------------------------------------------------------------------------------------------------------------ */

static void move_to(struct jb__connection *connection, enum jb__place place, int64_t in_us)
{
    struct jb_http_server *server = connection->server;
    jb_list_remove(&connection->link);
    server->lingering += (place == JB__LINGER) - (connection->place == JB__LINGER);
    connection->place = place;
    connection->due_us = in_us == JB_NEVER ? JB_NEVER : jb_monotonic_us() + in_us;
    jb_list_append(&server->places[place], &connection->link);
}

static void accept_again(struct jb_http_server *server)
{
    if (!server->paused || server->stopping)
        return;
    server->paused = false;
    for (size_t i = 0; i < server->listener_count; i++)
        jb_watch_arm(server->listeners[i].watch);
}

static void connection_close(struct jb__connection *connection)
{
    struct jb_http_server *server = connection->server;
    enum jb__place place = connection->place;
    jb_list_remove(&connection->link);
    exchange_give(connection);
    jb_stream_close(connection->stream);
    free(connection);
    server->connections--;
    server->lingering -= place == JB__LINGER;
    accept_again(server);
    if (server->connections == 0 && server->stopper)
        jb_wake(server->stopper);
}

static void linger(struct jb__connection *connection)
{
    exchange_give(connection);
    shutdown(connection->stream->fd, SHUT_WR);
    connection->linger_end_us = jb_monotonic_us() + LINGER_ALL_US;
    move_to(connection, JB__LINGER, LINGER_US);
    jb_watch_arm(connection->stream->watch);
}

static void log_access(struct jb__exchange *exchange)
{
    const struct jb_http *http = &exchange->http;
    const struct jb__connection *connection = exchange->connection;
    if (!connection->server->options.access_log)
        return;
    jb_log(JB_LOG_INFO, "http", "%s \"%.*s %.*s\" %d %lld %.1f ms", connection->peer, JB_FMT(http->method), JB_FMT(http->target), http->status, (long long)http->sent_bytes,
        (double)(jb_monotonic_us() - http->started_us) / 1000);
}

/* What the handler and the answer's functions need to know of the request, or of the refusal. */
static void request_fill(struct jb__exchange *exchange, struct jb_scope *scope)
{
    const struct jb__head *head = &exchange->head;
    struct jb__connection *connection = exchange->connection;
    exchange->http = (struct jb_http){
        .scope = scope,
        .method = head->method,
        .target = head->target,
        .path = head->path,
        .query = head->query,
        .version_minor = head->version_minor,
        .headers = head->headers,
        .header_count = head->header_count,
        .host = head->host,
        .peer = jb_str_of(connection->peer),
        .peer_port = connection->peer_port,
        .has_body = head->body_bytes != 0,
        .body_bytes = head->body_bytes,
        .started_us = jb_monotonic_us(),
    };
    exchange->begun = exchange->ended = exchange->broken = false;
    exchange->keep_alive = head->keep_alive;
    jb_buf_clear(&exchange->out);
}

/* Answers what is no request, and closes. */
static void refuse(struct jb__connection *connection, int status, const char *why)
{
    struct jb__exchange *exchange = connection->exchange;
    request_fill(exchange, NULL);
    jb__answer_plain(exchange, status, why);
    log_access(exchange);
    linger(connection);
}

/* ---- requests, on a fiber ------------------------------------------------------------------------------------------------------------ */

/* The handler has returned: an answer must be out, or it is made here. */
static void request_finish(struct jb__exchange *exchange)
{
    struct jb_http *http = &exchange->http;
    if (!exchange->begun && !exchange->broken && !exchange->gone) {
        int status = exchange->bad_status ? exchange->bad_status : 500;
        if (status == 500)
            jb_log(JB_LOG_ERROR, "http", "no answer was given to %.*s %.*s", JB_FMT(http->method), JB_FMT(http->path));
        jb__answer_plain(exchange, status, status == 500 ? "no answer was given" : "the body of the request was not acceptable");
    }
    if (exchange->begun && !exchange->ended && !exchange->broken && (exchange->bodyless || (!exchange->chunked && exchange->answer_left == 0)))
        jb_http_end(http); /* everything announced was written */
    if (!exchange->ended || exchange->gone || exchange->connection->server->stopping)
        exchange->keep_alive = false;
    log_access(exchange);
}

/* One request. Returns whether the connection goes on. */
static bool request_run(struct jb__connection *connection)
{
    struct jb_http_server *server = connection->server;
    struct jb__exchange *exchange = connection->exchange;
    struct jb_scope *scope = server->options.parent ? jb_scope_child(server->options.parent, "request") : jb_scope_new("request");

    exchange->start = exchange->head.size;
    request_fill(exchange, scope);
    jb__body_start(exchange);
    int most = server->options.limits.requests;
    if (++connection->requests == most && most > 0)
        exchange->keep_alive = false;
    jb__exchange_left(exchange);
    server->options.handle(&exchange->http, server->options.arg);
    request_finish(exchange);
    exchange->http.scope = NULL;
    jb_scope_end(scope);
    return exchange->keep_alive;
}

/* Ends a connection after its last answer: at once when the client has nothing more to say or to hear. */
static void connection_end(struct jb__connection *connection)
{
    struct jb__exchange *exchange = connection->exchange;
    bool clean = exchange->ended && exchange->body_done && exchange->start == exchange->filled && !exchange->head.keep_alive;
    if (exchange->gone || !exchange->ended || clean)
        connection_close(connection);
    else
        linger(connection);
}

/* What follows an answer: the next request of the buffer, or waiting without a fiber. Returns true when a complete head stands there. */
static bool connection_next(struct jb__connection *connection)
{
    struct jb__exchange *exchange = connection->exchange;
    const struct jb_http_limits *limits = &connection->server->options.limits;

    exchange->filled -= exchange->start;
    memmove(exchange->bytes, exchange->bytes + exchange->start, exchange->filled);
    exchange->start = 0;
    if (exchange->filled == 0) {
        exchange_give(connection);
        move_to(connection, JB__IDLE, limits->idle_s * JB_SECOND_US);
        jb_watch_arm(connection->stream->watch);
        return false;
    }
    jb__head_init(&exchange->head, limits, exchange->headers);
    switch (jb__head_feed(&exchange->head, exchange->bytes, exchange->filled)) {
    case JB__PARSE_DONE:
        return true;
    case JB__PARSE_BAD:
        refuse(connection, exchange->head.status, exchange->head.why);
        return false;
    default:
        move_to(connection, JB__HEAD, limits->head_s * JB_SECOND_US);
        jb_watch_arm(connection->stream->watch);
        return false;
    }
}

static void serve(void *arg)
{
    struct jb__connection *connection = arg;
    do {
        if (!request_run(connection)) {
            connection_end(connection);
            return;
        }
        jb_yield(); /* a pipeline does not keep the others waiting */
    } while (connection_next(connection));
}

/* ---- the watch's callback ---------------------------------------------------------------------------------------------------------------- */

static bool receive(struct jb__connection *connection)
{
    struct jb__exchange *exchange = connection->exchange ? connection->exchange : exchange_take(connection);
    size_t room = exchange->capacity - exchange->filled;
#ifdef JB_HOSTILE
    room = JB_MIN(room, (size_t)3);
#endif
    ssize_t got = jb__stream_try_read(connection->stream, exchange->bytes + exchange->filled, room);
    if (got < 0 && errno == EAGAIN) {
        if (connection->place == JB__IDLE)
            exchange_give(connection);
        return true;
    }
    if (got <= 0) {
        connection_close(connection);
        return true;
    }
    exchange->filled += (size_t)got;
    switch (jb__head_feed(&exchange->head, exchange->bytes, exchange->filled)) {
    case JB__PARSE_DONE:
        move_to(connection, JB__BUSY, JB_NEVER);
        jb_fiber_start("request", serve, connection);
        break;
    case JB__PARSE_BAD:
        refuse(connection, exchange->head.status, exchange->head.why);
        break;
    default:
        if (connection->place == JB__IDLE)
            move_to(connection, JB__HEAD, connection->server->options.limits.head_s * JB_SECOND_US);
    }
    return true;
}

static bool throw_away(struct jb__connection *connection)
{
    char bytes[16384];
    ssize_t got = jb__stream_try_read(connection->stream, bytes, sizeof(bytes));
    if (got == 0 || (got < 0 && errno != EAGAIN))
        connection_close(connection);
    else if (got > 0 && jb_monotonic_us() < connection->linger_end_us)
        move_to(connection, JB__LINGER, LINGER_US);
    return true;
}

static bool connection_seen(void *arg, bool gone)
{
    struct jb__connection *connection = arg;
    if (connection->place == JB__LINGER)
        return throw_away(connection);
    if (connection->place != JB__BUSY)
        return receive(connection);
    if (gone) {
        connection->exchange->left = true;
        jb__exchange_left(connection->exchange);
    }
    return false; /* pipelined requests wait in the socket */
}

/* ---- accepting ------------------------------------------------------------------------------------------------------------------------------ */

static void read_peer(struct jb__connection *connection, const struct sockaddr_storage *at)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)at;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)at;
    if (at->ss_family == AF_INET) {
        inet_ntop(AF_INET, &four->sin_addr, connection->peer, sizeof(connection->peer));
        connection->peer_port = ntohs(four->sin_port);
    } else if (at->ss_family == AF_INET6) {
        if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
            inet_ntop(AF_INET, six->sin6_addr.s6_addr + 12, connection->peer, sizeof(connection->peer));
        else
            inet_ntop(AF_INET6, &six->sin6_addr, connection->peer, sizeof(connection->peer));
        connection->peer_port = ntohs(six->sin6_port);
    }
}

static void connection_open(struct jb_http_server *server, int fd, const struct sockaddr_storage *at)
{
    int most = server->options.limits.connections;
    if (server->connections >= most + most / 8 + 16) { /* even refusing has an end */
        close(fd);
        return;
    }
    struct jb__connection *connection = calloc(1, sizeof(*connection));
    JB_CHECK(connection);
    jb_list_init(&connection->link);
    connection->server = server;
    connection->stream = jb_stream_open(fd);
    connection->stream->lost = JB_CANCELLED;
    read_peer(connection, at);
    jb_watch_notify(connection->stream->watch, connection_seen, connection);
    if (server->connections++ == 0)
        jb_wake(server->keeper);
    move_to(connection, JB__IDLE, server->options.limits.idle_s * JB_SECOND_US);
    if (server->connections - server->lingering > most) { /* those that only wait for their client's end do not count */
        exchange_take(connection);
        refuse(connection, 503, "too many connections; please come again soon");
    }
}

static bool listener_seen(void *arg, bool gone)
{
    struct listener *listener = arg;
    struct jb_http_server *server = listener->server;
    (void)gone;
    if (server->stopping)
        return false;
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        struct sockaddr_storage at = { 0 };
        socklen_t size = sizeof(at);
        int fd = accept4(listener->fd, (struct sockaddr *)&at, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            connection_open(server, fd, &at);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            if (!server->paused)
                jb_log(JB_LOG_WARNING, "http", "no connection can be accepted for a moment: %s", strerror(errno));
            server->paused = true;
            return false;
        } else if (errno == EAGAIN) {
            return true;
        }
    }
    return true;
}

/* ---- the keeper ------------------------------------------------------------------------------------------------------------------------------- */

static void end_overdue(struct jb_http_server *server, enum jb__place place)
{
    int64_t now = jb_monotonic_us();
    struct jb_list *list = &server->places[place];
    while (!jb_list_empty(list)) {
        struct jb__connection *connection = JB_CONTAINER(list->next, struct jb__connection, link);
        if (connection->due_us > now)
            return;
        if (place == JB__HEAD)
            refuse(connection, 408, "the head of the request did not come in time");
        else
            connection_close(connection);
    }
}

static void keep(void *arg)
{
    struct jb_http_server *server = arg;
    while (!server->stopping || server->connections > 0) {
        jb_park(NULL, server->connections > 0 || server->paused ? jb_monotonic_us() + JB_SECOND_US : JB_NEVER);
        end_overdue(server, JB__IDLE);
        end_overdue(server, JB__HEAD);
        end_overdue(server, JB__LINGER);
        accept_again(server);
    }
    server->keeper = NULL;
    jb_wake(server->stopper);
}

/* ---- life ------------------------------------------------------------------------------------------------------------------------------------- */

struct jb_http_server *jb_http_server_start(const struct jb_http_server_options *options, const int *sockets, size_t count)
{
    struct jb_http_server *server = calloc(1, sizeof(*server) + count * sizeof(server->listeners[0]));
    JB_CHECK(server && options->handle);
    signal(SIGPIPE, SIG_IGN); /* sendfile has no MSG_NOSIGNAL */
    server->options = *options;
    server->options.limits = jb__http_limits(&options->limits);
    for (int place = 0; place < JB__PLACES; place++)
        jb_list_init(&server->places[place]);
    jb_list_init(&server->pool);
    server->listener_count = count;
    server->keeper = jb_fiber_start("http keeper", keep, server);
    for (size_t i = 0; i < count; i++) {
        struct listener *listener = &server->listeners[i];
        *listener = (struct listener){ server, jb_watch_open(sockets[i]), sockets[i] };
        jb_watch_notify(listener->watch, listener_seen, listener);
    }
    return server;
}

/* Idle ones go at once, unless a request is in the socket already. */
static void end_idle(struct jb_http_server *server)
{
    struct jb_list *list = &server->places[JB__IDLE];
    for (struct jb_list *link = list->next, *next; link != list; link = next) {
        struct jb__connection *connection = JB_CONTAINER(link, struct jb__connection, link);
        next = link->next;
        receive(connection); /* may close it, or move it on; touches no other */
    }
    while (!jb_list_empty(list))
        connection_close(JB_CONTAINER(list->next, struct jb__connection, link));
}

/* The deadline has passed: running requests are cancelled and their sockets shut, the others closed. */
static void end_all(struct jb_http_server *server)
{
    for (int place = 0; place < JB__PLACES; place++)
        while (place != JB__BUSY && !jb_list_empty(&server->places[place]))
            connection_close(JB_CONTAINER(server->places[place].next, struct jb__connection, link));
    for (JB_EACH(&server->places[JB__BUSY], link)) {
        struct jb__connection *connection = JB_CONTAINER(link, struct jb__connection, link);
        shutdown(connection->stream->fd, SHUT_RDWR);
        connection->exchange->gone = true;
        if (connection->exchange->http.scope)
            jb_cancel(connection->exchange->http.scope);
    }
}

void jb_http_server_stop(struct jb_http_server *server, int64_t deadline_us)
{
    if (!server)
        return;
    server->stopper = jb_fiber_self();
    JB_CHECK(server->stopper);
    server->stopping = true;
    for (size_t i = 0; i < server->listener_count; i++)
        jb_watch_close(server->listeners[i].watch);
    end_idle(server);
    while (server->connections > 0 && jb_monotonic_us() < deadline_us)
        jb_park(NULL, deadline_us);
    if (server->connections > 0)
        end_all(server);
    while (server->connections > 0)
        jb_park(NULL, JB_NEVER);
    if (server->keeper)
        jb_wake(server->keeper);
    while (server->keeper)
        jb_park(NULL, JB_NEVER);
    for (struct jb_list *link; (link = jb_list_pop(&server->pool));)
        exchange_free(JB_CONTAINER(link, struct jb__exchange, link));
    free(server);
}

struct jb_str jb_http_header(const struct jb_http *http, const char *name)
{
    struct jb_str wanted = jb_str_of(name);
    for (size_t i = 0; i < http->header_count; i++)
        if (jb_str_equal_nocase(http->headers[i].name, wanted))
            return http->headers[i].value;
    return JB_STR_NULL;
}

bool jb_http_gone(struct jb_http *http)
{
    struct jb__exchange *exchange = jb__exchange_of(http);
    return exchange->gone || jb_watch_gone(exchange->connection->stream->watch);
}
