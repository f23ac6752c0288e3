/* postgres_bulk.c — many rows by COPY BINARY.
 *
 * Without conflicts the rows go straight into the table. Otherwise they go into a temporary table first, and one statement brings them over; of rows with the same key only the one that counts is sent, so
 * that the server need not sort. Rows without an id get theirs from the table; when a row brings one, those without take the next numbers, and the sequence is moved past what came. */
// SPDX-License-Identifier: Apache-2.0
#include "store/ddl.h"
#include "store/postgres_private.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)256 << 10)
#define CHUNK_BYTES_MAX ((size_t)256 << 20) /* one row's texts may be long */
#define STAGED "pg_temp.jb_bulk"
#define KEYS_PER_TURN 2000

struct copy {
    struct jb__pg_connection *connection;
    struct jb_scope *scope;
    const struct jb__batch *batch;
    const struct jb_model *model;
    const struct jb_field **fields; /* the columns that travel */
    size_t field_count;
    bool numbered; /* a last column with the row's number: the temporary table's */
    const int64_t *free_ids;
    bool *skipped; /* by row: another one with its key counts; NULL: none */
    struct jb_buf chunk;
};

static const void *row_at(const struct jb__batch *batch, size_t index)
{
    return batch->rows + index * batch->model->record.size;
}

/* ---- sending rows -------------------------------------------------------------------------------------------------------------- */

static void put_columns(struct jb_buf *sql, const struct copy *copy)
{
    for (size_t i = 0; i < copy->field_count; i++) {
        jb_buf_put_z(sql, i ? ", " : "");
        jb__put_name(sql, jb_str_of(copy->fields[i]->name));
    }
}

static bool fail_value(const struct copy *copy, const struct jb_field *field)
{
    struct jb_str label = jb_field_label(copy->scope, field, jb_language(copy->scope));
    return jb_fail(copy->scope, JB_INVALID, JB_L(copy->scope, "‘%.*s’에 담을 수 없는 값입니다.", "%.*s cannot hold this value."), JB_FMT(label));
}

static bool put_row(struct copy *copy, size_t index, uint16_t columns)
{
    const void *row = row_at(copy->batch, index);

    jb__pg_put16(&copy->chunk, columns);
    for (size_t i = 0; i < copy->field_count; i++) {
        const struct jb_field *field = copy->fields[i];
        struct jb_value value = jb__column_value(copy->model, row, field);
        if (field->primary && value.type == JB_NULL)
            value = jb_v_int(*copy->free_ids++);
        if (!jb__pg_put_field(&copy->chunk, field, value))
            return fail_value(copy, field);
    }
    if (copy->numbered) {
        jb__pg_put32(&copy->chunk, sizeof(int64_t));
        jb__pg_put64(&copy->chunk, index);
    }
    JB_CHECK(!copy->chunk.full);
    return true;
}

/* Others run. */
static bool breathe(const struct copy *copy)
{
    if (jb_on_fiber()) {
        jb__wait_allow(true);
        jb_yield();
        jb__wait_allow(false);
    }
    return jb_continue(copy->scope);
}

static bool send_chunk(struct copy *copy)
{
    struct jb__pg_connection *connection = copy->connection;

    if (PQputCopyData(connection->handle, copy->chunk.data, (int)copy->chunk.size) != 1) {
        connection->broken = true;
        return jb__pg_fail(copy->scope, connection->handle, NULL, NULL);
    }
    copy->chunk.size = 0;
    return jb__pg_flush(connection, copy->scope) && breathe(copy);
}

static bool send_rows(struct copy *copy)
{
    uint16_t columns = (uint16_t)(copy->field_count + copy->numbered);
    bool ok = true;

    jb_buf_put(&copy->chunk, JB__PG_COPY_HEAD);
    for (size_t i = 0; ok && i < copy->batch->count; i++)
        if (!copy->skipped || !copy->skipped[i])
            ok = put_row(copy, i, columns) && (copy->chunk.size < CHUNK_BYTES || send_chunk(copy));
    jb__pg_put16(&copy->chunk, UINT16_MAX);
    return ok && send_chunk(copy);
}

/* "COPY cashbook, line 3, column …": which row it was; NULL when it is not said. */
static const void *row_of_context(const struct copy *copy, const PGresult *result)
{
    const char *context = PQresultErrorField(result, PG_DIAG_CONTEXT), *line = context ? strstr(context, ", line ") : NULL;
    long long number = line ? atoll(line + 7) : 0;

    for (size_t i = 0; number >= 1 && i < copy->batch->count; i++)
        if ((!copy->skipped || !copy->skipped[i]) && --number == 0)
            return row_at(copy->batch, i);
    return NULL;
}

/* Ends the COPY, well or not, and reads what the server says to it. */
static bool copy_end(struct copy *copy, bool ok)
{
    struct jb__pg_connection *connection = copy->connection;
    PGresult *result;
    bool came = true;

    if (connection->broken)
        return false;
    if (PQputCopyEnd(connection->handle, ok ? NULL : "given up") != 1) {
        connection->broken = true;
        return ok ? jb__pg_fail(copy->scope, connection->handle, NULL, NULL) : false;
    }
    struct jb_scope *ending = ok ? copy->scope : jb_scope_new("end of a copy");
    if (!ok)
        jb_deadline_set(ending, jb_monotonic_us() + 2 * JB_SECOND_US);
    bool good = ok && jb__pg_flush(connection, ending);
    if (!ok)
        connection->broken |= !jb__pg_flush(connection, ending);
    while (!connection->broken && (came = jb__pg_result(connection, ending, &result)) && result) {
        struct jb__statement what = { .model = copy->model, .row = row_of_context(copy, result) };
        if (good && PQresultStatus(result) != PGRES_COMMAND_OK)
            good = jb__pg_fail(copy->scope, connection->handle, result, &what);
        PQclear(result);
    }
    if (!ok)
        jb_scope_end(ending);
    return good && came;
}

static bool copy_rows(struct copy *copy, const char *table)
{
    struct jb__pg_connection *connection = copy->connection;
    struct jb_buf sql = JB_BUF_INIT(JB__PG_SQL_MAX);
    PGresult *result = NULL;

    jb_buf_put_z(&sql, "copy ");
    if (table)
        jb_buf_put_z(&sql, table);
    else
        jb__put_name(&sql, jb_model_table(copy->model));
    jb_buf_put_z(&sql, " (");
    put_columns(&sql, copy);
    jb_buf_put_z(&sql, copy->numbered ? ", jb_number) from stdin (format binary)" : ") from stdin (format binary)");
    struct jb__statement what = { .sql = jb_buf_str(&sql), .model = copy->model };
    bool ok = PQsendQuery(connection->handle, jb_cstr(copy->scope, what.sql)) && jb__pg_flush(connection, copy->scope) && jb__pg_result(connection, copy->scope, &result);
    if (ok && PQresultStatus(result) != PGRES_COPY_IN) {
        ok = jb__pg_fail(copy->scope, connection->handle, result, &what);
        for (PGresult *rest; jb__pg_result(connection, copy->scope, &rest) && rest;)
            PQclear(rest);
    } else if (ok) {
        ok = copy_end(copy, send_rows(copy));
    } else if (!jb_failure(copy->scope)) {
        connection->broken = true;
        ok = jb__pg_fail(copy->scope, connection->handle, NULL, NULL);
    }
    PQclear(result);
    jb_buf_done(&sql);
    return ok;
}

/* ---- ids -------------------------------------------------------------------------------------------------------------------------- */

/* The columns that travel, and numbers for rows that bring none while others bring theirs. */
static bool ids_plan(struct copy *copy)
{
    size_t without = 0;
    int64_t last = 0;

    for (size_t i = 0; i < copy->batch->count; i++) {
        int64_t id = jb_row_id(copy->model, row_at(copy->batch, i));
        without += id == 0;
        last = JB_MAX(last, id);
    }
    bool with_ids = without < copy->batch->count;
    copy->fields = JB_NEW_ARRAY(copy->scope, const struct jb_field *, copy->batch->field_count);
    for (size_t i = 0; i < copy->batch->field_count; i++)
        if (!copy->batch->fields[i]->primary || with_ids)
            copy->fields[copy->field_count++] = copy->batch->fields[i];
    if (!with_ids || copy->batch->update)
        return true;
    if (!jb__pg_ids_pass(copy->connection, copy->scope, copy->model, last))
        return false;
    copy->free_ids = without > 0 ? jb__pg_ids_draw(copy->connection, copy->scope, copy->model, without) : NULL;
    return without == 0 || copy->free_ids;
}

/* ---- conflicts ---------------------------------------------------------------------------------------------------------------------- */

static bool in_list(const char *list, const char *name)
{
    struct jb_str rest = jb_str_of(list), word;
    bool descending;

    while ((word = jb__list_word(&rest, &descending)).data)
        if (jb_str_is(word, name))
            return true;
    return false;
}

static void put_list(struct jb_buf *sql, const char *list)
{
    struct jb_str rest = jb_str_of(list), word;
    bool descending, first = true;

    while ((word = jb__list_word(&rest, &descending)).data) {
        jb_buf_put_z(sql, first ? "" : ", ");
        jb__put_name(sql, word);
        first = false;
    }
}

/* An upsert leaves these alone. */
static bool is_kept(const struct copy *copy, const struct jb_field *field)
{
    return field->primary || field->auto_now_add || (copy->batch->how->match_on && in_list(copy->batch->how->match_on, field->name));
}

static bool has_updates(const struct copy *copy)
{
    for (size_t i = 0; i < copy->field_count; i++)
        if (!is_kept(copy, copy->fields[i]))
            return true;
    return false;
}

/* "a" = NEW."a", … where ("t"."a", …) is distinct from (NEW."a", …): rows that stay as they are are not written. */
static void put_sets(struct jb_buf *sql, struct jb_buf *where, const struct copy *copy, const char *new)
{
    struct jb_buf after = JB_BUF_INIT(JB__PG_SQL_MAX);
    struct jb_str table = jb_model_table(copy->model);
    bool first = true;

    for (size_t i = 0; i < copy->field_count; i++) {
        const struct jb_field *field = copy->fields[i];
        struct jb_str name = jb_str_of(field->name);
        if (is_kept(copy, field))
            continue;
        jb_buf_put_z(sql, first ? "" : ", ");
        jb__put_name(sql, name);
        jb_buf_printf(sql, " = %s.", new);
        jb__put_name(sql, name);
        first = false;
        if (field->auto_now)
            continue;
        jb_buf_put_z(where, after.size ? ", " : "(");
        jb__put_name(where, table);
        jb_buf_put_char(where, '.');
        jb__put_name(where, name);
        jb_buf_printf(&after, "%s%s.", after.size ? ", " : "(", new);
        jb__put_name(&after, name);
    }
    if (after.size)
        jb_buf_printf(where, ") is distinct from %.*s)", JB_FMT(jb_buf_str(&after)));
    else
        jb_buf_put_z(where, "true");
    jb_buf_done(&after);
}

static bool is_update(const struct copy *copy)
{
    return copy->batch->how->on_conflict == JB_CONFLICT_UPDATE && has_updates(copy);
}

/* The values of match_on as COPY has them; false when one is NULL, which conflicts with nothing, or fits no column, which put_row will say. */
static bool key_put(const struct copy *copy, size_t index, struct jb_buf *key)
{
    struct jb_str rest = jb_str_of(copy->batch->how->match_on), word;
    bool descending;

    key->size = 0;
    while ((word = jb__list_word(&rest, &descending)).data) {
        const struct jb_field *field = jb_record_field(&copy->model->record, word);
        struct jb_value value = jb__column_value(copy->model, row_at(copy->batch, index), field);
        if (value.type == JB_NULL || !jb__pg_put_field(key, field, value))
            return false;
    }
    return true;
}

/* Of rows with the same key the last one counts; the first one, where conflicts are ignored. A place of the table holds the row's number + 1 and half of its key's hash. */
static bool one_per_key(struct copy *copy)
{
    struct jb_buf key = JB_BUF_INIT(CHUNK_BYTES_MAX), other = JB_BUF_INIT(CHUNK_BYTES_MAX);
    size_t count = copy->batch->count, places = 16;
    bool backwards = is_update(copy);

    JB_CHECK(count < UINT32_MAX);
    while (places < 2 * count)
        places *= 2;
    uint64_t *table = calloc(places, sizeof *table);
    JB_CHECK(table);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        size_t index = backwards ? count - 1 - i : i;
        ok = (i + 1) % KEYS_PER_TURN != 0 || breathe(copy);
        if (!key_put(copy, index, &key))
            continue;
        uint64_t hash = jb_str_hash(jb_buf_str(&key)), half = hash & ~(uint64_t)UINT32_MAX;
        size_t at = hash & (places - 1);
        for (; table[at]; at = (at + 1) & (places - 1))
            if ((table[at] & ~(uint64_t)UINT32_MAX) == half && key_put(copy, (uint32_t)table[at] - 1, &other) && jb_str_equal(jb_buf_str(&key), jb_buf_str(&other)))
                break;
        if (table[at]) {
            copy->skipped = copy->skipped ? copy->skipped : JB_NEW_ARRAY(copy->scope, bool, count);
            copy->skipped[index] = true;
        } else {
            table[at] = half | (index + 1);
        }
    }
    free(table);
    jb_buf_done(&key);
    jb_buf_done(&other);
    return ok;
}

static void put_merge(struct jb_buf *sql, const struct copy *copy)
{
    jb_buf_put_z(sql, "with done as (insert into ");
    jb__put_name(sql, jb_model_table(copy->model));
    jb_buf_put_z(sql, " (");
    put_columns(sql, copy);
    jb_buf_put_z(sql, ") select ");
    put_columns(sql, copy);
    jb_buf_put_z(sql, " from " STAGED " on conflict (");
    put_list(sql, copy->batch->how->match_on);
    if (is_update(copy)) {
        struct jb_buf where = JB_BUF_INIT(JB__PG_SQL_MAX);
        jb_buf_put_z(sql, ") do update set ");
        put_sets(sql, &where, copy, "excluded");
        jb_buf_printf(sql, " where %.*s", JB_FMT(jb_buf_str(&where)));
        jb_buf_done(&where);
    } else {
        jb_buf_put_z(sql, ") do nothing");
    }
    jb_buf_put_z(sql, " returning (xmax = 0) as fresh) select count(*) filter (where fresh), count(*) filter (where not fresh) from done");
}

static bool create_staged(const struct copy *copy)
{
    struct jb_buf sql = JB_BUF_INIT(JB__PG_SQL_MAX);

    jb_buf_put_z(&sql, "create temporary table jb_bulk on commit drop as select ");
    put_columns(&sql, copy);
    jb_buf_put_z(&sql, copy->numbered ? ", 0::bigint as jb_number from " : " from ");
    jb__put_name(&sql, jb_model_table(copy->model));
    jb_buf_put_z(&sql, " with no data");
    bool ok = jb__pg_exec_on(copy->connection, copy->scope, jb_cstr(copy->scope, jb_buf_str(&sql)));
    jb_buf_done(&sql);
    return ok;
}

struct merged {
    int64_t inserted, updated;
};
static const struct jb_record merged_record = JB_RECORD(merged, JB_FIELD(merged, inserted), JB_FIELD(merged, updated));

static bool merge(struct copy *copy, struct jb__batch *batch)
{
    struct jb_buf sql = JB_BUF_INIT(JB__PG_SQL_MAX);
    struct jb__sink sink;

    put_merge(&sql, copy);
    jb__sink_init(&sink, copy->scope, &merged_record, 1);
    struct jb__statement statement = { .sql = jb_buf_str(&sql), .write = true, .in_order = true, .sink = &sink, .model = copy->model };
    bool ok = jb__pg_run_once(copy->connection, copy->scope, &statement);
    jb_buf_done(&sql);
    if (ok) {
        const struct merged *done = (const void *)sink.data;
        batch->inserted = done->inserted;
        batch->updated = done->updated;
        batch->ignored = (int64_t)batch->count - done->inserted - done->updated;
    }
    return ok && jb__pg_exec_on(copy->connection, copy->scope, "drop table " STAGED);
}

static bool insert_plain(struct copy *copy, struct jb__batch *batch)
{
    if (!copy_rows(copy, NULL))
        return false;
    batch->inserted = (int64_t)batch->count;
    return true;
}

static bool insert_merged(struct copy *copy, struct jb__batch *batch)
{
    return one_per_key(copy) && create_staged(copy) && copy_rows(copy, STAGED) && merge(copy, batch);
}

struct found {
    int64_t rows;
};
static const struct jb_record found_record = JB_RECORD(found, JB_FIELD(found, rows));

/* Rows that are there already get new values. */
static bool update_rows(struct copy *copy, struct jb__batch *batch)
{
    struct jb_buf sql = JB_BUF_INIT(JB__PG_SQL_MAX), where = JB_BUF_INIT(JB__PG_SQL_MAX);
    struct jb_str table = jb_model_table(copy->model);
    struct jb__sink sink;

    copy->numbered = true;
    if (!create_staged(copy) || !copy_rows(copy, STAGED))
        return false;
    const char *key = jb_model_primary(copy->model)->name;
    jb_buf_printf(&sql, "with one as (select distinct on (\"%s\") * from " STAGED " order by \"%s\", jb_number desc), done as (update \"%.*s\" set ", key, key, JB_FMT(table));
    put_sets(&sql, &where, copy, "one");
    jb_buf_printf(&sql, " from one where \"%.*s\".\"%s\" = one.\"%s\" and %.*s) select count(*) from " STAGED " join \"%.*s\" as there using (\"%s\")", JB_FMT(table), key, key, JB_FMT(jb_buf_str(&where)), JB_FMT(table), key);
    jb__sink_init(&sink, copy->scope, &found_record, 1);
    struct jb__statement statement = { .sql = jb_buf_str(&sql), .write = true, .in_order = true, .sink = &sink, .model = copy->model };
    bool ok = jb__pg_run_once(copy->connection, copy->scope, &statement) && jb__pg_exec_on(copy->connection, copy->scope, "drop table " STAGED);
    if (ok) {
        batch->updated = ((const struct found *)(const void *)sink.data)->rows;
        batch->ignored = (int64_t)batch->count - batch->updated;
    }
    jb_buf_done(&sql);
    jb_buf_done(&where);
    return ok;
}

/* ---- the driver's door ---------------------------------------------------------------------------------------------------------------- */

static bool run_batch(struct jb__pg_connection *connection, struct jb_scope *scope, struct jb__batch *batch)
{
    struct copy copy = { .connection = connection, .scope = scope, .batch = batch, .model = batch->model, .chunk = JB_BUF_INIT(CHUNK_BYTES_MAX) };
    bool merged = batch->how->on_conflict != JB_CONFLICT_FAIL;

    bool ok = ids_plan(&copy) && (batch->update ? update_rows(&copy, batch) : merged ? insert_merged(&copy, batch)
                                                                                     : insert_plain(&copy, batch));
    jb_buf_done(&copy.chunk);
    return ok;
}

bool jb__pg_batch(struct jb_db *db, struct jb_scope *scope, struct jb_tx *tx, struct jb__batch *batch)
{
    struct jb__pg_connection *connection = jb__tx_handle(tx);

    if (batch->count == 0)
        return true;
    if (tx)
        return run_batch(connection, scope, batch);
    connection = jb__pg_take(&jb__pg_of(db)->primary, scope, batch->model->live);
    if (!connection)
        return false;
    bool ok = jb__pg_exec_on(connection, scope, "begin") && run_batch(connection, scope, batch) && jb__pg_commit(connection, scope);
    if (ok && !batch->model->live)
        jb__pg_note_position(connection, scope);
    if (!ok && !connection->broken && PQtransactionStatus(connection->handle) != PQTRANS_IDLE)
        connection->broken = true; /* closing it rolls back */
    jb__pg_give(connection);
    return ok;
}
