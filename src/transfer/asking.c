/* asking.c — an import from the page asks what its columns mean: when its headings do not fit, or somebody wants to say it.
 *
 * It then waits like a preview. What it asks about (sheets, headings, a few values, what it would guess) stands in the job's options. The answer is the job's mapping, and remembered for the person, the
 * model and these headings: the next sheet that has them is read the same way. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"
#include <string.h>

#define COLUMNS_BYTES_MAX ((size_t)512 << 10)
#define COLUMNS_MAX 200
#define SHEETS_MAX 100
#define TEXT_CHARS 60
#define REMEMBERED_MAX 200

const struct jb_model jb_import_mapping = {
    .app = "cash",
    .reads = JB_READS_PRIMARY,
    .name = "importmapping",
    .table = "import_mappings",
    .label = "열 맞춤",
    .label_en = "Column mapping",
    .hidden = true,
    .uniques = "user_id model headings",
    .record = JB_RECORD(import_mapping,
        JB_FIELD(import_mapping, id, .primary = true),
        JB_FIELD(import_mapping, user_id, .required = true),
        JB_FIELD(import_mapping, model, .required = true, .length_max = 100),
        JB_FIELD(import_mapping, headings, .required = true, .length_max = 16),
        JB_FIELD(import_mapping, map, .length_max = 1000000),
        JB_FIELD(import_mapping, defaults, .length_max = 1000000),
        JB_FIELD(import_mapping, updated_at, .auto_now = true)),
};

/* ---- which headings ----------------------------------------------------------------------------------------------------------- */

/* Not the columns' order, but their texts: 16 hexadecimal digits. */
static struct jb_str headings_key(struct jb_scope *scope, const struct jb__source *base)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < base->head.count; i++) {
        struct jb_str head = jb_str_trim_unicode(jb__nfc(scope, jb_cell_text(base->sheet, scope, &base->head.cells[i])));
        uint64_t hash = jb_str_digest(JB_DIGEST_START, head);
        sum += head.size > 0 ? hash * (hash | 1) : 0;
    }
    return jb_format(scope, "%016llx", (unsigned long long)sum);
}

bool jb__remembered_load(struct jb__attempt *attempt)
{
    const struct jb__job_options *options = &attempt->options;

    if (!options->import.confirm || options->confirmed || options->import.map.count > 0 || attempt->job.user_id == 0)
        return true;
    attempt->remembered = jb_select(attempt->scope, &jb_import_mapping, .where = JB_SQL("user_id = ? and model = ?", attempt->job.user_id, attempt->job.model), .order = JB_STR("-updated_at"), .limit = REMEMBERED_MAX);
    return attempt->remembered != NULL;
}

static void use_remembered(struct jb__attempt *attempt, struct jb_str key)
{
    struct jb_scope *scope = attempt->scope;

    for (size_t i = 0; attempt->remembered && i < attempt->remembered->count; i++) {
        const struct import_mapping *mapping = jb_rows_at(attempt->remembered, i);
        struct jb_import_options with = attempt->options.import;
        if (!jb_str_equal(mapping->headings, key))
            continue;
        with.map = jb__pairs_of(scope, mapping->map);
        if (with.defaults.count == 0)
            with.defaults = jb__pairs_of(scope, mapping->defaults);
        struct jb__plan *plan = jb__plan_of(scope, attempt->transfer, jb_exchange_of(scope, attempt->model), &with);
        jb_failure_clear(scope); /* a field that is gone since: it is not remembered any more */
        if (!plan)
            return;
        plan->batch_rows = attempt->plan->batch_rows;
        attempt->plan = plan;
        attempt->options.import.map = with.map;
        attempt->options.import.defaults = with.defaults;
        attempt->recalled = true;
        return;
    }
}

struct jb_str jb__recalled_words(const struct jb__attempt *attempt)
{
    struct jb_scope *scope = attempt->scope;
    const struct jb_import_pairs *defaults = &attempt->options.import.defaults;
    struct jb_str list = JB_STR("");

    if (defaults->count == 0)
        return jb_str_of(JB_L(scope, "지난번에 맞춘 대로 열을 읽었습니다.", "The columns were read as you mapped them last time."));
    for (size_t i = 0; i < defaults->count; i++)
        list = jb_format(scope, "%.*s%s%.*s = %.*s", JB_FMT(list), i ? ", " : "", JB_FMT(defaults->at[i].name), JB_FMT(defaults->at[i].value));
    return jb_format(scope, JB_L(scope, "지난번에 맞춘 대로 열을 읽었습니다. 기본값: %.*s.", "The columns were read as you mapped them last time. Defaults: %.*s."), JB_FMT(list));
}

/* ---- guesses --------------------------------------------------------------------------------------------------------------------- */

static bool holds(struct jb_str text, struct jb_str part)
{
    for (size_t i = 0; part.size >= 3 && i + part.size <= text.size; i++)
        if (jb_str_equal_nocase(jb_str_slice(text, i, i + part.size), part))
            return true;
    return false;
}

static bool resembles(struct jb_scope *scope, const struct jb__target *target, struct jb_str head)
{
    struct jb_str names[] = { target->heading, jb_str_of(target->field->name), jb_field_label(scope, target->field, JB_KO), jb_field_label(scope, target->field, JB_EN) };

    for (size_t i = 0; i < JB_COUNT(names); i++)
        if (holds(head, names[i]) || holds(names[i], head))
            return true;
    return jb_nearest(head, names, JB_COUNT(names)).data != NULL;
}

/* For a heading that means nothing to us, a column that nobody has. */
static const struct jb__target *guess(struct jb__plan *plan, struct jb_scope *scope, struct jb_str head, bool *taken)
{
    for (size_t i = 0; head.size > 0 && i < plan->count; i++) {
        struct jb__target *target = &plan->targets[i];
        if (target->column || taken[i] || target->field->as_text || !resembles(scope, target, head))
            continue;
        taken[i] = true;
        return target;
    }
    return NULL;
}

/* ---- the question ------------------------------------------------------------------------------------------------------------------ */

static void put_samples(struct jb_scope *scope, struct jb_json_writer *writer, const struct jb__source *base, uint32_t column)
{
    jb_json_name(writer, "samples");
    jb_json_array(writer);
    for (size_t i = 0; i < base->ahead_count; i++)
        for (size_t c = 0; c < base->ahead[i].count; c++)
            if (base->ahead[i].cells[c].column == column)
                jb_json_text(writer, jb_utf8_first(jb_cell_text(base->sheet, scope, &base->ahead[i].cells[c]), TEXT_CHARS));
    jb_json_array_end(writer);
}

static void put_columns(struct jb__plan *plan, struct jb_scope *scope, struct jb_json_writer *writer, const struct jb__source *base)
{
    bool *taken = JB_NEW_ARRAY(scope, bool, plan->count + 1);

    jb_json_name(writer, "columns");
    jb_json_array(writer);
    for (size_t i = 0; i < base->head.count && i < COLUMNS_MAX; i++) {
        uint32_t column = base->head.cells[i].column;
        struct jb_str head = jb_str_trim_unicode(jb__nfc(scope, jb_cell_text(base->sheet, scope, &base->head.cells[i])));
        const struct jb__target *target = plan->by_column && column <= plan->column_max ? plan->by_column[column] : NULL, *guessed = target || jb__plan_choice(plan, head, column) ? NULL : guess(plan, scope, head, taken);
        jb_json_object(writer);
        jb_json_put(writer, "at", jb_v_int(column));
        jb_json_put(writer, "head", jb_v(jb_utf8_first(head, 200)));
        jb_json_put(writer, "target", jb_v(target ? target->name : guessed ? guessed->name
                                                                           : JB_STR("")));
        jb_json_put(writer, "guessed", jb_v_bool(guessed != NULL));
        put_samples(scope, writer, base, column);
        jb_json_object_end(writer);
    }
    jb_json_array_end(writer);
}

static void note_question(struct jb__attempt *attempt, struct jb_scope *scope, const struct jb__source *base, struct jb_str key)
{
    struct jb_buf buf = JB_BUF_INIT(COLUMNS_BYTES_MAX);
    struct jb_json_writer writer;
    const struct jb_str *sheets;
    size_t count = jb_sheet_names(base->sheet, &sheets);

    jb_json_start(&writer, &buf);
    jb_json_object(&writer);
    jb_json_put(&writer, "sheet", jb_v(jb_sheet_name(base->sheet)));
    jb_json_put(&writer, "head_row", jb_v(base->head.number));
    jb_json_put(&writer, "key", jb_v(key));
    jb_json_name(&writer, "sheets");
    jb_json_array(&writer);
    for (size_t i = 0; i < count && i < SHEETS_MAX; i++)
        jb_json_text(&writer, sheets[i]);
    jb_json_array_end(&writer);
    put_columns(attempt->plan, scope, &writer, base);
    jb_json_object_end(&writer);
    attempt->options.columns = buf.full ? JB_STR_NULL : jb_copy(attempt->scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
}

bool jb__asks(const struct jb__attempt *attempt)
{
    return attempt->options.import.confirm && !attempt->options.confirmed && attempt->options.continued == 0;
}

bool jb__ask_map(struct jb__attempt *attempt, struct jb_scope *scope, const struct jb__source *base)
{
    struct jb_str key = headings_key(scope, base);
    bool by_hand = attempt->options.import.ask;

    use_remembered(attempt, key);
    bool ok = jb__plan_map(attempt->plan, scope, base->sheet, &base->head, attempt->options.import.mode);
    if (!ok && jb_error(scope) != JB_INVALID)
        return false;
    note_question(attempt, scope, base, key);
    if (ok && !by_hand)
        return true;
    attempt->asks = jb_copy(attempt->scope, ok ? JB_STR("") : jb_failure_text(scope));
    jb_failure_clear(scope);
    return true;
}

bool jb__ask_head(struct jb__attempt *attempt, struct jb_scope *scope, const struct jb__source *base)
{
    if (!base->sheet || jb_error(scope) != JB_INVALID || attempt->options.import.head_row == 0)
        return false;
    attempt->asks = jb_copy(attempt->scope, jb_failure_text(scope));
    jb_failure_clear(scope);
    note_question(attempt, scope, base, JB_STR(""));
    return true;
}

/* ---- the answer -------------------------------------------------------------------------------------------------------------------- */

static bool get_waiting(struct jb_scope *scope, int64_t id, struct import_job *ret_job, struct jb__job_options *ret_options)
{
    if (!jb_job_get(scope, id, ret_job) || !jb__import_options_read(scope, ret_job->options, ret_options))
        return false;
    return (jb_str_is(ret_job->status, "waiting") && ret_options->columns.data) || jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld은(는) 열을 묻고 있지 않습니다.", "Job %lld does not ask about columns."), (long long)id);
}

static void add_target(struct jb_import_question *question, struct jb_scope *scope, const struct jb__target *target, struct jb_str name, const struct jb_field *by)
{
    bool own = jb_str_equal(name, target->name);
    struct jb_str label = target->heading;

    if (!own)
        label = jb_format(scope, "%.*s %.*s", JB_FMT(jb_field_label(scope, target->field, jb_language(scope))), JB_FMT(jb_field_label(scope, by, jb_language(scope))));
    question->targets[question->target_count++] = (struct jb_import_target){ name, label, own, own && (target->match || (target->field->required && !target->field->default_text)) };
}

/* Every column of the plan; of a reference also its other unique fields. */
static void put_targets(struct jb_import_question *question, struct jb_scope *scope, const struct jb__plan *plan)
{
    size_t most = 0;

    for (size_t i = 0; i < plan->count; i++)
        most += 1 + (plan->targets[i].field->references ? jb_record_count(&plan->targets[i].field->references->record) : 0);
    question->targets = JB_NEW_ARRAY(scope, struct jb_import_target, most + 1);
    for (size_t i = 0; i < plan->count; i++) {
        const struct jb__target *target = &plan->targets[i];
        const struct jb_field *by = target->field->references ? target->field->references->record.fields : NULL;
        if (target->field->as_text)
            continue;
        add_target(question, scope, target, target->name, NULL);
        for (; by && by->type != JB_END; by++)
            if (by->type != JB_WORD && by->unique && !by->primary && !by->secret && by != target->lookup)
                add_target(question, scope, target, jb_format(scope, "%s.%s", target->field->name, by->name), by);
    }
}

bool jb_import_question(struct jb_scope *scope, int64_t id, struct jb_import_question *ret_question)
{
    struct jb_import_question question = { 0 };
    struct jb__job_options options;
    struct import_job job;

    if (!get_waiting(scope, id, &job, &options))
        return false;
    const struct jb_model *model = jb_model_find(scope, job.model);
    struct jb__plan *plan = model ? jb__plan_new(scope, jb__transfer_of(scope), jb_exchange_of(scope, model), options.import.match_on) : NULL;
    const struct jb_json *json = plan ? jb_json_parse(scope, options.columns) : NULL;
    if (!json)
        return false;
    question.waits = options.asks;
    question.problem = options.asks ? job.reason : JB_STR_NULL;
    question.sheet = jb_json_member(json, "sheet") ? jb_json_member(json, "sheet")->text : JB_STR("");
    question.sheets = jb_json_member(json, "sheets");
    question.columns = jb_json_member(json, "columns");
    question.head_row = options.import.head_row;
    if (question.head_row == 0 && jb_json_member(json, "head_row"))
        (void)jb_str_to_int64(jb_json_member(json, "head_row")->text, &question.head_row);
    question.defaults = options.import.defaults;
    put_targets(&question, scope, plan);
    *ret_question = question;
    return true;
}

static bool remember(struct jb_scope *scope, const struct import_job *job, const struct jb__job_options *options)
{
    const struct jb_json *json = options->columns.data ? jb_json_parse(scope, options->columns) : NULL, *key = jb_json_member(json, "key");

    if (!options->columns.data)
        return true;
    if (!key || key->text.size == 0 || job->user_id == 0 || (options->import.map.count == 0 && options->import.defaults.count == 0))
        return json != NULL;
    struct import_mapping mapping = { .user_id = job->user_id, .model = job->model, .headings = key->text, .map = jb__pairs_json(scope, &options->import.map), .defaults = jb__pairs_json(scope, &options->import.defaults), .updated_at = jb_now() };
    return jb_bulk_insert(scope, &jb_import_mapping, &mapping, 1, &(struct jb_bulk){ .match_on = "user_id model headings", .on_conflict = JB_CONFLICT_UPDATE });
}

/* Back into the queue, with another mapping. */
static bool answer_in(struct jb_scope *scope, struct import_job *job, struct jb__job_options *options)
{
    int64_t changes;

    if (!remember(scope, job, options) || !jb_exec(scope, JB_SQL("update import_jobs set status = 'queued' where id = ? and status = 'waiting'", job->id), &changes))
        return false;
    if (changes == 0)
        return jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld은(는) 이미 확인했거나 버린 것입니다. 작업 목록에서 결과를 보세요.", "Job %lld has been confirmed or discarded already. See the list of jobs for what came of it."), (long long)job->id);
    job->status = JB_STR("queued");
    job->reason = JB_STR_NULL;
    job->options = jb__import_options_json(scope, options);
    job->expires_at = (struct jb_time){ 0 };
    job->new_rows = job->changed = job->unchanged = job->skipped = job->refused = job->conflicts = 0;
    job->attempt = 0;
    return jb__job_enqueue(scope, job);
}

static bool same_place(const struct jb_import_question *question, const struct jb_import_answer *answer)
{
    return (answer->sheet.size == 0 || jb_str_equal(answer->sheet, question->sheet)) && (answer->head_row == 0 || answer->head_row == question->head_row);
}

bool jb_import_answer(struct jb_scope *scope, int64_t id, const struct jb_import_answer *answer)
{
    const struct jb_transfer *transfer = jb__transfer_of(scope);
    struct jb_import_question question;
    struct jb__job_options options;
    struct import_job job;
    bool ended;

    if (!jb_import_question(scope, id, &question) || !get_waiting(scope, id, &job, &options) || !jb__wish_forget(scope, id))
        return false;
    bool stays = same_place(&question, answer);
    options.asks = options.confirmed = false;
    options.import.sheet = answer->sheet.size > 0 && question.sheets && question.sheets->count > 1 ? answer->sheet : options.import.sheet;
    options.import.head_row = answer->head_row;
    options.import.ask = !stays; /* other headings: they are asked about */
    options.import.map = stays ? answer->map : (struct jb_import_pairs){ 0 };
    options.import.defaults = answer->defaults;
    if (!stays)
        options.columns = JB_STR_NULL;
    else if (!jb__plan_of(scope, transfer, jb_exchange_of(scope, jb_model_find(scope, job.model)), &options.import))
        return false;
    jb__stage_remove(scope, jb_format(scope, "%s/%lld.sealed", transfer->spool_dir, (long long)id));
    struct jb_tx *tx = jb_begin(scope);
    if (!tx)
        return false;
    if (!answer_in(scope, &job, &options)) {
        jb_rollback(tx);
        return false;
    }
    if (!jb_commit(tx))
        return false;
    if (job.file_bytes >= transfer->async_bytes)
        return true;
    jb__run_here(scope, job.task_id);
    return jb__wait_for_end(scope, id, &ended);
}
