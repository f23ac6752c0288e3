/* select_get.c — the row with that id, which is asked for most: its text is made once for each model of the database. */
// SPDX-License-Identifier: Apache-2.0
#include "store/select_private.h"
#include <stdlib.h>
#include <string.h>

/* select COLUMNS from "table" where "id" = ? */
struct jb__model_text {
    struct jb_str all, head;
};

static struct jb__model_text *text_new(const struct jb_db *db, const struct jb_model *model)
{
    struct jb_buf sql = JB_BUF_INIT(JB__SQL_BYTES_MAX);

    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++)
        if (jb__field_is_stored(field)) {
            jb_buf_put_z(&sql, sql.size ? ", " : "select ");
            jb__put_column(db, &sql, field);
        }
    size_t head = sql.size;
    jb_buf_put_z(&sql, " from ");
    jb__put_name(&sql, jb_model_table(model));
    jb_buf_put_z(&sql, " where ");
    jb__put_name(&sql, jb_str_of(jb_model_primary(model)->name));
    jb_buf_put_z(&sql, " = ?");
    struct jb__model_text *text = malloc(sizeof *text + sql.size);
    JB_CHECK(text);
    char *copy = (char *)(text + 1);
    memcpy(copy, sql.data, sql.size);
    *text = (struct jb__model_text){ { copy, sql.size }, { copy, head } };
    jb_buf_done(&sql);
    return text;
}

void jb__texts_open(struct jb_db *db)
{
    size_t count = 0;

    while (db->models[count])
        count++;
    db->texts = calloc(count + 1, sizeof *db->texts);
    JB_CHECK(db->texts);
}

void jb__texts_close(struct jb_db *db)
{
    for (size_t i = 0; db->models[i]; i++)
        free(atomic_load(&db->texts[i]));
    free(db->texts);
}

/* Two loops may make it at the same time; one of the two is kept. */
static const struct jb__model_text *text_of(struct jb_scope *scope, struct jb_db *db, const struct jb_model *model)
{
    struct jb__model_text *text, *old = NULL;
    size_t i = 0;

    while (db->models[i] && db->models[i] != model)
        i++;
    if (!db->models[i]) { /* none of the site's */
        text = text_new(db, model);
        jb_defer(scope, free, text);
        return text;
    }
    if ((text = atomic_load_explicit(&db->texts[i], memory_order_acquire)))
        return text;
    text = text_new(db, model);
    if (atomic_compare_exchange_strong(&db->texts[i], &old, text))
        return text;
    free(text);
    return old;
}

struct jb_str jb__model_head(struct jb_scope *scope, struct jb_db *db, const struct jb_model *model)
{
    return text_of(scope, db, model)->head;
}

bool jb_get(struct jb_scope *scope, const struct jb_model *model, int64_t id, void *ret_row)
{
    struct jb_value arg = jb_v_int(id);
    struct jb__sink sink;
    struct jb__statement statement = { .sql = text_of(scope, jb_db_of(scope), model)->all, .args = &arg, .arg_count = 1, .live = model->live, .in_order = true, .row_limit = 1, .sink = &sink, .model = model };

    jb__sink_init(&sink, scope, &model->record, 1);
    if (!jb__run(scope, &statement))
        return false;
    if (sink.count == 0)
        return jb__fail_gone(scope, model, id);
    memcpy(ret_row, sink.data, model->record.size);
    return true;
}
