/* notes.c — what a job tells beside its figures: a JSON list of sentences. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"

void jb__note_add(struct jb__attempt *attempt, struct jb_str note)
{
    struct jb_str old = attempt->job.notes;
    struct jb_buf buf = JB_BUF_INIT((size_t)1 << 20);
    struct jb_json_writer writer;

    jb_json_start(&writer, &buf);
    jb_json_array(&writer);
    jb_json_text(&writer, note);
    if (old.size > 2) { /* "[…" goes on behind ours */
        jb_buf_put_char(&buf, ',');
        jb_buf_put(&buf, jb_str_slice(old, 1, old.size));
    } else {
        jb_json_array_end(&writer);
    }
    attempt->job.notes = jb_copy(attempt->scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
}

void jb__note_stray(struct jb__attempt *attempt, const struct jb__checker *checker)
{
    struct jb_scope *scope = attempt->scope;
    char letters[4];

    if (checker->stray_row > 0)
        jb__note_add(attempt, jb_format(scope, JB_L(scope, "%lld행의 %.*s열에 값이 있으나 그 열에는 머리글이 없어 넣지 않습니다. 넣으려면 머리글을 적거나 열을 맞추세요(map).", "Row %lld has a value in column %.*s, which has no heading: it is not imported. To import it, add a heading, or map the column (map)."), (long long)checker->stray_row,
                                  JB_FMT(jb_column_letters(checker->stray_column, letters))));
}

void jb__note_unknown_columns(struct jb__attempt *attempt)
{
    const struct jb__plan *plan = attempt->plan;
    struct jb_scope *scope = attempt->scope;
    struct jb_str list = JB_STR("");

    attempt->job.notes = JB_STR_NULL; /* of an earlier attempt */
    if (plan->unknown_count == 0)
        return;
    for (size_t i = 0; i < plan->unknown_count; i++)
        list = jb_format(scope, "%.*s%s‘%.*s’", JB_FMT(list), i ? ", " : "", JB_FMT(plan->unknown[i]));
    jb__note_add(attempt, jb_format(scope, JB_L(scope, "열 %zu개는 넣지 않습니다: %.*s. 아는 머리글이 아닙니다.", "%zu columns are ignored: %.*s. They match no field."), plan->unknown_count, JB_FMT(list)));
}
