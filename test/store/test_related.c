/* test_related.c — rows with what they refer to, with what refers to them, and with what they are linked to; parts of rows; many rows by set. */
// SPDX-License-Identifier: Apache-2.0
#include "store_test.h"
#include "run/run.h"
#include "store/store_private.h"
#include <sqlite3.h>

struct shelf {
    int64_t id, up_id; /* up_id 0: none */
    struct jb_str name;
};

struct measure {
    int64_t id;
    int depth;
    struct jb_date seen;
    uint64_t present;
};

struct book {
    int64_t id, shelf_id, measure_id; /* measure_id 0: none */
    struct jb_str name, blurb, state;
    struct jb_decimal price;
    int stock;
    struct jb_time changed_at;
};

struct label {
    int64_t id;
    struct jb_str name;
};

static const struct jb_model shelf = {
    .app = "library",
    .table = "shelves",
    .title = "name",
    .order = "name",
    .record = JB_RECORD(shelf, JB_FIELD(shelf, id, .primary = true), JB_FIELD(shelf, up_id, .references = &shelf, .on_delete = JB_SET_NULL), JB_FIELD(shelf, name, .required = true, .length_max = 40)),
};

static const struct jb_model measure = {
    .app = "library",
    .record = JB_RECORD(measure, JB_FIELD(measure, id, .primary = true), JB_FIELD(measure, depth), JB_FIELD(measure, seen), JB_PRESENCE(measure, present)),
};

static const struct jb_model label = {
    .app = "library",
    .record = JB_RECORD(label, JB_FIELD(label, id, .primary = true), JB_FIELD(label, name, .required = true, .length_max = 40, .unique = true)),
};

static const struct jb_choice states[] = { { "lent", "빌려줌", "Lent", 1 }, { "here", "있음", "Here", 2 }, { 0 } };

static const struct jb_model book = {
    .app = "library",
    .table = "books",
    .title = "name",
    .order = "name",
    .indexes = "-price",
    .named_indexes = JB_INDEXES({ "idx_lent_books", "name", .where = "state = 'lent'" }),
    .links = JB_LINKS({ "labels", &label, "book_labels" }),
    .record = JB_RECORD(book,
        JB_FIELD(book, id, .primary = true),
        JB_FIELD(book, shelf_id, .required = true, .references = &shelf, .on_delete = JB_CASCADE),
        JB_FIELD(book, measure_id, .references = &measure, .on_delete = JB_SET_NULL),
        JB_FIELD(book, name, .required = true, .length_max = 40),
        JB_FIELD(book, blurb),
        JB_FIELD(book, state, .length_max = 10, .choices = states, .default_text = "here", .required = true),
        JB_FIELD(book, price, .digits = 10, .decimals = 2),
        JB_FIELD(book, stock, .has_min = true, .min = 0),
        JB_FIELD(book, changed_at, .auto_now = true)),
};

static const struct jb_model *const models[] = { &shelf, &measure, &label, &book, NULL };

static int64_t shelf_add(struct jb_scope *scope, const char *name, int64_t up_id)
{
    struct shelf row = { .name = jb_str_of(name), .up_id = up_id };
    CHECK_OK(jb_insert(scope, &shelf, &row));
    return row.id;
}

static int64_t label_add(struct jb_scope *scope, const char *name)
{
    struct label row = { .name = jb_str_of(name) };
    CHECK_OK(jb_insert(scope, &label, &row));
    return row.id;
}

static int64_t book_add(struct jb_scope *scope, const char *name, int64_t shelf_id, int64_t price)
{
    struct book row = { .name = jb_str_of(name), .shelf_id = shelf_id, .price = { price * 100, 2 }, .stock = 5, .state = JB_STR("here"), .blurb = JB_STR("long") };
    CHECK_OK(jb_insert(scope, &book, &row));
    return row.id;
}

/* a, b in the cellar (which has none above), c in the attic of the house; b was measured. */
static void library(struct jb_scope *scope)
{
    test_database(scope, models);
    int64_t house = shelf_add(scope, "house", 0), attic = shelf_add(scope, "attic", house), cellar = shelf_add(scope, "cellar", 0);
    struct measure row = { .seen = day(2026, 11, 1), .present = 1 | 1 << 2 };
    CHECK_OK(jb_insert(scope, &measure, &row));
    book_add(scope, "a", cellar, 10);
    int64_t b = book_add(scope, "b", cellar, 20);
    book_add(scope, "c", attic, 30);
    CHECK_OK(jb_update(scope, &book, .set = JB_SQL("measure_id = ?", row.id), .where = JB_SQL("id = ?", b)));
}

static int64_t queries(struct jb_scope *scope)
{
    return jb_counters(scope)->queries;
}

static const struct book *at(const struct jb_rows *rows, size_t index)
{
    return jb_rows_at(rows, index);
}

JB_FIBER_TEST("rows come with what they refer to, as deep as is named, in one query")
{
    library(scope);
    int64_t before = queries(scope);
    struct jb_rows *rows = jb_select(scope, &book, .with = "shelf.up measure");
    CHECK_OK(rows != NULL);
    CHECK_INT(queries(scope) - before, 1);
    CHECK_INT(rows->count, 3);
    const struct shelf *a = jb_related(rows, at(rows, 0), "shelf"), *c = jb_related(rows, at(rows, 2), "shelf"), *house = jb_related(rows, at(rows, 2), "shelf.up");
    CHECK_TEXT(at(rows, 0)->name, "a");
    CHECK_INT(at(rows, 0)->price.units, 1000);
    CHECK_TEXT(a->name, "cellar");
    CHECK(!jb_related(rows, at(rows, 0), "shelf.up"));
    CHECK_TEXT(c->name, "attic");
    CHECK_TEXT(house->name, "house");
    CHECK(!jb_related(rows, at(rows, 0), "measure"));
    const struct measure *b = jb_related(rows, at(rows, 1), "measure");
    CHECK_INT(b->seen.days, day(2026, 11, 1).days);
    CHECK_INT(jb_record_get(&measure.record, b, jb_record_field(&measure.record, JB_STR("depth"))).type, JB_NULL); /* bits are those of its own record */
    CHECK_INT(jb_record_get(&measure.record, b, jb_record_field(&measure.record, JB_STR("seen"))).type, JB_DATE);
}

JB_FIBER_TEST("two levels of every reference is a default that need not be spelt out")
{
    library(scope);
    struct jb_rows *rows = jb_select(scope, &book, .with = JB_WITH_2);
    CHECK_OK(rows != NULL);
    CHECK_TEXT(((const struct shelf *)jb_related(rows, at(rows, 2), "shelf.up"))->name, "house");
    CHECK(jb_related(rows, at(rows, 1), "measure") != NULL);
}

JB_FIBER_TEST("conditions, words and order go through references by dotted names")
{
    library(scope);
    const struct jb_condition up[] = { { .field = JB_STR("shelf.up.name"), .op = JB_EQUAL, .value = jb_v(JB_STR("house")) }, { .op = JB_OP_END } };
    const struct jb_condition none[] = { { .field = JB_STR("shelf.up.name"), .op = JB_EQUAL, .value = jb_v_null() }, { .op = JB_OP_END } };
    CHECK_INT(jb_count(scope, &book, .conditions = up), 1);
    CHECK_INT(jb_count(scope, &book, .conditions = none), 2);
    CHECK_INT(jb_count(scope, &book, .where = JB_SQL("\"shelf.name\" = ? and price < ?", JB_STR("cellar"), 15)), 1);
    CHECK_INT(jb_count(scope, &book, .search = JB_STR("ATT"), .search_fields = "name shelf.name"), 1);
    struct jb_rows *rows = jb_select(scope, &book, .order = JB_STR("-shelf.up.name shelf.name -name")); /* none above is the smallest */
    CHECK_OK(rows != NULL);
    CHECK_TEXT(at(rows, 0)->name, "c");
    CHECK_TEXT(at(rows, 1)->name, "b");
    CHECK_TEXT(at(rows, 2)->name, "a");
    CHECK_INT(jb_count(scope, &book, .where = JB_SQL("name <> 'an inch is \"' and \"shelf.name\" = ?", JB_STR("cellar"))), 2);
    CHECK(jb_exists(scope, &book, .conditions = up));
    CHECK(!jb_exists(scope, &book, .where = JB_SQL("price > ?", 30)));
}

JB_FIBER_TEST("a name that leads nowhere is INVALID and the nearest reference is named")
{
    library(scope);
    CHECK(!jb_select(scope, &book, .with = "shelve"));
    CHECK_INT(jb_error(scope), JB_INVALID);
    CHECK_STR(jb_failure_text(scope), JB_STR("with: library.book에 ‘shelve’ 참조가 없습니다. ‘shelf’을(를) 뜻했습니까?"));
    jb_failure_clear(scope);
    CHECK_FAILS(jb_select(scope, &book, .order = JB_STR("shelf.nme")) != NULL, JB_INVALID);
    CHECK_FAILS(jb_select(scope, &book, .only = "nme") != NULL, JB_INVALID);
    CHECK_FAILS(jb_select(scope, &book, .defer = "nme") != NULL, JB_INVALID);
    CHECK_FAILS(jb_select(scope, &book, .with = "shelf.up.up.up.up.up.up.up") != NULL, JB_INVALID); /* deeper than anybody means */
}

JB_FIBER_TEST("only the columns that are named are read, and the statement says so")
{
    library(scope);
    struct jb_str sql = jb_explain(scope, &book, .only = "name price", .limit = 100);
    CHECK_OK(sql.data != NULL);
    CHECK(jb_str_starts(sql, JB_STR("select \"id\", \"name\", \"price\" from \"books\" order by ")));
    struct jb_rows *rows = jb_select(scope, &book, .only = "price name");
    CHECK_OK(rows != NULL);
    CHECK_INT(at(rows, 1)->id, 2);
    CHECK_INT(at(rows, 1)->price.units, 2000);
    CHECK(!at(rows, 1)->blurb.data);
    CHECK_INT(at(rows, 1)->stock, 0);
    CHECK(!jb_record_field(rows->record, JB_STR("blurb"))); /* templates and JSON do not take it for empty */
    rows = jb_select(scope, &book, .defer = "blurb");
    CHECK(!at(rows, 1)->blurb.data);
    CHECK_INT(at(rows, 1)->stock, 5);
    rows = jb_select(scope, &book, .only = "name shelf.name");
    CHECK_TEXT(((const struct shelf *)jb_related(rows, at(rows, 2), "shelf"))->name, "attic");
    CHECK_INT(((const struct shelf *)jb_related(rows, at(rows, 2), "shelf"))->up_id, 0);
    struct book first;
    CHECK_OK(jb_first(scope, &book, &first, .only = "name", .where = JB_SQL("name = ?", JB_STR("c"))));
    CHECK_TEXT(first.name, "c");
    CHECK_INT(first.stock, 0);
}

JB_FIBER_TEST("nothing is in an empty list, and everything not in it")
{
    library(scope);
    struct jb_ids none = { NULL, 0 };
    CHECK_INT(jb_count(scope, &book, .where = JB_SQL("id in (?)", none)), 0);
    CHECK_INT(jb_count(scope, &book, .where = JB_SQL("id not in (?) and price > ?", none, 10)), 2);
}

JB_FIBER_TEST("a list of a hundred thousand ids is one list")
{
    library(scope);
    int64_t *at = JB_NEW_ARRAY(scope, int64_t, 100000);
    for (int i = 0; i < 100000; i++)
        at[i] = 2 + i * INT64_C(90000000000000);
    struct jb_ids many = { at, 100000 };
    struct jb_condition in[] = { { JB_STR("id"), JB_IN, jb_v(many) }, { .op = JB_OP_END } };
    CHECK_INT(jb_count(scope, &book, .where = JB_SQL("id in (?)", many)), 1);
    CHECK_INT(jb_count(scope, &book, .where = JB_SQL("id not in (?)", many)), 2);
    CHECK_INT(jb_count(scope, &book, .conditions = in), 1);
}

JB_FIBER_TEST("a part of a record with a presence word tells what was not read as absent")
{
    library(scope);
    struct jb_rows *rows = jb_select(scope, &measure, .only = "seen");
    CHECK_OK(rows && rows->count == 1);
    const struct measure *row = jb_rows_at(rows, 0);
    CHECK_INT(row->present, 1 | 1 << 2);
    CHECK_INT(row->seen.days, day(2026, 11, 1).days);
}

JB_FIBER_TEST("a cursor reads parts of rows too")
{
    library(scope);
    const void *row = NULL;
    struct jb_cursor *cursor = jb_cursor_open(scope, &book, &(struct jb_select){ .only = "name", .order = JB_STR("shelf.name -name") });
    CHECK_OK(cursor && jb_cursor_next(cursor, scope, &row));
    CHECK_TEXT(((const struct book *)row)->name, "c");
    CHECK_INT(((const struct book *)row)->stock, 0);
    jb_cursor_close(cursor);
}

JB_FIBER_TEST("a cursor's rows come with what they refer to, page after page")
{
    library(scope);
    int64_t attic = 2;
    struct book *many = JB_NEW_ARRAY(scope, struct book, 1200);
    for (int i = 0; i < 1200; i++)
        many[i] = (struct book){ .name = JB_STR("d"), .shelf_id = i % 2 ? attic : 3, .state = JB_STR("here") };
    CHECK_OK(jb_bulk_insert(scope, &book, many, 1200, NULL));
    int64_t before = queries(scope), count = 0, in_house = 0;
    const void *row;
    struct jb_cursor *cursor = jb_cursor_open(scope, &book, &(struct jb_select){ .with = "shelf.up measure", .only = "name", .order = JB_STR("id") });
    CHECK_OK(cursor != NULL);
    for (; jb_cursor_next(cursor, scope, &row); count++) {
        const struct jb_rows *rows = jb_cursor_rows(cursor);
        const struct shelf *own = jb_related(rows, row, "shelf"), *up = jb_related(rows, row, "shelf.up");
        CHECK_TEXT(own->name, own->id == attic ? "attic" : "cellar");
        CHECK((up != NULL) == (own->id == attic));
        CHECK(!up || jb_str_is(up->name, "house"));
        CHECK((jb_related(rows, row, "measure") != NULL) == (((const struct book *)row)->id == 2));
        in_house += up != NULL;
    }
    CHECK_OK(!jb_failure(scope));
    CHECK_INT(count, 1203);
    CHECK_INT(in_house, 601);
    jb_cursor_close(cursor);
    CHECK_INT(queries(scope) - before, 1);
}

JB_FIBER_TEST("one column of a reference is read by a cursor, and no value is lost without a word")
{
    library(scope);
    const void *row;
    struct book first;
    struct jb_cursor *cursor = jb_cursor_open(scope, &book, &(struct jb_select){ .only = "name shelf.name", .order = JB_STR("-name") });
    CHECK_OK(cursor && jb_cursor_next(cursor, scope, &row));
    CHECK_TEXT(((const struct shelf *)jb_related(jb_cursor_rows(cursor), row, "shelf"))->name, "attic");
    CHECK_INT(((const struct shelf *)jb_related(jb_cursor_rows(cursor), row, "shelf"))->up_id, 0);
    jb_cursor_close(cursor);
    CHECK(!jb_first(scope, &book, &first, .only = "name shelf.name"));
    CHECK_INT(jb_error(scope), JB_BROKEN);
    CHECK_TEXT(jb_failure_text(scope), "jb_first gives a row of book and nothing beside it: read it by jb_select with .limit = 1, or leave the reference out of .with and .only");
    jb_failure_clear(scope);
    CHECK_FAILS(jb_first(scope, &book, &first, .with = "shelf"), JB_BROKEN);
    CHECK_OK(jb_first(scope, &label, &(struct label){ 0 }, .with = JB_WITH_1) || !jb_failure(scope)); /* nothing to stand beside it */
}

struct deep {
    int64_t id, a_reference_whose_name_is_long_indeed_id;
    int depth;
};

static const struct jb_model deep = {
    .app = "library",
    .record = JB_RECORD(deep, JB_FIELD(deep, id, .primary = true), JB_FIELD(deep, a_reference_whose_name_is_long_indeed_id, .references = &deep, .on_delete = JB_SET_NULL), JB_FIELD(deep, depth)),
};

JB_FIBER_TEST("a dotted name that no database could hold is refused in a sentence")
{
    test_database(scope, (const struct jb_model *const[]){ &deep, NULL });
    struct jb_sql by_depth = JB_SQL("\"a_reference_whose_name_is_long_indeed.depth\" = ?", 1);
    struct jb_decimal sum;

    CHECK(!jb_select(scope, &deep, .with = JB_WITH_1));
    CHECK_INT(jb_error(scope), JB_INVALID);
    CHECK_TEXT(jb_failure_text(scope), "deep: ‘a_reference_whose_name_is_long_indeed.a_reference_whose_name_is_long_indeed_id’은(는) 데이터베이스의 이름으로 너무 깁니다 (63바이트까지). 이 참조는 따로 읽으세요.");
    jb_failure_clear(scope);
    CHECK_FAILS(jb_count(scope, &deep, .where = by_depth) >= 0, JB_INVALID);
    CHECK_FAILS(jb_sum_rows(scope, &deep, &(struct jb_select){ .where = by_depth }, "depth", &sum), JB_INVALID);
}

JB_FIBER_TEST("the rows that refer to many are fetched in one query, each row's without copying")
{
    library(scope);
    shelf_add(scope, "empty", 0);
    int64_t before = queries(scope);
    struct jb_rows *shelves = jb_select(scope, &shelf, .order = JB_STR("id"));
    struct jb_rows *books = jb_prefetch(scope, shelves, "books", &book, "shelf_id", .order = JB_STR("-price"), .with = "measure", .only = "name");
    CHECK_OK(books != NULL);
    CHECK_INT(queries(scope) - before, 2);
    CHECK_INT(jb_children(shelves, jb_rows_at(shelves, 0), "books")->count, 0);
    CHECK_INT(jb_children(shelves, jb_rows_at(shelves, 1), "books")->count, 1);
    const struct jb_rows *cellar = jb_children(shelves, jb_rows_at(shelves, 2), "books");
    CHECK_INT(cellar->count, 2);
    CHECK(cellar->data >= books->data && cellar->data < books->data + books->count * books->record->size);
    CHECK_TEXT(at(cellar, 0)->name, "b");
    CHECK_TEXT(at(cellar, 1)->name, "a");
    CHECK(jb_related(cellar, at(cellar, 0), "measure") != NULL);
    CHECK(!jb_related(cellar, at(cellar, 1), "measure"));
    CHECK_INT(jb_children(shelves, jb_rows_at(shelves, 3), "books")->count, 0);
    CHECK_OK(jb_links_add(scope, &book, at(cellar, 0)->id, "labels", (struct jb_ids){ (int64_t[]){ label_add(scope, "red") }, 1 }));
    CHECK_OK(jb_links_prefetch(scope, books, &book, "labels")); /* and one level further, into what was fetched */
    CHECK_INT(jb_children(cellar, at(cellar, 0), "labels")->count, 1);
    CHECK_INT(jb_children(cellar, at(cellar, 1), "labels")->count, 0);
    struct jb_rows *nobody = jb_select(scope, &shelf, .where = JB_SQL("id < ?", 0));
    CHECK_OK(jb_prefetch(scope, nobody, "books", &book, "shelf_id", .where = JB_SQL("price > ?", 1)) != NULL);
}

static struct jb_str labels_of(struct jb_scope *scope, int64_t id)
{
    struct jb_rows *rows = jb_links_get(scope, &book, id, "labels");
    struct jb_str text = JB_STR("");

    CHECK_OK(rows != NULL);
    for (JB_EACH_ROW(rows, struct label, row))
        text = jb_format(scope, "%.*s%.*s ", JB_FMT(text), JB_FMT(row->name));
    return text;
}

JB_FIBER_TEST("links are set, added and removed, keep their order, and go with either row")
{
    library(scope);
    int64_t red = label_add(scope, "red"), old = label_add(scope, "old"), thin = label_add(scope, "thin");
    CHECK_TEXT(labels_of(scope, 1), "");
    CHECK_OK(jb_links_set(scope, &book, 1, "labels", (struct jb_ids){ (int64_t[]){ thin, red, thin }, 3 }));
    CHECK_TEXT(labels_of(scope, 1), "thin red ");
    CHECK_OK(jb_links_add(scope, &book, 1, "labels", (struct jb_ids){ (int64_t[]){ old, red }, 2 }));
    CHECK_TEXT(labels_of(scope, 1), "thin red old ");
    CHECK_OK(jb_links_remove(scope, &book, 1, "labels", (struct jb_ids){ (int64_t[]){ red, 99 }, 2 }));
    CHECK_TEXT(labels_of(scope, 1), "thin old ");
    CHECK_OK(jb_links_set(scope, &book, 2, "labels", (struct jb_ids){ (int64_t[]){ old }, 1 }));
    CHECK_FAILS(jb_links_set(scope, &book, 1, "labels", (struct jb_ids){ (int64_t[]){ 99 }, 1 }), JB_INVALID);
    CHECK_TEXT(labels_of(scope, 1), "thin old ");
    const struct jb_condition linked[] = { { .field = JB_STR("labels"), .op = JB_EQUAL, .value = jb_v(old) }, { .op = JB_OP_END } };
    const struct jb_condition any[] = { { .field = JB_STR("labels"), .op = JB_IN, .value = jb_v(((struct jb_ids){ (int64_t[]){ thin, red }, 2 })) }, { .op = JB_OP_END } };
    CHECK_INT(jb_count(scope, &book, .conditions = linked), 2);
    CHECK_INT(jb_count(scope, &book, .conditions = any), 1);
    CHECK_OK(jb_delete(scope, &label, old));
    CHECK_TEXT(labels_of(scope, 1), "thin ");
    CHECK_OK(jb_delete(scope, &book, 1));
    CHECK_TEXT(labels_of(scope, 1), "");
    CHECK_OK(jb_links_set(scope, &book, 2, "labels", (struct jb_ids){ NULL, 0 }));
    CHECK_TEXT(labels_of(scope, 2), "");
}

JB_FIBER_TEST("a pair that leads to nothing, which another program has left, is passed over")
{
    library(scope);
    int64_t red = label_add(scope, "red"), old = label_add(scope, "old");
    CHECK_OK(jb_links_set(scope, &book, 1, "labels", (struct jb_ids){ (int64_t[]){ red, old }, 2 }));
    CHECK_OK(jb_links_set(scope, &book, 2, "labels", (struct jb_ids){ (int64_t[]){ red }, 1 }));
    if (!test_is_sqlite()) /* keeps its references, whoever writes */
        return;
    sqlite3 *other;
    CHECK_INT(sqlite3_open(jb__db_path(jb_db_of(scope)), &other), SQLITE_OK);
    CHECK_INT(sqlite3_exec(other, "delete from label where name = 'red'", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    CHECK_TEXT(labels_of(scope, 1), "old ");
    CHECK_TEXT(labels_of(scope, 2), "");
    struct jb_rows *rows = jb_select(scope, &book, .order = JB_STR("id"));
    CHECK_OK(rows && jb_links_prefetch(scope, rows, &book, "labels"));
    CHECK_INT(jb_children(rows, jb_rows_at(rows, 0), "labels")->count, 1);
    CHECK_INT(jb_children(rows, jb_rows_at(rows, 1), "labels")->count, 0);
}

JB_FIBER_TEST("the fields that are named change in every row of a set, and rows that are gone are not counted")
{
    library(scope);
    struct jb_rows *rows = jb_select(scope, &book, .limit = 10);
    struct book *row = jb_rows_at(rows, 0), out;
    int64_t count;
    for (size_t i = 0; i < rows->count; i++) {
        row[i].price = (struct jb_decimal){ 7, 0 };
        row[i].stock = 70;
    }
    row[2].id = 999;
    CHECK_OK(jb_bulk_update(scope, &book, row, rows->count, "price", &count));
    CHECK_INT(count, 2);
    CHECK_OK(jb_get(scope, &book, row[0].id, &out));
    CHECK_INT(out.price.units, 700);
    CHECK_INT(out.stock, 5);
    CHECK_INT(out.changed_at.us, row[0].changed_at.us);
    row[1].stock = -1;
    CHECK_FAILS(jb_bulk_update(scope, &book, row, rows->count, "stock", NULL), JB_INVALID);
    CHECK_OK(jb_get(scope, &book, row[0].id, &out));
    CHECK_INT(out.stock, 5); /* all or nothing */
    CHECK_FAILS(jb_bulk_update(scope, &book, row, rows->count, "stok", NULL), JB_INVALID);
}

JB_FIBER_TEST("a change computed in the database keeps the table's rules and is counted")
{
    library(scope);
    int64_t count;
    CHECK_OK(jb_update(scope, &book, .set = JB_SQL("stock = stock - ?, price = price + ?", 2, 1), .where = JB_SQL("stock >= ? and shelf_id in (select id from shelves where name = ?)", 2, JB_STR("cellar")), .ret_count = &count));
    CHECK_INT(count, 2);
    CHECK_INT(jb_count(scope, &book, .where = JB_SQL("stock = ?", 3)), 2);
    CHECK_INT(jb_count(scope, &book, .where = JB_SQL("price = ?", 21)), 1);
    CHECK_FAILS(jb_update(scope, &book, .set = JB_SQL("stock = stock - ?", 4)), JB_INVALID);
    CHECK_INT(jb_count(scope, &book, .where = JB_SQL("stock = ?", 3)), 2);
}

JB_FIBER_TEST("rows are locked inside a transaction, and nowhere else")
{
    library(scope);
    CHECK_FAILS(jb_select(scope, &book, .lock = JB_LOCK_UPDATE) != NULL, JB_BROKEN);
    struct jb_tx *tx = jb_begin(scope);
    CHECK_OK(jb_select(scope, &book, .lock = JB_LOCK_UPDATE, .with = "shelf measure", .where = JB_SQL("id = ?", 1)) != NULL);
    CHECK_OK(jb_select(scope, &book, .lock = JB_LOCK_SKIP, .limit = 1) != NULL);
    CHECK_OK(jb_select(scope, &book, .lock = JB_LOCK_NOWAIT) != NULL);
    CHECK_OK(jb_commit(tx));
}

JB_FIBER_TEST("an index of some rows has the name it was given, and serves those")
{
    library(scope);
    struct jb_str plan = jb_explain(scope, &book, .where = JB_SQL("state = 'lent' and name >= ?", JB_STR("b")), .order = JB_STR("name"), .limit = 5);
    CHECK_OK(plan.data != NULL);
    if (strcmp(jb_db_kind(jb_db_of(scope)), "sqlite") == 0)
        CHECK(jb_str_find(plan, JB_STR("idx_lent_books"), 0) != SIZE_MAX); /* PostgreSQL reads a table of one page without it */
    CHECK_OK(jb_update(scope, &book, .set = JB_SQL("state = ?", JB_STR("lent"))));
}

static const struct jb_model other = { .app = "library", .table = "others", .links = JB_LINKS({ "books", &book, "book_labels" }), .record = JB_RECORD(label, JB_FIELD(label, id, .primary = true)) };
static const struct jb_model *const both[] = { &shelf, &measure, &label, &book, &other, NULL };

JB_TEST("a link that stands in both of its models is refused, because it is one table")
{
    test_database_open(scope, both, test_folder(scope), (struct jb_db_options){ 0 });
    CHECK_FAILS(jb_model_check(scope, &book), JB_INVALID);
    CHECK_FAILS(jb_model_check(scope, &other), JB_INVALID);
}

JB_TEST("models with links and indexes of some rows are checked")
{
    test_database(scope, models);
    CHECK_OK(jb_model_check(scope, &book));
    struct jb_model wrong = book;
    wrong.named_indexes = JB_INDEXES({ "i", "nme" });
    CHECK_FAILS(jb_model_check(scope, &wrong), JB_INVALID);
    wrong.named_indexes = NULL;
    wrong.links = JB_LINKS({ "name", &label, "t" });
    CHECK_FAILS(jb_model_check(scope, &wrong), JB_INVALID);
}
