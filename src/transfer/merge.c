/* merge.c — staged rows into the table.
 *
 * abort: one transaction holds the mark, all rows, the result and the mail's queue entry. skip: one transaction per some batches holds their rows, the position and the counts.
 * Either way the mark decides when two attempts meet: whoever changes it in the commit was first. When the table changed since the comparison, it is compared again: twice while others may go on
 * writing, then with the table held. That it changed is known before the merge (SQLite) or when the merge has counted what it did (PostgreSQL). */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/keep.h"

#define TRIES_OUTSIDE 2
#define HOLD_US (100 * 1000)
#define GROUP_ROWS_MAX 20000
#define GROUPS_MIN 20 /* of a file: progress is told after each */

const struct jb_model jb_import_mark = {
    .app = "cash",
    .reads = JB_READS_PRIMARY,
    .name = "importmark",
    .table = "import_marks",
    .label = "가져오기 표식",
    .label_en = "Import mark",
    .hidden = true,
    .record = JB_RECORD(import_mark,
        JB_FIELD(import_mark, id, .primary = true),
        JB_FIELD(import_mark, round),
        JB_FIELD(import_mark, done, .required = true),
        JB_FIELD(import_mark, position, .required = true),
        JB_FIELD(import_mark, new_rows),
        JB_FIELD(import_mark, changed),
        JB_FIELD(import_mark, unchanged),
        JB_FIELD(import_mark, skipped),
        JB_FIELD(import_mark, refused),
        JB_FIELD(import_mark, conflicts),
        JB_FIELD(import_mark, totals)),
};

static bool fail_overtaken(struct jb_scope *scope)
{
    return jb_fail(scope, JB_UNAVAILABLE, "%s", JB_L(scope, "다른 작업자가 이 작업을 먼저 반영했습니다.", "Another worker was faster with this job."));
}

struct jb_tx *jb__merge_open(struct jb__attempt *attempt, bool hold, bool *ret_fresh)
{
    struct jb_scope *scope = attempt->scope;

    if (!jb_lock_take(attempt->transfer->merging, scope))
        return NULL;
    int64_t began_us = jb_monotonic_us();
    bool attached = jb_stage_attach(attempt->stage, scope);
    struct jb_tx *tx = attached ? jb_begin(scope) : NULL;
    jb__pace_waited(&attempt->progress.pace, jb_monotonic_us() - began_us); /* on SQLite others may hold the writer */
    if (tx && jb_stage_is_fresh(attempt->stage, scope, hold, ret_fresh))
        return tx;
    if (tx)
        jb_rollback(tx);
    jb__merge_close(attempt);
    return NULL;
}

void jb__merge_close(struct jb__attempt *attempt)
{
    struct jb_scope *scope = jb_scope_detached(attempt->outer, "detach");

    (void)jb_stage_detach(attempt->stage, scope); /* the next attach would say */
    jb_lock_leave(attempt->transfer->merging);
    jb_scope_end(scope);
}

/* The table changed between the comparison and the merge, as was known before (not fresh) or came out in it. */
static bool look_again(struct jb__attempt *attempt, bool fresh)
{
    if (fresh && !jb_stage_moved(attempt->stage))
        return false;
    jb_failure_clear(attempt->scope);
    return jb_continue(attempt->scope);
}

static bool is_rule(enum jb_error error)
{
    return error == JB_INVALID || error == JB_CONFLICT;
}

/* The table did not move, as far as rows can tell: it was a rule of its own that failed the merge. */
#define SAME_COUNTS(a, b) ((a).new_rows == (b).new_rows && (a).changed == (b).changed && (a).unchanged == (b).unchanged && (a).skipped == (b).skipped && (a).refused == (b).refused)

/* ---- all or nothing ----------------------------------------------------------------------------------------------------------- */

bool jb__mark_take(struct jb__attempt *attempt)
{
    int64_t changes;

    if (!jb_exec(attempt->scope, JB_SQL("update import_marks set done = true where id = ? and not done and coalesce(round, 0) = ?", attempt->job.id, attempt->options.continued), &changes))
        return false;
    return changes == 1 || fail_overtaken(attempt->scope);
}

static bool merge_rows(struct jb__attempt *attempt)
{
    bool copied = false;

    jb__progress_phase(&attempt->progress, JB_WRITING, attempt->counts.rows);
    bool ok = jb_stage_merge_empty(attempt->stage, attempt->scope, &copied);
    if (ok && !copied && attempt->counts.new_rows + attempt->counts.changed > 0)
        ok = jb_stage_merge(attempt->stage, attempt->scope, 0, 0);
    if (ok)
        jb__progress_share(&attempt->progress, 1, -1);
    return ok;
}

bool jb__merge_compare_again(struct jb__attempt *attempt)
{
    struct jb_stage_counts counts;

    if (!jb__compare(attempt, 0, 0, &counts))
        return false;
    jb__counts_take(attempt, &counts);
    if (attempt->options.confirmed && !jb__shown_check(attempt, &counts))
        return false;
    return attempt->counts.refused == 0 || jb__fail_refused(attempt);
}

static bool merge_in(struct jb__attempt *attempt, struct jb_tx *tx, const struct jb__ending *ending)
{
    return jb__mark_take(attempt) && jb__keep_backup(attempt) && merge_rows(attempt) && jb__keep_note(attempt, 0, 0, attempt->counts.new_rows + attempt->counts.changed) && jb__balance_take(attempt) && jb__ending_write(attempt, attempt->scope, ending) && jb_commit(tx);
}

static bool merge_abort(struct jb__attempt *attempt)
{
    struct jb__ending ending = { .status = "done" };
    bool fresh, merged, ok = jb__ending_prepare(attempt, attempt->scope, &ending);

    for (int tries = 0; ok; tries++) {
        bool hold = tries >= TRIES_OUTSIDE || attempt->backup_due;
        struct jb_tx *tx = jb__merge_open(attempt, hold, &fresh);
        if (!tx)
            return false;
        merged = (fresh || (hold && jb__merge_compare_again(attempt))) && merge_in(attempt, tx, &ending);
        jb_rollback(tx); /* unless committed */
        jb__merge_close(attempt);
        if (merged)
            return !JB_FAULT("transfer/import/merged", attempt->scope);
        attempt->sums.count = 0; /* none of it is in */
        bool rule = is_rule(jb_error(attempt->scope)) && !attempt->refused_all, moved = jb_stage_moved(attempt->stage);
        if ((rule && !moved && fresh) || (hold && moved)) /* nobody was in between */
            return jb__sift_all(attempt, &ending);
        if (hold || !look_again(attempt, fresh))
            return false;
        struct jb__counts before = attempt->counts;
        ok = jb__merge_compare_again(attempt);
        if (ok && rule && SAME_COUNTS(before, attempt->counts))
            return jb__sift_all(attempt, &ending);
    }
    return false;
}

/* ---- batch by batch --------------------------------------------------------------------------------------------------------------- */

bool jb__mark_move(struct jb__attempt *attempt, int64_t from, int64_t to, const struct jb_stage_counts *counts)
{
    int64_t changes, refused, conflicts;
    bool some = counts->refused > 0 || attempt->counts.refused > 0; /* there may be some in the range */

    if (some && (!jb__refusals_keep(attempt, from, to, &refused, &conflicts) || !jb_exec(attempt->scope, JB_SQL("update import_marks set refused = refused + ?, conflicts = coalesce(conflicts, 0) + ? where id = ?", refused, conflicts, attempt->job.id), NULL)))
        return false;
    if (!jb_exec(attempt->scope,
            JB_SQL("update import_marks set position = ?, new_rows = new_rows + ?, changed = changed + ?, unchanged = unchanged + ?, skipped = skipped + ?"
                   " where id = ? and position = ? and not done and coalesce(round, 0) = ? and exists (select 1 from import_jobs j where j.id = import_marks.id and j.status in ('queued', 'running'))",
                to, counts->new_rows, counts->changed, counts->unchanged, counts->skipped, attempt->job.id, from, attempt->options.continued),
            &changes))
        return false;
    return changes == 1 || fail_overtaken(attempt->scope);
}

static bool write_group(struct jb__attempt *attempt, struct jb_tx *tx, int64_t from, int64_t to, const struct jb_stage_counts *counts)
{
    int64_t rows = counts->new_rows + counts->changed;
    return jb__mark_move(attempt, from, to, counts) && (rows == 0 || (jb__keep_backup(attempt) && jb_stage_merge(attempt->stage, attempt->scope, from, to))) && jb__keep_note(attempt, from, to, rows) && jb__balance_note(attempt, from, to, counts) && jb_commit(tx);
}

static void group_is_in(struct jb__attempt *attempt, const struct jb_stage_counts *counts)
{
    jb__counts_add(attempt, counts);
    attempt->sums = attempt->sums_then;
}

static bool sift_group(struct jb__attempt *attempt, int64_t from, int64_t to, struct jb_stage_counts *counts)
{
    if (!jb__sift_group(attempt, from, to, counts))
        return false;
    group_is_in(attempt, counts);
    return true;
}

/* Compares and commits (from, to]. *ret_hold_us: how long the transaction took. */
static bool merge_group(struct jb__attempt *attempt, int64_t from, int64_t to, int64_t *ret_hold_us)
{
    struct jb_stage_counts counts;
    bool fresh, ok = jb__compare(attempt, from, to, &counts);

    for (int tries = 0; ok; tries++) {
        bool hold = tries >= TRIES_OUTSIDE || attempt->backup_due;
        struct jb_tx *tx = jb__merge_open(attempt, hold, &fresh);
        int64_t began_us = jb_monotonic_us();
        if (!tx)
            return false;
        bool written = (fresh || (hold && jb__compare(attempt, from, to, &counts))) && write_group(attempt, tx, from, to, &counts);
        jb_rollback(tx); /* unless committed */
        jb__merge_close(attempt);
        *ret_hold_us = jb_monotonic_us() - began_us;
        bool rule = !written && is_rule(jb_error(attempt->scope)), moved = jb_stage_moved(attempt->stage);
        attempt->backup_due = attempt->backup_due && !(written && attempt->backup_rows >= 0);
        if (written)
            group_is_in(attempt, &counts);
        else if ((rule && !moved && fresh) || (hold && moved))
            return sift_group(attempt, from, to, &counts);
        if (written || hold || !look_again(attempt, fresh))
            return written;
        struct jb_stage_counts before = counts;
        ok = jb__compare(attempt, from, to, &counts);
        if (ok && rule && SAME_COUNTS(before, counts))
            return sift_group(attempt, from, to, &counts);
    }
    return false;
}

static void tell_counts(struct jb__attempt *attempt)
{
    const struct jb__counts *all = &attempt->counts;
    jb__progress_counts(&attempt->progress, attempt->decided, all->new_rows, all->changed, all->unchanged, all->refused);
}

static void add_counts(struct jb__attempt *attempt, const struct jb_stage_counts *counts)
{
    struct jb__counts *all = &attempt->counts;

    all->new_rows += counts->new_rows;
    all->changed += counts->changed;
    all->unchanged += counts->unchanged;
    all->skipped += counts->skipped;
    all->refused += counts->refused;
    all->conflicts += counts->conflicts;
    attempt->decided += counts->new_rows + counts->changed + counts->unchanged + counts->skipped + counts->refused;
}

void jb__counts_add(struct jb__attempt *attempt, const struct jb_stage_counts *counts)
{
    add_counts(attempt, counts);
    tell_counts(attempt);
}

bool jb__mark_read(struct jb__attempt *attempt, struct jb_scope *scope)
{
    struct import_mark *mark = &attempt->mark;

    if (attempt->mark_known || attempt->options.import.on_error != JB_SKIP || attempt->options.import.dry_run)
        return true;
    if (!jb_get(scope, &jb_import_mark, attempt->job.id, mark))
        return false;
    if (mark->done)
        return fail_overtaken(scope);
    attempt->mark_known = true;
    attempt->batch_position = mark->position;
    if (attempt->model && !jb__balance_read(scope, attempt->model, mark->totals, &attempt->sums))
        return false;
    return !attempt->stage || mark->refused == 0 || jb__refusals_restore(attempt, scope);
}

void jb__mark_count(struct jb__attempt *attempt)
{
    const struct import_mark *mark = &attempt->mark;

    if (attempt->mark_known && !attempt->mark_counted)
        add_counts(attempt, &(struct jb_stage_counts){ mark->new_rows, mark->changed, mark->unchanged, mark->skipped, mark->refused, mark->conflicts });
    attempt->mark_counted = attempt->mark_known;
}

struct range {
    struct jb__attempt *attempt;
    struct jb_scope *scope;
    int64_t limit, last;
    bool ok;
};

static void range_blocking(void *arg)
{
    struct range *range = arg;
    range->ok = jb_stage_range_end(range->attempt->stage, range->scope, range->attempt->batch_position, range->limit, &range->last);
}

static bool next_range(struct jb__attempt *attempt, int64_t limit, int64_t *ret_last)
{
    struct range range = { attempt, jb_scope_child(attempt->scope, "range"), limit, 0, false };

    jb_thread_call(attempt->thread, range_blocking, &range);
    if (!range.ok)
        jb_failure_pass(range.scope, attempt->scope);
    jb_scope_end(range.scope);
    *ret_last = range.last;
    return range.ok;
}

static bool end_skip(struct jb__attempt *attempt)
{
    struct jb__ending ending = { .status = "done" };
    struct jb_scope *scope = attempt->scope;

    if (!jb__ending_prepare(attempt, scope, &ending))
        return false;
    struct jb_tx *tx = jb_begin(scope);
    if (!tx)
        return false;
    if (jb__mark_take(attempt) && jb__ending_write(attempt, scope, &ending))
        return jb_commit(tx) && !JB_FAULT("transfer/import/merged", scope);
    jb_rollback(tx);
    return false;
}

/* `groups` batches share a commit, as many as hold the writer for about 100 ms. */
static bool merge_skip(struct jb__attempt *attempt)
{
    int64_t batch_rows = attempt->plan->batch_rows, groups = 1, groups_max = JB_MAX(1, JB_MIN(GROUP_ROWS_MAX, attempt->counts.rows / GROUPS_MIN) / batch_rows), last, hold_us = 0;

    jb_stage_watch(attempt->stage, NULL, NULL); /* rows count once they are in */
    jb__progress_phase(&attempt->progress, JB_WRITING, attempt->counts.rows);
    attempt->decided += attempt->counts.refused - attempt->mark.refused - attempt->counts.carried;
    tell_counts(attempt);
    for (;;) {
        bool crowded = jb__pace_is_slow(&attempt->progress.pace);
        if (JB_FAULT("transfer/import/group", attempt->scope) || !jb__pace_rest(&attempt->progress.pace, attempt->scope) || !next_range(attempt, groups * batch_rows, &last))
            return false;
        if (last == 0)
            return end_skip(attempt);
        if (!merge_group(attempt, attempt->batch_position, last, &hold_us))
            return false;
        attempt->batch_position = last;
        jb_task_moved(attempt->outer);
        if (hold_us < HOLD_US / 2 && !crowded)
            groups = JB_MIN(groups * 2, groups_max);
        else if (hold_us > HOLD_US || crowded)
            groups = JB_MAX(1, groups / 2);
    }
}

bool jb__merge(struct jb__attempt *attempt)
{
    return jb__keep_backup_due(attempt) && (attempt->options.import.on_error == JB_ABORT ? merge_abort(attempt) : merge_skip(attempt));
}
