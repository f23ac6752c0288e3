/* auth_models.c — the tables of people and what they may do. Hidden from admin, API and import: they change through `jangbu user`. */
// SPDX-License-Identifier: Apache-2.0
#include "web/auth.h"

const struct jb_model jb_auth_user = {
    .app = "auth",
    .reads = JB_READS_PRIMARY,
    .name = "user",
    .label = "사용자",
    .label_en = "Users",
    .title = "username",
    .order = "username",
    .hidden = true,
    .table = "jb_user", /* a database may have an auth_user and an auth_group of Django's */
    .record = JB_RECORD(auth_user,
        JB_FIELD(auth_user, id, .primary = true),
        JB_FIELD(auth_user, username, .label = "아이디", .label_en = "Name", .required = true, .unique = true, .length_max = 150),
        JB_FIELD(auth_user, password, .label = "비밀번호", .label_en = "Password", .required = true, .secret = true, .length_max = 200),
        JB_FIELD(auth_user, name, .label = "이름", .label_en = "Shown name", .length_max = 150),
        JB_FIELD(auth_user, email, .label = "전자우편", .label_en = "Mail", .length_max = 254),
        JB_FIELD(auth_user, active, .label = "쓸 수 있음", .label_en = "Active", .default_text = "true"),
        JB_FIELD(auth_user, staff, .label = "직원", .label_en = "Staff"),
        JB_FIELD(auth_user, superuser, .label = "모든 권한", .label_en = "Superuser"),
        JB_FIELD(auth_user, language, .label = "언어", .label_en = "Language", .length_max = 2),
        JB_FIELD(auth_user, date_joined, .label = "가입", .label_en = "Joined", .auto_now_add = true)),
};

const struct jb_model jb_auth_group = {
    .app = "auth",
    .reads = JB_READS_PRIMARY,
    .name = "group",
    .label = "그룹",
    .label_en = "Groups",
    .title = "name",
    .hidden = true,
    .table = "jb_group",
    .record = JB_RECORD(auth_group,
        JB_FIELD(auth_group, id, .primary = true),
        JB_FIELD(auth_group, name, .label = "이름", .required = true, .unique = true, .length_max = 150)),
};

const struct jb_model jb_auth_membership = {
    .app = "auth",
    .reads = JB_READS_PRIMARY,
    .name = "membership",
    .label = "그룹에 든 사람",
    .label_en = "Memberships",
    .uniques = "user_id group_id",
    .indexes = "group_id",
    .hidden = true,
    .record = JB_RECORD(auth_membership,
        JB_FIELD(auth_membership, id, .primary = true),
        JB_FIELD(auth_membership, user_id, .required = true, .references = &jb_auth_user, .on_delete = JB_CASCADE),
        JB_FIELD(auth_membership, group_id, .required = true, .references = &jb_auth_group, .on_delete = JB_CASCADE)),
};

const struct jb_model jb_auth_grant = {
    .app = "auth",
    .reads = JB_READS_PRIMARY,
    .name = "permission",
    .label = "권한",
    .label_en = "Permissions",
    .uniques = "user_id permission, group_id permission",
    .hidden = true,
    .record = JB_RECORD(auth_grant,
        JB_FIELD(auth_grant, id, .primary = true),
        JB_FIELD(auth_grant, user_id, .references = &jb_auth_user, .on_delete = JB_CASCADE),
        JB_FIELD(auth_grant, group_id, .references = &jb_auth_group, .on_delete = JB_CASCADE),
        JB_FIELD(auth_grant, permission, .required = true, .length_max = 200)),
};

const struct jb_model jb_auth_token = {
    .app = "auth",
    .reads = JB_READS_PRIMARY,
    .name = "token",
    .label = "토큰",
    .label_en = "Tokens",
    .indexes = "user_id",
    .hidden = true,
    .record = JB_RECORD(auth_token,
        JB_FIELD(auth_token, id, .primary = true),
        JB_FIELD(auth_token, user_id, .required = true, .references = &jb_auth_user, .on_delete = JB_CASCADE),
        JB_FIELD(auth_token, token_hash, .required = true, .unique = true, .length_max = 64, .secret = true),
        JB_FIELD(auth_token, created, .auto_now_add = true)),
};

const struct jb_model jb_auth_throttle = {
    .app = "auth",
    .name = "throttle",
    .label = "로그인 시도",
    .label_en = "Sign-in attempts",
    .live = true,
    .hidden = true,
    .indexes = "until",
    .record = JB_RECORD(auth_throttle,
        JB_FIELD(auth_throttle, id, .primary = true),
        JB_FIELD(auth_throttle, subject, .required = true, .unique = true, .length_max = 80),
        JB_FIELD(auth_throttle, failures),
        JB_FIELD(auth_throttle, until)),
};
