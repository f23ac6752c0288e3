/* postgres_open.c — a connection is opened: names looked up, connected, signed in, and its settings made.
 *
 * Of the hosts of a URL each gets its share of DB_CONNECT_TIMEOUT, so that a machine that is silent does not keep us from the one that took its place; libpq alone would wait for it to the end. The one that was
 * right last time comes first. */
// SPDX-License-Identifier: Apache-2.0
#include "store/postgres_private.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS 50 /* an opening connection looks at its scope this often */
#define WORDS_MAX 64

struct opening {
    struct jb__pg_server *server;
    struct jb_scope *scope;
    int64_t deadline_us;
    PGconn *handle;
    bool late; /* or given up */
};

/* ---- hosts ----------------------------------------------------------------------------------------------------------------------- */

static const char *option_of(const PQconninfoOption *options, const char *name)
{
    for (; options->keyword; options++)
        if (strcmp(options->keyword, name) == 0)
            return options->val ? options->val : "";
    return "";
}

static int count_hosts(const PQconninfoOption *options)
{
    const char *hosts = option_of(options, "host"), *addresses = option_of(options, "hostaddr");
    int count = 1;

    for (const char *at = *hosts ? hosts : addresses; *at; at++)
        count += *at == ',';
    return count;
}

/* The one at `index` of a list with commas; the last one when there are fewer, as one port serves several hosts. */
static char *list_item(const char *list, int index)
{
    struct jb_str rest = jb_str_of(list), item = jb_str_cut(&rest, ',');

    while (index-- > 0 && rest.data)
        item = jb_str_cut(&rest, ',');
    char *copy = strndup(item.data, item.size);
    JB_CHECK(copy);
    return copy;
}

static bool is_listed(const char *keyword)
{
    return strcmp(keyword, "host") == 0 || strcmp(keyword, "hostaddr") == 0 || strcmp(keyword, "port") == 0;
}

/* What the URL says wins nothing over what the driver needs. */
static PGconn *start_host(const PQconninfoOption *options, int host)
{
    const char *names[WORDS_MAX] = { "client_encoding", "fallback_application_name", "keepalives_idle", "tcp_user_timeout" };
    const char *values[WORDS_MAX] = { "UTF8", "jangbu", "30", "30000" };
    char *items[3] = { NULL };
    size_t count = 4, item_count = 0;

    for (const PQconninfoOption *option = options; option->keyword; option++) {
        if (!option->val || !*option->val || strcmp(option->keyword, "client_encoding") == 0)
            continue;
        JB_CHECK(count + 1 < WORDS_MAX);
        names[count] = option->keyword;
        values[count++] = is_listed(option->keyword) ? (items[item_count++] = list_item(option->val, host)) : option->val;
    }
    PGconn *handle = PQconnectStartParams(names, values, 0);
    for (size_t i = 0; i < item_count; i++)
        free(items[i]);
    return handle;
}

/* ---- one after the other, on an offload thread or a plain one ---------------------------------------------------------------------- */

static void poll_until(struct opening *opening, int64_t deadline_us)
{
    PostgresPollingStatusType wants = PGRES_POLLING_WRITING;

    opening->late = false;
    while (PQstatus(opening->handle) != CONNECTION_BAD && (wants == PGRES_POLLING_READING || wants == PGRES_POLLING_WRITING)) {
        struct pollfd fd = { PQsocket(opening->handle), wants == PGRES_POLLING_READING ? POLLIN : POLLOUT, 0 };
        int ready = poll(&fd, 1, LOOK_MS);
        if (jb_cancelled(opening->scope) || jb_monotonic_us() >= deadline_us) {
            opening->late = true;
            return;
        }
        if (ready > 0)
            wants = PQconnectPoll(opening->handle);
    }
}

static bool is_open(const struct opening *opening)
{
    return !opening->late && PQstatus(opening->handle) == CONNECTION_OK;
}

static void open_blocking(void *arg)
{
    struct opening *opening = arg;
    PQconninfoOption *options = PQconninfoParse(opening->server->url, NULL);
    int count = options ? count_hosts(options) : 1, first = atomic_load(&opening->server->host);

    for (int tried = 0; tried < count && !(tried > 0 && (is_open(opening) || jb_cancelled(opening->scope))); tried++) {
        int host = (first + tried) % count;
        int64_t now_us = jb_monotonic_us();
        PQfinish(opening->handle);
        opening->handle = options ? start_host(options, host) : PQconnectStart(opening->server->url); /* which says what is wrong with it */
        JB_CHECK(opening->handle);
        poll_until(opening, now_us + (opening->deadline_us - now_us) / (count - tried));
        if (is_open(opening))
            atomic_store(&opening->server->host, host);
    }
    if (is_open(opening))
        PQsetnonblocking(opening->handle, 1);
    PQconninfoFree(options);
}

/* ---- for the fiber -------------------------------------------------------------------------------------------------------------- */

static void ignore_notice(void *arg, const PGresult *result)
{
    (void)arg, (void)result;
}

static bool is_well_formed(const char *url)
{
    char *ignored = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &ignored);
    bool ok = options != NULL;

    PQconninfoFree(options);
    PQfreemem(ignored);
    return ok;
}

static bool fail_opening(struct jb_scope *scope, const struct opening *opening, int64_t timeout_s)
{
    atomic_fetch_add(&opening->server->connection_errors, 1);
    if (!jb_continue(scope))
        return false;
    if (opening->late)
        jb_fail(scope, JB_UNAVAILABLE, JB_L(scope, "%lld초 안에 대답이 없습니다.", "no answer within %lld seconds."), (long long)timeout_s);
    else if (!is_well_formed(opening->server->url)) /* libpq's words would show it, with the password in it */
        jb_fail(scope, JB_INVALID, "%s",
            JB_L(scope, "주소의 꼴이 틀렸습니다. postgresql://사용자:암호@호스트:포트/데이터베이스 꼴로, 암호의 @ : / % 따위는 %40처럼 적으세요.",
                "its URL is not well formed. Write postgresql://user:password@host:port/database, and signs like @ : / % in the password as %40."));
    else
        jb__pg_fail(scope, opening->handle, NULL, NULL);
    return jb_wrap(scope, JB_L(scope, "PostgreSQL 서버(%s)에 연결하지 못했습니다", "cannot connect to the PostgreSQL server (%s)"), opening->server->name);
}

/* SQL_ASCII keeps any bytes and LATIN1 no Korean. */
static bool encoding_fits(struct jb_scope *scope, const struct jb__pg_connection *connection)
{
    const char *encoding = PQparameterStatus(connection->handle, "server_encoding");

    return !encoding || strcmp(encoding, "UTF8") == 0 ||
           jb_fail(scope, JB_CONFLICT, JB_L(scope, "데이터베이스 %s의 글자는 UTF8이 아니라 %s(으)로 적힙니다. UTF8 데이터베이스를 만들어 DATABASE_URL에 적으세요 (createdb -E UTF8 -T template0 이름).", "The database %s keeps text as %s, not as UTF8. Make one that does and name it in DATABASE_URL (createdb -E UTF8 -T template0 NAME)."),
               PQdb(connection->handle), encoding);
}

struct jb__pg_connection *jb__pg_connect(struct jb__pg_server *server, struct jb_scope *scope, bool live)
{
    int timeout_s = server->pg->connect_timeout_s;
    struct opening opening = { .server = server, .scope = scope, .deadline_us = JB_MIN(jb_deadline_us(scope), jb_monotonic_us() + timeout_s * JB_SECOND_US) };

    jb__wait_allow(true);
    jb_offload(open_blocking, &opening);
    jb__wait_allow(false);
    if (opening.late || PQstatus(opening.handle) != CONNECTION_OK) {
        fail_opening(scope, &opening, timeout_s);
        PQfinish(opening.handle);
        return NULL;
    }
    struct jb__pg_connection *connection = calloc(1, sizeof *connection);
    JB_CHECK(connection);
    *connection = (struct jb__pg_connection){ .handle = opening.handle, .server = server, .opened_us = jb_monotonic_us() };
    jb_map_init(&connection->by_sql);
    jb_list_init(&connection->recent);
    PQsetNoticeReceiver(connection->handle, ignore_notice, NULL);
    bool ok = encoding_fits(scope, connection) && jb__pg_exec_on(connection, scope, "set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set default_transaction_isolation = 'read committed'");
    if (ok && live) /* what is asked here looks for keys: a plan that was made while a table was empty must not read all of it later */
        ok = jb__pg_exec_on(connection, scope, "set synchronous_commit = off; set enable_seqscan = off; set enable_bitmapscan = off");
    if (!ok) {
        jb__pg_close(connection);
        return NULL;
    }
    return connection;
}
