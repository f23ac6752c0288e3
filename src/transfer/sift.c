/* sift.c — a merge that failed for what only the table knows: which rows it was, by halves (store/stage_sift.c).
 *
 * The table is held and compared once more, so that nobody else is the reason. abort: what goes in is rolled back again, for all that is wrong to be told at once; skip: it stays, and the commit moves
 * the mark. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"
#include "transfer/keep.h"

/* How many may still be refused; 0: any number. */
static int64_t limit_left(const struct jb__attempt *attempt)
{
    int64_t limit = attempt->options.import.limit_refused;
    return limit > 0 ? JB_MAX(1, limit - attempt->counts.refused) : 0;
}

/* Over the limit, those found so far are told. */
static bool sift(struct jb__attempt *attempt, int64_t from, int64_t to, struct jb_stage_counts *counts)
{
    jb_failure_clear(attempt->scope);
    return jb_stage_sift(attempt->stage, attempt->scope, from, to, limit_left(attempt), counts);
}

/* ---- all or nothing ----------------------------------------------------------------------------------------------------------- */

static bool tell_all(struct jb__attempt *attempt)
{
    int64_t count = (int64_t)jb_stage_sifted_count(attempt->stage);

    jb_failure_clear(attempt->scope);
    if (!jb__compare_keep_sifted(attempt))
        return false;
    attempt->counts.refused += count;
    attempt->compared_refused += count;
    return jb__fail_refused(attempt);
}

bool jb__sift_all(struct jb__attempt *attempt, const struct jb__ending *ending)
{
    struct jb_stage_counts counts = { .new_rows = attempt->counts.new_rows, .changed = attempt->counts.changed };
    bool fresh, merged = false;

    jb_failure_clear(attempt->scope);
    struct jb_tx *tx = jb__merge_open(attempt, true, &fresh);
    if (!tx)
        return false;
    bool sifted = (fresh || jb__merge_compare_again(attempt)) && jb__mark_take(attempt) && jb__keep_backup(attempt) && sift(attempt, 0, 0, &counts);
    bool refused = jb_stage_sifted_count(attempt->stage) > 0;
    if (sifted && !refused)
        merged = jb__keep_note(attempt, 0, 0, counts.new_rows + counts.changed) && jb__balance_take(attempt) && jb__ending_write(attempt, attempt->scope, ending) && jb_commit(tx);
    jb_rollback(tx); /* unless committed */
    jb__merge_close(attempt);
    attempt->sums.count = merged ? attempt->sums.count : 0;
    return merged || (refused && (sifted || jb_error(attempt->scope) == JB_LIMIT) && tell_all(attempt));
}

/* ---- batch by batch --------------------------------------------------------------------------------------------------------------- */

bool jb__sift_group(struct jb__attempt *attempt, int64_t from, int64_t to, struct jb_stage_counts *counts)
{
    bool fresh;

    jb_failure_clear(attempt->scope);
    struct jb_tx *tx = jb__merge_open(attempt, true, &fresh);
    if (!tx)
        return false;
    bool written = (fresh || jb__compare(attempt, from, to, counts)) && jb__keep_backup(attempt) && sift(attempt, from, to, counts) && jb__mark_move(attempt, from, to, counts) && jb__keep_note(attempt, from, to, counts->new_rows + counts->changed) && jb__balance_note(attempt, from, to, counts) && jb_commit(tx);
    jb_rollback(tx); /* unless committed */
    jb__merge_close(attempt);
    attempt->backup_due = attempt->backup_due && !(written && counts->new_rows + counts->changed > 0);
    if (!written && (jb_error(attempt->scope) != JB_LIMIT || jb_stage_sifted_count(attempt->stage) == 0))
        return false;
    jb_failure_clear(attempt->scope); /* over the limit, keeping them says so again */
    return jb_stage_sifted_count(attempt->stage) == 0 || jb__compare_keep_sifted(attempt);
}
