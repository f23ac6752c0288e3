/* pace.c — an import slows down while the database answers slowly (IMPORT_MAX_DB_LATENCY_MS).
 *
 * The reporter asks the database something small ten times a second. After an answer over the limit the import rests for as long as it works, after the next one for twice as long, and then for four times as long: it always
 * goes on, at a fifth of its speed at worst. It rests where it holds nothing: between two batches of the staging, and between two groups of a skip import. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"
#include "base/log.h"
#include <unistd.h>

#define SHARE_MAX 4
#define REST_US_MIN (20 * 1000)
#define REST_US_MAX JB_SECOND_US

void jb__pace_open(struct jb__pace *pace, int64_t limit_us)
{
    *pace = (struct jb__pace){ .limit_us = limit_us, .since_us = jb_monotonic_us() };
}

static void note(struct jb__pace *pace, int64_t latency_us)
{
    int share = atomic_load(&pace->share);

    atomic_store(&pace->share, latency_us <= pace->limit_us ? 0 : share == 0 ? 1
                                                                             : JB_MIN(share * 2, SHARE_MAX));
    if (latency_us > pace->limit_us && !pace->told) {
        pace->told = true;
        jb_log(JB_LOG_NOTICE, "transfer", "the database takes %.0f ms for a small question (IMPORT_MAX_DB_LATENCY_MS=%lld): the import slows down", (double)latency_us / 1000, (long long)(pace->limit_us / 1000));
    }
}

void jb__pace_measure(struct jb__pace *pace, struct jb_scope *scope, int64_t job_id)
{
    int64_t began_us = jb_monotonic_us(), jobs;

    if (pace->limit_us == 0)
        return;
    jb_deadline_set(scope, began_us + pace->limit_us + JB_SECOND_US); /* progress and the wish to cancel shall not wait for it */
    if (JB_FAULT("transfer/import/latency", scope) || !jb_query_int(scope, JB_SQL("select count(*) from import_jobs where id = ?", job_id), &jobs))
        jb_failure_clear(scope); /* the import meets it too, and says so */
    int64_t latency_us = jb_monotonic_us() - began_us, waited_us = atomic_exchange(&pace->waited_us, 0);
    note(pace, JB_MAX(latency_us, waited_us));
}

void jb__pace_waited(struct jb__pace *pace, int64_t us)
{
    atomic_store(&pace->waited_us, JB_MAX(us, atomic_load(&pace->waited_us))); /* on the reporter's loop */
}

bool jb__pace_is_slow(const struct jb__pace *pace)
{
    return atomic_load(&pace->share) > 0;
}

/* How long to rest now, noted as done. */
static int64_t take_rest(struct jb__pace *pace)
{
    int64_t now_us = jb_monotonic_us(), rest_us = JB_MIN((now_us - pace->since_us) * atomic_load(&pace->share), REST_US_MAX);

    if (!jb__pace_is_slow(pace)) {
        pace->since_us = now_us;
        return 0;
    }
    if (rest_us < REST_US_MIN)
        return 0;
    pace->since_us = now_us + rest_us;
    pace->rested_us += rest_us;
    return rest_us;
}

bool jb__pace_rest_blocking(struct jb__pace *pace, struct jb_scope *scope)
{
    for (int64_t left_us = take_rest(pace); left_us > 0 && jb_continue(scope); left_us -= REST_US_MIN)
        usleep((useconds_t)JB_MIN(left_us, REST_US_MIN));
    return jb_continue(scope);
}

bool jb__pace_rest(struct jb__pace *pace, struct jb_scope *scope)
{
    int64_t rest_us = take_rest(pace);
    return rest_us == 0 || jb_sleep(scope, rest_us);
}
