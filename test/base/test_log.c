/* test_log.c — lines, levels, tags, rotation, several threads. */
// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "base/log.h"
#include "jb_test.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void remove_folder(void *folder)
{
    static const char *const ends[] = { "", ".1", ".2", ".3" };
    char path[256];

    for (size_t i = 0; i < JB_COUNT(ends); i++) {
        snprintf(path, sizeof path, "%s/log%s", (char *)folder, ends[i]);
        unlink(path);
    }
    rmdir(folder);
}

/* A log file in a folder of the test's own; `now` is held. */
static const char *log_file(struct jb_scope *scope, struct jb_log_options options)
{
    char *folder = (char *)jb_cstr(scope, JB_STR("/tmp/jb_log_XXXXXX"));

    CHECK(mkdtemp(folder) != NULL);
    jb_defer(scope, remove_folder, folder);
    options.file = jb_format(scope, "%s/log", folder).data;
    jb_clock_hold((struct jb_time){ INT64_C(1763683815123456) });
    jb_log_open(&options);
    return options.file;
}

static struct jb_str content(struct jb_scope *scope, const char *path)
{
    struct jb_buf buf = JB_BUF_INIT(1 << 20);
    FILE *file = fopen(path, "rb");

    CHECK(file != NULL);
    while (jb_buf_reserve(&buf, 4096)) {
        size_t got = fread(buf.data + buf.size, 1, 4096, file);
        buf.size += got;
        if (got == 0)
            break;
    }
    fclose(file);
    struct jb_str text = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return text;
}

JB_TEST("a line has time, level, module, tag and message; a newline does not begin another")
{
    const char *path = log_file(scope, (struct jb_log_options){ .level = JB_LOG_INFO });

    jb_log(JB_LOG_INFO, "web", "listening on %s", "8080");
    jb_log(JB_LOG_DEBUG, "web", "not wanted");
    jb_log_tag_set("req 01JD8Q4M");
    jb_log(JB_LOG_ERROR, "queue", "가\n2025 error web: forged\x1b[31m\x7f \xC2\x9B \xFF");
    CHECK_TEXT(content(scope, path), "2025-11-21T00:10:15.123Z info web: listening on 8080\n"
                                     "2025-11-21T00:10:15.123Z error queue: [req 01JD8Q4M] 가\\n2025 error web: forged\\u001b[31m\\u007f \\u009b \xEF\xBF\xBD\n");
    CHECK_TEXT(jb_str_of(jb_log_tag()), "req 01JD8Q4M");
    jb_log_tag_set(NULL);
    CHECK(jb_log_tag() == NULL);
}

JB_TEST("a JSON line is JSON, whatever the message holds")
{
    const char *path = log_file(scope, (struct jb_log_options){ .level = JB_LOG_DEBUG, .json = true });

    jb_log_tag_set("a\"b");
    jb_log(JB_LOG_DEBUG, "web", "say \"%s\" \\ \n\t\x01\xFF", "가");
    struct jb_json *line = jb_json_parse(scope, content(scope, path));
    CHECK_OK(line != NULL);
    CHECK_TEXT(jb_json_member(line, "time")->text, "2025-11-21T00:10:15.123Z");
    CHECK_TEXT(jb_json_member(line, "level")->text, "debug");
    CHECK_TEXT(jb_json_member(line, "module")->text, "web");
    CHECK_TEXT(jb_json_member(line, "tag")->text, "a\"b");
    CHECK_TEXT(jb_json_member(line, "message")->text, "say \"가\" \\ \n\t\x01\xEF\xBF\xBD");
}

JB_TEST("a message without end is cut between characters")
{
    const char *path = log_file(scope, (struct jb_log_options){ .level = JB_LOG_INFO });
    char *text = jb_alloc(scope, 60001);

    for (int i = 0; i < 60000; i += 3)
        memcpy(text + i, "가", 3);
    jb_log(JB_LOG_INFO, "web", "%s", text);
    struct jb_str line = content(scope, path);
    CHECK(line.size > 16000 && line.size < 17000);
    CHECK(jb_utf8_valid(line));
    CHECK(jb_str_ends(line, JB_STR("가…\n")));
}

JB_TEST("levels are read by name and order")
{
    enum jb_log_level level;
    const char *path = log_file(scope, (struct jb_log_options){ .level = JB_LOG_WARNING });

    CHECK(jb_log_level_parse(JB_STR("Notice"), &level) && level == JB_LOG_NOTICE);
    CHECK(jb_log_level_parse(JB_STR("error"), &level) && level == JB_LOG_ERROR);
    CHECK(!jb_log_level_parse(JB_STR("loud"), &level));
    CHECK(jb_log_wants(JB_LOG_WARNING) && jb_log_wants(JB_LOG_ERROR) && !jb_log_wants(JB_LOG_NOTICE));
    jb_log(JB_LOG_NOTICE, "web", "x");
    CHECK_INT(content(scope, path).size, 0);
}

JB_TEST("a full file moves on to .1, .2, and the oldest goes; no line is lost or torn")
{
    const char *path = log_file(scope, (struct jb_log_options){ .level = JB_LOG_INFO, .file_bytes_max = 500, .keep = 2 });
    struct stat about;

    for (int i = 0; i < 20; i++) /* eight lines of 59 bytes to a file */
        jb_log(JB_LOG_INFO, "test", "line number %010d", i);
    const char *first = jb_format(scope, "%s.1", path).data, *second = jb_format(scope, "%s.2", path).data;
    CHECK(jb_str_ends(content(scope, path), JB_STR("number 0000000019\n")));
    CHECK(jb_str_ends(content(scope, first), JB_STR("number 0000000015\n")));
    CHECK(jb_str_find(content(scope, second), JB_STR("number 0000000000\n"), 0) != SIZE_MAX);
    CHECK(stat(first, &about) == 0 && about.st_size <= 500);
    for (int i = 20; i < 40; i++)
        jb_log(JB_LOG_INFO, "test", "line number %010d", i);
    CHECK(jb_str_find(content(scope, second), JB_STR("number 0000000000\n"), 0) == SIZE_MAX);
    CHECK(stat(jb_format(scope, "%s.3", path).data, &about) != 0);
}

JB_TEST("a log file that somebody moved away is opened anew")
{
    const char *path = log_file(scope, (struct jb_log_options){ .level = JB_LOG_INFO });

    jb_log(JB_LOG_INFO, "test", "one");
    CHECK_INT(rename(path, jb_format(scope, "%s.1", path).data), 0);
    jb_log(JB_LOG_INFO, "test", "two");
    CHECK(jb_str_ends(content(scope, path), JB_STR("test: two\n")));
}

static void *log_lines(void *arg)
{
    char tag[16];

    snprintf(tag, sizeof tag, "thread %d", *(int *)arg);
    jb_log_tag_set(tag);
    for (int i = 0; i < 100; i++)
        jb_log(JB_LOG_INFO, "test", "thread %d, line %d", *(int *)arg, i);
    return NULL;
}

JB_TEST("threads write whole lines, each under its own tag")
{
    const char *path = log_file(scope, (struct jb_log_options){ .level = JB_LOG_INFO });
    pthread_t threads[4];
    int numbers[4], lines = 0;

    for (int i = 0; i < 4; i++) {
        numbers[i] = i;
        CHECK_INT(pthread_create(&threads[i], NULL, log_lines, &numbers[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        CHECK_INT(pthread_join(threads[i], NULL), 0);
    struct jb_str rest = content(scope, path);
    while (rest.size) {
        struct jb_str line = jb_str_cut(&rest, '\n');
        int tag = -1, thread = -2, number;
        CHECK_INT(sscanf(jb_cstr(scope, line), "2025-11-21T00:10:15.123Z info test: [thread %d] thread %d, line %d", &tag, &thread, &number), 3);
        CHECK_INT(tag, thread);
        lines++;
    }
    CHECK_INT(lines, 400);
}
