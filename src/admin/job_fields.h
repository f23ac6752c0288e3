/* job_fields.h — the live figures of a job: the same for the page, for each event and for the poll answer. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_ADMIN_JOB_FIELDS_H
#define JB_ADMIN_JOB_FIELDS_H

#include "admin_private.h"

struct jb__fields {
    int64_t job_id;
    struct jb_str status;
    int step;            /* 0 uploaded, 1 reading, 2 checking and comparing, 3 writing, 4 finished */
    int progress;        /* 0-100 */
    int64_t rows, total; /* of this phase; total 0: unknown */
    int64_t new_rows, changed, unchanged, refused;
    int64_t rate;   /* rows a second, 0: unknown */
    int64_t left_s; /* -1: unknown */
    bool import, ended;
};

/* From the job and its newest event; from a given event. */
bool jb__fields_now(struct jb_scope *scope, const struct import_job *job, struct jb__fields *ret_fields);
void jb__fields_of(const struct import_job *job, const struct import_progress *event, struct jb__fields *ret_fields);
void jb__fields_vars(struct jb_scope *scope, const struct jb__fields *fields, struct jb_vars *vars);
/* {"progress":42,"percent":"42","rows":"420,000","left":"약 12초",…,"end":true}: text for [data-field] nodes, numbers for progress bars. */
void jb__fields_json(struct jb_scope *scope, const struct jb__fields *fields, struct jb_json_writer *writer);

struct jb_str jb__status_words(struct jb_scope *scope, struct jb_str status);
/* Reads {id}; NOT_FOUND, or DENIED for other people's jobs. */
bool jb__job_read(struct jb_request *req, struct import_job *ret_job);
/* The newest jobs of the person (of everybody for superusers) as the list "jobs". */
bool jb__jobs_rows(struct jb_request *req, struct jb_vars *vars, int64_t offset, int64_t limit);

#endif
