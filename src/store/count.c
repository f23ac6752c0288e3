/* count.c — every statement is counted: for its scope (queries of a request), for the process, and told when it was slow. */
// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "store/store_private.h"

#define PARAMETERS_MAX ((size_t)50) /* of a slow statement, shown */
#define PARAMETERS_BYTES_MAX ((size_t)64 << 10)
#define TEXT_MAX ((size_t)200) /* code points of one of them */

/* It writes, reads or compares a field that is never shown: by name, so that it is rather found too often than too seldom. */
static bool touches_secret(const struct jb_db *db, const struct jb__statement *statement)
{
    for (const struct jb_model **model = db->models; *model; model++)
        for (const struct jb_field *field = (*model)->record.fields; field->type != JB_END; field++)
            if (field->secret && jb_str_find(statement->sql, jb_str_of(field->name), 0) != SIZE_MAX)
                return true;
    return false;
}

static void put_parameter(struct jb_json_writer *writer, struct jb_value value, bool secret)
{
    if (value.type == JB_IDS)
        jb_json_int(writer, (int64_t)value.ids.count);
    else if (secret)
        jb_json_text(writer, JB_STR("…"));
    else if (value.type == JB_TEXT)
        jb_json_text(writer, jb_utf8_first(value.text, TEXT_MAX));
    else
        jb_json_value(writer, value, NULL);
}

static void tell_slow(struct jb_scope *scope, struct jb_db *db, const struct jb__statement *statement, int64_t took_us)
{
    struct jb_buf out = JB_BUF_INIT(PARAMETERS_BYTES_MAX);
    struct jb_json_writer writer;
    bool secret = touches_secret(db, statement);

    jb_json_start(&writer, &out);
    jb_json_array(&writer);
    for (size_t i = 0; i < JB_MIN(statement->arg_count, PARAMETERS_MAX); i++)
        put_parameter(&writer, statement->args[i], secret);
    jb_json_array_end(&writer);
    db->slow(scope, statement->sql, jb_buf_str(&out), took_us, db->slow_arg);
    jb_buf_done(&out);
}

void jb__count(struct jb_scope *scope, struct jb_db *db, int64_t start_us, const struct jb__statement *statement, bool ok)
{
    jb_counters(scope)->queries++;
    atomic_fetch_add_explicit(&db->queries, 1, memory_order_relaxed);
    jb__count_more(scope, db, start_us, statement, ok);
}

void jb__count_more(struct jb_scope *scope, struct jb_db *db, int64_t start_us, const struct jb__statement *statement, bool ok)
{
    struct jb_counters *counters = jb_counters(scope);
    int64_t took_us = jb_monotonic_us() - start_us;

    counters->query_us += took_us;
    counters->rows += ok && statement->sink ? (int64_t)statement->sink->count : 0;
    if (took_us < db->slow_query_us)
        return;
    atomic_fetch_add(&db->slow_queries, 1);
    if (db->slow)
        tell_slow(scope, db, statement, took_us);
}

void jb_db_stats(struct jb_db *db, struct jb_db_stats *ret_stats)
{
    *ret_stats = (struct jb_db_stats){ .queries = atomic_load(&db->queries), .slow_queries = atomic_load(&db->slow_queries) };
    if (db->driver->stats)
        db->driver->stats(db, ret_stats);
}
