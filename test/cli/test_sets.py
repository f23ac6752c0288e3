# SPDX-License-Identifier: Apache-2.0
"""An import works by sets: how many statements it takes on PostgreSQL depends on its batches, never on its rows."""
import os

from conftest import psql
from test_commands import HEAD, line


def calls(site, table):
    """Statements on the table so far."""
    text = f"select coalesce(sum(calls), 0) from pg_stat_statements s join pg_database d on d.oid = s.dbid where d.datname = '{site.database}' and s.query ilike '%{table}%'"
    return int(psql(os.environ["JB_TEST_POSTGRES"], text))


def statements(site, table, *words):
    before = calls(site, table)
    result = site.json("import", *words)
    return result, calls(site, table) - before


def test_new_and_existing_rows_of_one_file_take_fewer_statements_than_two_a_batch(site):
    """All at once; batch by batch each batch is looked at, compared, met and written by its own: six at most."""
    site.csv("a.csv", HEAD, *(line(n) for n in range(10000)))
    site.run("import", "cash.cashbook", "a.csv")
    for cost, a_batch, words in ((2000, 2, []), (3000, 6, ["--on-error", "skip"])):
        site.csv("b.csv", HEAD, *(line(n, expense=str(cost)) for n in range(10000)), *(line(n) for n in range(cost * 10, cost * 10 + 10000)))
        result, count = statements(site, "cashbook", "cash.cashbook", "b.csv", *words)
        assert (result["new"], result["changed"], result["unchanged"], result["batches"]) == (10000, 10000, 0, 20)
        assert 0 < count <= a_batch * result["batches"] + 10 * (a_batch > 2), count


def test_what_rows_refer_to_is_looked_up_once_a_batch(site):
    site.csv("p.csv", "code,name", *(f"P-{n},a project" for n in range(1000)))
    site.run("import", "cash.project", "p.csv")
    counts = []
    for rows in (100, 1000):
        site.csv("a.csv", HEAD + ",project", *(line(n) + f",P-{n}" for n in range(rows)))
        result, count = statements(site, "projects", "cash.projectcashbook", "a.csv", "--batch-rows", "1000")
        assert result["new"] + result["unchanged"] == rows and result["batches"] == 1
        counts.append(count)
    assert counts[1] <= counts[0] and counts[0] > 0, counts
