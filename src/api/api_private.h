/* api_private.h — what the files of api share. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_API_API_PRIVATE_H
#define JB_API_API_PRIVATE_H

#include "api/api.h"
#include "transfer/transfer.h"

jb_view jb__api_import, jb__api_export, jb__api_job, jb__api_job_file, jb__api_job_differences, jb__api_job_cancel, jb__api_job_continue, jb__api_job_undo;
jb_view jb__api_upload_new, jb__api_upload, jb__api_upload_add, jb__api_upload_drop;

/* Importing is adding and changing too, as the mode says. DENIED. */
bool jb__api_may_import(struct jb_scope *scope, const struct jb_model *model, enum jb_import_mode mode);
/* The file of a request: its body, named by the parameter file_name, or a multipart field; or, by the parameter `upload`, one that came in parts. */
bool jb__api_take_upload(struct jb_request *req, struct jb_spool **ret_spool);
/* INVALID names a query parameter that is none of these, and the nearest. */
bool jb__api_known(struct jb_request *req, const char *const *names, size_t count);
/* The header Idempotency-Key, otherwise the upload that the request names; NULL without either. INVALID over 200 characters. */
bool jb__api_once(struct jb_request *req, struct jb_str *ret_once);

/* The result object of interface.md §2 with that status; Location when it has not ended. */
struct jb_response *jb__api_job_answer(struct jb_request *req, int64_t job, int status);
/* One of `words` (ends with NULL) as its index; the first when absent. Fails INVALID. */
bool jb__api_choice(struct jb_request *req, const char *name, const char *const *words, int *ret_index);
bool jb__api_int(struct jb_request *req, const char *name, int64_t min, int64_t max, int64_t *number);
bool jb__api_flag(struct jb_request *req, const char *name, bool *flag);

#endif
