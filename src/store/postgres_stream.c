/* postgres_stream.c — all rows of a statement by COPY … TO STDOUT (FORMAT BINARY).
 *
 * The quickest way out of the server: no page to ask for, no result to build, one snapshot from the first row to the last. A row is decoded where it lies in libpq's message. The types of the columns,
 * which COPY does not tell, come from describing the statement before. At most half of the connections may be kept so, as by cursors. */
// SPDX-License-Identifier: Apache-2.0
#include "store/postgres_private.h"
#include <stdlib.h>
#include <string.h>

#define FIXED_BYTES 11 /* "PGCOPY\n\377\r\n\0", then flags and the length of what else the head has */

struct column {
    Oid type;
    bool needed;
};

struct jb__stream {
    struct jb__pg *pg;
    struct jb__pg_connection *connection;
    const struct jb__statement *statement;
    const struct jb_field *fields;
    struct jb_scope *made;      /* texts that had to be made of a row */
    struct jb_arena_mark start; /* of them */
    struct column *columns;
    int count;
    char *message;      /* libpq's; NULL: none */
    struct jb_str left; /* of it, not yet read */
    bool counted, headed, ended;
};

/* ---- beginning ------------------------------------------------------------------------------------------------------------------- */

/* The one result that a command gives, when it is of that kind. */
static bool answer(struct jb__stream *stream, struct jb_scope *scope, int sent, ExecStatusType wanted, PGresult **ret_result)
{
    PGresult *result = NULL;

    if (!sent) {
        stream->connection->broken = true;
        return jb__pg_fail(scope, stream->connection->handle, NULL, NULL);
    }
    if (!jb__pg_flush(stream->connection, scope) || !jb__pg_result(stream->connection, scope, &result))
        return false;
    if (result && PQresultStatus(result) == wanted) {
        *ret_result = result;
        return true;
    }
    stream->connection->broken |= PQstatus(stream->connection->handle) != CONNECTION_OK;
    jb__pg_fail(scope, stream->connection->handle, result, stream->statement);
    PQclear(result);
    return false;
}

/* Reads what is left of a command that is over. */
static bool finish(struct jb__stream *stream, struct jb_scope *scope)
{
    PGresult *result;
    bool ok = true;

    for (;;) {
        if (!jb__pg_result(stream->connection, scope, &result))
            return false;
        if (!result)
            return ok;
        if (ok && !jb__pg_is_good(result))
            ok = jb__pg_fail(scope, stream->connection->handle, result, stream->statement);
        PQclear(result);
    }
}

static bool ask(struct jb__stream *stream, struct jb_scope *scope, int sent)
{
    PGresult *result;

    if (!answer(stream, scope, sent, PGRES_COMMAND_OK, &result))
        return false;
    PQclear(result);
    return finish(stream, scope);
}

static bool describe(struct jb__stream *stream, struct jb_scope *scope)
{
    PGconn *handle = stream->connection->handle;
    PGresult *result;

    if (!ask(stream, scope, PQsendPrepare(handle, "", jb_cstr(scope, stream->statement->sql), 0, NULL)) || !answer(stream, scope, PQsendDescribePrepared(handle, ""), PGRES_COMMAND_OK, &result))
        return false;
    bool alike = PQnfields(result) == stream->count;
    for (int i = 0; alike && i < stream->count; i++)
        stream->columns[i].type = PQftype(result, i);
    PQclear(result);
    return finish(stream, scope) && (alike || jb_fail(scope, JB_BROKEN, "%d columns instead of %d: %.*s", PQnfields(result), stream->count, JB_FMT(stream->statement->sql)));
}

static bool begin_at(struct jb__stream *stream, struct jb__pg_server *server, struct jb_scope *scope)
{
    PGresult *result;

    stream->connection = jb__pg_take(server, scope, false);
    if (!stream->connection || !describe(stream, scope))
        return false;
    struct jb_str copy = jb_format(scope, "copy (%.*s) to stdout (format binary)", JB_FMT(stream->statement->sql));
    if (!answer(stream, scope, PQsendQuery(stream->connection->handle, copy.data), PGRES_COPY_OUT, &result))
        return false;
    PQclear(result);
    return true;
}

/* The rest of a command that nobody wants any more would be long. */
static void connection_end(struct jb__stream *stream)
{
    if (!stream->connection)
        return;
    if (PQtransactionStatus(stream->connection->handle) != PQTRANS_IDLE)
        stream->connection->broken = true;
    jb__pg_give(stream->connection);
    stream->connection = NULL;
}

/* As other reads it is tried once more, on the primary, when the connection was lost or the replica is away. */
static bool begin_somewhere(struct jb__stream *stream, struct jb_scope *scope)
{
    struct jb__pg_server *primary = &stream->pg->primary, *server = jb__pg_server_for(stream->pg, scope, stream->statement);

    if (begin_at(stream, server, scope))
        return true;
    if (!jb__pg_asks_again(server, scope, stream->connection && stream->connection->broken))
        return false;
    jb_failure_clear(scope);
    connection_end(stream);
    return begin_at(stream, primary, scope);
}

struct jb__stream *jb__pg_stream_open(struct jb_db *db, struct jb_scope *scope, const struct jb__statement *statement, const struct jb_field *fields, const bool *needed)
{
    struct jb__stream *stream = calloc(1, sizeof *stream);
    struct jb__statement *copy = JB_NEW(scope, struct jb__statement);

    JB_CHECK(stream);
    *copy = *statement;
    stream->pg = jb__pg_of(db);
    stream->statement = copy;
    stream->fields = fields;
    stream->made = jb_scope_child(scope, "row");
    stream->start = jb_arena_mark(jb_scope_arena(stream->made));
    while (fields[stream->count].type != JB_END)
        stream->count++;
    stream->columns = JB_NEW_ARRAY(scope, struct column, (size_t)stream->count + 1);
    for (int i = 0; i < stream->count; i++)
        stream->columns[i].needed = needed[i];
    stream->counted = jb__gate_take(&stream->pg->cursors, scope);
    if (stream->counted && begin_somewhere(stream, scope))
        return stream;
    jb__pg_stream_close(stream);
    return NULL;
}

/* ---- rows ---------------------------------------------------------------------------------------------------------------------------- */

static bool fail_shape(struct jb__stream *stream, struct jb_scope *scope)
{
    stream->connection->broken = true;
    return jb_fail(scope, JB_BROKEN, "COPY BINARY is not of the expected form: %.*s", JB_FMT(stream->statement->sql));
}

/* Waits for the next message. false without a failure: there are no more. */
static bool message_next(struct jb__stream *stream, struct jb_scope *scope)
{
    struct jb__pg_connection *connection = stream->connection;
    int size;

    PQfreemem(stream->message);
    stream->message = NULL;
    while ((size = PQgetCopyData(connection->handle, &stream->message, 1)) == 0) {
        if (!jb__pg_wait(connection, scope, JB_WAIT_READ)) {
            connection->broken = true;
            return false;
        }
        if (!PQconsumeInput(connection->handle)) {
            connection->broken = true;
            return jb__pg_fail(scope, connection->handle, NULL, NULL);
        }
    }
    stream->left = (struct jb_str){ stream->message, size > 0 ? (size_t)size : 0 };
    if (size > 0)
        return true;
    stream->ended = true;
    return size == -1 ? finish(stream, scope) && false : fail_shape(stream, scope);
}

/* A number of the message, in network order; false when it ends before. */
static inline bool take(struct jb__stream *stream, size_t bytes, int32_t *ret_number)
{
    const unsigned char *at = (const unsigned char *)stream->left.data;

    if (stream->left.size < bytes)
        return false;
    *ret_number = bytes == 2 ? (int16_t)(at[0] << 8 | at[1]) : (int32_t)((uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]);
    stream->left = (struct jb_str){ stream->left.data + bytes, stream->left.size - bytes };
    return true;
}

static bool head_read(struct jb__stream *stream, struct jb_scope *scope)
{
    int32_t flags, more;

    if (stream->left.size < FIXED_BYTES || memcmp(stream->left.data, JB__PG_COPY_HEAD.data, FIXED_BYTES) != 0)
        return fail_shape(stream, scope);
    stream->left = jb_str_slice(stream->left, FIXED_BYTES, stream->left.size);
    if (!take(stream, 4, &flags) || !take(stream, 4, &more) || more < 0 || (size_t)more > stream->left.size)
        return fail_shape(stream, scope);
    stream->left = jb_str_slice(stream->left, (size_t)more, stream->left.size);
    stream->headed = true;
    return true;
}

static bool value_read(struct jb__stream *stream, struct jb_scope *scope, int index, struct jb_value *value)
{
    const struct column *column = &stream->columns[index];
    int32_t size;

    if (!take(stream, 4, &size) || (size > 0 && (size_t)size > stream->left.size))
        return fail_shape(stream, scope);
    if (size < 0) {
        *value = jb_v_null();
        return true;
    }
    struct jb_str bytes = { stream->left.data, (size_t)size };
    stream->left = (struct jb_str){ bytes.data + size, stream->left.size - (size_t)size };
    if (!column->needed || jb__pg_value(stream->made, column->type, bytes, &stream->fields[index], value))
        return true;
    const struct jb_record record = { .name = stream->statement->model->record.name };
    return jb__pg_fail_value(scope, &(struct jb__sink){ .record = &record }, &stream->fields[index], column->type, bytes);
}

bool jb__pg_stream_next(struct jb__stream *stream, struct jb_scope *scope, struct jb_value *values, bool *ret_end)
{
    int32_t count;

    jb_arena_rewind(jb_scope_arena(stream->made), stream->start);
    while (stream->left.size == 0) {
        if (!message_next(stream, scope)) {
            *ret_end = !jb_failure(scope);
            return *ret_end;
        }
        if (!stream->headed && !head_read(stream, scope))
            return false;
    }
    if (!take(stream, 2, &count))
        return fail_shape(stream, scope);
    if (count == -1) { /* the end of the rows; that of the command follows */
        stream->left.size = 0;
        return jb__pg_stream_next(stream, scope, values, ret_end);
    }
    if (count != stream->count)
        return fail_shape(stream, scope);
    for (int i = 0; i < count; i++)
        if (!value_read(stream, scope, i, &values[i]))
            return false;
    return true;
}

void jb__pg_stream_close(struct jb__stream *stream)
{
    if (!stream)
        return;
    PQfreemem(stream->message);
    connection_end(stream);
    if (stream->counted)
        jb__gate_leave(&stream->pg->cursors);
    jb_scope_end(stream->made);
    free(stream);
}
