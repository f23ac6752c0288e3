/* command_sheet.c — sheet info|cells|generate: look into workbooks, make sample ones. */
// SPDX-License-Identifier: Apache-2.0
#include "app/command.h"
#include "app/site.h"
#include "sheet/sheet.h"
#include <stdio.h>

static bool format_named(struct jb_program *program, enum jb_sheet_format *ret_format)
{
    struct jb_scope *scope = program->scope;
    struct jb_str format = jb__option(program, "format");

    if (!format.data)
        return true;
    *ret_format = jb_sheet_format_named(format);
    if (*ret_format == JB_SHEET_AUTO)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "‘--format %.*s’: " JB_SHEET_FORMATS " 가운데 하나를 적으세요.", "'--format %.*s': give one of " JB_SHEET_FORMATS "."), JB_FMT(format));
    return true;
}

/* By --format, otherwise by what follows the last point of the file's name. */
bool jb__command_format(struct jb_program *program, struct jb_str file, enum jb_sheet_format *ret_format)
{
    struct jb_scope *scope = program->scope;
    struct jb_str format = jb__option(program, "format"), rest = file;

    if (!format.data && jb_str_is(file, "-"))
        return jb_fail(scope, JB_INVALID, JB_L(scope, "표준 출력에 쓸 때는 --format을 적으세요 (" JB_SHEET_FORMATS "). 파일에 쓰려면 -o 파일.xlsx를 적으세요.", "writing to stdout needs --format (" JB_SHEET_FORMATS "). To write a file, give -o FILE.xlsx."));
    while (!format.data && rest.data) {
        struct jb_str part = jb_str_cut(&rest, '.');
        if (!rest.data)
            format = part;
    }
    *ret_format = jb_sheet_format_written(format);
    if (*ret_format == JB_SHEET_AUTO)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’ 형식은 쓸 수 없습니다. " JB_SHEET_FORMATS " 가운데 하나를 --format에 적으세요.", "cannot write the format '%.*s'. Give --format with one of " JB_SHEET_FORMATS "."), JB_FMT(format));
    return true;
}

static bool generate(struct jb_program *program)
{
    struct jb_scope *scope = program->scope;
    enum jb_sheet_format format = JB_SHEET_AUTO;
    int64_t rows, seed;

    if (program->argument_count != 4 || !jb_str_to_int64(program->arguments[2], &rows) || rows < 0)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "이렇게 씁니다: jangbu sheet generate MODEL 행수 FILE", "usage: jangbu sheet generate MODEL ROWS FILE"));
    const struct jb_model *model = jb__command_model(program, program->arguments[1]);
    if (!model || !jb__command_format(program, program->arguments[3], &format) || !jb__option_int(program, "seed", 0, INT64_MAX, 1, &seed))
        return false;
    return jb_sheet_generate(scope, &model->record, jb_model_label(model, scope), rows, (uint64_t)seed, format, jb_cstr(scope, program->arguments[3]));
}

int jb__command_sheet(struct jb_program *program)
{
    struct jb_scope *scope = program->scope;
    struct jb_str verb = program->arguments[0];
    struct jb_sheet_options options = { .sheet = jb__option(program, "sheet"), .encoding = jb__option(program, "encoding") };
    const char *path = jb_cstr(scope, program->arguments[1]);
    bool ok;

    if (jb_str_is(verb, "generate")) {
        ok = generate(program);
    } else if (jb_str_is(verb, "cells") || jb_str_is(verb, "info")) {
        ok = format_named(program, &options.format) &&
             (jb_str_is(verb, "cells") ? jb_sheet_print_cells(scope, path, &options, stdout) : jb_sheet_print_info(scope, path, &options, program->json, stdout));
    } else {
        jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’: info, cells, generate 가운데 하나를 적으세요.", "'%.*s': give one of info, cells, generate."), JB_FMT(verb));
        return jb__command_misused(program);
    }
    return ok ? 0 : jb__command_failed(program);
}
