/* check.c — said once, checked before the door opens: every name in every declaration resolves.
 *
 * The checks themselves stand where the declarations are read (store, transfer, queue, admin, web): opening the site is the check, at every start too. */
// SPDX-License-Identifier: Apache-2.0
#include "app/command.h"
#include "app/health.h"
#include "app/site.h"
#include <stdio.h>

static bool report(struct jb_program *program, const char *what, bool ok, struct jb_str reason)
{
    if (program->json)
        printf("{\"check\":\"%s\",\"ok\":%s}\n", what, ok ? "true" : "false");
    else
        printf("%-12s %s\n", what, ok ? "OK" : "FAIL");
    if (!ok)
        fprintf(stderr, "%s: %.*s\n", what, JB_FMT(reason));
    return ok;
}

static bool folder_writable(struct jb_scope *scope)
{
    struct jb_spool *spool = jb_spool_open(scope, JB_STR("check.csv"));
    return spool && jb_spool_write(spool, scope, "x", 1);
}

/* Settings that are fine on a laptop and wrong in front of people. */
static bool settings_fit(struct jb_program *program)
{
    struct jb_scope *scope = program->scope;
    const struct jb_config *config = &program->config;

    if (config->debug)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "DEBUG=true입니다. 끄세요.", "DEBUG is true. Turn it off."));
    if (jb_str_find(config->allowed_hosts, JB_STR("*"), 0) == 0 && config->allowed_hosts.size == 1)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "ALLOWED_HOSTS=*입니다. 쓰는 이름만 적으세요.", "ALLOWED_HOSTS is *. List the names that you use."));
    return true;
}

static int check_deploy(struct jb_program *program)
{
    struct jb_health parts[JB_HEALTH_PARTS];
    struct jb_scope *scope = program->scope;
    bool all = true, ok;

    ok = settings_fit(program);
    all &= report(program, "SETTINGS", ok, ok ? JB_STR_NULL : jb_failure_text(scope));
    jb_failure_clear(scope);
    ok = jb__site_migrated(scope);
    all &= report(program, "MIGRATIONS", ok, ok ? JB_STR_NULL : jb_failure_text(scope));
    jb_failure_clear(scope);
    ok = folder_writable(scope);
    all &= report(program, "SPOOL", ok, ok ? JB_STR_NULL : jb_failure_text(scope));
    jb_failure_clear(scope);
    jb__health(scope, parts);
    for (int i = 0; i < JB_HEALTH_PARTS; i++)
        all &= report(program, parts[i].name, parts[i].ok, parts[i].reason);
    return all ? 0 : 1;
}

int jb__command_check(struct jb_program *program)
{
    struct jb_scope *scope = program->scope;
    struct jb_runtime *runtime;
    size_t models = 0;

    if (!jb_config_public(scope, &program->config) || !(runtime = jb__site_open(scope, program->site, &program->config)) || !jb__site_open_web(scope, runtime))
        return jb__command_failed(program);
    while (runtime->models[models])
        models++;
    if (jb__flag(program, "deploy"))
        return check_deploy(program);
    if (program->json)
        printf("{\"ok\":true,\"models\":%zu}\n", models);
    else
        printf(JB_L(scope, "선언이 모두 맞습니다: 모델 %zu개.\n", "All declarations are sound: %zu models.\n"), models);
    return 0;
}
