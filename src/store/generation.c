/* generation.c — a number per table of the main file that rises with every commit that changed its rows.
 *
 * Whoever decided something about a table outside its lock (a staged import) asks for the number again inside it: the same number means that nothing changed. SQLite's update hook
 * tells the writer which tables a transaction touched; the numbers are raised by the transaction itself, right before its commit, so they are as true as the rows. Two ways of changing rows
 * pass the hook by: `delete from t` without a where (write `where 1`), and copying one table into an empty one (jb__generation_touch). */
// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_private.h"
#include <stdlib.h>
#include <string.h>

#define TABLE "jb_generation"

void jb__touched_add(struct jb__touched *touched, const char *table)
{
    if (touched->count > 0 && strcmp(touched->names[touched->last], table) == 0)
        return;
    for (size_t i = 0; i < touched->count; i++)
        if (strcmp(touched->names[i], table) == 0) {
            touched->last = i;
            return;
        }
    if (strcmp(table, TABLE) == 0)
        return;
    touched->names = realloc(touched->names, (touched->count + 1) * sizeof *touched->names);
    JB_CHECK(touched->names);
    touched->names[touched->count] = strdup(table);
    JB_CHECK(touched->names[touched->count]);
    touched->last = touched->count++;
}

void jb__touched_clear(struct jb__touched *touched)
{
    for (size_t i = 0; i < touched->count; i++)
        free(touched->names[i]);
    free(touched->names);
    *touched = (struct jb__touched){ 0 };
}

static void on_update(void *arg, int operation, const char *schema, const char *table, sqlite3_int64 id)
{
    struct jb__connection *writer = arg;

    (void)operation, (void)id;
    if (strcmp(schema, "main") == 0)
        jb__touched_add(&writer->touched, table);
}

bool jb__generation_open(struct jb__connection *writer, struct jb_scope *scope)
{
    sqlite3_update_hook(writer->handle, on_update, writer);
    return jb__sqlite_exec(scope, writer->handle, "create table if not exists " TABLE " (name text primary key, number integer not null) without rowid");
}

bool jb__generation_write(struct jb__connection *writer, struct jb_scope *scope)
{
    bool ok = true;

    for (size_t i = 0; ok && i < writer->touched.count; i++) {
        struct jb_value name = jb_v_text(jb_str_of(writer->touched.names[i]));
        struct jb__statement raise = {
            .sql = JB_STR("insert into " TABLE " (name, number) values (?, 1) on conflict (name) do update set number = number + 1"),
            .args = &name,
            .arg_count = 1,
            .write = true,
        };
        ok = jb__execute(writer, scope, &raise);
    }
    jb__touched_clear(&writer->touched);
    return ok;
}

void jb__generation_touch(struct jb_db *db, const char *table)
{
    jb__touched_add(&jb__sqlite_of(db)->files[0].writer->touched, table);
}
