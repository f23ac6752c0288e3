/* template_filter.c — what values look like to people, when they count as true, how they compare, and the filters.
 *
 * Filters take and give an item; text that they make lives in the render's scope. */
// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "web/template.h"
#include <string.h>

static const struct {
    const char *name;
    bool argument;
} filters[FILTER_COUNT] = {
    [FILTER_ATTR] = { "attr", false },
    [FILTER_DATE] = { "date", false }, /* may have one: "m-d" */
    [FILTER_DATETIME] = { "datetime", false },
    [FILTER_DEFAULT] = { "default", true },
    [FILTER_JSON] = { "json", false },
    [FILTER_LENGTH] = { "length", false },
    [FILTER_MONEY] = { "money", false },
    [FILTER_NUMBER] = { "number", false },
    [FILTER_UPPER] = { "upper", false },
    [FILTER_URL] = { "url", false },
};

bool jb__filter_find(struct jb_str name, enum jb__filter_name *ret_name, bool *ret_argument)
{
    for (int i = 0; i < FILTER_COUNT; i++)
        if (jb_str_is(name, filters[i].name)) {
            *ret_name = (enum jb__filter_name)i;
            *ret_argument = filters[i].argument;
            return true;
        }
    return false;
}

/* ---- escaping ------------------------------------------------------------------------------------------------------------------ */

static void escape_valid(struct jb_buf *out, struct jb_str text)
{
    const char *from = text.data, *end = text.data + text.size;

    for (const char *at = from; at < end; at++) {
        const char *as;
        switch (*at) {
        case '&': as = "&amp;"; break;
        case '<': as = "&lt;"; break;
        case '>': as = "&gt;"; break;
        case '"': as = "&quot;"; break;
        case '\'': as = "&#39;"; break;
        case 0: as = "\xef\xbf\xbd"; break;
        default: continue;
        }
        jb_buf_put_bytes(out, from, (size_t)(at - from));
        jb_buf_put_z(out, as);
        from = at + 1;
    }
    if (end > from)
        jb_buf_put_bytes(out, from, (size_t)(end - from));
}

void jb__html_escape(struct jb_buf *out, struct jb_str text)
{
    if (text.size == 0)
        return;
    if (jb_utf8_valid(text)) {
        escape_valid(out, text);
        return;
    }
    for (size_t at = 0; at < text.size;) {
        char bytes[4];
        uint32_t code = jb_utf8_next(text, &at);
        escape_valid(out, (struct jb_str){ bytes, jb_utf8_put(code, bytes) });
    }
}

/* ---- what values say ----------------------------------------------------------------------------------------------------------------- */

static struct jb_value value_of(const struct jb__item *item)
{
    return item->kind == ITEM_VALUE ? item->value : jb_v_null();
}

bool jb__item_true(const struct jb__item *item)
{
    switch (item->kind) {
    case ITEM_MISSING: return false;
    case ITEM_MAP: return true;
    case ITEM_LIST: return item->list->count > 0;
    case ITEM_VALUE: break;
    }
    switch (item->value.type) {
    case JB_NULL: return false;
    case JB_BOOL: return item->value.truth;
    case JB_INT32:
    case JB_INT64: return item->value.number != 0;
    case JB_TEXT:
    case JB_HTML: return item->value.text.size > 0;
    case JB_DECIMAL: return item->value.decimal.units != 0;
    case JB_ROWS: return item->value.rows->count > 0;
    case JB_IDS: return item->value.ids.count > 0;
    default: return true;
    }
}

static bool as_decimal(struct jb_value value, struct jb_decimal *ret_number)
{
    if (value.type == JB_DECIMAL)
        *ret_number = value.decimal;
    else if (value.type == JB_INT32 || value.type == JB_INT64)
        *ret_number = (struct jb_decimal){ value.number, 0 };
    else
        return false;
    return true;
}

static bool empty(struct jb_value value)
{
    return value.type == JB_NULL || ((value.type == JB_TEXT || value.type == JB_HTML) && value.text.size == 0);
}

bool jb__item_compare(struct jb_scope *scope, const struct jb__item *a, const struct jb__item *b, int *ret_order)
{
    struct jb_value x = value_of(a), y = value_of(b);
    struct jb_decimal m, n;

    if (a->kind == ITEM_MAP || a->kind == ITEM_LIST || b->kind == ITEM_MAP || b->kind == ITEM_LIST)
        return false;
    if (empty(x) || empty(y)) {
        if (!empty(x) || !empty(y))
            return false;
        *ret_order = 0;
    } else if (as_decimal(x, &m) && as_decimal(y, &n)) {
        *ret_order = jb_decimal_compare(m, n);
    } else if (x.type == y.type && (x.type == JB_DATE || x.type == JB_MONTH || x.type == JB_TIME)) {
        *ret_order = (x.number > y.number) - (x.number < y.number);
    } else if (x.type == JB_ROW || y.type == JB_ROW || x.type == JB_ROWS || y.type == JB_ROWS || x.type == JB_IDS || y.type == JB_IDS) {
        return false;
    } else {
        *ret_order = jb_str_compare(jb_value_text(scope, x), jb_value_text(scope, y));
    }
    return true;
}

static struct jb_str time_text(struct jb__render *render, struct jb_value value, const char *form)
{
    struct jb_civil c = { 0 };
    struct jb_buf buf = JB_BUF_INIT(1000);

    if (value.type == JB_TIME)
        c = jb_zone_civil(render->zone, (struct jb_time){ value.number });
    else
        c = jb_date_civil((struct jb_date){ (int32_t)value.number });
    for (; *form; form++)
        switch (*form) {
        case 'Y': jb_buf_printf(&buf, "%04d", c.year); break;
        case 'm': jb_buf_printf(&buf, "%02d", c.month); break;
        case 'd': jb_buf_printf(&buf, "%02d", c.day); break;
        case 'n': jb_buf_printf(&buf, "%d", c.month); break;
        case 'j': jb_buf_printf(&buf, "%d", c.day); break;
        case 'H': jb_buf_printf(&buf, "%02d", c.hour); break;
        case 'i': jb_buf_printf(&buf, "%02d", c.minute); break;
        case 's': jb_buf_printf(&buf, "%02d", c.second); break;
        default: jb_buf_put_char(&buf, *form); break;
        }
    struct jb_str text = jb_copy(render->scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return text;
}

struct jb_str jb__item_text(struct jb__render *render, const struct jb__item *item)
{
    struct jb_value value = value_of(item);

    if (item->field && item->field->choices && value.type != JB_NULL) {
        const struct jb_choice *choice = jb_field_choice(item->field, value);
        if (choice)
            return jb_choice_label(render->scope, choice, render->language);
    }
    switch (value.type) {
    case JB_TEXT:
    case JB_HTML: return value.text;
    case JB_BOOL: return value.truth ? (render->language == JB_KO ? JB_STR("예") : JB_STR("yes")) : (render->language == JB_KO ? JB_STR("아니요") : JB_STR("no"));
    case JB_TIME: return time_text(render, value, "Y-m-d H:i");
    case JB_NULL: return JB_STR("");
    default: return jb_value_text(render->scope, value);
    }
}

/* ---- filters ---------------------------------------------------------------------------------------------------------------------------- */

static bool put_text(struct jb__item *item, struct jb_str text)
{
    *item = (struct jb__item){ .kind = ITEM_VALUE, .value = { .type = JB_TEXT, .text = text } };
    return true;
}

/* 3,300,000 · −1,234.50: decimals only when there are any, then all of them. */
static struct jb_str people_number(struct jb__render *render, struct jb_decimal number)
{
    struct jb_decimal whole;
    char out[48];

    if (jb_decimal_rescale(number, 0, &whole))
        number = whole;
    return jb_copy(render->scope, jb_decimal_text_people(number, out));
}

static bool filter_number(struct jb__render *render, struct jb__item *item, bool money)
{
    struct jb_decimal number;

    if (!as_decimal(value_of(item), &number))
        return put_text(item, jb__item_text(render, item));
    if (money && number.units == 0) {
        if (render->context != PRINT_TEXT)
            return put_text(item, JB_STR("–"));
        struct jb_html dash = { "<span class=\"muted\">–</span>", sizeof "<span class=\"muted\">–</span>" - 1 };
        *item = (struct jb__item){ .kind = ITEM_VALUE, .value = jb_v(dash) };
        return true;
    }
    return put_text(item, people_number(render, number));
}

static bool filter_time(struct jb__render *render, struct jb__item *item, const char *form)
{
    struct jb_value value = value_of(item);

    if (value.type != JB_TIME && value.type != JB_DATE)
        return put_text(item, jb__item_text(render, item));
    return put_text(item, time_text(render, value, form));
}

static bool filter_json(struct jb__render *render, struct jb__item *item)
{
    struct jb_buf buf = JB_BUF_INIT(1 << 20);
    struct jb_json_writer writer;
    struct jb_value value = value_of(item);

    jb_json_start(&writer, &buf);
    if (item->kind != ITEM_VALUE || value.type == JB_ROWS || value.type == JB_IDS) {
        jb_buf_done(&buf);
        return jb_fail(render->scope, JB_BROKEN, JB_L(render->scope, "목록은 json으로 쓸 수 없습니다.", "lists cannot be written as json."));
    }
    if (value.type == JB_HTML)
        value.type = JB_TEXT;
    if (value.type == JB_ROW)
        jb_json_record(&writer, value.row.record, value.row.data, render->zone);
    else
        jb_json_value(&writer, value, render->zone);
    put_text(item, jb_copy(render->scope, jb_buf_str(&buf)));
    jb_buf_done(&buf);
    return true;
}

static size_t item_length(struct jb__render *render, const struct jb__item *item)
{
    if (item->kind == ITEM_LIST)
        return item->list->count;
    if (item->kind == ITEM_VALUE && item->value.type == JB_ROWS)
        return item->value.rows->count;
    if (item->kind == ITEM_VALUE && item->value.type == JB_IDS)
        return item->value.ids.count;
    struct jb_str text = jb__item_text(render, item);
    return jb_utf8_valid(text) ? jb_utf8_count(text) : text.size;
}

/* Letters, digits, - and _; anything else becomes -. For ids and classes. */
static struct jb_str attr_text(struct jb__render *render, struct jb_str text)
{
    char *out = jb_alloc(render->scope, text.size + 1);

    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        out[i] = plain ? c : '-';
    }
    return (struct jb_str){ out, text.size };
}

static struct jb_str upper_text(struct jb__render *render, struct jb_str text)
{
    char *out = jb_alloc(render->scope, text.size + 1);

    for (size_t i = 0; i < text.size; i++)
        out[i] = text.data[i] >= 'a' && text.data[i] <= 'z' ? (char)(text.data[i] - 32) : text.data[i];
    return (struct jb_str){ out, text.size };
}

bool jb__filter_apply(struct jb__render *render, const struct jb__filter *filter, const struct jb__item *argument, struct jb__item *item)
{
    if (filter->name == FILTER_DEFAULT) {
        if (item->kind == ITEM_MISSING || (item->kind == ITEM_VALUE && empty(item->value)))
            *item = *argument;
        return true;
    }
    if (item->kind == ITEM_MISSING)
        return true;
    switch (filter->name) {
    case FILTER_ATTR: return put_text(item, attr_text(render, jb__item_text(render, item)));
    case FILTER_DATE: return filter_time(render, item, argument ? jb_cstr(render->scope, jb__item_text(render, argument)) : "Y-m-d");
    case FILTER_DATETIME: return filter_time(render, item, "Y-m-d H:i");
    case FILTER_JSON: return filter_json(render, item);
    case FILTER_LENGTH: *item = (struct jb__item){ .kind = ITEM_VALUE, .value = jb_v((int64_t)item_length(render, item)) }; return true;
    case FILTER_MONEY: return filter_number(render, item, true);
    case FILTER_NUMBER: return filter_number(render, item, false);
    case FILTER_UPPER: return put_text(item, upper_text(render, jb__item_text(render, item)));
    case FILTER_URL: return put_text(item, jb_url_encode(render->scope, jb__item_text(render, item), false));
    case FILTER_DEFAULT:
    case FILTER_COUNT: break;
    }
    return true;
}
