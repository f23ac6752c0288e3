/* fuzz_http.c — a stream of pipelined requests: cut anywhere it means the same as in one piece, and what is accepted keeps the promises of the parser.
 *
 * The first byte of the input seeds the cuts, the rest is the stream. Bodies are read as the server reads them. */
// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "base/random.h"
#include "net/net_private.h"
#include <stdlib.h>
#include <string.h>

#define HEADERS 8
#define STORY_BYTES_MAX ((size_t)1 << 20)

static const struct jb_http_limits limits = { .line_bytes = 200, .head_bytes = 1000, .headers = HEADERS, .body_bytes = 1 << 20 };

static void put(struct jb_buf *story, struct jb_str text)
{
    jb_buf_put(story, text);
    jb_buf_put_char(story, '\n');
}

static void check_inside(struct jb_str part, struct jb_str all)
{
    JB_CHECK(part.data >= all.data && part.data + part.size <= all.data + all.size);
}

/* The promises of an accepted head; they become part of the story. */
static void tell_head(struct jb_buf *story, const struct jb__head *head, struct jb_str all)
{
    JB_CHECK(head->size <= limits.head_bytes && head->header_count <= HEADERS);
    JB_CHECK(jb__is_token(head->method) && head->path.size > 0 && (head->path.data[0] == '/' || jb_str_is(head->path, "*")));
    JB_CHECK(head->body_bytes <= limits.body_bytes && (head->body_bytes == -1) == head->chunked);
    check_inside(head->target, all);
    put(story, head->method);
    put(story, head->path);
    put(story, head->query);
    put(story, head->host);
    for (size_t i = 0; i < head->header_count; i++) {
        check_inside(head->headers[i].name, all);
        JB_CHECK(jb__is_token(head->headers[i].name) && jb__is_field_value(head->headers[i].value));
        put(story, head->headers[i].name);
        put(story, head->headers[i].value);
    }
    jb_buf_printf(story, "%d %d %lld\n", head->version_minor, head->keep_alive, (long long)head->body_bytes);
}

/* How many of the bytes are there by now. */
static size_t more(struct jb_rng *cuts, size_t have, size_t size)
{
    return cuts ? have + 1 + jb_rng_below(cuts, size - have) : size;
}

/* Reads a body from *at on; false when the stream ends within it or it is malformed. */
static bool tell_body(struct jb_buf *story, const struct jb__head *head, struct jb_str all, size_t *at, struct jb_rng *cuts)
{
    struct jb__chunk chunk;
    if (!head->chunked) {
        struct jb_str body = jb_str_slice(all, *at, *at + (size_t)head->body_bytes);
        put(story, body);
        *at += body.size;
        return (int64_t)body.size == head->body_bytes;
    }
    jb__chunk_init(&chunk);
    for (size_t have = *at; *at < all.size;) {
        size_t used;
        if (have == *at)
            have = more(cuts, have, all.size);
        enum jb__chunked next = jb__chunk_feed(&chunk, all.data + *at, have - *at, &used);
        *at += used;
        JB_CHECK(next != JB__CHUNK_MORE || *at == have);
        if (next == JB__CHUNK_DONE)
            return true;
        if (next == JB__CHUNK_BAD) {
            jb_buf_put_z(story, "bad body\n");
            return false;
        }
        size_t data = (size_t)JB_MIN(chunk.left, (int64_t)(have - *at));
        if (next != JB__CHUNK_DATA || data == 0)
            continue;
        jb_buf_put(story, jb_str_slice(all, *at, *at + data));
        jb__chunk_take(&chunk, data);
        *at += data;
    }
    return false;
}

static void tell(struct jb_buf *story, struct jb_str all, struct jb_rng *cuts)
{
    struct jb_header headers[HEADERS];
    for (size_t at = 0; at < all.size;) {
        struct jb__head head;
        struct jb_str rest = jb_str_slice(all, at, all.size);
        enum jb__parse parse = JB__PARSE_MORE;
        jb__head_init(&head, &limits, headers);
        for (size_t have = 0; have < rest.size && parse == JB__PARSE_MORE;) {
            have = more(cuts, have, rest.size);
            parse = jb__head_feed(&head, rest.data, have);
        }
        if (parse != JB__PARSE_DONE) {
            JB_CHECK(parse == JB__PARSE_MORE || (head.status >= 400 && head.status < 600 && head.why));
            jb_buf_printf(story, "%s %d\n", parse == JB__PARSE_MORE ? "more" : "bad", head.status);
            return;
        }
        tell_head(story, &head, rest);
        at += head.size;
        if (!tell_body(story, &head, all, &at, cuts))
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jb_buf whole = JB_BUF_INIT(STORY_BYTES_MAX), cut = JB_BUF_INIT(STORY_BYTES_MAX);
    if (size < 2)
        return 0;
    char *copy = malloc(size - 1); /* its own memory, so that reading past it is seen */
    JB_CHECK(copy);
    memcpy(copy, data + 1, size - 1);
    struct jb_rng cuts = { data[0] };
    tell(&whole, (struct jb_str){ copy, size - 1 }, NULL);
    tell(&cut, (struct jb_str){ copy, size - 1 }, &cuts);
    JB_CHECK(jb_str_equal(jb_buf_str(&whole), jb_buf_str(&cut)));
    jb_buf_done(&whole);
    jb_buf_done(&cut);
    free(copy);
    return 0;
}
