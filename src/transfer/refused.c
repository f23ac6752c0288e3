/* refused.c — what was refused, for people: the first sentences as JSON, and all rows as a workbook to correct and send back.
 *
 * The workbook has the columns of the upload, its cells as they were read, and three of our own: which row of the upload it is, in which columns something is wrong, and why, a line for each. The
 * files are read a second time for it; nothing of them is kept in memory but some hundred rows. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ERRORS_BYTES_MAX ((size_t)4 << 20)
#define COLUMNS_MAX 16384
#define WORKBOOK_ROWS_MAX 1048575 /* below the head row */
#define ROWS_AT_ONCE 500
#define BYTES_AT_ONCE ((size_t)4 << 20)
#define FORMATS_MAX 20000
#define LINES_BYTES_MAX ((size_t)30000) /* of an Excel cell's 32,767 characters */

/* A row that waits for its sentences. */
struct waiting {
    struct jb_sheet_row row;
    const struct jb__source *source;
    struct jb_buf columns, reasons; /* a line for each sentence */
    int64_t lines;
    uint32_t *refused; /* columns of the upload */
    size_t refused_count;
};

struct writing {
    struct jb__attempt *attempt;
    struct jb_scope *scope;
    struct jb__sources *sources;
    struct jb__row_set rows; /* refused */
    struct jb_buf json;
    struct jb_json_writer json_writer;
    int64_t errors, written;
    struct jb_str file, path;
    int fd;
    struct jb_sheet_writer *sheet;
    uint32_t columns; /* of the upload */
    struct jb_number_format *formats;
    size_t format_count;
    uint32_t **formats_of; /* by source, by the format of its own */
    struct jb_scope *batch;
    struct waiting waiting[ROWS_AT_ONCE];
    size_t waiting_count, found;
    bool ok;
};

/* From their beginning. */
static bool open_sources(struct writing *writing)
{
    writing->sources = jb__attempt_sources(writing->attempt, writing->scope);
    if (jb__sources_open(writing->sources, writing->scope))
        return true;
    return jb_failure(writing->scope) ? false : jb_fail(writing->scope, JB_BROKEN, "a file that was read is empty now");
}

/* ---- sentences as JSON -------------------------------------------------------------------------------------------------------- */

static const struct jb__target *target_named(const struct jb__plan *plan, struct jb_str name)
{
    for (size_t i = 0; i < plan->count; i++)
        if (jb_str_equal(plan->targets[i].name, name))
            return &plan->targets[i];
    return NULL;
}

static struct jb_str heading_of(const struct jb__plan *plan, struct jb_str column)
{
    const struct jb__target *target = target_named(plan, column);
    return target ? target->heading : column;
}

static bool put_sentence(void *arg, struct jb_scope *scope, int64_t row, struct jb_str column, struct jb_str value, struct jb_str reason)
{
    struct writing *writing = arg;

    (void)scope;
    jb__row_set_add(&writing->rows, row);
    if (writing->errors++ >= JB_ERRORS_KEPT)
        return true;
    jb_json_object(&writing->json_writer);
    jb_json_put(&writing->json_writer, "row", jb_v(row));
    jb_json_put(&writing->json_writer, "column", jb_v(column));
    jb_json_put(&writing->json_writer, "heading", jb_v(heading_of(writing->attempt->plan, column)));
    jb_json_put(&writing->json_writer, "value", jb_v(value));
    jb_json_put(&writing->json_writer, "reason", jb_v(reason));
    jb_json_object_end(&writing->json_writer);
    return true;
}

/* ---- rows that were not decided ------------------------------------------------------------------------------------------------------- */

static bool note_row(void *arg, struct jb_scope *scope, int64_t row, struct jb_str column, struct jb_str value, struct jb_str reason)
{
    (void)scope, (void)column, (void)value, (void)reason;
    jb__row_set_add(arg, row);
    return true;
}

static bool is_undecided(const struct writing *writing, const struct jb__row_set *refused, int64_t row)
{
    const struct jb__attempt *attempt = writing->attempt;
    return row > attempt->batch_position && !jb__row_set_has(refused, row) && !jb__row_set_has(&attempt->dropped, row);
}

/* Corrected rows behind the last commit: nobody shall have to look for them, so they are refused like others. */
static bool refuse_undecided(struct writing *writing)
{
    struct jb__attempt *attempt = writing->attempt;
    const struct jb__source *source;
    struct jb__row_set refused = { 0 };
    struct jb_sheet_row row;
    bool ok = jb_stage_refused(attempt->stage, writing->scope, note_row, &refused) && open_sources(writing);

    while (ok && jb__sources_next(writing->sources, writing->scope, &row, &source) && !source->carried) {
        if (!is_undecided(writing, &refused, row.number))
            continue;
        ok = jb_stage_refuse(attempt->stage, writing->scope, row.number, JB_STR_NULL, JB_STR_NULL, attempt->undecided);
        attempt->counts.refused++;
    }
    if (writing->sources)
        jb__sources_close(writing->sources);
    jb__row_set_done(&refused);
    return ok && !jb_failure(writing->scope);
}

/* ---- sentences ------------------------------------------------------------------------------------------------------------------------- */

static bool write_sentences(struct writing *writing)
{
    jb_json_start(&writing->json_writer, &writing->json);
    jb_json_array(&writing->json_writer);
    bool ok = jb_stage_refused(writing->attempt->stage, writing->scope, put_sentence, writing);
    jb_json_array_end(&writing->json_writer);
    return ok;
}

/* ---- the workbook: its head -------------------------------------------------------------------------------------------------------- */

static bool write_all(void *arg, struct jb_scope *scope, const void *bytes, size_t size)
{
    const int *fd = arg;

    for (size_t done = 0; done < size;) {
        ssize_t part = write(*fd, (const char *)bytes + done, size - done);
        if (part < 0 && errno != EINTR)
            return jb_fail_errno(scope, errno, JB_L(scope, "거절된 행의 파일 쓰기", "writing the file of refused rows"));
        done += part > 0 ? (size_t)part : 0;
    }
    return true;
}

static uint32_t format_place(struct writing *writing, const struct jb_number_format *format)
{
    for (size_t i = writing->format_count; i-- > 0;)
        if (writing->formats[i].id == format->id && jb_str_equal(writing->formats[i].code, format->code))
            return (uint32_t)i;
    if (writing->format_count == FORMATS_MAX)
        return UINT32_MAX;
    writing->formats[writing->format_count] = *format;
    return (uint32_t)writing->format_count++;
}

/* The formats of all files, each once. */
static void gather_formats(struct writing *writing)
{
    const struct jb__sources *sources = writing->sources;

    writing->formats = JB_NEW_ARRAY(writing->scope, struct jb_number_format, FORMATS_MAX);
    writing->formats_of = JB_NEW_ARRAY(writing->scope, uint32_t *, sources->count);
    for (size_t i = 0; i < sources->count; i++) {
        const struct jb_number_format *format;
        uint32_t count = 0;
        while (jb_sheet_number_format(sources->at[i].sheet, count))
            count++;
        writing->formats_of[i] = JB_NEW_ARRAY(writing->scope, uint32_t, count + 1);
        for (uint32_t k = 0; (format = jb_sheet_number_format(sources->at[i].sheet, k)); k++)
            writing->formats_of[i][k] = format_place(writing, format);
        writing->formats_of[i][count] = UINT32_MAX;
    }
}

static bool write_head(struct writing *writing)
{
    static const struct jb_field plain = { .name = "plain", .type = JB_INT64, .size = sizeof(int64_t) };
    const struct jb__source *base = jb__sources_base(writing->sources);
    const struct import_job *job = &writing->attempt->job;
    struct jb_scope *scope = writing->scope;
    size_t count = writing->columns + 3;
    struct jb_str *titles = JB_NEW_ARRAY(scope, struct jb_str, count);
    const struct jb_field **fields = JB_NEW_ARRAY(scope, const struct jb_field *, count);
    bool workbook = jb_sheet_number_format(base->sheet, 0) != NULL; /* what people add is text where all was text */

    for (size_t i = 0; i < base->head.count; i++)
        titles[base->head.cells[i].column - 1] = jb_cell_text(base->sheet, scope, &base->head.cells[i]);
    for (uint32_t i = 0; workbook && i < writing->columns; i++)
        fields[i] = &plain;
    titles[count - 3] = jb__refused_row_heading(scope, job->id, job->file_hash);
    fields[count - 3] = &plain;
    titles[count - 2] = JB_STR(JB_REFUSED_COLUMN);
    titles[count - 1] = JB_STR(JB_REFUSED_REASON);
    return jb_sheet_writer_head(writing->sheet, scope, titles, fields, count);
}

/* ---- the workbook: its rows --------------------------------------------------------------------------------------------------------- */

/* Sentences come by row, as the rows mostly do. */
static struct waiting *waiting_find(struct writing *writing, int64_t row)
{
    for (size_t i = 0; i < writing->waiting_count; i++) {
        size_t at = (writing->found + i) % writing->waiting_count;
        if (writing->waiting[at].row.number == row) {
            writing->found = at;
            return &writing->waiting[at];
        }
    }
    return NULL;
}

/* A line more; over what a cell holds, no more. */
static void put_line(struct jb_buf *lines, bool first, struct jb_str text)
{
    if (!first)
        jb_buf_put_char(lines, '\n');
    for (struct jb_str rest = text; rest.data;) {
        jb_buf_put(lines, jb_str_cut(&rest, '\n'));
        if (rest.data)
            jb_buf_put_char(lines, ' ');
    }
}

static void note_refused(struct writing *writing, struct waiting *waiting, uint32_t column)
{
    if (!waiting->refused)
        waiting->refused = JB_NEW_ARRAY(writing->batch, uint32_t, writing->attempt->plan->count);
    for (size_t i = 0; i < waiting->refused_count; i++)
        if (waiting->refused[i] == column)
            return;
    waiting->refused[waiting->refused_count++] = column;
}

static bool take_sentence(void *arg, struct jb_scope *scope, int64_t row, struct jb_str column, struct jb_str value, struct jb_str reason)
{
    struct writing *writing = arg;
    const struct jb__target *target = target_named(writing->attempt->plan, column);
    struct waiting *waiting = waiting_find(writing, row);

    (void)scope, (void)value;
    JB_CHECK(waiting);
    put_line(&waiting->columns, waiting->lines == 0, target ? target->heading : column);
    put_line(&waiting->reasons, waiting->lines == 0, reason);
    waiting->lines++;
    if (target && target->column)
        note_refused(writing, waiting, target->column);
    return true;
}

/* The row's own cells, and one for each refused column that is empty; formats are those of the workbook that is written. */
static struct jb_cell *cells_of(struct writing *writing, const struct waiting *waiting, size_t *ret_count)
{
    const uint32_t *formats = writing->formats_of[waiting->source - writing->sources->at];
    struct jb_cell *cells = JB_NEW_ARRAY(writing->batch, struct jb_cell, waiting->row.count + waiting->refused_count + 3);
    size_t count = 0, own;

    for (size_t i = 0; i < waiting->row.count && waiting->row.cells[i].column <= writing->columns; i++) {
        cells[count] = waiting->row.cells[i];
        cells[count].format = formats[cells[count].format];
        count++;
    }
    own = count;
    for (size_t i = 0; i < waiting->refused_count; i++) {
        struct jb_cell empty = { .type = JB_CELL_EMPTY, .column = waiting->refused[i], .format = UINT32_MAX };
        if (empty.column <= writing->columns && !bsearch(&empty, cells, own, sizeof *cells, jb__by_column))
            cells[count++] = empty;
    }
    if (count > own)
        qsort(cells, count, sizeof *cells, jb__by_column);
    *ret_count = count;
    return cells;
}

static bool write_row(struct writing *writing, struct waiting *waiting)
{
    size_t count;
    struct jb_cell *cells = cells_of(writing, waiting, &count);
    bool *marks = JB_NEW_ARRAY(writing->batch, bool, count + 3);

    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < waiting->refused_count; k++)
            marks[i] |= waiting->refused[k] == cells[i].column;
    struct jb_cell ours = { .type = JB_CELL_NUMBER, .column = writing->columns + 1, .format = UINT32_MAX, .text = jb_format(writing->batch, "%lld", (long long)waiting->row.number) };
    cells[count++] = ours;
    cells[count++] = (struct jb_cell){ .type = JB_CELL_TEXT, .column = writing->columns + 2, .format = UINT32_MAX, .text = jb_buf_str(&waiting->columns) };
    cells[count++] = (struct jb_cell){ .type = JB_CELL_TEXT, .column = writing->columns + 3, .format = UINT32_MAX, .text = jb_buf_str(&waiting->reasons) };
    writing->written++;
    return jb_sheet_writer_cells(writing->sheet, writing->scope, cells, marks, count);
}

/* Asks for the sentences of the rows that wait, and writes them. */
static bool write_waiting(struct writing *writing)
{
    struct jb_scope *asking = jb_scope_child(writing->scope, "sentences");
    int64_t rows[ROWS_AT_ONCE];

    for (size_t i = 0; i < writing->waiting_count; i++)
        rows[i] = writing->waiting[i].row.number;
    writing->found = 0;
    bool ok = jb_stage_refused_of(writing->attempt->stage, asking, rows, writing->waiting_count, take_sentence, writing) || jb_failure_pass(asking, writing->scope);
    jb_scope_end(asking);
    for (size_t i = 0; i < writing->waiting_count; i++) {
        ok = ok && write_row(writing, &writing->waiting[i]);
        jb_buf_done(&writing->waiting[i].columns);
        jb_buf_done(&writing->waiting[i].reasons);
    }
    writing->waiting_count = 0;
    jb_scope_end(writing->batch);
    writing->batch = jb_scope_child(writing->scope, "refused rows");
    return ok;
}

static bool write_rows(struct writing *writing)
{
    int64_t wanted = JB_MIN(writing->rows.count, WORKBOOK_ROWS_MAX), seen = 0;
    const struct jb__source *source;
    struct jb_sheet_row row;

    while (seen < wanted && jb__sources_next(writing->sources, writing->scope, &row, &source)) {
        if (!jb__row_set_has(&writing->rows, row.number))
            continue;
        struct waiting *waiting = &writing->waiting[writing->waiting_count++];
        *waiting = (struct waiting){ .source = source, .row = jb__row_copy(jb_scope_arena(writing->batch), &row), .columns = JB_BUF_INIT(LINES_BYTES_MAX), .reasons = JB_BUF_INIT(LINES_BYTES_MAX) };
        seen++;
        bool enough = writing->waiting_count == ROWS_AT_ONCE || jb_arena_bytes(jb_scope_arena(writing->batch)) > BYTES_AT_ONCE;
        if (enough && !write_waiting(writing))
            return false;
    }
    return write_waiting(writing) && !jb_failure(writing->scope);
}

/* A mapped column may have no heading, and stand behind all that have one. Where ours would find no room any more, only a mistake was mapped. */
static uint32_t last_mapped(const struct jb__plan *plan)
{
    uint32_t last = 0;

    for (size_t i = 0; i < plan->count; i++)
        if (plan->targets[i].column + 3 <= COLUMNS_MAX)
            last = JB_MAX(last, plan->targets[i].column);
    return last;
}

static bool write_book(struct writing *writing)
{
    struct jb_scope *scope = writing->scope;
    const struct jb__source *base = jb__sources_base(writing->sources);

    writing->columns = JB_MAX(jb__source_columns(base), last_mapped(writing->attempt->plan));
    gather_formats(writing);
    writing->sheet = jb_sheet_writer_new(scope,
        &(struct jb_sheet_writer_options){
            .format = JB_SHEET_XLSX,
            .sheet = jb_str_of(JB_L(scope, "거절된 행", "Refused rows")),
            .date1904 = jb_sheet_date1904(base->sheet),
            .formats = writing->formats,
            .format_count = writing->format_count,
        },
        write_all, &writing->fd);
    return write_head(writing) && write_rows(writing) && jb_sheet_writer_finish(writing->sheet, scope);
}

/* ---- both ---------------------------------------------------------------------------------------------------------------------------- */

static void write_blocking(void *arg)
{
    struct writing *writing = arg;
    struct jb_scope *scope = writing->scope;

    if ((writing->attempt->undecided.data && !refuse_undecided(writing)) || !write_sentences(writing) || !open_sources(writing))
        return;
    writing->fd = open(writing->path.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (writing->fd < 0) {
        jb_fail_errno(scope, errno, JB_L(scope, "%s 만들기", "making %s"), writing->path.data);
        return;
    }
    writing->batch = jb_scope_child(scope, "refused rows");
    writing->ok = write_book(writing);
    jb_scope_end(writing->batch);
    jb_sheet_writer_free(writing->sheet);
    close(writing->fd);
}

bool jb__refused_write(struct jb__attempt *attempt, struct jb_scope *scope, struct jb__ending *ending)
{
    struct jb_scope *own = jb_scope_child(scope, "refused rows");
    struct writing *writing = JB_NEW(own, struct writing);

    writing->attempt = attempt;
    writing->scope = own;
    jb_buf_init(&writing->json, ERRORS_BYTES_MAX);
    jb_language_set(own, attempt->options.language);
    writing->file = jb__result_name(own, attempt->job.id, "refused", "xlsx");
    writing->path = jb_format(own, "%s/%.*s", attempt->transfer->media_dir, JB_FMT(writing->file));
    jb_thread_call(attempt->thread, write_blocking, writing);
    bool ok = writing->ok;
    if (ok) {
        ending->errors = jb_copy(scope, jb_buf_str(&writing->json));
        ending->errors_total = writing->errors;
        ending->result = jb_copy(scope, writing->file);
    } else {
        jb__file_remove(own, writing->path);
        jb_failure_pass(own, scope);
    }
    if (writing->sources)
        jb__sources_close(writing->sources);
    jb__row_set_done(&writing->rows);
    jb_buf_done(&writing->json);
    jb_scope_end(own);
    return ok;
}
