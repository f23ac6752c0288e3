/* refusals.c — what the comparison of committed batches refused, carried over a crash.
 *
 * A `skip` import that goes on after its last commit does not compare the batches before it again, so their sentences would be lost with the staging file. They stand with the mark, written by
 * the commit of their batch: one JSON list per line. Rows that are refused for their own cells are met again anyway. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"

#define BYTES_MAX ((size_t)2 << 20) /* of one commit; the mark keeps as many as the result does */

struct work {
    struct jb__attempt *attempt;
    struct jb_scope *scope;
    int64_t after_row, last_row, count;
    struct jb_buf lines;
    struct jb_str text;
    bool ok;
};

static bool put_line(void *arg, struct jb_scope *scope, int64_t row, struct jb_str column, struct jb_str value, struct jb_str reason)
{
    struct work *work = arg;
    struct jb_json_writer writer;

    (void)scope;
    if (work->count++ >= JB_ERRORS_KEPT)
        return true;
    jb_json_start(&writer, &work->lines);
    jb_json_array(&writer);
    jb_json_int(&writer, row);
    jb_json_text(&writer, column);
    jb_json_text(&writer, value);
    jb_json_text(&writer, reason);
    jb_json_array_end(&writer);
    jb_buf_put_char(&work->lines, '\n');
    return true;
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
    work->ok = jb_stage_refused_by_compare(work->attempt->stage, work->scope, work->after_row, work->last_row, put_line, work) &&
               jb_stage_sifted(work->attempt->stage, work->scope, put_sifted, work);
}

bool jb__refusals_of_range(struct jb__attempt *attempt, int64_t after_row, int64_t last_row, struct jb_str *ret_lines)
{
    struct work work = { .attempt = attempt, .scope = jb_scope_child(attempt->scope, "refusals"), .after_row = after_row, .last_row = last_row, .lines = JB_BUF_INIT(BYTES_MAX) };

    jb_fiber_allow_wait(true); /* within the batch's transaction: the thread only reads the staging file */
    jb_thread_call(attempt->thread, gather_blocking, &work);
    jb_fiber_allow_wait(false);
    bool ok = work.ok || jb_failure_pass(work.scope, attempt->scope);
    if (ok)
        *ret_lines = work.lines.full ? JB_STR("") : jb_copy(attempt->scope, jb_buf_str(&work.lines));
    jb_buf_done(&work.lines);
    jb_scope_end(work.scope);
    return ok;
}

static struct jb_str text_of(const struct jb_json *item)
{
    return item && item->type == JB_JSON_STRING ? item->text : JB_STR_NULL;
}

static bool restore_line(struct work *work, struct jb_scope *scope, struct jb_str line)
{
    struct jb_json *list = jb_json_parse(scope, line);
    int64_t row;

    if (!list || list->count != 4 || !jb_str_to_int64(list->first->text, &row))
        return jb_failure(scope) ? false : jb_fail(scope, JB_BROKEN, "a refusal of the mark");
    const struct jb_json *column = list->first->next, *value = column->next;
    return jb_stage_refuse(work->attempt->stage, scope, row, text_of(column), text_of(value), text_of(value->next));
}

static void restore_blocking(void *arg)
{
    struct work *work = arg;

    work->ok = true;
    for (struct jb_str rest = work->text; work->ok && rest.data && rest.size > 0;) {
        struct jb_scope *one = jb_scope_child(work->scope, "refusal");
        struct jb_str line = jb_str_cut(&rest, '\n');
        work->ok = line.size == 0 || restore_line(work, one, line) || jb_failure_pass(one, work->scope);
        jb_scope_end(one);
    }
}

bool jb__refusals_restore(struct jb__attempt *attempt, struct jb_scope *scope, struct jb_str lines)
{
    struct work work = { .attempt = attempt, .scope = jb_scope_child(scope, "refusals"), .text = lines };

    jb_thread_call(attempt->thread, restore_blocking, &work);
    bool ok = work.ok || jb_failure_pass(work.scope, scope);
    jb_scope_end(work.scope);
    return ok;
}
