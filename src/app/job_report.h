/* job_report.h — how a job looks on a terminal: its line, its result, its progress; private to app. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_APP_JOB_REPORT_H
#define JB_APP_JOB_REPORT_H

#include "app/command.h"

/* The result object with --json, otherwise a few lines (the first refused rows on stderr). */
void jb__job_print(struct jb_program *program, const struct import_job *job);
/* To stderr, when the job stands in the queue and no worker runs. */
void jb__job_say_if_nobody_works(struct jb_program *program, const struct import_job *job);
/* `17: RUNNING (42%) cash.cashbook a.xlsx` */
void jb__job_line(struct jb_program *program, const struct import_job *job);
/* Interface §2: 0 done, 3 when rows were refused, otherwise the kind of failure, 10 cancelled. */
int jb__job_exit(const struct import_job *job);

/* Shows the progress of a job on stderr until jb__job_watch_end, and cancels the job on Ctrl-C. */
struct jb__watching;
struct jb__watching *jb__job_watch(struct jb_program *program, int64_t job);
void jb__job_watch_end(struct jb__watching *watching);

#endif
