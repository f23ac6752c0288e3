/* site.c — the one file that ties modules upward: what the apps declare becomes running services. */
// SPDX-License-Identifier: Apache-2.0
#include "app/site.h"
#include "app/tables.h"
#include "api/api.h"
#include "base/log.h"
#include <stdatomic.h>
#include <string.h>

/* ---- gathering ------------------------------------------------------------------------------------------------------------ */

static const struct jb_model *const built_in_models[] = { JB_AUTH_MODELS, JB_QUEUE_MODELS, JB_TRANSFER_MODELS, NULL };
static const struct jb_task *const built_in_tasks[] = { JB_TRANSFER_TASKS, NULL };

/* One list of pointers out of those that the apps (and we) declare; `member` is where the list stands in struct jb_app. */
static const void **gather(struct jb_scope *scope, const struct jb_site *site, size_t member, const void *const *built_in)
{
    size_t count = 0;
    const void **all = NULL;

    for (int pass = 0; pass < 2; pass++) {
        size_t at = 0;
        for (const struct jb_app *const *app = site->apps; *app; app++) {
            const void *const *list;
            memcpy(&list, (const char *)*app + member, sizeof list);
            for (; list && *list; list++, at++)
                if (all)
                    all[at] = *list;
        }
        for (const void *const *list = built_in; list && *list; list++, at++)
            if (all)
                all[at] = *list;
        if (!all)
            all = JB_NEW_ARRAY(scope, const void *, at + 1);
        count = at;
    }
    JB_CHECK(all[count] == NULL);
    return all;
}

static size_t count_apps(const struct jb_site *site)
{
    size_t count = 0;
    while (site->apps[count])
        count++;
    return count;
}

/* ---- services of every command --------------------------------------------------------------------------------------------- */

static void close_services(void *arg)
{
    struct jb_runtime *runtime = arg;
    jb_web_free(runtime->web);
    jb_transfer_free(runtime->transfer);
    jb_notify_free(runtime->notify);
    jb_queue_free(runtime->queue);
    jb_db_close(runtime->db);
}

static void log_stall(struct jb_str sql, int64_t us, void *arg)
{
    struct jb_runtime *runtime = arg;

    if (jb__stall_is_news(&runtime->stalls, sql, jb_monotonic_us()))
        jb_log(JB_LOG_WARNING, "store", "a read held its loop for %.1f ms: %.*s", (double)us / 1000, JB_FMT(sql));
}

/* Row G3: seconds to three decimals, the statement, its parameters. */
static void log_slow(struct jb_scope *scope, struct jb_str sql, struct jb_str parameters, int64_t us, void *arg)
{
    (void)scope, (void)arg;
    jb_log(JB_LOG_WARNING, "slow_queries", "%.3f s: %.*s %.*s", (double)us / JB_SECOND_US, JB_FMT(sql), JB_FMT(parameters));
}

static const struct jb_db_route *gather_routes(struct jb_scope *scope, const struct jb_site *site)
{
    struct jb_db_route *routes = JB_NEW_ARRAY(scope, struct jb_db_route, count_apps(site) + 1), *at = routes;

    for (const struct jb_app *const *app = site->apps; *app; app++)
        if ((*app)->reads)
            *at++ = (struct jb_db_route){ (*app)->name, (*app)->reads };
    return routes;
}

static bool open_database(struct jb_scope *scope, struct jb_runtime *runtime)
{
    const struct jb_config *config = runtime->config;

    runtime->db = jb_db_open(scope, &(struct jb_db_options){
                                        .url = config->database_url,
                                        .models = runtime->models,
                                        .reads_on_threads = jb_str_is(config->db_reads, "threads"),
                                        .slow_query_s = (double)config->db_slow_ms / 1000,
                                        .pool_min = (int)JB_MAX(config->db_pool_min, 1), /* there 0 is the default */
                                        .pool_max = (int)config->db_pool_max,
                                        .connection_age_max_s = (int)JB_MAX(config->db_connection_age_s, 1),
                                        .connect_timeout_s = (int)config->db_connect_timeout_s,
                                        .shared_read_ms = (int)config->db_shared_read_ms,
                                        .replica_urls = config->replica_urls,
                                        .analytics_url = config->analytics_url,
                                        .replica_lag_ms = (int)config->replica_lag_ms,
                                        .routes = gather_routes(scope, runtime->site),
                                        .slow = log_slow,
                                        .stalled = log_stall,
                                        .stalled_arg = runtime,
                                    });
    if (!runtime->db)
        return false;
    jb_db_use(scope, runtime->db);
    for (const struct jb_model *const *model = runtime->models; *model; model++) /* references are looked up among the database's models */
        if (!jb_model_check(scope, *model))
            return false;
    return jb__tables_open(scope, runtime);
}

static bool open_transfer(struct jb_scope *scope, struct jb_runtime *runtime)
{
    const struct jb_config *config = runtime->config;
    runtime->transfer = jb_transfer_new(scope, &(struct jb_transfer_options){
                                                   .exchanges = (const struct jb_exchange *const *)gather(scope, runtime->site, offsetof(struct jb_app, exchanges), NULL),
                                                   .spool_dir = config->spool_dir,
                                                   .media_dir = config->media_dir,
                                                   .undo_dir = config->undo_dir,
                                                   .undo_days = config->undo_days > 0 && config->undo_bytes_max > 0 ? (int)config->undo_days : -1,
                                                   .undo_bytes_max = config->undo_bytes_max,
                                                   .async_bytes = config->import_async_bytes,
                                                   .upload_bytes_max = config->upload_bytes_max,
                                                   .upload_kept_s = config->upload_kept_s,
                                                   .disk_free_bytes_min = config->disk_free_bytes_min,
                                                   .latency_max_us = config->latency_max_ms * 1000,
                                                   .batch_rows = (int)config->chunk_size,
                                                   .zone = runtime->zone,
                                                   .site_url = config->site_url.data ? config->site_url : JB_STR("http://127.0.0.1:8000"),
                                               });
    if (!runtime->transfer)
        return false;
    jb_transfer_use(scope, runtime->transfer);
    return true;
}

struct jb_runtime *jb__site_open(struct jb_scope *scope, const struct jb_site *site, const struct jb_config *config)
{
    struct jb_runtime *runtime = JB_NEW(scope, struct jb_runtime);

    runtime->site = site;
    runtime->config = config;
    runtime->models = (const struct jb_model *const *)gather(scope, site, offsetof(struct jb_app, models), (const void *const *)built_in_models);
    runtime->tasks = (const struct jb_task *const *)gather(scope, site, offsetof(struct jb_app, tasks), (const void *const *)built_in_tasks);
    runtime->zone = jb_zone_open(jb_cstr(scope, config->time_zone));
    if (!runtime->zone) {
        jb_fail(scope, JB_INVALID, JB_L(scope, "설정 TIME_ZONE=‘%.*s’: 아는 시간대가 아닙니다. 보기: Asia/Seoul.", "setting TIME_ZONE='%.*s' is no known time zone. Example: Asia/Seoul."), JB_FMT(config->time_zone));
        return NULL;
    }
    jb_zone_local_set(runtime->zone);
    jb_defer(scope, close_services, runtime);
    if (!open_database(scope, runtime))
        return NULL;
    if (!(runtime->queue = jb_queue_new(scope, runtime->tasks)))
        return NULL;
    jb_queue_lease_set(runtime->queue, (int)config->lease_s);
    jb_queue_use(scope, runtime->queue);
    runtime->notify = jb_notify_new(scope, &(struct jb_mail_options){
                                               .host = config->email_host,
                                               .port = (int)config->email_port,
                                               .user = config->email_user,
                                               .password = config->email_password,
                                               .from = config->email_from,
                                               .use_tls = config->email_tls,
                                               .use_ssl = config->email_ssl,
                                               .ca = config->email_ca,
                                           });
    if (!runtime->notify)
        return NULL;
    jb_notify_use(scope, runtime->notify);
    return open_transfer(scope, runtime) ? runtime : NULL;
}

void jb__site_use(struct jb_scope *scope, struct jb_runtime *runtime)
{
    jb_db_use(scope, runtime->db);
    jb_queue_use(scope, runtime->queue);
    jb_notify_use(scope, runtime->notify);
    jb_transfer_use(scope, runtime->transfer);
    jb_service_set(scope, JB_SERVICE_SITE, runtime);
    if (runtime->admin)
        jb_admin_use(scope, runtime->admin);
}

bool jb__site_migrated(struct jb_scope *scope)
{
    struct jb_migration_step *steps;
    size_t count, first = 0, missing = 0;

    if (!jb_migrate_plan(scope, &steps, &count))
        return false;
    for (size_t i = count; i-- > 0;)
        if (!steps[i].destructive && !steps[i].by_hand) { /* a column that no model names any more stands in nobody's way, and migrate would leave it */
            first = i;
            missing++;
        }
    if (missing == 0)
        return true;
    return jb_fail(scope, JB_UNAVAILABLE,
        JB_L(scope, "표가 모델과 다릅니다 (%zu가지, 처음: %.*s). jangbu migrate를 실행하세요.", "the tables do not follow the models (%zu steps, first: %.*s). Run jangbu migrate."),
        missing, JB_FMT(steps[first].reason));
}

/* ---- pages that belong to no app --------------------------------------------------------------------------------------------- */

static struct jb_response *show_root(struct jb_request *req)
{
    return jb_redirect_to(req, JB_STR("/admin/"));
}

static struct jb_response *show_healthz(struct jb_request *req)
{
    return jb_respond(req, 200, "application/json", JB_STR("{\"status\":\"ok\"}\n"));
}

/* Probes come every few seconds: the log hears of changes alone. */
static void log_readiness(struct jb_runtime *runtime, bool ready, struct jb_str reason)
{
    uint64_t now = ready ? 0 : jb_str_hash(reason) | 1;

    if (atomic_exchange(&runtime->unready, now) == now)
        return;
    if (ready)
        jb_log(JB_LOG_NOTICE, "site", "ready again");
    else
        jb_log(JB_LOG_ERROR, "site", "not ready: %.*s", JB_FMT(reason));
}

/* Whoever asks is a stranger: the reason, which names tables and files, is for the log. */
static struct jb_response *show_readyz(struct jb_request *req)
{
    struct jb_runtime *runtime = jb_service(req->scope, JB_SERVICE_SITE);

    jb_language_set(req->scope, jb_str_is(runtime->config->language, "en") ? JB_EN : JB_KO); /* the reader of the log's, not the asker's */
    bool ready = jb_db_ping(req->scope) && jb__site_migrated(req->scope);
    if (jb_error(req->scope) != JB_CANCELLED) /* a probe that hung up learnt nothing */
        log_readiness(runtime, ready, ready ? JB_STR_NULL : jb_failure_text(req->scope));
    jb_failure_clear(req->scope);
    return jb_respond(req, ready ? 200 : 503, "application/json", ready ? JB_STR("{\"status\":\"ok\"}\n") : JB_STR("{\"status\":\"unavailable\"}\n"));
}

static const struct jb_route site_routes[] = {
    { JB_GET, "/", show_root, "site.root", .permission = NULL },
    { JB_GET, "/healthz", show_healthz, "site.healthz", .permission = NULL, .anyone = true },
    { JB_GET, "/readyz", show_readyz, "site.readyz", .permission = NULL, .anyone = true },
    { JB_GET, "/metrics", jb__show_metrics, "site.metrics", .permission = NULL, .anyone = true },
    { 0 },
};

/* ---- web ------------------------------------------------------------------------------------------------------------------------ */

static bool open_admin(struct jb_scope *scope, struct jb_runtime *runtime)
{
    const struct jb_config *config = runtime->config;
    const struct jb_site *site = runtime->site;
    size_t count = count_apps(site);
    struct jb_admin_app *apps = JB_NEW_ARRAY(scope, struct jb_admin_app, count + 2);

    for (size_t i = 0; i < count; i++)
        apps[i] = (struct jb_admin_app){ .name = site->apps[i]->name, .label = site->apps[i]->label, .label_en = site->apps[i]->label_en, .admins = site->apps[i]->admins };
    apps[count] = jb__tables_admin(scope, runtime);
    runtime->admin = jb_admin_new(scope, &(struct jb_admin_options){
                                             .apps = apps,
                                             .async_bytes = config->import_async_bytes,
                                             .upload_bytes_max = config->upload_bytes_max,
                                             .batch_rows = (int)config->chunk_size,
                                         });
    if (!runtime->admin)
        return false;
    jb_admin_use(scope, runtime->admin);
    return true;
}

/* The lists that web wants, ours first: an app can neither hide our pages nor replace our templates. */
static void gather_web(struct jb_scope *scope, struct jb_runtime *runtime, struct jb_web_options *options)
{
    const struct jb_site *site = runtime->site;
    size_t count = count_apps(site), routes = 0, templates = 0, statics = 0;
    const struct jb_route **route_lists = JB_NEW_ARRAY(scope, const struct jb_route *, count + 4);
    const struct jb_asset **template_lists = JB_NEW_ARRAY(scope, const struct jb_asset *, count + 2);
    const struct jb_asset **static_lists = JB_NEW_ARRAY(scope, const struct jb_asset *, count + 2);

    route_lists[routes++] = site_routes;
    route_lists[routes++] = jb_admin_routes(runtime->admin);
    route_lists[routes++] = jb_api_routes(scope, runtime->models);
    template_lists[templates++] = jb_admin_templates;
    static_lists[statics++] = jb_admin_statics;
    for (const struct jb_app *const *app = site->apps; *app; app++) {
        if ((*app)->routes)
            route_lists[routes++] = (*app)->routes;
        if ((*app)->templates)
            template_lists[templates++] = (*app)->templates;
        if ((*app)->statics)
            static_lists[statics++] = (*app)->statics;
    }
    options->routes = route_lists;
    options->templates = template_lists;
    options->statics = static_lists;
}

/* Names that apps declare, in one list. */
static const char *const *gather_permissions(struct jb_scope *scope, const struct jb_site *site)
{
    return (const char *const *)gather(scope, site, offsetof(struct jb_app, permissions), NULL);
}

bool jb__site_open_web(struct jb_scope *scope, struct jb_runtime *runtime)
{
    const struct jb_config *config = runtime->config;
    struct jb_web_options options = {
        .site_name = runtime->site->name,
        .site_name_en = runtime->site->name_en,
        .permissions = gather_permissions(scope, runtime->site),
        .secret_key = config->secret_key,
        .allowed_hosts = config->allowed_hosts,
        .trusted_proxies = config->trusted_proxies,
        .cdn_domain = config->cdn_domain,
        .debug = config->debug,
        .cookie_secure = config->cookie_secure,
        .language = jb_str_is(config->language, "en") ? JB_EN : JB_KO,
        .zone = runtime->zone,
        .form_bytes_max = config->data_upload_bytes_max,
        .upload_bytes_max = config->upload_bytes_max,
        .session_age_s = (int)config->session_age_s,
        .page_vars = jb_admin_page_vars,
    };

    if (!open_admin(scope, runtime))
        return false;
    gather_web(scope, runtime, &options);
    jb_permissions_use(scope, options.permissions);
    return (runtime->web = jb_web_new(scope, &options)) != NULL;
}
