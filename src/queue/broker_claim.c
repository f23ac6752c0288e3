/* broker_claim.c — taking entries.
 *
 * PostgreSQL: one statement finds them, locks them past what others are just taking, writes the leases and gives the entries. It goes lane by lane, a priority of a queue each, so that every step is a walk along the index and what is to run
 * later is never walked over.
 *
 * SQLite: no lock on the main file, for a merge may hold that: candidates are read there, the leases are written to the live file (`on conflict … where until < now`), and the entries are read again under their leases, because whoever held
 * one before may have ended it meanwhile. */
// SPDX-License-Identifier: Apache-2.0
#include "queue/queue_private.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LANES_MAX 1000 /* of names of queues */
#define BUSY_MAX 10000

static const struct jb_record claimed_record = JB_RECORD(jb__claimed, JB_FIELD(jb__claimed, id), JB_FIELD(jb__claimed, name), JB_FIELD(jb__claimed, queue), JB_FIELD(jb__claimed, payload), JB_FIELD(jb__claimed, priority), JB_FIELD(jb__claimed, attempts),
    JB_FIELD(jb__claimed, starts), JB_FIELD(jb__claimed, cancel), JB_FIELD(jb__claimed, run_at), JB_FIELD(jb__claimed, created_at));

static struct jb_time lease_end(const struct jb__claim *claim)
{
    return (struct jb_time){ jb_now().us + claim->lease_s * JB_SECOND_US };
}

static int starts_max(const struct jb__claim *claim)
{
    return claim->no_suspects ? JB__SUSPECT_STARTS - 2 : INT32_MAX - 1; /* before this one */
}

static bool give(const struct jb_rows *rows, size_t most, struct jb__claimed *ret_claimed, size_t *ret_count)
{
    if (!rows)
        return false;
    JB_CHECK(rows->count <= most);
    *ret_count = rows->count;
    if (rows->count > 0)
        memcpy(ret_claimed, rows->data, rows->count * sizeof *ret_claimed);
    return true;
}

/* ---- PostgreSQL -------------------------------------------------------------------------------------------------------------------- */

/* "9 default\n9 email\n8 default\n…" */
static struct jb_str lanes(struct jb_scope *scope, struct jb_str queues)
{
    struct jb_buf buf = JB_BUF_INIT((size_t)1 << 20);

    for (int priority = 9; priority >= 0; priority--) {
        int count = 0;
        for (struct jb_str rest = queues; rest.data && rest.size > 0 && count < LANES_MAX; count++) {
            struct jb_str name = jb_str_cut(&rest, '\n');
            jb_buf_printf(&buf, "%s%d %.*s", buf.size > 0 ? "\n" : "", priority, JB_FMT(name));
        }
    }
    struct jb_str text = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return text;
}

/* The leases of what `taken` names, and the entries. */
#define LEASE_AND_GIVE                                                                                                                                        \
    " leased as (insert into queue_leases (id, worker, pid, starts, cancel, until) select t.id, v.worker, v.pid, 1, false, v.until from taken t cross join v" \
    "  on conflict (id) do update set worker = excluded.worker, pid = excluded.pid, until = excluded.until, starts = queue_leases.starts + 1"                 \
    "  where queue_leases.until < (select now from v) and queue_leases.starts <= (select starts_max from v) returning id, starts, cancel)"                    \
    " select e.id, e.name, e.queue, e.payload, e.priority, e.attempts, l.starts, l.cancel, e.run_at, e.created_at from leased l join queue_entries e on e.id = l.id order by e.priority desc, e.run_at, e.id"

static struct jb_rows *take_lanes(struct jb_scope *scope, const struct jb__claim *claim, size_t most)
{
    struct jb_str text = lanes(scope, claim->queues), without = claim->without.data ? claim->without : JB_STR("");

    return jb_live_exec_rows(scope,
        JB_SQL("with v as (select ?::text as lanes, ?::text as without, ?::timestamptz as now, ?::timestamptz as until, ?::integer as starts_max, ?::text as worker, ?::integer as pid, ?::bigint as most),"
               " taken as materialized (select e.id from v cross join unnest(string_to_array(v.lanes, chr(10))) as lane cross join lateral"
               "  (select c.id from queue_entries c where c.queue = substr(lane, 3) and c.priority = left(lane, 1)::integer and c.run_at <= v.now and c.name <> all (string_to_array(v.without, chr(10)))"
               "    and not exists (select 1 from queue_leases l where l.id = c.id and (l.until >= v.now or l.starts > v.starts_max))"
               "   order by c.run_at, c.id for update of c skip locked) e limit (select most from v))," LEASE_AND_GIVE,
            text, without, jb_now(), lease_end(claim), starts_max(claim), claim->worker, (int)getpid(), most),
        &claimed_record);
}

static struct jb_rows *take_only(struct jb_scope *scope, const struct jb__claim *claim)
{
    return jb_live_exec_rows(scope,
        JB_SQL("with v as (select ?::timestamptz as now, ?::timestamptz as until, ?::integer as starts_max, ?::text as worker, ?::integer as pid),"
               " taken as materialized (select c.id from queue_entries c where c.id = ? for update skip locked)," LEASE_AND_GIVE,
            jb_now(), lease_end(claim), starts_max(claim), claim->worker, (int)getpid(), claim->only_id),
        &claimed_record);
}

/* ---- SQLite ---------------------------------------------------------------------------------------------------------------------------- */

struct candidate {
    int64_t id;
    int priority;
    struct jb_time run_at;
};
static const struct jb_record candidate_record = JB_RECORD(candidate, JB_FIELD(candidate, id), JB_FIELD(candidate, priority), JB_FIELD(candidate, run_at));

struct lease {
    int64_t id;
    int starts;
    bool cancel;
};
static const struct jb_record lease_record = JB_RECORD(lease, JB_FIELD(lease, id), JB_FIELD(lease, starts), JB_FIELD(lease, cancel));

struct one_id {
    int64_t id;
};
static const struct jb_record one_id_record = JB_RECORD(one_id, JB_FIELD(one_id, id));

static int by_urgency(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    if (x->priority != y->priority)
        return x->priority > y->priority ? -1 : 1;
    if (x->run_at.us != y->run_at.us)
        return x->run_at.us < y->run_at.us ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* What others run, or what may not run beside what runs here. */
static bool busy_ids(struct jb_scope *scope, const struct jb__claim *claim, struct jb_str *ret_json)
{
    struct jb_rows *rows = jb_live_query(scope, JB_SQL("select id from queue_leases where until >= ? or starts > ? limit ?", jb_now(), starts_max(claim), BUSY_MAX), &one_id_record);

    if (!rows)
        return false;
    *ret_json = jb__ids_json(scope, (const int64_t *)(const void *)rows->data, rows->count);
    return true;
}

/* Those of each queue that come first, then the first of all. */
static bool candidates(struct jb_scope *scope, const struct jb__claim *claim, size_t most, int64_t *ids, size_t *ret_count)
{
    struct jb_str busy, without = claim->without.data ? claim->without : JB_STR("");
    struct candidate *all = JB_NEW_ARRAY(scope, struct candidate, most * 2 + 1);
    size_t count = 0;

    if (!busy_ids(scope, claim, &busy))
        return false;
    for (struct jb_str rest = claim->queues; rest.data && rest.size > 0;) {
        struct jb_str queue = jb_str_cut(&rest, '\n');
        struct jb_rows *rows = jb_query(scope,
            JB_SQL("select id, priority, run_at from queue_entries where queue = ? and run_at <= ? and instr(char(10) || ? || char(10), char(10) || name || char(10)) = 0"
                   " and id not in (select value from json_each(?)) order by priority desc, run_at, id limit ?",
                queue, jb_now(), without, busy, most),
            &candidate_record);
        if (!rows)
            return false;
        if (rows->count > 0)
            memcpy(all + count, rows->data, rows->count * sizeof *all);
        count += rows->count;
        qsort(all, count, sizeof *all, by_urgency);
        count = JB_MIN(count, most);
    }
    for (size_t i = 0; i < count; i++)
        ids[i] = all[i].id;
    *ret_count = count;
    return true;
}

static struct jb_rows *take_leases(struct jb_scope *scope, const struct jb__claim *claim, struct jb_str ids)
{
    return jb_live_exec_rows(scope,
        JB_SQL("insert into queue_leases (id, worker, pid, starts, cancel, until) select value, ?, ?, 1, false, ? from json_each(?) where true"
               " on conflict (id) do update set worker = excluded.worker, pid = excluded.pid, until = excluded.until, starts = queue_leases.starts + 1"
               " where queue_leases.until < ? and queue_leases.starts <= ? returning id, starts, cancel",
            claim->worker, (int)getpid(), lease_end(claim), ids, jb_now(), starts_max(claim)),
        &lease_record);
}

static int by_id(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Those that are gone or put off by now are given back. */
static bool drop_stale(struct jb_scope *scope, const struct jb__claim *claim, const struct jb_rows *leases, const struct jb__claimed *claimed, size_t count)
{
    int64_t *stale = JB_NEW_ARRAY(scope, int64_t, leases->count + 1);
    size_t stale_count = 0;

    for (JB_EACH_ROW(leases, const struct lease, lease)) {
        bool there = false;
        for (size_t i = 0; i < count && !there; i++)
            there = claimed[i].id == lease->id;
        if (!there)
            stale[stale_count++] = lease->id;
    }
    return stale_count == 0 || jb__broker_release(scope, claim->worker, stale, stale_count);
}

/* `leases` in order of id. */
static bool read_entries(struct jb_scope *scope, const struct jb__claim *claim, const struct jb_rows *leases, size_t most, struct jb__claimed *ret_claimed, size_t *ret_count)
{
    int64_t *list = JB_NEW_ARRAY(scope, int64_t, leases->count + 1);
    size_t count = 0;

    for (JB_EACH_ROW(leases, const struct lease, lease))
        list[count++] = lease->id;
    struct jb_str ids = jb__ids_json(scope, list, count);
    struct jb_rows *rows = jb_query(scope,
        JB_SQL("select id, name, queue, payload, priority, attempts, 0 as starts, 0 as cancel, run_at, created_at from queue_entries where id in (select value from json_each(?)) and (? or run_at <= ?)"
               " order by priority desc, run_at, id limit ?",
            ids, claim->only_id != 0, jb_now(), most),
        &claimed_record);
    if (!give(rows, most, ret_claimed, ret_count))
        return false;
    for (size_t i = 0; i < *ret_count; i++) {
        const struct lease *lease = bsearch(&ret_claimed[i].id, leases->data, leases->count, sizeof *lease, by_id);
        ret_claimed[i].starts = lease->starts;
        ret_claimed[i].cancel = lease->cancel;
    }
    return drop_stale(scope, claim, leases, ret_claimed, *ret_count);
}

static bool take_by_steps(struct jb_scope *scope, const struct jb__claim *claim, size_t most, struct jb__claimed *ret_claimed, size_t *ret_count)
{
    int64_t *ids = JB_NEW_ARRAY(scope, int64_t, most + 1);
    size_t count = 1;

    ids[0] = claim->only_id;
    if (!claim->only_id && !candidates(scope, claim, most, ids, &count))
        return false;
    struct jb_rows *leases = count > 0 ? take_leases(scope, claim, jb__ids_json(scope, ids, count)) : NULL;
    if (!leases || leases->count == 0)
        return !jb_failure(scope);
    qsort(leases->data, leases->count, sizeof(struct lease), by_id);
    return read_entries(scope, claim, leases, most, ret_claimed, ret_count);
}

/* ---- the door ------------------------------------------------------------------------------------------------------------------------------ */

bool jb__broker_claim(struct jb_scope *scope, const struct jb__claim *claim, size_t most, struct jb__claimed *ret_claimed, size_t *ret_count)
{
    JB_CHECK(most > 0 && most <= JB__CLAIM_MAX);
    *ret_count = 0;
    if (jb__is_sqlite(scope))
        return take_by_steps(scope, claim, most, ret_claimed, ret_count);
    return give(claim->only_id ? take_only(scope, claim) : take_lanes(scope, claim, most), most, ret_claimed, ret_count);
}
