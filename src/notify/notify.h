/* notify.h — messages to people: mail by SMTP (libcurl), or to the log when no mail host is set. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_NOTIFY_NOTIFY_H
#define JB_NOTIFY_NOTIFY_H

#include "base/scope.h"

struct jb_mail_options {
    struct jb_str host; /* NULL: mail goes to the log */
    int port;           /* 0: 587 with STARTTLS, 465 with TLS from the start, otherwise 25 */
    struct jb_str user, password;
    struct jb_str from; /* "books@example.com" or "장부 <books@example.com>" */
    bool use_tls;       /* STARTTLS, required */
    bool use_ssl;       /* TLS from the first byte */
    struct jb_str ca;   /* file of the authorities that its certificate is checked against; NULL: the system's */
    int timeout_s;      /* 0: 20 */
};
struct jb_notify;
struct jb_notify *jb_notify_new(struct jb_scope *scope, const struct jb_mail_options *mail);
void jb_notify_free(struct jb_notify *notify);
void jb_notify_use(struct jb_scope *scope, struct jb_notify *notify);

struct jb_mail {
    struct jb_str to; /* "a@example.com", or several separated by commas */
    struct jb_str subject, text;
    struct jb_str id; /* first part of the Message-ID, an RFC 5322 dot-atom: the same at every attempt, so that a mail which arrives twice is known as one. NULL: random */
};
/* One UTF-8 text mail, RFC 5322/2047. UNAVAILABLE when the server cannot be reached or lets us not in, INVALID for what it refuses for good. Blocks no loop. */
#define jb_mail_send(scope, ...) jb_mail_send_with((scope), &(struct jb_mail){ __VA_ARGS__ })
bool jb_mail_send_with(struct jb_scope *scope, const struct jb_mail *mail);

/* One address without a name: "a@example.com", ASCII, nothing that could end a header or an SMTP command. */
bool jb_mail_address_valid(struct jb_str address);

#endif
