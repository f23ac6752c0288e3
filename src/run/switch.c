/* switch.c — makes a stack on which the first switch enters a function; and the switch itself where switch.S knows no processor (ucontext). */
// SPDX-License-Identifier: Apache-2.0
#include "run/run_private.h"
#include <string.h>

#if defined(JB_SWITCH_UCONTEXT)

void jb__context_init(struct jb__context *context, char *stack, size_t size, void (*entry)(void))
{
    JB_CHECK(getcontext(&context->ucontext) == 0);
    context->ucontext.uc_stack.ss_sp = stack;
    context->ucontext.uc_stack.ss_size = size;
    context->ucontext.uc_link = NULL;
    makecontext(&context->ucontext, entry, 0);
}

/* TSan was told of the switch by the caller already: it must not see this function being left on another stack. */
__attribute__((no_sanitize("thread"), noinline)) void jb__context_switch(struct jb__context *from, struct jb__context *to)
{
    swapcontext(&from->ucontext, &to->ucontext);
}

#elif defined(__x86_64__)

/* From the top: no return address (16n - 8, as after a call), the entry, six registers. */
void jb__context_init(struct jb__context *context, char *stack, size_t size, void (*entry)(void))
{
    void **top = (void **)((uintptr_t)(stack + size) & ~(uintptr_t)15);

    memset(top - 8, 0, 8 * sizeof(void *));
    memcpy(top - 2, &entry, sizeof entry);
    context->stack_pointer = top - 8;
}

#elif defined(__aarch64__)

void jb__switch_entry(void);

/* Twenty registers; x19 holds the entry, x30 the small door in switch.S that clears the return address and jumps there. */
void jb__context_init(struct jb__context *context, char *stack, size_t size, void (*entry)(void))
{
    void **top = (void **)((uintptr_t)(stack + size) & ~(uintptr_t)15);
    void (*door)(void) = jb__switch_entry;

    memset(top - 20, 0, 20 * sizeof(void *));
    memcpy(top - 20, &entry, sizeof entry);
    memcpy(top - 20 + 11, &door, sizeof door);
    context->stack_pointer = top - 20;
}

#endif
