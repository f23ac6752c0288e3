/* test_write.c — rows in: one, many, and what refuses them. */
// SPDX-License-Identifier: Apache-2.0
#include "store_test.h"

JB_FIBER_TEST("a row comes back as it was inserted, member by member")
{
    test_database(scope, sample_models);
    struct sample_project project = { .code = JB_STR("P-1"), .name = JB_STR("도로 정비") };
    CHECK_OK(jb_insert(scope, &sample_project, &project));
    struct sample_entry in = sample_entry_of("CB-1", -1234567), out;
    in.memo = JB_STR("토너 🖨 구입");
    in.income = cents(-123456789);
    in.pages = 7;
    in.closed = true;
    in.project_id = project.id;
    CHECK_OK(jb_insert(scope, &sample_entry, &in));
    CHECK(in.id > 0);
    CHECK_OK(jb_get(scope, &sample_entry, in.id, &out));
    CHECK(jb_record_equal(&sample_entry.record, &in, &out));
    CHECK_STR(out.memo, JB_STR("토너 🖨 구입"));
    CHECK_INT(out.income.units, -123456789);
    CHECK_INT(out.income.scale, 2);
    CHECK_INT(out.created_at.us, in.created_at.us);
}

JB_FIBER_TEST("NULL and empty text stay apart, and an absent reference or time is NULL")
{
    test_database(scope, sample_models);
    struct sample_entry in = sample_entry_of("CB-1", 1), out;
    int64_t count;
    CHECK_OK(jb_insert(scope, &sample_entry, &in));
    CHECK_OK(jb_get(scope, &sample_entry, in.id, &out));
    CHECK(out.memo.data == NULL);
    CHECK_INT(out.project_id, 0);
    CHECK_OK(jb_query_int(scope, JB_SQL("select count(*) from sample_entry where memo is null and project_id is null"), &count));
    CHECK_INT(count, 1);
    in.memo = JB_STR("");
    CHECK_OK(jb_save(scope, &sample_entry, &in));
    CHECK_OK(jb_get(scope, &sample_entry, in.id, &out));
    CHECK(out.memo.data != NULL && out.memo.size == 0);
    struct sample_lease lease = { .owner = JB_STR("a") };
    CHECK_OK(jb_insert(scope, &sample_lease, &lease));
    CHECK_OK(jb_live_query_int(scope, JB_SQL("select count(*) from sample_lease where until is null"), &count));
    CHECK_INT(count, 1);
}

JB_FIBER_TEST("a presence word tells absent from zero")
{
    test_database(scope, sample_models);
    struct sample_measure in = { .weight = { 0, 3 }, .present = 1 << 2 }, out;
    CHECK_OK(jb_insert(scope, &sample_measure, &in));
    CHECK_OK(jb_get(scope, &sample_measure, in.id, &out));
    CHECK_INT(jb_record_get(&sample_measure.record, &out, jb_record_field(&sample_measure.record, JB_STR("weight"))).type, JB_DECIMAL);
    CHECK_INT(jb_record_get(&sample_measure.record, &out, jb_record_field(&sample_measure.record, JB_STR("count"))).type, JB_NULL);
    CHECK_INT(jb_record_get(&sample_measure.record, &out, jb_record_field(&sample_measure.record, JB_STR("day"))).type, JB_NULL);
}

JB_FIBER_TEST("saving changes every member but the time of insertion, and a row that is gone is NOT_FOUND")
{
    test_database(scope, sample_models);
    struct sample_entry entry = sample_entry_of("CB-1", 1000), out;
    jb_clock_hold((struct jb_time){ 1000 * JB_SECOND_US });
    CHECK_OK(jb_insert(scope, &sample_entry, &entry));
    jb_clock_advance_us(5 * JB_SECOND_US);
    entry.pages = 3;
    CHECK_OK(jb_save(scope, &sample_entry, &entry));
    jb_clock_release();
    CHECK_OK(jb_get(scope, &sample_entry, entry.id, &out));
    CHECK_INT(out.pages, 3);
    CHECK_INT(out.created_at.us, 1000 * JB_SECOND_US);
    CHECK_INT(out.updated_at.us, 1005 * JB_SECOND_US);
    CHECK_OK(jb_delete(scope, &sample_entry, entry.id));
    CHECK_FAILS(jb_save(scope, &sample_entry, &entry), JB_NOT_FOUND);
    CHECK_FAILS(jb_delete(scope, &sample_entry, entry.id), JB_NOT_FOUND);
    CHECK_FAILS(jb_get(scope, &sample_entry, entry.id, &out), JB_NOT_FOUND);
}

JB_FIBER_TEST("a unique value that exists is a CONFLICT that names field and value in both languages")
{
    test_database(scope, sample_models);
    struct sample_entry a = sample_entry_of("CB-1", 1), b = sample_entry_of("CB-1", 2);
    CHECK_OK(jb_insert(scope, &sample_entry, &a));
    CHECK(!jb_insert(scope, &sample_entry, &b));
    CHECK_INT(jb_error(scope), JB_CONFLICT);
    CHECK_STR(jb_failure_text(scope), JB_STR("‘전표번호’: “CB-1” 값이 이미 있습니다. 다른 값을 쓰세요."));
    jb_failure_clear(scope);
    jb_language_set(scope, JB_EN);
    CHECK(!jb_insert(scope, &sample_entry, &b));
    CHECK_STR(jb_failure_text(scope), JB_STR("External ref: \"CB-1\" exists already. Use another value."));
    jb_failure_clear(scope);
    CHECK_INT(jb_count(scope, &sample_entry, .offset = 0), 1);
}

JB_FIBER_TEST("every broken rule of a row is told at once, by field")
{
    test_database(scope, sample_models);
    struct sample_entry entry = sample_entry_of("", 1);
    entry.kind = JB_STR("gift");
    entry.pages = -1;
    CHECK(!jb_insert(scope, &sample_entry, &entry));
    CHECK_INT(jb_error(scope), JB_INVALID);
    const struct jb_field_error *error = jb_failure(scope)->fields;
    CHECK_STR(error->field, JB_STR("external_ref"));
    CHECK_STR(error->next->field, JB_STR("kind"));
    CHECK_STR(error->next->next->field, JB_STR("pages"));
    CHECK(error->next->next->next == NULL);
    jb_failure_clear(scope);
    CHECK_INT(jb_count(scope, &sample_entry, .offset = 0), 0);
}

JB_FIBER_TEST("a reference to a row that is not there is INVALID, by field")
{
    test_database(scope, sample_models);
    struct sample_entry entry = sample_entry_of("CB-1", 1);
    entry.project_id = 99;
    CHECK(!jb_insert(scope, &sample_entry, &entry));
    CHECK_INT(jb_error(scope), JB_INVALID);
    CHECK_STR(jb_failure(scope)->fields->field, JB_STR("project_id"));
    CHECK_STR(jb_failure(scope)->fields->message, JB_STR("가리키는 행이 없습니다 (99). 있는 것을 고르세요."));
    jb_failure_clear(scope);
}

JB_FIBER_TEST("a row that others refer to cannot be deleted, and the sentence says whose rows")
{
    test_database(scope, sample_models);
    struct sample_project project = { .code = JB_STR("P-1") };
    CHECK_OK(jb_insert(scope, &sample_project, &project));
    struct sample_entry entry = sample_entry_of("CB-1", 1);
    entry.project_id = project.id;
    CHECK_OK(jb_insert(scope, &sample_entry, &entry));
    CHECK(!jb_delete(scope, &sample_project, project.id));
    CHECK_INT(jb_error(scope), JB_CONFLICT);
    CHECK_STR(jb_failure_text(scope), JB_STR("지우지 못했습니다. ‘출납부’에 이것을 쓰는 행이 있습니다. 먼저 그 행을 지우거나 고치세요."));
    jb_failure_clear(scope);
    CHECK_OK(jb_delete(scope, &sample_entry, entry.id));
    CHECK_OK(jb_delete(scope, &sample_project, project.id));
}

JB_FIBER_TEST("the database refuses by itself what the check in words never saw")
{
    test_database(scope, sample_models);
    struct sample_entry entry = sample_entry_of("CB-1", 1);
    CHECK_OK(jb_insert(scope, &sample_entry, &entry));
    CHECK_FAILS(jb_update(scope, &sample_entry, .set = JB_SQL("kind = ?", JB_STR("gift"))), JB_INVALID);
    CHECK_FAILS(jb_update(scope, &sample_entry, .set = JB_SQL("pages = ?", -5)), JB_INVALID);
    CHECK_FAILS(jb_update(scope, &sample_entry, .set = JB_SQL("external_ref = null")), JB_INVALID);
    CHECK_FAILS(jb_exec(scope, JB_SQL("update sample_entry set income = 1000000000000000"), NULL), JB_INVALID);
    CHECK_FAILS(jb_exec(scope, JB_SQL("update sample_entry set external_ref = ?", JB_STR("12345678901234567890123456789012345678901")), NULL), JB_INVALID);
}

JB_FIBER_TEST("an update by a literal counts its rows and moves the time of change")
{
    test_database(scope, sample_models);
    int64_t count;
    struct sample_entry out;
    sample_entries(scope, 100);
    jb_clock_hold((struct jb_time){ 4102444800 * JB_SECOND_US });
    CHECK_OK(jb_update(scope, &sample_entry, .set = JB_SQL("closed = ?, income = income + ?", true, 5), .where = JB_SQL("pages = ?", 3), .ret_count = &count));
    jb_clock_release();
    CHECK_INT(count, 10);
    CHECK_OK(jb_first(scope, &sample_entry, &out, .where = JB_SQL("closed = ?", 2 > 1), .order = JB_STR("id")));
    CHECK_INT(out.income.units, 4 * 100 + 500); /* an int for a DECIMAL column is whole won */
    CHECK_INT(out.updated_at.us, 4102444800 * JB_SECOND_US);
    CHECK_OK(jb_delete_rows(scope, &sample_entry, JB_SQL("closed"), &count));
    CHECK_INT(count, 10);
    CHECK_INT(jb_count(scope, &sample_entry, .offset = 0), 90);
}

JB_FIBER_TEST("a bulk insert can fail, ignore or update on a match, and counts which")
{
    test_database(scope, sample_models);
    struct sample_project first[] = { { .code = JB_STR("A"), .name = JB_STR("a") }, { .code = JB_STR("B"), .name = JB_STR("b") } };
    struct sample_project again[] = { { .code = JB_STR("B"), .name = JB_STR("new b") }, { .code = JB_STR("C"), .name = JB_STR("c") } };
    struct sample_project out;
    int64_t inserted, updated, ignored;
    CHECK_OK(jb_bulk_insert(scope, &sample_project, first, 2, NULL));
    CHECK_FAILS(jb_bulk_insert(scope, &sample_project, again, 2, NULL), JB_CONFLICT);
    CHECK_INT(jb_count(scope, &sample_project, .offset = 0), 2);
    struct jb_bulk ignore = { .match_on = "code", .on_conflict = JB_CONFLICT_IGNORE, .ret_inserted = &inserted, .ret_updated = &updated, .ret_ignored = &ignored };
    CHECK_OK(jb_bulk_insert(scope, &sample_project, again, 2, &ignore));
    CHECK_INT(inserted, 1);
    CHECK_INT(ignored, 1);
    CHECK_INT(updated, 0);
    struct jb_bulk update = ignore;
    update.on_conflict = JB_CONFLICT_UPDATE;
    CHECK_OK(jb_bulk_insert(scope, &sample_project, again, 2, &update));
    CHECK_INT(inserted, 0);
    CHECK_INT(updated, 1);
    CHECK_INT(ignored, 1); /* C is as it should be already */
    CHECK_OK(jb_first(scope, &sample_project, &out, .where = JB_SQL("code = ?", JB_STR("B"))));
    CHECK_STR(out.name, JB_STR("new b"));
    CHECK_INT(out.id, 2);
}

struct sample_tag {
    int64_t id;
    struct jb_str word;
};

static const struct jb_model sample_tag = {
    .app = "sample",
    .record = JB_RECORD(sample_tag,
        JB_FIELD(sample_tag, id, .primary = true),
        JB_FIELD(sample_tag, word, .required = true, .length_max = 20, .unique = true)),
};

JB_FIBER_TEST("a row that is nothing but its match has nothing to update and counts as ignored")
{
    test_database(scope, (const struct jb_model *const[]){ &sample_tag, NULL });
    struct sample_tag rows[] = { { .word = JB_STR("old") }, { .word = JB_STR("new") } };
    int64_t inserted, updated, ignored;
    struct jb_bulk update = { .match_on = "word", .on_conflict = JB_CONFLICT_UPDATE, .ret_inserted = &inserted, .ret_updated = &updated, .ret_ignored = &ignored };
    CHECK_OK(jb_bulk_insert(scope, &sample_tag, rows, 1, &update));
    CHECK_OK(jb_bulk_insert(scope, &sample_tag, rows, 2, &update));
    CHECK_INT(inserted, 1);
    CHECK_INT(updated, 0);
    CHECK_INT(ignored, 1);
    CHECK_INT(jb_count(scope, &sample_tag, .offset = 0), 2);
}

struct sample_key {
    int64_t id;
    struct jb_str a, b; /* unique together; b may be NULL */
    int number;
};

static const struct jb_model sample_key = {
    .app = "sample",
    .uniques = "a b",
    .record = JB_RECORD(sample_key,
        JB_FIELD(sample_key, id, .primary = true),
        JB_FIELD(sample_key, a, .required = true, .length_max = 20),
        JB_FIELD(sample_key, b, .length_max = 20),
        JB_FIELD(sample_key, number, .required = true)),
};

/* The numbers of the rows, in their order. */
static const char *key_numbers(struct jb_scope *scope)
{
    struct jb_rows *rows = jb_select(scope, &sample_key, .order = JB_STR("number"));
    struct jb_str text = JB_STR("");

    CHECK_OK(rows != NULL);
    for (size_t i = 0; i < rows->count; i++)
        text = jb_format(scope, "%.*s %d", JB_FMT(text), ((const struct sample_key *)rows->data)[i].number);
    return text.data;
}

JB_FIBER_TEST("of rows with one key the last one updates and the first one is kept from conflicts; NULL is no key")
{
    test_database(scope, (const struct jb_model *const[]){ &sample_key, NULL });
    struct sample_key rows[] = {
        { .a = JB_STR("x"), .b = JB_STR("y"), .number = 1 },
        { .a = JB_STR("xy"), .b = JB_STR(""), .number = 2 }, /* another key, though the letters are the same */
        { .a = JB_STR("x"), .number = 3 },
        { .a = JB_STR("x"), .b = JB_STR("y"), .number = 4 },
        { .a = JB_STR("x"), .number = 5 },
        { .a = JB_STR("x"), .b = JB_STR("y"), .number = 6 },
    };
    int64_t inserted;
    struct jb_bulk how = { .match_on = "a b", .on_conflict = JB_CONFLICT_IGNORE, .ret_inserted = &inserted };
    CHECK_OK(jb_bulk_insert(scope, &sample_key, rows, JB_COUNT(rows), &how));
    CHECK_INT(inserted, 4);
    CHECK_TEXT(jb_str_of(key_numbers(scope)), " 1 2 3 5");
    CHECK_OK(jb_delete_rows(scope, &sample_key, JB_SQL("a <> ''"), NULL));
    how.on_conflict = JB_CONFLICT_UPDATE;
    CHECK_OK(jb_bulk_insert(scope, &sample_key, rows, JB_COUNT(rows), &how));
    CHECK_INT(inserted, 4);
    CHECK_TEXT(jb_str_of(key_numbers(scope)), " 2 3 5 6");
}

JB_TEST("all of it also works on a plain thread")
{
    test_database(scope, sample_models);
    sample_entries(scope, 50);
    struct sample_entry out;
    CHECK_OK(jb_first(scope, &sample_entry, &out, .where = JB_SQL("external_ref = ?", JB_STR("E-000007"))));
    CHECK_INT(out.income.units, 700);
    struct jb_tx *tx = jb_begin(scope);
    CHECK_OK(tx != NULL);
    CHECK_OK(jb_delete(scope, &sample_entry, out.id));
    CHECK_OK(jb_commit(tx));
    CHECK_INT(jb_count(scope, &sample_entry, .offset = 0), 49);
}
