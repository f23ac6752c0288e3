/* switch.S — the only assembly: puts this fiber's callee-saved registers on its stack and takes another's off.
 *
 *     void jb__switch(void **ret_save, void *to)
 *
 * x86-64 leaves by pop and jmp: a ret would always be mispredicted. MXCSR and the x87 control word are not kept: nobody here changes them.
 * A new stack (switch.c) looks as if it had switched away at the door of its entry function. */
// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)

        .text
        .globl  jb__switch
        .hidden jb__switch
        .type   jb__switch, @function
        .p2align 4
jb__switch:
        .cfi_startproc
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        pushq   %r12
        .cfi_adjust_cfa_offset 8
        pushq   %r13
        .cfi_adjust_cfa_offset 8
        pushq   %r14
        .cfi_adjust_cfa_offset 8
        pushq   %r15
        .cfi_adjust_cfa_offset 8
        movq    %rsp, (%rdi)
        movq    %rsi, %rsp
        popq    %r15
        .cfi_adjust_cfa_offset -8
        popq    %r14
        .cfi_adjust_cfa_offset -8
        popq    %r13
        .cfi_adjust_cfa_offset -8
        popq    %r12
        .cfi_adjust_cfa_offset -8
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        popq    %rcx
        .cfi_adjust_cfa_offset -8
        .cfi_register %rip, %rcx
        jmp     *%rcx
        .cfi_endproc
        .size   jb__switch, .-jb__switch

#elif defined(__aarch64__)

        .text
        .globl  jb__switch
        .hidden jb__switch
        .type   jb__switch, %function
        .p2align 4
jb__switch:
        .cfi_startproc
        sub     sp, sp, #160
        .cfi_adjust_cfa_offset 160
        stp     x19, x20, [sp, #0]
        stp     x21, x22, [sp, #16]
        stp     x23, x24, [sp, #32]
        stp     x25, x26, [sp, #48]
        stp     x27, x28, [sp, #64]
        stp     x29, x30, [sp, #80]
        stp     d8, d9, [sp, #96]
        stp     d10, d11, [sp, #112]
        stp     d12, d13, [sp, #128]
        stp     d14, d15, [sp, #144]
        mov     x9, sp
        str     x9, [x0]
        mov     sp, x1
        ldp     x19, x20, [sp, #0]
        ldp     x21, x22, [sp, #16]
        ldp     x23, x24, [sp, #32]
        ldp     x25, x26, [sp, #48]
        ldp     x27, x28, [sp, #64]
        ldp     x29, x30, [sp, #80]
        ldp     d8, d9, [sp, #96]
        ldp     d10, d11, [sp, #112]
        ldp     d12, d13, [sp, #128]
        ldp     d14, d15, [sp, #144]
        add     sp, sp, #160
        .cfi_adjust_cfa_offset -160
        br      x30
        .cfi_endproc
        .size   jb__switch, .-jb__switch

        /* The first switch to a stack comes here: the entry function stands in x19, and it has no caller, so that unwinding ends at zero. */
        .globl  jb__switch_entry
        .hidden jb__switch_entry
        .type   jb__switch_entry, %function
jb__switch_entry:
        mov     x30, xzr
        br      x19
        .size   jb__switch_entry, .-jb__switch_entry

#endif

        .section .note.GNU-stack, "", %progbits
