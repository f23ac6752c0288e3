/* job_events.c — a job's progress as it goes: one set of figures for the page, the event stream and the poll answer.
 *
 * The stream sends every event after Last-Event-ID (they are kept while the job runs), then waits for the next; when the job has ended it says so and closes. */
// SPDX-License-Identifier: Apache-2.0
#include "admin_private.h"
#include "job_fields.h"

enum {
    PING_S = 15,
    LOOK_S = 1, /* whether the server stops: it waits for open streams */
};

static bool has_ended(struct jb_str status)
{
    return !jb_str_is(status, "queued") && !jb_str_is(status, "running");
}

static int step_of(struct jb_str phase)
{
    static const char *const phases[] = { "", "reading", "checking", "writing" };
    if (jb_str_is(phase, "comparing"))
        return 2;
    for (int i = 1; i < (int)JB_COUNT(phases); i++)
        if (jb_str_is(phase, phases[i]))
            return i;
    return 0;
}

void jb__fields_of(const struct import_job *job, const struct import_progress *event, struct jb__fields *ret_fields)
{
    struct jb__fields fields = {
        .job_id = job->id,
        .status = job->status,
        .progress = job->progress,
        .rows = job->rows,
        .new_rows = job->new_rows,
        .changed = job->changed,
        .unchanged = job->unchanged,
        .refused = job->refused,
        .left_s = -1,
        .import = jb_str_is(job->kind, "import"),
        .ended = has_ended(job->status),
    };
    if (fields.ended)
        fields.step = 4;
    else if (event) {
        int64_t us = event->at.us - event->started_at.us;
        fields.status = JB_STR("running"); /* it has begun, whatever the row said a moment ago */
        fields.step = step_of(event->phase);
        fields.progress = event->progress;
        fields.rows = event->done;
        fields.total = event->total;
        fields.new_rows = event->new_rows;
        fields.changed = event->changed;
        fields.unchanged = event->unchanged;
        fields.refused = event->refused;
        if (us > 200000 && event->done > 0)
            fields.rate = (int64_t)((double)event->done * 1e6 / (double)us);
        if (us > 1000000 && event->progress >= 3 && event->progress < 100)
            fields.left_s = (int64_t)((double)us / 1e6 * (100.0 - event->progress) / event->progress + 0.5);
    }
    *ret_fields = fields;
}

bool jb__fields_now(struct jb_scope *scope, const struct import_job *job, struct jb__fields *ret_fields)
{
    struct jb_rows *events = NULL;
    if (!has_ended(job->status) && !(events = jb_job_events(scope, job->id, -1)))
        return false;
    jb__fields_of(job, events && events->count ? jb_rows_at(events, events->count - 1) : NULL, ret_fields);
    return true;
}

/* ---- words ------------------------------------------------------------------------------------------------------------------------ */

/* Time left in coarse steps, so that it does not flicker. */
static struct jb_str left_words(struct jb_scope *scope, int64_t left_s)
{
    if (left_s < 0)
        return jb_str_of(JB_L(scope, "재는 중", "measuring"));
    if (left_s < 20)
        return jb_format(scope, JB_L(scope, "약 %lld초", "about %lld s"), (long long)JB_MAX(left_s, 1));
    if (left_s < 90)
        return jb_format(scope, JB_L(scope, "약 %lld초", "about %lld s"), (long long)((left_s + 5) / 10 * 10));
    return jb_format(scope, JB_L(scope, "약 %lld분", "about %lld min"), (long long)((left_s + 30) / 60));
}

static const char *step_words(struct jb_scope *scope, const struct jb__fields *fields)
{
    switch (fields->step) {
    case 1: return fields->import ? JB_L(scope, "읽는 중", "reading") : JB_L(scope, "쓰는 중", "writing");
    case 2: return JB_L(scope, "검사와 비교 중", "checking and comparing");
    case 3: return fields->import ? JB_L(scope, "반영 중", "applying") : JB_L(scope, "쓰는 중", "writing");
    case 4: return JB_L(scope, "끝났습니다", "finished");
    default: return JB_L(scope, "차례를 기다리는 중", "waiting for its turn");
    }
}

/* What screen readers hear: it changes with the phase and every 25 %. */
static struct jb_str spoken(struct jb_scope *scope, const struct jb__fields *fields)
{
    return jb_format(scope, "%s, %d %%", step_words(scope, fields), fields->progress / 25 * 25);
}

static struct jb_str total_words(struct jb_scope *scope, const struct jb__fields *fields)
{
    struct jb_str total = jb__number(scope, fields->total);
    if (fields->total <= 0)
        return jb_str_of(JB_L(scope, "행", " rows"));
    return jb_format(scope, JB_L(scope, " / %.*s행", " / %.*s rows"), JB_FMT(total));
}

void jb__fields_vars(struct jb_scope *scope, const struct jb__fields *fields, struct jb_vars *vars)
{
    static const char *const import_steps[][2] = { { "올림", "Uploaded" }, { "읽기", "Read" }, { "검사와 비교", "Check and compare" }, { "반영", "Apply" }, { "마무리", "Finish" } };
    static const char *const export_steps[][2] = { { "대기", "Queued" }, { "쓰기", "Write" }, { "마무리", "Finish" } };
    size_t count = fields->import ? JB_COUNT(import_steps) : JB_COUNT(export_steps);
    size_t now = fields->import ? (size_t)fields->step : JB_MIN((size_t)fields->step, (size_t)1);

    jb_vars_list(vars, "steps");
    for (size_t i = 0; i < count; i++) {
        const char *const *names = fields->import ? import_steps[i] : export_steps[i];
        struct jb_vars *step = jb_vars_append(vars, "steps");
        jb_vars_text(step, "label", jb_str_of(JB_L(scope, names[0], names[1])));
        jb__set(step, "past", (bool)(i < now || (i == 0 && fields->import)));
        jb__set(step, "current", (bool)(i == now && !(i == 0 && fields->import)));
    }
    jb__set(vars, "progress", (int64_t)fields->progress);
    jb_vars_text(vars, "rows", jb__number(scope, fields->rows));
    jb_vars_text(vars, "total", total_words(scope, fields));
    jb_vars_text(vars, "left", left_words(scope, fields->left_s));
    jb_vars_text(vars, "spoken", spoken(scope, fields));
}

void jb__fields_json(struct jb_scope *scope, const struct jb__fields *fields, struct jb_json_writer *writer)
{
    jb_json_object(writer);
    jb_json_put(writer, "job", jb_v(fields->job_id));
    jb_json_put(writer, "status", jb_v(fields->status));
    jb_json_put(writer, "status_words", jb_v(jb__status_words(scope, fields->status)));
    jb_json_put(writer, "step", jb_v(fields->import || fields->ended ? fields->step : JB_MIN(fields->step, 1)));
    jb_json_put(writer, "progress", jb_v(fields->progress));
    jb_json_put(writer, "percent", jb_v(jb__number(scope, fields->progress)));
    jb_json_put(writer, "rows", jb_v(jb__number(scope, fields->rows)));
    jb_json_put(writer, "total", jb_v(total_words(scope, fields)));
    jb_json_put(writer, "left", jb_v(left_words(scope, fields->left_s)));
    jb_json_put(writer, "rate", jb_v(fields->rate ? jb__number(scope, fields->rate) : JB_STR("–")));
    jb_json_put(writer, "new", jb_v(jb__number(scope, fields->new_rows)));
    jb_json_put(writer, "changed", jb_v(jb__number(scope, fields->changed)));
    jb_json_put(writer, "unchanged", jb_v(jb__number(scope, fields->unchanged)));
    jb_json_put(writer, "refused", jb_v(jb__number(scope, fields->refused)));
    jb_json_put(writer, "spoken", jb_v(spoken(scope, fields)));
    if (fields->ended) {
        jb_json_name(writer, "end");
        jb_json_bool(writer, true);
    }
    jb_json_object_end(writer);
}

/* ---- the stream ---------------------------------------------------------------------------------------------------------------------- */

static bool send(struct jb_request *req, struct jb_scope *scope, int64_t id, const struct jb__fields *fields)
{
    struct jb_buf buf = JB_BUF_INIT(65536);
    struct jb_json_writer writer;

    jb_json_start(&writer, &buf);
    jb__fields_json(scope, fields, &writer);
    bool ok = jb_events_send(req->http, id, NULL, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return ok;
}

/* Sends what there is and waits a moment for more. false when the stream is over. */
static bool send_round(struct jb_request *req, struct jb_scope *scope, int64_t job_id, int64_t *last, int64_t *ping_us)
{
    struct import_job job;
    struct jb__fields fields;

    if (!jb_job_get(scope, job_id, &job)) /* before the events: none can come after an end that was seen here */
        return false;
    struct jb_rows *events = jb_job_events(scope, job_id, *last);
    if (!events)
        return false;
    bool ended = has_ended(job.status);
    job.status = ended ? JB_STR("running") : job.status; /* of these events; the end is said once, at the end */
    for (JB_EACH_ROW(events, struct import_progress, event)) {
        jb__fields_of(&job, event, &fields);
        if (!send(req, scope, event->number, &fields))
            return false;
        *last = event->number;
    }
    if (ended) {
        if (!jb_job_get(scope, job_id, &job))
            return false;
        jb__fields_of(&job, NULL, &fields);
        send(req, scope, -1, &fields);
        return false;
    }
    jb_deadline_set(scope, jb_monotonic_us() + LOOK_S * JB_SECOND_US);
    if (jb_job_wait(scope, job_id, *last))
        return true;
    if (jb_error(scope) != JB_TIMEOUT)
        return false;
    if (jb_monotonic_us() < *ping_us)
        return true;
    *ping_us = jb_monotonic_us() + PING_S * JB_SECOND_US;
    return jb_events_ping(req->http);
}

static bool stream_events(struct jb_request *req, void *arg)
{
    const struct import_job *job = arg;
    struct jb_str after = jb_http_header(req->http, "Last-Event-ID");
    int64_t last = -1, ping_us = jb_monotonic_us() + PING_S * JB_SECOND_US;
    bool more = true;

    if (!jb_str_to_int64(after, &last))
        last = -1;
    while (more && !jb_http_gone(req->http) && !jb_stopping()) {
        struct jb_scope *scope = jb_scope_child(req->scope, "event");
        more = send_round(req, scope, job->id, &last, &ping_us);
        jb_scope_end(scope);
    }
    return true;
}

struct jb_response *jb__job_events_view(struct jb_request *req)
{
    struct import_job *job = JB_NEW(req->scope, struct import_job);
    if (!jb__job_read(req, job))
        return jb_problem(req);
    return jb_respond_events(req, stream_events, job);
}
