/* stage_sums.c — the proof of a merge: what the file says that its amounts add up to is what the table's columns add up to afterwards.
 *
 * Summed are the decimal columns that the sheet brings, over the rows that went in: as they were staged, as they stood in the table before, and as the table holds them after the merge. A trigger or a rule
 * of the table's own that makes other amounts of them is noticed so, and the rows that it changed are refused like those that it does not take (stage_sift.c). */
// SPDX-License-Identifier: Apache-2.0
#include "store/stage_private.h"

struct jb_stage_sums jb__sums_of(const struct jb_stage *stage)
{
    struct jb_stage_sums sums = { .count = 0 };

    for (size_t i = 0; i < stage->column_count && sums.count < JB_STAGE_SUMS_MAX; i++)
        if (stage->columns[i]->type == JB_DECIMAL && !stage->columns[i]->as_number)
            sums.at[sums.count++].field = stage->columns[i];
    return sums;
}

size_t jb__sums_fields(const struct jb_stage_sums *sums, const struct jb_field **fields)
{
    for (size_t i = 0; i < sums->count; i++)
        fields[i] = sums->at[i].field;
    return sums->count;
}

static struct jb_str text_of(struct jb_scope *scope, const struct jb_stage_sum *sum, jb_decimal_sum units)
{
    char text[JB_DECIMAL_SUM_TEXT_SIZE];
    return jb_copy(scope, jb_decimal_sum_text(units, sum->field->decimals, text));
}

bool jb__sums_stand(const struct jb_stage_sums *sums, struct jb_scope *scope)
{
    for (size_t i = 0; i < sums->count; i++) {
        const struct jb_stage_sum *sum = &sums->at[i];
        if (sum->unknown || sum->file == sum->after)
            continue;
        struct jb_str file = text_of(scope, sum, sum->file), after = text_of(scope, sum, sum->after);
        return jb_fail_field(scope, jb_str_of(sum->field->name),
            JB_L(scope, "표가 값을 바꿉니다: 파일에는 %.*s, 표에는 %.*s. 표에 딸린 규칙(트리거)을 보거나 이 열을 빼고 가져오세요.", "The table makes another value of it: %.*s in the file, %.*s in the table. Look at its triggers and rules, or import without this column."),
            JB_FMT(file), JB_FMT(after));
    }
    return true;
}

void jb__sums_add(struct jb_stage *stage, const struct jb_stage_sums *sums)
{
    struct jb_stage_sums *all = &stage->sums;

    if (all->count == 0)
        *all = jb__sums_of(stage);
    for (size_t i = 0; i < sums->count; i++) {
        all->at[i].file += sums->at[i].file;
        all->at[i].before += sums->at[i].before;
        all->at[i].after += sums->at[i].after;
        all->at[i].unknown |= sums->at[i].unknown;
    }
}

const struct jb_stage_sums *jb_stage_sums(const struct jb_stage *stage)
{
    return &stage->sums;
}

bool jb_stage_sums_standing(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row)
{
    struct jb_stage_sums sums = jb__sums_of(stage);

    if (sums.count > 0 && !stage->driver->sums_standing(stage, scope, after_row, last_row, &sums))
        return false;
    for (size_t i = 0; i < sums.count; i++)
        sums.at[i].before = sums.at[i].after = sums.at[i].file;
    jb__sums_add(stage, &sums);
    return true;
}
