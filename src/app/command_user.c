/* command_user.c — user add|password|email|grant|token|list. */
// SPDX-License-Identifier: Apache-2.0
#include "app/command.h"
#include "app/site.h"
#include "base/json.h"
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define PASSWORD_CHARACTERS_MIN 8

/* One line of stdin without its end; from a terminal without echo. */
static bool read_line(struct jb_program *program, struct jb_str *ret_line)
{
    struct jb_scope *scope = program->scope;
    char line[1024];
    struct termios before;
    bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;

    if (terminal) {
        struct termios silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
        fputs(JB_L(scope, "비밀번호: ", "Password: "), stderr);
    }
    bool ready = jb__command_wait_stdin(scope), got = ready && fgets(line, sizeof line, stdin) != NULL;
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    if (!ready)
        return false;
    if (!got)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "비밀번호를 읽지 못했습니다. 표준 입력의 첫 줄에 적으세요.", "no password was read. Give it on the first line of stdin."));
    line[strcspn(line, "\r\n")] = 0;
    *ret_line = jb_copy(scope, jb_str_of(line));
    return true;
}

static bool read_password(struct jb_program *program, struct jb_str *ret_password)
{
    struct jb_scope *scope = program->scope;
    struct jb_str password;

    if (!jb__flag(program, "password-stdin") && !isatty(STDIN_FILENO))
        return jb_fail(scope, JB_INVALID, JB_L(scope, "--password-stdin을 적고 비밀번호를 표준 입력으로 주세요.", "give --password-stdin and the password on stdin."));
    if (!read_line(program, &password))
        return false;
    if (jb_utf8_count(password) < PASSWORD_CHARACTERS_MIN)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "비밀번호가 너무 짧습니다. 8자 이상으로 하세요.", "the password is too short. Use 8 characters or more."));
    *ret_password = password;
    return true;
}

static bool list_users(struct jb_program *program)
{
    struct jb_scope *scope = program->scope;
    struct jb_rows *users = jb_select(scope, &jb_auth_user, .order = JB_STR("username"));

    if (!users)
        return false;
    for (JB_EACH_ROW(users, struct auth_user, user)) {
        if (!program->json) {
            printf("%.*s%s%s%s\n", JB_FMT(user->username), user->staff ? " staff" : "", user->superuser ? " superuser" : "", user->active ? "" : " inactive");
            continue;
        }
        struct jb_buf buf = JB_BUF_INIT(65536);
        struct jb_json_writer writer;
        jb_json_start(&writer, &buf);
        jb_json_object(&writer);
        jb_json_put(&writer, "username", jb_v(user->username));
        jb_json_put(&writer, "staff", jb_v(user->staff));
        jb_json_put(&writer, "superuser", jb_v(user->superuser));
        jb_json_put(&writer, "active", jb_v(user->active));
        jb_json_object_end(&writer);
        printf("%.*s\n", JB_FMT(jb_buf_str(&buf)));
        jb_buf_done(&buf);
    }
    return true;
}

static bool add_user(struct jb_program *program, struct jb_str name)
{
    struct jb_str password;
    int64_t id;
    bool superuser = jb__flag(program, "superuser");

    if (!read_password(program, &password) || !jb_user_add(program->scope, name, password, superuser || jb__flag(program, "staff"), superuser, &id))
        return false;
    if (program->json)
        printf("{\"id\":%lld}\n", (long long)id);
    else
        printf(JB_L(program->scope, "%.*s 사용자를 만들었습니다.\n", "User %.*s added.\n"), JB_FMT(name));
    return true;
}

static bool grant(struct jb_program *program, struct jb_str name)
{
    struct jb_scope *scope = program->scope;

    if (program->argument_count < 3)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "권한을 적으세요: cash.view_cashbook", "give a permission: cash.view_cashbook"));
    for (size_t i = 2; i < program->argument_count; i++)
        if (!jb_user_grant(scope, name, program->arguments[i]))
            return false;
    return true;
}

static bool set_email(struct jb_program *program, struct jb_str name)
{
    struct jb_scope *scope = program->scope;
    struct jb_str address = program->arguments[2];

    if (program->argument_count != 3 || !jb_mail_address_valid(address))
        return jb_fail(scope, JB_INVALID, JB_L(scope, "메일 주소 하나를 적으세요: jangbu user email %.*s name@example.com", "give one mail address: jangbu user email %.*s name@example.com"), JB_FMT(name));
    return jb_user_email(scope, name, address);
}

static bool make_token(struct jb_program *program, struct jb_str name)
{
    struct jb_str token;

    if (!jb_user_token(program->scope, name, &token))
        return false;
    if (program->json)
        printf("{\"token\":\"%.*s\"}\n", JB_FMT(token));
    else
        printf("%.*s\n", JB_FMT(token));
    return true;
}

static bool is_verb(struct jb_str verb)
{
    return jb_str_is(verb, "add") || jb_str_is(verb, "password") || jb_str_is(verb, "email") || jb_str_is(verb, "grant") || jb_str_is(verb, "token");
}

static bool run_verb(struct jb_program *program, struct jb_str verb, struct jb_str name)
{
    struct jb_scope *scope = program->scope;
    struct jb_str password;

    if (jb_str_is(verb, "list"))
        return list_users(program);
    if (name.size == 0 && is_verb(verb))
        return jb_fail(scope, JB_INVALID, JB_L(scope, "사용자 이름을 적으세요: jangbu user %.*s 이름", "give the user's name: jangbu user %.*s NAME"), JB_FMT(verb));
    if (jb_str_is(verb, "add"))
        return add_user(program, name);
    if (jb_str_is(verb, "password"))
        return read_password(program, &password) && jb_user_password(scope, name, password);
    if (jb_str_is(verb, "email"))
        return set_email(program, name);
    if (jb_str_is(verb, "grant"))
        return grant(program, name);
    if (jb_str_is(verb, "token"))
        return make_token(program, name);
    return jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’: add, password, email, grant, token, list 가운데 하나를 적으세요.", "'%.*s': give one of add, password, email, grant, token, list."), JB_FMT(verb));
}

int jb__command_user(struct jb_program *program)
{
    struct jb_scope *scope = program->scope;
    struct jb_runtime *runtime;

    /* web knows which permissions there are */
    if (!jb_config_secret(scope, &program->config) || !(runtime = jb__site_open(scope, program->site, &program->config)) || !jb__site_open_web(scope, runtime) ||
        !jb__site_migrated(scope) || !run_verb(program, program->arguments[0], program->arguments[1]))
        return jb__command_failed(program);
    return 0;
}
