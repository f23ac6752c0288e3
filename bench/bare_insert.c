/* bare_insert.c — the fastest plain way to fill the cash book: one connection, one transaction, one prepared insert, rows ready in memory.
 *
 *     bare_insert SOURCE.db TARGET.db CACHE_KIB     prints {"rows":…,"seconds":…,"cpu":…}
 *
 * The target has the table and its indexes already (jangbu migrate). Reading the rows is not measured. */
// SPDX-License-Identifier: Apache-2.0
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define COLUMNS 10
#define SELECT "select external_ref, date, description, category, account, income, expense, counterparty, evidence, memo from cashbook order by id"
#define INSERT "insert into cashbook (external_ref, date, description, category, account, income, expense, counterparty, evidence, memo) values (?,?,?,?,?,?,?,?,?,?)"

struct cell {
    char *text; /* NULL: number, or null when size is -1 */
    long long number;
    int size;
};

static void die(sqlite3 *db, const char *what)
{
    fprintf(stderr, "bare_insert: %s: %s\n", what, sqlite3_errmsg(db));
    exit(1);
}

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct cell take(sqlite3_stmt *statement, int column)
{
    struct cell cell = { NULL, 0, -1 };

    if (sqlite3_column_type(statement, column) == SQLITE_INTEGER) {
        cell.number = sqlite3_column_int64(statement, column);
        cell.size = 0;
    } else if (sqlite3_column_type(statement, column) == SQLITE_TEXT) {
        cell.size = sqlite3_column_bytes(statement, column);
        cell.text = malloc((size_t)cell.size + 1);
        memcpy(cell.text, sqlite3_column_text(statement, column), (size_t)cell.size + 1);
    }
    return cell;
}

static struct cell *read_rows(const char *path, size_t *ret_rows)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    struct cell *cells = NULL;
    size_t rows = 0, capacity = 0;

    if (sqlite3_open(path, &db) != SQLITE_OK || sqlite3_prepare_v2(db, SELECT, -1, &statement, NULL) != SQLITE_OK)
        die(db, path);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        if (rows == capacity) {
            capacity = capacity ? 2 * capacity : 1024;
            cells = realloc(cells, capacity * COLUMNS * sizeof *cells);
        }
        for (int i = 0; i < COLUMNS; i++)
            cells[rows * COLUMNS + (size_t)i] = take(statement, i);
        rows++;
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
    *ret_rows = rows;
    return cells;
}

static void bind(sqlite3_stmt *statement, int column, const struct cell *cell)
{
    if (cell->text)
        sqlite3_bind_text(statement, column, cell->text, cell->size, SQLITE_STATIC);
    else if (cell->size < 0)
        sqlite3_bind_null(statement, column);
    else
        sqlite3_bind_int64(statement, column, cell->number);
}

int main(int argc, char **argv)
{
    sqlite3 *db;
    sqlite3_stmt *insert;
    char settings[200];
    size_t rows;

    if (argc != 4)
        return 2;
    struct cell *cells = read_rows(argv[1], &rows);
    if (sqlite3_open(argv[2], &db) != SQLITE_OK)
        die(db, argv[2]);
    snprintf(settings, sizeof settings, "pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on; pragma wal_autocheckpoint = 20000; pragma cache_size = -%s", argv[3]);
    if (sqlite3_exec(db, settings, NULL, NULL, NULL) != SQLITE_OK || sqlite3_prepare_v2(db, INSERT, -1, &insert, NULL) != SQLITE_OK)
        die(db, "opening");
    double began = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    if (sqlite3_exec(db, "begin immediate", NULL, NULL, NULL) != SQLITE_OK)
        die(db, "begin");
    for (size_t row = 0; row < rows; row++) {
        for (int i = 0; i < COLUMNS; i++)
            bind(insert, i + 1, &cells[row * COLUMNS + (size_t)i]);
        if (sqlite3_step(insert) != SQLITE_DONE)
            die(db, "insert");
        sqlite3_reset(insert);
    }
    if (sqlite3_exec(db, "commit", NULL, NULL, NULL) != SQLITE_OK)
        die(db, "commit");
    printf("{\"rows\":%zu,\"seconds\":%.3f,\"cpu\":%.3f}\n", rows, seconds(CLOCK_MONOTONIC) - began, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    return 0;
}
