/* sources.c — the files of an import, read as if they were one. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"
#include "base/map.h"
#include <stdlib.h>
#include <string.h>

#define ROW_HEADING "행 row (job "
#define MARK_CHARS 6 /* of the file's hash: a file of another site's job 17 is told apart */

/* ---- headings ------------------------------------------------------------------------------------------------------------------ */

struct jb_str jb__refused_row_heading(struct jb_scope *scope, int64_t job, struct jb_str file_hash)
{
    struct jb_str mark = jb_str_slice(file_hash, 0, MARK_CHARS);
    return jb_format(scope, ROW_HEADING "%lld-%.*s)", (long long)job, JB_FMT(mark));
}

bool jb__refused_row_heading_read(struct jb_str heading, int64_t *ret_job, struct jb_str *ret_mark)
{
    struct jb_str rest = jb_str_trim_unicode(heading);

    if (!jb_str_starts(rest, JB_STR(ROW_HEADING)) || !jb_str_ends(rest, JB_STR(")")))
        return false;
    rest = jb_str_slice(rest, strlen(ROW_HEADING), rest.size - 1);
    struct jb_str job = jb_str_cut(&rest, '-');
    *ret_mark = rest;
    return rest.size == MARK_CHARS && jb_str_to_int64(job, ret_job);
}

/* ---- sets of rows ---------------------------------------------------------------------------------------------------------------- */

#define PAGE_ROWS 32768

void jb__row_set_done(struct jb__row_set *set)
{
    for (size_t i = 0; i < set->page_count; i++)
        free(set->pages[i]);
    free(set->pages);
    *set = (struct jb__row_set){ 0 };
}

bool jb__row_set_has(const struct jb__row_set *set, int64_t row)
{
    uint64_t page = (uint64_t)row / PAGE_ROWS, bit = (uint64_t)row % PAGE_ROWS;
    return row > 0 && page < set->page_count && set->pages[page] && (set->pages[page][bit / 64] >> bit % 64 & 1);
}

static uint64_t *page_of(struct jb__row_set *set, size_t page)
{
    if (page >= set->page_count) {
        size_t count = JB_MAX(page + 1, 2 * set->page_count);
        set->pages = realloc(set->pages, count * sizeof *set->pages);
        JB_CHECK(set->pages);
        memset(set->pages + set->page_count, 0, (count - set->page_count) * sizeof *set->pages);
        set->page_count = count;
    }
    if (!set->pages[page])
        set->pages[page] = calloc(PAGE_ROWS / 64, sizeof *set->pages[page]);
    JB_CHECK(set->pages[page]);
    return set->pages[page];
}

bool jb__row_set_add(struct jb__row_set *set, int64_t row)
{
    JB_CHECK(row > 0);
    if (jb__row_set_has(set, row))
        return false;
    uint64_t bit = (uint64_t)row % PAGE_ROWS;
    page_of(set, (size_t)(row / PAGE_ROWS))[bit / 64] |= (uint64_t)1 << bit % 64;
    set->count++;
    return true;
}

/* ---- heads ------------------------------------------------------------------------------------------------------------------------- */

static struct jb_str heading_text(const struct jb__source *source, struct jb_scope *scope, const struct jb_cell *cell)
{
    return jb_str_trim_unicode(jb__nfc(scope, jb_cell_text(source->sheet, scope, cell)));
}

static bool fail_other_job(struct jb_scope *scope, const struct jb__source *source, int64_t job, int64_t wanted)
{
    return jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’은(는) 작업 %lld의 거절된 행입니다. 작업 %lld의 파일을 받아 고치거나, 작업 %lld에 올리세요.", "%.*s holds the refused rows of job %lld. Correct the file of job %lld, or upload it to job %lld."),
        JB_FMT(source->title), (long long)job, (long long)wanted, (long long)job);
}

/* One of the three columns, or one of the upload's. */
static bool note_heading(const struct jb__sources *sources, struct jb_scope *scope, struct jb__source *source, const struct jb_cell *cell, bool *ret_ours)
{
    struct jb_str text = heading_text(source, scope, cell), mark;
    int64_t job;

    *ret_ours = true;
    if (jb__refused_row_heading_read(text, &job, &mark)) {
        source->number_column = cell->column;
        return (job == sources->job && jb_str_starts(sources->file_hash, mark)) || fail_other_job(scope, source, job, sources->job);
    }
    if (jb_str_is(text, JB_REFUSED_COLUMN))
        source->what_column = cell->column;
    else if (jb_str_is(text, JB_REFUSED_REASON))
        source->reason_column = cell->column;
    else
        *ret_ours = false;
    return true;
}

static struct jb_cell cell_copy(struct jb_scope *scope, const struct jb_cell *cell)
{
    struct jb_cell copy = *cell;
    copy.text = jb_copy(scope, cell->text);
    return copy;
}

/* A few rows for people who are asked what the columns mean. */
static void look_ahead(struct jb_scope *scope, struct jb__source *source)
{
    struct jb_sheet_row row;

    while (source->ahead_count < JB_ROWS_AHEAD && jb_sheet_next(source->sheet, scope, &row)) {
        struct jb_cell *cells = JB_NEW_ARRAY(scope, struct jb_cell, row.count + 1);
        for (size_t i = 0; i < row.count; i++)
            cells[i] = cell_copy(scope, &row.cells[i]);
        source->ahead[source->ahead_count++] = (struct jb_sheet_row){ row.number, cells, row.count };
    }
}

static bool next_row(struct jb__source *source, struct jb_scope *scope, struct jb_sheet_row *ret_row)
{
    if (source->ahead_at == source->ahead_count)
        return jb_sheet_next(source->sheet, scope, ret_row);
    *ret_row = source->ahead[source->ahead_at++];
    return true;
}

static bool fail_no_head(struct jb_scope *scope, const struct jb__source *source)
{
    return jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’: %lld행이 비어 있습니다. 머리글이 있는 행의 번호를 고르세요.", "%.*s: row %lld is empty. Choose the row that holds the headings."), JB_FMT(source->title), (long long)source->head_row);
}

/* The three are taken out of a numbered one's head. */
static bool read_head(const struct jb__sources *sources, struct jb_scope *scope, struct jb__source *source)
{
    struct jb_sheet_row row;

    do {
        if (!jb_sheet_next(source->sheet, scope, &row))
            return source->head_row > 0 && !jb_failure(scope) ? fail_no_head(scope, source) : false;
    } while (row.number < source->head_row);
    if (source->head_row > 0 && row.number > source->head_row)
        return fail_no_head(scope, source);
    struct jb_cell *cells = JB_NEW_ARRAY(scope, struct jb_cell, row.count + 1);
    source->head = (struct jb_sheet_row){ row.number, cells, 0 };
    source->column_max = row.count > 0 ? row.cells[row.count - 1].column : 0;
    for (size_t i = 0; i < row.count; i++) {
        bool ours = false;
        if (source->numbered && !note_heading(sources, scope, source, &row.cells[i], &ours))
            return false;
        if (!ours)
            cells[source->head.count++] = cell_copy(scope, &row.cells[i]);
    }
    return !source->numbered || source->number_column ||
           jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’에 머리글 ‘%.*s’이(가) 없습니다. 거절된 행의 파일을 받아 그 안에서 고치세요.", "%.*s has no heading \"%.*s\". Download the file of refused rows and correct it there."), JB_FMT(source->title),
               JB_FMT(jb__refused_row_heading(scope, sources->job, sources->file_hash)));
}

/* By column; "" where there is none. */
static struct jb_str *headings_of(const struct jb__source *source, struct jb_scope *scope, uint32_t columns)
{
    struct jb_str *headings = JB_NEW_ARRAY(scope, struct jb_str, columns + 1);

    for (uint32_t column = 0; column <= columns; column++)
        headings[column] = JB_STR("");
    for (size_t i = 0; i < source->head.count; i++)
        headings[source->head.cells[i].column] = heading_text(source, scope, &source->head.cells[i]);
    return headings;
}

static void map_to(struct jb__source *source, uint32_t column, struct jb_str *base_headings, uint32_t there)
{
    source->columns[column] = there;
    base_headings[there] = JB_STR_NULL; /* taken */
}

static bool is_ours(const struct jb__source *source, uint32_t column)
{
    return column == source->number_column || column == source->what_column || column == source->reason_column;
}

/* Where the columns of a corrected file stand in the base: at the same place when the heading is the same (also none), otherwise where another such heading is. */
static void map_columns(const struct jb__source *base, struct jb_scope *scope, struct jb__source *source)
{
    uint32_t columns = JB_MAX(source->column_max, base->column_max); /* beyond the base's last heading values may stand */
    struct jb_str *theirs = headings_of(source, scope, columns), *ours = headings_of(base, scope, columns);
    struct jb_map left;

    source->columns = JB_NEW_ARRAY(scope, uint32_t, source->column_max + 1);
    for (uint32_t column = 1; column <= source->column_max; column++)
        if (!is_ours(source, column) && !is_ours(base, column) && jb_str_equal(theirs[column], ours[column]))
            map_to(source, column, ours, column);
    jb_map_init(&left);
    for (uint32_t column = 1; column <= base->column_max; column++)
        if (ours[column].size > 0)
            jb_map_put(&left, ours[column], &ours[column]);
    for (uint32_t column = 1; column <= source->column_max; column++) {
        struct jb_str *there = source->columns[column] || theirs[column].size == 0 ? NULL : jb_map_remove(&left, theirs[column]);
        if (there)
            map_to(source, column, ours, (uint32_t)(there - ours));
    }
    jb_map_done(&left);
}

/* ---- opening ----------------------------------------------------------------------------------------------------------------------- */

const struct jb__source *jb__sources_base(const struct jb__sources *sources)
{
    return &sources->at[sources->count - 1];
}

uint32_t jb__source_columns(const struct jb__source *source)
{
    return source->head.count > 0 ? source->head.cells[source->head.count - 1].column : 0;
}

static bool open_one(struct jb__sources *sources, struct jb_scope *scope, struct jb__source *source)
{
    source->sheet = jb_sheet_open(scope, source->path, source->title, &source->options);
    if (!source->sheet)
        return false;
    sources->bytes_total += jb_sheet_progress(source->sheet).bytes_total;
    return read_head(sources, scope, source);
}

static bool fail_empty(struct jb_scope *scope, const struct jb__source *source)
{
    return jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’이(가) 비어 있습니다. 거절된 행의 파일을 받아 그 안에서 고치세요.", "%.*s is empty. Download the file of refused rows and correct it there."), JB_FMT(source->title));
}

bool jb__sources_open(struct jb__sources *sources, struct jb_scope *scope)
{
    struct jb__source *base = &sources->at[sources->count - 1];

    sources->current = 0;
    if (!open_one(sources, scope, base))
        return false;
    if (base->looks_ahead)
        look_ahead(scope, base);
    if (jb_failure(scope))
        return false;
    for (size_t i = 0; i + 1 < sources->count; i++) {
        if (!open_one(sources, scope, &sources->at[i]))
            return jb_failure(scope) ? false : fail_empty(scope, &sources->at[i]);
        map_columns(base, scope, &sources->at[i]);
    }
    return true;
}

void jb__sources_close(struct jb__sources *sources)
{
    for (size_t i = 0; i < sources->count; i++) {
        jb_sheet_close(sources->at[i].sheet);
        sources->at[i].sheet = NULL;
    }
    jb__row_set_done(&sources->taken);
    free(sources->cells);
    sources->cells = NULL;
    sources->cell_capacity = 0;
}

/* ---- rows ---------------------------------------------------------------------------------------------------------------------------- */

static const struct jb_cell *cell_at(const struct jb_sheet_row *row, uint32_t column)
{
    for (size_t i = 0; i < row->count; i++)
        if (row->cells[i].column == column)
            return &row->cells[i];
    return NULL;
}

static bool number_of_cell(const struct jb_cell *cell, int64_t *ret_number)
{
    struct jb_decimal number;

    if (cell && cell->type == JB_CELL_TEXT)
        return jb_str_to_int64(jb_str_trim_unicode(cell->text), ret_number) && *ret_number > 0;
    if (!cell || cell->type != JB_CELL_NUMBER || !jb_cell_decimal(cell, &number))
        return false;
    number = jb_decimal_trim(number);
    *ret_number = number.units;
    return number.scale == 0 && number.units > 0;
}

/* Which row of the upload it stands for; 0: it has neither a number nor anything else. */
static bool number_of(const struct jb__source *source, struct jb_scope *scope, const struct jb_sheet_row *row, int64_t *ret_number)
{
    const struct jb_cell *cell = cell_at(row, source->number_column);
    bool empty = true;

    if (number_of_cell(cell, ret_number))
        return true;
    for (size_t i = 0; i < row->count && empty; i++)
        empty = row->cells[i].column > source->column_max || !source->columns || !source->columns[row->cells[i].column];
    *ret_number = 0;
    return (empty && !cell) || jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’ %lld행: ‘행 row’ 칸에 번호가 없습니다. 받은 파일의 번호를 그대로 두고, 새 행은 따로 가져오세요.", "%.*s, row %lld: there is no number in the column \"행 row\". Leave the numbers as they were, and import new rows by themselves."), JB_FMT(source->title), (long long)row->number);
}

int jb__by_column(const void *a, const void *b)
{
    const struct jb_cell *left = a, *right = b;
    return (left->column > right->column) - (left->column < right->column);
}

/* The cells in the base's columns; what the base does not have is left out. */
static void remap(struct jb__sources *sources, const struct jb__source *source, struct jb_sheet_row *row)
{
    size_t count = 0;
    bool sorted = true;

    if (sources->cell_capacity < row->count) {
        free(sources->cells);
        sources->cell_capacity = row->count;
        sources->cells = malloc(row->count * sizeof *sources->cells);
        JB_CHECK(sources->cells);
    }
    for (size_t i = 0; i < row->count; i++) {
        uint32_t column = row->cells[i].column <= source->column_max ? source->columns[row->cells[i].column] : 0;
        if (!column)
            continue;
        sources->cells[count] = row->cells[i];
        sources->cells[count].column = column;
        sorted = sorted && (count == 0 || sources->cells[count - 1].column < column);
        count++;
    }
    if (!sorted)
        qsort(sources->cells, count, sizeof *sources->cells, jb__by_column);
    row->cells = sources->cells;
    row->count = count;
}

/* The next row of this file that no newer one stands for. */
static bool next_of(struct jb__sources *sources, struct jb_scope *scope, struct jb__source *source, struct jb_sheet_row *ret_row)
{
    bool base = source == jb__sources_base(sources);

    while (next_row(source, scope, ret_row)) {
        if (source->numbered && !number_of(source, scope, ret_row, &ret_row->number))
            return false;
        if (ret_row->number == 0 || jb__row_set_has(&sources->taken, ret_row->number))
            continue;
        if (!base) {
            jb__row_set_add(&sources->taken, ret_row->number);
            remap(sources, source, ret_row);
        }
        return true;
    }
    return false;
}

bool jb__sources_next(struct jb__sources *sources, struct jb_scope *scope, struct jb_sheet_row *ret_row, const struct jb__source **ret_source)
{
    while (sources->current < sources->count) {
        struct jb__source *source = &sources->at[sources->current];
        if (next_of(sources, scope, source, ret_row)) {
            *ret_source = source;
            return true;
        }
        if (jb_failure(scope))
            return false;
        sources->bytes_before += jb_sheet_progress(source->sheet).bytes_total;
        sources->current++;
    }
    return false;
}

double jb__sources_share(const struct jb__sources *sources)
{
    int64_t read = sources->bytes_before;

    if (sources->current < sources->count)
        read += jb_sheet_progress(sources->at[sources->current].sheet).bytes_read;
    return sources->bytes_total > 0 ? (double)read / (double)sources->bytes_total : 0;
}

/* ---- verifying ----------------------------------------------------------------------------------------------------------------------- */

static bool brings(const struct jb__source *source, uint32_t column)
{
    for (uint32_t i = 1; i <= source->column_max; i++)
        if (source->columns[i] == column)
            return true;
    return false;
}

bool jb__sources_check(const struct jb__sources *sources, struct jb_scope *scope, const struct jb__plan *plan)
{
    for (size_t i = 0; i + 1 < sources->count; i++)
        for (size_t k = 0; k < plan->count; k++)
            if (plan->targets[k].column && !brings(&sources->at[i], plan->targets[k].column))
                return jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’에 ‘%.*s’ 열이 없습니다. 거절된 행의 파일을 받아 열은 그대로 두고 값만 고치세요.", "%.*s has no column \"%.*s\". Download the file of refused rows, and correct values without taking columns out."),
                    JB_FMT(sources->at[i].title), JB_FMT(plan->targets[k].heading));
    return true;
}

/* What the numbers of a file are held against. */
struct numbers {
    struct jb__row_set known;
    struct jb__row_set seen; /* of the file that is verified */
    bool verifying;
};

static bool take_number(struct numbers *numbers, struct jb_scope *scope, const struct jb__source *source, int64_t number, int64_t line)
{
    if (!numbers->verifying) {
        jb__row_set_add(&numbers->known, number);
        return true;
    }
    if (!jb__row_set_has(&numbers->known, number))
        return jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’ %lld행: 올린 파일의 %lld행은 거절된 행이 아닙니다. 이미 반영되었거나 번호가 바뀌었습니다. 거절된 행의 파일을 다시 받아 고치세요.", "%.*s, row %lld: row %lld of the upload is not among the refused ones. It has been applied, or the number was altered. Download the file of refused rows again and correct that."),
            JB_FMT(source->title), (long long)line, (long long)number);
    return jb__row_set_add(&numbers->seen, number) ||
           jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’ %lld행: 번호 %lld이(가) 두 번 있습니다. 하나만 남기고, 새 행은 따로 가져오세요.", "%.*s, row %lld: the number %lld stands twice. Keep one, and import new rows by themselves."), JB_FMT(source->title), (long long)line, (long long)number);
}

/* All numbers of one file, by a reader of its own. */
static bool read_numbers(const struct jb__sources *sources, struct jb_scope *scope, const struct jb__source *of, struct numbers *numbers)
{
    struct jb__source source = { .path = of->path, .title = of->title, .options = of->options, .numbered = true, .columns = of->columns, .column_max = of->column_max };
    struct jb_sheet_row row;
    int64_t number;
    bool ok = true;

    source.sheet = jb_sheet_open(scope, source.path, source.title, &source.options);
    if (!source.sheet)
        return false;
    ok = read_head(sources, scope, &source);
    while (ok && jb_sheet_next(source.sheet, scope, &row)) {
        ok = number_of(&source, scope, &row, &number) && (number == 0 || take_number(numbers, scope, &source, number, row.number));
        if (ok && !jb_continue(scope))
            ok = false;
    }
    jb_sheet_close(source.sheet);
    return ok && !jb_failure(scope);
}

bool jb__sources_verify(const struct jb__sources *sources, struct jb_scope *scope, const char *refused_path)
{
    struct jb__source refused = { .path = refused_path, .title = JB_STR("refused.xlsx") };
    struct numbers numbers = { 0 };
    bool needed = false, ok;

    for (size_t i = 0; i + 1 < sources->count; i++)
        needed |= !sources->at[i].verified;
    ok = !needed || read_numbers(sources, scope, &refused, &numbers);
    for (size_t i = sources->count - 1; ok && needed && i-- > 0;) { /* the oldest first: those before it are known by then */
        numbers.verifying = !sources->at[i].verified;
        ok = read_numbers(sources, scope, &sources->at[i], &numbers);
        jb__row_set_done(&numbers.seen); /* a later one may say the same rows again */
    }
    jb__row_set_done(&numbers.known);
    jb__row_set_done(&numbers.seen);
    return ok;
}

/* ---- recognising ------------------------------------------------------------------------------------------------------------------------ */

bool jb__sources_foreign(const struct jb__source *source, struct jb_scope *scope, int64_t *ret_job)
{
    struct jb_str mark;

    for (size_t i = 0; i < source->head.count; i++)
        if (jb__refused_row_heading_read(heading_text(source, scope, &source->head.cells[i]), ret_job, &mark))
            return true;
    return false;
}
