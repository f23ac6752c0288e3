/* export.c — a model as a file: a job, chosen and filtered by query parameters (income__gte=1000, date__lte=2025-11-30, category=매출). */
// SPDX-License-Identifier: Apache-2.0
#include "api_private.h"

enum { CONDITIONS_MAX = 20 };

static const struct {
    const char *suffix;
    enum jb_op op;
} suffixes[] = {
    { "__gte", JB_GREATER_EQUAL },
    { "__lte", JB_LESS_EQUAL },
    { "__gt", JB_GREATER },
    { "__lt", JB_LESS },
    { "__ne", JB_NOT_EQUAL },
    { "__contains", JB_CONTAINS },
    { "__starts", JB_STARTS },
};

static bool unknown(struct jb_request *req, const struct jb_model *model, struct jb_str name)
{
    struct jb_str nearest = jb_record_nearest(&model->record, name), full = jb_model_full_name(model, req->scope);

    return jb_fail(req->scope, JB_INVALID, JB_L(req->scope, "%.*s에 ‘%.*s’ 필드가 없습니다.%s%.*s", "%.*s has no field '%.*s'.%s%.*s"), JB_FMT(full), JB_FMT(name),
        nearest.data ? JB_L(req->scope, " 아마: ", " Nearest: ") : "", JB_FMT(nearest));
}

static bool read_condition(struct jb_request *req, const struct jb_model *model, const struct jb_param *param, struct jb_condition *ret_condition)
{
    struct jb_str name = param->name;
    enum jb_op op = JB_EQUAL;
    struct jb_value value;

    for (size_t i = 0; i < JB_COUNT(suffixes); i++)
        if (jb_str_ends(name, jb_str_of(suffixes[i].suffix))) {
            op = suffixes[i].op;
            name = jb_str_slice(name, 0, name.size - jb_str_of(suffixes[i].suffix).size);
            break;
        }
    const struct jb_field *field = jb_record_field(&model->record, name);
    if (!field || field->secret)
        return unknown(req, model, name);
    if (!jb_field_parse(req->scope, field, param->value, &value))
        return jb_wrap(req->scope, "%.*s=%.*s", JB_FMT(param->name), JB_FMT(param->value));
    *ret_condition = (struct jb_condition){ jb_str_of(field->name), value.type == JB_NULL ? JB_IS_NULL : op, value.type == JB_NULL ? jb_v_bool(true) : value };
    return true;
}

/* "-date id": a secret would tell itself by the order of its rows. */
static bool check_order(struct jb_request *req, const struct jb_model *model, struct jb_str order)
{
    for (struct jb_str rest = order; rest.size > 0;) {
        struct jb_str name = jb_str_cut(&rest, ' ');
        if (name.size > 0 && name.data[0] == '-')
            name = jb_str_slice(name, 1, name.size);
        const struct jb_field *field = jb_record_field(&model->record, name);
        if (name.size > 0 && (!field || field->secret))
            return unknown(req, model, name);
    }
    return true;
}

/* The text fields, for search=. */
static struct jb_str text_fields(struct jb_scope *scope, const struct jb_model *model)
{
    struct jb_str names = JB_STR("");
    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++)
        if (field->type == JB_TEXT && !field->secret)
            names = jb_format(scope, "%.*s%s%s", JB_FMT(names), names.size ? " " : "", field->name);
    return names;
}

/* By the parameter, then by Accept; application/json there is what the answer is in, and says nothing of the file. */
static bool read_format(struct jb_request *req, enum jb_sheet_format *ret_format)
{
    struct jb_str wanted = jb_query_text(req, "format"), accept = jb_http_header(req->http, "Accept");
    enum jb_sheet_format format = wanted.size ? jb_sheet_format_written(wanted) : JB_SHEET_AUTO;

    if (wanted.size && format == JB_SHEET_AUTO)
        return jb_fail(req->scope, JB_INVALID, JB_L(req->scope, "format=%.*s: " JB_SHEET_FORMATS " 가운데 하나를 적으세요.", "format=%.*s: give one of " JB_SHEET_FORMATS "."), JB_FMT(wanted));
    while (!wanted.size && format == JB_SHEET_AUTO && accept.size) {
        format = jb_sheet_format_typed(jb_str_cut(&accept, ','));
        if (format == JB_SHEET_JSON)
            format = JB_SHEET_AUTO;
    }
    *ret_format = format == JB_SHEET_AUTO ? JB_SHEET_XLSX : format;
    return true;
}

struct jb_response *jb__api_export(struct jb_request *req)
{
    static const char *const own[] = { "format", "columns", "order", "search", "raw", "totals", "fresh" };
    const struct jb_model *model = req->route->context;
    struct jb_condition *conditions = JB_NEW_ARRAY(req->scope, struct jb_condition, CONDITIONS_MAX + 1);
    struct jb_export_options options = { 0 };
    size_t count = 0;
    int64_t job;

    if (!read_format(req, &options.format) || !jb__api_flag(req, "raw", &options.raw) || !jb__api_flag(req, "totals", &options.totals) || !jb__api_flag(req, "fresh", &options.fresh))
        return jb_problem(req);
    for (size_t i = 0; i < req->query_param_count; i++) {
        bool known = false;
        for (size_t k = 0; k < JB_COUNT(own); k++)
            known |= jb_str_is(req->query_params[i].name, own[k]);
        if (known)
            continue;
        if (count == CONDITIONS_MAX) {
            jb_fail(req->scope, JB_LIMIT, JB_L(req->scope, "조건은 %d개까지입니다.", "At most %d conditions."), CONDITIONS_MAX);
            return jb_problem(req);
        }
        if (!read_condition(req, model, &req->query_params[i], &conditions[count++]))
            return jb_problem(req);
    }
    options.columns = jb_query_text(req, "columns");
    options.order = jb_query_text(req, "order");
    options.search = jb_query_text(req, "search");
    options.search_fields = options.search.size ? jb_cstr(req->scope, text_fields(req->scope, model)) : NULL;
    options.conditions = conditions;
    if (!check_order(req, model, options.order) || !jb_export_start(req->scope, model, &options, &job))
        return jb_problem(req);
    return jb__api_job_answer(req, job, 202);
}
