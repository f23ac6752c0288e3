/* zip_write.c — a zip file written front to back, to something that cannot seek.
 *
 * Sizes and checksum of a part are known only behind it: they follow it in a data descriptor and stand in the directory at the end, which is what readers
 * use. 64-bit fields appear only where a number does not fit: Excel distrusts them elsewhere. Times are left at the format's zero, so that the same rows
 * make the same file. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/write_private.h"
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#if JB_WITH_ISAL
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#endif

#define ENTRIES_MAX 8
#define FLAGS 0x0808 /* a descriptor follows; names are UTF-8 */
#define FLAGS_STORED 0x0800
#define DATE_ZERO 0x0021 /* 1980-01-01 */
#ifdef JB_HOSTILE
#define FIT32 ((int64_t)1000) /* so that every test goes the 64-bit way */
#else
#define FIT32 ((int64_t)0xfffffffe)
#endif

struct entry {
    const char *name;
    int64_t offset, packed, unpacked;
    uint32_t crc;
    bool stored; /* not packed; its sizes stand before it */
};

struct jb__zip_writer {
    jb_sheet_sink *sink;
    void *arg;
    int64_t offset; /* bytes given to the sink */
    struct entry entries[ENTRIES_MAX];
    size_t count;
    bool open;
#if JB_WITH_ISAL
    struct isal_zstream stream;
    uint8_t level[ISAL_DEF_LVL1_DEFAULT];
#else
    z_stream stream;
#endif
    unsigned char packed[JB__WRITE_CHUNK];
};

static bool give(struct jb__zip_writer *zip, struct jb_scope *scope, const void *bytes, size_t size)
{
    zip->offset += (int64_t)size;
    return size == 0 || zip->sink(zip->arg, scope, bytes, size);
}

static void deflate_begin(struct jb__zip_writer *zip)
{
#if JB_WITH_ISAL
    isal_deflate_init(&zip->stream);
    zip->stream.level = 1;
    zip->stream.level_buf = zip->level;
    zip->stream.level_buf_size = sizeof zip->level;
#else
    memset(&zip->stream, 0, sizeof zip->stream);
    JB_CHECK(deflateInit2(&zip->stream, 1, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
#endif
}

static void deflate_over(struct jb__zip_writer *zip)
{
#if !JB_WITH_ISAL
    deflateEnd(&zip->stream);
#endif
    zip->open = false;
}

/* One call of the packer; false when it has nothing more to give for now. */
static void deflate_step(struct jb__zip_writer *zip, bool last)
{
#if JB_WITH_ISAL
    zip->stream.end_of_stream = last;
    JB_CHECK(isal_deflate(&zip->stream) == COMP_OK);
#else
    int result = deflate(&zip->stream, last ? Z_FINISH : Z_NO_FLUSH);
    JB_CHECK(result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR);
#endif
}

static bool pack(struct jb__zip_writer *zip, struct jb_scope *scope, const void *bytes, size_t size, bool last)
{
    struct entry *entry = &zip->entries[zip->count - 1];
    zip->stream.next_in = (unsigned char *)(uintptr_t)bytes; /* neither library writes there */
    zip->stream.avail_in = (unsigned)size;
    do {
        zip->stream.next_out = zip->packed;
        zip->stream.avail_out = sizeof zip->packed;
        deflate_step(zip, last);
        size_t made = sizeof zip->packed - zip->stream.avail_out;
        entry->packed += (int64_t)made;
        if (!give(zip, scope, zip->packed, made))
            return false;
    } while (zip->stream.avail_out == 0 || zip->stream.avail_in > 0);
    return true;
}

struct jb__zip_writer *jb__zip_writer_new(jb_sheet_sink *sink, void *arg)
{
    struct jb__zip_writer *zip = calloc(1, sizeof *zip);
    JB_CHECK(zip);
    zip->sink = sink;
    zip->arg = arg;
    return zip;
}

void jb__zip_writer_free(struct jb__zip_writer *zip)
{
    if (zip && zip->open)
        deflate_over(zip);
    free(zip);
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

static uint32_t checksum(uint32_t crc, const void *bytes, size_t size)
{
#if JB_WITH_ISAL
    return crc32_gzip_refl(crc, bytes, size);
#else
    return (uint32_t)crc32(crc, bytes, (unsigned)size);
#endif
}

bool jb__zip_store(struct jb__zip_writer *zip, struct jb_scope *scope, const char *name, struct jb_str bytes)
{
    struct record record = { .size = 0 };
    JB_CHECK(zip->count < ENTRIES_MAX && !zip->open && bytes.size < (size_t)FIT32);
    struct entry *entry = &zip->entries[zip->count++];
    *entry = (struct entry){ .name = name, .offset = zip->offset, .packed = (int64_t)bytes.size, .unpacked = (int64_t)bytes.size, .crc = checksum(0, bytes.data, bytes.size), .stored = true };
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
    JB_CHECK(zip->count < ENTRIES_MAX && !zip->open);
    zip->entries[zip->count++] = (struct entry){ .name = name, .offset = zip->offset };
    put(&record, 0x04034b50, 4);
    put(&record, 20, 2);
    put(&record, FLAGS, 2);
    put(&record, 8, 2);
    put(&record, (uint32_t)DATE_ZERO << 16, 4);
    put(&record, 0, 12); /* checksum and sizes: in the descriptor */
    put(&record, strlen(name), 2);
    put(&record, 0, 2);
    deflate_begin(zip);
    zip->open = true;
    return give(zip, scope, record.bytes, record.size) && give(zip, scope, name, strlen(name));
}

bool jb__zip_put(struct jb__zip_writer *zip, struct jb_scope *scope, const void *bytes, size_t size)
{
    struct entry *entry = &zip->entries[zip->count - 1];
    JB_CHECK(zip->open && size <= UINT32_MAX);
    entry->crc = checksum(entry->crc, bytes, size);
    entry->unpacked += (int64_t)size;
    return size == 0 || pack(zip, scope, bytes, size, false);
}

bool jb__zip_end(struct jb__zip_writer *zip, struct jb_scope *scope)
{
    const struct entry *entry = &zip->entries[zip->count - 1];
    struct record record = { .size = 0 };
    bool ok = pack(zip, scope, "", 0, true);
    deflate_over(zip);
    size_t width = entry->packed > FIT32 || entry->unpacked > FIT32 ? 8 : 4;
    put(&record, 0x08074b50, 4);
    put(&record, entry->crc, 4);
    put(&record, (uint64_t)entry->packed, width);
    put(&record, (uint64_t)entry->unpacked, width);
    return ok && give(zip, scope, record.bytes, record.size);
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
