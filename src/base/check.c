/* check.c — the last words of a program that made a mistake. */
// SPDX-License-Identifier: Apache-2.0
#include "base/check.h"
#include <stdio.h>
#include <stdlib.h>

void jb_check_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "jangbu: check failed at %s:%d: %s\n", file, line, condition);
    fflush(stderr);
    abort();
}
