/* open.c — which files an attempt reads, and what their columns mean. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"

bool jb__fail_no_rows(struct jb_scope *scope, const struct jb__attempt *attempt, bool headings)
{
    return jb_fail(scope, JB_INVALID,
        headings ? JB_L(scope, "‘%.*s’에는 머리글만 있고 자료가 없습니다. 둘째 행부터 자료를 적으세요.", "%.*s holds headings and no rows. Put rows below the headings.")
                 : JB_L(scope, "‘%.*s’이(가) 비어 있습니다. 첫 행에 머리글을, 그 아래에 자료를 적으세요.", "%.*s is empty. Put headings into the first row and rows below."),
        JB_FMT(attempt->job.file_name));
}

bool jb__goes_on_by_rows(const struct jb__attempt *attempt)
{
    return attempt->options.continued > 0 && attempt->options.import.on_error == JB_SKIP;
}

static const char *refused_path(const struct jb__attempt *attempt, struct jb_scope *scope)
{
    return jb_format(scope, "%s/%.*s", attempt->transfer->media_dir, JB_FMT(attempt->result)).data;
}

static void add_upload(const struct jb__attempt *attempt, struct jb_scope *scope, struct jb__sources *sources)
{
    const struct jb_import_options *options = &attempt->options.import;

    sources->at[sources->count++] = (struct jb__source){
        .path = jb__spool_path(scope, attempt->transfer, attempt->spool).data,
        .title = attempt->job.file_name,
        .options = { .format = jb_sheet_format_named(options->format), .sheet = options->sheet, .encoding = options->encoding },
        .head_row = options->head_row,
        .looks_ahead = jb__asks(attempt),
    };
}

static void add_correction(const struct jb__attempt *attempt, struct jb_scope *scope, struct jb__sources *sources, struct jb_str file, bool verified)
{
    sources->at[sources->count++] = (struct jb__source){ .path = jb__spool_path(scope, attempt->transfer, file).data, .title = attempt->options.correction, .numbered = true, .verified = verified };
}

/* The newest first. */
static void add_corrections(const struct jb__attempt *attempt, struct jb_scope *scope, struct jb__sources *sources, size_t count)
{
    struct jb_str *files = JB_NEW_ARRAY(scope, struct jb_str, count + 1);
    struct jb_str rest = attempt->corrections;

    for (size_t i = 0; i < count; i++)
        files[i] = jb_str_cut(&rest, '\n');
    for (size_t i = count; i-- > 0;)
        add_correction(attempt, scope, sources, files[i], (int)i < attempt->options.verified);
}

struct jb__sources *jb__attempt_sources(const struct jb__attempt *attempt, struct jb_scope *scope)
{
    struct jb__sources *sources = JB_NEW(scope, struct jb__sources);
    size_t corrections = jb__lines(attempt->corrections);

    sources->job = attempt->job.id;
    sources->file_hash = attempt->job.file_hash;
    sources->at = JB_NEW_ARRAY(scope, struct jb__source, corrections + 2);
    if (jb__goes_on_by_rows(attempt)) {
        add_correction(attempt, scope, sources, attempt->spool, false);
        sources->at[sources->count++] = (struct jb__source){ .path = refused_path(attempt, scope), .title = attempt->job.file_name, .numbered = true, .carried = true };
    } else {
        add_corrections(attempt, scope, sources, corrections);
        add_upload(attempt, scope, sources);
    }
    return sources;
}

static bool fail_foreign(struct jb_scope *scope, int64_t job)
{
    return jb_fail(scope, JB_INVALID, JB_L(scope, "작업 %lld의 거절된 행입니다. 그 작업의 쪽에서 올리거나 `jangbu jobs continue %lld 파일`로 이어 가세요. 새 파일로 가져오려면 ‘행 row’ 열을 지우세요.", "these are the refused rows of job %lld. Upload them on that job's page or with `jangbu jobs continue %lld FILE`. To import them as a new file, take the column \"행 row\" out."),
        (long long)job, (long long)job);
}

/* What the columns mean, and whether the corrected rows are this job's. */
static bool map_sources(struct jb__attempt *attempt, struct jb_scope *scope, struct jb__sources *sources)
{
    const struct jb__source *base = jb__sources_base(sources);
    int64_t other;

    if (!base->numbered && jb__sources_foreign(base, scope, &other))
        return fail_foreign(scope, other);
    if (jb__asks(attempt))
        return jb__ask_map(attempt, scope, base);
    return jb__plan_map(attempt->plan, scope, base->sheet, &base->head, attempt->options.import.mode) && jb__sources_check(sources, scope, attempt->plan) &&
           (sources->count == 1 || jb__sources_verify(sources, scope, refused_path(attempt, scope)));
}

bool jb__attempt_open(struct jb__attempt *attempt, struct jb_scope *scope, struct jb__sources *sources)
{
    bool ok = false;

    if (jb__sources_open(sources, scope)) {
        ok = map_sources(attempt, scope, sources);
    } else if (jb__asks(attempt) && jb__ask_head(attempt, scope, jb__sources_base(sources))) {
        ok = true;
    } else if (jb_error(scope) == JB_NOT_FOUND) {
        struct jb_str text = jb_failure_text(scope); /* a sheet of a file that is there: bad input */
        jb_failure_clear(scope);
        jb_fail(scope, JB_INVALID, "%.*s", JB_FMT(text));
        return false;
    } else if (!jb_failure(scope)) {
        jb__fail_no_rows(scope, attempt, false);
    }
    /* a sentence about the file names it */
    if (!ok && jb_failure(scope) && jb_str_find(jb_failure_text(scope), attempt->job.file_name, 0) == SIZE_MAX)
        jb_wrap(scope, "%.*s", JB_FMT(attempt->job.file_name));
    return ok;
}
