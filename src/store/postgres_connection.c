/* postgres_connection.c — one connection: waited for, its prepared statements, one statement run on it.
 *
 * libpq's non-blocking calls in straight lines: send, flush, wait until the socket is ready, read. When the scope ends while a statement runs, the server is told to give it up, and what still comes
 * is read and dropped, so that the connection can be used again; one that stays silent is closed. */
// SPDX-License-Identifier: Apache-2.0
#include "store/postgres_private.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATEMENTS_MAX ((size_t)200)
#define LOOK_MS 10 /* a plain thread looks at its scope this often while it waits */
#define SLICE_US 200000
#define CANCEL_US 2000000       /* after a cancel the server has this long to end the statement */
#define BUFFERED_ROWS_MAX 20000 /* more than these come row by row */

/* ---- closing ------------------------------------------------------------------------------------------------------------------ */

void jb__pg_prepared_forget(struct jb__pg_connection *connection, struct jb__pg_prepared *prepared)
{
    jb_map_remove(&connection->by_sql, prepared->sql);
    jb_list_remove(&prepared->link);
    connection->statement_count--;
    free(prepared->params);
    free(prepared);
}

static void forget_all(struct jb__pg_connection *connection)
{
    while (!jb_list_empty(&connection->recent))
        jb__pg_prepared_forget(connection, JB_CONTAINER(connection->recent.next, struct jb__pg_prepared, link));
}

void jb__pg_close(struct jb__pg_connection *connection)
{
    if (!connection)
        return;
    forget_all(connection);
    jb_map_done(&connection->by_sql);
    PQclear(connection->late);
    PQfinish(connection->handle);
    free(connection);
}

/* ---- waiting ------------------------------------------------------------------------------------------------------------------ */

/* Until the deadline even when the scope (NULL: none) is over. */
static bool wait_until(struct jb__pg_connection *connection, struct jb_scope *scope, enum jb_wait what, int64_t deadline_us)
{
    int fd = PQsocket(connection->handle);

    if (jb_on_fiber()) {
        jb__wait_allow(true);
        bool ok = jb_wait_fd(scope, fd, what, deadline_us);
        jb__wait_allow(false);
        return ok;
    }
    struct pollfd poll_fd = { fd, what == JB_WAIT_READ ? POLLIN : POLLOUT, 0 };
    for (;;) {
        if (scope && !jb_continue(scope))
            return false;
        int ready = poll(&poll_fd, 1, LOOK_MS);
        if (ready == 0 && connection->on_look)
            connection->on_look(connection->look_arg);
        if (ready != 0)
            return ready > 0 || errno == EINTR;
        if (jb_monotonic_us() >= deadline_us)
            return false;
    }
}

/* For a replica in slices: nobody waits for one that has gone away until his own end. */
bool jb__pg_wait(struct jb__pg_connection *connection, struct jb_scope *scope, enum jb_wait what)
{
    const struct jb__pg_server *server = connection->server;

    if (server == &server->pg->primary || connection->looks)
        return wait_until(connection, scope, what, JB_NEVER);
    while (!wait_until(connection, NULL, what, JB_MIN(jb_deadline_us(scope), jb_monotonic_us() + SLICE_US))) {
        if (!jb_continue(scope))
            return false;
        if (!jb__pg_is_there(server)) {
            connection->broken = true;
            return jb_fail(scope, JB_UNAVAILABLE, JB_L(scope, "서버(%s)가 대답하지 않습니다.", "the server (%s) does not answer."), server->name);
        }
    }
    return true;
}

static bool fail_broken(struct jb__pg_connection *connection, struct jb_scope *scope)
{
    if (connection->broken && jb_failure(scope))
        return false; /* the server has said why */
    connection->broken = true;
    return jb__pg_fail(scope, connection->handle, NULL, NULL);
}

bool jb__pg_flush(struct jb__pg_connection *connection, struct jb_scope *scope)
{
    int left;

    while ((left = PQflush(connection->handle)) == 1)
        if (!jb__pg_wait(connection, scope, JB_WAIT_WRITE)) {
            connection->broken = true; /* half a message is out */
            return false;
        }
    return left == 0 || fail_broken(connection, scope);
}

/* Reads what still comes. The answer of a statement that was done before it could be given up stays in `late`. */
static bool drain(struct jb__pg_connection *connection, int64_t deadline_us)
{
    PGresult *result;

    for (;;) {
        while (PQisBusy(connection->handle))
            if (!wait_until(connection, NULL, JB_WAIT_READ, deadline_us) || !PQconsumeInput(connection->handle))
                return false;
        result = PQgetResult(connection->handle);
        if (!result)
            return true;
        ExecStatusType status = PQresultStatus(result);
        PQclear(connection->late);
        connection->late_bad |= !jb__pg_is_good(result);
        connection->late = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? result : NULL;
        if (!connection->late)
            PQclear(result);
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH)
            return false;
    }
}

/* Tells the server to give the statement up. */
static void cancel(struct jb__pg_connection *connection)
{
    int64_t deadline_us = jb_monotonic_us() + CANCEL_US;

    PQclear(connection->late);
    connection->late = NULL;
    connection->late_bad = false;
    if (!connection->broken && (connection->looks || !jb__pg_cancel(connection, deadline_us) || !drain(connection, deadline_us)))
        connection->broken = true;
}

bool jb__pg_result(struct jb__pg_connection *connection, struct jb_scope *scope, PGresult **ret_result)
{
    while (PQisBusy(connection->handle)) {
        if (!jb__pg_wait(connection, scope, JB_WAIT_READ)) {
            cancel(connection);
            return false;
        }
        if (!PQconsumeInput(connection->handle))
            return fail_broken(connection, scope);
    }
    *ret_result = PQgetResult(connection->handle);
    return true;
}

/* ---- commands without rows ------------------------------------------------------------------------------------------------------ */

bool jb__pg_is_good(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_SINGLE_TUPLE || status == PGRES_EMPTY_QUERY;
}

/* The server's error as a failure; after a fatal one nothing comes any more. */
static bool fail_answer(struct jb__pg_connection *connection, struct jb_scope *scope, const PGresult *result, const struct jb__statement *what)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

    connection->broken |= PQstatus(connection->handle) != CONNECTION_OK || (severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0));
    return jb__pg_fail(scope, connection->handle, result, what);
}

/* Reads the command to its end; the first failure stays. `ret_first` takes the first good result over; may be NULL. */
static bool finish(struct jb__pg_connection *connection, struct jb_scope *scope, const struct jb__statement *what, PGresult **ret_first)
{
    PGresult *result, *first = NULL;
    bool ok = true, came;

    while ((came = jb__pg_result(connection, scope, &result)) && result) {
        if (ok && !jb__pg_is_good(result))
            ok = fail_answer(connection, scope, result, what);
        if (ok && ret_first && !first)
            first = result;
        else
            PQclear(result);
    }
    ok = ok && came;
    if (!ok)
        PQclear(first);
    else if (ret_first)
        *ret_first = first;
    return ok;
}

bool jb__pg_exec_on(struct jb__pg_connection *connection, struct jb_scope *scope, const char *sql)
{
    struct jb__statement what = { .sql = jb_str_of(sql) };

    if (!PQsendQuery(connection->handle, sql))
        return fail_broken(connection, scope);
    return jb__pg_flush(connection, scope) && finish(connection, scope, &what, NULL);
}

/* ---- prepared statements ---------------------------------------------------------------------------------------------------------- */

static bool make_room(struct jb__pg_connection *connection, struct jb_scope *scope)
{
    char command[64];

    if (connection->statement_count < STATEMENTS_MAX)
        return true;
    struct jb__pg_prepared *oldest = JB_CONTAINER(connection->recent.previous, struct jb__pg_prepared, link);
    snprintf(command, sizeof command, "deallocate %s", oldest->name);
    jb__pg_prepared_forget(connection, oldest);
    return jb__pg_exec_on(connection, scope, command);
}

void jb__pg_prepared_describe(struct jb__pg_prepared *prepared, const PGresult *description)
{
    prepared->param_count = PQnparams(description);
    prepared->params = calloc((size_t)prepared->param_count + 1, sizeof *prepared->params);
    JB_CHECK(prepared->params);
    for (int i = 0; i < prepared->param_count; i++)
        prepared->params[i] = PQparamtype(description, i);
    prepared->ready = true;
}

struct jb__pg_prepared *jb__pg_prepared_new(struct jb__pg_connection *connection, struct jb_str sql)
{
    struct jb__pg_prepared *prepared = calloc(1, sizeof *prepared + sql.size + 1);

    JB_CHECK(prepared);
    char *copy = (char *)(prepared + 1);
    memcpy(copy, sql.data, sql.size);
    prepared->sql = (struct jb_str){ copy, sql.size };
    snprintf(prepared->name, sizeof prepared->name, "s%d", connection->serial++);
    jb_list_init(&prepared->link);
    jb_list_prepend(&connection->recent, &prepared->link);
    jb_map_put(&connection->by_sql, prepared->sql, prepared);
    connection->statement_count++;
    return prepared;
}

/* The types of its parameters, as the server understands them. */
static bool describe(struct jb__pg_connection *connection, struct jb_scope *scope, struct jb__pg_prepared *prepared, const struct jb__statement *statement)
{
    PGresult *result = NULL;

    if (!PQsendDescribePrepared(connection->handle, prepared->name))
        return fail_broken(connection, scope);
    if (!jb__pg_flush(connection, scope) || !finish(connection, scope, statement, &result))
        return false;
    jb__pg_prepared_describe(prepared, result);
    PQclear(result);
    return true;
}

struct jb__pg_prepared *jb__pg_prepare(struct jb__pg_connection *connection, struct jb_scope *scope, const struct jb__statement *statement)
{
    struct jb__pg_prepared *prepared = jb_map_get(&connection->by_sql, statement->sql);

    if (prepared) {
        jb_list_remove(&prepared->link);
        jb_list_prepend(&connection->recent, &prepared->link);
        return prepared;
    }
    if (!make_room(connection, scope))
        return NULL;
    prepared = jb__pg_prepared_new(connection, statement->sql);
    bool ok = PQsendPrepare(connection->handle, prepared->name, jb__pg_text(scope, statement->sql), 0, NULL) || fail_broken(connection, scope);
    ok = ok && jb__pg_flush(connection, scope) && finish(connection, scope, statement, NULL) && describe(connection, scope, prepared, statement);
    if (ok)
        return prepared;
    jb__pg_prepared_forget(connection, prepared);
    return NULL;
}

void jb__pg_forget_statements(struct jb__pg_connection *connection)
{
    forget_all(connection); /* names are never used again, so that what the server still holds is harmless */
}

/* ---- one statement ------------------------------------------------------------------------------------------------------------------ */

static void note_effect(struct jb__statement *statement, const PGresult *result)
{
    if (!statement->write)
        return;
    statement->changes = strtoll(PQcmdTuples((PGresult *)result), NULL, 10);
    if (statement->sink || PQntuples(result) != 1 || PQnfields(result) != 1)
        return;
    struct jb_str bytes = { PQgetvalue(result, 0, 0), (size_t)PQgetlength(result, 0, 0) }; /* the new row's key; of an existing table it may be narrow */
    uint64_t number = 0;
    if ((PQftype(result, 0) != JB__PG_INT8 && PQftype(result, 0) != JB__PG_INT4 && PQftype(result, 0) != JB__PG_INT2) || bytes.size == 0 || bytes.size > sizeof number)
        return;
    for (size_t i = 0; i < bytes.size; i++)
        number = number << 8 | (unsigned char)bytes.data[i];
    unsigned unused = 64 - 8 * (unsigned)bytes.size;
    statement->id = (int64_t)(number << unused) >> unused;
}

/* A write that was done when its time was over is one that was done; `taken`: its answer was read before, only its end was not. */
static bool take_late(struct jb__pg_connection *connection, struct jb_scope *scope, struct jb__statement *statement, struct jb__pg_answer *columns, bool taken)
{
    PGresult *result = connection->late;

    connection->late = NULL;
    if (!statement->write || connection->broken || connection->late_bad || (!result && !taken)) {
        PQclear(result);
        return false;
    }
    jb_failure_clear(scope); /* whoever asks the scope next gets it again */
    if (!result)
        return true;
    bool ok = !statement->sink || jb__pg_rows_read(scope, result, statement, columns);
    note_effect(statement, result);
    PQclear(result);
    return ok;
}

/* Reads the answer into the statement's sink. *ret_stale: the statement must be prepared anew. */
static bool take_answer(struct jb__pg_connection *connection, struct jb_scope *scope, struct jb__statement *statement, bool *ret_stale)
{
    struct jb__pg_answer columns;
    PGresult *result;
    bool ok = true, full = false, taken = false, came;

    *ret_stale = columns.found = false;
    while ((came = jb__pg_result(connection, scope, &result)) && result) {
        if (PQresultStatus(result) == PGRES_SINGLE_TUPLE && (full || !ok)) { /* nobody wants the rest */
            PQclear(result);
            cancel(connection);
            return ok;
        }
        if (ok && !jb__pg_is_good(result)) {
            *ret_stale = jb__pg_state_is(result, "26000") || (jb__pg_state_is(result, "0A000") && strstr(PQresultErrorMessage(result), "cached plan"));
            ok = !*ret_stale && fail_answer(connection, scope, result, statement);
        }
        if (ok && statement->sink)
            ok = jb__pg_rows_read(scope, result, statement, &columns);
        if (ok && PQresultStatus(result) != PGRES_SINGLE_TUPLE) {
            note_effect(statement, result);
            taken = true;
        }
        full = !statement->write && statement->sink && statement->sink->count == statement->sink->max;
        PQclear(result);
    }
    return came ? ok : ok && take_late(connection, scope, statement, &columns, taken);
}

/* Few rows come in one piece, many one by one; those of a write in one piece too, for it may be late. */
static bool sent(struct jb__pg_connection *connection, struct jb_scope *scope, const struct jb__statement *statement, int good)
{
    if (!good)
        return fail_broken(connection, scope);
    if (statement->sink && !statement->write && (statement->row_limit == 0 || statement->row_limit > BUFFERED_ROWS_MAX))
        PQsetSingleRowMode(connection->handle);
    return jb__pg_flush(connection, scope);
}

static bool send(struct jb__pg_connection *connection, struct jb_scope *scope, struct jb__statement *statement)
{
    const struct jb__pg_prepared *prepared = jb__pg_prepare(connection, scope, statement);
    struct jb__pg_params params;

    if (!prepared)
        return false;
    if ((size_t)prepared->param_count != statement->arg_count)
        return jb_fail(scope, JB_BROKEN, "%zu arguments for %d parameters: %.*s", statement->arg_count, prepared->param_count, JB_FMT(statement->sql));
    if (!jb__pg_encode(scope, statement->sql, prepared->params, statement->args, statement->arg_count, &params))
        return false;
    return sent(connection, scope, statement, PQsendQueryPrepared(connection->handle, prepared->name, params.count, params.values, params.lengths, params.formats, 1));
}

bool jb__pg_run_once(struct jb__pg_connection *connection, struct jb_scope *scope, struct jb__statement *statement)
{
    bool stale = false;

    if (!sent(connection, scope, statement, PQsendQueryParams(connection->handle, jb_cstr(scope, statement->sql), 0, NULL, NULL, NULL, NULL, 1)))
        return false;
    return take_answer(connection, scope, statement, &stale) || (stale && jb_fail(scope, JB_UNAVAILABLE, "%s", JB_L(scope, "표의 구조가 바뀌고 있습니다. 다시 하세요.", "The table's structure has just changed. Try again.")));
}

bool jb__pg_run_on(struct jb__pg_connection *connection, struct jb_scope *scope, struct jb__statement *statement, bool may_retry)
{
    bool stale = false, ok = send(connection, scope, statement) && take_answer(connection, scope, statement, &stale);

    if (!stale)
        return ok;
    jb__pg_forget_statements(connection); /* a table was altered under its statements */
    stale = false;
    if (may_retry && send(connection, scope, statement) && take_answer(connection, scope, statement, &stale))
        return true;
    return may_retry && !stale ? false : jb_fail(scope, JB_UNAVAILABLE, "%s", JB_L(scope, "표의 구조가 바뀌고 있습니다. 다시 하세요.", "The table's structure has just changed. Try again."));
}
