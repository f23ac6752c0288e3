/* zip_write.c — a zip file written front to back, to something that cannot seek.
 *
 * Sizes and checksum of a part are known only behind it: they follow it in a data descriptor and stand in the directory at the end, which is what readers
 * use. 64-bit fields appear only where a number does not fit: Excel distrusts them elsewhere. Times are left at the format's zero, so that the same rows
 * make the same file. A part's text is packed in blocks, several of which may be on their way; they are given to the sink in order, and always from the writer's own fiber. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/write_private.h"
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define BLOCKS 4
#define NAME_SIZE 40
#define ENTRIES_FIRST 16
#define FLAGS 0x0808 /* a descriptor follows; names are UTF-8 */
#define FLAGS_STORED 0x0800
#define DATE_ZERO 0x0021 /* 1980-01-01 */
#ifdef JB_HOSTILE
#define FIT32 ((int64_t)1000) /* so that every test goes the 64-bit way */
#else
#define FIT32 ((int64_t)0xfffffffe)
#endif

struct entry {
    char name[NAME_SIZE];
    int64_t offset, packed, unpacked;
    uint32_t crc;
    bool stored; /* not packed; its sizes stand before it */
};

struct jb__zip_writer {
    jb_sheet_sink *sink;
    void *arg;
    int64_t offset; /* bytes given to the sink */
    struct entry *entries;
    size_t count, room;
    bool open, beside;
    struct jb__pack_codes *codes; /* of the part that is open, from its first block on */
    struct jb__pack_block blocks[BLOCKS];
    size_t next; /* the block that is being filled; those behind it, round to it, are older */
};

static bool give(struct jb__zip_writer *zip, struct jb_scope *scope, const void *bytes, size_t size)
{
    zip->offset += (int64_t)size;
    return size == 0 || zip->sink(zip->arg, scope, bytes, size);
}

struct jb__zip_writer *jb__zip_writer_new(jb_sheet_sink *sink, void *arg, bool beside)
{
    struct jb__zip_writer *zip = calloc(1, sizeof *zip);
    JB_CHECK(zip);
    zip->sink = sink;
    zip->arg = arg;
    zip->beside = beside;
    for (size_t i = 0; i < BLOCKS; i++)
        jb__pack_block_init(&zip->blocks[i]);
    return zip;
}

void jb__zip_writer_free(struct jb__zip_writer *zip)
{
    if (!zip)
        return;
    for (size_t i = 0; i < BLOCKS; i++)
        jb__pack_block_done(&zip->blocks[i]);
    jb__pack_codes_free(zip->codes);
    free(zip->entries);
    free(zip);
}

/* ---- blocks ------------------------------------------------------------------------------------------------------------------ */

/* Waits for a block that was begun, if it was, and gives it on: it is empty then. */
static bool block_give(struct jb__zip_writer *zip, struct jb_scope *scope, struct jb__pack_block *block)
{
    struct entry *entry = &zip->entries[zip->count - 1];

    jb__pack_wait(block);
    if (!block->filled)
        return true;
    block->filled = false;
    entry->crc = (uint32_t)crc32_combine(entry->crc, block->crc, (z_off_t)block->text.size);
    entry->unpacked += (int64_t)block->text.size;
    entry->packed += (int64_t)block->packed_size;
    jb_buf_clear(&block->text);
    return give(zip, scope, block->packed, block->packed_size);
}

static bool block_start(struct jb__zip_writer *zip, struct jb_scope *scope, bool last)
{
    struct jb__pack_block *block = &zip->blocks[zip->next];

    JB_CHECK(!block->text.full);
    if (!zip->codes && block->text.size >= JB__PACK_BYTES)
        zip->codes = jb__pack_codes_new(&block->text);
    block->codes = zip->codes;
    block->last = last;
    jb__pack_start(block, zip->beside && !last);
    zip->next = (zip->next + 1) % BLOCKS;
    return block_give(zip, scope, &zip->blocks[zip->next]);
}

bool jb__zip_put(struct jb__zip_writer *zip, struct jb_scope *scope, const void *bytes, size_t size)
{
    JB_CHECK(zip->open);
    for (size_t part; size > 0; size -= part, bytes = (const char *)bytes + part) {
        struct jb_buf *text = &zip->blocks[zip->next].text;
        part = JB_MIN(size, JB__PACK_BYTES - JB_MIN(text->size, JB__PACK_BYTES - 1));
        jb_buf_put_bytes(text, bytes, part);
        if (text->size >= JB__PACK_BYTES && !block_start(zip, scope, false))
            return false;
    }
    return true;
}

bool jb__zip_take(struct jb__zip_writer *zip, struct jb_scope *scope, struct jb_buf *text)
{
    struct jb_buf *own = &zip->blocks[zip->next].text;
    struct jb_buf swapped = *own;

    JB_CHECK(zip->open && text->max == own->max);
    if (own->size > 0 || text->size < JB__PACK_BYTES) { /* small things */
        bool ok = jb__zip_put(zip, scope, text->data, text->size);
        jb_buf_clear(text);
        return ok;
    }
    *own = *text;
    *text = swapped;
    return block_start(zip, scope, false);
}

/* ---- records --------------------------------------------------------------------------------------------------------------- */

struct record {
    unsigned char bytes[128];
    size_t size;
};

static void put(struct record *record, uint64_t number, size_t bytes)
{
    JB_CHECK(record->size + bytes <= sizeof record->bytes);
    for (size_t i = 0; i < bytes; i++)
        record->bytes[record->size++] = i < sizeof number ? (unsigned char)(number >> (8 * i)) : 0;
}

static struct entry *entry_add(struct jb__zip_writer *zip, const char *name)
{
    if (zip->count == zip->room) {
        zip->room = JB_MAX(zip->room * 2, (size_t)ENTRIES_FIRST);
        zip->entries = realloc(zip->entries, zip->room * sizeof *zip->entries);
        JB_CHECK(zip->entries);
    }
    struct entry *entry = &zip->entries[zip->count++];
    *entry = (struct entry){ .offset = zip->offset };
    JB_CHECK(strlen(name) < sizeof entry->name);
    memcpy(entry->name, name, strlen(name) + 1);
    return entry;
}

bool jb__zip_store(struct jb__zip_writer *zip, struct jb_scope *scope, const char *name, struct jb_str bytes)
{
    struct record record = { .size = 0 };
    JB_CHECK(!zip->open && zip->count < UINT16_MAX && bytes.size < (size_t)FIT32);
    struct entry *entry = entry_add(zip, name);
    entry->packed = entry->unpacked = (int64_t)bytes.size;
    entry->crc = (uint32_t)crc32(0, (const unsigned char *)bytes.data, (unsigned)bytes.size);
    entry->stored = true;
    put(&record, 0x04034b50, 4);
    put(&record, 10, 2);
    put(&record, FLAGS_STORED, 2);
    put(&record, 0, 2);
    put(&record, (uint32_t)DATE_ZERO << 16, 4);
    put(&record, entry->crc, 4);
    put(&record, bytes.size, 4);
    put(&record, bytes.size, 4);
    put(&record, strlen(name), 2);
    put(&record, 0, 2);
    return give(zip, scope, record.bytes, record.size) && give(zip, scope, name, strlen(name)) && give(zip, scope, bytes.data, bytes.size);
}

bool jb__zip_begin(struct jb__zip_writer *zip, struct jb_scope *scope, const char *name)
{
    struct record record = { .size = 0 };
    JB_CHECK(!zip->open && zip->count < UINT16_MAX);
    entry_add(zip, name);
    put(&record, 0x04034b50, 4);
    put(&record, 20, 2);
    put(&record, FLAGS, 2);
    put(&record, 8, 2);
    put(&record, (uint32_t)DATE_ZERO << 16, 4);
    put(&record, 0, 12); /* checksum and sizes: in the descriptor */
    put(&record, strlen(name), 2);
    put(&record, 0, 2);
    zip->open = true;
    return give(zip, scope, record.bytes, record.size) && give(zip, scope, name, strlen(name));
}

bool jb__zip_end(struct jb__zip_writer *zip, struct jb_scope *scope)
{
    struct record record = { .size = 0 };

    if (!block_start(zip, scope, true))
        return false;
    for (size_t i = 0; i < BLOCKS; i++)
        if (!block_give(zip, scope, &zip->blocks[(zip->next + i) % BLOCKS]))
            return false;
    jb__pack_codes_free(zip->codes);
    zip->codes = NULL;
    zip->open = false;
    const struct entry *entry = &zip->entries[zip->count - 1];
    size_t width = entry->packed > FIT32 || entry->unpacked > FIT32 ? 8 : 4;
    put(&record, 0x08074b50, 4);
    put(&record, entry->crc, 4);
    put(&record, (uint64_t)entry->packed, width);
    put(&record, (uint64_t)entry->unpacked, width);
    return give(zip, scope, record.bytes, record.size);
}

int64_t jb__zip_part_bytes(const struct jb__zip_writer *zip)
{
    return zip->open ? zip->entries[zip->count - 1].unpacked : 0;
}

static uint32_t fit(int64_t number)
{
    return number > FIT32 ? UINT32_MAX : (uint32_t)number;
}

/* What does not fit stands in an extra field, in this order. */
static bool give_directory_entry(struct jb__zip_writer *zip, struct jb_scope *scope, const struct entry *entry)
{
    struct record record = { .size = 0 }, extra = { .size = 0 };
    const int64_t numbers[] = { entry->unpacked, entry->packed, entry->offset };
    size_t large = 0;
    for (size_t i = 0; i < JB_COUNT(numbers); i++)
        large += numbers[i] > FIT32;
    if (large) {
        put(&extra, 1, 2);
        put(&extra, large * 8, 2);
    }
    for (size_t i = 0; i < JB_COUNT(numbers); i++)
        if (numbers[i] > FIT32)
            put(&extra, (uint64_t)numbers[i], 8);
    put(&record, 0x02014b50, 4);
    put(&record, large ? 45 : 20, 2); /* made by */
    put(&record, large ? 45 : 20, 2); /* needed */
    put(&record, entry->stored ? FLAGS_STORED : FLAGS, 2);
    put(&record, entry->stored ? 0 : 8, 2);
    put(&record, (uint32_t)DATE_ZERO << 16, 4);
    put(&record, entry->crc, 4);
    put(&record, fit(entry->packed), 4);
    put(&record, fit(entry->unpacked), 4);
    put(&record, strlen(entry->name), 2);
    put(&record, extra.size, 2);
    put(&record, 0, 10); /* comment, disk, attributes */
    put(&record, fit(entry->offset), 4);
    return give(zip, scope, record.bytes, record.size) && give(zip, scope, entry->name, strlen(entry->name)) && give(zip, scope, extra.bytes, extra.size);
}

static void put_end64(struct record *record, const struct jb__zip_writer *zip, int64_t start, int64_t size)
{
    put(record, 0x06064b50, 4);
    put(record, 44, 8);
    put(record, 45, 2);
    put(record, 45, 2);
    put(record, 0, 8); /* disks */
    put(record, zip->count, 8);
    put(record, zip->count, 8);
    put(record, (uint64_t)size, 8);
    put(record, (uint64_t)start, 8);
    put(record, 0x07064b50, 4);
    put(record, 0, 4);
    put(record, (uint64_t)zip->offset, 8);
    put(record, 1, 4);
}

bool jb__zip_finish(struct jb__zip_writer *zip, struct jb_scope *scope)
{
    struct record record = { .size = 0 };
    int64_t start = zip->offset;
    for (size_t i = 0; i < zip->count; i++)
        if (!give_directory_entry(zip, scope, &zip->entries[i]))
            return false;
    int64_t size = zip->offset - start;
    if (zip->offset > FIT32)
        put_end64(&record, zip, start, size);
    put(&record, 0x06054b50, 4);
    put(&record, 0, 4); /* disks */
    put(&record, zip->count, 2);
    put(&record, zip->count, 2);
    put(&record, fit(size), 4);
    put(&record, fit(start), 4);
    put(&record, 0, 2);
    return give(zip, scope, record.bytes, record.size);
}
