/* address.c — "127.0.0.1:8000", "[::1]:25", ":8000", "unix:/path": listening there, connecting there, and what a socket's address is as text.
 *
 * Numbers are understood at once; names are asked for on an offload thread, since getaddrinfo blocks. */
// SPDX-License-Identifier: Apache-2.0
#include "net/net_private.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024

struct address {
    struct sockaddr_storage at;
    socklen_t size;
};

static bool fail_form(struct jb_scope *scope, struct jb_str address)
{
    return jb_fail(scope, JB_INVALID, JB_L(scope, "주소 \"%.*s\"을(를) 알 수 없습니다. 127.0.0.1:8000, [::1]:8000, :8000, unix:/경로 중 하나로 적어 주십시오.", "\"%.*s\" is no address; write 127.0.0.1:8000, [::1]:8000, :8000 or unix:/path."), JB_FMT(address));
}

static bool unix_address(struct jb_scope *scope, struct jb_str path, struct address *ret_address)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    if (path.size == 0 || path.size >= sizeof(at.sun_path) || memchr(path.data, '\0', path.size))
        return jb_fail(scope, JB_INVALID, JB_L(scope, "유닉스 소켓 경로 \"%.*s\"은(는) 1~%zu바이트여야 합니다.", "The socket path \"%.*s\" must have 1 to %zu bytes."), JB_FMT(path), sizeof(at.sun_path) - 1);
    memcpy(at.sun_path, path.data, path.size);
    memcpy(&ret_address->at, &at, sizeof(at));
    ret_address->size = sizeof(at);
    return true;
}

struct question {
    const char *host, *port;
    struct addrinfo hints, *answer;
    int status;
};

static void ask(void *arg)
{
    struct question *question = arg;
    question->status = getaddrinfo(question->host, question->port, &question->hints, &question->answer);
}

static bool resolve(struct jb_scope *scope, struct jb_str text, bool passive, struct address *ret_address)
{
    if (jb_str_starts(text, JB_STR("unix:")))
        return unix_address(scope, jb_str_slice(text, 5, text.size), ret_address);

    const char *colon = text.data ? memrchr(text.data, ':', text.size) : NULL;
    if (!colon)
        return fail_form(scope, text);
    struct jb_str host = jb_str_slice(text, 0, (size_t)(colon - text.data));
    struct jb_str port = jb_str_slice(text, host.size + 1, text.size);
    int64_t number;
    if (host.size > 2 && host.data[0] == '[' && host.data[host.size - 1] == ']')
        host = jb_str_slice(host, 1, host.size - 1);
    else if (jb_str_find_char(host, ':', 0) != SIZE_MAX)
        return fail_form(scope, text);
    if (!jb_str_to_int64(port, &number) || number < 0 || number > 65535 || port.data[0] == '+' || (host.size == 0 && !passive))
        return fail_form(scope, text);

    struct question question = {
        .host = host.size > 0 ? jb_cstr(scope, host) : "::",
        .port = jb_cstr(scope, port),
        .hints = { .ai_flags = AI_NUMERICSERV | AI_NUMERICHOST | (passive ? AI_PASSIVE : 0), .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM },
    };
    ask(&question);
    if (question.status == EAI_NONAME && jb_on_fiber()) {
        question.hints.ai_flags &= ~AI_NUMERICHOST;
        jb_offload(ask, &question);
    }
    if (question.status != 0)
        return jb_fail(scope, JB_UNAVAILABLE, JB_L(scope, "호스트 \"%.*s\"의 주소를 찾지 못했습니다: %s", "No address was found for the host \"%.*s\": %s"), JB_FMT(host), gai_strerror(question.status));
    memcpy(&ret_address->at, question.answer->ai_addr, question.answer->ai_addrlen);
    ret_address->size = question.answer->ai_addrlen;
    freeaddrinfo(question.answer);
    return true;
}

/* ---- listening ------------------------------------------------------------------------------------------------------------------- */

/* A socket file that nobody listens on any more (a killed process left it). */
static void remove_stale(const struct address *address)
{
    const struct sockaddr_un *at = (const struct sockaddr_un *)&address->at;
    struct stat status;
    if (lstat(at->sun_path, &status) != 0 || !S_ISSOCK(status.st_mode))
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address->at, address->size) != 0 && errno == ECONNREFUSED)
        unlink(at->sun_path);
    if (fd >= 0)
        close(fd);
}

static bool fail_listen(struct jb_scope *scope, struct jb_str text, int number)
{
    if (number == EADDRINUSE)
        return jb_fail(scope, JB_CONFLICT, JB_L(scope, "주소 %.*s은(는) 다른 프로그램이 쓰고 있습니다. 그 프로그램을 끝내거나 다른 포트를 적어 주십시오.", "The address %.*s is in use by another program; end that program or choose another port."), JB_FMT(text));
    return jb_fail_errno(scope, number, JB_L(scope, "주소 %.*s에서 접속을 받을 수 없습니다", "listening on %.*s"), JB_FMT(text));
}

bool jb_listen(struct jb_scope *scope, struct jb_str text, bool shared, int *ret_fd)
{
    struct address address;
    int on = 1, off = 0;
    if (!resolve(scope, text, true, &address))
        return false;
    int family = address.at.ss_family;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 && errno == EAFNOSUPPORT && text.size > 0 && text.data[0] == ':') /* a machine without IPv6 */
        return jb_listen(scope, jb_format(scope, "0.0.0.0%.*s", JB_FMT(text)), shared, ret_fd);
    if (fd < 0)
        return fail_listen(scope, text, errno);
    if (family == AF_UNIX) {
        remove_stale(&address);
    } else {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* accepted sockets inherit it */
        if (shared)
            setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
        if (family == AF_INET6 && text.data[0] == ':')
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    }
    if (bind(fd, (const struct sockaddr *)&address.at, address.size) != 0 || listen(fd, BACKLOG) != 0) {
        int number = errno;
        close(fd);
        return fail_listen(scope, text, number);
    }
    *ret_fd = fd;
    return true;
}

/* ---- connecting -------------------------------------------------------------------------------------------------------------------- */

struct jb_stream *jb_stream_connect(struct jb_scope *scope, struct jb_str text)
{
    struct address address;
    int number = 0, on = 1;
    socklen_t size = sizeof(number);
    if (!resolve(scope, text, false, &address))
        return NULL;
    int fd = socket(address.at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        jb_fail_errno(scope, errno, JB_L(scope, "%.*s에 접속할 소켓을 만들지 못했습니다", "making a socket for %.*s"), JB_FMT(text));
        return NULL;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* refused by Unix sockets, which need none */
    if (connect(fd, (const struct sockaddr *)&address.at, address.size) != 0)
        number = errno;
    struct jb_stream *stream = jb_stream_open(fd);
    if (number == EINPROGRESS) {
        if (!jb_watch_wait(stream->watch, scope, JB_WAIT_WRITE, jb_monotonic_us() + stream->timeout_s * JB_SECOND_US)) {
            jb_stream_close(stream);
            return NULL;
        }
        JB_CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &size) == 0);
    }
    if (number != 0) {
        jb_stream_close(stream);
        jb_fail(scope, JB_UNAVAILABLE, JB_L(scope, "%.*s에 접속하지 못했습니다: %s", "Connecting to %.*s failed: %s"), JB_FMT(text), strerror(number));
        return NULL;
    }
    return stream;
}

/* ---- text ------------------------------------------------------------------------------------------------------------------------------ */

struct jb_str jb_socket_address(struct jb_scope *scope, int fd)
{
    struct sockaddr_storage at = { 0 };
    socklen_t size = sizeof(at);
    char host[INET6_ADDRSTRLEN];
    if (getsockname(fd, (struct sockaddr *)&at, &size) != 0)
        return JB_STR("");
    if (at.ss_family == AF_UNIX)
        return jb_format(scope, "unix:%s", ((const struct sockaddr_un *)&at)->sun_path);
    if (at.ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&at;
        inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host));
        return jb_format(scope, "[%s]:%d", host, ntohs(six->sin6_port));
    }
    const struct sockaddr_in *four = (const struct sockaddr_in *)&at;
    inet_ntop(AF_INET, &four->sin_addr, host, sizeof(host));
    return jb_format(scope, "%s:%d", host, ntohs(four->sin_port));
}
