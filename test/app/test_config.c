/* test_config.c — settings: where they come from, who wins, what is refused. */
// SPDX-License-Identifier: Apache-2.0
#include "app/config.h"
#include "jb_test.h"

static const struct jb_config_given nothing;

static bool read(struct jb_scope *scope, const char *env_file, const char *conf_file, const char *const *environment, struct jb_config *config)
{
    struct jb_config_source source = {
        .environment = environment,
        .env_file = jb_str_of(env_file),
        .conf_file = jb_str_of(conf_file),
        .conf_name = JB_STR("jangbu.conf"),
    };
    return jb_config_from(scope, &source, &nothing, config);
}

JB_TEST("without any source every setting has its default")
{
    struct jb_config config;

    CHECK_OK(read(scope, NULL, NULL, NULL, &config));
    CHECK_TEXT(config.database_url, "sqlite:///jangbu.db");
    CHECK_INT(config.chunk_size, 1000);
    CHECK_INT(config.import_async_bytes, 5 << 20);
    CHECK_INT(config.upload_bytes_max, (int64_t)4 << 30);
    CHECK_INT(config.data_upload_bytes_max, 10 << 20);
    CHECK_INT(config.session_age_s, 86400);
    CHECK_INT(config.db_slow_ms, 1000);
    CHECK_TEXT(config.language, "ko");
    CHECK_TEXT(config.time_zone, "Asia/Seoul");
    CHECK_INT(config.debug, false);
    CHECK_INT(config.environment, JB_ENV_BASE);
    CHECK_TEXT(config.allowed_hosts, "localhost,127.0.0.1,[::1]");
    CHECK_TEXT(config.log_format, "text");
    CHECK_TEXT(config.log_level, "info");
    CHECK_INT(config.cookie_secure, false);
    CHECK(!config.secret_key.data);
    CHECK(!config.email_host.data);
}

JB_TEST("the environment wins over .env, .env over jangbu.conf")
{
    struct jb_config config;

    CHECK_OK(read(scope, "LANGUAGE=en\nSPOOL_DIR=/b\n", "LANGUAGE = ko\nSPOOL_DIR = /c\nMEDIA_DIR = /c\n", (const char *const[]){ "SPOOL_DIR=/a", NULL }, &config));
    CHECK_TEXT(config.spool_dir, "/a");
    CHECK_TEXT(config.language, "en");
    CHECK_TEXT(config.media_dir, "/c");
}

JB_TEST("the command line wins over the environment")
{
    struct jb_config config;
    struct jb_config_source source = { .environment = (const char *const[]){ "DATABASE_URL=sqlite:///a.db", NULL } };

    CHECK_OK(jb_config_from(scope, &source, &(struct jb_config_given){ .database_url = JB_STR("sqlite:///b.db") }, &config));
    CHECK_TEXT(config.database_url, "sqlite:///b.db");
}

JB_TEST("an .env file has comments, quotes, export and blanks around names")
{
    struct jb_config config;

    CHECK_OK(read(scope,
        "# comment\n\nexport EMAIL_HOST = smtp.example.com # the office's\nEMAIL_HOST_USER=\"a # b\"\nEMAIL_HOST_PASSWORD='p=w'\nDEFAULT_FROM_EMAIL=jangbu@example.com\r\nSOMEBODY_ELSES=1\n",
        NULL, NULL, &config));
    CHECK_TEXT(config.email_host, "smtp.example.com");
    CHECK_TEXT(config.email_user, "a # b");
    CHECK_TEXT(config.email_password, "p=w");
    CHECK_TEXT(config.email_from, "jangbu@example.com");
}

JB_TEST("names that Django and Celery use are understood")
{
    struct jb_config config;

    CHECK_OK(read(scope, "CELERY_WORKER_CONCURRENCY=4\nCELERY_BROKER_URL=database://\nDJANGO_SETTINGS_MODULE=config.settings.production\nIMPORT_EXPORT_CHUNK_SIZE=500\n", NULL, NULL, &config));
    CHECK_INT(config.concurrency, 4);
    CHECK_INT(config.chunk_size, 500);
    CHECK_INT(config.environment, JB_ENV_PRODUCTION);
}

JB_TEST("a settings module that is not split into environments is the base environment")
{
    struct jb_config config;

    CHECK_OK(read(scope, "DJANGO_SETTINGS_MODULE=_config.settings\n", NULL, NULL, &config));
    CHECK_INT(config.environment, JB_ENV_BASE);
}

JB_TEST("an unknown environment is an error that names the nearest one")
{
    struct jb_config config;

    jb_language_set(scope, JB_EN);
    CHECK(!read(scope, "DJANGO_SETTINGS_MODULE=config.settings.prodution\n", NULL, NULL, &config));
    CHECK_TEXT(jb_failure_text(scope),
        "setting DJANGO_SETTINGS_MODULE='config.settings.prodution' (.env:1): there is no environment 'prodution'. Did you mean 'production'? Allowed: base, development, production, monitoring.");
    jb_failure_clear(scope);
    CHECK(!read(scope, NULL, NULL, (const char *const[]){ "JANGBU_ENV=office", NULL }, &config));
    CHECK_TEXT(jb_failure_text(scope), "setting JANGBU_ENV='office' (environment): there is no environment 'office'. Allowed: base, development, production, monitoring.");
}

JB_TEST("development shows causes and every line of the log")
{
    struct jb_config config;

    CHECK_OK(read(scope, "JANGBU_ENV=development\n", NULL, NULL, &config));
    CHECK_INT(config.environment, JB_ENV_DEVELOPMENT);
    CHECK_INT(config.debug, true);
    CHECK_TEXT(config.log_level, "debug");
    CHECK_TEXT(config.log_format, "text");
    CHECK_TEXT(config.allowed_hosts, "localhost,127.0.0.1,[::1]");
}

JB_TEST("production and monitoring log as JSON, send cookies over https alone and know no host by themselves")
{
    static const char *const environments[] = { "JANGBU_ENV=production\n", "DJANGO_SETTINGS_MODULE=config.settings.monitoring\n" };
    struct jb_config config;

    for (size_t i = 0; i < JB_COUNT(environments); i++) {
        CHECK_OK(read(scope, environments[i], NULL, NULL, &config));
        CHECK_INT(config.debug, false);
        CHECK_INT(config.cookie_secure, true);
        CHECK_TEXT(config.log_format, "json");
        CHECK(!config.allowed_hosts.data);
    }
}

JB_TEST("what is set wins over the environment's defaults, wherever either of them stands")
{
    struct jb_config config;

    CHECK_OK(read(scope, NULL, "LOG_FORMAT = text\nSESSION_COOKIE_SECURE = false\n", (const char *const[]){ "JANGBU_ENV=production", NULL }, &config));
    CHECK_TEXT(config.log_format, "text");
    CHECK_INT(config.cookie_secure, false);
    CHECK_OK(read(scope, "DEBUG=false\n", "JANGBU_ENV = development\n", NULL, &config));
    CHECK_INT(config.debug, false);
}

JB_TEST("a Redis address stops the start with one sentence that names the setting")
{
    static const struct {
        const char *name, *works;
    } settings[] = { { "CELERY_BROKER_URL", "database" }, { "CELERY_RESULT_BACKEND", "database" }, { "BROKER_URL", "database" }, { "RESULT_URL", "database" }, { "CACHE_URL", "memory" } };
    struct jb_config config;

    jb_language_set(scope, JB_EN);
    for (size_t i = 0; i < JB_COUNT(settings); i++) {
        CHECK(!read(scope, jb_format(scope, "%s=redis://localhost:6379/0\n", settings[i].name).data, NULL, NULL, &config));
        CHECK_INT(jb_error(scope), JB_INVALID);
        CHECK_TEXT(jb_failure_text(scope), jb_format(scope, "setting %s: this version cannot use a redis:// address yet. Remove the line or set it to %s://.", settings[i].name, settings[i].works).data);
        jb_failure_clear(scope);
    }
}

JB_TEST("the .env of a Django and Celery deployment is read to its last name")
{
    struct jb_config config;

    CHECK_OK(read(scope,
        "CELERY_BROKER_URL=database://\nCELERY_RESULT_BACKEND=database://\n"
        "EMAIL_HOST=smtp.example.com\nEMAIL_HOST_USER=books\nEMAIL_HOST_PASSWORD=app password\nDEFAULT_FROM_EMAIL=장부 <books@example.com>\n",
        NULL, NULL, &config));
    CHECK_TEXT(config.broker_url, "database://");
    CHECK_TEXT(config.result_url, "database://");
    CHECK_TEXT(config.email_host, "smtp.example.com");
    CHECK_TEXT(config.email_user, "books");
    CHECK_TEXT(config.email_password, "app password");
    CHECK_TEXT(config.email_from, "장부 <books@example.com>");
}

/* jangbu.conf, because an unknown name is an error there. */
JB_TEST("every name of a larger deployment's environment is known, and nothing else is needed")
{
    struct jb_config config;

    CHECK_OK(read(scope, NULL,
        "SECRET_KEY = 0123456789abcdef\nDB_NAME = shop\nDB_USER = me\nDB_PASSWORD = secret\nDB_HOST = db1\nDB_PORT = 5433\n"
        "DB_READONLY_USER = reader\nDB_READONLY_PASSWORD = other\nDB_READONLY_HOST = db2\nANALYTICS_DB_PASSWORD = third\n"
        "REDIS_HOST = value\nREDIS_NODE1 = value\nREDIS_NODE2 = value\nREDIS_NODE3 = value\nREDIS_SESSION = value\nREDIS_LONGTERM = value\n"
        "CDN_DOMAIN = cdn.example.com\nDJANGO_SETTINGS_MODULE = myproject.settings.production\n",
        NULL, &config));
    CHECK_TEXT(config.secret_key, "0123456789abcdef");
    CHECK_TEXT(config.database_url, "postgresql://me:secret@db1:5433/shop");
    CHECK_TEXT(config.replica_urls, "postgresql://reader:other@db2:5433/shop");
    CHECK_TEXT(config.cdn_domain, "cdn.example.com");
    CHECK_INT(config.environment, JB_ENV_PRODUCTION);
}

JB_TEST("an unknown name in jangbu.conf names the file, the line and the nearest setting")
{
    struct jb_config config;

    jb_language_set(scope, JB_EN);
    CHECK(!read(scope, NULL, "LANGUAGE = en\nSPOOL_DRI = /x\n", NULL, &config));
    CHECK_TEXT(jb_failure_text(scope), "jangbu.conf:2: there is no setting 'SPOOL_DRI'. Did you mean 'SPOOL_DIR'?");
}

JB_TEST("a value that cannot be read names the setting, the value and what is allowed")
{
    static const char *const bad[] = {
        "DEBUG=maybe\n", "IMPORT_EXPORT_CHUNK_SIZE=0\n", "IMPORT_EXPORT_CHUNK_SIZE=many\n", "UPLOAD_BYTES_MAX=4XiB\n", "UPLOAD_BYTES_MAX=-1\n",
        "DB_SLOW_QUERY_SECONDS=-1\n", "LOG_FORMAT=xml\n", "LEASE_SECONDS=1\n", "UPLOAD_BYTES_MAX=99999999999999999999\n", "EMAIL_PORT=65536\n"
    };
    struct jb_config config;

    for (size_t i = 0; i < JB_COUNT(bad); i++)
        CHECK_FAILS(read(scope, bad[i], NULL, NULL, &config), JB_INVALID);
}

JB_TEST("a secret that cannot stay is never printed")
{
    struct jb_config config = { .secret_key = JB_STR("short") };

    CHECK(!jb_config_secret(scope, &config));
    CHECK_INT(jb_str_find(jb_failure_text(scope), JB_STR("short "), 0), SIZE_MAX);
}

JB_TEST("sizes read in bytes and in units")
{
    struct jb_config config;

    CHECK_OK(read(scope, "UPLOAD_BYTES_MAX=2GiB\nIMPORT_ASYNC_BYTES=5242880\nDATA_UPLOAD_MAX_MEMORY_SIZE=20 MB\n", NULL, NULL, &config));
    CHECK_INT(config.upload_bytes_max, (int64_t)2 << 30);
    CHECK_INT(config.import_async_bytes, 5242880);
    CHECK_INT(config.data_upload_bytes_max, 20 << 20);
}

JB_TEST("production and monitoring do not start with DEBUG, without SECRET_KEY or without ALLOWED_HOSTS")
{
    static const char *const environments[] = { "production", "monitoring" };
    struct jb_config config;

    jb_language_set(scope, JB_EN);
    for (size_t i = 0; i < JB_COUNT(environments); i++) {
        struct jb_str name = jb_format(scope, "JANGBU_ENV=%s\n", environments[i]);
        CHECK_FAILS(read(scope, jb_format(scope, "%.*sDEBUG=true\n", JB_FMT(name)).data, NULL, NULL, &config), JB_INVALID);
        CHECK_OK(read(scope, jb_format(scope, "%.*sALLOWED_HOSTS=books.example.com\n", JB_FMT(name)).data, NULL, NULL, &config));
        CHECK(!jb_config_public(scope, &config));
        CHECK_TEXT(jb_failure_text(scope), "setting SECRET_KEY is missing. Production does not start without it.");
        jb_failure_clear(scope);
        CHECK_OK(read(scope, jb_format(scope, "%.*sSECRET_KEY=0123456789abcdef\nALLOWED_HOSTS=\n", JB_FMT(name)).data, NULL, NULL, &config));
        CHECK(!jb_config_public(scope, &config));
        CHECK_TEXT(jb_failure_text(scope), "setting ALLOWED_HOSTS is missing. Production wants the names that people type into the address bar, like ALLOWED_HOSTS=books.example.com.");
        jb_failure_clear(scope);
        CHECK_OK(read(scope, jb_format(scope, "%.*sSECRET_KEY=0123456789abcdef\nALLOWED_HOSTS=books.example.com\n", JB_FMT(name)).data, NULL, NULL, &config));
        CHECK_OK(jb_config_public(scope, &config));
    }
}

/* ---- databases ---------------------------------------------------------------------------------------------------------- */

static void database(struct jb_scope *scope, const char *env_file, struct jb_config *config)
{
    CHECK_OK(read(scope, env_file, NULL, NULL, config));
}

JB_TEST("the DB_ names of an existing deployment become one address, its parts percent-encoded")
{
    struct jb_config config;

    database(scope, "DB_NAME=shop\nDB_USER=me\nDB_PASSWORD='p@ss:w/o?r#d% 암'\nDB_HOST=db.example.com\nDB_PORT=5433\n", &config);
    CHECK_TEXT(config.database_url, "postgresql://me:p%40ss%3Aw%2Fo%3Fr%23d%25%20%EC%95%94@db.example.com:5433/shop");
    CHECK(!config.replica_urls.data && !config.analytics_url.data);
    database(scope, "DB_NAME=shop\n", &config);
    CHECK_TEXT(config.database_url, "postgresql://localhost:5432/shop");
    database(scope, "DB_NAME=shop\nDB_USER=me\nDB_HOST=/var/run/postgresql\n", &config);
    CHECK_TEXT(config.database_url, "postgresql://me@%2Fvar%2Frun%2Fpostgresql:5432/shop");
    database(scope, "DB_NAME=shop\nDB_HOST=::1\n", &config);
    CHECK_TEXT(config.database_url, "postgresql://[::1]:5432/shop");
}

JB_TEST("of several hosts the one that takes writes is asked for")
{
    struct jb_config config;

    database(scope, "DB_NAME=shop\nDB_HOST='db1, db2:5433,[::1]:5434'\n", &config);
    CHECK_TEXT(config.database_url, "postgresql://db1:5432,db2:5433,[::1]:5434/shop?target_session_attrs=read-write");
    database(scope, "DATABASE_URL=postgres://me:a,b@db1,db2/shop?sslmode=require\n", &config);
    CHECK_TEXT(config.database_url, "postgresql://me:a,b@db1,db2/shop?sslmode=require&target_session_attrs=read-write");
    database(scope, "DATABASE_URL=postgresql://db1,db2/shop?target_session_attrs=any\n", &config);
    CHECK_TEXT(config.database_url, "postgresql://db1,db2/shop?target_session_attrs=any");
    database(scope, "DATABASE_URL=postgresql://me:a,b@db1:5433/shop\n", &config);
    CHECK_TEXT(config.database_url, "postgresql://me:a,b@db1:5433/shop");
}

JB_TEST("DATABASE_URL wins over DB_NAME, wherever it stands")
{
    struct jb_config config;

    CHECK_OK(read(scope, NULL, "DATABASE_URL = sqlite:///a.db\n", (const char *const[]){ "DB_NAME=shop", "DB_READONLY_HOST=replica", NULL }, &config));
    CHECK_TEXT(config.database_url, "sqlite:///a.db");
    CHECK(!config.replica_urls.data); /* a file has no replica */
    database(scope, "DB_NAME=shop\nDATABASE_URL=postgresql://db/book\n", &config);
    CHECK_TEXT(config.database_url, "postgresql://db/book");
}

JB_TEST("a replica has the primary's database, port, parameters, user and password unless it has its own")
{
    struct jb_config config;

    database(scope, "DB_NAME=shop\nDB_USER=me\nDB_PASSWORD=secret\nDB_PORT=5433\nDB_READONLY_HOST=r1,r2:6000\nDB_READONLY_USER=reader\nDB_READONLY_PASSWORD=a/b\n", &config);
    CHECK_TEXT(config.replica_urls, "postgresql://reader:a%2Fb@r1:5433/shop,postgresql://reader:a%2Fb@r2:6000/shop");
    database(scope, "DATABASE_URL=postgresql://me:s%40@db1:7000,db2/shop?sslmode=require&target_session_attrs=primary&connect_timeout=3\nDB_READONLY_HOST=r1\n", &config);
    CHECK_TEXT(config.replica_urls, "postgresql://me:s%40@r1:7000/shop?sslmode=require&connect_timeout=3");
    database(scope, "DB_NAME=shop\nDATABASE_REPLICA_URLS=postgresql://a@r1/shop, postgresql://a@r2/shop\nDB_READONLY_HOST=r3\n", &config);
    CHECK_TEXT(config.replica_urls, "postgresql://a@r1/shop, postgresql://a@r2/shop");
}

JB_TEST("ANALYTICS_DB_PASSWORD completes an address without a password")
{
    struct jb_config config;

    database(scope, "DB_NAME=shop\nANALYTICS_DATABASE_URL=postgresql://reports@dw:5432/reports\nANALYTICS_DB_PASSWORD=x:y\n", &config);
    CHECK_TEXT(config.analytics_url, "postgresql://reports:x%3Ay@dw:5432/reports");
    database(scope, "DB_NAME=shop\nANALYTICS_DATABASE_URL=postgresql://reports:own@dw/reports\nANALYTICS_DB_PASSWORD=x\n", &config);
    CHECK_TEXT(config.analytics_url, "postgresql://reports:own@dw/reports");
    database(scope, "DB_NAME=shop\nANALYTICS_DB_PASSWORD=x\n", &config);
    CHECK(!config.analytics_url.data);
}

JB_TEST("an address that cannot be read is refused by its name, without a letter of its password")
{
    static const struct {
        const char *text, *name;
    } bad[] = {
        { "DATABASE_URL=mysql://me:hunter2@db/shop\n", "DATABASE_URL" },
        { "DATABASE_URL=me:hunter2@db/shop\n", "DATABASE_URL" },
        { "DATABASE_URL=postgresql:me:hunter2@db/shop\n", "DATABASE_URL" },
        { "DATABASE_URL=postgresql://me:hunter2@db:5432\n", "DATABASE_URL" },
        { "DATABASE_URL=postgresql://me:hunter2@db:port/shop\n", "DATABASE_URL" },
        { "DATABASE_URL=postgresql://me:hunter2@db:5432/\n", "DATABASE_URL" },
        { "DATABASE_URL=postgresql://me:p/hunter2@db:5432/shop\n", "DATABASE_URL" },
        { "DATABASE_URL=postgresql://me:hunter2?@db:5432/shop\n", "DATABASE_URL" },
        { "DATABASE_URL='postgresql://me:hunter2#@db:5432/shop'\n", "DATABASE_URL" },
        { "DATABASE_URL=postgresql://me:100%hunter2@db:5432/shop\n", "DATABASE_URL" },
        { "DB_NAME=shop\nDATABASE_REPLICA_URLS=postgresql://a@r1/shop,r2:hunter2\n", "DATABASE_REPLICA_URLS" },
        { "DB_NAME=shop\nANALYTICS_DATABASE_URL=sqlite:///hunter2.db\n", "ANALYTICS_DATABASE_URL" },
        { "DB_NAME=shop\nDB_PASSWORD=hunter2\nDB_HOST=a,,b\n", "DB_HOST" },
        { "DB_NAME=shop\nDB_PASSWORD=hunter2\nDB_READONLY_HOST=a:b\n", "DB_READONLY_HOST" },
        { "DB_NAME=shop\nDB_PASSWORD=hunter2\nDB_PORT=0\n", "DB_PORT" },
        { "DB_PASSWORD=hunter2\n", "DB_NAME" },
        { "DB_CONNECT_TIMEOUT=0\n", "DB_CONNECT_TIMEOUT" },
        { "DB_SHARED_READ_MS=soon\n", "DB_SHARED_READ_MS" },
        { "DB_CONN_MAX_AGE=-1\n", "DB_CONN_MAX_AGE" },
        { "DB_POOL_MAX=0\n", "DB_POOL_MAX" },
        { "DATABASE_URL=sqlite:///a.db\nDATABASE_REPLICA_URLS=postgresql://a:hunter2@r1/shop\n", "DATABASE_REPLICA_URLS" },
        { "ANALYTICS_DATABASE_URL=postgresql://a:hunter2@r1/shop\n", "ANALYTICS_DATABASE_URL" },
    };
    struct jb_config config;

    for (size_t i = 0; i < 2 * JB_COUNT(bad); i++) {
        jb_language_set(scope, i % 2 ? JB_KO : JB_EN);
        if (read(scope, bad[i / 2].text, NULL, NULL, &config))
            CHECK_TEXT(JB_STR("was read"), bad[i / 2].text);
        CHECK_INT(jb_error(scope), JB_INVALID);
        if (jb_str_find(jb_failure_text(scope), jb_str_of(bad[i / 2].name), 0) == SIZE_MAX || jb_str_find(jb_failure_text(scope), JB_STR("hunter"), 0) != SIZE_MAX)
            CHECK_TEXT(jb_failure_text(scope), bad[i / 2].name);
        jb_failure_clear(scope);
    }
}

JB_TEST("pools and patience have the defaults of the interface")
{
    struct jb_config config;

    database(scope, NULL, &config);
    CHECK_INT(config.db_pool_min, 5);
    CHECK_INT(config.db_pool_max, 20);
    CHECK_INT(config.db_connection_age_s, 600);
    CHECK_INT(config.db_connect_timeout_s, 10);
    CHECK_INT(config.db_shared_read_ms, 100);
}
