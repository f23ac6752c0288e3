/* job_report.c — a job's line, result and progress for people and programs. */
// SPDX-License-Identifier: Apache-2.0
#include "app/job_report.h"
#include "base/json.h"
#include "run/run.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ERRORS_SHOWN 20
#define JSON_BYTES_MAX ((size_t)64 << 20)
#define LINE_US (3 * JB_SECOND_US) /* between progress lines that go to a file */

static struct jb_str people(struct jb_scope *scope, int64_t number)
{
    char text[48];
    return jb_copy(scope, jb_decimal_text_people((struct jb_decimal){ number, 0 }, text));
}

/* ---- results --------------------------------------------------------------------------------------------------------------------- */

static void print_json(struct jb_program *program, const struct import_job *job)
{
    struct jb_buf buf = JB_BUF_INIT(JSON_BYTES_MAX);
    struct jb_json_writer writer;

    jb_json_start(&writer, &buf);
    jb_job_json(program->scope, job, &writer);
    printf("%.*s\n", JB_FMT(jb_buf_str(&buf)));
    jb_buf_done(&buf);
}

void jb__job_line(struct jb_program *program, const struct import_job *job)
{
    char status[16];
    size_t size = JB_MIN(job->status.size, sizeof status - 1);

    if (program->json) {
        print_json(program, job);
        return;
    }
    for (size_t i = 0; i < size; i++)
        status[i] = job->status.data[i] >= 'a' && job->status.data[i] <= 'z' ? (char)(job->status.data[i] - 32) : job->status.data[i];
    status[size] = 0;
    printf("%lld: %s (%d%%) %.*s %.*s%s", (long long)job->id, status, job->progress, JB_FMT(job->model), JB_FMT(job->file_name), job->dry_run ? JB_L(program->scope, " (시험)", " (dry run)") : "");
    if (job->undoes)
        printf(JB_L(program->scope, " (작업 %lld 되돌리기)", " (undo of job %lld)"), (long long)job->undoes);
    if (job->undone_by)
        printf(JB_L(program->scope, " (작업 %lld이(가) 되돌림)", " (undone by job %lld)"), (long long)job->undone_by);
    printf("\n");
}

/* What is wrong with a cell, or with a row as a whole: then there is no column, and no value. */
static void print_error(struct jb_scope *scope, struct jb_json *error)
{
    struct jb_json *row = jb_json_member(error, "row"), *column = jb_json_member(error, "heading"), *value = jb_json_member(error, "value"), *reason = jb_json_member(error, "reason");
    struct jb_str where = column ? column->text : JB_STR(""), what = value ? value->text : JB_STR("");

    fprintf(stderr, JB_L(scope, "%.*s행", "row %.*s"), JB_FMT(row ? row->text : JB_STR("")));
    if (where.size > 0)
        fprintf(stderr, JB_L(scope, " ‘%.*s’", ", %.*s"), JB_FMT(where));
    if (what.size > 0)
        fprintf(stderr, " “%.*s”", JB_FMT(what));
    fprintf(stderr, ": %.*s\n", JB_FMT(reason ? reason->text : JB_STR("")));
}

/* The first refused rows, one sentence each: `19행 ‘수입’ “일십만원”: …` */
static void print_refused(struct jb_program *program, const struct import_job *job)
{
    struct jb_scope *scope = program->scope;
    struct jb_json *errors = job->errors.size > 0 ? jb_json_parse(scope, job->errors) : NULL;
    int shown = 0;

    for (struct jb_json *error = errors ? errors->first : NULL; error && shown < ERRORS_SHOWN; error = error->next, shown++)
        print_error(scope, error);
    if (job->errors_total > shown)
        fprintf(stderr, JB_L(scope, "… 모두 %lld가지입니다.\n", "… %lld in all.\n"), (long long)job->errors_total);
}

static void print_notes(struct jb_program *program, const struct import_job *job)
{
    struct jb_json *notes = job->notes.size > 0 ? jb_json_parse(program->scope, job->notes) : NULL;
    for (struct jb_json *note = notes ? notes->first : NULL; note; note = note->next)
        fprintf(stderr, "%.*s\n", JB_FMT(note->text));
}

static void print_counts(struct jb_program *program, const struct import_job *job)
{
    struct jb_scope *scope = program->scope;
    double seconds = (double)job->micros / 1e6;
    const char *conflicts = job->conflicts > 0 ? jb_format(scope, JB_L(scope, " (겹침 %.*s)", " (conflicts: %.*s)"), JB_FMT(people(scope, job->conflicts))).data : "";

    printf(JB_L(scope, "%.*s행: 새로 %.*s, 고침 %.*s, 그대로 %.*s, 거절 %.*s%s, 건너뜀 %.*s (%.2f초)\n",
               "%.*s rows: %.*s new, %.*s changed, %.*s unchanged, %.*s refused%s, %.*s skipped (%.2f s)\n"),
        JB_FMT(people(scope, job->rows)), JB_FMT(people(scope, job->new_rows)), JB_FMT(people(scope, job->changed)), JB_FMT(people(scope, job->unchanged)),
        JB_FMT(people(scope, job->refused)), conflicts, JB_FMT(people(scope, job->skipped)), seconds);
}

/* The proof: file − held before = change of the table. */
static void print_balance(struct jb_program *program, const struct import_job *job)
{
    struct jb_scope *scope = program->scope;
    struct jb_json *totals = job->totals.size > 0 ? jb_json_parse(scope, job->totals) : NULL;

    for (const struct jb_json *total = totals ? totals->first : NULL; total; total = total->next) {
        const struct jb_json *label = jb_json_member(total, "label"), *file = jb_json_member(total, "file"), *before = jb_json_member(total, "before"), *change = jb_json_member(total, "change");
        if (label && file && before && change)
            printf(JB_L(scope, "합계 %.*s: 파일 %.*s − 전에 있던 %.*s = 표의 변화 %.*s\n", "Total of %.*s: file %.*s − held before %.*s = change of the table %.*s\n"), JB_FMT(label->text), JB_FMT(file->text), JB_FMT(before->text), JB_FMT(change->text));
    }
}

static void print_undone(struct jb_program *program, const struct import_job *job)
{
    struct jb_scope *scope = program->scope;

    printf(JB_L(scope, "가져오기 %lld을(를) 되돌렸습니다: 지움 %.*s행, 되돌림 %.*s행, 남김 %.*s행 (%.2f초)\n", "Import %lld was undone: %.*s rows removed, %.*s restored, %.*s left (%.2f s)\n"), (long long)job->undoes,
        JB_FMT(people(scope, job->removed)), JB_FMT(people(scope, job->changed)), JB_FMT(people(scope, job->refused)), (double)job->micros / 1e6);
}

void jb__job_say_if_nobody_works(struct jb_program *program, const struct import_job *job)
{
    struct jb_scope *scope = program->scope;

    if (jb_str_is(job->status, "queued") && jb_workers_alive(scope) == 0)
        fprintf(stderr, "%s\n", JB_L(scope, "작업자가 없어 기다립니다. 이렇게 띄웁니다: jangbu worker", "It waits because no worker is running. Start one with: jangbu worker"));
    jb_failure_clear(scope);
}

void jb__job_print(struct jb_program *program, const struct import_job *job)
{
    struct jb_scope *scope = program->scope;

    if (program->json) {
        print_json(program, job);
    } else {
        jb__job_line(program, job);
        if (jb_str_is(job->kind, "undo") && jb_str_is(job->status, "done"))
            print_undone(program, job);
        if (jb_str_is(job->kind, "import") && !jb_str_is(job->status, "queued"))
            print_counts(program, job);
        if (jb_str_is(job->kind, "import"))
            print_balance(program, job);
    }
    jb__job_say_if_nobody_works(program, job);
    print_notes(program, job);
    print_refused(program, job);
    if (job->reason.size > 0)
        fprintf(stderr, "jangbu: %.*s\n", JB_FMT(job->reason));
    else if (job->dry_run && jb_str_is(job->status, "done"))
        fprintf(stderr, "%s\n", JB_L(scope, "해 보기만 했습니다. 아무것도 바뀌지 않았습니다.", "Dry run: nothing was changed."));
}

int jb__job_exit(const struct import_job *job)
{
    if (jb_str_is(job->status, "cancelled"))
        return jb_error_exit(JB_CANCELLED);
    for (enum jb_error error = JB_INVALID; job->error.size > 0 && error < JB_ERROR_COUNT; error++)
        if (jb_str_is(job->error, jb_error_name(error)))
            return jb_error_exit(error);
    if (job->refused > 0 || jb_str_is(job->status, "failed"))
        return jb_error_exit(JB_INVALID);
    return 0;
}

/* ---- progress ------------------------------------------------------------------------------------------------------------------------- */

struct jb__watching {
    struct jb_program *program;
    struct jb_scope *scope;  /* of the two fibers */
    struct jb_fiber *waiter; /* in jb__job_watch_end */
    int64_t job, shown_us, started_us;
    int running;
    bool ended, bar;
};

static const char *phase_name(struct jb_scope *scope, struct jb_str phase)
{
    if (jb_str_is(phase, "reading"))
        return JB_L(scope, "읽는 중", "reading");
    if (jb_str_is(phase, "checking"))
        return JB_L(scope, "살피는 중", "checking");
    if (jb_str_is(phase, "comparing"))
        return JB_L(scope, "견주는 중", "comparing");
    return JB_L(scope, "반영하는 중", "writing");
}

static void show(struct jb__watching *watching, const struct import_progress *event)
{
    struct jb_scope *scope = watching->program->scope;
    int64_t now = jb_monotonic_us();
    double seconds = (double)(now - watching->started_us) / 1e6, rate = seconds > 0 ? (double)event->done / seconds : 0;
    char left[48] = "";

    if (!watching->bar && now - watching->shown_us < LINE_US)
        return;
    watching->shown_us = now;
    if (event->progress > 0 && event->progress < 100)
        snprintf(left, sizeof left, JB_L(scope, ", 약 %.0f초 남음", ", about %.0f s left"), seconds * (100 - event->progress) / event->progress);
    if (watching->bar) {
        char bar[21];
        memset(bar, '-', 20);
        memset(bar, '#', (size_t)JB_MAX(0, JB_MIN(20, event->progress / 5)));
        bar[20] = 0;
        fprintf(stderr, JB_L(scope, "\r\033[K[%s] %3d%% %s %lld행 (%.0f행/초%s)", "\r\033[K[%s] %3d%% %s %lld rows (%.0f rows/s%s)"), bar, event->progress, phase_name(scope, event->phase), (long long)event->done, rate, left);
    } else {
        fprintf(stderr, JB_L(scope, "%d%% %s %lld행 (%.0f행/초%s)\n", "%d%% %s %lld rows (%.0f rows/s%s)\n"), event->progress, phase_name(scope, event->phase), (long long)event->done, rate, left);
    }
    fflush(stderr);
}

static void leave(struct jb__watching *watching)
{
    if (--watching->running == 0 && watching->waiter)
        jb_wake(watching->waiter);
}

static void follow_events(void *arg)
{
    struct jb__watching *watching = arg;
    int64_t after = 0;

    while (!watching->ended) {
        struct jb_scope *scope = jb_scope_child(watching->scope, "progress");
        struct jb_rows *events = jb_job_wait(scope, watching->job, after) ? jb_job_events(scope, watching->job, after) : NULL;
        bool more = events && events->count > 0;
        if (more) {
            const struct import_progress *last = jb_rows_at(events, events->count - 1);
            after = last->number;
            show(watching, last);
        }
        jb_scope_end(scope);
        if (!more)
            break;
    }
    leave(watching);
}

/* Ctrl-C asks the job to stop; what is left then is said by the job. */
static void follow_stop(void *arg)
{
    struct jb__watching *watching = arg;
    struct jb_scope *scope = jb_scope_child(watching->scope, "stop");

    if (jb_wait_stop(scope) && !watching->ended)
        jb_job_cancel(scope, watching->job);
    jb_scope_end(scope);
    leave(watching);
}

struct jb__watching *jb__job_watch(struct jb_program *program, int64_t job)
{
    struct jb__watching *watching = JB_NEW(program->scope, struct jb__watching);

    *watching = (struct jb__watching){
        .program = program,
        .scope = jb_scope_child(program->scope, "watching"),
        .job = job,
        .running = 2,
        .shown_us = jb_monotonic_us(),
        .started_us = jb_monotonic_us(),
        .bar = isatty(STDERR_FILENO) && !program->json,
    };
    jb_fiber_start("job progress", follow_events, watching);
    jb_fiber_start("job stop", follow_stop, watching);
    return watching;
}

void jb__job_watch_end(struct jb__watching *watching)
{
    watching->ended = true;
    jb_cancel(watching->scope);
    watching->waiter = jb_fiber_self();
    while (watching->running > 0)
        jb_park(NULL, JB_NEVER);
    if (watching->bar)
        fputs("\r\033[K", stderr);
    jb_scope_end(watching->scope);
}
