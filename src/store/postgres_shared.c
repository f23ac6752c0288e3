/* postgres_shared.c — one connection in pipeline mode for the short reads of all fibers of a loop.
 *
 * Fibers put their queries into libpq's buffer; the first one of a turn lets the others of that turn do so too, then sends everything with one sync. Answers come in the order of the queries: a queue
 * of slots says whose each one is. The callback that drains the socket only takes results out of libpq and wakes who waits; rows are read by the fiber itself.
 *
 * What may not be here finds out by itself: the session is read-only and its statements end after DB_SHARED_READ_MS. A statement that broke one of the two goes to a connection of one's own from then
 * on. A failing query takes those of its sync with it; they are sent again. Nobody cancels here: a waiter whose time is over leaves its slot behind, and the answer is dropped. */
// SPDX-License-Identifier: Apache-2.0
#include "store/postgres_private.h"
#include <stdio.h>
#include <stdlib.h>

#define BUSY_FIBERS 2 /* so many reads at one time are worth a shared connection */
#define STATEMENTS_MAX ((size_t)400)
#define ABORTS_MAX 2 /* then alone */
#define FLUSH_US (5 * JB_SECOND_US)
#define SLICE_US 200000
#define FULL_US 1000
#define SLOW_PAUSE_US JB_SECOND_US /* of a statement that took too long here; doubles each time in a row */
#define SLOW_PAUSE_MAX_US (600 * JB_SECOND_US)
#define RETRY_US JB_SECOND_US /* after it could not be opened */

struct slot {
    struct jb_list link; /* in the order of sending */
    struct jb_fiber *fiber;
    PGresult *result;
    bool sync;
    bool parked, done;
    bool left; /* its waiter has left */
};

struct jb__pg_shared {
    struct jb__pg_server *server;
    struct jb__pg_connection *connection; /* NULL: none now */
    struct jb_watch *watch;
    struct jb_loop_end end;
    struct jb_list slots;
    int index;      /* of its loop: another loop's entry is that loop's alone */
    int generation; /* of the connection */
    int reading;    /* fibers between enter and leave, here or on a connection of their own */
    bool opening, flushing;
    bool unsynced; /* something was sent since the last sync */
    int64_t retry_us;
};

/* ---- answers -------------------------------------------------------------------------------------------------------------------- */

static void answer(struct slot *slot)
{
    jb_list_remove(&slot->link);
    slot->done = true;
    if (!slot->left && !slot->sync) {
        if (slot->parked)
            jb_wake(slot->fiber);
        return;
    }
    PQclear(slot->result);
    free(slot);
}

/* Everybody who waits gets no result and asks elsewhere. */
static void lose(struct jb__pg_shared *shared)
{
    struct jb__pg_connection *connection = shared->connection;

    if (!connection)
        return;
    shared->connection = NULL;
    shared->generation++;
    jb_watch_close(shared->watch);
    jb__pg_close(connection);
    while (!jb_list_empty(&shared->slots)) {
        struct slot *slot = JB_CONTAINER(shared->slots.next, struct slot, link);
        PQclear(slot->result);
        slot->result = NULL;
        answer(slot);
    }
    shared->unsynced = false;
    shared->retry_us = jb_monotonic_us() + RETRY_US;
}

/* One step of libpq's queue; false when there is nothing more to take now. */
static bool take_one(struct jb__pg_shared *shared)
{
    PGconn *handle = shared->connection->handle;

    if (jb_list_empty(&shared->slots) || PQisBusy(handle))
        return false;
    struct slot *slot = JB_CONTAINER(shared->slots.next, struct slot, link);
    PGresult *result = PQgetResult(handle);
    if (slot->sync) {
        bool is_sync = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
        PQclear(result);
        if (is_sync)
            answer(slot);
        return is_sync;
    }
    if (!result && !slot->result)
        return false;
    if (!result) {
        answer(slot); /* which may free it */
        return true;
    }
    PQclear(slot->result);
    slot->result = result;
    return true;
}

/* On the loop, outside any fiber. */
static bool drain(void *arg, bool gone)
{
    struct jb__pg_shared *shared = arg;

    if (!PQconsumeInput(shared->connection->handle)) {
        lose(shared);
        return false;
    }
    while (take_one(shared))
        ;
    if (gone || PQstatus(shared->connection->handle) != CONNECTION_OK) {
        lose(shared);
        return false;
    }
    return true;
}

/* ---- opening ---------------------------------------------------------------------------------------------------------------------- */

static void end_with_loop(void *arg)
{
    struct jb__pg_shared *shared = arg;
    struct jb__pg_server *server = shared->server;

    server->shared[shared->index] = NULL;
    lose(shared);
    free(shared);
}

void jb__pg_shared_close(struct jb__pg_server *server)
{
    int index = jb_loop_index();
    struct jb__pg_shared *shared = index >= 0 && index < server->shared_max ? server->shared[index] : NULL;

    if (!shared)
        return;
    jb_loop_end_remove(&shared->end);
    end_with_loop(shared);
}

struct jb__pg_shared *jb__pg_shared_enter(struct jb__pg_server *server)
{
    int index = jb_loop_index();

    if (!jb_on_fiber() || index >= server->shared_max)
        return NULL;
    if (!server->shared[index]) {
        struct jb__pg_shared *shared = calloc(1, sizeof *shared);
        JB_CHECK(shared);
        shared->server = server;
        shared->index = index;
        shared->end = (struct jb_loop_end){ .run = end_with_loop, .arg = shared };
        jb_list_init(&shared->slots);
        jb_loop_end_add(&shared->end);
        server->shared[index] = shared;
    }
    server->shared[index]->reading++;
    return server->shared[index];
}

void jb__pg_shared_leave(struct jb__pg_shared *shared)
{
    if (shared)
        shared->reading--;
}

/* By one fiber, while the others use connections of their own. A failure is nobody's: the own connection will say it. */
static void open_shared(struct jb__pg_shared *shared)
{
    struct jb_scope *scope = jb_scope_new("shared connection");
    char settings[128];

    shared->opening = true;
    jb_deadline_set(scope, jb_monotonic_us() + shared->server->pg->connect_timeout_s * JB_SECOND_US);
    struct jb__pg_connection *connection = jb__pg_connect(shared->server, scope, false);
    snprintf(settings, sizeof settings, "set default_transaction_read_only = on; set statement_timeout = %d", shared->server->pg->shared_read_ms);
    if (connection && shared->server != &shared->server->pg->primary)
        jb__pg_find_floor(connection);
    if (connection && !connection->broken && jb__pg_exec_on(connection, scope, settings) && PQenterPipelineMode(connection->handle)) {
        shared->connection = connection;
        shared->watch = jb_watch_open(PQsocket(connection->handle));
        jb_watch_notify(shared->watch, drain, shared);
    } else {
        jb__pg_close(connection);
        shared->retry_us = jb_monotonic_us() + RETRY_US;
    }
    jb_scope_end(scope);
    shared->opening = false;
}

static bool usable(struct jb__pg_shared *shared, struct jb_scope *scope)
{
    if (shared->connection && jb_list_empty(&shared->slots) && jb_monotonic_us() - shared->connection->opened_us >= shared->server->pg->age_max_us) {
        lose(shared);
        shared->retry_us = 0;
    }
    if (!shared->connection && !shared->opening && shared->reading >= BUSY_FIBERS && jb_monotonic_us() >= shared->retry_us)
        open_shared(shared);
    return shared->connection && jb__pg_has_seen(shared->connection, scope);
}

/* ---- sending ------------------------------------------------------------------------------------------------------------------------ */

static struct slot *slot_add(struct jb__pg_shared *shared, bool sync)
{
    struct slot *slot = calloc(1, sizeof *slot);

    JB_CHECK(slot);
    slot->fiber = jb_fiber_self();
    slot->sync = sync;
    jb_list_init(&slot->link);
    jb_list_append(&shared->slots, &slot->link);
    return slot;
}

static bool sync_now(struct jb__pg_shared *shared)
{
    if (!shared->unsynced)
        return true;
    shared->unsynced = false;
    slot_add(shared, true);
    return PQpipelineSync(shared->connection->handle);
}

/* Everything that the fibers of this turn have put into the buffer leaves with one sync. */
static void flush_turn(struct jb__pg_shared *shared)
{
    int64_t until_us = jb_monotonic_us() + FLUSH_US;
    int left = 0;

    if (shared->flushing)
        return;
    shared->flushing = true;
    jb_yield();
    while (shared->connection) {
        bool ok = sync_now(shared); /* also for those who ask while we wait */
        if (ok && (left = PQflush(shared->connection->handle)) == 0)
            break;
        if (!ok || left < 0 || jb_monotonic_us() >= until_us)
            lose(shared);
        else
            jb_sleep(NULL, FULL_US); /* so much is seldom asked in one turn that the socket is full */
    }
    shared->flushing = false;
}

/* For a replica in slices: nobody waits for one that has gone away until his own end. false with a failure: the scope ended; without: the replica is away. */
static bool park(const struct jb__pg_server *server, struct jb_scope *scope)
{
    if (server == &server->pg->primary)
        return jb_park(scope, JB_NEVER);
    while (!jb_park(NULL, JB_MIN(jb_deadline_us(scope), jb_monotonic_us() + SLICE_US)))
        if (!jb_continue(scope) || !jb__pg_is_there(server))
            return false;
    return true;
}

/* Waits for the answer to what was just put into the buffer. false with a failure: the scope ended; without: the connection was lost. */
static bool ask(struct jb__pg_shared *shared, struct jb_scope *scope, int sent, bool alone, PGresult **ret_result)
{
    if (!sent) {
        lose(shared);
        return false;
    }
    struct slot *slot = slot_add(shared, false);
    shared->unsynced = true;
    if (alone && !sync_now(shared))
        lose(shared);
    flush_turn(shared);
    while (!slot->done) {
        slot->parked = true;
        bool woken = park(shared->server, scope);
        slot->parked = false;
        if (woken || slot->done)
            continue;
        slot->left = true;
        return false;
    }
    *ret_result = slot->result;
    free(slot);
    return *ret_result != NULL;
}

static bool is_aborted(const PGresult *result)
{
    return PQresultStatus(result) == PGRES_PIPELINE_ABORTED;
}

/* The server ends the session, or libpq says that it is gone. */
static bool is_ending(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return PQresultStatus(result) == PGRES_FATAL_ERROR && (!state || jb_str_starts(jb_str_of(state), JB_STR("57P")));
}

/* ---- statements ----------------------------------------------------------------------------------------------------------------------- */

static struct jb__pg_prepared *find(struct jb__pg_shared *shared, struct jb_str sql)
{
    return shared->connection ? jb_map_get(&shared->connection->by_sql, sql) : NULL;
}

static void forget(struct jb__pg_shared *shared, struct jb_str sql)
{
    struct jb__pg_prepared *prepared = find(shared, sql);

    if (prepared)
        jb__pg_prepared_forget(shared->connection, prepared);
}

static void wait_longer(struct jb__pg_prepared *prepared)
{
    int64_t now_us = jb_monotonic_us();

    if (now_us < prepared->slow_us)
        return; /* the same wait, met by others who were on their way */
    prepared->pause_us = JB_MIN(JB_MAX(2 * prepared->pause_us, SLOW_PAUSE_US), SLOW_PAUSE_MAX_US);
    prepared->slow_us = now_us + prepared->pause_us;
}

/* One that met a lock, or a busy server, before it was ready is made anew and keeps its pause. */
static struct jb__pg_prepared *prepared_anew(struct jb__pg_shared *shared, struct jb_str sql)
{
    struct jb__pg_prepared *old = find(shared, sql);
    int64_t pause_us = old ? old->pause_us : 0;

    forget(shared, sql);
    struct jb__pg_prepared *prepared = jb__pg_prepared_new(shared->connection, sql);
    prepared->pause_us = pause_us;
    return prepared;
}

/* Prepares and describes. NULL with a failure: the statement is wrong, or the scope ended; without one: not here, or not now. */
static struct jb__pg_prepared *prepare(struct jb__pg_shared *shared, struct jb_scope *scope, const struct jb__statement *statement)
{
    struct jb__pg_connection *connection = shared->connection;
    int generation = shared->generation;
    PGresult *result;
    bool ok = false, slow = false;

    if (connection->statement_count >= STATEMENTS_MAX) {
        lose(shared); /* so many texts: the next connection begins again */
        return NULL;
    }
    struct jb__pg_prepared *prepared = prepared_anew(shared, statement->sql);
    for (int describing = 0; describing < 2; describing++) {
        int sent = describing ? PQsendDescribePrepared(connection->handle, prepared->name) : PQsendPrepare(connection->handle, prepared->name, jb__pg_text(scope, statement->sql), 0, NULL);
        ok = false;
        if (!ask(shared, scope, sent, true, &result))
            break;
        if (shared->generation != generation) { /* `prepared` went with the connection */
            PQclear(result);
            return NULL;
        }
        ok = jb__pg_is_good(result);
        slow = jb__pg_state_is(result, "57014");
        if (slow)
            wait_longer(prepared);
        else if (!ok && !is_aborted(result) && !is_ending(result))
            jb__pg_fail(scope, connection->handle, result, statement);
        if (ok && describing)
            jb__pg_prepared_describe(prepared, result);
        PQclear(result);
        if (!ok)
            break;
    }
    if (ok && prepared->ready)
        return prepared;
    if (shared->generation == generation && !slow)
        forget(shared, statement->sql);
    return NULL;
}

enum outcome {
    SERVED,
    FAILED,
    ELSEWHERE,
    AGAIN,
};

/* It is being prepared by another fiber, or was found not to belong here. */
static bool is_elsewhere(const struct jb__pg_prepared *prepared)
{
    bool being_made = !prepared->ready && prepared->slow_us == 0;
    return being_made || prepared->direct || (prepared->slow_us && jb_monotonic_us() < prepared->slow_us);
}

/* What the server's error means for the statement. */
static enum outcome judge(struct jb__pg_shared *shared, struct jb_scope *scope, const PGresult *result, const struct jb__statement *statement)
{
    struct jb__pg_prepared *prepared = find(shared, statement->sql);

    if (is_aborted(result))
        return AGAIN;
    if (is_ending(result))
        return ELSEWHERE;
    if (jb__pg_state_is(result, "57014")) { /* a slow one, or a quick one that met a lock */
        if (prepared && prepared->ready)    /* one that is not is its fiber's */
            wait_longer(prepared);
        return ELSEWHERE;
    }
    if (jb__pg_state_is(result, "25006")) {
        if (prepared)
            prepared->direct = true;
        return ELSEWHERE;
    }
    if (jb__pg_state_is(result, "26000") || jb__pg_state_is(result, "0A000")) {
        if (prepared && prepared->ready) /* one that is not is being prepared anew, and its fiber's */
            forget(shared, statement->sql);
        return ELSEWHERE;
    }
    if (prepared)
        prepared->alone = true;
    jb__pg_fail(scope, shared->connection ? shared->connection->handle : NULL, result, statement);
    return FAILED;
}

static enum outcome run_once(struct jb__pg_shared *shared, struct jb_scope *scope, struct jb__statement *statement, bool alone)
{
    struct jb__pg_prepared *prepared = find(shared, statement->sql);
    struct jb__pg_answer columns;
    struct jb__pg_params params;
    PGresult *result;

    if (prepared && is_elsewhere(prepared))
        return ELSEWHERE;
    if ((!prepared || !prepared->ready) && !(prepared = prepare(shared, scope, statement)))
        return jb_failure(scope) ? FAILED : ELSEWHERE;
    if ((size_t)prepared->param_count != statement->arg_count)
        return ELSEWHERE; /* whoever runs it there says so */
    if (!jb__pg_encode(scope, statement->sql, prepared->params, statement->args, statement->arg_count, &params))
        return FAILED;
    alone |= prepared->alone;
    bool was_slow = prepared->pause_us > 0;
    if (alone && !sync_now(shared))
        lose(shared);
    if (!shared->connection)
        return ELSEWHERE;
    int sent = PQsendQueryPrepared(shared->connection->handle, prepared->name, params.count, params.values, params.lengths, params.formats, 1);
    if (!ask(shared, scope, sent, alone, &result))
        return jb_failure(scope) ? FAILED : ELSEWHERE;
    columns.found = false;
    enum outcome outcome = jb__pg_is_good(result) ? (jb__pg_rows_read(scope, result, statement, &columns) ? SERVED : FAILED) : judge(shared, scope, result, statement);
    PQclear(result);
    if (outcome == SERVED && was_slow && (prepared = find(shared, statement->sql)))
        prepared->pause_us = prepared->slow_us = 0;
    return outcome;
}

bool jb__pg_shared_run(struct jb__pg_shared *shared, struct jb_scope *scope, struct jb__statement *statement, bool *ret_served)
{
    enum outcome outcome = ELSEWHERE;

    jb__wait_allow(true);
    for (int aborts = 0; usable(shared, scope); aborts++) {
        outcome = run_once(shared, scope, statement, aborts >= ABORTS_MAX);
        if (outcome != AGAIN || aborts > ABORTS_MAX)
            break;
    }
    jb__wait_allow(false);
    *ret_served = outcome == SERVED || outcome == FAILED;
    return outcome == SERVED;
}
