/* stage_sift.c — which rows of a batch the table itself refuses: constraints, triggers and rules of its own, of which no model knows.
 *
 * Sets cannot ask for them, so a batch that fails is halved until each culprit stands alone: one of n costs about log₂ n statements, never n. Each part is tried within a savepoint; what went in
 * stays in, so that rows are judged beside those before them. When the first half of a failing part goes in, the second one is at fault, and is halved at once. */
// SPDX-License-Identifier: Apache-2.0
#include "store/stage_private.h"
#include "run/run.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define PART_ROWS 5000
#define VALUES_SHOWN 1000 /* refusals whose value is looked up: as many as a job shows */

struct sift {
    struct jb_stage *stage;
    struct jb_scope *scope;
    int64_t limit, new_rows, changed;
};

/* ---- what was found ------------------------------------------------------------------------------------------------------------ */

void jb__stage_sift_done(struct jb_stage *stage)
{
    if (!stage->sift_memory)
        return;
    jb_map_done(&stage->sift_words);
    jb_scope_end(stage->sift_memory);
    free(stage->sifted);
    stage->sift_memory = NULL;
    stage->sifted = NULL;
    stage->sifted_count = stage->sifted_capacity = 0;
}

static void sift_open(struct jb_stage *stage)
{
    jb__stage_sift_done(stage);
    stage->sift_memory = jb_scope_new("sifted rows");
    jb_map_init(&stage->sift_words);
}

/* One copy of a text, however often it comes; NULL for none. */
static const char *kept(struct jb_stage *stage, struct jb_str text)
{
    if (text.size == 0)
        return NULL;
    char *copy = jb_map_get(&stage->sift_words, text);
    if (copy)
        return copy;
    struct jb_str key = jb_copy(stage->sift_memory, text);
    copy = (char *)jb_cstr(stage->sift_memory, key);
    jb_map_put(&stage->sift_words, key, copy);
    return copy;
}

static struct jb__sifted *sifted_add(struct jb_stage *stage, int64_t row)
{
    if (stage->sifted_count == stage->sifted_capacity) {
        stage->sifted_capacity = stage->sifted_capacity ? stage->sifted_capacity * 2 : 256;
        stage->sifted = realloc(stage->sifted, stage->sifted_capacity * sizeof *stage->sifted);
        JB_CHECK(stage->sifted);
    }
    struct jb__sifted *sifted = &stage->sifted[stage->sifted_count++];
    *sifted = (struct jb__sifted){ .row = row };
    return sifted;
}

/* The failure that stands in the scope, of a part of one row. */
static bool take_culprit(struct sift *sift, struct jb_scope *scope, int64_t row, struct jb_str rule)
{
    struct jb_stage *stage = sift->stage;
    const struct jb_field_error *error = jb_failure(scope)->fields;
    struct jb__sifted *sifted = sifted_add(stage, row);

    sifted->rule = kept(stage, rule);
    sifted->field = error ? kept(stage, error->field) : NULL;
    sifted->reason = kept(stage, error ? error->message : jb_failure_text(scope));
    if (sift->limit == 0 || (int64_t)stage->sifted_count < sift->limit)
        return true;
    return jb_fail(sift->scope, JB_LIMIT, "%s", JB_L(sift->scope, "표가 거절한 행이 너무 많습니다.", "The table refuses too many rows."));
}

bool jb__stage_fail_left_out(struct jb_scope *scope, int64_t count)
{
    if (count == 1)
        return jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "표가 말없이 이 행을 뺐습니다. 표에 딸린 규칙(트리거)을 보세요.", "The table left this row out without a word. Look at its triggers and rules."));
    return jb_fail(scope, JB_INVALID, JB_L(scope, "표가 말없이 %lld행을 뺐습니다. 표에 딸린 규칙(트리거)을 보세요.", "The table left %lld rows out without a word. Look at its triggers and rules."), (long long)count);
}

/* ---- halves ------------------------------------------------------------------------------------------------------------------------ */

static bool is_refusal(enum jb_error error)
{
    return error == JB_INVALID || error == JB_CONFLICT;
}

static bool run_part(struct sift *sift, struct jb_scope *scope, int64_t after_row, int64_t last_row, struct jb__sift_part *part)
{
    struct jb_tx *tx = jb_begin(scope);

    if (!tx)
        return false;
    bool ok = sift->stage->driver->sift_part(sift->stage, scope, after_row, last_row, part);
    int64_t left_out = part->expected_new + part->expected_changed - part->new_rows - part->changed;
    if (ok && left_out != 0)
        ok = jb__stage_fail_left_out(scope, left_out);
    if (ok && jb__sums_stand(&part->sums, scope))
        return jb_commit(tx);
    jb_rollback(tx);
    return false;
}

/* What failed as a whole went in by halves: a row may have changed one that was looked at before, so that nothing is claimed of the sums. */
static void doubt_sums(struct jb_stage *stage)
{
    struct jb_stage_sums sums = jb__sums_of(stage);

    for (size_t i = 0; i < sums.count; i++)
        sums.at[i].unknown = true;
    jb__sums_add(stage, &sums);
}

/* *ret_in: the rows of the part are in the table. */
static bool try_part(struct sift *sift, int64_t after_row, int64_t last_row, bool *ret_in)
{
    struct jb_scope *scope = jb_scope_child(sift->scope, "part");
    struct jb__sift_part part = { 0 };
    bool ok = true;

    *ret_in = !JB_FAULT("transfer/import/part", scope) && jb_continue(scope) && run_part(sift, scope, after_row, last_row, &part);
    if (*ret_in) {
        sift->new_rows += part.new_rows;
        sift->changed += part.changed;
        jb__sums_add(sift->stage, &part.sums);
    } else if (!is_refusal(jb_error(scope))) {
        ok = jb_failure_pass(scope, sift->scope);
    } else if (last_row - after_row == 1) {
        ok = take_culprit(sift, scope, last_row, part.rule);
    }
    jb_scope_end(scope);
    return ok;
}

/* *ret_clean: every row of the range is in. `guilty`: not all of them can be. */
static bool sift_range(struct sift *sift, int64_t after_row, int64_t last_row, bool guilty, bool *ret_clean)
{
    bool first = false, second = false;

    if (!guilty || last_row - after_row == 1) {
        if (!try_part(sift, after_row, last_row, ret_clean))
            return false;
        if (*ret_clean || last_row - after_row == 1)
            return true;
    }
    int64_t middle = after_row + (last_row - after_row) / 2;
    *ret_clean = false;
    if (!sift_range(sift, after_row, middle, false, &first) || !sift_range(sift, middle, last_row, first, &second))
        return false;
    if (first && second)
        doubt_sums(sift->stage);
    return true;
}

bool jb_stage_sift(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row, int64_t limit, struct jb_stage_counts *counts)
{
    struct sift sift = { .stage = stage, .scope = scope, .limit = limit };
    int64_t first, last, part_last;
    bool clean;

    sift_open(stage);
    if (!stage->driver->sift_begin(stage, scope, after_row, last_row, &first, &last))
        return false;
    for (int64_t after = first - 1; after < last; after = part_last) {
        part_last = JB_MIN(after + PART_ROWS, last);
        if (!sift_range(&sift, after, part_last, false, &clean))
            return false;
        jb__stage_tell(stage, (double)(part_last - first + 1) / (double)(last - first + 1));
    }
    if (!stage->driver->sift_end(stage, scope))
        return false;
    if (stage->sifted_count == 0)
        doubt_sums(stage);
    counts->new_rows = sift.new_rows;
    counts->changed = sift.changed;
    counts->refused += (int64_t)stage->sifted_count;
    return true;
}

/* ---- telling ------------------------------------------------------------------------------------------------------------------------ */

static bool is_word_part(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static size_t word_at(struct jb_str text, struct jb_str word)
{
    for (size_t at = jb_str_find(text, word, 0); at != SIZE_MAX; at = jb_str_find(text, word, at + 1))
        if ((at == 0 || !is_word_part(text.data[at - 1])) && (at + word.size == text.size || !is_word_part(text.data[at + word.size])))
            return at;
    return SIZE_MAX;
}

const struct jb_field *jb__stage_field_in(const struct jb_stage *stage, struct jb_str text)
{
    const struct jb_field *found = NULL;
    size_t first = SIZE_MAX;

    for (const struct jb_field *field = stage->model->record.fields; field->type != JB_END; field++) {
        size_t at = jb__field_is_stored(field) ? word_at(text, jb_str_of(field->name)) : SIZE_MAX;
        if (at < first) {
            found = field;
            first = at;
        }
    }
    return found;
}

size_t jb_stage_sifted_count(const struct jb_stage *stage)
{
    return stage->sifted_count;
}

/* The rule's column is the same as the last time, mostly. */
struct last_rule {
    const char *rule;
    const struct jb_field *field;
};

static bool field_of(struct jb_stage *stage, struct jb_scope *scope, const struct jb__sifted *sifted, struct last_rule *last, const struct jb_field **ret_field)
{
    *ret_field = sifted->field ? jb_record_field(&stage->model->record, jb_str_of(sifted->field)) : NULL;
    if (*ret_field || !sifted->rule)
        return true;
    if (last->rule != sifted->rule && !stage->driver->rule_field(stage, scope, jb_str_of(sifted->rule), &last->field))
        return false;
    last->rule = sifted->rule;
    *ret_field = last->field;
    return true;
}

static bool tell_one(struct jb_stage *stage, struct jb_scope *scope, size_t index, struct last_rule *last, jb_stage_refuse_fn *each, void *arg)
{
    const struct jb__sifted *sifted = &stage->sifted[index];
    struct jb_stage_refusal refusal = { .conflict = JB_STAGE_CHECKED, .row = sifted->row, .reason = jb_str_of(sifted->reason) };

    if (!field_of(stage, scope, sifted, last, &refusal.field))
        return false;
    if (refusal.field && !refusal.field->secret && index < VALUES_SHOWN && !stage->driver->value_of(stage, scope, refusal.field, sifted->row, &refusal.value))
        return false;
    return each(arg, scope, &refusal);
}

bool jb_stage_sifted(struct jb_stage *stage, struct jb_scope *scope, jb_stage_refuse_fn *each, void *arg)
{
    struct last_rule last = { NULL, NULL };
    bool ok = true;

    for (size_t i = 0; ok && i < stage->sifted_count; i++) {
        struct jb_scope *one = jb_scope_child(scope, "sifted row");
        ok = tell_one(stage, one, i, &last, each, arg) || jb_failure_pass(one, scope);
        jb_scope_end(one);
    }
    return ok;
}

bool jb_stage_sifted_keep(struct jb_stage *stage, struct jb_scope *scope, jb_stage_refuse_fn *refuse, void *arg)
{
    bool ok = jb_stage_begin(stage, scope);

    if (!ok)
        return false;
    stage->comparing = true;
    ok = jb_stage_sifted(stage, scope, refuse, arg);
    stage->comparing = false;
    if (ok || jb_error(scope) == JB_LIMIT) { /* over the limit of refused rows, those found so far are the answer */
        struct jb_scope *end = jb_scope_child(scope, "end of sifting");
        bool kept = stage->driver->mark_refused(stage, end, stage->sifted, stage->sifted_count) && jb_stage_commit(stage, end);
        if (ok && !kept)
            ok = jb_failure_pass(end, scope);
        jb_scope_end(end);
    }
    jb__stage_sift_done(stage);
    return ok;
}
