/* main.c — from argv to one command and its exit status. */
// SPDX-License-Identifier: Apache-2.0
#include "app/command.h"
#include "base/log.h"
#include "run/run.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif
#include <sys/stat.h>
#include <unistd.h>

#ifndef JB_VERSION
#error "meson.build passes JB_VERSION"
#endif

struct running {
    struct jb_program *program;
    struct jb_scope *stop; /* of the fiber that waits for Ctrl-C */
    int status;
};

static void cancel_on_stop(void *arg)
{
    struct running *running = arg;
    if (jb_wait_stop(running->stop) && !running->program->stops_itself)
        jb_cancel(running->program->scope);
}

static void run_on_fiber(void *arg)
{
    struct running *running = arg;
    jb_fiber_start("stop", cancel_on_stop, running);
    running->status = running->program->command->run(running->program);
    jb_cancel(running->stop);
}

/* A worker writes celery.log, everything else django.log (V1). */
static bool open_log(struct jb_program *program)
{
    const struct jb_config *config = &program->config;
    struct jb_scope *scope = program->scope;
    struct jb_log_options options = { .json = jb_str_is(config->log_format, "json"), .file_bytes_max = (int64_t)50 << 20, .keep = 5 };
    struct jb_str file = jb__option(program, "logfile");

    JB_CHECK(jb_log_level_parse(config->log_level, &options.level));
    if (!file.data && config->log_dir.data) {
        const char *folder = jb_cstr(scope, config->log_dir);
        if (mkdir(folder, 0750) != 0 && access(folder, W_OK) != 0)
            return jb_fail(scope, JB_UNAVAILABLE, JB_L(scope, "설정 LOG_DIR=%s: 이 폴더에 쓸 수 없습니다.", "setting LOG_DIR=%s: cannot write to this folder."), folder);
        file = jb_format(scope, "%s/%s", folder, strcmp(program->command->name, "worker") == 0 ? "celery.log" : "django.log");
    }
    options.file = file.data ? jb_cstr(scope, file) : NULL;
    jb_log_open(&options);
    return true;
}

static bool open_program(struct jb_program *program)
{
    struct jb_config_given given = {
        .config_file = jb__option(program, "config"),
        .database_url = jb__option(program, "database"),
        .cache_url = jb__option(program, "cache"),
        .broker_url = jb__option(program, "broker"),
        .log_level = jb__option(program, "loglevel").data ? jb__option(program, "loglevel") : jb__option(program, "log-level"),
    };
    if (given.log_level.data && jb_str_equal_nocase(given.log_level, JB_STR("warn")))
        given.log_level = JB_STR("warning");
    if (!jb_config_read(program->scope, &given, &program->config))
        return false;
    program->config.tables = jb__option(program, "tables");
    jb_language_set(program->scope, jb_str_is(program->config.language, "en") ? JB_EN : JB_KO);
    program->json = jb__flag(program, "json");
    program->color = !jb__flag(program, "no-color") && !getenv("NO_COLOR") && isatty(STDERR_FILENO);
    return open_log(program) && jb_fault_open(program->scope);
}

/* Before the settings are read (help, wrong usage) the environment alone says the language. */
static void guess_language(struct jb_scope *scope)
{
    const char *language = getenv("LANGUAGE");
    jb_language_set(scope, language && strcmp(language, "en") == 0 ? JB_EN : JB_KO);
}

static int run_command(struct jb_program *program)
{
    if (!open_program(program))
        return jb__command_failed(program);
    if (program->command->plain)
        return program->command->run(program);

    struct running running = { program, jb_scope_new("stop"), 70 };
    jb_signals_open();
    jb_loop_run(run_on_fiber, &running);
    jb_scope_end(running.stop);
    return running.status;
}

static int run_program(struct jb_program *program, int argc, char **argv)
{
    if (!jb__command_parse(program, argc, argv))
        return jb__command_misused(program);
    if (jb__flag(program, "version")) {
        printf("jangbu %s\n", JB_VERSION);
        return 0;
    }
    if (jb__flag(program, "help")) {
        jb__command_help(program, program->command);
        return 0;
    }
    if (!program->command) {
        jb__command_help(program, NULL);
        return 2;
    }
    return run_command(program);
}

int jb_main(int argc, char **argv, const struct jb_site *site)
{
    struct jb_program *program = calloc(1, sizeof *program);
    JB_CHECK(program);
    program->site = site;
    program->path = argv[0];
    program->scope = jb_scope_new("command");
#if defined(__linux__)
    prctl(PR_SET_NAME, "jangbu"); /* a child of up was started as /proc/self/exe, and would be called "exe" */
#endif
    guess_language(program->scope);

    int status = run_program(program, argc, argv);
    jb_scope_end(program->scope);
    free(program);
    if (fflush(stdout) != 0 && status == 0)
        status = 70;
    return status;
}
