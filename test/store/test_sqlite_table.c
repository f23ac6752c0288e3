/* test_sqlite_table.c — what stands in SQLite's tables: declared types, amounts in minor units, texts for dates. */
// SPDX-License-Identifier: Apache-2.0
#include "store_test.h"
#include "store/store_private.h"

static int64_t asked(struct jb_scope *scope, struct jb_sql sql)
{
    int64_t number;
    CHECK_OK(jb_query_int(scope, sql, &number));
    return number;
}

JB_FIBER_TEST("declared types, indexes and references stand in the table")
{
    test_database(scope, sample_models);
    CHECK_INT(asked(scope, JB_SQL("select count(*) from pragma_table_info('sample_entry') where (name, type) in (values ('id', 'INTEGER'), ('external_ref', 'VARCHAR(40)'), ('memo', 'TEXT'), ('date', 'DATE'), ('month', 'MONTH'), ('income', 'DECIMAL(15,2)'), ('closed', 'BOOLEAN'), ('created_at', 'TIMESTAMP'))")), 8);
    CHECK_INT(asked(scope, JB_SQL("select count(*) from sqlite_schema where name in ('sample_entry_external_ref_key', 'sample_entry_date_idx', 'sample_entry_kind_date_idx', 'sample_entry_project_id_idx')")), 4);
    CHECK_INT(asked(scope, JB_SQL("select count(*) from pragma_foreign_key_list('sample_entry') where \"table\" = 'projects' and on_delete = 'RESTRICT'")), 1);
    CHECK_INT(asked(scope, JB_SQL("select count(*) from pragma_index_list('sample_entry') where \"unique\"")), 1);
}

JB_FIBER_TEST("a staging copy has the identical table under another name")
{
    struct jb_str a = jb__table_sql(scope, &sample_entry, JB_STR("items")), b = jb__table_sql(scope, &sample_entry, JB_STR("stage"));
    CHECK_STR(jb_str_slice(a, strlen("CREATE TABLE \"items\""), a.size), jb_str_slice(b, strlen("CREATE TABLE \"stage\""), b.size));
    CHECK_STR(jb__index_sql(scope, &sample_entry, JB_STR("x")),
        JB_STR("CREATE UNIQUE INDEX \"x_external_ref_key\" ON \"x\" (\"external_ref\");\nCREATE INDEX \"x_date_idx\" ON \"x\" (\"date\");\nCREATE INDEX \"x_kind_date_idx\" ON \"x\" (\"kind\", \"date\");\nCREATE INDEX \"x_project_id_idx\" ON \"x\" (\"project_id\");\n"));
}

JB_FIBER_TEST("amounts are minor units and dates are ISO text in the table")
{
    test_database(scope, sample_models);
    struct sample_entry entry = sample_entry_of("CB-1", 1000);
    int64_t count;
    CHECK_OK(jb_insert(scope, &sample_entry, &entry));
    CHECK_OK(jb_query_int(scope, JB_SQL("select count(*) from sample_entry where typeof(income) = 'integer' and income = 100000 + 0 and date = '2026-11-21' and month = '2026-11' and closed = 0"), &count));
    CHECK_INT(count, 1);
    CHECK_OK(jb_query_int(scope, JB_SQL("select created_at glob '____-__-__ __:__:__.______' or length(created_at) = 26 from sample_entry"), &count));
    CHECK_INT(count, 1);
}

JB_FIBER_TEST("SQLite, which takes any value in any column, refuses what is not of the column's type")
{
    test_database(scope, sample_models);
    struct sample_entry entry = sample_entry_of("CB-1", 1);
    CHECK_OK(jb_insert(scope, &sample_entry, &entry));
    CHECK_FAILS(jb_exec(scope, JB_SQL("update sample_entry set closed = 2"), NULL), JB_INVALID);
    CHECK_FAILS(jb_exec(scope, JB_SQL("update sample_entry set income = 'many'"), NULL), JB_INVALID);
    CHECK_FAILS(jb_exec(scope, JB_SQL("update sample_entry set income = 1.5"), NULL), JB_INVALID);
}

struct totals {
    struct jb_decimal income;
};
static const struct jb_record totals_record = JB_RECORD(totals, JB_FIELD(totals, income, .digits = 15, .decimals = 2));

JB_FIBER_TEST("an amount that SQL computed in floating point is rounded to its nearest unit, not cut")
{
    test_database(scope, sample_models);
    struct totals one;
    CHECK_OK(jb_query_row(scope, JB_SQL("select 1.15 * 100 as income"), &totals_record, &one)); /* 114.99999999999999 */
    CHECK_INT(one.income.units, 115);
    CHECK_OK(jb_query_row(scope, JB_SQL("select -1.15 * 100 as income"), &totals_record, &one));
    CHECK_INT(one.income.units, -115);
    CHECK_OK(jb_query_row(scope, JB_SQL("select 999999999999999999 as income"), &totals_record, &one));
    CHECK_INT(one.income.units, 999999999999999999);
    CHECK_FAILS(jb_query_row(scope, JB_SQL("select 1e18 as income"), &totals_record, &one), JB_BROKEN);
    CHECK_FAILS(jb_query_row(scope, JB_SQL("select -9223372036854775807 - 1 as income"), &totals_record, &one), JB_BROKEN);
}

JB_FIBER_TEST("an amount needs a column to tell its decimals, and must fit them")
{
    test_database(scope, sample_models);
    int64_t n;
    CHECK_FAILS(jb_query_int(scope, JB_SQL("select ? * 2", ((struct jb_decimal){ 7, 0 })), &n), JB_BROKEN);
    CHECK_FAILS(jb_query_int(scope, JB_SQL("select count(*) from sample_entry where income = ?", ((struct jb_decimal){ 1005, 3 })), &n), JB_INVALID);
}
