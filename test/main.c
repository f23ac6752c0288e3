/* main.c — runs the registered tests with cmocka, printing TAP; `test_NAME WORD` runs only the sentences that contain WORD.
 *
 * Each test is a forked child: it has its own memory, clock, loop and threads, may crash or hang (300 s), and a failing check simply ends it. */
// SPDX-License-Identifier: Apache-2.0
#include "jb_test.h"
#include "run/run_private.h"
#include <execinfo.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define EXIT_FAILED 1
#define EXIT_SKIPPED 77
#define TEST_SECONDS_MAX 300 /* only a hang takes that long */
#define CAMPAIGN_SECONDS_MAX 1800
#define FRAMES_TOLD 50

struct test {
    const char *sentence, *file;
    jb_test_run *run;
    bool fiber;
    int line;
};

static struct test tests[1000];
static size_t test_count;

void jb_test_register(const char *sentence, jb_test_run *run, bool fiber, const char *file, int line)
{
    JB_CHECK(test_count < JB_COUNT(tests));
    tests[test_count++] = (struct test){ sentence, file, run, fiber, line };
}

static _Noreturn void failed(void)
{
    fflush(NULL);
    _exit(EXIT_FAILED);
}

void jb_check_true(bool truth, const char *expression, const char *file, int line)
{
    if (truth)
        return;
    fprintf(stderr, "%s:%d: not true: %s\n", file, line, expression);
    failed();
}

void jb_check_int(int64_t got, int64_t want, const char *expression, const char *file, int line)
{
    if (got == want)
        return;
    fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", file, line, expression, (long long)got, (long long)want);
    failed();
}

void jb_check_str(struct jb_str got, struct jb_str want, const char *expression, const char *file, int line)
{
    if (jb_str_equal(got, want))
        return;
    fprintf(stderr, "%s:%d: %s is\n  \"%.*s\", not\n  \"%.*s\"\n", file, line, expression, JB_FMT(got), JB_FMT(want));
    failed();
}

void jb_check_ok(bool ok, struct jb_scope *scope, const char *expression, const char *file, int line)
{
    if (ok)
        return;
    struct jb_str text = jb_failure_text(scope);
    fprintf(stderr, "%s:%d: %s failed (%s): %.*s\n", file, line, expression, jb_error_name(jb_error(scope)), JB_FMT(text));
    failed();
}

void jb_test_skip(const char *why)
{
    fprintf(stderr, "# skipped: %s\n", why);
    fflush(NULL);
    _exit(EXIT_SKIPPED);
}

struct jb_str jb_test_shared(struct jb_scope *scope, const char *path)
{
    const char *folder = getenv("JB_SHARED");
    struct jb_buf buf = JB_BUF_INIT((size_t)256 << 20);
    struct jb_str name = jb_format(scope, "%s/%s", folder ? folder : "", path);
    FILE *file = fopen(name.data, "rb");

    if (!file)
        jb_test_skip(jb_format(scope, "%s is not there; JB_SHARED names the folder of the shared cases", name.data).data);
    while (jb_buf_reserve(&buf, 65536)) {
        size_t got = fread(buf.data + buf.size, 1, 65536, file);
        buf.size += got;
        if (got == 0)
            break;
    }
    JB_CHECK(!buf.full && !ferror(file));
    fclose(file);
    struct jb_str text = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return text;
}

struct jb_str jb_test_output(struct jb_scope *scope, const char *command)
{
    char bytes[65536];
    FILE *pipe = popen(command, "r");
    CHECK(pipe != NULL);
    size_t size = fread(bytes, 1, sizeof bytes, pipe);
    return pclose(pipe) == 0 ? jb_copy(scope, (struct jb_str){ bytes, size }) : JB_STR_NULL;
}

int64_t jb_test_memory_kib(void)
{
    struct rusage usage;
    CHECK_INT(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_maxrss;
}

static void run_with_scope(void *arg)
{
    const struct test *test = arg;
    struct jb_scope *scope = jb_scope_new("test");
    test->run(scope);
    jb_scope_end(scope);
}

/* cmocka catches crashes by a jump; in a child they must end it, as they would without cmocka (ASan has handlers of its own). */
static const int crashes[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS };
static struct sigaction crash_actions[JB_COUNT(crashes)];

static void keep_crash_actions(void)
{
    for (size_t i = 0; i < JB_COUNT(crashes); i++)
        sigaction(crashes[i], NULL, &crash_actions[i]);
}

static void restore_crash_actions(void)
{
    for (size_t i = 0; i < JB_COUNT(crashes); i++)
        sigaction(crashes[i], &crash_actions[i], NULL);
}

extern const char __executable_start[], etext[];

/* What may be return addresses on a fiber's stack, for addr2line. */
__attribute__((no_sanitize("address", "thread"))) static void tell_fiber(const struct jb_fiber *fiber)
{
    dprintf(STDERR_FILENO, "fiber %s %s:", fiber->name, fiber->parked ? "waits" : "is ready");
#if !defined(JB_SWITCH_UCONTEXT)
    const uintptr_t *end = (const uintptr_t *)(const void *)(fiber->stack.bottom + fiber->stack.size);
    int told = 0;
    for (const uintptr_t *at = fiber->context.stack_pointer; at < end && told < FRAMES_TOLD; at++)
        if (*at > (uintptr_t)__executable_start && *at < (uintptr_t)etext)
            told += dprintf(STDERR_FILENO, " %#lx", (unsigned long)(*at - (uintptr_t)__executable_start)) > 0;
#endif
    dprintf(STDERR_FILENO, "\n");
}

/* Where a hang stands, before it ends as it would have: what this thread waits in, and each of its loop's fibers. */
static void tell_hang(int number)
{
    void *frames[FRAMES_TOLD];

    backtrace_symbols_fd(frames, backtrace(frames, JB_COUNT(frames)), STDERR_FILENO);
    for (const struct jb_list *link = jb__loop_self ? jb__loop_self->live.next : NULL; link && link != &jb__loop_self->live; link = link->next)
        tell_fiber(JB_CONTAINER(link, struct jb_fiber, live_link));
    signal(number, SIG_DFL);
    raise(number);
}

static _Noreturn void run_in_child(struct test *test)
{
    void *frame;

    restore_crash_actions();
    backtrace(&frame, 1); /* loads what it needs while memory may be taken */
    signal(SIGALRM, tell_hang);
    alarm(getenv("JB_CAMPAIGN") ? CAMPAIGN_SECONDS_MAX : TEST_SECONDS_MAX);
    if (test->fiber)
        jb_loop_run(run_with_scope, test);
    else
        run_with_scope(test);
    exit(0); /* not _exit: the leak check runs at exit */
}

static void run_one(void **state)
{
    struct test *test = *state;
    int status;

    fflush(NULL);
    pid_t child = fork();
    JB_CHECK(child >= 0);
    if (child == 0)
        run_in_child(test);
    JB_CHECK(waitpid(child, &status, 0) == child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIPPED)
        return; /* it has said why; cmocka's skip() writes "not ok", which counts as a failure */
    if (WIFSIGNALED(status))
        fail_msg("%s:%d: ended by signal %d (%s)", test->file, test->line, WTERMSIG(status), strsignal(WTERMSIG(status)));
    if (WEXITSTATUS(status) != 0)
        fail_msg("%s:%d: failed (exit %d)", test->file, test->line, WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
    static struct CMUnitTest list[JB_COUNT(tests)];
    size_t count = 0;

    keep_crash_actions();
    cmocka_set_message_output(CM_OUTPUT_TAP);
    for (size_t i = 0; i < test_count; i++)
        if (argc < 2 || strstr(tests[i].sentence, argv[1]))
            list[count++] = (struct CMUnitTest){ .name = tests[i].sentence, .test_func = run_one, .initial_state = &tests[i] };
    if (count == 0) {
        fprintf(stderr, "no test of that name\n");
        return 1;
    }
    return _cmocka_run_group_tests(argv[0], list, count, NULL, NULL);
}
