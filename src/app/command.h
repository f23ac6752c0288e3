/* command.h — the command line: one table makes parsing, help and suggestions; private to app. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_APP_COMMAND_H
#define JB_APP_COMMAND_H

#include "app/app.h"
#include "app/config.h"

/* A text in both languages. */
struct jb_text {
    const char *ko, *en;
};

struct jb_option {
    const char *name;    /* without -- */
    char letter;         /* 0: none */
    const char *value;   /* what stands for the value in help ("FILE"); NULL: a flag */
    struct jb_text help; /* one line */
};

struct jb_program;

struct jb_command {
    const char *name;
    const char *arguments;           /* "MODEL FILE" */
    struct jb_text summary;          /* one line */
    struct jb_text manual;           /* what it does, examples, exit statuses */
    const struct jb_option *options; /* ends with a NULL name; NULL: none */
    int arguments_min, arguments_max;
    bool plain; /* runs without a loop: supervisors and servers make their own */
    int (*run)(struct jb_program *program);
};

#define JB_OPTIONS_MAX 64
#define JB_ARGUMENTS_MAX 64

struct jb_given {
    const struct jb_option *option;
    struct jb_str value;
};

struct jb_program {
    const struct jb_site *site;
    const char *path; /* argv[0] */
    struct jb_scope *scope;
    struct jb_config config;
    const struct jb_command *command;
    struct jb_given given[JB_OPTIONS_MAX];
    size_t given_count;
    struct jb_str arguments[JB_ARGUMENTS_MAX];
    size_t argument_count;
    bool json, color;
    bool stops_itself; /* Ctrl-C does not cancel `scope`: the command watches for it */
};

extern const struct jb_command jb__commands[];      /* ends with a NULL name */
extern const struct jb_option jb__global_options[]; /* ends with a NULL name */

/* Fills command, given and arguments. Wrong usage fails INVALID; the caller exits with 2. */
bool jb__command_parse(struct jb_program *program, int argc, char **argv);
/* NULL text when it was not given; the last of several. */
struct jb_str jb__option(const struct jb_program *program, const char *name);
bool jb__flag(const struct jb_program *program, const char *name);
/* The number, or `otherwise` when it was not given; fails INVALID outside min…max. */
bool jb__option_int(struct jb_program *program, const char *name, int64_t min, int64_t max, int64_t otherwise, int64_t *ret_number);
/* The index-th value of an option that may be repeated; NULL text past the last. */
struct jb_str jb__option_at(const struct jb_program *program, const char *name, size_t index);
/* The format to write: --format, otherwise by the file's name; fails INVALID, naming those there are. */
bool jb__command_format(struct jb_program *program, struct jb_str file, enum jb_sheet_format *ret_format);
/* Of that full name, among the declarations; NULL: fails NOT_FOUND with the nearest. */
const struct jb_model *jb__command_model(struct jb_program *program, struct jb_str name);
void jb__command_help(const struct jb_program *program, const struct jb_command *command); /* NULL: the overview */

/* Before a blocking read of stdin: waits until there is something, or fails when the command is stopped. */
bool jb__command_wait_stdin(struct jb_scope *scope);

/* Prints the scope's failure as one sentence and returns the exit status for it. */
int jb__command_failed(struct jb_program *program);
/* Wrong usage: the sentence, where help stands, status 2. */
int jb__command_misused(struct jb_program *program);

/* The commands. */
int jb__command_up(struct jb_program *program);
int jb__command_serve(struct jb_program *program);
int jb__command_worker(struct jb_program *program);
int jb__command_migrate(struct jb_program *program);
int jb__command_inspect_database(struct jb_program *program);
int jb__command_check(struct jb_program *program);
int jb__command_import(struct jb_program *program);
int jb__command_continue(struct jb_program *program, int64_t job);    /* jobs continue ID FILE */
int jb__command_differences(struct jb_program *program, int64_t job); /* jobs differences ID -o FILE */
int jb__command_refused(struct jb_program *program, int64_t job);     /* jobs refused ID -o FILE */
int jb__command_export(struct jb_program *program);
int jb__command_jobs(struct jb_program *program);
int jb__command_sheet(struct jb_program *program);
int jb__command_models(struct jb_program *program);
int jb__command_user(struct jb_program *program);
int jb__command_health(struct jb_program *program);
int jb__command_help_run(struct jb_program *program);

#endif
