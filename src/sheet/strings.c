/* strings.c — the shared strings of a workbook, packed.
 *
 * A million strings cost their bytes, one length byte and four bytes of place each: no allocation, header or pointer per string. Blocks never move, so cells
 * may point into them for as long as the sheet is open. A string never spans blocks: it is at most 32,767 characters long. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/sheet_private.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_BYTES_MAX 5

void jb__strings_init(struct jb__strings *strings, size_t bytes_max)
{
    *strings = (struct jb__strings){ .bytes_max = JB_MIN(bytes_max, (size_t)UINT32_MAX - JB__STRINGS_BLOCK) };
}

void jb__strings_done(struct jb__strings *strings)
{
    for (size_t i = 0; i < strings->block_count; i++)
        free(strings->blocks[i]);
    for (size_t i = 0; i < strings->index_count; i++)
        free(strings->index[i]);
    free(strings->blocks);
    free(strings->index);
    *strings = (struct jb__strings){ 0 };
}

/* One more pointer to a chunk of memory in a growing list. */
static void *add_chunk(void *list, size_t *count, size_t *capacity, size_t size)
{
    void **chunks = list;
    if (*count == *capacity) {
        *capacity = *capacity ? *capacity * 2 : 16;
        chunks = realloc(chunks, *capacity * sizeof *chunks);
        JB_CHECK(chunks);
    }
    chunks[*count] = malloc(size);
    JB_CHECK(chunks[*count]);
    ++*count;
    return chunks;
}

size_t jb__strings_bytes(const struct jb__strings *strings)
{
    return strings->block_count * JB__STRINGS_BLOCK + strings->index_count * JB__STRINGS_INDEX * sizeof(uint32_t);
}

/* A little is always allowed: memory is taken in chunks. */
static bool may_grow(const struct jb__strings *strings, size_t size)
{
    return jb__strings_bytes(strings) + size <= JB_MAX(strings->bytes_max, JB__STRINGS_BLOCK + JB__STRINGS_INDEX * sizeof(uint32_t));
}

bool jb__strings_add(struct jb__strings *strings, struct jb_str text)
{
    JB_CHECK(text.size + LENGTH_BYTES_MAX <= JB__STRINGS_BLOCK);
    if (strings->block_count == 0 || strings->used + LENGTH_BYTES_MAX + text.size > JB__STRINGS_BLOCK) {
        if (!may_grow(strings, JB__STRINGS_BLOCK))
            return false;
        strings->blocks = add_chunk(strings->blocks, &strings->block_count, &strings->block_capacity, JB__STRINGS_BLOCK);
        strings->used = 0;
    }
    if (strings->count % JB__STRINGS_INDEX == 0) {
        if (!may_grow(strings, JB__STRINGS_INDEX * sizeof(uint32_t)))
            return false;
        strings->index = add_chunk(strings->index, &strings->index_count, &strings->index_capacity, JB__STRINGS_INDEX * sizeof(uint32_t));
    }
    size_t block = strings->block_count - 1;
    char *at = strings->blocks[block] + strings->used;
    strings->index[strings->count / JB__STRINGS_INDEX][strings->count % JB__STRINGS_INDEX] = (uint32_t)(block * JB__STRINGS_BLOCK + strings->used);
    strings->count++;
    size_t size = text.size;
    for (; size >= 0x80; size >>= 7)
        *at++ = (char)(0x80 | (size & 0x7f));
    *at++ = (char)size;
    memcpy(at, text.data, text.size);
    strings->used = (size_t)(at - strings->blocks[block]) + text.size;
    return true;
}

static bool read_items(struct jb__strings *strings, struct jb_scope *scope, struct jb__xml *xml, size_t chars_max, struct jb_buf *buf)
{
    enum jb__xml_token token;
    char where[48];
    while ((token = jb__xml_next(xml, scope)) != JB__XML_END) {
        if (token == JB__XML_FAIL)
            return false;
        if (token != JB__XML_START || !(jb_str_is(xml->name, "si") || jb_str_is(xml->name, "sstItem"))) /* the latter in betas of Excel 2007 */
            continue;
        if (!jb__xml_text(xml, scope, chars_max, buf)) {
            snprintf(where, sizeof where, JB_L(scope, "공유 문자열 %zu", "Shared string %zu"), strings->count + 1);
            return buf->full ? jb__fail_chars(scope, chars_max, where) : jb_wrap(scope, "%s", where);
        }
        if (!jb__strings_add(strings, jb_buf_str(buf)))
            return jb_fail(scope, JB_LIMIT, JB_L(scope, "통합 문서의 문자열이 모두 합쳐 %zu MiB를 넘습니다. 파일을 나누어 올리세요.", "The workbook's strings are over %zu MiB together. Split the file."), strings->bytes_max >> 20);
    }
    return true;
}

bool jb__strings_read(struct jb__strings *strings, struct jb_scope *scope, struct jb__xml *xml, size_t chars_max)
{
    struct jb_buf buf = JB_BUF_INIT(chars_max * 8);
    bool ok = read_items(strings, scope, xml, chars_max, &buf);
    jb_buf_done(&buf);
    return ok;
}
