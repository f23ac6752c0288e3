/* json_write.c — rows as objects: an array of them, or one a line. Every row has every name, so that an empty cell is told as null. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/write_private.h"
#include "base/json.h"
#include "base/map.h"
#include <stdlib.h>

static bool is_array(const struct jb_sheet_writer *writer)
{
    return writer->options.format == JB_SHEET_JSON;
}

/* Two members of one name could not be read again. */
static bool check_titles(const struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_str *titles)
{
    struct jb_map seen;
    bool ok = true;
    jb_map_init(&seen);
    for (size_t i = 0; i < writer->count && ok; i++)
        if (jb_map_put(&seen, titles[i], &seen))
            ok = jb_fail(scope, JB_INVALID, JB_L(scope, "열 ‘%.*s’이(가) 두 번 있습니다. JSON에서는 한 번만 쓰세요.", "The column \"%.*s\" stands twice. In JSON use it once."), JB_FMT(titles[i]));
    jb_map_done(&seen);
    return ok;
}

static bool json_head(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_str *titles)
{
    if (!check_titles(writer, scope, titles))
        return false;
    for (size_t i = 0; i < writer->count; i++) {
        struct jb_buf name = JB_BUF_INIT(titles[i].size * 6 + 8);
        struct jb_json_writer json;
        jb_json_start(&json, &name);
        jb_json_text(&json, titles[i]);
        jb_buf_put_char(&name, ':');
        writer->columns[i].name = jb_buf_str(&name); /* freed with the writer */
    }
    if (is_array(writer))
        jb_buf_put_char(&writer->out, '[');
    return true;
}

static bool json_row(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_value *values, size_t count)
{
    struct jb_buf *out = &writer->out;
    struct jb_json_writer json;
    if (is_array(writer))
        jb_buf_put_z(out, writer->row > 0 ? ",\n" : "\n");
    jb_buf_put_char(out, '{');
    for (size_t i = 0; i < writer->count; i++) {
        if (i > 0)
            jb_buf_put_char(out, ',');
        jb_buf_put(out, writer->columns[i].name);
        jb_json_start(&json, out);
        jb_json_value(&json, i < count ? values[i] : jb_v_null(), writer->options.zone);
        if (!jb__write_flush(writer, scope, JB__WRITE_CHUNK))
            return false;
    }
    jb_buf_put_char(out, '}');
    if (!is_array(writer))
        jb_buf_put_char(out, '\n');
    writer->row++;
    return jb__write_flush(writer, scope, JB__WRITE_CHUNK);
}

static bool json_finish(struct jb_sheet_writer *writer, struct jb_scope *scope)
{
    if (is_array(writer))
        jb_buf_put_z(&writer->out, writer->row > 0 ? "\n]\n" : "]\n");
    return jb__write_flush(writer, scope, 0);
}

const struct jb__writer jb__json_writer = { .head = json_head, .row = json_row, .finish = json_finish };
