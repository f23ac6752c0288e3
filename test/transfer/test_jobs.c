/* test_jobs.c — jobs: progress, cancelling, previews and their confirmation, retry, one-time tokens, sweeping. */
// SPDX-License-Identifier: Apache-2.0
#define JB_TRANSFER_TEST_MODELS
#include "job_test.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

/* ---- progress --------------------------------------------------------------------------------------------------------------- */

static int rising_values(struct jb_scope *scope, int64_t id)
{
    struct jb_rows *events = jb_job_events(scope, id, 0);
    int rising = 0, last = -1;
    int64_t number = 0;

    CHECK_OK(events != NULL);
    for (JB_EACH_ROW(events, struct import_progress, event)) {
        CHECK(event->number > number);
        CHECK(event->progress >= last);
        rising += event->progress > last;
        last = event->progress;
        number = event->number;
    }
    return rising;
}

JB_FIBER_TEST("an import shows at least ten rising values, also a dry run")
{
    site_new(scope);
    for (int dry = 0; dry < 2; dry++) {
        int64_t id = start(scope, rows_text(scope, 1, 60000), (struct jb_import_options){ .dry_run = dry, .batch_rows = 500 });
        drain(scope);
        struct import_job job = job_of(scope, id);
        check_status(&job, "done");
        CHECK_INT(job.progress, 100);
        CHECK(rising_values(scope, id) >= 10);
    }
}

/* Every step small, so that nobody thinks it stands still; rows only of what has been done. */
static void check_course(struct jb_scope *scope, int64_t id, int64_t rows)
{
    struct jb_rows *events = jb_job_events(scope, id, 0);
    int last = 0, writing = 0;
    int64_t done = 0;

    CHECK_OK(events != NULL);
    for (JB_EACH_ROW(events, struct import_progress, event)) {
        bool writes = jb_str_is(event->phase, "writing"), compares = jb_str_is(event->phase, "comparing");
        if (event->progress - last > 5)
            fprintf(stderr, "%.*s: from %d %% to %d %%\n", JB_FMT(event->phase), last, event->progress);
        CHECK(event->progress - last <= 5);
        last = event->progress;
        CHECK(!compares || event->done == rows);
        CHECK(!writes || event->total == rows);
        CHECK(!writes || event->done <= event->total);
        done = event->done;
        writing += writes;
    }
    CHECK(last >= 95);
    CHECK(writing >= 10);
    CHECK_INT(done, rows);
}

JB_FIBER_TEST("progress rises by small steps through every phase of an import into an empty table and into a full one")
{
    site_new(scope);
    int64_t empty = start(scope, rows_text(scope, 1, 60000), (struct jb_import_options){ 0 });
    drain(scope);
    check_course(scope, empty, 60000);
    int64_t full = start(scope, rows_text(scope, 30001, 60000), (struct jb_import_options){ 0 });
    drain(scope);
    check_course(scope, full, 60000);
}

JB_FIBER_TEST("rows shown while good rows are applied are those that are in")
{
    site_new(scope);
    int64_t id = start(scope, rows_text(scope, 1, 60000), (struct jb_import_options){ .on_error = JB_SKIP });
    drain(scope);
    check_course(scope, id, 60000);
    struct jb_rows *events = jb_job_events(scope, id, 0);
    for (JB_EACH_ROW(events, struct import_progress, event))
        if (jb_str_is(event->phase, "writing"))
            CHECK_INT(event->done, event->new_rows);
}

JB_FIBER_TEST("events are numbered and can be had again after any of them")
{
    site_new(scope);
    int64_t id = start(scope, rows_text(scope, 1, 5000), (struct jb_import_options){ 0 });
    drain(scope);
    struct jb_rows *all = jb_job_events(scope, id, 0);
    CHECK(all->count > 3);
    int64_t second = ((struct import_progress *)jb_rows_at(all, 1))->number;
    struct jb_rows *rest = jb_job_events(scope, id, second);
    CHECK_INT(rest->count, all->count - 2);
    CHECK_OK(jb_job_wait(scope, id, 100000)); /* it has ended: nobody waits for more */
}

JB_FIBER_TEST("the result object has what interface 2 says")
{
    site_new(scope);
    struct import_job job = IMPORT(HEAD "A,2025-01-01,a,,1,,\nB,2025-01-01,b,,x,,\n", .on_error = JB_SKIP);
    struct jb_buf buf = JB_BUF_INIT((size_t)1 << 20);
    struct jb_json_writer writer;

    jb_json_start(&writer, &buf);
    jb_job_json(scope, &job, &writer);
    struct jb_json *object = jb_json_parse(scope, jb_buf_str(&buf));
    CHECK_OK(object != NULL);
    static const char *const names[] = { "job", "model", "file", "status", "rows", "batches", "new", "changed", "unchanged", "refused", "skipped", "seconds", "rows_per_second", "peak_rss_bytes", "dry_run", "errors", "errors_total", "refused_file" };
    for (size_t i = 0; i < JB_COUNT(names); i++)
        if (!jb_json_member(object, names[i]))
            fprintf(stderr, "no %s\n", names[i]), CHECK(false);
    CHECK_TEXT(jb_json_member(object, "model")->text, "sample.book");
    CHECK_TEXT(jb_json_member(object, "new")->text, "1");
    CHECK_INT(jb_json_member(object, "errors")->count, 1);
    CHECK(contains(jb_json_member(object, "refused_file")->text, "/refused.xlsx"));
    jb_buf_done(&buf);
}

/* ---- cancelling -------------------------------------------------------------------------------------------------------------- */

JB_FIBER_TEST("a queued job is cancelled at once and its file goes")
{
    struct site *site = site_new(scope);
    int64_t id = start(scope, rows_text(scope, 1, 10), (struct jb_import_options){ 0 });

    CHECK_OK(jb_job_cancel(scope, id));
    CHECK_TEXT(job_of(scope, id).status, "cancelled");
    CHECK_INT(files_in(site->spool), 0);
    drain(scope);
    CHECK_INT(books(scope), 0);
    CHECK_FAILS(jb_job_cancel(scope, id), JB_CONFLICT);
}

/* The job is in that phase and, when its rows go in batch by batch, the first ones are in: the phase begins before they are. */
static bool is_in(struct jb_scope *scope, int64_t id, const char *phase, bool by_batches)
{
    struct jb_rows *events = jb_job_events(scope, id, 0);
    CHECK_OK(events != NULL);
    const struct import_progress *last = events->count ? jb_rows_at(events, events->count - 1) : NULL;
    return last && jb_str_is(last->phase, phase) && (!by_batches || last->new_rows > 0);
}

/* Slows the phase down, waits until the job is in it, cancels. */
static struct import_job cancel_in(struct jb_scope *scope, const char *phase, const char *fault, struct jb_import_options options)
{
    CHECK_OK(jb_fault_set(scope, jb_str_of(fault)));
    int64_t id = start(scope, rows_text(scope, 1, 20000), options);
    struct worker *worker = start_worker(scope);
    while (!is_in(scope, id, phase, options.on_error == JB_SKIP) && !has_ended(scope, id))
        CHECK_OK(jb_sleep(scope, 5000));
    CHECK_OK(jb_job_cancel(scope, id));
    join_worker(scope, worker);
    jb_fault_clear();
    return job_of(scope, id);
}

JB_FIBER_TEST("cancelled while checking: nothing is in the table and no file is left")
{
    struct site *site = site_new(scope);
    struct import_job job = cancel_in(scope, "checking", "transfer/import/batch=sleep:50", (struct jb_import_options){ 0 });
    check_status(&job, "cancelled");
    CHECK_INT(books(scope), 0);
    CHECK_INT(files_in(site->spool), 0);
}

JB_FIBER_TEST("cancelled while writing with abort: nothing is in the table, and not all rows are shown as written")
{
    struct site *site = site_new(scope);
    IMPORT(HEAD "X,2025-01-01,x,,1,,\n");
    struct import_job job = cancel_in(scope, "writing", "transfer/import/merge_chunk=sleep:700", (struct jb_import_options){ 0 });
    check_status(&job, "cancelled");
    CHECK_INT(books(scope), 1);
    struct jb_rows *events = jb_job_events(scope, job.id, 0);
    CHECK_OK(events != NULL);
    for (JB_EACH_ROW(events, struct import_progress, event))
        CHECK(!jb_str_is(event->phase, "writing") || event->done < 20000);
    CHECK_INT(files_in(site->spool), 0);
}

JB_FIBER_TEST("cancelled while writing with skip: the committed batches stay and are counted")
{
    struct site *site = site_new(scope);
    struct import_job job = cancel_in(scope, "writing", "transfer/import/group=sleep:300@1", (struct jb_import_options){ .on_error = JB_SKIP, .batch_rows = 500 });
    check_status(&job, "cancelled");
    CHECK_INT(job.new_rows, books(scope));
    CHECK(job.new_rows > 0 && job.new_rows < 20000);
    CHECK(contains(job.reason, "already applied stay"));
    CHECK_INT(files_in(site->spool), 0);
}

/* ---- previews ------------------------------------------------------------------------------------------------------------------- */

JB_FIBER_TEST("a preview shows counts and differences, changes nothing, and is merged when confirmed")
{
    struct site *site = site_new(scope);
    IMPORT(HEAD "A,2025-01-01,a,income,1,,\nB,2025-01-01,b,,2,,\n");
    int64_t id = start(scope, JB_STR(HEAD "A,2025-01-01,a,expense,1,,\nB,2025-01-01,b,,2,,\nC,2025-01-01,c,,3,,\n"), (struct jb_import_options){ .confirm = true });
    drain(scope);
    struct import_job job = job_of(scope, id);
    check_status(&job, "waiting");
    check_counts(&job, 1, 1, 1, 0);
    CHECK_INT(books(scope), 2);

    struct jb_rows *changed = jb_import_preview(scope, id, JB_PREVIEW_CHANGED, 0, 100);
    CHECK_OK(changed != NULL);
    CHECK_INT(changed->count, 1);
    struct import_difference *difference = jb_rows_at(changed, 0);
    CHECK_INT(difference->row, 2);
    CHECK_TEXT(difference->key, "A");
    CHECK_TEXT(difference->column, "kind");
    CHECK_TEXT(difference->before, "income");
    CHECK_TEXT(difference->after, "expense");
    struct jb_rows *new_rows = jb_import_preview(scope, id, JB_PREVIEW_NEW, 0, 100);
    CHECK(new_rows->count > 0);
    CHECK_INT(((struct import_difference *)jb_rows_at(new_rows, 0))->row, 4);
    CHECK(!((struct import_difference *)jb_rows_at(new_rows, 0))->has_before);

    CHECK_OK(jb_import_confirm(scope, id));
    CHECK_FAILS(jb_import_confirm(scope, id), JB_CONFLICT);
    drain(scope);
    job = job_of(scope, id);
    check_status(&job, "done");
    check_counts(&job, 1, 1, 1, 0);
    CHECK_INT(books(scope), 3);
    CHECK_TEXT(book_of(scope, "A").kind, "expense");
    CHECK_INT(files_in(site->spool), 0);
}

JB_FIBER_TEST("a confirmed preview that nothing stopped is a first attempt")
{
    site_new(scope);
    int64_t id = start(scope, rows_text(scope, 1, 5), (struct jb_import_options){ .confirm = true });
    drain(scope);
    CHECK_OK(jb_import_confirm(scope, id));
    drain(scope);
    struct import_job job = job_of(scope, id);
    CHECK_TEXT(job.status, "done");
    CHECK_INT(job.attempt, 1);
}

JB_FIBER_TEST("a wish to cancel that came too late for the preview does not cancel what is confirmed after it")
{
    site_new(scope);
    int64_t id = start(scope, rows_text(scope, 1, 5), (struct jb_import_options){ .confirm = true });
    drain(scope);
    struct import_progress wish = { .job_id = id, .phase = JB_STR(""), .at = jb_now(), .started_at = jb_now(), .cancel_wish = true };
    CHECK_OK(jb_bulk_insert(scope, &jb_import_progress, &wish, 1, &(struct jb_bulk){ .match_on = "job_id number", .on_conflict = JB_CONFLICT_UPDATE }));
    CHECK_OK(jb_import_confirm(scope, id));
    drain(scope);
    CHECK_TEXT(job_of(scope, id).status, "done");
    CHECK_INT(books(scope), 5);
}

JB_FIBER_TEST("a confirmed preview can be cancelled before a worker takes it")
{
    site_new(scope);
    int64_t id = start(scope, rows_text(scope, 1, 5), (struct jb_import_options){ .confirm = true });
    drain(scope);
    CHECK_OK(jb_import_confirm(scope, id));
    CHECK_OK(jb_job_cancel(scope, id));
    CHECK_TEXT(job_of(scope, id).status, "cancelled");
    drain(scope);
    CHECK_TEXT(job_of(scope, id).status, "cancelled");
    CHECK_INT(books(scope), 0);
}

JB_FIBER_TEST("a small import after something big tells its own memory")
{
    size_t big = (size_t)300 << 20;
    int forget = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

    if (forget < 0)
        jb_test_skip("the kernel does not let us forget the peak");
    close(forget);
    char *block = mmap(NULL, big, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    CHECK(block != MAP_FAILED);
    munmap(block, big);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    site_new(scope);
    int64_t id = start(scope, rows_text(scope, 1, 5), (struct jb_import_options){ 0 });
    drain(scope);
    int64_t own = job_of(scope, id).peak_rss_bytes;
    CHECK(own > 0);
    CHECK(own + ((int64_t)200 << 20) < (int64_t)usage.ru_maxrss * 1024);
}

JB_FIBER_TEST("a preview into an empty table is merged when confirmed")
{
    site_new(scope);
    int64_t id = start(scope, rows_text(scope, 1, 3000), (struct jb_import_options){ .confirm = true });
    drain(scope);
    struct import_job waiting = job_of(scope, id);
    check_status(&waiting, "waiting");
    CHECK_OK(jb_import_confirm(scope, id));
    drain(scope);
    struct import_job job = job_of(scope, id);
    check_counts(&job, 3000, 0, 0, 0);
    CHECK_INT(books(scope), 3000);
}

JB_FIBER_TEST("a confirmed import that would now do something else is shown again")
{
    site_new(scope);
    int64_t id = start(scope, JB_STR(HEAD "A,2025-01-01,a,,1,,\nB,2025-01-01,b,,2,,\n"), (struct jb_import_options){ .confirm = true });
    drain(scope);
    struct book meanwhile = { .external_ref = JB_STR("B"), .date = day(2025, 1, 1), .description = JB_STR("mine"), .income = cents(500) };
    CHECK_OK(jb_insert(scope, &book_model, &meanwhile));
    CHECK_OK(jb_import_confirm(scope, id));
    drain(scope);
    struct import_job job = job_of(scope, id);
    check_status(&job, "waiting");
    check_counts(&job, 1, 1, 0, 0);
    CHECK_INT(books(scope), 1);
    CHECK(contains(job.notes, "row 3 B (exists now)"));
    CHECK_OK(jb_import_confirm(scope, id));
    drain(scope);
    CHECK_TEXT(job_of(scope, id).status, "done");
    CHECK_TEXT(book_of(scope, "B").description, "b");
}

JB_FIBER_TEST("a discarded preview leaves nothing, an expired one is swept")
{
    struct site *site = site_new(scope);
    int64_t first = start(scope, rows_text(scope, 1, 5), (struct jb_import_options){ .confirm = true }), second;
    drain(scope);
    CHECK_OK(jb_import_discard(scope, first));
    CHECK_TEXT(job_of(scope, first).status, "cancelled");
    CHECK_INT(files_in(site->spool), 0);

    jb_clock_hold(jb_now());
    second = start(scope, rows_text(scope, 1, 5), (struct jb_import_options){ .confirm = true });
    drain(scope);
    CHECK_OK(jb_transfer_sweep(scope));
    CHECK_TEXT(job_of(scope, second).status, "waiting");
    jb_clock_advance_us(8 * JB_DAY_US);
    CHECK_OK(jb_transfer_sweep(scope));
    CHECK_TEXT(job_of(scope, second).status, "cancelled");
    CHECK_INT(files_in(site->spool), 0);
    CHECK_INT(books(scope), 0);
}

/* ---- other people ------------------------------------------------------------------------------------------------------------------ */

JB_FIBER_TEST("somebody who changes the table between comparison and merge is not overwritten unseen")
{
    site_new(scope);
    IMPORT(HEAD "A,2025-01-01,a,,1,,\nB,2025-01-01,b,,2,,\n");
    CHECK_OK(jb_fault_set(scope, JB_STR("transfer/import/batch=sleep:200")));
    int64_t id = start(scope, JB_STR(HEAD "A,2025-01-01,a,,5,,\nB,2025-01-01,b,,2,,\nC,2025-01-01,c,,3,,\n"), (struct jb_import_options){ 0 });
    struct worker *worker = start_worker(scope);
    while (!jb_str_is(phase_of(scope, id), "checking"))
        CHECK_OK(jb_sleep(scope, 2000));
    struct book other = book_of(scope, "B");
    other.income = cents(999);
    CHECK_OK(jb_save(scope, &book_model, &other));
    join_worker(scope, worker);
    struct import_job job = job_of(scope, id);
    check_counts(&job, 1, 2, 0, 0);
    CHECK_INT(book_of(scope, "B").income.units, 200);
}

JB_FIBER_TEST("the same token makes one job, equal content alone does not")
{
    site_new(scope);
    struct jb_import_options once = { .once = JB_STR("token-1") };
    int64_t first = start(scope, rows_text(scope, 1, 5), once);
    CHECK_INT(start(scope, rows_text(scope, 1, 5), once), first);
    int64_t other = 0;
    CHECK(!jb_import_start(scope, &book_model, spool_of(scope, "b.csv", rows_text(scope, 1, 6)), &once, true, &other)); /* another file is no repetition */
    CHECK_INT(jb_error(scope), JB_CONFLICT);
    jb_failure_clear(scope);
    CHECK(start(scope, rows_text(scope, 1, 5), (struct jb_import_options){ 0 }) != first);
    drain(scope);
    CHECK_INT(books(scope), 5);
}

JB_FIBER_TEST("a job is seen by its owner, by superusers and by the command line")
{
    site_new(scope);
    struct import_job job;
    jb_actor_set(scope, &(struct jb_user){ .id = 7, .name = JB_STR("clerk") });
    int64_t id = start(scope, rows_text(scope, 1, 5), (struct jb_import_options){ 0 });
    CHECK_OK(jb_job_get(scope, id, &job));
    CHECK_TEXT(job.user, "clerk");
    jb_actor_set(scope, &(struct jb_user){ .id = 8, .name = JB_STR("other") });
    CHECK_FAILS(jb_job_get(scope, id, &job), JB_DENIED);
    CHECK_FAILS(jb_job_cancel(scope, id), JB_DENIED);
    jb_actor_set(scope, &(struct jb_user){ .id = 9, .name = JB_STR("chief"), .superuser = true });
    CHECK_OK(jb_job_get(scope, id, &job));
}

JB_FIBER_TEST("a lost database in the middle is got over: the job is tried again and done once")
{
    site_new(scope);
    jb_clock_hold(jb_now());
    int64_t id = start(scope, rows_text(scope, 1, 3000), (struct jb_import_options){ 0 });
    CHECK_OK(jb_fault_set(scope, JB_STR("transfer/import/batch=unavailable*1@1")));
    drain(scope);
    CHECK_TEXT(job_of(scope, id).status, "queued");
    CHECK_INT(books(scope), 0);
    jb_clock_advance_us(10 * JB_SECOND_US);
    drain(scope);
    CHECK_TEXT(job_of(scope, id).status, "done");
    CHECK_INT(job_of(scope, id).attempt, 2);
    CHECK_INT(books(scope), 3000);
}

JB_FIBER_TEST("a small upload is answered with its result, a large one with its job")
{
    site_new(scope);
    int64_t id;
    bool ended;
    CHECK_OK(jb_import_submit(scope, &book_model, spool_of(scope, "a.csv", rows_text(scope, 1, 50)), &(struct jb_import_options){ 0 }, &id, &ended));
    while (!has_ended(scope, id))
        CHECK_OK(jb_sleep(scope, 2000));
    CHECK_INT(books(scope), 50);
    struct jb_str large = rows_text(scope, 100000, 130000);
    CHECK_OK(jb_import_submit(scope, &book_model, spool_of(scope, "b.csv", large), &(struct jb_import_options){ 0 }, &id, &ended));
    CHECK(!ended);
    CHECK_TEXT(job_of(scope, id).status, "queued");
    CHECK_OK(jb_job_cancel(scope, id));
    drain(scope);
}

JB_FIBER_TEST("an upload that never became a job leaves no file")
{
    struct site *site = site_new(scope);
    struct jb_scope *request = jb_scope_child(scope, "request");
    spool_of(request, "a.csv", JB_STR("half of it"));
    CHECK_OK(jb_transfer_sweep(scope));
    CHECK_INT(files_in(site->spool), 1); /* it is coming in */
    jb_scope_end(request);
    CHECK_INT(files_in(site->spool), 0);
}
