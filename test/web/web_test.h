/* web_test.h — a whole server on the test's own loop, and a browser that remembers its cookie.
 *
 *     struct talk *talk = talk_open(scope, &options);
 *     struct reply reply = talk_get(talk, "/hello/");
 *     CHECK_INT(reply.status, 200);
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_WEB_TEST_H
#define JB_WEB_TEST_H

#include "../store/store_test.h"
#include "net/net.h"
#include "run/run.h"
#include "web/web.h"

static const struct jb_model *const talk_models[] = { JB_AUTH_MODELS, NULL };

struct talk {
    struct jb_scope *scope;
    struct jb_web *web;
    struct jb_http_server *server;
    int socket;
    struct jb_str address, cookie; /* "sessionid=…" */
    const char *accept, *host;
};

struct reply {
    int status;
    struct jb_str head, body;
};

TEST_HELPER void talk_close(void *arg)
{
    struct talk *talk = arg;

    jb_http_server_stop(talk->server, jb_monotonic_us() + JB_SECOND_US);
    close(talk->socket);
    jb_web_free(talk->web);
}

/* Fills in what the options leave open: key, hosts, zone. */
TEST_HELPER struct talk *talk_open(struct jb_scope *scope, struct jb_web_options options)
{
    struct talk *talk = JB_NEW(scope, struct talk);

    *talk = (struct talk){ .scope = scope, .accept = "text/html", .host = "localhost" };
    if (!jb_service(scope, JB_SERVICE_DB))
        test_database(scope, talk_models);
    if (!options.secret_key.data)
        options.secret_key = JB_STR("a key for tests and nothing else");
    talk->web = jb_web_new(scope, &options);
    CHECK_OK(talk->web != NULL);
    CHECK_OK(jb_listen(scope, JB_STR("127.0.0.1:0"), false, &talk->socket));
    talk->address = jb_socket_address(scope, talk->socket);
    struct jb_http_server_options server = { .handle = jb_web_handle, .arg = talk->web, .parent = scope };
    talk->server = jb_http_server_start(&server, &talk->socket, 1);
    jb_defer(scope, talk_close, talk);
    return talk;
}

TEST_HELPER struct jb_str reply_header(struct reply reply, const char *name)
{
    struct jb_str rest = reply.head;

    while (rest.data) {
        struct jb_str value = jb_str_trim(jb_str_cut(&rest, '\n')), header = jb_str_cut(&value, ':');
        if (value.data && jb_str_equal_nocase(header, jb_str_of(name)))
            return jb_str_trim(value);
    }
    return JB_STR_NULL;
}

TEST_HELPER bool has(struct jb_str text, const char *what)
{
    return jb_str_find(text, jb_str_of(what), 0) != SIZE_MAX;
}

TEST_HELPER void remember_cookie(struct talk *talk, struct reply reply)
{
    struct jb_str cookie = reply_header(reply, "Set-Cookie");

    if (!cookie.data)
        return;
    talk->cookie = jb_copy(talk->scope, jb_str_slice(cookie, 0, jb_str_find_char(cookie, ';', 0)));
    if (jb_str_ends(talk->cookie, JB_STR("=")))
        talk->cookie = JB_STR_NULL;
}

/* One request on a connection of its own. `headers` are lines that end with \r\n. */
TEST_HELPER struct reply talk_send(struct talk *talk, const char *method, const char *target, const char *headers, struct jb_str body)
{
    struct jb_scope *scope = talk->scope;
    struct jb_stream *stream = jb_stream_connect(scope, talk->address);
    struct jb_buf buf = JB_BUF_INIT(1 << 26);
    struct reply reply = { 0 };
    char chunk[4096];
    size_t got = 1;

    CHECK_OK(stream != NULL);
    jb_buf_printf(&buf, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", method, target, talk->host);
    if (talk->accept)
        jb_buf_printf(&buf, "Accept: %s\r\n", talk->accept);
    if (talk->cookie.data)
        jb_buf_printf(&buf, "Cookie: %.*s\r\n", JB_FMT(talk->cookie));
    if (body.data)
        jb_buf_printf(&buf, "Content-Length: %zu\r\n", body.size);
    jb_buf_printf(&buf, "%s\r\n", headers ? headers : "");
    jb_buf_put(&buf, body);
    CHECK_OK(jb_stream_write(stream, scope, buf.data, buf.size));
    jb_buf_clear(&buf);
    while (got > 0) {
        CHECK_OK(jb_stream_read(stream, scope, chunk, sizeof chunk, &got));
        jb_buf_put_bytes(&buf, chunk, got);
    }
    jb_stream_close(stream);
    struct jb_str all = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    size_t end = jb_str_find(all, JB_STR("\r\n\r\n"), 0);
    CHECK(end != SIZE_MAX);
    reply.head = jb_str_slice(all, 0, end);
    reply.body = jb_str_slice(all, end + 4, all.size);
    reply.status = atoi(reply.head.data + sizeof "HTTP/1.1");
    remember_cookie(talk, reply);
    return reply;
}

TEST_HELPER struct reply talk_get(struct talk *talk, const char *target)
{
    return talk_send(talk, "GET", target, NULL, JB_STR_NULL);
}

TEST_HELPER struct reply talk_post(struct talk *talk, const char *target, struct jb_str form)
{
    return talk_send(talk, "POST", target, "Content-Type: application/x-www-form-urlencoded\r\n", form);
}

/* The token that a page's hidden input carries. */
TEST_HELPER struct jb_str token_of(struct reply reply)
{
    struct jb_str mark = JB_STR("name=\"csrfmiddlewaretoken\" value=\"");
    size_t at = jb_str_find(reply.body, mark, 0);

    CHECK(at != SIZE_MAX);
    return jb_str_slice(reply.body, at + mark.size, at + mark.size + 64);
}

#endif
