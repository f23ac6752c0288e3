/* feed.c — a part as blocks of UTF-8, so that the scanner never waits for the unpacking.
 *
 * Blocks stand in a ring. Before each block is room for what the scanner has not consumed of the one before: a tail of a few bytes is copied there, and
 * every mark-up and every short text lies in one piece, without a second buffer. Small parts are unpacked when they are asked for; for big ones a thread
 * fills the ring ahead. Memory is the ring's, whatever the part's size. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/sheet_private.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define WIDE_BYTES (JB__FEED_BLOCK / 3 * 2 - 4) /* two bytes of UTF-16 become at most three of UTF-8 */
#define STACK_BYTES ((size_t)256 * 1024)

static uint32_t wide_unit(const struct jb__feed *feed, size_t at)
{
    const unsigned char *b = (const unsigned char *)feed->wide + at;
    return feed->big_endian ? (uint32_t)(b[0] << 8 | b[1]) : (uint32_t)(b[1] << 8 | b[0]);
}

/* UTF-16 in `wide` to UTF-8; what is not yet a whole character stays. */
static size_t narrow(struct jb__feed *feed, char *out, bool last)
{
    size_t at = 0, size = 0;
    while (at + 2 <= feed->wide_size) {
        uint32_t unit = wide_unit(feed, at), step = 2;
        if (unit >= 0xd800 && unit < 0xdc00) {
            if (at + 4 > feed->wide_size && !last)
                break;
            uint32_t low = at + 4 <= feed->wide_size ? wide_unit(feed, at + 2) : 0;
            if (low >= 0xdc00 && low < 0xe000) {
                unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                step = 4;
            }
        }
        char text[4];
        size_t n = jb_utf8_put(unit, text);
        memcpy(out + size, text, n);
        size += n;
        at += step;
    }
    memmove(feed->wide, feed->wide + at, feed->wide_size - at);
    feed->wide_size -= at;
    return size;
}

static size_t fill_wide(struct jb__feed *feed, char *out)
{
    for (;;) {
        size_t got = jb__part_read(feed->part, feed->wide + feed->wide_size, WIDE_BYTES - feed->wide_size);
        feed->wide_size += got;
        size_t size = narrow(feed, out, got == 0);
        if (size > 0 || got == 0)
            return size;
    }
}

/* The first block tells the encoding: a mark, or the zero byte beside "<". */
static size_t fill_first(struct jb__feed *feed, char *out)
{
    size_t size = jb__part_read(feed->part, out, WIDE_BYTES), skip = 0;
    const unsigned char *b = (const unsigned char *)out;
    if (size >= 3 && b[0] == 0xef && b[1] == 0xbb && b[2] == 0xbf) {
        memmove(out, out + 3, size - 3);
        return size - 3 ? size - 3 : jb__part_read(feed->part, out, JB__FEED_BLOCK);
    }
    if (size < 2 || !((b[0] == 0xff && b[1] == 0xfe) || (b[0] == 0xfe && b[1] == 0xff) || (b[0] == '<' && b[1] == 0) || (b[0] == 0 && b[1] == '<')))
        return size;
    skip = b[0] >= 0xfe ? 2 : 0;
    feed->big_endian = b[0] == 0xfe || b[0] == 0;
    feed->wide = malloc(WIDE_BYTES);
    JB_CHECK(feed->wide);
    feed->wide_size = size - skip;
    memcpy(feed->wide, out + skip, feed->wide_size);
    size = narrow(feed, out, false);
    return size ? size : fill_wide(feed, out);
}

/* 0 at the end, or when the part broke. */
static size_t fill(struct jb__feed *feed, uint64_t block)
{
    char **memory = &feed->blocks[block % JB__FEED_BLOCKS];
    if (!*memory)
        *memory = malloc(JB__FEED_TAIL + JB__FEED_BLOCK + JB__FEED_ZEROS);
    JB_CHECK(*memory);
    char *out = *memory + JB__FEED_TAIL;
    size_t size;
    if (!feed->started) {
        feed->started = true;
        size = fill_first(feed, out);
    } else {
        size = feed->wide ? fill_wide(feed, out) : jb__part_read(feed->part, out, JB__FEED_BLOCK);
    }
    memset(out + size, 0, JB__FEED_ZEROS);
    feed->sizes[block % JB__FEED_BLOCKS] = size;
    return size;
}

/* All blocks but the one being read, and the one whose tail may still be copied, may be filled. */
static void *run_ahead(void *arg)
{
    struct jb__feed *feed = arg;
    pthread_mutex_lock(&feed->mutex);
    for (;;) {
        while (!feed->stop && feed->filled - (feed->taken ? feed->taken - 1 : 0) >= JB__FEED_BLOCKS)
            pthread_cond_wait(&feed->changed, &feed->mutex);
        if (feed->stop)
            break;
        uint64_t block = feed->filled;
        pthread_mutex_unlock(&feed->mutex);
        size_t size = fill(feed, block);
        pthread_mutex_lock(&feed->mutex);
        feed->filled += size > 0;
        feed->ended = size == 0;
        pthread_cond_signal(&feed->changed);
        if (feed->ended)
            break;
    }
    pthread_mutex_unlock(&feed->mutex);
    return NULL;
}

/* Signals stay with the threads that expect them. Without a thread the feed works as for a small part. */
static bool start_ahead(struct jb__feed *feed)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_mutex_init(&feed->mutex, NULL);
    pthread_cond_init(&feed->changed, NULL);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    feed->ahead = pthread_create(&feed->thread, &attributes, run_ahead, feed) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return feed->ahead;
}

void jb__feed_init(struct jb__feed *feed, struct jb__part *part, int64_t packed)
{
    *feed = (struct jb__feed){ .part = part };
    static const char nothing[JB__FEED_ZEROS];
    feed->at = feed->end = nothing;
    if (packed > JB__FEED_AHEAD_BYTES)
        start_ahead(feed);
}

void jb__feed_done(struct jb__feed *feed)
{
    if (feed->ahead) {
        pthread_mutex_lock(&feed->mutex);
        feed->stop = true;
        pthread_cond_signal(&feed->changed);
        pthread_mutex_unlock(&feed->mutex);
        pthread_join(feed->thread, NULL);
        pthread_mutex_destroy(&feed->mutex);
        pthread_cond_destroy(&feed->changed);
    }
    for (size_t i = 0; i < JB__FEED_BLOCKS; i++)
        free(feed->blocks[i]);
    free(feed->wide);
    jb__part_free(feed->part);
    *feed = (struct jb__feed){ 0 };
}

static bool wait_block(struct jb__feed *feed)
{
    if (!feed->ahead) {
        if (!feed->ended && feed->filled == feed->taken) {
            feed->ended = fill(feed, feed->filled) == 0;
            feed->filled += !feed->ended;
        }
        return feed->filled > feed->taken;
    }
    pthread_mutex_lock(&feed->mutex);
    while (feed->filled == feed->taken && !feed->ended)
        pthread_cond_wait(&feed->changed, &feed->mutex);
    bool found = feed->filled > feed->taken;
    pthread_mutex_unlock(&feed->mutex);
    return found;
}

bool jb__feed_next(struct jb__feed *feed)
{
    size_t tail = (size_t)(feed->end - feed->at);
    if (tail > JB__FEED_TAIL) {
        feed->full = true;
        return false;
    }
    if (!wait_block(feed))
        return false;
    char *block = feed->blocks[feed->taken % JB__FEED_BLOCKS] + JB__FEED_TAIL;
    memcpy(block - tail, feed->at, tail);
    feed->at = block - tail;
    feed->end = block + feed->sizes[feed->taken % JB__FEED_BLOCKS];
    if (feed->ahead)
        pthread_mutex_lock(&feed->mutex);
    feed->taken++;
    if (feed->ahead) {
        pthread_cond_signal(&feed->changed);
        pthread_mutex_unlock(&feed->mutex);
    }
    return true;
}

enum jb__part_state jb__feed_state(struct jb__feed *feed)
{
    if (feed->ahead)
        pthread_mutex_lock(&feed->mutex);
    enum jb__part_state state = feed->ended ? jb__part_state(feed->part) : JB__PART_OPEN;
    if (feed->ahead)
        pthread_mutex_unlock(&feed->mutex);
    return state;
}
