/* notify_private.h — what mail.c and message.c share. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_NOTIFY_PRIVATE_H
#define JB_NOTIFY_PRIVATE_H

#include "notify/notify.h"

struct jb_notify {
    char *host, *user, *password, *from;
    int port, timeout_s;
    bool use_tls;
};

/* message.c: one RFC 5322 message with CRLF line ends; the scope owns it. */
struct jb_mail {
    struct jb_str from, to, subject, text;
    struct jb_time date;
    const char *id; /* of the Message-ID, before the @ */
};
struct jb_str jb__mail_message(struct jb_scope *scope, const struct jb_mail *mail);
/* One address without a name: "a@example.com", ASCII, nothing that could end a header or an SMTP command. */
bool jb__mail_address_valid(struct jb_str address);

#endif
