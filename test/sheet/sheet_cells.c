/* sheet_cells.c — `jangbu sheet cells FILE` as a program of its own, for check_sheets.py under sanitizers. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/sheet.h"

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    struct jb_scope *scope = jb_scope_new("sheet_cells");
    int status = 0;
    if (!jb_sheet_print_cells(scope, argv[1], NULL, stdout)) {
        struct jb_str text = jb_failure_text(scope);
        fprintf(stderr, "%.*s\n", JB_FMT(text));
        status = jb_error_exit(jb_error(scope));
    }
    jb_scope_end(scope);
    return status;
}
