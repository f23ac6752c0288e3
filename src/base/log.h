/* log.h — one line per event, as text for people or JSON for machines.
 *
 * Only whoever answers for the work logs (web, queue/work, app); libraries fail instead.  Safe from any thread: a line is one write(2). */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_BASE_LOG_H
#define JB_BASE_LOG_H

#include "base/scope.h"

enum jb_log_level {
    JB_LOG_DEBUG,
    JB_LOG_INFO,
    JB_LOG_NOTICE,
    JB_LOG_WARNING,
    JB_LOG_ERROR,
};

/* Everything goes to stderr in text until this is called.  `file` NULL keeps stderr; a file rotates at file_bytes_max, keeping `keep` old ones. */
struct jb_log_options {
    enum jb_log_level level;
    bool json;
    const char *file;
    int64_t file_bytes_max;
    int keep;
};
void jb_log_open(const struct jb_log_options *options);
/* At which level whoever answers for the work logs such a failure. */
enum jb_log_level jb_log_level_of(enum jb_error error);
bool jb_log_level_parse(struct jb_str text, enum jb_log_level *ret_level);

/* jb_log(JB_LOG_INFO, "web", "listening on %s", address).  Control characters in the message are escaped. */
void jb_log(enum jb_log_level level, const char *module, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool jb_log_wants(enum jb_log_level level);

/* A thread's or fiber's tag ("req 01JD8Q4M"), printed in every line; run/fiber keeps it per fiber.  NULL for none. */
void jb_log_tag_set(const char *tag);
const char *jb_log_tag(void);

#endif
