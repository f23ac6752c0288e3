/* config.h — settings: from the environment, a `.env` file, `jangbu.conf` and the command line (interface §4).
 *
 * One table says every name, its older names, type, default and limits; reading, help and errors come from it. The order of precedence: command line, environment, `.env`, `jangbu.conf`,
 * the defaults of the environment that JANGBU_ENV or DJANGO_SETTINGS_MODULE names, the defaults of all (base; also when none is named). */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_APP_CONFIG_H
#define JB_APP_CONFIG_H

#include "base/scope.h"

enum jb_environment {
    JB_ENV_BASE,
    JB_ENV_DEVELOPMENT,
    JB_ENV_PRODUCTION,
    JB_ENV_MONITORING, /* production, seen by whoever watches it */
};

struct jb_config {
    enum jb_environment environment;
    struct jb_str database_url, cache_url, broker_url, result_url;
    struct jb_str replica_urls, analytics_url;                                                                                          /* PostgreSQL's, complete; NULL: none */
    struct jb_str db_name, db_user, db_password, db_host, db_readonly_user, db_readonly_password, db_readonly_host, analytics_password; /* as given; the URLs say it all */
    int64_t db_port;
    int64_t db_slow_ms, db_pool_min, db_pool_max, db_connection_age_s, db_connect_timeout_s, db_shared_read_ms, replica_lag_ms;
    struct jb_str db_reads;
    int64_t chunk_size, import_async_bytes, upload_bytes_max, upload_kept_s, disk_free_bytes_min, latency_max_ms, data_upload_bytes_max, file_upload_memory_bytes;
    struct jb_str spool_dir, media_dir, undo_dir;
    int64_t undo_days, undo_bytes_max;
    struct jb_str secret_key, allowed_hosts, trusted_proxies, internal_ips, cdn_domain, time_zone, language;
    bool debug, cookie_secure;
    int64_t session_age_s, lease_s, concurrency, tasks_per_child, prefetch;
    bool acks_late;
    struct jb_str email_host, email_user, email_password, email_from, email_ca;
    int64_t email_port;
    bool email_tls, email_ssl;
    struct jb_str log_dir, log_format, log_level;
    struct jb_str site_url;
    struct jb_str tables; /* --tables: "all" or names; NULL: none */
};

/* What the command line says; NULL texts say nothing. */
struct jb_config_given {
    struct jb_str config_file, database_url, cache_url, broker_url, log_level;
};

/* Reads everything into ret_config (texts live in the scope). INVALID with one sentence naming the setting, its value, where it stood and what is allowed. */
bool jb_config_read(struct jb_scope *scope, const struct jb_config_given *given, struct jb_config *ret_config);

/* For tests: the same from given texts instead of files and environment. */
struct jb_config_source {
    const char *const *environment;    /* "NAME=value", ends with NULL */
    struct jb_str env_file, conf_file; /* contents; NULL: absent */
    struct jb_str conf_name;
};
bool jb_config_from(struct jb_scope *scope, const struct jb_config_source *source, const struct jb_config_given *given, struct jb_config *ret_config);

/* The value of SECRET_KEY, or outside production the one made and kept beside the database on the first start. */
bool jb_config_secret(struct jb_scope *scope, struct jb_config *config);
/* What whoever faces people must have: the secret key, and in production ALLOWED_HOSTS. */
bool jb_config_public(struct jb_scope *scope, struct jb_config *config);

#endif
