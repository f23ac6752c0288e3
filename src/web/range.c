/* range.c — open files as answers, whole or in parts: a download that was cut off goes on where it stopped (RFC 9110, 13 and 14).
 *
 * The tag says which file it is, so that a part is never put to another file's: what If-Range names must be this very one, otherwise the whole comes. Several parts in one answer are never given; who asks for
 * them gets the whole, which is allowed. */
// SPDX-License-Identifier: Apache-2.0
#include "web/web_private.h"
#include <sys/stat.h>
#include <unistd.h>

struct file {
    int fd;
    int64_t from, bytes; /* what of it is sent */
};

enum part {
    WHOLE,
    PART,
    NOTHING, /* none of it lies within the file */
};

/* "500" of "500-999"; digits alone. false when it is none. */
static bool number_of(struct jb_str text, int64_t *ret_number)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    if (text.size > 18) { /* beyond any file */
        *ret_number = INT64_MAX;
        return true;
    }
    return text.size > 0 && jb_str_to_int64(text, ret_number);
}

/* What a Range header asks for of `bytes` bytes. One that makes no sense is not there (RFC 9110, 14.2). */
static enum part part_of(struct jb_str header, int64_t bytes, int64_t *ret_from, int64_t *ret_size)
{
    struct jb_str rest = jb_str_trim(header), unit = jb_str_cut(&rest, '=');
    int64_t from = 0, to = INT64_MAX, last = 0;

    if (!rest.data || !jb_str_equal_nocase(jb_str_trim(unit), JB_STR("bytes")) || jb_str_find_char(rest, ',', 0) != SIZE_MAX)
        return WHOLE;
    struct jb_str end = jb_str_trim(rest), start = jb_str_trim(jb_str_cut(&end, '-'));
    if (!end.data)
        return WHOLE;
    end = jb_str_trim(end);
    if (start.size == 0) { /* the last so many */
        if (!number_of(end, &last))
            return WHOLE;
        from = JB_MAX(bytes - last, 0);
        if (last == 0)
            return NOTHING;
    } else if (!number_of(start, &from) || (end.size > 0 && (!number_of(end, &to) || to < from))) {
        return WHOLE;
    }
    if (from >= bytes)
        return NOTHING;
    *ret_from = from;
    *ret_size = JB_MIN(to, bytes - 1) - from + 1;
    return PART;
}

static void close_file(void *arg)
{
    struct file *file = arg;
    close(file->fd);
}

static bool stream_file(struct jb_request *req, void *arg)
{
    const struct file *file = arg;
    return jb_http_send_file(req->http, file->fd, file->from, file->bytes);
}

/* Of a file that says no name of its own: another one has another time or size. */
static struct jb_str tag_of(struct jb_request *req, int fd, struct jb_str name)
{
    struct stat info = { 0 };

    if (name.size > 0)
        return jb_format(req->http->scope, "\"%.*s\"", JB_FMT(name));
    (void)fstat(fd, &info);
    return jb_format(req->http->scope, "\"%llx-%llx-%llx%lx\"", (unsigned long long)info.st_ino, (unsigned long long)info.st_size, (unsigned long long)info.st_mtim.tv_sec, (unsigned long)info.st_mtim.tv_nsec);
}

static struct jb_response *without_body(struct jb_request *req, int status, struct jb_str tag)
{
    struct jb_response *response = jb_respond(req, status, NULL, JB_STR(""));

    jb_response_header(response, "ETag", tag);
    jb_response_header(response, "Cache-Control", JB_STR("private, no-cache"));
    return response;
}

struct jb_response *jb_respond_file(struct jb_request *req, const char *content_type, struct jb_str filename, int fd, int64_t bytes, struct jb_str name)
{
    struct jb_str tag = tag_of(req, fd, name), only = jb_http_header(req->http, "If-Match"), range = jb_http_header(req->http, "Range"), if_range = jb_http_header(req->http, "If-Range");
    struct file *file = JB_NEW(req->scope, struct file);
    enum part part = WHOLE;

    *file = (struct file){ fd, 0, bytes };
    jb_defer(req->scope, close_file, file); /* the scope ends after the stream */
    if (only.size > 0 && !jb__etag_matches(only, tag))
        return without_body(req, 412, tag);
    if (jb__etag_matches(jb_http_header(req->http, "If-None-Match"), tag))
        return without_body(req, 304, tag);
    if (range.size > 0 && jb_str_is(req->http->method, "GET") && (if_range.size == 0 || jb_str_equal(jb_str_trim(if_range), tag)))
        part = part_of(range, bytes, &file->from, &file->bytes);
    if (part == NOTHING) {
        struct jb_response *response = without_body(req, 416, tag);
        jb_response_header(response, "Content-Range", jb_format(req->http->scope, "bytes */%lld", (long long)bytes));
        return response;
    }
    struct jb_response *response = jb_respond_download(req, content_type, filename, stream_file, file, file->bytes);
    for (size_t i = 0; i < response->header_count; i++) /* kept by a browser, so that it can go on, but never used unasked */
        if (jb_str_is(response->headers[i].name, "Cache-Control"))
            response->headers[i].value = JB_STR("private, no-cache");
    jb_response_header(response, "Accept-Ranges", JB_STR("bytes"));
    jb_response_header(response, "ETag", tag);
    if (part == PART) {
        response->status = 206;
        jb_response_header(response, "Content-Range", jb_format(req->http->scope, "bytes %lld-%lld/%lld", (long long)file->from, (long long)(file->from + file->bytes - 1), (long long)bytes));
    }
    return response;
}
