/* config_database.c — the database's addresses: DATABASE_URL and its companions, or the DB_… names of an existing deployment made into URLs.
 *
 * libpq gets a complete URL for each server. What it would refuse with a piece of the password in its words is refused here, without showing the value. */
// SPDX-License-Identifier: Apache-2.0
#include "app/settings.h"
#include "net/net.h"
#include <string.h>

#define DEFAULT_URL "sqlite:///jangbu.db"

/* postgresql://USER:PASSWORD@HOSTS/DATABASE?QUERY, each part still percent-encoded; NULL when absent. */
struct parts {
    struct jb_str user, password, hosts, database, query;
};

static struct jb_str encoded(struct jb_scope *scope, struct jb_str text)
{
    return text.data ? jb_url_encode(scope, text, false) : JB_STR_NULL;
}

static bool is_postgresql(struct jb_str url)
{
    return jb_str_starts(url, JB_STR("postgresql://")) || jb_str_starts(url, JB_STR("postgres://"));
}

/* ---- reading -------------------------------------------------------------------------------------------------------------- */

static size_t find_last(struct jb_str text, char c)
{
    for (size_t at = text.size; at > 0; at--)
        if (text.data[at - 1] == c)
            return at - 1;
    return SIZE_MAX;
}

static bool is_port(struct jb_str text)
{
    int64_t port;
    return jb_str_to_int64(text, &port) && port >= 1 && port <= 65535;
}

/* Where the port of `host:port` or `[::1]:port` begins; SIZE_MAX: it has none. */
static size_t port_at(struct jb_str host)
{
    size_t colon = find_last(host, ':'), bracket = find_last(host, ']');
    return colon == SIZE_MAX || (bracket != SIZE_MAX && colon < bracket) ? SIZE_MAX : colon + 1;
}

static bool ports_read(struct jb_str hosts)
{
    while (hosts.data) {
        struct jb_str host = jb_str_cut(&hosts, ',');
        size_t at = port_at(host);
        if (at != SIZE_MAX && !is_port(jb_str_slice(host, at, host.size)))
            return false;
    }
    return true;
}

static bool percents_read(struct jb_str text)
{
    for (size_t at = 0; at < text.size; at++)
        if ((unsigned char)text.data[at] <= ' ' || (text.data[at] == '%' && (at + 2 >= text.size || !strchr("0123456789abcdefABCDEF", text.data[at + 1]) || !strchr("0123456789abcdefABCDEF", text.data[at + 2]))))
            return false;
    return true;
}

/* A sign of the password that was not encoded (@ : / ? #) usually leaves something here that is no port or no database. */
static bool parse(struct jb_str url, struct parts *ret_parts)
{
    struct parts parts = { 0 };
    struct jb_str rest = jb_str_slice(url, jb_str_find(url, JB_STR("://"), 0) + 3, url.size);

    if (!percents_read(url) || jb_str_find_char(url, '#', 0) != SIZE_MAX)
        return false;
    parts.query = rest;
    rest = jb_str_cut(&parts.query, '?');
    parts.database = rest;
    parts.hosts = jb_str_cut(&parts.database, '/');
    size_t at = find_last(parts.hosts, '@');
    if (at != SIZE_MAX) {
        parts.password = jb_str_slice(parts.hosts, 0, at);
        parts.user = jb_str_cut(&parts.password, ':');
        parts.hosts = jb_str_slice(parts.hosts, at + 1, parts.hosts.size);
    }
    if (parts.database.size == 0 || jb_str_find_char(parts.database, '/', 0) != SIZE_MAX || jb_str_find_char(parts.database, '@', 0) != SIZE_MAX || !ports_read(parts.hosts))
        return false;
    *ret_parts = parts;
    return true;
}

static bool read_url(struct jb_scope *scope, const char *name, struct jb_str url, struct parts *ret_parts)
{
    if (is_postgresql(url) && parse(url, ret_parts))
        return true;
    return jb_fail(scope, JB_INVALID,
        JB_L(scope, "설정 %s을(를) 읽을 수 없습니다. postgresql://사용자:암호@호스트:포트/데이터베이스 꼴로 적으세요. 암호의 @ : / ? # %% 는 %%40 %%3A %%2F %%3F %%23 %%25로 적습니다.",
            "setting %s cannot be read. Write postgresql://user:password@host:port/database, and @ : / ? # %% of the password as %%40 %%3A %%2F %%3F %%23 %%25."),
        name);
}

/* ---- writing -------------------------------------------------------------------------------------------------------------- */

static struct jb_str write_url(struct jb_scope *scope, const struct parts *parts)
{
    struct jb_buf url = JB_BUF_INIT(65536);

    jb_buf_put_z(&url, "postgresql://");
    if (parts->user.data || parts->password.data)
        jb_buf_printf(&url, "%.*s%s%.*s@", JB_FMT(parts->user), parts->password.data ? ":" : "", JB_FMT(parts->password));
    jb_buf_printf(&url, "%.*s/%.*s%s%.*s", JB_FMT(parts->hosts), JB_FMT(parts->database), parts->query.size > 0 ? "?" : "", JB_FMT(parts->query));
    struct jb_str text = jb_copy(scope, jb_buf_str(&url));
    jb_buf_done(&url);
    return text;
}

/* `db1`, `db1:5433`, `::1`, `[::1]:5433` or a socket's folder, as URLs have it; without a port it gets the given one (0: none). */
static bool put_host(struct jb_scope *scope, struct jb_buf *hosts, struct jb_str host, int64_t port)
{
    bool bracketed = jb_str_starts(host, JB_STR("[")), bare_ipv6 = !bracketed && jb_str_find_char(host, ':', 0) != find_last(host, ':');
    size_t at = bare_ipv6 ? SIZE_MAX : port_at(host);
    struct jb_str name = jb_str_slice(host, 0, at == SIZE_MAX ? host.size : at - 1);

    if (name.size == 0 || !percents_read(name) || (at != SIZE_MAX && !is_port(jb_str_slice(host, at, host.size))))
        return false;
    jb_buf_printf(hosts, bare_ipv6 ? "%s[%.*s]" : "%s%.*s", hosts->size > 0 ? "," : "", JB_FMT(bracketed || bare_ipv6 ? name : encoded(scope, name)));
    if (at != SIZE_MAX)
        jb_buf_printf(hosts, "%.*s", JB_FMT(jb_str_slice(host, at - 1, host.size)));
    else if (port > 0)
        jb_buf_printf(hosts, ":%lld", (long long)port);
    return true;
}

static bool hosts_of(struct jb_scope *scope, const char *name, struct jb_str text, int64_t port, struct jb_str *ret_hosts)
{
    struct jb_buf hosts = JB_BUF_INIT(65536);
    bool good = true;

    for (struct jb_str rest = text; rest.data && good;)
        good = put_host(scope, &hosts, jb_str_trim(jb_str_cut(&rest, ',')), port);
    *ret_hosts = jb_copy(scope, jb_buf_str(&hosts));
    jb_buf_done(&hosts);
    return good || jb_fail(scope, JB_INVALID, JB_L(scope, "설정 %s=‘%.*s’을(를) 읽을 수 없습니다. 호스트를 쉼표로 나누어 적으세요: db1,db2:5433.", "setting %s='%.*s' cannot be read. Write hosts separated by commas: db1,db2:5433."), name, JB_FMT(text));
}

/* Of several hosts the one that takes writes. */
static struct jb_str writable(struct jb_scope *scope, struct parts parts)
{
    if (jb_str_find_char(parts.hosts, ',', 0) != SIZE_MAX && jb_str_find(parts.query, JB_STR("target_session_attrs="), 0) == SIZE_MAX)
        parts.query = jb_format(scope, "%.*s%starget_session_attrs=read-write", JB_FMT(parts.query), parts.query.size > 0 ? "&" : "");
    return write_url(scope, &parts);
}

/* ---- the servers ------------------------------------------------------------------------------------------------------------- */

static bool read_primary(struct jb_scope *scope, struct jb_config *config, struct parts *ret_parts)
{
    if (config->database_url.data)
        return read_url(scope, "DATABASE_URL", config->database_url, ret_parts);
    *ret_parts = (struct parts){ .user = encoded(scope, config->db_user), .password = encoded(scope, config->db_password), .database = encoded(scope, config->db_name) };
    return hosts_of(scope, "DB_HOST", config->db_host.data ? config->db_host : JB_STR("localhost"), config->db_port, &ret_parts->hosts);
}

/* DB_READONLY_HOST: every host a replica with the primary's database, port and parameters, also its user and password unless it has its own. */
static bool read_readonly(struct jb_scope *scope, struct jb_config *config, const struct parts *primary)
{
    struct parts replica = *primary;
    struct jb_buf urls = JB_BUF_INIT(65536);
    struct jb_str first = primary->hosts, hosts, query = primary->query;
    int64_t port = 0;

    first = jb_str_cut(&first, ',');
    if (port_at(first) != SIZE_MAX)
        jb_str_to_int64(jb_str_slice(first, port_at(first), first.size), &port);
    if (!hosts_of(scope, "DB_READONLY_HOST", config->db_readonly_host, port, &hosts))
        return false;
    if (config->db_readonly_user.data)
        replica.user = encoded(scope, config->db_readonly_user);
    if (config->db_readonly_password.data)
        replica.password = encoded(scope, config->db_readonly_password);
    replica.query = JB_STR_NULL;
    while (query.data) { /* a replica takes no writes */
        struct jb_str one = jb_str_cut(&query, '&');
        if (!jb_str_starts(one, JB_STR("target_session_attrs=")))
            replica.query = replica.query.size > 0 ? jb_format(scope, "%.*s&%.*s", JB_FMT(replica.query), JB_FMT(one)) : one;
    }
    while (hosts.data) {
        replica.hosts = jb_str_cut(&hosts, ',');
        jb_buf_printf(&urls, "%s%.*s", urls.size > 0 ? "," : "", JB_FMT(write_url(scope, &replica)));
    }
    config->replica_urls = jb_copy(scope, jb_buf_str(&urls));
    jb_buf_done(&urls);
    return true;
}

static bool read_replicas(struct jb_scope *scope, struct jb_config *config, const struct parts *primary)
{
    struct jb_str rest = config->replica_urls;
    struct parts parts;

    if (!rest.data)
        return !config->db_readonly_host.data || read_readonly(scope, config, primary);
    while (rest.data)
        if (!read_url(scope, "DATABASE_REPLICA_URLS", jb_str_trim(jb_str_cut(&rest, ',')), &parts))
            return false;
    return true;
}

static bool read_analytics(struct jb_scope *scope, struct jb_config *config)
{
    struct parts parts;

    if (!config->analytics_url.data)
        return true;
    if (!read_url(scope, "ANALYTICS_DATABASE_URL", config->analytics_url, &parts))
        return false;
    if (!parts.password.data)
        parts.password = encoded(scope, config->analytics_password);
    config->analytics_url = write_url(scope, &parts);
    return true;
}

bool jb__config_database(struct jb_scope *scope, struct jb_config *config)
{
    bool named = config->db_user.data || config->db_password.data || config->db_host.data;
    struct parts primary;

    if (!config->database_url.data && !config->db_name.data) {
        if (named)
            return jb_fail(scope, JB_INVALID, JB_L(scope, "설정 DB_NAME이 없습니다. DB_HOST, DB_USER, DB_PASSWORD를 쓰려면 있어야 합니다.", "setting DB_NAME is missing. DB_HOST, DB_USER and DB_PASSWORD need it."));
        config->database_url = JB_STR(DEFAULT_URL);
    }
    if (jb_str_starts(config->database_url, JB_STR("sqlite:"))) {
        const char *setting = config->replica_urls.data ? "DATABASE_REPLICA_URLS" : config->analytics_url.data ? "ANALYTICS_DATABASE_URL"
                                                                                                               : NULL;
        return !setting || jb_fail(scope, JB_INVALID, JB_L(scope, "설정 %s은(는) PostgreSQL에만 씁니다. DATABASE_URL이 SQLite이면 지우세요.", "setting %s is for PostgreSQL alone. Remove it while DATABASE_URL is SQLite."), setting);
    }
    if (!read_primary(scope, config, &primary) || !read_replicas(scope, config, &primary) || !read_analytics(scope, config))
        return false;
    config->database_url = writable(scope, primary);
    return true;
}
