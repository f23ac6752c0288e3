/* check.h — assertions that stay on in release, and the three macros everybody needs.
 *
 * A failed check is a programmer's mistake: it prints the expression and its place and aborts.
 * Bad input, a full disk or a lost server is never a check: it is jb_fail (scope.h). */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_BASE_CHECK_H
#define JB_BASE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JB_CHECK(condition) \
    (__builtin_expect(!!(condition), 1) ? (void)0 : jb_check_failed(#condition, __FILE__, __LINE__))

_Noreturn void jb_check_failed(const char *condition, const char *file, int line);

/* The number of elements of a real array (not of a pointer). */
#define JB_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The struct that holds `member` at `pointer`. */
#define JB_CONTAINER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

#define JB_MIN(a, b) ((a) < (b) ? (a) : (b))
#define JB_MAX(a, b) ((a) > (b) ? (a) : (b))

#endif
