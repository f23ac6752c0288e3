/* test_mapping.c — columns that the job says the meaning of: mapped headings, chosen rows of headings, defaults, references by any unique field. */
// SPDX-License-Identifier: Apache-2.0
#define JB_TRANSFER_TEST_MODELS
#include "transfer_test.h"
#include "transfer/transfer_private.h"

#define PAIRS(...)                                                                                                                             \
    {                                                                                                                                          \
        (const struct jb_import_pair[]){ __VA_ARGS__ }, sizeof((const struct jb_import_pair[]){ __VA_ARGS__ }) / sizeof(struct jb_import_pair) \
    }
#define P(text, to)              \
    {                            \
        JB_STR(text), JB_STR(to) \
    }

static void check_start_fails(struct jb_scope *scope, const char *text, struct jb_import_options options, const char *sentence)
{
    int64_t id;
    CHECK(!jb_import_start(scope, &book_model, spool_of(scope, "a.csv", jb_str_of(text)), &options, false, &id));
    CHECK_INT(jb_error(scope), JB_INVALID);
    CHECK(contains(jb_failure_text(scope), sentence));
    jb_failure_clear(scope);
}

JB_FIBER_TEST("headings that mean nothing to us go where the job says")
{
    site_new(scope);
    struct import_job job = IMPORT("slip,When,what it was,Amount,remark\nA-1,2025-01-01,a,5,m\n", .map = PAIRS(P("slip", "external_ref"), P("when", "date"), P(" what it was ", "description"), P("Amount", "income")));
    check_status(&job, "done");
    check_counts(&job, 1, 0, 0, 0);
    CHECK_INT(book_of(scope, "A-1").income.units, 500);
    CHECK(book_of(scope, "A-1").memo.data == NULL);
    CHECK(contains(job.notes, "remark"));
}

JB_FIBER_TEST("letters of a column that the sheet does not have clear nothing")
{
    site_new(scope);
    IMPORT(HEAD "A-1,2025-01-01,a,income,5,m,\n");
    struct import_job job = IMPORT_WITH("external_ref,date,description\nA-1,2025-01-01,b\n", .map = PAIRS(P("[Q]", "income")));
    check_status(&job, "failed");
    CHECK(contains(job.reason, "Column [Q] of the sheet has neither a heading nor a value"));
    CHECK_INT(book_of(scope, "A-1").income.units, 500);
    CHECK_TEXT(book_of(scope, "A-1").description, "a");
    job = IMPORT_WITH("external_ref,date,description,,\nA-1,2025-01-01,b,, \n", .map = PAIRS(P("[E]", "income"))); /* a blank is no value */
    check_status(&job, "failed");
    CHECK(contains(job.reason, "Column [E] of the sheet has neither a heading nor a value"));
    job = IMPORT_WITH("external_ref,date,description,,\nA-1,2025-01-01,b,,\nA-2,2025-01-01,c,,9\n", .map = PAIRS(P("[E]", "income"))); /* one value is enough */
    check_status(&job, "done");
    check_counts(&job, 1, 1, 0, 0);
}

JB_FIBER_TEST("a column is named by its letters too, with a heading or without")
{
    site_new(scope);
    struct import_job job = IMPORT("external_ref,date,description,x,x,\nA-1,2025-01-01,a,5,7,m\n", .map = PAIRS(P("[e]", "income"), P("[F]", "memo")));
    check_status(&job, "done");
    CHECK_INT(book_of(scope, "A-1").income.units, 700);
    CHECK_TEXT(book_of(scope, "A-1").memo, "m");
}

JB_FIBER_TEST("a column that would be known is left out when the job says so, and is no unknown one")
{
    site_new(scope);
    struct import_job job = IMPORT("external_ref,date,description,memo\nA-1,2025-01-01,a,m\n", .map = PAIRS(P("memo", "")));
    check_status(&job, "done");
    CHECK(book_of(scope, "A-1").memo.data == NULL);
    CHECK(job.notes.data == NULL);
}

JB_FIBER_TEST("the headings stand in the row that the job names, and rows keep their numbers")
{
    site_new(scope);
    const char *text = "Cash book 2025,,\n\nexternal_ref,date,description\nA-1,2025-01-01,a\nA-2,not a day,b\n";
    struct import_job job = IMPORT(text, .head_row = 3, .on_error = JB_SKIP);
    check_status(&job, "done");
    check_counts(&job, 1, 0, 0, 1);
    CHECK(contains(job.errors, "\"row\":5"));
    job = IMPORT(text);
    check_status(&job, "failed");
    job = IMPORT(text, .head_row = 2);
    check_status(&job, "failed");
    CHECK(contains(job.reason, "row 2 is empty"));
    job = IMPORT(text, .head_row = 99);
    CHECK(contains(job.reason, "row 99 is empty"));
}

JB_FIBER_TEST("what is mapped wrongly is one sentence that names what was meant")
{
    site_new(scope);
    const char *text = "slip,date,description,Amount\nA-1,2025-01-01,a,5\n";
    check_start_fails(scope, text, (struct jb_import_options){ .map = PAIRS(P("slip", "extrnal_ref")) }, "Did you mean \"external_ref\"?");
    check_start_fails(scope, text, (struct jb_import_options){ .map = PAIRS(P("slip", "project.cod")) }, "Did you mean \"project.code\"?");
    check_start_fails(scope, text, (struct jb_import_options){ .map = PAIRS(P("slip", "project.name")) }, "not unique");
    check_start_fails(scope, text, (struct jb_import_options){ .map = PAIRS(P("slip", "updated_at")) }, "no field");
    check_start_fails(scope, text, (struct jb_import_options){ .map = PAIRS(P("slip", "memo"), P("Amount", "memo")) }, "both mapped");
    check_start_fails(scope, text, (struct jb_import_options){ .map = PAIRS(P("slip", "memo"), P("SLIP", "income")) }, "mapped twice");
    check_start_fails(scope, text, (struct jb_import_options){ .map = PAIRS(P("a", "project.code"), P("b", "project_id")) }, "both mapped");

    struct import_job job = IMPORT(text, .map = PAIRS(P("slp", "external_ref")));
    check_status(&job, "failed");
    CHECK(contains(job.reason, "Did you mean \"slip\"?"));
    job = IMPORT("external_ref,date,description,income,Amount\nA-1,2025-01-01,a,5,6\n", .map = PAIRS(P("Amount", "income")));
    check_status(&job, "failed");
    CHECK(contains(job.reason, "D (\"income\") and E (\"Amount\") both go to"));
    job = IMPORT(text, .map = PAIRS(P("Amount", "income")));
    CHECK(contains(job.reason, "The required column \"Number\" is missing."));
}

JB_FIBER_TEST("a default stands for an absent column of new rows and for empty cells, and leaves what is stored")
{
    site_new(scope);
    IMPORT(HEAD "A,2025-01-01,a,income,5,old,\n");
    struct import_job job = IMPORT("external_ref,date,income\nA,2025-01-01,5\nB,2025-01-02,\n", .defaults = PAIRS(P("description", "by default"), P("income", "1,000"), P("memo", "new")));
    check_status(&job, "done");
    check_counts(&job, 1, 0, 1, 0);
    CHECK_TEXT(book_of(scope, "A").memo, "old");
    CHECK_TEXT(book_of(scope, "A").description, "a");
    CHECK_TEXT(book_of(scope, "B").memo, "new");
    CHECK_TEXT(book_of(scope, "B").description, "by default");
    CHECK_INT(book_of(scope, "B").income.units, 100000);

    const char *text = "external_ref,date\nA,2025-01-01\n";
    check_start_fails(scope, text, (struct jb_import_options){ .defaults = PAIRS(P("descripton", "x")) }, "Did you mean \"description\"?");
    check_start_fails(scope, text, (struct jb_import_options){ .defaults = PAIRS(P("income", "abc")) }, "the default of");
    check_start_fails(scope, text, (struct jb_import_options){ .defaults = PAIRS(P("kind", "neither")) }, "not one of the choices");
    check_start_fails(scope, text, (struct jb_import_options){ .defaults = PAIRS(P("external_ref", "X")) }, "tells rows apart");
    check_start_fails(scope, text, (struct jb_import_options){ .defaults = PAIRS(P("memo", "x"), P("memo", "y")) }, "two defaults");
}

JB_FIBER_TEST("a reference is given by its number or any unique field, also by default")
{
    site_new(scope);
    add_project(scope, "P1");
    add_project(scope, "P2");
    struct import_job job = IMPORT("external_ref,date,description,which\nA,2025-01-01,a,2\nB,2025-01-01,b,\n", .map = PAIRS(P("which", "project_id")), .defaults = PAIRS(P("project.code", "P1")));
    check_status(&job, "done");
    CHECK_INT(book_of(scope, "A").project_id, 2);
    CHECK_INT(book_of(scope, "B").project_id, 1);
    job = IMPORT("external_ref,date,description,사업 사업코드\nA,2025-01-01,a,P1\n");
    check_counts(&job, 0, 1, 0, 0);
    CHECK_INT(book_of(scope, "A").project_id, 1);
    job = IMPORT("external_ref,date,description,project_id.code\nA,2025-01-01,a,P2\n");
    check_counts(&job, 0, 1, 0, 0);
    job = IMPORT("external_ref,date,description,which\nA,2025-01-01,a,9\n", .map = PAIRS(P("which", "project_id")));
    check_status(&job, "failed");
    CHECK(contains(job.errors, "refers to a row that does not exist"));
    job = IMPORT("external_ref,date,description\nC,2025-01-01,a\n", .defaults = PAIRS(P("project.code", "P9")));
    check_status(&job, "failed");
    CHECK(contains(job.reason, "there is no such"));
}

JB_FIBER_TEST("choices are given by name or by their label in either language")
{
    site_new(scope);
    const struct jb_choice *choice = &sample_kinds[0];
    struct jb_str text = jb_format(scope, "external_ref,date,description,kind\nA,2025-01-01,a,%s\nB,2025-01-01,a, %s \nC,2025-01-01,a,%s\n", choice->name, choice->label, choice->label_en);
    struct import_job job = IMPORT(text.data);
    check_counts(&job, 3, 0, 0, 0);
    CHECK_TEXT(book_of(scope, "A").kind, choice->name);
    CHECK_TEXT(book_of(scope, "B").kind, choice->name);
    CHECK_TEXT(book_of(scope, "C").kind, choice->name);
}

JB_FIBER_TEST("refused rows of a mapped sheet come back with its own headings and go on")
{
    site_new(scope);
    struct jb_import_options options = { .head_row = 2, .on_error = JB_ABORT, .map = PAIRS(P("slip", "external_ref"), P("[D]", "income")), .defaults = PAIRS(P("memo", "given")) };
    struct import_job job = import_bytes(scope, "a.csv", JB_STR("title\nslip,date,description,Amount\nA,2025-01-01,a,5\nB,2025-01-01,b,much\n"), options);
    check_status(&job, "failed");
    check_counts(&job, 0, 0, 0, 1);
    struct jb_str mark = jb_str_slice(job.file_hash, 0, 6);
    struct jb_str fixed = jb_format(scope, "slip,date,description,Amount,행 row (job %lld-%.*s),열 column,이유 reason\nB,2025-01-01,b,7,4,,\n", (long long)job.id, JB_FMT(mark));
    CHECK_OK(jb_import_continue(scope, job.id, spool_of(scope, "fixed.csv", fixed), JB_STR_NULL, false));
    CHECK_OK(jb_import_run(scope, job.id));
    job = job_of(scope, job.id);
    check_status(&job, "done");
    check_counts(&job, 2, 0, 0, 0);
    CHECK_INT(book_of(scope, "B").income.units, 700);
    CHECK_TEXT(book_of(scope, "B").memo, "given");
}

JB_TEST("a mapping and defaults survive the job's row")
{
    struct jb__job_options options = { .import = { .head_row = 4, .map = PAIRS(P("금액 \"=\"", "income"), P("비고", "")), .defaults = PAIRS(P("memo", "줄\n바꿈")) } }, read;

    CHECK_OK(jb__import_options_read(scope, jb__import_options_json(scope, &options), &read));
    CHECK_INT(read.import.head_row, 4);
    CHECK_INT(read.import.map.count, 2);
    CHECK_TEXT(read.import.map.at[0].name, "금액 \"=\"");
    CHECK_TEXT(read.import.map.at[0].value, "income");
    CHECK_INT(read.import.map.at[1].value.size, 0);
    CHECK_INT(read.import.defaults.count, 1);
    CHECK_TEXT(read.import.defaults.at[0].value, "줄\n바꿈");
    CHECK_OK(jb__import_options_read(scope, JB_STR("{\"mode\":\"upsert\",\"of_a_later_version\":[1]}"), &read));
    CHECK_INT(read.import.map.count, 0);
}

JB_TEST("a pair is cut where its name ends")
{
    struct jb_import_pair pair;

    CHECK_OK(jb_import_pair_read(scope, "--map", JB_STR("a=b (원) = income "), true, &pair));
    CHECK_TEXT(pair.name, "a=b (원)");
    CHECK_TEXT(pair.value, "income");
    CHECK_OK(jb_import_pair_read(scope, "--map", JB_STR("비고="), true, &pair));
    CHECK_INT(pair.value.size, 0);
    CHECK_OK(jb_import_pair_read(scope, "--default", JB_STR("memo=x=y"), false, &pair));
    CHECK_TEXT(pair.value, "x=y");
    CHECK(!jb_import_pair_read(scope, "--map", JB_STR("income"), true, &pair));
    jb_failure_clear(scope);
    CHECK(!jb_import_pair_read(scope, "--map", JB_STR("=income"), true, &pair));
}
