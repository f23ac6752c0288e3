/* command_data.c — import and export: rows from the command line. */
// SPDX-License-Identifier: Apache-2.0
#include "app/command.h"
#include "app/job_report.h"
#include "app/site.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A model that people may move in and out; the secrets of sign-in and the queue's own tables are none. */
static const struct jb_model *find_model(struct jb_program *program)
{
    struct jb_scope *scope = program->scope;
    const struct jb_model *model = jb_model_find(scope, program->arguments[0]);

    if (!model || !model->hidden)
        return model;
    jb_fail(scope, JB_DENIED, JB_L(scope, "‘%.*s’은(는) 안에서만 쓰는 표라 가져오거나 내보낼 수 없습니다.", "%.*s is an internal table and cannot be imported or exported."), JB_FMT(program->arguments[0]));
    return NULL;
}

/* ---- files ---------------------------------------------------------------------------------------------------------------------------- */

/* Written beside and renamed at the end: a broken one never replaces a good file. What is no file (a pipe, a device) is written to as it stands. */
struct output {
    FILE *file;
    const char *path, *part;
    bool to_stdout, beside;
};

static bool output_open(struct jb_program *program, struct jb_str name, struct output *output)
{
    struct jb_scope *scope = program->scope;
    struct stat there;

    *output = (struct output){ .path = jb_cstr(scope, name), .part = jb_format(scope, "%.*s.part", JB_FMT(name)).data, .to_stdout = jb_str_is(name, "-") };
    output->beside = !output->to_stdout && (stat(output->path, &there) != 0 || S_ISREG(there.st_mode));
    output->file = output->to_stdout ? stdout : fopen(output->beside ? output->part : output->path, "wbe");
    return output->file || jb_fail_errno(scope, errno, JB_L(scope, "%s을(를) 만들지 못했습니다", "cannot make %s"), output->path);
}

/* `ok`: all was written to it. Otherwise what there is of it goes. */
static bool output_close(struct jb_program *program, struct output *output, bool ok)
{
    struct jb_scope *scope = program->scope;

    if (output->file && (output->to_stdout ? fflush(output->file) : fclose(output->file)) != 0 && ok)
        ok = jb_fail_errno(scope, errno, JB_L(scope, "%s에 쓰지 못했습니다", "cannot write %s"), output->path);
    if (ok && output->beside && rename(output->part, output->path) != 0)
        ok = jb_fail_errno(scope, errno, JB_L(scope, "%s에 쓰지 못했습니다", "cannot write %s"), output->path);
    if (!ok && output->file && output->beside)
        unlink(output->part);
    return ok;
}

static bool write_bytes(void *arg, struct jb_scope *scope, const void *bytes, size_t size)
{
    return fwrite(bytes, 1, size, arg) == size || jb_fail_errno(scope, errno, JB_L(scope, "파일에 쓰지 못했습니다", "cannot write the file"));
}

/* ---- import ------------------------------------------------------------------------------------------------------------------------ */

static bool choose(struct jb_program *program, const char *option, const char *const *words, int *ret_choice)
{
    struct jb_scope *scope = program->scope;
    struct jb_str text = jb__option(program, option);

    if (!text.data)
        return true;
    for (int i = 0; words[i]; i++)
        if (jb_str_is(text, words[i])) {
            *ret_choice = i;
            return true;
        }
    return jb_fail(scope, JB_INVALID, JB_L(scope, "‘--%s %.*s’: %s %s %s 가운데 하나를 적으세요.", "'--%s %.*s': give one of %s %s %s."), option, JB_FMT(text), words[0], words[1], words[2] ? words[2] : "");
}

/* All of --map or --default. */
static bool read_pairs(struct jb_program *program, const char *option, bool by_last, struct jb_import_pairs *ret_pairs)
{
    struct jb_scope *scope = program->scope;
    struct jb_import_pair *pairs = JB_NEW_ARRAY(scope, struct jb_import_pair, JB_OPTIONS_MAX);
    const char *name = jb_format(scope, "--%s", option).data;
    struct jb_str text;
    size_t count = 0;

    for (; (text = jb__option_at(program, option, count)).data; count++)
        if (!jb_import_pair_read(scope, name, text, by_last, &pairs[count]))
            return false;
    *ret_pairs = (struct jb_import_pairs){ pairs, count };
    return true;
}

static bool read_import_options(struct jb_program *program, struct jb_import_options *options)
{
    static const char *const modes[] = { "upsert", "insert", "update", NULL }, *const errors[] = { "abort", "skip", NULL };
    int mode = JB_UPSERT, on_error = JB_ABORT;
    int64_t batch_rows;

    if (!choose(program, "mode", modes, &mode) || !choose(program, "on-error", errors, &on_error) ||
        !jb__option_int(program, "batch-rows", 1, 100000, 0, &batch_rows) ||
        !jb__option_int(program, "limit-refused", 1, INT64_MAX, 0, &options->limit_refused) || !jb__option_int(program, "header-row", 1, INT64_MAX, 0, &options->head_row) ||
        !read_pairs(program, "map", true, &options->map) || !read_pairs(program, "default", false, &options->defaults))
        return false;
    options->mode = (enum jb_import_mode)mode;
    options->on_error = (enum jb_on_error)on_error;
    options->batch_rows = (int)batch_rows;
    options->ignore_existing = jb__flag(program, "ignore-existing");
    options->dry_run = jb__flag(program, "dry-run");
    options->differences = jb__option(program, "differences").data != NULL;
    options->backup_first = jb__flag(program, "backup-first");
    options->match_on = jb__option(program, "match-on");
    options->sheet = jb__option(program, "sheet");
    options->encoding = jb__option(program, "encoding");
    options->format = jb__option(program, "format");
    return true;
}

static bool copy_stdin(struct jb_spool *spool, struct jb_scope *scope)
{
    char bytes[65536];
    ssize_t got;

    do {
        if (!jb__command_wait_stdin(scope))
            return false;
        got = read(STDIN_FILENO, bytes, sizeof bytes);
        if (got > 0 && !jb_spool_write(spool, scope, bytes, (size_t)got))
            return false;
    } while (got > 0);
    return got == 0 || jb_fail_errno(scope, errno, JB_L(scope, "표준 입력을 읽지 못했습니다", "cannot read stdin"));
}

static bool fill_spool(struct jb_program *program, struct jb_str file, struct jb_spool **ret_spool)
{
    struct jb_scope *scope = program->scope;
    bool from_stdin = jb_str_is(file, "-");
    struct jb_str format = jb__option(program, "format");

    if (from_stdin && !format.data)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "표준 입력에서 읽을 때는 --format을 적으세요 (" JB_SHEET_FORMATS ").", "reading stdin needs --format (" JB_SHEET_FORMATS ")."));
    struct jb_spool *spool = jb_spool_open(scope, from_stdin ? jb_format(scope, "stdin.%.*s", JB_FMT(format)) : file);
    if (!spool || !(from_stdin ? copy_stdin(spool, scope) : jb_spool_copy(spool, scope, jb_cstr(scope, file))))
        return false;
    *ret_spool = spool;
    return true;
}

static bool may_be_written(struct jb_scope *scope, struct jb_str file)
{
    const char *path = jb_cstr(scope, file);
    struct stat info;

    if (stat(path, &info) == 0) {
        errno = EISDIR;
        return !S_ISDIR(info.st_mode) && access(path, W_OK) == 0;
    }
    const char *slash = strrchr(path, '/');
    return access(slash ? jb_cstr(scope, jb_str_slice(file, 0, (size_t)(slash - path) + 1)) : ".", W_OK | X_OK) == 0;
}

/* Whether --refused and --differences can be written is known before a row goes in. Opening one would end what reads from a pipe, and empty what stands there. */
static bool try_output(struct jb_program *program, const char *option)
{
    struct jb_scope *scope = program->scope;
    struct jb_str path = jb__option(program, option);

    if (!path.data || may_be_written(scope, path))
        return true;
    return jb_fail(scope, JB_INVALID, JB_L(scope, "‘--%s %.*s’에 쓸 수 없습니다 (%s). 다른 파일 이름을 적으세요. 아무것도 가져오지 않았습니다.", "'--%s %.*s' cannot be written (%s). Name another file; nothing was imported."), option, JB_FMT(path), strerror(errno));
}

static bool try_outputs(struct jb_program *program)
{
    return try_output(program, "refused") && try_output(program, "differences");
}

static bool save_refused(struct jb_program *program, int64_t job, struct jb_str path)
{
    struct jb_scope *scope = program->scope;
    struct jb_job_file file;

    if (!jb_job_file(scope, job, &file))
        return false;
    FILE *out = fopen(jb_cstr(scope, path), "wbe");
    char buffer[65536];
    ssize_t got = 0;
    bool ok = out != NULL;
    while (ok && (got = read(file.fd, buffer, sizeof buffer)) > 0)
        ok = fwrite(buffer, 1, (size_t)got, out) == (size_t)got;
    int error = errno;
    close(file.fd);
    if (out && fclose(out) != 0)
        ok = false;
    return (ok && got == 0) || jb_fail_errno(scope, error, JB_L(scope, "%.*s에 쓰지 못했습니다", "cannot write %.*s"), JB_FMT(path));
}

static bool write_differences(struct jb_program *program, int64_t job, struct jb_str path)
{
    struct output out;
    bool ok = output_open(program, path, &out) && jb_import_differences(program->scope, job, write_bytes, out.file);
    return output_close(program, &out, ok);
}

/* Into the file, after which nobody needs them any more. */
static bool save_differences(struct jb_program *program, const struct import_job *job)
{
    struct jb_scope *scope = program->scope;
    struct jb_str path = jb__option(program, "differences");

    if (!path.data)
        return true;
    if (jb_import_has_differences(scope, job))
        return write_differences(program, job->id, path) && jb_import_discard(scope, job->id);
    fprintf(stderr, JB_L(scope, "%.*s은(는) 쓰지 않았습니다.\n", "%.*s was not written.\n"), JB_FMT(path));
    return true;
}

static bool differences_are_possible(struct jb_program *program)
{
    struct jb_scope *scope = program->scope;

    if (jb_str_is(jb__option(program, "differences"), "-"))
        return jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "--differences에는 파일을 적으세요. 표준 출력에는 결과가 나갑니다.", "--differences wants a file: standard output holds the result."));
    if (!jb__option(program, "differences").data || (jb__flag(program, "dry-run") && !jb__flag(program, "background")))
        return true;
    return jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "--differences는 --dry-run과 함께, --background 없이 씁니다.", "--differences goes with --dry-run, and not with --background."));
}

static bool refused_is_possible(struct jb_program *program)
{
    struct jb_scope *scope = program->scope;

    if (!jb__flag(program, "background") || !jb__option(program, "refused").data)
        return true;
    return jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "--background와 --refused는 함께 쓸 수 없습니다. 거절된 행의 파일은 작업의 쪽에서 받습니다.", "--background and --refused do not go together. The file of refused rows can be downloaded on the job's page."));
}

/* Into the file that was asked for, or a word of how to get it. */
static bool take_refused(struct jb_program *program, const struct import_job *job)
{
    struct jb_str path = jb__option(program, "refused");
    long long id = job->id;

    if (job->refused == 0)
        return true;
    if (path.data)
        return save_refused(program, id, path);
    if (job->result.size > 0)
        fprintf(stderr, JB_L(program->scope, "거절된 행의 파일: jangbu jobs refused %lld -o 거절.xlsx. 고쳐서 이어 가기: jangbu jobs continue %lld 거절.xlsx\n", "Refused rows as a workbook: jangbu jobs refused %lld -o refused.xlsx. Corrected, go on: jangbu jobs continue %lld refused.xlsx\n"), id, id);
    return true;
}

int jb__command_refused(struct jb_program *program, int64_t id)
{
    struct jb_scope *scope = program->scope;
    struct jb_str output = jb__option(program, "output");
    struct import_job job;

    if (!output.data) {
        jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "쓸 파일을 적으세요: jangbu jobs refused 17 -o 거절.xlsx", "name the file to write: jangbu jobs refused 17 -o refused.xlsx"));
        return jb__command_misused(program);
    }
    if (!jb_job_get(scope, id, &job))
        return jb__command_failed(program);
    if (job.refused == 0 || job.result.size == 0) {
        jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld에는 거절된 행의 파일이 없습니다.", "Job %lld has no file of refused rows."), (long long)id);
        return jb__command_failed(program);
    }
    return save_refused(program, id, output) ? 0 : jb__command_failed(program);
}

static int left_to_a_worker(struct jb_program *program, int64_t id)
{
    struct import_job job;

    if (!jb_job_get(program->scope, id, &job))
        return jb__command_failed(program);
    jb__job_print(program, &job);
    return 0;
}

/* Here and now, to its end, with progress. */
static int run_job(struct jb_program *program, int64_t id)
{
    struct jb_scope *scope = program->scope;
    struct import_job job;

    program->stops_itself = true;
    struct jb__watching *watching = jb__job_watch(program, id);
    bool ran = jb_import_run(scope, id);
    jb__job_watch_end(watching);
    if (!ran || !jb_job_get(scope, id, &job))
        return jb__command_failed(program);
    bool saved = save_differences(program, &job); /* and what was saved is gone from the job */
    if (!saved || !jb_job_get(scope, id, &job))
        return jb__command_failed(program);
    jb__job_print(program, &job);
    if (!take_refused(program, &job))
        return jb__command_failed(program);
    return jb__job_exit(&job);
}

int jb__command_import(struct jb_program *program)
{
    struct jb_scope *scope = program->scope;
    struct jb_import_options options = { 0 };
    struct jb_spool *spool = NULL;
    const struct jb_model *model;
    int64_t id;
    bool background = jb__flag(program, "background");

    if (!refused_is_possible(program) || !differences_are_possible(program) || !read_import_options(program, &options))
        return jb__command_misused(program);
    if (!jb__site_open(scope, program->site, &program->config) || !jb__site_migrated(scope) ||
        !(model = find_model(program)) || !try_outputs(program) || !fill_spool(program, program->arguments[1], &spool) ||
        !jb_import_start(scope, model, spool, &options, background, &id))
        return jb__command_failed(program);
    return background ? left_to_a_worker(program, id) : run_job(program, id);
}

int jb__command_continue(struct jb_program *program, int64_t id)
{
    struct jb_scope *scope = program->scope;
    struct jb_spool *spool = NULL;
    struct import_job job;
    bool background = jb__flag(program, "background");

    if (program->argument_count < 3) {
        jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "고친 파일을 적으세요: jangbu jobs continue 17 거절.xlsx", "give the corrected file: jangbu jobs continue 17 refused.xlsx"));
        return jb__command_misused(program);
    }
    if (!refused_is_possible(program))
        return jb__command_misused(program);
    if (!jb_job_get(scope, id, &job) || !try_outputs(program) || !fill_spool(program, program->arguments[2], &spool) || !jb_import_continue(scope, id, spool, JB_STR_NULL, background))
        return jb__command_failed(program);
    return background ? left_to_a_worker(program, id) : run_job(program, id);
}

int jb__command_differences(struct jb_program *program, int64_t id)
{
    struct jb_scope *scope = program->scope;
    struct jb_str output = jb__option(program, "output");
    struct import_job job;

    if (!output.data) {
        jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "쓸 파일을 적으세요: jangbu jobs differences 17 -o 바뀔내용.xlsx", "name the file to write: jangbu jobs differences 17 -o differences.xlsx"));
        return jb__command_misused(program);
    }
    if (!jb_job_get(scope, id, &job) || !jb_import_tells_differences(scope, &job) || !write_differences(program, id, output))
        return jb__command_failed(program);
    return 0;
}

/* ---- export -------------------------------------------------------------------------------------------------------------------------- */

static bool fail_filter_field(struct jb_scope *scope, const struct jb_model *model, struct jb_str filter, struct jb_str name)
{
    struct jb_str nearest = jb_record_nearest(&model->record, name);

    return jb_fail(scope, JB_INVALID, JB_L(scope, "‘--filter %.*s’: ‘%.*s’ 열이 없습니다.%s%.*s%s", "'--filter %.*s': there is no field '%.*s'.%s%.*s%s"), JB_FMT(filter), JB_FMT(name),
        nearest.data ? JB_L(scope, " ‘", " Did you mean '") : "", JB_FMT(nearest), nearest.data ? JB_L(scope, "’ 아닌가요?", "'?") : "");
}

/* FIELD=VALUE, FIELD__gte=VALUE, … */
static bool read_filter(struct jb_program *program, const struct jb_model *model, struct jb_str filter, struct jb_condition *ret_condition)
{
    static const struct {
        const char *suffix;
        enum jb_op op;
    } ops[] = { { "__gte", JB_GREATER_EQUAL }, { "__lte", JB_LESS_EQUAL }, { "__gt", JB_GREATER }, { "__lt", JB_LESS }, { "__contains", JB_CONTAINS }, { "", JB_EQUAL } };
    struct jb_scope *scope = program->scope;
    struct jb_str value = filter, name = jb_str_cut(&value, '=');
    size_t op = 0;

    while (!jb_str_ends(name, jb_str_of(ops[op].suffix)))
        op++;
    ret_condition->field = jb_str_slice(name, 0, name.size - strlen(ops[op].suffix));
    ret_condition->op = ops[op].op;
    if (!value.data)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "‘--filter %.*s’: 열이름=값으로 적으세요. 보기: income__gte=1000.", "'--filter %.*s': give FIELD=VALUE, for example income__gte=1000."), JB_FMT(filter));
    const struct jb_field *field = jb_record_field(&model->record, ret_condition->field);
    if (!field)
        return fail_filter_field(scope, model, filter, ret_condition->field);
    return jb_field_parse(scope, field, value, &ret_condition->value) || jb_wrap(scope, "--filter %.*s", JB_FMT(filter));
}

static bool export_rows(struct jb_program *program, const struct jb_model *model, FILE *out, struct jb_str output, struct jb_export_result *ret_result)
{
    struct jb_scope *scope = program->scope;
    struct jb_condition conditions[JB_OPTIONS_MAX + 1] = { 0 };
    struct jb_export_options options = {
        .columns = jb__option(program, "columns"),
        .conditions = conditions,
        .order = jb__option(program, "order"),
        .raw = jb__flag(program, "raw"),
        .totals = jb__flag(program, "totals"),
        .fresh = jb__flag(program, "fresh"),
    };
    struct jb_str filter;

    if (!jb__command_format(program, output, &options.format))
        return false;
    for (size_t i = 0; (filter = jb__option_at(program, "filter", i)).data; i++)
        if (!read_filter(program, model, filter, &conditions[i]))
            return false;
    return jb_export_to(scope, model, &options, write_bytes, out, ret_result);
}

/* What can be compared with the file: how many rows and bytes, its SHA-256, what its amounts add up to. */
static void print_export(struct jb_program *program, const struct jb_export_result *result)
{
    struct jb_scope *scope = program->scope;

    fprintf(stderr, JB_L(scope, "%lld행을 썼습니다.\n", "%lld rows written.\n"), (long long)result->rows);
    for (size_t i = 0; i < result->total_count; i++)
        fprintf(stderr, JB_L(scope, "합계 %.*s: %.*s\n", "Total of %.*s: %.*s\n"), JB_FMT(result->totals[i].label), JB_FMT(result->totals[i].sum));
    fprintf(stderr, "SHA-256: %s (%lld bytes)\n", result->sha256, (long long)result->bytes);
    if (result->note.data)
        fprintf(stderr, "%.*s\n", JB_FMT(result->note));
}

static void print_export_json(const struct jb_export_result *result)
{
    struct jb_buf buf = JB_BUF_INIT((size_t)1 << 20);
    struct jb_json_writer writer;

    jb_json_start(&writer, &buf);
    jb_json_object(&writer);
    jb_json_put(&writer, "rows", jb_v(result->rows));
    jb_json_put(&writer, "bytes", jb_v(result->bytes));
    jb_json_put(&writer, "sha256", jb_v(jb_str_of(result->sha256)));
    jb_json_put(&writer, "sheets", jb_v(result->sheets));
    jb_json_name(&writer, "totals");
    jb_export_totals_json(&writer, result);
    jb_json_object_end(&writer);
    printf("%.*s\n", JB_FMT(jb_buf_str(&buf)));
    jb_buf_done(&buf);
}

int jb__command_export(struct jb_program *program)
{
    struct jb_scope *scope = program->scope;
    struct jb_str output = jb__option(program, "output");
    struct jb_export_result result = { 0 };
    const struct jb_model *model;

    if (!output.data)
        output = JB_STR("-");
    if (!jb__site_open(scope, program->site, &program->config) || !jb__site_migrated(scope) || !(model = find_model(program)))
        return jb__command_failed(program);

    struct output out;
    bool ok = output_open(program, output, &out) && export_rows(program, model, out.file, output, &result);
    if (!output_close(program, &out, ok))
        return jb__command_failed(program);
    if (program->json && !out.to_stdout)
        print_export_json(&result);
    else
        print_export(program, &result);
    return 0;
}
