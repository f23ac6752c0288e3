/* test_postgres_text.c — where in a statement a ? is a parameter. */
// SPDX-License-Identifier: Apache-2.0
#include "store/postgres_private.h"
#include "store_test.h"

#define CHECK_BECOMES(sql, want) CHECK_TEXT(jb_str_of(jb__pg_text(scope, JB_STR(sql))), want)

JB_TEST("parameters are counted from 1")
{
    CHECK_BECOMES("", "");
    CHECK_BECOMES("select 1", "select 1");
    CHECK_BECOMES("?", "$1");
    CHECK_BECOMES("a = ? and b in (?,?) or c = ?", "a = $1 and b in ($2,$3) or c = $4");
    CHECK_BECOMES("?,?,?,?,?,?,?,?,?,?", "$1,$2,$3,$4,$5,$6,$7,$8,$9,$10");
}

JB_TEST("a parameter that touches a word stays apart from it")
{
    CHECK_BECOMES("a=?and b=?limit?", "a=$1 and b=$2 limit $3");
    CHECK_BECOMES("$a? $a$ ?", "$a $1 $a$ ?");
}

JB_TEST("a ? in quotes is a sign, whatever else the quotes hold")
{
    CHECK_BECOMES("'?' || ?", "'?' || $1");
    CHECK_BECOMES("'it''s ?' || ?", "'it''s ?' || $1");
    CHECK_BECOMES("'\\' || ?", "'\\' || $1");
    CHECK_BECOMES("\"a?\"\"?\" = ?", "\"a?\"\"?\" = $1");
    CHECK_BECOMES("E'\\'?' || ?", "E'\\'?' || $1");
    CHECK_BECOMES("e'\\\\' || ? || E'''?'", "e'\\\\' || $1 || E'''?'");
    CHECK_BECOMES("'' || ?", "'' || $1");
}

JB_TEST("dollar quotes end at their own tag, and a dollar inside a word begins none")
{
    CHECK_BECOMES("$$ ? $$ || ?", "$$ ? $$ || $1");
    CHECK_BECOMES("$a$ ? $$ ? $b$ ' $a$ || ?", "$a$ ? $$ ? $b$ ' $a$ || $1");
    CHECK_BECOMES("$한글_1$ ? $한글_1$ ?", "$한글_1$ ? $한글_1$ $1");
    CHECK_BECOMES("a$b$c = ? and d$b$ = ?", "a$b$c = $1 and d$b$ = $2");
    CHECK_BECOMES("1$$?$$ = ?", "1$$?$$ = $1");
    CHECK_BECOMES("?$$?$$", "$1 $$?$$");
    CHECK_BECOMES("note = '?' and typE'?' = ?", "note = '?' and typE'?' = $1");
}

JB_TEST("comments hide a ?, also nested ones")
{
    CHECK_BECOMES("a -- ? '\n= ?", "a -- ? '\n= $1");
    CHECK_BECOMES("a /* ? */ = ?", "a /* ? */ = $1");
    CHECK_BECOMES("a /* ? /* ? */ ? */ = ?", "a /* ? /* ? */ ? */ = $1");
    CHECK_BECOMES("a - ? / ? * ?", "a - $1 / $2 * $3");
}

JB_TEST("what does not end takes the rest")
{
    CHECK_BECOMES("? 'a ?", "$1 'a ?");
    CHECK_BECOMES("? E'a ?\\", "$1 E'a ?\\");
    CHECK_BECOMES("? \"a ?", "$1 \"a ?");
    CHECK_BECOMES("? $a$ ? $a", "$1 $a$ ? $a");
    CHECK_BECOMES("? /* ? /* */", "$1 /* ? /* */");
    CHECK_BECOMES("? -- ?", "$1 -- ?");
    CHECK_BECOMES("? $a", "$1 $a");
    CHECK_BECOMES("? $", "$1 $");
}
