/* postgres_pages.c — a statement that stays open: a server-side cursor, read page by page.
 *
 * Outside a transaction it has a connection and a read-only transaction of its own, so that all rows are of one moment however long the reader takes. At most half of the connections may be kept so. */
// SPDX-License-Identifier: Apache-2.0
#include "store/postgres_private.h"
#include <stdio.h>
#include <stdlib.h>

#define END_US (2 * JB_SECOND_US)

struct jb__pages {
    struct jb__pg *pg;
    struct jb__pg_connection *connection;
    struct jb__sink *sink;
    const struct jb_tx *tx; /* NULL: the transaction is ours */
    char name[24];          /* of the cursor: one text, and so one prepared statement, for all that have their connection to themselves */
    bool counted, declared;
};

static bool declare(struct jb__pages *pages, struct jb_scope *scope, const struct jb__statement *statement)
{
    struct jb__statement what = *statement;

    if (pages->tx)
        snprintf(pages->name, sizeof pages->name, "c%d", pages->connection->serial++);
    else
        snprintf(pages->name, sizeof pages->name, "own");
    what.sql = jb_format(scope, "declare %s no scroll cursor for %.*s", pages->name, JB_FMT(statement->sql));
    what.sink = NULL;
    pages->declared = jb__pg_run_on(pages->connection, scope, &what, false);
    return pages->declared;
}

/* The server's part of it: ends the transaction when it is ours, the cursor when it still stands in another's. */
static void end(struct jb__pages *pages)
{
    struct jb__pg_connection *connection = pages->connection;
    struct jb_scope *scope = jb_scope_new("end of a cursor");

    jb_deadline_set(scope, jb_monotonic_us() + END_US);
    if (!pages->tx && PQtransactionStatus(connection->handle) != PQTRANS_IDLE)
        jb__pg_exec_on(connection, scope, "rollback");
    else if (pages->tx && pages->declared && PQtransactionStatus(connection->handle) == PQTRANS_INTRANS)
        jb__pg_exec_on(connection, scope, jb_format(scope, "close %s", pages->name).data);
    jb_scope_end(scope);
}

static void connection_end(struct jb__pages *pages)
{
    bool gone = pages->tx && jb__tx_has_ended(pages->tx, false); /* and perhaps its connection with it, which others use now */

    if (!gone && pages->connection && !pages->connection->broken)
        end(pages);
    if (!pages->tx)
        jb__pg_give(pages->connection);
    pages->connection = NULL;
}

static bool begin_at(struct jb__pages *pages, struct jb__pg_server *server, struct jb_scope *scope, const struct jb__statement *statement)
{
    pages->connection = jb__pg_take(server, scope, false);
    return pages->connection && jb__pg_exec_on(pages->connection, scope, "begin read only") && declare(pages, scope, statement);
}

/* As other reads it is tried once more, on the primary, when the connection was lost or the replica is away. */
static bool begin_somewhere(struct jb__pages *pages, struct jb_scope *scope, const struct jb__statement *statement)
{
    struct jb__pg_server *primary = &pages->pg->primary, *server = jb__pg_server_for(pages->pg, scope, statement);

    if (begin_at(pages, server, scope, statement))
        return true;
    if (!jb__pg_asks_again(server, scope, pages->connection && pages->connection->broken))
        return false;
    jb_failure_clear(scope);
    connection_end(pages);
    return begin_at(pages, primary, scope, statement);
}

struct jb__pages *jb__pg_pages_open(struct jb_db *db, struct jb_scope *scope, struct jb_tx *tx, const struct jb__statement *statement)
{
    struct jb__pages *pages = calloc(1, sizeof *pages);

    JB_CHECK(pages);
    *pages = (struct jb__pages){ .pg = jb__pg_of(db), .connection = jb__tx_handle(tx), .sink = statement->sink, .tx = tx };
    bool ok = tx ? declare(pages, scope, statement) : (pages->counted = jb__gate_take(&pages->pg->cursors, scope)) && begin_somewhere(pages, scope, statement);
    if (ok)
        return pages;
    jb__pg_pages_close(pages);
    return NULL;
}

bool jb__pg_pages_next(struct jb__pages *pages, struct jb_scope *scope, bool *ret_end)
{
    struct jb__statement fetch = {
        .sql = jb_format(scope, "fetch forward %zu from %s", pages->sink->max, pages->name),
        .in_order = true,
        .row_limit = (int64_t)pages->sink->max,
        .sink = pages->sink,
    };

    if (pages->tx && jb__tx_has_ended(pages->tx, true))
        return jb_fail(scope, JB_BROKEN, "%s", JB_L(scope, "커서를 연 작업 묶음이 이미 끝났습니다. 끝나기 전에 읽으세요.", "The cursor's transaction has ended. Read before that."));
    if (!jb__pg_run_once(pages->connection, scope, &fetch))
        return false;
    *ret_end = pages->sink->count < pages->sink->max;
    return true;
}

void jb__pg_pages_close(struct jb__pages *pages)
{
    if (!pages)
        return;
    connection_end(pages);
    if (pages->counted)
        jb__gate_leave(&pages->pg->cursors);
    free(pages);
}
