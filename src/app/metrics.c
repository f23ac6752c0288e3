/* metrics.c — /metrics: what this process has counted, as Prometheus reads it. For INTERNAL_IPS alone; to others there is no such page. */
// SPDX-License-Identifier: Apache-2.0
#include "app/site.h"

#define BYTES_MAX ((size_t)64 << 10)

static bool is_internal(const struct jb_config *config, struct jb_str client)
{
    struct jb_str rest = config->internal_ips;

    while (rest.data)
        if (jb_str_equal(jb_str_trim(jb_str_cut(&rest, ',')), client))
            return true;
    return false;
}

static void put(struct jb_buf *out, const char *name, const char *type, const char *help, int64_t value)
{
    jb_buf_printf(out, "# HELP jangbu_%s %s\n# TYPE jangbu_%s %s\njangbu_%s %lld\n", name, help, name, type, name, (long long)value);
}

static void put_database(struct jb_buf *out, struct jb_db *db)
{
    struct jb_db_stats stats;

    jb_db_stats(db, &stats);
    put(out, "db_queries_total", "counter", "Statements that were run.", stats.queries);
    put(out, "db_slow_queries_total", "counter", "Statements of DB_SLOW_QUERY_SECONDS or longer.", stats.slow_queries);
    put(out, "db_connection_errors_total", "counter", "Connections that could not be opened.", stats.connection_errors);
    put(out, "db_connections_active", "gauge", "Connections of the primary's main pool that are in use.", stats.connections_busy);
    put(out, "db_connections_open", "gauge", "Connections of the primary's main pool.", stats.connections_open);
    put(out, "db_connections_max", "gauge", "Connections that the primary's main pool may have.", stats.connections_max);
    put(out, "db_connections_used_percent", "gauge", "The same in percent; 80 or more calls for a larger DB_POOL_MAX.", stats.connections_max > 0 ? stats.connections_busy * 100 / stats.connections_max : 0);
    put(out, "db_connections_waiting", "gauge", "Who waits for a connection because all are in use.", stats.connections_waiting);
    put(out, "db_connection_waits_total", "counter", "How often somebody had to.", stats.waits);
    put(out, "db_replicas", "gauge", "Replicas that are configured.", stats.replicas);
    put(out, "db_replicas_usable", "gauge", "Replicas that are reachable and lag little.", stats.replicas_usable);
}

struct jb_response *jb__show_metrics(struct jb_request *req)
{
    const struct jb_runtime *runtime = jb_service(req->scope, JB_SERVICE_SITE);
    struct jb_buf out = JB_BUF_INIT(BYTES_MAX);

    if (!is_internal(runtime->config, req->client)) {
        jb_fail(req->scope, JB_NOT_FOUND, "%s", JB_L(req->scope, "그런 쪽이 없습니다.", "There is no such page."));
        return jb_problem(req);
    }
    put_database(&out, runtime->db);
    struct jb_response *response = jb_respond(req, 200, "text/plain; version=0.0.4; charset=utf-8", jb_copy(req->http->scope, jb_buf_str(&out)));
    jb_buf_done(&out);
    return response;
}
