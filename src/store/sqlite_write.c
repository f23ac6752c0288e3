/* sqlite_write.c — the writer of a file: one connection on one thread, one transaction at a time.
 *
 * Turns. Inside the process the gate `writers` is the queue. Among processes SQLite's own lock is not fair: whoever polls loses against whoever begins again at once, and a long import in
 * small commits would starve the site. So a process that wants to begin first locks a byte of the lock file, holds it until its BEGIN IMMEDIATE succeeded and lets it go: the one
 * that has just committed finds it taken and must wait behind.
 *
 * Checkpoints run on a thread of their own: when the writer has nothing to do, or, past CHECKPOINT_PAGES, beside it. Only an idle moment lets the log begin anew, so a writer that never rests reaches
 * LOG_PAGES_MAX; that commit copies what little is left by itself. */
// SPDX-License-Identifier: Apache-2.0
#include "store/broken_rule.h"
#include "store/sqlite_private.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TURN_LOOK_US 500
#define LOG_PAGES_MAX 200000       /* 800 MB: the commit that passes this checkpoints itself */
#define CHECKPOINT_PAGES 20000     /* worth a checkpoint while others write */
#define CHECKPOINT_IDLE_PAGES 1000 /* … when nobody does */
#define CHECKPOINT_IDLE_MS 50

/* ---- turns among processes ------------------------------------------------------------------------------------------------------- */

static bool turn_lock(struct jb__file *file, short type)
{
    struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = file->live, .l_len = 1 };
    return fcntl(file->sqlite->turn_fd, F_OFD_SETLK, &lock) == 0;
}

bool jb__turn_take(struct jb__file *file, struct jb_scope *scope)
{
    while (!turn_lock(file, F_WRLCK)) {
        if (errno != EAGAIN && errno != EACCES && errno != EINTR)
            return jb_fail_errno(scope, errno, JB_L(scope, "잠금 파일 %s.lock", "the lock file %s.lock"), file->sqlite->db->path);
        if (!jb_continue(scope))
            return jb_wrap(scope, "%s", JB_L(scope, "쓸 차례를 기다리다가 멈추었습니다", "while waiting for a turn to write"));
        struct timespec pause = { 0, TURN_LOOK_US * 1000L };
        nanosleep(&pause, NULL);
    }
    return true;
}

void jb__turn_leave(struct jb__file *file)
{
    turn_lock(file, F_UNLCK);
}

/* With a staging file attached, BEGIN IMMEDIATE would lock that too, and what is compared under the lock could not be written there: only the main file is begun. */
static bool begin_main(struct jb__connection *writer, struct jb_scope *scope)
{
    struct jb__statement begin = { .sql = JB_STR("begin"), .write = true }, lock = { .sql = JB_STR("delete from main.jb_generation where 0"), .write = true };

    if (!jb__execute(writer, scope, &begin))
        return false;
    if (jb__execute(writer, scope, &lock))
        return true;
    sqlite3_exec(writer->handle, "rollback", NULL, NULL, NULL);
    return false;
}

bool jb__write_begin(struct jb__connection *writer, struct jb_scope *scope)
{
    struct jb__statement begin = { .sql = JB_STR("begin immediate"), .write = true };

    if (JB_FAULT("store/sqlite/busy", scope) || !jb__turn_take(writer->file, scope))
        return false;
    bool staged = sqlite3_db_filename(writer->handle, "jb_stage") != NULL;
    bool ok = staged ? begin_main(writer, scope) : jb__execute(writer, scope, &begin);
    jb__turn_leave(writer->file);
    return ok;
}

/* A statement of a cursor may still be open: it ends with the transaction. */
static void reset_all(struct jb__connection *writer)
{
    struct jb_list *next;

    for (struct jb_list *link = writer->recent.next; link != &writer->recent; link = next) {
        struct jb__prepared *prepared = JB_CONTAINER(link, struct jb__prepared, link);
        next = link->next;
        if (prepared->in_use)
            jb__release(writer, prepared);
    }
    atomic_fetch_add(&writer->file->tx_serial, 1);
}

bool jb__write_end(struct jb__connection *writer, struct jb_scope *scope, bool commit)
{
    struct jb__statement end = { .sql = JB_STR("commit"), .write = true };
    struct jb_scope *before = writer->scope;
    bool ok = true;

    writer->scope = NULL; /* from here on nothing interrupts */
    reset_all(writer);
    if (commit)
        ok = !JB_FAULT("store/sqlite/commit", scope) && jb__generation_write(writer, scope) && jb__execute(writer, scope, &end);
    jb__touched_clear(&writer->touched);
    if ((!commit || !ok) && !sqlite3_get_autocommit(writer->handle))
        sqlite3_exec(writer->handle, "rollback", NULL, NULL, NULL);
    JB_CHECK(sqlite3_get_autocommit(writer->handle));
    writer->scope = before;
    return ok;
}

/* ---- calls on the writer thread ------------------------------------------------------------------------------------------------------ */

struct call {
    struct jb__file *file;
    struct jb_scope *scope;
    jb__write *run;
    void *arg;
    bool in_tx, own_tx, ok;
};

static bool run_in_tx(struct call *call, struct jb__connection *writer)
{
    /* A full disk or an interrupted write makes SQLite roll back by itself; what follows must not be committed piece by piece. */
    if (sqlite3_get_autocommit(writer->handle))
        return jb_fail(call->scope, JB_UNAVAILABLE, "%s", JB_L(call->scope, "앞선 오류로 이 작업 묶음이 취소되었습니다. 다시 하세요.", "An earlier error has ended this transaction. Try again."));
    return call->run(writer, call->scope, call->arg);
}

static bool run_alone(struct call *call, struct jb__connection *writer)
{
    if (!call->own_tx) {
        bool ok = call->run(writer, call->scope, call->arg);
        JB_CHECK(sqlite3_get_autocommit(writer->handle)); /* whoever begins ends */
        return ok;
    }
    if (!jb__write_begin(writer, call->scope))
        return false;
    bool ok = call->run(writer, call->scope, call->arg);
    return jb__write_end(writer, call->scope, ok) && ok;
}

static void on_writer(void *arg)
{
    struct call *call = arg;
    struct jb__connection *writer = call->file->writer;

    writer->scope = call->scope;
    call->ok = call->in_tx ? run_in_tx(call, writer) : run_alone(call, writer);
    writer->scope = NULL;
}

static void thread_call(struct jb__file *file, void (*run)(void *arg), void *arg)
{
    jb__wait_allow(true);
    jb_thread_call(file->thread, run, arg);
    jb__wait_allow(false);
}

static void checkpoint_want(struct jb__file *file)
{
    struct jb__sqlite *sqlite = file->sqlite;

    if (atomic_load(&file->wal_pages) < CHECKPOINT_IDLE_PAGES)
        return;
    pthread_mutex_lock(&sqlite->checkpoint_mutex);
    pthread_cond_signal(&sqlite->checkpoint_wanted);
    pthread_mutex_unlock(&sqlite->checkpoint_mutex);
}

bool jb__write_call(struct jb__file *file, struct jb_scope *scope, struct jb_tx *tx, bool own_tx, jb__write *run, void *arg)
{
    struct call call = { file, scope, run, arg, tx != NULL, own_tx, false };

    if (!jb_continue(scope) || (!tx && !jb__gate_take(&file->writers, scope)))
        return false;
    thread_call(file, on_writer, &call);
    if (!tx) {
        jb__gate_leave(&file->writers);
        checkpoint_want(file);
    }
    return call.ok;
}

/* ---- transactions ------------------------------------------------------------------------------------------------------------------------ */

struct tx_step {
    struct jb__file *file;
    struct jb_scope *scope;
    enum { TX_BEGIN,
        TX_COMMIT,
        TX_ROLLBACK } step;
    int depth;
    bool ok;
};

static bool savepoint(struct jb__connection *writer, struct tx_step *step)
{
    static const char *const words[] = { "savepoint jb%d", "release jb%d", "rollback to jb%d; release jb%d" };
    char sql[64];

    if (sqlite3_get_autocommit(writer->handle)) /* already rolled back as a whole */
        return step->step == TX_ROLLBACK || jb_fail(step->scope, JB_UNAVAILABLE, "%s", JB_L(step->scope, "앞선 오류로 이 작업 묶음이 취소되었습니다. 다시 하세요.", "An earlier error has ended this transaction. Try again."));
    sqlite3_snprintf(sizeof sql, sql, words[step->step], step->depth, step->depth);
    int code = sqlite3_exec(writer->handle, sql, NULL, NULL, NULL);
    if (step->step == TX_ROLLBACK)
        return true;
    return code == SQLITE_OK || jb__sqlite_fail(step->scope, writer->handle, code, sql);
}

static void on_tx_step(void *arg)
{
    struct tx_step *step = arg;
    struct jb__connection *writer = step->file->writer;

    writer->scope = step->step == TX_ROLLBACK ? NULL : step->scope;
    if (step->depth > 0)
        step->ok = savepoint(writer, step);
    else if (step->step == TX_BEGIN)
        step->ok = jb__write_begin(writer, step->scope);
    else if (step->step == TX_COMMIT && sqlite3_get_autocommit(writer->handle))
        step->ok = jb_fail(step->scope, JB_UNAVAILABLE, "%s", JB_L(step->scope, "앞선 오류로 이 작업 묶음이 취소되어 저장하지 못했습니다. 다시 하세요.", "An earlier error has ended this transaction; nothing was saved. Try again."));
    else
        step->ok = jb__write_end(writer, step->scope, step->step == TX_COMMIT);
    writer->scope = NULL;
}

bool jb__sqlite_tx_begin(struct jb_db *db, struct jb_scope *scope, bool live, int depth, void **handle)
{
    struct jb__file *file = &jb__sqlite_of(db)->files[live];
    struct tx_step step = { file, scope, TX_BEGIN, depth, false };

    (void)handle; /* there is one writer for each file */
    if (!jb_continue(scope) || (depth == 0 && !jb__gate_take(&file->writers, scope)))
        return false;
    thread_call(file, on_tx_step, &step);
    if (depth == 0 && !step.ok)
        jb__gate_leave(&file->writers);
    return step.ok;
}

/* Committed or not: at depth 0 the transaction is over. */
bool jb__sqlite_tx_commit(struct jb_db *db, struct jb_scope *scope, bool live, int depth, void *handle)
{
    struct jb__file *file = &jb__sqlite_of(db)->files[live];
    struct tx_step step = { file, scope, TX_COMMIT, depth, false };

    (void)handle;
    thread_call(file, on_tx_step, &step);
    if (depth == 0) {
        if (!step.ok) {
            struct tx_step rollback = { file, NULL, TX_ROLLBACK, 0, false };
            thread_call(file, on_tx_step, &rollback);
        }
        jb__gate_leave(&file->writers);
        checkpoint_want(file);
    }
    return step.ok;
}

void jb__sqlite_tx_rollback(struct jb_db *db, bool live, int depth, void *handle)
{
    struct jb__file *file = &jb__sqlite_of(db)->files[live];
    struct tx_step step = { file, NULL, TX_ROLLBACK, depth, false };

    (void)handle;
    thread_call(file, on_tx_step, &step);
    if (depth == 0)
        jb__gate_leave(&file->writers);
}

/* ---- many rows ------------------------------------------------------------------------------------------------------------------------------- */

static bool batch_row(struct jb__connection *writer, struct jb_scope *scope, sqlite3_stmt *statement, struct jb__batch *batch, const void *row)
{
    for (size_t i = 0; i < batch->field_count; i++) {
        struct jb_value value = jb__column_value(batch->model, row, batch->fields[i]);
        if (!jb__is_text(value))
            return jb__broken_text(scope, &(struct jb__statement){ .model = batch->model, .row = row });
        if (!jb__bind(statement, (int)i + 1, value))
            return jb__sqlite_fail(scope, writer->handle, sqlite3_errcode(writer->handle), "binding a row");
    }
    sqlite3_set_last_insert_rowid(writer->handle, 0);
    int64_t before = sqlite3_total_changes64(writer->handle);
    int code = sqlite3_step(statement);
    if (code != SQLITE_DONE)
        return jb__statement_fail(scope, writer->handle, code, &(struct jb__statement){ .sql = batch->sql, .model = batch->model, .row = row });
    if (sqlite3_total_changes64(writer->handle) == before)
        batch->ignored++;
    else if (!batch->update && sqlite3_last_insert_rowid(writer->handle) != 0)
        batch->inserted++;
    else
        batch->updated++;
    sqlite3_reset(statement);
    return true;
}

static bool batch_run(struct jb__connection *writer, struct jb_scope *scope, void *arg)
{
    struct jb__batch *batch = arg;
    struct jb__prepared *prepared = jb__prepare(writer, scope, batch->sql);
    bool ok = prepared != NULL && !JB_FAULT("store/bulk/flush", scope);

    for (size_t i = 0; ok && i < batch->count; i++)
        ok = (i % 256 != 0 || jb_continue(scope)) && batch_row(writer, scope, prepared->statement, batch, batch->rows + i * batch->model->record.size);
    if (prepared)
        jb__release(writer, prepared);
    return ok;
}

bool jb__sqlite_batch(struct jb_db *db, struct jb_scope *scope, struct jb_tx *tx, struct jb__batch *batch)
{
    return jb__write_call(&jb__sqlite_of(db)->files[batch->model->live], scope, tx, true, batch_run, batch);
}

/* ---- for whoever needs the writer itself -------------------------------------------------------------------------------------------------------- */

struct raw_call {
    bool (*run)(sqlite3 *connection, void *arg);
    void *arg;
};

static bool run_raw(struct jb__connection *writer, struct jb_scope *scope, void *arg)
{
    struct raw_call *raw = arg;
    (void)scope;
    return raw->run(writer->handle, raw->arg);
}

bool jb__writer_call(struct jb_db *db, bool live, bool (*run)(sqlite3 *connection, void *arg), void *arg, struct jb_scope *scope)
{
    struct raw_call raw = { run, arg };
    return jb__write_call(&jb__sqlite_of(db)->files[live], scope, jb__tx_of(scope, live), false, run_raw, &raw);
}

bool jb__sqlite_begin(struct jb_db *db, bool live, struct jb_scope *scope)
{
    return jb__write_begin(jb__sqlite_of(db)->files[live].writer, scope);
}

bool jb__sqlite_end(struct jb_db *db, bool live, struct jb_scope *scope, bool commit)
{
    return jb__write_end(jb__sqlite_of(db)->files[live].writer, scope, commit);
}

/* ---- checkpoints ------------------------------------------------------------------------------------------------------------------------------------ */

int jb__on_commit(void *arg, sqlite3 *handle, const char *name, int wal_pages)
{
    struct jb__connection *writer = arg;

    atomic_store(&writer->file->wal_pages, wal_pages);
    if (wal_pages >= writer->file->sqlite->log_pages_max)
        sqlite3_wal_checkpoint_v2(handle, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return SQLITE_OK;
}

static bool worth_it(struct jb__file *file)
{
    int pages = atomic_load(&file->wal_pages);

    return pages >= file->sqlite->checkpoint_pages || (pages >= CHECKPOINT_IDLE_PAGES && jb__gate_idle(&file->writers));
}

/* PASSIVE neither waits for anybody nor makes anybody wait. */
static void checkpoint(struct jb__file *file, sqlite3 **handle)
{
    int logged = 0, done = 0;

    if (!*handle && sqlite3_open_v2(file->path, handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        sqlite3_close(*handle);
        *handle = NULL;
        return;
    }
    sqlite3_exec(*handle, file->live ? "pragma synchronous = normal" : "pragma synchronous = full", NULL, NULL, NULL);
    if (sqlite3_wal_checkpoint_v2(*handle, NULL, SQLITE_CHECKPOINT_PASSIVE, &logged, &done) == SQLITE_OK && logged == done)
        atomic_store(&file->wal_pages, 0);
}

static void wait_ms(struct jb__sqlite *sqlite, int ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += ms * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_cond_timedwait(&sqlite->checkpoint_wanted, &sqlite->checkpoint_mutex, &until);
}

static void *checkpointer_main(void *arg)
{
    struct jb__sqlite *sqlite = arg;
    sqlite3 *handles[2] = { NULL, NULL };

    pthread_mutex_lock(&sqlite->checkpoint_mutex);
    while (!sqlite->stop) {
        pthread_cond_wait(&sqlite->checkpoint_wanted, &sqlite->checkpoint_mutex);
        if (!sqlite->stop)
            wait_ms(sqlite, CHECKPOINT_IDLE_MS);
        pthread_mutex_unlock(&sqlite->checkpoint_mutex);
        for (int i = 0; i < 2; i++)
            if (worth_it(&sqlite->files[i]))
                checkpoint(&sqlite->files[i], &handles[i]);
        pthread_mutex_lock(&sqlite->checkpoint_mutex);
    }
    pthread_mutex_unlock(&sqlite->checkpoint_mutex);
    sqlite3_close(handles[0]);
    sqlite3_close(handles[1]);
    return NULL;
}

bool jb__checkpointer_start(struct jb__sqlite *sqlite)
{
    sqlite->checkpoint_pages = CHECKPOINT_PAGES;
    sqlite->log_pages_max = LOG_PAGES_MAX;
    sqlite->checkpointer_runs = pthread_create(&sqlite->checkpointer, NULL, checkpointer_main, sqlite) == 0;
    return sqlite->checkpointer_runs;
}

void jb__checkpointer_stop(struct jb__sqlite *sqlite)
{
    if (!sqlite->checkpointer_runs)
        return;
    pthread_mutex_lock(&sqlite->checkpoint_mutex);
    sqlite->stop = true;
    pthread_cond_signal(&sqlite->checkpoint_wanted);
    pthread_mutex_unlock(&sqlite->checkpoint_mutex);
    pthread_join(sqlite->checkpointer, NULL);
    sqlite->checkpointer_runs = false;
}
