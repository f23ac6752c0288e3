/* stage.c — the door to the two stagings. */
// SPDX-License-Identifier: Apache-2.0
#include "run/run.h"
#include "store/stage_private.h"
#include <stdlib.h>
#include <string.h>

static struct jb_stage *stage_new(struct jb_db *db, const struct jb_stage_options *options)
{
    struct jb_stage *stage = calloc(1, sizeof *stage);

    JB_CHECK(stage && options->column_count <= JB_STAGE_COLUMNS_MAX && options->match_count <= JB_STAGE_COLUMNS_MAX);
    stage->driver = db->driver->stage;
    stage->db = db;
    stage->path = strdup(options->path);
    JB_CHECK(stage->path);
    stage->model = options->model;
    stage->by_id = options->by_id;
    stage->keeps = options->keeps;
    stage->undoes = options->undoes;
    stage->column_count = options->column_count;
    stage->match_count = options->match_count;
    for (size_t i = 0; i < options->column_count; i++)
        stage->columns[i] = options->columns[i];
    for (size_t i = 0; i < options->match_count; i++)
        stage->match[i] = options->match[i];
    return stage;
}

struct jb_stage *jb_stage_open(struct jb_scope *scope, struct jb_db *db, const struct jb_stage_options *options)
{
    struct jb_stage *stage = stage_new(db, options);

    if (stage->driver->open(stage, scope, options->head_row))
        return stage;
    jb_stage_close(stage);
    return NULL;
}

struct jb_stage *jb_stage_open_sealed(struct jb_scope *scope, struct jb_db *db, const struct jb_stage_options *options)
{
    struct jb_stage *stage = stage_new(db, options);

    if (stage->driver->open_sealed(stage, scope))
        return stage;
    jb_stage_close(stage);
    return NULL;
}

void jb_stage_close(struct jb_stage *stage)
{
    if (!stage)
        return;
    stage->driver->close(stage);
    jb__stage_sift_done(stage);
    free(stage->path);
    free(stage);
}

void jb_stage_watch(struct jb_stage *stage, jb_stage_watch_fn *watch, void *arg)
{
    stage->watch = (struct jb__watch){ .tell = watch, .arg = arg };
}

void jb__stage_tell(struct jb_stage *stage, double share)
{
    if (stage->watch.tell)
        stage->watch.tell(stage->watch.arg, share);
}

bool jb_stage_seal(struct jb_stage *stage, struct jb_scope *scope, const char *sealed)
{
    return stage->driver->seal(stage, scope, sealed);
}

/* ---- loading and comparing --------------------------------------------------------------------------------------------------- */

bool jb_stage_begin(struct jb_stage *stage, struct jb_scope *scope)
{
    return stage->driver->begin(stage, scope);
}

bool jb_stage_commit(struct jb_stage *stage, struct jb_scope *scope)
{
    return stage->driver->commit(stage, scope);
}

bool jb_stage_add(struct jb_stage *stage, struct jb_scope *scope, int64_t row, const void *record)
{
    return stage->driver->add(stage, scope, row, record);
}

bool jb_stage_refuse(struct jb_stage *stage, struct jb_scope *scope, int64_t row, struct jb_str column, struct jb_str value, struct jb_str reason)
{
    return stage->driver->refuse(stage, scope, row, column, value, reason);
}

bool jb_stage_lookup(struct jb_stage *stage, struct jb_scope *scope, const struct jb_model *in, const struct jb_field *by, const struct jb_str *keys, size_t count, int64_t *ids)
{
    return stage->driver->lookup(stage, scope, in, by, keys, count, ids);
}

bool jb_stage_duplicates(struct jb_stage *stage, struct jb_scope *scope, jb_stage_refuse_fn *refuse, void *arg, int64_t *ret_refused)
{
    return stage->driver->duplicates(stage, scope, refuse, arg, ret_refused);
}

bool jb_stage_note(struct jb_stage *stage, struct jb_scope *scope, bool *ret_moved)
{
    return stage->driver->note(stage, scope, ret_moved);
}

bool jb_stage_prepare(struct jb_stage *stage, struct jb_scope *scope, void **ret_state, bool *ret_moved)
{
    return !stage->model->check_prepare || stage->driver->prepare(stage, scope, ret_state, ret_moved);
}

bool jb_stage_compare(struct jb_stage *stage, struct jb_scope *scope, const struct jb_stage_compare *how, struct jb_stage_counts *ret_counts)
{
    stage->comparisons++;
    stage->comparing = true;
    bool ok = stage->driver->compare(stage, scope, how, ret_counts);
    stage->comparing = false;
    return ok;
}

bool jb_stage_target_empty(struct jb_stage *stage, struct jb_scope *scope, bool *ret_empty)
{
    return stage->driver->target_empty(stage, scope, ret_empty);
}

bool jb_stage_index(struct jb_stage *stage, struct jb_scope *scope)
{
    return stage->driver->index(stage, scope);
}

bool jb_stage_range_end(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t limit, int64_t *ret_last_row)
{
    return stage->driver->range_end(stage, scope, after_row, limit, ret_last_row);
}

/* ---- merging ---------------------------------------------------------------------------------------------------------------------- */

bool jb_stage_attach(struct jb_stage *stage, struct jb_scope *scope)
{
    return stage->driver->attach(stage, scope);
}

bool jb_stage_detach(struct jb_stage *stage, struct jb_scope *scope)
{
    return stage->driver->detach(stage, scope);
}

bool jb_stage_is_fresh(struct jb_stage *stage, struct jb_scope *scope, bool hold, bool *ret_fresh)
{
    stage->sums.count = 0;
    return stage->driver->is_fresh(stage, scope, hold, ret_fresh);
}

bool jb_stage_moved(const struct jb_stage *stage)
{
    return stage->moved;
}

bool jb_stage_merge(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row)
{
    stage->moved = false;
    return stage->driver->merge(stage, scope, after_row, last_row);
}

bool jb_stage_merge_empty(struct jb_stage *stage, struct jb_scope *scope, bool *ret_possible)
{
    stage->moved = false;
    *ret_possible = false;
    return !stage->driver->merge_empty || stage->driver->merge_empty(stage, scope, ret_possible);
}

bool jb_stage_copies(const struct jb_stage *stage)
{
    return stage->driver->merge_empty != NULL;
}

/* ---- showing ---------------------------------------------------------------------------------------------------------------------- */

bool jb_stage_show(struct jb_stage *stage, struct jb_scope *scope)
{
    return stage->driver->show(stage, scope);
}

bool jb_stage_differ(struct jb_stage *stage, struct jb_scope *scope, int64_t limit, jb_stage_differ_fn *each, void *arg, int64_t *ret_count)
{
    bool there = false;

    if (!stage->driver->shown(stage, scope, &there))
        return false;
    *ret_count = -1;
    return !there || stage->driver->differ(stage, scope, limit, each, arg, ret_count);
}

/* ---- undoing ------------------------------------------------------------------------------------------------------------------------- */

bool jb_stage_undo_compare(struct jb_stage *stage, struct jb_scope *scope, const struct jb_stage_undo *how, struct jb_stage_undo_counts *ret_counts)
{
    return stage->driver->undo_compare(stage, scope, how, ret_counts);
}

bool jb_stage_undo(struct jb_stage *stage, struct jb_scope *scope)
{
    return stage->driver->undo(stage, scope);
}

bool jb_stage_undo_left(struct jb_stage *stage, struct jb_scope *scope, jb_stage_left_fn *each, void *arg)
{
    return stage->driver->undo_left(stage, scope, each, arg);
}

bool jb_stage_backup(struct jb_stage *stage, struct jb_scope *scope, int64_t *ret_rows)
{
    return stage->driver->backup(stage, scope, ret_rows);
}

bool jb_stage_return_compare(struct jb_stage *stage, struct jb_scope *scope, void *check_state, struct jb_stage_undo_counts *ret_counts, struct jb_str *ret_note)
{
    return stage->driver->return_compare(stage, scope, check_state, ret_counts, ret_note);
}

bool jb_stage_return(struct jb_stage *stage, struct jb_scope *scope, int64_t *ret_differences)
{
    return stage->driver->return_all(stage, scope, ret_differences);
}

bool jb_stage_row(struct jb_stage *stage, struct jb_scope *scope, int64_t id, const struct jb_stage_undo *range, const void **ret_before, const void **ret_written)
{
    return stage->driver->row(stage, scope, id, range, ret_before, ret_written);
}

/* ---- removing, looking ---------------------------------------------------------------------------------------------------------- */

bool jb_stage_remove(struct jb_scope *scope, const char *path)
{
    struct jb_db *db = jb_db_of(scope);
    return db->driver->stage->remove(scope, db, path);
}

bool jb_stage_bytes(struct jb_scope *scope, const char *path, int64_t *ret_bytes)
{
    struct jb_db *db = jb_db_of(scope);
    return db->driver->stage->bytes(scope, db, path, ret_bytes);
}

struct keeping {
    struct jb_scope *scope;
    const char *path, *kept;
    bool ok;
};

static void keep_blocking(void *arg)
{
    struct keeping *keeping = arg;
    keeping->ok = jb__stage_file_seal(keeping->scope, keeping->path, keeping->kept);
}

bool jb_stage_keep(struct jb_scope *scope, const char *path, const char *kept)
{
    struct keeping keeping = { scope, path, kept, false };

    jb_offload(keep_blocking, &keeping);
    return keeping.ok;
}

bool jb_stage_sweep(struct jb_scope *scope, jb_stage_needed_fn *is_needed, void *arg)
{
    struct jb_db *db = jb_db_of(scope);
    return db->driver->stage->sweep(scope, db, is_needed, arg);
}

bool jb_stage_refused(struct jb_stage *stage, struct jb_scope *scope, jb__each_refused *each, void *arg)
{
    return stage->driver->refused(stage, scope, each, arg);
}

bool jb_stage_refused_of(struct jb_stage *stage, struct jb_scope *scope, const int64_t *rows, size_t count, jb__each_refused *each, void *arg)
{
    struct jb_buf list = JB_BUF_INIT((size_t)1 << 20);

    if (count == 0)
        return true;
    for (size_t i = 0; i < count; i++)
        jb_buf_printf(&list, i ? ", %lld" : "%lld", (long long)rows[i]);
    JB_CHECK(!list.full);
    bool ok = stage->driver->refused_of(stage, scope, jb_buf_str(&list), each, arg);
    jb_buf_done(&list);
    return ok;
}

bool jb_stage_refused_in(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row, jb__each_refused *each, void *arg)
{
    return stage->driver->refused_in(stage, scope, after_row, last_row, each, arg);
}

bool jb_stage_refused_count(struct jb_stage *stage, struct jb_scope *scope, int64_t *ret_errors)
{
    return stage->driver->refused_count(stage, scope, ret_errors);
}

bool jb_stage_refused_rows(struct jb_stage *stage, struct jb_scope *scope, int64_t *ret_rows)
{
    return stage->driver->refused_rows(stage, scope, ret_rows);
}

bool jb_stage_look(struct jb_stage *stage, struct jb_scope *scope, enum jb_stage_kind kind, int64_t after_row, int64_t offset, int64_t limit, jb__each_pair *each, void *arg)
{
    return stage->driver->look(stage, scope, kind, after_row, offset, limit, each, arg);
}
