/* test_command.c — the command line: options before and after, values, suggestions. */
// SPDX-License-Identifier: Apache-2.0
#include "app/command.h"
#include "jb_test.h"
#include <string.h>

static bool parse(struct jb_program *program, struct jb_scope *scope, int argc, const char *const *argv)
{
    static char words[16][64];
    char *copies[16];

    memset(program, 0, sizeof *program);
    program->scope = scope;
    jb_language_set(scope, JB_EN);
    for (int i = 0; i < argc; i++) {
        strncpy(words[i], argv[i], sizeof words[i] - 1);
        copies[i] = words[i];
    }
    return jb__command_parse(program, argc, copies);
}
#define PARSE(...) parse(&program, scope, (int)JB_COUNT(((const char *const[]){ __VA_ARGS__ })), (const char *const[]){ __VA_ARGS__ })

JB_TEST("options stand before or after the command")
{
    struct jb_program program;

    CHECK_OK(PARSE("jangbu", "--json", "--database", "sqlite:///a.db", "import", "cash.cashbook", "a.xlsx", "--mode", "insert"));
    CHECK_TEXT(jb_str_of(program.command->name), "import");
    CHECK_INT(program.argument_count, 2);
    CHECK_TEXT(program.arguments[1], "a.xlsx");
    CHECK_TEXT(jb__option(&program, "mode"), "insert");
    CHECK_TEXT(jb__option(&program, "database"), "sqlite:///a.db");
    CHECK(jb__flag(&program, "json"));
    CHECK(!jb__flag(&program, "dry-run"));
}

JB_TEST("a value stands behind = or as the next word, short options may be joined")
{
    struct jb_program program;
    int64_t concurrency;

    CHECK_OK(PARSE("jangbu", "worker", "-c4", "-Q", "a,b", "--loglevel=info"));
    CHECK_OK(jb__option_int(&program, "concurrency", 1, 10, 1, &concurrency));
    CHECK_INT(concurrency, 4);
    CHECK_TEXT(jb__option(&program, "queues"), "a,b");
    CHECK_TEXT(jb__option(&program, "loglevel"), "info");
}

JB_TEST("an unknown command or option suggests the nearest")
{
    struct jb_program program;

    CHECK(!PARSE("jangbu", "imprt"));
    CHECK_TEXT(jb_failure_text(scope), "there is no command 'imprt'. Did you mean 'import'?");
    jb_failure_clear(scope);
    CHECK(!PARSE("jangbu", "import", "cash.cashbook", "a.xlsx", "--dry-rnu"));
    CHECK_TEXT(jb_failure_text(scope), "there is no option '--dry-rnu'. Did you mean '--dry-run'?");
}

JB_TEST("wrong numbers of arguments, missing values and values of flags are refused")
{
    struct jb_program program;

    CHECK_FAILS(PARSE("jangbu", "import", "cash.cashbook"), JB_INVALID);
    CHECK_FAILS(PARSE("jangbu", "import", "a", "b", "c"), JB_INVALID);
    CHECK_FAILS(PARSE("jangbu", "serve", "--listen"), JB_INVALID);
    CHECK_FAILS(PARSE("jangbu", "migrate", "--plan=yes"), JB_INVALID);
    CHECK_OK(PARSE("jangbu", "import", "--help"));
}

JB_TEST("numbers outside their range are refused with the range")
{
    struct jb_program program;
    int64_t number = 7;

    CHECK_OK(PARSE("jangbu", "worker", "--concurrency", "0"));
    CHECK_FAILS(jb__option_int(&program, "concurrency", 1, 10, 1, &number), JB_INVALID);
    CHECK_INT(number, 7);
}

JB_TEST("a repeated option keeps all its values")
{
    struct jb_program program;

    CHECK_OK(PARSE("jangbu", "serve", "--listen", "a:1", "--listen", "b:2"));
    CHECK_TEXT(jb__option_at(&program, "listen", 0), "a:1");
    CHECK_TEXT(jb__option_at(&program, "listen", 1), "b:2");
    CHECK(!jb__option_at(&program, "listen", 2).data);
    CHECK_TEXT(jb__option(&program, "listen"), "b:2");
}

JB_TEST("every command has a summary, a manual and options that are described, in both languages")
{
    for (const struct jb_command *command = jb__commands; command->name; command++) {
        CHECK(command->run && command->summary.ko && command->summary.en);
        CHECK(strlen(command->manual.ko) > 20 && strlen(command->manual.en) > 20);
        for (const struct jb_option *option = command->options; option && option->name; option++)
            CHECK(option->help.ko && option->help.en);
    }
    CHECK_OK(scope != NULL);
}
