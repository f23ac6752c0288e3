/* transfer.h — workbooks in and out of models, as jobs with live progress.
 *
 * An upload streams into the spool; one transaction writes the job and its queue entry; a worker (or, for a small file, the request itself) reads, checks, stages, compares and
 * merges it (decisions.md G). `abort`: all rows in one commit, or none. `skip`: batches, each with position and counts. The spool file goes after the commit that ends the job. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_TRANSFER_TRANSFER_H
#define JB_TRANSFER_TRANSFER_H

#include "base/json.h"
#include "queue/queue.h"
#include "sheet/sheet.h"
#include "store/store.h"

/* ---- declarations ------------------------------------------------------------------------------------------------------------ */

struct jb_column {
    const char *heading; /* as it is written on export; NULL: the field's label */
    const char *field;   /* "income", or "project.code": a reference by a unique field of its target, looked up once per batch */
};

/* How sheets go in and out of a model. Everything NULL or 0 works. */
struct jb_exchange {
    const struct jb_model *model;
    const struct jb_column *columns; /* ends with a NULL field; NULL: every field but the primary, auto and secret ones; references by the target's title or first unique field */
    const char *match_on;            /* the import key, "external_ref"; NULL: the first unique field, otherwise id */
    int batch_rows;                  /* 0: IMPORT_EXPORT_CHUNK_SIZE */
};

/* ---- the job -------------------------------------------------------------------------------------------------------------------- */

/* Table import_jobs (`cash.importjob`). Live figures (progress, phase, rows so far) stand in the live file while it runs and here when it ends. */
struct import_job {
    int64_t id;
    struct jb_str kind;                                                                  /* import, export, undo */
    struct jb_str model;                                                                 /* cash.cashbook */
    struct jb_str status;                                                                /* queued running waiting done failed cancelled */
    int progress;                                                                        /* 0-100 */
    int64_t rows, batches, new_rows, changed, unchanged, refused, skipped, errors_total; /* columns: rows, batches, new, … */
    int64_t conflicts;                                                                   /* of the refused ones: another row of the table or of the file stands in their way */
    struct jb_str errors;                                                                /* JSON list, the first 1,000 */
    struct jb_str reason;                                                                /* one sentence when it failed */
    struct jb_str error;                                                                 /* the kind then, jb_error_name: the command line exits and the API answers by it */
    struct jb_str notes;                                                                 /* JSON list of sentences: unknown columns, … */
    int64_t user_id;                                                                     /* 0: command line */
    struct jb_str user;
    struct jb_str file_name, file_hash; /* of an export that is done: its own */
    int64_t file_bytes;
    struct jb_str totals;      /* JSON list of the sums of the amount columns: column, label, and of an export sum; of an import file (what it says), before and after (what the table held and holds in those rows), change */
    struct jb_str options;     /* JSON: mode, match_on, on_error, sheet, encoding, batch_rows, dry_run, confirm, columns, filter, format, … */
    struct jb_str spool;       /* file in SPOOL_DIR while needed */
    struct jb_str corrections; /* files in SPOOL_DIR, a line each, the newest last: corrected rows that lie over those of `spool` */
    struct jb_str result;      /* file in MEDIA_DIR: an export, or the refused rows */
    struct jb_str once;        /* form token or Idempotency-Key with the user; unique */
    int64_t task_id;
    int attempt;
    int64_t position;       /* skip: rows already decided */
    int64_t micros;         /* run time of the last attempt; jb_job_get: so far, while it runs */
    int64_t peak_rss_bytes; /* of the process while the last attempt ran */
    bool dry_run;
    int64_t undoes;            /* an undo: the import that it takes back */
    int64_t undone_by;         /* an import: its last undo */
    int64_t removed;           /* an undo: rows that it deleted; `changed` ones got back what they held, `refused` ones were left */
    struct jb_time undo_until; /* an import: what an undo needs is kept until then */
    struct jb_time created_at, started_at, finished_at, expires_at;
    uint64_t present;
};
extern const struct jb_model jb_import_job;
extern const struct jb_model jb_import_mark;     /* main: guards the merge */
extern const struct jb_model jb_import_refusals; /* main: what committed batches refused */
extern const struct jb_model jb_import_progress; /* live */
extern const struct jb_model jb_import_mapping;  /* main: what people said that columns mean */
extern const struct jb_model jb_admin_log;       /* main: who did what */
extern const struct jb_model jb_import_kept;     /* main: what an undo needs */
extern const struct jb_model jb_import_upload;   /* main: uploads that are not a job's yet */
#define JB_TRANSFER_MODELS &jb_import_job, &jb_import_upload, &jb_import_mark, &jb_import_refusals, &jb_import_mapping, &jb_import_progress, &jb_import_kept, &jb_admin_log
extern const struct jb_task jb_import_task, jb_export_task, jb_undo_task, jb_job_mail_task;
#define JB_TRANSFER_TASKS &jb_import_task, &jb_export_task, &jb_undo_task, &jb_job_mail_task

/* The field by which people write the row that `field` refers to, when an exchange does not say: its title if unique, otherwise its first unique field. NULL: no reference, or by its number. */
const struct jb_field *jb_reference_field(const struct jb_field *field);

enum jb_import_mode {
    JB_UPSERT,
    JB_INSERT,
    JB_UPDATE_ONLY,
};
enum jb_on_error {
    JB_ABORT,
    JB_SKIP,
};

/* What was said with "NAME=VALUE", in the order given. */
struct jb_import_pair {
    struct jb_str name, value;
};
struct jb_import_pairs {
    const struct jb_import_pair *at;
    size_t count;
};
/* "금액=income": cut at the last '=' when `by_last`, otherwise at the first. INVALID without one or without a name; `option` says where it stood. */
bool jb_import_pair_read(struct jb_scope *scope, const char *option, struct jb_str text, bool by_last, struct jb_import_pair *ret_pair);

struct jb_import_options {
    enum jb_import_mode mode;
    enum jb_on_error on_error;
    bool ignore_existing, dry_run;
    bool differences;       /* of a dry run: what would change can be looked at for some days */
    bool ask;               /* with `confirm`: ask what the columns mean, though their headings may be known */
    bool confirm;           /* stage and compare, then wait for jb_import_confirm */
    bool backup_first;      /* keep a copy of the whole table from right before the merge, as long as it can be undone */
    struct jb_str match_on; /* NULL: the exchange's */
    struct jb_str sheet, encoding, format;
    int64_t head_row;                /* the sheet's row that holds the headings; 0: the first that has cells */
    struct jb_import_pairs map;      /* a heading, or "[B]" for what stands in column B → a field ("income", "project.code"); "" leaves the column out. Other columns are matched by their headings */
    struct jb_import_pairs defaults; /* a field → its value as text, in place of the field's own default: for new rows when the column is absent, and for empty cells */
    int batch_rows;                  /* 0: the exchange's */
    int64_t limit_refused;           /* 0: none */
    struct jb_str once;              /* idempotency; NULL: none */
};

/* ---- the service ------------------------------------------------------------------------------------------------------------------- */

struct jb_transfer_options {
    const struct jb_exchange *const *exchanges; /* ends with NULL; models without one get a default */
    struct jb_str spool_dir, media_dir;
    struct jb_str undo_dir; /* on the same file system as spool_dir; NULL: beside it, with ".undo" behind its name */
    int undo_days;          /* UNDO_DAYS; 0: 30, below: nothing is kept */
    int64_t undo_bytes_max; /* UNDO_BYTES_MAX; 0: 10 GiB */
    int64_t async_bytes;    /* IMPORT_ASYNC_BYTES */
    int64_t upload_bytes_max;
    int64_t upload_kept_s;       /* UPLOAD_KEPT_SECONDS: an upload that nobody goes on with; 0: a day */
    int64_t disk_free_bytes_min; /* DISK_FREE_BYTES_MIN: what uploads leave free */
    int64_t latency_max_us;      /* IMPORT_MAX_DB_LATENCY_MS: imports slow down above it; 0: they never do */
    int batch_rows;              /* IMPORT_EXPORT_CHUNK_SIZE; 0: 1,000 */
    const struct jb_zone *zone;
    struct jb_str site_url; /* for links in mails: http://127.0.0.1:8000 */
};
struct jb_transfer;
struct jb_transfer *jb_transfer_new(struct jb_scope *scope, const struct jb_transfer_options *options); /* makes the folders; checks every exchange */
void jb_transfer_free(struct jb_transfer *transfer);
void jb_transfer_use(struct jb_scope *scope, struct jb_transfer *transfer);
/* Never NULL for a model that is not hidden. */
const struct jb_exchange *jb_exchange_of(struct jb_scope *scope, const struct jb_model *model);
/* Removes spool, staging and result files that no job needs (dead attempts, expired previews, days-old exports). At start and nightly. */
bool jb_transfer_sweep(struct jb_scope *scope);
/* Imports that no queue takes up again and whose program has died (the command line) are failed, with their uploads kept. Quick: for every few seconds. */
bool jb_transfer_bury(struct jb_scope *scope);

/* ---- uploads into the spool ------------------------------------------------------------------------------------------------------------ */

struct jb_spool;
struct jb_spool *jb_spool_open(struct jb_scope *scope, struct jb_str file_name); /* NFC, no path; removed with the scope unless a job took it */
/* LIMIT over upload_bytes_max, UNAVAILABLE when the disk is full. Writes on an offload thread. */
bool jb_spool_write(struct jb_spool *spool, struct jb_scope *scope, const void *bytes, size_t size);
bool jb_spool_copy(struct jb_spool *spool, struct jb_scope *scope, const char *path); /* the command line's file */
int64_t jb_spool_bytes(const struct jb_spool *spool);
/* Is there room for so many bytes (-1: nobody knows how many), besides what uploads still bring? Before a body is read; UNAVAILABLE (full) when not. */
bool jb_spool_room(struct jb_scope *scope, int64_t bytes);

/* ---- uploads in parts: interrupted ones go on from where they stand --------------------------------------------------------------------- */

/* Table import_uploads: an upload until a job has it. */
struct import_upload {
    int64_t id;
    struct jb_str token; /* how it is called outside; its file is TOKEN.upload */
    int64_t user_id;
    struct jb_str file_name;
    int64_t bytes;      /* of the whole file, as announced */
    struct jb_str hash; /* SHA-256 as announced, in hex; NULL: none */
    struct jb_time created_at;
};
struct jb_upload {
    struct import_upload row;
    int64_t offset;            /* bytes that are here */
    struct jb_time expires_at; /* unless more comes */
};
/* An upload belongs to the actor; other people's are NOT_FOUND. `hash` NULL: not checked. LIMIT over upload_bytes_max or when somebody has 20 of them; UNAVAILABLE (full) without room for it. */
bool jb_upload_new(struct jb_scope *scope, struct jb_str file_name, int64_t bytes, struct jb_str hash, struct jb_upload *ret_upload);
bool jb_upload_get(struct jb_scope *scope, struct jb_str token, struct jb_upload *ret_upload);
bool jb_upload_drop(struct jb_scope *scope, struct jb_str token);
/* Adds bytes. CONFLICT at another offset than where it stands, also later, when another sender has taken over. Closed with the scope: what was written stays. */
struct jb_append *jb_upload_open(struct jb_scope *scope, struct jb_str token, int64_t offset);
bool jb_upload_write(struct jb_append *append, struct jb_scope *scope, const void *bytes, size_t size); /* LIMIT beyond what was announced; UNAVAILABLE (full) */
bool jb_upload_sync(struct jb_append *append, struct jb_scope *scope, struct jb_upload *ret_upload);    /* after it the bytes outlive a power cut */
/* The whole file, for one import or for a job to go on with. CONFLICT while bytes are missing; INVALID when it is not what was announced: then it is dropped. It stays an upload until a job takes it. */
struct jb_spool *jb_upload_spool(struct jb_scope *scope, struct jb_str token);
/* The upload is gone (NOT_FOUND, which is cleared then) because this request has made a job of it before. CONFLICT when that was asked for with other options. */
bool jb_import_repeated(struct jb_scope *scope, const struct jb_model *model, const struct jb_import_options *options, int64_t *ret_job);

/* ---- imports ----------------------------------------------------------------------------------------------------------------------------- */

/* Makes the job (and, when `background`, its queue entry) in one transaction; it takes the spool file. The same `once` gives the job that is there; CONFLICT when that has another file or other options. */
bool jb_import_start(struct jb_scope *scope, const struct jb_model *model, struct jb_spool *spool, const struct jb_import_options *options, bool background, int64_t *ret_job);
/* Runs it here and now, to its end (or to `waiting`). true also for a job that ended `failed`: read the job. */
bool jb_import_run(struct jb_scope *scope, int64_t job);
/* What a view does with an upload: below async_bytes runs it and waits ≤ 0.8 s (it goes on by itself after that), otherwise queues it. *ret_ended says whether it ended. */
bool jb_import_submit(struct jb_scope *scope, const struct jb_model *model, struct jb_spool *spool, const struct jb_import_options *options, int64_t *ret_job, bool *ret_ended);
bool jb_import_confirm(struct jb_scope *scope, int64_t job); /* a waiting one: merges exactly what was shown (again by the queue); CONFLICT when it does not wait */
/* A waiting one ends; one that is kept to go on with its refused rows gives up what it keeps: its upload and their workbook; a dry run its differences. */
bool jb_import_discard(struct jb_scope *scope, int64_t job);

/* The job goes on with the workbook of its refused rows, corrected: each row of that stands for the row of the upload that has its number. `abort` reads all again, `skip` only those. Counts and errors
 * are the whole job's. The same `once` and file give true for the job that went on already. CONFLICT when it cannot go on; INVALID when the file is another's, or has numbers that it should not have (a large file is
 * looked at by the attempt, which then leaves the job as it stood). */
bool jb_import_continue(struct jb_scope *scope, int64_t job, struct jb_spool *spool, struct jb_str once, bool background);
bool jb_import_continue_submit(struct jb_scope *scope, int64_t job, struct jb_spool *spool, struct jb_str once, bool *ret_ended); /* as jb_import_submit */
bool jb_import_continue_repeated(struct jb_scope *scope, const struct import_job *job, struct jb_str once);                       /* as jb_import_repeated */
bool jb_job_continues(struct jb_scope *scope, const struct import_job *job);                                                      /* whether it can */
/* The job whose refused rows a small upload holds, by its headings; 0: none that it says. */
int64_t jb_spool_job(struct jb_scope *scope, struct jb_spool *spool);

/* What a job that waits asks about its columns: because their headings do not fit, or once its preview stands. */
struct jb_import_target {
    struct jb_str name, label; /* "project_id.code"; for people */
    bool own, required;        /* own: no other way to give the column before it */
};
struct jb_import_question {
    bool waits;            /* nothing is read before the answer; otherwise there is a preview too */
    struct jb_str problem; /* one sentence; NULL: none */
    struct jb_str sheet;
    int64_t head_row;
    const struct jb_json *sheets, *columns; /* names; objects: at (1-based), head, target (a name or ""), guessed, samples */
    struct jb_import_target *targets;
    size_t target_count;
    struct jb_import_pairs defaults;
};
bool jb_import_question(struct jb_scope *scope, int64_t job, struct jb_import_question *ret_question); /* CONFLICT when it does not wait */
struct jb_import_answer {
    struct jb_str sheet; /* NULL: the same */
    int64_t head_row;    /* 0: the first that has cells. Another sheet or row has other headings: it asks again */
    struct jb_import_pairs map, defaults;
};
/* It reads its file again with this mapping, which is remembered for the person, the model and these headings. INVALID when the mapping is wrong. */
bool jb_import_answer(struct jb_scope *scope, int64_t job, const struct jb_import_answer *answer);

/* Rows of a waiting or ended job's staging, for the preview. */
enum jb_preview {
    JB_PREVIEW_NEW,
    JB_PREVIEW_CHANGED,
    JB_PREVIEW_UNCHANGED,
};
struct import_difference {
    int64_t row;
    struct jb_str key;           /* the match fields as text */
    struct jb_str column, label; /* field name; heading for people */
    struct jb_str before, after; /* as text; NULL: empty */
    bool has_before;             /* false for new rows */
};
extern const struct jb_record jb_import_difference_record;
struct jb_rows *jb_import_preview(struct jb_scope *scope, int64_t job, enum jb_preview what, int64_t offset, int64_t limit);
/* Whether there is something to look at: it waits to be confirmed, or it was a dry run that kept it. The second fails CONFLICT and says why not. */
bool jb_import_has_differences(struct jb_scope *scope, const struct import_job *job);
bool jb_import_tells_differences(struct jb_scope *scope, const struct import_job *job);
/* Every cell that such an import would change, as a workbook: row, key, column, now, then. */
bool jb_import_differences(struct jb_scope *scope, int64_t job, jb_sheet_sink *sink, void *arg);

/* ---- undoing -------------------------------------------------------------------------------------------------------------------------------- */

/* A job of its own that takes a whole import back: new rows go, changed ones get back what they held, where a row still is as the import left it. The others are left, and told as refused ones are.
 * CONFLICT when there is nothing (left) to undo, or another undo of it runs. The same `once` gives the undo that is there. */
struct jb_undo_options {
    bool whole;         /* make the table equal to the backup that the import took first, whoever changed it since; all of it or nothing */
    struct jb_str once; /* idempotency; NULL: none */
};
bool jb_undo_start(struct jb_scope *scope, int64_t import, const struct jb_undo_options *options, int64_t *ret_job);
bool jb_undo_submit(struct jb_scope *scope, int64_t import, const struct jb_undo_options *options, int64_t *ret_job, bool *ret_ended); /* as jb_import_submit */
bool jb_undo_has_backup(struct jb_scope *scope, int64_t import, bool *ret_there);
/* Whether it can be undone; a failure says why not. */
bool jb_undo_possible(struct jb_scope *scope, const struct import_job *import);

/* ---- who did what --------------------------------------------------------------------------------------------------------------------------- */

/* Table admin_log (`admin.log`): a line for each import and undo, and for each row that somebody changed by hand. */
struct admin_log {
    int64_t id;
    struct jb_time at;
    int64_t user_id; /* 0: command line */
    struct jb_str user, what, model;
    int64_t row_id; /* 0: a job's line */
    struct jb_str title;
    int64_t job_id; /* 0: by hand */
    struct jb_str file_name, file_hash;
    int64_t added, changed, removed, refused;
    struct jb_str changes; /* JSON list of {field, before, after} */
};
/* In the transaction that writes the row: `what` is add (before NULL), change or delete (after NULL); the actor is the scope's. */
bool jb_log_row(struct jb_scope *scope, const char *what, const struct jb_model *model, const void *before, const void *after);
bool jb_log_action(struct jb_scope *scope, const char *action, const struct jb_model *model, struct jb_ids rows);
/* What differs, as in the log; before or after may be NULL. */
struct jb_str jb_row_changes(struct jb_scope *scope, const struct jb_model *model, const void *before, const void *after);

struct row_event {
    struct jb_time at;
    struct jb_str user;
    struct jb_str what; /* as in the log; import_add, import_change */
    int64_t job_id, undone_by;
    struct jb_str file_name, title, changes;
};
extern const struct jb_record jb_row_event_record;
/* What happened to a row, the newest first: lines of the log, and imports for as long as they can be undone. */
struct jb_rows *jb_row_history(struct jb_scope *scope, const struct jb_model *model, int64_t row);

/* ---- exports ------------------------------------------------------------------------------------------------------------------------------- */

struct jb_export_options {
    enum jb_sheet_format format;
    struct jb_str columns; /* "a,b"; NULL: the exchange's */
    const struct jb_condition *conditions;
    struct jb_str search;
    const char *search_fields;
    struct jb_str order; /* NULL: by the primary key */
    struct jb_ids ids;   /* chosen rows; count 0: all that match */
    bool raw;
    bool totals;       /* a last row with the sums; such a file does not import as it was exported */
    bool fresh;        /* from the primary; otherwise from the analytics server or a replica where there is one */
    uint64_t position; /* of a job: what the person who wanted it had written (jb_db_session) */
};
struct jb_export_total {
    struct jb_str column, label, sum; /* "income", as its heading says, "1200.50" */
};
struct jb_export_result {
    int64_t rows, bytes;
    char sha256[65]; /* of the bytes, as hex */
    int sheets;
    struct jb_export_total *totals; /* of the amount columns */
    size_t total_count;
    struct jb_str note; /* a sentence for people; NULL: nothing */
};
/* [{"column":"income","label":"수입","sum":"1200.50"}] */
void jb_export_totals_json(struct jb_json_writer *writer, const struct jb_export_result *result);
/* At once, to a sink. All rows, and what they refer to, are of one moment. The result, which may be NULL, lives in the scope. */
bool jb_export_to(struct jb_scope *scope, const struct jb_model *model, const struct jb_export_options *options, jb_sheet_sink *sink, void *arg, struct jb_export_result *ret_result);
/* As a job that ends with a file to download. */
bool jb_export_start(struct jb_scope *scope, const struct jb_model *model, const struct jb_export_options *options, int64_t *ret_job);

/* ---- jobs ------------------------------------------------------------------------------------------------------------------------------------ */

enum jb_import_mode jb_job_mode(struct jb_scope *scope, const struct import_job *job); /* an import's */
bool jb_job_undoes_whole(struct jb_scope *scope, const struct import_job *job);        /* an undo that puts the backup back */
/* The job row with its live figures laid over; NOT_FOUND; DENIED when the actor may not see it (its owner, superusers, the command line may). */
bool jb_job_get(struct jb_scope *scope, int64_t job, struct import_job *ret_job);

struct import_progress {
    int64_t id;
    int64_t job_id;
    int64_t number;      /* of the event: rises by one */
    struct jb_str phase; /* reading checking comparing writing */
    int progress;
    int64_t done, total; /* rows of this phase; total 0: unknown */
    int64_t new_rows, changed, unchanged, refused;
    struct jb_time at, started_at;
    bool cancel_wish;
};
/* Events after `number`, kept for replay while the job runs (Last-Event-ID). */
struct jb_rows *jb_job_events(struct jb_scope *scope, int64_t job, int64_t after_number);
/* Waits until there is an event after `number` or the job has ended; false when the scope ends first. */
bool jb_job_wait(struct jb_scope *scope, int64_t job, int64_t after_number);
bool jb_job_cancel(struct jb_scope *scope, int64_t job); /* CONFLICT when it has ended */
bool jb_job_retry(struct jb_scope *scope, int64_t job);  /* failed and cancelled ones whose spool file is still there */
/* The result object of interface §2. */
void jb_job_json(struct jb_scope *scope, const struct import_job *job, struct jb_json_writer *writer);
/* Refused rows as a workbook (row, column, value, reason) into MEDIA_DIR is made at the end of the job; this opens it or an export's file for reading. */
struct jb_job_file {
    int fd; /* the caller's to close */
    int64_t bytes;
    struct jb_str name;   /* for people */
    struct jb_str sha256; /* of an export; NULL: not known */
};
bool jb_job_file(struct jb_scope *scope, int64_t job, struct jb_job_file *ret_file);

#endif
