/* read.c — the reader thread: rows of the sheet into batches, with copies of their cells, which the sheet only lends. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"
#include <stdlib.h>
#include <string.h>

static struct jb__batch_rows *batch_new(int rows)
{
    struct jb__batch_rows *batch = calloc(1, sizeof *batch);

    JB_CHECK(batch);
    jb_arena_init(&batch->arena, 0);
    batch->rows = calloc((size_t)rows, sizeof *batch->rows);
    JB_CHECK(batch->rows);
    return batch;
}

void jb__batch_free(struct jb__batch_rows *batch)
{
    if (!batch)
        return;
    jb_arena_done(&batch->arena);
    free(batch->rows);
    free(batch);
}

/* A used one, or a new one while there are few. */
static struct jb__batch_rows *batch_take(struct jb__reader *reader)
{
    void *batch;

    if (reader->batches < JB_BATCHES) {
        reader->batches++;
        return batch_new(reader->batch_rows);
    }
    return jb_channel_receive(reader->free, reader->scope, &batch) ? batch : NULL;
}

struct jb_sheet_row jb__row_copy(struct jb_arena *arena, const struct jb_sheet_row *row)
{
    struct jb_cell *cells = jb_arena_alloc_raw(arena, row->count * sizeof *cells);
    size_t bytes = 0;

    memcpy(cells, row->cells, row->count * sizeof *cells);
    for (size_t i = 0; i < row->count; i++)
        bytes += cells[i].text.size;
    char *text = jb_arena_alloc_raw(arena, bytes);
    for (size_t i = 0; i < row->count; i++) {
        if (!cells[i].text.data)
            continue;
        memcpy(text, cells[i].text.data, cells[i].text.size);
        cells[i].text.data = text;
        text += cells[i].text.size;
    }
    return (struct jb_sheet_row){ row->number, cells, row->count };
}

/* The row that was read last and belongs to the next batch, or the next one. */
static bool take_row(struct jb__reader *reader, struct jb_sheet_row *ret_row, const struct jb__source **ret_source)
{
    if (!reader->source_next)
        return jb__sources_next(reader->sources, reader->scope, ret_row, ret_source);
    *ret_row = reader->row_next;
    *ret_source = reader->source_next;
    reader->source_next = NULL;
    return true;
}

/* Fills a batch with rows of one file; *ret_more says whether there are others. */
static bool batch_fill(struct jb__reader *reader, struct jb__batch_rows *batch, bool *ret_more)
{
    const struct jb__source *source;
    struct jb_sheet_row row;
    bool more = true;

    jb_arena_rewind(&batch->arena, (struct jb_arena_mark){ 0 });
    batch->count = 0;
    while (batch->count < (size_t)reader->batch_rows && (more = take_row(reader, &row, &source))) {
        if (batch->count > 0 && source != batch->source) {
            reader->row_next = row;
            reader->source_next = source;
            break;
        }
        batch->source = source;
        batch->rows[batch->count++] = jb__row_copy(&batch->arena, &row);
        if (jb_arena_bytes(&batch->arena) > JB_BATCH_BYTES)
            break;
    }
    batch->share = jb__sources_share(reader->sources);
    *ret_more = more;
    return !jb_failure(reader->scope);
}

void jb__reader_run(void *arg)
{
    struct jb__reader *reader = arg;
    bool more = true;

    while (more && jb_continue(reader->scope)) {
        struct jb__batch_rows *batch = batch_take(reader);
        if (!batch)
            break; /* the checker has given up */
        bool ok = batch_fill(reader, batch, &more);
        if (!ok || batch->count == 0 || !jb_channel_send(reader->filled, reader->scope, batch)) {
            jb__batch_free(batch);
            break;
        }
    }
    jb_channel_close(reader->filled);
}
