/* http_private.h — what the files of the server share.
 *
 * A connection is small and lives as long as its socket. An exchange is large (buffer, head, one request and its answer) and comes from the server's pool only while bytes of a
 * request are there: idle and lingering connections have none. Without a fiber a connection moves by the watch's callback (http_serve.c); with one it is BUSY. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_NET_HTTP_PRIVATE_H
#define JB_NET_HTTP_PRIVATE_H

#include "net/net_private.h"
#include <netinet/in.h>

#define JB__DRAIN_BYTES ((int64_t)64 << 10) /* of a body that nobody read, so that the connection can go on */
#define JB__DRAIN_US (5 * JB_SECOND_US)     /* and no longer than this: the answer waits for it */

enum jb__place {
    JB__IDLE,
    JB__HEAD,
    JB__BUSY,
    JB__LINGER,
    JB__PLACES,
};

struct jb__connection {
    struct jb_list link; /* server->places[place], in the order of due_us */
    struct jb_http_server *server;
    struct jb_stream *stream;
    enum jb__place place;
    int64_t due_us; /* the keeper ends it then; not while BUSY */
    int64_t linger_end_us;
    int requests;
    struct jb__exchange *exchange; /* HEAD and BUSY only */
    int peer_port;
    char peer[INET6_ADDRSTRLEN];
};

struct jb__exchange {
    struct jb_http http;
    struct jb_list link; /* the pool */
    struct jb__connection *connection;
    struct jb__head head;

    /* The bytes: the head at 0, then what was read behind it and is unused: [start, filled). */
    size_t start, filled, capacity;
    char *bytes;

    struct jb__chunk chunk;
    int64_t body_left; /* without chunks */
    int64_t body_taken, body_limit, body_until_us;
    bool body_done;
    bool continue_due; /* the client waits for 100 Continue */
    bool left;         /* the client has hung up */
    bool gone;         /* … and nothing it sent is left to read */
    int bad_status;    /* what is wrong with the body: 400, 408, 413 */

    bool begun, ended, broken;
    bool chunked, bodyless;
    bool keep_alive;
    int64_t answer_left; /* of the announced length */
    struct jb_buf out;   /* the answer's head, until the first write takes it along */

    struct jb_header headers[];
};

static inline struct jb__exchange *jb__exchange_of(const struct jb_http *http)
{
    return JB_CONTAINER(http, struct jb__exchange, http);
}

/* ---- http_body.c ---- */
void jb__body_start(struct jb__exchange *exchange);
/* Cancels the handler of a client that has left, once all it sent was read: an upload keeps what came. */
void jb__exchange_left(struct jb__exchange *exchange);
/* Before an answer: reads the rest of a short body away, otherwise the connection will not be kept. */
void jb__body_settle(struct jb__exchange *exchange);

/* ---- http_answer.c ---- */
/* Sends what jb_http_begin has left waiting. */
bool jb__answer_flush(struct jb__exchange *exchange);
/* "400 Bad Request" with the sentence as text, for refusals outside of handlers. */
bool jb__answer_plain(struct jb__exchange *exchange, int status, const char *why);

/* ---- http_serve.c ---- */
const struct jb_http_limits *jb__server_limits(const struct jb_http_server *server);
bool jb__server_stopping(const struct jb_http_server *server);
/* The Date line, made once a second; empty when the options do not want it. */
struct jb_str jb__server_date(struct jb_http_server *server);

#endif
