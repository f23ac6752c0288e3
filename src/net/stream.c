/* stream.c — a connected socket as straight lines: try the system call, wait for the descriptor only when it says EAGAIN. */
// SPDX-License-Identifier: Apache-2.0
#include "net/net_private.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#define TIMEOUT_S 30
#define SENDFILE_BYTES ((size_t)1 << 20) /* at once, so that one fast reader does not hold the loop */

struct jb_stream *jb_stream_open(int fd)
{
    struct jb_stream *stream = calloc(1, sizeof(*stream));
    JB_CHECK(stream);
    stream->fd = fd;
    stream->watch = jb_watch_open(fd);
    stream->timeout_s = TIMEOUT_S;
    stream->lost = JB_UNAVAILABLE;
    return stream;
}

void jb_stream_close(struct jb_stream *stream)
{
    if (!stream)
        return;
    jb_watch_close(stream->watch);
    close(stream->fd);
    free(stream);
}

void jb_stream_timeout(struct jb_stream *stream, int seconds)
{
    stream->timeout_s = seconds ? seconds : TIMEOUT_S;
}

static bool wait_for(struct jb_stream *stream, struct jb_scope *scope, enum jb_wait what)
{
    return jb_watch_wait(stream->watch, scope, what, jb_monotonic_us() + stream->timeout_s * JB_SECOND_US);
}

static bool fail_lost(struct jb_stream *stream, struct jb_scope *scope, int number)
{
    return jb_fail(scope, stream->lost, JB_L(scope, "상대가 연결을 끊었습니다(%s).", "The other side broke the connection (%s)."), strerror(number));
}

static bool is_again(int number)
{
    return number == EAGAIN || number == EINTR;
}

/* ---- reading ---------------------------------------------------------------------------------------------------------------- */

ssize_t jb__stream_try_read(struct jb_stream *stream, void *bytes, size_t size)
{
    ssize_t got;
    do
        got = read(stream->fd, bytes, size);
    while (got < 0 && errno == EINTR);
    return got;
}

bool jb_stream_read(struct jb_stream *stream, struct jb_scope *scope, void *bytes, size_t size, size_t *ret_got)
{
    JB_CHECK(size > 0);
#ifdef JB_HOSTILE
    size = JB_MIN(size, (size_t)7);
#endif
    for (;;) {
        ssize_t got = jb__stream_try_read(stream, bytes, size);
        if (got >= 0) {
            *ret_got = (size_t)got;
            return true;
        }
        if (!is_again(errno))
            return fail_lost(stream, scope, errno);
        if (!wait_for(stream, scope, JB_WAIT_READ))
            return false;
    }
}

/* ---- writing ------------------------------------------------------------------------------------------------------------------ */

bool jb__stream_try_write(struct jb_stream *stream, struct jb_str bytes)
{
    return send(stream->fd, bytes.data, bytes.size, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0 || is_again(errno);
}

bool jb__stream_writev(struct jb_stream *stream, struct jb_scope *scope, struct iovec *parts, size_t count, bool more)
{
    for (;;) {
        while (count > 0 && parts->iov_len == 0) {
            parts++;
            count--;
        }
        if (count == 0)
            return true;
        struct msghdr message = { .msg_iov = parts, .msg_iovlen = count };
#ifdef JB_HOSTILE
        struct iovec one = { parts->iov_base, JB_MIN(parts->iov_len, (size_t)11) };
        message = (struct msghdr){ .msg_iov = &one, .msg_iovlen = 1 };
#endif
        ssize_t sent = sendmsg(stream->fd, &message, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
        if (sent < 0 && !is_again(errno))
            return fail_lost(stream, scope, errno);
        if (sent < 0 && !wait_for(stream, scope, JB_WAIT_WRITE))
            return false;
        for (size_t left = sent < 0 ? 0 : (size_t)sent; left > 0;) {
            size_t part = JB_MIN(left, parts->iov_len);
            parts->iov_base = (char *)parts->iov_base + part;
            parts->iov_len -= part;
            left -= part;
            if (parts->iov_len == 0 && left > 0) {
                parts++;
                count--;
            }
        }
    }
}

bool jb_stream_write(struct jb_stream *stream, struct jb_scope *scope, const void *bytes, size_t size)
{
    struct iovec part = { (void *)(uintptr_t)bytes, size };
    return jb__stream_writev(stream, scope, &part, 1, false);
}

bool jb__stream_send_file(struct jb_stream *stream, struct jb_scope *scope, int fd, int64_t offset, int64_t bytes)
{
    off_t at = offset;
    while (bytes > 0) {
        ssize_t sent = sendfile(stream->fd, fd, &at, (size_t)JB_MIN(bytes, (int64_t)SENDFILE_BYTES));
        if (sent == 0)
            return jb_fail(scope, JB_BROKEN, JB_L(scope, "보내는 동안 파일이 짧아졌습니다.", "The file became shorter while it was sent."));
        if (sent > 0) {
            bytes -= sent;
            jb_yield();
        } else if (!is_again(errno)) {
            return fail_lost(stream, scope, errno);
        } else if (!wait_for(stream, scope, JB_WAIT_WRITE)) {
            return false;
        }
    }
    return true;
}
