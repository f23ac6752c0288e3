/* postgres_pages.c — a statement that stays open: a server-side cursor, read page by page.
 *
 * Outside a transaction it has a connection and a read-only transaction of its own, so that all rows are of one moment however long the reader takes. At most half of the connections may be kept so. */
// SPDX-License-Identifier: Apache-2.0
#include "store/postgres_private.h"
#include <stdlib.h>

struct jb__pages {
    struct jb__pg *pg;
    struct jb__pg_connection *connection;
    struct jb__sink *sink;
    int number; /* of the cursor on its connection */
    bool own;   /* the transaction is ours */
    bool counted, declared;
};

static bool declare(struct jb__pages *pages, struct jb_scope *scope, const struct jb__statement *statement)
{
    struct jb__statement what = *statement;

    pages->number = pages->connection->serial++;
    what.sql = jb_format(scope, "declare c%d no scroll cursor for %.*s", pages->number, JB_FMT(statement->sql));
    what.sink = NULL;
    pages->declared = jb__pg_run_on(pages->connection, scope, &what, false);
    return pages->declared;
}

struct jb__pages *jb__pg_pages_open(struct jb_db *db, struct jb_scope *scope, struct jb_tx *tx, const struct jb__statement *statement)
{
    struct jb__pages *pages = calloc(1, sizeof *pages);

    JB_CHECK(pages);
    *pages = (struct jb__pages){ .pg = jb__pg_of(db), .connection = jb__tx_handle(tx), .sink = statement->sink, .own = !tx };
    bool ok = tx || (pages->counted = jb__gate_take(&pages->pg->cursors, scope));
    if (ok && !tx) {
        pages->connection = jb__pg_take(jb__pg_server_for(pages->pg, scope, statement), scope, false);
        ok = pages->connection && jb__pg_exec_on(pages->connection, scope, "begin read only");
    }
    if (ok && declare(pages, scope, statement))
        return pages;
    jb__pg_pages_close(pages);
    return NULL;
}

bool jb__pg_pages_next(struct jb__pages *pages, struct jb_scope *scope, bool *ret_end)
{
    struct jb__statement fetch = {
        .sql = jb_format(scope, "fetch forward %zu from c%d", pages->sink->max, pages->number),
        .in_order = true,
        .row_limit = (int64_t)pages->sink->max,
        .sink = pages->sink,
    };

    if (!jb__pg_run_once(pages->connection, scope, &fetch))
        return false;
    *ret_end = pages->sink->count < pages->sink->max;
    return true;
}

void jb__pg_pages_close(struct jb__pages *pages)
{
    if (!pages)
        return;
    struct jb__pg_connection *connection = pages->connection;
    struct jb_scope *scope = jb_scope_new("end of a cursor");

    jb_deadline_set(scope, jb_monotonic_us() + 2 * JB_SECOND_US);
    if (connection && !connection->broken) {
        if (pages->own && PQtransactionStatus(connection->handle) != PQTRANS_IDLE)
            jb__pg_exec_on(connection, scope, "rollback");
        else if (!pages->own && pages->declared && PQtransactionStatus(connection->handle) == PQTRANS_INTRANS)
            jb__pg_exec_on(connection, scope, jb_format(scope, "close c%d", pages->number).data);
    }
    jb_scope_end(scope);
    if (pages->own)
        jb__pg_give(connection);
    if (pages->counted)
        jb__gate_leave(&pages->pg->cursors);
    free(pages);
}
