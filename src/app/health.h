/* health.h — the five checks of X1; private to app. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_APP_HEALTH_H
#define JB_APP_HEALTH_H

#include "base/scope.h"

enum { JB_HEALTH_PARTS = 5 };

struct jb_health {
    const char *name; /* DATABASE CACHE CELERY DISK_SPACE MEMORY */
    bool ok;
    struct jb_str reason; /* why not; NULL while ok */
};

/* Each within 2 seconds; a part that does not answer is not ok. `ret_parts` holds JB_HEALTH_PARTS. Returns whether all are. */
bool jb__health(struct jb_scope *scope, struct jb_health *ret_parts);

#endif
