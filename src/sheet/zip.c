/* zip.c — the directory at the end of a zip file.
 *
 * Only the central directory says what is in the archive; local headers are looked at for nothing but their length. Parts are read one at a time,
 * each once and under limits, so entries that overlap or that nobody asks for cost nothing; names are only compared, never used as paths. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/sheet_private.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define END_SIZE 22
#define END64_LOCATOR_SIZE 20
#define END64_SIZE 56
#define COMMENT_MAX 65535
#define ENTRY_SIZE 46
#define ENTRIES_MAX 200000
#define DIRECTORY_BYTES_MAX ((int64_t)64 << 20)

static uint32_t get16(const char *at)
{
    const unsigned char *b = (const unsigned char *)at;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8;
}

static uint32_t get32(const char *at)
{
    return get16(at) | get16(at + 2) << 16;
}

static uint64_t get64(const char *at)
{
    return get32(at) | (uint64_t)get32(at + 4) << 32;
}

static bool read_at(int fd, char *out, size_t size, int64_t offset)
{
    for (size_t got = 0; got < size;) {
        ssize_t n = pread(fd, out + got, size - got, offset + (int64_t)got);
        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return true;
}

struct end {
    uint64_t count, bytes, offset;
    int64_t at; /* where the directory must end */
};

/* A 64-bit end record replaces the fields that did not fit. */
static bool read_end64(const struct jb__zip *zip, struct end *end)
{
    char locator[END64_LOCATOR_SIZE], record[END64_SIZE];
    if (end->at < END64_LOCATOR_SIZE || !read_at(zip->fd, locator, sizeof locator, end->at - END64_LOCATOR_SIZE) || get32(locator) != 0x07064b50)
        return true; /* there is none: 0xffff entries may be just that */
    uint64_t at = get64(locator + 8);
    if (at > (uint64_t)zip->size - END64_SIZE || !read_at(zip->fd, record, sizeof record, (int64_t)at) || get32(record) != 0x06064b50)
        return false;
    *end = (struct end){ get64(record + 32), get64(record + 40), get64(record + 48), (int64_t)at };
    return true;
}

/* The end record lies before the archive's comment, within the last 64 KiB. */
static bool find_end(const struct jb__zip *zip, struct end *ret_end)
{
    size_t size = (size_t)JB_MIN(zip->size, END_SIZE + COMMENT_MAX);
    char *tail = malloc(size);
    JB_CHECK(tail);
    bool found = false;
    if (size >= END_SIZE && read_at(zip->fd, tail, size, zip->size - (int64_t)size))
        for (size_t i = size - END_SIZE + 1; i-- > 0 && !found;) {
            if (get32(tail + i) != 0x06054b50)
                continue;
            *ret_end = (struct end){ get16(tail + i + 10), get32(tail + i + 12), get32(tail + i + 16), zip->size - (int64_t)size + (int64_t)i };
            found = true;
        }
    free(tail);
    return found && ((ret_end->count != 0xffff && ret_end->bytes != 0xffffffff && ret_end->offset != 0xffffffff) || read_end64(zip, ret_end));
}

/* The 64-bit sizes stand in the extra field 1, only those that are all ones in the entry, in this order. */
static bool read_extra64(const char *extra, size_t size, struct jb__zip_entry *entry)
{
    for (size_t i = 0; i + 4 <= size;) {
        size_t length = get16(extra + i + 2), at = i + 4;
        if (at + length > size)
            return true; /* rubbish behind the last field: nothing here is for us */
        if (get16(extra + i) == 1) {
            int64_t *wanted[] = { &entry->unpacked, &entry->packed, &entry->offset };
            for (size_t k = 0; k < JB_COUNT(wanted); k++) {
                if (*wanted[k] != 0xffffffff)
                    continue;
                if (at + 8 > i + 4 + length)
                    return true;
                uint64_t number = get64(extra + at);
                if (number > INT64_MAX / 4)
                    return false;
                *wanted[k] = (int64_t)number;
                at += 8;
            }
        }
        i += 4 + length;
    }
    return true;
}

static struct jb_str clean_name(char *name, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (name[i] == '\\')
            name[i] = '/';
    while (size > 0 && *name == '/')
        name++, size--;
    return (struct jb_str){ name, size };
}

static bool read_entries(struct jb__zip *zip, size_t bytes, int64_t shift, size_t count)
{
    for (size_t at = 0; zip->count < count; zip->count++) {
        char *e = zip->directory + at;
        if (at + ENTRY_SIZE > bytes || get32(e) != 0x02014b50)
            return false;
        size_t name = get16(e + 28), extra = get16(e + 30), comment = get16(e + 32);
        if (at + ENTRY_SIZE + name + extra + comment > bytes)
            return false;
        struct jb__zip_entry *entry = &zip->entries[zip->count];
        *entry = (struct jb__zip_entry){
            .name = clean_name(e + ENTRY_SIZE, name),
            .method = (uint16_t)get16(e + 10),
            .encrypted = get16(e + 8) & 1,
            .crc = get32(e + 16),
            .packed = get32(e + 20),
            .unpacked = get32(e + 24),
            .offset = get32(e + 42),
        };
        if (!read_extra64(e + ENTRY_SIZE + name, extra, entry))
            return false;
        entry->offset += shift;
        at += ENTRY_SIZE + name + extra + comment;
    }
    return true;
}

static bool read_directory(struct jb__zip *zip, const struct end *end)
{
    if (end->count == 0 || end->count > ENTRIES_MAX || end->bytes > (uint64_t)DIRECTORY_BYTES_MAX || (int64_t)end->bytes > end->at || end->offset > (uint64_t)end->at)
        return false;
    /* Something may stand before the archive; then all its offsets are short by that much. */
    int64_t start = end->at - (int64_t)end->bytes, shift = start - (int64_t)end->offset;
    zip->directory = malloc(end->bytes + 1);
    zip->entries = malloc(end->count * sizeof *zip->entries);
    JB_CHECK(zip->directory && zip->entries);
    if (!read_at(zip->fd, zip->directory, end->bytes, start))
        return false;
    if (shift != 0 && (end->bytes < 4 || get32(zip->directory) != 0x02014b50)) { /* no: the directory is where it says, and rubbish follows */
        shift = 0;
        if (!read_at(zip->fd, zip->directory, end->bytes, (int64_t)end->offset))
            return false;
    }
    return read_entries(zip, end->bytes, shift, end->count);
}

bool jb__zip_init(struct jb__zip *zip, struct jb_scope *scope, int fd, int64_t size)
{
    *zip = (struct jb__zip){ .fd = fd, .size = size };
    struct end end;
    if (!find_end(zip, &end))
        return jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "파일이 중간에 잘렸거나 엑셀 통합 문서(.xlsx)가 아닙니다. 파일을 다시 저장하거나 다시 올리세요.", "The file is cut short or is not an Excel workbook (.xlsx). Save or upload it again."));
    if (!read_directory(zip, &end))
        return jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "통합 문서의 압축 목록이 손상되었습니다. 엑셀에서 열어 다시 저장하세요.", "The workbook's zip directory is damaged. Open it in Excel and save it again."));
    return true;
}

void jb__zip_done(struct jb__zip *zip)
{
    free(zip->directory);
    free(zip->entries);
    *zip = (struct jb__zip){ 0 };
}

const struct jb__zip_entry *jb__zip_find(const struct jb__zip *zip, struct jb_str name)
{
    for (size_t i = 0; i < zip->count; i++)
        if (jb_str_equal(zip->entries[i].name, name))
            return &zip->entries[i];
    for (size_t i = 0; i < zip->count; i++)
        if (jb_str_equal_nocase(zip->entries[i].name, name))
            return &zip->entries[i];
    return NULL;
}
