/* health.c — the five checks of X1: database, cache, workers, disk, memory. */
// SPDX-License-Identifier: Apache-2.0
#include "app/health.h"
#include "app/command.h"
#include "app/site.h"
#include "base/json.h"
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#define PART_US (2 * JB_SECOND_US)
#define DISK_FREE_PERCENT_MIN 10
#define MEMORY_USED_PERCENT_MAX 90

static bool check_database(struct jb_scope *scope)
{
    return jb_db_ping(scope);
}

/* With memory:// the cache is each process's own: nothing outside it can fail. Redis is checked from stage 6 on. */
static bool check_cache(struct jb_scope *scope)
{
    return jb_continue(scope);
}

static bool check_workers(struct jb_scope *scope)
{
    int64_t alive = jb_workers_alive(scope);
    if (alive < 0) { /* most often because there are no tables yet: then say that */
        struct jb_str reason = jb_failure_text(scope);
        jb_failure_clear(scope);
        return jb__site_migrated(scope) && jb_fail(scope, JB_UNAVAILABLE, "%.*s", JB_FMT(reason));
    }
    return alive > 0 || jb_fail(scope, JB_UNAVAILABLE, "no worker is running; start one with: jangbu worker");
}

static bool check_disk(struct jb_scope *scope)
{
    struct statvfs disk;

    if (statvfs(".", &disk) != 0 || disk.f_blocks == 0)
        return jb_fail(scope, JB_UNAVAILABLE, "the disk of the working directory cannot be read");
    double percent = 100.0 * (double)disk.f_bavail / (double)disk.f_blocks;
    return percent > DISK_FREE_PERCENT_MIN || jb_fail(scope, JB_UNAVAILABLE, "only %.1f %% of the disk is free (more than %d %% wanted)", percent, DISK_FREE_PERCENT_MIN);
}

static bool check_memory(struct jb_scope *scope)
{
    long long total = 0, available = 0;
    char line[256];
    FILE *file = fopen("/proc/meminfo", "re");

    if (!file)
        return jb_fail(scope, JB_UNAVAILABLE, "/proc/meminfo cannot be read");
    while (fgets(line, sizeof line, file)) {
        sscanf(line, "MemTotal: %lld", &total);
        sscanf(line, "MemAvailable: %lld", &available);
    }
    fclose(file);
    if (total <= 0)
        return jb_fail(scope, JB_UNAVAILABLE, "/proc/meminfo has no MemTotal");
    double used = 100.0 * (double)(total - available) / (double)total;
    return used < MEMORY_USED_PERCENT_MAX || jb_fail(scope, JB_UNAVAILABLE, "%.1f %% of the memory is used (less than %d %% wanted)", used, MEMORY_USED_PERCENT_MAX);
}

/* no_database: why there is none to ask; NULL: there is one. The parts that need none have their answer all the same. */
static bool look(struct jb_scope *scope, struct jb_str no_database, struct jb_health *ret_parts)
{
    static const struct {
        const char *name;
        bool (*check)(struct jb_scope *scope);
        bool asks_database;
    } parts[JB_HEALTH_PARTS] = {
        { "DATABASE", check_database, true },
        { "CACHE", check_cache, false },
        { "CELERY", check_workers, true },
        { "DISK_SPACE", check_disk, false },
        { "MEMORY", check_memory, false },
    };
    bool all = true;

    for (int i = 0; i < JB_HEALTH_PARTS; i++) {
        if (no_database.data && parts[i].asks_database) {
            ret_parts[i] = (struct jb_health){ parts[i].name, false, no_database };
            all = false;
            continue;
        }
        struct jb_scope *part = jb_scope_child(scope, "health");
        jb_deadline_set(part, jb_monotonic_us() + PART_US);
        ret_parts[i] = (struct jb_health){ .name = parts[i].name, .ok = parts[i].check(part) };
        if (!ret_parts[i].ok)
            ret_parts[i].reason = jb_copy(scope, jb_failure_text(part));
        jb_scope_end(part);
        all = all && ret_parts[i].ok;
    }
    return all;
}

bool jb__health(struct jb_scope *scope, struct jb_health *ret_parts)
{
    return look(scope, JB_STR_NULL, ret_parts);
}

static void print_json(const struct jb_health *parts, bool all)
{
    struct jb_buf buf = JB_BUF_INIT(65536);
    struct jb_json_writer writer;

    jb_json_start(&writer, &buf);
    jb_json_object(&writer);
    jb_json_put(&writer, "healthy", jb_v(all));
    for (int i = 0; i < JB_HEALTH_PARTS; i++) {
        jb_json_name(&writer, parts[i].name);
        jb_json_object(&writer);
        jb_json_put(&writer, "ok", jb_v(parts[i].ok));
        if (!parts[i].ok)
            jb_json_put(&writer, "reason", jb_v(parts[i].reason));
        jb_json_object_end(&writer);
    }
    jb_json_object_end(&writer);
    printf("%.*s\n", JB_FMT(jb_buf_str(&buf)));
    jb_buf_done(&buf);
}

/* The texts are English in every language, as the document has them. */
int jb__command_health(struct jb_program *program)
{
    struct jb_health parts[JB_HEALTH_PARTS];
    struct jb_str no_database = JB_STR_NULL;

    if (!jb__site_open(program->scope, program->site, &program->config)) {
        no_database = jb_copy(program->scope, jb_failure_text(program->scope));
        jb_failure_clear(program->scope);
    }
    bool all = look(program->scope, no_database, parts);
    if (program->json) {
        print_json(parts, all);
        return all ? 0 : 1;
    }
    printf("Overall Health: %s\n", all ? "✅ HEALTHY" : "❌ UNHEALTHY");
    for (int i = 0; i < JB_HEALTH_PARTS; i++) {
        printf("%s %s: %s\n", parts[i].ok ? "✅" : "❌", parts[i].name, parts[i].ok ? "OK" : "FAIL");
        if (!parts[i].ok)
            fprintf(stderr, "%s check failed: %.*s\n", parts[i].name, JB_FMT(parts[i].reason));
    }
    return all ? 0 : 1;
}
