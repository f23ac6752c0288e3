/* permission.c — may somebody do something? Superusers may all; others what was granted to them or to a group of theirs. Read once per request. */
// SPDX-License-Identifier: Apache-2.0
#include "web/auth.h"
#include <string.h>

struct granted {
    struct jb_str permission;
};
static const struct jb_record granted_record = JB_RECORD(granted, JB_FIELD(granted, permission));

struct jb__tie *jb__tie_of(const struct jb_scope *scope)
{
    return jb_service(scope, JB_SERVICE_WEB);
}

void jb_permissions_use(struct jb_scope *scope, const char *const *permissions)
{
    struct jb__tie *tie = JB_NEW(scope, struct jb__tie);

    tie->permissions = permissions;
    jb_service_set(scope, JB_SERVICE_WEB, tie);
}

/* ---- which names there are ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *ko;
    bool writes;
} verbs[] = {
    { "view", "보기", false },
    { "export", "내보내기", false },
    { "add", "추가", true },
    { "change", "고치기", true },
    { "delete", "삭제", true },
    { "import", "가져오기", true },
};

static struct jb_str permission_name(struct jb_scope *scope, const char *verb, const struct jb_model *model)
{
    struct jb_str name = jb_model_name(model, scope);

    return jb_format(scope, "%s.%s_%.*s", model->app ? model->app : "", verb, JB_FMT(name));
}

bool jb__permission_declared(struct jb_scope *scope, struct jb_str permission)
{
    const struct jb__tie *tie = jb__tie_of(scope);
    struct jb_str names[1000], near;
    size_t count = 0;

    for (const struct jb_model *const *model = jb_db_models(scope); *model; model++)
        for (size_t i = 0; i < JB_COUNT(verbs) && !(*model)->hidden && !(*model)->superusers && count < JB_COUNT(names); i++)
            if (!verbs[i].writes || !(*model)->read_only)
                names[count++] = permission_name(scope, verbs[i].name, *model);
    for (size_t i = 0; tie && tie->permissions && tie->permissions[i] && count < JB_COUNT(names); i++)
        names[count++] = jb_str_of(tie->permissions[i]);
    for (size_t i = 0; i < count; i++)
        if (jb_str_equal(names[i], permission))
            return true;
    near = jb_nearest(permission, names, count);
    if (near.data)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "권한 ‘%.*s’은 없습니다. ‘%.*s’을 뜻했습니까?", "There is no permission '%.*s'; did you mean '%.*s'?"), JB_FMT(permission), JB_FMT(near));
    return jb_fail(scope, JB_INVALID, JB_L(scope, "권한 ‘%.*s’은 없습니다. 보기: cash.import_cashbook.", "There is no permission '%.*s'. Example: cash.import_cashbook."), JB_FMT(permission));
}

/* ---- what somebody has ------------------------------------------------------------------------------------------------------------ */

static struct jb_rows *grants_of(struct jb_scope *scope, int64_t user_id)
{
    return jb_query(scope, JB_SQL("select permission from auth_grant where user_id = ? union select g.permission from auth_grant g join auth_membership m on m.group_id = g.group_id where m.user_id = ?", user_id, user_id), &granted_record);
}

/* A permission that cannot be read is none; the failure stays in the scope. */
static bool granted(struct jb_scope *scope, struct jb__request_state *state, int64_t user_id, struct jb_str permission)
{
    const struct jb_rows *rows = state ? state->grants : NULL;

    if (!rows)
        rows = grants_of(state ? state->req->http->scope : scope, user_id);
    if (!rows)
        return state && state->req->http->scope != scope ? jb_failure_pass(state->req->http->scope, scope) : false;
    if (state)
        state->grants = rows;
    for (JB_EACH_ROW(rows, struct granted, row))
        if (jb_str_equal(row->permission, permission))
            return true;
    return false;
}

/* A permission that no declaration gives: of a model that only the program writes. */
static bool writes_read_only(struct jb_scope *scope, struct jb_str permission)
{
    for (const struct jb_model *const *model = jb_db_models(scope); *model; model++)
        for (size_t i = 0; i < JB_COUNT(verbs) && (*model)->read_only; i++)
            if (verbs[i].writes && jb_str_equal(permission_name(scope, verbs[i].name, *model), permission))
                return true;
    return false;
}

bool jb_may(struct jb_scope *scope, struct jb_str permission)
{
    const struct jb_user *actor = jb_actor(scope);
    struct jb__tie *tie = jb__tie_of(scope);
    struct jb__request_state *state = tie && tie->state && tie->state->user.id == actor->id ? tie->state : NULL;

    if (writes_read_only(scope, permission))
        return false;
    if (actor->superuser)
        return true;
    return actor->id != 0 && granted(scope, state, actor->id, permission);
}

static bool is_writing(const char *verb)
{
    for (size_t i = 0; i < JB_COUNT(verbs); i++)
        if (verbs[i].writes && strcmp(verbs[i].name, verb) == 0)
            return true;
    return false;
}

bool jb_may_model(struct jb_scope *scope, const char *verb, const struct jb_model *model)
{
    if (model->superusers)
        return jb_actor(scope)->superuser && !(model->read_only && is_writing(verb));
    return jb_may(scope, permission_name(scope, verb, model));
}

/* "현금출납부 가져오기", "import cash book"; the bare name for what apps declare. */
static struct jb_str permission_label(struct jb_scope *scope, struct jb_str permission)
{
    for (const struct jb_model *const *model = jb_db_models(scope); *model; model++)
        for (size_t i = 0; i < JB_COUNT(verbs); i++)
            if (jb_str_equal(permission_name(scope, verbs[i].name, *model), permission)) {
                struct jb_str label = jb_model_label(*model, scope);
                if (jb_language(scope) == JB_KO)
                    return jb_format(scope, "%.*s %s", JB_FMT(label), verbs[i].ko);
                return jb_format(scope, "%s: %s", (*model)->label_en ? (*model)->label_en : jb_cstr(scope, label), verbs[i].name);
            }
    return permission;
}

bool jb_require(struct jb_scope *scope, struct jb_str permission)
{
    if (jb_may(scope, permission))
        return true;
    if (jb_failure(scope))
        return false;
    struct jb_str label = permission_label(scope, permission);
    if (writes_read_only(scope, permission))
        return jb_fail(scope, JB_DENIED, JB_L(scope, "‘%.*s’: 아무도 할 수 없습니다. 이 표는 프로그램만 씁니다.", "\"%.*s\" is for nobody: only the program writes this table."), JB_FMT(label));
    return jb_fail(scope, JB_DENIED, JB_L(scope, "이 일을 할 권한이 없습니다. ‘%.*s’ 권한을 관리자에게 부탁하세요.", "You may not do this. Ask an administrator for \"%.*s\"."), JB_FMT(label));
}
