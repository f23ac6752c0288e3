/* message.c — a mail as bytes: RFC 5322 head lines, the subject in RFC 2047 words, the text as UTF-8 in base64, so that every line is short ASCII. */
// SPDX-License-Identifier: Apache-2.0
#include "notify/notify_private.h"
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES_MAX ((size_t)1 << 20)
#define WORD_BYTES 39   /* 52 characters of base64: with "Subject: =?UTF-8?B?" and "?=" a line stays below 76 (RFC 2047 2) */
#define LINE_BYTES 57   /* 76 characters */
#define ADDRESS_MAX 254 /* RFC 5321 4.5.3.1.3 */

static void put_base64(struct jb_buf *buf, const unsigned char *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        unsigned triple = (unsigned)bytes[i] << 16 | (left > 1 ? (unsigned)bytes[i + 1] << 8 : 0) | (left > 2 ? bytes[i + 2] : 0);
        jb_buf_put_char(buf, digits[triple >> 18]);
        jb_buf_put_char(buf, digits[triple >> 12 & 63]);
        jb_buf_put_char(buf, left > 1 ? digits[triple >> 6 & 63] : '=');
        jb_buf_put_char(buf, left > 2 ? digits[triple & 63] : '=');
    }
}

static bool is_plain(struct jb_str text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] < 0x20 || (unsigned char)text.data[i] > 0x7e)
            return false;
    return text.size <= 60 && jb_str_find(text, JB_STR("=?"), 0) == SIZE_MAX;
}

/* The largest part that ends between two characters. */
static size_t word_end(struct jb_str text, size_t from)
{
    size_t end = JB_MIN(from + WORD_BYTES, text.size);

    while (end > from && end < text.size && ((unsigned char)text.data[end] & 0xc0) == 0x80)
        end--;
    return end > from ? end : JB_MIN(from + WORD_BYTES, text.size);
}

/* What is not plain ASCII, in words that each stand on a line of their own. */
static void put_words(struct jb_buf *buf, struct jb_str text)
{
    for (size_t from = 0, to; from < text.size; from = to) {
        to = word_end(text, from);
        jb_buf_put_z(buf, from == 0 ? " =?UTF-8?B?" : "\r\n =?UTF-8?B?");
        put_base64(buf, (const unsigned char *)text.data + from, to - from);
        jb_buf_put_z(buf, "?=");
    }
}

static void put_subject(struct jb_buf *buf, struct jb_str subject)
{
    jb_buf_put_z(buf, "Subject:");
    if (is_plain(subject)) {
        jb_buf_put_char(buf, ' ');
        jb_buf_put(buf, subject);
    } else {
        put_words(buf, subject);
    }
    jb_buf_put_z(buf, "\r\n");
}

static void put_quoted(struct jb_buf *buf, struct jb_str name)
{
    jb_buf_put_z(buf, " \"");
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == '"' || name.data[i] == '\\')
            jb_buf_put_char(buf, '\\');
        jb_buf_put_char(buf, name.data[i]);
    }
    jb_buf_put_char(buf, '"');
}

static void put_from(struct jb_buf *buf, struct jb_str name, struct jb_str address)
{
    jb_buf_put_z(buf, "From:");
    size_t start = buf->size;
    if (name.size > 0 && is_plain(name))
        put_quoted(buf, name);
    else
        put_words(buf, name);
    if (name.size == 0)
        jb_buf_printf(buf, " %.*s\r\n", JB_FMT(address));
    else
        jb_buf_printf(buf, "%s <%.*s>\r\n", buf->size - start + address.size > 65 ? "\r\n" : "", JB_FMT(address));
}

static void put_date(struct jb_buf *buf, struct jb_time date)
{
    char text[JB_TIME_TEXT_SIZE];
    struct jb_str http = jb_time_http(date, text); /* the same form but for the zone's name */

    jb_buf_printf(buf, "Date: %.*s+0000\r\n", (int)(http.size - 3), http.data);
}

struct jb_str jb__mail_message(struct jb_scope *scope, const struct jb__message *mail)
{
    struct jb_buf buf = JB_BUF_INIT(2 * TEXT_BYTES_MAX);
    struct jb_str text = jb_str_slice(mail->text, 0, TEXT_BYTES_MAX);
    size_t at = jb_str_find_char(mail->from, '@', 0);

    put_from(&buf, mail->from_name, mail->from);
    jb_buf_printf(&buf, "To: %.*s\r\n", JB_FMT(mail->to));
    put_subject(&buf, mail->subject);
    put_date(&buf, mail->date);
    jb_buf_printf(&buf, "Message-ID: <%.*s@%.*s>\r\n", JB_FMT(mail->id), JB_FMT(jb_str_slice(mail->from, at == SIZE_MAX ? 0 : at + 1, mail->from.size)));
    jb_buf_put_z(&buf, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\nAuto-Submitted: auto-generated\r\n\r\n");
    for (size_t from = 0; from < text.size; from += LINE_BYTES) {
        put_base64(&buf, (const unsigned char *)text.data + from, JB_MIN((size_t)LINE_BYTES, text.size - from));
        jb_buf_put_z(&buf, "\r\n");
    }
    struct jb_str message = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return message;
}

bool jb_mail_address_valid(struct jb_str address)
{
    size_t ats = 0, at = 0;

    for (size_t i = 0; i < address.size; i++) {
        unsigned char c = (unsigned char)address.data[i];
        if (c <= 0x20 || c >= 0x7f || strchr("<>()[]\\,;:\"", c))
            return false;
        if (c == '@') {
            ats++;
            at = i;
        }
    }
    return ats == 1 && at > 0 && at + 1 < address.size && address.size <= ADDRESS_MAX;
}
