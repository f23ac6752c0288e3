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

/* Each side is evaluated once: it may be a clock, and of two readings the second is not the first. Not for constants (array sizes). */
#define JB_MIN(a, b) JB__PICK(a, <, b, __COUNTER__)
#define JB_MAX(a, b) JB__PICK(a, >, b, __COUNTER__)
#define JB__PICK(a, than, b, number) JB__PICK_AS(a, than, b, number)
/* clang-format off */
#define JB__PICK_AS(a, than, b, number) \
    __extension__({ __auto_type jb_a##number = (a); __auto_type jb_b##number = (b); jb_a##number than jb_b##number ? jb_a##number : jb_b##number; })
/* clang-format on */

#endif
