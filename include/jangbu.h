/* jangbu.h — the one header an application includes: the doors of the modules an app may use.
 *
 * Two nouns carry the whole program:
 *   record  what a thing is: a plain struct plus a table that names its members (base/record.h);
 *   scope   how long a thing lives: memory, clean-up, error, deadline and actor of one request, one task run, one test (base/scope.h). */
// SPDX-License-Identifier: Apache-2.0
#ifndef JANGBU_H
#define JANGBU_H

#include "base/json.h"
#include "base/log.h"
#include "base/record.h"
#include "base/scope.h"
#include "run/run.h"
#include "store/store.h"
#include "queue/queue.h"
#include "notify/notify.h"
#include "transfer/transfer.h"
#include "web/web.h"
#include "admin/admin.h"
#include "app/app.h"

#endif
