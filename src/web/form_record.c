/* form_record.c — form fields into a record's members. */
// SPDX-License-Identifier: Apache-2.0
#include "web/web_private.h"

static bool listed(const struct jb_field *field, const char *fields)
{
    struct jb_str rest = jb_str_of(fields);

    if (!fields)
        return !field->primary && !field->readonly && !field->secret && !field->auto_now && !field->auto_now_add;
    while (rest.data)
        if (jb_str_is(jb_str_trim(jb_str_cut(&rest, ' ')), field->name))
            return true;
    return false;
}

static bool checked(struct jb_str text)
{
    return text.size > 0 && !jb_str_is(text, "false") && !jb_str_is(text, "0") && !jb_str_is(text, "off");
}

/* false: a failure of the scope says why. */
static bool read_field(struct jb_request *req, const struct jb_record *record, const struct jb_field *field, void *row)
{
    struct jb_str text = jb_form_text(req, field->name);
    struct jb_value value;

    if (field->type == JB_BOOL) {
        value = jb_v_bool(checked(text));
    } else if (!text.data) {
        return true;
    } else {
        if (!jb_utf8_valid(text))
            return jb_fail(req->scope, JB_INVALID, JB_L(req->scope, "글자가 깨졌습니다(UTF-8이 아닙니다). 다시 적으세요.", "This text is not valid UTF-8. Type it again."));
        if (field->type != JB_TEXT || !field->long_text)
            text = jb_str_trim_unicode(text);
        if (!jb_field_parse(req->scope, field, text, &value))
            return false;
        if (value.type == JB_NULL && field->default_text && !jb_field_parse(req->scope, field, jb_str_of(field->default_text), &value)) /* as an empty cell of a sheet does */
            return false;
    }
    if (!jb_field_check(req->scope, field, value))
        return false;
    if (value.type == JB_TEXT)
        value.text = jb_copy(req->scope, value.text);
    if (!jb_record_set(record, row, field, value))
        return jb_fail(req->scope, JB_INVALID, JB_L(req->scope, "이 값은 쓸 수 없습니다. 비우지 말고 알맞은 값을 적으세요.", "This value does not fit. Enter a suitable one."));
    return true;
}

bool jb_form_record(struct jb_request *req, const struct jb_record *record, const char *fields, void *row)
{
    struct jb__pair *first = NULL, **last = &first;

    if (jb_failure(req->scope))
        return false;
    for (const struct jb_field *field = record->fields; field->type != JB_END; field++) {
        if (field->type == JB_WORD || !listed(field, fields) || read_field(req, record, field, row))
            continue;
        if (jb_error(req->scope) != JB_INVALID)
            return false;
        struct jb__pair *pair = JB_NEW(req->scope, struct jb__pair);
        pair->name = jb_str_of(field->name);
        pair->value = jb_copy(req->scope, jb_failure_text(req->scope));
        *last = pair;
        last = &pair->next;
        jb_failure_clear(req->scope);
    }
    for (const struct jb__pair *pair = first; pair; pair = pair->next)
        jb_fail_field(req->scope, pair->name, "%.*s", JB_FMT(pair->value));
    return !first;
}
