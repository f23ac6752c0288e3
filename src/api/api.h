/* api.h — the models over HTTP for programs. Stage 1 has what moves sheets: import, export, jobs (interface.md §3).
 *
 * POST /api/APP/MODEL/import    the file as the body or as a multipart field; options as query parameters (mode, match_on, on_error, sheet, header_row, map and default (both repeatable), encoding, format, batch_rows,
 *                               limit_refused, ignore_existing, dry_run, differences, file_name, upload); Idempotency-Key. 200 with the result, 202 + Location, 422 with the result, 413.
 * POST /api/APP/MODEL/export    format, columns, order, search, field filters as query parameters. 202 + Location.
 * GET  /api/jobs/ID             the result object; GET /api/jobs/ID/download the file; POST /api/jobs/ID/cancel.
 * POST /api/uploads             a file in parts: PATCH, HEAD, GET, DELETE /api/uploads/ID (docs/uploads.md); `upload=ID` of an import or continue takes it.
 * By session (with the CSRF token) or `Authorization: Bearer TOKEN`. Failures are problem documents. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_API_API_H
#define JB_API_API_H

#include "store/store.h"
#include "web/web.h"

/* Routes for every model that is not hidden (no import for a read-only one), ending with a NULL path; they live in the scope. */
const struct jb_route *jb_api_routes(struct jb_scope *scope, const struct jb_model *const *models);

#endif
