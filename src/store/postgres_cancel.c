/* postgres_cancel.c — tells a server to give a statement up.
 *
 * libpq's PQcancel connects, sends and waits for the server to hang up, for as long as that takes: before a machine that stands still, for ever. So it has a thread of its own that is left behind when it takes too
 * long; then nobody knows when its word arrives, and the connection must not carry another statement that it would hit. */
// SPDX-License-Identifier: Apache-2.0
#include "store/postgres_private.h"
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct cancelling {
    PGcancel *handle;
    int done;          /* an eventfd */
    _Atomic int users; /* the thread and whoever waits: the last one frees */
};

static void leave(struct cancelling *cancelling)
{
    if (atomic_fetch_sub(&cancelling->users, 1) > 1)
        return;
    PQfreeCancel(cancelling->handle);
    close(cancelling->done);
    free(cancelling);
}

static void *tell(void *arg)
{
    struct cancelling *cancelling = arg;
    char ignored[256];

    PQcancel(cancelling->handle, ignored, sizeof ignored);
    eventfd_write(cancelling->done, 1);
    leave(cancelling);
    return NULL;
}

static bool start(struct cancelling *cancelling)
{
    pthread_t thread;

    if (!cancelling->handle || cancelling->done < 0 || pthread_create(&thread, NULL, tell, cancelling) != 0)
        return false;
    pthread_detach(thread);
    return true;
}

static bool wait_done(const struct cancelling *cancelling, int64_t deadline_us)
{
    if (!jb_on_fiber()) {
        struct pollfd fd = { cancelling->done, POLLIN, 0 };
        int64_t left_us = deadline_us - jb_monotonic_us();
        return poll(&fd, 1, (int)(JB_MAX(left_us, 0) / 1000)) > 0;
    }
    jb__wait_allow(true);
    bool done = jb_wait_fd(NULL, cancelling->done, JB_WAIT_READ, deadline_us);
    jb__wait_allow(false);
    return done;
}

bool jb__pg_cancel(struct jb__pg_connection *connection, int64_t deadline_us)
{
    struct cancelling *cancelling = calloc(1, sizeof *cancelling);

    JB_CHECK(cancelling);
    atomic_fetch_add(&connection->server->pg->cancels, 1);
    cancelling->handle = PQgetCancel(connection->handle);
    cancelling->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    atomic_init(&cancelling->users, 2);
    if (!start(cancelling)) {
        atomic_store(&cancelling->users, 1);
        leave(cancelling);
        return false;
    }
    bool done = wait_done(cancelling, deadline_us);
    leave(cancelling);
    return done;
}
