/* balance.c — what an import's amounts add up to: by the file, and as the change of the table. The merge has proved that they agree (store/stage_sums.c).
 *
 * As JSON, in the job's row and, for the batches that a skip import has committed, in its mark: [{"column":"income","label":"수입","file":"1200.50","before":"0.00","after":"1200.50","change":"1200.50"}]. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"

#define TOTALS_BYTES_MAX ((size_t)64 << 10)

static struct jb_stage_sum *sum_of(struct jb_stage_sums *sums, const struct jb_field *field)
{
    for (size_t i = 0; i < sums->count; i++)
        if (sums->at[i].field == field)
            return &sums->at[i];
    if (sums->count == JB_STAGE_SUMS_MAX)
        return NULL;
    sums->at[sums->count] = (struct jb_stage_sum){ .field = field };
    return &sums->at[sums->count++];
}

void jb__balance_add(struct jb_stage_sums *sums, const struct jb_stage_sums *more)
{
    for (size_t i = 0; i < more->count; i++) {
        struct jb_stage_sum *sum = sum_of(sums, more->at[i].field);
        if (!sum)
            continue;
        sum->file += more->at[i].file;
        sum->before += more->at[i].before;
        sum->after += more->at[i].after;
        sum->unknown |= more->at[i].unknown;
    }
}

/* ---- as JSON ---------------------------------------------------------------------------------------------------------------------- */

static void put_sum(struct jb_json_writer *writer, const struct jb_stage_sum *sum, const char *name, jb_decimal_sum units)
{
    char text[JB_DECIMAL_SUM_TEXT_SIZE];
    jb_json_put(writer, name, jb_v(jb_decimal_sum_text(units, sum->field->decimals, text)));
}

struct jb_str jb__balance_json(struct jb_scope *scope, const struct jb_stage_sums *sums, bool with_unknown)
{
    struct jb_buf buf = JB_BUF_INIT(TOTALS_BYTES_MAX);
    struct jb_json_writer writer;

    if (sums->count == 0)
        return JB_STR_NULL;
    jb_json_start(&writer, &buf);
    jb_json_array(&writer);
    for (size_t i = 0; i < sums->count; i++) {
        const struct jb_stage_sum *sum = &sums->at[i];
        if (sum->unknown && !with_unknown)
            continue;
        jb_json_object(&writer);
        jb_json_put(&writer, "column", jb_v(jb_str_of(sum->field->name)));
        if (sum->unknown)
            jb_json_put(&writer, "unknown", jb_v_bool(true));
        jb_json_put(&writer, "label", jb_v(jb_field_label(scope, sum->field, jb_language(scope))));
        put_sum(&writer, sum, "file", sum->file);
        put_sum(&writer, sum, "before", sum->before);
        put_sum(&writer, sum, "after", sum->after);
        put_sum(&writer, sum, "change", sum->after - sum->before);
        jb_json_object_end(&writer);
    }
    jb_json_array_end(&writer);
    struct jb_str json = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return json;
}

static bool units_of(const struct jb_json *object, const char *name, const struct jb_field *field, jb_decimal_sum *units)
{
    const struct jb_json *text = jb_json_member(object, name);
    jb_decimal_sum more;

    if (!text || !jb_decimal_sum_parse(text->text, field->decimals, &more))
        return false;
    *units += more;
    return true;
}

bool jb__balance_read(struct jb_scope *scope, const struct jb_model *model, struct jb_str json, struct jb_stage_sums *sums)
{
    const struct jb_json *list = json.size > 0 ? jb_json_parse(scope, json) : NULL;

    if (json.size > 0 && !list)
        return false;
    for (const struct jb_json *item = list ? list->first : NULL; item; item = item->next) {
        const struct jb_json *column = jb_json_member(item, "column");
        const struct jb_field *field = column ? jb_record_field(&model->record, column->text) : NULL;
        struct jb_stage_sum *sum = field ? sum_of(sums, field) : NULL;
        if (sum && jb_json_member(item, "unknown"))
            sum->unknown = true;
        else if (sum && (!units_of(item, "file", field, &sum->file) || !units_of(item, "before", field, &sum->before) || !units_of(item, "after", field, &sum->after)))
            sum->unknown = true;
    }
    return true;
}

/* ---- of an attempt ------------------------------------------------------------------------------------------------------------------- */

/* What this transaction has merged of (from, to], and what stands there unchanged. */
static bool take(struct jb__attempt *attempt, int64_t from, int64_t to, int64_t unchanged, struct jb_stage_sums *sums)
{
    if (unchanged > 0 && !jb_stage_sums_standing(attempt->stage, attempt->scope, from, to))
        return false;
    jb__balance_add(sums, jb_stage_sums(attempt->stage));
    return true;
}

bool jb__balance_take(struct jb__attempt *attempt)
{
    attempt->sums.count = 0;
    return take(attempt, 0, 0, attempt->counts.unchanged, &attempt->sums);
}

bool jb__balance_note(struct jb__attempt *attempt, int64_t from, int64_t to, const struct jb_stage_counts *counts)
{
    struct jb_str json;

    attempt->sums_then = attempt->sums;
    if (!take(attempt, from, to, counts->unchanged, &attempt->sums_then))
        return false;
    json = jb__balance_json(attempt->scope, &attempt->sums_then, true);
    return !json.data || jb_exec(attempt->scope, JB_SQL("update import_marks set totals = ? where id = ?", json, attempt->job.id), NULL);
}
