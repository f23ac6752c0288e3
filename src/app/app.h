/* app.h — an app is what it declares; a site is its apps; jb_main is the program. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_APP_APP_H
#define JB_APP_APP_H

#include "admin/admin.h"
#include "queue/queue.h"
#include "store/store.h"
#include "transfer/transfer.h"
#include "web/web.h"

#define JB_EXCHANGES(...)               \
    (const struct jb_exchange *const[]) \
    {                                   \
        __VA_ARGS__, NULL               \
    }
#define JB_APPS(...)               \
    (const struct jb_app *const[]) \
    {                              \
        __VA_ARGS__, NULL          \
    }

/* Everything may be NULL; lists end with NULL, routes with a NULL path, templates with a NULL name. */
struct jb_app {
    const char *name;  /* "cash": models' .app, folder of its templates, first part of its permissions */
    const char *label; /* Korean, heads the side menu: "회계" */
    const char *label_en;
    const struct jb_model *const *models;
    const struct jb_admin *const *admins;
    const struct jb_exchange *const *exchanges;
    const struct jb_task *const *tasks;
    const struct jb_route *routes;
    const struct jb_asset *templates;
    const struct jb_asset *statics;
    enum jb_reads reads;            /* where reads of its models go with replicas (store.h): reports and logs may say JB_READS_ANALYTICS */
    const char *const *permissions; /* besides APP.VERB_MODEL: "cash.close" */
};

struct jb_site {
    const char *name; /* "장부" */
    const char *name_en;
    const struct jb_app *const *apps;
};

/* The program: reads the command line and runs one command. Returns the exit status of interface §1. */
int jb_main(int argc, char **argv, const struct jb_site *site);

#endif
