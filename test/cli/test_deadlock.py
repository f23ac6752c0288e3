# SPDX-License-Identifier: Apache-2.0
"""Somebody closes a month and changes rows in one transaction while a sheet changes the same rows: the server ends the deadlock, the sheet is compared again, and nobody loses anything.
(SQLite has one writer at a time, so this cannot happen there.)"""
import subprocess

from conftest import HANG_SECONDS, wait_until
from test_commands import HEAD, line

ROWS = 12000  # the merge goes by chunks of 5,000
FIRST_IS_LOCKED = "select count(*) from (select from cashbook where external_ref = 'CB-0' for update skip locked) r"
SOMEBODY_WAITS = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like 'update cashbook set memo%'"
DEADLOCKS = "select deadlocks from pg_stat_database where datname = current_database()"


def close_beside(site, month):
    """Closes a month and changes a row while the sheet's rows are being written; both are waiting for each other then. The import's exit status."""
    site.csv("before.csv", HEAD, *(line(n) for n in range(ROWS)))
    site.run("import", "cash.cashbook", "before.csv")
    site.csv("a.csv", HEAD, *(line(n, memo="by sheet") for n in range(ROWS)))
    before = site.number(DEADLOCKS)
    sheet = site.start("import", "cash.cashbook", "a.csv", JANGBU_FAULTS="transfer/import/merge_chunk=sleep:3000*1@1")
    wait_until(lambda: site.number(FIRST_IS_LOCKED) == 0)
    person = subprocess.Popen(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", site.environment["DATABASE_URL"]], stdin=subprocess.PIPE, text=True)
    person.stdin.write("set deadlock_timeout = '1h';\n"  # so it is the import that looks for a deadlock first, and is ended
                       f"begin; insert into closed_months (month, closed_at) values ('{month}', now());\n"
                       "update cashbook set memo = 'by hand' where external_ref = 'CB-0';\ncommit;\n")
    person.stdin.close()
    wait_until(lambda: site.number(SOMEBODY_WAITS) == 1)
    assert person.wait(HANG_SECONDS) == 0
    status = sheet.wait(HANG_SECONDS)
    wait_until(lambda: site.number(DEADLOCKS) == before + 1)
    with open(sheet.log, encoding="utf-8") as log:
        return status, log.read()


def test_another_month_is_closed(site):
    status, _ = close_beside(site, "2020-01-01")
    assert status == 0
    assert site.rows("select memo, count(*) from cashbook group by 1") == [("by sheet", ROWS)]


def test_the_months_own_rows_are_refused(site):
    status, said = close_beside(site, "2026-11-01")
    assert status == 3 and "2026-11" in said, said
    assert sorted(site.rows("select coalesce(memo, ''), count(*) from cashbook group by 1")) == [("", ROWS - 1), ("by hand", 1)]
