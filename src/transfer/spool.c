/* spool.c — uploads into files: streamed on offload threads, hashed on the way, durable before a job refers to them.
 *
 * An open spool holds a lock on its file, and so does a run of the job later: a file that nobody has locked and no job needs may be swept. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"
#include "base/log.h"
#include "base/random.h"
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define COPY_BYTES (256 << 10)
#define FLUSH_BYTES ((int64_t)8 << 20) /* written back while more comes in, so that the answer does not wait for all of it */
#define NAME_CHARS_MAX 200

struct jb_spool {
    const struct jb_transfer *transfer;
    struct jb_str file, title;
    const char *path;
    int fd;
    int64_t bytes;
    crypto_hash_sha256_state hash;
    struct jb_str hash_known; /* of an upload that came in parts; NULL: the state says */
    const char *hash_path;    /* its other file */
    int64_t flushing;         /* bytes that the disk has been told to write */
    bool taken;               /* the file stays when the scope ends */
};

struct jb_str jb__spool_path(struct jb_scope *scope, const struct jb_transfer *transfer, struct jb_str file)
{
    return jb_format(scope, "%s/%.*s", transfer->spool_dir, JB_FMT(file));
}

/* What people call it: the last part of a path, composed Hangul, without control characters. */
struct jb_str jb__spool_title_of(struct jb_scope *scope, struct jb_str name)
{
    struct jb_str text = jb_str_trim_unicode(name);

    for (size_t i = text.size; i-- > 0;)
        if (text.data[i] == '/' || text.data[i] == '\\') {
            text = jb_str_slice(text, i + 1, text.size);
            break;
        }
    text = jb_copy(scope, jb_utf8_first(jb__nfc(scope, text), NAME_CHARS_MAX));
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f)
            ((char *)text.data)[i] = '_';
    return text.size > 0 && jb_utf8_valid(text) ? text : JB_STR("upload");
}

static void spool_done(void *arg)
{
    struct jb_spool *spool = arg;

    if (!spool->taken)
        unlink(spool->path);
    close(spool->fd);
}

bool jb__fail_spool(struct jb_scope *scope, const char *path, int number)
{
    jb_fail(scope, JB_UNAVAILABLE, JB_L(scope, "받을 파일 %s을(를) 만들지 못했습니다: %s", "The spool file %s cannot be made: %s"), path, strerror(number));
    return number == ENOSPC || number == EDQUOT ? jb_failure_of_full_disk(scope) : false;
}

struct jb_spool *jb_spool_open(struct jb_scope *scope, struct jb_str file_name)
{
    struct jb_spool *spool = JB_NEW(scope, struct jb_spool);
    char ulid[27];

    jb_random_ulid(ulid);
    spool->transfer = jb__transfer_of(scope);
    spool->title = jb__spool_title_of(scope, file_name);
    spool->file = jb_format(scope, "%s.upload", ulid);
    spool->path = jb__spool_path(scope, spool->transfer, spool->file).data;
    spool->fd = open(spool->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (spool->fd < 0) {
        jb__fail_spool(scope, spool->path, errno);
        return NULL;
    }
    (void)flock(spool->fd, LOCK_EX | LOCK_NB); /* nobody else knows the name yet */
    crypto_hash_sha256_init(&spool->hash);
    jb_defer(scope, spool_done, spool);
    return spool;
}

struct jb_spool *jb__spool_reopen(struct jb_scope *scope, struct jb_str file, struct jb_str title, int64_t bytes, struct jb_str hash, const char *hash_path)
{
    struct jb_spool *spool = JB_NEW(scope, struct jb_spool);

    *spool = (struct jb_spool){ .transfer = jb__transfer_of(scope), .file = file, .title = title, .bytes = bytes, .hash_known = hash, .hash_path = hash_path, .taken = true };
    spool->path = jb__spool_path(scope, spool->transfer, file).data;
    spool->fd = open(spool->path, O_RDWR | O_CLOEXEC);
    if (spool->fd < 0) {
        jb_fail(scope, JB_NOT_FOUND, "%s", JB_L(scope, "올린 파일이 더는 없습니다. 다시 올리세요.", "The uploaded file is gone. Upload it again."));
        return NULL;
    }
    jb_defer(scope, spool_done, spool);
    return spool;
}

/* ---- room ------------------------------------------------------------------------------------------------------------------------ */

struct measuring {
    const char *folder;
    struct statvfs info;
    int error;
};

static void measure_blocking(void *arg)
{
    struct measuring *measuring = arg;
    measuring->error = statvfs(measuring->folder, &measuring->info) == 0 ? 0 : errno;
}

bool jb_spool_room(struct jb_scope *scope, int64_t bytes)
{
    const struct jb_transfer *transfer = jb__transfer_of(scope);
    struct measuring measuring = { .folder = transfer->spool_dir };
    double mib = 1 << 20;
    int64_t promised;

    if (!jb__uploads_promised(scope, &promised))
        return false;
    jb_offload(measure_blocking, &measuring);
    if (measuring.error)
        return jb_fail(scope, JB_UNAVAILABLE, JB_L(scope, "폴더 %s을(를) 볼 수 없습니다: %s", "The folder %s cannot be looked at: %s"), measuring.folder, strerror(measuring.error));
    double free_bytes = (double)measuring.info.f_bavail * (double)measuring.info.f_frsize - (double)promised - (double)transfer->disk_free_bytes_min;
    if (free_bytes >= (double)JB_MAX(bytes, 0))
        return true;
    return jb_fail_errno(scope, ENOSPC, JB_L(scope, "%.1f MiB 받기 (%s에 %.1f MiB 남음)", "taking %.1f MiB in (%s has %.1f MiB to spare)"), (double)JB_MAX(bytes, 0) / mib, measuring.folder, JB_MAX(free_bytes, 0) / mib);
}

/* ---- writing --------------------------------------------------------------------------------------------------------------------- */

struct writing {
    struct jb_spool *spool;
    const char *bytes;
    size_t size;
    int error;
};

/* Starts writing a stretch back, and waits for the one before it. */
static void flush(struct jb_spool *spool, int64_t written)
{
    if (written - spool->flushing < FLUSH_BYTES)
        return;
    (void)sync_file_range(spool->fd, spool->flushing, written - spool->flushing, SYNC_FILE_RANGE_WRITE);
    if (spool->flushing > 0)
        (void)sync_file_range(spool->fd, JB_MAX(spool->flushing - FLUSH_BYTES, 0), FLUSH_BYTES, SYNC_FILE_RANGE_WAIT_BEFORE);
    spool->flushing = written;
}

static void write_blocking(void *arg)
{
    struct writing *writing = arg;
    size_t done = 0;

    while (done < writing->size) {
        ssize_t part = write(writing->spool->fd, writing->bytes + done, writing->size - done);
        if (part < 0 && errno == EINTR)
            continue;
        if (part < 0) {
            writing->error = errno;
            return;
        }
        done += (size_t)part;
    }
    crypto_hash_sha256_update(&writing->spool->hash, (const unsigned char *)writing->bytes, writing->size);
    flush(writing->spool, writing->spool->bytes + (int64_t)writing->size);
}

bool jb__fail_too_large(struct jb_scope *scope, struct jb_str title)
{
    double gib = (double)jb__transfer_of(scope)->upload_bytes_max / (1 << 30);
    return jb_fail(scope, JB_LIMIT, JB_L(scope, "파일 ‘%.*s’이(가) 너무 큽니다. %.4g GiB까지 올릴 수 있습니다. 나누어 올리세요.", "The file %.*s is too large; the limit is %.4g GiB. Split it."), JB_FMT(title), gib);
}

bool jb_spool_write(struct jb_spool *spool, struct jb_scope *scope, const void *bytes, size_t size)
{
    struct writing writing = { spool, bytes, size, 0 };

    if (JB_FAULT("transfer/spool/write", scope))
        return false;
    if ((int64_t)size > spool->transfer->upload_bytes_max - spool->bytes)
        return jb__fail_too_large(scope, spool->title);
    jb_offload(write_blocking, &writing);
    if (writing.error)
        return jb_fail_errno(scope, writing.error, JB_L(scope, "‘%.*s’을(를) 받아 적기", "receiving %.*s"), JB_FMT(spool->title));
    spool->bytes += (int64_t)size;
    return true;
}

struct copying {
    int fd;
    char *buffer;
    ssize_t size;
    int error;
};

static void read_blocking(void *arg)
{
    struct copying *copying = arg;
    copying->size = read(copying->fd, copying->buffer, COPY_BYTES);
    copying->error = copying->size < 0 ? errno : 0;
}

static bool copy_all(struct jb_spool *spool, struct jb_scope *scope, int fd, const char *path)
{
    struct copying copying = { .fd = fd, .buffer = jb_alloc(scope, COPY_BYTES) };

    for (;;) {
        if (!jb_continue(scope))
            return false;
        jb_offload(read_blocking, &copying);
        if (copying.error)
            return jb_fail_errno(scope, copying.error, JB_L(scope, "%s 읽기", "reading %s"), path);
        if (copying.size == 0)
            return true;
        if (!jb_spool_write(spool, scope, copying.buffer, (size_t)copying.size))
            return false;
    }
}

bool jb_spool_copy(struct jb_spool *spool, struct jb_scope *scope, const char *path)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT)
        return jb_fail(scope, JB_NOT_FOUND, JB_L(scope, "‘%s’ 파일이 없습니다. 이름과 폴더를 확인하세요.", "There is no file \"%s\". Check its name and folder."), path);
    if (fd < 0)
        return jb_fail_errno(scope, errno, JB_L(scope, "%s 열기", "opening %s"), path);
    bool ok = fstat(fd, &info) == 0 && !S_ISDIR(info.st_mode);
    if (!ok)
        jb_fail(scope, JB_INVALID, JB_L(scope, "%s은(는) 파일이 아닙니다.", "%s is no file."), path);
    ok = ok && copy_all(spool, scope, fd, path);
    close(fd);
    return ok;
}

int64_t jb_spool_bytes(const struct jb_spool *spool)
{
    return spool->bytes;
}

struct jb_str jb__spool_file(const struct jb_spool *spool)
{
    return spool->file;
}

struct jb_str jb__spool_title(const struct jb_spool *spool)
{
    return spool->title;
}

bool jb__spool_came_in_parts(const struct jb_spool *spool)
{
    return spool->hash_known.data != NULL;
}

void jb__spool_taken(struct jb_spool *spool)
{
    spool->taken = true;
    if (spool->hash_path)
        unlink(spool->hash_path);
    (void)flock(spool->fd, LOCK_UN); /* the run takes its own */
}

struct syncing {
    int fd;
    const char *folder;
    int error;
};

static void sync_blocking(void *arg)
{
    struct syncing *syncing = arg;
    int folder = open(syncing->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fsync(syncing->fd) != 0 || folder < 0 || fsync(folder) != 0)
        syncing->error = errno;
    if (folder >= 0)
        close(folder);
}

bool jb__spool_seal(struct jb_spool *spool, struct jb_scope *scope, struct jb_str *ret_hash)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof digest + 1];
    struct syncing syncing = { spool->fd, spool->transfer->spool_dir, 0 };
    crypto_hash_sha256_state hash = spool->hash;

    jb_offload(sync_blocking, &syncing);
    if (syncing.error)
        return jb_fail_errno(scope, syncing.error, JB_L(scope, "‘%.*s’을(를) 디스크에 쓰기", "writing %.*s to disk"), JB_FMT(spool->title));
    crypto_hash_sha256_final(&hash, digest);
    sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
    *ret_hash = spool->hash_known.data ? spool->hash_known : jb_copy(scope, jb_str_of(hex));
    return true;
}

bool jb__spool_lock(struct jb_scope *scope, struct jb_str file, int *ret_fd)
{
    struct jb_str path = jb__spool_path(scope, jb__transfer_of(scope), file);
    int fd = open(path.data, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return jb_fail(scope, JB_NOT_FOUND, JB_L(scope, "올린 파일이 더는 없습니다. 다시 올리세요.", "The uploaded file is gone. Upload it again."));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return jb_fail(scope, JB_UNAVAILABLE, JB_L(scope, "다른 작업자가 이 작업을 하고 있습니다.", "Another worker runs this job."));
    }
    *ret_fd = fd;
    return true;
}

static void unlink_blocking(void *arg)
{
    unlink(arg);
}

void jb__file_remove(struct jb_scope *scope, struct jb_str path)
{
    jb_offload(unlink_blocking, (void *)jb_cstr(scope, path));
}

void jb__stage_remove(struct jb_scope *scope, struct jb_str path)
{
    struct jb_scope *one = jb_scope_child(scope, "remove staging");
    if (!jb_stage_remove(one, jb_cstr(one, path))) {
        struct jb_str text = jb_failure_text(one);
        jb_log(JB_LOG_WARNING, "transfer", "%.*s stays until the next sweep: %.*s", JB_FMT(path), JB_FMT(text));
    }
    jb_scope_end(one);
}
