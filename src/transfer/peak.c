/* peak.c — how much memory an attempt took: the process's peak, which the kernel forgets when an attempt begins and no other is running.
 *
 * Attempts at the same time share one figure. Where the peak cannot be forgotten (no /proc, a container that forbids it) it is that of the process's whole life. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>

static atomic_int running;

void jb__peak_begin(void)
{
    if (atomic_fetch_add(&running, 1) > 0)
        return;
    FILE *file = fopen("/proc/self/clear_refs", "we");
    if (!file)
        return;
    fputs("5", file); /* proc(5): the peak becomes what is resident now */
    fclose(file);
}

void jb__peak_end(void)
{
    atomic_fetch_sub(&running, 1);
}

int64_t jb__peak_bytes(void)
{
    struct rusage usage;
    long long kib = 0;
    char line[256];
    FILE *file = fopen("/proc/self/status", "re"); /* ru_maxrss remembers what was before exec */

    while (file && fgets(line, sizeof line, file) && sscanf(line, "VmHWM: %lld", &kib) != 1)
        ;
    if (file)
        fclose(file);
    if (kib == 0 && getrusage(RUSAGE_SELF, &usage) == 0)
        kib = usage.ru_maxrss;
    return kib * 1024;
}
