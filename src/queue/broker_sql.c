/* broker_sql.c — every statement of the queue.
 *
 * Claiming takes no lock on the main file: candidates are read there, the lease is written to the live file (`on conflict … where until < now`), and the entry is
 * read again under the lease, because whoever held it before may have ended it meanwhile. So heartbeats and claims go on while a merge holds the main writer. */
// SPDX-License-Identifier: Apache-2.0
#include "queue/queue_private.h"
#include <unistd.h>

#define CANDIDATES_MAX 32
#define DONE_KEPT_S 3600

/* What of an entry is needed to choose it. */
struct candidate {
    int64_t id;
};
static const struct jb_record candidate_record = JB_RECORD(candidate, JB_FIELD(candidate, id));

static struct jb_rows *candidates(struct jb_scope *scope, const struct jb__claim *claim, int64_t offset)
{
    struct jb_str queues = claim->queues ? jb_str_of(claim->queues) : JB_STR(""), without = claim->without ? jb_str_of(claim->without) : JB_STR("");
    struct jb_time now = jb_now();

    if (claim->only_id)
        return jb_query(scope, JB_SQL("select id from queue_entries where id = ? and status = 'queued' and ? = 0 limit 1", claim->only_id, offset), &candidate_record);
    return jb_query(scope,
        JB_SQL("select id from queue_entries where status = 'queued' and run_at <= ? and (? = '' or replace(?, ',' || queue || ',', '') <> ?) and replace(?, ',' || name || ',', '') = ?"
               " order by priority desc, run_at, id limit ? offset ?",
            now, queues, queues, queues, without, without, CANDIDATES_MAX, offset),
        &candidate_record);
}

static bool take_lease(struct jb_scope *scope, const struct jb__claim *claim, int64_t id, bool *ret_mine)
{
    struct jb_time now = jb_now(), until = { now.us + claim->lease_s * JB_SECOND_US };
    int64_t changes = 0;
    int starts_max = claim->no_suspects ? JB__SUSPECT_STARTS - 1 : INT32_MAX;

    if (!jb_live_exec(scope,
            JB_SQL("insert into queue_leases (id, worker, pid, starts, cancel, until) values (?, ?, ?, 1, false, ?)"
                   " on conflict (id) do update set worker = excluded.worker, pid = excluded.pid, until = excluded.until, starts = queue_leases.starts + 1"
                   " where queue_leases.until < ? and queue_leases.starts < ?",
                id, claim->worker, (int)getpid(), until, now, starts_max),
            &changes))
        return false;
    *ret_mine = changes == 1;
    return true;
}

/* A look before the leap: most candidates that others run are skipped without a write. */
static bool is_leased(struct jb_scope *scope, int64_t id, bool *ret_leased)
{
    int64_t count;
    if (!jb_live_query_int(scope, JB_SQL("select count(*) from queue_leases where id = ? and until >= ?", id, jb_now()), &count))
        return false;
    *ret_leased = count > 0;
    return true;
}

static bool claim_one(struct jb_scope *scope, const struct jb__claim *claim, int64_t id, bool *ret_mine, struct queue_entry *ret_entry, struct queue_lease *ret_lease)
{
    bool leased, mine = false;

    *ret_mine = false;
    if (!is_leased(scope, id, &leased) || (!leased && !take_lease(scope, claim, id, &mine)))
        return false;
    if (!mine)
        return true;
    if (!jb_get(scope, &jb_queue_entry, id, ret_entry)) {
        if (jb_error(scope) != JB_NOT_FOUND)
            return false;
        jb_failure_clear(scope);
        return jb__broker_drop(scope, claim->worker, id);
    }
    if (!jb_str_is(ret_entry->status, "queued") || (!claim->only_id && ret_entry->run_at.us > jb_now().us))
        return jb__broker_drop(scope, claim->worker, id);
    if (!jb_live_query_row(scope, JB_SQL("select id, worker, pid, starts, cancel, until from queue_leases where id = ?", id), &jb_queue_lease.record, ret_lease))
        return false;
    *ret_mine = true;
    return true;
}

bool jb__broker_claim(struct jb_scope *scope, const struct jb__claim *claim, struct queue_entry *ret_entry, struct queue_lease *ret_lease)
{
    for (int64_t offset = 0;; offset += CANDIDATES_MAX) {
        struct jb_rows *found = candidates(scope, claim, offset);
        if (!found)
            return false;
        for (JB_EACH_ROW(found, struct candidate, candidate)) {
            bool mine;
            if (!claim_one(scope, claim, candidate->id, &mine, ret_entry, ret_lease))
                return false;
            if (mine)
                return true;
        }
        if (found->count < CANDIDATES_MAX)
            return false;
    }
}

bool jb__broker_renew(struct jb_scope *scope, struct jb_str worker, int64_t id, int lease_s, bool *ret_cancel)
{
    struct jb_time until = { jb_now().us + lease_s * JB_SECOND_US };
    int64_t changes, cancel;

    if (!jb_live_exec(scope, JB_SQL("update queue_leases set until = ? where id = ? and worker = ?", until, id, worker), &changes) || changes == 0)
        return false;
    if (!jb_live_query_int(scope, JB_SQL("select cancel from queue_leases where id = ?", id), &cancel))
        return false;
    *ret_cancel = cancel != 0;
    return true;
}

bool jb__broker_drop(struct jb_scope *scope, struct jb_str worker, int64_t id)
{
    return jb_live_exec(scope, JB_SQL("delete from queue_leases where id = ? and worker = ?", id, worker), NULL);
}

/* ---- what became of it ------------------------------------------------------------------------------------------------------ */

static struct jb_str failure_sentence(struct jb_scope *scope, const struct jb_failure *failure)
{
    struct jb_str text = JB_STR_NULL;

    for (; failure; failure = failure->cause)
        text = text.data ? jb_format(scope, "%.*s: %.*s", JB_FMT(text), JB_FMT(failure->message)) : failure->message;
    return text;
}

static struct jb_str kind_of(const struct jb_failure *failure)
{
    return failure ? jb_str_of(jb_error_name(failure->error)) : JB_STR_NULL;
}

bool jb__broker_end(struct jb_scope *scope, int64_t id, struct jb_str status, int attempts, const struct jb_failure *failure)
{
    struct jb_str kind = kind_of(failure), sentence = failure_sentence(scope, failure);

    return jb_exec(scope,
        JB_SQL("update queue_entries set status = ?, attempts = ?, finished_at = ?, unique_key = null, error_kind = ?, error = ? where id = ? and status = 'queued'",
            status, attempts, jb_now(), kind, sentence, id),
        NULL);
}

bool jb__broker_again(struct jb_scope *scope, int64_t id, int attempts, struct jb_time run_at, const struct jb_failure *failure)
{
    struct jb_str kind = kind_of(failure), sentence = failure_sentence(scope, failure);

    return jb_exec(scope,
        JB_SQL("update queue_entries set attempts = ?, run_at = ?, error_kind = ?, error = ? where id = ? and status = 'queued'",
            attempts, run_at, kind, sentence, id),
        NULL);
}

bool jb__broker_forget_done(struct jb_scope *scope)
{
    struct jb_time old = { jb_now().us - DONE_KEPT_S * JB_SECOND_US };
    return jb_exec(scope, JB_SQL("delete from queue_entries where status = 'done' and finished_at < ?", old), NULL);
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

bool jb_task_cancel(struct jb_scope *scope, int64_t id)
{
    int64_t running, changes = 0;

    if (!jb_live_exec(scope, JB_SQL("update queue_leases set cancel = true where id = ? and until >= ?", id, jb_now()), &running))
        return false;
    if (running > 0) {
        jb__queue_poke(jb__queue_of(scope));
        return true;
    }
    if (!jb_exec(scope, JB_SQL("update queue_entries set status = 'cancelled', unique_key = null, finished_at = ? where id = ? and status = 'queued'", jb_now(), id), &changes) ||
        !jb_live_exec(scope, JB_SQL("update queue_leases set cancel = true where id = ?", id), NULL)) /* somebody may have claimed it just now */
        return false;
    return changes > 0 || jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld은(는) 이미 끝났습니다.", "Task %lld has ended already."), (long long)id);
}

bool jb_task_retry(struct jb_scope *scope, int64_t id)
{
    int64_t changes;

    if (!jb_exec(scope,
            JB_SQL("update queue_entries set status = 'queued', attempts = 0, run_at = ?, finished_at = null, error = null, error_kind = null"
                   " where id = ? and status in ('failed', 'cancelled')",
                jb_now(), id),
            &changes))
        return false;
    if (changes == 0)
        return jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld은(는) 실패하거나 취소된 작업이 아닙니다.", "Task %lld is not a failed or cancelled one."), (long long)id);
    if (!jb_live_exec(scope, JB_SQL("delete from queue_leases where id = ?", id), NULL))
        return false;
    jb__queue_poke(jb__queue_of(scope));
    return true;
}
