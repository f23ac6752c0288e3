/* preview.c — what a waiting import would do: rows of its sealed staging file beside the rows of the table. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"
#include <stdlib.h>
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
    int64_t after_row, offset, limit, rows;
    struct import_difference *at;
    size_t count, capacity;
    struct jb_stage *stage;
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
    looking->rows++;
    looking->after_row = row;
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

/* ---- references, as people write them ---------------------------------------------------------------------------------------------- */

struct named {
    int64_t id;
    struct jb_str text;
};

static int by_id(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static size_t add_id(struct named *ids, size_t count, struct jb_str text)
{
    return text.data && jb_str_to_int64(text, &ids[count].id) ? count + 1 : count;
}

/* Sorted, each once, as many as *ret_count. */
static struct named *ids_of(struct looking *looking, const struct jb__target *target, size_t *ret_count)
{
    struct named *ids = JB_NEW_ARRAY(looking->scope, struct named, 2 * looking->count + 1);
    size_t count = 0, kept = 0;

    for (size_t i = 0; i < looking->count; i++)
        if (looking->at[i].column.data == target->name.data)
            count = add_id(ids, add_id(ids, count, looking->at[i].before), looking->at[i].after);
    qsort(ids, count, sizeof *ids, by_id);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || ids[kept - 1].id != ids[i].id)
            ids[kept++] = ids[i];
    *ret_count = kept;
    return ids;
}

static struct jb_str name_of(struct jb_scope *scope, const struct named *names, size_t count, struct jb_str id)
{
    struct named wanted = { 0, JB_STR_NULL };
    const struct named *found = id.data && jb_str_to_int64(id, &wanted.id) ? bsearch(&wanted, names, count, sizeof *names, by_id) : NULL;

    if (!id.data)
        return id;
    return found && found->text.data ? found->text : jb_format(scope, "#%.*s", JB_FMT(id)); /* it is gone */
}

/* "P-1" in place of the number of the project. */
static bool name_target(struct looking *looking, const struct jb__target *target)
{
    const struct jb_record *record = &target->lookup_in->record;
    struct jb_scope *scope = looking->scope;
    size_t count;
    struct named *names = ids_of(looking, target, &count);
    int64_t *ids = JB_NEW_ARRAY(scope, int64_t, count + 1);

    if (count == 0)
        return true;
    for (size_t i = 0; i < count; i++)
        ids[i] = names[i].id;
    struct jb_condition conditions[] = { { jb_str_of(jb_model_primary(target->lookup_in)->name), JB_IN, jb_v(((struct jb_ids){ ids, count })) }, { .op = JB_OP_END } };
    struct jb_rows *rows = jb_select(scope, target->lookup_in, .conditions = conditions, .limit = (int64_t)count);
    for (size_t i = 0; rows && i < rows->count; i++) {
        const void *row = jb_rows_at(rows, i);
        struct named *name = bsearch(&(struct named){ jb_row_id(target->lookup_in, row), JB_STR_NULL }, names, count, sizeof *names, by_id);
        if (name)
            name->text = text_or_null(scope, jb_record_get(record, row, target->lookup));
    }
    for (size_t i = 0; rows && i < looking->count; i++)
        if (looking->at[i].column.data == target->name.data) {
            looking->at[i].before = name_of(scope, names, count, looking->at[i].before);
            looking->at[i].after = name_of(scope, names, count, looking->at[i].after);
        }
    return rows != NULL;
}

static bool name_references(struct looking *looking)
{
    for (size_t i = 0; i < looking->plan->count; i++)
        if (looking->plan->targets[i].lookup && looking->plan->targets[i].column && !name_target(looking, &looking->plan->targets[i]))
            return false;
    return true;
}

/* ---- looking -------------------------------------------------------------------------------------------------------------------------- */

static void open_blocking(void *arg)
{
    struct looking *looking = arg;
    looking->stage = jb_stage_open_sealed(looking->scope, looking->db, &looking->options);
}

static void look_blocking(void *arg)
{
    static const enum jb_stage_kind kinds[] = { JB_STAGE_NEW, JB_STAGE_CHANGED, JB_STAGE_UNCHANGED };
    struct looking *looking = arg;
    looking->ok = jb_stage_look(looking->stage, looking->scope, kinds[looking->what], looking->after_row, looking->offset, looking->limit, each, looking);
}

static void close_blocking(void *arg)
{
    struct looking *looking = arg;
    jb_stage_close(looking->stage);
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

static struct jb_str sealed_path(struct jb_scope *scope, int64_t id)
{
    return jb_format(scope, "%s/%lld.sealed", jb__transfer_of(scope)->spool_dir, (long long)id);
}

/* Opens the staging; looking->stage stays NULL without a failure when the job has ended: then there is nothing to look at any more. */
static bool start(struct looking *looking, int64_t id)
{
    struct jb_scope *scope = looking->scope;
    const struct jb_transfer *transfer = jb__transfer_of(scope);
    struct jb__job_options options;
    struct import_job job;

    looking->db = jb_db_of(scope);
    if (!jb_job_get(scope, id, &job) || !jb__import_options_read(scope, job.options, &options))
        return false;
    struct jb_str path = sealed_path(scope, id);
    if (access(path.data, R_OK) != 0)
        return true;
    const struct jb_model *model = jb_model_find(scope, job.model);
    struct jb__plan *plan = model ? jb__plan_of(scope, transfer, jb_exchange_of(scope, model), &options.import) : NULL;
    if (!plan || !map_columns(looking, plan, options.present))
        return false;
    bool by_id = plan->match_count == 1 && plan->match[0]->primary;
    looking->plan = plan;
    looking->options = (struct jb_stage_options){
        .path = path.data,
        .model = model,
        .columns = plan->present,
        .column_count = plan->present_count,
        .match = plan->match,
        .match_count = plan->match_count,
        .by_id = by_id && plan->match_given,
    };
    jb_offload(open_blocking, looking);
    return looking->stage != NULL;
}

/* Of a dry run that has ended; whether they are there, its sealed file tells. */
bool jb__keeps_differences(const struct import_job *job)
{
    return job->dry_run && jb_str_is(job->status, "done") && job->expires_at.us > jb_now().us;
}

bool jb_import_has_differences(struct jb_scope *outer, const struct import_job *job)
{
    struct jb_scope *scope = jb_scope_child(outer, "differences");
    bool yes = (jb_str_is(job->status, "waiting") || jb__keeps_differences(job)) && access(sealed_path(scope, job->id).data, R_OK) == 0;

    jb_scope_end(scope);
    return yes;
}

bool jb_import_tells_differences(struct jb_scope *scope, const struct import_job *job)
{
    struct jb__job_options options;

    if (jb_import_has_differences(scope, job))
        return true;
    if (job->dry_run && jb_str_is(job->status, "failed") && job->refused > 0 && jb__import_options_read(scope, job->options, &options) && options.import.on_error == JB_ABORT)
        return jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld에는 거절된 행이 있어 아무것도 바뀌지 않습니다. 고치거나 --on-error skip으로 해 보세요.", "Nothing would change by job %lld, because rows were refused. Correct them, or try it with --on-error skip."), (long long)job->id);
    if (job->dry_run)
        return jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld은(는) 바뀔 내용을 남기지 않았습니다. --dry-run --differences(API: differences=true)로 다시 해 보세요.", "Job %lld kept no differences. Try it again with --dry-run --differences (API: differences=true)."), (long long)job->id);
    if (jb_str_is(job->status, "waiting"))
        return jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld은(는) 열을 먼저 맞추어야 합니다.", "The columns of job %lld must be mapped first."), (long long)job->id);
    return jb__fail_not_waiting(scope, job->id);
}

struct jb_rows *jb_import_preview(struct jb_scope *scope, int64_t id, enum jb_preview what, int64_t offset, int64_t limit)
{
    struct looking looking = { .scope = scope, .what = what, .offset = offset, .limit = limit };

    if (!start(&looking, id))
        return NULL;
    struct jb_rows *rows = JB_NEW(scope, struct jb_rows);
    rows->record = &jb_import_difference_record;
    if (!looking.stage)
        return rows;
    jb_offload(look_blocking, &looking);
    jb_offload(close_blocking, &looking);
    if (!looking.ok || !name_references(&looking))
        return NULL;
    rows->count = looking.count;
    rows->data = (char *)looking.at;
    return rows;
}

/* ---- all differences as a workbook ------------------------------------------------------------------------------------------------ */

static bool write_head(struct jb_sheet_writer *writer, struct jb_scope *scope)
{
    const struct jb_str titles[] = { JB_STR("행 row"), JB_STR("열쇠 key"), JB_STR("열 column"), JB_STR("지금 now"), JB_STR("바뀐 뒤 then") };
    const struct jb_field *fields[JB_COUNT(titles)] = { &jb_import_difference_record.fields[0] };

    return jb_sheet_writer_head(writer, scope, titles, fields, JB_COUNT(titles));
}

static struct jb_value text_value(struct jb_str text)
{
    return text.data ? jb_v_text(text) : jb_v_null();
}

/* The next rows of the sheet, as many as are held at a time. */
static bool write_page(struct looking *looking, struct jb_sheet_writer *writer)
{
    looking->at = NULL;
    looking->count = looking->capacity = 0;
    looking->rows = 0;
    jb_offload(look_blocking, looking);
    bool ok = looking->ok && name_references(looking);
    for (size_t i = 0; ok && i < looking->count; i++) {
        const struct import_difference *at = &looking->at[i];
        const struct jb_value values[] = { jb_v_int(at->row), text_value(at->key), text_value(at->label.data ? at->label : at->column), text_value(at->before), text_value(at->after) };
        ok = jb_sheet_writer_row(writer, looking->scope, values, JB_COUNT(values));
    }
    return ok && jb_continue(looking->scope);
}

static bool write_all(struct looking *looking, struct jb_scope *scope, struct jb_sheet_writer *writer)
{
    bool ok = write_head(writer, scope);

    looking->limit = JB_MAX(1, DIFFERENCES_MAX / (int64_t)looking->plan->count);
    looking->rows = looking->limit;
    while (ok && looking->rows == looking->limit) {
        looking->scope = jb_scope_child(scope, "page");
        ok = write_page(looking, writer) || jb_failure_pass(looking->scope, scope);
        jb_scope_end(looking->scope);
    }
    looking->scope = scope;
    return ok && jb_sheet_writer_finish(writer, scope);
}

bool jb_import_differences(struct jb_scope *outer, int64_t id, jb_sheet_sink *sink, void *arg)
{
    struct jb_scope *scope = jb_scope_child(outer, "differences");
    struct looking looking = { .scope = scope, .what = JB_PREVIEW_CHANGED };
    bool ok = start(&looking, id);

    if (ok && looking.stage) {
        struct jb_sheet_writer *writer = jb_sheet_writer_new(scope, &(struct jb_sheet_writer_options){ .format = JB_SHEET_XLSX, .sheet = jb_str_of(JB_L(scope, "바뀔 내용", "Differences")) }, sink, arg);
        ok = write_all(&looking, scope, writer);
        jb_sheet_writer_free(writer);
        jb_offload(close_blocking, &looking);
    } else if (ok) {
        ok = jb__fail_not_waiting(scope, id);
    }
    if (!ok)
        jb_failure_pass(scope, outer);
    jb_scope_end(scope);
    return ok;
}
