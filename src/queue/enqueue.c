/* enqueue.c — the service, and putting a task into the queue.
 *
 * The entry is written in the caller's transaction; workers of this process are poked after the commit, those of other processes look for themselves. */
// SPDX-License-Identifier: Apache-2.0
#include "queue/queue_private.h"
#include "base/json.h"
#include <stdlib.h>
#include <string.h>

#define PAYLOAD_BYTES_MAX ((size_t)1 << 20)

/* ---- the service -------------------------------------------------------------------------------------------------------- */

struct jb_queue *jb_queue_new(struct jb_scope *scope, const struct jb_task *const *tasks)
{
    for (size_t i = 0; tasks[i]; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(tasks[i]->name, tasks[k]->name) == 0) {
                jb_fail(scope, JB_INVALID, JB_L(scope, "작업 이름 ‘%s’이(가) 두 번 있습니다.", "The task name \"%s\" stands twice."), tasks[i]->name);
                return NULL;
            }
    struct jb_queue *queue = calloc(1, sizeof *queue);
    JB_CHECK(queue);
    queue->tasks = tasks;
    queue->lease_s = JB_LEASE_S;
    pthread_mutex_init(&queue->mutex, NULL);
    jb_list_init(&queue->workers);
    return queue;
}

void jb_queue_lease_set(struct jb_queue *queue, int lease_s)
{
    queue->lease_s = lease_s;
}

void jb_queue_free(struct jb_queue *queue)
{
    if (!queue)
        return;
    JB_CHECK(jb_list_empty(&queue->workers));
    pthread_mutex_destroy(&queue->mutex);
    free(queue);
}

void jb_queue_use(struct jb_scope *scope, struct jb_queue *queue)
{
    struct jb__queue_slot *slot = JB_NEW(scope, struct jb__queue_slot);
    slot->queue = queue;
    jb_service_set(scope, JB_SERVICE_QUEUE, slot);
}

struct jb__queue_slot *jb__queue_slot_of(const struct jb_scope *scope)
{
    return jb_service(scope, JB_SERVICE_QUEUE);
}

struct jb_queue *jb__queue_of(const struct jb_scope *scope)
{
    struct jb__queue_slot *slot = jb__queue_slot_of(scope);
    JB_CHECK(slot);
    return slot->queue;
}

struct jb_scope *jb_scope_detached(struct jb_scope *scope, const char *name)
{
    struct jb_scope *detached = jb_scope_new(name);

    for (int i = 0; i < JB_SERVICE_COUNT; i++)
        if (i != JB_SERVICE_DB && i != JB_SERVICE_QUEUE)
            jb_service_set(detached, (enum jb_service)i, jb_service(scope, (enum jb_service)i));
    jb_db_use(detached, jb_db_of(scope));
    jb_queue_use(detached, jb__queue_of(scope));
    jb_language_set(detached, jb_language(scope));
    return detached;
}

const struct jb_task *jb__task_find(const struct jb_queue *queue, struct jb_str name)
{
    for (size_t i = 0; queue->tasks[i]; i++)
        if (jb_str_is(name, queue->tasks[i]->name))
            return queue->tasks[i];
    return NULL;
}

void jb__queue_poke(struct jb_queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    for (JB_EACH(&queue->workers, link))
        jb__work_poke(link);
    pthread_mutex_unlock(&queue->mutex);
}

int64_t jb_task_id(const struct jb_scope *scope)
{
    struct jb__queue_slot *slot = jb__queue_slot_of(scope);
    return slot ? slot->task_id : 0;
}

int jb_task_attempt(const struct jb_scope *scope)
{
    struct jb__queue_slot *slot = jb__queue_slot_of(scope);
    return slot ? slot->attempt : 0;
}

/* ---- enqueueing ----------------------------------------------------------------------------------------------------------- */

/* "NAME:value,value"; NULL without unique_by. */
static struct jb_str unique_key(struct jb_scope *scope, const struct jb_task *task, const void *payload)
{
    if (!task->unique_by)
        return JB_STR_NULL;
    struct jb_str rest = jb_str_of(task->unique_by);
    struct jb_str key = jb_format(scope, "%s:", task->name);
    while (rest.data) {
        struct jb_str name = jb_str_trim(jb_str_cut(&rest, ' '));
        if (name.size == 0)
            continue;
        const struct jb_field *field = jb_record_field(&task->payload, name);
        JB_CHECK(field); /* unique_by names a field of the payload */
        struct jb_str value = jb_value_text(scope, jb_record_get(&task->payload, payload, field));
        key = jb_format(scope, "%.*s%.*s,", JB_FMT(key), JB_FMT(value));
    }
    return key;
}

static bool payload_text(struct jb_scope *scope, const struct jb_task *task, const void *payload, struct jb_str *ret_text)
{
    struct jb_buf buf = JB_BUF_INIT(PAYLOAD_BYTES_MAX);
    struct jb_json_writer writer;

    jb_json_start(&writer, &buf);
    jb_json_record(&writer, &task->payload, payload, NULL);
    bool fits = !buf.full;
    if (fits)
        *ret_text = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return fits || jb_fail(scope, JB_LIMIT, JB_L(scope, "작업 ‘%s’의 내용이 1 MiB를 넘습니다.", "The payload of the task \"%s\" is over 1 MiB."), task->name);
}

static void poke_after_commit(struct jb_scope *scope, void *arg)
{
    (void)scope;
    jb__queue_poke(arg);
}

bool jb_enqueue_with(struct jb_scope *scope, const struct jb_task *task, const void *payload, const struct jb_enqueue *how)
{
    struct jb_queue *queue = jb__queue_of(scope);
    struct jb_time now = jb_now();
    int priority = how->priority ? how->priority : task->priority;
    struct queue_entry entry = {
        .name = jb_str_of(task->name),
        .queue = jb_str_of(task->queue ? task->queue : "default"),
        .priority = priority ? priority : JB_NORMAL,
        .run_at = { now.us + how->delay_s * JB_SECOND_US },
        .created_at = now,
        .unique_key = unique_key(scope, task, payload),
    };

    JB_CHECK(jb__task_find(queue, entry.name)); /* only declared tasks find a worker */
    if (!payload_text(scope, task, payload, &entry.payload) || !jb__broker_enqueue(scope, &entry))
        return jb_wrap(scope, JB_L(scope, "작업 ‘%s’을(를) 맡기지 못했습니다", "cannot enqueue the task \"%s\""), task->name);
    if (how->ret_id)
        *how->ret_id = entry.id;
    jb_after_commit(scope, poke_after_commit, queue);
    return true;
}
