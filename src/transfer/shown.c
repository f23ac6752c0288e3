/* shown.c — a confirmed import does what was shown, or says what somebody changed in between and shows it again. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"

#define ROWS_NAMED 20

struct showing {
    struct jb__attempt *attempt;
    struct jb_scope *scope;
    struct jb_str rows; /* named */
    int64_t count;
    bool ok;
};

static const char *what_happened(struct jb_scope *scope, int was, int now)
{
    if (was == now)
        return JB_L(scope, "값이 바뀌었습니다", "other values");
    if (was == JB_STAGE_ROW_NEW)
        return now == JB_STAGE_ROW_REFUSED ? JB_L(scope, "이제 넣을 수 없습니다", "refused now") : JB_L(scope, "그사이 생겼습니다", "exists now");
    if (now == JB_STAGE_ROW_NEW)
        return was == JB_STAGE_ROW_REFUSED ? JB_L(scope, "이제 넣을 수 있습니다", "no longer refused") : JB_L(scope, "지워졌습니다", "deleted");
    if (now == JB_STAGE_ROW_REFUSED)
        return JB_L(scope, "이제 넣을 수 없습니다", "refused now");
    return was == JB_STAGE_ROW_REFUSED ? JB_L(scope, "이제 넣을 수 있습니다", "no longer refused") : JB_L(scope, "값이 바뀌었습니다", "other values");
}

static bool name_row(void *arg, struct jb_scope *scope, int64_t row, int was, int now, struct jb_str key)
{
    struct showing *showing = arg;
    struct jb_scope *owner = showing->attempt->scope;

    showing->rows = jb_format(owner, JB_L(owner, "%.*s%s%lld행 %.*s(%s)", "%.*s%srow %lld %.*s(%s)"), JB_FMT(showing->rows), showing->rows.size ? ", " : "", (long long)row,
        JB_FMT(key.size > 0 ? jb_format(scope, "%.*s ", JB_FMT(key)) : JB_STR("")), what_happened(owner, was, now));
    return true;
}

static void differ_blocking(void *arg)
{
    struct showing *showing = arg;
    showing->ok = jb_stage_differ(showing->attempt->stage, showing->scope, ROWS_NAMED, name_row, showing, &showing->count);
}

/* What an attempt that found nothing of the preview left can still see. */
static bool counts_differ(const struct jb__attempt *attempt, const struct jb_stage_counts *now)
{
    const struct import_job *shown = &attempt->job;
    return now->new_rows != shown->new_rows || now->changed != shown->changed || now->unchanged != shown->unchanged || now->skipped != shown->skipped;
}

bool jb__shown_check(struct jb__attempt *attempt, const struct jb_stage_counts *now)
{
    struct showing showing = { .attempt = attempt, .scope = jb_scope_child(attempt->scope, "shown"), .rows = JB_STR("") };
    struct jb_scope *scope = attempt->scope;

    jb_fiber_allow_wait(true); /* also asked under the lock */
    jb_thread_call(attempt->thread, differ_blocking, &showing);
    jb_fiber_allow_wait(false);
    bool ok = showing.ok || jb_failure_pass(showing.scope, scope);
    jb_scope_end(showing.scope);
    if (!ok)
        return false;
    if (showing.count < 0 ? !counts_differ(attempt, now) : showing.count == 0)
        return true;
    attempt->shows_again = jb_str_of(JB_L(scope, "그사이 표가 바뀌어 다시 견주었습니다. 다시 확인하세요.", "The table changed meanwhile, so the file was compared again. Confirm once more."));
    if (showing.count > 0) {
        struct jb_str more = showing.count > ROWS_NAMED ? jb_format(scope, JB_L(scope, ", 그 밖에 %lld행", ", and %lld more"), (long long)showing.count - ROWS_NAMED) : JB_STR("");
        attempt->shows_again = jb_format(scope, JB_L(scope, "확인하는 사이에 표에서 %lld행이 바뀌어 다시 견주었습니다: %.*s%.*s. 다시 확인하세요.", "Rows changed in the table since they were shown: %lld. The file was compared again: %.*s%.*s. Confirm once more."),
            (long long)showing.count, JB_FMT(showing.rows), JB_FMT(more));
    }
    return jb_fail(scope, JB_CONFLICT, "%.*s", JB_FMT(attempt->shows_again));
}
