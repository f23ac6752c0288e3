/* preview.c — what an import would do, or why it could not: refused rows, differences field by field, the settings of a job. */
// SPDX-License-Identifier: Apache-2.0
#include "admin_private.h"

enum {
    DIFFERENCES_SHOWN = 50,
    REFUSED_IN_PREVIEW = 20,
};

/* ---- refused rows --------------------------------------------------------------------------------------------------------------- */

static struct jb_str member(const struct jb_json *object, const char *name)
{
    const struct jb_json *json = jb_json_member(object, name);
    return json && (json->type == JB_JSON_STRING || json->type == JB_JSON_NUMBER) ? json->text : JB_STR_NULL;
}

static struct jb_str heading(struct jb_request *req, const struct jb_model *model, struct jb_str column)
{
    const struct jb_field *field = model ? jb_record_field(&model->record, column) : NULL;
    return field ? jb__label(req->scope, field) : column;
}

/* A column that is no field of its own, like project.code, is called as in the sheet. */
static struct jb_str refused_heading(struct jb_request *req, const struct jb_model *model, const struct jb_json *error)
{
    struct jb_str column = member(error, "column"), as_written = member(error, "heading");

    return as_written.size == 0 || (model && jb_record_field(&model->record, column)) ? heading(req, model, column) : as_written;
}

bool jb__refused_vars(struct jb_request *req, const struct import_job *job, const struct jb_model *model, struct jb_vars *vars, size_t limit)
{
    struct jb_scope *scope = req->scope;
    const struct jb_json *list = NULL;
    int64_t shown = 0, row;

    jb_vars_list(vars, "refused");
    jb_vars_list(vars, "notes");
    if (job->errors.size > 0 && !(list = jb_json_parse(scope, job->errors)))
        return false;
    for (const struct jb_json *error = list ? list->first : NULL; error && shown < (int64_t)limit; error = error->next, shown++) {
        struct jb_vars *inner = jb_vars_append(vars, "refused");
        jb_vars_text(inner, "row", jb_str_to_int64(member(error, "row"), &row) && row > 0 ? jb__number(scope, row) : JB_STR_NULL);
        jb_vars_text(inner, "column", refused_heading(req, model, error));
        jb_vars_text(inner, "value", member(error, "value"));
        jb_vars_text(inner, "reason", member(error, "reason"));
    }
    struct jb_str all = jb__number(scope, job->errors_total), some = jb__number(scope, shown);
    jb_vars_text(vars, "refused_counts",
        shown < job->errors_total ? jb_format(scope, JB_L(scope, "이유 %.*s가지 가운데 %.*s가지", "reasons: %.*s, here the first %.*s"), JB_FMT(all), JB_FMT(some)) : jb_format(scope, JB_L(scope, "이유 %.*s가지", "reasons: %.*s"), JB_FMT(all)));
    list = NULL;
    if (job->notes.size > 0 && !(list = jb_json_parse(scope, job->notes)))
        return false;
    for (const struct jb_json *note = list ? list->first : NULL; note; note = note->next)
        if (note->type == JB_JSON_STRING)
            jb_vars_text(jb_vars_append(vars, "notes"), "text", note->text);
    return true;
}

/* ---- settings ------------------------------------------------------------------------------------------------------------------- */

static void fact(struct jb_vars *vars, const char *label, struct jb_str text)
{
    if (text.size == 0)
        return;
    struct jb_vars *inner = jb_vars_append(vars, "facts");
    jb_vars_text(inner, "label", jb_str_of(label));
    jb_vars_text(inner, "text", text);
}

static struct jb_str mode_words(struct jb_scope *scope, struct jb_str mode)
{
    if (jb_str_is(mode, "insert"))
        return jb_str_of(JB_L(scope, "새 행만 더하기", "Add new rows only"));
    if (jb_str_is(mode, "update"))
        return jb_str_of(JB_L(scope, "있는 행만 고치기", "Change existing rows only"));
    return jb_str_of(JB_L(scope, "새 행은 더하고, 있는 행은 고치기", "Add new rows, change existing ones"));
}

static struct jb_str names_words(struct jb_request *req, const struct jb_model *model, struct jb_str names, char separator, const char *between)
{
    struct jb_str rest = names, words = JB_STR("");
    while (rest.size > 0) {
        struct jb_str name = jb_str_trim(jb_str_cut(&rest, separator));
        if (name.size)
            words = jb_format(req->scope, "%.*s%s%.*s", JB_FMT(words), words.size ? between : "", JB_FMT(heading(req, model, name)));
    }
    return words;
}

static struct jb_str sum_words(struct jb_scope *scope, const struct jb_json *total, const char *name)
{
    struct jb_str sum = member(total, name);
    struct jb_decimal number;
    char people[48];
    return jb_decimal_parse(sum, &number) ? jb_copy(scope, jb_decimal_text_people(number, people)) : sum;
}

/* The proof of an import: what the file adds up to is how the table changed, beside what its rows held before. */
static void balance_facts(struct jb_scope *scope, const struct import_job *job, struct jb_vars *vars)
{
    const struct jb_json *totals = job->totals.size > 0 ? jb_json_parse(scope, job->totals) : NULL;

    for (const struct jb_json *total = totals ? totals->first : NULL; total; total = total->next) {
        struct jb_str file = sum_words(scope, total, "file"), before = sum_words(scope, total, "before"), change = sum_words(scope, total, "change");
        fact(vars, jb_format(scope, JB_L(scope, "합계: %.*s", "Total: %.*s"), JB_FMT(member(total, "label"))).data,
            jb_format(scope, JB_L(scope, "파일 %.*s − 전에 있던 %.*s = 표의 변화 %.*s", "file %.*s − held before %.*s = change of the table %.*s"), JB_FMT(file), JB_FMT(before), JB_FMT(change)));
    }
}

static void import_facts(struct jb_request *req, const struct import_job *job, const struct jb_model *model, const struct jb_json *options, struct jb_vars *vars)
{
    struct jb_scope *scope = req->scope;
    bool skip = jb_str_is(member(options, "on_error"), "skip");
    struct jb_str batch = member(options, "batch_rows");
    int64_t rows;

    fact(vars, JB_L(scope, "방식", "Mode"), mode_words(scope, member(options, "mode")));
    fact(vars, JB_L(scope, "기준", "Key"), names_words(req, model, member(options, "match_on"), ' ', " + "));
    fact(vars, JB_L(scope, "잘못된 행", "Bad rows"), jb_str_of(skip ? JB_L(scope, "그 행만 빼고 넣기", "Skip those rows") : JB_L(scope, "아무것도 넣지 않기", "Apply nothing")));
    fact(vars, JB_L(scope, "시트", "Sheet"), member(options, "sheet"));
    fact(vars, JB_L(scope, "글자 인코딩", "Encoding"), member(options, "encoding"));
    if (jb_str_to_int64(batch, &rows) && rows > 0)
        fact(vars, JB_L(scope, "묶음", "Batch"), jb_format(scope, JB_L(scope, "%.*s행", "%.*s rows"), JB_FMT(jb__number(scope, rows))));
    balance_facts(scope, job, vars);
}

/* What the file that was downloaded can be compared with. */
static void export_facts(struct jb_request *req, const struct import_job *job, const struct jb_model *model, const struct jb_json *options, struct jb_vars *vars)
{
    struct jb_scope *scope = req->scope;
    const struct jb_json *totals = job->totals.size > 0 ? jb_json_parse(scope, job->totals) : NULL;

    fact(vars, JB_L(scope, "형식", "Format"), member(options, "format"));
    fact(vars, JB_L(scope, "열", "Columns"), names_words(req, model, member(options, "columns"), ',', ", "));
    for (const struct jb_json *total = totals ? totals->first : NULL; total; total = total->next) {
        struct jb_str sum = sum_words(scope, total, "sum");
        fact(vars, jb_format(scope, JB_L(scope, "합계: %.*s", "Total: %.*s"), JB_FMT(member(total, "label"))).data, sum);
    }
    fact(vars, "SHA-256", job->file_hash);
}

bool jb__job_facts(struct jb_request *req, const struct import_job *job, const struct jb_model *model, struct jb_vars *vars)
{
    struct jb_scope *scope = req->scope;
    const struct jb_json *options = NULL;

    jb_vars_list(vars, "facts");
    if (job->options.size > 0 && !(options = jb_json_parse(scope, job->options)))
        return false;
    if (jb_str_is(job->kind, "import"))
        import_facts(req, job, model, options, vars);
    else if (jb_str_is(job->kind, "export"))
        export_facts(req, job, model, options, vars);
    if (job->file_bytes > 0)
        fact(vars, JB_L(scope, "파일 크기", "File size"), jb__bytes(scope, job->file_bytes));
    if (job->peak_rss_bytes > 0)
        fact(vars, JB_L(scope, "메모리 최고", "Peak memory"), jb__bytes(scope, job->peak_rss_bytes));
    if (job->attempt > 1)
        fact(vars, JB_L(scope, "시도", "Attempts"), jb_format(scope, JB_L(scope, "%d번", "%d"), job->attempt));
    if (job->finished_at.us)
        fact(vars, JB_L(scope, "끝난 때", "Ended"), jb__clock(req, job->finished_at));
    return true;
}

/* ---- differences ----------------------------------------------------------------------------------------------------------------- */

/* Widths of the bar in units of 0.01 %; a share that is there at all stays visible, at the cost of the largest. */
static void mix_vars(struct jb_scope *scope, const struct import_job *job, struct jb_vars *vars)
{
    const int64_t parts[] = { job->new_rows, job->changed, job->unchanged, job->refused };
    static const char *const fills[] = { "f1", "f2", "f0", "f3" };
    int64_t widths[4], total = 0, sum = 0, x = 0;
    size_t largest = 0;

    for (size_t i = 0; i < JB_COUNT(parts); i++)
        total += parts[i];
    for (size_t i = 0; i < JB_COUNT(parts); i++) {
        widths[i] = parts[i] == 0 ? 0 : JB_MAX((int64_t)((double)parts[i] * 10000.0 / (double)total), 50);
        sum += widths[i];
        if (parts[i] > parts[largest])
            largest = i;
    }
    widths[largest] += total > 0 ? 10000 - sum : 0;
    jb_vars_list(vars, "mix");
    for (size_t i = 0; i < JB_COUNT(parts); x += widths[i++]) {
        struct jb_vars *bar = jb_vars_append(vars, "mix");
        jb_vars_text(bar, "fill", jb_str_of(fills[i]));
        jb_vars_text(bar, "x", jb_format(scope, "%lld.%02lld", (long long)(x / 100), (long long)(x % 100)));
        jb_vars_text(bar, "width", jb_format(scope, "%lld.%02lld", (long long)(widths[i] / 100), (long long)(widths[i] % 100)));
    }
    struct jb_str numbers[4];
    for (size_t i = 0; i < JB_COUNT(parts); i++)
        numbers[i] = jb__number(scope, parts[i]);
    jb_vars_text(vars, "mix_words", jb_format(scope, JB_L(scope, "새로 %.*s, 고침 %.*s, 그대로 %.*s, 거절 %.*s%s", "new %.*s, changed %.*s, unchanged %.*s, refused %.*s%s"), JB_FMT(numbers[0]), JB_FMT(numbers[1]), JB_FMT(numbers[2]), JB_FMT(numbers[3]), jb__conflict_words(scope, job)));
}

static void chip(struct jb_request *req, struct jb_vars *vars, const char *name, const char *label, int64_t count, bool current)
{
    struct jb_vars *inner = jb_vars_append(vars, "chips");
    jb_vars_text(inner, "label", jb_format(req->scope, "%s %.*s", label, JB_FMT(jb__number(req->scope, count))));
    jb_vars_text(inner, "link", jb__link(req, "show", jb_str_of(name), "page", JB_STR_NULL));
    jb__set(inner, "current", current);
}

/* Amounts with thousands, everything else as it stands. */
static struct jb_str cell_words(struct jb_scope *scope, const struct jb_model *model, struct jb_str column, struct jb_str text)
{
    const struct jb_field *field = model ? jb_record_field(&model->record, column) : NULL;
    struct jb_decimal amount;
    return field && field->type == JB_DECIMAL && jb_decimal_parse(text, &amount) ? jb__amount(scope, amount, false) : text;
}

static void difference_vars(struct jb_request *req, const struct jb_model *model, const struct import_difference *difference, struct jb_vars *vars)
{
    struct jb_vars *inner = jb_vars_append(vars, "differences");
    jb_vars_text(inner, "row", jb__number(req->scope, difference->row));
    jb_vars_text(inner, "key", difference->key);
    jb_vars_text(inner, "label", difference->label.data ? difference->label : difference->column);
    jb_vars_text(inner, "before", cell_words(req->scope, model, difference->column, difference->before));
    jb_vars_text(inner, "after", cell_words(req->scope, model, difference->column, difference->after));
    jb__set(inner, "has_before", difference->has_before);
}

static struct jb_str confirm_words(struct jb_scope *scope, const struct import_job *job)
{
    struct jb_str count = jb__number(scope, job->new_rows + job->changed), refused = jb__number(scope, job->refused);
    if (job->refused > 0)
        return jb_format(scope, JB_L(scope, "거절 %.*s행을 빼고 %.*s행 반영", "Without %.*s refused rows, apply %.*s"), JB_FMT(refused), JB_FMT(count));
    return jb_format(scope, JB_L(scope, "%.*s행 반영", "Apply %.*s rows"), JB_FMT(count));
}

bool jb__preview_vars(struct jb_request *req, const struct import_job *job, const struct jb_model *model, struct jb_vars *vars)
{
    struct jb_scope *scope = req->scope;
    struct jb_str show = jb_query_text(req, "show");
    enum jb_preview what = job->changed > 0 ? JB_PREVIEW_CHANGED : JB_PREVIEW_NEW;
    int64_t page = 1;

    if (jb_str_is(show, "new"))
        what = JB_PREVIEW_NEW;
    else if (jb_str_is(show, "unchanged"))
        what = JB_PREVIEW_UNCHANGED;
    else if (jb_str_is(show, "changed"))
        what = JB_PREVIEW_CHANGED;
    if (!jb_str_to_int64(jb_query_text(req, "page"), &page) || page < 1)
        page = 1;
    int64_t count = what == JB_PREVIEW_NEW ? job->new_rows : what == JB_PREVIEW_CHANGED ? job->changed
                                                                                        : job->unchanged;
    int64_t pages = JB_MAX(1, (count + DIFFERENCES_SHOWN - 1) / DIFFERENCES_SHOWN);
    page = JB_MIN(page, pages);

    struct jb_rows *rows = jb_import_preview(scope, job->id, what, (page - 1) * DIFFERENCES_SHOWN, DIFFERENCES_SHOWN);
    if (!rows || !jb__refused_vars(req, job, model, vars, REFUSED_IN_PREVIEW))
        return false;
    jb_vars_list(vars, "differences");
    for (JB_EACH_ROW(rows, struct import_difference, difference))
        difference_vars(req, model, difference, vars);
    jb_vars_list(vars, "chips");
    chip(req, vars, "changed", JB_L(scope, "고침", "Changed"), job->changed, what == JB_PREVIEW_CHANGED);
    chip(req, vars, "new", JB_L(scope, "새로", "New"), job->new_rows, what == JB_PREVIEW_NEW);
    chip(req, vars, "unchanged", JB_L(scope, "그대로", "Unchanged"), job->unchanged, what == JB_PREVIEW_UNCHANGED);
    jb__pager(req, vars, page, pages);
    mix_vars(scope, job, vars);
    jb_vars_text(vars, "confirm", confirm_words(scope, job));
    jb__set(vars, "has_changes", (bool)(job->changed > 0));
    jb__set(vars, "nothing", (bool)(job->new_rows + job->changed == 0));
    jb_vars_text(vars, "expires", job->expires_at.us ? jb__clock(req, job->expires_at) : JB_STR_NULL);
    return true;
}
