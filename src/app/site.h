/* site.h — the upward wires: from a site's declarations to running services; private to app. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_APP_SITE_H
#define JB_APP_SITE_H

#include "app/app.h"
#include "app/config.h"
#include "app/stall.h"
#include "notify/notify.h"
#include "store/introspect.h"

struct jb_runtime {
    const struct jb_site *site;
    const struct jb_config *config;
    const struct jb_zone *zone;
    const struct jb_model *const *models;
    const struct jb_task *const *tasks;
    struct jb_tables tables; /* existing ones that the admin shows */
    struct jb_db *db;
    struct jb_queue *queue;
    struct jb_notify *notify;
    struct jb_transfer *transfer;
    struct jb_admin_site *admin; /* NULL before jb__site_open_web */
    struct jb_web *web;
    struct jb__stalls stalls;
    _Atomic uint64_t unready; /* hash of the reason that /readyz last gave the log; 0: ready */
};

/* Opens database, queue, mail and transfer and ties them to the scope, which owns everything. Checks every declaration on the way. */
struct jb_runtime *jb__site_open(struct jb_scope *scope, const struct jb_site *site, const struct jb_config *config);
/* Besides: admin, API, the apps' routes and templates. */
bool jb__site_open_web(struct jb_scope *scope, struct jb_runtime *runtime);
/* Ties the services to another root scope (one per loop). */
void jb__site_use(struct jb_scope *scope, struct jb_runtime *runtime);
/* metrics.c: GET /metrics. */
struct jb_response *jb__show_metrics(struct jb_request *req);
/* Fails UNAVAILABLE, naming the command, when tables do not follow the models. */
bool jb__site_migrated(struct jb_scope *scope);

#endif
