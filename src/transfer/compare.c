/* compare.c — staged rows against each other and against the table: what is new, changed, unchanged, and what cannot go in.
 *
 * The store compares in sets; here its findings become counts and sentences for people. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"

static const struct jb__target *target_of(const struct jb__plan *plan, const struct jb_field *field)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->targets[i].field == field)
            return &plan->targets[i];
    return NULL;
}

static const char *const exists_words[] = { "이미 있는 행입니다. 빼거나 ‘있으면 고치기(upsert)’로 가져오세요.", "The row exists already. Take it out, or import with the mode \"upsert\"." };
static const char *const taken_words[] = { "다른 행이 이미 쓰고 있는 값입니다. 고쳐 적으세요.", "Another row has this value already. Correct it." };
#define REPEATS_END_KO "이(가) 같습니다. 하나만 남기세요."
#define REPEATS_START_EN "It repeats the \""
#define REPEATS_END_EN ". Keep one."

bool jb__says_conflict(struct jb_str sentence)
{
    for (int i = 0; i < 2; i++)
        if (jb_str_is(sentence, exists_words[i]) || jb_str_is(sentence, taken_words[i]))
            return true;
    return jb_str_ends(sentence, JB_STR(REPEATS_END_KO)) || (jb_str_starts(sentence, JB_STR(REPEATS_START_EN)) && jb_str_ends(sentence, JB_STR(REPEATS_END_EN)));
}

static struct jb_str sentence_of(struct jb_scope *scope, const struct jb_stage_refusal *refusal, struct jb_str heading)
{
    switch (refusal->conflict) {
    case JB_STAGE_DUPLICATE:
        if (jb_language(scope) == JB_KO)
            return jb_format(scope, "%lld행과 ‘%.*s’" REPEATS_END_KO, (long long)refusal->other_row, JB_FMT(heading));
        return jb_format(scope, REPEATS_START_EN "%.*s\" of row %lld" REPEATS_END_EN, JB_FMT(heading), (long long)refusal->other_row);
    case JB_STAGE_EXISTS:
        return jb_str_of(JB_L(scope, exists_words[0], exists_words[1]));
    case JB_STAGE_UNKNOWN:
        return jb_str_of(JB_L(scope, "표에 없는 행입니다. 빼거나 ‘없으면 넣기(upsert)’로 가져오세요.", "The table has no such row. Take it out, or import with the mode \"upsert\"."));
    case JB_STAGE_TAKEN:
        return jb_str_of(JB_L(scope, taken_words[0], taken_words[1]));
    case JB_STAGE_MISSING:
        return jb_str_of(JB_L(scope, "가리키는 행이 없습니다. 먼저 등록하거나 고쳐 적으세요.", "It refers to a row that does not exist. Add that first, or correct the value."));
    default:
        return refusal->reason;
    }
}

struct comparing {
    struct jb__attempt *attempt;
    struct jb_scope *scope;
    int64_t after_row, last_row, refused, conflicts, refused_row; /* a row may be refused for several reasons, one after the other */
    struct jb_stage_counts counts;
    bool first, duplicates, note, sifted, moved, ok;
};

struct jb__refusal_words jb__refusal_words(const struct jb__attempt *attempt, struct jb_scope *scope, const struct jb_stage_refusal *refusal)
{
    const struct jb__target *target = refusal->field ? target_of(attempt->plan, refusal->field) : NULL;
    struct jb_str heading = target ? target->heading : refusal->field ? jb_field_label(scope, refusal->field, jb_language(scope))
                                                                      : JB_STR("");
    struct jb_str column = target ? target->name : refusal->field ? jb_str_of(refusal->field->name)
                                                                  : JB_STR_NULL;

    return (struct jb__refusal_words){ column, sentence_of(scope, refusal, heading) };
}

/* The row is sound, but another one stands in its way: in the table, or in the file. */
static bool is_conflict(enum jb_stage_conflict conflict)
{
    return conflict == JB_STAGE_DUPLICATE || conflict == JB_STAGE_EXISTS || conflict == JB_STAGE_TAKEN;
}

static bool on_refused(void *arg, struct jb_scope *scope, const struct jb_stage_refusal *refusal)
{
    struct comparing *comparing = arg;
    const struct jb__attempt *attempt = comparing->attempt;
    int64_t limit = attempt->options.import.limit_refused;
    struct jb__refusal_words words = jb__refusal_words(attempt, scope, refusal);

    if (!jb_stage_refuse(attempt->stage, scope, refusal->row, words.column, refusal->value, words.sentence))
        return false;
    comparing->refused += refusal->row != comparing->refused_row;
    comparing->conflicts += refusal->row != comparing->refused_row && is_conflict(refusal->conflict);
    comparing->refused_row = refusal->row;
    return limit == 0 || attempt->counts.refused + comparing->refused < limit ||
           jb_fail(scope, JB_LIMIT, JB_L(scope, "거절된 행이 %lld개가 되어 그만두었습니다.", "Gave up after %lld refused rows."), (long long)limit);
}

static void compare_blocking(void *arg)
{
    struct comparing *comparing = arg;
    struct jb__attempt *attempt = comparing->attempt;
    const struct jb_import_options *options = &attempt->options.import;

    if (comparing->note) {
        comparing->ok = jb_stage_note(attempt->stage, comparing->scope, &comparing->moved);
        return;
    }
    if (comparing->sifted) {
        comparing->ok = jb_stage_sifted_keep(attempt->stage, comparing->scope, on_refused, comparing);
        return;
    }
    if (comparing->duplicates) {
        comparing->ok = jb_stage_duplicates(attempt->stage, comparing->scope, on_refused, comparing, &comparing->counts.refused);
        return;
    }
    struct jb_stage_compare how = {
        .insert_only = options->mode == JB_INSERT,
        .update_only = options->mode == JB_UPDATE_ONLY,
        .ignore_existing = options->mode == JB_INSERT && options->ignore_existing,
        .after_row = comparing->after_row,
        .last_row = comparing->last_row,
        .no_checks = attempt->checked_early && comparing->first && !comparing->moved,
        .check_state = attempt->check_state,
        .refuse = on_refused,
        .arg = comparing,
    };
    comparing->ok = jb_stage_compare(attempt->stage, comparing->scope, &how, &comparing->counts);
}

static bool run_comparing(struct jb__attempt *attempt, struct comparing *comparing)
{
    struct jb_scope *scope = jb_scope_child(attempt->scope, "compare");

    comparing->attempt = attempt;
    comparing->scope = scope;
    jb_fiber_allow_wait(true); /* also asked under the lock, when the table would not stand still */
    jb_thread_call(attempt->thread, compare_blocking, comparing);
    jb_fiber_allow_wait(false);
    if (!comparing->ok && jb_error(scope) == JB_LIMIT) {
        attempt->counts.refused += comparing->refused;
        attempt->counts.conflicts += comparing->conflicts;
    }
    if (!comparing->ok)
        jb_failure_pass(scope, attempt->scope);
    jb_scope_end(scope);
    return comparing->ok;
}

/* *ret_moved: the tables changed since the last time. */
static bool prepare(struct jb__attempt *attempt, bool *ret_moved)
{
    struct comparing noting = { .note = true };

    if (!run_comparing(attempt, &noting))
        return false;
    *ret_moved = noting.moved;
    return jb_stage_prepare(attempt->stage, attempt->scope, &attempt->check_state, ret_moved);
}

bool jb__compare_prepare(struct jb__attempt *attempt)
{
    bool moved;
    return prepare(attempt, &moved);
}

bool jb__compare(struct jb__attempt *attempt, int64_t after_row, int64_t last_row, struct jb_stage_counts *ret_counts)
{
    struct comparing comparing = { .after_row = after_row, .last_row = last_row, .first = !attempt->compared };

    if (!prepare(attempt, &comparing.moved))
        return false;
    attempt->compared = true;
    if (!run_comparing(attempt, &comparing))
        return false;
    *ret_counts = comparing.counts;
    ret_counts->conflicts = comparing.conflicts;
    return true;
}

bool jb__compare_duplicates(struct jb__attempt *attempt)
{
    struct comparing comparing = { .duplicates = true };

    if (!run_comparing(attempt, &comparing))
        return false;
    attempt->counts.refused += comparing.counts.refused;
    attempt->counts.conflicts += comparing.counts.refused;
    attempt->options.duplicates = comparing.counts.refused;
    return true;
}

bool jb__compare_keep_sifted(struct jb__attempt *attempt)
{
    struct comparing comparing = { .sifted = true };
    return run_comparing(attempt, &comparing);
}

void jb__counts_take(struct jb__attempt *attempt, const struct jb_stage_counts *counts)
{
    attempt->counts.refused += counts->refused - attempt->compared_refused;
    attempt->compared_refused = counts->refused;
    attempt->counts.conflicts += counts->conflicts - attempt->compared_conflicts;
    attempt->compared_conflicts = counts->conflicts;
    attempt->counts.new_rows = counts->new_rows;
    attempt->counts.changed = counts->changed;
    attempt->counts.unchanged = counts->unchanged;
    attempt->counts.skipped = counts->skipped;
    jb__progress_counts(&attempt->progress, -1, counts->new_rows, counts->changed, counts->unchanged, attempt->counts.refused);
}
