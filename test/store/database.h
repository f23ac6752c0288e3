/* database.h — which database the tests run on: JB_TEST_DATABASE says `sqlite` (or nothing) or `postgresql`, then on the server of JB_TEST_POSTGRES (test/pg_server.py). */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_TEST_DATABASE_H
#define JB_TEST_DATABASE_H

#include "base/scope.h"

bool test_is_sqlite(void);
/* DATABASE_URL of the test whose folder this is, the same in every process: a file in the folder, or a database named after it, made when it is not there yet. */
struct jb_str test_database_url(struct jb_scope *scope, const char *folder);
/* Who still uses it is thrown out. Nothing to do for a file: it goes with its folder. */
void test_database_drop(const char *folder);

#endif
