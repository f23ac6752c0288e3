/* broker_sql.c — every statement of the queue but those that claim. Where the two databases differ, both texts stand beside each other. */
// SPDX-License-Identifier: Apache-2.0
#include "queue/queue_private.h"
#include "base/json.h"
#include <string.h>

#define UNIQUE_TRIES 10
#define ENDS_BYTES_MAX ((size_t)64 << 20)
#define DONE_KEPT_DAYS 1
#define FAILED_KEPT_DAYS 30
#define FORGET_ROWS 1000

bool jb__is_sqlite(struct jb_scope *scope)
{
    return strcmp(jb_db_kind(jb_db_of(scope)), "sqlite") == 0;
}

struct jb_str jb__ids_json(struct jb_scope *scope, const int64_t *ids, size_t count)
{
    struct jb_buf buf = JB_BUF_INIT((size_t)1 << 20);

    jb_buf_put_char(&buf, '[');
    for (size_t i = 0; i < count; i++)
        jb_buf_printf(&buf, "%s%lld", i ? "," : "", (long long)ids[i]);
    jb_buf_put_char(&buf, ']');
    struct jb_str text = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return text;
}

struct one_id {
    int64_t id;
};
static const struct jb_record one_id_record = JB_RECORD(one_id, JB_FIELD(one_id, id));

/* ---- enqueueing --------------------------------------------------------------------------------------------------------------------- */

/* SQLite would give the number of an entry that has gone once more; the history keeps its newest row (jb__broker_forget). */
#define NEXT_ID "max(coalesce((select max(id) from queue_entries), 0), coalesce((select max(id) from queue_history), 0)) + 1"

static struct jb_rows *insert(struct jb_scope *scope, const struct queue_entry *entry)
{
    if (jb__is_sqlite(scope))
        return jb_exec_rows(scope,
            JB_SQL("insert into queue_entries (id, name, queue, payload, unique_key, priority, attempts, run_at, created_at) values (" NEXT_ID ", ?, ?, ?, ?, ?, 0, ?, ?) on conflict (unique_key) do nothing returning id",
                entry->name, entry->queue, entry->payload, entry->unique_key, entry->priority, entry->run_at, entry->created_at),
            &one_id_record);
    return jb_exec_rows(scope,
        JB_SQL("insert into queue_entries (name, queue, payload, unique_key, priority, attempts, run_at, created_at) values (?, ?, ?, ?, ?, 0, ?, ?) on conflict (unique_key) do nothing returning id",
            entry->name, entry->queue, entry->payload, entry->unique_key, entry->priority, entry->run_at, entry->created_at),
        &one_id_record);
}

/* On PostgreSQL the one in the way may have ended between the two statements. */
bool jb__broker_enqueue(struct jb_scope *scope, struct queue_entry *entry)
{
    struct queue_entry other;

    for (int tries = 0; tries < UNIQUE_TRIES; tries++) {
        struct jb_rows *added = insert(scope, entry);
        if (!added)
            return false;
        if (added->count > 0) {
            entry->id = *(int64_t *)jb_rows_at(added, 0);
            return true;
        }
        if (jb_first(scope, &jb_queue_entry, &other, .where = JB_SQL("unique_key = ?", entry->unique_key))) {
            entry->id = other.id;
            return true;
        }
        if (jb_failure(scope))
            return false;
    }
    return jb_fail(scope, JB_UNAVAILABLE, "%s", JB_L(scope, "같은 작업이 그사이 자꾸 끝나고 시작합니다. 다시 하세요.", "The same task keeps ending and starting meanwhile. Try again."));
}

struct jb_str jb__broker_queues(struct jb_scope *scope)
{
    struct jb_rows *rows = jb_distinct(scope, &jb_queue_entry, "queue", QUEUES_MAX);
    struct jb_str list = JB_STR("");

    if (!rows)
        return JB_STR_NULL;
    for (size_t i = 0; i < rows->count; i++) {
        struct jb_str name = jb_record_get(rows->record, jb_rows_at(rows, i), &rows->record->fields[0]).text;
        list = jb_format(scope, "%.*s%s%.*s", JB_FMT(list), list.size > 0 ? "\n" : "", JB_FMT(name));
    }
    return list;
}

static const struct jb_record renewed_record = JB_RECORD(jb__renewed, JB_FIELD(jb__renewed, id), JB_FIELD(jb__renewed, cancel));

/* ---- leases ---------------------------------------------------------------------------------------------------------------------------- */

/* Starts that did not take place do not count; a row that has none left is gone. */
bool jb__broker_release(struct jb_scope *scope, struct jb_str worker, const int64_t *ids, size_t count)
{
    struct jb_ids list = { ids, count };
    struct jb_time past = { jb_now().us - JB_SECOND_US };

    return jb_live_exec(scope, JB_SQL("update queue_leases set until = ?, starts = starts - 1 where worker = ? and id in (?)", past, worker, list), NULL) &&
           jb_live_exec(scope, JB_SQL("delete from queue_leases where starts = 0 and worker = ? and id in (?)", worker, list), NULL);
}

bool jb__broker_release_all(struct jb_scope *scope, struct jb_str worker)
{
    struct jb_time past = { jb_now().us - JB_SECOND_US };

    return jb_live_exec(scope, JB_SQL("update queue_leases set until = ?, starts = starts - 1 where worker = ? and starts > 0", past, worker), NULL) &&
           jb_live_exec(scope, JB_SQL("delete from queue_leases where starts = 0 and worker = ?", worker), NULL);
}

struct jb_rows *jb__broker_renew(struct jb_scope *scope, struct jb_str worker, const int64_t *ids, size_t count, int lease_s)
{
    struct jb_ids list = { ids, count };
    struct jb_time until = { jb_now().us + lease_s * JB_SECOND_US };

    return jb_live_exec_rows(scope, JB_SQL("update queue_leases set until = ? where worker = ? and id in (?) returning id, cancel", until, worker, list), &renewed_record);
}

bool jb__broker_wishes(struct jb_scope *scope, struct jb_str worker, int64_t *ret_count)
{
    return jb_live_query_int(scope, JB_SQL("select count(*) from queue_leases where worker = ? and cancel", worker), ret_count);
}

/* ---- what became of it ------------------------------------------------------------------------------------------------------ */

static bool ends_json(struct jb_scope *scope, const struct jb__end *const *ends, size_t count, struct jb_str *ret_json)
{
    struct jb_buf buf = JB_BUF_INIT(ENDS_BYTES_MAX);
    struct jb_json_writer writer;

    jb_json_start(&writer, &buf);
    jb_json_array(&writer);
    for (size_t i = 0; i < count; i++) {
        jb_json_object(&writer);
        jb_json_name(&writer, "id");
        jb_json_int(&writer, ends[i]->id);
        jb_json_name(&writer, "status");
        jb_json_text(&writer, jb_str_of(ends[i]->status));
        jb_json_name(&writer, "attempts");
        jb_json_int(&writer, ends[i]->attempts);
        jb_json_name(&writer, "kind");
        jb_json_text(&writer, ends[i]->error_kind);
        jb_json_name(&writer, "error");
        jb_json_text(&writer, ends[i]->error);
        jb_json_name(&writer, "started");
        jb_json_int(&writer, ends[i]->started_at.us);
        jb_json_object_end(&writer);
    }
    jb_json_array_end(&writer);
    bool fits = !buf.full;
    if (fits)
        *ret_json = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return fits || jb_fail(scope, JB_LIMIT, "more than %zu bytes of failures", ENDS_BYTES_MAX);
}

/* Entry, history and lease in one statement: whoever has the lease ends it. */
static bool end_postgres(struct jb_scope *scope, struct jb_str worker, struct jb_str json, int64_t *ret_ended)
{
    struct jb_time now = jb_now();

    return jb_exec(scope,
        JB_SQL("with e as (select * from json_to_recordset(?::json) as e(id bigint, status text, attempts integer, kind text, error text, started bigint)),"
               " gone as (delete from queue_entries q using e where q.id = e.id and not exists (select 1 from queue_leases l where l.id = q.id and l.until >= ? and l.worker <> ?)"
               "  returning q.id, q.name, q.queue, q.payload, q.priority, q.created_at),"
               " freed as (delete from queue_leases l using e where l.id = e.id and (l.worker = ? or l.until < ?))"
               " insert into queue_history (id, name, queue, payload, status, priority, attempts, error_kind, error, worker, created_at, started_at, finished_at)"
               " select g.id, g.name, g.queue, g.payload, e.status, g.priority, e.attempts, e.kind, e.error, nullif(?, ''), g.created_at, case when e.started > 0 then to_timestamp(e.started / 1000000.0) end, ?::timestamptz"
               "  from gone g join e on e.id = g.id",
            json, now, worker, worker, now, worker, now),
        ret_ended);
}

#define AS_TIME(us) "strftime('%Y-%m-%d %H:%M:%S', " us " / 1000000, 'unixepoch') || printf('.%06d', " us " % 1000000)"

static bool end_in(struct jb_scope *scope, struct jb_str worker, struct jb_str json, int64_t *ret_ended)
{
    return jb_exec(scope,
               JB_SQL("insert into queue_history (id, name, queue, payload, status, priority, attempts, error_kind, error, worker, created_at, started_at, finished_at)"
                      " select q.id, q.name, q.queue, q.payload, e.value->>'status', q.priority, e.value->>'attempts', e.value->>'kind', e.value->>'error', nullif(?, ''), q.created_at,"
                      "  case when e.value->>'started' > 0 then " AS_TIME("(e.value->>'started')") " end, ? from json_each(?) e cross join queue_entries q on q.id = e.value->>'id'",
                   worker, jb_now(), json),
               ret_ended) &&
           jb_exec(scope, JB_SQL("delete from queue_entries where id in (select e.value->>'id' from json_each(?) e)", json), NULL);
}

/* A scope of its own: the caller's may have children that run meanwhile, and would be in its transaction. */
static bool in_transaction(struct jb_scope *outer, bool (*run)(struct jb_scope *scope, void *arg), void *arg)
{
    struct jb_scope *scope = jb_scope_child(outer, "queue");
    struct jb_tx *tx = jb_begin(scope);
    bool ok = tx && run(scope, arg) && jb_commit(tx);

    if (!ok)
        jb_failure_pass(scope, outer);
    jb_scope_end(scope); /* which rolls back what was not committed */
    return ok;
}

struct ending {
    struct jb_str worker, json;
    int64_t *ret_ended;
};

static bool run_ending(struct jb_scope *scope, void *arg)
{
    const struct ending *ending = arg;
    return end_in(scope, ending->worker, ending->json, ending->ret_ended);
}

/* The lease may only go when the entry has gone: a transaction of the main file, then one of the live file. */
static bool end_sqlite(struct jb_scope *scope, struct jb_str worker, struct jb_str json, int64_t *ret_ended)
{
    struct ending ending = { worker, json, ret_ended };

    if (!in_transaction(scope, run_ending, &ending))
        return false;
    if (!jb_in_transaction(scope) && !jb_live_exec(scope, JB_SQL("delete from queue_leases where id in (select e.value->>'id' from json_each(?) e) and (worker = ? or until < ?)", json, worker, jb_now()), NULL))
        jb_failure_clear(scope); /* it runs out by itself, and whoever takes it then finds no entry */
    return true;
}

bool jb__broker_end(struct jb_scope *scope, struct jb_str worker, const struct jb__end *const *ends, size_t count, int64_t *ret_ended)
{
    struct jb_str json, who = worker.data ? worker : JB_STR("");

    JB_CHECK(count <= JB__ENDS_MAX);
    if (!ends_json(scope, ends, count, &json))
        return false;
    return jb__is_sqlite(scope) ? end_sqlite(scope, who, json, ret_ended) : end_postgres(scope, who, json, ret_ended);
}

bool jb__broker_again(struct jb_scope *scope, struct jb_str worker, const struct jb__end *end, struct jb_time run_at)
{
    return jb_exec(scope, JB_SQL("update queue_entries set attempts = ?, run_at = ?, error_kind = ?, error = ? where id = ?", end->attempts, run_at, end->error_kind, end->error, end->id), NULL) &&
           jb_live_exec(scope, JB_SQL("delete from queue_leases where id = ? and worker = ?", end->id, worker), NULL);
}

struct retrying {
    int64_t id, changes;
};

static bool run_retrying(struct jb_scope *scope, void *arg)
{
    struct retrying *retrying = arg;

    return jb_exec(scope,
               JB_SQL("insert into queue_entries (id, name, queue, payload, priority, attempts, run_at, created_at) select id, name, queue, payload, priority, 0, ?, created_at from queue_history"
                      " where id = ? and status in ('failed', 'cancelled')",
                   jb_now(), retrying->id),
               &retrying->changes) &&
           (retrying->changes == 0 || jb_exec(scope, JB_SQL("delete from queue_history where id = ?", retrying->id), NULL));
}

bool jb__broker_retry(struct jb_scope *scope, int64_t id, bool *ret_found)
{
    struct retrying retrying = { .id = id };

    if (!in_transaction(scope, run_retrying, &retrying))
        return false;
    *ret_found = retrying.changes > 0;
    return retrying.changes == 0 || jb_live_exec(scope, JB_SQL("delete from queue_leases where id = ?", id), NULL);
}

/* The newest row stays: SQLite's next number is above it. */
bool jb__broker_forget(struct jb_scope *scope)
{
    struct jb_time now = jb_now(), done = { now.us - DONE_KEPT_DAYS * JB_DAY_US }, failed = { now.us - FAILED_KEPT_DAYS * JB_DAY_US };
    int64_t changes = FORGET_ROWS;

    while (changes == FORGET_ROWS)
        if (!jb_continue(scope) ||
            !jb_exec(scope,
                JB_SQL("delete from queue_history where id in (select id from queue_history where (finished_at < ? or (status = 'done' and finished_at < ?)) and id < (select max(id) from queue_history)"
                       " order by finished_at limit ?)",
                    failed, done, FORGET_ROWS),
                &changes))
            return false;
    return true;
}

/* ---- the registry of workers ---------------------------------------------------------------------------------------------------- */

bool jb__broker_worker_seen(struct jb_scope *scope, const struct queue_worker *worker)
{
    struct queue_worker row = *worker;

    row.present = UINT64_MAX;
    return jb_bulk_insert(scope, &jb_queue_worker, &row, 1, &(struct jb_bulk){ .match_on = "worker", .on_conflict = JB_CONFLICT_UPDATE });
}

bool jb__broker_worker_gone(struct jb_scope *scope, struct jb_str worker)
{
    return jb_live_exec(scope, JB_SQL("delete from queue_workers where worker = ?", worker), NULL);
}

int64_t jb_workers_alive(struct jb_scope *scope)
{
    struct jb_time since = { jb_now().us - 3 * JB_LEASE_S * JB_SECOND_US };
    int64_t count;

    return jb_live_query_int(scope, JB_SQL("select count(*) from queue_workers where seen_at >= ?", since), &count) ? count : -1;
}

bool jb_queue_release_worker(struct jb_scope *scope, int pid)
{
    struct jb_time past = { jb_now().us - JB_SECOND_US };
    struct jb_queue *queue = jb__queue_of(scope);
    struct jb_str process = jb__process_name(scope, pid), plain = jb_format(scope, "%.*s/%%", JB_FMT(process)), named = jb_format(scope, "%%@%.*s/%%", JB_FMT(process));

    if (!jb_live_exec(scope, JB_SQL("update queue_leases set until = ? where pid = ? and (worker like ? or worker like ?)", past, pid, plain, named), NULL) ||
        !jb_live_exec(scope, JB_SQL("delete from queue_workers where pid = ? and (worker like ? or worker like ?)", pid, plain, named), NULL))
        return false;
    jb__queue_poke(queue);
    return true;
}

/* ---- from outside ------------------------------------------------------------------------------------------------------------------ */

static bool wish(struct jb_scope *scope, int64_t id, bool *ret_running)
{
    int64_t running;

    if (!jb_live_exec(scope, JB_SQL("update queue_leases set cancel = true where id = ? and until >= ?", id, jb_now()), &running))
        return false;
    *ret_running = running > 0;
    if (running > 0)
        jb__queue_poke(jb__queue_of(scope));
    return true;
}

bool jb_task_cancel(struct jb_scope *scope, int64_t id)
{
    struct queue_entry entry;
    bool running;
    int64_t ended = 0;

    if (!wish(scope, id, &running))
        return false;
    if (running)
        return true;
    if (jb_first(scope, &jb_queue_entry, &entry, .where = JB_SQL("id = ?", id))) {
        struct jb__end end = { .id = id, .status = "cancelled", .attempts = entry.attempts, .error_kind = entry.error_kind, .error = entry.error };
        if (!jb__broker_end(scope, JB_STR_NULL, (const struct jb__end *const[]){ &end }, 1, &ended))
            return false;
    }
    if (jb_failure(scope) || !wish(scope, id, &running)) /* somebody may have claimed it just now */
        return false;
    return ended > 0 || running || jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld은(는) 이미 끝났습니다.", "Task %lld has ended already."), (long long)id);
}

bool jb_task_retry(struct jb_scope *scope, int64_t id)
{
    bool found;

    if (!jb__broker_retry(scope, id, &found))
        return false;
    if (!found)
        return jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld은(는) 실패하거나 취소된 작업이 아닙니다.", "Task %lld is not a failed or cancelled one."), (long long)id);
    jb__queue_poke(jb__queue_of(scope));
    return true;
}
