/* sqlite_db.c — SQLite as a driver: two files, their writers, the reader threads. */
// SPDX-License-Identifier: Apache-2.0
#include "store/introspect_private.h"
#include "store/sqlite_private.h"
#include "store/stage_private.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "books.db" → "books-live.db". */
static char *live_path(const char *path)
{
    const char *end = path + strlen(path), *dot = strrchr(path, '.');
    char *live;

    if (!dot || strchr(dot, '/'))
        dot = end;
    JB_CHECK(asprintf(&live, "%.*s-live%s", (int)(dot - path), path, dot) > 0);
    return live;
}

static void file_init(struct jb__sqlite *sqlite, bool live)
{
    struct jb__file *file = &sqlite->files[live];

    file->sqlite = sqlite;
    file->live = live;
    file->path = live ? live_path(sqlite->db->path) : strdup(sqlite->db->path);
    JB_CHECK(file->path);
    jb__gate_init(&file->readers, JB__READERS_MAX);
    jb__gate_init(&file->cursors, JB__CURSORS_MAX);
    jb__gate_init(&file->writers, 1);
    jb__gate_init(&file->versions, 1);
    JB_CHECK(pthread_mutex_init(&file->mutex, NULL) == 0);
    file->thread = jb_thread_new(live ? "writer-live" : "writer");
}

static void close_writer(void *arg)
{
    struct jb__file *file = arg;
    jb__connection_close(file->writer);
}

/* A fiber that was abandoned (run.h) never gives back its connection or its turn to write: both are given up here. SQLite rolls a transaction back that is open in what is closed. */
static void file_done(struct jb__file *file)
{
    while (file->opened) {
        struct jb__connection *connection = file->opened;
        file->opened = connection->next_opened;
        jb__connection_close(connection);
    }
    jb__connection_close(file->version);
    jb_thread_call(file->thread, close_writer, file); /* the last one to close empties the log */
    jb_thread_free(file->thread);
    jb__gate_done(&file->readers);
    jb__gate_done(&file->cursors);
    jb__gate_done(&file->writers);
    jb__gate_done(&file->versions);
    pthread_mutex_destroy(&file->mutex);
    free(file->path);
}

struct opening {
    struct jb__file *file;
    struct jb_scope *scope;
};

static void open_writer(void *arg)
{
    struct opening *opening = arg;

    if (!jb__turn_take(opening->file, opening->scope))
        return;
    /* Books are not for everybody on the machine; WAL and index files take the mode over. mknod, because closing a descriptor of the file would drop SQLite's locks. */
    (void)mknod(opening->file->path, S_IFREG | 0640, 0);
    opening->file->writer = jb__connection_open(opening->file, opening->scope, true);
    jb__turn_leave(opening->file);
}

static bool open_lock(struct jb__sqlite *sqlite, struct jb_scope *scope)
{
    struct jb_str path = jb_format(scope, "%s.lock", sqlite->db->path);

    sqlite->turn_fd = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (sqlite->turn_fd >= 0)
        return true;
    return jb_fail(scope, JB_UNAVAILABLE, JB_L(scope, "데이터베이스 파일 %s을(를) 열지 못했습니다: %s. 폴더가 있는지, 쓸 수 있는지 보세요.", "Cannot open the database file %s: %s. See that its folder exists and can be written to."), sqlite->db->path, strerror(errno));
}

static void sqlite_close(struct jb_db *db)
{
    struct jb__sqlite *sqlite = jb__sqlite_of(db);

    jb__checkpointer_stop(sqlite);
    for (int i = 0; i < db->reader_threads; i++)
        jb_thread_free(sqlite->readers[i]);
    file_done(&sqlite->files[0]);
    file_done(&sqlite->files[1]);
    jb__gate_done(&sqlite->reader_gate);
    pthread_mutex_destroy(&sqlite->mutex);
    pthread_mutex_destroy(&sqlite->checkpoint_mutex);
    pthread_cond_destroy(&sqlite->checkpoint_wanted);
    if (sqlite->turn_fd >= 0)
        close(sqlite->turn_fd);
    free(sqlite);
    db->driver_state = NULL;
}

static bool path_of_url(struct jb_scope *scope, struct jb_str url, char **ret_path)
{
    struct jb_str prefix = JB_STR("sqlite:///"), path = jb_str_slice(url, prefix.size, url.size);

    if (!jb_str_starts(url, prefix) || path.size == 0 || jb_str_find_char(path, '\0', 0) != SIZE_MAX)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "DATABASE_URL “%.*s”: sqlite:///파일.db 꼴이어야 합니다 (절대 경로는 sqlite:////…).", "DATABASE_URL \"%.*s\": it must look like sqlite:///file.db (sqlite:////… for an absolute path)."), JB_FMT(url));
    *ret_path = strndup(path.data, path.size);
    JB_CHECK(*ret_path);
    return true;
}

static bool sqlite_open(struct jb_db *db, struct jb_scope *scope, const struct jb_db_options *options)
{
    struct jb__sqlite *sqlite;

    if (!path_of_url(scope, options->url, &db->path))
        return false;
    sqlite = calloc(1, sizeof *sqlite);
    JB_CHECK(sqlite && db->reader_threads <= JB__READER_THREADS_MAX);
    db->driver_state = sqlite;
    sqlite->db = db;
    JB_CHECK(pthread_mutex_init(&sqlite->mutex, NULL) == 0);
    JB_CHECK(pthread_mutex_init(&sqlite->checkpoint_mutex, NULL) == 0);
    JB_CHECK(pthread_cond_init(&sqlite->checkpoint_wanted, NULL) == 0);
    jb__gate_init(&sqlite->reader_gate, db->reader_threads);
    file_init(sqlite, false);
    file_init(sqlite, true);
    for (int i = 0; i < db->reader_threads; i++)
        sqlite->readers[i] = jb_thread_new("reader");
    bool ok = open_lock(sqlite, scope) && jb__checkpointer_start(sqlite); /* before the first commit, which asks how long the log may be */
    for (int i = 0; ok && i < 2; i++) {
        struct opening opening = { &sqlite->files[i], scope };
        jb_thread_call(sqlite->files[i].thread, open_writer, &opening);
        ok = sqlite->files[i].writer != NULL;
    }
    if (!ok)
        sqlite_close(db);
    return ok;
}

static const struct jb__dialect sqlite_dialect = { .as_text = { "", "" }, .like = " like ", .part_of = { "", "" }, .part_of_month = { "", "" }, .explain = "explain query plan %.*s" };

const struct jb_driver jb__sqlite_driver = {
    .kind = "sqlite",
    .url = "sqlite:",
    .dialect = &sqlite_dialect,
    .stage = &jb__sqlite_stage,
    .open = sqlite_open,
    .close = sqlite_close,
    .run = jb__sqlite_run,
    .batch = jb__sqlite_batch,
    .begin = jb__sqlite_tx_begin,
    .commit = jb__sqlite_tx_commit,
    .rollback = jb__sqlite_tx_rollback,
    .pages_open = jb__sqlite_pages_open,
    .pages_next = jb__sqlite_pages_next,
    .pages_close = jb__sqlite_pages_close,
    .live_version = jb__sqlite_live_version,
    .describe = jb__sqlite_describe,
    .column_kind = jb__sqlite_kind,
    .migrate = jb__sqlite_migrate,
};
