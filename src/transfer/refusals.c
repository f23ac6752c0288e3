/* refusals.c — what committed batches refused, carried over a crash.
 *
 * What a `skip` import has decided about the rows up to its last commit stands, whatever changes before it goes on: a project that is added, a month that is closed. So the sentences of all rows that it refused there stand in a table, written
 * by the commit of their batch: JSON lists [row, column, value, reason], one per line, about a mebibyte of them in a row. The other rows up to there are in. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"

#define PIECE_BYTES ((size_t)1 << 20)
#define PIECE_BYTES_MAX ((size_t)64 << 20) /* a piece may end with a long line */

struct import_refusals {
    int64_t id, job_id;
    struct jb_str lines;
};

const struct jb_model jb_import_refusals = {
    .app = "cash",
    .reads = JB_READS_PRIMARY,
    .name = "importrefusals",
    .table = "import_refusals",
    .label = "거절된 행",
    .label_en = "Refused rows",
    .indexes = "job_id",
    .hidden = true,
    .record = JB_RECORD(import_refusals,
        JB_FIELD(import_refusals, id, .primary = true),
        JB_FIELD(import_refusals, job_id, .required = true),
        JB_FIELD(import_refusals, lines, .required = true, .length_max = PIECE_BYTES_MAX)),
};

struct piece {
    struct piece *next;
    struct jb_str lines;
};

struct work {
    struct jb__attempt *attempt;
    struct jb_scope *scope;
    int64_t after_row, last_row;
    struct jb_buf lines;
    struct piece *first, **last;
    struct jb_str text;
    int64_t row, rows, conflicts; /* the last one that was met, and how many */
    bool ok;
};

/* ---- keeping ---------------------------------------------------------------------------------------------------------------------- */

static bool end_piece(struct work *work)
{
    if (work->lines.full)
        return jb_fail(work->scope, JB_LIMIT, "a refusal of more than %zu bytes", PIECE_BYTES_MAX);
    if (work->lines.size == 0)
        return true;
    struct piece *piece = JB_NEW(work->scope, struct piece);
    piece->lines = jb_copy(work->scope, jb_buf_str(&work->lines));
    *work->last = piece;
    work->last = &piece->next;
    jb_buf_clear(&work->lines);
    return true;
}

static bool put_line(void *arg, struct jb_scope *scope, int64_t row, struct jb_str column, struct jb_str value, struct jb_str reason)
{
    struct work *work = arg;
    struct jb_json_writer writer;

    (void)scope;
    if (row != work->row) {
        work->row = row;
        work->rows++;
        work->conflicts += jb__says_conflict(reason);
    }
    jb_json_start(&writer, &work->lines);
    jb_json_array(&writer);
    jb_json_int(&writer, row);
    jb_json_text(&writer, column);
    jb_json_text(&writer, value);
    jb_json_text(&writer, reason);
    jb_json_array_end(&writer);
    jb_buf_put_char(&work->lines, '\n');
    return work->lines.size < PIECE_BYTES || end_piece(work);
}

static bool put_sifted(void *arg, struct jb_scope *scope, const struct jb_stage_refusal *refusal)
{
    struct work *work = arg;
    struct jb__refusal_words words = jb__refusal_words(work->attempt, scope, refusal);
    return put_line(work, scope, refusal->row, words.column, refusal->value, words.sentence);
}

static void gather_blocking(void *arg)
{
    struct work *work = arg;
    work->ok = jb_stage_refused_in(work->attempt->stage, work->scope, work->after_row, work->last_row, put_line, work) &&
               jb_stage_sifted(work->attempt->stage, work->scope, put_sifted, work) && end_piece(work);
}

bool jb__refusals_keep(struct jb__attempt *attempt, int64_t after_row, int64_t last_row, int64_t *ret_rows, int64_t *ret_conflicts)
{
    struct work work = { .attempt = attempt, .scope = jb_scope_child(attempt->scope, "refusals"), .after_row = after_row, .last_row = last_row, .lines = JB_BUF_INIT(PIECE_BYTES_MAX), .last = &work.first };

    jb_fiber_allow_wait(true); /* within the batch's transaction: the thread only reads the staging file */
    jb_thread_call(attempt->thread, gather_blocking, &work);
    jb_fiber_allow_wait(false);
    for (struct piece *piece = work.first; work.ok && piece; piece = piece->next)
        work.ok = jb_exec(work.scope, JB_SQL("insert into import_refusals (job_id, lines) values (?, ?)", attempt->job.id, piece->lines), NULL);
    bool ok = work.ok || jb_failure_pass(work.scope, attempt->scope);
    *ret_rows = work.rows;
    *ret_conflicts = work.conflicts;
    jb_buf_done(&work.lines);
    jb_scope_end(work.scope);
    return ok;
}

bool jb__refusals_forget(struct jb_scope *scope, int64_t job_id)
{
    return jb_exec(scope, JB_SQL("delete from import_refusals where job_id = ?", job_id), NULL);
}

bool jb__refusals_sweep(struct jb_scope *scope)
{
    return jb_exec(scope, JB_SQL("delete from import_refusals where job_id in (select id from import_jobs where status in ('done', 'failed', 'cancelled') and (expires_at is null or expires_at < ?))", jb_now()), NULL);
}

/* ---- for the attempt that goes on --------------------------------------------------------------------------------------------------- */

static struct jb_str text_of(const struct jb_json *item)
{
    return item && item->type == JB_JSON_STRING ? item->text : JB_STR_NULL;
}

static bool restore_line(struct work *work, struct jb_scope *scope, struct jb_str line)
{
    struct jb_json *list = jb_json_parse(scope, line);
    int64_t row;

    if (JB_FAULT("transfer/import/restore", scope))
        return false;
    if (!list || list->count != 4 || !jb_str_to_int64(list->first->text, &row))
        return jb_failure(scope) ? false : jb_fail(scope, JB_BROKEN, "a refusal that was kept");
    const struct jb_json *column = list->first->next, *value = column->next;
    jb__row_set_add(&work->attempt->refused_before, row);
    return jb_stage_refuse(work->attempt->stage, scope, row, text_of(column), text_of(value), text_of(value->next));
}

static void restore_blocking(void *arg)
{
    struct work *work = arg;

    work->ok = true;
    for (struct jb_str rest = work->text; work->ok && rest.data && rest.size > 0;) {
        struct jb_str line = jb_str_cut(&rest, '\n');
        struct jb_scope *one = jb_scope_child(work->scope, "refusal");
        work->ok = line.size == 0 || restore_line(work, one, line) || jb_failure_pass(one, work->scope);
        jb_scope_end(one);
    }
}

/* Piece by piece: all of them may be more than fits. */
bool jb__refusals_restore(struct jb__attempt *attempt, struct jb_scope *outer)
{
    struct import_refusals row = { .id = 0 };
    bool more = true, ok = true;

    while (more && ok) {
        struct work work = { .attempt = attempt, .scope = jb_scope_child(outer, "refusals") };
        more = jb_first(work.scope, &jb_import_refusals, &row, .where = JB_SQL("job_id = ? and id > ?", attempt->job.id, row.id), .order = JB_STR("id"));
        if (more) {
            work.text = row.lines;
            jb_thread_call(attempt->thread, restore_blocking, &work);
        }
        ok = !jb_failure(work.scope) || jb_failure_pass(work.scope, outer);
        jb_scope_end(work.scope);
    }
    return ok;
}
