/* events.c — server-sent events (WHATWG HTML 9.2): an answer in chunks that stays open. */
// SPDX-License-Identifier: Apache-2.0
#include "net/http_private.h"

#define HEADERS_MAX 32
#define EVENT_BYTES_MAX ((size_t)1 << 20)

bool jb_events_begin(struct jb_http *http, const struct jb_header *headers, size_t count)
{
    struct jb_header all[HEADERS_MAX];
    size_t used = 0;
    JB_CHECK(count + 3 <= HEADERS_MAX);
    all[used++] = (struct jb_header){ JB_STR("Content-Type"), JB_STR("text/event-stream; charset=utf-8") };
    all[used++] = (struct jb_header){ JB_STR("Cache-Control"), JB_STR("no-store") };
    all[used++] = (struct jb_header){ JB_STR("X-Accel-Buffering"), JB_STR("no") }; /* nginx in between passes events on at once */
    for (size_t i = 0; i < count; i++)
        all[used++] = headers[i];
    return jb_http_begin(http, 200, all, used, -1) && jb__answer_flush(jb__exchange_of(http));
}

static bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

bool jb_events_send(struct jb_http *http, int64_t id, const char *event, struct jb_str data)
{
    struct jb_buf buf = JB_BUF_INIT(EVENT_BYTES_MAX);
    if (id >= 0)
        jb_buf_printf(&buf, "id: %lld\n", (long long)id);
    if (event) {
        JB_CHECK(jb__is_field_value(jb_str_of(event)));
        jb_buf_printf(&buf, "event: %s\n", event);
    }
    for (size_t at = 0; at <= data.size; at++) { /* a line end at the very end makes an empty last line, as it must */
        size_t from = at;
        while (at < data.size && !is_line_end(data.data[at]))
            at++;
        jb_buf_put(&buf, JB_STR("data: "));
        jb_buf_put(&buf, jb_str_slice(data, from, at));
        jb_buf_put_char(&buf, '\n');
        if (at + 1 < data.size && data.data[at] == '\r' && data.data[at + 1] == '\n')
            at++;
    }
    jb_buf_put_char(&buf, '\n');
    bool ok = buf.full ? jb_fail(http->scope, JB_LIMIT, JB_L(http->scope, "알림 하나가 %zu바이트를 넘습니다.", "An event is longer than %zu bytes."), EVENT_BYTES_MAX)
                       : jb_http_write(http, buf.data, buf.size);
    jb_buf_done(&buf);
    return ok;
}

bool jb_events_ping(struct jb_http *http)
{
    return jb_http_write(http, ":\n\n", 3);
}
