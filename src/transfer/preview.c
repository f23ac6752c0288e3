/* preview.c — what a waiting import would do: rows of its sealed staging file beside the rows of the table. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"
#include <string.h>
#include <unistd.h>

#define DIFFERENCES_MAX 10000

const struct jb_record jb_import_difference_record = JB_RECORD(import_difference,
    JB_FIELD(import_difference, row, .label = "행"),
    JB_FIELD(import_difference, key, .label = "열쇠"),
    JB_FIELD(import_difference, column, .label = "열"),
    JB_FIELD(import_difference, label, .label = "열 이름"),
    JB_FIELD(import_difference, before, .label = "전"),
    JB_FIELD(import_difference, after, .label = "후"),
    JB_FIELD(import_difference, has_before, .label = "있던 행"));

struct looking {
    struct jb_scope *scope; /* owner of what is found */
    struct jb_db *db;
    const struct jb__plan *plan;
    struct jb_stage_options options;
    enum jb_preview what;
    int64_t offset, limit;
    struct import_difference *at;
    size_t count, capacity;
    bool ok;
};

static void add(struct looking *looking, const struct import_difference *difference)
{
    if (looking->count == looking->capacity) {
        size_t capacity = looking->capacity ? 2 * looking->capacity : 64;
        struct import_difference *at = JB_NEW_ARRAY(looking->scope, struct import_difference, capacity);
        if (looking->count)
            memcpy(at, looking->at, looking->count * sizeof *at);
        looking->at = at;
        looking->capacity = capacity;
    }
    looking->at[looking->count++] = *difference;
}

static struct jb_str text_or_null(struct jb_scope *scope, struct jb_value value)
{
    return value.type == JB_NULL ? JB_STR_NULL : jb_copy(scope, jb_value_text(scope, value));
}

static struct jb_str key_text(struct jb_scope *scope, const struct jb__plan *plan, const void *row)
{
    struct jb_str key = JB_STR("");

    for (size_t i = 0; i < plan->match_count; i++) {
        struct jb_str part = jb_value_text(scope, jb_record_get(&plan->model->record, row, plan->match[i]));
        key = jb_format(scope, "%.*s%s%.*s", JB_FMT(key), i ? " " : "", JB_FMT(part));
    }
    return key;
}

static bool each(void *arg, struct jb_scope *scope, int64_t row, const void *after, const void *before)
{
    struct looking *looking = arg;
    const struct jb_record *record = &looking->plan->model->record;
    struct jb_str key = key_text(looking->scope, looking->plan, before ? before : after);

    (void)scope;
    for (size_t i = 0; i < looking->plan->count && looking->count < DIFFERENCES_MAX; i++) {
        const struct jb__target *target = &looking->plan->targets[i];
        struct jb_value new_value = jb_record_get(record, after, target->field), old_value = before ? jb_record_get(record, before, target->field) : jb_v_null();
        bool same = jb_value_equal(new_value, old_value);
        if (!target->column || (looking->what == JB_PREVIEW_CHANGED && same))
            continue;
        add(looking, &(struct import_difference){
                         .row = row,
                         .key = key,
                         .column = target->name,
                         .label = target->heading,
                         .before = text_or_null(looking->scope, old_value),
                         .after = text_or_null(looking->scope, new_value),
                         .has_before = before != NULL,
                     });
    }
    return true;
}

static void look_blocking(void *arg)
{
    struct looking *looking = arg;
    struct jb_stage *stage = jb_stage_open_sealed(looking->scope, looking->db, &looking->options);
    static const enum jb_stage_kind kinds[] = { JB_STAGE_NEW, JB_STAGE_CHANGED, JB_STAGE_UNCHANGED };

    looking->ok = stage && jb_stage_look(stage, looking->scope, kinds[looking->what], looking->offset, looking->limit, each, looking);
    jb_stage_close(stage);
}

/* The sheet's columns were noted when the file was staged: the order and the set of fields it brings. */
static bool map_columns(struct looking *looking, struct jb__plan *plan, struct jb_str names)
{
    plan->present = JB_NEW_ARRAY(looking->scope, const struct jb_field *, plan->count + 1);
    plan->match_given = true;
    while (names.size > 0) {
        struct jb__target *target = jb__plan_target(plan, looking->scope, jb_str_cut(&names, '\n'));
        if (!target)
            return false;
        target->column = 1;
    }
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->targets[i].column)
            plan->present[plan->present_count++] = plan->targets[i].field;
        else if (plan->targets[i].match)
            plan->match_given = false;
    }
    return true;
}

struct jb_rows *jb_import_preview(struct jb_scope *scope, int64_t id, enum jb_preview what, int64_t offset, int64_t limit)
{
    const struct jb_transfer *transfer = jb__transfer_of(scope);
    struct looking looking = { .scope = scope, .db = jb_db_of(scope), .what = what, .offset = offset, .limit = limit };
    struct jb__job_options options;
    struct import_job job;

    if (!jb_job_get(scope, id, &job) || !jb__import_options_read(scope, job.options, &options))
        return NULL;
    struct jb_rows *rows = JB_NEW(scope, struct jb_rows);
    rows->record = &jb_import_difference_record;
    struct jb_str path = jb_format(scope, "%s/%lld.sealed", transfer->spool_dir, (long long)id);
    if (access(path.data, R_OK) != 0)
        return rows; /* it has ended: there is nothing to look at any more */
    const struct jb_model *model = jb_model_find(scope, job.model);
    struct jb__plan *plan = model ? jb__plan_of(scope, transfer, jb_exchange_of(scope, model), &options.import) : NULL;
    if (!plan || !map_columns(&looking, plan, options.present))
        return NULL;
    bool by_id = plan->match_count == 1 && plan->match[0]->primary;
    looking.plan = plan;
    looking.options = (struct jb_stage_options){
        .path = path.data,
        .model = model,
        .columns = plan->present,
        .column_count = plan->present_count,
        .match = plan->match,
        .match_count = plan->match_count,
        .by_id = by_id && plan->match_given,
    };
    jb_offload(look_blocking, &looking);
    if (!looking.ok)
        return NULL;
    rows->count = looking.count;
    rows->data = (char *)looking.at;
    return rows;
}
