# SPDX-License-Identifier: Apache-2.0
"""The PostgreSQL server is killed while a sheet goes in, and comes back: the table holds exactly the sheet's rows, and nothing is left behind."""
import os
import re
import subprocess
import sys

import pytest
import requests

from conftest import PSQL, Site, wait_until
from test_api import form_token, person, sign_in
from test_commands import HEAD, line

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from pg_server import Cluster  # noqa: E402

ROWS = 12000
LOADING = "select count(*) from pg_locks l join pg_class c on c.oid = l.relation where c.relnamespace = to_regnamespace('jb_stage') and l.mode = 'RowExclusiveLock' and l.pid <> pg_backend_pid()"
MERGING = "select count(*) from pg_locks l join pg_class c on c.oid = l.relation where c.relname = 'cashbook' and l.mode = 'RowExclusiveLock' and l.pid <> pg_backend_pid()"
IN_A_GROUP = "select count(*) from pg_locks l join pg_class c on c.oid = l.relation join pg_stat_activity a on a.pid = l.pid where c.relname = 'import_marks' and l.mode = 'RowExclusiveLock' and a.state = 'idle in transaction' and now() - a.state_change > interval '0.3 s'"
BETWEEN = "select count(*) from import_marks where position > 1 and not done"


@pytest.fixture
def server():
    with Cluster(durable=True) as cluster:
        yield cluster.primary


@pytest.fixture
def site(tmp_path, server, monkeypatch):
    monkeypatch.setenv("JB_TEST_POSTGRES", server.url())
    made = Site(tmp_path)
    made.environment["UNDO_DAYS"] = "0"  # what an undo would need is not what was left behind
    made.run("migrate")
    made.csv("a.csv", HEAD, *(line(n) for n in range(ROWS)))
    yield made
    made.end_processes()


def crash(server):
    server.kill()
    server.start()


def tables_left(site):
    return site.number("select count(*) from pg_class where relnamespace = to_regnamespace('jb_stage') and relkind = 'r'")


def check_all_are_in(site):
    """What an attempt could not remove without a server is swept when the next worker starts."""
    assert site.number("select count(*) from cashbook") == ROWS
    assert site.number("select count(distinct external_ref) from cashbook") == ROWS
    site.start("worker")
    wait_until(lambda: site.left_in("spool") == [] and tables_left(site) == 0)


@pytest.mark.parametrize("words, fault, reached", [
    ((), "transfer/import/batch=sleep:3000*1@3", LOADING),
    ((), "transfer/import/merge_chunk=sleep:3000*1@1", MERGING),
    (("--on-error", "skip"), "transfer/import/group=sleep:3000*1@1", BETWEEN),
    (("--on-error", "skip"), "transfer/import/merge_chunk=sleep:3000*1@1", IN_A_GROUP),
], ids=["loading", "merging", "between groups", "in a group"])
def test_an_import_goes_on_after_the_server_was_killed(site, server, words, fault, reached):
    worker = site.start("worker", LEASE_SECONDS="3", JANGBU_FAULTS=fault)
    job = str(site.json("import", "cash.cashbook", "a.csv", "--background", *words)["job"])
    wait_until(lambda: site.number(reached) > 0)
    crash(server)
    result = site.json("jobs", "wait", job)
    assert (result["status"], result["new"], result["refused"]) == ("done", ROWS, 0), result
    assert worker.poll() is None
    site.stop(worker)
    check_all_are_in(site)


def test_a_preview_that_stood_ready_is_confirmed_after_the_server_was_killed(site, server):
    person(site, "clerk", "cash.view_cashbook", "cash.add_cashbook", "cash.change_cashbook", "cash.import_cashbook")
    address = site.serve("up")
    session = sign_in(address, "clerk")
    token = form_token(session.get(address + "/admin/cash/cashbook/import/", timeout=30))
    with open(site.path("a.csv"), "rb") as sheet:
        answer = session.post(address + "/admin/cash/cashbook/import/", files={"csrfmiddlewaretoken": (None, token), "file": ("a.csv", sheet)}, timeout=60)
    job = re.search(r"/admin/jobs/(\d+)/", answer.url)
    wait_until(lambda: f'action="{job.group(0)}confirm/"' in session.get(address + job.group(0), timeout=30).text)
    crash(server)
    wait_until(lambda: f'action="{job.group(0)}confirm/"' in session.get(address + job.group(0), timeout=30).text)
    assert session.post(address + job.group(0) + "confirm/", data={"csrfmiddlewaretoken": token}, timeout=30).status_code == 200
    result = site.json("jobs", "wait", job.group(1))
    assert (result["status"], result["new"]) == ("done", ROWS), result
    site.stop(site.processes[0])
    check_all_are_in(site)


@pytest.mark.parametrize("server_too", [False, True])
def test_a_migrate_that_is_killed_inside_an_index_build_is_finished_by_the_next(site, server_too):
    (name, definition), = site.rows("select indexname, indexdef from pg_indexes where tablename = 'cashbook' and indexdef like '%category, date%'")
    site.sql(f'drop index "{name}"')
    before = reader(site)  # an old transaction, for which the build waits
    try:
        migrate = site.start("migrate")
        building = "select count(*) from pg_stat_activity where query like 'CREATE INDEX CONCURRENTLY%' and wait_event_type = 'Lock'"
        wait_until(lambda: site.number(building) == 1)
        migrate.kill()
        migrate.wait()
        if server_too:
            site.sql("select pg_terminate_backend(pid) from pg_stat_activity where query like 'CREATE INDEX CONCURRENTLY%'")
            wait_until(lambda: site.number(building) == 0)
            assert site.number(f"select count(*) from pg_index i join pg_class c on c.oid = i.indexrelid where c.relname = '{name}' and not indisvalid") == 1
    finally:
        before.stdin.close()
        before.wait()
    site.run("migrate")
    site.run("migrate", "--check")
    assert site.rows(f"select indexdef from pg_indexes where indexname = '{name}'") == [(definition,)]
    assert site.number("select count(*) from pg_index where not indisvalid") == 0


def reader(site):
    """Somebody who has read the table and stays in the transaction until their input ends."""
    process = subprocess.Popen([PSQL, "-XAtq", "-d", site.environment["DATABASE_URL"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdin.write("begin isolation level repeatable read; lock table cashbook in row exclusive mode; select 'reads';\n")
    process.stdin.flush()
    assert process.stdout.readline() == "reads\n"
    return process
