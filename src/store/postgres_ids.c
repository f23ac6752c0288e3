/* postgres_ids.c — numbers for rows that bring none, beside rows that bring theirs.
 *
 * Only drawing raises a sequence whatever others do at the time; setval would set it back when they have been further meanwhile. So the next few numbers are drawn. Further ones are jumped to by setval, one writer after another, in the statement that looks where the sequence stands: it would
 * set it back only if others drew more than FEW numbers between the two. Either is done before the rows go in, so that nobody draws a number that is about to be taken. */
// SPDX-License-Identifier: Apache-2.0
#include "store/ddl.h"
#include "store/postgres_private.h"

#define FEW 10000 /* drawn in 3 ms */

struct id_row {
    int64_t id;
};
static const struct jb_record id_record = JB_RECORD(id_row, JB_FIELD(id_row, id));

struct jb_str jb__pg_sequence(struct jb_scope *scope, const struct jb_model *model)
{
    struct jb_str table = jb_model_table(model), quoted = jb__literal(scope, jb_format(scope, "\"%.*s\"", JB_FMT(table))), id = jb__literal(scope, jb_str_of(jb_model_primary(model)->name));
    return jb_format(scope, "pg_get_serial_sequence(%.*s, %.*s)", JB_FMT(quoted), JB_FMT(id));
}

/* `count` numbers, one a row. */
static const int64_t *ask(struct jb__pg_connection *connection, struct jb_scope *scope, struct jb_str sql, size_t count)
{
    struct jb__sink sink;
    struct jb__statement statement = { .sql = sql, .in_order = true, .sink = &sink };

    jb__sink_init(&sink, scope, &id_record, count);
    if (!jb__pg_run_once(connection, scope, &statement))
        return NULL;
    JB_CHECK(sink.count == count);
    return (const int64_t *)(const void *)sink.data;
}

const int64_t *jb__pg_ids_draw(struct jb__pg_connection *connection, struct jb_scope *scope, const struct jb_model *model, size_t count)
{
    struct jb_str sequence = jb__pg_sequence(scope, model);
    return ask(connection, scope, jb_format(scope, "select nextval(%.*s) from generate_series(1, %zu)", JB_FMT(sequence), count), count);
}

/* The lock goes with the savepoint, what setval did does not. */
static bool jump(struct jb__pg_connection *connection, struct jb_scope *scope, struct jb_str sequence, int64_t last)
{
    return jb__pg_exec_on(connection, scope,
        jb_format(scope, "savepoint jb_ids; select pg_advisory_xact_lock(1784833, %.*s::regclass::oid::int); select setval(%.*s, %lld) where coalesce(pg_sequence_last_value(%.*s::regclass), 0) < %lld; rollback to jb_ids; release jb_ids",
            JB_FMT(sequence), JB_FMT(sequence), (long long)last, JB_FMT(sequence), (long long)last)
            .data);
}

bool jb__pg_ids_pass(struct jb__pg_connection *connection, struct jb_scope *scope, const struct jb_model *model, int64_t last)
{
    struct jb_str sequence = jb__pg_sequence(scope, model);
    const int64_t *at = ask(connection, scope, jb_format(scope, "select coalesce(pg_sequence_last_value(%.*s::regclass), 0)", JB_FMT(sequence)), 1);

    if (!at || *at >= last)
        return at != NULL;
    if (*at < 0 || last - *at > FEW)
        return jump(connection, scope, sequence, last);
    return ask(connection, scope, jb_format(scope, "select max(nextval(%.*s)) from generate_series(1, %lld)", JB_FMT(sequence), (long long)(last - *at)), 1) != NULL;
}
