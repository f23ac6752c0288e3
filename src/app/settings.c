/* settings.c — the table of settings and how their values read.
 *
 * A new setting is one line here and one member of struct jb_config. */
// SPDX-License-Identifier: Apache-2.0
#include "app/settings.h"
#include <stddef.h>
#include <string.h>

#define TEXT(name, older, member, text, allowed)                                                     \
    {                                                                                                \
        name, older, JB_SETTING_TEXT, offsetof(struct jb_config, member), text, 0, 0, allowed, false \
    }
#define SECRET(name, older, member, allowed)                                                        \
    {                                                                                               \
        name, older, JB_SETTING_TEXT, offsetof(struct jb_config, member), NULL, 0, 0, allowed, true \
    }
#define BOOL(name, older, member, text)                                                           \
    {                                                                                             \
        name, older, JB_SETTING_BOOL, offsetof(struct jb_config, member), text, 0, 0, NULL, false \
    }
#define INT(name, older, member, text, min, max)                                                     \
    {                                                                                                \
        name, older, JB_SETTING_INT, offsetof(struct jb_config, member), text, min, max, NULL, false \
    }
#define BYTES(name, older, member, text, min, max)                                                     \
    {                                                                                                  \
        name, older, JB_SETTING_BYTES, offsetof(struct jb_config, member), text, min, max, NULL, false \
    }
#define SECONDS(name, older, member, text, max)                                                   \
    {                                                                                             \
        name, older, JB_SETTING_MS, offsetof(struct jb_config, member), text, 0, max, NULL, false \
    }
/* Understood by name and kept for a later stage; nothing reads the value yet, so any value is taken. */
#define LATER(name)                                              \
    {                                                            \
        name, NULL, JB_SETTING_LATER, 0, NULL, 0, 0, NULL, false \
    }

#define MIB ((int64_t)1 << 20)
#define GIB ((int64_t)1 << 30)

const struct jb_setting jb__settings[] = {
    SECRET("DATABASE_URL", NULL, database_url, "sqlite:|postgresql:|postgres:"), /* its default: config_database.c */
    TEXT("DB_NAME", NULL, db_name, NULL, NULL),
    TEXT("DB_USER", NULL, db_user, NULL, NULL),
    SECRET("DB_PASSWORD", NULL, db_password, NULL),
    TEXT("DB_HOST", NULL, db_host, NULL, NULL),
    INT("DB_PORT", NULL, db_port, "5432", 1, 65535),
    SECRET("DATABASE_REPLICA_URLS", NULL, replica_urls, NULL),
    TEXT("DB_READONLY_USER", NULL, db_readonly_user, NULL, NULL),
    SECRET("DB_READONLY_PASSWORD", NULL, db_readonly_password, NULL),
    TEXT("DB_READONLY_HOST", NULL, db_readonly_host, NULL, NULL),
    SECRET("ANALYTICS_DATABASE_URL", NULL, analytics_url, NULL),
    SECRET("ANALYTICS_DB_PASSWORD", NULL, analytics_password, NULL),
    INT("DB_POOL_MIN", NULL, db_pool_min, "5", 0, 1000),
    INT("DB_POOL_MAX", NULL, db_pool_max, "20", 1, 1000),
    INT("DB_CONN_MAX_AGE", NULL, db_connection_age_s, "600", 0, 365 * 86400LL),
    INT("DB_CONNECT_TIMEOUT", NULL, db_connect_timeout_s, "10", 1, 3600),
    INT("DB_SHARED_READ_MS", NULL, db_shared_read_ms, "100", 1, 60000),
    SECONDS("DB_SLOW_QUERY_SECONDS", NULL, db_slow_ms, "1.0", 3600),
    INT("DB_REPLICA_LAG_MS", NULL, replica_lag_ms, "5000", 1, 86400000),
    TEXT("DB_READS", NULL, db_reads, "auto", "auto|threads"),
    TEXT("CACHE_URL", NULL, cache_url, "memory://", "memory:"),
    TEXT("BROKER_URL", "CELERY_BROKER_URL", broker_url, "database://", "database:"),
    TEXT("RESULT_URL", "CELERY_RESULT_BACKEND RESULT_BACKEND", result_url, "database://", "database:"),
    INT("WORKER_CONCURRENCY", "CELERY_WORKER_CONCURRENCY", concurrency, "0", 0, 10000),
    INT("WORKER_MAX_TASKS_PER_CHILD", "CELERY_WORKER_MAX_TASKS_PER_CHILD", tasks_per_child, "1000", 0, INT64_MAX),
    INT("WORKER_PREFETCH_MULTIPLIER", "CELERY_WORKER_PREFETCH_MULTIPLIER", prefetch, "1", 1, 10000),
    BOOL("TASK_ACKS_LATE", "CELERY_TASK_ACKS_LATE", acks_late, "true"),
    INT("LEASE_SECONDS", NULL, lease_s, "10", 2, 3600),
    INT("IMPORT_EXPORT_CHUNK_SIZE", NULL, chunk_size, "1000", 1, 100000),
    BYTES("IMPORT_ASYNC_BYTES", NULL, import_async_bytes, "5MiB", 0, INT64_MAX),
    INT("IMPORT_MAX_DB_LATENCY_MS", NULL, latency_max_ms, "50", 0, 3600000),
    BYTES("UPLOAD_BYTES_MAX", NULL, upload_bytes_max, "4GiB", 1, 1024 * GIB),
    INT("UPLOAD_KEPT_SECONDS", NULL, upload_kept_s, "86400", 60, 30 * 86400LL),
    BYTES("DISK_FREE_BYTES_MIN", NULL, disk_free_bytes_min, "64MiB", 0, INT64_MAX),
    BYTES("FILE_UPLOAD_MAX_MEMORY_SIZE", NULL, file_upload_memory_bytes, "10MiB", 0, INT64_MAX),
    BYTES("DATA_UPLOAD_MAX_MEMORY_SIZE", NULL, data_upload_bytes_max, "10MiB", 1024, 512 * MIB),
    TEXT("SPOOL_DIR", NULL, spool_dir, "./spool", NULL),
    TEXT("MEDIA_DIR", NULL, media_dir, "./media", NULL),
    TEXT("UNDO_DIR", NULL, undo_dir, NULL, NULL),
    INT("UNDO_DAYS", NULL, undo_days, "30", 0, 36500),
    BYTES("UNDO_BYTES_MAX", NULL, undo_bytes_max, "10GiB", 0, INT64_MAX),
    SECRET("SECRET_KEY", NULL, secret_key, NULL),
    BOOL("DEBUG", NULL, debug, "false"),
    TEXT("ALLOWED_HOSTS", NULL, allowed_hosts, "localhost,127.0.0.1,[::1]", NULL),
    TEXT("TRUSTED_PROXIES", NULL, trusted_proxies, NULL, NULL),
    TEXT("INTERNAL_IPS", NULL, internal_ips, "127.0.0.1,::1", NULL),
    TEXT("CDN_DOMAIN", NULL, cdn_domain, NULL, NULL),
    TEXT("TIME_ZONE", NULL, time_zone, "Asia/Seoul", NULL),
    TEXT("LANGUAGE", NULL, language, "ko", "ko|en"),
    INT("SESSION_COOKIE_AGE", NULL, session_age_s, "86400", 60, 10 * 365 * 86400LL),
    BOOL("SESSION_COOKIE_SECURE", NULL, cookie_secure, "false"),
    TEXT("EMAIL_HOST", NULL, email_host, NULL, NULL),
    INT("EMAIL_PORT", NULL, email_port, "0", 0, 65535),
    TEXT("EMAIL_HOST_USER", NULL, email_user, NULL, NULL),
    SECRET("EMAIL_HOST_PASSWORD", NULL, email_password, NULL),
    BOOL("EMAIL_USE_TLS", NULL, email_tls, "false"),
    BOOL("EMAIL_USE_SSL", NULL, email_ssl, "false"),
    TEXT("EMAIL_CA_FILE", NULL, email_ca, NULL, NULL),
    TEXT("DEFAULT_FROM_EMAIL", NULL, email_from, "jangbu@localhost", NULL),
    TEXT("LOG_DIR", NULL, log_dir, NULL, NULL),
    TEXT("LOG_FORMAT", NULL, log_format, "text", "text|json"),
    TEXT("LOG_LEVEL", NULL, log_level, "info", "debug|info|notice|warning|error"),
    TEXT("SITE_URL", NULL, site_url, NULL, NULL),
    { "JANGBU_ENV", "DJANGO_SETTINGS_MODULE", JB_SETTING_ENVIRONMENT, offsetof(struct jb_config, environment), NULL, 0, 0, NULL, false },
    LATER("ALERT_EMAIL_CONFIG"),
    LATER("ALERT_EMAIL_RECIPIENTS"),
    LATER("CACHE_DEFAULT_SECONDS"),
    LATER("CACHE_KEY_PREFIX"),
    LATER("CACHE_LOCAL_BYTES"),
    LATER("CACHE_VERSION"),
    LATER("CELERY_TASK_DEFAULT_QUEUE"),
    LATER("CELERY_TASK_ROUTES"),
    LATER("DISCORD_WEBHOOK_URL"),
    LATER("ELASTICSEARCH_URL"),
    LATER("PUSH_API_URL"),
    LATER("REDIS_HOST"),
    LATER("REDIS_LONGTERM"),
    LATER("REDIS_NODE1"),
    LATER("REDIS_NODE2"),
    LATER("REDIS_NODE3"),
    LATER("REDIS_SESSION"),
    LATER("RESULT_EXPIRES"),
    LATER("SCALE_COMMAND"),
    LATER("SCALE_DOWN_PENDING"),
    LATER("SCALE_UP_PENDING"),
    LATER("SLACK_WEBHOOK_URL"),
    LATER("SMS_API_URL"),
    LATER("TASK_DEFAULT_QUEUE"),
    LATER("TASK_ROUTES"),
    LATER("WORKERS_MAX"),
    LATER("WORKERS_MIN"),
    { 0 },
};

const struct jb_setting *jb__setting_find(struct jb_str name)
{
    for (const struct jb_setting *setting = jb__settings; setting->name; setting++) {
        if (jb_str_is(name, setting->name))
            return setting;
        struct jb_str older = jb_str_of(setting->older);
        while (older.data)
            if (jb_str_equal(jb_str_cut(&older, ' '), name))
                return setting;
    }
    return NULL;
}

/* ---- values ------------------------------------------------------------------------------------------------------- */

static bool read_bool(struct jb_str text, bool *ret_truth)
{
    static const char *const yes[] = { "true", "1", "yes", "on" }, *const no[] = { "false", "0", "no", "off" };
    for (size_t i = 0; i < JB_COUNT(yes); i++) {
        bool is_yes = jb_str_equal_nocase(text, jb_str_of(yes[i]));
        if (is_yes || jb_str_equal_nocase(text, jb_str_of(no[i]))) {
            *ret_truth = is_yes;
            return true;
        }
    }
    return false;
}

/* `10485760`, `10MB`, `5MiB`, `4 GiB`: all units are powers of 1,024, as in the stage's table. */
static bool read_bytes(struct jb_str text, int64_t *ret_bytes)
{
    static const struct {
        const char *unit;
        int shift;
    } units[] = { { "", 0 }, { "b", 0 }, { "k", 10 }, { "kb", 10 }, { "kib", 10 }, { "m", 20 }, { "mb", 20 }, { "mib", 20 }, { "g", 30 }, { "gb", 30 }, { "gib", 30 } };
    size_t digits = 0;
    int64_t number;

    while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9')
        digits++;
    if (digits == 0 || !jb_str_to_int64(jb_str_slice(text, 0, digits), &number))
        return false;
    struct jb_str unit = jb_str_trim(jb_str_slice(text, digits, text.size));
    for (size_t i = 0; i < JB_COUNT(units); i++)
        if (jb_str_equal_nocase(unit, jb_str_of(units[i].unit)))
            return !__builtin_mul_overflow(number, (int64_t)1 << units[i].shift, ret_bytes);
    return false;
}

/* Seconds with decimals to milliseconds. */
static bool read_ms(struct jb_str text, int64_t max_s, int64_t *ret_ms)
{
    struct jb_decimal number, rounded;
    if (!jb_decimal_parse(text, &number) || !jb_decimal_round(number, 3, &rounded))
        return false;
    if (rounded.units < 0 || rounded.units > max_s * 1000)
        return false;
    *ret_ms = rounded.units;
    return true;
}

/* `allowed`: words separated by |, in any case (`INFO`), or URL schemes, which end with a colon. *ret_text: as the table writes it. */
static bool text_allowed(const char *allowed, struct jb_str text, struct jb_str *ret_text)
{
    *ret_text = text;
    if (!allowed)
        return true;
    struct jb_str words = jb_str_of(allowed);
    while (words.data) {
        struct jb_str word = jb_str_cut(&words, '|');
        bool scheme = jb_str_ends(word, JB_STR(":"));
        *ret_text = scheme ? text : word;
        if (scheme ? jb_str_starts(text, word) : jb_str_equal_nocase(word, text))
            return true;
    }
    return false;
}

static bool fail_setting(struct jb_scope *scope, const struct jb_setting *setting, struct jb_str name, struct jb_str text, struct jb_str place, struct jb_str allowed)
{
    struct jb_str shown = setting->secret ? JB_STR("…") : text;
    return jb_fail(scope, JB_INVALID,
        JB_L(scope, "설정 %.*s=‘%.*s’을(를) 읽을 수 없습니다 (%.*s). 쓸 수 있는 값: %.*s.", "setting %.*s='%.*s' cannot be read (%.*s). Allowed: %.*s."),
        JB_FMT(name), JB_FMT(shown), JB_FMT(place), JB_FMT(allowed));
}

static const char *const environments[] = {
    [JB_ENV_BASE] = "base",
    [JB_ENV_DEVELOPMENT] = "development",
    [JB_ENV_PRODUCTION] = "production",
    [JB_ENV_MONITORING] = "monitoring",
};

/* The last part of `config.settings.production`; a module that is called settings is not split into environments: base. */
static bool put_environment(struct jb_scope *scope, struct jb_str name, struct jb_str text, struct jb_str place, enum jb_environment *ret_environment)
{
    struct jb_str part = text, names[JB_COUNT(environments)];

    for (struct jb_str rest = text; rest.data;)
        part = jb_str_cut(&rest, '.');
    for (size_t i = 0; i < JB_COUNT(environments); i++) {
        names[i] = jb_str_of(environments[i]);
        if (jb_str_equal_nocase(part, names[i])) {
            *ret_environment = (enum jb_environment)i;
            return true;
        }
    }
    if (part.size == 0 || jb_str_is(part, "settings")) {
        *ret_environment = JB_ENV_BASE;
        return true;
    }
    struct jb_str nearest = jb_nearest(part, names, JB_COUNT(names));
    struct jb_str meant = nearest.data ? jb_format(scope, JB_L(scope, " ‘%.*s’이 맞습니까?", " Did you mean '%.*s'?"), JB_FMT(nearest)) : JB_STR("");
    return jb_fail(scope, JB_INVALID,
        JB_L(scope, "설정 %.*s=‘%.*s’ (%.*s): ‘%.*s’이라는 환경은 없습니다.%.*s 쓸 수 있는 값: base, development, production, monitoring.",
            "setting %.*s='%.*s' (%.*s): there is no environment '%.*s'.%.*s Allowed: base, development, production, monitoring."),
        JB_FMT(name), JB_FMT(text), JB_FMT(place), JB_FMT(part), JB_FMT(meant));
}

/* A service that a later stage brings: one sentence that says what works today. */
static bool fail_later(struct jb_scope *scope, struct jb_str name, struct jb_str text, const char *works)
{
    struct jb_str rest = text, scheme = jb_str_cut(&rest, ':'), first = jb_str_of(works);

    first = jb_str_cut(&first, '|');
    return jb_fail(scope, JB_INVALID,
        JB_L(scope, "설정 %.*s: 이 판은 ‘%.*s://’ 주소를 아직 쓰지 못합니다. 이 줄을 빼거나 %.*s//로 적으세요.",
            "setting %.*s: this version cannot use a %.*s:// address yet. Remove the line or set it to %.*s//."),
        JB_FMT(name), JB_FMT(scheme), JB_FMT(first));
}

bool jb__setting_put(struct jb_scope *scope, const struct jb_setting *setting, struct jb_str name, struct jb_str text, struct jb_str place, struct jb_config *config)
{
    void *member = (char *)config + setting->offset;
    int64_t number = 0;
    struct jb_str word;

    switch (setting->type) {
    case JB_SETTING_LATER:
        return true;
    case JB_SETTING_TEXT:
        if (!text_allowed(setting->allowed, text, &word)) {
            struct jb_str allowed = jb_str_of(setting->allowed);
            return jb_str_ends(allowed, JB_STR(":")) && jb_str_find(text, JB_STR("://"), 0) != SIZE_MAX
                       ? fail_later(scope, name, text, setting->allowed)
                       : fail_setting(scope, setting, name, text, place, allowed);
        }
        *(struct jb_str *)member = word.size > 0 ? word : JB_STR_NULL;
        return true;
    case JB_SETTING_BOOL:
        return read_bool(text, member) || fail_setting(scope, setting, name, text, place, JB_STR("true, false, 1, 0, yes, no, on, off"));
    case JB_SETTING_ENVIRONMENT:
        return put_environment(scope, name, text, place, member);
    case JB_SETTING_MS:
        return read_ms(text, setting->max, member) ||
               fail_setting(scope, setting, name, text, place, jb_format(scope, "0-%lld s", (long long)setting->max));
    case JB_SETTING_INT:
    case JB_SETTING_BYTES: {
        bool read = setting->type == JB_SETTING_INT ? jb_str_to_int64(text, &number) : read_bytes(text, &number);
        if (!read || number < setting->min || number > setting->max)
            return fail_setting(scope, setting, name, text, place,
                setting->max == INT64_MAX ? jb_format(scope, "%lld…", (long long)setting->min)
                                          : jb_format(scope, "%lld-%lld", (long long)setting->min, (long long)setting->max));
        *(int64_t *)member = number;
        return true;
    }
    }
    return false;
}
