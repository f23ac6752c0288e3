/* settings.h — the table behind config.c; private to app. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_APP_SETTINGS_H
#define JB_APP_SETTINGS_H

#include "app/config.h"
#include "base/decimal.h"

enum jb_setting_type {
    JB_SETTING_TEXT,
    JB_SETTING_BOOL,
    JB_SETTING_INT,
    JB_SETTING_BYTES,
    JB_SETTING_MS,
    JB_SETTING_ENVIRONMENT,
    JB_SETTING_LATER,
};

struct jb_setting {
    const char *name;
    const char *older; /* other names of the same setting, separated by blanks */
    enum jb_setting_type type;
    size_t offset;            /* in struct jb_config */
    const char *default_text; /* NULL: unset */
    int64_t min, max;
    const char *allowed; /* TEXT: "a|b", or "scheme:|other:"; NULL: anything */
    bool secret;         /* never printed */
};

extern const struct jb_setting jb__settings[]; /* ends with a NULL name */

const struct jb_setting *jb__setting_find(struct jb_str name);
/* Reads text into the setting's member. `place` says where it stood, for the sentence. */
bool jb__setting_put(struct jb_scope *scope, const struct jb_setting *setting, struct jb_str name, struct jb_str text, struct jb_str place, struct jb_config *config);

/* Completes database_url, replica_urls and analytics_url from all that was said about them (config_database.c). INVALID names the setting and shows no value that may hold a password. */
bool jb__config_database(struct jb_scope *scope, struct jb_config *config);

#endif
