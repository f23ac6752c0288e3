/* service.c — the service: folders, exchanges, sweeping. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/keep.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH_ROWS 1000
#define UNDO_DAYS 30
#define EXPORT_KEPT_DAYS 7
#define FILES_MAX 100000

struct jb_transfer *jb__transfer_of(const struct jb_scope *scope)
{
    struct jb_transfer *transfer = jb_service(scope, JB_SERVICE_TRANSFER);
    JB_CHECK(transfer);
    return transfer;
}

void jb_transfer_use(struct jb_scope *scope, struct jb_transfer *transfer)
{
    jb_service_set(scope, JB_SERVICE_TRANSFER, transfer);
}

/* An absolute path without a final slash; the folder is made, with its parents. */
static bool folder_make(struct jb_scope *owner, struct jb_scope *scope, struct jb_str folder, const char **ret_path)
{
    char *path = (char *)jb_cstr(owner, folder);
    size_t size = strlen(path);

    while (size > 1 && path[size - 1] == '/')
        path[--size] = '\0';
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0750);
        *slash = '/';
    }
    if (mkdir(path, 0750) != 0 && errno != EEXIST)
        return jb_fail_errno(scope, errno, JB_L(scope, "폴더 %s 만들기", "making the folder %s"), path);
    if (access(path, W_OK | X_OK) != 0)
        return jb_fail_errno(scope, errno, JB_L(scope, "폴더 %s에 쓰기", "writing to the folder %s"), path);
    char *real = realpath(path, NULL);
    JB_CHECK(real);
    *ret_path = jb_cstr(owner, jb_str_of(real));
    free(real);
    return true;
}

/* A staging that was merged is moved there by a rename. */
static bool undo_folder_make(struct jb_scope *owner, struct jb_scope *scope, struct jb_str folder, struct jb_transfer *transfer)
{
    struct jb_str path = folder.data ? folder : jb_format(owner, "%s.undo", transfer->spool_dir);
    struct stat undo, spool;

    if (!folder_make(owner, scope, path, &transfer->undo_dir))
        return false;
    if (stat(transfer->undo_dir, &undo) == 0 && stat(transfer->spool_dir, &spool) == 0 && undo.st_dev == spool.st_dev)
        return true;
    return jb_fail(scope, JB_INVALID, JB_L(scope, "UNDO_DIR %s은(는) SPOOL_DIR %s와 같은 파일 시스템에 두세요.", "UNDO_DIR %s: put it on the file system of SPOOL_DIR, %s."), transfer->undo_dir, transfer->spool_dir);
}

static bool exchanges_check(struct jb_scope *scope, const struct jb_transfer *transfer)
{
    for (size_t i = 0; transfer->exchanges && transfer->exchanges[i]; i++) {
        struct jb_scope *one = jb_scope_child(scope, "exchange");
        bool ok = jb__plan_new(one, transfer, transfer->exchanges[i], JB_STR_NULL) != NULL;
        if (!ok)
            jb_failure_pass(one, scope);
        jb_scope_end(one);
        if (!ok)
            return jb_wrap(scope, JB_L(scope, "%s의 가져오기·내보내기 선언", "the exchange of %s"), transfer->exchanges[i]->model->record.name);
    }
    return true;
}

struct jb_transfer *jb_transfer_new(struct jb_scope *scope, const struct jb_transfer_options *options)
{
    struct jb_scope *owner = jb_scope_new("transfer");
    struct jb_transfer *transfer = JB_NEW(owner, struct jb_transfer);

    *transfer = (struct jb_transfer){
        .scope = owner,
        .exchanges = options->exchanges,
        .site_url = jb_copy(owner, options->site_url.data ? options->site_url : JB_STR("http://127.0.0.1:8000")),
        .async_bytes = options->async_bytes ? options->async_bytes : (int64_t)5 << 20,
        .upload_bytes_max = options->upload_bytes_max ? options->upload_bytes_max : (int64_t)4 << 30,
        .upload_kept_s = options->upload_kept_s ? options->upload_kept_s : 86400,
        .disk_free_bytes_min = options->disk_free_bytes_min,
        .latency_max_us = options->latency_max_us,
        .batch_rows = options->batch_rows ? options->batch_rows : BATCH_ROWS,
        .zone = options->zone,
        .undo_days = options->undo_days ? options->undo_days : UNDO_DAYS,
        .undo_bytes_max = options->undo_bytes_max ? options->undo_bytes_max : (int64_t)10 << 30,
    };
    if (folder_make(owner, scope, options->spool_dir.data ? options->spool_dir : JB_STR("./spool"), &transfer->spool_dir) &&
        folder_make(owner, scope, options->media_dir.data ? options->media_dir : JB_STR("./media"), &transfer->media_dir) &&
        undo_folder_make(owner, scope, options->undo_dir, transfer) && exchanges_check(scope, transfer)) {
        transfer->merging = jb_lock_new();
        return transfer;
    }
    jb_scope_end(owner);
    return NULL;
}

void jb_transfer_free(struct jb_transfer *transfer)
{
    if (!transfer)
        return;
    jb_lock_free(transfer->merging);
    jb_scope_end(transfer->scope);
}

const struct jb_exchange *jb_exchange_of(struct jb_scope *scope, const struct jb_model *model)
{
    const struct jb_transfer *transfer = jb__transfer_of(scope);

    JB_CHECK(!model->hidden);
    for (size_t i = 0; transfer->exchanges && transfer->exchanges[i]; i++)
        if (transfer->exchanges[i]->model == model)
            return transfer->exchanges[i];
    struct jb_exchange *plain = JB_NEW(scope, struct jb_exchange);
    plain->model = model;
    return plain;
}

/* ---- sweeping ------------------------------------------------------------------------------------------------------------- */

/* The regular files of a folder, named without dots in front. */
struct listing {
    const char *folder;
    struct jb_scope *scope;
    struct jb_str *names;
    size_t count;
};

static void list_blocking(void *arg)
{
    struct listing *listing = arg;
    DIR *folder = opendir(listing->folder);
    struct dirent *entry;
    size_t capacity = 0;

    while (folder && (entry = readdir(folder)) && listing->count < FILES_MAX) {
        if (entry->d_name[0] == '.')
            continue;
        if (listing->count == capacity) {
            struct jb_str *names = JB_NEW_ARRAY(listing->scope, struct jb_str, capacity ? 2 * capacity : 64);
            if (capacity)
                memcpy(names, listing->names, capacity * sizeof *names);
            listing->names = names;
            capacity = capacity ? 2 * capacity : 64;
        }
        listing->names[listing->count++] = jb_copy(listing->scope, jb_str_of(entry->d_name));
    }
    if (folder)
        closedir(folder);
}

/* Somebody still works with the file: an upload that is coming in, or a run of the job. */
static bool is_locked(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool locked = flock(fd, LOCK_EX | LOCK_NB) != 0;
    close(fd);
    return locked;
}

/* "17.2.stage" or "17.sealed": the job's number, 0 for an upload. */
static int64_t job_of_file(struct jb_str name)
{
    struct jb_str rest = name;
    int64_t job;
    return jb_str_to_int64(jb_str_cut(&rest, '.'), &job) && rest.data ? job : 0;
}

/* A job whose run died where no queue will take it up again (the command line). Its upload stays, so that it can be tried again. */
static bool bury(struct jb_scope *scope, struct import_job *job)
{
    struct jb_scope *one = jb_scope_child(scope, "bury"), *why = jb_scope_child(one, "why");
    struct jb__job_options options;

    if (jb__import_options_read(one, job->options, &options)) {
        jb_language_set(one, options.language);
        jb_language_set(why, options.language);
    } else {
        jb_failure_clear(one);
    }
    jb_fail(why, JB_UNAVAILABLE, "%s", JB_L(why, "처리하던 프로그램이 끝까지 가지 못하고 죽었습니다. 다시 시도하세요.", "The program that ran it died. Try it again."));
    bool ok = jb__job_end(one, job, "failed", jb_failure(why)) || jb_failure_pass(one, scope);
    jb_scope_end(why);
    jb_scope_end(one);
    return ok;
}

bool jb_transfer_bury(struct jb_scope *scope)
{
    struct jb_rows *running = jb_select(scope, &jb_import_job, .where = JB_SQL("status = 'running' and coalesce(task_id, 0) = 0 and spool is not null"), .order = JB_STR("id"), .limit = 100);

    if (!running)
        return false;
    for (JB_EACH_ROW(running, struct import_job, job)) {
        struct jb_str path = jb__spool_path(scope, jb__transfer_of(scope), job->spool);
        if (access(path.data, F_OK) == 0 && !is_locked(path.data) && !bury(scope, job)) /* a file that is not here is another machine's */
            return false;
    }
    return true;
}

static bool spool_is_needed(struct jb_scope *scope, struct jb_str name, const char *path, bool *ret_needed)
{
    struct import_job job;
    int64_t task_queued = 0;
    bool upload;

    *ret_needed = true;
    if (is_locked(path))
        return true;
    if (!jb__upload_needs(scope, name, &upload))
        return false;
    *ret_needed = upload;
    if (upload || jb_str_ends(name, JB_STR(".hash")))
        return true;
    *ret_needed = true;
    if (!jb_first(scope, &jb_import_job, &job, .where = JB_SQL("spool = ? or corrections like ?", name, jb_format(scope, "%%%.*s%%", JB_FMT(name))))) {
        *ret_needed = false;
        return !jb_failure(scope);
    }
    if (job.spool.data && !jb_str_equal(job.spool, name) && is_locked(jb__spool_path(scope, jb__transfer_of(scope), job.spool).data))
        return true; /* a correction: a run holds the upload that it lies over */
    if (jb_str_is(job.status, "waiting")) {
        *ret_needed = job.expires_at.us > jb_now().us;
        return *ret_needed || jb__job_end(scope, &job, "cancelled", NULL);
    }
    if (jb__job_ended(&job)) { /* it may be tried again, or go on with corrected rows */
        *ret_needed = job.expires_at.us > jb_now().us;
        return true;
    }
    if (job.task_id && !jb_query_int(scope, JB_SQL("select count(*) from queue_entries where id = ?", job.task_id), &task_queued))
        return false;
    bool about_to_start = jb_str_is(job.status, "queued") && job.created_at.us > jb_now().us - 60 * JB_SECOND_US;
    return task_queued || about_to_start || bury(scope, &job);
}

static bool stage_is_needed(struct jb_scope *scope, struct jb_str name, bool *ret_needed)
{
    struct import_job job;
    bool kept;

    *ret_needed = false;
    if (!jb__is_kept(scope, name, &kept))
        return false;
    if (!jb_get(scope, &jb_import_job, job_of_file(name), &job)) {
        bool gone = jb_error(scope) == JB_NOT_FOUND;
        if (gone)
            jb_failure_clear(scope);
        return gone;
    }
    if (kept) {
        *ret_needed = true;
        bool used = !jb__job_ended(&job) && job.spool.data && is_locked(jb__spool_path(scope, jb__transfer_of(scope), job.spool).data);
        return used || jb__keep_away(scope, name);
    }
    if (jb__job_ended(&job)) {
        *ret_needed = jb_str_ends(name, JB_STR(".sealed")) && jb__keeps_differences(&job);
        return true;
    }
    struct jb_str attempt = jb_format(scope, "%lld.%d.stage", (long long)job.id, job.attempt);
    bool live = jb_str_is(job.status, "running") && job.spool.data && is_locked(jb__spool_path(scope, jb__transfer_of(scope), job.spool).data);
    *ret_needed = jb_str_ends(name, JB_STR(".sealed")) || (live && jb_str_equal(name, attempt));
    return true;
}

/* What a job staged without a file that stands for it is of no use once it has ended, unless it is kept, or a dry run's differences are; before that it may be another node's. */
static bool job_goes_on(void *arg, struct jb_scope *scope, int64_t id, bool *ret_goes_on)
{
    struct jb__job_options options;
    struct import_job job;
    int64_t kept = 0;

    (void)arg;
    *ret_goes_on = false;
    if (jb_get(scope, &jb_import_job, id, &job))
        *ret_goes_on = !jb__job_ended(&job) || (jb__keeps_differences(&job) && jb__import_options_read(scope, job.options, &options) && options.import.differences);
    else if (jb_error(scope) == JB_NOT_FOUND)
        jb_failure_clear(scope);
    bool ok = !jb_failure(scope) && jb_query_int(scope, JB_SQL("select count(*) from import_kept where job_id = ?", id), &kept);
    *ret_goes_on |= kept > 0;
    return ok;
}

/* Stagings in UNDO_DIR that no note names: the program died between forgetting and removing. */
static bool sweep_kept(struct jb_scope *scope, const struct jb_transfer *transfer)
{
    struct listing listing = { .folder = transfer->undo_dir, .scope = scope };
    bool kept;

    if (!jb__keep_sweep(scope))
        return false;
    jb_offload(list_blocking, &listing);
    for (size_t i = 0; i < listing.count; i++) {
        if (!jb_str_ends(listing.names[i], JB_STR(".stage")))
            continue;
        if (!jb__is_kept(scope, listing.names[i], &kept))
            return false;
        if (!kept)
            jb__stage_remove(scope, jb_format(scope, "%s/%.*s", transfer->undo_dir, JB_FMT(listing.names[i])));
    }
    return true;
}

static bool sweep_spool(struct jb_scope *scope, const struct jb_transfer *transfer)
{
    struct listing listing = { .folder = transfer->spool_dir, .scope = scope };

    if (!jb__uploads_sweep(scope))
        return false;
    jb_offload(list_blocking, &listing);
    for (size_t i = 0; i < listing.count; i++) {
        struct jb_str name = listing.names[i];
        struct jb_str path = jb__spool_path(scope, transfer, name);
        bool needed, stage = jb_str_ends(name, JB_STR(".stage")) || jb_str_ends(name, JB_STR(".sealed"));
        if (!stage && !jb_str_ends(name, JB_STR(".upload")) && !jb_str_ends(name, JB_STR(".hash")))
            continue; /* not ours */
        if (!(stage ? stage_is_needed(scope, name, &needed) : spool_is_needed(scope, name, path.data, &needed)))
            return false;
        if (!needed && stage)
            jb__stage_remove(scope, path);
        else if (!needed)
            jb__file_remove(scope, path);
    }
    return jb_stage_sweep(scope, job_goes_on, NULL);
}

/* "job-17-export-…": the job's number. */
static int64_t job_of_result(struct jb_str name)
{
    struct jb_str rest = jb_str_slice(name, 4, name.size);
    int64_t job;
    return jb_str_to_int64(jb_str_cut(&rest, '-'), &job) ? job : 0;
}

/* Results that nobody fetched in time, and what dead runs left. A job that has not ended may be writing its file: only its end says the name. */
static bool sweep_media(struct jb_scope *scope, const struct jb_transfer *transfer)
{
    struct listing listing = { .folder = transfer->media_dir, .scope = scope };

    jb_offload(list_blocking, &listing);
    for (size_t i = 0; i < listing.count; i++) {
        struct jb_str name = listing.names[i];
        struct jb_time old = { jb_now().us - EXPORT_KEPT_DAYS * JB_DAY_US };
        int64_t needed;
        if (!jb_str_starts(name, JB_STR("job-")))
            continue;
        if (!jb_query_int(scope, JB_SQL("select count(*) from import_jobs where (result = ? and (finished_at is null or finished_at > ?)) or (id = ? and status in ('queued', 'running', 'waiting'))", name, old, job_of_result(name)), &needed))
            return false;
        if (!needed)
            jb__file_remove(scope, jb_format(scope, "%s/%.*s", transfer->media_dir, JB_FMT(name)));
    }
    return true;
}

static bool sweep_progress(struct jb_scope *scope)
{
    struct jb_time old = { jb_now().us - 3600 * JB_SECOND_US };
    return jb_live_exec(scope, JB_SQL("delete from import_progress where at < ?", old), NULL);
}

bool jb_transfer_sweep(struct jb_scope *scope)
{
    const struct jb_transfer *transfer = jb__transfer_of(scope);
    struct jb_scope *sweep = jb_scope_child(scope, "sweep");

    bool ok = jb__refusals_sweep(sweep) && sweep_spool(sweep, transfer) && sweep_kept(sweep, transfer) && sweep_media(sweep, transfer) && sweep_progress(sweep);
    if (!ok)
        jb_failure_pass(sweep, scope);
    jb_scope_end(sweep);
    return ok || jb_wrap(scope, "%s", JB_L(scope, "남은 파일을 치우지 못했습니다", "cannot sweep left-over files"));
}
