/* transfer_private.h — what the files of transfer share.
 *
 * An attempt is one run of an import. Two threads work for it: the reader (sheet → batches of copied cells) and the checker (cells → records → staging); the fiber
 * that runs the attempt waits for them, and a reporter fiber writes progress to the live file and looks for the wish to cancel. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_TRANSFER_PRIVATE_H
#define JB_TRANSFER_PRIVATE_H

#include "transfer/transfer.h"
#include "transfer/sources.h"
#include "base/list.h"
#include "run/run.h"
#include "store/stage.h"
#include <pthread.h>
#include <stdatomic.h>

#define JB_ERRORS_KEPT 1000
#define JB_PREVIEW_DAYS 7

struct jb_transfer {
    struct jb_scope *scope; /* owns everything here */
    const struct jb_exchange *const *exchanges;
    const char *spool_dir, *media_dir, *undo_dir;
    int undo_days;
    int64_t undo_bytes_max;
    struct jb_lock *merging; /* one staging file at a time is attached to this process's writer */
    struct jb_str site_url;
    int64_t async_bytes, upload_bytes_max, upload_kept_s, disk_free_bytes_min, latency_max_us;
    int batch_rows;
    const struct jb_zone *zone;
};
struct jb_transfer *jb__transfer_of(const struct jb_scope *scope); /* asserts that there is one */

/* ---- columns.c: what a sheet's columns mean ----------------------------------------------------------------------------------- */

/* One column that an exchange knows. */
struct jb__target {
    const struct jb_field *field;  /* of the model; for "project.code" its project_id */
    const struct jb_field *lookup; /* of the model it references: code; NULL: the value itself */
    const struct jb_model *lookup_in;
    struct jb_str name, label, heading; /* "project.code"; what we call it, and what the sheet does */
    bool match;                         /* part of the import key */
    uint32_t column;                    /* in the sheet, 1-based; 0: absent */
    struct jb_str head;                 /* its heading there */
    bool has_fallback;                  /* the job says a value in place of the field's default */
    struct jb_value fallback;
    const struct jb_field *fallback_lookup; /* of the model it references; NULL: the value itself */
};
/* One column of the sheet that the job says the meaning of. */
struct jb__choice {
    struct jb_str head;        /* or "[B]" */
    uint32_t column;           /* of "[B]", otherwise 0 */
    struct jb__target *target; /* NULL: it is left out */
    bool used;
};
struct jb__plan {
    struct jb_scope *scope; /* as long-lived as the plan */
    const struct jb_model *model;
    struct jb__target *targets;
    size_t count;
    struct jb__choice *choices;
    size_t choice_count;
    const struct jb_field **match; /* the import key; one entry that is the primary field means: by id */
    size_t match_count;
    bool match_given; /* false: no sheet column holds the key, every row is new (key is id) */
    int batch_rows;
    /* After the head row was mapped: */
    struct jb__target **by_column; /* [column] → target or NULL */
    uint32_t column_max;
    bool *seen;                      /* [column] a row has a cell there; written by the checker */
    const struct jb_field **present; /* model fields the sheet brings */
    size_t present_count;
    int64_t head_row;
    struct jb_str *unknown; /* head cells that match nothing */
    size_t unknown_count;
};
/* The columns of the exchange, resolved; INVALID when a name is wrong. match_on NULL: the exchange's. */
struct jb__plan *jb__plan_new(struct jb_scope *scope, const struct jb_transfer *transfer, const struct jb_exchange *exchange, struct jb_str match_on);
/* Reads the head row: header twice, required column missing, nothing known are INVALID. */
bool jb__plan_map(struct jb__plan *plan, struct jb_scope *scope, const struct jb_sheet *sheet, const struct jb_sheet_row *head, enum jb_import_mode mode);
/* ---- mapping.c: what the job says its columns mean ----------------------------------------------------------------------------- */

/* The plan of a job: the exchange's with its key, its mapping and its defaults. INVALID when a name or value of these is wrong. */
struct jb__plan *jb__plan_of(struct jb_scope *scope, const struct jb_transfer *transfer, const struct jb_exchange *exchange, const struct jb_import_options *options);
/* The target of that name. "project.name" makes the one that is "project.code" look up by the name from now on. INVALID with the nearest name. */
struct jb__target *jb__plan_target(struct jb__plan *plan, struct jb_scope *scope, struct jb_str name);
/* The same for a heading, by names or labels ("사업 사업명"); NULL when it is none. */
struct jb__target *jb__plan_path(struct jb__plan *plan, struct jb_scope *scope, struct jb_str head);
/* What the job says about a column; NULL: nothing. */
struct jb__choice *jb__plan_choice(const struct jb__plan *plan, struct jb_str head, uint32_t column);
/* After the head row: columns that were named by their letters and have no heading, and what was named and is not there. */
bool jb__plan_choices_end(struct jb__plan *plan, struct jb_scope *scope, const struct jb_str *heads, size_t count);
/* After all rows: a column that was named by its letters, has no heading and held nothing in any row is none of the sheet's. INVALID. */
bool jb__plan_seen(const struct jb__plan *plan, struct jb_scope *scope);
/* columns.c: that column is the target's. INVALID when it has one. */
bool jb__plan_take(struct jb__plan *plan, struct jb_scope *scope, struct jb__target *target, struct jb_str head, uint32_t column);
/* Name, heading, and reference resolved. */
bool jb__target_resolve(struct jb_scope *scope, const struct jb_model *model, struct jb_str name, const char *heading, struct jb__target *ret_target);
bool jb__is_reference_to(const struct jb_field *field, struct jb_str name); /* "project" for project_id */
/* NFC, in the scope; as it is when not valid UTF-8. */
struct jb_str jb__nfc(struct jb_scope *scope, struct jb_str text);

struct jb__counts {
    int64_t rows, refused, errors, new_rows, changed, unchanged, skipped;
    int64_t conflicts; /* of the refused ones */
    int64_t carried;   /* skip that went on: rows that stay refused, since nobody corrected them */
    int64_t corrected; /* rows of the last corrected file */
};

/* ---- options.c ------------------------------------------------------------------------------------------------------------------ */

/* What a job remembers besides jb_import_options. */
struct jb__job_options {
    struct jb_import_options import;
    bool confirmed, asks;  /* asks: it waits to be told what its columns mean */
    struct jb_str columns; /* what it asks, as JSON */
    bool whole;            /* of an undo */
    enum jb_language language;
    struct jb_str present;                                    /* once it waits: names of the columns that the sheet brings, one per line */
    int continued;                                            /* how often it went on with corrected rows */
    struct jb_str asked;                                      /* a hash of `import` as it was asked for: what the job makes of it later is not another request */
    int64_t duplicates;                                       /* conflicts that were found before the comparison: what is sealed does not tell them from other refused rows */
    int verified;                                             /* corrections whose numbers an attempt has looked at */
    struct jb_str continued_once, continued_hash, correction; /* the last one's token, and its file: SHA-256 and what people call it */
    struct jb__counts base;                                   /* skip: of what was decided before it went on */
    struct jb_str base_totals;                                /* … and what its amounts added up to */
};
struct jb_import_pairs jb__pairs_of(struct jb_scope *scope, struct jb_str json); /* none when it is no list of pairs */
struct jb_str jb__pairs_json(struct jb_scope *scope, const struct jb_import_pairs *pairs);
struct jb_str jb__import_options_json(struct jb_scope *scope, const struct jb__job_options *options);
bool jb__import_options_read(struct jb_scope *scope, struct jb_str json, struct jb__job_options *ret_options);
struct jb_str jb__export_options_json(struct jb_scope *scope, const struct jb_model *model, const struct jb_export_options *options);
bool jb__export_options_read(struct jb_scope *scope, const struct jb_model *model, struct jb_str json, struct jb_export_options *ret_options, enum jb_language *ret_language);

/* ---- export.c ------------------------------------------------------------------------------------------------------------------ */

struct jb__progress;
/* Chosen rows as a condition after the others. */
const struct jb_condition *jb__export_conditions(struct jb_scope *scope, const struct jb_model *model, const struct jb_export_options *options);
/* jb_export_to with progress, which may be NULL. */
bool jb__export_with(struct jb_scope *scope, const struct jb_model *model, const struct jb_export_options *options, jb_sheet_sink *sink, void *arg, struct jb__progress *progress, struct jb_export_result *ret_result);

/* ---- spool.c --------------------------------------------------------------------------------------------------------------------- */

/* The whole file of an upload that came in parts; it stays when the scope ends, whether a job took it or not. */
struct jb_spool *jb__spool_reopen(struct jb_scope *scope, struct jb_str file, struct jb_str title, int64_t bytes, struct jb_str hash, const char *hash_path);
bool jb__spool_came_in_parts(const struct jb_spool *spool);
struct jb_str jb__spool_title_of(struct jb_scope *scope, struct jb_str name);
bool jb__fail_too_large(struct jb_scope *scope, struct jb_str title);
struct jb_str jb__spool_file(const struct jb_spool *spool);  /* name within the folder */
struct jb_str jb__spool_title(const struct jb_spool *spool); /* what people call the file */
/* Makes it durable and gives its SHA-256 as hex. */
bool jb__spool_seal(struct jb_spool *spool, struct jb_scope *scope, struct jb_str *ret_hash);
void jb__spool_taken(struct jb_spool *spool); /* a committed job owns the file now */
/* Locks a job's spool file for as long as the fd is open: CONFLICT when another run has it, NOT_FOUND when it is gone. */
bool jb__spool_lock(struct jb_scope *scope, struct jb_str file, int *ret_fd);
struct jb_str jb__spool_path(struct jb_scope *scope, const struct jb_transfer *transfer, struct jb_str file);
/* It cannot be made. Our folder, whatever is wrong with it: UNAVAILABLE is logged, and its path told to nobody else. `number`: errno. */
bool jb__fail_spool(struct jb_scope *scope, const char *path, int number);
void jb__file_remove(struct jb_scope *scope, struct jb_str path);  /* on an offload thread; absence is fine */
void jb__stage_remove(struct jb_scope *scope, struct jb_str path); /* likewise a staging; one that cannot be removed now is left to the sweep */

/* ---- upload.c -------------------------------------------------------------------------------------------------------------------- */

bool jb__upload_taken(struct jb_scope *scope, const struct jb_spool *spool); /* in the transaction that gives it to a job: it is no upload any more; CONFLICT when another was faster */
bool jb__upload_needs(struct jb_scope *scope, struct jb_str file, bool *ret_needed);
bool jb__uploads_promised(struct jb_scope *scope, int64_t *ret_bytes); /* that are still to come, of all */
bool jb__uploads_sweep(struct jb_scope *scope);                        /* those that nobody goes on with */

/* ---- progress.c -------------------------------------------------------------------------------------------------------------------- */

enum jb__phase {
    JB_READING,
    JB_CHECKING,
    JB_COMPARING,
    JB_WRITING,
    JB_PHASES,
};
#define JB_EVENTS_PENDING 128

/* pace.c: how long the import should rest now, so that others get the database. */
struct jb__pace {
    int64_t limit_us; /* of the database's latency; 0: it never rests */
    _Atomic int64_t waited_us;
    _Atomic int share; /* of the time it works: how often as long it rests */
    int64_t since_us;  /* it works since then; whoever does the work */
    int64_t rested_us; /* in all */
    bool told;         /* the reporter's */
};
void jb__pace_open(struct jb__pace *pace, int64_t limit_us);
void jb__pace_measure(struct jb__pace *pace, struct jb_scope *scope, int64_t job_id); /* asks the database */
void jb__pace_waited(struct jb__pace *pace, int64_t us);                              /* the import itself, for the database: counts with the next answer */
bool jb__pace_is_slow(const struct jb__pace *pace);
bool jb__pace_rest_blocking(struct jb__pace *pace, struct jb_scope *scope); /* on a thread; false when cancelled */
bool jb__pace_rest(struct jb__pace *pace, struct jb_scope *scope);          /* on a fiber, outside a transaction */

struct jb__progress {
    pthread_mutex_t mutex;
    int64_t job_id, number; /* of the last event */
    struct jb_time started_at;
    int from[JB_PHASES], to[JB_PHASES]; /* percent */
    enum jb__phase phase;
    int percent, percent_event; /* now; at the last event */
    int64_t done, total, new_rows, changed, unchanged, refused;
    double part_from, part_to; /* of the phase: the call that runs now; 0…1 */
    bool moved;                /* since the last event */
    struct import_progress pending[JB_EVENTS_PENDING];
    size_t pending_count;
    /* the reporter's */
    struct jb_scope *steady, *scope, *attempt_scope;
    struct jb_channel *ended;
    bool wished;
    struct jb__pace pace; /* opened by who wants one, after _open */
};
/* Starts the reporter on a fiber: writes events, and cancels attempt_scope (setting `wished`) when somebody asks for it. */
bool jb__progress_open(struct jb__progress *progress, struct jb_scope *attempt_scope, int64_t job_id, bool writes);
void jb__progress_close(struct jb__progress *progress); /* the last events are written when it returns */
/* From any thread. A phase whose rows in all are unknown (0) keeps the rows counted so far. */
void jb__progress_phase(struct jb__progress *progress, enum jb__phase phase, int64_t total);
void jb__progress_done(struct jb__progress *progress, int64_t done);
void jb__progress_part(struct jb__progress *progress, double from, double to);      /* shares are of this part of the phase from now on */
void jb__progress_share(struct jb__progress *progress, double share, int64_t done); /* 0…1; done -1: that share of the rows in all */
/* done -1: as it is. */
void jb__progress_counts(struct jb__progress *progress, int64_t done, int64_t new_rows, int64_t changed, int64_t unchanged, int64_t refused);

/* ---- read.c: the reader thread ------------------------------------------------------------------------------------------------------- */

/* Rows with copies of their cells. Batches go round: free → filled → checked → free. */
struct jb__batch_rows {
    const struct jb__source *source; /* of all of them */
    struct jb_arena arena;           /* texts and cells */
    struct jb_sheet_row *rows;
    size_t count;
    double share; /* of the file read after it, 0…1 */
};
#define JB_BATCHES 4
#define JB_BATCH_BYTES ((size_t)8 << 20) /* a batch ends early above this */

struct jb__reader {
    struct jb_scope *scope; /* the thread's */
    struct jb__sources *sources;
    struct jb_sheet_row row_next; /* read already, of source_next */
    const struct jb__source *source_next;
    int batch_rows, batches;
    struct jb_channel *filled, *free;
};
struct jb_sheet_row jb__row_copy(struct jb_arena *arena, const struct jb_sheet_row *row); /* with its cells and texts */
void jb__reader_run(void *reader);                                                        /* for jb_thread_call: until the end, a failure in its scope, or a closed channel */
void jb__batch_free(struct jb__batch_rows *batch);

/* ---- check.c: the checker thread ------------------------------------------------------------------------------------------------------- */

struct jb__checker {
    struct jb_scope *scope; /* the thread's */
    const struct jb__plan *plan;
    struct jb_stage *stage;
    struct jb_channel *filled, *free;
    struct jb__progress *progress;
    int batch_rows;
    int64_t limit_refused;
    bool checks;                         /* ask the model's check for each row, as a new one */
    int64_t decided_to, refused_earlier; /* rows up to this one were decided by an earlier attempt: which of them it refused, and how many */
    const struct jb__row_set *refused_before;
    void *check_state;
    struct jb__counts counts; /* rows, refused, errors, carried */
    int64_t stray_row;        /* of a workbook: the first row with a value in a column that has no heading, and that column; 0: none */
    uint32_t stray_column;
    struct jb__row_set *dropped;
};
void jb__checker_run(void *checker); /* for jb_thread_call */
/* ---- attempt.c, compare.c, merge.c, finish.c ------------------------------------------------------------------------------------------ */

/* Guards the merge: `done` once everything is in, `position` (skip) the last row decided. */
struct import_mark {
    int64_t id;
    int round; /* rises each time the job goes on with corrected rows: who still works at an earlier one writes nothing */
    bool done;
    int64_t position, new_rows, changed, unchanged, skipped, refused, conflicts;
    struct jb_str totals; /* balance.c */
};
struct jb__attempt {
    struct jb_scope *outer; /* the caller's */
    struct jb_scope *scope; /* cancelled by the wish */
    const struct jb_transfer *transfer;
    const struct jb_model *model;
    struct import_job job;
    struct jb__job_options options;
    struct jb__plan *plan;
    struct jb_stage *stage;
    struct jb_thread *thread; /* stage calls */
    struct jb__progress progress;
    struct jb__counts counts;
    struct jb_stage_sums sums, sums_then;         /* of the rows that are in; skip: … once the open transaction is committed */
    int64_t compared_refused, compared_conflicts; /* of counts.refused and .conflicts: by the last comparison, which may be repeated */
    void *check_state;
    bool checked_early; /* the model's check was asked while loading */
    bool loaded;        /* all rows are in the staging */
    bool compared, was_empty, was_sealed;
    bool mark_known, mark_counted; /* skip: what earlier attempts have committed, and it stands in `counts` */
    struct import_mark mark;
    struct jb__row_set refused_before;           /* rows that they refused */
    int64_t started_us, batch_position, decided; /* skip: the last row and how many are in or refused */
    struct jb_str stage_path;
    int64_t backup_rows;                      /* of the copy that this attempt took; -1: none */
    bool backup_due;                          /* one is to be taken before the first rows go in */
    struct jb_str brought;                    /* names of the columns that the sheet brings */
    struct jb_str spool, corrections, result; /* files of the job as it began: those that it ends without are removed */
    struct jb__row_set dropped;               /* rows that a corrected file left empty */
    struct jb_str undecided;                  /* skip that went on and was cut off: why rows stay refused that nothing was wrong with */
    struct jb_rows *remembered;               /* mappings of its owner for this model */
    bool recalled;                            /* one of them was used */
    struct jb_str asks;                       /* not NULL: it waits to be told what its columns mean; a sentence or "" */
    struct jb_str shows_again;                /* confirmed, but something else would happen than was shown: why it waits once more */
    bool refused_all;                         /* it ended because rows were refused, and says so of each */
    const char *status;                       /* once it has ended or waits */
};
/* notes.c: sentences that the job tells beside its figures. */
void jb__note_add(struct jb__attempt *attempt, struct jb_str note);
void jb__note_unknown_columns(struct jb__attempt *attempt); /* the first of an attempt: those of an earlier one go */
void jb__note_stray(struct jb__attempt *attempt, const struct jb__checker *checker);
struct jb__ending;
/* Runs the job to its end or to `waiting`, everything written. false: a failure that another attempt may get over. */
bool jb__attempt_run(struct jb_scope *scope, int64_t job_id);
/* again.c: after one that failed. The job may have ended although the answer to its last commit was lost; otherwise it waits for another attempt; what an attempt staged goes, but for what undoing needs. */
bool jb__attempt_has_ended(struct jb__attempt *attempt);
void jb__attempt_put_back(struct jb__attempt *attempt);
void jb__attempt_let_go(struct jb__attempt *attempt, int number);
/* What the model's check knows, and before that which state of the tables it is true for: a month that is closed from then on is noticed. */
bool jb__compare_prepare(struct jb__attempt *attempt);
/* Whether one of our sentences says that a sound row met another one: in the table, or in the file. */
bool jb__says_conflict(struct jb_str sentence);
/* Refuses rows that repeat the key of an earlier one. */
bool jb__compare_duplicates(struct jb__attempt *attempt);
/* Compares the rows of (after_row, last_row]; last_row 0: to the end. Also under the writer's lock. */
bool jb__compare(struct jb__attempt *attempt, int64_t after_row, int64_t last_row, struct jb_stage_counts *ret_counts);
/* Rows that only the table refused (jb_stage_sifted_keep), as refused by the comparison. LIMIT when there are too many by now. */
bool jb__compare_keep_sifted(struct jb__attempt *attempt);
struct jb__refusal_words {
    struct jb_str column, sentence;
};
struct jb__refusal_words jb__refusal_words(const struct jb__attempt *attempt, struct jb_scope *scope, const struct jb_stage_refusal *refusal);
/* sift.c: after a merge that failed for what only the table knows. abort: nothing is in, and why is said of each row; true when it went in after all. */
bool jb__sift_all(struct jb__attempt *attempt, const struct jb__ending *ending);
/* skip: the batch is in and committed, but for those rows. *counts: of the batch. */
bool jb__sift_group(struct jb__attempt *attempt, int64_t from, int64_t to, struct jb_stage_counts *counts);
/* balance.c */
void jb__balance_add(struct jb_stage_sums *sums, const struct jb_stage_sums *more);
struct jb_str jb__balance_json(struct jb_scope *scope, const struct jb_stage_sums *sums, bool with_unknown);                 /* NULL: there are none */
bool jb__balance_read(struct jb_scope *scope, const struct jb_model *model, struct jb_str json, struct jb_stage_sums *sums); /* adds; what it cannot read becomes unknown */
/* In the transaction, after the merge. abort: of the whole, into attempt->sums. skip: with those of the batch into the mark and attempt->sums_then. */
bool jb__balance_take(struct jb__attempt *attempt);
bool jb__balance_note(struct jb__attempt *attempt, int64_t from, int64_t to, const struct jb_stage_counts *counts);
/* refusals.c: what committed batches refused, carried over a crash. */
bool jb__refusals_keep(struct jb__attempt *attempt, int64_t after_row, int64_t last_row, int64_t *ret_rows, int64_t *ret_conflicts); /* in the transaction that merges that range */
bool jb__refusals_restore(struct jb__attempt *attempt, struct jb_scope *scope);                                                      /* into the staging and refused_before */
bool jb__refusals_forget(struct jb_scope *scope, int64_t job_id);                                                                    /* once no attempt can go on */
bool jb__refusals_sweep(struct jb_scope *scope);                                                                                     /* of jobs that nobody retried in time */
void jb__counts_take(struct jb__attempt *attempt, const struct jb_stage_counts *counts);
bool jb__fail_refused(struct jb__attempt *attempt);
/* asking.c: on the page, headings that do not fit are asked about; what the owner said about these before counts. */
struct import_mapping {
    int64_t id, user_id;
    struct jb_str model, headings; /* a hash of them */
    struct jb_str map, defaults;   /* pairs as JSON */
    struct jb_time updated_at;
};
bool jb__remembered_load(struct jb__attempt *attempt);
struct jb_str jb__recalled_words(const struct jb__attempt *attempt);                                   /* that a remembered mapping was used, and its defaults */
bool jb__asks(const struct jb__attempt *attempt);                                                      /* whether it may ask */
bool jb__ask_map(struct jb__attempt *attempt, struct jb_scope *scope, const struct jb__source *base);  /* maps the head row, or sets attempt->asks */
bool jb__ask_head(struct jb__attempt *attempt, struct jb_scope *scope, const struct jb__source *base); /* of a row that was chosen and holds no headings */
/* shown.c: after a comparison of a confirmed import. CONFLICT when it found something else than was shown; `shows_again` says what. */
bool jb__shown_check(struct jb__attempt *attempt, const struct jb_stage_counts *now);
/* Merges what was staged and ends the job: in the same commit (abort) or after the last batch (skip). */
bool jb__merge(struct jb__attempt *attempt);

struct jb__ending {
    const char *status;
    enum jb_error error; /* JB_OK: it did not fail */
    struct jb_str reason;
    struct jb_str errors; /* made by _prepare */
    struct jb_str result; /* file of the refused rows */
    int64_t errors_total;
    bool stands; /* it went on with corrected rows, and nothing was said about them: figures, errors and refused rows stay those it had */
};
size_t jb__lines(struct jb_str text); /* of a list, one per line */
/* open.c: a skip import that went on. Its good rows are in; what it reads are the corrected ones and, as the base, our own workbook of all that were refused. */
bool jb__goes_on_by_rows(const struct jb__attempt *attempt);
struct jb__sources *jb__attempt_sources(const struct jb__attempt *attempt, struct jb_scope *scope); /* not yet open */
/* Opens them, maps the base's columns to the plan, and looks at the corrections' numbers. */
bool jb__attempt_open(struct jb__attempt *attempt, struct jb_scope *scope, struct jb__sources *sources);
bool jb__fail_no_rows(struct jb_scope *scope, const struct jb__attempt *attempt, bool headings);
/* refused.c: errors as JSON and the workbook of refused rows, into the ending. */
bool jb__refused_write(struct jb__attempt *attempt, struct jb_scope *scope, struct jb__ending *ending);
/* What can be made before the last transaction. */
bool jb__ending_prepare(struct jb__attempt *attempt, struct jb_scope *scope, struct jb__ending *ending);
/* Into the job's row, with the mail's queue entry: in the open transaction. */
bool jb__ending_write(struct jb__attempt *attempt, struct jb_scope *scope, const struct jb__ending *ending);
/* The same in a transaction of its own. */
bool jb__ending_commit(struct jb__attempt *attempt, struct jb_scope *scope, const struct jb__ending *ending);
/* After the commit: spool and staging files go. */
void jb__ending_sweep(struct jb__attempt *attempt);
/* Writes job->status, in the caller's transaction, if it still is `was`: it may have started, been confirmed or ended meanwhile. Otherwise CONFLICT. */
bool jb__job_leave(struct jb_scope *scope, const struct import_job *job, struct jb_str was);
/* An old wish to cancel is not one to cancel what is asked for now. */
bool jb__wish_forget(struct jb_scope *scope, int64_t id);
/* Batches of a skip import and stagings of an undo commit one by one: what is in stays, and only the mark knows of it. Into the job's figures; *ret_rows: how many rows. */
bool jb__take_committed(struct jb_scope *scope, struct import_job *job, int64_t *ret_rows);
bool jb__fail_not_waiting(struct jb_scope *scope, int64_t id);
bool jb__keeps_differences(const struct import_job *job);
/* Ends a job for which there is no attempt (cancelled in the queue, failed for good). */
bool jb__job_end(struct jb_scope *scope, struct import_job *job, const char *status, const struct jb_failure *failure);
/* May the job go on with corrected rows? CONFLICT says why not. */
bool jb__job_may_continue(struct jb_scope *scope, const struct import_job *job, const struct jb__job_options *options);
bool jb__wait_for_end(struct jb_scope *scope, int64_t job, bool *ret_ended); /* ≤ 0.8 s */
/* Runs a queued job's task here, on a fiber that outlives the request. */
void jb__run_here(struct jb_scope *scope, int64_t task_id);
struct jb_str jb__once_key(struct jb_scope *scope, struct jb_str once); /* a token counts for the person who has it */
bool jb__fail_other_file(struct jb_scope *scope, int64_t job);
bool jb__import_went_on(struct jb_scope *scope, const struct import_job *job, struct jb_str once); /* whether this request made it go on before */
/* An ended one gives up its files. */
bool jb__job_forget(struct jb_scope *scope, struct import_job *job);
/* With its mark, and a queue entry when `background`, in one transaction. `spool` NULL: a job without an upload. */
bool jb__job_start(struct jb_scope *scope, struct import_job *job, const struct jb_spool *spool, bool background);
/* Puts its task into the queue and notes which; in the open transaction. */
bool jb__job_enqueue(struct jb_scope *scope, struct import_job *job);
struct jb_str jb__result_name(struct jb_scope *scope, int64_t job_id, const char *what, const char *extension);
void jb__counts_add(struct jb__attempt *attempt, const struct jb_stage_counts *counts);
/* merge.c, also for sift.c. A transaction with the staging file attached; *ret_fresh: the table is as it was when compared, or may be taken to be. `hold`: nobody else changes it until the end. */
struct jb_tx *jb__merge_open(struct jb__attempt *attempt, bool hold, bool *ret_fresh);
void jb__merge_close(struct jb__attempt *attempt);
/* Another comparison may find rows that may not go in now, or, before a confirmed merge, something else than what was shown. */
bool jb__merge_compare_again(struct jb__attempt *attempt);
/* skip: what earlier attempts have committed. Read once, with what they refused when the staging is open; counted once, when the attempt knows its own rows. */
bool jb__mark_read(struct jb__attempt *attempt, struct jb_scope *scope);
void jb__mark_count(struct jb__attempt *attempt);
bool jb__mark_take(struct jb__attempt *attempt);                                                                 /* abort, in the transaction */
bool jb__mark_move(struct jb__attempt *attempt, int64_t from, int64_t to, const struct jb_stage_counts *counts); /* skip */
bool jb__job_save(struct jb_scope *scope, struct import_job *job);
bool jb__job_ended(const struct import_job *job); /* done failed cancelled */
struct jb_str jb__failure_sentence(struct jb_scope *scope, const struct jb_failure *failure);
/* peak.c: around an attempt; the peak memory since the first of those that run began. */
void jb__peak_begin(void);
void jb__peak_end(void);
int64_t jb__peak_bytes(void);
bool jb__log_job(struct jb_scope *scope, const struct import_job *job); /* in the transaction that ends it */
bool jb__mail_enqueue(struct jb_scope *scope, int64_t job_id);
struct jb_payload_job {
    int64_t job;
};

#endif
