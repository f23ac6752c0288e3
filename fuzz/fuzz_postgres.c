/* fuzz_postgres.c — bytes of a column are refused, or are a value that is the same after another journey; a ? in a text is a parameter in the text that comes of it. */
// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "store/postgres_private.h"
#include <string.h>

struct seen {
    struct jb_str text;
    int64_t number;
    bool truth;
    struct jb_decimal amount;
    struct jb_date date;
    struct jb_month month;
    struct jb_time time;
    uint64_t present;
};

static const struct jb_record seen_record = JB_RECORD(seen,
    JB_FIELD(seen, text), JB_FIELD(seen, number), JB_FIELD(seen, truth), JB_FIELD(seen, amount, .digits = 15, .decimals = 2), JB_FIELD(seen, date), JB_FIELD(seen, month), JB_FIELD(seen, time),
    JB_PRESENCE(seen, present));

static const Oid types[] = { JB__PG_BOOL, JB__PG_INT2, JB__PG_INT4, JB__PG_INT8, JB__PG_OID, JB__PG_TEXT, JB__PG_FLOAT4, JB__PG_FLOAT8, JB__PG_DATE, JB__PG_TIMESTAMP, JB__PG_TIMESTAMPTZ, JB__PG_NUMERIC, 2950 };

static bool read_column(struct jb_scope *scope, const struct jb_field *field, Oid type, const char *bytes, int size, struct seen *ret_row)
{
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc column = { .name = (char *)field->name, .format = 1, .typid = type, .typlen = -1, .atttypmod = -1 };
    struct jb__sink sink;
    struct jb__statement what = { .sql = JB_STR("select ?"), .sink = &sink };

    JB_CHECK(PQsetResultAttrs(result, 1, &column) && PQsetvalue(result, 0, 0, (char *)bytes, size));
    jb__sink_init(&sink, scope, &seen_record, 1);
    bool ok = jb__pg_rows_read(scope, result, &what, &(struct jb__pg_answer){ .found = false });
    if (ok)
        memcpy(ret_row, sink.data, sizeof *ret_row);
    else
        jb_failure_clear(scope);
    PQclear(result);
    return ok;
}

/* Of its own type a value goes back, and comes again as it was. */
static bool is_own(enum jb_type field, Oid type)
{
    switch (field) {
    case JB_INT64: return type == JB__PG_INT2 || type == JB__PG_INT4 || type == JB__PG_INT8 || type == JB__PG_OID;
    case JB_DECIMAL: return type == JB__PG_NUMERIC;
    case JB_DATE: return type == JB__PG_DATE;
    case JB_TIME: return type == JB__PG_TIMESTAMP || type == JB__PG_TIMESTAMPTZ;
    default: return false;
    }
}

static void check_column(struct jb_scope *scope, const struct jb_field *field, Oid type, struct jb_str bytes)
{
    struct seen row, again;
    struct jb__pg_params params;

    if (!read_column(scope, field, type, bytes.data, (int)bytes.size, &row) || !is_own(field->type, type))
        return;
    struct jb_value value = jb_record_get(&seen_record, &row, field);
    JB_CHECK(jb__pg_encode(scope, JB_STR("select ?"), &type, &value, 1, &params) && params.formats[0] == 1);
    JB_CHECK(read_column(scope, field, type, params.values[0], params.lengths[0], &again));
    JB_CHECK(jb_record_equal(&seen_record, &row, &again));
}

/* What was made has no parameter left to make. */
static void check_text(struct jb_scope *scope, struct jb_str text)
{
    const char *once = jb__pg_text(scope, text), *twice = jb__pg_text(scope, jb_str_of(once));

    JB_CHECK(jb_str_find_char(text, '\0', 0) != SIZE_MAX || strcmp(once, twice) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jb_scope *scope = jb_scope_new("fuzz");
    struct jb_str bytes = { size ? (const char *)data : "", size };

    for (const struct jb_field *field = seen_record.fields; field->type != JB_WORD && size < 65536; field++)
        for (size_t i = 0; i < JB_COUNT(types); i++)
            check_column(scope, field, types[i], bytes);
    check_text(scope, bytes);
    jb_scope_end(scope);
    return 0;
}
