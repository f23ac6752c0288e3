/* auth.h — the rows of the auth tables, private to web. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_WEB_AUTH_H
#define JB_WEB_AUTH_H

#include "web/web_private.h"

#define JB_PASSWORD_BYTES_MAX 1024
#define JB_PASSWORD_LENGTH_MIN 8
#define JB_TOKEN_SIZE 40

struct auth_group {
    int64_t id;
    struct jb_str name;
};
struct auth_membership {
    int64_t id, user_id, group_id;
};
struct auth_grant {
    int64_t id, user_id, group_id; /* one of the two */
    struct jb_str permission;
};
struct auth_token {
    int64_t id, user_id;
    struct jb_str token_hash;
    struct jb_time created;
};
struct auth_throttle {
    int64_t id;
    struct jb_str subject; /* a hash of "user:…" or "address:…" */
    int64_t failures;
    struct jb_time until; /* the count is forgotten then */
};

#endif
