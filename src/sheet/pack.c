/* pack.c — deflate in blocks, beside whoever writes them.
 *
 * A block is packed by itself and ends on a byte, so that packed blocks may stand one after the other and may be made at the same time on several threads. The code lengths come from the first block: a
 * sheet's rows resemble each other, and the packer need not look at every block twice. The bytes depend on the text alone, not on which threads did it. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/write_private.h"
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#if JB_WITH_ISAL
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#endif

#define SLACK 4096

#if JB_WITH_ISAL
struct jb__pack_codes {
    struct isal_hufftables tables;
};

struct jb__pack_codes *jb__pack_codes_new(const struct jb_buf *sample)
{
    struct jb__pack_codes *codes = calloc(1, sizeof *codes);
    struct isal_huff_histogram *histogram = calloc(1, sizeof *histogram);

    JB_CHECK(codes && histogram);
    isal_update_histogram((unsigned char *)sample->data, (int)JB_MIN(sample->size, JB__PACK_BYTES), histogram);
    JB_CHECK(isal_create_hufftables(&codes->tables, histogram) == 0);
    free(histogram);
    return codes;
}

static size_t room_for(size_t size)
{
    return 2 * size + SLACK; /* a code has 15 bits at most */
}

static void deflate_block(struct jb__pack_block *block)
{
    struct isal_zstream stream;

    isal_deflate_init(&stream);
    if (block->codes)
        isal_deflate_set_hufftables(&stream, &block->codes->tables, IGZIP_HUFFTABLE_CUSTOM);
    stream.flush = FULL_FLUSH;
    stream.end_of_stream = block->last;
    stream.next_in = (unsigned char *)block->text.data;
    stream.avail_in = (uint32_t)block->text.size;
    stream.next_out = block->packed;
    stream.avail_out = (uint32_t)block->packed_room;
    JB_CHECK(isal_deflate(&stream) == COMP_OK && stream.avail_in == 0 && stream.avail_out > 0);
    block->packed_size = block->packed_room - stream.avail_out;
    block->crc = crc32_gzip_refl(0, (unsigned char *)block->text.data, block->text.size);
}
#else
struct jb__pack_codes {
    char none;
};

struct jb__pack_codes *jb__pack_codes_new(const struct jb_buf *sample)
{
    (void)sample;
    return NULL;
}

static size_t room_for(size_t size)
{
    return size + size / 8 + SLACK;
}

static void deflate_block(struct jb__pack_block *block)
{
    z_stream stream = { .next_in = (unsigned char *)block->text.data, .avail_in = (unsigned)block->text.size, .next_out = block->packed, .avail_out = (unsigned)block->packed_room };

    JB_CHECK(deflateInit2(&stream, 1, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    int result = deflate(&stream, block->last ? Z_FINISH : Z_FULL_FLUSH);
    JB_CHECK((result == Z_OK || result == Z_STREAM_END) && stream.avail_in == 0 && stream.avail_out > 0);
    block->packed_size = block->packed_room - stream.avail_out;
    deflateEnd(&stream);
    block->crc = (uint32_t)crc32(0, (unsigned char *)block->text.data, (unsigned)block->text.size);
}
#endif

void jb__pack_codes_free(struct jb__pack_codes *codes)
{
    free(codes);
}

/* ---- where it happens ------------------------------------------------------------------------------------------------------------- */

static void pack_now(void *arg)
{
    struct jb__pack_block *block = arg;
    size_t room = room_for(block->text.size);

    if (room > block->packed_room) {
        free(block->packed);
        block->packed = malloc(room);
        block->packed_room = room;
        JB_CHECK(block->packed);
    }
    deflate_block(block);
}

static void pack_fiber(void *arg)
{
    struct jb__pack_block *block = arg;

    jb_offload(pack_now, block);
    block->running = false;
    if (block->waiter)
        jb_wake(block->waiter);
}

void jb__pack_start(struct jb__pack_block *block, bool beside)
{
    JB_CHECK(!block->running && !block->filled);
    block->filled = true;
    if (!beside || !jb_on_fiber()) {
        pack_now(block);
        return;
    }
    block->running = true;
    block->waiter = NULL;
    jb_fiber_start("pack", pack_fiber, block);
    jb_yield(); /* it begins now, not when the writer waits for the next time */
}

void jb__pack_wait(struct jb__pack_block *block)
{
    block->waiter = jb_fiber_self();
    while (block->running)
        jb_park(NULL, JB_NEVER);
    block->waiter = NULL;
}

void jb__pack_block_init(struct jb__pack_block *block)
{
    *block = (struct jb__pack_block){ .text = JB_BUF_INIT(JB__PACK_TEXT_MAX) };
}

void jb__pack_block_done(struct jb__pack_block *block)
{
    jb__pack_wait(block);
    jb_buf_done(&block->text);
    free(block->packed);
}
