/* part.c — one entry of a zip, unpacked as a stream.
 *
 * Sizes in the directory are claims: nothing is allocated by them, the limits count what really comes out, and the checksum is compared at the end. Runs
 * without a scope, because a feed may read it on a thread of its own; the reader's thread turns the final state into a sentence. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/sheet_private.h"
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#if JB_WITH_ISAL
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#endif

#define INPUT_BYTES ((size_t)64 * 1024)
#define LOCAL_SIZE 30
#define RATIO_FROM_BYTES ((int64_t)1 << 20)

#if JB_WITH_ISAL
typedef struct inflate_state inflater;
#else
typedef z_stream inflater;
#endif

struct jb__part {
    int fd;
    const struct jb__zip_entry *entry;
    int64_t offset, left; /* packed bytes not read yet */
    int64_t unpacked, bytes_max;
    int ratio_max;
    enum jb__part_state state;
    uint32_t crc;
    _Atomic int64_t packed_read;
    inflater inflate;
    unsigned char input[INPUT_BYTES];
};

static bool inflate_begin(inflater *z)
{
#if JB_WITH_ISAL
    isal_inflate_init(z);
    return true;
#else
    return inflateInit2(z, -15) == Z_OK;
#endif
}

static void inflate_end(inflater *z)
{
#if JB_WITH_ISAL
    (void)z;
#else
    inflateEnd(z);
#endif
}

/* Unpacks what is in next_in; false for damaged data. */
static bool inflate_some(inflater *z, bool *ret_ended)
{
#if JB_WITH_ISAL
    if (isal_inflate(z) != ISAL_DECOMP_OK)
        return false;
    *ret_ended = z->block_state == ISAL_BLOCK_FINISH;
    return true;
#else
    int result = inflate(z, Z_NO_FLUSH);
    *ret_ended = result == Z_STREAM_END;
    return result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR;
#endif
}

static uint32_t checksum(uint32_t crc, const char *bytes, size_t size)
{
#if JB_WITH_ISAL
    return crc32_gzip_refl(crc, (const unsigned char *)bytes, size);
#else
    return (uint32_t)crc32(crc, (const unsigned char *)bytes, (unsigned)size);
#endif
}

static ssize_t read_packed(struct jb__part *part, void *out, size_t size)
{
    size = (size_t)JB_MIN((int64_t)size, part->left);
    ssize_t n = size ? pread(part->fd, out, size, part->offset) : 0;
    if (n > 0) {
        part->offset += n;
        part->left -= n;
        atomic_fetch_add_explicit(&part->packed_read, n, memory_order_relaxed);
    }
    return n;
}

/* The local header is as long as it says; its sizes may be missing, those of the directory count. */
static void find_data(struct jb__part *part, const struct jb__zip *zip)
{
    const struct jb__zip_entry *entry = part->entry;
    unsigned char local[LOCAL_SIZE];
    if (entry->encrypted) {
        part->state = JB__PART_ENCRYPTED;
        return;
    }
    if (entry->method != 0 && entry->method != 8) {
        part->state = JB__PART_METHOD;
        return;
    }
    if (entry->offset < 0 || entry->offset > zip->size - LOCAL_SIZE || pread(part->fd, local, LOCAL_SIZE, entry->offset) != LOCAL_SIZE) {
        part->state = JB__PART_SHORT;
        return;
    }
    if (local[0] != 'P' || local[1] != 'K' || local[2] != 3 || local[3] != 4) {
        part->state = JB__PART_DAMAGED;
        return;
    }
    part->offset = entry->offset + LOCAL_SIZE + (local[26] | local[27] << 8) + (local[28] | local[29] << 8);
    part->left = entry->packed;
    if (part->offset > zip->size || part->left > zip->size - part->offset)
        part->state = JB__PART_SHORT;
}

struct jb__part *jb__part_new(const struct jb__zip *zip, const struct jb__zip_entry *entry, int64_t bytes_max, int ratio_max)
{
    struct jb__part *part = calloc(1, sizeof *part);
    JB_CHECK(part && inflate_begin(&part->inflate));
    part->fd = zip->fd;
    part->entry = entry;
    part->bytes_max = bytes_max;
    part->ratio_max = ratio_max;
    find_data(part, zip);
    return part;
}

void jb__part_free(struct jb__part *part)
{
    if (!part)
        return;
    inflate_end(&part->inflate);
    free(part);
}

/* Bytes into `out`; sets the state when the data end. */
static size_t read_deflated(struct jb__part *part, char *out, size_t size)
{
    inflater *z = &part->inflate;
    z->next_out = (unsigned char *)out;
    z->avail_out = (unsigned)size;
    while (z->avail_out > 0) {
        bool ended = false;
        size_t room = z->avail_out;
        if (!inflate_some(z, &ended)) {
            part->state = JB__PART_DAMAGED;
            break;
        }
        if (ended) {
            part->state = JB__PART_END;
            break;
        }
        if (z->avail_out == 0 || z->avail_in > 0 || z->avail_out < room)
            continue; /* it may hold more output without more input */
        ssize_t n = read_packed(part, part->input, INPUT_BYTES);
        if (n <= 0) {
            part->state = n < 0 ? JB__PART_IO : JB__PART_SHORT;
            break;
        }
        z->next_in = part->input;
        z->avail_in = (unsigned)n;
    }
    return size - z->avail_out;
}

static size_t read_stored(struct jb__part *part, char *out, size_t size)
{
    ssize_t n = read_packed(part, out, size);
    if (n <= 0)
        part->state = n < 0 ? JB__PART_IO : part->left > 0 ? JB__PART_SHORT
                                                           : JB__PART_END;
    return n > 0 ? (size_t)n : 0;
}

size_t jb__part_read(struct jb__part *part, char *out, size_t size)
{
    if (part->state != JB__PART_OPEN)
        return 0;
    size_t got = part->entry->method ? read_deflated(part, out, size) : read_stored(part, out, size);
    part->crc = checksum(part->crc, out, got);
    part->unpacked += (int64_t)got;
    if (part->unpacked > part->bytes_max)
        part->state = JB__PART_BYTES;
    else if (part->unpacked >= RATIO_FROM_BYTES && part->unpacked / part->ratio_max > jb__part_packed_read(part))
        part->state = JB__PART_RATIO;
    else if (part->state == JB__PART_END && part->crc != part->entry->crc)
        part->state = JB__PART_DAMAGED;
    return part->state == JB__PART_OPEN || part->state == JB__PART_END ? got : 0;
}

enum jb__part_state jb__part_state(const struct jb__part *part)
{
    return part->state;
}

int64_t jb__part_packed_read(const struct jb__part *part)
{
    return atomic_load_explicit(&part->packed_read, memory_order_relaxed);
}

bool jb__part_fail(struct jb_scope *scope, enum jb__part_state state, struct jb_str name)
{
    static const struct {
        enum jb_error error;
        const char *ko, *en;
    } reasons[] = {
        [JB__PART_IO] = { JB_UNAVAILABLE, "파일을 읽지 못했습니다. 디스크를 확인하세요", "The file cannot be read; check the disk" },
        [JB__PART_SHORT] = { JB_INVALID, "통합 문서가 중간에 잘렸습니다. 다시 저장하거나 다시 올리세요", "The workbook is cut short; save or upload it again" },
        [JB__PART_DAMAGED] = { JB_INVALID, "통합 문서가 손상되었습니다. 엑셀에서 열어 다시 저장하세요", "The workbook is damaged; open it in Excel and save it again" },
        [JB__PART_METHOD] = { JB_INVALID, "알 수 없는 압축 방식입니다. 엑셀에서 다시 저장하세요", "It is packed in an unknown way; save it again in Excel" },
        [JB__PART_ENCRYPTED] = { JB_INVALID, "암호가 걸린 압축 파일입니다. 암호를 풀고 다시 저장하세요", "The archive is encrypted; save it without a password" },
        [JB__PART_BYTES] = { JB_LIMIT, "압축을 풀면 한도보다 큽니다. 파일을 나누어 올리세요", "Unpacked, it is over the size limit; split the file" },
        [JB__PART_RATIO] = { JB_LIMIT, "압축을 풀면 비정상적으로 커지는 파일입니다. 엑셀에서 다시 저장하세요", "It grows beyond measure when unpacked; save it again in Excel" },
        [JB__PART_ENCODING] = { JB_INVALID, "UTF-8이나 UTF-16이 아닌 글자 부호입니다. 엑셀에서 다시 저장하세요", "Its text is neither UTF-8 nor UTF-16; save it again in Excel" },
    };
    JB_CHECK(state > JB__PART_END && state < JB_COUNT(reasons));
    const char *reason = JB_L(scope, reasons[state].ko, reasons[state].en);
    return jb_fail(scope, reasons[state].error, "%s (%.*s).", reason, JB_FMT(name));
}
