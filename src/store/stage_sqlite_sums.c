/* stage_sqlite_sums.c — the sums that prove a merge (stage_sums.c), on the writer, with the staging file attached.
 *
 * They are added up here, in 128 bits: SQLite's sum() ends at 63. What a trigger does to a row that was written is seen, because the table is read again, while its pages are still at hand. */
// SPDX-License-Identifier: Apache-2.0
#include "store/stage_sqlite.h"

#define SCHEMA "jb_stage"

static bool step_all(sqlite3_stmt *statement, struct jb_stage_sums *sums, size_t member, int64_t *rows)
{
    int code;

    for (; (code = sqlite3_step(statement)) == SQLITE_ROW; ++*rows)
        for (size_t i = 0; i < sums->count; i++) {
            struct jb_stage_sum *sum = &sums->at[i];
            int type = sqlite3_column_type(statement, (int)i);
            if (type == SQLITE_INTEGER)
                *(jb_decimal_sum *)(void *)((char *)sum + member) += sqlite3_column_int64(statement, (int)i);
            else if (type != SQLITE_NULL)
                sum->unknown = true;
        }
    return code == SQLITE_DONE;
}

/* Adds what `alias` holds in the rows that `from` (a from clause and its condition) gives, and counts those. */
static bool add_counted(sqlite3 *writer, struct jb_scope *scope, struct jb_stage_sums *sums, const char *alias, struct jb_str from, size_t member, int64_t *rows)
{
    const struct jb_field *fields[JB_STAGE_SUMS_MAX];
    size_t count = jb__sums_fields(sums, fields);
    struct jb_str names = jb__stage_list(scope, fields, count, jb_format(scope, "%s.@", alias).data, ", "), sql = jb_format(scope, "select %.*s from %.*s", JB_FMT(names), JB_FMT(from));
    sqlite3_stmt *statement;

    if (sums->count == 0)
        return true;
    int code = sqlite3_prepare_v2(writer, sql.data, -1, &statement, NULL);
    bool ok = code == SQLITE_OK && step_all(statement, sums, member, rows);
    if (!ok)
        jb__sqlite_fail(scope, writer, sqlite3_extended_errcode(writer), sql.data);
    sqlite3_finalize(statement);
    return ok;
}

static bool add(sqlite3 *writer, struct jb_scope *scope, struct jb_stage_sums *sums, const char *alias, struct jb_str from, size_t member)
{
    int64_t rows = 0;
    return add_counted(writer, scope, sums, alias, from, member, &rows);
}

/* ---- a range of staged rows ------------------------------------------------------------------------------------------------------- */

static bool add_changed(sqlite3 *writer, struct jb_stage *stage, struct jb_scope *scope, const struct jb__sums_range *range, struct jb_stage_sums *sums, size_t member)
{
    struct jb_str table = jb__stage_table(scope, stage);

    return add(writer, scope, sums, "t",
        jb_format(scope, SCHEMA ".jb_match m cross join main.%.*s t on t.rowid = m.target where m.id > %lld and m.id <= %lld and m.state = %d", JB_FMT(table), (long long)range->from, (long long)range->to, JB_MATCH_CHANGED), member);
}

bool jb__sums_before(sqlite3 *writer, struct jb_stage *stage, struct jb_scope *scope, struct jb__sums_range *range, struct jb_stage_sums *sums)
{
    struct jb_str table = jb__stage_table(scope, stage);
    long long from = range->from, to = range->to;

    if (sums->count == 0)
        return true;
    return jb__sqlite_int(writer, scope, jb_format(scope, "select coalesce(max(rowid), 0) from main.%.*s", JB_FMT(table)).data, &range->last_id) &&
           add(writer, scope, sums, "s",
               jb_format(scope, SCHEMA ".%.*s s left join " SCHEMA ".jb_match m on m.id = s.rowid where s.rowid > %lld and s.rowid <= %lld and (m.id is null or m.state = %d)", JB_FMT(table), from, to, JB_MATCH_CHANGED), offsetof(struct jb_stage_sum, file)) &&
           add_changed(writer, stage, scope, range, sums, offsetof(struct jb_stage_sum, before));
}

/* New rows have ids above those that were there, but for ids that the sheet brings. Others there are a trigger's: which of them are whose, nobody can tell. */
bool jb__sums_after(sqlite3 *writer, struct jb_stage *stage, struct jb_scope *scope, const struct jb__sums_range *range, int64_t inserted, struct jb_stage_sums *sums)
{
    size_t after = offsetof(struct jb_stage_sum, after);
    struct jb_str table = jb__stage_table(scope, stage), others = JB_STR("");
    long long from = range->from, to = range->to;
    int64_t rows = 0;

    if (sums->count == 0)
        return true;
    if (stage->by_id) {
        others = jb_format(scope, " and t.rowid not in (select k.key from " SCHEMA ".jb_key k where k.id > %lld and k.id <= %lld)", from, to);
        if (!add_counted(writer, scope, sums, "t",
                jb_format(scope, SCHEMA ".jb_key k cross join main.%.*s t on t.rowid = k.key where k.id > %lld and k.id <= %lld and not exists (select 1 from " SCHEMA ".jb_match m where m.id = k.id)", JB_FMT(table), from, to), after, &rows))
            return false;
    }
    if (!add_counted(writer, scope, sums, "t", jb_format(scope, "main.%.*s t where t.rowid > %lld%.*s", JB_FMT(table), (long long)range->last_id, JB_FMT(others)), after, &rows))
        return false;
    for (size_t i = 0; i < sums->count; i++)
        sums->at[i].unknown |= rows > inserted;
    return add_changed(writer, stage, scope, range, sums, after);
}

bool jb__sums_copied(sqlite3 *writer, struct jb_stage *stage, struct jb_scope *scope, struct jb_stage_sums *sums)
{
    struct jb_str table = jb__stage_table(scope, stage);

    return add(writer, scope, sums, "s", jb_format(scope, SCHEMA ".%.*s s", JB_FMT(table)), offsetof(struct jb_stage_sum, file)) && add(writer, scope, sums, "t", jb_format(scope, "main.%.*s t", JB_FMT(table)), offsetof(struct jb_stage_sum, after));
}

/* ---- rows that stand --------------------------------------------------------------------------------------------------------------- */

struct standing {
    struct jb_stage *stage;
    struct jb_scope *scope;
    struct jb_stage_sums *sums;
    int64_t from, to;
};

static bool on_writer_standing(sqlite3 *writer, void *arg)
{
    struct standing *standing = arg;
    struct jb_scope *scope = standing->scope;
    struct jb_str table = jb__stage_table(scope, standing->stage);

    return add(writer, scope, standing->sums, "s",
        jb_format(scope, SCHEMA ".jb_match m cross join " SCHEMA ".%.*s s on s.rowid = m.id where m.id > %lld and m.id <= %lld and m.state = %d", JB_FMT(table), (long long)standing->from, (long long)standing->to, JB_MATCH_UNCHANGED),
        offsetof(struct jb_stage_sum, file));
}

bool jb__sqlite_stage_sums_standing(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row, struct jb_stage_sums *sums)
{
    struct standing standing = { .stage = stage, .scope = scope, .sums = sums, .from = after_row ? stage->sqlite.id_base + after_row : INT64_MIN, .to = last_row ? stage->sqlite.id_base + last_row : INT64_MAX };

    return jb__writer_call(stage->db, false, on_writer_standing, &standing, scope);
}
