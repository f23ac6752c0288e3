/* failure.c — why the work of a scope failed: a chain of sentences, newest first, the root last.
 *
 * The kind is the root's, because the callers above it know less.  Messages for fields belong to the whole chain. */
// SPDX-License-Identifier: Apache-2.0
#include "base/scope_private.h"
#include <errno.h>
#include <stdio.h>

static const struct {
    const char *name;
    int exit, http;
} kinds[JB_ERROR_COUNT] = {
    [JB_OK] = { "ok", 0, 200 },
    [JB_INVALID] = { "invalid", 3, 422 },
    [JB_DENIED] = { "denied", 4, 403 },
    [JB_NOT_FOUND] = { "not_found", 5, 404 },
    [JB_CONFLICT] = { "conflict", 6, 409 },
    [JB_LIMIT] = { "limit", 7, 413 },
    [JB_TIMEOUT] = { "timeout", 8, 504 },
    [JB_CANCELLED] = { "cancelled", 10, 499 },
    [JB_UNAVAILABLE] = { "unavailable", 9, 503 },
    [JB_BROKEN] = { "broken", 70, 500 },
};

const char *jb_error_name(enum jb_error error)
{
    JB_CHECK((unsigned)error < JB_ERROR_COUNT);
    return kinds[error].name;
}

int jb_error_exit(enum jb_error error)
{
    JB_CHECK((unsigned)error < JB_ERROR_COUNT);
    return kinds[error].exit;
}

int jb_error_http(enum jb_error error)
{
    JB_CHECK((unsigned)error < JB_ERROR_COUNT);
    return kinds[error].http;
}

static bool push(struct jb_scope *scope, enum jb_error error, const char *file, int line, struct jb_str message)
{
    struct jb_failure *failure = JB_NEW(scope, struct jb_failure), *cause = scope->failure;

    JB_CHECK(error > JB_OK && error < JB_ERROR_COUNT);
    *failure = (struct jb_failure){
        .error = cause ? cause->error : error, .message = message, .file = file, .line = line, .cause = cause, .fields = cause ? cause->fields : NULL, .full = cause && cause->full
    };
    scope->failure = failure;
    return false;
}

bool jb_fail_at(struct jb_scope *scope, enum jb_error error, const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    push(scope, error, file, line, jb__format_v(scope, format, args));
    va_end(args);
    return false;
}

bool jb_wrap_at(struct jb_scope *scope, const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    push(scope, JB_BROKEN, file, line, jb__format_v(scope, format, args));
    va_end(args);
    return false;
}

static bool fail_field(struct jb_scope *scope, struct jb_str field, struct jb_str message)
{
    struct jb_field_error *error = JB_NEW(scope, struct jb_field_error);
    struct jb_field_error **end;
    int count = 1;

    *error = (struct jb_field_error){ jb_copy(scope, field), message, NULL };
    if (!scope->failure)
        push(scope, JB_INVALID, __FILE__, 0, JB_STR_NULL);
    struct jb_failure *failure = scope->failure;
    for (end = &failure->fields; *end; end = &(*end)->next)
        count++;
    *end = error;
    failure->error = JB_INVALID;
    if (failure->line == 0) /* it came into being for its fields */
        failure->message = jb_format(scope, jb_language(scope) == JB_KO ? "고칠 곳이 %d군데 있습니다." : count == 1 ? "%d field needs attention."
                                                                                                                    : "%d fields need attention.",
            count);
    return false;
}

bool jb_fail_field(struct jb_scope *scope, struct jb_str field, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct jb_str message = jb__format_v(scope, format, args);
    va_end(args);
    return fail_field(scope, field, message);
}

bool jb_failure_of_field(struct jb_scope *scope, struct jb_str field)
{
    struct jb_failure *failure = scope->failure;

    JB_CHECK(failure);
    scope->failure = (struct jb_failure *)failure->cause;
    return fail_field(scope, field, failure->message);
}

bool jb_failure_of_full_disk(struct jb_scope *scope)
{
    JB_CHECK(scope->failure);
    scope->failure->full = true;
    return false;
}

/* What errno says, without a full stop. */
static const char *reason(struct jb_scope *scope, int number, char *out, size_t size)
{
    if (jb_language(scope) == JB_KO)
        switch (number) {
        case ENOSPC: return "디스크에 자리가 없습니다";
        case EDQUOT: return "쓸 수 있는 디스크 양을 넘었습니다";
        case EACCES:
        case EPERM: return "권한이 없습니다";
        case ENOENT: return "그런 파일이나 폴더가 없습니다";
        case ENOTDIR: return "폴더가 아닙니다";
        case EEXIST: return "이미 있습니다";
        case EMFILE:
        case ENFILE: return "열린 파일이 너무 많습니다";
        case EROFS: return "읽기 전용 디스크입니다";
        case EIO: return "디스크가 읽히거나 쓰이지 않습니다";
        case EADDRINUSE: return "그 주소는 다른 프로그램이 쓰고 있습니다";
        case ECONNREFUSED: return "연결 거부";
        case ECONNRESET:
        case EPIPE: return "상대가 연결을 끊었습니다";
        case ETIMEDOUT: return "응답이 없습니다";
        }
    return strerror_r(number, out, size);
}

bool jb_fail_errno_at(struct jb_scope *scope, int number, const char *file, int line, const char *format, ...)
{
    enum jb_error error = number == ENOSPC || number == EDQUOT    ? JB_UNAVAILABLE
                          : number == EACCES || number == EPERM   ? JB_DENIED
                          : number == ENOENT || number == ENOTDIR ? JB_NOT_FOUND
                                                                  : JB_BROKEN;
    char text[128];
    va_list args;

    va_start(args, format);
    struct jb_str doing = jb__format_v(scope, format, args);
    va_end(args);
    push(scope, error, file, line, jb_format(scope, "%.*s: %s", JB_FMT(doing), reason(scope, number, text, sizeof text)));
    scope->failure->full |= number == ENOSPC || number == EDQUOT;
    return false;
}

const struct jb_failure *jb_failure(const struct jb_scope *scope)
{
    return scope->failure;
}

enum jb_error jb_error(const struct jb_scope *scope)
{
    return scope->failure ? scope->failure->error : JB_OK;
}

struct jb_str jb_failure_text(struct jb_scope *scope)
{
    struct jb_buf buf = JB_BUF_INIT((size_t)64 * 1024);

    for (const struct jb_failure *failure = scope->failure; failure; failure = failure->cause) {
        if (buf.size)
            jb_buf_put_z(&buf, buf.data[buf.size - 1] == '.' ? " " : ": ");
        jb_buf_put(&buf, failure->message);
    }
    if (scope->failure)
        for (const struct jb_field_error *error = scope->failure->fields; error; error = error->next)
            jb_buf_printf(&buf, " %.*s: %.*s", JB_FMT(error->field), JB_FMT(error->message));
    struct jb_str text = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return text;
}

void jb_failure_clear(struct jb_scope *scope)
{
    scope->failure = NULL;
}

static void pass(const struct jb_failure *failure, struct jb_scope *to)
{
    if (failure->cause)
        pass(failure->cause, to);
    push(to, failure->error, failure->file, failure->line, jb_copy(to, failure->message));
    to->failure->full |= failure->full;
}

bool jb_failure_pass(struct jb_scope *child, struct jb_scope *parent)
{
    const struct jb_failure *failure = child->failure;

    JB_CHECK(failure); /* whoever returned false without jb_fail */
    pass(failure, parent);
    for (const struct jb_field_error *error = failure->fields; error; error = error->next)
        fail_field(parent, error->field, jb_copy(parent, error->message));
    return false;
}
