/* stage_postgres_load.c — rows and sentences into the staging's tables by COPY BINARY, and looking up what they refer to.
 *
 * One COPY stays open while rows come, until the connection is needed for something else. Sentences gather meanwhile and follow in a COPY of their own. */
// SPDX-License-Identifier: Apache-2.0
#include "store/stage_postgres.h"
#include <stdlib.h>

#define CHUNK_BYTES ((size_t)64 << 10)
#define REFUSED_BYTES ((size_t)1 << 20) /* then they are sent, even when that ends the COPY of the rows */

/* ---- COPY ---------------------------------------------------------------------------------------------------------------------- */

static bool fail_connection(struct jb_stage *stage, struct jb_scope *scope)
{
    stage->pg.connection->broken = true;
    return jb_failure(scope) ? false : jb__pg_fail(scope, stage->pg.connection->handle, NULL, NULL);
}

static bool send_chunk(struct jb_stage *stage, struct jb_scope *scope, struct jb_buf *chunk)
{
    struct jb__pg_connection *connection = stage->pg.connection;

    if (PQputCopyData(connection->handle, chunk->data, (int)chunk->size) != 1)
        return fail_connection(stage, scope);
    chunk->size = 0;
    return jb__pg_flush(connection, scope) && jb_continue(scope);
}

/* Reads the end of a command; the first thing that went wrong stays. */
static bool finish(struct jb_stage *stage, struct jb_scope *scope)
{
    PGconn *handle = stage->pg.connection->handle;
    PGresult *result;
    bool ok = true, came;

    while ((came = jb__pg_result(stage->pg.connection, scope, &result)) && result) {
        if (ok && PQresultStatus(result) != PGRES_COMMAND_OK)
            ok = jb__pg_fail(scope, handle, result, &(struct jb__statement){ .model = stage->model });
        PQclear(result);
    }
    return ok && came;
}

static bool copy_open(struct jb_stage *stage, struct jb_scope *scope, struct jb_str sql)
{
    struct jb__pg_connection *connection = stage->pg.connection;
    PGresult *result;

    if (!PQsendQuery(connection->handle, sql.data))
        return fail_connection(stage, scope);
    if (!jb__pg_flush(connection, scope) || !jb__pg_result(connection, scope, &result))
        return false;
    if (PQresultStatus(result) == PGRES_COPY_IN) {
        PQclear(result);
        return true;
    }
    jb__pg_fail(scope, connection->handle, result, &(struct jb__statement){ .sql = sql });
    PQclear(result);
    (void)finish(stage, scope);
    return false;
}

static bool copy_close(struct jb_stage *stage, struct jb_scope *scope, struct jb_buf *chunk)
{
    jb__pg_put16(chunk, UINT16_MAX);
    if (!send_chunk(stage, scope, chunk))
        return false;
    if (PQputCopyEnd(stage->pg.connection->handle, NULL) != 1)
        return fail_connection(stage, scope);
    return jb__pg_flush(stage->pg.connection, scope) && finish(stage, scope);
}

static bool send_refused(struct jb_stage *stage, struct jb_scope *scope)
{
    struct jb_str table = jb__pg_stage_refused(scope, stage);

    return copy_open(stage, scope, jb_format(scope, "copy %.*s (row, compared, col, value, reason) from stdin (format binary)", JB_FMT(table))) && copy_close(stage, scope, &stage->pg.refused);
}

bool jb__pg_stage_flush(struct jb_stage *stage, struct jb_scope *scope)
{
    if (stage->pg.copying) {
        stage->pg.copying = false;
        if (!copy_close(stage, scope, &stage->pg.rows))
            return false;
    }
    return stage->pg.refused.size == 0 || send_refused(stage, scope);
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------------ */

static bool rows_open(struct jb_stage *stage, struct jb_scope *scope)
{
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    size_t count = jb__stage_stored(stage->model, false, fields);
    struct jb_str table = jb__pg_stage_rows(scope, stage), names = jb__stage_list(scope, fields, count, ", @", "");

    stage->pg.copying = copy_open(stage, scope, jb_format(scope, "copy %.*s (jb_row, jb_key%.*s) from stdin (format binary)", JB_FMT(table), JB_FMT(names)));
    jb_buf_put(&stage->pg.rows, JB__PG_COPY_HEAD);
    return stage->pg.copying;
}

bool jb__pg_stage_add(struct jb_stage *stage, struct jb_scope *scope, int64_t row, const void *record)
{
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    size_t count = jb__stage_stored(stage->model, false, fields);
    struct jb_buf *rows = &stage->pg.rows;
    int64_t key = stage->by_id ? jb_row_id(stage->model, record) : 0;

    if (!stage->pg.copying && !rows_open(stage, scope))
        return false;
    size_t start = rows->size;
    jb__pg_put16(rows, (uint16_t)(2 + count));
    jb__pg_put32(rows, sizeof row);
    jb__pg_put64(rows, (uint64_t)row);
    jb__pg_put32(rows, key ? sizeof key : UINT32_MAX);
    if (key)
        jb__pg_put64(rows, (uint64_t)key);
    for (size_t i = 0; i < count; i++)
        if (!jb__pg_put_field(rows, fields[i], jb__column_value(stage->model, record, fields[i]))) {
            rows->size = start;
            return jb_fail(scope, JB_INVALID, JB_L(scope, "%lld행: ‘%s’에 담을 수 없는 값입니다.", "Row %lld: %s cannot hold the value."), (long long)row, fields[i]->name);
        }
    stage->pg.rows_added++;
    return rows->size < CHUNK_BYTES || send_chunk(stage, scope, rows);
}

/* ---- sentences --------------------------------------------------------------------------------------------------------------------- */

static void put_text(struct jb_buf *out, struct jb_str text)
{
    jb__pg_put32(out, text.data ? (uint32_t)text.size : UINT32_MAX);
    if (text.data)
        jb_buf_put(out, text);
}

/* What no text of the database can hold is shown otherwise. */
static struct jb_str storable(struct jb_scope *scope, struct jb_str text)
{
    if (!text.data || (jb_utf8_valid(text) && jb_str_find(text, (struct jb_str){ "\0", 1 }, 0) == SIZE_MAX))
        return text;
    struct jb_str copy = jb_copy(scope, text);
    for (size_t i = 0; i < copy.size; i++)
        if (copy.data[i] == '\0' || (unsigned char)copy.data[i] >= 0x80)
            ((char *)copy.data)[i] = '?';
    return copy;
}

bool jb__pg_stage_refuse(struct jb_stage *stage, struct jb_scope *scope, int64_t row, struct jb_str column, struct jb_str value, struct jb_str reason)
{
    struct jb_buf *refused = &stage->pg.refused;

    if (refused->size == 0)
        jb_buf_put(refused, JB__PG_COPY_HEAD);
    jb__pg_put16(refused, 5);
    jb__pg_put32(refused, sizeof row);
    jb__pg_put64(refused, (uint64_t)row);
    jb__pg_put32(refused, 1);
    jb_buf_put_char(refused, stage->comparing ? 1 : 0);
    put_text(refused, column);
    put_text(refused, storable(scope, value));
    put_text(refused, storable(scope, reason));
    return refused->size < REFUSED_BYTES || jb__pg_stage_flush(stage, scope);
}

/* ---- looking up ----------------------------------------------------------------------------------------------------------------------- */

struct found {
    int64_t place, id;
};
static const struct jb_record found_record = JB_RECORD(found, JB_FIELD(found, place), JB_FIELD(found, id));

bool jb__pg_stage_lookup(struct jb_stage *stage, struct jb_scope *scope, const struct jb_model *in, const struct jb_field *by, const struct jb_str *keys, size_t count, int64_t *ids)
{
    struct jb_str table = jb__quoted(scope, jb_cstr(scope, jb_model_table(in))), name = jb__quoted(scope, by->name), primary = jb__quoted(scope, jb_model_primary(in)->name);
    const char *as_text = by->type == JB_TEXT ? "" : "::text"; /* a key that is no text is written as people do */
    struct jb_value json = jb_v_text(jb__stage_keys(scope, keys, count));
    struct jb__sink sink;
    struct jb__statement statement = {
        .sql = jb_format(scope, "select j.place - 1, r.%.*s from json_array_elements_text(cast(cast(? as text) as json)) with ordinality as j (key, place) join %.*s r on r.%.*s%s = j.key", JB_FMT(primary), JB_FMT(table), JB_FMT(name), as_text),
        .args = &json,
        .arg_count = 1,
        .in_order = true,
        .sink = &sink,
        .row_limit = (int64_t)count,
    };

    jb__sink_init(&sink, scope, &found_record, count);
    if (!jb__pg_stage_flush(stage, scope) || !jb__pg_run_on(stage->pg.connection, scope, &statement, true))
        return false;
    for (size_t i = 0; i < count; i++)
        ids[i] = 0;
    for (size_t i = 0; i < sink.count; i++) {
        const struct found *found = (const struct found *)(const void *)sink.data + i;
        if (found->place >= 0 && (size_t)found->place < count)
            ids[found->place] = found->id;
    }
    return true;
}
