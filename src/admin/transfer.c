/* transfer.c — the pages that take a sheet in and give one out.
 *
 * An upload streams part by part into the spool; nothing of it is ever whole in memory. The options stand behind the file in the form, so they are read after it. */
// SPDX-License-Identifier: Apache-2.0
#include "admin_private.h"

enum {
    EXPORT_AT_ONCE_MAX = 20000,
    ACTION_AT_ONCE_MAX = 1000,
    UPLOAD_CHUNK = 65536,
};

struct jb_response *jb__to_job(struct jb_request *req, int64_t job)
{
    return jb_redirect_to(req, jb_format(req->scope, "/admin/jobs/%lld/", (long long)job));
}

/* ---- import: the page ------------------------------------------------------------------------------------------------------------- */

static const struct jb_field *column_field(const struct jb_model *model, const char *name, const struct jb_field **ret_reference)
{
    struct jb_str text = jb_str_of(name);
    size_t dot = jb_str_find_char(text, '.', 0);
    *ret_reference = NULL;
    if (dot == SIZE_MAX)
        return jb_record_field(&model->record, text);
    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++) {
        struct jb_str own = jb_str_of(field->name);
        if (field->references && own.size == dot + 3 && jb_str_starts(own, jb_str_slice(text, 0, dot)) && jb_str_ends(own, JB_STR("_id"))) {
            *ret_reference = field;
            return jb_record_field(&field->references->record, jb_str_slice(text, dot + 1, text.size));
        }
    }
    return NULL;
}

struct jb_str jb__type_words(struct jb_scope *scope, const struct jb_field *field)
{
    const struct jb_field *there = jb_reference_field(field);

    if (there)
        return jb_format(scope, JB_L(scope, "%.*s의 %.*s", "%.*s: its %.*s"), JB_FMT(jb_model_label(field->references, scope)), JB_FMT(jb__label(scope, there)));
    switch (field->type) {
    case JB_TEXT:
        if (field->long_text)
            return jb_str_of(JB_L(scope, "긴 글", "Long text"));
        if (field->choices)
            return jb_str_of(JB_L(scope, "고르는 값", "One of a list"));
        return field->length_max ? jb_format(scope, JB_L(scope, "글자 %d", "Text %d"), field->length_max) : jb_str_of(JB_L(scope, "글자", "Text"));
    case JB_DATE: return jb_str_of(JB_L(scope, "날짜", "Date"));
    case JB_MONTH: return jb_str_of(JB_L(scope, "월", "Month"));
    case JB_TIME: return jb_str_of(JB_L(scope, "시각", "Time"));
    case JB_DECIMAL:
        return field->decimals == 0 ? jb_str_of(JB_L(scope, "금액", "Amount")) : jb_format(scope, JB_L(scope, "금액, 소수 %d자리까지", "Amount, up to %d decimals"), field->decimals);
    case JB_BOOL: return jb_str_of(JB_L(scope, "예/아니오", "Yes/no"));
    default: return jb_str_of(field->choices ? JB_L(scope, "고르는 값", "One of a list") : JB_L(scope, "정수", "Whole number"));
    }
}

static void column_vars(struct jb_scope *scope, struct jb_vars *vars, const struct jb_field *field, const struct jb_field *rules, const char *heading, const char *name)
{
    struct jb_vars *column = jb_vars_append(vars, "columns");

    jb_vars_text(column, "label", heading ? jb_str_of(heading) : jb__label(scope, field));
    jb_vars_text(column, "name", jb_str_of(name));
    jb_vars_text(column, "type", jb__type_words(scope, field));
    jb__set(column, "required", (bool)(rules->required && !rules->default_text));
    jb_vars_text(column, "default", jb_str_of(rules->default_text));
}

/* The columns that a sheet may have: the exchange's, otherwise every field that is typed by people. */
static void columns_vars(struct jb_request *req, const struct jb_exchange *exchange, struct jb_vars *vars)
{
    const struct jb_model *model = exchange->model;
    const struct jb_field *reference;

    jb_vars_list(vars, "columns");
    for (const struct jb_column *column = exchange->columns; column && column->field; column++) {
        const struct jb_field *field = column_field(model, column->field, &reference);
        if (field)
            column_vars(req->scope, vars, field, reference ? reference : field, column->heading, column->field);
    }
    for (const struct jb_field *field = model->record.fields; !exchange->columns && field->type != JB_END; field++)
        if (field->type != JB_WORD && !field->primary && !field->secret && !field->auto_now && !field->auto_now_add)
            column_vars(req->scope, vars, field, field, NULL, field->name);
}

static void key_option(struct jb_request *req, const struct jb_model *model, struct jb_str names, struct jb_vars *vars)
{
    struct jb_scope *scope = req->scope;
    struct jb_vars *inner = jb_vars_append(vars, "keys");
    struct jb_str rest = names, label = JB_STR("");

    while (rest.data) {
        const struct jb_field *field = jb_record_field(&model->record, jb_str_cut(&rest, ' '));
        if (field)
            label = jb_format(scope, "%.*s%s%.*s", JB_FMT(label), label.size ? " + " : "", JB_FMT(jb__label(scope, field)));
    }
    jb_vars_text(inner, "value", names);
    jb_vars_text(inner, "label", label);
    jb__set(inner, "chosen", (bool)jb_str_equal(names, jb_form_text(req, "match_on")));
}

/* What may tell rows apart: the declared key first, then every other unique field, then the id. */
static struct jb_str keys_vars(struct jb_request *req, const struct jb_exchange *exchange, struct jb_vars *vars)
{
    const struct jb_model *model = exchange->model;
    const struct jb_field *primary = jb_model_primary(model);
    struct jb_str first = jb_str_of(exchange->match_on);

    jb_vars_list(vars, "keys");
    for (const struct jb_field *field = model->record.fields; !first.data && field->type != JB_END; field++)
        if (field->unique)
            first = jb_str_of(field->name);
    if (!first.data)
        first = jb_str_of(primary->name);
    key_option(req, model, first, vars);
    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++)
        if ((field->unique || field->primary) && !jb_str_is(first, field->name))
            key_option(req, model, jb_str_of(field->name), vars);
    const struct jb_field *named = jb_record_field(&model->record, first);
    return named ? jb__label(req->scope, named) : jb_str_of(JB_L(req->scope, "기준", "the key"));
}

static void choose(struct jb_request *req, struct jb_vars *vars, const char *name, const char *fallback)
{
    struct jb_str typed = jb_form_text(req, name);
    jb_vars_text(vars, name, typed.data ? typed : jb_str_of(fallback));
}

struct jb_str jb__too_large(struct jb_scope *scope, int64_t bytes_max)
{
    struct jb_str most = jb__bytes(scope, bytes_max);
    return jb_format(scope, JB_L(scope, "파일이 너무 큽니다. %.*s까지 올릴 수 있습니다. 나누어 올리세요.", "The file is too large; the limit is %.*s. Split it."), JB_FMT(most));
}

void jb__say_too_large(struct jb_request *req, int64_t bytes_max)
{
    if (jb_error(req->scope) != JB_LIMIT || req->http->body_bytes <= bytes_max)
        return;
    jb_failure_clear(req->scope);
    jb_fail(req->scope, JB_LIMIT, "%.*s", JB_FMT(jb__too_large(req->scope, bytes_max)));
}

static struct jb_response *import_page(struct jb_request *req, const struct jb__book *book, int status)
{
    struct jb_scope *scope = req->scope;
    const struct jb_admin_options *options = &book->site->options;
    const struct jb_exchange *exchange = jb_exchange_of(scope, book->model);
    struct jb_vars *vars = jb_vars_new(scope);
    const struct jb_failure *failure = jb_failure(scope);

    jb_failure_clear(scope); /* it is answered here, by the page */
    jb__book_vars(req, book, vars);
    jb_vars_text(vars, "problem", failure ? failure->message : JB_STR_NULL);
    jb_vars_text(vars, "limits", jb_format(scope, JB_L(scope, "XLSX, ODS, CSV, TSV, JSON · %.*s까지 · %.*s부터는 백그라운드 작업으로", "XLSX, ODS, CSV, TSV, JSON · up to %.*s · from %.*s as a background job"), JB_FMT(jb__bytes(scope, options->upload_bytes_max)), JB_FMT(jb__bytes(scope, options->async_bytes))));
    jb__set(vars, "bytes_max", options->upload_bytes_max);
    jb_vars_text(vars, "too_large", jb__too_large(scope, options->upload_bytes_max));
    struct jb_str key = keys_vars(req, exchange, vars);
    jb_vars_text(vars, "key", key);
    jb_vars_text(vars, "key_is", jb__with(scope, key, "이", "가"));
    jb_vars_text(vars, "key_topic", jb__with(scope, key, "은", "는"));
    columns_vars(req, exchange, vars);
    choose(req, vars, "mode", "upsert");
    choose(req, vars, "on_error", "abort");
    choose(req, vars, "encoding", "");
    choose(req, vars, "sheet", "");
    choose(req, vars, "head_row", "");
    jb__set(vars, "ask", (bool)jb_str_is(jb_form_text(req, "ask"), "1"));
    int batch = exchange->batch_rows ? exchange->batch_rows : options->batch_rows ? options->batch_rows
                                                                                  : 1000;
    choose(req, vars, "batch_rows", jb_cstr(scope, jb__number(scope, batch)));
    jb__set(vars, "direct", (bool)(jb_str_is(jb_form_text(req, "direct"), "1") || jb_str_is(jb_query_text(req, "direct"), "1")));
    jb__set(vars, "ignore_existing", (bool)jb_str_is(jb_form_text(req, "ignore_existing"), "1"));
    jb__set(vars, "backup_first", (bool)jb_str_is(jb_form_text(req, "backup_first"), "1"));
    jb_vars_text(vars, "once", jb_form_once(req));
    return jb_page_vars(req, status, "admin/import.html", vars);
}

struct jb_response *jb__import_view(struct jb_request *req)
{
    const struct jb__book *book = jb__book_of(req);
    return book ? import_page(req, book, 200) : jb_problem(req);
}

/* ---- import: the upload ------------------------------------------------------------------------------------------------------------- */

bool jb__take_file(struct jb_request *req, void *arg, struct jb_multipart *multipart, const struct jb_multipart_part *part)
{
    struct jb_spool **spool = arg;
    char *bytes = jb_alloc(req->scope, UPLOAD_CHUNK);
    size_t got;

    if (*spool || part->filename.size == 0) /* a second file, or the empty input of a browser: skipped */
        return true;
    *spool = jb_spool_open(req->scope, part->filename);
    if (!*spool)
        return false;
    do {
        if (!jb_multipart_read(multipart, bytes, UPLOAD_CHUNK, &got) || (got > 0 && !jb_spool_write(*spool, req->scope, bytes, got)))
            return false;
    } while (got > 0);
    return true;
}

static bool read_choice(struct jb_request *req, const char *name, const char *const *words, int *ret_index)
{
    struct jb_str text = jb_form_text(req, name);
    for (int i = 0; words[i]; i++)
        if (jb_str_is(text, words[i]) || (i == 0 && text.size == 0)) {
            *ret_index = i;
            return true;
        }
    return jb_fail(req->scope, JB_INVALID, JB_L(req->scope, "%s=‘%.*s’: 고를 수 있는 값이 아닙니다.", "%s: “%.*s” is not one of the choices."), name, JB_FMT(text));
}

static struct jb_str text_or_null(struct jb_request *req, const char *name)
{
    struct jb_str text = jb_str_trim_unicode(jb_form_text(req, name));
    return text.size ? text : JB_STR_NULL;
}

static bool read_options(struct jb_request *req, struct jb_import_options *ret_options)
{
    static const char *const modes[] = { "upsert", "insert", "update", NULL }, *const on_errors[] = { "abort", "skip", NULL };
    struct jb_scope *scope = req->scope;
    struct jb_import_options options = { .confirm = !jb_str_is(jb_form_text(req, "direct"), "1"), .ask = jb_str_is(jb_form_text(req, "ask"), "1"), .ignore_existing = jb_str_is(jb_form_text(req, "ignore_existing"), "1"), .backup_first = jb_str_is(jb_form_text(req, "backup_first"), "1") };
    struct jb_str rows = text_or_null(req, "batch_rows");
    struct jb_decimal batch;
    int mode, on_error;

    if (!read_choice(req, "mode", modes, &mode) || !read_choice(req, "on_error", on_errors, &on_error))
        return false;
    options.mode = (enum jb_import_mode[]){ JB_UPSERT, JB_INSERT, JB_UPDATE_ONLY }[mode];
    options.on_error = on_error ? JB_SKIP : JB_ABORT;
    if (rows.data) {
        if (!jb_decimal_parse_loose(rows, &batch) || batch.scale != 0 || batch.units < 1 || batch.units > 100000)
            return jb_fail(scope, JB_INVALID, JB_L(scope, "한 번에 넣는 행 수 ‘%.*s’: 1에서 100,000까지의 수가 아닙니다.", "Rows at a time: “%.*s” is no number from 1 to 100,000."), JB_FMT(rows));
        options.batch_rows = (int)batch.units;
    }
    options.match_on = text_or_null(req, "match_on");
    options.sheet = text_or_null(req, "sheet");
    options.encoding = text_or_null(req, "encoding");
    if (!jb__head_row_read(req, &options.head_row))
        return false;
    options.once = text_or_null(req, "once");
    *ret_options = options;
    return true;
}

struct jb_response *jb__import_post(struct jb_request *req)
{
    const struct jb__book *book = jb__book_of(req);
    struct jb_scope *scope = req->scope;
    struct jb_spool *spool = NULL;
    struct jb_import_options options;
    int64_t job;
    bool ended;

    if (!book)
        return jb_problem(req);
    if (!jb__upload_form(req, &spool)) {
        jb__say_too_large(req, book->site->options.upload_bytes_max);
        return jb_error(scope) == JB_LIMIT && !req->api ? import_page(req, book, 413) : jb_problem(req);
    }
    if (!read_options(req, &options) || !jb__import_allowed(scope, book->model, options.mode))
        ;
    else if (!jb__upload_file(req, &spool) ? jb_import_repeated(scope, book->model, &options, &job) : jb__went_on(req, book->model, spool, options.once, &job) || (!jb_failure(scope) && jb_import_submit(scope, book->model, spool, &options, &job, &ended)))
        return jb__to_job(req, job);
    enum jb_error error = jb_error(scope);
    bool shown = error == JB_INVALID || error == JB_CONFLICT; /* CONFLICT: refused rows of a job that does not go on */
    return shown && !req->api ? import_page(req, book, jb_error_http(error)) : jb_problem(req);
}

/* ---- export --------------------------------------------------------------------------------------------------------------------------- */

/* What a streamed export needs after the head was sent. */
struct download {
    const struct jb_model *model;
    struct jb_export_options options;
};

static bool stream_export(struct jb_request *req, void *arg)
{
    const struct download *download = arg;
    return jb_export_to(req->scope, download->model, &download->options, jb_to_client, req, NULL);
}

static struct jb_response *download_of(struct jb_request *req, const struct jb__book *book, struct download *download)
{
    struct jb_str label = jb_model_label(book->model, req->scope);
    struct jb_str name = jb_format(req->scope, "%.*s.%s", JB_FMT(label), jb_sheet_format_name(download->options.format));
    return jb_respond_download(req, jb_sheet_format_type(download->options.format), name, stream_export, download, -1);
}

/* Only the head row, to be filled in: no id is 0. */
static struct jb_response *empty_sheet(struct jb_request *req, const struct jb__book *book)
{
    struct jb_condition *none = JB_NEW_ARRAY(req->scope, struct jb_condition, 2);
    struct download *download = JB_NEW(req->scope, struct download);

    none[0] = (struct jb_condition){ jb_str_of(jb_model_primary(book->model)->name), JB_EQUAL, jb_v_int(0) };
    *download = (struct download){ book->model, { .format = JB_SHEET_XLSX, .conditions = none } };
    return download_of(req, book, download);
}

struct jb_response *jb__export_view(struct jb_request *req)
{
    const struct jb__book *book = jb__book_of(req);
    struct jb_scope *scope = req->scope;
    struct jb__query query;

    if (!book || !jb__list_read(req, book, &query))
        return jb_problem(req);
    if (jb_str_is(jb_query_text(req, "template"), "1"))
        return empty_sheet(req, book);
    struct jb_select select = jb__list_select(book, &query);
    int64_t count = jb_count_rows(scope, book->model, &select);
    if (count < 0)
        return jb_problem(req);
    struct jb_vars *vars = jb_vars_new(scope);
    jb__book_vars(req, book, vars);
    jb__set(vars, "count", count);
    jb__set(vars, "at_once", (bool)(count <= EXPORT_AT_ONCE_MAX));
    jb__set(vars, "sheets", (int64_t)JB_MAX(1, (count + 1048574) / 1048575));
    jb__set(vars, "filtered", query.filtered);
    jb_vars_text(vars, "words", jb__list_words(req, book, &query));
    jb_vars_text(vars, "here_link", jb__link(req, NULL, JB_STR_NULL, NULL, JB_STR_NULL));
    columns_vars(req, jb_exchange_of(scope, book->model), vars);
    return jb_page_vars(req, 200, "admin/export.html", vars);
}

static bool export_columns(struct jb_request *req, struct jb_str *ret_columns)
{
    const struct jb_str *names;
    size_t count = jb_form_all(req, "columns", &names);
    struct jb_str columns = JB_STR_NULL;

    for (size_t i = 0; i < count; i++)
        columns = jb_format(req->scope, "%.*s%s%.*s", JB_FMT(columns), i ? "," : "", JB_FMT(names[i]));
    if (count == 0)
        return jb_fail(req->scope, JB_INVALID, "%s", JB_L(req->scope, "내보낼 열이 없습니다. 하나 이상 고르세요.", "No column was chosen. Choose at least one."));
    *ret_columns = columns;
    return true;
}

struct jb_response *jb__export_post(struct jb_request *req)
{
    const struct jb__book *book = jb__book_of(req);
    struct jb_scope *scope = req->scope;
    struct jb__query *query = JB_NEW(scope, struct jb__query); /* lives as long as the stream */
    struct download *download = JB_NEW(scope, struct download);
    int64_t count = 0, job;

    if (!book || !jb_form_read(req) || !jb__list_read(req, book, query))
        return jb_problem(req);
    struct jb_str wanted = jb_form_text(req, "format");
    enum jb_sheet_format format = jb_sheet_format_written(wanted);
    if (format == JB_SHEET_AUTO) {
        jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’: 내보낼 수 있는 형식이 아닙니다.", "“%.*s” is no format that can be written."), JB_FMT(wanted));
        return jb_problem(req);
    }
    struct jb_select select = jb__list_select(book, query);
    *download = (struct download){ book->model, { .format = format, .conditions = query->conditions, .search = select.search, .search_fields = select.search_fields, .order = select.order } };
    download->options.totals = jb_str_is(jb_form_text(req, "totals"), "1");
    if (!export_columns(req, &download->options.columns) || (count = jb_count_rows(scope, book->model, &select)) < 0)
        return jb_problem(req);
    if (count > EXPORT_AT_ONCE_MAX || jb_str_is(jb_form_text(req, "background"), "1"))
        return jb_export_start(scope, book->model, &download->options, &job) ? jb__to_job(req, job) : jb_problem(req);
    return download_of(req, book, download);
}

/* The list's action: the ticked rows, or with `all` whatever the list finds. Few come at once. */
struct jb_response *jb__export_chosen(struct jb_request *req, const struct jb__book *book, struct jb_ids chosen)
{
    struct jb_scope *scope = req->scope;
    bool all = jb_str_is(jb_form_text(req, "all"), "1");
    struct jb__query *query = JB_NEW(scope, struct jb__query); /* lives as long as the stream */
    struct download *download = JB_NEW(scope, struct download);
    int64_t count = (int64_t)chosen.count, job;

    if (!jb_require(scope, jb_format(scope, "%s.export_%.*s", book->app->name, JB_FMT(jb_model_name(book->model, scope)))) || !jb__list_read(req, book, query))
        return jb_problem(req);
    struct jb_select select = jb__list_select(book, query);
    *download = (struct download){ book->model, { .format = JB_SHEET_XLSX, .order = select.order } };
    if (all) {
        download->options.conditions = select.conditions;
        download->options.search = select.search;
        download->options.search_fields = select.search_fields;
        count = jb_count_rows(scope, book->model, &select);
    } else {
        download->options.ids = chosen;
    }
    if (count < 0)
        return jb_problem(req);
    if (count > ACTION_AT_ONCE_MAX)
        return jb_export_start(scope, book->model, &download->options, &job) ? jb__to_job(req, job) : jb_problem(req);
    return download_of(req, book, download);
}
