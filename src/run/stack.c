/* stack.c — memory that fibers stand on, with a guard area below it.
 *
 * Pages are only touched as far as a fiber goes down and stay resident in the pool, so counting them (mincore) tells the deepest use without
 * painting the stack first. */
// SPDX-License-Identifier: Apache-2.0
#include "run/run_private.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(JB__SANITIZED)
#define STACK_BYTES ((size_t)1 << 20)
#define STACK_BIG_BYTES ((size_t)1 << 20)
#else
#define STACK_BYTES ((size_t)128 << 10)
#define STACK_BIG_BYTES ((size_t)256 << 10)
#endif
#define GUARD_BYTES ((size_t)64 << 10) /* more than one page: a function with a big array must not step over it */
#define SIGNAL_STACK_BYTES ((size_t)64 << 10)

static atomic_size_t high_water;

struct jb__stack jb__stack_map(bool big)
{
    size_t size = big ? STACK_BIG_BYTES : STACK_BYTES;
    char *pages = mmap(NULL, GUARD_BYTES + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

    if (pages == MAP_FAILED || mprotect(pages, GUARD_BYTES, PROT_NONE) != 0)
        jb_check_failed("a stack can be mapped (limit the number of fibers, or raise vm.max_map_count)", __FILE__, __LINE__);
    return (struct jb__stack){ pages + GUARD_BYTES, size };
}

void jb__stack_unmap(struct jb__stack *stack)
{
    JB_CHECK(munmap(stack->bottom - GUARD_BYTES, GUARD_BYTES + stack->size) == 0);
    *stack = (struct jb__stack){ NULL, 0 };
}

void jb__stack_measure(const struct jb__stack *stack)
{
    unsigned char resident[STACK_BIG_BYTES / 4096]; /* pages may be larger */
    size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = stack->size / page, untouched = 0;

    if (mincore(stack->bottom, stack->size, resident) != 0)
        return;
    while (untouched < pages && !(resident[untouched] & 1))
        untouched++;
    size_t used = (pages - untouched) * page, seen = atomic_load(&high_water);
    while (used > seen && !atomic_compare_exchange_weak(&high_water, &seen, used))
        continue;
}

size_t jb_stack_high_water(void)
{
    return atomic_load(&high_water);
}

#if defined(JB__SANITIZED)

/* The sanitizers report overflows by themselves. */
void *jb__signal_stack_open(void)
{
    return NULL;
}

void jb__signal_stack_close(void *stack)
{
    (void)stack;
}

#else

static void write_text(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
        return;
}

/* Says which fiber ran into its guard page; then the fault happens again and ends the process as it would have. */
static void fault_in_guard(int number, siginfo_t *info, void *context)
{
    const struct jb_fiber *fiber = jb__loop_self ? jb__loop_self->running : NULL;
    const char *address = info->si_addr;

    (void)context;
    if (fiber && address < fiber->stack.bottom && address >= fiber->stack.bottom - GUARD_BYTES) {
        write_text("jangbu: stack overflow on fiber '");
        write_text(fiber->name);
        write_text("'\n");
    }
    signal(number, SIG_DFL);
}

static void install_handler(void)
{
    struct sigaction action = { .sa_sigaction = fault_in_guard, .sa_flags = SA_SIGINFO | SA_ONSTACK };

    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}

void *jb__signal_stack_open(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    stack_t stack = { .ss_sp = malloc(SIGNAL_STACK_BYTES), .ss_size = SIGNAL_STACK_BYTES };

    JB_CHECK(stack.ss_sp && sigaltstack(&stack, NULL) == 0);
    pthread_once(&once, install_handler);
    return stack.ss_sp;
}

void jb__signal_stack_close(void *stack)
{
    sigaltstack(&(stack_t){ .ss_flags = SS_DISABLE }, NULL);
    free(stack);
}

#endif
