/* log.c — a line is put together in memory and handed over in one write(2).
 *
 * A log file may be shared by several processes and rotated by any of them: each looks before a line whether the path still names the
 * file it has open, and whoever finds it too long renames under a lock on the file itself. */
// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "base/time.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MESSAGE_BYTES_MAX ((size_t)16 * 1024)
#define LINE_BYTES_MAX (MESSAGE_BYTES_MAX * 6 + 1024) /* every byte escaped */

static const char *const level_names[] = { "debug", "info", "notice", "warning", "error" };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* what follows */
static struct jb_log_options settings = { .level = JB_LOG_INFO };
static char *path; /* NULL: stderr */
static int fd = STDERR_FILENO;

static int level_least = JB_LOG_INFO; /* read without the lock */
static _Thread_local const char *thread_tag;

static void reopen(void)
{
    if (fd != STDERR_FILENO)
        close(fd);
    fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640) : STDERR_FILENO;
    if (fd < 0)
        fd = STDERR_FILENO; /* better there than nowhere */
}

void jb_log_open(const struct jb_log_options *options)
{
    pthread_mutex_lock(&lock);
    free(path);
    settings = *options;
    path = options->file ? strdup(options->file) : NULL;
    JB_CHECK(path || !options->file);
    settings.file = path;
    __atomic_store_n(&level_least, (int)options->level, __ATOMIC_RELAXED);
    reopen();
    pthread_mutex_unlock(&lock);
}

bool jb_log_level_parse(struct jb_str text, enum jb_log_level *ret_level)
{
    for (size_t i = 0; i < JB_COUNT(level_names); i++)
        if (jb_str_equal_nocase(text, jb_str_of(level_names[i]))) {
            *ret_level = (enum jb_log_level)i;
            return true;
        }
    return false;
}

enum jb_log_level jb_log_level_of(enum jb_error error)
{
    static const enum jb_log_level levels[JB_ERROR_COUNT] = {
        [JB_OK] = JB_LOG_INFO,
        [JB_INVALID] = JB_LOG_INFO,
        [JB_DENIED] = JB_LOG_NOTICE,
        [JB_NOT_FOUND] = JB_LOG_INFO,
        [JB_CONFLICT] = JB_LOG_INFO,
        [JB_LIMIT] = JB_LOG_NOTICE,
        [JB_TIMEOUT] = JB_LOG_WARNING,
        [JB_UNAVAILABLE] = JB_LOG_WARNING,
        [JB_CANCELLED] = JB_LOG_DEBUG,
        [JB_BROKEN] = JB_LOG_ERROR,
    };
    return levels[error];
}

bool jb_log_wants(enum jb_log_level level)
{
    return (int)level >= __atomic_load_n(&level_least, __ATOMIC_RELAXED);
}

void jb_log_tag_set(const char *tag)
{
    thread_tag = tag;
}

const char *jb_log_tag(void)
{
    return thread_tag;
}

/* ---- rotation ------------------------------------------------------------------------------------------------------------ */

/* FILE → FILE.1 → … → FILE.keep */
static void shift_files(void)
{
    char from[4096], to[4096];

    if (settings.keep <= 0) {
        unlink(path);
        return;
    }
    for (int i = settings.keep; i > 0; i--) {
        int size = i > 1 ? snprintf(from, sizeof from, "%s.%d", path, i - 1) : snprintf(from, sizeof from, "%s", path);
        if (size < (int)sizeof from && snprintf(to, sizeof to, "%s.%d", path, i) < (int)sizeof to)
            rename(from, to);
    }
}

static bool same_file(const struct stat *named)
{
    struct stat open_file;
    return fstat(fd, &open_file) == 0 && open_file.st_ino == named->st_ino && open_file.st_dev == named->st_dev;
}

static void rotate_if_needed(size_t more)
{
    struct stat named;

    if (!path)
        return;
    if (fd == STDERR_FILENO || stat(path, &named) != 0 || !same_file(&named)) {
        reopen();
        if (fd == STDERR_FILENO || fstat(fd, &named) != 0)
            return;
    }
    if (settings.file_bytes_max <= 0 || named.st_size == 0 || named.st_size + (int64_t)more <= settings.file_bytes_max)
        return;
    flock(fd, LOCK_EX);
    if (stat(path, &named) == 0 && same_file(&named)) /* nobody was faster */
        shift_files();
    reopen(); /* closing gives the lock back */
}

/* ---- lines ---------------------------------------------------------------------------------------------------------------- */

/* Control characters, and in JSON also quotes and what is not UTF-8; a newline in a message never begins a line. */
static void put_escaped(struct jb_buf *line, struct jb_str text, bool json)
{
    for (size_t at = 0; at < text.size;) {
        size_t start = at;
        uint32_t code = jb_utf8_next(text, &at);
        if (code == '\n')
            jb_buf_put_z(line, "\\n");
        else if (code < 0x20 || code == 0x7F || (code >= 0x80 && code < 0xA0) || code == 0x2028 || code == 0x2029)
            jb_buf_printf(line, "\\u%04x", (unsigned)code);
        else if (code == 0xFFFD)
            jb_buf_put_z(line, "\xEF\xBF\xBD");
        else {
            if (json && (code == '"' || code == '\\'))
                jb_buf_put_char(line, '\\');
            jb_buf_put(line, jb_str_slice(text, start, at));
        }
    }
}

static void put_member(struct jb_buf *line, const char *name, struct jb_str text)
{
    jb_buf_printf(line, "%s\"%s\":\"", line->size > 1 ? "," : "", name);
    put_escaped(line, text, true);
    jb_buf_put_char(line, '"');
}

static void put_json(struct jb_buf *line, struct jb_str time, const char *level, const char *module, struct jb_str message)
{
    jb_buf_put_char(line, '{');
    put_member(line, "time", time);
    put_member(line, "level", jb_str_of(level));
    put_member(line, "module", jb_str_of(module));
    if (thread_tag)
        put_member(line, "tag", jb_str_of(thread_tag));
    put_member(line, "message", message);
    jb_buf_put_z(line, "}\n");
}

static void put_text(struct jb_buf *line, struct jb_str time, const char *level, const char *module, struct jb_str message)
{
    jb_buf_printf(line, "%.*s %s %s: ", JB_FMT(time), level, module);
    if (thread_tag) {
        jb_buf_put_char(line, '[');
        put_escaped(line, jb_str_of(thread_tag), false);
        jb_buf_put_z(line, "] ");
    }
    put_escaped(line, message, false);
    jb_buf_put_char(line, '\n');
}

static void write_line(struct jb_str line)
{
    while (line.size) {
        ssize_t done = write(fd, line.data, line.size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return; /* a log that cannot be written has nowhere to complain */
        line = jb_str_slice(line, (size_t)done, line.size);
    }
}

/* The message; what is longer than MESSAGE_BYTES_MAX ends in an ellipsis. */
static void put_message(struct jb_buf *message, const char *format, va_list args)
{
    char *text = NULL;
    int size = vasprintf(&text, format, args);

    JB_CHECK(size >= 0);
    if ((size_t)size <= MESSAGE_BYTES_MAX) {
        jb_buf_put_bytes(message, text, (size_t)size);
    } else {
        size_t cut = MESSAGE_BYTES_MAX;
        while (cut && ((unsigned char)text[cut] & 0xC0) == 0x80)
            cut--;
        jb_buf_put_bytes(message, text, cut);
        jb_buf_put_z(message, "…");
    }
    free(text);
}

void jb_log(enum jb_log_level level, const char *module, const char *format, ...)
{
    struct jb_buf message = JB_BUF_INIT(MESSAGE_BYTES_MAX + 8), line = JB_BUF_INIT(LINE_BYTES_MAX);
    char time[96];
    va_list args;
    int saved = errno;

    JB_CHECK((unsigned)level < JB_COUNT(level_names));
    if (!jb_log_wants(level))
        return;
    va_start(args, format);
    put_message(&message, format, args);
    va_end(args);
    struct jb_civil now = jb_time_civil(jb_now());
    snprintf(time, sizeof time, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", now.year, now.month, now.day, now.hour, now.minute, now.second, now.microsecond / 1000);
    pthread_mutex_lock(&lock);
    (settings.json ? put_json : put_text)(&line, jb_str_of(time), level_names[level], module, jb_buf_str(&message));
    rotate_if_needed(line.size);
    write_line(jb_buf_str(&line));
    pthread_mutex_unlock(&lock);
    jb_buf_done(&message);
    jb_buf_done(&line);
    errno = saved;
}
