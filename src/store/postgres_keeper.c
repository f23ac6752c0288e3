/* postgres_keeper.c — plain threads that look after what nobody waits for.
 *
 * The keeper listens for notifications, so that progress pages look only when there is something to see; closes connections that are old or spare and opens those that are missing. Where there are
 * replicas the looker asks each how far it has replayed; it is a thread of its own because the keeper may stand for seconds before a server that is gone. Nothing waits for them but the end. */
// SPDX-License-Identifier: Apache-2.0
#include "store/postgres_private.h"
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define ROUND_MS 100
#define TIDY_US JB_SECOND_US
#define RETRY_US JB_SECOND_US
#define PATIENCE_US (5 * JB_SECOND_US) /* for one thing that it does */

struct keeper {
    struct jb__pg *pg;
    struct jb__pg_connection *listener;
    int64_t retry_us, tidy_us;
};

static struct jb_scope *patient(void)
{
    struct jb_scope *scope = jb_scope_new("keeper");
    jb_deadline_set(scope, jb_monotonic_us() + PATIENCE_US);
    return scope;
}

static void listener_drop(struct keeper *keeper)
{
    jb__pg_close(keeper->listener);
    keeper->listener = NULL;
    keeper->retry_us = jb_monotonic_us() + RETRY_US;
}

static void listener_open(struct keeper *keeper)
{
    struct jb_scope *scope = patient();

    keeper->listener = jb__pg_connect(&keeper->pg->primary, scope, true);
    if (!keeper->listener || !jb__pg_exec_on(keeper->listener, scope, "listen jb_live"))
        listener_drop(keeper);
    else
        atomic_fetch_add(&keeper->pg->live_version, 1); /* what was told meanwhile was not heard */
    jb_scope_end(scope);
}

static void listener_read(struct keeper *keeper)
{
    PGnotify *heard;

    if (!PQconsumeInput(keeper->listener->handle)) {
        listener_drop(keeper);
        return;
    }
    while ((heard = PQnotifies(keeper->listener->handle))) {
        atomic_fetch_add(&keeper->pg->live_version, 1);
        PQfreemem(heard);
    }
}

static void tidy(struct keeper *keeper)
{
    struct jb__pg *pg = keeper->pg;
    struct jb_scope *scope = patient();

    jb__pg_server_tidy(&pg->primary, scope);
    for (int i = 0; i < pg->replica_count; i++)
        if (jb__pg_is_there(&pg->replicas[i])) /* opening connections to one that does not answer would keep us from listening */
            jb__pg_server_tidy(&pg->replicas[i], scope);
    if (pg->has_analytics && jb__pg_is_there(&pg->analytics))
        jb__pg_server_tidy(&pg->analytics, scope);
    keeper->tidy_us = jb_monotonic_us() + TIDY_US;
    jb_scope_end(scope);
}

static void *keeper_main(void *arg)
{
    struct keeper keeper = { .pg = arg };

    for (;;) {
        if (!keeper.listener && jb_monotonic_us() >= keeper.retry_us)
            listener_open(&keeper);
        struct pollfd fds[] = { { keeper.pg->stop_pipe[0], POLLIN, 0 }, { keeper.listener ? PQsocket(keeper.listener->handle) : -1, POLLIN, 0 } };
        poll(fds, JB_COUNT(fds), ROUND_MS);
        if (fds[0].revents)
            break;
        if (fds[1].revents)
            listener_read(&keeper);
        if (jb_monotonic_us() >= keeper.tidy_us)
            tidy(&keeper);
    }
    jb__pg_close(keeper.listener);
    return NULL;
}

static void *looker_main(void *arg)
{
    struct jb__pg *pg = arg;
    struct pollfd stop = { pg->stop_pipe[0], POLLIN, 0 };

    do
        jb__pg_replicas_look(pg);
    while (poll(&stop, 1, ROUND_MS) <= 0);
    jb__pg_replicas_leave(pg);
    return NULL;
}

bool jb__pg_keeper_start(struct jb__pg *pg, struct jb_scope *scope)
{
    if (pipe(pg->stop_pipe) != 0)
        return jb_fail(scope, JB_UNAVAILABLE, "%s", JB_L(scope, "파일 서술자가 모자랍니다.", "There are no file descriptors left."));
    pg->keeper_runs = pthread_create(&pg->keeper, NULL, keeper_main, pg) == 0;
    pg->looker_runs = pg->keeper_runs && jb__pg_has_others(pg) && pthread_create(&pg->looker, NULL, looker_main, pg) == 0;
    return (pg->keeper_runs && pg->looker_runs == jb__pg_has_others(pg)) || jb_fail(scope, JB_UNAVAILABLE, "%s", JB_L(scope, "스레드를 만들지 못했습니다.", "Cannot start a thread."));
}

void jb__pg_keeper_stop(struct jb__pg *pg)
{
    if (pg->stop_pipe[1] == 0)
        return;
    close(pg->stop_pipe[1]);
    if (pg->keeper_runs)
        pthread_join(pg->keeper, NULL);
    if (pg->looker_runs)
        pthread_join(pg->looker, NULL);
    close(pg->stop_pipe[0]);
}
