/* options.c — what a job was asked to do, as JSON in its row. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"
#include <stdio.h>
#include <string.h>

#define OPTIONS_BYTES_MAX ((size_t)1 << 20)

static const char *const modes[] = { "upsert", "insert", "update" };
static const char *const on_errors[] = { "abort", "skip" };
static const char *const formats[] = { "auto", "xlsx", "csv", "tsv", "ods", "json", "jsonl" };
static const char *const ops[] = { "", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "contains", "starts", "is_null", "in" };

static struct jb_str finish(struct jb_scope *scope, struct jb_buf *buf)
{
    struct jb_str text = jb_copy(scope, jb_buf_str(buf));
    JB_CHECK(!buf->full); /* texts are limited where they come in */
    jb_buf_done(buf);
    return text;
}

/* The index of the word; 0 when it is absent. */
static bool word_read(struct jb_scope *scope, const struct jb_json *object, const char *name, const char *const *words, size_t count, int *ret_index)
{
    const struct jb_json *member = jb_json_member(object, name);

    if (!member)
        return true;
    for (size_t i = 0; i < count; i++)
        if (member->type == JB_JSON_STRING && jb_str_is(member->text, words[i])) {
            *ret_index = (int)i;
            return true;
        }
    return jb_fail(scope, JB_INVALID, "job options: %s", name);
}

static struct jb_str text_read(struct jb_scope *scope, const struct jb_json *object, const char *name)
{
    const struct jb_json *member = jb_json_member(object, name);
    return member && member->type == JB_JSON_STRING ? jb_copy(scope, member->text) : JB_STR_NULL;
}

static bool truth_read(const struct jb_json *object, const char *name)
{
    const struct jb_json *member = jb_json_member(object, name);
    return member && member->type == JB_JSON_TRUE;
}

static int64_t number_read(const struct jb_json *object, const char *name)
{
    const struct jb_json *member = jb_json_member(object, name);
    int64_t number;
    return member && member->type == JB_JSON_NUMBER && jb_str_to_int64(member->text, &number) ? number : 0;
}

/* ---- imports ------------------------------------------------------------------------------------------------------------- */

/* [["금액", "income"], …] */
static void put_list(struct jb_json_writer *writer, const struct jb_import_pairs *pairs)
{
    jb_json_array(writer);
    for (size_t i = 0; i < pairs->count; i++) {
        jb_json_array(writer);
        jb_json_text(writer, pairs->at[i].name);
        jb_json_text(writer, pairs->at[i].value);
        jb_json_array_end(writer);
    }
    jb_json_array_end(writer);
}

static void put_pairs(struct jb_json_writer *writer, const char *name, const struct jb_import_pairs *pairs)
{
    if (pairs->count == 0)
        return;
    jb_json_name(writer, name);
    put_list(writer, pairs);
}

static struct jb_import_pairs list_read(struct jb_scope *scope, const struct jb_json *list)
{
    struct jb_import_pair *at = list && list->type == JB_JSON_ARRAY ? JB_NEW_ARRAY(scope, struct jb_import_pair, list->count + 1) : NULL;
    size_t count = 0;

    for (const struct jb_json *pair = at ? list->first : NULL; pair; pair = pair->next)
        if (pair->type == JB_JSON_ARRAY && pair->count == 2)
            at[count++] = (struct jb_import_pair){ jb_copy(scope, pair->first->text), jb_copy(scope, pair->first->next->text) };
    return (struct jb_import_pairs){ at, count };
}

static struct jb_import_pairs pairs_read(struct jb_scope *scope, const struct jb_json *object, const char *name)
{
    return list_read(scope, jb_json_member(object, name));
}

struct jb_import_pairs jb__pairs_of(struct jb_scope *scope, struct jb_str json)
{
    const struct jb_json *list = jb_json_parse(scope, json);

    jb_failure_clear(scope);
    return list_read(scope, list);
}

struct jb_str jb__pairs_json(struct jb_scope *scope, const struct jb_import_pairs *pairs)
{
    struct jb_buf buf = JB_BUF_INIT(OPTIONS_BYTES_MAX);
    struct jb_json_writer writer;

    jb_json_start(&writer, &buf);
    put_list(&writer, pairs);
    return finish(scope, &buf);
}

static void put_continued(struct jb_json_writer *writer, const struct jb__job_options *options)
{
    const struct jb__counts *base = &options->base;

    jb_json_put(writer, "continued", jb_v(options->continued));
    jb_json_put(writer, "verified", jb_v(options->verified));
    jb_json_put(writer, "continued_once", jb_v(options->continued_once));
    jb_json_put(writer, "continued_hash", jb_v(options->continued_hash));
    jb_json_put(writer, "correction", jb_v(options->correction));
    jb_json_put(writer, "base_rows", jb_v(base->rows));
    jb_json_put(writer, "base_new", jb_v(base->new_rows));
    jb_json_put(writer, "base_changed", jb_v(base->changed));
    jb_json_put(writer, "base_unchanged", jb_v(base->unchanged));
    jb_json_put(writer, "base_skipped", jb_v(base->skipped));
    jb_json_put(writer, "base_totals", jb_v(options->base_totals));
}

static void read_continued(struct jb_scope *scope, const struct jb_json *object, struct jb__job_options *options)
{
    options->continued = (int)number_read(object, "continued");
    options->verified = (int)number_read(object, "verified");
    options->continued_once = text_read(scope, object, "continued_once");
    options->continued_hash = text_read(scope, object, "continued_hash");
    options->correction = text_read(scope, object, "correction");
    options->base = (struct jb__counts){
        .rows = number_read(object, "base_rows"),
        .new_rows = number_read(object, "base_new"),
        .changed = number_read(object, "base_changed"),
        .unchanged = number_read(object, "base_unchanged"),
        .skipped = number_read(object, "base_skipped"),
    };
    options->base_totals = text_read(scope, object, "base_totals");
}

struct jb_str jb__import_options_json(struct jb_scope *scope, const struct jb__job_options *options)
{
    const struct jb_import_options *import = &options->import;
    struct jb_buf buf = JB_BUF_INIT(OPTIONS_BYTES_MAX);
    struct jb_json_writer writer;

    jb_json_start(&writer, &buf);
    jb_json_object(&writer);
    jb_json_put(&writer, "mode", jb_v(jb_str_of(modes[import->mode])));
    jb_json_put(&writer, "on_error", jb_v(jb_str_of(on_errors[import->on_error])));
    jb_json_put(&writer, "ignore_existing", jb_v_bool(import->ignore_existing));
    jb_json_put(&writer, "dry_run", jb_v_bool(import->dry_run));
    if (import->differences)
        jb_json_put(&writer, "differences", jb_v_bool(true));
    jb_json_put(&writer, "confirm", jb_v_bool(import->confirm));
    jb_json_put(&writer, "confirmed", jb_v_bool(options->confirmed));
    jb_json_put(&writer, "backup_first", jb_v_bool(import->backup_first));
    jb_json_put(&writer, "whole", jb_v_bool(options->whole));
    jb_json_put(&writer, "match_on", jb_v(import->match_on));
    jb_json_put(&writer, "sheet", jb_v(import->sheet));
    jb_json_put(&writer, "encoding", jb_v(import->encoding));
    jb_json_put(&writer, "format", jb_v(import->format));
    if (import->head_row > 0)
        jb_json_put(&writer, "head_row", jb_v(import->head_row));
    put_pairs(&writer, "map", &import->map);
    put_pairs(&writer, "defaults", &import->defaults);
    jb_json_put(&writer, "batch_rows", jb_v(import->batch_rows));
    jb_json_put(&writer, "limit_refused", jb_v(import->limit_refused));
    jb_json_put(&writer, "language", jb_v(options->language == JB_EN ? JB_STR("en") : JB_STR("ko")));
    jb_json_put(&writer, "present", jb_v(options->present));
    if (import->ask)
        jb_json_put(&writer, "ask", jb_v_bool(true));
    if (options->asks)
        jb_json_put(&writer, "asks", jb_v_bool(true));
    if (options->asked.data)
        jb_json_put(&writer, "asked", jb_v(options->asked));
    if (options->duplicates > 0)
        jb_json_put(&writer, "duplicates", jb_v(options->duplicates));
    if (options->columns.data)
        jb_json_put(&writer, "columns", jb_v(options->columns));
    if (options->continued > 0)
        put_continued(&writer, options);
    jb_json_object_end(&writer);
    return finish(scope, &buf);
}

bool jb__import_options_read(struct jb_scope *scope, struct jb_str json, struct jb__job_options *ret_options)
{
    struct jb_json *object = jb_json_parse(scope, json);
    int mode = 0, on_error = 0;

    if (!object || !word_read(scope, object, "mode", modes, JB_COUNT(modes), &mode) || !word_read(scope, object, "on_error", on_errors, JB_COUNT(on_errors), &on_error))
        return false;
    *ret_options = (struct jb__job_options){
        .import = {
            .mode = (enum jb_import_mode)mode,
            .on_error = (enum jb_on_error)on_error,
            .ignore_existing = truth_read(object, "ignore_existing"),
            .dry_run = truth_read(object, "dry_run"),
            .differences = truth_read(object, "differences"),
            .confirm = truth_read(object, "confirm"),
            .ask = truth_read(object, "ask"),
            .backup_first = truth_read(object, "backup_first"),
            .match_on = text_read(scope, object, "match_on"),
            .sheet = text_read(scope, object, "sheet"),
            .encoding = text_read(scope, object, "encoding"),
            .format = text_read(scope, object, "format"),
            .head_row = number_read(object, "head_row"),
            .map = pairs_read(scope, object, "map"),
            .defaults = pairs_read(scope, object, "defaults"),
            .batch_rows = (int)number_read(object, "batch_rows"),
            .limit_refused = number_read(object, "limit_refused"),
        },
        .confirmed = truth_read(object, "confirmed"),
        .whole = truth_read(object, "whole"),
        .present = text_read(scope, object, "present"),
        .asks = truth_read(object, "asks"),
        .asked = text_read(scope, object, "asked"),
        .duplicates = number_read(object, "duplicates"),
        .columns = text_read(scope, object, "columns"),
        .language = jb_str_is(text_read(scope, object, "language"), "en") ? JB_EN : JB_KO,
    };
    read_continued(scope, object, ret_options);
    return true;
}

/* ---- exports ---------------------------------------------------------------------------------------------------------------- */

static void put_conditions(struct jb_scope *scope, struct jb_json_writer *writer, const struct jb_condition *condition)
{
    jb_json_name(writer, "conditions");
    jb_json_array(writer);
    for (; condition && condition->op != JB_OP_END; condition++) {
        jb_json_array(writer);
        jb_json_text(writer, condition->field);
        jb_json_text(writer, jb_str_of(ops[condition->op]));
        if (condition->op == JB_IN) {
            for (size_t i = 0; i < condition->value.ids.count; i++)
                jb_json_int(writer, condition->value.ids.at[i]);
        } else {
            jb_json_text(writer, condition->value.type == JB_NULL ? JB_STR_NULL : jb_value_text(scope, condition->value));
        }
        jb_json_array_end(writer);
    }
    jb_json_array_end(writer);
}

struct jb_str jb__export_options_json(struct jb_scope *scope, const struct jb_model *model, const struct jb_export_options *options)
{
    struct jb_buf buf = JB_BUF_INIT((size_t)64 << 20);
    struct jb_json_writer writer;

    (void)model;
    jb_json_start(&writer, &buf);
    jb_json_object(&writer);
    jb_json_put(&writer, "format", jb_v(jb_str_of(formats[options->format])));
    jb_json_put(&writer, "columns", jb_v(options->columns));
    put_conditions(scope, &writer, options->conditions);
    jb_json_put(&writer, "search", jb_v(options->search));
    jb_json_put(&writer, "search_fields", jb_v(jb_str_of(options->search_fields)));
    jb_json_put(&writer, "order", jb_v(options->order));
    jb_json_put(&writer, "raw", jb_v_bool(options->raw));
    jb_json_put(&writer, "totals", jb_v_bool(options->totals));
    jb_json_put(&writer, "fresh", jb_v_bool(options->fresh));
    jb_json_put(&writer, "position", jb_v((int64_t)JB_MIN(options->position, (uint64_t)INT64_MAX)));
    jb_json_name(&writer, "ids");
    jb_json_array(&writer);
    for (size_t i = 0; i < options->ids.count; i++)
        jb_json_int(&writer, options->ids.at[i]);
    jb_json_array_end(&writer);
    jb_json_put(&writer, "language", jb_v(jb_language(scope) == JB_EN ? JB_STR("en") : JB_STR("ko")));
    jb_json_object_end(&writer);
    return finish(scope, &buf);
}

static struct jb_ids ids_read(struct jb_scope *scope, const struct jb_json *first, size_t count)
{
    int64_t *ids = JB_NEW_ARRAY(scope, int64_t, count + 1);
    size_t n = 0;

    for (const struct jb_json *item = first; item && n < count; item = item->next)
        if (item->type == JB_JSON_NUMBER && jb_str_to_int64(item->text, &ids[n]))
            n++;
    return (struct jb_ids){ ids, n };
}

static bool condition_read(struct jb_scope *scope, const struct jb_model *model, const struct jb_json *item, struct jb_condition *ret_condition)
{
    const struct jb_json *field = item->first, *op = field ? field->next : NULL, *value = op ? op->next : NULL;
    struct jb_condition condition = { 0 };

    if (!op)
        return jb_fail(scope, JB_INVALID, "job options: conditions");
    condition.field = jb_copy(scope, field->text);
    for (size_t i = 1; i < JB_COUNT(ops); i++)
        if (jb_str_is(op->text, ops[i]))
            condition.op = (enum jb_op)i;
    const struct jb_field *member = jb_record_field(&model->record, condition.field);
    if (condition.op == JB_OP_END || !member)
        return jb_fail(scope, JB_INVALID, "job options: conditions");
    if (condition.op == JB_IN)
        condition.value = jb_v(ids_read(scope, value, item->count - 2));
    else if (condition.op == JB_IS_NULL)
        condition.value = jb_v_bool(value && jb_str_is(value->text, "true"));
    else if (value && value->type == JB_JSON_STRING && !jb_field_parse(scope, member, value->text, &condition.value))
        return false;
    *ret_condition = condition;
    return true;
}

bool jb__export_options_read(struct jb_scope *scope, const struct jb_model *model, struct jb_str json, struct jb_export_options *ret_options, enum jb_language *ret_language)
{
    struct jb_json *object = jb_json_parse(scope, json);
    const struct jb_json *list = jb_json_member(object, "conditions"), *ids = jb_json_member(object, "ids");
    int format = 0;

    if (!object || !word_read(scope, object, "format", formats, JB_COUNT(formats), &format))
        return false;
    struct jb_condition *conditions = JB_NEW_ARRAY(scope, struct jb_condition, (list ? list->count : 0) + 1);
    size_t count = 0;
    for (const struct jb_json *item = list ? list->first : NULL; item; item = item->next)
        if (!condition_read(scope, model, item, &conditions[count++]))
            return false;
    *ret_options = (struct jb_export_options){
        .format = (enum jb_sheet_format)format,
        .columns = text_read(scope, object, "columns"),
        .conditions = conditions,
        .search = text_read(scope, object, "search"),
        .search_fields = text_read(scope, object, "search_fields").data,
        .order = text_read(scope, object, "order"),
        .raw = truth_read(object, "raw"),
        .totals = truth_read(object, "totals"),
        .fresh = truth_read(object, "fresh"),
        .position = (uint64_t)number_read(object, "position"),
        .ids = ids ? ids_read(scope, ids->first, ids->count) : (struct jb_ids){ NULL, 0 },
    };
    *ret_language = jb_str_is(text_read(scope, object, "language"), "en") ? JB_EN : JB_KO;
    return true;
}
