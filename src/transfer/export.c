/* export.c — rows of a model into a sheet, to any sink.
 *
 * One statement reads everything, what references lead to included, so that the file is of one moment however long it takes; memory stays the same for any number of rows. On the way the amounts are summed
 * and the bytes hashed: who has the file can tell that all of it came, and that it adds up. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"
#include <openssl/evp.h>
#include <string.h>

#define TOLD_EVERY 1000

struct column {
    const struct jb__target *target;
    bool summed;
    bool unknown; /* a value of another scale, or none that can be added */
    int scale;
    jb_decimal_sum units;
};

struct exporting {
    struct jb_scope *scope;
    const struct jb_model *model;
    const struct jb_export_options *options;
    struct jb__plan *plan;
    struct column *columns;
    size_t count;
    struct jb_values *values;
    struct jb_sheet_writer *writer;
    int64_t rows;
    struct jb__progress *progress; /* may be NULL */
    /* What goes to the sink. */
    jb_sheet_sink *sink;
    void *arg;
    EVP_MD_CTX *hash;
    int64_t bytes;
};

/* ---- columns --------------------------------------------------------------------------------------------------------------- */

static const struct jb__target *target_named(const struct jb__plan *plan, struct jb_str name)
{
    for (size_t i = 0; i < plan->count; i++)
        if (jb_str_equal(plan->targets[i].name, name) || jb_str_is(name, plan->targets[i].field->name))
            return &plan->targets[i];
    return NULL;
}

static bool choose_columns(struct exporting *exporting, struct jb_str names)
{
    const struct jb__plan *plan = exporting->plan;
    size_t room = plan->count + 1;

    for (size_t i = 0; i < names.size; i++)
        room += names.data[i] == ',';
    exporting->columns = JB_NEW_ARRAY(exporting->scope, struct column, room);
    for (size_t i = 0; names.size == 0 && i < plan->count; i++)
        exporting->columns[exporting->count++].target = &plan->targets[i];
    for (struct jb_str rest = names; names.size > 0 && rest.data;) {
        struct jb_str name = jb_str_trim(jb_str_cut(&rest, ','));
        const struct jb__target *target = target_named(plan, name);
        if (!target)
            return jb_fail(exporting->scope, JB_INVALID, JB_L(exporting->scope, "내보낼 열 ‘%.*s’이(가) 없습니다.", "There is no column \"%.*s\" to export."), JB_FMT(name));
        exporting->columns[exporting->count++].target = target;
    }
    for (size_t i = 0; i < exporting->count; i++) {
        struct column *column = &exporting->columns[i];
        column->summed = !column->target->lookup && column->target->field->type == JB_DECIMAL;
        column->scale = column->target->field->decimals;
    }
    return true;
}

/* "date project.code", as the store calls them. */
static const char *columns_read(const struct exporting *exporting)
{
    struct jb_buf buf = JB_BUF_INIT((size_t)1 << 20);

    for (size_t i = 0; i < exporting->count; i++) {
        const struct jb__target *target = exporting->columns[i].target;
        struct jb_str own = jb_str_of(target->field->name);
        if (target->lookup && jb_str_ends(own, JB_STR("_id")))
            own = jb_str_slice(own, 0, own.size - 3);
        jb_buf_printf(&buf, "%s%.*s%s%s", i ? " " : "", JB_FMT(own), target->lookup ? "." : "", target->lookup ? target->lookup->name : "");
    }
    struct jb_str text = jb_copy(exporting->scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return jb_cstr(exporting->scope, text);
}

/* ---- sums -------------------------------------------------------------------------------------------------------------------- */

static void add(struct column *column, const struct jb_value *value)
{
    if (value->type == JB_DECIMAL && value->decimal.scale == column->scale)
        column->units += value->decimal.units;
    else if (value->type != JB_NULL)
        column->unknown = true;
}

/* All its digits, of which there may be more than a decimal has. */
static struct jb_str sum_text(struct jb_scope *scope, const struct column *column)
{
    char text[JB_DECIMAL_SUM_TEXT_SIZE];
    return jb_copy(scope, jb_decimal_sum_text(column->units, column->scale, text));
}

static void totals_of(const struct exporting *exporting, struct jb_scope *scope, struct jb_export_result *result)
{
    result->totals = JB_NEW_ARRAY(scope, struct jb_export_total, exporting->count + 1);
    for (size_t i = 0; i < exporting->count; i++) {
        const struct column *column = &exporting->columns[i];
        if (column->summed && !column->unknown)
            result->totals[result->total_count++] = (struct jb_export_total){ jb_copy(scope, column->target->name), jb_copy(scope, column->target->heading), sum_text(scope, column) };
    }
}

/* The last row, when it was asked for: what imports the file again would take it for one of them. */
static bool write_totals(struct exporting *exporting)
{
    struct jb_scope *scope = exporting->scope;
    struct jb_value *values = JB_NEW_ARRAY(scope, struct jb_value, exporting->count);
    bool named = false;

    for (size_t i = 0; i < exporting->count; i++) {
        const struct column *column = &exporting->columns[i];
        struct jb_decimal number;
        values[i] = jb_v_null();
        if (column->summed && !column->unknown) {
            struct jb_str text = sum_text(scope, column);
            values[i] = jb_decimal_parse(text, &number) ? jb_v_decimal(number) : jb_v_text(text);
        } else if (!named) {
            values[i] = jb_v_text(jb_str_of(JB_L(scope, "합계", "Total")));
            named = true;
        }
    }
    return jb_sheet_writer_row(exporting->writer, scope, values, exporting->count);
}

/* ---- rows -------------------------------------------------------------------------------------------------------------------- */

/* JSON is for programs: its members are called as the fields are. */
static bool write_head(struct exporting *exporting)
{
    bool by_names = exporting->options->format == JB_SHEET_JSON || exporting->options->format == JB_SHEET_JSONL;
    struct jb_scope *scope = exporting->scope;
    struct jb_str *titles = JB_NEW_ARRAY(scope, struct jb_str, exporting->count);
    const struct jb_field **fields = JB_NEW_ARRAY(scope, const struct jb_field *, exporting->count);

    for (size_t i = 0; i < exporting->count; i++) {
        titles[i] = by_names ? exporting->columns[i].target->name : exporting->columns[i].target->heading;
        fields[i] = exporting->columns[i].target->lookup ? exporting->columns[i].target->lookup : exporting->columns[i].target->field;
    }
    return jb_sheet_writer_head(exporting->writer, scope, titles, fields, exporting->count);
}

/* Now and then: others have their turn, and somebody may not want it any more. */
static bool go_on(struct exporting *exporting)
{
    if (exporting->progress)
        jb__progress_done(exporting->progress, exporting->rows);
    if (jb_on_fiber())
        jb_yield();
    return jb_continue(exporting->scope);
}

static bool write_rows(struct exporting *exporting)
{
    struct jb_scope *scope = exporting->scope;
    const struct jb_value *values;

    while (jb_values_next(exporting->values, scope, &values)) {
        for (size_t i = 0; i < exporting->count; i++)
            if (exporting->columns[i].summed)
                add(&exporting->columns[i], &values[i]);
        if (!jb_sheet_writer_row(exporting->writer, scope, values, exporting->count))
            return false;
        if (++exporting->rows % TOLD_EVERY == 0 && !go_on(exporting))
            return false;
    }
    return !jb_failure(scope) && (!exporting->options->totals || write_totals(exporting));
}

const struct jb_condition *jb__export_conditions(struct jb_scope *scope, const struct jb_model *model, const struct jb_export_options *options)
{
    size_t count = 0;

    if (options->ids.count == 0)
        return options->conditions;
    while (options->conditions && options->conditions[count].op != JB_OP_END)
        count++;
    struct jb_condition *all = JB_NEW_ARRAY(scope, struct jb_condition, count + 2);
    if (count > 0)
        memcpy(all, options->conditions, count * sizeof *all);
    all[count] = (struct jb_condition){ jb_str_of(jb_model_primary(model)->name), JB_IN, jb_v(options->ids) };
    return all;
}

static bool hash_on(void *arg, struct jb_scope *scope, const void *bytes, size_t size)
{
    struct exporting *exporting = arg;

    JB_CHECK(EVP_DigestUpdate(exporting->hash, bytes, size) == 1);
    exporting->bytes += (int64_t)size;
    return exporting->sink(exporting->arg, scope, bytes, size);
}

static bool write_sheet(struct exporting *exporting)
{
    struct jb_scope *scope = exporting->scope;
    const struct jb_export_options *options = exporting->options;

    exporting->writer = jb_sheet_writer_new(scope,
        &(struct jb_sheet_writer_options){
            .format = options->format == JB_SHEET_AUTO ? JB_SHEET_XLSX : options->format,
            .sheet = jb_model_label(exporting->model, scope),
            .raw = options->raw,
            .bom = true,
            .zone = jb__transfer_of(scope)->zone,
            .beside = true,
        },
        hash_on, exporting);
    return exporting->writer && write_head(exporting) && write_rows(exporting) && jb_sheet_writer_finish(exporting->writer, scope);
}

/* Without a wish rows come in the order in which they were made: the key's index has them so. */
static bool run_export(struct exporting *exporting)
{
    struct jb_scope *scope = exporting->scope;
    const struct jb_model *model = exporting->model;
    const struct jb_export_options *options = exporting->options;

    exporting->plan = jb__plan_new(scope, jb__transfer_of(scope), jb_exchange_of(scope, model), JB_STR_NULL);
    if (!exporting->plan || !choose_columns(exporting, options->columns))
        return false;
    struct jb_select select = {
        .conditions = jb__export_conditions(scope, model, options),
        .search = options->search,
        .search_fields = options->search_fields,
        .order = options->order.size > 0 ? options->order : jb_str_of(jb_model_primary(model)->name),
        .fresh = options->fresh,
        .reads = options->fresh ? JB_READS_PRIMARY : JB_READS_ANALYTICS,
    };
    exporting->values = jb_values_open(scope, model, &select, columns_read(exporting));
    return exporting->values && write_sheet(exporting);
}

static void result_of(const struct exporting *exporting, struct jb_scope *scope, struct jb_export_result *ret_result)
{
    struct jb_export_result result = { .rows = exporting->rows, .bytes = exporting->bytes, .sheets = jb_sheet_writer_sheets(exporting->writer) };
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    JB_CHECK(EVP_DigestFinal_ex(exporting->hash, digest, &size) == 1 && size == 32);
    for (unsigned i = 0; i < size; i++) {
        result.sha256[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        result.sha256[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    totals_of(exporting, scope, &result);
    if (result.sheets > 1)
        result.note = jb_format(scope, JB_L(scope, "행이 많아 시트 %d개로 나누었습니다. 한 시트에는 머리글과 1,048,575행이 들어갑니다.", "There are so many rows that they stand on %d sheets: one holds the headings and 1,048,575 rows."), result.sheets);
    *ret_result = result;
}

bool jb__export_with(struct jb_scope *outer, const struct jb_model *model, const struct jb_export_options *options, jb_sheet_sink *sink, void *arg, struct jb__progress *progress, struct jb_export_result *ret_result)
{
    struct jb_scope *scope = jb_scope_child(outer, "export");
    struct exporting exporting = { .scope = scope, .model = model, .options = options, .progress = progress, .sink = sink, .arg = arg, .hash = EVP_MD_CTX_new() };

    JB_CHECK(exporting.hash && EVP_DigestInit_ex(exporting.hash, EVP_sha256(), NULL) == 1);
    bool ok = run_export(&exporting) || jb_failure_pass(scope, outer);
    if (ok && ret_result)
        result_of(&exporting, outer, ret_result);
    jb_sheet_writer_free(exporting.writer);
    jb_values_close(exporting.values);
    EVP_MD_CTX_free(exporting.hash);
    jb_scope_end(scope);
    return ok;
}

bool jb_export_to(struct jb_scope *scope, const struct jb_model *model, const struct jb_export_options *options, jb_sheet_sink *sink, void *arg, struct jb_export_result *ret_result)
{
    return jb__export_with(scope, model, options, sink, arg, NULL, ret_result);
}
