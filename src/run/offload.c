/* offload.c — threads for what must block: a pool for anything, and threads that do one thing at a time.
 *
 * A crew is a queue of jobs and the threads that take from it. The pool's crew grows when nobody is idle, because jobs may wait for each other (two
 * ends of a channel), up to a limit that only a mistake reaches; threads above a few leave again when idle. A jb_thread is a crew of one. */
// SPDX-License-Identifier: Apache-2.0
#include "run/run_private.h"
#include "base/log.h"
#include <stdlib.h>
#include <stdio.h>

#define POOL_THREADS_MAX 64
#define POOL_THREADS_KEEP 4
#define IDLE_NS ((uint64_t)30 * 1000 * 1000 * 1000)

struct job {
    struct jb_list link;
    struct jb__waiter waiter;
    void (*run)(void *arg);
    void *arg;
    const char *log_tag;
};

struct crew {
    pthread_mutex_t mutex;
    uv_cond_t work;
    struct jb_list jobs;
    size_t waiting; /* jobs not taken */
    int threads, idle, keep, max;
    bool closing;
    const char *name;
};

static struct crew pool = { .mutex = PTHREAD_MUTEX_INITIALIZER, .max = POOL_THREADS_MAX, .keep = POOL_THREADS_KEEP, .name = "offload" };

static void crew_init(struct crew *crew)
{
    jb_list_init(&crew->jobs);
    JB_CHECK(uv_cond_init(&crew->work) == 0);
}

/* A forked child has none of the threads. */
static void forget_pool(void)
{
    pthread_mutex_init(&pool.mutex, NULL);
    crew_init(&pool);
    pool.waiting = 0;
    pool.threads = pool.idle = 0;
}

static void init_pool(void)
{
    crew_init(&pool);
    pthread_atfork(NULL, NULL, forget_pool);
}

/* The next job; NULL when this thread should leave. With the mutex. */
static struct job *next_job(struct crew *crew)
{
    while (jb_list_empty(&crew->jobs)) {
        if (crew->closing)
            return NULL;
        crew->idle++;
        int status = uv_cond_timedwait(&crew->work, &crew->mutex, IDLE_NS);
        crew->idle--;
        if (status == UV_ETIMEDOUT && crew->threads > crew->keep && jb_list_empty(&crew->jobs))
            return NULL;
    }
    crew->waiting--;
    return JB_CONTAINER(jb_list_pop(&crew->jobs), struct job, link);
}

static void *crew_main(void *arg)
{
    struct crew *crew = arg;
    struct job *job;

#if defined(__linux__)
    char name[16];
    snprintf(name, sizeof name, "%s", crew->name);
    pthread_setname_np(pthread_self(), name);
#endif
    pthread_mutex_lock(&crew->mutex);
    while ((job = next_job(crew))) {
        pthread_mutex_unlock(&crew->mutex);
        jb_log_tag_set(job->log_tag);
        job->run(job->arg);
        jb_log_tag_set(NULL);
        pthread_mutex_lock(&crew->mutex);
        jb__waiter_wake(&job->waiter); /* its stack may be gone as soon as the mutex is */
    }
    crew->threads--;
    pthread_mutex_unlock(&crew->mutex);
    return NULL;
}

/* With the mutex. */
static pthread_t add_thread(struct crew *crew, int detach_state)
{
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, detach_state);
    if (pthread_create(&thread, &attributes, crew_main, crew) != 0)
        jb_check_failed("a thread can be started (raise the limit on processes)", __FILE__, __LINE__);
    pthread_attr_destroy(&attributes);
    crew->threads++;
    return thread;
}

static void crew_call(struct crew *crew, void (*run)(void *arg), void *arg)
{
    struct job job = { .run = run, .arg = arg, .log_tag = jb_log_tag() };

    jb__waiter_init(&job.waiter);
    pthread_mutex_lock(&crew->mutex);
    jb_list_append(&crew->jobs, &job.link);
    crew->waiting++;
    if (crew->waiting > (size_t)crew->idle && crew->threads < crew->max)
        add_thread(crew, PTHREAD_CREATE_DETACHED);
    uv_cond_signal(&crew->work);
    jb__waiter_wait(&job.waiter, &crew->mutex, NULL);
    pthread_mutex_unlock(&crew->mutex);
    jb__waiter_done(&job.waiter);
}

void jb_offload(void (*run)(void *arg), void *arg)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    jb__may_wait("jb_offload");
    if (!jb_on_fiber()) {
        run(arg);
        return;
    }
    pthread_once(&once, init_pool);
    crew_call(&pool, run, arg);
}

/* ---- a thread of one's own ------------------------------------------------------------------------------------------------ */

struct jb_thread {
    struct crew crew;
    pthread_t thread;
};

struct jb_thread *jb_thread_new(const char *name)
{
    struct jb_thread *thread = calloc(1, sizeof *thread);

    JB_CHECK(thread);
    thread->crew.name = name;
    thread->crew.keep = thread->crew.max = 1;
    pthread_mutex_init(&thread->crew.mutex, NULL);
    crew_init(&thread->crew);
    pthread_mutex_lock(&thread->crew.mutex);
    thread->thread = add_thread(&thread->crew, PTHREAD_CREATE_JOINABLE);
    pthread_mutex_unlock(&thread->crew.mutex);
    return thread;
}

void jb_thread_free(struct jb_thread *thread)
{
    if (!thread)
        return;
    pthread_mutex_lock(&thread->crew.mutex);
    thread->crew.closing = true;
    uv_cond_signal(&thread->crew.work);
    pthread_mutex_unlock(&thread->crew.mutex);
    pthread_join(thread->thread, NULL);
    uv_cond_destroy(&thread->crew.work);
    pthread_mutex_destroy(&thread->crew.mutex);
    free(thread);
}

void jb_thread_call(struct jb_thread *thread, void (*run)(void *arg), void *arg)
{
    jb__may_wait("jb_thread_call");
    crew_call(&thread->crew, run, arg);
}
