/* command.c — reads the command line by the table and prints help from it. */
// SPDX-License-Identifier: Apache-2.0
#include "app/command.h"
#include "run/run.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- looking up --------------------------------------------------------------------------------------------------------- */

static const struct jb_command *find_command(struct jb_str name)
{
    for (const struct jb_command *command = jb__commands; command->name; command++)
        if (jb_str_is(name, command->name))
            return command;
    return NULL;
}

static const struct jb_option *find_option(const struct jb_option *options, struct jb_str name, char letter)
{
    for (; options && options->name; options++)
        if (letter ? options->letter == letter : jb_str_is(name, options->name))
            return options;
    return NULL;
}

static bool fail_unknown_command(struct jb_program *program, struct jb_str name)
{
    struct jb_scope *scope = program->scope;
    struct jb_str names[32];
    size_t count = 0;
    for (const struct jb_command *command = jb__commands; command->name && count < JB_COUNT(names); command++)
        names[count++] = jb_str_of(command->name);

    struct jb_str nearest = jb_nearest(name, names, count);
    if (nearest.data)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’ 명령은 없습니다. ‘%.*s’이 맞습니까?", "there is no command '%.*s'. Did you mean '%.*s'?"), JB_FMT(name), JB_FMT(nearest));
    return jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’ 명령은 없습니다. jangbu --help를 보세요.", "there is no command '%.*s'. See jangbu --help."), JB_FMT(name));
}

static bool fail_unknown_option(struct jb_program *program, struct jb_str name)
{
    struct jb_scope *scope = program->scope;
    struct jb_str names[64];
    size_t count = 0;
    for (const struct jb_option *option = jb__global_options; option->name && count < JB_COUNT(names); option++)
        names[count++] = jb_str_of(option->name);
    if (program->command)
        for (const struct jb_option *option = program->command->options; option && option->name && count < JB_COUNT(names); option++)
            names[count++] = jb_str_of(option->name);

    struct jb_str nearest = jb_nearest(name, names, count);
    if (nearest.data)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "‘--%.*s’ 옵션은 없습니다. ‘--%.*s’이 맞습니까?", "there is no option '--%.*s'. Did you mean '--%.*s'?"), JB_FMT(name), JB_FMT(nearest));
    return jb_fail(scope, JB_INVALID, JB_L(scope, "‘--%.*s’ 옵션은 없습니다.", "there is no option '--%.*s'."), JB_FMT(name));
}

/* ---- parsing -------------------------------------------------------------------------------------------------------------- */

static bool give(struct jb_program *program, const struct jb_option *option, struct jb_str value)
{
    if (program->given_count == JB_OPTIONS_MAX)
        return jb_fail(program->scope, JB_INVALID, JB_L(program->scope, "옵션이 너무 많습니다 (64개까지).", "too many options (at most 64)."));
    program->given[program->given_count++] = (struct jb_given){ option, value };
    return true;
}

/* Takes the option at argv[*at] and its value; moves *at to the last word used. */
static bool take_option(struct jb_program *program, int argc, char **argv, int *at)
{
    struct jb_scope *scope = program->scope;
    struct jb_str word = jb_str_of(argv[*at]), value = JB_STR_NULL, name;
    char letter = 0;

    if (word.data[1] == '-') {
        value = jb_str_slice(word, 2, word.size);
        name = jb_str_cut(&value, '=');
    } else {
        letter = word.data[1];
        name = jb_str_slice(word, 1, 2);
        if (word.size > 2)
            value = jb_str_slice(word, 2, word.size);
    }
    const struct jb_option *option = find_option(jb__global_options, name, letter);
    if (!option && program->command)
        option = find_option(program->command->options, name, letter);
    if (!option)
        return fail_unknown_option(program, name);
    if (!option->value && value.data)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "‘--%s’에는 값을 적지 않습니다.", "'--%s' takes no value."), option->name);
    if (option->value && !value.data) {
        if (*at + 1 >= argc)
            return jb_fail(scope, JB_INVALID, JB_L(scope, "‘--%s’에 값이 없습니다 (%s).", "'--%s' needs a value (%s)."), option->name, option->value);
        value = jb_str_of(argv[++*at]);
    }
    return give(program, option, value);
}

/* The command may stand behind global options whose values look like words, so it is found first. */
static const struct jb_command *first_command(int argc, char **argv, int *ret_at)
{
    for (int at = 1; at < argc; at++) {
        struct jb_str word = jb_str_of(argv[at]);
        if (word.size > 1 && word.data[0] == '-') {
            struct jb_str rest = jb_str_slice(word, word.data[1] == '-' ? 2 : 1, word.size);
            const struct jb_option *option = word.data[1] == '-' ? find_option(jb__global_options, rest, 0) : find_option(jb__global_options, rest, rest.data[0]);
            if (option && option->value)
                at++;
            continue;
        }
        *ret_at = at;
        return find_command(word);
    }
    *ret_at = 0;
    return NULL;
}

static bool count_arguments(struct jb_program *program)
{
    struct jb_scope *scope = program->scope;
    const struct jb_command *command = program->command;
    size_t count = program->argument_count;

    if (jb__flag(program, "help") || (count >= (size_t)command->arguments_min && count <= (size_t)command->arguments_max))
        return true;
    return jb_fail(scope, JB_INVALID, JB_L(scope, "이렇게 씁니다: jangbu %s %s", "usage: jangbu %s %s"), command->name, command->arguments);
}

bool jb__command_parse(struct jb_program *program, int argc, char **argv)
{
    int command_at;
    bool only_arguments = false;

    program->command = first_command(argc, argv, &command_at);
    if (!program->command && command_at > 0)
        return fail_unknown_command(program, jb_str_of(argv[command_at]));
    for (int at = 1; at < argc; at++) {
        struct jb_str word = jb_str_of(argv[at]);
        if (at == command_at)
            continue;
        if (!only_arguments && jb_str_is(word, "--")) {
            only_arguments = true;
            continue;
        }
        if (!only_arguments && word.size > 1 && word.data[0] == '-') {
            if (!take_option(program, argc, argv, &at))
                return false;
            continue;
        }
        if (program->argument_count == JB_ARGUMENTS_MAX)
            return jb_fail(program->scope, JB_INVALID, JB_L(program->scope, "인자가 너무 많습니다 (64개까지).", "too many arguments (at most 64)."));
        program->arguments[program->argument_count++] = word;
    }
    return !program->command || count_arguments(program);
}

/* ---- what was given --------------------------------------------------------------------------------------------------------- */

struct jb_str jb__option_at(const struct jb_program *program, const char *name, size_t index)
{
    for (size_t i = 0; i < program->given_count; i++)
        if (strcmp(program->given[i].option->name, name) == 0 && index-- == 0)
            return program->given[i].value;
    return JB_STR_NULL;
}

struct jb_str jb__option(const struct jb_program *program, const char *name)
{
    for (size_t i = program->given_count; i-- > 0;)
        if (strcmp(program->given[i].option->name, name) == 0)
            return program->given[i].value;
    return JB_STR_NULL;
}

bool jb__flag(const struct jb_program *program, const char *name)
{
    for (size_t i = 0; i < program->given_count; i++)
        if (strcmp(program->given[i].option->name, name) == 0)
            return true;
    return false;
}

bool jb__option_int(struct jb_program *program, const char *name, int64_t min, int64_t max, int64_t otherwise, int64_t *ret_number)
{
    struct jb_scope *scope = program->scope;
    struct jb_str text = jb__option(program, name);
    int64_t number;

    if (!text.data) {
        *ret_number = otherwise;
        return true;
    }
    if (!jb_str_to_int64(text, &number) || number < min || number > max)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "‘--%s %.*s’: %lld부터 %lld까지의 수를 적으세요.", "'--%s %.*s': give a number from %lld to %lld."), name, JB_FMT(text), (long long)min, (long long)max);
    *ret_number = number;
    return true;
}

/* ---- help -------------------------------------------------------------------------------------------------------------------- */

static void print_options(const struct jb_program *program, const struct jb_option *options)
{
    for (; options && options->name; options++) {
        char head[64], letter[8] = "";
        if (options->letter)
            snprintf(letter, sizeof letter, "-%c, ", options->letter);
        snprintf(head, sizeof head, "%s--%s%s%s", letter, options->name, options->value ? " " : "", options->value ? options->value : "");
        printf("  %-30s %s\n", head, JB_L(program->scope, options->help.ko, options->help.en));
    }
}

static void print_overview(const struct jb_program *program)
{
    struct jb_scope *scope = program->scope;
    printf("%s\n\n%s\n", JB_L(scope, "jangbu — 사무실과 가게의 장부를 돌보는 서버 하나", "jangbu — one server for the books of offices and shops"),
        JB_L(scope, "이렇게 씁니다: jangbu [옵션] 명령 [인자]", "usage: jangbu [options] command [arguments]"));
    printf("\n%s\n", JB_L(scope, "명령:", "Commands:"));
    for (const struct jb_command *command = jb__commands; command->name; command++)
        printf("  %-16s %s\n", command->name, JB_L(scope, command->summary.ko, command->summary.en));
    printf("\n%s\n", JB_L(scope, "어느 명령에나 쓰는 옵션:", "Options of every command:"));
    print_options(program, jb__global_options);
    printf("\n%s\n", JB_L(scope, "명령마다 설명서가 있습니다: jangbu 명령 --help", "Every command has a manual: jangbu COMMAND --help"));
}

void jb__command_help(const struct jb_program *program, const struct jb_command *command)
{
    struct jb_scope *scope = program->scope;

    if (!command) {
        print_overview(program);
        return;
    }
    printf("jangbu %s %s\n\n%s\n", command->name, command->arguments, JB_L(scope, command->summary.ko, command->summary.en));
    printf("\n%s\n", JB_L(scope, command->manual.ko, command->manual.en));
    if (command->options) {
        printf("\n%s\n", JB_L(scope, "옵션:", "Options:"));
        print_options(program, command->options);
    }
    printf("\n%s\n", JB_L(scope, "어느 명령에나 쓰는 옵션:", "Options of every command:"));
    print_options(program, jb__global_options);
}

int jb__command_help_run(struct jb_program *program)
{
    const struct jb_command *command = NULL;
    if (program->argument_count > 0 && !(command = find_command(program->arguments[0]))) {
        fail_unknown_command(program, program->arguments[0]);
        return jb__command_misused(program);
    }
    jb__command_help(program, command);
    return 0;
}

/* A regular file is always ready, and cannot be waited for. */
bool jb__command_wait_stdin(struct jb_scope *scope)
{
    struct stat info;
    bool waits = isatty(STDIN_FILENO) || (fstat(STDIN_FILENO, &info) == 0 && (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode)));
    return waits ? jb_wait_fd(scope, STDIN_FILENO, JB_WAIT_READ, JB_NEVER) : jb_continue(scope);
}

int jb__command_failed(struct jb_program *program)
{
    struct jb_str text = jb_failure_text(program->scope);
    fprintf(stderr, "jangbu: %.*s\n", JB_FMT(text));
    return jb_error_exit(jb_error(program->scope));
}

int jb__command_misused(struct jb_program *program)
{
    jb__command_failed(program);
    return 2;
}
