/* test_mail.c — mails as bytes, and what arrives at a small SMTP server in this process. */
// SPDX-License-Identifier: Apache-2.0
#include "jb_test.h"
#include "notify/notify_private.h"
#include "run/run.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the message ------------------------------------------------------------------------------------------------------------ */

static struct jb_str message(struct jb_scope *scope, const char *subject, const char *text)
{
    return jb__mail_message(scope, &(struct jb__message){ .from = JB_STR("a@example.com"), .to = JB_STR("b@example.com"), .subject = jb_str_of(subject), .text = jb_str_of(text), .id = JB_STR("id") });
}

static struct jb_str message_from(struct jb_scope *scope, const char *name)
{
    return jb__mail_message(scope, &(struct jb__message){ .from = JB_STR("a@example.com"), .from_name = jb_str_of(name), .to = JB_STR("b@example.com"), .id = JB_STR("id") });
}

static bool contains(struct jb_str text, const char *what)
{
    bool yes = jb_str_find(text, jb_str_of(what), 0) != SIZE_MAX;
    if (!yes)
        fprintf(stderr, "no \"%s\" in\n%.*s\n", what, JB_FMT(text));
    return yes;
}

JB_TEST("a mail is short ASCII lines with CRLF, whatever its text")
{
    struct jb_str mail = message(scope, "가져오기 완료: 추가 60,000, 변경 30,000, 그대로 9,990, 오류 10 그리고 더 긴 제목이 이어집니다", "첫 줄\n둘째 줄\n");
    size_t line = 0;

    for (size_t i = 0; i < mail.size; i++) {
        CHECK((unsigned char)mail.data[i] < 0x80);
        CHECK(mail.data[i] != '\n' || (i > 0 && mail.data[i - 1] == '\r'));
        line = mail.data[i] == '\n' ? 0 : line + 1;
        CHECK(line <= 78);
    }
    CHECK(contains(mail, "Subject: =?UTF-8?B?"));
    CHECK(contains(mail, "Content-Transfer-Encoding: base64\r\n"));
    CHECK(contains(mail, "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n"));
    CHECK(contains(mail, "Message-ID: <id@example.com>\r\n"));
}

JB_TEST("a plain subject stays readable, the text is base64")
{
    struct jb_str mail = message(scope, "Import done", "hello");
    CHECK(contains(mail, "Subject: Import done\r\n"));
    CHECK(contains(mail, "\r\n\r\naGVsbG8=\r\n"));
}

JB_TEST("a subject cannot add head lines")
{
    struct jb_str mail = message(scope, "x\r\nBcc: c@example.com", "hello");
    CHECK_INT(jb_str_find(mail, JB_STR("Bcc:"), 0), SIZE_MAX);
}

JB_TEST("a sender's name stands before the address: quoted when it is ASCII, in words of RFC 2047 otherwise")
{
    CHECK(contains(message_from(scope, ""), "From: a@example.com\r\n"));
    CHECK(contains(message_from(scope, "Kim & Co., \"Books\""), "From: \"Kim & Co., \\\"Books\\\"\" <a@example.com>\r\n"));
    CHECK(contains(message_from(scope, "장부"), "From: =?UTF-8?B?7J6l67aA?= <a@example.com>\r\n"));
    CHECK(contains(message_from(scope, "a\r\nBcc: c@example.com"), "From: =?UTF-8?B?YQ0KQmNjOiBjQGV4YW1wbGUuY29t?= <a@example.com>\r\n"));
}

JB_TEST("a long sender's name keeps the lines short")
{
    struct jb_str mail = message_from(scope, "가나다라 상사 본점 회계부 현금출납 장부 담당자 일동 모두"), rest = mail;

    while (rest.data)
        CHECK(jb_str_cut(&rest, '\n').size <= 79);
    CHECK(contains(mail, "?=\r\n =?UTF-8?B?"));
}

JB_TEST("an address is one name at one place, and nothing else")
{
    static const char *const good[] = { "a@b", "first.last+tag@sub.example.com" };
    static const char *const bad[] = { "", "a", "@b", "a@", "a@b@c", "a b@c", "<a@b>", "a@b\r\nRCPT TO:<c@d>", "이@b.com", "\"a\"@b", "a,b@c" };

    for (size_t i = 0; i < JB_COUNT(good); i++)
        CHECK(jb_mail_address_valid(jb_str_of(good[i])));
    for (size_t i = 0; i < JB_COUNT(bad); i++)
        CHECK(!jb_mail_address_valid(jb_str_of(bad[i])));
}

/* ---- an SMTP server that takes one mail ------------------------------------------------------------------------------------------ */

struct sink {
    int listener, port;
    const char *refuse_rcpt; /* answer to RCPT; NULL: accepted */
    char seen[100000];
    size_t size;
    pthread_t thread;
};

static void answer(int fd, const char *line)
{
    CHECK(write(fd, line, strlen(line)) == (ssize_t)strlen(line));
}

static bool ends_with(const struct sink *sink, const char *end)
{
    size_t size = strlen(end);
    return sink->size >= size && memcmp(sink->seen + sink->size - size, end, size) == 0;
}

/* The last whole line, or everything up to the lone dot after DATA. */
static void serve(struct sink *sink, int fd)
{
    bool in_data = false;
    size_t line = 0;
    ssize_t got;

    answer(fd, "220 sink\r\n");
    while (sink->size < sizeof sink->seen && (got = read(fd, sink->seen + sink->size, 1)) > 0) {
        sink->size++;
        if (in_data ? !ends_with(sink, "\r\n.\r\n") : !ends_with(sink, "\r\n"))
            continue;
        const char *command = sink->seen + line;
        if (in_data)
            answer(fd, "250 taken\r\n");
        else if (strncmp(command, "DATA", 4) == 0)
            answer(fd, "354 go on\r\n");
        else if (strncmp(command, "RCPT", 4) == 0 && sink->refuse_rcpt)
            answer(fd, sink->refuse_rcpt);
        else
            answer(fd, "250 fine\r\n");
        in_data = !in_data && strncmp(command, "DATA", 4) == 0;
        line = sink->size;
    }
}

static void *sink_main(void *arg)
{
    struct sink *sink = arg;
    int fd = accept(sink->listener, NULL, NULL);
    if (fd >= 0) {
        serve(sink, fd);
        close(fd);
    }
    return NULL;
}

static void sink_open(struct sink *sink)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;

    sink->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(sink->listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(sink->listener, 1) == 0);
    CHECK(getsockname(sink->listener, (struct sockaddr *)&address, &size) == 0);
    sink->port = ntohs(address.sin_port);
    CHECK(pthread_create(&sink->thread, NULL, sink_main, sink) == 0);
}

static void sink_close(struct sink *sink)
{
    pthread_join(sink->thread, NULL);
    close(sink->listener);
}

static struct jb_notify *notify_to(struct jb_scope *scope, int port)
{
    struct jb_notify *notify = jb_notify_new(scope, &(struct jb_mail_options){ .host = JB_STR("127.0.0.1"), .port = port, .from = JB_STR("장부 <site@example.com>"), .timeout_s = 5 });
    CHECK_OK(notify != NULL);
    jb_notify_use(scope, notify);
    return notify;
}

JB_FIBER_TEST("a mail arrives with sender, every recipient and its text")
{
    struct sink *sink = JB_NEW(scope, struct sink);
    sink_open(sink);
    struct jb_notify *notify = notify_to(scope, sink->port);

    CHECK_OK(jb_mail_send(scope, .to = JB_STR("one@example.com, two@example.com"), .subject = JB_STR("Import done"), .text = JB_STR("hello"), .id = JB_STR("job17.task3.1")));
    sink_close(sink);
    struct jb_str seen = { sink->seen, sink->size };
    CHECK(contains(seen, "MAIL FROM:<site@example.com>"));
    CHECK(contains(seen, "From: =?UTF-8?B?7J6l67aA?= <site@example.com>\r\n"));
    CHECK(contains(seen, "RCPT TO:<one@example.com>"));
    CHECK(contains(seen, "RCPT TO:<two@example.com>"));
    CHECK(contains(seen, "Message-ID: <job17.task3.1@example.com>\r\n"));
    CHECK(contains(seen, "Subject: Import done"));
    CHECK(contains(seen, "aGVsbG8="));
    jb_notify_free(notify);
}

JB_FIBER_TEST("a server that refuses is bad input, one that is not there may come back")
{
    struct sink *sink = JB_NEW(scope, struct sink);
    sink->refuse_rcpt = "550 nobody here\r\n";
    sink_open(sink);
    struct jb_notify *notify = notify_to(scope, sink->port);
    CHECK_FAILS(jb_mail_send(scope, .to = JB_STR("one@example.com"), .subject = JB_STR("s"), .text = JB_STR("t")), JB_INVALID);
    sink_close(sink); /* nobody listens there any more */
    CHECK_FAILS(jb_mail_send(scope, .to = JB_STR("one@example.com"), .subject = JB_STR("s"), .text = JB_STR("t")), JB_UNAVAILABLE);
    jb_notify_free(notify);
}

JB_FIBER_TEST("without a host a mail goes to the log, but a wrong address is still wrong")
{
    struct jb_notify *notify = jb_notify_new(scope, &(struct jb_mail_options){ .port = 0 });
    jb_notify_use(scope, notify);
    CHECK_OK(jb_mail_send(scope, .to = JB_STR("one@example.com"), .subject = JB_STR("s"), .text = JB_STR("t")));
    CHECK_FAILS(jb_mail_send(scope, .to = JB_STR("nobody"), .subject = JB_STR("s"), .text = JB_STR("t")), JB_INVALID);
    CHECK_FAILS(jb_mail_send(scope, .to = JB_STR(""), .subject = JB_STR("s"), .text = JB_STR("t")), JB_INVALID);
    jb_notify_free(notify);
}
