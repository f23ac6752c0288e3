/* job_test.h — starting jobs, and a worker beside the test. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_JOB_TEST_H
#define JB_JOB_TEST_H

#include "transfer_test.h"

TEST_HELPER int64_t start(struct jb_scope *scope, struct jb_str text, struct jb_import_options options)
{
    int64_t id;
    CHECK_OK(jb_import_start(scope, &book_model, spool_of(scope, "a.csv", text), &options, true, &id));
    return id;
}

TEST_HELPER void drain(struct jb_scope *scope)
{
    CHECK_OK(jb_queue_work(scope, &(struct jb_work){ .drain = true, .concurrency = 1 }));
}

struct worker {
    struct jb_scope *scope;
    bool ended;
};

TEST_HELPER void work(void *arg)
{
    struct worker *worker = arg;
    CHECK(jb_queue_work(worker->scope, &(struct jb_work){ .drain = true, .concurrency = 1 }));
    worker->ended = true;
}

TEST_HELPER struct worker *start_worker(struct jb_scope *scope)
{
    struct worker *worker = JB_NEW(scope, struct worker);
    worker->scope = jb_scope_child(scope, "worker");
    jb_fiber_start_big("worker", work, worker);
    return worker;
}

TEST_HELPER void join_worker(struct jb_scope *scope, struct worker *worker)
{
    while (!worker->ended)
        CHECK_OK(jb_sleep(scope, 5000));
    jb_scope_end(worker->scope);
}

TEST_HELPER struct jb_str phase_of(struct jb_scope *scope, int64_t id)
{
    struct jb_rows *events = jb_job_events(scope, id, 0);
    CHECK_OK(events != NULL);
    return events->count ? ((struct import_progress *)jb_rows_at(events, events->count - 1))->phase : JB_STR("");
}

TEST_HELPER bool has_ended(struct jb_scope *scope, int64_t id)
{
    struct import_job job = job_of(scope, id);
    return jb_str_is(job.status, "done") || jb_str_is(job.status, "failed") || jb_str_is(job.status, "cancelled");
}

/* A cell of a text with commas. */
TEST_HELPER void put_csv(struct jb_buf *out, size_t column, struct jb_str text)
{
    if (column > 0)
        jb_buf_put_char(out, ',');
    jb_buf_put_char(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"')
            jb_buf_put_char(out, '"');
        jb_buf_put_char(out, text.data[i]);
    }
    jb_buf_put_char(out, '"');
}

#endif
