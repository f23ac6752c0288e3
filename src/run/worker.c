/* worker.c — the threads that loops run on: one loop each. */
// SPDX-License-Identifier: Apache-2.0
#include "run/run_private.h"
#include <stdio.h>
#include <stdlib.h>

struct worker {
    pthread_t thread;
    int number, loop_index;
    void (*main)(int number, void *arg);
    void *arg;
};

static void worker_main(void *arg)
{
    struct worker *worker = arg;

    worker->main(worker->number, worker->arg);
}

static void *thread_main(void *arg)
{
    struct worker *worker = arg;
    char name[16];

    snprintf(name, sizeof name, "loop %d", worker->number);
#if defined(__linux__)
    pthread_setname_np(pthread_self(), name);
#endif
    jb__loop_run(worker->loop_index, worker_main, worker);
    return NULL;
}

void jb_loop_run(void (*main)(void *arg), void *arg)
{
    jb__loop_run(jb__loop_reserve(), main, arg);
}

void jb_loop_run_threads(int threads, void (*main)(int index, void *arg), void *arg)
{
    JB_CHECK(threads > 0);
    struct worker *workers = calloc((size_t)threads, sizeof *workers);
    JB_CHECK(workers);

    for (int i = 0; i < threads; i++)
        workers[i] = (struct worker){ .number = i, .loop_index = jb__loop_reserve(), .main = main, .arg = arg };
    for (int i = 1; i < threads; i++)
        if (pthread_create(&workers[i].thread, NULL, thread_main, &workers[i]) != 0)
            jb_check_failed("a thread can be started (raise the limit on processes)", __FILE__, __LINE__);
    jb__loop_run(workers[0].loop_index, worker_main, &workers[0]);
    for (int i = 1; i < threads; i++)
        pthread_join(workers[i].thread, NULL);
    free(workers);
}
