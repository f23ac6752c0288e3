/* notify.h — messages to people: mail by SMTP (libcurl), or to the log when no mail host is set. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_NOTIFY_NOTIFY_H
#define JB_NOTIFY_NOTIFY_H

#include "base/scope.h"

struct jb_mail_options {
    struct jb_str host; /* NULL: mail goes to the log */
    int port;           /* 0: 587 with TLS, otherwise 25 */
    struct jb_str user, password, from;
    bool use_tls;  /* STARTTLS, required */
    int timeout_s; /* 0: 20 */
};
struct jb_notify;
struct jb_notify *jb_notify_new(struct jb_scope *scope, const struct jb_mail_options *mail);
void jb_notify_free(struct jb_notify *notify);
void jb_notify_use(struct jb_scope *scope, struct jb_notify *notify);

/* One UTF-8 text mail, RFC 5322/2047; to: "a@example.com" or several separated by commas. UNAVAILABLE when the server cannot be reached, INVALID for a bad address. Blocks no loop. */
bool jb_mail_send(struct jb_scope *scope, struct jb_str to, struct jb_str subject, struct jb_str text);

#endif
