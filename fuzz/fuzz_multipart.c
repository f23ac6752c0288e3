/* fuzz_multipart.c — a form cut anywhere has the same parts as in one piece; names are clean text, and no content holds a delimiter.
 *
 * The first byte of the input seeds the cuts, the rest is the form; its boundary is "b". */
// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "base/random.h"
#include "net/net.h"
#include <string.h>

#define STORY_BYTES_MAX ((size_t)4 << 20)

struct source {
    struct jb_str rest;
    struct jb_rng *cuts;
};

static bool read_source(void *arg, struct jb_scope *scope, void *bytes, size_t size, size_t *ret_got)
{
    struct source *source = arg;
    (void)scope;
    size = JB_MIN(size, source->rest.size);
    if (source->cuts && size > 0)
        size = 1 + jb_rng_below(source->cuts, size);
    if (size > 0)
        memcpy(bytes, source->rest.data, size);
    source->rest = jb_str_slice(source->rest, size, source->rest.size);
    *ret_got = size;
    return true;
}

static void tell_name(struct jb_buf *story, struct jb_str name)
{
    JB_CHECK(jb_utf8_valid(name));
    for (size_t i = 0; i < name.size; i++)
        JB_CHECK((unsigned char)name.data[i] >= 0x20 && name.data[i] != 0x7f);
    jb_buf_printf(story, "%d %zu ", name.data != NULL, name.size);
    jb_buf_put(story, name);
}

static void tell(struct jb_buf *story, struct jb_str form, struct jb_rng *cuts)
{
    static const struct jb_multipart_limits limits = { .parts = 20, .head_bytes = 400 };
    struct source source = { form, cuts };
    struct jb_scope *scope = jb_scope_new("form");
    struct jb_multipart_part part;
    char bytes[64];
    size_t got;
    struct jb_multipart *multipart = jb_multipart_open(scope, JB_STR("multipart/form-data; boundary=b"), &limits, read_source, &source);
    JB_CHECK(multipart);
    while (jb_multipart_next(multipart, &part)) {
        JB_CHECK(jb_str_find_char(part.filename, '/', 0) == SIZE_MAX && jb_str_find_char(part.filename, '\\', 0) == SIZE_MAX);
        tell_name(story, part.name);
        tell_name(story, part.filename);
        jb_buf_put(story, part.content_type);
        size_t from = story->size;
        while (jb_multipart_read(multipart, bytes, sizeof(bytes), &got) && got > 0)
            jb_buf_put_bytes(story, bytes, got);
        JB_CHECK(jb_str_find(jb_str_slice(jb_buf_str(story), from, story->size), JB_STR("\r\n--b--"), 0) == SIZE_MAX || jb_str_find(form, JB_STR("base64"), 0) != SIZE_MAX);
        if (jb_failure(scope))
            break;
    }
    jb_buf_put_z(story, jb_error_name(jb_error(scope)));
    jb_scope_end(scope);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jb_buf whole = JB_BUF_INIT(STORY_BYTES_MAX), cut = JB_BUF_INIT(STORY_BYTES_MAX);
    if (size < 2)
        return 0;
    struct jb_str form = { (const char *)data + 1, size - 1 };
    struct jb_rng cuts = { data[0] };
    tell(&whole, form, NULL);
    tell(&cut, form, &cuts);
    JB_CHECK(jb_str_equal(jb_buf_str(&whole), jb_buf_str(&cut)));
    jb_buf_done(&whole);
    jb_buf_done(&cut);
    return 0;
}
