/* export_lxw.c — the cash book of a PostgreSQL database as a workbook by libxlsxwriter with constant_memory: what bench/run export-pg compares with.
 *
 *     export_lxw URL FILE     prints rows and seconds; texts as texts, dates as dates, amounts as numbers with formats, a frozen bold head */
// SPDX-License-Identifier: Apache-2.0
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xlsxwriter.h>

#define COLUMNS "external_ref, date - date '1899-12-30', description, category, account, income, expense, counterparty, evidence, memo"
#define IS_NUMBER(column) ((column) == 1 || (column) == 5 || (column) == 6)

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void die(PGconn *connection)
{
    fprintf(stderr, "export_lxw: %s\n", PQerrorMessage(connection));
    exit(1);
}

/* A row of COPY's text; nothing in the cash book's sample rows is escaped. */
static void write_row(lxw_worksheet *sheet, lxw_row_t number, char *line, lxw_format *day, lxw_format *amount)
{
    lxw_col_t column = 0;

    for (char *cell = line; cell; column++) {
        char *end = strpbrk(cell, "\t\n");
        char separator = *end;
        *end = '\0';
        if (IS_NUMBER(column))
            worksheet_write_number(sheet, number, column, strtod(cell, NULL), column == 1 ? day : amount);
        else if (strcmp(cell, "\\N") != 0)
            worksheet_write_string(sheet, number, column, cell, NULL);
        cell = separator == '\t' ? end + 1 : NULL;
    }
}

int main(int count, char **words)
{
    if (count != 3)
        return 2;
    double start = now();
    PGconn *connection = PQconnectdb(words[1]);
    PGresult *result = PQexec(connection, "copy (select " COLUMNS " from cashbook order by id) to stdout");
    if (PQresultStatus(result) != PGRES_COPY_OUT)
        die(connection);
    PQclear(result);
    lxw_workbook_options options = { .constant_memory = LXW_TRUE };
    lxw_workbook *book = workbook_new_opt(words[2], &options);
    lxw_worksheet *sheet = workbook_add_worksheet(book, NULL);
    lxw_format *bold = workbook_add_format(book), *day = workbook_add_format(book), *amount = workbook_add_format(book);
    format_set_bold(bold);
    format_set_num_format(day, "yyyy-mm-dd");
    format_set_num_format(amount, "#,##0.00");
    worksheet_freeze_panes(sheet, 1, 0);
    char head[] = "external_ref\tdate\tdescription\tcategory\taccount\tincome\texpense\tcounterparty\tevidence\tmemo", *cell = head;
    for (lxw_col_t column = 0; column < 10; column++)
        worksheet_write_string(sheet, 0, column, strsep(&cell, "\t"), bold);
    lxw_row_t rows = 0;
    for (char *line; PQgetCopyData(connection, &line, 0) > 0; PQfreemem(line))
        write_row(sheet, ++rows, line, day, amount);
    if (workbook_close(book) != LXW_NO_ERROR)
        return 1;
    PQfinish(connection);
    printf("%u %.3f\n", rows, now() - start);
    return 0;
}
