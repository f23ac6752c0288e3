/* check.c — the checker thread: cells become records that keep the table's rules, and records become staged rows.
 *
 * A row starts as a copy of one with all defaults; an empty cell leaves what stands there. Every bad cell of a row is reported, the row counts once. References given by a unique
 * field of their target ("project.code") are looked up together, once per batch, and remembered. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"
#include "base/map.h"
#include <stdlib.h>
#include <string.h>

#define LOOKUPS_MAX 16
#define REMEMBERED_MAX 200000
#define VALUE_CHARS_SHOWN 200

struct lookup {
    const struct jb__target *target;
    struct jb_map ids; /* text → id + 1, in `memory` */
    struct jb_scope *memory;
    struct jb_str *keys; /* per row of the batch; NULL: empty cell */
};

struct checking {
    struct jb__checker *checker;
    const struct jb__plan *plan;
    const struct jb_record *record;
    const struct jb_sheet *sheet; /* of the batch at hand */
    bool strays;                  /* values without a heading matter there: it is the upload itself */
    void *blank;                  /* a row with all defaults */
    char *rows;                   /* batch_rows records */
    bool *good;
    size_t row_count;
    struct lookup lookups[LOOKUPS_MAX];
    size_t lookup_count;
    bool *filled; /* per target, for the row at hand */
};

/* ---- refusing ------------------------------------------------------------------------------------------------------------- */

static struct jb_str shown(struct jb_str value)
{
    return value.data ? jb_utf8_first(value, VALUE_CHARS_SHOWN) : value;
}

static bool refuse(struct checking *checking, struct jb_scope *scope, int64_t row, const struct jb__target *target, struct jb_str value, struct jb_str reason)
{
    struct jb__checker *checker = checking->checker;

    if (row <= checker->decided_to)
        return true; /* whatever is wrong with it now */
    checker->counts.errors++;
    return jb_stage_refuse(checker->stage, scope, row, target ? target->name : JB_STR_NULL, shown(value), reason);
}

/* The failure that stands in the scope becomes the reason; other kinds than bad input are passed on. */
static bool refuse_failure(struct checking *checking, struct jb_scope *scope, int64_t row, const struct jb__target *target, const struct jb_cell *cell)
{
    enum jb_error error = jb_error(scope);
    struct jb_str reason = jb_failure_text(scope);

    if (error != JB_INVALID && error != JB_CONFLICT && error != JB_DENIED)
        return false;
    struct jb_str value = cell ? jb_cell_text(checking->sheet, scope, cell) : JB_STR_NULL;
    jb_failure_clear(scope);
    return refuse(checking, scope, row, target, value, reason);
}

/* ---- one row ------------------------------------------------------------------------------------------------------------------ */

static struct lookup *lookup_of(struct checking *checking, const struct jb__target *target)
{
    for (size_t i = 0; i < checking->lookup_count; i++)
        if (checking->lookups[i].target == target)
            return &checking->lookups[i];
    return NULL;
}

/* The value of a cell into the record, or its key into the lookup. *ret_ok: the cell is fine. */
static bool take_cell(struct checking *checking, struct jb_scope *scope, size_t index, const struct jb_sheet_row *row, const struct jb_cell *cell, bool *ret_ok)
{
    const struct jb__target *target = checking->plan->by_column[cell->column];
    const struct jb_field *field = target->lookup ? target->lookup : target->field;
    void *record = checking->rows + index * checking->record->size;
    struct jb_value value;

    *ret_ok = jb_cell_value(checking->sheet, scope, cell, field, &value);
    if (*ret_ok && value.type == JB_NULL)
        return true; /* as an empty cell: what stands in the blank row */
    checking->plan->seen[cell->column] = true;
    *ret_ok = *ret_ok && jb_field_check(scope, field, value);
    if (!*ret_ok)
        return refuse_failure(checking, scope, row->number, target, cell);
    checking->filled[target - checking->plan->targets] = true;
    if (target->lookup) {
        lookup_of(checking, target)->keys[index] = jb_value_text(scope, value);
        return true;
    }
    *ret_ok = jb_record_set(checking->record, record, target->field, value);
    if (*ret_ok)
        return true;
    jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "값이 너무 큽니다.", "The value is too large."));
    return refuse_failure(checking, scope, row->number, target, cell);
}

/* Cells that are empty: a required one without a default is refused. */
static bool take_missing(struct checking *checking, struct jb_scope *scope, const struct jb_sheet_row *row, bool *good)
{
    const struct jb__plan *plan = checking->plan;

    for (size_t i = 0; i < plan->count; i++) {
        const struct jb__target *target = &plan->targets[i];
        const struct jb_field *field = target->field;
        bool needed = target->match ? !field->primary : field->required && !field->default_text && !target->has_fallback;
        if (!target->column || checking->filled[i] || !needed)
            continue;
        *good = false;
        if (!refuse(checking, scope, row->number, target, JB_STR_NULL, jb_str_of(JB_L(scope, "비어 있습니다. 값을 적으세요.", "It is empty. Enter a value."))))
            return false;
    }
    return true;
}

/* A value where no heading stands. In a text it is the rest of a cell that a comma has cut in two: what stands before it is not what was meant. In a workbook it is a remark beside the table; it is told. */
static bool take_stray(struct checking *checking, struct jb_scope *scope, const struct jb_sheet_row *row, const struct jb_cell *cell, bool *ret_ok)
{
    struct jb__checker *checker = checking->checker;
    struct jb_str text = jb_str_trim_unicode(jb_cell_text(checking->sheet, scope, cell));
    char letters[4];

    *ret_ok = true;
    if (text.size == 0)
        return true;
    if (jb_sheet_number_format(checking->sheet, 0)) {
        if (checker->stray_row == 0) {
            checker->stray_row = row->number;
            checker->stray_column = cell->column;
        }
        return true;
    }
    *ret_ok = false;
    struct jb_str column = jb_column_letters(cell->column, letters);
    struct jb_str reason = jb_format(scope, JB_L(scope, "%.*s열에는 머리글이 없습니다. 값 안의 쉼표라면 값을 따옴표로 묶고(\"1,234\"), 아니면 머리글을 적거나 그 열을 빼세요(map \"[%.*s]=\").", "Column %.*s has no heading. If a comma within a value came here, put that value in quotes (\"1,234\"); otherwise add a heading, or leave the column out (map \"[%.*s]=\")."), JB_FMT(column), JB_FMT(column));
    return refuse(checking, scope, row->number, NULL, text, reason);
}

static bool is_blank(const struct checking *checking)
{
    for (size_t i = 0; i < checking->plan->count; i++)
        if (checking->filled[i])
            return false;
    return true;
}

/* Checks row `index` of the batch. *ret_blank: nothing we know stands in it, it is no row. */
static bool check_row(struct checking *checking, struct jb_scope *scope, size_t index, const struct jb_sheet_row *row, bool *ret_blank)
{
    const struct jb__plan *plan = checking->plan;
    bool good = true, bad_cell = false;

    memcpy(checking->rows + index * checking->record->size, checking->blank, checking->record->size);
    memset(checking->filled, 0, plan->count * sizeof *checking->filled);
    for (size_t i = 0; i < checking->lookup_count; i++)
        checking->lookups[i].keys[index] = JB_STR_NULL;
    for (size_t i = 0; i < row->count; i++) {
        bool ok, stray = row->cells[i].column > plan->column_max || (!plan->by_column[row->cells[i].column] && !plan->seen[row->cells[i].column]);
        if (stray && checking->strays) {
            if (!take_stray(checking, scope, row, &row->cells[i], &ok))
                return false;
            bad_cell |= !ok;
        }
        if (stray || !plan->by_column[row->cells[i].column])
            continue;
        if (!take_cell(checking, scope, index, row, &row->cells[i], &ok))
            return false;
        if (!ok) {
            checking->filled[plan->by_column[row->cells[i].column] - plan->targets] = true; /* said already */
            bad_cell = true;
        }
    }
    *ret_blank = !bad_cell && is_blank(checking);
    if (!*ret_blank && !take_missing(checking, scope, row, &good))
        return false;
    checking->good[index] = good && !bad_cell;
    return true;
}

/* ---- references ------------------------------------------------------------------------------------------------------------------ */

/* Between batches only: what a batch asked for must be known until it is resolved. */
static void forget(struct lookup *lookup)
{
    jb_map_done(&lookup->ids);
    jb_map_init(&lookup->ids);
    jb_scope_end(lookup->memory);
    lookup->memory = jb_scope_new("lookups");
}

static void remember(struct lookup *lookup, struct jb_str key, int64_t id)
{
    jb_map_put(&lookup->ids, jb_copy(lookup->memory, key), (void *)(intptr_t)(id + 1));
}

/* Asks for the keys of this batch that nobody asked for yet. */
static bool look_up(struct checking *checking, struct jb_scope *scope, struct lookup *lookup)
{
    struct jb_str *keys = JB_NEW_ARRAY(scope, struct jb_str, checking->row_count + 1);
    int64_t *ids = JB_NEW_ARRAY(scope, int64_t, checking->row_count + 1);
    struct jb_map wanted;
    size_t count = 0;

    if (lookup->ids.count >= REMEMBERED_MAX)
        forget(lookup);
    jb_map_init(&wanted);
    for (size_t i = 0; i < checking->row_count; i++) {
        struct jb_str key = lookup->keys[i];
        if (!key.data || jb_map_get(&lookup->ids, key) || jb_map_get(&wanted, key))
            continue;
        keys[count++] = key;
        jb_map_put(&wanted, key, lookup);
    }
    jb_map_done(&wanted);
    bool ok = count == 0 || jb_stage_lookup(checking->checker->stage, scope, lookup->target->lookup_in, lookup->target->lookup, keys, count, ids);
    for (size_t i = 0; ok && i < count; i++)
        remember(lookup, keys[i], ids[i]);
    return ok;
}

static bool resolve(struct checking *checking, struct jb_scope *scope, struct lookup *lookup, const struct jb_sheet_row *const *rows)
{
    const struct jb__target *target = lookup->target;

    if (!look_up(checking, scope, lookup))
        return false;
    for (size_t i = 0; i < checking->row_count; i++) {
        struct jb_str key = lookup->keys[i];
        if (!key.data)
            continue;
        int64_t id = (int64_t)(intptr_t)jb_map_get(&lookup->ids, key) - 1;
        if (id > 0) {
            JB_CHECK(jb_record_set(checking->record, checking->rows + i * checking->record->size, target->field, jb_v(id)));
            continue;
        }
        checking->good[i] = false;
        struct jb_str name = jb_model_entry(target->lookup_in, scope);
        struct jb_str reason = jb_format(scope, JB_L(scope, "그런 %.*s이(가) 없습니다. 먼저 등록하거나 고쳐 적으세요.", "There is no such %.*s. Add it first, or correct the value."), JB_FMT(name));
        if (!refuse(checking, scope, rows[i]->number, target, key, reason))
            return false;
    }
    return true;
}

/* ---- rows that stay refused ---------------------------------------------------------------------------------------------------------- */

static const struct jb_cell *cell_at(const struct jb_sheet_row *row, uint32_t column)
{
    for (size_t i = 0; column && i < row->count; i++)
        if (row->cells[i].column == column)
            return &row->cells[i];
    return NULL;
}

static const struct jb__target *target_headed(const struct jb__plan *plan, struct jb_str heading)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->targets[i].column && (jb_str_equal(plan->targets[i].heading, heading) || jb_str_equal(plan->targets[i].label, heading)))
            return &plan->targets[i];
    return NULL;
}

/* A row of our own workbook of refused ones, with a line for each sentence. */
static bool carry_row(struct checking *checking, struct jb_scope *scope, const struct jb__source *source, const struct jb_sheet_row *row)
{
    const struct jb_cell *what = cell_at(row, source->what_column), *why = cell_at(row, source->reason_column);
    struct jb_str columns = what ? what->text : JB_STR(""), reasons = why ? why->text : JB_STR("");

    if (jb__row_set_has(checking->checker->refused_before, row->number))
        return true;
    checking->checker->counts.carried++;
    struct jb_str rest = reasons;
    checking->checker->counts.conflicts += jb__says_conflict(jb_str_cut(&rest, '\n'));
    while (reasons.data) {
        struct jb_str reason = jb_str_cut(&reasons, '\n'), heading = columns.data ? jb_str_cut(&columns, '\n') : JB_STR("");
        const struct jb__target *target = target_headed(checking->plan, heading);
        const struct jb_cell *cell = target ? cell_at(row, target->column) : NULL;
        if (!refuse(checking, scope, row->number, target, cell ? jb_cell_text(source->sheet, scope, cell) : JB_STR_NULL, reason))
            return false;
    }
    return true;
}

static bool carry_batch(struct checking *checking, struct jb_scope *scope, const struct jb__batch_rows *batch)
{
    bool ok = jb_stage_begin(checking->checker->stage, scope);

    for (size_t i = 0; ok && i < batch->count; i++)
        ok = carry_row(checking, scope, batch->source, &batch->rows[i]);
    return ok && jb_stage_commit(checking->checker->stage, scope);
}

/* ---- a batch ------------------------------------------------------------------------------------------------------------------------ */

/* What the check said about one field. */
static bool refuse_named(struct checking *checking, struct jb_scope *scope, size_t index, int64_t row, const struct jb_field_error *error)
{
    const struct jb_field *field = jb_record_field(checking->record, error->field);
    const struct jb__target *target = NULL;

    for (size_t i = 0; i < checking->plan->count; i++)
        if (checking->plan->targets[i].field == field)
            target = &checking->plan->targets[i];
    struct jb_str value = field ? jb_value_text(scope, jb_record_get(checking->record, checking->rows + index * checking->record->size, field)) : JB_STR_NULL;
    return refuse(checking, scope, row, target, value, error->message);
}

/* The model's own check, while nothing can stand in the table that the row would change. */
static bool own_check(struct checking *checking, struct jb_scope *scope, size_t index, int64_t row)
{
    const struct jb__checker *checker = checking->checker;
    const struct jb_model *model = checking->plan->model;

    if (!checker->checks || row <= checker->decided_to || !checking->good[index] || model->check(scope, checker->check_state, NULL, checking->rows + index * checking->record->size))
        return true;
    checking->good[index] = false;
    const struct jb_field_error *error = jb_failure(scope)->fields;
    if (!error || jb_error(scope) != JB_INVALID)
        return refuse_failure(checking, scope, row, NULL, NULL);
    jb_failure_clear(scope);
    for (; error; error = error->next)
        if (!refuse_named(checking, scope, index, row, error))
            return false;
    return true;
}

static bool stage_rows(struct checking *checking, struct jb_scope *scope, const struct jb_sheet_row *const *rows)
{
    struct jb__checker *checker = checking->checker;

    for (size_t i = 0; i < checking->row_count; i++) {
        if (!own_check(checking, scope, i, rows[i]->number))
            return false;
        checker->counts.rows++;
        bool decided = rows[i]->number <= checker->decided_to; /* one that is in is staged only so that later ones find its key */
        if (decided && jb__row_set_has(checker->refused_before, rows[i]->number))
            continue;
        if (checking->good[i] && !jb_stage_add(checker->stage, scope, rows[i]->number, checking->rows + i * checking->record->size)) {
            checking->good[i] = false; /* a rule of the table's own definition */
            if (!refuse_failure(checking, scope, rows[i]->number, NULL, NULL))
                return false;
        }
        if (!checking->good[i] && !decided && ++checker->counts.refused + checker->refused_earlier >= checker->limit_refused && checker->limit_refused > 0) {
            return jb_fail(scope, JB_LIMIT, JB_L(scope, "거절된 행이 %lld개가 되어 그만두었습니다.", "Gave up after %lld refused rows."), (long long)checker->limit_refused);
        }
    }
    return true;
}

static bool check_batch(struct checking *checking, struct jb_scope *scope, const struct jb__batch_rows *batch)
{
    struct jb__checker *checker = checking->checker;
    const struct jb_sheet_row **rows = JB_NEW_ARRAY(scope, const struct jb_sheet_row *, batch->count + 1);
    bool blank;

    if (JB_FAULT("transfer/import/batch", scope))
        return false;
    if (!jb__pace_rest_blocking(&checker->progress->pace, scope))
        return false;
    if (batch->source->carried)
        return carry_batch(checking, scope, batch);
    if (!jb_stage_begin(checker->stage, scope))
        return false;
    checking->row_count = 0;
    checking->sheet = batch->source->sheet;
    checking->strays = !batch->source->numbered;
    for (size_t i = 0; i < batch->count; i++) {
        if (!check_row(checking, scope, checking->row_count, &batch->rows[i], &blank))
            return false;
        if (!blank)
            rows[checking->row_count++] = &batch->rows[i];
        else if (batch->source->numbered)
            jb__row_set_add(checking->checker->dropped, batch->rows[i].number);
    }
    for (size_t i = 0; i < checking->lookup_count; i++)
        if (!resolve(checking, scope, &checking->lookups[i], rows))
            return false;
    return stage_rows(checking, scope, rows) && jb_stage_commit(checker->stage, scope);
}

/* ---- the thread ------------------------------------------------------------------------------------------------------------------------ */

static void set_times(const struct jb_record *record, void *row)
{
    for (const struct jb_field *field = record->fields; field->type != JB_END; field++)
        if (field->auto_now || field->auto_now_add)
            JB_CHECK(jb_record_set(record, row, field, jb_v(jb_now())));
}

static bool fail_no_default(struct jb_scope *scope, const struct jb__target *target, struct jb_str text)
{
    struct jb_str name = jb_model_label(target->field->references, scope);
    return jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’의 기본값 ‘%.*s’: 그런 %.*s이(가) 없습니다. 먼저 등록하거나 고쳐 적으세요.", "The default of \"%.*s\", \"%.*s\": there is no such %.*s. Add it first, or correct the value."), JB_FMT(target->heading), JB_FMT(text),
        JB_FMT(name));
}

/* What the job says in place of a field's default, into the row that all begin with. */
static bool set_fallback(struct checking *checking, struct jb_scope *scope, const struct jb__target *target)
{
    struct jb_value value = target->fallback;
    int64_t id = 0;

    if (target->fallback_lookup && value.type != JB_NULL) {
        struct jb_str text = jb_value_text(scope, value);
        if (!jb_stage_lookup(checking->checker->stage, scope, target->field->references, target->fallback_lookup, &text, 1, &id))
            return false;
        if (id == 0)
            return fail_no_default(scope, target, text);
        value = jb_v(id);
    }
    return jb_record_set(checking->record, checking->blank, target->field, value) || jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "값이 너무 큽니다.", "The value is too large."));
}

static bool checking_open(struct checking *checking, struct jb__checker *checker)
{
    const struct jb__plan *plan = checker->plan;
    struct jb_scope *scope = checker->scope;
    size_t rows = (size_t)checker->batch_rows;

    *checking = (struct checking){ .checker = checker, .plan = plan, .record = &plan->model->record };
    checking->blank = jb_alloc(scope, checking->record->size);
    checking->rows = jb_alloc_array(scope, checking->record->size, rows);
    checking->good = JB_NEW_ARRAY(scope, bool, rows);
    checking->filled = JB_NEW_ARRAY(scope, bool, plan->count);
    if (!jb_record_defaults(scope, checking->record, checking->blank))
        return false;
    set_times(checking->record, checking->blank);
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->targets[i].has_fallback && !set_fallback(checking, scope, &plan->targets[i]))
            return false;
        if (!plan->targets[i].lookup || !plan->targets[i].column)
            continue;
        JB_CHECK(checking->lookup_count < LOOKUPS_MAX);
        struct lookup *lookup = &checking->lookups[checking->lookup_count++];
        lookup->target = &plan->targets[i];
        lookup->memory = jb_scope_new("lookups");
        lookup->keys = JB_NEW_ARRAY(scope, struct jb_str, rows);
        jb_map_init(&lookup->ids);
    }
    return true;
}

static void checking_close(struct checking *checking)
{
    for (size_t i = 0; i < checking->lookup_count; i++) {
        jb_map_done(&checking->lookups[i].ids);
        jb_scope_end(checking->lookups[i].memory);
    }
}

void jb__checker_run(void *arg)
{
    struct jb__checker *checker = arg;
    struct jb_scope *scope = checker->scope;
    struct checking checking;
    void *item;

    bool ok = checking_open(&checking, checker);
    while (ok && jb_channel_receive(checker->filled, scope, &item)) {
        struct jb__batch_rows *batch = item;
        struct jb_scope *one = jb_scope_child(scope, "batch");
        ok = check_batch(&checking, one, batch) || jb_failure_pass(one, scope);
        jb_scope_end(one);
        jb__progress_counts(checker->progress, -1, 0, 0, 0, checker->counts.refused);
        jb__progress_share(checker->progress, batch->share, checker->counts.rows);
        if (!jb_channel_try_send(checker->free, batch))
            jb__batch_free(batch);
    }
    checking_close(&checking);
    jb_channel_close(checker->free); /* a reader that waits for a batch gives up */
    jb_channel_close(checker->filled);
}
