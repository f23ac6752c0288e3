/* command_migrate.c — tables follow the models, from the command line. */
// SPDX-License-Identifier: Apache-2.0
#include "app/command.h"
#include "app/site.h"
#include "base/json.h"
#include <stdio.h>

static const struct hold {
    const char *name, *ko, *en;
} holds[] = {
    [JB_HOLD_NONE] = { "none", "아무도 기다리지 않음", "nobody waits" },
    [JB_HOLD_MOMENT] = { "moment", "그 표를 쓰는 이들이 잠깐 기다림", "users of the table wait for a moment" },
    [JB_HOLD_WRITERS] = { "writers", "끝날 때까지 쓰는 이가 기다림", "writers wait until it is done" },
    [JB_HOLD_ALL] = { "all", "끝날 때까지 그 표를 읽고 쓰는 이가 기다림", "readers and writers of the table wait until it is done" },
};

static const char *kept(struct jb_program *program, const struct jb_migration_step *step)
{
    return step->destructive ? JB_L(program->scope, " (--allow-drop이 없어 하지 않음)", " (not without --allow-drop)") : "";
}

/* "! " before what this run will not do, and what one should know. */
static void print_text(struct jb_program *program, const struct jb_migration_step *step)
{
    const struct hold *hold = &holds[step->hold];
    bool left = step->by_hand || (step->destructive && !jb__flag(program, "allow-drop"));

    if (step->sql.size == 0) {
        printf("! %.*s\n", JB_FMT(step->reason));
        return;
    }
    printf("%s%.*s%s [%s]\n    %.*s\n", left ? "! " : "", JB_FMT(step->reason), left ? kept(program, step) : "", JB_L(program->scope, hold->ko, hold->en), JB_FMT(step->sql));
}

static void print_json(const struct jb_migration_step *step)
{
    struct jb_buf buf = JB_BUF_INIT(1 << 20);
    struct jb_json_writer writer;

    jb_json_start(&writer, &buf);
    jb_json_object(&writer);
    jb_json_put(&writer, "reason", jb_v(step->reason));
    jb_json_put(&writer, "sql", jb_v(step->sql));
    jb_json_put(&writer, "hold", jb_v(jb_str_of(holds[step->hold].name)));
    jb_json_put(&writer, "destructive", jb_v_bool(step->destructive));
    jb_json_put(&writer, "by_hand", jb_v_bool(step->by_hand));
    jb_json_object_end(&writer);
    printf("%.*s\n", JB_FMT(jb_buf_str(&buf)));
    jb_buf_done(&buf);
}

static int show_plan(struct jb_program *program, const struct jb_migration_step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (program->json)
            print_json(&steps[i]);
        else
            print_text(program, &steps[i]);
    return jb__flag(program, "check") && !jb__site_migrated(program->scope) ? jb_error_exit(JB_CONFLICT) : 0;
}

/* What is left as it is, each time again, so that nobody forgets it. */
static void print_left(struct jb_program *program, const struct jb_migration_step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if ((steps[i].by_hand && steps[i].sql.size > 0) || (steps[i].destructive && !jb__flag(program, "allow-drop")))
            printf("! %.*s%s\n", JB_FMT(steps[i].reason), kept(program, &steps[i]));
}

int jb__command_migrate(struct jb_program *program)
{
    struct jb_scope *scope = program->scope;
    struct jb_migrate_options options = { .allow_drop = jb__flag(program, "allow-drop") };
    struct jb_migration_step *steps;
    size_t count, done;

    if (!jb__site_open(scope, program->site, &program->config) || !jb_migrate_plan(scope, &steps, &count))
        return jb__command_failed(program);
    if (jb__flag(program, "plan") || jb__flag(program, "check"))
        return show_plan(program, steps, count);
    if (!jb_migrate_with(scope, &options, &done))
        return jb__command_failed(program);
    if (program->json) {
        printf("{\"done\":%zu}\n", done);
        return 0;
    }
    print_left(program, steps, count);
    if (done == 0)
        puts(JB_L(scope, "표가 이미 모델과 같습니다.", "The tables follow the models already."));
    else
        printf(JB_L(scope, "%zu가지를 맞추었습니다.\n", "%zu changes made.\n"), done);
    return 0;
}
