/* net_private.h — what the files of net share: the pure HTTP parsers, the stream's insides, and the exchange (one request being read and answered). */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_NET_NET_PRIVATE_H
#define JB_NET_NET_PRIVATE_H

#include "base/list.h"
#include "net/net.h"
#include <sys/types.h>
#include <sys/uio.h>

/* ---- http_parse.c: the head of a request -------------------------------------------------------------------------------- */

enum jb__parse {
    JB__PARSE_MORE,
    JB__PARSE_DONE,
    JB__PARSE_BAD,
};

/* Fed with the bytes received so far, from their beginning; every complete line is judged at once, so that nonsense is refused before its end comes. */
struct jb__head {
    /* set by jb__head_init */
    size_t line_bytes_max, head_bytes_max;
    int64_t body_bytes_max;
    struct jb_header *headers;
    size_t headers_max;
    /* progress */
    size_t line_start, searched;
    int empty_lines;
    /* the result, slices of what was fed */
    struct jb_str method, target, path, query, host;
    int version_minor;
    size_t header_count;
    bool chunked, keep_alive, expects_continue;
    int64_t body_bytes; /* Content-Length, 0 without one; -1 chunked */
    size_t size;        /* bytes of the head, when done */
    /* when bad: what to answer */
    int status;
    const char *why;
};

/* Takes the limits (zeros are defaults) and room for limits->headers headers. */
void jb__head_init(struct jb__head *head, const struct jb_http_limits *limits, struct jb_header *headers);
/* bytes[0…size) is everything from the first byte of the head on; what was fed before must not have moved. */
enum jb__parse jb__head_feed(struct jb__head *head, const char *bytes, size_t size);
/* The limits with defaults for zeros. */
struct jb_http_limits jb__http_limits(const struct jb_http_limits *limits);
/* tchar of RFC 9110 5.6.2 */
bool jb__is_token_char(unsigned char c);
bool jb__is_token(struct jb_str text);
/* HTAB, SP, VCHAR and obs-text: no other control characters (RFC 9110 5.5). */
bool jb__is_field_value(struct jb_str text);
struct jb_str jb__trim_ows(struct jb_str text);

/* ---- http_chunk.c: the chunked coding (RFC 9112 7.1) ---------------------------------------------------------------------- */

enum jb__chunked {
    JB__CHUNK_MORE,
    JB__CHUNK_DATA,
    JB__CHUNK_DONE,
    JB__CHUNK_BAD,
};

struct jb__chunk {
    int state;
    int64_t left;      /* of the present chunk's data */
    size_t line_bytes; /* of the present chunk-size line */
    size_t extension_bytes, trailer_bytes;
};

void jb__chunk_init(struct jb__chunk *chunk);
/* Reads framing. DATA: `left` bytes of data come next; take them (jb__chunk_take), then feed again. MORE: all was used. */
enum jb__chunked jb__chunk_feed(struct jb__chunk *chunk, const char *bytes, size_t size, size_t *ret_used);
void jb__chunk_take(struct jb__chunk *chunk, size_t size);

/* ---- stream.c ----------------------------------------------------------------------------------------------------------------- */

struct jb_stream {
    int fd;
    struct jb_watch *watch;
    int timeout_s;
    enum jb_error lost; /* the kind of failure when the peer breaks the connection: UNAVAILABLE for clients, CANCELLED for servers */
};
/* One non-blocking read: > 0 bytes, 0 the end, -1 with errno (EAGAIN: nothing there). */
ssize_t jb__stream_try_read(struct jb_stream *stream, void *bytes, size_t size);
/* One non-blocking write, as far as it goes; false when the peer is gone. */
bool jb__stream_try_write(struct jb_stream *stream, struct jb_str bytes);
/* All of all parts; the array is used up. `more`: something follows at once, so a short packet may wait. */
bool jb__stream_writev(struct jb_stream *stream, struct jb_scope *scope, struct iovec *parts, size_t count, bool more);
bool jb__stream_send_file(struct jb_stream *stream, struct jb_scope *scope, int fd, int64_t offset, int64_t bytes);

/* ---- multipart_head.c: the head of one part -------------------------------------------------------------------------------- */

struct jb__part {
    struct jb_multipart_part part;
    bool base64; /* Content-Transfer-Encoding */
};
/* The value of a parameter of a header such as `form-data; name="a"`, unquoted into the scope; NULL text when absent. */
struct jb_str jb__parameter(struct jb_scope *scope, struct jb_str value, const char *name);
/* `bytes` holds lines, each ended by CRLF, and is written to; fails INVALID. */
bool jb__part_parse(struct jb_scope *scope, char *bytes, size_t size, struct jb__part *ret_part);

#endif
