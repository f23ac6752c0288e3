/* http_parse.c — the head of an HTTP/1.1 request, strictly after RFC 9110 and RFC 9112; pure, without any I/O.
 *
 * Lines are judged one by one as they become complete. What two programs could read in two ways is refused instead of repaired (bare CR and LF, folded lines, blanks
 * before the colon, two lengths, a length beside a transfer coding): request smuggling lives from repairs. */
// SPDX-License-Identifier: Apache-2.0
#include "net/net_private.h"
#include <arpa/inet.h>
#include <string.h>

#define LINE_BYTES ((size_t)8 << 10)
#define HEAD_BYTES ((size_t)32 << 10)
#define HEADERS 100
#define BODY_BYTES ((int64_t)4 << 30)
#define EMPTY_LINES_MAX 4  /* before the request line (9112 2.2: at least one) */
#define HOST_BYTES_MAX 261 /* 255 of a name, brackets or a colon and a port */

/* What a character may stand in. */
enum {
    TOKEN = 1,
    PATH = 2,
    QUERY = 4,
    HOST = 8,
    HEX = 16,
};

#define T TOKEN
#define U (PATH | QUERY)
/* Letters above F and digits by ranges in class_of; these are the others of ASCII. Of what RFC 3986 excludes, `[ ] ^ ` { | }` are let through because browsers send them raw. */
static const unsigned char punctuation[128] = {
    ['!'] = T | U | HOST, ['"'] = 0, ['#'] = T, ['$'] = T | U | HOST, ['%'] = T | U | HOST, ['&'] = T | U | HOST, ['\''] = T | U | HOST, ['('] = U | HOST, [')'] = U | HOST, ['*'] = T | U | HOST, ['+'] = T | U | HOST, [','] = U | HOST, ['-'] = T | U | HOST, ['.'] = T | U | HOST, ['/'] = U, [':'] = U, [';'] = U | HOST, ['='] = U | HOST, ['?'] = QUERY, ['@'] = U, ['['] = U, ['\\'] = QUERY, [']'] = U, ['^'] = T | U, ['_'] = T | U | HOST, ['`'] = T | U, ['{'] = U, ['|'] = T | U, ['}'] = U, ['~'] = T | U | HOST
};
#undef T
#undef U

static unsigned class_of(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return TOKEN | PATH | QUERY | HOST | HEX;
    unsigned char lower = c | 0x20;
    if (lower >= 'a' && lower <= 'z' && c < 0x80)
        return TOKEN | PATH | QUERY | HOST | (lower <= 'f' ? HEX : 0);
    return c < 0x80 ? punctuation[c] : 0;
}

bool jb__is_token_char(unsigned char c)
{
    return class_of(c) & TOKEN;
}

static bool all_of(struct jb_str text, unsigned class)
{
    for (size_t i = 0; i < text.size; i++)
        if (!(class_of((unsigned char)text.data[i]) & class))
            return false;
    return true;
}

bool jb__is_token(struct jb_str text)
{
    return text.size > 0 && all_of(text, TOKEN);
}

bool jb__is_field_value(struct jb_str text)
{
    bool bad = false; /* no early exit: this loop vectorizes */
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bad |= (c < 0x20 && c != '\t') || c == 0x7f;
    }
    return !bad;
}

struct jb_str jb__trim_ows(struct jb_str text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = jb_str_slice(text, 1, text.size);
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

struct jb_http_limits jb__http_limits(const struct jb_http_limits *limits)
{
    struct jb_http_limits all = *limits;
    all.line_bytes = all.line_bytes ? all.line_bytes : LINE_BYTES;
    all.head_bytes = all.head_bytes ? all.head_bytes : HEAD_BYTES;
    all.headers = all.headers ? all.headers : HEADERS;
    all.body_bytes = all.body_bytes ? all.body_bytes : BODY_BYTES;
    all.head_s = all.head_s ? all.head_s : 10;
    all.idle_s = all.idle_s ? all.idle_s : 75;
    all.body_idle_s = all.body_idle_s ? all.body_idle_s : 30;
    all.write_idle_s = all.write_idle_s ? all.write_idle_s : 30;
    all.connections = all.connections ? all.connections : 10000;
    return all;
}

void jb__head_init(struct jb__head *head, const struct jb_http_limits *limits, struct jb_header *headers)
{
    struct jb_http_limits all = jb__http_limits(limits);
    *head = (struct jb__head){
        .line_bytes_max = all.line_bytes,
        .head_bytes_max = all.head_bytes,
        .body_bytes_max = all.body_bytes,
        .headers = headers,
        .headers_max = (size_t)all.headers,
    };
}

static enum jb__parse bad(struct jb__head *head, int status, const char *why)
{
    head->status = status;
    head->why = why;
    return JB__PARSE_BAD;
}

/* ---- request line -------------------------------------------------------------------------------------------------------- */

static bool percents_are_hex(struct jb_str text)
{
    for (size_t i = 0; (i = jb_str_find_char(text, '%', i)) != SIZE_MAX; i += 3)
        if (i + 2 >= text.size || !(class_of((unsigned char)text.data[i + 1]) & HEX) || !(class_of((unsigned char)text.data[i + 2]) & HEX))
            return false;
    return true;
}

static bool port_ok(struct jb_str port)
{
    int number = 0;
    for (size_t i = 0; i < port.size; i++) {
        if (port.data[i] < '0' || port.data[i] > '9' || number > 65535)
            return false;
        number = number * 10 + (port.data[i] - '0');
    }
    return number <= 65535;
}

/* uri-host [ ":" port ] (9110 7.2, RFC 3986 3.2.2). */
static bool host_ok(struct jb_str host)
{
    if (host.size > HOST_BYTES_MAX)
        return false;
    size_t end = jb_str_find_char(host, ':', 0);
    if (host.size > 0 && host.data[0] == '[') {
        size_t bracket = jb_str_find_char(host, ']', 0);
        char text[INET6_ADDRSTRLEN];
        struct in6_addr address;
        if (bracket == SIZE_MAX || bracket - 1 >= sizeof(text))
            return false;
        memcpy(text, host.data + 1, bracket - 1);
        text[bracket - 1] = '\0';
        if (memchr(text, '\0', bracket - 1) || inet_pton(AF_INET6, text, &address) != 1)
            return false;
        end = bracket + 1;
        if (end < host.size && host.data[end] != ':')
            return false;
    } else {
        struct jb_str name = jb_str_slice(host, 0, end);
        if (!all_of(name, HOST) || !percents_are_hex(name))
            return false;
    }
    return end >= host.size || port_ok(jb_str_slice(host, end + 1, host.size));
}

/* Splits `text` (from the first slash or question mark of the target) into path and query. */
static bool split_path(struct jb__head *head, struct jb_str text)
{
    size_t mark = jb_str_find_char(text, '?', 0);
    head->path = jb_str_slice(text, 0, mark);
    head->query = mark == SIZE_MAX ? JB_STR_NULL : jb_str_slice(text, mark + 1, text.size);
    if (!all_of(head->path, PATH) || !percents_are_hex(head->path) || !all_of(head->query, QUERY))
        return false;
    if (head->path.size == 0)
        head->path = JB_STR("/");
    return true;
}

/* The four forms of RFC 9112 3.2; the authority of an absolute target becomes the host. */
static bool parse_target(struct jb__head *head)
{
    struct jb_str target = head->target;
    if (target.size > 0 && target.data[0] == '/')
        return split_path(head, target);
    if (jb_str_is(target, "*")) {
        head->path = target;
        return jb_str_is(head->method, "OPTIONS");
    }
    size_t scheme = jb_str_find(target, JB_STR("://"), 0);
    struct jb_str name = jb_str_slice(target, 0, scheme);
    if (scheme == SIZE_MAX || (!jb_str_equal_nocase(name, JB_STR("http")) && !jb_str_equal_nocase(name, JB_STR("https"))))
        return false;
    struct jb_str rest = jb_str_slice(target, scheme + 3, target.size);
    size_t end = 0;
    while (end < rest.size && rest.data[end] != '/' && rest.data[end] != '?')
        end++;
    head->host = jb_str_slice(rest, 0, end);
    return end > 0 && rest.data[0] != ':' && host_ok(head->host) && split_path(head, jb_str_slice(rest, end, rest.size));
}

static enum jb__parse parse_version(struct jb__head *head, struct jb_str version)
{
    static const char form[] = "HTTP/";
    if (version.size != 8 || memcmp(version.data, form, 5) != 0 || version.data[6] != '.' || version.data[5] < '0' || version.data[5] > '9' ||
        version.data[7] < '0' || version.data[7] > '9')
        return bad(head, 400, "the request line must end with HTTP/1.1 or HTTP/1.0");
    if (version.data[5] != '1')
        return bad(head, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    head->version_minor = version.data[7] == '0' ? 0 : 1; /* a higher minor version is read as 1.1 (9110 6.2) */
    head->keep_alive = head->version_minor == 1;
    return JB__PARSE_MORE;
}

static enum jb__parse parse_request_line(struct jb__head *head, struct jb_str line)
{
    size_t first = jb_str_find_char(line, ' ', 0);
    const char *last = memrchr(line.data, ' ', line.size);
    if (first == SIZE_MAX || last == line.data + first)
        return bad(head, 400, "the request line must be METHOD TARGET VERSION");
    size_t second = (size_t)(last - line.data);
    struct jb_str method = jb_str_slice(line, 0, first);
    if (!jb__is_token(method))
        return bad(head, 400, "the method is not a token");
    if (parse_version(head, jb_str_slice(line, second + 1, line.size)) == JB__PARSE_BAD)
        return JB__PARSE_BAD;
    head->method = method;
    head->target = jb_str_slice(line, first + 1, second);
    if (jb_str_is(method, "CONNECT"))
        return bad(head, 501, "this server is no proxy");
    if (!parse_target(head))
        return bad(head, 400, "the target must be a path such as /a?b=c, with other characters as %XX");
    return JB__PARSE_MORE;
}

/* ---- header lines ---------------------------------------------------------------------------------------------------------- */

static enum jb__parse parse_header(struct jb__head *head, struct jb_str line)
{
    if (line.data[0] == ' ' || line.data[0] == '\t')
        return bad(head, 400, "folded header lines are not accepted");
    if (head->header_count == head->headers_max)
        return bad(head, 431, "there are too many header lines");
    size_t colon = 0;
    while (colon < line.size && (class_of((unsigned char)line.data[colon]) & TOKEN))
        colon++;
    if (colon == 0 || colon == line.size || line.data[colon] != ':')
        return bad(head, 400, "a header line must be a name, a colon at once, and a value");
    struct jb_str value = jb__trim_ows(jb_str_slice(line, colon + 1, line.size));
    if (!jb__is_field_value(value))
        return bad(head, 400, "a header value holds a control character");
    head->headers[head->header_count++] = (struct jb_header){ jb_str_slice(line, 0, colon), value };
    return JB__PARSE_MORE;
}

/* ---- what the header lines mean ---------------------------------------------------------------------------------------------- */

/* What framing needs to see of all lines before it can judge. */
struct seen {
    int hosts, lengths, codings_lines;
    int codings, chunkeds;
    bool chunked_last, unknown_coding, bad_coding, close;
};

static void see_coding(struct seen *seen, struct jb_str value)
{
    seen->codings_lines++;
    while (value.data) {
        struct jb_str coding = jb__trim_ows(jb_str_cut(&value, ','));
        if (coding.size == 0)
            continue; /* 9110 5.6.1.2: empty elements are ignored */
        struct jb_str name = jb__trim_ows(jb_str_slice(coding, 0, jb_str_find_char(coding, ';', 0)));
        seen->codings++;
        seen->bad_coding |= !jb__is_token(name);
        seen->chunked_last = jb_str_equal_nocase(coding, JB_STR("chunked"));
        seen->chunkeds += seen->chunked_last;
        seen->unknown_coding |= !seen->chunked_last;
    }
}

static enum jb__parse see_length(struct jb__head *head, struct seen *seen, struct jb_str value)
{
    int64_t length = 0;
    if (seen->lengths++ > 0)
        return bad(head, 400, "there is more than one Content-Length");
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return bad(head, 400, "Content-Length is not a number");
        if (length < INT64_MAX / 20) /* beyond, it is larger than any limit anyway */
            length = length * 10 + (value.data[i] - '0');
    }
    if (value.size == 0)
        return bad(head, 400, "Content-Length is empty");
    head->body_bytes = length;
    return JB__PARSE_MORE;
}

static void see_connection(struct jb__head *head, struct seen *seen, struct jb_str value)
{
    while (value.data) {
        struct jb_str option = jb__trim_ows(jb_str_cut(&value, ','));
        if (jb_str_equal_nocase(option, JB_STR("close")))
            seen->close = true;
        else if (jb_str_equal_nocase(option, JB_STR("keep-alive")))
            head->keep_alive = true;
    }
}

static enum jb__parse see_host(struct jb__head *head, struct seen *seen, struct jb_str value)
{
    if (seen->hosts++ > 0)
        return bad(head, 400, "there is more than one Host");
    if (!host_ok(value))
        return bad(head, 400, "Host is not a host name");
    if (!head->host.data)
        head->host = value;
    return JB__PARSE_MORE;
}

static enum jb__parse see_header(struct jb__head *head, struct seen *seen, const struct jb_header *header)
{
    switch (header->name.size) { /* most names are told apart by their length */
    case 4:
        return jb_str_equal_nocase(header->name, JB_STR("Host")) ? see_host(head, seen, header->value) : JB__PARSE_MORE;
    case 6:
        if (!jb_str_equal_nocase(header->name, JB_STR("Expect")) || head->version_minor == 0)
            return JB__PARSE_MORE;
        if (!jb_str_equal_nocase(header->value, JB_STR("100-continue")))
            return bad(head, 417, "only 100-continue can be expected");
        head->expects_continue = true;
        return JB__PARSE_MORE;
    case 10:
        if (jb_str_equal_nocase(header->name, JB_STR("Connection")))
            see_connection(head, seen, header->value);
        return JB__PARSE_MORE;
    case 14:
        return jb_str_equal_nocase(header->name, JB_STR("Content-Length")) ? see_length(head, seen, header->value) : JB__PARSE_MORE;
    case 17:
        if (jb_str_equal_nocase(header->name, JB_STR("Transfer-Encoding")))
            see_coding(seen, header->value);
        return JB__PARSE_MORE;
    default:
        return JB__PARSE_MORE;
    }
}

/* Where the body ends (RFC 9112 6.3). */
static enum jb__parse judge_framing(struct jb__head *head, const struct seen *seen)
{
    if (seen->codings_lines == 0)
        return head->body_bytes > head->body_bytes_max ? bad(head, 413, "the body is larger than this server accepts") : JB__PARSE_DONE;
    if (head->version_minor == 0)
        return bad(head, 400, "HTTP/1.0 has no Transfer-Encoding");
    if (seen->lengths > 0)
        return bad(head, 400, "Content-Length and Transfer-Encoding exclude each other");
    if (seen->bad_coding || seen->chunkeds != 1 || !seen->chunked_last)
        return bad(head, 400, "chunked must be the last transfer coding, once");
    if (seen->unknown_coding)
        return bad(head, 501, "chunked is the only transfer coding spoken here");
    head->chunked = true;
    head->body_bytes = -1;
    return JB__PARSE_DONE;
}

static enum jb__parse judge(struct jb__head *head)
{
    struct seen seen = { 0 };
    for (size_t i = 0; i < head->header_count; i++)
        if (see_header(head, &seen, &head->headers[i]) == JB__PARSE_BAD)
            return JB__PARSE_BAD;
    if (seen.hosts == 0 && head->version_minor == 1)
        return bad(head, 400, "Host is missing");
    if (seen.close)
        head->keep_alive = false;
    if (!head->host.data)
        head->host = JB_STR("");
    head->size = head->line_start;
    return judge_framing(head, &seen);
}

/* ---- lines ---------------------------------------------------------------------------------------------------------------------- */

static enum jb__parse parse_line(struct jb__head *head, struct jb_str line)
{
    if (line.size > 0)
        return head->method.data ? parse_header(head, line) : parse_request_line(head, line);
    if (head->method.data)
        return judge(head);
    return head->empty_lines++ < EMPTY_LINES_MAX ? JB__PARSE_MORE : bad(head, 400, "there are only empty lines");
}

enum jb__parse jb__head_feed(struct jb__head *head, const char *bytes, size_t size)
{
    for (;;) {
        const char *newline = size > head->searched ? memchr(bytes + head->searched, '\n', size - head->searched) : NULL;
        head->searched = newline ? (size_t)(newline - bytes) + 1 : size;
        size_t line_size = head->searched - head->line_start;

        if (!head->method.data && line_size > 0 && bytes[head->line_start] != '\r' && !jb__is_token_char((unsigned char)bytes[head->line_start]))
            return bad(head, 400, "this is not HTTP");
        if (!head->method.data && line_size > head->line_bytes_max)
            return bad(head, 414, "the request line is too long");
        if (head->searched > head->head_bytes_max)
            return bad(head, 431, "the head of the request is too large");
        if (!newline)
            return JB__PARSE_MORE;
        if (line_size < 2 || newline[-1] != '\r')
            return bad(head, 400, "a line must end with CR LF");

        struct jb_str line = { bytes + head->line_start, line_size - 2 };
        head->line_start = head->searched;
        enum jb__parse parse = parse_line(head, line);
        if (parse != JB__PARSE_MORE)
            return parse;
    }
}
