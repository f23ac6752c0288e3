/* select_join.c — references followed in the same statement, and which columns are read. */
// SPDX-License-Identifier: Apache-2.0
#include "store/select_private.h"
#include <string.h>

#define NAME_BYTES_MAX 63 /* PostgreSQL cuts longer ones */
#define DEEPEST 6

/* ---- names ---------------------------------------------------------------------------------------------------------------------------- */

const struct jb_field *jb__model_reference(const struct jb_model *model, struct jb_str name)
{
    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++) {
        struct jb_str own = jb_str_of(field->name);
        if (field->references && (jb_str_equal(own, name) || (own.size == name.size + 3 && jb_str_starts(own, name) && jb_str_ends(own, JB_STR("_id")))))
            return field;
    }
    return NULL;
}

static bool fail_reference(struct jb_scope *scope, const struct jb_model *model, struct jb_str name, const char *where)
{
    struct jb_str names[64], full = jb_model_full_name(model, scope);
    size_t count = 0;

    for (const struct jb_field *field = model->record.fields; field->type != JB_END && count < JB_COUNT(names); field++)
        if (field->references) {
            struct jb_str own = jb_str_of(field->name);
            names[count++] = jb_str_slice(own, 0, own.size - (jb_str_ends(own, JB_STR("_id")) ? 3 : 0));
        }
    struct jb_str near = jb_nearest(name, names, count);
    if (near.data)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "%s: %.*s에 ‘%.*s’ 참조가 없습니다. ‘%.*s’을(를) 뜻했습니까?", "%s: %.*s has no reference '%.*s'; did you mean '%.*s'?"), where, JB_FMT(full), JB_FMT(name), JB_FMT(near));
    return jb_fail(scope, JB_INVALID, JB_L(scope, "%s: %.*s에 ‘%.*s’ 참조가 없습니다.", "%s: %.*s has no reference '%.*s'."), where, JB_FMT(full), JB_FMT(name));
}

static size_t last_dot(struct jb_str name)
{
    for (size_t i = name.size; i-- > 0;)
        if (name.data[i] == '.')
            return i;
    return SIZE_MAX;
}

const struct jb_field *jb__model_path(const struct jb_model *model, struct jb_str name)
{
    struct jb_str rest = name, word = jb_str_cut(&rest, '.');

    while (rest.data) {
        const struct jb_field *field = jb__model_reference(model, word);
        if (!field)
            return NULL;
        model = field->references;
        word = jb_str_cut(&rest, '.');
    }
    return jb_record_field(&model->record, word);
}

/* ---- joins ------------------------------------------------------------------------------------------------------------------------------ */

static struct jb__join *join_add(struct jb__query *query, struct jb__join *up, const struct jb_field *field, struct jb_str path)
{
    for (struct jb__join *join = query->joins; join; join = join->next)
        if (jb_str_equal(join->path, path))
            return join;
    struct jb__join *join = JB_NEW(query->scope, struct jb__join);
    *join = (struct jb__join){ .up = up, .field = field, .model = field->references, .path = jb_copy(query->scope, path) };
    *query->joins_end = join;
    query->joins_end = &join->next;
    return join;
}

/* All that the path goes through; NULL on failure. */
static struct jb__join *join_path(struct jb__query *query, struct jb_str path, const char *where)
{
    const struct jb_model *model = query->model;
    struct jb__join *join = NULL;
    struct jb_str rest = path;
    int depth = 0;

    while (rest.data) {
        struct jb_str word = jb_str_cut(&rest, '.');
        const struct jb_field *field = jb__model_reference(model, word);
        if (!field || depth++ == DEEPEST) {
            fail_reference(query->scope, model, word, where);
            return NULL;
        }
        if (field->references->live != query->model->live) {
            jb_fail(query->scope, JB_INVALID, JB_L(query->scope, "%s: ‘%.*s’은(는) 다른 데이터베이스에 있어 함께 읽을 수 없습니다. 따로 읽으세요.", "%s: \"%.*s\" lives in another database and cannot be joined. Read it by itself."), where, JB_FMT(path));
            return NULL;
        }
        join = join_add(query, join, field, jb_str_slice(path, 0, (size_t)(word.data + word.size - path.data)));
        model = field->references;
    }
    return join;
}

bool jb__query_place(struct jb__query *query, struct jb_str name, const char *where, struct jb__place *ret_place)
{
    size_t dot = last_dot(name);
    struct jb__join *join = dot == SIZE_MAX ? NULL : join_path(query, jb_str_slice(name, 0, dot), where);

    if (dot != SIZE_MAX && !join)
        return false;
    const struct jb_field *field = jb__model_field(query->scope, join ? join->model : query->model, dot == SIZE_MAX ? name : jb_str_slice(name, dot + 1, name.size), where);
    if (!field)
        return false;
    *ret_place = (struct jb__place){ join, field };
    return true;
}

void jb__put_column(const struct jb_db *db, struct jb_buf *sql, const struct jb_field *field)
{
    const char *const *around = db->driver->dialect->as_text;

    jb_buf_put_z(sql, field->as_text ? around[0] : "");
    jb__put_name(sql, jb_str_of(field->name));
    jb_buf_put_z(sql, field->as_text ? around[1] : "");
}

static void put_joined(const struct jb__query *query, struct jb_buf *sql, const struct jb__join *join, const struct jb_field *field)
{
    if (join)
        jb_buf_printf(sql, "\"%.*s.%s\"", JB_FMT(join->path), field->name);
    else
        jb__put_column(query->db, sql, field);
}

void jb__query_put_place(struct jb__query *query, struct jb__place place)
{
    put_joined(query, &query->sql, place.join, place.field);
}

bool jb__place_nullable(const struct jb__query *query, struct jb__place place)
{
    if (jb__field_nullable(place.join ? place.join->model : query->model, place.field))
        return true;
    for (const struct jb__join *join = place.join; join; join = join->up)
        if (!join->field->required)
            return true;
    return false;
}

bool jb__query_literal_joins(struct jb__query *query, const char *text)
{
    struct jb_str sql = jb_str_of(text);

    for (size_t at = 0, end; at < sql.size; at = end) {
        struct jb__place place;
        bool quoted = (end = jb__sql_quoted_end(sql, at)) > at;
        struct jb_str name = quoted && sql.data[at] == '"' ? jb_str_slice(sql, at + 1, end - 1) : JB_STR_NULL;
        while (!quoted && end < sql.size && jb__sql_is_name_byte(sql.data[end]))
            end++;
        end += end == at;
        if (name.data && jb__model_path(query->model, name) && last_dot(name) != SIZE_MAX && !jb__query_place(query, name, "where", &place))
            return false;
    }
    return true;
}

/* Outer joins keep the order in which the rows are walked, also where the reference is always set; planners make inner ones of those that a condition needs. */
static bool put_join(struct jb__query *query, struct jb_buf *sql, const struct jb__join *join)
{
    struct jb_str table = jb_model_table(query->model);
    bool first = true;

    jb_buf_put_z(sql, " left join (select ");
    for (const struct jb_field *field = join->model->record.fields; field->type != JB_END; field++) {
        if (!jb__field_is_stored(field))
            continue;
        if (join->path.size + 1 + strlen(field->name) > NAME_BYTES_MAX)
            return jb_fail(query->scope, JB_INVALID,
                JB_L(query->scope, "%s: ‘%.*s.%s’은(는) 데이터베이스의 이름으로 너무 깁니다 (%d바이트까지). 이 참조는 따로 읽으세요.", "%s: \"%.*s.%s\" is too long for a name of the database (at most %d bytes). Read this reference by itself."),
                query->model->record.name, JB_FMT(join->path), field->name, NAME_BYTES_MAX);
        jb_buf_put_z(sql, first ? "" : ", ");
        jb__put_column(query->db, sql, field);
        jb_buf_put_z(sql, " as ");
        put_joined(query, sql, join, field);
        first = false;
    }
    jb_buf_put_z(sql, " from ");
    jb__put_name(sql, jb_model_table(join->model));
    jb_buf_printf(sql, ") \"%.*s.\" on ", JB_FMT(join->path));
    put_joined(query, sql, join, jb_model_primary(join->model));
    jb_buf_put_z(sql, " = ");
    if (join->up) {
        put_joined(query, sql, join->up, join->field);
    } else {
        jb__put_name(sql, table);
        jb_buf_put_char(sql, '.');
        jb__put_name(sql, jb_str_of(join->field->name));
    }
    return true;
}

bool jb__query_finish(struct jb__query *query)
{
    jb_buf_put_z(&query->head, " from ");
    jb__put_name(&query->head, jb_model_table(query->model));
    for (const struct jb__join *join = query->joins; join; join = join->next)
        if (!put_join(query, &query->head, join))
            return false;
    jb_buf_put(&query->head, jb_buf_str(&query->sql));
    return true;
}

/* ---- what is read ---------------------------------------------------------------------------------------------------------------------- */

/* Every reference of one model, one or more levels deep. */
static void join_all(struct jb__query *query, struct jb__join *up, const struct jb_model *model, int levels)
{
    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++) {
        if (!field->references || field->references->live != query->model->live)
            continue;
        struct jb_str name = jb_str_of(field->name);
        name = jb_str_slice(name, 0, name.size - (jb_str_ends(name, JB_STR("_id")) ? 3 : 0));
        struct jb__join *join = join_add(query, up, field, up ? jb_format(query->scope, "%.*s.%.*s", JB_FMT(up->path), JB_FMT(name)) : name);
        join->read = true;
        if (levels > 1)
            join_all(query, join, field->references, levels - 1);
    }
}

static bool with(struct jb__query *query, const char *words)
{
    struct jb_str rest = jb_str_of(words), word;
    bool descending;

    while ((word = jb__list_word(&rest, &descending)).data) {
        if (jb_str_is(word, "*") || jb_str_is(word, "**")) {
            join_all(query, NULL, query->model, (int)word.size);
            continue;
        }
        struct jb__join *join = join_path(query, word, "with");
        if (!join)
            return false;
        for (; join; join = join->up)
            join->read = true;
    }
    return true;
}

/* A dotted word of .only goes to the reference that it is about. */
static bool only_check(struct jb__query *query, const char *words)
{
    struct jb_str rest = jb_str_of(words), word;
    bool descending;

    while ((word = jb__list_word(&rest, &descending)).data) {
        struct jb__place place;
        if (!jb__query_place(query, word, "only", &place))
            return false;
        if (place.join)
            place.join->only = jb_format(query->scope, "%.*s %s", JB_FMT(place.join->only), place.field->name);
        for (struct jb__join *join = place.join; join; join = join->up)
            join->read = true;
    }
    return true;
}

static bool defer_check(struct jb__query *query, const char *words)
{
    struct jb_str rest = jb_str_of(words), word;
    bool descending;

    while ((word = jb__list_word(&rest, &descending)).data)
        if (!jb__model_field(query->scope, query->model, word, "defer"))
            return false;
    return true;
}

/* The chosen columns as a record: their members stay where they are. One with a presence word keeps all, because its bits are counted by its fields: what was not read is absent. */
static struct jb_record *part_of(struct jb_scope *scope, const struct jb_model *model, const char *only, struct jb_str only_more, const char *defer)
{
    const struct jb_record *record = &model->record;
    struct jb_record *part = JB_NEW(scope, struct jb_record);
    struct jb_field *fields = JB_NEW_ARRAY(scope, struct jb_field, jb_record_count(record) + 1);
    size_t count = 0;

    for (const struct jb_field *field = record->fields; field->type != JB_END; field++) {
        bool chosen = field->primary || ((!only && !only_more.data) || jb__list_has(jb_str_of(only), field->name) || jb__list_has(only_more, field->name));
        if (jb__field_is_stored(field) && chosen && (field->primary || !jb__list_has(jb_str_of(defer), field->name)))
            fields[count++] = *field;
    }
    *part = (struct jb_record){ record->name, record->size, fields, NULL };
    return part;
}

struct shaping {
    struct jb_field *fields;
    struct jb__presence *presences;
    size_t count;
    struct jb_buf *head;
};

/* The columns of one record of the row. */
static void shape_add(struct jb__query *query, struct shaping *shaping, const struct jb_model *model, const struct jb__join *join, const struct jb_record *part, size_t offset)
{
    const struct jb_field *word = model->record.fields;

    while (word->type != JB_END && word->type != JB_WORD)
        word++;
    for (const struct jb_field *field = part->fields; field->type != JB_END; field++) {
        struct jb_field *at = &shaping->fields[shaping->count];
        *at = *field;
        at->offset += offset;
        size_t index = jb_field_index(&model->record, jb_record_field(&model->record, jb_str_of(field->name)));
        shaping->presences[shaping->count++] = (struct jb__presence){ word->type == JB_WORD ? offset + word->offset : SIZE_MAX, (unsigned)index };
        jb_buf_put_z(shaping->head, shaping->count > 1 ? ", " : "select ");
        put_joined(query, shaping->head, join, field);
    }
}

static void shape_make(struct jb__query *query, const struct jb_select *what, struct jb__shape *shape)
{
    const struct jb_model *model = query->model;
    struct jb_record *own = part_of(query->scope, model, what->only, JB_STR_NULL, what->defer);
    struct shaping shaping = { .head = &query->head };
    size_t count = jb_record_count(&model->record), offset = (model->record.size + 15) / 16 * 16;

    for (const struct jb__join *join = query->joins; join; join = join->next)
        count += jb_record_count(&join->model->record);
    shaping.fields = JB_NEW_ARRAY(query->scope, struct jb_field, count + 1);
    shaping.presences = JB_NEW_ARRAY(query->scope, struct jb__presence, count + 1);
    shape_add(query, &shaping, model, NULL, own, 0);
    bool beside = false;
    for (struct jb__join *join = query->joins; join; join = join->next) {
        if (!join->read)
            continue;
        beside = true;
        join->offset = offset;
        join->record = part_of(query->scope, join->model, NULL, join->only, NULL);
        shape_add(query, &shaping, join->model, join, join->record, offset);
        if (jb__has_word(join->model))
            *join->record = join->model->record;
        offset += (join->model->record.size + 15) / 16 * 16;
    }
    struct jb_record *record = JB_NEW(query->scope, struct jb_record);
    *record = (struct jb_record){ model->record.name, beside ? offset : model->record.size, shaping.fields, NULL };
    shape->record = record;
    shape->presences = shaping.presences;
    shape->joins = query->joins;
    shape->rows = jb__has_word(model) ? &model->record : own;
}

static void shape_plain(struct jb__query *query, struct jb__shape *shape)
{
    jb_buf_put(&query->head, jb__model_head(query->scope, query->db, query->model));
    *shape = (struct jb__shape){ .record = &query->model->record, .rows = &query->model->record };
}

bool jb__shape_of(struct jb__query *query, const struct jb_select *what, struct jb__shape *ret_shape)
{
    if (!what->only && !what->defer && !what->with) {
        shape_plain(query, ret_shape);
        return true;
    }
    if (!with(query, what->with) || !only_check(query, what->only) || !defer_check(query, what->defer))
        return false;
    shape_make(query, what, ret_shape);
    return true;
}

/* ---- rows beside rows -------------------------------------------------------------------------------------------------------------------- */

/* Puts the rows of a reference beside those of the record. */
static void relate(struct jb_scope *scope, struct jb_record *record, const char *base, size_t count, const struct jb__join *join)
{
    struct jb_related *related = JB_NEW(scope, struct jb_related);
    const void **one = JB_NEW_ARRAY(scope, const void *, count);
    size_t dot = last_dot(join->path);
    struct jb_str name = dot == SIZE_MAX ? join->path : jb_str_slice(join->path, dot + 1, join->path.size);

    for (size_t i = 0; i < count; i++) {
        const char *row = join->rows + i * join->record->size;
        one[i] = jb_row_id(join->model, row) ? row : NULL;
    }
    *related = (struct jb_related){ record->related, jb_cstr(scope, name), base, count, join->beside, one, NULL };
    record->related = related;
}

static char *column_of_rows(struct jb_scope *scope, const struct jb__sink *sink, size_t offset, size_t size)
{
    char *rows = jb_alloc_array(scope, size, sink->count);

    for (size_t i = 0; i < sink->count; i++)
        memcpy(rows + i * size, sink->data + i * sink->record->size + offset, size);
    return rows;
}

struct jb_rows *jb__shape_rows(struct jb_scope *scope, const struct jb__shape *shape, const struct jb__sink *sink)
{
    struct jb_rows *rows = JB_NEW(scope, struct jb_rows);

    *rows = (struct jb_rows){ shape->rows, sink->count, sink->data };
    if (!jb__shape_is_wide(shape))
        return rows;
    struct jb_record *record = JB_NEW(scope, struct jb_record);
    *record = *shape->rows;
    rows->data = column_of_rows(scope, sink, 0, record->size);
    rows->record = record;
    for (struct jb__join *join = shape->joins; join; join = join->next) {
        if (!join->read)
            continue;
        join->rows = column_of_rows(scope, sink, join->offset, join->model->record.size);
        join->beside = JB_NEW(scope, struct jb_record);
        *join->beside = *join->record;
        if (join->up)
            relate(scope, join->up->beside, join->up->rows, rows->count, join);
        else
            relate(scope, record, rows->data, rows->count, join);
    }
    return rows;
}
