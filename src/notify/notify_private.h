/* notify_private.h — what mail.c and message.c share. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_NOTIFY_PRIVATE_H
#define JB_NOTIFY_PRIVATE_H

#include "notify/notify.h"

struct jb_notify {
    char *host, *user, *password, *ca, *from, *from_name; /* from: the address alone; from_name: NULL for none */
    int port, timeout_s;
    bool use_tls, use_ssl;
};

/* message.c: one RFC 5322 message with CRLF line ends; the scope owns it. */
struct jb__message {
    struct jb_str from, from_name, to, subject, text;
    struct jb_time date;
    struct jb_str id; /* of the Message-ID, before the @ */
};
struct jb_str jb__mail_message(struct jb_scope *scope, const struct jb__message *mail);

#endif
