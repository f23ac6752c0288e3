/* upload.c — uploads that may be interrupted: a file of the spool that grows until it is whole, and then is a job's.
 *
 * Where one stands is what its file holds: nothing else is written while bytes come in, so whoever dies in the middle loses none of them. No lock is held between two writes: each one adds only when the file
 * ends where its sender believes, so the newest sender goes on and an older one that wakes up is told that it is not its turn. Beside the file stands TOKEN.hash: the state of the SHA-256 of as many bytes as
 * are known to be on the disk; the rest is read again. A row of import_uploads says whose it is, until the commit that gives the file to a job. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"
#include "base/random.h"
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define UPLOADS_PER_PERSON 20
#define CHECKPOINT_BYTES ((int64_t)64 << 20) /* at most so much is hashed again after a crash */
#define READ_BYTES ((size_t)1 << 20)

const struct jb_model jb_import_upload = {
    .app = "cash",
    .reads = JB_READS_PRIMARY,
    .name = "importupload",
    .table = "import_uploads",
    .label = "올리는 파일",
    .label_en = "Upload",
    .indexes = "user_id",
    .hidden = true,
    .record = JB_RECORD(import_upload,
        JB_FIELD(import_upload, id, .primary = true),
        JB_FIELD(import_upload, token, .required = true, .unique = true, .length_max = 26),
        JB_FIELD(import_upload, user_id),
        JB_FIELD(import_upload, file_name, .required = true, .length_max = 255),
        JB_FIELD(import_upload, bytes, .required = true),
        JB_FIELD(import_upload, hash, .length_max = 64),
        JB_FIELD(import_upload, created_at, .auto_now_add = true)),
};

static struct jb_str path_of(struct jb_scope *scope, struct jb_str token, const char *extension)
{
    return jb__spool_path(scope, jb__transfer_of(scope), jb_format(scope, "%.*s.%s", JB_FMT(token), extension));
}

/* ---- where it stands ------------------------------------------------------------------------------------------------------------- */

/* false without a failure: the file is gone, or nobody has sent anything for too long. */
static bool look(struct jb_scope *scope, struct jb_upload *upload)
{
    int64_t kept_us = jb__transfer_of(scope)->upload_kept_s * JB_SECOND_US;
    struct stat info;

    if (stat(path_of(scope, upload->row.token, "upload").data, &info) != 0)
        return false;
    upload->offset = info.st_size;
    upload->expires_at.us = (int64_t)info.st_mtim.tv_sec * JB_SECOND_US + info.st_mtim.tv_nsec / 1000 + kept_us;
    return upload->expires_at.us > jb_now().us;
}

static bool fail_gone(struct jb_scope *scope)
{
    return jb_fail(scope, JB_NOT_FOUND, "%s", JB_L(scope, "올리던 파일이 없습니다. 오래되어 지워졌거나 이미 가져왔습니다. 처음부터 올리세요.", "There is no such upload: it was too old and went, or it was imported. Start again."));
}

bool jb_upload_get(struct jb_scope *scope, struct jb_str token, struct jb_upload *ret_upload)
{
    struct jb_upload upload;

    if (!jb_first(scope, &jb_import_upload, &upload.row, .where = JB_SQL("token = ? and user_id = ?", token, jb_actor(scope)->id)))
        return jb_failure(scope) ? false : fail_gone(scope);
    if (!look(scope, &upload))
        return fail_gone(scope);
    *ret_upload = upload;
    return true;
}

bool jb__uploads_promised(struct jb_scope *outer, int64_t *ret_bytes)
{
    struct jb_scope *scope = jb_scope_child(outer, "uploads");
    struct jb_rows *rows = jb_select(scope, &jb_import_upload, .limit = JB_ROWS_MAX);
    int64_t bytes = 0;

    if (!rows)
        jb_failure_pass(scope, outer);
    else
        for (JB_EACH_ROW(rows, const struct import_upload, row)) {
            struct jb_upload upload = { .row = *row };
            if (look(scope, &upload))
                bytes += upload.row.bytes - upload.offset;
        }
    *ret_bytes = bytes;
    jb_scope_end(scope);
    return rows != NULL;
}

/* ---- going ------------------------------------------------------------------------------------------------------------------------ */

/* The row first: who has deleted it owns the file. */
static bool drop(struct jb_scope *scope, const struct import_upload *row)
{
    int64_t rows;

    if (!jb_delete_rows(scope, &jb_import_upload, JB_SQL("id = ?", row->id), &rows))
        return false;
    if (rows > 0)
        jb__file_remove(scope, path_of(scope, row->token, "upload"));
    jb__file_remove(scope, path_of(scope, row->token, "hash"));
    return true;
}

bool jb_upload_drop(struct jb_scope *scope, struct jb_str token)
{
    struct jb_upload upload;
    return jb_upload_get(scope, token, &upload) && drop(scope, &upload.row);
}

bool jb__uploads_sweep(struct jb_scope *outer)
{
    struct jb_scope *scope = jb_scope_child(outer, "uploads");
    struct jb_rows *rows = jb_select(scope, &jb_import_upload, .limit = JB_ROWS_MAX);
    bool ok = rows != NULL;

    if (rows)
        for (JB_EACH_ROW(rows, const struct import_upload, row)) {
            struct jb_upload upload = { .row = *row };
            ok = ok && (look(scope, &upload) || drop(scope, row));
        }
    if (!ok)
        jb_failure_pass(scope, outer);
    jb_scope_end(scope);
    return ok;
}

bool jb__upload_needs(struct jb_scope *scope, struct jb_str file, bool *ret_needed)
{
    struct jb_str rest = file, token = jb_str_cut(&rest, '.');
    int64_t rows;

    if (!jb_query_int(scope, JB_SQL("select count(*) from import_uploads where token = ?", token), &rows))
        return false;
    *ret_needed = rows > 0;
    return true;
}

/* ---- making one -------------------------------------------------------------------------------------------------------------------- */

static bool is_hash(struct jb_str hash)
{
    for (size_t i = 0; i < hash.size; i++)
        if (!strchr("0123456789abcdef", hash.data[i]))
            return false;
    return hash.size == 2 * crypto_hash_sha256_BYTES;
}

static bool check_new(struct jb_scope *scope, struct jb_str title, int64_t bytes, struct jb_str hash)
{
    struct jb_sql own = JB_SQL("user_id = ?", jb_actor(scope)->id);
    int64_t count;

    if (bytes < 1)
        return jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "파일이 비어 있습니다. 올릴 파일을 고르세요.", "The file is empty. Choose one with something in it."));
    if (hash.data && !is_hash(hash))
        return jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’: SHA-256은 0-9와 a-f의 64자입니다.", "'%.*s': a SHA-256 is 64 characters of 0-9 and a-f."), JB_FMT(hash));
    if (bytes > jb__transfer_of(scope)->upload_bytes_max)
        return jb__fail_too_large(scope, title);
    if ((count = jb_count(scope, &jb_import_upload, .where = own)) >= UPLOADS_PER_PERSON && jb__uploads_sweep(scope))
        count = jb_count(scope, &jb_import_upload, .where = own);
    if (count < 0 || jb_failure(scope))
        return false;
    if (count >= UPLOADS_PER_PERSON)
        return jb_fail(scope, JB_LIMIT, JB_L(scope, "끝나지 않은 올리기가 %lld개 있습니다. 이어서 올리거나 지운 뒤에 하세요.", "You have %lld uploads that have not ended. Finish or drop one first."), (long long)count);
    return jb_spool_room(scope, bytes);
}

bool jb_upload_new(struct jb_scope *scope, struct jb_str file_name, int64_t bytes, struct jb_str hash, struct jb_upload *ret_upload)
{
    struct jb_str title = jb__spool_title_of(scope, file_name);
    char *token = jb_alloc(scope, 27);
    struct jb_upload upload = { 0 };

    if (!check_new(scope, title, bytes, hash))
        return false;
    jb_random_ulid(token);
    upload.row = (struct import_upload){ .token = jb_str_of(token), .user_id = jb_actor(scope)->id, .file_name = title, .bytes = bytes, .hash = hash, .created_at = jb_now() };
    const char *path = path_of(scope, upload.row.token, "upload").data;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd < 0)
        return jb__fail_spool(scope, path, errno);
    (void)flock(fd, LOCK_EX | LOCK_NB); /* until its row is there, so that it is not swept */
    bool ok = jb_insert(scope, &jb_import_upload, &upload.row) && (look(scope, &upload) || fail_gone(scope));
    close(fd);
    if (ok)
        *ret_upload = upload;
    return ok;
}

/* ---- adding ------------------------------------------------------------------------------------------------------------------------- */

/* What TOKEN.hash holds. */
struct checkpoint {
    int64_t bytes;
    crypto_hash_sha256_state state;
};

struct jb_append {
    struct import_upload row;
    int fd, hash_fd;
    int64_t offset;
    crypto_hash_sha256_state hash; /* of [0, offset) */
    int64_t synced;
    int error; /* errno of a call on another thread */
};

static bool fail_moved(struct jb_scope *scope, int64_t offset, int64_t given)
{
    return jb_fail(scope, JB_CONFLICT, JB_L(scope, "이 파일은 %lld바이트까지 와 있습니다 (보낸 위치: %lld). 거기서 이어 보내세요.", "%lld bytes of this file are here (you went on at %lld). Go on from there."), (long long)offset, (long long)given);
}

static void append_done(void *arg)
{
    struct jb_append *append = arg;

    if (append->fd >= 0)
        close(append->fd);
    if (append->hash_fd >= 0)
        close(append->hash_fd);
}

/* Hashes what is there: from the checkpoint on, or all of it. */
static void catch_up_blocking(void *arg)
{
    struct jb_append *append = arg;
    struct checkpoint checkpoint;
    unsigned char *bytes = malloc(READ_BYTES);
    int64_t at = 0;

    JB_CHECK(bytes);
    crypto_hash_sha256_init(&append->hash);
    (void)flock(append->hash_fd, LOCK_SH); /* another sender may be writing it */
    if (pread(append->hash_fd, &checkpoint, sizeof checkpoint, 0) == sizeof checkpoint && checkpoint.bytes <= append->offset) {
        append->hash = checkpoint.state;
        at = checkpoint.bytes;
    }
    (void)flock(append->hash_fd, LOCK_UN);
    append->synced = at;
    while (at < append->offset && !append->error) {
        ssize_t got = pread(append->fd, bytes, (size_t)JB_MIN((int64_t)READ_BYTES, append->offset - at), at);
        append->error = got < 0 ? errno : got == 0 ? EIO
                                                   : 0;
        if (got > 0)
            crypto_hash_sha256_update(&append->hash, bytes, (unsigned long long)got);
        at += JB_MAX(got, 0);
    }
    free(bytes);
}

static bool fail_errno(struct jb_scope *scope, const struct jb_append *append, int error)
{
    return jb_fail_errno(scope, error, JB_L(scope, "‘%.*s’을(를) 받아 적기", "receiving %.*s"), JB_FMT(append->row.file_name));
}

struct jb_append *jb_upload_open(struct jb_scope *scope, struct jb_str token, int64_t offset)
{
    struct jb_append *append = JB_NEW(scope, struct jb_append);
    struct jb_upload upload;

    if (!jb_upload_get(scope, token, &upload))
        return NULL;
    if (offset != upload.offset) {
        fail_moved(scope, upload.offset, offset);
        return NULL;
    }
    *append = (struct jb_append){ .row = upload.row, .offset = offset };
    append->fd = open(path_of(scope, token, "upload").data, O_RDWR | O_CLOEXEC);
    append->hash_fd = append->fd < 0 ? -1 : open(path_of(scope, token, "hash").data, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    int error = errno;
    jb_defer(scope, append_done, append);
    if (append->fd < 0 || append->hash_fd < 0) {
        fail_errno(scope, append, error);
        return NULL;
    }
    jb_offload(catch_up_blocking, append);
    if (append->error) {
        fail_errno(scope, append, append->error);
        return NULL;
    }
    return append;
}

/* Everything so far is on the disk, and the checkpoint says so. */
static void sync_blocking(void *arg)
{
    struct jb_append *append = arg;
    struct checkpoint checkpoint;

    if (append->synced == append->offset)
        return;
    memset(&checkpoint, 0, sizeof checkpoint);
    checkpoint.bytes = append->offset;
    checkpoint.state = append->hash;
    (void)flock(append->hash_fd, LOCK_EX);
    if (fdatasync(append->fd) != 0 || pwrite(append->hash_fd, &checkpoint, sizeof checkpoint, 0) != sizeof checkpoint)
        append->error = errno;
    else
        append->synced = append->offset;
    (void)flock(append->hash_fd, LOCK_UN);
}

struct adding {
    struct jb_append *append;
    const char *bytes;
    size_t size;
    int64_t stands; /* where the file ends, when that is not where we are */
};

static void add_blocking(void *arg)
{
    struct adding *adding = arg;
    struct jb_append *append = adding->append;
    struct stat info = { 0 };

    (void)flock(append->fd, LOCK_EX);
    append->error = fstat(append->fd, &info) == 0 ? 0 : errno;
    adding->stands = info.st_size;
    for (size_t done = 0; !append->error && info.st_size == append->offset && done < adding->size;) {
        ssize_t part = pwrite(append->fd, adding->bytes + done, adding->size - done, append->offset + (int64_t)done);
        if (part < 0 && errno != EINTR)
            append->error = errno;
        done += (size_t)JB_MAX(part, 0);
    }
    (void)flock(append->fd, LOCK_UN);
    if (append->error || info.st_size != append->offset)
        return;
    crypto_hash_sha256_update(&append->hash, (const unsigned char *)adding->bytes, adding->size);
    append->offset += (int64_t)adding->size;
    if (append->offset - append->synced >= CHECKPOINT_BYTES)
        sync_blocking(append);
}

bool jb_upload_write(struct jb_append *append, struct jb_scope *scope, const void *bytes, size_t size)
{
    struct adding adding = { append, bytes, size, 0 };
    int64_t offset = append->offset;

    if (JB_FAULT("transfer/upload/write", scope))
        return false;
    if ((int64_t)size > append->row.bytes - offset)
        return jb_fail(scope, JB_LIMIT, JB_L(scope, "파일 ‘%.*s’은(는) %lld바이트라고 했는데 더 왔습니다.", "The file %.*s was said to have %lld bytes, and more came."), JB_FMT(append->row.file_name), (long long)append->row.bytes);
    jb_offload(add_blocking, &adding);
    if (append->error)
        return fail_errno(scope, append, append->error);
    return adding.stands == offset || fail_moved(scope, adding.stands, offset);
}

bool jb_upload_sync(struct jb_append *append, struct jb_scope *scope, struct jb_upload *ret_upload)
{
    struct jb_upload upload = { .row = append->row };

    jb_offload(sync_blocking, append);
    if (append->error)
        return fail_errno(scope, append, append->error);
    if (!look(scope, &upload))
        return fail_gone(scope);
    *ret_upload = upload;
    return true;
}

/* ---- whole ------------------------------------------------------------------------------------------------------------------------------ */

static struct jb_str digest(struct jb_scope *scope, const struct jb_append *append)
{
    unsigned char bytes[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof bytes + 1];
    crypto_hash_sha256_state hash = append->hash;

    crypto_hash_sha256_final(&hash, bytes);
    sodium_bin2hex(hex, sizeof hex, bytes, sizeof bytes);
    return jb_copy(scope, jb_str_of(hex));
}

struct jb_spool *jb_upload_spool(struct jb_scope *scope, struct jb_str token)
{
    struct jb_upload upload;

    if (!jb_upload_get(scope, token, &upload))
        return NULL;
    if (upload.offset != upload.row.bytes) {
        jb_fail(scope, JB_CONFLICT, JB_L(scope, "파일 ‘%.*s’은(는) %lld바이트 가운데 %lld바이트만 왔습니다. 끝까지 올린 뒤에 하세요.", "Of the file %.*s, which has %lld bytes, %lld are here. Send the rest first."), JB_FMT(upload.row.file_name),
            (long long)upload.row.bytes, (long long)upload.offset);
        return NULL;
    }
    struct jb_append *append = jb_upload_open(scope, token, upload.offset);
    if (!append)
        return NULL;
    struct jb_str hash = digest(scope, append);
    if (!upload.row.hash.data || jb_str_equal(upload.row.hash, hash))
        return jb__spool_reopen(scope, jb_format(scope, "%.*s.upload", JB_FMT(token)), upload.row.file_name, upload.offset, hash, path_of(scope, token, "hash").data);
    if (drop(scope, &upload.row))
        jb_fail(scope, JB_INVALID, JB_L(scope, "파일 ‘%.*s’이(가) 오는 길에 바뀌었습니다 (SHA-256이 다릅니다). 처음부터 다시 올리세요.", "The file %.*s was changed on its way: its SHA-256 is another. Send it again."), JB_FMT(upload.row.file_name));
    return NULL;
}

bool jb__upload_taken(struct jb_scope *scope, const struct jb_spool *spool)
{
    struct jb_str rest = jb__spool_file(spool), token = jb_str_cut(&rest, '.');
    int64_t rows;

    if (!jb__spool_came_in_parts(spool))
        return true;
    if (!jb_delete_rows(scope, &jb_import_upload, JB_SQL("token = ?", token), &rows))
        return false;
    return rows == 1 || jb_fail(scope, JB_CONFLICT, "%s", JB_L(scope, "이 파일은 이미 다른 작업이 가져갔습니다. 작업 목록을 보세요.", "Another job has taken this upload already. See the list of jobs."));
}
